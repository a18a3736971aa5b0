import fc from 'fast-check'
import { expect, test } from 'vitest'
import {
  freeSeats,
  gap,
  groupDeadline,
  heldUntil,
  holdMinutes,
  joinRefusal,
  type GroupCounts,
  type GroupState,
} from '#domain/group-buy.ts'

const minute = 60_000
const day = 24 * 60 * minute
const now = new Date('2026-11-24T12:00:00Z')
const later = (ms: number) => new Date(now.getTime() + ms)

test('a group lasts as long as its campaign says', () => {
  expect(groupDeadline(now, 24 * 60, null, 7)).toEqual(later(day))
})

test('a group ends with its campaign', () => {
  expect(groupDeadline(now, 24 * 60, later(5 * minute), 7)).toEqual(later(5 * minute))
})

test('a group ends a day before the first hold does', () => {
  expect(groupDeadline(now, 30 * 24 * 60, null, 7)).toEqual(later(6 * day))
})

test('the deadline is the earliest of its three reasons', () => {
  const minutes = fc.integer({ min: 1, max: 30 * 24 * 60 })
  fc.assert(
    fc.property(minutes, fc.option(minutes), fc.integer({ min: 2, max: 30 }), (lifetime, campaign, holdDays) => {
      const endsAt = campaign === null ? null : later(campaign * minute)
      const reasons = [lifetime * minute, (holdDays - 1) * day, ...(campaign === null ? [] : [campaign * minute])]
      expect(groupDeadline(now, lifetime, endsAt, holdDays)).toEqual(later(Math.min(...reasons)))
    }),
  )
})

test('an unpaid purchase is kept for fifteen minutes, but never past the deadline of its group', () => {
  expect(heldUntil(now)).toEqual(later(holdMinutes * minute))
  expect(heldUntil(now, later(day))).toEqual(later(15 * minute))
  expect(heldUntil(now, later(2 * minute))).toEqual(later(2 * minute))
})

const group = (changes: Partial<GroupCounts> = {}): GroupCounts => ({
  state: 'open',
  size: 3,
  takenSeats: 1,
  paidSeats: 1,
  deadlineAt: later(day),
  ...changes,
})

test('seats that are taken but not paid are missing and not free', () => {
  expect(gap(group({ takenSeats: 2 }))).toBe(2)
  expect(freeSeats(group({ takenSeats: 2 }))).toBe(1)
})

test.each<[what: string, changes: Partial<GroupCounts>, refusal: ReturnType<typeof joinRefusal>]>([
  ['an open group with a free seat', {}, undefined],
  ['a group whose leader has not paid', { state: 'draft' }, 'group-not-open'],
  ['a group that formed', { state: 'formed', takenSeats: 3, paidSeats: 3 }, 'group-full'],
  ['a group that failed', { state: 'failed' }, 'group-over'],
  ['a group that was cancelled', { state: 'cancelled' }, 'group-over'],
  ['a group whose last seat is being paid', { takenSeats: 3, paidSeats: 2 }, 'group-full'],
  ['a group at the very moment of its deadline', { deadlineAt: now }, 'group-over'],
  ['a full group past its deadline', { takenSeats: 3, paidSeats: 3, deadlineAt: later(-1) }, 'group-over'],
])('joining %s', (_, changes, refusal) => {
  expect(joinRefusal(group(changes), now)).toBe(refusal)
})

test('nobody may join without a free seat, past the deadline or unless the group is open', () => {
  const anyState = fc.constantFrom<GroupState[]>('draft', 'open', 'formed', 'failed', 'cancelled')
  fc.assert(
    fc.property(anyState, fc.nat(5), fc.nat(5), fc.integer({ min: -2, max: 2 }), (state, taken, paid, hours) => {
      const takenSeats = Math.min(taken, 5)
      const found = group({
        state,
        size: 5,
        takenSeats,
        paidSeats: Math.min(paid, takenSeats),
        deadlineAt: later(hours),
      })
      const mayJoin = joinRefusal(found, now) === undefined
      expect(mayJoin).toBe(state === 'open' && hours > 0 && takenSeats < 5)
    }),
  )
})
