import iconv from 'iconv-lite'
import { describe, expect, test } from 'vitest'
import { guessMapping, type CsvMapping } from '#domain/feed-columns.ts'
import { readOffer, type FeedItem, type OfferVerdict } from '#domain/feeds.ts'
import { csvHead } from '#gateways/feeds-csv.ts'
import { FeedError, readFeed } from '#gateways/feeds.ts'
import { inPieces } from '../support/feeds.ts'

const now = new Date('2026-11-23T10:00:00Z')
async function read(contents: (string | Buffer)[], mapping?: CsvMapping, chunk?: number): Promise<FeedItem[]> {
  const items: FeedItem[] = []
  const sources = contents.map((content) => inPieces(content, chunk))
  for await (const item of readFeed(sources, { ...(mapping && { mapping }) })) items.push(item)
  return items
}
const refusal = async (...contents: (string | Buffer)[]): Promise<string> => {
  const error: unknown = await read(contents).then(
    () => undefined,
    (error: unknown) => error,
  )
  if (!(error instanceof FeedError)) throw new Error(`not refused: ${String(error)}`)
  return error.reason
}
const verdicts = (items: FeedItem[]): OfferVerdict[] =>
  items.flatMap((item) => (item.kind === 'offer' ? [readOffer(item.offer, { now })] : []))
const offers = (items: FeedItem[]) => verdicts(items).map((verdict) => (verdict.ok ? verdict.offer : verdict))

describe('Google Merchant', () => {
  const item = `<g:id>A-1</g:id><g:item_group_id>A</g:item_group_id><title>Jacket</title>
    <g:description>&lt;b&gt;Warm&lt;/b&gt;</g:description><g:image_link>https://a.example/1.jpg</g:image_link>
    <g:additional_image_link>https://a.example/2.jpg</g:additional_image_link><g:price>1 299,00 RUB</g:price>
    <g:availability>in_stock</g:availability><g:brand>Acme</g:brand><g:gtin>4006381333931</g:gtin><g:color>Red</g:color>
    <g:product_type>Clothes &gt; Jackets</g:product_type><g:shipping_weight>1500 g</g:shipping_weight><g:adult>yes</g:adult>`
  const rss = (items: string) =>
    `<?xml version="1.0"?><rss xmlns:g="http://base.google.com/ns/1.0" version="2.0"><channel><title>Shop</title>${items}</channel></rss>`

  test('is read from RSS and from Atom alike, with its path of categories', async () => {
    const expected = {
      id: 'A-1',
      productId: 'A',
      title: { ru: 'Jacket' },
      description: { ru: 'Warm' },
      vendor: 'Acme',
      pictures: ['https://a.example/1.jpg', 'https://a.example/2.jpg'],
      barcode: '4006381333931',
      categoryId: 'Clothes > Jackets',
      price: 129900n,
      currency: 'RUB',
      weightGrams: 1500,
      isAdult: true,
      stock: [{ onHand: 100 }],
    }
    const items = await read([rss(`<item>${item}</item>`)], undefined, 5)
    expect(offers(items)).toMatchObject([expected])
    expect(items.filter(({ kind }) => kind !== 'offer')).toEqual([
      { kind: 'shop', name: 'Shop' },
      { kind: 'category', category: { id: 'Clothes', parentId: undefined, title: { ru: 'Clothes' } } },
      { kind: 'category', category: { id: 'Clothes > Jackets', parentId: 'Clothes', title: { ru: 'Jackets' } } },
    ])
    const atom = `<feed xmlns="http://www.w3.org/2005/Atom" xmlns:g="http://base.google.com/ns/1.0"><title>Shop</title><entry>${item}</entry></feed>`
    expect(offers(await read([atom]))).toMatchObject([expected])
    expect(offers(items)[0]).toMatchObject({
      params: expect.arrayContaining([{ name: 'Цвет', value: 'Red', language: 'ru' }]),
    })
  })

  test('sells at the lower price while it is in force, and nothing that is only announced', async () => {
    const one = (more: string) => `<item><g:id>1</g:id><title>x</title><g:price>100 RUB</g:price>${more}</item>`
    const dates = (text: string) =>
      `<g:sale_price>80 RUB</g:sale_price><g:sale_price_effective_date>${text}</g:sale_price_effective_date>`
    const read1 = async (more: string) => offers(await read([rss(one(more))]))[0]
    expect(await read1('<g:sale_price>80 RUB</g:sale_price>')).toMatchObject({ price: 8000n, oldPrice: 10000n })
    expect(await read1(dates('2026-11-01T00:00+0300/2026-12-01T00:00+0300'))).toMatchObject({ price: 8000n })
    expect(await read1(dates('2026-10-01T00:00+0300/2026-11-01T00:00+0300'))).toMatchObject({ price: 10000n })
    expect(await read1(dates('soon'))).toMatchObject({ price: 10000n })
    for (const availability of ['out of stock', 'out_of_stock', 'preorder']) {
      expect(await read1(`<g:availability>${availability}</g:availability>`)).toMatchObject({ stock: [{ onHand: 0 }] })
    }
  })
})

