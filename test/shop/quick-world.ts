/**
 * A bank and a carrier in memory, for tests that run thousands of purchases: they answer at once, keep exact books and
 * fail when they are told to. Everything else about the shop stays real.
 */
import type { PaymentMethod } from '#domain/payments.ts'
import type { Carrier, CarrierShipment } from '#gateways/carriers.ts'
import type { NewPayment, PaymentProvider, ProviderPayment, ProviderRefund } from '#gateways/payments.ts'
import type { ProviderTruth, RefundTruth } from './invariants.ts'

export type BankCall = 'capture' | 'void' | 'refund'

type Account = ProviderPayment & { twoStage: boolean; refunds: ProviderRefund[]; captures: number }

const day = 24 * 3_600_000
const silence = { ok: false, kind: 'unknown', detail: 'no answer' } as const

/** @param now in milliseconds. */
export function createBank(now: () => number) {
  const accounts = new Map<string, Account>()
  const keys = new Map<string, string>()
  let made = 0
  /** Calls that are still to fail, and whether they have their effect all the same. */
  const faults = new Map<BankCall, { left: number; hasEffect: boolean }>()

  const found = (externalId: string): Account => {
    const account = accounts.get(externalId)
    if (!account) throw new Error(`the bank has no payment ${externalId}`)
    return account
  }
  const tellOf = (account: Account) => {
    const { refunds, twoStage: _, captures: __, ...payment } = account
    return { ok: true as const, value: { ...payment, refunded: { ...payment.amount, amount: sumOf(refunds) } } }
  }
  const refused = (code: string) => ({ ok: false as const, kind: 'refused' as const, code, detail: code })
  /** What is to go wrong with this call, if anything. */
  function faultOf(call: BankCall): { hasEffect: boolean } | undefined {
    const fault = faults.get(call)
    if (!fault || fault.left === 0) return undefined
    fault.left -= 1
    return fault
  }

  const abilities = (holds: boolean) => ({
    paidAt: 'page' as const,
    holds,
    holdDays: holds ? 7 : 0,
    partialCapture: holds,
    partialRefund: true,
    refundDays: 365,
  })
  const methods: Partial<Record<PaymentMethod, ReturnType<typeof abilities>>> = {
    card: abilities(true),
    sbp: abilities(false),
  }

  const provider: PaymentProvider = {
    name: 'yookassa',
    capabilities: { methods, refunds: true, lists: true, receipts: true, signedWebhooks: false },
    async create(payment: NewPayment) {
      const known = keys.get(payment.key)
      if (known !== undefined) return tellOf(found(known))
      const externalId = `bank-${++made}`
      const { amount, twoStage, key } = payment
      const account: Account = {
        externalId,
        state: 'pending',
        amount,
        twoStage,
        refunds: [],
        captures: 0,
        paymentId: key,
        confirmationUrl: `https://bank.example/${externalId}`,
        createdAt: new Date(now()),
      }
      accounts.set(externalId, account)
      keys.set(key, externalId)
      return tellOf(account)
    },
    async capture(externalId, amount) {
      const fault = faultOf('capture')
      if (fault && !fault.hasEffect) return silence
      const account = found(externalId)
      if (account.state === 'held') {
        if (amount.amount > account.amount.amount) return refused('too_much')
        account.state = 'captured'
        account.captured = amount
        account.captures += 1
      } else if (account.state !== 'captured' || account.captured?.amount !== amount.amount) {
        return refused('wrong_state')
      }
      return fault ? silence : tellOf(account)
    },
    async void(externalId) {
      const fault = faultOf('void')
      if (fault && !fault.hasEffect) return silence
      const account = found(externalId)
      if (account.state === 'captured') return refused('wrong_state')
      account.state = 'cancelled'
      return fault ? silence : tellOf(account)
    },
    async refund(externalId, amount, key) {
      const fault = faultOf('refund')
      if (fault && !fault.hasEffect) return silence
      const account = found(externalId)
      let refund = account.refunds.find(({ moveId }) => moveId === key)
      if (!refund) {
        const left = (account.captured?.amount ?? 0n) - sumOf(account.refunds)
        if (amount.amount > left) return refused('too_much')
        refund = {
          externalId: `${externalId}-r${account.refunds.length}`,
          paymentExternalId: externalId,
          state: 'done',
          amount,
          moveId: key,
        }
        account.refunds.push(refund)
      }
      return fault ? silence : { ok: true, value: refund }
    },
    sendFinalReceipt: async () => ({ ok: true, value: 'sent' }),
    find: async (externalId) => tellOf(found(externalId)),
    async findRefund(externalId) {
      const refund = [...accounts.values()]
        .flatMap(({ refunds }) => refunds)
        .find((one) => one.externalId === externalId)
      return refund ? { ok: true, value: refund } : refused('not_found')
    },
    async findByKey(key) {
      const known = keys.get(key)
      return known === undefined ? { ok: true, value: undefined } : tellOf(found(known))
    },
    findRefundByKey: async (externalId, key) => ({
      ok: true,
      value: found(externalId).refunds.find(({ moveId }) => moveId === key),
    }),
    list: async () => ({ ok: true, value: [...accounts.values()].map((account) => tellOf(account).value) }),
    listRefunds: async () => ({ ok: true, value: [...accounts.values()].flatMap(({ refunds }) => refunds) }),
    webhookHint: () => undefined,
  }

  return {
    provider,
    /** The page of a payment of ours. */
    pageOf(paymentId: string): string {
      const externalId = keys.get(paymentId)
      if (externalId === undefined) throw new Error(`the bank has no page for payment ${paymentId}`)
      return externalId
    },
    /** Somebody pays on their page. @returns false when it is paid or over. */
    pay(externalId: string): boolean {
      const account = found(externalId)
      if (account.state !== 'pending') return false
      account.state = account.twoStage ? 'held' : 'captured'
      if (account.twoStage) account.holdUntil = new Date(now() + 7 * day)
      else {
        account.captured = account.amount
        account.captures += 1
      }
      return true
    },
    /** The bank does not keep it any longer. @returns false when it is taken, over or was never there. */
    expire(externalId: string): boolean {
      const account = found(externalId)
      if (account.state !== 'held') return false
      account.state = 'cancelled'
      return true
    },
    /** The next calls of this kind are not answered. */
    fail(call: BankCall, times: number, hasEffect: boolean): void {
      faults.set(call, { left: times, hasEffect })
    },
    /** Nothing comes of a page. @returns false when it is paid or over. */
    decline(externalId: string): boolean {
      const account = found(externalId)
      if (account.state !== 'pending') return false
      account.state = 'cancelled'
      return true
    },
    /** Whether the next call of this kind fails, and how. */
    faultAhead(call: BankCall): { hasEffect: boolean } | undefined {
      const fault = faults.get(call)
      return fault && fault.left > 0 ? fault : undefined
    },
    mend(): void {
      faults.clear()
    },
    /** What it has of a buyer's: on hold, or taken and not given back. */
    balanceOf(externalId: string): { held: bigint; taken: bigint; captures: number } {
      const { state, amount, captured, refunds, captures } = found(externalId)
      return {
        held: state === 'held' ? amount.amount : 0n,
        taken: (captured?.amount ?? 0n) - sumOf(refunds),
        captures,
      }
    },
    /** Its books as the sandbox writes them. */
    truth(): { payments: ProviderTruth[]; refunds: RefundTruth[] } {
      const status = {
        pending: 'pending',
        held: 'waiting_for_capture',
        captured: 'succeeded',
        cancelled: 'canceled',
      } as const
      const all = [...accounts.values()]
      return {
        payments: all.map(({ externalId: id, state, amount, captured, refunds, paymentId }) => ({
          id,
          status: status[state],
          amount: { value: rubles((captured ?? amount).amount) },
          refunded_amount: { value: rubles(sumOf(refunds)) },
          metadata: { ...(paymentId !== undefined && { paymentId }) },
        })),
        refunds: all.flatMap(({ refunds }) =>
          refunds.map(({ externalId: id, paymentExternalId, amount, moveId }) => ({
            id,
            payment_id: paymentExternalId,
            status: 'succeeded' as const,
            amount: { value: rubles(amount.amount) },
            metadata: { ...(moveId !== undefined && { moveId }) },
          })),
        ),
      }
    },
  }
}

