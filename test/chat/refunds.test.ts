/** The shop's orders and money: what its people see and do, what a second tap does, and what others may not. */
import { describe, expect, test } from 'vitest'
import { languages } from '#domain/people.ts'
import type { Intent } from '#chat/intent.ts'
import { noticeScreen } from '#chat/notices.ts'
import { screenToMessage } from '#chat/text.ts'
import type { PaymentMethod } from '#domain/payments.ts'
import { shipmentStates } from '#domain/delivery.ts'
import type { Notice } from '#shop/notifications.ts'
import { giveToPerson } from '#shop/refunds.ts'
import type { Goods } from '../shop/support.ts'
import { checkMessage, intentOf, intentsOf, textOf, useChat, type Guest } from './support.ts'

const chat = useChat()
const rub = (amount: bigint) => ({ money: { amount, currency: 'RUB' } })
const delivered = ['RECEIVED_AT_SHIPMENT_WAREHOUSE', 'DELIVERED']

async function sellerOf({ sellerId }: Goods): Promise<Guest> {
  const guest = chat.guest({ firstName: 'София' })
  await guest.command('start')
  await chat.shop.db.sellerMember.create({ data: { sellerId, personId: guest.personId, joinedAt: chat.shop.now } })
  return guest
}

/** A paid order, with its buyer and somebody of the shop. */
async function sold(method: PaymentMethod = 'card') {
  const goods = await chat.shop.goods({ terms: { paymentMethods: ['card', 'on-delivery'] } })
  const buyer = await chat.buyer({ firstName: 'Пётр' })
  const page = await buyer.press({ do: 'buy-alone', variantId: goods.variantId })
  const { orderId } = intentOf(page.message, 'cancel-order')
  if (method === 'card') await chat.shop.pay(orderId)
  else await buyer.press({ do: 'promise', orderId })
  await chat.shop.runJobs()
  const order = await chat.shop.db.order.findUniqueOrThrow({ where: { id: orderId }, include: { lines: true } })
  const seller = await sellerOf(goods)
  return { goods, buyer, seller, orderId, order, lineId: order.lines[0]?.id ?? 0, total: order.total }
}

const paymentOf = (orderId: number) => chat.shop.db.payment.findFirstOrThrow({ where: { orderId, counts: true } })
const movesOf = (orderId: number) =>
  chat.shop.db.paymentMove.findMany({
    where: { payment: { orderId }, kind: { in: ['refund', 'chargeback'] } },
    orderBy: { createdAt: 'asc' },
  })
const backOf = async (orderId: number) => (await paymentOf(orderId)).refunding + (await paymentOf(orderId)).refunded

async function asked() {
  const made = await sold()
  await chat.shop.parcel(made.orderId, ...delivered)
  await made.buyer.press({ do: 'ask-return', orderId: made.orderId, lineId: made.lineId, quantity: 1 })
  const [move] = await movesOf(made.orderId)
  if (!move) throw new Error('a return was asked for')
  return { ...made, moveId: move.id }
}

/** A refund that the provider will never make. */
async function byHand() {
  const made = await sold()
  await made.seller.press({ do: 'refund-rest', orderId: made.orderId })
  await made.seller.pressFirst('refund-amount-now')
  const [move] = await movesOf(made.orderId)
  if (!move) throw new Error('a refund was started')
  await giveToPerson(chat.shop.db, move.id, 'insufficient_funds', chat.shop.now)
  return { ...made, moveId: move.id }
}

