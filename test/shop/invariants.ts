/** The rules of buying together, of stock and of money, read from the database and the provider's books. */
import { expect } from 'vitest'
import type { Client } from '#store/db.ts'

export type ProviderTruth = {
  id: string
  status: 'pending' | 'waiting_for_capture' | 'succeeded' | 'canceled'
  amount: { value: string }
  metadata: { paymentId?: string }
}

/**
 * What must hold at every moment, whatever happened (the rules of buying together, of stock and of money).
 * @param truth the provider's books: compared too, and nothing may be under way any more.
 */
export async function assertInvariants(db: Client, truth?: ProviderTruth[]): Promise<void> {
  const groups = await db.group.findMany({ include: { seats: { include: { order: true } } } })
  for (const { seats, ...group } of groups) {
    const count = (...states: string[]) => seats.filter(({ state }) => states.includes(state)).length
    const held = count('held')
    const paid = count('paid', 'confirmed')
    const seen = { group: group.id, state: group.state, taken: group.takenSeats, paid: group.paidSeats }
    switch (group.state) {
      case 'draft':
      case 'open':
        expect(seen).toEqual({ ...seen, taken: held + paid, paid })
        expect(count('confirmed')).toBe(0)
        break
      case 'formed':
        // One whose hold ran out between forming and capture leaves no room for another: formed never goes back.
        expect(seen).toEqual({ ...seen, taken: group.size, paid: group.size })
        expect(held).toBe(0)
        expect(paid).toBeLessThanOrEqual(group.size)
        break
      default:
        // How many had paid when it ended stays written; nobody's seat is live once their money is back.
        expect(seen.taken - seen.paid).toBe(held)
        expect(count('confirmed')).toBe(0)
    }
    const live = seats.filter(({ state }) => ['held', 'paid', 'confirmed'].includes(state))
    expect(new Set(live.map(({ personId }) => personId)).size).toBe(live.length)
    for (const { order } of seats) {
      if (!['packable', 'handed_over', 'delivered'].includes(order.state)) continue
      expect({ order: order.id, group: group.state }).toEqual({ order: order.id, group: 'formed' })
    }
  }

  const stock = await db.$queryRaw<{ reserved: number; held: number }[]>`
    SELECT s.reserved, coalesce((SELECT sum(quantity)::int FROM reservation r WHERE r.state = 'held'
      AND r.variant_id = s.variant_id AND r.location_id = s.location_id), 0) AS held FROM stock_level s`
  for (const { reserved, held } of stock) expect(reserved).toBe(held)

  const wantedStock: Record<string, string> = {
    awaiting_payment: 'held',
    awaiting_group: 'held',
    packable: 'consumed',
    handed_over: 'consumed',
    delivered: 'consumed',
    cancelled: 'released',
  }
  const orders = await db.order.findMany({
    include: { reservations: true, payments: { include: { moves: true } }, seat: true, shipment: true },
  })
  for (const { reservations, payments, seat, shipment, ...order } of orders) {
    const seen = { order: order.id, state: order.state }
    expect({ ...seen, stock: reservations.map(({ state }) => state) }).toEqual({
      ...seen,
      stock: [wantedStock[order.state]],
    })
    const isBought = ['packable', 'handed_over', 'delivered'].includes(order.state)
    expect({ ...seen, hasParcel: shipment !== null }).toEqual({ ...seen, hasParcel: isBought })
    if (seat) expect({ ...seen, confirmed: seat.state === 'confirmed' }).toEqual({ ...seen, confirmed: isBought })
    for (const { state, moves } of payments) {
      const owed = moves.filter(({ kind }) => kind === 'refund').length
      // Every captured payment has either goods or a refund.
      if (state === 'captured' && !(order.state === 'awaiting_group')) {
        expect({ ...seen, owed }).toEqual({ ...seen, owed: isBought ? 0 : 1 })
      }
      for (const kind of ['capture', 'void']) {
        expect(moves.filter((move) => move.kind === kind && move.state !== 'failed').length).toBeLessThanOrEqual(1)
      }
    }
  }
  if (!truth) return

  const ours = { pending: 'pending', waiting_for_capture: 'held', succeeded: 'captured', canceled: 'over' } as const
  const neutral = (state: string) => (['failed', 'voided', 'expired'].includes(state) ? 'over' : state)
  const payments = await db.payment.findMany({ include: { moves: true } })
  for (const payment of payments) {
    const found = truth.filter(({ metadata }) => metadata.paymentId === payment.id)
    const [at] = found
    const seen = { payment: payment.id, order: payment.orderId }
    expect({ ...seen, state: neutral(payment.state), at: found.length }).toEqual({
      ...seen,
      state: at ? ours[at.status] : 'over',
      at: at ? 1 : 0,
    })
    const underWay = payment.moves.filter(({ state }) => state === 'created' || state === 'pending')
    expect({ ...seen, underWay: underWay.length }).toEqual({ ...seen, underWay: 0 })
  }
}
