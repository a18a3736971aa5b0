/**
 * Clients that others wrote for the real YooKassa, against the sandbox: so that it is not shaped by our own client. Both
 * run a payment with a hold, a capture in part and refunds.
 */
import { createRequire } from 'node:module'
import { YooKassa as createNewClient } from '@webzaytsev/yookassa-ts-sdk'
import fastify, { type FastifyInstance } from 'fastify'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { addYookassa, type Yookassa } from '#sandbox/yookassa.ts'

/** The older client has no types of its own. */
type OldPayment = {
  id: string
  status: string
  isWaitingForCapture: boolean
  isSucceeded: boolean
  isCanceled: boolean
  confirmationUrl?: string
  reload(): Promise<boolean>
  capture(amount?: object): Promise<boolean>
  cancel(): Promise<boolean>
  refund(amount?: object): Promise<OldRefund>
}
type OldRefund = { id: string; status: string; amount: { value: string } }
const OldClient = createRequire(import.meta.url)('yookassa') as new (options: object) => {
  createPayment(payment: object, key?: string): Promise<OldPayment>
  getPayment(id: string): Promise<OldPayment>
  getRefund(id: string): Promise<OldRefund>
}

let app: FastifyInstance
let yookassa: Yookassa
let url = ''

beforeAll(async () => {
  app = fastify({ forceCloseConnections: true })
  yookassa = addYookassa(app, { baseUrl: () => url, publish: () => undefined, now: Date.now })
  url = await app.listen({ port: 0, host: '127.0.0.1' })
})
afterAll(async () => {
  yookassa.close()
  await app.close()
})

const rubles = (value: string) => ({ value, currency: 'RUB' as const })
const receiptFor = (value: string) => ({
  customer: { phone: '79000000000' },
  items: [{ description: 'Kettle', quantity: 1, amount: rubles(value), vat_code: 1 }],
})
const order = {
  amount: rubles('1290.50'),
  payment_method_data: { type: 'bank_card' },
  capture: false,
  confirmation: { type: 'redirect', return_url: 'https://t.me/vmeste_bot' },
  description: 'Order 7',
  metadata: { payment_id: '7' },
}

async function pay(id: string): Promise<void> {
  const response = await fetch(`${url}/yookassa/pay/${id}`, {
    method: 'POST',
    body: new URLSearchParams({ outcome: 'paid' }),
  })
  expect(response.status).toBe(200)
}

test('the older client holds, captures in part and refunds in part', async () => {
  const client = new OldClient({ shopId: '100500', secretKey: 'secret', apiUrl: `${url}/yookassa/v3/` })
  const payment = await client.createPayment(order, 'old-1')
  expect(payment.confirmationUrl).toBe(`${url}/yookassa/pay/${payment.id}`)
  await pay(payment.id)
  await payment.reload()
  expect(payment.isWaitingForCapture).toBe(true)
  await payment.capture(rubles('1000.00'))
  expect(payment).toMatchObject({ isSucceeded: true, amount: rubles('1000.00'), refundable: true })
  const refund = await payment.refund(rubles('400.00'))
  expect(refund).toMatchObject({ status: 'succeeded', amount: rubles('400.00') })
  expect(await client.getRefund(refund.id)).toMatchObject({ id: refund.id, status: 'succeeded' })
  expect(await client.getPayment(payment.id)).toMatchObject({ refunded_amount: rubles('400.00'), refundable: true })
  await expect(payment.refund(rubles('600.01'))).rejects.toMatchObject({ code: 'invalid_request' })
  await payment.refund(rubles('600.00'))
  expect(await client.getPayment(payment.id)).toMatchObject({ refunded_amount: rubles('1000.00'), refundable: false })
})

