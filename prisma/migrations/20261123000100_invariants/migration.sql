-- Every invariant that the database can hold, so that no code path, present or future, can break it.

-- people
ALTER TABLE person ADD CONSTRAINT person_language_known CHECK (language IN ('ru', 'en', 'zh'));

-- catalog
ALTER TABLE product ADD CONSTRAINT product_titled CHECK (title ? 'ru' OR title ? 'en' OR title ? 'zh');
ALTER TABLE category ADD CONSTRAINT category_not_own_parent CHECK (parent_id <> id);
ALTER TABLE variant
  ADD CONSTRAINT variant_price_positive CHECK (price > 0),
  ADD CONSTRAINT variant_old_price_higher CHECK (old_price > price),
  ADD CONSTRAINT variant_weight_positive CHECK (weight_grams > 0),
  ADD CONSTRAINT variant_currency_code CHECK (currency ~ '^[A-Z]{3}$');

-- The first line of a product's words is its title, which weighs ten times as much as its category and parameters.
-- The russian configuration stems words in Latin letters as English; Chinese is cut into pairs of characters by the
-- program, before it is stored and before it is looked up.
CREATE FUNCTION search_vector(words text) RETURNS tsvector
  LANGUAGE sql IMMUTABLE PARALLEL SAFE
  RETURN setweight(to_tsvector('pg_catalog.russian'::regconfig, split_part(words, E'\n', 1)), 'A')
    || to_tsvector('pg_catalog.russian'::regconfig, words);
ALTER TABLE product ADD COLUMN search tsvector GENERATED ALWAYS AS (search_vector(words)) STORED;
CREATE INDEX product_search_idx ON product USING gin (search) WHERE withdrawn_at IS NULL;

-- stock
ALTER TABLE location
  ADD CONSTRAINT location_kind_known CHECK (kind IN ('local_warehouse', 'seller', 'cross_border', 'showroom'));
ALTER TABLE stock_level ADD CONSTRAINT stock_never_oversold CHECK (reserved >= 0 AND reserved <= on_hand);
ALTER TABLE reservation
  ADD CONSTRAINT reservation_state_known CHECK (state IN ('held', 'consumed', 'released')),
  ADD CONSTRAINT reservation_quantity_positive CHECK (quantity > 0);

-- sellers
ALTER TABLE post
  ADD CONSTRAINT post_state_known CHECK (state IN ('due', 'sending', 'sent', 'failed', 'doubtful')),
  ADD CONSTRAINT post_sent_has_message CHECK (state <> 'sent' OR message_ref IS NOT NULL);

-- group buying
ALTER TABLE campaign
  ADD CONSTRAINT campaign_size CHECK (size BETWEEN 2 AND 10000),
  ADD CONSTRAINT campaign_lifetime CHECK (lifetime_minutes BETWEEN 1 AND 60 * 24 * 30),
  ADD CONSTRAINT campaign_ends_after_start CHECK (ends_at > starts_at);
ALTER TABLE campaign_price ADD CONSTRAINT campaign_price_positive CHECK (price > 0);
ALTER TABLE "group"
  ADD CONSTRAINT group_state_known CHECK (state IN ('draft', 'open', 'formed', 'failed', 'cancelled')),
  ADD CONSTRAINT group_size_of_several CHECK (size >= 2),
  ADD CONSTRAINT group_seats_fit CHECK (0 <= paid_seats AND paid_seats <= taken_seats AND taken_seats <= size),
  ADD CONSTRAINT group_formed_means_full CHECK (state <> 'formed' OR paid_seats = size),
  ADD CONSTRAINT group_draft_means_unpaid CHECK (state <> 'draft' OR paid_seats = 0),
  ADD CONSTRAINT group_price_positive CHECK (price > 0),
  ADD CONSTRAINT group_currency_code CHECK (currency ~ '^[A-Z]{3}$'),
  ADD CONSTRAINT group_deadline_after_opening CHECK (deadline_at > created_at),
  ADD CONSTRAINT group_closed_has_time CHECK ((state IN ('formed', 'failed', 'cancelled')) = (closed_at IS NOT NULL));
-- No group leaves a final state, whatever asks for it.
CREATE FUNCTION group_state_is_final() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  RAISE EXCEPTION 'group % is % and cannot become %', OLD.id, OLD.state, NEW.state
    USING ERRCODE = 'check_violation', CONSTRAINT = TG_NAME;
END $$;
CREATE TRIGGER group_state_is_final BEFORE UPDATE OF state ON "group" FOR EACH ROW
  WHEN (OLD.state IN ('formed', 'failed', 'cancelled') AND NEW.state <> OLD.state)
  EXECUTE FUNCTION group_state_is_final();
