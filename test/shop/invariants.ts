/** The rules of buying together, of stock and of money, read from the database and the provider's books. */
import { expect } from 'vitest'
import type { Client } from '#store/db.ts'

export type ProviderTruth = {
  id: string
  status: 'pending' | 'waiting_for_capture' | 'succeeded' | 'canceled'
  amount: { value: string }
  refunded_amount?: { value: string }
  metadata: { paymentId?: string }
}

export type RefundTruth = {
  id: string
  payment_id: string
  status: 'pending' | 'succeeded' | 'canceled'
  amount: { value: string }
  metadata?: { moveId?: string }
}

/**
 * What must hold at every moment, whatever happened (the rules of buying together, of stock and of money).
 * @param truth the provider's books: compared too, and nothing may be under way any more.
 */
export async function assertInvariants(
  db: Client,
  truth?: ProviderTruth[],
  refunds: RefundTruth[] = [],
): Promise<void> {
  const groups = await db.group.findMany({ include: { seats: { include: { order: true } }, waiting: true } })
  for (const { seats, waiting, ...group } of groups) {
    const count = (...states: string[]) => seats.filter(({ state }) => states.includes(state)).length
    const held = count('held')
    const paid = count('paid', 'confirmed')
    // A seat that is offered is counted as taken until the line moves on, which of a closed group it does once.
    const inLine = (state: string) => waiting.filter((one) => one.state === state).length
    const offered = inLine('offered')
    expect({ group: group.id, inLine: group.inLine }).toEqual({ group: group.id, inLine: inLine('waiting') })
    const seen = { group: group.id, state: group.state, taken: group.takenSeats, paid: group.paidSeats }
    switch (group.state) {
      case 'draft':
      case 'open':
        expect(seen).toEqual({ ...seen, taken: held + paid + offered, paid })
        expect(count('confirmed')).toBe(0)
        break
      case 'formed':
        // One whose hold ran out between forming and capture leaves no room for another: formed never goes back.
        expect(seen).toEqual({ ...seen, taken: group.paidSeats + held + offered })
        expect(group.paidSeats + group.toppedUp).toBeGreaterThanOrEqual(group.minSeats ?? group.size)
        expect(paid).toBeLessThanOrEqual(group.paidSeats)
        break
      default:
        // How many had paid when it ended stays written; nobody's seat is live once their money is back.
        expect(seen.taken - seen.paid).toBe(held + offered)
        expect(count('confirmed')).toBe(0)
    }
    expect(group.takenSeats + group.toppedUp).toBeLessThanOrEqual(group.size)
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

  const aside = await db.$queryRaw<{ variant: number; location: number; kept: number; left: number; room: number }[]>`
    SELECT s.variant_id AS variant, s.location_id AS location, s.set_aside AS kept, s.on_hand - s.reserved AS room,
      coalesce((SELECT sum(aside_left)::int FROM campaign_price cp
        WHERE cp.variant_id = s.variant_id AND cp.aside_location_id = s.location_id), 0) AS left FROM stock_level s`
  for (const { left, room, ...seen } of aside) {
    expect(seen).toEqual({ ...seen, kept: left })
    expect(seen.kept).toBeLessThanOrEqual(room)
  }

  const wantedStock: Record<string, string> = {
    awaiting_payment: 'held',
    awaiting_group: 'held',
    awaiting_choice: 'held',
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
      // What was not taken at the door is on its way back: the shop's feed says when it is there again.
      stock: [order.cancelReason === 'refused-at-door' ? 'consumed' : wantedStock[order.state]],
    })
    const isBought = ['packable', 'handed_over', 'delivered'].includes(order.state)
    const isBack = shipment?.state === 'returning' || shipment?.state === 'returned'
    const hasParcel = shipment !== null && shipment.state !== 'cancelled' && !isBack
    expect({ ...seen, hasParcel }).toEqual({ ...seen, hasParcel: isBought && !isBack })
    // Money that waits for a choice has no seat, and a seat is nobody's choice any more.
    if (order.state === 'awaiting_choice') expect({ ...seen, seat: seat?.state }).toEqual({ ...seen, seat: 'released' })
    if (seat) expect({ ...seen, confirmed: seat.state === 'confirmed' }).toEqual({ ...seen, confirmed: isBought })
    expect({ ...seen, counting: payments.filter(({ counts }) => counts).length }).toEqual({ ...seen, counting: 1 })
    for (const { id, counts, captured, refunding, refunded, moves } of payments) {
      // Every kopeck that was taken has goods, waits for its group, or is on its way back.
      const hasPurpose = counts && (isBought || ['awaiting_group', 'awaiting_choice'].includes(order.state))
      if (!hasPurpose) expect({ ...seen, id, kept: captured - refunding - refunded }).toEqual({ ...seen, id, kept: 0n })
      const sum = (states: string[], kinds: string[]) =>
        moves
          .filter(({ kind, state }) => kinds.includes(kind) && states.includes(state))
          .reduce((total, { amount }) => total + amount, 0n)
      expect({ ...seen, id, refunded, refunding }).toEqual({
        ...seen,
        id,
        refunded: sum(['done'], ['refund', 'chargeback']) - sum(['done'], ['chargeback-won']),
        refunding: sum(['created', 'pending', 'by_hand'], ['refund']),
      })
      for (const kind of ['capture', 'void']) {
        expect(moves.filter((move) => move.kind === kind && move.state !== 'failed').length).toBeLessThanOrEqual(1)
      }
    }
  }
  await assertBooks(db)
  if (!truth) return

  const ours = { pending: 'pending', waiting_for_capture: 'held', succeeded: 'captured', canceled: 'over' } as const
  const over = ['failed', 'voided', 'expired']
  const neutral = (state: string) =>
    over.includes(state) ? 'over' : ['part_refunded', 'refunded'].includes(state) ? 'captured' : state
  const payments = await db.payment.findMany({
    where: { method: { not: 'on-delivery' } },
    include: { moves: { include: { postings: true } } },
  })
  for (const payment of payments) {
    const isInvoice = payment.method === 'invoice'
    if (isInvoice && payment.externalId === null) continue
    const found = truth.filter(({ id, metadata }) =>
      isInvoice ? id === payment.externalId : metadata.paymentId === payment.id,
    )
    const [at] = found
    const seen = { payment: payment.id, order: payment.orderId }
    const byProvider = payment.moves.filter(({ postings }) => postings.some(({ kind }) => kind === 'refunded'))
    expect({
      ...seen,
      state: neutral(payment.state),
      at: found.length,
      captured: payment.captured,
      returned: byProvider.reduce((sum, { amount }) => sum + amount, 0n),
    }).toEqual({
      ...seen,
      state: at ? ours[at.status] : 'over',
      at: at ? 1 : 0,
      captured: at?.status === 'succeeded' ? kopecks(at.amount.value) : 0n,
      returned: kopecks(at?.refunded_amount?.value ?? '0'),
    })
    const underWay = payment.moves.filter(({ state }) => state === 'created' || state === 'pending')
    expect({ ...seen, underWay: underWay.length }).toEqual({ ...seen, underWay: 0 })
    // Each refund that the provider made is one of ours, to the kopeck, and none was made twice.
    const made = refunds.filter(({ payment_id, status }) => payment_id === at?.id && status !== 'canceled')
    expect({
      ...seen,
      made: made.map(({ metadata, amount }) => `${metadata?.moveId} ${kopecks(amount.value)}`).sort(),
    }).toEqual({
      ...seen,
      made: byProvider.map(({ id, amount }) => `${id} ${amount}`).sort(),
    })
  }
  // Nothing at the provider that no row of ours is about.
  const ids = new Set(payments.map(({ id }) => id))
  expect(truth.filter(({ metadata }) => metadata.paymentId !== undefined && !ids.has(metadata.paymentId))).toEqual([])
}

