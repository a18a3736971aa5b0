/**
 * What a feed says, in temporary tables of the import's transaction: feeds repeat ids, scatter variants, and keep goods and
 * prices in files of their own, and none of that may grow in memory. Lists go as arrays, which PostgreSQL takes without
 * reading what is in them.
 */
import type { Db } from './db.ts'
import { Prisma } from './prisma/client.ts'

/**
 * One import of a seller at a time. @returns false when another is under way. Released with the transaction, so that one
 * that dies blocks nobody.
 */
export async function tryLockSellerImport(db: Db, slug: string): Promise<boolean> {
  const [row] = await db.$queryRaw<{ isOurs: boolean }[]>`
    SELECT pg_try_advisory_xact_lock(hashtextextended('catalog-import:' || ${slug}, 0)) AS "isOurs"`
  return row?.isOurs === true
}

/** Offers as read, halves of offers, stock as wanted, and which variants the feed still has. */
export async function createStaging(db: Db): Promise<void> {
  await db.$executeRaw`CREATE TEMPORARY TABLE staged_offer (
    position int NOT NULL, offer_id text NOT NULL UNIQUE, product_id text NOT NULL, category_id text NOT NULL,
    line int NOT NULL, has_terms boolean NOT NULL, on_hand int, stock text, at bigint NOT NULL, size int NOT NULL,
    hash text NOT NULL) ON COMMIT DROP`
  await db.$executeRaw`CREATE TEMPORARY TABLE staged_good (
    id text PRIMARY KEY, position int NOT NULL, line int NOT NULL, data text NOT NULL) ON COMMIT DROP`
  await db.$executeRaw`CREATE TEMPORARY TABLE staged_price (
    position int PRIMARY KEY, good_id text NOT NULL, data text NOT NULL) ON COMMIT DROP`
  // Packing and unpacking what is read once costs more than writing it.
  for (const table of [Prisma.sql`staged_good`, Prisma.sql`staged_price`]) {
    await db.$executeRaw`ALTER TABLE ${table} ALTER COLUMN data SET STORAGE EXTERNAL`
  }
  await db.$executeRaw`CREATE TEMPORARY TABLE staged_category (
    feed_id text PRIMARY KEY, category_id int NOT NULL, is_known boolean NOT NULL, titles text NOT NULL) ON COMMIT DROP`
  await db.$executeRaw`CREATE TEMPORARY TABLE staged_stock (
    variant_id int NOT NULL, location_id int NOT NULL, on_hand int NOT NULL) ON COMMIT DROP`
  await db.$executeRaw`CREATE TEMPORARY TABLE seen_variant (
    id int NOT NULL, is_new boolean NOT NULL, is_changed boolean NOT NULL) ON COMMIT DROP`
  await db.$executeRaw`CREATE UNIQUE INDEX seen_variant_id ON seen_variant (id)`
}

/** `at`, `size` and `hash` are of all that the offer says, which is in a file; `categoryId` is empty when it says none. */
export type StagedOffer = {
  position: number
  offerId: string
  productId: string
  categoryId: string
  line: number
  hasTerms: boolean
  /** Of an offer that names no location; of others null, and `stock` is JSON: `[{"locationId": "m", "onHand": 3}]`. */
  onHand: number | null
  stock: string | null
  at: number
  size: number
  hash: string
}

