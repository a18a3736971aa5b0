import type { OrderState } from '#domain/orders.ts'
import type { MoneyEvent, PaymentMethod, PaymentState, PaymentTerms, RefundReason } from '#domain/payments.ts'
import type { Words } from '#domain/people.ts'
import type { Client, Db } from './db.ts'
import { Prisma } from './prisma/client.ts'
import { enqueue } from './queue.ts'

export type PaymentRow = {
  paymentId: string
  orderId: number
  provider: string
  method: PaymentMethod
  twoStage: boolean
  /** Whether it is the one that pays for its order. */
  counts: boolean
  amount: bigint
  captured: bigint
  refunding: bigint
  refunded: bigint
  currency: string
  state: PaymentState
  externalId: string | null
  createdAt: Date
  groupId: number | null
  seatId: number | null
}

/** Writes a payment that counts; another one of the order must not. */
export async function insertPayment(
  db: Db,
  payment: {
    paymentId: string
    orderId: number
    provider: string
    method: PaymentMethod
    twoStage: boolean
    amount: bigint
    currency: string
  },
  now: Date,
): Promise<void> {
  await db.$executeRaw`
    INSERT INTO payment (id, order_id, provider, method, two_stage, amount, currency, state, created_at, updated_at)
    VALUES (${payment.paymentId}::uuid, ${payment.orderId}, ${payment.provider}, ${payment.method}, ${payment.twoStage},
      ${payment.amount}, ${payment.currency}, 'created', ${now}, ${now})`
}

// Written by hand, as all that a job about a payment asks: Prisma reads a payment with its seat in three queries, and its
// engine takes more processor time for one than PostgreSQL does.
const paymentColumns = Prisma.sql`
  p.id::text AS "paymentId", p.order_id AS "orderId", p.provider, p.method, p.two_stage AS "twoStage", p.counts, p.amount,
  p.captured, p.refunding, p.refunded, p.currency, p.state, p.external_id AS "externalId", p.created_at AS "createdAt",
  s.group_id AS "groupId", s.id AS "seatId"`

/** @returns undefined when there is no such payment. Without a lock: for reading, and for knowing which group to lock first. */
export async function findPayment(
  db: Db,
  where: { id: string } | { externalId: string } | { orderId: number; counts: true },
): Promise<PaymentRow | undefined> {
  const isWanted =
    'id' in where
      ? Prisma.sql`p.id = ${where.id}::uuid`
      : 'externalId' in where
        ? Prisma.sql`p.external_id = ${where.externalId}`
        : Prisma.sql`p.order_id = ${where.orderId} AND p.counts`
  const [row] = await db.$queryRaw<PaymentRow[]>`
    SELECT ${paymentColumns} FROM payment p LEFT JOIN seat s ON s.order_id = p.order_id WHERE ${isWanted} LIMIT 1`
  return row
}

/**
 * All payments of an order, or of a group's orders, locked in the order of their keys: which of them counts is decided
 * among them. Call it after the group's lock and before the orders'.
 */
export async function lockPayments(db: Db, of: { orderId: number } | { groupId: number }): Promise<PaymentRow[]> {
  const isWanted =
    'orderId' in of
      ? Prisma.sql`p.order_id = ${of.orderId}`
      : Prisma.sql`p.order_id IN (SELECT order_id FROM seat WHERE group_id = ${of.groupId})`
  await db.$queryRaw`SELECT 1 FROM payment p WHERE ${isWanted} ORDER BY p.id FOR NO KEY UPDATE`
  // Asked once more: whoever held the locks may have written another payment, which the first look could not see.
  return db.$queryRaw<PaymentRow[]>`
    SELECT ${paymentColumns} FROM payment p LEFT JOIN seat s ON s.order_id = p.order_id WHERE ${isWanted} ORDER BY p.id`
}

/** Has another payment pay for the order. Call with all of them locked. */
export async function makePaymentCount(db: Db, orderId: number, paymentId: string): Promise<void> {
  await db.$executeRaw`UPDATE payment SET counts = false WHERE order_id = ${orderId} AND counts AND id <> ${paymentId}::uuid`
  await db.$executeRaw`UPDATE payment SET counts = true WHERE id = ${paymentId}::uuid`
}

