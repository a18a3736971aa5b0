import fc from 'fast-check'
import { expect, test } from 'vitest'
import {
  feeOf,
  postEarned,
  postingKinds,
  postPaidOut,
  postReturned,
  postTaken,
  type Account,
  type Entry,
} from '#domain/ledger.ts'

const parties = { personId: 7, sellerId: 3, provider: 'yookassa' }
const anyAmount = fc.bigInt({ min: 1n, max: 10n ** 12n })
const anyCost = fc.bigInt({ min: 0n, max: 10n ** 12n })
const anyRate = fc.integer({ min: 0, max: 10_000 })

const sumOf = (entries: readonly Entry[]): bigint => entries.reduce((sum, { amount }) => sum + amount, 0n)
const balance = (entries: readonly Entry[], kind: Account['kind']): bigint =>
  sumOf(entries.filter(({ account }) => account.kind === kind))
const goodsIn = (amount: bigint, delivery: bigint): bigint => (delivery < amount ? amount - delivery : 0n)

/** What every posting keeps, whatever it is about: it sums to zero, has entries, and none of them is empty. */
function isSound(entries: readonly Entry[]): boolean {
  return sumOf(entries) === 0n && entries.length >= 2 && entries.every(({ amount }) => amount !== 0n)
}

test('every posting sums to zero and has no empty entry', () => {
  const anyReturn = fc.record({ goods: anyCost, feeBasisPoints: anyRate, returned: anyCost })
  fc.assert(
    fc.property(
      anyAmount,
      anyCost,
      anyRate,
      fc.constantFrom('provider' as const, 'seller' as const),
      fc.option(anyReturn, { nil: undefined }),
      (amount, delivery, rate, from, earned) => {
        expect(isSound(postTaken(parties, amount))).toBe(true)
        expect(isSound(postEarned(parties, amount, delivery, rate))).toBe(true)
        expect(isSound(postReturned(parties, amount, from, earned))).toBe(true)
        expect(isSound(postPaidOut(parties.sellerId, amount))).toBe(true)
      },
    ),
  )
})

test('what is earned is what was paid: the seller, the fee and delivery share it, and nobody pays', () => {
  fc.assert(
    fc.property(anyAmount, anyCost, anyRate, (amount, delivery, rate) => {
      const entries = postEarned(parties, amount, delivery, rate)
      expect(balance(entries, 'buyer')).toBe(amount)
      for (const kind of ['seller', 'fee', 'delivery'] as const) expect(balance(entries, kind) <= 0n).toBe(true)
      expect(balance(entries, 'delivery')).toBe(delivery < amount ? -delivery : -amount)
    }),
  )
})

/** A payment, parts that go back before and after the goods were handed over, and what is left paid out. */
const anyLife = fc.record({
  paid: anyAmount,
  delivery: anyCost,
  rate: anyRate,
  before: fc.array(fc.integer({ min: 0, max: 1000 }), { maxLength: 4 }),
  after: fc.array(fc.integer({ min: 0, max: 1000 }), { maxLength: 6 }),
  isWhole: fc.boolean(),
  from: fc.constantFrom('provider' as const, 'seller' as const),
})

function live({
  paid,
  delivery,
  rate,
  before,
  after,
  isWhole,
  from,
}: typeof anyLife extends fc.Arbitrary<infer T> ? T : never) {
  const books = [...postTaken(parties, paid)]
  let left = paid
  const giveBack = (amount: bigint, earned: Parameters<typeof postReturned>[3]): void => {
    if (amount === 0n) return
    const entries = postReturned(parties, amount, from, earned)
    expect(isSound(entries)).toBe(true)
    books.push(...entries)
    left -= amount
  }
  for (const perMille of before) giveBack((left * BigInt(perMille)) / 1000n, undefined)
  const earned = left
  if (earned === 0n) return { books, earned, left, goods: 0n }
  books.push(...postEarned(parties, earned, delivery, rate))
  const goods = goodsIn(earned, delivery)
  const terms = () => ({ goods, feeBasisPoints: rate, returned: earned - left })
  for (const perMille of after) giveBack((left * BigInt(perMille)) / 1000n, terms())
  if (isWhole) giveBack(left, terms())
  return { books, earned, left, goods }
}

