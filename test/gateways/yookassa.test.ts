import { afterEach, expect, test } from 'vitest'
import type { NewPayment, PaymentProvider } from '#gateways/payments.ts'
import { createYookassa, isYookassaAddress } from '#gateways/yookassa.ts'
import { startScripted, type Asked, type Scripted, type ScriptedServer } from './scripted-server.ts'

let server: ScriptedServer | undefined
afterEach(async () => server?.close())

async function providerThat(
  answer: (asked: Asked) => Scripted,
  options: { vatCode?: number; timeoutMs?: number } = {},
): Promise<{ provider: PaymentProvider; asked: Asked[] }> {
  server = await startScripted(answer)
  const provider = createYookassa({
    shopId: '100500',
    secretKey: 'test_secret',
    endpoint: `${server.url}/`,
    ...options,
  })
  return { provider, asked: server.asked }
}

const key = '0d2f6c1e-6f0e-4c57-9a55-0b1c0d3b7a11'
const externalId = '2f3b588d-000f-5000-8000-1d6e87c7fbde'

const pending = {
  id: externalId,
  status: 'pending',
  paid: false,
  amount: { value: '1290.50', currency: 'RUB' },
  confirmation: { type: 'redirect', confirmation_url: 'https://yoomoney.ru/checkout/payments/v2/contract?orderId=1' },
  created_at: '2026-11-23T02:14:05.555Z',
  metadata: { paymentId: key },
  refundable: false,
  test: true,
}
const { confirmation: _, ...paid } = pending
const held = { ...paid, status: 'waiting_for_capture', paid: true, expires_at: '2026-11-30T02:20:00.000Z' }
const captured = { ...paid, status: 'succeeded', paid: true, amount: { value: '990.00', currency: 'RUB' } }
const canceled = {
  ...paid,
  status: 'canceled',
  cancellation_details: { party: 'payment_network', reason: 'insufficient_funds' },
}

const newPayment: NewPayment = {
  key,
  method: 'card',
  amount: { amount: 129_050n, currency: 'RUB' },
  twoStage: true,
  description: 'Чайник и доставка',
  returnUrl: 'https://t.me/vmeste_bot',
  receipt: {
    phone: '+7 (900) 123-45-67',
    lines: [
      { title: 'Чайник', quantity: 2, unitAmount: 50_025n, kind: 'goods' },
      { title: 'Доставка', quantity: 1, unitAmount: 29_000n, kind: 'delivery' },
    ],
  },
}

test('a hold is asked for with our key, exact decimals and a receipt', async () => {
  const { provider, asked } = await providerThat(() => ({ json: pending }))
  const result = await provider.create(newPayment)
  expect(result).toEqual({
    ok: true,
    value: {
      externalId,
      state: 'pending',
      amount: { amount: 129_050n, currency: 'RUB' },
      confirmationUrl: pending.confirmation.confirmation_url,
      paymentId: key,
      createdAt: new Date('2026-11-23T02:14:05.555Z'),
    },
  })
  expect(asked).toHaveLength(1)
  expect(asked[0]).toMatchObject({ method: 'POST', path: '/payments' })
  expect(asked[0]?.headers['idempotence-key']).toBe(key)
  expect(asked[0]?.headers.authorization).toBe(`Basic ${Buffer.from('100500:test_secret').toString('base64')}`)
  expect(asked[0]?.body).toEqual({
    amount: { value: '1290.50', currency: 'RUB' },
    payment_method_data: { type: 'bank_card' },
    capture: false,
    confirmation: { type: 'redirect', return_url: 'https://t.me/vmeste_bot' },
    description: 'Чайник и доставка',
    metadata: { paymentId: key },
    receipt: {
      customer: { phone: '79001234567' },
      items: [
        {
          description: 'Чайник',
          quantity: 2,
          amount: { value: '500.25', currency: 'RUB' },
          vat_code: 1,
          payment_subject: 'commodity',
          payment_mode: 'full_prepayment',
        },
        {
          description: 'Доставка',
          quantity: 1,
          amount: { value: '290.00', currency: 'RUB' },
          vat_code: 1,
          payment_subject: 'service',
          payment_mode: 'full_prepayment',
        },
      ],
    },
  })
})

test('a one-stage payment captures at once, with the VAT rate of the shop', async () => {
  const { provider, asked } = await providerThat(() => ({ json: pending }), { vatCode: 11 })
  await provider.create({ ...newPayment, method: 'sbp', twoStage: false })
  expect(asked[0]?.body).toMatchObject({
    payment_method_data: { type: 'sbp' },
    capture: true,
    receipt: { items: [{ vat_code: 11 }, { vat_code: 11 }] },
  })
})