describe('orders', () => {
  test('are listed newest first, six a page, with a page of their own that shows a first name and no more', async () => {
    const { seller, goods, buyer, orderId, order } = await sold()
    const shop = await seller.press({ do: 'shop', sellerId: goods.sellerId })
    seller.expectSays(await seller.press(intentOf(shop.message, 'shop-orders')), 'shop-orders.title', {
      from: 1,
      to: 1,
      total: 1,
    })
    const page = await seller.pressFirst('shop-order')
    const text = textOf(page.message)
    seller.expectSays(page, 'order.title', { number: order.number })
    expect(text).toContain('Пётр')
    for (const secret of ['Иванова', '+79123456789', 'Баумана', buyer.sender.externalId])
      expect(text).not.toContain(secret)
    expect(intentsOf(page.message)).toContainEqual({ do: 'refund', orderId })

    for (let more = 0; more < 6; more += 1) {
      const another = await chat.buyer()
      await another.press({ do: 'buy-alone', variantId: goods.variantId })
    }
    const first = await seller.press({ do: 'shop-orders', sellerId: goods.sellerId, page: 0 })
    expect(intentsOf(first.message).filter((intent) => intent.do === 'shop-order')).toHaveLength(6)
    const second = await seller.press({ do: 'shop-orders', sellerId: goods.sellerId, page: 1 })
    expect(intentOf(second.message, 'shop-order')).toEqual({ do: 'shop-order', orderId })
    for (const far of [2, 1000, 2_147_483_647]) {
      const none = await seller.press({ do: 'shop-orders', sellerId: goods.sellerId, page: far })
      seller.expectSays(none, 'confused.button')
    }
  })

  test('in every state of a parcel have words, in every language', async () => {
    const { seller, orderId } = await sold()
    for (const language of languages) {
      await seller.press({ do: 'set-language', language })
      for (const state of shipmentStates) {
        await chat.shop.db.shipment.update({ where: { orderId }, data: { state } })
        expect(textOf((await seller.press({ do: 'shop-order', orderId })).message)).not.toMatch(
          /order\.|money\.|shipment\./,
        )
      }
    }
    await chat.shop.db.shipment.update({ where: { orderId }, data: { state: 'requested' } })
  })
})

