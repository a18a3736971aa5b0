import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { ApiError, Cdek } from 'cdek'
import fc from 'fast-check'
import fastify, { type FastifyInstance } from 'fastify'
import { afterAll, afterEach, beforeAll, beforeEach, expect, test, vi } from 'vitest'
import { addCdek } from '../../src/sandbox/cdek.ts'

type Json = Record<string, never> & { [key: string]: Json } & Json[]
type Webhook = { type: string; uuid: string; attributes: { code: string; cdek_number: string } }

const start = Date.parse('2026-03-01T10:00:00Z')
let now = start
let app: FastifyInstance
let carrier: ReturnType<typeof addCdek>
let url = ''
let client: Cdek
const published: unknown[] = []

let shop: Server
let shopUrl = ''
const received: Webhook[] = []
let shopStatus = 200

/** Its types know only the two real addresses, and take an own number for a number. */
function makeClient(): Cdek {
  const options = { account: 'account', password: 'secret', url_base: `${url}/cdek/v2` }
  return new Cdek(options as unknown as ConstructorParameters<typeof Cdek>[0])
}
const asNumber = (text: string): number => text as unknown as number

beforeAll(async () => {
  shop = createServer((request, response) => {
    let body = ''
    request.on('data', (chunk: Buffer) => (body += chunk.toString()))
    request.on('end', () => {
      received.push(JSON.parse(body) as Webhook)
      response.writeHead(shopStatus).end()
    })
  })
  await new Promise<void>((resolve) => shop.listen(0, '127.0.0.1', resolve))
  shopUrl = `http://127.0.0.1:${(shop.address() as AddressInfo).port}/webhooks/cdek`
  app = fastify()
  carrier = addCdek(app, {
    webhookUrl: shopUrl,
    publish: (kind, data) => published.push([kind, data]),
    now: () => now,
  })
  url = await app.listen({ port: 0, host: '127.0.0.1' })
  client = makeClient()
})

beforeEach(() => {
  carrier.reset()
  now = start
  received.length = 0
  published.length = 0
  shopStatus = 200
})

afterEach(() => carrier.reset())

afterAll(async () => {
  carrier.close()
  await app.close()
  shop.closeAllConnections()
  shop.close()
})

const order = {
  number: 'vm-1',
  tariff_code: 136,
  shipment_point: 'MOS441',
  delivery_point: 'KAZ4241',
  sender: { name: 'Tea shop' },
  recipient: { name: 'Anna', phones: [{ number: '+79000000000' }] },
  packages: [{ number: '1', weight: 800, length: 20, width: 15, height: 10 }],
}

async function call(
  method: string,
  path: string,
  body?: unknown,
  token?: string,
): Promise<{ status: number; body: Json }> {
  const response = await fetch(url + path, {
    method,
    headers: {
      'content-type': 'application/json',
      authorization: `Bearer ${token ?? client.token ?? (await client.refreshToken().then(() => client.token))}`,
    },
    ...(body !== undefined && { body: typeof body === 'string' ? body : JSON.stringify(body) }),
  })
  return { status: response.status, body: (await response.json()) as Json }
}

const move = (number: string, body: unknown): ReturnType<typeof call> => call('POST', `/sim/shipments/${number}`, body)

async function createOrder(extra: object = {}): Promise<string> {
  const { status, body } = await call('POST', '/cdek/v2/orders', { ...order, ...extra })
  expect(status).toBe(202)
  return String(body['entity']?.['uuid'])
}

async function createAccepted(extra: object = {}): Promise<string> {
  const uuid = await createOrder(extra)
  now += 300
  return uuid
}

