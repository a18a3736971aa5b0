import type { Db } from './db.ts'

/**
 * Promises stock to an order. One conditional statement: it checks and takes at once, so that the last unit is sold
 * once. Take it last in a transaction: it is the row that most others wait for.
 * @returns false when there is not enough.
 */
export async function reserveStock(
  db: Db,
  {
    orderId,
    variantId,
    locationId,
    quantity,
  }: { orderId: number; variantId: number; locationId: number; quantity: number },
  now: Date,
): Promise<boolean> {
  const rows = await db.$executeRaw`
    WITH taken AS (
      UPDATE stock_level SET reserved = reserved + ${quantity}
      WHERE variant_id = ${variantId} AND location_id = ${locationId} AND on_hand - reserved >= ${quantity}
      RETURNING 1)
    INSERT INTO reservation (order_id, variant_id, location_id, quantity, state, created_at)
    SELECT ${orderId}, ${variantId}, ${locationId}, ${quantity}, 'held', ${now} FROM taken
    ON CONFLICT (order_id, variant_id) DO UPDATE SET state = 'held' WHERE reservation.state = 'released'`
  return rows === 1
}

/** Promises an order's stock to it once more after it was given back. @returns false when there is not enough. */
export async function reserveStockAgain(db: Db, orderId: number, now: Date): Promise<boolean> {
  const lines = await db.$queryRaw<{ variantId: number; quantity: number; locationId: number }[]>`
    SELECT l.variant_id AS "variantId", l.quantity, o.location_id AS "locationId"
    FROM order_line l JOIN "order" o ON o.id = l.order_id WHERE o.id = ${orderId} ORDER BY l.variant_id`
  for (const { variantId, quantity, locationId } of lines) {
    if (!(await reserveStock(db, { orderId, variantId, locationId, quantity }, now))) return false
  }
  return true
}

/** Gives held stock back, exactly once: a reservation that is not held any more is left alone. */
export async function releaseStock(db: Db, orderId: number): Promise<void> {
  await db.$executeRaw`
    WITH freed AS (
      UPDATE reservation SET state = 'released' WHERE order_id = ${orderId} AND state = 'held'
      RETURNING variant_id, location_id, quantity)
    UPDATE stock_level s SET reserved = s.reserved - freed.quantity FROM freed
    WHERE s.variant_id = freed.variant_id AND s.location_id = freed.location_id`
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
    WITH back AS (
      UPDATE reservation SET state = 'released' WHERE order_id = ${orderId} AND state = 'consumed'
      RETURNING variant_id, location_id, quantity)
    UPDATE stock_level s SET on_hand = s.on_hand + back.quantity FROM back
    WHERE s.variant_id = back.variant_id AND s.location_id = back.location_id`
}
