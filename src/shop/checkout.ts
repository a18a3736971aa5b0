/** Buying: one tap makes an order, holds stock (and a seat), and leads to the provider's payment page. */
import { isSoldTo, promisedDates, promisedDays } from '#domain/delivery.ts'
import {
  campaignLimits,
  groupDeadline,
  heldUntil,
  joinRefusal,
  openedMax,
  type JoinRefusal,
} from '#domain/group-buy.ts'
import { orderNumber } from '#domain/orders.ts'
import { methodsFor } from '#domain/payments.ts'
import { findFormerOfOrder, setFormerOfDraft, wasInTeam } from '#store/again.ts'
import { findAside } from '#store/aside.ts'
import { findCampaign } from '#store/campaigns.ts'
import { findProductOfVariant, type VariantRow } from '#store/catalog.ts'
import { inTransaction, type Client } from '#store/db.ts'
import { movePayToken } from '#store/friend-pay.ts'
import {
  countOpened,
  findGroup,
  hasLiveSeat,
  insertGroup,
  insertSeat,
  lockGroup,
  takeSeat,
  type NewGroup,
} from '#store/group-buy.ts'
import { groupCardsChanged } from '#store/live-cards.ts'
import {
  countUnpaidOrders,
  findLocationOfOrder,
  findOpenOrder,
  findOrders,
  insertOrder,
  lockBuyer,
  type OrderLocation,
  type OrderView,
} from '#store/orders.ts'
import { findPaymentTerms } from '#store/payments.ts'
import { findIsAdult, findRecipient } from '#store/people.ts'
import { findCitiesSoldTo } from '#store/product.ts'
import { findLatestPostOpen, isMember } from '#store/sellers.ts'
import { reserveStock } from '#store/stock.ts'
import { findStanding, takeOffer } from '#store/waiting.ts'
import type { Deps } from './deps.ts'
import { releaseOrderIn } from './group-buy.ts'
import { joinAtOnce } from './joining.ts'
import { abilitiesOf, addPayment, holdDays, withPaymentPage } from './paying.ts'
import { quoteFor } from './quotes.ts'

/** What a person wants: a product alone, a group of their own, or a seat in somebody's. */
export type Purchase =
  | { kind: 'alone'; variantId: number }
  | { kind: 'own-group'; variantId: number; units?: number; formerId?: number }
  /** @param variantId another option than the leader's, where the terms allow that. */
  | { kind: 'join'; groupId: number; units?: number; variantId?: number }

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
  | 'too-many-groups'
  | 'not-invited'
  | 'other-cities'
  | 'not-delivered-there'
  | 'adults-only'
  | 'too-many-units'
  | JoinRefusal

/** Unpaid orders that one person may have at once. */
const unpaidMax = 5
const day = 24 * 3_600_000

