/**
 * The life of a payment. The row and the job are written first, then the provider is called with the row's id as the
 * key, outside any transaction; an unknown outcome is looked up. What the provider says is applied exactly once.
 */
import type { Money } from '#domain/money.ts'
import { advancePayment, type PaymentEvent } from '#domain/payments.ts'
import type { PaymentProvider, ProviderPayment, ProviderResult, Receipt } from '#gateways/payments.ts'
import { inTransaction, type Client, type Transaction } from '#store/db.ts'
import {
  formIfFull,
  freeSeat,
  hasLiveSeat,
  leaveSeat,
  lockGroup,
  lockSeats,
  paySeat,
  setSeatState,
  takeSeat,
} from '#store/group-buy.ts'
import { groupCardsChanged, orderCardsChanged } from '#store/live-cards.ts'
import { notify, notifyShop } from '#store/notifications.ts'
import { addPopularity, findOrders, lockOrder, setOrderState, type LockedOrder, type OrderView } from '#store/orders.ts'
import {
  claimSilentPayments,
  findMove,
  findPayment,
  finishMoves,
  lockPayment,
  noteMoveAttempt,
  oweRefundByHand,
  startMove,
  updatePayment,
  type MoveKind,
  type PaymentRow,
} from '#store/payments.ts'
import { enqueue } from '#store/queue.ts'
import { consumeStock, releaseStock, reserveStockAgain } from '#store/stock.ts'
import { requestShipment } from './delivery.ts'
import { OutcomeUnknown } from './outcome.ts'

/**
 * Creates the payment at the provider, or finds what an unanswered attempt made: the key is the row's id, so that
 * repeating never makes a second one (providers remember keys for a day; later the payment is looked for first).
 * @throws nothing for an unknown outcome: the job that was written with the payment asks again.
 */
export async function placePayment(
  db: Client,
  paymentId: string,
  provider: PaymentProvider,
  returnUrl: string,
  now: Date,
): Promise<'placed' | 'declined' | 'unknown' | 'not-needed'> {
  const payment = await findPayment(db, { id: paymentId })
  if (!payment || !['created', 'unknown'].includes(payment.state)) return 'not-needed'
  const [order] = await findOrders(db, { id: payment.orderId })
  if (!order) throw new Error(`payment ${paymentId} has no order`)

  const isKeyForgotten = now.getTime() - payment.createdAt.getTime() > 23 * 3_600_000
  const isStillWanted = order.state === 'awaiting_payment' && !isKeyForgotten
  let answer: ProviderResult<ProviderPayment | undefined> = isStillWanted
    ? { ok: true, value: undefined }
    : await provider.findByKey(paymentId, payment.createdAt)
  if (answer.ok && answer.value === undefined) {
    if (!isStillWanted) {
      // Nobody waits for this page any more and none was made.
      await inTransaction(db, async (tx) => {
        if ((await lockPayment(tx, paymentId)) === payment.state)
          await updatePayment(tx, paymentId, { state: 'failed' }, now)
      })
      return 'not-needed'
    }
    answer = await provider.create({
      key: paymentId,
      amount: { amount: payment.amount, currency: payment.currency },
      twoStage: payment.twoStage,
      description: `${order.number}: ${order.title.ru ?? order.title.en ?? ''}`,
      returnUrl,
      receipt: receiptOf(order),
    })
  }
  if (answer.ok && answer.value) {
    await applyProviderPayment(db, paymentId, answer.value, now)
    return 'placed'
  }
  // A refused look-up says nothing of the payment: only a refusal to make it does.
  if (!answer.ok && answer.kind === 'refused' && isStillWanted) {
    await inTransaction(db, async (tx) => {
      const state = await lockPayment(tx, paymentId)
      if (state !== 'created' && state !== 'unknown') return
      await updatePayment(tx, paymentId, { state: 'failed', declineReason: answer.code }, now)
    })
    return 'declined'
  }
  return 'unknown'
}

/** Goods and delivery as receipt lines; their sum is the order's total by construction (a CHECK holds it). */
function receiptOf(order: OrderView): Receipt {
  const goods = {
    title: order.title.ru ?? order.title.en ?? order.number,
    quantity: order.quantity,
    unitAmount: order.unitPrice,
    kind: 'goods' as const,
  }
  const delivery = { title: 'Доставка', quantity: 1, unitAmount: order.deliveryCost, kind: 'delivery' as const }
  return { phone: order.recipient.phone, lines: order.deliveryCost > 0n ? [goods, delivery] : [goods] }
}

