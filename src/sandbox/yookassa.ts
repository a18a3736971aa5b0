/**
 * The pretend payment provider: YooKassa's API v3 under `/yookassa/v3/`, its confirmation page, the `/sim/yookassa` calls
 * of `money-sim.ts`, and the charges that it makes for Telegram's invoices.
 * Any shop id and secret are taken; all shops see the same payments.
 */
import { randomUUID } from 'node:crypto'
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { type Call, canonicalJson, list, operations, parseJson, requestToCall } from './money-calls.ts'
import { createFaults, type Fault } from './money-faults.ts'
import { createLedger, type Ledger } from './money-ledger.ts'
import { missingPage, paymentPage } from './money-page.ts'
import {
  type Amount,
  amountToMinor,
  captureSchema,
  checkReceiptSum,
  checkSettlements,
  type CreateReceipt,
  createPaymentSchema,
  createReceiptSchema,
  createRefundSchema,
  invoiceDataSchema,
  minorToAmount,
  parseRequest,
  YookassaError,
} from './money-requests.ts'
import { addMoneySim } from './money-sim.ts'
import { createWebhooks } from './money-webhooks.ts'

/** The shop behind the bot's provider token; here all shops see the same payments. */
const invoiceShopId = '100500'
const rememberKeyMs = 24 * 3_600_000
const expiryCheckMs = 500

type Answer = { status: number; body: string }

/** What was paid inside a messenger. `providerData` is JSON text, as the bot gave it with the invoice. */
export type InvoiceCharge = { currency: string; total: number; title: string; providerData?: string }

export type Yookassa = {
  /**
   * Charges a card for an invoice: a payment of its own in the books, with webhooks.
   * @returns the payment's id, or what is wrong with the receipt in the invoice; then nothing is charged.
   */
  charge(invoice: InvoiceCharge, outcome: 'paid' | 'declined'): { id: string } | { problem: string }
  reset(): void
  close(): void
}

/**
 * Adds the pretend YooKassa to the sandbox's server.
 * @param options.webhookUrl where notifications go; none are sent when left out.
 * @param options.baseUrl this server's own address, for confirmation links; asked when a payment is created.
 * @param options.publish told of every change, `payment` or `refund`.
 * @param options.now the provider's clock in milliseconds; deadlines follow it, pauses between webhooks do not.
 */