test('a method that is not paid on the page, and a hold where there is none, are defects', async () => {
  const { provider, asked } = await providerThat(() => ({ json: pending }))
  await expect(provider.create({ ...newPayment, method: 'sbp' })).rejects.toThrow('sbp cannot be held')
  await expect(provider.create({ ...newPayment, method: 'invoice' })).rejects.toThrow('takes no invoice')
  await expect(provider.create({ ...newPayment, method: 'on-delivery' })).rejects.toThrow('takes no on-delivery')
  expect(asked).toHaveLength(0)
})

test('a description is cut to 128 characters and never inside an emoji', async () => {
  const { provider, asked } = await providerThat(() => ({ json: pending }))
  await provider.create({ ...newPayment, description: `${'я'.repeat(127)}🫖 и ещё` })
  await provider.create({ ...newPayment, description: 'я'.repeat(300) })
  expect(asked[0]?.body).toMatchObject({ description: 'я'.repeat(127) })
  expect(asked[1]?.body).toMatchObject({ description: 'я'.repeat(128) })
})

test('a receipt that does not sum to the payment is a defect, and nothing is sent', async () => {
  const { provider, asked } = await providerThat(() => ({ json: pending }))
  await expect(provider.create({ ...newPayment, amount: { amount: 129_051n, currency: 'RUB' } })).rejects.toThrow(
    'receipt lines sum to 129050',
  )
  await expect(provider.void(externalId, 'k'.repeat(65))).rejects.toThrow('1..64')
  expect(asked).toHaveLength(0)
})

test('every state of a payment is read in our words', async () => {
  const answers: unknown[] = [held, captured, canceled]
  const { provider } = await providerThat(() => ({ json: answers.shift() }))
  expect(await provider.find(externalId)).toEqual({
    ok: true,
    value: {
      externalId,
      state: 'held',
      amount: { amount: 129_050n, currency: 'RUB' },
      holdUntil: new Date('2026-11-30T02:20:00.000Z'),
      paymentId: key,
      createdAt: new Date('2026-11-23T02:14:05.555Z'),
    },
  })
  expect(await provider.find(externalId)).toMatchObject({
    value: { state: 'captured', captured: { amount: 99_000n, currency: 'RUB' } },
  })
  expect(await provider.find(externalId)).toMatchObject({
    value: { state: 'cancelled', reason: { code: 'insufficient_funds', party: 'payment_network' } },
  })
})

test('a capture in part sends the smaller amount and its receipt with its own key', async () => {
  const { provider, asked } = await providerThat(() => ({ json: captured }))
  const receipt = {
    phone: '79001234567',
    lines: [{ title: 'Чайник', quantity: 1, unitAmount: 99_000n, kind: 'goods' as const }],
  }
  const result = await provider.capture(externalId, { amount: 99_000n, currency: 'RUB' }, 'move-1', receipt)
  expect(result).toMatchObject({ ok: true, value: { state: 'captured', captured: { amount: 99_000n } } })
  expect(asked[0]).toMatchObject({
    method: 'POST',
    path: `/payments/${externalId}/capture`,
    body: { amount: { value: '990.00', currency: 'RUB' }, receipt: { items: [{ amount: { value: '990.00' } }] } },
  })
  expect(asked[0]?.headers['idempotence-key']).toBe('move-1')
})

const badRequest = {
  status: 400,
  json: {
    type: 'error',
    id: 'e',
    code: 'invalid_request',
    description: 'Incorrect payment status',
    parameter: 'status',
  },
}

test('a 400 to a repeated capture or void is checked against the payment itself', async () => {
  const present: { json: unknown } = { json: captured }
  const { provider } = await providerThat(({ method }) => (method === 'POST' ? badRequest : present))
  const amount = { amount: 99_000n, currency: 'RUB' }
  expect(await provider.capture(externalId, amount, 'move-1')).toMatchObject({ ok: true, value: { state: 'captured' } })
  expect(await provider.capture(externalId, { ...amount, amount: 98_000n }, 'move-2')).toEqual({
    ok: false,
    kind: 'refused',
    code: 'invalid_request',
    detail: 'Incorrect payment status; status',
  })
  expect(await provider.void(externalId, 'move-3')).toMatchObject({ ok: false, kind: 'refused' })
  present.json = canceled
  expect(await provider.void(externalId, 'move-4')).toMatchObject({ ok: true, value: { state: 'cancelled' } })
  expect(await provider.capture(externalId, amount, 'move-5')).toMatchObject({ ok: false, kind: 'refused' })
})

