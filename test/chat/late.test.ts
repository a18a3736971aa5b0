/** A late payer's three buttons: in the message that asks, on the order's screen, and what they answer. */
import { expect, test } from 'vitest'
import { noticeScreen } from '#chat/notices.ts'
import { screenToMessage } from '#chat/text.ts'
import { languages } from '#domain/people.ts'
import { expireOrders } from '#shop/group-buy.ts'
import { buttonsOf, checkMessage, intentOf, intentsOf, textOf, useChat } from './support.ts'

const chat = useChat()
const minute = 60_000

/** Somebody who paid after their seat had gone to another, with another group open beside. */
async function latePayer() {
  const { shop } = chat
  const goods = await shop.goods({ size: 2, lifetimeMinutes: 600 })
  const { groupId } = await shop.openGroup(goods)
  const guest = await chat.buyer({ firstName: 'Вера' })
  const { orderId } = await shop.order(guest.personId, { kind: 'join', groupId })
  shop.pass(16 * minute)
  await expireOrders(shop.db, shop.now)
  await shop.pay((await shop.order(await shop.person(), { kind: 'join', groupId })).orderId)
  const open = await shop.openGroup(goods)
  await shop.pay(orderId)
  return { goods, guest, orderId, groupId: open.groupId }
}

test('the message names what can be chosen, with gap, price and end, and fits in every language', async () => {
  const { goods, guest, orderId, groupId } = await latePayer()
  const title = { ru: 'Ы'.repeat(250) }
  await chat.shop.db.product.update({ where: { id: goods.productId }, data: { title } })
  for (const language of languages) {
    const reader = { ...guest.reader, language, now: chat.shop.now }
    const told = await noticeScreen({ kind: 'late-choice', data: { orderId } }, guest.personId, reader, chat.shop.deps)
    if (!told) throw new Error('there is something to choose')
    expect(told.follows).toEqual({ orderId })
    const message = screenToMessage(told.screen, reader)
    checkMessage(message)
    expect(textOf(message)).not.toMatch(/(choice|notice)\./)
    expect(intentsOf(message).slice(0, 3)).toEqual([
      { do: 'choose-group', orderId, groupId },
      { do: 'choose-own', orderId },
      { do: 'choose-back', orderId },
    ])
    const [first, own, back] = buttonsOf(message).map(({ label }) => label.replaceAll(/\s/g, ' '))
    expect(first).toMatch(/1.*1[ ,]?000/)
    expect(own).toMatch(/1[ ,]?000/)
    expect(back).toMatch(/\d/)
  }
})

test("the order shows the same until it is chosen; another's order shows nothing, and a stranger chooses nothing", async () => {
  const { guest, orderId, groupId } = await latePayer()
  const page = await guest.press({ do: 'order', orderId })
  guest.expectSays(page, 'order.state.awaiting-choice')
  expect(
    intentsOf(page.message)
      .slice(0, 3)
      .map((intent) => intent.do),
  ).toEqual(['choose-group', 'choose-own', 'choose-back'])
  expect(intentsOf(page.message).map((intent) => intent.do)).not.toContain('cancel-order')
  const stranger = await chat.buyer()
  stranger.expectSays(await stranger.press({ do: 'choose-back', orderId }), 'confused.not-found')
  stranger.expectSays(await stranger.press({ do: 'choose-group', orderId, groupId }), 'confused.not-found')

  const moved = await guest.press(intentOf(page.message, 'choose-group'))
  expect(moved.toast).toBe(guest.say('choice.moved-toast'))
  expect(intentsOf(moved.message).map((intent) => intent.do)).not.toContain('choose-back')
  expect(intentOf(moved.message, 'group')).toEqual({ do: 'group', groupId })
  const again = await guest.press({ do: 'choose-own', orderId })
  expect(again).toMatchObject({ toast: guest.say('choice.chosen'), alert: true })
  const reader = { ...guest.reader, now: chat.shop.now }
  const notice = { kind: 'late-choice', data: { orderId } } as const
  expect(await noticeScreen(notice, guest.personId, reader, chat.shop.deps)).toBeUndefined()
})

test('a group that filled meanwhile is said plainly, and the other buttons are still there', async () => {
  const { guest, orderId, groupId } = await latePayer()
  const page = await guest.press({ do: 'order', orderId })
  await chat.shop.pay((await chat.shop.order(await chat.shop.person(), { kind: 'join', groupId })).orderId)
  const full = await guest.press(intentOf(page.message, 'choose-group'))
  expect(full).toMatchObject({ toast: guest.say('choice.group-gone'), alert: true })
  expect(
    intentsOf(full.message)
      .slice(0, 2)
      .map((intent) => intent.do),
  ).toEqual(['choose-own', 'choose-back'])
  const own = await guest.press({ do: 'choose-own', orderId })
  expect(own.toast).toBe(guest.say('choice.opened-toast'))
  expect(buttonsOf(own.message).some((button) => 'share' in button)).toBe(true)
})

test('money back by one tap; an old cancel button asks first and does the same', async () => {
  const first = await latePayer()
  const back = await first.guest.press({ do: 'choose-back', orderId: first.orderId })
  expect(back.toast).toBe(first.guest.say('choice.back-toast'))
  first.guest.expectSays(back, 'order.state.releasing')
  const { guest, orderId } = await latePayer()
  const sure = await guest.press({ do: 'cancel-order', orderId })
  guest.expectSays(await guest.press(intentOf(sure.message, 'cancel-paid')), 'order.state.releasing')
})
