/** What YooKassa answers: the shapes, checked, in our words, and which of the answers are a refusal. */
import { z } from 'zod'
import { decimalToAmount, type Money } from '#domain/money.ts'
import { withoutNumbers, type JsonAnswer } from './json-call.ts'
import type { ProviderPayment, ProviderRefund, ProviderResult } from './payments.ts'

export type Outcome = { ok: true; body: unknown } | RefusedOutcome | Unknown

type RefusedOutcome = { ok: false; kind: 'refused'; status: number; code: string; detail: string }
type Unknown = Extract<ProviderResult<never>, { kind: 'unknown' }>

/** Only the provider's own words make a refusal: a page of some proxy with status 403 decides nothing about money. */
export function toOutcome(answer: JsonAnswer): Outcome {
  if ('failure' in answer) return { ok: false, kind: 'unknown', detail: answer.failure }
  const { status, body } = answer
  const error = errorSchema.safeParse(body)
  if (status === 200 && !error.success) return { ok: true, body }
  if (status >= 400 && status < 500 && status !== 408 && status !== 429 && error.data?.type === 'error') {
    const { code, description, parameter } = error.data
    // The key was used with other words: whatever those did, this call is no answer to it.
    if (parameter?.toLowerCase() === 'idempotence-key') return { ok: false, kind: 'unknown', detail: 'the key is used' }
    const detail = withoutNumbers([description, parameter].filter(Boolean).join('; '))
    return { ok: false, kind: 'refused', status, code: code ?? `http_${status}`, detail }
  }
  const detail = error.data?.code ? `HTTP ${status}, ${withoutNumbers(error.data.code)}` : `HTTP ${status}`
  // With a 500 or a 202 it is advice about one object; with a 429 it is about every call of ours.
  const retryAfterMs = status === 429 ? (error.data?.retry_after ?? answer.retryAfterMs) : undefined
  return { ok: false, kind: 'unknown', detail, ...(retryAfterMs === undefined ? {} : { retryAfterMs }) }
}

export function toFailure(outcome: RefusedOutcome | Unknown): Extract<ProviderResult<never>, { ok: false }> {
  if (outcome.kind === 'unknown') return outcome
  return { ok: false, kind: 'refused', code: outcome.code, detail: outcome.detail }
}

const paymentStates = {
  pending: 'pending',
  waiting_for_capture: 'held',
  succeeded: 'captured',
  canceled: 'cancelled',
} as const

export function readPayment(outcome: Outcome): ProviderResult<ProviderPayment> {
  if (!outcome.ok) return toFailure(outcome)
  const parsed = paymentSchema.safeParse(outcome.body)
  if (!parsed.success) return unexpected('payment', parsed.error)
  const payment = parsed.data
  const amount = toMoney(payment.amount)
  const refunded = payment.refunded_amount && toMoney(payment.refunded_amount)
  if (!amount || (payment.refunded_amount && !refunded)) {
    return { ok: false, kind: 'unknown', detail: 'unexpected payment: amount is no decimal' }
  }
  const state = paymentStates[payment.status]
  return {
    ok: true,
    value: {
      externalId: payment.id,
      state,
      amount,
      // After a capture in part YooKassa's amount is what was taken, and what had been held is no longer told.
      ...(state === 'captured' ? { captured: amount } : {}),
      ...(refunded ? { refunded } : {}),
      ...(payment.confirmation?.confirmation_url ? { confirmationUrl: payment.confirmation.confirmation_url } : {}),
      ...(state === 'held' && payment.expires_at ? { holdUntil: new Date(payment.expires_at) } : {}),
      ...(payment.cancellation_details
        ? { reason: { code: payment.cancellation_details.reason, party: payment.cancellation_details.party } }
        : {}),
      ...(payment.metadata?.['paymentId'] ? { paymentId: payment.metadata['paymentId'] } : {}),
      ...(payment.created_at ? { createdAt: new Date(payment.created_at) } : {}),
    },
  }
}

const refundStates = { pending: 'pending', succeeded: 'done', canceled: 'failed' } as const

export function readRefund(outcome: Outcome): ProviderResult<ProviderRefund> {
  if (!outcome.ok) return toFailure(outcome)
  const parsed = refundSchema.safeParse(outcome.body)
  if (!parsed.success) return unexpected('refund', parsed.error)
  const refund = parsed.data
  const amount = toMoney(refund.amount)
  if (!amount) return { ok: false, kind: 'unknown', detail: 'unexpected refund: amount is no decimal' }
  const moveId = refundToKey(refund)
  return {
    ok: true,
    value: {
      externalId: refund.id,
      paymentExternalId: refund.payment_id,
      state: refundStates[refund.status],
      amount,
      ...(refund.cancellation_details ? { reason: refund.cancellation_details.reason } : {}),
      ...(moveId === undefined ? {} : { moveId }),
    },
  }
}