test('a 400 to a capture whose payment cannot be looked up is unknown, not refused', async () => {
  const { provider } = await providerThat(({ method }) => (method === 'POST' ? badRequest : { status: 500, json: {} }))
  expect(await provider.capture(externalId, { amount: 1n, currency: 'RUB' }, 'move-1')).toMatchObject({
    kind: 'unknown',
  })
})

test.each<[string, Scripted, object]>([
  [
    'an HTTP 500',
    { status: 500, json: { type: 'error', code: 'internal_server_error', retry_after: 1800 } },
    { kind: 'unknown', detail: 'HTTP 500, internal_server_error' },
  ],
  [
    'a 429',
    { status: 429, json: { type: 'error', code: 'too_many_requests', retry_after: 900 } },
    { kind: 'unknown', retryAfterMs: 900 },
  ],
  ['a 429 of some proxy', { status: 429, text: 'slow down', headers: { 'retry-after': '7' } }, { retryAfterMs: 7000 }],
  [
    'an answer that is still being worked on',
    { status: 202, json: { type: 'processing', retry_after: 500 } },
    { kind: 'unknown', detail: 'HTTP 202' },
  ],
  [
    'garbage instead of JSON',
    { text: '<html>502</html>' },
    { kind: 'unknown', detail: 'unexpected payment: itself invalid_type' },
  ],
  ['JSON of another shape', { json: { ...pending, amount: { value: 1290.5, currency: 'RUB' } } }, { kind: 'unknown' }],
  [
    'an amount that is no decimal',
    { json: { ...pending, amount: { value: '1,290.50', currency: 'RUB' } } },
    { kind: 'unknown' },
  ],
  ['a status that we do not know', { json: { ...pending, status: 'paused' } }, { kind: 'unknown' }],
  [
    'a refusal by somebody else',
    { status: 403, text: '<html>blocked</html>' },
    { kind: 'unknown', detail: 'HTTP 403' },
  ],
  [
    'a key that was used with other data',
    {
      status: 400,
      json: {
        type: 'error',
        code: 'invalid_request',
        description: 'Idempotence key duplicated',
        parameter: 'Idempotence-Key',
      },
    },
    { kind: 'unknown', detail: 'the key is used' },
  ],
  ['a redirect', { status: 302, headers: { location: 'https://example.com/' }, text: '' }, { kind: 'unknown' }],
  ['a dropped connection', 'drop', { kind: 'unknown' }],
  ['no answer in time', 'hang', { kind: 'unknown', detail: 'no answer within 300 ms' }],
])('%s leaves the outcome unknown', async (_name, scripted, expected) => {
  const { provider, asked } = await providerThat(() => scripted, { timeoutMs: 300 })
  expect(await provider.create(newPayment)).toMatchObject({ ok: false, kind: 'unknown', ...expected })
  expect(asked).toHaveLength(1)
})

test('only a pace limit asks every call to wait', async () => {
  const answers = [500, 202, 429].map((status) => ({ status, json: { type: 'error', retry_after: 1800 } }))
  const { provider } = await providerThat(() => answers.shift() ?? 'drop')
  expect(await provider.find(externalId)).not.toHaveProperty('retryAfterMs')
  expect(await provider.find(externalId)).not.toHaveProperty('retryAfterMs')
  expect(await provider.find(externalId)).toMatchObject({ retryAfterMs: 1800 })
})

test('nobody listening leaves the outcome unknown, and the words hold no secret', async () => {
  const { provider } = await providerThat(() => 'drop')
  await server?.close()
  const result = await provider.find(externalId)
  expect(result).toEqual({ ok: false, kind: 'unknown', detail: 'the connection failed (ECONNREFUSED)' })
})

test("a refusal carries the provider's code, and phone numbers in its words are left out", async () => {
  const { provider } = await providerThat(() => ({
    status: 400,
    json: { type: 'error', code: 'invalid_request', description: 'Bad phone +7 900 123-45-67', parameter: 'receipt' },
  }))
  expect(await provider.create(newPayment)).toEqual({
    ok: false,
    kind: 'refused',
    code: 'invalid_request',
    detail: 'Bad phone …; receipt',
  })
})