describe('CommerceML', () => {
  const file = (inner: string) =>
    `\uFEFF<?xml version="1.0" encoding="UTF-8"?>\r\n<КоммерческаяИнформация>${inner}</КоммерческаяИнформация>`
  const goods = (more = '') => `<Классификатор><Ид>1</Ид><Наименование>К</Наименование>
    <Группы><Группа><Ид>g1</Ид><Наименование>Одежда</Наименование><Группы><Группа><Ид>g2</Ид><Наименование>Куртки</Наименование></Группа></Группы></Группа></Группы>
    <Свойства><Свойство><Ид>p1</Ид><Наименование>Материал</Наименование><ВариантыЗначений><Справочник><ИдЗначения>v1</ИдЗначения><Значение>Хлопок</Значение></Справочник></ВариантыЗначений></Свойство></Свойства></Классификатор>
    <Каталог ${more}><Товары><Товар><Ид>t1</Ид><Наименование>Куртка</Наименование><Группы><Ид>g2</Ид></Группы><Описание>Тёплая</Описание>
    <Изготовитель><Ид>m</Ид><Наименование>Acme</Наименование></Изготовитель>
    <ЗначенияСвойств><ЗначенияСвойства><Ид>p1</Ид><Значение>v1</Значение></ЗначенияСвойства></ЗначенияСвойств></Товар></Товары></Каталог>`
  const prices = `<ПакетПредложений><ТипыЦен><ТипЦены><Ид>o</Ид><Наименование>Оптовая</Наименование><Валюта>RUB</Валюта></ТипЦены><ТипЦены><Ид>r</Ид><Наименование>Розничная</Наименование><Валюта>руб</Валюта></ТипЦены></ТипыЦен>
    <Склады><Склад><Ид>s1</Ид><Наименование>Казань</Наименование></Склад></Склады>
    <Предложения><Предложение><Ид>t1#h1</Ид><Наименование>Куртка (M)</Наименование><ХарактеристикиТовара><ХарактеристикаТовара><Наименование>Размер</Наименование><Значение>M</Значение></ХарактеристикаТовара></ХарактеристикиТовара>
    <Цены><Цена><ИдТипаЦены>o</ИдТипаЦены><ЦенаЗаЕдиницу>50</ЦенаЗаЕдиницу></Цена><Цена><ИдТипаЦены>r</ИдТипаЦены><ЦенаЗаЕдиницу>99,50</ЦенаЗаЕдиницу></Цена></Цены>
    <Количество>3</Количество><Склад ИдСклада="s1" КоличествоНаСкладе="3"/></Предложение></Предложения></ПакетПредложений>`

  test('yields goods and prices as halves, whichever file comes first', async () => {
    for (const files of [
      [file(goods()), file(prices)],
      [file(prices), file(goods())],
    ]) {
      const items = await read(files)
      expect(items.filter(({ kind }) => kind === 'category')).toEqual([
        { kind: 'category', category: { id: 'g1', parentId: undefined, title: { ru: 'Одежда' } } },
        { kind: 'category', category: { id: 'g2', parentId: 'g1', title: { ru: 'Куртки' } } },
      ])
      const good = items.find((item) => item.kind === 'good')
      const price = items.find((item) => item.kind === 'price')
      expect(good?.id).toBe('t1')
      expect(price?.goodId).toBe('t1')
      const joined = readOffer({
        line: 1,
        attributes: { ...good?.offer.attributes, ...price?.offer.attributes },
        fields: [...(price?.offer.fields ?? []), ...(good?.offer.fields ?? [])],
      })
      expect(joined).toMatchObject({
        ok: true,
        offer: {
          id: 't1#h1',
          productId: 't1',
          title: { ru: 'Куртка' },
          variantTitle: 'Куртка (M)',
          description: { ru: 'Тёплая' },
          vendor: 'Acme',
          categoryId: 'g2',
          price: 9950n,
          currency: 'RUB',
          params: [
            { name: 'Размер', value: 'M' },
            { name: 'Материал', value: 'Хлопок' },
          ],
          stock: [{ locationId: 's1', onHand: 3 }],
        },
      })
    }
  })

  test('whose count is empty has none, and without any count has enough', async () => {
    const counts = async (count: string) => {
      const items = await read([file(prices.replace(/<Количество>.*?\/>/, count)), file(goods())])
      return items.flatMap((item) =>
        item.kind === 'price' ? [item.offer.fields.filter(({ name }) => name === 'count')] : [],
      )
    }
    expect(await counts('<Количество/>')).toEqual([[{ name: 'count', text: '', attributes: {} }]])
    expect(await counts('')).toEqual([[]])
  })

  test('sells at the retail price and at no other, however few there are', async () => {
    const typed = (types: string[], given: [number, string][]) =>
      file(`<ПакетПредложений><ТипыЦен>${types.map((name, at) => `<ТипЦены><Ид>${at}</Ид><Наименование>${name}</Наименование></ТипЦены>`).join('')}</ТипыЦен>
        <Предложения><Предложение><Ид>t1</Ид><Цены>${given.map(([at, text]) => `<Цена><ИдТипаЦены>${at}</ИдТипаЦены><ЦенаЗаЕдиницу>${text}</ЦенаЗаЕдиницу></Цена>`).join('')}</Цены></Предложение></Предложения></ПакетПредложений>`)
    const priceOf = async (types: string[], ...given: [number, string][]) => {
      const half = (await read([file(goods()), typed(types, given)])).find((item) => item.kind === 'price')
      if (!half) throw new Error('no half')
      const { offer } = half
      const verdict = readOffer({ ...offer, fields: [...offer.fields, { name: 'name', text: 'x', attributes: {} }] })
      return verdict.ok ? verdict.offer.price : verdict.reason
    }
    const none = 'no retail price'
    expect(await priceOf(['Закупочная', 'Розничная'], [0, '40'], [1, '99'])).toBe(9900n)
    expect(await priceOf(['Закупочная', 'Розничная'], [0, '40'])).toBe(none)
    expect(await priceOf(['Закупочная', 'Для сайта'], [0, '40'], [1, '99'])).toBe(9900n)
    expect(await priceOf(['Закупочная', 'Для сайта'], [0, '40'])).toBe(none)
    for (const name of ['Закупочная', 'Мелкооптовая', 'Себестоимость', 'Дилерская', 'Wholesale']) {
      expect({ name, price: await priceOf([name], [0, '40']) }).toEqual({ name, price: none })
    }
    expect(await priceOf(['Отпускные'], [0, '40'])).toBe(4000n)
    expect(await priceOf(['Оптимальная'], [0, '40'])).toBe(4000n)
    expect(await priceOf(['Первая', 'Вторая'], [0, '40'], [1, '50'])).toBe(none)
    expect(await priceOf(['Розничная'], [7, '40'])).toBe(none)
    expect(await priceOf(['Розничная'])).toBe('no price')
    expect(await priceOf([], [0, '40'])).toBe(4000n)
    expect(await priceOf([], [0, '40'], [1, '50'])).toBe(none)
  })

  test('loses goods that are out of all measure, and says which', async () => {
    const long = 'x'.repeat(90_000)
    const good = (id: string, more: string) => `<Товар><Ид>${id}</Ид><Наименование>x</Наименование>${more}</Товар>`
    const description = `<Описание>${long}</Описание>`
    const pictures = `<Картинка>${long}</Картинка>`.repeat(3)
    const codes = `<Штрихкод>${long}</Штрихкод><Артикул>${long}</Артикул>`
    const content = goods().replace('<Товары>', `<Товары>${good('a', description)}${good('b', pictures)}`)
    const items = await read([
      file(content),
      file(
        prices
          .replace('<Наименование>Куртка (M)</Наименование>', '')
          .replace('<Цены>', `${codes}<Наименование>${long}</Наименование><Цены>`),
      ),
    ])
    const reason = 'longer than 200000 characters'
    expect(items.filter(({ kind }) => kind === 'problem')).toMatchObject([
      { offerId: 'b', reason },
      { offerId: 't1#h1', reason },
    ])
    expect(items.flatMap((item) => (item.kind === 'good' ? [item.id, item.offer.fields[1]?.text.length] : []))).toEqual(
      ['a', 50_000, 't1', 6],
    )
  })

  test('is refused in words when half is missing or it has only changes', async () => {
    expect(await refusal(file(prices))).toMatch(/prices and stock without goods.*give import\.xml/)
    expect(await refusal(file(goods()))).toMatch(/goods without prices.*give offers\.xml/)
    expect(await refusal(file(goods('СодержитТолькоИзменения="true"')), file(prices))).toMatch(/only what changed/)
    expect(await refusal(file(goods()), '<rss/>')).toMatch(/only in CommerceML/)
  })
})