test('the npm client gets a token, prices, points and an order through', async () => {
  const fresh = makeClient()
  const route = { from_location: { code: 44 }, to_location: { code: 424 }, packages: [{ weight: 1000 }] }
  const { tariff_codes = [] } = await fresh.calculatorByAvaibleTariffs(route)
  expect(tariff_codes.map(({ tariff_code }) => tariff_code)).toContain(136)
  for (const { delivery_sum, period_min, period_max } of tariff_codes) {
    expect(delivery_sum).toBeGreaterThan(0)
    expect(period_min).toBeGreaterThanOrEqual(1)
    expect(period_max).toBeGreaterThanOrEqual(period_min)
  }
  const one = await fresh.calculatorByTariff({ ...route, tariff_code: 136 })
  expect(one.total_sum).toBe(tariff_codes.find(({ tariff_code }) => tariff_code === 136)?.delivery_sum)

  const points = await fresh.getPickupPoints({ city_code: 424, type: 'PVZ' })
  const created = await fresh.addOrder({ ...order, delivery_point: points[0]?.code ?? '' })
  const uuid = created.entity?.uuid ?? ''
  expect((await fresh.getOrderByUUID(uuid)).requests?.[0]?.state).toBe('ACCEPTED')
  now += 300
  const found = await fresh.getOrderByImNumber(asNumber('vm-1'))
  expect(found.requests?.[0]?.state).toBe('SUCCESSFUL')
  expect(found.entity?.cdek_number).toMatch(/^\d{10}$/)
  expect(found.entity?.statuses.map(({ code }) => code)).toEqual(['CREATED', 'ACCEPTED'])
  expect((await fresh.deleteOrderByUUID(uuid)).requests[0]?.type).toBe('DELETE')
  await expect(fresh.getOrderByImNumber(asNumber('nothing'))).rejects.toBeInstanceOf(ApiError)
})

test('calls without a token are refused, and a token lasts an hour and outlives a reset', async () => {
  expect(await call('GET', '/cdek/v2/location/cities', undefined, 'wrong')).toMatchObject({
    status: 401,
    body: { errors: [{ code: 'v2_unauthorized' }] },
  })
  const token = async (form: Record<string, string>): Promise<Response> =>
    fetch(`${url}/cdek/v2/oauth/token`, { method: 'POST', body: new URLSearchParams(form) })
  expect((await token({ grant_type: 'client_credentials', client_id: '', client_secret: 'x' })).status).toBe(401)
  expect((await token({ grant_type: 'password', client_id: 'a', client_secret: 'x' })).status).toBe(400)
  const byQuery = await fetch(`${url}/cdek/v2/oauth/token?grant_type=client_credentials&client_id=a&client_secret=b`, {
    method: 'POST',
  })
  const given = (await byQuery.json()) as { access_token: string; token_type: string; expires_in: number }
  expect(given).toMatchObject({ token_type: 'bearer', expires_in: 3599 })
  carrier.reset()
  expect((await call('GET', '/cdek/v2/location/cities', undefined, given.access_token)).status).toBe(200)
  now += 3_599_000
  expect((await call('GET', '/cdek/v2/location/cities', undefined, given.access_token)).status).toBe(401)
})

test('cities are found by code, name, country and the beginning of a name', async () => {
  const all = await call('GET', '/cdek/v2/location/cities')
  expect(all.body.length).toBeGreaterThan(42)
  const moscow = await call('GET', '/cdek/v2/location/cities?code=44')
  expect(moscow.body).toMatchObject([{ code: 44, city: 'Москва', country_code: 'RU', latitude: expect.any(Number) }])
  const named = await call('GET', `/cdek/v2/location/cities?city=${encodeURIComponent('казань')}`)
  expect(named.body).toMatchObject([{ code: 424 }])
  const abroad = await call('GET', '/cdek/v2/location/cities?country_codes=KZ,BY')
  expect(new Set(abroad.body.map(({ country_code }) => country_code))).toEqual(new Set(['KZ', 'BY']))
  expect((await call('GET', '/cdek/v2/location/cities?size=5&page=1')).body).toEqual(all.body.slice(5, 10))
  const suggested = await call('GET', `/cdek/v2/location/suggest/cities?name=${encodeURIComponent('красн')}`)
  expect(suggested.body.map(({ code }) => code)).toEqual([278, 435])
  expect((await call('GET', '/cdek/v2/location/coordinates?latitude=43&longitude=132')).body).toMatchObject({
    code: 288,
  })
})

test('every city has three to six pickup points that stay the same', async () => {
  const { body } = await call('GET', '/cdek/v2/deliverypoints?city_code=44')
  expect(body.length).toBeGreaterThanOrEqual(3)
  expect(body[0]).toMatchObject({
    code: 'MOS441',
    type: 'PVZ',
    work_time: expect.any(String),
    location: { city_code: 44, address: expect.any(String), address_full: expect.stringContaining('Москва') },
  })
  carrier.reset()
  expect((await call('GET', '/cdek/v2/deliverypoints?city_code=44')).body).toEqual(body)
  const lockers = await call('GET', '/cdek/v2/deliverypoints?city_code=44&type=POSTAMAT')
  expect(lockers.body).toHaveLength(1)
  const everywhere = (await call('GET', '/cdek/v2/deliverypoints')).body
  expect(new Set(everywhere.map(({ code }) => code)).size).toBe(everywhere.length)
  expect((await call('GET', '/cdek/v2/deliverypoints?city_code=999999')).body).toEqual([])
  expect((await call('GET', '/cdek/v2/deliverypoints?city_code=x')).status).toBe(400)
})

