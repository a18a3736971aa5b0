/** Waiting for a seat as people see it: from the page, from a refusal, from a shared card; the offer; the end. */
import { expect, test } from 'vitest'
import { noticeScreen } from '#chat/notices.ts'
import { screenToMessage } from '#chat/text.ts'
import { languages } from '#domain/people.ts'
import { expireOrders } from '#shop/group-buy.ts'
import { moveLines } from '#shop/waiting.ts'
import { buttonsOf, checkMessage, intentOf, intentsOf, textOf, useChat, type Guest } from './support.ts'

const chat = useChat()
const minute = 60_000

async function fullGroup() {
  const { shop } = chat
  const goods = await shop.goods({ lifetimeMinutes: 600 })
  const { groupId } = await shop.openGroup(goods)
  const order = await shop.order(await shop.person(), { kind: 'join', groupId })
  const { token } = await shop.db.group.findUniqueOrThrow({ where: { id: groupId } })
  const title = { ru: 'Ы'.repeat(250) }
  await shop.db.product.update({ where: { id: goods.productId }, data: { title } })
  /** The unpaid seat is given up by the clock, and the line moves. */
  const free = async () => {
    shop.pass(15 * minute)
    await expireOrders(shop.db, shop.now)
    await moveLines(shop.db, shop.now)
  }
  return { goods, groupId, token, orderId: order.orderId, free }
}

async function noticeOf(guest: Guest, groupId: number) {
  const found = await chat.shop.db.notification.findMany({
    where: { personId: guest.personId },
    orderBy: { id: 'desc' },
  })
  const waiting = await chat.shop.db.waiting.findFirst({ where: { groupId, personId: guest.personId } })
  const kind = found[0]?.kind === 'wait-over' ? 'wait-over' : 'seat-offered'
  const notice =
    kind === 'wait-over'
      ? ({ kind, data: { groupId } } as const)
      : ({ kind, data: { groupId, waitingId: waiting?.id ?? 0 } } as const)
  const told = await noticeScreen(notice, guest.personId, { ...guest.reader, now: chat.shop.now }, chat.shop.deps)
  return { kind: found[0]?.kind, told }
}

const doesOf = (answer: Parameters<typeof intentsOf>[0]) => intentsOf(answer).map((intent) => intent.do)

test('a full group offers to wait wherever one comes to it, and says one’s exact place', async () => {
  const { groupId, token } = await fullGroup()
  const anna = await chat.buyer({ firstName: 'Анна' })
  const boris = await chat.buyer({ firstName: 'Борис' })
  const card = (await anna.inline(`g_${token}`)).cards[0]?.message
  expect(buttonsOf(card)).toMatchObject([{ label: anna.say('button.wait') }])
  const page = await anna.command('start', `g_${token}`)
  anna.expectSays(page, 'waiting.possible', { minutes: 15 })
  const waits = await anna.press(intentOf(page.message, 'wait'))
  anna.expectSays(waits, 'waiting.place', { place: 1, minutes: 15 })
  expect(doesOf(waits.message)).toContain('leave-line')
  expect(doesOf(waits.message)).not.toContain('join')

  const refused = await boris.command('start', `j_${token}`)
  boris.expectSays(refused, 'refusal.group-full')
  boris.expectSays(await boris.press(intentOf(refused.message, 'wait')), 'waiting.place', { place: 2, minutes: 15 })
  // Pressing *Join* on an old card: their place, not a refusal.
  boris.expectSays(await boris.press({ do: 'join', groupId }), 'waiting.place', { place: 2, minutes: 15 })

  const left = await anna.press({ do: 'leave-line', groupId })
  expect(left.toast).toBe(anna.say('waiting.left'))
  anna.expectSays(left, 'waiting.possible', { minutes: 15 })
  boris.expectSays(await boris.press({ do: 'group', groupId }), 'waiting.place', { place: 1, minutes: 15 })
  expect((await anna.press({ do: 'leave-line', groupId })).toast).toBeUndefined()
})

