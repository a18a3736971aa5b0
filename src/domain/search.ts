/**
 * The same folding for what is stored and what is asked, so that the two meet in PostgreSQL's full-text search.
 * PostgreSQL stems Russian and English; Chinese has no spaces, so it is cut into overlapping pairs of characters.
 */

/** PostgreSQL refuses a query word over 2,047 bytes, and nobody searches for longer words than this. */
const maxWordLength = 64
const maxQueryWords = 16
/** A tsvector holds 1 MB; this is far below it in any script. */
const maxWordsLength = 40_000

/** One word as typed, and what it falls apart into: `256гб` → 256, гб; `wi-fi` → wi, fi; `电水壶` → 电水, 水壶. */
type Word = { whole: string | undefined; parts: string[]; singles: string[] }

/**
 * Words to store in `Product.words`, for the SQL function `listing_search`.
 * @returns letters and digits with single spaces; repeated words are kept once.
 */
export function toSearchWords(text: string): string {
  const words = new Set<string>()
  for (const { whole, parts, singles } of toWords(text)) {
    if (whole !== undefined) words.add(whole)
    for (const part of [...parts, ...singles]) words.add(part)
  }
  const joined = [...words].join(' ')
  return joined.length <= maxWordsLength ? joined : joined.slice(0, joined.lastIndexOf(' ', maxWordsLength))
}

/** A word of a query, folded: what it is called in a vocabulary, and what it falls apart into. */
export type QueryWord = {
  text: string
  parts: string[]
  /** Letters without digits in an alphabet: what can be mistyped, inflected and written in another one. */
  isLetters: boolean
}

/** The words of a query, at most as many as are searched for. */
export function queryWords(text: string): QueryWord[] {
  return toWords(text)
    .slice(0, maxQueryWords)
    .map(({ whole, parts }) => {
      const isChinese = chinese.test(parts[0] ?? '')
      const isLetters = !isChinese && parts.every((part) => !/\p{N}/u.test(part))
      return { text: whole ?? (isChinese ? chineseText(parts) : parts.join('')), parts, isLetters }
    })
}

/** Pairs overlap: 热水, 水壶 → 热水壶. */
function chineseText(pairs: readonly string[]): string {
  return pairs.map((pair, at) => (at === 0 ? pair : Array.from(pair).slice(1).join(''))).join('')
}

/**
 * For `to_tsquery('pg_catalog.russian', …)`: this one word, however it is glued and with its unit in either alphabet.
 * Holds letters, digits and our own operators only, so no input makes it invalid.
 * @param isHalfTyped words that only begin so are meant, too.
 */
export function wordQuery({ text, parts }: QueryWord, isHalfTyped = false): string {
  const end = isHalfTyped ? ':*' : ''
  const isGlued = parts.length > 1 && text === parts.join('')
  const number = isGlued && /^\p{N}+$/u.test(parts[0] ?? '')
  const choices = parts.map((part, at) => [
    part,
    ...((at > 0 && number) || part.length > 1 ? (unitNames.get(part) ?? []) : []),
  ])
  const last = choices.length - 1
  const all = choices.map((names, at) => orOf(names.map((name) => name + (at === last ? end : '')))).join(' & ')
  if (!isGlued) return choices.length > 1 ? `(${all})` : all
  const wholes = [
    text,
    ...(parts.length === 2 && number ? (unitNames.get(parts[1] ?? '') ?? []).map((name) => `${parts[0]}${name}`) : []),
  ]
  return `(${[...wholes.map((name) => name + end), all].join(' | ')})`
}

function orOf(names: readonly string[]): string {
  return names.length === 1 ? (names[0] ?? '') : `(${names.join(' | ')})`
}

/** The same units in either alphabet; those of one letter are meant behind a number only. */
const units: readonly (readonly string[])[] = [
  ['гб', 'gb'],
  ['тб', 'tb'],
  ['мб', 'mb'],
  ['кб', 'kb'],
  ['гц', 'hz'],
  ['ггц', 'ghz'],
  ['мгц', 'mhz'],
  ['кг', 'kg'],
  ['г', 'гр', 'g'],
  ['мг', 'mg'],
  ['л', 'l'],
  ['мл', 'ml'],
  ['м', 'm'],
  ['см', 'cm'],
  ['мм', 'mm'],
  ['км', 'km'],
  ['вт', 'w', 'watt'],
  ['квт', 'kw'],
  ['в', 'v'],
  ['мач', 'mah'],
  ['а', 'a'],
  ['шт', 'pcs'],
  ['дб', 'db'],
  ['мп', 'mp'],
  ['дюйм', 'дюйма', 'дюймов', 'inch'],
]
const unitNames = new Map(
  units.flatMap((names) => names.map((name) => [name, names.filter((other) => other !== name)])),
)

const glued = /[\p{L}\p{N}\p{M}]+(?:[-‐‑'’][\p{L}\p{N}\p{M}]+)*/gu
const chinese = /[\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}]/u
const runs =
  /[\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}]+|[^\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}]+/gu
const pieces = /\p{N}+|[^\p{N}]+/gu

function toWords(text: string): Word[] {
  const folded = text.normalize('NFKC').toLowerCase().replaceAll('ё', 'е')
  return [...folded.matchAll(glued)].flatMap(([match]): Word[] => {
    return (match.match(runs) ?? []).flatMap((run) => {
      if (chinese.test(run)) return chineseWord(run)
      const parts = run.split(/[^\p{L}\p{N}\p{M}]+/u).flatMap((part) => part.match(pieces) ?? [])
      // A hyphen between two Chinese words is a run without a word in it.
      return parts.length === 0 ? [] : plainWord(parts)
    })
  })
}

function plainWord(parts: string[]): Word {
  const short = parts.map(shorten)
  return { whole: short.length === 1 ? undefined : shorten(parts.join('')), parts: short, singles: [] }
}

function chineseWord(run: string): Word {
  const characters = Array.from(run).slice(0, 200)
  const pairs = characters.slice(1).map((character, at) => `${characters[at] ?? ''}${character}`)
  return { whole: undefined, parts: pairs.length === 0 ? characters : pairs, singles: characters }
}

function shorten(word: string): string {
  return Array.from(word).slice(0, maxWordLength).join('')
}
