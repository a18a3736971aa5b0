/**
 * YooKassa, API v3 (https://yookassa.ru/developers/api). Plain HTTP and not the npm SDK: that one drops `retry_after` and
 * the HTTP status from its errors, sends `created_at[gte]` where the API knows `created_at.gte`, and reads lists without
 * an end (see DECISIONS.md).
 */
import { BlockList, isIP } from 'node:net'
import { moneyToDecimal, type Money } from '#domain/money.ts'
import type { MethodAbilities } from '#domain/payments.ts'
import { callJson, cutText } from './json-call.ts'
import type { NewPayment, PaymentProvider, ProviderResult, Receipt } from './payments.ts'
import {
  keyOfPayment,
  keyOfRefund,
  keyToDescription,
  readHint,
  readPage,
  readPayment,
  readReceipt,
  readRefund,
  toOutcome,
  type Outcome,
  type Unread,
} from './yookassa-answers.ts'

export type YookassaOptions = {
  shopId: string
  secretKey: string
  endpoint?: string
  /** For one call; YooKassa itself may think for up to 30 s about a bank's answer. */
  timeoutMs?: number
  /** 54-FZ rate of every receipt line, 1..12; 1 is "without VAT". */
  vatCode?: number
}

/** Longest idempotence key that the API takes. */
const maxKey = 64
const maxReceiptLines = 80
/** 100 objects each. A lookup that would need more answers `unknown` and never "there is none". */
const maxLookupPages = 50
/** The same for a whole list: a hundred thousand payments, beyond which the caller asks for a shorter time. */
const maxListPages = 1000
/** Their clock and ours may differ by this much when a payment is looked for by its time. */
const clockDifferenceMs = 5 * 60_000

/**
 * https://yookassa.ru/developers/payment-acceptance/getting-started/payment-methods; refunds for three years. An acquirer
 * may refuse one of a card after 15 months already: that is a refusal of the call, then by hand.
 */
const paidOnPage = { paidAt: 'page', partialRefund: true, refundDays: 3 * 365 } as const
const abilities = {
  card: { ...paidOnPage, holds: true, holdDays: 7, partialCapture: true },
  sbp: { ...paidOnPage, holds: false, holdDays: 0, partialCapture: false },
} satisfies Record<string, MethodAbilities>

/** Named in the request, so that the page offers nothing else: of what it could offer, not everything can be held. */
const typeByMethod = { card: 'bank_card', sbp: 'sbp' } as const

/**
 * @param options the endpoint is the real one unless given.
 * The provider's own promise about keys lasts 24 hours: a later repeat must look up first what the first call did.
 */
