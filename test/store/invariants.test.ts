/**
 * Every rule of the invariants migration is broken once, by the smallest statement that breaks it and nothing else.
 * One row of each kind is there, with the id 1 where the kind has a number.
 */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import pg from 'pg'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { useDatabase } from '../support/database.ts'

const migration = readFileSync(
  join(import.meta.dirname, '..', '..', 'prisma', 'migrations', '20261123000100_invariants', 'migration.sql'),
  'utf8',
)

const order = (id: number, state = 'awaiting_group') => `
  INSERT INTO "order" (id, number, request_key, person_id, seller_id, location_id, state, goods_total, delivery_cost,
    total, currency, expires_at, created_at, recipient_name, recipient_phone, city_code, city_name, pickup_point_code,
    pickup_point_text, carrier, tariff_code, promised_from, promised_to)
  VALUES (${id}, 'n${id}', 'k${id}', 1, 1, 1, '${state}', 900, 100, 1000, 'RUB', now(), now(), 'a', '+7', 44, 'a', 'a',
    'a', 'cdek', 136, '2026-01-10', '2026-01-12')`
const group = (id: number, state: string, taken: number, paid: number, closedAt = 'NULL') => `
  INSERT INTO "group" (id, token, campaign_id, variant_id, leader_id, state, size, price, currency, taken_seats,
    paid_seats, deadline_at, created_at, closed_at)
  VALUES (${id}, 't${id}', 1, 1, 1, '${state}', 3, 900, 'RUB', ${taken}, ${paid}, now() + interval '1 day', now(),
    ${closedAt})`
const seat = (id: number, orderId: number, state: string) => `
  INSERT INTO seat (id, group_id, person_id, order_id, state, held_until, created_at)
  VALUES (${id}, 1, 1, ${orderId}, '${state}', now(), now())`
const payment = (orderId: number, state: string, number: string) => `
  INSERT INTO payment (id, order_id, provider, two_stage, amount, currency, state, external_id, created_at, updated_at)
  VALUES (gen_random_uuid(), ${orderId}, 'yookassa', true, 1000, 'RUB', '${state}', ${number}, now(), now())`
const move = (kind: string, state: string) => `
  INSERT INTO payment_move (id, payment_id, kind, amount, state, created_at, updated_at)
  SELECT gen_random_uuid(), id, '${kind}', 1000, '${state}', now(), now() FROM payment`

const seeds = [
  `INSERT INTO person (id, first_name, language) VALUES (1, 'Anna', 'ru')`,
  `INSERT INTO seller (id, slug, name, invitation) VALUES (1, 's', 's', 's')`,
  `INSERT INTO category (id, slug, title) VALUES (1, 'c', '{"ru": "c"}')`,
  `INSERT INTO product (id, seller_id, external_id, category_id, title, description, pictures, words, updated_at)
    VALUES (1, 1, 'p', 1, '{"ru": "p"}', '{}', '{}', 'p', now())`,
  `INSERT INTO variant (id, product_id, external_id, options, price, currency, weight_grams)
    VALUES (1, 1, 'v', '{}', 1000, 'RUB', 500)`,
  `INSERT INTO location (id, seller_id, external_id, kind, title, city_code, city_name)
    VALUES (1, 1, 'l', 'local_warehouse', '{"ru": "l"}', 44, 'l')`,
  `INSERT INTO stock_level (variant_id, location_id, on_hand, reserved) VALUES (1, 1, 10, 1)`,
  `INSERT INTO campaign (id, seller_id, product_id, size, lifetime_minutes, starts_at) VALUES (1, 1, 1, 3, 60, now())`,
  `INSERT INTO campaign_price (campaign_id, variant_id, price) VALUES (1, 1, 900)`,
  `INSERT INTO brand_channel (id, messenger, external_id, title, added_by_id, added_at)
    VALUES (1, 'telegram', '-1', 'c', 1, now())`,
  `INSERT INTO post (id, token, request_key, seller_id, channel_id, product_id, state, created_at, requested_by_id)
    VALUES (1, 't', 'k', 1, 1, 1, 'sending', now(), 1)`,
  group(1, 'open', 2, 1),
  group(2, 'formed', 3, 3, 'now()'),
  group(3, 'failed', 1, 1, 'now()'),
  group(4, 'cancelled', 0, 0, 'now()'),
  order(1),
  order(2, 'awaiting_payment'),
  `INSERT INTO order_line (order_id, variant_id, quantity, unit_price, title) VALUES (1, 1, 1, 900, '{"ru": "p"}')`,
  `INSERT INTO reservation (order_id, variant_id, location_id, quantity, state, created_at)
    VALUES (1, 1, 1, 1, 'held', now())`,
  seat(1, 1, 'paid'),
  payment(1, 'capturing', `'e1'`),
  move('capture', 'pending'),
  `INSERT INTO live_card (messenger, message_ref, order_id, person_id, language, shown_version, created_at)
    VALUES ('telegram', 'm', 1, 1, 'ru', 0, now())`,
  `INSERT INTO shipment (id, order_id, carrier, key, state, created_at, updated_at)
    VALUES (1, 1, 'cdek', 'k', 'requested', now(), now())`,
  `INSERT INTO tracking_event (shipment_id, code, text, place, happened_at, received_at)
    VALUES (1, 'a', 'a', 'a', now(), now())`,
  `INSERT INTO notification (person_id, key, kind, data, priority, state, due_at, created_at)
    VALUES (1, 'k', 'order-paid', '{}', 1, 'due', now(), now())`,
]

