/** What a buyer sees of money: the ways to pay, what became of it, giving an order up, and sending something back. */
import { beforeAll, describe, expect, test } from 'vitest'
import { createTelegramPayments } from '#gateways/telegram-payments.ts'
import type { PaymentMethod } from '#domain/payments.ts'
import { languages } from '#domain/people.ts'
import { noticeScreen } from '#chat/notices.ts'
import { screenToMessage } from '#chat/text.ts'
import type { Notice } from '#shop/notifications.ts'
import { bookChargeback, bookChargebackWon } from '#shop/chargebacks.ts'
import { closeDueGroups } from '#shop/group-buy.ts'
import type { GoodsOptions } from '../shop/support.ts'
import { buttonsOf, checkMessage, intentOf, intentsOf, textOf, useChat, type Guest } from './support.ts'

const chat = useChat()

beforeAll(() => {
  const { yookassa, deps } = chat.shop
  const invoices = createTelegramPayments({ acquirer: yookassa })
  Object.assign(deps, { hasInvoices: true, providers: [...deps.providers, invoices] })
})

const all: PaymentMethod[] = ['card', 'sbp', 'invoice', 'on-delivery']
const rub = (amount: bigint) => ({ money: { amount, currency: 'RUB' } })
const delivered = ['RECEIVED_AT_SHIPMENT_WAREHOUSE', 'DELIVERED']

/** An unpaid order of somebody who has just pressed a price. */
async function ordered(kind: 'buy-alone' | 'buy-together' = 'buy-alone', options: GoodsOptions = {}) {
  const buyer = await chat.buyer()
  const goods = await chat.shop.goods({ terms: { paymentMethods: all, onDeliveryForGroups: true }, ...options })
  const page = await buyer.press({ do: kind, variantId: goods.variantId })
  const order = await chat.shop.db.order.findFirstOrThrow({
    where: { personId: buyer.personId },
    orderBy: { id: 'desc' },
  })
  return { buyer, goods, page, orderId: order.id, total: order.total, order }
}

const paymentOf = (orderId: number) => chat.shop.db.payment.findFirstOrThrow({ where: { orderId, counts: true } })
const orderOf = (orderId: number) => chat.shop.db.order.findUniqueOrThrow({ where: { id: orderId } })
const open = (buyer: Guest, orderId: number) => buyer.press({ do: 'order', orderId })
const doing = (answer: { message?: Parameters<typeof intentsOf>[0] }) =>
  intentsOf(answer.message).map((intent) => intent.do)

async function bought(options: GoodsOptions = {}) {
  const made = await ordered('buy-alone', options)
  await chat.shop.pay(made.orderId)
  await chat.shop.runJobs()
  return made
}

async function received() {
  const made = await bought()
  await chat.shop.parcel(made.orderId, ...delivered)
  const { id } = await chat.shop.db.orderLine.findFirstOrThrow({ where: { orderId: made.orderId } })
  return { ...made, lineId: id }
}

/** A notice as its reader gets it. */
async function told(guest: Guest, notice: Notice): Promise<string> {
  const outcome = await noticeScreen(notice, guest.personId, guest.reader, chat.shop.deps)
  if (!outcome) throw new Error(`${notice.kind} says nothing`)
  const message = screenToMessage(outcome.screen, guest.reader)
  checkMessage(message)
  return textOf(message)
}

