/** Units that only groups of a campaign may take: taken and given back exactly once, whoever acts at the same moment. */
import { Readable } from 'node:stream'
import { beforeAll, expect, test } from 'vitest'
import { newDraft, type DraftTerms } from '#domain/campaign-draft.ts'
import { readFeed } from '#gateways/feeds.ts'
import {
  campaignOf,
  changeDraft,
  draftLike,
  draftOf,
  endCampaign,
  freeAside,
  publishDraft,
  startDraft,
} from '#shop/campaigns.ts'
import { productById } from '#shop/catalog.ts'
import { importFeed } from '#shop/catalog-import.ts'
import type { PurchaseResult } from '#shop/checkout.ts'
import { chooseForLate } from '#shop/choices.ts'
import { closeDueGroups, expireOrders } from '#shop/group-buy.ts'
import { cancelOrder } from '#shop/orders.ts'
import { assertInvariants } from './invariants.ts'
import { createBank, quickCarrier } from './quick-world.ts'
import { hour, minute, useShop, type Goods } from './support.ts'

const shop = useShop()
const bank = createBank(() => shop.now.getTime())
beforeAll(() => {
  Object.assign(shop.deps, { providers: [bank.provider], carrier: quickCarrier })
})

async function pay(orderId: number): Promise<void> {
  const externalId = await shop.externalIdOf(orderId)
  bank.pay(externalId)
  await shop.hint(externalId)
}

/** Everything is done that is to be done, and rows, bank and books agree. */
async function settle(): Promise<void> {
  expect(await shop.runJobs()).toBe(0)
  const { payments, refunds } = bank.truth()
  await assertInvariants(shop.db, payments, refunds)
}

type Kept = Goods & { seller: number }

/** Terms that keep so many units for groups, as a shop's person publishes them. */
async function publish(
  goods: Goods,
  seller: number,
  setAside: number | null,
  more: Partial<DraftTerms> = {},
): Promise<Awaited<ReturnType<typeof publishDraft>>> {
  const { productId } = goods
  const draftId = await startDraft(shop.db, { productId, personId: seller, kind: 'ladder' }, shop.now)
  const size = { size: 40, minSeats: 2, lifetimeMinutes: 24 * 60, steps: newDraft('ladder').steps.slice(0, 1) }
  const change = (terms: DraftTerms): DraftTerms => ({ ...terms, ...size, ...more, setAside })
  const draft = await changeDraft(shop.db, draftId ?? 0, seller, change, shop.now)
  expect(draft?.problems).toEqual([])
  return publishDraft(shop.db, { draftId: draftId ?? 0, personId: seller, version: draft?.version ?? 0 }, shop.now)
}

async function keep(stock: number, setAside: number, more: Partial<DraftTerms> = {}): Promise<Kept> {
  const goods = await shop.goods({ stock, campaign: false })
  const seller = await shop.seller(goods)
  const published = await publish(goods, seller, setAside, more)
  if (!published.ok) throw new Error(published.reason)
  return { ...goods, seller, campaignId: published.campaignId }
}

async function openGroup(goods: Goods): Promise<{ groupId: number; leader: number; orderId: number }> {
  const leader = await shop.person()
  const { orderId, seat } = await shop.order(leader, { kind: 'own-group', variantId: goods.variantId })
  await pay(orderId)
  return { groupId: seat?.groupId ?? 0, leader, orderId }
}

const buyAlone = async ({ variantId }: Goods) => shop.buy(await shop.person(), { kind: 'alone', variantId })
const reasonOf = (result: PurchaseResult) => (result.ok ? 'ok' : result.reason)
const count = (results: readonly PurchaseResult[], reason: string) =>
  results.filter((result) => reasonOf(result) === reason).length

