import { existsSync } from 'node:fs'
import { resolve } from 'node:path'
import { Readable } from 'node:stream'
import { describe, expect, test } from 'vitest'
import { isBarcode } from '#domain/feeds.ts'
import { FeedError, readFeed, readFeedFiles } from '#gateways/feeds.ts'
import { importDemo, importFeed } from '#shop/catalog-import.ts'
import { browse } from '#shop/search.ts'
import { useDatabase } from '../support/database.ts'

const database = useDatabase()
const now = new Date('2026-11-23T10:00:00Z')
const later = new Date('2026-11-24T10:00:00Z')
let tokens = 0
const newToken = () => `token-${++tokens}`

const category = '<categories><category id="1">Дом</category></categories>'
const yml = (offers: string, head = category) =>
  readFeed([
    Readable.from([
      Buffer.from(`<yml_catalog><shop><name>Лавка</name>${head}<offers>${offers}</offers></shop></yml_catalog>`),
    ]),
  ])
const offer = (id: string, price = '100', more = '', attributes = '') =>
  `<offer id="${id}" ${attributes}><name>Товар ${id}</name><price>${price}</price><categoryId>1</categoryId>${more}</offer>`
const load = (slug: string, offers: string, at = now, head?: string) =>
  importFeed(database.db, yml(offers, head), { seller: { slug }, now: at, newToken, isSure: true })
const variantsOf = (slug: string) =>
  database.db.variant.findMany({
    where: { product: { seller: { slug } } },
    include: { product: true, stock: true },
    orderBy: { externalId: 'asc' },
  })

describe('the demo', () => {
  test('fills the shop: two sellers, three locations, six categories, some sixty products in three languages', async () => {
    const reports = await importDemo(database.db, { now, newToken })
    expect(reports.map(({ seller }) => seller.name)).toEqual(['Хорошие вещи', 'Северный дом'])
    for (const report of reports) expect(report).toMatchObject({ refused: [], warnings: [], changed: 0, withdrawn: 0 })

    const products = await database.db.product.findMany({ include: { variants: { include: { stock: true } } } })
    const variants = products.flatMap((product) => product.variants)
    expect(products.length).toBeGreaterThanOrEqual(60)
    expect(reports.reduce((sum, { added }) => sum + added, 0)).toBe(variants.length)
    expect(products.filter((product) => product.variants.length > 1).length).toBeGreaterThanOrEqual(15)
    expect(await database.db.category.count({ where: { parentId: null } })).toBe(6)
    const kinds = await database.db.location.findMany({ select: { kind: true }, orderBy: { kind: 'asc' } })
    expect(kinds.map(({ kind }) => kind)).toEqual(['cross_border', 'local_warehouse', 'showroom'])

    const complete = { ru: expect.any(String), en: expect.any(String), zh: expect.any(String) }
    for (const { title } of await database.db.category.findMany()) expect(title).toEqual(complete)
    for (const { title } of await database.db.location.findMany()) expect(title).toEqual(complete)
    for (const product of products) {
      expect(product.title).toEqual(complete)
      expect(product.description).toEqual(complete)
      expect(product.pictures).toHaveLength(1)
      const file = product.pictures[0]?.replace('demo/', 'prisma/demo/pictures/')
      expect({ file, exists: existsSync(`${file}.svg`) }).toEqual({ file, exists: true })
      for (const { options } of product.variants) {
        const languages = product.variants.length > 1 ? ['en', 'ru', 'zh'] : []
        expect(Object.keys(Object(options)).sort()).toEqual(languages)
      }
    }
    for (const variant of variants) {
      expect(variant.barcode).toMatch(/^\d{13}$/)
      expect(isBarcode(variant.barcode ?? '')).toBe(true)
      expect(variant.stock.reduce((sum, { onHand }) => sum + onHand, 0)).toBeGreaterThan(0)
    }
    expect(new Set(variants.map(({ barcode }) => barcode)).size).toBe(variants.length)

    const prices = await database.db.campaignPrice.findMany({ include: { variant: true, campaign: true } })
    expect(prices.length).toBeGreaterThan(80)
    for (const { price, variant, campaign } of prices) {
      expect(Number(price) / Number(variant.price)).toBeGreaterThanOrEqual(0.7)
      expect(Number(price) / Number(variant.price)).toBeLessThanOrEqual(0.9)
      expect(campaign.size).toBeGreaterThanOrEqual(2)
      expect(campaign.size).toBeLessThanOrEqual(5)
      expect(campaign.endsAt).toBeNull()
    }
  })

  test('is found in every language', async () => {
    for (const asked of ['чайник', 'наушники чёрный', 'kettle', 'wool sweater', '水壶', '耳机']) {
      const { total, wayOn } = await browse(database.db, asked, { cityCode: undefined, isAdult: false }, 0, 1, now)
      expect({ asked, isFound: total > 0, wayOn }).toEqual({ asked, isFound: true })
    }
  })

  test('imported again changes nothing and keeps the invitations', async () => {
    const before = await database.db.product.findMany({ orderBy: { id: 'asc' } })
    const sellers = await database.db.seller.findMany()
    for (const report of await importDemo(database.db, { now: later, newToken })) {
      expect(report).toMatchObject({ added: 0, changed: 0, withdrawn: 0, refused: [] })
      expect(report.unchanged).toBeGreaterThan(0)
    }
    expect(await database.db.product.findMany({ orderBy: { id: 'asc' } })).toEqual(before)
    expect(await database.db.seller.findMany()).toEqual(sellers)
    expect(await database.db.campaign.count({ where: { NOT: { endsAt: null } } })).toBe(0)
  })
})

