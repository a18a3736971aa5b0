/**
 * The pretend payment provider's own books: payments and refunds in the shape of YooKassa's API v3, and the only
 * functions that change them. Source of shapes and rules: https://yookassa.ru/developers/api.
 */
import { randomUUID } from 'node:crypto'
import type { z } from 'zod'
import { type Cancellation, methodUsed, type Payment, type Refund } from './money-objects.ts'
import {
  type Amount,
  amountToMinor,
  type captureSchema,
  type createPaymentSchema,
  type createRefundSchema,
  minorToAmount,
  YookassaError,
} from './money-requests.ts'

/** An unpaid payment is given up after an hour. */
const confirmWithinMs = 3_600_000
const holdMs = 7 * 24 * 3_600_000
const dayMs = 24 * 3_600_000
const refundWithinMs = 3 * 365 * dayMs
const sberPayRefundWithinMs = 365 * dayMs

export type LedgerEvent =
  | {
      kind: 'payment'
      event?: 'payment.waiting_for_capture' | 'payment.succeeded' | 'payment.canceled'
      object: Payment
    }
  | { kind: 'refund'; event?: 'refund.succeeded'; object: Refund }

export type Ledger = ReturnType<typeof createLedger>

/** @param changed told of every change after it was made; `event` is what a webhook is called, where there is one. */
export function createLedger(options: { now(): number; baseUrl(): string; changed(event: LedgerEvent): void }) {
  const payments = new Map<string, Entry>()
  const refunds = new Map<string, Refund>()
  const paymentIds: string[] = []
  const refundIds: string[] = []
  // In the order of their deadlines, because each state lasts equally long for all: the first may be due, or none is.
  const pending = new Map<string, Entry>()
  const held = new Map<string, Entry>()
  let nextRefunds: { status: 'pending' | 'canceled'; reason: string }[] = []

  function changed(entry: Entry): Payment {
    const { payment } = entry
    payments.set(payment.id, entry)
    const event = payment.status === 'pending' ? undefined : (`payment.${payment.status}` as const)
    options.changed({ kind: 'payment', ...(event && { event }), object: payment })
    return payment
  }

  function cancel(entry: Entry, cancellation_details: Cancellation): Payment {
    const { confirmation: _, expires_at: __, ...rest } = entry.payment
    pending.delete(rest.id)
    held.delete(rest.id)
    return changed({
      ...entry,
      payment: { ...rest, status: 'canceled', paid: false, refundable: false, cancellation_details },
    })
  }

  function take(entry: Entry, minor: bigint): Payment {
    const { confirmation: _, expires_at: __, ...rest } = entry.payment
    pending.delete(rest.id)
    held.delete(rest.id)
    const { currency } = rest.amount
    const fee = (minor * 35n) / 1000n
    return changed({
      ...entry,
      payment: {
        ...rest,
        status: 'succeeded',
        amount: minorToAmount(minor, currency),
        income_amount: minorToAmount(minor - fee, currency),
        captured_at: new Date(options.now()).toISOString(),
        paid: true,
        refundable: true,
        refunded_amount: minorToAmount(0n, currency),
        ...(rest.receipt_registration && { receipt_registration: 'succeeded' as const }),
      },
    })
  }

  function expireDue(): void {
    const now = options.now()
    for (const entry of pending.values()) {
      if (entry.dueAt > now) break
      cancel(entry, { party: 'yoo_money', reason: 'expired_on_confirmation' })
    }
    for (const entry of held.values()) {
      if (entry.dueAt > now) break
      cancel(entry, { party: 'yoo_money', reason: 'expired_on_capture' })
    }
  }

  function entryOf(id: string): Entry {
    const entry = payments.get(id)
    if (!entry) throw new YookassaError(404, 'not_found', "Payment doesn't exist or access denied", 'payment_id')
    return entry
  }

  return {
    /** Cancels what was not paid or not captured in time; called before every look and on a timer. */
    expireDue,
    payments: (): Payment[] => Array.from(payments.values(), ({ payment }) => payment),
    refunds: (): Refund[] => [...refunds.values()],
    /** Ids in the order of creation; shared, not to be changed. */
    paymentIds: paymentIds as readonly string[],
    refundIds: refundIds as readonly string[],
    findPayment: (id: string): Payment | undefined => payments.get(id)?.payment,
    returnUrl: (id: string): string | undefined => payments.get(id)?.returnUrl,
    findRefund: (id: string): Refund | undefined => refunds.get(id),
    payment: (id: string): Payment => entryOf(id).payment,

    create(shopId: string, request: z.infer<typeof createPaymentSchema>): Payment {
      const method = request.payment_method_data?.type
      const isOneStage = request.capture ?? method === 'sbp'
      if (method === 'sbp' && !isOneStage) {
        throw new YookassaError(400, 'invalid_request', 'SBP payments cannot be held: capture must be true', 'capture')
      }
      const id = randomUUID()
      const entry = newEntry(shopId, id, request, isOneStage)
      pending.set(id, entry)
      paymentIds.push(id)
      return changed(entry)
    },

    /**
     * A card charged inside a messenger: this company learns of the payment when it is over. As with every charge there
     * are webhooks, but nothing of it is the shop's own: no metadata, no key.
     * @param reason why the bank refused; paid when left out.
     */
    charge(
      shopId: string,
      { amount, description, hasReceipt }: { amount: Amount; description: string; hasReceipt: boolean },
      reason: string | undefined,
    ): Payment {
      const id = randomUUID()
      const request = { amount, description, capture: true, payment_method_data: { type: 'bank_card' as const } }
      const entry = newEntry(shopId, id, request, true)
      const paid: Entry = {
        ...entry,
        payment: {
          ...entry.payment,
          ...methodUsed(entry.payment),
          ...(hasReceipt && { receipt_registration: 'pending' as const }),
        },
      }
      paymentIds.push(id)
      if (reason !== undefined) return cancel(paid, { party: 'payment_network', reason })
      return take(paid, amountToMinor(amount))
    },

    /** The buyer pays. @returns undefined when it is no longer pending. */
    pay(id: string): Payment | undefined {
      const entry = entryOf(id)
      const { payment } = entry
      if (payment.status !== 'pending') return undefined
      const paidEntry: Entry = { ...entry, payment: { ...payment, ...methodUsed(payment) } }
      if (entry.isOneStage) return take(paidEntry, amountToMinor(payment.amount))
      const { confirmation: _, ...rest } = paidEntry.payment
      const dueAt = options.now() + holdMs
      const heldEntry: Entry = {
        ...entry,
        dueAt,
        payment: { ...rest, status: 'waiting_for_capture', paid: true, expires_at: new Date(dueAt).toISOString() },
      }
      pending.delete(id)
      held.set(id, heldEntry)
      return changed(heldEntry)
    },

    /** The buyer or the bank refuses. @returns undefined when it is no longer pending. */
    decline(id: string, reason: string): Payment | undefined {
      const entry = entryOf(id)
      if (entry.payment.status !== 'pending') return undefined
      return cancel(
        { ...entry, payment: { ...entry.payment, ...methodUsed(entry.payment) } },
        {
          party: reason === 'fraud_suspected' ? 'yoo_money' : 'payment_network',
          reason,
        },
      )
    },

    /** Its time runs out now. @returns undefined when neither unpaid nor held. */
    expire(id: string): Payment | undefined {
      const entry = entryOf(id)
      if (entry.payment.status === 'pending') {
        return cancel(entry, { party: 'yoo_money', reason: 'expired_on_confirmation' })
      }
      if (entry.payment.status !== 'waiting_for_capture') return undefined
      return cancel(entry, { party: 'yoo_money', reason: 'expired_on_capture' })
    },

    /** @throws YookassaError 400 for what cannot be captured so. */
    capture(id: string, { amount, receipt }: z.infer<typeof captureSchema>): Payment {
      const entry = entryOf(id)
      const { payment } = entry
      if (payment.status !== 'waiting_for_capture') throw wrongStatus(payment)
      const minor = amountToMinor(amount ?? payment.amount)
      if (amount && amount.currency !== payment.amount.currency) {
        throw new YookassaError(400, 'invalid_request', 'Currency differs from that of the payment', 'amount.currency')
      }
      if (minor > amountToMinor(payment.amount)) {
        throw new YookassaError(400, 'invalid_request', 'Capture amount is greater than payment amount', 'amount.value')
      }
      if (minor < amountToMinor(payment.amount)) checkHasReceipt(payment, receipt)
      return take(entry, minor)
    },

    cancel(id: string): Payment {
      const entry = entryOf(id)
      if (entry.payment.status !== 'waiting_for_capture') throw wrongStatus(entry.payment)
      return cancel(entry, { party: 'merchant', reason: 'canceled_by_merchant' })
    },

    refund(request: z.infer<typeof createRefundSchema>): Refund {
      const entry = entryOf(request.payment_id)
      const { payment } = entry
      if (payment.status !== 'succeeded') throw wrongStatus(payment)
      const now = options.now()
      const isSberPay = payment.payment_method?.type === 'sberbank'
      if (now - Date.parse(payment.created_at) > (isSberPay ? sberPayRefundWithinMs : refundWithinMs)) {
        throw new YookassaError(400, 'invalid_request', 'Payment is too old to be refunded', 'payment_id')
      }
      if (request.amount.currency !== payment.amount.currency) {
        throw new YookassaError(400, 'invalid_request', 'Currency differs from that of the payment', 'amount.currency')
      }
      const minor = amountToMinor(request.amount)
      if (minor > amountToMinor(payment.amount) - (entry.refundedMinor ?? 0n)) {
        throw new YookassaError(
          400,
          'invalid_request',
          'Refund amount is greater than what is left of the payment',
          'amount.value',
        )
      }
      if (minor < amountToMinor(payment.amount)) checkHasReceipt(payment, request.receipt)
      const planned = nextRefunds.shift()
      const refund: Refund = {
        id: randomUUID(),
        payment_id: payment.id,
        status: 'pending',
        created_at: new Date(now).toISOString(),
        amount: minorToAmount(minor, request.amount.currency),
        ...(request.description !== undefined && { description: request.description }),
        ...(request.receipt && { receipt_registration: 'pending' as const }),
        ...(request.metadata && { metadata: request.metadata }),
      }
      // A pending refund already counts: two of them cannot promise the same money.
      entry.refundedMinor = (entry.refundedMinor ?? 0n) + minor
      refundIds.push(refund.id)
      if (planned?.status === 'pending') return refundChanged(refund)
      return endRefund(refund, planned?.reason)
    },

    /** Ends a pending refund: well, or for the given reason not. @returns undefined when it has ended already. */
    endRefund(id: string, reason: string | undefined): Refund | undefined {
      const refund = refunds.get(id)
      return refund?.status === 'pending' ? endRefund(refund, reason) : undefined
    },

    /** How the next refund goes, instead of at once and well. */
    planRefund(plan: { status: 'pending' | 'canceled'; reason: string }): void {
      nextRefunds.push(plan)
    },
    clearPlans(): void {
      nextRefunds = []
    },

    reset(): void {
      payments.clear()
      refunds.clear()
      pending.clear()
      held.clear()
      paymentIds.length = 0
      refundIds.length = 0
      nextRefunds = []
    },
  }

  function newEntry(
    shopId: string,
    id: string,
    request: z.infer<typeof createPaymentSchema>,
    isOneStage: boolean,
  ): Entry {
    const method = request.payment_method_data?.type
    const now = options.now()
    const { return_url } = request.confirmation ?? {}
    return {
      dueAt: now + confirmWithinMs,
      isOneStage,
      returnUrl: return_url,
      payment: {
        id,
        status: 'pending',
        amount: minorToAmount(amountToMinor(request.amount), request.amount.currency),
        ...(request.description !== undefined && { description: request.description }),
        recipient: { account_id: shopId, gateway_id: '2000001' },
        ...(method && { payment_method: { type: method, id, saved: false, status: 'inactive' } }),
        created_at: new Date(now).toISOString(),
        ...(return_url !== undefined && {
          confirmation: {
            type: 'redirect' as const,
            confirmation_url: `${options.baseUrl()}/yookassa/pay/${id}`,
            return_url,
          },
        }),
        test: true,
        paid: false,
        refundable: false,
        ...(request.receipt && { receipt_registration: 'pending' as const }),
        metadata: request.metadata ?? {},
      },
    }
  }

  function refundChanged(refund: Refund): Refund {
    refunds.set(refund.id, refund)
    // There is no `refund.canceled` webhook.
    const isDone = refund.status === 'succeeded'
    options.changed({ kind: 'refund', ...(isDone && { event: 'refund.succeeded' as const }), object: refund })
    return refund
  }

  function endRefund(refund: Refund, reason: string | undefined): Refund {
    const entry = entryOf(refund.payment_id)
    const minor = amountToMinor(refund.amount)
    const registration = refund.receipt_registration && {
      receipt_registration: reason === undefined ? ('succeeded' as const) : ('canceled' as const),
    }
    if (reason !== undefined) {
      entry.refundedMinor = (entry.refundedMinor ?? 0n) - minor
      return refundChanged({
        ...refund,
        ...registration,
        status: 'canceled',
        cancellation_details: { party: 'yoo_money', reason },
      })
    }
    const { payment } = entry
    const refunded = amountToMinor(payment.refunded_amount ?? { value: '0.00', currency: 'RUB' }) + minor
    const updated: Entry = {
      ...entry,
      payment: {
        ...payment,
        refunded_amount: minorToAmount(refunded, payment.amount.currency),
        refundable: refunded < amountToMinor(payment.amount),
      },
    }
    payments.set(payment.id, updated)
    options.changed({ kind: 'payment', object: updated.payment })
    return refundChanged({ ...refund, ...registration, status: 'succeeded' })
  }
}

type Entry = {
  payment: Payment
  /** When the present state runs out, where it does. */
  dueAt: number
  isOneStage: boolean
  /** Where the buyer goes back to; the payment itself shows it only while pending. */
  returnUrl: string | undefined
  /** Refunded and being refunded. */
  refundedMinor?: bigint
}

/** Where receipts are made at all, one for less than the payment must say what it is for. @throws YookassaError 400. */
function checkHasReceipt(payment: Payment, receipt: object | undefined): void {
  if (payment.receipt_registration === undefined || receipt) return
  throw new YookassaError(400, 'invalid_request', 'Receipt is missing or illegal', 'receipt')
}

function wrongStatus(payment: Payment): YookassaError {
  return new YookassaError(400, 'invalid_request', `Operation is not allowed for payment in status ${payment.status}`)
}
