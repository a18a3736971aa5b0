/** A thousand members, for tests of large groups. */
import { randomUUID } from 'node:crypto'
import type { Goods, Shop } from './support.ts'

const members = 999

/**
 * Everybody but the leader, written as a purchase and its payment leave them.
 * @param promised so many pay at the door; the others' money is where the leader's is.
 */
export async function seatThousand(shop: Shop, goods: Goods, groupId: number, promised = 0): Promise<void> {
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
      'external_id', 'at-' || orders.id) || CASE WHEN orders.id % 10000 <= ${promised} THEN jsonb_build_object(
        'provider', 'on-delivery', 'method', 'on-delivery', 'state', 'promised', 'captured', 0, 'external_id', NULL)
        ELSE '{}' END)).*
    FROM orders JOIN payment p ON p.order_id = ${template.orderId} AND p.counts`
  // What is taken already is in the books and in its buyer's story.
  await db.$executeRaw`
    WITH copies AS (
      SELECT p.id, p.order_id, s.person_id FROM seat s JOIN payment p ON p.order_id = s.order_id
      WHERE s.group_id = ${groupId} AND s.order_id <> ${template.orderId} AND p.state = 'captured'),
    story AS (
      INSERT INTO payment_event (payment_id, kind, amount, at)
      SELECT copies.id, e.kind, e.amount, e.at FROM copies, payment_event e JOIN payment p ON p.id = e.payment_id
      WHERE p.order_id = ${template.orderId}),
    postings AS (
      INSERT INTO posting (key, kind, payment_id, order_id, at)
      SELECT 'taken:' || copies.id, g.kind, copies.id, copies.order_id, g.at FROM copies, posting g
      WHERE g.order_id = ${template.orderId} RETURNING id, order_id)
    INSERT INTO entry (posting_id, account, person_id, seller_id, provider, amount, currency)
    SELECT postings.id, e.account, CASE WHEN e.person_id IS NOT NULL THEN copies.person_id END, e.seller_id, e.provider,
      e.amount, e.currency
    FROM postings JOIN copies ON copies.order_id = postings.order_id, entry e JOIN posting g ON g.id = e.posting_id
    WHERE g.order_id = ${template.orderId}`
  await db.$executeRaw`
    UPDATE stock_level SET reserved = reserved + ${members} WHERE variant_id = ${goods.variantId}`
  await db.$executeRaw`
    UPDATE "group" SET taken_seats = 1 + ${members}, paid_seats = 1 + ${members}, best_seats = 1 + ${members}
    WHERE id = ${groupId}`
}
