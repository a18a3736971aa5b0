/** A bound on the calls that are under way to one company, and one pause for all of them when it asks for that. */
import type { PaymentProvider, ProviderResult } from './payments.ts'

export type CallClock = { now(): number; sleep(ms: number): Promise<void> }

/**
 * At most `max` calls at once; the others wait their turn in the order in which they came. After an `unknown` with
 * `retryAfterMs` no call starts before that time has passed.
 * Two providers that call one company (Telegram's invoices and their acquirer) share one limited provider.
 * @param clock milliseconds; sleeps may be early, never for ever.
 */
export function limitCalls(provider: PaymentProvider, max: number, clock: CallClock): PaymentProvider {
  if (!Number.isSafeInteger(max) || max < 1) throw new Error('at least one call must be allowed')
  // Newcomers are put in order once the turn is empty: each is moved once, however many wait.
  let turn: (() => void)[] = []
  let newcomers: (() => void)[] = []
  let underWay = 0
  let pausedUntil = -Infinity

  async function inTurn<T>(call: () => Promise<ProviderResult<T>>): Promise<ProviderResult<T>> {
    // A place is handed over and not given back while somebody waits: a newcomer could take it in between.
    if (underWay < max) underWay += 1
    else await new Promise<void>((resolve) => newcomers.push(resolve))
    try {
      for (let rest = pausedUntil - clock.now(); rest > 0; rest = pausedUntil - clock.now()) await clock.sleep(rest)
      const result = await call()
      if (!result.ok && result.kind === 'unknown' && result.retryAfterMs !== undefined) {
        pausedUntil = Math.max(pausedUntil, clock.now() + result.retryAfterMs)
      }
      return result
    } finally {
      const next = takeNext()
      if (next) next()
      else underWay -= 1
    }
  }

  function takeNext(): (() => void) | undefined {
    if (turn.length === 0) {
      turn = newcomers.toReversed()
      newcomers = []
    }
    return turn.pop()
  }

  // Everything that is no call, what a provider may have and others lack included, is the provider's own.
  return {
    ...provider,
    create: (payment) => inTurn(() => provider.create(payment)),
    capture: (externalId, amount, key, receipt) => inTurn(() => provider.capture(externalId, amount, key, receipt)),
    void: (externalId, key) => inTurn(() => provider.void(externalId, key)),
    refund: (externalId, amount, key, receipt) => inTurn(() => provider.refund(externalId, amount, key, receipt)),
    sendFinalReceipt: (externalId, amount, key, receipt) =>
      inTurn(() => provider.sendFinalReceipt(externalId, amount, key, receipt)),
    find: (externalId) => inTurn(() => provider.find(externalId)),
    findRefund: (refundExternalId) => inTurn(() => provider.findRefund(refundExternalId)),
    findByKey: (key, createdSince) => inTurn(() => provider.findByKey(key, createdSince)),
    findRefundByKey: (externalId, key) => inTurn(() => provider.findRefundByKey(externalId, key)),
    list: (since, until) => inTurn(() => provider.list(since, until)),
    listRefunds: (since, until) => inTurn(() => provider.listRefunds(since, until)),
  }
}
