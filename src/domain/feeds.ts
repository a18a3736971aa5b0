/**
 * From a seller's feed to our catalogue: what one offer means, or why it is refused. Feeds in the wild are careless
 * (prices with spaces, names in other tags, HTML in descriptions), so everything is read kindly except money.
 * Readers of all formats name their fields as YML does, so that what an offer means is decided here alone. Our additions
 * to YML, which other readers pass over:
 * - `xml:lang` on names, descriptions and parameters; none means Russian;
 * - `<locations>` in the shop (see {@link FeedLocation}), and `<outlet id instock>` in an offer;
 * - `<group-buy size price lifetime-hours>`: terms for buying together;
 * - `<perishable cities="44 137">true</perishable>`: goods that do not keep, and the carrier's codes of the cities they
 *   are sold to; without any they are sold everywhere.
 */
import {
  normalCurrency,
  parseFeedPrice,
  toRoubles,
  type FeedCurrency,
  type RoubleRate,
  type RoubleRates,
} from './feed-prices.ts'
import { readCount, saysAvailable } from './feed-stock.ts'
import { cut, htmlToText, squeeze, textLanguage, type FeedLanguage, type Texts } from './feed-text.ts'

/** One element inside an offer, as it stands. Attribute names are in lower case. */
export type RawField = { name: string; attributes: Record<string, string>; text: string }

export type RawOffer = { line: number; attributes: Record<string, string>; fields: RawField[] }

export type FeedCategory = { id: string; parentId: string | undefined; title: Texts }

export const locationKinds = ['local_warehouse', 'seller', 'cross_border', 'showroom'] as const
export type LocationKind = (typeof locationKinds)[number]
/** @property city undefined when the feed does not say where it is: what is known of it stays then. */
export type FeedLocation = {
  id: string
  kind: LocationKind
  title: Texts
  city: { code: number; name: string } | undefined
}

/** What a feed reader yields, in the order of the file. */
export type FeedItem =
  | { kind: 'shop'; name: string }
  | { kind: 'category'; category: FeedCategory }
  | { kind: 'location'; location: FeedLocation }
  | { kind: 'currency'; currency: FeedCurrency }
  | { kind: 'offer'; offer: RawOffer }
  /** Half of an offer, where a format keeps goods apart from their prices: all parts of a `good` make its offers. */
  | { kind: 'good'; id: string; offer: RawOffer }
  | { kind: 'price'; goodId: string; offer: RawOffer }
  /** An offer that could not even be read. */
  | { kind: 'problem'; line: number; offerId: string; reason: string }

export type FeedParam = { name: string; value: string; language: FeedLanguage }

/** Terms for buying together. `price` in minor units of the offer's currency. */
export type FeedGroupTerms = { size: number; price: bigint; lifetimeMinutes: number }

/** One variant as a feed describes it, with all that its product needs. Money in minor units of `currency`. */
export type FeedOffer = {
  line: number
  id: string
  /** The feed's group of variants, or the offer itself. */
  productId: string
  title: Texts
  /** What this variant alone is called, where that is more than its product. */
  variantTitle: string | undefined
  description: Texts
  vendor: string | undefined
  vendorCode: string | undefined
  categoryId: string | undefined
  pictures: string[]
  params: FeedParam[]
  barcode: string | undefined
  isAdult: boolean
  isPerishable: boolean
  /** The carrier's codes of the cities that it is sold to; none: everywhere. */
  cities: number[]
  price: bigint
  oldPrice: bigint | undefined
  currency: string
  weightGrams: number
  /** By the feed's own location id; undefined means the first location. */
  stock: { locationId: string | undefined; onHand: number }[]
  groupTerms: FeedGroupTerms | undefined
}

export type OfferVerdict =
  | { ok: true; offer: FeedOffer; warnings: string[] }
  | { ok: false; id: string; reason: string }

/** What an offer weighs when its feed does not say. */
export const defaultWeightGrams = 500
/** Offers without any count say only "available": enough to sell, and the seller's next feed corrects it. */
export const uncountedStock = 100

const maxTitle = 250
const maxDescription = 5000
const maxId = 100
export const maxPictures = 10
const maxParams = 100
const maxCities = 500
/** 100 billion of a two-digit currency: more is a defect of the feed. */
const maxAmount = 10n ** 13n

