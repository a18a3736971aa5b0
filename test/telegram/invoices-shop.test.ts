/** From an order to its invoice, the payment inside Telegram and the refund, with the sandbox as the world around. */
import { afterAll, beforeAll, expect, onTestFinished, test, vi } from 'vitest'
import { createFront } from '#chat/dispatch.ts'
import { intentToAct } from '#chat/intent.ts'
import type { Message } from '#chat/screen.ts'
import { onDelivery } from '#gateways/on-delivery.ts'
import { createTelegramPayments } from '#gateways/telegram-payments.ts'
import { createYookassa } from '#gateways/yookassa.ts'
import { startSandbox, type Sandbox } from '#sandbox/sandbox.ts'
import { payBy } from '#shop/paying.ts'
import { handedOver } from '#shop/ledger.ts'
import { sendFinalReceipt } from '#shop/payments.ts'
import { setRecipient } from '#shop/people.ts'
import { refund } from '#shop/refunds.ts'
import { setDelivered } from '#store/orders.ts'
import { assertInvariants, type ProviderTruth, type RefundTruth } from '../shop/invariants.ts'
import { kazan, useShop } from '../shop/support.ts'
import { faultsOfCall, loadBotApiSchema } from '../support/bot-api-schema.ts'
import { startBot, token } from './support.ts'

const providerToken = '5:TEST:secret-of-the-provider'
const shop = useShop()
let sandbox: Sandbox | undefined

beforeAll(async () => {
  sandbox = await startSandbox({ port: 0 })
  const yookassa = createYookassa({ shopId: '1', secretKey: 's', endpoint: `${sandbox.url}/yookassa/v3` })
  const providers = [yookassa, createTelegramPayments({ acquirer: yookassa }), onDelivery]
  Object.assign(shop.deps, { providers, hasInvoices: true })
})
afterAll(async () => sandbox?.close())

async function call<T>(path: string, body?: object): Promise<T> {
  const init = body && { body: JSON.stringify(body), headers: { 'content-type': 'application/json' } }
  const response = await fetch(`${sandbox?.url}${path}`, { method: body ? 'POST' : 'GET', ...init })
  if (!response.ok) throw new Error(`${path}: ${response.status} ${await response.text()}`)
  return (await response.json()) as T
}

type Paying = { outcome: string; error_message?: string; successful_payment?: { provider_payment_charge_id: string } }
type Shown = {
  message_id: number
  from?: { is_bot: boolean }
  text?: string
  caption?: string
  invoice?: { total_amount: number }
}

/** The bot, listening, with two people who have written to it. */
async function open() {
  const bot = await startBot({ url: sandbox?.url ?? '' }, createFront(shop.deps), { providerToken })
  onTestFinished(async () => bot.stop())
  bot.startPolling()
  const shown = async (chat: number) => call<Shown[]>(`/sim/chats/${chat}/messages`)
  const until = async <T>(look: () => Promise<T | undefined>): Promise<T> =>
    vi.waitFor(
      async () => {
        const found = await look()
        if (found === undefined) throw new Error('not yet')
        return found
      },
      { timeout: 10_000, interval: 20 },
    )
  const person = async (id: number) => {
    await call('/sim/people', { id, first_name: `Person ${id}`, language_code: 'en' })
    await call('/sim/messages', { from: id, text: '/start' })
    await until(async () => (await shown(id)).find(({ from }) => from?.is_bot))
    const key = { messenger_externalId: { messenger: 'telegram', externalId: String(id) } }
    const { personId } = await shop.db.identity.findUniqueOrThrow({ where: key })
    await setRecipient(shop.db, personId, kazan, shop.now)
    return personId
  }
  return { bot, shown, until, anna: await person(501), boris: await person(502) }
}