/** As the row stands, and what the campaign believes to have left. */
async function rowOf({ variantId, locationId, campaignId }: Goods) {
  const where = { variantId_locationId: { variantId, locationId } }
  const select = { onHand: true, reserved: true, setAside: true } as const
  const row = await shop.db.stockLevel.findUniqueOrThrow({ where, select })
  const price = await shop.db.campaignPrice.findFirst({ where: { campaignId, variantId } })
  await assertInvariants(shop.db)
  return { ...row, left: price?.asideLeft }
}

const fromAside = async (orderId: number) =>
  (await shop.db.reservation.findFirstOrThrow({ where: { orderId } })).fromAside

test('what is set aside is sold to groups only: they take from it first, and from the rest when it is used up', async () => {
  const goods = await keep(4, 2)
  expect(await rowOf(goods)).toEqual({ onHand: 4, reserved: 0, setAside: 2, left: 2 })
  const variant = async () => (await productById(shop.db, goods.productId, shop.now))?.variants[0]
  expect(await variant()).toMatchObject({ free: 2, aside: 2 })
  const { groupId, orderId } = await openGroup(goods)
  expect(await fromAside(orderId)).toBe(true)
  expect(await rowOf(goods)).toEqual({ onHand: 4, reserved: 1, setAside: 1, left: 1 })
  expect([reasonOf(await buyAlone(goods)), reasonOf(await buyAlone(goods)), reasonOf(await buyAlone(goods))]).toEqual([
    'ok',
    'ok',
    'out-of-stock',
  ])
  expect(await variant()).toMatchObject({ free: 0, aside: 1, asideCityName: 'Москва', locationId: null })
  const joined = await shop.order(await shop.person(), { kind: 'join', groupId })
  expect(await fromAside(joined.orderId)).toBe(true)
  expect(await variant()).toMatchObject({ free: 0, aside: 0, asideLocationId: null })
  expect(reasonOf(await shop.buy(await shop.person(), { kind: 'join', groupId }))).toBe('out-of-stock')
  // Both lone buyers let their time pass: what they kept is anybody's, and a group may take it as well.
  shop.pass(16 * minute)
  await pay(joined.orderId).catch(() => undefined)
  await expireOrders(shop.db, shop.now)
  expect(await rowOf(goods)).toMatchObject({ reserved: 2, setAside: 0 })
  const third = await shop.order(await shop.person(), { kind: 'join', groupId })
  expect(await fromAside(third.orderId)).toBe(false)
  await settle()
})

test('twenty who buy alone and twenty who join, at five free units and five set aside: ten are sold, five at most alone', async () => {
  const goods = await keep(11, 6)
  const { groupId } = await openGroup(goods)
  const people = await shop.people(40)
  const results = await Promise.all(
    people.map((personId, at) =>
      shop.buy(personId, at % 2 ? { kind: 'join', groupId } : { kind: 'alone', variantId: goods.variantId }),
    ),
  )
  expect(count(results, 'ok')).toBe(10)
  expect(count(results, 'out-of-stock')).toBe(30)
  const alone = results.filter((_, at) => at % 2 === 0)
  expect(count(alone, 'ok')).toBeLessThanOrEqual(5)
  expect(await rowOf(goods)).toEqual({ onHand: 11, reserved: 11, setAside: 0, left: 0 })
  expect(await shop.db.reservation.count({ where: { variantId: goods.variantId, fromAside: true } })).toBe(6)
  await settle()
})

test('the end of a campaign, its tick and joins at the same moment: what its group cannot take is free, once, and nothing is lost', async () => {
  for (let round = 0; round < 2; round += 1) {
    const goods = await keep(16, 12, { size: 11 })
    const { groupId } = await openGroup(goods)
    const people = await shop.people(9)
    const { variantId, campaignId, seller } = goods
    const ends = () => endCampaign(shop.db, campaignId, seller, shop.now)
    const [first, second, , ...results] = await Promise.all([
      ends(),
      ends(),
      freeAside(shop.db, shop.now),
      ...people.map((personId) => shop.buy(personId, { kind: 'join', groupId })),
      ...people.slice(0, 2).map((personId) => shop.buy(personId, { kind: 'alone', variantId })),
    ])
    expect([first, second].toSorted()).toEqual(['ended', 'ended-before'])
    expect(results.map(reasonOf)).toEqual(results.map(() => 'ok'))
    await freeAside(shop.db, shop.now)
    expect(await rowOf(goods)).toEqual({ onHand: 16, reserved: 12, setAside: 1, left: 1 })
    // Open groups live on: their free seats have what was set aside, and it comes back with them.
    expect(reasonOf(await shop.buy(await shop.person(), { kind: 'join', groupId }))).toBe('ok')
    shop.pass(16 * minute)
    await expireOrders(shop.db, shop.now)
    expect(await rowOf(goods)).toEqual({ onHand: 16, reserved: 1, setAside: 10, left: 10 })
  }
  await settle()
})

