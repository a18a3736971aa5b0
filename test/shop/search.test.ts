import { beforeAll, describe, expect, test } from 'vitest'
import type { Searcher } from '#domain/search-query.ts'
import { toSearchWords } from '#domain/search.ts'
import { refreshDueListings } from '#shop/listings.ts'
import { browse, changeSearch, facets, find, searchPage, startSearch, suggest, type Found } from '#shop/search.ts'
import { minute, useShop } from './support.ts'

const shop = useShop()
const moscow = 44
const kazan = 424
const everybody: Searcher = { cityCode: undefined, isAdult: false }

type Offer = {
  title: string
  category?: string
  brand?: string
  params?: string
  details?: string
  price?: number
  stock?: number
  city?: number
  kind?: 'local_warehouse' | 'seller'
  popularity?: number
  isAdult?: boolean
  cities?: number[]
  sellerId?: number
  isTogether?: boolean
}
const ids = new Map<string, number>()

async function category(title: string): Promise<number> {
  const data = { slug: toSearchWords(title).replaceAll(' ', '-'), title: { ru: title } }
  return (await shop.db.category.upsert({ where: { slug: data.slug }, create: data, update: {} })).id
}

async function offer(given: Offer): Promise<number> {
  const { title, category: named = 'Товары', brand: vendor, params = '', details = '', price = 100_000 } = given
  const { stock = 5, city = moscow, kind = 'local_warehouse' } = given
  const goods = await shop.goods({ price: BigInt(price), campaign: given.isTogether ?? false, stock: 0 })
  const sellerId = given.sellerId ?? goods.sellerId
  const brand =
    vendor === undefined
      ? undefined
      : await shop.db.brand.upsert({ where: { folded: vendor }, create: { name: vendor, folded: vendor }, update: {} })
  const lines = [title, `${vendor ?? ''} ${named}`, params].map(toSearchWords)
  await shop.db.product.update({
    where: { id: goods.productId },
    data: {
      sellerId,
      title: { ru: title },
      categoryId: await category(named),
      brandId: brand?.id ?? null,
      words: lines.join('\n'),
      details: toSearchWords(details),
      popularity: given.popularity ?? 0,
      isAdult: given.isAdult ?? false,
      cities: given.cities ?? [],
    },
  })
  if (stock > 0) {
    const location = await shop.db.location.create({
      data: {
        sellerId,
        externalId: `l${goods.productId}`,
        kind,
        title: { ru: 'Склад' },
        cityCode: city,
        cityName: 'Город',
      },
    })
    await shop.db.stockLevel.create({ data: { variantId: goods.variantId, locationId: location.id, onHand: stock } })
  }
  ids.set(title, goods.productId)
  return goods.productId
}

const titles = ({ products }: Found) => products.map(({ title }) => title.ru)
async function look(query: string, searcher = everybody, isVerbatim = false): Promise<Found> {
  return find(shop.db, { query, filters: {}, sort: 'best', isVerbatim }, searcher, { offset: 0, limit: 50 }, shop.now)
}

beforeAll(async () => {
  await offer({ title: 'Apple iPhone 13 128ГБ синий', category: 'Смартфоны', brand: 'apple', price: 7_000_000 })
  await offer({ title: 'Чехол для iPhone 13 прозрачный', category: 'Аксессуары', price: 90_000, popularity: 90 })
  await offer({ title: 'Кабель iPhone 13', category: 'Аксессуары', price: 50_000, popularity: 90 })
  await offer({
    title: 'Смартфон Xiaomi Redmi 256 ГБ',
    category: 'Смартфоны',
    brand: 'xiaomi',
    price: 2_000_000,
    city: kazan,
  })
  await offer({
    title: 'Чайник Bosch электрический',
    category: 'Чайники',
    brand: 'bosch',
    price: 300_000,
    isTogether: true,
  })
  await offer({ title: 'Чайник Tefal со свистком', category: 'Чайники', brand: 'tefal', price: 200_000, popularity: 5 })
  await offer({ title: 'Чайник эмалированный', category: 'Чайники', stock: 0, price: 100_000 })
  await offer({
    title: 'Электрический плед',
    category: 'Пледы',
    kind: 'seller',
    details: 'греет как чайник, эргономичный',
  })
  await offer({ title: 'Ёлочная гирлянда', category: 'Праздник' })
  await offer({ title: 'Игра для взрослых', category: 'Игры', isAdult: true })
  await offer({ title: 'Клубника свежая', category: 'Ягоды', cities: [kazan] })
  await offer({ title: 'Harddrive Seagate внешний', category: 'Диски', brand: 'seagate' })
  await offer({ title: 'Hard case drive', category: 'Диски' })
  await offer({ title: 'Принтер лазерный', category: 'Техника' })
  await refreshDueListings(shop.db, shop.now)
})

