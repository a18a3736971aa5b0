/** What forged, late and greedy taps lead to: a reason, and nothing changed. */
import { expect, test } from 'vitest'
import { chooseForLate } from '#shop/choices.ts'
import { buy } from '#shop/checkout.ts'
import { closeDueGroups, expireOrders, topUpGroup } from '#shop/group-buy.ts'
import { cancelOrder, orderForShop, orderOf } from '#shop/orders.ts'
import { payBy } from '#shop/paying.ts'
import { movePayment } from '#shop/payments.ts'
import { stopWaiting, waitForSeat } from '#shop/waiting.ts'
import { countRows, hour, minute, useShop } from './support.ts'

const shop = useShop()

/** A group of three with its leader and one member, somebody's unpaid seat, a seller, and somebody who has no part in it. */
async function scene() {
  const goods = await shop.goods({ size: 4, stock: 20, group: { maxUnits: 2 } })
  const { groupId, leader, orderId } = await shop.openGroup(goods)
  const member = await shop.person()
  const memberOrder = (await shop.order(member, { kind: 'join', groupId })).orderId
  await shop.pay(memberOrder)
  const unpaid = await shop.person()
  const unpaidOrder = (await shop.order(unpaid, { kind: 'join', groupId })).orderId
  const [stranger, seller] = [await shop.person(), await shop.seller(goods)]
  return { goods, groupId, leader, orderId, member, memberOrder, unpaid, unpaidOrder, stranger, seller }
}
type Scene = Awaited<ReturnType<typeof scene>>

const nowhere = 2_000_000_000
const buys = (personId: number, groupId: number, more: { units?: number; variantId?: number } = {}) =>
  shop.buy(personId, { kind: 'join', groupId, ...more })
const opens = (personId: number, variantId: number, units = 1) =>
  shop.buy(personId, { kind: 'own-group', variantId, units })
const cancels = (personId: number, orderId: number) =>
  cancelOrder(shop.db, { personId, orderId, now: shop.now }, shop.deps.carrier)
const topsUp = (personId: number, groupId: number, seats: number) =>
  topUpGroup(shop.db, { personId, groupId, seats }, shop.now)

