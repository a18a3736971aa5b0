import fc from 'fast-check'
import { expect, test } from 'vitest'
import {
  currencyDigits,
  decimalToAmount,
  moneyToDecimal,
  receiptLines,
  spread,
  type ReceiptLine,
} from '#domain/money.ts'

const anyCurrency = fc.constantFrom('RUB', 'USD', 'CNY', 'JPY', 'KWD')
const anyAmount = fc.bigInt({ min: -(10n ** 30n), max: 10n ** 30n })

test('an amount survives the way to a decimal and back, however large', () => {
  fc.assert(
    fc.property(anyAmount, anyCurrency, (amount, currency) => {
      expect(decimalToAmount(moneyToDecimal({ amount, currency }), currency)).toBe(amount)
    }),
  )
})

test('a decimal has exactly the digits of its currency', () => {
  fc.assert(
    fc.property(anyAmount, anyCurrency, (amount, currency) => {
      const fraction = moneyToDecimal({ amount, currency }).split('.')[1] ?? ''
      expect(fraction).toHaveLength(currencyDigits(currency))
    }),
  )
})

test('amounts below one unit keep their zeros and their sign', () => {
  expect(moneyToDecimal({ amount: 5n, currency: 'RUB' })).toBe('0.05')
  expect(moneyToDecimal({ amount: -5n, currency: 'RUB' })).toBe('-0.05')
  expect(moneyToDecimal({ amount: 0n, currency: 'RUB' })).toBe('0.00')
  expect(moneyToDecimal({ amount: 1500n, currency: 'JPY' })).toBe('1500')
  expect(moneyToDecimal({ amount: 1500n, currency: 'KWD' })).toBe('1.500')
})

test('missing and trailing zeros do not matter, extra digits do', () => {
  expect(decimalToAmount('1290.5', 'RUB')).toBe(129_050n)
  expect(decimalToAmount('1290', 'RUB')).toBe(129_000n)
  expect(decimalToAmount('1290.5000', 'RUB')).toBe(129_050n)
  expect(decimalToAmount('1290.505', 'RUB')).toBeUndefined()
  expect(decimalToAmount('1290.5', 'JPY')).toBeUndefined()
})

test.each(['', ' 1', '1,5', '1 000', '.5', '5.', '1e3', '+1', '--1', 'NaN', '0x10', '1.5.0'])(
  '%j is no decimal',
  (text) => {
    expect(decimalToAmount(text, 'RUB')).toBeUndefined()
  },
)

test('a number that is money in JSON reads back as the money that was written', () => {
  fc.assert(
    // Ten million roubles: what one line of one parcel can cost, and far from where doubles lose kopecks.
    fc.property(fc.bigInt({ min: 0n, max: 1_000_000_000n }), (amount) => {
      const written = JSON.stringify(Number(moneyToDecimal({ amount, currency: 'RUB' })))
      expect(decimalToAmount(written, 'RUB')).toBe(amount)
    }),
  )
})

const anyTotal = fc.bigInt({ min: 0n, max: 10n ** 15n })
const anyWeights = fc.array(fc.bigInt({ min: 0n, max: 10n ** 12n }), { minLength: 1, maxLength: 40 })
const sumOf = (amounts: readonly bigint[]): bigint => amounts.reduce((sum, amount) => sum + amount, 0n)

test('an amount that is shared out is all there, and nobody gets less than nothing', () => {
  fc.assert(
    fc.property(anyTotal, anyWeights, (amount, weights) => {
      fc.pre(sumOf(weights) > 0n)
      const shares = spread(amount, weights)
      expect(sumOf(shares)).toBe(amount)
      expect(shares).toHaveLength(weights.length)
      for (const [index, share] of shares.entries()) {
        const weight = weights[index] ?? 0n
        // Each is its exact part, rounded down or up by less than one minor unit; nothing for no weight.
        const scaled = share * sumOf(weights) - amount * weight
        expect(share >= 0n && scaled < sumOf(weights) && -scaled < sumOf(weights)).toBe(true)
        expect(weight > 0n || share === 0n).toBe(true)
      }
    }),
  )
})

