/** Favourites, what was seen last, questions, ratings and buying again as people see them. */
import { expect, test } from 'vitest'
import { noticeScreen } from '#chat/notices.ts'
import { screenToMessage } from '#chat/text.ts'
import { languages } from '#domain/people.ts'
import { favouritesMax, tellFavourites } from '#shop/favourites.ts'
import type { Notice } from '#shop/notifications.ts'
import { inTransaction } from '#store/db.ts'
import { refreshListings } from '#store/listings.ts'
import type { Goods } from '../shop/support.ts'
import { buttonsOf, checkMessage, intentOf, intentsOf, textOf, useChat, type Guest } from './support.ts'

const chat = useChat()
const doesOf = (message: Parameters<typeof intentsOf>[0]) => intentsOf(message).map((intent) => intent.do)

async function goods(options: Parameters<typeof chat.shop.goods>[0] = {}): Promise<Goods> {
  const made = await chat.shop.goods({ campaign: false, price: 100_000n, ...options })
  const title = { ru: `«Ы» ${'Ы'.repeat(240)}`, en: 'E'.repeat(250), zh: '中'.repeat(250) }
  await chat.shop.db.product.update({ where: { id: made.productId }, data: { title } })
  await change(made)
  return made
}

async function change({ productId, variantId }: Goods, price?: bigint): Promise<void> {
  await inTransaction(chat.shop.db, async (tx) => {
    if (price !== undefined) await tx.$executeRaw`UPDATE variant SET price = ${price} WHERE id = ${variantId}`
    await refreshListings(tx, [productId], chat.shop.now)
  })
}

const keepIntent = ({ productId }: Pick<Goods, 'productId'>) =>
  ({ do: 'favourite', productId, isOn: 1, variantId: 0, photo: 0, searchId: 0, page: 0 }) as const

/** The last thing somebody is owed, in every language. */
async function noticeOf(guest: Guest, kind: Notice['kind']) {
  const row = await chat.shop.db.notification.findFirstOrThrow({
    where: { personId: guest.personId, kind },
    orderBy: { id: 'desc' },
  })
  const notice = { kind, data: row.data } as Notice
  const reader = { ...guest.reader, now: chat.shop.now }
  const told = await noticeScreen(notice, guest.personId, reader, chat.shop.deps)
  for (const language of languages) if (told) checkMessage(screenToMessage(told.screen, { ...reader, language }))
  return told && screenToMessage(told.screen, reader)
}

/** Somebody of the shop that sells this. */
async function member({ sellerId }: Goods, firstName: string): Promise<Guest> {
  const guest = chat.guest({ firstName })
  await guest.command('start')
  const { personId } = guest
  await chat.shop.db.sellerMember.create({ data: { sellerId, personId, joinedAt: chat.shop.now } })
  return guest
}

test('a product is kept and kept no longer from its page, which stays where it was', async () => {
  const { productId, variantId } = await goods()
  const view = { variantId, photo: 0, searchId: 0, page: 0 }
  const guest = chat.guest()
  const page = await guest.press({ do: 'variant', productId, variantId })
  const keep = intentOf(page.message, 'favourite')
  expect(keep).toEqual({ do: 'favourite', productId, isOn: 1, ...view })
  const kept = await guest.press(keep)
  expect(kept.toast).toBe(guest.say('favourites.kept'))
  expect(buttonsOf(kept.message).map(({ label }) => label)).toContain(guest.say('button.kept'))
  // Tapped twice it does the same.
  await guest.press(keep)
  expect(await chat.shop.db.favourite.count({ where: { personId: guest.personId } })).toBe(1)
  const left = await guest.press(intentOf(kept.message, 'favourite'))
  expect(left.toast).toBe(guest.say('favourites.removed'))
  expect(intentOf(left.message, 'favourite')).toEqual(keep)
  guest.expectSays(await guest.press({ ...keep, productId: 2_000_000_000 }), 'confused.not-found')
})