describe('the ways to pay', () => {
  test('are those that can work, each said before it is chosen, in every language', async () => {
    const { buyer, page, orderId } = await ordered('buy-together')
    buyer.expectSays(page, 'way.card-group')
    const ways = await buyer.pressFirst('ways')
    for (const method of all) buyer.expectSays(ways, `way.${method}-group`)
    expect(intentsOf(ways.message).filter((intent) => intent.do === 'pay-by')).toEqual(
      all.map((method) => ({ do: 'pay-by', orderId, method })),
    )
    const alone = await ordered()
    for (const language of languages) {
      await alone.buyer.press({ do: 'set-language', language })
      const shown = await alone.buyer.press({ do: 'ways', orderId: alone.orderId })
      for (const method of all) alone.buyer.expectSays(shown, `way.${method}-alone`)
    }
  })

  test('are not offered where there is one', async () => {
    const { page } = await ordered('buy-alone', { terms: { paymentMethods: ['card'] } })
    expect(doing(page)).not.toContain('ways')
  })

  test('a page of another way takes the place of the first, and is paid', async () => {
    const { buyer, orderId, total } = await ordered('buy-together')
    const page = await buyer.press({ do: 'pay-by', orderId, method: 'sbp' })
    expect(buttonsOf(page.message).some((button) => 'pay' in button)).toBe(true)
    buyer.expectSays(page, 'way.sbp-group')
    await chat.shop.pay(orderId)
    buyer.expectSays(await open(buyer, orderId), 'money.taken-group', { sum: rub(total) })
    const paid = await buyer.press({ do: 'ways', orderId })
    expect(doing(paid)).not.toContain('pay-by')
    expect(textOf(paid.message)).toContain(buyer.say('money.taken-group', { sum: rub(total) }))
  })

  test('a shop that is paid in the chat only needs no other button', async () => {
    const { page, orderId } = await ordered('buy-alone', { terms: { paymentMethods: ['invoice'] } })
    expect(intentOf(page.message, 'pay-by')).toEqual({ do: 'pay-by', orderId, method: 'invoice' })
    expect(doing(page)).not.toContain('ways')
  })

  test('an invoice is sent anew and sums to the total', async () => {
    const { buyer, orderId, total, order } = await ordered()
    const reply = await buyer.press({ do: 'pay-by', orderId, method: 'invoice' })
    expect(reply.asNew).toBe(true)
    const { id: paymentId } = await paymentOf(orderId)
    expect(reply.message?.invoice).toMatchObject({
      payload: paymentId,
      title: buyer.say('invoice.title', { number: order.number }),
      currency: 'RUB',
    })
    expect(reply.message?.invoice?.lines.reduce((sum, { amount }) => sum + amount, 0n)).toBe(total)
    // The order's own page has a button for it, not one that waits for a page.
    const page = await open(buyer, orderId)
    expect(intentOf(page.message, 'pay-by')).toEqual({ do: 'pay-by', orderId, method: 'invoice' })
    const told = { payload: paymentId, amount: total, currency: 'RUB' }
    expect(await buyer.visit((visitor) => chat.front.onInvoiceAsked(visitor, told))).toBeUndefined()
    const thief = await chat.buyer()
    expect(await thief.visit((visitor) => chat.front.onInvoiceAsked(visitor, told))).toBe(
      thief.say('invoice.not-found'),
    )
  })

  test('at the door is asked about once more, placed once however often tapped, and never called paid', async () => {
    const { buyer, orderId, total, goods } = await ordered()
    const sure = await buyer.press({ do: 'pay-by', orderId, method: 'on-delivery' })
    buyer.expectSays(sure, 'way.promise-sure', { total: rub(total) })
    expect((await orderOf(orderId)).state).toBe('awaiting_payment')
    for (let tap = 0; tap < 2; tap += 1) {
      const placed = await buyer.press({ do: 'promise', orderId })
      buyer.expectSays(placed, 'money.promised', { sum: rub(total) })
      expect(placed.toast).toBeUndefined()
    }
    expect((await orderOf(orderId)).state).toBe('packable')
    const { number, promisedFrom: from, promisedTo: to } = await orderOf(orderId)
    const { title } = await chat.shop.db.product.findUniqueOrThrow({ where: { id: goods.productId } })
    const promised = {
      number,
      title: { words: title as { ru: string } },
      days: { days: { from, to } },
      total: rub(total),
    }
    expect(await told(buyer, { kind: 'order-paid', data: { orderId } })).toBe(
      buyer.say('notice.order-promised', promised),
    )
    buyer.expectSays(await buyer.press({ do: 'story', orderId }), 'story.promised', {
      at: { at: chat.shop.now },
      sum: rub(total),
    })
  })

  test('that the seller does not offer, or that are forged, are refused and nothing is written', async () => {
    const { buyer, orderId } = await ordered('buy-alone', { terms: { paymentMethods: ['card', 'sbp'] } })
    const before = await paymentOf(orderId)
    for (const method of ['on-delivery', 'invoice'] as const) {
      const reply = await buyer.press({ do: 'pay-by', orderId, method })
      expect(reply).toMatchObject({ toast: buyer.say('way.not-possible'), alert: true })
    }
    await buyer.press({ do: 'promise', orderId })
    expect(await paymentOf(orderId)).toEqual(before)
    expect((await orderOf(orderId)).state).toBe('awaiting_payment')
  })

  test('a decline says what to do next: the same way again, and another', async () => {
    const { buyer, orderId } = await ordered()
    await chat.shop.hint(await chat.shop.atProvider(orderId, 'declined'))
    const page = await open(buyer, orderId)
    expect(textOf(page.message)).toContain('❌')
    expect(doing(page)).toEqual(expect.arrayContaining(['pay-again', 'ways', 'story']))
  })

  test('the way back from the payment page shows the order to its buyer only', async () => {
    const { buyer, orderId, order } = await ordered()
    const back = await buyer.command('start', `b_${orderId.toString(36)}`)
    buyer.expectSays(back, 'order.title', { number: order.number })
    expect(back.follows).toEqual({ orderId })
    const thief = await chat.buyer()
    for (const token of [orderId.toString(36), '0', 'zzzzzz', '-', 'constructor']) {
      thief.expectSays(await thief.command('start', `b_${token}`), 'confused.not-found')
    }
  })
})

