/** Waiting for a seat: the line, offers, who comes before whom, and what the end of a group does to it. */
import { expect, test } from 'vitest'
import { buy } from '#shop/checkout.ts'
import { closeDueGroups, expireOrders, topUpGroup } from '#shop/group-buy.ts'
import { cancelOrder } from '#shop/orders.ts'
import { moveLines, placeOf, stopWaiting, waitForSeat } from '#shop/waiting.ts'
import { inTransaction } from '#store/db.ts'
import { lockGroup } from '#store/group-buy.ts'
import { assertInvariants } from './invariants.ts'
import { countRows, minute, useShop, type GoodsOptions } from './support.ts'

const shop = useShop()

/** An open group whose leader paid and whose other seats are held by people who have not paid. */
async function fullGroup(of: GoodsOptions = {}) {
  const goods = await shop.goods({ lifetimeMinutes: 600, ...of })
  const opened = await shop.openGroup(goods)
  const holders = []
  for (const personId of await shop.people((of.size ?? 2) - 1)) {
    const { orderId } = await shop.order(personId, { kind: 'join', groupId: opened.groupId })
    holders.push({ personId, orderId })
  }
  return { goods, ...opened, holders }
}

const wait = (personId: number, groupId: number) => waitForSeat(shop.db, { personId, groupId }, shop.now)
const join = (personId: number, groupId: number) => shop.buy(personId, { kind: 'join', groupId })
const giveUp = ({ personId, orderId }: { personId: number; orderId: number }) =>
  cancelOrder(shop.db, { personId, orderId, now: shop.now }, shop.deps.carrier)
const tick = () => moveLines(shop.db, shop.now)
const lineOf = async (groupId: number) =>
  (await shop.db.waiting.findMany({ where: { groupId }, orderBy: { id: 'asc' } })).map(({ state }) => state)
const counts = (groupId: number) =>
  shop.db.group.findUniqueOrThrow({
    where: { id: groupId },
    select: { state: true, takenSeats: true, paidSeats: true, inLine: true },
  })

async function waits(groupId: number): Promise<number> {
  const personId = await shop.person()
  expect(await wait(personId, groupId)).toMatchObject({ ok: true })
  return personId
}

test('30 people wait at once and three seats free at once: exactly the first three are offered one, whoever else pushes', async () => {
  const { groupId, holders, leader } = await fullGroup({ size: 4 })
  const people = await Promise.all(Array.from({ length: 30 }, () => shop.person({ recipient: false })))
  const results = await Promise.all(people.map((personId) => wait(personId, groupId)))
  const places = results.map((result) => (result.ok && 'place' in result.place ? result.place.place : 0))
  expect(places.toSorted((one, other) => one - other)).toEqual(Array.from({ length: 30 }, (_, at) => at + 1))
  expect(await counts(groupId)).toEqual({ state: 'open', takenSeats: 4, paidSeats: 1, inLine: 30 })

  const strangers = await shop.people(6)
  const [joined] = await Promise.all([
    Promise.all(strangers.map((personId) => join(personId, groupId))),
    ...holders.map(giveUp),
    tick(),
    tick(),
  ])
  expect(joined.map((result) => (result.ok ? 'in' : result.reason))).toEqual(strangers.map(() => 'group-full'))
  await Promise.all([tick(), tick(), tick()])
  expect(await counts(groupId)).toEqual({ state: 'open', takenSeats: 4, paidSeats: 1, inLine: 27 })
  expect(await lineOf(groupId)).toEqual([...Array(3).fill('offered'), ...Array(27).fill('waiting')])
  for (const [at, personId] of people.entries()) {
    const place = places[at] ?? 0
    expect(await shop.told(personId)).toEqual(place <= 3 ? { 'seat-offered': 1 } : {})
    const offeredUntil = new Date(shop.now.getTime() + 15 * minute)
    const standing = place <= 3 ? { offeredUntil } : { place: place - 3 }
    expect(await placeOf(shop.db, groupId, personId)).toMatchObject(standing)
  }
  expect(await shop.told(leader)).not.toHaveProperty('seat-offered')
  await assertInvariants(shop.db)
})

