/** The shop's own side: invitation, channels, posts, and what is not theirs. */
import { expect, test } from 'vitest'
import { channelScreen, postScreen } from '#chat/sellers.ts'
import { screenToMessage } from '#chat/text.ts'
import { takePost } from '#shop/sellers.ts'
import { buttonsOf, checkMessage, intentOf, intentsOf, textOf, useChat, type Guest } from './support.ts'

const chat = useChat()
let channels = 0

async function member(...shops: number[]): Promise<Guest> {
  const guest = chat.guest({ firstName: 'София' })
  await guest.command('start')
  for (const sellerId of shops) {
    await chat.shop.db.sellerMember.create({ data: { sellerId, personId: guest.personId, joinedAt: chat.shop.now } })
  }
  return guest
}

/** The bot was made administrator of a channel by somebody. @returns the channel and what they are told. */
async function addChannel(by: Guest, title = 'Лавка', externalId = `-100${++channels}`) {
  await by.visit((visitor) => chat.front.onChannel(visitor, { externalId, title }, true))
  const channel = await chat.shop.db.brandChannel.findUniqueOrThrow({
    where: { messenger_externalId: { messenger: 'telegram', externalId } },
  })
  const screen = await channelScreen({ deps: chat.shop.deps }, channel.id, by.personId)
  if (!screen) throw new Error('whoever adds a channel is told how it stands')
  const message = screenToMessage(screen, by.reader)
  checkMessage(message)
  return { externalId, channelId: channel.id, sellerId: channel.sellerId, message }
}

const countPosts = () => chat.shop.db.post.count()

test('an invitation makes a member, once, and the menu has their shop from then on', async () => {
  const guest = chat.guest()
  const [invitation = ''] = chat.invitations
  for (let time = 0; time < 2; time += 1) {
    const { message } = await guest.command('start', `s_${invitation}`)
    expect(textOf(message)).toContain('Добро пожаловать')
    guest.expectSays(message, 'shop.no-channel')
  }
  expect(await chat.shop.db.sellerMember.count({ where: { personId: guest.personId } })).toBe(1)
  const home = await guest.press({ do: 'home' })
  expect(intentsOf(home.message).map((intent) => intent.do)).toContain('shop')
})

test('a member of two shops chooses which to open', async () => {
  const [one, two] = [await chat.shop.goods(), await chat.shop.goods()]
  const guest = await member(one.sellerId, two.sellerId)
  const home = await guest.press({ do: 'home' })
  expect(intentOf(home.message, 'shops')).toEqual({ do: 'shops' })
  const { message } = await guest.command('shop')
  const shops = intentsOf(message).filter((intent) => intent.do === 'shop')
  expect(shops.map((intent) => intent.sellerId)).toEqual([one.sellerId, two.sellerId])
})

test('a channel added by a member is their shop’s at once', async () => {
  const { sellerId } = await chat.shop.goods()
  const guest = await member(sellerId)
  const channel = await addChannel(guest, 'К <b>&{{x}}')
  expect(channel.sellerId).toBe(sellerId)
  expect(textOf(channel.message)).toContain('К <b>&{{x}}')
  expect(intentOf(channel.message, 'shop-products')).toMatchObject({ sellerId })
  const page = await guest.press({ do: 'shop', sellerId })
  guest.expectSays(page, 'shop.channels', { titles: 'К <b>&{{x}}' })
  expect(await chat.shop.told(guest.personId)).toEqual({ 'channel-added': 1 })
})

test('a channel added by a stranger belongs to nobody, and they are told what to do', async () => {
  const guest = await member()
  const channel = await addChannel(guest)
  expect(channel.sellerId).toBeNull()
  expect(textOf(channel.message)).toBe(guest.say('channel.no-shop', { channel: 'Лавка' }))
})

test('a channel added by a member of two shops is asked about, and given once', async () => {
  const [one, two, foreign] = [await chat.shop.goods(), await chat.shop.goods(), await chat.shop.goods()]
  const guest = await member(one.sellerId, two.sellerId)
  const { channelId, sellerId, message } = await addChannel(guest)
  expect(sellerId).toBeNull()
  const offered = intentsOf(message).filter((intent) => intent.do === 'give-channel')
  expect(offered.map((intent) => intent.sellerId)).toEqual([one.sellerId, two.sellerId])
  const owner = async () => (await chat.shop.db.brandChannel.findUniqueOrThrow({ where: { id: channelId } })).sellerId

  // Not to a shop of others, and not by others.
  await guest.press({ do: 'give-channel', channelId, sellerId: foreign.sellerId })
  const thief = await member(two.sellerId)
  thief.expectSays(await thief.press({ do: 'give-channel', channelId, sellerId: two.sellerId }), 'confused.not-found')
  expect(await owner()).toBeNull()

  const given = await guest.press({ do: 'give-channel', channelId, sellerId: two.sellerId })
  guest.expectSays(given, 'channel.connected', { channel: 'Лавка', shop: await shopName(two.sellerId) })
  await guest.press({ do: 'give-channel', channelId, sellerId: one.sellerId })
  expect(await owner()).toBe(two.sellerId)
})

