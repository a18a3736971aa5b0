import fc from 'fast-check'
import { expect, test } from 'vitest'
import { currencyDigits, decimalToAmount, moneyToDecimal } from '#domain/money.ts'

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
