/** A group in the private chat, and *Join* wherever it is pressed. */
import { isShown } from '#domain/adult.ts'
import { canWait, joinRefusal, type SeatState } from '#domain/group-buy.ts'
import { groupById, groupByLink, maySee, seatOf, visitGroup, type GroupRow, type VisitVia } from '#shop/group-buy.ts'
import { sharedCardAt } from '#shop/live-cards.ts'
import { ownChoice } from '#shop/group-terms.ts'
import { orderOf } from '#shop/orders.ts'
import { adultQuestion } from './adult-question.ts'
import { confused, homeButton, notFound } from './home.ts'
import { followSharedCard } from './follow.ts'
import { payForButtons } from './friend-pay.ts'
import { groupLines, joinButton } from './group-card.ts'
import { joinHere, optionButtons } from './group-terms.ts'
import { payButtonOf } from './orders.ts'
import { ownChoiceButtons } from './own-choice.ts'
import type { Button, Line, Screen } from './screen.ts'
import type { Outcome, Visit } from './visit.ts'
import { waitingPart } from './waiting-line.ts'

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
    rows.push(...(await payForButtons({ deps, reader }, personId, group)))
    rows.push([{ label: { key: 'button.picture' }, intent: { do: 'group-picture', groupId: group.groupId } }])
  }
  if (group.state === 'formed' && (seat?.state === 'paid' || seat?.state === 'confirmed')) {
    const { groupId, variantId } = group
    rows.push([{ label: { key: 'button.same-team' }, intent: { do: 'again', groupId, variantId } }])
  }
  if (isIn) rows.push(...(await ownButtons({ deps, reader }, personId, group, seat)))
  const waiting = isIn ? undefined : await waitingPart({ deps, reader }, personId, group)
  if (waiting) rows.push(...waiting.rows)
  else if (!isIn && joinRefusal(group, reader.now) === undefined)
    rows.push([joinButton(group)], ...(await optionButtons({ deps }, group)))
  // They left, or it failed: what became of their money stands with the order.
  if (seat && !isIn && joinRefusal(group, reader.now) !== undefined)
    rows.push([{ label: { key: 'button.my-order' }, intent: { do: 'order', orderId: seat.orderId } }])
  rows.push([{ label: { key: 'button.product' }, intent: { do: 'product', productId: group.productId } }, homeButton])
  return {
    ...(group.picture !== null && { picture: group.picture }),
    lines: [
      ...groupLines(group, reader),
      ...ownLines(group, isIn ? seat.state : undefined, reader.now),
      ...(waiting ? [{ gap: true } as const, ...waiting.lines] : []),
    ],
    rows,
  }
}

/** What their seat means, and until when it can be given up: said before they pay, too. */
function ownLines(group: GroupRow, seat: SeatState | undefined, now: Date): Line[] {
  if (group.state !== 'open' || group.deadlineAt <= now) return []
  const stop: Line = { key: 'group.stop-point' }
  if (seat === 'paid') return [{ gap: true }, { key: 'group.you-are-in' }, stop]
  return seat === 'held' || joinRefusal(group, now) === undefined ? [{ gap: true }, stop] : []
}

/** Of somebody who is in: to pay while that is missing, the order, and to leave while that is allowed. */
async function ownButtons(
  { deps, reader }: Pick<Visit, 'deps' | 'reader'>,
  personId: number,
  group: GroupRow,
  { orderId, state }: { orderId: number; state: SeatState },
): Promise<Button[][]> {
  const mine: Button = { label: { key: 'button.my-order' }, intent: { do: 'order', orderId } }
  if (state === 'paid' && group.state === 'open' && group.deadlineAt > reader.now)
    return [[mine, { label: { key: 'button.leave-group' }, intent: { do: 'cancel-order', orderId } }]]
  const order = state === 'held' ? await orderOf(deps.db, orderId, personId) : undefined
  const pay = order && payButtonOf(order, reader)
  if (!order || !pay) return [[mine]]
  const choose =
    group.state === 'draft'
      ? ownChoiceButtons(orderId, await ownChoice(deps.db, order, reader.now))
      : await optionButtons({ deps }, group)
  return [[pay], ...choose, [mine]]
}

/** By a button, which anybody can forge: only what its reader may see. */
export async function groupPage(visit: Visit, groupId: number): Promise<Outcome> {
  const group = await groupToSee(visit, groupId)
  return group ? groupOutcome(visit, group) : notFound()
}

/** A group that the visitor may be shown, whoever made the button with its id. */
export async function groupToSee(
  { deps, visitor }: Pick<Visit, 'deps' | 'visitor'>,
  groupId: number,
): Promise<GroupRow | undefined> {
  const group = await groupById(deps.db, groupId)
  return group && (await maySee(deps.db, groupId, visitor.personId)) ? group : undefined
}

/** By a link: whoever has it was invited by it. A draft is nobody's business but its leader's. */
export async function groupLinkPage(visit: Visit, link: string): Promise<Outcome> {
  const found = await groupByLink(visit.deps.db, link)
  if (!found || (found.group.state === 'draft' && found.group.leaderId !== visit.visitor.personId)) {
    return notFound()
  }
  await cameToGroup(visit, found.group.groupId, 'link', found.inviterId)
  return groupOutcome(visit, found.group)
}

/** *Join* on a card that leads by its link. */
export async function joinLinkPage(visit: Visit, link: string): Promise<Outcome> {
  const found = await groupByLink(visit.deps.db, link)
  if (!found) return { screen: confused('confused.link') }
  await cameToGroup(visit, found.group.groupId, 'card', found.inviterId)
  return joinHere(visit, found.group.groupId)
}

/** Notes how the visitor came to a group, and by whom. */
export async function cameToGroup(
  { deps, visitor }: Visit,
  groupId: number,
  via: VisitVia,
  inviterId?: number,
): Promise<void> {
  await visitGroup(deps.db, groupId, visitor.personId, via, deps.now(), inviterId)
}

/** A group's screen, kept up to date while it is shown. */
export async function groupOutcome(visit: Visit, group: GroupRow): Promise<Outcome> {
  const { groupId, version, productId } = group
  if (!isShown(group, visit)) return { screen: adultQuestion({ productId, groupId }) }
  return { screen: await groupScreen(visit, visit.visitor.personId, group), follows: { groupId, version } }
}

/**
 * *Join* was pressed. In the private chat it buys a seat; on a shared card it opens the private chat to do so, and tells
 * us where that card lives.
 */
export async function join(visit: Visit, groupId: number, place: 'private' | 'shared', ref: string): Promise<Outcome> {
  const { deps, visitor } = visit
  if (place === 'private') return joinHere(visit, groupId)
  const card = await sharedCardAt(deps.db, { messenger: visitor.sender.messenger, messageRef: ref })
  // The id in a button can be forged, the card that it stands under cannot: one that is known is its own group's for good.
  const isTheirs = card ? card.groupId === groupId : await maySee(deps.db, groupId, visitor.personId)
  const group = isTheirs ? await groupById(deps.db, groupId) : undefined
  if (!group) return { toast: 'confused.not-found', alert: true }
  await followSharedCard(visit, groupId, ref)
  const refusal = joinRefusal(group, deps.now())
  // Full, but not over: in private they can wait for a seat, or have one kept for them.
  if (refusal && !canWait(group, deps.now())) return { toast: `refusal.${refusal}`, alert: true }
  await cameToGroup(visit, groupId, 'card', card?.sharerId ?? undefined)
  return { open: `j_${group.token}` }
}
