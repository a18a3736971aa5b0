/** How somebody stands in the line for a seat: what their page and a refusal say of it, and the buttons. */
import { canWait, holdMinutes } from '#domain/group-buy.ts'
import { groupById, type GroupRow } from '#shop/group-buy.ts'
import { placeOf } from '#shop/waiting.ts'
import { joinButton } from './group-card.ts'
import type { Button, Line, Screen } from './screen.ts'
import type { Visit } from './visit.ts'

type Part = { lines: Line[]; rows: Button[][]; isInLine: boolean }

export function leaveLineButton(groupId: number): Button {
  return { label: { key: 'button.leave-line' }, intent: { do: 'leave-line', groupId } }
}

/**
 * Of a group that its reader is not in. The number in line is exact.
 * @returns undefined when there is nothing to wait for.
 */
export async function waitingPart(
  { deps, reader }: Pick<Visit, 'deps' | 'reader'>,
  personId: number,
  group: GroupRow,
): Promise<Part | undefined> {
  if (group.state !== 'open' || group.deadlineAt <= reader.now) return undefined
  const { groupId } = group
  const minutes = holdMinutes
  const standing = await placeOf(deps.db, groupId, personId)
  if (!standing) {
    if (!canWait(group, reader.now)) return undefined
    const button: Button = { label: { key: 'button.wait' }, intent: { do: 'wait', groupId } }
    return { lines: [{ key: 'waiting.possible', params: { minutes } }], rows: [[button]], isInLine: false }
  }
  if ('place' in standing) {
    const { place } = standing
    return {
      lines: [{ key: 'waiting.place', params: { place, minutes } }],
      rows: [[leaveLineButton(groupId)]],
      isInLine: true,
    }
  }
  const { offeredUntil } = standing
  // It ran out and the tick has not come by yet: what they press is refused, so it is not offered.
  if (offeredUntil <= reader.now) return { lines: [{ key: 'waiting.passed' }], rows: [], isInLine: true }
  const lines: Line[] = [{ key: 'waiting.offered', params: { until: { at: offeredUntil } } }]
  return { lines, rows: [[joinButton(group)], [leaveLineButton(groupId)]], isInLine: true }
}

/** Under the answer that a group is full: their place in line, or how to get one. */
export async function offeringToWait(visit: Visit, screen: Screen, groupId: number | undefined): Promise<Screen> {
  const group = groupId === undefined ? undefined : await groupById(visit.deps.db, groupId)
  const part = group && (await waitingPart(visit, visit.visitor.personId, group))
  if (!part) return screen
  const lines: Line[] = part.isInLine ? part.lines : [...screen.lines, { gap: true }, ...part.lines]
  return { ...screen, lines, rows: [...part.rows, ...screen.rows] }
}
