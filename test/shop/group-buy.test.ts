/** Long because the races of one group belong together: each is a few lines, and they share their beginning. */
import { expect, test } from 'vitest'
import { payBy } from '#shop/paying.ts'
import { chooseForSilent } from '#shop/choices.ts'
import { openProduct } from '#shop/product.ts'
import { cancelOrder } from '#shop/orders.ts'
import { closeDueGroups, expireOrders, groupById, groupByToken, nearestGroup, seatOf } from '#shop/group-buy.ts'
import { lockGroup } from '#store/group-buy.ts'
import { assertInvariants } from './invariants.ts'
import { hour, minute, useShop, type Goods } from './support.ts'

const shop = useShop()

const join = (personId: number, groupId: number) => shop.order(personId, { kind: 'join', groupId })

/** Whose money came too late says nothing about it, and has it back. */
const nobodyChooses = () => chooseForSilent(shop.db, new Date(shop.now.getTime() + 24 * hour))

/** A group of `size` in which everybody but the last has paid, and the last has an unpaid order. */
async function almostFull(size = 2, options: { lifetimeMinutes?: number } = {}) {
  const goods = await shop.goods({ size, ...options })
  const { groupId, leader, orderId } = await shop.openGroup(goods)
  for (const person of await shop.people(size - 2)) await shop.pay((await join(person, groupId)).orderId)
  const last = await shop.person()
  return { goods, groupId, leader, leaderOrder: orderId, last, lastOrder: (await join(last, groupId)).orderId }
}

test('the last payment forms the group: every hold is captured, everybody is told once, goods follow', async () => {
  const { goods, groupId, leader, leaderOrder, last, lastOrder } = await almostFull(2)
  expect(await shop.stateOf(leaderOrder)).toMatchObject({ order: 'awaiting_group', payments: ['held'], seat: 'paid' })
  await shop.pay(lastOrder)
  expect(await shop.group(groupId)).toMatchObject({ state: 'formed', takenSeats: 2, paidSeats: 2 })
  expect(await shop.runJobs()).toBe(0)
  for (const orderId of [leaderOrder, lastOrder]) {
    expect(await shop.stateOf(orderId)).toEqual({
      order: 'packable',
      payments: ['captured'],
      moves: ['capture done'],
      seat: 'confirmed',
      stock: 'consumed',
      shipment: 'requested',
    })
  }
  expect(await shop.told(leader)).toEqual({ 'seat-paid': 1, 'group-formed': 1, 'order-paid': 1 })
  expect(await shop.told(last)).toEqual({ 'group-formed': 1, 'order-paid': 1 })
  expect(await shop.stock(goods)).toEqual({ onHand: 98, reserved: 0 })
  await shop.settle()
})

test('each payment tells the payer and the leader, who is not told of their own', async () => {
  const goods = await shop.goods({ size: 4 })
  const { groupId, leader } = await shop.openGroup(goods)
  const friend = await shop.person()
  await shop.pay((await join(friend, groupId)).orderId)
  expect(await shop.told(leader)).toEqual({ 'seat-paid': 1, 'group-joined': 1 })
  expect(await shop.told(friend)).toEqual({ 'seat-paid': 1 })
})

test('a leader who left is told of nobody who comes after them, and not of those who came before', async () => {
  const goods = await shop.goods({ size: 4 })
  const { groupId, leader, orderId } = await shop.openGroup(goods)
  const [before = 0, after = 0] = await shop.people(2)
  await shop.pay((await join(before, groupId)).orderId)
  await cancelOrder(shop.db, { personId: leader, orderId, now: shop.now }, shop.deps.carrier)
  await shop.pay((await join(after, groupId)).orderId)
  expect((await shop.told(leader))['group-joined']).toBe(1)
  // What was not sent yet by then is not sent any more.
  await shop.runJobs()
  const sent = await shop.db.notification.findMany({ where: { personId: leader, kind: 'group-joined' } })
  expect(sent.map(({ state }) => state)).toEqual(['dropped'])
  expect((await shop.told(after))['seat-paid']).toBe(1)
})

