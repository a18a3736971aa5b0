/** What feeds of the wild have in them, and imports that must not happen. */
import { existsSync } from 'node:fs'
import { resolve } from 'node:path'
import { Readable } from 'node:stream'
import { describe, expect, test } from 'vitest'
import type { FeedItem } from '#domain/feeds.ts'
import { readFeed, readFeedFiles } from '#gateways/feeds.ts'
import { importFeed, ImportHeld, type ImportReport } from '#shop/catalog-import.ts'
import { useDatabase } from '../support/database.ts'

const database = useDatabase()
const now = new Date('2026-11-23T10:00:00Z')
const later = new Date('2026-11-24T10:00:00Z')
let tokens = 0
const newToken = () => `token-${++tokens}`

const yml = (offers: string, head = '') =>
  `<yml_catalog><shop><name>Лавка</name>${head}<categories><category id="1">Дом</category><category id="122072.0" parentId="1">Кухня</category></categories><offers>${offers}</offers></shop></yml_catalog>`
const offer = (id: string, more = '', attributes = '') =>
  `<offer id="${id}" ${attributes}><name>Товар ${id}</name><price>100</price><categoryId>1</categoryId>${more}</offer>`
const many = (count: number) => Array.from({ length: count }, (_, at) => offer(`o${at}`)).join('')
const load = (
  slug: string,
  text: string | string[],
  at = now,
  more: { isSure?: boolean } = {},
): Promise<ImportReport> =>
  importFeed(database.db, readFeed([text].flat().map((one) => Readable.from([Buffer.from(one)]))), {
    seller: { slug },
    now: at,
    newToken,
    ...more,
  })
const productsOf = (slug: string) =>
  database.db.product.findMany({
    where: { seller: { slug } },
    include: { variants: { include: { stock: true }, orderBy: { externalId: 'asc' } }, brand: true, category: true },
    orderBy: { externalId: 'asc' },
  })

describe('of an offer', () => {
  test('parameters, brand, codes and description are kept where search and the card read them', async () => {
    const more = `<vendor>БЕЛЁВСКИЙ  Дом</vendor><vendorCode>KX-7</vendorCode><description>&lt;p&gt;Тёплая  &lt;b&gt;шерсть&lt;/b&gt;</description>
      <param name="Мощность" unit="Вт">2200</param><param name="Power" xml:lang="en">2200 W</param>`
    await load('kept', yml(offer('a', more)))
    const [product] = await productsOf('kept')
    expect(product).toMatchObject({
      vendor: 'БЕЛЁВСКИЙ Дом',
      brand: { name: 'БЕЛЁВСКИЙ Дом', folded: 'белевский дом' },
      params: [
        { name: 'Мощность', value: '2200 Вт', language: 'ru' },
        { name: 'Power', value: '2200 W', language: 'en' },
      ],
      details: 'теплая шерсть',
      feedCategory: '1',
      addedAt: now,
      isAdult: false,
      isPerishable: false,
      cities: [],
    })
    const [title, kind, rest] = product?.words.split('\n') ?? []
    expect(title).toBe('товар a')
    expect(kind).toBe('белевский дом')
    expect(rest).toContain('2200 вт power')
    expect(rest).toContain('kx')
    await load('kept-2', yml(offer('a', '<vendor>Белевский дом</vendor>')))
    expect((await productsOf('kept-2'))[0]?.brandId).toBe(product?.brandId)
    const listed = await database.db.listing.findFirst({ where: { productId: product?.id ?? 0 } })
    expect(listed).toMatchObject({ brandId: product?.brandId, inStock: true })
  })

  test('what variants have in common is the product; what sets them apart is theirs, their pictures too', async () => {
    const variant = (id: string, size: string) =>
      offer(
        id,
        `<picture>https://a.example/${id}.jpg</picture><param name="Ткань">лён</param><param name="Размер">${size}</param>`,
        'group_id="g"',
      )
    await load('variants', yml(variant('m', 'M') + variant('l', 'L')))
    const [product] = await productsOf('variants')
    expect(product).toMatchObject({
      params: [{ name: 'Ткань', value: 'лён' }],
      pictures: ['https://a.example/m.jpg', 'https://a.example/l.jpg'],
      variants: [
        { options: { ru: { Размер: 'L' } }, pictures: ['https://a.example/l.jpg'] },
        { options: { ru: { Размер: 'M' } }, pictures: ['https://a.example/m.jpg'] },
      ],
    })
  })

  test('goods for adults are known by flag, age or word; what does not keep by our own element', async () => {
    const offers = [
      offer('a', '<adult>true</adult>'),
      offer('b', '<age unit="year">18</age>'),
      offer('c', '<age>6</age>'),
      offer('d', '<perishable cities="44 137, x">true</perishable>'),
      offer('e', '<perishable>false</perishable>'),
      '<offer id="f"><name>Фаллоимитатор</name><price>1</price></offer>',
    ]
    await load('adult', yml(offers.join('')))
    const products = await productsOf('adult')
    expect(products.map(({ isAdult }) => isAdult)).toEqual([true, true, false, false, false, true])
    expect(products.map(({ isPerishable }) => isPerishable)).toEqual([false, false, false, true, false, false])
    expect(products[3]?.cities).toEqual([44, 137])
  })

  test('whatever else is wrong is reported, and never stops the others', async () => {
    const currencies =
      '<currencies><currency id="RUR" rate="1"/><currency id="USD" rate="CBRF" plus="3"/><currency id="EUR" rate="100"/></currencies>'
    const offers = [
      offer('good', '<picture>https://a.example/1.jpg,https://a.example/2.jpg</picture>', 'available="false"'),
      offer('good'),
      '<offer id="nameless"><price>5</price></offer>',
      '<offer id="ua"><name_ua>Чайник</name_ua><price>1\u00A0299,00</price><categoryId>122072</categoryId></offer>',
      '<offer id="zero"><name>x</name><price>0</price></offer>',
      '<offer id="usd"><name>x</name><price>5</price><currencyId>USD</currencyId></offer>',
      '<offer id="eur"><name>x</name><price>1.5</price><currencyId>EUR</currencyId><categoryId>77</categoryId></offer>',
      '<предложение id="no"><name>x</name></предложение>',
    ]
    const report = await load('dirt', yml(offers.join('\n'), currencies))
    expect(report).toMatchObject({ added: 3, withdrawn: 0 })
    expect(report.refused).toEqual([
      { line: 2, offerId: 'good', reason: 'the id repeats that of line 1' },
      { line: 3, offerId: 'nameless', reason: 'no name' },
      { line: 5, offerId: 'zero', reason: 'price is zero or less' },
      { line: 6, offerId: 'usd', reason: 'the feed gives no number as the rate of USD: "CBRF"' },
    ])
    expect(report.warnings).toEqual([{ line: 7, offerId: 'eur', reason: 'unknown category: filed under "Other"' }])
    const [eur, good, ua] = await productsOf('dirt')
    expect(eur?.variants[0]).toMatchObject({ price: 15_000n, currency: 'RUB' })
    expect(good).toMatchObject({ pictures: ['https://a.example/1.jpg', 'https://a.example/2.jpg'] })
    expect(good?.variants[0]?.stock).toMatchObject([{ onHand: 0 }])
    expect(ua).toMatchObject({ title: { ru: 'Чайник' }, category: { title: { ru: 'Кухня' } } })
    expect(ua?.variants[0]?.price).toBe(129_900n)
  })
})

