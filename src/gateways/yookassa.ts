/**
 * YooKassa, API v3 (https://yookassa.ru/developers/api). Plain HTTP and not the npm SDK: that one drops `retry_after` and
 * the HTTP status from its errors, sends `created_at[gte]` where the API knows `created_at.gte`, and reads lists without
 * an end (see DECISIONS.md).
 */
import { BlockList, isIP } from 'node:net'
import { z } from 'zod'
import { decimalToAmount, moneyToDecimal, type Money } from '#domain/money.ts'
import { callJson, cutText, withoutNumbers } from './json-call.ts'
import type { PaymentProvider, ProviderPayment, ProviderResult, Receipt } from './payments.ts'

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
/** 100 payments each. A lookup that would need more answers `unknown` and never "there is none". */
const maxPages = 50
/** Their clock and ours may differ by this much when a payment is looked for by its time. */
const clockDifferenceMs = 5 * 60_000

/**
 * @param options the endpoint is the real one unless given.
 * The provider's own promise about keys lasts 24 hours: a later repeat must look the payment up first (`findByKey`).
 * A two-stage payment may come back `captured` at once where the buyer's method cannot hold.
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

  async function find(externalId: string): Promise<ProviderResult<ProviderPayment>> {
    return readPayment(await call('GET', `/payments/${encodeURIComponent(externalId)}`))
  }

  /**
   * A 400 to a capture or a void may only mean that it is done already (the first answer was lost, the key forgotten):
   * the payment itself decides.
   */
  async function settle(
    externalId: string,
    outcome: Outcome,
    isDone: (payment: ProviderPayment) => boolean,
  ): Promise<ProviderResult<ProviderPayment>> {
    if (outcome.ok || outcome.kind === 'unknown' || outcome.status !== 400) return readPayment(outcome)
    const present = await find(externalId)
    if (!present.ok && present.kind === 'unknown') return present
    return present.ok && isDone(present.value) ? present : readPayment(outcome)
  }

  return {
    name: 'yookassa',
    capabilities: {
      holds: true,
      holdDays: 7,
      partialCapture: true,
      partialRefund: true,
      refundDays: 3 * 365,
      signedWebhooks: false,
    },

    async create(payment) {
      const body = {
        amount: toAmount(payment.amount),
        capture: !payment.twoStage,
        confirmation: { type: 'redirect', return_url: payment.returnUrl },
        description: cutText(payment.description, 128),
        metadata: { paymentId: payment.key },
        receipt: toReceipt(payment.receipt, payment.amount, vatCode),
      }
      return readPayment(await call('POST', '/payments', { key: payment.key, body }))
    },

    async capture(externalId, amount, key, receipt) {
      const body = {
        amount: toAmount(amount),
        ...(receipt ? { receipt: toReceipt(receipt, amount, vatCode) } : {}),
      }
      const outcome = await call('POST', `/payments/${encodeURIComponent(externalId)}/capture`, { key, body })
      return settle(
        externalId,
        outcome,
        ({ state, captured }) =>
          state === 'captured' && captured?.amount === amount.amount && captured.currency === amount.currency,
      )
    },

    async void(externalId, key) {
      const outcome = await call('POST', `/payments/${encodeURIComponent(externalId)}/cancel`, { key, body: {} })
      return settle(externalId, outcome, ({ state }) => state === 'cancelled')
    },

    find,

    async findByKey(key, createdSince) {
      const since = new Date(createdSince.getTime() - clockDifferenceMs).toISOString()
      let cursor: string | undefined
      for (let page = 0; page < maxPages; page++) {
        const query = new URLSearchParams({ 'created_at.gte': since, limit: '100', ...(cursor ? { cursor } : {}) })
        const outcome = await call('GET', `/payments?${query.toString()}`)
        if (!outcome.ok) return toFailure(outcome)
        const list = listSchema.safeParse(outcome.body)
        if (!list.success) return unexpected('list of payments', list.error)
        const match = list.data.items.find((item) => keySchema.safeParse(item).data?.metadata.paymentId === key)
        if (match !== undefined) return readPayment({ ok: true, body: match })
        cursor = list.data.next_cursor ?? undefined
        if (cursor === undefined) return { ok: true, value: undefined }
      }
      return { ok: false, kind: 'unknown', detail: `not among the first ${maxPages} pages of payments` }
    },

    webhookHint(body) {
      const hint = hintSchema.safeParse(body)
      if (!hint.success) return undefined
      const { event, object } = hint.data
      if (event.startsWith('payment.')) return object.id
      return event.startsWith('refund.') ? object.payment_id : undefined
    },
  }
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

type Outcome =
  | { ok: true; body: unknown }
  | { ok: false; kind: 'refused'; status: number; code: string; detail: string }
  | { ok: false; kind: 'unknown'; detail: string; retryAfterMs?: number }

