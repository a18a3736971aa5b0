/** Results of a search: one card at a time, leafed through in place. */
import { isShown } from '#domain/adult.ts'
import type { FilterNames, Filters } from '#domain/search-query.ts'
import { namesOf } from '#shop/product.ts'
import { changeSearch, searchPage, startSearch as start, type FoundSearch } from '#shop/search.ts'
import { stopAsking } from '#shop/people.ts'
import { adultQuestion } from './adult-question.ts'
import { buyButtons, cardLines, firstInStock, isForThem, isThere, searcherOf } from './catalog.ts'
import { confused, homeButton } from './home.ts'
import { pagingRow } from './paging.ts'
import type { Button, Line, Param, Screen } from './screen.ts'
import { chosenText, hasFilters } from './search-chosen.ts'
import { shorten } from './text.ts'
import type { Outcome, Visit } from './visit.ts'

/** Of what somebody typed, so much is repeated to them. */
const queryMax = 60

/** Words typed, or a category chosen: the first card, to be leafed through in place. */
export async function startSearch(visit: Visit, asked: { query: string; filters?: Filters }): Promise<Outcome> {
  const { deps, visitor } = visit
  if (visitor.step === 'search') await stopAsking(deps.db, visitor.personId, visitor.sender.messenger)
  return resultsPage(visit, await start(deps.db, visitor.personId, asked, searcherOf(visit), deps.now()), 0)
}

export async function results(visit: Visit, searchId: number, page: number): Promise<Outcome> {
  const { deps, visitor } = visit
  const found = await searchPage(deps.db, visitor.personId, searchId, page, searcherOf(visit), deps.now())
  return resultsPage(visit, found, page)
}

/** Exactly what was typed, or with its repairs again. */
export async function searchVerbatim(visit: Visit, searchId: number, isVerbatim: boolean): Promise<Outcome> {
  const { deps, visitor } = visit
  return resultsPage(
    visit,
    await changeSearch(deps.db, visitor.personId, searchId, () => ({ isVerbatim }), searcherOf(visit), deps.now()),
    0,
  )
}

/** @param found undefined for a search that is not theirs, or is forgotten. */
export async function resultsPage(visit: Visit, found: FoundSearch | undefined, page: number): Promise<Outcome> {
  // Goods were sold out or withdrawn since that page was offered, or the number is forged.
  if (!found || (page > 0 && found.products.length === 0)) return { screen: confused('confused.button') }
  const { wayOn } = found
  const instead =
    wayOn?.kind === 'category' ? await namesOf(visit.deps.db, { categoryId: wayOn.categoryId }) : undefined
  const screen =
    found.products.length > 0
      ? cardScreen(visit, found, page, whyLines(visit, found, instead))
      : emptyScreen(visit, found)
  return { screen }
}

/** Why others than asked for are shown. */
function whyLines(visit: Visit, found: FoundSearch, instead: FilterNames | undefined): Line[] {
  const { query, filters, repair, wayOn } = found
  const lines: Line[] = []
  if (repair) {
    const params = { asked: shorten(repair.asked, queryMax), shown: shorten(repair.shown, queryMax) }
    lines.push({ key: 'search.repaired', params })
  }
  if (wayOn?.kind === 'relaxed') {
    lines.push({ key: 'search.relaxed', params: { dropped: shorten(wayOn.dropped, queryMax) } })
  } else if (wayOn) {
    const params = { query: shorten(query, queryMax), category: { words: instead?.category ?? {} } }
    lines.push({ key: instead?.category ? 'search.nearest-category' : 'search.nearest', params })
    if (hasFilters(filters)) lines.unshift(noneChosen(visit, found))
  }
  return lines.length > 0 ? [...lines, { gap: true }] : []
}