describe('a feed of nothing but defects', () => {
  const run = (slug: string, items: Iterable<FeedItem>) => {
    async function* feed() {
      yield* items
    }
    return importFeed(database.db, feed(), { seller: { slug }, now, newToken })
  }

  test('is counted whole, and told in full for the first five thousand', async () => {
    const items = Array.from({ length: 5003 }, (_, at): FeedItem => {
      return { kind: 'problem', line: at + 1, offerId: `o${at}`, reason: 'no id' }
    })
    const report = await run('defects', items)
    expect([report.refused.length, report.refusedCount, report.warningsCount]).toEqual([5000, 5003, 0])
    expect(report.refused.at(-1)).toEqual({ line: 5000, offerId: 'o4999', reason: 'no id' })
  })

  test('so are goods without a price, offers of no category, and stock at a place that is not there', async () => {
    const goods = Array.from({ length: 5002 }, (_, at): FeedItem => {
      return { kind: 'good', id: `g${at}`, offer: { line: 1, attributes: {}, fields: [] } }
    })
    const report = await run('no-price', [
      ...goods,
      { kind: 'price', goodId: 'none', offer: { line: 2, attributes: { id: 'none' }, fields: [] } },
    ])
    expect([report.refused.length, report.refusedCount]).toEqual([5000, 5003])

    const field = (name: string, text: string, attributes = {}) => ({ name, text, attributes })
    const outlets = Array.from({ length: 5003 }, (_, at) => field('outlet', '', { id: `away-${at}`, instock: '1' }))
    const fields = [field('name', 'А'), field('price', '1'), ...outlets]
    const other = await run('away', [{ kind: 'offer', offer: { line: 1, attributes: { id: 'a' }, fields } }])
    expect([other.added, other.refusedCount]).toEqual([1, 0])
    // Its category, and every place.
    expect([other.warnings.length, other.warningsCount]).toEqual([5000, 5004])
    expect(other.warnings.slice(0, 2).map(({ reason }) => reason)).toEqual([
      'unknown category: filed under "Other"',
      'stock left out: the feed has no location "away-0"',
    ])
  })

  test('with halves of characters in ids and reasons is told all the same', async () => {
    const id = `${'x'.repeat(99)}😀`
    const report = await run('halves', [{ kind: 'good', id, offer: { line: 1, attributes: {}, fields: [] } }])
    expect(report.refused).toEqual([{ line: 1, offerId: 'x'.repeat(99), reason: 'id longer than 100 characters' }])
  })
})

