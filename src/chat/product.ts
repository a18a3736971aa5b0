/** The product page with one variant chosen: everything that buying needs, on one message. */
import { isShown } from '#domain/adult.ts'
import { gap } from '#domain/group-buy.ts'
import { wordsIn, type Language } from '#domain/people.ts'
import { productById, type ProductRow, type VariantRow } from '#shop/catalog.ts'
import type { GroupRow } from '#shop/group-buy.ts'
import { openProduct, type Place, type ProductDetails } from '#shop/product.ts'
import { adultQuestion } from './adult-question.ts'
import { buyButtons, descriptionMax, firstInStock, isForThem, isThere, priceLines, promiseLine } from './catalog.ts'
import { favouriteButton, questionButton } from './favourites.ts'
import { joinButton } from './group-card.ts'
import { homeButton, notFound } from './home.ts'
import { optionsText } from './options.ts'
import { inPairs, pagingRow } from './paging.ts'
import { optionButtons, optionRows, viewIntent, type View } from './product-options.ts'
import type { Button, Line, Screen } from './screen.ts'
import { screenToMessage, shorten } from './text.ts'
import type { Outcome, Visit } from './visit.ts'

/** Under a picture; 24 are left for the edges of what was counted. */
const captionMax = 1000
const paramsShown = 6
const buttonsMax = 10
const placesShown = 3

/** Shows nothing of goods for grown-ups before somebody says that they are one. */
export async function product(visit: Visit, asked: Partial<View> & { productId: number }): Promise<Outcome> {
  const { productId } = asked
  const view: View = { variantId: 0, photo: 0, searchId: 0, page: 0, ...pick(asked) }
  const now = visit.deps.now()
  const [found, details] = await Promise.all([
    productById(visit.deps.db, productId, now),
    openProduct(visit.deps.db, readerOf(visit), productId, now),
  ])
  if (!found || found.withdrawn || found.variants.length === 0) return notFound()
  if (!isShown(found, visit)) return { screen: adultQuestion({ productId, variantId: view.variantId }) }
  const variant = found.variants.find((candidate) => candidate.variantId === view.variantId) ?? firstInStock(found)
  if (!variant) return notFound()
  const groups = details.groups.filter((group) => group.variantId === variant.variantId)
  return { screen: productScreen(visit, { found, variant, details, groups }, view) }
}

const readerOf = ({ visitor, city }: Visit) => ({ personId: visitor.personId, cityCode: city?.cityCode })

/** Intents carry more than a view. */
function pick({ productId, variantId, photo, searchId, page }: Partial<View> & { productId: number }) {
  return {
    productId,
    ...(variantId !== undefined && { variantId }),
    ...(photo !== undefined && { photo }),
    ...(searchId !== undefined && { searchId }),
    ...(page !== undefined && { page }),
  }
}

type Shown = { found: ProductRow; variant: VariantRow; details: ProductDetails; groups: GroupRow[] }

function productScreen(visit: Visit, shown: Shown, view: View): Screen {
  const { found, variant, details, groups } = shown
  const favourite = favouriteButton(found.productId, details.isFavourite, view)
  const question = questionButton(found.productId, details.questions)
  const { searchId, page } = view
  const { variantId, campaignId, free } = variant
  const isOffered = isThere(variant) && isForThem(found, visit.city)
  const joinable = isOffered ? groups.filter((group) => free > 0 || group.campaignId === campaignId) : []
  const buying = isOffered ? buyButtons(variant) : []
  const { productId } = found
  const aboutButton: Button = {
    label: { key: 'button.about' },
    intent: { do: 'about', productId, variantId, at: 0, searchId, page },
  }
  const hasMore = details.params.length > 0 || wordsIn(found.description, visit.reader.language).length > descriptionMax
  const asking = [hasMore ? aboutButton : question]
  const keeping: Button[] = [
    favourite,
    { label: { key: 'button.share' }, share: { kind: 'product', token: productId.toString(36) } },
  ]
  const back: Button =
    searchId > 0 ? { label: { key: 'button.to-results' }, intent: { do: 'results', searchId, page } } : homeButton

  // What these leave of ten: a group comes first, then the options, then photos, then more groups.
  let room = buttonsMax - [...asking, ...keeping, back, ...buying].length - Math.min(joinable.length, 1)
  const pictures = picturesOf(shown)
  const forPhotos = pictures.length > 1 ? 1 : 0
  const here = { ...view, variantId }
  const options = optionRows(found, variant, here, visit.reader.language, Math.max(room - forPhotos, 1))
  room -= options.flat().length
  const at = photoAt(shown, view)
  const photos = photoButtons(pictures.length, at, here, room)
  room -= photos.length
  const joins = joinable.slice(0, 1 + room).map((group) => [joinButton(group)])
  room -= Math.max(joins.length - 1, 0)
  // It stands on the page about it, too.
  if (hasMore && room > 0) asking.push(question)

  const picture = pictures[at]
  return {
    ...(picture !== undefined && { picture }),
    lines: pageLines(visit, shown),
    rows: [photos, ...options, ...joins, buying, asking, keeping, [back]],
  }
}

