/** A shop's own categories and where in the tree of all they are filed. */
import type { Words } from '#domain/people.ts'
import type { Db } from './db.ts'

export type OwnCategory = {
  ownId: number
  sellerId: number
  feedCategory: string
  title: Words
  /** On sale. */
  products: number
  /** Where its goods are filed, where most of them are; undefined without any. */
  categoryId: number | null
  categoryTitle: Words | null
  /** Somebody of the shop has said so. */
  isChosen: boolean
}

/** Those whose goods nobody would find come first: filed under "Other". */
export async function findOwnCategories(
  db: Db,
  sellerId: number,
  { offset, limit }: { offset: number; limit: number },
): Promise<{ categories: OwnCategory[]; total: number }> {
  const rows = await db.$queryRaw<(OwnCategory & { total: number })[]>`
    SELECT s.id AS "ownId", s.seller_id AS "sellerId", s.feed_category AS "feedCategory", s.title,
      coalesce(goods.products, 0)::int AS products, coalesce(m.category_id, goods.category_id) AS "categoryId",
      c.title AS "categoryTitle", m.category_id IS NOT NULL AS "isChosen", (count(*) OVER ())::int AS total
    FROM seller_category s
    LEFT JOIN category_mapping m ON m.seller_id = s.seller_id AND m.feed_category = s.feed_category
    LEFT JOIN (
      SELECT feed_category, count(*) AS products, mode() WITHIN GROUP (ORDER BY category_id) AS category_id
      FROM product WHERE seller_id = ${sellerId} AND withdrawn_at IS NULL AND feed_category IS NOT NULL
      GROUP BY feed_category) goods ON goods.feed_category = s.feed_category
    LEFT JOIN category c ON c.id = coalesce(m.category_id, goods.category_id)
    WHERE s.seller_id = ${sellerId}
    ORDER BY (c.slug IS NULL OR c.slug = 'other') AND coalesce(goods.products, 0) > 0 DESC,
      coalesce(goods.products, 0) DESC, s.id
    LIMIT ${limit} OFFSET ${offset}`
  return { categories: rows, total: rows[0]?.total ?? 0 }
}

/** @returns undefined for people of other shops. */
export async function findOwnCategory(
  db: Db,
  ownId: number,
  personId: number,
): Promise<Pick<OwnCategory, 'ownId' | 'sellerId' | 'feedCategory' | 'title'> | undefined> {
  const [row] = await db.$queryRaw<Pick<OwnCategory, 'ownId' | 'sellerId' | 'feedCategory' | 'title'>[]>`
    SELECT s.id AS "ownId", s.seller_id AS "sellerId", s.feed_category AS "feedCategory", s.title
    FROM seller_category s JOIN seller_member m ON m.seller_id = s.seller_id AND m.person_id = ${personId}
    WHERE s.id = ${ownId}`
  return row
}

export type Branch = { categoryId: number; title: Words }

/** The category and all above it, the root first. */
export async function findCategoryPath(db: Db, categoryId: number): Promise<Branch[]> {
  return db.$queryRaw<Branch[]>`
    WITH RECURSIVE up AS (
      SELECT id, parent_id, title, 0 AS depth FROM category WHERE id = ${categoryId}
      UNION ALL SELECT c.id, c.parent_id, c.title, up.depth + 1 FROM up JOIN category c ON c.id = up.parent_id
      WHERE up.depth < 20)
    SELECT id AS "categoryId", title FROM up ORDER BY depth DESC`
}

/** @returns the titles on the paths of those that are known, by slug, the root first. */
export async function findPathsBySlug(db: Db, slugs: readonly string[]): Promise<Map<string, Words[]>> {
  const rows = await db.$queryRaw<{ slug: string; titles: Words[] }[]>`
    WITH RECURSIVE up AS (
      SELECT slug, parent_id, title, 0 AS depth FROM category WHERE slug = ANY(${[...slugs]}::text[])
      UNION ALL SELECT up.slug, c.parent_id, c.title, up.depth + 1 FROM up JOIN category c ON c.id = up.parent_id
      WHERE up.depth < 20)
    SELECT slug, jsonb_agg(title ORDER BY depth DESC) AS titles FROM up GROUP BY slug`
  return new Map(rows.map(({ slug, titles }) => [slug, titles]))
}

/** @param parentId 0 for the root. */
export async function findBranches(
  db: Db,
  parentId: number,
  { offset, limit }: { offset: number; limit: number },
): Promise<{ branches: Branch[]; total: number }> {
  const parent = parentId === 0 ? null : parentId
  const rows = await db.$queryRaw<(Branch & { total: number })[]>`
    SELECT id AS "categoryId", title, (count(*) OVER ())::int AS total FROM category
    WHERE parent_id IS NOT DISTINCT FROM ${parent}::int ORDER BY position, id LIMIT ${limit} OFFSET ${offset}`
  return { branches: rows.map(({ categoryId, title }) => ({ categoryId, title })), total: rows[0]?.total ?? 0 }
}

/** @returns false while an import of the shop's has its goods: it would be waited for as long as that takes. */
export async function tryLockImports(db: Db, sellerId: number): Promise<boolean> {
  const [row] = await db.$queryRaw<{ isFree: boolean }[]>`
    SELECT pg_try_advisory_xact_lock(hashtextextended('catalog-import:' || slug, 0)) AS "isFree"
    FROM seller WHERE id = ${sellerId}`
  return row?.isFree ?? false
}

export async function saveCategoryMapping(
  db: Db,
  sellerId: number,
  feedCategory: string,
  categoryId: number,
): Promise<void> {
  await db.$executeRaw`INSERT INTO category_mapping (seller_id, feed_category, category_id)
    VALUES (${sellerId}, ${feedCategory}, ${categoryId})
    ON CONFLICT (seller_id, feed_category) DO UPDATE SET category_id = excluded.category_id`
}

/** The brands, as written, of the goods that are to be moved. */
export async function findVendorsToMove(
  db: Db,
  sellerId: number,
  feedCategory: string,
  categoryId: number,
): Promise<string[]> {
  const rows = await db.$queryRaw<{ vendor: string }[]>`
    SELECT DISTINCT coalesce(vendor, '') AS vendor FROM product
    WHERE seller_id = ${sellerId} AND feed_category = ${feedCategory} AND category_id <> ${categoryId}`
  return rows.map(({ vendor }) => vendor)
}

/**
 * Files all goods of a shop's category elsewhere; triggers see to it that search hears of it.
 * @param isAdult the category is for adults: so are they. What was for adults stays so until it is imported again.
 * @param kinds the second line of `words`, brand and categories, for each brand.
 */
export async function moveProducts(
  db: Db,
  {
    sellerId,
    feedCategory,
    categoryId,
    isAdult,
  }: { sellerId: number; feedCategory: string; categoryId: number; isAdult: boolean },
  kinds: readonly { vendor: string; words: string }[],
  now: Date,
): Promise<number> {
  return db.$executeRaw`
    UPDATE product p SET category_id = ${categoryId}, updated_at = ${now}, is_adult = p.is_adult OR ${isAdult},
      words = split_part(p.words, E'\n', 1) || E'\n' || k.words || coalesce(substring(p.words FROM '^[^\n]*\n[^\n]*(\n.*)$'), '')
    FROM jsonb_to_recordset(${JSON.stringify(kinds)}::jsonb) AS k (vendor text, words text)
    WHERE p.id IN (SELECT id FROM product WHERE seller_id = ${sellerId} AND feed_category = ${feedCategory}
        AND category_id <> ${categoryId} ORDER BY id FOR UPDATE)
      AND k.vendor = coalesce(p.vendor, '')`
}