const shopName = async (id: number) => (await chat.shop.db.seller.findUniqueOrThrow({ where: { id } })).name

test('a channel that has a shop already is not taken over', async () => {
  const [one, two] = [await chat.shop.goods(), await chat.shop.goods()]
  const first = await addChannel(await member(one.sellerId))
  const other = await member(two.sellerId)
  const again = await addChannel(other, 'Лавка', first.externalId)
  expect(again.sellerId).toBe(one.sellerId)
  expect(textOf(again.message)).toBe(other.say('channel.taken', { channel: 'Лавка' }))
})

test('a channel that dismissed the bot is no longer posted to, until it comes back', async () => {
  const { sellerId, productId } = await chat.shop.goods()
  const guest = await member(sellerId)
  const { externalId, channelId } = await addChannel(guest)
  await guest.visit((visitor) => chat.front.onChannel(visitor, { externalId, title: 'Лавка' }, false))
  guest.expectSays(await guest.press({ do: 'shop', sellerId }), 'shop.no-channel')
  const refused = await guest.press({ do: 'publish', channelId, productId, isGroupOffer: 0, draft: 'd' })
  guest.expectSays(refused, 'confused.not-found')
  await addChannel(guest, 'Лавка', externalId)
  const preview = await guest.press({ do: 'post-offer', productId })
  expect(intentOf(preview.message, 'publish').channelId).toBe(channelId)
})

test('the products of a shop are paged, six at a time', async () => {
  const demo = await chat.shop.db.seller.findFirstOrThrow({ where: { invitation: chat.invitations[0] ?? '' } })
  const guest = await member(demo.id)
  await addChannel(guest)
  const seen = new Set<number>()
  for (let page = 0; ; page += 1) {
    const { message } = await guest.press({ do: 'shop-products', sellerId: demo.id, page })
    for (const intent of intentsOf(message)) if (intent.do === 'post-offer') seen.add(intent.productId)
    if (!intentsOf(message).some((intent) => intent.do === 'shop-products' && intent.page > page)) break
  }
  expect(seen.size).toBe(await chat.shop.db.product.count({ where: { sellerId: demo.id } }))
  for (const page of [1000, 2_147_483_647]) {
    guest.expectSays(await guest.press({ do: 'shop-products', sellerId: demo.id, page }), 'confused.button')
  }
})

test('a post is previewed, published once however often the update arrives, and looks as promised', async () => {
  const { sellerId, productId } = await chat.shop.goods()
  await chat.shop.db.product.update({
    where: { id: productId },
    data: { description: { ru: 'Ы <b>{{x}}</b>'.repeat(400) } },
  })
  const guest = await member(sellerId)
  const { channelId } = await addChannel(guest)
  const preview = await guest.press({ do: 'post-offer', productId })
  guest.expectSays(preview, 'post.preview')
  const publish = intentOf(preview.message, 'publish')
  const draft = expect.stringMatching(/^[\w-]{16}$/) as string
  expect(publish).toEqual({ do: 'publish', channelId, productId, isGroupOffer: 1, draft })
  const before = await countPosts()
  for (let time = 0; time < 2; time += 1) {
    guest.expectSays(await guest.press(publish, { updateId: `publish-${channelId}` }), 'post.accepted')
  }
  expect(await countPosts()).toBe(before + 1)

  const { id } = await chat.shop.db.post.findFirstOrThrow({ orderBy: { id: 'desc' } })
  const taken = await takePost(chat.shop.db, id, chat.shop.now)
  if (!taken) throw new Error('a new post can be taken')
  const message = screenToMessage(postScreen(taken, guest.reader), guest.reader)
  checkMessage(message)
  expect(buttonsOf(message).map((button) => ('start' in button ? button.start : undefined))).toEqual([
    `t_${taken.token}`,
    `o_${taken.token}`,
  ])
  expect(textOf(preview.message)).toContain(textOf(message))

  // Whoever comes by the post is counted and led to the product, or to the open group.
  const stranger = await chat.buyer()
  expect(textOf((await stranger.command('start', `o_${taken.token}`)).message)).toContain('Чайник')
  expect(intentOf((await stranger.command('start', `t_${taken.token}`)).message, 'buy-together')).toBeDefined()
  const { groupId } = await chat.shop.openGroup({ ...(await goodsOf(productId)), sellerId, productId })
  const led = await stranger.command('start', `t_${taken.token}`)
  expect(intentOf(led.message, 'join')).toEqual({ do: 'join', groupId })
  expect(await chat.shop.db.postOpen.count({ where: { postId: id } })).toBe(1)
})

