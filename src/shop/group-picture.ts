/** What the picture of a group for sharing shows, and under which name it is found. */
import { nextTier } from '#domain/group-buy.ts'
import { moneyToDecimal } from '#domain/money.ts'
import type { Client } from '#store/db.ts'
import type { GroupRow } from '#store/group-buy.ts'
import { groupByLink, groupLink } from './group-buy.ts'

/** An amount as a decimal number in words of digits: rooms that only draw know no minor units. */
export type Price = { decimal: string; currency: string }

export type GroupPicture = {
  state: 'open' | 'formed' | 'failed'
  /** A product's picture: the name of one of our own, or the address of somebody else's. */
  picture: string | null
  /** In the languages that there are, the shop's own first. */
  titles: string[]
  seller: string
  price: Price
  alone: Price
  /** What is saved, in whole percent of the price alone. */
  discount: number
  paid: number
  toppedUp: number
  held: number
  size: number
  /** The next lower price and the seats that it takes. */
  step: { seats: number; price: Price } | undefined
  /** What its link carries. */
  token: string
  /** The name that it has now. */
  name: string
}

/**
 * Another name for every change that the picture shows, so that whoever keeps it keeps nothing old; nobody finds it
 * without the token. The price alone is the product's, which a group's version knows nothing of.
 * @param inviterId who asked for it to show it to others: its link says so.
 */
export function groupPictureName(group: GroupRow, inviterId?: number): string {
  const { version, alonePrice } = group
  return `group/${version.toString(36)}-${alonePrice.toString(36)}-${groupLink(group, inviterId)}`
}

/**
 * @param name comes from the network; an older one of a group finds what is to be seen now.
 * @returns undefined when there is no such group, or nobody but its leader may know of it yet.
 */
export async function groupInPicture(db: Client, name: string): Promise<GroupPicture | undefined> {
  const [, version = '', link = ''] = /^group\/([0-9a-z]{1,6})-[0-9a-z]{1,13}-([A-Za-z0-9_-]{1,40})$/.exec(name) ?? []
  const found = link === '' ? undefined : await groupByLink(db, link)
  const group = found?.group
  if (!group || group.state === 'draft' || Number.parseInt(version, 36) > group.version) return undefined
  const { state, currency, alonePrice, paidSeats, toppedUp } = group
  const priceOf = (amount: bigint): Price => ({ decimal: moneyToDecimal({ amount, currency }), currency })
  const step = state === 'open' ? nextTier(group.tiers, group.bestSeats) : undefined
  const { ru, en } = group.title
  return {
    state: state === 'cancelled' ? 'failed' : state,
    picture: group.picture,
    titles: [ru, en].filter((title) => title !== undefined),
    seller: group.sellerName,
    price: priceOf(group.price),
    alone: priceOf(alonePrice),
    discount: alonePrice > group.price ? Number(((alonePrice - group.price) * 100n) / alonePrice) : 0,
    paid: paidSeats,
    toppedUp,
    held: state === 'open' ? group.takenSeats - paidSeats : 0,
    size: group.size,
    step: step && { seats: step.seats, price: priceOf(step.price) },
    token: groupLink(group, found?.inviterId),
    name: groupPictureName(group, found?.inviterId),
  }
}
