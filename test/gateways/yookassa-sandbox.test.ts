/** The real client against the sandbox's provider: both were written from the same public documents, apart. */
import { randomUUID } from 'node:crypto'
import fastify, { type FastifyInstance } from 'fastify'
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { NewPayment, PaymentProvider, ProviderPayment, ProviderResult } from '#gateways/payments.ts'
import { createYookassa } from '#gateways/yookassa.ts'
import { addYookassa } from '#sandbox/yookassa.ts'

let app: FastifyInstance
let sandbox: ReturnType<typeof addYookassa>
let provider: PaymentProvider
let baseUrl = ''

beforeAll(async () => {
  app = fastify({ forceCloseConnections: true })
  sandbox = addYookassa(app, { baseUrl: () => baseUrl, publish: () => undefined, now: Date.now })
  baseUrl = await app.listen({ host: '127.0.0.1', port: 0 })
  provider = createYookassa({
    shopId: '100500',
    secretKey: 'test',
    endpoint: `${baseUrl}/yookassa/v3`,
    timeoutMs: 5000,
  })
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

function payment(key: string, twoStage = true): NewPayment {
  return {
    key,
    amount: { amount: 129_050n, currency: 'RUB' },
    twoStage,
    description: 'Чайник',
    returnUrl: 'https://t.me/vmeste_bot',
    receipt: {
      phone: '+7 900 123-45-67',
      lines: [
        { title: 'Чайник', quantity: 2, unitAmount: 50_025n, kind: 'goods' },
        { title: 'Доставка', quantity: 1, unitAmount: 29_000n, kind: 'delivery' },
      ],
    },
  }
}

function valueOf<T>(result: ProviderResult<T>): T {
  if (!result.ok) throw new Error(`${result.kind}: ${result.detail}`)
  return result.value
}

async function hold(): Promise<ProviderPayment> {
  const created = valueOf(await provider.create(payment(randomUUID())))
  expect(created.state).toBe('pending')
  expect(created.confirmationUrl).toContain(baseUrl)
  await sim(`/sim/yookassa/${created.externalId}`, { outcome: 'paid' })
  return valueOf(await provider.find(created.externalId))
}

test('a hold is found held until a time, and captured in part', async () => {
  const held = await hold()
  expect(held).toMatchObject({ state: 'held', amount: { amount: 129_050n, currency: 'RUB' } })
  expect(held.holdUntil?.getTime()).toBeGreaterThan(Date.now() + 6 * 24 * 3_600_000)
  const amount = { amount: 99_000n, currency: 'RUB' }
  const receipt = {
    phone: '79001234567',
    lines: [{ title: 'Чайник', quantity: 1, unitAmount: 99_000n, kind: 'goods' as const }],
  }
  const captured = await provider.capture(held.externalId, amount, 'capture-1', receipt)
  expect(valueOf(captured)).toMatchObject({ state: 'captured', captured: amount })
  expect(valueOf(await provider.find(held.externalId))).toMatchObject({ state: 'captured', captured: amount })
  // The key forgotten, the answer lost: still the same capture, and never a second one.
  expect(await provider.capture(held.externalId, amount, 'capture-2', receipt)).toEqual(captured)
  expect(await provider.void(held.externalId, 'void-0')).toMatchObject({ ok: false, kind: 'refused' })
})

test('a hold is given back, once or twice', async () => {
  const held = await hold()
  expect(valueOf(await provider.void(held.externalId, 'void-1'))).toMatchObject({
    state: 'cancelled',
    reason: { code: 'canceled_by_merchant', party: 'merchant' },
  })
  expect(valueOf(await provider.void(held.externalId, 'void-2'))).toMatchObject({ state: 'cancelled' })
  const amount = { amount: 129_050n, currency: 'RUB' }
  expect(await provider.capture(held.externalId, amount, 'capture-3')).toMatchObject({ ok: false, kind: 'refused' })
})

test('a one-stage payment is captured when paid, and a declined one says why', async () => {
  const first = valueOf(await provider.create(payment(randomUUID(), false)))
  await sim(`/sim/yookassa/${first.externalId}`, { outcome: 'paid' })
  expect(valueOf(await provider.find(first.externalId))).toMatchObject({
    state: 'captured',
    captured: { amount: 129_050n, currency: 'RUB' },
  })
  const second = valueOf(await provider.create(payment(randomUUID(), false)))
  await sim(`/sim/yookassa/${second.externalId}`, { outcome: 'declined' })
  expect(valueOf(await provider.find(second.externalId))).toMatchObject({ state: 'cancelled', reason: {} })
})

test('a repeat with the same key after a lost answer makes no second payment', async () => {
  for (const kind of ['drop', '500_with_effect']) {
    const key = randomUUID()
    const since = new Date()
    await sim('/sim/yookassa/faults', { match: 'create', kind, times: 1 })
    expect(await provider.create(payment(key))).toMatchObject({ ok: false, kind: 'unknown' })
    const found = valueOf(await provider.findByKey(key, since))
    expect(found).toMatchObject({ state: 'pending', paymentId: key })
    expect(valueOf(await provider.create(payment(key)))).toMatchObject({ externalId: found?.externalId })
    // Other words under the same key decide nothing about the first payment.
    expect(await provider.create({ ...payment(key), description: 'Другой' })).toMatchObject({ kind: 'unknown' })
  }
})

test('a payment that was never made is not found, and one among hundreds is', async () => {
  const since = new Date()
  expect(await provider.findByKey(randomUUID(), since)).toEqual({ ok: true, value: undefined })
  const key = randomUUID()
  const made = valueOf(await provider.create(payment(key)))
  await Promise.all(Array.from({ length: 230 }, () => provider.create(payment(randomUUID()))))
  expect(valueOf(await provider.findByKey(key, since))).toMatchObject({ externalId: made.externalId })
})

test('a pace limit says how long to wait', async () => {
  await sim('/sim/yookassa/faults', { match: 'get', kind: '429', retry_after: 900, times: 1 })
  expect(await provider.find(randomUUID())).toMatchObject({ ok: false, kind: 'unknown', retryAfterMs: 900 })
  expect(await provider.find(randomUUID())).toMatchObject({ ok: false, kind: 'refused', code: 'not_found' })
})