const answered = ['pending', 'held', 'capturing', 'captured', 'voiding', 'voided', 'expired']

const refused: [name: string, ...statements: string[]][] = [
  ['person_language_known', `UPDATE person SET language = 'de'`],

  ['product_titled', `UPDATE product SET title = '{}'`, `UPDATE product SET title = '{"de": "p"}'`],
  ['category_not_own_parent', `UPDATE category SET parent_id = id`],
  ['variant_price_positive', `UPDATE variant SET price = 0`],
  ['variant_old_price_higher', `UPDATE variant SET old_price = price`],
  ['variant_weight_positive', `UPDATE variant SET weight_grams = 0`],
  ['variant_currency_code', `UPDATE variant SET currency = 'rub'`, `UPDATE variant SET currency = 'RU'`],

  ['location_kind_known', `UPDATE location SET kind = 'moon'`],
  ['stock_never_oversold', `UPDATE stock_level SET reserved = 11`, `UPDATE stock_level SET reserved = -1`],
  ['reservation_state_known', `UPDATE reservation SET state = 'lost'`],
  ['reservation_quantity_positive', `UPDATE reservation SET quantity = 0`],

  ['post_state_known', `UPDATE post SET state = 'lost'`],
  ['post_sent_has_message', `UPDATE post SET state = 'sent'`],

  ['campaign_size', `UPDATE campaign SET size = 1`, `UPDATE campaign SET size = 10001`],
  ['campaign_lifetime', `UPDATE campaign SET lifetime_minutes = 0`, `UPDATE campaign SET lifetime_minutes = 43201`],
  ['campaign_ends_after_start', `UPDATE campaign SET ends_at = starts_at`],
  ['campaign_price_positive', `UPDATE campaign_price SET price = 0`],

  ['group_state_known', `UPDATE "group" SET state = 'full' WHERE id = 1`],
  ['group_size_of_several', `UPDATE "group" SET size = 1, taken_seats = 1 WHERE id = 1`],
  [
    'group_seats_fit',
    `UPDATE "group" SET paid_seats = -1 WHERE id = 1`,
    `UPDATE "group" SET paid_seats = 3 WHERE id = 1`,
    `UPDATE "group" SET taken_seats = 4 WHERE id = 1`,
  ],
  ['group_formed_means_full', `UPDATE "group" SET state = 'formed', closed_at = now() WHERE id = 1`],
  ['group_draft_means_unpaid', `UPDATE "group" SET state = 'draft' WHERE id = 1`],
  ['group_price_positive', `UPDATE "group" SET price = 0 WHERE id = 1`],
  ['group_currency_code', `UPDATE "group" SET currency = 'rub' WHERE id = 1`],
  ['group_deadline_after_opening', `UPDATE "group" SET deadline_at = created_at WHERE id = 1`],
  [
    'group_closed_has_time',
    `UPDATE "group" SET closed_at = now() WHERE id = 1`,
    `UPDATE "group" SET state = 'failed' WHERE id = 1`,
    `UPDATE "group" SET state = 'cancelled' WHERE id = 1`,
    `UPDATE "group" SET closed_at = NULL WHERE id = 2`,
  ],
  [
    'group_state_is_final',
    `UPDATE "group" SET state = 'open', closed_at = NULL WHERE id = 2`,
    `UPDATE "group" SET state = 'open', closed_at = NULL WHERE id = 3`,
    `UPDATE "group" SET state = 'open', closed_at = NULL WHERE id = 4`,
    `UPDATE "group" SET state = 'cancelled' WHERE id = 3`,
  ],
  ['seat_state_known', `UPDATE seat SET state = 'lost'`],
  ['seat_one_live_per_person', seat(2, 2, 'held'), seat(2, 2, 'paid'), seat(2, 2, 'confirmed')],

  [
    'live_card_shows_one_thing',
    `UPDATE live_card SET group_id = 1`,
    `UPDATE live_card SET group_id = NULL, order_id = NULL`,
  ],
  ['live_card_of_order_is_private', `UPDATE live_card SET person_id = NULL`],

  ['order_state_known', `UPDATE "order" SET state = 'lost'`],
  [
    'order_total_adds_up',
    `UPDATE "order" SET total = total + 1`,
    `UPDATE "order" SET goods_total = 0, total = delivery_cost`,
    `UPDATE "order" SET delivery_cost = -1, total = goods_total - 1`,
  ],
  ['order_currency_code', `UPDATE "order" SET currency = 'rub'`],
  ['order_promise_in_order', `UPDATE "order" SET promised_from = promised_to + 1`],
  ['order_cancel_reason_known', `UPDATE "order" SET state = 'cancelled', cancel_reason = 'bored'`],
  ['order_line_quantity_positive', `UPDATE order_line SET quantity = 0`],
  ['order_line_price_positive', `UPDATE order_line SET unit_price = 0`],

  ['payment_state_known', `UPDATE payment SET state = 'lost'`],
  ['payment_amount_positive', `UPDATE payment SET amount = 0`],
  ['payment_currency_code', `UPDATE payment SET currency = 'rub'`],
  [
    'payment_answered_has_number',
    ...answered.map((state) => `UPDATE payment SET state = '${state}', external_id = NULL`),
  ],
  ['payment_one_live_per_order', payment(1, 'created', 'NULL'), payment(1, 'captured', `'e2'`)],
  ['payment_move_kind_known', `UPDATE payment_move SET kind = 'gift'`],
  ['payment_move_state_known', `UPDATE payment_move SET state = 'lost'`],
  ['payment_move_amount_positive', `UPDATE payment_move SET amount = 0`],
  ['payment_move_once', move('capture', 'created'), `${move('void', 'done')}; ${move('void', 'created')}`],

  ['shipment_state_known', `UPDATE shipment SET state = 'eaten'`],
  ['tracking_event_is_append_only', `UPDATE tracking_event SET text = 'b'`],

  ['notification_state_known', `UPDATE notification SET state = 'lost'`],
  ['notification_priority_not_negative', `UPDATE notification SET priority = -1`],
  ['notification_attempts_not_negative', `UPDATE notification SET attempts = -1`],
]