test.each([401, 403, 404])('a %i in the provider’s own words is a refusal', async (status) => {
  const { provider } = await providerThat(() => ({
    status,
    json: { type: 'error', code: 'not_found', description: 'No' },
  }))
  expect(await provider.find(externalId)).toMatchObject({ ok: false, kind: 'refused', code: 'not_found' })
})

test('a payment is found by our key on a later page, among payments of other programs', async () => {
  const stranger = { id: 5, metadata: { order: 'x' }, strange: true }
  const { provider, asked } = await providerThat(({ query }) => {
    if (query.get('cursor') === 'two') return { json: { type: 'list', items: [stranger, held] } }
    return {
      json: {
        type: 'list',
        items: [stranger, null, { ...held, metadata: { paymentId: 'other' } }],
        next_cursor: 'two',
      },
    }
  })
  const result = await provider.findByKey(key, new Date('2026-11-23T02:00:00.000Z'))
  expect(result).toMatchObject({ ok: true, value: { externalId, state: 'held', paymentId: key } })
  expect(asked).toHaveLength(2)
  expect(asked[0]?.query.get('created_at.gte')).toBe('2026-11-23T01:55:00.000Z')
  expect(asked[1]?.query.get('created_at.gte')).toBe('2026-11-23T01:55:00.000Z')
})

test('a key that nobody used is found to be absent, but only after the whole list', async () => {
  let pages = 3
  const { provider, asked } = await providerThat(() => ({
    json: { type: 'list', items: [], ...(--pages > 0 ? { next_cursor: `c${pages}` } : {}) },
  }))
  expect(await provider.findByKey(key, new Date())).toEqual({ ok: true, value: undefined })
  expect(asked).toHaveLength(3)
})

test('an endless list and a broken page are unknown and never "absent"', async () => {
  const { provider, asked } = await providerThat(() => ({ json: { type: 'list', items: [], next_cursor: 'again' } }))
  expect(await provider.findByKey(key, new Date())).toMatchObject({ ok: false, kind: 'unknown' })
  expect(asked).toHaveLength(50)
  await server?.close()
  const broken = await providerThat(({ query }) =>
    query.has('cursor') ? { status: 500, json: {} } : { json: { type: 'list', items: [], next_cursor: 'two' } },
  )
  expect(await broken.provider.findByKey(key, new Date())).toMatchObject({ ok: false, kind: 'unknown' })
})

const amount990 = { amount: 99_000n, currency: 'RUB' }
const receipt990 = {
  phone: '+7 900 123-45-67',
  lines: [{ title: 'Чайник', quantity: 3, unitAmount: 33_000n, kind: 'goods' as const }],
}
const refunded = {
  id: 'refund-1',
  payment_id: externalId,
  status: 'succeeded',
  created_at: '2026-11-24T02:14:05.555Z',
  amount: { value: '990.00', currency: 'RUB' },
  metadata: { moveId: 'move-7' },
}

test('a refund carries our key twice, the amount and a receipt', async () => {
  const { provider, asked } = await providerThat(() => ({ json: refunded }))
  expect(await provider.refund(externalId, amount990, 'move-7', receipt990)).toEqual({
    ok: true,
    value: {
      externalId: 'refund-1',
      paymentExternalId: externalId,
      state: 'done',
      amount: amount990,
      moveId: 'move-7',
    },
  })
  expect(asked[0]?.headers['idempotence-key']).toBe('move-7')
  expect(asked[0]).toMatchObject({
    method: 'POST',
    path: '/refunds',
    body: {
      payment_id: externalId,
      amount: { value: '990.00', currency: 'RUB' },
      metadata: { moveId: 'move-7' },
      description: 'Refund move-7',
      receipt: {
        customer: { phone: '79001234567' },
        items: [{ quantity: 3, amount: { value: '330.00' }, payment_mode: 'full_prepayment' }],
      },
    },
  })
})

test('every state of a refund is read in our words, and the key from either place', async () => {
  const { metadata: _, ...bare } = refunded
  const answers: unknown[] = [
    { ...refunded, status: 'pending' },
    {
      ...bare,
      status: 'canceled',
      description: 'Refund move-8',
      cancellation_details: { party: 'yoo_money', reason: 'rejected_by_payee' },
    },
    { ...bare, description: 'Refund asked for by phone' },
  ]
  const { provider, asked } = await providerThat(() => ({ json: answers.shift() }))
  expect(await provider.findRefund('refund-1')).toMatchObject({ value: { state: 'pending', moveId: 'move-7' } })
  expect(await provider.findRefund('refund-1')).toMatchObject({
    value: { state: 'failed', reason: 'rejected_by_payee', moveId: 'move-8' },
  })
  const byHand = await provider.findRefund('refund-1')
  expect(byHand).toMatchObject({ value: { state: 'done' } })
  expect(byHand).not.toHaveProperty('value.moveId')
  expect(asked[0]?.path).toBe('/refunds/refund-1')
})

