/** What the product page says and offers beside buying: photos, options, stock, cities, parameters, and who may see it. */
import { beforeAll, expect, test } from 'vitest'
import type { Intent } from '#chat/intent.ts'
import { countRows, kazan } from '../shop/support.ts'
import { buttonsOf, intentOf, intentsOf, textOf, useChat, type Guest } from './support.ts'

const chat = useChat()
const labels = (guest: Guest) => buttonsOf(guest.last).map(({ label }) => label)
const doesOf = (guest: Guest) => intentsOf(guest.last).map((intent) => intent.do)

type Data = NonNullable<Parameters<typeof chat.shop.db.product.update>[0]>['data']

async function goods(data: Data = {}, options: Parameters<typeof chat.shop.goods>[0] = {}) {
  const made = await chat.shop.goods({ campaign: false, ...options })
  await chat.shop.db.product.update({ where: { id: made.productId }, data })
  return made
}

/** Sizes and colours, each pair a variant. */
async function shirts(sizes: string[], colours: string[]) {
  const made = await goods({ title: { ru: 'Рубашка' } }, { stock: 5 })
  const { db } = chat.shop
  const ids = new Map<string, number>()
  for (const [at, size] of sizes.entries()) {
    for (const [place, colour] of colours.entries()) {
      const data = {
        options: { ru: { Размер: size, Цвет: colour } },
        position: at * 10 + place,
        externalId: `${size}-${colour}`,
      }
      const isFirst = at + place === 0
      const rest = { productId: made.productId, price: 100_000n, currency: 'RUB', weightGrams: 300 }
      const { id } = isFirst
        ? await db.variant.update({ where: { id: made.variantId }, data })
        : await db.variant.create({ data: { ...data, ...rest } })
      if (!isFirst) await db.stockLevel.create({ data: { variantId: id, locationId: made.locationId, onHand: 5 } })
      ids.set(`${size} ${colour}`, id)
    }
  }
  return { ...made, idOf: (name: string) => ids.get(name) ?? 0 }
}

async function place(
  variantId: number,
  sellerId: number,
  city: { cityCode: number; cityName: string },
  onHand: number,
) {
  const location = { sellerId, externalId: `at-${city.cityCode}`, kind: 'showroom', title: { ru: 'Точка' }, ...city }
  const { id: locationId } = await chat.shop.db.location.create({ data: location })
  await chat.shop.db.stockLevel.create({ data: { variantId, locationId, onHand } })
}

test('photos are leafed through round and round: those of the product, then of the chosen variant', async () => {
  const { productId, idOf } = await shirts(['S', 'M'], ['белая'])
  const { db } = chat.shop
  await db.product.update({ where: { id: productId }, data: { pictures: ['demo/a', 'demo/b'] } })
  await db.variant.update({ where: { id: idOf('M белая') }, data: { pictures: ['demo/m', 'demo/a'] } })
  const guest = chat.guest()
  await guest.press({ do: 'product', productId })
  expect([guest.last.picture, labels(guest).slice(0, 2)]).toEqual(['demo/a', ['◀', '1/2 ▶']])
  // A variant with a photo of its own is shown by it.
  await guest.press({ do: 'variant', productId, variantId: idOf('M белая') })
  expect([guest.last.picture, labels(guest).slice(0, 2)]).toEqual(['demo/m', ['◀', '3/3 ▶']])
  const seen: (string | undefined)[] = []
  for (let turn = 0; turn < 3; turn += 1) {
    const [, on] = intentsOf(guest.last)
    await guest.press(on ?? { do: 'home' })
    seen.push(guest.last.picture)
    guest.expectSays(guest.last, 'product.option', { option: 'белая, M' })
  }
  expect(seen).toEqual(['demo/a', 'demo/b', 'demo/m'])
  await guest.press({ do: 'look', productId, variantId: 0, photo: 60_000, searchId: 0, page: 0 })
  expect(guest.last.picture).toBe('demo/b')
})