test('an order is paid by its invoice, by nobody but its buyer, and given back through the acquirer', async () => {
  const { bot, shown, until, anna } = await open()
  const goods = await shop.goods()
  const { orderId, number, total } = await shop.order(anna, { kind: 'alone', variantId: goods.variantId })
  const asked = await payBy(shop.db, { personId: anna, orderId, method: 'invoice', now: shop.now }, shop.deps)
  const payload = (asked.ok && asked.order.payment?.paymentId) || ''
  const invoice = { payload, title: number, description: 'Kettle', lines: [{ label: 'All', amount: total }] }
  const message: Message = { text: [], rows: [], invoice: { ...invoice, currency: 'RUB' } }
  const sent = await bot.messenger.send('501', message, 'reply')
  expect(sent).toMatchObject({ ok: true })
  const { message_id } = await until(async () => (await shown(501)).find((one) => one.invoice))

  // A copy that anybody could pay.
  const copy = { title: 'x', description: 'x', payload, provider_token: providerToken, currency: 'RUB' }
  const prices = [{ label: 'x', amount: Number(total) }]
  const { result: link } = await call<{ result: string }>(`/bot${token}/createInvoiceLink`, { ...copy, prices })
  const refused = await call<Paying>('/sim/pay', { from: 502, link })
  expect(refused).toMatchObject({ outcome: 'refused', error_message: expect.stringContaining('not yours') as string })
  // And one with a sum of its own.
  const cheap = { ...copy, prices: [{ label: 'x', amount: 100 }] }
  const { result: cheaper } = await call<{ result: string }>(`/bot${token}/createInvoiceLink`, cheap)
  expect(await call<Paying>('/sim/pay', { from: 501, link: cheaper })).toMatchObject({ outcome: 'refused' })
  expect((await shop.stateOf(orderId)).order).toBe('awaiting_payment')

  const paid = await call<Paying>('/sim/pay', { from: 501, chat: 501, message_id })
  expect(paid.outcome).toBe('paid')
  await until(async () => ((await shop.stateOf(orderId)).order === 'packable' ? true : undefined))
  await until(async () =>
    (await shown(501)).find((one) => one.message_id > message_id && (one.text ?? one.caption)?.includes(number)),
  )
  const again = await call<Paying>('/sim/pay', { from: 501, link })
  expect(again).toMatchObject({ outcome: 'refused', error_message: expect.stringContaining('paid') as string })

  const seller = await shop.seller(goods)
  const who = { personId: seller, orderId, requestKey: 'give it back', now: shop.now }
  expect(await refund(shop.db, who, { kind: 'rest' })).toMatchObject({ ok: true, amount: total })
  expect(await shop.runJobs()).toBe(0)

  const truth = (await call<{ items: ProviderTruth[] }>('/sim/yookassa/payments')).items
  const refunds = (await call<{ items: RefundTruth[] }>('/sim/yookassa/refunds')).items
  const charged = truth.find(({ id }) => id === paid.successful_payment?.provider_payment_charge_id)
  expect(charged).toMatchObject({ status: 'succeeded', refunded_amount: charged?.amount })
  expect(Number(charged?.amount.value)).toBe(Number(total) / 100)
  expect((await shop.db.payment.findUniqueOrThrow({ where: { id: payload } })).state).toBe('refunded')
  expect(refunds).toMatchObject([{ payment_id: charged?.id, status: 'succeeded' }])
  await assertInvariants(shop.db)

  const calls = await call<{ method: string; params: Record<string, unknown> }[]>('/sim/calls')
  const ours = calls.filter(({ method }) => /Invoice$|PreCheckout/i.test(method))
  const schema = loadBotApiSchema()
  const faults = schema ? ours.flatMap(({ method, params }) => faultsOfCall(schema, method, params)) : []
  expect(faults).toEqual([])
  expect(ours.length).toBeGreaterThanOrEqual(5)
  expect(await call('/sim/problems')).toEqual([])
  expect(bot.logged.filter(({ level }) => level === 'error')).toEqual([])
})

test('a charge in the chat has its fiscal receipt, and at hand-over the second one', async () => {
  const { bot, shown, until, anna } = await open()
  const goods = await shop.goods({ terms: { paymentMethods: ['invoice'] } })
  const { orderId, total } = await shop.order(anna, { kind: 'alone', variantId: goods.variantId })
  const act = intentToAct({ do: 'pay-by', orderId, method: 'invoice' })
  await bot.messenger.send('501', { text: [{ text: 'Pay' }], rows: [[{ label: 'Pay', act }]] }, 'reply')
  const { message_id: page } = await until(async () => (await shown(501)).find(({ text }) => text === 'Pay'))
  await call('/sim/clicks', { from: 501, chat: 501, message_id: page, row: 0, column: 0 })
  const { message_id } = await until(async () => (await shown(501)).find((one) => one.invoice && one.message_id > page))

  const asked = (await call<{ params: { provider_data?: string } }[]>('/sim/calls?method=sendInvoice')).at(-1)
  const { receipt } = JSON.parse(asked?.params.provider_data ?? '{}') as { receipt?: { items: object[] } }
  expect(receipt).toMatchObject({ customer: { phone: kazan.phone.replaceAll(/\D/g, '') } })
  expect(receipt?.items.length).toBeGreaterThan(0)

  const paid = await call<Paying>('/sim/pay', { from: 501, chat: 501, message_id })
  expect(paid.outcome).toBe('paid')
  await until(async () => ((await shop.stateOf(orderId)).order === 'packable' ? true : undefined))
  const { items } = await call<{ items: { id: string; receipt_registration?: string }[] }>('/sim/yookassa/payments')
  const charge = items.find(({ id }) => id === paid.successful_payment?.provider_payment_charge_id)
  expect(charge).toMatchObject({ receipt_registration: 'succeeded' })

  const payment = await shop.db.payment.findFirstOrThrow({ where: { orderId } })
  await sendFinalReceipt(shop.db, payment.id, shop.deps)
  expect((await call<{ items: object[] }>('/sim/yookassa/receipts')).items).toEqual([])
  await setDelivered(shop.db, orderId, shop.now)
  await handedOver(shop.db, orderId, shop.now)
  await sendFinalReceipt(shop.db, payment.id, shop.deps)
  const receipts = await call<{ items: object[] }>('/sim/yookassa/receipts')
  const value = `${total / 100n}.${String(total % 100n).padStart(2, '0')}`
  expect(receipts.items).toMatchObject([
    { payment_id: charge?.id, settlements: [{ type: 'prepayment', amount: { value, currency: 'RUB' } }] },
  ])
  expect(await call('/sim/problems')).toEqual([])
})
