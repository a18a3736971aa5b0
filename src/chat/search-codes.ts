/** The buttons of looking for goods and at them. */
import type { Sort } from '#domain/search-query.ts'

/** Looking for goods and at them. `searchId` 0: not from a search; `variantId` 0: whichever is there. */
export type SearchIntent =
  /** `photo` counts from 1; 0 is the one that shows the variant. */
  | { do: 'look'; productId: number; variantId: number; photo: number; searchId: number; page: number }
  /** `kind`: which of a variant's options is changed. */
  | {
      do: 'look-options'
      productId: number
      variantId: number
      kind: number
      at: number
      searchId: number
      page: number
    }
  | { do: 'about'; productId: number; variantId: number; at: number; searchId: number; page: number }
  /** They are eighteen, and what they were asked for: a group's page if `groupId` is one. */
  | { do: 'adult'; productId: number; variantId: number; groupId: number }
  | { do: 'not-adult' }
  | { do: 'branches'; categoryId: number; page: number }
  | { do: 'whole-category'; categoryId: number }
  | { do: 'filters'; searchId: number }
  | { do: 'filter-list'; searchId: number; filter: FilterName }
  /** The pages of that list after its first. */
  | { do: 'filter-page'; searchId: number; filter: FilterName; page: number }
  /** `value` 0 takes the choice back. */
  | { do: 'filter-set'; searchId: number; filter: FilterName; value: number }
  /** `to` 0: no upper end. */
  | { do: 'filter-price'; searchId: number; from: bigint; to: bigint }
  | { do: 'filter-reset'; searchId: number }
  | { do: 'sorts'; searchId: number }
  | { do: 'sort'; searchId: number; sort: Sort }
  | { do: 'verbatim'; searchId: number; isOn: number }

/** They stand in buttons as they are: for ever, like the codes. */
export const filterNames = ['category', 'brand', 'price', 'days', 'together', 'near'] as const
export type FilterName = (typeof filterNames)[number]

/** Codes are for ever, as all of `intent.ts`. */
export const searchCodes = {
  look: {
    code: 'el',
    fields: { productId: 'number', variantId: 'number', photo: 'number', searchId: 'number', page: 'number' },
  },
  'look-options': {
    code: 'eo',
    fields: {
      productId: 'number',
      variantId: 'number',
      kind: 'number',
      at: 'number',
      searchId: 'number',
      page: 'number',
    },
  },
  about: {
    code: 'ea',
    fields: { productId: 'number', variantId: 'number', at: 'number', searchId: 'number', page: 'number' },
  },
  adult: { code: 'ey', fields: { productId: 'number', variantId: 'number', groupId: 'number' } },
  'not-adult': { code: 'en', fields: {} },
  branches: { code: 'eb', fields: { categoryId: 'number', page: 'number' } },
  'whole-category': { code: 'ec', fields: { categoryId: 'number' } },
  filters: { code: 'ef', fields: { searchId: 'number' } },
  'filter-list': { code: 'ek', fields: { searchId: 'number', filter: 'filter' } },
  'filter-page': { code: 'eq', fields: { searchId: 'number', filter: 'filter', page: 'number' } },
  'filter-set': { code: 'es', fields: { searchId: 'number', filter: 'filter', value: 'number' } },
  'filter-price': { code: 'ep', fields: { searchId: 'number', from: 'amount', to: 'amount' } },
  'filter-reset': { code: 'er', fields: { searchId: 'number' } },
  sorts: { code: 'et', fields: { searchId: 'number' } },
  sort: { code: 'eu', fields: { searchId: 'number', sort: 'sort' } },
  verbatim: { code: 'ev', fields: { searchId: 'number', isOn: 'number' } },
} as const satisfies { [D in SearchIntent['do']]: object }

export function isSearchIntent(intent: { do: string }): intent is SearchIntent {
  return Object.hasOwn(searchCodes, intent.do)
}
