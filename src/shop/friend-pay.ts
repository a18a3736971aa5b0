/** A friend pays: a link to an unpaid seat of a group, for anybody who has it. It shows a first name and no more of them. */
import type { Words } from '#domain/people.ts'
import { isDead, isUnpaid, type PaymentMethod } from '#domain/payments.ts'
import type { Client } from '#store/db.ts'
import {
  findOrderByPayToken,
  findPayTokenBesideMine,
  findUnpaidSeats,
  hasPayToken,
  payTokenOf,
  type UnpaidSeat,
} from '#store/friend-pay.ts'
import { findGroup, type GroupRow } from '#store/group-buy.ts'
import { findOrders, type OrderView } from '#store/orders.ts'
import type { Deps } from './deps.ts'
import { abilitiesOf, methodsOfOrder, payBy, withPaymentPage } from './paying.ts'

type Outside = Omit<Deps, 'db' | 'now'>

/** Seats that a member is offered to pay for. */
const unpaidShown = 3

/** Methods that are paid on a page of the provider's: anybody can open it. */
function pageMethods({ providers }: Pick<Deps, 'providers'>): PaymentMethod[] {
  const abilities = Object.entries(abilitiesOf(providers)) as [PaymentMethod, { paidAt: string }][]
  return abilities.flatMap(([method, { paidAt }]) => (paidAt === 'page' ? [method] : []))
}

export type AskFriendResult =
  | { ok: true; token: string }
  | { ok: false; reason: 'not-found' | 'not-payable' | 'no-page' }

/**
 * Makes the link. An order that was to be paid without a page is paid on one from here on: its buyer chose to ask
 * somebody who only has that.
 */
export async function askFriend(
  db: Client,
  { personId, orderId, now }: { personId: number; orderId: number; now: Date },
  outside: Outside,
): Promise<AskFriendResult> {
  const [order] = await findOrders(db, { id: orderId })
  if (!order || order.personId !== personId || !order.seat) return { ok: false, reason: 'not-found' }
  if (!isPayable(order, now)) return { ok: false, reason: 'not-payable' }
  const pages = pageMethods(outside)
  if (!order.payment || !pages.includes(order.payment.method)) {
    const method = (await methodsOfOrder(db, order, outside)).find((one) => pages.includes(one))
    if (method === undefined) return { ok: false, reason: 'no-page' }
    const changed = await payBy(db, { personId, orderId, method, now }, outside)
    if (!changed.ok) return { ok: false, reason: changed.reason === 'no-payment-method' ? 'no-page' : changed.reason }
  }
  const token = await payTokenOf(db, orderId, outside.newToken())
  return token === undefined ? { ok: false, reason: 'not-found' } : { ok: true, token }
}

/** All that a payer is shown. No address, no phone; the provider's page has the order's number beside the goods. */
export type FriendsSeat = {
  token: string
  firstName: string
  title: Words
  picture: string | null
  quantity: number
  total: bigint
  currency: string
  /** Until when the seat is held. */
  until: Date
  method: PaymentMethod | undefined
  group: GroupRow
  /**
   * `no-page`: it is to be paid another way now, or its page is not there yet (`coming`). `late`: it was paid when the
   * group could take it no more. `over`: nobody holds it, and money for it is back or on its way.
   */
  state: 'payable' | 'coming' | 'no-page' | 'paid' | 'late' | 'over'
  payUrl?: string
}

export type FriendsSeatFound = FriendsSeat | { ownOrderId: number }

/**
 * What a link shows, and the payment page if the seat is still to be paid: a page that is missing, or that somebody was
 * declined on, is asked for anew. Without `outside` nothing is asked for.
 * @returns undefined for a forged link; the order's id for the buyer themselves.
 */
export async function friendsSeat(
  db: Client,
  { token, personId, now }: { token: string; personId: number; now: Date },
  outside?: Outside,
): Promise<FriendsSeatFound | undefined> {
  const found = await findOrderByPayToken(db, token)
  if (!found) return undefined
  const { orderId, firstName } = found
  if (outside && found.personId === personId) return { ownOrderId: orderId }
  const [before] = await findOrders(db, { id: orderId })
  const order = before && outside ? await withPage(db, before, now, outside) : before
  const group = order?.seat && (await findGroup(db, { id: order.seat.groupId }))
  if (!order || !group) return undefined
  const { title, picture, quantity, total, currency, expiresAt, payment } = order
  const state = stateOf(order, now, outside && pageMethods(outside))
  const payUrl = payment?.confirmationUrl
  return {
    token,
    firstName,
    title,
    picture,
    quantity,
    total,
    currency,
    until: expiresAt,
    group,
    state,
    method: payment?.method,
    ...(state === 'payable' && payUrl && { payUrl }),
  }
}

function isPayable(order: OrderView, now: Date): boolean {
  const { state, expiresAt, payment, seat } = order
  const isWaiting = seat?.groupState === 'draft' || seat?.groupState === 'open'
  return (
    state === 'awaiting_payment' && expiresAt > now && isWaiting && payment !== undefined && isUnpaid(payment.state)
  )
}

async function withPage(db: Client, order: OrderView, now: Date, outside: Outside): Promise<OrderView> {
  const { payment, orderId, personId } = order
  if (!payment || !isPayable(order, now) || !pageMethods(outside).includes(payment.method)) return order
  if (!isDead(payment.state)) return (await withPaymentPage(db, order, false, now, outside)).order
  const again = await payBy(db, { personId, orderId, now }, outside)
  return again.ok ? again.order : order
}

function stateOf(order: OrderView, now: Date, pages: readonly PaymentMethod[] = []): FriendsSeat['state'] {
  const { state, seat, payment } = order
  if (!isPayable(order, now)) {
    if (state === 'awaiting_choice') return 'late'
    const isGoingOn = seat?.groupState === 'open' || seat?.groupState === 'formed'
    const isPaid = isGoingOn && (seat.state === 'paid' || seat.state === 'confirmed')
    const isBeingPaid = state === 'awaiting_payment' && payment !== undefined && !isUnpaid(payment.state)
    return isPaid || isBeingPaid ? 'paid' : 'over'
  }
  if (payment && pages.length > 0 && !pages.includes(payment.method)) return 'no-page'
  return payment?.confirmationUrl && !isDead(payment.state) ? 'payable' : 'coming'
}

/** Seats beside one's own whose holders asked somebody else to pay. Whether the reader has paid for theirs is the caller's to know. */
export async function unpaidSeats(
  db: Client,
  { groupId, personId, now }: { groupId: number; personId: number; now: Date },
  outside: Pick<Deps, 'providers'>,
): Promise<UnpaidSeat[]> {
  return findUnpaidSeats(db, { groupId, besides: personId, methods: pageMethods(outside), limit: unpaidShown }, now)
}

/**
 * The link to a seat beside one's own.
 * @returns undefined unless its holder made it, both are in the same open group and one's own is paid.
 */
export async function payTokenBeside(
  db: Client,
  { seatId, personId }: { seatId: number; personId: number },
): Promise<string | undefined> {
  return findPayTokenBesideMine(db, seatId, personId)
}

/** Whether somebody else may have come back from this order's payment page. */
export async function isPaidByFriends(db: Client, orderId: number): Promise<boolean> {
  return hasPayToken(db, orderId)
}
