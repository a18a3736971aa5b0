/**
 * Crowds at one row: real transactions side by side, and exact ends. PostgreSQL and the operations are real; the bank and
 * the carrier answer from memory, so that two hundred buyers are a matter of a second.
 */
import { randomUUID } from 'node:crypto'
import { beforeAll, expect, test } from 'vitest'
import type { Purchase, PurchaseResult } from '#shop/checkout.ts'
import { closeDueGroups, expireOrders, topUpGroup } from '#shop/group-buy.ts'
import { cancelOrder } from '#shop/orders.ts'
import { arrive, setRecipient } from '#shop/people.ts'
import { assertInvariants } from './invariants.ts'
import { createBank, quickCarrier } from './quick-world.ts'
import { countRows, hour, kazan, minute, useShop, type Goods } from './support.ts'

const shop = useShop()
const bank = createBank(() => shop.now.getTime())
beforeAll(() => {
  Object.assign(shop.deps, { providers: [bank.provider], carrier: quickCarrier })
})

async function pay(orderId: number): Promise<void> {
  await shop.hint(await paidAtBank(orderId))
}

/** The buyer has paid, and nobody has told us yet. */
async function paidAtBank(orderId: number): Promise<string> {
  const externalId = await shop.externalIdOf(orderId)
  bank.pay(externalId)
  return externalId
}

async function openGroup(goods: Goods, leader?: number) {
  const personId = leader ?? (await shop.person())
  const { orderId, seat } = await shop.order(personId, { kind: 'own-group', variantId: goods.variantId })
  await pay(orderId)
  return { groupId: seat?.groupId ?? 0, leader: personId, leaderOrder: orderId }
}

const join = async (personId: number, groupId: number) =>
  (await shop.order(personId, { kind: 'join', groupId })).orderId

/** Everything is done that is to be done, and rows, bank and books agree. */
async function settle(): Promise<void> {
  expect(await shop.runJobs()).toBe(0)
  const { payments, refunds } = bank.truth()
  await assertInvariants(shop.db, payments, refunds)
}

const times = async <T>(count: number, make: () => Promise<T>): Promise<T[]> =>
  Promise.all(Array.from({ length: count }, make))

/** How often each answer was given. */
function tally(results: readonly PurchaseResult[]): Record<string, number> {
  const counts: Record<string, number> = {}
  for (const result of results) {
    const answer = result.ok ? 'ok' : result.reason
    counts[answer] = (counts[answer] ?? 0) + 1
  }
  return counts
}

/** What one purchase adds, whatever else was tried with it. */
async function expectOnePurchase(before: Record<string, number>): Promise<void> {
  const after = await countRows(shop.db)
  for (const table of ['orders', 'lines', 'seats', 'payments', 'reservations', 'reserved'])
    expect({ table, more: (after[table] ?? 0) - (before[table] ?? 0) }).toEqual({ table, more: 1 })
}

test('200 people at one last seat: one gets it, 199 are told that the group is full, nothing else is written', async () => {
  const goods = await shop.goods({ stock: 300, size: 3 })
  const { groupId } = await openGroup(goods)
  await pay(await join(await shop.person(), groupId))
  const people = await shop.people(200)
  const before = await countRows(shop.db)
  const results = await Promise.all(people.map((personId) => shop.buy(personId, { kind: 'join', groupId })))
  expect(tally(results)).toEqual({ ok: 1, 'group-full': 199 })
  await expectOnePurchase(before)
  expect(await shop.group(groupId)).toMatchObject({ state: 'open', takenSeats: 3, paidSeats: 2 })
  await pay(results.find((result) => result.ok)?.order.orderId ?? 0)
  await settle()
  expect(await shop.group(groupId)).toMatchObject({ state: 'formed', takenSeats: 3, paidSeats: 3 })
  expect(await shop.stock(goods)).toEqual({ onHand: 297, reserved: 0 })
})

test('200 at the last unit, alone, in own groups and in 50 groups: one gets it, 199 are told that none is left', async () => {
  const goods = await shop.goods({ stock: 51, size: 10 })
  const leaders = await shop.people(50)
  const groups = await Promise.all(leaders.map((leader) => openGroup(goods, leader)))
  const people = await shop.people(200)
  const before = await countRows(shop.db)
  const wish = (at: number): Purchase => {
    const groupId = groups[at]?.groupId
    if (groupId !== undefined) return { kind: 'join', groupId }
    return { kind: at % 2 === 0 ? 'alone' : 'own-group', variantId: goods.variantId }
  }
  const results = await Promise.all(people.map((personId, at) => shop.buy(personId, wish(at))))
  expect(tally(results)).toEqual({ ok: 1, 'out-of-stock': 199 })
  const isOwn = results.some((result) => result.ok && result.order.seat?.groupState === 'draft')
  const isAlone = results.some((result) => result.ok && result.order.seat === undefined)
  const after = await countRows(shop.db)
  expect((after['groups'] ?? 0) - (before['groups'] ?? 0)).toBe(isOwn ? 1 : 0)
  expect((after['seats'] ?? 0) - (before['seats'] ?? 0)).toBe(isAlone ? 0 : 1)
  expect((after['orders'] ?? 0) - (before['orders'] ?? 0)).toBe(1)
  expect(await shop.stock(goods)).toEqual({ onHand: 51, reserved: 51 })
  await assertInvariants(shop.db)
})

