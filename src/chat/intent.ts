/**
 * What a person asks for by a button: a closed union, with one codec for callback data.
 * At most 64 bytes (Telegram's limit, the narrowest), immutable ids in base 36, never list positions. Decoding only says
 * what was asked; whether they may is checked by the operation, on every use.
 */
import { paymentMethods, type PaymentMethod } from '#domain/payments.ts'
import { languages, type Language } from '#domain/people.ts'
import { catalogueCodes, type CatalogueIntent } from './catalogue-codes.ts'
import { keptCodes, type KeptIntent } from './kept-codes.ts'
import { filterNames, searchCodes, type SearchIntent } from './search-codes.ts'
import { sorts } from '#domain/search-query.ts'

export type Intent =
  | { do: 'home' }
  | { do: 'ask-search' }
  | { do: 'categories' }
  | { do: 'category'; categoryId: number }
  | { do: 'results'; searchId: number; page: number }
  | { do: 'product'; productId: number }
  | { do: 'variant'; productId: number; variantId: number }
  | { do: 'variants'; productId: number; page: number }
  | { do: 'buy-alone'; variantId: number }
  | { do: 'buy-together'; variantId: number }
  | { do: 'join'; groupId: number }
  /** `formerId` 0: not with the same people again. */
  | { do: 'together-as'; variantId: number; units: number; formerId: number }
  /** `variantId` 0 is the leader's option; `units` 0 are still to be chosen, or stay as they were. */
  | { do: 'join-as'; groupId: number; variantId: number; units: number }
  | { do: 'group-options'; groupId: number; page: number }
  /** Of a group of one's own that is not paid for; `units` 0 stay as they were. */
  | { do: 'own-options'; orderId: number; page: number }
  | { do: 'own-units'; orderId: number }
  | { do: 'own-as'; orderId: number; variantId: number; units: number }
  | { do: 'group-picture'; groupId: number }
  | { do: 'group'; groupId: number }
  | { do: 'again'; groupId: number; variantId: number }
  | { do: 'pay-for'; seatId: number }
  | { do: 'friend-pay'; token: string }
  | { do: 'ask-friend'; orderId: number }
  | { do: 'wait'; groupId: number }
  | { do: 'leave-line'; groupId: number }
  | { do: 'city'; cityCode: number }
  | { do: 'point'; pointCode: string }
  | { do: 'change-delivery'; orderId: number }
  | { do: 'orders' }
  | { do: 'order'; orderId: number }
  | { do: 'pay-again'; orderId: number }
  | { do: 'cancel-order'; orderId: number }
  | { do: 'cancel-paid'; orderId: number }
  | { do: 'choose-group'; orderId: number; groupId: number }
  | { do: 'choose-own'; orderId: number }
  | { do: 'choose-back'; orderId: number }
  | { do: 'ways'; orderId: number }
  | { do: 'pay-by'; orderId: number; method: PaymentMethod }
  | { do: 'promise'; orderId: number }
  | { do: 'story'; orderId: number }
  | { do: 'return'; orderId: number }
  | { do: 'return-line'; orderId: number; lineId: number }
  | { do: 'ask-return'; orderId: number; lineId: number; quantity: number }
  | { do: 'language' }
  | { do: 'set-language'; language: Language }
  | { do: 'shops' }
  | { do: 'shop'; sellerId: number }
  | { do: 'shop-products'; sellerId: number; page: number }
  | { do: 'post-offer'; productId: number }
  | { do: 'publish'; channelId: number; productId: number; isGroupOffer: number; draft: string }
  | { do: 'give-channel'; channelId: number; sellerId: number }
  | SearchIntent
  | ShopMoneyIntent
  | CampaignIntent
  | KeptIntent
  | CatalogueIntent