test('20 taps by one person are one place; leaving and coming back is the end of the line', async () => {
  const { groupId } = await fullGroup()
  const personId = await shop.person()
  const taps = await Promise.all(Array.from({ length: 20 }, () => wait(personId, groupId)))
  expect(taps.every((tap) => tap.ok && 'place' in tap.place && tap.place.place === 1)).toBe(true)
  expect(await lineOf(groupId)).toEqual(['waiting'])
  const behind = await waits(groupId)
  expect(await placeOf(shop.db, groupId, behind)).toMatchObject({ place: 2 })
  const left = await Promise.all(Array.from({ length: 5 }, () => stopWaiting(shop.db, { personId, groupId }, shop.now)))
  expect(left.filter(Boolean)).toHaveLength(1)
  expect(await placeOf(shop.db, groupId, behind)).toMatchObject({ place: 1 })
  expect(await wait(personId, groupId)).toMatchObject({ ok: true, place: { place: 2 } })
  expect(await counts(groupId)).toMatchObject({ takenSeats: 2, inLine: 2 })
  await assertInvariants(shop.db)
})

test('who is offered a seat takes it, counted once; when the group forms everybody else is told once that it is over', async () => {
  const { groupId, holders } = await fullGroup()
  const [first, second, third] = [await waits(groupId), await waits(groupId), await waits(groupId)]
  shop.pass(15 * minute)
  await expireOrders(shop.db, shop.now)
  expect(await counts(groupId)).toMatchObject({ takenSeats: 1, inLine: 3 })
  // Free, but theirs: neither those behind nor whoever held it come before them.
  expect(await join(second, groupId)).toMatchObject({ ok: false, reason: 'group-full' })
  expect(await join(holders[0]?.personId ?? 0, groupId)).toMatchObject({ ok: false, reason: 'group-full' })
  expect(await tick()).toBeGreaterThan(0)
  expect(await tick()).toBe(0)
  expect(await counts(groupId)).toMatchObject({ takenSeats: 2, inLine: 2 })
  expect(await join(second, groupId)).toMatchObject({ ok: false, reason: 'group-full' })

  const taps = await Promise.all(Array.from({ length: 5 }, () => join(first, groupId)))
  const orders = new Set(taps.map((tap) => (tap.ok ? tap.order.orderId : tap.reason)))
  expect(orders.size).toBe(1)
  const [orderId] = [...orders]
  expect(await shop.db.seat.findUniqueOrThrow({ where: { orderId: Number(orderId) } })).toMatchObject({
    via: 'offer',
    state: 'held',
  })
  expect(await counts(groupId)).toMatchObject({ takenSeats: 2, paidSeats: 1, inLine: 2 })
  expect(await lineOf(groupId)).toEqual(['taken', 'waiting', 'waiting'])
  await assertInvariants(shop.db)

  await shop.pay(Number(orderId))
  expect(await counts(groupId)).toMatchObject({ state: 'formed', takenSeats: 2, paidSeats: 2 })
  const ticks = await Promise.all([tick(), tick(), tick()])
  expect(ticks.reduce((sum, moved) => sum + moved)).toBe(1)
  expect(await lineOf(groupId)).toEqual(['taken', 'over', 'over'])
  expect(await shop.told(second)).toEqual({ 'wait-over': 1 })
  expect(await shop.told(third)).toEqual({ 'wait-over': 1 })
  expect(await wait(second, groupId)).toEqual({ ok: false, reason: 'group-full' })
  await shop.settle()
})