test('holds that run out while the campaign ends: their units stay with the seats, whoever is first', async () => {
  const goods = await keep(10, 8, { size: 8 })
  const { groupId } = await openGroup(goods)
  const people = await shop.people(7)
  for (const personId of people) await shop.order(personId, { kind: 'join', groupId })
  expect(await rowOf(goods)).toEqual({ onHand: 10, reserved: 8, setAside: 0, left: 0 })
  shop.pass(16 * minute)
  await Promise.all([
    expireOrders(shop.db, shop.now),
    endCampaign(shop.db, goods.campaignId, goods.seller, shop.now),
    expireOrders(shop.db, shop.now),
    freeAside(shop.db, shop.now),
  ])
  expect(await rowOf(goods)).toEqual({ onHand: 10, reserved: 1, setAside: 7, left: 7 })
  await settle()
})

test('a release that waited for the end of the campaign gives its seat the unit back, and nothing more', async () => {
  const goods = await keep(5, 3, { size: 2 })
  const { groupId } = await openGroup(goods)
  const personId = await shop.person()
  const { orderId } = await shop.order(personId, { kind: 'join', groupId })
  const { variantId } = goods
  let ended: Promise<unknown> | undefined
  let released: Promise<unknown> | undefined
  await shop.db.$transaction(async (tx) => {
    await tx.$executeRaw`SELECT 1 FROM stock_level WHERE variant_id = ${variantId} FOR UPDATE`
    ended = endCampaign(shop.db, goods.campaignId, goods.seller, shop.now)
    await shop.waiting(1)
    released = cancelOrder(shop.db, { personId, orderId, isPaid: false, now: shop.now }, shop.deps.carrier)
    await shop.waiting(2)
  })
  await Promise.all([ended, released])
  expect(await rowOf(goods)).toEqual({ onHand: 5, reserved: 1, setAside: 1, left: 1 })
  await settle()
})

test('the end of a campaign that waited for a purchase frees what that has left', async () => {
  const goods = await keep(5, 3, { size: 2 })
  const { groupId } = await openGroup(goods)
  const personId = await shop.person()
  const { variantId } = goods
  let ended: Promise<unknown> | undefined
  let joined: Promise<PurchaseResult> | undefined
  await shop.db.$transaction(async (tx) => {
    await tx.$executeRaw`SELECT 1 FROM stock_level WHERE variant_id = ${variantId} FOR UPDATE`
    joined = shop.buy(personId, { kind: 'join', groupId })
    await shop.waiting(1)
    ended = endCampaign(shop.db, goods.campaignId, goods.seller, shop.now)
    await shop.waiting(2)
  })
  expect(await Promise.all([joined, ended])).toMatchObject([{ ok: true }, 'ended'])
  expect(await rowOf(goods)).toEqual({ onHand: 5, reserved: 2, setAside: 0, left: 0 })
  await settle()
})

