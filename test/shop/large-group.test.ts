/** A group of a thousand seats is closed as one of two is, only larger. */
import { randomUUID } from 'node:crypto'
import { expect, test } from 'vitest'
import { closeDueGroups } from '#shop/group-buy.ts'
import { assertInvariants } from './invariants.ts'
import { minute, useShop, type Goods } from './support.ts'

const shop = useShop()
const members = 999

/** Everybody but the leader, written as a purchase and its payment leave them. */
async function seat(goods: Goods, groupId: number): Promise<void> {
  const { db } = shop
  await db.$executeRaw`
    INSERT INTO person (first_name, language, created_at) SELECT 'Анна', 'ru', ${shop.now} FROM generate_series(1, ${members})`
  const template = await db.seat.findFirstOrThrow({ where: { groupId }, select: { orderId: true } })
  await db.$executeRaw`
    WITH people AS (
      SELECT id AS person_id, 1000000 + row_number() OVER (ORDER BY id)::int AS order_id, ${randomUUID()}::text AS run
      FROM (SELECT id FROM person ORDER BY id DESC LIMIT ${members}) newest),
    orders AS (
      INSERT INTO "order" SELECT (jsonb_populate_record(o, jsonb_build_object('id', order_id + ${groupId}::int * 10000,
        'number', run || order_id, 'request_key', run || order_id, 'person_id', people.person_id))).*
      FROM people JOIN "order" o ON o.id = ${template.orderId} RETURNING id, person_id),
    lines AS (
      INSERT INTO order_line (order_id, variant_id, quantity, unit_price, title)
      SELECT orders.id, l.variant_id, 1, l.unit_price, l.title FROM orders, order_line l WHERE l.order_id = ${template.orderId}),
    seats AS (
      INSERT INTO seat (group_id, person_id, order_id, state, held_until, created_at, was_paid)
      SELECT ${groupId}, person_id, id, 'paid', ${shop.now}, ${shop.now}, true FROM orders),
    stock AS (
      INSERT INTO reservation (order_id, variant_id, location_id, quantity, state, created_at)
      SELECT id, ${goods.variantId}, ${goods.locationId}, 1, 'held', ${shop.now} FROM orders)
    INSERT INTO payment SELECT (jsonb_populate_record(p, jsonb_build_object('id', gen_random_uuid(), 'order_id', orders.id,
      'external_id', 'at-' || orders.id))).*
    FROM orders JOIN payment p ON p.order_id = ${template.orderId}`
  await db.$executeRaw`
    UPDATE stock_level SET reserved = reserved + ${members} WHERE variant_id = ${goods.variantId}`
  await db.$executeRaw`
    UPDATE "group" SET taken_seats = 1 + ${members}, paid_seats = 1 + ${members}, best_seats = 1 + ${members}
    WHERE id = ${groupId}`
}

test.each([
  { outcome: 'formed', minSeats: 1000, kind: 'capture', state: 'capturing' },
  { outcome: 'failed', minSeats: 1001, kind: 'void', state: 'voiding' },
])(
  'a group of a thousand seats is $outcome within seconds, each seat once',
  async ({ outcome, minSeats, kind, state }) => {
    const steps = [{ seats: 500, price: 80_000n }]
    const goods = await shop.goods({ stock: 2000, size: 1500, group: { kind: 'ladder', minSeats }, steps })
    const { groupId, orderId } = await shop.openGroup(goods)
    await seat(goods, groupId)
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
    await shop.runJobs()
    expect((await shop.stateOf(orderId)).payments).toEqual([outcome === 'formed' ? 'captured' : 'voided'])
  },
)
