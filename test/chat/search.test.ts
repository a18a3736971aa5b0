/** Searching in the chat: what is said of repairs, filters by taps that survive paging and back, and the same engine inline. */
import { beforeAll, expect, test } from 'vitest'
import type { Intent } from '#chat/intent.ts'
import { kazan } from '../shop/support.ts'
import { buttonsOf, intentOf, intentsOf, textOf, useChat, type Guest } from './support.ts'

const chat = useChat()
const labels = (guest: Guest) => buttonsOf(guest.last).map(({ label }) => label)
const titleOf = (guest: Guest) => textOf(guest.last).split('\n')[0] ?? ''
const labelled = (guest: Guest, text: RegExp): Intent => {
  const at = labels(guest).findIndex((label) => text.test(label))
  const button = buttonsOf(guest.last)[at]
  if (!button || !('act' in button)) throw new Error(`no button ${text} among ${labels(guest).join(', ')}`)
  const all = intentsOf(guest.last)
  return (
    all[
      buttonsOf(guest.last)
        .slice(0, at)
        .filter((one) => 'act' in one).length
    ] ?? { do: 'home' }
  )
}
const tap = (guest: Guest, text: RegExp) => guest.press(labelled(guest, text))

const brands: Record<string, number> = {}
let kitchen = 0
let garden = 0

/** Six lanterns: two brands, two categories, prices from 500 to 5,500 roubles, one also sold together, one in Kazan. */
beforeAll(async () => {
  const { db } = chat.shop
  for (const name of ['Свет', 'Луч'])
    brands[name] = (await db.brand.create({ data: { name, folded: `${name.toLowerCase()}-светильники` } })).id
  const { id: parentId } = await db.category.create({ data: { slug: 'lamps', title: { ru: 'Светильники' } } })
  kitchen = (await db.category.create({ data: { slug: 'lamps-in', title: { ru: 'Для дома' }, parentId } })).id
  garden = (await db.category.create({ data: { slug: 'lamps-out', title: { ru: 'Для сада' }, parentId } })).id
  for (let at = 0; at < 6; at += 1) {
    const price = BigInt(50_000 + at * 100_000)
    const made = await chat.shop.goods({ campaign: at === 1, price, stock: 9 })
    const data = {
      title: { ru: `Светлячок ${at}`, en: `Lantern ${at}` },
      words: `светлячок ${at}\nсвет`,
      categoryId: at < 4 ? kitchen : garden,
      brandId: brands[at % 2 === 0 ? 'Свет' : 'Луч'] ?? null,
    }
    await db.product.update({ where: { id: made.productId }, data })
    if (at === 5) {
      const city = { cityCode: kazan.cityCode, cityName: kazan.cityName }
      await db.location.update({ where: { id: made.locationId }, data: city })
    }
  }
  await chat.refresh()
})

test('a typo is repaired, said so, and undone by a button', async () => {
  const guest = chat.guest()
  const { message } = await guest.write('светлячк')
  guest.expectSays(message, 'search.repaired', { asked: 'светлячк', shown: 'светлячок' })
  guest.expectSays(message, 'search.place-for', { page: 1, total: 6, query: 'светлячок' })
  const first = intentOf(message, 'results')
  const verbatim = await guest.pressFirst('verbatim')
  expect(textOf(verbatim.message)).toContain('По запросу «светлячк» ничего не нашлось')
  const again = await guest.pressFirst('verbatim')
  guest.expectSays(again, 'search.repaired', { asked: 'светлячк', shown: 'светлячок' })
  // The old message still leads to its next page.
  guest.expectSays(await guest.press(first), 'search.place-for', { page: 2, total: 6, query: 'светлячок' })
})

test('where no product has all words, it is said which one was left out', async () => {
  const guest = chat.guest()
  const { message } = await guest.write('светлячок абракадабровый')
  expect(textOf(message)).toContain(guest.say('search.relaxed', { dropped: 'абракадабровый' }))
  expect(textOf(message)).toContain('Светлячок')
})

