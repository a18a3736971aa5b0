/** A group as people see it: their own page, the shared card, joining from it, and why one cannot. */
import { expect, test } from 'vitest'
import type { Message } from '#chat/screen.ts'
import { groupScreen } from '#chat/group-buy.ts'
import { sharedCard } from '#chat/group-card.ts'
import { screenToMessage } from '#chat/text.ts'
import { languages } from '#domain/people.ts'
import { groupById } from '#shop/group-buy.ts'
import { buttonsOf, checkMessage, intentOf, intentsOf, textOf, useChat, type Guest } from './support.ts'

const chat = useChat()

async function openGroup(of: { size?: number; stock?: number } = {}) {
  const goods = await chat.shop.goods(of)
  const leader = await chat.buyer({ firstName: 'Мария' })
  await leader.press({ do: 'buy-together', variantId: goods.variantId })
  const { id: orderId } = await chat.shop.db.order.findFirstOrThrow({
    where: { personId: leader.personId, state: 'awaiting_payment' },
  })
  const seat = await chat.shop.db.seat.findUniqueOrThrow({ where: { orderId }, include: { group: true } })
  return { goods, leader, orderId, groupId: seat.groupId, token: seat.group.token, pay: () => chat.shop.pay(orderId) }
}

const hasShare = (message: Message | undefined) => buttonsOf(message).some((button) => 'share' in button)
const payButton = (message: Message | undefined) => buttonsOf(message).find((button) => 'pay' in button)
const seatsOf = (guest: Guest) => chat.shop.db.seat.count({ where: { personId: guest.personId } })

test('a group that nobody has paid for is seen by its leader only', async () => {
  const { leader, groupId, token } = await openGroup()
  leader.expectSays(await leader.press({ do: 'group', groupId }), 'group.draft')
  const stranger = chat.guest()
  stranger.expectSays(await stranger.press({ do: 'group', groupId }), 'confused.not-found')
  stranger.expectSays(await stranger.command('start', `g_${token}`), 'confused.not-found')
  const offered = (await stranger.inline(`g_${token}`)).cards
  expect(offered.map(({ title }) => title)).toEqual([stranger.say('confused.not-found')])
  const join = await stranger.press({ do: 'join', groupId }, { place: 'shared' })
  expect(join).toEqual({ toast: stranger.say('confused.not-found'), alert: true })
})

test('once paid it is open: exact numbers, a share button, and the friend joins by one tap on the shared card', async () => {
  const { goods, leader, groupId, token, pay } = await openGroup({ size: 3 })
  await pay()
  const page = await leader.press({ do: 'group', groupId })
  leader.expectSays(page, 'group.you-are-in')
  expect(hasShare(page.message)).toBe(true)
  expect(textOf(page.message)).toContain('1 из 3')

  const { cards } = await leader.inline(`g_${token}`)
  expect(cards).toHaveLength(1)
  expect(textOf(cards[0]?.message)).toContain('Мария')
  expect(intentsOf(cards[0]?.message)).toEqual([{ do: 'join', groupId }])

  const friend = await chat.buyer({ firstName: 'Борис' })
  expect(await friend.press({ do: 'join', groupId }, { place: 'shared' })).toEqual({ open: `j_${token}` })
  expect(await seatsOf(friend)).toBe(0)
  const order = await friend.command('start', `j_${token}`)
  expect(payButton(order.message)).toBeDefined()
  expect(await chat.shop.group(groupId)).toMatchObject({ takenSeats: 2, paidSeats: 1 })
  expect(await chat.shop.stock(goods)).toMatchObject({ reserved: 2 })

  leader.expectSays(await leader.press({ do: 'group', groupId }), 'group.being-paid', { count: 1 })
})

test('a friend who has never bought is asked where to deliver, and then has the seat', async () => {
  const { groupId, token, pay } = await openGroup()
  await pay()
  const friend = chat.guest()
  friend.expectSays(await friend.command('start', `j_${token}`), 'delivery.ask-city')
  await friend.write('Казань')
  await friend.pressFirst('point')
  const order = await friend.write('89123456789')
  expect(payButton(order.message)).toBeDefined()
  expect(await chat.shop.group(groupId)).toMatchObject({ takenSeats: 2 })
})

test('who is in already is led to the group, not into a second seat', async () => {
  const { leader, groupId, token, pay } = await openGroup()
  await pay()
  const again = await leader.command('start', `j_${token}`)
  leader.expectSays(again, 'refusal.already-in')
  expect(intentOf(again.message, 'group')).toEqual({ do: 'group', groupId })
  expect(await chat.shop.group(groupId)).toMatchObject({ takenSeats: 1 })
})

test('a full group leads from the shared card to its page, where one can wait; a complete one is told of in a box', async () => {
  const { groupId, token, pay, leader } = await openGroup()
  await pay()
  const friend = await chat.buyer()
  await friend.command('start', `j_${token}`)
  const late = await chat.buyer()
  expect(await late.press({ do: 'join', groupId }, { place: 'shared' })).toEqual({ open: `j_${token}` })
  const full = await late.press({ do: 'join', groupId })
  late.expectSays(full, 'refusal.group-full')
  expect(intentOf(full.message, 'wait')).toEqual({ do: 'wait', groupId })
  expect(await seatsOf(late)).toBe(0)

  const { id } = await chat.shop.db.order.findFirstOrThrow({
    where: { personId: friend.personId, state: 'awaiting_payment' },
  })
  await chat.shop.pay(id)
  expect(await chat.shop.group(groupId)).toMatchObject({ state: 'formed' })
  expect(await late.press({ do: 'join', groupId }, { place: 'shared' })).toEqual({
    toast: late.say('refusal.group-full'),
    alert: true,
  })
  expect(intentsOf((await late.press({ do: 'join', groupId })).message).map((one) => one.do)).not.toContain('wait')
  const formed = await leader.press({ do: 'group', groupId })
  expect(textOf(formed.message)).toContain('2 из 2')
  expect(hasShare(formed.message)).toBe(false)
  expect(intentsOf((await late.inline(`g_${token}`)).cards[0]?.message)).toEqual([])
})

