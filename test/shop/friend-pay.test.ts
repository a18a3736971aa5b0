/** A friend pays: whose link it is, what it shows, and what becomes of the money whatever happened meanwhile. */
import { expect, test } from 'vitest'
import { askFriend, friendsSeat, isPaidByFriends, payTokenBeside, unpaidSeats } from '#shop/friend-pay.ts'
import { buy } from '#shop/checkout.ts'
import { closeDueGroups, expireOrders, releaseOrder } from '#shop/group-buy.ts'
import { payBy } from '#shop/paying.ts'
import { countRows, kazan, minute, useShop, type GoodsOptions } from './support.ts'

const shop = useShop()

/** Somebody holds a seat in an open group of three, unpaid. */
async function held(of: GoodsOptions = {}) {
  const goods = await shop.goods({ size: 3, lifetimeMinutes: 600, ...of })
  const { groupId, leader, orderId: leadersOrder } = await shop.openGroup(goods)
  const holder = await shop.person()
  const { orderId } = await shop.order(holder, { kind: 'join', groupId })
  return { goods, groupId, leader, leadersOrder, holder, orderId }
}

const ask = (personId: number, orderId: number) => askFriend(shop.db, { personId, orderId, now: shop.now }, shop.deps)

async function link(personId: number, orderId: number): Promise<string> {
  const asked = await ask(personId, orderId)
  if (!asked.ok) throw new Error(asked.reason)
  return asked.token
}

async function open(token: string, friend?: number) {
  const personId = friend ?? (await shop.person({ recipient: false }))
  const seat = await friendsSeat(shop.db, { token, personId, now: shop.now }, shop.deps)
  if (!seat || 'ownOrderId' in seat) throw new Error('somebody else’s seat was expected')
  return seat
}

test('the link is made once, fits where links go, and shows a first name and nothing more of its buyer', async () => {
  const { holder, orderId } = await held()
  const asked = await Promise.all(Array.from({ length: 8 }, () => ask(holder, orderId)))
  const tokens = new Set(asked.map((one) => (one.ok ? one.token : one.reason)))
  expect(tokens.size).toBe(1)
  const [token = ''] = tokens
  expect(`f_${token}`).toMatch(/^[A-Za-z0-9_-]{10,64}$/)
  const seat = await open(token)
  expect(seat).toMatchObject({ state: 'payable', quantity: 1, firstName: expect.stringMatching(/^Анна/) })
  const shown = JSON.stringify(seat, (_, value: unknown) => (typeof value === 'bigint' ? value.toString() : value))
  const { number } = await shop.db.order.findUniqueOrThrow({ where: { id: orderId } })
  for (const secret of [kazan.phone, kazan.cityName, kazan.pickupPointCode, kazan.pickupPointText, kazan.name, number])
    expect(shown).not.toContain(secret)
  // A second opening leads to the same page.
  expect((await open(token)).payUrl).toBe(seat.payUrl)
  expect(await shop.db.payment.count({ where: { orderId } })).toBe(1)
})

test('nobody makes a link to what is not theirs, not of a group, or not to be paid any more', async () => {
  const { goods, holder, orderId, leader, leadersOrder } = await held()
  const before = await countRows(shop.db)
  expect(await ask(leader, orderId)).toEqual({ ok: false, reason: 'not-found' })
  expect(await ask(holder, 2_000_000_000)).toEqual({ ok: false, reason: 'not-found' })
  expect(await ask(leader, leadersOrder)).toEqual({ ok: false, reason: 'not-payable' })
  expect(await countRows(shop.db)).toEqual(before)
  const alone = await shop.order(holder, { kind: 'alone', variantId: goods.variantId })
  expect(await ask(holder, alone.orderId)).toEqual({ ok: false, reason: 'not-found' })
  shop.pass(15 * minute)
  expect(await ask(holder, orderId)).toEqual({ ok: false, reason: 'not-payable' })
  expect(await shop.db.order.count({ where: { payToken: { not: null }, personId: holder } })).toBe(0)
})

test('a forged link shows nothing, and its own buyer is led to the order', async () => {
  const { holder, orderId } = await held()
  const token = await link(holder, orderId)
  for (const forged of ['', 'x', token.slice(1), token.toLowerCase() + '_', 'constructor'])
    expect(await friendsSeat(shop.db, { token: forged, personId: holder, now: shop.now }, shop.deps)).toBeUndefined()
  expect(await friendsSeat(shop.db, { token, personId: holder, now: shop.now }, shop.deps)).toEqual({
    ownOrderId: orderId,
  })
})

