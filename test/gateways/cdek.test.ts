import { afterEach, expect, test } from 'vitest'
import type { Carrier, NewShipment } from '#gateways/carriers.ts'
import { createCdek } from '#gateways/cdek.ts'
import { startScripted, type Asked, type Scripted, type ScriptedServer } from './scripted-server.ts'

let server: ScriptedServer | undefined
afterEach(async () => server?.close())

let time = 0

/** Tokens are handed out as `token-1`, `token-2`…; the rest is up to the test. `asked` leaves the token calls out. */
async function carrierThat(
  answer: (asked: Asked) => Scripted,
  options: { timeoutMs?: number; token?: (nth: number) => Scripted } = {},
): Promise<{ carrier: Carrier; asked: Asked[]; tokenCalls: () => number }> {
  time = Date.UTC(2026, 10, 23)
  const asked: Asked[] = []
  let tokens = 0
  server = await startScripted((call) => {
    if (call.path === '/oauth/token') {
      tokens++
      return (
        options.token?.(tokens) ?? { json: { access_token: `token-${tokens}`, token_type: 'bearer', expires_in: 3600 } }
      )
    }
    asked.push(call)
    return answer(call)
  })
  const carrier = createCdek({
    clientId: 'client',
    clientSecret: 'secret',
    endpoint: server.url,
    timeoutMs: options.timeoutMs ?? 5000,
    now: () => time,
  })
  return { carrier, asked, tokenCalls: () => tokens }
}

const uuid = '72753031-826d-4ef7-b127-1074f405b269'
const key = '0d2f6c1e-6f0e-4c57-9a55-0b1c0d3b7a11'
const parcel = { weightGrams: 1200, lengthCm: 30, widthCm: 20, heightCm: 10 }
const shipment: NewShipment = {
  key,
  tariffCode: 136,
  fromCityCode: 44,
  pickupPointCode: 'NSK33',
  recipient: { name: 'Анна Иванова', phone: '+79001234567' },
  sender: { name: 'Чайная лавка' },
  parcel,
  lines: [
    {
      sku: 'KETTLE-1',
      title: 'Чайник',
      quantity: 2,
      unitPrice: { amount: 129_050n, currency: 'RUB' },
      weightGrams: 500,
    },
  ],
}

const notFound = {
  status: 400,
  json: {
    requests: [
      {
        request_uuid: 'r',
        type: 'GET',
        state: 'INVALID',
        date_time: '2026-11-23T02:00:00+0000',
        errors: [{ code: 'v2_entity_not_found_im_number', message: 'Entity is not found by im_number' }],
      },
    ],
  },
}
const takenIn = {
  status: 202,
  json: {
    entity: { uuid },
    requests: [{ request_uuid: 'r', type: 'CREATE', state: 'ACCEPTED', date_time: 'x', errors: [] }],
  },
}
const numberTaken = { code: 'error_validate_im_dep_number_has_already_had_integration', message: 'Номер не уникальный' }

function order(entity: object, request: object = { type: 'CREATE', state: 'SUCCESSFUL' }): Scripted {
  return { json: { entity: { uuid, is_return: false, ...entity }, requests: [request], related_entities: [] } }
}

function status(code: string, date_time = '2026-11-23T12:00:00+0700', city?: string): object {
  return { code, name: `text of ${code}`, date_time, ...(city === undefined ? {} : { city }) }
}

const moscow = { city_uuid: 'a', code: 44, full_name: 'Москва, Россия', country_code: 'RU' }

