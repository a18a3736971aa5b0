/**
 * A seat bought as most are: one's first in a group that has room, with nothing in the way. What has to be asked and written is
 * asked and written together with whoever buys at the same moment (`store/joins.ts`). Whatever is out of the ordinary is
 * left to `buy`, which asks one thing after the other and knows why something is refused.
 */
import { isSoldTo, promisedDates, promisedDays } from '#domain/delivery.ts'
import { heldUntil, priceAt } from '#domain/group-buy.ts'
import { orderNumber } from '#domain/orders.ts'
import { methodsFor } from '#domain/payments.ts'
import { providerOf } from '#gateways/payments.ts'
import { findProduct } from '#store/catalog.ts'
import type { Client } from '#store/db.ts'
import { findJoinFacts, insertJoin } from '#store/joins.ts'
import { findOrder, type OrderView } from '#store/orders.ts'
import type { PayableOrder } from '#store/payments.ts'
import type { Deps } from './deps.ts'
import { abilitiesOf, placeLater } from './paying.ts'
import { createPayment } from './payments.ts'
import { quoteFor } from './quotes.ts'

/**
 * @param unpaidMax unpaid orders that one person may have at once.
 * @returns the new order with its payment page; undefined when `buy` has to look closer: nothing is written then.
 */
export async function joinAtOnce(
  db: Client,
  join: { personId: number; requestKey: string; groupId: number; units?: number; variantId?: number; now: Date },
  unpaidMax: number,
  outside: Omit<Deps, 'db' | 'now'>,
): Promise<OrderView | undefined> {
  const { personId, requestKey, groupId, units = 1, now } = join
  if (!Number.isSafeInteger(units) || units < 1) return undefined
  const facts = await findJoinFacts(db, { requestKey, personId, groupId, now })
  if (!facts || units > facts.maxUnits) return undefined
  const { variantId, recipient, via, cities, deadlineAt, sellerId } = facts
  if (join.variantId !== undefined && join.variantId !== variantId) return undefined
  const isInvited = via !== null && via !== 'list'
  if (!facts.isPublic && !isInvited && facts.leaderId !== personId) return undefined
  if (cities.length > 0 && !cities.includes(recipient.cityCode)) return undefined

  const product = await findProduct(db, facts.productId, now)
  const variant = product?.variants.find((one) => one.variantId === variantId)
  if (!product || !variant || variant.locationId === null || variant.kind === null || variant.cityCode === null)
    return undefined
  if (product.sellerId !== sellerId || product.isAdult) return undefined
  if (!isSoldTo(product.cities, recipient.cityCode)) return undefined
  const { locationId, kind, cityCode, currency } = variant
  const quoted = await quoteFor(outside.carrier, cityCode, recipient, variant.weightGrams * units)
  if (!quoted.ok) return undefined
  const { cost, tariffCode, daysMin, daysMax } = quoted.quote
  const days = promisedDays(kind, cityCode === recipient.cityCode, { from: daysMin, to: daysMax })
  const promise = promisedDates(days, now)

  const price = priceAt(facts.tiers, facts.bestSeats)
  const total = price * BigInt(units) + cost.amount
  const { hasInvoices } = outside
  const purchase = {
    total,
    currency,
    isGroup: true,
    isCrossBorder: kind === 'cross_border',
    ...facts.buyer,
    hasInvoices,
  }
  const abilities = abilitiesOf(outside.providers)
  const [method] = methodsFor(purchase, facts.terms, abilities)
  if (method === undefined || abilities[method]?.paidAt !== 'page') return undefined
  const provider = providerOf(outside.providers, { method })

  const expiresAt = heldUntil(now, deadlineAt)
  const number = orderNumber(outside.randomBytes(8))
  const payment = {
    paymentId: outside.newId(),
    provider: provider.name,
    method,
    twoStage: abilities[method].holds,
    amount: total,
  }
  const joined = await insertJoin(db, {
    number,
    requestKey,
    personId,
    sellerId,
    locationId,
    postId: facts.postId,
    unitPrice: price,
    quantity: units,
    deliveryCost: cost.amount,
    currency,
    expiresAt,
    recipient,
    carrier: outside.carrier.name,
    tariffCode,
    promisedFrom: promise.from,
    promisedTo: promise.to,
    variantId,
    title: product.title,
    feeBasisPoints: facts.feeBasisPoints,
    groupId,
    via: via ?? 'link',
    bestSeats: facts.bestSeats,
    payment,
    placeAt: placeLater(now),
    unpaidMax,
    now,
  })
  if (!joined) return undefined
  const { orderId, lineId, seatId, groupToken } = joined
  const lines = [{ lineId, title: product.title, quantity: units, unitPrice: price }]
  const order: PayableOrder = {
    orderId,
    number,
    state: 'awaiting_payment',
    deliveryCost: cost.amount,
    phone: recipient.phone,
    lines,
  }
  const { page } = await createPayment(db, { ...payment, orderId, currency }, order, outside, now)
  if (page === undefined) return findOrder(db, orderId)
  // All of it was written just now: read back, it would be the same.
  return {
    orderId,
    number,
    personId,
    sellerId,
    state: 'awaiting_payment',
    cancelReason: null,
    deliveredAt: null,
    goodsTotal: price * BigInt(units),
    deliveryCost: cost.amount,
    total,
    currency,
    createdAt: now,
    expiresAt,
    recipient,
    promisedFrom: promise.from,
    promisedTo: promise.to,
    variantId,
    quantity: units,
    unitPrice: price,
    title: product.title,
    options: variant.options,
    productId: product.productId,
    picture: product.pictures[0] ?? null,
    lines,
    locationKind: kind,
    payment: {
      paymentId: payment.paymentId,
      method,
      state: 'pending',
      confirmationUrl: page,
      declineReason: null,
      captured: 0n,
      refunding: 0n,
      refunded: 0n,
    },
    seat: { seatId, state: 'held', groupId, groupState: 'open', groupToken, groupVariantId: variantId },
  }
}
