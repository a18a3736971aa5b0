/**
 * CommerceML 2 as 1C sends it: `import.xml` with the goods and `offers.xml` with their prices and stock, in any order or
 * both in one file. Goods and prices are yielded as halves of offers; whoever stores them puts them together by the id, for
 * neither file fits into memory. What an `Ид` has after `#` is the variant.
 */
import type { FeedItem, RawField } from '#domain/feeds.ts'
import { cut, squeeze } from '#domain/feed-text.ts'
import { FeedError } from './feeds-bytes.ts'
import { childOf, childrenOf, childText, xmlReader, type XmlNode, type XmlRecord } from './feeds-xml.ts'
import { maxCategories, maxLocations, type FormatReader } from './feeds-yml.ts'

/** Properties and the values that they choose from are named by ids that goods refer to. */
const maxNames = 200_000
const maxPriceTypes = 100
/** In characters: hundreds of halves are in memory at once. What a description has beyond this nobody is shown. */
const maxHtml = 50_000
const maxHalf = 200_000
const tooLong = `longer than ${maxHalf} characters`
/** Prices that are for the shop, or for other shops. */
const notRetail = /закуп|опт(?!им)|себестоим|дилер|поставщик|purchase|wholesale|dealer|cost/i

/** One for all files of a feed. */
export type CommerceMl = {
  reader(): FormatReader
  /** @throws FeedError when half of the feed is missing. */
  end(): void
}

