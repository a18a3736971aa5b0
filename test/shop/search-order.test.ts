/** In which order goods come, and what is looked at when there are more than can be. */
import { beforeAll, describe, expect, test } from 'vitest'
import type { Filters, Searcher, Sort } from '#domain/search-query.ts'
import { refreshDueListings } from '#shop/listings.ts'
import { facets, find, startSearch, type Found } from '#shop/search.ts'
import { useShop } from './support.ts'

const shop = useShop()
const [moscow, kazan] = [44, 424]
const everybody: Searcher = { cityCode: undefined, isAdult: false }
const titles = ({ products }: Found) => products.map(({ title }) => title.ru)

type Asked = { filters?: Filters; sort?: Sort; limit?: number }
async function look(query: string, searcher = everybody, { filters = {}, sort = 'best', limit = 50 }: Asked = {}) {
  return find(shop.db, { query, filters, sort, isVerbatim: false }, searcher, { offset: 0, limit }, shop.now)
}

let made = 0
type Offer = { price?: number; currency?: string; city?: number; kind?: string; category?: number; isAdult?: boolean }

/** Goods that are the same in everything but what is given. */
async function offer(title: string, { price = 100_000, currency = 'RUB', ...given }: Offer = {}): Promise<number> {
  const { productId, variantId, sellerId } = await shop.goods({ price: BigInt(price), campaign: false, stock: 0 })
  const { kind = 'local_warehouse', city: cityCode = moscow, category: categoryId, isAdult = false } = given
  const data = { title: { ru: title }, words: title.toLowerCase(), isAdult, ...(categoryId && { categoryId }) }
  await shop.db.product.update({ where: { id: productId }, data })
  await shop.db.variant.update({ where: { id: variantId }, data: { currency } })
  const place = { sellerId, externalId: `place${++made}`, kind, title: {}, cityCode, cityName: 'Город' }
  const location = await shop.db.location.create({ data: place })
  await shop.db.stockLevel.create({ data: { variantId, locationId: location.id, onHand: 5 } })
  return productId
}
const category = async (title: string) =>
  (await shop.db.category.create({ data: { slug: `c${++made}`, title: { ru: title } } })).id
const refresh = async () => refreshDueListings(shop.db, shop.now)

describe('of goods with the same words', () => {
  test('those that are liked come first', async () => {
    await offer('Фонарь один')
    const liked = await offer('Фонарь два')
    await refresh()
    expect(titles(await look('фонарь'))).toEqual(['Фонарь один', 'Фонарь два'])
    await shop.db.$executeRaw`UPDATE listing SET stars = 5 WHERE product_id = ${liked}`
    expect(titles(await look('фонарь'))).toEqual(['Фонарь два', 'Фонарь один'])
  })

  test('those of the own city come first', async () => {
    await offer('Лампа столичная', { city: moscow })
    await offer('Лампа казанская', { city: kazan })
    await refresh()
    expect(titles(await look('лампа', { ...everybody, cityCode: moscow }))[0]).toBe('Лампа столичная')
    expect(titles(await look('лампа', { ...everybody, cityCode: kazan }))[0]).toBe('Лампа казанская')
  })

  test('what costs a twentieth of the usual price comes last, and another currency says nothing of it', async () => {
    await offer('Самокат почти даром', { price: 4_000 })
    await offer('Самокат иенами', { price: 3_000, currency: 'JPY' })
    for (const name of ['раз', 'два', 'три']) await offer(`Самокат ${name}`)
    await refresh()
    const found = titles(await look('самокат'))
    expect(found).toHaveLength(5)
    expect(found.at(-1)).toBe('Самокат почти даром')
    expect(titles(await look('самокат', everybody, { sort: 'cheap' }))).toEqual([
      'Самокат почти даром',
      'Самокат раз',
      'Самокат два',
      'Самокат три',
      'Самокат иенами',
    ])
    expect(titles(await look('самокат', everybody, { sort: 'dear' })).at(-1)).toBe('Самокат иенами')
  })
})

test('by a day comes what lies near enough for it, and the counts say so', async () => {
  await offer('Гамак местный', { city: kazan })
  await offer('Гамак далекий', { city: moscow })
  await offer('Гамак заграничный', { kind: 'cross_border' })
  await refresh()
  const searcher = { ...everybody, cityCode: kazan }
  const within = async (withinDays: number) => titles(await look('гамак', searcher, { filters: { withinDays } }))
  expect(await within(3)).toEqual(['Гамак местный'])
  expect(await within(7)).toEqual(['Гамак местный', 'Гамак далекий'])
  const person = await shop.person()
  const { searchId } = await startSearch(shop.db, person, { query: 'гамак' }, searcher, shop.now)
  const counts = await facets(shop.db, person, searchId, searcher)
  expect(counts?.withinDays.slice(0, 2)).toEqual([
    { days: 3, count: 1 },
    { days: 7, count: 2 },
  ])
})