export type PurchaseResult =
  | { ok: true; order: OrderView; isNew: boolean }
  | { ok: false; reason: PurchaseRefusal; groupId?: number }

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
  // Most joins have nothing in the way; whatever has, comes back and is looked at step by step.
  if (purchase.kind === 'join' && instead === undefined) {
    const joined = await joinAtOnce(db, { ...purchase, personId, requestKey, now }, unpaidMax, outside)
    if (joined) return { ok: true, order: joined, isNew: true }
  }
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
  const variantId = purchase.kind === 'join' ? (purchase.variantId ?? group?.variantId ?? 0) : purchase.variantId
  const units = purchase.kind === 'alone' ? 1 : (purchase.units ?? 1)
  if (!Number.isSafeInteger(units) || units < 1 || units > campaignLimits.units)
    return { ok: false, reason: 'too-many-units' }
  const wanted = purchase.kind === 'join' ? { groupId: purchase.groupId } : purchase.kind

  // Another address for the same group leaves it the group of the same team.
  const formerId =
    purchase.kind !== 'own-group'
      ? undefined
      : (purchase.formerId ?? (former === undefined ? undefined : await findFormerOfOrder(db, former)))
  if (formerId !== undefined && !(await wasInTeam(db, formerId, variantId, personId)))
    return { ok: false, reason: 'not-found' }

  const product = await findProductOfVariant(db, variantId, now)
  // Both before the open order is asked for: it may be theirs that holds the missing stock or the seat, made a moment ago.
  const isSeated = group && former === undefined && (await hasLiveSeat(db, group.groupId, personId))
  const unpaid = former === undefined ? await findOpenOrder(db, personId, variantId, wanted, now) : undefined
  const [begun] = unpaid === undefined ? [] : await findOrders(db, { id: unpaid })
  if (begun) {
    if (formerId !== undefined) await setFormerOfDraft(db, begun.orderId, formerId)
    return withPaymentPage(db, begun, false, now, outside)
  }
  if (isSeated) return { ok: false, reason: 'already-in', groupId: group.groupId }

  const variant = product?.variants.find((candidate) => candidate.variantId === variantId)
  if (!product || !variant) return { ok: false, reason: 'not-found' }
  // An open group keeps what it promised, even when the seller has taken the product off sale since.
  if ((product.withdrawn || variant.withdrawn) && !group) return { ok: false, reason: 'withdrawn' }
  // A joiner's goods are the group's; another option only where its terms say so.
  if (group && variantId !== group.variantId && !(group.mixesOptions && product.productId === group.productId))
    return { ok: false, reason: 'not-found' }
  const standing = group && (await findStanding(db, group.groupId, personId))
  const via = standing?.via ?? undefined
  if (group && !group.isPublic && (via === undefined || via === 'list') && group.leaderId !== personId)
    return { ok: false, reason: 'not-invited' }
  // Nobody takes back that they are: it cannot change before the order is made.
  if (product.isAdult && !(await findIsAdult(db, personId))) return { ok: false, reason: 'adults-only' }
  if (purchase.kind !== 'alone' && (await isMember(db, product.sellerId, personId)))
    return { ok: false, reason: 'own-shop' }

  // What an order holds stays where it lies, and is not among what is free.
  const isKept = former !== undefined && given?.variantId === variantId
  const campaignId = group ? group.campaignId : purchase.kind === 'own-group' ? variant.campaignId : null
  // Terms that have ended keep for their open groups what is left of theirs.
  const isFormer = campaignId !== null && campaignId !== variant.campaignId
  const left = isFormer && !isKept ? await findAside(db, campaignId) : []
  const aside = left.find((one) => one.variantId === variantId && one.units >= units)
  const place = isKept ? await findLocationOfOrder(db, former) : (aside ?? placeOf(variant, campaignId, units))
  if (!place) return { ok: false, reason: 'out-of-stock' }
  const { locationId, kind, cityCode } = place
  const recipient = await findRecipient(db, personId)
  if (!recipient) return { ok: false, reason: 'no-recipient' }

  // Before the carrier says that so much weighs too much.
  const limits = units === 1 ? undefined : (group ?? (await findCampaign(db, variantId, now)))
  if (limits && units > limits.maxUnits) return { ok: false, reason: 'too-many-units' }

  const quote = await quoteFor(outside.carrier, cityCode, recipient, variant.weightGrams * units)
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
    const exchange = { variantId, locationId }
    const isReleased = former !== undefined && (await releaseOrderIn(tx, former, 'given-up', now, exchange))
    if (former !== undefined && !isReleased) {
      const [ended] = await findOrders(tx, { id: former })
      if (ended?.state !== 'cancelled') return { ok: false, reason: 'too-late' }
    }
    // A seat that is only changed is nobody else's in between.
    const isAgain = isReleased && group !== undefined && given?.seat?.groupId === group.groupId
    const open = await findOpenOrder(tx, personId, variantId, wanted, now)
    if (open !== undefined) {
      if (formerId !== undefined) await setFormerOfDraft(tx, open, formerId)
      return { orderId: open, isNew: false }
    }
    // Every unpaid order keeps goods from others for a quarter of an hour.
    if ((await countUnpaidOrders(tx, personId)) >= unpaidMax) return { ok: false, reason: 'too-many-unpaid' }

    const paymentTerms = await findPaymentTerms(tx, product.sellerId, personId)
    if (purchase.kind === 'own-group' && (await countOpened(tx, personId, new Date(now.getTime() - day))) >= openedMax)
      return { ok: false, reason: 'too-many-groups' }
    const terms = await priceFor(purchase)
    if (!terms.ok) return terms
    if (terms.limits && units > terms.limits.maxUnits) return { ok: false, reason: 'too-many-units' }
    const cities: readonly number[] = terms.limits?.cities ?? []
    if (cities.length > 0 && !cities.includes(recipient.cityCode)) return { ok: false, reason: 'other-cities' }
    const soldTo = await findCitiesSoldTo(tx, product.productId)
    if (!isSoldTo(soldTo, recipient.cityCode)) return { ok: false, reason: 'not-delivered-there' }
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
        quantity: units,
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
    if (former !== undefined) await movePayToken(tx, former, orderId)
    const total = terms.price * BigInt(units) + quote.quote.cost.amount
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
      await insertSeat(
        tx,
        { groupId, personId, orderId, heldUntil: heldUntil(now, terms.deadlineAt), via: 'opened' },
        now,
      )
    } else if (purchase.kind === 'join') {
      const { groupId } = purchase
      if (standing?.isOffered) await lockGroup(tx, groupId)
      const isOffered = standing?.isOffered === true && (await takeOffer(tx, groupId, personId, now))
      if (!isOffered && !(await takeSeat(tx, groupId, now, false, isAgain))) {
        const current = await findGroup(tx, { id: groupId })
        return { ok: false, reason: (current && joinRefusal(current, now)) ?? 'group-full', groupId }
      }
      const seat = {
        groupId,
        personId,
        orderId,
        heldUntil: heldUntil(now, terms.deadlineAt),
        via: isOffered ? ('offer' as const) : (via ?? 'link'),
      }
      if ((await insertSeat(tx, seat, now)) === undefined) return { ok: false, reason: 'already-in', groupId }
      await groupCardsChanged(tx, purchase.groupId)
    }
    const taken = { orderId, variantId, locationId, quantity: units, campaignId: terms.limits?.campaignId ?? null }
    if (!(await reserveStock(tx, taken, now))) {
      return { ok: false, reason: 'out-of-stock' }
    }
    return { orderId, isNew: true }

    async function priceFor(wish: Purchase): Promise<Terms | { ok: false; reason: PurchaseRefusal; groupId?: number }> {
      if (wish.kind === 'alone') return { ok: true, price: variant?.price ?? 0n }
      if (wish.kind === 'join') {
        const current = await findGroup(tx, { id: wish.groupId })
        if (!current) return { ok: false, reason: 'not-found' }
        const refusal = joinRefusal(isAgain ? { ...current, inLine: 0 } : current, now)
        // Of those who are offered a seat the statement that takes it decides.
        if (refusal && !(refusal === 'group-full' && standing?.isOffered))
          return { ok: false, reason: refusal, groupId: wish.groupId }
        // Another option only at the leader's price: the steps and the promise are the same for all.
        const own = variantId === current.variantId ? undefined : await findCampaign(tx, variantId, now)
        const isSame = own?.campaignId === current.campaignId && own.price === current.tiers[0]?.price
        if (variantId !== current.variantId && !isSame) return { ok: false, reason: 'no-group-price' }
        return { ok: true, price: current.price, deadlineAt: current.deadlineAt, limits: current }
      }
      const campaign = await findCampaign(tx, variantId, now)
      if (!campaign) return { ok: false, reason: 'no-group-price' }
      const deadlineAt = groupDeadline(now, campaign.lifetimeMinutes, campaign.endsAt, holdDays(outside.providers))
      const { lifetimeMinutes: _, endsAt: __, ...copied } = campaign
      const newGroup = { ...copied, variantId, leaderId: personId, currency: variant?.currency ?? '', deadlineAt }
      return {
        ok: true,
        price: campaign.price,
        deadlineAt,
        newGroup: formerId === undefined ? newGroup : { ...newGroup, formerId },
        limits: campaign,
      }
    }
  })
  if ('ok' in made) return made
  const [order] = await findOrders(db, { id: made.orderId })
  if (!order) throw new Error(`order ${made.orderId} vanished`)
  return withPaymentPage(db, order, made.isNew, now, outside)
}

/**
 * Where a variant would be sent from: of what the terms have set aside first.
 * @param campaignId the group's; null when it is bought alone.
 * @returns undefined when nothing of it is free.
 */
function placeOf(variant: VariantRow, campaignId: number | null, units: number): OrderLocation | undefined {
  const { locationId, kind, cityCode, free, asideLocationId, asideKind, asideCityCode } = variant
  if (asideLocationId !== null && asideKind !== null && asideCityCode !== null) {
    const isTheirs = campaignId !== null && variant.campaignId === campaignId && variant.aside >= units
    if (isTheirs) return { locationId: asideLocationId, kind: asideKind, cityCode: asideCityCode }
  }
  return locationId === null || kind === null || cityCode === null || free < 1
    ? undefined
    : { locationId, kind, cityCode }
}

type Terms = {
  ok: true
  price: bigint
  deadlineAt?: Date
  newGroup?: Omit<NewGroup, 'token'>
  limits?: { campaignId: number; maxUnits: number; cities: readonly number[] }
}
