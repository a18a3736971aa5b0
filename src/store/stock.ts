import type { Db } from './db.ts'
import { Prisma } from './prisma/client.ts'

/**
 * Promises stock to an order. One conditional statement: it checks and takes at once, so that the last unit is sold
 * once. Take it last in a transaction: it is the row that most others wait for.
 * @param campaignId of the group that it is bought in: all of it comes from what that has set aside there (`aside.ts`), or all
 * of it from what everybody may buy.
 * @returns false when there is not enough.
 */
export async function reserveStock(
  db: Db,
  {
    orderId,
    variantId,
    locationId,
    quantity,
    campaignId = null,
  }: { orderId: number; variantId: number; locationId: number; quantity: number; campaignId?: number | null },
  now: Date,
): Promise<boolean> {
  const rows = await db.$executeRaw`
    WITH stock AS MATERIALIZED (
      SELECT on_hand - reserved - set_aside AS free FROM stock_level
      WHERE variant_id = ${variantId} AND location_id = ${locationId} FOR NO KEY UPDATE),
    aside AS (
      UPDATE campaign_price SET aside_left = aside_left - ${quantity} FROM stock
      WHERE campaign_id = ${campaignId}::int AND variant_id = ${variantId} AND aside_location_id = ${locationId}
        AND aside_left >= ${quantity}
      RETURNING 1),
    source AS MATERIALIZED (SELECT free, EXISTS (SELECT 1 FROM aside) AS is_aside FROM stock),
    taken AS (
      UPDATE stock_level SET reserved = reserved + ${quantity},
        set_aside = set_aside - CASE WHEN is_aside THEN ${quantity}::int ELSE 0 END
      FROM source WHERE variant_id = ${variantId} AND location_id = ${locationId} AND (is_aside OR free >= ${quantity})
      RETURNING is_aside)
    INSERT INTO reservation (order_id, variant_id, location_id, quantity, state, from_aside, created_at)
    SELECT ${orderId}, ${variantId}, ${locationId}, ${quantity}, 'held', is_aside, ${now} FROM taken
    ON CONFLICT (order_id, variant_id) DO UPDATE SET state = 'held', from_aside = excluded.from_aside
      WHERE reservation.state = 'released'`
  return rows === 1
}

/** Everything that lies anywhere of a product, until the transaction ends: nobody sells it or gives it back meanwhile. */
export async function lockStockOf(db: Db, productId: number): Promise<void> {
  await db.$queryRaw`
    SELECT 1 FROM stock_level WHERE variant_id IN (SELECT id FROM variant WHERE product_id = ${productId})
    ORDER BY variant_id, location_id FOR NO KEY UPDATE`
}

/** Promises an order's stock to it once more after it was given back. @returns false when there is not enough. */
export async function reserveStockAgain(db: Db, orderId: number, now: Date): Promise<boolean> {
  type Line = { variantId: number; quantity: number; locationId: number; campaignId: number | null }
  const lines = await db.$queryRaw<Line[]>`
    SELECT l.variant_id AS "variantId", l.quantity, o.location_id AS "locationId", g.campaign_id AS "campaignId"
    FROM order_line l JOIN "order" o ON o.id = l.order_id
      LEFT JOIN seat ON seat.order_id = o.id LEFT JOIN "group" g ON g.id = seat.group_id
    WHERE o.id = ${orderId} ORDER BY l.variant_id`
  for (const line of lines) {
    if (!(await reserveStock(db, { orderId, ...line }, now))) return false
  }
  return true
}

/**
 * Of what is given back: what goes to the campaign that had set it aside, if that still runs. Where it lies is locked before.
 * `given` are its reservations.
 */
const backAside = (orderId: number) => Prisma.sql`
  stock AS MATERIALIZED (
    SELECT s.variant_id, s.location_id FROM stock_level s JOIN given USING (variant_id, location_id)
    ORDER BY s.variant_id, s.location_id FOR NO KEY UPDATE OF s),
  aside AS (
    UPDATE campaign_price cp SET aside_left = aside_left + given.quantity
    FROM given JOIN stock USING (variant_id, location_id), seat JOIN "group" g ON g.id = seat.group_id
    WHERE given.from_aside AND seat.order_id = ${orderId} AND cp.campaign_id = g.campaign_id
      AND cp.variant_id = given.variant_id AND cp.aside_location_id = given.location_id
    RETURNING cp.variant_id, given.location_id, given.quantity),
  back AS MATERIALIZED (
    SELECT given.variant_id, given.location_id, given.quantity, coalesce(aside.quantity, 0) AS to_aside
    FROM given LEFT JOIN aside USING (variant_id, location_id))`

/** Gives held stock back, exactly once: a reservation that is not held any more is left alone. */
export async function releaseStock(db: Db, orderId: number): Promise<void> {
  await db.$executeRaw`
    WITH given AS (
      UPDATE reservation SET state = 'released' WHERE order_id = ${orderId} AND state = 'held'
      RETURNING variant_id, location_id, quantity, from_aside),
    ${backAside(orderId)}
    UPDATE stock_level s SET reserved = s.reserved - back.quantity, set_aside = s.set_aside + back.to_aside FROM back
    WHERE s.variant_id = back.variant_id AND s.location_id = back.location_id`
}

/** The goods are sold: they leave both what is promised and what is there. */
export async function consumeStock(db: Db, orderId: number): Promise<void> {
  await db.$executeRaw`
    WITH sold AS (
      UPDATE reservation SET state = 'consumed' WHERE order_id = ${orderId} AND state = 'held'
      RETURNING variant_id, location_id, quantity)
    UPDATE stock_level s SET on_hand = s.on_hand - sold.quantity, reserved = s.reserved - sold.quantity FROM sold
    WHERE s.variant_id = sold.variant_id AND s.location_id = sold.location_id`
}

/** Goods that were sold never left, or came back: they are there for others again. Exactly once, as the others. */
export async function restock(db: Db, orderId: number): Promise<void> {
  await db.$executeRaw`
    WITH given AS (
      UPDATE reservation SET state = 'released' WHERE order_id = ${orderId} AND state = 'consumed'
      RETURNING variant_id, location_id, quantity, from_aside),
    ${backAside(orderId)}
    UPDATE stock_level s SET on_hand = s.on_hand + back.quantity, set_aside = s.set_aside + back.to_aside FROM back
    WHERE s.variant_id = back.variant_id AND s.location_id = back.location_id`
}