describe('what happened to my money', () => {
  test('is told in plain words with times and amounts, held, taken and back', async () => {
    const { buyer, orderId, total } = await ordered('buy-together', { size: 2 })
    await chat.shop.pay(orderId)
    const held = await open(buyer, orderId)
    buyer.expectSays(held, 'money.held-group', { sum: rub(total) })
    const at = { at: { at: chat.shop.now }, sum: rub(total) }
    buyer.expectSays(await buyer.pressFirst('story'), 'story.held', at)
    chat.shop.pass(31 * 60_000)
    await closeDueGroups(chat.shop.db, chat.shop.now)
    buyer.expectSays(await open(buyer, orderId), 'money.releasing', { sum: rub(total) })
    await chat.shop.runJobs()
    buyer.expectSays(await open(buyer, orderId), 'money.released', { sum: rub(total) })
    for (const language of languages) {
      await buyer.press({ do: 'set-language', language })
      const story = await buyer.press({ do: 'story', orderId })
      buyer.expectSays(story, 'story.voided', { ...at, at: { at: chat.shop.now } })
      expect(textOf(story.message)).not.toMatch(/story\.|method\.|reason\./)
    }
  })

  test('is told in plain words when a bank took it back and gave it up', async () => {
    const { buyer, orderId, order } = await bought()
    const { db, now } = chat.shop
    await bookChargeback(db, { number: order.number, amount: 12_300n, reference: 'story' }, now)
    await bookChargebackWon(db, 'story', now)
    for (const language of languages) {
      await buyer.press({ do: 'set-language', language })
      const story = await buyer.press({ do: 'story', orderId })
      for (const kind of ['chargeback', 'chargeback-won'] as const)
        buyer.expectSays(story, `story.${kind}`, { at: { at: now }, sum: rub(12_300n) })
      expect(textOf(story.message)).not.toMatch(/story\.|method\.|reason\./)
    }
  })

  test('is for the buyer and the shop; others are not even told that there is such an order', async () => {
    const { buyer, orderId, goods } = await bought()
    const seller = await chat.buyer()
    const thief = await chat.buyer()
    await chat.shop.db.sellerMember.create({
      data: { sellerId: goods.sellerId, personId: seller.personId, joinedAt: chat.shop.now },
    })
    expect(doing(await buyer.press({ do: 'story', orderId }))).toContain('order')
    expect(doing(await seller.press({ do: 'story', orderId }))).toContain('shop-order')
    for (const intent of ['story', 'ways', 'promise', 'cancel-paid', 'return'] as const) {
      thief.expectSays(await thief.press({ do: intent, orderId }), 'confused.not-found')
    }
    for (const method of all) {
      thief.expectSays(await thief.press({ do: 'pay-by', orderId, method }), 'confused.not-found')
    }
    thief.expectSays(await thief.press({ do: 'return-line', orderId, lineId: 1 }), 'confused.not-found')
    thief.expectSays(await thief.press({ do: 'ask-return', orderId, lineId: 1, quantity: 1 }), 'confused.not-found')
    expect((await orderOf(orderId)).state).toBe('packable')
  })

  test('the receipt has the lines, delivery, total, way and time', async () => {
    const { buyer, orderId, order, total } = await bought()
    const text = await told(buyer, { kind: 'order-paid', data: { orderId } })
    for (const words of [
      buyer.say('receipt.title', { number: order.number }),
      buyer.say('receipt.delivery', { sum: rub(order.deliveryCost) }),
      buyer.say('receipt.total', { sum: rub(total) }),
      buyer.say('receipt.paid', { at: { at: chat.shop.now }, method: { key: 'method.card' } }),
    ]) {
      expect(text).toContain(words)
    }
  })

  test('a long story keeps its newest events and counts the others', async () => {
    const { buyer, orderId, total } = await bought()
    const { id: paymentId } = await paymentOf(orderId)
    const more = Array.from({ length: 40 }, () => ({ paymentId, kind: 'page', amount: total, at: chat.shop.now }))
    await chat.shop.db.paymentEvent.createMany({ data: more })
    const count = (await chat.shop.db.paymentEvent.count({ where: { paymentId } })) - 20
    const story = await buyer.press({ do: 'story', orderId })
    buyer.expectSays(story, 'story.earlier', { count })
    expect(textOf(story.message).split('\n')).toHaveLength(23)
  })
})

