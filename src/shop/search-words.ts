/** What somebody means by what they typed: repaired by what the catalogue knows, with other names of the same things. */
import { cutsOf, likeliest, otherLayout, otherNames, typosOf } from '#domain/query-repair.ts'
import { queryWords, wordQuery, type QueryWord } from '#domain/search.ts'
import type { Client } from '#store/db.ts'
import { findAlike, findBestWith, lookUp, type KnownWord } from '#store/search-words.ts'

export type Understood = {
  /** As they are shown. */
  words: string[]
  /** Of each word, for PostgreSQL. */
  groups: string[]
  /** How many goods have each, about; of a half typed one nobody knows. */
  uses: number[]
  /** How many goods there are, about. */
  goods: number
  /** The same with the synonyms of a shop. */
  ofSellers: { sellerId: number; groups: string[] }[]
  /** What was searched instead of what was typed. */
  shown?: string
}

/** More words than anybody types; each is a bit of what a product has. */
const wordsMax = 16
/** Taken for a word that many have. */
const unknownUses = Number.MAX_SAFE_INTEGER

type Meant = { word: QueryWord; isHalfTyped: boolean; names: string[] }
type Known = Map<string, KnownWord>

/**
 * One question to the database while all words are known. When some are not, also what they are in the other layout, what
 * looks like them, and what the halves of words are that were typed together.
 * @param isTyping the last word may be half typed, whether it is a word or not.
 */
export async function understand(
  db: Client,
  query: string,
  { isVerbatim, isTyping }: { isVerbatim: boolean; isTyping: boolean },
): Promise<Understood> {
  const chunks: string[] = []
  const typed: QueryWord[][] = []
  let left = wordsMax
  for (const chunk of query.split(/\s+/)) {
    const words = queryWords(chunk).slice(0, left)
    if (words.length === 0) continue
    left -= words.length
    chunks.push(chunk)
    typed.push(words)
  }
  const isOpen = isTyping && !/\s$/.test(query)
  if (isVerbatim) {
    const all = typed.flat().map((word): Meant => ({ word, isHalfTyped: false, names: [] }))
    return { ...toUnderstood(all, new Map()), uses: all.map(() => unknownUses) }
  }
  const others = chunks.map((chunk) => queryWords(otherLayout(chunk)))
  const flat = typed.flat()
  const pairs = flat.slice(1).map((word, at) => `${flat[at]?.text ?? ''}${word.text}`)
  const names = (words: readonly QueryWord[]) =>
    words.filter(({ isLetters }) => isLetters).flatMap(({ text, parts }) => [text, ...parts])
  const typedWords = await lookUp(db, [
    ...names(flat),
    ...flat.map(({ text }) => text),
    ...flat.flatMap(({ text }) => otherNames(text)),
    ...pairs,
  ])
  // Most people type words that are there.
  const known = flat.every((word) => isKnown(typedWords, word))
    ? typedWords
    : new Map([...typedWords, ...(await lookUp(db, names(others.flat())))])

  const context = flat.filter((word) => isKnown(known, word)).map((word) => wordQuery(word))
  let isRepaired = false
  const shown: string[] = []
  const meant: Meant[] = []
  const repaired = await Promise.all(
    typed.map(async (words, at) => repairChunk(db, words, others[at] ?? [], known, context)),
  )
  for (const [at, { words, isChanged }] of repaired.entries()) {
    if (isChanged) isRepaired = true
    shown.push(isChanged ? words.map(({ word }) => word.text).join(' ') : (chunks[at] ?? ''))
    meant.push(...words)
  }
  const last = meant.at(-1)
  if (last && isOpen) last.isHalfTyped = true
  // New words have other names and synonyms than what was typed.
  const beside = meant.slice(1).map(({ word }, at) => `${meant[at]?.word.text ?? ''}${word.text}`)
  const fresh = [...meant.map(({ word }) => word.text), ...beside].filter((text) => !known.has(text))
  const all = fresh.length === 0 ? known : new Map([...known, ...(await lookUp(db, fresh))])
  for (const [at, one] of meant.entries()) {
    const pair = (from: number) => `${meant[from]?.word.text ?? ''}${meant[from + 1]?.word.text ?? ''}`
    const glued = [at > 0 ? pair(at - 1) : '', at < meant.length - 1 ? pair(at) : ''].filter((word) =>
      isUsed(all, word),
    )
    for (const name of [one.word.text, ...glued]) one.names.push(...otherNames(name))
    one.names.push(...glued)
  }
  return { ...toUnderstood(meant, all), ...(isRepaired && { shown: shown.join(' ') }) }
}

