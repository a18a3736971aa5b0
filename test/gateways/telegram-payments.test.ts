import { expect, test } from 'vitest'
import { onDelivery } from '#gateways/on-delivery.ts'
import { providerOf } from '#gateways/payments.ts'
import { createTelegramPayments } from '#gateways/telegram-payments.ts'
import { createYookassa } from '#gateways/yookassa.ts'

const acquirer = createYookassa({ shopId: '100500', secretKey: 'test', endpoint: 'http://127.0.0.1:9' })
const telegram = createTelegramPayments({ acquirer })
const money = { amount: 100n, currency: 'RUB' }

test('an invoice is charged at once and returned for as long as the acquirer returns a card payment', () => {
  expect(telegram.capabilities).toEqual({
    methods: {
      invoice: {
        paidAt: 'chat',
        holds: false,
        holdDays: 0,
        partialCapture: false,
        partialRefund: true,
        refundDays: acquirer.capabilities.methods.card?.refundDays,
      },
    },
    refunds: true,
    lists: false,
    receipts: true,
    signedWebhooks: false,
  })
})

test('the receipt goes with the invoice in the form that the acquirer reads: rubles with decimals, lines that sum up', () => {
  const receipt = {
    phone: '+7 (900) 123-45-67',
    lines: [
      { title: 'Чайник', quantity: 2, unitAmount: 50_025n, kind: 'goods' as const },
      { title: 'Доставка', quantity: 1, unitAmount: 29_000n, kind: 'delivery' as const },
    ],
  }
  const bank = createYookassa({ shopId: '1', secretKey: 'x', vatCode: 11 })
  const data = createTelegramPayments({ acquirer: bank }).invoiceData?.({ amount: 129_050n, currency: 'RUB' }, receipt)
  const rubles = (value: string) => ({ value, currency: 'RUB' })
  const item = { vat_code: 11, payment_mode: 'full_prepayment' }
  expect(JSON.parse(data ?? '')).toEqual({
    receipt: {
      customer: { phone: '79001234567' },
      items: [
        { ...item, description: 'Чайник', quantity: 2, amount: rubles('500.25'), payment_subject: 'commodity' },
        { ...item, description: 'Доставка', quantity: 1, amount: rubles('290.00'), payment_subject: 'service' },
      ],
    },
  })
  expect(() => telegram.invoiceData?.(money, receipt)).toThrow('receipt lines sum to')
})

test('an acquirer that makes no receipt of an invoice makes no second one either', () => {
  const { invoiceData, ...mute } = acquirer
  expect(invoiceData).toBeDefined()
  const { capabilities, ...rest } = createTelegramPayments({ acquirer: mute })
  expect(capabilities.receipts).toBe(false)
  expect('invoiceData' in rest).toBe(false)
})

test('an acquirer that cannot give money back leaves refunds to people', () => {
  const { capabilities } = createTelegramPayments({ acquirer: onDelivery })
  expect(capabilities.refunds).toBe(false)
  expect(capabilities.methods.invoice).toMatchObject({ partialRefund: false, refundDays: 0 })
})

test('what happens in the messenger is never asked of it', async () => {
  await expect(telegram.create({} as never)).rejects.toThrow('an invoice in the chat')
  await expect(telegram.capture('x', money, 'k')).rejects.toThrow('nothing to capture')
  await expect(telegram.void('x', 'k')).rejects.toThrow('no hold')
  await expect(telegram.findByKey('k', new Date())).rejects.toThrow('no key of ours')
  await expect(telegram.list(new Date(), new Date())).rejects.toThrow("acquirer's list")
  await expect(telegram.listRefunds(new Date(), new Date())).rejects.toThrow("acquirer's list")
  expect(telegram.webhookHint({ event: 'payment.succeeded', object: { id: 'x' } })).toBeUndefined()
})

test('every method is moved by one provider', () => {
  const providers = [acquirer, telegram, onDelivery]
  const names = (['card', 'sbp', 'invoice', 'on-delivery'] as const).map(
    (method) => providerOf(providers, { method }).name,
  )
  expect(names).toEqual(['yookassa', 'yookassa', 'telegram', 'on-delivery'])
  expect(() => providerOf([acquirer], { method: 'invoice' })).toThrow('no payment provider for invoice')
})

test('nobody is asked about a payment at the door, and it is given back by hand', async () => {
  await expect(onDelivery.find('x')).rejects.toThrow('no provider')
  await expect(onDelivery.create({} as never)).rejects.toThrow('no provider')
  const refund = await onDelivery.refund('x', money, 'k', { phone: '7', lines: [] })
  expect(refund).toMatchObject({ ok: false, kind: 'refused', code: 'by_hand' })
  expect(await onDelivery.findRefundByKey('x', 'k')).toEqual({ ok: true, value: undefined })
})