/** Orders and money, for a shop's people. */
export type ShopMoneyIntent =
  | { do: 'shop-orders'; sellerId: number; page: number }
  | { do: 'shop-order'; orderId: number }
  | { do: 'shop-money'; sellerId: number }
  | { do: 'shop-money-file'; sellerId: number }
  | { do: 'payment-settings'; sellerId: number }
  | { do: 'offer-method'; sellerId: number; method: PaymentMethod; isOn: number }
  | { do: 'ask-door-groups'; sellerId: number }
  | { do: 'door-groups'; sellerId: number; isOn: number }
  | { do: 'door-limit'; sellerId: number }
  | { do: 'no-door-limit'; sellerId: number }
  | { do: 'refund'; orderId: number }
  | { do: 'refund-line'; orderId: number; lineId: number }
  | { do: 'refund-lines'; orderId: number; lineId: number; quantity: number }
  | { do: 'refund-rest'; orderId: number }
  | { do: 'refund-other'; orderId: number }
  /** `token` makes two taps on one confirming button the same refund. */
  | { do: 'refund-lines-now'; orderId: number; lineId: number; quantity: number; token: string }
  | { do: 'refund-amount-now'; orderId: number; amount: bigint; token: string }
  | { do: 'answer-return'; moveId: string; agrees: number; isSure: number }
  | { do: 'refund-made'; moveId: string; isSure: number }

/** Terms for buying together, for a shop's people. */
export type CampaignIntent =
  | { do: 'campaigns'; sellerId: number; page: number }
  | { do: 'campaign'; campaignId: number }
  | { do: 'campaign-by'; campaignId: number }
  | { do: 'campaign-edit'; campaignId: number }
  | { do: 'campaign-end'; campaignId: number; isSure: number }
  | { do: 'campaign-products'; sellerId: number; page: number }
  | { do: 'campaign-kinds'; productId: number }
  | { do: 'campaign-new'; productId: number; kind: CampaignKind }
  | { do: 'filling'; sellerId: number; page: number }
  /** `before`: how many the shop had filled when the button was shown. */
  | { do: 'fill'; groupId: number; seats: number; before: number; isSure: number }
  /** `part` 0 has the main terms, 1 the others. */
  | { do: 'draft'; draftId: number; part: number }
  | { do: 'draft-ask'; draftId: number; term: TermName }
  | { do: 'draft-set'; draftId: number; term: TermName; value: number }
  | { do: 'draft-city'; draftId: number; cityCode: number }
  | { do: 'draft-preview'; draftId: number }
  | { do: 'draft-publish'; draftId: number; version: number }

export const campaignKinds = ['team', 'ladder'] as const
export type CampaignKind = (typeof campaignKinds)[number]

/** They stand in buttons as they are: for ever, like the codes. */
export const termNames = [
  'prices',
  'size',
  'minimum',
  'lifetime',
  'start',
  'end',
  'kind',
  'audience',
  'options',
  'units',
  'thanks',
  'cities',
  'aside',
] as const
export type TermName = (typeof termNames)[number]

type Field = 'number' | 'amount' | 'word' | 'uuid' | 'language' | 'method' | 'kind' | 'term' | 'filter' | 'sort'
type FieldsOf<D extends Intent['do']> = Record<Exclude<keyof Extract<Intent, { do: D }>, 'do'>, Field>

