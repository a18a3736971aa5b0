/**
 * Formatted text as Telegram reads it: HTML, MarkdownV2, legacy Markdown and explicit entities, the links and commands it
 * finds by itself, trimming, and the length rules. Offsets and lengths are UTF-16 units; "byte offset" in errors means
 * UTF-8 bytes of the text as sent. Behaviour after tdlib `MessageEntity.cpp`. Long because three markup languages share
 * one set of rules for links, nesting and trimming.
 */
import type { Entity, User } from './telegram-types.ts'
import { badRequest } from './telegram-types.ts'

export type Formatted = { text: string; entities: Entity[] }

type FindUser = (id: number) => User | undefined

/**
 * @param entities explicit ones; ignored when `parseMode` is given, as Telegram does
 * @throws TelegramError 400 for broken markup or entities
 */
export function formatText(
  source: string,
  parseMode: string | undefined,
  entities: unknown[] | undefined,
  findUser: FindUser,
): Formatted {
  const clean = source.replaceAll('\r', '').replace(/[^\P{Cc}\t\n\u007f-\u009f]/gu, ' ')
  let parsed: Formatted
  switch ((parseMode ?? '').toLowerCase()) {
    case '':
    case 'none':
      parsed = { text: clean, entities: entities ? checkEntities(entities, clean.length, findUser) : [] }
      break
    case 'html':
      parsed = parseHtml(clean, findUser)
      break
    case 'markdownv2':
      parsed = parseMarkdownV2(clean, findUser)
      break
    case 'markdown':
      parsed = parseMarkdown(clean, findUser)
      break
    default:
      throw badRequest('unsupported parse_mode')
  }
  return withFound(trimmed(parsed))
}

const fail = (what: string) => badRequest(`can't parse entities: ${what}`)

const byteOffset = (source: string, at: number): number => Buffer.byteLength(source.slice(0, at))

const isSpace = (char: string | undefined): boolean => char !== undefined && /\s/.test(char)

const tagTypes: Record<string, string> = {
  b: 'bold',
  strong: 'bold',
  i: 'italic',
  em: 'italic',
  u: 'underline',
  ins: 'underline',
  s: 'strikethrough',
  strike: 'strikethrough',
  del: 'strikethrough',
  'tg-spoiler': 'spoiler',
  span: 'spoiler',
  a: 'text_link',
  code: 'code',
  pre: 'pre',
  blockquote: 'blockquote',
  'tg-emoji': 'custom_emoji',
  'tg-time': 'date_time',
}

type OpenTag = { name: string; offset: number; attributes: Map<string, string> }

function parseHtml(source: string, findUser: FindUser): Formatted {
  if (!/[<&]/.test(source)) return { text: source, entities: [] }
  let text = ''
  let i = 0
  const open: OpenTag[] = []
  const entities: Entity[] = []
  while (i < source.length) {
    const char = source[i]
    if (char === '&') {
      const [decoded, next] = decodeHtmlEntity(source, i)
      text += decoded
      i = next
      continue
    }
    if (char !== '<') {
      text += char
      i++
      continue
    }
    const begin = i++
    if (source[i] === '/') {
      const last = open.pop()
      if (!last) throw fail(`Unexpected end tag at byte offset ${byteOffset(source, begin)}`)
      while (i < source.length && !isSpace(source[i]) && source[i] !== '>') i++
      const name = source.slice(begin + 2, i).toLowerCase()
      while (isSpace(source[i])) i++
      if (source[i] !== '>') throw fail(`Unclosed end tag at byte offset ${byteOffset(source, begin)}`)
      if (name !== '' && name !== last.name) {
        throw fail(
          `Unmatched end tag at byte offset ${byteOffset(source, begin)}, expected "</${last.name}>", found "</${name}>"`,
        )
      }
      i++
      closeTag(last, text, entities, findUser)
      continue
    }
    i = openTag(source, begin, text.length, open)
  }
  const unclosed = open.at(-1)
  if (unclosed) throw fail(`Can't find end tag corresponding to start tag "${unclosed.name}"`)
  return { text, entities: ordered(entities) }
}

