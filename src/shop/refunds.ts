/**
 * Money that goes back after it was taken: whole, in part, for a line that is returned, or out of goodwill. The amount is set aside in the transaction that decides so; a job asks the provider for it.
 */
import type { RefundReason } from '#domain/payments.ts'
import type { ProviderRefund } from '#gateways/payments.ts'
import { inTransaction, type Client, type Db, type Transaction } from '#store/db.ts'
import { freeSeat, refundedSeat, setSeatStates } from '#store/group-buy.ts'
import { orderCardsChanged } from '#store/live-cards.ts'
import { notify, notifyEach, notifyShop } from '#store/notifications.ts'
import {
  findOrders,
  lockOrder,
  setOrderState,
  setOrderStates,
  type CancelReason,
  type OrderView,
} from '#store/orders.ts'
import { findPayment, lockPayments, tell, type PaymentRow } from '#store/payments.ts'
import { findMove, findMoves, noteMoveAttempt, type MoveRow } from '#store/moves.ts'
import { answerAskedRefund, finishRefund, insertAskedRefund, startRefund, startRefunds } from '#store/refunds.ts'
import { isMember } from '#store/sellers.ts'
import { releaseStock, restock } from '#store/stock.ts'
import { bookReturned } from './ledger.ts'
import { moveForShop } from './moves.ts'

export type { MoveRow }

/**
 * Money was taken for a purchase that ends without goods: all of it goes back, seat and stock are given up, and the
 * buyer is told. Call with the group's row locked.
 */
export async function refundOrder(
  tx: Transaction,
  payment: Pick<PaymentRow, 'orderId' | 'paymentId' | 'seatId'>,
  reason: RefundReason,
  now: Date,
  cancelReason: CancelReason = 'refund-owed',
): Promise<void> {
  const { orderId, paymentId, seatId } = payment
  await setOrderState(tx, orderId, 'cancelled', cancelReason)
  if (seatId !== null) await freeSeat(tx, seatId, 'refund_due', now)
  await releaseStock(tx, orderId)
  await restock(tx, orderId)
  await refundRest(tx, paymentId, reason, now)
  const order = await lockOrder(tx, orderId)
  if (!order) throw new Error(`order ${orderId} vanished`)
  const notice = { kind: 'refund-owed', data: { orderId } } as const
  await notify(tx, order.personId, `order:${orderId}:refund-owed`, notice, now)
}

/**
 * The same for seats of a group that has ended, whose payments are locked; their goods are given back by the caller. A
 * thousand seats are as many statements as two.
 */
export async function refundSeats(
  tx: Transaction,
  seats: readonly { orderId: number; seatId: number; personId: number; payment: PaymentRow }[],
  reason: RefundReason,
  now: Date,
): Promise<void> {
  if (seats.length === 0) return
  const orderIds = seats.map(({ orderId }) => orderId)
  await setOrderStates(tx, orderIds, 'cancelled', 'refund-owed')
  const seatIds = seats.map(({ seatId }) => seatId)
  await setSeatStates(tx, seatIds, 'refund_due')
  const refunds = seats.flatMap(({ payment: { paymentId, captured, refunding, refunded } }) => {
    const amount = captured - refunding - refunded
    return amount > 0n ? [{ paymentId, amount }] : []
  })
  await startRefunds(tx, refunds, reason, now)
  const notices = seats.map(({ personId, orderId }) => ({
    personId,
    key: `order:${orderId}:refund-owed`,
    notice: { kind: 'refund-owed', data: { orderId } } as const,
  }))
  await notifyEach(tx, notices, now)
}

/** Gives back whatever is left of a payment. */
export async function refundRest(tx: Transaction, paymentId: string, reason: RefundReason, now: Date): Promise<void> {
  const payment = await findPayment(tx, { id: paymentId })
  const left = payment ? payment.captured - payment.refunding - payment.refunded : 0n
  if (left > 0n) await startRefund(tx, { paymentId, amount: left, reason }, now)
}

/** What the provider says about a refund, applied once. */
export async function applyProviderRefund(db: Client, moveId: string, found: ProviderRefund, now: Date): Promise<void> {
  if (found.state === 'done') return finishMove(db, moveId, { externalId: found.externalId, isByHand: false }, now)
  if (found.state === 'failed') return giveToPerson(db, moveId, found.reason ?? 'failed', now, found.externalId)
  await noteMoveAttempt(db, moveId, { state: 'pending', error: null, externalId: found.externalId }, now)
}

/** The provider will never make it: a person has to, and both sides are told. */
export async function giveToPerson(
  db: Client,
  moveId: string,
  why: string,
  now: Date,
  externalId?: string,
): Promise<void> {
  await withMove(db, moveId, async (tx, move, payment, personId) => {
    const change = { state: 'by_hand', error: why, ...(externalId !== undefined && { externalId }) } as const
    if (!(await noteMoveAttempt(tx, moveId, change, now))) return
    const { paymentId, orderId } = payment
    await tell(tx, { paymentId, moveId, kind: 'refund-by-hand', amount: move.amount }, now)
    const notice = { kind: 'refund-by-hand', data: { orderId, moveId } } as const
    await notify(tx, personId, `move:${moveId}:by-hand`, notice, now)
    await notifyShop(tx, orderId, 'refund', now, moveId)
    await orderCardsChanged(tx, orderId)
  })
}

