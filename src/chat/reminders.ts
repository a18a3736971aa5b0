/** What people are reminded of, from how things stand when the message is sent. */
import { freeSeats, gap, joinRefusal } from '#domain/group-buy.ts'
import { wordsIn } from '#domain/people.ts'
import { leaderAgain } from '#shop/again.ts'
import type { Deps } from '#shop/deps.ts'
import { groupById, seatOf } from '#shop/group-buy.ts'
import { isShownTo } from '#shop/people.ts'
import { orderOf } from '#shop/orders.ts'
import { lacksLine, payForButtons } from './friend-pay.ts'
import { groupLines, joinButton } from './group-card.ts'
import { homeButton } from './home.ts'
import type { NoticeOutcome } from './notices.ts'
import { isChangeable, orderScreen } from './orders.ts'
import type { Button } from './screen.ts'
import { shorten, type Reader } from './text.ts'

/** Their hold ends soon: the order's screen, with its pay button. */
export async function seatReminder(
  { orderId, groupId }: { orderId: number; groupId: number },
  personId: number,
  reader: Reader,
  deps: Deps,
): Promise<NoticeOutcome | undefined> {
  const [order, group] = await Promise.all([orderOf(deps.db, orderId, personId), groupById(deps.db, groupId)])
  if (!order || !group || !isChangeable(order, reader)) return undefined
  if (group.state !== 'draft' && group.state !== 'open') return undefined
  // Without the picture: the words may be longer than what a picture carries.
  const { lines, rows } = await orderScreen(order, reader, deps)
  const told = { key: 'notice.seat-reminder', params: { until: { at: order.expiresAt } } } as const
  return { screen: { lines: [told, lacksLine(group), { gap: true }, ...lines], rows }, follows: { orderId } }
}

/** To the leader: the end is near. They can call others while seats are free, and pay for seats that are held unpaid. */
export async function groupReminder(
  { groupId }: { groupId: number },
  personId: number,
  reader: Reader,
  deps: Deps,
): Promise<NoticeOutcome | undefined> {
  const group = await groupById(deps.db, groupId)
  if (!group || group.state !== 'open' || group.deadlineAt <= reader.now || gap(group) === 0) return undefined
  const params = { count: gap(group), until: { at: group.deadlineAt } }
  const seat = await seatOf(deps.db, groupId, personId)
  if (group.leaderId !== personId || seat?.state !== 'paid') return undefined
  const isFree = freeSeats(group) > 0
  const rows: Button[][] = [
    ...(isFree
      ? [[{ label: { key: 'button.share-group' }, share: { kind: 'group', token: group.token } } satisfies Button]]
      : []),
    ...(await payForButtons({ deps, reader }, personId, group)),
    [{ label: { key: 'button.group' }, intent: { do: 'group', groupId } }, homeButton],
  ]
  const key = isFree ? ('notice.group-reminder' as const) : ('notice.group-reminder-held' as const)
  const lines = [{ key, params }, { gap: true } as const]
  return { screen: { lines: [...lines, ...groupLines(group, reader)], rows } }
}

/** To the same team: one of them has opened a new group. Who is in already, or cannot join any more, is told nothing. */
export async function groupAgain(
  { groupId }: { groupId: number },
  personId: number,
  reader: Reader,
  deps: Deps,
): Promise<NoticeOutcome | undefined> {
  const group = await groupById(deps.db, groupId)
  if (!group || joinRefusal(group, reader.now) !== undefined) return undefined
  const [seat, name] = await Promise.all([seatOf(deps.db, groupId, personId), leaderAgain(deps.db, groupId)])
  const isIn = seat !== undefined && ['held', 'paid', 'confirmed'].includes(seat.state)
  if (isIn || name === undefined || !(await isShownTo(deps.db, personId, group))) return undefined
  const params = {
    name: shorten(name, 64),
    title: shorten(wordsIn(group.title, reader.language), 100),
    count: gap(group),
    until: { at: group.deadlineAt },
  }
  const key = gap(group) > 0 ? ('notice.group-again' as const) : ('notice.group-again-enough' as const)
  const rows: Button[][] = [
    [joinButton(group)],
    [{ label: { key: 'button.group' }, intent: { do: 'group', groupId } }, homeButton],
  ]
  const lines = [{ key, params }, { gap: true } as const, ...groupLines(group, reader)]
  return { screen: { lines, rows } }
}
