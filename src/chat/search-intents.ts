import { adultConfirmed, notAdult } from './adult.ts'
import { branches, wholeCategory } from './categories.ts'
import type { SearchIntent } from './search-codes.ts'
import { about, lookOptions, product } from './product.ts'
import { filterList, filters, resetFilters, setFilter, setPrices, sortList, sortResults } from './search-filters.ts'
import { searchVerbatim } from './search.ts'
import type { Outcome, Visit } from './visit.ts'

/** Looking for goods and at them. */
export async function followSearch(visit: Visit, intent: SearchIntent): Promise<Outcome> {
  switch (intent.do) {
    case 'look':
      return product(visit, intent)
    case 'look-options':
      return lookOptions(visit, intent)
    case 'about':
      return about(visit, intent)
    case 'adult':
      return adultConfirmed(visit, intent)
    case 'not-adult':
      return { screen: notAdult }
    case 'branches':
      return branches(visit, intent.categoryId, intent.page)
    case 'whole-category':
      return wholeCategory(visit, intent.categoryId)
    case 'filters':
      return filters(visit, intent.searchId)
    case 'filter-list':
    case 'filter-page':
      return filterList(visit, intent)
    case 'filter-set':
      return setFilter(visit, intent)
    case 'filter-price':
      return setPrices(visit, intent)
    case 'filter-reset':
      return resetFilters(visit, intent.searchId)
    case 'sorts':
      return sortList(visit, intent.searchId)
    case 'sort':
      return sortResults(visit, intent.searchId, intent.sort)
    case 'verbatim':
      return searchVerbatim(visit, intent.searchId, intent.isOn === 1)
  }
}
