/** One neutral model of where a parcel is, folded from whatever carriers say. */

export const shipmentStates = [
  'created',
  'accepted',
  'in_transit',
  'customs',
  'out_for_delivery',
  'ready_for_pickup',
  'attempt_failed',
  'delivered',
  'returning',
  'returned',
  'lost',
  'exception',
  'cancelled',
] as const
export type ShipmentState = (typeof shipmentStates)[number]

const endStates: ReadonlySet<ShipmentState> = new Set(['delivered', 'returned', 'lost', 'cancelled'])

/** Nothing more is expected: no polling. */
export function isShipmentEnded(state: ShipmentState): boolean {
  return endStates.has(state)
}

/**
 * The state after all events, by the time things happened and not by their arrival. An ended shipment changes only by an
 * explicit return: carriers do send a late "in transit" after "delivered".
 * @param events in any order; `state` null changes nothing.
 */
export function foldShipmentState(
  events: readonly { happenedAt: Date; state: ShipmentState | null }[],
): ShipmentState | undefined {
  const inOrder = [...events].sort((a, b) => a.happenedAt.getTime() - b.happenedAt.getTime())
  let current: ShipmentState | undefined
  for (const { state } of inOrder) {
    if (state === null) continue
    const isReturn = state === 'returning' || state === 'returned'
    if (current !== undefined && isShipmentEnded(current) && !(current === 'delivered' && isReturn)) continue
    current = state
  }
  return current
}

const minute = 60_000
const hour = 60 * minute

/**
 * How long to wait before asking the carrier again, in milliseconds. Carriers check what was handed in within seconds, and
 * what they tell us of it may come before we know the number it speaks of: asked about soon at first, then every minute.
 * @param spread 0..1, spreads parcels of one moment over the quarter after it.
 * @param age milliseconds since the parcel was asked for.
 */
export function pollPause(
  state: ShipmentState | 'requested',
  isCrossBorder: boolean,
  spread: number,
  age: number,
): number {
  return Math.round(pauseIn(state, isCrossBorder, age) * (1 + spread / 4))
}

function pauseIn(state: ShipmentState | 'requested', isCrossBorder: boolean, age: number): number {
  if (state === 'requested') return Math.min(Math.max(age, minute / 6), minute)
  if (state === 'out_for_delivery') return 15 * minute
  return isCrossBorder ? 12 * hour : 2 * hour
}

export type LocationKind = 'local_warehouse' | 'seller' | 'cross_border' | 'showroom'

export type DayRange = { from: number; to: number }

/** Days before a parcel is handed to the carrier. Cross-border goods first travel to the hub they are sent on from. */
const leadDays: Record<LocationKind, DayRange> = {
  local_warehouse: { from: 0, to: 0 },
  showroom: { from: 0, to: 1 },
  seller: { from: 1, to: 2 },
  cross_border: { from: 10, to: 15 },
}

/** Days to a pickup point when the carrier has not been asked: what cards show before a city is known. */
const usualCarrierDays = { sameCity: { from: 1, to: 2 }, elsewhere: { from: 2, to: 6 } } as const

/**
 * The delivery promise in days from today, both ends included.
 * @param carrier the carrier's own range; left out, the usual one for the distance.
 */
export function promisedDays(kind: LocationKind, isSameCity: boolean, carrier?: DayRange): DayRange {
  const way = carrier ?? (isSameCity ? usualCarrierDays.sameCity : usualCarrierDays.elsewhere)
  return { from: leadDays[kind].from + way.from, to: leadDays[kind].to + way.to }
}

/** @param cities the carrier's codes of those that goods are sold to; none: everywhere. */
export function isSoldTo(cities: readonly number[], cityCode: number): boolean {
  return cities.length === 0 || cities.includes(cityCode)
}

/** The promise as dates, at midnight UTC of the day in the given offset (Moscow is +3 all year). */
export function promisedDates(days: DayRange, now: Date): { from: Date; to: Date } {
  const moscow = new Date(now.getTime() + 3 * hour)
  const today = Date.UTC(moscow.getUTCFullYear(), moscow.getUTCMonth(), moscow.getUTCDate())
  return { from: new Date(today + days.from * 24 * hour), to: new Date(today + days.to * 24 * hour) }
}

/** The order was told of when it was paid for, and of an exception there is nothing to say that a buyer could use. */
const untoldStates: ReadonlySet<ShipmentState> = new Set(['created', 'exception'])

/** Every other state is told, once each. */
export function isToldToBuyer(state: ShipmentState): boolean {
  return !untoldStates.has(state)
}