test('cities come without doubles, Russia first, at most as many as asked', async () => {
  const { carrier, asked } = await carrierThat(() => ({
    json: [
      { city_uuid: 'm', code: 9220, full_name: 'Минск, Минская область, Беларусь', country_code: 'BY' },
      moscow,
      { ...moscow, code: 1_198_141 },
      { code: 270, full_name: 'Новосибирск, Новосибирская область, Россия', country_code: 'RU' },
    ],
  }))
  expect(await carrier.findCities(' моск ', 10)).toEqual({
    ok: true,
    value: [
      { code: 44, name: 'Москва', region: 'Россия' },
      { code: 270, name: 'Новосибирск', region: 'Новосибирская область' },
      { code: 9220, name: 'Минск', region: 'Минская область' },
    ],
  })
  expect(asked[0]?.path).toBe('/location/suggest/cities')
  expect(asked[0]?.query.get('name')).toBe('моск')
  expect(await carrier.findCities('моск', 1)).toMatchObject({ value: [{ code: 44 }] })
  expect(await carrier.findCities('  ', 10)).toEqual({ ok: true, value: [] })
  expect(asked).toHaveLength(2)
})

test('the nearest city is found by place, and one far away is none', async () => {
  const answers: Scripted[] = [
    { json: [{ code: 44, city: 'Москва', region: 'Москва', latitude: 55.75, longitude: 37.62 }] },
    { json: { code: 270, city: 'Новосибирск', region: 'Новосибирская область' } },
    { json: [{ code: 270, city: 'Новосибирск', latitude: 55.03, longitude: 82.92 }] },
    { json: [] },
    { json: {} },
    { status: 404, json: { errors: [{ code: 'v2_entity_not_found', message: 'no' }] } },
  ]
  const { carrier, asked } = await carrierThat(() => answers.shift() ?? 'drop')
  expect(await carrier.findCityNear(55.7, 37.5)).toEqual({
    ok: true,
    value: { code: 44, name: 'Москва', region: 'Москва' },
  })
  expect(Object.fromEntries(asked[0]?.query ?? [])).toEqual({ latitude: '55.7', longitude: '37.5' })
  expect(await carrier.findCityNear(55, 83)).toMatchObject({ value: { code: 270 } })
  expect(await carrier.findCityNear(55.7, 37.5)).toEqual({ ok: true, value: undefined })
  expect(await carrier.findCityNear(0, 0)).toEqual({ ok: true, value: undefined })
  expect(await carrier.findCityNear(0, 0)).toEqual({ ok: true, value: undefined })
  expect(await carrier.findCityNear(0, 0)).toEqual({ ok: true, value: undefined })
  expect(await carrier.findCityNear(0, 0)).toMatchObject({ ok: false, kind: 'unknown' })
})

test('pickup points come by code, without lockers and counters that only take in', async () => {
  const point = (code: string, more: object = {}): object => ({
    code,
    name: code,
    type: 'PVZ',
    is_handout: true,
    work_time: 'Пн-Пт 10:00-20:00',
    location: { address: `ул. ${code}`, address_full: 'long', latitude: 55.5, longitude: 82.9, city_code: 270 },
    ...more,
  })
  const { carrier, asked } = await carrierThat(() => ({
    json: [
      point('NSK9'),
      point('NSK3', { type: 'POSTAMAT' }),
      point('NSK1'),
      point('NSK2', { is_handout: false }),
      point('NSK5'),
    ],
  }))
  const nsk = (code: string): object => ({
    code,
    address: `ул. ${code}`,
    hours: 'Пн-Пт 10:00-20:00',
    latitude: 55.5,
    longitude: 82.9,
  })
  expect(await carrier.pickupPoints(270, 2)).toEqual({ ok: true, value: [nsk('NSK1'), nsk('NSK5')] })
  expect(Object.fromEntries(asked[0]?.query ?? [])).toEqual({ city_code: '270', type: 'PVZ', is_handout: 'true' })
})

