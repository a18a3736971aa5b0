import type { OrderState } from '#domain/orders.ts'
import type { PaymentMethod, PaymentState } from '#domain/payments.ts'
import type { GroupState, SeatState } from '#domain/group-buy.ts'
import type { LocationKind, ShipmentState } from '#domain/delivery.ts'
import type { Words } from '#domain/people.ts'
import { together, type Db } from './db.ts'
import type { RecipientFields } from './people.ts'
import { Prisma } from './prisma/client.ts'

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
  // The driver writes a Date in the zone of the process, and a cast of that to `date` would drop the zone.
  const [row] = await db.$queryRaw<{ id: number }[]>`
    WITH made AS (
      INSERT INTO "order" (number, request_key, person_id, seller_id, location_id, post_id, state, goods_total,
        delivery_cost, total, currency, expires_at, created_at, recipient_name, recipient_phone, city_code, city_name,
        pickup_point_code, pickup_point_text, carrier, tariff_code, promised_from, promised_to, fee_basis_points)
      VALUES (${order.number}, ${order.requestKey}, ${order.personId}, ${order.sellerId}, ${order.locationId},
        ${order.postId}, 'awaiting_payment', ${goodsTotal}, ${order.deliveryCost}, ${goodsTotal + order.deliveryCost},
        ${order.currency}, ${order.expiresAt}, ${now}, ${recipient.name}, ${recipient.phone}, ${recipient.cityCode},
        ${recipient.cityName}, ${recipient.pickupPointCode}, ${recipient.pickupPointText}, ${order.carrier},
        ${order.tariffCode}, (${order.promisedFrom}::timestamptz AT TIME ZONE 'UTC')::date,
        (${order.promisedTo}::timestamptz AT TIME ZONE 'UTC')::date, ${order.feeBasisPoints})
      RETURNING id)
    INSERT INTO order_line (order_id, variant_id, quantity, unit_price, title)
    SELECT id, ${order.variantId}, ${order.quantity}, ${order.unitPrice}, ${JSON.stringify(order.title)}::jsonb FROM made
    RETURNING order_id AS id`
  if (!row) throw new Error('an insert returns its row')
  return row.id
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
    /** What the group is for: a member may have another option of it. */
    groupVariantId: number
  }
  shipment?: { state: ShipmentState | 'requested' | 'refused'; number: string | null }
}

/** As the query below returns it: JSON cannot hold a bigint, so those inside it are texts. */
type OrderRow = Omit<OrderView, 'lines' | 'payment' | 'seat' | 'shipment' | keyof FirstLine> & {
  /** In the order of their ids; null without any. */
  lines: (Omit<OrderLineView, 'unitPrice'> & Omit<FirstLine, 'unitPrice'> & { unitPrice: string })[] | null
  payment: (Omit<CountingPayment, Amounts> & Record<Amounts, string>) | null
  seat: NonNullable<OrderView['seat']> | null
  shipment: NonNullable<OrderView['shipment']> | null
}
type FirstLine = Pick<OrderView, 'variantId' | 'quantity' | 'unitPrice' | 'title' | 'options' | 'productId' | 'picture'>
type CountingPayment = NonNullable<OrderView['payment']>
type Amounts = 'captured' | 'refunding' | 'refunded'

