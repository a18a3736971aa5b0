/** How a purchase ends before it arrives, and what a page that was left open does to it. */
import { afterEach, expect, test } from 'vitest'
import type { PaymentMethod } from '#domain/payments.ts'
import { methodsOfOrder, payBy } from '#shop/paying.ts'
import { pollDueShipments, refreshShipment } from '#shop/delivery.ts'
import { closeDueGroups, expireOrders } from '#shop/group-buy.ts'
import { cancelOrder, orderOf } from '#shop/orders.ts'
import { applyProviderPayment } from '#shop/purchases.ts'
import { assertInvariants } from './invariants.ts'
import { countRows, hour, minute, useShop, type Goods, type GoodsOptions } from './support.ts'

const shop = useShop()
afterEach(() => shop.clearFaults())

const everyMethod: NonNullable<GoodsOptions['terms']> = {
  paymentMethods: ['card', 'sbp', 'on-delivery'],
  onDeliveryForGroups: true,
}
const cancel = (personId: number, orderId: number) =>
  cancelOrder(shop.db, { personId, orderId, now: shop.now }, shop.deps.carrier)
const by = (personId: number, orderId: number, method: PaymentMethod) =>
  payBy(shop.db, { personId, orderId, method, now: shop.now }, shop.deps)
const join = (personId: number, groupId: number) => shop.order(personId, { kind: 'join', groupId })
const tooLate = { ok: false, reason: 'too-late' }

async function alone(goods: Goods) {
  const personId = await shop.person()
  const order = await shop.order(personId, { kind: 'alone', variantId: goods.variantId })
  return { personId, orderId: order.orderId, total: order.total }
}
/** Bought alone, the money taken, the parcel with nobody yet. */
async function bought(goods: Goods) {
  const order = await alone(goods)
  await shop.pay(order.orderId)
  await shop.runJobs()
  return order
}
/** The page of each method of an order. */
async function pagesOf(orderId: number): Promise<Partial<Record<PaymentMethod, string>>> {
  const rows = await shop.db.payment.findMany({ where: { orderId } })
  return Object.fromEntries(rows.map(({ method, externalId }) => [method, externalId ?? '']))
}
const payAt = async (page = '') => expect(await shop.act(`/sim/yookassa/${page}`, { outcome: 'paid' })).toBe(200)
/** Money that the provider has of an order, less what it gave back, in kopecks. */
async function keptFor(orderId: number): Promise<bigint> {
  const ids = (await shop.db.payment.findMany({ where: { orderId } })).map(({ id }) => id)
  const value = (text = '0.00') => BigInt(text.replace('.', ''))
  return (await shop.truth())
    .filter(({ status, metadata }) => status === 'succeeded' && ids.includes(metadata.paymentId ?? ''))
    .reduce((sum, { amount, refunded_amount }) => sum + value(amount.value) - value(refunded_amount?.value), 0n)
}

test('whoever leaves an open group frees the seat at once, and the hold is given back', async () => {
  const goods = await shop.goods({ size: 3, stock: 5 })
  const { groupId } = await shop.openGroup(goods)
  const leaver = await shop.person()
  const { orderId } = await join(leaver, groupId)
  await shop.pay(orderId)
  const results = await Promise.all(Array.from({ length: 5 }, () => cancel(leaver, orderId)))
  expect(results.filter(({ ok }) => ok)).toHaveLength(1)
  // Nothing was asked of the provider yet, and the seat is there for others already.
  expect(await shop.stateOf(orderId)).toMatchObject({
    order: 'cancelled',
    payments: ['voiding'],
    seat: 'released',
    stock: 'released',
  })
  expect(await shop.group(groupId)).toMatchObject({ state: 'open', takenSeats: 1, paidSeats: 1 })
  expect(await shop.stock(goods)).toEqual({ onHand: 5, reserved: 1 })
  for (const person of await shop.people(2)) await shop.pay((await join(person, groupId)).orderId)
  expect(await shop.group(groupId)).toMatchObject({ state: 'formed' })
  await shop.settle()
  expect(await shop.stateOf(orderId)).toMatchObject({ payments: ['voided'], moves: ['void done'] })
  expect(await shop.told(leaver)).toMatchObject({ 'money-released': 1 })
  expect(await shop.story(orderId)).toEqual(['page', 'held', 'voided'])
  expect(await cancel(leaver, orderId)).toEqual(tooLate)
})

