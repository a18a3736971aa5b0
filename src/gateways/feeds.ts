/**
 * Reads a seller's feed as a stream, whatever its format: YML, Google Merchant (RSS and Atom), CommerceML 2 or a table. No
 * more than a piece of it is in memory. What it is is told by its first bytes and its root element, never by its name.
 */
import { createReadStream, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { fileURLToPath } from 'node:url'
import type { CsvMapping } from '#domain/feed-columns.ts'
import { cut } from '#domain/feed-text.ts'
import type { FeedItem } from '#domain/feeds.ts'
import { FeedError, openText, type FeedSource, type FeedText } from './feeds-bytes.ts'
import { commerceMl } from './feeds-commerceml.ts'
import { readCsv } from './feeds-csv.ts'
import { googleReader } from './feeds-google.ts'
import { ymlReader, type FormatReader } from './feeds-yml.ts'

export { FeedError, type FeedSource } from './feeds-bytes.ts'

export type FeedOptions = {
  /** Of a table; without it the columns are guessed. */
  mapping?: CsvMapping
}

/**
 * @param sources bytes of one feed, plain or gzipped, in any declared encoding. Only CommerceML comes in several files.
 * @throws FeedError when it is something else or breaks off; what was yielded before is not to be kept then.
 */
export function readFeed(sources: readonly FeedSource[], options: FeedOptions = {}): AsyncGenerator<FeedItem> {
  return read(() => sources, options)
}

/** Opens the files when the first item is asked for. @throws FeedError as {@link readFeed}, or Node's error for a file. */
export function readFeedFiles(paths: readonly string[], options: FeedOptions = {}): AsyncGenerator<FeedItem> {
  return read(() => paths.map((path) => createReadStream(path, { highWaterMark: 128 * 1024 })), options)
}

async function* read(open: () => readonly FeedSource[], { mapping }: FeedOptions): AsyncGenerator<FeedItem> {
  const sources = open()
  try {
    const opened: (FeedText & { format: Format })[] = []
    for (const source of sources) {
      const text = await openText(source)
      opened.push({ ...text, format: formatOf(text) })
    }
    const [only, ...others] = opened
    if (!only) throw new FeedError(1, 'there is no file')
    const items: FeedItem[] = []
    const emit = (item: FeedItem) => items.push(item)
    if (opened.every(({ format }) => format === 'commerceml')) {
      const commerce = commerceMl(emit)
      for (const { text } of opened) yield* readWith(commerce.reader(), text, items)
      commerce.end()
    } else if (others.length > 0) {
      throw new FeedError(1, 'several files make a feed only in CommerceML (1C): import.xml and offers.xml')
    } else if (only.format === 'table') {
      yield* readCsv(only, mapping)
    } else {
      yield* readWith(only.format === 'yml' ? ymlReader(emit) : googleReader(emit), only.text, items)
    }
  } finally {
    // A file that was not read to its end stays open otherwise.
    for (const source of sources) if (source instanceof Readable) source.destroy()
  }
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

async function* readWith(
  reader: FormatReader,
  text: AsyncIterable<string>,
  items: FeedItem[],
): AsyncGenerator<FeedItem> {
  for await (const piece of text) {
    reader.write(piece)
    // One by one: `yield*` waits for each as if it were a promise.
    for (const item of items.splice(0)) yield item
  }
  reader.end()
  yield* items.splice(0)
}

type Format = 'yml' | 'google' | 'commerceml' | 'table'

const formats: Record<string, Format> = {
  yml_catalog: 'yml',
  rss: 'google',
  feed: 'google',
  коммерческаяинформация: 'commerceml',
}

function formatOf({ isXml, head }: FeedText): Format {
  if (!isXml) return 'table'
  // What may stand before the root: a declaration, comments, and a DTD, which may have its own part in brackets.
  const before = /^(?:\uFEFF|\s+|<\?[^]*?\?>|<!--[^]*?-->|<!DOCTYPE[^>[]*(?:\[[^]*?\]\s*)?>)*/i.exec(head)?.[0] ?? ''
  const line = before.split('\n').length
  const root = /^<([^\s/>]+)/.exec(head.slice(before.length))?.[1]
  if (root === undefined) throw new FeedError(line, 'broken XML: no root element')
  const format = formats[root.toLowerCase()]
  if (format) return format
  if (/^html$/i.test(root)) throw new FeedError(line, 'this is an HTML page, not a feed')
  const known = '<yml_catalog>, <rss>, <feed> or <КоммерческаяИнформация>'
  throw new FeedError(line, `the root element is <${cut(root, 40)}>, a feed has ${known}`)
}