test('a 400 to a repeated refund is checked against the refunds of the payment', async () => {
  const present: { items: unknown[] } = { items: [refunded] }
  const { provider, asked } = await providerThat(({ method }) => (method === 'POST' ? badRequest : { json: present }))
  const again = () => provider.refund(externalId, amount990, 'move-7', receipt990)
  expect(await again()).toMatchObject({ ok: true, value: { externalId: 'refund-1', state: 'done' } })
  expect(asked[1]?.query.get('payment_id')).toBe(externalId)
  present.items = [{ ...refunded, metadata: { moveId: 'another' } }]
  expect(await again()).toMatchObject({ ok: false, kind: 'refused', code: 'invalid_request' })
})

test('a 400 to a refund that cannot be looked up is unknown, not refused', async () => {
  const { provider } = await providerThat(({ method }) => (method === 'POST' ? badRequest : { status: 500, json: {} }))
  expect(await provider.refund(externalId, amount990, 'move-7', receipt990)).toMatchObject({ kind: 'unknown' })
})

test.each<[string, Scripted]>([
  ['an HTTP 500', { status: 500, json: {} }],
  ['a refund of another shape', { json: { ...refunded, payment_id: undefined } }],
  ['an amount that is no decimal', { json: { ...refunded, amount: { value: '9e2', currency: 'RUB' } } }],
  ['a status that we do not know', { json: { ...refunded, status: 'frozen' } }],
  ['a dropped connection', 'drop'],
])('%s leaves a refund unknown', async (_name, scripted) => {
  const { provider } = await providerThat(() => scripted)
  expect(await provider.refund(externalId, amount990, 'move-7', receipt990)).toMatchObject({ kind: 'unknown' })
})

test('wrong sums of a refund or a final receipt are defects, and nothing is sent', async () => {
  const { provider, asked } = await providerThat(() => 'drop')
  const wrong = { amount: 99_001n, currency: 'RUB' }
  await expect(provider.refund(externalId, wrong, 'move-7', receipt990)).rejects.toThrow('lines sum to 99000')
  await expect(provider.sendFinalReceipt(externalId, wrong, 'r', receipt990)).rejects.toThrow('lines sum to 99000')
  await expect(
    provider.refund(externalId, { ...wrong, amount: 0n }, 'k', { ...receipt990, lines: [] }),
  ).rejects.toThrow('more than zero')
  expect(asked).toHaveLength(0)
})

test('the final receipt says that what was prepaid is now handed over', async () => {
  const answers = ['succeeded', 'pending', 'canceled'].map((status) => ({ json: { id: 'rt-1', status } }))
  const { provider, asked } = await providerThat(() => answers.shift() ?? { status: 500, json: {} })
  const send = () => provider.sendFinalReceipt(externalId, amount990, 'receipt-1', receipt990)
  expect(await send()).toEqual({ ok: true, value: 'sent' })
  expect(await send()).toEqual({ ok: true, value: 'sent' })
  expect(await send()).toMatchObject({ ok: false, kind: 'refused', code: 'receipt_canceled' })
  expect(await send()).toMatchObject({ ok: false, kind: 'unknown' })
  expect(asked[0]?.headers['idempotence-key']).toBe('receipt-1')
  expect(asked[0]).toMatchObject({
    path: '/receipts',
    body: {
      type: 'payment',
      payment_id: externalId,
      customer: { phone: '79001234567' },
      items: [{ quantity: 3, payment_mode: 'full_payment' }],
      send: true,
      settlements: [{ type: 'prepayment', amount: { value: '990.00', currency: 'RUB' } }],
    },
  })
})

