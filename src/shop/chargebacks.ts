/**
 * Money that a buyer's bank took back from the platform, and what it gave up of it when the dispute was won. Providers
 * tell of both by letter and not in their lists, so the operator of the installation writes them down. Nothing is asked
 * of anybody: it has happened already.
 */
import { inTransaction, type Client, type Transaction } from '#store/db.ts'
import { orderCardsChanged } from '#store/live-cards.ts'
import { notifyShop } from '#store/notifications.ts'
import { findOrders, lockOrder } from '#store/orders.ts'
import { findPayment, lockPayments, type PaymentRow } from '#store/payments.ts'
import { findMove, type MoveRow } from '#store/moves.ts'
import { findOrderNumbered, recordChargeback, recordChargebackWon } from '#store/refunds.ts'
import { bookReturned, bookWonBack } from './ledger.ts'
import { refundRest } from './refunds.ts'

/** The payment that it is about, after it. Amounts in minor units. */
export type Disputed = Pick<PaymentRow, 'orderId' | 'captured' | 'refunding' | 'refunded' | 'currency'>

/** `isRepeat`: it was in the books before, since `at`. */
type Booked = { ok: true; isRepeat: boolean; at: Date; number: string; amount: bigint; payment: Disputed }

export type ChargebackResult =
  | Booked
  /** `at-door`: nobody's bank was asked for it. */
  | { ok: false; reason: 'no-order' | 'bad-amount' | 'not-paid' | 'at-door' | 'reference-used' }
  | { ok: false; reason: 'too-much'; payment: Disputed }

export type ChargebackWonResult = Booked | { ok: false; reason: 'no-chargeback' }

const keyOf = (reference: string) => `chargeback:${reference}`
const wonKeyOf = (reference: string) => `chargeback-won:${reference}`

/** The currency of an order, for reading an amount. @returns undefined when there is no such order. */
export async function currencyOfOrder(db: Client, number: string): Promise<string | undefined> {
  return (await findOrderNumbered(db, number))?.currency
}

/**
 * Books that a bank took money back. Once for each reference, and never more than was taken and did not go back.
 * @param letter `number` is the order's as people see it, `amount` in minor units of its currency.
 */
export async function bookChargeback(
  db: Client,
  letter: { number: string; amount: bigint; reference: string },
  now: Date,
): Promise<ChargebackResult> {
  const { number, amount, reference } = letter
  if (amount <= 0n) return { ok: false, reason: 'bad-amount' }
  const found = await findOrderNumbered(db, number)
  if (!found) return { ok: false, reason: 'no-order' }
  const { orderId } = found
  return inTransaction(db, async (tx) => {
    const payments = await lockPayments(tx, { orderId })
    await lockOrder(tx, orderId)
    const known = await findMove(tx, { requestKey: keyOf(reference) })
    if (known) return repeatOf(tx, known, letter)
    const taken = payments.filter(({ captured }) => captured > 0n)
    const byProvider = taken.filter(({ method }) => method !== 'on-delivery')
    // An order may have been paid for twice.
    const [first, ...others] = byProvider.toSorted((a, b) => Number(b.counts) - Number(a.counts))
    if (!first) return { ok: false, reason: taken.length > 0 ? 'at-door' : 'not-paid' }
    const payment = [first, ...others].find((one) => leftOf(one) >= amount)
    if (!payment) return { ok: false, reason: 'too-much', payment: first }
    const { paymentId } = payment
    const moveId = await recordChargeback(tx, { paymentId, amount, requestKey: keyOf(reference) }, now)
    if (moveId === undefined) {
      // Another order got this reference meanwhile.
      const first = await findMove(tx, { requestKey: keyOf(reference) })
      if (!first) throw new Error(`no chargeback ${reference}, and none could be written`)
      return repeatOf(tx, first, letter)
    }
    await bookReturned(tx, payment, { moveId, amount, kind: 'chargeback' }, now)
    await notifyShop(tx, orderId, 'chargeback', now, moveId)
    await orderCardsChanged(tx, orderId)
    return { ok: true, isRepeat: false, at: now, number, amount, payment: await reread(tx, paymentId) }
  })
}

/**
 * Books that the bank gave a chargeback up: all of it, once. Where nothing is left that it could pay for, it goes on to
 * the buyer, as all money does that comes for such an order.
 */
export async function bookChargebackWon(db: Client, reference: string, now: Date): Promise<ChargebackWonResult> {
  const chargeback = await findMove(db, { requestKey: keyOf(reference) })
  const about = chargeback && (await findPayment(db, { id: chargeback.paymentId }))
  if (!chargeback || !about) return { ok: false, reason: 'no-chargeback' }
  const { orderId } = about
  const { amount, paymentId, moveId: chargebackId } = chargeback
  return inTransaction(db, async (tx) => {
    const payments = await lockPayments(tx, { orderId })
    await lockOrder(tx, orderId)
    const payment = payments.find((one) => one.paymentId === paymentId)
    const [order] = await findOrders(tx, { id: orderId })
    if (!payment || !order) throw new Error(`order ${orderId} or its payment ${paymentId} vanished`)
    const { number } = order
    const moveId = await recordChargebackWon(tx, { paymentId, amount, requestKey: wonKeyOf(reference) }, now)
    if (moveId === undefined) {
      const known = await findMove(tx, { requestKey: wonKeyOf(reference) })
      const at = known?.createdAt ?? now
      return { ok: true, isRepeat: true, at, number, amount, payment }
    }
    const paysForGoods = payment.counts && order.state === 'delivered'
    await bookWonBack(tx, payment, { moveId, chargebackId, amount, paysForGoods }, now)
    if (!payment.counts || order.state === 'cancelled')
      await refundRest(tx, paymentId, payment.counts ? 'cancelled' : 'duplicate', now)
    await notifyShop(tx, orderId, 'chargeback-won', now, moveId)
    await orderCardsChanged(tx, orderId)
    return { ok: true, isRepeat: false, at: now, number, amount, payment: await reread(tx, paymentId) }
  })
}

/** What was taken by a payment and is neither back nor on its way. */
export function leftOf({ captured, refunding, refunded }: Disputed): bigint {
  return captured - refunding - refunded
}

/** The same letter written down again; another one under its reference is refused. */
async function repeatOf(
  tx: Transaction,
  known: MoveRow,
  letter: { number: string; amount: bigint },
): Promise<ChargebackResult> {
  const payment = await reread(tx, known.paymentId)
  const found = await findOrderNumbered(tx, letter.number)
  if (found?.orderId !== payment.orderId || known.amount !== letter.amount)
    return { ok: false, reason: 'reference-used' }
  return { ok: true, isRepeat: true, at: known.createdAt, number: letter.number, amount: known.amount, payment }
}

async function reread(tx: Transaction, paymentId: string): Promise<PaymentRow> {
  const payment = await findPayment(tx, { id: paymentId })
  if (!payment) throw new Error(`no payment ${paymentId}`)
  return payment
}
