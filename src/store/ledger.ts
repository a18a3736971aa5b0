import type { Account, Entry, PostingKind } from '#domain/ledger.ts'
import type { Words } from '#domain/people.ts'
import type { Client, Db } from './db.ts'
import { Prisma } from './prisma/client.ts'

export type NewPosting = {
  /** What it is about; the same key is posted once, however often the cause repeats. */
  key: string
  kind: PostingKind
  paymentId?: string
  moveId?: string
  orderId?: number
  currency: string
  entries: readonly Entry[]
}

/** Writes an event of money into the books, in the transaction of what it is about. @returns false if it is there. */
export async function post(db: Db, posting: NewPosting, at: Date): Promise<boolean> {
  const { key, kind, paymentId = null, moveId = null, orderId = null, currency, entries } = posting
  const columns = entries.map(({ account, amount }) => ({ ...toColumns(account), amount: amount.toString() }))
  const [row] = await db.$queryRaw<{ id: number | null }[]>`
    WITH made AS (
      INSERT INTO posting (key, kind, payment_id, move_id, order_id, at)
      VALUES (${key}, ${kind}, ${paymentId}::uuid, ${moveId}::uuid, ${orderId}::int, ${at})
      ON CONFLICT (key) DO NOTHING RETURNING id),
    written AS (
      INSERT INTO entry (posting_id, account, person_id, seller_id, provider, amount, currency)
      SELECT made.id, e.account, e.person_id, e.seller_id, e.provider, e.amount, ${currency}
      FROM made, json_to_recordset(${JSON.stringify(columns)}::json)
        AS e (account text, person_id int, seller_id int, provider text, amount bigint))
    SELECT id FROM made`
  return row !== undefined
}

function toColumns(account: Account) {
  return {
    account: account.kind,
    person_id: account.kind === 'buyer' ? account.personId : null,
    seller_id: account.kind === 'seller' ? account.sellerId : null,
    provider: account.kind === 'provider' ? account.provider : null,
  }
}

/**
 * What an order brought when its goods were handed over: all of it, and the part that was for goods. Never changes.
 * @returns undefined before that. Call with the order's row locked.
 */
export async function findEarned(db: Db, orderId: number): Promise<{ amount: bigint; goods: bigint } | undefined> {
  return sumEarned(db, Prisma.sql`g.key = ${`earned:${orderId}`}`)
}

/** The same with what a bank had taken back by then and gave up since; what went back is not subtracted. */
export async function findEarnedSoFar(db: Db, orderId: number): Promise<{ amount: bigint; goods: bigint } | undefined> {
  return sumEarned(db, Prisma.sql`g.order_id = ${orderId} AND g.kind = 'earned'`)
}

async function sumEarned(db: Db, isWanted: Prisma.Sql): Promise<{ amount: bigint; goods: bigint } | undefined> {
  const [row] = await db.$queryRaw<{ amount: bigint | null; goods: bigint }[]>(
    Prisma.sql`SELECT sum(e.amount) FILTER (WHERE e.account = 'buyer')::bigint AS amount,
        -coalesce(sum(e.amount) FILTER (WHERE e.account IN ('seller', 'fee')), 0)::bigint AS goods
      FROM posting g JOIN entry e ON e.posting_id = g.id WHERE ${isWanted}`,
  )
  return row && row.amount !== null ? { amount: row.amount, goods: row.goods } : undefined
}

/** Whether a move of money was the buyer's own at the time: no goods had been handed over for it. */
export async function wasBuyers(db: Db, moveId: string): Promise<boolean> {
  const rows = await db.$queryRaw<unknown[]>`
    SELECT 1 FROM posting g JOIN entry e ON e.posting_id = g.id AND e.account = 'buyer'
    WHERE g.move_id = ${moveId}::uuid LIMIT 1`
  return rows.length > 0
}