/** In this order: as typed, the other layout, the other alphabet, half typed, typed together, mistyped, mistyped in the other layout. */
async function repairChunk(
  db: Client,
  typed: readonly QueryWord[],
  other: readonly QueryWord[],
  known: Known,
  rest: readonly string[],
): Promise<{ words: Meant[]; isChanged: boolean }> {
  const asTyped = (word: QueryWord): Meant => ({ word, isHalfTyped: false, names: [] })
  if (typed.every((word) => isKnown(known, word))) return { words: typed.map(asTyped), isChanged: false }
  if (
    other.some(({ isLetters, text }) => isLetters && text.length > 1) &&
    other.every((word) => isKnown(known, word))
  ) {
    return { words: other.map(asTyped), isChanged: true }
  }
  let isChanged = false
  const words: Meant[] = []
  for (const word of typed) {
    const what = known.get(word.text)
    const instead =
      isKnown(known, word) || what?.begins === true ? undefined : (what?.sounds ?? (await mistyped(db, word, rest)))
    if (instead !== undefined) isChanged = true
    const meant = instead === undefined ? [word] : queryWords(instead)
    words.push(
      ...meant.map((one) => ({ ...asTyped(one), isHalfTyped: instead === undefined && what?.begins === true })),
    )
  }
  const isLost = !isChanged && typed.every((word) => !isKnown(known, word)) && !words.some((one) => one.isHalfTyped)
  const meantInOther = isLost ? await mistypedAll(db, other, known, rest) : undefined
  return meantInOther ? { words: meantInOther.map(asTyped), isChanged: true } : { words, isChanged }
}

/** @returns undefined unless there is something for each. */
async function mistypedAll(
  db: Client,
  words: readonly QueryWord[],
  known: Known,
  rest: readonly string[],
): Promise<QueryWord[] | undefined> {
  if (!words.some(({ isLetters, text }) => isLetters && text.length > 3)) return undefined
  const all: QueryWord[] = []
  for (const word of words) {
    const instead = isKnown(known, word) ? word.text : await mistyped(db, word, rest)
    if (instead === undefined) return undefined
    all.push(...queryWords(instead))
  }
  return all
}

/** A typo is likelier than a missing space, and that is likelier than two typos. Of equals, what goes with the other words. */
async function mistyped(db: Client, word: QueryWord, rest: readonly string[]): Promise<string | undefined> {
  if (!word.isLetters) return undefined
  const alike = await findAlike(db, word.text, typosOf(word.text))
  if (!alike) return undefined
  const near = likeliest(word.text, alike)
  const once = near.filter(({ typos, weight }) => typos === 1 && weight * 20 > (near[0]?.weight ?? 0)).slice(0, 3)
  if (once.length > 0)
    return findBestWith(
      db,
      once.map((one) => one.word),
      rest,
    )
  const cuts = cutsOf(word.text)
  const halves = await lookUp(db, cuts.flat())
  const cut = cuts.find(([one, other]) => isUsed(halves, one) && isUsed(halves, other))
  return cut ? cut.join(' ') : near[0]?.word
}

function isUsed(known: Known, word: string): boolean {
  return (known.get(word)?.uses ?? 0) > 0
}

/** Numbers and models are not repaired: one digit more or less is another thing. */
function isKnown(known: Known, { text, parts, isLetters }: QueryWord): boolean {
  return (
    !isLetters ||
    text.length < 2 ||
    isUsed(known, text) ||
    (parts.length > 1 && parts.every((part) => isUsed(known, part)))
  )
}

function toUnderstood(meant: readonly Meant[], known: Known): Understood {
  const ownQuery = (text: string) => {
    const all = queryWords(text).map((word) => wordQuery(word))
    return all.length > 1 ? `(${all.join(' & ')})` : all.join('')
  }
  const choices = meant.map(({ word, isHalfTyped, names }) => [wordQuery(word, isHalfTyped), ...names.map(ownQuery)])
  const groupOf = (queries: readonly string[]) => {
    const unique = [...new Set(queries)].filter((one) => one !== '')
    return unique.length > 1 ? `(${unique.join(' | ')})` : unique.join('')
  }
  const synonyms = meant.map(({ word }) => known.get(word.text)?.synonyms ?? [])
  const sellers = [...new Set(synonyms.flat().map(({ sellerId }) => sellerId))]
  return {
    words: meant.map(({ word }) => word.text),
    groups: choices.map(groupOf),
    goods: [...known.values()][0]?.goods ?? 0,
    uses: meant.map(({ word, isHalfTyped, names }) =>
      isHalfTyped ? unknownUses : [word.text, ...names].reduce((sum, name) => sum + (known.get(name)?.uses ?? 0), 0),
    ),
    ofSellers: sellers.map((seller) => ({
      sellerId: seller,
      groups: choices.map((queries, at) => {
        const own = (synonyms[at] ?? [])
          .filter(({ sellerId }) => sellerId === seller)
          .map(({ means }) => ownQuery(means))
        return groupOf([...queries, ...own])
      }),
    })),
  }
}
