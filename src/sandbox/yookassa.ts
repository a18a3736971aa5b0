/**
 * The pretend payment provider: YooKassa's API v3 under `/yookassa/v3/`, its confirmation page, and the `/sim/yookassa`
 * calls by which a test pays, declines, breaks things and reads the provider's own books.
 * Any shop id and secret are taken; all shops see the same payments.
 */
import { randomUUID } from 'node:crypto'
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { z } from 'zod'
import { type Call, canonicalJson, list, operations, parseJson, requestToCall } from './money-calls.ts'
import { createFaults, type Fault } from './money-faults.ts'
import { createLedger, type Ledger } from './money-ledger.ts'
import { missingPage, paymentPage } from './money-page.ts'
import {
  captureSchema,
  checkReceiptSum,
  createPaymentSchema,
  createReceiptSchema,
  createRefundSchema,
  parseRequest,
  YookassaError,
} from './money-requests.ts'
import { createWebhooks } from './money-webhooks.ts'

const rememberKeyMs = 24 * 3_600_000
const expiryCheckMs = 500

type Answer = { status: number; body: string }

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
): { reset(): void; close(): void } {
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
    addSim(scope)
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

  function addSim(scope: FastifyInstance): void {
    scope.get('/sim/yookassa/payments', () => {
      ledger.expireDue()
      return { items: ledger.payments() }
    })
    scope.get('/sim/yookassa/refunds', () => ({ items: ledger.refunds() }))

    scope.post('/sim/yookassa/faults', (request, reply) => {
      const body = parseSimBody(request)
      const problem = planRefund(body, ledger) ? undefined : faults.add(body)
      if (problem !== undefined) return reply.code(400).send({ error: problem })
      return { ok: true }
    })
    scope.delete('/sim/yookassa/faults', () => {
      faults.clear()
      ledger.clearPlans()
      return { ok: true }
    })

    scope.post<{ Params: { id: string } }>('/sim/yookassa/:id', (request, reply) => {
      ledger.expireDue()
      const parsed = outcomeSchema.safeParse(parseSimBody(request))
      if (!parsed.success) {
        return reply.code(400).send({ error: 'outcome must be paid, declined or expired' })
      }
      const { outcome, reason } = parsed.data
      const { id } = request.params
      if (ledger.findRefund(id)) {
        const ended = ledger.endRefund(id, outcome === 'paid' ? undefined : (reason ?? 'insufficient_funds'))
        return ended ?? reply.code(409).send({ error: 'the refund is no longer pending' })
      }
      const payment = ledger.findPayment(id)
      if (!payment) return reply.code(404).send({ error: 'no such payment' })
      const done =
        outcome === 'paid'
          ? ledger.pay(id)
          : outcome === 'declined'
            ? ledger.decline(id, reason ?? 'insufficient_funds')
            : ledger.expire(id)
      return done ?? reply.code(409).send({ error: `the payment is ${payment.status}` })
    })
  }

  return {
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
      const { amount, receipt } = parseRequest(captureSchema, call.body)
      checkReceiptSum(receipt, amount ?? ledger.payment(id).amount)
      return ledger.capture(id, amount)
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

const outcomeSchema = z.object({
  outcome: z.enum(['paid', 'declined', 'expired']),
  reason: z.string().min(1).max(64).optional(),
})

/**
 * Beyond the usual faults, the next refunds can be made to stay pending (ended by `POST /sim/yookassa/<refund id>`) or to
 * fail for good: `{kind: 'refund_pending' | 'refund_canceled', reason?, times?}` (times: 1 when left out).
 */
const refundPlanSchema = z.object({
  kind: z.enum(['refund_pending', 'refund_canceled']),
  reason: z.string().min(1).max(64).optional(),
  times: z.number().int().min(1).max(1000).optional(),
})

/** @returns whether the body was about refunds. */
function planRefund(body: unknown, ledger: Ledger): boolean {
  const parsed = refundPlanSchema.safeParse(body)
  if (!parsed.success) return false
  const { kind, reason = 'insufficient_funds', times = 1 } = parsed.data
  for (let i = 0; i < times; i += 1) {
    ledger.planRefund({ status: kind === 'refund_pending' ? 'pending' : 'canceled', reason })
  }
  return true
}

function parseSimBody(request: FastifyRequest): unknown {
  try {
    return JSON.parse(typeof request.body === 'string' ? request.body : '')
  } catch {
    return undefined
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