const database = useDatabase()
let client: pg.Client | undefined
beforeAll(async () => {
  client = new pg.Client({ connectionString: database.url })
  await client.connect()
  for (const seed of seeds) await client.query(seed)
})
afterAll(async () => client?.end())

/** @returns the name of the rule that refused it; undefined when nothing did. Leaves no trace. */
async function refusalOf(statement: string): Promise<string | undefined> {
  await client?.query('BEGIN')
  try {
    await client?.query(statement)
    return undefined
  } catch (error) {
    if (!(error instanceof pg.DatabaseError)) throw error
    return error.constraint ?? `${error.code}: ${error.message}`
  } finally {
    await client?.query('ROLLBACK')
  }
}

test.each(refused.flatMap(([name, ...statements]) => statements.map((statement) => ({ name, statement }))))(
  '$name refuses $statement',
  async ({ name, statement }) => {
    expect(await refusalOf(statement)).toBe(name)
  },
)

test.each([
  ['a second seat after the first was given up', `UPDATE seat SET state = 'released'; ${seat(2, 2, 'held')}`],
  ['a second payment after the first failed', `UPDATE payment SET state = 'failed'; ${payment(1, 'created', 'NULL')}`],
  [
    'a second capture after the first failed',
    `UPDATE payment_move SET state = 'failed'; ${move('capture', 'created')}`,
  ],
  ['two refunds of one payment', `${move('refund', 'by_hand')}; ${move('refund', 'by_hand')}`],
  ['a failed payment that the provider never had', `UPDATE payment SET state = 'failed', external_id = NULL`],
  ['an order without a reason to be cancelled', `UPDATE "order" SET cancel_reason = NULL`],
  ['an open group that is closed', `UPDATE "group" SET state = 'failed', closed_at = now() WHERE id = 1`],
  ['a closed group whose message changed', `UPDATE "group" SET state = state, version = version + 1 WHERE id = 2`],
  ['a post that is out', `UPDATE post SET state = 'sent', message_ref = 'm'`],
])('%s is no offence', async (_what, statement) => {
  expect(await refusalOf(statement)).toBeUndefined()
})

