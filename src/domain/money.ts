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

/**
 * Shares an amount out in proportion to weights; every minor unit lands somewhere, none is invented. What is left
 * after rounding down goes to the largest remainders, the first of equals.
 * @param weights none negative, not all zero unless the amount is.
 */
export function spread(amount: bigint, weights: readonly bigint[]): bigint[] {
  if (amount < 0n || weights.some((weight) => weight < 0n)) throw new Error('what is shared out is never negative')
  const sum = weights.reduce((total, weight) => total + weight, 0n)
  if (sum === 0n) {
    if (amount !== 0n) throw new Error('an amount cannot be shared out among nothing')
    return weights.map(() => 0n)
  }
  const shares = weights.map((weight, index) => ({
    index,
    share: (amount * weight) / sum,
    rest: (amount * weight) % sum,
  }))
  let left = amount - shares.reduce((total, { share }) => total + share, 0n)
  for (const one of [...shares].sort((a, b) => (a.rest === b.rest ? a.index - b.index : a.rest > b.rest ? -1 : 1))) {
    if (left === 0n) break
    one.share += 1n
    left -= 1n
  }
  return shares.map(({ share }) => share)
}

export type ReceiptLine = { title: string; quantity: number; unitAmount: bigint; kind: 'goods' | 'delivery' }

/**
 * Lines whose sum is exactly `total`, in proportion to the given ones: for a capture or a refund of less than the whole.
 * A line whose share is not divisible by its quantity becomes two. Lines that would cost nothing are left out.
 */
export function receiptLines(lines: readonly ReceiptLine[], total: bigint): ReceiptLine[] {
  const shares = spread(
    total,
    lines.map((line) => line.unitAmount * BigInt(line.quantity)),
  )
  return lines.flatMap((line, index) => {
    const share = shares[index] ?? 0n
    const quantity = BigInt(line.quantity)
    const unit = share / quantity
    const dearer = Number(share % quantity)
    return [
      { ...line, quantity: line.quantity - dearer, unitAmount: unit },
      { ...line, quantity: dearer, unitAmount: unit + 1n },
    ].filter((one) => one.quantity > 0 && one.unitAmount > 0n)
  })
}
