import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import fc from 'fast-check'
import fastify, { type FastifyInstance } from 'fastify'
import { afterAll, afterEach, beforeAll, beforeEach, expect, test, vi } from 'vitest'
import { addYookassa, type Yookassa } from '#sandbox/yookassa.ts'

type Json = Record<string, never> & { [key: string]: Json } & Json[]
type Notification = { type: string; event: string; object: { id: string; status: string } }

const day = 24 * 3_600_000
let now = Date.parse('2026-03-01T10:00:00Z')
let app: FastifyInstance
let yookassa: Yookassa
let url = ''
const published: string[] = []

/** Our shop's side of webhooks; answers with the next planned status, 200 when none is planned. */
let shop: Server
const received: Notification[] = []
let shopAnswers: number[] = []
/** Each test has an address of its own: a webhook that was on its way when the one before ended is not its business. */
const options = { webhookUrl: '' }
let tests = 0

beforeAll(async () => {
  shop = createServer((request, response) => {
    let body = ''
    request.on('data', (chunk: Buffer) => (body += chunk.toString()))
    request.on('end', () => {
      if (!options.webhookUrl.endsWith(request.url ?? '?')) {
        response.writeHead(200).end()
        return
      }
      const status = shopAnswers.shift() ?? 200
      if (status === 200) received.push(JSON.parse(body) as Notification)
      response.writeHead(status).end()
    })
  })
  await new Promise<void>((resolve) => shop.listen(0, '127.0.0.1', resolve))
  app = fastify()
  yookassa = addYookassa(
    app,
    Object.assign(options, {
      baseUrl: () => url,
      publish: (kind: string) => published.push(kind),
      now: () => now,
    }),
  )
  url = await app.listen({ port: 0, host: '127.0.0.1' })
})

beforeEach(() => {
  yookassa.reset()
  const { port } = shop.address() as AddressInfo
  options.webhookUrl = `http://127.0.0.1:${port}/webhooks/yookassa/${(tests += 1)}`
  received.length = 0
  published.length = 0
  shopAnswers = []
  now = Date.parse('2026-03-01T10:00:00Z')
})

afterEach(() => yookassa.reset())

afterAll(async () => {
  yookassa.close()
  await app.close()
  shop.closeAllConnections()
  shop.close()
})

const authorization = `Basic ${Buffer.from('100500:secret').toString('base64')}`
let keys = 0

async function call(
  method: string,
  path: string,
  body?: unknown,
  headers: Record<string, string> = {},
): Promise<{ status: number; body: Json }> {
  const response = await fetch(url + path, {
    method,
    headers: {
      authorization,
      ...(method === 'POST' && { 'idempotence-key': `key-${(keys += 1)}`, 'content-type': 'application/json' }),
      ...headers,
    },
    ...(body !== undefined && { body: typeof body === 'string' ? body : JSON.stringify(body) }),
  })
  return { status: response.status, body: (await response.json()) as Json }
}

const rubles = (value: string): { value: string; currency: string } => ({ value, currency: 'RUB' })
const order = {
  amount: rubles('1290.50'),
  capture: false,
  confirmation: { type: 'redirect', return_url: 'https://t.me/vmeste_bot' },
  description: 'Order 7',
  metadata: { payment_id: '7' },
}

async function create(extra: object = {}, headers: Record<string, string> = {}): Promise<string> {
  const { status, body } = await call('POST', '/yookassa/v3/payments', { ...order, ...extra }, headers)
  expect(status).toBe(200)
  return String(body['id'])
}

const sim = (id: string, body: unknown): ReturnType<typeof call> => call('POST', `/sim/yookassa/${id}`, body)
const fault = (body: unknown): ReturnType<typeof call> => call('POST', '/sim/yookassa/faults', body)

test('a new payment has the shape of the real one', async () => {
  const { body } = await call('POST', '/yookassa/v3/payments', order)
  expect(body).toEqual({
    id: expect.stringMatching(/^[0-9a-f-]{36}$/),
    status: 'pending',
    amount: rubles('1290.50'),
    description: 'Order 7',
    recipient: { account_id: '100500', gateway_id: '2000001' },
    created_at: '2026-03-01T10:00:00.000Z',
    confirmation: {
      type: 'redirect',
      confirmation_url: `${url}/yookassa/pay/${body['id']}`,
      return_url: 'https://t.me/vmeste_bot',
    },
    test: true,
    paid: false,
    refundable: false,
    metadata: { payment_id: '7' },
  })
})