test('the older client gives a hold back', async () => {
  const client = new OldClient({ shopId: '100500', secretKey: 'secret', apiUrl: `${url}/yookassa/v3/` })
  const payment = await client.createPayment(order, 'old-2')
  await pay(payment.id)
  await payment.cancel()
  expect(payment).toMatchObject({ isCanceled: true, cancellation_details: { reason: 'canceled_by_merchant' } })
  await expect(payment.refund(rubles('1.00'))).rejects.toMatchObject({ code: 'invalid_request' })
})

function newClient() {
  return createNewClient({
    shop_id: '100500',
    secret_key: 'secret',
    endpoint: `${url}/yookassa/v3`,
    retries: 0,
    maxRPS: 1000,
  })
}
type NewClient = ReturnType<typeof newClient>
type NewRequest = Parameters<NewClient['payments']['create']>[0]
type NewAmount = NonNullable<Parameters<NewClient['payments']['capture']>[1]>['amount']
/** Its types know currencies as an enumeration, which JSON has not. */
const inItsTypes = (amount: ReturnType<typeof rubles>) => amount as unknown as NonNullable<NewAmount>

test('the newer client holds, captures in part with a receipt and refunds in part', async () => {
  const client = newClient()
  const request = { ...order, receipt: receiptFor('1290.50') } as unknown as NewRequest
  const payment = await client.payments.create(request, 'new-1')
  expect(payment).toMatchObject({ status: 'pending', receipt_registration: 'pending' })
  await pay(payment.id)
  expect(await client.payments.load(payment.id)).toMatchObject({ status: 'waiting_for_capture', paid: true })
  const part = { amount: inItsTypes(rubles('1000.00')), receipt: receiptFor('1000.00') }
  const captured = await client.payments.capture(
    payment.id,
    part as Parameters<typeof client.payments.capture>[1],
    'new-2',
  )
  expect(captured).toMatchObject({ status: 'succeeded', amount: rubles('1000.00'), refunded_amount: rubles('0.00') })
  const half = { payment_id: payment.id, amount: inItsTypes(rubles('500.00')), receipt: receiptFor('500.00') }
  const refund = await client.refunds.create(half as unknown as Parameters<typeof client.refunds.create>[0], 'new-3')
  expect(refund).toMatchObject({ status: 'succeeded', payment_id: payment.id, receipt_registration: 'succeeded' })
  expect(await client.refunds.load(refund.id)).toEqual(refund)
  expect(await client.refunds.create(half as unknown as Parameters<typeof client.refunds.create>[0], 'new-3')).toEqual(
    refund,
  )
  expect(await client.refunds.list({ payment_id: payment.id })).toEqual([refund])
  expect(await client.payments.load(payment.id)).toMatchObject({ refundable: true, refunded_amount: rubles('500.00') })
})

test('the newer client sends the receipt of the hand-over, lists and is told what it does wrong', async () => {
  const client = newClient()
  const oneStage = { ...order, payment_method_data: { type: 'sbp' }, capture: true } as unknown as NewRequest
  const payment = await client.payments.create(oneStage, 'new-10')
  await pay(payment.id)
  const receipt = await client.receipts.create(
    {
      type: 'payment',
      payment_id: payment.id,
      send: true,
      ...receiptFor('1290.50'),
      settlements: [{ type: 'prepayment', amount: rubles('1290.50') }],
    } as unknown as Parameters<typeof client.receipts.create>[0],
    'new-11',
  )
  expect(receipt).toMatchObject({ status: 'succeeded', payment_id: payment.id })
  await Promise.all(Array.from({ length: 12 }, () => client.payments.create(oneStage)))
  const all = await client.payments.list({ limit: 5, payment_method: 'sbp' } as Parameters<
    typeof client.payments.list
  >[0])
  expect(new Set(all.map(({ id }) => id)).size).toBe(13)
  await expect(client.payments.load('nothing')).rejects.toMatchObject({ name: 'not_found' })
  const held = { ...oneStage, capture: false } as NewRequest
  await expect(client.payments.create(held)).rejects.toMatchObject({ name: 'invalid_request' })
})