test('the list of what is kept says what has changed, in pages, and is made shorter there', async () => {
  const guest = chat.guest({ languageCode: 'en' })
  guest.expectSays(await guest.press({ do: 'favourites', page: 0 }), 'favourites.none')
  const all: Goods[] = []
  for (let at = 0; at < 6; at += 1) {
    const one = await goods()
    all.push(one)
    chat.shop.pass(1000)
    await guest.press(keepIntent(one))
  }
  const [oldest, ...others] = all
  const cheaper = others[4]
  if (!oldest || !cheaper) throw new Error('six were made')
  await change(cheaper, 50_000n)
  const first = await guest.press({ do: 'favourites', page: 0 })
  guest.expectSays(first, 'favourites.title', { from: 1, to: 5, total: 6 })
  expect(textOf(first.message)).toContain('₽500, cheaper: it was ₽1,000')
  expect(intentsOf(first.message).filter((intent) => intent.do === 'product')).toHaveLength(5)
  const second = await guest.press({ do: 'favourites', page: 1 })
  expect(intentOf(second.message, 'product')).toEqual({ do: 'product', productId: oldest.productId })
  const less = await guest.press(intentOf(second.message, 'favourites-less'))
  const gone = await guest.press(intentOf(less.message, 'favourite-less'))
  expect(gone.toast).toBe(guest.say('favourites.removed'))
  guest.expectSays(gone, 'favourites.title', { from: 1, to: 5, total: 5 })
  for (const page of [1, 2_000_000_000]) {
    guest.expectSays(await guest.press({ do: 'favourites', page }), 'favourites.title', { from: 1, to: 5, total: 5 })
  }
})

test('one too many is refused in words, with the way to the list', async () => {
  const { productId } = await goods()
  const guest = chat.guest()
  await guest.command('start')
  const { categoryId, sellerId } = await chat.shop.db.product.findUniqueOrThrow({ where: { id: productId } })
  await chat.shop.db.$executeRaw`
    WITH made AS (
      INSERT INTO product (seller_id, external_id, category_id, title, description, pictures, words, updated_at)
      SELECT ${sellerId}, 'many' || n, ${categoryId}, '{"ru": "x"}', '{}', '{}', 'x', now()
      FROM generate_series(1, ${favouritesMax}) n RETURNING id)
    INSERT INTO favourite (person_id, product_id, created_at, told_in_stock)
    SELECT ${guest.personId}, id, now(), false FROM made`
  const refused = await guest.press(keepIntent({ productId }))
  guest.expectSays(refused, 'refusal.too-many-favourites', { count: favouritesMax })
  expect(doesOf(refused.message)).toContain('favourites')
})

test('a fall of the price is told with the way to the product and the way out; a late message tells no old truth', async () => {
  const one = await goods()
  const guest = chat.guest()
  await guest.press(keepIntent(one))
  await change(one, 80_000n)
  await tellFavourites(chat.shop.db, chat.shop.now)
  const told = await noticeOf(guest, 'price-drop')
  expect(textOf(told)).toMatch(/подешевел: теперь 800\s₽, было 1\s000\s₽/)
  expect(doesOf(told)).toEqual(['product', 'tell-no-more', 'favourites', 'home'])
  await change(one, 100_000n)
  expect(await noticeOf(guest, 'price-drop')).toBeUndefined()
  guest.expectSays(await guest.press(intentOf(told, 'tell-no-more')), 'favourites.told-no-more')
  expect(await chat.shop.db.favourite.count({ where: { personId: guest.personId } })).toBe(0)
})

test('pages that were opened are listed; what others see inline is not', async () => {
  const one = await goods()
  const guest = chat.guest()
  guest.expectSays(await guest.press({ do: 'seen', page: 0 }), 'seen.none')
  await guest.inline('чай')
  expect(await chat.shop.db.productView.count({ where: { personId: guest.personId } })).toBe(0)
  await guest.press({ do: 'product', productId: one.productId })
  const list = await guest.press({ do: 'seen', page: 0 })
  guest.expectSays(list, 'seen.title', { from: 1, to: 1, total: 1 })
  expect(intentOf(list.message, 'product')).toEqual({ do: 'product', productId: one.productId })
  guest.expectSays(await guest.press({ do: 'seen', page: 7 }), 'seen.title', { from: 1, to: 1, total: 1 })
})

