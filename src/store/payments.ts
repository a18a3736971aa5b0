import type { OrderState } from '#domain/orders.ts'
import type { MoneyEvent, PaymentMethod, PaymentState, PaymentTerms, RefundReason } from '#domain/payments.ts'
import type { Words } from '#domain/people.ts'
import { together, type Client, type Db } from './db.ts'
import { Prisma } from './prisma/client.ts'
import type { NewJob } from './queue.ts'

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
export async function changePromises(
  db: Db,
  promises: readonly { paymentId: string; amount: bigint }[],
  now: Date,
): Promise<void> {
  if (promises.length === 0) return
  await db.$executeRaw`
    UPDATE payment p SET amount = new.amount, updated_at = ${now}
    FROM unnest(${promises.map(({ paymentId }) => paymentId)}::uuid[],
      ${promises.map(({ amount }) => amount)}::bigint[]) AS new (payment_id, amount)
    WHERE p.id = new.payment_id AND p.state = 'promised'`
}

/** Promises to pay at the door are over, and their buyers' stories say so. Call with the payments locked. */
export async function endPromises(db: Db, paymentIds: readonly string[], now: Date): Promise<void> {
  const rows = await db.$executeRaw`
    WITH ended AS (
      UPDATE payment SET state = 'voided', updated_at = ${now}
      WHERE id = ANY((SELECT ${[...paymentIds]}::uuid[])::uuid[]) RETURNING id, amount)
    INSERT INTO payment_event (payment_id, kind, amount, at) SELECT id, 'voided', amount, ${now} FROM ended`
  if (rows !== paymentIds.length) throw new Error(`${paymentIds.length - rows} of ${paymentIds.join()} are missing`)
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
  phone: string
  /** In the order of their ids; never none. */
  lines: { lineId: number; title: Words; quantity: number; unitPrice: bigint }[]
}

export const findPayableOrder = together(async (db, ids: number[]): Promise<(PayableOrder | undefined)[]> => {
  type Line = PayableOrder['lines'][number]
  const rows = await db.$queryRaw<(Omit<PayableOrder, 'lines'> & Line)[]>`
    SELECT o.id AS "orderId", o.number, o.state, o.delivery_cost AS "deliveryCost",
      o.recipient_phone AS phone, l.id AS "lineId", l.title, l.quantity, l.unit_price AS "unitPrice"
    FROM "order" o JOIN order_line l ON l.order_id = o.id WHERE o.id = ANY((SELECT ${ids}::int[])::int[]) ORDER BY l.id`
  const byId = new Map<number, PayableOrder>()
  for (const { lineId, title, quantity, unitPrice, ...order } of rows) {
    const known = byId.get(order.orderId) ?? { ...order, lines: [] }
    known.lines.push({ lineId, title, quantity, unitPrice })
    byId.set(order.orderId, known)
  }
  return ids.map((id) => byId.get(id))
})

/** A payment by its id, without a lock; those asked for at once are read at once. */
export const findPaymentById = together(async (db, ids: string[]): Promise<(PaymentRow | undefined)[]> => {
  const rows = await db.$queryRaw<PaymentRow[]>`
    SELECT ${paymentColumns} FROM payment p LEFT JOIN seat s ON s.order_id = p.order_id
    WHERE p.id = ANY((SELECT ${ids}::uuid[])::uuid[])`
  const byId = new Map(rows.map((row) => [row.paymentId, row]))
  return ids.map((id) => byId.get(id))
})

/** Which of these payments their providers have not answered yet. */
export async function findUnplaced(db: Db, paymentIds: readonly string[]): Promise<string[]> {
  const rows = await db.$queryRaw<{ id: string }[]>`
    SELECT id::text FROM payment WHERE id = ANY((SELECT ${[...paymentIds]}::uuid[])::uuid[]) AND state IN ('created', 'unknown')`
  return rows.map(({ id }) => id)
}

/** The job that finishes what the one who asked for a payment's page could not. @param runAt at once by default. */
export function placeJob(paymentId: string, runAt?: Date): NewJob<'place-payment'> {
  const options = { key: `place:${paymentId}`, ...(runAt && { runAt }) }
  return { name: 'place-payment', payload: { paymentId }, options }
}

/** The same for payments that are written together: a job for each would cost as much as the payment, and be needed by few. */
export function placeJobs(paymentIds: readonly string[], runAt: Date): NewJob<'place-payment' | 'place-payments'>[] {
  const [first, ...others] = paymentIds
  if (first === undefined) return []
  if (others.length === 0) return [placeJob(first, runAt)]
  return [
    { name: 'place-payments', payload: { paymentIds: [...paymentIds] }, options: { key: `places:${first}`, runAt } },
  ]
}

type Page = {
  paymentId: string
  externalId: string
  confirmationUrl: string
  amount: bigint
  currency: string
  now: Date
}

/**
 * The page on which a payment is made is there: nothing follows from it, so nothing but the payments is locked, in the
 * order of their keys.
 * @returns false when the payment did not wait for its page any more, or is of another amount: nothing is written then.
 */
export const notePage = together(async (db, pages: Page[]): Promise<boolean[]> => {
  const json = JSON.stringify(pages.map((page) => ({ ...page, amount: page.amount.toString() })))
  const rows = await db.$queryRaw<{ paymentId: string }[]>`
    WITH page AS MATERIALIZED (
      SELECT * FROM json_to_recordset((SELECT ${json}::json)) AS page ("paymentId" uuid, "externalId" text,
        "confirmationUrl" text, amount bigint, currency text, now timestamptz)),
    waiting AS MATERIALIZED (
      SELECT p.id, page.* FROM payment p JOIN page ON p.id = page."paymentId"
      WHERE p.state = 'created' AND p.amount = page.amount AND p.currency = page.currency
      ORDER BY p.id FOR NO KEY UPDATE OF p),
    -- By their keys alone: nothing can have changed since they were locked, and by the state each would be compared with each.
    placed AS (
      UPDATE payment p SET state = 'pending', external_id = waiting."externalId",
        confirmation_url = waiting."confirmationUrl", updated_at = waiting.now
      FROM waiting WHERE p.id = waiting.id
      RETURNING p.id, p.amount, waiting.now),
    told AS (
      INSERT INTO payment_event (payment_id, kind, amount, at) SELECT id, 'page', amount, now FROM placed)
    SELECT id::text AS "paymentId" FROM placed`
  const placed = new Set(rows.map(({ paymentId }) => paymentId))
  return pages.map(({ paymentId }) => placed.has(paymentId))
})

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
