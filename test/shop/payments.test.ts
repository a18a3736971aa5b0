import { expect, test } from 'vitest'
import { payBy } from '#shop/paying.ts'
import { chooseForSilent } from '#shop/choices.ts'
import { closeDueGroups, expireOrders } from '#shop/group-buy.ts'
import { orderOf } from '#shop/orders.ts'
import {
  finishPlacingPayment,
  movePayment,
  paymentHinted,
  placePayment,
  refreshPayment,
  refreshSilentPayments,
} from '#shop/payments.ts'
import { applyProviderPayment } from '#shop/purchases.ts'
import { findOrder } from '#store/orders.ts'
import { placeJobs } from '#store/payments.ts'
import { enqueueAll } from '#store/queue.ts'
import { countRows, hour, minute, useShop } from './support.ts'

const shop = useShop()

const fault = (match: string, kind: string, times = 1) => shop.act('/sim/yookassa/faults', { match, kind, times })
const buyAlone = async (goods?: { variantId: number }) => {
  const personId = await shop.person()
  const { variantId } = goods ?? (await shop.goods())
  const order = await shop.order(personId, { kind: 'alone', variantId })
  return { personId, orderId: order.orderId, paymentId: order.payment?.paymentId ?? '', order }
}
const atProviderOf = async (paymentId: string) =>
  (await shop.truth()).filter(({ metadata }) => metadata.paymentId === paymentId)

test('money for a purchase alone is held, captured at once, and the goods follow', async () => {
  const goods = await shop.goods({ stock: 5 })
  const { personId, orderId } = await buyAlone(goods)
  await shop.pay(orderId)
  expect(await shop.stateOf(orderId)).toMatchObject({ order: 'awaiting_payment', payments: ['capturing'] })
  await shop.settle()
  expect(await shop.stateOf(orderId)).toEqual({
    order: 'packable',
    payments: ['captured'],
    moves: ['capture done'],
    seat: undefined,
    stock: 'consumed',
    shipment: 'requested',
  })
  expect(await shop.stock(goods)).toEqual({ onHand: 4, reserved: 0 })
  expect(await shop.told(personId)).toEqual({ 'order-paid': 1 })
})

test('the same webhook 20 times in parallel moves money once and tells once, before and after the capture', async () => {
  const { personId, orderId } = await buyAlone()
  const page = await shop.atProvider(orderId)
  const twentyTimes = () => Promise.all(Array.from({ length: 20 }, () => shop.hint(page)))
  await twentyTimes()
  expect(await shop.stateOf(orderId)).toMatchObject({ payments: ['capturing'], moves: ['capture created'] })
  await shop.runJobs()
  await twentyTimes()
  expect(await shop.stateOf(orderId)).toMatchObject({ order: 'packable', moves: ['capture done'] })
  expect(await shop.told(personId)).toEqual({ 'order-paid': 1 })

  const { groupId, leader, orderId: leaderOrder } = await shop.openGroup(await shop.goods({ size: 2 }))
  const friend = await shop.person()
  const seat = await shop.order(friend, { kind: 'join', groupId })
  const pages = [await shop.atProvider(seat.orderId), await shop.externalIdOf(leaderOrder)]
  await Promise.all(Array.from({ length: 20 }, (_, at) => shop.hint(pages[at % 2] ?? '')))
  await shop.settle()
  expect((await shop.stateOf(seat.orderId)).moves).toEqual(['capture done'])
  expect((await shop.stateOf(leaderOrder)).moves).toEqual(['capture done'])
  expect(await shop.told(leader)).toEqual({ 'seat-paid': 1, 'group-formed': 1, 'order-paid': 1 })
  expect(await shop.told(friend)).toEqual({ 'group-formed': 1, 'order-paid': 1 })
})

test('ten workers with the same capture capture once', async () => {
  const { orderId } = await buyAlone()
  await shop.pay(orderId)
  const { id } = await shop.db.paymentMove.findFirstOrThrow({ where: { payment: { orderId } } })
  await Promise.all(Array.from({ length: 10 }, () => movePayment(shop.db, id, shop.deps, shop.now)))
  expect(await shop.stateOf(orderId)).toMatchObject({ order: 'packable', moves: ['capture done'] })
  await shop.settle()
})