export function addYookassa(
  app: FastifyInstance,
  options: { webhookUrl?: string; baseUrl(): string; publish(kind: string, data: unknown): void; now(): number },
): Yookassa {
  const faults = createFaults(operations)
  const webhooks = createWebhooks({ redeliver: true, timeoutMs: 10_000, faults })
  const ledger = createLedger({
    now: () => options.now(),
    baseUrl: () => options.baseUrl(),
    changed({ kind, event, object }) {
      options.publish(kind, object)
      if (event && options.webhookUrl !== undefined) {
        webhooks.send(options.webhookUrl, JSON.stringify({ type: 'notification', event, object }))
      }
    },
  })
  const receipts = new Map<string, Record<string, unknown>>()
  const answersByKey = new Map<string, { at: number; request: string; answer: Answer }>()
  const timer = setInterval(ledger.expireDue, expiryCheckMs)
  timer.unref()

  app.register(async (scope) => {
    // One parser for everything, so that a malformed body is answered in YooKassa's words.
    scope.removeAllContentTypeParsers()
    scope.addContentTypeParser('*', { parseAs: 'string' }, (_request, body, done) => done(null, body))
    scope.setErrorHandler((error: { statusCode?: number; message: string }, request, reply) => {
      const status = error.statusCode ?? 500
      if (!request.url.startsWith('/yookassa/v3')) return reply.code(status).send({ error: error.message })
      const code = status >= 500 ? 'internal_server_error' : 'invalid_request'
      return send(reply, errorAnswer(new YookassaError(status, code, error.message)))
    })
    scope.all('/yookassa/v3/*', async (request, reply) => {
      ledger.expireDue()
      return answerCall(request, reply)
    })
    addPage(scope)
    addMoneySim(scope, { ledger, faults, receipts })
  })

  async function answerCall(request: FastifyRequest, reply: FastifyReply): Promise<FastifyReply> {
    let call: Call
    try {
      call = requestToCall(request)
    } catch (error) {
      return send(reply, toErrorAnswer(error))
    }
    const fault = faults.take(call.operation)
    if (!fault) return send(reply, carryOut(call))
    const answer = fault.hasEffect ? carryOut(call) : undefined
    if (fault.delayMs > 0) await pause(fault.delayMs)
    if (fault.answer === 'drop') {
      reply.hijack()
      request.raw.socket.destroy()
      return reply
    }
    return send(reply, fault.answer === 'true' && answer ? answer : faultToAnswer(fault))
  }

  /** Each POST once per key and day: the same request gets the same answer, another one is refused. */
  function carryOut(call: Call): Answer {
    try {
      if (call.key === undefined) return okAnswer(act(call, ledger, receipts, options.now()))
      const now = options.now()
      for (const [key, { at }] of answersByKey) {
        if (at + rememberKeyMs > now) break
        answersByKey.delete(key)
      }
      const key = `${call.shopId}\n${call.key}`
      const body = call.text === '' ? {} : parseJson(call.text)
      const request = `${call.path.join('/')}\n${canonicalJson(body)}`
      const known = answersByKey.get(key)
      if (known) {
        if (known.request === request) return known.answer
        throw new YookassaError(400, 'invalid_request', 'Idempotence key duplicated', 'Idempotence-Key')
      }
      const answer = okAnswer(act({ ...call, body }, ledger, receipts, now))
      answersByKey.set(key, { at: now, request, answer })
      return answer
    } catch (error) {
      return toErrorAnswer(error)
    }
  }

  function addPage(scope: FastifyInstance): void {
    const html = (reply: FastifyReply, status: number, page: string): FastifyReply =>
      reply
        .code(status)
        .header('content-type', 'text/html; charset=utf-8')
        .header('cache-control', 'no-store')
        .header(
          'content-security-policy',
          "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; form-action 'self'",
        )
        .send(page)

    scope.get<{ Params: { id: string } }>('/yookassa/pay/:id', (request, reply) => {
      ledger.expireDue()
      const payment = ledger.findPayment(request.params.id)
      const language = languageOf(request)
      if (!payment) return html(reply, 404, missingPage(language))
      return html(reply, 200, paymentPage(payment, ledger.returnUrl(payment.id), language, undefined))
    })

    scope.post<{ Params: { id: string } }>('/yookassa/pay/:id', (request, reply) => {
      ledger.expireDue()
      const language = languageOf(request)
      const payment = ledger.findPayment(request.params.id)
      const isJson = request.headers['content-type']?.includes('json') ?? false
      if (!payment) {
        if (isJson) return reply.code(404).send({ error: 'no such payment' })
        return html(reply, 404, missingPage(language))
      }
      const text = typeof request.body === 'string' ? request.body : ''
      const outcome = isJson ? parseOutcome(text) : (new URLSearchParams(text).get('outcome') ?? undefined)
      if (outcome !== 'paid' && outcome !== 'declined') {
        return reply.code(400).send({ error: 'outcome must be paid or declined' })
      }
      const done = outcome === 'paid' ? ledger.pay(payment.id) : ledger.decline(payment.id, 'insufficient_funds')
      if (isJson) {
        if (done) return reply.send({ type: 'yookassa', payment_id: payment.id, outcome })
        return reply.code(409).send({ error: `the payment is ${payment.status}` })
      }
      const page = paymentPage(done ?? payment, ledger.returnUrl(payment.id), language, done && outcome)
      return html(reply, done ? 200 : 409, page)
    })
  }

  return {
    charge({ currency, total, title, providerData }, outcome) {
      // As everywhere in these books: two decimals, whatever the currency.
      const amount = minorToAmount(BigInt(total), currency)
      try {
        const { receipt } = parseRequest(invoiceDataSchema, providerData === undefined ? {} : parseJson(providerData))
        checkReceiptSum(receipt, amount)
        const invoice = { amount, description: title, hasReceipt: receipt !== undefined }
        return { id: ledger.charge(invoiceShopId, invoice, outcome === 'paid' ? undefined : 'insufficient_funds').id }
      } catch (error) {
        if (error instanceof YookassaError)
          return { problem: `${error.message} (${error.parameter ?? 'provider_data'})` }
        throw error
      }
    },
    reset() {
      ledger.reset()
      receipts.clear()
      answersByKey.clear()
      faults.clear()
      webhooks.reset()
    },
    close() {
      clearInterval(timer)
      webhooks.reset()
    },
  }
}

