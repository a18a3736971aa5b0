/** Narrowing a search by taps: each change is a search of its own, so that buttons of old messages keep their meaning. */
import { sorts, type Filters, type Sort } from '#domain/search-query.ts'
import { wordsIn } from '#domain/people.ts'
import { changeSearch, facets, searchPage, type Facets, type FoundSearch } from '#shop/search.ts'
import { searcherOf } from './catalog.ts'
import { confused, homeButton } from './home.ts'
import { inPairs, pagingRow } from './paging.ts'
import type { FilterName } from './search-codes.ts'
import type { Button, Label, Line, Screen } from './screen.ts'
import { chosenLabels, chosenText, daysLabel, labelText, nearLabel, priceLabel, sortKeys } from './search-chosen.ts'
import { resultsPage } from './search.ts'
import { shorten } from './text.ts'
import type { Outcome, Visit } from './visit.ts'

/** Of one filter; with back, on and the way out they are what a screen holds. */
const perPage = 7
const picture = 'brand/categories'
const daysMax = 365

/** All filters of a search: what is chosen, to be taken back one by one, and what can be chosen still. */
export async function filters(visit: Visit, searchId: number): Promise<Outcome> {
  return filtersPage(visit, await firstPage(visit, searchId))
}

async function filtersPage(visit: Visit, found: FoundSearch | undefined): Promise<Outcome> {
  const counts = found && (await countsOf(visit, found.searchId))
  if (!found || !counts) return { screen: confused('confused.button') }
  const { searchId } = found
  const chosen = chosenLabels(visit, found.filters, found.names)
  const byFilter = new Map(chosen.map(({ filter, label }) => [filter, label]))

  const button = (filter: FilterName, offer: Button | undefined): Button[] => {
    const label = byFilter.get(filter)
    if (!label) return offer ? [offer] : []
    return [
      {
        label: { raw: `✖ ${labelText(visit, label)}` },
        intent: { do: 'filter-set', searchId, filter, value: 0 },
      },
    ]
  }
  const list = (
    filter: FilterName,
    key: 'filter.category' | 'filter.brand' | 'filter.price' | 'filter.days',
    has: boolean,
  ) => (has ? { label: { key }, intent: { do: 'filter-list' as const, searchId, filter } } : undefined)
  const toggle = (filter: 'together' | 'near', label: Label, count: number): Button | undefined =>
    count > 0
      ? {
          label: counted(visit, label, { count, isMore: counts.isMore }),
          intent: { do: 'filter-set', searchId, filter, value: 1 },
        }
      : undefined

  const options = [
    ...button('category', list('category', 'filter.category', counts.categories.length > 0)),
    ...button('brand', list('brand', 'filter.brand', counts.brands.length > 0)),
    ...button('price', list('price', 'filter.price', counts.prices.length > 0)),
    ...button('days', list('days', 'filter.days', counts.withinDays.length > 0)),
    ...button('together', toggle('together', { key: 'filter.together' }, counts.together)),
    // Whose city is not known has nothing near.
    ...button('near', visit.city ? toggle('near', nearLabel(visit.city.cityName), counts.near) : undefined),
  ]
  const order: Button[] = [
    {
      label: { key: 'button.sort', params: { sort: { key: sortKeys[found.sort] } } },
      intent: { do: 'sorts', searchId },
    },
  ]
  if (chosen.length > 0) order.push({ label: { key: 'button.reset' }, intent: { do: 'filter-reset', searchId } })

  const lines: Line[] = [titleLine(found), totalLine(found)]
  if (chosen.length > 0)
    lines.push({ key: 'search.chosen', params: { chosen: chosenText(visit, found.filters, found.names, 'best') } })
  return { screen: { picture, lines, rows: [...inPairs(options), order, [...showButtons(found), homeButton]] } }
}

/** The options of one filter, each with how many it would leave. */
export async function filterList(
  visit: Visit,
  { searchId, filter, page = 0 }: { searchId: number; filter: FilterName; page?: number },
): Promise<Outcome> {
  const [found, counts] = await Promise.all([firstPage(visit, searchId), countsOf(visit, searchId)])
  if (!found || !counts) return { screen: confused('confused.button') }
  const options = optionsOf(visit, found, counts, filter)
  if (options.length === 0) return filtersPage(visit, found)
  const shown = options.slice(page * perPage, (page + 1) * perPage)
  // Goods of the last page are gone since it was offered.
  if (shown.length === 0) return filterList(visit, { searchId, filter })
  const back: Button = { label: { key: 'button.back' }, intent: { do: 'filters', searchId } }
  return {
    screen: {
      picture,
      lines: [titleLine(found), { key: `filter.choose-${toListed(filter)}` }],
      rows: [
        ...shown.map((option) => [option]),
        pagingRow(
          page,
          (page + 1) * perPage < options.length,
          (to) => ({ do: 'filter-page', searchId, filter, page: to }),
          back,
        ),
      ],
    },
  }
}

/** Those of the two that are only on or off are on the screen of all. */
const toListed = (filter: FilterName) => (filter === 'together' || filter === 'near' ? 'category' : filter)

