import { randomUUID } from 'node:crypto'
import { expect, test } from 'vitest'
import { closeDueGroups } from '#shop/group-buy.ts'
import {
  channelAdded,
  channelById,
  channelRemoved,
  giveChannel,
  joinShop,
  post,
  postOpened,
  shopProducts,
  shopsOf,
  shopView,
  takePost,
} from '#shop/sellers.ts'
import { countRows, minute, useShop, type Goods } from './support.ts'

const shop = useShop()
let channels = 0

const invitationOf = async ({ sellerId }: Goods) =>
  (await shop.db.seller.findUniqueOrThrow({ where: { id: sellerId } })).invitation

/** Somebody of the shop that sells these goods. */
async function member(...all: Goods[]): Promise<number> {
  const personId = await shop.person()
  for (const goods of all) {
    expect(await joinShop(shop.db, await invitationOf(goods), personId, shop.now)).toMatchObject({
      sellerId: goods.sellerId,
    })
  }
  return personId
}

async function channelOf(personId: number, requestKey: string = randomUUID()): Promise<number> {
  const externalId = `-100${++channels}`
  const channel = { messenger: 'telegram', externalId, title: `Канал ${channels}`, username: null }
  await channelAdded(shop.db, channel, personId, requestKey, shop.now)
  const where = { messenger_externalId: { messenger: 'telegram', externalId } }
  return (await shop.db.brandChannel.findUniqueOrThrow({ where })).id
}

async function ready() {
  const goods = await shop.goods({ size: 2 })
  const personId = await member(goods)
  const channelId = await channelOf(personId)
  const wish = { personId, channelId, productId: goods.productId, isGroupOffer: true }
  return { goods, personId, channelId, wish }
}
const ask = (wish: Awaited<ReturnType<typeof ready>>['wish'], draft: string = randomUUID()) =>
  post(shop.db, { ...wish, draft, now: shop.now })

test('an invitation makes a member, once; an unknown one nobody', async () => {
  const goods = await shop.goods()
  const personId = await member(goods, goods)
  expect(await shopsOf(shop.db, personId)).toEqual([{ sellerId: goods.sellerId, name: expect.any(String) as string }])
  const stranger = await shop.person()
  expect(await joinShop(shop.db, 'guessed', stranger, shop.now)).toBeUndefined()
  expect(await shopsOf(shop.db, stranger)).toEqual([])
  expect(await shopView(shop.db, goods.sellerId, stranger)).toBeUndefined()
  expect(await shopProducts(shop.db, goods.sellerId, stranger, 0, shop.now)).toBeUndefined()
  expect(await shopProducts(shop.db, goods.sellerId, personId, 0, shop.now)).toMatchObject({
    total: 1,
    products: [{ productId: goods.productId }],
  })
})

test("a channel becomes the shop's at once when there is one shop, and waits to be given when there are several", async () => {
  const [first, second] = [await shop.goods(), await shop.goods()]
  const one = await member(first)
  expect(await channelById(shop.db, await channelOf(one))).toMatchObject({ sellerId: first.sellerId })
  expect(await shop.told(one)).toEqual({ 'channel-added': 1 })

  const both = await member(first, second)
  const channelId = await channelOf(both)
  expect(await channelById(shop.db, channelId)).toMatchObject({ sellerId: null, isRemoved: false })
  expect(await giveChannel(shop.db, channelId, second.sellerId, one)).toBe(false)
  expect(await giveChannel(shop.db, channelId, (await shop.goods()).sellerId, both)).toBe(false)
  expect(await giveChannel(shop.db, channelId, second.sellerId, both)).toBe(true)
  // Given is given.
  expect(await giveChannel(shop.db, channelId, first.sellerId, both)).toBe(false)
  expect((await shopView(shop.db, second.sellerId, both))?.channels).toMatchObject([{ channelId }])
})

test('a channel that the bot left is not posted to, and comes back to its shop with the bot', async () => {
  const { goods, personId, channelId, wish } = await ready()
  const { externalId } = (await channelById(shop.db, channelId)) ?? { externalId: '' }
  await channelRemoved(shop.db, 'telegram', externalId, shop.now)
  expect(await channelById(shop.db, channelId)).toMatchObject({ isRemoved: true })
  expect((await shopView(shop.db, goods.sellerId, personId))?.channels).toEqual([])
  expect(await ask(wish)).toEqual({ ok: false, reason: 'not-found' })
  const again = { messenger: 'telegram', externalId, title: 'Новое имя', username: 'name' }
  await channelAdded(shop.db, again, personId, randomUUID(), shop.now)
  expect(await channelById(shop.db, channelId)).toMatchObject({ isRemoved: false, title: 'Новое имя' })
  expect(await ask(wish)).toMatchObject({ ok: true })
})

test("posting other people's products, to other people's channels, or what cannot be sold is refused and writes nothing", async () => {
  const { goods, wish } = await ready()
  const other = await ready()
  const plain = await shop.goods({ campaign: false })
  const owner = await member(plain)
  const ofPlain = { personId: owner, channelId: await channelOf(owner), productId: plain.productId, isGroupOffer: true }
  const gone = await ready()
  await shop.db.product.update({ where: { id: gone.goods.productId }, data: { withdrawnAt: shop.now } })
  const stranger = await shop.person()

  const before = { ...(await countRows(shop.db)), posts: await shop.db.post.count() }
  for (const [wished, reason] of [
    [{ ...wish, personId: stranger }, 'not-found'],
    [{ ...wish, personId: other.personId }, 'not-found'],
    [{ ...wish, channelId: other.channelId }, 'not-found'],
    [{ ...wish, productId: other.goods.productId }, 'not-found'],
    [{ ...wish, productId: 2_000_000_000 }, 'not-found'],
    [{ ...wish, channelId: 2_000_000_000 }, 'not-found'],
    [ofPlain, 'no-group-price'],
    [gone.wish, 'withdrawn'],
  ] as const) {
    expect(await ask(wished)).toEqual({ ok: false, reason })
  }
  expect({ ...(await countRows(shop.db)), posts: await shop.db.post.count() }).toEqual(before)
  expect(await ask({ ...ofPlain, isGroupOffer: false })).toMatchObject({ ok: true })
  expect(goods.productId).not.toBe(other.goods.productId)
})

