/**
 * Prices as feeds write them, and what they are in roubles. Everything else in a feed is read kindly; a price that can be
 * read in two ways is refused.
 */
import { cut, squeeze } from './feed-text.ts'
import { currencyDigits, decimalToAmount } from './money.ts'

/**
 * `1299`, `1 299,00`, `1,299.00`, `1299.00 RUB`, with any kind of space.
 * @returns minor units; undefined when it is not a price, or could mean two (`1.299`).
 */
export function parseFeedPrice(text: string, currency: string): bigint | undefined {
  const figure = text
    .replace(/[\s'’\u00A0\u2009\u202F]/g, '')
    .replace(/^(?:[A-Za-z]{3}|[A-Z]{0,2}[$€₽¥£₴₸])/, '')
    .replace(/(?:[A-Za-z]{3}|руб\.?|р\.?|[$€₽¥£₴₸])$/i, '')
  if (!/^\d[\d.,]*$/.test(figure) || figure.length > 24) return undefined
  const comma = figure.lastIndexOf(',')
  const dot = figure.lastIndexOf('.')
  // No thousand begins with a zero: `0,299` is a fraction.
  const thousands = /^[1-9]\d{0,2}(?:([.,])\d{3})(?:\1\d{3})*$/
  if (comma >= 0 && dot >= 0) {
    const [whole, fraction] = [figure.slice(0, Math.max(comma, dot)), figure.slice(Math.max(comma, dot) + 1)]
    if (whole.includes(comma > dot ? ',' : '.') || !thousands.test(whole)) return undefined
    return figureToAmount(whole.replace(/[.,]/g, ''), fraction, currency)
  }
  const parts = figure.split(/[.,]/)
  if (parts.length > 2) return thousands.test(figure) ? figureToAmount(parts.join(''), '', currency) : undefined
  const [whole = '', fraction = ''] = parts
  if (thousands.test(figure) && currencyDigits(currency) < 3) {
    // `1,299` is a thousand in every feed seen; `1.299` is that in some countries and a computed fraction in others.
    return comma >= 0 ? figureToAmount(whole + fraction, '', currency) : undefined
  }
  return figureToAmount(whole, fraction, currency)
}

/** Computed prices come with long fractions (`1299.9999`): rounded half up to the currency's smallest unit. */
function figureToAmount(whole: string, fraction: string, currency: string): bigint | undefined {
  const digits = currencyDigits(currency)
  const exact = decimalToAmount(digits === 0 ? whole : `${whole}.${(fraction + '000').slice(0, digits)}`, currency)
  return exact !== undefined && Number(fraction[digits] ?? '0') >= 5 ? exact + 1n : exact
}

/** `RUR` is what feeds call the rouble since before 1998. */
export function normalCurrency(text: string): string | undefined {
  const code = text.trim().toUpperCase()
  if (/^(?:RUR|РУБ\.?|РУБЛЬ|РУБЛИ|Р\.?|₽|643)$/.test(code)) return 'RUB'
  return /^[A-Z]{3}$/.test(code) ? code : undefined
}

/** A feed's `<currency id rate plus>`: what one unit costs in the feed's base currency, the one whose rate is 1. */
export type FeedCurrency = { code: string; rate: string; plus: string }

/** An exact fraction: what one unit of a currency is in roubles. */
export type RoubleRate = { by: bigint; over: bigint }

/** By currency: its rate, or why what is priced in it cannot be sold. Those that are missing keep their own currency. */
export type RoubleRates = ReadonlyMap<string, RoubleRate | string>

/**
 * What the currencies of a feed are in roubles. A number is taken as it stands, with `plus` per cent on top; the rate of a
 * bank (`CBRF`, `NBU`) is no number, and what is priced by it is refused. A feed that does not list roubles has prices in
 * the currencies that they are written in.
 */
export function roubleRates(currencies: readonly FeedCurrency[]): RoubleRates {
  const known = new Map<string, FeedCurrency>()
  for (const currency of currencies) {
    const code = normalCurrency(currency.code)
    if (code !== undefined && !known.has(code)) known.set(code, currency)
  }
  const rates = new Map<string, RoubleRate | string>()
  const rouble = known.get('RUB')
  const inBase = rouble && fraction(rouble.rate || '1')
  for (const [code, { rate, plus }] of known) {
    if (code === 'RUB') continue
    const own = fraction(rate)
    const more = fraction(plus || '0')
    if (!own || own.by === 0n || !more) {
      rates.set(code, `the feed gives no number as the rate of ${code}: "${cut(squeeze(rate), 20)}"`)
    } else if (inBase && inBase.by > 0n) {
      const hundred = 100n * more.over
      rates.set(code, { by: own.by * inBase.over * (hundred + more.by), over: own.over * inBase.by * hundred })
    } else if (rouble) {
      rates.set(code, 'the feed gives no number as the rate of RUB')
    }
  }
  return rates
}

/** Kopecks, rounded half up: of a currency with other digits, too. */
export function toRoubles(amount: bigint, currency: string, { by, over }: RoubleRate): bigint {
  const top = amount * by * 100n
  const bottom = over * 10n ** BigInt(currencyDigits(currency))
  return (2n * top + bottom) / (2n * bottom)
}

function fraction(text: string): RoubleRate | undefined {
  const match = /^(\d{1,12})(?:[.,](\d{1,12}))?$/.exec(text.trim())
  if (!match) return undefined
  const digits = match[2] ?? ''
  return { by: BigInt((match[1] ?? '') + digits), over: 10n ** BigInt(digits.length) }
}