test('calls without credentials are refused', async () => {
  for (const header of ['', 'Basic', 'Basic !!!', `Basic ${btoa(':secret')}`, `Basic ${btoa('100500:')}`]) {
    const { status, body } = await call('GET', '/yookassa/v3/payments', undefined, { authorization: header })
    expect(status).toBe(401)
    expect(body).toMatchObject({ type: 'error', code: 'invalid_credentials' })
  }
})

test('unknown paths and methods are refused in the provider’s shape', async () => {
  expect(await call('GET', '/yookassa/v3/nothing')).toMatchObject({ status: 404, body: { type: 'error' } })
  expect(await call('GET', '/yookassa/v3/payments/unknown')).toMatchObject({ status: 404, body: { code: 'not_found' } })
  expect(await call('DELETE', '/yookassa/v3/payments')).toMatchObject({ status: 405, body: { type: 'error' } })
  expect(await call('GET', '/yookassa/v3/webhooks')).toMatchObject({ status: 403, body: { code: 'forbidden' } })
  expect(await call('GET', '/yookassa/v3/me')).toMatchObject({ status: 200, body: { account_id: '100500' } })
})

test('an idempotence key is needed, and at most 64 characters long', async () => {
  for (const key of ['', 'k'.repeat(65)]) {
    const { status, body } = await call('POST', '/yookassa/v3/payments', order, { 'idempotence-key': key })
    expect([status, body['code']]).toEqual([400, 'invalid_request'])
  }
  expect((await call('GET', '/sim/yookassa/payments')).body['items']).toEqual([])
})

test('the same key gives the same answer for a day, and refuses another request', async () => {
  const headers = { 'idempotence-key': 'k'.repeat(64) }
  const id = await create({}, headers)
  await sim(id, { outcome: 'paid' })
  const again = await call('POST', '/yookassa/v3/payments', order, headers)
  expect(again.body).toMatchObject({ id, status: 'pending' })
  const other = await call('POST', '/yookassa/v3/payments', { ...order, description: 'Order 8' }, headers)
  expect(other.status).toBe(400)
  expect(other.body).toMatchObject({ code: 'invalid_request', description: 'Idempotence key duplicated' })
  now += day
  expect(await create({}, headers)).not.toBe(id)
})

test.each([
  ['an amount of zero', { amount: rubles('0.00') }, 'amount.value'],
  ['three decimals', { amount: rubles('1.005') }, 'amount.value'],
  ['a number for an amount', { amount: { value: 10, currency: 'RUB' } }, 'amount.value'],
  ['a long description', { description: 'x'.repeat(129) }, 'description'],
  ['17 metadata keys', { metadata: Object.fromEntries(Array.from({ length: 17 }, (_, i) => [i, ''])) }, 'metadata'],
  [
    'a script as the way back',
    { confirmation: { type: 'redirect', return_url: 'javascript:1' } },
    'confirmation.return_url',
  ],
  ['a hold by SBP', { payment_method_data: { type: 'sbp' } }, 'capture'],
  ['an unknown method', { payment_method_data: { type: 'gold' } }, 'payment_method_data.type'],
])('%s is refused', async (_name, extra, parameter) => {
  const { status, body } = await call('POST', '/yookassa/v3/payments', { ...order, ...extra })
  expect(status).toBe(400)
  expect(body).toMatchObject({ type: 'error', code: 'invalid_request', parameter })
})

test('a receipt must come to the amount', async () => {
  const receipt = (...items: object[]): object => ({ receipt: { customer: { phone: '79000000000' }, items } })
  await create(receipt(line('400.25', 3), line('89.75', '1.000')))
  const wrong = await call('POST', '/yookassa/v3/payments', { ...order, ...receipt(line('400.25', 3)) })
  expect(wrong).toMatchObject({ status: 400, body: { parameter: 'receipt.items' } })
})