type Row = {
  what: string
  reason: string
  prepare?: (at: Scene) => Promise<unknown>
  act: (at: Scene) => Promise<unknown>
}
const forged: Row[] = [
  { what: 'a group that does not exist', reason: 'not-found', act: ({ stranger }) => buys(stranger, nowhere) },
  { what: 'a group with a negative number', reason: 'not-found', act: ({ stranger }) => buys(stranger, -1) },
  { what: 'a product that does not exist', reason: 'not-found', act: ({ stranger }) => opens(stranger, nowhere) },
  {
    what: "another shop's variant in this group",
    reason: 'not-found',
    act: async ({ stranger, groupId }) => buys(stranger, groupId, { variantId: (await shop.goods()).variantId }),
  },
  {
    what: 'the same team again as somebody who was not in it',
    reason: 'not-found',
    act: ({ stranger, goods: { variantId }, groupId }) =>
      shop.buy(stranger, { kind: 'own-group', variantId, formerId: groupId }),
  },
  { what: "giving up somebody's paid seat", reason: 'not-found', act: (at) => cancels(at.stranger, at.memberOrder) },
  { what: "a leader giving up a member's seat", reason: 'not-found', act: (at) => cancels(at.leader, at.unpaidOrder) },
  { what: 'the shop giving up a buyer’s seat', reason: 'not-found', act: (at) => cancels(at.seller, at.memberOrder) },
  { what: 'giving up an order that does not exist', reason: 'not-found', act: (at) => cancels(at.stranger, nowhere) },
  {
    what: "changing how somebody's order is paid",
    reason: 'not-found',
    act: ({ stranger, unpaidOrder: orderId }) =>
      payBy(shop.db, { personId: stranger, orderId, method: 'card', now: shop.now }, shop.deps),
  },
  {
    what: "putting one's own order into the place of somebody's",
    reason: 'not-found',
    act: ({ stranger: personId, unpaidOrder: instead, groupId }) => {
      const purchase = { kind: 'join', groupId } as const
      return buy(shop.db, { personId, requestKey: shop.deps.newId(), purchase, instead, now: shop.now }, shop.deps)
    },
  },
  {
    what: "choosing for somebody's money",
    reason: 'not-found',
    act: ({ stranger: personId, memberOrder: orderId }) =>
      chooseForLate(shop.db, { personId, orderId, choice: { kind: 'money-back' }, now: shop.now }, shop.deps),
  },
  {
    what: 'choosing for money that is not late',
    reason: 'chosen',
    act: ({ member: personId, memberOrder: orderId }) =>
      chooseForLate(shop.db, { personId, orderId, choice: { kind: 'own-group' }, now: shop.now }, shop.deps),
  },
  {
    what: 'a stranger filling seats as the shop',
    reason: 'not-yours',
    act: (at) => topsUp(at.stranger, at.groupId, 1),
  },
  { what: 'a leader filling seats as the shop', reason: 'not-yours', act: (at) => topsUp(at.leader, at.groupId, 1) },
  {
    what: 'another shop filling seats',
    reason: 'not-yours',
    act: async ({ groupId }) => topsUp(await shop.seller(await shop.goods()), groupId, 1),
  },
  { what: 'the shop filling a seat that is taken', reason: 'no-room', act: (at) => topsUp(at.seller, at.groupId, 2) },
  { what: 'the shop filling no seat', reason: 'no-room', act: (at) => topsUp(at.seller, at.groupId, 0) },
  { what: 'the shop emptying seats', reason: 'no-room', act: (at) => topsUp(at.seller, at.groupId, -1) },
  { what: 'the shop filling half a seat', reason: 'no-room', act: (at) => topsUp(at.seller, at.groupId, 0.5) },
  { what: 'the shop filling a thousand seats', reason: 'no-room', act: (at) => topsUp(at.seller, at.groupId, 1000) },
  { what: 'a seller in their own group', reason: 'own-shop', act: (at) => buys(at.seller, at.groupId) },
  {
    what: 'a seller with a group of their own goods',
    reason: 'own-shop',
    act: (at) => opens(at.seller, at.goods.variantId),
  },
  {
    what: 'a seller in the line of their own group',
    reason: 'own-shop',
    act: ({ seller: personId, groupId }) => waitForSeat(shop.db, { personId, groupId }, shop.now),
  },
  {
    what: 'waiting where a seat is free',
    reason: 'seat-free',
    act: ({ stranger: personId, groupId }) => waitForSeat(shop.db, { personId, groupId }, shop.now),
  },
  {
    what: 'waiting beside one’s own seat',
    reason: 'already-in',
    act: ({ member: personId, groupId }) => waitForSeat(shop.db, { personId, groupId }, shop.now),
  },
  { what: 'a member at the button once more', reason: 'already-in', act: (at) => buys(at.member, at.groupId) },
  { what: 'a leader in their own group', reason: 'already-in', act: (at) => buys(at.leader, at.groupId) },
  ...[0, -1, -99, 1.5, 3, 100, 1e9, Number.MAX_SAFE_INTEGER, Infinity, NaN].flatMap((units): Row[] => [
    {
      what: `${units} units of a seat`,
      reason: 'too-many-units',
      act: (at) => buys(at.stranger, at.groupId, { units }),
    },
    {
      what: `${units} units of a group of one's own`,
      reason: 'too-many-units',
      act: (at) => opens(at.stranger, at.goods.variantId, units),
    },
  ]),
  {
    what: 'an old button after the time is over',
    reason: 'group-over',
    prepare: async () => shop.pass(30 * minute),
    act: (at) => buys(at.stranger, at.groupId),
  },
  {
    what: 'an old button of a group that failed',
    reason: 'group-over',
    prepare: async () => closeDueGroups(shop.db, shop.pass(30 * minute)),
    act: (at) => buys(at.stranger, at.groupId),
  },
  {
    what: 'the shop filling seats after the time is over',
    reason: 'no-room',
    prepare: async () => shop.pass(30 * minute),
    act: (at) => topsUp(at.seller, at.groupId, 1),
  },
  {
    what: 'leaving a group that has ended',
    reason: 'too-late',
    prepare: async () => closeDueGroups(shop.db, shop.pass(30 * minute)),
    act: (at) => cancels(at.member, at.memberOrder),
  },
  {
    what: 'an option that sold out meanwhile',
    reason: 'out-of-stock',
    prepare: async ({ goods: { variantId } }) =>
      shop.db.stockLevel.updateMany({ where: { variantId }, data: { onHand: 3 } }),
    act: (at) => buys(at.stranger, at.groupId),
  },
  {
    what: 'two units where one is left',
    reason: 'out-of-stock',
    prepare: async ({ goods: { variantId } }) =>
      shop.db.stockLevel.updateMany({ where: { variantId }, data: { onHand: 4 } }),
    act: (at) => buys(at.stranger, at.groupId, { units: 2 }),
  },
  {
    what: 'a group by terms that have ended',
    reason: 'no-group-price',
    prepare: async ({ goods: { campaignId: id } }) =>
      shop.db.campaign.update({ where: { id }, data: { endsAt: shop.now } }),
    act: (at) => opens(at.stranger, at.goods.variantId),
  },
  {
    what: 'more units than the group was opened for, whatever its terms are now',
    reason: 'too-many-units',
    prepare: async ({ goods: { campaignId: id } }) => shop.db.campaign.update({ where: { id }, data: { maxUnits: 9 } }),
    act: (at) => buys(at.stranger, at.groupId, { units: 3 }),
  },
  {
    what: 'a seat more than the group was opened with, whatever its terms are now',
    reason: 'group-full',
    prepare: async ({ goods: { campaignId: id }, groupId }) => {
      await buys(await shop.person(), groupId)
      await shop.db.campaign.update({ where: { id }, data: { size: 9 } })
    },
    act: (at) => buys(at.stranger, at.groupId),
  },
]

