/** What every payment provider can be asked; `yookassa.ts` is the first. */
import type { Money } from '#domain/money.ts'

/** What a provider can do, as data: rules look here and never at a provider's name. */
export type ProviderCapabilities = {
  holds: boolean
  /** Days a hold lasts, the day of authorisation included. */
  holdDays: number
  partialCapture: boolean
  partialRefund: boolean
  refundDays: number
  signedWebhooks: boolean
}

/** How a payment stands at the provider, in our words. */
export type ProviderPayment = {
  externalId: string
  state: 'pending' | 'held' | 'captured' | 'cancelled'
  amount: Money
  /** What was really taken: less than `amount` after a capture in part. */
  captured?: Money
  /** Where the buyer pays, while pending. */
  confirmationUrl?: string
  holdUntil?: Date
  /** Why it was cancelled, in the provider's code, e.g. `insufficient_funds`; and who caused it. */
  reason?: { code: string; party: string }
  /** Our payment id, as we sent it. */
  paymentId?: string
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
  amount: Money
  /** Hold first, capture later. */
  twoStage: boolean
  /** At most 128 characters, shown to the buyer. */
  description: string
  /** Where the buyer's browser goes afterwards. */
  returnUrl: string
  receipt: Receipt
}

/** 54-FZ receipt: unit amounts, and their sum equals the payment. */
export type Receipt = {
  phone: string
  lines: { title: string; quantity: number; unitAmount: bigint; kind: 'goods' | 'delivery' }[]
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
  /** Reads the truth. */
  find(externalId: string): Promise<ProviderResult<ProviderPayment>>
  /** Looks for a payment by our own key among those created since: for an answer that never came. */
  findByKey(key: string, createdSince: Date): Promise<ProviderResult<ProviderPayment | undefined>>
  /**
   * Reads a webhook's body as a hint.
   * @returns the payment's id at the provider, or undefined for anything that is not about a payment.
   */
  webhookHint(body: unknown): string | undefined
}
