import type { PaymentMethod, PaymentState } from '#domain/payments.ts'
import type { Client, Db } from './db.ts'
import type { MoveKind, MoveState } from './moves.ts'

export type ComparedMove = {
  moveId: string
  kind: MoveKind
  state: MoveState
  amount: bigint
  externalId: string | null
  createdAt: Date
  updatedAt: Date
  /** What the books say of how it was made; null when they say nothing. */
  posted: 'refunded' | 'refunded-by-hand' | 'chargeback' | 'chargeback-won' | null
}

/** A payment with all that is compared of it. */
export type ComparedPayment = {
  paymentId: string
  orderId: number
  orderNumber: string
  provider: string
  method: PaymentMethod
  state: PaymentState
  amount: bigint
  captured: bigint
  refunded: bigint
  currency: string
  externalId: string | null
  holdUntil: Date | null
  createdAt: Date
  updatedAt: Date
  moves: ComparedMove[]
  /** What the books say lies with its provider. */
  booked: bigint
}

type JsonMove = Omit<ComparedMove, 'amount' | 'createdAt' | 'updatedAt'> &
  Record<'amount' | 'createdAt' | 'updatedAt', string>

/**
 * Payments that were begun in a time, and those that are named. One statement, so that a payment, its moves and what is
 * booked of it are of one moment.
 * @param named ids that are no UUID name nobody.
 */
export async function findComparedPayments(
  db: Db,
  named: { paymentIds: readonly string[]; externalIds: readonly string[] },
  begun?: { since: Date; until: Date },
): Promise<ComparedPayment[]> {
  const { since, until } = begun ?? { since: new Date(0), until: new Date(0) }
  const rows = await db.$queryRaw<(Omit<ComparedPayment, 'moves'> & { moves: JsonMove[] })[]>`
    SELECT p.id::text AS "paymentId", p.order_id AS "orderId", o.number AS "orderNumber", p.provider, p.method, p.state,
      p.amount, p.captured, p.refunded, p.currency, p.external_id AS "externalId", p.hold_until AS "holdUntil",
      p.created_at AS "createdAt", p.updated_at AS "updatedAt",
      coalesce((SELECT sum(e.amount) FROM posting g JOIN entry e ON e.posting_id = g.id
        WHERE g.payment_id = p.id AND e.account = 'provider'), 0)::bigint AS booked,
      coalesce((SELECT json_agg(json_build_object('moveId', m.id, 'kind', m.kind, 'state', m.state,
          'amount', m.amount::text, 'externalId', m.external_id, 'createdAt', m.created_at, 'updatedAt', m.updated_at,
          'posted', (SELECT g.kind FROM posting g WHERE g.move_id = m.id LIMIT 1)) ORDER BY m.created_at, m.id)
        FROM payment_move m WHERE m.payment_id = p.id), '[]'::json) AS moves
    FROM payment p JOIN "order" o ON o.id = p.order_id
    WHERE (p.created_at >= ${since} AND p.created_at < ${until})
      OR p.id = ANY(${named.paymentIds.filter(isPaymentId)}::uuid[]) OR p.external_id = ANY(${[...named.externalIds]}::text[])
    ORDER BY p.created_at, p.id`
  return rows.map((row) => ({
    ...row,
    moves: row.moves.map((move) => ({
      ...move,
      amount: BigInt(move.amount),
      createdAt: new Date(move.createdAt),
      updatedAt: new Date(move.updatedAt),
    })),
  }))
}

/** Other programs in the same account have keys of their own. */
export function isPaymentId(text: string): boolean {
  return /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i.test(text)
}