test('a question goes to the shop, one of its people answers, and the answer comes back and stands on the page', async () => {
  const one = await goods()
  const [vera, gleb] = [await member(one, 'Вера'), await member(one, 'Глеб')]
  const asker = chat.guest({ firstName: 'Анна', username: 'anna_private' })
  const page = await asker.press({ do: 'product', productId: one.productId })
  await asker.press(intentOf(page.message, 'ask-question'))
  expect(await asker.step()).toBe('question')
  asker.expectSays(await asker.send({ kind: 'other' }), 'question.unclear', { most: 1000 })
  asker.expectSays(await asker.write('я'.repeat(1001)), 'question.too-long', { most: 1000, count: 1001 })
  expect(await asker.step()).toBe('question')
  asker.expectSays(await asker.write('Греет <b>быстро</b>?'), 'question.sent')
  expect(await asker.step()).toBe('none')

  const told = await noticeOf(vera, 'question-asked')
  expect(textOf(told)).toContain('Анна спрашивает')
  expect(textOf(told)).toContain('Греет <b>быстро</b>?')
  expect(textOf(told)).not.toContain('anna_private')
  const reply = intentOf(told, 'answer-question')
  const list = await gleb.press({ do: 'shop-questions', sellerId: one.sellerId, page: 0 })
  expect(intentOf(list.message, 'answer-question')).toEqual(reply)
  await vera.press(reply)
  await gleb.press(reply)
  vera.expectSays(await vera.write('Три минуты'), 'question.answer-sent', { name: 'Анна' })
  gleb.expectSays(await gleb.write('Четыре'), 'question.answered-by', { name: 'Вера', text: 'Три минуты' })
  gleb.expectSays(await gleb.press(reply), 'question.answered-by', { name: 'Вера', text: 'Три минуты' })
  expect(await noticeOf(gleb, 'question-asked')).toBeUndefined()
  gleb.expectSays(await gleb.press({ do: 'shop-questions', sellerId: one.sellerId, page: 3 }), 'shop-questions.none')

  const answer = await noticeOf(asker, 'question-answered')
  expect(textOf(answer)).toContain('(пишет Вера)')
  expect(textOf(answer)).toContain('Три минуты')
  expect(intentOf(answer, 'product')).toEqual({ do: 'product', productId: one.productId })
  const stranger = chat.guest()
  const open = await stranger.press({ do: 'product', productId: one.productId })
  expect(buttonsOf(open.message).map(({ label }) => label)).toContain(stranger.say('button.questions', { total: 1 }))
  const answered = await stranger.press(intentOf(open.message, 'questions'))
  expect(textOf(answered.message)).toContain('Греет <b>быстро</b>?')
  expect(textOf(answered.message)).not.toContain('Анна')
  stranger.expectSays(await stranger.press(reply), 'confused.not-found')
  stranger.expectSays(
    await stranger.press({ do: 'shop-questions', sellerId: one.sellerId, page: 0 }),
    'confused.not-found',
  )
})

test('the longest questions and answers still fit, in pages', async () => {
  const one = await goods()
  const vera = await member(one, 'Вера')
  const asker = chat.guest()
  await asker.command('start')
  const data = { productId: one.productId, personId: asker.personId, askedAt: chat.shop.now }
  const long = '🦊'.repeat(1000)
  const answer = { answer: long, answeredAt: chat.shop.now, answeredById: vera.personId }
  await chat.shop.db.productQuestion.createMany({
    data: Array.from({ length: 12 }, (_, at) => ({ ...data, text: long, ...(at % 2 === 0 && answer) })),
  })
  for (const page of [0, 1]) {
    const { message } = await asker.press({ do: 'questions', productId: one.productId, page })
    expect(textOf(message).split('🦊…').length).toBe(7)
    expect(intentsOf(message).filter((intent) => intent.do === 'questions')).toHaveLength(1)
  }
  const open = await vera.press({ do: 'shop-questions', sellerId: one.sellerId, page: 0 })
  await vera.press(intentOf(open.message, 'answer-question'))
  await vera.write(`а${'🦊'.repeat(999)}`)
  expect(textOf(await noticeOf(asker, 'question-answered'))).toContain(`а${'🦊'.repeat(999)}`)
})

