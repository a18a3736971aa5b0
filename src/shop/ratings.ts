/** How buyers liked what they were given. */
import type { Client } from '#store/db.ts'
import { findRating, saveRating } from '#store/ratings.ts'

/**
 * A buyer rates what an order brought them; doing it again replaces it. Only a delivered order of their own lets them.
 * @param stars 1 to 5; anything else is refused, for it came in a button.
 */
export async function rate(
  db: Client,
  { orderId, personId, stars, now }: { orderId: number; personId: number; stars: number; now: Date },
): Promise<{ ok: true; productId: number } | { ok: false; reason: 'not-found' }> {
  const isKnown = Number.isInteger(stars) && stars >= 1 && stars <= 5
  const productId = isKnown ? await saveRating(db, { orderId, personId, stars }, now) : undefined
  return productId === undefined ? { ok: false, reason: 'not-found' } : { ok: true, productId }
}

/** @returns undefined when they have not rated it. */
export async function ratingOf(db: Client, personId: number, productId: number): Promise<number | undefined> {
  return findRating(db, personId, productId)
}
