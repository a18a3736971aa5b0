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

/**
 * The goods of an order, or of all orders of a group, until the transaction ends: the products, then where they lie, in
 * key order. For whoever takes stock before it is known whether all of it is sold in the same transaction. Call after the
 * orders' locks.
 */
export async function lockGoods(db: Db, of: { orderId: number } | { groupId: number }): Promise<void> {
  const isWanted =
    'orderId' in of
      ? Prisma.sql`r.order_id = ${of.orderId}`
      : Prisma.sql`r.order_id IN (SELECT order_id FROM seat WHERE group_id = ${of.groupId})`
  await db.$queryRaw`
    SELECT 1 FROM product WHERE id IN (
      SELECT v.product_id FROM reservation r JOIN variant v ON v.id = r.variant_id WHERE ${isWanted})
    ORDER BY id FOR NO KEY UPDATE`
  await db.$queryRaw`
    SELECT 1 FROM stock_level
    WHERE (variant_id, location_id) IN (SELECT r.variant_id, r.location_id FROM reservation r WHERE ${isWanted})
    ORDER BY variant_id, location_id FOR NO KEY UPDATE`
}

/** Where an order's goods lie and where others do that are to take their place, in key order. Call after the order's lock. */
export async function lockExchange(
  db: Db,
  orderId: number,
  other: { variantId: number; locationId: number },
): Promise<void> {
  await db.$queryRaw`
    SELECT 1 FROM stock_level
    WHERE (variant_id, location_id) IN (
      SELECT variant_id, location_id FROM reservation WHERE order_id = ${orderId}
      UNION ALL SELECT ${other.variantId}::int, ${other.locationId}::int)
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
 * Of what is given back: what goes to the campaign that had set it aside, if that still keeps any. Where it lies is locked before,
 * in key order. `given` are its reservations.
 */
const backAside = Prisma.sql`
  stock AS MATERIALIZED (
    SELECT s.variant_id, s.location_id FROM stock_level s
    WHERE (s.variant_id, s.location_id) IN (SELECT variant_id, location_id FROM given)
    ORDER BY s.variant_id, s.location_id FOR NO KEY UPDATE),
  aside AS (
    UPDATE campaign_price cp SET aside_left = aside_left + due.units
    FROM (
      SELECT g.campaign_id, given.variant_id, given.location_id, sum(given.quantity)::int AS units
      FROM stock JOIN given USING (variant_id, location_id) JOIN seat ON seat.order_id = given.order_id
        JOIN "group" g ON g.id = seat.group_id
      WHERE given.from_aside GROUP BY g.campaign_id, given.variant_id, given.location_id) due
    WHERE cp.campaign_id = due.campaign_id AND cp.variant_id = due.variant_id AND cp.aside_location_id = due.location_id
    RETURNING cp.variant_id, due.location_id, due.units),
  back AS MATERIALIZED (
    SELECT variant_id, location_id, total.units, coalesce(kept.units, 0) AS to_aside
    FROM stock JOIN (
        SELECT variant_id, location_id, sum(quantity)::int AS units FROM given GROUP BY variant_id, location_id) total
        USING (variant_id, location_id)
      LEFT JOIN (
        SELECT variant_id, location_id, sum(units)::int AS units FROM aside GROUP BY variant_id, location_id) kept
        USING (variant_id, location_id))`

/** Gives held stock of orders back, exactly once: a reservation that is not held any more is left alone. */
export async function releaseStock(db: Db, ...orderIds: readonly number[]): Promise<void> {
  await db.$executeRaw`
    WITH given AS (
      UPDATE reservation SET state = 'released'
      WHERE order_id = ANY((SELECT ${[...orderIds]}::int[])::int[]) AND state = 'held'
      RETURNING order_id, variant_id, location_id, quantity, from_aside),
    ${backAside}
    UPDATE stock_level s SET reserved = s.reserved - back.units, set_aside = s.set_aside + back.to_aside FROM back
    WHERE s.variant_id = back.variant_id AND s.location_id = back.location_id`
}

/**
 * The goods of orders are sold: they leave both what is promised and what is there, and their products are that much more
 * popular. A product's row comes before where it lies, as in an import (`catalog-import.ts`).
 */
export async function sellStock(db: Db, orderIds: readonly number[]): Promise<void> {
  await db.$executeRaw`
    UPDATE product p SET popularity = p.popularity + sold.units
    FROM (
      SELECT v.product_id, sum(l.quantity)::int AS units FROM order_line l JOIN variant v ON v.id = l.variant_id
      WHERE l.order_id = ANY((SELECT ${[...orderIds]}::int[])::int[]) GROUP BY v.product_id) sold
    WHERE p.id = sold.product_id`
  await db.$executeRaw`
    WITH given AS (
      UPDATE reservation SET state = 'consumed'
      WHERE order_id = ANY((SELECT ${[...orderIds]}::int[])::int[]) AND state = 'held'
      RETURNING variant_id, location_id, quantity),
    stock AS MATERIALIZED (
      SELECT s.variant_id, s.location_id FROM stock_level s
      WHERE (s.variant_id, s.location_id) IN (SELECT variant_id, location_id FROM given)
      ORDER BY s.variant_id, s.location_id FOR NO KEY UPDATE),
    sold AS MATERIALIZED (
      SELECT variant_id, location_id, sum(given.quantity)::int AS units
      FROM stock JOIN given USING (variant_id, location_id) GROUP BY variant_id, location_id)
    UPDATE stock_level s SET on_hand = s.on_hand - sold.units, reserved = s.reserved - sold.units FROM sold
    WHERE s.variant_id = sold.variant_id AND s.location_id = sold.location_id`
}

/** Goods that were sold never left, or came back: they are there for others again. Exactly once, as the others. */
export async function restock(db: Db, orderId: number): Promise<void> {
  await db.$executeRaw`
    WITH given AS (
      UPDATE reservation SET state = 'released' WHERE order_id = ${orderId} AND state = 'consumed'
      RETURNING order_id, variant_id, location_id, quantity, from_aside),
    ${backAside}
    UPDATE stock_level s SET on_hand = s.on_hand + back.units, set_aside = s.set_aside + back.to_aside FROM back
    WHERE s.variant_id = back.variant_id AND s.location_id = back.location_id`
}
