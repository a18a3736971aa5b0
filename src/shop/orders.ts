/** A person's orders, theirs only. */
import type { Client } from '#store/db.ts'
import { findOrders, type OrderView } from '#store/orders.ts'

export type { OrderView }

export async function ordersOf(db: Client, personId: number): Promise<OrderView[]> {
  return findOrders(db, { personId, limit: 8 })
}

/** @returns undefined for an order that does not exist or is somebody else's: the two look the same from outside. */
export async function orderOf(db: Client, orderId: number, personId: number): Promise<OrderView | undefined> {
  const [order] = await findOrders(db, { id: orderId })
  return order?.personId === personId ? order : undefined
}
