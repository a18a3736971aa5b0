/** The lists of filters: more of them than one screen holds, and counts that are only a beginning. */
import { beforeAll, expect, test } from 'vitest'
import { buttonsOf, intentOf, intentsOf, useChat, type Guest } from './support.ts'

const chat = useChat()
const labels = (guest: Guest) => buttonsOf(guest.last).map(({ label }) => label)
const names = Array.from({ length: 16 }, (_, at) => `Марка ${String.fromCodePoint(0x410 + at)}`)

/** 512 buttons: 47 of the first brand, and of each other two fewer than of the one before. */
beforeAll(async () => {
  const { db } = chat.shop
  const made = await chat.shop.goods({ campaign: false })
  const { categoryId } = await db.product.findUniqueOrThrow({ where: { id: made.productId } })
  for (const [at, name] of names.entries()) {
    const { id: brandId } = await db.brand.create({ data: { name, folded: name } })
    await db.$executeRaw`
      WITH p AS (
        INSERT INTO product (seller_id, external_id, category_id, brand_id, title, description, words, pictures, updated_at)
        SELECT ${made.sellerId}, ${name} || n, ${categoryId}, ${brandId}, '{"ru": "Пуговица"}', '{}', 'пуговица', '{}', now()
        FROM generate_series(1, ${47 - at * 2}::int) n RETURNING id)
      INSERT INTO variant (product_id, external_id, options, price, currency, weight_grams)
      SELECT id, '1', '{}', 1000, 'RUB', 10 FROM p`
  }
  await chat.refresh()
})

test('brands come in pages, and one of the last page is chosen like any', async () => {
  const guest = chat.guest()
  await guest.write('пуговица')
  await guest.pressFirst('filters')
  const list = intentsOf(guest.last).find((intent) => intent.do === 'filter-list' && intent.filter === 'brand')
  await guest.press(list ?? { do: 'home' })
  const first = names.slice(0, 7).map((name, at) => `${name} · ${47 - at * 2}`)
  expect(labels(guest).slice(0, 7)).toEqual(first)
  expect(intentsOf(guest.last).map((intent) => intent.do)).toEqual([
    ...Array.from({ length: 7 }, () => 'filter-set'),
    'filters',
    'filter-page',
  ])
  await guest.pressFirst('filter-page')
  expect(labels(guest).slice(0, 7)).toEqual(names.slice(7, 14).map((name, at) => `${name} · ${33 - at * 2}`))
  const { searchId } = intentOf(guest.last, 'filter-page')
  const on = { do: 'filter-page', searchId, filter: 'brand', page: 2 } as const
  expect(intentsOf(guest.last).filter((intent) => intent.do === 'filter-page')).toEqual([{ ...on, page: 0 }, on])
  await guest.press(on)
  expect(labels(guest).slice(0, 2)).toEqual(['Марка О · 19', 'Марка П · 17'])
  expect(intentsOf(guest.last).filter((intent) => intent.do === 'filter-page')).toEqual([{ ...on, page: 1 }])
  await guest.pressFirst('filter-set')
  guest.expectSays(guest.last, 'search.total', { total: 19 })
  guest.expectSays(guest.last, 'search.chosen', { chosen: 'Марка О' })
  // A page that is no more is the first; other filters have one.
  await guest.press({ ...on, page: 9 })
  expect(labels(guest).slice(0, 7)).toEqual(first)
  await guest.press({ ...on, filter: 'price', page: 9 })
  expect(intentsOf(guest.last).map((intent) => intent.do)).not.toContain('filter-page')
})

test('counts that are only a beginning have a plus', async () => {
  const guest = chat.guest()
  await guest.write('пуговица небывалая')
  await guest.pressFirst('filters')
  const list = intentsOf(guest.last).find((intent) => intent.do === 'filter-list' && intent.filter === 'category')
  await guest.press(list ?? { do: 'home' })
  expect(labels(guest)[0]).toMatch(/ · 401\+$/)
  // The one word by itself is counted to the end.
  await guest.write('пуговица')
  await guest.pressFirst('filters')
  await guest.press({ do: 'filter-list', searchId: intentOf(guest.last, 'filter-list').searchId, filter: 'category' })
  expect(labels(guest)[0]).toMatch(/ · 512$/)
})