test('a held payment is captured once and for no more than was held', async () => {
  const id = await create()
  expect((await call('POST', `/yookassa/v3/payments/${id}/capture`, {})).status).toBe(400)
  await sim(id, { outcome: 'paid' })
  expect((await call('GET', `/yookassa/v3/payments/${id}`)).body).toMatchObject({
    status: 'waiting_for_capture',
    paid: true,
    expires_at: new Date(now + 7 * day).toISOString(),
    payment_method: { type: 'bank_card', card: { last4: '4477' } },
  })
  const tooMuch = await call('POST', `/yookassa/v3/payments/${id}/capture`, { amount: rubles('1290.51') })
  expect(tooMuch).toMatchObject({ status: 400, body: { parameter: 'amount.value' } })
  expect((await call('POST', `/yookassa/v3/payments/${id}/capture`, '')).body).toMatchObject({
    status: 'succeeded',
    amount: rubles('1290.50'),
  })
  expect((await call('POST', `/yookassa/v3/payments/${id}/capture`, {})).status).toBe(400)
})

test('only a hold can be cancelled', async () => {
  const id = await create()
  expect((await call('POST', `/yookassa/v3/payments/${id}/cancel`, {})).status).toBe(400)
  await sim(id, { outcome: 'paid' })
  expect((await call('POST', `/yookassa/v3/payments/${id}/cancel`, {})).body).toMatchObject({
    status: 'canceled',
    paid: false,
    cancellation_details: { party: 'merchant', reason: 'canceled_by_merchant' },
  })
})

test('refunds never come to more than was captured, even at the same time', async () => {
  const id = await create({ capture: true })
  await sim(id, { outcome: 'paid' })
  const answers = await Promise.all(
    Array.from({ length: 5 }, () => call('POST', '/yookassa/v3/refunds', { payment_id: id, amount: rubles('500.00') })),
  )
  expect(answers.map(({ status }) => status).sort((a, b) => a - b)).toEqual([200, 200, 400, 400, 400])
  expect((await call('GET', `/yookassa/v3/refunds?payment_id=${id}`)).body['items']).toHaveLength(2)
  expect((await call('GET', `/yookassa/v3/payments/${id}`)).body['refunded_amount']).toEqual(rubles('1000.00'))
})

test('a refund can be made to wait and to fail', async () => {
  const id = await create({ capture: true })
  await sim(id, { outcome: 'paid' })
  await fault({ kind: 'refund_pending' })
  const { body } = await call('POST', '/yookassa/v3/refunds', { payment_id: id, amount: order.amount })
  expect(body['status']).toBe('pending')
  await sim(`refunds/${body['id']}`, { outcome: 'canceled', reason: 'rejected_by_payee' })
  expect((await call('GET', `/yookassa/v3/refunds/${body['id']}`)).body).toMatchObject({
    status: 'canceled',
    cancellation_details: { reason: 'rejected_by_payee' },
  })
  expect((await call('POST', '/yookassa/v3/refunds', { payment_id: id, amount: order.amount })).status).toBe(200)
})

test('an unpaid payment runs out after an hour and a hold after seven days', async () => {
  const unpaid = await create()
  const held = await create()
  await sim(held, { outcome: 'paid' })
  now += 3_600_000
  expect((await call('GET', `/yookassa/v3/payments/${unpaid}`)).body).toMatchObject({
    status: 'canceled',
    cancellation_details: { party: 'yoo_money', reason: 'expired_on_confirmation' },
  })
  now += 7 * day - 3_600_001
  expect((await call('GET', `/yookassa/v3/payments/${held}`)).body['status']).toBe('waiting_for_capture')
  now += 1
  expect((await call('POST', `/yookassa/v3/payments/${held}/capture`, {})).status).toBe(400)
  expect((await call('GET', `/yookassa/v3/payments/${held}`)).body).toMatchObject({
    status: 'canceled',
    cancellation_details: { reason: 'expired_on_capture' },
  })
})

