/** Search, cards, paging, the product page, and the same in other chats by inline mode. */
import { expect, test } from 'vitest'
import { buttonsOf, intentOf, intentsOf, textOf, useChat } from './support.ts'

const chat = useChat()

/** A product of our own making, beside those of the demo. */
async function makeProduct(of: {
  title: string
  description?: string
  options?: string[]
  stock?: number
  price?: bigint
  groupPrice?: bigint
}) {
  const { db, now } = chat.shop
  const { productId, sellerId, locationId, variantId } = await chat.shop.goods({
    stock: of.stock ?? 5,
    campaign: false,
  })
  const title = { ru: of.title, en: of.title, zh: of.title }
  const description = of.description === undefined ? {} : { ru: of.description }
  await db.product.update({ where: { id: productId }, data: { title, description, words: of.title.toLowerCase() } })
  if (of.price !== undefined) await db.variant.update({ where: { id: variantId }, data: { price: of.price } })
  const options = of.options ?? []
  const variantIds = [variantId]
  for (const [at, option] of options.entries()) {
    const data = { options: { ru: { цвет: option } }, position: at, externalId: String(at) }
    if (at === 0) await db.variant.update({ where: { id: variantId }, data })
    else {
      const added = { ...data, productId, price: of.price ?? 150_000n, currency: 'RUB', weightGrams: 500 }
      const { id } = await db.variant.create({ data: added })
      await db.stockLevel.create({ data: { variantId: id, locationId, onHand: of.stock ?? 5 } })
      variantIds.push(id)
    }
  }
  if (of.groupPrice !== undefined) {
    const price = of.groupPrice
    const prices = { create: variantIds.map((variantId) => ({ variantId, price })) }
    const terms = {
      sellerId,
      productId,
      size: 3,
      lifetimeMinutes: 60,
      startsAt: new Date(now.getTime() - 1000),
      prices,
    }
    await db.campaign.create({ data: terms })
  }
  return { productId, variantIds, locationId, sellerId }
}

