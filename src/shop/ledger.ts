/** The books: what every event of money posts, in the transaction of the event. */
import { postEarned, postEarnedSince, postReturned, postTaken, postWonBack } from '#domain/ledger.ts'
import type { Db } from '#store/db.ts'
import { findEarnedSoFar, post, wasBuyers } from '#store/ledger.ts'
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
  const terms = await earnedBy(db, payment, feeBasisPoints)
  const from = kind === 'refunded-by-hand' ? 'seller' : 'provider'
  const entries = postReturned({ personId, sellerId, provider }, amount, from, terms)
  await post(db, { key: `returned:${moveId}`, kind, paymentId, moveId, orderId, currency, entries }, now)
}

/** What the goods brought since they were handed over, if this payment paid for them, and what went back since. */
async function earnedBy(db: Db, { paymentId, orderId, captured, refunded }: Taken, feeBasisPoints: number) {
  const counting = await findPayment(db, { orderId, counts: true })
  // Money of a payment that never paid for the order is still the buyer's own, whatever became of the goods.
  const earned = counting?.paymentId === paymentId ? await findEarnedSoFar(db, orderId) : undefined
  return earned && { ...earned, feeBasisPoints, returned: refunded - (captured - earned.amount) }
}

/**
 * A bank gave up what it had taken back: whoever had lost it has it again. Call with the order locked.
 * @param payment as it was before.
 * @param won `paysForGoods`: the payment is that of an order whose goods were handed over.
 */
export async function bookWonBack(
  db: Db,
  payment: Taken,
  won: { moveId: string; chargebackId: string; amount: bigint; paysForGoods: boolean },
  now: Date,
): Promise<void> {
  const { paymentId, orderId, provider, currency } = payment
  const { moveId, chargebackId, amount, paysForGoods } = won
  const { personId, sellerId, feeBasisPoints, deliveryCost } = await findOrderParties(db, orderId)
  const earned = await earnedBy(db, payment, feeBasisPoints)
  const isBuyers = await wasBuyers(db, chargebackId)
  const entries = postWonBack({ personId, sellerId, provider }, amount, isBuyers ? undefined : earned)
  const posting = { paymentId, orderId, currency }
  await post(db, { ...posting, key: `won:${chargebackId}`, kind: 'chargeback-won', moveId, entries }, now)
  if (!isBuyers || !paysForGoods) return
  // It was missing when the goods were handed over.
  const before = earned ?? { amount: 0n, goods: 0n, feeBasisPoints, returned: 0n }
  const since = postEarnedSince({ personId, sellerId }, amount, deliveryCost, before)
  await post(db, { ...posting, key: `earned:${orderId}:${chargebackId}`, kind: 'earned', entries: since }, now)
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