test('an offer that runs out goes to the next, at the moment that it ends, and is no longer to be had', async () => {
  const { groupId, holders } = await fullGroup()
  const [first, second] = [await waits(groupId), await waits(groupId)]
  await Promise.all(holders.map(giveUp))
  await tick()
  shop.pass(15 * minute - 1)
  expect(await tick()).toBe(0)
  shop.pass(1)
  expect(await join(first, groupId)).toMatchObject({ ok: false, reason: 'group-full' })
  await Promise.all([tick(), tick()])
  expect(await tick()).toBe(0)
  expect(await lineOf(groupId)).toEqual(['passed', 'offered'])
  expect(await join(first, groupId)).toMatchObject({ ok: false, reason: 'group-full' })
  expect(await shop.told(second)).toEqual({ 'seat-offered': 1 })
  // Given up by button: the next is offered it at once, without a tick.
  const third = await waits(groupId)
  expect(await stopWaiting(shop.db, { personId: second, groupId }, shop.now)).toBe(true)
  expect(await lineOf(groupId)).toEqual(['passed', 'passed', 'offered'])
  expect(await join(third, groupId)).toMatchObject({ ok: true })
  await assertInvariants(shop.db)
})

test('an offer that runs out while its person joins: whoever has the group first decides, and never both', async () => {
  const ends: string[] = []
  for (const joinsFirst of [true, false]) {
    const { groupId, holders } = await fullGroup()
    const [first, second] = [await waits(groupId), await waits(groupId)]
    await Promise.all(holders.map(giveUp))
    await tick()
    const early = new Date(shop.pass(15 * minute).getTime() - 1)
    const wish = { personId: first, requestKey: `race-${groupId}`, purchase: { kind: 'join', groupId } } as const
    const begin = () => buy(shop.db, { ...wish, now: early }, shop.deps)
    // A tick leaves a line alone that somebody is at; else both meet on the group's row.
    const under = await inTransaction(shop.db, async (tx) => {
      if (!joinsFirst) return { done: Promise.all([tick().then(begin), tick()]) }
      await lockGroup(tx, groupId)
      const join = begin()
      await shop.waiting(1)
      await Promise.all([tick(), tick()])
      expect(await lineOf(groupId)).toEqual(['offered', 'waiting'])
      return { done: join.then((result) => [result] as const) }
    })
    const [joined] = await under.done
    expect(await lineOf(groupId)).toEqual(joined.ok ? ['taken', 'waiting'] : ['passed', 'offered'])
    expect(await counts(groupId)).toMatchObject({ takenSeats: 2, inLine: joined.ok ? 1 : 0 })
    expect(await shop.told(second)).toEqual(joined.ok ? {} : { 'seat-offered': 1 })
    expect(await shop.db.seat.count({ where: { groupId, state: 'held' } })).toBe(joined.ok ? 1 : 0)
    ends.push(joined.ok ? 'joined' : joined.reason)
  }
  expect(ends).toEqual(['joined', 'group-full'])
  await assertInvariants(shop.db)
})

test('who cannot wait is told why, and nothing changes', async () => {
  const { groupId, leader, holders, goods } = await fullGroup()
  const secret = await fullGroup()
  await shop.db.group.update({ where: { id: secret.groupId }, data: { isPublic: false } })
  const roomy = await shop.openGroup(await shop.goods({ size: 3 }))
  const stranger = await shop.person()
  const draft = await shop.order(leader, { kind: 'own-group', variantId: (await shop.goods()).variantId })
  const seller = await shop.seller(goods)
  const before = await countRows(shop.db)
  const refused: [personId: number, groupId: number, reason: string][] = [
    [leader, groupId, 'already-in'],
    [holders[0]?.personId ?? 0, groupId, 'already-in'],
    [seller, groupId, 'own-shop'],
    [stranger, secret.groupId, 'not-invited'],
    [stranger, roomy.groupId, 'seat-free'],
    [stranger, draft.seat?.groupId ?? 0, 'group-not-open'],
    [stranger, 2_000_000_000, 'not-found'],
  ]
  for (const [personId, of, reason] of refused) expect(await wait(personId, of)).toEqual({ ok: false, reason })
  expect(await stopWaiting(shop.db, { personId: stranger, groupId }, shop.now)).toBe(false)
  expect(await countRows(shop.db)).toEqual(before)
  shop.pass(601 * minute)
  expect(await wait(stranger, groupId)).toEqual({ ok: false, reason: 'group-over' })
})