test('quotes are those to a pickup point, cheapest first, exact to the kopeck', async () => {
  const tariff = (tariff_code: number, delivery_mode: number, delivery_sum: number): object => ({
    tariff_code,
    tariff_name: `Tariff ${tariff_code}`,
    tariff_description: '',
    delivery_mode,
    delivery_sum,
    period_min: 2,
    period_max: 4,
  })
  const { carrier, asked } = await carrierThat(() => ({
    json: {
      tariff_codes: [
        tariff(136, 4, 1234.1),
        tariff(234, 4, 312.400_000_000_000_03),
        tariff(138, 2, 10),
        tariff(368, 7, 5),
        tariff(62, 4, 329),
      ],
    },
  }))
  const quote = (tariffCode: number, amount: bigint): object => ({
    tariffCode,
    title: `Tariff ${tariffCode}`,
    cost: { amount, currency: 'RUB' },
    daysMin: 2,
    daysMax: 4,
  })
  expect(await carrier.quote(44, 270, parcel)).toEqual({
    ok: true,
    value: [quote(234, 31_240n), quote(62, 32_900n), quote(136, 123_410n)],
  })
  expect(asked[0]?.body).toEqual({
    type: 1,
    currency: 1,
    lang: 'rus',
    from_location: { code: 44 },
    to_location: { code: 270 },
    packages: [{ weight: 1200, length: 30, width: 20, height: 10 }],
  })
})

test('where CDEK does not go there is no quote, and what it refuses to calculate is a refusal', async () => {
  const errors = [{ code: 'err_calc', message: 'Too heavy' }]
  const answers: Scripted[] = [{ json: { tariff_codes: [] } }, { json: { errors } }, { status: 400, json: { errors } }]
  const { carrier } = await carrierThat(() => answers.shift() ?? 'drop')
  expect(await carrier.quote(44, 1, parcel)).toEqual({ ok: true, value: [] })
  const refusal = { ok: false, kind: 'refused', code: 'err_calc', detail: 'Too heavy' }
  expect(await carrier.quote(44, 1, parcel)).toEqual(refusal)
  expect(await carrier.quote(44, 1, parcel)).toEqual(refusal)
})

test('a new shipment is looked for by our number, then sent whole, and is being checked', async () => {
  const { carrier, asked } = await carrierThat(({ method }) => (method === 'GET' ? notFound : takenIn))
  expect(await carrier.create(shipment)).toEqual({
    ok: true,
    value: { externalId: uuid, acceptance: 'checking', events: [] },
  })
  expect(asked.map(({ method, path }) => `${method} ${path}`)).toEqual(['GET /orders', 'POST /orders'])
  expect(asked[0]?.query.get('im_number')).toBe(key)
  expect(asked[1]?.body).toEqual({
    type: 1,
    number: key,
    tariff_code: 136,
    from_location: { code: 44 },
    delivery_point: 'NSK33',
    sender: { company: 'Чайная лавка', name: 'Чайная лавка' },
    recipient: { name: 'Анна Иванова', phones: [{ number: '+79001234567' }] },
    packages: [
      {
        number: '1',
        weight: 1200,
        length: 30,
        width: 20,
        height: 10,
        items: [{ name: 'Чайник', ware_key: 'KETTLE-1', payment: { value: 0 }, cost: 1290.5, weight: 500, amount: 2 }],
      },
    ],
  })
})

test('what was not paid yet is collected at the counter: goods by their price, and the delivery', async () => {
  const { carrier, asked } = await carrierThat(({ method }) => (method === 'GET' ? notFound : takenIn))
  await carrier.create({ ...shipment, dueAtDoor: { delivery: { amount: 28_550n, currency: 'RUB' } } })
  expect(asked[1]?.body).toMatchObject({
    delivery_recipient_cost: { value: 285.5 },
    packages: [{ items: [{ payment: { value: 1290.5 }, cost: 1290.5, amount: 2 }] }],
  })
})

test('a shipment that CDEK already has is not sent again', async () => {
  const { carrier, asked } = await carrierThat(() => order({ cdek_number: '1105' }))
  expect(await carrier.create(shipment)).toEqual({
    ok: true,
    value: { externalId: uuid, number: '1105', acceptance: 'accepted', events: [] },
  })
  expect(asked).toHaveLength(1)
})

