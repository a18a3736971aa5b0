/** Searching: reads `listing`, and of products only those of the page. */
import type { Words } from '#domain/people.ts'
import type { FilterNames, Filters, Repair, Searcher, Sort } from '#domain/search-query.ts'
import { promisedDays, type LocationKind } from '#domain/delivery.ts'
import { together, type Db } from './db.ts'
import { Prisma } from './prisma/client.ts'

export type ListingQuery = {
  /** Of each word, for `to_tsquery('russian', …)`: itself and what else it may be called. None: all goods. */
  groups: readonly string[]
  /** How many goods have each, about, and how many there are: by it the way to the most popular of them is chosen. */
  uses: readonly number[]
  goods: number
  /** What shops' own synonyms add: in the goods of this shop these words count instead. */
  ofSellers: readonly { sellerId: number; groups: readonly string[] }[]
  /** The words themselves, by which one is known who looks for an accessory. */
  words: string
  filters: Filters
  sort: Sort
  searcher: Searcher
  /** Of what lacks words, anything that has one of them. */
  isLoose?: boolean
}

/** What is ranked at most, the most popular: ranking everything a common word matches costs 69-190 ms at a million products. */
const mostRanked = 1000
/** And of a common word. */
const mostCommon = 400
/** And of what lacks words. */
export const mostPart = 400
/** What more goods have than this, or several words together than that, is common. */
const [common, commonTogether] = [3000, 6000]
/** With so many that sell and lack a word, those that do not sell are left out: they are most, and finding them costs most. */
const enoughSelling = 100
/** With fewer than these that have all the words, those that have only some follow. */
const fewFull = 20

const kinds: readonly LocationKind[] = ['local_warehouse', 'showroom', 'seller', 'cross_border']

const toTsquery = (text: string): Prisma.Sql => Prisma.sql`to_tsquery('pg_catalog.russian', ${text})`
/**
 * Planning a search costs more than most searches: where the plan is decided here, PostgreSQL is not let see the words, and
 * so keeps the plan it has.
 */
export const hidden = (text: string): Prisma.Sql => Prisma.sql`(SELECT ${toTsquery(text)})`
const allOf = (groups: readonly string[]): string => groups.join(' & ')

const anyOf = (names: readonly string[]): string => [...new Set(names)].join(' | ')

type Word = { group: string; uses: number }

/**
 * Ways to have some of the words: those that any goods have, if not all do; otherwise all but one. Each is looked for by
 * itself: the index finds words that are all there by the rarest of them, and either of several by reading all.
 */
function waysToHaveSome(query: ListingQuery): Word[][] {
  const all = wordsOf(query)
  const there = all.filter((word) => word.uses > 0)
  const known = there.length > 0 ? there : all
  if (query.isLoose) return known.map((word) => [word])
  return known.length < all.length ? [known] : all.map((without) => all.filter((word) => word !== without))
}

/** How many goods have all of these, about: words go together three times as often as chance would have it. */
function expected(words: readonly Word[], goods: number): number {
  const [rarest = 0, ...others] = words.map(({ uses }) => uses).toSorted((a, b) => a - b)
  return others.reduce((count, uses) => count * Math.min(1, (3 * uses) / Math.max(goods, 1)), rarest)
}

const isCommon = (words: readonly Word[], goods: number): boolean =>
  expected(words, goods) > (words.length > 1 ? commonTogether : common)

const wordsOf = ({ groups, uses }: ListingQuery): Word[] => groups.map((group, at) => ({ group, uses: uses[at] ?? 0 }))

/** All the words, in the goods of some shop. */
const wideOf = ({ groups, ofSellers }: ListingQuery): string =>
  ofSellers.length === 0
    ? allOf(groups)
    : [groups, ...ofSellers.map((one) => one.groups)].map((all) => `(${allOf(all)})`).join(' | ')

