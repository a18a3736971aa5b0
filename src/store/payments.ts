import type { PaymentState } from '#domain/payments.ts'
import type { Db } from './db.ts'
import { enqueue } from './queue.ts'

export type PaymentRow = {
  paymentId: string
  orderId: number
  provider: string
  twoStage: boolean
  amount: bigint
  currency: string
  state: PaymentState
  externalId: string | null
  createdAt: Date
  groupId: number | null
  seatId: number | null
}

export async function insertPayment(
  db: Db,
  payment: { paymentId: string; orderId: number; provider: string; amount: bigint; currency: string },
  now: Date,
): Promise<void> {
  await db.payment.create({
    data: {
      id: payment.paymentId,
      orderId: payment.orderId,
      provider: payment.provider,
      twoStage: true,
      amount: payment.amount,
      currency: payment.currency,
      state: 'created',
      createdAt: now,
      updatedAt: now,
    },
  })
}

/** @returns undefined when there is no such payment. Without a lock: for reading, and for knowing which group to lock first. */
export async function findPayment(
  db: Db,
  where: { id: string } | { provider: string; externalId: string },
): Promise<PaymentRow | undefined> {
  const row = await db.payment.findFirst({
    where,
    include: { order: { select: { seat: { select: { id: true, groupId: true } } } } },
  })
  if (!row) return undefined
  return {
    paymentId: row.id,
    orderId: row.orderId,
    provider: row.provider,
    twoStage: row.twoStage,
    amount: row.amount,
    currency: row.currency,
    state: row.state as PaymentState,
    externalId: row.externalId,
    createdAt: row.createdAt,
    groupId: row.order.seat?.groupId ?? null,
    seatId: row.order.seat?.id ?? null,
  }
}

/** Waits for the row and returns its present state. */
export async function lockPayment(db: Db, paymentId: string): Promise<PaymentState | undefined> {
  const [row] = await db.$queryRaw<{ state: PaymentState }[]>`
    SELECT state FROM payment WHERE id = ${paymentId}::uuid FOR NO KEY UPDATE`
  return row?.state
}

export async function updatePayment(
  db: Db,
  paymentId: string,
  change: {
    state?: PaymentState
    externalId?: string
    confirmationUrl?: string | null
    holdUntil?: Date | null
    declineReason?: string | null
  },
  now: Date,
): Promise<void> {
  await db.payment.update({ where: { id: paymentId }, data: { ...change, updatedAt: now } })
}

/** Money is on hold, on its way, or taken: such an order is not unpaid. */
export async function hasMoney(db: Db, orderId: number): Promise<boolean> {
  const states: PaymentState[] = ['held', 'capturing', 'captured', 'voiding']
  return (await db.payment.count({ where: { orderId, state: { in: states } } })) > 0
}

export type MoveKind = 'capture' | 'void' | 'refund'
export type MoveRow = {
  moveId: string
  kind: MoveKind
  state: 'created' | 'pending' | 'done' | 'failed' | 'by_hand'
  amount: bigint
  attempts: number
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

/** A refund that no rule can make by itself: it waits for a person. */
export async function oweRefundByHand(db: Db, paymentId: string, amount: bigint, now: Date): Promise<void> {
  await db.$executeRaw`
    INSERT INTO payment_move (id, payment_id, kind, amount, state, created_at, updated_at)
    VALUES (gen_random_uuid(), ${paymentId}::uuid, 'refund', ${amount}, 'by_hand', ${now}, ${now})`
}

export async function findMove(db: Db, moveId: string): Promise<MoveRow | undefined> {
  const row = await db.paymentMove.findUnique({ where: { id: moveId } })
  if (!row) return undefined
  return {
    moveId: row.id,
    kind: row.kind as MoveKind,
    state: row.state as MoveRow['state'],
    amount: row.amount,
    attempts: row.attempts,
    paymentId: row.paymentId,
  }
}

/** A payment reached its end at the provider: the move that led there is done, one that led elsewhere came too late. */
export async function finishMoves(db: Db, paymentId: string, done: 'capture' | 'void', now: Date): Promise<void> {
  await db.$executeRaw`
    UPDATE payment_move SET state = CASE kind WHEN ${done} THEN 'done' ELSE 'failed' END, updated_at = ${now}
    WHERE payment_id = ${paymentId}::uuid AND kind IN ('capture', 'void') AND state IN ('created', 'pending')`
}

export async function noteMoveAttempt(
  db: Db,
  moveId: string,
  state: MoveRow['state'],
  error: string | null,
  now: Date,
): Promise<void> {
  await db.paymentMove.update({
    where: { id: moveId },
    data: { state, error, attempts: { increment: 1 }, updatedAt: now },
  })
}

/**
 * Payments whose provider has been silent for too long: a lost webhook, a killed process. Each row is touched, so
 * that it comes again only after the same pause.
 */
export async function claimSilentPayments(db: Db, silentSince: Date, now: Date, limit: number): Promise<string[]> {
  const rows = await db.$queryRaw<{ id: string }[]>`
    UPDATE payment SET updated_at = ${now} WHERE id IN (
      SELECT id FROM payment
      WHERE state IN ('created', 'pending', 'unknown', 'capturing', 'voiding') AND updated_at < ${silentSince}
      ORDER BY updated_at LIMIT ${limit} FOR UPDATE SKIP LOCKED)
    RETURNING id::text`
  return rows.map(({ id }) => id)
}
