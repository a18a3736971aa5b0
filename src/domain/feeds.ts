/**
 * From a seller's feed to our catalogue: what one offer means, or why it is refused. Feeds in the wild are careless
 * (prices with spaces, names in other tags, HTML in descriptions), so everything is read kindly except money:
 * a price that can be read in two ways is refused.
 * Long because each kindness is a few lines of its own, and all of them are what "an offer" means.
 */
import { currencyDigits, decimalToAmount } from './money.ts'

export const feedLanguages = ['ru', 'en', 'zh'] as const
export type FeedLanguage = (typeof feedLanguages)[number]
/** A text by language; what carries no language in a feed is taken as Russian. */
export type Texts = Partial<Record<FeedLanguage, string>>

/** One element inside an offer, as it stands. Attribute names are in lower case. */
export type RawField = { name: string; attributes: Record<string, string>; text: string }

export type RawOffer = { line: number; attributes: Record<string, string>; fields: RawField[] }

export type FeedCategory = { id: string; parentId: string | undefined; title: Texts }

export const locationKinds = ['local_warehouse', 'seller', 'cross_border', 'showroom'] as const
export type LocationKind = (typeof locationKinds)[number]
export type FeedLocation = { id: string; kind: LocationKind; title: Texts; cityCode: number; cityName: string }

/** What a feed reader yields, in the order of the file. */
export type FeedItem =
  | { kind: 'shop'; name: string }
  | { kind: 'category'; category: FeedCategory }
  | { kind: 'location'; location: FeedLocation }
  | { kind: 'offer'; offer: RawOffer }
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
  description: Texts
  vendor: string | undefined
  categoryId: string | undefined
  pictures: string[]
  params: FeedParam[]
  barcode: string | undefined
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
/** Feeds without counts say only "available": enough to sell, and the seller's next feed corrects it. */
export const uncountedStock = 100

const maxTitle = 250
const maxDescription = 5000
const maxId = 100
const maxPictures = 10
/** 100 billion of a two-digit currency: more is a defect of the feed. */
const maxAmount = 10n ** 13n

/** Decides what one offer means. Warnings name parts that were left out; the offer itself is kept. */
export function readOffer(raw: RawOffer): OfferVerdict {
  const id = squeeze(raw.attributes['id'] ?? '')
  const refuse = (reason: string): OfferVerdict => ({ ok: false, id, reason })
  if (id === '') return refuse('no id')
  if (id.length > maxId) return refuse(`id longer than ${maxId} characters`)

  const fields = groupBy(raw.fields, (field) => field.name)
  const first = (name: string) => squeeze(fields.get(name)?.[0]?.text ?? '')
  const warnings: string[] = []

  const title = readTitle(fields)
  if (Object.keys(title).length === 0) return refuse('no name')

  const priceText = first('price')
  if (priceText === '') return refuse('no price')
  const currency = normalCurrency(first('currencyid') || (/[A-Za-z]{3}\s*$/.exec(priceText)?.[0] ?? 'RUB'))
  if (currency === undefined) return refuse(`unknown currency "${cut(first('currencyid'), 20)}"`)
  const price = parseFeedPrice(priceText, currency)
  if (price === undefined) return refuse(`price cannot be read: "${cut(priceText, 30)}"`)
  if (price <= 0n) return refuse('price is zero or less')
  if (price > maxAmount) return refuse('price is too large')
  const oldPrice = parseFeedPrice(first('oldprice'), currency)

  const description = readDescription(fields.get('description') ?? [], title)
  return {
    ok: true,
    warnings,
    offer: {
      line: raw.line,
      id,
      productId: cut(squeeze(raw.attributes['group_id'] ?? ''), maxId) || id,
      title,
      description,
      vendor: cut(first('vendor'), 100) || undefined,
      categoryId: normalCategoryId(first('categoryid')) || undefined,
      pictures: readPictures(fields.get('picture') ?? []),
      params: readParams(fields.get('param') ?? []),
      barcode: (fields.get('barcode') ?? []).flatMap((field) => field.text.split(/[\s,;]+/)).find(isBarcode),
      price,
      oldPrice: oldPrice !== undefined && oldPrice > price && oldPrice <= maxAmount ? oldPrice : undefined,
      currency,
      weightGrams: readWeight(first('weight')),
      stock: readStock(raw, fields, first('count')),
      groupTerms: readGroupTerms(fields.get('group-buy')?.[0], price, currency, warnings),
    },
  }
}

/**
 * `1299`, `1 299,00`, `1,299.00`, `1299.00 RUB`, with any kind of space.
 * @returns minor units; undefined when it is not a price, or could mean two (`1.299`).
 */
