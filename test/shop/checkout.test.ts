/** Long because every refusal is here: they share their beginning. Crowds at one seat are in `parallel.test.ts`. */
import { randomUUID } from 'node:crypto'
import { expect, test } from 'vitest'
import { buy, type Purchase, type PurchaseRefusal, type PurchaseResult } from '#shop/checkout.ts'
import { payBy } from '#shop/paying.ts'
import { cancelOrder, orderOf, ordersOf } from '#shop/orders.ts'
import { joinShop, postOpened } from '#shop/sellers.ts'
import { assertInvariants } from './invariants.ts'
import { countRows, hour, kazan, minute, useShop } from './support.ts'

const shop = useShop()

/** Tries a purchase that must leave nothing behind. */
async function refused(personId: number, purchase: Purchase): Promise<PurchaseResult> {
  const before = await countRows(shop.db)
  const result = await shop.buy(personId, purchase)
  expect(await countRows(shop.db)).toEqual(before)
  return result
}
const because = (reason: PurchaseRefusal, groupId?: number) => ({
  ok: false,
  reason,
  ...(groupId !== undefined && { groupId }),
})

test('buying alone holds one unit for 15 minutes at the full price and leads to a payment page', async () => {
  const goods = await shop.goods({ stock: 3 })
  const result = await shop.buy(await shop.person(), { kind: 'alone', variantId: goods.variantId })
  if (!result.ok) throw new Error(result.reason)
  const { order } = result
  expect(result.isNew).toBe(true)
  expect(order).toMatchObject({ state: 'awaiting_payment', unitPrice: 150_000n, quantity: 1, recipient: kazan })
  expect(order.total).toBe(order.goodsTotal + order.deliveryCost)
  expect(order.deliveryCost).toBeGreaterThan(0n)
  expect(order.promisedFrom.getTime()).toBeGreaterThan(shop.now.getTime())
  expect(order.expiresAt).toEqual(new Date(shop.now.getTime() + 15 * minute))
  expect(order.payment).toMatchObject({
    state: 'pending',
    confirmationUrl: expect.stringContaining('/yookassa/pay/') as string,
  })
  expect(await shop.stock(goods)).toEqual({ onHand: 3, reserved: 1 })
  await assertInvariants(shop.db)
})

test('buying in an own group makes a draft at the group price, and the page asks for that price', async () => {
  const goods = await shop.goods({ size: 3, lifetimeMinutes: 10 })
  const order = await shop.order(await shop.person(), { kind: 'own-group', variantId: goods.variantId })
  expect(order).toMatchObject({ unitPrice: 100_000n, seat: { state: 'held', groupState: 'draft' } })
  // The seat is never held past the group's own end.
  expect(order.expiresAt).toEqual(new Date(shop.now.getTime() + 10 * minute))
  expect(await shop.group(order.seat?.groupId ?? 0)).toMatchObject({ state: 'draft', takenSeats: 1, paidSeats: 0 })
  const asked = (await shop.truth()).find(({ metadata }) => metadata.paymentId === order.payment?.paymentId)
  expect(asked?.amount.value).toBe(`${order.total / 100n}.${String(order.total % 100n).padStart(2, '0')}`)
  await assertInvariants(shop.db)
})

test('joining takes a seat at the price that the group was opened with, whatever the seller changes since', async () => {
  const goods = await shop.goods({ size: 3 })
  const { groupId } = await shop.openGroup(goods)
  await shop.db.campaignPrice.updateMany({ where: { campaignId: goods.campaignId }, data: { price: 130_000n } })
  await shop.db.campaign.update({ where: { id: goods.campaignId }, data: { size: 9, endsAt: shop.pass(minute) } })
  const order = await shop.order(await shop.person(), { kind: 'join', groupId })
  expect(order).toMatchObject({ unitPrice: 100_000n, seat: { state: 'held', groupId, groupState: 'open' } })
  expect(await shop.group(groupId)).toMatchObject({ state: 'open', takenSeats: 2, paidSeats: 1, size: 3 })
  await assertInvariants(shop.db)
})

test('an open group goes on when its product has left the feed', async () => {
  const goods = await shop.goods({ size: 3 })
  const { groupId } = await shop.openGroup(goods)
  await shop.db.variant.update({ where: { id: goods.variantId }, data: { withdrawnAt: shop.now } })
  await shop.db.product.update({ where: { id: goods.productId }, data: { withdrawnAt: shop.now } })
  expect(await shop.buy(await shop.person(), { kind: 'join', groupId })).toMatchObject({ ok: true, isNew: true })
})

