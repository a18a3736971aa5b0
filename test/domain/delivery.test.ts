import fc from 'fast-check'
import { expect, test } from 'vitest'
import { foldShipmentState, isShipmentEnded, pollPause, shipmentStates, type ShipmentState } from '#domain/delivery.ts'

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
  expect(pollPause('out_for_delivery', false, 0)).toBe(15 * minute)
  expect(pollPause('out_for_delivery', true, 0)).toBe(15 * minute)
  expect(pollPause('in_transit', false, 0)).toBe(120 * minute)
  expect(pollPause('in_transit', false, 1)).toBe(150 * minute)
  expect(pollPause('in_transit', true, 0)).toBe(12 * 60 * minute)
  expect(pollPause('requested', true, 0.5)).toBe(67_500)
})