/** That all words are there, each shop's synonyms taken for its own goods only. By no index: see `inClass`. */
function hasAll({ groups, ofSellers }: ListingQuery): Prisma.Sql {
  const all = Prisma.sql`l.search @@ ${hidden(allOf(groups))}`
  if (ofSellers.length === 0) return all
  return Prisma.sql`(${all} OR EXISTS (
    SELECT 1 FROM unnest((SELECT ${ofSellers.map(({ sellerId }) => sellerId)}::int[]),
      (SELECT ${ofSellers.map((one) => allOf(one.groups))}::text[])) own (seller_id, words)
    WHERE own.seller_id = l.seller_id AND l.search @@ to_tsquery('pg_catalog.russian', own.words)))`
}

/**
 * That a listing `l` of the class `c.class` has the words; this is what the index knows. Of each class by itself it reads no
 * more of common words than what that class has of them.
 */
export const inClass = (query: Prisma.Sql): Prisma.Sql =>
  Prisma.sql`words_of_class(l.search, l.category_ids, l.popularity) @@ query_of_class(${query}, c.class)`
const classesDownTo = (
  last: number,
) => Prisma.sql`(SELECT class FROM generate_series(6, ${Prisma.raw(String(last))}, -1) class
  WHERE class <= (SELECT popularity_class(max(popularity)) FROM listing)) c`
/**
 * As `popularity_class` makes them, the best-selling first; a LIMIT ends it before the next is looked for. Those that no goods
 * are in, most of them where little was sold yet, are not looked into.
 */
export const classes = classesDownTo(0)

/** What they may see at all. */
function mayBeSeen({ cityCode, isAdult }: Searcher): Prisma.Sql[] {
  const conditions: Prisma.Sql[] = []
  if (!isAdult) conditions.push(Prisma.sql`NOT l.is_adult`)
  if (cityCode !== undefined) conditions.push(Prisma.sql`(l.cities = '{}' OR l.cities @> ARRAY[${cityCode}::int])`)
  return conditions
}

/** What each choice asks of a listing. */
export function chosen(filters: Filters, searcher: Searcher): Choices {
  const { categoryId, brandId, priceFrom, priceTo, together: isTogether, near, withinDays } = filters
  const price = [Prisma.sql`l.currency = 'RUB'`]
  if (priceFrom !== undefined) price.push(Prisma.sql`l.price >= ${priceFrom}::bigint`)
  if (priceTo !== undefined) price.push(Prisma.sql`l.price <= ${priceTo}::bigint`)
  return {
    ...(categoryId !== undefined && { category: Prisma.sql`l.category_ids @> ARRAY[${categoryId}::int]` }),
    ...(brandId !== undefined && { brand: Prisma.sql`l.brand_id = ${brandId}::int` }),
    ...(price.length > 1 && { price: Prisma.sql`(${Prisma.join(price, ' AND ')})` }),
    ...(isTogether && { together: Prisma.sql`l.together_price IS NOT NULL` }),
    ...(near && { near: isNear(searcher) }),
    ...(withinDays !== undefined && { within: comesWithin(withinDays, searcher.cityCode) }),
  }
}
type Choices = Partial<Record<'category' | 'brand' | 'price' | 'together' | 'near' | 'within', Prisma.Sql>>

/** Nothing is near to somebody whose city is not known. */
export function isNear({ cityCode }: Searcher): Prisma.Sql {
  return Prisma.sql`l.places @> ${JSON.stringify([{ city: cityCode ?? -1 }])}::jsonb`
}

/** By the promise of domain/delivery, from one of the places where it lies. */
export function comesWithin(days: number, city: number | undefined): Prisma.Sql {
  const places = kinds.flatMap((kind) => {
    if (promisedDays(kind, false).to <= days) return [JSON.stringify([{ kind }])]
    if (city !== undefined && promisedDays(kind, true).to <= days) return [JSON.stringify([{ kind, city }])]
    return []
  })
  return Prisma.sql`l.places @> ANY ((SELECT ${places}::jsonb[])::jsonb[])`
}