/** Codes are for ever: buttons sent years ago carry them. A code that is given up is never used again. */
const codes: { [D in Intent['do']]: { code: string; fields: FieldsOf<D> } } = {
  ...catalogueCodes,
  home: { code: 'h', fields: {} },
  'ask-search': { code: 's', fields: {} },
  categories: { code: 'c', fields: {} },
  category: { code: 'cc', fields: { categoryId: 'number' } },
  results: { code: 'r', fields: { searchId: 'number', page: 'number' } },
  product: { code: 'p', fields: { productId: 'number' } },
  variant: { code: 'v', fields: { productId: 'number', variantId: 'number' } },
  variants: { code: 'vv', fields: { productId: 'number', page: 'number' } },
  'buy-alone': { code: 'b', fields: { variantId: 'number' } },
  'buy-together': { code: 't', fields: { variantId: 'number' } },
  join: { code: 'j', fields: { groupId: 'number' } },
  'together-as': { code: 'tt', fields: { variantId: 'number', units: 'number', formerId: 'number' } },
  'join-as': { code: 'jj', fields: { groupId: 'number', variantId: 'number', units: 'number' } },
  'group-options': { code: 'go', fields: { groupId: 'number', page: 'number' } },
  'own-options': { code: 'to', fields: { orderId: 'number', page: 'number' } },
  'own-units': { code: 'tu', fields: { orderId: 'number' } },
  'own-as': { code: 'ta', fields: { orderId: 'number', variantId: 'number', units: 'number' } },
  'group-picture': { code: 'gi', fields: { groupId: 'number' } },
  group: { code: 'g', fields: { groupId: 'number' } },
  again: { code: 'ga', fields: { groupId: 'number', variantId: 'number' } },
  'pay-for': { code: 'gp', fields: { seatId: 'number' } },
  'friend-pay': { code: 'gf', fields: { token: 'word' } },
  'ask-friend': { code: 'of', fields: { orderId: 'number' } },
  wait: { code: 'jw', fields: { groupId: 'number' } },
  'leave-line': { code: 'jl', fields: { groupId: 'number' } },
  city: { code: 'dc', fields: { cityCode: 'number' } },
  point: { code: 'dp', fields: { pointCode: 'word' } },
  'change-delivery': { code: 'dd', fields: { orderId: 'number' } },
  orders: { code: 'o', fields: {} },
  order: { code: 'oo', fields: { orderId: 'number' } },
  'pay-again': { code: 'op', fields: { orderId: 'number' } },
  'cancel-order': { code: 'oc', fields: { orderId: 'number' } },
  'cancel-paid': { code: 'ox', fields: { orderId: 'number' } },
  'choose-group': { code: 'xg', fields: { orderId: 'number', groupId: 'number' } },
  'choose-own': { code: 'xo', fields: { orderId: 'number' } },
  'choose-back': { code: 'xb', fields: { orderId: 'number' } },
  ways: { code: 'ow', fields: { orderId: 'number' } },
  'pay-by': { code: 'om', fields: { orderId: 'number', method: 'method' } },
  promise: { code: 'od', fields: { orderId: 'number' } },
  story: { code: 'os', fields: { orderId: 'number' } },
  return: { code: 'or', fields: { orderId: 'number' } },
  'return-line': { code: 'ol', fields: { orderId: 'number', lineId: 'number' } },
  'ask-return': { code: 'oq', fields: { orderId: 'number', lineId: 'number', quantity: 'number' } },
  language: { code: 'l', fields: {} },
  'set-language': { code: 'll', fields: { language: 'language' } },
  shops: { code: 'm', fields: {} },
  shop: { code: 'mm', fields: { sellerId: 'number' } },
  'shop-products': { code: 'mp', fields: { sellerId: 'number', page: 'number' } },
  'post-offer': { code: 'mo', fields: { productId: 'number' } },
  // `mx` is given up: it named no draft.
  publish: { code: 'mk', fields: { channelId: 'number', productId: 'number', isGroupOffer: 'number', draft: 'word' } },
  'give-channel': { code: 'mc', fields: { channelId: 'number', sellerId: 'number' } },
  ...searchCodes,
  ...keptCodes,
  'shop-orders': { code: 'ml', fields: { sellerId: 'number', page: 'number' } },
  'shop-order': { code: 'mv', fields: { orderId: 'number' } },
  'shop-money': { code: 'mb', fields: { sellerId: 'number' } },
  'shop-money-file': { code: 'mf', fields: { sellerId: 'number' } },
  'payment-settings': { code: 'ms', fields: { sellerId: 'number' } },
  'offer-method': { code: 'mt', fields: { sellerId: 'number', method: 'method', isOn: 'number' } },
  'ask-door-groups': { code: 'mh', fields: { sellerId: 'number' } },
  'door-groups': { code: 'mg', fields: { sellerId: 'number', isOn: 'number' } },
  'door-limit': { code: 'md', fields: { sellerId: 'number' } },
  'no-door-limit': { code: 'mu', fields: { sellerId: 'number' } },
  refund: { code: 'f', fields: { orderId: 'number' } },
  'refund-line': { code: 'fl', fields: { orderId: 'number', lineId: 'number' } },
  'refund-lines': { code: 'fq', fields: { orderId: 'number', lineId: 'number', quantity: 'number' } },
  'refund-rest': { code: 'fr', fields: { orderId: 'number' } },
  'refund-other': { code: 'fo', fields: { orderId: 'number' } },
  // `fc` and `fb` are given up: what banks take back is written down by the operator, by `npm run money`.
  'refund-lines-now': {
    code: 'fn',
    fields: { orderId: 'number', lineId: 'number', quantity: 'number', token: 'word' },
  },
  'refund-amount-now': { code: 'fa', fields: { orderId: 'number', amount: 'amount', token: 'word' } },
  'answer-return': { code: 'fy', fields: { moveId: 'uuid', agrees: 'number', isSure: 'number' } },
  'refund-made': { code: 'fm', fields: { moveId: 'uuid', isSure: 'number' } },
  campaigns: { code: 'k', fields: { sellerId: 'number', page: 'number' } },
  campaign: { code: 'kk', fields: { campaignId: 'number' } },
  'campaign-by': { code: 'kb', fields: { campaignId: 'number' } },
  'campaign-edit': { code: 'ke', fields: { campaignId: 'number' } },
  'campaign-end': { code: 'kx', fields: { campaignId: 'number', isSure: 'number' } },
  'campaign-products': { code: 'kp', fields: { sellerId: 'number', page: 'number' } },
  'campaign-kinds': { code: 'kn', fields: { productId: 'number' } },
  'campaign-new': { code: 'kw', fields: { productId: 'number', kind: 'kind' } },
  filling: { code: 'kf', fields: { sellerId: 'number', page: 'number' } },
  fill: { code: 'kt', fields: { groupId: 'number', seats: 'number', before: 'number', isSure: 'number' } },
  draft: { code: 'kd', fields: { draftId: 'number', part: 'number' } },
  'draft-ask': { code: 'kq', fields: { draftId: 'number', term: 'term' } },
  'draft-set': { code: 'ks', fields: { draftId: 'number', term: 'term', value: 'number' } },
  'draft-city': { code: 'kc', fields: { draftId: 'number', cityCode: 'number' } },
  'draft-preview': { code: 'kv', fields: { draftId: 'number' } },
  'draft-publish': { code: 'ku', fields: { draftId: 'number', version: 'number' } },
}

