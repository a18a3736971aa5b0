/** Terms that a seller is still writing: what they mean for each variant, and what is wrong with them. */
import { expect, test } from 'vitest'
import {
  draftPrices,
  draftProblems,
  draftStart,
  newDraft,
  turnInto,
  withSteps,
  type DraftProblem,
  type DraftTerms,
} from '#domain/campaign-draft.ts'

const now = new Date('2026-11-23T09:00:00Z')
const cup = { variantId: 1, price: 100_000n, currency: 'RUB' }
const pot = { variantId: 2, price: 250_050n, currency: 'RUB' }
const both = [cup, pot]

test.each(['team', 'ladder'] as const)('a new %s can be published as it is, whatever the variants cost', (kind) => {
  expect(draftProblems(newDraft(kind), both, now)).toEqual([])
})

test('a team has one step, at its size; a ladder begins with the first seat', () => {
  const team = { ...newDraft('team'), size: 7, minSeats: 7 }
  expect([...draftPrices(team, [cup])]).toEqual([[1, [{ seats: 7, price: 85_000n }]]])
  const ladder = withSteps(newDraft('ladder'), [
    { seats: 3, price: { amount: '90000' } },
    { seats: 5, price: { off: 2000 } },
  ])
  expect(ladder.minSeats).toBe(3)
  expect([...draftPrices(ladder, [cup])]).toEqual([
    [
      1,
      [
        { seats: 1, price: 90_000n },
        { seats: 5, price: 80_000n },
      ],
    ],
  ])
})

test('so much off is counted for each variant, in whole minor units; amounts of one’s own leave out who has none', () => {
  const off = { ...newDraft('team'), steps: [{ seats: 3, price: { off: 3333 } }] }
  expect([...draftPrices(off, both).values()].flat().map(({ price }) => price)).toEqual([66_670n, 166_708n])
  const own = { ...newDraft('team'), steps: [{ seats: 3, price: { own: { 2: '200000' } } }] }
  expect([...draftPrices(own, both).keys()]).toEqual([2])
})

test('steps of one seat leave the minimum as it was, and those of a team never touch it', () => {
  const steps = [{ seats: 1, price: { off: 500 } }]
  expect(withSteps({ ...newDraft('ladder'), minSeats: 4 }, steps).minSeats).toBe(4)
  expect(withSteps(newDraft('team'), [{ seats: 9, price: { off: 500 } }]).minSeats).toBe(3)
})

test('turned into the other kind and back it keeps all but size, minimum and prices', () => {
  const team: DraftTerms = { ...newDraft('team'), size: 9, minSeats: 9, maxUnits: 4, isPublic: false, setAside: 20 }
  const ladder = turnInto(team, 'ladder')
  expect(ladder).toEqual({ ...newDraft('ladder'), maxUnits: 4, isPublic: false, setAside: 20 })
  expect(draftProblems(ladder, both, now)).toEqual([])
  expect(turnInto(team, 'team')).toBe(team)
})

test('a beginning that has passed meanwhile is now', () => {
  const at = (startsAt: string | null) => draftStart({ ...newDraft('team'), startsAt }, now)
  expect(at(null)).toEqual(now)
  expect(at('2026-11-23T08:59:00Z')).toEqual(now)
  expect(at('2026-11-24T00:00:00Z')).toEqual(new Date('2026-11-24T00:00:00Z'))
})

const ladder = newDraft('ladder')
const steps = (...all: (readonly [number, DraftTerms['steps'][number]['price']])[]) => ({
  ...ladder,
  steps: all.map(([seats, price]) => ({ seats, price })),
})
const cities = (count: number) => Array.from({ length: count }, (_, code) => ({ code, name: String(code) }))

test.each<[what: string, terms: DraftTerms, problems: DraftProblem[]]>([
  ['one seat', { ...newDraft('team'), size: 1, minSeats: 1 }, ['size']],
  ['too many seats', { ...newDraft('team'), size: 10_001, minSeats: 10_001 }, ['size']],
  ['a minimum of one', { ...ladder, minSeats: 1 }, ['minimum']],
  ['a minimum above the size', { ...ladder, minSeats: 11 }, ['minimum']],
  ['no time', { ...ladder, lifetimeMinutes: 0 }, ['lifetime']],
  ['a month and a minute', { ...ladder, lifetimeMinutes: 30 * 1440 + 1 }, ['lifetime']],
  ['no unit', { ...ladder, maxUnits: 0 }, ['units']],
  ['a hundred units', { ...ladder, maxUnits: 100 }, ['units']],
  ['an end in the past', { ...ladder, endsAt: '2026-11-22T00:00:00Z' }, ['end-before-start']],
  [
    'an end before the beginning',
    { ...ladder, startsAt: '2026-12-02T00:00:00Z', endsAt: '2026-12-01T00:00:00Z' },
    ['end-before-start'],
  ],
  ['half a group set aside', { ...ladder, setAside: 1 }, ['set-aside']],
  ['no steps', { ...ladder, steps: [] }, ['no-price']],
  ['steps for no variant of this product', steps([1, { own: { 9: '1' } }]), ['no-price']],
  ['a price of nothing', steps([1, { amount: '0' }]), ['no-price']],
  ['a price above that of the cheapest variant', steps([1, { amount: '100000' }]), ['price-not-lower']],
  ['a price that rises', steps([1, { off: 1000 }], [5, { off: 500 }]), ['steps-order']],
  ['a price that falls for one variant only', steps([1, { off: 1000 }], [5, { amount: '95000' }]), ['steps-order']],
  ['steps in no order', steps([1, { off: 500 }], [5, { off: 600 }], [4, { off: 700 }]), ['steps-order']],
  ['seven steps', steps(...[1, 2, 3, 4, 5, 6, 7].map((at) => [at, { off: at * 100 }] as const)), ['steps-many']],
  ['two steps of a team', { ...newDraft('team'), steps: ladder.steps.slice(0, 2) }, ['steps-order', 'steps-many']],
  ['a step beyond the size', steps([1, { off: 500 }], [11, { off: 600 }]), ['steps-beyond-size']],
  ['thanks of nothing', { ...ladder, thanks: { kind: 'share', basisPoints: 0 } }, ['thanks']],
  ['thanks of more than half', { ...ladder, thanks: { kind: 'discount', basisPoints: 5001 } }, ['thanks']],
  ['too many cities', { ...ladder, cities: cities(51) }, ['cities']],
  [
    'all at once',
    { ...steps([1, { amount: '999999' }]), size: 0, maxUnits: -1 },
    ['size', 'minimum', 'units', 'price-not-lower', 'steps-beyond-size'],
  ],
])('%s cannot be published, and each problem is named once', (_, terms, problems) => {
  expect(draftProblems(terms, both, now)).toEqual(problems)
})

test('one amount does not fit variants that cost different money; so much off does', () => {
  const variants = [cup, { ...pot, currency: 'CNY' }]
  expect(draftProblems(steps([1, { amount: '90000' }]), variants, now)).toEqual(['currencies'])
  expect(draftProblems(ladder, variants, now)).toEqual([])
})

test('a product without variants has no price', () => {
  expect(draftProblems(ladder, [], now)).toEqual(['no-price'])
})
