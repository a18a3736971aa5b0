import { isDeepStrictEqual } from 'node:util'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { actToIntent, intentToAct, tokenToId, type Intent } from '#chat/intent.ts'

const maxId = 2_147_483_647
const id = fc.oneof(fc.constantFrom(0, 1, 35, 36, maxId), fc.nat(maxId))
const method = fc.constantFrom('card', 'sbp', 'invoice', 'on-delivery')
const amount = fc.bigInt({ min: 0n, max: 36n ** 9n - 1n })
const token = fc.stringMatching(/^[A-Za-z0-9_-]{16}$/)

/** As they stand in buttons that were sent: one that is missing here or there is a button that does nothing. */
const term = fc.constantFrom(
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
)

const word = fc.stringMatching(/^[A-Za-z0-9_-]{1,40}$/)

const fields: {
  [D in Intent['do']]: { [F in Exclude<keyof Extract<Intent, { do: D }>, 'do'>]: fc.Arbitrary<unknown> }
} = {
  home: {},
  'ask-search': {},
  categories: {},
  category: { categoryId: id },
  results: { searchId: id, page: id },
  product: { productId: id },
  variant: { productId: id, variantId: id },
  variants: { productId: id, page: id },
  'buy-alone': { variantId: id },
  'buy-together': { variantId: id },
  join: { groupId: id },
  'together-as': { variantId: id, units: id, formerId: id },
  'join-as': { groupId: id, variantId: id, units: id },
  'group-options': { groupId: id, page: id },
  'own-options': { orderId: id, page: id },
  'own-units': { orderId: id },
  'own-as': { orderId: id, variantId: id, units: id },
  'group-picture': { groupId: id },
  group: { groupId: id },
  again: { groupId: id, variantId: id },
  'pay-for': { seatId: id },
  'friend-pay': { token },
  'ask-friend': { orderId: id },
  wait: { groupId: id },
  'leave-line': { groupId: id },
  city: { cityCode: id },
  point: { pointCode: word },
  'change-delivery': { orderId: id },
  orders: {},
  order: { orderId: id },
  'pay-again': { orderId: id },
  'cancel-order': { orderId: id },
  'cancel-paid': { orderId: id },
  'choose-group': { orderId: id, groupId: id },
  'choose-own': { orderId: id },
  'choose-back': { orderId: id },
  ways: { orderId: id },
  'pay-by': { orderId: id, method },
  promise: { orderId: id },
  story: { orderId: id },
  return: { orderId: id },
  'return-line': { orderId: id, lineId: id },
  'ask-return': { orderId: id, lineId: id, quantity: id },
  language: {},
  'set-language': { language: fc.constantFrom('ru', 'en', 'zh') },
  shops: {},
  shop: { sellerId: id },
  'shop-products': { sellerId: id, page: id },
  'post-offer': { productId: id },
  publish: { channelId: id, productId: id, isGroupOffer: fc.constantFrom(0, 1), draft: word },
  'give-channel': { channelId: id, sellerId: id },
  'shop-orders': { sellerId: id, page: id },
  'shop-order': { orderId: id },
  'shop-money': { sellerId: id },
  'shop-money-file': { sellerId: id },
  'payment-settings': { sellerId: id },
  'offer-method': { sellerId: id, method, isOn: fc.constantFrom(0, 1) },
  'ask-door-groups': { sellerId: id },
  'door-groups': { sellerId: id, isOn: fc.constantFrom(0, 1) },
  'door-limit': { sellerId: id },
  'no-door-limit': { sellerId: id },
  refund: { orderId: id },
  'refund-line': { orderId: id, lineId: id },
  'refund-lines': { orderId: id, lineId: id, quantity: id },
  'refund-rest': { orderId: id },
  'refund-other': { orderId: id },
  'refund-lines-now': { orderId: id, lineId: id, quantity: id, token },
  'refund-amount-now': { orderId: id, amount, token },
  'answer-return': { moveId: fc.uuid(), agrees: fc.constantFrom(0, 1), isSure: fc.constantFrom(0, 1) },
  'refund-made': { moveId: fc.uuid(), isSure: fc.constantFrom(0, 1) },
  campaigns: { sellerId: id, page: id },
  campaign: { campaignId: id },
  'campaign-by': { campaignId: id },
  'campaign-edit': { campaignId: id },
  'campaign-end': { campaignId: id, isSure: fc.constantFrom(0, 1) },
  'campaign-products': { sellerId: id, page: id },
  'campaign-kinds': { productId: id },
  'campaign-new': { productId: id, kind: fc.constantFrom('team', 'ladder') },
  filling: { sellerId: id, page: id },
  fill: { groupId: id, seats: id, before: id, isSure: fc.constantFrom(0, 1) },
  draft: { draftId: id, part: fc.constantFrom(0, 1) },
  'draft-ask': { draftId: id, term },
  'draft-set': { draftId: id, term, value: id },
  'draft-city': { draftId: id, cityCode: id },
  'draft-preview': { draftId: id },
  'draft-publish': { draftId: id, version: id },
}
const names = Object.keys(fields) as Intent['do'][]
const intentNamed = (name: Intent['do']) =>
  fc.record({ do: fc.constant(name), ...fields[name] }, { noNullPrototype: true }) as fc.Arbitrary<Intent>
const anyIntent = fc.constantFrom(...names).chain(intentNamed)

test.each(names)('%s survives the way into a button and back, in at most 64 bytes', (name) => {
  fc.assert(
    fc.property(intentNamed(name), (intent) => {
      const act = intentToAct(intent)
      expect(Buffer.byteLength(act)).toBeLessThanOrEqual(64)
      expect(actToIntent(act)).toEqual(intent)
    }),
    { numRuns: 50 },
  )
})

