/** What was seen last, questions to shops, ratings, and buying again. */
import { expect, test } from 'vitest'
import { openQuestionsMax } from '#domain/questions.ts'
import { againOf } from '#shop/buy-again.ts'
import { tidyUp } from '#shop/notifications.ts'
import { answeredAbout, answerQuestion, askShop, ownQuestion, questionForShop, unansweredOf } from '#shop/questions.ts'
import { openProduct } from '#shop/product.ts'
import { rate, ratingOf } from '#shop/ratings.ts'
import { seenBy } from '#shop/seen.ts'
import { inTransaction } from '#store/db.ts'
import { refreshListings } from '#store/listings.ts'
import { hour, minute, useShop, type Goods } from './support.ts'

const shop = useShop()
const first = { offset: 0, limit: 5 }
const opens = async (personId: number, productId: number) =>
  openProduct(shop.db, { personId, cityCode: undefined }, productId, shop.now)

async function bought(goods: Goods, personId: number, state = 'delivered'): Promise<number> {
  const { orderId } = await shop.order(personId, { kind: 'alone', variantId: goods.variantId })
  await shop.db.order.update({ where: { id: orderId }, data: { state } })
  return orderId
}

test('the last fifty pages are remembered, each once, and none is written twice within the hour', async () => {
  const personId = await shop.person({ recipient: false })
  const { productId, sellerId } = await shop.goods()
  const { categoryId } = await shop.db.product.findUniqueOrThrow({ where: { id: productId } })
  const more = await shop.db.$queryRaw<{ id: number }[]>`
    INSERT INTO product (seller_id, external_id, category_id, title, description, pictures, words, updated_at)
    SELECT ${sellerId}, 'seen' || n, ${categoryId}, '{"ru": "x"}', '{}', '{}', 'x', now() FROM generate_series(1, 52) n
    RETURNING id`
  await opens(personId, productId)
  const before = await shop.db.productView.findFirstOrThrow({ where: { personId } })
  shop.pass(59 * minute)
  await opens(personId, productId)
  expect(await shop.db.productView.findFirstOrThrow({ where: { personId } })).toEqual(before)
  shop.pass(2 * minute)
  await opens(personId, productId)
  expect((await shop.db.productView.findFirstOrThrow({ where: { personId } })).viewedAt).toEqual(shop.now)

  const earlier = more.slice(0, 49).map(({ id }, at) => ({
    personId,
    productId: id,
    viewedAt: new Date(shop.now.getTime() + 1000 * (at + 1)),
  }))
  await shop.db.productView.createMany({ data: earlier })
  shop.pass(50_000)
  for (const { id } of more.slice(49)) {
    shop.pass(1000)
    await opens(personId, id)
  }
  const { total, seen } = await seenBy(shop.db, personId, { offset: 0, limit: 60 }, shop.now)
  expect(total).toBe(50)
  expect(seen.map((one) => one.productId)).toEqual(
    more
      .map(({ id }) => id)
      .slice(2)
      .toReversed(),
  )
  await opens(personId, 2_000_000_000)
  expect(await shop.db.productView.count({ where: { personId } })).toBe(50)
})

test('people who open pages at the same moment are noted in one statement, the same tap twice once', async () => {
  const people = await shop.people(30)
  const [one, other] = [await shop.goods(), await shop.goods()]
  const opened = people.flatMap((personId) => [one, other, one].map(({ productId }) => ({ personId, productId })))
  await Promise.all(opened.map(({ personId, productId }) => opens(personId, productId)))
  expect(await shop.db.productView.count({ where: { personId: { in: people } } })).toBe(60)
})

test('goods for grown-ups are noted of those only who said that they are one; what is old is forgotten', async () => {
  const personId = await shop.person({ recipient: false })
  const { productId } = await shop.goods()
  await shop.db.product.update({ where: { id: productId }, data: { isAdult: true } })
  await opens(personId, productId)
  expect(await shop.db.productView.count({ where: { personId } })).toBe(0)
  await shop.db.person.update({ where: { id: personId }, data: { adultAt: shop.now } })
  await opens(personId, productId)
  shop.pass(89 * 24 * hour)
  await tidyUp(shop.db, shop.now)
  expect(await shop.db.productView.count({ where: { personId } })).toBe(1)
  shop.pass(2 * 24 * hour)
  await tidyUp(shop.db, shop.now)
  expect(await shop.db.productView.count({ where: { personId } })).toBe(0)
})