test('outcomes without a page: paid, declined, expired, and a conflict afterwards', async () => {
  const paid = await create({ capture: true })
  expect((await sim(paid, { outcome: 'paid' })).body['status']).toBe('succeeded')
  const conflict = await sim(paid, { outcome: 'declined' })
  expect(conflict).toMatchObject({ status: 409, body: { error: expect.any(String) } })
  const declined = await create()
  expect((await sim(declined, { outcome: 'declined' })).body).toMatchObject({
    status: 'canceled',
    cancellation_details: { party: 'payment_network', reason: 'insufficient_funds' },
  })
  const held = await create()
  await sim(held, { outcome: 'paid' })
  expect((await sim(held, { outcome: 'expired' })).body['cancellation_details']).toMatchObject({
    reason: 'expired_on_capture',
  })
  expect((await sim('nobody', { outcome: 'paid' })).status).toBe(404)
  expect((await sim(paid, { outcome: 'stolen' })).status).toBe(400)
  expect((await sim(paid, '{')).status).toBe(400)
})

test('lists go newest first, by time and status, in parts', async () => {
  const ids: string[] = []
  for (let i = 0; i < 7; i += 1) {
    now += 1000
    ids.push(await create())
  }
  await sim(ids[2] ?? '', { outcome: 'paid' })
  const idsOf = (body: Json): unknown[] => (body['items'] ?? []).map(({ id }) => id)
  const first = (await call('GET', '/yookassa/v3/payments?limit=3')).body
  expect(idsOf(first)).toEqual([ids[6], ids[5], ids[4]])
  const second = (await call('GET', `/yookassa/v3/payments?limit=3&cursor=${first['next_cursor']}`)).body
  expect(idsOf(second)).toEqual([ids[3], ids[2], ids[1]])
  const held = await call('GET', '/yookassa/v3/payments?status=waiting_for_capture')
  expect(idsOf(held.body)).toEqual([ids[2]])
  expect(held.body).not.toHaveProperty('next_cursor')
  const from = new Date(now - 2000).toISOString()
  const since = await call(
    'GET',
    `/yookassa/v3/payments?created_at.gte=${from}&created_at.lt=${new Date(now).toISOString()}`,
  )
  expect(idsOf(since.body)).toEqual([ids[5], ids[4]])
  for (const query of ['limit=101', 'limit=0', 'cursor=none', 'status=odd', 'created_at.gte=yesterday']) {
    expect((await call('GET', `/yookassa/v3/payments?${query}`)).status).toBe(400)
  }
})

test('webhooks tell of every step and come again until they are taken', async () => {
  shopAnswers = [500, 503]
  const id = await create()
  await sim(id, { outcome: 'paid' })
  await vi.waitFor(() => expect(received).toHaveLength(1), 5000)
  expect(received[0]).toMatchObject({
    type: 'notification',
    event: 'payment.waiting_for_capture',
    object: { id, status: 'waiting_for_capture', metadata: order.metadata },
  })
  await call('POST', `/yookassa/v3/payments/${id}/capture`, {})
  await vi.waitFor(() => expect(received).toHaveLength(2))
  await call('POST', '/yookassa/v3/refunds', { payment_id: id, amount: rubles('1.00') })
  await vi.waitFor(() => expect(received).toHaveLength(3))
  expect(received.map(({ event }) => event).slice(1)).toEqual(['payment.succeeded', 'refund.succeeded'])
  expect(published).toEqual(['payment', 'payment', 'payment', 'payment', 'refund'])
})

test('webhooks get lost, doubled and overtaken when asked for', async () => {
  await fault({ kind: 'webhook_lost', times: 1 })
  await sim(await create(), { outcome: 'paid' })
  await fault({ kind: 'webhook_doubled', times: 1 })
  const doubled = await create()
  await sim(doubled, { outcome: 'paid' })
  await vi.waitFor(() => expect(received.map(({ object }) => object.id)).toEqual([doubled, doubled]))
  received.length = 0
  await fault({ kind: 'webhook_reordered', times: 1 })
  await sim(await create({ capture: false }), { outcome: 'paid' })
  await call('POST', `/yookassa/v3/payments/${doubled}/capture`, {})
  await vi.waitFor(() => expect(received).toHaveLength(2))
  expect(received.map(({ event }) => event)).toEqual(['payment.succeeded', 'payment.waiting_for_capture'])
})