test('filters are chosen one by one with their counts, and survive paging, the page of a product, and the way back', async () => {
  const guest = chat.guest()
  await guest.write('светлячок')
  await guest.pressFirst('filters')
  guest.expectSays(guest.last, 'search.total', { total: 6 })
  await tap(guest, /Марка/)
  expect(labels(guest)).toEqual(expect.arrayContaining(['Луч · 3', 'Свет · 3']) as unknown)
  await tap(guest, /Луч · 3/)
  guest.expectSays(guest.last, 'search.total', { total: 3 })
  guest.expectSays(guest.last, 'search.chosen', { chosen: 'Луч' })
  await tap(guest, /Категория/)
  await tap(guest, /Для дома · 2/)
  const chosen = { chosen: 'Для дома · Луч' }
  guest.expectSays(guest.last, 'search.chosen', chosen)
  await tap(guest, /Показать: 2/)
  guest.expectSays(guest.last, 'search.place-for', { page: 1, total: 2, query: 'светлячок' })
  guest.expectSays(guest.last, 'search.chosen', chosen)
  await guest.pressFirst('results')
  guest.expectSays(guest.last, 'search.place-for', { page: 2, total: 2, query: 'светлячок' })
  guest.expectSays(guest.last, 'search.chosen', chosen)
  await guest.pressFirst('look')
  await guest.pressFirst('results')
  guest.expectSays(guest.last, 'search.place-for', { page: 2, total: 2, query: 'светлячок' })

  await guest.pressFirst('filters')
  await tap(guest, /✖ Луч/)
  guest.expectSays(guest.last, 'search.total', { total: 4 })
  guest.expectSays(guest.last, 'search.chosen', { chosen: 'Для дома' })
  await guest.pressFirst('filter-reset')
  guest.expectSays(guest.last, 'search.total', { total: 6 })
  expect(intentsOf(guest.last).map((intent) => intent.do)).not.toContain('filter-reset')
})

test('prices, together and what lies in their own city narrow, too', async () => {
  const buyer = await chat.buyer()
  await buyer.write('светлячок')
  await buyer.pressFirst('filters')
  const all = buyer.last
  await tap(buyer, /Вместе · 1/)
  await tap(buyer, /Показать: 1/)
  expect(titleOf(buyer)).toBe('Светлячок 1')
  await buyer.press(
    intentsOf(all).find((intent) => intent.do === 'filter-set' && intent.filter === 'near') ?? { do: 'home' },
  )
  await tap(buyer, /Показать: 1/)
  expect(titleOf(buyer)).toBe('Светлячок 5')

  const { searchId } = intentOf(all, 'results')
  await buyer.press({ do: 'filter-price', searchId, from: 100_000n, to: 300_000n })
  buyer.expectSays(buyer.last, 'search.total', { total: 2 })
  const between = {
    from: { money: { amount: 100_000n, currency: 'RUB' } },
    to: { money: { amount: 300_000n, currency: 'RUB' } },
  }
  expect(labels(buyer)).toContain(`✖ ${buyer.say('filter.price-between', between)}`)
  await tap(buyer, /✖/)
  buyer.expectSays(buyer.last, 'search.total', { total: 6 })
  await tap(buyer, /Когда доставят/)
  expect(labels(buyer)[0]).toMatch(/🚚 до \d+ .+ · \d/u)
  await tap(buyer, /🚚/)
  expect(textOf(buyer.last)).toMatch(/⚙ 🚚 до \d+/u)
  // Whose city is not known has nothing near.
  const guest = chat.guest()
  await guest.write('светлячок')
  await guest.pressFirst('filters')
  expect(intentsOf(guest.last).some((intent) => intent.do === 'filter-set' && intent.filter === 'near')).toBe(false)
})

test('every price band leads to as many as it says, and marks itself', async () => {
  const guest = chat.guest()
  await guest.write('светлячок')
  await guest.pressFirst('filters')
  await tap(guest, /Цена/)
  const bands = buttonsOf(guest.last).slice(0, -1)
  const intents = intentsOf(guest.last)
  expect(bands.length).toBeGreaterThan(1)
  for (const [at, { label }] of bands.entries()) {
    await guest.press(intents[at] ?? { do: 'home' })
    guest.expectSays(guest.last, 'search.total', { total: Number(/· (\d+)$/.exec(label)?.[1]) })
  }
})