describe('a refund', () => {
  test('of a line says what will happen, and happens once however often it is tapped', async () => {
    const { seller, orderId, order } = await sold()
    await seller.press({ do: 'refund', orderId })
    const sure = await seller.pressFirst('refund-line')
    seller.expectSays(sure, 'refund.by-provider')
    expect(await backOf(orderId)).toBe(0n)
    const now = intentOf(sure.message, 'refund-lines-now')
    const [one, two] = await Promise.all([seller.press(now), seller.press(now)])
    await seller.press(now)
    for (const reply of [one, two]) expect(reply.toast).toBe(seller.say('refund.started-toast'))
    expect(await backOf(orderId)).toBe(order.goodsTotal)
    seller.expectSays(await seller.press({ do: 'shop-order', orderId }), 'shop-order.refunding', {
      sum: rub(order.goodsTotal),
    })
    await chat.shop.settle()
    expect(await paymentOf(orderId)).toMatchObject({ refunded: order.goodsTotal, state: 'part_refunded' })
  })

  test('of a line of several asks how many, and never more than there were', async () => {
    const { seller, orderId, lineId, order } = await sold()
    const each = order.goodsTotal / 3n
    await chat.shop.db.orderLine.update({ where: { id: lineId }, data: { quantity: 3, unitPrice: each } })
    const asked = await seller.press({ do: 'refund-line', orderId, lineId })
    seller.expectSays(asked, 'refund.how-many')
    for (const quantity of [0, 4, 2_147_483_647]) {
      seller.expectSays(await seller.press({ do: 'refund-lines', orderId, lineId, quantity }), 'confused.not-found')
    }
    await seller.press({ do: 'refund-lines', orderId, lineId, quantity: 2 })
    await seller.pressFirst('refund-lines-now')
    expect(await backOf(orderId)).toBe(each * 2n)
    const token = 'b'.repeat(16)
    const more = await seller.press({ do: 'refund-lines-now', orderId, lineId, quantity: 2, token })
    expect(more).toMatchObject({ toast: seller.say('refund.refused-too-much'), alert: true })
    expect(await backOf(orderId)).toBe(each * 2n)
  })

  test.each([
    ['590', 59_000n],
    ['590,50', 59_050n],
    ['590.5 ₽', 59_050n],
    ['1 290 руб.', 129_000n],
    ['５９０', 59_000n],
  ])('of %j is asked about and made for exactly that', async (typed, amount) => {
    const { seller, orderId } = await sold()
    await seller.press({ do: 'refund-other', orderId })
    const sure = await seller.write(typed)
    expect(textOf(sure.message)).toContain(seller.say('button.refund-now', { sum: rub(amount) }).slice(-6))
    expect(intentOf(sure.message, 'refund-amount-now').amount).toBe(amount)
    expect(await seller.step()).toBe('none')
    expect(await backOf(orderId)).toBe(0n)
    for (let tap = 0; tap < 2; tap += 1) await seller.press(intentOf(sure.message, 'refund-amount-now'))
    expect(await backOf(orderId)).toBe(amount)
  })

  test('of rubbish or too much is asked for again, and nothing is written', async () => {
    const { seller, orderId, total } = await sold()
    await seller.press({ do: 'refund-other', orderId })
    const rubbish = [
      '',
      ' ',
      '0',
      '0,00',
      '-5',
      '1e3',
      '0x10',
      '1,290',
      '1.290,50',
      '5,5,5',
      '590,555',
      '10%',
      'NaN',
      'сто',
      '½',
      '9'.repeat(9),
      '9'.repeat(4096),
      "1'; DROP TABLE payment; --",
      '1 2 3',
      '12 34',
    ]
    for (const typed of rubbish) {
      const reply = await seller.write(typed)
      expect([typed, textOf(reply.message)]).toEqual([typed, seller.say('amount.unclear', { sum: rub(total) })])
      expect(await seller.step()).toBe('amount')
    }
    for (const answer of [{ kind: 'other' }, { kind: 'location', latitude: 1, longitude: 1 }] as const) {
      seller.expectSays(await seller.send(answer), 'amount.unclear', { sum: rub(total) })
    }
    seller.expectSays(await seller.write('99999999'), 'amount.too-much', { sum: rub(total) })
    expect(await movesOf(orderId)).toEqual([])
    await seller.press({ do: 'shop-order', orderId })
    expect(await seller.step()).toBe('none')
  })

  test('of the whole rest leaves nothing, and no button to give back more', async () => {
    const { seller, orderId, total } = await sold()
    await seller.press({ do: 'refund', orderId })
    await seller.pressFirst('refund-rest')
    const done = await seller.pressFirst('refund-amount-now')
    expect(await backOf(orderId)).toBe(total)
    expect(intentsOf(done.message).map((intent) => intent.do)).not.toContain('refund')
    for (const name of ['refund', 'refund-rest', 'refund-other'] as const) {
      const reply = await seller.press({ do: name, orderId })
      expect(reply).toMatchObject({ toast: seller.say('refund.refused-too-much'), alert: true })
    }
  })

  test('confirmed twice from two screens never gives back more than was paid', async () => {
    const { seller, orderId, total } = await sold()
    const screens = [
      await seller.press({ do: 'refund-rest', orderId }),
      await seller.press({ do: 'refund-rest', orderId }),
    ]
    const replies = await Promise.all(
      screens.map(({ message }) => seller.press(intentOf(message, 'refund-amount-now'))),
    )
    expect(replies.filter(({ alert }) => alert)).toHaveLength(1)
    expect(await backOf(orderId)).toBe(total)
  })

  test('of what was paid at the door says that it is theirs to make', async () => {
    const { seller, buyer, orderId, total } = await sold('on-delivery')
    seller.expectSays(await seller.press({ do: 'shop-order', orderId }), 'shop-order.promised', { sum: rub(total) })
    await chat.shop.parcel(orderId, ...delivered)
    seller.expectSays(await seller.press({ do: 'refund-rest', orderId }), 'refund.by-yourself')
    await seller.pressFirst('refund-amount-now')
    await chat.shop.runJobs()
    buyer.expectSays(await buyer.press({ do: 'order', orderId }), 'money.by-hand-door', { sum: rub(total) })
    const page = await seller.press({ do: 'shop-order', orderId })
    expect(intentOf(page.message, 'refund-made')).toMatchObject({ isSure: 0 })
  })

  test('made by hand is marked with a second tap, once, and the buyer’s page says so', async () => {
    const { seller, buyer, orderId, moveId, total, goods } = await byHand()
    buyer.expectSays(await buyer.press({ do: 'order', orderId }), 'money.by-hand', { sum: rub(total) })
    seller.expectSays(await seller.press({ do: 'shop-money', sellerId: goods.sellerId }), 'shop-money.to-do')
    const page = await seller.pressFirst('shop-order')
    const sure = await seller.press(intentOf(page.message, 'refund-made'))
    seller.expectSays(sure, 'refund.made-sure', {
      sum: rub(total),
      number: (await chat.shop.db.order.findUniqueOrThrow({ where: { id: orderId } })).number,
    })
    expect((await paymentOf(orderId)).refunded).toBe(0n)
    expect((await seller.pressFirst('refund-made')).toast).toBe(seller.say('refund.made-toast'))
    const again = await seller.press({ do: 'refund-made', moveId, isSure: 1 })
    expect(again.toast).toBe(seller.say('refund.refused-answered'))
    expect((await paymentOf(orderId)).refunded).toBe(total)
    buyer.expectSays(await buyer.press({ do: 'order', orderId }), 'money.refunded', { sum: rub(total) })
  })
})

