/** The first screen, languages, links and commands, and what comes of buttons and links that nobody made. */
import { describe, expect, test } from 'vitest'
import { buttonsOf, checkMessage, intentOf, intentsOf, textOf, useChat } from './support.ts'

const chat = useChat()
const maxId = 2_147_483_647

test.each([
  ['ru', 'ru', '🔎 Поиск'],
  ['uk-UA', 'ru', '🔎 Поиск'],
  ['en-US', 'en', '🔎 Search'],
  ['de', 'en', '🔎 Search'],
  ['zh-hans', 'zh', '🔎 搜索'],
  [undefined, 'ru', '🔎 Поиск'],
])('an app in %j is greeted in %s, with every way that a shop has', async (languageCode, language, search) => {
  const guest = chat.guest({
    firstName: 'Bo',
    ...(languageCode === undefined ? { languageCode: '' } : { languageCode }),
  })
  const { message } = await guest.command('start')
  expect(guest.reader.language).toBe(language)
  guest.expectSays(message, 'home.hello', { name: 'Bo' })
  expect(buttonsOf(message)[0]?.label).toBe(search)
  expect(intentsOf(message)).toEqual([
    { do: 'ask-search' },
    { do: 'categories' },
    { do: 'favourites', page: 0 },
    { do: 'seen', page: 0 },
    { do: 'orders' },
    { do: 'language' },
  ])
})

test('the language is changed by a button, for good, and the old one is marked', async () => {
  const guest = chat.guest()
  await guest.command('start')
  const choice = await guest.press({ do: 'language' })
  expect(buttonsOf(choice.message).map(({ label }) => label)).toEqual(['✓ Русский', 'English', '中文', '🏠 Меню'])
  const home = await guest.press({ do: 'set-language', language: 'en' })
  expect(home.toast).toBe('Done: we speak English now')
  expect(textOf(home.message)).toContain('Hello, Анна!')
  await guest.command('start')
  expect(guest.reader.language).toBe('en')
  const again = await guest.command('language')
  expect(buttonsOf(again.message)[1]?.label).toBe('✓ English')
})

test.each(['search', 'orders', 'language', 'shop'])('/%s leads somewhere', async (name) => {
  const { message } = await chat.guest().command(name)
  expect(message).toBeDefined()
})

test('a stranger who asks for their shop is told how to get one', async () => {
  const guest = chat.guest()
  const { message } = await guest.command('shop')
  expect(textOf(message)).toBe(guest.say('shop.none'))
})

test.each(['help', 'constructor', 'start2'])('/%s is no command, and the search is offered', async (name) => {
  const guest = chat.guest()
  const { message } = await guest.command(name)
  guest.expectSays(message, 'confused.input')
  expect(intentsOf(message)).toContainEqual({ do: 'ask-search' })
})

test.each([
  'x',
  'g_',
  'g_nobody',
  'j_nobody',
  't_nobody',
  'o_nobody',
  's_nobody',
  'i_0',
  'i_zzzzzz',
  `i_${'z'.repeat(60)}`,
  'i_-',
  'constructor',
  'q_constructor',
  '<b>',
  "' OR 1=1 --",
  '\u202eабв',
  'a'.repeat(4000),
])('/start %j is answered with a sentence and a way on', async (payload) => {
  const guest = chat.guest()
  const { message } = await guest.command('start', payload)
  const text = textOf(message)
  expect([guest.say('confused.link'), guest.say('confused.not-found')]).toContain(text)
  expect(intentsOf(message)).toContainEqual({ do: 'home' })
})

test.each(['', 'x', 'p', 'zz.1', 'constructor', '__proto__.1', 'p.zzzzzz', '🦊', 'h'.repeat(64)])(
  'the forged button %j answers with the menu and says why',
  async (act) => {
    const guest = chat.guest()
    const reply = await guest.tap(act)
    expect(reply.toast).toBe(guest.say('confused.old-button'))
    expect(intentsOf(reply.message)).toContainEqual({ do: 'orders' })
  },
)

test.each(['h', 'o', 'p.1', 'zz', '', 'oc.1'])(
  'the button %j on a shared card only opens the private chat',
  async (act) => {
    const guest = chat.guest()
    await guest.command('search')
    expect(await guest.tap(act, 'shared')).toEqual({ open: 'home' })
    expect(await guest.step()).toBe('search')
  },
)

