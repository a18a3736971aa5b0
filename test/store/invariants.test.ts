/**
 * Every rule that the migrations have by hand is broken once, by the smallest statement that breaks it and nothing else.
 * One row of each kind is there, with the id 1 where the kind has a number.
 */
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import pg from 'pg'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { useDatabase } from '../support/database.ts'

const folder = join(import.meta.dirname, '..', '..', 'prisma', 'migrations')
const migrations = readdirSync(folder, { withFileTypes: true })
  .filter((entry) => entry.isDirectory())
  .map(({ name }) => name)
  .toSorted()
  .map((name) => readFileSync(join(folder, name, 'migration.sql'), 'utf8'))

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
  INSERT INTO seat (id, group_id, person_id, order_id, state, held_until, created_at, was_paid)
  VALUES (${id}, 1, 1, ${orderId}, '${state}', now(), now(), '${state}' IN ('paid', 'confirmed'))`
const payment = (orderId: number, state: string, number: string, counts = true) => `
  INSERT INTO payment (id, order_id, provider, method, two_stage, counts, amount, captured, currency, state, external_id,
    created_at, updated_at)
  VALUES (gen_random_uuid(), ${orderId}, 'yookassa', 'card', true, ${counts}, 1000, ${state === 'captured' ? 1000 : 0},
    'RUB', '${state}', ${number}, now(), now())`
const move = (kind: string, state: string) => `
  INSERT INTO payment_move (id, payment_id, kind, amount, state, created_at, updated_at)
  SELECT gen_random_uuid(), id, '${kind}', 1000, '${state}', now(), now() FROM payment`
const event = (kind: string, amount: number) => `
  INSERT INTO payment_event (payment_id, kind, amount, at) SELECT id, '${kind}', ${amount}, now() FROM payment`
const posting = (kind: string, key = 'k2') =>
  `INSERT INTO posting (id, key, kind, at) VALUES (2, '${key}', '${kind}', now())`
const entry = (account: string, amount: number, owner = 'NULL, NULL, NULL', currency = 'RUB', postingId = 1) => `
  INSERT INTO entry (posting_id, account, person_id, seller_id, provider, amount, currency)
  VALUES (${postingId}, '${account}', ${owner}, ${amount}, '${currency}')`
const asked = `
  INSERT INTO payment_move (id, payment_id, kind, amount, state, line_id, quantity, created_at, updated_at)
  SELECT gen_random_uuid(), p.id, 'refund', 1, 'asked', l.id, 1, now(), now() FROM payment p, order_line l`
const brand = (name: string, folded = 'b') => `INSERT INTO brand (name, folded) VALUES ('${name}', '${folded}')`
const listing = (price: number, together = 'NULL') => `
  INSERT INTO listing (product_id, seller_id, category_ids, search, price, currency, together_price, in_stock, added_at)
  VALUES (1, 1, '{1}', '', ${price}, 'RUB', ${together}, true, now())`
const synonym = (word: string, means: string) =>
  `INSERT INTO synonym (seller_id, word, means, created_at) VALUES (1, '${word}', '${means}', now())`
const search = (rest: string) =>
  `INSERT INTO search (person_id, query, created_at, filters, sort) VALUES (1, 'q', now(), ${rest})`
const imported = (state: string, source: string, endedAt = 'NULL') => `
  INSERT INTO catalogue_import (seller_id, file_refs, url, state, created_at, ended_at)
  VALUES (1, ${source}, '${state}', now(), ${endedAt})`
const question = (text: string, answer = 'NULL, NULL') => `
  INSERT INTO product_question (product_id, person_id, text, asked_at, answer, answered_at)
  VALUES (1, 1, ${text}, now(), ${answer})`
const favourite = (prices: string) => `
  INSERT INTO favourite (person_id, product_id, created_at, told_in_stock, told_price, currency, kept_price, kept_currency)
  VALUES (1, 1, now(), true, ${prices})`
const rating = (stars: number) =>
  `INSERT INTO rating (person_id, product_id, stars, rated_at) VALUES (1, 1, ${stars}, now())`

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
  `INSERT INTO campaign_tier (campaign_id, variant_id, seats, price) VALUES (1, 1, 3, 800)`,
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
  `INSERT INTO group_visit (group_id, person_id, via, at) VALUES (1, 1, 'card', now())`,
  `INSERT INTO waiting (group_id, person_id, state, created_at) VALUES (1, 1, 'waiting', now())`,
  payment(1, 'capturing', `'e1'`),
  move('capture', 'pending'),
  event('held', 1000),
  `BEGIN; INSERT INTO posting (id, key, kind, at) VALUES (1, 'k', 'taken', now());
    ${entry('provider', 5, `NULL, NULL, 'yookassa'`)}; ${entry('buyer', -5, '1, NULL, NULL')}; COMMIT`,
  `INSERT INTO live_card (messenger, message_ref, order_id, person_id, language, shown_version, created_at)
    VALUES ('telegram', 'm', 1, 1, 'ru', 0, now())`,
  `INSERT INTO shipment (id, order_id, carrier, key, state, created_at, updated_at)
    VALUES (1, 1, 'cdek', 'k', 'requested', now(), now())`,
  `INSERT INTO tracking_event (shipment_id, code, text, place, happened_at, received_at)
    VALUES (1, 'a', 'a', 'a', now(), now())`,
  `INSERT INTO notification (person_id, key, kind, data, priority, state, due_at, created_at)
    VALUES (1, 'k', 'order-paid', '{}', 1, 'due', now(), now())`,
]

const answered: [state: string, sums: string][] = [
  ...['pending', 'held', 'capturing', 'voiding', 'voided', 'expired'].map((state): [string, string] => [state, '']),
  ['captured', ', captured = 1000'],
  ['part_refunded', ', captured = 1000, refunded = 1'],
  ['refunded', ', captured = 1000, refunded = 1000'],
]

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
  ['campaign_kind_known', `UPDATE campaign SET kind = 'lottery'`],
  ['campaign_source_known', `UPDATE campaign SET source = 'rumour'`],
  [
    'campaign_minimum',
    `UPDATE campaign SET min_seats = 2`,
    `UPDATE campaign SET kind = 'ladder'`,
    `UPDATE campaign SET kind = 'ladder', min_seats = 1`,
    `UPDATE campaign SET kind = 'ladder', min_seats = 4`,
  ],
  ['campaign_units', `UPDATE campaign SET max_units = 0`, `UPDATE campaign SET max_units = 100`],
  ...['campaign', '"group"'].map((table): [string, ...string[]] => [
    table === 'campaign' ? 'campaign_thanks' : 'group_thanks',
    `UPDATE ${table} SET thanks_kind = 'gift' WHERE id = 1`,
    `UPDATE ${table} SET thanks_basis_points = 1 WHERE id = 1`,
    `UPDATE ${table} SET thanks_kind = 'share' WHERE id = 1`,
    `UPDATE ${table} SET thanks_kind = 'discount', thanks_basis_points = 5001 WHERE id = 1`,
  ]),
  ['campaign_cities_few', `UPDATE campaign SET cities = array_fill(44, ARRAY[51])`],
  ['campaign_tier_positive', `UPDATE campaign_tier SET price = 0`, `UPDATE campaign_tier SET seats = 0`],
  ['campaign_price_aside', `UPDATE campaign_price SET aside_left = -1`, `UPDATE campaign_price SET aside_left = 1`],
  ['stock_aside_not_negative', `UPDATE stock_level SET set_aside = -1`],
  [
    'stock_set_aside_covered',
    `UPDATE stock_level SET set_aside = 10`,
    `UPDATE stock_level SET set_aside = 9, reserved = 2`,
  ],
  ['product_params_list', `UPDATE product SET params = '{}'`],
  ['brand_named', brand(''), brand('b', '')],
  ['listing_prices_positive', listing(0), listing(1, '0')],
  ['vocabulary_used', `INSERT INTO vocabulary VALUES ('w', 0)`, `INSERT INTO vocabulary VALUES ('', 1)`],
  ['synonym_of_another', synonym('a', 'a'), synonym('', 'a'), synonym('a', '')],
  ['search_sort_known', search(`'{}', 'random'`)],
  ['search_filters_object', search(`'[]', 'best'`)],
  ['catalogue_import_state_known', imported('lost', `'{f}', NULL`)],
  ['catalogue_import_has_source', imported('waiting', `'{f}', 'https://a'`), imported('waiting', 'NULL, NULL')],
  ['catalogue_import_ended', imported('done', `'{f}', NULL`), imported('running', `'{f}', NULL`, 'now()')],
  ['catalogue_import_one_live', `${imported('waiting', `'{f}', NULL`)}; ${imported('held', `NULL, 'https://a'`)}`],
  ['catalogue_import_counts', `${imported('waiting', `'{f}', NULL`)}; UPDATE catalogue_import SET attempts = -1`],
  ['catalogue_import_one_or_two_files', imported('waiting', `'{}', NULL`), imported('waiting', `'{a,b,c}', NULL`)],
  [
    'catalogue_import_kept_mapping',
    `${imported('waiting', `'{f}', NULL`)}; UPDATE catalogue_import SET is_mapping_kept = true`,
    `${imported('waiting', `'{f}', NULL`)}; UPDATE catalogue_import SET is_mapping_kept = true, mapping = '{}'`,
  ],
  [
    'seller_category_titled',
    `INSERT INTO seller_category (seller_id, feed_category, title) VALUES (1, 'a', '[]')`,
    `INSERT INTO seller_category (seller_id, feed_category, title) VALUES (1, '', '{}')`,
  ],
  ['product_question_said', question(`''`), question(`repeat('a', 1001)`)],
  ['product_question_answer_said', question(`'a'`, `'', now()`), question(`'a'`, `repeat('a', 1001), now()`)],
  ['product_question_answered', question(`'a'`, `'b', NULL`), question(`'a'`, 'NULL, now()')],
  ['rating_stars_known', rating(0), rating(6)],
  ['favourite_told_price_whole', favourite(`0, 'RUB', NULL, NULL`), favourite('1, NULL, NULL, NULL')],
  ['favourite_kept_price_whole', favourite(`NULL, NULL, 0, 'RUB'`), favourite(`NULL, NULL, NULL, 'RUB'`)],

  ['group_state_known', `UPDATE "group" SET state = 'full' WHERE id = 1`],
  ['group_size_of_several', `UPDATE "group" SET size = 1, taken_seats = 1 WHERE id = 1`],
  [
    'group_seats_fit',
    `UPDATE "group" SET paid_seats = -1 WHERE id = 1`,
    `UPDATE "group" SET paid_seats = 3 WHERE id = 1`,
    `UPDATE "group" SET taken_seats = 4 WHERE id = 1`,
    `UPDATE "group" SET topped_up = 2 WHERE id = 1`,
    `UPDATE "group" SET topped_up = -1 WHERE id = 1`,
  ],
  [
    'group_formed_means_enough',
    `UPDATE "group" SET state = 'formed', closed_at = now() WHERE id = 1`,
    `UPDATE "group" SET state = 'formed', closed_at = now(), min_seats = 2, topped_up = 1, taken_seats = 1 WHERE id = 1`,
    `UPDATE "group" SET state = 'formed', closed_at = deadline_at, min_seats = 2 WHERE id = 1`,
  ],
  ['group_minimum', `UPDATE "group" SET min_seats = 1 WHERE id = 1`, `UPDATE "group" SET min_seats = 4 WHERE id = 1`],
  [
    'group_best_fits',
    `UPDATE "group" SET best_seats = -1 WHERE id = 1`,
    `UPDATE "group" SET best_seats = 4 WHERE id = 1`,
  ],
  ['group_units', `UPDATE "group" SET max_units = 0 WHERE id = 1`, `UPDATE "group" SET max_units = 100 WHERE id = 1`],
  ['seat_via_known', `UPDATE seat SET via = 'air'`],
  [
    'campaign_draft_one_at_a_time',
    `INSERT INTO campaign_draft (product_id, person_id, terms, changed_at) SELECT 1, 1, '{}', now() FROM generate_series(1, 2)`,
  ],
  ['group_visit_via_known', `UPDATE group_visit SET via = 'air'`],
  ['group_line_counted', `UPDATE "group" SET in_line = -1 WHERE id = 1`],
  ['waiting_state_known', `UPDATE waiting SET state = 'lost'`],
  ['waiting_offer_has_end', `UPDATE waiting SET state = 'offered'`, `UPDATE waiting SET offered_until = now()`],
  [
    'waiting_once_per_person',
    `INSERT INTO waiting (group_id, person_id, state, created_at) VALUES (1, 1, 'waiting', now())`,
  ],
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
  [
    'seat_paid_was_paid',
    `UPDATE seat SET state = 'paid', was_paid = false`,
    `UPDATE seat SET state = 'confirmed', was_paid = false`,
  ],
  ['seat_one_live_per_person', seat(2, 2, 'held'), seat(2, 2, 'paid'), seat(2, 2, 'confirmed')],

  [
    'live_card_shows_one_thing',
    `UPDATE live_card SET group_id = 1`,
    `UPDATE live_card SET group_id = NULL, order_id = NULL`,
  ],
  ['live_card_of_order_is_private', `UPDATE live_card SET person_id = NULL`],

  ['order_choice_has_end', `UPDATE "order" SET state = 'awaiting_choice'`, `UPDATE "order" SET choose_until = now()`],
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
    ...answered.map(([state, sums]) => `UPDATE payment SET state = '${state}', external_id = NULL${sums}`),
  ],
  ['payment_one_counts_per_order', payment(1, 'created', 'NULL'), payment(1, 'captured', `'e2'`)],
  ['payment_method_known', `UPDATE payment SET method = 'cheque'`],
  ['payment_promise_is_for_the_door', `UPDATE payment SET state = 'promised'`],
  [
    'payment_sums_fit',
    `UPDATE payment SET refunding = -1`,
    `UPDATE payment SET refunded = -1`,
    `UPDATE payment SET refunding = 1`,
    `UPDATE payment SET state = 'captured', captured = amount + 1`,
    `UPDATE payment SET state = 'captured', captured = 10, refunding = 11`,
    `UPDATE payment SET state = 'part_refunded', captured = 10, refunding = 5, refunded = 6`,
  ],
  [
    'payment_state_fits_sums',
    `UPDATE payment SET captured = 1`,
    `UPDATE payment SET state = 'voided', captured = 1`,
    `UPDATE payment SET state = 'captured'`,
    `UPDATE payment SET state = 'captured', captured = 10, refunded = 1`,
    `UPDATE payment SET state = 'part_refunded', captured = 10`,
    `UPDATE payment SET state = 'part_refunded', captured = 10, refunded = 10`,
    `UPDATE payment SET state = 'refunded'`,
    `UPDATE payment SET state = 'refunded', captured = 10, refunded = 9`,
  ],
  ['payment_move_kind_known', `UPDATE payment_move SET kind = 'gift'`],
  ['payment_move_state_known', `UPDATE payment_move SET state = 'lost'`],
  ['payment_move_amount_positive', `UPDATE payment_move SET amount = 0`],
  ['payment_move_once', move('capture', 'created'), `${move('void', 'done')}; ${move('void', 'created')}`],

  ['payment_move_reason_known', `UPDATE payment_move SET reason = 'whim'`],
  [
    'payment_move_asked_is_refund',
    `UPDATE payment_move SET state = 'asked'`,
    `UPDATE payment_move SET state = 'declined'`,
  ],
  ['payment_move_handed_over', `UPDATE payment_move SET is_handed_over = true`],
  [
    'payment_move_line_has_quantity',
    `UPDATE payment_move SET line_id = (SELECT id FROM order_line)`,
    `UPDATE payment_move SET quantity = 1`,
    `UPDATE payment_move SET line_id = (SELECT id FROM order_line), quantity = 0`,
  ],
  ['payment_move_one_asked', `${asked}; ${asked}`],
  ['payment_event_kind_known', event('lost', 1)],
  ['payment_event_amount_positive', event('held', 0), event('held', -1)],

  ['order_fee_share', `UPDATE "order" SET fee_basis_points = -1`, `UPDATE "order" SET fee_basis_points = 10001`],
  [
    'seller_methods_known',
    `UPDATE seller SET payment_methods = '{card,cheque}'`,
    `UPDATE seller SET payment_methods = '{}'`,
  ],
  ['seller_on_delivery_max_positive', `UPDATE seller SET on_delivery_max = 0`],
  ['seller_fee_share', `UPDATE seller SET fee_basis_points = -1`, `UPDATE seller SET fee_basis_points = 10001`],

  ['posting_kind_known', posting('gift')],
  ['entry_not_zero', entry('fee', 0)],
  ['entry_currency_code', entry('fee', 1, 'NULL, NULL, NULL', 'rub')],
  ['entry_account_known', entry('pocket', 1)],
  [
    'entry_account_has_owner',
    entry('buyer', 1),
    entry('seller', 1),
    entry('provider', 1),
    entry('fee', 1, '1, NULL, NULL'),
    entry('bank', 1, 'NULL, 1, NULL'),
    entry('delivery', 1, `NULL, NULL, 'yookassa'`),
    entry('buyer', 1, '1, 1, NULL'),
  ],
  [
    'posting_balances',
    entry('fee', 1),
    `${posting('earned')}; ${entry('fee', 2, undefined, 'RUB', 2)}; ${entry('bank', -1, undefined, 'RUB', 2)}`,
    `${posting('earned')}; ${entry('fee', 1, undefined, 'RUB', 2)}; ${entry('bank', -1, undefined, 'USD', 2)}`,
  ],
  ['posting_has_entries', posting('earned')],
  [
    'books_are_append_only',
    ...['posting', 'entry', 'payment_event'].flatMap((table) => [
      `UPDATE ${table} SET id = id + 1`,
      `DELETE FROM ${table}`,
    ]),
  ],

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
    // As a commit would: some rules are looked at only then.
    await client?.query('SET CONSTRAINTS ALL IMMEDIATE')
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

/** Made by Prisma, but money hangs on them: the same event is booked once, the same tap gives money back once. */
test.each([
  ['posting_key_key', posting('earned', 'k')],
  [
    'payment_move_request_key_key',
    `UPDATE payment_move SET request_key = 'r'; ${move('refund', 'done')};
      UPDATE payment_move SET request_key = 'r' WHERE kind = 'refund'`,
  ],
])('%s refuses a second one', async (name, statement) => {
  expect(await refusalOf(statement)).toBe(name)
})

test.each([
  ['a second seat after the first was given up', `UPDATE seat SET state = 'released'; ${seat(2, 2, 'held')}`],
  ['a second payment that does not count', payment(1, 'created', 'NULL', false)],
  [
    'a second payment after the first counts no more',
    `UPDATE payment SET counts = false; ${payment(1, 'created', 'NULL')}`,
  ],
  [
    'a payment at the door without a number',
    `UPDATE payment SET method = 'on-delivery', state = 'promised', external_id = NULL`,
  ],
  [
    'money that is partly back and partly on its way',
    `UPDATE payment SET state = 'part_refunded', captured = 10, refunding = 4, refunded = 6`,
  ],
  ['a refund without a line', `UPDATE payment_move SET kind = 'refund', state = 'asked', reason = 'goodwill'`],
  [
    'a return that is asked for again after it was declined',
    `${asked}; UPDATE payment_move SET state = 'declined' WHERE kind = 'refund'; ${asked}`,
  ],
  [
    'a posting whose entries are written one after the other',
    `${posting('earned')}; ${entry('fee', 1, undefined, 'RUB', 2)}; ${entry('bank', -1, undefined, 'RUB', 2)}`,
  ],
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

/**
 * What is in force after all of them, in order; the same name on several tables counts for each.
 * Plain indexes are left out, they refuse nothing, as do triggers that note what is due; so are keys, whose names end as
 * Prisma ends them.
 */
function rulesIn(...migrations: string[]): string[] {
  const rules: string[] = []
  const named =
    /\b(?:(ADD\s+CONSTRAINT|CREATE\s+UNIQUE\s+INDEX|CREATE(?:\s+CONSTRAINT)?\s+TRIGGER)|DROP\s+(?:CONSTRAINT|INDEX|TRIGGER))\s+"?(\w+)"?/gi
  for (const sql of migrations)
    for (const [, isMade, name = ''] of sql.replaceAll(/--.*$/gm, '').matchAll(named)) {
      if (/_(?:key|fkey|pkey|is_due|are_due)$/.test(name)) continue
      if (isMade) rules.push(name)
      else if (rules.includes(name)) rules.splice(rules.indexOf(name), 1)
    }
  return rules
}

test('every rule that the migrations name is broken above, and nothing else is', () => {
  const names = new Set(rulesIn(...migrations))
  expect(names.size).toBeGreaterThan(70)
  expect(refused.map(([name]) => name).toSorted()).toEqual([...names].toSorted())
})

test('the database has exactly the rules that were read from the migrations', async () => {
  const found = await client?.query<{ name: string }>(`
    SELECT conname AS name FROM pg_constraint WHERE contype = 'c' AND connamespace = 'public'::regnamespace
    UNION ALL SELECT i.indexrelid::regclass::text FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid
      WHERE i.indisunique AND i.indpred IS NOT NULL AND c.relnamespace = 'public'::regnamespace
    UNION ALL SELECT t.tgname FROM pg_trigger t JOIN pg_class c ON c.oid = t.tgrelid
      WHERE NOT t.tgisinternal AND c.relnamespace = 'public'::regnamespace AND t.tgname !~ '_(is|are)_due$'`)
  expect(found?.rows.map(({ name }) => name).toSorted()).toEqual(rulesIn(...migrations).toSorted())
})

test('a new rule without a case would be seen', () => {
  const rules = `-- ADD CONSTRAINT not_this
    ALTER TABLE a ADD CONSTRAINT one CHECK (b > 0),
      ADD CONSTRAINT "two" CHECK (c > 0);
    CREATE UNIQUE INDEX three ON a (b) WHERE c > 0;
    CREATE INDEX refuses_nothing ON a (b);
    CREATE TRIGGER four BEFORE UPDATE ON a FOR EACH ROW EXECUTE FUNCTION f();`
  expect(rulesIn(rules)).toEqual(['one', 'two', 'three', 'four'])
  expect(rulesIn(rules, 'ALTER TABLE a DROP CONSTRAINT one; DROP INDEX three;')).toEqual(['two', 'four'])
  expect(rulesIn(rules, 'DROP INDEX plain;')).toEqual(rulesIn(rules))
})