test('nothing is sent while it is not known whether CDEK has it', async () => {
  const { carrier, asked } = await carrierThat(() => ({ status: 500, json: {} }))
  expect(await carrier.create(shipment)).toEqual({ ok: false, kind: 'unknown', detail: 'HTTP 500' })
  expect(asked.map(({ method }) => method)).toEqual(['GET'])
})

test('a shipment that was refused before may be sent again', async () => {
  const refused = order({}, { type: 'CREATE', state: 'INVALID', errors: [{ code: 'c', message: 'm' }] })
  const { carrier, asked } = await carrierThat(({ method }) => (method === 'GET' ? refused : takenIn))
  expect(await carrier.create(shipment)).toMatchObject({ ok: true, value: { acceptance: 'checking' } })
  expect(asked.map(({ method }) => method)).toEqual(['GET', 'POST'])
})

test.each([
  [
    'at once with a 400',
    { status: 400, json: { requests: [{ type: 'CREATE', state: 'INVALID', errors: [numberTaken] }] } },
  ],
  [
    'inside a 202',
    {
      status: 202,
      json: { entity: { uuid: 'other' }, requests: [{ type: 'CREATE', state: 'INVALID', errors: [numberTaken] }] },
    },
  ],
])('a number that is taken, said %s, means that the shipment exists', async (_name, answer) => {
  const lookups: Scripted[] = [notFound, order({ cdek_number: '1105' })]
  const { carrier } = await carrierThat(({ method }) => (method === 'GET' ? (lookups.shift() ?? notFound) : answer))
  expect(await carrier.create(shipment)).toMatchObject({ ok: true, value: { externalId: uuid, number: '1105' } })
  lookups.push(notFound, notFound)
  expect(await carrier.create(shipment)).toMatchObject({ ok: false, kind: 'unknown' })
  lookups.push(notFound, 'drop')
  expect(await carrier.create(shipment)).toMatchObject({ ok: false, kind: 'unknown' })
})

test('an order refused at once is a refusal in the words of CDEK, without phone numbers', async () => {
  const { carrier } = await carrierThat(({ method }) =>
    method === 'GET'
      ? notFound
      : {
          status: 202,
          json: {
            entity: { uuid },
            requests: [
              {
                type: 'CREATE',
                state: 'INVALID',
                errors: [
                  { code: 'v2_phone', message: 'Bad number +7 (900) 123-45-67' },
                  { code: 'v2_point', message: 'No such point' },
                ],
              },
            ],
          },
        },
  )
  expect(await carrier.create(shipment)).toEqual({
    ok: false,
    kind: 'refused',
    code: 'v2_phone',
    detail: 'Bad number …; No such point',
  })
})

test.each<[string, Scripted]>([
  ['an HTTP 500', { status: 500, json: { errors: [{ code: 'v2_internal_error', message: 'x' }] } }],
  [
    'an internal error under status 400',
    { status: 400, json: { requests: [{ errors: [{ code: 'v2_internal_error', message: 'x' }] }] } },
  ],
  [
    'a twin still at work',
    { status: 400, json: { requests: [{ errors: [{ code: 'v2_similar_request_still_processed', message: 'x' }] }] } },
  ],
  ['a 429', { status: 429, text: '' }],
  ['garbage instead of JSON', { status: 202, text: '<html>' }],
  ['a 400 of somebody else', { status: 400, text: 'bad gateway' }],
  ['an answer without an order', { status: 202, json: { requests: [{ type: 'CREATE', state: 'ACCEPTED' }] } }],
  ['a dropped connection', 'drop'],
  ['no answer in time', 'hang'],
])('%s leaves it unknown whether a shipment was made', async (_name, answer) => {
  const { carrier } = await carrierThat(({ method }) => (method === 'GET' ? notFound : answer), { timeoutMs: 300 })
  expect(await carrier.create(shipment)).toMatchObject({ ok: false, kind: 'unknown' })
})

