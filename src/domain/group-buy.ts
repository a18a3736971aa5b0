/** Rules of buying together: states, deadlines, seats. Learnt from the bugs of other systems; see DECISIONS.md. */

export type GroupState = 'draft' | 'open' | 'formed' | 'failed' | 'cancelled'
export type SeatState = 'held' | 'paid' | 'confirmed' | 'released' | 'refund_due' | 'refunded' | 'refund_failed'

/** What people are shown of a group, and what decides who may join. */
export type GroupCounts = {
  state: GroupState
  size: number
  takenSeats: number
  paidSeats: number
  deadlineAt: Date
}

const minute = 60_000
const day = 24 * 60 * minute

/** An unpaid seat or order is kept this long. */
export const holdMinutes = 15

/**
 * min(opening + lifetime, campaign end, what holds allow less a day): money held for the first seat must still be
 * ours to capture when the last one fills.
 * @param holdDays days a hold lasts at the provider, the day of authorisation included.
 */
export function groupDeadline(openedAt: Date, lifetimeMinutes: number, endsAt: Date | null, holdDays: number): Date {
  const candidates = [openedAt.getTime() + lifetimeMinutes * minute, openedAt.getTime() + (holdDays - 1) * day]
  if (endsAt !== null) candidates.push(endsAt.getTime())
  return new Date(Math.min(...candidates))
}

/** Until when an unpaid purchase keeps its seat and its stock: never past the group's deadline. */
export function heldUntil(now: Date, groupDeadlineAt?: Date): Date {
  const until = now.getTime() + holdMinutes * minute
  return new Date(groupDeadlineAt ? Math.min(until, groupDeadlineAt.getTime()) : until)
}

/** Seats nobody has taken yet. */
export function freeSeats({ size, takenSeats }: GroupCounts): number {
  return size - takenSeats
}

/** Paid seats still missing: the exact gap that people are told. */
export function gap({ size, paidSeats }: GroupCounts): number {
  return size - paidSeats
}

export type JoinRefusal = 'group-full' | 'group-over' | 'group-not-open'

/** Why nobody can join now; undefined when somebody can. The database asks the same again when a seat is taken. */
export function joinRefusal(group: GroupCounts, now: Date): JoinRefusal | undefined {
  if (group.state === 'draft') return 'group-not-open'
  if (group.state === 'formed') return 'group-full'
  if (group.state !== 'open' || group.deadlineAt <= now) return 'group-over'
  return freeSeats(group) <= 0 ? 'group-full' : undefined
}