function kopecks(value: string): bigint {
  const [rubles = '0', rest = ''] = value.split('.')
  return BigInt(rubles + rest.padEnd(2, '0'))
}

/** The books say what the rows say: every account is derived from entries and nothing is missing from them. */
async function assertBooks(db: Client): Promise<void> {
  const unbalanced = await db.$queryRaw<unknown[]>`
    SELECT posting_id FROM entry GROUP BY posting_id HAVING sum(amount) <> 0 OR count(DISTINCT currency) <> 1`
  expect(unbalanced).toEqual([])
  const wrong = await db.$queryRaw<unknown[]>`
    SELECT * FROM (
      SELECT p.id::text, p.captured - coalesce((SELECT sum(CASE m.kind WHEN 'chargeback-won' THEN -m.amount ELSE m.amount END)
          FROM payment_move m WHERE m.payment_id = p.id
          AND m.kind IN ('refund', 'chargeback', 'chargeback-won') AND m.state = 'done'
          AND NOT EXISTS (SELECT 1 FROM posting h WHERE h.move_id = m.id AND h.kind = 'refunded-by-hand')), 0) AS kept,
        coalesce((SELECT sum(e.amount) FROM entry e JOIN posting g ON g.id = e.posting_id
          WHERE g.payment_id = p.id AND e.account = 'provider'), 0) AS booked
      FROM payment p) sums WHERE kept <> booked`
  expect(wrong).toEqual([])
  // Whoever has their goods is owed nothing more; whoever waits is owed what they paid and did not get back.
  const owed = await db.$queryRaw<unknown[]>`
    SELECT * FROM (
      SELECT o.id, o.state, coalesce((SELECT sum(p.captured - p.refunded) FROM payment p WHERE p.order_id = o.id
          AND (o.state <> 'delivered' OR NOT p.counts)), 0) AS waits,
        -coalesce((SELECT sum(e.amount) FROM entry e JOIN posting g ON g.id = e.posting_id
          WHERE g.order_id = o.id AND e.account = 'buyer'), 0) AS booked
      FROM "order" o) sums WHERE waits <> booked`
  expect(owed).toEqual([])
  // Whoever gave all of it back has earned nothing by it.
  const overcharged = await db.$queryRaw<unknown[]>`
    SELECT g.order_id, sum(e.amount) FROM entry e JOIN posting g ON g.id = e.posting_id
      JOIN payment p ON p.id = g.payment_id AND p.counts AND p.state = 'refunded'
    WHERE e.account = 'fee' GROUP BY g.order_id HAVING sum(e.amount) <> 0`
  expect(overcharged).toEqual([])
  const mixed = await db.$queryRaw<unknown[]>`
    SELECT g.id FROM entry e JOIN posting g ON g.id = e.posting_id JOIN "order" o ON o.id = g.order_id
    WHERE e.currency <> o.currency
    UNION ALL SELECT p.order_id FROM payment p JOIN "order" o ON o.id = p.order_id WHERE p.currency <> o.currency`
  expect(mixed).toEqual([])
  // Everything that is told to have been taken or to have gone back was, and nothing else.
  const untold = await db.$queryRaw<unknown[]>`
    SELECT * FROM (
      SELECT p.id::text, p.captured, p.refunded,
        coalesce((SELECT sum(amount) FROM payment_event v WHERE v.payment_id = p.id
          AND kind IN ('captured', 'collected')), 0) AS told_captured,
        coalesce((SELECT sum(CASE kind WHEN 'chargeback-won' THEN -amount ELSE amount END) FROM payment_event v
          WHERE v.payment_id = p.id AND kind IN ('refunded', 'chargeback', 'chargeback-won')), 0) AS told_refunded
      FROM payment p) sums WHERE captured <> told_captured OR refunded <> told_refunded`
  expect(untold).toEqual([])
}