describe('what people meant', () => {
  test.each([
    ['чайник', undefined, 'Чайник'],
    ['ЧАЙНИКАМИ', undefined, 'Чайник'],
    ['xfqybr', 'чайник', 'Чайник'],
    ['шзрщту', 'iphone', 'iPhone'],
    ['айфон', 'iphone', 'iPhone'],
    ['айфон 13', 'iphone 13', 'iPhone'],
    ['сяоми', 'xiaomi', 'Xiaomi'],
    ['тефаль', 'tefal', 'Tefal'],
    ['бош', 'bosch', 'Bosch'],
    ['елочная', undefined, 'Ёлочная'],
    ['256гб', undefined, 'Xiaomi'],
    ['256 gb', undefined, 'Xiaomi'],
    ['128 gb', undefined, 'iPhone'],
    ['чайнк', 'чайник', 'Чайник'],
    ['чяйник bosch', 'чайник bosch', 'Bosch'],
    ['принтре', 'принтер', 'Принтер'],
    ['прасрачный', 'прозрачный', 'Чехол'],
    ['лазер', undefined, 'Принтер'],
    ['телефон xiaomi', undefined, 'Xiaomi'],
    ['hard drive', undefined, 'Hard'],
    ['эргономичный', undefined, 'плед'],
  ])('"%s" is searched as %s', async (query, shown, first) => {
    const found = await look(query)
    expect(titles(found)[0]).toContain(first)
    expect(found.repair).toEqual(shown === undefined ? undefined : { asked: query, shown })
  })

  test('as typed means as typed', async () => {
    const found = await look('айфон', everybody, true)
    expect(found).toMatchObject({ isVerbatim: true })
    expect(found).not.toHaveProperty('repair')
    expect(titles(found)).not.toContain('Apple iPhone 13 128ГБ синий')
  })

  test('words that cannot be searched find nothing rather than everything', async () => {
    for (const words of ['!!!', '&|:*', '\u202e', '🫖🫖', "';--", '()']) {
      expect({ words, total: (await look(words)).total }).toEqual({ words, total: 0 })
    }
  })
})

describe('the order', () => {
  test('what is looked for comes before what is sold for it, however well that sells', async () => {
    expect(titles(await look('iphone 13'))).toEqual([
      'Apple iPhone 13 128ГБ синий',
      'Кабель iPhone 13',
      'Чехол для iPhone 13 прозрачный',
    ])
  })

  test('who looks for the accessory finds it first', async () => {
    expect(titles(await look('чехол iphone'))[0]).toBe('Чехол для iPhone 13 прозрачный')
  })

  test('a title comes before a description, and of equals what sells; what is sold out comes last', async () => {
    expect(titles(await look('чайник'))).toEqual([
      'Чайник Tefal со свистком',
      'Чайник Bosch электрический',
      'Чайник эмалированный',
      'Электрический плед',
    ])
  })

  test('other orders are kept from page to page', async () => {
    const person = await shop.person()
    const first = await startSearch(shop.db, person, { query: 'чайник', sort: 'cheap' }, everybody, shop.now)
    const order = titles(first)
    for (let page = 1; page < first.total; page += 1) {
      const next = await searchPage(shop.db, person, first.searchId, page, everybody, shop.now)
      order.push(...(next ? titles(next) : []))
    }
    expect(order.slice(0, 3)).toEqual(['Электрический плед', 'Чайник Tefal со свистком', 'Чайник Bosch электрический'])
    expect(await searchPage(shop.db, person, first.searchId, 99, everybody, shop.now)).toMatchObject({
      products: [],
      total: first.total,
    })
    expect(await searchPage(shop.db, await shop.person(), first.searchId, 0, everybody, shop.now)).toBeUndefined()
  })
})

