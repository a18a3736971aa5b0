/**
 * Units that only groups of one campaign may take. They are counted twice: for each variant on its campaign, and for each
 * place where goods lie, so that free stock is a matter of one row. Whoever changes one changes the other, with the row of
 * the place locked first: nobody else can be at the campaign's then.
 *
 * A campaign keeps its place for as long as it runs or has a group that may still fill; without one it can set nothing
 * aside. So what is given back after that is free, whatever anybody knew about its end. From its end on it keeps no more
 * than the free seats of those groups may take.
 */
import type { LocationKind } from '#domain/delivery.ts'
import type { Db } from './db.ts'
import { Prisma } from './prisma/client.ts'
import { lockStockOf } from './stock.ts'

/**
 * Units that the free seats of a campaign's groups may take of a variant; null: none of its groups may fill any more.
 * Those who may choose another option than the group's can do so only while the campaign runs.
 */
export const wantedAside = (campaignId: Prisma.Sql, variantId: Prisma.Sql) => Prisma.sql`
  SELECT CASE WHEN count(*) > 0 THEN
    least(sum((g.size - g.taken_seats - g.topped_up) * g.max_units), 1000000000)::int END AS units
  FROM "group" g
  WHERE g.campaign_id = ${campaignId} AND g.variant_id = ${variantId} AND g.state IN ('draft', 'open')`

/** What campaigns that have ended keep, and how much of it they may go on keeping; null: none, nor its place. */
const kept = (now: Date) => Prisma.sql`
  SELECT c.product_id, cp.campaign_id, cp.variant_id, cp.aside_location_id AS location_id, cp.aside_left,
    wanted.units AS wanted
  FROM campaign_price cp JOIN campaign c ON c.id = cp.campaign_id
  CROSS JOIN LATERAL (${wantedAside(Prisma.sql`cp.campaign_id`, Prisma.sql`cp.variant_id`)}) wanted
  WHERE cp.aside_location_id IS NOT NULL AND c.ends_at <= ${now}
    AND (wanted.units IS NULL OR wanted.units < cp.aside_left)`

/**
 * Sets so many units of each variant of a campaign aside, where as many are free, the fastest place first. Call after
 * `returnAside`, last in a transaction that is given up when it is refused.
 * @returns the most that are free in one place of the variant with fewest, when that is less.
 */
export async function putAside(
  db: Db,
  campaignId: number,
  units: number,
): Promise<{ ok: true } | { ok: false; free: number }> {
  const [row] = await db.$queryRaw<{ missing: number; free: number }[]>`
    WITH stock AS MATERIALIZED (
      SELECT s.variant_id, s.location_id, l.kind, s.on_hand - s.reserved - s.set_aside AS free
      FROM stock_level s JOIN location l ON l.id = s.location_id
      WHERE s.variant_id IN (SELECT variant_id FROM campaign_price WHERE campaign_id = ${campaignId})
      ORDER BY s.variant_id, s.location_id FOR NO KEY UPDATE OF s),
    place AS MATERIALIZED (
      SELECT DISTINCT ON (variant_id) variant_id, location_id FROM stock WHERE free >= ${units}
      ORDER BY variant_id, array_position(ARRAY['local_warehouse', 'showroom', 'seller', 'cross_border'], kind),
        location_id),
    counted AS (
      UPDATE stock_level s SET set_aside = set_aside + ${units} FROM place
      WHERE s.variant_id = place.variant_id AND s.location_id = place.location_id),
    put AS (
      UPDATE campaign_price cp SET aside_left = ${units}, aside_location_id = place.location_id FROM place
      WHERE cp.campaign_id = ${campaignId} AND cp.variant_id = place.variant_id)
    SELECT count(*) FILTER (WHERE most < ${units})::int AS missing, coalesce(min(most), 0)::int AS free
    FROM (
      SELECT coalesce(max(stock.free), 0) AS most FROM campaign_price cp LEFT JOIN stock USING (variant_id)
      WHERE cp.campaign_id = ${campaignId} GROUP BY cp.variant_id) inline_variants`
  return row?.missing === 0 ? { ok: true } : { ok: false, free: row?.free ?? 0 }
}

export type Aside = { variantId: number; units: number; locationId: number; kind: LocationKind; cityCode: number }

/** What a campaign has left for its groups, whether or not it still runs. */
export async function findAside(db: Db, campaignId: number): Promise<Aside[]> {
  return db.$queryRaw<Aside[]>`
    SELECT cp.variant_id AS "variantId", cp.aside_left AS units, l.id AS "locationId", l.kind, l.city_code AS "cityCode"
    FROM campaign_price cp JOIN location l ON l.id = cp.aside_location_id
    WHERE cp.campaign_id = ${campaignId} AND cp.aside_left > 0`
}

/** Products of which campaigns that have ended keep more than their groups may take, or might be given it. */
export async function findKeptAside(db: Db, now: Date, limit: number): Promise<number[]> {
  const rows = await db.$queryRaw<{ id: number }[]>`
    SELECT DISTINCT product_id AS id FROM (${kept(now)}) kept ORDER BY id LIMIT ${limit}`
  return rows.map(({ id }) => id)
}

/**
 * What campaigns of a product that have ended keep beyond what their open groups may take is free again, exactly once,
 * however many do this at once. A seat that comes free at that moment brings its own unit back.
 * @returns for how many variants.
 */
export async function returnAside(db: Db, now: Date, productId: number): Promise<number> {
  await lockStockOf(db, productId)
  // Read when nobody else is at it: what was taken, given back or returned before is known, and nothing is meanwhile.
  return db.$executeRaw`
    WITH due AS MATERIALIZED (${kept(now)} AND c.product_id = ${productId}),
    closed AS (
      UPDATE campaign_price cp SET aside_left = coalesce(due.wanted, 0),
        aside_location_id = CASE WHEN due.wanted IS NOT NULL THEN due.location_id END
      FROM due WHERE cp.campaign_id = due.campaign_id AND cp.variant_id = due.variant_id)
    UPDATE stock_level s SET set_aside = set_aside - due.units
    FROM (
      SELECT variant_id, location_id, sum(aside_left - coalesce(wanted, 0))::int AS units FROM due
      GROUP BY variant_id, location_id) due
    WHERE s.variant_id = due.variant_id AND s.location_id = due.location_id`
}
