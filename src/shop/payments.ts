/**
 * Payments at their providers. The row and the job are written first, then the provider is called with the row's id as the
 * key, outside any transaction; an unknown outcome is looked up. What follows from what they say is in `purchases.ts`.
 */
import { providerOf } from '#gateways/payments.ts'
import { type Client, inTransaction } from '#store/db.ts'
import { lockGroup } from '#store/group-buy.ts'
import { findEarned } from '#store/ledger.ts'
import { orderCardsChanged } from '#store/live-cards.ts'
import { notify, notifyShop } from '#store/notifications.ts'
import { lockOrder } from '#store/orders.ts'
import {
  claimSilentPayments,
  findEndingHolds,
  findPayableOrder,
  findPayment,
  findPaymentById,
  findUnplaced,
  lockPayments,
  notePage,
  type PayableOrder,
  type PaymentRow,
  placeJob,
  tell,
  updatePayment,
} from '#store/payments.ts'
import { findMove, findMoves, findOnItsWay, findReturns, type MoveRow, noteMoveAttempt } from '#store/moves.ts'
import { enqueue, enqueueAll } from '#store/queue.ts'
import type { Deps } from './deps.ts'
import { OutcomeUnknown } from './outcome.ts'
import { receiptOf } from './receipts.ts'
import { applyProviderPayment, giveHoldBack, giveLateBack, tellOfPage } from './purchases.ts'
import { applyProviderRefund, giveToPerson } from './refunds.ts'

/** What payments need of the world outside. */
export type Outside = Pick<Deps, 'providers' | 'returnUrl'>

const hour = 3_600_000
/** Providers remember a key for a day: from then on a payment is looked for before it is asked for again. */
const keyIsKnownFor = 23 * hour

/**
 * Creates the payment at the provider, or finds what an unanswered attempt made: the key is the row's id, so that
 * repeating never makes a second one.
 * @param isTold nobody waits at a screen for the page: its buyer gets a message about it, in the same transaction.
 * @throws nothing for an unknown outcome: the job that was written with the payment asks again.
 */
export async function placePayment(
  db: Client,
  paymentId: string,
  outside: Outside,
  now: Date,
  isTold = false,
): Promise<'placed' | 'declined' | 'unknown' | 'not-needed'> {
  const payment = await findPaymentById(db, paymentId)
  if (!payment || !['created', 'unknown'].includes(payment.state)) return 'not-needed'
  const order = await findPayableOrder(db, payment.orderId)
  if (!order) throw new Error(`payment ${paymentId} has no order`)
  const provider = providerOf(outside.providers, { name: payment.provider })
  // An invoice is shown by the messenger and the door by nobody: there is no page to make.
  if (provider.capabilities.methods[payment.method]?.paidAt !== 'page') return 'not-needed'

  const isKeyForgotten = now.getTime() - payment.createdAt.getTime() > keyIsKnownFor
  if (order.state === 'awaiting_payment' && payment.counts && !isKeyForgotten)
    return (await createPayment(db, payment, order, outside, now, isTold)).outcome
  const answer = await provider.findByKey(paymentId, payment.createdAt)
  // A refused look-up says nothing of the payment: only a refusal to make it does.
  if (!answer.ok) return 'unknown'
  if (answer.value === undefined) {
    // Nobody waits for this page any more and none was made.
    await failUnplaced(db, payment, null, now, isTold)
    return 'not-needed'
  }
  await applyProviderPayment(db, paymentId, answer.value, now, isTold)
  return 'placed'
}

type Placeable = Pick<PaymentRow, 'paymentId' | 'orderId' | 'provider' | 'method' | 'twoStage' | 'amount' | 'currency'>

/**
 * The asking itself; by itself for whoever has just written the payment and its order, and need not read them back.
 * @returns with `page` when nothing but the page is new: the payment is pending then.
 */
