/**
 * What search reads of products on sale, made anew from what it is made of. Triggers note which are due, in the transaction
 * of whatever changes them; so a listing is some seconds behind and never wrong for good, as long as those who make one anew
 * do it one after the other and each reads after it was let in: that is what `lockShares` and `claimShare` are for.
 */
import type { Client, Db, Transaction } from './db.ts'

/** Products are shared out by the last four bits of their numbers, as is the index of what is due. */
const shares = 16
/** Advisory locks of two numbers: this one, and the share. */
const lockOfShares = 20_261_123
const lockOfVocabulary = 20_261_124

/** A few votes of this many stars are counted for everybody: one vote of five must not beat a hundred of them. */
const [usualStars, usualVotes] = [4, 3]

export type Refreshed = {
  /** Listings added or changed. */
  written: number
  /** Products that left the search. */
  gone: number
}

/**
 * Makes the listings of these products anew, in the caller's transaction: call it once in one, and keep that short. Writes
 * only what differs, and the words of new ones into the vocabulary. Nobody needs to call this after a change: triggers say
 * what is due, and `refreshDueListings` of shop/listings does it.
 */
export async function refreshListings(tx: Transaction, productIds: readonly number[], now: Date): Promise<Refreshed> {
  if (productIds.length === 0) return { written: 0, gone: 0 }
  const wanted = [...new Set(productIds.map((id) => id & (shares - 1)))].toSorted((a, b) => a - b)
  for (const share of wanted) await tx.$executeRaw`SELECT pg_advisory_xact_lock(${lockOfShares}::int, ${share}::int)`
  return writeListings(tx, productIds, now)
}

/** @returns the shares in which something is due; usually none. */
export async function findDueShares(db: Db, now: Date): Promise<number[]> {
  const rows = await db.$queryRaw<{ share: number }[]>`
    SELECT share FROM generate_series(0, ${shares - 1}::int) share
    WHERE EXISTS (SELECT 1 FROM listing_due WHERE (product_id & 15) = share AND due_at <= ${now})`
  return rows.map(({ share }) => share)
}

/**
 * The next of a share that are due, unless another worker is at it. What becomes due from here on is a row of its own, that
 * is there after this.
 * @returns undefined when nothing is left, or when somebody else does it.
 */
export async function refreshShare(
  tx: Transaction,
  share: number,
  most: number,
  now: Date,
): Promise<Refreshed | undefined> {
  const [lock] = await tx.$queryRaw<{ isOurs: boolean }[]>`
    SELECT pg_try_advisory_xact_lock(${lockOfShares}::int, ${share}::int) AS "isOurs"`
  if (!lock?.isOurs) return undefined
  const due = await tx.$queryRaw<{ productId: number }[]>`
    WITH due AS MATERIALIZED (
      SELECT product_id FROM listing_due WHERE (product_id & 15) = ${share} AND due_at <= ${now} ORDER BY due_at LIMIT ${most}),
    taken AS (
      DELETE FROM listing_due WHERE product_id IN (SELECT product_id FROM due) AND due_at <= ${now} RETURNING product_id)
    SELECT DISTINCT product_id AS "productId" FROM taken`
  if (due.length === 0) return undefined
  return writeListings(
    tx,
    due.map(({ productId }) => productId),
    now,
  )
}

