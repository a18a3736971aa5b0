/**
 * From the bytes of a feed to its text. The file comes from outside: first bytes are looked at instead of the name, and
 * its size after decompression is capped.
 */
import iconv from 'iconv-lite'
import { pipeline, type Readable } from 'node:stream'
import { createGunzip } from 'node:zlib'

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

/** Bytes of a file in any format that we read, plain or gzipped. */
export type FeedSource = Readable | AsyncIterable<Buffer>

/** `head` is the beginning of the text, decoded: long enough to tell formats apart. `text` begins with it. */
export type FeedText = { isXml: boolean; head: string; text: AsyncIterable<string> }

/** After decompression. The largest feeds met have some hundred megabytes. */
const maxBytes = 2 * 1024 ** 3
/** Exports begin with comments and long classifiers; tables with columns of plain digits. */
const headLength = 64 * 1024

/** @throws FeedError in words for what is no feed of any format. */
export async function openText(source: FeedSource): Promise<FeedText> {
  const { head, whole } = await unpack(source)
  if (head.length === 0) throw new FeedError(1, 'the file is empty')
  const { encoding, isXml } = sniff(head)
  async function* text(): AsyncGenerator<string> {
    const decoder = iconv.getDecoder(encoding)
    let size = 0
    for await (const bytes of whole) {
      size += bytes.length
      if (size > maxBytes) throw new FeedError(1, 'the feed is larger than 2 GB')
      yield decoder.write(bytes)
    }
    yield decoder.end() ?? ''
  }
  return { isXml, head: iconv.decode(head, encoding), text: text() }
}

/** The source with a first chunk long enough to look at, and without gzip. */
async function unpack(source: FeedSource, depth = 0): Promise<{ head: Buffer; whole: AsyncIterable<Buffer> }> {
  const chunks = (source as AsyncIterable<Buffer>)[Symbol.asyncIterator]()
  const parts: Buffer[] = []
  let length = 0
  // What is packed is recognised at once, and unpacked before more is read.
  while (length < headLength && !(length >= 2 && isGzip(parts[0] ?? Buffer.alloc(0)))) {
    const next = await chunks.next().catch((cause: unknown) => brokenArchive(cause, depth))
    if (next.done === true) break
    parts.push(Buffer.from(next.value))
    length += next.value.length
    if (length >= 2 && (parts[0]?.length ?? 0) < 2) parts.splice(0, parts.length, Buffer.concat(parts))
  }
  const head = Buffer.concat(parts)
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
  if (!isGzip(head)) return { head, whole: whole() }
  if (depth > 0) throw new FeedError(1, 'the file is a gzip archive inside a gzip archive')
  // Tears all of it down when one part fails or the reader stops early, the open file included.
  const gunzip = pipeline(whole, createGunzip(), () => {})
  return unpack(gunzip, depth + 1)
}

const isGzip = (head: Buffer) => head[0] === 0x1f && head[1] === 0x8b

function brokenArchive(cause: unknown, depth: number): never {
  if (depth === 0 || cause instanceof FeedError) throw cause
  throw new FeedError(1, 'the gzip archive is damaged or cut short', { cause })
}

/** What people send for a feed, by its first bytes. */
const others: [Buffer, string][] = [
  [
    Buffer.from('PK\u0003\u0004'),
    'this is a zip archive or an Excel workbook (.xlsx), not a feed: unpack it, or save the workbook as CSV',
  ],
  [Buffer.from([0xd0, 0xcf, 0x11, 0xe0]), 'this is an old Excel workbook (.xls), not a feed: save it as CSV'],
  [Buffer.from('%PDF-'), 'this is a PDF, not a feed'],
  [Buffer.from('Rar!'), 'this is a RAR archive, not a feed: unpack it'],
  [Buffer.from('7z\u00BC\u00AF', 'latin1'), 'this is a 7-Zip archive, not a feed: unpack it'],
  [Buffer.from([0x89, 0x50, 0x4e, 0x47]), 'this is a picture, not a feed'],
  [Buffer.from([0xff, 0xd8, 0xff]), 'this is a picture, not a feed'],
]

/** @throws FeedError in words for what is neither XML nor a table. */
function sniff(head: Buffer): { encoding: string; isXml: boolean } {
  for (const [bytes, reason] of others) {
    if (head.subarray(0, bytes.length).equals(bytes)) throw new FeedError(1, reason)
  }
  // iconv-lite drops the byte order mark itself.
  const wide = wideEncoding(head)
  const start = wide ? iconv.decode(head, wide).slice(0, 1024) : head.subarray(0, 1024).toString('latin1')
  const bare = start.replace(/^(?:ï»¿|\uFEFF)/, '')
  const text = bare.trimStart()
  const line = bare.slice(0, bare.length - text.length).split('\n').length
  if (/^<!doctype\s+html|^<html/i.test(text)) throw new FeedError(line, 'this is an HTML page, not a feed')
  if (/^[{[]/.test(text)) throw new FeedError(line, 'this is JSON, not a feed')
  const isXml = text.startsWith('<')
  if (wide) return { encoding: wide, isXml }
  if (!isXml && head.includes(0)) throw new FeedError(line, 'this is a file of bytes, not a feed')
  // The mark is written by who wrote the bytes, the declaration often by somebody else.
  if (head.subarray(0, 3).equals(Buffer.from([0xef, 0xbb, 0xbf]))) return { encoding: 'utf-8', isXml }
  const { characters, strays } = utf8In(head)
  const declared = isXml ? /^<\?xml[^>]*?\sencoding\s*=\s*["']\s*([\w.:-]+)/.exec(text)?.[1] : undefined
  // What we could read byte by byte cannot be in UTF-16, whatever it says.
  if (declared === undefined || /^(?:utf-?8|utf-?16|ucs-?2|utf-?32)/i.test(declared)) {
    return { encoding: strays > characters ? 'windows-1251' : 'utf-8', isXml }
  }
  const isKnown: boolean = iconv.encodingExists(declared)
  if (!isKnown) throw new FeedError(line, `unknown encoding "${declared}"`)
  return { encoding: characters > 10 * strays ? 'utf-8' : declared, isXml }
}

/**
 * Characters of several bytes as UTF-8 has them, and bytes above ASCII that are none. Hardly a text in another encoding
 * has the first without many more of the second; a text in UTF-8 that was cut or glued somewhere has a few of the second.
 */
function utf8In(head: Buffer): { characters: number; strays: number } {
  // One character may be cut at the end.
  const text = new TextDecoder('utf-8', { ignoreBOM: true }).decode(head, { stream: true })
  const replaced = text.split('\uFFFD').length - 1
  // Somebody before us may have replaced what they could not read.
  const written = head.toString('latin1').split('\u00EF\u00BF\u00BD').length - 1
  // eslint-disable-next-line no-control-regex -- what is not ASCII
  const beyond = (text.match(/[^\u0000-\u007F]/gu) ?? []).length
  return { characters: beyond - replaced + written, strays: replaced - written }
}

/** By the byte order mark, or without one by the zeros beside plain letters. */
function wideEncoding(head: Buffer): 'utf-16le' | 'utf-16be' | undefined {
  if (head[0] === 0xff && head[1] === 0xfe) return 'utf-16le'
  if (head[0] === 0xfe && head[1] === 0xff) return 'utf-16be'
  if (head[0] === 0x3c && head[1] === 0 && head[2] !== 0) return 'utf-16le'
  return head[0] === 0 && head[1] === 0x3c ? 'utf-16be' : undefined
}
