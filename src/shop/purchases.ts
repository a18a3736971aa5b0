/**
 * What money does: an order is placed, its seat is taken, its group forms, or everything goes back, in the transaction of
 * the payment's event.
 *
 * An order may have several payments (another try, another method, a page left open in a second tab); the one that
 * counts pays for it. Money that comes by another one while that is still unpaid makes it the one that counts;
 * otherwise it goes back.
 */
import { settledPrice } from '#domain/group-buy.ts'
import { advancePayment, isUnpaid, type PaymentEvent } from '#domain/payments.ts'
import type { ProviderPayment } from '#gateways/payments.ts'
import { type Client, inTransaction, type Transaction } from '#store/db.ts'
import {
  findGroup,
  formIfFull,
  freeSeat,
  hasLiveSeat,
  leaveSeat,
  lockGroup,
  lockSeats,
  paySeat,
  setSeatState,
  setSeatStates,
  takeSeat,
} from '#store/group-buy.ts'
import { groupCardsChanged, orderCardsChanged } from '#store/live-cards.ts'
import { notify, notifyEach } from '#store/notifications.ts'
import {
  type CancelReason,
  type LockedOrder,
  lockOrder,
  setOrderState,
  setOrderStates,
  settleOrders,
} from '#store/orders.ts'
import {
  changePromises,
  endPromises,
  findPayment,
  lockPayments,
  makePaymentCount,
  type PaymentRow,
  tell,
  updatePayment,
} from '#store/payments.ts'
import { finishMoves, startMove, startMoves } from '#store/moves.ts'
import { startRefunds } from '#store/refunds.ts'
import { lockGoods, releaseStock, reserveStockAgain } from '#store/stock.ts'
import { takeOffer } from '#store/waiting.ts'
import { inviteAgain } from './again.ts'
import { goodsBought, orderPaid, tellPaid } from './goods.ts'
import { offerChoice } from './late.ts'
import { bookTaken } from './ledger.ts'
import { refundOrder, refundRest } from './refunds.ts'

/**
 * Applies what the provider says, once: a doubled, late or reordered message that leads nowhere new changes nothing.
 * A valid payment never makes this throw and never rolls the money back.
 * @param isTold as in `placePayment`.
 * @throws when the provider has another amount than was asked for: nothing of ours does that, so a person has to look.
 */
export async function applyProviderPayment(
  db: Client,
  paymentId: string,
  found: ProviderPayment & { chargeId?: string },
  now: Date,
  isTold = false,
): Promise<void> {
  const known = await findPayment(db, { id: paymentId })
  if (!known) throw new Error(`no payment ${paymentId}`)
  const { orderId, groupId } = known
  const applied = await inTransaction(db, async (tx) => {
    if (groupId !== null) await lockGroup(tx, groupId)
    const payments = await lockPayments(tx, { orderId })
    const payment = payments.find((one) => one.paymentId === paymentId)
    if (!payment) return { ok: true }
    // Its buyer chose another group meanwhile: that one has to be locked.
    if (payment.groupId !== groupId) return { ok: false }
    // Given up before it was answered, and made all the same: what became of it is still to be heard.
    const isUnheardOf = payment.state === 'failed' && payment.externalId === null
    const step = advancePayment(isUnheardOf ? 'unknown' : payment.state, found.state)
    // After a capture in part some providers tell that amount only.
    const agreed = found.state === 'captured' ? (found.captured ?? found.amount) : found.amount
    const isAgreed = found.state === 'captured' ? agreed.amount <= payment.amount : agreed.amount === payment.amount
    if (!isAgreed || agreed.currency !== payment.currency)
      throw new Error(`payment ${paymentId}: the provider has another amount`)
    const captured = step?.event === 'captured' ? agreed.amount : undefined
    await updatePayment(
      tx,
      paymentId,
      {
        externalId: found.externalId,
        ...(found.chargeId !== undefined && { chargeId: found.chargeId }),
        ...(found.confirmationUrl !== undefined && { confirmationUrl: found.confirmationUrl }),
        ...(found.holdUntil !== undefined && { holdUntil: found.holdUntil }),
        ...(step && { state: step.state }),
        ...(captured !== undefined && { captured }),
        ...(step?.event === 'declined' && { declineReason: found.reason?.code ?? 'general_decline' }),
      },
      now,
    )
    if (step?.state === 'pending') {
      await tell(tx, { paymentId, kind: 'page', amount: payment.amount }, now)
      if (isTold) await tellOfPage(tx, payment, 'payment-ready', now)
    }
    if (!step?.event) return { ok: true }
    await tell(tx, { paymentId, kind: step.event, amount: captured ?? payment.amount }, now)
    if (captured !== undefined) await bookTaken(tx, payment, captured, now)
    const others = payments.filter((one) => one !== payment)
    const changed = { ...payment, state: step.state, captured: captured ?? payment.captured }
    await orderCardsChanged(tx, orderId)
    // Last, and telling people last of all in it: the sender's job is a row that every such transaction waits for.
    await act(tx, step.event, changed, others, now)
    return { ok: true }
  })
  if (!applied.ok) await applyProviderPayment(db, paymentId, found, now, isTold)
}