test('when the deadline comes first, every hold is voided, everybody is told, and the stock is free again', async () => {
  const { goods, groupId, leader, leaderOrder, last, lastOrder } = await almostFull(3)
  shop.pass(30 * minute)
  expect(await expireOrders(shop.db, shop.now)).toBeGreaterThanOrEqual(1)
  await closeDueGroups(shop.db, shop.now)
  expect(await shop.group(groupId)).toMatchObject({ state: 'failed', takenSeats: 2, paidSeats: 2 })
  expect(await shop.runJobs()).toBe(0)
  expect(await shop.stateOf(leaderOrder)).toMatchObject({
    order: 'cancelled',
    payments: ['voided'],
    moves: ['void done'],
    seat: 'released',
    stock: 'released',
  })
  expect(await shop.stateOf(lastOrder)).toMatchObject({ order: 'cancelled', payments: ['pending'], moves: [] })
  expect(await shop.told(leader)).toMatchObject({ 'group-failed': 1, 'money-released': 1 })
  expect(await shop.told(last)).toEqual({ 'order-expired': 1 })
  expect(await shop.stock(goods)).toEqual({ onHand: 100, reserved: 0 })
  // How many had come stays written on the card.
  expect(await shop.group(groupId)).toMatchObject({ takenSeats: 2, paidSeats: 2 })
  await shop.settle()
})

test('one group that cannot be closed keeps no other waiting', async () => {
  const broken = await shop.openGroup(await shop.goods())
  const sound = await shop.openGroup(await shop.goods())
  const now = shop.pass(30 * minute)
  // A move that should not be there makes the first group's void impossible.
  const payment = await shop.db.payment.findFirstOrThrow({ where: { orderId: broken.orderId } })
  const move = { paymentId: payment.id, kind: 'void', amount: 1n, state: 'created', createdAt: now, updatedAt: now }
  const { id } = await shop.db.paymentMove.create({ data: { id: shop.deps.newId(), ...move } })
  await expect(closeDueGroups(shop.db, now)).rejects.toThrow('1 of 2 failed')
  expect(await shop.group(broken.groupId)).toMatchObject({ state: 'open' })
  expect(await shop.group(sound.groupId)).toMatchObject({ state: 'failed' })
  await shop.db.paymentMove.delete({ where: { id } })
  expect(await closeDueGroups(shop.db, now)).toBe(1)
})

test('two who pay the last two seats at once form the group exactly once', async () => {
  for (let round = 0; round < 3; round += 1) {
    const goods = await shop.goods({ size: 3 })
    const { groupId, leader } = await shop.openGroup(goods)
    const pages = await Promise.all(
      (await shop.people(2)).map(async (person) => shop.atProvider((await join(person, groupId)).orderId)),
    )
    await Promise.all(pages.map((page) => shop.hint(page)))
    expect(await shop.group(groupId)).toMatchObject({ state: 'formed', takenSeats: 3, paidSeats: 3 })
    expect(await shop.db.paymentMove.count({ where: { payment: { order: { seat: { groupId } } } } })).toBe(3)
    expect(await shop.told(leader)).toMatchObject({ 'group-formed': 1 })
  }
  await shop.settle()
})

test('two who pay for the one last seat of a group of two at once: one has it, the other has their money back', async () => {
  for (let round = 0; round < 3; round += 1) {
    const { goods, groupId, last: slow, lastOrder: slowOrder } = await almostFull(2, { lifetimeMinutes: 60 })
    shop.pass(16 * minute)
    expect(await expireOrders(shop.db, shop.now)).toBeGreaterThanOrEqual(1)
    const quick = await shop.person()
    const quickOrder = (await join(quick, groupId)).orderId
    const pages = [await shop.atProvider(slowOrder), await shop.atProvider(quickOrder)]
    await Promise.all(pages.map((page) => shop.hint(page)))
    expect(await nobodyChooses()).toBe(1)
    await shop.runJobs()
    // The seat was promised to the quick one when both paid.
    expect(await shop.stateOf(quickOrder)).toMatchObject({ order: 'packable', seat: 'confirmed' })
    expect(await shop.stateOf(slowOrder)).toMatchObject({ order: 'cancelled', seat: 'released', payments: ['voided'] })
    expect(await shop.told(slow)).toEqual({ 'order-expired': 1, 'late-choice': 1, 'money-released': 1 })
    expect(await shop.stock(goods)).toEqual({ onHand: 98, reserved: 0 })
  }
  await shop.settle()
})