describe('a return', () => {
  test('that is agreed to goes back, once', async () => {
    const { seller, orderId, order, moveId } = await asked()
    const page = await seller.press({ do: 'shop-order', orderId })
    const sure = await seller.press(intentOf(page.message, 'answer-return'))
    seller.expectSays(sure, 'return.agree-sure', { number: order.number, sum: rub(order.goodsTotal) })
    expect(await backOf(orderId)).toBe(0n)
    expect((await seller.pressFirst('answer-return')).toast).toBe(seller.say('return.agreed-toast'))
    const again = await seller.press({ do: 'answer-return', moveId, agrees: 0, isSure: 1 })
    expect(again.toast).toBe(seller.say('refund.refused-answered'))
    expect(await backOf(orderId)).toBe(order.goodsTotal)
  })

  test('that is declined is told to the buyer, and nothing moves', async () => {
    const { seller, buyer, orderId, moveId } = await asked()
    await seller.press({ do: 'answer-return', moveId, agrees: 0, isSure: 0 })
    await seller.pressFirst('answer-return')
    expect(await backOf(orderId)).toBe(0n)
    expect((await chat.shop.told(buyer.personId))['return-declined']).toBe(1)
  })
})

test('people of other shops are refused everywhere, and nothing is written', async () => {
  const made = await asked()
  const hand = await byHand()
  const { orderId, lineId, goods, moveId } = made
  const { sellerId } = goods
  const token = 'a'.repeat(16)
  const before = JSON.stringify(await movesOf(orderId), (_, value) =>
    typeof value === 'bigint' ? String(value) : value,
  )
  const intents: Intent[] = [
    { do: 'shop-orders', sellerId, page: 0 },
    { do: 'shop-order', orderId },
    { do: 'shop-money', sellerId },
    { do: 'shop-money-file', sellerId },
    { do: 'refund', orderId },
    { do: 'refund-line', orderId, lineId },
    { do: 'refund-lines', orderId, lineId, quantity: 1 },
    { do: 'refund-rest', orderId },
    { do: 'refund-other', orderId },
    { do: 'refund-lines-now', orderId, lineId, quantity: 1, token },
    { do: 'refund-amount-now', orderId, amount: 100n, token },
    { do: 'answer-return', moveId, agrees: 1, isSure: 0 },
    { do: 'answer-return', moveId, agrees: 1, isSure: 1 },
    { do: 'refund-made', moveId: hand.moveId, isSure: 0 },
    { do: 'refund-made', moveId: hand.moveId, isSure: 1 },
    { do: 'refund-made', moveId: chat.shop.deps.newId(), isSure: 1 },
  ]
  const stranger = await sellerOf(await chat.shop.goods())
  for (const guest of [stranger, made.buyer]) {
    for (const intent of intents) {
      const reply = await guest.press(intent)
      expect([intent.do, textOf(reply.message)]).toEqual([intent.do, guest.say('confused.not-found')])
    }
    expect(await guest.step()).toBe('none')
  }
  const after = JSON.stringify(await movesOf(orderId), (_, value) =>
    typeof value === 'bigint' ? String(value) : value,
  )
  expect(after).toBe(before)
  expect((await paymentOf(hand.orderId)).refunded).toBe(0n)
})

