/**
 * Money that came when its group was full, over or closed. It stays on hold, or taken, and its buyer chooses: another
 * group, one of their own, or the money back, which is what happens when they say nothing.
 */
import { openedMax } from '#domain/group-buy.ts'
import { findCampaign, type Campaign } from '#store/campaigns.ts'
import type { Client, Db, Transaction } from '#store/db.ts'
import { countOpened, findGroup, freeSeat, type GroupRow } from '#store/group-buy.ts'
import { findGroupForLate, awaitChoice, findLateOrder, type LateOrder } from '#store/late.ts'
import { groupCardsChanged } from '#store/live-cards.ts'
import { notify } from '#store/notifications.ts'
import type { PaymentRow } from '#store/payments.ts'
import { reserveStockAgain } from '#store/stock.ts'

const hour = 3_600_000
const day = 24 * hour
/** A hold is given back so long before its end: then it is still ours to say. */
const holdMargin = 12 * hour
/** Less than this is no time to choose in, nor for a group to gather in. */
const leastTime = hour

/** Until when a hold can wait for something; null when it is not a hold. */
export function holdLasts({ holdUntil }: LateOrder): Date | null {
  return holdUntil && new Date(holdUntil.getTime() - holdMargin)
}

/** Groups of their own end while their hold lasts. */
export function ownDeadline(late: LateOrder, deadlineAt: Date): Date {
  const lasts = holdLasts(late)
  return lasts && lasts < deadlineAt ? lasts : deadlineAt
}

export type OwnRefusal =
  | 'own-shop'
  | 'hold-ends'
  | 'withdrawn'
  | 'no-group-price'
  | 'price-rose'
  | 'too-many-units'
  | 'other-cities'
  | 'too-many-groups'

/** Whether late money may open a group, on the terms in force. The limits are those of opening one by hand. */
export async function ownGroupFor(
  db: Db,
  late: LateOrder,
  now: Date,
): Promise<{ ok: true; campaign: Campaign } | { ok: false; reason: OwnRefusal }> {
  const no = (reason: OwnRefusal) => ({ ok: false, reason }) as const
  if (late.isOwnShop) return no('own-shop')
  if (late.withdrawn) return no('withdrawn')
  const campaign = await findCampaign(db, late.variantId, now)
  if (!campaign) return no('no-group-price')
  const lasts = holdLasts(late)
  if (lasts && lasts.getTime() - now.getTime() < leastTime) return no('hold-ends')
  if (campaign.price > late.unitPrice) return no('price-rose')
  if (late.quantity > campaign.maxUnits) return no('too-many-units')
  if (campaign.cities.length > 0 && !campaign.cities.includes(late.cityCode)) return no('other-cities')
  if ((await countOpened(db, late.personId, new Date(now.getTime() - day))) >= openedMax) return no('too-many-groups')
  return { ok: true, campaign }
}

/** The group that is offered: the one nearest to completion. Nobody joins groups of their own shop. */
async function groupFor(db: Db, late: LateOrder, now: Date): Promise<number | undefined> {
  return late.isOwnShop ? undefined : findGroupForLate(db, late, holdLasts(late), now)
}

/**
 * Keeps late money for a choice: the seat is free, the goods are promised once more. Call with group and payments locked.
 * @param isReserved the order still has its goods.
 * @returns false, with nothing kept, when there is nothing to choose between: no group, no goods, no time.
 */
export async function offerChoice(
  tx: Transaction,
  payment: PaymentRow,
  isReserved: boolean,
  now: Date,
): Promise<boolean> {
  const { orderId, seatId, groupId } = payment
  const late = await findLateOrder(tx, orderId)
  if (!late || payment.state === 'promised') return false
  const lasts = holdLasts(late)?.getTime() ?? Infinity
  const until = new Date(Math.min(now.getTime() + day, lasts))
  if (until.getTime() - now.getTime() < leastTime) return false
  if ((await groupFor(tx, late, now)) === undefined && !(await ownGroupFor(tx, late, now)).ok) return false
  if (seatId !== null) await freeSeat(tx, seatId, 'released', now)
  if (!isReserved && !(await reserveStockAgain(tx, orderId, now))) return false
  await awaitChoice(tx, orderId, until)
  if (groupId !== null) await groupCardsChanged(tx, groupId)
  await notify(tx, late.personId, `order:${orderId}:choice`, { kind: 'late-choice', data: { orderId } }, now)
  return true
}

/** What a late payer may choose between now, beside their money back. */
export type Choices = { until: Date; group?: GroupRow; own?: Campaign & { currency: string } }

/** @returns undefined when it is not theirs, or there is nothing to choose any more. */
export async function choicesOf(
  db: Client,
  orderId: number,
  personId: number,
  now: Date,
): Promise<Choices | undefined> {
  const late = await findLateOrder(db, orderId)
  if (late?.personId !== personId || late.state !== 'awaiting_choice' || late.chooseUntil === null) return undefined
  const until = late.chooseUntil
  if (until <= now) return { until }
  const [groupId, own] = await Promise.all([groupFor(db, late, now), ownGroupFor(db, late, now)])
  const group = groupId === undefined ? undefined : await findGroup(db, { id: groupId })
  return { until, ...(group && { group }), ...(own.ok && { own: { ...own.campaign, currency: late.currency } }) }
}