test('the first in line is told of the seat and joins by one tap; the next is told when it is over', async () => {
  const { goods, groupId, free } = await fullGroup()
  const [anna, boris] = [await chat.buyer(), await chat.buyer()]
  for (const guest of [anna, boris]) await guest.press({ do: 'wait', groupId })
  await free()
  const { told, kind } = await noticeOf(anna, groupId)
  expect(kind).toBe('seat-offered')
  if (!told) throw new Error('the offer is told')
  for (const language of languages) {
    const message = screenToMessage(told.screen, { ...anna.reader, language, now: chat.shop.now })
    checkMessage(message)
    expect(doesOf(message)).toEqual(['join', 'leave-line', 'product', 'home'])
    expect(textOf(message)).not.toMatch(/(notice|group)\.[a-z]/)
  }
  expect((await noticeOf(boris, groupId)).told).toBeUndefined()
  const until = { at: new Date(chat.shop.now.getTime() + 15 * minute) }
  anna.expectSays(await anna.press({ do: 'group', groupId }), 'waiting.offered', { until })

  const order = await anna.press({ do: 'join', groupId })
  expect(buttonsOf(order.message).some((button) => 'pay' in button)).toBe(true)
  expect((await noticeOf(anna, groupId)).told).toBeUndefined()
  boris.expectSays(await boris.press({ do: 'join', groupId }), 'waiting.place', { place: 1, minutes: 15 })

  const { id } = await chat.shop.db.order.findFirstOrThrow({ where: { personId: anna.personId } })
  await chat.shop.pay(id)
  await moveLines(chat.shop.db, chat.shop.now)
  const over = await noticeOf(boris, groupId)
  expect(over.kind).toBe('wait-over')
  if (!over.told) throw new Error('the end is told')
  for (const language of languages) {
    const message = screenToMessage(over.told.screen, { ...boris.reader, language, now: chat.shop.now })
    checkMessage(message)
    expect(intentOf(message, 'product')).toEqual({ do: 'product', productId: goods.productId })
  }
  const late = await boris.press({ do: 'wait', groupId })
  expect(late).toMatchObject({ toast: boris.say('refusal.group-full'), alert: true })
})

test('a newcomer who is offered a seat says where they live first, and has it then', async () => {
  const { groupId, free } = await fullGroup()
  const newcomer = chat.guest()
  await newcomer.press({ do: 'wait', groupId })
  await free()
  newcomer.expectSays(await newcomer.press({ do: 'join', groupId }), 'delivery.ask-city')
  await newcomer.write('Казань')
  await newcomer.pressFirst('point')
  const order = await newcomer.write('89123456789')
  expect(buttonsOf(order.message).some((button) => 'pay' in button)).toBe(true)
  expect(await chat.shop.db.seat.findFirst({ where: { personId: newcomer.personId } })).toMatchObject({ via: 'offer' })
})

test('an offer that ran out is not offered any more, before and after the clock comes by', async () => {
  const { groupId, free } = await fullGroup()
  const guest = await chat.buyer()
  await guest.press({ do: 'wait', groupId })
  await free()
  chat.shop.pass(15 * minute)
  const page = await guest.press({ do: 'group', groupId })
  guest.expectSays(page, 'waiting.passed')
  expect(doesOf(page.message)).not.toContain('join')
  expect((await noticeOf(guest, groupId)).told).toBeUndefined()
  guest.expectSays(await guest.press({ do: 'join', groupId }), 'waiting.passed')
  await moveLines(chat.shop.db, chat.shop.now)
  // Nobody else waited: it is anybody's.
  expect(doesOf((await guest.press({ do: 'group', groupId })).message)).toContain('join')
})

test('old and forged buttons say why not', async () => {
  const { groupId, goods } = await fullGroup()
  const guest = await chat.buyer()
  guest.expectSays(await guest.press({ do: 'wait', groupId: 2_000_000_000 }), 'confused.not-found')
  guest.expectSays(await guest.press({ do: 'leave-line', groupId: 2_000_000_000 }), 'confused.not-found')
  const draft = await chat.shop.order(await chat.shop.person(), { kind: 'own-group', variantId: goods.variantId })
  const unpaid = draft.seat?.groupId ?? 0
  guest.expectSays(await guest.press({ do: 'wait', groupId: unpaid }), 'confused.not-found')
  guest.expectSays(await guest.press({ do: 'leave-line', groupId: unpaid }), 'confused.not-found')
  const { leaderId } = await chat.shop.db.group.findUniqueOrThrow({ where: { id: groupId } })
  await chat.shop.db.sellerMember.create({
    data: { sellerId: goods.sellerId, personId: guest.personId, joinedAt: chat.shop.now },
  })
  expect(leaderId).not.toBe(guest.personId)
  const own = await guest.press({ do: 'wait', groupId })
  expect(own).toMatchObject({ toast: guest.say('refusal.own-shop'), alert: true })
  // On somebody else's card nothing but joining makes sense.
  expect(await guest.press({ do: 'wait', groupId }, { place: 'shared' })).toEqual({ open: 'home' })
  expect(await chat.shop.db.waiting.count({ where: { groupId } })).toBe(0)
})
