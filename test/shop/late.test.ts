/** Money that comes when its group is full, over or closed: kept, and its buyer says what it shall buy. */
import { expect, test } from 'vitest'
import { chooseForLate, chooseForSilent, choicesOf, type Choice } from '#shop/choices.ts'
import { closeDueGroups, expireOrders, visitGroup } from '#shop/group-buy.ts'
import { cancelOrder, orderOf } from '#shop/orders.ts'
import { payBy } from '#shop/paying.ts'
import { watchHolds } from '#shop/payments.ts'
import { applyProviderPayment } from '#shop/purchases.ts'
import { reconcile } from '#shop/reconciliation.ts'
import { refund } from '#shop/refunds.ts'
import { moveLines, waitForSeat } from '#shop/waiting.ts'
import { lockGroup, takeSeat } from '#store/group-buy.ts'
import { endChoice, moveSeat } from '#store/late.ts'
import { hour, minute, useShop, type Goods, type GoodsOptions } from './support.ts'

const shop = useShop()

const long = 24 * 60

/** Goods sold in groups of two that live for a day. */
const goodsOf = async (more: GoodsOptions = {}) => shop.goods({ size: 2, lifetimeMinutes: long, ...more })

/** Somebody whose seat went to another while their page was open. Nothing has come of their payment yet. */
async function slowPayer(goods: Goods, method?: 'sbp') {
  const { groupId, leader } = await shop.openGroup(goods)
  const personId = await shop.person()
  const { orderId, total } = await shop.order(personId, { kind: 'join', groupId })
  if (method) await payBy(shop.db, { personId, orderId, method, now: shop.now }, shop.deps)
  shop.pass(16 * minute)
  await expireOrders(shop.db, shop.now)
  await shop.pay((await shop.order(await shop.person(), { kind: 'join', groupId })).orderId)
  return { groupId, leader, personId, orderId, total }
}

type Late = Awaited<ReturnType<typeof slowPayer>>

/** The same, paid: they choose now. */
async function latePayer(goods: Goods, method?: 'sbp'): Promise<Late> {
  const late = await slowPayer(goods, method)
  await shop.pay(late.orderId)
  expect((await shop.stateOf(late.orderId)).order).toBe('awaiting_choice')
  return late
}

/** The group's time is over, for them at least. */
async function endGroup(groupId: number): Promise<void> {
  await shop.db.group.update({ where: { id: groupId }, data: { deadlineAt: shop.pass(minute) } })
  await closeDueGroups(shop.db, shop.now)
}

/** Those of tests before have their money back. */
async function nobodyWaits(): Promise<void> {
  await chooseForSilent(shop.db, new Date(shop.now.getTime() + 24 * hour))
  await shop.settle()
}

const choose = ({ personId, orderId }: Pick<Late, 'personId' | 'orderId'>, choice: Choice) =>
  chooseForLate(shop.db, { personId, orderId, choice, now: shop.now }, shop.deps)
const choices = ({ personId, orderId }: Late) => choicesOf(shop.db, orderId, personId, shop.now)
const unanswered = { own: false, group: false }
const offered = async (late: Late) => {
  const found = await choices(late)
  return found ? { own: found.own !== undefined, group: found.group !== undefined } : unanswered
}
const ended = async ({ orderId }: Pick<Late, 'orderId'>) => {
  const { order, payments, stock } = await shop.stateOf(orderId)
  return `${order} ${payments.toSorted().join()} ${stock}`
}