/** Reads one start tag and returns where the text goes on. */
function openTag(source: string, begin: number, offset: number, open: OpenTag[]): number {
  let i = begin + 1
  while (i < source.length && !isSpace(source[i]) && source[i] !== '>') i++
  const at = byteOffset(source, begin)
  if (i >= source.length) throw fail(`Unclosed start tag at byte offset ${at}`)
  const name = source.slice(begin + 1, i).toLowerCase()
  if (!Object.hasOwn(tagTypes, name)) throw fail(`Unsupported start tag "${name}" at byte offset ${at}`)
  const attributes = new Map<string, string>()
  while (source[i] !== '>') {
    while (isSpace(source[i])) i++
    if (source[i] === '>') break
    const nameBegin = i
    while (i < source.length && !isSpace(source[i]) && source[i] !== '=' && source[i] !== '>') i++
    const attribute = source.slice(nameBegin, i).toLowerCase()
    if (i >= source.length && attribute === '') throw fail(`Unclosed start tag "${name}" at byte offset ${at}`)
    if (attribute === '') throw fail(`Empty attribute name in the tag "${name}" at byte offset ${at}`)
    while (isSpace(source[i])) i++
    if (source[i] !== '=') {
      if (i >= source.length) throw fail(`Unclosed start tag "${name}" at byte offset ${at}`)
      attributes.set(attribute, '')
      continue
    }
    i++
    while (isSpace(source[i])) i++
    if (i >= source.length) throw fail(`Unclosed start tag "${name}" at byte offset ${at}`)
    const quote = source[i]
    let value = ''
    if (quote === '"' || quote === "'") {
      i++
      while (i < source.length && source[i] !== quote) {
        if (source[i] === '&') {
          const [decoded, next] = decodeHtmlEntity(source, i)
          value += decoded
          i = next
        } else value += source[i++]
      }
      if (i >= source.length) throw fail(`Unclosed start tag at byte offset ${at}`)
      i++
    } else {
      const tokenBegin = i
      while (i < source.length && /[a-zA-Z0-9.-]/.test(source[i] ?? '')) i++
      value = source.slice(tokenBegin, i).toLowerCase()
      if (!isSpace(source[i]) && source[i] !== '>') {
        throw fail(`Unexpected end of name token at byte offset ${byteOffset(source, tokenBegin)}`)
      }
    }
    attributes.set(attribute, value)
  }
  if (name === 'span' && attributes.get('class') !== 'tg-spoiler') {
    throw fail(`Tag "span" must have class "tg-spoiler" at byte offset ${at}`)
  }
  open.push({ name, offset, attributes })
  return i + 1
}

function closeTag(tag: OpenTag, text: string, entities: Entity[], findUser: FindUser): void {
  const length = text.length - tag.offset
  if (length === 0) return
  const entity: Entity = { type: tagTypes[tag.name] ?? '', offset: tag.offset, length }
  const { attributes } = tag
  switch (tag.name) {
    case 'a': {
      const link = linkEntity(attributes.get('href') || text.slice(tag.offset), tag.offset, length, findUser)
      if (link) entities.push(link)
      return
    }
    case 'code': {
      const className = attributes.get('class')
      if (className?.startsWith('language-')) entity.language = className.slice('language-'.length)
      break
    }
    case 'pre': {
      const inner = entities.at(-1)
      if (inner?.type === 'code' && inner.offset === tag.offset && inner.length === length) {
        entities.pop()
        if (inner.language !== undefined) entity.language = inner.language
      }
      break
    }
    case 'blockquote':
      if (attributes.has('expandable')) entity.type = 'expandable_blockquote'
      break
    case 'tg-emoji':
      entity.custom_emoji_id = attributes.get('emoji-id') ?? ''
      break
    case 'tg-time': {
      entity.unix_time = Number(attributes.get('unix') ?? 0)
      const format = attributes.get('format')
      if (format !== undefined) entity.date_time_format = format
      break
    }
    default:
  }
  entities.push(entity)
}

const htmlNames: Record<string, string> = { lt: '<', gt: '>', amp: '&', quot: '"' }