describe('giving an order up', () => {
  test('leaving a group is asked about, then the hold is released and nothing is left to tap', async () => {
    const { buyer, orderId, total } = await ordered('buy-together')
    await chat.shop.pay(orderId)
    await open(buyer, orderId)
    const sure = await buyer.pressFirst('cancel-order')
    buyer.expectSays(sure, 'cancel.hold', { sum: rub(total) })
    expect((await orderOf(orderId)).state).toBe('awaiting_group')
    for (let tap = 0; tap < 2; tap += 1) {
      const left = await buyer.press({ do: 'cancel-paid', orderId })
      buyer.expectSays(left, 'money.releasing', { sum: rub(total) })
      expect(left.alert).toBeUndefined()
      expect(doing(left)).not.toContain('cancel-order')
    }
    await chat.shop.settle()
    expect((await paymentOf(orderId)).state).toBe('voided')
    const text = await told(buyer, { kind: 'money-released', data: { orderId, late: true } })
    expect(text).toBe(buyer.say('notice.money-back', { number: (await orderOf(orderId)).number, total: rub(total) }))
  })

  test('a paid order goes back in full, while its parcel is here', async () => {
    const { buyer, orderId, total } = await bought()
    const sure = await buyer.press({ do: 'cancel-order', orderId })
    buyer.expectSays(sure, 'cancel.refund', { sum: rub(total) })
    await buyer.pressFirst('cancel-paid')
    buyer.expectSays(await open(buyer, orderId), 'money.refunding', { sum: rub(total) })
    await chat.shop.settle()
    expect(await paymentOf(orderId)).toMatchObject({ state: 'refunded', refunded: total })
    buyer.expectSays(await open(buyer, orderId), 'money.refunded', { sum: rub(total) })
    const story = await buyer.press({ do: 'story', orderId })
    const event = { at: { at: chat.shop.now }, sum: rub(total), reason: { key: 'reason.cancelled' as const } }
    buyer.expectSays(story, 'story.refunded', event)
  })

  test('the buttons of an unpaid page do not undo what was paid since', async () => {
    const { buyer, orderId } = await ordered()
    await chat.shop.pay(orderId)
    await chat.shop.runJobs()
    const stale = await buyer.press({ do: 'change-delivery', orderId })
    expect(stale).toMatchObject({ toast: buyer.say('refusal.too-late'), alert: true })
    await buyer.press({ do: 'cancel-order', orderId })
    expect((await orderOf(orderId)).state).toBe('packable')
    expect((await paymentOf(orderId)).state).toBe('captured')
  })

  test('a parcel that is on its way is not called back', async () => {
    const { buyer, orderId } = await bought()
    await chat.shop.parcel(orderId, 'RECEIVED_AT_SHIPMENT_WAREHOUSE')
    expect(doing(await open(buyer, orderId))).not.toContain('cancel-order')
    for (const name of ['cancel-order', 'cancel-paid'] as const) {
      expect(await buyer.press({ do: name, orderId })).toMatchObject({
        toast: buyer.say('refusal.too-late'),
        alert: true,
      })
    }
    expect((await paymentOf(orderId)).refunding).toBe(0n)
  })
})