test('twenty repeats of one tap make one post, sent once, and its author is told', async () => {
  const { personId, channelId, wish } = await ready()
  const key = randomUUID()
  const results = await Promise.all(Array.from({ length: 20 }, () => ask(wish, key)))
  expect(new Set(results.map((result) => (result.ok ? result.postId : result.reason))).size).toBe(1)
  const sentBefore = shop.sent.length
  await shop.runJobs()
  const { externalId } = (await channelById(shop.db, channelId)) ?? { externalId: '' }
  expect(shop.sent.slice(sentBefore).filter(({ to }) => to === externalId)).toHaveLength(1)
  expect(await shop.told(personId)).toMatchObject({ 'post-published': 1 })
  expect(await shop.db.post.findFirstOrThrow({ where: { channelId } })).toMatchObject({
    state: 'sent',
    sentAt: shop.now,
  })
})

test('of five workers one takes a post; one whose sender died is in doubt and never sent again', async () => {
  const { personId, wish } = await ready()
  const made = await ask(wish)
  const postId = made.ok ? made.postId : 0
  const taken = await Promise.all(Array.from({ length: 5 }, () => takePost(shop.db, postId, shop.now)))
  expect(taken.filter((found) => found !== undefined)).toHaveLength(1)
  // Whoever comes while it is being sent must take its sender for dead: the queue runs a job of a living one only once.
  expect(await shop.db.post.findUniqueOrThrow({ where: { id: postId } })).toMatchObject({ state: 'doubtful' })
  expect(await takePost(shop.db, postId, shop.now)).toBeUndefined()
  expect(await shop.told(personId)).toMatchObject({ 'post-published': 1 })
})

test('a post whose product went off sale before its turn came has failed, and its author is told why', async () => {
  for (const withdraw of ['product', 'variant', 'both'] as const) {
    const { goods, personId, channelId, wish } = await ready()
    const made = await ask(wish)
    const data = { withdrawnAt: shop.now }
    if (withdraw !== 'variant') await shop.db.product.update({ where: { id: goods.productId }, data })
    if (withdraw !== 'product') await shop.db.variant.update({ where: { id: goods.variantId }, data })
    const { externalId } = (await channelById(shop.db, channelId)) ?? { externalId: '' }
    await shop.runJobs()
    expect(shop.sent.filter(({ to }) => to === externalId)).toHaveLength(0)
    const postId = made.ok ? made.postId : 0
    expect(await shop.db.post.findUniqueOrThrow({ where: { id: postId } })).toMatchObject({ state: 'failed' })
    const told = await shop.db.notification.findMany({ where: { personId, kind: 'post-published' } })
    expect(told).toMatchObject([{ data: { postId, state: 'withdrawn' }, state: 'sent' }])
    await takePost(shop.db, postId, shop.now)
    expect(await shop.told(personId)).toMatchObject({ 'post-published': 1 })
  }
})

test("a post's link leads to its product; one that does not exist leads nowhere", async () => {
  const { goods, wish } = await ready()
  const made = await ask(wish)
  const { token } = await shop.db.post.findUniqueOrThrow({ where: { id: made.ok ? made.postId : 0 } })
  expect(token).toMatch(/^[\w-]{16}$/)
  const person = await shop.person()
  await Promise.all(Array.from({ length: 10 }, () => postOpened(shop.db, token, person, shop.now)))
  expect(await postOpened(shop.db, token, person, shop.now)).toEqual({ productId: goods.productId, isGroupOffer: true })
  expect(await postOpened(shop.db, 'guessed', person, shop.now)).toBeUndefined()
})

test('what a post brought is counted from what happened: people, groups, seats, orders and money', async () => {
  const { goods, personId, wish } = await ready()
  const made = await ask(wish)
  await shop.runJobs()
  const { token } = await shop.db.post.findUniqueOrThrow({ where: { id: made.ok ? made.postId : 0 } })
  const [leader = 0, friend = 0, lonely = 0, looker = 0] = await shop.people(4)
  for (const person of [leader, friend, lonely, looker]) await postOpened(shop.db, token, person, shop.now)
  const { groupId, orderId } = await shop.openGroup(goods, leader)
  await shop.pay((await shop.order(friend, { kind: 'join', groupId })).orderId)
  await shop.openGroup(goods, lonely)
  await shop.runJobs()
  const { total } = await shop.db.order.findUniqueOrThrow({ where: { id: orderId } })
  const stats = async () => (await shopView(shop.db, goods.sellerId, personId))?.stats
  expect(await stats()).toEqual([
    {
      postId: made.ok ? made.postId : 0,
      title: { ru: expect.any(String) as string, en: expect.any(String) as string },
      channelTitle: expect.any(String) as string,
      state: 'sent',
      createdAt: shop.now,
      opened: 4,
      groupsOpened: 2,
      groupsFormed: 1,
      seats: 3,
      orders: 2,
      revenue: [{ currency: 'RUB', amount: String(total * 2n) }],
    },
  ])
  await closeDueGroups(shop.db, shop.pass(30 * minute))
  await shop.settle()
  expect(await stats()).toMatchObject([{ groupsOpened: 2, groupsFormed: 1, seats: 2, orders: 2 }])
})
