/** A friend pays, as people see it: from the order's page to a card in any chat, to the payment page, and back. */
import { expect, test } from 'vitest'
import { closeDueGroups, expireOrders } from '#shop/group-buy.ts'
import { kazan, type GoodsOptions } from '../shop/support.ts'
import { buttonsOf, intentOf, intentsOf, textOf, useChat } from './support.ts'
import type { Message } from '#chat/screen.ts'

const chat = useChat()
const minute = 60_000

async function heldSeat(of: GoodsOptions = {}) {
  const { shop } = chat
  const goods = await shop.goods({ size: 3, lifetimeMinutes: 600, ...of })
  const leader = await chat.buyer({ firstName: 'Мария' })
  const { groupId } = await shop.openGroup(goods, leader.personId)
  const { token, deadlineAt } = await shop.db.group.findUniqueOrThrow({ where: { id: groupId } })
  const boris = await chat.buyer({ firstName: 'Борис' })
  const page = await boris.command('start', `j_${token}`)
  const {
    id: orderId,
    number,
    total,
    expiresAt,
  } = await shop.db.order.findFirstOrThrow({
    where: { personId: boris.personId, state: 'awaiting_payment' },
  })
  await shop.runJobs()
  const sum = { money: { amount: total, currency: 'RUB' } }
  return { goods, leader, groupId, boris, page, orderId, number, sum, deadlineAt, expiresAt }
}

const shareOf = (message: Message | undefined) =>
  buttonsOf(message).flatMap((one) => ('share' in one ? [one.share] : []))
const payOf = (message: Message | undefined) => buttonsOf(message).find((one) => 'pay' in one)
const startOf = (message: Message | undefined) =>
  buttonsOf(message).flatMap((one) => ('start' in one ? [one.start] : []))

function expectsNoSecrets(message: Message | undefined, number: string) {
  const all = JSON.stringify(message)
  for (const secret of [kazan.phone, kazan.name, kazan.cityName, kazan.pickupPointText, kazan.pickupPointCode, number])
    expect(all).not.toContain(secret)
}

test.each(['ru', 'en'])('from the order’s page to a friend’s money, told at once (%s)', async (languageCode) => {
  const { shop } = chat
  const { boris, page, orderId, number, sum, deadlineAt, expiresAt, groupId, goods } = await heldSeat()
  await boris.press({ do: 'set-language', language: languageCode === 'en' ? 'en' : 'ru' })
  boris.expectSays(await boris.press({ do: 'order', orderId }), 'group.stop-point')
  const asked = await boris.press(intentOf(page.message, 'ask-friend'))
  boris.expectSays(asked, 'friend.ask', { until: { at: expiresAt } })
  boris.expectSays(asked, 'friend.ask-told')
  boris.expectSays(asked, 'friend.ask-back')
  const [share = ''] = shareOf(asked.message)
  expect(share).toMatch(/^f_[A-Za-z0-9_-]{10,60}$/)

  // The button types this after the bot's name, in any chat.
  const { cards } = await boris.inline(share)
  expect(cards).toHaveLength(1)
  const card = cards[0]?.message
  expectsNoSecrets(card, number)
  // It stays where it is posted, and as it is: nothing in it becomes untrue.
  boris.expectSays(card, 'friend.open')
  for (const passing of ['К оплате', 'To pay', boris.say('friend.sum', { total: sum, until: { at: expiresAt } })])
    expect(textOf(card)).not.toContain(passing)
  expect(intentsOf(card)).toEqual([])
  expect(startOf(card)).toEqual([share])

  const friend = chat.guest({ firstName: 'Вера', languageCode })
  const seen = await friend.command('start', startOf(card)[0] ?? '')
  expectsNoSecrets(seen.message, number)
  friend.expectSays(seen, 'friend.title', { name: 'Борис' })
  friend.expectSays(seen, 'friend.sum', { total: sum, until: { at: expiresAt } })
  friend.expectSays(seen, 'group.lacks', { count: 2, until: { at: deadlineAt } })
  friend.expectSays(seen, 'friend.back-card')
  friend.expectSays(seen, 'friend.told')
  const pay = payOf(seen.message)
  expect(pay && 'pay' in pay ? pay.pay : '').toContain(await shop.externalIdOf(orderId))

  const before = shop.sent.length
  await shop.pay(orderId)
  await shop.runJobs()
  const sent = shop.sent.slice(before).filter(({ to }) => to === boris.sender.externalId)
  expect(sent).toHaveLength(1)
  boris.expectSays(sent[0]?.message, 'notice.seat-paid')
  boris.expectSays(sent[0]?.message, 'money.held-group', { sum })

  const back = await friend.command('start', `b_${orderId.toString(36)}`)
  friend.expectSays(back, 'friend.thanks')
  expectsNoSecrets(back.message, number)
  const done = await friend.command('start', share)
  friend.expectSays(done, 'friend.paid')
  expect(payOf(done.message)).toBeUndefined()
  friend.expectSays((await friend.inline(share)).cards[0]?.message, 'friend.paid')
  // The friend has bought nothing, sits nowhere and is asked for nothing.
  expect(await shop.db.order.count({ where: { personId: friend.personId } })).toBe(0)

  const last = await shop.order(await shop.person(), { kind: 'join', groupId })
  await shop.pay(last.orderId)
  expect(await shop.group(groupId)).toMatchObject({ state: 'formed' })
  await shop.settle()
  const told = shop.sent.slice(before).filter(({ to }) => to === boris.sender.externalId)
  const texts = told.map(({ message }) => textOf(message)).join('\n')
  expect(texts).toContain(boris.say('notice.group-formed'))
  expect(await shop.stock(goods)).toMatchObject({ reserved: 0, onHand: 97 })
})