/** Prices of other currencies are no smaller or larger than those in roubles: they come after them. */
const orders: Record<Sort, Prisma.Sql> = {
  best: Prisma.sql`score DESC, popularity DESC, id`,
  cheap: Prisma.sql`currency = 'RUB' DESC, in_stock DESC, price, id`,
  dear: Prisma.sql`currency = 'RUB' DESC, in_stock DESC, price DESC, id`,
  new: Prisma.sql`added_at DESC, id`,
  rated: Prisma.sql`stars DESC, popularity DESC, id`,
  popular: Prisma.sql`popularity DESC, id`,
}
/** Which of them are looked at when there are more than can be; "+ 0": by the words' index, not down all goods by popularity. */
const inner: Record<Sort, Prisma.Sql> = {
  best: Prisma.sql`l.popularity + 0 DESC, l.product_id`,
  cheap: Prisma.sql`l.currency = 'RUB' DESC, l.in_stock DESC, l.price, l.product_id`,
  dear: Prisma.sql`l.currency = 'RUB' DESC, l.in_stock DESC, l.price DESC, l.product_id`,
  new: Prisma.sql`l.added_at DESC, l.product_id`,
  rated: Prisma.sql`l.stars DESC, l.popularity DESC, l.product_id`,
  popular: Prisma.sql`l.popularity + 0 DESC, l.product_id`,
}
const down = Prisma.sql`l.popularity DESC, l.product_id`

/**
 * The common table `hits`: what has all the words and, when that are few whatever is chosen, what has some of them; the first
 * of each by what they are sorted by, when there are more than `most`. And `cut`, whose one row says whether more would have
 * some of the words, were those looked for that do not sell.
 * @param columns of `l`; `part` are those for what lacks words.
 * @param isWhole looks for those that do not sell in any case: what is counted may be chosen next, and be theirs alone.
 */
