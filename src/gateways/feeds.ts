/**
 * Reads a YML feed as a stream: whatever its size, no more than one offer is in memory.
 * The file comes from outside, so: first bytes are looked at instead of the name, no DTD is expanded and no entity
 * fetched (sax knows neither), and depth, length and number of everything are capped.
 */
import iconv from 'iconv-lite'
import { createReadStream, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { pipeline, type Readable } from 'node:stream'
import { fileURLToPath } from 'node:url'
import { createGunzip } from 'node:zlib'
import sax from 'sax'
import {
  locationKinds,
  normalCategoryId,
  textLanguage,
  type FeedItem,
  type FeedLocation,
  type RawField,
  type RawOffer,
  type Texts,
} from '#domain/feeds.ts'

/** The file as a whole is not a feed, or is broken from `line` on. */
export class FeedError extends Error {
  override readonly name = 'FeedError'
  readonly line: number
  readonly reason: string

  constructor(line: number, reason: string, options?: ErrorOptions) {
    super(`line ${line}: ${reason}`, options)
    this.line = line
    this.reason = reason
  }
}

const maxDepth = 32
const maxAttributes = 50
const maxTextLength = 100_000
const maxFieldsPerOffer = 1000
const maxCategories = 50_000
const maxLocations = 100
/** After decompression. The largest feeds met have some hundred megabytes. */
const maxBytes = 2 * 1024 ** 3

/**
 * @param source bytes of a feed: YML in any declared encoding, plain or gzipped.
 * @throws FeedError when it is something else or breaks off; what was yielded before is not to be kept then.
 */
export async function* readYml(source: Readable | AsyncIterable<Buffer>): AsyncGenerator<FeedItem> {
  const items: FeedItem[] = []
  const reader = ymlReader((item) => items.push(item))
  for await (const text of decode(source)) {
    reader.write(text)
    yield* items.splice(0)
  }
  reader.end()
  yield* items
}

/** @throws FeedError as {@link readYml}; an unreadable file throws Node's own error. */
export function readYmlFile(path: string): AsyncGenerator<FeedItem> {
  return readYml(createReadStream(path, { highWaterMark: 256 * 1024 }))
}

/** The feeds of the demo's sellers, which come with the project. */
export function demoFeeds(): { slug: string; path: string }[] {
  const dir = fileURLToPath(new URL('../../prisma/demo/', import.meta.url))
  return readdirSync(dir)
    .flatMap((file) => {
      const slug = /^feed-([a-z0-9-]+)\.yml$/.exec(file)?.[1]
      return slug === undefined ? [] : [{ slug, path: join(dir, file) }]
    })
    .sort((a, b) => a.slug.localeCompare(b.slug))
}

/** Bytes to text: unpacks, sniffs, and turns the declared encoding into ours. */
async function* decode(source: AsyncIterable<Buffer>): AsyncGenerator<string> {
  const plain = await unpack(source)
  let decoder: { write(bytes: Buffer): string; end(): string | undefined } | undefined
  let size = 0
  for await (const bytes of plain) {
    size += bytes.length
    if (size > maxBytes) throw new FeedError(1, 'the feed is larger than 2 GB')
    decoder ??= iconv.getDecoder(sniff(bytes))
    yield decoder.write(bytes)
  }
  if (!decoder) throw new FeedError(1, 'the file is empty')
  yield decoder.end() ?? ''
}

/** The source with a first chunk long enough to look at, and without gzip. */
async function unpack(source: AsyncIterable<Buffer>, depth = 0): Promise<AsyncIterable<Buffer>> {
  const chunks = source[Symbol.asyncIterator]()
  let head = Buffer.alloc(0)
  while (head.length < 1024) {
    const next = await chunks.next().catch((cause: unknown) => brokenArchive(cause, depth))
    if (next.done === true) break
    head = Buffer.concat([head, Buffer.from(next.value)])
  }
  async function* whole(): AsyncGenerator<Buffer> {
    if (head.length > 0) yield head
    try {
      for (let next = await chunks.next(); next.done !== true; next = await chunks.next()) yield Buffer.from(next.value)
    } catch (cause) {
      brokenArchive(cause, depth)
    } finally {
      await chunks.return?.()
    }
  }
  if (head[0] !== 0x1f || head[1] !== 0x8b) return whole()
  if (depth > 0) throw new FeedError(1, 'the file is a gzip archive inside a gzip archive')
  // Tears all of it down when one part fails or the reader stops early, the open file included.
  const gunzip = pipeline(whole, createGunzip(), () => {})
  return unpack(gunzip, depth + 1)
}

function brokenArchive(cause: unknown, depth: number): never {
  if (depth === 0 || cause instanceof FeedError) throw cause
  throw new FeedError(1, 'the gzip archive is damaged or cut short', { cause })
}

/** @returns the encoding. @throws FeedError in words for what is not XML at all. */
function sniff(head: Buffer): string {
  if (head.subarray(0, 4).equals(Buffer.from('PK\u0003\u0004'))) {
    throw new FeedError(1, 'this is a zip archive or an Excel workbook (.xlsx), not a YML feed')
  }
  if (head.subarray(0, 4).toString('latin1') === '\u00D0\u00CF\u0011\u00E0') {
    throw new FeedError(1, 'this is an old Excel workbook (.xls), not a YML feed')
  }
  if (head.subarray(0, 5).toString('latin1') === '%PDF-') throw new FeedError(1, 'this is a PDF, not a YML feed')
  // iconv-lite drops the byte order mark itself.
  if (head[0] === 0xff && head[1] === 0xfe) return 'utf-16le'
  if (head[0] === 0xfe && head[1] === 0xff) return 'utf-16be'
  const start = head.subarray(0, 1024).toString('latin1').replace(/^ï»¿/, '')
  const text = start.trimStart()
  const line = start.slice(0, start.length - text.length).split('\n').length
  if (/^<!doctype\s+html|^<html/i.test(text)) throw new FeedError(line, 'this is an HTML page, not a YML feed')
  if (/^[{[]/.test(text)) throw new FeedError(line, 'this is JSON, not a YML feed')
  if (!text.startsWith('<')) throw new FeedError(line, 'this is not XML: a YML feed begins with "<"')
  const declared = /^<\?xml[^>]*?\sencoding\s*=\s*["']\s*([\w.:-]+)/.exec(text)?.[1] ?? 'utf-8'
  // A declaration we could read byte by byte cannot be in UTF-16, whatever it says.
  const encoding = /^(?:utf-?16|ucs-?2|utf-?32)/i.test(declared) ? 'utf-8' : declared
  const isKnown: boolean = iconv.encodingExists(encoding)
  if (!isKnown) throw new FeedError(line, `unknown encoding "${encoding}"`)
  return encoding
}

/** The formats people confuse with YML, by their root element. */
const otherRoots: Record<string, string> = {
  rss: 'this is an RSS feed (Google Merchant), not a YML feed',
  feed: 'this is an Atom feed (Google Merchant), not a YML feed',
  коммерческаяинформация: 'this is a CommerceML file (1C), not a YML feed',
  html: 'this is an HTML page, not a YML feed',
}

/** The state between two pieces of text. Elements are told apart by their path; what is unknown is passed over. */
function ymlReader(emit: (item: FeedItem) => void): { write(text: string): void; end(): void } {
  const parser = sax.parser(true, { position: true })
  let failure: FeedError | undefined
  const path: string[] = []
  let tagLine = 1
  let text = ''
  let attributeCount = 0
  let textIsTooLong = false
  let sawOffer = false
  let categories = 0
  let locations = 0
  let offer: (RawOffer & { defect?: string }) | undefined
  let field: (RawField & { depth: number }) | undefined
  let category: { id: string; parentId: string | undefined; title: Texts; line: number } | undefined
  let location: (Partial<FeedLocation> & { title: Texts }) | undefined
  let attributes: Record<string, string> = {}

  const fail = (reason: string, line = parser.line + 1) => {
    failure ??= new FeedError(line, reason)
  }

  // eslint-disable-next-line unicorn/prefer-add-event-listener -- sax has properties only
  parser.onerror = (error) => {
    // A bare "&" or an unknown entity is common and harmless: sax keeps it as it stands.
    const message = error.message.split('\n')[0] ?? 'not well-formed'
    parser.error = null as unknown as Error
    if (/entity/i.test(message)) return
    fail(/unclosed root/i.test(message) ? 'the file breaks off: not all elements are closed' : `broken XML: ${message}`)
  }
  parser.onopentagstart = () => {
    tagLine = parser.line + 1
    attributeCount = 0
  }
  parser.onattribute = () => {
    if (++attributeCount > maxAttributes) fail(`an element with more than ${maxAttributes} attributes`)
  }
  const onText = (piece: string) => {
    if (failure) return
    if (text.length + piece.length > maxTextLength) textIsTooLong = true
    else text += piece
  }
  // eslint-disable-next-line unicorn/prefer-add-event-listener -- sax has properties only
  parser.ontext = onText
  parser.oncdata = onText

  parser.onopentag = (tag) => {
    if (failure) return
    const name = tag.name.toLowerCase()
    attributes = {}
    for (const [key, value] of Object.entries(tag.attributes)) attributes[key.toLowerCase()] = String(value)
    if (path.length === 0 && name !== 'yml_catalog') {
      return fail(otherRoots[name] ?? `the root element is <${tag.name.slice(0, 40)}>, a YML feed has <yml_catalog>`)
    }
    path.push(name)
    if (path.length > maxDepth) return fail(`elements nested deeper than ${maxDepth}`)
    if (field) {
      // Markup inside a description that forgot its CDATA.
      text += ' '
    } else if (offer) {
      text = ''
      textIsTooLong = false
      if (name !== 'outlets') field = { name, attributes, text: '', depth: path.length }
    } else if (name === 'offer') {
      sawOffer = true
      offer = { line: tagLine, attributes, fields: [] }
    } else if (name === 'category' && path.at(-2) === 'categories') {
      if (++categories > maxCategories) return fail(`more than ${maxCategories} categories`)
      const parentId = normalCategoryId(attributes['parentid'] ?? '')
      category = {
        id: normalCategoryId(attributes['id'] ?? ''),
        parentId: parentId === '' ? undefined : parentId,
        title: {},
        line: tagLine,
      }
      text = ''
    } else if (name === 'location' && path.at(-2) === 'locations') {
      if (++locations > maxLocations) return fail(`more than ${maxLocations} locations`)
      location = openLocation(attributes, (reason) => fail(reason, tagLine))
    } else {
      if (category && text.trim() !== '') category.title.ru ??= text.trim()
      text = ''
    }
  }

  parser.onclosetag = () => {
    if (failure) return
    const name = path.at(-1)
    if (field) {
      if (path.length === field.depth) {
        if (offer) closeField(offer, field)
        field = undefined
      } else {
        text += ' '
      }
    } else if (name === 'offer' && offer) {
      const { defect, ...raw } = offer
      if (defect === undefined) emit({ kind: 'offer', offer: raw })
      else emit({ kind: 'problem', line: raw.line, offerId: raw.attributes['id'] ?? '', reason: defect })
      offer = undefined
    } else if (name === 'category' && category) {
      if (text.trim() !== '') category.title.ru ??= text.trim()
      const { line: _line, ...known } = category
      if (category.id !== '' && Object.keys(category.title).length > 0) emit({ kind: 'category', category: known })
      category = undefined
    } else if (name === 'location' && location) {
      emit({ kind: 'location', location: location as FeedLocation })
      location = undefined
    } else if ((category || location) && (name === 'name' || name === 'title')) {
      const language = textLanguage(attributes)
      const titled = category ?? location
      if (titled && language && text.trim() !== '') titled.title[language] ??= text.trim()
    } else if (name === 'name' && path.length === 3 && path[1] === 'shop' && text.trim() !== '') {
      emit({ kind: 'shop', name: text.trim().slice(0, 100) })
    }
    if (!field) text = ''
    path.pop()
  }

  const closeField = (open: RawOffer & { defect?: string }, closed: RawField) => {
    if (open.fields.length >= maxFieldsPerOffer) open.defect ??= `more than ${maxFieldsPerOffer} elements`
    else if (textIsTooLong) open.defect ??= `<${closed.name}> is longer than ${maxTextLength} characters`
    else open.fields.push({ name: closed.name, attributes: closed.attributes, text })
  }

  const check = () => {
    if (failure) throw failure
  }
  return {
    write(piece) {
      parser.write(piece)
      check()
    },
    end() {
      // Closing resets the parser, its line included.
      const line = parser.line + 1
      parser.close()
      check()
      if (!sawOffer) throw new FeedError(line, 'the feed has no offers')
    },
  }
}

/** `<location id kind city-code city>` with titles: our own addition to YML, ignored by other readers. */
function openLocation(
  attributes: Record<string, string>,
  fail: (reason: string) => void,
): Partial<FeedLocation> & { title: Texts } {
  const kind = locationKinds.find((known) => known === attributes['kind'])
  const cityCode = Number(attributes['city-code'])
  const id = (attributes['id'] ?? '').trim()
  const cityName = (attributes['city'] ?? '').trim()
  if (kind === undefined) fail(`a location's kind is one of ${locationKinds.join(', ')}`)
  else if (id === '' || id.length > 100) fail('a location has no id')
  else if (!Number.isInteger(cityCode) || cityCode <= 0) fail(`location "${id}" has no city-code`)
  else if (cityName === '') fail(`location "${id}" has no city`)
  else return { id, kind, cityCode, cityName, title: {} }
  return { title: {} }
}