function cardScreen(visit: Visit, found: FoundSearch, page: number, why: Line[]): Screen {
  const [product] = found.products
  if (!product) return confused('confused.button')
  const { searchId, repair, wayOn, isVerbatim } = found
  const variant = firstInStock(product)
  const look = { do: 'look' as const, productId: product.productId, variantId: 0, photo: 0, searchId, page }
  const details: Button = { label: { key: 'button.details' }, intent: look }
  const isChoice = product.variants.length > 1
  const hasNext = found.isMore ? page + 1 <= found.total : page + 1 < found.total
  const paging = pagingRow(
    page,
    hasNext,
    (to) => ({ do: 'results', searchId, page: to }),
    ...(isChoice ? [] : [details]),
  )
  // It became one for grown-ups only now: it may still be found for some seconds.
  if (!isShown(product, visit)) {
    const question = adultQuestion({ productId: product.productId })
    const others = pagingRow(page, hasNext, (to) => ({ do: 'results', searchId, page: to }))
    return { ...question, rows: [...question.rows, others] }
  }
  const rows: Button[][] = []
  // With options to choose from, buying starts on the page where they are chosen.
  if (variant && isChoice) rows.push([{ label: { key: 'button.choose' }, intent: look }])
  else if (variant && isThere(variant) && isForThem(product, visit.city)) rows.push(buyButtons(variant))
  if (paging.length > 0) rows.push(paging)
  const as: Button[] = []
  if (repair) as.push(verbatimButton(searchId, repair.asked, true))
  if (isVerbatim) as.push(verbatimButton(searchId, found.query, false))
  rows.push(as, [{ label: { key: 'button.filters' }, intent: { do: 'filters', searchId } }, homeButton])

  const searched = wayOn?.kind === 'category' ? '' : wayOn ? wayOn.kept : (repair?.shown ?? found.query)
  // What sells instead was not narrowed by them.
  const chosen = wayOn?.kind === 'category' ? '' : chosenText(visit, found.filters, found.names, found.sort)
  const [picture] = product.pictures
  return {
    ...(picture !== undefined && { picture }),
    lines: [
      ...why,
      ...cardLines(product, variant, visit, visit.city),
      { gap: true },
      placeLine(found, page, shorten(searched, queryMax)),
      ...(chosen === '' ? [] : [{ key: 'search.chosen' as const, params: { chosen } }]),
    ],
    rows,
  }
}

function placeLine({ total, isMore }: FoundSearch, page: number, query: string): Line {
  const params: Record<string, Param> = { page: page + 1, total, query }
  if (query === '') return { key: isMore ? 'search.place-more' : 'search.place', params }
  return { key: isMore ? 'search.place-for-more' : 'search.place-for', params }
}

function verbatimButton(searchId: number, query: string, isOn: boolean): Button {
  const label = {
    key: isOn ? ('button.verbatim' as const) : ('button.with-repairs' as const),
    params: { query: shorten(query, 24) },
  }
  return { label, intent: { do: 'verbatim', searchId, isOn: isOn ? 1 : 0 } }
}

/** Nothing at all: what was looked for, and every way on that there is. */
function emptyScreen(visit: Visit, found: FoundSearch): Screen {
  const { searchId, filters, isVerbatim } = found
  const query = shorten(found.query, queryMax)
  const lines: Line[] = []
  const rows: Button[][] = []
  if (query !== '') lines.push({ key: 'search.none', params: { query } })
  const isNarrowed = hasFilters(query === '' && isWholeCategory(filters) ? {} : filters)
  if (isNarrowed) {
    lines.push(noneChosen(visit, found))
    rows.push([
      { label: { key: 'button.filters' }, intent: { do: 'filters', searchId } },
      { label: { key: 'button.reset' }, intent: { do: 'filter-reset', searchId } },
    ])
  } else {
    lines.push(query === '' ? { key: 'category.none' } : { key: 'search.none-advice' })
  }
  if (isVerbatim) rows.push([verbatimButton(searchId, found.query, false)])
  rows.push([{ label: { key: 'button.categories' }, intent: { do: 'categories' } }, homeButton])
  return { picture: 'brand/empty', lines, rows }
}

const noneChosen = (visit: Visit, { filters, names }: FoundSearch): Line => ({
  key: 'search.none-chosen',
  params: { chosen: chosenText(visit, filters, names, 'best') },
})

const isWholeCategory = (filters: Filters) => Object.keys(filters).every((name) => name === 'categoryId')
