/** What a seller's terms do to a group: steps of the price, a minimum, thanks, limits, cities, invitations. */
import { expect, test } from 'vitest'
import { cancelOrder } from '#shop/orders.ts'
import { payBy } from '#shop/paying.ts'
import { closeDueGroups, topUpGroup, visitGroup } from '#shop/group-buy.ts'
import { hour, minute, useShop, type Goods } from './support.ts'

const shop = useShop()

const ladder = {
  size: 5,
  price: 150_000n,
  group: { kind: 'ladder', minSeats: 2 },
  steps: [
    { seats: 3, price: 90_000n },
    { seats: 5, price: 80_000n },
  ],
} as const

const ladderGoods = async (more: object = {}) => shop.goods({ ...ladder, steps: [...ladder.steps], ...more })

async function joinAndPay(
  groupId: number,
  method?: 'sbp',
): Promise<{ personId: number; orderId: number; total: bigint }> {
  const personId = await shop.person()
  const { orderId, total } = await shop.order(personId, { kind: 'join', groupId })
  if (method && !(await payBy(shop.db, { personId, orderId, method, now: shop.now }, shop.deps)).ok) {
    throw new Error(`${method} is refused`)
  }
  await shop.pay(orderId)
  return { personId, orderId, total }
}

const moneyOf = async (orderId: number) => {
  const { goodsTotal, deliveryCost, total, payments } = await shop.db.order.findUniqueOrThrow({
    where: { id: orderId },
    include: { payments: { where: { counts: true } } },
  })
  const { captured = 0n, refunded = 0n, amount = 0n, state = '' } = payments[0] ?? {}
  return { goodsTotal, deliveryCost, total, captured, refunded, amount, state }
}

test('the price falls as people join; when the last seat is paid everybody pays the lowest step, whatever was held', async () => {
  const goods = await ladderGoods()
  const { groupId, orderId: leads } = await shop.openGroup(goods)
  const others = [
    await joinAndPay(groupId),
    await joinAndPay(groupId, 'sbp'),
    await joinAndPay(groupId),
    await joinAndPay(groupId),
  ]
  // Each held the price of the moment.
  const held = await Promise.all([leads, ...others.map(({ orderId }) => orderId)].map(moneyOf))
  expect(held.map(({ amount, deliveryCost }) => amount - deliveryCost)).toEqual([
    100_000n,
    100_000n,
    100_000n,
    90_000n,
    90_000n,
  ])
  expect(await shop.group(groupId)).toMatchObject({ state: 'formed', paidSeats: 5 })
  await shop.settle()
  for (const orderId of [leads, ...others.map((one) => one.orderId)]) {
    const { goodsTotal, total, deliveryCost, captured, refunded } = await moneyOf(orderId)
    expect(goodsTotal).toBe(80_000n)
    expect(total).toBe(80_000n + deliveryCost)
    expect(captured - refunded).toBe(total)
  }
  // Charged at once: taken whole, and the difference went back with its reason.
  const sbp = others[1]?.orderId ?? 0
  expect(await moneyOf(sbp)).toMatchObject({ state: 'part_refunded', refunded: 20_000n })
  const [back] = await shop.db.paymentMove.findMany({ where: { payment: { orderId: sbp }, kind: 'refund' } })
  expect(back).toMatchObject({ reason: 'price-fell', amount: 20_000n, state: 'done' })
})

test('a ladder forms when its time is over with enough, at the step that was reached; who had not paid is out', async () => {
  const goods = await ladderGoods({ lifetimeMinutes: 60 })
  const { groupId, orderId: leads } = await shop.openGroup(goods)
  const joined = await joinAndPay(groupId)
  shop.pass(50 * minute)
  const late = await shop.order(await shop.person(), { kind: 'join', groupId })
  shop.pass(10 * minute)
  expect(await closeDueGroups(shop.db, shop.now)).toBe(1)
  expect(await closeDueGroups(shop.db, shop.now)).toBe(0)
  expect(await shop.group(groupId)).toMatchObject({ state: 'formed', paidSeats: 2, size: 5 })
  await shop.pay(late.orderId)
  await shop.settle()
  expect(await moneyOf(leads)).toMatchObject({ goodsTotal: 100_000n, state: 'captured' })
  expect(await moneyOf(joined.orderId)).toMatchObject({ goodsTotal: 100_000n, state: 'captured' })
  expect((await shop.stateOf(late.orderId)).order).toBe('awaiting_choice')
})

