/** Amounts that people type. */
import { decimalToAmount } from '#domain/money.ts'

/**
 * `590`, `590,50`, `590.5 ₽`, `1 290 руб.` → minor units. One decimal sign, so that nobody's thousand becomes a one.
 * @returns undefined for everything else, nothing and less, and more digits than the currency has.
 */
export function parseAmount(typed: string, currency: string): bigint | undefined {
  const plain = typed.normalize('NFKC').replaceAll(/\s+/g, ' ').trim()
  const number = plain.replace(/ ?(?:₽|руб(?:\.|л(?:ь|я|ей))?|р\.?|rub|¥|元|cny|\$|usd|€|eur)$/i, '')
  if (!/^(?:\d{1,8}|\d{1,3}(?: \d{3}){1,2})(?:[.,]\d{1,2})?$/.test(number)) return undefined
  const amount = decimalToAmount(number.replaceAll(' ', '').replace(',', '.'), currency)
  return amount !== undefined && amount > 0n ? amount : undefined
}