describe('an import', () => {
  test('of a feed that lacks more than half of the goods is held back until somebody is sure', async () => {
    await load('held', yml(many(10)))
    const before = await productsOf('held')
    const held: unknown = await load('held', yml(many(4) + offer('new')), later).catch((error: unknown) => error)
    if (!(held instanceof ImportHeld)) throw new Error('not held')
    expect([held.had, held.left, held.reason]).toEqual([10, 4, 'held'])
    expect(await productsOf('held')).toEqual(before)

    expect(await load('held', yml(many(5)), later)).toMatchObject({ withdrawn: 5, unchanged: 5 })
    expect(await load('held', yml(offer('o1')), later, { isSure: true })).toMatchObject({ withdrawn: 4, unchanged: 1 })
  })

  test('beside another of the same shop is refused; of another shop it is not', async () => {
    let hasBegun = () => {}
    const begun = new Promise<void>((done) => (hasBegun = done))
    let finish = () => {}
    const gate = new Promise<void>((done) => (finish = done))
    async function* slow() {
      hasBegun()
      await gate
      yield Buffer.from(yml(many(3)))
    }
    const first = importFeed(database.db, readFeed([slow()]), { seller: { slug: 'busy' }, now, newToken })
    await begun
    await expect(load('busy', yml(many(3)))).rejects.toMatchObject({ name: 'ImportRefused', reason: 'busy' })
    expect(await load('not-busy', yml(many(3)))).toMatchObject({ added: 3 })
    finish()
    expect(await first).toMatchObject({ added: 3 })
    expect(await load('busy', yml(many(3)))).toMatchObject({ unchanged: 3 })
  })

  test('undoes everything when its last step throws', async () => {
    const broken = importFeed(database.db, readFeed([Readable.from([Buffer.from(yml(many(3)))])]), {
      seller: { slug: 'undone' },
      now,
      newToken,
      finish: (_tx, report) => Promise.reject(new Error(`${report.added} were added`)),
    })
    await expect(broken).rejects.toThrow('3 were added')
    expect(await database.db.seller.count({ where: { slug: 'undone' } })).toBe(0)
  })

  test('files goods where the shop has said, at the next import, and says what its categories are called', async () => {
    const feed = yml(`${offer('a')}<offer id="b"><name>Б</name><price>1</price><categoryId>122072</categoryId></offer>`)
    await load('mapped', feed)
    const { id: sellerId } = await database.db.seller.findUniqueOrThrow({ where: { slug: 'mapped' } })
    expect(await database.db.sellerCategory.findMany({ where: { sellerId }, orderBy: { id: 'asc' } })).toMatchObject([
      { feedCategory: expect.stringMatching(/^(1|122072)$/), title: expect.anything() },
      { feedCategory: expect.stringMatching(/^(1|122072)$/), title: expect.anything() },
    ])
    const target = await database.db.category.create({ data: { slug: 'kettles', title: { ru: 'Чайники' } } })
    const mapping = { sellerId, feedCategory: '122072', categoryId: target.id }
    await database.db.categoryMapping.create({ data: mapping })
    expect(await load('mapped', feed, later)).toMatchObject({ changed: 1, unchanged: 1, warnings: [] })
    const [a, b] = await productsOf('mapped')
    expect(b).toMatchObject({ categoryId: target.id, feedCategory: '122072', updatedAt: later })
    expect(b?.words.split('\n')[1]).toBe('чайники')
    expect(a?.updatedAt).toEqual(now)
  })

  test('of the same feed brings stock back to what it says, and lines that moved change nothing', async () => {
    await load('stock', yml(offer('a', '<count>5</count>') + offer('b')))
    const before = await productsOf('stock')
    const [a] = before
    await database.db.stockLevel.updateMany({ where: { variantId: a?.variants[0]?.id ?? 0 }, data: { onHand: 2 } })
    const report = await load('stock', yml(`\n\n${offer('a', '<count>5</count>')}\n${offer('b')}`), later)
    expect(report).toMatchObject({ changed: 1, unchanged: 1 })
    const after = await productsOf('stock')
    expect(after[0]?.variants[0]?.stock).toMatchObject([{ onHand: 5 }])
    expect(after.map(({ updatedAt }) => updatedAt)).toEqual([now, now])
    // By which they were not even read again.
    expect(after.map(({ fingerprint }) => fingerprint)).toEqual(before.map(({ fingerprint }) => fingerprint))
  })
})