test('a 500 leaves the caller not knowing: with an effect or without', async () => {
  await fault({ match: 'create', kind: '500_with_effect', times: 1 })
  const headers = { 'idempotence-key': 'unknown-1' }
  expect(await call('POST', '/yookassa/v3/payments', order, headers)).toMatchObject({
    status: 500,
    body: { type: 'error', code: 'internal_server_error' },
  })
  const id = await create({}, headers)
  expect((await call('GET', '/sim/yookassa/payments')).body['items']).toMatchObject([{ id }])

  await fault({ match: 'capture', kind: '500_without_effect', times: 1 })
  await sim(id, { outcome: 'paid' })
  expect((await call('POST', `/yookassa/v3/payments/${id}/capture`, {})).status).toBe(500)
  expect((await call('GET', `/yookassa/v3/payments/${id}`)).body['status']).toBe('waiting_for_capture')
})

test('calls are slowed, refused for pace and cut off, by either spelling', async () => {
  await fault({ method: 'get', error_code: 429, retry_after: 700, times: 1 })
  expect(await call('GET', '/yookassa/v3/payments/x')).toMatchObject({
    status: 429,
    body: { code: 'too_many_requests', retry_after: 700 },
  })
  await fault({ method: '*', drop: true, times: 1 })
  await expect(create()).rejects.toThrow('fetch failed')
  expect((await call('GET', '/sim/yookassa/payments')).body['items']).toHaveLength(1)
  await fault({ match: 'list', kind: 'delay', delay_ms: 120, times: 1 })
  const startedAt = performance.now()
  await call('GET', '/yookassa/v3/payments')
  expect(performance.now() - startedAt).toBeGreaterThan(100)
  for (const body of [{}, { kind: 'flood' }, { match: 'sendMessage', kind: 'delay' }, [], 'x', { drop: 1 }]) {
    expect((await fault(body)).status).toBe(400)
  }
  await fault({ kind: '429' })
  expect((await call('GET', '/yookassa/v3/payments')).status).toBe(429)
  expect((await call('DELETE', '/sim/yookassa/faults')).status).toBe(200)
  expect((await call('GET', '/yookassa/v3/payments')).status).toBe(200)
})

test('the confirmation page shows what is paid, takes the decision and tells it to the page around', async () => {
  const id = await create({ description: '<b>Tea</b> & cake' })
  const page = `${url}/yookassa/pay/${id}`
  const shown = await (await fetch(page)).text()
  expect(shown).toContain('<html lang="ru">')
  expect(shown).toContain('&lt;b&gt;Tea&lt;/b&gt; &amp; cake')
  expect(shown).toMatch(/1\s290,50\s₽/)
  expect(shown).toContain('учебная страница')
  expect(shown).not.toContain('СБП')
  const bySbp = await create({ capture: true, payment_method_data: { type: 'sbp' } })
  expect(await (await fetch(`${url}/yookassa/pay/${bySbp}`)).text()).toContain('Система быстрых платежей (СБП)')
  expect(shown).not.toMatch(/<input|https?:\/\/(?!t\.me)/)
  const english = await (await fetch(page, { headers: { 'accept-language': 'en-GB,ru;q=0.5' } })).text()
  expect(english).toContain('pretend payment page')

  const press = (outcome: string): Promise<Response> =>
    fetch(page, { method: 'POST', body: new URLSearchParams({ outcome }) })
  const done = await press('paid')
  const result = await done.text()
  expect(done.status).toBe(200)
  expect(result).toContain(`postMessage({"type":"yookassa","payment_id":"${id}","outcome":"paid"}, '*')`)
  expect(result).toContain('href="https://t.me/vmeste_bot"')
  expect((await call('GET', `/yookassa/v3/payments/${id}`)).body['status']).toBe('waiting_for_capture')

  const again = await press('declined')
  expect(again.status).toBe(409)
  expect(await again.text()).toContain('уже подтверждён')
  const later = await (await fetch(page)).text()
  expect(later).not.toContain('<form')
  expect(later).toContain('href="https://t.me/vmeste_bot"')
  expect((await press('steal')).status).toBe(400)
  expect((await fetch(`${url}/yookassa/pay/none`)).status).toBe(404)
})

const line = (value: string, quantity: unknown = 1): object => ({
  description: 'Tea',
  amount: rubles(value),
  quantity,
  vat_code: 1,
})
const receiptFor = (value: string): object => ({ customer: { phone: '79000000000' }, items: [line(value)] })

