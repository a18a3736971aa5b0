/** When nobody leaves any more, and what becomes of a group that everybody has left. */
import { expect, test } from 'vitest'
import { closeDueGroups, expireOrders, nearestGroup } from '#shop/group-buy.ts'
import { cancelOrder } from '#shop/orders.ts'
import { buy } from '#shop/checkout.ts'
import { watchHolds } from '#shop/payments.ts'
import { assertInvariants } from './invariants.ts'
import { countRows, minute, useShop, type GoodsOptions } from './support.ts'

const shop = useShop()

const leave = (personId: number, orderId: number, now = shop.now) =>
  cancelOrder(shop.db, { personId, orderId, now }, shop.deps.carrier)

async function members(count: number, of: GoodsOptions) {
  const goods = await shop.goods(of)
  const { groupId, leader, orderId } = await shop.openGroup(goods)
  const all = [{ personId: leader, orderId }]
  for (const personId of await shop.people(count - 1)) {
    const order = await shop.order(personId, { kind: 'join', groupId })
    await shop.pay(order.orderId)
    all.push({ personId, orderId: order.orderId })
  }
  return { goods, groupId, all }
}

test('once the time is over nobody leaves, though the clock has not come by: who was enough stays enough', async () => {
  const three = { size: 5, lifetimeMinutes: 60, group: { kind: 'ladder', minSeats: 3 } } as const
  const { groupId, all } = await members(3, three)
  shop.pass(60 * minute + 3000)
  const before = await countRows(shop.db)
  for (const { personId, orderId } of all)
    expect(await leave(personId, orderId)).toEqual({ ok: false, reason: 'past-stop' })
  expect(await countRows(shop.db)).toEqual(before)
  await closeDueGroups(shop.db, shop.now)
  expect(await shop.group(groupId)).toMatchObject({ state: 'formed', paidSeats: 3 })
  await shop.settle()
})

test('a minute before, one still leaves; of those who leave when it ends none is told otherwise than it is', async () => {
  const { groupId, all } = await members(3, { size: 5, lifetimeMinutes: 60, group: { kind: 'ladder', minSeats: 2 } })
  const [, second, third] = all
  if (!second || !third) throw new Error('three were in')
  shop.pass(59 * minute)
  expect(await leave(second.personId, second.orderId)).toMatchObject({ ok: true })
  const late = new Date(shop.now.getTime() + minute)
  const results = await Promise.all([
    leave(third.personId, third.orderId, late),
    closeDueGroups(shop.db, late),
    leave(third.personId, third.orderId, late),
  ])
  expect([results[0].ok, results[2].ok]).toEqual([false, false])
  shop.pass(minute)
  expect(await shop.group(groupId)).toMatchObject({ state: 'formed', paidSeats: 2 })
  await shop.settle()
})

test('the leader has left and the last hold runs out: the group ends there and then, and is not offered any more', async () => {
  const goods = await shop.goods({ size: 3, lifetimeMinutes: 600 })
  const { groupId, leader, orderId } = await shop.openGroup(goods)
  await shop.order(await shop.person(), { kind: 'join', groupId })
  await leave(leader, orderId)
  expect(await shop.group(groupId)).toMatchObject({ state: 'open', takenSeats: 1 })
  shop.pass(15 * minute)
  await expireOrders(shop.db, shop.now)
  expect(await shop.group(groupId)).toMatchObject({ state: 'cancelled', takenSeats: 0 })
  expect(await nearestGroup(shop.db, goods.productId, shop.now)).toBeUndefined()
  await assertInvariants(shop.db)
})

test('given up by its holder it ends, too; replaced by another order it does not', async () => {
  const goods = await shop.goods({ size: 3, lifetimeMinutes: 600 })
  const { groupId, leader, orderId } = await shop.openGroup(goods)
  const holder = await shop.person()
  const held = await shop.order(holder, { kind: 'join', groupId })
  await leave(leader, orderId)
  const wish = { personId: holder, requestKey: `instead-${held.orderId}`, instead: held.orderId, now: shop.now }
  const replaced = await buy(shop.db, { ...wish, purchase: { kind: 'join', groupId } }, shop.deps)
  if (!replaced.ok) throw new Error(replaced.reason)
  expect(await shop.group(groupId)).toMatchObject({ state: 'open', takenSeats: 1 })
  await leave(holder, replaced.order.orderId)
  expect(await shop.group(groupId)).toMatchObject({ state: 'cancelled', takenSeats: 0 })
})

test('the only hold is let go by the bank: the group ends with it', async () => {
  const { groupId, all } = await members(1, { size: 3, lifetimeMinutes: 600 })
  const [leader] = all
  await shop.db.payment.updateMany({ where: { orderId: leader?.orderId ?? 0 }, data: { holdUntil: shop.now } })
  await watchHolds(shop.db, shop.now)
  await shop.act(`/sim/yookassa/${await shop.externalIdOf(leader?.orderId ?? 0)}`, { outcome: 'expired' })
  await shop.hint(await shop.externalIdOf(leader?.orderId ?? 0))
  expect(await shop.group(groupId)).toMatchObject({ state: 'cancelled', takenSeats: 0, paidSeats: 0 })
  expect(await shop.db.group.findUniqueOrThrow({ where: { id: groupId } })).toMatchObject({ closedAt: shop.now })
  await assertInvariants(shop.db)
})
