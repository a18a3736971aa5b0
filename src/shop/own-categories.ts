/** A shop says where its own categories are filed: for what it sells now, and for every import from then on. */
import { looksAdult } from '#domain/feed-products.ts'
import { toSearchWords } from '#domain/search.ts'
import { inTransaction, type Client } from '#store/db.ts'
import {
  findBranches,
  findCategoryPath,
  findOwnCategories,
  findOwnCategory,
  findVendorsToMove,
  moveProducts,
  saveCategoryMapping,
  tryLockImports,
  type Branch,
  type OwnCategory,
} from '#store/own-categories.ts'
import { isMember } from '#store/sellers.ts'

export type { Branch, OwnCategory }

const perPage = 6

/** @param page counts from 0, six each. @returns undefined for people of other shops. */
export async function ownCategoriesOf(
  db: Client,
  sellerId: number,
  personId: number,
  page: number,
): Promise<{ categories: OwnCategory[]; total: number } | undefined> {
  if (!(await isMember(db, sellerId, personId))) return undefined
  return findOwnCategories(db, sellerId, { offset: page * perPage, limit: perPage })
}

export type FilingView = {
  own: { ownId: number; sellerId: number; title: OwnCategory['title'] }
  /** From the root to where they are; empty at the root. */
  path: Branch[]
  branches: Branch[]
  total: number
}

/** A place in the tree of all, to file a shop's category there or below. @returns undefined for people of other shops. */
export async function filingView(
  db: Client,
  ownId: number,
  personId: number,
  { categoryId, page }: { categoryId: number; page: number },
): Promise<FilingView | undefined> {
  const own = await findOwnCategory(db, ownId, personId)
  const path = categoryId === 0 ? [] : await findCategoryPath(db, categoryId)
  if (!own || (categoryId !== 0 && path.length === 0)) return undefined
  const { branches, total } = await findBranches(db, categoryId, { offset: page * perPage, limit: perPage })
  return { own, path, branches, total }
}

export type FilingResult =
  | { ok: true; sellerId: number; moved: number }
  | { ok: false; reason: 'not-found' }
  /** An import has the shop's goods just now. */
  | { ok: false; reason: 'import-running' }

export async function fileOwn(
  db: Client,
  { ownId, categoryId, personId }: { ownId: number; categoryId: number; personId: number },
  now: Date,
): Promise<FilingResult> {
  const own = await findOwnCategory(db, ownId, personId)
  const path = await findCategoryPath(db, categoryId)
  if (!own || path.length === 0) return { ok: false, reason: 'not-found' }
  const { sellerId, feedCategory } = own
  return inTransaction(db, async (tx): Promise<FilingResult> => {
    if (!(await tryLockImports(tx, sellerId))) return { ok: false, reason: 'import-running' }
    await saveCategoryMapping(tx, sellerId, feedCategory, categoryId)
    const titles = path.flatMap(({ title }) => Object.values(title))
    const kinds = (await findVendorsToMove(tx, sellerId, feedCategory, categoryId)).map((vendor) => ({
      vendor,
      words: toSearchWords([...new Set([vendor, ...titles])].join(' \n ')),
    }))
    const isAdult = looksAdult(
      {},
      path.map(({ title }) => title),
    )
    const moved = await moveProducts(tx, { sellerId, feedCategory, categoryId, isAdult }, kinds, now)
    return { ok: true, sellerId, moved }
  })
}
