/** What becomes of a message nobody asked for when the messenger cannot be reached, or does not answer. */
import { expect, test } from 'vitest'
import type { Messenger, SendResult } from '#chat/messenger.ts'
import { createOutbox } from '#chat/outbox.ts'
import type { Message } from '#chat/screen.ts'
import { payBy } from '#shop/paying.ts'
import { followCard } from '#shop/live-cards.ts'
import { useShop } from '../shop/support.ts'

const shop = useShop()

/** A messenger that gives these answers in turn, and then sends everything. */
function answering(...answers: (SendResult | Error)[]) {
  const sent: string[] = []
  const edited: { ref: string; message: Message }[] = []
  const messenger: Messenger = {
    name: 'telegram',
    capabilities: { inline: true, editAnyAge: true, invoices: false },
    async send(to) {
      const answer = answers.shift() ?? { ok: true, ref: `${to}:1` }
      if (answer instanceof Error) throw answer
      if (answer.ok) sent.push(to)
      return answer
    },
    async edit(ref, message) {
      edited.push({ ref, message })
      return { ok: true }
    },
    download: async () => ({ ok: false, reason: 'gone' }),
    link: (payload) => `https://t.me/bot?start=${payload}`,
  }
  return { sent, edited, outbox: createOutbox(shop.deps, [messenger]) }
}

/** Somebody is owed one message. */
async function owe() {
  const person = await shop.person()
  const { orderId } = await shop.order(person, { kind: 'alone', variantId: (await shop.goods()).variantId })
  await shop.db.notification.deleteMany()
  await shop.db.notification.create({
    data: {
      personId: person,
      key: `test:${orderId}`,
      kind: 'order-expired',
      data: { orderId },
      priority: 1,
      state: 'due',
      dueAt: shop.now,
      createdAt: shop.now,
    },
  })
  return async () => shop.db.notification.findUniqueOrThrow({ where: { key: `test:${orderId}` } })
}

test('without a connection nothing is lost: the message is due again later and is sent then, once', async () => {
  const notification = await owe()
  const { sent, outbox } = answering({ ok: false, reason: 'unsent' })
  expect(await outbox.sendNotifications()).toEqual({ sent: 0, doubtful: 0 })
  expect(await notification()).toMatchObject({ state: 'due', attempts: 1 })
  expect((await notification()).dueAt.getTime()).toBeGreaterThan(shop.now.getTime())
  expect(await outbox.sendNotifications()).toEqual({ sent: 0, doubtful: 0 })
  shop.pass(10 * 60_000)
  expect(await outbox.sendNotifications()).toEqual({ sent: 1, doubtful: 0 })
  expect(await notification()).toMatchObject({ state: 'sent', attempts: 2 })
  expect(sent).toHaveLength(1)
})

test('after a decline the page of the next attempt reaches every message that shows the order', async () => {
  const person = await shop.person()
  const { orderId } = await shop.order(person, { kind: 'alone', variantId: (await shop.goods()).variantId })
  for (const messageRef of ['m:1', 'm:2']) {
    const card = { messenger: 'telegram', messageRef, language: 'ru', personId: person }
    await followCard(shop.db, { ...card, subject: { orderId }, shownVersion: 0 }, shop.now)
  }
  await shop.hint(await shop.atProvider(orderId, 'declined'))
  await shop.db.$executeRaw`DELETE FROM graphile_worker._private_jobs`
  const again = await payBy(shop.db, { personId: person, orderId, now: shop.pass(60_000) }, shop.deps)
  const pay = again.ok ? again.order.payment?.confirmationUrl : undefined
  expect(pay).toMatch(/^http/)
  const jobs = await shop.db.$queryRaw<{ count: number }[]>`
    SELECT count(*)::int AS count FROM graphile_worker._private_jobs WHERE key = ${`cards:order:${orderId}`}`
  expect(jobs).toEqual([{ count: 1 }])

  const { edited, outbox } = answering()
  await outbox.updateCards({ orderId })
  const byRef = edited.toSorted((a, b) => a.ref.localeCompare(b.ref))
  expect(byRef.map(({ ref, message }) => [ref, message.rows.flat().find((button) => 'pay' in button)])).toEqual(
    ['m:1', 'm:2'].map((ref) => [ref, expect.objectContaining({ pay }) as unknown]),
  )
})

test('an answer that never came leaves the message in doubt, and it is not sent again', async () => {
  const notification = await owe()
  const { sent, outbox } = answering({ ok: false, reason: 'unknown' })
  await outbox.sendNotifications()
  expect(await notification()).toMatchObject({ state: 'doubtful' })
  shop.pass(60 * 60_000)
  await outbox.sendNotifications()
  expect(sent).toEqual([])
})

test('a defect while a message is made is tried again, and the job tells of it', async () => {
  const notification = await owe()
  const { sent, outbox } = answering(new Error('a hiccup'))
  await expect(outbox.sendNotifications()).rejects.toThrow('1 notifications could not be sent')
  expect(await notification()).toMatchObject({ state: 'due' })
  shop.pass(10 * 60_000)
  await outbox.sendNotifications()
  expect(await notification()).toMatchObject({ state: 'sent' })
  expect(sent).toHaveLength(1)
})

test('a message whose sender died while sending is in doubt when the next sender starts', async () => {
  const notification = await owe()
  await shop.db.notification.updateMany({ data: { state: 'sending' } })
  const { sent, outbox } = answering()
  expect(await outbox.sendNotifications()).toEqual({ sent: 0, doubtful: 1 })
  expect(await notification()).toMatchObject({ state: 'doubtful' })
  expect(sent).toEqual([])
})