test('farther and heavier costs more; unknown cities, tariffs and weights are refused', async () => {
  const price = async (body: object): Promise<{ status: number; body: Json }> =>
    call('POST', '/cdek/v2/calculator/tariff', { tariff_code: 136, from_location: { code: 44 }, ...body })
  const near = await price({ to_location: { code: 414 }, packages: [{ weight: 500 }] })
  const far = await price({ to_location: { city: 'Владивосток' }, packages: [{ weight: 500 }] })
  const heavy = await price({ to_location: { code: 414 }, packages: [{ weight: 500 }, { weight: 5000 }] })
  expect(Number(far.body['delivery_sum'])).toBeGreaterThan(Number(near.body['delivery_sum']))
  expect(Number(far.body['period_min'])).toBeGreaterThan(Number(near.body['period_min']))
  expect(Number(heavy.body['delivery_sum'])).toBeGreaterThan(Number(near.body['delivery_sum']))
  for (const [body, code] of [
    [{ to_location: { code: 1 }, packages: [{ weight: 1 }] }, 'v2_recipient_location_not_recognized'],
    [{ from_location: {}, to_location: { code: 44 }, packages: [{ weight: 1 }] }, 'v2_sender_location_not_recognized'],
    [{ to_location: { code: 137 }, packages: [{ weight: 0 }] }, 'v2_field_is_empty'],
    [{ to_location: { code: 137 }, packages: [{ weight: 1 }], tariff_code: 5 }, 'v2_tariff_code_invalid'],
    [{ to_location: { code: 137 }, packages: [{ weight: 99_000 }] }, 'err_result_service_empty'],
  ] as const) {
    expect(await price(body)).toMatchObject({ status: 400, body: { errors: [{ code }] } })
  }
})

test.each([
  ['no phone', { recipient: { name: 'Anna' } }, 'v2_field_is_empty'],
  ['no name', { recipient: { phones: order.recipient.phones } }, 'v2_field_is_empty'],
  ['an unknown pickup point', { delivery_point: 'NOWHERE1' }, 'delivery_location_is_not_recognized'],
  ['an unknown tariff', { tariff_code: 5 }, 'v2_tariff_code_invalid'],
  ['no weight', { packages: [{ number: '1', weight: 0 }] }, 've_package_weight_too_small'],
])('an order with %s is taken in and found invalid later', async (_name, extra, code) => {
  const uuid = await createOrder(extra)
  expect((await call('GET', `/cdek/v2/orders/${uuid}`)).body['requests']).toMatchObject([{ state: 'ACCEPTED' }])
  now += 300
  const { body } = await call('GET', `/cdek/v2/orders/${uuid}`)
  expect(body['requests']).toMatchObject([{ state: 'INVALID', errors: [{ code }] }])
  expect(body['entity']).not.toHaveProperty('cdek_number')
  expect((await move(uuid, { status: 'DELIVERED' })).status).toBe(409)
})

test('the same number is accepted only once, and finds the accepted order', async () => {
  const first = await createOrder()
  const second = await createOrder()
  now += 300
  expect((await call('GET', `/cdek/v2/orders/${second}`)).body['requests']).toMatchObject([
    { state: 'INVALID', errors: [{ code: 'v2_order_already_exists' }, {}] },
  ])
  expect((await call('GET', '/cdek/v2/orders?im_number=vm-1')).body['entity']).toMatchObject({ uuid: first })
  expect((await call('DELETE', `/cdek/v2/orders/${first}`)).status).toBe(202)
  const third = await createAccepted()
  expect((await call('GET', '/cdek/v2/orders?im_number=vm-1')).body['entity']).toMatchObject({ uuid: third })
})

test('unknown orders are refused as the real one does, with a 400', async () => {
  for (const [path, code] of [
    ['orders?im_number=nothing', 'v2_entity_not_found_im_number'],
    ['orders?cdek_number=1', 'v2_entity_not_found_cdek_number'],
    ['orders/00000000-0000-4000-8000-000000000000', 'v2_entity_not_found'],
    ['orders/not-an-id', 'v2_invalid_format'],
    ['orders', 'v2_parameters_empty'],
  ]) {
    expect(await call('GET', `/cdek/v2/${path}`)).toMatchObject({
      status: 400,
      body: { requests: [{ type: 'GET', state: 'INVALID', errors: [{ code }] }] },
    })
  }
})