describe('when not all words are there', () => {
  beforeAll(async () => {
    await offer('Табурет кухонный складной деревянный прочный')
    await offer('Ботинки')
    await refresh()
    await shop.db.$executeRaw`UPDATE listing SET popularity = 9000 WHERE product_id = (
      SELECT id FROM product WHERE title ->> 'ru' = 'Ботинки')`
  })

  test.each([
    ['табурет складной фиолетовый подарок', 'табурет складной', 'фиолетовый подарок'],
    ['табурет кухонный ботинки самокат гамак', 'табурет кухонный', 'ботинки самокат гамак'],
  ])('"%s" finds what has most of them', async (query, kept, dropped) => {
    const found = await look(query)
    expect(titles(found)[0]).toBe('Табурет кухонный складной деревянный прочный')
    expect(found.wayOn).toEqual({ kind: 'relaxed', kept, dropped })
  })

  test('any number of words and numbers is an answer', async () => {
    const numbers = Array.from({ length: 44 }, (_, at) => 100 + at).join(',')
    await expect(look(`${numbers} ${'табурет '.repeat(40)}`)).resolves.toHaveProperty('total')
    expect(titles(await look('табурет '.repeat(40)))).toEqual(['Табурет кухонный складной деревянный прочный'])
  })

  test('a category that holds only what somebody may not see is not the nearest to them', async () => {
    await offer('Секретное', { category: await category('Хлопушки'), isAdult: true })
    await refresh()
    const wayOn = async (isAdult: boolean) => (await look('хлопушечка', { ...everybody, isAdult })).wayOn
    const { id } = await shop.db.category.findFirstOrThrow({ where: { title: { equals: { ru: 'Хлопушки' } } } })
    expect(await wayOn(true)).toEqual({ kind: 'category', categoryId: id })
    expect(await wayOn(false)).not.toEqual({ kind: 'category', categoryId: id })
  })
})

describe('of more goods than can be looked at', () => {
  let categoryId = 0
  const count = 1200
  /** The n-th costs n roubles and was sold n times; none is near to another in its words. */
  beforeAll(async () => {
    categoryId = await category('Пуговицы')
    const { sellerId } = await shop.goods()
    await shop.db.$executeRaw`
      WITH made AS (
        INSERT INTO product (seller_id, external_id, category_id, title, description, pictures, words, popularity, updated_at, added_at)
        SELECT ${sellerId}, 'many' || n, ${categoryId}, jsonb_build_object('ru', 'Пуговица ' || n), '{}', '{}', 'пуговица', n, ${shop.now},
          ${shop.now}::timestamptz + n * interval '1 minute'
        FROM generate_series(1, ${count}::int) n RETURNING id, popularity)
      INSERT INTO variant (product_id, external_id, options, price, currency, weight_grams, position)
      SELECT id, 'v', '{}', popularity * 100, 'RUB', 1, 0 FROM made`
    await refresh()
  })

  test.each([
    ['cheap', 'Пуговица 1'],
    ['dear', 'Пуговица 1200'],
    ['new', 'Пуговица 1200'],
    ['popular', 'Пуговица 1200'],
  ] as const)('the first by "%s" is the first of all', async (sort, first) => {
    expect(titles(await look('', everybody, { filters: { categoryId }, sort }))[0]).toBe(first)
    expect(titles(await look('пуговица', everybody, { sort }))[0]).toBe(first)
  })

  test('of a word that many have those are looked at that sell best, whatever is chosen beside', async () => {
    await shop.db.$executeRaw`UPDATE vocabulary SET uses = 100000 WHERE word = 'пуговица'`
    const found = await look('пуговица', everybody, { limit: 2000 })
    expect(found).toMatchObject({ total: 400, isMore: true })
    expect(titles(found)[0]).toBe('Пуговица 1200')
    const sold = found.products.map(({ title }) => Number(title.ru?.replace(/\D/g, '')))
    expect(Math.min(...sold)).toBeGreaterThan(700)
    // What few have is found however little it sells.
    const chosen = await look('пуговица', everybody, { filters: { priceTo: 500 }, limit: 2000 })
    expect(chosen).toMatchObject({ total: 5, isMore: false })
    expect(titles(chosen)).toEqual(expect.arrayContaining([1, 2, 3, 4, 5].map((n) => `Пуговица ${n}`)))
    expect((await look('пуговица', everybody, { filters: { priceTo: 30_000 } })).total).toBe(300)
  })

  test('selling more moves a product up among those that are looked at', async () => {
    const [{ id } = { id: 0 }] = await shop.db.$queryRaw<{ id: number }[]>`
      SELECT id FROM product WHERE title ->> 'ru' = 'Пуговица 3'`
    const isThere = async () => titles(await look('пуговица', everybody, { limit: 2000 })).includes('Пуговица 3')
    expect(await isThere()).toBe(false)
    await shop.db.product.update({ where: { id }, data: { popularity: 5000 } })
    await refresh()
    expect(await isThere()).toBe(true)
  })
})
