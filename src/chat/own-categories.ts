/** Where a shop's own categories stand in the tree that all shops share. */
import { fileOwn, filingView, ownCategoriesOf } from '#shop/own-categories.ts'
import { confused, homeButton, notFound } from './home.ts'
import { catalogueButton } from './import-page.ts'
import { pagingRow } from './paging.ts'
import type { Button, Line } from './screen.ts'
import { shorten } from './text.ts'
import { wordsIn } from '#domain/people.ts'
import type { Outcome, Visit } from './visit.ts'

const perPage = 6

export async function ownCategories(
  { deps, visitor, reader }: Visit,
  sellerId: number,
  page: number,
): Promise<Outcome> {
  const found = await ownCategoriesOf(deps.db, sellerId, visitor.personId, page)
  if (!found) return notFound()
  const { categories, total } = found
  if (page > 0 && categories.length === 0) return { screen: confused('confused.button') }
  const title = (words: Record<string, string>, length: number) => shorten(wordsIn(words, reader.language), length)
  const lines: Line[] = [{ key: 'own.what' }, { gap: true }]
  if (total === 0) lines.push({ key: 'own.none' })
  for (const own of categories) {
    const params = { own: title(own.title, 120), count: own.products }
    lines.push(
      own.categoryTitle === null
        ? { key: 'own.empty', params }
        : {
            key: own.isChosen ? 'own.chosen' : 'own.filed',
            params: { ...params, category: title(own.categoryTitle, 80) },
          },
    )
  }
  const rows = categories.map(({ ownId, title: words }): Button[] => [
    {
      label: { raw: shorten(wordsIn(words, reader.language), 40) },
      intent: { do: 'own-category', ownId, categoryId: 0, page: 0 },
    },
  ])
  const paging = pagingRow(page, (page + 1) * perPage < total, (to) => ({ do: 'own-categories', sellerId, page: to }))
  if (paging.length > 0) rows.push(paging)
  return { screen: { lines, rows: [...rows, [catalogueButton(sellerId), homeButton]] } }
}

export async function ownCategoryPage(
  { deps, visitor, reader }: Visit,
  { ownId, categoryId, page }: { ownId: number; categoryId: number; page: number },
): Promise<Outcome> {
  const view = await filingView(deps.db, ownId, visitor.personId, { categoryId, page })
  if (!view) return notFound()
  const { own, path, branches, total } = view
  const here = path.map(({ title }) => wordsIn(title, reader.language)).join(' › ')
  const params = { own: shorten(wordsIn(own.title, reader.language), 200), here: shorten(here, 300) }
  const rows = branches.map((branch): Button[] => [
    {
      label: { raw: { words: branch.title } },
      intent: { do: 'own-category', ownId, categoryId: branch.categoryId, page: 0 },
    },
  ])
  const paging = pagingRow(page, (page + 1) * perPage < total, (to) => ({
    do: 'own-category',
    ownId,
    categoryId,
    page: to,
  }))
  if (paging.length > 0) rows.push(paging)
  if (categoryId !== 0) {
    rows.unshift([{ label: { key: 'button.own-here' }, intent: { do: 'own-category-is', ownId, categoryId } }])
  }
  const above = path.at(-2)?.categoryId ?? 0
  const back: Button =
    categoryId === 0
      ? { label: { key: 'button.back' }, intent: { do: 'own-categories', sellerId: own.sellerId, page: 0 } }
      : { label: { key: 'button.back' }, intent: { do: 'own-category', ownId, categoryId: above, page: 0 } }
  const key = categoryId === 0 ? 'own.where' : branches.length === 0 ? 'own.here' : 'own.here-or-below'
  return { screen: { lines: [{ key, params }], rows: [...rows, [back]] } }
}

export async function fileOwnCategory(
  visit: Visit,
  { ownId, categoryId }: { ownId: number; categoryId: number },
): Promise<Outcome> {
  const { deps, visitor } = visit
  const result = await fileOwn(deps.db, { ownId, categoryId, personId: visitor.personId }, deps.now())
  if (result.ok) return { ...(await ownCategories(visit, result.sellerId, 0)), toast: 'own.done' }
  if (result.reason === 'not-found') return notFound()
  return { toast: 'own.import-running', alert: true }
}
