/** What people are told without having asked: every kind of notification, in every language, with the longest words. */
import { expect, test } from 'vitest'
import { noticeScreen } from '#chat/notices.ts'
import { screenToMessage } from '#chat/text.ts'
import { isToldToBuyer, shipmentStates } from '#domain/delivery.ts'
import { languages } from '#domain/people.ts'
import type { Notice } from '#shop/notifications.ts'
import { checkMessage, textOf, useChat } from './support.ts'

const chat = useChat()

async function purchase() {
  const goods = await chat.shop.goods()
  const title = { ru: 'Ы'.repeat(250) }
  await chat.shop.db.product.update({ where: { id: goods.productId }, data: { title } })
  const { groupId, leader, orderId } = await chat.shop.openGroup(goods)
  const unpaid = await chat.shop.order(leader, { kind: 'alone', variantId: goods.variantId })
  const seat = await chat.shop.db.seat.findUniqueOrThrow({ where: { orderId } })
  const added = { messenger: 'telegram', externalId: `-${orderId}`, title: 'К'.repeat(128), addedById: leader }
  const channel = await chat.shop.db.brandChannel.create({ data: { ...added, addedAt: chat.shop.now } })
  return { leader, orderId, groupId, unpaidId: unpaid.orderId, seatId: seat.id, channelId: channel.id }
}

test('every notification has words, fits and leads on', async () => {
  const { leader, orderId, groupId, unpaidId, seatId, channelId } = await purchase()
  const notices: Notice[] = [
    { kind: 'payment-ready', data: { orderId: unpaidId } },
    { kind: 'payment-declined', data: { orderId: unpaidId } },
    { kind: 'order-expired', data: { orderId } },
    { kind: 'order-paid', data: { orderId } },
    { kind: 'money-released', data: { orderId, late: false } },
    { kind: 'money-released', data: { orderId, late: true } },
    { kind: 'seat-paid', data: { orderId, groupId } },
    { kind: 'group-joined', data: { groupId, seatId } },
    { kind: 'group-formed', data: { groupId, orderId } },
    { kind: 'group-failed', data: { groupId, orderId } },
    { kind: 'channel-added', data: { channelId } },
    { kind: 'post-published', data: { postId: 1, state: 'sent' } },
    { kind: 'post-published', data: { postId: 1, state: 'failed' } },
    { kind: 'post-published', data: { postId: 1, state: 'withdrawn' } },
    { kind: 'post-published', data: { postId: 1, state: 'doubtful' } },
    ...shipmentStates.filter(isToldToBuyer).map((state): Notice => ({ kind: 'shipment', data: { orderId, state } })),
  ]
  for (const language of languages) {
    const reader = { language, timeZone: 'Europe/Moscow', now: chat.shop.now }
    for (const notice of notices) {
      const told = await noticeScreen(notice, leader, reader, chat.shop.deps)
      if (!told) throw new Error(`${notice.kind} says nothing`)
      const message = screenToMessage(told.screen, reader)
      checkMessage(message)
      expect(textOf(message)).not.toMatch(/^(told|notice|order|group)\./)
    }
  }
})

test('nobody is told of what is not theirs, or no longer so', async () => {
  const { orderId, groupId, unpaidId } = await purchase()
  const stranger = await chat.shop.person()
  const reader = { language: 'ru', timeZone: 'Europe/Moscow', now: chat.shop.now } as const
  const tell = (notice: Notice) => noticeScreen(notice, stranger, reader, chat.shop.deps)
  expect(await tell({ kind: 'order-paid', data: { orderId } })).toBeUndefined()
  expect(await tell({ kind: 'payment-ready', data: { orderId: unpaidId } })).toBeUndefined()
  expect(await tell({ kind: 'shipment', data: { orderId, state: 'delivered' } })).toBeUndefined()
  expect(await tell({ kind: 'channel-added', data: { channelId: 999_999 } })).toBeUndefined()
  await chat.shop.db.group.update({ where: { id: groupId }, data: { state: 'failed', closedAt: chat.shop.now } })
  expect(await tell({ kind: 'group-joined', data: { groupId, seatId: 1 } })).toBeUndefined()
})