describe('a way on', () => {
  test('what lacks a word is named as such, behind what has all', async () => {
    const found = await look('xiaomi чайник')
    expect(found.wayOn).toMatchObject({ kind: 'relaxed' })
    expect(found.total).toBeGreaterThan(0)
    const full = await look('чайник tefal')
    expect(full).not.toHaveProperty('wayOn')
    expect(titles(full)[0]).toBe('Чайник Tefal со свистком')
    const person = await shop.person()
    const first = await startSearch(shop.db, person, { query: 'чайник tefal' }, everybody, shop.now)
    expect(await searchPage(shop.db, person, first.searchId, 1, everybody, shop.now)).toMatchObject({
      wayOn: { kind: 'relaxed', kept: 'чайник', dropped: 'tefal' },
    })
  })

  test('when nothing is known of the words, what sells in the nearest category', async () => {
    const found = await look('смартфонище')
    const phones = await category('Смартфоны')
    expect(found.wayOn).toEqual({ kind: 'category', categoryId: phones })
    expect(found.total).toBe(2)
    const person = await shop.person()
    const first = await startSearch(shop.db, person, { query: 'смартфонище' }, everybody, shop.now)
    expect(await searchPage(shop.db, person, first.searchId, 1, everybody, shop.now)).toMatchObject({
      wayOn: { kind: 'category' },
      total: 2,
      products: [expect.anything()],
    })
    expect((await look('щщщщщщщ')).products.length).toBeGreaterThan(0)
  })
})

describe('who sees what', () => {
  test('goods for adults are shown to those only who said that they are', async () => {
    expect(titles(await look('игра для взрослых'))).not.toContain('Игра для взрослых')
    expect(titles(await look('игра', { ...everybody, isAdult: true }))).toContain('Игра для взрослых')
  })

  test('goods of some cities are hidden from people of others', async () => {
    expect(titles(await look('клубника', { ...everybody, cityCode: moscow }))).not.toContain('Клубника свежая')
    for (const cityCode of [kazan, undefined]) {
      expect(titles(await look('клубника', { ...everybody, cityCode }))).toContain('Клубника свежая')
    }
  })

  test("a shop's synonym finds its own goods only", async () => {
    const own = ids.get('Принтер лазерный') ?? 0
    const { sellerId } = await shop.db.product.findUniqueOrThrow({ where: { id: own } })
    await shop.db.synonym.create({ data: { sellerId, word: 'печаталка', means: 'принтер', createdAt: shop.now } })
    await offer({ title: 'Принтер струйный', category: 'Техника' })
    await refreshDueListings(shop.db, shop.now)
    const found = await look('печаталка')
    expect(titles(found)).toEqual(['Принтер лазерный'])
    expect(found).not.toHaveProperty('repair')
    expect(titles(await look('печаталка', everybody, true))).not.toEqual(['Принтер лазерный'])
  })
})

test('filters and their counts agree, and survive paging', async () => {
  const person = await shop.person()
  const searcher = { ...everybody, cityCode: moscow }
  const start = await startSearch(shop.db, person, { query: 'чайник' }, searcher, shop.now)
  const counts = await facets(shop.db, person, start.searchId, searcher)
  expect(counts?.together).toBe(1)
  const change = async (filters: Found['filters']) =>
    changeSearch(shop.db, person, start.searchId, () => ({ filters }), searcher, shop.now)
  for (const { categoryId, count } of counts?.categories ?? [])
    expect((await change({ categoryId }))?.total).toBe(count)
  for (const { brandId, count } of counts?.brands ?? []) expect((await change({ brandId }))?.total).toBe(count)
  for (const { days, count } of counts?.withinDays ?? [])
    expect((await change({ withinDays: days }))?.total).toBe(count)
  for (const { from, to, count } of counts?.prices ?? []) {
    const changed = await change({ priceFrom: Number(from), ...(to !== null && { priceTo: Number(to) }) })
    expect(changed?.total).toBe(count)
  }
  expect((await change({ together: true }))?.total).toBe(counts?.together)
  expect((await change({ near: true }))?.total).toBe(counts?.near)
  expect(counts?.brands.map(({ name }) => name).toSorted()).toEqual(['bosch', 'tefal'])
  expect(counts?.prices.reduce((sum, { count }) => sum + count, 0)).toBe(start.total)
  // A choice already made does not narrow its own counts, but those of the others.
  const tefal = counts?.brands.find(({ name }) => name === 'tefal')
  const narrowed = await change({ brandId: tefal?.brandId ?? 0 })
  expect(narrowed?.searchId).not.toBe(start.searchId)
  const again = await facets(shop.db, person, narrowed?.searchId ?? 0, searcher)
  expect(again?.brands).toEqual(counts?.brands)
  expect(again?.together).toBe(0)
  expect(await facets(shop.db, await shop.person(), start.searchId, searcher)).toBeUndefined()
})