test('of two kinds of options each is chosen by itself, and the other stays', async () => {
  const { productId, idOf } = await shirts(['S', 'M', 'L'], ['белая', 'синяя', 'чёрная'])
  const { db } = chat.shop
  await db.stockLevel.updateMany({ where: { variantId: idOf('M белая') }, data: { onHand: 0 } })
  const guest = chat.guest()
  await guest.press({ do: 'product', productId })
  const [colour, size] = intentsOf(guest.last)
  expect(labels(guest).slice(0, 2)).toEqual(['Цвет: белая ▾', 'Размер: S ▾'])

  await guest.press(colour ?? { do: 'home' })
  expect(labels(guest).slice(0, 3)).toEqual(['✓ белая', 'синяя', 'чёрная'])
  await guest.press(intentsOf(guest.last)[1] ?? { do: 'home' })
  guest.expectSays(guest.last, 'product.option', { option: 'синяя, S' })
  await guest.press(size ?? { do: 'home' })
  expect(labels(guest).slice(0, 2)).toEqual(['✓ S', '✕ M'])
  await guest.press({ do: 'variant', productId, variantId: idOf('S синяя') })
  await guest.press(intentsOf(guest.last)[1] ?? { do: 'home' })
  expect(labels(guest).slice(0, 3)).toEqual(['✓ S', 'M', 'L'])
  await guest.press(intentsOf(guest.last)[2] ?? { do: 'home' })
  guest.expectSays(guest.last, 'product.option', { option: 'синяя, L' })
})

test('the page of a result leads back to its place, through options and photos', async () => {
  const { productId, idOf } = await shirts(['S', 'M', 'L'], ['белая', 'синяя'])
  await chat.shop.db.product.update({
    where: { id: productId },
    data: { words: 'косоворотка', pictures: ['demo/a', 'demo/b'] },
  })
  await chat.refresh()
  const guest = chat.guest()
  await guest.write('косоворотка')
  const from = await guest.pressFirst('look')
  const { searchId, page } = intentOf(from.message, 'results')
  expect(doesOf(guest)).not.toContain('home')
  await guest.pressFirst('look-options')
  await guest.press(intentsOf(guest.last)[1] ?? { do: 'home' })
  expect(intentOf(guest.last, 'results')).toEqual({ do: 'results', searchId, page })
  await guest.press({ do: 'look', productId, variantId: idOf('M синяя'), photo: 2, searchId, page })
  guest.expectSays(await guest.pressFirst('results'), 'search.place-for', { page: 1, total: 1, query: 'косоворотка' })
})

test('stock is told by place, their own city first, and what was rated by mean and count', async () => {
  const { productId, variantId, sellerId } = await goods({}, { stock: 30 })
  const city = { cityCode: kazan.cityCode, cityName: kazan.cityName }
  await place(variantId, sellerId, { cityCode: 270, cityName: 'Новосибирск' }, 7)
  await place(variantId, sellerId, city, 2)
  const buyers = await chat.shop.people(3)
  const ratings = buyers.map((personId, at) => ({ personId, productId, stars: 5 - (at % 2), ratedAt: chat.shop.now }))
  await chat.shop.db.rating.createMany({ data: ratings })
  const [guest, buyer] = [chat.guest(), await chat.buyer()]
  const cities = async (person: Guest) => {
    const { message } = await person.press({ do: 'product', productId })
    return [...textOf(message).matchAll(/📦 Остал\S+ (\d+) \S+ · (.+)/gu)].map(([, count, name]) => `${name} ${count}`)
  }
  expect(await cities(guest)).toEqual(['Москва 30', 'Новосибирск 7', 'Казань 2'])
  expect(await cities(buyer)).toEqual(['Казань 2', 'Москва 30', 'Новосибирск 7'])
  buyer.expectSays(buyer.last, 'product.rating', { stars: 4.7, total: 3 })
})

test('six parameters stand on the page in the language of the reader, all of them behind a button', async () => {
  const params = Array.from({ length: 40 }, (_, at) => ({ name: `Свойство ${at + 1}`, value: 'да', language: 'ru' }))
  const english = { name: 'Colour', value: 'blue', language: 'en' }
  const { productId } = await goods({ params: [...params, english], description: { ru: 'о'.repeat(3000) } })
  const guest = chat.guest()
  await guest.press({ do: 'product', productId })
  expect(textOf(guest.last).match(/Свойство \d+: да/g)).toHaveLength(6)
  expect(textOf(guest.last)).not.toContain('Colour')
  await guest.pressFirst('about')
  const seen = new Set<string>()
  for (let at = 0; at < 5; at += 1) {
    for (const [name] of textOf(guest.last).matchAll(/Свойство \d+/g)) seen.add(name)
    const next = intentsOf(guest.last).find((intent) => intent.do === 'about' && intent.at === at + 1)
    if (next) await guest.press(next)
  }
  expect(seen.size).toBe(40)
  await guest.pressFirst('variant')
  await guest.press({ do: 'set-language', language: 'en' })
  await guest.press({ do: 'product', productId })
  expect(textOf(guest.last)).toContain('Colour: blue')
  expect(textOf(guest.last)).not.toContain('Свойство')
})