/** Plain indexes are left out: they refuse nothing. */
function rulesIn(sql: string): string[] {
  const code = sql.replaceAll(/--.*$/gm, '')
  const named = /\b(?:ADD\s+CONSTRAINT|CREATE\s+UNIQUE\s+INDEX|CREATE(?:\s+CONSTRAINT)?\s+TRIGGER)\s+"?(\w+)"?/gi
  return [...code.matchAll(named)].map(([, name = '']) => name)
}

test('every rule that the migration names is broken above, and nothing else is', () => {
  const names = rulesIn(migration)
  expect(names.length).toBeGreaterThan(50)
  expect(refused.map(([name]) => name).toSorted()).toEqual(names.toSorted())
})

test('the database has exactly the rules that were read from the migration', async () => {
  const found = await client?.query<{ name: string }>(`
    SELECT conname AS name FROM pg_constraint WHERE contype = 'c' AND connamespace = 'public'::regnamespace
    UNION ALL SELECT i.indexrelid::regclass::text FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid
      WHERE i.indisunique AND i.indpred IS NOT NULL AND c.relnamespace = 'public'::regnamespace
    UNION ALL SELECT t.tgname FROM pg_trigger t JOIN pg_class c ON c.oid = t.tgrelid
      WHERE NOT t.tgisinternal AND c.relnamespace = 'public'::regnamespace`)
  expect(found?.rows.map(({ name }) => name).toSorted()).toEqual(rulesIn(migration).toSorted())
})

test('a new rule without a case would be seen', () => {
  const rules = `-- ADD CONSTRAINT not_this
    ALTER TABLE a ADD CONSTRAINT one CHECK (b > 0),
      ADD CONSTRAINT "two" CHECK (c > 0);
    CREATE UNIQUE INDEX three ON a (b) WHERE c > 0;
    CREATE INDEX refuses_nothing ON a (b);
    CREATE TRIGGER four BEFORE UPDATE ON a FOR EACH ROW EXECUTE FUNCTION f();`
  expect(rulesIn(rules)).toEqual(['one', 'two', 'three', 'four'])
})