test('a repeated update, a second tap and a second device lead to the same order', async () => {
  const goods = await shop.goods()
  const person = await shop.person()
  const first = await shop.order(person, { kind: 'alone', variantId: goods.variantId }, 'telegram:77')
  const repeated = await shop.buy(person, { kind: 'alone', variantId: goods.variantId }, 'telegram:77')
  const tapped = await shop.buy(person, { kind: 'alone', variantId: goods.variantId })
  for (const again of [repeated, tapped]) {
    expect(again).toMatchObject({ ok: true, isNew: false, order: { orderId: first.orderId, payment: first.payment } })
  }
  expect(await shop.stock(goods)).toEqual({ onHand: 100, reserved: 1 })
  // Alone and together are two different purchases.
  const together = await shop.order(person, { kind: 'own-group', variantId: goods.variantId })
  expect(together.orderId).not.toBe(first.orderId)
})

test('whoever holds the last unit is led back to their order and not told that nothing is left', async () => {
  const goods = await shop.goods({ stock: 1 })
  const person = await shop.person()
  const first = await shop.order(person, { kind: 'own-group', variantId: goods.variantId })
  const again = await shop.buy(person, { kind: 'own-group', variantId: goods.variantId })
  expect(again).toMatchObject({ ok: true, isNew: false, order: { orderId: first.orderId } })
})

test('an order whose time is over is not led back to: the next tap makes another', async () => {
  const goods = await shop.goods()
  const person = await shop.person()
  const first = await shop.order(person, { kind: 'alone', variantId: goods.variantId })
  shop.pass(16 * minute)
  const second = await shop.order(person, { kind: 'alone', variantId: goods.variantId })
  expect(second.orderId).not.toBe(first.orderId)
})

test('one order takes the place of another in one step: either both happen or neither', async () => {
  const goods = await shop.goods({ stock: 2, size: 2 })
  const { groupId } = await shop.openGroup(goods)
  const person = await shop.person()
  const first = await shop.order(person, { kind: 'join', groupId })
  const change = (instead: number, who = person) =>
    buy(
      shop.db,
      { personId: who, requestKey: randomUUID(), purchase: { kind: 'join', groupId }, instead, now: shop.now },
      shop.deps,
    )
  const before = await countRows(shop.db)
  await shop.act('/sim/cdek/faults', { match: 'calculate', kind: '500_without_effect', times: 1 })
  expect(await change(first.orderId)).toEqual(because('carrier-silent'))
  const thief = await shop.person()
  expect(await change(first.orderId, thief)).toEqual(because('not-found'))

  expect({ ...(await countRows(shop.db)), jobs: 0 }).toEqual({ ...before, jobs: 0 })

  const raced = await Promise.all(Array.from({ length: 10 }, () => change(first.orderId)))
  const orders = new Set(raced.map((result) => (result.ok ? result.order.orderId : result.reason)))
  expect(orders.size).toBe(1)
  expect(orders.has(first.orderId)).toBe(false)
  expect(await shop.stateOf(first.orderId)).toMatchObject({ order: 'cancelled', seat: 'released', stock: 'released' })
  expect(await shop.group(groupId)).toMatchObject({ takenSeats: 2, paidSeats: 1 })
  expect(await shop.stock(goods)).toEqual({ onHand: 2, reserved: 2 })
  await assertInvariants(shop.db)
  // A payment on the page of the order that was given up is given back.
  await shop.pay(first.orderId)
  await shop.settle()
  expect(await shop.stateOf(first.orderId)).toMatchObject({ order: 'cancelled', payments: ['voided'] })
})

test('changing an order while others want its seat and its unit lets nobody in between', async () => {
  const goods = await shop.goods({ stock: 2, size: 2 })
  const { groupId } = await shop.openGroup(goods)
  const person = await shop.person()
  const first = await shop.order(person, { kind: 'join', groupId })
  const others = await shop.people(10)
  const wish = { requestKey: randomUUID(), purchase: { kind: 'join', groupId } as const, now: shop.now }
  const [changed, ...rest] = await Promise.all([
    buy(shop.db, { ...wish, personId: person, instead: first.orderId }, shop.deps),
    ...others.map((other) => shop.buy(other, { kind: 'join', groupId })),
  ])
  expect(changed).toMatchObject({ ok: true, isNew: true })
  expect(rest.filter(({ ok }) => ok)).toEqual([])
  await assertInvariants(shop.db)
})