let shared: Promise<Scene> | undefined

test.each(forged)('$what: $reason, and nothing is changed', async ({ reason, prepare, act }) => {
  // Nothing changes it, so that all but those who prepare something can share one.
  const at = prepare ? await scene() : await (shared ??= scene())
  await prepare?.(at)
  // Whatever the act makes for itself (another shop) has no part in what is counted.
  const before = await countRows(shop.db)
  expect(await act(at)).toMatchObject({ ok: false, reason })
  expect(await countRows(shop.db)).toEqual(before)
})

test("nobody reads somebody else's order, and whoever stands in no line leaves none", async () => {
  const { groupId, leader, memberOrder, stranger } = await scene()
  const before = await countRows(shop.db)
  for (const personId of [stranger, leader]) expect(await orderOf(shop.db, memberOrder, personId)).toBeUndefined()
  expect(await orderForShop(shop.db, memberOrder, leader)).toBeUndefined()
  expect(await stopWaiting(shop.db, { personId: stranger, groupId }, shop.now)).toBe(false)
  expect(await countRows(shop.db)).toEqual(before)
})

test('a late payer who finds a seat but no goods makes nothing cheaper for those who stay', async () => {
  const steps = [{ seats: 3, price: 90_000n }]
  const goods = await shop.goods({
    stock: 3,
    size: 5,
    lifetimeMinutes: 60,
    group: { kind: 'ladder', minSeats: 2 },
    steps,
  })
  const { groupId, orderId } = await shop.openGroup(goods)
  await shop.pay((await shop.order(await shop.person(), { kind: 'join', groupId })).orderId)
  const late = await shop.order(await shop.person(), { kind: 'join', groupId })
  shop.pass(16 * minute)
  await expireOrders(shop.db, shop.now)
  await shop.order(await shop.person(), { kind: 'alone', variantId: goods.variantId })
  await shop.pay(late.orderId)
  expect(await shop.group(groupId)).toMatchObject({ state: 'open', takenSeats: 2, paidSeats: 2 })
  shop.pass(hour)
  await closeDueGroups(shop.db, shop.now)
  expect(await shop.db.order.findUnique({ where: { id: orderId } })).toMatchObject({ goodsTotal: 100_000n })
})

test('a seat is refunded when all of its money is back, not with the first part of it', async () => {
  const steps = [{ seats: 2, price: 90_000n }]
  const terms = { paymentMethods: ['sbp' as const] }
  const goods = await shop.goods({ size: 2, group: { kind: 'ladder', minSeats: 2 }, steps, terms })
  const { groupId, leader, orderId } = await shop.openGroup(goods)
  await shop.pay((await shop.order(await shop.person(), { kind: 'join', groupId })).orderId)
  const [fell] = await shop.db.paymentMove.findMany({ where: { payment: { orderId }, reason: 'price-fell' } })
  expect(await cancels(leader, orderId)).toMatchObject({ ok: true })
  await movePayment(shop.db, fell?.id ?? '', shop.deps, shop.now)
  expect(await shop.stateOf(orderId)).toMatchObject({ seat: 'refund_due', payments: ['part_refunded'] })
  await shop.settle()
  expect(await shop.stateOf(orderId)).toMatchObject({ seat: 'refunded', payments: ['refunded'] })
})
