/** What a person looked at last, for finding it again. */
import type { Client } from '#store/db.ts'
import { findViews, type SeenRow } from '#store/seen.ts'
import { standingNow, type Standing } from './favourites.ts'

export type SeenView = SeenRow & { standing: Standing }

/** A page of what somebody looked at, the latest first, with what each costs now. */
export async function seenBy(
  db: Client,
  personId: number,
  page: { offset: number; limit: number },
  now: Date,
): Promise<{ total: number; seen: SeenView[] }> {
  const { total, rows } = await findViews(db, personId, page)
  const seen = await Promise.all(
    rows.map(async (row) => ({ ...row, standing: await standingNow(db, row.productId, now) })),
  )
  return { total, seen }
}
