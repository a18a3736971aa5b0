/** Search results and the product page. */
import { promisedDates, promisedDays } from '#domain/delivery.ts'
import type { Money } from '#domain/money.ts'
import { wordsIn, type Language } from '#domain/people.ts'
import {
  productById,
  search,
  searchPage,
  topCategories,
  type ProductRow,
  type SearchPage,
  type VariantRow,
} from '#shop/catalog.ts'
import { gap } from '#domain/group-buy.ts'
import { openGroups, type GroupRow } from '#shop/group-buy.ts'
import { stopAsking, type City } from '#shop/people.ts'
import { joinButton } from './group-card.ts'
import { confused, homeButton } from './home.ts'
import { optionsText } from './options.ts'
import type { Button, Line, Screen } from './screen.ts'
import { shorten } from './text.ts'
import type { Outcome, Visit } from './visit.ts'

/** Beside the longest title, seller and groups it still fits under a picture (1,024 characters). */
export const descriptionMax = 300

const money = (amount: bigint, currency: string): { money: Money } => ({ money: { amount, currency } })

export async function categories({ deps }: Visit): Promise<Outcome> {
  const found = await topCategories(deps.db)
  const buttons = found.slice(0, 8).map(({ categoryId, title, products }): Button => {
    const label = { key: 'category.button' as const, params: { title: { words: title }, products } }
    return { label, intent: { do: 'category', categoryId } }
  })
  const rows = Array.from({ length: Math.ceil(buttons.length / 2) }, (_, at) => buttons.slice(at * 2, at * 2 + 2))
  const key = found.length > 0 ? 'category.choose' : 'category.none'
  return { screen: { picture: 'brand/categories', lines: [{ key }], rows: [...rows, [homeButton]] } }
}

/** Words typed, or a category chosen: the first card, to be leafed through in place. */
export async function startSearch(visit: Visit, words: { query: string; categoryId?: number }): Promise<Outcome> {
  const { deps, visitor } = visit
  if (visitor.step === 'search') await stopAsking(deps.db, visitor.personId, visitor.sender.messenger)
  const page = await search(deps.db, visitor.personId, words, deps.now())
  return { screen: resultsScreen(visit, page, 0) }
}

export async function results(visit: Visit, searchId: number, page: number): Promise<Outcome> {
  const found = await searchPage(visit.deps.db, visit.visitor.personId, searchId, page, visit.deps.now())
  if (!found) return { screen: confused('confused.button') }
  return { screen: resultsScreen(visit, found, page) }
}

function resultsScreen(visit: Visit, found: SearchPage, page: number): Screen {
  const [product] = found.products
  const shown = shorten(found.query, 60)
  if (!product) {
    // Goods were sold out or withdrawn since that page was offered, or the number is forged.
    if (page > 0) return confused('confused.button')
    const lines: Line[] =
      shown === ''
        ? [{ key: 'category.none' }]
        : [{ key: 'search.none', params: { query: shown } }, { key: 'search.none-advice' }]
    return {
      picture: 'brand/empty',
      lines,
      rows: [[{ label: { key: 'button.categories' }, intent: { do: 'categories' } }, homeButton]],
    }
  }
  const place = { page: page + 1, total: found.total }
  const caption: Line =
    shown === ''
      ? { key: 'search.place', params: place }
      : { key: 'search.place-for', params: { ...place, query: shown } }
  const paging: Button[] = []
  const { searchId } = found
  if (page > 0) paging.push({ label: { key: 'button.previous' }, intent: { do: 'results', searchId, page: page - 1 } })
  if (product.variants.length === 1) {
    paging.push({ label: { key: 'button.details' }, intent: { do: 'product', productId: product.productId } })
  }
  if (page + 1 < found.total)
    paging.push({ label: { key: 'button.next' }, intent: { do: 'results', searchId, page: page + 1 } })
  const variant = firstInStock(product)
  const rows: Button[][] = []
  // With options to choose from, buying starts on the page where they are chosen.
  const isChoice = product.variants.length > 1
  if (variant && isChoice) {
    rows.push([{ label: { key: 'button.choose' }, intent: { do: 'product', productId: product.productId } }])
  } else if (variant && isThere(variant)) {
    rows.push(buyButtons(variant))
  }
  if (paging.length > 0) rows.push(paging)
  rows.push([homeButton])
  return {
    ...(product.pictures[0] !== undefined && { picture: product.pictures[0] }),
    lines: [...cardLines(product, variant, visit, visit.city), { gap: true }, caption],
    rows,
  }
}

/** What everybody may buy comes before what only groups may. */
export function firstInStock({ variants }: ProductRow): VariantRow | undefined {
  return variants.find(({ free }) => free > 0) ?? variants.find(isThere) ?? variants[0]
}

/** Somebody can have it now, if only together with others. */
export function isThere({ free, aside }: VariantRow): boolean {
  return free > 0 || aside > 0
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
  return [...lines, ...priceLines(variant), promiseLine(variant, city, deps.now())]
}