/** What is to be paid at the door fell: nothing was taken yet. */
export async function changePromise(db: Db, paymentId: string, amount: bigint, now: Date): Promise<void> {
  await db.$executeRaw`
    UPDATE payment SET amount = ${amount}, updated_at = ${now} WHERE id = ${paymentId}::uuid AND state = 'promised'`
}

/** No payment of the order counts from here on; the caller writes one that does. */
export async function discountPayments(db: Db, orderId: number): Promise<void> {
  await db.$executeRaw`UPDATE payment SET counts = false WHERE order_id = ${orderId} AND counts`
}

export async function updatePayment(
  db: Db,
  paymentId: string,
  change: {
    state?: PaymentState
    captured?: bigint
    externalId?: string
    chargeId?: string
    confirmationUrl?: string | null
    holdUntil?: Date | null
    declineReason?: string | null
  },
  now: Date,
): Promise<void> {
  const { state, captured, externalId, chargeId, confirmationUrl, holdUntil, declineReason } = change
  const set = [
    Prisma.sql`updated_at = ${now}`,
    ...(state === undefined ? [] : [Prisma.sql`state = ${state}`]),
    ...(captured === undefined ? [] : [Prisma.sql`captured = ${captured}`]),
    ...(externalId === undefined ? [] : [Prisma.sql`external_id = ${externalId}`]),
    ...(chargeId === undefined ? [] : [Prisma.sql`charge_id = ${chargeId}`]),
    ...(confirmationUrl === undefined ? [] : [Prisma.sql`confirmation_url = ${confirmationUrl}`]),
    ...(holdUntil === undefined ? [] : [Prisma.sql`hold_until = ${holdUntil}`]),
    ...(declineReason === undefined ? [] : [Prisma.sql`decline_reason = ${declineReason}`]),
  ]
  const rows = await db.$executeRaw`UPDATE payment SET ${Prisma.join(set)} WHERE id = ${paymentId}::uuid`
  if (rows !== 1) throw new Error(`no payment ${paymentId}`)
}

/** What a provider is told of an order. */
export type PayableOrder = {
  orderId: number
  number: string
  state: OrderState
  deliveryCost: bigint
  deliveredAt: Date | null
  phone: string
  /** In the order of their ids; never none. */
  lines: { lineId: number; title: Words; quantity: number; unitPrice: bigint }[]
}

export async function findPayableOrder(db: Db, orderId: number): Promise<PayableOrder | undefined> {
  type Line = PayableOrder['lines'][number]
  const rows = await db.$queryRaw<(Omit<PayableOrder, 'lines'> & Line)[]>`
    SELECT o.id AS "orderId", o.number, o.state, o.delivery_cost AS "deliveryCost",
      o.delivered_at AS "deliveredAt", o.recipient_phone AS phone,
      l.id AS "lineId", l.title, l.quantity, l.unit_price AS "unitPrice"
    FROM "order" o JOIN order_line l ON l.order_id = o.id WHERE o.id = ${orderId} ORDER BY l.id`
  const [first] = rows
  if (!first) return undefined
  const { number, state, deliveryCost, deliveredAt, phone } = first
  const lines = rows.map(({ lineId, title, quantity, unitPrice }) => ({ lineId, title, quantity, unitPrice }))
  return { orderId, number, state, deliveryCost, deliveredAt, phone, lines }
}

/** Tells the buyer's story on, in the transaction of what happened. */
export async function tell(
  db: Db,
  event: { paymentId: string; moveId?: string; kind: MoneyEvent; amount: bigint },
  at: Date,
): Promise<void> {
  await db.$executeRaw`
    INSERT INTO payment_event (payment_id, move_id, kind, amount, at)
    VALUES (${event.paymentId}::uuid, ${event.moveId ?? null}::uuid, ${event.kind}, ${event.amount}, ${at})`
}

/** Money is on hold, on its way, promised or taken: such an order is not unpaid. */
export async function hasMoney(db: Db, orderId: number): Promise<boolean> {
  const states: PaymentState[] = ['promised', 'held', 'capturing', 'captured', 'part_refunded', 'voiding']
  const rows = await db.$queryRaw<unknown[]>`
    SELECT 1 FROM payment WHERE order_id = ${orderId} AND counts AND state = ANY(${states}::text[])`
  return rows.length > 0
}