test("a payment that is not ours is nobody's business", async () => {
  const before = await countRows(shop.db)
  await paymentHinted(shop.db, 'a-stranger', shop.deps, shop.now)
  await refreshPayment(shop.db, shop.deps.newId(), shop.deps, shop.now)
  await movePayment(shop.db, shop.deps.newId(), shop.deps, shop.now)
  expect(await placePayment(shop.db, shop.deps.newId(), shop.deps, shop.now)).toBe('not-needed')
  expect(await countRows(shop.db)).toEqual(before)
})

test('a creation whose answer is lost makes one payment, and the buyer is told when its page is there', async () => {
  for (const kind of ['drop', '500_with_effect', '500_without_effect']) {
    await fault('create', kind)
    const { personId, orderId, paymentId, order } = await buyAlone()
    expect(order.payment).toMatchObject({ state: 'created', confirmationUrl: null })
    expect(await atProviderOf(paymentId)).toHaveLength(kind === '500_without_effect' ? 0 : 1)
    await shop.runJobs()
    expect(await atProviderOf(paymentId)).toHaveLength(1)
    expect(await orderOf(shop.db, orderId, personId)).toMatchObject({
      payment: { state: 'pending', confirmationUrl: expect.stringContaining('/yookassa/pay/') as string },
    })
    expect(await shop.told(personId)).toEqual({ 'payment-ready': 1 })
    await shop.pay(orderId)
    await shop.settle()
    expect(await shop.stateOf(orderId)).toMatchObject({ order: 'packable', payments: ['captured'] })
  }
})

test('of seats taken at once only those whose page is missing get it from the job, once', async () => {
  const { groupId } = await shop.openGroup(await shop.goods({ size: 5 }))
  await shop.runJobs()
  await fault('create', '500_without_effect', 2)
  const people = await Promise.all(Array.from({ length: 4 }, () => shop.person()))
  const orders = await Promise.all(people.map((personId) => shop.order(personId, { kind: 'join', groupId })))
  expect(orders.filter(({ payment }) => payment?.state === 'created')).toHaveLength(2)
  const ids = orders.map(({ payment }) => payment?.paymentId ?? '')
  const looked = await shop.db.$queryRaw<{ id: string }[]>`
    WITH gone AS (DELETE FROM graphile_worker._private_jobs WHERE key LIKE 'place%' RETURNING payload)
    SELECT coalesce(payload ->> 'paymentId', one) AS id FROM gone
      LEFT JOIN LATERAL json_array_elements_text(payload -> 'paymentIds') one ON true`
  expect(looked.map(({ id }) => id).toSorted()).toEqual(ids.toSorted())
  // How many come into one transaction is a matter of milliseconds.
  await enqueueAll(shop.db, placeJobs(ids, shop.now))
  await shop.runJobs()
  for (const { orderId, personId, payment } of orders) {
    expect(await atProviderOf(payment?.paymentId ?? '')).toHaveLength(1)
    expect(await orderOf(shop.db, orderId, personId)).toMatchObject({ payment: { state: 'pending' } })
    expect(await shop.told(personId)).toEqual(payment?.state === 'created' ? { 'payment-ready': 1 } : {})
  }
  await shop.settle()
})

test('a seat that was just taken is shown as it is read back', async () => {
  const { groupId } = await shop.openGroup(await shop.goods({ size: 5 }))
  const order = await shop.order(await shop.person(), { kind: 'join', groupId })
  expect(order).toEqual(await findOrder(shop.db, order.orderId))
  expect(order.payment?.confirmationUrl).toContain('/yookassa/pay/')
  await shop.settle()
})

test('a tap after a lost answer gets the page of the payment that was made', async () => {
  await fault('create', 'drop')
  const goods = await shop.goods()
  const { personId, paymentId } = await buyAlone(goods)
  const again = await shop.order(personId, { kind: 'alone', variantId: goods.variantId })
  expect(again.payment).toMatchObject({ paymentId, state: 'pending' })
  expect(await atProviderOf(paymentId)).toHaveLength(1)
  await shop.settle()
})

test('a creation that nobody waits for any more is looked up and not made again', async () => {
  await fault('create', 'drop')
  const lost = await buyAlone()
  await fault('create', '500_without_effect')
  const never = await buyAlone()
  shop.pass(16 * minute)
  expect(await expireOrders(shop.db, shop.now)).toBeGreaterThanOrEqual(2)
  await shop.runJobs()
  // The one that exists at the provider can still be paid there, so it is followed to its end.
  expect(await shop.stateOf(lost.orderId)).toMatchObject({ order: 'cancelled', payments: ['pending'] })
  expect(await shop.stateOf(never.orderId)).toMatchObject({ order: 'cancelled', payments: ['failed'] })
  expect(await atProviderOf(never.paymentId)).toHaveLength(0)
  await shop.settle()
})