test('late money stays on hold with its goods, and its buyer is asked once what it shall buy', async () => {
  const goods = await goodsOf()
  const late = await latePayer(goods)
  expect(await shop.stateOf(late.orderId)).toMatchObject({
    payments: ['held'],
    moves: [],
    seat: 'released',
    stock: 'held',
  })
  expect(await shop.told(late.personId)).toEqual({ 'order-expired': 1, 'late-choice': 1 })
  expect((await choices(late))?.until).toEqual(new Date(shop.now.getTime() + 24 * hour))
  expect(await offered(late)).toEqual({ own: true, group: false })
  await shop.hint(await shop.externalIdOf(late.orderId))
  await shop.settle()
  expect(await shop.told(late.personId)).toEqual({ 'order-expired': 1, 'late-choice': 1 })
  // Neither the clock of unpaid orders nor the shop touches it.
  await expireOrders(shop.db, shop.pass(hour))
  const seller = await shop.seller(goods)
  const who = { personId: seller, orderId: late.orderId, requestKey: 'r', now: shop.now }
  expect(await refund(shop.db, who, { kind: 'rest' })).toEqual({ ok: false, reason: 'not-paid' })
  expect(await ended(late)).toBe('awaiting_choice held held')
  const since = new Date(shop.now.getTime() - 24 * hour)
  const until = new Date(shop.now.getTime() - 2 * minute)
  const { differences } = await reconcile(shop.db, shop.deps.providers, { since, until }, shop.now)
  expect(differences.filter(({ orderId }) => orderId === late.orderId)).toEqual([])
  // Nobody ticked: money that should have gone back is money that buys nothing.
  const tooLate = shop.pass(26 * hour)
  const found = await reconcile(shop.db, shop.deps.providers, { since, until: tooLate }, tooLate)
  expect(found.differences.filter(({ orderId }) => orderId === late.orderId)).toMatchObject([
    { kind: 'money-without-order', orderState: 'awaiting_choice' },
  ])
  await nobodyWaits()
})

test('another group: the one nearest to completion that they may join; theirs is the seat that completes it', async () => {
  const goods = await goodsOf({ size: 3 })
  const { groupId: full } = await shop.openGroup(goods)
  const slow = await shop.person()
  const { orderId } = await shop.order(slow, { kind: 'join', groupId: full })
  shop.pass(16 * minute)
  await expireOrders(shop.db, shop.now)
  for (const personId of await shop.people(2))
    await shop.pay((await shop.order(personId, { kind: 'join', groupId: full })).orderId)
  const far = await shop.openGroup(goods)
  const near = await shop.openGroup(goods)
  await shop.pay((await shop.order(await shop.person(), { kind: 'join', groupId: near.groupId })).orderId)
  // Nearer, but nobody invited them.
  const closed = await shop.openGroup(goods)
  await shop.pay((await shop.order(await shop.person(), { kind: 'join', groupId: closed.groupId })).orderId)
  const soon = new Date(shop.now.getTime() + 2 * hour)
  await shop.db.group.update({ where: { id: closed.groupId }, data: { isPublic: false, deadlineAt: soon } })
  await shop.pay(orderId)
  const late = { ...near, personId: slow, orderId, total: 0n }
  expect((await choices(late))?.group?.groupId).toBe(near.groupId)
  expect(await choose(late, { kind: 'group', groupId: closed.groupId })).toEqual({ ok: false, reason: 'not-found' })
  await visitGroup(shop.db, closed.groupId, slow, 'link', shop.now)
  expect((await choices(late))?.group?.groupId).toBe(closed.groupId)

  expect(await choose(late, { kind: 'group', groupId: near.groupId })).toEqual({ ok: true, groupId: near.groupId })
  expect(await shop.group(near.groupId)).toMatchObject({ state: 'formed', takenSeats: 3, paidSeats: 3 })
  expect(await shop.group(full)).toMatchObject({ state: 'formed', takenSeats: 3, paidSeats: 3 })
  expect(await shop.group(far.groupId)).toMatchObject({ takenSeats: 1 })
  await shop.settle()
  expect(await ended(late)).toBe('packable captured consumed')
  expect(await shop.db.seat.findUniqueOrThrow({ where: { orderId } })).toMatchObject({
    state: 'confirmed',
    via: 'moved',
  })
  expect(await shop.told(slow)).toEqual({ 'order-expired': 1, 'late-choice': 1, 'group-formed': 1, 'order-paid': 1 })
})

