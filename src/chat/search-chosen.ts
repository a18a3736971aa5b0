/** What is chosen beside the words of a search, in words. */
import { promisedDates } from '#domain/delivery.ts'
import type { FilterNames, Filters, Sort } from '#domain/search-query.ts'
import { wordsIn } from '#domain/people.ts'
import { money } from './catalog.ts'
import type { FilterName } from './search-codes.ts'
import type { Label } from './screen.ts'
import { say, shorten } from './text.ts'
import type { Visit } from './visit.ts'
import type { Key } from './words.ts'

/** A name that is longer would leave no room for the others. */
const nameMax = 40

export function hasFilters(filters: Filters): boolean {
  return Object.keys(filters).length > 0
}

export const sortKeys: Record<Sort, Key> = {
  best: 'sort.best',
  cheap: 'sort.cheap',
  dear: 'sort.dear',
  new: 'sort.new',
  rated: 'sort.rated',
  popular: 'sort.popular',
}

/** In one line; empty when nothing is chosen. */
export function chosenText(visit: Visit, filters: Filters, names: FilterNames, sort: Sort): string {
  const labels = chosenLabels(visit, filters, names).map(({ label }) => label)
  if (sort !== 'best') labels.push({ key: 'sort.first', params: { sort: { key: sortKeys[sort] } } })
  return labels.map((label) => labelText(visit, label)).join(' · ')
}

export function labelText({ reader }: Visit, label: Label): string {
  if ('key' in label) return say(label.key, reader, label.params)
  return typeof label.raw === 'string' ? label.raw : ''
}

/** Each choice by itself, so that each can be taken back. */
export function chosenLabels(
  visit: Visit,
  filters: Filters,
  names: FilterNames,
): { filter: FilterName; label: Label }[] {
  const { reader, deps, city } = visit
  const chosen: { filter: FilterName; label: Label }[] = []
  if (filters.categoryId !== undefined) {
    const title = names.category ? shorten(wordsIn(names.category, reader.language), nameMax) : '—'
    chosen.push({ filter: 'category', label: { raw: title } })
  }
  if (filters.brandId !== undefined)
    chosen.push({ filter: 'brand', label: { raw: shorten(names.brand ?? '—', nameMax) } })
  const { priceFrom, priceTo } = filters
  if (priceFrom !== undefined || priceTo !== undefined)
    chosen.push({ filter: 'price', label: priceLabel(priceFrom ?? 0, priceTo) })
  if (filters.withinDays !== undefined)
    chosen.push({ filter: 'days', label: daysLabel(filters.withinDays, deps.now()) })
  if (filters.together) chosen.push({ filter: 'together', label: { key: 'filter.together' } })
  if (filters.near) chosen.push({ filter: 'near', label: nearLabel(city?.cityName) })
  return chosen
}

/** In minor units of roubles. */
export function priceLabel(from: number, to: number | undefined): Label {
  // Bands end a kopeck before the next begins, which nobody wants to read.
  const end = to !== undefined && to % 100 === 99 ? to + 1 : (to ?? 0)
  const [lowest, highest] = [money(BigInt(from), 'RUB'), money(BigInt(end), 'RUB')]
  if (to === undefined) return { key: 'filter.price-from', params: { from: lowest } }
  if (from === 0) return { key: 'filter.price-to', params: { to: highest } }
  return { key: 'filter.price-between', params: { from: lowest, to: highest } }
}

export function daysLabel(days: number, now: Date): Label {
  const { to } = promisedDates({ from: days, to: days }, now)
  return { key: 'filter.by-date', params: { date: { days: { from: to, to } } } }
}

export function nearLabel(cityName: string | undefined): Label {
  return cityName === undefined
    ? { key: 'filter.near-you' }
    : { key: 'filter.near', params: { city: shorten(cityName, 24) } }
}
