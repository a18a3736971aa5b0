/** What people keep, what they were last told of it, and which of it may have news. */
import type { Standing } from '#domain/favourites.ts'
import type { Words } from '#domain/people.ts'
import type { Db } from './db.ts'

/** One decision at a time about how much a person keeps. Held until the transaction ends. */
export async function lockKeeper(db: Db, personId: number): Promise<void> {
  await db.$executeRaw`SELECT pg_advisory_xact_lock(3, ${personId}::int)`
}

/**
 * Keeps a product, as it stands, unless that would be more than `most`. What they keep already stays as it is. It is due at
 * once: an import may be changing the product at this moment and could not see that somebody keeps it.
 * @returns false when it would be one too many. Call under `lockKeeper`.
 */
export async function insertFavourite(
  db: Db,
  { personId, productId, standing, most }: { personId: number; productId: number; standing: Standing; most: number },
  now: Date,
): Promise<boolean> {
  const [price, currency] = [standing.price, standing.price === null ? null : standing.currency]
  const [row] = await db.$queryRaw<{ isKept: boolean }[]>`
    WITH kept AS (
      INSERT INTO favourite (person_id, product_id, created_at, told_price, currency, told_in_stock, kept_price,
        kept_currency)
      SELECT ${personId}, ${productId}, ${now}, ${price}::bigint, ${currency}::text, ${price !== null}, ${price}::bigint,
        ${currency}::text
      WHERE (SELECT count(*) FROM favourite WHERE person_id = ${personId}) < ${most}
      ON CONFLICT DO NOTHING RETURNING product_id),
    due AS (INSERT INTO favourite_due (product_id, due_at) SELECT product_id, ${now} FROM kept)
    SELECT EXISTS (SELECT 1 FROM kept)
      OR EXISTS (SELECT 1 FROM favourite WHERE person_id = ${personId} AND product_id = ${productId}) AS "isKept"`
  return row?.isKept ?? false
}

export async function deleteFavourite(db: Db, personId: number, productId: number): Promise<boolean> {
  const rows = await db.$executeRaw`
    DELETE FROM favourite WHERE person_id = ${personId} AND product_id = ${productId}`
  return rows === 1
}

export type FavouriteRow = {
  productId: number
  title: Words
  isAdult: boolean
  /** What it cost when they began to keep it. */
  keptPrice: bigint | null
  keptCurrency: string | null
}

/** The latest first. */
export async function findFavourites(
  db: Db,
  personId: number,
  { offset, limit }: { offset: number; limit: number },
): Promise<{ total: number; rows: FavouriteRow[] }> {
  const rows = await db.$queryRaw<(FavouriteRow & { total: number })[]>`
    SELECT f.product_id AS "productId", p.title, p.is_adult AS "isAdult", f.kept_price AS "keptPrice", f.kept_currency AS "keptCurrency",
      count(*) OVER ()::int AS total
    FROM favourite f JOIN product p ON p.id = f.product_id
    WHERE f.person_id = ${personId} ORDER BY f.created_at DESC, f.product_id DESC OFFSET ${offset} LIMIT ${limit}`
  return { total: rows[0]?.total ?? 0, rows }
}

/** How many products have favourites to be looked at, counted no further than `atMost`. */
export async function countFavouritesDue(db: Db, now: Date, atMost: number): Promise<number> {
  const [row] = await db.$queryRaw<{ due: number }[]>`
    SELECT count(*)::int AS due FROM (
      SELECT DISTINCT product_id FROM favourite_due WHERE due_at <= ${now} LIMIT ${atMost}) counted`
  return row?.due ?? 0
}

/** Takes the next product with favourites to be looked at: other workers take others. */
export async function claimFavouriteDue(db: Db, besides: readonly number[], now: Date): Promise<number | undefined> {
  const [row] = await db.$queryRaw<{ productId: number }[]>`
    SELECT product_id AS "productId" FROM favourite_due
    WHERE due_at <= ${now} AND product_id <> ALL((SELECT ${[...besides]}::int[])::int[])
    ORDER BY due_at, id LIMIT 1 FOR UPDATE SKIP LOCKED`
  return row?.productId
}