test('200 groups opened with the last unit: one draft, no other row', async () => {
  const goods = await shop.goods({ stock: 1 })
  const people = await shop.people(200)
  const before = await countRows(shop.db)
  const open = { kind: 'own-group', variantId: goods.variantId } as const
  const results = await Promise.all(people.map((personId) => shop.buy(personId, open)))
  expect(tally(results)).toEqual({ ok: 1, 'out-of-stock': 199 })
  await expectOnePurchase(before)
  expect(await shop.db.group.count({ where: { variantId: goods.variantId } })).toBe(1)
})

test('50 taps of one person on Join, repeated updates among them: one order, one seat, one payment, one page', async () => {
  const goods = await shop.goods({ stock: 2, size: 3 })
  const { groupId } = await openGroup(goods)
  const personId = await shop.person()
  const before = await countRows(shop.db)
  const key = randomUUID()
  const results = await Promise.all(
    Array.from({ length: 50 }, (_, at) =>
      shop.buy(personId, { kind: 'join', groupId }, at % 2 === 0 ? key : randomUUID()),
    ),
  )
  expect(tally(results)).toEqual({ ok: 50 })
  expect(results.filter((result) => result.ok && result.isNew)).toHaveLength(1)
  const orders = new Set(results.map((result) => result.ok && result.order.orderId))
  expect(orders.size).toBe(1)
  await expectOnePurchase(before)
  const [payment, ...others] = await shop.db.payment.findMany({ where: { orderId: Number([...orders][0]) } })
  expect(others).toEqual([])
  expect(bank.truth().payments.filter(({ metadata }) => metadata.paymentId === payment?.id)).toHaveLength(1)
  expect(await shop.group(groupId)).toMatchObject({ takenSeats: 2, paidSeats: 1 })
  await settle()
})

test('50 taps on opening a group: one group; and the fifty payments of its page: one seat paid', async () => {
  const goods = await shop.goods({ stock: 60 })
  const personId = await shop.person()
  const open = { kind: 'own-group', variantId: goods.variantId } as const
  const results = await Promise.all(Array.from({ length: 50 }, () => shop.buy(personId, open)))
  expect(tally(results)).toEqual({ ok: 50 })
  expect(await shop.db.group.count({ where: { leaderId: personId } })).toBe(1)
  const orderId = results[0]?.ok ? results[0].order.orderId : 0
  const page = await paidAtBank(orderId)
  await Promise.all(Array.from({ length: 50 }, () => shop.hint(page)))
  expect(await shop.told(personId)).toEqual({ 'seat-paid': 1 })
  const group = await shop.db.group.findFirstOrThrow({ where: { leaderId: personId } })
  expect(group).toMatchObject({ state: 'open', takenSeats: 1, paidSeats: 1 })
})

test('one person on two devices and by two identities is one person with one seat, from the first contact on', async () => {
  const goods = await shop.goods({ stock: 9, size: 4 })
  const { groupId } = await openGroup(goods)
  const who = { messenger: 'telegram', externalId: '777000777', firstName: 'Анна', languageCode: 'ru' }
  const visits = await Promise.all(
    Array.from({ length: 10 }, (_, at) =>
      arrive(shop.db, { ...who, updateId: `device-${at}`, opensChat: true }, shop.now),
    ),
  )
  const personId = visits[0]?.personId ?? 0
  expect(new Set(visits.map((visit) => visit?.personId))).toEqual(new Set([personId]))
  await shop.db.identity.create({ data: { messenger: 'other', externalId: 'anna', personId } })
  const elsewhere = { ...who, messenger: 'other', externalId: 'anna', updateId: 'elsewhere', opensChat: true }
  const other = await arrive(shop.db, elsewhere, shop.now)
  expect(other?.personId).toBe(personId)
  await setRecipient(shop.db, personId, kazan, shop.now)

  const results = await Promise.all(
    [personId, other?.personId ?? 0].flatMap((id) => [1, 2, 3].map(() => shop.buy(id, { kind: 'join', groupId }))),
  )
  expect(tally(results)).toEqual({ ok: 6 })
  expect(new Set(results.map((result) => result.ok && result.order.orderId)).size).toBe(1)
  await pay(results[0]?.ok ? results[0].order.orderId : 0)
  const again = await Promise.all([1, 2, 3].map(() => shop.buy(personId, { kind: 'join', groupId })))
  expect(tally(again)).toEqual({ 'already-in': 3 })
  expect(await shop.group(groupId)).toMatchObject({ takenSeats: 2, paidSeats: 2 })
})