/** What an offer means beside itself: the feed's currencies, and the time for prices that end. */
export type OfferContext = { rates?: RoubleRates; now?: Date }

/** Decides what one offer means. Warnings name parts that were left out; the offer itself is kept. */
export function readOffer(raw: RawOffer, { rates, now }: OfferContext = {}): OfferVerdict {
  const id = squeeze(raw.attributes['id'] ?? '')
  if (id === '') return refuse(id, 'no id')
  if (isYes(raw.attributes['deleted'] ?? '')) return refuse(id, 'marked as deleted')
  if (id.length > maxId) return refuse(id, `id longer than ${maxId} characters`)

  const { fields } = raw
  const warnings: string[] = []

  const title = readTitle(fields)
  if (Object.keys(title).length === 0) return refuse(id, 'no name')

  const sale = salePrice(fieldOf(fields, 'saleprice'), now)
  const priceText = sale ?? textOf(fields, 'price')
  if (priceText === '') return refuse(id, fieldOf(fields, 'otherprice') ? 'no retail price' : 'no price')
  const written = textOf(fields, 'currencyid') || (/[A-Za-z]{3}\s*$/.exec(priceText)?.[0] ?? 'RUB')
  const ownCurrency = normalCurrency(written)
  if (ownCurrency === undefined) return refuse(id, `unknown currency "${cut(written, 20)}"`)
  const rate = rates?.get(ownCurrency)
  if (typeof rate === 'string') return refuse(id, rate)
  const currency = rate ? 'RUB' : ownCurrency
  const price = readAmount(priceText, ownCurrency, rate)
  if (price === undefined) return refuse(id, `price cannot be read: "${cut(priceText, 30)}"`)
  if (price <= 0n) return refuse(id, 'price is zero or less')
  if (price > maxAmount) return refuse(id, 'price is too large')
  const oldText = textOf(fields, sale === undefined ? 'oldprice' : 'price')
  const oldPrice = oldText === '' ? undefined : readAmount(oldText, ownCurrency, rate)

  const perishable = fieldOf(fields, 'perishable')
  const isPerishable = perishable !== undefined && !/^(?:false|no|нет|0)$/i.test(squeeze(perishable.text))
  return {
    ok: true,
    warnings,
    offer: {
      line: raw.line,
      id,
      productId: cut(squeeze(raw.attributes['group_id'] ?? ''), maxId) || id,
      title,
      description: readDescription(fields, title),
      variantTitle: cut(textOf(fields, 'variantname'), maxTitle) || undefined,
      vendor: cut(squeeze(htmlToText(textOf(fields, 'vendor'))), 100) || undefined,
      vendorCode: cut(textOf(fields, 'vendorcode'), maxId) || undefined,
      categoryId: normalCategoryId(textOf(fields, 'categoryid')) || undefined,
      pictures: readPictures(fields),
      params: readParams(fields),
      barcode: readBarcode(fields),
      isAdult: isYes(textOf(fields, 'adult')) || isForAdults(fieldOf(fields, 'age')),
      isPerishable,
      cities: isPerishable ? readCities(perishable.attributes['cities'] ?? '') : [],
      price,
      oldPrice: oldPrice !== undefined && oldPrice > price && oldPrice <= maxAmount ? oldPrice : undefined,
      currency,
      weightGrams: readWeight(textOf(fields, 'weight')),
      stock: readStock(raw, warnings),
      groupTerms: readGroupTerms(fieldOf(fields, 'group-buy'), price, ownCurrency, rate, warnings),
    },
  }
}

function refuse(id: string, reason: string): OfferVerdict {
  return { ok: false, id: cut(id, maxId), reason }
}

/** The first of that name. Offers have a dozen fields: looking through them costs less than a map of them. */
function fieldOf(fields: readonly RawField[], name: string): RawField | undefined {
  for (const field of fields) if (field.name === name) return field
  return undefined
}

function textOf(fields: readonly RawField[], name: string): string {
  return squeeze(fieldOf(fields, name)?.text ?? '')
}