test('money that was charged at once is given back to whoever leaves an open group', async () => {
  const goods = await shop.goods({ size: 3, terms: everyMethod })
  const { groupId } = await shop.openGroup(goods)
  const leaver = await shop.person()
  const { orderId } = await join(leaver, groupId)
  await by(leaver, orderId, 'sbp')
  await shop.pay(orderId)
  expect(await shop.stateOf(orderId)).toMatchObject({
    order: 'awaiting_group',
    payments: expect.arrayContaining(['captured']) as string[],
  })
  expect(await cancel(leaver, orderId)).toMatchObject({ ok: true })
  expect(await shop.group(groupId)).toMatchObject({ takenSeats: 1, paidSeats: 1 })
  await shop.settle()
  expect(await shop.stateOf(orderId)).toMatchObject({ order: 'cancelled', seat: 'refunded', moves: ['refund done'] })
  expect(await keptFor(orderId)).toBe(0n)
  expect(await shop.told(leaver)).toMatchObject({ 'refund-owed': 1, 'refund-done': 1 })
})

test('a leaver and the last payment at once, ten times: no group forms with money that is on its way back', async () => {
  const ends = new Set<string>()
  const goods = await shop.goods({ size: 2, stock: 100 })
  const rounds = []
  for (let round = 0; round < 10; round += 1) {
    const { groupId, leader, orderId } = await shop.openGroup(goods)
    const last = await join(await shop.person(), groupId)
    rounds.push({ groupId, leader, orderId, lastOrder: last.orderId, page: await shop.atProvider(last.orderId) })
  }
  await Promise.all(
    rounds.flatMap(({ leader, orderId, page }, round) => {
      const acts = [() => cancel(leader, orderId), () => shop.hint(page)]
      if (round % 2 === 0) acts.reverse()
      return acts.map((act) => act())
    }),
  )
  await shop.settle()
  for (const { groupId, orderId, lastOrder } of rounds) {
    const { state, paidSeats } = await shop.group(groupId)
    ends.add(state)
    expect({ state, paidSeats }).toEqual(state === 'formed' ? { state, paidSeats: 2 } : { state: 'open', paidSeats: 1 })
    expect(await shop.stateOf(orderId)).toMatchObject(
      state === 'formed'
        ? { order: 'packable', moves: ['capture done'] }
        : { order: 'cancelled', moves: ['void done'], seat: 'released' },
    )
    expect((await shop.stateOf(lastOrder)).order).toBe(state === 'formed' ? 'packable' : 'awaiting_group')
  }
  for (const end of ends) expect(['formed', 'open']).toContain(end)
})

test('between the last payment and the capture nobody leaves any more', async () => {
  const goods = await shop.goods({ size: 2 })
  const { groupId, leader, orderId } = await shop.openGroup(goods)
  await shop.pay((await join(await shop.person(), groupId)).orderId)
  const before = await countRows(shop.db)
  expect(await cancel(leader, orderId)).toEqual(tooLate)
  expect(await countRows(shop.db)).toEqual(before)
  await shop.settle()
  // Once it is taken it goes back, and the group stays formed for the others.
  expect(await cancel(leader, orderId)).toMatchObject({ ok: true })
  await shop.settle()
  expect(await shop.stateOf(orderId)).toMatchObject({ order: 'cancelled', seat: 'refunded', payments: ['refunded'] })
  expect(await shop.group(groupId)).toMatchObject({ state: 'formed', paidSeats: 2 })
})