test('an order changed while it is being paid for is either paid or changed', async () => {
  for (let round = 0; round < 10; round += 1) {
    const goods = await shop.goods({ size: 2 })
    const person = await shop.person()
    const kind = round % 2 === 0 ? 'alone' : 'own-group'
    const purchase = { kind, variantId: goods.variantId } as const
    const { orderId } = await shop.order(person, purchase)
    const wish = { personId: person, requestKey: randomUUID(), purchase, instead: orderId, now: shop.now }
    const externalId = await shop.atProvider(orderId)
    const [changed] = await Promise.all([buy(shop.db, wish, shop.deps), shop.hint(externalId)])
    await shop.settle()
    const { order, payments } = await shop.stateOf(orderId)
    const outcome = changed.ok
      ? { changed: true, order, payments }
      : { reason: changed.reason, paid: order !== 'cancelled' }
    expect([
      { changed: true, order: 'cancelled', payments: ['voided'] },
      { reason: 'too-late', paid: true },
    ]).toContainEqual(outcome)
  }
})

test('what does not exist is refused', async () => {
  const person = await shop.person()
  expect(await refused(person, { kind: 'alone', variantId: 2_000_000_000 })).toEqual(because('not-found'))
  expect(await refused(person, { kind: 'own-group', variantId: 2_000_000_000 })).toEqual(because('not-found'))
  expect(await refused(person, { kind: 'join', groupId: 2_000_000_000 })).toEqual(because('not-found'))
})

test('whoever has not said where to send it is asked first', async () => {
  const goods = await shop.goods({ size: 3 })
  const { groupId } = await shop.openGroup(goods)
  const person = await shop.person({ recipient: false })
  expect(await refused(person, { kind: 'alone', variantId: goods.variantId })).toEqual(because('no-recipient'))
  expect(await refused(person, { kind: 'own-group', variantId: goods.variantId })).toEqual(because('no-recipient'))
  expect(await refused(person, { kind: 'join', groupId })).toEqual(because('no-recipient'))
})

test('what left the feed is refused, the variant alone or the whole product', async () => {
  const goods = await shop.goods()
  const person = await shop.person()
  await shop.db.variant.update({ where: { id: goods.variantId }, data: { withdrawnAt: shop.now } })
  expect(await refused(person, { kind: 'alone', variantId: goods.variantId })).toEqual(because('withdrawn'))
  await shop.db.variant.update({ where: { id: goods.variantId }, data: { withdrawnAt: null } })
  await shop.db.product.update({ where: { id: goods.productId }, data: { withdrawnAt: shop.now } })
  expect(await refused(person, { kind: 'own-group', variantId: goods.variantId })).toEqual(because('withdrawn'))
})

test('what is not in stock is refused, also when the rest is promised to others', async () => {
  const empty = await shop.goods({ stock: 0 })
  expect(await refused(await shop.person(), { kind: 'alone', variantId: empty.variantId })).toEqual(
    because('out-of-stock'),
  )
  const last = await shop.goods({ stock: 1, size: 3 })
  const { groupId } = await shop.openGroup(last)
  expect(await refused(await shop.person(), { kind: 'alone', variantId: last.variantId })).toEqual(
    because('out-of-stock'),
  )
  expect(await refused(await shop.person(), { kind: 'join', groupId })).toEqual(because('out-of-stock'))
})

test('a product without group terms, or with ended ones, has no group price', async () => {
  const person = await shop.person()
  const plain = await shop.goods({ campaign: false })
  expect(await refused(person, { kind: 'own-group', variantId: plain.variantId })).toEqual(because('no-group-price'))
  const ended = await shop.goods()
  await shop.db.campaign.update({ where: { id: ended.campaignId }, data: { endsAt: shop.now } })
  expect(await refused(person, { kind: 'own-group', variantId: ended.variantId })).toEqual(because('no-group-price'))
})

test("a shop's own people fill no groups of theirs, but may buy alone", async () => {
  const goods = await shop.goods({ size: 3 })
  const { groupId } = await shop.openGroup(goods)
  const seller = await shop.person()
  const { invitation } = await shop.db.seller.findUniqueOrThrow({ where: { id: goods.sellerId } })
  await joinShop(shop.db, invitation, seller, shop.now)
  expect(await refused(seller, { kind: 'own-group', variantId: goods.variantId })).toEqual(because('own-shop'))
  expect(await refused(seller, { kind: 'join', groupId })).toEqual(because('own-shop'))
  expect(await shop.buy(seller, { kind: 'alone', variantId: goods.variantId })).toMatchObject({ ok: true })
})