test('a question reaches everybody of the shop, and of two who answer at once one is first', async () => {
  const goods = await shop.goods()
  const { productId, sellerId } = goods
  const [anna, boris] = [await shop.seller(goods), await shop.seller(goods)]
  const [asker, stranger] = [await shop.person(), await shop.person()]
  const asked = { productId, personId: asker, text: 'Есть ли гарантия?', requestKey: 'u1', now: shop.now }
  // The same update, handled twice.
  expect(await Promise.all([askShop(shop.db, asked), askShop(shop.db, asked)])).toEqual([{ ok: true }, { ok: true }])
  const { id: questionId } = await shop.db.productQuestion.findFirstOrThrow({ where: { personId: asker } })
  expect(await shop.db.productQuestion.count({ where: { personId: asker } })).toBe(1)
  for (const member of [anna, boris]) expect(await shop.told(member)).toEqual({ 'question-asked': 1 })
  expect(await questionForShop(shop.db, questionId, stranger)).toBeUndefined()
  expect(await unansweredOf(shop.db, sellerId, stranger, first)).toBeUndefined()
  expect(await unansweredOf(shop.db, sellerId, anna, first)).toMatchObject({ total: 1, questions: [{ questionId }] })

  const refused = await answerQuestion(shop.db, { questionId, personId: stranger, text: 'Нет', now: shop.now })
  expect(refused).toEqual({ ok: false, reason: 'not-found' })
  const answers = await Promise.all(
    [anna, boris].map(async (personId) =>
      answerQuestion(shop.db, { questionId, personId, text: `Год, ${personId}`, now: shop.now }),
    ),
  )
  const winner = [anna, boris].find((_, at) => answers[at]?.ok) ?? 0
  expect(answers.filter(({ ok }) => ok)).toHaveLength(1)
  expect(answers.find(({ ok }) => !ok)).toMatchObject({
    reason: 'answered',
    question: { answeredById: winner, answer: `Год, ${winner}` },
  })
  expect(await shop.told(asker)).toEqual({ 'question-answered': 1 })
  const again = { questionId, personId: winner, text: `Год, ${winner}`, now: shop.now }
  expect(await answerQuestion(shop.db, again)).toMatchObject({ ok: true })
  expect(await shop.told(asker)).toEqual({ 'question-answered': 1 })
  expect(await ownQuestion(shop.db, questionId, asker)).toMatchObject({ answer: `Год, ${winner}` })
  expect(await ownQuestion(shop.db, questionId, stranger)).toBeUndefined()
  expect(await answeredAbout(shop.db, productId, first, shop.now)).toMatchObject({
    total: 1,
    questions: [{ questionId, text: 'Есть ли гарантия?', answer: `Год, ${winner}` }],
  })
})

test('five questions of a person wait at one shop, however many are sent at once; an answer makes room', async () => {
  const goods = await shop.goods()
  const [member, asker] = [await shop.seller(goods), await shop.person()]
  const send = async (requestKey: string, { productId } = goods) =>
    askShop(shop.db, { productId, personId: asker, text: 'А?', requestKey, now: shop.now })
  const results = await Promise.all(Array.from({ length: 9 }, async (_, at) => send(`many-${at}`)))
  expect(results.filter(({ ok }) => ok)).toHaveLength(openQuestionsMax)
  expect(await shop.db.productQuestion.count({ where: { personId: asker } })).toBe(openQuestionsMax)
  expect(await shop.told(member)).toEqual({ 'question-asked': openQuestionsMax })
  expect(await send('one more')).toEqual({ ok: false, reason: 'too-many-questions' })
  // Another shop has room of its own.
  expect(await send('elsewhere', await shop.goods())).toEqual({ ok: true })
  const { id: questionId } = await shop.db.productQuestion.findFirstOrThrow({ where: { personId: asker } })
  await answerQuestion(shop.db, { questionId, personId: member, text: 'Да', now: shop.now })
  expect(await send('now there is room')).toEqual({ ok: true })
  expect(await send('none', { ...goods, productId: 2_000_000_000 })).toEqual({ ok: false, reason: 'not-found' })
})