export type Bank = ReturnType<typeof createBank>

function sumOf(refunds: readonly ProviderRefund[]): bigint {
  return refunds.reduce((sum, { amount }) => sum + amount.amount, 0n)
}

function rubles(kopecks: bigint): string {
  return `${kopecks / 100n}.${String(kopecks % 100n).padStart(2, '0')}`
}

/** What it asks for a parcel to anywhere. */
export const deliveryCost = 30_000n

/** Goes everywhere for the same price and takes every parcel in; none of them ever moves. */
export const quickCarrier: Carrier = {
  name: 'cdek',
  capabilities: { push: false, batchMax: 1, minPollMinutes: 1, asyncCreate: false },
  findCities: async () => ({ ok: true, value: [] }),
  findCityNear: async () => ({ ok: true, value: undefined }),
  timeZoneOf: async () => ({ ok: true, value: undefined }),
  pickupPoints: async () => ({ ok: true, value: [] }),
  quote: async () => ({
    ok: true,
    value: [{ tariffCode: 136, title: '', cost: { amount: deliveryCost, currency: 'RUB' }, daysMin: 2, daysMax: 4 }],
  }),
  create: async ({ key }) => ({ ok: true, value: parcelOf(key) }),
  findByKey: async () => ({ ok: true, value: undefined }),
  find: async (externalId) => ({ ok: true, value: parcelOf(externalId) }),
  webhookHint: () => undefined,
}

function parcelOf(key: string): CarrierShipment {
  return { externalId: key, number: key, acceptance: 'accepted', events: [] }
}
