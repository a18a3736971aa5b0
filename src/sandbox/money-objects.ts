/** Payments and refunds as YooKassa's API v3 shows them. Source: https://yookassa.ru/developers/api. */
import type { Amount } from './money-requests.ts'

export type Cancellation = { party: 'merchant' | 'yoo_money' | 'payment_network'; reason: string }

/** As it goes over the wire; nothing else is kept of a payment. */
export type Payment = {
  id: string
  status: 'pending' | 'waiting_for_capture' | 'succeeded' | 'canceled'
  /** After a capture in part: what was taken, as the real one shows it. */
  amount: Amount
  income_amount?: Amount
  description?: string
  recipient: { account_id: string; gateway_id: string }
  payment_method?: Record<string, unknown> & { type: string }
  captured_at?: string
  created_at: string
  /** Until when a hold lasts. */
  expires_at?: string
  confirmation?: { type: 'redirect'; confirmation_url: string; return_url: string }
  test: true
  paid: boolean
  refundable: boolean
  refunded_amount?: Amount
  receipt_registration?: 'pending' | 'succeeded' | 'canceled'
  metadata: Record<string, string>
  cancellation_details?: Cancellation
  authorization_details?: Record<string, unknown>
}

export type Refund = {
  id: string
  payment_id: string
  status: 'pending' | 'succeeded' | 'canceled'
  created_at: string
  amount: Amount
  description?: string
  receipt_registration?: 'pending' | 'succeeded' | 'canceled'
  metadata?: Record<string, string>
  cancellation_details?: Cancellation
}

/** What the buyer paid with, as the real one tells it afterwards. The card is YooKassa's published test card. */
export function methodUsed(payment: Payment): Pick<Payment, 'payment_method' | 'authorization_details'> {
  const type = payment.payment_method?.type ?? 'bank_card'
  const base = { type, id: payment.id, saved: false, status: 'inactive' }
  if (type === 'yoo_money') return { payment_method: { ...base, account_number: '410011758831136' } }
  if (type === 'sbp') return { payment_method: { ...base, sbp_operation_id: '1027088AE4CB48CB81287833347A8777' } }
  const card = {
    first6: '555555',
    last4: '4477',
    expiry_month: '12',
    expiry_year: '2030',
    card_type: 'MasterCard',
    issuer_country: 'RU',
  }
  return {
    payment_method: { ...base, title: 'Bank card *4477', card },
    authorization_details: { rrn: '603668680243', auth_code: '062467', three_d_secure: { applied: true } },
  }
}
