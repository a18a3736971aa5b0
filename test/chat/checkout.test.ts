/**
 * From a price to the payment page: the questions about delivery, the order's page, and what other people may not do.
 * Long because each question has its own wrong answers, and they share the way that leads to them.
 */
import { describe, expect, test } from 'vitest'
import { shipmentStates } from '#domain/delivery.ts'
import { expireOrders } from '#shop/group-buy.ts'
import { buttonsOf, intentOf, intentsOf, textOf, useChat, type Guest } from './support.ts'

const chat = useChat()

const orderOf = async (guest: Guest) =>
  chat.shop.db.order.findFirstOrThrow({ where: { personId: guest.personId }, orderBy: { id: 'desc' } })
const countOrders = (guest: Guest) => chat.shop.db.order.count({ where: { personId: guest.personId } })

/** Somebody who has just pressed a price and is asked for their city. */
async function asked(firstName = 'Анна') {
  const guest = chat.guest({ firstName })
  const { variantId } = await chat.shop.goods()
  const question = await guest.press({ do: 'buy-alone', variantId })
  guest.expectSays(question, 'delivery.ask-city')
  return { guest, variantId }
}

describe('the city', () => {
  test('is typed, its pickup points are offered', async () => {
    const { guest } = await asked()
    const { message } = await guest.write('  казань ')
    guest.expectSays(message, 'delivery.which-point', { city: 'Казань' })
    const points = intentsOf(message).filter((intent) => intent.do === 'point')
    expect(points.length).toBeGreaterThan(1)
    expect(textOf(message)).toContain('📍')
  })

  test('is sent as a place on the map', async () => {
    const { guest } = await asked()
    const { message } = await guest.send({ kind: 'location', latitude: 55.79, longitude: 49.1 })
    expect(textOf(message)).toContain(guest.say('delivery.which-point', { city: 'Казань' }))
  })

  test('is a place in the middle of the ocean: the question stays open', async () => {
    const { guest } = await asked()
    const { message } = await guest.send({ kind: 'location', latitude: -40, longitude: -30 })
    guest.expectSays(message, 'delivery.city-unclear')
    expect(await guest.step()).toBe('city')
  })

  test('may be one of several: they are told apart by their region and chosen by a button', async () => {
    const { guest } = await asked()
    const { message } = await guest.write('П')
    guest.expectSays(message, 'delivery.which-city')
    const cities = intentsOf(message).filter((intent) => intent.do === 'city')
    expect(cities.length).toBeGreaterThan(1)
    expect(buttonsOf(message).map(({ label }) => label)).toContain('Пермь, Пермский край')
    const chosen = await guest.press({ do: 'city', cityCode: 248 })
    guest.expectSays(chosen, 'delivery.which-point', { city: 'Пермь' })
  })

  test('that was not offered is not taken from a forged button', async () => {
    const { guest } = await asked()
    await guest.write('П')
    const forged = await guest.press({ do: 'city', cityCode: 44 })
    guest.expectSays(forged, 'delivery.ask-city')
    expect(await guest.step()).toBe('city')
  })

  test.each(['Атлантида', 'x', '<b>Казань</b>', 'а'.repeat(4096), '🦊'.repeat(2048)])(
    'that nobody knows (%j) is asked for again',
    async (text) => {
      const { guest } = await asked()
      const { message } = await guest.write(text)
      guest.expectSays(message, 'delivery.city-unclear')
      expect(await guest.step()).toBe('city')
      const after = await guest.write('Казань')
      guest.expectSays(after, 'delivery.which-point', { city: 'Казань' })
    },
  )
})

describe('the pickup point', () => {
  test('of another city, or forged, is not taken', async () => {
    const { guest } = await asked()
    for (const pointCode of ['MOS441', 'constructor', '-']) {
      await guest.write('Казань')
      const { message } = await guest.press({ do: 'point', pointCode })
      guest.expectSays(message, 'delivery.point-gone')
      // Those that are there stand below it.
      guest.expectSays(message, 'delivery.which-point', { city: 'Казань' })
      expect(intentOf(message, 'point').pointCode).toMatch(/^KAZ/)
    }
    expect(await chat.shop.db.recipient.count({ where: { personId: guest.personId } })).toBe(0)
    expect(await guest.step()).toBe('city')
  })

  test('pressed after the purchase was left is out of date', async () => {
    const { guest } = await asked()
    const { message } = await guest.write('Казань')
    const point = intentOf(message, 'point')
    await guest.press({ do: 'home' })
    const stale = await guest.press(point)
    guest.expectSays(stale, 'confused.button')
    const city = await guest.press({ do: 'city', cityCode: 424 })
    expect(textOf(city.message)).toBe(guest.say('confused.button'))
  })
})

