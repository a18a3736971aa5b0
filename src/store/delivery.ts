import type { ShipmentState } from '#domain/delivery.ts'
import type { Db } from './db.ts'

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
 * @returns undefined if it exists.
 */
export async function insertShipment(db: Db, orderId: number, now: Date): Promise<number | undefined> {
  const [row] = await db.$queryRaw<{ id: number }[]>`
    INSERT INTO shipment (order_id, carrier, key, state, created_at, updated_at)
    SELECT id, carrier, 'V' || number, 'requested', ${now}, ${now} FROM "order" WHERE id = ${orderId}
    ON CONFLICT (order_id) DO NOTHING RETURNING id`
  return row?.id
}

export async function findShipment(
  db: Db,
  where: { id: number } | { orderId: number } | { carrier: string; externalId: string },
): Promise<ShipmentRow | undefined> {
  const row = await db.shipment.findFirst({ where })
  if (!row) return undefined
  return {
    shipmentId: row.id,
    orderId: row.orderId,
    carrier: row.carrier,
    key: row.key,
    externalId: row.externalId,
    number: row.number,
    state: row.state as ShipmentRow['state'],
    createdAt: row.createdAt,
  }
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
  await db.shipment.update({ where: { id: shipmentId }, data: { ...change, updatedAt: now } })
}

/** Stores what is new of a carrier's events; the same event said twice is stored once. */
export async function insertEvents(
  db: Db,
  shipmentId: number,
  events: readonly { code: string; text: string; place: string; happenedAt: Date; state: ShipmentState | null }[],
  now: Date,
): Promise<void> {
  await db.trackingEvent.createMany({
    data: events.map((event) => ({ shipmentId, ...event, receivedAt: now })),
    skipDuplicates: true,
  })
}

export async function findEvents(
  db: Db,
  shipmentId: number,
): Promise<{ code: string; text: string; place: string; happenedAt: Date; state: ShipmentState | null }[]> {
  const rows = await db.trackingEvent.findMany({
    where: { shipmentId },
    orderBy: [{ happenedAt: 'asc' }, { id: 'asc' }],
  })
  return rows.map(({ code, text, place, happenedAt, state }) => ({
    code,
    text,
    place,
    happenedAt,
    state: state as ShipmentState | null,
  }))
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
export async function findParcel(db: Db, orderId: number) {
  return db.order.findUniqueOrThrow({
    where: { id: orderId },
    include: {
      lines: { include: { variant: true } },
      location: true,
      seller: { select: { name: true } },
    },
  })
}