test('whoever lets a place pass three times waits there no more', async () => {
  const { groupId } = await fullGroup()
  const personId = await shop.person()
  for (let round = 0; round < 3; round += 1) {
    expect(await wait(personId, groupId)).toMatchObject({ ok: true })
    await stopWaiting(shop.db, { personId, groupId }, shop.now)
  }
  expect(await wait(personId, groupId)).toEqual({ ok: false, reason: 'waited-enough' })
})

test('a seat that is only changed stays its member’s, however many wait', async () => {
  const { groupId, holders } = await fullGroup()
  const [holder] = holders
  if (!holder) throw new Error('somebody holds a seat')
  await waits(groupId)
  const { personId, orderId } = holder
  const wish = {
    personId,
    requestKey: `again-${orderId}`,
    purchase: { kind: 'join', groupId },
    instead: orderId,
  } as const
  const [changed] = await Promise.all([buy(shop.db, { ...wish, now: shop.now }, shop.deps), tick(), tick()])
  expect(changed).toMatchObject({ ok: true, isNew: true })
  await tick()
  expect(await lineOf(groupId)).toEqual(['waiting'])
  expect(await counts(groupId)).toMatchObject({ takenSeats: 2, inLine: 1 })
  await assertInvariants(shop.db)
})

test('money that comes late takes the seat that its person is offered, and no other person’s', async () => {
  const { groupId, holders } = await fullGroup()
  const [late] = holders
  if (!late) throw new Error('somebody holds a seat')
  shop.pass(15 * minute)
  await expireOrders(shop.db, shop.now)
  const between = await shop.person()
  const { orderId } = await shop.order(between, { kind: 'join', groupId })
  expect(await wait(late.personId, groupId)).toMatchObject({ ok: true, place: { place: 1 } })
  await giveUp({ personId: between, orderId })
  await tick()
  await shop.pay(late.orderId)
  expect(await counts(groupId)).toMatchObject({ state: 'formed', takenSeats: 2, paidSeats: 2, inLine: 0 })
  expect(await lineOf(groupId)).toEqual(['taken'])
  await assertInvariants(shop.db)
})

test('money that comes late does not pass those who wait for the seat', async () => {
  const { groupId, holders } = await fullGroup()
  const [late] = holders
  if (!late) throw new Error('somebody holds a seat')
  const first = await waits(groupId)
  shop.pass(15 * minute)
  await expireOrders(shop.db, shop.now)
  await shop.pay(late.orderId)
  expect(await counts(groupId)).toMatchObject({ state: 'open', takenSeats: 1, paidSeats: 1, inLine: 1 })
  await tick()
  expect(await join(first, groupId)).toMatchObject({ ok: true })
})

test('who comes to a seat by another way leaves the line', async () => {
  const { groupId, holders } = await fullGroup({ size: 3 })
  const [late] = holders
  if (!late) throw new Error('somebody holds a seat')
  shop.pass(15 * minute)
  await expireOrders(shop.db, shop.now)
  const between = await Promise.all(
    (await shop.people(2)).map((personId) => shop.order(personId, { kind: 'join', groupId })),
  )
  expect(await wait(late.personId, groupId)).toMatchObject({ ok: true })
  await Promise.all(between.map(giveUp))
  // Two seats are free and one waits: the other is anybody's, even theirs.
  await shop.pay(late.orderId)
  expect(await counts(groupId)).toEqual({ state: 'open', takenSeats: 2, paidSeats: 2, inLine: 1 })
  await tick()
  expect(await counts(groupId)).toEqual({ state: 'open', takenSeats: 2, paidSeats: 2, inLine: 0 })
  expect(await lineOf(groupId)).toEqual(['taken'])
  expect(await shop.told(late.personId)).not.toHaveProperty('seat-offered')
  await assertInvariants(shop.db)
})

