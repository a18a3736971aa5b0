/** What a person looked at last, and what is nearest to what they cannot have any more. */
import type { Words } from '#domain/people.ts'
import type { Db } from './db.ts'
import { Prisma } from './prisma/client.ts'

/** The most that is remembered of one person. */
const viewsMax = 50

/**
 * Parts of a WITH that note who opened which product's page: what `one (person_id, product_id, now)` lists. Nothing is
 * written when the same was noted within the hour, so that leafing through options and photos costs no disk.
 */
export const notedViews = Prisma.sql`
  fresh AS MATERIALIZED (
    SELECT DISTINCT ON (one.person_id, one.product_id) one.person_id, one.product_id, one.now AS viewed_at
    FROM one JOIN product p ON p.id = one.product_id AND p.withdrawn_at IS NULL
    JOIN person who ON who.id = one.person_id AND (NOT p.is_adult OR who.adult_at IS NOT NULL)
    WHERE NOT EXISTS (
      SELECT 1 FROM product_view v WHERE v.person_id = one.person_id AND v.product_id = one.product_id
        AND v.viewed_at > one.now - interval '1 hour')
    ORDER BY one.person_id, one.product_id, one.now DESC),
  noted AS (
    INSERT INTO product_view (person_id, product_id, viewed_at)
    SELECT person_id, product_id, viewed_at FROM fresh ORDER BY person_id, product_id
    ON CONFLICT (person_id, product_id) DO UPDATE SET viewed_at = greatest(product_view.viewed_at, excluded.viewed_at)),
  forgotten AS (
    DELETE FROM product_view WHERE (person_id, product_id) IN (
      SELECT old.person_id, old.product_id FROM (SELECT DISTINCT person_id FROM fresh) who, LATERAL (
        SELECT v.person_id, v.product_id FROM product_view v
        WHERE v.person_id = who.person_id AND NOT EXISTS (
          SELECT 1 FROM fresh f WHERE f.person_id = v.person_id AND f.product_id = v.product_id)
        ORDER BY v.viewed_at DESC, v.product_id DESC OFFSET ${Prisma.raw(String(viewsMax - 1))}) old))`

export type SeenRow = { productId: number; title: Words; isAdult: boolean; viewedAt: Date }

/** The latest first. */
export async function findViews(
  db: Db,
  personId: number,
  { offset, limit }: { offset: number; limit: number },
): Promise<{ total: number; rows: SeenRow[] }> {
  const rows = await db.$queryRaw<(SeenRow & { total: number })[]>`
    SELECT v.product_id AS "productId", p.title, p.is_adult AS "isAdult", v.viewed_at AS "viewedAt", count(*) OVER ()::int AS total
    FROM product_view v JOIN product p ON p.id = v.product_id
    WHERE v.person_id = ${personId} ORDER BY v.viewed_at DESC, v.product_id DESC OFFSET ${offset} LIMIT ${limit}`
  return { total: rows[0]?.total ?? 0, rows }
}

export async function forgetViews(db: Db, before: Date): Promise<number> {
  return db.$executeRaw`DELETE FROM product_view WHERE viewed_at < ${before}`
}

/** Of the category of a product that is sold no more, or of the nearest above it: what is there and sells best. */
export async function findBestOfCategory(db: Db, productId: number, isAdult: boolean): Promise<number | undefined> {
  const [row] = await db.$queryRaw<{ productId: number }[]>`
    WITH RECURSIVE up AS (
      SELECT c.id, c.parent_id, 0 AS height FROM product p JOIN category c ON c.id = p.category_id WHERE p.id = ${productId}
      UNION ALL SELECT c.id, c.parent_id, up.height + 1 FROM up JOIN category c ON c.id = up.parent_id
      WHERE up.height < 20)
    SELECT best.product_id AS "productId" FROM (SELECT id FROM up ORDER BY height) up, LATERAL (
      SELECT l.product_id FROM listing l
      WHERE l.category_ids @> ARRAY[up.id] AND l.product_id <> ${productId} AND (${isAdult} OR NOT l.is_adult)
      ORDER BY l.in_stock DESC, l.popularity DESC, l.stars DESC, l.product_id LIMIT 1) best
    LIMIT 1`
  return row?.productId
}