/** What a seller allows, and what they know of a buyer. @param personId the buyer. */
export async function findPaymentTerms(
  db: Db,
  sellerId: number,
  personId: number,
): Promise<{ terms: PaymentTerms; buyer: { refusedAtDoor: number; promises: number }; feeBasisPoints: number }> {
  type Buyer = { refusedAtDoor: number; promises: number }
  const [row] = await db.$queryRaw<(PaymentTerms & Buyer & { feeBasisPoints: number })[]>`
    SELECT payment_methods AS methods, on_delivery_max AS "onDeliveryMax",
      on_delivery_for_groups AS "onDeliveryForGroups", fee_basis_points AS "feeBasisPoints",
      (SELECT count(*)::int FROM "order" WHERE person_id = ${personId} AND cancel_reason = 'refused-at-door')
        AS "refusedAtDoor",
      (SELECT count(*)::int FROM "order" o JOIN payment p ON p.order_id = o.id AND p.state = 'promised'
        WHERE o.person_id = ${personId}) AS promises
    FROM seller WHERE id = ${sellerId}`
  if (!row) throw new Error(`no seller ${sellerId}`)
  const { refusedAtDoor, promises, feeBasisPoints, ...terms } = row
  return { terms, buyer: { refusedAtDoor, promises }, feeBasisPoints }
}

export type MoveKind = 'capture' | 'void' | 'refund' | 'chargeback' | 'chargeback-won'
export type MoveState = 'asked' | 'declined' | 'created' | 'pending' | 'done' | 'failed' | 'by_hand'
export type MoveRow = {
  moveId: string
  kind: MoveKind
  state: MoveState
  amount: bigint
  reason: RefundReason | null
  lineId: number | null
  quantity: number | null
  externalId: string | null
  attempts: number
  createdAt: Date
  paymentId: string
}

/**
 * Writes down that held money shall be taken or given back, with the job that does it, in the transaction that
 * decided so. The row's id is the provider's idempotence key.
 */
export async function startMove(
  db: Db,
  move: { paymentId: string; kind: 'capture' | 'void'; amount: bigint },
  now: Date,
): Promise<void> {
  const [row] = await db.$queryRaw<{ id: string }[]>`
    INSERT INTO payment_move (id, payment_id, kind, amount, state, created_at, updated_at)
    VALUES (gen_random_uuid(), ${move.paymentId}::uuid, ${move.kind}, ${move.amount}, 'created', ${now}, ${now})
    RETURNING id::text`
  if (!row) throw new Error('an insert returns its row')
  await updatePayment(db, move.paymentId, { state: move.kind === 'capture' ? 'capturing' : 'voiding' }, now)
  await enqueue(db, 'move-payment', { moveId: row.id }, { key: `move:${row.id}` })
}

export async function findMove(
  db: Db,
  where: { id: string } | { requestKey: string } | { lineId: number; state: 'asked' },
): Promise<MoveRow | undefined> {
  const isWanted =
    'id' in where
      ? Prisma.sql`id = ${where.id}::uuid`
      : 'requestKey' in where
        ? Prisma.sql`request_key = ${where.requestKey}`
        : Prisma.sql`line_id = ${where.lineId} AND state = 'asked'`
  const [row] = await db.$queryRaw<MoveRow[]>`
    SELECT ${moveColumns} FROM payment_move WHERE ${isWanted} LIMIT 1`
  return row
}

const moveColumns = Prisma.sql`
  id::text AS "moveId", payment_id::text AS "paymentId", kind, state, amount, reason, line_id AS "lineId", quantity,
  external_id AS "externalId", attempts, created_at AS "createdAt"`

/** Moves of an order's payments, oldest first. */
export async function findMoves(db: Db, orderId: number): Promise<MoveRow[]> {
  return db.$queryRaw<MoveRow[]>`
    SELECT ${moveColumns} FROM payment_move
    WHERE payment_id IN (SELECT id FROM payment WHERE order_id = ${orderId}) ORDER BY created_at`
}

/**
 * Goods whose money went back, or was decided to, before a moment or before another refund. The order of decisions is
 * that of the buyer's story, which is written under the lock of the payment: times of clocks and random ids are none.
 */
