import type { OrderState } from '#domain/orders.ts'
import type { PaymentMethod, PaymentState } from '#domain/payments.ts'
import type { GroupState, SeatState } from '#domain/group-buy.ts'
import type { LocationKind, ShipmentState } from '#domain/delivery.ts'
import type { Words } from '#domain/people.ts'
import type { Db } from './db.ts'
import type { RecipientFields } from './people.ts'

/**
 * One purchase of a person at a time: whatever they tap twice, on two devices or through two processes, is decided in
 * order. Held until the transaction ends.
 */
export async function lockBuyer(db: Db, personId: number): Promise<void> {
  await db.$executeRaw`SELECT pg_advisory_xact_lock(1, ${personId}::int)`
}

export type NewOrder = {
  number: string
  requestKey: string
  personId: number
  sellerId: number
  locationId: number
  postId: number | null
  unitPrice: bigint
  quantity: number
  deliveryCost: bigint
  currency: string
  expiresAt: Date
  recipient: RecipientFields
  carrier: string
  tariffCode: number
  promisedFrom: Date
  promisedTo: Date
  variantId: number
  title: Words
  feeBasisPoints: number
}

export async function insertOrder(db: Db, order: NewOrder, now: Date): Promise<number> {
  const goodsTotal = order.unitPrice * BigInt(order.quantity)
  const { recipient } = order
  const { id } = await db.order.create({
    data: {
      number: order.number,
      requestKey: order.requestKey,
      personId: order.personId,
      sellerId: order.sellerId,
      locationId: order.locationId,
      postId: order.postId,
      state: 'awaiting_payment',
      goodsTotal,
      deliveryCost: order.deliveryCost,
      total: goodsTotal + order.deliveryCost,
      currency: order.currency,
      expiresAt: order.expiresAt,
      createdAt: now,
      recipientName: recipient.name,
      recipientPhone: recipient.phone,
      cityCode: recipient.cityCode,
      cityName: recipient.cityName,
      pickupPointCode: recipient.pickupPointCode,
      pickupPointText: recipient.pickupPointText,
      carrier: order.carrier,
      tariffCode: order.tariffCode,
      promisedFrom: order.promisedFrom,
      promisedTo: order.promisedTo,
      feeBasisPoints: order.feeBasisPoints,
      lines: {
        create: {
          variantId: order.variantId,
          quantity: order.quantity,
          unitPrice: order.unitPrice,
          title: order.title,
        },
      },
    },
    select: { id: true },
  })
  return id
}

export type OrderLineView = { lineId: number; title: Words; quantity: number; unitPrice: bigint }

/** An order with all that is shown of it. */
export type OrderView = {
  orderId: number
  number: string
  personId: number
  sellerId: number
  state: OrderState
  cancelReason: string | null
  deliveredAt: Date | null
  goodsTotal: bigint
  deliveryCost: bigint
  total: bigint
  currency: string
  createdAt: Date
  expiresAt: Date
  recipient: RecipientFields
  promisedFrom: Date
  promisedTo: Date
  variantId: number
  quantity: number
  unitPrice: bigint
  title: Words
  options: Record<string, Record<string, string>>
  productId: number
  picture: string | null
  lines: OrderLineView[]
  locationKind: LocationKind
  /** The payment that counts. */
  payment?: {
    paymentId: string
    method: PaymentMethod
    state: PaymentState
    confirmationUrl: string | null
    declineReason: string | null
    captured: bigint
    refunding: bigint
    refunded: bigint
  }
  seat?: {
    seatId: number
    state: SeatState
    groupId: number
    groupState: GroupState
    groupToken: string
  }
  shipment?: { state: ShipmentState | 'requested' | 'refused'; number: string | null }
}

/** @param where an order's id, its idempotence key, or a person's newest ones. */
export async function findOrders(
  db: Db,
  where: { id: number } | { requestKey: string } | { personId: number; limit: number },
): Promise<OrderView[]> {
  const rows = await db.order.findMany({
    where: 'personId' in where ? { personId: where.personId } : where,
    orderBy: [{ createdAt: 'desc' }, { id: 'desc' }],
    take: 'limit' in where ? where.limit : 1,
    include: {
      lines: {
        orderBy: { id: 'asc' },
        include: { variant: { include: { product: { select: { pictures: true, id: true } } } } },
      },
      payments: { where: { counts: true } },
      seat: { include: { group: true } },
      shipment: true,
      location: { select: { kind: true } },
    },
  })
  return rows.map((row): OrderView => {
    const line = row.lines[0]
    if (!line) throw new Error(`order ${row.id} has no line`)
    const [payment] = row.payments
    return {
      orderId: row.id,
      number: row.number,
      personId: row.personId,
      sellerId: row.sellerId,
      state: row.state as OrderState,
      cancelReason: row.cancelReason,
      deliveredAt: row.deliveredAt,
      goodsTotal: row.goodsTotal,
      deliveryCost: row.deliveryCost,
      total: row.total,
      currency: row.currency,
      createdAt: row.createdAt,
      expiresAt: row.expiresAt,
      recipient: {
        name: row.recipientName,
        phone: row.recipientPhone,
        cityCode: row.cityCode,
        cityName: row.cityName,
        pickupPointCode: row.pickupPointCode,
        pickupPointText: row.pickupPointText,
      },
      promisedFrom: row.promisedFrom,
      promisedTo: row.promisedTo,
      variantId: line.variantId,
      quantity: line.quantity,
      unitPrice: line.unitPrice,
      title: line.title as Words,
      options: line.variant.options as OrderView['options'],
      productId: line.variant.product.id,
      picture: line.variant.product.pictures[0] ?? null,
      lines: row.lines.map(({ id, title, quantity, unitPrice }) => ({
        lineId: id,
        title: title as Words,
        quantity,
        unitPrice,
      })),
      locationKind: row.location.kind as LocationKind,
      ...(payment && {
        payment: {
          paymentId: payment.id,
          method: payment.method as PaymentMethod,
          state: payment.state as PaymentState,
          confirmationUrl: payment.confirmationUrl,
          declineReason: payment.declineReason,
          captured: payment.captured,
          refunding: payment.refunding,
          refunded: payment.refunded,
        },
      }),
      ...(row.seat && {
        seat: {
          seatId: row.seat.id,
          state: row.seat.state as SeatState,
          groupId: row.seat.groupId,
          groupState: row.seat.group.state as GroupState,
          groupToken: row.seat.group.token,
        },
      }),
      ...(row.shipment && {
        shipment: {
          state: row.shipment.state as ShipmentState | 'requested' | 'refused',
          number: row.shipment.number,
        },
      }),
    }
  })
}