test('a group that fails: the friend reads that the money goes back to where they paid from, and the buyer when it has', async () => {
  const { shop } = chat
  const { boris, page, orderId, groupId, number, sum } = await heldSeat({
    lifetimeMinutes: 60,
    terms: { paymentMethods: ['sbp'] },
  })
  const [share = ''] = shareOf((await boris.press(intentOf(page.message, 'ask-friend'))).message)
  const friend = chat.guest({ firstName: 'Вера' })
  friend.expectSays(await friend.command('start', share), 'friend.back-charge')
  await shop.pay(orderId)
  shop.pass(61 * minute)
  await closeDueGroups(shop.db, shop.now)
  friend.expectSays(await friend.command('start', share), 'friend.over')
  const before = shop.sent.length
  await shop.settle()
  expect(await shop.group(groupId)).toMatchObject({ state: 'failed' })
  const told = shop.sent.slice(before).filter(({ to }) => to === boris.sender.externalId)
  const reason = { key: 'reason.group-failed' } as const
  const text = told.map(({ message }) => textOf(message)).join('\n')
  expect(text).toContain(boris.say('notice.refund-done', { sum, number, reason }))
  expect((await shop.refunds()).filter(({ status }) => status === 'succeeded').length).toBeGreaterThan(0)
})

test('too late, and elsewhere: what the link says then', async () => {
  const { shop } = chat
  const { boris, page, orderId, groupId } = await heldSeat({ size: 2 })
  const [share = ''] = shareOf((await boris.press(intentOf(page.message, 'ask-friend'))).message)
  const friend = chat.guest()
  shop.pass(16 * minute)
  friend.expectSays(await friend.command('start', share), 'friend.over')
  await expireOrders(shop.db, shop.now)
  const over = await friend.command('start', share)
  friend.expectSays(over, 'friend.over')
  expect(payOf(over.message)).toBeUndefined()
  await shop.pay((await shop.order(await shop.person(), { kind: 'join', groupId })).orderId)
  await shop.pay(orderId)
  friend.expectSays(await friend.command('start', share), 'friend.late')
  friend.expectSays((await friend.inline(share)).cards[0]?.message, 'friend.late')
})

test('the buyer who opens their own link is led to the order; forged links and old buttons change nothing', async () => {
  const { shop } = chat
  const { boris, page, orderId, number } = await heldSeat()
  const [share = ''] = shareOf((await boris.press(intentOf(page.message, 'ask-friend'))).message)
  boris.expectSays(await boris.command('start', share), 'order.title', { number })
  const thief = await chat.buyer()
  for (const forged of ['f_x', `${share}x`, `f_${orderId.toString(36)}`, 'f_constructor']) {
    thief.expectSays(await thief.command('start', forged), 'confused.link')
    expect((await thief.inline(forged)).cards.map(({ id }) => id)).toEqual(['shop'])
  }
  thief.expectSays(await thief.press({ do: 'ask-friend', orderId }), 'confused.not-found')
  thief.expectSays(await thief.press({ do: 'friend-pay', token: 'nothing' }), 'confused.link')
  // What is held for somebody is no way to their order.
  thief.expectSays(await thief.press({ do: 'order', orderId }), 'confused.not-found')
  await shop.pay(orderId)
  boris.expectSays(await boris.press({ do: 'ask-friend', orderId }), 'order.title', { number })
})