export async function findReturns(
  db: Db,
  orderId: number,
  before: { at: Date } | { moveId: string },
): Promise<{ lineId: number; quantity: number }[]> {
  const isBefore =
    'at' in before
      ? Prisma.sql`e.at < ${before.at}`
      : Prisma.sql`e.id < (SELECT id FROM payment_event WHERE move_id = ${before.moveId}::uuid AND kind = 'refund-started')`
  return db.$queryRaw<{ lineId: number; quantity: number }[]>`
    SELECT m.line_id AS "lineId", m.quantity
    FROM payment p JOIN payment_move m ON m.payment_id = p.id
      JOIN payment_event e ON e.move_id = m.id AND e.kind = 'refund-started'
    WHERE p.order_id = ${orderId} AND m.line_id IS NOT NULL AND m.state <> 'failed' AND ${isBefore}
    ORDER BY e.id`
}

/** A payment reached its end at the provider: the move that led there is done, one that led elsewhere came too late. */
export async function finishMoves(db: Db, paymentId: string, done: 'capture' | 'void', now: Date): Promise<void> {
  await db.$executeRaw`
    UPDATE payment_move SET state = CASE kind WHEN ${done} THEN 'done' ELSE 'failed' END, updated_at = ${now}
    WHERE payment_id = ${paymentId}::uuid AND kind IN ('capture', 'void') AND state IN ('created', 'pending')`
}

/** An attempt came to this. Moves that have ended stay as they are. @returns whether it was still under way. */
export async function noteMoveAttempt(
  db: Db,
  moveId: string,
  change: { state: 'pending' | 'by_hand'; error: string | null; externalId?: string },
  now: Date,
): Promise<boolean> {
  const rows = await db.$executeRaw`
    UPDATE payment_move SET state = ${change.state}, error = ${change.error}, attempts = attempts + 1,
      external_id = coalesce(${change.externalId ?? null}::text, external_id), updated_at = ${now}
    WHERE id = ${moveId}::uuid AND state IN ('created', 'pending')`
  return rows === 1
}

/**
 * Payments whose provider has been silent for too long: a lost webhook, a killed process, a hold past its end, a refund
 * that nobody tells us about. Each row is touched, so that it comes again only after the same pause.
 */
export async function claimSilentPayments(db: Db, silentSince: Date, now: Date, limit: number): Promise<string[]> {
  const rows = await db.$queryRaw<{ id: string }[]>`
    UPDATE payment SET updated_at = ${now} WHERE id IN (
      SELECT id FROM payment p
      WHERE updated_at < ${silentSince} AND (
        (state IN ('created', 'pending', 'unknown', 'capturing', 'voiding') AND method IN ('card', 'sbp'))
        OR (state = 'held' AND hold_until < ${now})
        OR (refunding > 0 AND EXISTS (SELECT 1 FROM payment_move m
          WHERE m.payment_id = p.id AND m.kind = 'refund' AND m.state IN ('created', 'pending'))))
      ORDER BY updated_at LIMIT ${limit} FOR UPDATE SKIP LOCKED)
    RETURNING id::text`
  return rows.map(({ id }) => id)
}

/**
 * Holds that end before `until` while their money still waits for something; each is found until it has ended. Those that
 * something can be done about come first.
 */
export async function findEndingHolds(db: Db, until: Date, limit: number): Promise<string[]> {
  const rows = await db.$queryRaw<{ id: string }[]>`
    SELECT id::text FROM payment WHERE state IN ('held', 'capturing') AND hold_until <= ${until}
    ORDER BY state = 'capturing', hold_until LIMIT ${limit}`
  return rows.map(({ id }) => id)
}

/** What happened to an order's money, oldest first. */
export type StoryLine = {
  kind: MoneyEvent
  amount: bigint
  currency: string
  method: PaymentMethod
  reason: RefundReason | null
  at: Date
}

export async function findMoneyStory(db: Client, orderId: number): Promise<StoryLine[]> {
  const rows = await db.paymentEvent.findMany({
    where: { payment: { orderId } },
    orderBy: { id: 'asc' },
    include: { payment: { select: { method: true, currency: true } }, move: { select: { reason: true } } },
  })
  return rows.map(({ kind, amount, at, payment, move }) => ({
    kind: kind as MoneyEvent,
    amount,
    currency: payment.currency,
    method: payment.method as PaymentMethod,
    reason: (move?.reason ?? null) as RefundReason | null,
    at,
  }))
}
