/** Who is reminded, when, and that it happens once, whoever runs the tick and however often. */
import { expect, test } from 'vitest'
import { expireOrders, releaseOrder } from '#shop/group-buy.ts'
import { remind } from '#shop/reminders.ts'
import { inTransaction } from '#store/db.ts'
import { hour, minute, useShop, type GoodsOptions } from './support.ts'

const shop = useShop()
const tick = () => remind(shop.db, shop.now)
const reminders = (personId: number) => shop.told(personId).then((told) => told['seat-reminder'] ?? 0)
const called = (personId: number) => shop.told(personId).then((told) => told['group-reminder'] ?? 0)

/** An open group, and somebody who holds a seat in it unpaid. */
async function withHolder(of: GoodsOptions = {}) {
  const goods = await shop.goods({ size: 3, lifetimeMinutes: 600, ...of })
  const { groupId, leader } = await shop.openGroup(goods)
  const holder = await shop.person()
  const { orderId } = await shop.order(holder, { kind: 'join', groupId })
  return { goods, groupId, leader, holder, orderId }
}

test('who holds a seat unpaid is reminded five minutes before its end, exactly once by workers in parallel', async () => {
  const goods = await shop.goods({ size: 20, lifetimeMinutes: 600 })
  const { groupId, leader } = await shop.openGroup(goods)
  const people = await shop.people(8)
  await Promise.all(people.map((personId) => shop.order(personId, { kind: 'join', groupId })))
  expect(await tick()).toBe(0)
  shop.pass(10 * minute - 1)
  expect(await tick()).toBe(0)
  shop.pass(1)
  const counts = await Promise.all([tick(), tick(), tick(), tick()])
  expect(counts.reduce((sum, count) => sum + count, 0)).toBe(8)
  // The worker is started again: the rows know.
  shop.pass(minute)
  expect(await tick()).toBe(0)
  for (const personId of people) expect(await reminders(personId)).toBe(1)
  expect(await reminders(leader)).toBe(0)
})

test('a leader who has not paid for a group of their own is reminded of that seat', async () => {
  const goods = await shop.goods()
  const leader = await shop.person()
  await shop.order(leader, { kind: 'own-group', variantId: goods.variantId })
  shop.pass(11 * minute)
  expect(await tick()).toBe(1)
  expect(await reminders(leader)).toBe(1)
})

test('nobody is reminded of what is paid, given up, over, or bought alone', async () => {
  const [paid, given, over] = [await withHolder(), await withHolder(), await withHolder()]
  const alone = await shop.person()
  await shop.order(alone, { kind: 'alone', variantId: paid.goods.variantId })
  await shop.pay(paid.orderId)
  await releaseOrder(shop.db, given.orderId, 'given-up', shop.now)
  shop.pass(10 * minute)
  await shop.db.order.update({ where: { id: over.orderId }, data: { expiresAt: shop.now } })
  expect(await tick()).toBe(0)
  for (const { holder } of [paid, given, over]) expect(await reminders(holder)).toBe(0)
  expect(await reminders(alone)).toBe(0)
})

test('a seat that somebody pays at this moment is left alone, and nobody is waited for', async () => {
  const { orderId, holder } = await withHolder()
  shop.pass(11 * minute)
  await inTransaction(shop.db, async (tx) => {
    await tx.$queryRaw`SELECT 1 FROM seat WHERE order_id = ${orderId} FOR NO KEY UPDATE`
    expect(await tick()).toBe(0)
  })
  await shop.pay(orderId)
  expect(await tick()).toBe(0)
  expect(await reminders(holder)).toBe(0)
})

test('a short hold is reminded of in its second half, not in the moment of joining', async () => {
  const goods = await shop.goods({ size: 3, lifetimeMinutes: 30 })
  const { groupId } = await shop.openGroup(goods)
  shop.pass(26 * minute)
  const holder = await shop.person()
  await shop.order(holder, { kind: 'join', groupId })
  await tick()
  expect(await reminders(holder)).toBe(0)
  shop.pass(2 * minute)
  await tick()
  expect(await reminders(holder)).toBe(1)
})

test('whoever takes a seat again after losing one is reminded of the new one', async () => {
  const { groupId, holder } = await withHolder()
  shop.pass(11 * minute)
  expect(await tick()).toBe(1)
  shop.pass(4 * minute)
  await expireOrders(shop.db, shop.now)
  await shop.order(holder, { kind: 'join', groupId })
  shop.pass(11 * minute)
  expect(await tick()).toBe(1)
  expect(await reminders(holder)).toBe(2)
})

test('the leader is called once near the end, by workers in parallel and after a restart', async () => {
  const goods = await shop.goods({ size: 3, lifetimeMinutes: 30 })
  const groups = [await shop.openGroup(goods), await shop.openGroup(goods), await shop.openGroup(goods)]
  shop.pass(20 * minute - 1)
  expect(await tick()).toBe(0)
  shop.pass(1)
  const counts = await Promise.all([tick(), tick(), tick()])
  expect(counts.reduce((sum, count) => sum + count, 0)).toBe(3)
  shop.pass(9 * minute)
  expect(await tick()).toBe(0)
  for (const { leader } of groups) expect(await called(leader)).toBe(1)
})

test.each([
  { lifetimeMinutes: 10, before: 5 * minute },
  { lifetimeMinutes: 6 * 60, before: hour },
  { lifetimeMinutes: 24 * 60, before: 3 * hour },
  { lifetimeMinutes: 5 * 24 * 60, before: 3 * hour },
])('of $lifetimeMinutes minutes the end is near $before ms before it', async ({ lifetimeMinutes, before }) => {
  const { groupId, leader } = await shop.openGroup(await shop.goods({ size: 3, lifetimeMinutes }))
  const { deadlineAt } = await shop.db.group.findUniqueOrThrow({ where: { id: groupId } })
  shop.pass(deadlineAt.getTime() - shop.now.getTime() - before - 1)
  await tick()
  expect(await called(leader)).toBe(0)
  shop.pass(1)
  await tick()
  expect(await called(leader)).toBe(1)
})

test('no leader is called when nothing is missing, when they have left, or when it is over', async () => {
  const ladder = { kind: 'ladder', minSeats: 2 } as const
  const enough = await shop.openGroup(await shop.goods({ size: 5, group: ladder }))
  const other = await shop.order(await shop.person(), { kind: 'join', groupId: enough.groupId })
  await shop.pay(other.orderId)
  const left = await shop.openGroup(await shop.goods({ size: 5 }))
  const topped = await shop.openGroup(await shop.goods({ size: 5, group: ladder }))
  await shop.db.group.update({ where: { id: topped.groupId }, data: { toppedUp: 1 } })
  await shop.db.seat.updateMany({ where: { orderId: left.orderId }, data: { state: 'released' } })
  const over = await shop.openGroup(await shop.goods({ size: 5, lifetimeMinutes: 20 }))
  shop.pass(25 * minute)
  expect(await tick()).toBe(0)
  for (const { leader } of [enough, left, topped, over]) expect(await called(leader)).toBe(0)
})
