/** The life of a payment, as data. Providers speak their own words; gateways translate them to `ProviderState`. */

export type PaymentState =
  | 'created'
  | 'pending'
  | 'held'
  | 'capturing'
  | 'captured'
  | 'voiding'
  | 'voided'
  | 'expired'
  | 'failed'
  | 'unknown'

export type ProviderState = 'pending' | 'held' | 'captured' | 'cancelled'

/** What just happened, for the operation to act upon exactly once. */
export type PaymentEvent = 'held' | 'captured' | 'declined' | 'voided' | 'hold-expired'

/**
 * Where a payment goes when the provider says how it stands. Provider states may be skipped and arrive late or
 * twice, but never go backward: whatever does not lead forward from our state is no news.
 * @returns undefined when nothing changes.
 */
export function advancePayment(
  current: PaymentState,
  provider: ProviderState,
): { state: PaymentState; event?: PaymentEvent } | undefined {
  switch (current) {
    case 'created':
    case 'pending':
    case 'unknown':
      if (provider === 'held') return { state: 'held', event: 'held' }
      if (provider === 'captured') return { state: 'captured', event: 'captured' }
      if (provider === 'cancelled') return { state: 'failed', event: 'declined' }
      return current === 'pending' ? undefined : { state: 'pending' }
    case 'held':
    case 'capturing':
      if (provider === 'captured') return { state: 'captured', event: 'captured' }
      if (provider === 'cancelled') return { state: 'expired', event: 'hold-expired' }
      return undefined
    case 'voiding':
      if (provider === 'cancelled') return { state: 'voided', event: 'voided' }
      // Taken although we asked to give it back: only a refund can follow.
      return provider === 'captured' ? { state: 'captured', event: 'captured' } : undefined
    case 'captured':
    case 'voided':
    case 'expired':
    case 'failed':
      return undefined
  }
}

/** What the buyer can do about a decline; codes are YooKassa's, everything else is "try again". */
export function declineAdvice(code: string | null): 'funds' | 'card' | 'bank' | 'time' | 'again' {
  switch (code) {
    case 'insufficient_funds':
      return 'funds'
    case 'card_expired':
    case 'invalid_card_number':
    case 'invalid_csc':
      return 'card'
    case '3d_secure_failed':
    case 'call_issuer':
    case 'issuer_unavailable':
    case 'payment_method_limit_exceeded':
    case 'payment_method_restricted':
    case 'permission_revoked':
    case 'fraud_suspected':
      return 'bank'
    case 'expired_on_confirmation':
    case 'expired_on_capture':
      return 'time'
    default:
      return 'again'
  }
}
