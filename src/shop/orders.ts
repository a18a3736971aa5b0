/** A person's orders, theirs only; and how one ends before its parcel leaves. */
import { isTaken } from '#domain/payments.ts'
import type { Carrier } from '#gateways/carriers.ts'
import { inTransaction, type Client } from '#store/db.ts'
import { lockOrderShipment, updateShipment } from '#store/delivery.ts'
import { findGroupOfOrder, lockGroup } from '#store/group-buy.ts'
import { orderCardsChanged } from '#store/live-cards.ts'
import { notifyShop } from '#store/notifications.ts'
import { findOrders, lockOrder, type OrderView } from '#store/orders.ts'
import { findMoneyStory, lockPayments, type StoryLine } from '#store/payments.ts'
import { restock } from '#store/stock.ts'
import { askAfterParcel } from './delivery.ts'
import { releaseOrder } from './group-buy.ts'
import { breakPromise, giveHoldBack } from './purchases.ts'
import { refundOrder } from './refunds.ts'
import { isMember } from '#store/sellers.ts'

export type { OrderView, StoryLine }

export async function ordersOf(db: Client, personId: number): Promise<OrderView[]> {
  return findOrders(db, { personId, limit: 8 })
}

/** @returns undefined for an order that does not exist or is somebody else's: the two look the same from outside. */
export async function orderOf(db: Client, orderId: number, personId: number): Promise<OrderView | undefined> {
  const [order] = await findOrders(db, { id: orderId })
  return order?.personId === personId ? order : undefined
}

/** An order as its shop's people may see it. @returns undefined for people of other shops. */
export async function orderForShop(db: Client, orderId: number, personId: number): Promise<OrderView | undefined> {
  const [order] = await findOrders(db, { id: orderId })
  return order && (await isMember(db, order.sellerId, personId)) ? order : undefined
}

/** What happened to the money of an order, oldest first; its buyer's to read, and its shop's. */
export async function moneyStory(db: Client, orderId: number): Promise<StoryLine[]> {
  return findMoneyStory(db, orderId)
}

export type CancelResult =
  | { ok: true; order: OrderView }
  | { ok: false; reason: 'not-found' | 'too-late' | 'past-stop' | 'carrier-silent' }

/**
 * A buyer gives an order up: unpaid, waiting for its group, or paid and not yet with the carrier. Money on hold is
 * released, money taken goes back, and the shop is told of a parcel that must not leave.
 * @param isPaid as they saw it when they decided: an order that was paid meanwhile is not cancelled by a tap that meant
 * another. Left out, as it is.
 */
export async function cancelOrder(
  db: Client,
  { personId, orderId, isPaid, now }: { personId: number; orderId: number; isPaid?: boolean; now: Date },
  carrier: Carrier,
): Promise<CancelResult> {
  const [order] = await findOrders(db, { id: orderId })
  if (!order || order.personId !== personId) return { ok: false, reason: 'not-found' }
  // What we know of the parcel may be hours old, and money is not given back for goods that are on their way.
  if (order.state === 'packable' && !(await askAfterParcel(db, orderId, carrier, now)))
    return { ok: false, reason: 'carrier-silent' }
  const done =
    (isPaid ?? order.state !== 'awaiting_payment')
      ? await cancelPaid(db, orderId, now)
      : (await releaseOrder(db, orderId, 'given-up', now)) || 'too-late'
  if (done !== true) return { ok: false, reason: done }
  const [cancelled] = await findOrders(db, { id: orderId })
  return { ok: true, order: cancelled ?? order }
}

async function cancelPaid(db: Client, orderId: number, now: Date): Promise<true | 'too-late' | 'past-stop'> {
  const groupId = await findGroupOfOrder(db, orderId)
  return inTransaction(db, async (tx) => {
    const group = groupId === undefined ? undefined : await lockGroup(tx, groupId)
    const shipment = await lockOrderShipment(tx, orderId)
    const payment = (await lockPayments(tx, { orderId })).find(({ counts }) => counts)
    const order = await lockOrder(tx, orderId)
    if (!payment || !order || payment.groupId !== (groupId ?? null)) return 'too-late'
    const isLeaving = order.state === 'awaiting_group' && group?.state === 'open'
    // Everybody was promised that nobody leaves any more, whenever the clock comes by.
    if (isLeaving && group.deadlineAt <= now) return 'past-stop'
    // Its group had no room for money that came late: it waits for a word, and this is one.
    const isLate = order.state === 'awaiting_choice'
    const isHere = shipment !== undefined && ['requested', 'refused', 'created'].includes(shipment.state)
    if (!isLeaving && !isLate && !(order.state === 'packable' && isHere)) return 'too-late'
    if (payment.state === 'held') await giveHoldBack(tx, payment, order, 'cancelled', now)
    else if (payment.state === 'promised') await breakPromise(tx, payment, order, 'cancelled', now)
    else if (isTaken(payment.state)) await refundOrder(tx, payment, 'cancelled', now, 'cancelled')
    else return 'too-late'
    await restock(tx, orderId)
    if (shipment) {
      // Asked about once more: a parcel that left all the same is the shop's to stop.
      const nextPollAt = new Date(now.getTime() + 24 * 3_600_000)
      await updateShipment(tx, shipment.shipmentId, { state: 'cancelled', nextPollAt }, now)
      await notifyShop(tx, orderId, 'cancelled', now)
    }
    await orderCardsChanged(tx, orderId)
    return true
  })
}
