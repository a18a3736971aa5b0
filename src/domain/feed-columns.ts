/** What the columns of a seller's table mean: people name them as they like, so it is guessed and they confirm it. */

/** Fields of an offer that a column may hold. `category` is a path ("Home > Kitchen"); `param` is named by its header. */
export const csvFields = [
  'id',
  'group_id',
  'name',
  'description',
  'price',
  'oldprice',
  'currency',
  'category',
  'picture',
  'vendor',
  'vendorcode',
  'barcode',
  'count',
  'available',
  'weight',
  'age',
  'adult',
  'param',
] as const
export type CsvField = (typeof csvFields)[number]

/** By the header as it stands in the file, without spaces around it. Columns that are missing here are passed over. */
export type CsvMapping = Record<string, CsvField>

/** Without these nothing can be sold. */
export const neededCsvFields = ['id', 'name', 'price'] as const satisfies CsvField[]

/** The first that matches decides. Headers are folded: small letters, ё as е, and one space between words. */
const guesses: [RegExp, CsvField][] = [
  [/^(?:id|ид|sku id|offer id|product id|id товара|ид товара|код товара|код|sku|внешний код|external id)$/, 'id'],
  [/^(?:group id|item group id|parent(?: id| sku)?|id группы|ид группы|группа вариантов|модель id)$/, 'group_id'],
  [/^(?:артикул|article|vendor ?code|mpn|код производителя|part number|артикул производителя)$/, 'vendorcode'],
  [
    /^(?:старая цена|цена до скидки|old ?price|compare at price|list price|цена без скидки|зачеркнутая цена)/,
    'oldprice',
  ],
  [/^(?:валюта|currency(?: ?id)?|currency code)$/, 'currency'],
  [
    /^(?:цена|price|стоимость|розничная цена|sale price|retail price|unit price)\b|^(?:цена|стоимость|розничная цена)(?: |,|\(|$)/,
    'price',
  ],
  [
    /^(?:название|наименование|имя|товар|name|title|product(?: name)?|название товара|наименование товара|номенклатура)$/,
    'name',
  ],
  [/^(?:описание|description|body(?: html)?|полное описание|описание товара|about)$/, 'description'],
  [
    /^(?:категория|category(?: ?id)?|раздел|рубрика|группа|группа товаров|product type|categories|категории)$/,
    'category',
  ],
  [
    /^(?:фото|картинк|изображени|picture|image|photo|ссылка на (?:фото|картинк|изображени)|url (?:фото|картинк|изображени))/,
    'picture',
  ],
  [/^(?:бренд|brand|vendor|производитель|марка|manufacturer|торговая марка)$/, 'vendor'],
  [/^(?:штрих ?-?код|barcode|ean(?: ?13)?|gtin|upc|шк)$/, 'barcode'],
  [
    /^(?:количество|остаток|остатки|кол-?во|count|quantity|qty|stock|in stock qty|на складе|остаток на складе|доступно)$/,
    'count',
  ],
  [/^(?:в наличии|наличие|available|availability|in stock|статус)$/, 'available'],
  [/^(?:вес|weight)(?:$| |,|\()/, 'weight'],
  [/^(?:возраст|возрастное ограничение|age)$/, 'age'],
  [/^(?:для взрослых|18\+|adult|взрослый)$/, 'adult'],
  [
    /^(?:цвет|размер|материал|объем|colou?r|size|material|volume|пол|состав|мощность|страна|длина|ширина|высота)$/,
    'param',
  ],
]

/** A proposal: each field that can stand once is given to the first column that looks like it. */
export function guessMapping(headers: readonly string[]): CsvMapping {
  const mapping: CsvMapping = {}
  const given = new Set<CsvField>()
  const give = (header: string, field: CsvField) => {
    if (header === '' || Object.hasOwn(mapping, header)) return
    if (given.has(field) && field !== 'picture' && field !== 'param') return
    mapping[header] = field
    given.add(field)
  }
  for (const header of headers.map((text) => text.trim())) {
    const found = guesses.find(([pattern]) => pattern.test(foldHeader(header)))
    if (found) give(header, found[1])
    const param = /^(?:param|параметр|характеристика|свойство)\s*[:.]/i.test(header)
    if (!found && param) give(header, 'param')
  }
  // A price list often knows its goods by the article alone.
  if (!given.has('id')) {
    const header = Object.keys(mapping).find((one) => mapping[one] === 'vendorcode' || mapping[one] === 'barcode')
    if (header !== undefined) mapping[header] = 'id'
  }
  return mapping
}

/** @returns what is still missing for a table to be imported. */
export function missingFields(mapping: CsvMapping): CsvField[] {
  const given = new Set(Object.values(mapping))
  return neededCsvFields.filter((field) => !given.has(field))
}

/** A mapping as it was stored. @returns undefined when it is none. */
export function toCsvMapping(value: unknown): CsvMapping | undefined {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return undefined
  const entries = Object.entries(value).flatMap(([header, field]) => {
    const known = csvFields.find((one) => one === field)
    return known ? [[header, known] as const] : []
  })
  return Object.fromEntries(entries)
}

function foldHeader(header: string): string {
  return header
    .toLowerCase()
    .replaceAll('ё', 'е')
    .replace(/^\uFEFF/, '')
    .replace(/^g:/, '')
    .replace(/[\s_]+/g, ' ')
    .trim()
}