async function finishMove(
  db: Client,
  moveId: string,
  how: { externalId: string | null; isByHand: boolean },
  now: Date,
): Promise<void> {
  await withMove(db, moveId, async (tx, move, payment, personId) => {
    if (!(await finishRefund(tx, moveId, how.externalId, now))) return
    const { paymentId, orderId, seatId } = payment
    const { amount } = move
    const kind = how.isByHand ? 'refunded-by-hand' : 'refunded'
    await bookReturned(tx, payment, { moveId, amount, kind }, now)
    await tell(tx, { paymentId, moveId, kind: 'refunded', amount }, now)
    if (seatId !== null && payment.counts) await refundedSeat(tx, seatId)
    await notify(tx, personId, `move:${moveId}:done`, { kind: 'refund-done', data: { orderId, moveId } }, now)
    await orderCardsChanged(tx, orderId)
  })
}

/** A refund with everything locked that it changes: payments, then order. */
async function withMove(
  db: Client,
  moveId: string,
  work: (tx: Transaction, move: MoveRow, payment: PaymentRow, personId: number) => Promise<void>,
): Promise<void> {
  const move = await findMove(db, { id: moveId })
  const found = move && (await findPayment(db, { id: move.paymentId }))
  if (!move || !found) throw new Error(`no move ${moveId}`)
  await inTransaction(db, async (tx) => {
    const payment = (await lockPayments(tx, { orderId: found.orderId })).find(
      ({ paymentId }) => paymentId === move.paymentId,
    )
    const order = await lockOrder(tx, found.orderId)
    if (payment && order) await work(tx, move, payment, order.personId)
  })
}

export type RefundWish =
  /** Goods come back: so many of a line. */
  | { kind: 'line'; lineId: number; quantity: number }
  /** Out of goodwill, goods stay. Minor units. */
  | { kind: 'amount'; amount: bigint }
  | { kind: 'rest' }

export type RefundRefusal = 'not-found' | 'not-paid' | 'too-much' | 'bad-amount' | 'already-asked' | 'too-late'
export type RefundResult = { ok: true; moveId: string; amount: bigint } | { ok: false; reason: RefundRefusal }

type Who = { personId: number; orderId: number; requestKey: string; now: Date }

/**
 * The shop gives money back. A repeated tap (same `requestKey`) is the same refund. The order stays what it is: whether
 * goods come back or are kept is between the two of them.
 */
export async function refund(db: Client, who: Who, wish: RefundWish): Promise<RefundResult> {
  return inTransaction(db, async (tx) => {
    const found = await payableBack(tx, who, true)
    if ('answer' in found) return found.answer
    const { order, payment } = found
    // While a group gathers, its money is neither the shop's to give nor sure to stay.
    if (order.state === 'awaiting_group' || order.state === 'awaiting_choice') return { ok: false, reason: 'not-paid' }
    const amount = await amountOf(tx, order, payment, wish)
    if (typeof amount !== 'bigint') return amount
    const line = wish.kind === 'line' ? { lineId: wish.lineId, quantity: wish.quantity } : {}
    const reason: RefundReason = wish.kind === 'line' ? 'return' : 'goodwill'
    const { paymentId } = payment
    const moveId = await startRefund(tx, { paymentId, amount, reason, requestKey: who.requestKey, ...line }, who.now)
    if (moveId === undefined) return { ok: false, reason: 'too-much' }
    await orderCardsChanged(tx, who.orderId)
    return { ok: true, moveId, amount }
  })
}

/** Days after delivery in which a buyer may send goods back (Russian law on distance selling: seven). */
const returnDays = 7

/** The buyer asks to return a line; the shop is told and answers. */
export async function askReturn(
  db: Client,
  who: Who,
  wish: { lineId: number; quantity: number },
): Promise<RefundResult> {
  return inTransaction(db, async (tx) => {
    const found = await payableBack(tx, who, false)
    if ('answer' in found) return found.answer
    const { order, payment } = found
    if (order.state !== 'delivered' || !isReturnable(order, who.now)) return { ok: false, reason: 'too-late' }
    if (await findMove(tx, { lineId: wish.lineId, state: 'asked' })) return { ok: false, reason: 'already-asked' }
    const amount = await amountOf(tx, order, payment, { kind: 'line', ...wish })
    if (typeof amount !== 'bigint') return amount
    const asked = {
      paymentId: payment.paymentId,
      amount,
      reason: 'return',
      requestKey: who.requestKey,
      ...wish,
    } as const
    const moveId = await insertAskedRefund(tx, asked, who.now)
    await notifyShop(tx, who.orderId, 'return', who.now, moveId)
    return { ok: true, moveId, amount }
  })
}

