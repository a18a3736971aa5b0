import type { RefundReason } from '#domain/payments.ts'
import type { Db } from './db.ts'
import { tell } from './payments.ts'
import { type MoveRow, type MoveState } from './moves.ts'
import { Prisma } from './prisma/client.ts'
import { enqueue, enqueueAll } from './queue.ts'

export type NewRefund = {
  paymentId: string
  amount: bigint
  reason: RefundReason
  lineId?: number
  quantity?: number
  requestKey?: string
}

/**
 * Writes down that taken money shall go back. One statement sets the amount aside and checks that so much is left, so
 * that two refunds at once never give back more than was taken.
 * @returns the move; undefined when less than that is left.
 */
export async function startRefund(db: Db, refund: NewRefund, now: Date): Promise<string | undefined> {
  if (!(await setAside(db, refund.paymentId, refund.amount, now))) return undefined
  return insertRefund(db, refund, 'created', now)
}

/**
 * The same for many payments that are locked, and whose buyers get back what nobody has to check: one statement sets the
 * amounts aside, writes the moves and tells the stories on.
 * @throws when less than that is left of one.
 */
export async function startRefunds(
  db: Db,
  refunds: readonly { paymentId: string; amount: bigint }[],
  reason: RefundReason,
  now: Date,
): Promise<void> {
  if (refunds.length === 0) return
  const rows = await db.$queryRaw<{ id: string }[]>`
    WITH asked AS MATERIALIZED (
      SELECT * FROM unnest(${refunds.map(({ paymentId }) => paymentId)}::uuid[],
        ${refunds.map(({ amount }) => amount)}::bigint[]) WITH ORDINALITY AS asked (payment_id, amount, at)),
    aside AS (
      UPDATE payment p SET refunding = refunding + asked.amount, updated_at = ${now}
      FROM asked WHERE p.id = asked.payment_id AND p.captured - p.refunding - p.refunded >= asked.amount
      RETURNING p.id, asked.amount, asked.at),
    started AS (
      INSERT INTO payment_move (id, payment_id, kind, amount, state, reason, is_handed_over, created_at, updated_at)
      SELECT gen_random_uuid(), id, 'refund', amount, 'created', ${reason}, ${isHandedOver(Prisma.sql`aside.id`)},
        ${now}, ${now}
      FROM aside ORDER BY at
      RETURNING id, payment_id, amount),
    told AS (
      INSERT INTO payment_event (payment_id, move_id, kind, amount, at)
      SELECT payment_id, id, 'refund-started', amount, ${now} FROM started)
    SELECT id::text FROM started`
  if (rows.length !== refunds.length)
    throw new Error(`${refunds.length - rows.length} of ${refunds.length} payments have less to give back`)
  await enqueueAll(
    db,
    rows.map(({ id }) => ({ name: 'move-payment', payload: { moveId: id }, options: { key: `move:${id}` } })),
  )
}

/** Asked with the payment locked, as goods are handed over with it locked: of two, one is first. */
function isHandedOver(paymentId: Prisma.Sql): Prisma.Sql {
  return Prisma.sql`(SELECT o.delivered_at IS NOT NULL FROM payment p JOIN "order" o ON o.id = p.order_id
    WHERE p.id = ${paymentId})`
}

async function setAside(db: Db, paymentId: string, amount: bigint, now: Date): Promise<boolean> {
  const rows = await db.$executeRaw`
    UPDATE payment SET refunding = refunding + ${amount}, updated_at = ${now}
    WHERE id = ${paymentId}::uuid AND captured - refunding - refunded >= ${amount}`
  return rows === 1
}

async function insertRefund(db: Db, refund: NewRefund, state: 'asked' | 'created', now: Date): Promise<string> {
  const { paymentId, amount, reason, lineId = null, quantity = null, requestKey = null } = refund
  const [row] = await db.$queryRaw<{ id: string }[]>`
    INSERT INTO payment_move (id, payment_id, kind, amount, state, reason, line_id, quantity, request_key,
      is_handed_over, created_at, updated_at)
    VALUES (gen_random_uuid(), ${paymentId}::uuid, 'refund', ${amount}, ${state}, ${reason}, ${lineId}::int,
      ${quantity}::int, ${requestKey}::text, ${isHandedOver(Prisma.sql`${paymentId}::uuid`)}, ${now}, ${now})
    RETURNING id::text`
  if (!row) throw new Error('an insert returns its row')
  if (state === 'created') await goOn(db, { moveId: row.id, paymentId, amount }, now)
  return row.id
}

/** A refund that is sure to be made: the buyer's story has it, and a job makes it. */
async function goOn(db: Db, refund: Pick<MoveRow, 'moveId' | 'paymentId' | 'amount'>, now: Date): Promise<void> {
  const { moveId } = refund
  await tell(db, { ...refund, kind: 'refund-started' }, now)
  await enqueue(db, 'move-payment', { moveId }, { key: `move:${moveId}` })
}

