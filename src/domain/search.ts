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
 * Words to store in `Product.words`, for the SQL function `search_vector`.
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

/**
 * A query for `to_tsquery('pg_catalog.russian', …)`: all words must be there, the last may be half typed.
 * Holds letters, digits and our own operators only, so no input makes it invalid.
 * @returns an empty string when there is nothing to search for.
 */
export function toSearchQuery(text: string): string {
  const words = toWords(text).slice(0, maxQueryWords)
  return words
    .map(({ whole, parts }, at) => {
      const end = at === words.length - 1 ? ':*' : ''
      const all = parts.join(' & ') + end
      if (whole === undefined || parts.length === 1) return all
      return `(${whole}${end} | ${all})`
    })
    .join(' & ')
}

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