test('past the deadline nobody joins, and the page says that it is closing', async () => {
  const { groupId, token, pay } = await openGroup()
  await pay()
  chat.shop.pass(31 * 60_000)
  const late = await chat.buyer()
  late.expectSays(await late.command('start', `j_${token}`), 'refusal.group-over')
  const page = await late.press({ do: 'group', groupId })
  expect(textOf(page.message)).toContain('Срок истёк')
  expect(intentsOf(page.message).map((intent) => intent.do)).not.toContain('join')
})

test('an open group is offered on the page of its product, with an exact gap', async () => {
  const { goods, pay, groupId } = await openGroup({ size: 5 })
  await pay()
  const stranger = chat.guest()
  const { message } = await stranger.press({ do: 'product', productId: goods.productId })
  const group = await chat.shop.db.group.findUniqueOrThrow({ where: { id: groupId } })
  const params = { paid: 1, size: 5, count: 4, until: { at: group.deadlineAt } }
  stranger.expectSays(message, 'product.open-group', params)
  expect(intentOf(message, 'join')).toEqual({ do: 'join', groupId })
})

test('the page tells the gap on the join button and the deadline above it, in every language', async () => {
  const { goods, pay, groupId } = await openGroup({ size: 10 })
  await pay()
  const deadlineAt = new Date('2026-09-29T20:58:00Z')
  await chat.shop.db.group.update({ where: { id: groupId }, data: { deadlineAt } })
  const guest = chat.guest()
  for (const language of ['en', 'zh', 'ru'] as const) {
    await guest.press({ do: 'set-language', language })
    const { message } = await guest.press({ do: 'product', productId: goods.productId })
    const label = buttonsOf(message).find((button) => 'act' in button && button.act.startsWith('j.'))?.label
    expect(label).toContain('9')
    expect(textOf(message)).toContain('23:58')
  }
})

test('a chosen card of a group is followed from then on', async () => {
  const { leader, token, pay, groupId } = await openGroup()
  await pay()
  await leader.visit((visitor) => chat.front.onInlineChosen(visitor, `g_${token}`, 'i:abc'))
  expect(await chat.shop.db.liveCard.count({ where: { groupId, messageRef: 'i:abc' } })).toBe(1)
  for (const cardId of ['p_1', 'g_nobody', '', 'constructor']) {
    await leader.visit((visitor) => chat.front.onInlineChosen(visitor, cardId, 'i:none'))
  }
  expect(await chat.shop.db.liveCard.count({ where: { messageRef: 'i:none' } })).toBe(0)
})

test('members of a shop do not join its groups', async () => {
  const { goods, token, pay } = await openGroup()
  await pay()
  const member = await chat.buyer()
  await chat.shop.db.sellerMember.create({
    data: { sellerId: goods.sellerId, personId: member.personId, joinedAt: chat.shop.now },
  })
  member.expectSays(await member.command('start', `j_${token}`), 'refusal.own-shop')
  expect(await seatsOf(member)).toBe(0)
})

test('a card with the longest words and many members fits, in every language', async () => {
  const { groupId, leader, pay } = await openGroup()
  await pay()
  const found = await groupById(chat.shop.db, groupId)
  if (!found) throw new Error('the group is there')
  const group = {
    ...found,
    title: { ru: 'Ы'.repeat(250) },
    options: { ru: { цвет: 'щ'.repeat(250), размер: '🦊'.repeat(100) } },
    sellerName: 'Ш'.repeat(100),
    size: 10_000,
    takenSeats: 9_999,
    paidSeats: 9_000,
    members: Array.from({ length: 9_000 }, () => '🦊'.repeat(32)),
    price: 9_999_999_999_999n,
    alonePrice: 9_999_999_999_999n,
  }
  for (const state of ['open', 'formed', 'failed'] as const) {
    for (const language of languages) {
      const reader = { ...leader.reader, language }
      checkMessage(screenToMessage(sharedCard({ ...group, state }, reader), reader))
      const screen = await groupScreen({ deps: chat.shop.deps, reader }, leader.personId, { ...group, state })
      const message = screenToMessage(screen, reader)
      checkMessage(message)
      expect(textOf(message).includes('🦊…')).toBe(state !== 'failed')
    }
  }
})

test('hostile names on a card stay names', async () => {
  const goods = await chat.shop.goods({ size: 3 })
  const leader = await chat.buyer({ firstName: '<b>{{x}}</b> &amp; $t(group.open) \u202e🦊' })
  await leader.press({ do: 'buy-together', variantId: goods.variantId })
  const order = await chat.shop.db.order.findFirstOrThrow({
    where: { personId: leader.personId, state: 'awaiting_payment' },
  })
  await chat.shop.pay(order.id)
  const { groupId } = await chat.shop.db.seat.findUniqueOrThrow({ where: { orderId: order.id } })
  const { message } = await leader.press({ do: 'group', groupId })
  expect(textOf(message)).toContain('<b>{{x}}</b> &amp; $t(group.open) \u202e🦊')
})