/** The job behind `placePayment`: repeats until the outcome is known, and tells the buyer when the page came late. */
export async function finishPlacingPayment(
  db: Client,
  paymentId: string,
  provider: PaymentProvider,
  returnUrl: string,
  now: Date,
): Promise<void> {
  const outcome = await placePayment(db, paymentId, provider, returnUrl, now)
  if (outcome === 'unknown') throw new OutcomeUnknown(`payment ${paymentId} is not answered yet`)
  const payment = await findPayment(db, { id: paymentId })
  const [order] = payment ? await findOrders(db, { id: payment.orderId }) : []
  if (!order || order.state !== 'awaiting_payment') return
  if (outcome === 'placed' || outcome === 'declined') {
    const kind = outcome === 'placed' ? 'payment-ready' : 'payment-declined'
    await inTransaction(db, async (tx) => {
      await notify(tx, order.personId, `payment:${paymentId}:${kind}`, { kind, data: { orderId: order.orderId } }, now)
    })
  }
}

/** Asks the provider how a payment stands and applies it. The body of a webhook is never believed, only this. */
export async function refreshPayment(
  db: Client,
  paymentId: string,
  provider: PaymentProvider,
  returnUrl: string,
  now: Date,
): Promise<void> {
  const payment = await findPayment(db, { id: paymentId })
  if (!payment) return
  if (payment.externalId === null) return finishPlacingPayment(db, paymentId, provider, returnUrl, now)
  const answer = await provider.find(payment.externalId)
  if (!answer.ok) throw new OutcomeUnknown(`payment ${paymentId}: ${answer.detail}`)
  await applyProviderPayment(db, paymentId, answer.value, now)
}

/** A webhook hinted at a payment: look at it now. An id that is not ours is nobody's business. */
export async function paymentHinted(
  db: Client,
  externalId: string,
  provider: PaymentProvider,
  now: Date,
): Promise<void> {
  const payment = await findPayment(db, { provider: provider.name, externalId })
  if (!payment) return
  const answer = await provider.find(externalId)
  if (!answer.ok) throw new OutcomeUnknown(`payment ${payment.paymentId}: ${answer.detail}`)
  await applyProviderPayment(db, payment.paymentId, answer.value, now)
}

/** The tick: asks after payments whose provider has been silent for ten minutes. */
export async function refreshSilentPayments(db: Client, now: Date): Promise<void> {
  const silent = await claimSilentPayments(db, new Date(now.getTime() - 10 * 60_000), now, 200)
  for (const paymentId of silent) await enqueue(db, 'refresh-payment', { paymentId }, { key: `refresh:${paymentId}` })
}

/**
 * Applies what the provider says, once: a doubled, late or reordered message that leads nowhere new changes nothing.
 * A valid payment never makes this throw and never rolls the money back.
 */
export async function applyProviderPayment(
  db: Client,
  paymentId: string,
  found: ProviderPayment,
  now: Date,
): Promise<void> {
  const payment = await findPayment(db, { id: paymentId })
  if (!payment) throw new Error(`no payment ${paymentId}`)
  const known = {
    externalId: found.externalId,
    ...(found.confirmationUrl !== undefined && { confirmationUrl: found.confirmationUrl }),
    ...(found.holdUntil !== undefined && { holdUntil: found.holdUntil }),
  }
  await inTransaction(db, async (tx) => {
    if (payment.groupId !== null) await lockGroup(tx, payment.groupId)
    const current = await lockPayment(tx, paymentId)
    if (current === undefined) return
    const step = advancePayment(current, found.state)
    const isSameAmount = found.amount.amount === payment.amount && found.amount.currency === payment.currency
    if (!isSameAmount) throw new Error(`payment ${paymentId}: the provider has another amount`)
    await updatePayment(
      tx,
      paymentId,
      {
        ...known,
        ...(step && { state: step.state }),
        ...(step?.event === 'declined' && { declineReason: found.reason?.code ?? 'general_decline' }),
      },
      now,
    )
    if (!step?.event) return
    await act(tx, step.event, { ...payment, state: step.state }, now)
    await orderCardsChanged(tx, payment.orderId)
  })
}

