/** Groups by the clock and by their shop: unpaid purchases are given up, groups past their deadline are closed. */
import { campaignLimits, type GroupState, type SeatState } from '#domain/group-buy.ts'
import { isTaken } from '#domain/payments.ts'
import { inTransaction, type Client, type Transaction } from '#store/db.ts'
import {
  claimDueGroup,
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
  releaseHeldSeat,
  topUp,
  type GroupRow,
} from '#store/group-buy.ts'
import { noteVisit, type VisitVia } from '#store/visits.ts'
import { groupCardsChanged, orderCardsChanged } from '#store/live-cards.ts'
import { notify, notifyEach } from '#store/notifications.ts'
import { findExpiredOrders, lockOrder, setOrderState } from '#store/orders.ts'
import { enqueueAll } from '#store/queue.ts'
import { isMember } from '#store/sellers.ts'
import { releaseStock } from '#store/stock.ts'
import { hasMoney, lockPayments } from '#store/payments.ts'
import { startMoves } from '#store/moves.ts'
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

/** The most that one run of the tick closes; the next ones go on with the rest. */
const closedMax = 500
/** Transactions at once: one is decided in while another waits for the disk. */
const closedAtOnce = 4

/**
 * The tick: closes groups whose deadline passed, one group a transaction, shared by any number of workers: each takes the
 * next that no other is at. At the end it waits for those that somebody was at, a payer perhaps: they may be due still.
 */
export async function closeDueGroups(db: Client, now: Date): Promise<number> {
  await callOthers(db, now)
  const closed: number[] = []
  const failures = new Map<number, unknown>()
  const next = async (): Promise<void> => {
    while (closed.length + failures.size < closedMax) {
      let groupId: number | undefined
      try {
        await inTransaction(db, async (tx) => {
          groupId = await claimDueGroup(tx, [...failures.keys()], now)
          if (groupId !== undefined) await closeGroup(tx, groupId, now)
        })
      } catch (error) {
        if (groupId === undefined) throw error
        // One that cannot be closed must not keep those after it waiting.
        failures.set(groupId, error)
        continue
      }
      if (groupId === undefined) return
      closed.push(groupId)
    }
  }
  await Promise.all(Array.from({ length: closedAtOnce }, next))
  const left = (await findDueGroups(db, now, closedMax)).filter((groupId) => !failures.has(groupId))
  const room = Math.max(0, closedMax - closed.length - failures.size)
  const late = await countDone(left.slice(0, room), (groupId) =>
    inTransaction(db, (tx) => closeGroup(tx, groupId, now)),
  )
  const done = closed.length + late
  if (failures.size > 0)
    throw new AggregateError([...failures.values()], `${failures.size} of ${done + failures.size} failed`)
  return done
}

/** Groups due at once for which one more job is worth its while. */
const groupsEach = 50
const othersMax = 10

/** A tick is one job, and one worker takes it: when much is due, further jobs let the others take their part. */
async function callOthers(db: Client, now: Date): Promise<void> {
  const due = await findDueGroups(db, now, groupsEach * (othersMax + 1))
  const others = Math.ceil(due.length / groupsEach) - 1
  const jobs = Array.from({ length: Math.max(0, others) }, (_, at) => ({
    name: 'close-due-groups' as const,
    payload: {},
    options: { key: `close-due-groups:${at}`, maxAttempts: 3 },
  }))
  await enqueueAll(db, jobs)
}

/** One that cannot be done must not keep those after it waiting: they are done first, then the tick fails. */
export async function countDone(ids: readonly number[], act: (id: number) => Promise<boolean>): Promise<number> {
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
  const voids: { paymentId: string; amount: bigint }[] = []
  for (const { payment } of seats) {
    const { paymentId, amount } = payment
    if (isTaken(payment.state)) await refundOrder(tx, payment, 'group-failed', now)
    else if (payment.state === 'promised') {
      await breakPromise(tx, payment, { state: 'awaiting_group' }, 'released', now)
    } else voids.push({ paymentId, amount })
  }
  await startMoves(tx, 'void', voids, now)
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
