/** Reminders as they are read: the exact gap, the deadline, the way on; nothing when it is settled meanwhile. */
import { expect, test } from 'vitest'
import { noticeScreen } from '#chat/notices.ts'
import { say, screenToMessage, type Reader } from '#chat/text.ts'
import { languages } from '#domain/people.ts'
import { cancelOrder } from '#shop/orders.ts'
import { closeDueGroups } from '#shop/group-buy.ts'
import type { Notice } from '#shop/notifications.ts'
import { remind } from '#shop/reminders.ts'
import type { GoodsOptions } from '../shop/support.ts'
import { buttonsOf, checkMessage, intentOf, intentsOf, textOf, useChat, type Guest } from './support.ts'

const chat = useChat()
const minute = 60_000

const doesOf = (message: Parameters<typeof intentsOf>[0]) => intentsOf(message).map((intent) => intent.do)
const hasShare = (message: Parameters<typeof buttonsOf>[0]) => buttonsOf(message).some((one) => 'share' in one)

/** An open group of a leader who talks to the bot. */
async function group(of: GoodsOptions = {}, firstName = 'Мария') {
  const { shop } = chat
  const goods = await shop.goods({ size: 3, ...of })
  const leader = await chat.buyer({ firstName })
  const { groupId, orderId } = await shop.openGroup(goods, leader.personId)
  await shop.runJobs()
  const { token, deadlineAt } = await shop.db.group.findUniqueOrThrow({ where: { id: groupId } })
  return { goods, leader, groupId, orderId, token, deadlineAt }
}

/** What was sent to somebody since, by the real queue and outbox. */
async function sentTo(guest: Guest, work: () => Promise<unknown>) {
  const before = chat.shop.sent.length
  await work()
  await chat.shop.runJobs()
  return chat.shop.sent.slice(before).flatMap(({ to, message }) => (to === guest.sender.externalId ? [message] : []))
}

async function told(notice: Notice, personId: number, language: Reader['language'] = 'ru') {
  const reader: Reader = { language, timeZone: 'Europe/Moscow', now: chat.shop.now }
  const outcome = await noticeScreen(notice, personId, reader, chat.shop.deps)
  const message = outcome && screenToMessage(outcome.screen, reader)
  if (message) checkMessage(message)
  return message
}

const tick = () => remind(chat.shop.db, chat.shop.now)

test.each([
  { languageCode: 'ru', words: 'Группе не хватает 2 оплаченных мест, это место тоже считается' },
  { languageCode: 'en', words: 'The group lacks 2 paid seats, this one included' },
])('a held seat: its end, the gap of the group and the pay button, once ($languageCode)', async (of) => {
  const { groupId, deadlineAt } = await group({ lifetimeMinutes: 600 })
  const boris = await chat.buyer({ firstName: 'Борис', languageCode: of.languageCode })
  const { orderId, expiresAt } = await chat.shop.order(boris.personId, { kind: 'join', groupId })
  chat.shop.pass(11 * minute)
  const sent = await sentTo(boris, () => Promise.all([tick(), tick()]))
  expect(sent).toHaveLength(1)
  const [message] = sent
  checkMessage(message ?? boris.last)
  boris.expectSays(message, 'notice.seat-reminder', { until: { at: expiresAt } })
  boris.expectSays(message, 'group.lacks', { count: 2, until: { at: deadlineAt } })
  expect(textOf(message)).toContain(of.words)
  expect(buttonsOf(message).some((button) => 'pay' in button)).toBe(true)
  expect(intentOf(message, 'ask-friend')).toEqual({ do: 'ask-friend', orderId })
  boris.expectSays(message, 'group.stop-point')
  expect(await sentTo(boris, tick)).toEqual([])
})

test('a seat paid for between the mark and the message is not reminded of', async () => {
  const { groupId } = await group({ lifetimeMinutes: 600 })
  const boris = await chat.buyer()
  const { orderId } = await chat.shop.order(boris.personId, { kind: 'join', groupId })
  chat.shop.pass(11 * minute)
  expect(await tick()).toBeGreaterThan(0)
  await chat.shop.pay(orderId)
  const sent = await sentTo(boris, async () => undefined)
  expect(sent.map(textOf).join()).not.toContain('⏰')
  const where = { personId: boris.personId, kind: 'seat-reminder' }
  expect(await chat.shop.db.notification.findFirst({ where })).toMatchObject({ state: 'dropped' })
})