/** What follows from a payment's event, in its transaction. */
async function act(
  tx: Transaction,
  event: PaymentEvent,
  payment: PaymentRow,
  others: PaymentRow[],
  now: Date,
): Promise<void> {
  const { orderId, paymentId } = payment
  const order = await lockOrder(tx, orderId)
  if (!order) throw new Error(`payment ${paymentId} has no order`)
  const brings = event === 'held' || event === 'captured'
  if (event === 'captured') await finishMoves(tx, paymentId, 'capture', now)
  if (event === 'voided' || event === 'hold-expired') await finishMoves(tx, paymentId, 'void', now)

  if (!payment.counts && brings) {
    const counting = others.find(({ counts }) => counts)
    // Somebody paid on a page they had left: it is as good as the one that was to be paid.
    if (counting && !isUnpaid(counting.state)) return paidTwice(tx, payment, order, now)
    await makePaymentCount(tx, orderId, paymentId)
  } else if (!payment.counts) {
    if (event === 'declined') return
    return tellReleased(tx, payment, order, now)
  }

  switch (event) {
    case 'held':
      return moneyThere(tx, payment, order, now)
    case 'captured':
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
      await endWithout(tx, payment, order, event === 'voided' ? 'released' : 'hold-expired', now)
      return tellReleased(tx, payment, order, now)
    }
  }
}

/** The order is over and its money is not ours, or soon will not be: seat and stock are free again. Repeating is harmless. */
async function endWithout(
  tx: Transaction,
  payment: PaymentRow,
  order: Pick<LockedOrder, 'state'>,
  reason: CancelReason,
  now: Date,
): Promise<void> {
  const { orderId, seatId, groupId } = payment
  if (order.state !== 'cancelled') await setOrderState(tx, orderId, 'cancelled', reason)
  if (seatId !== null) await freeSeat(tx, seatId, 'released', now)
  if (groupId !== null) await groupCardsChanged(tx, groupId)
  await releaseStock(tx, orderId)
}

/**
 * Gives a hold back before it was taken: seat and stock are free at once, so that no group forms with money that is on
 * its way back. Call with group and payments locked.
 */
export async function giveHoldBack(
  tx: Transaction,
  payment: PaymentRow,
  order: Pick<LockedOrder, 'state'>,
  reason: CancelReason,
  now: Date,
): Promise<void> {
  await endWithout(tx, payment, order, reason, now)
  await moveLater(tx, payment, 'void', now)
}

/** Late money goes back: its buyer wants it, or has not said anything else in time. Call with group and payments locked. */
export async function giveLateBack(
  tx: Transaction,
  payment: PaymentRow,
  order: Pick<LockedOrder, 'state'>,
  reason: CancelReason,
  now: Date,
): Promise<void> {
  if (payment.state === 'held') await giveHoldBack(tx, payment, order, reason, now)
  else await refundOrder(tx, payment, reason === 'cancelled' ? 'cancelled' : 'late', now, reason)
}

async function tellReleased(tx: Transaction, payment: PaymentRow, order: LockedOrder, now: Date): Promise<void> {
  const { orderId, paymentId } = payment
  const late = order.state === 'cancelled'
  const notice = { kind: 'money-released', data: { orderId, late } } as const
  await notify(tx, order.personId, `payment:${paymentId}:released`, notice, now)
}

async function paidTwice(tx: Transaction, payment: PaymentRow, order: LockedOrder, now: Date): Promise<void> {
  const { orderId, paymentId } = payment
  if (payment.state === 'captured') await refundRest(tx, paymentId, 'duplicate', now)
  else await moveLater(tx, payment, 'void', now)
  const notice = { kind: 'paid-twice', data: { orderId } } as const
  await notify(tx, order.personId, `payment:${paymentId}:twice`, notice, now)
}