async function settle(groupId: number, orders: number[]): Promise<string> {
  await expireOrders(shop.db, shop.now)
  await nobodyChooses()
  expect(await shop.runJobs()).toBe(0)
  const { state } = await shop.group(groupId)
  const isFormed = state === 'formed'
  for (const orderId of orders) {
    expect(await shop.stateOf(orderId)).toMatchObject(
      isFormed
        ? { order: 'packable', payments: ['captured'], moves: ['capture done'], stock: 'consumed' }
        : { order: 'cancelled', payments: ['voided'], moves: ['void done'], stock: 'released' },
    )
  }
  return state
}

test('the deadline before the last payment: the group fails and the payment is given back', async () => {
  const { groupId, leaderOrder, last, lastOrder } = await almostFull(2)
  const page = await shop.atProvider(lastOrder)
  shop.pass(30 * minute)
  expect(await closeDueGroups(shop.db, shop.now)).toBe(1)
  await shop.hint(page)
  expect(await settle(groupId, [leaderOrder, lastOrder])).toBe('failed')
  expect(await shop.told(last)).toMatchObject({ 'money-released': 1 })
  await shop.settle()
})

test('the last payment before the deadline: the group forms and the deadline changes nothing', async () => {
  const { groupId, leaderOrder, lastOrder } = await almostFull(2)
  const page = await shop.atProvider(lastOrder)
  shop.pass(30 * minute)
  await shop.hint(page)
  expect(await closeDueGroups(shop.db, shop.now)).toBe(0)
  expect(await settle(groupId, [leaderOrder, lastOrder])).toBe('formed')
  await shop.settle()
})

test('a payment after the time was over claims seat and stock again while they are free', async () => {
  const { goods, groupId, last, lastOrder, leaderOrder } = await almostFull(2)
  shop.pass(16 * minute)
  expect(await expireOrders(shop.db, shop.now)).toBeGreaterThanOrEqual(1)
  expect(await shop.group(groupId)).toMatchObject({ takenSeats: 1, paidSeats: 1 })
  expect(await shop.stock(goods)).toEqual({ onHand: 100, reserved: 1 })
  await shop.pay(lastOrder)
  expect(await shop.group(groupId)).toMatchObject({ state: 'formed', takenSeats: 2 })
  expect(await settle(groupId, [leaderOrder, lastOrder])).toBe('formed')
  expect(await shop.told(last)).toEqual({ 'order-expired': 1, 'group-formed': 1, 'order-paid': 1 })
  expect(await shop.stock(goods)).toEqual({ onHand: 98, reserved: 0 })
  await shop.settle()
})

test('a payment on a page left open after the buyer cancelled is given back, although the seat is still free', async () => {
  const { goods, groupId, last, lastOrder } = await almostFull(2)
  expect(
    await cancelOrder(shop.db, { personId: last, orderId: lastOrder, now: shop.now }, shop.deps.carrier),
  ).toMatchObject({ ok: true })
  await shop.pay(lastOrder)
  await shop.runJobs()
  expect(await shop.stateOf(lastOrder)).toMatchObject({ order: 'cancelled', payments: ['voided'], seat: 'released' })
  expect(await shop.told(last)).toEqual({ 'money-released': 1 })
  expect(await shop.group(groupId)).toMatchObject({ state: 'open', takenSeats: 1, paidSeats: 1 })
  expect(await shop.stock(goods)).toEqual({ onHand: 100, reserved: 1 })
  await shop.settle()
})

test('a late payer who finds a seat but no goods has their money back, and the seat stays free', async () => {
  const goods = await shop.goods({ stock: 2, size: 3 })
  const { groupId } = await shop.openGroup(goods)
  const late = await shop.person()
  const { orderId } = await join(late, groupId)
  shop.pass(16 * minute)
  await expireOrders(shop.db, shop.now)
  await shop.pay((await shop.order(await shop.person(), { kind: 'alone', variantId: goods.variantId })).orderId)
  await shop.pay(orderId)
  await shop.runJobs()
  expect(await shop.stateOf(orderId)).toMatchObject({ order: 'cancelled', payments: ['voided'], seat: 'released' })
  expect(await shop.told(late)).toEqual({ 'order-expired': 1, 'money-released': 1 })
  expect(await shop.group(groupId)).toMatchObject({ state: 'open', takenSeats: 1, paidSeats: 1 })
  expect(await shop.stock(goods)).toEqual({ onHand: 1, reserved: 1 })
  await shop.settle()
})