test('a seat that is kept for a late payer in another group is the one that they take', async () => {
  const goods = await goodsOf({ size: 3 })
  const { groupId: full } = await shop.openGroup(goods)
  const slow = await shop.person()
  const { orderId } = await shop.order(slow, { kind: 'join', groupId: full })
  shop.pass(16 * minute)
  await expireOrders(shop.db, shop.now)
  for (const personId of await shop.people(2))
    await shop.pay((await shop.order(personId, { kind: 'join', groupId: full })).orderId)
  await shop.pay(orderId)

  const { groupId, leader, orderId: leads } = await shop.openGroup(goods)
  for (const personId of await shop.people(2)) await shop.order(personId, { kind: 'join', groupId })
  expect(await waitForSeat(shop.db, { personId: slow, groupId }, shop.now)).toMatchObject({ ok: true })
  shop.pass(16 * minute)
  await expireOrders(shop.db, shop.now)
  await moveLines(shop.db, shop.now)
  // Another takes the other seat: theirs is the only one left, and counted as taken.
  await shop.order(await shop.person(), { kind: 'join', groupId })
  expect(await shop.group(groupId)).toMatchObject({ takenSeats: 3, paidSeats: 1 })
  await cancelOrder(shop.db, { personId: leader, orderId: leads, now: shop.now }, shop.deps.carrier)

  expect(await choose({ personId: slow, orderId }, { kind: 'group', groupId })).toEqual({ ok: true, groupId })
  expect(await shop.group(groupId)).toMatchObject({ takenSeats: 2, paidSeats: 1 })
  expect(await shop.db.waiting.findMany({ where: { groupId } })).toMatchObject([{ personId: slow, state: 'taken' }])
  // What joined is counted by what was paid once, and the leader who left is not told.
  expect(await shop.db.seat.findUniqueOrThrow({ where: { orderId } })).toMatchObject({ state: 'paid', wasPaid: true })
  expect((await shop.told(leader))['group-joined']).toBeUndefined()
  shop.pass(24 * hour)
  await expireOrders(shop.db, shop.now)
  await closeDueGroups(shop.db, shop.now)
  await nobodyWaits()
})

test('a cheaper group takes the same money and settles at its own price: the rest of the hold, or of the charge, goes back', async () => {
  for (const method of [undefined, 'sbp'] as const) {
    const goods = await goodsOf()
    const late = await latePayer(goods, method)
    // The seller has become cheaper since.
    await shop.db.campaignPrice.updateMany({ where: { campaignId: goods.campaignId }, data: { price: 70_000n } })
    const { groupId, leader } = await shop.openGroup(goods)
    expect(await choose(late, { kind: 'group', groupId })).toMatchObject({ ok: true })
    await shop.settle()
    const order = await shop.db.order.findUniqueOrThrow({
      where: { id: late.orderId },
      include: { payments: { where: { counts: true } } },
    })
    expect(order).toMatchObject({ state: 'packable', goodsTotal: 70_000n, total: late.total - 30_000n })
    const [payment] = order.payments
    expect((payment?.captured ?? 0n) - (payment?.refunded ?? 0n)).toBe(order.total)
    expect(payment?.refunded).toBe(method === 'sbp' ? 30_000n : 0n)
    expect(await shop.told(leader)).toMatchObject({ 'group-formed': 1 })
  }
})

test('a group of their own opens with them as its paid leader, on the terms in force, and ends while their hold lasts', async () => {
  for (const method of [undefined, 'sbp'] as const) {
    const goods = await goodsOf({ size: 3, lifetimeMinutes: 3 * 24 * 60, stock: 10 })
    const { groupId: first } = await shop.openGroup(goods)
    const personId = await shop.person()
    const { orderId } = await shop.order(personId, { kind: 'join', groupId: first })
    if (method) await payBy(shop.db, { personId, orderId, method, now: shop.now }, shop.deps)
    await endGroup(first)
    await shop.db.campaign.update({ where: { id: goods.campaignId }, data: { size: 2 } })
    await shop.pay(orderId)
    const holdUntil = new Date(shop.now.getTime() + 40 * hour)
    await shop.db.payment.updateMany({ where: { orderId, state: 'held' }, data: { holdUntil } })
    const result = await choose({ personId, orderId }, { kind: 'own-group' })
    if (!result.ok || result.groupId === undefined) throw new Error('no group was opened')
    const group = await shop.db.group.findUniqueOrThrow({ where: { id: result.groupId } })
    expect(group).toMatchObject({
      state: 'open',
      leaderId: personId,
      size: 2,
      takenSeats: 1,
      paidSeats: 1,
      bestSeats: 1,
    })
    expect(group.deadlineAt).toEqual(new Date(shop.now.getTime() + (method ? 72 : 28) * hour))
    expect(await shop.told(personId)).toMatchObject({ 'late-choice': 1, 'seat-paid': 1 })
    await shop.pay((await shop.order(await shop.person(), { kind: 'join', groupId: group.id })).orderId)
    await shop.settle()
    expect(await shop.stateOf(orderId)).toMatchObject({ order: 'packable', seat: 'confirmed' })
    expect(await shop.stock(goods)).toEqual({ onHand: 8, reserved: 0 })
  }
})