/** Only `&lt; &gt; &amp; &quot;` and numbers are known; anything else stays as it is. */
function decodeHtmlEntity(source: string, at: number): [string, number] {
  const match = /^&(?:#x([0-9a-f]{1,8})|#(\d{1,8})|(lt|gt|amp|quot)(?![a-z]));?/i.exec(source.slice(at, at + 16))
  if (!match) return ['&', at + 1]
  const [whole, hex, decimal, name] = match
  if (name !== undefined) {
    const char = htmlNames[name]
    return char === undefined ? ['&', at + 1] : [char, at + whole.length]
  }
  const code = hex === undefined ? Number(decimal) : Number.parseInt(hex, 16)
  if (code === 0 || code >= 0x10ffff) return ['&', at + 1]
  return [String.fromCodePoint(code), at + whole.length]
}

/** A link to `tg://user?id=…` is a mention; a link that is no URL gives no entity at all, as with Telegram. */
function linkEntity(url: string, offset: number, length: number, findUser: FindUser): Entity | undefined {
  const mention = /^tg:\/\/user\?id=(\d{1,16})$/.exec(url)
  if (mention) {
    const user = findUser(Number(mention[1]))
    return user && { type: 'text_mention', offset, length, user }
  }
  const withScheme = /^[a-z][a-z0-9+.-]*:/i.test(url) ? url : `http://${url}`
  if (!URL.canParse(withScheme)) return undefined
  const parsed = new URL(withScheme)
  if (!/^(https?|tg|ton|tonsite):$/.test(parsed.protocol)) return undefined
  if (parsed.protocol.startsWith('http') && !/[.:]|^localhost$/.test(parsed.hostname)) return undefined
  return { type: 'text_link', offset, length, url: parsed.href }
}

const v2Names = new Map([
  ['*', 'Bold'],
  ['_', 'Italic'],
  ['__', 'Underline'],
  ['~', 'Strikethrough'],
  ['||', 'Spoiler'],
  ['[', 'TextUrl'],
  ['![', 'CustomEmoji'],
  ['`', 'Code'],
  ['```', 'Pre'],
])

const v2Types = new Map([
  ['*', 'bold'],
  ['_', 'italic'],
  ['__', 'underline'],
  ['~', 'strikethrough'],
  ['||', 'spoiler'],
])

function parseMarkdownV2(source: string, findUser: FindUser): Formatted {
  let text = ''
  let i = 0
  let quote: { offset: number; expandable: boolean } | undefined
  const open: { mark: string; offset: number; at: number }[] = []
  const entities: Entity[] = []
  const endQuote = () => {
    if (!quote) return
    const length = text.length - quote.offset
    if (length > 0) {
      const type = quote.expandable ? 'expandable_blockquote' : 'blockquote'
      entities.push({ type, offset: quote.offset, length })
    }
    quote = undefined
  }
  while (i < source.length) {
    const char = source[i] ?? ''
    const inside = open.at(-1)
    if (inside?.mark === '`' || inside?.mark === '```') {
      if (source.startsWith(inside.mark, i)) {
        open.pop()
        i += inside.mark.length
        pushCode(inside.mark, inside.offset, text, entities, (shorter) => (text = shorter))
        continue
      }
      if (char === '\\' && /[`\\]/.test(source[i + 1] ?? '')) i++
      text += source[i++]
      continue
    }
    if (char === '\\' && i + 1 < source.length && source.charCodeAt(i + 1) > 0 && source.charCodeAt(i + 1) <= 126) {
      text += source[i + 1]
      i += 2
      continue
    }
    const atLineStart = i === 0 || source[i - 1] === '\n'
    if (atLineStart && quote && char !== '>') endQuote()
    if (atLineStart && char === '>') {
      quote ??= { offset: text.length, expandable: false }
      i++
      continue
    }
    if (atLineStart && source.startsWith('**>', i)) {
      endQuote()
      quote = { offset: text.length, expandable: false }
      i += 3
      continue
    }
    const lineEnds = i + 2 >= source.length || source[i + 2] === '\n'
    if (quote && source.startsWith('||', i) && lineEnds && inside?.mark !== '||') {
      quote.expandable = true
      i += 2
      continue
    }
    const mark =
      ['```', '__', '||', '!['].find((two) => source.startsWith(two, i)) ?? ('*_~`['.includes(char) ? char : undefined)
    if (mark !== undefined) {
      // `_` closes before `__` opens: "_a__" is an error of Telegram's own kind, "__a__" is underlined.
      const opened = inside?.mark
      if (opened === mark && v2Types.has(mark)) {
        open.pop()
        i += mark.length
        const length = text.length - (inside?.offset ?? 0)
        if (length > 0) entities.push({ type: v2Types.get(mark) ?? '', offset: inside?.offset ?? 0, length })
        continue
      }
      open.push({ mark, offset: text.length, at: i })
      i += mark.length
      continue
    }
    if (char === ']' && (inside?.mark === '[' || inside?.mark === '![')) {
      open.pop()
      i++
      const length = text.length - inside.offset
      let url = text.slice(inside.offset)
      if (source[i] === '(') {
        const begin = i++
        url = ''
        while (i < source.length && source[i] !== ')') {
          if (source[i] === '\\' && i + 1 < source.length) i++
          url += source[i++]
        }
        if (source[i] !== ')') throw fail(`Can't find end of a URL at byte offset ${byteOffset(source, begin)}`)
        i++
      }
      if (length > 0) {
        const emoji = /^tg:\/\/emoji\?id=(\d+)$/.exec(url)?.[1]
        const entity: Entity | undefined =
          emoji === undefined
            ? linkEntity(url, inside.offset, length, findUser)
            : { type: 'custom_emoji', offset: inside.offset, length, custom_emoji_id: emoji }
        if (entity) entities.push(entity)
      }
      continue
    }
    if ('_*[]()~`>#+-=|{}.!'.includes(char)) {
      throw fail(`Character '${char}' is reserved and must be escaped with the preceding '\\'`)
    }
    text += char
    i++
  }
  endQuote()
  const unclosed = open.at(-1)
  if (unclosed) {
    throw fail(
      `Can't find end of ${v2Names.get(unclosed.mark)} entity at byte offset ${byteOffset(source, unclosed.at)}`,
    )
  }
  return { text, entities: ordered(entities) }
}

/** The first word of a fenced block on a line of its own is its language and no text. */
function pushCode(
  mark: string,
  offset: number,
  text: string,
  entities: Entity[],
  replaceText: (text: string) => void,
): void {
  let body = text.slice(offset)
  const entity: Entity = { type: mark === '`' ? 'code' : 'pre', offset, length: body.length }
  if (mark === '```') {
    const language = /^([^\s`]+)?\n/.exec(body)
    if (language) {
      body = body.slice(language[0].length)
      if (language[1] !== undefined) entity.language = language[1]
      replaceText(text.slice(0, offset) + body)
    }
  }
  entity.length = body.length
  if (body.length > 0) entities.push(entity)
}

/** The old Markdown: no nesting, `\` escapes only `_*`[`. */
function parseMarkdown(source: string, findUser: FindUser): Formatted {
  let text = ''
  let i = 0
  const entities: Entity[] = []
  while (i < source.length) {
    const char = source[i] ?? ''
    if (char === '\\' && '_*`['.includes(source[i + 1] ?? ' ')) {
      text += source[i + 1]
      i += 2
      continue
    }
    if (!'_*`['.includes(char)) {
      text += char
      i++
      continue
    }
    const mark = source.startsWith('```', i) ? '```' : char
    const closing = mark === '[' ? ']' : mark
    const end = source.indexOf(closing, i + mark.length)
    if (end < 0) throw fail(`Can't find end of the entity starting at byte offset ${byteOffset(source, i)}`)
    const body = source.slice(i + mark.length, end)
    const offset = text.length
    text += body
    i = end + closing.length
    if (mark === '[') {
      const url = /^\(([^)]*)\)/.exec(source.slice(i))
      if (url) i += url[0].length
      const entity = url && body !== '' ? linkEntity(url[1] ?? '', offset, body.length, findUser) : undefined
      if (entity) entities.push(entity)
    } else if (mark === '`' || mark === '```') pushCode(mark, offset, text, entities, (shorter) => (text = shorter))
    else if (body !== '') entities.push({ type: mark === '*' ? 'bold' : 'italic', offset, length: body.length })
  }
  return { text, entities: ordered(entities) }
}

const plainTypes = new Set([
  'bold',
  'italic',
  'underline',
  'strikethrough',
  'spoiler',
  'blockquote',
  'expandable_blockquote',
  'code',
  'pre',
  'text_link',
  'text_mention',
  'custom_emoji',
  'date_time',
])
const foundTypes = new Set(['mention', 'hashtag', 'cashtag', 'bot_command', 'url', 'email', 'phone_number'])

function checkEntities(raw: unknown[], length: number, findUser: FindUser): Entity[] {
  const entities: Entity[] = []
  for (const value of raw) {
    const failed = (what: string) => badRequest(`can't parse MessageEntity: ${what}`)
    if (typeof value !== 'object' || value === null) throw failed('expected an Object')
    const entity = value as Partial<Record<keyof Entity, unknown>>
    const { type, offset, length: size } = entity
    if (typeof type !== 'string') throw failed('Field "type" must be of type String')
    if (typeof offset !== 'number') throw failed('Field "offset" must be of type Number')
    if (typeof size !== 'number') throw failed('Field "length" must be of type Number')
    if (foundTypes.has(type)) continue
    if (!plainTypes.has(type)) throw failed('Unsupported type specified')
    // Telegram cuts what reaches past the end and forgets what is empty.
    const end = Math.min(length, Math.trunc(offset) + Math.trunc(size))
    if (offset < 0 || end <= offset) continue
    const read: Entity = { type, offset: Math.trunc(offset), length: end - Math.trunc(offset) }
    if (type === 'text_link') {
      if (typeof entity.url !== 'string') throw failed('Field "url" must be of type String')
      const link = linkEntity(entity.url, read.offset, read.length, findUser)
      if (link) entities.push(link)
      continue
    }
    if (type === 'text_mention') {
      const user = findUser((entity.user as { id?: number } | undefined)?.id ?? 0)
      if (user) entities.push({ ...read, user })
      continue
    }
    if (typeof entity.language === 'string') read.language = entity.language
    if (typeof entity.custom_emoji_id === 'string') read.custom_emoji_id = entity.custom_emoji_id
    entities.push(read)
  }
  return ordered(entities)
}

/** By beginning, the longer (outer) one first; nothing else lives inside code. */
function ordered(entities: Entity[]): Entity[] {
  if (entities.length < 2) return entities
  const code = entities.filter(({ type }) => type === 'code' || type === 'pre')
  const isInsideCode = (entity: Entity) =>
    code.some(
      (outer) =>
        outer !== entity &&
        outer.offset <= entity.offset &&
        outer.offset + outer.length >= entity.offset + entity.length &&
        !(code.includes(entity) && outer.length === entity.length),
    )
  const kept = code.length > 0 ? entities.filter((entity) => !isInsideCode(entity)) : entities
  return kept.sort((a, b) => a.offset - b.offset || b.length - a.length)
}

/** Telegram cuts white space at both ends. */
function trimmed({ text, entities }: Formatted): Formatted {
  const short = text.trim()
  if (short.length === text.length) return { text, entities }
  const cut = text.length - text.trimStart().length
  const moved: Entity[] = []
  for (const entity of entities) {
    const begin = Math.max(0, entity.offset - cut)
    const end = Math.min(short.length, entity.offset + entity.length - cut)
    if (end > begin) moved.push({ ...entity, offset: begin, length: end - begin })
  }
  return { text: short, entities: moved }
}

const found =
  /(?<email>\b[\w.+-]+@[\w-]+(?:\.[\w-]+)+\b)|(?<url>\b(?:https?:\/\/|www\.|t\.me\/)[^\s<>"']*[^\s<>"'.,:;!?)\]}])|(?<![\p{L}\p{N}_])(?<mention>@[a-zA-Z0-9_]{2,32}\b)|(?<![\p{L}\p{N}_])(?<hashtag>#[\p{L}\p{N}_]*\p{L}[\p{L}\p{N}_]*)|(?<![\p{L}\p{N}_/<>])(?<command>\/[a-zA-Z0-9_]{1,64}(?:@[a-zA-Z0-9_]{3,32})?)(?![\p{L}\p{N}_/<>])/gu

/** Adds what Telegram finds by itself: addresses, mentions, hashtags, commands; never inside links and code. */
function withFound({ text, entities }: Formatted): Formatted {
  if (!/[@#/]|www\./.test(text)) return { text, entities }
  const added: Entity[] = []
  for (const match of text.matchAll(found)) {
    const offset = match.index
    const length = match[0].length
    const taken = entities.some(
      ({ type, offset: begin, length: size }) =>
        /^(code|pre|text_link|text_mention)$/.test(type) && begin < offset + length && offset < begin + size,
    )
    if (taken) continue
    const groups = match.groups ?? {}
    const type =
      groups['email'] !== undefined
        ? 'email'
        : groups['url'] !== undefined
          ? 'url'
          : groups['mention'] !== undefined
            ? 'mention'
            : groups['hashtag'] !== undefined
              ? 'hashtag'
              : 'bot_command'
    added.push({ type, offset, length })
  }
  return added.length === 0 ? { text, entities } : { text, entities: ordered([...entities, ...added]) }
}
