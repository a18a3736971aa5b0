/** What a search is asked for beside its words. It is stored with the search, so that buttons carry a number only. */

import type { Words } from './people.ts'

/** Each narrows; missing ones do not. Prices in minor units of roubles, as all prices that filters are offered for. */
export type Filters = {
  categoryId?: number
  brandId?: number
  priceFrom?: number
  /** Up to and with. */
  priceTo?: number
  /** Only what can be bought together for less. */
  together?: true
  /** Only what lies in this person's own city. */
  near?: true
  /** At their pickup point within so many days. */
  withinDays?: number
}

/** Of what filters name by number only. */
export type FilterNames = { category?: Words; brand?: string }

export const sorts = ['best', 'cheap', 'dear', 'new', 'rated', 'popular'] as const
export type Sort = (typeof sorts)[number]

/** Who searches: what is near, what is promised to them, and what they may see. */
export type Searcher = { cityCode: number | undefined; isAdult: boolean }

/** Why others than asked for are shown: said above the results. `asked` is what was typed, `shown` what was searched. */
export type Repair = { asked: string; shown: string }

/**
 * - `category`: nothing was found; this is what sells in the nearest category.
 * - `relaxed`: nothing has all the words; these have `kept`, without `dropped`.
 */
export type WayOn = { kind: 'category'; categoryId: number } | { kind: 'relaxed'; kept: string; dropped: string }
