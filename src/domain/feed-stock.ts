/** How much of an offer there is, as feeds write it: in numbers, and in the words of people. */
import { squeeze } from './feed-text.ts'

/** Of all that is taken for "not to be had now", the spaces, lines and hyphens are removed. */
const unavailable =
  /^(?:false|no|n|none|0|нет|out(?:of)?stock|soldout|unavailable|notavailable|notinstock|noinstock|pre-?(?:order|sale)|backorder(?:ed)?|discontinued|нет(?:в|на|товар|остатк).*|отсутств.*|подзаказ.*|предзаказ.*|ожида.*|распродан.*|законч.*|снят[оаы]?с.*|缺货|无货|售罄)$/

/** @param text of `available` or `availability`, also as an address of schema.org. None means available. */
export function saysAvailable(text: string): boolean {
  const plain = squeeze(text).toLowerCase()
  if (/^[-−–—]$/.test(plain)) return false
  return !unavailable.test(plain.replace(/^https?:\/\/schema\.org\//, '').replace(/[\s_-]+/g, ''))
}

/** Behind a number: what is counted, not what is waited for. */
const unit =
  /^(?:шт(?:ук[аи]?)?|ед(?:иниц[аы]?)?|экз|уп(?:ак(?:ов(?:ок|к[аи]))?)?|компл(?:ект(?:а|ов)?)?|пар[аы]?|наб(?:ор(?:а|ов)?)?|кг|г|м|л|pcs?|pieces?|items?|units?|kg|g|m|l)?\.?$/

/**
 * `8`, `8.000`, `1 250`, `10 шт.`, `5+`, `> 100`; less than nothing is nothing, which words can say as well.
 * @returns `some` for words that say no more than that there is some; undefined when it cannot be read.
 */
export function readCount(text: string): number | 'some' | undefined {
  const plain = squeeze(text).toLowerCase()
  // What was sold before it was there.
  if (/^[-−–]\s*\d/.test(plain)) return 0
  const match = /^(?:[<>≤≥~≈]=?|более|больше|свыше|от|>)?\s*(\d{1,3}(?: \d{3})+|\d+)(?:[.,]\d+)?\s*\+?\s*(\D*)$/.exec(
    plain,
  )
  const digits = match?.[1]?.replaceAll(' ', '') ?? ''
  if (match && digits.length <= 7) return unit.test(match[2] ?? '') ? Number(digits) : undefined
  if (
    /^(?:есть|да|в наличии|на складе|много|достаточно|\++|yes|true|in[ _]?stock|available|many|有货|现货)$/.test(plain)
  )
    return 'some'
  return plain !== '' && !saysAvailable(plain) ? 0 : undefined
}