/** What follows from a payment's event, in its transaction. */
async function act(tx: Transaction, event: PaymentEvent, payment: PaymentRow, now: Date): Promise<void> {
  const { orderId, paymentId } = payment
  const order = await lockOrder(tx, orderId)
  if (!order) throw new Error(`payment ${paymentId} has no order`)
  switch (event) {
    case 'held':
      return moneyHeld(tx, payment, order, now)
    case 'captured':
      await finishMoves(tx, paymentId, 'capture', now)
      return moneyTaken(tx, payment, order, now)
    case 'declined':
      if (order.state !== 'awaiting_payment') return
      return notify(
        tx,
        order.personId,
        `payment:${paymentId}:declined`,
        { kind: 'payment-declined', data: { orderId } },
        now,
      )
    case 'voided':
    case 'hold-expired': {
      await finishMoves(tx, paymentId, 'void', now)
      await setOrderState(tx, orderId, 'cancelled', event === 'voided' ? 'released' : 'hold-expired')
      if (payment.seatId !== null) await freeSeat(tx, payment.seatId, 'released')
      if (payment.groupId !== null) await groupCardsChanged(tx, payment.groupId)
      await releaseStock(tx, orderId)
      const late = order.state === 'cancelled'
      return notify(
        tx,
        order.personId,
        `payment:${paymentId}:released`,
        { kind: 'money-released', data: { orderId, late } },
        now,
      )
    }
  }
}

/** Money is on hold: take it at once when buying alone, seat the buyer when buying together. */
async function moneyHeld(tx: Transaction, payment: PaymentRow, order: LockedOrder, now: Date): Promise<void> {
  const { orderId, groupId, seatId } = payment
  const { personId } = order
  const giveBack = () =>
    payment.state === 'captured' ? refundOwed(tx, payment, now) : moveLater(tx, payment, 'void', now)
  // Paid too late: the time was over. Claim stock (and seat) again in one statement each, or give it all back.
  const isLate = order.state === 'cancelled'
  // They cancelled and then paid on a page that was still open: what was not wanted is not bought.
  if (isLate && order.cancelReason !== 'unpaid') return giveBack()
  if (groupId === null || seatId === null) {
    if (isLate && !(await reserveStockAgain(tx, orderId, now))) return giveBack()
    if (isLate) await setOrderState(tx, orderId, 'awaiting_payment')
    return moveLater(tx, payment, 'capture', now)
  }
  let isLeader = false
  if (isLate) {
    // They may have taken another seat in the same group after this one was given up.
    if (await hasLiveSeat(tx, groupId, personId, seatId)) return giveBack()
    if (!(await takeSeat(tx, groupId, now, true))) return giveBack()
    if (!(await reserveStockAgain(tx, orderId, now))) {
      await leaveSeat(tx, groupId)
      return giveBack()
    }
    await setSeatState(tx, seatId, 'paid')
  } else {
    const paid = await paySeat(tx, seatId, groupId)
    if (!paid) return giveBack()
    isLeader = paid.opened
  }
  await setOrderState(tx, orderId, 'awaiting_group')
  await groupCardsChanged(tx, groupId)
  if (await formIfFull(tx, groupId, now)) return groupFormed(tx, groupId, now)

  await notify(tx, personId, `seat:${seatId}:paid`, { kind: 'seat-paid', data: { orderId, groupId } }, now)
  const group = await lockGroup(tx, groupId)
  if (isLeader || !group) return
  await notify(tx, group.leaderId, `seat:${seatId}:joined`, { kind: 'group-joined', data: { groupId, seatId } }, now)
}

/** Money was taken: goods follow only if nothing was undone meanwhile and, buying together, the group is complete. */
async function moneyTaken(tx: Transaction, payment: PaymentRow, order: LockedOrder, now: Date): Promise<void> {
  const { groupId } = payment
  const group = groupId === null ? undefined : await lockGroup(tx, groupId)
  const isUndone = order.state === 'cancelled' || group?.state === 'failed' || group?.state === 'cancelled'
  if (isUndone) return refundOwed(tx, payment, now)
  // Taken at once by a method that cannot hold: the seat is paid, and waits like the others.
  if (group && group.state !== 'formed') return moneyHeld(tx, payment, order, now)
  if (order.state === 'awaiting_payment' || order.state === 'awaiting_group') {
    await orderPaid(tx, payment, order.personId, now)
  }
}

/**
 * Money was taken for a purchase that ends without goods: seat and stock are given up, and the buyer and the shop are
 * told that a refund is owed. Call with the group's row locked.
 */