test('after a day, when the provider has forgotten the key, the payment is looked up before it is made', async () => {
  await fault('create', 'drop')
  const lost = await buyAlone()
  const now = shop.pass(25 * hour)
  expect(await placePayment(shop.db, lost.paymentId, shop.deps, now)).toBe('placed')
  expect(await atProviderOf(lost.paymentId)).toHaveLength(1)
  await shop.settle()
})

test('a refused creation is a decline that can be tried again', async () => {
  await shop.act('/sim/yookassa/faults', { match: 'create', error_code: 400, times: 1 })
  const { personId, orderId, order } = await buyAlone()
  expect(order.payment).toMatchObject({ state: 'failed', confirmationUrl: null })
  shop.pass(minute)
  const again = await payBy(shop.db, { personId, orderId, now: shop.now }, shop.deps)
  expect(again).toMatchObject({ ok: true, order: { payment: { state: 'pending' } } })
  await shop.pay(orderId)
  await shop.settle()
  expect(await shop.stateOf(orderId)).toMatchObject({ order: 'packable', payments: ['failed', 'captured'] })
})

test('a refused creation that the job finds is told', async () => {
  await fault('create', '500_without_effect')
  const { personId, paymentId } = await buyAlone()
  await shop.act('/sim/yookassa/faults', { match: 'create', error_code: 400, times: 1 })
  await finishPlacingPayment(shop.db, paymentId, shop.deps, shop.now)
  expect(await shop.told(personId)).toEqual({ 'payment-declined': 1 })
  await shop.settle()
})

test('declined, paid again, paid; a second decline is told once more', async () => {
  const { personId, orderId } = await buyAlone()
  for (let attempt = 1; attempt <= 2; attempt += 1) {
    const page = await shop.atProvider(orderId, 'declined')
    await Promise.all([shop.hint(page), shop.hint(page)])
    expect(await shop.told(personId)).toEqual({ 'payment-declined': attempt })
    shop.pass(minute)
    await payBy(shop.db, { personId, orderId, now: shop.now }, shop.deps)
  }
  await shop.pay(orderId)
  await shop.settle()
  expect(await shop.stateOf(orderId)).toMatchObject({
    order: 'packable',
    payments: ['failed', 'failed', 'captured'],
    moves: ['capture done'],
  })
})

test('a capture whose answer is lost is looked up and made once; one that failed is made again', async () => {
  for (const kind of ['drop', '500_with_effect', '500_without_effect', '429']) {
    const { personId, orderId } = await buyAlone()
    await shop.pay(orderId)
    await fault('capture', kind)
    await shop.runJobs(1)
    const isMade = kind === 'drop' || kind === '500_with_effect'
    expect((await shop.stateOf(orderId)).moves).toEqual([isMade ? 'capture done' : 'capture pending'])
    await shop.settle()
    expect(await shop.stateOf(orderId)).toMatchObject({ order: 'packable', moves: ['capture done'] })
    expect(await shop.told(personId)).toEqual({ 'order-paid': 1 })
  }
})

test('a void whose answer is lost is looked up and made once; one that failed is made again', async () => {
  for (const kind of ['drop', '500_with_effect', '500_without_effect']) {
    const { leader, orderId } = await shop.openGroup(await shop.goods())
    await closeDueGroups(shop.db, shop.pass(30 * minute))
    await fault('cancel', kind)
    await shop.settle()
    expect(await shop.stateOf(orderId)).toMatchObject({ order: 'cancelled', moves: ['void done'], stock: 'released' })
    expect(await shop.told(leader)).toMatchObject({ 'group-failed': 1, 'money-released': 1 })
  }
})

test('a provider that is silent for long loses nothing: the capture is made when it is back', async () => {
  const { orderId } = await buyAlone()
  await shop.pay(orderId)
  await fault('*', '500_without_effect', 1000)
  expect(await shop.runJobs(10)).toBe(1)
  expect(await shop.stateOf(orderId)).toMatchObject({ payments: ['capturing'], moves: ['capture pending'] })
  await expect(shop.hint(await shop.externalIdOf(orderId))).rejects.toThrow('payment')
  await shop.clearFaults()
  await shop.settle()
  expect(await shop.stateOf(orderId)).toMatchObject({ order: 'packable', moves: ['capture done'] })
})

