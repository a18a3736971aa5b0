/** A group of a thousand seats is closed as one of two is, only larger. */
import { expect, test } from 'vitest'
import { closeDueGroups } from '#shop/group-buy.ts'
import { assertInvariants } from './invariants.ts'
import { minute, useShop } from './support.ts'
import { seatThousand } from './thousand.ts'

const shop = useShop()

test.each([
  { outcome: 'formed', minSeats: 1000, kind: 'capture', state: 'capturing' },
  { outcome: 'failed', minSeats: 1001, kind: 'void', state: 'voiding' },
])(
  'a group of a thousand seats is $outcome within seconds, each seat once',
  async ({ outcome, minSeats, kind, state }) => {
    const steps = [{ seats: 500, price: 80_000n }]
    const goods = await shop.goods({ stock: 2000, size: 1500, group: { kind: 'ladder', minSeats }, steps })
    const { groupId, orderId } = await shop.openGroup(goods)
    await seatThousand(shop, goods, groupId)
    await assertInvariants(shop.db)

    const now = shop.pass(30 * minute)
    const startedAt = performance.now()
    // Two workers at once.
    const closed = await Promise.all([closeDueGroups(shop.db, now), closeDueGroups(shop.db, now)])
    expect(performance.now() - startedAt).toBeLessThan(5000)
    expect(closed.toSorted()).toEqual([0, 1])
    expect(await shop.group(groupId)).toMatchObject({ state: outcome, paidSeats: 1000 })

    const [seen] = await shop.db.$queryRaw<Record<string, unknown>[]>`
    SELECT count(*)::int AS seats, count(*) FILTER (WHERE p.state = ${state})::int AS payments,
      count(*) FILTER (WHERE m.amount = CASE ${kind} WHEN 'capture' THEN o.total ELSE p.amount END)::int AS moves,
      count(*) FILTER (WHERE o.total = o.delivery_cost + ${outcome === 'formed' ? 80_000n : 100_000n})::int AS prices,
      count(DISTINCT j.id)::int AS jobs, count(DISTINCT n.id)::int AS told
    FROM seat s JOIN "order" o ON o.id = s.order_id JOIN payment p ON p.order_id = o.id
      JOIN payment_move m ON m.payment_id = p.id AND m.kind = ${kind}
      JOIN graphile_worker._private_jobs j ON j.key = 'move:' || m.id
      JOIN notification n ON n.key = 'group:' || s.group_id || ':' || ${outcome}::text || ':' || s.id
        AND n.person_id = s.person_id
    WHERE s.group_id = ${groupId}`
    expect(seen).toEqual({ seats: 1000, payments: 1000, moves: 1000, prices: 1000, jobs: 1000, told: 1000 })
    await assertInvariants(shop.db)

    // The one that the provider knows goes its whole way.
    await shop.db.$executeRaw`
    DELETE FROM graphile_worker._private_jobs WHERE key IN (SELECT 'move:' || m.id FROM payment_move m
      JOIN payment p ON p.id = m.payment_id WHERE p.external_id LIKE 'at-%')`
    // Telling a thousand people is the outbox's, and has its own tests.
    await shop.db.notification.updateMany({ where: { state: 'due' }, data: { state: 'dropped' } })
    await shop.runJobs()
    expect((await shop.stateOf(orderId)).payments).toEqual([outcome === 'formed' ? 'captured' : 'voided'])
  },
  60_000,
)
