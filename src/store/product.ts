/** The tree of categories, brands, and where goods may go. */
import type { Words } from '#domain/people.ts'
import { together, type Db } from './db.ts'
import { Prisma } from './prisma/client.ts'

export type CategoryBranch = {
  categoryId: number
  title: Words
  position: number
  /** Products of it and of all below it; more than `branchesMax` are counted as so many and one. */
  products: number
  hasBranches: boolean
}

/** Counting more would cost more than knowing it is worth. */
export const branchesMax = 2000

/**
 * The categories right below another that have something on sale.
 * @param parentId null for the top of the tree.
 * @param isAdult the reader may see goods for grown-ups.
 */
export async function findBranches(db: Db, parentId: number | null, isAdult: boolean): Promise<CategoryBranch[]> {
  return db.$queryRaw<CategoryBranch[]>`
    SELECT c.id AS "categoryId", c.title, c.position, held.products,
      EXISTS (SELECT 1 FROM category b WHERE b.parent_id = c.id) AS "hasBranches"
    FROM category c, LATERAL (
      SELECT count(*)::int AS products FROM (
        SELECT 1 FROM listing l WHERE l.category_ids @> ARRAY[c.id] AND (${isAdult} OR NOT l.is_adult)
        LIMIT ${branchesMax + 1}) few) held
    WHERE c.parent_id IS NOT DISTINCT FROM ${parentId}::int AND held.products > 0
    ORDER BY c.position, c.id`
}

/** @returns undefined for an id that does not exist. */
export async function findCategory(
  db: Db,
  categoryId: number,
): Promise<{ title: Words; parentId: number | null } | undefined> {
  const { title, parentId } = await categories(db, categoryId)
  return title === null ? undefined : { title, parentId }
}

const categories = together(async (db, ids: number[]) =>
  db.$queryRaw<{ title: Words | null; parentId: number | null }[]>(Prisma.sql`
    SELECT c.title, c.parent_id AS "parentId"
    FROM unnest((SELECT ${ids}::int[])) WITH ORDINALITY one (id, place) LEFT JOIN category c ON c.id = one.id
    ORDER BY one.place`),
)

/** @returns undefined for an id that does not exist. */
export async function findBrandName(db: Db, brandId: number): Promise<string | undefined> {
  const [row] = await db.$queryRaw<{ name: string }[]>`SELECT name FROM brand WHERE id = ${brandId}`
  return row?.name
}

/** @returns undefined for an id that does not exist. */
export async function findProductIdOf(db: Db, variantId: number): Promise<number | undefined> {
  const [row] = await db.$queryRaw<{ productId: number }[]>`
    SELECT product_id AS "productId" FROM variant WHERE id = ${variantId}`
  return row?.productId
}

/** Where a product may go, as it is now. @returns none: everywhere. */
export async function findCitiesSoldTo(db: Db, productId: number): Promise<number[]> {
  const [row] = await db.$queryRaw<{ cities: number[] }[]>`SELECT cities FROM product WHERE id = ${productId}`
  return row?.cities ?? []
}
