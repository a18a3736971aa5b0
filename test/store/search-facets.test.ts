/** What the buttons of filters say: how many each choice leaves, which choices there are, and where a count is only a beginning. */
import { beforeAll, expect, test } from 'vitest'
import type { Searcher } from '#domain/search-query.ts'
import { countFacets } from '#store/search-facets.ts'
import { findListings, type ListingQuery } from '#store/search.ts'
import { useDatabase } from '../support/database.ts'

const database = useDatabase()
const moscow = 44
const kazan = 424
let sellerId = 0
let home = 0

beforeAll(async () => {
  const { db } = database
  sellerId = (await db.seller.create({ data: { slug: 'shop', name: 'Лавка', invitation: 'i' } })).id
  home = (await db.category.create({ data: { slug: 'home', title: { ru: 'Дом' } } })).id
})

/** So many goods of one word, listed as they would be. */
async function add(
  word: string,
  count: number,
  {
    brandId = null,
    categoryId = home,
    places = [],
    popularity = 0,
  }: { brandId?: number | null; categoryId?: number; places?: object[]; popularity?: number } = {},
): Promise<number[]> {
  const rows = await database.db.$queryRaw<{ id: number }[]>`
    WITH made AS (
      INSERT INTO product (seller_id, external_id, category_id, title, description, words, pictures, updated_at)
      SELECT ${sellerId}, gen_random_uuid()::text, ${categoryId}, '{"ru": "x"}', '{}', ${word}, '{}', now()
      FROM generate_series(1, ${count}::int) RETURNING id)
    INSERT INTO listing (product_id, seller_id, category_ids, brand_id, search, price, currency, in_stock, places, added_at,
      popularity)
    SELECT id, ${sellerId}, ARRAY[${categoryId}::int], ${brandId}::int, listing_search(${word}, ''), 1000, 'RUB', true,
      ${JSON.stringify(places)}::jsonb, now(), ${popularity}::int FROM made RETURNING product_id AS id`
  return rows.map(({ id }) => id)
}

const brand = async (name: string) => (await database.db.brand.create({ data: { name, folded: name } })).id

const query = (words: string, cityCode?: number): ListingQuery => {
  const searcher: Searcher = { cityCode, isAdult: false }
  const groups = words.split(' ')
  return { groups, uses: groups.map(() => 10), goods: 100, ofSellers: [], words, filters: {}, sort: 'best', searcher }
}

test('all brands and categories of a search can be chosen, those that most goods have first', async () => {
  const names = Array.from({ length: 12 }, (_, at) => `марка${at}`)
  for (const [at, name] of names.entries()) {
    const { id: categoryId } = await database.db.category.create({ data: { slug: name, title: { ru: name } } })
    await add('пуговица', at + 1, { brandId: await brand(name), categoryId })
  }
  const facets = await countFacets(database.db, query('пуговица'))
  const mostFirst = names.map((name, at) => ({ name, count: at + 1 })).toReversed()
  expect(facets.brands.map(({ name, count }) => ({ name, count }))).toEqual(mostFirst)
  expect(facets.categories.map(({ title, count }) => ({ name: title.ru, count }))).toEqual(mostFirst)
  expect(facets.isMore).toBe(false)
})

test('of what lacks words four hundred are counted, and of more it is said that there are more', async () => {
  const brandId = await brand('запонка')
  await add('запонка', 400, { brandId })
  const asked = query('запонка небывалая')
  expect(await countFacets(database.db, asked)).toMatchObject({ isMore: false, brands: [{ brandId, count: 400 }] })
  await add('запонка', 100, { brandId })
  expect(await countFacets(database.db, asked)).toMatchObject({ isMore: true, brands: [{ brandId, count: 401 }] })
  // The word by itself is counted to the end.
  expect(await countFacets(database.db, query('запонка'))).toMatchObject({ isMore: false, brands: [{ count: 500 }] })
})

test('of what lacks words a hundred that sell are enough, and of the others it is said that there are more', async () => {
  const brandId = await brand('гвоздь')
  await add('гвоздь', 99, { brandId, popularity: 2 })
  await add('гвоздь', 50, { brandId, popularity: 1 })
  const asked = query('гвоздь небывалый')
  const find = async (sort: ListingQuery['sort']) =>
    findListings(database.db, { ...asked, sort, offset: 0, limit: 500 })
  expect(await find('best')).toMatchObject({ total: 149, isMore: false })
  expect(await countFacets(database.db, asked)).toMatchObject({ isMore: false, brands: [{ count: 149 }] })
  await add('гвоздь', 1, { brandId, popularity: 3000 })
  expect(await find('best')).toMatchObject({ total: 100, isMore: true })
  // Choosing may lead to those that do not sell.
  expect(await countFacets(database.db, asked)).toMatchObject({ isMore: false, brands: [{ count: 150 }] })
  // The cheapest is the cheapest of all, and what has all the words is found whether it sells or not.
  expect(await find('cheap')).toMatchObject({ total: 150, isMore: false })
  expect(await countFacets(database.db, query('гвоздь'))).toMatchObject({ isMore: false, brands: [{ count: 150 }] })
})

test('of all that has the words ten thousand are counted, and of more it is said that there are more', async () => {
  await add('скрепка', 10_000)
  expect(await countFacets(database.db, query('скрепка'))).toMatchObject({
    isMore: false,
    categories: [{ count: 10_000 }],
  })
  await add('скрепка', 5)
  expect(await countFacets(database.db, query('скрепка'))).toMatchObject({ isMore: true })
})

test('what comes within so many days is counted, and found, by where it lies and where it goes', async () => {
  const at = (kind: string, city: number) => ({ kind, city })
  const [here = 0] = await add('фонарь', 1, { places: [at('local_warehouse', moscow)] })
  const [shown = 0] = await add('фонарь', 1, { places: [at('showroom', kazan), at('cross_border', kazan)] })
  const [sellers = 0] = await add('фонарь', 1, { places: [at('seller', kazan)] })
  const [abroad = 0] = await add('фонарь', 1, { places: [at('cross_border', kazan)] })
  await add('фонарь', 1)
  const asked = query('фонарь', moscow)
  expect((await countFacets(database.db, asked)).withinDays).toEqual([
    { days: 3, count: 1 },
    { days: 7, count: 2 },
    { days: 14, count: 3 },
  ])
  const within = async (withinDays: number) => {
    const found = await findListings(database.db, { ...asked, filters: { withinDays }, offset: 0, limit: 10 })
    return found.productIds.toSorted((one, other) => one - other)
  }
  expect(await within(2)).toEqual([here])
  expect(await within(7)).toEqual([here, shown])
  expect(await within(8)).toEqual([here, shown, sellers])
  expect(await within(21)).toEqual([here, shown, sellers, abroad])
  // Where they live is not known: the longest way is promised.
  const anywhere = await countFacets(database.db, query('фонарь'))
  expect(anywhere.withinDays).toEqual([
    { days: 7, count: 2 },
    { days: 14, count: 3 },
  ])
})
