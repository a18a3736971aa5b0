/** Buying: one tap makes an order, holds stock (and a seat), and leads to the provider's payment page. */
import { promisedDates, promisedDays } from '#domain/delivery.ts'
import { groupDeadline, heldUntil, joinRefusal, type JoinRefusal } from '#domain/group-buy.ts'
import { orderNumber } from '#domain/orders.ts'
import { isDead, isOpen, type MethodAbilities, methodsFor, type PaymentMethod } from '#domain/payments.ts'
import type { Carrier, Parcel, Quote } from '#gateways/carriers.ts'
import { findProductOfVariant, type VariantRow } from '#store/catalog.ts'
import { providerOf, type PaymentProvider } from '#gateways/payments.ts'
import { inTransaction, type Client, type Db, type Transaction } from '#store/db.ts'
import {
  findCampaign,
  findGroup,
  findGroupOfOrder,
  hasLiveSeat,
  insertGroup,
  insertSeat,
  lockGroup,
  takeSeat,
  type NewGroup,
} from '#store/group-buy.ts'
import { groupCardsChanged, orderCardsChanged } from '#store/live-cards.ts'
import {
  countUnpaidOrders,
  findLocationOfOrder,
  findOpenOrder,
  findOrders,
  insertOrder,
  lockBuyer,
  lockOrder,
  type OrderLocation,
  type OrderView,
} from '#store/orders.ts'
import {
  discountPayments,
  findPayment,
  findPaymentTerms,
  insertPayment,
  lockPayments,
  makePaymentCount,
} from '#store/payments.ts'
import { findRecipient, type RecipientFields } from '#store/people.ts'
import { enqueue } from '#store/queue.ts'
import { findLatestPostOpen, isMember } from '#store/sellers.ts'
import { reserveStock } from '#store/stock.ts'
import type { Deps } from './deps.ts'
import { releaseOrderIn } from './group-buy.ts'
import { placePayment } from './payments.ts'
import { promiseMoney } from './purchases.ts'

/** What a person wants: a product alone, a group of their own, or a seat in somebody's. */
export type Purchase =
  | { kind: 'alone'; variantId: number }
  | { kind: 'own-group'; variantId: number }
  | { kind: 'join'; groupId: number }

export type PurchaseRefusal =
  | 'no-recipient'
  | 'not-found'
  | 'withdrawn'
  | 'out-of-stock'
  | 'no-group-price'
  | 'own-shop'
  | 'no-delivery'
  | 'carrier-silent'
  | 'already-in'
  | 'too-many-unpaid'
  | 'no-payment-method'
  | 'too-late'
  | JoinRefusal

/** Unpaid orders that one person may have at once. */
const unpaidMax = 5

export type PurchaseResult =
  | { ok: true; order: OrderView; isNew: boolean }
  | { ok: false; reason: PurchaseRefusal; groupId?: number }

/** One parcel of one unit: packaging makes even a ring this large. */
const smallParcel: Parcel = { weightGrams: 500, lengthCm: 25, widthCm: 18, heightCm: 10 }

/**
 * Makes the order and asks the provider for a payment page. A repeated update (same `requestKey`), a second tap and a
 * second device lead to the same order. Stock and seat are held for 15 minutes.
 * @param instead an unpaid order for the same that is given up in the moment in which this one is made, so that nobody gets
 * its seat or its unit in between. A refusal leaves it as it is; one that has ended already is no hindrance.
 * @returns a refusal with a closed list of reasons; nothing is written then.
 */