test('a ladder with too few when its time is over fails, and everything goes back', async () => {
  const goods = await ladderGoods({ group: { kind: 'ladder', minSeats: 3 }, lifetimeMinutes: 60 })
  const { groupId, orderId: leads } = await shop.openGroup(goods)
  const joined = await joinAndPay(groupId)
  shop.pass(hour)
  expect(await closeDueGroups(shop.db, shop.now)).toBe(1)
  expect(await shop.group(groupId)).toMatchObject({ state: 'failed' })
  await shop.settle()
  for (const orderId of [leads, joined.orderId]) expect(await moneyOf(orderId)).toMatchObject({ state: 'voided' })
  expect(await shop.stock(goods)).toMatchObject({ reserved: 0 })
})

test('a price that was reached does not rise again when somebody leaves', async () => {
  const goods = await ladderGoods({ lifetimeMinutes: 60 })
  const { groupId, orderId: leads } = await shop.openGroup(goods)
  const [stays, leaves] = [await joinAndPay(groupId), await joinAndPay(groupId)]
  const { personId, orderId } = leaves
  expect(
    await cancelOrder(shop.db, { personId, orderId, isPaid: true, now: shop.now }, shop.deps.carrier),
  ).toMatchObject({ ok: true })
  shop.pass(hour)
  await closeDueGroups(shop.db, shop.now)
  await shop.settle()
  for (const one of [leads, stays.orderId]) expect(await moneyOf(one)).toMatchObject({ goodsTotal: 90_000n })
})

test.each([
  ['discount', 1000, 72_000n],
  ['share', 1000, 48_000n],
] as const)(
  'a leader is thanked by a %s, out of what is taken, and the others pay the full step',
  async (thanksKind, points, pays) => {
    const goods = await ladderGoods({ group: { ...ladder.group, thanksKind, thanksBasisPoints: points } })
    const { groupId, orderId: leads } = await shop.openGroup(goods)
    const others = []
    for (let seat = 1; seat < 5; seat += 1) others.push(await joinAndPay(groupId))
    await shop.settle()
    expect(await moneyOf(leads)).toMatchObject({ goodsTotal: pays, state: 'captured' })
    for (const { orderId } of others) expect(await moneyOf(orderId)).toMatchObject({ goodsTotal: 80_000n })
  },
)

test('the shop fills seats openly: the last free one forms the group, nobody sits there, and more than is free is refused', async () => {
  const goods = await shop.goods({ size: 4 })
  const seller = await shop.seller(goods)
  const stranger = await shop.person()
  const { groupId, orderId: leads } = await shop.openGroup(goods)
  const joined = await joinAndPay(groupId)
  const held = await shop.order(await shop.person(), { kind: 'join', groupId })
  const by = (personId: number, seats: number) => topUpGroup(shop.db, { personId, groupId, seats }, shop.now)
  expect(await by(stranger, 1)).toEqual({ ok: false, reason: 'not-yours' })
  for (const seats of [0, -1, 1.5, 2]) expect(await by(seller, seats)).toEqual({ ok: false, reason: 'no-room' })
  expect(await by(seller, 1)).toEqual({ ok: true, formed: false })
  expect(await by(seller, 1)).toEqual({ ok: false, reason: 'no-room' })
  await shop.pay(held.orderId)
  expect(await shop.group(groupId)).toMatchObject({ state: 'formed', paidSeats: 3 })
  await shop.settle()
  for (const orderId of [leads, joined.orderId, held.orderId])
    expect(await moneyOf(orderId)).toMatchObject({ state: 'captured' })
})

test('a top-up of the last seat forms the group at once', async () => {
  const goods = await shop.goods({ size: 3 })
  const seller = await shop.seller(goods)
  const { groupId, orderId: leads } = await shop.openGroup(goods)
  const joined = await joinAndPay(groupId)
  expect(await topUpGroup(shop.db, { personId: seller, groupId, seats: 1 }, shop.now)).toEqual({
    ok: true,
    formed: true,
  })
  await shop.settle()
  expect(await shop.told(joined.personId)).toMatchObject({ 'group-formed': 1, 'order-paid': 1 })
  expect(await moneyOf(leads)).toMatchObject({ state: 'captured' })
})