/** A shop's money in one currency, in minor units; all of it derived from the books. */
export type ShopBalance = {
  currency: string
  /** Paid by buyers for what is not delivered yet, or is on its way back to them. */
  awaiting: bigint
  /** Of delivered orders whose goods may still come back, or whose money is going back. */
  earned: bigint
  /** To be paid out. Negative after a chargeback of what was paid out already: carried over. */
  due: bigint
  paidOut: bigint
  /** How many refunds a person has to make. */
  refundsByHand: number
  /** What the platform kept. */
  fee: bigint
}

/** All that a shop's money went through: its orders', and what was paid out to it. Two halves, for an index each. */
const postingsOf = (sellerId: number) => Prisma.sql`
  SELECT g.* FROM "order" o JOIN posting g ON g.order_id = o.id WHERE o.seller_id = ${sellerId}
  UNION ALL
  SELECT g.* FROM posting g WHERE g.order_id IS NULL AND g.id IN (SELECT posting_id FROM entry WHERE seller_id = ${sellerId})`

/**
 * A shop's balances, one for each currency that it had money in.
 * @param deliveredSince goods of orders that were delivered then or later may still come back.
 */
export async function findShopBalances(db: Db, sellerId: number, deliveredSince: Date): Promise<ShopBalance[]> {
  // An order that may still come back and has already cost the shop more than it brought lowers what is due at once.
  return db.$queryRaw<ShopBalance[]>`
    WITH sums AS (
      SELECT e.currency, g.order_id, coalesce(o.delivered_at >= ${deliveredSince} OR EXISTS (
          SELECT 1 FROM payment_move m JOIN payment p ON p.id = m.payment_id AND p.counts
          WHERE p.order_id = o.id AND m.kind = 'refund' AND m.state IN ('asked', 'created', 'pending', 'by_hand')), false)
          AS returnable,
        -coalesce(sum(e.amount) FILTER (WHERE e.account = 'buyer'), 0) AS awaiting,
        -coalesce(sum(e.amount) FILTER (WHERE e.account = 'fee'), 0) AS fee,
        -coalesce(sum(e.amount) FILTER (WHERE e.account = 'seller'), 0) AS owed,
        coalesce(sum(e.amount) FILTER (WHERE e.account = 'seller' AND g.kind = 'paid-out'), 0) AS paid_out
      FROM (${postingsOf(sellerId)}) g JOIN entry e ON e.posting_id = g.id LEFT JOIN "order" o ON o.id = g.order_id
      GROUP BY e.currency, g.order_id, o.id)
    SELECT currency, sum(awaiting)::bigint AS awaiting,
      coalesce(sum(owed) FILTER (WHERE returnable AND owed > 0), 0)::bigint AS earned,
      coalesce(sum(owed) FILTER (WHERE NOT (returnable AND owed > 0)), 0)::bigint AS due,
      sum(paid_out)::bigint AS "paidOut", sum(fee)::bigint AS fee,
      (SELECT count(*)::int FROM payment_move m JOIN payment p ON p.id = m.payment_id JOIN "order" o ON o.id = p.order_id
        WHERE o.seller_id = ${sellerId} AND m.kind = 'refund' AND m.state = 'by_hand' AND p.currency = sums.currency)
        AS "refundsByHand"
    FROM sums GROUP BY currency ORDER BY currency`
}

/** What one posting did to a shop, in minor units. */
export type ShopEvent = {
  at: Date
  kind: PostingKind
  /** Null for a payout. */
  orderNumber: string | null
  /** What the buyer paid or got back, or the shop got: money that came is positive. */
  amount: bigint
  /** Kept by the platform; negative when it gives it back. */
  fee: bigint
  /** Of the amount, for delivery. */
  delivery: bigint
  /** By how much the platform owes the shop more. */
  net: bigint
  currency: string
  provider: string | null
  /** The provider's number of the refund or payment, or the reference of the payout. */
  number: string | null
  /** What the order is about, in each language that its products have. */
  titles: Words[]
}