test('a second tap on a channel posts nothing more; another channel, kind or preview does', async () => {
  const { sellerId, productId } = await chat.shop.goods()
  const guest = await member(sellerId)
  const first = await addChannel(guest, 'Первый')
  await addChannel(guest, 'Второй')
  const preview = await guest.press({ do: 'post-offer', productId })
  const offered = intentsOf(preview.message).filter((intent) => intent.do === 'publish')
  expect(offered).toHaveLength(4)
  const before = await countPosts()
  const [tapped] = offered
  if (!tapped) throw new Error('a channel is offered')
  await Promise.all(Array.from({ length: 5 }, () => guest.press(tapped)))
  guest.expectSays(await guest.press(tapped), 'post.accepted')
  expect(await countPosts()).toBe(before + 1)
  for (const intent of offered) await guest.press(intent)
  expect(await countPosts()).toBe(before + 4)

  // Once more on purpose, by a preview of its own.
  const again = await guest.press({ do: 'post-offer', productId })
  await guest.press(intentOf(again.message, 'publish'))
  expect(await countPosts()).toBe(before + 5)
  // The key of somebody else's draft makes a post of one's own, and never shows theirs.
  const colleague = await member(sellerId)
  await colleague.press(tapped)
  expect(await countPosts()).toBe(before + 6)
  expect(await chat.shop.db.post.count({ where: { channelId: first.channelId } })).toBe(4)
})

async function goodsOf(productId: number) {
  const variant = await chat.shop.db.variant.findFirstOrThrow({ where: { productId } })
  const { locationId } = await chat.shop.db.stockLevel.findFirstOrThrow({ where: { variantId: variant.id } })
  return { variantId: variant.id, locationId, campaignId: 0 }
}

test('a product without a group price offers no group post, and a forged one is refused', async () => {
  const { sellerId, productId } = await chat.shop.goods({ campaign: false })
  const guest = await member(sellerId)
  const { channelId } = await addChannel(guest)
  const preview = await guest.press({ do: 'post-offer', productId })
  const offered = intentsOf(preview.message).filter((intent) => intent.do === 'publish')
  expect(offered).toMatchObject([{ do: 'publish', channelId, productId, isGroupOffer: 0 }])
  expect(offered).toHaveLength(1)
  const before = await countPosts()
  const forged = await guest.press({ do: 'publish', channelId, productId, isGroupOffer: 1, draft: 'd' })
  expect(forged).toEqual({ toast: guest.say('refusal.no-group-price'), alert: true })
  expect(await countPosts()).toBe(before)
})

test("somebody else's shop, channel or product is refused, and nothing is posted", async () => {
  const [own, foreign] = [await chat.shop.goods(), await chat.shop.goods()]
  const guest = await member(own.sellerId)
  const { channelId } = await addChannel(guest)
  const theirs = await addChannel(await member(foreign.sellerId))
  const before = await countPosts()
  const replies = [
    await guest.press({ do: 'shop', sellerId: foreign.sellerId }),
    await guest.press({ do: 'shop-products', sellerId: foreign.sellerId, page: 0 }),
    await guest.press({ do: 'post-offer', productId: foreign.productId }),
    await guest.press({
      do: 'publish',
      channelId: theirs.channelId,
      productId: own.productId,
      isGroupOffer: 0,
      draft: 'd',
    }),
    await guest.press({ do: 'publish', channelId, productId: foreign.productId, isGroupOffer: 0, draft: 'd' }),
    await guest.press({
      do: 'publish',
      channelId: theirs.channelId,
      productId: foreign.productId,
      isGroupOffer: 1,
      draft: 'd',
    }),
  ]
  for (const { message } of replies) expect(textOf(message)).toBe(guest.say('confused.not-found'))
  expect(await countPosts()).toBe(before)
})

test('the page of a shop with long names, many channels and many posts fits', async () => {
  const { sellerId, productId } = await chat.shop.goods()
  await chat.shop.db.seller.update({ where: { id: sellerId }, data: { name: 'Ш'.repeat(100) } })
  await chat.shop.db.product.update({ where: { id: productId }, data: { title: { ru: '🦊'.repeat(125) } } })
  const guest = await member(sellerId)
  for (let made = 0; made < 6; made += 1) await addChannel(guest, 'Канал '.repeat(21))
  await guest.press({ do: 'shop-products', sellerId, page: 0 })
  const preview = await guest.press({ do: 'post-offer', productId })
  for (const intent of intentsOf(preview.message)) if (intent.do === 'publish') await guest.press(intent)
  await chat.shop.db.post.updateMany({ where: { sellerId }, data: { state: 'sent', messageRef: '-100:1' } })
  for (const language of ['en', 'zh', 'ru'] as const) {
    await guest.press({ do: 'set-language', language })
    const page = await guest.press({ do: 'shop', sellerId })
    expect(textOf(page.message).match(/📣/gu)?.length).toBe(5)
  }
  await guest.command(
    'start',
    `s_${(await chat.shop.db.seller.findUniqueOrThrow({ where: { id: sellerId } })).invitation}`,
  )
})
