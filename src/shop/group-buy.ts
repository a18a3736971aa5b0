/** Groups by the clock and by their shop: unpaid purchases are given up, groups past their deadline are closed. */
import { campaignLimits, type GroupState, type SeatState } from '#domain/group-buy.ts'
import { isTaken } from '#domain/payments.ts'
import { inTransaction, type Client, type Transaction } from '#store/db.ts'
import {
  closeIfDue,
  findDueGroups,
  findGroup,
  findGroupOfOrder,
  findOpenGroups,
  findSeat,
  findSellerOfGroup,
  formIfFull,
  lockGroup,
  lockSeats,
  noteVisit,
  releaseHeldSeat,
  topUp,
  type GroupRow,
  type VisitVia,
} from '#store/group-buy.ts'
import { groupCardsChanged, orderCardsChanged } from '#store/live-cards.ts'
import { notify } from '#store/notifications.ts'
import { findExpiredOrders, lockOrder, setOrderState } from '#store/orders.ts'
import { isMember } from '#store/sellers.ts'
import { releaseStock } from '#store/stock.ts'
import { hasMoney, lockPayments, startMove } from '#store/payments.ts'
import { breakPromise, groupFormed } from './purchases.ts'
import { refundOrder } from './refunds.ts'

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

/** The same inside a transaction that has locked nothing of groups, orders and stock yet. */
export async function releaseOrderIn(
  tx: Transaction,
  orderId: number,
  reason: 'unpaid' | 'given-up',
  now: Date,
): Promise<boolean> {
  const groupId = await findGroupOfOrder(tx, orderId)
  if (groupId !== undefined) await lockGroup(tx, groupId)
  await lockPayments(tx, { orderId })
  const order = await lockOrder(tx, orderId)
  if (order?.state !== 'awaiting_payment' || (reason === 'unpaid' && order.expiresAt > now)) return false
  if (await hasMoney(tx, orderId)) return false
  await setOrderState(tx, orderId, 'cancelled', reason)
  const freed = await releaseHeldSeat(tx, orderId, now)
  if (freed) await groupCardsChanged(tx, freed.groupId)
  await releaseStock(tx, orderId)
  await orderCardsChanged(tx, orderId)
  if (reason === 'unpaid') {
    await notify(tx, order.personId, `order:${orderId}:expired`, { kind: 'order-expired', data: { orderId } }, now)
  }
  return true
}

/** The tick: gives up what was not paid in time. @returns how many. */
export async function expireOrders(db: Client, now: Date): Promise<number> {
  return countDone(await findExpiredOrders(db, now, 500), (orderId) => releaseOrder(db, orderId, 'unpaid', now))
}

/** The tick: closes groups whose deadline passed, one group a transaction, shared by any number of workers. */
export async function closeDueGroups(db: Client, now: Date): Promise<number> {
  return countDone(await findDueGroups(db, now, 500), (groupId) => closeGroup(db, groupId, now))
}

/** One that cannot be done must not keep those after it waiting: they are done first, then the tick fails. */
async function countDone(ids: readonly number[], act: (id: number) => Promise<boolean>): Promise<number> {
  let done = 0
  const failures: unknown[] = []
  for (const id of ids) {
    try {
      if (await act(id)) done += 1
    } catch (error) {
      failures.push(error)
    }
  }
  if (failures.length > 0) throw new AggregateError(failures, `${failures.length} of ${ids.length} failed`)
  return done
}

/**
 * The time is over: with seats enough it forms, or everything goes back.
 * @returns false when the group was formed or closed meanwhile: the update re-checks both.
 */
async function closeGroup(db: Client, groupId: number, now: Date): Promise<boolean> {
  return inTransaction(db, async (tx) => {
    const outcome = await closeIfDue(tx, groupId, now)
    if (outcome === undefined) return false
    if (outcome === 'formed') {
      await groupCardsChanged(tx, groupId)
      await groupFormed(tx, groupId, now)
      return true
    }
    for (const { seatId, personId, orderId, state, payment } of await lockSeats(tx, groupId)) {
      // Unpaid seats end with their order, by its own clock; the deadline is never later than the group's.
      if (state !== 'paid') continue
      const { paymentId, amount } = payment
      if (isTaken(payment.state)) await refundOrder(tx, payment, 'group-failed', now)
      else if (payment.state === 'promised') {
        await breakPromise(tx, payment, { state: 'awaiting_group' }, 'released', now)
      } else await startMove(tx, { paymentId, kind: 'void', amount }, now)
      const data = { groupId, orderId }
      await notify(tx, personId, `group:${groupId}:failed:${seatId}`, { kind: 'group-failed', data }, now)
    }
    await groupCardsChanged(tx, groupId)
    return true
  })
}

export async function groupById(db: Client, groupId: number): Promise<GroupRow | undefined> {
  return findGroup(db, { id: groupId })
}

export async function groupByToken(db: Client, token: string): Promise<GroupRow | undefined> {
  return findGroup(db, { token })
}

/** Groups that strangers may join now: those of the reader's city first, then those nearest to completion. */
export async function openGroups(db: Client, productId: number, now: Date, cityCode?: number): Promise<GroupRow[]> {
  return findOpenGroups(db, productId, now, 2, cityCode)
}

/** Somebody came to a group: noted once, with how they first came by more than the product's list. */
export async function visitGroup(
  db: Client,
  groupId: number,
  personId: number,
  via: VisitVia,
  now: Date,
): Promise<void> {
  await noteVisit(db, { groupId, personId, via }, now)
}

/**
 * The shop fills seats of an open group itself, and says so on the card: nobody sits there and nobody pays.
 * @returns `formed` when no seat is missing any more.
 */
export async function topUpGroup(
  db: Client,
  { personId, groupId, seats }: { personId: number; groupId: number; seats: number },
  now: Date,
): Promise<{ ok: true; formed: boolean } | { ok: false; reason: 'not-yours' | 'no-room' }> {
  const sellerId = await findSellerOfGroup(db, groupId)
  if (sellerId === undefined || !(await isMember(db, sellerId, personId))) return { ok: false, reason: 'not-yours' }
  if (!Number.isSafeInteger(seats) || seats < 1 || seats > campaignLimits.size) return { ok: false, reason: 'no-room' }
  return inTransaction(db, async (tx) => {
    if (!(await topUp(tx, groupId, seats, now))) return { ok: false, reason: 'no-room' } as const
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