export async function buy(
  db: Client,
  {
    personId,
    requestKey,
    purchase,
    instead,
    now,
  }: { personId: number; requestKey: string; purchase: Purchase; instead?: number; now: Date },
  outside: Omit<Deps, 'db' | 'now'>,
): Promise<PurchaseResult> {
  const [repeated] = await findOrders(db, { requestKey })
  if (repeated) return withPaymentPage(db, repeated, false, now, outside)

  const [given] = instead === undefined ? [] : await findOrders(db, { id: instead })
  if (instead !== undefined && given?.personId !== personId) return { ok: false, reason: 'not-found' }
  if (given && given.state !== 'awaiting_payment' && given.state !== 'cancelled') {
    return { ok: false, reason: 'too-late' }
  }
  const former = given?.state === 'awaiting_payment' ? given.orderId : undefined

  const group = purchase.kind === 'join' ? await findGroup(db, { id: purchase.groupId }) : undefined
  if (purchase.kind === 'join' && !group) return { ok: false, reason: 'not-found' }
  const variantId = purchase.kind === 'join' ? (group?.variantId ?? 0) : purchase.variantId
  const wanted = purchase.kind === 'join' ? { groupId: purchase.groupId } : purchase.kind

  const product = await findProductOfVariant(db, variantId, now)
  // Asked after the stock was read: their own order may hold what is missing from it.
  const unpaid = former === undefined ? await findOpenOrder(db, personId, variantId, wanted, now) : undefined
  const [begun] = unpaid === undefined ? [] : await findOrders(db, { id: unpaid })
  if (begun) return withPaymentPage(db, begun, false, now, outside)
  if (group && former === undefined && (await hasLiveSeat(db, group.groupId, personId)))
    return { ok: false, reason: 'already-in', groupId: group.groupId }

  const variant = product?.variants.find((candidate) => candidate.variantId === variantId)
  if (!product || !variant) return { ok: false, reason: 'not-found' }
  // An open group keeps what it promised, even when the seller has taken the product off sale since.
  if ((product.withdrawn || variant.withdrawn) && !group) return { ok: false, reason: 'withdrawn' }
  if (purchase.kind !== 'alone' && (await isMember(db, product.sellerId, personId)))
    return { ok: false, reason: 'own-shop' }

  // What an order holds stays where it lies, and is not among what is free.
  const place = former === undefined ? placeOf(variant) : await findLocationOfOrder(db, former)
  if (!place) return { ok: false, reason: 'out-of-stock' }
  const { locationId, kind, cityCode } = place
  const recipient = await findRecipient(db, personId)
  if (!recipient) return { ok: false, reason: 'no-recipient' }

  const quote = await quoteFor(outside.carrier, cityCode, recipient, variant.weightGrams)
  if (!quote.ok) return quote
  const days = promisedDays(kind, cityCode === recipient.cityCode, {
    from: quote.quote.daysMin,
    to: quote.quote.daysMax,
  })
  const promise = promisedDates(days, now)

  const made = await inTransaction(db, async (tx): Promise<PurchaseResult | { orderId: number; isNew: boolean }> => {
    await lockBuyer(tx, personId)
    const [raced] = await findOrders(tx, { requestKey })
    if (raced) return { orderId: raced.orderId, isNew: false }
    if (former !== undefined && !(await releaseOrderIn(tx, former, 'given-up', now))) {
      const [ended] = await findOrders(tx, { id: former })
      if (ended?.state !== 'cancelled') return { ok: false, reason: 'too-late' }
    }
    const open = await findOpenOrder(tx, personId, variantId, wanted, now)
    if (open !== undefined) return { orderId: open, isNew: false }
    // Every unpaid order keeps goods from others for a quarter of an hour.
    if ((await countUnpaidOrders(tx, personId)) >= unpaidMax) return { ok: false, reason: 'too-many-unpaid' }

    const paymentTerms = await findPaymentTerms(tx, product.sellerId, personId)
    const terms = await priceFor(purchase)
    if (!terms.ok) return terms
    const post = await findLatestPostOpen(tx, personId, product.productId, now)
    const orderId = await insertOrder(
      tx,
      {
        number: orderNumber(outside.randomBytes(8)),
        requestKey,
        personId,
        sellerId: product.sellerId,
        locationId,
        postId: post,
        unitPrice: terms.price,
        quantity: 1,
        deliveryCost: quote.quote.cost.amount,
        currency: variant.currency,
        expiresAt: heldUntil(now, terms.deadlineAt),
        recipient,
        carrier: outside.carrier.name,
        tariffCode: quote.quote.tariffCode,
        promisedFrom: promise.from,
        promisedTo: promise.to,
        variantId,
        title: product.title,
        feeBasisPoints: paymentTerms.feeBasisPoints,
      },
      now,
    )
    const total = terms.price + quote.quote.cost.amount
    const isGroup = purchase.kind !== 'alone'
    const isCrossBorder = kind === 'cross_border'
    const { terms: allowed, buyer } = paymentTerms
    const facts = { total, currency: variant.currency, isGroup, isCrossBorder, ...buyer }
    const { hasInvoices } = outside
    const [method] = methodsFor({ ...facts, hasInvoices }, allowed, abilitiesOf(outside.providers))
    if (method === undefined) return { ok: false, reason: 'no-payment-method' }
    const payment = { paymentId: outside.newId(), orderId, method, amount: total, currency: variant.currency }
    await addPayment(tx, payment, outside, now)

    if (terms.newGroup) {
      const groupId = await insertGroup(tx, { ...terms.newGroup, token: outside.newToken() }, now)
      await insertSeat(tx, { groupId, personId, orderId, heldUntil: heldUntil(now, terms.deadlineAt) }, now)
    } else if (purchase.kind === 'join') {
      const { groupId } = purchase
      if (!(await takeSeat(tx, groupId, now))) {
        const current = await findGroup(tx, { id: groupId })
        return { ok: false, reason: (current && joinRefusal(current, now)) ?? 'group-full', groupId }
      }
      const seat = { groupId, personId, orderId, heldUntil: heldUntil(now, terms.deadlineAt) }
      if ((await insertSeat(tx, seat, now)) === undefined) return { ok: false, reason: 'already-in', groupId }
      await groupCardsChanged(tx, purchase.groupId)
    }
    if (!(await reserveStock(tx, { orderId, variantId, locationId, quantity: 1 }, now))) {
      return { ok: false, reason: 'out-of-stock' }
    }
    return { orderId, isNew: true }

    async function priceFor(wish: Purchase): Promise<Terms | { ok: false; reason: PurchaseRefusal; groupId?: number }> {
      if (wish.kind === 'alone') return { ok: true, price: variant?.price ?? 0n }
      if (wish.kind === 'join') {
        const current = await findGroup(tx, { id: wish.groupId })
        if (!current) return { ok: false, reason: 'not-found' }
        const refusal = joinRefusal(current, now)
        return refusal
          ? { ok: false, reason: refusal, groupId: wish.groupId }
          : { ok: true, price: current.price, deadlineAt: current.deadlineAt }
      }
      const campaign = await findCampaign(tx, variantId, now)
      if (!campaign) return { ok: false, reason: 'no-group-price' }
      const deadlineAt = groupDeadline(now, campaign.lifetimeMinutes, campaign.endsAt, holdDays(outside.providers))
      const { campaignId, size, price } = campaign
      const newGroup = {
        campaignId,
        variantId,
        leaderId: personId,
        size,
        price,
        currency: variant?.currency ?? '',
        deadlineAt,
      }
      return { ok: true, price, deadlineAt, newGroup }
    }
  })
  if ('ok' in made) return made
  const [order] = await findOrders(db, { id: made.orderId })
  if (!order) throw new Error(`order ${made.orderId} vanished`)
  return withPaymentPage(db, order, made.isNew, now, outside)
}

