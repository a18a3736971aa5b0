import { isDeepStrictEqual } from 'node:util'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { actToIntent, intentToAct, tokenToId, type Intent } from '#chat/intent.ts'

const maxId = 2_147_483_647
const id = fc.oneof(fc.constantFrom(0, 1, 35, 36, maxId), fc.nat(maxId))

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
  group: { groupId: id },
  city: { cityCode: id },
  point: { pointCode: word },
  'change-delivery': { orderId: id },
  orders: {},
  order: { orderId: id },
  'pay-again': { orderId: id },
  'cancel-order': { orderId: id },
  language: {},
  'set-language': { language: fc.constantFrom('ru', 'en', 'zh') },
  shops: {},
  shop: { sellerId: id },
  'shop-products': { sellerId: id, page: id },
  'post-offer': { productId: id },
  publish: { channelId: id, productId: id, isGroupOffer: fc.constantFrom(0, 1), draft: word },
  'give-channel': { channelId: id, sellerId: id },
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
    group: 'g',
    city: 'dc',
    point: 'dp',
    'change-delivery': 'dd',
    orders: 'o',
    order: 'oo',
    'pay-again': 'op',
    'cancel-order': 'oc',
    language: 'l',
    'set-language': 'll',
    shops: 'm',
    shop: 'mm',
    'shop-products': 'mp',
    'post-offer': 'mo',
    // `mx` was publish without the key of its draft.
    publish: 'mk',
    'give-channel': 'mc',
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