test('where the carrier does not go, or too heavy for it, is no delivery; a carrier that is silent is said to be', async () => {
  const person = await shop.person()
  const heavy = await shop.goods()
  await shop.db.variant.update({ where: { id: heavy.variantId }, data: { weightGrams: 900_000 } })
  expect(await refused(person, { kind: 'alone', variantId: heavy.variantId })).toEqual(because('no-delivery'))
  const goods = await shop.goods()
  expect(await shop.act('/sim/cdek/faults', { match: 'calculate', kind: '500_without_effect', times: 1 })).toBe(200)
  expect(await refused(person, { kind: 'alone', variantId: goods.variantId })).toEqual(because('carrier-silent'))
})

test('nobody gets a second seat in a group, the leader included, and also not when it has formed', async () => {
  const goods = await shop.goods({ size: 2 })
  const { groupId, leader } = await shop.openGroup(goods)
  expect(await refused(leader, { kind: 'join', groupId })).toEqual(because('already-in', groupId))
  const friend = await shop.person()
  await shop.pay((await shop.order(friend, { kind: 'join', groupId })).orderId)
  expect(await refused(leader, { kind: 'join', groupId })).toEqual(because('already-in', groupId))
  expect(await refused(friend, { kind: 'join', groupId })).toEqual(because('already-in', groupId))
})

test('a group that is full, over, or not yet paid for by its leader cannot be joined', async () => {
  const goods = await shop.goods({ size: 2 })
  const { groupId } = await shop.openGroup(goods)
  const draft = await shop.order(await shop.person(), { kind: 'own-group', variantId: goods.variantId })
  const stranger = await shop.person()
  expect(await refused(stranger, { kind: 'join', groupId: draft.seat?.groupId ?? 0 })).toEqual(
    because('group-not-open', draft.seat?.groupId),
  )
  const joined = await shop.order(await shop.person(), { kind: 'join', groupId })
  expect(await refused(stranger, { kind: 'join', groupId })).toEqual(because('group-full', groupId))
  await shop.pay(joined.orderId)
  expect(await refused(stranger, { kind: 'join', groupId })).toEqual(because('group-full', groupId))

  const other = await shop.openGroup(await shop.goods())
  shop.pass(30 * minute)
  expect(await refused(stranger, { kind: 'join', groupId: other.groupId })).toEqual(
    because('group-over', other.groupId),
  )
})

test('after a decline the same order is paid for by a second payment', async () => {
  const goods = await shop.goods()
  const person = await shop.person()
  const { orderId } = await shop.order(person, { kind: 'alone', variantId: goods.variantId })
  await shop.hint(await shop.atProvider(orderId, 'declined'))
  expect(await orderOf(shop.db, orderId, person)).toMatchObject({
    state: 'awaiting_payment',
    payment: { state: 'failed', declineReason: 'insufficient_funds' },
  })
  expect(await shop.told(person)).toEqual({ 'payment-declined': 1 })

  shop.pass(minute)
  const taps = await Promise.all(
    Array.from({ length: 10 }, () => payBy(shop.db, { personId: person, orderId, now: shop.now }, shop.deps)),
  )
  const pages = taps.map((tap) => (tap.ok ? tap.order.payment?.confirmationUrl : tap.reason))
  expect(new Set(pages).size).toBe(1)
  expect(pages[0]).toContain('/yookassa/pay/')
  expect(await shop.db.payment.count({ where: { orderId } })).toBe(2)
  await shop.pay(orderId)
  await shop.runJobs()
  expect(await shop.stateOf(orderId)).toMatchObject({
    order: 'packable',
    payments: ['failed', 'captured'],
    moves: ['capture done'],
    stock: 'consumed',
  })
  await shop.settle()
})

test("the live payment counts even when another process's clock dates it before the failed one", async () => {
  const goods = await shop.goods({ size: 2 })
  const person = await shop.person()
  const { orderId } = await shop.order(person, { kind: 'own-group', variantId: goods.variantId })
  await shop.hint(await shop.atProvider(orderId, 'declined'))
  const late = new Date(shop.now.getTime() - 2000)
  expect(await payBy(shop.db, { personId: person, orderId, now: late }, shop.deps)).toMatchObject({
    ok: true,
    order: { payment: { state: 'pending' } },
  })
  const live = await shop.db.payment.findFirstOrThrow({ where: { orderId, state: 'pending' } })
  await shop.act(`/sim/yookassa/${live.externalId}`, { outcome: 'paid' })
  await shop.hint(live.externalId ?? '')
  const groupId = (await orderOf(shop.db, orderId, person))?.seat?.groupId ?? 0
  await shop.pay((await shop.order(await shop.person(), { kind: 'join', groupId })).orderId)
  await shop.runJobs()
  expect(await shop.stateOf(orderId)).toMatchObject({ order: 'packable', moves: ['capture done'] })
})