export function commerceMl(emit: (item: FeedItem) => void): CommerceMl {
  const properties = new Map<string, string>()
  const values = new Map<string, string>()
  const priceTypes = new Map<string, { currency: string; name: string }>()
  const warehouses = new Set<string>()
  let goods = 0
  let prices = 0
  let categories = 0

  /** The kind that is for everybody: by its name, or the only one that is not for somebody else. */
  const retailType = (): string | undefined => {
    const candidates = [...priceTypes].filter(([, { name }]) => !notRetail.test(name))
    const named = candidates.find(([, { name }]) => /розн|retail/i.test(name))
    return (named ?? (candidates.length === 1 ? candidates[0] : undefined))?.[0]
  }

  /** What is not surely the price for everybody is refused: a purchase price would be a gift. */
  const priceFields = (node: XmlNode): RawField[] => {
    const given = childrenOf(childOf(node, 'цены'), 'цена')
    const typeOf = (price: XmlNode) => childText(price, 'идтипацены')
    const wanted = retailType()
    const untyped = priceTypes.size === 0 && given.length === 1 ? given[0] : undefined
    const price = given.find((one) => wanted !== undefined && typeOf(one) === wanted) ?? untyped
    if (!price) return given.some((one) => childText(one, 'ценазаединицу') !== '') ? [field('otherprice', 'x')] : []
    const currency = childText(price, 'валюта') || (priceTypes.get(typeOf(price))?.currency ?? '')
    return [field('price', childText(price, 'ценазаединицу')), field('currencyid', currency)]
  }

  const priceItem = (node: XmlRecord): FeedItem => {
    const id = squeeze(childText(node, 'ид'))
    const [goodId = ''] = id.split('#')
    const { line, defect } = node
    if (defect !== undefined) return { kind: 'problem', line, offerId: cut(id, 100), reason: defect }
    const fields: RawField[] = [
      ...priceFields(node),
      field('variantname', childText(node, 'наименование')),
      field('barcode', childText(node, 'штрихкод')),
      field('vendorcode', childText(node, 'артикул')),
      ...characteristics(node),
      ...stockFields(node, warehouses),
    ]
    const attributes = { id, ...(goodId !== id && { group_id: goodId }), ...deletion(node) }
    const said = fields.filter(isSaid)
    if (lengthOf(said) > maxHalf) return { kind: 'problem', line, offerId: cut(id, 100), reason: tooLong }
    return { kind: 'price', goodId, offer: { line, attributes, fields: said } }
  }

  const goodItem = (node: XmlRecord): FeedItem => {
    const id = squeeze(childText(node, 'ид'))
    const { line } = node
    const defect = node.defect ?? (id.length > 100 ? 'id longer than 100 characters' : undefined)
    if (defect !== undefined) return { kind: 'problem', line, offerId: cut(id, 100), reason: defect }
    const fields: RawField[] = [
      field('name', childText(node, 'наименование')),
      field('description', cut(childText(node, 'описание'), maxHtml)),
      field('barcode', childText(node, 'штрихкод')),
      field('vendorcode', childText(node, 'артикул')),
      field('vendor', childText(childOf(node, 'изготовитель'), 'наименование') || childText(node, 'торговаямарка')),
      field('categoryid', childText(childOf(node, 'группы'), 'ид')),
      field('weight', childText(node, 'вес')),
      ...childrenOf(node, 'картинка').map((picture) => field('picture', picture.text)),
      ...characteristics(node),
    ]
    for (const one of childrenOf(childOf(node, 'значениясвойств'), 'значениясвойства')) {
      const name = properties.get(childText(one, 'ид')) ?? ''
      for (const { text } of childrenOf(one, 'значение')) {
        const value = values.get(text.trim()) ?? text
        if (name === '' || value.trim() === '') continue
        const isBrand = /^(?:бренд|производитель|торговая марка|марка|brand)$/i.test(name)
        fields.push(isBrand ? field('vendor', value) : field('param', value, { name }))
      }
    }
    for (const one of childrenOf(childOf(node, 'значенияреквизитов'), 'значениереквизита')) {
      const name = childText(one, 'наименование')
      if (/^вес$/i.test(name)) fields.push(field('weight', childText(one, 'значение')))
      if (/^описаниевформатеhtml$/i.test(name))
        fields.push(field('description', cut(childText(one, 'значение'), maxHtml)))
    }
    const said = fields.filter(isSaid)
    if (lengthOf(said) > maxHalf) return { kind: 'problem', line, offerId: id, reason: tooLong }
    return { kind: 'good', id, offer: { line, attributes: { id, ...deletion(node) }, fields: said } }
  }

  const reader = (): FormatReader => {
    /** The groups that are open, outermost first. */
    const groups: { id: string; title: string; isEmitted: boolean }[] = []
    const emitGroup = (fail: (reason: string) => void) => {
      const [group, parent] = [groups.at(-1), groups.at(-2)]
      if (!group || group.isEmitted || group.id === '' || group.title === '') return
      group.isEmitted = true
      if (++categories > maxCategories) fail(`more than ${maxCategories} categories`)
      emit({
        kind: 'category',
        category: { id: group.id, parentId: parent?.id || undefined, title: { ru: group.title } },
      })
    }
    let propertyId = ''
    const xml = xmlReader({
      isRecord(path) {
        const [name = '', parent = ''] = [path.at(-1), path.at(-2)]
        if (name === 'товар' || name === 'предложение') return true
        if (name === 'типцены' || name === 'справочник') return true
        if (name === 'склад') return parent === 'склады'
        if (name === 'наименование' && path.length === 3) return true
        return (name === 'ид' || name === 'наименование') && (parent === 'группа' || parent === 'свойство')
      },
      open(path, attributes, fail) {
        if (path.at(-1) === 'группа') groups.push({ id: '', title: '', isEmitted: false })
        if (/^(?:true|1|да)$/i.test(attributes['содержиттолькоизменения'] ?? '')) {
          fail('the file has only what changed: let 1C export the whole catalogue, for what is missing gets withdrawn')
        }
      },
      close(path) {
        if (path.at(-1) === 'группа') groups.pop()
      },
      record(node, path, fail) {
        const parent = path.at(-2)
        const text = squeeze(node.text)
        const group = groups.at(-1)
        // Half a kind of price or half a warehouse would make wrong prices and wrong stock of all goods.
        if (node.defect !== undefined && (node.name === 'типцены' || node.name === 'склад')) return fail(node.defect)
        if (node.name === 'товар') {
          goods += 1
          emit(goodItem(node))
        } else if (node.name === 'предложение') {
          prices += 1
          emit(priceItem(node))
        } else if (node.name === 'типцены') {
          const name = cut(childText(node, 'наименование'), 200)
          priceTypes.set(cut(childText(node, 'ид'), 100), { currency: cut(childText(node, 'валюта'), 20), name })
          if (priceTypes.size > maxPriceTypes) fail(`more than ${maxPriceTypes} kinds of price`)
        } else if (node.name === 'склад') {
          const id = cut(squeeze(childText(node, 'ид')), 100)
          const title = cut(squeeze(childText(node, 'наименование')), 100)
          if (id === '' || warehouses.has(id)) return
          warehouses.add(id)
          if (warehouses.size > maxLocations) return fail(`more than ${maxLocations} locations`)
          emit({
            kind: 'location',
            location: { id, kind: 'seller', title: title === '' ? {} : { ru: title }, city: undefined },
          })
        } else if (node.name === 'справочник') {
          values.set(cut(childText(node, 'идзначения'), 100), cut(squeeze(childText(node, 'значение')), 500))
          if (values.size > maxNames) fail(`more than ${maxNames} values of properties`)
        } else if (parent === 'свойство') {
          if (node.name === 'ид') propertyId = cut(text, 100)
          else properties.set(propertyId, cut(text, 100))
          if (properties.size > maxNames) fail(`more than ${maxNames} properties`)
        } else if (parent === 'группа' && group) {
          if (node.name === 'ид') group.id = cut(text, 100)
          else group.title = cut(text, 200)
          emitGroup(fail)
        }
      },
    })
    return { write: (text) => xml.write(text), end: () => void xml.end() }
  }

  return {
    reader,
    end() {
      if (goods === 0 && prices === 0) throw new FeedError(1, 'the feed has no goods')
      if (goods === 0) {
        throw new FeedError(
          1,
          'these are prices and stock without goods (offers.xml): give import.xml together with it',
        )
      }
      if (prices === 0) {
        throw new FeedError(1, 'these are goods without prices (import.xml): give offers.xml together with it')
      }
    },
  }
}