test('a payment after the group failed is given back unless its buyer chooses, whether the order was given up meanwhile or not', async () => {
  const { groupId } = await shop.openGroup(await shop.goods({ size: 4 }))
  const [last = 0, slower = 0] = await shop.people(2)
  const lastOrder = (await join(last, groupId)).orderId
  const slowerOrder = (await join(slower, groupId)).orderId
  const now = shop.pass(30 * minute)
  await closeDueGroups(shop.db, now)
  await shop.pay(lastOrder)
  await expireOrders(shop.db, now)
  await shop.pay(slowerOrder)
  expect(await nobodyChooses()).toBe(2)
  await shop.runJobs()
  for (const [person, orderId] of [
    [last, lastOrder],
    [slower, slowerOrder],
  ] as const) {
    expect(await shop.stateOf(orderId)).toMatchObject({ order: 'cancelled', payments: ['voided'], seat: 'released' })
    expect(await shop.told(person)).toMatchObject({ 'money-released': 1 })
  }
  await shop.settle()
})

test("a leader's draft that is given up ends, and a payment for it comes back unless they choose", async () => {
  const goods = await shop.goods()
  const [unpaid = 0, unwilling = 0] = await shop.people(2)
  const first = await shop.order(unpaid, { kind: 'own-group', variantId: goods.variantId })
  const second = await shop.order(unwilling, { kind: 'own-group', variantId: goods.variantId })
  await cancelOrder(shop.db, { personId: unwilling, orderId: second.orderId, now: shop.now }, shop.deps.carrier)
  shop.pass(15 * minute)
  expect(await expireOrders(shop.db, shop.now)).toBeGreaterThanOrEqual(1)
  for (const { orderId, seat } of [first, second]) {
    expect(await shop.group(seat?.groupId ?? 0)).toMatchObject({ state: 'cancelled', takenSeats: 0 })
    await shop.pay(orderId)
  }
  // Who gave it up themselves is not asked.
  expect(await nobodyChooses()).toBe(1)
  await shop.runJobs()
  expect(await shop.stateOf(first.orderId)).toMatchObject({ order: 'cancelled', payments: ['voided'] })
  expect(await shop.told(unpaid)).toEqual({ 'order-expired': 1, 'late-choice': 1, 'money-released': 1 })
  expect(await shop.told(unwilling)).toEqual({ 'money-released': 1 })
  expect(await shop.stock(goods)).toEqual({ onHand: 100, reserved: 0 })
  await shop.settle()
})

test('giving up and paying at once ends in one of the two, with stock and money agreeing', async () => {
  for (let round = 0; round < 6; round += 1) {
    const goods = await shop.goods({ size: 3 })
    const { groupId } = await shop.openGroup(goods)
    const [alone = 0, together = 0] = await shop.people(2)
    const orders = [
      await shop.order(alone, { kind: 'alone', variantId: goods.variantId }),
      await join(together, groupId),
    ]
    const pages = await Promise.all(orders.map(({ orderId }) => shop.atProvider(orderId)))
    await Promise.all([
      ...pages.map((page) => shop.hint(page)),
      ...orders.map(({ personId, orderId }) =>
        cancelOrder(shop.db, { personId, orderId, now: shop.now }, shop.deps.carrier),
      ),
    ])
    await shop.runJobs()
    const ends = await Promise.all(
      orders.map(async ({ orderId }) => {
        const { order, payments } = await shop.stateOf(orderId)
        return `${order} ${payments.join()}`
      }),
    )
    // Whichever came first: bought and paid, or given up and given back; never one without the other.
    expect(['packable captured', 'handed_over captured', 'cancelled voided']).toContain(ends[0])
    expect(['awaiting_group held', 'cancelled voided']).toContain(ends[1])
    expect(await shop.group(groupId)).toMatchObject({ paidSeats: ends[1] === 'awaiting_group held' ? 2 : 1 })
  }
  await shop.settle()
})

