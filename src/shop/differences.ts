/** In what a payment of ours and the provider's word on it can differ. Nothing here waits. */
import { advancePayment, isDead, isTaken } from '#domain/payments.ts'
import type { ProviderPayment, ProviderRefund } from '#gateways/payments.ts'
import type { ComparedMove, ComparedPayment } from '#store/reconciliation.ts'

/** What a difference is about; what is not known is left out. `externalId`: the provider's number of the payment. */
type About = { provider: string; orderId?: number; orderNumber?: string; paymentId?: string; externalId?: string }
type Sum = { amount: bigint; currency: string }

/** Amounts are minor units. `ours` is what our rows say, `theirs` what the provider does. */
export type Difference = About &
  (
    | ({ kind: 'unknown-to-us'; state: ProviderPayment['state'] } & Sum)
    | ({ kind: 'missing-at-provider'; state: ComparedPayment['state'] } & Sum)
    | ({ kind: 'state'; ours: ComparedPayment['state']; theirs: ProviderPayment['state'] } & Sum)
    | { kind: 'amount'; ours: bigint; theirs: bigint; currency: string; theirCurrency: string }
    | { kind: 'captured' | 'refunded'; ours: bigint; theirs: bigint; currency: string }
    | ({ kind: 'refund-unknown-to-us'; refundId: string; state: ProviderRefund['state'] } & Sum)
    | ({ kind: 'refund-missing'; moveId: string; state: ComparedMove['state'] } & Sum)
    | ({ kind: 'refund-state'; moveId: string; ours: ComparedMove['state']; theirs: ProviderRefund['state'] } & Sum)
    | { kind: 'refund-amount'; moveId: string; ours: bigint; theirs: bigint; currency: string }
    /** `booked`: what the books say lies with the provider; `ours`: what our rows say does. */
    | { kind: 'books'; ours: bigint; booked: bigint; currency: string }
    | ({ kind: 'order-without-money'; orderState: string } & Sum)
    | ({ kind: 'money-without-order'; orderState: string } & Sum)
  )

/** What a payment is compared with. `payment: 'not-asked'`: only its refunds are. `missing`: refunds that are not there. */
export type Truth = {
  payment: ProviderPayment | 'none' | 'not-asked'
  refunds: ProviderRefund[]
  missing: ReadonlySet<ComparedMove>
}

const minute = 60_000
/** Our ticks ask after every silent payment within ten minutes, and a little later they have. */
const tickMs = 15 * minute
/** A page to pay on lives for an hour; what happened on it is known to us by then. */
const pageMs = 60 * minute + tickMs
/** A capture, void or refund is tried again with growing pauses, and one that takes its time ends at any moment. */
const moveMs = 60 * minute

/** What differs between our row, its refunds and the books on one side, and what the provider says on the other. */
export function compare(row: ComparedPayment, { payment: theirs, refunds, missing }: Truth, now: Date): Difference[] {
  const { provider, orderId, orderNumber, paymentId, externalId, currency, amount } = row
  const about = { provider, orderId, orderNumber, paymentId, ...(externalId !== null && { externalId }) }
  const { differences: found, difference: ofRefunds } = compareRefunds(row, refunds, about, now)
  for (const { moveId, state, amount } of missing)
    found.push({ kind: 'refund-missing', ...about, moveId, state, amount, currency })
  const isDone = ({ state }: ComparedMove) => state === 'done'
  const difference = ofRefunds - sumOf([...missing].filter(isDone))
  const returnedThere = sumOf(row.moves.filter((move) => isDone(move) && isMadeThere(move)))
  // What a bank took back, and what it gave up of that, the provider's lists do not know.
  const ofKind = (kind: ComparedMove['kind']) => sumOf(row.moves.filter((move) => isDone(move) && move.kind === kind))
  const chargedBack = ofKind('chargeback') - ofKind('chargeback-won')
  const withBooks = (theirBalance?: bigint): Difference[] => {
    const ours = row.captured - returnedThere - chargedBack
    // Where the books agree with the provider only our row is wrong, and that was said.
    const isSaid = found.length > 0 && theirBalance !== undefined && row.booked === theirBalance - chargedBack
    if (row.booked === ours || isSaid) return found
    return [...found, { kind: 'books', ...about, ours, booked: row.booked, currency }]
  }
  if (theirs === 'not-asked') return withBooks()
  if (theirs === 'none') {
    if (externalId !== null) found.push({ kind: 'missing-at-provider', ...about, state: row.state, amount, currency })
    return withBooks()
  }
  const theirCurrency = theirs.amount.currency
  const theirCaptured = theirs.captured?.amount ?? 0n
  const theirRefunded = theirs.refunded?.amount ?? 0n
  // After a capture in part some providers tell that amount only.
  if (theirCurrency !== currency || (theirs.state !== 'captured' && theirs.amount.amount !== amount))
    found.push({ kind: 'amount', ...about, ours: amount, theirs: theirs.amount.amount, currency, theirCurrency })
  if (!isSameState(row.state, theirs.state) || isStuck(row, theirs, now)) {
    const sum = theirs.captured ?? theirs.amount
    if (!isComing(row, theirs, now))
      found.push({ kind: 'state', ...about, ours: row.state, theirs: theirs.state, ...sum })
    return withBooks(theirCaptured - theirRefunded)
  }
  if (theirCurrency === currency && theirCaptured !== row.captured)
    found.push({ kind: 'captured', ...about, ours: row.captured, theirs: theirCaptured, currency })
  const ourRefunded =
    row.refunded -
    sumOf(row.moves.filter((move) => isDone(move) && move.kind === 'refund' && !isMadeThere(move))) -
    chargedBack
  // What single refunds explain was said of them.
  if (theirRefunded !== ourRefunded && theirRefunded - ourRefunded !== difference)
    found.push({ kind: 'refunded', ...about, ours: ourRefunded, theirs: theirRefunded, currency })
  return withBooks(theirCaptured - theirRefunded)
}