test('cancelled after the capture and before the carrier has it: money and goods back, the shop told, the parcel stopped', async () => {
  const goods = await shop.goods({ stock: 5 })
  const seller = await shop.seller(goods)
  const { personId, orderId } = await bought(goods)
  expect(await shop.stock(goods)).toEqual({ onHand: 4, reserved: 0 })
  expect(await cancel(await shop.person(), orderId)).toEqual({ ok: false, reason: 'not-found' })
  const results = await Promise.all(Array.from({ length: 5 }, () => cancel(personId, orderId)))
  expect(results.filter(({ ok }) => ok)).toHaveLength(1)
  expect(await shop.stock(goods)).toEqual({ onHand: 5, reserved: 0 })
  await shop.settle()
  expect(await shop.stateOf(orderId)).toMatchObject({
    order: 'cancelled',
    payments: ['refunded'],
    moves: ['capture done', 'refund done'],
    shipment: 'cancelled',
    stock: 'released',
  })
  expect(await shop.stock(goods)).toEqual({ onHand: 5, reserved: 0 })
  expect(await shop.told(seller)).toMatchObject({ 'shop-attention': 1 })
  expect(await shop.told(personId)).toMatchObject({ 'refund-owed': 1, 'refund-done': 1 })
  expect(await keptFor(orderId)).toBe(0n)

  // The carrier's news of an empty label come late and change nothing.
  const row = await shop.db.shipment.findUniqueOrThrow({ where: { orderId } })
  const told = await shop.told(personId)
  for (const status of ['RECEIVED_AT_SHIPMENT_WAREHOUSE', 'DELIVERED']) {
    shop.pass(hour)
    await shop.act(`/sim/shipments/${row.externalId}`, { status })
    await refreshShipment(shop.db, row.id, shop.deps.carrier, shop.now)
  }
  expect(await shop.stateOf(orderId)).toMatchObject({ order: 'cancelled', shipment: 'cancelled', stock: 'released' })
  expect(await shop.told(personId)).toEqual(told)
  await shop.settle()
})

test('once the carrier has it, it is too late to cancel, and nothing is written', async () => {
  const { personId, orderId } = await bought(await shop.goods())
  for (const code of ['RECEIVED_AT_SHIPMENT_WAREHOUSE', 'DELIVERED']) {
    await shop.parcel(orderId, code)
    const before = await countRows(shop.db)
    expect(await cancel(personId, orderId)).toEqual(tooLate)
    expect(await countRows(shop.db)).toEqual(before)
  }
  await shop.settle()
})

test('what we know of the parcel may be old: the carrier is asked first, and one that is silent leaves the order as it is', async () => {
  const { personId, orderId } = await bought(await shop.goods())
  const row = await shop.db.shipment.findUniqueOrThrow({ where: { orderId } })
  await shop.act('/sim/cdek/faults', { match: '*', kind: '500_without_effect' })
  const before = await countRows(shop.db)
  expect(await cancel(personId, orderId)).toEqual({ ok: false, reason: 'carrier-silent' })
  expect(await countRows(shop.db)).toEqual(before)
  await shop.clearFaults()
  // Nobody has told us.
  await shop.act(`/sim/shipments/${row.externalId}`, { status: 'RECEIVED_AT_SHIPMENT_WAREHOUSE' })
  expect(await cancel(personId, orderId)).toEqual(tooLate)
  expect(await shop.stateOf(orderId)).toMatchObject({ order: 'handed_over', payments: ['captured'] })
  await shop.settle()
})

test('a parcel that leaves although its order was cancelled is the shop’s to stop', async () => {
  const goods = await shop.goods()
  const seller = await shop.seller(goods)
  const { personId, orderId } = await bought(goods)
  const row = await shop.db.shipment.findUniqueOrThrow({ where: { orderId } })
  expect(await cancel(personId, orderId)).toMatchObject({ ok: true })
  await shop.act(`/sim/shipments/${row.externalId}`, { status: 'RECEIVED_AT_SHIPMENT_WAREHOUSE' })
  await pollDueShipments(shop.db, shop.pass(25 * hour))
  await shop.settle()
  const matters = await shop.db.notification.findMany({ where: { personId: seller }, select: { data: true } })
  expect(matters.map(({ data }) => (data as { about: string }).about).toSorted()).toEqual(['cancelled', 'left-anyway'])
  expect(await shop.stateOf(orderId)).toMatchObject({ order: 'cancelled', shipment: 'cancelled' })
})

test('a cancellation and the hand-over at once end in one of the two', async () => {
  for (let round = 0; round < 5; round += 1) {
    const { personId, orderId } = await bought(await shop.goods())
    const row = await shop.db.shipment.findUniqueOrThrow({ where: { orderId } })
    await shop.act(`/sim/shipments/${row.externalId}`, { status: 'RECEIVED_AT_SHIPMENT_WAREHOUSE' })
    await Promise.all([cancel(personId, orderId), refreshShipment(shop.db, row.id, shop.deps.carrier, shop.now)])
    await shop.settle()
    const { order, shipment } = await shop.stateOf(orderId)
    expect(['cancelled cancelled', 'handed_over accepted']).toContain(`${order} ${shipment}`)
  }
})

