/** A group did not come about, or money came too late, and it all goes back: what can be bought together instead. */
import { findAside } from '#store/aside.ts'
import { findCampaign, type Campaign } from '#store/campaigns.ts'
import { findProductOfVariant } from '#store/catalog.ts'
import type { Client } from '#store/db.ts'
import { hasLiveSeat, type GroupRow } from '#store/group-buy.ts'
import { findOpenGroups } from '#store/open-groups.ts'
import { isMember } from '#store/sellers.ts'
import type { OrderView } from './orders.ts'

/** So many groups are offered beside one of their own. */
const groupsShown = 2

export type AnotherTry = {
  /** Of the same goods, their own city first, then nearest to completion. */
  groups: GroupRow[]
  /** A group of their own, on the terms in force. */
  own?: Campaign & { variantId: number; currency: string }
}

/** @returns undefined when the goods cannot be bought together now. */
export async function anotherTry(
  db: Client,
  order: Pick<OrderView, 'personId' | 'sellerId' | 'productId' | 'recipient' | 'currency' | 'seat' | 'variantId'>,
  now: Date,
): Promise<AnotherTry | undefined> {
  const { personId, seat } = order
  if (!seat || (await isMember(db, order.sellerId, personId))) return undefined
  const { cityCode } = order.recipient
  const [product, campaign, open] = await Promise.all([
    findProductOfVariant(db, order.variantId, now),
    findCampaign(db, order.variantId, now),
    findOpenGroups(db, order.productId, now, groupsShown * 2, cityCode),
  ])
  if (!product) return undefined
  // What terms have set aside is for groups on those terms, also when they have ended.
  const terms = new Set([...open.map(({ campaignId }) => campaignId), ...(campaign ? [campaign.campaignId] : [])])
  const left = await Promise.all([...terms].map(async (id) => [id, await findAside(db, id)] as const))
  const aside = new Map(left)
  const hasGoods = (wanted: number, campaignId: number) => {
    const { free = 0 } = product.variants.find(({ variantId }) => variantId === wanted) ?? {}
    return free > 0 || (aside.get(campaignId) ?? []).some(({ variantId }) => variantId === wanted)
  }
  const same = open.filter(
    ({ variantId, campaignId }) => variantId === seat.groupVariantId && hasGoods(variantId, campaignId),
  )
  const isIn = await Promise.all(same.map(({ groupId }) => hasLiveSeat(db, groupId, personId)))
  const groups = same.filter((_, at) => isIn[at] === false).slice(0, groupsShown)
  const cities = campaign?.cities ?? []
  const isForThem = cities.length === 0 || cities.includes(cityCode)
  const isThere = campaign && isForThem && hasGoods(order.variantId, campaign.campaignId)
  const variant = product.variants.find(({ variantId }) => variantId === order.variantId)
  const own = isThere && !product.withdrawn && variant?.withdrawn === false ? campaign : undefined
  if (groups.length === 0 && !own) return undefined
  const { variantId, currency } = order
  return { groups, ...(own && { own: { ...own, variantId, currency } }) }
}