describe('sending something back', () => {
  test('is asked of the shop once, and the page says that it waits', async () => {
    const { buyer, orderId, lineId, order } = await received()
    await open(buyer, orderId)
    const how = await buyer.pressFirst('return')
    buyer.expectSays(how, 'return.how')
    const asked = await buyer.pressFirst('ask-return')
    expect(asked.toast).toBe(buyer.say('return.asked-toast'))
    buyer.expectSays(asked, 'return.waiting', { sum: rub(order.goodsTotal) })
    const again = await buyer.press({ do: 'ask-return', orderId, lineId, quantity: 1 })
    expect(again).toMatchObject({ toast: buyer.say('return.refused-already-asked'), alert: true })
    expect(await chat.shop.db.paymentMove.count({ where: { lineId } })).toBe(1)
  })

  test('forged lines and quantities are refused, and nothing is written', async () => {
    const { buyer, orderId, lineId } = await received()
    const other = await received()
    buyer.expectSays(
      await buyer.press({ do: 'ask-return', orderId, lineId: other.lineId, quantity: 1 }),
      'confused.not-found',
    )
    buyer.expectSays(await buyer.press({ do: 'return-line', orderId, lineId: other.lineId }), 'confused.not-found')
    buyer.expectSays(await buyer.press({ do: 'ask-return', orderId, lineId, quantity: 0 }), 'confused.not-found')
    const tooMany = await buyer.press({ do: 'ask-return', orderId, lineId, quantity: 2 })
    expect(tooMany.toast).toBe(buyer.say('return.refused-too-much'))
    expect(await chat.shop.db.paymentMove.count({ where: { lineId } })).toBe(0)
  })

  test('of a line of several asks how many, and no more than are left', async () => {
    const { buyer, orderId, lineId, order } = await received()
    const each = order.goodsTotal / 3n
    await chat.shop.db.orderLine.update({ where: { id: lineId }, data: { quantity: 3, unitPrice: each } })
    const page = await buyer.press({ do: 'return', orderId })
    const offered = intentsOf(page.message).flatMap((intent) => (intent.do === 'ask-return' ? [intent.quantity] : []))
    expect(offered).toEqual([1, 2, 3])
    const asked = await buyer.press({ do: 'ask-return', orderId, lineId, quantity: 2 })
    buyer.expectSays(asked, 'return.waiting', { sum: rub(each * 2n) })
    await chat.shop.db.paymentMove.updateMany({ where: { lineId }, data: { state: 'failed' } })
    expect((await buyer.press({ do: 'ask-return', orderId, lineId, quantity: 4 })).alert).toBe(true)
  })

  test('is offered for seven days', async () => {
    const { buyer, orderId, lineId } = await received()
    chat.shop.pass(7 * 24 * 3_600_000 + 1)
    expect(doing(await open(buyer, orderId))).not.toContain('return')
    expect((await buyer.press({ do: 'return', orderId })).toast).toBe(buyer.say('return.refused-too-late'))
    const late = await buyer.press({ do: 'ask-return', orderId, lineId, quantity: 1 })
    expect(late.toast).toBe(buyer.say('return.refused-too-late'))
  })
})