test('the order is chosen on a screen of its own and kept with the filters', async () => {
  const guest = chat.guest()
  await guest.write('светлячок')
  const firstOf = async (sort: RegExp) => {
    await guest.pressFirst('filters')
    await guest.pressFirst('sorts')
    await tap(guest, sort)
    return titleOf(guest)
  }
  expect(await firstOf(/^дешёвые/)).toBe('Светлячок 0')
  expect(await firstOf(/^дорогие/)).toBe('Светлячок 5')
  guest.expectSays(guest.last, 'search.chosen', { chosen: 'сначала дорогие' })
  await guest.pressFirst('filters')
  await tap(guest, /Марка/)
  await tap(guest, /Свет/)
  await tap(guest, /Показать/)
  expect(titleOf(guest)).toBe('Светлячок 4')
  await guest.pressFirst('filters')
  await guest.pressFirst('sorts')
  expect(labels(guest)).toContain('✓ дорогие')
})

test("filters of another person's search, or of none, are out of date", async () => {
  const [one, other] = [chat.guest(), chat.guest()]
  await one.write('светлячок')
  const { searchId } = intentOf(one.last, 'filters')
  const before = await chat.shop.db.search.count()
  for (const id of [searchId, 2_147_483_647]) {
    const intents: Intent[] = [
      { do: 'filters', searchId: id },
      { do: 'filter-list', searchId: id, filter: 'brand' },
      { do: 'filter-set', searchId: id, filter: 'brand', value: 1 },
      { do: 'filter-price', searchId: id, from: 0n, to: 1n },
      { do: 'filter-reset', searchId: id },
      { do: 'sorts', searchId: id },
      { do: 'sort', searchId: id, sort: 'cheap' },
      { do: 'verbatim', searchId: id, isOn: 1 },
    ]
    for (const intent of intents) other.expectSays(await other.press(intent), 'confused.button')
  }
  expect(await chat.shop.db.search.count()).toBe(before)
})

test('choices that leave nothing are named and lead back', async () => {
  const guest = chat.guest()
  await guest.write('светлячок')
  const { searchId } = intentOf(guest.last, 'filters')
  for (const [filter, value] of [
    ['brand', 2_147_483_647],
    ['category', 2_147_483_647],
    ['days', 2_147_483_647],
  ] as const) {
    await guest.press({ do: 'filter-set', searchId, filter, value })
    for (const list of ['category', 'brand', 'price', 'days', 'together', 'near'] as const)
      await guest.press({ do: 'filter-list', searchId, filter: list })
  }
  await guest.press({ do: 'filter-price', searchId, from: 1n, to: 2n })
  guest.expectSays(guest.last, 'search.total', { total: 0 })
  const narrowed = intentOf(guest.last, 'filter-reset')
  await guest.press({ do: 'results', searchId: narrowed.searchId, page: 0 })
  expect(textOf(guest.last)).toContain('С такими условиями ничего нет')
  await guest.press(narrowed)
  guest.expectSays(guest.last, 'search.total', { total: 6 })
})

test('beyond what is counted it is said that there are more', async () => {
  const { db } = chat.shop
  const made = await chat.shop.goods({ campaign: false })
  const { categoryId } = await db.product.findUniqueOrThrow({ where: { id: made.productId } })
  await db.$executeRaw`
    WITH p AS (
      INSERT INTO product (seller_id, external_id, category_id, title, description, words, pictures, updated_at)
      SELECT ${made.sellerId}, 'many-' || n, ${categoryId}, '{"ru": "Пуговица"}', '{}', 'пуговица', '{}', now()
      FROM generate_series(1, 2001) n RETURNING id)
    INSERT INTO variant (product_id, external_id, options, price, currency, weight_grams)
    SELECT id, '1', '{}', 1000, 'RUB', 10 FROM p`
  await chat.refresh()
  const guest = chat.guest()
  await guest.write('пуговица')
  expect(textOf(guest.last)).toMatch(/^1 · всего больше [12]\s000 · «пуговица»$/mu)
  await guest.pressFirst('filters')
  expect(textOf(guest.last)).toMatch(/Нашлось больше [12]\s000/u)
})

test('while a word is being typed inline, it is completed, and that is said', async () => {
  const guest = chat.guest()
  const { cards } = await guest.inline('светляч')
  expect(cards[0]?.title).toMatch(/^Светлячок/)
  const typo = await guest.inline('светлячк')
  expect(typo.cards[0]?.title).toMatch(/^Светлячок/)
  expect(typo.cards[0]?.description).toContain('«светлячок»')
})