/** @returns the offers left out because an earlier one has their id, with that one's line. */
export async function stageOffers(
  db: Db,
  offers: StagedOffer[],
): Promise<{ offerId: string; line: number; firstLine: number }[]> {
  const kept = await db.$executeRaw`
    INSERT INTO staged_offer (position, offer_id, product_id, category_id, line, has_terms, on_hand, stock, at, size,
      hash)
    SELECT * FROM unnest((SELECT ${offers.map((o) => o.position)}::int[]), (SELECT ${offers.map((o) => o.offerId)}::text[]),
      (SELECT ${offers.map((o) => o.productId)}::text[]), (SELECT ${offers.map((o) => o.categoryId)}::text[]),
      (SELECT ${offers.map((o) => o.line)}::int[]), (SELECT ${offers.map((o) => o.hasTerms)}::boolean[]),
      (SELECT ${offers.map((o) => o.onHand)}::int[]), (SELECT ${offers.map((o) => o.stock)}::text[]), (SELECT ${offers.map((o) => o.at)}::bigint[]),
      (SELECT ${offers.map((o) => o.size)}::int[]), (SELECT ${offers.map((o) => o.hash)}::text[]))
    ON CONFLICT (offer_id) DO NOTHING`
  if (kept === offers.length) return []
  return db.$queryRaw<{ offerId: string; line: number; firstLine: number }[]>`
    SELECT o.offer_id AS "offerId", o.line, s.line AS "firstLine"
    FROM unnest((SELECT ${offers.map((o) => o.position)}::int[]), (SELECT ${offers.map((o) => o.offerId)}::text[]),
        (SELECT ${offers.map((o) => o.line)}::int[])) AS o(position, offer_id, line)
      JOIN staged_offer s ON s.offer_id = o.offer_id
    WHERE s.position <> o.position ORDER BY o.position`
}

/**
 * The first of a repeated id counts, as with offers. @returns the lines of the others, told apart by their positions: a
 * file may be one line, and each file begins with line 1.
 */
export async function stageGoods(
  db: Db,
  goods: { position: number; id: string; line: number; data: string }[],
): Promise<{ id: string; line: number; firstLine: number }[]> {
  const kept = await db.$executeRaw`INSERT INTO staged_good (id, position, line, data)
    SELECT * FROM unnest((SELECT ${goods.map((g) => g.id)}::text[]), (SELECT ${goods.map((g) => g.position)}::int[]),
      (SELECT ${goods.map((g) => g.line)}::int[]), (SELECT ${goods.map((g) => g.data)}::text[]))
    ON CONFLICT (id) DO NOTHING`
  if (kept === goods.length) return []
  return db.$queryRaw<{ id: string; line: number; firstLine: number }[]>`
    SELECT g.id, g.line, s.line AS "firstLine"
    FROM unnest((SELECT ${goods.map((g) => g.id)}::text[]), (SELECT ${goods.map((g) => g.position)}::int[]),
        (SELECT ${goods.map((g) => g.line)}::int[])) AS g(id, position, line)
      JOIN staged_good s ON s.id = g.id WHERE s.position <> g.position ORDER BY g.position`
}

export async function stagePrices(db: Db, prices: { position: number; goodId: string; data: string }[]): Promise<void> {
  await db.$executeRaw`INSERT INTO staged_price (position, good_id, data)
    SELECT * FROM unnest((SELECT ${prices.map((p) => p.position)}::int[]), (SELECT ${prices.map((p) => p.goodId)}::text[]),
      (SELECT ${prices.map((p) => p.data)}::text[]))`
}

/** Halves of offers put together, in the order of the prices. `good` is null where the goods have no such id. */
export async function readHalves(
  db: Db,
  after: number,
  count: number,
): Promise<{ position: number; price: string; good: string | null }[]> {
  return db.$queryRaw`SELECT p.position, p.data AS price, g.data AS good
    FROM (SELECT * FROM staged_price WHERE position > ${after} ORDER BY position LIMIT ${count}) p
      LEFT JOIN staged_good g ON g.id = p.good_id ORDER BY p.position`
}

/** The first of a list that may be as long as the feed, and how many there are. */
export type First<Row> = { first: Row[]; count: number }

const firstOf = <Row>(rows: (Row & { count: number })[]): First<Row> => ({ first: rows, count: rows[0]?.count ?? 0 })

export async function goodsWithoutPrice(db: Db, limit: number): Promise<First<{ id: string; line: number }>> {
  return firstOf(
    await db.$queryRaw<{ id: string; line: number; count: number }[]>`
    SELECT id, line, (count(*) OVER ())::int AS count FROM staged_good g
    WHERE NOT EXISTS (SELECT 1 FROM staged_price p WHERE p.good_id = g.id) ORDER BY position LIMIT ${limit}`,
  )
}

/** Before anything is asked of what was staged. */
export async function settleStaging(db: Db): Promise<void> {
  await db.$executeRaw`ANALYZE staged_offer (position, offer_id, product_id, category_id, has_terms)`
}

