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
 * How long to wait before asking the carrier again, in milliseconds.
 * @param spread 0..1, spreads parcels of one moment over the quarter after it.
 */
export function pollPause(state: ShipmentState | 'requested', isCrossBorder: boolean, spread: number): number {
  const pause =
    state === 'requested' ? minute : state === 'out_for_delivery' ? 15 * minute : isCrossBorder ? 12 * hour : 2 * hour
  return Math.round(pause * (1 + spread / 4))
}
