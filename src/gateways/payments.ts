/** What every payment provider can be asked; `yookassa.ts` is the first, `telegram-payments.ts` the second. */
import type { Money } from '#domain/money.ts'
import type { MethodAbilities, PaymentMethod } from '#domain/payments.ts'

/** What a provider can do, as data: rules look here and never at a provider's name. */
export type ProviderCapabilities = {
  /** What a buyer may choose there, and what each of them can do. */
  methods: Partial<Record<PaymentMethod, MethodAbilities>>
  /** Refunds are asked for by us; without it every refund is made by hand. */
  refunds: boolean
  /** Its payments can be listed, so that its truth can be laid beside ours. */
  lists: boolean
  /** Fiscal receipts (54-FZ) are made by the provider from what we send. */
  receipts: boolean
  signedWebhooks: boolean
}

/** How a payment stands at the provider, in our words. */
export type ProviderPayment = {
  externalId: string
  state: 'pending' | 'held' | 'captured' | 'cancelled'
  amount: Money
  /** What was really taken: less than `amount` after a capture in part. */
  captured?: Money
  /** What was given back since, by refunds that succeeded. */
  refunded?: Money
  /** Where the buyer pays, while pending. */
  confirmationUrl?: string
  holdUntil?: Date
  /** Why it was cancelled, in the provider's code, e.g. `insufficient_funds`; and who caused it. */
  reason?: { code: string; party: string }
  /** Our payment id, as we sent it. */
  paymentId?: string
  /** Where the provider tells it. */
  createdAt?: Date
}

export type ProviderRefund = {
  externalId: string
  /** The payment's number at the provider. */
  paymentExternalId: string
  state: 'pending' | 'done' | 'failed'
  amount: Money
  /** Why it failed, in the provider's code, e.g. `insufficient_funds`, `rejected_by_payee`. */
  reason?: string
  /** Our move's id, as we sent it. */
  moveId?: string
}

/**
 * An answer, or none. `refused` is final: the provider understood and will not do it (`code` is its own word).
 * `unknown` means that the call may or may not have had its effect: repeat with the same key or look it up.
 */
export type ProviderResult<T> =
  | { ok: true; value: T }
  | { ok: false; kind: 'refused'; code: string; detail: string }
  | { ok: false; kind: 'unknown'; detail: string; retryAfterMs?: number }

export type NewPayment = {
  /** Our row's id: the idempotence key. */
  key: string
  method: PaymentMethod
  amount: Money
  /** Hold first, capture later. */
  twoStage: boolean
  /** At most 128 characters, shown to the buyer. */
  description: string
  /** Where the buyer's browser goes afterwards. */
  returnUrl: string
  receipt: Receipt
}

/** 54-FZ receipt. The lines sum to the payment: `receiptLines` in `domain/money.ts` makes them so. */
export type Receipt = {
  phone: string
  lines: { title: string; quantity: number; unitAmount: bigint; kind: 'goods' | 'delivery' }[]
  /** The goods are with the buyer: from then on receipts are of the full payment, before it of the prepayment. */
  isHandedOver?: boolean
}

export type PaymentProvider = {
  name: string
  capabilities: ProviderCapabilities
  create(payment: NewPayment): Promise<ProviderResult<ProviderPayment>>
  /**
   * Takes held money. `amount` may be less than held where `partialCapture`; the rest is released.
   * @param receipt only with a smaller amount: it replaces the one that `create` sent.
   */
  capture(externalId: string, amount: Money, key: string, receipt?: Receipt): Promise<ProviderResult<ProviderPayment>>
  /** Gives a hold back. */
  void(externalId: string, key: string): Promise<ProviderResult<ProviderPayment>>
  /** Gives taken money back, whole or in part. `refused` where the provider will never do it: then by hand. */
  refund(externalId: string, amount: Money, key: string, receipt: Receipt): Promise<ProviderResult<ProviderRefund>>
  /** The second receipt of prepaid goods, when they are handed over (54-FZ `full_payment`). Only where `receipts`. */
  sendFinalReceipt(externalId: string, amount: Money, key: string, receipt: Receipt): Promise<ProviderResult<'sent'>>
  /**
   * What goes along with an invoice that a messenger charges through this company, so that the company makes the receipt:
   * opaque to everybody in between. Left out where the company makes no receipts for such charges.
   */
  invoiceData?: (amount: Money, receipt: Receipt) => string
  /** Reads the truth. */
  find(externalId: string): Promise<ProviderResult<ProviderPayment>>
  findRefund(refundExternalId: string): Promise<ProviderResult<ProviderRefund>>
  /** Looks for a payment by our own key among those created since: for an answer that never came. */
  findByKey(key: string, createdSince: Date): Promise<ProviderResult<ProviderPayment | undefined>>
  /** The same for refunds of one payment. */
  findRefundByKey(externalId: string, key: string): Promise<ProviderResult<ProviderRefund | undefined>>
  /** Every payment made in `[since, until)`, for reconciliation. Only where `lists`. */
  list(since: Date, until: Date): Promise<ProviderResult<ProviderPayment[]>>
  /** Every refund made in `[since, until)`. Only where `lists`. */
  listRefunds(since: Date, until: Date): Promise<ProviderResult<ProviderRefund[]>>
  /**
   * Reads a webhook's body as a hint.
   * @returns the payment's id at the provider, or undefined for anything that is not about a payment.
   */
  webhookHint(body: unknown): string | undefined
}

/** The provider that moves money by a method, or by its own name. @throws when there is none: a defect of the wiring. */
export function providerOf(
  providers: readonly PaymentProvider[],
  wanted: { method: PaymentMethod } | { name: string },
): PaymentProvider {
  const found = providers.find((provider) =>
    'name' in wanted ? provider.name === wanted.name : provider.capabilities.methods[wanted.method] !== undefined,
  )
  if (!found) throw new Error(`no payment provider for ${'name' in wanted ? wanted.name : wanted.method}`)
  return found
}