test('whoever weighs more never gets less', () => {
  fc.assert(
    fc.property(anyTotal, anyWeights, (amount, weights) => {
      fc.pre(sumOf(weights) > 0n)
      const sorted = [...weights].sort((a, b) => (a < b ? -1 : 1))
      const shares = spread(amount, sorted)
      for (const [index, share] of shares.entries()) {
        if ((sorted[index - 1] ?? -1n) === sorted[index]) continue
        expect(share >= (shares[index - 1] ?? 0n)).toBe(true)
      }
    }),
  )
})

test('odd minor units go to the largest remainders, the first of equals', () => {
  expect(spread(100n, [1n, 1n, 1n])).toEqual([34n, 33n, 33n])
  expect(spread(5n, [1n, 3n, 1n])).toEqual([1n, 3n, 1n])
  expect(spread(1n, [1n, 2n])).toEqual([0n, 1n])
  expect(spread(0n, [0n, 0n])).toEqual([0n, 0n])
  expect(spread(0n, [])).toEqual([])
})

test('an amount is not shared out among nothing, nor a debt', () => {
  expect(() => spread(1n, [])).toThrow('among nothing')
  expect(() => spread(1n, [0n])).toThrow('among nothing')
  expect(() => spread(-1n, [1n])).toThrow('never negative')
  expect(() => spread(1n, [2n, -1n])).toThrow('never negative')
})

const anyLine: fc.Arbitrary<ReceiptLine> = fc.record({
  title: fc.string({ minLength: 1, maxLength: 20 }),
  quantity: fc.integer({ min: 1, max: 20 }),
  unitAmount: fc.bigInt({ min: 0n, max: 10_000_000n }),
  kind: fc.constantFrom('goods', 'delivery'),
})
const sumOfLines = (lines: readonly ReceiptLine[]): bigint =>
  sumOf(lines.map(({ quantity, unitAmount }) => unitAmount * BigInt(quantity)))

test('the lines of a receipt sum to what is taken or returned, exactly, and none is free or negative', () => {
  fc.assert(
    fc.property(
      fc.array(anyLine, { minLength: 1, maxLength: 30 }),
      fc.bigInt({ min: 0n, max: 10_000n }),
      (lines, perMyriad) => {
        const whole = sumOfLines(lines)
        fc.pre(whole > 0n)
        const total = (whole * perMyriad) / 10_000n
        const result = receiptLines(lines, total)
        expect(sumOfLines(result)).toBe(total)
        for (const { quantity, unitAmount } of result) expect(quantity > 0 && unitAmount > 0n).toBe(true)
        // Never dearer than it was, and at most two prices for what had one.
        expect(result.length).toBeLessThanOrEqual(2 * lines.length)
        const count = (some: readonly ReceiptLine[]) => some.reduce((sum, { quantity }) => sum + quantity, 0)
        expect(count(result)).toBeLessThanOrEqual(count(lines))
        const dearest = lines.reduce((most, { unitAmount }) => (unitAmount > most ? unitAmount : most), 0n)
        for (const { unitAmount } of result) expect(unitAmount <= dearest).toBe(true)
      },
    ),
  )
})

test('lines that already sum to the total stay as they are', () => {
  fc.assert(
    fc.property(fc.array(anyLine, { minLength: 1, maxLength: 30 }), (lines) => {
      fc.pre(sumOfLines(lines) > 0n)
      expect(receiptLines(lines, sumOfLines(lines))).toEqual(lines.filter(({ unitAmount }) => unitAmount > 0n))
    }),
  )
})

test('a line whose share is not divisible becomes two', () => {
  const tea: ReceiptLine = { title: 'Tea', quantity: 3, unitAmount: 100n, kind: 'goods' }
  expect(receiptLines([tea], 200n)).toEqual([
    { ...tea, quantity: 1, unitAmount: 66n },
    { ...tea, quantity: 2, unitAmount: 67n },
  ])
  expect(receiptLines([tea], 2n)).toEqual([{ ...tea, quantity: 2, unitAmount: 1n }])
  expect(receiptLines([tea], 0n)).toEqual([])
})
