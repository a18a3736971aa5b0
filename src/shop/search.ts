/** Looking for goods by words and choices. */
import { isShown } from '#domain/adult.ts'
import type { FilterNames, Filters, Repair, Searcher, Sort, WayOn } from '#domain/search-query.ts'
import { queryWords } from '#domain/search.ts'
import { findProduct, type ProductRow } from '#store/catalog.ts'
import type { Client } from '#store/db.ts'
import { countFacets, type Facets } from '#store/search-facets.ts'
import { findBeginning } from '#store/search-words.ts'
import * as store from '#store/search.ts'
import { namesOf } from './product.ts'
import { understand } from './search-words.ts'

export type Found = {
  total: number
  /** `total` is a lower bound. */
  isMore: boolean
  products: ProductRow[]
  repair?: Repair
  wayOn?: WayOn
} & Choices

export type { Facets }

/** `names` are those of its filters. */
export type FoundSearch = Found & { searchId: number; query: string; names: FilterNames }

type Choices = { filters: Filters; sort: Sort; isVerbatim: boolean }
type Asked = { query: string } & Partial<Choices>

const maxQueryLength = 200

/** How many of the best are remembered for leafing through, and how long they stand before it is searched anew. */
const standing = 50
const standingMs = 15 * 60_000

/** Remembers what was searched, so that buttons carry its number, and finds the first page of one product. */
export async function startSearch(
  db: Client,
  personId: number,
  asked: Asked,
  searcher: Searcher,
  now: Date,
): Promise<FoundSearch> {
  const search = {
    query: cleaned(asked.query).trim(),
    filters: asked.filters ?? {},
    sort: asked.sort ?? ('best' as const),
    isVerbatim: asked.isVerbatim ?? false,
  }
  const found = await lookFrom(db, search, searcher, 0, now)
  const [searchId, page, names] = await Promise.all([
    store.saveSearch(db, personId, { ...search, found }, now),
    pageOf(db, search, found, 0, now),
    namesOf(db, search.filters),
  ])
  return { searchId, query: search.query, names, ...page }
}

/** Another page of somebody's own search. @returns undefined for a search that is not theirs or is forgotten. */
export async function searchPage(
  db: Client,
  personId: number,
  searchId: number,
  page: number,
  searcher: Searcher,
  now: Date,
): Promise<FoundSearch | undefined> {
  const search = await store.findSearch(db, searchId, personId)
  if (!search) return undefined
  const { query, names, found: then } = search
  if (then && stands(then, page, searcher, now)) {
    const shown = await pageOf(db, search, then, page, now)
    const [product] = shown.products
    if (product && !product.withdrawn && isShown(product, searcher)) return { searchId, query, names, ...shown }
  }
  const found = await lookFrom(db, search, searcher, page - (page % standing), now)
  await store.saveFound(db, searchId, found)
  return { searchId, query, names, ...(await pageOf(db, search, found, page, now)) }
}

async function lookFrom(
  db: Client,
  search: store.AskedSearch,
  searcher: Searcher,
  from: number,
  now: Date,
): Promise<store.FoundThen> {
  const hits = await look(db, search, searcher, { offset: from, limit: standing })
  return { ...hits, at: now.getTime(), searcher, from }
}

/** What was found then is what this person may be shown now, and this page is of it. */
function stands(then: store.FoundThen, page: number, { cityCode, isAdult }: Searcher, now: Date): boolean {
  return (
    now.getTime() - then.at < standingMs &&
    then.searcher.cityCode === cityCode &&
    then.searcher.isAdult === isAdult &&
    then.productIds[page - then.from] !== undefined
  )
}

async function pageOf(
  db: Client,
  { filters, sort, isVerbatim }: Choices,
  found: store.FoundThen,
  page: number,
  now: Date,
): Promise<Found> {
  const at = page - found.from
  const one = { ...found, productIds: found.productIds.slice(at, at + 1), has: found.has.slice(at, at + 1) }
  return { ...(await shown(db, one, now)), filters, sort, isVerbatim }
}

/**
 * The same words with other choices, under a number of its own: buttons of old messages keep their meaning.
 * @param change what becomes of the choices that were made.
 */
export async function changeSearch(
  db: Client,
  personId: number,
  searchId: number,
  change: (before: Choices) => Partial<Choices>,
  searcher: Searcher,
  now: Date,
): Promise<FoundSearch | undefined> {
  const search = await store.findSearch(db, searchId, personId)
  return search && startSearch(db, personId, { ...search, ...change(search) }, searcher, now)
}

/**
 * How many each choice would leave, beside the other choices made so far.
 * @returns undefined for a search that is not theirs or is forgotten.
 */
export async function facets(
  db: Client,
  personId: number,
  searchId: number,
  searcher: Searcher,
): Promise<Facets | undefined> {
  const search = await store.findSearch(db, searchId, personId)
  if (!search) return undefined
  const { query, filters, sort, isVerbatim, found } = search
  const isLoose = found?.isLoose ?? false
  const { words, groups, uses, goods, ofSellers } = await understand(db, query, { isVerbatim, isTyping: false })
  return countFacets(db, { groups, uses, goods, ofSellers, words: words.join(' '), filters, sort, searcher, isLoose })
}