function optionsOf(visit: Visit, { searchId, filters: chosen }: FoundSearch, counts: Facets, filter: FilterName) {
  const option = (label: Label, count: number, isChosen: boolean, value: number): Button => ({
    label: counted(visit, isChosen ? { raw: `✓ ${labelText(visit, label)}` } : label, {
      count,
      isMore: counts.isMore,
    }),
    // What is chosen is taken back by the same button.
    intent: { do: 'filter-set', searchId, filter, value: isChosen ? 0 : value },
  })
  switch (filter) {
    case 'category':
      return counts.categories.map(({ categoryId, title, count }) =>
        option({ raw: wordsIn(title, visit.reader.language) }, count, chosen.categoryId === categoryId, categoryId),
      )
    case 'brand':
      return counts.brands.map(({ brandId, name, count }) =>
        option({ raw: name }, count, chosen.brandId === brandId, brandId),
      )
    case 'days':
      return counts.withinDays.map(({ days, count }) =>
        option(daysLabel(days, visit.deps.now()), count, chosen.withinDays === days, days),
      )
    case 'price':
      return counts.prices.map(({ from, to, count }): Button => {
        const isChosen =
          (chosen.priceFrom ?? 0) === Number(from) && chosen.priceTo === (to === null ? undefined : Number(to))
        const button = option(priceLabel(Number(from), to === null ? undefined : Number(to)), count, isChosen, 0)
        return isChosen ? button : { ...button, intent: { do: 'filter-price', searchId, from, to: to ?? 0n } }
      })
    case 'together':
    case 'near':
      return []
  }
}

export async function setFilter(
  visit: Visit,
  { searchId, filter, value }: { searchId: number; filter: FilterName; value: number },
): Promise<Outcome> {
  return change(visit, searchId, (before) => {
    const { categoryId, brandId, priceFrom, priceTo, withinDays, together, near } = before
    const price = { ...(priceFrom !== undefined && { priceFrom }), ...(priceTo !== undefined && { priceTo }) }
    const all: Record<FilterName, Filters> = {
      category: categoryId === undefined ? {} : { categoryId },
      brand: brandId === undefined ? {} : { brandId },
      price,
      days: withinDays === undefined ? {} : { withinDays },
      together: together ? { together } : {},
      near: near ? { near } : {},
    }
    const chosen: Record<FilterName, Filters> = {
      category: { categoryId: value },
      brand: { brandId: value },
      price,
      // Beyond it no date can be written, and none is offered.
      days: { withinDays: Math.min(value, daysMax) },
      together: { together: true },
      near: { near: true },
    }
    all[filter] = value === 0 ? {} : chosen[filter]
    return Object.assign({}, ...Object.values(all)) as Filters
  })
}

export async function setPrices(
  visit: Visit,
  { searchId, from, to }: { searchId: number; from: bigint; to: bigint },
): Promise<Outcome> {
  return change(visit, searchId, (before) => {
    const { priceFrom: _former, priceTo: _formerTo, ...others } = before
    return { ...others, ...(from > 0n && { priceFrom: Number(from) }), ...(to > 0n && { priceTo: Number(to) }) }
  })
}

export async function resetFilters(visit: Visit, searchId: number): Promise<Outcome> {
  return change(visit, searchId, () => ({}))
}

async function change(visit: Visit, searchId: number, toFilters: (before: Filters) => Filters): Promise<Outcome> {
  return filtersPage(visit, await changed(visit, searchId, ({ filters: before }) => ({ filters: toFilters(before) })))
}

async function changed(visit: Visit, searchId: number, wish: Parameters<typeof changeSearch>[3]) {
  const { deps, visitor } = visit
  return changeSearch(deps.db, visitor.personId, searchId, wish, searcherOf(visit), deps.now())
}

export async function sortList(visit: Visit, searchId: number): Promise<Outcome> {
  const found = await firstPage(visit, searchId)
  if (!found) return { screen: confused('confused.button') }
  const rows = sorts.map((sort): Button[] => {
    const label: Label = { key: sortKeys[sort] }
    return [
      {
        label: sort === found.sort ? { raw: `✓ ${labelText(visit, label)}` } : label,
        intent: { do: 'sort', searchId, sort },
      },
    ]
  })
  const back: Button = { label: { key: 'button.back' }, intent: { do: 'filters', searchId } }
  const screen: Screen = { picture, lines: [titleLine(found), { key: 'sort.choose' }], rows: [...rows, [back]] }
  return { screen }
}

export async function sortResults(visit: Visit, searchId: number, sort: Sort): Promise<Outcome> {
  return resultsPage(visit, await changed(visit, searchId, () => ({ sort })), 0)
}

async function firstPage(visit: Visit, searchId: number): Promise<FoundSearch | undefined> {
  const { deps, visitor } = visit
  return searchPage(deps.db, visitor.personId, searchId, 0, searcherOf(visit), deps.now())
}

async function countsOf(visit: Visit, searchId: number): Promise<Facets | undefined> {
  const { deps, visitor } = visit
  return facets(deps.db, visitor.personId, searchId, searcherOf(visit))
}

/** The count stays readable, however long the name is: a label is cut at 40 characters. */
function counted(visit: Visit, label: Label, { count, isMore }: { count: number; isMore: boolean }): Label {
  const params = { option: shorten(labelText(visit, label), 28), total: count }
  return { key: isMore ? 'filter.counted-more' : 'filter.counted', params }
}

function titleLine({ query, repair }: FoundSearch): Line {
  const searched = shorten(repair?.shown ?? query, 60)
  return searched === '' ? { key: 'search.filters' } : { key: 'search.filters-for', params: { query: searched } }
}

/** What sells instead is not among what was found. */
const isNone = ({ total, wayOn }: FoundSearch) => total === 0 || wayOn?.kind === 'category'

function totalLine(found: FoundSearch): Line {
  const total = isNone(found) ? 0 : found.total
  return { key: found.isMore && total > 0 ? 'search.total-more' : 'search.total', params: { total } }
}

function showButtons(found: FoundSearch): Button[] {
  const { searchId, total, isMore } = found
  const key = isMore ? 'button.show-more' : 'button.show'
  return isNone(found) ? [] : [{ label: { key, params: { total } }, intent: { do: 'results', searchId, page: 0 } }]
}