export function hitsOf(
  query: ListingQuery,
  { category, ...choices }: Choices,
  most: number,
  columns: { full: Prisma.Sql; part: Prisma.Sql },
  isWhole = false,
): Prisma.Sql {
  const { groups, ofSellers, searcher, sort, filters } = query
  const seen = mayBeSeen(searcher)
  const isByPopularity = sort === 'best' || sort === 'popular'
  const order = Prisma.sql`ORDER BY ${inner[sort]}`
  const nothingCut = Prisma.sql`cut (is_cut) AS (SELECT false)`
  const listings = (more: Prisma.Sql[]) =>
    Prisma.sql`SELECT l.* FROM listing l WHERE ${Prisma.join([Prisma.sql`true`, ...more, ...seen, ...Object.values(choices)], ' AND ')}`
  // Ranked outside of the limit: what is cut off would cost as much as what is kept.
  const table = (name: string, of: Prisma.Sql, from: Prisma.Sql, limit: Prisma.Sql): Prisma.Sql =>
    Prisma.sql`${Prisma.raw(name)} AS MATERIALIZED (SELECT ${of} FROM (${from} LIMIT ${limit}) l)`
  const upTo = (limit: number) => Prisma.raw(String(limit + 1))
  if (groups.length === 0) {
    const best = Prisma.sql`ORDER BY ${isByPopularity ? down : inner[sort]}`
    const all = Prisma.sql`${listings(category ? [category] : [])} ${best}`
    return Prisma.sql`${nothingCut}, ${table('hits', columns.full, all, upTo(most))}`
  }
  const selling = (those: Prisma.Sql) =>
    Prisma.sql`SELECT l.* FROM ${classesDownTo(1)} CROSS JOIN LATERAL (${those} ${order}) l`
  // Of those that do not sell, which are most, any will do: finding out who is first costs looking at all of them.
  const others = (those: Prisma.Sql) =>
    Prisma.sql`SELECT l.* FROM (VALUES (0)) c (class) CROSS JOIN LATERAL (${those}) l`
  const anyClass = (those: Prisma.Sql) =>
    Prisma.sql`SELECT l.* FROM ${classes} CROSS JOIN LATERAL (${those}) l ${order}`

  const inCategory = category ? [inClass(Prisma.sql`(SELECT ${`'#${filters.categoryId}'`}::tsquery)`)] : []
  const isThere = inClass(hidden(wideOf(query)))
  const exactly = ofSellers.length === 0 ? [] : [hasAll(query)]
  const withAll = listings([isThere, ...inCategory, ...exactly])
  const inOrder = isByPopularity ? Prisma.sql`${selling(withAll)} UNION ALL ${others(withAll)}` : anyClass(withAll)
  const full = table('full_hits', columns.full, inOrder, upTo(most))
  if (groups.length === 1) return Prisma.sql`${nothingCut}, ${full}, hits AS (SELECT * FROM full_hits)`

  const few = Prisma.raw(String(fewFull))
  const found = Prisma.sql`SELECT count(*) FROM full_hits`
  const inAll = Prisma.sql`SELECT count(*) FROM (SELECT FROM ${classes} CROSS JOIN LATERAL (
    SELECT FROM listing l WHERE ${Prisma.join([isThere, ...exactly, ...seen], ' AND ')}) l LIMIT ${few}) few`
  const isChosen = category !== undefined || Object.keys(choices).length > 0
  const fullCount = isChosen ? Prisma.sql`SELECT CASE WHEN (${found}) < ${few} THEN (${inAll}) ELSE ${few} END` : found
  const hasSome = Prisma.join(
    waysToHaveSome(query).map((words) => inClass(hidden(allOf(words.map(({ group }) => group))))),
    ' OR ',
  )
  const isFew = Prisma.sql`(SELECT count FROM full_count) < ${few}`
  const withSome = listings([isFew, Prisma.sql`(${hasSome})`, ...inCategory, Prisma.sql`NOT ${hasAll(query)}`])
  const mostSome = Math.min(most, mostPart)
  const some = isByPopularity
    ? Prisma.sql`${table('selling_hits', columns.part, selling(withSome), upTo(mostSome))},
      ${isWhole ? nothingCut : Prisma.sql`cut (is_cut) AS (SELECT count(*) >= ${Prisma.raw(String(enoughSelling))} FROM selling_hits)`},
      ${table('other_hits', columns.part, others(withSome), Prisma.sql`(SELECT CASE WHEN is_cut THEN 0 ELSE ${upTo(mostSome)} END FROM cut)`)},
      part_hits AS (
        SELECT * FROM (SELECT * FROM selling_hits UNION ALL SELECT * FROM other_hits) lacking LIMIT ${upTo(mostSome)})`
    : Prisma.sql`${nothingCut}, ${table('part_hits', columns.part, anyClass(withSome), upTo(mostSome))}`
  return Prisma.sql`${full}, full_count (count) AS MATERIALIZED (${fullCount}), ${some},
    hits AS (SELECT * FROM full_hits UNION ALL SELECT * FROM part_hits)`
}

export type Page = {
  total: number
  /** `total` is a lower bound. */
  isMore: boolean
  productIds: number[]
  /** Of each that lacks words: which of them it has, a bit for each from the lowest; null for what has all. */
  has: (number | null)[]
}

/**
 * One page, best first. How good the text is counts most: words in the title, in brand and category, in parameters, in
 * the description weigh 1, 0.4, 0.2, 0.1; an accessory counts half unless one is looked for. What sells, is liked, is in
 * stock and near makes up to a fifth of difference.
 */