test('where receipts are made, taking or returning a part needs one of its own', async () => {
  const id = await create({ receipt: receiptFor('1290.50') })
  await sim(id, { outcome: 'paid' })
  const capture = (body: object) => call('POST', `/yookassa/v3/payments/${id}/capture`, body)
  const refund = (body: object) => call('POST', '/yookassa/v3/refunds', { payment_id: id, ...body })
  const part = { amount: rubles('1000.00') }
  expect(await capture(part)).toMatchObject({ status: 400, body: { parameter: 'receipt' } })
  expect(await capture({ ...part, receipt: receiptFor('999.00') })).toMatchObject({
    status: 400,
    body: { parameter: 'receipt.items' },
  })
  expect((await capture({ ...part, receipt: receiptFor('1000.00') })).body['status']).toBe('succeeded')
  expect((await refund({ amount: rubles('400.00') })).status).toBe(400)
  expect((await refund({ amount: rubles('400.00'), receipt: receiptFor('400.01') })).status).toBe(400)
  expect((await refund({ amount: rubles('400.00'), receipt: receiptFor('400.00') })).body['status']).toBe('succeeded')
})

test('receipts are taken and found again', async () => {
  const id = await create({ capture: true })
  const request = {
    type: 'payment',
    payment_id: id,
    customer: { phone: '79000000000' },
    items: [{ ...line('645.25', 2), payment_mode: 'full_payment' }],
    settlements: [{ type: 'prepayment', amount: order.amount }],
    send: true,
  }
  const send = (wrong: object = {}) => call('POST', '/yookassa/v3/receipts', { ...request, ...wrong })
  expect(await send()).toMatchObject({ status: 400, body: { parameter: 'payment_id' } })
  await sim(id, { outcome: 'paid' })
  const { body } = await send()
  expect((await call('GET', `/yookassa/v3/receipts/${body['id']}`)).body).toEqual(body)
  expect((await call('GET', `/yookassa/v3/receipts?payment_id=${id}`)).body['items']).toHaveLength(1)
  for (const [parameter, wrong] of Object.entries({
    settlements: { settlements: [{ type: 'prepayment', amount: rubles('1290.49') }] },
    'items.0.payment_mode': { items: [{ ...line('1290.50'), payment_mode: 'gratis' }] },
    payment_id: { payment_id: 'none' },
    refund_id: { type: 'refund' },
    customer: { customer: {} },
    send: { send: false },
  })) {
    expect(await send(wrong)).toMatchObject({ status: 400, body: { parameter } })
  }
  const tooMuch = { items: [line('1290.51')], settlements: [{ type: 'prepayment', amount: rubles('1290.51') }] }
  expect(await send(tooMuch)).toMatchObject({ status: 400, body: { parameter: 'settlements' } })
  expect((await call('GET', '/sim/yookassa/receipts')).body['items']).toHaveLength(1)
})

test('what cannot be refunded is refused: a hold, another currency, more than is left, after too long', async () => {
  const held = await create()
  await sim(held, { outcome: 'paid' })
  const refund = (payment_id: string, amount: object) => call('POST', '/yookassa/v3/refunds', { payment_id, amount })
  expect((await refund(held, rubles('1.00'))).status).toBe(400)
  expect((await refund('nobody', rubles('1.00'))).status).toBe(404)
  const card = await create({ capture: true })
  await sim(card, { outcome: 'paid' })
  expect((await refund(card, { value: '1.00', currency: 'USD' })).body).toMatchObject({ parameter: 'amount.currency' })
  expect((await refund(card, rubles('1290.51'))).body).toMatchObject({ parameter: 'amount.value' })
  const sberPay = await create({ capture: true, payment_method_data: { type: 'sberbank' } })
  await sim(sberPay, { outcome: 'paid' })
  now += 366 * day
  expect((await refund(sberPay, rubles('1.00'))).status).toBe(400)
  expect((await refund(card, rubles('1.00'))).status).toBe(200)
  now += 2 * 365 * day
  expect((await refund(card, rubles('1.00'))).status).toBe(400)
})