test('what is given back while the campaign runs is set aside again: unpaid, left, failed, refunded before the parcel', async () => {
  const goods = await keep(5, 3, { size: 2, kind: 'team', lifetimeMinutes: 60, steps: newDraft('team').steps })
  const { groupId, orderId, leader } = await openGroup(goods)
  const [unpaid, leaves] = await shop.people(2)
  await shop.order(unpaid ?? 0, { kind: 'join', groupId })
  expect(await rowOf(goods)).toMatchObject({ reserved: 2, setAside: 1 })
  shop.pass(16 * minute)
  await expireOrders(shop.db, shop.now)
  expect(await rowOf(goods)).toMatchObject({ reserved: 1, setAside: 2, left: 2 })
  const left = await shop.order(leaves ?? 0, { kind: 'join', groupId })
  const cancel = { personId: leaves ?? 0, orderId: left.orderId, isPaid: false, now: shop.now }
  expect(await cancelOrder(shop.db, cancel, shop.deps.carrier)).toMatchObject({ ok: true })
  expect(await rowOf(goods)).toMatchObject({ reserved: 1, setAside: 2, left: 2 })
  shop.pass(hour)
  await closeDueGroups(shop.db, shop.now)
  await shop.runJobs()
  expect(await rowOf(goods)).toEqual({ onHand: 5, reserved: 0, setAside: 3, left: 3 })
  expect((await shop.stateOf(orderId)).order).toBe('cancelled')
  // Formed and sold, and then one of them wants the money back before the parcel leaves.
  const again = await openGroup(goods)
  const other = await shop.order(leader, { kind: 'join', groupId: again.groupId })
  await pay(other.orderId)
  await shop.runJobs()
  expect(await rowOf(goods)).toEqual({ onHand: 3, reserved: 0, setAside: 1, left: 1 })
  const back = { personId: leader, orderId: other.orderId, isPaid: true, now: shop.now }
  expect(await cancelOrder(shop.db, back, shop.deps.carrier)).toMatchObject({ ok: true })
  expect(await rowOf(goods)).toEqual({ onHand: 4, reserved: 0, setAside: 2, left: 2 })
  await settle()
})

test('money that comes late claims what is set aside again, or else what everybody may buy', async () => {
  const goods = await keep(4, 2)
  const { groupId } = await openGroup(goods)
  const late = async () => {
    const { orderId } = await shop.order(await shop.person(), { kind: 'join', groupId })
    shop.pass(16 * minute)
    await expireOrders(shop.db, shop.now)
    return orderId
  }
  const [one, two] = [await late(), await late()]
  expect(await rowOf(goods)).toEqual({ onHand: 4, reserved: 1, setAside: 1, left: 1 })
  await pay(one)
  await pay(two)
  expect([await fromAside(one), await fromAside(two)]).toEqual([true, false])
  expect(await rowOf(goods)).toEqual({ onHand: 4, reserved: 3, setAside: 0, left: 0 })
  await settle()
})

test('late money that opens a group on other terms gives nothing back to those', async () => {
  const goods = await keep(9, 4, { size: 2, kind: 'team', lifetimeMinutes: 60, steps: newDraft('team').steps })
  const { groupId } = await openGroup(goods)
  const personId = await shop.person()
  const { orderId } = await shop.order(personId, { kind: 'join', groupId })
  shop.pass(16 * minute)
  await expireOrders(shop.db, shop.now)
  await pay((await shop.order(await shop.person(), { kind: 'join', groupId })).orderId)
  await pay(orderId)
  expect(await fromAside(orderId)).toBe(true)
  const next = await publish(goods, goods.seller, 3, { steps: [{ seats: 1, price: { off: 3000 } }] })
  if (!next.ok) throw new Error(next.reason)
  const choice = { personId, orderId, choice: { kind: 'own-group' }, now: shop.now } as const
  expect(await chooseForLate(shop.db, choice, shop.deps)).toMatchObject({ ok: true })
  expect(await fromAside(orderId)).toBe(false)
  const cancel = { personId, orderId, isPaid: true, now: shop.now }
  expect(await cancelOrder(shop.db, cancel, shop.deps.carrier)).toMatchObject({ ok: true })
  await settle()
  expect(await rowOf({ ...goods, campaignId: next.campaignId })).toMatchObject({ reserved: 0, setAside: 3, left: 3 })
})