test('a parcel is moved by any of its numbers, tells of it once, and keeps its steps in order', async () => {
  shopStatus = 500
  const uuid = await createAccepted()
  const { body } = await call('GET', `/cdek/v2/orders/${uuid}`)
  const number = String(body['entity']?.['cdek_number'])
  await vi.waitFor(() => expect(received.map(({ attributes }) => attributes.code)).toEqual(['CREATED']))
  await move(uuid, { status: 'RECEIVED_AT_SHIPMENT_WAREHOUSE' })
  await move('vm-1', { status: 'SENT_TO_RECIPIENT_CITY' })
  const moved = await move(number, {
    status: 'ACCEPTED_AT_PICK_UP_POINT',
    at: '2026-03-04T12:00:00+03:00',
    place: 'Казань',
  })
  expect(moved.body).toMatchObject({
    carrier: 'cdek',
    number,
    uuid,
    im_number: 'vm-1',
    status: 'ACCEPTED_AT_PICK_UP_POINT',
  })
  const after = await call('GET', `/cdek/v2/orders?cdek_number=${number}`)
  expect(after.body['entity']?.['statuses']).toEqual([
    {
      code: 'ACCEPTED_AT_PICK_UP_POINT',
      name: 'Принят на склад до востребования',
      date_time: '2026-03-04T09:00:00+0000',
      city: 'Казань',
    },
    {
      code: 'SENT_TO_RECIPIENT_CITY',
      name: 'Отправлен в г. получатель',
      date_time: '2026-03-01T10:00:03+0000',
      city: 'Москва',
    },
    {
      code: 'RECEIVED_AT_SHIPMENT_WAREHOUSE',
      name: 'Принят на склад отправителя',
      date_time: '2026-03-01T10:00:02+0000',
      city: 'Москва',
    },
    { code: 'CREATED', name: 'Создан', date_time: '2026-03-01T10:00:01+0000', city: 'Москва' },
    { code: 'ACCEPTED', name: 'Принят', date_time: '2026-03-01T10:00:00+0000', city: '' },
  ])
  await vi.waitFor(() => expect(received).toHaveLength(4))
  expect(received[3]).toMatchObject({
    type: 'ORDER_STATUS',
    uuid,
    date_time: '2026-03-04T09:00:00+0000',
    attributes: {
      is_return: false,
      cdek_number: number,
      code: 'ACCEPTED_AT_PICK_UP_POINT',
      status_code: 'ACCEPTED_AT_PICK_UP_POINT',
      status_date_time: '2026-03-04T09:00:00+0000',
      city_name: 'Казань',
      city_code: '424',
    },
  })
  expect(published).toHaveLength(4)
  expect((await move('nothing', { status: 'DELIVERED' })).status).toBe(404)
  for (const wrong of [{}, { status: '' }, { status: 'DELIVERED', at: 'soon' }, '{', []]) {
    expect((await move(number, wrong)).status).toBe(400)
  }
  expect((await call('GET', '/sim/shipments')).body['items']).toHaveLength(1)
  expect((await call('DELETE', `/cdek/v2/orders/${uuid}`)).status).toBe(400)
})

test('webhooks are subscribed, listed and removed', async () => {
  const { body } = await call('POST', '/cdek/v2/webhooks', { url: `${shopUrl}/second`, type: 'ORDER_STATUS' })
  const uuid = String(body['entity']?.['uuid'])
  const urls = (await call('GET', '/cdek/v2/webhooks')).body.map(({ url }) => url)
  expect(urls).toEqual([shopUrl, `${shopUrl}/second`])
  await createAccepted()
  await vi.waitFor(() => expect(received).toHaveLength(2))
  await call('DELETE', `/cdek/v2/webhooks/${uuid}`)
  expect((await call('GET', '/cdek/v2/webhooks')).body).toHaveLength(1)
  expect((await call('POST', '/cdek/v2/webhooks', { url: 'nowhere' })).status).toBe(400)
})

