import type { ShipmentState } from '#domain/delivery.ts'
import type { Client, Db } from './db.ts'
import { Prisma } from './prisma/client.ts'

export type ShipmentRow = {
  shipmentId: number
  orderId: number
  carrier: string
  key: string
  externalId: string | null
  number: string | null
  state: ShipmentState | 'requested' | 'refused'
  createdAt: Date
}

/**
 * One parcel per order, asked for once. Its key at the carrier is the order's number with a V before it.
 * @returns those that did not exist.
 */
export async function insertShipments(db: Db, orderIds: readonly number[], now: Date): Promise<number[]> {
  const rows = await db.$queryRaw<{ id: number }[]>`
    INSERT INTO shipment (order_id, carrier, key, state, created_at, updated_at)
    SELECT id, carrier, 'V' || number, 'requested', ${now}, ${now} FROM "order"
    WHERE id = ANY((SELECT ${[...orderIds]}::int[])::int[]) ORDER BY id
    ON CONFLICT (order_id) DO NOTHING RETURNING id`
  return rows.map(({ id }) => id)
}

export async function findShipment(
  db: Db,
  where: { id: number } | { orderId: number } | { carrier: string; externalId: string },
): Promise<ShipmentRow | undefined> {
  const isWanted =
    'id' in where
      ? Prisma.sql`id = ${where.id}`
      : 'orderId' in where
        ? Prisma.sql`order_id = ${where.orderId}`
        : Prisma.sql`carrier = ${where.carrier} AND external_id = ${where.externalId}`
  const [row] = await db.$queryRaw<ShipmentRow[]>`
    SELECT id AS "shipmentId", order_id AS "orderId", carrier, key, external_id AS "externalId", number, state,
      created_at AS "createdAt"
    FROM shipment WHERE ${isWanted}`
  return row
}

export async function lockShipment(db: Db, shipmentId: number): Promise<ShipmentRow['state'] | undefined> {
  const [row] = await db.$queryRaw<{ state: ShipmentRow['state'] }[]>`
    SELECT state FROM shipment WHERE id = ${shipmentId} FOR NO KEY UPDATE`
  return row?.state
}

/** An order's parcel, locked. @returns undefined when none was asked for. */
export async function lockOrderShipment(
  db: Db,
  orderId: number,
): Promise<{ shipmentId: number; state: ShipmentRow['state'] } | undefined> {
  const [row] = await db.$queryRaw<{ shipmentId: number; state: ShipmentRow['state'] }[]>`
    SELECT id AS "shipmentId", state FROM shipment WHERE order_id = ${orderId} FOR NO KEY UPDATE`
  return row
}

export async function updateShipment(
  db: Db,
  shipmentId: number,
  change: {
    externalId?: string
    number?: string
    state?: ShipmentRow['state']
    error?: string | null
    nextPollAt?: Date | null
  },
  now: Date,
): Promise<void> {
  const { externalId, number, state, error, nextPollAt } = change
  const set = [
    Prisma.sql`updated_at = ${now}`,
    ...(externalId === undefined ? [] : [Prisma.sql`external_id = ${externalId}`]),
    ...(number === undefined ? [] : [Prisma.sql`number = ${number}`]),
    ...(state === undefined ? [] : [Prisma.sql`state = ${state}`]),
    ...(error === undefined ? [] : [Prisma.sql`error = ${error}`]),
    ...(nextPollAt === undefined ? [] : [Prisma.sql`next_poll_at = ${nextPollAt}`]),
  ]
  const rows = await db.$executeRaw`UPDATE shipment SET ${Prisma.join(set)} WHERE id = ${shipmentId}`
  if (rows !== 1) throw new Error(`no shipment ${shipmentId}`)
}

export type TrackedEvent = { code: string; text: string; place: string; happenedAt: Date; state: ShipmentState | null }

/** Stores what is new of a carrier's events; the same event said twice is stored once. */
export async function insertEvents(
  db: Db,
  shipmentId: number,
  events: readonly TrackedEvent[],
  now: Date,
): Promise<void> {
  if (events.length === 0) return
  await db.$executeRaw`
    INSERT INTO tracking_event (shipment_id, code, text, place, happened_at, state, received_at)
    SELECT ${shipmentId}, e.*, ${now} FROM unnest(
      ${events.map(({ code }) => code)}::text[], ${events.map(({ text }) => text)}::text[],
      ${events.map(({ place }) => place)}::text[], ${events.map(({ happenedAt }) => happenedAt)}::timestamptz[],
      ${events.map(({ state }) => state)}::text[]) e
    ON CONFLICT (shipment_id, code, happened_at, place) DO NOTHING`
}

/** What is known of a parcel, in the order in which it happened. */
export async function findEvents(db: Db, shipmentId: number): Promise<TrackedEvent[]> {
  return db.$queryRaw<TrackedEvent[]>`
    SELECT code, text, place, happened_at AS "happenedAt", state FROM tracking_event
    WHERE shipment_id = ${shipmentId} ORDER BY happened_at, id`
}

/** Parcels whose turn has come, claimed so that any number of workers share them; a lost one comes again later. */
export async function claimDueShipments(db: Db, now: Date, again: Date, limit: number): Promise<number[]> {
  const rows = await db.$queryRaw<{ id: number }[]>`
    UPDATE shipment SET next_poll_at = ${again} WHERE id IN (
      SELECT id FROM shipment WHERE next_poll_at <= ${now} ORDER BY next_poll_at LIMIT ${limit} FOR UPDATE SKIP LOCKED)
    RETURNING id`
  return rows.map(({ id }) => id)
}

/** What the carrier is told about an order's parcel. */
export async function findParcel(db: Client, orderId: number) {
  return db.order.findUniqueOrThrow({
    where: { id: orderId },
    include: {
      lines: { include: { variant: true } },
      location: true,
      seller: { select: { name: true } },
    },
  })
}