test.each([
  ['the feed has fewer than are promised and set aside', 6, { onHand: 6, reserved: 3, setAside: 3, left: 3 }],
  ['the feed has fewer than are promised', 2, { onHand: 3, reserved: 3, setAside: 0, left: 0 }],
  ['the feed has as many', 8, { onHand: 8, reserved: 3, setAside: 5, left: 5 }],
])('%s: what is set aside shrinks, nothing that is promised does', async (_, onHand, expected) => {
  const goods = await keep(10, 6)
  await openGroup(goods)
  for (let times = 0; times < 2; times += 1) expect(reasonOf(await buyAlone(goods))).toBe('ok')
  await load(goods, onHand)
  expect(await rowOf(goods)).toEqual(expected)
  // What came back later is free: nobody set it aside.
  await load(goods, 12)
  expect(await rowOf(goods)).toEqual({ ...expected, onHand: 12 })
})

async function load(goods: Goods, onHand: number): Promise<void> {
  const { slug } = await shop.db.seller.findUniqueOrThrow({ where: { id: goods.sellerId } })
  const { locationId } = goods
  const { externalId } = await shop.db.location.findUniqueOrThrow({ where: { id: locationId } })
  const yml = `<yml_catalog><shop><name>Лавка</name><categories><category id="1">Дом</category></categories>
    <locations><location id="${externalId}" kind="local_warehouse" city-code="44" city="Москва"/></locations>
    <offers><offer id="1" group_id="${slug}"><name>Чайник</name><price>1500</price><categoryId>1</categoryId>
    <weight>0.8</weight><count>${onHand}</count></offer></offers></shop></yml_catalog>`
  const report = await importFeed(shop.db, readFeed([Readable.from([Buffer.from(yml)])]), {
    seller: { slug },
    now: shop.now,
    newToken: () => `token-${slug}-${onHand}`,
  })
  expect(report).toMatchObject({ added: 0, refused: [] })
}

test('stock that falls while people join: nobody is promised what is not there', async () => {
  const goods = await keep(30, 12)
  const { groupId } = await openGroup(goods)
  const people = await shop.people(24)
  const [, ...results] = await Promise.all([
    load(goods, 9),
    ...people.map((personId, at) =>
      shop.buy(personId, at % 2 ? { kind: 'join', groupId } : { kind: 'alone', variantId: goods.variantId }),
    ),
  ])
  const { onHand, reserved } = await rowOf(goods)
  expect(reserved).toBe(1 + count(results, 'ok'))
  expect(onHand).toBe(Math.max(9, reserved))
  await settle()
})

test('more than is free cannot be set aside: the shop is told how many are, and nothing has changed', async () => {
  const goods = await keep(5, 3, { size: 2, kind: 'team', steps: newDraft('team').steps })
  await openGroup(goods)
  const campaigns = () => shop.db.campaign.findMany({ where: { productId: goods.productId }, orderBy: { id: 'asc' } })
  const before = await campaigns()
  // Two are free, and one that the former terms keep and their open group cannot take would be.
  expect(await publish(goods, goods.seller, 4)).toEqual({ ok: false, reason: 'stock', free: 3 })
  expect(await campaigns()).toEqual(before)
  expect(await rowOf(goods)).toEqual({ onHand: 5, reserved: 1, setAside: 2, left: 2 })
  const next = await publish(goods, goods.seller, 3)
  expect(next).toMatchObject({ ok: true })
  expect(await rowOf(goods)).toMatchObject({ reserved: 1, setAside: 4, left: 1 })
})