test('goods that are not sold to their city say so, have no button to buy, and are refused', async () => {
  const { productId, variantId } = await goods({ cities: [44], isPerishable: true }, { campaign: true })
  const [guest, buyer] = [chat.guest(), await chat.buyer()]
  const where = { city: kazan.cityName }
  await guest.press({ do: 'product', productId })
  expect(textOf(guest.last)).toContain('но не во все города')
  expect(doesOf(guest)).toContain('buy-alone')
  await buyer.press({ do: 'product', productId })
  buyer.expectSays(buyer.last, 'product.perishable-not-there', where)
  expect(doesOf(buyer)).not.toContain('buy-alone')
  expect(doesOf(buyer)).not.toContain('buy-together')

  const before = await countRows(chat.shop.db)
  for (const old of ['buy-alone', 'buy-together'] as const) {
    const { message } = await buyer.press({ do: old, variantId })
    buyer.expectSays(message, 'refusal.not-delivered-there')
    // Another city may do.
    expect(await buyer.step()).toBe('city')
  }
  expect(await countRows(chat.shop.db)).toEqual(before)
  await chat.shop.db.product.update({ where: { id: productId }, data: { cities: [44, kazan.cityCode] } })
  await buyer.press({ do: 'product', productId })
  expect(doesOf(buyer)).toContain('buy-alone')
  expect((await chat.shop.buy(buyer.personId, { kind: 'alone', variantId })).ok).toBe(true)
})

test('a seat in a group is refused, too, where the goods are not sold', async () => {
  const made = await goods({}, { campaign: true })
  const { groupId } = await chat.shop.openGroup(made)
  await chat.shop.db.product.update({ where: { id: made.productId }, data: { cities: [44] } })
  const buyer = await chat.buyer()
  expect(await chat.shop.buy(buyer.personId, { kind: 'join', groupId })).toEqual({
    ok: false,
    reason: 'not-delivered-there',
  })
  await buyer.press({ do: 'product', productId: made.productId })
  expect(doesOf(buyer)).not.toContain('join')
})

test('the longest words of everything fit under a picture, in every language', async () => {
  const long = '«Ёж» <b>&amp;{{x}}</b> $t(home.how) 🦊 '.repeat(20)
  const params = Array.from({ length: 9 }, () => ({ name: long, value: long }))
  const made = await goods(
    {
      title: { ru: long.slice(0, 250) },
      description: { ru: long.repeat(20) },
      params,
      pictures: ['demo/a', 'demo/b'],
      cities: [44, 424],
    },
    {
      campaign: true,
      size: 100,
      group: { kind: 'ladder', minSeats: 2 },
      steps: [
        { seats: 2, price: 90_000n },
        { seats: 100, price: 80_000n },
      ],
    },
  )
  const { db } = chat.shop
  await db.seller.update({ where: { id: made.sellerId }, data: { name: 'Ш'.repeat(100) } })
  await db.variant.update({
    where: { id: made.variantId },
    data: { options: { ru: { Размер: long.slice(0, 250), Цвет: long.slice(0, 250) } }, oldPrice: 9_999_999_999n },
  })
  for (let at = 0; at < 4; at += 1)
    await place(made.variantId, made.sellerId, { cityCode: 1000 + at, cityName: 'Ж'.repeat(60) }, 999_999)
  for (let at = 0; at < 3; at += 1) await chat.shop.openGroup(made)
  const buyer = await chat.buyer()
  for (const language of ['en', 'zh', 'ru'] as const) {
    await buyer.press({ do: 'set-language', language })
    const { message } = await buyer.press({ do: 'product', productId: made.productId })
    expect(message?.picture).toBe('demo/a')
    expect(doesOf(buyer)).toContain('join')
    const places = (intentOf(message, 'about') satisfies Intent).do
    await buyer.pressFirst(places)
  }
})

/** Goods for grown-ups, found by a word of their own. */
let wine: Awaited<ReturnType<typeof goods>>
const word = 'игристое'

beforeAll(async () => {
  wine = await goods(
    { isAdult: true, title: { ru: 'Игристое' }, description: { ru: 'Тайна виноградника' }, words: word },
    { campaign: true },
  )
  await chat.refresh()
})

