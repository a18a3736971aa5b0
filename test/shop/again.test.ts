/** The same team again: who may ask it, who is told, how often, and what it opens to them. */
import { beforeEach, expect, test } from 'vitest'
import { buy } from '#shop/checkout.ts'
import { setReachable } from '#shop/people.ts'
import { countRows, hour, useShop, type GoodsOptions } from './support.ts'

const shop = useShop()
const told = (personId: number) => shop.told(personId).then((kinds) => kinds['group-again'] ?? 0)
const day = 24 * hour

/** A group that formed: its leader first. */
async function team(size = 3, of: GoodsOptions = {}) {
  const goods = await shop.goods({ size, lifetimeMinutes: 600, ...of })
  const { groupId, leader } = await shop.openGroup(goods)
  const { token } = await shop.db.group.findUniqueOrThrow({ where: { id: groupId } })
  const people = [leader]
  for (let at = 1; at < size; at += 1) {
    const personId = await shop.person()
    await shop.db.groupVisit.create({ data: { groupId, personId, via: 'link', at: shop.now } })
    await shop.pay((await shop.order(personId, { kind: 'join', groupId })).orderId)
    people.push(personId)
  }
  await shop.runJobs()
  return { goods, groupId, token, people }
}

async function again(personId: number, formerId: number, variantId: number) {
  const order = await shop.order(personId, { kind: 'own-group', variantId, formerId })
  if (!order.seat) throw new Error('an order of a group has a seat')
  return { orderId: order.orderId, groupId: order.seat.groupId }
}

beforeEach(() => {
  shop.pass(2 * day)
})

test('any of them asks, the others are told once it is paid for, and nobody else', async () => {
  const { goods, groupId: former, people } = await team()
  const [leader = 0, boris = 0, vera = 0] = people
  const { orderId, groupId } = await again(boris, former, goods.variantId)
  expect(await Promise.all(people.map(told))).toEqual([0, 0, 0])
  await shop.pay(orderId)
  await shop.hint(await shop.externalIdOf(orderId))
  expect([await told(leader), await told(boris), await told(vera)]).toEqual([1, 0, 1])
  expect(
    await shop.db.notification.count({ where: { kind: 'group-again', data: { path: ['groupId'], equals: groupId } } }),
  ).toBe(2)
  await shop.order(vera, { kind: 'join', groupId })
  expect(await shop.db.seat.findFirst({ where: { groupId, personId: vera } })).toMatchObject({ via: 'again' })
  await shop.settle()
})

test('only who was in a group that formed asks it, and for the same goods', async () => {
  const { goods, groupId: former, people } = await team()
  const [leader = 0] = people
  const stranger = await shop.person()
  const open = await shop.openGroup(goods)
  const others = await shop.goods()
  await shop.runJobs()
  const before = await countRows(shop.db)
  const ask = (personId: number, formerId: number, variantId = goods.variantId) =>
    shop.buy(personId, { kind: 'own-group', variantId, formerId })
  const refused = { ok: false, reason: 'not-found' }
  expect(await ask(stranger, former)).toEqual(refused)
  expect(await ask(open.leader, open.groupId)).toEqual(refused)
  expect(await ask(leader, former, others.variantId)).toEqual(refused)
  expect(await ask(leader, 2_000_000_000)).toEqual(refused)
  expect(await countRows(shop.db)).toEqual(before)
})

test('a group that is by invitation is open to the same team, and to nobody else', async () => {
  const { goods, groupId: former, people } = await team(3, { group: { isPublic: false } })
  const [leader = 0, boris = 0] = people
  const { orderId, groupId } = await again(leader, former, goods.variantId)
  expect(await shop.buy(boris, { kind: 'join', groupId })).toMatchObject({ ok: false })
  await shop.pay(orderId)
  expect(await shop.buy(await shop.person(), { kind: 'join', groupId })).toMatchObject({ reason: 'not-invited' })
  expect(await shop.buy(boris, { kind: 'join', groupId })).toMatchObject({ ok: true })
})

