/**
 * Lays the provider's list beside our rows, and our rows beside the books and the orders, and says every difference.
 * It changes nothing: what our own ticks will soon bring is no difference, and whatever else differs is a person's to see.
 */
import type { PaymentProvider, ProviderPayment, ProviderRefund, ProviderResult } from '#gateways/payments.ts'
import { inTransaction, type Client } from '#store/db.ts'
import { notifyShop } from '#store/notifications.ts'
import {
  countDifferences,
  findComparedPayments,
  findMoneyWithoutOrder,
  findOpenInvoice,
  findOrdersWithoutMoney,
  insertReconciliation,
  isPaymentId,
  type ComparedMove,
  type ComparedPayment,
} from '#store/reconciliation.ts'
import type { Deps } from './deps.ts'
import { compare, isMadeThere, isSameRefund, type Difference, type Truth } from './differences.ts'
import { OutcomeUnknown } from './outcome.ts'

export type { Difference }

export type Checked = { provider: string; payments: number; refunds: number }
export type Compared = { checked: Checked[]; differences: Difference[] }

const minute = 60_000
const day = 24 * 60 * minute
/** Whatever changed a moment ago may be half-way: it is compared the next time. */
const youngMs = minute
/**
 * @param window payments that were begun in `[since, until)`, refunds that were made in it, and orders made in it.
 * @throws OutcomeUnknown when a provider does not answer: then nothing was compared and nothing is said.
 */
export async function reconcile(
  db: Client,
  providers: readonly PaymentProvider[],
  { since, until }: { since: Date; until: Date },
  now: Date,
): Promise<Compared> {
  const listing = providers.filter(({ capabilities }) => capabilities.lists)
  const found: Difference[] = []
  const counts = new Map<string, Checked>(
    providers.map(({ name }) => [name, { provider: name, payments: 0, refunds: 0 }]),
  )
  const countOf = (provider: string): Checked => {
    const count = counts.get(provider) ?? { provider, payments: 0, refunds: 0 }
    counts.set(provider, count)
    return count
  }
  const refunds: Listed<ProviderRefund>[] = []
  for (const provider of listing)
    for (const value of answered(await provider.listRefunds(since, until))) refunds.push({ by: provider, value })
  const refundsByPayment = groupBy(refunds, ({ value }) => value.paymentExternalId)

  const seen = new Set<string>()
  /** @param isWhole the payments themselves are compared, and not only their refunds. */
  const compareAll = async (rows: ComparedPayment[], listed: Listed<ProviderPayment>[], isWhole: boolean) => {
    const listedByNumber = groupBy(listed, ({ value }) => value.externalId)
    const listedByKey = groupBy(listed, ({ value }) => value.paymentId ?? '')
    for (const row of rows) {
      if (seen.has(row.paymentId) || isYoung(row, now)) continue
      seen.add(row.paymentId)
      const isTheirs = ({ by }: { by: PaymentProvider }) => isOf(row, by, providers)
      const { externalId } = row
      const same = externalId === null ? listedByKey.get(row.paymentId) : listedByNumber.get(externalId)
      const theirs = same?.find(isTheirs)?.value
      const theirRefunds = (refundsByPayment.get(externalId ?? '') ?? []).filter(isTheirs).map(({ value }) => value)
      const asked = askerOf(row, providers)
      const truth = await complete(row, asked, { theirs, refunds: theirRefunds, since, isWhole })
      if (compare(row, truth, now).length > 0) {
        const [again] = await findComparedPayments(db, { paymentIds: [row.paymentId], externalIds: [] })
        const known = await readAgain(asked, theirs, theirRefunds)
        if (again && !isYoung(again, now))
          found.push(...compare(again, await complete(again, asked, { ...known, since, isWhole }), now))
      }
      const count = countOf(row.provider)
      if (isWhole) count.payments += 1
      count.refunds += truth.refunds.length
    }
  }

  for (let from = since; from < until; from = new Date(from.getTime() + day)) {
    const to = new Date(Math.min(from.getTime() + day, until.getTime()))
    const listed: Listed<ProviderPayment>[] = []
    for (const provider of listing)
      for (const value of answered(await provider.list(from, to))) listed.push({ by: provider, value })
    const paymentIds = listed.flatMap(({ value }) => value.paymentId ?? [])
    const externalIds = listed.map(({ value }) => value.externalId)
    const rows = await findComparedPayments(db, { paymentIds, externalIds }, { since: from, until: to })
    await compareAll(rows, listed, true)
    for (const { by, value } of listed) {
      const isKnown = rows.some((row) => row.externalId === value.externalId && isOf(row, by, providers))
      const isPlaced = rows.some((row) => row.paymentId === value.paymentId && row.externalId === null)
      if (!isKnown && !isPlaced) found.push(...(await unknownPayment(db, by, value, providers, now)))
    }
  }
  // Refunds of payments that were begun before.
  const older = await findComparedPayments(db, { paymentIds: [], externalIds: [...refundsByPayment.keys()] })
  await compareAll(older, [], false)

  const youngest = new Date(Math.min(until.getTime(), now.getTime() - youngMs))
  for (const [kind, rows] of [
    ['order-without-money', await findOrdersWithoutMoney(db, since, youngest)],
    ['money-without-order', await findMoneyWithoutOrder(db, since, youngest)],
  ] as const)
    for (const { orderId, orderNumber, orderState, paymentId, provider, amount, currency } of rows) {
      const about = { provider: provider ?? 'none', orderId, orderNumber, ...(paymentId !== null && { paymentId }) }
      found.push({ kind, ...about, orderState, amount, currency })
    }
  return { checked: [...counts.values()], differences: found }
}

