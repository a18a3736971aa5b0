/** The tree of categories, leafed through down to goods. */
import { branchesMax, categoryPage, type CategoryBranch } from '#shop/product.ts'
import { confused, homeButton } from './home.ts'
import { inPairs, pagingRow } from './paging.ts'
import type { Button, Line } from './screen.ts'
import { startSearch } from './search.ts'
import type { Outcome, Visit } from './visit.ts'

export async function categories(visit: Visit): Promise<Outcome> {
  return branches(visit, 0, 0)
}

/** Down the tree: to the categories below, or to the goods of one that has none. */
export async function category(visit: Visit, categoryId: number): Promise<Outcome> {
  const page = await categoryPage(visit.deps.db, categoryId, visit.isAdult)
  return page && page.branches.length > 0 ? branches(visit, categoryId, 0) : wholeCategory(visit, categoryId)
}

export async function wholeCategory(visit: Visit, categoryId: number): Promise<Outcome> {
  return startSearch(visit, { query: '', filters: { categoryId } })
}

/** @param categoryId 0 for the top of the tree. */
export async function branches(visit: Visit, categoryId: number, page: number): Promise<Outcome> {
  const found = await categoryPage(visit.deps.db, categoryId === 0 ? undefined : categoryId, visit.isAdult)
  if (!found) return { screen: confused('confused.button') }
  const { category: current, branches: all } = found
  // Ten buttons: eight and the menu, or six and the ways to the next six and back.
  const size = !current && all.length <= 8 ? 8 : 6
  const shown = all.slice(page * size, (page + 1) * size).map(branchButton)
  if (page > 0 && shown.length === 0) return { screen: confused('confused.button') }
  const rows: Button[][] = []
  if (current) rows.push([{ label: { key: 'button.whole-category' }, intent: { do: 'whole-category', categoryId } }])
  rows.push(...inPairs(shown))
  const up: Button = current
    ? { label: { key: 'button.back' }, intent: { do: 'branches', categoryId: current.parentId ?? 0, page: 0 } }
    : homeButton
  const toPage = (to: number) => ({ do: 'branches' as const, categoryId, page: to })
  rows.push(pagingRow(page, (page + 1) * size < all.length, toPage, up))
  const lines: Line[] = current
    ? [{ raw: { words: current.title }, style: 'bold' }, { key: 'category.choose' }]
    : [{ key: all.length > 0 ? 'category.choose' : 'category.none' }]
  return { screen: { picture: 'brand/categories', lines, rows } }
}

function branchButton({ categoryId, title, products }: CategoryBranch): Button {
  const isMore = products > branchesMax
  const params = { title: { words: title }, products: isMore ? branchesMax : products }
  const key = isMore ? 'category.button-more' : 'category.button'
  return { label: { key, params }, intent: { do: 'category', categoryId } }
}