export async function refundOwed(
  tx: Transaction,
  { orderId, paymentId, amount, seatId }: Pick<PaymentRow, 'orderId' | 'paymentId' | 'amount' | 'seatId'>,
  now: Date,
): Promise<void> {
  await setOrderState(tx, orderId, 'cancelled', 'refund-owed')
  if (seatId !== null) await freeSeat(tx, seatId, 'refund_due')
  await releaseStock(tx, orderId)
  await oweRefundByHand(tx, paymentId, amount, now)
  const { personId } = (await lockOrder(tx, orderId)) ?? {}
  if (personId === undefined) throw new Error(`order ${orderId} vanished`)
  await notify(tx, personId, `order:${orderId}:refund-owed`, { kind: 'refund-owed', data: { orderId } }, now)
  await notifyShop(tx, orderId, 'refund', now)
}

/** The last seat was paid: every hold is taken and everybody told. */
async function groupFormed(tx: Transaction, groupId: number, now: Date): Promise<void> {
  for (const seat of await lockSeats(tx, groupId)) {
    const { paymentId, amount, orderId, seatId } = seat
    if (seat.paymentState === 'captured') await orderPaid(tx, { orderId, seatId }, seat.personId, now)
    else await startMove(tx, { paymentId, kind: 'capture', amount }, now)
    await notify(
      tx,
      seat.personId,
      `group:${groupId}:formed:${seat.seatId}`,
      { kind: 'group-formed', data: { groupId, orderId } },
      now,
    )
  }
}

/** The money is ours: the goods are the buyer's. */
async function orderPaid(
  tx: Transaction,
  { orderId, seatId }: Pick<PaymentRow, 'orderId' | 'seatId'>,
  personId: number,
  now: Date,
): Promise<void> {
  await setOrderState(tx, orderId, 'packable')
  if (seatId !== null) await setSeatState(tx, seatId, 'confirmed')
  await consumeStock(tx, orderId)
  await addPopularity(tx, orderId)
  await requestShipment(tx, orderId, now)
  if (seatId === null)
    await notify(tx, personId, `order:${orderId}:paid`, { kind: 'order-paid', data: { orderId } }, now)
}

async function moveLater(tx: Transaction, payment: PaymentRow, kind: 'capture' | 'void', now: Date): Promise<void> {
  const { paymentId, amount } = payment
  await startMove(tx, { paymentId, kind, amount }, now)
}

/**
 * The job: carries out one capture or void. Repeating is safe, the key is the move's id.
 * @throws OutcomeUnknown to be run again after a growing pause.
 */
export async function movePayment(db: Client, moveId: string, provider: PaymentProvider, now: Date): Promise<void> {
  const move = await findMove(db, moveId)
  if (!move || (move.state !== 'created' && move.state !== 'pending')) return
  const payment = await findPayment(db, { id: move.paymentId })
  if (!payment?.externalId) throw new Error(`move ${moveId}: its payment has no number at the provider`)

  const amount: Money = { amount: move.amount, currency: payment.currency }
  const answer = await callProvider(provider, move.kind, payment.externalId, amount, moveId)
  if (answer.ok) return applyProviderPayment(db, payment.paymentId, answer.value, now)

  // Refused, often because an earlier attempt got through unanswered: look before deciding.
  const truth = await provider.find(payment.externalId)
  if (truth.ok) {
    await applyProviderPayment(db, payment.paymentId, truth.value, now)
    // The payment may have reached its end, here or elsewhere: then this move has too.
    const present = await findMove(db, moveId)
    if (present?.state !== 'created' && present?.state !== 'pending') return
  }
  const isFinal = answer.kind === 'refused' && move.attempts >= 8
  await noteMoveAttempt(db, moveId, isFinal ? 'by_hand' : 'pending', answer.detail.slice(0, 500), now)
  if (!isFinal) throw new OutcomeUnknown(`${move.kind} ${moveId}: ${answer.detail}`)
}

function callProvider(
  provider: PaymentProvider,
  kind: MoveKind,
  externalId: string,
  amount: Money,
  key: string,
): Promise<ProviderResult<ProviderPayment>> {
  switch (kind) {
    case 'capture':
      return provider.capture(externalId, amount, key)
    case 'void':
      return provider.void(externalId, key)
    case 'refund':
      throw new Error('refunds are not made by this operation')
  }
}