test('a key that CDEK would not take is a defect', async () => {
  const { carrier, asked } = await carrierThat(() => notFound)
  for (const bad of ['', 'к'.repeat(5), 'x'.repeat(41), 'two words']) {
    await expect(carrier.create({ ...shipment, key: bad })).rejects.toThrow('ASCII')
  }
  expect(asked).toHaveLength(0)
})

test('a shipment goes from checking to accepted with its number and events', async () => {
  const answers: Scripted[] = [
    order({ statuses: [status('ACCEPTED')] }, { type: 'CREATE', state: 'ACCEPTED' }),
    order({
      cdek_number: 1_105_678_901,
      statuses: [
        status('DELIVERED', '2026-11-25T18:30:00+0700', 'Новосибирск'),
        status('ACCEPTED_AT_PICK_UP_POINT', '2026-11-25T09:00:00+0700', 'Новосибирск'),
        status('CREATED'),
        status('ACCEPTED'),
      ],
    }),
    order({}, { type: 'CREATE', state: 'INVALID', errors: [{ code: 'c', message: 'Point is closed' }] }),
  ]
  const { carrier } = await carrierThat(() => answers.shift() ?? 'drop')
  expect(await carrier.find(uuid)).toMatchObject({
    ok: true,
    value: { acceptance: 'checking', events: [{ state: null }] },
  })
  expect(await carrier.find(uuid)).toEqual({
    ok: true,
    value: {
      externalId: uuid,
      number: '1105678901',
      acceptance: 'accepted',
      events: [
        {
          code: 'ACCEPTED',
          text: 'text of ACCEPTED',
          place: '',
          happenedAt: new Date('2026-11-23T05:00:00Z'),
          state: null,
        },
        {
          code: 'CREATED',
          text: 'text of CREATED',
          place: '',
          happenedAt: new Date('2026-11-23T05:00:00Z'),
          state: 'created',
        },
        {
          code: 'ACCEPTED_AT_PICK_UP_POINT',
          text: 'text of ACCEPTED_AT_PICK_UP_POINT',
          place: 'Новосибирск',
          happenedAt: new Date('2026-11-25T02:00:00Z'),
          state: 'ready_for_pickup',
        },
        {
          code: 'DELIVERED',
          text: 'text of DELIVERED',
          place: 'Новосибирск',
          happenedAt: new Date('2026-11-25T11:30:00Z'),
          state: 'delivered',
        },
      ],
    },
  })
  expect(await carrier.find(uuid)).toMatchObject({
    ok: true,
    value: { acceptance: 'refused', refusal: 'Point is closed', events: [] },
  })
  expect(await carrier.find(uuid)).toMatchObject({ ok: false, kind: 'unknown' })
})

test('the loser of two creations with one number leads to the winner, and is never called refused on a guess', async () => {
  const loser = order({ uuid: 'loser', number: key }, { type: 'CREATE', state: 'INVALID', errors: [numberTaken] })
  const answers: Scripted[] = [loser, order({ cdek_number: '1105' }), loser, 'drop', loser, loser]
  const { carrier } = await carrierThat(() => answers.shift() ?? 'hang')
  expect(await carrier.find('loser')).toMatchObject({ ok: true, value: { externalId: uuid, acceptance: 'accepted' } })
  expect(await carrier.find('loser')).toMatchObject({ ok: false, kind: 'unknown' })
  expect(await carrier.find('loser')).toMatchObject({ ok: true, value: { externalId: 'loser', acceptance: 'refused' } })
})