describe('ids that do not exist or are not theirs', () => {
  test.each([1, 999_999, maxId])('%i', async (id) => {
    const guest = chat.guest()
    await guest.command('start')
    const notFound = guest.say('confused.not-found')
    const old = guest.say('confused.button')
    const gone = guest.say('refusal.not-found')
    // The demo has products and variants 1, and that is no secret.
    const missing = id === 1 ? 999_998 : id
    const replies = {
      product: await guest.press({ do: 'product', productId: missing }),
      variants: await guest.press({ do: 'variants', productId: missing, page: 0 }),
      variantPage: await guest.press({ do: 'variants', productId: 1, page: maxId }),
      group: await guest.press({ do: 'group', groupId: id }),
      order: await guest.press({ do: 'order', orderId: id }),
      payAgain: await guest.press({ do: 'pay-again', orderId: id }),
      cancel: await guest.press({ do: 'cancel-order', orderId: id }),
      change: await guest.press({ do: 'change-delivery', orderId: id }),
      shop: await guest.press({ do: 'shop', sellerId: id }),
      products: await guest.press({ do: 'shop-products', sellerId: id, page: maxId }),
      offer: await guest.press({ do: 'post-offer', productId: id }),
      publish: await guest.press({ do: 'publish', channelId: id, productId: id, isGroupOffer: 1, draft: 'd' }),
      channel: await guest.press({ do: 'give-channel', channelId: id, sellerId: id }),
    }
    for (const [name, { message }] of Object.entries(replies)) {
      expect({ [name]: textOf(message) }).toEqual({ [name]: notFound })
    }
    const results = await guest.press({ do: 'results', searchId: id, page: maxId })
    expect(textOf(results.message)).toBe(old)
    const join = await guest.press({ do: 'join', groupId: id })
    expect(textOf(join.message)).toBe(gone)
    for (const name of ['buy-alone', 'buy-together'] as const) {
      const bought = await guest.press({ do: name, variantId: missing })
      expect(textOf(bought.message)).toBe(gone)
    }
    const category = await guest.press({ do: 'category', categoryId: missing })
    guest.expectSays(category, 'category.none')
    for (const intent of [{ do: 'city', cityCode: id } as const, { do: 'point', pointCode: 'KAZ4241' } as const]) {
      const stale = await guest.press(intent)
      expect(textOf(stale.message)).toBe(old)
    }
    expect(await chat.shop.db.order.count({ where: { personId: guest.personId } })).toBe(0)
  })
})

test('the shared join button of a group that does not exist says so in a box', async () => {
  const guest = chat.guest()
  const reply = await guest.press({ do: 'join', groupId: maxId }, { place: 'shared' })
  expect(reply).toEqual({ toast: guest.say('confused.not-found'), alert: true })
})

test('an apology has words in the language of a stranger and a way on', async () => {
  const guest = chat.guest({ languageCode: 'zh' })
  const reply = chat.front.apology(undefined, guest.sender)
  if (reply.message) checkMessage(reply.message)
  expect(textOf(reply.message)).toBe('我们这边出了点问题，已经知道了。请再试一次。')
  expect(intentOf(reply.message, 'home')).toEqual({ do: 'home' })
})

test('an update that was finished is not begun again', async () => {
  const arrival = { sender: chat.guest().sender, updateId: 'once' }
  expect(await chat.front.begin(arrival, true)).toMatchObject({ handled: false })
  expect(await chat.front.begin(arrival, true)).toMatchObject({ handled: false })
  await chat.front.finish(arrival)
  expect(await chat.front.begin(arrival, true)).toEqual({ handled: true })
})

test('who blocks the bot is not written to until they come back', async () => {
  const guest = chat.guest()
  await guest.command('start')
  const address = () => chat.shop.db.identity.count({ where: { personId: guest.personId, unreachableAt: null } })
  await guest.visit((visitor) => chat.front.onBlocked(visitor, true))
  // The visit that told us so opens the chat in this test, so the block comes last.
  expect(await address()).toBe(0)
  await guest.command('start')
  expect(await address()).toBe(1)
})