describe('the phone number', () => {
  async function askedForPhone(firstName?: string) {
    const { guest } = await asked(firstName)
    await guest.write('Казань')
    const question = await guest.pressFirst('point')
    expect(question).toMatchObject({ asNew: true, message: { ask: { kind: 'contact' } } })
    return guest
  }

  test('is typed, and the payment page follows at once', async () => {
    const guest = await askedForPhone()
    const { message } = await guest.write('8 (912) 345-67-89')
    const order = await orderOf(guest)
    expect(order).toMatchObject({ recipientName: 'Анна', recipientPhone: '+79123456789', cityName: 'Казань' })
    const pay = buttonsOf(message).find((button) => 'pay' in button)
    expect(pay?.label).toBe(guest.say('button.pay', { total: { money: { amount: order.total, currency: 'RUB' } } }))
    guest.expectSays(message, 'order.title', { number: order.number })
    guest.expectSays(message, 'order.hold-alone', { until: { at: order.expiresAt } })
    expect(await guest.step()).toBe('none')
  })

  test.each(['79123456789', '+79123456789'])('is shared as the contact %s, with the name in it', async (phone) => {
    const guest = await askedForPhone()
    await guest.send({ kind: 'contact', phone, name: 'Пётр Ильич', own: true })
    expect(await orderOf(guest)).toMatchObject({ recipientName: 'Пётр Ильич', recipientPhone: '+79123456789' })
  })

  test.each([
    { kind: 'text', text: 'позвоните мне' },
    { kind: 'text', text: '' },
    { kind: 'text', text: '1'.repeat(4096) },
    { kind: 'text', text: "'; DROP TABLE person; --" },
    { kind: 'contact', phone: 'x', name: 'x', own: false },
    { kind: 'contact', phone: '', name: '', own: true },
    { kind: 'location', latitude: 55, longitude: 37 },
    { kind: 'other' },
  ] as const)('is not %j: asked again, nothing lost', async (answer) => {
    const guest = await askedForPhone()
    const reply = await guest.send(answer)
    guest.expectSays(reply, 'delivery.phone-unclear')
    expect(reply.message?.ask).toBeDefined()
    expect(await guest.step()).toBe('phone')
    await guest.write('+7 912 345-67-89')
    expect(await countOrders(guest)).toBe(1)
  })

  test('is followed by the name only where the profile has none that a parcel could go to', async () => {
    const guest = await askedForPhone('🦊')
    const question = await guest.write('+7 912 345-67-89')
    guest.expectSays(question, 'delivery.ask-name')
    for (const answer of [{ kind: 'text', text: '12345' }, { kind: 'other' }] as const) {
      guest.expectSays(await guest.send(answer), 'delivery.name-unclear')
      expect(await guest.step()).toBe('name')
    }
    await guest.write('Анна-Мария О’Нил')
    expect(await orderOf(guest)).toMatchObject({ recipientName: 'Анна-Мария О’Нил', recipientPhone: '+79123456789' })
  })
})

test('the next purchase asks nothing', async () => {
  const buyer = await chat.buyer()
  const { variantId } = await chat.shop.goods()
  const { message } = await buyer.press({ do: 'buy-alone', variantId })
  expect(buttonsOf(message).some((button) => 'pay' in button)).toBe(true)
})

test('a repeated update and a second tap lead to the same order', async () => {
  const buyer = await chat.buyer()
  const { variantId } = await chat.shop.goods()
  const before = await countOrders(buyer)
  await buyer.press({ do: 'buy-alone', variantId }, { updateId: 'tap' })
  await buyer.press({ do: 'buy-alone', variantId }, { updateId: 'tap' })
  await buyer.press({ do: 'buy-alone', variantId })
  expect(await countOrders(buyer)).toBe(before + 1)
})