/**
 * Variants of the seller that are on sale, and how many of them the feed still has. The seller is looked up by itself: the
 * planner takes a joined one for one of many with a few goods each, and would look up each of them.
 */
export async function countMissing(db: Db, slug: string): Promise<{ had: number; left: number }> {
  const [row] = await db.$queryRaw<{ had: number; left: number }[]>`
    SELECT count(*)::int AS had, count(o.offer_id)::int AS left
    FROM product p JOIN variant v ON v.product_id = p.id LEFT JOIN staged_offer o ON o.offer_id = v.external_id
    WHERE p.seller_id = (SELECT id FROM seller WHERE slug = ${slug}) AND p.withdrawn_at IS NULL AND v.withdrawn_at IS NULL`
  return row ?? { had: 0, left: 0 }
}

/** The categories that staged offers name; empty for those that name none. */
export async function stagedCategoryIds(db: Db): Promise<string[]> {
  const rows = await db.$queryRaw<{ id: string }[]>`SELECT DISTINCT category_id AS id FROM staged_offer`
  return rows.map(({ id }) => id)
}

export async function stageCategories(
  db: Db,
  categories: { feedId: string; categoryId: number; isKnown: boolean; titles: string }[],
): Promise<void> {
  await db.$executeRaw`INSERT INTO staged_category (feed_id, category_id, is_known, titles)
    SELECT * FROM unnest((SELECT ${categories.map((c) => c.feedId)}::text[]),
      (SELECT ${categories.map((c) => c.categoryId)}::int[]), (SELECT ${categories.map((c) => c.isKnown)}::boolean[]),
      (SELECT ${categories.map((c) => c.titles)}::text[]))`
}

export async function offersOfUnknownCategory(
  db: Db,
  limit: number,
): Promise<First<{ line: number; offerId: string }>> {
  return firstOf(
    await db.$queryRaw<{ line: number; offerId: string; count: number }[]>`
    SELECT o.line, o.offer_id AS "offerId", (count(*) OVER ())::int AS count
    FROM staged_offer o JOIN staged_category c ON c.feed_id = o.category_id
    WHERE NOT c.is_known ORDER BY o.position LIMIT ${limit}`,
  )
}

/**
 * Tells the products that a feed says the same of as the last time, by their fingerprints, and numbers the others by their
 * first offer, so that they can be read in batches. Those with terms for buying together are always among the others when
 * the feed rules them: what is in force may have changed without it.
 * @param version of what is made of an offer. @returns how many are to be read.
 */
export async function numberStagedProducts(
  db: Db,
  sellerId: number,
  version: number,
  usesTerms: boolean,
  now: Date,
): Promise<number> {
  await db.$executeRaw`CREATE TEMPORARY TABLE staged_product ON COMMIT DROP AS
    WITH folded AS MATERIALIZED (
      SELECT o.product_id, bool_or(o.has_terms) AS has_terms, min(o.position) AS position,
        md5(${String(version)}::text || string_agg(
          o.hash || c.category_id || ' ' || c.titles, E'\n' ORDER BY o.position))::uuid AS fingerprint
      FROM staged_offer o JOIN staged_category c ON c.feed_id = o.category_id GROUP BY o.product_id
    ), told AS (
      SELECT f.product_id, f.position, f.fingerprint, p.id AS known_id
      FROM folded f LEFT JOIN product p
        ON p.seller_id = ${sellerId} AND p.external_id = f.product_id AND p.fingerprint = f.fingerprint
          AND p.withdrawn_at IS NULL AND NOT (${usesTerms} AND (f.has_terms OR EXISTS (
            SELECT 1 FROM campaign c WHERE c.product_id = p.id AND c.source = 'feed'
              AND (c.ends_at IS NULL OR c.ends_at > ${now}))))
    )
    SELECT product_id, known_id, fingerprint, CASE WHEN known_id IS NULL
      THEN (row_number() OVER (PARTITION BY known_id IS NULL ORDER BY position))::int ELSE 0 END AS number FROM told`
  await db.$executeRaw`ANALYZE staged_product`
  const [row] = await db.$queryRaw<{ count: number }[]>`SELECT max(number)::int AS count FROM staged_product`
  const count = row?.count ?? 0
  if (count > 0) {
    await db.$executeRaw`CREATE INDEX ON staged_product (number) WHERE number > 0`
    await db.$executeRaw`CREATE INDEX ON staged_offer (product_id)`
  }
  return count
}