/** @param where an order's id, its idempotence key, or a person's newest ones. */
export async function findOrders(
  db: Db,
  where: { id: number } | { ids: number[] } | { requestKey: string } | { personId: number; limit: number },
): Promise<OrderView[]> {
  const isWanted =
    'id' in where
      ? Prisma.sql`o.id = ${where.id}`
      : 'ids' in where
        ? Prisma.sql`o.id = ANY((SELECT ${where.ids}::int[])::int[])`
        : 'requestKey' in where
          ? Prisma.sql`o.request_key = ${where.requestKey}`
          : Prisma.sql`o.person_id = ${where.personId}`
  const rows = await db.$queryRaw<OrderRow[]>`
    SELECT o.id AS "orderId", o.number, o.person_id AS "personId", o.seller_id AS "sellerId", o.state,
      o.cancel_reason AS "cancelReason", o.delivered_at AS "deliveredAt", o.goods_total AS "goodsTotal",
      o.delivery_cost AS "deliveryCost", o.total, o.currency, o.created_at AS "createdAt", o.expires_at AS "expiresAt",
      o.promised_from AS "promisedFrom", o.promised_to AS "promisedTo", place.kind AS "locationKind",
      json_build_object('name', o.recipient_name, 'phone', o.recipient_phone, 'cityCode', o.city_code,
        'cityName', o.city_name, 'pickupPointCode', o.pickup_point_code, 'pickupPointText', o.pickup_point_text)
        AS recipient,
      (SELECT json_agg(json_build_object('lineId', l.id, 'variantId', l.variant_id, 'quantity', l.quantity,
          'unitPrice', l.unit_price::text, 'title', l.title, 'options', v.options, 'productId', v.product_id,
          'picture', product.pictures[1]) ORDER BY l.id)
        FROM order_line l JOIN variant v ON v.id = l.variant_id JOIN product ON product.id = v.product_id
        WHERE l.order_id = o.id) AS lines,
      CASE WHEN p.id IS NOT NULL THEN json_build_object('paymentId', p.id, 'method', p.method, 'state', p.state,
        'confirmationUrl', p.confirmation_url, 'declineReason', p.decline_reason, 'captured', p.captured::text,
        'refunding', p.refunding::text, 'refunded', p.refunded::text) END AS payment,
      CASE WHEN s.id IS NOT NULL THEN json_build_object('seatId', s.id, 'state', s.state, 'groupId', s.group_id,
        'groupState', g.state, 'groupToken', g.token, 'groupVariantId', g.variant_id) END AS seat,
      CASE WHEN parcel.id IS NOT NULL THEN json_build_object('state', parcel.state, 'number', parcel.number) END AS shipment
    FROM "order" o JOIN location place ON place.id = o.location_id
      LEFT JOIN payment p ON p.order_id = o.id AND p.counts
      LEFT JOIN seat s ON s.order_id = o.id LEFT JOIN "group" g ON g.id = s.group_id
      LEFT JOIN shipment parcel ON parcel.order_id = o.id
    WHERE ${isWanted} ORDER BY o.created_at DESC, o.id DESC LIMIT ${'limit' in where ? where.limit : 'ids' in where ? where.ids.length : 1}`
  return rows.map(({ lines: found, payment, seat, shipment, ...order }): OrderView => {
    const lines = (found ?? []).map((line) => ({ ...line, unitPrice: BigInt(line.unitPrice) }))
    const [first] = lines
    if (!first) throw new Error(`order ${order.orderId} has no line`)
    const { lineId: _, ...shown } = first
    return {
      ...order,
      ...shown,
      lines: lines.map(({ lineId, title, quantity, unitPrice }) => ({ lineId, title, quantity, unitPrice })),
      ...(payment && {
        payment: {
          ...payment,
          captured: BigInt(payment.captured),
          refunding: BigInt(payment.refunding),
          refunded: BigInt(payment.refunded),
        },
      }),
      ...(seat && { seat }),
      ...(shipment && { shipment }),
    }
  })
}

/** One order by its id; those asked for at once are read at once. */
export const findOrder = together(async (db, ids: number[]): Promise<(OrderView | undefined)[]> => {
  const byId = new Map((await findOrders(db, { ids: [...new Set(ids)] })).map((order) => [order.orderId, order]))
  return ids.map((id) => byId.get(id))
})

/** Where an order's goods lie. */
export type OrderLocation = { locationId: number; kind: LocationKind; cityCode: number }

export async function findLocationOfOrder(db: Db, orderId: number): Promise<OrderLocation | undefined> {
  const [row] = await db.$queryRaw<OrderLocation[]>`
    SELECT l.id AS "locationId", l.kind, l.city_code AS "cityCode"
    FROM "order" o JOIN location l ON l.id = o.location_id WHERE o.id = ${orderId}`
  return row
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
  state: Exclude<OrderState, 'awaiting_choice'>,
  cancelReason?: CancelReason,
): Promise<void> {
  await setOrderStates(db, [orderId], state, cancelReason)
}

/** The same for many. */
export async function setOrderStates(
  db: Db,
  orderIds: readonly number[],
  state: Exclude<OrderState, 'awaiting_choice'>,
  cancelReason?: CancelReason,
): Promise<void> {
  const rows = await db.$executeRaw`
    UPDATE "order" SET state = ${state}, cancel_reason = ${cancelReason ?? null}, choose_until = NULL
    WHERE id = ANY((SELECT ${[...orderIds]}::int[])::int[])`
  if (rows !== orderIds.length) throw new Error(`${orderIds.length - rows} of orders ${orderIds.join()} are missing`)
}

/**
 * Makes the prices of orders what their group came to, before anything of them is taken for good.
 * @param settle the price of a unit, told what was agreed for it; never more than that.
 * @returns the new totals, delivery included.
 */