/**
 * Money is on hold, taken at once, or promised: it buys. Buying alone it is taken now, buying together it seats the
 * buyer.
 */
async function moneyThere(tx: Transaction, payment: PaymentRow, order: LockedOrder, now: Date): Promise<void> {
  const { orderId, groupId, seatId } = payment
  const { personId } = order
  const giveBack = () =>
    payment.state === 'captured'
      ? refundOrder(tx, payment, 'late', now)
      : payment.state === 'promised'
        ? breakPromise(tx, payment, order, 'released', now)
        : moveLater(tx, payment, 'void', now)
  // Paid too late: the time was over. Claim stock (and seat) again in one statement each. Without a seat they choose what
  // the money shall buy instead; with nothing to choose, and without goods, it all goes back.
  const isLate = order.state === 'cancelled'
  // They cancelled and then paid on a page that was still open: what was not wanted is not bought.
  if (isLate && order.cancelReason !== 'unpaid') return giveBack()
  if (groupId === null || seatId === null) {
    // They are sold in this transaction, if they are there.
    if (isLate) await lockGoods(tx, { orderId })
    if (isLate && !(await reserveStockAgain(tx, orderId, now))) return giveBack()
    if (isLate) await setOrderState(tx, orderId, 'awaiting_payment')
    if (payment.state === 'held') return moveLater(tx, payment, 'capture', now)
    return orderPaid(tx, payment, personId, now)
  }
  let isLeader = false
  if (isLate) {
    // They may have taken another seat in the same group after this one was given up.
    if (await hasLiveSeat(tx, groupId, personId, seatId)) return giveBack()
    const before = await lockGroup(tx, groupId)
    const isOffered = await takeOffer(tx, groupId, personId, now, true)
    if (!isOffered && !(await takeSeat(tx, groupId, now, true))) {
      if (!(await offerChoice(tx, payment, false, now))) await giveBack()
      return
    }
    // This may be the last seat: what all of them bought is locked with it.
    await lockGoods(tx, { groupId })
    if (!(await reserveStockAgain(tx, orderId, now))) {
      await leaveSeat(tx, groupId, before?.bestSeats ?? 0)
      return giveBack()
    }
    await setSeatState(tx, seatId, 'paid')
  } else {
    const paid = await paySeat(tx, seatId, groupId)
    if (!paid) {
      if (!(await offerChoice(tx, payment, true, now))) await giveBack()
      return
    }
    isLeader = paid.opened
  }
  await setOrderState(tx, orderId, 'awaiting_group')
  await groupCardsChanged(tx, groupId)
  if (await formIfFull(tx, groupId, now)) return groupFormed(tx, groupId, now)

  const group = await lockGroup(tx, groupId)
  await notify(tx, personId, `seat:${seatId}:paid`, { kind: 'seat-paid', data: { orderId, groupId } }, now)
  if (isLeader) return inviteAgain(tx, groupId, now)
  // Whoever left is not told who comes.
  if (!group || !(await hasLiveSeat(tx, groupId, group.leaderId))) return
  await notify(tx, group.leaderId, `seat:${seatId}:joined`, { kind: 'group-joined', data: { groupId, seatId } }, now)
}

/** Money was taken: of a group that waits for others it waits with them, of one that ended it goes back. */
async function moneyTaken(tx: Transaction, payment: PaymentRow, order: LockedOrder, now: Date): Promise<void> {
  // Whether on hold or taken, it waits for what its buyer says.
  if (order.state === 'awaiting_choice') return
  if (order.state !== 'awaiting_group' || payment.groupId === null) return moneyThere(tx, payment, order, now)
  const group = await lockGroup(tx, payment.groupId)
  if (group?.state === 'formed') return orderPaid(tx, payment, order.personId, now)
  // While it is open the seat is paid for, and was when the money was only on hold.
  if (group?.state !== 'open') return refundOrder(tx, payment, 'group-failed', now)
}

/**
 * A buyer says that they will pay at the door: their order is as good as paid for, and nothing is taken before the
 * parcel is handed over. Call with group and payments locked.
 */