test('only who was given a product rates it, once, and the latest counts', async () => {
  const goods = await shop.goods()
  const { productId } = goods
  const [anna, boris] = [await shop.person(), await shop.person()]
  expect(await opens(anna, productId)).toMatchObject({ stars: null, ratings: 0 })
  const orderId = await bought(goods, anna)
  const waiting = (await shop.order(boris, { kind: 'alone', variantId: goods.variantId })).orderId
  const refused = { ok: false, reason: 'not-found' }
  expect(await rate(shop.db, { orderId, personId: boris, stars: 1, now: shop.now })).toEqual(refused)
  expect(await rate(shop.db, { orderId: waiting, personId: boris, stars: 1, now: shop.now })).toEqual(refused)
  for (const stars of [0, 6, 2_147_483_647]) {
    expect(await rate(shop.db, { orderId, personId: anna, stars, now: shop.now })).toEqual(refused)
  }
  expect(await shop.db.rating.count({ where: { productId } })).toBe(0)

  await Promise.all([1, 2, 3, 4, 5].map((stars) => rate(shop.db, { orderId, personId: anna, stars, now: shop.now })))
  expect(await shop.db.rating.count({ where: { productId } })).toBe(1)
  expect(await rate(shop.db, { orderId, personId: anna, stars: 4, now: shop.now })).toEqual({ ok: true, productId })
  expect(await ratingOf(shop.db, anna, productId)).toBe(4)
  await rate(shop.db, { orderId: await bought(goods, boris), personId: boris, stars: 1, now: shop.now })
  expect(await opens(anna, productId)).toMatchObject({ stars: 2.5, ratings: 2 })
})

test('buying again leads to the same variant, to another of it, to the best of its category, or says that there is none', async () => {
  const goods = await shop.goods()
  const { productId, variantId } = goods
  const [personId, stranger] = [await shop.person(), await shop.person()]
  const orderId = await bought(goods, personId)
  const again = async (who = personId) => againOf(shop.db, { orderId, personId: who, isAdult: false, now: shop.now })
  expect(await again(stranger)).toEqual({ ok: false, reason: 'not-found' })
  expect(await again()).toEqual({ ok: true, productId, variantId })

  const variant = { externalId: '2', options: {}, price: 1_000n, currency: 'RUB', weightGrams: 1 }
  const other = await shop.db.variant.create({ data: { ...variant, productId } })
  await shop.db.variant.update({ where: { id: variantId }, data: { withdrawnAt: shop.now } })
  expect(await again()).toEqual({ ok: true, productId, variantId: other.id, instead: 'variant' })

  await shop.db.product.update({ where: { id: productId }, data: { withdrawnAt: shop.now } })
  expect(await again()).toEqual({ ok: false, reason: 'withdrawn' })
  const { categoryId } = await shop.db.product.findUniqueOrThrow({ where: { id: productId } })
  const near = [await shop.goods(), await shop.goods(), await shop.goods()]
  const [plain, popular, adult] = near.map((one) => one.productId)
  await shop.db.product.updateMany({ where: { id: { in: near.map((one) => one.productId) } }, data: { categoryId } })
  await shop.db.product.update({ where: { id: popular ?? 0 }, data: { popularity: 9 } })
  await shop.db.product.update({ where: { id: adult ?? 0 }, data: { popularity: 99, isAdult: true } })
  await inTransaction(shop.db, async (tx) => refreshListings(tx, [plain ?? 0, popular ?? 0, adult ?? 0], shop.now))
  expect(await again()).toEqual({ ok: true, productId: popular, variantId: 0, instead: 'category' })
})
