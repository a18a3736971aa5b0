/** Open groups that strangers may join: what a product's page and a post's button show. */
import type { Db } from './db.ts'
import { groupRows, toGroup, type GroupRow, type SqlGroup } from './group-buy.ts'
import { Prisma } from './prisma/client.ts'

/** Of the open groups of a variant, so many of those that end first are looked at. */
const nearMax = 200

/**
 * The ids of open groups of a product that strangers may join and that have a free seat, for each of
 * `one (product_id, city, most, now)`: those with somebody of the same city first, then nearest to completion, then nearest
 * to their end; NULL when there is none. Groups that are for other cities are left out when the reader's is known. `most`
 * is for each variant; where one has more than 200 groups, of the 200 that end first: a page that everybody opens must not
 * read them all.
 */
export const nearGroups = Prisma.sql`
  SELECT array_agg(best.id ORDER BY is_near DESC, gap, deadline_at) AS group_ids FROM variant, LATERAL (
    SELECT near.id, near.gap, near.deadline_at,
      -- Not EXISTS: that may be answered by reading every order of the city.
      coalesce((SELECT true FROM seat s JOIN "order" o ON o.id = s.order_id
        WHERE s.group_id = near.id AND s.state = 'paid' AND o.city_code = one.city LIMIT 1), false) AS is_near
    FROM (
      SELECT id, deadline_at, greatest(coalesce(min_seats, size) - paid_seats - topped_up, 0) AS gap
      FROM (
        -- OFFSET 0 keeps the conditions below out of it: with them in it the planner expects so few rows that it
        -- reads and sorts them all, instead of following the index until it has enough.
        SELECT * FROM "group"
        WHERE variant_id = variant.id AND state = 'open' AND is_public AND deadline_at > one.now
        ORDER BY deadline_at OFFSET 0) open
      WHERE taken_seats + topped_up + in_line < size
        AND (cardinality(cities) = 0 OR one.city IS NULL OR one.city = ANY(cities))
      LIMIT ${Prisma.raw(String(nearMax))}) near
    ORDER BY is_near DESC, near.gap, near.deadline_at, near.id LIMIT one.most) best
  WHERE variant.product_id = one.product_id`

/**
 * Open groups of a product as `nearGroups` orders them.
 * @param limit for each variant.
 * @param cityCode the reader's, when it is known.
 */
export async function findOpenGroups(
  db: Db,
  productId: number,
  now: Date,
  limit: number,
  cityCode?: number,
): Promise<GroupRow[]> {
  const [row] = await db.$queryRaw<{ ids: number[] | null }[]>`
    SELECT near.group_ids AS ids FROM (
      SELECT ${productId}::int AS product_id, ${cityCode ?? null}::int AS city, (SELECT ${limit}::int) AS most,
        ${now}::timestamptz AS now OFFSET 0) one, LATERAL (${nearGroups}) near`
  return findGroupsInOrder(db, row?.ids ?? [])
}

/** Without those that do not exist. */
export async function findGroupsInOrder(db: Db, ids: readonly number[]): Promise<GroupRow[]> {
  // Most goods have none.
  if (ids.length === 0) return []
  const rows = await db.$queryRaw<SqlGroup[]>`${groupRows} WHERE g.id = ANY((SELECT ${ids}::int[])::int[])`
  const byId = new Map(rows.map((row) => [row.groupId, toGroup(row)]))
  return ids.flatMap((id) => byId.get(id) ?? [])
}