/** Every event of a shop's money, oldest first. */
export async function findShopEvents(db: Db, sellerId: number): Promise<ShopEvent[]> {
  return db.$queryRaw<ShopEvent[]>`
    SELECT g.at, g.kind, o.number AS "orderNumber", s.amount, s.fee, s.delivery, s.net, s.currency, p.provider,
      CASE WHEN g.kind = 'paid-out' THEN substr(g.key, length(${payoutKey(sellerId, '')}) + 1) ELSE coalesce(m.external_id, p.external_id) END AS number,
      coalesce((SELECT json_agg(l.title ORDER BY l.id) FROM order_line l WHERE l.order_id = o.id), '[]'::json) AS titles
    FROM (${postingsOf(sellerId)}) g
    LEFT JOIN payment_move m ON m.id = g.move_id
    CROSS JOIN LATERAL (
      SELECT e.currency,
        CASE g.kind WHEN 'refunded-by-hand' THEN -m.amount ELSE coalesce(sum(e.amount) FILTER (WHERE e.account =
          CASE g.kind WHEN 'earned' THEN 'buyer' WHEN 'paid-out' THEN 'bank' ELSE 'provider' END), 0)::bigint END AS amount,
        -coalesce(sum(e.amount) FILTER (WHERE e.account = 'fee'), 0)::bigint AS fee,
        -coalesce(sum(e.amount) FILTER (WHERE e.account = 'delivery'), 0)::bigint AS delivery,
        -coalesce(sum(e.amount) FILTER (WHERE e.account = 'seller'), 0)::bigint AS net
      FROM entry e WHERE e.posting_id = g.id GROUP BY e.currency) s
    LEFT JOIN "order" o ON o.id = g.order_id
    LEFT JOIN payment p ON p.id = g.payment_id
    ORDER BY g.at, g.id`
}

/** A shop for whom money is paid out, or whose fee is set, one at a time: two payouts at once would each see what is due. */
export async function lockSeller(db: Db, slug: string): Promise<{ sellerId: number; name: string } | undefined> {
  const [row] = await db.$queryRaw<{ sellerId: number; name: string }[]>`
    SELECT id AS "sellerId", name FROM seller WHERE slug = ${slug} FOR NO KEY UPDATE`
  return row
}

const payoutKey = (sellerId: number, reference: string) => `paid-out:${sellerId}:${reference}`

/** @returns false when this reference is in the books. */
export async function insertPayout(
  db: Db,
  payout: { sellerId: number; reference: string; currency: string; entries: readonly Entry[] },
  at: Date,
): Promise<boolean> {
  const { sellerId, reference, currency, entries } = payout
  return post(db, { key: payoutKey(sellerId, reference), kind: 'paid-out', currency, entries }, at)
}

export async function findPayout(
  db: Db,
  sellerId: number,
  reference: string,
): Promise<{ amount: bigint; currency: string; at: Date } | undefined> {
  const [row] = await db.$queryRaw<{ amount: bigint; currency: string; at: Date }[]>`
    SELECT e.amount, e.currency, g.at FROM posting g JOIN entry e ON e.posting_id = g.id AND e.account = 'seller'
    WHERE g.key = ${payoutKey(sellerId, reference)}`
  return row
}

export async function setFee(db: Client, slug: string, feeBasisPoints: number): Promise<boolean> {
  const { count } = await db.seller.updateMany({ where: { slug }, data: { feeBasisPoints } })
  return count === 1
}

export async function findSellers(
  db: Client,
): Promise<{ sellerId: number; slug: string; name: string; feeBasisPoints: number }[]> {
  const select = { id: true, slug: true, name: true, feeBasisPoints: true }
  const rows = await db.seller.findMany({ orderBy: { slug: 'asc' }, select })
  return rows.map(({ id, ...row }) => ({ sellerId: id, ...row }))
}

/** A shop's orders, newest first. */
export async function findShopOrders(
  db: Client,
  sellerId: number,
  { offset, limit }: { offset: number; limit: number },
): Promise<{ orderIds: number[]; total: number }> {
  const orderBy = [{ createdAt: 'desc' }, { id: 'desc' }] as const
  const where = { sellerId }
  const rows = await db.order.findMany({
    where,
    orderBy: [...orderBy],
    skip: offset,
    take: limit,
    select: { id: true },
  })
  return { orderIds: rows.map(({ id }) => id), total: await db.order.count({ where }) }
}