test('top-ups and joins at once never fill more seats than there are', async () => {
  for (let round = 0; round < 5; round += 1) {
    const goods = await shop.goods({ size: 3 })
    const seller = await shop.seller(goods)
    const { groupId } = await shop.openGroup(goods)
    const people = await shop.people(4)
    await Promise.all([
      ...people.map(async (personId) => shop.buy(personId, { kind: 'join', groupId })),
      ...[1, 2, 1].map(async (seats) => topUpGroup(shop.db, { personId: seller, groupId, seats }, shop.now)),
    ])
    const group = await shop.db.group.findUniqueOrThrow({ where: { id: groupId } })
    expect(group.takenSeats + group.toppedUp).toBe(3)
  }
})

test('a group for the invited is joined by card or link, and by nobody who only knows its number', async () => {
  const goods = await shop.goods({ size: 3, group: { isPublic: false } })
  const { groupId } = await shop.openGroup(goods)
  const [stranger, guest] = [await shop.person(), await shop.person()]
  const join = async (personId: number) => shop.buy(personId, { kind: 'join', groupId })
  expect(await join(stranger)).toEqual({ ok: false, reason: 'not-invited' })
  await visitGroup(shop.db, groupId, stranger, 'list', shop.now)
  expect(await join(stranger)).toEqual({ ok: false, reason: 'not-invited' })
  await visitGroup(shop.db, groupId, guest, 'card', shop.now)
  const result = await join(guest)
  expect(result.ok).toBe(true)
  expect(await shop.db.seat.findFirst({ where: { personId: guest } })).toMatchObject({ via: 'card' })
})

test('a group for some cities takes nobody from elsewhere', async () => {
  const goods = await shop.goods({ group: { cities: [44] } })
  // Everybody here lives in Kazan.
  expect(await shop.buy(await shop.person(), { kind: 'own-group', variantId: goods.variantId })).toEqual({
    ok: false,
    reason: 'other-cities',
  })
  const here = await shop.goods({ group: { cities: [44, 424] } })
  expect((await shop.openGroup(here)).groupId).toBeGreaterThan(0)
})

test('units up to the limit are one seat; more, none and parts are refused, and the stock counts each', async () => {
  const goods = await shop.goods({ group: { maxUnits: 3 }, stock: 5 })
  const personId = await shop.person()
  const own = (units: number) => shop.buy(personId, { kind: 'own-group', variantId: goods.variantId, units })
  for (const units of [0, -1, 1.5, 4, 1e9])
    expect(await own(units)).toMatchObject({ ok: false, reason: 'too-many-units' })
  const order = await shop.order(personId, { kind: 'own-group', variantId: goods.variantId, units: 3 })
  await shop.pay(order.orderId)
  expect(await shop.stock(goods)).toMatchObject({ reserved: 3 })
  const groupId = order.seat?.groupId ?? 0
  const other = await shop.person()
  expect(await shop.buy(other, { kind: 'join', groupId, units: 3 })).toMatchObject({
    ok: false,
    reason: 'out-of-stock',
  })
  await shop.pay((await shop.order(other, { kind: 'join', groupId, units: 2 })).orderId)
  await shop.settle()
  expect(await shop.stock(goods)).toEqual({ onHand: 0, reserved: 0 })
  expect(await moneyOf(order.orderId)).toMatchObject({ goodsTotal: 300_000n, state: 'captured' })
})

test('nobody opens more than ten groups within a day', async () => {
  const personId = await shop.person()
  const open = async (goods: Goods) => shop.buy(personId, { kind: 'own-group', variantId: goods.variantId })
  for (let count = 0; count < 10; count += 1) {
    const result = await open(await shop.goods())
    if (!result.ok) throw new Error(result.reason)
    await shop.pay(result.order.orderId)
  }
  const goods = await shop.goods()
  expect(await open(goods)).toEqual({ ok: false, reason: 'too-many-groups' })
  shop.pass(24 * hour + 1)
  expect(await open(goods)).toMatchObject({ ok: true })
})

test('what was promised to an open group stays, whatever becomes of its campaign', async () => {
  const goods = await ladderGoods({ lifetimeMinutes: 60 })
  const { groupId } = await shop.openGroup(goods)
  const { campaignId } = goods
  await shop.db.campaignTier.deleteMany({ where: { campaignId } })
  await shop.db.campaignPrice.updateMany({ where: { campaignId }, data: { price: 140_000n } })
  await shop.db.campaign.update({ where: { id: campaignId }, data: { endsAt: shop.now, minSeats: 5, cities: [1] } })
  for (let seat = 1; seat < 5; seat += 1) await joinAndPay(groupId)
  await shop.settle()
  const orders = await shop.db.order.findMany({ where: { seat: { groupId } } })
  expect(orders.map(({ goodsTotal }) => goodsTotal)).toEqual(orders.map(() => 80_000n))
})