test('a late payment and a new tap by the same person at once: one seat, never a deadlock', async () => {
  for (const isTapFirst of [false, true]) {
    const goods = await shop.goods({ size: 3 })
    const { groupId } = await shop.openGroup(goods)
    const person = await shop.person()
    const { orderId } = await join(person, groupId)
    const page = await shop.atProvider(orderId)
    await cancelOrder(shop.db, { personId: person, orderId, now: shop.now }, shop.deps.carrier)
    const acts = [() => shop.hint(page), () => shop.buy(person, { kind: 'join', groupId })]
    if (isTapFirst) acts.reverse()
    // Both get as far as they can while somebody holds the group, and go on in the order in which they came.
    const underWay: Promise<unknown>[] = []
    await shop.db.$transaction(async (tx) => {
      await lockGroup(tx, groupId)
      for (const [at, act] of acts.entries()) {
        underWay.push(act())
        await shop.waiting(at + 1)
      }
    })
    await Promise.all(underWay)
    expect(await shop.group(groupId)).toMatchObject({ takenSeats: 2 })
    expect(await shop.db.seat.count({ where: { groupId, personId: person, state: { in: ['held', 'paid'] } } })).toBe(1)
  }
  await shop.settle()
})

test('a hold that runs out in an open group frees its seat for others', async () => {
  const goods = await shop.goods({ size: 3 })
  const { groupId } = await shop.openGroup(goods)
  const [gone = 0, ...others] = await shop.people(3)
  const { orderId } = await join(gone, groupId)
  await shop.pay(orderId)
  await shop.hint(await shop.atProvider(orderId, 'expired'))
  expect(await shop.stateOf(orderId)).toMatchObject({ order: 'cancelled', payments: ['expired'], seat: 'released' })
  expect(await shop.told(gone)).toMatchObject({ 'money-released': 1 })
  expect(await shop.group(groupId)).toMatchObject({ state: 'open', takenSeats: 1, paidSeats: 1 })
  await assertInvariants(shop.db)
  for (const other of others) await shop.pay((await join(other, groupId)).orderId)
  expect(await shop.group(groupId)).toMatchObject({ state: 'formed' })
  await shop.settle()
})

test('a hold that runs out after the group formed ends that order; the others get their goods', async () => {
  const { goods, groupId, leader, leaderOrder, lastOrder } = await almostFull(2)
  await shop.pay(lastOrder)
  await shop.atProvider(leaderOrder, 'expired')
  expect(await shop.runJobs()).toBe(0)
  expect(await shop.stateOf(leaderOrder)).toMatchObject({
    order: 'cancelled',
    payments: ['expired'],
    moves: ['capture failed'],
    stock: 'released',
  })
  expect(await shop.stateOf(lastOrder)).toMatchObject({ order: 'packable', seat: 'confirmed' })
  expect(await shop.told(leader)).toMatchObject({ 'money-released': 1 })
  expect(await shop.group(groupId)).toMatchObject({ state: 'formed', paidSeats: 2 })
  expect(await shop.stock(goods)).toEqual({ onHand: 99, reserved: 0 })
  await shop.settle()
})

test('strangers are offered open groups with a free seat, nearest to completion first', async () => {
  const goods = await shop.goods({ size: 3 })
  const far = await shop.openGroup(goods)
  const near = await shop.openGroup(goods)
  await shop.pay((await join(await shop.person(), near.groupId)).orderId)
  const full = await shop.openGroup(goods)
  for (const person of await shop.people(2)) await join(person, full.groupId)
  await shop.order(await shop.person(), { kind: 'own-group', variantId: goods.variantId })
  const reader = { personId: await shop.person(), cityCode: undefined }
  const { groups: found } = await openProduct(shop.db, reader, goods.productId, shop.now)
  expect(await nearestGroup(shop.db, goods.productId, shop.now)).toEqual(found[0])
  expect(found.map(({ groupId }) => groupId)).toEqual([near.groupId, far.groupId])
  expect(found[0]?.members).toHaveLength(2)
  expect(await groupByToken(shop.db, found[0]?.token ?? '')).toEqual(await groupById(shop.db, near.groupId))
  expect(await groupByToken(shop.db, 'nobody-knows')).toBeUndefined()
  expect(await seatOf(shop.db, near.groupId, near.leader)).toMatchObject({ state: 'paid', groupState: 'open' })
  expect(await seatOf(shop.db, near.groupId, far.leader)).toBeUndefined()
})

