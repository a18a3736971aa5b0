/** The life of a payment, as data. Providers speak their own words; gateways translate them to `ProviderState`. */

/** What a buyer chooses. `card` is held first; `sbp` and `invoice` are charged at once; `on-delivery` is paid at the door. */
export const paymentMethods = ['card', 'sbp', 'invoice', 'on-delivery'] as const
export type PaymentMethod = (typeof paymentMethods)[number]

/** What can be done with money that came by one method. */
export type MethodAbilities = {
  /** Where the buyer pays: on a page of the provider's, in the messenger itself, or when the parcel is handed over. */
  paidAt: 'page' | 'chat' | 'door'
  /** Held first and taken later; otherwise taken at once. */
  holds: boolean
  /** Days a hold lasts, the day of authorisation included. 0 without holds. */
  holdDays: number
  /** Less than the hold can be taken; the rest is released. */
  partialCapture: boolean
  /** Taken money can be given back by a call, in parts. */
  partialRefund: boolean
  /** Days after which the provider refuses refunds. 0: it makes none. */
  refundDays: number
}

/** What a seller allows. */
export type PaymentTerms = {
  methods: readonly PaymentMethod[]
  /** Most that may be paid at the door, in minor units of `doorCurrency`; null without a limit. */
  onDeliveryMax: bigint | null
  /** Whether a seat may be taken on a promise to pay at the door. The seller bears what is never collected. */
  onDeliveryForGroups: boolean
}

/** Carriers collect it in the country where parcels are handed over. */
export const doorCurrency = 'RUB'

/** Orders that one buyer may have on their way unpaid. */
const promisesMax = 3

/** What a choice of methods depends on. */
export type PayableOrder = {
  total: bigint
  currency: string
  isGroup: boolean
  /** Goods from abroad are never sent unpaid. */
  isCrossBorder: boolean
  /** Parcels that this buyer had ordered to be paid at the door and did not take. */
  refusedAtDoor: number
  /** Orders that they have promised to pay at the door and that are not there yet. */
  promises: number
  /** The messenger can show an invoice. */
  hasInvoices: boolean
}

/**
 * The methods that can work for an order, the first being the one that is offered at once. A group needs a hold, or a
 * charge that can be given back if it fails.
 */
export function methodsFor(
  order: PayableOrder,
  terms: PaymentTerms,
  abilities: Partial<Record<PaymentMethod, MethodAbilities>>,
): PaymentMethod[] {
  return paymentMethods.filter((method) => {
    const able = abilities[method]
    if (!able || !terms.methods.includes(method)) return false
    switch (able.paidAt) {
      case 'chat':
        return order.hasInvoices && (!order.isGroup || able.holds || able.refundDays > 0)
      case 'page':
        return !order.isGroup || able.holds || able.refundDays > 0
      case 'door':
        return (
          !order.isCrossBorder &&
          order.currency === doorCurrency &&
          order.refusedAtDoor === 0 &&
          order.promises < promisesMax &&
          (terms.onDeliveryMax === null || order.total <= terms.onDeliveryMax) &&
          (!order.isGroup || terms.onDeliveryForGroups)
        )
    }
  })
}

export type PaymentState =
  | 'created'
  | 'pending'
  /** To be paid at the door: nobody has taken anything yet. */
  | 'promised'
  | 'held'
  | 'capturing'
  | 'captured'
  | 'part_refunded'
  | 'refunded'
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
    case 'promised':
    case 'captured':
    case 'part_refunded':
    case 'refunded':
    case 'voided':
    case 'expired':
    case 'failed':
      return undefined
  }
}

/** Money was really taken, whatever was given back since. */
export function isTaken(state: PaymentState): boolean {
  return state === 'captured' || state === 'part_refunded' || state === 'refunded'
}

/** Ended without money: another attempt may follow. */
export function isDead(state: PaymentState): boolean {
  return state === 'failed' || state === 'voided' || state === 'expired'
}

/** Nothing has come of it yet, and something still may. */
export function isOpen(state: PaymentState): boolean {
  return state === 'created' || state === 'pending' || state === 'unknown'
}

/** Nothing was taken, promised or held by it. */
export function isUnpaid(state: PaymentState): boolean {
  return isOpen(state) || isDead(state)
}

/** Why money goes back. */
export const refundReasons = [
  'group-failed',
  'cancelled',
  'late',
  'duplicate',
  'return',
  'goodwill',
  'price-fell',
] as const
export type RefundReason = (typeof refundReasons)[number]

/**
 * What happened to a buyer's money, in the order they are told of. `refund-by-hand`: the provider would not, a person
 * has to; `collected`: paid at the door; `chargeback`: the bank took it back; `chargeback-won`: and gave it up again.
 */
export const moneyEvents = [
  'page',
  'promised',
  'held',
  'captured',
  'collected',
  'declined',
  'voided',
  'hold-expired',
  'refund-started',
  'refunded',
  'refund-by-hand',
  'chargeback',
  'chargeback-won',
] as const
export type MoneyEvent = (typeof moneyEvents)[number]

/** What the buyer can do about a decline; codes are YooKassa's, everything else is "try again". */
export function declineAdvice(code: string | null): 'funds' | 'card' | 'bank' | 'time' | 'again' {
  switch (code) {
    case 'insufficient_funds':
      return 'funds'
    case 'card_expired':
    case 'invalid_card_number':
    case 'invalid_csc':
    case 'country_forbidden':
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
