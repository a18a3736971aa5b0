/** Open groups that strangers may join: what a product's page and a post's button show. */
import type { Db } from './db.ts'
import { groupRows, toGroup, type GroupRow, type SqlGroup } from './group-buy.ts'

/** Of the open groups of a variant, so many of those that end first are looked at. */
const nearMax = 200

/**
 * Open groups of a product that strangers may join and that have a free seat: those with somebody of the same city
 * first, then nearest to completion, then nearest to their end. Where a variant has more than 200 of them, of the 200 that
 * end first: a page that everybody opens must not read them all.
 * @param limit for each variant.
 * @param cityCode the reader's, when it is known: groups that are for other cities are left out.
 */
export async function findOpenGroups(
  db: Db,
  productId: number,
  now: Date,
  limit: number,
  cityCode?: number,
): Promise<GroupRow[]> {
  const city = cityCode ?? null
  const rows = await db.$queryRaw<SqlGroup[]>`
    ${groupRows}
    JOIN (
      SELECT best.* FROM variant, LATERAL (
        SELECT near.id, near.gap,
          -- Not EXISTS: that may be answered by reading every order of the city.
          coalesce((SELECT true FROM seat s JOIN "order" o ON o.id = s.order_id
            WHERE s.group_id = near.id AND s.state = 'paid' AND o.city_code = ${city}::int LIMIT 1), false) AS is_near
        FROM (
          SELECT id, deadline_at, greatest(coalesce(min_seats, size) - paid_seats - topped_up, 0) AS gap
          FROM (
            -- OFFSET 0 keeps the conditions below out of it: with them in it the planner expects so few rows that it
            -- reads and sorts them all, instead of following the index until it has enough.
            SELECT * FROM "group"
            WHERE variant_id = variant.id AND state = 'open' AND is_public AND deadline_at > ${now}
            ORDER BY deadline_at OFFSET 0) open
          WHERE taken_seats + topped_up + in_line < size
            AND (cardinality(cities) = 0 OR ${city}::int IS NULL OR ${city}::int = ANY(cities))
          LIMIT ${nearMax}) near
        ORDER BY is_near DESC, near.gap, near.deadline_at, near.id LIMIT ${limit}) best
      WHERE variant.product_id = ${productId}
    ) near ON near.id = g.id
    ORDER BY near.is_near DESC, near.gap, g.deadline_at, g.id`
  return rows.map(toGroup)
}
