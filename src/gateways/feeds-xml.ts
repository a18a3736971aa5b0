/**
 * Reads XML as a stream, record by record: whatever the size of the file, no more than one record is in memory. No DTD is
 * expanded and no entity fetched (sax knows neither), and depth, length and number of everything are capped. Broken markup
 * costs the record that it is in and no other one; between records it ends the file, for then nobody knows where one begins.
 */
import sax from 'sax'
import { cut } from '#domain/feed-text.ts'
import { FeedError } from './feeds-bytes.ts'
import { saxWriter } from './feeds-sax.ts'

/** Names of elements and attributes are in small letters. `text` has that of all elements within. */
export type XmlNode = {
  name: string
  attributes: Record<string, string>
  line: number
  text: string
  children: XmlNode[]
}

/** A node with all within it; `defect` says in words why it could not be read whole. */
export type XmlRecord = XmlNode & { defect: string | undefined }

/** What a format reads. `path` has the names of all open elements, the present one last. */
export type XmlFormat = {
  isRecord(path: readonly string[]): boolean
  /** @throws FeedError by `fail` when nothing after this can be read. */
  record(node: XmlRecord, path: readonly string[], fail: (reason: string) => void): void
  /** Elements outside of records. */
  open?(path: readonly string[], attributes: Record<string, string>, fail: (reason: string) => void): void
  close?(path: readonly string[]): void
}

const maxDepth = 32
const maxAttributes = 50
const maxTextLength = 100_000
const maxNodesPerRecord = 1000
/** In characters of text and attributes. */
const maxRecordLength = 2_000_000
/** Beyond these sax itself would fill the memory or take for ever, whatever we keep. */
const maxOpen = 200
const maxAttributesRead = 5000
const maxErrors = 1_000_000

/** Markup of descriptions that forgot their CDATA: nobody closes all of it, and without it the text is the same. */
const htmlNames =
  /^(?:a|b|i|u|s|p|br|hr|img|wbr|div|span|font|center|strong|em|small|big|sub|sup|ul|ol|li|dl|dt|dd|h[1-6]|table|tbody|thead|tr|td|th|blockquote)$/i
/** Those that have no end. */
const voidNames = /^(?:br|hr|img|wbr)$/

