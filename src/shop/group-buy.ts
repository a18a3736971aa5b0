/** Groups by the clock and by their shop: unpaid purchases are given up, groups past their deadline are closed. */
import { campaignLimits, type GroupState, type SeatState } from '#domain/group-buy.ts'
import { isTaken } from '#domain/payments.ts'
import { inTransaction, type Client, type Transaction } from '#store/db.ts'
import {
  claimDueGroup,
  closeIfDue,
  closeIfEmpty,
  findDueGroups,
  findGroup,
  findGroupOfOrder,
  findSeat,
  findSellerOfGroup,
  formIfFull,
  lockGroup,
  lockSeats,
  releaseHeldSeat,
  topUp,
  type GroupRow,
} from '#store/group-buy.ts'
import { findOpenGroups } from '#store/open-groups.ts'
import { isShownTo, noteVisit, type VisitVia } from '#store/visits.ts'
import { groupCardsChanged, orderCardsChanged } from '#store/live-cards.ts'
import { notify, notifyEach } from '#store/notifications.ts'
import { claimExpiredOrder, findExpiredOrders, lockOrder, setOrderState } from '#store/orders.ts'
import { isMember } from '#store/sellers.ts'
import { lockExchange, releaseStock } from '#store/stock.ts'
import { hasMoney, lockPayments } from '#store/payments.ts'
import { startMoves } from '#store/moves.ts'
import { doDue } from './due.ts'
import { breakPromises, groupFormed } from './purchases.ts'
import { refundSeats } from './refunds.ts'

export type { GroupRow, VisitVia }

/**
 * Gives an unpaid order up with its seat and stock: its time is over, or its buyer does not want it.
 * A payment that lands later claims them again if it can, or is given back.
 * @returns false when it is not unpaid any more.
 */
export async function releaseOrder(
  db: Client,
  orderId: number,
  reason: 'unpaid' | 'given-up',
  now: Date,
): Promise<boolean> {
  return inTransaction(db, (tx) => releaseOrderIn(tx, orderId, reason, now))
}

/**
 * The same inside a transaction that has locked nothing of groups, orders and stock yet.
 * @param exchange what the transaction will take instead: locked with what is given back, in key order.
 */
export async function releaseOrderIn(
  tx: Transaction,
  orderId: number,
  reason: 'unpaid' | 'given-up',
  now: Date,
  exchange?: { variantId: number; locationId: number },
): Promise<boolean> {
  const groupId = await findGroupOfOrder(tx, orderId)
  if (groupId !== undefined) await lockGroup(tx, groupId)
  await lockPayments(tx, { orderId })
  const order = await lockOrder(tx, orderId)
  if (order?.state !== 'awaiting_payment' || (reason === 'unpaid' && order.expiresAt > now)) return false
  if (await hasMoney(tx, orderId)) return false
  await setOrderState(tx, orderId, 'cancelled', reason)
  const freed = await releaseHeldSeat(tx, orderId, now)
  // What is taken instead is a seat in the same group.
  if (freed && !exchange) await closeIfEmpty(tx, freed.groupId, now)
  if (freed) await groupCardsChanged(tx, freed.groupId)
  if (exchange) await lockExchange(tx, orderId, exchange)
  await releaseStock(tx, orderId)
  await orderCardsChanged(tx, orderId)
  if (reason === 'unpaid') {
    await notify(tx, order.personId, `order:${orderId}:expired`, { kind: 'order-expired', data: { orderId } }, now)
  }
  return true
}

/** The tick: gives up what was not paid in time, shared by any number of workers. @returns how many were here. */
export async function expireOrders(db: Client, now: Date): Promise<number> {
  return doDue(db, {
    name: 'expire-orders',
    count: async (atMost) => (await findExpiredOrders(db, now, atMost)).length,
    claim: (tx, besides) => claimExpiredOrder(tx, besides, now),
    act: (tx, orderId) => releaseOrderIn(tx, orderId, 'unpaid', now),
  })
}

/**
 * The tick: closes groups whose deadline passed, one group a transaction, shared by any number of workers. At the end it
 * waits for those that somebody was at, a payer perhaps: they may be due still.
 */
export async function closeDueGroups(db: Client, now: Date): Promise<number> {
  return doDue(db, {
    name: 'close-due-groups',
    count: async (atMost) => (await findDueGroups(db, now, atMost)).length,
    claim: (tx, besides) => claimDueGroup(tx, besides, now),
    act: (tx, groupId) => closeGroup(tx, groupId, now),
    late: (atMost) => findDueGroups(db, now, atMost),
  })
}

/**
 * The time is over: with seats enough it forms, or everything goes back.
 * @returns false when the group was formed or closed meanwhile: the update re-checks both.
 */