test('while typing, half a word finds and is completed', async () => {
  expect(titles(await browse(shop.db, 'чайник боs', everybody, 0, 10, shop.now)).length).toBeGreaterThan(0)
  expect(titles(await browse(shop.db, 'чайник te', everybody, 0, 10, shop.now))[0]).toBe('Чайник Tefal со свистком')
  expect(await suggest(shop.db, 'чайник xi', 3)).toEqual(['чайник xiaomi'])
  expect(await suggest(shop.db, '%', 3)).toEqual([])
  expect((await browse(shop.db, '', everybody, 0, 50, shop.now)).total).toBeGreaterThan(10)
})

describe('leafing through', () => {
  const words = 'свисток'
  const titleAt = async (person: number, searchId: number, page: number, searcher = everybody) =>
    (await searchPage(shop.db, person, searchId, page, searcher, shop.now))?.products[0]?.title.ru
  const sells = async (title: string, popularity: number) => {
    await shop.db.product.update({ where: { id: ids.get(title) ?? 0 }, data: { popularity } })
    await refreshDueListings(shop.db, shop.now)
  }

  beforeAll(async () => {
    await offer({ title: 'Свисток первый', popularity: 90, isAdult: true })
    for (const [at, name] of ['второй', 'третий', 'четвертый'].entries())
      await offer({ title: `Свисток ${name}`, popularity: 60 - at * 20 })
    await refreshDueListings(shop.db, shop.now)
  })

  test('goes by what was found, whatever sells meanwhile, and by what sells a quarter of an hour later', async () => {
    const person = await shop.person()
    const { searchId, total } = await startSearch(shop.db, person, { query: words }, everybody, shop.now)
    expect(total).toBe(3)
    await sells('Свисток четвертый', 10_000)
    const pages = [0, 1, 2]
    const inTurn = async () => Promise.all(pages.map(async (page) => titleAt(person, searchId, page)))
    expect(await inTurn()).toEqual(['Свисток второй', 'Свисток третий', 'Свисток четвертый'])
    shop.pass(15 * minute)
    expect(await inTurn()).toEqual(['Свисток четвертый', 'Свисток второй', 'Свисток третий'])
    await sells('Свисток четвертый', 20)
  })

  test('shows the price of now, and what is sold no more at no place', async () => {
    const person = await shop.person()
    const { searchId } = await startSearch(shop.db, person, { query: words }, everybody, shop.now)
    const productId = ids.get('Свисток второй') ?? 0
    await shop.db.variant.updateMany({ where: { productId }, data: { price: 77_700n } })
    const first = await searchPage(shop.db, person, searchId, 0, everybody, shop.now)
    expect(first?.products[0]?.variants[0]?.price).toBe(77_700n)
    await shop.db.product.update({ where: { id: productId }, data: { withdrawnAt: shop.now } })
    await refreshDueListings(shop.db, shop.now)
    expect(await searchPage(shop.db, person, searchId, 0, everybody, shop.now)).toMatchObject({
      total: 2,
      products: [{ title: { ru: 'Свисток третий' } }],
    })
    await shop.db.product.update({ where: { id: productId }, data: { withdrawnAt: null } })
    await refreshDueListings(shop.db, shop.now)
  })

  test('sees at once what somebody may see who says that they are eighteen, and no more what they may not', async () => {
    const person = await shop.person()
    const { searchId } = await startSearch(shop.db, person, { query: words }, everybody, shop.now)
    const grown = { ...everybody, isAdult: true }
    expect(await titleAt(person, searchId, 0, grown)).toBe('Свисток первый')
    expect(await titleAt(person, searchId, 0)).toBe('Свисток второй')
    await shop.db.product.update({ where: { id: ids.get('Свисток второй') ?? 0 }, data: { isAdult: true } })
    await refreshDueListings(shop.db, shop.now)
    expect(await titleAt(person, searchId, 0)).toBe('Свисток третий')
  })
})
