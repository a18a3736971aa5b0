/**
 * What is wrong with a feed, in the reader's language. Feeds are read far from any chat and tell it in English, which is
 * what the report's file has; here those sentences are known again. One that is not stays as it is.
 */
import type { Param, Params } from './screen.ts'
import { shorten } from './text.ts'
import type { Key } from './words.ts'

type Known = [pattern: RegExp, key: Key, names?: string[]]

const remarks: Known[] = [
  [/^the id repeats that of line (\d+)$/, 'remark.repeated', ['line']],
  [/^no id$/, 'remark.no-id'],
  [/^no name$/, 'remark.no-name'],
  [/^no price$/, 'remark.no-price'],
  [/^marked as deleted$/, 'remark.deleted'],
  [/^id longer than (\d+) characters$/, 'remark.long-id', ['count']],
  [/^unknown currency "(.*)"$/, 'remark.currency', ['text']],
  [/^the feed gives no number as the rate of (\w+)/, 'remark.rate', ['text']],
  [/^price cannot be read: "(.*)"$/, 'remark.price-unclear', ['text']],
  [/^price is zero or less$/, 'remark.price-zero'],
  [/^price is too large$/, 'remark.price-large'],
  [/^unknown category: /, 'remark.category'],
  [/^stock left out: the feed has no location "(.*)"$/, 'remark.location', ['text']],
  [/^group terms left out: the shop's own terms/, 'remark.own-terms'],
  [/^group terms left out: /, 'remark.terms'],
]

const failures: Known[] = [
  [/^the file is empty$|^there is no file$/, 'feed-error.empty'],
  [/zip archive or an Excel workbook/, 'feed-error.xlsx'],
  [/^this is an old Excel workbook/, 'feed-error.xls'],
  [/^this is a (?:RAR|7-Zip) archive/, 'feed-error.archive'],
  [/^this is a (?:PDF|picture|file of bytes)|^this is JSON/, 'feed-error.other'],
  [/^this is an HTML page/, 'feed-error.html'],
  [/^the gzip archive is damaged|^the file is a gzip archive inside/, 'feed-error.gzip'],
  [/^the feed is larger than/, 'feed-error.large'],
  [/^the feed has no (?:offers|items|goods)|^the table has no rows/, 'feed-error.no-offers'],
  [/^this is neither XML nor a table/, 'feed-error.neither'],
  [/^the root element is <(.*?)>/, 'feed-error.root', ['text']],
  [/^the file has only what changed/, 'feed-error.changes-only'],
  [/^several files make a feed only/, 'feed-error.several'],
  [/^these are (?:goods without prices|prices and stock without goods)/, 'feed-error.same-half'],
  [/^no column is known to hold/, 'feed-error.columns'],
  [/breaks off/, 'feed-error.breaks-off'],
]

/** Why one offer was refused, or taken without a part of it. */
export const remarkReason = (reason: string): Param => translate(remarks, reason)

/** Why the file as a whole is no feed. */
export const failureDetail = (reason: string): Param => translate(failures, reason)

function translate(known: Known[], reason: string): Param {
  for (const [pattern, key, names = []] of known) {
    const match = pattern.exec(reason)
    if (!match) continue
    const params: Params = Object.fromEntries(names.map((name, at) => [name, shorten(match[at + 1] ?? '', 60)]))
    return { key, params }
  }
  return shorten(reason, 200)
}
