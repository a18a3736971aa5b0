/** A person's orders, theirs only. */
import type { Client } from '#store/db.ts'
import { findOrders, type OrderView } from '#store/orders.ts'
import { isMember } from '#store/sellers.ts'

export type { OrderView }

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