test('two of them ask at the same moment: the third is told once, and once a day', async () => {
  const { goods, groupId: former, people } = await team(4)
  const [anna = 0, boris = 0, vera = 0, gleb = 0] = people
  const both = [await again(anna, former, goods.variantId), await again(boris, former, goods.variantId)]
  await Promise.all(both.map(({ orderId }) => shop.pay(orderId)))
  expect([await told(vera), await told(gleb)]).toEqual([1, 1])
  expect((await told(anna)) + (await told(boris))).toBeLessThanOrEqual(2)
  shop.pass(day - hour)
  await shop.pay((await again(vera, former, goods.variantId)).orderId)
  expect([await told(gleb), await told(vera)]).toEqual([1, 1])
  // Not told again, but invited all the same.
  expect(await shop.db.groupVisit.count({ where: { personId: gleb, via: 'again' } })).toBe(3)
  shop.pass(2 * hour)
  await shop.pay((await again(vera, former, goods.variantId)).orderId)
  expect(await told(gleb)).toBe(2)
})

test('who has blocked the bot is owed nothing, and finds themselves invited when they come back', async () => {
  const { goods, groupId: former, people } = await team()
  const [leader = 0, boris = 0, vera = 0] = people
  const { externalId } = await shop.db.identity.findFirstOrThrow({ where: { personId: boris } })
  await setReachable(shop.db, 'telegram', externalId, false, shop.now)
  const { orderId, groupId } = await again(leader, former, goods.variantId)
  await shop.pay(orderId)
  expect([await told(boris), await told(vera)]).toEqual([0, 1])
  expect(await shop.db.groupVisit.count({ where: { groupId, personId: boris, via: 'again' } })).toBe(1)
})

test('whose money went back since is not of the team, nor is who works in the shop now', async () => {
  const { goods, groupId: former, people } = await team(4)
  const [leader = 0, boris = 0, vera = 0, gleb = 0] = people
  await shop.db.seat.updateMany({ where: { groupId: former, personId: boris }, data: { state: 'refunded' } })
  await shop.db.sellerMember.create({ data: { sellerId: goods.sellerId, personId: vera, joinedAt: shop.now } })
  await shop.pay((await again(leader, former, goods.variantId)).orderId)
  expect([await told(boris), await told(vera), await told(gleb)]).toEqual([0, 0, 1])
  expect(await shop.buy(boris, { kind: 'own-group', variantId: goods.variantId, formerId: former })).toMatchObject({
    reason: 'not-found',
  })
})

test('another address leaves it the group of the same team; one that was begun without them becomes it', async () => {
  const { goods, groupId: former, people } = await team()
  const [leader = 0, boris = 0] = people
  const { variantId } = goods
  const begun = await shop.order(leader, { kind: 'own-group', variantId })
  expect((await again(leader, former, variantId)).orderId).toBe(begun.orderId)
  const replaced = await buy(
    shop.db,
    {
      personId: leader,
      requestKey: `elsewhere-${begun.orderId}`,
      purchase: { kind: 'own-group', variantId },
      instead: begun.orderId,
      now: shop.now,
    },
    shop.deps,
  )
  if (!replaced.ok) throw new Error(replaced.reason)
  expect(replaced.order.orderId).not.toBe(begun.orderId)
  await shop.pay(replaced.order.orderId)
  expect(await told(boris)).toBe(1)
})

test('a group that is open already stays what it was', async () => {
  const { goods, groupId: former, people } = await team()
  const [leader = 0, boris = 0] = people
  const open = await shop.openGroup(goods, leader)
  await again(leader, former, goods.variantId)
  expect(await shop.db.group.findUnique({ where: { id: open.groupId } })).toMatchObject({ formerId: null })
  expect(await told(boris)).toBe(0)
})
