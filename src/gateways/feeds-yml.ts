/** Yandex Market Language, with our additions (domain/feeds.ts). Elements are told apart by their path; others are passed over. */
import {
  locationKinds,
  normalCategoryId,
  type FeedItem,
  type FeedLocation,
  type RawField,
  type RawOffer,
} from '#domain/feeds.ts'
import { cut, squeeze, textLanguage, type Texts } from '#domain/feed-text.ts'
import { FeedError } from './feeds-bytes.ts'
import { childrenOf, xmlReader, type XmlNode, type XmlRecord } from './feeds-xml.ts'

export const maxCategories = 50_000
export const maxLocations = 100
const maxCurrencies = 200

/** What a format does with each piece of text; `end` throws when something is missing. */
export type FormatReader = { write(text: string): void; end(): void }

export function ymlReader(emit: (item: FeedItem) => void): FormatReader {
  let sawOffer = false
  let categories = 0
  let locations = 0
  let currencies = 0
  const reader = xmlReader({
    isRecord(path) {
      const name = path.at(-1)
      const parent = path.at(-2)
      if (name === 'offer') return true
      if (name === 'category') return parent === 'categories'
      if (name === 'location') return parent === 'locations'
      if (name === 'currency') return parent === 'currencies'
      return name === 'name' && path.length === 3 && parent === 'shop'
    },
    record(node, _path, fail) {
      // Half a rate or half a place would make wrong prices and wrong stock of all offers.
      if (node.defect !== undefined && (node.name === 'currency' || node.name === 'location')) return fail(node.defect)
      if (node.name === 'offer') {
        sawOffer = true
        emit(offerItem(node, ymlFields(node)))
      } else if (node.name === 'category') {
        if (++categories > maxCategories) return fail(`more than ${maxCategories} categories`)
        const { attributes } = node
        const id = normalCategoryId(attributes['id'] ?? '')
        const title = readTitle(node)
        if (node.children.length === 0 || title.ru === undefined) {
          const own = squeeze(node.text)
          if (own !== '') title.ru ??= own
        }
        const parentId = normalCategoryId(attributes['parentid'] ?? '') || undefined
        if (id !== '' && Object.keys(title).length > 0) emit({ kind: 'category', category: { id, parentId, title } })
      } else if (node.name === 'location') {
        if (++locations > maxLocations) return fail(`more than ${maxLocations} locations`)
        const location = readLocation(node, fail)
        if (location) emit({ kind: 'location', location })
      } else if (node.name === 'currency') {
        if (++currencies > maxCurrencies) return fail(`more than ${maxCurrencies} currencies`)
        const { id: code = '', rate = '', plus = '' } = node.attributes
        emit({ kind: 'currency', currency: { code, rate, plus } })
      } else if (node.text.trim() !== '') {
        emit({ kind: 'shop', name: cut(squeeze(node.text), 100) })
      }
    },
  })
  return {
    write: (text) => reader.write(text),
    end() {
      const line = reader.end()
      if (!sawOffer) throw new FeedError(line, 'the feed has no offers')
    },
  }
}

/** An offer, or why it could not be read whole. */
export function offerItem(node: XmlRecord, fields: RawField[], attributes = node.attributes): FeedItem {
  const { line, defect } = node
  if (defect === undefined) return { kind: 'offer', offer: { line, attributes, fields } satisfies RawOffer }
  return { kind: 'problem', line, offerId: cut(squeeze(attributes['id'] ?? ''), 100), reason: defect }
}

function ymlFields(node: XmlNode): RawField[] {
  const fields: RawField[] = []
  for (const child of node.children) {
    for (const { name, attributes, text } of child.name === 'outlets' ? child.children : [child]) {
      fields.push({ name, attributes, text })
    }
  }
  return fields
}

function readTitle(node: XmlNode): Texts {
  const title: Texts = {}
  for (const child of [...childrenOf(node, 'name'), ...childrenOf(node, 'title')]) {
    const language = textLanguage(child.attributes)
    const text = squeeze(child.text)
    if (language && text !== '') title[language] ??= text
  }
  return title
}

/** `<location id kind city-code city>` with titles: our own addition to YML, ignored by other readers. */
function readLocation(node: XmlNode, fail: (reason: string) => void): FeedLocation | undefined {
  const { attributes } = node
  const kind = locationKinds.find((known) => known === attributes['kind'])
  const code = Number(attributes['city-code'])
  const id = squeeze(attributes['id'] ?? '')
  const name = squeeze(attributes['city'] ?? '')
  if (kind === undefined) fail(`a location's kind is one of ${locationKinds.join(', ')}`)
  else if (id === '' || id.length > 100) fail('a location has no id')
  else if (!Number.isInteger(code) || code <= 0) fail(`location "${id}" has no city-code`)
  else if (name === '') fail(`location "${id}" has no city`)
  else return { id, kind, title: readTitle(node), city: { code, name } }
  return undefined
}