/** For `@bot words` in any chat: the last word may be half typed; no words shows what sells. Nothing is saved. */
export async function browse(
  db: Client,
  query: string,
  searcher: Searcher,
  offset: number,
  limit: number,
  now: Date,
): Promise<Found> {
  const search = { query: cleaned(query), filters: {}, sort: 'best' as const, isVerbatim: false }
  return find(db, search, searcher, { offset, limit, isTyping: true }, now)
}

/** What may be meant by a query whose last word is half typed: the whole query with that word completed. */
export async function suggest(
  db: Client,
  prefix: string,
  limit: number,
  visitor: Pick<Searcher, 'isAdult'> = { isAdult: false },
): Promise<string[]> {
  const query = cleaned(prefix)
  const last = queryWords(query).at(-1)
  const typed = /\S+$/.exec(query)?.[0]
  if (!last?.isLetters || last.text.length < 2 || typed === undefined) return []
  const words = await findBeginning(db, last.text, limit, visitor)
  return words.map((word) => query.slice(0, query.length - typed.length) + word)
}

/** PostgreSQL stores every character but this one. */
function cleaned(query: string): string {
  return query.replaceAll('\0', ' ').trimStart().slice(0, maxQueryLength)
}

type Part = { offset: number; limit: number; /** The last word may be half typed. */ isTyping?: boolean }

/** Any part of what is found, best first; nothing is saved. */
export async function find(
  db: Client,
  search: store.AskedSearch,
  searcher: Searcher,
  part: Part,
  now: Date,
): Promise<Found> {
  const { filters, sort, isVerbatim } = search
  return { ...(await shown(db, await look(db, search, searcher, part), now)), filters, sort, isVerbatim }
}

/** What is found, before anybody looks at the goods themselves. */
type Hits = store.Page & Pick<store.FoundThen, 'words' | 'repair' | 'isLoose' | 'categoryId'>

async function look(
  db: Client,
  search: store.AskedSearch,
  searcher: Searcher,
  { offset, limit, isTyping = false }: Part,
): Promise<Hits> {
  const { filters, sort, isVerbatim } = search
  const { words, groups, uses, goods, ofSellers, shown } = await understand(db, search.query, { isVerbatim, isTyping })
  // Words were typed but none can be searched: nothing is found rather than everything shown.
  if (search.query.trim() !== '' && groups.length === 0)
    return { total: 0, isMore: false, productIds: [], has: [], words }
  const query = { groups, uses, goods, ofSellers, words: words.join(' '), filters, sort, searcher, offset, limit }
  const meant = { words, ...(shown !== undefined && { repair: { asked: search.query.trim(), shown } }) }
  for (const isLoose of groups.length > 1 ? [false, true] : [false]) {
    const page = await store.findListings(db, { ...query, isLoose })
    if (page.productIds.length > 0) return { ...page, ...meant, isLoose }
    const first = offset === 0 ? page : await store.findListings(db, { ...query, isLoose, offset: 0, limit: 1 })
    if (first.productIds.length > 0) return { ...page, total: first.total, isMore: first.isMore, ...meant, isLoose }
  }
  return { ...(await nearest(db, query)), ...meant }
}

/** Nothing was found: what sells in the category that is nearest to the words. */
async function nearest(
  db: Client,
  query: Parameters<typeof store.findListings>[1],
): Promise<store.Page & { categoryId?: number }> {
  const categoryId = query.groups.length > 0 ? await store.nearestCategory(db, query) : undefined
  if (categoryId === undefined) return { total: 0, isMore: false, productIds: [], has: [] }
  const best = { ...query, groups: [], ofSellers: [], filters: { categoryId }, sort: 'best' as const }
  const page = await store.findListings(db, best)
  return { ...page, ...(page.productIds.length > 0 && { categoryId }) }
}

/** The goods as they are now; of those that are gone nothing. */
async function shown(
  db: Client,
  { total, isMore, productIds, has: [first], words, repair, categoryId }: Hits,
  now: Date,
): Promise<Omit<Found, keyof Choices>> {
  const goods = await Promise.all(productIds.map(async (productId) => findProduct(db, productId, now)))
  const wayOn: WayOn | undefined =
    categoryId !== undefined
      ? { kind: 'category', categoryId }
      : first === undefined || first === null
        ? undefined
        : relaxed(words, first)
  const products = goods.filter((product) => product !== undefined)
  return { total, isMore, products, ...(repair && { repair }), ...(wayOn && { wayOn }) }
}

function relaxed(words: readonly string[], has: number): WayOn {
  const those = (isThere: boolean) => words.filter((_, at) => (((has >> at) & 1) === 1) === isThere).join(' ')
  return { kind: 'relaxed', kept: those(true), dropped: those(false) }
}
