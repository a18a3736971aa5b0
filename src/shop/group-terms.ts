/** What a person may choose before they open a group or join one. */
import type { Words } from '#domain/people.ts'
import { findCampaign } from '#store/campaigns.ts'
import { findProductOfVariant } from '#store/catalog.ts'
import type { Client } from '#store/db.ts'
import { findOpenOrder, findOrders, type OrderView } from '#store/orders.ts'

/** How many pieces one member may buy; undefined without terms for this option. */
export async function unitsOf(
  db: Client,
  variantId: number,
  now: Date,
): Promise<{ maxUnits: number; price: bigint; currency: string; productId: number; title: Words } | undefined> {
  const [campaign, product] = await Promise.all([
    findCampaign(db, variantId, now),
    findProductOfVariant(db, variantId, now),
  ])
  const variant = product?.variants.find((candidate) => candidate.variantId === variantId)
  if (!campaign || !product || !variant) return undefined
  const { maxUnits, price } = campaign
  return { maxUnits, price, currency: variant.currency, productId: product.productId, title: product.title }
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
