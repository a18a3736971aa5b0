import fc from 'fast-check'
import { expect, test } from 'vitest'
import {
  advancePayment,
  declineAdvice,
  isDead,
  isTaken,
  methodsFor,
  type MethodAbilities,
  type PayableOrder,
  type PaymentState,
  type PaymentTerms,
  type ProviderState,
} from '#domain/payments.ts'

const states: PaymentState[] = [
  'created',
  'pending',
  'promised',
  'held',
  'capturing',
  'captured',
  'part_refunded',
  'refunded',
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

test.each<PaymentState>(['promised', 'captured', 'part_refunded', 'refunded', 'voided', 'expired', 'failed'])(
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
  promised: 1,
  held: 2,
  capturing: 3,
  voiding: 3,
  captured: 4,
  part_refunded: 4,
  refunded: 4,
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

test('money was taken, is gone without having been taken, or is still to be heard of: never two of them', () => {
  for (const state of states) expect({ state, both: isTaken(state) && isDead(state) }).toEqual({ state, both: false })
  expect(states.filter(isTaken)).toEqual(['captured', 'part_refunded', 'refunded'])
  expect(states.filter(isDead)).toEqual(['voided', 'expired', 'failed'])
})

const onPage: MethodAbilities = {
  paidAt: 'page',
  holds: true,
  holdDays: 7,
  partialCapture: true,
  partialRefund: true,
  refundDays: 1095,
}
const abilities = {
  card: onPage,
  sbp: { ...onPage, holds: false, holdDays: 0 },
  invoice: { ...onPage, paidAt: 'chat', holds: false, holdDays: 0 },
  'on-delivery': { ...onPage, paidAt: 'door', holds: false, holdDays: 0, refundDays: 0 },
} satisfies Record<string, MethodAbilities>
const everything: PaymentTerms = {
  methods: ['on-delivery', 'invoice', 'sbp', 'card'],
  onDeliveryMax: null,
  onDeliveryForGroups: true,
}
const plain: PayableOrder = {
  total: 1000n,
  isGroup: false,
  isCrossBorder: false,
  refusedAtDoor: 0,
  promises: 0,
  currency: 'RUB',
  hasInvoices: true,
}

test('what a seller allows and a provider can do is offered, cards first, whatever order the seller wrote it in', () => {
  expect(methodsFor(plain, everything, abilities)).toEqual(['card', 'sbp', 'invoice', 'on-delivery'])
  expect(methodsFor(plain, { ...everything, methods: ['sbp', 'on-delivery'] }, abilities)).toEqual([
    'sbp',
    'on-delivery',
  ])
  expect(methodsFor(plain, everything, { sbp: abilities.sbp })).toEqual(['sbp'])
  expect(methodsFor(plain, everything, {})).toEqual([])
  expect(methodsFor(plain, { ...everything, methods: [] }, abilities)).toEqual([])
})

test.each<[string, Partial<PayableOrder>, Partial<PaymentTerms>, string[]]>([
  ['a messenger that shows no invoices', { hasInvoices: false }, {}, ['card', 'sbp', 'on-delivery']],
  ['goods from abroad', { isCrossBorder: true }, {}, ['card', 'sbp', 'invoice']],
  ['a buyer who did not take a parcel', { refusedAtDoor: 1 }, {}, ['card', 'sbp', 'invoice']],
  ['a buyer with three parcels to be paid at the door', { promises: 3 }, {}, ['card', 'sbp', 'invoice']],
  ['a price in another currency', { currency: 'USD' }, {}, ['card', 'sbp', 'invoice']],
  ['as much as may be paid at the door', {}, { onDeliveryMax: 1000n }, ['card', 'sbp', 'invoice', 'on-delivery']],
  ['more than may be paid at the door', {}, { onDeliveryMax: 999n }, ['card', 'sbp', 'invoice']],
  ['a group whose seller bears the risk', { isGroup: true }, {}, ['card', 'sbp', 'invoice', 'on-delivery']],
  ['a group whose seller does not', { isGroup: true }, { onDeliveryForGroups: false }, ['card', 'sbp', 'invoice']],
])('%s is offered what can work', (_what, order, terms, offered) => {
  expect(methodsFor({ ...plain, ...order }, { ...everything, ...terms }, abilities)).toEqual(offered)
})

test('a group is never paid for by a charge that cannot be given back', () => {
  const forGood = { ...onPage, holds: false, holdDays: 0, refundDays: 0 }
  const able = { sbp: forGood, invoice: { ...forGood, paidAt: 'chat' } } satisfies Record<string, MethodAbilities>
  expect(methodsFor(plain, everything, able)).toEqual(['sbp', 'invoice'])
  expect(methodsFor({ ...plain, isGroup: true }, everything, able)).toEqual([])
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