describe('a feed', () => {
  test('imported again touches only what changed, and withdraws what left', async () => {
    await load('touch', offer('a') + offer('b') + offer('c'))
    const before = await variantsOf('touch')
    const report = await load('touch', offer('a') + offer('b', '120') + offer('d'), later)
    expect(report).toMatchObject({ added: 1, changed: 1, unchanged: 1, withdrawn: 1, refused: [] })
    const after = await variantsOf('touch')
    expect(after[0]).toEqual(before[0])
    expect(after[1]).toMatchObject({ id: before[1]?.id, price: 12000n, withdrawnAt: null })
    expect(after[2]).toMatchObject({ id: before[2]?.id, withdrawnAt: later, product: { withdrawnAt: later } })

    const returned = await load('touch', offer('a') + offer('b', '120') + offer('c') + offer('d'), later)
    expect(returned).toMatchObject({ added: 0, changed: 1, unchanged: 3, withdrawn: 0 })
    expect((await variantsOf('touch'))[2]).toMatchObject({ id: before[2]?.id, withdrawnAt: null })
  })

  test('broken in the middle leaves the catalogue as it was', async () => {
    await load('broken', offer('a'))
    const before = await variantsOf('broken')
    const many = Array.from({ length: 1200 }, (_, at) => offer(`n${at}`)).join('')
    await expect(load('broken', `${offer('a', '999')}${many}<oops>`, later)).rejects.toThrow(FeedError)
    expect(await variantsOf('broken')).toEqual(before)
    await expect(load('never', '<oops>')).rejects.toThrow(FeedError)
    expect(await database.db.seller.count({ where: { slug: 'never' } })).toBe(0)
  })

  test('without one acceptable offer withdraws nothing', async () => {
    await load('prices', offer('a'))
    const report = await load('prices', '<offer id="a"><price>5</price></offer>', later)
    expect(report).toMatchObject({ withdrawn: 0, refused: [{ offerId: 'a', reason: 'no name' }] })
    expect(await variantsOf('prices')).toMatchObject([{ withdrawnAt: null }])
  })

  test('accounts for every offer: refusals carry line and reason, repeated ids the first line', async () => {
    const report = await load('account', `${offer('a')}\n${offer('a', '5')}\n${offer('b', '0')}`)
    expect(report).toMatchObject({
      added: 1,
      refused: [
        { line: 2, offerId: 'a', reason: 'the id repeats that of line 1' },
        { line: 3, offerId: 'b', reason: 'price is zero or less' },
      ],
    })
    expect(await variantsOf('account')).toMatchObject([{ price: 10000n }])
  })

  test('puts variants of one group into one product, wherever they stand', async () => {
    const red = '<param name="Цвет">красный</param>'
    const blue = '<param name="Цвет">синий</param>'
    await load('groups', offer('r', '5', red, 'group_id="g"') + offer('x') + offer('b', '5', blue, 'group_id="g"'))
    expect((await variantsOf('groups')).map((v) => [v.externalId, v.product.externalId, v.options])).toEqual([
      ['b', 'g', { ru: { Цвет: 'синий' } }],
      ['r', 'g', { ru: { Цвет: 'красный' } }],
      ['x', 'x', {}],
    ])
  })

  test('never takes away stock that is promised', async () => {
    await load('stock', offer('a', '5', '<count>7</count>'))
    const [variant] = await variantsOf('stock')
    await database.db.stockLevel.updateMany({ where: { variantId: variant?.id ?? 0 }, data: { reserved: 3 } })
    const report = await load('stock', offer('a', '5', '<count>1</count>'), later)
    expect(report).toMatchObject({ changed: 1 })
    expect((await variantsOf('stock'))[0]?.stock).toMatchObject([{ onHand: 3, reserved: 3 }])
    expect(await load('stock', offer('a', '5', '<count>1</count>'), later)).toMatchObject({ unchanged: 1 })
  })

  test('with new group terms ends the old campaign and begins another; without any it leaves campaigns alone', async () => {
    const terms = (price: string) => `<group-buy size="3" price="${price}"/>`
    const campaigns = () =>
      database.db.campaign.findMany({
        where: { seller: { slug: 'terms' } },
        include: { prices: true },
        orderBy: { id: 'asc' },
      })
    await load('terms', offer('a', '100', terms('80')))
    expect(await campaigns()).toMatchObject([
      { size: 3, lifetimeMinutes: 1440, startsAt: now, endsAt: null, prices: [{ price: 8000n }] },
    ])
    expect(await load('terms', offer('a', '100', terms('80')), later)).toMatchObject({ unchanged: 1 })
    expect(await campaigns()).toHaveLength(1)

    expect(await load('terms', offer('a', '100', terms('70')), later)).toMatchObject({ changed: 1 })
    expect(await campaigns()).toMatchObject([
      { endsAt: later, prices: [{ price: 8000n }] },
      { startsAt: later, endsAt: null, prices: [{ price: 7000n }] },
    ])
    await load('terms', offer('a', '100'), later)
    expect(await campaigns()).toMatchObject([{ endsAt: later }, { endsAt: null }])
    await load('terms', offer('a', '100') + offer('b', '100', terms('70')), later)
    expect((await campaigns()).filter(({ endsAt }) => endsAt === null)).toHaveLength(1)
  })

  test("rules the campaigns it began; the shop's own are in force until they end, and the report says so", async () => {
    const slug = 'own-terms'
    const terms = (price: string) => `<group-buy size="3" price="${price}"/>`
    const feed = (price: string) => offer('a', '100', terms('80')) + offer('b', '100', terms(price)) + offer('c')
    await load(slug, feed('80'))
    const [a, b, c] = await variantsOf(slug)
    if (!a || !b || !c) throw new Error('three variants are stored')
    const { id: sellerId } = await database.db.seller.findUniqueOrThrow({ where: { slug } })
    const campaigns = async (productId: number) =>
      (await database.db.campaign.findMany({ where: { productId }, orderBy: { id: 'asc' } })).map(
        ({ source, endsAt }) => `${source} ${endsAt === null ? 'runs' : endsAt.toISOString().slice(0, 10)}`,
      )
    const create = (productId: number, variantId: number, startsAt: Date) =>
      database.db.campaign.create({
        data: {
          sellerId,
          productId,
          size: 5,
          lifetimeMinutes: 60,
          startsAt,
          source: 'shop',
          prices: { create: { variantId, price: 9000n } },
        },
      })
    // The shop has its own for the second and the third product; those for the first are planned.
    await database.db.campaign.updateMany({ where: { productId: b.productId }, data: { endsAt: later } })
    await create(b.productId, b.id, later)
    await create(c.productId, c.id, later)
    const planned = new Date('2026-12-24T10:00:00Z')
    await create(a.productId, a.id, planned)

    for (const price of ['80', '70']) {
      expect(await load(slug, feed(price), later)).toMatchObject({
        changed: 0,
        warnings: [{ offerId: 'b', reason: "group terms left out: the shop's own terms are in force" }],
      })
    }
    expect(await campaigns(b.productId)).toEqual(['feed 2026-11-24', 'shop runs'])
    expect(await campaigns(c.productId)).toEqual(['shop runs'])
    // Other terms of the feed are in force until the shop's begin.
    await load(slug, offer('a', '100', terms('60')) + offer('b') + offer('c'), later)
    expect(await campaigns(a.productId)).toEqual(['feed 2026-11-24', 'shop runs', 'feed 2026-12-24'])
    // What leaves the feed is not sold; the shop's terms wait for its return.
    await load(slug, offer('a', '100', terms('60')), later)
    expect(await campaigns(b.productId)).toEqual(['feed 2026-11-24', 'shop runs'])
    const where = { productId: b.productId, source: 'shop' }
    await database.db.campaign.updateMany({ where, data: { endsAt: planned } })
    expect((await load(slug, feed('70'), planned)).warnings).toMatchObject([{ offerId: 'a' }])
    expect(await campaigns(b.productId)).toEqual(['feed 2026-11-24', 'shop 2026-12-24', 'feed runs'])
    expect(await campaigns(a.productId)).toEqual(['feed 2026-11-24', 'shop runs', 'feed 2026-12-24'])
  })

  test('of two shops shares categories by title; an unknown category is "other", and said', async () => {
    await load('shop-1', offer('a'))
    const report = await load('shop-2', `${offer('a')}<offer id="b"><name>Б</name><price>1</price></offer>`)
    expect(report.warnings).toMatchObject([{ offerId: 'b', reason: 'unknown category: filed under "Other"' }])
    const [mine] = await variantsOf('shop-1')
    const theirs = await variantsOf('shop-2')
    expect(theirs[0]?.product.categoryId).toBe(mine?.product.categoryId)
    expect(theirs[1]?.product.categoryId).not.toBe(mine?.product.categoryId)
  })

  test('takes pictures by http only, unless told otherwise', async () => {
    const pictures =
      '<picture>https://a.example/1.jpg</picture><picture>javascript:1</picture><picture>demo/kettle</picture>'
    await load('pictures', offer('a', '5', pictures))
    expect((await variantsOf('pictures'))[0]?.product.pictures).toEqual(['https://a.example/1.jpg'])
  })
})

