/** What becomes of a payment's money: captures, voids, refunds, and what banks take back. */
import type { RefundReason } from '#domain/payments.ts'
import type { Db } from './db.ts'
import { Prisma } from './prisma/client.ts'
import { enqueueAll } from './queue.ts'

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
  /** Of refunds: whether goods had been handed over when it was decided. */
  isHandedOver: boolean
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
  await startMoves(db, move.kind, [move], now)
}

/** The same for many payments, whose rows must be locked. */
export async function startMoves(
  db: Db,
  kind: 'capture' | 'void',
  moves: readonly { paymentId: string; amount: bigint }[],
  now: Date,
): Promise<void> {
  if (moves.length === 0) return
  const rows = await db.$queryRaw<{ id: string }[]>`
    WITH asked AS MATERIALIZED (
      SELECT * FROM unnest(${moves.map(({ paymentId }) => paymentId)}::uuid[],
        ${moves.map(({ amount }) => amount)}::bigint[]) AS asked (payment_id, amount)),
    started AS (
      UPDATE payment p SET updated_at = ${now}, state = ${kind === 'capture' ? 'capturing' : 'voiding'}
      FROM asked WHERE p.id = asked.payment_id RETURNING p.id, asked.amount)
    INSERT INTO payment_move (id, payment_id, kind, amount, state, created_at, updated_at)
    SELECT gen_random_uuid(), id, ${kind}, amount, 'created', ${now}, ${now} FROM started
    RETURNING id::text`
  if (rows.length !== moves.length)
    throw new Error(`${moves.length - rows.length} of ${moves.length} payments are missing`)
  await enqueueAll(
    db,
    rows.map(({ id }) => ({ name: 'move-payment', payload: { moveId: id }, options: { key: `move:${id}` } })),
  )
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
  external_id AS "externalId", attempts, is_handed_over AS "isHandedOver",
  created_at AS "createdAt"`

/** Moves of an order's payments, oldest first. */
export async function findMoves(db: Db, orderId: number): Promise<MoveRow[]> {
  return db.$queryRaw<MoveRow[]>`
    SELECT ${moveColumns} FROM payment_move
    WHERE payment_id IN (SELECT id FROM payment WHERE order_id = ${orderId}) ORDER BY created_at`
}

/**
 * Goods whose money went back, or was decided to, before goods were handed over or before another refund. The order of
 * decisions is the one under the lock of the payment, as the buyer's story has it: times of clocks and random ids are
 * none.
 */
export async function findReturns(
  db: Db,
  orderId: number,
  before: 'handed-over' | { moveId: string },
): Promise<{ lineId: number; quantity: number }[]> {
  const isBefore =
    before === 'handed-over'
      ? Prisma.sql`NOT m.is_handed_over`
      : Prisma.sql`e.id < (SELECT id FROM payment_event WHERE move_id = ${before.moveId}::uuid AND kind = 'refund-started')`
  return db.$queryRaw<{ lineId: number; quantity: number }[]>`
    SELECT m.line_id AS "lineId", m.quantity
    FROM payment p JOIN payment_move m ON m.payment_id = p.id
      JOIN payment_event e ON e.move_id = m.id AND e.kind = 'refund-started'
    WHERE p.order_id = ${orderId} AND m.line_id IS NOT NULL AND m.state <> 'failed' AND ${isBefore}
    ORDER BY e.id`
}

/**
 * What was decided to go back before goods were handed over, and was still on its way then. It is part of what the order
 * brought in the books, and has receipts of its own.
 */
export async function findOnItsWay(db: Db, paymentId: string): Promise<bigint> {
  const [row] = await db.$queryRaw<{ amount: bigint }[]>`
    SELECT coalesce(sum(m.amount), 0)::bigint AS amount
    FROM payment p JOIN payment_move m ON m.payment_id = p.id AND m.kind = 'refund' AND NOT m.is_handed_over
      JOIN payment_event e ON e.move_id = m.id AND e.kind = 'refund-started'
    WHERE p.id = ${paymentId}::uuid AND NOT EXISTS (
      SELECT 1 FROM posting back JOIN posting earned ON earned.key = 'earned:' || p.order_id AND earned.id > back.id
      WHERE back.move_id = m.id)`
  return row?.amount ?? 0n
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
