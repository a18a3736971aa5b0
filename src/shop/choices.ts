/** A late payer's choice, and what happens when they make none. */
import { groupDeadline, joinRefusal, type JoinRefusal } from '#domain/group-buy.ts'
import { isTaken } from '#domain/payments.ts'
import { inTransaction, type Client, type Transaction } from '#store/db.ts'
import {
  findGroup,
  findGroupOfOrder,
  formIfFull,
  hasLiveSeat,
  insertGroup,
  lockGroup,
  takeSeat,
} from '#store/group-buy.ts'
import { endChoice, findGroupForLate, findLateOrder, findUndecided, moveSeat, openPaid } from '#store/late.ts'
import { groupCardsChanged, orderCardsChanged } from '#store/live-cards.ts'
import { notify } from '#store/notifications.ts'
import { lockBuyer, lockOrder, type LockedOrder } from '#store/orders.ts'
import { lockPayments, type PaymentRow } from '#store/payments.ts'
import { takeOffer } from '#store/waiting.ts'
import type { Deps } from './deps.ts'
import { countDone } from './due.ts'
import { holdLasts, ownDeadline, ownGroupFor, type OwnRefusal } from './late.ts'
import { holdDays } from './paying.ts'
import { giveLateBack, groupFormed } from './purchases.ts'

export { choicesOf, type Choices } from './late.ts'

/** What becomes of money that came too late. */
export type Choice = { kind: 'group'; groupId: number } | { kind: 'own-group' } | { kind: 'money-back' }

/** `chosen`: it is decided already, by another tap or by the clock. */
export type ChoiceRefusal = 'not-found' | 'chosen' | 'already-in' | OwnRefusal | JoinRefusal
export type ChoiceResult = { ok: true; groupId?: number } | { ok: false; reason: ChoiceRefusal }

/**
 * A late payer chooses. Everything is one transaction: of several choices at once exactly one happens, and a refusal
 * leaves the others standing.
 */
export async function chooseForLate(
  db: Client,
  { personId, orderId, choice, now }: { personId: number; orderId: number; choice: Choice; now: Date },
  outside: Pick<Deps, 'providers' | 'newToken'>,
): Promise<ChoiceResult> {
  return inTransaction(db, async (tx): Promise<ChoiceResult> => {
    // Only its buyer moves a seat, and one act of theirs at a time: the group that is found stays its group.
    await lockBuyer(tx, personId)
    const former = await findGroupOfOrder(tx, orderId)
    if (former === undefined) return { ok: false, reason: 'not-found' }
    const groups = new Set(choice.kind === 'group' ? [former, choice.groupId] : [former])
    for (const groupId of [...groups].toSorted((one, other) => one - other)) await lockGroup(tx, groupId)
    const payment = (await lockPayments(tx, { orderId })).find(({ counts }) => counts)
    const order = await lockOrder(tx, orderId)
    const late = await findLateOrder(tx, orderId)
    if (!payment || !order || late?.personId !== personId) return { ok: false, reason: 'not-found' }
    if (choice.kind === 'money-back') {
      if (order.state !== 'awaiting_choice') return { ok: false, reason: 'chosen' }
      await giveLateBack(tx, payment, order, 'cancelled', now)
      await orderCardsChanged(tx, orderId)
      return { ok: true }
    }
    // Where a bank took some of it back meanwhile, it does not pay for a seat any more.
    const isWhole = payment.state === 'held' || payment.state === 'captured'
    if (!isWhole || !(await endChoice(tx, orderId, now))) return { ok: false, reason: 'chosen' }
    if (choice.kind === 'own-group') {
      const own = await ownGroupFor(tx, late, now)
      if (!own.ok) return own
      const { lifetimeMinutes, endsAt, ...copied } = own.campaign
      const days = holdDays(outside.providers)
      const deadlineAt = ownDeadline(late, groupDeadline(now, lifetimeMinutes, endsAt, days))
      const terms = { variantId: late.variantId, leaderId: personId, currency: late.currency, deadlineAt }
      const groupId = await insertGroup(tx, { ...copied, ...terms, token: outside.newToken() }, now)
      await openPaid(tx, groupId)
      await moveSeat(tx, late.seatId, groupId, 'opened')
      return seated(tx, payment, order, groupId, now)
    }
    const { groupId } = choice
    // The buttons offer only what this allows: anything else is a forged one.
    if (late.isOwnShop) return { ok: false, reason: 'own-shop' }
    if ((await findGroupForLate(tx, late, holdLasts(late), now, groupId)) === undefined)
      return { ok: false, reason: 'not-found' }
    if (await hasLiveSeat(tx, groupId, personId)) return { ok: false, reason: 'already-in' }
    // A seat that is kept for them is theirs first: by another they would keep it from themselves.
    const isSeated = (await takeOffer(tx, groupId, personId, now, true)) || (await takeSeat(tx, groupId, now, true))
    if (!isSeated) {
      const current = await findGroup(tx, { id: groupId })
      return { ok: false, reason: (current && joinRefusal(current, now)) ?? 'group-full' }
    }
    await moveSeat(tx, late.seatId, groupId, 'moved')
    return seated(tx, payment, order, groupId, now)
  })
}

/** They sit in a group again, and paid: perhaps the last one it waited for. */
async function seated(
  tx: Transaction,
  payment: PaymentRow,
  { personId }: LockedOrder,
  groupId: number,
  now: Date,
): Promise<ChoiceResult> {
  const { orderId, seatId } = payment
  await groupCardsChanged(tx, groupId)
  await orderCardsChanged(tx, orderId)
  if (await formIfFull(tx, groupId, now)) await groupFormed(tx, groupId, now)
  else {
    const group = await lockGroup(tx, groupId)
    const data = { orderId, groupId }
    await notify(tx, personId, `seat:${seatId}:moved`, { kind: 'seat-paid', data }, now)
    const isTold = group && group.leaderId !== personId && (await hasLiveSeat(tx, groupId, group.leaderId))
    if (isTold && seatId !== null) {
      const notice = { kind: 'group-joined', data: { groupId, seatId } } as const
      await notify(tx, group.leaderId, `seat:${seatId}:moved-in`, notice, now)
    }
  }
  return { ok: true, groupId }
}

/** The tick: who has not chosen in time has their money back. @returns how many. */
export async function chooseForSilent(db: Client, now: Date): Promise<number> {
  return countDone(await findUndecided(db, now, 500), async (orderId) => {
    const groupId = await findGroupOfOrder(db, orderId)
    return inTransaction(db, async (tx) => {
      if (groupId !== undefined) await lockGroup(tx, groupId)
      const payment = (await lockPayments(tx, { orderId })).find(({ counts }) => counts)
      const order = await lockOrder(tx, orderId)
      const late = await findLateOrder(tx, orderId)
      // They chose while this waited.
      if (!payment || !order || late?.state !== 'awaiting_choice' || !late.chooseUntil || late.chooseUntil > now)
        return false
      await giveLateBack(tx, payment, order, isTaken(payment.state) ? 'refund-owed' : 'released', now)
      await orderCardsChanged(tx, orderId)
      return true
    })
  })
}