export async function findListings(db: Db, query: ListingQuery & { offset: number; limit: number }): Promise<Page> {
  const { words, filters, sort, searcher, offset, limit } = query
  const groups = query.groups.map((group, at) =>
    anyOf([group, ...query.ofSellers.map((own) => own.groups[at] ?? group)]),
  )
  const columns = Prisma.sql`l.product_id AS id, l.popularity, l.price, l.in_stock, l.currency, l.stars, l.added_at, l.is_accessory,
    ${isNear(searcher)} AS is_near`
  const rank =
    groups.length === 0 ? Prisma.sql`1::real` : Prisma.sql`ts_rank(l.search, (SELECT ${toTsquery(anyOf(groups))}))`
  // Of words that mean nothing to full-text search nobody says that they are missing.
  const mask = Prisma.sql`(SELECT sum((numnode(q) = 0 OR l.search @@ q)::int << (at::int - 1))::int FROM unnest((
    SELECT array_agg(to_tsquery('pg_catalog.russian', one) ORDER BY at)
    FROM unnest((SELECT ${groups}::text[])) WITH ORDINALITY one (one, at))) WITH ORDINALITY one (q, at))`
  const most = groups.length === 0 || isCommon(wordsOf(query), query.goods) ? mostCommon : mostRanked
  const hits = hitsOf(query, chosen(filters, searcher), most, {
    full: Prisma.sql`${columns}, ${rank} AS rank, NULL::int AS mask`,
    part: Prisma.sql`${columns}, ${rank} AS rank, ${mask} AS mask`,
  })
  // Hidden in subqueries, because PostgreSQL would plan anew for each limit that it can look into.
  const rows = await db.$queryRaw<
    { id: number; full: number; part: number; isCut: boolean; mask: number | null }[]
  >(Prisma.sql`
    WITH ${hits},
    counted AS MATERIALIZED (
      SELECT count(*) FILTER (WHERE mask IS NULL)::int AS full_count, count(mask)::int AS part_count,
        percentile_disc(0.5) WITHIN GROUP (ORDER BY price) FILTER (WHERE currency = 'RUB') AS usual,
        to_tsvector('pg_catalog.russian', (SELECT ${words}::text)) @@ accessory_words() AS wants_accessory
      FROM hits),
    scored AS (
      SELECT hits.*, full_count, part_count, rank
        * CASE WHEN mask IS NULL THEN 1 ELSE bit_count(mask::bit(32)) ^ 2 END
        * CASE WHEN is_accessory AND NOT wants_accessory THEN 0.5 ELSE 1 END
        * CASE WHEN currency = 'RUB' AND price * 20 < usual THEN 0.8 ELSE 1 END
        * (1 + 0.1 * ln(1 + popularity) / (ln(1 + popularity) + 4) + 0.01 * stars
          + CASE WHEN in_stock THEN 0.05 ELSE 0 END + CASE WHEN is_near THEN 0.03 ELSE 0 END) AS score
      FROM hits CROSS JOIN counted)
    SELECT id, full_count AS full, part_count AS part, (SELECT is_cut FROM cut) AS "isCut", mask FROM scored
    ORDER BY mask IS NULL DESC, ${orders[sort]} OFFSET (SELECT ${offset}::bigint) LIMIT (SELECT ${limit}::int)`)
  const [first] = rows
  const { full, part, isCut } = first ?? { full: 0, part: 0, isCut: false }
  return {
    total: Math.min(full, most) + Math.min(part, mostPart),
    isMore: full > most || part > mostPart || isCut,
    productIds: rows.map(({ id }) => id),
    has: rows.map(({ mask }) => mask),
  }
}

/**
 * The category whose title looks most like one of the words, of those that have goods they may see; when none does, the one
 * that sells most.
 */
export async function nearestCategory(db: Db, { words, searcher }: ListingQuery): Promise<number | undefined> {
  const [nearest] = await db.$queryRaw<{ id: number }[]>(Prisma.sql`
    WITH near AS (
      SELECT c.id, max(word_similarity(word_letters(word), word_letters(t.title))) AS likeness
      FROM category c CROSS JOIN LATERAL jsonb_each_text(c.title) t (language, title)
        CROSS JOIN unnest((SELECT ${words.split(' ')}::text[])) word
      WHERE length(word) > 2 GROUP BY c.id ORDER BY likeness DESC, c.id LIMIT 5),
    best AS (
      SELECT l.category_ids[1] AS id FROM listing l
      WHERE ${Prisma.join([Prisma.sql`true`, ...mayBeSeen(searcher)], ' AND ')}
      ORDER BY l.popularity DESC, l.product_id LIMIT 1)
    SELECT id FROM (
      SELECT near.id, likeness FROM near WHERE likeness > 0.5 AND EXISTS (
        SELECT 1 FROM listing l WHERE ${Prisma.join(
          [Prisma.sql`l.category_ids @> ARRAY[near.id]`, ...mayBeSeen(searcher)],
          ' AND ',
        )})
      UNION ALL SELECT id, 0 FROM best) one
    ORDER BY likeness DESC, id LIMIT 1`)
  return nearest?.id
}