test('an open question survives other buttons and is dropped by the menu', async () => {
  const { guest } = await asked()
  await guest.press({ do: 'categories' })
  await guest.press({ do: 'orders' })
  await guest.press({ do: 'product', productId: 1 })
  expect(await guest.step()).toBe('city')
  await guest.press({ do: 'home' })
  expect(await guest.step()).toBe('none')
  const found = await guest.write('чай')
  expect(textOf(found.message)).toContain('«чай»')
})

test('an unpaid order is cancelled, and what it held is free again', async () => {
  const buyer = await chat.buyer()
  const goods = await chat.shop.goods({ stock: 1 })
  await buyer.press({ do: 'buy-alone', variantId: goods.variantId })
  expect(await chat.shop.stock(goods)).toEqual({ onHand: 1, reserved: 1 })
  const cancelled = await buyer.pressFirst('cancel-order')
  expect(cancelled.toast).toBe(buyer.say('order.cancelled-toast'))
  buyer.expectSays(cancelled, 'order.status', { status: { key: 'order.state.cancelled' } })
  expect(textOf(cancelled.message)).not.toContain('Привезём')
  expect(await chat.shop.stock(goods)).toEqual({ onHand: 1, reserved: 0 })
  const again = await buyer.press({ do: 'cancel-order', orderId: (await orderOf(buyer)).id })
  expect(again).toMatchObject({ toast: buyer.say('refusal.too-late'), alert: true })
})

test('delivery is changed before paying: the same purchase goes on to another point, to the same person', async () => {
  const buyer = await chat.buyer()
  const { variantId } = await chat.shop.goods()
  await buyer.press({ do: 'buy-alone', variantId })
  buyer.expectSays(await buyer.pressFirst('change-delivery'), 'delivery.ask-city')
  await buyer.write('Пермь')
  await buyer.pressFirst('point')
  expect(await orderOf(buyer)).toMatchObject({
    cityName: 'Пермь',
    recipientPhone: '+79123456789',
    state: 'awaiting_payment',
  })
})

const payButton = (guest: Guest) => buttonsOf(guest.last).find((button) => 'pay' in button)

test('until another place is chosen the order stays as it is, and can be paid for', async () => {
  const buyer = await chat.buyer()
  const goods = await chat.shop.goods({ stock: 1 })
  await buyer.press({ do: 'buy-alone', variantId: goods.variantId })
  const { id: orderId } = await orderOf(buyer)
  const paying = payButton(buyer)
  const question = await buyer.press({ do: 'change-delivery', orderId })
  expect(intentsOf(question.message)).toContainEqual({ do: 'order', orderId })
  await buyer.write('Пермь')
  await buyer.press({ do: 'home' })
  await buyer.press({ do: 'order', orderId })
  expect(payButton(buyer)).toEqual(paying)
  await chat.shop.pay(orderId)
  expect(await chat.shop.stateOf(orderId)).toMatchObject({ order: 'awaiting_payment', payments: ['capturing'] })
  expect(await chat.shop.stock(goods)).toEqual({ onHand: 1, reserved: 1 })
})

test('the place is changed even where the order holds the last unit or the last seat', async () => {
  const buyer = await chat.buyer()
  const goods = await chat.shop.goods({ stock: 2, size: 2 })
  const { groupId } = await chat.shop.openGroup(goods)
  await buyer.press({ do: 'join', groupId })
  const { id: orderId } = await orderOf(buyer)
  await buyer.press({ do: 'change-delivery', orderId })
  await buyer.write('Пермь')
  const updateId = 'point-of-perm'
  const point = intentOf(buyer.last, 'point')
  await buyer.press(point, { updateId })
  const changed = await orderOf(buyer)
  expect(changed).toMatchObject({ cityName: 'Пермь', state: 'awaiting_payment' })
  expect(changed.id).not.toBe(orderId)
  expect(await chat.shop.stateOf(orderId)).toMatchObject({ order: 'cancelled', seat: 'released', stock: 'released' })
  expect(await chat.shop.group(groupId)).toMatchObject({ state: 'open', takenSeats: 2, paidSeats: 1 })
  expect(await chat.shop.stock(goods)).toEqual({ onHand: 2, reserved: 2 })
  await chat.shop.pay(changed.id)
  expect(await chat.shop.group(groupId)).toMatchObject({ state: 'formed' })
})