/** Where a variant would be sent from. @returns undefined when nothing of it is free. */
function placeOf(variant: VariantRow): OrderLocation | undefined {
  const { locationId, kind, cityCode, free } = variant
  return locationId === null || kind === null || cityCode === null || free < 1
    ? undefined
    : { locationId, kind, cityCode }
}

type Terms = {
  ok: true
  price: bigint
  deadlineAt?: Date
  newGroup?: Omit<NewGroup, 'token'>
}

/** The order with its payment page, asking the provider for one if it has none yet. */
async function withPaymentPage(
  db: Client,
  order: OrderView,
  isNew: boolean,
  now: Date,
  outside: Omit<Deps, 'db' | 'now'>,
): Promise<PurchaseResult> {
  if (order.payment?.state !== 'created') return { ok: true, order, isNew }
  await placePayment(db, order.payment.paymentId, outside, now)
  const [placed] = await findOrders(db, { id: order.orderId })
  return { ok: true, order: placed ?? order, isNew }
}

async function quoteFor(
  carrier: Carrier,
  fromCityCode: number,
  recipient: RecipientFields,
  weightGrams: number,
): Promise<{ ok: true; quote: Quote } | { ok: false; reason: 'no-delivery' | 'carrier-silent' }> {
  const answer = await carrier.quote(fromCityCode, recipient.cityCode, { ...smallParcel, weightGrams })
  if (!answer.ok) return { ok: false, reason: answer.kind === 'unknown' ? 'carrier-silent' : 'no-delivery' }
  const [cheapest] = answer.value
  return cheapest ? { ok: true, quote: cheapest } : { ok: false, reason: 'no-delivery' }
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
async function addPayment(
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
  const options = { key: `place:${paymentId}`, runAt: new Date(now.getTime() + 20_000) }
  await enqueue(tx, 'place-payment', { paymentId }, options)
}

function abilitiesOf(providers: readonly PaymentProvider[]): Partial<Record<PaymentMethod, MethodAbilities>> {
  return Object.assign({}, ...providers.map(({ capabilities }) => capabilities.methods))
}

/** Days that every hold lasts which a seat may be paid with; a charge waits as long as one likes. */
function holdDays(providers: readonly PaymentProvider[]): number {
  const holds = Object.values(abilitiesOf(providers)).filter((abilities) => abilities.holds)
  return Math.min(30, ...holds.map((abilities) => abilities.holdDays))
}