ALTER TABLE seat ADD CONSTRAINT seat_state_known
  CHECK (state IN ('held', 'paid', 'confirmed', 'released', 'refund_due', 'refunded', 'refund_failed'));
-- One live seat per person per group, double taps and two devices included.
CREATE UNIQUE INDEX seat_one_live_per_person ON seat (group_id, person_id) WHERE state IN ('held', 'paid', 'confirmed');

ALTER TABLE live_card
  ADD CONSTRAINT live_card_shows_one_thing CHECK ((group_id IS NULL) <> (order_id IS NULL)),
  ADD CONSTRAINT live_card_of_order_is_private CHECK (order_id IS NULL OR person_id IS NOT NULL);

-- orders
ALTER TABLE "order"
  ADD CONSTRAINT order_state_known CHECK (
    state IN ('awaiting_payment', 'awaiting_group', 'packable', 'handed_over', 'delivered', 'cancelled')),
  ADD CONSTRAINT order_total_adds_up CHECK (goods_total > 0 AND delivery_cost >= 0 AND total = goods_total + delivery_cost),
  ADD CONSTRAINT order_currency_code CHECK (currency ~ '^[A-Z]{3}$'),
  ADD CONSTRAINT order_promise_in_order CHECK (promised_from <= promised_to),
  ADD CONSTRAINT order_cancel_reason_known CHECK (
    cancel_reason IN ('given-up', 'unpaid', 'released', 'hold-expired', 'refund-owed'));
ALTER TABLE order_line
  ADD CONSTRAINT order_line_quantity_positive CHECK (quantity > 0),
  ADD CONSTRAINT order_line_price_positive CHECK (unit_price > 0);

-- payments
ALTER TABLE payment
  ADD CONSTRAINT payment_state_known CHECK (state IN ('created', 'pending', 'held', 'capturing', 'captured', 'voiding',
    'voided', 'expired', 'failed', 'part_refunded', 'refunded', 'unknown')),
  ADD CONSTRAINT payment_amount_positive CHECK (amount > 0),
  ADD CONSTRAINT payment_currency_code CHECK (currency ~ '^[A-Z]{3}$'),
  -- Only what the provider has not answered, or has refused, may lack the provider's number.
  ADD CONSTRAINT payment_answered_has_number CHECK (state IN ('created', 'unknown', 'failed') OR external_id IS NOT NULL);
-- One order is paid for by one payment at a time; a second try needs the first to have ended without money.
CREATE UNIQUE INDEX payment_one_live_per_order ON payment (order_id) WHERE state NOT IN ('failed', 'voided', 'expired');
ALTER TABLE payment_move
  ADD CONSTRAINT payment_move_kind_known CHECK (kind IN ('capture', 'void', 'refund')),
  ADD CONSTRAINT payment_move_state_known CHECK (state IN ('created', 'pending', 'done', 'failed', 'by_hand')),
  ADD CONSTRAINT payment_move_amount_positive CHECK (amount > 0);
-- A payment is captured at most once and voided at most once.
CREATE UNIQUE INDEX payment_move_once ON payment_move (payment_id, kind) WHERE kind IN ('capture', 'void') AND state <> 'failed';

-- delivery
ALTER TABLE shipment ADD CONSTRAINT shipment_state_known CHECK (state IN ('requested', 'refused', 'created', 'accepted',
  'in_transit', 'customs', 'out_for_delivery', 'ready_for_pickup', 'attempt_failed', 'delivered', 'returning', 'returned',
  'lost', 'exception', 'cancelled'));
-- Tracking is append-only.
CREATE FUNCTION tracking_event_is_append_only() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  RAISE EXCEPTION 'tracking events are append-only' USING ERRCODE = 'check_violation', CONSTRAINT = TG_NAME;
END $$;
CREATE TRIGGER tracking_event_is_append_only BEFORE UPDATE ON tracking_event FOR EACH ROW
  EXECUTE FUNCTION tracking_event_is_append_only();

-- notifications
ALTER TABLE notification
  ADD CONSTRAINT notification_state_known
    CHECK (state IN ('due', 'sending', 'sent', 'doubtful', 'unreachable', 'dropped')),
  ADD CONSTRAINT notification_priority_not_negative CHECK (priority >= 0),
  ADD CONSTRAINT notification_attempts_not_negative CHECK (attempts >= 0);

-- Written on every tap and worth nothing after a crash of PostgreSQL itself: a mark that is lost lets an update that
-- Telegram delivers again be answered again, a search that is lost makes a paging button out of date. Without the log
-- neither costs a flush to disk. A crash of the bot or the worker loses none of them.
ALTER TABLE handled_update SET UNLOGGED;
ALTER TABLE search SET UNLOGGED;