test('however money goes back, in whatever parts and before or after the hand-over, every balance is right', () => {
  fc.assert(
    fc.property(anyLife, (life) => {
      const { books, earned, left, goods } = live(life)
      expect(sumOf(books)).toBe(0n)
      // Nothing is owed to the buyer once they have their goods or their money.
      expect(balance(books, 'buyer')).toBe(0n)
      // What lies with the provider is what was paid and did not go back from there.
      expect(balance(books, 'provider')).toBe(life.from === 'seller' ? life.paid : left)
      // The fee is that on the goods that were kept: never taken on what went back, never given back twice.
      const returned = earned - left
      const feeKept = feeOf(goods, life.rate) - feeOf(returned < goods ? returned : goods, life.rate)
      expect(-balance(books, 'fee')).toBe(feeKept)
      expect(feeKept >= 0n).toBe(true)
      expect(-balance(books, 'delivery')).toBe(earned - goods)
    }),
    { numRuns: 300 },
  )
})

test('when all goes back, the platform has earned nothing and the seller bears the delivery', () => {
  fc.assert(
    fc.property(anyLife, (life) => {
      const { books, earned, goods } = live({ ...life, isWhole: true })
      expect(balance(books, 'fee')).toBe(0n)
      // What its people laid out themselves they are owed.
      const laidOut = life.from === 'seller' ? life.paid : 0n
      expect(balance(books, 'seller')).toBe(earned - goods - laidOut)
    }),
  )
})

test('a return in many small parts costs the platform as much fee as one whole return', () => {
  const terms = { goods: 1000n, feeBasisPoints: 333 }
  let returned = 0n
  let fee = 0n
  for (; returned < 1000n; returned += 10n) {
    fee += balance(postReturned(parties, 10n, 'provider', { ...terms, returned }), 'fee')
  }
  expect(fee).toBe(33n)
  expect(fee).toBe(balance(postReturned(parties, 1000n, 'provider', { ...terms, returned: 0n }), 'fee'))
})

test('no fee comes back on delivery, because none was taken on it', () => {
  const earned = postEarned(parties, 1500n, 500n, 1000)
  expect(balance(earned, 'fee')).toBe(-100n)
  const back = postReturned(parties, 1500n, 'provider', { goods: 1000n, feeBasisPoints: 1000, returned: 0n })
  expect(balance(back, 'fee')).toBe(100n)
  expect(balance(back, 'seller')).toBe(1400n)
})

test('a payout empties what the seller had earned', () => {
  const books = [...postTaken(parties, 1000n), ...postEarned(parties, 1000n, 0n, 500), ...postPaidOut(3, 950n)]
  expect(balance(books, 'seller')).toBe(0n)
  expect(balance(books, 'bank')).toBe(-950n)
  expect(balance(books, 'fee')).toBe(-50n)
})

test('a refund by hand leaves the money at the provider and is owed to the seller whose people sent it', () => {
  const books = [...postTaken(parties, 1000n), ...postReturned(parties, 1000n, 'seller', undefined)]
  expect(balance(books, 'provider')).toBe(1000n)
  expect(balance(books, 'seller')).toBe(-1000n)
  expect(balance(books, 'buyer')).toBe(0n)
})

test('the fee is rounded down, and is between nothing and the whole', () => {
  expect(feeOf(199n, 50)).toBe(0n)
  expect(feeOf(200n, 50)).toBe(1n)
  fc.assert(
    fc.property(anyAmount, anyRate, (amount, rate) => {
      const fee = feeOf(amount, rate)
      expect(fee >= 0n && fee <= amount).toBe(true)
      expect(fee * 10_000n <= amount * BigInt(rate)).toBe(true)
    }),
  )
})

test('kinds of postings are told apart', () => {
  expect(new Set(postingKinds).size).toBe(postingKinds.length)
})