test('the shop’s money is shown and can be kept as a file', async () => {
  const { seller, goods } = await sold()
  const page = await seller.press({ do: 'shop-money', sellerId: goods.sellerId })
  seller.expectSays(page, 'shop-money.title')
  const file = await seller.pressFirst('shop-money-file')
  expect(file.asNew).toBe(true)
  expect(file.message?.document?.type).toBe('text/csv')
  expect(file.message?.document?.content.length).toBeGreaterThan(0)
  const { sellerId } = await chat.shop.goods()
  const other = await sellerOf({ ...goods, sellerId })
  other.expectSays(await other.press({ do: 'shop-money', sellerId }), 'shop-money.none')
})

test('every matter that the shop and the buyer are told of has words, leads on, and is dropped when it is done', async () => {
  const made = await asked()
  const hand = await byHand()
  const about = (kind: { orderId: number; moveId: string }, matter: string): Notice =>
    ({ kind: 'shop-attention', data: { orderId: kind.orderId, about: matter, moveId: kind.moveId } }) as Notice
  const forShop: [Guest, Notice][] = [
    ...[
      'return',
      'delivery',
      'cancelled',
      'left-anyway',
      'came-back',
      'lost',
      'hold',
      'difference',
      'chargeback',
      'chargeback-won',
    ].map((matter): [Guest, Notice] => [made.seller, about(made, matter)]),
    [hand.seller, about(hand, 'refund')],
  ]
  const { orderId, moveId } = hand
  const forBuyer: [Guest, Notice][] = [
    [hand.buyer, { kind: 'refund-done', data: { orderId, moveId } }],
    [hand.buyer, { kind: 'refund-by-hand', data: { orderId, moveId } }],
    [hand.buyer, { kind: 'paid-twice', data: { orderId } }],
    [hand.buyer, { kind: 'return-declined', data: { orderId, moveId } }],
    [hand.buyer, { kind: 'hold-ending', data: { orderId, groupId: 1 } }],
    [hand.buyer, { kind: 'refund-owed', data: { orderId } }],
    [hand.buyer, { kind: 'delivery-refused', data: { orderId } }],
    [hand.buyer, { kind: 'order-paid', data: { orderId } }],
    [hand.buyer, { kind: 'money-released', data: { orderId, late: false } }],
  ]
  const tell = (guest: Guest, notice: Notice, language: (typeof languages)[number] = 'ru') =>
    noticeScreen(notice, guest.personId, { ...guest.reader, language }, chat.shop.deps)
  for (const language of languages) {
    for (const [guest, notice] of [...forShop, ...forBuyer]) {
      const told = await tell(guest, notice, language)
      if (!told) throw new Error(`${JSON.stringify(notice)} says nothing`)
      const message = screenToMessage(told.screen, { ...guest.reader, language })
      checkMessage(message)
      expect(textOf(message)).not.toMatch(/notice\.|reason\./)
    }
  }
  // The paid order stands: an extra hold that was given back is not the end of it.
  const released = await tell(hand.buyer, { kind: 'money-released', data: { orderId, late: false } })
  expect(released?.screen.lines[0]).toMatchObject({ key: 'notice.money-back-twice' })
  for (const [, notice] of [...forShop, ...forBuyer]) {
    expect(await tell(await chat.buyer(), notice)).toBeUndefined()
  }
  await made.seller.press({ do: 'answer-return', moveId: made.moveId, agrees: 0, isSure: 1 })
  await hand.seller.press({ do: 'refund-made', moveId, isSure: 1 })
  expect(await tell(made.seller, about(made, 'return'))).toBeUndefined()
  expect(await tell(hand.seller, about(hand, 'refund'))).toBeUndefined()
})