/** The product's photos, then the variant's own. */
function picturesOf({ found, variant, details }: Shown): string[] {
  return [...new Set([...found.pictures, ...ownPictures(details, variant)])]
}

const ownPictures = ({ pictures }: ProductDetails, { variantId }: VariantRow): string[] =>
  pictures.find((one) => one.variantId === variantId)?.pictures ?? []

/** Counted from 0. Unless one is asked for, a variant that was chosen is shown by its own. */
function photoAt(shown: Shown, view: View): number {
  const pictures = picturesOf(shown)
  if (view.photo > 0) return Math.min(view.photo, pictures.length) - 1
  const [own] = view.variantId > 0 ? ownPictures(shown.details, shown.variant) : []
  return own === undefined ? 0 : pictures.indexOf(own)
}

/** ◀ and 2/5 ▶, round and round; without room for both, one that goes on. */
function photoButtons(count: number, at: number, view: View, room: number): Button[] {
  if (count < 2 || room < 1) return []
  const to = (photo: number) => ({ do: 'look' as const, ...view, photo: ((photo + count) % count) + 1 })
  const place = { photo: at + 1, total: count }
  const on: Button = { label: { key: 'button.next-photo', params: place }, intent: to(at + 1) }
  return room < 2 ? [on] : [{ label: { key: 'button.previous' }, intent: to(at - 1) }, on]
}

/** Whatever its words are, they fit under a picture: what matters less is left out first. */
function pageLines(visit: Visit, { found, variant, details, groups }: Shown): Line[] {
  const { reader, city } = visit
  const { language } = reader
  const option = optionsText(variant.options, language)
  const [firstPlace, ...otherPlaces] = placesOf(details.places, variant, city?.cityCode)
  const head: Line[] = [{ raw: { words: found.title }, style: 'bold' }]
  if (option !== '') head.push({ key: 'product.option', params: { option } })
  const prices = [...priceLines(variant), promiseLine(found, variant, city, visit.deps.now())]
  let left = captionMax - lengthOf([...head, ...prices, { gap: true }], visit)
  /** @returns what of these fits still, each by itself. */
  const fitting = (lines: Line[]): Line[] =>
    lines.filter((line) => {
      const length = lengthOf([line], visit) + 1
      if (length > left) return false
      left -= length
      return true
    })

  const stock = fitting(firstPlace ? [placeLine(firstPlace)] : [])
  if (variant.aside > 0) stock.push(...fitting([{ key: 'product.aside', params: { count: variant.aside } }]))
  const open = fitting(
    groups.map((group) => {
      const params = { paid: group.paidSeats, size: group.size, count: gap(group), until: { at: group.deadlineAt } }
      return { key: 'product.open-group' as const, params }
    }),
  )
  const seller = fitting([{ key: 'product.seller', params: { seller: found.sellerName } }])
  const rating = fitting(ratingLines(details))
  const places = fitting(otherPlaces.map(placeLine))
  const description = wordsIn(found.description, language)
  // An empty line before each of the two.
  left -= 2
  const params = fitting(
    paramsIn(details, language)
      .slice(0, paramsShown)
      .map(({ name, value }) => paramLine(name, value, 40, 60)),
  )
  const most = Math.min(descriptionMax, left)
  const about: Line[] = description !== '' && most > 60 ? [{ raw: shorten(description, most - 1) }] : []
  return [
    ...head,
    ...rating,
    ...prices,
    ...stock,
    ...places,
    ...(params.length > 0 ? [{ gap: true } as const, ...params] : []),
    ...(about.length > 0 ? [{ gap: true } as const, ...about] : []),
    { gap: true },
    ...seller,
    ...open,
  ]
}

const lengthOf = (lines: Line[], { reader }: Visit): number =>
  screenToMessage({ lines, rows: [] }, reader).text.reduce((sum, { text }) => sum + text.length, 0)

function ratingLines({ stars, ratings }: ProductDetails): Line[] {
  if (stars === null) return []
  return [{ key: 'product.rating', params: { stars: Math.round(stars * 10) / 10, total: ratings } }]
}