test('a lost webhook is made up for by asking after ten minutes', async () => {
  const { orderId } = await buyAlone()
  await shop.atProvider(orderId)
  await refreshSilentPayments(shop.db, shop.pass(9 * minute))
  await shop.runJobs()
  expect(await shop.stateOf(orderId)).toMatchObject({ payments: ['pending'] })
  const now = shop.pass(2 * minute)
  await Promise.all([refreshSilentPayments(shop.db, now), refreshSilentPayments(shop.db, now)])
  await shop.settle()
  expect(await shop.stateOf(orderId)).toMatchObject({ order: 'packable', payments: ['captured'] })
})

test('paid too late and sold meanwhile: the money comes back, and the buyer is told why', async () => {
  const goods = await shop.goods({ stock: 1 })
  const late = await buyAlone(goods)
  shop.pass(16 * minute)
  await Promise.all([expireOrders(shop.db, shop.now), expireOrders(shop.db, shop.now)])
  expect(await shop.stock(goods)).toEqual({ onHand: 1, reserved: 0 })
  const quick = await buyAlone(goods)
  await shop.pay(late.orderId)
  await shop.pay(quick.orderId)
  await shop.settle()
  expect(await shop.stateOf(late.orderId)).toMatchObject({ order: 'cancelled', payments: ['voided'] })
  expect(await shop.stateOf(quick.orderId)).toMatchObject({ order: 'packable' })
  expect(await shop.told(late.personId)).toEqual({ 'order-expired': 1, 'money-released': 1 })
  const row = await shop.db.notification.findFirstOrThrow({
    where: { personId: late.personId, kind: 'money-released' },
  })
  expect(row.data).toEqual({ orderId: late.orderId, late: true })
  expect(await shop.stock(goods)).toEqual({ onHand: 0, reserved: 0 })
})

test('paid too late and still there: the purchase goes on', async () => {
  const goods = await shop.goods({ stock: 1 })
  const { orderId } = await buyAlone(goods)
  shop.pass(16 * minute)
  await expireOrders(shop.db, shop.now)
  await shop.pay(orderId)
  // It is no unpaid order any more, however old it is.
  await expireOrders(shop.db, shop.now)
  await shop.settle()
  expect(await shop.stateOf(orderId)).toMatchObject({ order: 'packable', stock: 'consumed' })
  expect(await shop.stock(goods)).toEqual({ onHand: 0, reserved: 0 })
})

test('ten late payers and the last unit: one gets it, nine have their money back', async () => {
  const goods = await shop.goods({ stock: 10 })
  const late = await Promise.all(Array.from({ length: 10 }, () => buyAlone(goods)))
  shop.pass(16 * minute)
  await Promise.all([expireOrders(shop.db, shop.now), expireOrders(shop.db, shop.now)])
  expect(await shop.stock(goods)).toEqual({ onHand: 10, reserved: 0 })
  await shop.db.stockLevel.updateMany({ where: { variantId: goods.variantId }, data: { onHand: 1 } })
  const pages = await Promise.all(late.map(({ orderId }) => shop.atProvider(orderId)))
  await Promise.all(pages.map((page) => shop.hint(page)))
  await shop.settle()
  const ends = await Promise.all(late.map(async ({ orderId }) => (await shop.stateOf(orderId)).order))
  expect(ends.filter((state) => state === 'packable')).toHaveLength(1)
  expect(ends.filter((state) => state === 'cancelled')).toHaveLength(9)
  expect(await shop.stock(goods)).toEqual({ onHand: 0, reserved: 0 })
})

test('another amount at the provider is a defect: nothing is applied', async () => {
  const { orderId, paymentId } = await buyAlone()
  const externalId = await shop.externalIdOf(orderId)
  const before = await countRows(shop.db)
  const found = { externalId, state: 'held' as const, amount: { amount: 1n, currency: 'RUB' } }
  await expect(applyProviderPayment(shop.db, paymentId, found, shop.now)).rejects.toThrow('another amount')
  expect(await countRows(shop.db)).toEqual(before)
  expect(await shop.stateOf(orderId)).toMatchObject({ payments: ['pending'] })
})