test('money back on request: the hold is released, a charge refunded, and the goods are free', async () => {
  for (const method of [undefined, 'sbp'] as const) {
    const goods = await goodsOf()
    const late = await latePayer(goods, method)
    expect(await choose(late, { kind: 'money-back' })).toEqual({ ok: true })
    expect(await choose(late, { kind: 'own-group' })).toEqual({ ok: false, reason: 'chosen' })
    await shop.settle()
    expect(await ended(late)).toBe(`cancelled ${method ? 'pending,refunded' : 'voided'} released`)
    expect(await shop.stock(goods)).toEqual({ onHand: 98, reserved: 0 })
    expect(await shop.told(late.personId)).toMatchObject(
      method ? { 'refund-owed': 1, 'refund-done': 1 } : { 'money-released': 1 },
    )
  }
})

test('who says nothing for a day has their money back, once, however many workers tick and however often they die', async () => {
  const goods = await goodsOf()
  await nobodyWaits()
  const held = await latePayer(goods)
  const taken = await latePayer(goods, 'sbp')
  expect(await chooseForSilent(shop.db, shop.pass(24 * hour - 1))).toBe(1)
  shop.pass(1)
  const done = await Promise.all([1, 2, 3].map(() => chooseForSilent(shop.db, shop.now)))
  expect(done.reduce((sum, count) => sum + count, 0)).toBe(1)
  expect(await chooseForSilent(shop.db, shop.now)).toBe(0)
  expect(await choose(taken, { kind: 'own-group' })).toEqual({ ok: false, reason: 'chosen' })
  await shop.settle()
  expect(await ended(held)).toBe('cancelled voided released')
  expect(await ended(taken)).toBe('cancelled failed,refunded released')
  const moves = await shop.db.paymentMove.findMany({ where: { payment: { orderId: taken.orderId } } })
  expect(moves).toMatchObject([{ kind: 'refund', reason: 'late' }])
})

test('a tick whose worker died on one order gives the others back and tries that one again', async () => {
  const goods = await goodsOf()
  await nobodyWaits()
  const [broken, sound] = [await latePayer(goods), await latePayer(goods)]
  shop.pass(24 * hour)
  const { id: paymentId } = await shop.db.payment.findFirstOrThrow({ where: { orderId: broken.orderId } })
  const at = shop.now
  const row = {
    id: shop.deps.newId(),
    paymentId,
    kind: 'void',
    amount: 1n,
    state: 'created',
    createdAt: at,
    updatedAt: at,
  }
  await shop.db.paymentMove.create({ data: row })
  await expect(chooseForSilent(shop.db, shop.now)).rejects.toThrow('1 of 2 failed')
  expect(await ended(broken)).toBe('awaiting_choice held held')
  expect((await shop.stateOf(sound.orderId)).order).toBe('cancelled')
  await shop.db.paymentMove.delete({ where: { id: row.id } })
  expect(await chooseForSilent(shop.db, shop.now)).toBe(1)
  await shop.settle()
})