test('a waiting refund ends when told to, with one webhook and only if it succeeds', async () => {
  const id = await create({ capture: true })
  await sim(id, { outcome: 'paid' })
  await fault({ kind: 'refund_pending', times: 2 })
  const half = { payment_id: id, amount: rubles('645.25') }
  const first = (await call('POST', '/yookassa/v3/refunds', half)).body
  const second = (await call('POST', '/yookassa/v3/refunds', half)).body
  expect([first['status'], second['status']]).toEqual(['pending', 'pending'])
  expect((await call('POST', '/yookassa/v3/refunds', half)).status).toBe(400)
  expect((await call('GET', `/yookassa/v3/payments/${id}`)).body['refunded_amount']).toEqual(rubles('0.00'))
  await sim(`refunds/${first['id']}`, { outcome: 'canceled' })
  expect((await sim(`refunds/${second['id']}`, { outcome: 'succeeded' })).body['status']).toBe('succeeded')
  expect((await sim(`refunds/${second['id']}`, { outcome: 'canceled' })).status).toBe(409)
  expect((await sim('refunds/none', { outcome: 'canceled' })).status).toBe(404)
  expect((await sim(`refunds/${second['id']}`, { outcome: 'paid' })).status).toBe(400)
  await vi.waitFor(() => expect(received).toHaveLength(2))
  expect(received.map(({ event, object }) => [event, object.id])).toEqual([
    ['payment.succeeded', id],
    ['refund.succeeded', second['id']],
  ])
  expect((await call('GET', `/yookassa/v3/payments/${id}`)).body['refunded_amount']).toEqual(rubles('645.25'))
  expect((await call('GET', '/yookassa/v3/refunds?status=canceled')).body['items']).toMatchObject([{ id: first['id'] }])
})

test('an invoice that was paid in a messenger is a payment in the books, with a webhook', async () => {
  const invoice = { currency: 'RUB', total: 129_050, title: 'Kettle' }
  const charged = yookassa.charge(invoice, 'paid')
  if (!('id' in charged)) throw new Error(charged.problem)
  const { id } = charged
  expect((await call('GET', `/yookassa/v3/payments/${id}`)).body).toMatchObject({
    status: 'succeeded',
    amount: rubles('1290.50'),
    description: 'Kettle',
    refunded_amount: rubles('0.00'),
    metadata: {},
    payment_method: { type: 'bank_card' },
  })
  const declined = yookassa.charge(invoice, 'declined')
  await vi.waitFor(() => expect(received).toHaveLength(2))
  expect(received).toMatchObject([
    { event: 'payment.succeeded', object: { id } },
    { event: 'payment.canceled', object: declined },
  ])
  expect((await call('POST', '/yookassa/v3/refunds', { payment_id: id, amount: rubles('90.50') })).status).toBe(200)
})

test('the receipt inside an invoice must come to its total', () => {
  const charge = (providerData: string) =>
    yookassa.charge({ currency: 'RUB', total: 129_050, title: 'Kettle', providerData }, 'paid')
  expect(charge(JSON.stringify({ receipt: receiptFor('1290.50') }))).toHaveProperty('id')
  expect(charge(JSON.stringify({ receipt: receiptFor('1290.49') }))).toMatchObject({
    problem: expect.stringMatching('do not add up'),
  })
  expect(charge('{')).toHaveProperty('problem')
  expect(charge('{"receipt":{}}')).toHaveProperty('problem')
})

test('no input is answered with a crash', async () => {
  const id = await create()
  const path = fc.constantFrom(
    '/yookassa/v3/payments',
    '/yookassa/v3/refunds',
    '/yookassa/v3/receipts',
    `/yookassa/v3/payments/${id}/capture`,
    `/yookassa/pay/${id}`,
    '/sim/yookassa/faults',
    `/sim/yookassa/${id}`,
    '/sim/yookassa/refunds/x',
  )
  const part = fc.oneof(
    fc.json(),
    fc.string(),
    fc.constant('{"amount":{"value":"1.00","currency":"ZZZ"},"__proto__":{}}'),
  )
  await fc.assert(
    fc.asyncProperty(path, part, fc.constantFrom('application/json', 'text/xml', 'x'), async (path, payload, type) => {
      const response = await app.inject({
        method: 'POST',
        url: path,
        payload,
        headers: { authorization, 'content-type': type, 'idempotence-key': payload.length.toString() },
      })
      expect(response.statusCode).toBeLessThan(500)
    }),
    { numRuns: 300 },
  )
})
