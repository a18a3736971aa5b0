/** Groups by the clock: unpaid purchases are given up, groups past their deadline are closed. */
import type { GroupState } from '#domain/group-buy.ts'
import { inTransaction, type Client } from '#store/db.ts'
import {
  cardsChanged,
  deleteCard,
  failIfDue,
  findDueGroups,
  findGroup,
  findOpenGroups,
  findStaleCards,
  lockGroup,
  lockSeats,
  markCardShown,
  releaseHeldSeat,
  saveCard,
  type CardRow,
  type GroupRow,
} from '#store/group-buy.ts'
import { notify } from '#store/notifications.ts'
import { findExpiredOrders, lockOrder, setOrderState } from '#store/orders.ts'
import { releaseStock } from '#store/stock.ts'
import { startMove } from '#store/payments.ts'

export type { CardRow, GroupRow }

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
  const seat = await db.seat.findUnique({ where: { orderId }, select: { groupId: true } })
  return inTransaction(db, async (tx) => {
    if (seat) await lockGroup(tx, seat.groupId)
    const order = await lockOrder(tx, orderId)
    if (order?.state !== 'awaiting_payment' || (reason === 'unpaid' && order.expiresAt > now)) return false
    // Money on its way to being taken is not an unpaid order.
    const paid = await tx.payment.count({
      where: { orderId, state: { in: ['held', 'capturing', 'captured', 'voiding'] } },
    })
    if (paid > 0) return false
    await setOrderState(tx, orderId, 'cancelled', reason)
    const freed = await releaseHeldSeat(tx, orderId, now)
    if (freed) await cardsChanged(tx, freed.groupId)
    await releaseStock(tx, orderId)
    if (reason === 'unpaid') {
      await notify(tx, order.personId, `order:${orderId}:expired`, { kind: 'order-expired', data: { orderId } }, now)
    }
    return true
  })
}

/** The tick: gives up what was not paid in time. @returns how many. */
export async function expireOrders(db: Client, now: Date): Promise<number> {
  const due = await findExpiredOrders(db, now, 500)
  let released = 0
  for (const orderId of due) if (await releaseOrder(db, orderId, 'unpaid', now)) released += 1
  return released
}

/** The tick: closes groups whose deadline passed, one group a transaction, shared by any number of workers. */
export async function closeDueGroups(db: Client, now: Date): Promise<number> {
  const due = await findDueGroups(db, now, 500)
  let closed = 0
  for (const groupId of due) if (await closeGroup(db, groupId, now)) closed += 1
  return closed
}

/** @returns false when the group was formed or closed meanwhile: the update re-checks both. */
async function closeGroup(db: Client, groupId: number, now: Date): Promise<boolean> {
  return inTransaction(db, async (tx) => {
    if (!(await failIfDue(tx, groupId, now))) return false
    for (const seat of await lockSeats(tx, groupId)) {
      // Unpaid seats end with their order, by its own clock; the deadline is never later than the group's.
      if (seat.state !== 'paid') continue
      await startMove(tx, { paymentId: seat.paymentId, kind: 'void', amount: seat.amount }, now)
      const data = { groupId, orderId: seat.orderId }
      await notify(tx, seat.personId, `group:${groupId}:failed:${seat.seatId}`, { kind: 'group-failed', data }, now)
    }
    await cardsChanged(tx, groupId)
    return true
  })
}

export async function groupById(db: Client, groupId: number): Promise<GroupRow | undefined> {
  return findGroup(db, { id: groupId })
}

export async function groupByToken(db: Client, token: string): Promise<GroupRow | undefined> {
  return findGroup(db, { token })
}

/** Groups that strangers may join now, nearest to completion first. */
export async function openGroups(db: Client, productId: number, now: Date): Promise<GroupRow[]> {
  return findOpenGroups(db, productId, now, 3)
}

/** How a person stands to a group: which buttons fit them. */
export async function seatOf(
  db: Client,
  groupId: number,
  personId: number,
): Promise<{ orderId: number; state: string; groupState: GroupState } | undefined> {
  const row = await db.seat.findFirst({
    where: { groupId, personId },
    orderBy: { id: 'desc' },
    select: { orderId: true, state: true, group: { select: { state: true } } },
  })
  return row ? { orderId: row.orderId, state: row.state, groupState: row.group.state as GroupState } : undefined
}

/** A copy of a group's card was posted somewhere, or a tap told us of one. It is brought up to date by a job. */
export async function rememberCard(
  db: Client,
  card: { messenger: string; messageRef: string; groupId: number; language: string; shownVersion: number },
  now: Date,
): Promise<void> {
  await saveCard(db, card, now)
  await cardsChanged(db, card.groupId)
}

export async function staleCards(db: Client, groupId: number, version: number): Promise<CardRow[]> {
  return findStaleCards(db, groupId, version)
}

export async function cardShown(db: Client, messenger: string, messageRef: string, version: number): Promise<void> {
  await markCardShown(db, messenger, messageRef, version)
}

export async function forgetCard(db: Client, messenger: string, messageRef: string): Promise<void> {
  await deleteCard(db, messenger, messageRef)
}