/** The share's lock is held, and this statement begins after it was given: it sees whatever its last holder saw, and more. */
async function writeListings(tx: Transaction, productIds: readonly number[], now: Date): Promise<Refreshed> {
  // By the keys of each product and not by joins: the planner does not know how many are asked for.
  const rows = await tx.$queryRaw<{ productId: number; isNew: boolean; hasNewWords: boolean; isGone: boolean }[]>`
    WITH RECURSIVE asked AS MATERIALIZED (
      SELECT p.id, p.category_id FROM (SELECT DISTINCT id FROM unnest((SELECT ${[...productIds]}::int[])) id) those
      CROSS JOIN LATERAL (SELECT * FROM product WHERE product.id = those.id LIMIT 1) p),
    up AS (
      SELECT c.id AS leaf, c.id, c.parent_id, 0 AS depth FROM category c
      WHERE c.id IN (SELECT category_id FROM asked)
      UNION ALL SELECT up.leaf, c.id, c.parent_id, up.depth + 1 FROM up JOIN category c ON c.id = up.parent_id
      WHERE up.depth < 20),
    line AS MATERIALIZED (SELECT leaf, array_agg(id ORDER BY depth) AS ids FROM up GROUP BY leaf),
    placed AS MATERIALIZED (SELECT asked.id, line.ids FROM asked JOIN line ON line.leaf = asked.category_id),
    wanted AS MATERIALIZED (
      SELECT p.id, p.seller_id, p.brand_id, p.popularity, alone.price, alone.currency, alone.in_stock, p.is_adult, p.cities,
        p.added_at, p.words, p.details,
        hashtextextended(p.words || E'\n\n' || p.details, 0) AS words_hash,
        placed.ids AS category_ids,
        coalesce((
          SELECT ((${usualStars * usualVotes}::int + sum(r.stars))::real / (${usualVotes}::int + count(*)))::real
          FROM rating r WHERE r.product_id = p.id HAVING count(*) > 0), 0)::real AS stars,
        (SELECT min(terms.price) FROM variant v CROSS JOIN LATERAL (
            SELECT cp.price, cp.aside_left FROM campaign_price cp JOIN campaign c ON c.id = cp.campaign_id
            WHERE cp.variant_id = v.id AND c.starts_at <= ${now} AND (c.ends_at IS NULL OR c.ends_at > ${now})
            ORDER BY c.id DESC LIMIT 1) terms
          WHERE v.product_id = p.id AND v.withdrawn_at IS NULL AND v.currency = alone.currency
            AND (terms.aside_left > 0 OR EXISTS (
              SELECT 1 FROM stock_level s WHERE s.variant_id = v.id AND s.on_hand > s.reserved + s.set_aside))) AS together_price,
        coalesce((
          SELECT jsonb_agg(DISTINCT jsonb_build_object('city', l.city_code, 'kind', l.kind))
          FROM variant v JOIN stock_level s ON s.variant_id = v.id JOIN location l ON l.id = s.location_id
          WHERE v.product_id = p.id AND v.withdrawn_at IS NULL AND s.on_hand > s.reserved + s.set_aside), '[]'::jsonb) AS places
      FROM placed JOIN product p ON p.id = placed.id
        CROSS JOIN LATERAL (
          SELECT v.price, v.currency, EXISTS (SELECT 1 FROM stock_level s
              WHERE s.variant_id = v.id AND s.on_hand > s.reserved + s.set_aside) AS in_stock
          FROM variant v WHERE v.product_id = p.id AND v.withdrawn_at IS NULL
          ORDER BY in_stock DESC, v.price, v.id LIMIT 1) alone
      WHERE p.withdrawn_at IS NULL),
    differing AS MATERIALIZED (
      SELECT w.*, l.product_id IS NULL AS is_new, l.words_hash IS DISTINCT FROM w.words_hash AS has_new_words,
        CASE WHEN l.words_hash = w.words_hash THEN l.search ELSE listing_search(w.words, w.details) END AS search
      FROM wanted w LEFT JOIN listing l ON l.product_id = w.id
      WHERE l.product_id IS NULL OR (l.seller_id, l.category_ids, l.brand_id, l.popularity, l.stars, l.price, l.currency,
          l.together_price, l.in_stock, l.places, l.is_adult, l.cities, l.added_at, l.words_hash)
        IS DISTINCT FROM (w.seller_id, w.category_ids, w.brand_id, w.popularity, w.stars, w.price, w.currency,
          w.together_price, w.in_stock, w.places, w.is_adult, w.cities, w.added_at, w.words_hash)),
    gone AS (
      DELETE FROM listing WHERE product_id IN (SELECT id FROM asked) AND product_id NOT IN (SELECT id FROM wanted)
      RETURNING product_id),
    written AS (
      INSERT INTO listing (product_id, seller_id, category_ids, brand_id, search, popularity, stars, price, currency,
        together_price, in_stock, places, is_adult, cities, added_at, words_hash)
      SELECT id, seller_id, category_ids, brand_id, search, popularity, stars, price, currency, together_price, in_stock,
        places, is_adult, cities, added_at, words_hash FROM differing ORDER BY id
      ON CONFLICT (product_id) DO UPDATE SET seller_id = excluded.seller_id, category_ids = excluded.category_ids,
        brand_id = excluded.brand_id, search = excluded.search, popularity = excluded.popularity, stars = excluded.stars,
        price = excluded.price, currency = excluded.currency, together_price = excluded.together_price,
        in_stock = excluded.in_stock, places = excluded.places, is_adult = excluded.is_adult, cities = excluded.cities,
        added_at = excluded.added_at, words_hash = excluded.words_hash)
    SELECT id AS "productId", is_new AS "isNew", has_new_words AS "hasNewWords", false AS "isGone" FROM differing
    UNION ALL SELECT product_id, false, false, true FROM gone`
  const numbers = (those: typeof rows) => those.map(({ productId }) => productId)
  await addWords(
    tx,
    numbers(rows.filter(({ isNew }) => isNew)),
    numbers(rows.filter(({ isNew, hasNewWords }) => !isNew && hasNewWords)),
  )
  const gone = rows.filter(({ isGone }) => isGone).length
  return { written: rows.length - gone, gone }
}

