/** The real client against the sandbox's provider: both were written from the same public documents, apart. */
import { randomUUID } from 'node:crypto'
import fastify, { type FastifyInstance } from 'fastify'
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { NewPayment, PaymentProvider, ProviderPayment, ProviderResult, Receipt } from '#gateways/payments.ts'
import { createTelegramPayments } from '#gateways/telegram-payments.ts'
import { createYookassa } from '#gateways/yookassa.ts'
import { addYookassa, type Yookassa } from '#sandbox/yookassa.ts'

let app: FastifyInstance
let sandbox: Yookassa
let provider: PaymentProvider
let baseUrl = ''
/** How far the provider's clock is ahead of ours. */
let clock = 0

beforeAll(async () => {
  app = fastify({ forceCloseConnections: true })
  sandbox = addYookassa(app, { baseUrl: () => baseUrl, publish: () => undefined, now: () => Date.now() + clock })
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
    method: twoStage ? 'card' : 'sbp',
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

const rubles = (amount: bigint) => ({ amount, currency: 'RUB' })
const receiptFor = (amount: bigint): Receipt => ({
  phone: '79001234567',
  lines: [{ title: 'Чайник', quantity: 1, unitAmount: amount, kind: 'goods' }],
})

async function charge(): Promise<ProviderPayment> {
  const created = valueOf(await provider.create(payment(randomUUID(), false)))
  await sim(`/sim/yookassa/${created.externalId}`, { outcome: 'paid' })
  return created
}

test('money goes back in parts and never more than was taken', async () => {
  const { externalId } = await charge()
  const refund = (amount: bigint) => provider.refund(externalId, rubles(amount), randomUUID(), receiptFor(amount))
  const first = valueOf(await refund(29_050n))
  expect(first).toMatchObject({ state: 'done', paymentExternalId: externalId, amount: rubles(29_050n) })
  expect(valueOf(await provider.findRefund(first.externalId))).toEqual(first)
  expect(await refund(100_001n)).toMatchObject({ ok: false, kind: 'refused', code: 'invalid_request' })
  expect(valueOf(await refund(100_000n))).toMatchObject({ state: 'done' })
  expect(await refund(1n)).toMatchObject({ ok: false, kind: 'refused' })
  expect(valueOf(await provider.find(externalId))).toMatchObject({
    captured: rubles(129_050n),
    refunded: rubles(129_050n),
  })
})

test('a hold and an unknown payment cannot be refunded', async () => {
  const { externalId } = await hold()
  const receipt = receiptFor(100n)
  expect(await provider.refund(externalId, rubles(100n), 'r-hold', receipt)).toMatchObject({ kind: 'refused' })
  expect(await provider.refund(randomUUID(), rubles(100n), 'r-none', receipt)).toMatchObject({ code: 'not_found' })
})

test('a refund waits, then succeeds or fails with a reason', async () => {
  const { externalId } = await charge()
  await sim('/sim/yookassa/faults', { kind: 'refund_pending', times: 2 })
  const refund = (key: string) => provider.refund(externalId, rubles(100n), key, receiptFor(100n))
  const waiting = valueOf(await refund(randomUUID()))
  const failing = valueOf(await refund(randomUUID()))
  expect([waiting.state, failing.state]).toEqual(['pending', 'pending'])
  await sim(`/sim/yookassa/refunds/${waiting.externalId}`, { outcome: 'succeeded' })
  await sim(`/sim/yookassa/refunds/${failing.externalId}`, { outcome: 'canceled', reason: 'rejected_by_payee' })
  expect(valueOf(await provider.findRefund(waiting.externalId))).toMatchObject({ state: 'done' })
  expect(valueOf(await provider.findRefund(failing.externalId))).toMatchObject({
    state: 'failed',
    reason: 'rejected_by_payee',
  })
  expect(valueOf(await provider.find(externalId))).toMatchObject({ refunded: rubles(100n) })
})

test.each(['drop', '500_with_effect'])('a refund after %s is found by its key and never made twice', async (kind) => {
  const { externalId } = await charge()
  const key = randomUUID()
  await sim('/sim/yookassa/faults', { match: 'refund', kind, times: 1 })
  const refund = (again: string) => provider.refund(externalId, rubles(129_050n), again, receiptFor(129_050n))
  expect(await refund(key)).toMatchObject({ ok: false, kind: 'unknown' })
  const found = valueOf(await provider.findRefundByKey(externalId, key))
  expect(found).toMatchObject({ state: 'done', moveId: key, amount: rubles(129_050n) })
  expect(valueOf(await refund(key))).toMatchObject({ externalId: found?.externalId })
  expect(await refund(randomUUID())).toMatchObject({ ok: false, kind: 'refused' })
  expect(valueOf(await provider.findRefundByKey(externalId, randomUUID()))).toBeUndefined()
})

test('a refund whose key was forgotten is still recognised as made', async () => {
  const { externalId } = await charge()
  const key = randomUUID()
  const refund = () => provider.refund(externalId, rubles(129_050n), key, receiptFor(129_050n))
  const made = valueOf(await refund())
  clock += 25 * 3_600_000
  expect(valueOf(await refund())).toEqual(made)
  clock = 0
})

test.each(['500_without_effect', '429'])('a refund after %s was not made', async (kind) => {
  const { externalId } = await charge()
  const key = randomUUID()
  await sim('/sim/yookassa/faults', { match: 'refund', kind, times: 1 })
  expect(await provider.refund(externalId, rubles(100n), key, receiptFor(100n))).toMatchObject({ kind: 'unknown' })
  expect(valueOf(await provider.findRefundByKey(externalId, key))).toBeUndefined()
  expect(valueOf(await provider.refund(externalId, rubles(100n), key, receiptFor(100n))).state).toBe('done')
})

test('the final receipt is accepted once the money was taken, and for no more than that', async () => {
  const { externalId } = await charge()
  const send = (amount: bigint, key: string) =>
    provider.sendFinalReceipt(externalId, rubles(amount), key, receiptFor(amount))
  expect(await send(129_050n, `final-${externalId}`)).toEqual({ ok: true, value: 'sent' })
  expect(await send(129_050n, `final-${externalId}`)).toEqual({ ok: true, value: 'sent' })
  expect(await send(129_051n, randomUUID())).toMatchObject({ ok: false, kind: 'refused' })
  const held = await hold()
  const receipt = receiptFor(100n)
  expect(await provider.sendFinalReceipt(held.externalId, rubles(100n), 'early', receipt)).toMatchObject({
    kind: 'refused',
  })
  const { items } = (await (await fetch(`${baseUrl}/sim/yookassa/receipts`)).json()) as { items: object[] }
  expect(items.filter((one) => 'payment_id' in one && one.payment_id === externalId)).toHaveLength(1)
})

test('lists are whole, however many pages, and end where they are told to', async () => {
  clock = 10 * 24 * 3_600_000
  const since = new Date(Date.now() + clock)
  const made = await Promise.all(Array.from({ length: 230 }, charge))
  const refunds = await Promise.all(
    made.slice(0, 120).map(({ externalId }) => provider.refund(externalId, rubles(1n), randomUUID(), receiptFor(1n))),
  )
  clock += 3_600_000
  const until = new Date(Date.now() + clock - 60_000)
  await charge()
  const listed = valueOf(await provider.list(since, until))
  expect(new Set(listed.map(({ externalId }) => externalId))).toEqual(new Set(made.map(({ externalId }) => externalId)))
  expect(listed).toHaveLength(230)
  const taken = listed.reduce((sum, { captured }) => sum + (captured?.amount ?? 0n), 0n)
  expect(taken).toBe(230n * 129_050n)
  expect(listed.reduce((sum, { refunded }) => sum + (refunded?.amount ?? 0n), 0n)).toBe(120n)
  const returned = valueOf(await provider.listRefunds(since, until))
  expect(returned).toHaveLength(120)
  expect(new Set(returned.map(({ externalId }) => externalId))).toEqual(
    new Set(refunds.map((refund) => valueOf(refund).externalId)),
  )
  expect(valueOf(await provider.list(until, until))).toEqual([])
  clock = 0
})

test('a Telegram invoice is refunded, looked up and receipted at its acquirer', async () => {
  const telegram = createTelegramPayments({ acquirer: provider })
  const charged = sandbox.charge({ currency: 'RUB', total: 129_050, title: 'Чайник' }, 'paid')
  if (!('id' in charged)) throw new Error(charged.problem)
  const { id } = charged
  expect(valueOf(await telegram.find(id))).toMatchObject({ state: 'captured', captured: rubles(129_050n) })
  await sim('/sim/yookassa/faults', { match: 'refund', kind: 'drop', times: 1 })
  const key = randomUUID()
  expect(await telegram.refund(id, rubles(50n), key, receiptFor(50n))).toMatchObject({ kind: 'unknown' })
  const found = valueOf(await telegram.findRefundByKey(id, key))
  expect(found).toMatchObject({ state: 'done', amount: rubles(50n) })
  expect(valueOf(await telegram.findRefund(found?.externalId ?? ''))).toEqual(found)
  expect(await telegram.sendFinalReceipt(id, rubles(129_000n), randomUUID(), receiptFor(129_000n))).toMatchObject({
    value: 'sent',
  })
})