test('what is typed after another button is not sent to a shop', async () => {
  const one = await goods()
  const guest = chat.guest()
  await guest.press({ do: 'ask-question', productId: one.productId })
  await guest.press({ do: 'orders' })
  await guest.write('чай')
  await guest.press({ do: 'ask-question', productId: one.productId })
  await guest.command('orders')
  await guest.write('чай')
  expect(await chat.shop.db.productQuestion.count({ where: { personId: guest.personId } })).toBe(0)
})

test('the sixth open question is refused in words', async () => {
  const one = await goods()
  const guest = chat.guest()
  await guest.command('start')
  const data = { productId: one.productId, personId: guest.personId, text: 'А?', askedAt: chat.shop.now }
  await chat.shop.db.productQuestion.createMany({ data: Array.from({ length: 5 }, () => data) })
  await guest.press({ do: 'ask-question', productId: one.productId })
  guest.expectSays(await guest.write('Ещё?'), 'refusal.too-many-questions', { count: 5 })
  expect(await guest.step()).toBe('none')
})

test('a delivered order is rated by a tap, changed by another, and bought again', async () => {
  const one = await goods()
  const guest = await chat.buyer()
  const { orderId } = await chat.shop.order(guest.personId, { kind: 'alone', variantId: one.variantId })
  expect(doesOf((await guest.press({ do: 'order', orderId })).message)).not.toContain('rate')
  guest.expectSays(await guest.press({ do: 'rate', orderId, stars: 5 }), 'confused.not-found')
  guest.expectSays(await guest.press({ do: 'rate-page', orderId }), 'confused.not-found')
  await chat.shop.db.order.update({ where: { id: orderId }, data: { state: 'delivered' } })
  const page = await guest.press({ do: 'order', orderId })
  const stars = intentsOf(page.message).flatMap((intent) => (intent.do === 'rate' ? [intent.stars] : []))
  expect(stars).toEqual([1, 2, 3, 4, 5])
  const rated = await guest.press({ do: 'rate', orderId, stars: 4 })
  expect(rated.toast).toBe(guest.say('rating.saved'))
  expect(buttonsOf(rated.message).map(({ label }) => label)).toContain(guest.say('button.rated', { stars: 4 }))
  const changing = await guest.press(intentOf(rated.message, 'rate-page'))
  expect(buttonsOf(changing.message).map(({ label }) => label)).toContain('✓ 4 ⭐')
  await guest.press({ do: 'rate', orderId, stars: 2 })
  const { personId } = guest
  expect(await chat.shop.db.rating.findMany({ where: { personId } })).toMatchObject([{ stars: 2 }])
  const stranger = chat.guest()
  stranger.expectSays(await stranger.press({ do: 'rate', orderId, stars: 1 }), 'confused.not-found')
  stranger.expectSays(await stranger.press({ do: 'buy-again', orderId }), 'confused.not-found')

  const again = await guest.press(intentOf(rated.message, 'buy-again'))
  expect(intentOf(again.message, 'buy-alone')).toEqual({ do: 'buy-alone', variantId: one.variantId })
  expect(again.toast).toBeUndefined()
  await chat.shop.db.variant.update({ where: { id: one.variantId }, data: { withdrawnAt: chat.shop.now } })
  guest.expectSays(await guest.press({ do: 'buy-again', orderId }), 'again.nothing')
  const near = await goods()
  const { categoryId } = await chat.shop.db.product.findUniqueOrThrow({ where: { id: one.productId } })
  await chat.shop.db.product.update({ where: { id: near.productId }, data: { categoryId } })
  await change(near)
  const instead = await guest.press({ do: 'buy-again', orderId })
  expect(instead).toMatchObject({ toast: guest.say('again.category'), alert: true })
  expect(intentOf(instead.message, 'buy-alone')).toEqual({ do: 'buy-alone', variantId: near.variantId })
})