test('sellers with the same categories in another order do not block each other for good', async () => {
  const head = (ids: string[]) =>
    `<categories>${ids.map((id) => `<category id="${id}">Раздел ${id}</category>`).join('')}</categories>`
  const offers = (ids: string[]) =>
    ids.map((id) => `<offer id="${id}"><name>Т</name><price>1</price><categoryId>${id}</categoryId></offer>`).join('')
  const ids = Array.from({ length: 50 }, (_, at) => String(at + 100))
  const turned = ids.toReversed()
  await Promise.all([load('there', offers(ids), now, head(ids)), load('back', offers(turned), now, head(turned))])
  expect(await database.db.category.count({ where: { slug: { startsWith: 'раздел-' } } })).toBe(50)
})

const garminko = resolve(process.env['VMESTE_TEST_DATA'] ?? '../shared/data', 'feeds/yml-garminko-764.yml')
test.skipIf(!existsSync(garminko))(`a real feed of 764 offers is accounted for whole (needs ${garminko})`, async () => {
  const report = await importFeed(database.db, readFeedFiles([garminko]), { seller: { slug: 'real' }, now, newToken })
  expect(report).toMatchObject({ added: 662, changed: 0, unchanged: 0, withdrawn: 0, warnings: [] })
  expect(report.refused).toHaveLength(102)
  for (const { reason, line } of report.refused) {
    expect(reason).toMatch(/^the id repeats that of line \d+$/)
    expect(line).toBeGreaterThan(Number(reason.match(/\d+/)?.[0]))
  }
  expect(report.added + report.refused.length).toBe(764)
  expect(await database.db.product.count({ where: { seller: { slug: 'real' } } })).toBe(662)
})