/** Minor units of the currency, or of the rouble when it has a rate. */
function readAmount(text: string, currency: string, rate: RoubleRate | undefined): bigint | undefined {
  const amount = parseFeedPrice(text, currency)
  return amount !== undefined && rate ? toRoubles(amount, currency, rate) : amount
}

/** Spreadsheets turn ids into `122072.0`. */
export function normalCategoryId(text: string): string {
  return squeeze(text).replace(/^(\d+)\.0+$/, '$1')
}

/** A product code with a right check digit: EAN-8, UPC-A, EAN-13 or GTIN-14 (GS1 General Specifications, 7.9). */
export function isBarcode(text: string): boolean {
  if (!/^(?:\d{8}|\d{12,14})$/.test(text) || /^0+$/.test(text)) return false
  const sum = text
    .split('')
    .toReversed()
    .reduce((sum, digit, at) => sum + Number(digit) * (at % 2 === 1 ? 3 : 1), 0)
  return sum % 10 === 0
}

function readTitle(fields: readonly RawField[]): Texts {
  const title: Texts = {}
  for (const field of fields) {
    if (field.name !== 'name') continue
    const language = textLanguage(field.attributes)
    const text = cut(squeeze(htmlToText(field.text)), maxTitle)
    if (language && text !== '') title[language] ??= text
  }
  if (title.ru !== undefined) return title
  const plain = (name: string) => squeeze(htmlToText(fieldOf(fields, name)?.text ?? ''))
  // YML's second way of naming (offer type vendor.model), then what multilingual feeds of neighbours carry.
  const model = plain('model')
  const composed =
    model === '' ? '' : [plain('typeprefix'), plain('vendor'), model].filter((part) => part !== '').join(' ')
  const text = cut(composed || plain('name_ru') || plain('name_ua') || plain('variantname'), maxTitle)
  return text === '' ? title : { ru: text, ...title }
}

function readDescription(fields: readonly RawField[], title: Texts): Texts {
  const description: Texts = {}
  for (const field of fields) {
    if (field.name !== 'description') continue
    const language = textLanguage(field.attributes)
    const text = cut(htmlToText(field.text), maxDescription)
    // Exports fill an empty description with the name: showing it twice helps nobody.
    if (language && text !== '' && text !== title[language]) description[language] ??= text
  }
  return description
}

function readPictures(fields: readonly RawField[]): string[] {
  const pictures: string[] = []
  for (const field of fields) {
    if (field.name !== 'picture' || pictures.length === maxPictures) continue
    for (const value of field.text.split(/[\s|\p{Surrogate}\p{Cc}]+|[,;](?=\s*https?:)/u)) {
      if (value === '' || value.length > 2048 || pictures.includes(value)) continue
      if (pictures.length < maxPictures) pictures.push(value)
    }
  }
  return pictures
}

function readParams(fields: readonly RawField[]): FeedParam[] {
  const params: FeedParam[] = []
  let count = 0
  for (const field of fields) {
    if (field.name !== 'param' || ++count > maxParams) continue
    const language = textLanguage(field.attributes)
    const name = cut(squeeze(field.attributes['name'] ?? ''), 60)
    const unit = squeeze(field.attributes['unit'] ?? '')
    const value = squeeze(htmlToText(field.text))
    if (!language || name === '' || value === '') continue
    params.push({ name, value: cut(unit === '' ? value : `${value} ${unit}`, 120), language })
  }
  return params
}

function readBarcode(fields: readonly RawField[]): string | undefined {
  for (const field of fields) {
    const barcode = field.name === 'barcode' ? field.text.split(/[\s,;]+/).find(isBarcode) : undefined
    if (barcode !== undefined) return barcode
  }
  return undefined
}

const gramsPerUnit: Record<string, number> = { г: 1, гр: 1, g: 1, lb: 453.59237, oz: 28.349523125 }

/** YML weighs in kilograms, and so does a weight without a unit. */
function readWeight(text: string): number {
  if (text === '') return defaultWeightGrams
  const match = /^(\d{1,6}(?:[.,]\d{1,6})?)\s*(кг|kg|гр?|g|lb|oz)?\.?$/i.exec(text)
  const unit = gramsPerUnit[match?.[2]?.toLowerCase() ?? ''] ?? 1000
  const grams = match ? Math.round(Number(match[1]?.replace(',', '.')) * unit) : 0
  return grams > 0 && grams <= 1_000_000 ? grams : defaultWeightGrams
}