/** A group of two whose second member has an unpaid order. */
async function almostFull(options: Parameters<typeof shop.goods>[0] = {}) {
  const goods = await shop.goods({ size: 2, lifetimeMinutes: 60, ...options })
  const group = await openGroup(goods)
  const last = await shop.person()
  return { ...group, goods, last, lastOrder: await join(last, group.groupId) }
}

test('a hold that runs out while its payment lands, and a third person at the seat: one of the two has it, always', async () => {
  const groups = await times(24, async () => {
    const group = await almostFull({ stock: 2 })
    return { ...group, rival: await shop.person(), page: await paidAtBank(group.lastOrder) }
  })
  const now = shop.pass(15 * minute)
  const acts = groups.flatMap(({ page, rival, groupId }, at) => [
    () => shop.hint(page),
    ...(at % 2 === 0 ? [() => shop.buy(rival, { kind: 'join', groupId })] : []),
  ])
  await Promise.all([...acts.map((act) => act()), ...Array.from({ length: 3 }, () => expireOrders(shop.db, now))])
  for (const { goods, groupId, last, lastOrder, rival } of groups) {
    const { state, takenSeats, paidSeats } = await shop.group(groupId)
    const mine = await shop.stateOf(lastOrder)
    const theirs = await shop.db.seat.findFirst({ where: { groupId, personId: rival } })
    // Paid in time, or claimed once more after it ran out; or the other was in between, and late money found neither seat
    // nor goods.
    const isTheirs = theirs !== null
    expect({ state, takenSeats, paidSeats, theirs: theirs?.state }).toEqual(
      isTheirs
        ? { state: 'open', takenSeats: 2, paidSeats: 1, theirs: 'held' }
        : { state: 'formed', takenSeats: 2, paidSeats: 2, theirs: undefined },
    )
    expect(mine).toMatchObject(
      isTheirs
        ? { order: 'cancelled', payments: ['voiding'], seat: 'released', stock: 'released' }
        : { payments: ['capturing'], seat: 'paid', stock: 'held' },
    )
    expect((await shop.told(last))['order-expired'] ?? 0).toBeLessThanOrEqual(1)
    expect(await shop.stock(goods)).toEqual({ onHand: 2, reserved: 2 })
  }
  await settle()
})

test('the deadline and the last payment at once: formed and captured whole, or failed and nothing kept', async () => {
  const groups = await times(24, async () => {
    const group = await almostFull({ lifetimeMinutes: 10 })
    return { ...group, page: await paidAtBank(group.lastOrder) }
  })
  // No new terms to go on with: late money has nothing to choose between.
  const campaigns = groups.map(({ goods }) => goods.campaignId)
  await shop.db.campaign.updateMany({ where: { id: { in: campaigns } }, data: { endsAt: shop.now } })
  const now = shop.pass(10 * minute)
  await Promise.all([
    ...groups.map(({ page }) => shop.hint(page)),
    ...Array.from({ length: 3 }, () => closeDueGroups(shop.db, now)),
    expireOrders(shop.db, now),
  ])
  await settle()
  for (const { goods, groupId, leader, leaderOrder, lastOrder } of groups) {
    const { state } = await shop.group(groupId)
    const isFormed = state === 'formed'
    expect(state).toBe(isFormed ? 'formed' : 'failed')
    for (const orderId of [leaderOrder, lastOrder]) {
      expect(await shop.stateOf(orderId)).toMatchObject(
        isFormed
          ? { order: 'packable', payments: ['captured'], moves: ['capture done'], seat: 'confirmed' }
          : { order: 'cancelled', payments: ['voided'], moves: ['void done'], seat: 'released' },
      )
    }
    const told = await shop.told(leader)
    expect([told['group-formed'] ?? 0, told['group-failed'] ?? 0]).toEqual(isFormed ? [1, 0] : [0, 1])
    expect(await shop.stock(goods)).toEqual({ onHand: isFormed ? 98 : 100, reserved: 0 })
  }
})