test('a promise to pay at the door buys alone; taken at the door it is collected, booked and told', async () => {
  const goods = await shop.goods({ stock: 5, terms: everyMethod })
  const { personId, orderId, total } = await alone(goods)
  expect(await by(personId, orderId, 'on-delivery')).toMatchObject({
    ok: true,
    order: { state: 'packable', payment: { method: 'on-delivery', state: 'promised' } },
  })
  expect(await shop.stock(goods)).toEqual({ onHand: 4, reserved: 0 })
  await shop.settle()
  expect(await shop.db.posting.count({ where: { orderId } })).toBe(0)
  await shop.parcel(orderId, 'RECEIVED_AT_SHIPMENT_WAREHOUSE', 'DELIVERED')
  await shop.settle()
  expect(await orderOf(shop.db, orderId, personId)).toMatchObject({
    state: 'delivered',
    payment: { state: 'captured', captured: total },
  })
  expect((await shop.story(orderId)).filter((kind) => kind !== 'declined')).toEqual(['page', 'promised', 'collected'])
  expect(await shop.db.posting.findMany({ where: { orderId }, select: { kind: true } })).toEqual([
    { kind: 'taken' },
    { kind: 'earned' },
  ])
})

test('a promise takes a seat where the seller bears the risk; the group forms with it, or fails and it is over', async () => {
  const goods = await shop.goods({ size: 2, terms: everyMethod })
  const { groupId } = await shop.openGroup(goods)
  const friend = await shop.person()
  const { orderId } = await join(friend, groupId)
  expect(await by(friend, orderId, 'on-delivery')).toMatchObject({ ok: true, order: { state: 'packable' } })
  expect(await shop.group(groupId)).toMatchObject({ state: 'formed' })
  await shop.settle()
  expect(await shop.stateOf(orderId)).toMatchObject({ order: 'packable', seat: 'confirmed' })
  expect((await shop.stateOf(orderId)).payments).toContain('promised')

  const alsoOpen = await shop.openGroup(await shop.goods({ size: 3, terms: everyMethod }))
  const unlucky = await shop.person()
  const promised = await join(unlucky, alsoOpen.groupId)
  await by(unlucky, promised.orderId, 'on-delivery')
  await closeDueGroups(shop.db, shop.pass(31 * minute))
  await shop.settle()
  expect(await shop.stateOf(promised.orderId)).toMatchObject({
    order: 'cancelled',
    payments: expect.arrayContaining(['voided']) as string[],
    seat: 'released',
    stock: 'released',
  })
  expect(await shop.told(unlucky)).toMatchObject({ 'group-failed': 1 })
})

test('a promise in a group is left without asking anybody; one whose parcel is with nobody yet is broken too', async () => {
  const goods = await shop.goods({ size: 3, stock: 5, terms: everyMethod })
  const { groupId } = await shop.openGroup(goods)
  const leaver = await shop.person()
  const { orderId } = await join(leaver, groupId)
  await by(leaver, orderId, 'on-delivery')
  expect(await cancel(leaver, orderId)).toMatchObject({ ok: true })
  expect(await shop.group(groupId)).toMatchObject({ takenSeats: 1, paidSeats: 1 })

  const single = await alone(goods)
  await by(single.personId, single.orderId, 'on-delivery')
  await shop.runJobs()
  expect(await cancel(single.personId, single.orderId)).toMatchObject({ ok: true })
  expect(await shop.stock(goods)).toEqual({ onHand: 5, reserved: 1 })
  await shop.settle()
  for (const id of [orderId, single.orderId]) {
    expect((await shop.stateOf(id)).payments.sort()).toEqual(['pending', 'voided'])
    expect((await shop.stateOf(id)).moves).toEqual([])
  }
})

test('a parcel that is refused at the door ends the order, and its buyer is not offered that way again', async () => {
  const goods = await shop.goods({ stock: 5, terms: everyMethod })
  const seller = await shop.seller(goods)
  const { personId, orderId } = await alone(goods)
  await by(personId, orderId, 'on-delivery')
  await shop.runJobs()
  await shop.parcel(orderId, 'RECEIVED_AT_SHIPMENT_WAREHOUSE', 'NOT_DELIVERED')
  await shop.settle()
  expect(await shop.stateOf(orderId)).toMatchObject({
    order: 'cancelled',
    payments: expect.arrayContaining(['voided']) as string[],
    shipment: 'returning',
    stock: 'consumed',
  })
  expect(await orderOf(shop.db, orderId, personId)).toMatchObject({ cancelReason: 'refused-at-door' })
  expect(await shop.told(seller)).toMatchObject({ 'shop-attention': 1 })
  const next = await shop.order(personId, { kind: 'alone', variantId: goods.variantId })
  expect(await methodsOfOrder(shop.db, next, shop.deps)).toEqual(['card', 'sbp'])
  expect(await by(personId, next.orderId, 'on-delivery')).toEqual({ ok: false, reason: 'no-payment-method' })
})