export async function settleOrders(
  db: Db,
  orderIds: readonly number[],
  settle: (orderId: number, agreed: bigint) => bigint,
): Promise<Map<number, bigint>> {
  type Line = { lineId: number; orderId: number; quantity: number; unitPrice: bigint; deliveryCost: bigint }
  const lines = await db.$queryRaw<Line[]>`
    SELECT l.id AS "lineId", o.id AS "orderId", l.quantity, l.unit_price AS "unitPrice", o.delivery_cost AS "deliveryCost"
    FROM "order" o JOIN order_line l ON l.order_id = o.id WHERE o.id = ANY(${[...orderIds]}::int[]) ORDER BY l.id`
  const totals = new Map<number, bigint>()
  const changed: { lineId: number; orderId: number; price: bigint }[] = []
  for (const { lineId, orderId, quantity, unitPrice, deliveryCost } of lines) {
    const price = settle(orderId, unitPrice)
    totals.set(orderId, (totals.get(orderId) ?? deliveryCost) + price * BigInt(quantity))
    if (price !== unitPrice) changed.push({ lineId, orderId, price })
  }
  if (changed.length === 0) return totals
  await db.$executeRaw`
    UPDATE order_line l SET unit_price = new.price
    FROM unnest(${changed.map(({ lineId }) => lineId)}::int[], ${changed.map(({ price }) => price)}::bigint[])
      AS new (line_id, price)
    WHERE l.id = new.line_id`
  const orders = [...new Set(changed.map(({ orderId }) => orderId))]
  await db.$executeRaw`
    UPDATE "order" o SET total = new.total, goods_total = new.total - o.delivery_cost
    FROM unnest(${orders}::int[], ${orders.map((orderId) => totals.get(orderId))}::bigint[]) AS new (order_id, total)
    WHERE o.id = new.order_id`
  return totals
}

/** Unpaid orders whose time is over, oldest first. */
export async function findExpiredOrders(db: Db, now: Date, limit: number): Promise<number[]> {
  const rows = await db.$queryRaw<{ id: number }[]>`
    SELECT id FROM "order" WHERE state = 'awaiting_payment' AND expires_at <= ${now} ORDER BY expires_at LIMIT ${limit}`
  return rows.map(({ id }) => id)
}

/** Lines of this many are looked through for one that nobody is at. */
const claimedFrom = 200

/**
 * Takes the unpaid order whose time was over first and that no other worker is at, until the transaction ends. Its row is
 * not locked: its group and its payments come before it.
 * @param besides orders that are not to be looked at again.
 */
export async function claimExpiredOrder(db: Db, besides: readonly number[], now: Date): Promise<number | undefined> {
  const [row] = await db.$queryRaw<{ id: number }[]>`
    SELECT id FROM (
      SELECT id FROM "order"
      WHERE state = 'awaiting_payment' AND expires_at <= ${now} AND id <> ALL((SELECT ${[...besides]}::int[])::int[])
      ORDER BY expires_at LIMIT ${claimedFrom}) due
    WHERE pg_try_advisory_xact_lock(4, id) LIMIT 1`
  return row?.id
}

/** The unpaid order of a person for the same purchase, if one is still alive: tapping again leads back to it. */
export async function findOpenOrder(
  db: Db,
  personId: number,
  variantId: number,
  group: { groupId: number } | 'own-group' | 'alone',
  now: Date,
): Promise<number | undefined> {
  const isSeatWanted =
    group === 'alone'
      ? Prisma.sql`s.id IS NULL`
      : group === 'own-group'
        ? Prisma.sql`g.state = 'draft' AND g.leader_id = ${personId}`
        : Prisma.sql`s.group_id = ${group.groupId}`
  const [row] = await db.$queryRaw<{ id: number }[]>`
    SELECT o.id FROM "order" o JOIN order_line l ON l.order_id = o.id AND l.variant_id = ${variantId}
      LEFT JOIN seat s ON s.order_id = o.id LEFT JOIN "group" g ON g.id = s.group_id
    WHERE o.person_id = ${personId} AND o.state = 'awaiting_payment' AND o.expires_at > ${now} AND ${isSeatWanted}
    ORDER BY o.id DESC LIMIT 1`
  return row?.id
}

export async function countUnpaidOrders(db: Db, personId: number): Promise<number> {
  const [row] = await db.$queryRaw<{ count: number }[]>`
    SELECT count(*)::int FROM "order" WHERE person_id = ${personId} AND state = 'awaiting_payment'`
  return row?.count ?? 0
}

export async function setDelivered(db: Db, orderId: number, at: Date): Promise<void> {
  const rows = await db.$executeRaw`
    UPDATE "order" SET state = 'delivered', delivered_at = ${at} WHERE id = ${orderId}`
  if (rows !== 1) throw new Error(`no order ${orderId}`)
}

/** Who an order's money is between, and on what terms. */
export async function findOrderParties(
  db: Db,
  orderId: number,
): Promise<{ personId: number; sellerId: number; feeBasisPoints: number; deliveryCost: bigint }> {
  const [row] = await db.$queryRaw<
    { personId: number; sellerId: number; feeBasisPoints: number; deliveryCost: bigint }[]
  >`
    SELECT person_id AS "personId", seller_id AS "sellerId", fee_basis_points AS "feeBasisPoints",
      delivery_cost AS "deliveryCost"
    FROM "order" WHERE id = ${orderId}`
  if (!row) throw new Error(`no order ${orderId}`)
  return row
}

/** The buyer gets more time, for something they have begun. Never less. */
export async function extendOrder(db: Db, orderId: number, expiresAt: Date): Promise<void> {
  await db.$executeRaw`UPDATE "order" SET expires_at = greatest(expires_at, ${expiresAt}) WHERE id = ${orderId}`
}