test('an answer can be lost after the order was taken, and a webhook before it is sent', async () => {
  const fault = (body: unknown): ReturnType<typeof call> => call('POST', '/sim/cdek/faults', body)
  await fault({ match: 'create', kind: 'drop', times: 1 })
  await expect(createOrder()).rejects.toThrow('fetch failed')
  now += 300
  expect((await call('GET', '/cdek/v2/orders?im_number=vm-1')).status).toBe(200)
  await fault({ match: 'create', kind: '500_without_effect', times: 1 })
  expect((await call('POST', '/cdek/v2/orders', { ...order, number: 'vm-2' })).status).toBe(500)
  expect((await call('GET', '/cdek/v2/orders?im_number=vm-2')).status).toBe(400)
  await vi.waitFor(() => expect(received).toHaveLength(1))
  await fault({ kind: 'webhook_lost', times: 1 })
  await move('vm-1', { status: 'TAKEN_BY_COURIER' })
  await move('vm-1', { status: 'DELIVERED' })
  await vi.waitFor(() => expect(received).toHaveLength(2))
  expect(received[1]?.attributes.code).toBe('DELIVERED')
  expect((await fault({ kind: 'theft' })).status).toBe(400)
  expect((await call('DELETE', '/sim/cdek/faults')).status).toBe(200)
})

test('with a pace every parcel walks to the buyer by itself', async () => {
  const paced = fastify()
  let time = start
  const walking = addCdek(paced, { paceSeconds: 5, publish: () => undefined, now: () => time })
  const inject = async (method: 'GET' | 'POST', path: string, payload?: object): Promise<Json> => {
    const { access_token } = (
      await paced.inject({
        method: 'POST',
        url: '/cdek/v2/oauth/token?grant_type=client_credentials&client_id=a&client_secret=b',
      })
    ).json<{ access_token: string }>()
    const headers = { authorization: `Bearer ${access_token}`, 'content-type': 'application/json' }
    return (await paced.inject({ method, url: path, headers, ...(payload && { payload }) })).json<Json>()
  }
  await inject('POST', '/cdek/v2/orders', order)
  const codes = async (): Promise<unknown[]> => {
    time += 2500
    const { entity } = await inject('GET', '/cdek/v2/orders?im_number=vm-1')
    return (entity?.['statuses'] ?? ([] as unknown as Json)).map(({ code }) => code)
  }
  await vi.waitFor(async () => expect((await codes())[0]).toBe('DELIVERED'), { timeout: 10_000, interval: 60 })
  expect((await codes()).toReversed()).toEqual([
    'ACCEPTED',
    'CREATED',
    'RECEIVED_AT_SHIPMENT_WAREHOUSE',
    'SENT_TO_RECIPIENT_CITY',
    'ACCEPTED_IN_RECIPIENT_CITY',
    'ACCEPTED_AT_PICK_UP_POINT',
    'DELIVERED',
  ])
  walking.close()
  await paced.close()
})

test('no input is answered with a crash', async () => {
  const paths = fc.constantFrom(
    '/cdek/v2/oauth/token',
    '/cdek/v2/orders',
    '/cdek/v2/calculator/tariff',
    '/cdek/v2/calculator/tarifflist',
    '/cdek/v2/webhooks',
    '/sim/cdek/faults',
    '/sim/shipments/x',
  )
  const nearly = fc.record(
    {
      recipient: fc.jsonValue(),
      packages: fc.jsonValue(),
      from_location: fc.jsonValue(),
      to_location: fc.oneof(fc.jsonValue(), fc.constant({ code: 44 })),
      tariff_code: fc.jsonValue(),
      delivery_point: fc.jsonValue(),
      number: fc.jsonValue(),
    },
    { requiredKeys: [] },
  )
  const payloads = fc.oneof(
    fc.json(),
    fc.string(),
    nearly.map((body) => JSON.stringify(body)),
  )
  await client.refreshToken()
  await fc.assert(
    fc.asyncProperty(paths, payloads, async (path, payload) => {
      const headers = { authorization: `Bearer ${client.token}`, 'content-type': 'application/json' }
      const response = await app.inject({ method: 'POST', url: path, payload, headers })
      expect(response.statusCode).toBeLessThan(500)
    }),
    { numRuns: 300 },
  )
  now += 300
  const { items } = (await app.inject('/sim/shipments')).json<{ items: { uuid: string }[] }>()
  for (const { uuid } of items) expect((await call('GET', `/cdek/v2/orders/${uuid}`)).status).toBe(200)
  const deep = '{"a":'.repeat(150_000) + '1' + '}'.repeat(150_000)
  expect((await call('POST', '/cdek/v2/orders', deep)).status).toBe(400)
})