test('two tabs, two methods, both paid, heard of in either order and at once: one buys, the other goes back', async () => {
  const goods = await shop.goods({ stock: 100, terms: everyMethod })
  for (const order of ['card first', 'sbp first', 'at once'] as const) {
    for (const last of ['card', 'sbp'] as const) {
      const { personId, orderId, total } = await alone(goods)
      expect(await by(personId, orderId, 'sbp')).toMatchObject({ ok: true, order: { payment: { method: 'sbp' } } })
      if (last === 'card') await by(personId, orderId, 'card')
      const { card = '', sbp = '' } = await pagesOf(orderId)
      await payAt(card)
      await payAt(sbp)
      if (order === 'at once') await Promise.all([shop.hint(card), shop.hint(sbp), shop.hint(card), shop.hint(sbp)])
      else for (const page of order === 'card first' ? [card, sbp] : [sbp, card]) await shop.hint(page)
      await shop.settle()
      expect(await shop.stateOf(orderId)).toMatchObject({ order: 'packable', stock: 'consumed' })
      expect(await keptFor(orderId)).toBe(total)
      expect(await shop.told(personId)).toMatchObject({ 'order-paid': 1, 'paid-twice': 1 })
      expect(await shop.db.shipment.count({ where: { orderId } })).toBe(1)
    }
  }
})

test('both tabs of a seat in a group paid: one seat, one payment, the other goes back', async () => {
  const goods = await shop.goods({ size: 3, terms: everyMethod })
  const { groupId } = await shop.openGroup(goods)
  for (const person of await shop.people(2)) {
    const { orderId, total } = await join(person, groupId)
    await by(person, orderId, 'sbp')
    const { card = '', sbp = '' } = await pagesOf(orderId)
    await payAt(card)
    await payAt(sbp)
    await Promise.all([shop.hint(card), shop.hint(sbp)])
    await shop.runJobs()
    expect(await shop.told(person)).toMatchObject({ 'paid-twice': 1 })
    expect(total).toBeGreaterThan(0n)
  }
  expect(await shop.group(groupId)).toMatchObject({ state: 'formed', paidSeats: 3 })
  await shop.settle()
})

test('a card page that is paid after a promise was made goes back: the parcel is paid for at the door', async () => {
  const { personId, orderId } = await alone(await shop.goods({ terms: everyMethod }))
  const { card } = await pagesOf(orderId)
  await by(personId, orderId, 'on-delivery')
  await payAt(card)
  await shop.hint(card ?? '')
  await shop.settle()
  expect((await shop.stateOf(orderId)).order).toBe('packable')
  expect((await shop.stateOf(orderId)).payments.sort()).toEqual(['promised', 'voided'])
  expect(await keptFor(orderId)).toBe(0n)
  expect(await shop.told(personId)).toMatchObject({ 'paid-twice': 1 })
})

test('switching there and back leads to the page that was there, and makes no third payment', async () => {
  const { personId, orderId } = await alone(await shop.goods({ terms: everyMethod }))
  const first = await orderOf(shop.db, orderId, personId)
  await by(personId, orderId, 'sbp')
  const back = await by(personId, orderId, 'card')
  expect(back).toMatchObject({ ok: true, order: { payment: first?.payment ?? {} } })
  const taps: PaymentMethod[] = ['sbp', 'card', 'sbp', 'card', 'sbp', 'card']
  await Promise.all(taps.map((method) => by(personId, orderId, method)))
  expect(await shop.db.payment.count({ where: { orderId } })).toBe(2)
  expect(await shop.db.payment.count({ where: { orderId, counts: true } })).toBe(1)
  await shop.pay(orderId)
  await shop.settle()
})