test('a member pays for another from the group’s own page; nobody from elsewhere does', async () => {
  const { shop } = chat
  const { leader, boris, groupId, orderId, number } = await heldSeat()
  const { id: seatId } = await shop.db.seat.findUniqueOrThrow({ where: { orderId } })
  const label = leader.say('button.pay-for', { name: 'Борис' })
  const before = await leader.press({ do: 'group', groupId })
  expect(buttonsOf(before.message).map((one) => one.label)).not.toContain(label)
  leader.expectSays(await leader.press({ do: 'pay-for', seatId }), 'confused.not-found')
  await boris.press({ do: 'ask-friend', orderId })
  const page = await leader.press({ do: 'group', groupId })
  expect(buttonsOf(page.message).map((one) => one.label)).toContain(label)
  const seat = await leader.press(intentOf(page.message, 'pay-for'))
  leader.expectSays(seat, 'friend.title', { name: 'Борис' })
  expectsNoSecrets(seat.message, number)
  expect(payOf(seat.message)).toBeDefined()

  const strange = await heldSeat()
  for (const stranger of [strange.leader, strange.boris, chat.guest()]) {
    stranger.expectSays(await stranger.press({ do: 'pay-for', seatId }), 'confused.not-found')
  }
  const gone = await leader.press({ do: 'pay-for', seatId: 2_000_000_000 })
  leader.expectSays(gone, 'confused.not-found')
})

test('a declined page is made anew for whoever opens the link', async () => {
  const { shop } = chat
  const { boris, page, orderId } = await heldSeat()
  const [share = ''] = shareOf((await boris.press(intentOf(page.message, 'ask-friend'))).message)
  await shop.hint(await shop.atProvider(orderId, 'declined'))
  const friend = chat.guest()
  expect(payOf((await friend.command('start', share)).message)).toBeDefined()
  await shop.pay(orderId)
  friend.expectSays(await friend.command('start', share), 'friend.paid')
})

test('a provider that is silent: the page is coming, and the refresh button finds it', async () => {
  const { shop } = chat
  const { boris, page, orderId } = await heldSeat()
  const [share = ''] = shareOf((await boris.press(intentOf(page.message, 'ask-friend'))).message)
  await shop.db.payment.updateMany({ where: { orderId }, data: { confirmationUrl: null } })
  const friend = chat.guest()
  const coming = await friend.command('start', share)
  friend.expectSays(coming, 'order.page-coming')
  expect(intentOf(coming.message, 'friend-pay')).toEqual({ do: 'friend-pay', token: share.slice(2) })
  await shop.db.payment.updateMany({ where: { orderId }, data: { confirmationUrl: 'https://pay.example/1' } })
  expect(payOf((await friend.pressFirst('friend-pay')).message)).toBeDefined()
})

test('a shop that takes money at the door only does not offer to ask a friend, and a forged button is told why', async () => {
  const { shop } = chat
  const goods = await shop.goods({ terms: { paymentMethods: ['on-delivery'], onDeliveryForGroups: true } })
  const boris = await chat.buyer()
  const page = await boris.press({ do: 'buy-together', variantId: goods.variantId })
  expect(intentsOf(page.message).map((intent) => intent.do)).not.toContain('ask-friend')
  const { id: orderId } = await shop.db.order.findFirstOrThrow({ where: { personId: boris.personId } })
  const refused = await boris.press({ do: 'ask-friend', orderId })
  expect(refused).toMatchObject({ toast: boris.say('friend.no-way'), alert: true })
})

test('the stop point is said before paying, wherever one chooses, joins, pays or is in', async () => {
  const { shop } = chat
  const goods = await shop.goods({ size: 3, group: { maxUnits: 2, mixesOptions: true } })
  const leader = await chat.buyer()
  leader.expectSays(await leader.press({ do: 'buy-together', variantId: goods.variantId }), 'group.stop-point')
  leader.expectSays(await leader.pressFirst('together-as'), 'group.stop-point')
  const { id, seat } = await shop.db.order.findFirstOrThrow({
    where: { personId: leader.personId },
    include: { seat: true },
  })
  await shop.pay(id)
  const groupId = seat?.groupId ?? 0
  leader.expectSays(await leader.press({ do: 'group', groupId }), 'group.stop-point')

  const visitor = await chat.buyer()
  visitor.expectSays(await visitor.press({ do: 'group', groupId }), 'group.stop-point')
  visitor.expectSays(await visitor.press({ do: 'join', groupId }), 'group.stop-point')
  const options = await visitor.press({ do: 'group-options', groupId, page: 0 })
  visitor.expectSays(options, 'group.choose-option')
  expect(textOf(options.message)).toContain('пока место не оплачено')
  const order = await visitor.press({ do: 'join-as', groupId, variantId: 0, units: 1 })
  visitor.expectSays(order, 'group.stop-point')
})