/** Whether its buyer may still send a delivered order back. */
export function isReturnable(order: Pick<OrderView, 'state' | 'deliveredAt'>, now: Date): boolean {
  if (order.state !== 'delivered' || order.deliveredAt === null) return false
  return now.getTime() <= order.deliveredAt.getTime() + returnDays * 24 * 3_600_000
}

/** The shop answers a return that was asked for. */
export async function answerReturn(
  db: Client,
  who: { personId: number; moveId: string; now: Date },
  agrees: boolean,
): Promise<{ ok: true; orderId: number } | { ok: false; reason: 'not-found' | 'answered' | 'too-much' }> {
  const found = await moveForShop(db, who.moveId, who.personId)
  if (!found) return { ok: false, reason: 'not-found' }
  const { move, order } = found
  const { orderId } = order
  return inTransaction(db, async (tx) => {
    await lockPayments(tx, { orderId })
    const answer = await answerAskedRefund(tx, move, agrees, who.now)
    if (answer !== 'done') return { ok: false, reason: answer }
    // The shop may have given money back for it since it was asked for.
    if (agrees && (await returnedOf(tx, order, move.lineId)) > quantityOf(order, move.lineId))
      return { ok: false, reason: 'too-much' }
    if (!agrees) {
      const notice = { kind: 'return-declined', data: { orderId, moveId: move.moveId } } as const
      await notify(tx, order.personId, `move:${move.moveId}:declined`, notice, who.now)
    }
    await orderCardsChanged(tx, orderId)
    return { ok: true, orderId }
  })
}

/** A person of the shop says that a refund was made past the provider. @returns false when it is not theirs or not open. */
export async function refundedByHand(
  db: Client,
  who: { personId: number; moveId: string; now: Date },
): Promise<{ ok: true; orderId: number } | { ok: false; reason: 'not-found' | 'answered' }> {
  const found = await moveForShop(db, who.moveId, who.personId)
  if (!found) return { ok: false, reason: 'not-found' }
  const { move, order } = found
  if (move.state !== 'by_hand') return { ok: false, reason: 'answered' }
  await finishMove(db, who.moveId, { externalId: null, isByHand: true }, who.now)
  return { ok: true, orderId: order.orderId }
}

/** The order with its payment, locked, if this person may ask for its money; or what a repeated request made before. */
async function payableBack(
  tx: Transaction,
  who: Who,
  isShop: boolean,
): Promise<{ order: OrderView; payment: PaymentRow } | { answer: RefundResult }> {
  const payments = await lockPayments(tx, { orderId: who.orderId })
  await lockOrder(tx, who.orderId)
  const [order] = await findOrders(tx, { id: who.orderId })
  const isTheirs =
    order && (isShop ? await isMember(tx, order.sellerId, who.personId) : order.personId === who.personId)
  if (!order || !isTheirs) return { answer: { ok: false, reason: 'not-found' } }
  const repeated = await findMove(tx, { requestKey: who.requestKey })
  if (repeated) return { answer: { ok: true, moveId: repeated.moveId, amount: repeated.amount } }
  const payment = payments.find(({ counts }) => counts)
  if (!payment || payment.captured === 0n) return { answer: { ok: false, reason: 'not-paid' } }
  return { order, payment }
}

async function amountOf(
  db: Db,
  order: OrderView,
  payment: PaymentRow,
  wish: RefundWish,
): Promise<bigint | { ok: false; reason: RefundRefusal }> {
  const left = payment.captured - payment.refunding - payment.refunded
  if (left <= 0n) return { ok: false, reason: 'too-much' }
  switch (wish.kind) {
    case 'rest':
      return left
    case 'amount':
      return wish.amount > 0n ? wish.amount : { ok: false, reason: 'bad-amount' }
    case 'line': {
      const line = order.lines.find(({ lineId }) => lineId === wish.lineId)
      if (!line || !Number.isSafeInteger(wish.quantity) || wish.quantity < 1) return { ok: false, reason: 'not-found' }
      const returned = await returnedOf(db, order, line.lineId)
      if (returned + wish.quantity > line.quantity) return { ok: false, reason: 'too-much' }
      const price = line.unitPrice * BigInt(wish.quantity)
      // Something was given back already without goods: no more than what is left.
      return price < left ? price : left
    }
  }
}

function quantityOf(order: OrderView, lineId: number | null): number {
  return order.lines.find((line) => line.lineId === lineId)?.quantity ?? 0
}

/** How many of a line the money went back for, or is on its way. */
async function returnedOf(db: Db, order: OrderView, lineId: number | null): Promise<number> {
  const gone: ReadonlySet<MoveRow['state']> = new Set(['declined', 'failed', 'asked'])
  const moves = (await findMoves(db, order.orderId)).filter((move) => move.lineId === lineId && !gone.has(move.state))
  return moves.reduce((sum, { quantity }) => sum + (quantity ?? 0), 0)
}
