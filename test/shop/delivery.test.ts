import { expect, test } from 'vitest'
import {
  createShipment,
  findCities,
  findPickupPoints,
  pollDueShipments,
  refreshShipment,
  shipmentHinted,
} from '#shop/delivery.ts'
import { countRows, hour, minute, useShop } from './support.ts'

const shop = useShop()

/** A bought order whose parcel the carrier has taken in. */
async function parcel() {
  const personId = await shop.person()
  const { variantId } = await shop.goods()
  const { orderId, number } = await shop.order(personId, { kind: 'alone', variantId })
  await shop.pay(orderId)
  await shop.runJobs()
  const row = await shop.db.shipment.findUniqueOrThrow({ where: { orderId } })
  const hint = () => shipmentHinted(shop.db, 'cdek', row.externalId ?? '')
  /** The parcel moves, and the carrier tells us. */
  const move = async (status: string, at?: Date) => {
    const body = { status, ...(at && { at: at.toISOString() }) }
    expect(await shop.act(`/sim/shipments/${row.externalId}`, body)).toBe(200)
    await hint()
    await shop.runJobs()
  }
  return { personId, orderId, number, shipmentId: row.id, externalId: row.externalId, hint, move }
}
const shipment = (id: number) => shop.db.shipment.findUniqueOrThrow({ where: { id }, include: { events: true } })
const clearTold = (personId: number) => shop.db.notification.deleteMany({ where: { personId } })

test('a bought order is handed to the carrier under its own number, once', async () => {
  const { orderId, number, externalId, shipmentId } = await parcel()
  expect(externalId).not.toBeNull()
  const { carrier } = shop.deps
  await Promise.all(Array.from({ length: 5 }, () => createShipment(shop.db, shipmentId, carrier, shop.now)))
  const known = (await shop.parcels()).filter(({ im_number }) => im_number === `V${number}`)
  expect(known).toHaveLength(1)
  expect(await shop.db.shipment.count({ where: { orderId } })).toBe(1)
})

test('a creation whose answer is lost makes one parcel; one that failed is made again', async () => {
  for (const kind of ['drop', '500_with_effect', '500_without_effect']) {
    await shop.act('/sim/cdek/faults', { match: 'create', kind, times: 1 })
    const { number, externalId } = await parcel()
    expect(externalId).not.toBeNull()
    expect((await shop.parcels()).filter(({ im_number }) => im_number === `V${number}`)).toHaveLength(1)
  }
})

test('a carrier that is silent is asked again, not given up', async () => {
  await shop.act('/sim/cdek/faults', { match: '*', kind: '500_without_effect', times: 1000 })
  await shop.clearFaults()
  const personId = await shop.person()
  const { variantId } = await shop.goods()
  const { orderId } = await shop.order(personId, { kind: 'alone', variantId })
  await shop.act('/sim/cdek/faults', { match: '*', kind: '500_without_effect', times: 1000 })
  await shop.pay(orderId)
  expect(await shop.runJobs(3)).toBe(1)
  expect(await shop.stateOf(orderId)).toMatchObject({ order: 'packable', shipment: 'requested' })
  await shop.clearFaults()
  expect(await shop.runJobs()).toBe(0)
  expect((await shop.db.shipment.findUniqueOrThrow({ where: { orderId } })).externalId).not.toBeNull()
})

test('each state reaches the buyer once, whatever is hinted how often', async () => {
  const { personId, orderId, shipmentId, hint, move } = await parcel()
  await clearTold(personId)
  const steps = [
    ['RECEIVED_AT_SHIPMENT_WAREHOUSE', 'accepted', 'handed_over'],
    ['SENT_TO_RECIPIENT_CITY', 'in_transit', 'handed_over'],
    ['ACCEPTED_AT_PICK_UP_POINT', 'ready_for_pickup', 'handed_over'],
    ['DELIVERED', 'delivered', 'delivered'],
  ] as const
  for (const [at, [code, state, order]] of steps.entries()) {
    shop.pass(hour)
    await move(code)
    await Promise.all(Array.from({ length: 10 }, hint))
    await Promise.all(
      Array.from({ length: 10 }, () => refreshShipment(shop.db, shipmentId, shop.deps.carrier, shop.now)),
    )
    await shop.runJobs()
    expect(await shop.stateOf(orderId)).toMatchObject({ order, shipment: state })
    expect(await shop.told(personId)).toEqual({ shipment: at + 1 })
  }
  const { events, nextPollAt, number } = await shipment(shipmentId)
  expect(number).toMatch(/^\d+$/)
  expect(nextPollAt).toBeNull()
  expect(new Set(events.map(({ code, happenedAt }) => `${code} ${happenedAt.toISOString()}`)).size).toBe(events.length)
})

test('states that happened between two looks are all stored, and the last one is told', async () => {
  const { personId, orderId, shipmentId, externalId } = await parcel()
  await clearTold(personId)
  for (const status of ['RECEIVED_AT_SHIPMENT_WAREHOUSE', 'SENT_TO_RECIPIENT_CITY', 'ACCEPTED_AT_PICK_UP_POINT']) {
    shop.pass(hour)
    await shop.act(`/sim/shipments/${externalId}`, { status })
  }
  await refreshShipment(shop.db, shipmentId, shop.deps.carrier, shop.now)
  expect(await shop.stateOf(orderId)).toMatchObject({ order: 'handed_over', shipment: 'ready_for_pickup' })
  expect(await shop.told(personId)).toEqual({ shipment: 1 })
  const { events } = await shipment(shipmentId)
  expect(events.map(({ state }) => state)).toEqual(expect.arrayContaining(['accepted', 'in_transit']) as string[])
})