test('words lead to a card with picture, prices and promise, leafed through in place', async () => {
  const guest = chat.guest()
  await guest.command('start')
  const first = await guest.write('чай')
  const total = Number(/1 из (\d+)/.exec(textOf(first.message))?.[1])
  expect(total).toBeGreaterThan(2)
  expect(first.message?.picture).toMatch(/^demo\//)
  expect(textOf(first.message)).toMatch(/Отдельно: [\d\s]+₽/u)
  expect(textOf(first.message)).toContain('🚚 Доставим примерно')

  const seen = new Set<string>()
  for (let page = 1; page <= total; page += 1) {
    guest.expectSays(guest.last, 'search.place-for', { page, total, query: 'чай' })
    seen.add(textOf(guest.last).split('\n')[0] ?? '')
    const turns = intentsOf(guest.last).filter((intent) => intent.do === 'results')
    expect(turns).toHaveLength(page === 1 || page === total ? 1 : 2)
    const next = turns.find((intent) => intent.page === page)
    if (next) await guest.press(next)
  }
  expect(seen.size).toBe(total)
})

test('the command takes the words at once', async () => {
  const guest = chat.guest()
  const { message } = await guest.command('search', 'наушники')
  expect(textOf(message)).toContain('«наушники»')
})

test('a question for words is answered by a search and then no longer open', async () => {
  const guest = chat.guest()
  const asked = await guest.command('search')
  guest.expectSays(asked, 'search.ask')
  expect(await guest.step()).toBe('search')
  await guest.write('плед')
  expect(await guest.step()).toBe('none')
})

test('nothing found says what was searched and offers what sells nearest to it, or the categories', async () => {
  const guest = chat.guest()
  const { message } = await guest.write('ъъъ <b>{{query}}</b> & $t(story.voided)')
  guest.expectSays(message, 'search.none', { query: 'ъъъ <b>{{query}}</b> & $t(story.voided)' })
  expect(intentsOf(message).map((intent) => intent.do)).toContain('look')
  // These are no words at all.
  const foxes = await guest.write('🦊🦊')
  guest.expectSays(foxes, 'search.none', { query: '🦊🦊' })
  expect(intentsOf(foxes.message)).toEqual([{ do: 'categories' }, { do: 'home' }])
})

test("another person's search, and a page that is not there, are out of date", async () => {
  const [one, other] = [chat.guest(), chat.guest()]
  await one.write('чай')
  const turn = intentOf(one.last, 'results')
  const stolen = await other.press(turn)
  other.expectSays(stolen, 'confused.button')
  const beyond = await one.press({ ...turn, page: 100_000 })
  expect(textOf(beyond.message)).toBe(one.say('confused.button'))
})

test('categories show what they hold and lead to it', async () => {
  const guest = chat.guest()
  const { message } = await guest.press({ do: 'categories' })
  const categories = intentsOf(message).filter((intent) => intent.do === 'category')
  expect(categories.length).toBeGreaterThanOrEqual(6)
  const held = Number(/(\d+)$/.exec(buttonsOf(message)[0]?.label ?? '')?.[1])
  const [first] = categories
  const below = await guest.press(first ?? { do: 'home' })
  expect(intentsOf(below.message).filter((intent) => intent.do === 'category').length).toBeGreaterThan(1)
  const up = intentsOf(below.message).find((intent) => intent.do === 'branches')
  const card = await guest.pressFirst('whole-category')
  guest.expectSays(card, 'search.place', { page: 1, total: held })
  guest.expectSays(await guest.press(up ?? { do: 'home' }), 'category.choose')
  // One that has none below it shows what it holds at once.
  await guest.press(first ?? { do: 'home' })
  const leaf = await guest.pressFirst('category')
  expect(textOf(leaf.message)).toContain('🚚')
})

test('a product without options is bought from its page, alone or together', async () => {
  const { productId, variantIds } = await makeProduct({ title: 'Фонарь', groupPrice: 90_000n })
  const guest = chat.guest()
  const { message } = await guest.press({ do: 'product', productId })
  guest.expectSays(message, 'price.together', { price: { money: { amount: 90_000n, currency: 'RUB' } }, count: 3 })
  guest.expectSays(message, 'product.left', { count: 5, city: 'Москва' })
  const [variantId = 0] = variantIds
  expect(intentsOf(message)).toEqual([
    { do: 'buy-alone', variantId },
    { do: 'buy-together', variantId },
    { do: 'ask-question', productId },
    { do: 'favourite', productId, isOn: 1, variantId: 0, photo: 0, searchId: 0, page: 0 },
    { do: 'home' },
  ])
  expect(buttonsOf(message)).toContainEqual(
    expect.objectContaining({ share: `p_${productId.toString(36)}` }) as unknown,
  )
})

test('a few options stand side by side, the chosen one marked and those sold out crossed', async () => {
  const { productId, variantIds } = await makeProduct({ title: 'Зонт', options: ['белый', 'синий', 'красный'] })
  const [white = 0, blue = 0, red = 0] = variantIds
  await chat.shop.db.stockLevel.updateMany({ where: { variantId: white }, data: { onHand: 0 } })
  const guest = chat.guest()
  const { message } = await guest.press({ do: 'product', productId })
  const labels = buttonsOf(message).map(({ label }) => label)
  expect(labels.slice(0, 3)).toEqual(['✕ белый', '✓ синий', 'красный'])
  expect(intentOf(message, 'buy-alone')).toEqual({ do: 'buy-alone', variantId: blue })

  const chosen = await guest.press({ do: 'variant', productId, variantId: red })
  expect(intentOf(chosen.message, 'buy-alone')).toEqual({ do: 'buy-alone', variantId: red })
  const soldOut = await guest.press({ do: 'variant', productId, variantId: white })
  guest.expectSays(soldOut, 'product.sold-out')
  expect(intentsOf(soldOut.message).map((intent) => intent.do)).not.toContain('buy-alone')
})

test('many options are chosen on pages of their own', async () => {
  const options = Array.from({ length: 15 }, (_, at) => `цвет № ${at + 1}`)
  const { productId, variantIds } = await makeProduct({ title: 'Пряжа', options })
  const guest = chat.guest()
  const page = await guest.press({ do: 'product', productId })
  expect(intentsOf(page.message)[0]).toEqual({ do: 'variants', productId, page: 0 })
  await guest.pressFirst('variants')
  const seen: number[] = []
  for (let at = 0; at < 3; at += 1) {
    seen.push(...intentsOf(guest.last).flatMap((intent) => (intent.do === 'variant' ? [intent.variantId] : [])))
    const next = intentsOf(guest.last).find((intent) => intent.do === 'variants' && intent.page === at + 1)
    if (next) await guest.press(next)
  }
  expect(seen).toEqual(variantIds)
  const chosen = await guest.press({ do: 'variant', productId, variantId: seen[14] ?? 0 })
  guest.expectSays(chosen, 'product.option', { option: 'цвет № 15' })
})

test('a variant of another product does not show there', async () => {
  const one = await makeProduct({ title: 'Кружка' })
  const other = await makeProduct({ title: 'Ложка' })
  const guest = chat.guest()
  const { message } = await guest.press({
    do: 'variant',
    productId: one.productId,
    variantId: other.variantIds[0] ?? 0,
  })
  expect(intentOf(message, 'buy-alone').variantId).toBe(one.variantIds[0])
})

test('a product that is sold out or off sale says so and cannot be bought', async () => {
  const { productId } = await makeProduct({ title: 'Веер', stock: 0, groupPrice: 1n })
  const guest = chat.guest()
  const soldOut = await guest.press({ do: 'product', productId })
  guest.expectSays(soldOut, 'product.sold-out')
  expect(intentsOf(soldOut.message).map((intent) => intent.do)).toEqual(['ask-question', 'favourite', 'home'])
  await chat.refresh()
  const found = await guest.write('веер')
  guest.expectSays(found, 'product.sold-out')
  expect(intentsOf(found.message).map((intent) => intent.do)).not.toContain('buy-alone')
  await chat.shop.db.product.update({ where: { id: productId }, data: { withdrawnAt: chat.shop.now } })
  const withdrawn = await guest.press({ do: 'product', productId })
  guest.expectSays(withdrawn, 'confused.not-found')
})

test('the longest words that a feed may hold fit everywhere', async () => {
  const long = '«Ёж» <b>&amp;{{x}}</b> $t(story.voided) \uE0000\uE001 '.repeat(20).slice(0, 250)
  const made = await makeProduct({
    title: long,
    description: '🦊'.repeat(2500),
    options: [long, 'б'.repeat(250), 'в'.repeat(250)],
    price: 9_999_999_999_999n,
    groupPrice: 9_999_999_999_998n,
  })
  await chat.shop.db.seller.update({ where: { id: made.sellerId }, data: { name: 'Ш'.repeat(100) } })
  const guest = await chat.buyer()
  const page = await guest.press({ do: 'product', productId: made.productId })
  expect(textOf(page.message)).toContain(long.trim())
  const bought = await guest.press({ do: 'buy-together', variantId: made.variantIds[0] ?? 0 })
  expect(textOf(bought.message)).toContain(long.trim())
  await guest.command('orders')
  await guest.inline(`p_${made.productId.toString(36)}`)
  for (const language of ['en', 'zh', 'ru'] as const) {
    await guest.press({ do: 'set-language', language })
    await guest.press({ do: 'product', productId: made.productId })
  }
})

test('every product of the demo has a card and a page in every language', async () => {
  const ids = await chat.shop.db.product.findMany({
    select: { id: true },
    where: { externalId: { not: { startsWith: 'goods' } } },
  })
  expect(ids.length).toBeGreaterThan(50)
  const guest = chat.guest()
  for (const language of ['en', 'zh', 'ru'] as const) {
    await guest.press({ do: 'set-language', language })
    for (const { id } of ids) {
      const { message } = await guest.press({ do: 'product', productId: id })
      expect(message?.picture).toBeDefined()
    }
  }
})

test('inline search pages through everything once', async () => {
  await chat.refresh()
  const guest = chat.guest()
  const ids: string[] = []
  let offset = ''
  do {
    const page = await guest.inline('', offset)
    expect(page.cards.length).toBeGreaterThan(0)
    ids.push(...page.cards.map(({ id }) => id))
    offset = page.nextOffset
  } while (offset !== '')
  expect(new Set(ids).size).toBe(ids.length)
  expect(ids.length).toBe(await chat.shop.db.product.count({ where: { withdrawnAt: null } }))
})

test('inline search finds by words', async () => {
  const guest = chat.guest({ languageCode: 'en' })
  const found = await guest.inline('headphones')
  expect(found.cards[0]?.title).toContain('headphones')
  expect(found.personal).toBe(true)
})

test('inline search that finds nothing says so in one row, which leads to the shop', async () => {
  for (const languageCode of ['en', 'zh', 'ru']) {
    const guest = chat.guest({ languageCode })
    for (const query of ['ъъъъ', '{{query}}', '🦊'.repeat(128)]) {
      const { cards, nextOffset } = await guest.inline(query)
      expect(cards.map(({ id }) => id)).toEqual(['shop'])
      expect(cards[0]?.title).toContain(query.slice(0, 4))
      expect(buttonsOf(cards[0]?.message)).toEqual([{ label: guest.say('button.open-shop'), start: 'home' }])
      expect(nextOffset).toBe('')
    }
  }
})

test('the end of what was found says nothing more', async () => {
  expect((await chat.guest().inline('чай', '1000')).cards).toEqual([])
})

test.each(['-1', '1e9', '999999', 'constructor', '９', "0'; --", '1'.repeat(64)])(
  'the inline offset %j does no harm',
  async (offset) => {
    const { cards, nextOffset } = await chat.guest().inline('', offset)
    expect(cards.length + nextOffset.length).toBeGreaterThanOrEqual(0)
  },
)

test('a shared product is one card with links into the private chat', async () => {
  const { productId } = await makeProduct({ title: 'Свеча', groupPrice: 90_000n })
  const guest = chat.guest()
  const { cards } = await guest.inline(` p_${productId.toString(36)} `)
  expect(cards.map(({ title }) => title)).toEqual(['Свеча'])
  const start = `i_${productId.toString(36)}`
  expect(buttonsOf(cards[0]?.message)).toEqual([
    { label: expect.any(String) as string, start },
    { label: guest.say('button.open'), start },
  ])
  const opened = await chat.guest().command('start', start)
  expect(textOf(opened.message)).toContain('Свеча')
})

test.each(['p_0', 'p_-', 'p_zzzzzz', `p_${'z'.repeat(40)}`, 'g_nobody', `g_${'a'.repeat(40)}`, 'p_constructor'])(
  'the share query %j of nobody offers the shop itself',
  async (query) => {
    const guest = chat.guest()
    const { cards } = await guest.inline(query)
    expect(cards.map(({ title }) => title)).toEqual([guest.say('confused.not-found')])
    expect(buttonsOf(cards[0]?.message)).toEqual([{ label: guest.say('button.open-shop'), start: 'home' }])
  },
)

test('a card that others read does not say where its sender lives', async () => {
  const buyer = await chat.buyer()
  const own = await buyer.write('чай')
  expect(textOf(own.message)).toContain('Казань')
  for (const { message } of (await buyer.inline('чай')).cards) expect(textOf(message)).not.toContain('Казань')
})
