/** Paying by an invoice in the messenger: shown by it, asked about before the charge, told of after it. */
import { isOpen, isUnpaid } from '#domain/payments.ts'
import { providerOf } from '#gateways/payments.ts'
import { inTransaction, type Client, type Transaction } from '#store/db.ts'
import { findGroupOfOrder, lockGroup } from '#store/group-buy.ts'
import { extendOrder, findOrders, lockOrder, type OrderView } from '#store/orders.ts'
import {
  discountPayments,
  findPayment,
  insertPayment,
  lockPayments,
  makePaymentCount,
  updatePayment,
  type PaymentRow,
} from '#store/payments.ts'
import type { Deps } from './deps.ts'
import { applyProviderPayment } from './purchases.ts'
import { receiptOf } from './receipts.ts'

/** What a messenger says about an invoice: ours by the payment's id, the sum as it stood in it. */
export type InvoicePayment = { paymentId: string; amount: bigint; currency: string }

export type InvoiceRefusal = 'not-found' | 'changed' | 'already-paid' | 'too-late'

/** Time for the messenger to charge after it was told to go on; and how long in all an order can be kept in this way. */
const chargeMinutes = 10
const keptMinutes = 45

/**
 * May this invoice be paid now? Everything is looked at again, and the order keeps its goods and its seat until the
 * charge is through. The messenger waits ten seconds for the answer.
 */
export async function approveInvoice(
  db: Client,
  { paymentId, amount, currency }: InvoicePayment,
  personId: number,
  now: Date,
): Promise<{ ok: true; order: OrderView } | { ok: false; reason: InvoiceRefusal }> {
  const found = await findInvoice(db, paymentId)
  if (!found) return { ok: false, reason: 'not-found' }
  const { orderId } = found
  const groupId = await findGroupOfOrder(db, orderId)
  return inTransaction(db, async (tx) => {
    const group = groupId === undefined ? undefined : await lockGroup(tx, groupId)
    const payments = await lockPayments(tx, { orderId })
    await lockOrder(tx, orderId)
    const [order] = await findOrders(tx, { id: orderId })
    if (!order || order.personId !== personId) return { ok: false, reason: 'not-found' }
    const payment = payments.find((one) => one.paymentId === paymentId)
    if (payment?.amount !== amount || payment.currency !== currency) return { ok: false, reason: 'changed' }
    const paidBy = payments.find((one) => !isUnpaid(one.state))
    if (paidBy) return { ok: false, reason: 'already-paid' }
    const isGroupOver = group !== undefined && group.state !== 'draft' && group.state !== 'open'
    const isOver = order.state !== 'awaiting_payment' || order.expiresAt <= now || isGroupOver || !isOpen(payment.state)
    if (isOver) return { ok: false, reason: 'too-late' }
    const keptUntil = Math.min(now.getTime() + chargeMinutes * 60_000, order.createdAt.getTime() + keptMinutes * 60_000)
    await extendOrder(tx, orderId, new Date(keptUntil))
    return { ok: true, order }
  })
}

/** What the company that charges the order's invoice is told beside the sum: its receipt. Undefined where it wants nothing. */
export function invoiceData(order: OrderView, { providers }: Pick<Deps, 'providers'>): string | undefined {
  const sum = { amount: order.total, currency: order.currency }
  return providerOf(providers, { method: 'invoice' }).invoiceData?.(
    sum,
    receiptOf({ ...order, phone: order.recipient.phone }, order.total),
  )
}

export type InvoicePaid =
  | { ok: true; order: OrderView }
  /** `not-ours`: no invoice of ours says so; `another-sum`: not the sum that it was shown with. Reconciliation shows it. */
  | { ok: false; reason: 'not-ours' | 'another-sum' }

/**
 * The messenger charged: what it says is the truth, it came through its own authenticated channel. Told again, it
 * changes nothing; a second charge for the same invoice (two copies paid at once) goes back.
 * @param charge `acquirerId`: the payment at the company that took it, by which it is given back.
 * @throws when it could not be written down: it must be told again, for money was taken.
 */
export async function invoicePaid(
  db: Client,
  invoice: InvoicePayment,
  charge: { chargeId: string; acquirerId: string },
  outside: Pick<Deps, 'newId'>,
  now: Date,
): Promise<InvoicePaid> {
  const { amount, currency } = invoice
  const found = await findInvoice(db, invoice.paymentId)
  if (!found) return { ok: false, reason: 'not-ours' }
  if (found.amount !== amount || found.currency !== currency) return { ok: false, reason: 'another-sum' }
  const { orderId } = found
  const { chargeId, acquirerId: externalId } = charge
  const taken = { state: 'captured', amount: { amount, currency } } as const
  const paymentId = await inTransaction(db, (tx) => claimCharge(tx, found, charge, outside.newId, now))
  if (paymentId !== found.paymentId) {
    // Whoever was told of the first charge may still be about to apply it: the second must find it done.
    const first = await findPayment(db, { id: found.paymentId })
    if (first?.externalId)
      await applyProviderPayment(db, first.paymentId, { ...taken, externalId: first.externalId }, now)
  }
  await applyProviderPayment(db, paymentId, { ...taken, externalId, chargeId }, now)
  const [order] = await findOrders(db, { id: orderId })
  if (!order) throw new Error(`order ${orderId} vanished`)
  return { ok: true, order }
}

/** The payment that a charge belongs to: the one it was told for before, the one that was asked for, or a new one. */
async function claimCharge(
  tx: Transaction,
  { paymentId, orderId, provider, amount, currency }: PaymentRow,
  { chargeId, acquirerId: externalId }: { chargeId: string; acquirerId: string },
  newId: () => string,
  now: Date,
): Promise<string> {
  const payments = await lockPayments(tx, { orderId })
  // Asked after the lock and not found among what it returned: whoever held it may have written one more.
  const known = await findPayment(tx, { externalId })
  if (known) return known.paymentId
  const isFirst = payments.some((one) => one.paymentId === paymentId && one.externalId === null)
  const claimed = isFirst ? paymentId : newId()
  if (!isFirst) {
    const counting = payments.find(({ counts }) => counts)
    await discountPayments(tx, orderId)
    const again = {
      paymentId: claimed,
      orderId,
      provider,
      method: 'invoice',
      twoStage: false,
      amount,
      currency,
    } as const
    await insertPayment(tx, again, now)
    if (counting) await makePaymentCount(tx, orderId, counting.paymentId)
  }
  await updatePayment(tx, claimed, { externalId, chargeId }, now)
  return claimed
}

/** Ids in invoices come back as text that anybody may have written. */
async function findInvoice(db: Client, paymentId: string) {
  if (!/^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/.test(paymentId)) return undefined
  const payment = await findPayment(db, { id: paymentId })
  return payment?.method === 'invoice' ? payment : undefined
}
