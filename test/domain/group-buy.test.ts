import fc from 'fast-check'
import { expect, test } from 'vitest'
import {
  freeSeats,
  gap,
  groupDeadline,
  heldUntil,
  holdMinutes,
  joinRefusal,
  nextTier,
  priceAt,
  settledPrice,
  termsProblems,
  type CampaignTerms,
  type GroupCounts,
  type GroupState,
  type TermsProblem,
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
  minSeats: 3,
  takenSeats: 1,
  paidSeats: 1,
  toppedUp: 0,
  inLine: 0,
  deadlineAt: later(day),
  ...changes,
})

test('seats that are taken but not paid are missing and not free', () => {
  expect(gap(group({ takenSeats: 2 }))).toBe(2)
  expect(freeSeats(group({ takenSeats: 2 }))).toBe(1)
  expect(freeSeats(group({ takenSeats: 2, inLine: 1 }))).toBe(0)
  expect(freeSeats(group({ takenSeats: 2, inLine: 5 }))).toBe(0)
})

test.each<[what: string, changes: Partial<GroupCounts>, refusal: ReturnType<typeof joinRefusal>]>([
  ['an open group with a free seat', {}, undefined],
  ['a group whose leader has not paid', { state: 'draft' }, 'group-not-open'],
  ['a group that formed', { state: 'formed', takenSeats: 3, paidSeats: 3 }, 'group-full'],
  ['a group that failed', { state: 'failed' }, 'group-over'],
  ['a group that was cancelled', { state: 'cancelled' }, 'group-over'],
  ['a group whose last seat is being paid', { takenSeats: 3, paidSeats: 2 }, 'group-full'],
  ['a group whose free seat somebody waits for', { takenSeats: 2, inLine: 1 }, 'group-full'],
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

const steps = [
  { seats: 1, price: 1000n },
  { seats: 3, price: 900n },
  { seats: 5, price: 800n },
]
const none = { kind: 'none', basisPoints: 0 } as const

test('a price falls at its step and never before', () => {
  expect([0, 1, 2, 3, 4, 5, 50].map((seats) => priceAt(steps, seats))).toEqual([
    1000n,
    1000n,
    1000n,
    900n,
    900n,
    800n,
    800n,
  ])
  expect([0, 2, 3, 4, 5].map((seats) => nextTier(steps, seats)?.seats)).toEqual([3, 3, 5, 5, undefined])
  expect(() => priceAt([], 1)).toThrow('has a price')
})

test('when a group forms everybody pays the lowest step, and nobody more than was held', () => {
  const prices = { tiers: steps, thanks: none }
  const member = { isLeader: false, others: 4, agreed: 900n }
  expect(settledPrice(prices, 5, member)).toBe(800n)
  expect(settledPrice(prices, 2, member)).toBe(900n)
})

test.each([
  ['discount', 500, 4, 760n],
  ['share', 500, 4, 640n],
  ['share', 5000, 40, 80n],
  ['none', 0, 4, 800n],
] as const)(
  'a leader who is thanked by %s of %i basis points with %i others pays %i',
  (kind, basisPoints, others, pays) => {
    const prices = { tiers: steps, thanks: { kind, basisPoints } }
    expect(settledPrice(prices, 5, { isLeader: true, others, agreed: 1000n })).toBe(pays)
    expect(settledPrice(prices, 5, { isLeader: false, others, agreed: 1000n })).toBe(800n)
  },
)

test('whatever the steps, the thanks and the numbers, a price is positive and not above what was agreed', () => {
  const price = fc.bigInt({ min: 1n, max: 10n ** 9n })
  fc.assert(
    fc.property(
      fc.array(fc.record({ seats: fc.integer({ min: 1, max: 50 }), price }), { minLength: 1, maxLength: 6 }),
      fc.constantFrom('none', 'discount', 'share'),
      fc.integer({ min: 1, max: 5000 }),
      fc.integer({ min: 0, max: 10_000 }),
      price,
      (tiers, kind, basisPoints, others, agreed) => {
        const paid = settledPrice({ tiers, thanks: { kind, basisPoints } }, others + 1, {
          isLeader: true,
          others,
          agreed,
        })
        expect(paid).toBeGreaterThan(0n)
        expect(paid).toBeLessThanOrEqual(agreed)
      },
    ),
  )
})

const fine: CampaignTerms = {
  kind: 'ladder',
  size: 10,
  minSeats: 3,
  tiers: steps,
  thanks: none,
  lifetimeMinutes: 1440,
  startsAt: now,
  endsAt: null,
  maxUnits: 1,
  setAside: null,
  mixesOptions: false,
  isPublic: true,
  cities: null,
}

test('fine terms have no problem', () => {
  expect(termsProblems(fine, 1200n, now)).toEqual([])
  const team = { ...fine, kind: 'team' as const, size: 2, minSeats: 2, tiers: [{ seats: 2, price: 900n }] }
  expect(termsProblems(team, 1200n, now)).toEqual([])
})

test.each<[TermsProblem, Partial<CampaignTerms>]>([
  ['size', { size: 1, minSeats: 2 }],
  ['size', { size: 10_001 }],
  ['minimum', { minSeats: 1 }],
  ['minimum', { minSeats: 11 }],
  ['minimum', { kind: 'team', tiers: [{ seats: 10, price: 900n }] }],
  ['lifetime', { lifetimeMinutes: 0 }],
  ['lifetime', { lifetimeMinutes: 1.5 }],
  ['end-before-start', { endsAt: now }],
  ['ended-already', { startsAt: new Date('2026-11-01T00:00:00Z'), endsAt: new Date('2026-11-20T00:00:00Z') }],
  ['units', { maxUnits: -1 }],
  ['units', { maxUnits: 100 }],
  ['set-aside', { setAside: 2 }],
  ['no-price', { tiers: [] }],
  ['no-price', { tiers: [{ seats: 1, price: 0n }] }],
  ['price-not-lower', { tiers: [{ seats: 1, price: 1200n }] }],
  ['steps-order', { tiers: steps.toReversed() }],
  ['steps-many', { tiers: Array.from({ length: 7 }, (_, at) => ({ seats: at + 1, price: 1000n - BigInt(at) })) }],
  ['steps-beyond-size', { tiers: [...steps, { seats: 11, price: 700n }] }],
  ['thanks', { thanks: { kind: 'discount', basisPoints: 0 } }],
  ['thanks', { thanks: { kind: 'share', basisPoints: 5001 } }],
  ['cities', { cities: [] }],
])('terms with a wrong %s are refused for it', (problem, change) => {
  expect(termsProblems({ ...fine, ...change }, 1200n, now)).toContain(problem)
})