test('what cannot be bought for another place leaves the order as it was, and says so', async () => {
  const buyer = await chat.buyer()
  const { variantId, productId } = await chat.shop.goods()
  await buyer.press({ do: 'buy-alone', variantId })
  const { id: orderId } = await orderOf(buyer)
  const paying = payButton(buyer)
  await buyer.press({ do: 'change-delivery', orderId })
  await buyer.write('Пермь')
  await chat.shop.db.product.update({ where: { id: productId }, data: { withdrawnAt: chat.shop.now } })
  const refused = await buyer.pressFirst('point')
  buyer.expectSays(refused, 'refusal.withdrawn')
  buyer.expectSays(refused, 'delivery.unchanged')
  expect(payButton(buyer)).toEqual(paying)
  expect(await orderOf(buyer)).toMatchObject({ id: orderId, cityName: 'Казань', state: 'awaiting_payment' })
})

test('an order that was paid for meanwhile keeps its place', async () => {
  const buyer = await chat.buyer()
  const { variantId } = await chat.shop.goods()
  await buyer.press({ do: 'buy-alone', variantId })
  const { id: orderId } = await orderOf(buyer)
  await buyer.press({ do: 'change-delivery', orderId })
  await buyer.write('Пермь')
  await chat.shop.pay(orderId)
  const late = await buyer.pressFirst('point')
  buyer.expectSays(late, 'refusal.too-late')
  expect(await orderOf(buyer)).toMatchObject({ id: orderId, cityName: 'Казань' })
  const again = await buyer.press({ do: 'change-delivery', orderId })
  expect(again.toast).toBe(buyer.say('refusal.too-late'))
})

test('an order whose time ran out while another place was chosen is bought anew', async () => {
  const buyer = await chat.buyer()
  const { variantId } = await chat.shop.goods()
  await buyer.press({ do: 'buy-alone', variantId })
  const { id: orderId } = await orderOf(buyer)
  await buyer.press({ do: 'change-delivery', orderId })
  await buyer.write('Пермь')
  await expireOrders(chat.shop.db, chat.shop.pass(16 * 60_000))
  await buyer.pressFirst('point')
  expect(await orderOf(buyer)).toMatchObject({ cityName: 'Пермь', state: 'awaiting_payment' })
  expect(await countOrders(buyer)).toBe(2)
})

test('where the goods cannot go, another city is asked for', async () => {
  const buyer = await chat.buyer()
  const { variantId } = await chat.shop.goods()
  await chat.shop.db.variant.update({ where: { id: variantId }, data: { weightGrams: 900_000 } })
  const refused = await buyer.press({ do: 'buy-alone', variantId })
  buyer.expectSays(refused, 'refusal.no-delivery')
  buyer.expectSays(refused, 'delivery.ask-city')
  expect(await buyer.step()).toBe('city')
})

test('what has just sold out is refused, and nothing is written', async () => {
  const buyer = await chat.buyer()
  const { variantId } = await chat.shop.goods({ stock: 0 })
  const before = await countOrders(buyer)
  buyer.expectSays(await buyer.press({ do: 'buy-alone', variantId }), 'refusal.out-of-stock')
  expect(await countOrders(buyer)).toBe(before)
})

test('a decline says what can be done about it, and the next attempt has a page of its own', async () => {
  const buyer = await chat.buyer()
  const { variantId } = await chat.shop.goods()
  await buyer.press({ do: 'buy-alone', variantId })
  const { id } = await orderOf(buyer)
  await chat.shop.hint(await chat.shop.atProvider(id, 'declined'))
  const page = await buyer.press({ do: 'order', orderId: id })
  expect(textOf(page.message)).toContain('❌')
  chat.shop.pass(60_000)
  const again = await buyer.pressFirst('pay-again')
  expect(buttonsOf(again.message).some((button) => 'pay' in button)).toBe(true)
  await chat.shop.pay(id)
  const paid = await buyer.press({ do: 'pay-again', orderId: id })
  expect(intentsOf(paid.message).map((intent) => intent.do)).not.toContain('cancel-order')
})

