/** Tables: CSV and TSV as spreadsheets and price lists save them. What a column means is a mapping by its header. */
import { CsvError, parse, type Info } from 'csv-parse'
import { parse as parseAtOnce } from 'csv-parse/sync'
import { Readable } from 'node:stream'
import { guessMapping, missingFields, type CsvField, type CsvMapping } from '#domain/feed-columns.ts'
import type { FeedItem, RawField } from '#domain/feeds.ts'
import { cut, squeeze } from '#domain/feed-text.ts'
import { FeedError, openText, type FeedSource, type FeedText } from './feeds-bytes.ts'
import { categoryPaths } from './feeds-google.ts'

const separators = [';', ',', '\t', '|'] as const
const maxColumns = 500
/** In characters: a description has up to 100,000. */
const maxRow = 1_000_000
const maxCell = 100_000
const shownRows = 5
/** Price lists have the name of the shop, its address and a date above their table. */
const linesAbove = 10

/** The beginning of a table, for asking what its columns mean. Cells are cut to 200 characters. */
export type CsvHead = { headers: string[]; rows: string[][] }

/** @returns undefined for what is XML. @throws FeedError for what is no feed at all. */
export async function csvHead(source: FeedSource): Promise<CsvHead | undefined> {
  const opened = await openText(source)
  // Nothing more is read: what is open gets closed.
  for await (const _ of opened.text) break
  if (opened.isXml) return undefined
  const { separator, skipped } = tableOf(opened.head)
  const lines = opened.head.split('\n').slice(skipped).join('\n')
  const rows = parseAtOnce(lines, { ...options(separator), to: shownRows + 1, skip_records_with_error: true })
  const [headers = [], ...more] = rows.map((row) => row.map(shown))
  return { headers, rows: more }
}

/** @throws FeedError when it breaks off, or columns that are needed cannot be told. */
export async function* readCsv({ head, text }: FeedText, mapping: CsvMapping | undefined): AsyncGenerator<FeedItem> {
  const { separator, skipped } = tableOf(head, mapping)
  const parser = parse({ ...options(separator), info: true, from_line: skipped + 1 })
  // A source that fails must fail the reader, too.
  const source = Readable.from(text)
  source.on('error', (error) => parser.destroy(error))
  source.pipe(parser)
  const items: FeedItem[] = []
  const category = categoryPaths((item) => items.push(item))
  let columns: Column[] | undefined
  let line = skipped
  let offers = 0
  try {
    for await (const { record, info } of parser as AsyncIterable<{ record: string[]; info: Info }>) {
      const start = line + 1
      line = Math.max(start, info.lines)
      if (!columns) {
        columns = columnsOf(record, mapping, start)
        continue
      }
      if (record.every((cell) => cell.trim() === '')) continue
      offers += 1
      items.push(rowItem(record, columns, start, category))
      yield* items.splice(0)
    }
  } catch (cause) {
    if (!(cause instanceof CsvError)) throw cause
    const at = Number(cause['lines'] ?? line + 1)
    throw new FeedError(at, `broken table: ${cause.message.split('\n')[0] ?? ''}`, { cause })
  } finally {
    source.destroy()
  }
  if (offers === 0) throw new FeedError(line, 'the table has no rows')
}

/** Headers too, for a mapping is by what somebody was shown. */
const shown = (cell: string) => cut(squeeze(cell), 200)

type Column = { field: CsvField; header: string } | undefined

function columnsOf(record: string[], mapping: CsvMapping | undefined, line: number): Column[] {
  const headers = record.map(shown)
  if (headers.length > maxColumns) throw new FeedError(line, `more than ${maxColumns} columns`)
  const known = mapping ?? guessMapping(headers)
  const columns = headers.map((header) => {
    const field = Object.hasOwn(known, header) ? known[header] : undefined
    return field === undefined ? undefined : { field, header }
  })
  const present = Object.fromEntries(columns.flatMap((column) => (column ? [[column.header, column.field]] : [])))
  const missing = missingFields(present)
  if (missing.length > 0) {
    const names = cut(headers.slice(0, 20).join(', '), 300)
    throw new FeedError(line, `no column is known to hold ${missing.join(' and ')}; the table has: ${names}`)
  }
  return columns
}