export async function promiseMoney(tx: Transaction, payment: PaymentRow, now: Date): Promise<void> {
  const { paymentId, orderId, amount } = payment
  const order = await lockOrder(tx, orderId)
  if (!order) throw new Error(`payment ${paymentId} has no order`)
  await updatePayment(tx, paymentId, { state: 'promised' }, now)
  await tell(tx, { paymentId, kind: 'promised', amount }, now)
  await moneyThere(tx, { ...payment, state: 'promised' }, order, now)
  await orderCardsChanged(tx, orderId)
}

/** A promise to pay at the door is over; no company has to be asked. Call with group and payments locked. */
export async function breakPromise(
  tx: Transaction,
  payment: PaymentRow,
  order: Pick<LockedOrder, 'state'>,
  reason: CancelReason,
  now: Date,
): Promise<void> {
  await endPromises(tx, [payment.paymentId], now)
  await endWithout(tx, payment, order, reason, now)
}

/** The same for seats of a group that has ended; their goods are given back by the caller. */
export async function breakPromises(
  tx: Transaction,
  seats: readonly { orderId: number; seatId: number; payment: PaymentRow }[],
  now: Date,
): Promise<void> {
  if (seats.length === 0) return
  const paymentIds = seats.map(({ payment }) => payment.paymentId)
  await endPromises(tx, paymentIds, now)
  const orderIds = seats.map(({ orderId }) => orderId)
  await setOrderStates(tx, orderIds, 'cancelled', 'released')
  const seatIds = seats.map(({ seatId }) => seatId)
  await setSeatStates(tx, seatIds, 'released')
}

/**
 * The last seat was paid, or the time was over and there were enough: everybody pays the lowest price that was reached
 * (a leader less what they are thanked with), every hold is taken, what was taken too much goes back, and everybody is
 * told. Call in the transaction that formed it, with the group locked.
 */
export async function groupFormed(tx: Transaction, groupId: number, now: Date): Promise<void> {
  const group = await findGroup(tx, { id: groupId })
  if (!group) throw new Error(`no group ${groupId}`)
  // Seats that nobody had paid for when the time was over end by their own clock.
  const seats = (await lockSeats(tx, groupId)).filter(({ state }) => state === 'paid')
  const members = new Map(seats.map(({ orderId, personId }) => [orderId, personId]))
  const totals = await settleOrders(tx, [...members.keys()], (orderId, agreed) => {
    const member = { isLeader: members.get(orderId) === group.leaderId, others: seats.length - 1 }
    return settledPrice(group, group.bestSeats, { ...member, agreed })
  })
  // A thousand seats of held money are as many statements as two.
  const captures: { paymentId: string; amount: bigint }[] = []
  const promises: { paymentId: string; amount: bigint }[] = []
  const refunds: { paymentId: string; amount: bigint }[] = []
  for (const { payment, orderId } of seats) {
    const { paymentId, state } = payment
    const total = totals.get(orderId) ?? payment.amount
    if (state === 'held') {
      captures.push({ paymentId, amount: total })
      continue
    }
    if (state === 'promised') promises.push({ paymentId, amount: total })
    const back = payment.captured - payment.refunding - payment.refunded - total
    if (back > 0n) refunds.push({ paymentId, amount: back })
  }
  await changePromises(tx, promises, now)
  await startRefunds(tx, refunds, 'price-fell', now)
  await startMoves(tx, 'capture', captures, now)
  const bought = seats.filter(({ payment }) => payment.state !== 'held')
  await goodsBought(tx, bought, now)
  await tellPaid(tx, bought, now)
  const notices = seats.map(({ personId, orderId, seatId }) => ({
    personId,
    key: `group:${groupId}:formed:${seatId}`,
    notice: { kind: 'group-formed', data: { groupId, orderId } } as const,
  }))
  await notifyEach(tx, notices, now)
}

async function moveLater(tx: Transaction, payment: PaymentRow, kind: 'capture' | 'void', now: Date): Promise<void> {
  const { paymentId, amount } = payment
  await startMove(tx, { paymentId, kind, amount }, now)
}

/** A page was made, or refused, while its buyer was not looking. */
export async function tellOfPage(
  tx: Transaction,
  { paymentId, orderId, counts }: PaymentRow,
  kind: 'payment-ready' | 'payment-declined',
  now: Date,
): Promise<void> {
  const order = counts ? await lockOrder(tx, orderId) : undefined
  if (order?.state !== 'awaiting_payment') return
  await notify(tx, order.personId, `payment:${paymentId}:${kind}`, { kind, data: { orderId } }, now)
}
