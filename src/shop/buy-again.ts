/** What somebody bought, once more; or the nearest to it that is sold. */
import { findProduct } from '#store/catalog.ts'
import type { Client } from '#store/db.ts'
import { findOrders } from '#store/orders.ts'
import { findBestOfCategory } from '#store/seen.ts'

/** `instead`: it is sold no more, and this is shown for it: another variant of it, or the best of its category. */
export type Again =
  | { ok: true; productId: number; variantId: number; instead?: 'variant' | 'category' }
  /** `withdrawn`: nor is anything like it. */
  | { ok: false; reason: 'not-found' | 'withdrawn' }

/** @param isAdult they may be shown goods for grown-ups instead. */
export async function againOf(
  db: Client,
  { orderId, personId, isAdult, now }: { orderId: number; personId: number; isAdult: boolean; now: Date },
): Promise<Again> {
  const [order] = await findOrders(db, { id: orderId })
  if (!order || order.personId !== personId) return { ok: false, reason: 'not-found' }
  const { productId, variantId } = order
  const product = await findProduct(db, productId, now)
  const variants = product && !product.withdrawn ? product.variants : []
  if (variants.some((variant) => variant.variantId === variantId)) return { ok: true, productId, variantId }
  const other = variants.find(({ free, aside }) => free + aside > 0) ?? variants[0]
  if (other) return { ok: true, productId, variantId: other.variantId, instead: 'variant' }
  const best = await findBestOfCategory(db, productId, isAdult)
  return best === undefined
    ? { ok: false, reason: 'withdrawn' }
    : { ok: true, productId: best, variantId: 0, instead: 'category' }
}
