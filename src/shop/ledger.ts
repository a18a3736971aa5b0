/** The books: what every event of money posts, in the transaction of the event. */
import { postEarned, postReturned, postTaken } from '#domain/ledger.ts'
import type { Db } from '#store/db.ts'
import { findEarned, post } from '#store/ledger.ts'
import { findOrderParties } from '#store/orders.ts'
import { findPayment, tell, updatePayment, type PaymentRow } from '#store/payments.ts'
import { enqueue } from '#store/queue.ts'

type Taken = Pick<PaymentRow, 'paymentId' | 'orderId' | 'provider' | 'currency' | 'captured' | 'refunded'>

/** Money of a payment was taken. */
export async function bookTaken(db: Db, payment: Taken, amount: bigint, now: Date): Promise<void> {
  const { paymentId, orderId, provider, currency } = payment
  const { personId } = await findOrderParties(db, orderId)
  const entries = postTaken({ personId, provider }, amount)
  await post(db, { key: `taken:${paymentId}`, kind: 'taken', paymentId, orderId, currency, entries }, now)
}

/**
 * Money of a payment went back to its buyer. Call with the order locked.
 * @param payment as it was before.
 */
export async function bookReturned(
  db: Db,
  payment: Taken,
  back: { moveId: string; amount: bigint; kind: 'refunded' | 'refunded-by-hand' | 'chargeback' },
  now: Date,
): Promise<void> {
  const { paymentId, orderId, provider, currency } = payment
  const { moveId, amount, kind } = back
  const { personId, sellerId, feeBasisPoints } = await findOrderParties(db, orderId)
  const counting = await findPayment(db, { orderId, counts: true })
  // Money of a payment that never paid for the order is still the buyer's own, whatever became of the goods.
  const earned = counting?.paymentId === paymentId ? await findEarned(db, orderId) : undefined
  const terms = earned && {
    goods: earned.goods,
    feeBasisPoints,
    returned: payment.refunded - (payment.captured - earned.amount),
  }
  const from = kind === 'refunded-by-hand' ? 'seller' : 'provider'
  const entries = postReturned({ personId, sellerId, provider }, amount, from, terms)
  await post(db, { key: `returned:${moveId}`, kind, paymentId, moveId, orderId, currency, entries }, now)
}

/**
 * Goods were handed over: what was paid becomes the seller's; what was to be paid at the door was. Call with the order
 * locked, once.
 */
export async function handedOver(db: Db, orderId: number, now: Date): Promise<void> {
  const payment = await findPayment(db, { orderId, counts: true })
  if (!payment) throw new Error(`order ${orderId} was handed over and nothing pays for it`)
  const { paymentId, amount, currency } = payment
  let { captured } = payment
  if (payment.state === 'promised') {
    captured = amount
    await updatePayment(db, paymentId, { state: 'captured', captured }, now)
    await tell(db, { paymentId, kind: 'collected', amount }, now)
    await bookTaken(db, payment, captured, now)
  } else {
    // Fewer tries than usual: they end before the provider has forgotten the key, so that none makes a second receipt.
    await enqueue(db, 'send-final-receipt', { paymentId }, { key: `receipt:${paymentId}`, maxAttempts: 11 })
  }
  const earned = captured - payment.refunded
  if (earned <= 0n) return
  const { personId, sellerId, feeBasisPoints, deliveryCost } = await findOrderParties(db, orderId)
  const entries = postEarned({ personId, sellerId }, earned, deliveryCost, feeBasisPoints)
  await post(db, { key: `earned:${orderId}`, kind: 'earned', paymentId, orderId, currency, entries }, now)
}
