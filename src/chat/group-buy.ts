/** A group in the private chat, and *Join* wherever it is pressed. */
import { joinRefusal } from '#domain/group-buy.ts'
import { groupById, groupByToken, seatOf, visitGroup, type GroupRow, type VisitVia } from '#shop/group-buy.ts'
import { confused, homeButton } from './home.ts'
import { buyScreen } from './checkout.ts'
import { followSharedCard } from './follow.ts'
import { groupLines, joinButton } from './group-card.ts'
import type { Button, Screen } from './screen.ts'
import type { Outcome, Visit } from './visit.ts'

/** The card in the private chat, with the buttons that fit this reader. */
export async function groupScreen(
  { deps, reader }: Pick<Visit, 'deps' | 'reader'>,
  personId: number,
  group: GroupRow,
): Promise<Screen> {
  const seat = await seatOf(deps.db, group.groupId, personId)
  const isIn = seat !== undefined && ['held', 'paid', 'confirmed'].includes(seat.state)
  const rows: Button[][] = []
  if (isIn && group.state === 'open' && seat.state === 'paid') {
    rows.push([{ label: { key: 'button.share-group' }, share: { kind: 'group', token: group.token } }])
  }
  if (isIn) rows.push([{ label: { key: 'button.my-order' }, intent: { do: 'order', orderId: seat.orderId } }])
  else if (joinRefusal(group, reader.now) === undefined) rows.push([joinButton(group)])
  // They left, or it failed: what became of their money stands with the order.
  else if (seat) rows.push([{ label: { key: 'button.my-order' }, intent: { do: 'order', orderId: seat.orderId } }])
  rows.push([{ label: { key: 'button.product' }, intent: { do: 'product', productId: group.productId } }, homeButton])
  return {
    ...(group.picture !== null && { picture: group.picture }),
    lines: [
      ...groupLines(group, reader),
      ...(isIn && seat.state === 'paid' && group.state === 'open'
        ? [{ gap: true } as const, { key: 'group.you-are-in' } as const]
        : []),
    ],
    rows,
  }
}

export async function groupPage(visit: Visit, where: { id: number } | { token: string }): Promise<Outcome> {
  const { db } = visit.deps
  const group = 'id' in where ? await groupById(db, where.id) : await groupByToken(db, where.token)
  // A draft is nobody's business but its leader's.
  if (!group || (group.state === 'draft' && group.leaderId !== visit.visitor.personId)) {
    return { screen: confused('confused.not-found') }
  }
  // Whoever has the link was invited by it.
  if ('token' in where) await cameToGroup(visit, group.groupId, 'link')
  return groupOutcome(visit, group)
}

/** Notes how the visitor came to a group. */
export async function cameToGroup({ deps, visitor }: Visit, groupId: number, via: VisitVia): Promise<void> {
  await visitGroup(deps.db, groupId, visitor.personId, via, deps.now())
}

/** A group's screen, kept up to date while it is shown. */
export async function groupOutcome(visit: Visit, group: GroupRow): Promise<Outcome> {
  const { groupId, version } = group
  return { screen: await groupScreen(visit, visit.visitor.personId, group), follows: { groupId, version } }
}

/**
 * *Join* was pressed. In the private chat it buys a seat; on a shared card it opens the private chat to do so, and tells
 * us where that card lives.
 */
export async function join(visit: Visit, groupId: number, place: 'private' | 'shared', ref: string): Promise<Outcome> {
  const { deps } = visit
  if (place === 'private') return buyScreen(visit, { kind: 'join', groupId })
  const group = await groupById(deps.db, groupId)
  if (!group) return { toast: 'confused.not-found', alert: true }
  await followSharedCard(visit, groupId, ref)
  const refusal = joinRefusal(group, deps.now())
  if (refusal) return { toast: `refusal.${refusal}`, alert: true }
  return { open: `j_${group.token}` }
}