test('taps on all three choices and a cancellation at once: exactly one of them happens', async () => {
  const ends = new Set<string>()
  for (let round = 0; round < 4; round += 1) {
    const goods = await goodsOf({ size: 3 })
    const { groupId } = await shop.openGroup(goods)
    const personId = await shop.person()
    const { orderId } = await shop.order(personId, { kind: 'join', groupId })
    shop.pass(16 * minute)
    await expireOrders(shop.db, shop.now)
    for (const other of await shop.people(2)) {
      await shop.pay((await shop.order(other, { kind: 'join', groupId })).orderId)
    }
    const open = await shop.openGroup(goods)
    await shop.pay(orderId)
    const late = { personId, orderId }
    const acts = [
      () => choose(late, { kind: 'group', groupId: open.groupId }),
      () => choose(late, { kind: 'own-group' }),
      () => choose(late, { kind: 'money-back' }),
      () => cancelOrder(shop.db, { personId, orderId, isPaid: true, now: shop.now }, shop.deps.carrier),
    ]
    const first = acts.splice(round % acts.length, 1)
    const results = await Promise.all([...first, ...acts].map((act) => act()))
    // Whoever moved to another group may leave it again in the next moment, as anybody may.
    const wins = results.filter(({ ok }) => ok).length
    const { order } = await shop.stateOf(orderId)
    expect(wins).toBeGreaterThanOrEqual(1)
    expect(wins).toBeLessThanOrEqual(order === 'cancelled' ? 2 : 1)
    const live = await shop.db.seat.count({ where: { personId, state: { in: ['held', 'paid', 'confirmed'] } } })
    expect(live).toBe(order === 'awaiting_group' ? 1 : 0)
    const led = await shop.db.group.count({ where: { leaderId: personId, state: 'open' } })
    const { takenSeats } = await shop.group(open.groupId)
    expect(led + takenSeats - 1).toBe(live)
    ends.add(order)
  }
  await shop.settle()
  for (const end of ends) expect(['awaiting_group', 'cancelled']).toContain(end)
})

test('many late payers and one free seat: one has it, the others are told and keep their other choices', async () => {
  const goods = await goodsOf()
  const late: Late[] = []
  for (let count = 0; count < 4; count += 1) late.push(await latePayer(goods))
  const { groupId } = await shop.openGroup(goods)
  for (const one of late) expect((await choices(one))?.group?.groupId).toBe(groupId)
  const results = await Promise.all(late.map((one) => choose(one, { kind: 'group', groupId })))
  expect(results.filter(({ ok }) => ok)).toHaveLength(1)
  const out = late.filter((_, at) => results[at]?.ok === false)
  expect(results.filter((one) => !one.ok)).toEqual(out.map(() => ({ ok: false, reason: 'group-full' })))
  expect(await shop.group(groupId)).toMatchObject({ state: 'formed', takenSeats: 2, paidSeats: 2 })
  for (const one of out) {
    expect(await ended(one)).toBe('awaiting_choice held held')
    expect(await choose(one, { kind: 'own-group' })).toMatchObject({ ok: true })
  }
  await shop.settle()
})

test('stock: it is promised again with the question, free again with the refusal, and without it there is no question', async () => {
  const goods = await goodsOf({ stock: 3 })
  const late = await slowPayer(goods)
  await shop.pay(late.orderId)
  // The other two are being bought.
  expect(await shop.stock(goods)).toEqual({ onHand: 3, reserved: 3 })
  await choose(late, { kind: 'money-back' })
  expect(await shop.stock(goods)).toEqual({ onHand: 3, reserved: 2 })
  await shop.settle()

  const few = await goodsOf({ stock: 3 })
  const unlucky = await slowPayer(few)
  await shop.pay((await shop.order(await shop.person(), { kind: 'alone', variantId: few.variantId })).orderId)
  await shop.pay(unlucky.orderId)
  await shop.settle()
  expect(await ended(unlucky)).toBe('cancelled voided released')
  expect(await shop.told(unlucky.personId)).toEqual({ 'order-expired': 1, 'money-released': 1 })
})