test('the shop does not fill a seat that people wait for', async () => {
  const { groupId, goods, holders } = await fullGroup()
  const first = await waits(groupId)
  await Promise.all(holders.map(giveUp))
  const personId = await shop.seller(goods)
  const [filled] = await Promise.all([topUpGroup(shop.db, { personId, groupId, seats: 1 }, shop.now), tick()])
  expect(filled).toEqual({ ok: false, reason: 'no-room' })
  await tick()
  expect(await join(first, groupId)).toMatchObject({ ok: true })
})

test('everybody in it leaves while others wait: the group goes on with them, and ends when they let it pass', async () => {
  const { groupId, holders, leader, orderId } = await fullGroup()
  await waits(groupId)
  await waits(groupId)
  await Promise.all([...holders, { personId: leader, orderId }].map(giveUp))
  expect(await counts(groupId)).toMatchObject({ state: 'open', takenSeats: 0, inLine: 2 })
  await Promise.all([tick(), tick()])
  expect(await counts(groupId)).toMatchObject({ state: 'open', takenSeats: 2, inLine: 0 })
  expect(await lineOf(groupId)).toEqual(['offered', 'offered'])
  shop.pass(15 * minute)
  await tick()
  expect(await counts(groupId)).toMatchObject({ state: 'cancelled', takenSeats: 0, inLine: 0 })
  await assertInvariants(shop.db)
})

test('no offer outlives the group: it fails with one open, and both the offered and the waiting are told once', async () => {
  const { groupId, holders } = await fullGroup({ size: 3, lifetimeMinutes: 20 })
  const [first, second] = [await waits(groupId), await waits(groupId)]
  shop.pass(10 * minute)
  const [gone] = holders
  if (gone) await giveUp(gone)
  await tick()
  expect(await placeOf(shop.db, groupId, first)).toMatchObject({
    offeredUntil: new Date(shop.now.getTime() + 10 * minute),
  })
  shop.pass(10 * minute)
  await Promise.all([closeDueGroups(shop.db, shop.now), closeDueGroups(shop.db, shop.now), tick(), tick()])
  await expireOrders(shop.db, shop.now)
  await Promise.all([tick(), tick()])
  expect(await counts(groupId)).toMatchObject({ state: 'failed', takenSeats: 1, paidSeats: 1, inLine: 0 })
  expect((await lineOf(groupId))[1]).toBe('over')
  expect(['over', 'passed']).toContain((await lineOf(groupId))[0])
  expect(await shop.told(second)).toEqual({ 'wait-over': 1 })
  expect(await join(first, groupId)).toMatchObject({ ok: false, reason: 'group-over' })
  await assertInvariants(shop.db)
})

test('a ladder that forms at its end takes an unused offer back', async () => {
  const { groupId, holders } = await fullGroup({
    size: 3,
    lifetimeMinutes: 20,
    group: { kind: 'ladder', minSeats: 2 },
    steps: [{ seats: 3, price: 90_000n }],
  })
  const [paying, gone] = holders
  if (!paying || !gone) throw new Error('two hold a seat')
  await shop.pay(paying.orderId)
  const first = await waits(groupId)
  shop.pass(6 * minute)
  await giveUp(gone)
  await tick()
  shop.pass(14 * minute)
  await closeDueGroups(shop.db, shop.now)
  await assertInvariants(shop.db)
  await tick()
  expect(await counts(groupId)).toEqual({ state: 'formed', takenSeats: 2, paidSeats: 2, inLine: 0 })
  expect(await shop.told(first)).toMatchObject({ 'seat-offered': 1 })
  await assertInvariants(shop.db)
})
