/** Texts of feeds: what people wrote for the web, as plain text in the languages we have. */

export const feedLanguages = ['ru', 'en', 'zh'] as const
export type FeedLanguage = (typeof feedLanguages)[number]
/** A text by language; what carries no language in a feed is taken as Russian. */
export type Texts = Partial<Record<FeedLanguage, string>>

/** The language of an element by `xml:lang`; undefined for a language we do not speak. */
export function textLanguage(attributes: Record<string, string>): FeedLanguage | undefined {
  const tag = attributes['xml:lang'] ?? attributes['lang']
  if (tag === undefined) return 'ru'
  const code = tag.toLowerCase().split(/[-_]/)[0]
  return feedLanguages.find((language) => language === code)
}

/** What is not a single plain space between words: matching those as well would be most of the work of a long text. */
const untidy =
  // eslint-disable-next-line no-control-regex -- control characters are what is removed
  /[\s\u0000-\u001F\u007F\u200B\uFEFF\p{Surrogate}]{2,}|[^\S ]|[\u0000-\u001F\u007F\u200B\uFEFF\p{Surrogate}]/gu

/** Whether there is anything untidy, in a pattern that is quick to say no: most texts of a feed are tidy. */
const suspicious =
  // eslint-disable-next-line no-control-regex -- control characters are what is looked for
  /[\u0000-\u001F\u007F\u00A0\u1680\u2000-\u200B\u2028\u2029\u202F\u205F\u3000\uD800-\uDFFF\uFEFF]| {2}/

/** One line, single spaces, nothing that PostgreSQL refuses (control characters, halves of characters). */
export function squeeze(text: string): string {
  return (suspicious.test(text) ? text.replace(untidy, ' ') : text).trim()
}

/** Never in the middle of a character. */
export function cut(text: string, length: number): string {
  if (text.length <= length) return text
  const whole = text.slice(0, length)
  return (/[\uD800-\uDBFF]$/.test(whole) ? whole.slice(0, -1) : whole).trimEnd()
}

const namedEntities: Record<string, string> = {
  amp: '&',
  lt: '<',
  gt: '>',
  quot: '"',
  apos: "'",
  nbsp: ' ',
  laquo: '«',
  raquo: '»',
  mdash: '—',
  ndash: '–',
  hellip: '…',
  bull: '•',
  deg: '°',
  times: '×',
  copy: '©',
  reg: '®',
  trade: '™',
  rsquo: '’',
  lsquo: '‘',
  ldquo: '“',
  rdquo: '”',
}

/** HTML to plain text: line ends where blocks end, no scripts, entities decoded once. Linear in the length of the text. */
export function htmlToText(html: string): string {
  if (!/[<&\r\n]/.test(html)) return squeeze(html)
  const [head = '', ...rest] = html.split('<')
  let text = head
  let skipping: string | undefined
  for (const piece of rest) {
    const end = piece.indexOf('>')
    const tag = /^\/?([a-z][a-z0-9]*)(?=[\s/>])|^!/i.exec(piece)
    if (!tag || end < 0) {
      // "temperature < 5" is not a tag.
      if (skipping === undefined) text += `<${piece}`
      continue
    }
    const name = (tag[1] ?? '').toLowerCase()
    const isClosing = piece.startsWith('/')
    if (skipping !== undefined) {
      if (!isClosing || name !== skipping) continue
      skipping = undefined
    } else if (!isClosing && (name === 'script' || name === 'style')) {
      skipping = name
      continue
    }
    if (name === 'li' && !isClosing) text += '\n• '
    else if (/^(?:br|p|div|tr|ul|ol|h[1-6]|table|section)$/.test(name)) text += '\n'
    else if (name === 'td' || name === 'th') text += ' '
    text += piece.slice(end + 1)
  }
  return decodeEntities(text)
    .replace(/\r\n?/g, '\n')
    .split('\n')
    .map(squeeze)
    .join('\n')
    .replace(/\n{3,}/g, '\n\n')
    .replace(/(?:^|\n)•(?=\n|$)/g, '')
    .trim()
}

function decodeEntities(text: string): string {
  return text.replace(/&(?:#(\d{1,7})|#x([\da-f]{1,6})|([a-z]{2,8}));/gi, (whole, decimal, hex, name) => {
    if (name !== undefined) return namedEntities[String(name).toLowerCase()] ?? whole
    const code = decimal === undefined ? Number.parseInt(String(hex), 16) : Number(decimal)
    const isText = code >= 32 && code <= 0x10ffff && !(code >= 0xd800 && code <= 0xdfff)
    return isText ? String.fromCodePoint(code) : ' '
  })
}