export async function createPayment(
  db: Client,
  payment: Placeable,
  order: PayableOrder,
  outside: Outside,
  now: Date,
  isTold = false,
): Promise<{ outcome: 'placed' | 'declined' | 'unknown'; page?: string }> {
  const { paymentId, method, twoStage, currency } = payment
  const answer = await providerOf(outside.providers, { name: payment.provider }).create({
    key: paymentId,
    method,
    amount: { amount: payment.amount, currency },
    twoStage,
    description: descriptionOf(order),
    returnUrl: outside.returnUrl(order.orderId),
    receipt: receiptOf(order, payment.amount),
  })
  if (answer.ok) {
    const { state, externalId, confirmationUrl, holdUntil, amount } = answer.value
    const isPageOnly = state === 'pending' && confirmationUrl !== undefined && holdUntil === undefined && !isTold
    if (isPageOnly && (await notePage(db, { paymentId, externalId, confirmationUrl, ...amount, now })))
      return { outcome: 'placed', page: confirmationUrl }
    await applyProviderPayment(db, paymentId, answer.value, now, isTold)
    return { outcome: 'placed' }
  }
  if (answer.kind !== 'refused') return { outcome: 'unknown' }
  await failUnplaced(db, payment, answer.code, now, isTold)
  return { outcome: 'declined' }
}

async function failUnplaced(
  db: Client,
  { paymentId, orderId, amount }: Placeable,
  declineReason: string | null,
  now: Date,
  isTold: boolean,
): Promise<void> {
  await inTransaction(db, async (tx) => {
    const present = (await lockPayments(tx, { orderId })).find((one) => one.paymentId === paymentId)
    if (present?.state !== 'created' && present?.state !== 'unknown') return
    await updatePayment(tx, paymentId, { state: 'failed', declineReason }, now)
    if (declineReason === null) return
    await tell(tx, { paymentId, kind: 'declined', amount }, now)
    if (isTold) await tellOfPage(tx, present, 'payment-declined', now)
  })
}

function descriptionOf({ number, lines }: PayableOrder): string {
  const title = lines[0]?.title
  return `${number}: ${title?.ru ?? title?.en ?? ''}`
}

/** The job behind `placePayment`: repeats until the outcome is known, and tells the buyer when the page came late. */
export async function finishPlacingPayment(db: Client, paymentId: string, outside: Outside, now: Date): Promise<void> {
  const outcome = await placePayment(db, paymentId, outside, now, true)
  if (outcome === 'unknown') throw new OutcomeUnknown(`payment ${paymentId} is not answered yet`)
}

/** The job behind payments that were written together: most have their pages by then, and each that has not gets a job. */
export async function placeMissingPages(db: Client, paymentIds: readonly string[]): Promise<void> {
  const missing = await findUnplaced(db, paymentIds)
  await enqueueAll(
    db,
    missing.map((paymentId) => placeJob(paymentId)),
  )
}

/** Asks the provider how a payment and its refunds stand and applies it. The body of a webhook is never believed, only this. */
export async function refreshPayment(db: Client, paymentId: string, outside: Outside, now: Date): Promise<void> {
  const payment = await findPayment(db, { id: paymentId })
  if (!payment) return
  if (payment.externalId === null) return finishPlacingPayment(db, paymentId, outside, now)
  const provider = providerOf(outside.providers, { name: payment.provider })
  const answer = await provider.find(payment.externalId)
  if (!answer.ok) throw new OutcomeUnknown(`payment ${paymentId}: ${answer.detail}`)
  await applyProviderPayment(db, paymentId, answer.value, now)
  for (const move of await findMoves(db, payment.orderId)) {
    if (move.paymentId !== paymentId || !['created', 'pending'].includes(move.state)) continue
    // Its job has given up trying, or a capture or void was never answered.
    if (move.externalId === null) {
      await enqueue(db, 'move-payment', { moveId: move.moveId }, { key: `move:${move.moveId}` })
      continue
    }
    const found = await provider.findRefund(move.externalId)
    if (!found.ok) throw new OutcomeUnknown(`refund ${move.moveId}: ${found.detail}`)
    await applyProviderRefund(db, move.moveId, found.value, now)
  }
}

