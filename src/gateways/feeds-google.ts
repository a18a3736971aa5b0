/**
 * Google Merchant: RSS 2.0 (`rss > channel > item`) and Atom (`feed > entry`) with `g:` fields, whatever the prefix.
 * https://support.google.com/merchants/answer/7052112 names the fields.
 */
import { type FeedItem, type RawField } from '#domain/feeds.ts'
import { cut, squeeze } from '#domain/feed-text.ts'
import { FeedError } from './feeds-bytes.ts'
import { childText, xmlReader, type XmlNode, type XmlRecord } from './feeds-xml.ts'
import { maxCategories, offerItem, type FormatReader } from './feeds-yml.ts'

/** What is called the same with us under another name. */
const fieldNames: Record<string, string> = {
  title: 'name',
  description: 'description',
  summary: 'description',
  image_link: 'picture',
  additional_image_link: 'picture',
  price: 'price',
  brand: 'vendor',
  mpn: 'vendorcode',
  gtin: 'barcode',
  shipping_weight: 'weight',
  adult: 'adult',
  quantity: 'count',
}
/** What sets variants apart, in the languages we have. */
const paramNames: Record<string, [string, string, string]> = {
  color: ['Цвет', 'Colour', '颜色'],
  size: ['Размер', 'Size', '尺码'],
  material: ['Материал', 'Material', '材质'],
  pattern: ['Узор', 'Pattern', '图案'],
  gender: ['Пол', 'Gender', '性别'],
  age_group: ['Возраст', 'Age group', '年龄'],
}

export function googleReader(emit: (item: FeedItem) => void): FormatReader {
  const category = categoryPaths(emit)
  let sawOffer = false
  const reader = xmlReader({
    isRecord(path) {
      const [name, parent] = [path.at(-1), path.at(-2)]
      if (name === 'item' || name === 'entry') return true
      return name === 'title' && (parent === 'channel' || parent === 'feed')
    },
    record(node, _path, fail) {
      if (node.name === 'title') {
        if (node.text.trim() !== '') emit({ kind: 'shop', name: cut(squeeze(node.text), 100) })
        return
      }
      sawOffer = true
      const fields = googleFields(node)
      const path = categoryPath(node)
      if (path !== '') fields.push(field('categoryid', category(path, fail)))
      emit(offerItem(node, fields, offerAttributes(node)))
    },
  })
  return {
    write: (text) => reader.write(text),
    end() {
      const line = reader.end()
      if (!sawOffer) throw new FeedError(line, 'the feed has no items')
    },
  }
}

/**
 * Categories that are written out with each offer, as a path: "Home > Kitchen".
 * @returns the id under which the last of the path was emitted.
 */
export function categoryPaths(
  emit: (item: FeedItem) => void,
): (path: string, fail: (reason: string) => void) => string {
  const known = new Set<string>()
  return (path, fail) => {
    const titles = path
      .split(/\s*(?:>|›|»|\||\s\/\s)\s*/)
      .map((title) => cut(squeeze(title), 100))
      .filter((title) => title !== '')
      .slice(0, 8)
    let id = ''
    for (const title of titles) {
      const parentId = id === '' ? undefined : id
      id = id === '' ? title : `${id} > ${title}`
      if (known.has(id)) continue
      known.add(id)
      if (known.size > maxCategories) fail(`more than ${maxCategories} categories`)
      emit({ kind: 'category', category: { id, parentId, title: { ru: title } } })
    }
    return id
  }
}

const bare = (name: string) => name.slice(name.indexOf(':') + 1)
const field = (name: string, text: string, attributes: Record<string, string> = {}): RawField => ({
  name,
  text,
  attributes,
})

function valueOf(node: XmlNode, name: string): string {
  return node.children.find((child) => bare(child.name) === name)?.text.trim() ?? ''
}

function offerAttributes(node: XmlRecord): Record<string, string> {
  const group = valueOf(node, 'item_group_id')
  return {
    id: valueOf(node, 'id') || childText(node, 'guid'),
    ...(group !== '' && { group_id: group }),
    available: valueOf(node, 'availability'),
  }
}

/** The shop's own path says more than Google's, which is often a number. */
function categoryPath(node: XmlNode): string {
  const google = valueOf(node, 'google_product_category')
  return valueOf(node, 'product_type') || (/^\d*$/.test(google) ? '' : google)
}

function googleFields(node: XmlNode): RawField[] {
  const dates = valueOf(node, 'sale_price_effective_date')
  return node.children.flatMap((child): RawField[] => {
    const name = bare(child.name)
    const text = child.text
    if (Object.hasOwn(fieldNames, name)) {
      // An Atom entry may have its own title beside Google's.
      return [field(fieldNames[name] ?? name, text)]
    }
    const [ru, en, zh] = paramNames[name] ?? []
    if (ru !== undefined && en !== undefined && zh !== undefined) {
      return [
        field('param', text, { name: ru }),
        field('param', text, { name: en, 'xml:lang': 'en' }),
        field('param', text, { name: zh, 'xml:lang': 'zh' }),
      ]
    }
    if (name === 'sale_price') return [field('saleprice', text, dates === '' ? {} : { dates })]
    if (name === 'product_detail') {
      return [field('param', valueOf(child, 'attribute_value'), { name: valueOf(child, 'attribute_name') })]
    }
    return []
  })
}
