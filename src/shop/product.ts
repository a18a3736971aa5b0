/** What a product's own page and the screens of categories need beside what every card shows. */
import type { Words } from '#domain/people.ts'
import type { Client } from '#store/db.ts'
import type { GroupRow } from '#store/group-buy.ts'
import { findGroupsInOrder } from '#store/open-groups.ts'
import { openPage, type PageRow, type Place, type ProductParam } from '#store/product-page.ts'
import {
  branchesMax,
  findBranches,
  findBrandName,
  findCategory,
  findProductIdOf,
  type CategoryBranch,
} from '#store/product.ts'

export { branchesMax }
export type { CategoryBranch, Place, ProductParam }

/** `groups` may be joined by strangers now: those of the reader's city first, then those nearest to completion. */
export type ProductDetails = Omit<PageRow, 'groupIds'> & { groups: GroupRow[] }

/** Of each variant; more are one tap away, by opening one's own. */
const groupsShown = 2

/**
 * What a product's page says beside the product, for this reader. Notes that they opened it, unless they did within the
 * hour. @returns nothing of anything for an id that does not exist.
 */
export async function openProduct(
  db: Client,
  reader: { personId: number; cityCode: number | undefined },
  productId: number,
  now: Date,
): Promise<ProductDetails> {
  const opened = { personId: reader.personId, productId, cityCode: reader.cityCode ?? null, groups: groupsShown, now }
  const { groupIds, ...page } = await openPage(db, opened)
  return { ...page, groups: await findGroupsInOrder(db, groupIds) }
}

/** @returns undefined for an id that does not exist. */
export async function productIdOf(db: Client, variantId: number): Promise<number | undefined> {
  return findProductIdOf(db, variantId)
}

export type CategoryPage = {
  /** Missing at the top of the tree. */
  category?: { categoryId: number; title: Words; parentId: number | null }
  branches: CategoryBranch[]
}

/**
 * A category with those right below it that have something on sale.
 * @param categoryId left out for the top of the tree.
 * @returns undefined for an id that does not exist.
 */
export async function categoryPage(
  db: Client,
  categoryId: number | undefined,
  isAdult: boolean,
): Promise<CategoryPage | undefined> {
  if (categoryId === undefined) return { branches: await findBranches(db, null, isAdult) }
  const [category, branches] = await Promise.all([findCategory(db, categoryId), findBranches(db, categoryId, isAdult)])
  return category && { category: { categoryId, ...category }, branches }
}

/** What was chosen beside the words, to be named. */
export async function namesOf(
  db: Client,
  { categoryId, brandId }: { categoryId?: number; brandId?: number },
): Promise<{ category?: Words; brand?: string }> {
  const [category, brand] = await Promise.all([
    categoryId === undefined ? undefined : findCategory(db, categoryId),
    brandId === undefined ? undefined : findBrandName(db, brandId),
  ])
  return { ...(category && { category: category.title }), ...(brand !== undefined && { brand }) }
}