async function closeGroup(tx: Transaction, groupId: number, now: Date): Promise<boolean> {
  const outcome = await closeIfDue(tx, groupId, now)
  if (outcome === undefined) return false
  await groupCardsChanged(tx, groupId)
  if (outcome === 'formed') {
    await groupFormed(tx, groupId, now)
    return true
  }
  // Unpaid seats end with their order, by its own clock; the deadline is never later than the group's.
  const seats = (await lockSeats(tx, groupId)).filter(({ state }) => state === 'paid')
  const taken = seats.filter(({ payment }) => isTaken(payment.state))
  const promised = seats.filter(({ payment }) => payment.state === 'promised')
  const held = seats.filter((seat) => !taken.includes(seat) && !promised.includes(seat))
  await refundSeats(tx, taken, 'group-failed', now)
  await breakPromises(tx, promised, now)
  await startMoves(
    tx,
    'void',
    held.map(({ payment: { paymentId, amount } }) => ({ paymentId, amount })),
    now,
  )
  // Of money on hold they are free when it is back.
  const over = [...taken, ...promised].map(({ orderId }) => orderId)
  if (over.length > 0) await releaseStock(tx, ...over)
  const notices = seats.map(({ personId, orderId, seatId }) => ({
    personId,
    key: `group:${groupId}:failed:${seatId}`,
    notice: { kind: 'group-failed', data: { groupId, orderId } } as const,
  }))
  await notifyEach(tx, notices, now)
  return true
}

export async function groupById(db: Client, groupId: number): Promise<GroupRow | undefined> {
  return findGroup(db, { id: groupId })
}

export async function groupByToken(db: Client, token: string): Promise<GroupRow | undefined> {
  return findGroup(db, { token })
}

/** What a link to a group carries: its token, and after it who sent it, where that is known. */
export function groupLink({ token }: Pick<GroupRow, 'token'>, inviterId: number | null | undefined): string {
  return inviterId ? `${token}_${inviterId.toString(36)}` : token
}

/**
 * The group of such a link. Anybody can write any person there: it is for the numbers, and gives nobody anything.
 * @returns undefined for a forged one.
 */
export async function groupByLink(
  db: Client,
  link: string,
): Promise<{ group: GroupRow; inviterId?: number } | undefined> {
  const plain = await findGroup(db, { token: link })
  if (plain) return { group: plain }
  const [, token, inviter = ''] = /^(.+)_([0-9a-z]{1,6})$/.exec(link) ?? []
  const group = token === undefined ? undefined : await findGroup(db, { token })
  const inviterId = Number.parseInt(inviter, 36)
  return group && (inviterId <= 2_147_483_647 ? { group, inviterId } : { group })
}

/**
 * Whether a person may be shown a group, wherever they come by its id: buttons are easily forged, and a group that is not
 * for strangers tells them nothing, not even first names.
 */
export async function maySee(db: Client, groupId: number, personId: number): Promise<boolean> {
  return isShownTo(db, groupId, personId)
}

/**
 * The nearest of the groups that strangers may join now: one of the reader's city first, then by completion.
 * @returns undefined when there is none.
 */
export async function nearestGroup(
  db: Client,
  productId: number,
  now: Date,
  cityCode?: number,
): Promise<GroupRow | undefined> {
  const [nearest] = await findOpenGroups(db, productId, now, 1, cityCode)
  return nearest
}

/** Somebody came to a group: noted once, with how they first came by more than the product's list. */
export async function visitGroup(
  db: Client,
  groupId: number,
  personId: number,
  via: VisitVia,
  now: Date,
  inviterId?: number,
): Promise<void> {
  await noteVisit(db, { groupId, personId, via, ...(inviterId !== undefined && { inviterId }) }, now)
}

/**
 * The shop fills seats of an open group itself, and says so on the card: nobody sits there and nobody pays.
 * @param before how many it had filled when its person decided so: two taps on one button fill once.
 * @returns `formed` when no seat is missing any more.
 */
export async function topUpGroup(
  db: Client,
  { personId, groupId, seats, before }: { personId: number; groupId: number; seats: number; before?: number },
  now: Date,
): Promise<{ ok: true; formed: boolean } | { ok: false; reason: 'not-yours' | 'no-room' }> {
  const sellerId = await findSellerOfGroup(db, groupId)
  if (sellerId === undefined || !(await isMember(db, sellerId, personId))) return { ok: false, reason: 'not-yours' }
  if (!Number.isSafeInteger(seats) || seats < 1 || seats > campaignLimits.size) return { ok: false, reason: 'no-room' }
  return inTransaction(db, async (tx) => {
    if (!(await topUp(tx, groupId, seats, now, before))) return { ok: false, reason: 'no-room' } as const
    await groupCardsChanged(tx, groupId)
    const formed = await formIfFull(tx, groupId, now)
    if (formed) await groupFormed(tx, groupId, now)
    return { ok: true, formed } as const
  })
}

/** How a person stands to a group: which buttons fit them. */
export async function seatOf(
  db: Client,
  groupId: number,
  personId: number,
): Promise<{ orderId: number; state: SeatState; groupState: GroupState } | undefined> {
  return findSeat(db, groupId, personId)
}