describe('a table', () => {
  const rows = [
    ['Артикул', 'Наименование', 'Цена', 'Категория', 'Фото', 'Цвет', 'Остаток'],
    ['A-1', 'Чай "Ахмад"; чёрный', '1 299,00', 'Еда > Чай', 'https://a.example/1.jpg', 'чёрный', '5'],
    ['A-2', 'Кофе\nв зёрнах', '99.90', '', '', '', '0'],
  ]
  const quote = (cell: string) => (/["\n;,\t]/.test(cell) ? `"${cell.replaceAll('"', '""')}"` : cell)
  const table = (separator: string) => rows.map((row) => row.map(quote).join(separator)).join('\r\n')

  test('is read the same with any separator, in UTF-8, windows-1251 and UTF-16', async () => {
    const expected = [
      {
        line: 2,
        id: 'A-1',
        title: { ru: 'Чай "Ахмад"; чёрный' },
        price: 129900n,
        categoryId: 'Еда > Чай',
        params: [{ name: 'Цвет', value: 'чёрный', language: 'ru' }],
        stock: [{ onHand: 5 }],
      },
      { line: 3, id: 'A-2', title: { ru: 'Кофе в зёрнах' }, price: 9990n, stock: [{ onHand: 0 }] },
    ]
    for (const separator of [';', ',', '\t']) {
      expect(offers(await read([table(separator)]))).toMatchObject(expected)
      expect(offers(await read([`\uFEFF${table(separator)}`], undefined, 3))).toMatchObject(expected)
    }
    expect(offers(await read([iconv.encode(table(';'), 'windows-1251')]))).toMatchObject(expected)
    expect(offers(await read([iconv.encode(table('\t'), 'utf-16')]))).toMatchObject(expected)
    expect(offers(await read([`sep=;\n${table(';')}`]))).toMatchObject([{ id: 'A-1' }, { id: 'A-2' }])
  })

  test('is read by the mapping that it comes with, whatever the headers look like', async () => {
    const text = 'a;b;c\n1;Чай;5'
    expect(await refusal(text)).toMatch(/no column is known to hold id and name and price; the table has: a, b, c/)
    expect(offers(await read([text], { a: 'id', b: 'name', c: 'price' }))).toMatchObject([{ id: '1', price: 500n }])
  })

  test('with a column of counts has none where the cell is empty', async () => {
    const text = 'id;name;price;остаток;qty 2\n1;a;5;;3\n2;b;5;4;\n3;c;5'
    const stocks = async (mapping?: CsvMapping) =>
      verdicts(await read([text], mapping)).map((one) => (one.ok ? [one.offer.stock[0]?.onHand, ...one.warnings] : one))
    const none = [0, 'none is sold: the count is empty']
    expect(await stocks()).toEqual([none, [4], none])
    const two: CsvMapping = { id: 'id', name: 'name', price: 'price', остаток: 'count', 'qty 2': 'count' }
    expect(await stocks(two)).toEqual([[3], [4], none])
    expect(await stocks({ id: 'id', name: 'name', price: 'price' })).toEqual([[100], [100], [100]])
  })

  test('is shown by its head, so that somebody can say what its columns mean', async () => {
    expect(await csvHead(inPieces(table(';')))).toEqual({
      headers: rows[0],
      rows: [rows[1], ['A-2', 'Кофе в зёрнах', '99.90', '', '', '', '0']],
    })
    expect(await csvHead(inPieces('<yml_catalog/>'))).toBeUndefined()
  })

  test('below the name of its shop, its address and a date is found, by guess and by mapping', async () => {
    const above = [
      'Прайс-лист ООО Ромашка\n\n',
      'Прайс-лист ООО "Ромашка;;;;;;\n;;;;;;\nЦена от 01.02;тел. 5;;;;;\n',
      'г. Казань, ул. Мира, 5, оф. 1, эт. 2, вход 3, домофон 4, 2026\n',
    ]
    const mapping: CsvMapping = { Артикул: 'id', Наименование: 'name', Цена: 'price', Цвет: 'param' }
    for (const text of above) {
      const lines = text.split('\n').length - 1
      const content = text.replaceAll('\n', '\r\n') + table(';')
      const expected = [
        { line: lines + 2, id: 'A-1', title: { ru: 'Чай "Ахмад"; чёрный' }, price: 129900n },
        { line: lines + 3, id: 'A-2', price: 9990n },
      ]
      expect(offers(await read([content]))).toMatchObject(expected)
      expect(offers(await read([content], mapping))).toMatchObject(expected)
      expect(await csvHead(inPieces(content))).toMatchObject({ headers: rows[0], rows: [rows[1], { length: 7 }] })
    }
    const unknown = 'Прайс\na;b;c\n1;Товар;5\n2;Название;x;6\n'
    expect(await csvHead(inPieces(unknown))).toMatchObject({ headers: ['a', 'b', 'c'] })
    expect(offers(await read([unknown], { a: 'id', b: 'name', c: 'price' }))).toMatchObject([
      { line: 3, id: '1' },
      { ok: false, id: '2', reason: 'price cannot be read: "x"' },
    ])
  })

  test('that breaks off in a quote is refused with its line', async () => {
    expect(await refusal('id;name;price\n1;x;5\n2;"y;6\n')).toMatch(/broken table/)
    expect(await refusal('id;name;price\n')).toMatch(/no rows/)
  })
})

test('columns are guessed in Russian and in English, and by the article where there is no id', () => {
  expect(guessMapping(['ID', 'Название', 'Старая цена', 'Цена, руб.', 'Ссылка на фото 2', 'Прочее'])).toEqual({
    ID: 'id',
    Название: 'name',
    'Старая цена': 'oldprice',
    'Цена, руб.': 'price',
    'Ссылка на фото 2': 'picture',
  })
  expect(guessMapping(['sku', 'title', 'price', 'image_link', 'quantity', 'brand', 'Param: Size'])).toEqual({
    sku: 'id',
    title: 'name',
    price: 'price',
    image_link: 'picture',
    quantity: 'count',
    brand: 'vendor',
    'Param: Size': 'param',
  })
  expect(guessMapping(['Артикул', 'Товар', 'Цена'])).toEqual({ Артикул: 'id', Товар: 'name', Цена: 'price' })
})

test('a workbook, an archive and a picture are refused in words, whatever they are called', async () => {
  expect(await refusal(Buffer.from('PK\u0003\u0004whatever'))).toMatch(/zip archive or an Excel workbook/)
  expect(await refusal(Buffer.from([0x89, 0x50, 0x4e, 0x47, 1, 2]))).toMatch(/picture/)
  expect(await refusal(Buffer.from([1, 0, 2, 0, 3]))).toMatch(/bytes/)
})

test('no text is cut in the middle of a character, which no database takes', async () => {
  const long = `${'x'.repeat(99)}${'😀'.repeat(300)}`
  const huge = `<name>${'y'.repeat(100_001)}</name>`
  const property = `<Свойство><Ид>p</Ид><Наименование>${long}</Наименование></Свойство>`
  const files = [
    `<yml_catalog><shop><name>${long}</name><offers><offer id="${long}">${huge}</offer></offers></shop></yml_catalog>`,
    `<rss><channel><title>${long}</title><item><g:id>${long}</g:id><g:product_type>${long}</g:product_type></item></channel></rss>`,
    `id;name;price\n"${long}";"${'y'.repeat(100_001)}";1`,
    `<КоммерческаяИнформация><Классификатор><Группы><Группа><Ид>g</Ид><Наименование>x${long}</Наименование></Группа></Группы>
      <Свойства>${property}</Свойства></Классификатор><Каталог><Товары><Товар><Ид>${long}</Ид></Товар><Товар><Ид>a</Ид>
      <ЗначенияСвойств><ЗначенияСвойства><Ид>p</Ид><Значение>v</Значение></ЗначенияСвойства></ЗначенияСвойств></Товар></Товары></Каталог>
      <ПакетПредложений><Склады><Склад><Ид>${long}</Ид><Наименование>${long}</Наименование></Склад></Склады>
      <Предложения><Предложение><Ид>a</Ид></Предложение></Предложения></ПакетПредложений></КоммерческаяИнформация>`,
  ]
  for (const [at, content] of files.entries()) {
    const items = await read([content])
    const texts = items.filter(({ kind }) => kind !== 'offer')
    expect({ at, texts: texts.length }).toEqual({ at, texts: [2, 2, 1, 5][at] })
    expect(texts.map((item) => JSON.stringify(item)).join()).not.toMatch(/\\ud[89a-f]/)
  }
  const reasons = await Promise.all([
    refusal(`<${long}/>`),
    refusal(`${long};b\n1;2`),
    refusal(`a;${'z'.repeat(196)}😀`),
  ])
  for (const reason of reasons) expect(reason).not.toMatch(/\p{Surrogate}/u)
  const head = await csvHead(inPieces(`a${long};b\na${long};5`))
  expect(JSON.stringify(head)).not.toMatch(/\\ud[89a-f]/)
})
