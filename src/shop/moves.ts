/** What is known of money on its way back, for those who may see it. */
import type { Client } from '#store/db.ts'
import { findOrders, type OrderView } from '#store/orders.ts'
import { findPayment } from '#store/payments.ts'
import { findMove, findMoves, type MoveRow } from '#store/moves.ts'
import { findFirstName, findOpenRefunds, isMember, type OpenRefund } from '#store/sellers.ts'

export type { MoveRow, OpenRefund }

/** Captures, refunds and the rest of an order, oldest first. Whose order it is has been checked before. */
export async function movesOf(db: Client, orderId: number): Promise<MoveRow[]> {
  return findMoves(db, orderId)
}

/** One move with its order, for people of the shop. @returns undefined for everybody else. */
export async function moveForShop(
  db: Client,
  moveId: string,
  personId: number,
): Promise<{ move: MoveRow; order: OrderView } | undefined> {
  const move = await findMove(db, { id: moveId })
  const payment = move && (await findPayment(db, { id: move.paymentId }))
  const [order] = payment ? await findOrders(db, { id: payment.orderId }) : []
  return move && order && (await isMember(db, order.sellerId, personId)) ? { move, order } : undefined
}

/** Refunds that wait for somebody of the shop, oldest first. @returns undefined for people of other shops. */
export async function openRefunds(db: Client, sellerId: number, personId: number): Promise<OpenRefund[] | undefined> {
  return (await isMember(db, sellerId, personId)) ? findOpenRefunds(db, sellerId, 5) : undefined
}

/** All that a shop's people see of a buyer beside the label's address. Whose order it is has been checked before. */
export async function buyerName(db: Client, order: Pick<OrderView, 'personId'>): Promise<string> {
  return findFirstName(db, order.personId)
}
