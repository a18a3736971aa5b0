/**
 * The `/sim/yookassa` calls by which a test pays, declines, ends refunds, breaks things and reads the provider's own
 * books. Bodies come as text, whatever their type.
 */
import type { FastifyInstance, FastifyRequest } from 'fastify'
import { z } from 'zod'
import type { Faults } from './money-faults.ts'
import type { Ledger } from './money-ledger.ts'

/** @param receipts by id, as they were taken. */
export function addMoneySim(
  scope: FastifyInstance,
  { ledger, faults, receipts }: { ledger: Ledger; faults: Faults; receipts: ReadonlyMap<string, object> },
): void {
  scope.get('/sim/yookassa/payments', () => {
    ledger.expireDue()
    return { items: ledger.payments() }
  })
  scope.get('/sim/yookassa/refunds', () => ({ items: ledger.refunds() }))
  scope.get('/sim/yookassa/receipts', () => ({ items: [...receipts.values()] }))

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

  scope.post<{ Params: { id: string } }>('/sim/yookassa/refunds/:id', (request, reply) => {
    const parsed = refundOutcomeSchema.safeParse(parseSimBody(request))
    if (!parsed.success) return reply.code(400).send({ error: 'outcome must be succeeded or canceled' })
    const { outcome, reason = 'insufficient_funds' } = parsed.data
    const { id } = request.params
    if (!ledger.findRefund(id)) return reply.code(404).send({ error: 'no such refund' })
    const ended = ledger.endRefund(id, outcome === 'succeeded' ? undefined : reason)
    return ended ?? reply.code(409).send({ error: 'the refund is no longer pending' })
  })

  scope.post<{ Params: { id: string } }>('/sim/yookassa/:id', (request, reply) => {
    ledger.expireDue()
    const parsed = outcomeSchema.safeParse(parseSimBody(request))
    if (!parsed.success) {
      return reply.code(400).send({ error: 'outcome must be paid, declined or expired' })
    }
    const { outcome, reason } = parsed.data
    const { id } = request.params
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

const refundOutcomeSchema = z.object({
  outcome: z.enum(['succeeded', 'canceled']),
  reason: z.string().min(1).max(64).optional(),
})

const outcomeSchema = z.object({
  outcome: z.enum(['paid', 'declined', 'expired']),
  reason: z.string().min(1).max(64).optional(),
})

/**
 * Beyond the usual faults, the next refunds can be made to stay pending (ended by `POST /sim/yookassa/refunds/<id>`) or to
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