test('the friend’s money seats the buyer, who is told at once; of a group that fails it goes back to the payment', async () => {
  const { holder, orderId, groupId, leader } = await held({ lifetimeMinutes: 60 })
  const token = await link(holder, orderId)
  await shop.pay(orderId)
  expect(await shop.told(holder)).toEqual({ 'seat-paid': 1 })
  expect((await shop.told(leader))['group-joined']).toBe(1)
  expect((await open(token)).state).toBe('paid')
  shop.pass(61 * minute)
  await shop.runJobs()
  await closeDueGroups(shop.db, shop.now)
  expect(await shop.group(groupId)).toMatchObject({ state: 'failed' })
  expect((await open(token)).state).toBe('over')
  await shop.settle()
  expect(await shop.stateOf(orderId)).toMatchObject({ order: 'cancelled', payments: ['voided'], seat: 'released' })
  expect(await shop.told(holder)).toEqual({ 'seat-paid': 1, 'group-failed': 1, 'money-released': 1 })
})

test('a group forms with the seat that a friend paid for', async () => {
  const { holder, orderId, groupId } = await held({ size: 2 })
  const token = await link(holder, orderId)
  await shop.pay(orderId)
  await shop.settle()
  expect(await shop.group(groupId)).toMatchObject({ state: 'formed' })
  expect(await shop.told(holder)).toEqual({ 'group-formed': 1, 'order-paid': 1 })
  expect((await open(token)).state).toBe('paid')
})

test('paid after the hold ended: the seat is taken again while one is free', async () => {
  const { holder, orderId } = await held()
  const token = await link(holder, orderId)
  shop.pass(16 * minute)
  expect((await open(token)).state).toBe('over')
  await expireOrders(shop.db, shop.now)
  expect((await open(token)).state).toBe('over')
  await shop.pay(orderId)
  expect(await shop.stateOf(orderId)).toMatchObject({ order: 'awaiting_group', seat: 'paid' })
  expect((await shop.told(holder))['seat-paid']).toBe(1)
  expect((await open(token)).state).toBe('paid')
  await shop.settle()
})

test('paid after the hold ended and the group was full: its buyer chooses, and the link says so', async () => {
  const { holder, orderId, groupId } = await held({ size: 2 })
  const token = await link(holder, orderId)
  shop.pass(16 * minute)
  await expireOrders(shop.db, shop.now)
  const other = await shop.order(await shop.person(), { kind: 'join', groupId })
  await shop.pay(other.orderId)
  await shop.pay(orderId)
  expect((await shop.told(holder))['late-choice']).toBe(1)
  expect((await open(token)).state).toBe('late')
  await shop.settle()
})

test('given up while the friend was on the page: the money goes back, and the link says that nobody holds the seat', async () => {
  const { holder, orderId } = await held()
  const token = await link(holder, orderId)
  await releaseOrder(shop.db, orderId, 'given-up', shop.now)
  expect((await open(token)).state).toBe('over')
  await shop.pay(orderId)
  await shop.settle()
  expect(await shop.stateOf(orderId)).toMatchObject({ order: 'cancelled', payments: ['voided'], seat: 'released' })
  expect((await shop.told(holder))['money-released']).toBe(1)
})

test('its buyer pays another way while the friend is on the page: one payment counts, the other goes back', async () => {
  const terms = { paymentMethods: ['card', 'sbp'] as ('card' | 'sbp')[] }
  const { holder, orderId } = await held({ terms })
  const token = await link(holder, orderId)
  const friendsPage = await shop.externalIdOf(orderId)
  const changed = await payBy(shop.db, { personId: holder, orderId, method: 'sbp', now: shop.now }, shop.deps)
  expect(changed.ok).toBe(true)
  expect((await open(token)).method).toBe('sbp')
  await shop.pay(orderId)
  expect((await open(token)).state).toBe('paid')
  expect(await shop.act(`/sim/yookassa/${friendsPage}`, { outcome: 'paid' })).toBe(200)
  await shop.hint(friendsPage)
  await shop.settle()
  expect(await shop.told(holder)).toMatchObject({ 'seat-paid': 1, 'paid-twice': 1 })
  const { payments } = await shop.stateOf(orderId)
  expect(payments).toContain('voided')
  expect(payments.filter((state) => state === 'captured' || state === 'held')).toHaveLength(1)
})

test('a promise to pay at the door makes the friend’s money superfluous: it goes back', async () => {
  const paymentMethods = ['card', 'on-delivery'] as ('card' | 'on-delivery')[]
  const { holder, orderId } = await held({ terms: { paymentMethods, onDeliveryForGroups: true } })
  const token = await link(holder, orderId)
  const friendsPage = await shop.externalIdOf(orderId)
  const promised = await payBy(shop.db, { personId: holder, orderId, method: 'on-delivery', now: shop.now }, shop.deps)
  expect(promised.ok).toBe(true)
  expect((await open(token)).state).toBe('paid')
  expect(await shop.act(`/sim/yookassa/${friendsPage}`, { outcome: 'paid' })).toBe(200)
  await shop.hint(friendsPage)
  await shop.settle()
  expect(await shop.told(holder)).toMatchObject({ 'seat-paid': 1, 'paid-twice': 1 })
  expect((await shop.stateOf(orderId)).payments.toSorted()).toEqual(['promised', 'voided'])
})

