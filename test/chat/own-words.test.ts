/** What a shop says of its own words: synonyms, and where its categories stand in the tree of all. */
import { expect, test } from 'vitest'
import { intentOf, intentsOf, textOf, useChat, type Guest } from './support.ts'

const chat = useChat()
let made = 0

async function seller(): Promise<{ guest: Guest; sellerId: number }> {
  const slug = `own-${++made}`
  const { id: sellerId } = await chat.shop.db.seller.create({ data: { slug, name: slug, invitation: `i-${slug}` } })
  const guest = chat.guest()
  await guest.command('start')
  await chat.shop.db.sellerMember.create({ data: { sellerId, personId: guest.personId, joinedAt: chat.shop.now } })
  return { guest, sellerId }
}

test('synonyms are written, listed in pages and taken away by a tap', async () => {
  const { guest, sellerId } = await seller()
  await guest.press({ do: 'catalogue', sellerId })
  guest.expectSays(await guest.pressFirst('synonyms'), 'synonyms.none')
  guest.expectSays(await guest.pressFirst('synonym-add'), 'synonyms.ask')
  guest.expectSays(await guest.write('тапки'), 'synonym-refusal.unclear')
  guest.expectSays(await guest.write('мои тапки = тапочки'), 'synonym-refusal.one-word')
  guest.expectSays(await guest.write('Тапки = <b>тапочки</b>'), 'synonyms.added', { word: 'тапки', means: 'b' })
  expect(await guest.step()).toBe('none')
  await guest.pressFirst('synonym-add')
  guest.expectSays(await guest.write('тапки = домашние тапочки'), 'synonyms.added', {
    word: 'тапки',
    means: 'домашние тапочки',
  })
  // Whatever else they do now, what they type is no synonym.
  await guest.pressFirst('synonym-add')
  await guest.press({ do: 'synonyms', sellerId, page: 0 })
  expect(await guest.step()).toBe('none')
  await chat.shop.db.synonym.createMany({
    data: Array.from({ length: 5 }, (_, at) => ({ sellerId, word: `я${at}`, means: 'мы', createdAt: chat.shop.now })),
  })
  const last = await guest.press({ do: 'synonyms', sellerId, page: 1 })
  guest.expectSays(last, 'synonyms.one', { word: 'я4', means: 'мы' })
  const removal = intentOf(last.message, 'synonym-remove')
  const gone = await guest.press(removal)
  expect(gone.toast).toBe(guest.say('synonyms.removed'))
  // The page that is left is shown, not an empty one.
  guest.expectSays(gone, 'synonyms.one', { word: 'я0', means: 'мы' })
  guest.expectSays(await guest.press(removal), 'confused.not-found')
  const { guest: stranger } = await seller()
  stranger.expectSays(await stranger.press(intentOf(gone.message, 'synonym-remove')), 'confused.not-found')
  expect(await chat.shop.db.synonym.count({ where: { sellerId } })).toBe(6)
})

test('a category of their own is led down the tree of all to its place', async () => {
  const { guest, sellerId } = await seller()
  const { db, now } = chat.shop
  const other = await db.category.upsert({
    where: { slug: 'other' },
    create: { slug: 'other', title: { ru: 'Прочее' } },
    update: {},
  })
  const root = await db.category.create({ data: { slug: `root-${made}`, title: { ru: 'Корень' }, position: -1 } })
  const leaf = await db.category.create({ data: { slug: `leaf-${made}`, title: { ru: 'Лист' }, parentId: root.id } })
  await db.sellerCategory.create({ data: { sellerId, feedCategory: '12', title: { ru: 'Моё › <b>разное</b>' } } })
  await db.product.create({
    data: {
      sellerId,
      externalId: 'p',
      categoryId: other.id,
      feedCategory: '12',
      title: { ru: 'Вещь' },
      description: {},
      words: 'вещь\nпрочее\nп',
      pictures: [],
      updatedAt: now,
    },
  })
  const page = await guest.press({ do: 'own-categories', sellerId, page: 0 })
  guest.expectSays(page, 'own.filed', { own: 'Моё › <b>разное</b>', count: 1, category: 'Прочее' })
  const where = await guest.pressFirst('own-category')
  guest.expectSays(where, 'own.where', { own: 'Моё › <b>разное</b>' })
  // At the root nothing can be filed.
  expect(intentsOf(where.message).some((intent) => intent.do === 'own-category-is')).toBe(false)
  const { ownId } = intentOf(where.message, 'own-category')
  const below = await guest.press({ do: 'own-category', ownId, categoryId: root.id, page: 0 })
  guest.expectSays(below, 'own.here-or-below', { own: 'Моё › <b>разное</b>', here: 'Корень' })
  expect(intentsOf(below.message)).toContainEqual({ do: 'own-category', ownId, categoryId: leaf.id, page: 0 })
  const here = await guest.press({ do: 'own-category', ownId, categoryId: leaf.id, page: 0 })
  guest.expectSays(here, 'own.here', { own: 'Моё › <b>разное</b>', here: 'Корень › Лист' })
  const choice = intentOf(here.message, 'own-category-is')
  const { guest: stranger } = await seller()
  stranger.expectSays(await stranger.press(choice), 'confused.not-found')
  const done = await guest.press(choice)
  expect(done.toast).toBe(guest.say('own.done'))
  guest.expectSays(done, 'own.chosen', { own: 'Моё › <b>разное</b>', count: 1, category: 'Лист' })
  expect(await db.product.findFirstOrThrow({ where: { sellerId } })).toMatchObject({
    categoryId: leaf.id,
    words: expect.stringMatching(/^вещь\n(корень лист|лист корень)\nп$/),
  })
  const nowhere = await guest.press({ do: 'own-category', ownId, categoryId: 2_000_000_000, page: 0 })
  guest.expectSays(nowhere, 'confused.not-found')
  expect(textOf((await guest.press({ do: 'own-category', ownId, categoryId: 0, page: 99 })).message)).not.toBe('')
})
