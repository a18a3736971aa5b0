/** What is said of goods wherever they are shown: on cards of results, on product pages, in other chats. */
import { isSoldTo, promisedDates, promisedDays } from '#domain/delivery.ts'
import type { Money } from '#domain/money.ts'
import type { Searcher } from '#domain/search-query.ts'
import type { ProductRow, VariantRow } from '#shop/catalog.ts'
import type { City } from '#shop/people.ts'
import type { Button, Line } from './screen.ts'
import type { Visit } from './visit.ts'

/** Beside the longest title, seller and groups it still fits under a picture (1,024 characters). */
export const descriptionMax = 300

export const money = (amount: bigint, currency: string): { money: Money } => ({ money: { amount, currency } })

export function searcherOf({ city, isAdult }: Visit): Searcher {
  return { cityCode: city?.cityCode, isAdult }
}

/** What everybody may buy comes before what only groups may. */
export function firstInStock({ variants }: ProductRow): VariantRow | undefined {
  return variants.find(({ free }) => free > 0) ?? variants.find(isThere) ?? variants[0]
}

/** Somebody can have it now, if only together with others. */
export function isThere({ free, aside }: VariantRow): boolean {
  return free > 0 || aside > 0
}

/** Others read it, whoever put it there: goods for grown-ups are not pictured. */
export const publicPicture = ({ isAdult, pictures }: ProductRow): string | undefined =>
  isAdult ? undefined : pictures[0]

/** It may go to where their parcels go. Whose city is not known may ask for it: buying decides. */
export function isForThem({ cities }: ProductRow, city: City | null): boolean {
  return city === null || isSoldTo(cities, city.cityCode)
}

/**
 * Title, both prices, the delivery promise: the same on every card of a product.
 * @param city null where others read it: they live elsewhere, and where this person does is not theirs to know.
 */
export function cardLines(
  product: ProductRow,
  variant: VariantRow | undefined,
  { deps }: Pick<Visit, 'deps'>,
  city: City | null,
): Line[] {
  const lines: Line[] = [{ raw: { words: product.title }, style: 'bold' }]
  if (!variant) return [...lines, { key: 'product.sold-out' }]
  return [...lines, ...priceLines(variant), promiseLine(product, variant, city, deps.now())]
}

export function priceLines(variant: VariantRow): Line[] {
  const price = money(variant.price, variant.currency)
  const lines: Line[] = [
    variant.oldPrice === null
      ? { key: 'price.alone', params: { price } }
      : { key: 'price.alone-was', params: { price, was: money(variant.oldPrice, variant.currency) } },
  ]
  return [...lines, ...togetherLines(variant)]
}

/** What a group costs and how many are enough; of a ladder also how low its price can fall. */
export function togetherLines({ groupPrice, groupLowest, groupLeast, currency }: VariantRow): Line[] {
  if (groupPrice === null || groupLowest === null || groupLeast === null) return []
  const params = { price: money(groupPrice, currency), count: groupLeast }
  return groupLowest < groupPrice
    ? [{ key: 'price.together-ladder', params: { ...params, lowest: money(groupLowest, currency) } }]
    : [{ key: 'price.together', params }]
}

/** When it would be there, or that it will not: sold out, or not sold to their city. */
export function promiseLine(product: ProductRow, variant: VariantRow, city: City | null, now: Date): Line {
  const isFree = variant.free > 0
  const kind = isFree ? variant.kind : variant.asideKind
  if (kind === null || !isThere(variant)) return { key: 'product.sold-out' }
  if (city && !isForThem(product, city)) {
    const key = product.isPerishable ? 'product.perishable-not-there' : 'product.not-there'
    return { key, params: { city: city.cityName } }
  }
  const from = isFree ? variant.cityCode : variant.asideCityCode
  const days = promisedDays(kind, city !== null && city.cityCode === from)
  const promise = { days: promisedDates(days, now) }
  if (city) return { key: 'promise.to-city', params: { days: promise, city: city.cityName } }
  return { key: product.cities.length > 0 ? 'promise.some-cities' : 'promise.usual', params: { days: promise } }
}

export function buyButtons(variant: VariantRow): Button[] {
  const { variantId, currency } = variant
  const buttons: Button[] = []
  if (variant.free > 0) {
    const price = money(variant.price, currency)
    buttons.push({ label: { key: 'button.buy-alone', params: { price } }, intent: { do: 'buy-alone', variantId } })
  }
  if (variant.groupPrice !== null) {
    const price = money(variant.groupPrice, currency)
    buttons.push({
      label: { key: 'button.buy-together', params: { price } },
      intent: { do: 'buy-together', variantId },
    })
  }
  return buttons
}