test('an order whose time is over offers no payment', async () => {
  const buyer = await chat.buyer()
  const { variantId } = await chat.shop.goods()
  await buyer.press({ do: 'buy-alone', variantId })
  const { id } = await orderOf(buyer)
  chat.shop.pass(16 * 60_000)
  const { message } = await buyer.press({ do: 'order', orderId: id })
  expect(buttonsOf(message).some((button) => 'pay' in button)).toBe(false)
})

test("somebody else's order is nobody's business: not shown, not paid, not cancelled, not changed", async () => {
  const buyer = await chat.buyer()
  const { variantId } = await chat.shop.goods()
  await buyer.press({ do: 'buy-alone', variantId })
  const { id: orderId } = await orderOf(buyer)
  const thief = await chat.buyer()
  for (const name of ['order', 'pay-again', 'cancel-order', 'change-delivery'] as const) {
    const reply = await thief.press({ do: name, orderId })
    expect(textOf(reply.message)).toBe(thief.say('confused.not-found'))
  }
  expect((await orderOf(buyer)).state).toBe('awaiting_payment')
})

test('a sixth unpaid order is refused with a way to the others, and nothing is written', async () => {
  const buyer = await chat.buyer()
  for (let made = 0; made < 5; made += 1) {
    await buyer.press({ do: 'buy-alone', variantId: (await chat.shop.goods()).variantId })
  }
  const goods = await chat.shop.goods()
  const before = await chat.shop.db.order.count()
  const reply = await buyer.press({ do: 'buy-alone', variantId: goods.variantId })
  buyer.expectSays(reply, 'refusal.too-many-unpaid')
  expect(intentsOf(reply.message)).toContainEqual({ do: 'orders' })
  expect(await chat.shop.db.order.count()).toBe(before)
  expect((await chat.shop.stock(goods)).reserved).toBe(0)
})

test('the list of orders has the eight newest, each with its page', async () => {
  const buyer = await chat.buyer()
  for (let made = 0; made < 9; made += 1) {
    const { variantId, productId } = await chat.shop.goods()
    await chat.shop.db.product.update({ where: { id: productId }, data: { title: { ru: 'Ф'.repeat(250) } } })
    await buyer.press({ do: 'buy-alone', variantId })
    // Five unpaid ones are the most that a person may have.
    await buyer.press({ do: 'cancel-order', orderId: (await orderOf(buyer)).id })
  }
  const { message } = await buyer.command('orders')
  const orders = intentsOf(message).filter((intent) => intent.do === 'order')
  expect(orders).toHaveLength(8)
  const page = await buyer.press(orders[0] ?? { do: 'home' })
  buyer.expectSays(page, 'order.title', { number: (await orderOf(buyer)).number })
})

test('without orders the list says so and offers the search', async () => {
  const guest = chat.guest()
  const { message } = await guest.command('orders')
  guest.expectSays(message, 'orders.none')
  expect(intentsOf(message)).toEqual([{ do: 'ask-search' }, { do: 'home' }])
})

test('every state of a parcel has words on the page of its order', async () => {
  const buyer = await chat.buyer()
  const { variantId } = await chat.shop.goods()
  await buyer.press({ do: 'buy-alone', variantId })
  const { id: orderId } = await orderOf(buyer)
  await chat.shop.pay(orderId)
  await chat.shop.runJobs(1)
  const { db } = chat.shop
  const states = ['requested', 'refused', ...shipmentStates]
  for (const language of ['en', 'zh', 'ru'] as const) {
    await buyer.press({ do: 'set-language', language })
    for (const state of states) {
      await db.shipment.update({ where: { orderId }, data: { state } })
      await db.order.update({
        where: { id: orderId },
        data: { state: state === 'refused' ? 'packable' : 'handed_over' },
      })
      const { message } = await buyer.press({ do: 'order', orderId })
      expect(textOf(message)).not.toMatch(/order\.state|shipment\./)
    }
  }
})