test('an order that is over, paid or not theirs cannot be paid again', async () => {
  const goods = await shop.goods()
  const person = await shop.person()
  const { orderId } = await shop.order(person, { kind: 'alone', variantId: goods.variantId })
  const again = (who: number) => payBy(shop.db, { personId: who, orderId, now: shop.now }, shop.deps)
  const before = await countRows(shop.db)
  expect(await again(await shop.person())).toEqual({ ok: false, reason: 'not-found' })
  // The page that is there already is good enough.
  expect(await again(person)).toMatchObject({ ok: true, order: { payment: { state: 'pending' } } })
  shop.pass(15 * minute)
  expect(await again(person)).toEqual({ ok: false, reason: 'not-payable' })
  expect(await countRows(shop.db)).toEqual(before)
  await shop.pay(orderId)
  expect(await cancelOrder(shop.db, { personId: person, orderId, now: shop.now }, shop.deps.carrier)).toEqual({
    ok: false,
    reason: 'too-late',
  })
})

test('giving an unpaid order up gives back seat and stock, once; nobody else can', async () => {
  const goods = await shop.goods({ stock: 5, size: 3 })
  const { groupId } = await shop.openGroup(goods)
  const person = await shop.person()
  const { orderId } = await shop.order(person, { kind: 'join', groupId })
  const cancel = (personId: number) => cancelOrder(shop.db, { personId, orderId, now: shop.now }, shop.deps.carrier)
  expect(await cancel(await shop.person())).toEqual({ ok: false, reason: 'not-found' })
  const results = await Promise.all(Array.from({ length: 10 }, () => cancel(person)))
  expect(results.filter(({ ok }) => ok)).toHaveLength(1)
  expect(await shop.stateOf(orderId)).toMatchObject({ order: 'cancelled', seat: 'released', stock: 'released' })
  expect(await shop.stock(goods)).toEqual({ onHand: 5, reserved: 1 })
  expect(await shop.group(groupId)).toMatchObject({ takenSeats: 1, paidSeats: 1 })
  expect(await shop.told(person)).toEqual({})
  // And they may come back.
  expect(await shop.buy(person, { kind: 'join', groupId })).toMatchObject({ ok: true, isNew: true })
  await assertInvariants(shop.db)
})

test("a person's orders are theirs, newest first", async () => {
  const goods = await shop.goods()
  const person = await shop.person()
  const first = await shop.order(person, { kind: 'alone', variantId: goods.variantId })
  shop.pass(minute)
  const second = await shop.order(person, { kind: 'own-group', variantId: goods.variantId })
  expect((await ordersOf(shop.db, person)).map(({ orderId }) => orderId)).toEqual([second.orderId, first.orderId])
  expect(await orderOf(shop.db, first.orderId, await shop.person())).toBeUndefined()
})

test('a purchase counts for the post that led to it, for a week', async () => {
  const goods = await shop.goods()
  const [person = 0, slow = 0] = await shop.people(2)
  const { id: channelId } = await shop.db.brandChannel.create({
    data: {
      sellerId: goods.sellerId,
      messenger: 'telegram',
      externalId: `-100${goods.sellerId}`,
      title: 'Канал',
      addedById: person,
      addedAt: shop.now,
    },
  })
  const { id: postId } = await shop.db.post.create({
    data: {
      token: randomUUID(),
      requestKey: randomUUID(),
      sellerId: goods.sellerId,
      channelId,
      productId: goods.productId,
      state: 'sent',
      messageRef: '-100:1',
      createdAt: shop.now,
      requestedById: person,
    },
  })
  const { token } = await shop.db.post.findUniqueOrThrow({ where: { id: postId } })
  for (const visitor of [person, slow]) await postOpened(shop.db, token, visitor, shop.now)
  const postOf = async (personId: number) => {
    const { orderId } = await shop.order(personId, { kind: 'alone', variantId: goods.variantId })
    return (await shop.db.order.findUniqueOrThrow({ where: { id: orderId } })).postId
  }
  expect(await postOf(person)).toBe(postId)
  shop.pass(8 * 24 * hour)
  expect(await postOf(slow)).toBeNull()
})