/** An invoice that was open at that time, for that sum, and of whose payment nobody told us. */
export async function findOpenInvoice(
  db: Db,
  charge: { amount: bigint; currency: string; at: Date },
): Promise<{ paymentId: string; orderId: number; orderNumber: string } | undefined> {
  const [row] = await db.$queryRaw<{ paymentId: string; orderId: number; orderNumber: string }[]>`
    SELECT p.id::text AS "paymentId", o.id AS "orderId", o.number AS "orderNumber"
    FROM payment p JOIN "order" o ON o.id = p.order_id
    WHERE p.method = 'invoice' AND p.external_id IS NULL AND p.amount = ${charge.amount} AND p.currency = ${charge.currency}
      AND p.created_at <= ${charge.at} AND o.expires_at >= ${charge.at} ORDER BY p.created_at DESC LIMIT 1`
  return row
}

export type OddOrder = {
  orderId: number
  orderNumber: string
  orderState: string
  paymentId: string | null
  provider: string | null
  paymentState: string | null
  amount: bigint
  currency: string
}

/** Orders on their way to their buyers, or there, for which nothing was taken and nothing will be. */
export async function findOrdersWithoutMoney(db: Db, since: Date, until: Date): Promise<OddOrder[]> {
  return db.$queryRaw<OddOrder[]>`
    SELECT o.id AS "orderId", o.number AS "orderNumber", o.state AS "orderState", p.id::text AS "paymentId", p.provider,
      p.state AS "paymentState", o.total AS amount, o.currency
    FROM "order" o LEFT JOIN payment p ON p.order_id = o.id AND p.counts
    WHERE o.created_at >= ${since} AND o.created_at < ${until} AND o.state IN ('packable', 'handed_over', 'delivered')
      AND coalesce(p.captured, 0) = 0 AND NOT (coalesce(p.state, '') = 'promised' AND o.state <> 'delivered')
    ORDER BY o.id`
}

/** Money that was taken or is held, pays for nothing, and is not on its way back. */
export async function findMoneyWithoutOrder(db: Db, since: Date, until: Date): Promise<OddOrder[]> {
  return db.$queryRaw<OddOrder[]>`
    SELECT * FROM (
      SELECT o.id AS "orderId", o.number AS "orderNumber", o.state AS "orderState", p.id::text AS "paymentId", p.provider,
        p.state AS "paymentState", p.currency,
        CASE p.state WHEN 'held' THEN p.amount ELSE p.captured - p.refunding - p.refunded END AS amount
      FROM payment p JOIN "order" o ON o.id = p.order_id
      WHERE p.created_at >= ${since} AND p.created_at < ${until}
        AND (o.state IN ('cancelled', 'awaiting_payment') OR NOT p.counts
          -- Its buyer said nothing, and it should have gone back by itself.
          OR (o.state = 'awaiting_choice' AND o.choose_until < ${until}::timestamptz - interval '1 hour'))) odd
    WHERE amount > 0 ORDER BY "orderId", "paymentId"`
}

export async function insertReconciliation(
  db: Db,
  row: { provider: string; since: Date; until: Date; checked: number; differences: readonly object[] },
  at: Date,
): Promise<void> {
  const differences = JSON.stringify(row.differences, (_key, value: unknown) =>
    typeof value === 'bigint' ? value.toString() : value,
  )
  await db.$executeRaw`
    INSERT INTO reconciliation (provider, since, until, checked, differences, at)
    VALUES (${row.provider}, ${row.since}, ${row.until}, ${row.checked}, ${differences}::jsonb, ${at})`
}

/** How many differences the newest comparison of each provider over each length of time found. */
export async function countDifferences(db: Db): Promise<{ provider: string; days: number; count: number }[]> {
  return db.$queryRaw<{ provider: string; days: number; count: number }[]>`
    SELECT DISTINCT ON (provider, days) provider, days, jsonb_array_length(differences) AS count
    FROM (SELECT *, round(extract(epoch FROM until - since) / 86400)::int AS days FROM reconciliation
      WHERE at > (SELECT max(at) FROM reconciliation) - interval '2 days') r
    ORDER BY provider, days, at DESC, id DESC`
}

/** Comparisons of long ago: what they found was repaired or is found again. */
export async function forgetReconciliations(db: Client, before: Date): Promise<void> {
  await db.reconciliation.deleteMany({ where: { at: { lt: before } } })
}