/**
 * Makes sure that nobody is changing a product's listing before its favourites are looked at: who changes it may not have
 * seen the newest of them. Waiting could take as long as an import, so it is left for the next time.
 * @returns false when somebody is.
 */
export async function lockListing(db: Db, productId: number): Promise<boolean> {
  const [row] = await db.$queryRaw<{ isFree: boolean }[]>`
    WITH free AS (SELECT product_id FROM listing WHERE product_id = ${productId} FOR SHARE SKIP LOCKED)
    SELECT EXISTS (SELECT 1 FROM free) OR NOT EXISTS (SELECT 1 FROM listing WHERE product_id = ${productId}) AS "isFree"`
  return row?.isFree ?? false
}

/** Before the product is read: what changes after this makes it due again. */
export async function deleteFavouriteDue(db: Db, productId: number, now: Date): Promise<void> {
  await db.$executeRaw`
    DELETE FROM favourite_due WHERE id IN (
      SELECT id FROM favourite_due WHERE product_id = ${productId} AND due_at <= ${now} FOR UPDATE SKIP LOCKED)`
}

/** `was`: what they were told that it costs, in minor units; missing when they saw it sold out. */
export type FavouriteNews = { personId: number; was: bigint | null; currency: string }

/**
 * Brings everybody who keeps a product up to how it stands, silently where that is no good news, and marks those who are
 * to be told. Who was told less than `pauseMs` ago keeps what they were told, and the product is due when that is over.
 * @returns whom to tell; the caller owes the messages in the same transaction.
 */
export async function updateTold(
  db: Db,
  productId: number,
  { price, currency }: Standing,
  pauseMs: number,
  now: Date,
): Promise<FavouriteNews[]> {
  const pausedSince = new Date(now.getTime() - pauseMs)
  // One lock after another in one order, and what is decided is decided of the rows as they are then.
  await db.$queryRaw`SELECT 1 FROM favourite WHERE product_id = ${productId} ORDER BY person_id FOR NO KEY UPDATE`
  if (price === null) {
    await db.$executeRaw`
      UPDATE favourite SET told_price = NULL, currency = NULL, told_in_stock = false
      WHERE product_id = ${productId} AND told_in_stock`
    return []
  }
  const rows = await db.$queryRaw<(FavouriteNews & { isTold: boolean })[]>`
    WITH kept AS (
      SELECT person_id, told_price, f.currency, told_at, NOT told_in_stock AS is_back,
        NOT told_in_stock OR coalesce(f.currency = ${currency} AND told_price > ${price}, false) AS is_good,
        coalesce(told_at <= ${pausedSince}, true) AS is_ready
      FROM favourite f
      WHERE product_id = ${productId}
        AND (NOT told_in_stock OR (told_price, f.currency) IS DISTINCT FROM (${price}::bigint, ${currency}::char(3)))),
    told AS (
      UPDATE favourite f SET told_price = ${price}, currency = ${currency}, told_in_stock = true,
        told_at = CASE WHEN kept.is_good THEN ${now} ELSE f.told_at END
      FROM kept
      WHERE f.product_id = ${productId} AND f.person_id = kept.person_id AND (kept.is_ready OR NOT kept.is_good)),
    later AS (
      INSERT INTO favourite_due (product_id, due_at)
      SELECT ${productId}, min(told_at) + ${pauseMs} * interval '1 millisecond' FROM kept
      WHERE is_good AND NOT is_ready HAVING count(*) > 0)
    SELECT person_id AS "personId", CASE WHEN is_back THEN NULL ELSE told_price END AS was, currency,
      is_good AND is_ready AS "isTold"
    FROM kept ORDER BY person_id`
  return rows.filter(({ isTold }) => isTold).map(({ personId, was }) => ({ personId, was, currency }))
}