const field = (name: string, text: string, attributes: Record<string, string> = {}): RawField => ({
  name,
  text,
  attributes,
})

/** An empty element says nothing, and would hide what the other half says; but an empty count is not "enough". */
const isSaid = ({ name, text }: RawField) => name === 'outlet' || name === 'count' || text.trim() !== ''

const lengthOf = (fields: RawField[]): number =>
  fields.reduce((sum, { text, attributes }) => sum + text.length + Object.values(attributes).join('').length, 0)

function deletion(node: XmlNode): Record<string, string> {
  const isDeleted = /удал/i.test(node.attributes['статус'] ?? '') || childText(node, 'пометкаудаления') === 'true'
  return isDeleted ? { deleted: 'true' } : {}
}

function characteristics(node: XmlNode): RawField[] {
  return childrenOf(childOf(node, 'характеристикитовара'), 'характеристикатовара').map((one) =>
    field('param', childText(one, 'значение'), { name: childText(one, 'наименование') }),
  )
}

/** By warehouse where they are listed (2.04-2.08 write attributes, later versions `Остатки`), or the sum. */
function stockFields(node: XmlNode, warehouses: ReadonlySet<string>): RawField[] {
  const rests = childrenOf(childOf(node, 'остатки'), 'остаток')
  const byWarehouse = [
    ...childrenOf(node, 'склад').map(({ attributes }) => [attributes['идсклада'], attributes['количествонаскладе']]),
    ...rests.flatMap((rest) =>
      childrenOf(rest, 'склад').map((one) => [childText(one, 'ид'), childText(one, 'количество')]),
    ),
  ].flatMap(([id, instock]) => (id !== undefined && warehouses.has(id.trim()) ? [{ id: id.trim(), instock }] : []))
  const outlets = byWarehouse.map(({ id, instock = '' }) => field('outlet', '', { id, instock }))
  const sum = childOf(node, 'количество') ?? childOf(rests[0], 'количество')
  return outlets.length > 0 || !sum ? outlets : [field('count', sum.text)]
}