describe('CommerceML', () => {
  const file = (inner: string) => `<КоммерческаяИнформация>${inner}</КоммерческаяИнформация>`
  const good = (id: string, more = '') =>
    `<Товар ${more}><Ид>${id}</Ид><Наименование>Товар ${id}</Наименование></Товар>`
  const price = (id: string, more = '<Склад ИдСклада="s" КоличествоНаСкладе="4"/>') =>
    `<Предложение><Ид>${id}</Ид><Наименование>Предложение ${id}</Наименование><Цены><Цена><ЦенаЗаЕдиницу>10</ЦенаЗаЕдиницу></Цена></Цены>${more}</Предложение>`
  const goods = (inner: string) => file(`<Каталог><Товары>${inner}</Товары></Каталог>`)
  const prices = (inner: string) =>
    file(
      `<ПакетПредложений><Склады><Склад><Ид>s</Ид><Наименование>Главный</Наименование></Склад></Склады><Предложения>${inner}</Предложения></ПакетПредложений>`,
    )

  test('puts goods and prices together, and says which have no other half', async () => {
    const files = [
      goods(good('1') + good('2') + good('3', 'Статус="Удален"') + good('4')),
      prices(price('1#m') + price('1#l') + price('2') + price('3') + price('9')),
    ]
    const report = await load('one-c', files)
    expect(report).toMatchObject({ added: 3 })
    expect(report.refused.map(({ offerId, reason }) => [offerId, reason])).toEqual([
      ['3', 'marked as deleted'],
      ['9', 'the goods have no such id'],
      ['4', 'no price: the offers have no such id'],
    ])
    const [one, two] = await productsOf('one-c')
    expect(one).toMatchObject({ externalId: '1', title: { ru: 'Товар 1' } })
    expect(one?.variants.map(({ options }) => options)).toEqual([
      { ru: { Вариант: 'Предложение 1#l' } },
      { ru: { Вариант: 'Предложение 1#m' } },
    ])
    expect(two?.variants[0]?.stock).toMatchObject([{ onHand: 4 }])
    // Where a warehouse is is not in the file: what somebody wrote down since stays.
    await database.db.location.updateMany({ where: { externalId: 's' }, data: { cityCode: 424, cityName: 'Казань' } })
    expect(await load('one-c', files, later)).toMatchObject({ added: 0, changed: 0, unchanged: 3 })
    expect(await database.db.location.findFirst({ where: { externalId: 's' } })).toMatchObject({ cityCode: 424 })
  })
})

test('CommerceML in one line, and in files of which each begins with line 1, tells of goods that are there twice', async () => {
  const good = (name: string) => `<Товар><Ид>a</Ид><Наименование>${name}</Наименование></Товар>`
  const prices =
    '<ПакетПредложений><Предложения><Предложение><Ид>a</Ид><Цены><Цена><ЦенаЗаЕдиницу>4</ЦенаЗаЕдиницу></Цена></Цены></Предложение></Предложения></ПакетПредложений>'
  const file = (inner: string) => `<КоммерческаяИнформация>${inner}</КоммерческаяИнформация>`
  const goods = (inner: string) => `<Каталог><Товары>${inner}</Товары></Каталог>`
  for (const [slug, files] of [
    ['one-line', [file(goods(good('Один') + good('Два')) + prices)]],
    ['two-files', [file(goods(good('Один'))), file(goods(good('Два')) + prices)]],
  ] as const) {
    const report = await load(slug, [...files])
    expect(report.refused).toEqual([{ line: 1, offerId: 'a', reason: 'the id repeats that of line 1' }])
    expect(await productsOf(slug)).toMatchObject([{ title: { ru: 'Один' } }])
  }
})

const feeds = resolve(process.env['VMESTE_TEST_DATA'] ?? '../shared/data', 'feeds')
const pair = ['commerceml-768-import.xml', 'commerceml-768-offers.xml'].map((name) => resolve(feeds, name))
test.skipIf(!pair.every((path) => existsSync(path)))(
  `a real pair of 768 goods from 1C is accounted for whole, and again unchanged (needs ${pair.join(' ')})`,
  async () => {
    const run = async (at: Date) =>
      importFeed(database.db, readFeedFiles(pair), { seller: { slug: 'real-one-c' }, now: at, newToken })
    const report = await run(now)
    expect(report).toMatchObject({ changed: 0, unchanged: 0, withdrawn: 0 })
    // Its classifier has none of the groups that its goods are in.
    expect([report.added, report.refused.length, report.warnings.length]).toEqual([768, 0, 768])
    expect(await run(later)).toMatchObject({ added: 0, changed: 0, unchanged: report.added, withdrawn: 0 })
  },
)
