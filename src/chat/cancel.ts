/** Giving an order up: at once while nothing is paid, with a second tap when there is money. */
import { cancelOrder as cancel, orderOf, type OrderView } from '#shop/orders.ts'
import { groupById } from '#shop/group-buy.ts'
import { notFound } from './home.ts'
import { sumOf } from './money.ts'
import { isCancellable, orderOutcome, orderPage } from './orders.ts'
import type { Button, Line } from './screen.ts'
import type { Outcome, Visit } from './visit.ts'

/** The button may be older than the payment: what has money is asked about. */
export async function cancelOrder(visit: Visit, orderId: number): Promise<Outcome> {
  const { deps, visitor } = visit
  const order = await orderOf(deps.db, orderId, visitor.personId)
  if (!order) return notFound()
  if (order.state === 'awaiting_payment') return cancelNow(visit, orderId, false)
  if (!isCancellable(order)) return { ...(await orderOutcome(order, visit)), toast: 'refusal.too-late', alert: true }
  const isGroup = order.state === 'awaiting_group'
  const group = isGroup && order.seat ? await groupById(deps.db, order.seat.groupId) : undefined
  if (group?.state === 'open' && group.deadlineAt <= deps.now())
    return { ...(await orderOutcome(order, visit)), toast: 'refusal.past-stop', alert: true }
  const lines: Line[] = [
    { key: isGroup ? 'cancel.sure-group' : 'cancel.sure', params: { number: order.number } },
    { gap: true },
    whatHappens(order),
  ]
  const yes: Button = {
    label: { key: isGroup ? 'button.leave-group-sure' : 'button.cancel-sure' },
    intent: { do: 'cancel-paid', orderId },
  }
  const no: Button = { label: { key: 'button.keep' }, intent: { do: 'order', orderId } }
  return { screen: { lines, rows: [[yes], [no]] } }
}

function whatHappens(order: OrderView): Line {
  const { payment } = order
  const left = (payment?.captured ?? 0n) - (payment?.refunding ?? 0n) - (payment?.refunded ?? 0n)
  if (payment?.state === 'held') return { key: 'cancel.hold', params: { sum: sumOf(order, order.total) } }
  if (payment?.state === 'promised') return { key: 'cancel.promise' }
  return { key: 'cancel.refund', params: { sum: sumOf(order, left) } }
}

/** @param isPaid what the button that was pressed said. */
export async function cancelNow(visit: Visit, orderId: number, isPaid: boolean): Promise<Outcome> {
  const { deps, visitor } = visit
  const result = await cancel(deps.db, { personId: visitor.personId, orderId, isPaid, now: deps.now() }, deps.carrier)
  if (result.ok) return { ...(await orderOutcome(result.order, visit)), toast: 'order.cancelled-toast' }
  if (result.reason === 'not-found') return notFound()
  if (result.reason === 'carrier-silent') return { toast: 'refusal.carrier-silent', alert: true }
  if (result.reason === 'past-stop')
    return { ...(await orderPage(visit, orderId)), toast: 'refusal.past-stop', alert: true }
  const page = await orderPage(visit, orderId)
  const order = await orderOf(deps.db, orderId, visitor.personId)
  // Tapped twice: it is done.
  const isDone = order?.state === 'cancelled' && order.cancelReason === 'cancelled'
  return isDone ? page : { ...page, toast: 'refusal.too-late', alert: true }
}
