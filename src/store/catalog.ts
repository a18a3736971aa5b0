import type { LocationKind } from '#domain/delivery.ts'
import type { Words } from '#domain/people.ts'
import { together, type Client, type Db } from './db.ts'
import { Prisma } from './prisma/client.ts'
import { findProductIdOf } from './product.ts'

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
  /** Shown to those only who said that they are eighteen. */
  isAdult: boolean
  isPerishable: boolean
  /** The carrier's codes of the cities that it is sold to; none: everywhere. */
  cities: number[]
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
    WHERE cp.variant_id = v.id AND c.starts_at <= (SELECT ${now}::timestamptz) AND (c.ends_at IS NULL OR c.ends_at > (SELECT ${now}::timestamptz))
    ORDER BY c.id DESC LIMIT 1) c ON true
  LEFT JOIN location a ON a.id = c.aside_location_id AND c.aside_left > 0
  WHERE (v.withdrawn_at IS NULL OR v.id = (SELECT ${alsoWithdrawn}::int))`

type FlatRow = Omit<ProductRow, 'variants' | 'withdrawn'> &
  VariantRow & { isProductWithdrawn: boolean; total: number; product_id: number; position: number }

/**
 * @param chosen a query of `(id, place, total)`: which products in which order, and of how many. It is part of one
 * statement, because a round trip more would cost every tap as much as the query itself. Variants are looked up product by
 * product (`OFFSET 0`): joined as sets, those of all products would be put together first.
 * @param alsoWithdrawn a variant that is shown even if it is off sale.
 */
export async function findRows(
  db: Db,
  chosen: Prisma.Sql,
  now: Date,
  alsoWithdrawn: number | null = null,
): Promise<{ total: number; products: ProductRow[] }> {
  const rows = await db.$queryRaw<FlatRow[]>(Prisma.sql`
    SELECT chosen.total, p.id AS "productId", p.seller_id AS "sellerId", se.name AS "sellerName", p.title,
      p.description, p.pictures, p.category_id AS "categoryId", p.withdrawn_at IS NOT NULL AS "isProductWithdrawn",
      p.is_adult AS "isAdult", p.is_perishable AS "isPerishable", p.cities, v.*
    FROM (${chosen}) chosen (id, place, total)
    JOIN product p ON p.id = chosen.id JOIN seller se ON se.id = p.seller_id
    LEFT JOIN LATERAL (${variantsOf(now, alsoWithdrawn)} AND v.product_id = p.id OFFSET 0) v ON true
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
    isAdult,
    isPerishable,
    cities,
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
      isAdult,
      isPerishable,
      cities,
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
  const productId = await findProductIdOf(db, variantId)
  if (productId === undefined) return undefined
  const { products } = await findRows(db, Prisma.sql`SELECT ${productId}::int, 1, 1`, now, variantId)
  return products[0]
}

/** What a shop has on sale, what sells first: the first 2,000. */
export async function findProducts(
  db: Db,
  { sellerId, offset, limit }: { sellerId: number; offset: number; limit: number },
  now: Date,
): Promise<{ total: number; products: ProductRow[] }> {
  // Hidden in a subquery, because PostgreSQL would plan anew for each limit that it can look into.
  const page = Prisma.sql`
    WITH own AS MATERIALIZED (
      SELECT id, popularity FROM product WHERE seller_id = ${sellerId} AND withdrawn_at IS NULL
      ORDER BY popularity DESC, id LIMIT 2000)
    SELECT id, row_number() OVER (ORDER BY popularity DESC, id) AS place, (SELECT count(*)::int FROM own) AS total
    FROM own ORDER BY place OFFSET (SELECT ${offset}::bigint) LIMIT (SELECT ${limit}::int)`
  return findRows(db, page, now)
}

export async function forgetSearches(db: Db, before: Date): Promise<number> {
  return db.$executeRaw`DELETE FROM search WHERE created_at < ${before}`
}
