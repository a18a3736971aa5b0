/** Money that is not on hold is settled in the transaction that closes its group: of a thousand seats as of two. */
import pg from 'pg'
import { expect, test, vi } from 'vitest'
import { closeDueGroups } from '#shop/group-buy.ts'
import { payBy } from '#shop/paying.ts'
import { assertInvariants } from './invariants.ts'
import { minute, useShop } from './support.ts'
import { seatThousand } from './thousand.ts'

const shop = useShop()

test.each([
  { outcome: 'formed', minSeats: 1000, reason: 'price-fell', told: { 'group-formed': 1000, 'order-paid': 1000 } },
  { outcome: 'failed', minSeats: 1001, reason: 'group-failed', told: { 'group-failed': 1000, 'refund-owed': 700 } },
])(
  'of a thousand seats 700 were charged and 300 pay at the door: $outcome in few statements',
  async (which) => {
    const { outcome, minSeats, reason, told } = which
    const isFormed = outcome === 'formed'
    const goods = await shop.goods({
      stock: 2000,
      size: 1500,
      group: { kind: 'ladder', minSeats },
      steps: [{ seats: 500, price: 80_000n }],
      terms: { paymentMethods: ['card', 'sbp'] },
    })
    const personId = await shop.person()
    const { orderId, seat: own } = await shop.order(personId, { kind: 'own-group', variantId: goods.variantId })
    await payBy(shop.db, { personId, orderId, method: 'sbp', now: shop.now }, shop.deps)
    await shop.pay(orderId)
    const groupId = own?.groupId ?? 0
    await seatThousand(shop, goods, groupId, 300)

    const now = shop.pass(30 * minute)
    const query = vi.spyOn(pg.Client.prototype, 'query')
    const closed = await closeDueGroups(shop.db, now)
    const statements = query.mock.calls.length
    query.mockRestore()
    expect(closed).toBe(1)
    // 11,000 when each seat was settled by itself.
    expect(statements).toBeLessThan(50)
    expect(await shop.group(groupId)).toMatchObject({ state: outcome, paidSeats: 1000 })
    await assertInvariants(shop.db)

    const seats = await shop.db.$queryRaw<Record<string, unknown>[]>`
    SELECT p.method, s.state AS seat, o.state AS "order", o.cancel_reason AS cancelled, p.state AS payment, m.reason,
      o.total - o.delivery_cost AS price, (o.total - p.amount)::int AS above, (m.amount - o.delivery_cost)::int AS back,
      count(*)::int AS seats, count(m.id)::int AS moves, count(j.id)::int AS jobs, count(e.id)::int AS stories,
      count(parcel.id)::int AS parcels, count(c.id)::int AS asked
    FROM seat s JOIN "order" o ON o.id = s.order_id JOIN payment p ON p.order_id = o.id AND p.counts
      LEFT JOIN payment_move m ON m.payment_id = p.id AND p.refunding = m.amount AND m.state = 'created'
      LEFT JOIN graphile_worker._private_jobs j ON j.key = 'move:' || m.id
      LEFT JOIN payment_event e ON e.payment_id = p.id AND (e.kind = 'voided' OR
        (e.kind = 'refund-started' AND e.move_id = m.id AND e.amount = m.amount))
      LEFT JOIN shipment parcel ON parcel.order_id = o.id AND parcel.key = 'V' || o.number
      LEFT JOIN graphile_worker._private_jobs c ON c.key = 'create:' || parcel.id
    WHERE s.group_id = ${groupId} GROUP BY 1, 2, 3, 4, 5, 6, 7, 8, 9 ORDER BY 1`
    const { deliveryCost } = await shop.db.order.findUniqueOrThrow({ where: { id: orderId } })
    const [count, none] = isFormed ? [1, 0] : [0, 1]
    const ended = isFormed
      ? { seat: 'confirmed', order: 'packable', cancelled: null, price: 80_000n }
      : { order: 'cancelled', price: 100_000n }
    const promised = isFormed ? { payment: 'promised' } : { payment: 'voided', seat: 'released', cancelled: 'released' }
    const charged = isFormed ? {} : { seat: 'refund_due', cancelled: 'refund-owed' }
    // Of what was charged the difference goes back, or all of it; delivery is the same at any price.
    const back = isFormed ? { above: -20_000, back: 20_000 - Number(deliveryCost) } : { above: 0, back: 100_000 }
    expect(seats).toEqual([
      {
        method: 'on-delivery',
        ...promised,
        ...ended,
        reason: null,
        above: 0,
        back: null,
        seats: 300,
        moves: 0,
        jobs: 0,
        stories: none * 300,
        parcels: count * 300,
        asked: count * 300,
      },
      {
        method: 'sbp',
        payment: 'captured',
        ...charged,
        ...ended,
        ...back,
        reason,
        seats: 700,
        moves: 700,
        jobs: 700,
        stories: 700,
        parcels: count * 700,
        asked: count * 700,
      },
    ])
    const notices = await shop.db.$queryRaw<{ kind: string; count: number }[]>`
    SELECT n.kind, count(*)::int AS count FROM notification n JOIN seat s ON s.person_id = n.person_id
    WHERE s.group_id = ${groupId} AND n.kind <> 'seat-paid' GROUP BY n.kind ORDER BY n.kind`
    expect(Object.fromEntries(notices.map(({ kind, count }) => [kind, count]))).toEqual(told)
    const gone = isFormed ? 1000 : 0
    expect(await shop.stock(goods)).toEqual({ onHand: 2000 - gone, reserved: 0 })
    const product = await shop.db.product.findUniqueOrThrow({ where: { id: goods.productId } })
    expect(product.popularity).toBe(gone)

    await shop.db.$executeRaw`
    DELETE FROM graphile_worker._private_jobs WHERE key NOT IN (SELECT 'move:' || m.id FROM payment_move m
      JOIN payment p ON p.id = m.payment_id WHERE p.order_id = ${orderId})`
    // Telling a thousand people is the outbox's, and has its own tests.
    await shop.db.notification.updateMany({ where: { state: 'due' }, data: { state: 'dropped' } })
    await shop.runJobs()
    expect((await shop.stateOf(orderId)).payments.toSorted()).toContain(isFormed ? 'part_refunded' : 'refunded')
  },
  60_000,
)
