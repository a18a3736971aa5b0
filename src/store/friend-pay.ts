import type { PaymentMethod } from '#domain/payments.ts'
import type { Db } from './db.ts'

/**
 * The token of the link by which a friend may pay for an unpaid seat: made once, the same for ever.
 * @param fresh taken if there is none yet.
 */
export async function payTokenOf(db: Db, orderId: number, fresh: string): Promise<string | undefined> {
  const [row] = await db.$queryRaw<{ token: string }[]>`
    UPDATE "order" SET pay_token = coalesce(pay_token, ${fresh}) WHERE id = ${orderId} RETURNING pay_token AS token`
  return row?.token
}

/** Whose order the link is for, and their first name: the only thing of them that the payer learns. */
export async function findOrderByPayToken(
  db: Db,
  token: string,
): Promise<{ orderId: number; personId: number; firstName: string } | undefined> {
  const [row] = await db.$queryRaw<{ orderId: number; personId: number; firstName: string }[]>`
    SELECT o.id AS "orderId", o.person_id AS "personId", p.first_name AS "firstName"
    FROM "order" o JOIN person p ON p.id = o.person_id WHERE o.pay_token = ${token}`
  return row
}

/**
 * An order is replaced by another (place, option, pieces): the link that its buyer sent goes on to the new one.
 * Call in the transaction that made it, with the former order locked.
 */
export async function movePayToken(db: Db, formerId: number, orderId: number): Promise<void> {
  const [row] = await db.$queryRaw<{ token: string }[]>`SELECT pay_token AS token FROM "order"
    WHERE id = ${formerId} AND pay_token IS NOT NULL FOR NO KEY UPDATE`
  if (!row) return
  await db.$executeRaw`UPDATE "order" SET pay_token = NULL WHERE id = ${formerId}`
  await db.$executeRaw`UPDATE "order" SET pay_token = ${row.token} WHERE id = ${orderId}`
}

/** Whether an order has such a link, or had one that has gone on to what replaced it. */
export async function hasPayToken(db: Db, orderId: number): Promise<boolean> {
  const rows = await db.$queryRaw<unknown[]>`
    SELECT 1 FROM "order" o JOIN "order" later ON later.person_id = o.person_id AND later.pay_token IS NOT NULL
    WHERE o.id = ${orderId} AND (later.id = o.id OR (o.state = 'cancelled' AND later.id > o.id)) LIMIT 1`
  return rows.length > 0
}

/**
 * The link to a live seat in an open group, for somebody who has paid for theirs in the same group. Only where its holder
 * has asked others to pay: then it is theirs to follow, and not before.
 */
export async function findPayTokenBesideMine(db: Db, seatId: number, personId: number): Promise<string | undefined> {
  const [row] = await db.$queryRaw<{ token: string }[]>`
    SELECT o.pay_token AS token FROM seat s JOIN "group" g ON g.id = s.group_id AND g.state = 'open'
      JOIN "order" o ON o.id = s.order_id
    WHERE s.id = ${seatId} AND o.pay_token IS NOT NULL AND s.state IN ('held', 'paid') AND s.person_id <> ${personId} AND EXISTS (
      SELECT 1 FROM seat mine WHERE mine.group_id = g.id AND mine.person_id = ${personId} AND mine.state = 'paid')`
  return row?.token
}

export type UnpaidSeat = { seatId: number; firstName: string }

/**
 * Seats of an open group that others hold unpaid and asked to have paid, those whose hold ends first.
 * @param of `methods`: those they are to be paid by.
 */
export async function findUnpaidSeats(
  db: Db,
  of: { groupId: number; besides: number; methods: readonly PaymentMethod[]; limit: number },
  now: Date,
): Promise<UnpaidSeat[]> {
  return db.$queryRaw<UnpaidSeat[]>`
    SELECT s.id AS "seatId", p.first_name AS "firstName"
    FROM seat s JOIN "order" o ON o.id = s.order_id JOIN person p ON p.id = s.person_id
      JOIN payment pay ON pay.order_id = o.id AND pay.counts AND pay.method = ANY(${[...of.methods]}::text[])
    WHERE s.group_id = ${of.groupId} AND s.state = 'held' AND s.person_id <> ${of.besides}
      AND o.pay_token IS NOT NULL AND o.state = 'awaiting_payment' AND o.expires_at > ${now}
    ORDER BY o.expires_at, s.id LIMIT ${of.limit}`
}