export type AskedSearch = { query: string; filters: Filters; sort: Sort; isVerbatim: boolean }

/** What a search found when it was last looked. People leaf through that, not through what is best a moment later. */
export type FoundThen = Page & {
  /** When, in milliseconds since 1970. */
  at: number
  searcher: Searcher
  /** Which place the first of `productIds` has. */
  from: number
  words: string[]
  repair?: Repair
  /** Nothing has most of the words: these have one of them. */
  isLoose?: boolean
  /** What sells in this category, since nothing was found. */
  categoryId?: number
}

export type SavedSearch = AskedSearch & { found: FoundThen | null }

export async function saveSearch(db: Db, personId: number, search: SavedSearch, now: Date): Promise<number> {
  const { id } = await saved(db, { ...search, personId, now })
  return id
}

export async function saveFound(db: Db, searchId: number, found: FoundThen): Promise<void> {
  await db.$executeRaw`UPDATE search SET found = ${JSON.stringify(found)}::jsonb WHERE id = ${searchId}`
}

const saved = together(async (db, asked: (SavedSearch & { personId: number; now: Date })[]) =>
  db.$queryRaw<{ id: number }[]>(Prisma.sql`
    WITH one AS MATERIALIZED (
      SELECT nextval('search_id_seq')::int AS id, asked.* FROM unnest(
        (SELECT ${asked.map(({ personId }) => personId)}::int[]), (SELECT ${asked.map(({ query }) => query)}::text[]),
        (SELECT ${asked.map(({ filters }) => JSON.stringify(filters))}::jsonb[]),
        (SELECT ${asked.map(({ sort }) => sort)}::text[]), (SELECT ${asked.map(({ isVerbatim }) => isVerbatim)}::bool[]),
        (SELECT ${asked.map(({ found }) => JSON.stringify(found))}::jsonb[]),
        (SELECT ${asked.map(({ now }) => now.toISOString())}::timestamptz[])
      ) WITH ORDINALITY asked (person_id, query, filters, sort, is_verbatim, found, created_at, place)),
    saved AS (
      INSERT INTO search (id, person_id, query, filters, sort, is_verbatim, found, created_at)
      SELECT id, person_id, query, filters, sort, is_verbatim, found, created_at FROM one)
    SELECT id FROM one ORDER BY place`),
)

/** Only the person's own: ids in buttons are hostile. */
export async function findSearch(
  db: Db,
  searchId: number,
  personId: number,
): Promise<(SavedSearch & { names: FilterNames }) | undefined> {
  const { query, categoryId, category, brand, ...rest } = await searches(db, { searchId, personId })
  if (query === null) return undefined
  // Searches of an earlier version kept the category apart.
  const filters = categoryId === null ? rest.filters : { categoryId, ...rest.filters }
  return { ...rest, filters, query, names: { ...(category && { category }), ...(brand !== null && { brand }) } }
}

type FoundSearch = Omit<SavedSearch, 'query'> & {
  query: string | null
  categoryId: number | null
  category: Words | null
  brand: string | null
}

const searches = together(async (db, asked: { searchId: number; personId: number }[]) =>
  db.$queryRaw<FoundSearch[]>(Prisma.sql`
    SELECT s.query, s.category_id AS "categoryId", s.filters, s.sort, s.is_verbatim AS "isVerbatim", s.found,
      c.title AS category, b.name AS brand
    FROM unnest(
        (SELECT ${asked.map(({ searchId }) => searchId)}::int[]), (SELECT ${asked.map(({ personId }) => personId)}::int[])
      ) WITH ORDINALITY one (id, person_id, place)
    LEFT JOIN search s ON s.id = one.id AND s.person_id = one.person_id
    LEFT JOIN category c ON c.id = coalesce((s.filters ->> 'categoryId')::int, s.category_id)
    LEFT JOIN brand b ON b.id = (s.filters ->> 'brandId')::int
    ORDER BY one.place`),
)
