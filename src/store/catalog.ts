import type { LocationKind } from '#domain/delivery.ts'
import type { Words } from '#domain/people.ts'
import { together, type Client, type Db } from './db.ts'
import { Prisma } from './prisma/client.ts'

/** One variant as it can be bought now. `place` is where it would be sent from: missing when nothing is in stock. */
export type VariantRow = {
  variantId: number
  options: Record<string, Record<string, string>>
  price: bigint
  oldPrice: bigint | null
  currency: string
  weightGrams: number
  /** What everybody may buy. */
  free: number
  locationId: number | null
  kind: LocationKind | null
  cityCode: number | null
  cityName: string | null
  campaignId: number | null
  /** What a group begins with. */
  groupPrice: bigint | null
  /** The lowest step of a ladder; of a team its one price. */
  groupLowest: bigint | null
  /** How many are enough. */
  groupLeast: number | null
  lifetimeMinutes: number | null
  /** What only groups of the campaign may take beside that, and where it lies. */
  aside: number
  asideLocationId: number | null
  asideKind: LocationKind | null
  asideCityCode: number | null
  asideCityName: string | null
  /** Left the seller's feed: only groups that are open still sell it. */
  withdrawn: boolean
}

export type ProductRow = {
  productId: number
  sellerId: number
  sellerName: string
  title: Words
  description: Words
  pictures: string[]
  categoryId: number
  withdrawn: boolean
  variants: VariantRow[]
}

/**
 * Variants with free stock and the group terms in force. Of several locations with stock the fastest is taken.
 * A fragment, because a card of search results and a product page must never disagree on a price.
 */
const variantsOf = (now: Date, alsoWithdrawn: number | null) => Prisma.sql`
  SELECT v.product_id, v.id AS "variantId", v.options, v.price, v.old_price AS "oldPrice", v.currency,
    v.weight_grams AS "weightGrams", coalesce(s.free, 0) AS free, s.location_id AS "locationId", s.kind,
    s.city_code AS "cityCode", s.city_name AS "cityName",
    c.id AS "campaignId", c.price AS "groupPrice", c.lowest AS "groupLowest", c.least AS "groupLeast",
    c.lifetime_minutes AS "lifetimeMinutes",
    coalesce(c.aside_left, 0) AS aside, a.id AS "asideLocationId", a.kind AS "asideKind",
    a.city_code AS "asideCityCode", a.city_name AS "asideCityName",
    v.withdrawn_at IS NOT NULL AS withdrawn, v.position
  FROM variant v
  LEFT JOIN LATERAL (
    SELECT l.id AS location_id, l.kind, l.city_code, l.city_name, sl.on_hand - sl.reserved - sl.set_aside AS free
    FROM stock_level sl JOIN location l ON l.id = sl.location_id
    WHERE sl.variant_id = v.id AND sl.on_hand > sl.reserved + sl.set_aside
    ORDER BY array_position(ARRAY['local_warehouse', 'showroom', 'seller', 'cross_border'], l.kind), l.id
    LIMIT 1) s ON true
  LEFT JOIN LATERAL (
    SELECT c.id, coalesce(c.min_seats, c.size) AS least, c.lifetime_minutes, cp.price, cp.aside_left, cp.aside_location_id,
      CASE WHEN c.min_seats IS NULL THEN cp.price ELSE least(cp.price, (
        SELECT min(t.price) FROM campaign_tier t WHERE t.campaign_id = c.id AND t.variant_id = v.id)) END AS lowest
    FROM campaign_price cp JOIN campaign c ON c.id = cp.campaign_id
    WHERE cp.variant_id = v.id AND c.starts_at <= ${now} AND (c.ends_at IS NULL OR c.ends_at > ${now})
    ORDER BY c.id DESC LIMIT 1) c ON true
  LEFT JOIN location a ON a.id = c.aside_location_id AND c.aside_left > 0
  WHERE (v.withdrawn_at IS NULL OR v.id = ${alsoWithdrawn}::int)`

type FlatRow = Omit<ProductRow, 'variants' | 'withdrawn'> &
  VariantRow & { isProductWithdrawn: boolean; total: number; product_id: number; position: number }

