/** How an order is paid: its ways, another way, another try. */
import { isDead, isOpen, type MethodAbilities, methodsFor, type PaymentMethod } from '#domain/payments.ts'
import { providerOf, type PaymentProvider } from '#gateways/payments.ts'
import { inTransaction, type Client, type Db, type Transaction } from '#store/db.ts'
import { findGroupOfOrder, lockGroup } from '#store/group-buy.ts'
import { orderCardsChanged } from '#store/live-cards.ts'
import { findOrder, findOrders, lockBuyer, lockOrder, type OrderView } from '#store/orders.ts'
import {
  discountPayments,
  findPayment,
  findPaymentTerms,
  insertPayment,
  lockPayments,
  makePaymentCount,
  placeJob,
} from '#store/payments.ts'
import { enqueue } from '#store/queue.ts'
import type { Deps } from './deps.ts'
import { placePayment } from './payments.ts'
import { promiseMoney } from './purchases.ts'

/** The order with its payment page, asking the provider for one if it has none yet. */
export async function withPaymentPage(
  db: Client,
  order: OrderView,
  isNew: boolean,
  now: Date,
  outside: Omit<Deps, 'db' | 'now'>,
): Promise<{ ok: true; order: OrderView; isNew: boolean }> {
  if (order.payment?.state !== 'created') return { ok: true, order, isNew }
  await placePayment(db, order.payment.paymentId, outside, now)
  const placed = await findOrder(db, order.orderId)
  return { ok: true, order: placed ?? order, isNew }
}

export type PayByResult =
  | { ok: true; order: OrderView }
  | { ok: false; reason: 'not-found' | 'not-payable' | 'no-payment-method' }

/**
 * Pays an order another way, or once more after a decline, while it still holds its stock. A page that was opened before
 * for the same method stays the one that is paid; one for another method may still be paid, and then pays for the order.
 * @param method left out: the one that was chosen before. `on-delivery` is a promise: the order is placed with it.
 */
export async function payBy(
  db: Client,
  { personId, orderId, method, now }: { personId: number; orderId: number; method?: PaymentMethod; now: Date },
  outside: Omit<Deps, 'db' | 'now'>,
): Promise<PayByResult> {
  const groupId = await findGroupOfOrder(db, orderId)
  const started = await inTransaction(db, async (tx): Promise<PayByResult | { ok: true }> => {
    await lockBuyer(tx, personId)
    if (groupId !== undefined) await lockGroup(tx, groupId)
    const payments = await lockPayments(tx, { orderId })
    await lockOrder(tx, orderId)
    const [order] = await findOrders(tx, { id: orderId })
    if (!order || order.personId !== personId) return { ok: false, reason: 'not-found' }
    if (order.state !== 'awaiting_payment' || order.expiresAt <= now) return { ok: false, reason: 'not-payable' }
    const counting = payments.find(({ counts }) => counts)
    const wanted = method ?? counting?.method
    const allowed = await methodsOfOrder(tx, order, outside)
    if (wanted === undefined || !allowed.includes(wanted)) return { ok: false, reason: 'no-payment-method' }
    const { paidAt } = providerOf(outside.providers, { method: wanted }).capabilities.methods[wanted] ?? {}
    if (counting && !isDead(counting.state)) {
      if (!isOpen(counting.state)) return { ok: false, reason: 'not-payable' }
      if (counting.method === wanted && paidAt !== 'door') return { ok: true }
    }
    const begun = payments.find((one) => one.method === wanted && ['created', 'pending'].includes(one.state))
    const paymentId = begun?.paymentId ?? outside.newId()
    if (begun) await makePaymentCount(tx, orderId, paymentId)
    else {
      await discountPayments(tx, orderId)
      const { total, currency } = order
      await addPayment(tx, { paymentId, orderId, method: wanted, amount: total, currency }, outside, now)
    }
    if (paidAt === 'door') {
      const promised = await findPayment(tx, { id: paymentId })
      if (promised) await promiseMoney(tx, promised, now)
    }
    await orderCardsChanged(tx, orderId)
    return { ok: true }
  })
  if (!started.ok) return started
  const [order] = await findOrders(db, { id: orderId })
  if (!order) return { ok: false, reason: 'not-found' }
  const placed = await withPaymentPage(db, order, false, now, outside)
  // Other messages of theirs still show the decline.
  if (order.payment?.state === 'created') await orderCardsChanged(db, orderId)
  return placed.ok ? { ok: true, order: placed.order } : { ok: true, order }
}

/** The ways in which an order can be paid for, the first being the one that is offered at once. */
export async function methodsOfOrder(
  db: Db,
  order: Pick<OrderView, 'sellerId' | 'personId' | 'total' | 'currency' | 'locationKind' | 'seat'>,
  outside: Pick<Deps, 'providers' | 'hasInvoices'>,
): Promise<PaymentMethod[]> {
  const { terms, buyer } = await findPaymentTerms(db, order.sellerId, order.personId)
  const facts = {
    total: order.total,
    currency: order.currency,
    isGroup: order.seat !== undefined,
    isCrossBorder: order.locationKind === 'cross_border',
    ...buyer,
    hasInvoices: outside.hasInvoices,
  }
  return methodsFor(facts, terms, abilitiesOf(outside.providers))
}

/** Writes a payment that counts, and the job that finishes what a killed process could not. */
export async function addPayment(
  tx: Transaction,
  payment: { paymentId: string; orderId: number; method: PaymentMethod; amount: bigint; currency: string },
  outside: Pick<Deps, 'providers'>,
  now: Date,
): Promise<void> {
  const { paymentId, method } = payment
  const provider = providerOf(outside.providers, { method })
  const abilities = provider.capabilities.methods[method]
  await insertPayment(tx, { ...payment, provider: provider.name, twoStage: abilities?.holds === true }, now)
  if (abilities?.paidAt !== 'page') return
  const { name, payload, options } = placeJob(paymentId, placeLater(now))
  await enqueue(tx, name, payload, options)
}

/** When a job looks after a payment page that the one who asked for it has not got: their process may have ended. */
export function placeLater(now: Date): Date {
  return new Date(now.getTime() + 20_000)
}

export function abilitiesOf(providers: readonly PaymentProvider[]): Partial<Record<PaymentMethod, MethodAbilities>> {
  return Object.assign({}, ...providers.map(({ capabilities }) => capabilities.methods))
}

/** Days that every hold lasts which a seat may be paid with; a charge waits as long as one likes. */
export function holdDays(providers: readonly PaymentProvider[]): number {
  const holds = Object.values(abilitiesOf(providers)).filter((abilities) => abilities.holds)
  return Math.min(30, ...holds.map((abilities) => abilities.holdDays))
}