test('a page that was left for another method and is paid first is the one that pays', async () => {
  for (const isLate of [false, true]) {
    const { personId, orderId, total } = await alone(await shop.goods({ terms: everyMethod }))
    await by(personId, orderId, 'sbp')
    const { card = '' } = await pagesOf(orderId)
    if (isLate) await expireOrders(shop.db, shop.pass(16 * minute))
    await payAt(card)
    await shop.hint(card)
    await shop.settle()
    expect(await shop.stateOf(orderId)).toMatchObject({
      order: 'packable',
      payments: expect.arrayContaining(['captured', 'pending']) as string[],
    })
    expect(await orderOf(shop.db, orderId, personId)).toMatchObject({ payment: { method: 'card', state: 'captured' } })
    expect(await keptFor(orderId)).toBe(total)
  }
})

test('both pages paid after the time was over, while it is still there and when it is sold: right, and told', async () => {
  for (const isSold of [false, true]) {
    const goods = await shop.goods({ stock: 1, terms: everyMethod })
    const { personId, orderId, total } = await alone(goods)
    await by(personId, orderId, 'sbp')
    const { card = '', sbp = '' } = await pagesOf(orderId)
    await expireOrders(shop.db, shop.pass(16 * minute))
    if (isSold) await bought(goods)
    await payAt(sbp)
    await payAt(card)
    await Promise.all([shop.hint(card), shop.hint(sbp)])
    await shop.settle()
    expect((await shop.stateOf(orderId)).order).toBe(isSold ? 'cancelled' : 'packable')
    expect(await keptFor(orderId)).toBe(isSold ? 0n : total)
    expect(await shop.told(personId)).toMatchObject({ 'order-expired': 1, 'paid-twice': 1 })
  }
})

test('a page that was asked for while nobody waited any more, and is paid, is heard of', async () => {
  await shop.act('/sim/yookassa/faults', { match: 'create', kind: '500_without_effect', times: 1 })
  const { personId, orderId } = await alone(await shop.goods())
  const payment = await shop.db.payment.findFirstOrThrow({ where: { orderId } })
  await expireOrders(shop.db, shop.pass(16 * minute))
  await shop.runJobs()
  expect((await shop.stateOf(orderId)).payments).toEqual(['failed'])
  // The slow call of a first attempt arrives at the provider after all, and its page is paid.
  const amount = { amount: payment.amount, currency: payment.currency }
  const lines = [{ title: 'Чайник', quantity: 1, unitAmount: payment.amount, kind: 'goods' as const }]
  const made = await shop.yookassa.create({
    key: payment.id,
    method: 'card',
    amount,
    twoStage: true,
    description: '',
    returnUrl: 'https://t.me/vmeste_bot',
    receipt: { phone: '+79123456789', lines },
  })
  if (!made.ok) throw new Error(made.detail)
  await applyProviderPayment(shop.db, payment.id, made.value, shop.now)
  await payAt(made.value.externalId)
  await shop.hint(made.value.externalId)
  await shop.settle()
  expect(await shop.stateOf(orderId)).toMatchObject({ order: 'packable', payments: ['captured'] })
  expect(await shop.told(personId)).toMatchObject({ 'order-paid': 1 })
})

test('what a seller does not allow cannot be chosen, and nothing is written', async () => {
  const cases: [GoodsOptions['terms'], PaymentMethod][] = [
    [{ paymentMethods: ['card'] }, 'sbp'],
    [{ paymentMethods: ['card'] }, 'on-delivery'],
    [{ paymentMethods: ['card', 'on-delivery'], onDeliveryMax: 100n }, 'on-delivery'],
    [{ paymentMethods: ['card', 'invoice'] }, 'invoice'],
  ]
  for (const [terms = {}, method] of cases) {
    const { personId, orderId } = await alone(await shop.goods({ terms }))
    const before = await countRows(shop.db)
    expect(await by(personId, orderId, method)).toEqual({ ok: false, reason: 'no-payment-method' })
    expect(await countRows(shop.db)).toEqual(before)
  }
  const none = await shop.goods({ terms: { paymentMethods: ['invoice'] } })
  const personId = await shop.person()
  const before = await countRows(shop.db)
  expect(await shop.buy(personId, { kind: 'alone', variantId: none.variantId })).toEqual({
    ok: false,
    reason: 'no-payment-method',
  })
  expect(await countRows(shop.db)).toEqual(before)
  await assertInvariants(shop.db)
})

test('where nothing but the door is offered, the order is placed by saying so', async () => {
  const goods = await shop.goods({ terms: { paymentMethods: ['on-delivery'] } })
  const { personId, orderId } = await alone(goods)
  expect(await by(personId, orderId, 'on-delivery')).toMatchObject({ ok: true, order: { state: 'packable' } })
  await shop.settle()
})
