/** The buttons of what people keep of the catalogue, ask about it and say of it. */

/** What people keep of the catalogue, ask about it and say of it. */
export type KeptIntent =
  /** The rest is what the page shows: see `View` of product-options. */
  | {
      do: 'favourite'
      productId: number
      isOn: number
      variantId: number
      photo: number
      searchId: number
      page: number
    }
  | { do: 'favourites'; page: number }
  | { do: 'favourites-less'; page: number }
  | { do: 'favourite-less'; productId: number; page: number }
  | { do: 'tell-no-more'; productId: number }
  | { do: 'seen'; page: number }
  | { do: 'buy-again'; orderId: number }
  | { do: 'questions'; productId: number; page: number }
  | { do: 'ask-question'; productId: number }
  | { do: 'answer-question'; questionId: number }
  | { do: 'shop-questions'; sellerId: number; page: number }
  | { do: 'rate'; orderId: number; stars: number }
  | { do: 'rate-page'; orderId: number }

/** Codes are for ever, as all of `intent.ts`. */
export const keptCodes = {
  favourite: {
    code: 'wf',
    fields: {
      productId: 'number',
      isOn: 'number',
      variantId: 'number',
      photo: 'number',
      searchId: 'number',
      page: 'number',
    },
  },
  favourites: { code: 'wl', fields: { page: 'number' } },
  'favourites-less': { code: 'wm', fields: { page: 'number' } },
  'favourite-less': { code: 'wx', fields: { productId: 'number', page: 'number' } },
  'tell-no-more': { code: 'wn', fields: { productId: 'number' } },
  seen: { code: 'ws', fields: { page: 'number' } },
  'buy-again': { code: 'wb', fields: { orderId: 'number' } },
  questions: { code: 'wv', fields: { productId: 'number', page: 'number' } },
  'ask-question': { code: 'wq', fields: { productId: 'number' } },
  'answer-question': { code: 'wa', fields: { questionId: 'number' } },
  'shop-questions': { code: 'wp', fields: { sellerId: 'number', page: 'number' } },
  rate: { code: 'wr', fields: { orderId: 'number', stars: 'number' } },
  'rate-page': { code: 'we', fields: { orderId: 'number' } },
} as const satisfies { [D in KeptIntent['do']]: object }

export function isKeptIntent(intent: { do: string }): intent is KeptIntent {
  return Object.hasOwn(keptCodes, intent.do)
}