export function parseFeedPrice(text: string, currency: string): bigint | undefined {
  const figure = text
    .replace(/[\s'’\u00A0\u2009\u202F]/g, '')
    .replace(/^[A-Za-z$€₽¥£₴₸]{1,4}/, '')
    .replace(/(?:[A-Za-z]{3}|руб\.?|р\.?|[$€₽¥£₴₸])$/i, '')
  if (!/^\d[\d.,]*$/.test(figure) || figure.length > 24) return undefined
  const comma = figure.lastIndexOf(',')
  const dot = figure.lastIndexOf('.')
  const thousands = /^\d{1,3}(?:([.,])\d{3})(?:\1\d{3})*$/
  if (comma >= 0 && dot >= 0) {
    const [whole, fraction] = [figure.slice(0, Math.max(comma, dot)), figure.slice(Math.max(comma, dot) + 1)]
    if (whole.includes(comma > dot ? ',' : '.') || !thousands.test(whole)) return undefined
    return figureToAmount(whole.replace(/[.,]/g, ''), fraction, currency)
  }
  const parts = figure.split(/[.,]/)
  if (parts.length > 2) return thousands.test(figure) ? figureToAmount(parts.join(''), '', currency) : undefined
  const [whole = '', fraction = ''] = parts
  if (thousands.test(figure) && currencyDigits(currency) < 3) {
    // `1,299` is a thousand in every feed seen; `1.299` is that in some countries and a computed fraction in others.
    return comma >= 0 ? figureToAmount(whole + fraction, '', currency) : undefined
  }
  return figureToAmount(whole, fraction, currency)
}

/** Computed prices come with long fractions (`1299.9999`): rounded half up to the currency's smallest unit. */
function figureToAmount(whole: string, fraction: string, currency: string): bigint | undefined {
  const digits = currencyDigits(currency)
  const exact = decimalToAmount(digits === 0 ? whole : `${whole}.${(fraction + '000').slice(0, digits)}`, currency)
  return exact !== undefined && Number(fraction[digits] ?? '0') >= 5 ? exact + 1n : exact
}

/** `RUR` is what feeds call the rouble since before 1998. */
function normalCurrency(text: string): string | undefined {
  const code = text.trim().toUpperCase()
  if (code === 'RUR') return 'RUB'
  return /^[A-Z]{3}$/.test(code) ? code : undefined
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

const namedEntities: Record<string, string> = {
  amp: '&',
  lt: '<',
  gt: '>',
  quot: '"',
  apos: "'",
  nbsp: ' ',
  laquo: '«',
  raquo: '»',
  mdash: '—',
  ndash: '–',
  hellip: '…',
  bull: '•',
  deg: '°',
  times: '×',
  copy: '©',
  reg: '®',
  trade: '™',
  rsquo: '’',
  lsquo: '‘',
  ldquo: '“',
  rdquo: '”',
}

/** HTML to plain text: line ends where blocks end, no scripts, entities decoded once. Linear in the length of the text. */
export function htmlToText(html: string): string {
  const [head = '', ...rest] = html.split('<')
  let text = head
  let skipping: string | undefined
  for (const piece of rest) {
    const end = piece.indexOf('>')
    const tag = /^\/?([a-z][a-z0-9]*)(?=[\s/>])|^!/i.exec(piece)
    if (!tag || end < 0) {
      // "temperature < 5" is not a tag.
      if (skipping === undefined) text += `<${piece}`
      continue
    }
    const name = (tag[1] ?? '').toLowerCase()
    const isClosing = piece.startsWith('/')
    if (skipping !== undefined) {
      if (!isClosing || name !== skipping) continue
      skipping = undefined
    } else if (!isClosing && (name === 'script' || name === 'style')) {
      skipping = name
      continue
    }
    if (name === 'li' && !isClosing) text += '\n• '
    else if (/^(?:br|p|div|tr|ul|ol|h[1-6]|table|section)$/.test(name)) text += '\n'
    else if (name === 'td' || name === 'th') text += ' '
    text += piece.slice(end + 1)
  }
  return decodeEntities(text)
    .replace(/\r\n?/g, '\n')
    .split('\n')
    .map(squeeze)
    .join('\n')
    .replace(/\n{3,}/g, '\n\n')
    .replace(/(?:^|\n)•(?=\n|$)/g, '')
    .trim()
}

function decodeEntities(text: string): string {
  return text.replace(/&(?:#(\d{1,7})|#x([\da-f]{1,6})|([a-z]{2,8}));/gi, (whole, decimal, hex, name) => {
    if (name !== undefined) return namedEntities[String(name).toLowerCase()] ?? whole
    const code = decimal === undefined ? Number.parseInt(String(hex), 16) : Number(decimal)
    const isText = code >= 32 && code <= 0x10ffff && !(code >= 0xd800 && code <= 0xdfff)
    return isText ? String.fromCodePoint(code) : ' '
  })
}

/** The language of an element by `xml:lang`; undefined for a language we do not speak. */
export function textLanguage(attributes: Record<string, string>): FeedLanguage | undefined {
  const tag = attributes['xml:lang'] ?? attributes['lang']
  if (tag === undefined) return 'ru'
  const code = tag.toLowerCase().split(/[-_]/)[0]
  return feedLanguages.find((language) => language === code)
}

type Fields = Map<string, RawField[]>

function readTitle(fields: Fields): Texts {
  const title: Texts = {}
  for (const field of fields.get('name') ?? []) {
    const language = textLanguage(field.attributes)
    const text = cut(squeeze(htmlToText(field.text)), maxTitle)
    if (language && text !== '') title[language] ??= text
  }
  if (title.ru !== undefined) return title
  const plain = (name: string) => squeeze(htmlToText(fields.get(name)?.[0]?.text ?? ''))
  // YML's second way of naming (offer type vendor.model), then what multilingual feeds of neighbours carry.
  const model = plain('model')
  const composed =
    model === '' ? '' : [plain('typeprefix'), plain('vendor'), model].filter((part) => part !== '').join(' ')
  const text = cut(composed || plain('name_ru') || plain('name_ua'), maxTitle)
  return text === '' ? title : { ru: text, ...title }
}

function readDescription(fields: RawField[], title: Texts): Texts {
  const description: Texts = {}
  for (const field of fields) {
    const language = textLanguage(field.attributes)
    const text = cut(htmlToText(field.text), maxDescription)
    // Exports fill an empty description with the name: showing it twice helps nobody.
    if (language && text !== '' && text !== title[language]) description[language] ??= text
  }
  return description
}

function readPictures(fields: RawField[]): string[] {
  const values = fields.flatMap((field) => field.text.split(/[\s|]+|[,;](?=\s*https?:)/))
  return [...new Set(values.filter((value) => value !== '' && value.length <= 2048))].slice(0, maxPictures)
}

function readParams(fields: RawField[]): FeedParam[] {
  return fields.flatMap((field) => {
    const language = textLanguage(field.attributes)
    const name = cut(squeeze(field.attributes['name'] ?? ''), 60)
    const unit = squeeze(field.attributes['unit'] ?? '')
    const value = squeeze(htmlToText(field.text))
    if (!language || name === '' || value === '') return []
    return [{ name, value: cut(unit === '' ? value : `${value} ${unit}`, 120), language }]
  })
}

/** YML weighs in kilograms. */
function readWeight(text: string): number {
  const match = /^(\d{1,6}(?:[.,]\d{1,6})?)(?:\s*(?:кг|kg)\.?)?$/i.exec(text)
  const grams = match ? Math.round(Number(match[1]?.replace(',', '.')) * 1000) : 0
  return grams > 0 && grams <= 1_000_000 ? grams : defaultWeightGrams
}

function readStock(raw: RawOffer, fields: Fields, count: string): FeedOffer['stock'] {
  const isAvailable = (raw.attributes['available'] ?? 'true').trim().toLowerCase() !== 'false'
  const outlets = fields.get('outlet') ?? []
  if (outlets.length === 0) {
    return [{ locationId: undefined, onHand: isAvailable ? (toCount(count) ?? uncountedStock) : 0 }]
  }
  // One element per location is the rule; repeated ones are parts of the same shelf.
  const byLocation = groupBy(outlets, (outlet) => squeeze(outlet.attributes['id'] ?? ''))
  return [...byLocation].map(([locationId, parts]) => ({
    locationId,
    onHand: isAvailable ? parts.reduce((sum, part) => sum + (toCount(part.attributes['instock'] ?? '') ?? 0), 0) : 0,
  }))
}

function toCount(text: string): number | undefined {
  const match = /^\s*[<>]?\s*(\d{1,7})(?:[.,]\d+)?\s*$/.exec(text)
  return match ? Number(match[1]) : undefined
}

function readGroupTerms(
  field: RawField | undefined,
  price: bigint,
  currency: string,
  warnings: string[],
): FeedGroupTerms | undefined {
  if (!field) return undefined
  const ignore = (reason: string) => {
    warnings.push(`group terms left out: ${reason}`)
    return undefined
  }
  const size = Number(field.attributes['size'])
  if (!Number.isInteger(size) || size < 2 || size > 10_000) return ignore('size must be 2 to 10000')
  const groupPrice = parseFeedPrice(field.attributes['price'] ?? '', currency)
  if (groupPrice === undefined || groupPrice <= 0n) return ignore('price cannot be read')
  if (groupPrice >= price) return ignore('the group price is not lower than the price')
  const hours = Number(field.attributes['lifetime-hours'] ?? '24')
  const lifetimeMinutes = Math.round(hours * 60)
  if (!(lifetimeMinutes >= 1 && lifetimeMinutes <= 60 * 24 * 30)) return ignore('lifetime must be up to 720 hours')
  return { size, price: groupPrice, lifetimeMinutes }
}

/** `Map.groupBy`, which Node 20 does not have. */
function groupBy<T>(items: readonly T[], keyOf: (item: T) => string): Map<string, T[]> {
  const groups = new Map<string, T[]>()
  for (const item of items) {
    const group = groups.get(keyOf(item))
    if (group) group.push(item)
    else groups.set(keyOf(item), [item])
  }
  return groups
}

/** One line, single spaces, no control characters (PostgreSQL refuses NUL). */
function squeeze(text: string): string {
  // eslint-disable-next-line no-control-regex -- control characters are what is removed
  return text.replace(/[\s\u0000-\u001F\u007F\u200B\uFEFF]+/g, ' ').trim()
}

/** Never in the middle of a character. */
function cut(text: string, length: number): string {
  if (text.length <= length) return text
  const whole = text.slice(0, length)
  return (/[\uD800-\uDBFF]$/.test(whole) ? whole.slice(0, -1) : whole).trimEnd()
}

/** What one product is, folded from its offers in the order of the feed. */
export type FeedProduct = {
  id: string
  title: Texts
  description: Texts
  vendor: string | undefined
  categoryId: string | undefined
  pictures: string[]
  currency: string
  terms: { size: number; lifetimeMinutes: number } | undefined
  variants: (FeedOffer & { options: Partial<Record<FeedLanguage, Record<string, string>>> })[]
}

/** @param offers of one product, at least one. Terms whose size differs from the first are told in `warnings`. */
export function foldProduct(offers: readonly [FeedOffer, ...FeedOffer[]]): {
  product: FeedProduct
  warnings: { line: number; offerId: string; reason: string }[]
} {
  const [first] = offers
  const leading = offers.find((offer) => offer.groupTerms)?.groupTerms
  const warnings: { line: number; offerId: string; reason: string }[] = []
  const variants = offers.map((offer) => {
    const terms = offer.groupTerms
    const isOdd =
      terms !== undefined && (terms.size !== leading?.size || terms.lifetimeMinutes !== leading.lifetimeMinutes)
    if (isOdd) {
      const reason = 'group terms left out: size or lifetime differs from the other variants of the product'
      warnings.push({ line: offer.line, offerId: offer.id, reason })
    }
    return { ...offer, groupTerms: isOdd ? undefined : terms, options: optionsOf(offer, offers) }
  })
  return {
    warnings,
    product: {
      id: first.productId,
      title: first.title,
      description: first.description,
      vendor: first.vendor,
      categoryId: first.categoryId,
      pictures: [...new Set(offers.flatMap((offer) => offer.pictures))].slice(0, maxPictures),
      currency: first.currency,
      terms: leading && { size: leading.size, lifetimeMinutes: leading.lifetimeMinutes },
      variants,
    },
  }
}

/** The parameters in which siblings differ. Where none does, the name or the id has to tell them apart. */
function optionsOf(offer: FeedOffer, siblings: readonly FeedOffer[]): FeedProduct['variants'][number]['options'] {
  if (siblings.length === 1) return {}
  const options: FeedProduct['variants'][number]['options'] = {}
  const valueIn = (other: FeedOffer, { name, language }: FeedParam) =>
    other.params.find((param) => param.name === name && param.language === language)?.value
  for (const param of offer.params) {
    if (siblings.every((other) => valueIn(other, param) === param.value)) continue
    const inLanguage = (options[param.language] ??= {})
    inLanguage[param.name] ??= param.value
  }
  if (Object.keys(options).length > 0) return options
  const names = new Set(siblings.map((other) => other.title.ru))
  return { ru: { Вариант: names.size === siblings.length ? (offer.title.ru ?? offer.id) : offer.id } }
}