type Listed<T> = { by: PaymentProvider; value: T }
/** As `Map.groupBy`, which Node.js has from 21 on. */
function groupBy<Key, T>(all: readonly T[], keyOf: (one: T) => Key): Map<Key, T[]> {
  const groups = new Map<Key, T[]>()
  for (const one of all) {
    const group = groups.get(keyOf(one))
    if (group) group.push(one)
    else groups.set(keyOf(one), [one])
  }
  return groups
}

function answered<T>(answer: ProviderResult<T>): T {
  if (answer.ok) return answer.value
  throw new OutcomeUnknown(`the provider gives no list: ${answer.detail}`)
}

/** What was charged in a messenger is in the list of the company behind it, under no name of ours. */
function isOf(row: ComparedPayment, by: PaymentProvider, providers: readonly PaymentProvider[]): boolean {
  return (
    row.provider === by.name ||
    (isInvoice(row) && !providers.some((one) => one.name === row.provider && one.capabilities.lists))
  )
}

const isInvoice = ({ method }: ComparedPayment) => method === 'invoice'

function isYoung({ updatedAt, moves }: ComparedPayment, now: Date): boolean {
  const youngest = now.getTime() - youngMs
  return updatedAt.getTime() > youngest || moves.some((move) => move.updatedAt.getTime() > youngest)
}

/** Who can be asked about a payment: its provider; for an invoice whose token is gone, whoever lists. Nobody at the door. */
function askerOf(row: ComparedPayment, providers: readonly PaymentProvider[]): PaymentProvider | undefined {
  const own = providers.find(({ name }) => name === row.provider)
  if (own) return own.capabilities.methods[row.method]?.paidAt === 'door' ? undefined : own
  return isInvoice(row) ? providers.find(({ capabilities }) => capabilities.lists) : undefined
}

/** Asks for what the lists did not have, because it was made shortly before or after, or is not there at all. */
async function complete(
  row: ComparedPayment,
  asked: PaymentProvider | undefined,
  known: { theirs: ProviderPayment | undefined; refunds: ProviderRefund[]; since: Date; isWhole: boolean },
): Promise<Truth> {
  const missing = new Set<ComparedMove>()
  if (!asked) return { payment: 'not-asked', refunds: [], missing }
  const { externalId } = row
  let payment: Truth['payment'] = known.isWhole ? (known.theirs ?? 'none') : 'not-asked'
  if (payment === 'none' && externalId !== null) payment = (await existing(asked.find(externalId))) ?? 'none'
  const refunds = [...known.refunds]
  for (const move of row.moves) {
    const isListed = refunds.some((refund) => isSameRefund(move, refund))
    if (externalId === null || isListed || !isMadeThere(move) || move.createdAt < known.since) continue
    const refund =
      move.externalId === null
        ? await existing(asked.findRefundByKey(externalId, move.moveId))
        : await existing(asked.findRefund(move.externalId))
    if (refund) refunds.push(refund)
    else missing.add(move)
  }
  return { payment, refunds, missing }
}