/** A buyer asks for money back, for what was handed over; nothing moves until the shop agrees. */
export async function insertAskedRefund(db: Db, refund: NewRefund, now: Date): Promise<string> {
  return insertRefund(db, refund, 'asked', now)
}

/**
 * The shop agrees to what a buyer asked for, or does not.
 * @returns `too-much` when less is left than was asked for; `answered` when somebody was first.
 */
export async function answerAskedRefund(
  db: Db,
  move: MoveRow,
  agrees: boolean,
  now: Date,
): Promise<'done' | 'answered' | 'too-much'> {
  const state: MoveState = agrees ? 'created' : 'declined'
  const rows = await db.$executeRaw`
    UPDATE payment_move SET state = ${state}, created_at = ${now}, updated_at = ${now}
    WHERE id = ${move.moveId}::uuid AND state = 'asked'`
  if (rows !== 1) return 'answered'
  if (!agrees) return 'done'
  if (!(await setAside(db, move.paymentId, move.amount, now))) return 'too-much'
  await goOn(db, move, now)
  return 'done'
}

/**
 * The money of a refund is with the buyer: what was set aside is given back. Call with the payment locked.
 * @returns false when it was done before, so that nothing is counted twice.
 */
export async function finishRefund(db: Db, moveId: string, externalId: string | null, now: Date): Promise<boolean> {
  const rows = await db.$executeRaw`
    WITH done AS (
      UPDATE payment_move SET state = 'done', external_id = coalesce(${externalId}::text, external_id), error = NULL,
        updated_at = ${now}
      WHERE id = ${moveId}::uuid AND kind = 'refund' AND state IN ('created', 'pending', 'by_hand')
      RETURNING payment_id, amount)
    UPDATE payment p SET refunding = refunding - done.amount, refunded = refunded + done.amount, updated_at = ${now},
      state = CASE WHEN refunded + done.amount = captured THEN 'refunded' ELSE 'part_refunded' END
    FROM done WHERE p.id = done.payment_id`
  return rows === 1
}

/**
 * The bank took money back, once for a request key, whoever writes it down meanwhile. Call with the payment locked.
 * @returns the move; undefined when less than that is left, or the key is known.
 */
export async function recordChargeback(
  db: Db,
  chargeback: { paymentId: string; amount: bigint; requestKey: string },
  now: Date,
): Promise<string | undefined> {
  const { paymentId, amount, requestKey } = chargeback
  const [row] = await db.$queryRaw<{ id: string }[]>`
    WITH made AS (
      INSERT INTO payment_move (id, payment_id, kind, amount, state, request_key, created_at, updated_at)
      SELECT gen_random_uuid(), id, 'chargeback', ${amount}, 'done', ${requestKey}, ${now}, ${now} FROM payment
      WHERE id = ${paymentId}::uuid AND captured - refunding - refunded >= ${amount}
      ON CONFLICT (request_key) DO NOTHING RETURNING id, payment_id),
    taken AS (
      UPDATE payment p SET refunded = refunded + ${amount}, updated_at = ${now},
        state = CASE WHEN refunded + ${amount} = captured THEN 'refunded' ELSE 'part_refunded' END
      FROM made WHERE p.id = made.payment_id)
    SELECT id::text FROM made`
  if (row) await tell(db, { paymentId, moveId: row.id, kind: 'chargeback', amount }, now)
  return row?.id
}

/**
 * The bank gave up all of a chargeback. Call with the payment locked.
 * @returns the move; undefined when the key is known.
 */
export async function recordChargebackWon(
  db: Db,
  won: { paymentId: string; amount: bigint; requestKey: string },
  now: Date,
): Promise<string | undefined> {
  const { paymentId, amount, requestKey } = won
  const [row] = await db.$queryRaw<{ id: string }[]>`
    WITH made AS (
      INSERT INTO payment_move (id, payment_id, kind, amount, state, request_key, created_at, updated_at)
      VALUES (gen_random_uuid(), ${paymentId}::uuid, 'chargeback-won', ${amount}, 'done', ${requestKey}, ${now}, ${now})
      ON CONFLICT (request_key) DO NOTHING RETURNING id, payment_id),
    given AS (
      UPDATE payment p SET refunded = refunded - ${amount}, updated_at = ${now},
        state = CASE WHEN refunded = ${amount} THEN 'captured' ELSE 'part_refunded' END
      FROM made WHERE p.id = made.payment_id)
    SELECT id::text FROM made`
  if (row) await tell(db, { paymentId, moveId: row.id, kind: 'chargeback-won', amount }, now)
  return row?.id
}

/** What people know an order by. */
export async function findOrderNumbered(
  db: Db,
  number: string,
): Promise<{ orderId: number; currency: string } | undefined> {
  const [row] = await db.$queryRaw<{ orderId: number; currency: string }[]>`
    SELECT id AS "orderId", currency FROM "order" WHERE number = ${number}`
  return row
}