function sumOf(moves: readonly ComparedMove[]): bigint {
  return moves.reduce((sum, { amount }) => sum + amount, 0n)
}

function isSameState(ours: ComparedPayment['state'], theirs: ProviderPayment['state']): boolean {
  switch (theirs) {
    case 'pending':
      return ours === 'pending'
    case 'held':
      return ours === 'held' || ours === 'capturing' || ours === 'voiding'
    case 'captured':
      return isTaken(ours)
    case 'cancelled':
      return isDead(ours)
  }
}

/** Money was to be taken or given back, and the provider has still not done it. */
function isStuck(row: ComparedPayment, theirs: ProviderPayment, now: Date): boolean {
  if (theirs.state !== 'held' || row.state === 'held') return false
  return !hasMoveUnderWay(row, moveMs, now)
}

function hasMoveUnderWay({ moves }: ComparedPayment, ms: number, now: Date): boolean {
  return moves.some(
    ({ kind, state, createdAt }) =>
      (kind === 'capture' || kind === 'void') &&
      (state === 'created' || state === 'pending') &&
      now.getTime() - createdAt.getTime() < ms,
  )
}

/** News that our own webhooks and ticks are about to bring, if they work. */
function isComing(row: ComparedPayment, theirs: ProviderPayment, now: Date): boolean {
  if (!advancePayment(row.state, theirs.state)) return false
  const isWithin = (since: Date | null, ms: number) => since !== null && now.getTime() - since.getTime() < ms
  if (row.state === 'held') return row.holdUntil !== null && row.holdUntil <= now && isWithin(row.holdUntil, tickMs)
  if (row.state !== 'capturing' && row.state !== 'voiding') return isWithin(row.createdAt, pageMs)
  return hasMoveUnderWay(row, tickMs, now)
}

/** A refund that the provider has, if it is what we believe it is. */
export function isMadeThere({ kind, state, posted, externalId }: ComparedMove): boolean {
  if (kind !== 'refund') return false
  if (state === 'done') return posted !== 'refunded-by-hand'
  return state === 'pending' && externalId !== null
}

export function isSameRefund(move: ComparedMove, refund: ProviderRefund): boolean {
  return move.kind === 'refund' && (move.externalId === refund.externalId || move.moveId === refund.moveId)
}

/** @returns also by how much the refunds compared make their sum larger than ours. */
function compareRefunds(
  row: ComparedPayment,
  refunds: readonly ProviderRefund[],
  about: About,
  now: Date,
): { differences: Difference[]; difference: bigint } {
  const differences: Difference[] = []
  let difference = 0n
  const left = new Set(refunds)
  for (const move of row.moves) {
    const theirs = [...left].find((refund) => isSameRefund(move, refund))
    if (!theirs) continue
    left.delete(theirs)
    const { moveId, amount, state } = move
    const isOurs = isMadeThere(move)
    const isUnderWay = state === 'created' || state === 'pending'
    difference += (theirs.state === 'done' ? theirs.amount.amount : 0n) - (isOurs && !isUnderWay ? amount : 0n)
    const wanted = isUnderWay ? 'pending' : isOurs ? 'done' : 'failed'
    const isComing = isUnderWay && now.getTime() - move.createdAt.getTime() < moveMs
    if (theirs.state !== wanted && !isComing)
      differences.push({ kind: 'refund-state', ...about, moveId, ours: state, theirs: theirs.state, ...theirs.amount })
    else if (theirs.amount.amount !== amount)
      differences.push({
        kind: 'refund-amount',
        ...about,
        moveId,
        ours: amount,
        theirs: theirs.amount.amount,
        currency: row.currency,
      })
  }
  for (const { externalId: refundId, state, amount } of left) {
    if (state === 'failed') continue
    if (state === 'done') difference += amount.amount
    differences.push({ kind: 'refund-unknown-to-us', ...about, refundId, state, ...amount })
  }
  return { differences, difference }
}