/**
 * Words of new products are counted; of changed ones only those that nobody had yet are, until the night counts all. What
 * nobody mistypes is left out: numbers of more than four digits, Chinese, which has no letters to mix up.
 */
async function addWords(tx: Transaction, added: number[], changed: number[]): Promise<void> {
  if (added.length + changed.length === 0) return
  // Many write the same words: one after the other, and last in their transactions.
  await tx.$executeRaw`SELECT pg_advisory_xact_lock(${lockOfVocabulary}::int, 0)`
  // Not an upsert: what is computed of a word would be for each, though most are there. Nor is a word looked at before it
  // is counted, or it would be once for every product that has it.
  await tx.$executeRaw`
    WITH every AS MATERIALIZED (
      SELECT w.word, count(*)::int AS uses, bool_or(is_new) AS is_counted
      FROM (
        SELECT id, true AS is_new FROM unnest((SELECT ${added}::int[])) id
        UNION ALL SELECT id, false FROM unnest((SELECT ${changed}::int[])) id) one
      JOIN product p ON p.id = one.id
      CROSS JOIN LATERAL (SELECT DISTINCT word FROM string_to_table(replace(p.words, E'\n', ' '), ' ') word) w
      GROUP BY w.word),
    counted AS MATERIALIZED (SELECT word, uses, is_counted FROM every WHERE vocabulary_has(word)),
    known AS (
      UPDATE vocabulary v SET uses = v.uses + counted.uses FROM counted WHERE v.word = counted.word AND is_counted)
    INSERT INTO vocabulary (word, uses) SELECT word, uses FROM counted
    WHERE NOT EXISTS (SELECT 1 FROM vocabulary v WHERE v.word = counted.word)`
}

/** Counts the words of everything on sale: what left the catalogue leaves the vocabulary. Takes seconds for each 100,000. */
export async function recountVocabulary(tx: Transaction): Promise<void> {
  await tx.$executeRaw`SELECT pg_advisory_xact_lock(${lockOfVocabulary}::int, 0)`
  await tx.$executeRaw`
    WITH every AS MATERIALIZED (
      SELECT w.word, count(*)::int AS uses
      FROM listing l JOIN product p ON p.id = l.product_id
      CROSS JOIN LATERAL (SELECT DISTINCT word FROM string_to_table(replace(p.words, E'\n', ' '), ' ') word) w
      GROUP BY w.word),
    counted AS MATERIALIZED (SELECT word, uses FROM every WHERE vocabulary_has(word)),
    gone AS (DELETE FROM vocabulary v WHERE NOT EXISTS (SELECT 1 FROM counted WHERE counted.word = v.word)),
    known AS (
      UPDATE vocabulary v SET uses = counted.uses FROM counted WHERE v.word = counted.word AND v.uses <> counted.uses)
    INSERT INTO vocabulary (word, uses) SELECT word, uses FROM counted
    WHERE NOT EXISTS (SELECT 1 FROM vocabulary v WHERE v.word = counted.word)`
}

/** After very many were written: searches should not wade through what the index has not sorted in, nor plan for an empty table. */
export async function settleListings(db: Client): Promise<void> {
  await db.$executeRaw`SELECT gin_clean_pending_list('listing_words_of_class'), gin_clean_pending_list('listing_category_ids_idx')`
  await db.$executeRaw`ANALYZE listing`
  await db.$executeRaw`ANALYZE vocabulary`
}