/** Their own city first, then where most is. */
function placesOf(places: Place[], { variantId }: VariantRow, cityCode: number | undefined): Place[] {
  const mine = places.filter((place) => place.variantId === variantId)
  const isNear = (place: Place) => (place.cityCode === cityCode ? 0 : 1)
  return mine.toSorted((one, other) => isNear(one) - isNear(other)).slice(0, placesShown)
}

function placeLine({ free, cityName }: Place): Line {
  return { key: 'product.left', params: { count: free, city: cityName } }
}

function paramLine(name: string, value: string, nameMost: number, valueMost: number): Line {
  return { key: 'product.param', params: { name: shorten(name, nameMost), value: shorten(value, valueMost) } }
}

/** Those in the reader's language, where the feed has any; those in Russian otherwise. */
function paramsIn({ params }: ProductDetails, language: Language): ProductDetails['params'] {
  const inLanguage = (wanted: string) => params.filter((param) => (param.language ?? wanted) === wanted)
  const theirs = inLanguage(language)
  if (theirs.length > 0) return theirs
  const russian = inLanguage('ru')
  return russian.length > 0 ? russian : params
}

/** A list of variants: of one of two options, or of all. Old buttons lead to the latter. */
export async function variants(visit: Visit, productId: number, at: number): Promise<Outcome> {
  return lookOptions(visit, { productId, variantId: 0, kind: -1, at, searchId: 0, page: 0 })
}

const listed = 6

export async function lookOptions(
  visit: Visit,
  { productId, variantId, kind, at, searchId, page }: Omit<View, 'photo'> & { kind: number; at: number },
): Promise<Outcome> {
  const found = await productById(visit.deps.db, productId, visit.deps.now())
  if (!found || found.withdrawn) return notFound()
  if (!isShown(found, visit)) return { screen: adultQuestion({ productId, variantId }) }
  const current = found.variants.find((variant) => variant.variantId === variantId)
  const view = { productId, variantId, photo: 0, searchId, page }
  const all = optionButtons(found, current, kind, view, visit.reader.language)
  const shown = all.slice(at * listed, (at + 1) * listed)
  if (shown.length === 0) return notFound()
  const toPage = (to: number) =>
    kind < 0
      ? { do: 'variants' as const, productId, page: to }
      : { do: 'look-options' as const, productId, variantId, kind, at: to, searchId, page }
  const back: Button = { label: { key: 'button.back' }, intent: viewIntent(view) }
  const [picture] = found.pictures
  return {
    screen: {
      ...(picture !== undefined && { picture }),
      lines: [{ raw: { words: found.title }, style: 'bold' }, { key: 'product.choose-option' }],
      rows: [...inPairs(shown), pagingRow(at, (at + 1) * listed < all.length, toPage, back)],
    },
  }
}

/** So much stands on a page without a picture, beside the title. */
const pageMax = 3400

/** All parameters and the whole description, in pages. */
export async function about(
  visit: Visit,
  { productId, variantId, at, searchId, page }: Omit<View, 'photo'> & { at: number },
): Promise<Outcome> {
  const now = visit.deps.now()
  const [found, details] = await Promise.all([
    productById(visit.deps.db, productId, now),
    openProduct(visit.deps.db, readerOf(visit), productId, now),
  ])
  if (!found || found.withdrawn) return notFound()
  if (!isShown(found, visit)) return { screen: adultQuestion({ productId, variantId }) }
  const { language } = visit.reader
  const description = wordsIn(found.description, language)
  const all: Line[] = paramsIn(details, language).map(({ name, value }) => paramLine(name, value, 100, 300))
  if (description !== '') all.unshift({ raw: shorten(description, pageMax - 1) }, { gap: true })
  const pages = toPages(all, visit)
  const shown = pages[at]
  if (!shown) return notFound()
  const toPage = (to: number) => ({ do: 'about' as const, productId, variantId, at: to, searchId, page })
  const back: Button = {
    label: { key: 'button.back' },
    intent: viewIntent({ productId, variantId, photo: 0, searchId, page }),
  }
  return {
    screen: {
      lines: [{ raw: { words: found.title }, style: 'bold' }, { gap: true }, ...shown],
      rows: [[questionButton(productId, details.questions)], pagingRow(at, at + 1 < pages.length, toPage, back)],
    },
  }
}

function toPages(lines: Line[], visit: Visit): Line[][] {
  const pages: Line[][] = [[]]
  let length = 0
  for (const line of lines) {
    const more = lengthOf([line], visit) + 1
    if (length + more > pageMax) {
      pages.push([])
      length = 0
    }
    pages.at(-1)?.push(line)
    length += more
  }
  return pages
}