function priceLines(variant: VariantRow): Line[] {
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

function promiseLine(variant: VariantRow, city: City | null, now: Date): Line {
  const isFree = variant.free > 0
  const kind = isFree ? variant.kind : variant.asideKind
  if (kind === null || !isThere(variant)) return { key: 'product.sold-out' }
  const from = isFree ? variant.cityCode : variant.asideCityCode
  const days = promisedDays(kind, city !== null && city.cityCode === from)
  const promise = { days: promisedDates(days, now) }
  return city
    ? { key: 'promise.to-city', params: { days: promise, city: city.cityName } }
    : { key: 'promise.usual', params: { days: promise } }
}

function buyButtons(variant: VariantRow): Button[] {
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

/** The product page with one variant chosen: everything that buying needs, on one message. */
export async function product(visit: Visit, productId: number, variantId?: number): Promise<Outcome> {
  const now = visit.deps.now()
  const [found, open] = await Promise.all([
    productById(visit.deps.db, productId, now),
    openGroups(visit.deps.db, productId, now, visit.city?.cityCode),
  ])
  if (!found || found.withdrawn || found.variants.length === 0) return { screen: confused('confused.not-found') }
  const variant = found.variants.find((candidate) => candidate.variantId === variantId) ?? firstInStock(found)
  if (!variant) return { screen: confused('confused.not-found') }
  const groups = open.filter((group) => group.variantId === variant.variantId)
  return { screen: productScreen(visit, found, variant, groups) }
}

function productScreen(visit: Visit, found: ProductRow, variant: VariantRow, groups: GroupRow[]): Screen {
  const { language } = visit.reader
  const lines: Line[] = [{ raw: { words: found.title }, style: 'bold' }]
  const chosen = optionsText(variant.options, language)
  if (chosen !== '') lines.push({ key: 'product.option', params: { option: chosen } })
  lines.push(...priceLines(variant), promiseLine(variant, visit.city, visit.deps.now()))
  if (variant.free > 0)
    lines.push({ key: 'product.left', params: { count: variant.free, city: variant.cityName ?? '' } })
  if (variant.aside > 0) lines.push({ key: 'product.aside', params: { count: variant.aside } })
  const description = wordsIn(found.description, language)
  if (description !== '') lines.push({ gap: true }, { raw: shorten(description, descriptionMax) })
  lines.push({ gap: true }, { key: 'product.seller', params: { seller: found.sellerName } })
  for (const group of groups) {
    const params = { paid: group.paidSeats, size: group.size, count: gap(group), until: { at: group.deadlineAt } }
    lines.push({ key: 'product.open-group', params })
  }

  const rows: Button[][] = []
  if (found.variants.length > 1) rows.push(variantButtons(found, variant, language))
  const joinable = groups.filter(({ campaignId }) => variant.free > 0 || campaignId === variant.campaignId)
  if (isThere(variant)) rows.push(...joinable.map((group) => [joinButton(group)]), buyButtons(variant))
  rows.push([
    { label: { key: 'button.share' }, share: { kind: 'product', token: found.productId.toString(36) } },
    homeButton,
  ])
  return { ...(found.pictures[0] !== undefined && { picture: found.pictures[0] }), lines, rows }
}

/** Up to four options side by side; more are chosen on a screen of their own. */
function variantButtons(found: ProductRow, current: VariantRow, language: Language): Button[] {
  if (found.variants.length > 4) {
    const label = { key: 'button.choose-option' as const, params: { option: optionsText(current.options, language) } }
    return [{ label, intent: { do: 'variants', productId: found.productId, page: 0 } }]
  }
  return found.variants.map((variant) => variantButton(found, variant, current, language))
}

function variantButton(
  found: ProductRow,
  variant: VariantRow,
  current: VariantRow | undefined,
  language: Language,
): Button {
  const name = optionsText(variant.options, language) || String(variant.variantId)
  const mark = variant.variantId === current?.variantId ? '✓ ' : isThere(variant) ? '' : '✕ '
  return {
    label: { raw: mark + name },
    intent: { do: 'variant', productId: found.productId, variantId: variant.variantId },
  }
}

export async function variants(visit: Visit, productId: number, page: number): Promise<Outcome> {
  const found = await productById(visit.deps.db, productId, visit.deps.now())
  const shown = found?.variants.slice(page * 6, page * 6 + 6) ?? []
  if (!found || found.withdrawn || shown.length === 0) return { screen: confused('confused.not-found') }
  const rows = Array.from({ length: Math.ceil(shown.length / 2) }, (_, at) =>
    shown.slice(at * 2, at * 2 + 2).map((variant) => variantButton(found, variant, undefined, visit.reader.language)),
  )
  const paging: Button[] = []
  if (page > 0)
    paging.push({ label: { key: 'button.previous' }, intent: { do: 'variants', productId, page: page - 1 } })
  paging.push({ label: { key: 'button.back' }, intent: { do: 'product', productId } })
  if ((page + 1) * 6 < found.variants.length) {
    paging.push({ label: { key: 'button.next' }, intent: { do: 'variants', productId, page: page + 1 } })
  }
  return {
    screen: {
      ...(found.pictures[0] !== undefined && { picture: found.pictures[0] }),
      lines: [{ raw: { words: found.title }, style: 'bold' }, { key: 'product.choose-option' }],
      rows: [...rows, paging],
    },
  }
}