test('statuses of one second keep the order that CDEK lists them in, whichever way round the list is', async () => {
  const newest = [status('SENT_TO_RECIPIENT_CITY'), status('RECEIVED_AT_SHIPMENT_WAREHOUSE'), status('CREATED')]
  const first = status('ACCEPTED', '2026-11-22T12:00:00+0700')
  const answers = [
    order({ statuses: [...newest, first] }),
    order({ statuses: [first, ...newest.toReversed()] }),
    order({ statuses: newest }),
  ]
  const { carrier } = await carrierThat(() => answers.shift() ?? 'drop')
  for (const ids of [['ACCEPTED'], ['ACCEPTED'], []]) {
    const found = await carrier.find(uuid)
    expect(found.ok && found.value.events.map(({ code }) => code)).toEqual([
      ...ids,
      'CREATED',
      'RECEIVED_AT_SHIPMENT_WAREHOUSE',
      'SENT_TO_RECIPIENT_CITY',
    ])
  }
})

test('a later change that CDEK refused does not refuse the shipment', async () => {
  const { carrier } = await carrierThat(() => ({
    json: {
      entity: { uuid, cdek_number: '1105', statuses: [status('CREATED')] },
      requests: [
        { type: 'UPDATE', state: 'INVALID', errors: [{ code: 'v2_internal_error', message: 'x' }] },
        { type: 'CREATE', state: 'SUCCESSFUL' },
      ],
    },
  }))
  expect(await carrier.find(uuid)).toMatchObject({ ok: true, value: { acceptance: 'accepted', number: '1105' } })
})

test.each<[string, boolean, string | null]>([
  ['RECEIVED_AT_SHIPMENT_WAREHOUSE', false, 'accepted'],
  ['READY_TO_SHIP_AT_SENDING_OFFICE', false, 'accepted'],
  ['TAKEN_BY_TRANSPORTER_FROM_SENDER_CITY', false, 'in_transit'],
  ['PASSED_TO_CARRIER_AT_SENDING_OFFICE', false, 'in_transit'],
  ['SENT_TO_TRANSIT_CITY', false, 'in_transit'],
  ['SEND_TO_TRANSIT_OFFICE', false, 'in_transit'],
  ['ACCEPTED_IN_TRANSIT_CITY', false, 'in_transit'],
  ['IN_CUSTOMS_LOCAL', false, 'customs'],
  ['CUSTOMS_COMPLETE', false, 'customs'],
  ['TAKEN_BY_COURIER', false, 'out_for_delivery'],
  ['ACCEPTED_AT_PICK_UP_POINT', false, 'ready_for_pickup'],
  ['ENTERED_TO_WAREHOUSE_ON_DEMAND', false, 'ready_for_pickup'],
  ['POSTOMAT_POSTED', false, 'ready_for_pickup'],
  ['RETURNED_TO_SENDER_CITY_WAREHOUSE', false, 'accepted'],
  ['RETURNED_TO_RECIPIENT_CITY_WAREHOUSE', false, 'attempt_failed'],
  ['DELIVERED', false, 'delivered'],
  ['POSTOMAT_RECEIVED', false, 'delivered'],
  ['NOT_DELIVERED', false, 'returning'],
  ['REMOVED', false, 'cancelled'],
  ['EATEN_BY_A_BEAR', false, null],
  ['toString', false, null],
  ['SENT_TO_SENDER_CITY', true, 'returning'],
  ['DELIVERED', true, 'returned'],
  ['EATEN_BY_A_BEAR', true, null],
])('the status %s (on the way back: %s) is %s, and its text is kept', async (code, is_return, state) => {
  const { carrier } = await carrierThat(() => order({ is_return, statuses: [status(code)] }))
  expect(await carrier.find(uuid)).toMatchObject({
    ok: true,
    value: { events: [{ code, text: `text of ${code}`, state }] },
  })
})