test.each([
  { languageCode: 'ru', words: 'Вашей группе не хватает 2 человек' },
  { languageCode: 'en', words: 'Your group needs 2 more people' },
])('the leader: the exact gap, the deadline and whom to send it to, once ($languageCode)', async (of) => {
  const { leader, deadlineAt, token } = await group()
  await leader.press({ do: 'set-language', language: of.languageCode === 'en' ? 'en' : 'ru' })
  await chat.shop.runJobs()
  chat.shop.pass(21 * minute)
  const sent = await sentTo(leader, () => Promise.all([tick(), tick()]))
  expect(sent).toHaveLength(1)
  leader.expectSays(sent[0], 'notice.group-reminder', { count: 2, until: { at: deadlineAt } })
  expect(textOf(sent[0])).toContain(of.words)
  expect(buttonsOf(sent[0])).toContainEqual(expect.objectContaining({ share: `g_${token}` }))
  expect(await sentTo(leader, tick)).toEqual([])
})

test('with every seat held, the leader is told that payments are missing and can make those that were asked for', async () => {
  const { leader, groupId, deadlineAt } = await group({ size: 2 })
  chat.shop.pass(20 * minute)
  const boris = await chat.buyer({ firstName: 'Борис' })
  const { seat, orderId } = await chat.shop.order(boris.personId, { kind: 'join', groupId })
  await chat.shop.runJobs()
  await boris.press({ do: 'ask-friend', orderId })
  const [message] = await sentTo(leader, tick)
  leader.expectSays(message, 'notice.group-reminder-held', { count: 1, until: { at: deadlineAt } })
  expect(hasShare(message)).toBe(false)
  expect(intentOf(message, 'pay-for')).toEqual({ do: 'pay-for', seatId: seat?.seatId })
  const page = await leader.press(intentOf(message, 'pay-for'))
  leader.expectSays(page, 'friend.title', { name: 'Борис' })
})

test('no leader is told of a gap that is closed, of a group that is over, or that they left', async () => {
  const { leader, groupId, orderId } = await group()
  const notice: Notice = { kind: 'group-reminder', data: { groupId } }
  for (const language of languages) expect(await told(notice, leader.personId, language)).toBeDefined()
  expect(await told(notice, (await chat.buyer()).personId)).toBeUndefined()
  await chat.shop.db.group.update({ where: { id: groupId }, data: { toppedUp: 2 } })
  expect(await told(notice, leader.personId)).toBeUndefined()
  await chat.shop.db.group.update({ where: { id: groupId }, data: { toppedUp: 0 } })
  const wish = { personId: leader.personId, orderId, isPaid: true, now: chat.shop.now }
  expect(await cancelOrder(chat.shop.db, wish, chat.shop.deps.carrier)).toMatchObject({ ok: true })
  expect(await told(notice, leader.personId)).toBeUndefined()
})

test('the same team: from the page of a group that formed, a new one, and the others are told who and what', async () => {
  const { shop } = chat
  const { goods, leader, groupId: former } = await group({ size: 2, lifetimeMinutes: 600 })
  const boris = await chat.buyer({ firstName: 'Борис', languageCode: 'en' })
  await shop.pay((await shop.order(boris.personId, { kind: 'join', groupId: former })).orderId)
  await shop.runJobs()
  const page = await leader.press({ do: 'group', groupId: former })
  const order = await leader.press(intentOf(page.message, 'again'))
  expect(buttonsOf(order.message).some((button) => 'pay' in button)).toBe(true)
  const draft = await shop.db.group.findFirstOrThrow({ where: { formerId: former } })
  const notice: Notice = { kind: 'group-again', data: { groupId: draft.id } }
  expect(await told(notice, boris.personId)).toBeUndefined()
  const { orderId } = await shop.db.seat.findFirstOrThrow({ where: { groupId: draft.id } })
  const sent = await sentTo(boris, () => shop.pay(orderId))
  expect(sent).toHaveLength(1)
  const { title } = await shop.db.product.findUniqueOrThrow({ where: { id: goods.productId } })
  const params = { name: 'Мария', title: (title as { en: string }).en, count: 1, until: { at: draft.deadlineAt } }
  boris.expectSays(sent[0], 'notice.group-again', params)
  for (const language of languages) expect(doesOf(await told(notice, boris.personId, language))).toContain('join')
  await boris.press(intentOf(sent[0], 'join'))
  expect(await shop.group(draft.id)).toMatchObject({ takenSeats: 2 })
  // They are in: there is nothing to tell any more; nor when the group is over.
  expect(await told(notice, boris.personId)).toBeUndefined()
  await shop.db.group.update({ where: { id: draft.id }, data: { state: 'failed', closedAt: shop.now } })
  expect(await told(notice, (await chat.buyer()).personId)).toBeUndefined()
})

test('a forged button for somebody else’s team changes nothing', async () => {
  const { goods, groupId } = await group()
  const thief = await chat.buyer()
  const refused = await thief.press({ do: 'again', groupId, variantId: goods.variantId })
  thief.expectSays(refused, 'refusal.not-found')
  expect(await chat.shop.db.seat.count({ where: { personId: thief.personId } })).toBe(0)
})