const byCode = new Map(Object.entries(codes).map(([name, { code, fields }]) => [code, { name, fields }]))

/** @throws when it would not fit into 64 bytes: a defect of ours. */
export function intentToAct(intent: Intent): string {
  const { code, fields } = codes[intent.do]
  const values = Object.keys(fields).map((field) => {
    const value: unknown = intent[field as keyof Intent]
    return typeof value === 'number' || typeof value === 'bigint' ? value.toString(36) : String(value)
  })
  const act = [code, ...values].join('.')
  if (Buffer.byteLength(act) > 64) throw new Error(`callback data over 64 bytes: ${act}`)
  return act
}

/** @returns undefined for anything that this codec has not written: forged, or from another bot's life. */
export function actToIntent(act: string): Intent | undefined {
  const [code = '', ...values] = act.split('.')
  const found = byCode.get(code)
  const fields = Object.entries<Field>(found?.fields ?? {})
  if (!found || fields.length !== values.length) return undefined
  const intent: Record<string, unknown> = { do: found.name }
  for (const [at, [name, field]] of fields.entries()) {
    const value = parseField(field, values[at] ?? '')
    if (value === undefined) return undefined
    intent[name] = value
  }
  return intent as Intent
}

function parseField(field: Field, value: string): string | number | bigint | undefined {
  switch (field) {
    case 'number':
      return tokenToId(value)
    case 'amount':
      // Nine digits of base 36 are below what a number holds exactly.
      return /^[0-9a-z]{1,9}$/.test(value) ? BigInt(Number.parseInt(value, 36)) : undefined
    case 'uuid':
      return /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/.test(value) ? value : undefined
    case 'kind':
      return campaignKinds.find((kind) => kind === value)
    case 'filter':
      return filterNames.find((filter) => filter === value)
    case 'sort':
      return sorts.find((sort) => sort === value)
    case 'term':
      return termNames.find((term) => term === value)
    case 'method':
      return paymentMethods.find((method) => method === value)
    case 'word':
      return /^[A-Za-z0-9_-]{1,40}$/.test(value) ? value : undefined
    case 'language':
      return languages.find((language) => language === value)
  }
}

/** An id as it stands in buttons and links, base 36. @returns undefined for what no row of ours can have. */
export function tokenToId(token: string): number | undefined {
  const id = /^[0-9a-z]{1,6}$/.test(token) ? Number.parseInt(token, 36) : Number.NaN
  return id <= 2_147_483_647 ? id : undefined
}