/** Where an order's goods lie. */
export type OrderLocation = { locationId: number; kind: LocationKind; cityCode: number }

export async function findLocationOfOrder(db: Db, orderId: number): Promise<OrderLocation | undefined> {
  const row = await db.order.findUnique({
    where: { id: orderId },
    select: { location: { select: { id: true, kind: true, cityCode: true } } },
  })
  return row
    ? { locationId: row.location.id, kind: row.location.kind as LocationKind, cityCode: row.location.cityCode }
    : undefined
}

export type LockedOrder = { state: OrderState; personId: number; expiresAt: Date; cancelReason: CancelReason | null }

/** Takes the row lock and returns the order's state with the group it belongs to. */
export async function lockOrder(db: Db, orderId: number): Promise<LockedOrder | undefined> {
  const [row] = await db.$queryRaw<LockedOrder[]>`
    SELECT state, person_id AS "personId", expires_at AS "expiresAt", cancel_reason AS "cancelReason" FROM "order" WHERE id = ${orderId} FOR NO KEY UPDATE`
  return row
}

/**
 * `given-up`: unpaid, by the buyer; `cancelled`: paid, by the buyer; `unpaid`: its time was over; `refused-at-door`: it
 * was to be paid there and was not; else what the payment did.
 */
export type CancelReason =
  | 'given-up'
  | 'unpaid'
  | 'released'
  | 'hold-expired'
  | 'refund-owed'
  | 'cancelled'
  | 'refused-at-door'

export async function setOrderState(
  db: Db,
  orderId: number,
  state: OrderState,
  cancelReason?: CancelReason,
): Promise<void> {
  await db.order.update({ where: { id: orderId }, data: { state, cancelReason: cancelReason ?? null } })
}

/** Unpaid orders whose time is over, oldest first. */
export async function findExpiredOrders(db: Db, now: Date, limit: number): Promise<number[]> {
  const rows = await db.$queryRaw<{ id: number }[]>`
    SELECT id FROM "order" WHERE state = 'awaiting_payment' AND expires_at <= ${now} ORDER BY expires_at LIMIT ${limit}`
  return rows.map(({ id }) => id)
}

/** The unpaid order of a person for the same purchase, if one is still alive: tapping again leads back to it. */
export async function findOpenOrder(
  db: Db,
  personId: number,
  variantId: number,
  group: { groupId: number } | 'own-group' | 'alone',
  now: Date,
): Promise<number | undefined> {
  const row = await db.order.findFirst({
    where: {
      personId,
      state: 'awaiting_payment',
      expiresAt: { gt: now },
      lines: { some: { variantId } },
      seat:
        group === 'alone'
          ? null
          : group === 'own-group'
            ? { group: { state: 'draft', leaderId: personId } }
            : { groupId: group.groupId },
    },
    orderBy: { id: 'desc' },
    select: { id: true },
  })
  return row?.id
}

export async function countUnpaidOrders(db: Db, personId: number): Promise<number> {
  return db.order.count({ where: { personId, state: 'awaiting_payment' } })
}

export async function addPopularity(db: Db, orderId: number): Promise<void> {
  await db.$executeRaw`
    UPDATE product p SET popularity = p.popularity + l.quantity
    FROM order_line l JOIN variant v ON v.id = l.variant_id WHERE l.order_id = ${orderId} AND p.id = v.product_id`
}

export async function setDelivered(db: Db, orderId: number, at: Date): Promise<void> {
  await db.order.update({ where: { id: orderId }, data: { state: 'delivered', deliveredAt: at } })
}

/** Who an order's money is between, and on what terms. */
export async function findOrderParties(
  db: Db,
  orderId: number,
): Promise<{ personId: number; sellerId: number; feeBasisPoints: number; deliveryCost: bigint }> {
  return db.order.findUniqueOrThrow({
    where: { id: orderId },
    select: { personId: true, sellerId: true, deliveryCost: true, feeBasisPoints: true },
  })
}

/** The buyer gets more time, for something they have begun. Never less. */
export async function extendOrder(db: Db, orderId: number, expiresAt: Date): Promise<void> {
  await db.$executeRaw`UPDATE "order" SET expires_at = greatest(expires_at, ${expiresAt}) WHERE id = ${orderId}`
}
