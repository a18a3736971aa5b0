/** Goods that were bought, of one order or of all of a group: a thousand are as many statements as two. */
import type { Transaction } from '#store/db.ts'
import { setSeatStates } from '#store/group-buy.ts'
import { notifyEach } from '#store/notifications.ts'
import { setOrderStates } from '#store/orders.ts'
import type { PaymentRow } from '#store/payments.ts'
import { sellStock } from '#store/stock.ts'
import { requestShipments } from './delivery.ts'

type Bought = { orderId: number; seatId: number | null; personId: number }

/** The money is ours, or will be at the door: the goods are the buyer's. */
export async function orderPaid(
  tx: Transaction,
  { orderId, seatId }: Pick<PaymentRow, 'orderId' | 'seatId'>,
  personId: number,
  now: Date,
): Promise<void> {
  const bought = [{ orderId, seatId, personId }]
  await goodsBought(tx, bought, now)
  await tellPaid(tx, bought, now)
}

/** Products and stock last, in key order: everybody who buys the same waits for those rows. */
export async function goodsBought(tx: Transaction, bought: readonly Bought[], now: Date): Promise<void> {
  if (bought.length === 0) return
  const orderIds = bought.map(({ orderId }) => orderId)
  await setOrderStates(tx, orderIds, 'packable')
  const seatIds = bought.flatMap(({ seatId }) => (seatId === null ? [] : [seatId]))
  if (seatIds.length > 0) await setSeatStates(tx, seatIds, 'confirmed')
  await requestShipments(tx, orderIds, now)
  await sellStock(tx, orderIds)
}

export async function tellPaid(tx: Transaction, bought: readonly Bought[], now: Date): Promise<void> {
  const notices = bought.map(({ orderId, personId }) => ({
    personId,
    key: `order:${orderId}:paid`,
    notice: { kind: 'order-paid', data: { orderId } } as const,
  }))
  await notifyEach(tx, notices, now)
}