test('what happened earlier but is told later changes nothing', async () => {
  const { personId, orderId, shipmentId, move } = await parcel()
  shop.pass(10 * hour)
  await move('DELIVERED')
  await clearTold(personId)
  await move('SENT_TO_RECIPIENT_CITY', new Date(shop.now.getTime() - 5 * hour))
  await move('SENT_TO_RECIPIENT_CITY', new Date(shop.now.getTime() + hour))
  expect(await shop.stateOf(orderId)).toMatchObject({ order: 'delivered', shipment: 'delivered' })
  expect(await shop.told(personId)).toEqual({})
  expect((await shipment(shipmentId)).events.filter(({ code }) => code === 'SENT_TO_RECIPIENT_CITY')).toHaveLength(2)
})

test('a parcel that the carrier refuses says why and is not asked after again', async () => {
  const personId = await shop.person()
  await shop.db.recipient.update({ where: { personId }, data: { pickupPointCode: 'NOWHERE1' } })
  const { variantId } = await shop.goods()
  const { orderId } = await shop.order(personId, { kind: 'alone', variantId })
  await shop.pay(orderId)
  await shop.runJobs()
  shop.pass(minute * 2)
  await pollDueShipments(shop.db, shop.now)
  await shop.runJobs()
  const row = await shop.db.shipment.findUniqueOrThrow({ where: { orderId } })
  expect(row).toMatchObject({
    state: 'refused',
    nextPollAt: null,
    error: expect.stringContaining('NOWHERE1') as string,
  })
})

test('parcels whose turn has come are shared by workers, and each is asked after once', async () => {
  const parcels = [await parcel(), await parcel(), await parcel()]
  await pollDueShipments(shop.db, shop.now)
  const jobs = () => shop.db.$queryRaw<{ key: string }[]>`
    SELECT key FROM graphile_worker._private_jobs WHERE key LIKE 'refresh:%'`
  shop.pass(13 * hour)
  await shop.runJobs()
  await Promise.all(Array.from({ length: 4 }, () => pollDueShipments(shop.db, shop.now)))
  const keys = (await jobs()).map(({ key }) => key)
  for (const { shipmentId } of parcels) expect(keys.filter((key) => key === `refresh:${shipmentId}`)).toHaveLength(1)
  // They come again only after a pause, whatever becomes of the jobs.
  await shop.db.$executeRaw`DELETE FROM graphile_worker._private_jobs`
  await pollDueShipments(shop.db, shop.now)
  expect(await jobs()).toEqual([])
  await pollDueShipments(shop.db, shop.pass(11 * minute))
  expect((await jobs()).length).toBeGreaterThanOrEqual(3)
  await shop.runJobs()
})

test('a hint that came before we knew the number it speaks of is made up for within seconds', async () => {
  const { orderId, externalId } = await parcel()
  expect(await shop.stateOf(orderId)).toMatchObject({ shipment: 'requested' })
  await shop.act(`/sim/shipments/${externalId}`, { status: 'RECEIVED_AT_SHIPMENT_WAREHOUSE' })
  // The carrier told us while its answer with the number was still on its way, so that nobody knew it.
  await shipmentHinted(shop.db, 'cdek', 'not-yet-known')
  await pollDueShipments(shop.db, shop.pass(13_000))
  await shop.runJobs()
  expect(await shop.stateOf(orderId)).toMatchObject({ order: 'handed_over', shipment: 'accepted' })
})

test("a parcel that is not ours is nobody's business", async () => {
  const before = await countRows(shop.db)
  await shipmentHinted(shop.db, 'cdek', 'a-stranger')
  await refreshShipment(shop.db, 2_000_000_000, shop.deps.carrier, shop.now)
  await createShipment(shop.db, 2_000_000_000, shop.deps.carrier, shop.now)
  expect(await countRows(shop.db)).toEqual(before)
})

test('cities and pickup points are found by words and by place; a silent carrier is said to be', async () => {
  const { carrier } = shop.deps
  expect(await findCities(carrier, { words: 'казан' })).toMatchObject({ ok: true, value: [{ name: 'Казань' }] })
  expect(await findCities(carrier, { latitude: 55.79, longitude: 49.12 })).toMatchObject({
    ok: true,
    value: [{ name: 'Казань' }],
  })
  expect(await findCities(carrier, { latitude: 0, longitude: 0 })).toEqual({ ok: true, value: [] })
  const points = await findPickupPoints(carrier, 424)
  expect(points.ok && points.value.length).toBeGreaterThan(0)
  await shop.act('/sim/cdek/faults', { match: '*', kind: '500_without_effect', times: 3 })
  expect(await findCities(carrier, { words: 'казан' })).toEqual({ ok: false, reason: 'carrier-silent' })
  expect(await findCities(carrier, { latitude: 55, longitude: 49 })).toEqual({ ok: false, reason: 'carrier-silent' })
  expect(await findPickupPoints(carrier, 424)).toEqual({ ok: false, reason: 'carrier-silent' })
})
