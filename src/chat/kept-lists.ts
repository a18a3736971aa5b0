/** What a person keeps and what they looked at last: two lists of the same kind, with what each costs now. */
import { isShown } from '#domain/adult.ts'
import { wordsIn } from '#domain/people.ts'
import { favouritesMax, favouritesOf, keepNoLonger, type FavouriteView, type Standing } from '#shop/favourites.ts'
import { seenBy } from '#shop/seen.ts'
import { homeButton } from './home.ts'
import { pagingRow } from './paging.ts'
import type { Button, Line, Param, Screen } from './screen.ts'
import { say, shorten } from './text.ts'
import type { Outcome, Visit } from './visit.ts'

/** Five open five pages, beside the buttons under them. */
const perPage = 5

export const favouritesButton: Button = { label: { key: 'button.favourites' }, intent: { do: 'favourites', page: 0 } }
export const seenButton: Button = { label: { key: 'button.seen' }, intent: { do: 'seen', page: 0 } }

export async function favouritesPage(visit: Visit, page: number): Promise<Outcome> {
  const found = await pageOf(visit, page)
  if (found.favourites.length === 0) return page > 0 ? favouritesPage(visit, 0) : { screen: nothing('favourites.none') }
  const lines = [...found.title, ...found.favourites.map((one) => favouriteLine(one, titleOf(one, visit)))]
  const paging = pagingRow(page, (page + 1) * perPage < found.total, (to) => ({ do: 'favourites', page: to }))
  const rows = [...openButtons(found.favourites, visit), paging, [lessButton(page)], [seenButton, homeButton]]
  return { screen: { lines, rows } }
}

function lessButton(page: number): Button {
  return { label: { key: 'button.favourites-less' }, intent: { do: 'favourites-less', page } }
}

/** The same page, where a tap takes away instead of opening. */
export async function favouritesLess(visit: Visit, page: number): Promise<Outcome> {
  const found = await pageOf(visit, page)
  if (found.favourites.length === 0) return favouritesPage(visit, 0)
  const rows = found.favourites.map((one): Button[] => {
    const label = { key: 'button.favourite-less', params: { title: labelOf(one, visit) } } as const
    return [{ label, intent: { do: 'favourite-less', productId: one.productId, page } }]
  })
  const back: Button = { label: { key: 'button.back' }, intent: { do: 'favourites', page } }
  const paging = pagingRow(
    page,
    (page + 1) * perPage < found.total,
    (to) => ({ do: 'favourites-less', page: to }),
    back,
  )
  return {
    screen: { lines: [...found.title, { key: 'favourites.which-less' }], rows: [...rows, paging, [homeButton]] },
  }
}

export async function favouriteLess(visit: Visit, productId: number, page: number): Promise<Outcome> {
  const wasKept = await keepNoLonger(visit.deps.db, visit.visitor.personId, productId)
  const found = await pageOf(visit, page)
  // It was the last of the last page.
  const shown = found.favourites.length > 0 || page === 0 ? page : page - 1
  return { ...(await favouritesLess(visit, shown)), ...(wasKept && { toast: 'favourites.removed' as const }) }
}

/** Under an alert: no more of this. */
export async function tellNoMore(visit: Visit, productId: number): Promise<Outcome> {
  await keepNoLonger(visit.deps.db, visit.visitor.personId, productId)
  const open: Button = { label: { key: 'button.product' }, intent: { do: 'product', productId } }
  return { screen: { lines: [{ key: 'favourites.told-no-more' }], rows: [[open], [favouritesButton, homeButton]] } }
}

export async function seenPage(visit: Visit, page: number): Promise<Outcome> {
  const { deps, visitor } = visit
  const { total, seen } = await seenBy(deps.db, visitor.personId, slice(page), deps.now())
  if (seen.length === 0) return page > 0 ? seenPage(visit, 0) : { screen: nothing('seen.none') }
  const lines: Line[] = [{ key: 'seen.title', params: place(page, seen.length, total) }, { gap: true }]
  for (const one of seen) lines.push(priceLine(one.standing, titleOf(one, visit)))
  const paging = pagingRow(page, (page + 1) * perPage < total, (to) => ({ do: 'seen', page: to }))
  return { screen: { lines, rows: [...openButtons(seen, visit), paging, [favouritesButton, homeButton]] } }
}

async function pageOf({ deps, visitor }: Visit, page: number) {
  const found = await favouritesOf(deps.db, visitor.personId, slice(page), deps.now())
  const params = { ...place(page, found.favourites.length, found.total), most: favouritesMax }
  const title: Line[] = [{ key: 'favourites.title', params }, { gap: true }]
  return { ...found, title }
}

const slice = (page: number) => ({ offset: page * perPage, limit: perPage })
const place = (page: number, shown: number, total: number) => ({
  from: page * perPage + 1,
  to: page * perPage + shown,
  total,
})

type Titled = Pick<FavouriteView, 'productId' | 'title' | 'isAdult'>

const titleOf = (one: Titled, visit: Visit) =>
  isShown(one, visit) ? shorten(wordsIn(one.title, visit.reader.language), 120) : say('adult.goods', visit.reader)

/** What became one for grown-ups after they kept it, or looked at it, has no name before they say that they are one. */
const labelOf = (one: Titled, visit: Visit): Param =>
  isShown(one, visit) ? { words: one.title } : { key: 'adult.goods' }

function openButtons(goods: readonly Titled[], visit: Visit): Button[][] {
  return goods.map((one) => [
    { label: { raw: labelOf(one, visit) }, intent: { do: 'product', productId: one.productId } },
  ])
}

/** What it costs now, and what has changed since they began to keep it. */
function favouriteLine({ standing, keptPrice, keptCurrency }: FavouriteView, title: string): Line {
  if (standing.price === null) return priceLine(standing, title)
  const price = { money: { amount: standing.price, currency: standing.currency } }
  if (keptPrice === null || keptCurrency === null) return { key: 'favourites.back', params: { title, price } }
  const was = { money: { amount: keptPrice, currency: keptCurrency } }
  if (keptCurrency !== standing.currency || keptPrice === standing.price) return priceLine(standing, title)
  const key = standing.price < keptPrice ? 'favourites.cheaper' : 'favourites.dearer'
  return { key, params: { title, price, was } }
}

function priceLine(standing: Standing, title: string): Line {
  if (standing.price === null) return { key: 'favourites.sold-out', params: { title } }
  const price = { money: { amount: standing.price, currency: standing.currency } }
  return { key: standing.isTogether ? 'favourites.together' : 'favourites.alone', params: { title, price } }
}

function nothing(key: 'favourites.none' | 'seen.none'): Screen {
  const search: Button = { label: { key: 'button.search' }, intent: { do: 'ask-search' } }
  return { picture: 'brand/empty', lines: [{ key }], rows: [[search, homeButton]] }
}