async function readAgain(
  asked: PaymentProvider | undefined,
  listed: ProviderPayment | undefined,
  listedRefunds: readonly ProviderRefund[],
): Promise<{ theirs: ProviderPayment | undefined; refunds: ProviderRefund[] }> {
  const theirs = asked && listed && (await existing(asked.find(listed.externalId)))
  const refunds: ProviderRefund[] = []
  for (const { externalId } of listedRefunds) {
    const refund = asked && (await existing(asked.findRefund(externalId)))
    if (refund) refunds.push(refund)
  }
  return { theirs, refunds }
}

/** Whoever has just given a list and refuses one thing does not have it. */
async function existing<T>(asked: Promise<ProviderResult<T>>): Promise<T | undefined> {
  const answer = await asked
  if (answer.ok) return answer.value
  if (answer.kind === 'refused') return undefined
  throw new OutcomeUnknown(`the provider does not answer: ${answer.detail}`)
}

/**
 * A payment in the provider's list that is none of our rows'. With our key it is ours and lost; without one it is another
 * program's, unless an invoice of ours was open for just that sum and nobody told us that it was paid.
 */
async function unknownPayment(
  db: Client,
  by: PaymentProvider,
  listed: ProviderPayment,
  providers: readonly PaymentProvider[],
  now: Date,
): Promise<Difference[]> {
  const { externalId, paymentId, createdAt = now } = listed
  if (createdAt.getTime() > now.getTime() - youngMs) return []
  const named = { paymentIds: paymentId === undefined ? [] : [paymentId], externalIds: [externalId] }
  const rows = await findComparedPayments(db, named)
  if (rows.some((row) => row.externalId === externalId && isOf(row, by, providers))) return []
  const theirs = await existing(by.find(externalId))
  if (!theirs || theirs.state === 'cancelled') return []
  const sum = theirs.captured ?? theirs.amount
  const row = rows.find((one) => one.paymentId === paymentId)
  const isOurKey = paymentId !== undefined && isPaymentId(paymentId)
  const invoice =
    paymentId === undefined && theirs.state === 'captured'
      ? await findOpenInvoice(db, { ...sum, at: createdAt })
      : undefined
  if (!isOurKey && !invoice) return []
  const order = row ?? invoice
  const about = {
    provider: by.name,
    externalId,
    ...(isOurKey && { paymentId }),
    ...(order && { orderId: order.orderId, orderNumber: order.orderNumber, paymentId: order.paymentId }),
  }
  return [{ kind: 'unknown-to-us', ...about, state: theirs.state, ...sum }]
}

/**
 * The hourly and the nightly comparison: stores what was found, one row for each provider, and tells the shop's people of
 * an order whose money differs, once.
 * @throws OutcomeUnknown to be run again when a provider is silent.
 */
export async function reconcileAll(
  db: Client,
  { providers }: Pick<Deps, 'providers'>,
  days: number,
  now: Date,
): Promise<Compared> {
  const window = { since: new Date(now.getTime() - days * day), until: now }
  const compared = await reconcile(db, providers, window, now)
  const byProvider = groupBy(compared.differences, ({ provider }) => provider)
  const unnamed = [...byProvider.keys()].filter((name) => !compared.checked.some(({ provider }) => provider === name))
  await inTransaction(db, async (tx) => {
    for (const { provider, payments, refunds } of compared.checked) {
      const differences = byProvider.get(provider) ?? []
      await insertReconciliation(tx, { provider, ...window, checked: payments + refunds, differences }, now)
    }
    for (const provider of unnamed) {
      const differences = byProvider.get(provider) ?? []
      await insertReconciliation(tx, { provider, ...window, checked: 0, differences }, now)
    }
    const orderIds = new Set(compared.differences.flatMap(({ orderId }) => orderId ?? []))
    for (const orderId of orderIds) await notifyShop(tx, orderId, 'difference', now)
  })
  return compared
}

/** For the metric: what the newest comparisons found, by provider and the days that they looked back. */
export async function latestDifferences(db: Client): Promise<{ provider: string; days: number; count: number }[]> {
  return countDifferences(db)
}
