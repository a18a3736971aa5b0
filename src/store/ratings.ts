/** How buyers liked what they were given. */
import type { Db } from './db.ts'

/**
 * One rating of a product by each who was given it: the latest counts.
 * @returns which product; undefined for an order that is not this person's or not delivered.
 */
export async function saveRating(
  db: Db,
  { orderId, personId, stars }: { orderId: number; personId: number; stars: number },
  now: Date,
): Promise<number | undefined> {
  const [row] = await db.$queryRaw<{ productId: number }[]>`
    INSERT INTO rating (person_id, product_id, stars, rated_at)
    SELECT DISTINCT o.person_id, v.product_id, ${stars}::int, ${now}::timestamptz
    FROM "order" o JOIN order_line l ON l.order_id = o.id JOIN variant v ON v.id = l.variant_id
    WHERE o.id = ${orderId} AND o.person_id = ${personId} AND o.state = 'delivered'
    ON CONFLICT (person_id, product_id) DO UPDATE SET stars = excluded.stars, rated_at = excluded.rated_at
    RETURNING product_id AS "productId"`
  return row?.productId
}

export async function findRating(db: Db, personId: number, productId: number): Promise<number | undefined> {
  const [row] = await db.$queryRaw<{ stars: number }[]>`
    SELECT stars FROM rating WHERE person_id = ${personId} AND product_id = ${productId}`
  return row?.stars
}
