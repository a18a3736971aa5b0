/** Looking for goods. */
import { toSearchQuery } from '#domain/search.ts'
import {
  findCategories,
  findProduct,
  findProducts,
  findSearch,
  saveSearch,
  type ProductRow,
  type VariantRow,
} from '#store/catalog.ts'
import type { Words } from '#domain/people.ts'
import type { Client } from '#store/db.ts'

export type { ProductRow, VariantRow }

export type SearchPage = { searchId: number; query: string; total: number; products: ProductRow[] }

/** Remembers what was searched, so that paging buttons carry its id, and finds the first page. */
export async function search(
  db: Client,
  personId: number,
  words: { query: string; categoryId?: number },
  now: Date,
): Promise<SearchPage> {
  // PostgreSQL stores every character but this one.
  const query = words.query.replaceAll('\0', ' ').trim().slice(0, 200)
  const [searchId, page] = await Promise.all([
    saveSearch(db, personId, query, words.categoryId ?? null, now),
    findPage(db, query, words.categoryId, 0, 1, now),
  ])
  return { searchId, query, ...page }
}

/** Another page of somebody's own search. @returns undefined for a search that is not theirs or is forgotten. */
export async function searchPage(
  db: Client,
  personId: number,
  searchId: number,
  page: number,
  now: Date,
): Promise<SearchPage | undefined> {
  const found = await findSearch(db, searchId, personId)
  if (!found) return undefined
  return {
    searchId,
    query: found.query,
    ...(await findPage(db, found.query, found.categoryId ?? undefined, page, 1, now)),
  }
}

/** For `@bot words` in any chat; no words shows what sells. */
export async function browse(
  db: Client,
  query: string,
  offset: number,
  limit: number,
  now: Date,
): Promise<{ total: number; products: ProductRow[] }> {
  return findPage(db, query, undefined, offset, limit, now)
}

async function findPage(
  db: Client,
  query: string,
  categoryId: number | undefined,
  offset: number,
  limit: number,
  now: Date,
): Promise<{ total: number; products: ProductRow[] }> {
  const tsquery = toSearchQuery(query)
  // Words were typed but none can be searched: nothing is found rather than everything shown.
  if (query !== '' && tsquery === '') return { total: 0, products: [] }
  const where = { ...(tsquery !== '' && { tsquery }), ...(categoryId !== undefined && { categoryId }), offset, limit }
  return findProducts(db, where, now)
}

export async function productById(db: Client, productId: number, now: Date): Promise<ProductRow | undefined> {
  return findProduct(db, productId, now)
}

export async function topCategories(db: Client): Promise<{ categoryId: number; title: Words; products: number }[]> {
  return findCategories(db)
}