test('goods for grown-ups are asked about once, and then open what was asked for', async () => {
  const { productId, variantId } = wine
  const guest = chat.guest()
  const link = `i_${productId.toString(36)}`
  const ways: Intent[] = [
    { do: 'product', productId },
    { do: 'variant', productId, variantId },
    { do: 'variants', productId, page: 0 },
    { do: 'look', productId, variantId, photo: 1, searchId: 0, page: 0 },
    { do: 'look-options', productId, variantId, kind: 0, at: 0, searchId: 0, page: 0 },
    { do: 'about', productId, variantId, at: 0, searchId: 0, page: 0 },
  ]
  await guest.command('start', link)
  for (const way of [undefined, ...ways]) {
    if (way) await guest.press(way)
    guest.expectSays(guest.last, 'adult.ask')
    expect(guest.last.picture).not.toBe('demo/kettle')
    expect(textOf(guest.last)).not.toMatch(/Игристое|Тайна/)
  }
  guest.expectSays(await guest.pressFirst('not-adult'), 'adult.no')
  await guest.command('start', link)
  const opened = await guest.pressFirst('adult')
  expect(textOf(opened.message)).toContain('Тайна виноградника')
  expect(opened.message?.picture).toBe('demo/kettle')
  await guest.press({ do: 'product', productId })
  expect(textOf(guest.last)).toContain('Тайна виноградника')
  const { adultAt } = await chat.shop.db.person.findUniqueOrThrow({ where: { id: guest.personId } })
  expect(adultAt).toEqual(chat.shop.now)
})

test('goods for grown-ups are found by those only who said that they are one', async () => {
  const guest = chat.guest()
  await guest.write(word)
  expect(textOf(guest.last)).not.toContain('Игристое')
  const share = `p_${wine.productId.toString(36)}`
  const titles = async (query: string) => (await guest.inline(query)).cards.map(({ title }) => title)
  expect(await titles(word)).not.toContain('Игристое')
  expect(await titles(share)).toEqual([guest.say('confused.not-found')])
  await guest.press({ do: 'adult', productId: wine.productId, variantId: 0, groupId: 0 })
  await guest.write(word)
  expect(textOf(guest.last)).toContain('Игристое')
  for (const query of [word, share]) {
    const { cards } = await guest.inline(query)
    expect(cards[0]?.title).toBe('Игристое')
    // Others see it where it is shared.
    expect([cards[0]?.thumbnail, cards[0]?.message.picture]).toEqual([undefined, undefined])
  }
})

test('a post about goods for grown-ups has neither their picture nor their description', async () => {
  const guest = chat.guest()
  await guest.command('start')
  const { sellerId, productId } = wine
  await chat.shop.db.sellerMember.create({ data: { sellerId, personId: guest.personId, joinedAt: chat.shop.now } })
  const { message } = await guest.press({ do: 'post-offer', productId })
  expect(textOf(message)).toContain('Игристое')
  expect(textOf(message)).not.toContain('Тайна')
  expect(message?.picture).toBeUndefined()
})

test('nobody buys goods for grown-ups who has not said so, alone or in a group', async () => {
  const leader = await chat.shop.person()
  await chat.shop.db.person.update({ where: { id: leader }, data: { adultAt: chat.shop.now } })
  const { groupId } = await chat.shop.openGroup(wine, leader)
  const { token } = await chat.shop.db.group.findUniqueOrThrow({ where: { id: groupId } })
  const buyer = await chat.buyer()
  const before = await countRows(chat.shop.db)
  const { variantId } = wine
  for (const intent of [
    { do: 'buy-alone', variantId },
    { do: 'buy-together', variantId },
    { do: 'join', groupId },
  ] as const) {
    buyer.expectSays(await buyer.press(intent), 'adult.ask')
  }
  const cards = async () => (await buyer.inline(`g_${token}`)).cards
  expect((await cards()).map(({ title }) => title)).toEqual([buyer.say('confused.not-found')])
  buyer.expectSays(await buyer.command('start', `g_${token}`), 'adult.ask')
  expect({ ...(await countRows(chat.shop.db)) }).toEqual(before)
  const group = await buyer.pressFirst('adult')
  expect(textOf(group.message)).toContain('Игристое')
  const [card] = await cards()
  expect([card?.title, card?.thumbnail, card?.message.picture]).toEqual(['Игристое', undefined, undefined])
  await buyer.pressFirst('join')
  expect((await countRows(chat.shop.db))['seats']).toBe((before['seats'] ?? 0) + 1)
})