/** Fields with another name in YML. */
const ymlNames: Partial<Record<CsvField, string>> = { currency: 'currencyid' }

function rowItem(
  record: string[],
  columns: Column[],
  line: number,
  category: (path: string, fail: (reason: string) => void) => string,
): FeedItem {
  const attributes: Record<string, string> = {}
  const fields: RawField[] = []
  let defect: string | undefined
  for (const [at, column] of columns.entries()) {
    const text = record[at] ?? ''
    if (!column || text.trim() === '') continue
    const { field, header } = column
    if (text.length > maxCell) defect ??= `"${cut(header, 40)}" is longer than ${maxCell} characters`
    else if (field === 'id' || field === 'group_id' || field === 'available') attributes[field] ??= text
    else if (field === 'param') {
      const name = header.replace(/^(?:param|параметр|характеристика|свойство)\s*[:.]\s*/i, '')
      fields.push({ name: 'param', text, attributes: { name } })
    } else if (field === 'category') {
      const fail = (reason: string) => {
        throw new FeedError(line, reason)
      }
      fields.push({ name: 'categoryid', text: category(text, fail), attributes: {} })
    } else fields.push({ name: ymlNames[field] ?? field, text, attributes: {} })
  }
  // Empty cells say nothing, but in a column of counts they do not say that there is enough.
  if (columns.some((column) => column?.field === 'count') && !fields.some(({ name }) => name === 'count')) {
    fields.push({ name: 'count', text: '', attributes: {} })
  }
  if (defect === undefined) return { kind: 'offer', offer: { line, attributes, fields } }
  return { kind: 'problem', line, offerId: cut(squeeze(attributes['id'] ?? ''), 100), reason: defect }
}

const options = (separator: string) => ({
  delimiter: separator,
  bom: true,
  relax_quotes: true,
  relax_column_count: true,
  skip_empty_lines: true,
  max_record_size: maxRow,
})

/**
 * The line with the names of columns is the one in which most of them are known, for a price list may begin with the name
 * of its shop; where none is known, the first that has columns at all.
 * @returns the separator that it has most of, outside of quotes, and how many lines stand above it.
 * @throws FeedError when there is no table.
 */
function tableOf(head: string, mapping?: CsvMapping): { separator: string; skipped: number } {
  const lines = head.replace(/^\uFEFF/, '').split(/\r?\n/)
  // What Excel writes for itself.
  const own = /^sep=(.)$/i.exec(lines[0] ?? '')?.[1]
  if (own !== undefined) return { separator: own, skipped: 1 }
  let found: { separator: string; skipped: number; known: number } | undefined
  let seen = 0
  for (const [skipped, line] of lines.entries()) {
    if (line.trim() === '') continue
    if (++seen > linesAbove) break
    const bare = line.replace(/"(?:[^"]|"")*"/g, '')
    const counts = separators.map((separator) => ({ separator, count: bare.split(separator).length - 1 }))
    const { separator, count } = counts.reduce((a, b) => (b.count > a.count ? b : a))
    if (count === 0) continue
    const known = knownHeaders(line, separator, mapping)
    // One word that could be a header stands in many a cell.
    if (!found || (known > 1 && known > found.known)) found = { separator, skipped, known }
  }
  if (found) return { separator: found.separator, skipped: found.skipped }
  throw new FeedError(
    1,
    'this is neither XML nor a table: a feed begins with "<", a table with the names of its columns',
  )
}

function knownHeaders(line: string, separator: string, mapping: CsvMapping | undefined): number {
  const [cells = []] = parseAtOnce(line, { ...options(separator), to: 1, skip_records_with_error: true })
  const headers = cells.map(shown)
  const known = mapping ?? guessMapping(headers)
  return new Set(headers.filter((header) => Object.hasOwn(known, header))).size
}
