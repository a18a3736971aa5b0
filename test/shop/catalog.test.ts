import { expect, test } from 'vitest'
import { productById } from '#shop/catalog.ts'
import { importDemo } from '#shop/catalog-import.ts'
import { refreshDueListings } from '#shop/listings.ts'
import { categoryPage } from '#shop/product.ts'
import { browse, searchPage, startSearch } from '#shop/search.ts'
import { countRows, hour, minute, useShop } from './support.ts'

const shop = useShop()
const searcher = { cityCode: undefined, isAdult: false }
const topCategories = async () => (await categoryPage(shop.db, undefined, false))?.branches

test('an empty shop answers everything with nothing', async () => {
  const person = await shop.person()
  expect(await startSearch(shop.db, person, { query: 'чайник' }, searcher, shop.now)).toMatchObject({
    total: 0,
    products: [],
  })
  expect(await browse(shop.db, '', searcher, 0, 10, shop.now)).toMatchObject({ total: 0, products: [] })
  expect(await topCategories()).toEqual([])
  expect(await productById(shop.db, 1, shop.now)).toBeUndefined()
})

test('the demo is found in three languages, by half words and in any case', async () => {
  await importDemo(shop.db, { now: shop.now, newToken: shop.deps.newToken })
  await refreshDueListings(shop.db, shop.now)
  for (const words of ['чайник', 'ЧАЙНИКИ', 'чайн', 'kettle', '水壶']) {
    const { products } = await browse(shop.db, words, searcher, 0, 10, shop.now)
    expect({ words, found: products.some(({ title }) => /чайник/i.test(title.ru ?? '')) }).toEqual({
      words,
      found: true,
    })
  }
  expect(await topCategories()).toHaveLength(6)
})

test('words that cannot be searched find nothing rather than everything', async () => {
  for (const words of ['!!!', '&|:*', '\u202e', '🫖🫖']) {
    expect({ words, ...(await browse(shop.db, words, searcher, 0, 10, shop.now)) }).toMatchObject({
      words,
      total: 0,
      products: [],
    })
  }
  expect((await browse(shop.db, "'; DROP TABLE person; --", searcher, 0, 10, shop.now)).products).toBeDefined()
  const person = await shop.person()
  const long = await startSearch(shop.db, person, { query: 'я '.repeat(2048) }, searcher, shop.now)
  expect(long.query.length).toBeLessThanOrEqual(200)
})

test('pages of a search follow each other without holes or doubles, for the one who searched only', async () => {
  const person = await shop.person()
  const first = await startSearch(shop.db, person, { query: '' }, searcher, shop.now)
  expect(first.total).toBeGreaterThan(20)
  const seen = new Set(first.products.map(({ productId }) => productId))
  for (let page = 1; page < 20; page += 1) {
    const next = await searchPage(shop.db, person, first.searchId, page, searcher, shop.now)
    expect(next).toMatchObject({ searchId: first.searchId, total: first.total })
    for (const { productId } of next?.products ?? []) seen.add(productId)
  }
  expect(seen.size).toBe(20)
  expect((await searchPage(shop.db, person, first.searchId, 100_000, searcher, shop.now))?.products).toEqual([])
  expect(await searchPage(shop.db, await shop.person(), first.searchId, 1, searcher, shop.now)).toBeUndefined()
})

test('a category holds what its branches hold', async () => {
  const person = await shop.person()
  for (const { categoryId, products } of (await topCategories()) ?? []) {
    const found = await startSearch(shop.db, person, { query: '', filters: { categoryId } }, searcher, shop.now)
    expect(found.total).toBe(products)
    expect(found.products.length).toBeGreaterThan(0)
  }
})

test('what sells comes first, what was withdrawn not at all', async () => {
  const quiet = await shop.goods()
  const popular = await shop.goods()
  const gone = await shop.goods()
  const words = 'чайник'
  const person = await shop.person()
  await shop.pay((await shop.order(person, { kind: 'alone', variantId: popular.variantId })).orderId)
  await shop.runJobs()
  await shop.db.product.update({ where: { id: gone.productId }, data: { withdrawnAt: shop.now } })
  await refreshDueListings(shop.db, shop.now)
  const all = await browse(shop.db, words, searcher, 0, 50, shop.now)
  const order = all.products.map(({ productId }) => productId)
  expect(order).not.toContain(gone.productId)
  expect(order.indexOf(popular.productId)).toBeLessThan(order.indexOf(quiet.productId))
  expect(await productById(shop.db, gone.productId, shop.now)).toMatchObject({ withdrawn: true })
})

test('a variant shows what can be bought now: free stock of the fastest place, and the terms in force', async () => {
  const goods = await shop.goods({ stock: 1 })
  const abroad = await shop.db.location.create({
    data: {
      sellerId: goods.sellerId,
      externalId: 'abroad',
      kind: 'cross_border',
      title: { ru: 'Склад за границей' },
      cityCode: 12_683,
      cityName: 'Шэньчжэнь',
    },
  })
  await shop.db.stockLevel.create({ data: { variantId: goods.variantId, locationId: abroad.id, onHand: 7 } })
  const variant = async (now = shop.now) => (await productById(shop.db, goods.productId, now))?.variants[0]
  expect(await variant()).toMatchObject({
    free: 1,
    kind: 'local_warehouse',
    groupPrice: 100_000n,
    groupLowest: 100_000n,
    groupLeast: 2,
  })
  await shop.order(await shop.person(), { kind: 'alone', variantId: goods.variantId })
  expect(await variant()).toMatchObject({ free: 7, kind: 'cross_border', locationId: abroad.id })
  await shop.db.stockLevel.updateMany({ where: { locationId: abroad.id }, data: { onHand: 0 } })
  expect(await variant()).toMatchObject({ free: 0, locationId: null, kind: null, cityCode: null })
  const ends = new Date(shop.now.getTime() + minute)
  await shop.db.campaign.update({ where: { id: goods.campaignId }, data: { endsAt: ends } })
  expect(await variant()).toMatchObject({ campaignId: goods.campaignId })
  expect(await variant(ends)).toMatchObject({ campaignId: null, groupPrice: null })
})

test('looking writes nothing but the search', async () => {
  const person = await shop.person()
  const before = await countRows(shop.db)
  await startSearch(shop.db, person, { query: 'чай' }, searcher, shop.now)
  await browse(shop.db, 'чай', searcher, 0, 10, shop.pass(hour))
  expect(await countRows(shop.db)).toEqual(before)
})
