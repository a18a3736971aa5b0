/** Goods as they are now; looking for them is in search.ts. */
import { findProduct, type ProductRow, type VariantRow } from '#store/catalog.ts'
import type { Client } from '#store/db.ts'

export type { ProductRow, VariantRow }

export async function productById(db: Client, productId: number, now: Date): Promise<ProductRow | undefined> {
  return findProduct(db, productId, now)
}