function readStock({ attributes, fields }: RawOffer, warnings: string[]): FeedOffer['stock'] {
  const isAvailable = saysAvailable(attributes['available'] ?? '')
  const outlets = fields.filter((field) => field.name === 'outlet')
  if (outlets.length === 0) {
    const count = fieldOf(fields, 'count')
    const onHand = !isAvailable ? 0 : count ? readOnHand(count.text, warnings) : uncountedStock
    return [{ locationId: undefined, onHand }]
  }
  // One element per location is the rule; repeated ones are parts of the same shelf.
  const byLocation = groupBy(outlets, (outlet) => squeeze(outlet.attributes['id'] ?? ''))
  return [...byLocation].map(([locationId, parts]) => ({
    locationId,
    onHand: isAvailable
      ? parts.reduce((sum, part) => sum + readOnHand(part.attributes['instock'] ?? '', warnings), 0)
      : 0,
  }))
}

function readOnHand(text: string, warnings: string[]): number {
  const count = readCount(text)
  if (count === 'some') return uncountedStock
  if (count === undefined) {
    const said = cut(squeeze(text), 30)
    warnings.push(`none is sold: the count ${said === '' ? 'is empty' : `cannot be read: "${said}"`}`)
  }
  return count ?? 0
}

function readGroupTerms(
  field: RawField | undefined,
  price: bigint,
  currency: string,
  rate: RoubleRate | undefined,
  warnings: string[],
): FeedGroupTerms | undefined {
  if (!field) return undefined
  const ignore = (reason: string) => {
    warnings.push(`group terms left out: ${reason}`)
    return undefined
  }
  const size = Number(field.attributes['size'])
  if (!Number.isInteger(size) || size < 2 || size > 10_000) return ignore('size must be 2 to 10000')
  const groupPrice = readAmount(field.attributes['price'] ?? '', currency, rate)
  if (groupPrice === undefined || groupPrice <= 0n) return ignore('price cannot be read')
  if (groupPrice >= price) return ignore('the group price is not lower than the price')
  const hours = Number(field.attributes['lifetime-hours'] ?? '24')
  const lifetimeMinutes = Math.round(hours * 60)
  if (!(lifetimeMinutes >= 1 && lifetimeMinutes <= 60 * 24 * 30)) return ignore('lifetime must be up to 720 hours')
  return { size, price: groupPrice, lifetimeMinutes }
}

/** The lower price of an offer while it is in force. @returns undefined when there is none, or not now. */
function salePrice(field: RawField | undefined, now: Date | undefined): string | undefined {
  const text = squeeze(field?.text ?? '')
  if (!field || text === '') return undefined
  const dates = field.attributes['dates']
  if (dates === undefined) return text
  const [from, until] = dates.split('/').map((date) => new Date(date.trim()).getTime())
  // A period that cannot be read is no period: the higher price is the one that surely holds.
  const isNow = now !== undefined && from !== undefined && until !== undefined && from <= +now && +now < until
  return isNow ? text : undefined
}

function isYes(text: string): boolean {
  return /^(?:true|yes|да|1|\+|18\+?)$/i.test(text)
}

/** YML counts in years unless it says months. */
function isForAdults(field: RawField | undefined): boolean {
  if (!field || /^month/i.test(field.attributes['unit'] ?? '')) return false
  return Number(/^\s*(\d{1,3})\s*\+?\s*$/.exec(field.text)?.[1] ?? 0) >= 18
}

/** The carrier's codes, each once and in order. */
function readCities(text: string): number[] {
  const codes = text.split(/[\s,;]+/).map((code) => (/^\d{1,9}$/.test(code) ? +code : 0))
  return [...new Set(codes.filter((code) => code > 0))].sort((a, b) => a - b).slice(0, maxCities)
}

/** `Map.groupBy`, which Node 20 does not have. */
export function groupBy<T>(items: readonly T[], keyOf: (item: T) => string): Map<string, T[]> {
  const groups = new Map<string, T[]>()
  for (const item of items) {
    const key = keyOf(item)
    const group = groups.get(key)
    if (group) group.push(item)
    else groups.set(key, [item])
  }
  return groups
}