/**
 * @param chosen a query of `(id, place, total)`: which products in which order, and of how many. It is part of one
 * statement, because a round trip more would cost every tap as much as the query itself.
 * @param alsoWithdrawn a variant that is shown even if it is off sale.
 */
async function findRows(
  db: Db,
  chosen: Prisma.Sql,
  now: Date,
  alsoWithdrawn: number | null = null,
): Promise<{ total: number; products: ProductRow[] }> {
  const rows = await db.$queryRaw<FlatRow[]>(Prisma.sql`
    SELECT chosen.total, p.id AS "productId", p.seller_id AS "sellerId", se.name AS "sellerName", p.title,
      p.description, p.pictures, p.category_id AS "categoryId", p.withdrawn_at IS NOT NULL AS "isProductWithdrawn", v.*
    FROM (${chosen}) chosen (id, place, total)
    JOIN product p ON p.id = chosen.id JOIN seller se ON se.id = p.seller_id
    LEFT JOIN LATERAL (${variantsOf(now, alsoWithdrawn)} AND v.product_id = p.id) v ON true
    ORDER BY chosen.place, v.position, v."variantId"`)
  const byId = new Map<number, ProductRow>()
  for (const {
    total: _total,
    product_id: _productId,
    position: _position,
    productId,
    sellerId,
    sellerName,
    title,
    description,
    pictures,
    categoryId,
    isProductWithdrawn,
    ...variant
  } of rows) {
    if (variant.variantId === null) continue // nothing of it is on sale
    const product = byId.get(productId) ?? {
      productId,
      sellerId,
      sellerName,
      title,
      description,
      pictures,
      categoryId,
      withdrawn: isProductWithdrawn,
      variants: [],
    }
    product.variants.push(variant)
    byId.set(productId, product)
  }
  return { total: rows[0]?.total ?? 0, products: [...byId.values()] }
}

/** @returns undefined for an id that does not exist; a withdrawn product is returned as such. */
export async function findProduct(db: Db, productId: number, now: Date): Promise<ProductRow | undefined> {
  return opened(db, { productId, now })
}

const opened = together(async (db, asked: { productId: number; now: Date }[]) => {
  const ids = [...new Set(asked.map(({ productId }) => productId))]
  // Whoever asks together asks within milliseconds: the latest moment serves all.
  const now = new Date(Math.max(...asked.map((one) => one.now.getTime())))
  const { products } = await findRows(db, Prisma.sql`SELECT id, 1, 1 FROM unnest((SELECT ${ids}::int[])) id`, now)
  const byId = new Map(products.map((product) => [product.productId, product]))
  return asked.map(({ productId }) => byId.get(productId))
})

/** With this variant in it even if it was withdrawn. */
export async function findProductOfVariant(db: Client, variantId: number, now: Date): Promise<ProductRow | undefined> {
  const variant = await db.variant.findUnique({ where: { id: variantId }, select: { productId: true } })
  if (!variant) return undefined
  const { products } = await findRows(db, Prisma.sql`SELECT ${variant.productId}::int, 1, 1`, now, variantId)
  return products[0]
}

export type ProductQuery = {
  /** For `to_tsquery('russian', …)`, made by domain/search; undefined for all. */
  tsquery?: string
  categoryId?: number
  sellerId?: number
  offset: number
  limit: number
}

/**
 * Products on sale, best match first. Only the 2,000 most popular matches are ranked: ranking everything a common word
 * matches costs 69-190 ms at a million products, this 10 ms.
 */