/** Offers of the products numbered `after + 1` to `after + count`, product by product. */
export async function readStaged(
  db: Db,
  after: number,
  count: number,
): Promise<{ line: number; at: bigint; size: number; fingerprint: string }[]> {
  return db.$queryRaw`SELECT o.line, o.at, o.size, p.fingerprint::text AS fingerprint
    FROM staged_product p JOIN staged_offer o USING (product_id)
    WHERE p.number > 0 AND p.number > ${after} AND p.number <= ${after + count} ORDER BY p.number, o.position`
}

/** Notes that the feed still has the variants of products that did not change. */
export async function seeUnchanged(db: Db): Promise<void> {
  // Row by row the index costs several times what it costs to make it of all of them.
  await db.$executeRaw`DROP INDEX pg_temp.seen_variant_id`
  await db.$executeRaw`INSERT INTO seen_variant (id, is_new, is_changed)
    SELECT v.id, false, false FROM staged_product s JOIN variant v ON v.product_id = s.known_id
    WHERE v.withdrawn_at IS NULL`
  await db.$executeRaw`CREATE UNIQUE INDEX seen_variant_id ON seen_variant (id)`
}

/**
 * What is wanted of every variant's stock, those of unchanged products included: it was sold from since.
 * @param locations of the feed, the first being where what names none is.
 * @returns what stands at a location that the feed has not: the first of it, by the limit.
 */
export async function stageStock(
  db: Db,
  sellerId: number,
  locations: { externalId: string; id: number }[],
  limit: number,
): Promise<First<{ line: number; offerId: string; location: string }>> {
  const externalIds = locations.map(({ externalId }) => externalId)
  const ids = locations.map(({ id }) => id)
  const first = externalIds[0] ?? ''
  await db.$executeRaw`CREATE TEMPORARY TABLE listed_stock ON COMMIT DROP AS
    SELECT o.position, o.offer_id, o.product_id, o.line, coalesce(s."locationId", ${first}) AS location,
      s."onHand" AS on_hand
    FROM staged_offer o, jsonb_to_recordset(o.stock::jsonb) AS s("locationId" text, "onHand" int)
    WHERE o.stock IS NOT NULL`
  await db.$executeRaw`ANALYZE listed_stock`
  // Two statements, for the planner knows how many rows a table has, and of both together and their places only little.
  await db.$executeRaw`INSERT INTO staged_stock (variant_id, location_id, on_hand)
    SELECT v.id, l.id, w.on_hand
    FROM listed_stock w
      JOIN unnest((SELECT ${externalIds}::text[]), (SELECT ${ids}::int[])) AS l(external_id, id) ON l.external_id = w.location
      JOIN product p ON p.seller_id = ${sellerId} AND p.external_id = w.product_id
      JOIN variant v ON v.product_id = p.id AND v.external_id = w.offer_id`
  await db.$executeRaw`INSERT INTO staged_stock (variant_id, location_id, on_hand)
    SELECT v.id, ${ids[0]}, o.on_hand
    FROM staged_offer o
      JOIN product p ON p.seller_id = ${sellerId} AND p.external_id = o.product_id
      JOIN variant v ON v.product_id = p.id AND v.external_id = o.offer_id
    WHERE o.on_hand IS NOT NULL`
  await db.$executeRaw`CREATE UNIQUE INDEX ON staged_stock (variant_id, location_id)`
  return firstOf(
    await db.$queryRaw<{ line: number; offerId: string; location: string; count: number }[]>`
    SELECT line, offer_id AS "offerId", location, (count(*) OVER ())::int AS count FROM listed_stock
    WHERE location <> ALL ((SELECT ${externalIds}::text[])::text[]) ORDER BY position LIMIT ${limit}`,
  )
}
