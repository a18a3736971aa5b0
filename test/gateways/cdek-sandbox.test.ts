/** The real client against the sandbox's carrier: both were written from the same public documents, apart. */
import { randomUUID } from 'node:crypto'
import fastify, { type FastifyInstance } from 'fastify'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { foldShipmentState } from '#domain/delivery.ts'
import type { Carrier, CarrierResult, NewShipment } from '#gateways/carriers.ts'
import { createCdek } from '#gateways/cdek.ts'
import { addCdek } from '#sandbox/cdek.ts'

let app: FastifyInstance
let sandbox: ReturnType<typeof addCdek>
let carrier: Carrier
let baseUrl = ''
let time = Date.UTC(2026, 10, 23, 9)

beforeAll(async () => {
  app = fastify({ forceCloseConnections: true })
  sandbox = addCdek(app, { publish: () => undefined, now: () => time })
  baseUrl = await app.listen({ host: '127.0.0.1', port: 0 })
  carrier = createCdek({ clientId: 'id', clientSecret: 'secret', endpoint: `${baseUrl}/cdek/v2`, now: () => time })
})
afterAll(async () => {
  sandbox.close()
  await app.close()
})

async function sim(path: string, body: object): Promise<void> {
  const response = await fetch(baseUrl + path, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(body),
  })
  if (!response.ok) throw new Error(await response.text())
}

function valueOf<T>(result: CarrierResult<T>): T {
  if (!result.ok) throw new Error(`${result.kind}: ${result.detail}`)
  return result.value
}

const parcel = { weightGrams: 1200, lengthCm: 30, widthCm: 20, heightCm: 10 }

async function newShipment(): Promise<NewShipment> {
  const [quote] = valueOf(await carrier.quote(44, 270, parcel))
  const [point] = valueOf(await carrier.pickupPoints(270, 5))
  return {
    key: randomUUID(),
    tariffCode: quote?.tariffCode ?? 0,
    fromCityCode: 44,
    pickupPointCode: point?.code ?? '',
    recipient: { name: 'Анна Иванова', phone: '+79001234567' },
    sender: { name: 'Чайная лавка' },
    parcel,
    lines: [
      { sku: 'K-1', title: 'Чайник', quantity: 1, unitPrice: { amount: 129_050n, currency: 'RUB' }, weightGrams: 900 },
    ],
  }
}

test('cities are found by the beginning of their names and by place', async () => {
  expect(valueOf(await carrier.findCities('новос', 5))).toEqual([
    { code: 270, name: 'Новосибирск', region: 'Новосибирская область' },
  ])
  expect(valueOf(await carrier.findCities('там, где нас нет', 5))).toEqual([])
  expect(valueOf(await carrier.findCityNear(55.1, 82.9))).toMatchObject({ code: 270, name: 'Новосибирск' })
  expect(valueOf(await carrier.findCityNear(0, 0))).toBeUndefined()
})

test('quotes to a pickup point are cheapest first, and the points are in a fixed order', async () => {
  const quotes = valueOf(await carrier.quote(44, 270, parcel))
  expect(quotes.length).toBeGreaterThan(0)
  expect(quotes.map(({ cost }) => cost.amount)).toEqual(
    quotes.map(({ cost }) => cost.amount).sort((a, b) => Number(a - b)),
  )
  const points = valueOf(await carrier.pickupPoints(270, 3))
  expect(points).toHaveLength(3)
  expect(points.map(({ code }) => code)).toEqual(points.map(({ code }) => code).sort())
})

test('a shipment is checked, accepted, moved and delivered', async () => {
  const shipment = await newShipment()
  const made = valueOf(await carrier.create(shipment))
  expect(made).toMatchObject({ acceptance: 'checking' })
  expect(made.number).toBeUndefined()
  time += 1000
  const accepted = valueOf(await carrier.find(made.externalId))
  expect(accepted).toMatchObject({ externalId: made.externalId, acceptance: 'accepted' })
  expect(accepted.number).toMatch(/^\d+$/)
  expect(foldShipmentState(accepted.events)).toBe('created')

  const number = accepted.number ?? ''
  for (const [status, state] of [
    ['RECEIVED_AT_SHIPMENT_WAREHOUSE', 'accepted'],
    ['SENT_TO_RECIPIENT_CITY', 'in_transit'],
    ['SOMETHING_NEW', 'in_transit'],
    ['ACCEPTED_AT_PICK_UP_POINT', 'ready_for_pickup'],
    ['DELIVERED', 'delivered'],
  ] as const) {
    time += 3_600_000
    await sim(`/sim/shipments/${number}`, { status })
    const found = valueOf(await carrier.findByKey(shipment.key))
    expect(foldShipmentState(found?.events ?? [])).toBe(state)
  }
  const { events } = valueOf(await carrier.find(made.externalId))
  expect(events.find(({ code }) => code === 'ACCEPTED_AT_PICK_UP_POINT')).toMatchObject({
    place: 'Новосибирск',
    text: 'Принят на склад до востребования',
  })
})

test('a shipment to a point that does not exist is refused with the reason after the check', async () => {
  const made = valueOf(await carrier.create({ ...(await newShipment()), pickupPointCode: 'NOWHERE1' }))
  time += 1000
  const refused = valueOf(await carrier.find(made.externalId))
  expect(refused).toMatchObject({ acceptance: 'refused', events: [{ state: null }, { state: null }] })
  expect(refused.refusal).toContain('NOWHERE1')
})

test('after a lost answer the shipment is found by our key, and creating it again makes no second one', async () => {
  for (const kind of ['drop', '500_with_effect']) {
    const shipment = await newShipment()
    await sim('/sim/cdek/faults', { match: 'create', kind, times: 1 })
    expect(await carrier.create(shipment)).toMatchObject({ ok: false, kind: 'unknown' })
    const found = valueOf(await carrier.findByKey(shipment.key))
    expect(found).toMatchObject({ acceptance: 'checking' })
    expect(valueOf(await carrier.create(shipment))).toMatchObject({ externalId: found?.externalId })
    time += 1000
    expect(valueOf(await carrier.create(shipment))).toMatchObject({
      externalId: found?.externalId,
      acceptance: 'accepted',
    })
  }
  expect(valueOf(await carrier.findByKey(randomUUID()))).toBeUndefined()
})

test('two workers that create the same shipment at once end with one', async () => {
  const shipment = await newShipment()
  const made = await Promise.all([carrier.create(shipment), carrier.create(shipment)])
  time += 1000
  const found = await Promise.all(made.map((result) => carrier.find(valueOf(result).externalId)))
  expect(new Set(found.map((result) => valueOf(result).externalId)).size).toBe(1)
  expect(found).toMatchObject([{ value: { acceptance: 'accepted' } }, { value: { acceptance: 'accepted' } }])
})

test('a token outlived its hour is replaced without anybody noticing', async () => {
  await carrier.quote(44, 270, parcel)
  time += 2 * 3_600_000
  expect(await carrier.quote(44, 270, parcel)).toMatchObject({ ok: true })
})

test('a webhook of the sandbox hints at its shipment', async () => {
  const shipment = await newShipment()
  const { externalId } = valueOf(await carrier.create(shipment))
  expect(carrier.webhookHint({ type: 'ORDER_STATUS', date_time: 'x', uuid: externalId, attributes: {} })).toBe(
    externalId,
  )
})
