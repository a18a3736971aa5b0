import fc from 'fast-check'
import { expect, test } from 'vitest'
import { advancePayment, declineAdvice, type PaymentState, type ProviderState } from '#domain/payments.ts'

const states: PaymentState[] = [
  'created',
  'pending',
  'held',
  'capturing',
  'captured',
  'voiding',
  'voided',
  'expired',
  'failed',
  'unknown',
]
const providerStates: ProviderState[] = ['pending', 'held', 'captured', 'cancelled']

test.each<[PaymentState, ProviderState, ReturnType<typeof advancePayment>]>([
  ['created', 'pending', { state: 'pending' }],
  ['unknown', 'pending', { state: 'pending' }],
  ['pending', 'pending', undefined],
  ['pending', 'held', { state: 'held', event: 'held' }],
  // The webhook of the hold was lost, or came after that of the capture.
  ['pending', 'captured', { state: 'captured', event: 'captured' }],
  ['pending', 'cancelled', { state: 'failed', event: 'declined' }],
  ['held', 'held', undefined],
  ['held', 'pending', undefined],
  ['held', 'captured', { state: 'captured', event: 'captured' }],
  ['held', 'cancelled', { state: 'expired', event: 'hold-expired' }],
  ['capturing', 'held', undefined],
  ['capturing', 'captured', { state: 'captured', event: 'captured' }],
  ['capturing', 'cancelled', { state: 'expired', event: 'hold-expired' }],
  ['voiding', 'held', undefined],
  ['voiding', 'cancelled', { state: 'voided', event: 'voided' }],
  ['voiding', 'captured', { state: 'captured', event: 'captured' }],
])('a payment that is %s here and %s there', (current, provider, step) => {
  expect(advancePayment(current, provider)).toEqual(step)
})

test.each<PaymentState>(['captured', 'voided', 'expired', 'failed'])(
  'nothing moves a payment that is %s',
  (current) => {
    for (const provider of providerStates) expect(advancePayment(current, provider)).toBeUndefined()
  },
)

test('news heard twice acts once', () => {
  for (const current of states) {
    for (const provider of providerStates) {
      const step = advancePayment(current, provider)
      expect(step && advancePayment(step.state, provider)).toBeUndefined()
    }
  }
})

const rank: Record<PaymentState, number> = {
  created: 0,
  unknown: 0,
  pending: 1,
  held: 2,
  capturing: 3,
  voiding: 3,
  captured: 4,
  voided: 4,
  expired: 4,
  failed: 4,
}

test('whatever arrives in whatever order, a payment only goes forward, and each event happens at most once', () => {
  fc.assert(
    fc.property(fc.constantFrom(...states), fc.array(fc.constantFrom(...providerStates)), (from, news) => {
      let current = from
      const happened: string[] = []
      for (const provider of news) {
        const step = advancePayment(current, provider)
        if (!step) continue
        expect(rank[step.state]).toBeGreaterThan(rank[current])
        if (step.event) happened.push(step.event)
        current = step.state
      }
      expect(new Set(happened).size).toBe(happened.length)
    }),
  )
})

test('a decline is explained by what can be done about it', () => {
  expect(declineAdvice('insufficient_funds')).toBe('funds')
  expect(declineAdvice('card_expired')).toBe('card')
  expect(declineAdvice('fraud_suspected')).toBe('bank')
  expect(declineAdvice('expired_on_confirmation')).toBe('time')
  expect(declineAdvice('general_decline')).toBe('again')
  expect(declineAdvice('a_code_of_next_year')).toBe('again')
  expect(declineAdvice('constructor')).toBe('again')
  expect(declineAdvice(null)).toBe('again')
})