/** A receipt that is still being registered counts as sent: nothing of ours can hasten it. */
export function readReceipt(outcome: Outcome): ProviderResult<'sent'> {
  if (!outcome.ok) return toFailure(outcome)
  const parsed = receiptSchema.safeParse(outcome.body)
  if (!parsed.success) return unexpected('receipt', parsed.error)
  if (parsed.data.status !== 'canceled') return { ok: true, value: 'sent' }
  return { ok: false, kind: 'refused', code: 'receipt_canceled', detail: 'the receipt could not be registered' }
}

/** @returns the objects as they came: payments of other programs in the same shop may look as they like. */
export function readPage(outcome: Outcome): { ok: true; items: unknown[]; next: string | undefined } | Unread {
  if (!outcome.ok) return toFailure(outcome)
  const parsed = pageSchema.safeParse(outcome.body)
  if (!parsed.success) return unexpected('list', parsed.error)
  return { ok: true, items: parsed.data.items, next: parsed.data.next_cursor ?? undefined }
}

export type Unread = Extract<ProviderResult<never>, { ok: false }>

/** @returns our payment's id, as it was sent with the payment. */
export function keyOfPayment(item: unknown): string | undefined {
  return paymentKeySchema.safeParse(item).data?.metadata.paymentId
}

/** @returns our move's id, as it was sent with the refund. */
export function keyOfRefund(item: unknown): string | undefined {
  const refund = refundKeySchema.safeParse(item).data
  return refund && refundToKey(refund)
}

/** Where a refund carries our key besides its metadata. */
export function keyToDescription(key: string): string {
  return `Refund ${key}`
}

function refundToKey({ metadata, description }: z.infer<typeof refundKeySchema>): string | undefined {
  return metadata?.['moveId'] ?? /^Refund (\S{1,64})$/.exec(description ?? '')?.[1]
}

/** @returns the payment that a webhook's body is about. */
export function readHint(body: unknown): string | undefined {
  const hint = hintSchema.safeParse(body)
  if (!hint.success) return undefined
  const { event, object } = hint.data
  if (event.startsWith('payment.')) return object.id
  return event.startsWith('refund.') ? object.payment_id : undefined
}

function toMoney({ value, currency }: z.infer<typeof amountSchema>): Money | undefined {
  const amount = decimalToAmount(value, currency)
  return amount === undefined ? undefined : { amount, currency }
}

/** Names the places and never the values: those may be a person's. */
function unexpected(what: string, error: z.ZodError): Unknown {
  const places = error.issues.map((issue) => `${issue.path.join('.') || 'itself'} ${issue.code}`).join(', ')
  return { ok: false, kind: 'unknown', detail: `unexpected ${what}: ${places}`.slice(0, 300) }
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
const amountSchema = z.object({ value: z.string(), currency: z.string().regex(/^[A-Z]{3}$/) })
const cancellationSchema = z.object({ party: z.string(), reason: z.string() })
const timeSchema = z.iso.datetime({ offset: true })
const metadataSchema = z.record(z.string(), z.string())

const paymentSchema = z.object({
  id: idSchema,
  status: z.enum(['pending', 'waiting_for_capture', 'succeeded', 'canceled']),
  amount: amountSchema,
  refunded_amount: amountSchema.nullish(),
  confirmation: z.object({ confirmation_url: z.url().optional() }).nullish(),
  created_at: timeSchema.nullish(),
  expires_at: timeSchema.nullish(),
  cancellation_details: cancellationSchema.nullish(),
  metadata: metadataSchema.nullish(),
})

const refundKeySchema = z.object({ metadata: metadataSchema.nullish(), description: z.string().nullish() })

const refundSchema = refundKeySchema.extend({
  id: idSchema,
  payment_id: idSchema,
  status: z.enum(['pending', 'succeeded', 'canceled']),
  amount: amountSchema,
  cancellation_details: cancellationSchema.nullish(),
})

const receiptSchema = z.object({ id: z.string(), status: z.enum(['pending', 'succeeded', 'canceled']) })

const pageSchema = z.object({ items: z.array(z.unknown()), next_cursor: z.string().min(1).nullish() })
const paymentKeySchema = z.object({ metadata: z.object({ paymentId: z.string() }) })

const hintSchema = z.object({
  event: z.string(),
  object: z.object({ id: idSchema, payment_id: idSchema.optional() }),
})