/** A webhook hinted at a payment: look at it now. An id that is not ours is nobody's business. */
export async function paymentHinted(db: Client, externalId: string, outside: Outside, now: Date): Promise<void> {
  const payment = await findPayment(db, { externalId })
  if (payment) await refreshPayment(db, payment.paymentId, outside, now)
}

/** The tick: asks after payments whose provider has been silent for ten minutes. */
export async function refreshSilentPayments(db: Client, now: Date): Promise<void> {
  const silent = await claimSilentPayments(db, new Date(now.getTime() - 10 * 60_000), now, 200)
  for (const paymentId of silent) await enqueue(db, 'refresh-payment', { paymentId }, { key: `refresh:${paymentId}` })
}

/** How long before its end a hold is looked at: time enough to act, and for a person to do so. */
const holdEndsSoon = 12 * hour

/**
 * The tick: no hold ends unnoticed. One whose group goes on beyond it is given back while that is ours to say and the
 * seat is free again; one that should long have been taken is the shop's to look at.
 */
export async function watchHolds(db: Client, now: Date): Promise<void> {
  for (const paymentId of await findEndingHolds(db, new Date(now.getTime() + holdEndsSoon), 1000)) {
    const payment = await findPayment(db, { id: paymentId })
    if (!payment) continue
    const { orderId, groupId } = payment
    await inTransaction(db, async (tx) => {
      const group = groupId === null ? undefined : await lockGroup(tx, groupId)
      const present = (await lockPayments(tx, { orderId })).find((one) => one.paymentId === paymentId)
      const order = await lockOrder(tx, orderId)
      if (!order || (present?.state !== 'held' && present?.state !== 'capturing')) return
      // Its buyer chose another group while this waited: the next round looks at that one.
      if (present.groupId !== groupId) return
      if (present.state === 'held' && order.state === 'awaiting_choice') {
        await giveLateBack(tx, present, order, 'released', now)
        await orderCardsChanged(tx, orderId)
      } else if (present.state === 'held' && groupId !== null && group?.state === 'open') {
        await giveHoldBack(tx, present, order, 'released', now)
        const notice = { kind: 'hold-ending', data: { orderId, groupId } } as const
        await notify(tx, order.personId, `payment:${paymentId}:ending`, notice, now)
        await orderCardsChanged(tx, orderId)
      } else {
        await notifyShop(tx, orderId, 'hold', now)
      }
    })
  }
}

/** Attempts after which a refusal to take or release a hold is a person's to look at. */
const movesRefusedMax = 8

/**
 * The job: carries out one capture, void or refund. Repeating is safe, the key is the move's id.
 * @throws OutcomeUnknown to be run again after a growing pause.
 */
export async function movePayment(db: Client, moveId: string, outside: Outside, now: Date): Promise<void> {
  const move = await findMove(db, { id: moveId })
  if (!move || (move.state !== 'created' && move.state !== 'pending')) return
  const payment = await findPayment(db, { id: move.paymentId })
  if (!payment) throw new Error(`move ${moveId} has no payment`)
  if (move.kind === 'refund') return makeRefund(db, move, payment, outside, now)
  if (payment.externalId === null) throw new Error(`move ${moveId}: its payment has no number at the provider`)

  const provider = providerOf(outside.providers, { name: payment.provider })
  const { externalId } = payment
  const capture = async () => {
    const isPart = move.amount < payment.amount
    const order = isPart ? await findPayableOrder(db, payment.orderId) : undefined
    const receipt = order && receiptOf(order, move.amount)
    return provider.capture(externalId, { amount: move.amount, currency: payment.currency }, moveId, receipt)
  }
  const answer = await (move.kind === 'capture' ? capture() : provider.void(externalId, moveId))
  if (answer.ok) return applyProviderPayment(db, payment.paymentId, answer.value, now)

  // Refused, often because an earlier attempt got through unanswered: look before deciding.
  const truth = await provider.find(externalId)
  if (truth.ok) await applyProviderPayment(db, payment.paymentId, truth.value, now)
  const isFinal = answer.kind === 'refused' && move.attempts >= movesRefusedMax
  const error = answer.detail.slice(0, 500)
  // The payment may have reached its end, here or elsewhere: then this move has too.
  if (!(await noteMoveAttempt(db, moveId, { state: isFinal ? 'by_hand' : 'pending', error }, now))) return
  if (!isFinal) throw new OutcomeUnknown(`${move.kind} ${moveId}: ${answer.detail}`)
  await inTransaction(db, async (tx) => notifyShop(tx, payment.orderId, 'hold', now, moveId))
}