/** @throws YookassaError when it is refused. */
function act(call: Call, ledger: Ledger, receipts: Map<string, Record<string, unknown>>, now: number): object {
  const [collection, id = ''] = call.path
  switch (call.operation) {
    case 'create': {
      const request = parseRequest(createPaymentSchema, call.body)
      checkReceiptSum(request.receipt, request.amount)
      return ledger.create(call.shopId, request)
    }
    case 'capture': {
      const request = parseRequest(captureSchema, call.body)
      checkReceiptSum(request.receipt, request.amount ?? ledger.payment(id).amount)
      return ledger.capture(id, request)
    }
    case 'cancel':
      return ledger.cancel(id)
    case 'refund': {
      const request = parseRequest(createRefundSchema, call.body)
      checkReceiptSum(request.receipt, request.amount)
      return ledger.refund(request)
    }
    case 'receipt': {
      const request = parseRequest(createReceiptSchema, call.body)
      checkReceipted(request, checkSettlements(request), ledger)
      const receipt = { id: `rt-${randomUUID()}`, status: 'succeeded', registered_at: iso(now), ...request }
      receipts.set(receipt.id, receipt)
      return receipt
    }
    case 'get': {
      if (collection === 'payments') return ledger.payment(id)
      const found = collection === 'refunds' ? ledger.findRefund(id) : receipts.get(id)
      if (!found) throw new YookassaError(404, 'not_found', "Object doesn't exist or access denied", 'id')
      return found
    }
    case 'list':
      if (collection === 'payments') return list(ledger.paymentIds, (id) => ledger.findPayment(id), call.query)
      if (collection === 'refunds') return list(ledger.refundIds, (id) => ledger.findRefund(id), call.query)
      return list([...receipts.keys()], (id) => receipts.get(id), call.query)
    case 'me':
      break
  }
  return {
    account_id: call.shopId,
    test: true,
    fiscalization_enabled: true,
    payment_methods: ['bank_card', 'sbp', 'sberbank', 'tinkoff_bank', 'yoo_money'],
    status: 'enabled',
  }
}

/** A receipt is about money that really moved, and about no more than that. @throws YookassaError 400. */
function checkReceipted({ type, payment_id, refund_id }: CreateReceipt, total: Amount, ledger: Ledger): void {
  const of =
    type === 'refund'
      ? { parameter: 'refund_id', found: ledger.findRefund(refund_id ?? '') }
      : { parameter: 'payment_id', found: ledger.findPayment(payment_id ?? '') }
  if (!of.found) {
    const what = type === 'refund' ? 'Refund' : 'Payment'
    throw new YookassaError(400, 'invalid_request', `${what} not found or forbidden`, of.parameter)
  }
  const { status, amount } = of.found
  if (status !== 'succeeded') {
    throw new YookassaError(400, 'invalid_request', `A receipt needs status succeeded, not ${status}`, of.parameter)
  }
  if (total.currency !== amount.currency || amountToMinor(total) > amountToMinor(amount)) {
    throw new YookassaError(400, 'invalid_request', 'Settlements are greater than the amount', 'settlements')
  }
}

function parseOutcome(text: string): unknown {
  try {
    return (JSON.parse(text) as { outcome?: unknown } | null)?.outcome
  } catch {
    return undefined
  }
}

function okAnswer(object: unknown): Answer {
  return { status: 200, body: JSON.stringify(object) }
}

function toErrorAnswer(error: unknown): Answer {
  if (error instanceof YookassaError) return errorAnswer(error)
  if (error instanceof RangeError) {
    return errorAnswer(new YookassaError(400, 'invalid_request', 'Request body is nested too deeply'))
  }
  return errorAnswer(new YookassaError(500, 'internal_server_error', String(error)))
}

function errorAnswer({ status, code, message, parameter }: YookassaError, retryAfter?: number): Answer {
  const body = { type: 'error', id: randomUUID(), code, description: message, parameter, retry_after: retryAfter }
  return { status, body: JSON.stringify(body) }
}

function faultToAnswer({ answer, retryAfter }: Fault): Answer {
  const status = typeof answer === 'number' ? answer : 500
  const codes: Partial<Record<number, string>> = {
    400: 'invalid_request',
    401: 'invalid_credentials',
    403: 'forbidden',
    404: 'not_found',
    429: 'too_many_requests',
  }
  const code = codes[status] ?? (status >= 500 ? 'internal_server_error' : 'invalid_request')
  return errorAnswer(
    new YookassaError(status, code, 'As asked for by a fault'),
    status === 429 || status >= 500 ? retryAfter : undefined,
  )
}

function send(reply: FastifyReply, { status, body }: Answer): FastifyReply {
  return reply.code(status).header('content-type', 'application/json; charset=utf-8').send(body)
}

function languageOf(request: FastifyRequest): 'ru' | 'en' {
  const wishes = request.headers['accept-language'] ?? ''
  const ru = wishes.search(/\bru\b/i)
  const en = wishes.search(/\ben\b/i)
  return en >= 0 && (ru < 0 || en < ru) ? 'en' : 'ru'
}

function iso(time: number): string {
  return new Date(time).toISOString()
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => {
    setTimeout(resolve, ms).unref()
  })
}