test('old news lead nowhere: a captured payment stays captured', async () => {
  const { orderId, paymentId, order } = await buyAlone()
  const externalId = await shop.externalIdOf(orderId)
  await shop.pay(orderId)
  await shop.settle()
  const before = await countRows(shop.db)
  for (const state of ['pending', 'held', 'cancelled', 'captured'] as const) {
    const found = { externalId, state, amount: { amount: order.total, currency: 'RUB' } }
    await applyProviderPayment(shop.db, paymentId, found, shop.now)
  }
  expect(await countRows(shop.db)).toEqual(before)
  expect(await shop.stateOf(orderId)).toMatchObject({ order: 'packable', payments: ['captured'] })
})

/** The buyer's method could not hold: when we hear of it first, the money is taken already. */
async function takenAtOnce(orderId: number): Promise<void> {
  const externalId = await shop.atProvider(orderId)
  const { total, currency } = await shop.db.order.findUniqueOrThrow({ where: { id: orderId } })
  const taken = await shop.yookassa.capture(externalId, { amount: total, currency }, shop.deps.newId())
  expect(taken).toMatchObject({ ok: true })
  await shop.hint(externalId)
}

test('money that was taken at once buys alone, and waits for a group that then forms', async () => {
  const alone = await buyAlone()
  await takenAtOnce(alone.orderId)
  const goods = await shop.goods({ size: 3 })
  const leader = await shop.person()
  const first = await shop.order(leader, { kind: 'own-group', variantId: goods.variantId })
  await takenAtOnce(first.orderId)
  const groupId = first.seat?.groupId ?? 0
  expect(await shop.group(groupId)).toMatchObject({ state: 'open', paidSeats: 1 })
  const [second = 0, third = 0] = await shop.people(2)
  const held = await shop.order(second, { kind: 'join', groupId })
  await shop.pay(held.orderId)
  const last = await shop.order(third, { kind: 'join', groupId })
  await takenAtOnce(last.orderId)
  await shop.settle()
  expect(await shop.group(groupId)).toMatchObject({ state: 'formed' })
  for (const { orderId } of [alone, first, held, last]) {
    expect(await shop.stateOf(orderId)).toMatchObject({ order: 'packable', payments: ['captured'], stock: 'consumed' })
  }
  expect((await shop.stateOf(first.orderId)).moves).toEqual([])
  expect((await shop.stateOf(held.orderId)).moves).toEqual(['capture done'])
})

test('money that was taken for a group that fails goes back, and nothing is shipped', async () => {
  const goods = await shop.goods({ size: 3 })
  const leader = await shop.person()
  const { orderId, seat } = await shop.order(leader, { kind: 'own-group', variantId: goods.variantId })
  await takenAtOnce(orderId)
  const late = await shop.order(await shop.person(), { kind: 'join', groupId: seat?.groupId ?? 0 })
  await closeDueGroups(shop.db, shop.pass(30 * minute))
  await takenAtOnce(late.orderId)
  await expireOrders(shop.db, shop.now)
  // They might have chosen another group, and did not.
  expect(await shop.stateOf(late.orderId)).toMatchObject({ order: 'awaiting_choice', payments: ['captured'] })
  expect(await chooseForSilent(shop.db, shop.pass(24 * hour))).toBe(1)
  await shop.settle()
  for (const [id, seatState] of [
    [orderId, 'refunded'],
    [late.orderId, 'released'],
  ] as const) {
    expect(await shop.stateOf(id)).toEqual({
      order: 'cancelled',
      payments: ['refunded'],
      moves: ['refund done'],
      seat: seatState,
      stock: 'released',
      shipment: undefined,
    })
  }
  expect(await shop.stock(goods)).toEqual({ onHand: 100, reserved: 0 })
})

test('money that was taken although we asked to give it back goes back', async () => {
  const { orderId } = await shop.openGroup(await shop.goods())
  await closeDueGroups(shop.db, shop.pass(30 * minute))
  // Somebody took it by hand in the provider's cabinet.
  const { total, currency } = await shop.db.order.findUniqueOrThrow({ where: { id: orderId } })
  const externalId = await shop.externalIdOf(orderId)
  await shop.yookassa.capture(externalId, { amount: total, currency }, shop.deps.newId())
  await shop.settle()
  const { moves, ...rest } = await shop.stateOf(orderId)
  expect(rest).toMatchObject({ order: 'cancelled', payments: ['refunded'], seat: 'refunded', stock: 'released' })
  expect(moves.sort()).toEqual(['refund done', 'void failed'])
})