/** A group that failed, paid for in a way; other open groups of the same goods. */
async function failed(method: 'card' | 'sbp', of: GoodsOptions = {}) {
  const { shop } = chat
  const made = await group({ size: 4, terms: { paymentMethods: [method] }, ...of })
  shop.pass(25 * minute)
  const near = await shop.openGroup(made.goods)
  if (of.group?.isPublic !== false)
    await shop.pay((await shop.order(await shop.person(), { kind: 'join', groupId: near.groupId })).orderId)
  const far = await shop.openGroup(made.goods)
  shop.pass(6 * minute)
  await closeDueGroups(shop.db, shop.now)
  return { ...made, near, far }
}

test.each(['card', 'sbp'] as const)(
  'a group that failed (%s): told at once and when the money is back, each time with where to try again',
  async (method) => {
    const { shop } = chat
    const { goods, leader, orderId, near, far } = await failed(method)
    const title = { ru: 'Ы'.repeat(250), en: 'W'.repeat(250) }
    await shop.db.product.update({ where: { id: goods.productId }, data: { title } })
    const messages = await sentTo(leader, () => shop.settle())
    const back = method === 'card' ? 'money-released' : 'refund-done'
    expect(messages).toHaveLength(2)
    const where = { personId: leader.personId, kind: { in: ['group-failed', back] } }
    const kinds = await shop.db.notification.findMany({ where, orderBy: { id: 'asc' } })
    expect(kinds.map(({ kind }) => kind)).toEqual(['group-failed', back])
    for (const { kind, data } of kinds) {
      for (const language of languages) {
        const message = await told({ kind, data } as Notice, leader.personId, language)
        const reader: Reader = { language, timeZone: 'Europe/Moscow', now: shop.now }
        expect(textOf(message)).toContain(
          textOf(screenToMessage({ lines: [{ key: 'try-again.title' }], rows: [] }, reader)),
        )
        const price = { money: { amount: 100_000n, currency: 'RUB' } }
        const { deadlineAt } = await shop.db.group.findUniqueOrThrow({ where: { id: near.groupId } })
        const params = { count: 2, price, until: { at: deadlineAt } }
        expect(textOf(message)).toContain(say('choice.group', reader, params))
        expect(textOf(message)).toContain(say('choice.own', reader, { count: 4, price }))
        const joins = intentsOf(message).filter((intent) => intent.do === 'join')
        // The nearest to completion first.
        expect(joins).toEqual([
          { do: 'join', groupId: near.groupId },
          { do: 'join', groupId: far.groupId },
        ])
        expect(intentOf(message, 'buy-together')).toEqual({ do: 'buy-together', variantId: goods.variantId })
      }
    }
    const again = await leader.press({ do: 'join', groupId: near.groupId })
    leader.expectSays(again, 'group.stop-point')
    // Of that group they are a member now: it is not offered once more.
    const notice = { kind: 'group-failed', data: { groupId: 0, orderId } } as const
    const { groupId } = await shop.db.seat.findUniqueOrThrow({ where: { orderId } })
    const later = await told({ ...notice, data: { groupId, orderId } }, leader.personId)
    expect(intentsOf(later).filter((intent) => intent.do === 'join')).toEqual([{ do: 'join', groupId: far.groupId }])
  },
)

test('no try is offered where there is none: sold out, by invitation only and over, or left of their own accord', async () => {
  const { shop } = chat
  const hidden = await failed('card', { group: { isPublic: false } })
  const notice = (of: { groupId: number; orderId: number }): Notice => ({
    kind: 'group-failed',
    data: { groupId: of.groupId, orderId: of.orderId },
  })
  const own = await told(notice(hidden), hidden.leader.personId)
  expect(doesOf(own)).not.toContain('join')
  expect(doesOf(own)).toContain('buy-together')
  await shop.db.campaign.update({ where: { id: hidden.goods.campaignId }, data: { endsAt: shop.now } })
  expect(textOf(await told(notice(hidden), hidden.leader.personId))).not.toContain('ещё раз')
  const sold = await failed('card')
  await shop.db.stockLevel.updateMany({ where: { variantId: sold.goods.variantId }, data: { onHand: 4 } })
  await shop.db.$executeRaw`UPDATE stock_level SET on_hand = reserved WHERE variant_id = ${sold.goods.variantId}`
  expect(doesOf(await told(notice(sold), sold.leader.personId))).toEqual(['order', 'product', 'home'])

  const left = await group({ lifetimeMinutes: 600 })
  const wish = { personId: left.leader.personId, orderId: left.orderId, isPaid: true, now: shop.now }
  await cancelOrder(shop.db, wish, shop.deps.carrier)
  await shop.runJobs()
  const back = await told(
    { kind: 'money-released', data: { orderId: left.orderId, late: false } },
    left.leader.personId,
  )
  expect(doesOf(back)).toEqual(['product', 'story', 'order', 'home'])
})