export function createYookassa(options: YookassaOptions): PaymentProvider {
  const endpoint = (options.endpoint ?? 'https://api.yookassa.ru/v3').replace(/\/+$/, '')
  const authorization = `Basic ${Buffer.from(`${options.shopId}:${options.secretKey}`).toString('base64')}`
  const timeoutMs = options.timeoutMs ?? 30_000
  const vatCode = options.vatCode ?? 1

  async function call(method: 'GET' | 'POST', path: string, post?: { key: string; body: unknown }): Promise<Outcome> {
    if (post && (post.key === '' || post.key.length > maxKey))
      throw new Error(`an idempotence key has 1..${maxKey} characters`)
    const answer = await callJson({
      url: endpoint + path,
      method,
      headers: {
        authorization,
        ...(post ? { 'content-type': 'application/json', 'idempotence-key': post.key } : {}),
      },
      ...(post ? { body: JSON.stringify(post.body) } : {}),
      timeoutMs,
    })
    return toOutcome(answer)
  }

  /**
   * A 400 to a call that moves money may only mean that it is done already (the first answer was lost, the key
   * forgotten): what the provider shows now decides.
   */
  async function settle<T>(
    outcome: Outcome,
    read: (outcome: Outcome) => ProviderResult<T>,
    present: () => Promise<ProviderResult<T | undefined>>,
    isDone: (value: T) => boolean,
  ): Promise<ProviderResult<T>> {
    if (outcome.ok || outcome.kind === 'unknown' || outcome.status !== 400) return read(outcome)
    const now = await present()
    if (!now.ok && now.kind === 'unknown') return now
    return now.ok && now.value !== undefined && isDone(now.value) ? { ok: true, value: now.value } : read(outcome)
  }

  /** Page after page, newest first. What it gives last is a failure when a page would not come, or too many did. */
  async function* pages(
    collection: 'payments' | 'refunds',
    filter: Record<string, string>,
    maxPages: number,
  ): AsyncGenerator<{ ok: true; items: unknown[] } | Unread> {
    let cursor: string | undefined
    for (let count = 0; count < maxPages; count++) {
      const query = new URLSearchParams({ ...filter, limit: '100', ...(cursor === undefined ? {} : { cursor }) })
      const page = readPage(await call('GET', `/${collection}?${query.toString()}`))
      yield page
      if (!page.ok || page.next === undefined) return
      cursor = page.next
    }
    yield { ok: false, kind: 'unknown', detail: `more than ${maxPages} pages of ${collection}` }
  }

  async function findIn<T>(
    found: ReturnType<typeof pages>,
    isWanted: (item: unknown) => boolean,
    read: (outcome: Outcome) => ProviderResult<T>,
  ): Promise<ProviderResult<T | undefined>> {
    for await (const page of found) {
      if (!page.ok) return page
      const match = page.items.find(isWanted)
      if (match !== undefined) return read({ ok: true, body: match })
    }
    return { ok: true, value: undefined }
  }

  /** One object that cannot be read fails the whole: a list with a gap would agree with books that are wrong. */
  async function readAll<T>(
    collection: 'payments' | 'refunds',
    since: Date,
    until: Date,
    read: (outcome: Outcome) => ProviderResult<T>,
  ): Promise<ProviderResult<T[]>> {
    const filter = { 'created_at.gte': since.toISOString(), 'created_at.lt': until.toISOString() }
    const values: T[] = []
    for await (const page of pages(collection, filter, maxListPages)) {
      if (!page.ok) return page
      for (const item of page.items) {
        const one = read({ ok: true, body: item })
        if (!one.ok) return one
        values.push(one.value)
      }
    }
    return { ok: true, value: values }
  }

  const provider: PaymentProvider = {
    name: 'yookassa',
    capabilities: { methods: abilities, refunds: true, lists: true, receipts: true, signedWebhooks: false },

    async create(payment) {
      const body = {
        amount: toAmount(payment.amount),
        payment_method_data: { type: toMethodType(payment) },
        capture: !payment.twoStage,
        confirmation: { type: 'redirect', return_url: payment.returnUrl },
        description: cutText(payment.description, 128),
        metadata: { paymentId: payment.key },
        receipt: toReceipt(payment.receipt, payment.amount, vatCode, 'full_prepayment'),
      }
      return readPayment(await call('POST', '/payments', { key: payment.key, body }))
    },

    async capture(externalId, amount, key, receipt) {
      const body = {
        amount: toAmount(amount),
        ...(receipt ? { receipt: toReceipt(receipt, amount, vatCode, 'full_prepayment') } : {}),
      }
      return settle(
        await call('POST', `/payments/${encodeURIComponent(externalId)}/capture`, { key, body }),
        readPayment,
        () => provider.find(externalId),
        ({ state, captured }) =>
          state === 'captured' && captured?.amount === amount.amount && captured.currency === amount.currency,
      )
    },

    async void(externalId, key) {
      return settle(
        await call('POST', `/payments/${encodeURIComponent(externalId)}/cancel`, { key, body: {} }),
        readPayment,
        () => provider.find(externalId),
        ({ state }) => state === 'cancelled',
      )
    },

    async refund(externalId, amount, key, receipt) {
      const body = {
        payment_id: externalId,
        amount: toAmount(amount),
        metadata: { moveId: key },
        // The key once more: refunds had no metadata in the API's first years, and a refund whose key came back lost
        // would be made twice.
        description: keyToDescription(key),
        receipt: toReceipt(receipt, amount, vatCode, receipt.isHandedOver ? 'full_payment' : 'full_prepayment'),
      }
      return settle(
        await call('POST', '/refunds', { key, body }),
        readRefund,
        () => provider.findRefundByKey(externalId, key),
        () => true,
      )
    },

    /** A repeat within 24 hours makes no second receipt; a later one would. */
    async sendFinalReceipt(externalId, amount, key, receipt) {
      const body = {
        type: 'payment',
        payment_id: externalId,
        ...toReceipt(receipt, amount, vatCode, 'full_payment'),
        send: true,
        settlements: [{ type: 'prepayment', amount: toAmount(amount) }],
      }
      return readReceipt(await call('POST', '/receipts', { key, body }))
    },

    // As `provider_data` of a Telegram invoice: the receipt as it goes with a payment, rubles as decimals and not the
    // kopecks of the invoice itself. Without it the shop's till knows nothing of the charge.
    invoiceData: (amount, receipt) =>
      JSON.stringify({ receipt: toReceipt(receipt, amount, vatCode, 'full_prepayment') }),

    async find(externalId) {
      return readPayment(await call('GET', `/payments/${encodeURIComponent(externalId)}`))
    },

    async findRefund(refundExternalId) {
      return readRefund(await call('GET', `/refunds/${encodeURIComponent(refundExternalId)}`))
    },

    async findByKey(key, createdSince) {
      const filter = { 'created_at.gte': new Date(createdSince.getTime() - clockDifferenceMs).toISOString() }
      return findIn(pages('payments', filter, maxLookupPages), (item) => keyOfPayment(item) === key, readPayment)
    },

    async findRefundByKey(externalId, key) {
      const ofPayment = pages('refunds', { payment_id: externalId }, maxLookupPages)
      return findIn(ofPayment, (item) => keyOfRefund(item) === key, readRefund)
    },

    list: (since, until) => readAll('payments', since, until, readPayment),
    listRefunds: (since, until) => readAll('refunds', since, until, readRefund),
    webhookHint: readHint,
  }
  return provider
}

