/** *Wait for a seat* and *Leave the line*, in the private chat; and what people who wait are told. */
import { groupById } from '#shop/group-buy.ts'
import { isShownTo } from '#shop/people.ts'
import { placeOf, stopWaiting, waitForSeat } from '#shop/waiting.ts'
import { adultQuestion } from './adult-question.ts'
import { groupOutcome, groupToSee } from './group-buy.ts'
import { groupLines, joinButton } from './group-card.ts'
import { homeButton, notFound } from './home.ts'
import type { NoticeOutcome } from './notices.ts'
import type { Button, Line, Param } from './screen.ts'
import type { Reader } from './text.ts'
import type { Outcome, Visit } from './visit.ts'
import { leaveLineButton } from './waiting-line.ts'

/** The group's page with their place in it; or why they cannot wait, and the page as it stands. */
export async function wait(visit: Visit, groupId: number): Promise<Outcome> {
  const { deps, visitor } = visit
  const result = await waitForSeat(deps.db, { personId: visitor.personId, groupId }, deps.now())
  if (!result.ok && (result.reason === 'group-not-open' || result.reason === 'not-invited')) return notFound()
  const page = await pageOf(visit, groupId)
  return result.ok ? page : { ...page, toast: `refusal.${result.reason}`, alert: true }
}

export async function leaveLine(visit: Visit, groupId: number): Promise<Outcome> {
  const { deps, visitor } = visit
  const wasThere = await stopWaiting(deps.db, { personId: visitor.personId, groupId }, deps.now())
  const page = await pageOf(visit, groupId)
  return wasThere ? { ...page, toast: 'waiting.left' } : page
}

async function pageOf(visit: Visit, groupId: number): Promise<Outcome> {
  const group = await groupToSee(visit, groupId)
  if (!group || group.state === 'draft') return notFound()
  return groupOutcome(visit, group)
}

/** A seat is kept for them. @returns undefined when it is not any more. */
export async function seatOffered(
  groupId: number,
  personId: number,
  reader: Reader,
  { db }: Visit['deps'],
): Promise<NoticeOutcome | undefined> {
  const group = await groupById(db, groupId)
  const standing = await placeOf(db, groupId, personId)
  if (group?.state !== 'open' || !standing || 'place' in standing || standing.offeredUntil <= reader.now)
    return undefined
  const { version } = group
  const lines: Line[] = [{ key: 'notice.seat-offered', params: { until: { at: standing.offeredUntil } } }]
  const rows: Button[][] = [
    [joinButton(group)],
    [leaveLineButton(groupId)],
    [{ label: { key: 'button.product' }, intent: { do: 'product', productId: group.productId } }, homeButton],
  ]
  if (!(await isShownTo(db, personId, group))) {
    const question = adultQuestion({ productId: group.productId, groupId })
    return { screen: { ...question, lines: [...lines, { gap: true }, ...question.lines] } }
  }
  const picture = group.picture === null ? {} : { picture: group.picture }
  return {
    screen: { ...picture, lines: [...lines, { gap: true }, ...groupLines(group, reader)], rows },
    follows: { groupId, version },
  }
}

/** The group is over and they got no seat in it: the product's page has others, and begins their own. */
export async function waitOver(
  groupId: number,
  personId: number,
  { db }: Visit['deps'],
): Promise<NoticeOutcome | undefined> {
  const group = await groupById(db, groupId)
  if (!group) return undefined
  const title: Param = (await isShownTo(db, personId, group)) ? { words: group.title } : { key: 'adult.goods' }
  const lines: Line[] = [{ key: 'notice.wait-over', params: { title } }]
  const { productId } = group
  const rows: Button[][] = [[{ label: { key: 'button.product' }, intent: { do: 'product', productId } }, homeButton]]
  return { screen: { lines, rows } }
}