test('changed terms take over what open groups of the former leave over, and nobody gets it in between', async () => {
  const goods = await keep(6, 4, { size: 2 })
  await openGroup(goods)
  const draftId = (await draftLike(shop.db, goods.campaignId, goods.seller, shop.now)) ?? 0
  const draft = await draftOf(shop.db, draftId, goods.seller, shop.now)
  expect(draft?.terms).toMatchObject({ setAside: 2, replaces: goods.campaignId })
  const people = await shop.people(4)
  const asked = { draftId, personId: goods.seller, version: draft?.version ?? 0 }
  const [published, ...results] = await Promise.all([
    publishDraft(shop.db, asked, shop.now),
    ...people.map((personId) => shop.buy(personId, { kind: 'alone', variantId: goods.variantId })),
  ])
  expect(published).toMatchObject({ ok: true })
  expect(count(results, 'ok')).toBe(2)
  expect(await rowOf(goods)).toEqual({ onHand: 6, reserved: 3, setAside: 3, left: 1 })
  const taken = published.ok ? await campaignOf(shop.db, published.campaignId, goods.seller) : undefined
  expect(taken?.variants.map(({ asideLeft }) => asideLeft)).toEqual([2])
})

const five: Partial<DraftTerms> = { size: 5, kind: 'team', steps: newDraft('team').steps }

/** Only the lifetime is changed, and published in place of what runs. */
async function changeLifetime({ campaignId, seller }: Kept): Promise<Awaited<ReturnType<typeof publishDraft>>> {
  const draftId = (await draftLike(shop.db, campaignId, seller, shop.now)) ?? 0
  const draft = await changeDraft(shop.db, draftId, seller, (terms) => ({ ...terms, lifetimeMinutes: 120 }), shop.now)
  return publishDraft(shop.db, { draftId, personId: seller, version: draft?.version ?? 0 }, shop.now)
}

test('changed terms leave open groups what their free seats need: these fill, and what they leave over is free', async () => {
  const goods = await keep(10, 10, five)
  const { groupId } = await openGroup(goods)
  const next = await changeLifetime(goods)
  if (!next.ok) throw new Error(next.reason)
  expect(await rowOf(goods)).toEqual({ onHand: 10, reserved: 1, setAside: 9, left: 4 })
  const theirs = { ...goods, campaignId: next.campaignId }
  expect(await rowOf(theirs)).toMatchObject({ left: 5 })
  // The new terms sell what is theirs, and nobody sells what the open group was promised.
  await openGroup(theirs)
  const others = await shop.people(6)
  const results = await Promise.all([
    ...others.slice(2).map((personId) => shop.buy(personId, { kind: 'own-group', variantId: goods.variantId })),
    ...others.slice(0, 2).map((personId) => shop.buy(personId, { kind: 'alone', variantId: goods.variantId })),
    freeAside(shop.db, shop.now),
  ])
  expect(results.map((result) => (typeof result === 'number' ? result : reasonOf(result)))).toEqual([
    ...others.slice(2).map(() => 'ok'),
    'out-of-stock',
    'out-of-stock',
    0,
  ])
  expect(await rowOf(goods)).toEqual({ onHand: 10, reserved: 6, setAside: 4, left: 4 })
  const joined = await Promise.all(
    (await shop.people(4)).map((personId) => shop.buy(personId, { kind: 'join', groupId })),
  )
  expect(joined.map(reasonOf)).toEqual(['ok', 'ok', 'ok', 'ok'])
  for (const result of joined) if (result.ok) await pay(result.order.orderId)
  expect(await shop.group(groupId)).toMatchObject({ state: 'formed' })
  expect(await freeAside(shop.db, shop.now)).toBe(1)
  expect(await rowOf(goods)).toMatchObject({ left: 0 })
  await settle()
})

test('terms are changed while people join and buy alone: every seat of the open group still has its unit', async () => {
  const goods = await keep(10, 10, five)
  const { groupId } = await openGroup(goods)
  const people = await shop.people(7)
  const [published, , ...results] = await Promise.all([
    changeLifetime(goods),
    freeAside(shop.db, shop.now),
    ...people.map((personId, at) =>
      shop.buy(personId, at < 3 ? { kind: 'join', groupId } : { kind: 'alone', variantId: goods.variantId }),
    ),
  ])
  expect(published).toMatchObject({ ok: true })
  expect([count(results, 'ok'), count(results, 'out-of-stock')]).toEqual([3, 4])
  expect(await rowOf(goods)).toEqual({ onHand: 10, reserved: 4, setAside: 6, left: 1 })
  expect(await fromAside((await shop.order(await shop.person(), { kind: 'join', groupId })).orderId)).toBe(true)
  await settle()
})