/**
 * Where YooKassa sends webhooks from: they are unsigned, so this and a fetch of the object are all there is.
 * https://yookassa.ru/developers/using-api/webhooks#ip
 * @param ip as the connection has it; behind a proxy only what a trusted hop says. IPv4-mapped IPv6 is understood.
 */
export function isYookassaAddress(ip: string): boolean {
  const family = isIP(ip)
  return family !== 0 && published.check(ip, family === 4 ? 'ipv4' : 'ipv6')
}

const published = new BlockList()
published.addSubnet('185.71.76.0', 27)
published.addSubnet('185.71.77.0', 27)
published.addSubnet('77.75.153.0', 25)
published.addSubnet('77.75.154.128', 25)
published.addAddress('77.75.156.11')
published.addAddress('77.75.156.35')
published.addSubnet('2a02:5180::', 32, 'ipv6')

/** @throws for a method that is not paid here, and for a hold where there is none: defects of the caller. */
function toMethodType({ method, twoStage }: NewPayment): string {
  if (method !== 'card' && method !== 'sbp') throw new Error(`YooKassa's page takes no ${method}`)
  if (twoStage && !abilities[method].holds) throw new Error(`${method} cannot be held`)
  return typeByMethod[method]
}

function toAmount(money: Money): { value: string; currency: string } {
  if (money.amount <= 0n) throw new Error('an amount to pay is more than zero')
  return { value: moneyToDecimal(money), currency: money.currency }
}

/** @throws when the lines do not sum to the payment: spreading discounts and rounding is the caller's work. */
function toReceipt(
  receipt: Receipt,
  total: Money,
  vatCode: number,
  mode: 'full_prepayment' | 'full_payment',
): { customer: { phone: string }; items: unknown[] } {
  const sum = receipt.lines.reduce((sum, line) => sum + line.unitAmount * BigInt(line.quantity), 0n)
  if (sum !== total.amount) throw new Error(`receipt lines sum to ${sum}, the payment is ${total.amount}`)
  if (receipt.lines.length > maxReceiptLines) throw new Error(`a receipt has at most ${maxReceiptLines} lines`)
  return {
    customer: { phone: receipt.phone.replace(/\D/g, '') },
    items: receipt.lines.map((line) => ({
      description: cutText(line.title, 128),
      quantity: line.quantity,
      amount: {
        value: moneyToDecimal({ amount: line.unitAmount, currency: total.currency }),
        currency: total.currency,
      },
      vat_code: vatCode,
      payment_subject: line.kind === 'delivery' ? 'service' : 'commodity',
      payment_mode: mode,
    })),
  }
}