export async function findProducts(
  db: Db,
  { tsquery, categoryId, sellerId, offset, limit }: ProductQuery,
  now: Date,
): Promise<{ total: number; products: ProductRow[] }> {
  const conditions = [Prisma.sql`p.withdrawn_at IS NULL`]
  if (tsquery !== undefined) conditions.push(Prisma.sql`p.search @@ to_tsquery('russian', ${tsquery})`)
  if (categoryId !== undefined) {
    conditions.push(Prisma.sql`p.category_id IN (
      WITH RECURSIVE tree AS (SELECT ${categoryId}::int AS id UNION SELECT c.id FROM category c JOIN tree ON c.parent_id = tree.id)
      SELECT id FROM tree)`)
  }
  if (sellerId !== undefined) conditions.push(Prisma.sql`p.seller_id = ${sellerId}`)
  const rank =
    tsquery === undefined ? Prisma.sql`0::real` : Prisma.sql`ts_rank(search, to_tsquery('russian', ${tsquery}), 1)`
  // Hidden in a subquery, because PostgreSQL would plan anew for each limit that it can look into.
  const page = Prisma.sql`
    WITH hits AS MATERIALIZED (
      SELECT p.id, p.popularity, p.search FROM product p
      WHERE ${Prisma.join(conditions, ' AND ')}
      ORDER BY p.popularity DESC, p.id LIMIT 2000)
    SELECT id, row_number() OVER (ORDER BY ${rank} DESC, popularity DESC, id) AS place,
      (SELECT count(*)::int FROM hits) AS total
    FROM hits ORDER BY place OFFSET (SELECT ${offset}::bigint) LIMIT (SELECT ${limit}::int)`
  return findRows(db, page, now)
}

/** Top categories that have something on sale, with how much. */
export async function findCategories(db: Db): Promise<{ categoryId: number; title: Words; products: number }[]> {
  return db.$queryRaw`
    WITH RECURSIVE tree AS (
      SELECT id AS root, id FROM category WHERE parent_id IS NULL
      UNION ALL SELECT tree.root, c.id FROM category c JOIN tree ON c.parent_id = tree.id)
    SELECT c.id AS "categoryId", c.title, count(p.id)::int AS products
    FROM category c JOIN tree ON tree.root = c.id JOIN product p ON p.category_id = tree.id AND p.withdrawn_at IS NULL
    GROUP BY c.id ORDER BY c.position, c.id`
}

export async function saveSearch(
  db: Db,
  personId: number,
  words: string,
  categoryId: number | null,
  now: Date,
): Promise<number> {
  const { id } = await savedSearches(db, { personId, words, categoryId, now })
  return id
}

type NewSearch = { personId: number; words: string; categoryId: number | null; now: Date }

const savedSearches = together(async (db, asked: NewSearch[]) =>
  db.$queryRaw<{ id: number }[]>(Prisma.sql`
    WITH one AS MATERIALIZED (
      SELECT nextval('search_id_seq')::int AS id, asked.* FROM unnest(
        (SELECT ${asked.map(({ personId }) => personId)}::int[]), (SELECT ${asked.map(({ words }) => words)}::text[]),
        (SELECT ${asked.map(({ categoryId }) => categoryId)}::int[]),
        (SELECT ${asked.map(({ now }) => now.toISOString())}::timestamptz[])
      ) WITH ORDINALITY asked (person_id, query, category_id, created_at, place)),
    saved AS (
      INSERT INTO search (id, person_id, query, category_id, created_at)
      SELECT id, person_id, query, category_id, created_at FROM one)
    SELECT id FROM one ORDER BY place`),
)

type SearchRow = { query: string; categoryId: number | null }

/** Only the person's own: ids in buttons are hostile. */
export async function findSearch(db: Db, searchId: number, personId: number): Promise<SearchRow | undefined> {
  const { query, categoryId } = await searches(db, { searchId, personId })
  return query === null ? undefined : { query, categoryId }
}

const searches = together(async (db, asked: { searchId: number; personId: number }[]) =>
  db.$queryRaw<{ query: string | null; categoryId: number | null }[]>(Prisma.sql`
    SELECT s.query, s.category_id AS "categoryId"
    FROM unnest(
        (SELECT ${asked.map(({ searchId }) => searchId)}::int[]), (SELECT ${asked.map(({ personId }) => personId)}::int[])
      ) WITH ORDINALITY one (id, person_id, place)
    LEFT JOIN search s ON s.id = one.id AND s.person_id = one.person_id
    ORDER BY one.place`),
)

export async function forgetSearches(db: Db, before: Date): Promise<number> {
  return db.$executeRaw`DELETE FROM search WHERE created_at < ${before}`
}