test('a shipment is found by our key, found absent only by the code for it, and otherwise unknown', async () => {
  const answers: Scripted[] = [
    order({ cdek_number: '1105' }),
    notFound,
    { status: 404, text: '<html>' },
    { json: { entity: { uuid, statuses: [status('CREATED', 'yesterday')] } } },
  ]
  const { carrier } = await carrierThat(() => answers.shift() ?? 'drop')
  expect(await carrier.findByKey(key)).toMatchObject({ ok: true, value: { externalId: uuid } })
  expect(await carrier.findByKey(key)).toEqual({ ok: true, value: undefined })
  expect(await carrier.findByKey(key)).toEqual({ ok: false, kind: 'unknown', detail: 'HTTP 404' })
  expect(await carrier.findByKey(key)).toEqual({
    ok: false,
    kind: 'unknown',
    detail: 'unexpected answer: entity.statuses.0.date_time invalid_format',
  })
})

test('parallel calls ask for one token, and a minute before its end for the next one', async () => {
  const { carrier, asked, tokenCalls } = await carrierThat(() => order({}))
  await Promise.all(Array.from({ length: 20 }, () => carrier.find(uuid)))
  expect(tokenCalls()).toBe(1)
  time += (3600 - 61) * 1000
  await carrier.find(uuid)
  expect(tokenCalls()).toBe(1)
  time += 1000
  await Promise.all(Array.from({ length: 20 }, () => carrier.find(uuid)))
  expect(tokenCalls()).toBe(2)
  expect(asked.at(-1)?.headers.authorization).toBe('Bearer token-2')
})

test('the token is asked for with our credentials as a form', async () => {
  const { carrier } = await carrierThat(() => order({}))
  await carrier.find(uuid)
  expect(server?.asked[0]).toMatchObject({
    method: 'POST',
    path: '/oauth/token',
    body: 'grant_type=client_credentials&client_id=client&client_secret=secret',
  })
})

test('a 401 brings one new token for all who got it, and the call is made again', async () => {
  const { carrier, tokenCalls } = await carrierThat(({ headers }) =>
    headers.authorization === 'Bearer token-1' ? { status: 401, json: { error: 'invalid_token' } } : order({}),
  )
  const results = await Promise.all(Array.from({ length: 10 }, () => carrier.find(uuid)))
  expect(results.every(({ ok }) => ok)).toBe(true)
  expect(tokenCalls()).toBe(2)
})

test('a 401 again after a new token is a refusal, without a third try', async () => {
  const { carrier, asked, tokenCalls } = await carrierThat(() => ({ status: 401, text: '' }))
  expect(await carrier.find(uuid)).toMatchObject({ ok: false, kind: 'refused', code: 'unauthorized' })
  expect(asked).toHaveLength(2)
  expect(tokenCalls()).toBe(2)
})

test('without a token nothing is asked, and the next call tries for one again', async () => {
  const { carrier, asked, tokenCalls } = await carrierThat(() => order({}), {
    token: (nth) =>
      nth === 1
        ? { status: 503, text: 'secret-token' }
        : nth === 2
          ? { status: 401, json: { error: 'invalid_client' } }
          : { json: { access_token: 't', expires_in: 3600 } },
  })
  expect(await carrier.find(uuid)).toEqual({ ok: false, kind: 'unknown', detail: 'no token: HTTP 503' })
  expect(await carrier.find(uuid)).toMatchObject({ ok: false, kind: 'refused', code: 'unauthorized' })
  expect(asked).toHaveLength(0)
  expect(await carrier.find(uuid)).toMatchObject({ ok: true })
  expect(tokenCalls()).toBe(3)
})

test('webhooks about order statuses hint at the shipment, others at nothing', async () => {
  const { carrier } = await carrierThat(() => 'drop')
  expect(carrier.webhookHint({ type: 'ORDER_STATUS', uuid, date_time: 'x', attributes: { code: 'DELIVERED' } })).toBe(
    uuid,
  )
  expect(carrier.webhookHint({ type: 'PRINT_FORM', uuid })).toBeUndefined()
  expect(carrier.webhookHint({ type: 'ORDER_STATUS', uuid: '../oauth' })).toBeUndefined()
  for (const body of [undefined, null, 'ORDER_STATUS', []]) expect(carrier.webhookHint(body)).toBeUndefined()
})
