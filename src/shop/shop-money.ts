/** A shop's money: what its people see of it, and what the installation's operator pays out. All from the books. */
import { postPaidOut } from '#domain/ledger.ts'
import { moneyToDecimal } from '#domain/money.ts'
import { inTransaction, type Client } from '#store/db.ts'
import {
  findPayout,
  findSellers,
  findShopBalances,
  findShopEvents,
  findShopOrders,
  insertPayout,
  lockSeller,
  setFee,
  type ShopBalance,
} from '#store/ledger.ts'
import { findOrders, type OrderView } from '#store/orders.ts'
import { findShops, isMember } from '#store/sellers.ts'
import { toCell, toCsv } from './csv.ts'

export type { ShopBalance }

/** Goods may come back for so long, and so long their price waits (`isReturnable` in `refunds.ts`). */
const returnableMs = 7 * 24 * 3_600_000
const ordersPerPage = 6

/** @returns one balance per currency, none before the first payment; undefined for people of other shops. */
export async function shopBalance(
  db: Client,
  sellerId: number,
  personId: number,
  now: Date,
): Promise<ShopBalance[] | undefined> {
  if (!(await isMember(db, sellerId, personId))) return undefined
  return balancesOf(db, sellerId, now)
}

async function balancesOf(db: Parameters<typeof findShopBalances>[0], sellerId: number, now: Date) {
  return findShopBalances(db, sellerId, new Date(now.getTime() - returnableMs))
}

/** @param page counts from 0, six orders each, newest first. @returns undefined for people of other shops. */
export async function shopOrders(
  db: Client,
  sellerId: number,
  personId: number,
  page: number,
): Promise<{ orders: OrderView[]; total: number } | undefined> {
  if (!(await isMember(db, sellerId, personId))) return undefined
  const where = { offset: Math.max(0, page) * ordersPerPage, limit: ordersPerPage }
  const { orderIds, total } = await findShopOrders(db, sellerId, where)
  const found = await Promise.all(orderIds.map((id) => findOrders(db, { id })))
  return { orders: found.flat(), total }
}

const columns = [
  'time_utc',
  'kind',
  'order',
  'amount',
  'fee',
  'delivery',
  'net',
  'currency',
  'provider',
  'provider_number',
  'goods',
] as const

/**
 * Every event of a shop's money as CSV (RFC 4180, UTF-8 with a byte order mark, times in UTC). The column `net` sums to
 * what the shop is owed: earned and due together.
 * @returns undefined for people of other shops.
 */
export async function shopMoneyCsv(
  db: Client,
  sellerId: number,
  personId: number,
  now: Date,
): Promise<{ name: string; content: Uint8Array } | undefined> {
  const shop = (await findShops(db, personId)).find((one) => one.sellerId === sellerId)
  if (!shop) return undefined
  const events = await findShopEvents(db, sellerId)
  const rows = events.map(
    ({ at, kind, orderNumber, amount, fee, delivery, net, currency, provider, number, titles }) => [
      at.toISOString(),
      kind,
      toCell(orderNumber ?? ''),
      amount,
      fee,
      delivery,
      net,
      currency,
      toCell(provider ?? ''),
      toCell(number ?? ''),
      toCell(titles.map((title) => title.ru ?? title.en ?? '').join('; ')),
    ],
  )
  const content = toCsv(columns, rows, (amount, row) =>
    moneyToDecimal({ amount, currency: events[row]?.currency ?? '' }),
  )
  const day = now.toISOString().slice(0, 10)
  return { name: `money-${sellerId}-${day}.csv`, content }
}

/** What each shop is owed, for the operator. */
export async function payoutsDue(
  db: Client,
  now: Date,
): Promise<{ slug: string; name: string; feeBasisPoints: number; balances: ShopBalance[] }[]> {
  const sellers = await findSellers(db)
  const due = []
  for (const { sellerId, ...seller } of sellers) due.push({ ...seller, balances: await balancesOf(db, sellerId, now) })
  return due
}

export type PayOutResult =
  /** `isRepeat`: it was in the books before. `left` is due after it. */
  | { ok: true; isRepeat: boolean; paidAt: Date; left: bigint }
  | { ok: false; reason: 'no-shop' | 'bad-amount' | 'reference-used' }
  | { ok: false; reason: 'more-than-due'; due: bigint }

/**
 * Books that a shop got its money. Never more than is due, however many do so at once; the same reference is booked once.
 * @param payout `amount` in minor units.
 */
export async function payOut(
  db: Client,
  payout: { slug: string; amount: bigint; currency: string; reference: string },
  now: Date,
): Promise<PayOutResult> {
  const { slug, amount, currency, reference } = payout
  if (amount <= 0n) return { ok: false, reason: 'bad-amount' }
  return inTransaction<PayOutResult>(db, async (tx) => {
    const seller = await lockSeller(tx, slug)
    if (!seller) return { ok: false, reason: 'no-shop' }
    const { sellerId } = seller
    const balances = await balancesOf(tx, sellerId, now)
    const due = balances.find((one) => one.currency === currency)?.due ?? 0n
    const earlier = await findPayout(tx, sellerId, reference)
    if (earlier) {
      const isSame = earlier.amount === amount && earlier.currency === currency
      return isSame
        ? { ok: true, isRepeat: true, paidAt: earlier.at, left: due }
        : { ok: false, reason: 'reference-used' }
    }
    if (amount > due) return { ok: false, reason: 'more-than-due', due }
    await insertPayout(tx, { sellerId, reference, currency, entries: postPaidOut(sellerId, amount) }, now)
    return { ok: true, isRepeat: false, paidAt: now, left: due - amount }
  })
}

/** The platform's share of what a shop's goods cost, for orders made from now on. @returns false for no such shop. */
export async function setShopFee(db: Client, slug: string, feeBasisPoints: number): Promise<boolean> {
  return setFee(db, slug, feeBasisPoints)
}