test("a seat that comes free after the end of its terms keeps its units; once no group is open they are anybody's", async () => {
  const goods = await keep(4, 4, { ...five, size: 3, lifetimeMinutes: 60 })
  const { groupId } = await openGroup(goods)
  const [unpaid, second, third] = await shop.people(3)
  await shop.order(unpaid ?? 0, { kind: 'join', groupId })
  await shop.order(second ?? 0, { kind: 'join', groupId })
  // All seats are held: nothing has to be kept but what comes back.
  expect(await endCampaign(shop.db, goods.campaignId, goods.seller, shop.now)).toBe('ended')
  expect(await rowOf(goods)).toEqual({ onHand: 4, reserved: 3, setAside: 0, left: 0 })
  expect(reasonOf(await buyAlone(goods))).toBe('ok')
  shop.pass(16 * minute)
  await Promise.all([expireOrders(shop.db, shop.now), freeAside(shop.db, shop.now), freeAside(shop.db, shop.now)])
  expect(await rowOf(goods)).toEqual({ onHand: 4, reserved: 1, setAside: 2, left: 2 })
  expect(await fromAside((await shop.order(third ?? 0, { kind: 'join', groupId })).orderId)).toBe(true)
  shop.pass(hour)
  await expireOrders(shop.db, shop.now)
  await closeDueGroups(shop.db, shop.now)
  await shop.runJobs()
  expect(await Promise.all([freeAside(shop.db, shop.now), freeAside(shop.db, shop.now)])).toContain(1)
  expect(await rowOf(goods)).toEqual({ onHand: 4, reserved: 0, setAside: 0, left: 0 })
  await settle()
})

test('a group whose leader pays when its terms have ended has what it needs', async () => {
  const goods = await keep(6, 6, { ...five, size: 3, maxUnits: 2 })
  const { orderId, seat } = await shop.order(await shop.person(), { kind: 'own-group', variantId: goods.variantId })
  expect(await endCampaign(shop.db, goods.campaignId, goods.seller, shop.now)).toBe('ended')
  expect(await rowOf(goods)).toEqual({ onHand: 6, reserved: 1, setAside: 4, left: 4 })
  expect([reasonOf(await buyAlone(goods)), reasonOf(await buyAlone(goods))]).toEqual(['ok', 'out-of-stock'])
  await pay(orderId)
  for (const personId of await shop.people(2)) {
    await shop.order(personId, { kind: 'join', groupId: seat?.groupId ?? 0, units: 2 })
  }
  expect(await rowOf(goods)).toEqual({ onHand: 6, reserved: 6, setAside: 0, left: 0 })
})

test('terms that begin later keep their units beside those that run; these end by the clock, and theirs are free', async () => {
  const goods = await keep(10, 4)
  const startsAt = new Date(shop.now.getTime() + hour).toISOString()
  // What runs does not end before, so nothing of its own is free.
  expect(await publish(goods, goods.seller, 7, { startsAt })).toEqual({ ok: false, reason: 'stock', free: 6 })
  const next = await publish(goods, goods.seller, 5, { startsAt })
  if (!next.ok) throw new Error(next.reason)
  expect(await rowOf(goods)).toEqual({ onHand: 10, reserved: 0, setAside: 9, left: 4 })
  // The feed has fewer: what runs keeps what it has for as long as possible.
  await load(goods, 6)
  expect(await rowOf(goods)).toEqual({ onHand: 6, reserved: 0, setAside: 6, left: 4 })
  shop.pass(hour)
  expect(await Promise.all([freeAside(shop.db, shop.now), freeAside(shop.db, shop.now)])).toContain(1)
  expect(await freeAside(shop.db, shop.now)).toBe(0)
  expect(await rowOf(goods)).toEqual({ onHand: 6, reserved: 0, setAside: 2, left: 0 })
  const { orderId } = await openGroup(goods)
  expect(await fromAside(orderId)).toBe(true)
  expect(await rowOf({ ...goods, campaignId: next.campaignId })).toMatchObject({ setAside: 1, left: 1 })
  await settle()
})

