/** A friend pays: what the buyer sends them, and what they see. Of the buyer it shows a first name only. */
import { isShown } from '#domain/adult.ts'
import { gap } from '#domain/group-buy.ts'
import { wordsIn } from '#domain/people.ts'
import {
  askFriend,
  friendsSeat,
  isPaidByFriends,
  payTokenBeside,
  unpaidSeats,
  type FriendsSeat,
} from '#shop/friend-pay.ts'
import type { GroupRow } from '#shop/group-buy.ts'
import { confused, homeButton, notFound } from './home.ts'
import { tokenToId } from './intent.ts'
import type { InlineCard } from './messenger.ts'
import { sumOf } from './money.ts'
import { orderOutcome, orderPage } from './orders.ts'
import type { Button, Line, Screen } from './screen.ts'
import { say, screenToMessage, shorten } from './text.ts'
import type { Outcome, Visit } from './visit.ts'
import { orderOf } from '#shop/orders.ts'

/** *Ask a friend to pay* was pressed: the link, as a card to send. */
export async function askFriendToPay(visit: Visit, orderId: number): Promise<Outcome> {
  const { deps, visitor } = visit
  const asked = await askFriend(deps.db, { personId: visitor.personId, orderId, now: deps.now() }, deps)
  if (!asked.ok) {
    const page = await orderPage(visit, orderId)
    return asked.reason === 'no-page' ? { ...page, toast: 'friend.no-way', alert: true } : page
  }
  const order = await orderOf(deps.db, orderId, visitor.personId)
  if (!order) return notFound()
  const share: Button = { label: { key: 'button.send-friend' }, share: { kind: 'payment', token: asked.token } }
  const back: Button = { label: { key: 'button.my-order' }, intent: { do: 'order', orderId } }
  const lines: Line[] = [
    { key: 'friend.ask', params: { until: { at: order.expiresAt } } },
    { key: 'friend.ask-told' },
    { key: 'friend.ask-back' },
  ]
  return { screen: { lines, rows: [[share], [back, homeButton]] } }
}

/** The link was opened, by anybody. The buyer is led to their order. */
export async function friendPage(visit: Visit, token: string): Promise<Outcome> {
  const { deps, visitor } = visit
  const seat = await friendsSeat(deps.db, { token, personId: visitor.personId, now: deps.now() }, deps)
  if (!seat) return { screen: confused('confused.link') }
  return 'ownOrderId' in seat ? orderPage(visit, seat.ownOrderId) : { screen: friendScreen(seat, visit) }
}

/** A member pays for somebody in the same group. */
export async function payForMember(visit: Visit, seatId: number): Promise<Outcome> {
  const { deps, visitor } = visit
  const token = await payTokenBeside(deps.db, { seatId, personId: visitor.personId })
  return token === undefined ? notFound() : friendPage(visit, token)
}

/** On a member's own page of an open group: others who hold a seat and asked to have it paid. */
export async function payForButtons(
  { deps, reader }: Pick<Visit, 'deps' | 'reader'>,
  personId: number,
  group: GroupRow,
): Promise<Button[][]> {
  if (group.takenSeats <= group.paidSeats) return []
  const seats = await unpaidSeats(deps.db, { groupId: group.groupId, personId, now: reader.now }, deps)
  return seats.map(({ seatId, firstName }) => [
    { label: { key: 'button.pay-for', params: { name: firstName } }, intent: { do: 'pay-for', seatId } },
  ])
}

/** Back from the payment page: the order to its buyer; whoever may have paid for it is thanked. */
export async function backFromPaying(visit: Visit, token: string): Promise<Outcome> {
  const { deps, visitor } = visit
  const orderId = tokenToId(token) ?? 0
  const order = await orderOf(deps.db, orderId, visitor.personId)
  if (order) return orderOutcome(order, visit)
  if (!(await isPaidByFriends(deps.db, orderId))) return notFound()
  return { screen: { lines: [{ key: 'friend.thanks' }], rows: [[homeButton]] } }
}