test('a storm over four groups and one stock row: joins, payments, declines, giving up, expiry, closing and jobs', async () => {
  const goods: Goods = await shop.goods({ stock: 18, size: 4 })
  const groups = await Promise.all(Array.from({ length: 4 }, () => shop.openGroup(goods)))
  const people = await shop.people(24)
  const now = shop.now
  const deadline = new Date(now.getTime() + 30 * minute)
  const errors: unknown[] = []
  const noted = (work: Promise<unknown>) => work.catch((error: unknown) => errors.push(error))

  const buyer = async (personId: number, at: number) => {
    const groupId = groups[at % 4]?.groupId ?? 0
    const alone = { kind: 'alone', variantId: goods.variantId } as const
    const result = await shop.buy(personId, at % 6 === 5 ? alone : { kind: 'join', groupId })
    if (!result.ok) return
    const { orderId } = result.order
    // Another's clock, half an hour ahead, may have given it up before its page was asked for.
    if ((await shop.db.payment.count({ where: { orderId, externalId: { not: null } } })) === 0) {
      const { seat } = await shop.stateOf(orderId)
      if (seat !== undefined && seat !== 'released') throw new Error(`order ${orderId} lives and has no page`)
      return
    }
    const page = await shop.atProvider(orderId, at % 7 === 6 ? 'declined' : 'paid')
    await Promise.all([
      shop.hint(page),
      shop.hint(page),
      ...(at % 5 === 4 ? [cancelOrder(shop.db, { personId, orderId, now }, shop.deps.carrier)] : []),
      ...(at % 5 === 3 ? [expireOrders(shop.db, deadline)] : []),
      ...(at % 8 === 7 ? [closeDueGroups(shop.db, deadline)] : []),
    ])
  }
  const buyers = people.map((personId, at) => noted(buyer(personId, at)))
  const jobs = noted(shop.runJobs(2))
  await Promise.all([...buyers, jobs])
  // 40P01 is a deadlock; nothing else may have gone wrong either.
  expect(errors).toEqual([])
  await assertInvariants(shop.db)

  shop.pass(31 * minute)
  await Promise.all([
    noted(closeDueGroups(shop.db, shop.now)),
    noted(expireOrders(shop.db, shop.now)),
    noted(closeDueGroups(shop.db, shop.now)),
    noted(shop.runJobs(2)),
  ])
  await nobodyChooses()
  expect(await shop.runJobs()).toBe(0)
  expect(errors).toEqual([])
  for (const { groupId } of groups) expect(['formed', 'failed']).toContain((await shop.group(groupId)).state)
  const { onHand, reserved } = await shop.stock(goods)
  const sold = await shop.db.reservation.count({ where: { variantId: goods.variantId, state: 'consumed' } })
  expect({ onHand, reserved }).toEqual({ onHand: 18 - sold, reserved: 0 })
  await shop.settle()
})

test('groups that form with money on hold and money taken at once stop nobody who buys the same alone', async () => {
  const goods = await shop.goods({ stock: 1000, terms: { paymentMethods: ['card', 'sbp'] } })
  const groups = await Promise.all(
    Array.from({ length: 8 }, async (_, at) => {
      const { groupId } = await shop.openGroup(goods)
      const personId = await shop.person()
      const { orderId } = await shop.order(personId, { kind: 'join', groupId })
      await payBy(shop.db, { personId, orderId, method: at % 2 ? 'sbp' : 'card', now: shop.now }, shop.deps)
      return orderId
    }),
  )
  const single = await Promise.all(
    Array.from({ length: 8 }, async () => {
      const personId = await shop.person()
      const { orderId } = await shop.order(personId, { kind: 'alone', variantId: goods.variantId })
      await payBy(shop.db, { personId, orderId, method: 'sbp', now: shop.now }, shop.deps)
      return orderId
    }),
  )
  const pages = await Promise.all([...groups, ...single].map((orderId) => shop.atProvider(orderId)))
  // A deadlock would make one of them throw.
  await Promise.all(pages.map((page) => shop.hint(page)))
  await shop.settle()
  for (const orderId of [...groups, ...single]) expect(await shop.stateOf(orderId)).toMatchObject({ order: 'packable' })
})
