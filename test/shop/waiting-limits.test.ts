/** Who may wait in a line, how many, and what becomes of an offer that its person cannot take. */
import { expect, test } from 'vitest'
import { expireOrders } from '#shop/group-buy.ts'
import { moveLines, offerRefused, placeOf, waitForSeat } from '#shop/waiting.ts'
import { assertInvariants } from './invariants.ts'
import { minute, useShop, type GoodsOptions } from './support.ts'

const shop = useShop()

const wait = (personId: number, groupId: number) => waitForSeat(shop.db, { personId, groupId }, shop.now)

async function full(of: GoodsOptions = {}) {
  const goods = await shop.goods({ lifetimeMinutes: 600, ...of })
  const { groupId } = await shop.openGroup(goods)
  await shop.order(await shop.person(), { kind: 'join', groupId })
  const free = async () => {
    shop.pass(15 * minute)
    await expireOrders(shop.db, shop.now)
    await moveLines(shop.db, shop.now)
  }
  return { goods, groupId, free }
}

test('whose address the group does not deliver to does not wait for it', async () => {
  const { groupId } = await full()
  await shop.db.group.update({ where: { id: groupId }, data: { cities: [44] } })
  expect(await wait(await shop.person(), groupId)).toEqual({ ok: false, reason: 'other-cities' })
  // Whose address is not known yet may wait: it is asked about at joining.
  expect(await wait(await shop.person({ recipient: false }), groupId)).toMatchObject({ ok: true })
})

test('an offer that cannot be taken goes on to the next at once, and counts as none that was let pass', async () => {
  const { goods, groupId, free } = await full()
  const [first, second] = [await shop.person(), await shop.person()]
  for (const personId of [first, second]) await wait(personId, groupId)
  await free()
  await shop.db.stockLevel.updateMany({ where: { variantId: goods.variantId }, data: { onHand: 1 } })
  const refused = await shop.buy(first, { kind: 'join', groupId })
  expect(refused).toMatchObject({ ok: false, reason: 'out-of-stock' })
  expect(await offerRefused(shop.db, { personId: first, groupId, reason: 'no-delivery' }, shop.now)).toBe(false)
  const ended = await Promise.all(
    [1, 2].map(() => offerRefused(shop.db, { personId: first, groupId, reason: 'out-of-stock' }, shop.now)),
  )
  expect(ended.filter(Boolean)).toHaveLength(1)
  expect(await placeOf(shop.db, groupId, first)).toBeUndefined()
  expect(await placeOf(shop.db, groupId, second)).toHaveProperty('offeredUntil')
  expect(await shop.db.waiting.count({ where: { groupId, personId: first, state: 'passed' } })).toBe(0)
  expect(await shop.group(groupId)).toMatchObject({ takenSeats: 2 })
  await assertInvariants(shop.db)
})

test('a line takes 500 people; all of them are told at once, in few statements, that it is over', async () => {
  const { groupId } = await full()
  const people = await shop.db.$queryRaw<{ id: number }[]>`
    INSERT INTO person (first_name, language, created_at)
    SELECT 'Ждёт', 'ru', ${shop.now} FROM generate_series(1, 499) RETURNING id`
  await shop.db.$executeRaw`
    INSERT INTO waiting (group_id, person_id, state, created_at)
    SELECT ${groupId}, id, 'waiting', ${shop.now} FROM unnest(${people.map(({ id }) => id)}::int[]) id`
  await shop.db.group.update({ where: { id: groupId }, data: { inLine: 499 } })
  const late = await shop.people(3)
  const results = await Promise.all(late.map((personId) => wait(personId, groupId)))
  expect(results.map((result) => (result.ok ? 'in' : result.reason)).toSorted()).toEqual([
    'in',
    'line-full',
    'line-full',
  ])
  await shop.db.group.update({ where: { id: groupId }, data: { state: 'failed', closedAt: shop.now } })
  expect(await moveLines(shop.db, shop.now)).toBe(1)
  expect(await shop.db.notification.count({ where: { kind: 'wait-over' } })).toBe(500)
  expect(await moveLines(shop.db, shop.now)).toBe(0)
})

test('lines and unpaid orders are shared by any number of workers, and each is done once', async () => {
  const groups = await Promise.all(Array.from({ length: 6 }, () => full()))
  for (const { groupId } of groups) await wait(await shop.person(), groupId)
  shop.pass(15 * minute)
  const unpaid = () => shop.db.order.count({ where: { cancelReason: 'unpaid' } })
  const before = await unpaid()
  const expired = await Promise.all([1, 2, 3].map(() => expireOrders(shop.db, shop.now)))
  expect(expired.reduce((sum, done) => sum + done)).toBe((await unpaid()) - before)
  expect((await unpaid()) - before).toBeGreaterThanOrEqual(6)
  expect(await expireOrders(shop.db, shop.now)).toBe(0)
  const moved = await Promise.all([1, 2, 3].map(() => moveLines(shop.db, shop.now)))
  expect(moved.reduce((sum, done) => sum + done)).toBeGreaterThanOrEqual(6)
  expect(await moveLines(shop.db, shop.now)).toBe(0)
  expect(
    await shop.db.waiting.count({ where: { state: 'offered', groupId: { in: groups.map((one) => one.groupId) } } }),
  ).toBe(6)
})

test('an expired order whose payment somebody is at waits for that only itself', async () => {
  const one = await shop.goods({ lifetimeMinutes: 600 })
  const stuck = await shop.order(await shop.person(), { kind: 'alone', variantId: one.variantId })
  const others: number[] = []
  for (const personId of await shop.people(5))
    others.push((await shop.order(personId, { kind: 'alone', variantId: one.variantId })).orderId)
  shop.pass(15 * minute)
  let go = (): void => undefined
  const held = shop.db.$transaction(async (tx) => {
    await tx.$executeRaw`SELECT 1 FROM payment WHERE order_id = ${stuck.orderId} FOR UPDATE`
    await new Promise<void>((resolve) => (go = resolve))
  })
  const tick = expireOrders(shop.db, shop.now)
  const left = () => shop.db.order.count({ where: { id: { in: others }, state: 'awaiting_payment' } })
  await shop.waiting(1)
  while ((await left()) > 0) await new Promise(setImmediate)
  go()
  await held
  expect(await tick).toBeGreaterThanOrEqual(6)
})
