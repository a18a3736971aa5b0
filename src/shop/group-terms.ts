/** What a person may choose before they open a group or join one. */
import type { Words } from '#domain/people.ts'
import { findFormerOfOrder } from '#store/again.ts'
import { findCampaign } from '#store/campaigns.ts'
import { findProductOfVariant, type VariantRow } from '#store/catalog.ts'
import type { Client } from '#store/db.ts'
import { findOpenOrder, findOrders, type OrderView } from '#store/orders.ts'

type UnitsOffer = {
  maxUnits: number
  price: bigint
  currency: string
  productId: number
  title: Words
  isAdult: boolean
}

/** How many pieces one member may buy; undefined without terms for this option. */
export async function unitsOf(db: Client, variantId: number, now: Date): Promise<UnitsOffer | undefined> {
  const [campaign, product] = await Promise.all([
    findCampaign(db, variantId, now),
    findProductOfVariant(db, variantId, now),
  ])
  const variant = product?.variants.find((candidate) => candidate.variantId === variantId)
  if (!campaign || !product || !variant) return undefined
  const { maxUnits, price } = campaign
  const { productId, title, isAdult } = product
  return { maxUnits, price, currency: variant.currency, productId, title, isAdult }
}

/** The order of a group that its leader has not paid for yet. */
export async function unpaidOwnGroup(
  db: Client,
  personId: number,
  variantId: number,
  now: Date,
): Promise<OrderView | undefined> {
  const orderId = await findOpenOrder(db, personId, variantId, 'own-group', now)
  return orderId === undefined ? undefined : (await findOrders(db, { id: orderId }))[0]
}

/** What a leader may still change of a group that is not paid for: one of these options, so many pieces of it. */
export type OwnChoice = { options: VariantRow[]; maxUnits: number }

/** @returns undefined for an order that is none of that. The same team meets again for the same option only. */
export async function ownChoice(db: Client, order: OrderView, now: Date): Promise<OwnChoice | undefined> {
  const { orderId, variantId, seat } = order
  if (seat?.groupState !== 'draft' || order.state !== 'awaiting_payment' || order.expiresAt <= now) return undefined
  const [campaign, product, formerId] = await Promise.all([
    findCampaign(db, variantId, now),
    findProductOfVariant(db, variantId, now),
    findFormerOfOrder(db, orderId),
  ])
  if (!campaign || !product || product.withdrawn) return undefined
  const { campaignId, maxUnits } = campaign
  const isOffered = (variant: VariantRow) =>
    variant.campaignId === campaignId && (variant.variantId === variantId || formerId === undefined)
  return { options: product.variants.filter((variant) => !variant.withdrawn && isOffered(variant)), maxUnits }
}