test('a list goes through every page between two times', async () => {
  const { provider, asked } = await providerThat(({ query }) => {
    if (query.get('cursor') === 'two') return { json: { type: 'list', items: [canceled] } }
    const taken = { ...captured, refunded_amount: { value: '400.00', currency: 'RUB' } }
    return { json: { type: 'list', items: [held, taken], next_cursor: 'two' } }
  })
  const result = await provider.list(new Date('2026-11-23T00:00:00Z'), new Date('2026-11-24T00:00:00Z'))
  expect(result).toMatchObject({
    ok: true,
    value: [
      { state: 'held' },
      { state: 'captured', refunded: { amount: 40_000n, currency: 'RUB' } },
      { state: 'cancelled' },
    ],
  })
  expect(asked.map(({ path, query }) => [path, query.get('created_at.gte'), query.get('created_at.lt')])).toEqual([
    ['/payments', '2026-11-23T00:00:00.000Z', '2026-11-24T00:00:00.000Z'],
    ['/payments', '2026-11-23T00:00:00.000Z', '2026-11-24T00:00:00.000Z'],
  ])
})

test('a list with a gap is no list: one unreadable object or one lost page makes it unknown', async () => {
  const unreadable = await providerThat(() => ({ json: { type: 'list', items: [refunded, { id: 'x' }] } }))
  expect(await unreadable.provider.listRefunds(new Date(0), new Date())).toMatchObject({ ok: false, kind: 'unknown' })
  await server?.close()
  const lost = await providerThat(({ query }) =>
    query.has('cursor') ? 'drop' : { json: { type: 'list', items: [refunded], next_cursor: 'two' } },
  )
  expect(await lost.provider.listRefunds(new Date(0), new Date())).toMatchObject({ ok: false, kind: 'unknown' })
})

test('a refund is found by our key among those of its payment', async () => {
  const { provider, asked } = await providerThat(({ query }) =>
    query.get('cursor') === 'two'
      ? { json: { items: [refunded] } }
      : { json: { items: [{ ...refunded, metadata: { moveId: 'x' } }, null], next_cursor: 'two' } },
  )
  expect(await provider.findRefundByKey(externalId, 'move-7')).toMatchObject({ value: { externalId: 'refund-1' } })
  expect(await provider.findRefundByKey(externalId, 'nobody')).toEqual({ ok: true, value: undefined })
  expect(asked.every(({ path, query }) => path === '/refunds' && query.get('payment_id') === externalId)).toBe(true)
})

test('an id cannot lead a call elsewhere', async () => {
  const { provider, asked } = await providerThat(() => ({ json: held }))
  await provider.find('../refunds?x=1')
  expect(asked[0]?.path).toBe('/payments/..%2Frefunds%3Fx%3D1')
})

test('webhooks hint at the payment, also those of refunds, and everything else at nothing', async () => {
  const { provider } = await providerThat(() => 'drop')
  expect(provider.webhookHint({ type: 'notification', event: 'payment.succeeded', object: captured })).toBe(externalId)
  expect(
    provider.webhookHint({
      event: 'refund.succeeded',
      object: { id: 'refund-1', payment_id: externalId, status: 'x' },
    }),
  ).toBe(externalId)
  expect(provider.webhookHint({ event: 'refund.succeeded', object: { id: 'refund-1' } })).toBeUndefined()
  expect(provider.webhookHint({ event: 'payout.succeeded', object: { id: 'p' } })).toBeUndefined()
  expect(provider.webhookHint({ event: 'payment.succeeded', object: { id: '../../evil' } })).toBeUndefined()
  for (const body of [undefined, null, 'payment.succeeded', [], { event: 'payment.succeeded' }]) {
    expect(provider.webhookHint(body)).toBeUndefined()
  }
})

test.each<[string, boolean]>([
  ['185.71.76.0', true],
  ['185.71.76.31', true],
  ['185.71.76.32', false],
  ['185.71.77.31', true],
  ['185.71.77.32', false],
  ['77.75.153.127', true],
  ['77.75.153.128', false],
  ['77.75.154.128', true],
  ['77.75.154.127', false],
  ['77.75.156.11', true],
  ['77.75.156.12', false],
  ['77.75.156.35', true],
  ['2a02:5180::1', true],
  ['2a02:5180:ffff:ffff:ffff:ffff:ffff:ffff', true],
  ['2a02:5181::1', false],
  ['::ffff:185.71.76.1', true],
  ['::ffff:185.71.78.1', false],
  ['127.0.0.1', false],
  ['185.71.76.1, 8.8.8.8', false],
  ['185.71.76.1%eth0', false],
  ['2a02:5180::1%eth0', true],
  ['', false],
  ['yookassa.ru', false],
])('the address %s is YooKassa’s: %s', (ip, expected) => {
  expect(isYookassaAddress(ip)).toBe(expected)
})