/** The state between two pieces of text. `end` returns the last line. Both throw FeedError. */
export function xmlReader(format: XmlFormat): { write(text: string): void; end(): number } {
  // `id=1` means what it says.
  const options: sax.SAXOptions & { unquotedAttributeValues: boolean } = {
    position: true,
    unquotedAttributeValues: true,
  }
  const parser = sax.parser(true, options)
  /** What its types leave out: the open elements, as `path` has them, and the name that is being closed. */
  const state = parser as unknown as { tags: { name: string }[]; tagName: string; closedRoot: boolean }
  let failure: FeedError | undefined
  const path: string[] = []
  /** The record and what is open within it. */
  const open: XmlNode[] = []
  let defect: string | undefined
  let nodes = 0
  let size = 0
  let tagLine = 1
  let attributeCount = 0
  let isInTag = false
  let tagDefect: string | undefined
  let errors = 0
  let isEnding = false
  const recordNames = new Set<string>()

  const fail = (reason: string, line = parser.line + 1) => {
    failure ??= new FeedError(line, reason)
  }
  const failAtTag = (reason: string) => fail(reason, tagLine)

  // eslint-disable-next-line unicorn/prefer-add-event-listener -- sax has properties only
  parser.onerror = (error) => {
    // A bare "&" or an unknown entity is common and harmless: sax keeps it as it stands.
    const message = error.message.split('\n')[0] ?? 'not well-formed'
    parser.error = null as unknown as Error
    if (/entity/i.test(message)) return
    if (++errors > maxErrors) return fail(`broken XML in more than ${maxErrors} places`)
    if (/unclosed root/i.test(message)) return fail('the file breaks off: not all elements are closed')
    if (/max buffer/i.test(message)) return fail(`broken XML: ${message}`)
    if (isEnding) {
      if (!state.closedRoot || open.length > 0) fail(`broken XML: ${message}`)
    } else if (isInTag) {
      if (!/no whitespace between/i.test(message)) tagDefect ??= `broken XML: ${message}`
    } else if (open.length === 0) {
      // Programs write their own complaints below what they have made. A second end of a record ends nothing.
      const isHarmless = state.closedRoot || (isStray() && recordNames.has(state.tagName.toLowerCase()))
      if (!isHarmless) fail(`broken XML: ${message}`)
    } else if (/clos(?:e|ing) tag: |close tag$/i.test(message)) {
      defect ??= closingDefect()
    } else if (!/unencoded <|malformed comment/i.test(message)) {
      defect ??= `broken XML: ${message}`
    }
  }
  const isStray = () => !state.tags.some(({ name }) => name === state.tagName)
  /** What is wrong with an end within a record, when it is not that of the innermost element. sax closes all in between. */
  const closingDefect = (): string | undefined => {
    const { tags, tagName } = state
    if (isStray()) return htmlNames.test(tagName) ? undefined : `broken XML: </${cut(tagName, 40)}> ends nothing`
    const record = tags.length - open.length
    const closed = tags.findLastIndex(({ name }) => name === tagName)
    const between = tags.slice(Math.max(closed + 1, record)).map(({ name }) => name)
    if (closed > record && between.every((name) => htmlNames.test(name))) return undefined
    return `broken XML: <${cut(between[0] ?? '', 40)}> is not closed`
  }
  parser.onopentagstart = () => {
    tagLine = parser.line + 1
    attributeCount = 0
    isInTag = true
    tagDefect = undefined
  }
  parser.onattribute = () => {
    if (++attributeCount > maxAttributes) tagDefect ??= `an element with more than ${maxAttributes} attributes`
    if (attributeCount > maxAttributesRead) fail(`an element with more than ${maxAttributesRead} attributes`)
  }
  const onText = (piece: string) => {
    const node = open.at(-1)
    // The record's own text stands between its fields.
    if (!node || failure || (open.length === 1 && node.children.length > 0)) return
    add(node, piece)
  }
  const add = (node: XmlNode, piece: string) => {
    if (!fits(piece.length)) return
    if (node.text.length + piece.length <= maxTextLength) node.text += piece
    else defect ??= `<${node.name}> is longer than ${maxTextLength} characters`
  }
  const fits = (length: number): boolean => {
    size += length
    if (size <= maxRecordLength) return true
    defect ??= `longer than ${maxRecordLength} characters`
    return false
  }
  // eslint-disable-next-line unicorn/prefer-add-event-listener -- sax has properties only
  parser.ontext = onText
  parser.oncdata = onText

  parser.onopentag = (tag) => {
    if (failure) return
    const name = tag.name.toLowerCase()
    let attributes: Record<string, string> = {}
    let length = 0
    for (const key in tag.attributes) {
      const value = tag.attributes[key]
      // Objects are what sax makes of namespaces, which are not asked for.
      if (typeof value !== 'string') continue
      attributes[key.toLowerCase()] = value
      length += key.length + value.length
    }
    isInTag = false
    if (open[0]?.name === name) endUnclosed(open[0])
    const parent = open.at(-1)
    if (parent && open.length > 1 && !tag.isSelfClosing && voidNames.test(name)) {
      state.tags.pop()
      add(parent, '\n')
      return
    }
    path.push(name)
    if (parent) {
      if (path.length > maxOpen) return fail(`elements nested deeper than ${maxOpen}`)
      if (path.length > maxDepth) defect ??= `elements nested deeper than ${maxDepth}`
      // Elsewhere in a record a broken tag may be that of a price.
      if (tagDefect !== undefined && (open.length === 1 || !htmlNames.test(name))) defect ??= tagDefect
      if (!fits(length)) attributes = {}
      const node = { name, attributes, line: tagLine, text: '', children: [] }
      open.push(node)
      if (++nodes > maxNodesPerRecord) defect ??= `more than ${maxNodesPerRecord} elements`
      else if (size <= maxRecordLength) parent.children.push(node)
    } else if (path.length > maxDepth) {
      fail(`elements nested deeper than ${maxDepth}`)
    } else if (format.isRecord(path)) {
      recordNames.add(name)
      defect = tagDefect
      nodes = 0
      size = 0
      if (!fits(length)) attributes = {}
      open.push({ name, attributes, line: tagLine, text: '', children: [] })
    } else {
      if (tagDefect !== undefined && !state.closedRoot) failAtTag(tagDefect)
      format.open?.(path, attributes, failAtTag)
    }
  }
  /** A record does not hold another of its kind: its end was forgotten, and all that follows would be lost in it. */
  const endUnclosed = (record: XmlNode) => {
    const count = open.length
    defect ??= `broken XML: <${record.name}> is not closed`
    path.length -= count - 1
    format.record({ ...record, defect }, path, (reason) => fail(reason, record.line))
    path.pop()
    open.length = 0
    // The last is the one that begins.
    state.tags.splice(-1 - count, count)
  }

  parser.onclosetag = () => {
    if (failure) return
    const node = open.pop()
    const parent = open.at(-1)
    if (node && parent) {
      // Markup inside a description that forgot its CDATA.
      if (open.length > 1) add(parent, ` ${node.text} `)
    } else if (node) {
      format.record({ ...node, defect }, path, (reason) => fail(reason, node.line))
    } else {
      format.close?.(path)
    }
    path.pop()
  }

  const check = () => {
    if (failure) throw failure
  }
  const write = saxWriter(parser)
  return {
    write(piece) {
      write(piece)
      check()
    },
    end() {
      // Closing resets the parser, its line included.
      const line = parser.line + 1
      isEnding = true
      parser.close()
      check()
      return line
    },
  }
}

/** The text of the first such element within. */
export function childText(node: XmlNode | undefined, name: string): string {
  return childOf(node, name)?.text.trim() ?? ''
}

export function childOf(node: XmlNode | undefined, name: string): XmlNode | undefined {
  return node?.children.find((child) => child.name === name)
}

export function childrenOf(node: XmlNode | undefined, name: string): XmlNode[] {
  return node?.children.filter((child) => child.name === name) ?? []
}
