/** Money is an exact number of minor units (kopecks, cents) with its currency; the two are never parted. */
export type Money = { amount: bigint; currency: string }

/** Digits after the decimal separator. ISO 4217; everything that is not listed has two. */
const digitsByCurrency: Record<string, number> = { JPY: 0, KRW: 0, VND: 0, CLP: 0, BHD: 3, KWD: 3, TND: 3 }

export function currencyDigits(currency: string): number {
  return Object.hasOwn(digitsByCurrency, currency) ? (digitsByCurrency[currency] ?? 2) : 2
}

/** `{amount: 129050n, currency: 'RUB'}` → `'1290.50'`: what providers and Intl take, without a float in between. */
export function moneyToDecimal({ amount, currency }: Money): string {
  const digits = currencyDigits(currency)
  const sign = amount < 0n ? '-' : ''
  const figures = (amount < 0n ? -amount : amount).toString().padStart(digits + 1, '0')
  return digits === 0 ? sign + figures : `${sign}${figures.slice(0, -digits)}.${figures.slice(-digits)}`
}

/**
 * `'1290.5'` → 129050n for RUB. Plain decimals only (feeds have a parser of their own for the wild ones).
 * @returns undefined when it is not a decimal, or has more digits than the currency.
 */
export function decimalToAmount(decimal: string, currency: string): bigint | undefined {
  const match = /^(-?)(\d+)(?:\.(\d+))?$/.exec(decimal)
  if (!match) return undefined
  const digits = currencyDigits(currency)
  const fraction = (match[3] ?? '').replace(/0+$/, '')
  if (fraction.length > digits) return undefined
  const amount = BigInt((match[2] ?? '0') + fraction.padEnd(digits, '0'))
  return match[1] === '-' ? -amount : amount
}