test('two workers closing the same 20 groups: each closed once, each hold let go once, each person told once', async () => {
  // Whatever the others left open.
  shop.pass(2 * hour)
  await closeDueGroups(shop.db, shop.now)
  const goods = await shop.goods({ stock: 200, size: 3, lifetimeMinutes: 30 })
  const [leaders, members] = [await shop.people(20), await shop.people(20)]
  const groups = await Promise.all(
    leaders.map(async (leader, at) => {
      const group = await openGroup(goods, leader)
      const member = members[at] ?? 0
      const memberOrder = await join(member, group.groupId)
      await pay(memberOrder)
      return { ...group, member, memberOrder }
    }),
  )
  const now = shop.pass(30 * minute)
  const closed = await Promise.all([closeDueGroups(shop.db, now), closeDueGroups(shop.db, now)])
  expect(closed[0] + closed[1]).toBe(20)
  await settle()
  for (const { groupId, leader, leaderOrder, member, memberOrder } of groups) {
    expect(await shop.group(groupId)).toMatchObject({ state: 'failed', takenSeats: 2, paidSeats: 2 })
    for (const orderId of [leaderOrder, memberOrder])
      expect(await shop.stateOf(orderId)).toMatchObject({
        payments: ['voided'],
        moves: ['void done'],
        stock: 'released',
      })
    for (const personId of [leader, member])
      expect(await shop.told(personId)).toMatchObject({ 'group-failed': 1, 'money-released': 1 })
  }
  expect(await shop.stock(goods)).toEqual({ onHand: 200, reserved: 0 })
})

test('captures whose answers are lost, with webhooks doubled and out of order: each hold taken once and booked once', async () => {
  const goods = await shop.goods({ stock: 40, size: 8 })
  const { groupId, leader, leaderOrder } = await openGroup(goods)
  const people = await shop.people(7)
  const orders = await Promise.all(people.map((personId) => join(personId, groupId)))
  const pages = await Promise.all(orders.map(paidAtBank))
  // The bank's calls come three times each, in any order, and the last seat is among them.
  await Promise.all([...pages, ...pages.toReversed(), ...pages].map((page) => shop.hint(page)))
  expect(await shop.group(groupId)).toMatchObject({ state: 'formed', paidSeats: 8 })
  bank.fail('capture', 5, true)
  const all = [await shop.externalIdOf(leaderOrder), ...pages]
  await Promise.all([shop.runJobs(1), ...[...all, ...all.toReversed()].map((page) => shop.hint(page))])
  bank.mend()
  await settle()
  await Promise.all([...all, ...all].map((page) => shop.hint(page)))
  for (const [at, orderId] of [leaderOrder, ...orders].entries()) {
    expect(await shop.stateOf(orderId)).toMatchObject({
      order: 'packable',
      payments: ['captured'],
      moves: ['capture done'],
    })
    expect(bank.balanceOf(all[at] ?? '')).toMatchObject({ held: 0n, captures: 1 })
    const bookings = await shop.db.posting.findMany({ where: { orderId }, select: { kind: true } })
    expect(bookings).toHaveLength(1)
    const personId = at === 0 ? leader : (people[at - 1] ?? 0)
    expect(await shop.told(personId)).toMatchObject({ 'group-formed': 1, 'order-paid': 1 })
  }
  expect(await shop.stock(goods)).toEqual({ onHand: 32, reserved: 0 })
  await settle()
})

test('leaving, paying, joining and topping up a group at once never fill more seats than there are', async () => {
  for (let round = 0; round < 6; round += 1) {
    const goods = await shop.goods({ stock: 40, size: 5, lifetimeMinutes: 60 })
    const seller = await shop.seller(goods)
    const { groupId, leader, leaderOrder } = await openGroup(goods)
    const members = await shop.people(2)
    const orders = await Promise.all(members.map((personId) => join(personId, groupId)))
    const pages = await Promise.all(orders.map(paidAtBank))
    const rivals = await shop.people(5)
    const now = shop.now
    await Promise.all([
      ...pages.map((page) => shop.hint(page)),
      cancelOrder(shop.db, { personId: leader, orderId: leaderOrder, now }, shop.deps.carrier),
      ...rivals.map((personId) => shop.buy(personId, { kind: 'join', groupId })),
      ...[1, 2].map((seats) => topUpGroup(shop.db, { personId: seller, groupId, seats }, now)),
    ])
    await assertInvariants(shop.db)
    const { takenSeats, toppedUp, size } = await shop.db.group.findUniqueOrThrow({ where: { id: groupId } })
    expect(takenSeats + toppedUp).toBeLessThanOrEqual(size)
    shop.pass(2 * hour)
    await Promise.all([expireOrders(shop.db, shop.now), closeDueGroups(shop.db, shop.now)])
  }
  await settle()
})