test('no question without an answer: no campaign and no group, own shop, dearer terms, goods withdrawn, or a hold that ends too soon', async () => {
  const cases: ((goods: Goods, late: Late) => Promise<unknown>)[] = [
    ({ campaignId }) => shop.db.campaign.update({ where: { id: campaignId }, data: { endsAt: shop.now } }),
    ({ campaignId }) => shop.db.campaignPrice.updateMany({ where: { campaignId }, data: { price: 140_000n } }),
    ({ sellerId }, { personId }) => shop.db.sellerMember.create({ data: { sellerId, personId, joinedAt: shop.now } }),
    ({ productId }) => shop.db.product.update({ where: { id: productId }, data: { withdrawnAt: shop.now } }),
  ]
  for (const spoil of cases) {
    const goods = await goodsOf()
    const late = await slowPayer(goods)
    await spoil(goods, late)
    await shop.pay(late.orderId)
    expect(await shop.told(late.personId)).toEqual({ 'order-expired': 1 })
    expect(await ended(late)).toBe('cancelled voiding released')
  }
  const late = await slowPayer(await goodsOf())
  const externalId = await shop.atProvider(late.orderId)
  const { id } = await shop.db.payment.findFirstOrThrow({ where: { orderId: late.orderId } })
  const holdUntil = new Date(shop.now.getTime() + 12.5 * hour)
  const found = { externalId, state: 'held', amount: { amount: late.total, currency: 'RUB' }, holdUntil } as const
  await applyProviderPayment(shop.db, id, found, shop.now)
  await shop.settle()
  expect(await ended(late)).toBe('cancelled voided released')
})

test('a cancelled order asks nothing, and cancelling while asked is an answer', async () => {
  const goods = await goodsOf()
  const { groupId } = await shop.openGroup(goods)
  const personId = await shop.person()
  const { orderId } = await shop.order(personId, { kind: 'join', groupId })
  await cancelOrder(shop.db, { personId, orderId, now: shop.now }, shop.deps.carrier)
  await shop.pay((await shop.order(await shop.person(), { kind: 'join', groupId })).orderId)
  await shop.pay(orderId)
  await shop.settle()
  expect(await shop.told(personId)).toEqual({ 'money-released': 1 })

  for (const method of [undefined, 'sbp'] as const) {
    const late = await latePayer(goods, method)
    const who = { personId: late.personId, orderId: late.orderId, now: shop.now }
    expect(await cancelOrder(shop.db, who, shop.deps.carrier)).toMatchObject({ ok: true })
    await shop.settle()
    expect((await shop.stateOf(late.orderId)).order).toBe('cancelled')
  }
})

test('the time to choose ends before the hold does, and what watches holds gives it back; a hold gone is the end', async () => {
  const goods = await goodsOf()
  const late = await latePayer(goods)
  const { orderId } = late
  await shop.db.payment.updateMany({
    where: { orderId },
    data: { holdUntil: new Date(shop.now.getTime() + 13 * hour) },
  })
  // An hour later there is no group that such a hold could wait for.
  shop.pass(hour)
  expect(await choose(late, { kind: 'own-group' })).toEqual({ ok: false, reason: 'hold-ends' })
  expect(await ended(late)).toBe('awaiting_choice held held')
  await watchHolds(shop.db, shop.now)
  await shop.settle()
  expect(await ended(late)).toBe('cancelled voided released')
  expect(await shop.told(late.personId)).toMatchObject({ 'money-released': 1 })

  const gone = await latePayer(goods)
  await shop.atProvider(gone.orderId, 'expired').catch(() => undefined)
  shop.pass(8 * 24 * hour)
  await shop.settle()
  expect(await ended(gone)).toBe('cancelled expired released')
})

test('a hold that somebody took by hand while its buyer thinks is theirs to spend all the same', async () => {
  const goods = await goodsOf()
  const late = await latePayer(goods)
  const externalId = await shop.externalIdOf(late.orderId)
  await shop.yookassa.capture(externalId, { amount: late.total, currency: 'RUB' }, shop.deps.newId())
  await shop.hint(externalId)
  expect(await ended(late)).toBe('awaiting_choice captured held')
  const { groupId } = await shop.openGroup(goods)
  expect(await choose(late, { kind: 'group', groupId })).toMatchObject({ ok: true })
  await shop.settle()
  expect(await ended(late)).toBe('packable captured consumed')
})