test('two who publish at once for one product set no unit aside twice', async () => {
  const goods = await shop.goods({ stock: 6, campaign: false })
  const sellers = [await shop.seller(goods), await shop.seller(goods)]
  const results = await Promise.all(sellers.map((seller) => publish(goods, seller, 5)))
  expect(results.map(({ ok }) => ok)).toEqual([true, true])
  // The later ended the former, and took over what it had.
  expect(await rowOf(goods)).toMatchObject({ onHand: 6, reserved: 0, setAside: 5 })
})

test('units lie where there are enough of them; groups are served from there, the others from where it is fastest', async () => {
  const goods = await shop.goods({ stock: 1, campaign: false })
  const { sellerId, variantId } = goods
  const far = {
    sellerId,
    externalId: 'far',
    kind: 'cross_border',
    title: { ru: 'Склад' },
    cityCode: 137,
    cityName: 'Тула',
  }
  const { id: locationId } = await shop.db.location.create({ data: far })
  await shop.db.stockLevel.create({ data: { variantId, locationId, onHand: 4 } })
  const seller = await shop.seller(goods)
  expect(await publish(goods, seller, 5)).toEqual({ ok: false, reason: 'stock', free: 4 })
  const published = await publish(goods, seller, 4)
  if (!published.ok) throw new Error(published.reason)
  const kept = { ...goods, locationId, campaignId: published.campaignId }
  const { groupId, orderId } = await openGroup(kept)
  expect(await shop.db.reservation.findFirstOrThrow({ where: { orderId } })).toMatchObject({
    locationId,
    fromAside: true,
  })
  const alone = await shop.order(await shop.person(), { kind: 'alone', variantId })
  expect(await shop.db.reservation.findFirstOrThrow({ where: { orderId: alone.orderId } })).toMatchObject({
    locationId: goods.locationId,
    fromAside: false,
  })
  expect(reasonOf(await buyAlone(goods))).toBe('out-of-stock')
  for (let times = 0; times < 3; times += 1) await shop.order(await shop.person(), { kind: 'join', groupId })
  expect(reasonOf(await shop.buy(await shop.person(), { kind: 'join', groupId }))).toBe('out-of-stock')
  expect(await rowOf(kept)).toEqual({ onHand: 4, reserved: 4, setAside: 0, left: 0 })
  await settle()
})

test.each(['before', 'after'])(
  'terms are published just %s a group is sold: neither waits for the other in a circle',
  async (when) => {
    const team = { size: 2, kind: 'team', steps: newDraft('team').steps } as const
    const goods = await keep(20, 10, team)
    const { groupId } = await openGroup(goods)
    await pay((await shop.order(await shop.person(), { kind: 'join', groupId })).orderId)
    let sold: Promise<number> | undefined
    let published: ReturnType<typeof publish> | undefined
    await shop.db.$transaction(async (tx) => {
      await tx.$executeRaw`SELECT 1 FROM stock_level WHERE variant_id = ${goods.variantId} FOR UPDATE`
      if (when === 'before') {
        published = publish(goods, goods.seller, 10, team)
        await shop.waiting(1)
      }
      sold = shop.runJobs()
      await shop.waiting(when === 'before' ? 3 : 2)
      published ??= publish(goods, goods.seller, 10, team)
      await shop.waiting(3)
    })
    expect(await Promise.all([sold, published])).toMatchObject([0, { ok: true }])
    expect(await rowOf(goods)).toMatchObject({ onHand: 18, reserved: 0, setAside: 10 })
    await settle()
  },
)