async function makeRefund(db: Client, move: MoveRow, payment: PaymentRow, outside: Outside, now: Date): Promise<void> {
  const { moveId, amount } = move
  const provider = providerOf(outside.providers, { name: payment.provider })
  const externalId = payment.externalId ?? ''
  if (move.externalId !== null) {
    const found = await provider.findRefund(move.externalId)
    if (!found.ok) throw new OutcomeUnknown(`refund ${moveId}: ${found.detail}`)
    return applyProviderRefund(db, moveId, found.value, now)
  }
  // Whether it was tried before is not known: a process that is killed between the call and its answer notes nothing.
  if (now.getTime() - move.createdAt.getTime() > keyIsKnownFor) {
    const earlier = await provider.findRefundByKey(externalId, moveId)
    if (!earlier.ok) throw new OutcomeUnknown(`refund ${moveId}: ${earlier.detail}`)
    if (earlier.value) return applyProviderRefund(db, moveId, earlier.value, now)
  }
  const order = await findPayableOrder(db, payment.orderId)
  if (!order) throw new Error(`refund ${moveId} has no order`)
  const { isHandedOver } = move
  const goods = move.lineId === null ? { returned: await findReturns(db, payment.orderId, { moveId }) } : { only: move }
  const receipt = receiptOf(order, amount, { ...goods, isHandedOver })
  const answer = await provider.refund(externalId, { amount, currency: payment.currency }, moveId, receipt)
  if (answer.ok) return applyProviderRefund(db, moveId, answer.value, now)
  if (answer.kind === 'unknown') {
    await noteMoveAttempt(db, moveId, { state: 'pending', error: answer.detail.slice(0, 500) }, now)
    throw new OutcomeUnknown(`refund ${moveId}: ${answer.detail}`)
  }
  // Refused perhaps because an attempt that was never answered made it: look before giving it to a person. A look-up that
  // is refused too (wrong credentials) says nothing of the refund.
  const made = await provider.findRefundByKey(externalId, moveId)
  if (!made.ok) {
    await noteMoveAttempt(db, moveId, { state: 'pending', error: made.detail.slice(0, 500) }, now)
    throw new OutcomeUnknown(`refund ${moveId}: ${made.detail}`)
  }
  if (made.value) return applyProviderRefund(db, moveId, made.value, now)
  await giveToPerson(db, moveId, `${answer.code}: ${answer.detail}`.slice(0, 500), now)
}

/** The job: the second receipt of prepaid goods (54-FZ), for what was paid for them when they were handed over. */
export async function sendFinalReceipt(db: Client, paymentId: string, outside: Outside): Promise<void> {
  const payment = await findPayment(db, { id: paymentId })
  const order = payment && (await findPayableOrder(db, payment.orderId))
  const earned = payment && (await findEarned(db, payment.orderId))
  const provider = payment && providerOf(outside.providers, { name: payment.provider })
  if (!payment?.externalId || !order || !earned || !provider?.capabilities.receipts) return
  const amount = earned.amount - (await findOnItsWay(db, paymentId))
  if (amount <= 0n) return
  const sum = { amount, currency: payment.currency }
  const returned = await findReturns(db, order.orderId, 'handed-over')
  const receipt = receiptOf(order, amount, { returned, isHandedOver: true })
  // The payment itself was made with its bare id: a key used for two requests is refused.
  const answer = await provider.sendFinalReceipt(payment.externalId, sum, `receipt:${paymentId}`, receipt)
  if (!answer.ok) throw new OutcomeUnknown(`receipt of ${paymentId}: ${answer.detail}`)
}