test("nobody chooses for somebody else, into a group of other goods, or into one they are in; the choice's group is what is locked", async () => {
  const goods = await goodsOf({ size: 3 })
  const { groupId } = await shop.openGroup(goods)
  const personId = await shop.person()
  const { orderId } = await shop.order(personId, { kind: 'join', groupId })
  await endGroup(groupId)
  const other = await shop.openGroup(await goodsOf())
  const mine = await shop.openGroup(goods, personId)
  await shop.pay(orderId)
  const late = { personId, orderId }
  const before = await shop.stateOf(orderId)
  expect(await choose({ personId: other.leader, orderId }, { kind: 'money-back' })).toEqual({
    ok: false,
    reason: 'not-found',
  })
  for (const forged of [other.groupId, 999_999])
    expect(await choose(late, { kind: 'group', groupId: forged })).toEqual({ ok: false, reason: 'not-found' })
  expect(await choose(late, { kind: 'group', groupId: mine.groupId })).toEqual({ ok: false, reason: 'already-in' })
  expect(await choose(late, { kind: 'group', groupId })).toMatchObject({ ok: false, reason: 'group-over' })
  expect(await shop.stateOf(orderId)).toEqual(before)
  expect(await orderOf(shop.db, orderId, personId)).toMatchObject({ state: 'awaiting_choice' })
  await shop.settle()
})

test('news of the money and the choice at once never meet in the wrong group', async () => {
  for (let round = 0; round < 3; round += 1) {
    const goods = await goodsOf({ size: 3 })
    const { groupId: full } = await shop.openGroup(goods)
    const personId = await shop.person()
    const { orderId } = await shop.order(personId, { kind: 'join', groupId: full })
    await endGroup(full)
    await shop.pay(orderId)
    const { groupId } = await shop.openGroup(goods)
    const page = await shop.externalIdOf(orderId)
    await shop.yookassa.void(page, shop.deps.newId())
    await Promise.all([choose({ personId, orderId }, { kind: 'group', groupId }), shop.hint(page), shop.hint(page)])
    expect((await shop.stateOf(orderId)).order).toBe('cancelled')
    expect(await shop.group(groupId)).toMatchObject({ takenSeats: 1, paidSeats: 1 })
  }
  await shop.settle()
})

test('news of money whose seat has just moved waits for the new group before it touches the payment', async () => {
  const goods = await goodsOf({ size: 3 })
  const { groupId: full } = await shop.openGroup(goods)
  const personId = await shop.person()
  const { orderId, seat } = await shop.order(personId, { kind: 'join', groupId: full })
  await endGroup(full)
  await shop.pay(orderId)
  const { groupId } = await shop.openGroup(goods)
  const page = await shop.externalIdOf(orderId)
  await shop.yookassa.void(page, shop.deps.newId())
  const underWay: Promise<unknown>[] = []
  await shop.db.$transaction(async (tx) => {
    for (const id of [full, groupId]) await lockGroup(tx, id)
    // It knows the group that the seat was in.
    underWay.push(shop.hint(page))
    await shop.waiting(1)
    const next = shop.db.$transaction(async (other) => {
      await lockGroup(other, groupId)
      await shop.waiting(1)
      const free = await other.$queryRaw`SELECT 1 FROM payment WHERE order_id = ${orderId} FOR UPDATE SKIP LOCKED`
      expect(free).toHaveLength(1)
    })
    underWay.push(next)
    await shop.waiting(2)
    // What a choice does.
    expect(await takeSeat(tx, groupId, shop.now, true)).toBe(true)
    expect(await endChoice(tx, orderId, shop.now)).toBe(true)
    await moveSeat(tx, seat?.seatId ?? 0, groupId, 'moved')
  })
  await Promise.all(underWay)
  expect(await ended({ orderId })).toBe('cancelled expired released')
  expect(await shop.group(groupId)).toMatchObject({ takenSeats: 1, paidSeats: 1 })
  await shop.settle()
})