test('no two intents share an act', () => {
  fc.assert(
    fc.property(anyIntent, anyIntent, (one, other) => {
      expect(intentToAct(one) === intentToAct(other)).toBe(isDeepStrictEqual(one, other))
    }),
  )
})

test('the codes of buttons that were sent stay what they are', () => {
  const acts = names.map((name) => [name, fc.sample(intentNamed(name), 1).map(intentToAct)[0]?.split('.')[0]])
  expect(Object.fromEntries(acts)).toEqual({
    home: 'h',
    'ask-search': 's',
    categories: 'c',
    category: 'cc',
    results: 'r',
    product: 'p',
    variant: 'v',
    variants: 'vv',
    'buy-alone': 'b',
    'buy-together': 't',
    join: 'j',
    'together-as': 'tt',
    'join-as': 'jj',
    'group-options': 'go',
    'own-options': 'to',
    'own-units': 'tu',
    'own-as': 'ta',
    'group-picture': 'gi',
    group: 'g',
    wait: 'jw',
    'leave-line': 'jl',
    again: 'ga',
    'pay-for': 'gp',
    'friend-pay': 'gf',
    'ask-friend': 'of',
    city: 'dc',
    point: 'dp',
    'change-delivery': 'dd',
    orders: 'o',
    order: 'oo',
    'pay-again': 'op',
    'cancel-order': 'oc',
    'cancel-paid': 'ox',
    'choose-group': 'xg',
    'choose-own': 'xo',
    'choose-back': 'xb',
    ways: 'ow',
    'pay-by': 'om',
    promise: 'od',
    story: 'os',
    return: 'or',
    'return-line': 'ol',
    'ask-return': 'oq',
    language: 'l',
    'set-language': 'll',
    shops: 'm',
    shop: 'mm',
    'shop-products': 'mp',
    'post-offer': 'mo',
    // `mx` was publish without the key of its draft.
    publish: 'mk',
    'give-channel': 'mc',
    'shop-orders': 'ml',
    'shop-order': 'mv',
    'shop-money': 'mb',
    'shop-money-file': 'mf',
    'payment-settings': 'ms',
    'offer-method': 'mt',
    'ask-door-groups': 'mh',
    'door-groups': 'mg',
    'door-limit': 'md',
    'no-door-limit': 'mu',
    refund: 'f',
    'refund-line': 'fl',
    'refund-lines': 'fq',
    'refund-rest': 'fr',
    'refund-other': 'fo',
    'refund-lines-now': 'fn',
    'refund-amount-now': 'fa',
    'answer-return': 'fy',
    'refund-made': 'fm',
    campaigns: 'k',
    campaign: 'kk',
    'campaign-by': 'kb',
    'campaign-edit': 'ke',
    'campaign-end': 'kx',
    'campaign-products': 'kp',
    'campaign-kinds': 'kn',
    'campaign-new': 'kw',
    filling: 'kf',
    fill: 'kt',
    draft: 'kd',
    'draft-ask': 'kq',
    'draft-set': 'ks',
    'draft-city': 'kc',
    'draft-preview': 'kv',
    'draft-publish': 'ku',
  })
})

test.each([
  '',
  '.',
  'h.',
  'h.1',
  'x',
  'H',
  ' h',
  'h\n',
  'p',
  'p.',
  'p.1.2',
  'p.-1',
  'p.A',
  'p. 1',
  'p.１',
  'p.zik0zk', // one more than the largest id
  'p.zzzzzzz',
  'p.1'.repeat(40),
  'll.de',
  'll.constructor',
  'dp.',
  'dp.a b',
  'dp.<b>',
  `dp.${'a'.repeat(41)}`,
  'om.1.cash',
  'kw.1.pyramid',
  'kq.1.constructor',
  'ks.1.size',
  'ks.1.price.1',
  'om.1.constructor',
  'fm.1.1',
  'fm.00000000-0000-0000-0000-00000000000g.1',
  'fm.00000000-0000-0000-0000-00000000000A.1',
  'fa.1.-1.aaaaaaaaaaaaaaaa',
  'fa.1.1000000000.aaaaaaaaaaaaaaaa', // one digit more than an amount has
  'fa.1.1.',
  'constructor',
  '__proto__',
  'toString',
  'hasOwnProperty.1',
  '__proto__.1',
  'home',
  '{"do":"home"}',
  '\0',
  '🦊',
  '😀'.repeat(16),
])('%j is no button of ours', (act) => {
  expect(actToIntent(act)).toBeUndefined()
})

test('garbage is refused or is an intent that can be written again', () => {
  const garbage = fc.oneof(
    fc.string({ unit: 'binary', maxLength: 80 }),
    fc.string({ unit: fc.constantFrom(...'hsocprvbtjgdlmx.0129az'.split('')) }),
  )
  fc.assert(
    fc.property(garbage, (act) => {
      const intent = actToIntent(act)
      expect(intent && actToIntent(intentToAct(intent))).toEqual(intent)
    }),
    { numRuns: 500 },
  )
})

test('data over 64 bytes is a defect, not a cut button', () => {
  expect(() => intentToAct({ do: 'point', pointCode: 'я'.repeat(31) })).toThrow('over 64 bytes')
})

test('an id in a link is in base 36 and one that a row can have', () => {
  expect(tokenToId('1z')).toBe(71)
  expect(tokenToId('zik0zj')).toBe(maxId)
  expect(['zik0zk', 'zzzzzz', 'z'.repeat(40), '', '-1', 'A'].map(tokenToId)).toEqual(Array.from({ length: 6 }))
})