test('a shop that takes money at the door only has no page for a friend', async () => {
  const goods = await shop.goods({ terms: { paymentMethods: ['on-delivery'], onDeliveryForGroups: true } })
  const holder = await shop.person()
  const { orderId } = await shop.order(holder, { kind: 'own-group', variantId: goods.variantId })
  expect(await ask(holder, orderId)).toEqual({ ok: false, reason: 'no-page' })
})

test('after a decline whoever opens the link gets a new page, one for all of them', async () => {
  const { holder, orderId } = await held()
  const token = await link(holder, orderId)
  await shop.hint(await shop.atProvider(orderId, 'declined'))
  const friends = await Promise.all(Array.from({ length: 6 }, () => shop.person({ recipient: false })))
  const seats = await Promise.all(friends.map((friend) => open(token, friend)))
  expect(new Set(seats.map(({ state }) => state))).toEqual(new Set(['payable']))
  expect(new Set(seats.map(({ payUrl }) => payUrl)).size).toBe(1)
  expect(await shop.db.payment.count({ where: { orderId } })).toBe(2)
  await shop.pay(orderId)
  expect((await shop.told(holder))['seat-paid']).toBe(1)
  await shop.settle()
})

test('another address makes another order: the link goes on to it, and what was paid on the old page goes back', async () => {
  const { holder, orderId, groupId } = await held()
  const token = await link(holder, orderId)
  const oldPage = await shop.externalIdOf(orderId)
  const purchase = { kind: 'join', groupId } as const
  const replaced = await buy(
    shop.db,
    { personId: holder, requestKey: `again-${orderId}`, purchase, instead: orderId, now: shop.now },
    shop.deps,
  )
  if (!replaced.ok) throw new Error(replaced.reason)
  const next = replaced.order.orderId
  expect(next).not.toBe(orderId)
  expect(await open(token)).toMatchObject({ state: 'payable' })
  expect(await link(holder, next)).toBe(token)
  expect([await isPaidByFriends(shop.db, orderId), await isPaidByFriends(shop.db, next)]).toEqual([true, true])
  expect(await shop.act(`/sim/yookassa/${oldPage}`, { outcome: 'paid' })).toBe(200)
  await shop.hint(oldPage)
  expect((await open(token)).state).toBe('payable')
  await shop.pay(next)
  await shop.settle()
  expect(await shop.stateOf(orderId)).toMatchObject({ order: 'cancelled', payments: ['voided'] })
  expect(await shop.stateOf(next)).toMatchObject({ order: 'awaiting_group', seat: 'paid' })
})

test('a member who has paid is offered the seats whose holders asked for it, nobody else is', async () => {
  const { groupId, leader, holder, orderId } = await held()
  const { id: seatId } = await shop.db.seat.findUniqueOrThrow({ where: { orderId } })
  const seen = () => unpaidSeats(shop.db, { groupId, personId: leader, now: shop.now }, shop.deps)
  const beside = (personId: number, seat = seatId) => payTokenBeside(shop.db, { seatId: seat, personId })
  // The holder has asked nobody: others neither see what is to be paid nor have a link to it.
  expect(await seen()).toEqual([])
  expect(await beside(leader)).toBeUndefined()
  expect(await shop.db.order.count({ where: { payToken: { not: null }, id: orderId } })).toBe(0)
  const asked = await link(holder, orderId)
  expect(await seen()).toEqual([{ seatId, firstName: expect.stringMatching(/^Анна/) }])

  const strange = await shop.openGroup(await shop.goods({ size: 3 }))
  expect(await beside(strange.leader)).toBeUndefined()
  expect(await beside(await shop.person())).toBeUndefined()
  expect(await beside(holder)).toBeUndefined()
  const unpaid = await shop.person()
  await shop.order(unpaid, { kind: 'join', groupId })
  expect(await beside(unpaid)).toBeUndefined()
  expect(await beside(leader, 2_000_000_000)).toBeUndefined()

  expect(await beside(leader)).toBe(asked)
  await releaseOrder(shop.db, orderId, 'given-up', shop.now)
  expect(await beside(leader)).toBeUndefined()
  const left = await unpaidSeats(shop.db, { groupId, personId: leader, now: shop.now }, shop.deps)
  expect(left.map((seat) => seat.seatId)).not.toContain(seatId)
})