/** How many paid seats a group lacks before somebody pays for one of those that are held. */
export function lacksLine(group: GroupRow): Line {
  const params = { count: gap(group), until: { at: group.deadlineAt } }
  return { key: gap(group) > 0 ? 'group.lacks' : 'group.lacks-none', params }
}

/** @param isShared it is posted where anybody may read it, and stays as it is. */
function facts(seat: FriendsSeat, visit: Visit, isShared = false): Line[] {
  const { reader } = visit
  const isSaid = isShown(seat.group, visit)
  const title = isSaid ? shorten(wordsIn(seat.title, reader.language), 150) : say('adult.goods', reader)
  const lines: Line[] = [
    { key: 'friend.title', params: { name: shorten(seat.firstName, 64) } },
    { key: 'friend.goods', params: { title, quantity: seat.quantity } },
  ]
  if (doneOf(seat) !== undefined) return lines
  // Where it is posted nobody brings it up to date: what is to be paid, and until when, stands behind its button.
  if (isShared) return lines
  const sum = { total: sumOf(seat, seat.total), until: { at: seat.until } }
  return [...lines, { key: 'friend.sum', params: sum }, { gap: true }, lacksLine(seat.group)]
}

/** What is said of a seat that nobody has to pay for. */
function doneOf({ state }: FriendsSeat): 'friend.paid' | 'friend.late' | 'friend.over' | undefined {
  return state === 'paid' || state === 'late' || state === 'over' ? `friend.${state}` : undefined
}

function friendScreen(seat: FriendsSeat, visit: Visit): Screen {
  const lines = facts(seat, visit)
  const rows: Button[][] = []
  const again: Button = { label: { key: 'button.refresh' }, intent: { do: 'friend-pay', token: seat.token } }
  switch (seat.state) {
    case 'payable':
      lines.push({ key: seat.method === 'card' ? 'friend.back-card' : 'friend.back-charge' }, { key: 'friend.told' })
      if (seat.payUrl !== undefined)
        rows.push([{ label: { key: 'button.pay', params: { total: sumOf(seat, seat.total) } }, pay: seat.payUrl }])
      break
    case 'coming':
      lines.push({ key: 'order.page-coming' })
      rows.push([again])
      break
    case 'no-page':
      lines.push({ key: 'friend.no-page' })
      rows.push([again])
      break
    case 'paid':
    case 'late':
    case 'over':
      lines.push({ gap: true }, { key: `friend.${seat.state}` })
      rows.push([{ label: { key: 'button.product' }, intent: { do: 'product', productId: seat.group.productId } }])
      break
  }
  rows.push([homeButton])
  return { ...(seat.picture !== null && isShown(seat.group, visit) && { picture: seat.picture }), lines, rows }
}

/** The link as a card to send. @returns undefined for a forged token. */
export async function friendCard(visit: Visit, token: string): Promise<InlineCard | undefined> {
  const { deps, visitor, reader } = visit
  const seat = await friendsSeat(deps.db, { token, personId: visitor.personId, now: deps.now() })
  if (!seat || 'ownOrderId' in seat) return undefined
  const open: Button = { label: { key: 'button.open-payment' }, start: `f_${token}` }
  const done = doneOf(seat)
  const lines: Line[] = [...facts(seat, visit, true), { key: done ?? 'friend.open' }]
  // Others read it, whoever put it there: goods for grown-ups are not pictured.
  const picture = seat.group.isAdult ? null : seat.picture
  const screen: Screen = { ...(picture !== null && { picture }), lines, rows: [[open]] }
  const sum = { total: sumOf(seat, seat.total), until: { at: seat.until } }
  return {
    id: `f_${token}`,
    title: say('friend.card', reader, { name: shorten(seat.firstName, 64) }),
    description: done ? say(done, reader) : say('friend.sum', reader, sum),
    ...(picture !== null && { thumbnail: picture }),
    message: screenToMessage(screen, reader),
  }
}