/** Only the provider's own words make a refusal: a page of some proxy with status 403 decides nothing about money. */
function toOutcome(answer: Awaited<ReturnType<typeof callJson>>): Outcome {
  if ('failure' in answer) return { ok: false, kind: 'unknown', detail: answer.failure }
  const { status, body } = answer
  const error = errorSchema.safeParse(body)
  const retryAfterMs = error.data?.retry_after ?? answer.retryAfterMs
  if (status === 200 && !error.success) return { ok: true, body }
  if (status >= 400 && status < 500 && status !== 408 && status !== 429 && error.data?.type === 'error') {
    const { code, description, parameter } = error.data
    // The key was used with other words: whatever those did, this call is no answer to it.
    if (parameter?.toLowerCase() === 'idempotence-key') return { ok: false, kind: 'unknown', detail: 'the key is used' }
    const detail = withoutNumbers([description, parameter].filter(Boolean).join('; '))
    return { ok: false, kind: 'refused', status, code: code ?? `http_${status}`, detail }
  }
  const detail = error.data?.code ? `HTTP ${status}, ${withoutNumbers(error.data.code)}` : `HTTP ${status}`
  return { ok: false, kind: 'unknown', detail, ...(retryAfterMs === undefined ? {} : { retryAfterMs }) }
}

function toFailure(outcome: Extract<Outcome, { ok: false }>): Extract<ProviderResult<never>, { ok: false }> {
  if (outcome.kind === 'unknown') return outcome
  return { ok: false, kind: 'refused', code: outcome.code, detail: outcome.detail }
}

const stateByStatus = {
  pending: 'pending',
  waiting_for_capture: 'held',
  succeeded: 'captured',
  canceled: 'cancelled',
} as const

function readPayment(outcome: Outcome): ProviderResult<ProviderPayment> {
  if (!outcome.ok) return toFailure(outcome)
  const parsed = paymentSchema.safeParse(outcome.body)
  if (!parsed.success) return unexpected('payment', parsed.error)
  const payment = parsed.data
  const { currency } = payment.amount
  const amount = decimalToAmount(payment.amount.value, currency)
  if (amount === undefined) return { ok: false, kind: 'unknown', detail: 'unexpected payment: amount is no decimal' }
  const state = stateByStatus[payment.status]
  return {
    ok: true,
    value: {
      externalId: payment.id,
      state,
      amount: { amount, currency },
      // After a capture in part YooKassa's amount is what was taken, and what had been held is no longer told.
      ...(state === 'captured' ? { captured: { amount, currency } } : {}),
      ...(payment.confirmation?.confirmation_url ? { confirmationUrl: payment.confirmation.confirmation_url } : {}),
      ...(state === 'held' && payment.expires_at ? { holdUntil: new Date(payment.expires_at) } : {}),
      ...(payment.cancellation_details
        ? { reason: { code: payment.cancellation_details.reason, party: payment.cancellation_details.party } }
        : {}),
      ...(payment.metadata?.['paymentId'] ? { paymentId: payment.metadata['paymentId'] } : {}),
    },
  }
}

/** Names the places and never the values: those may be a person's. */
function unexpected(what: string, error: z.ZodError): { ok: false; kind: 'unknown'; detail: string } {
  const places = error.issues.map((issue) => `${issue.path.join('.') || 'itself'} ${issue.code}`).join(', ')
  return { ok: false, kind: 'unknown', detail: `unexpected ${what}: ${places}`.slice(0, 300) }
}

function toAmount(money: Money): { value: string; currency: string } {
  if (money.amount <= 0n) throw new Error('an amount to pay is more than zero')
  return { value: moneyToDecimal(money), currency: money.currency }
}

/** @throws when the lines do not sum to the payment: spreading discounts and rounding is the caller's work. */
function toReceipt(receipt: Receipt, total: Money, vatCode: number): unknown {
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
      payment_mode: 'full_prepayment',
    })),
  }
}

const errorSchema = z.object({
  type: z.enum(['error', 'processing']),
  code: z.string().optional(),
  description: z.string().optional(),
  parameter: z.string().optional(),
  /** Milliseconds. */
  retry_after: z.number().nonnegative().optional(),
})

const idSchema = z.string().regex(/^[\w-]{1,64}$/)

const paymentSchema = z.object({
  id: idSchema,
  status: z.enum(['pending', 'waiting_for_capture', 'succeeded', 'canceled']),
  amount: z.object({ value: z.string(), currency: z.string().regex(/^[A-Z]{3}$/) }),
  confirmation: z.object({ confirmation_url: z.url().optional() }).nullish(),
  expires_at: z.iso.datetime({ offset: true }).nullish(),
  cancellation_details: z.object({ party: z.string(), reason: z.string() }).nullish(),
  metadata: z.record(z.string(), z.string()).nullish(),
})

/** Payments of other programs in the same shop may look as they like: only ours are read whole. */
const listSchema = z.object({ items: z.array(z.unknown()), next_cursor: z.string().min(1).nullish() })
const keySchema = z.object({ metadata: z.object({ paymentId: z.string() }) })

const hintSchema = z.object({
  event: z.string(),
  object: z.object({ id: idSchema, payment_id: idSchema.optional() }),
})
