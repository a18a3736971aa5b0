/** What people keep, and the news of it: each fall of a price and each return is told once. */
import { alertPauseMs, favouritesMax, notOnSale, standingOf, type Standing } from '#domain/favourites.ts'
import { findProduct, type ProductRow } from '#store/catalog.ts'
import { inTransaction, type Client, type Transaction } from '#store/db.ts'
import {
  claimFavouriteDue,
  countFavouritesDue,
  deleteFavourite,
  deleteFavouriteDue,
  findFavourites,
  insertFavourite,
  lockKeeper,
  lockListing,
  updateTold,
  type FavouriteRow,
} from '#store/favourites.ts'
import { notifyEach, type Notice } from '#store/notifications.ts'
import { doDue } from './due.ts'

export { favouritesMax }
export type { Standing }

export type KeepResult = { ok: true } | { ok: false; reason: 'not-found' | 'too-many-favourites' }

/** Keeping what is kept already changes nothing: it is compared with what it cost then. */
export async function keep(db: Client, personId: number, productId: number, now: Date): Promise<KeepResult> {
  const product = await findProduct(db, productId, now)
  if (!product) return { ok: false, reason: 'not-found' }
  return inTransaction(db, async (tx) => {
    await lockKeeper(tx, personId)
    const wish = { personId, productId, standing: standingOfProduct(product), most: favouritesMax }
    const isKept = await insertFavourite(tx, wish, now)
    return isKept ? { ok: true as const } : { ok: false as const, reason: 'too-many-favourites' as const }
  })
}

/** @returns false when they did not keep it. */
export async function keepNoLonger(db: Client, personId: number, productId: number): Promise<boolean> {
  return deleteFavourite(db, personId, productId)
}

export type FavouriteView = FavouriteRow & { standing: Standing }

/** A page of what somebody keeps, the latest first, with what each costs now. */
export async function favouritesOf(
  db: Client,
  personId: number,
  page: { offset: number; limit: number },
  now: Date,
): Promise<{ total: number; favourites: FavouriteView[] }> {
  const { total, rows } = await findFavourites(db, personId, page)
  const favourites = await Promise.all(
    rows.map(async (row) => ({ ...row, standing: await standingNow(db, row.productId, now) })),
  )
  return { total, favourites }
}

export async function standingNow(db: Client | Transaction, productId: number, now: Date): Promise<Standing> {
  return standingOfProduct(await findProduct(db, productId, now))
}

function standingOfProduct(product: ProductRow | undefined): Standing {
  return product && !product.withdrawn ? standingOf(product.variants) : notOnSale
}

/**
 * The tick: tells those who keep a product whose listing changed. Any number of workers may run it at once, and any may be
 * killed: what somebody was told and the message that tells it are written in one transaction.
 * @returns how many products were looked at.
 */
export async function tellFavourites(db: Client, now: Date): Promise<number> {
  return doDue(db, {
    name: 'tell-favourites',
    count: (atMost) => countFavouritesDue(db, now, atMost),
    claim: (tx, besides) => claimFavouriteDue(tx, besides, now),
    act: (tx, productId) => tellOf(tx, productId, now),
  })
}

async function tellOf(tx: Transaction, productId: number, now: Date): Promise<boolean> {
  if (!(await lockListing(tx, productId))) return false
  await deleteFavouriteDue(tx, productId, now)
  const news = await updateTold(tx, productId, await standingNow(tx, productId, now), alertPauseMs, now)
  const notices = news.map(({ personId, was, currency }) => {
    const notice: Notice =
      was === null
        ? { kind: 'back-in-stock', data: { productId } }
        : { kind: 'price-drop', data: { productId, was: String(was), currency } }
    // Within the pause there is no second one, so that the moment tells one from the next.
    return { personId, key: `favourite:${productId}:${now.getTime()}:${personId}`, notice }
  })
  await notifyEach(tx, notices, now)
  return true
}
