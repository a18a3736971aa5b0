import fc from 'fast-check'
import { expect, test } from 'vitest'
import {
  foldShipmentState,
  isShipmentEnded,
  isToldToBuyer,
  pollPause,
  promisedDates,
  promisedDays,
  shipmentStates,
  type LocationKind,
  type ShipmentState,
} from '#domain/delivery.ts'

type Happened = { happenedAt: Date; state: ShipmentState | null }

const at = (hour: number, state: ShipmentState | null): Happened => ({
  happenedAt: new Date(Date.UTC(2026, 0, 1, hour)),
  state,
})

test('a shipment without events has no state', () => {
  expect(foldShipmentState([])).toBeUndefined()
  expect(foldShipmentState([at(1, null)])).toBeUndefined()
})

test('the latest event by time decides, whatever arrived last', () => {
  expect(foldShipmentState([at(3, 'ready_for_pickup'), at(1, 'created'), at(2, 'in_transit')])).toBe('ready_for_pickup')
})

test('a code that we do not know changes nothing', () => {
  expect(foldShipmentState([at(1, 'in_transit'), at(2, null)])).toBe('in_transit')
})

test('a delivered parcel is not moved by a late "in transit"', () => {
  expect(foldShipmentState([at(1, 'delivered'), at(2, 'in_transit'), at(3, 'ready_for_pickup')])).toBe('delivered')
})

test('a delivered parcel may still go back', () => {
  expect(foldShipmentState([at(1, 'delivered'), at(2, 'returning')])).toBe('returning')
  expect(foldShipmentState([at(1, 'delivered'), at(2, 'returning'), at(3, 'in_transit'), at(4, 'returned')])).toBe(
    'returned',
  )
  expect(foldShipmentState([at(1, 'delivered'), at(2, 'returned')])).toBe('returned')
})

test.each(['returned', 'lost', 'cancelled'] as const)('a %s parcel stays so', (end) => {
  for (const state of shipmentStates) expect(foldShipmentState([at(1, end), at(2, state)])).toBe(end)
})

test('delivered, returned, lost and cancelled end a shipment, and nothing else does', () => {
  expect(shipmentStates.filter(isShipmentEnded)).toEqual(['delivered', 'returned', 'lost', 'cancelled'])
})

const anyState = fc.constantFrom<(ShipmentState | null)[]>(null, ...shipmentStates)

test('any order of arrival gives the same state', () => {
  fc.assert(
    fc.property(
      // Times differ: what happened in one moment has no order of its own.
      fc.uniqueArray(fc.nat(500), { minLength: 1, maxLength: 12 }).chain((hours) =>
        fc.tuple(
          fc.tuple(...hours.map((hour) => anyState.map((state) => at(hour, state)))),
          fc.shuffledSubarray(
            hours.map((_, index) => index),
            { minLength: hours.length },
          ),
        ),
      ),
      ([events, arrival]) => {
        const arrived = arrival.flatMap((index) => events[index] ?? [])
        expect(foldShipmentState(arrived)).toBe(foldShipmentState(events))
      },
    ),
  )
})

test('an event heard twice changes nothing', () => {
  fc.assert(
    fc.property(fc.array(fc.tuple(fc.nat(500), anyState), { maxLength: 12 }), (drawn) => {
      const events = drawn.map(([hour, state]) => at(hour, state))
      expect(foldShipmentState(events.flatMap((event) => [event, event]))).toBe(foldShipmentState(events))
    }),
  )
})

test('events given are left as they were', () => {
  const events = [at(2, 'in_transit'), at(1, 'created')]
  foldShipmentState(events)
  expect(events).toEqual([at(2, 'in_transit'), at(1, 'created')])
})

test('a parcel near its buyer is asked about more often, and pauses are spread over a quarter', () => {
  const minute = 60_000
  const age = 3 * minute
  expect(pollPause('out_for_delivery', false, 0, age)).toBe(15 * minute)
  expect(pollPause('out_for_delivery', true, 0, age)).toBe(15 * minute)
  expect(pollPause('in_transit', false, 0, age)).toBe(120 * minute)
  expect(pollPause('in_transit', false, 1, age)).toBe(150 * minute)
  expect(pollPause('in_transit', true, 0, age)).toBe(12 * 60 * minute)
  expect(pollPause('requested', true, 0.5, age)).toBe(67_500)
})

test('a parcel just handed in is asked about soon, and the less often the longer the carrier thinks', () => {
  const pauses = [0, 5_000, 10_000, 25_000, 60_000, 3_600_000].map((age) => pollPause('requested', false, 0, age))
  expect(pauses).toEqual([10_000, 10_000, 10_000, 25_000, 60_000, 60_000])
})

test('before the carrier is asked the usual days are promised, fewer within one city', () => {
  expect(promisedDays('local_warehouse', true)).toEqual({ from: 1, to: 2 })
  expect(promisedDays('local_warehouse', false)).toEqual({ from: 2, to: 6 })
})

test('the days of the carrier are added to those that the goods need to reach it', () => {
  expect(promisedDays('local_warehouse', false, { from: 3, to: 4 })).toEqual({ from: 3, to: 4 })
  expect(promisedDays('showroom', false, { from: 3, to: 4 })).toEqual({ from: 3, to: 5 })
  expect(promisedDays('seller', false, { from: 3, to: 4 })).toEqual({ from: 4, to: 6 })
  expect(promisedDays('cross_border', false, { from: 3, to: 4 })).toEqual({ from: 13, to: 19 })
})

test('a promise never ends before it begins', () => {
  const kinds = fc.constantFrom<LocationKind[]>('local_warehouse', 'showroom', 'seller', 'cross_border')
  const range = fc.tuple(fc.nat(30), fc.nat(10)).map(([from, more]) => ({ from, to: from + more }))
  fc.assert(
    fc.property(kinds, fc.boolean(), fc.option(range, { nil: undefined }), (kind, isSameCity, carrier) => {
      const days = promisedDays(kind, isSameCity, carrier)
      expect(days.from).toBeLessThanOrEqual(days.to)
      expect(days.from).toBeGreaterThanOrEqual(0)
    }),
  )
})

test('a promise counts from the day that it is in Moscow', () => {
  // 21:30 in Greenwich is half past midnight of the next day there.
  expect(promisedDates({ from: 1, to: 3 }, new Date('2026-11-24T20:59:59Z'))).toEqual({
    from: new Date('2026-11-25T00:00:00Z'),
    to: new Date('2026-11-27T00:00:00Z'),
  })
  expect(promisedDates({ from: 0, to: 8 }, new Date('2026-12-24T21:30:00Z'))).toEqual({
    from: new Date('2026-12-25T00:00:00Z'),
    to: new Date('2027-01-02T00:00:00Z'),
  })
})

test('people are told of every state but those that say nothing new to them', () => {
  expect(shipmentStates.filter((state) => !isToldToBuyer(state))).toEqual(['created', 'exception'])
})
