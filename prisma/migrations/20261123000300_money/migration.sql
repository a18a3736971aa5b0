-- AlterTable
ALTER TABLE "payment" ADD COLUMN     "captured" BIGINT NOT NULL DEFAULT 0,
ADD COLUMN     "charge_id" TEXT,
ADD COLUMN     "counts" BOOLEAN NOT NULL DEFAULT true,
ADD COLUMN     "method" TEXT NOT NULL DEFAULT 'card',
ADD COLUMN     "refunded" BIGINT NOT NULL DEFAULT 0,
ADD COLUMN     "refunding" BIGINT NOT NULL DEFAULT 0;

-- AlterTable
ALTER TABLE "order" ADD COLUMN     "delivered_at" TIMESTAMPTZ(3),
ADD COLUMN     "fee_basis_points" INTEGER NOT NULL DEFAULT 0;

-- AlterTable
ALTER TABLE "payment_move" ADD COLUMN     "line_id" INTEGER,
ADD COLUMN     "quantity" INTEGER,
ADD COLUMN     "reason" TEXT,
ADD COLUMN     "request_key" TEXT;

-- AlterTable
ALTER TABLE "seller" ADD COLUMN     "fee_basis_points" INTEGER NOT NULL DEFAULT 0,
ADD COLUMN     "on_delivery_for_groups" BOOLEAN NOT NULL DEFAULT false,
ADD COLUMN     "on_delivery_max" BIGINT,
ADD COLUMN     "payment_methods" TEXT[] DEFAULT ARRAY['card', 'sbp', 'invoice']::TEXT[];

-- CreateTable
CREATE TABLE "posting" (
    "id" SERIAL NOT NULL,
    "key" TEXT NOT NULL,
    "kind" TEXT NOT NULL,
    "payment_id" UUID,
    "move_id" UUID,
    "order_id" INTEGER,
    "at" TIMESTAMPTZ(3) NOT NULL,

    CONSTRAINT "posting_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "entry" (
    "id" SERIAL NOT NULL,
    "posting_id" INTEGER NOT NULL,
    "account" TEXT NOT NULL,
    "person_id" INTEGER,
    "seller_id" INTEGER,
    "provider" TEXT,
    "amount" BIGINT NOT NULL,
    "currency" CHAR(3) NOT NULL,

    CONSTRAINT "entry_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "reconciliation" (
    "id" SERIAL NOT NULL,
    "provider" TEXT NOT NULL,
    "since" TIMESTAMPTZ(3) NOT NULL,
    "until" TIMESTAMPTZ(3) NOT NULL,
    "checked" INTEGER NOT NULL,
    "differences" JSONB NOT NULL,
    "at" TIMESTAMPTZ(3) NOT NULL,

    CONSTRAINT "reconciliation_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "payment_event" (
    "id" SERIAL NOT NULL,
    "payment_id" UUID NOT NULL,
    "move_id" UUID,
    "kind" TEXT NOT NULL,
    "amount" BIGINT NOT NULL,
    "at" TIMESTAMPTZ(3) NOT NULL,

    CONSTRAINT "payment_event_pkey" PRIMARY KEY ("id")
);

-- CreateIndex
CREATE UNIQUE INDEX "posting_key_key" ON "posting"("key");

-- CreateIndex
CREATE INDEX "posting_payment_id_idx" ON "posting"("payment_id");

-- CreateIndex
CREATE INDEX "posting_move_id_idx" ON "posting"("move_id");

-- CreateIndex
CREATE INDEX "posting_order_id_idx" ON "posting"("order_id");

-- CreateIndex
CREATE INDEX "entry_posting_id_idx" ON "entry"("posting_id");

-- CreateIndex
CREATE INDEX "entry_seller_id_idx" ON "entry"("seller_id");

-- CreateIndex
CREATE INDEX "entry_person_id_idx" ON "entry"("person_id");

-- CreateIndex
CREATE INDEX "reconciliation_at_idx" ON "reconciliation"("at");

-- CreateIndex
CREATE INDEX "payment_event_payment_id_id_idx" ON "payment_event"("payment_id", "id");

-- CreateIndex
CREATE INDEX "payment_event_move_id_idx" ON "payment_event"("move_id");

-- CreateIndex
CREATE INDEX "payment_external_id_idx" ON "payment"("external_id");

-- CreateIndex
CREATE INDEX "payment_created_at_idx" ON "payment"("created_at");

-- CreateIndex
CREATE UNIQUE INDEX "payment_move_request_key_key" ON "payment_move"("request_key");

-- CreateIndex
CREATE INDEX "payment_move_line_id_idx" ON "payment_move"("line_id");

-- AddForeignKey
ALTER TABLE "posting" ADD CONSTRAINT "posting_payment_id_fkey" FOREIGN KEY ("payment_id") REFERENCES "payment"("id") ON DELETE RESTRICT ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "posting" ADD CONSTRAINT "posting_move_id_fkey" FOREIGN KEY ("move_id") REFERENCES "payment_move"("id") ON DELETE RESTRICT ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "posting" ADD CONSTRAINT "posting_order_id_fkey" FOREIGN KEY ("order_id") REFERENCES "order"("id") ON DELETE RESTRICT ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "entry" ADD CONSTRAINT "entry_posting_id_fkey" FOREIGN KEY ("posting_id") REFERENCES "posting"("id") ON DELETE RESTRICT ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "entry" ADD CONSTRAINT "entry_person_id_fkey" FOREIGN KEY ("person_id") REFERENCES "person"("id") ON DELETE RESTRICT ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "entry" ADD CONSTRAINT "entry_seller_id_fkey" FOREIGN KEY ("seller_id") REFERENCES "seller"("id") ON DELETE RESTRICT ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "payment_move" ADD CONSTRAINT "payment_move_line_id_fkey" FOREIGN KEY ("line_id") REFERENCES "order_line"("id") ON DELETE RESTRICT ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "payment_event" ADD CONSTRAINT "payment_event_payment_id_fkey" FOREIGN KEY ("payment_id") REFERENCES "payment"("id") ON DELETE RESTRICT ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "payment_event" ADD CONSTRAINT "payment_event_move_id_fkey" FOREIGN KEY ("move_id") REFERENCES "payment_move"("id") ON DELETE RESTRICT ON UPDATE CASCADE;

-- What follows is written by hand.

-- There was one method so far, and every payment that had ended without money was followed by one that counts.
ALTER TABLE payment ALTER COLUMN method DROP DEFAULT;
UPDATE payment SET captured = amount WHERE state = 'captured';
UPDATE payment p SET counts = false WHERE id <> (
  SELECT id FROM payment q WHERE q.order_id = p.order_id
  ORDER BY q.state IN ('failed', 'voided', 'expired'), q.created_at DESC, q.id DESC LIMIT 1);

UPDATE "order" o SET delivered_at = s.updated_at FROM shipment s WHERE s.order_id = o.id AND o.state = 'delivered';

-- payments
DROP INDEX payment_one_live_per_order;
CREATE UNIQUE INDEX payment_one_counts_per_order ON payment (order_id) WHERE counts;
ALTER TABLE payment DROP CONSTRAINT payment_state_known, DROP CONSTRAINT payment_answered_has_number;
ALTER TABLE payment
  ADD CONSTRAINT payment_state_known CHECK (state IN ('created', 'pending', 'promised', 'held', 'capturing', 'captured',
    'part_refunded', 'refunded', 'voiding', 'voided', 'expired', 'failed', 'unknown')),
  ADD CONSTRAINT payment_method_known CHECK (method IN ('card', 'sbp', 'invoice', 'on-delivery')),
  -- Only what the provider has not answered, has refused, or never hears of may lack the provider's number.
  ADD CONSTRAINT payment_answered_has_number CHECK (
    state IN ('created', 'unknown', 'failed') OR method = 'on-delivery' OR external_id IS NOT NULL),
  ADD CONSTRAINT payment_promise_is_for_the_door CHECK (state <> 'promised' OR method = 'on-delivery'),
  -- Never more is given back than was taken, nor more taken than was agreed.
  ADD CONSTRAINT payment_sums_fit CHECK (
    refunding >= 0 AND refunded >= 0 AND refunding + refunded <= captured AND captured <= amount),
  ADD CONSTRAINT payment_state_fits_sums CHECK (CASE state
    WHEN 'captured' THEN captured > 0 AND refunded = 0
    WHEN 'part_refunded' THEN refunded > 0 AND refunded < captured
    WHEN 'refunded' THEN captured > 0 AND refunded = captured
    ELSE captured = 0 END);
ALTER TABLE payment_move DROP CONSTRAINT payment_move_kind_known, DROP CONSTRAINT payment_move_state_known;
ALTER TABLE payment_move
  ADD CONSTRAINT payment_move_kind_known CHECK (kind IN ('capture', 'void', 'refund', 'chargeback')),
  ADD CONSTRAINT payment_move_state_known CHECK (
    state IN ('asked', 'declined', 'created', 'pending', 'done', 'failed', 'by_hand')),
  ADD CONSTRAINT payment_move_reason_known CHECK (
    reason IN ('group-failed', 'cancelled', 'late', 'duplicate', 'return', 'goodwill')),
  ADD CONSTRAINT payment_move_asked_is_refund CHECK (state NOT IN ('asked', 'declined') OR kind = 'refund'),
  ADD CONSTRAINT payment_move_line_has_quantity CHECK ((line_id IS NULL) = (quantity IS NULL) AND quantity > 0);
-- The tick that asks after silent payments looks for these among all that were ever taken.
CREATE INDEX payment_refunding_idx ON payment (updated_at) WHERE refunding > 0;
CREATE INDEX payment_promised_idx ON payment (order_id) WHERE state = 'promised';
CREATE INDEX order_refused_idx ON "order" (person_id) WHERE cancel_reason = 'refused-at-door';
-- A buyer asks for one return of a line at a time.
CREATE UNIQUE INDEX payment_move_one_asked ON payment_move (line_id) WHERE state = 'asked';
ALTER TABLE payment_event
  ADD CONSTRAINT payment_event_kind_known CHECK (kind IN ('page', 'promised', 'held', 'captured', 'collected', 'declined',
    'voided', 'hold-expired', 'refund-started', 'refunded', 'refund-by-hand', 'chargeback')),
  ADD CONSTRAINT payment_event_amount_positive CHECK (amount > 0);

-- orders
ALTER TABLE "order" DROP CONSTRAINT order_cancel_reason_known;
ALTER TABLE "order" ADD CONSTRAINT order_cancel_reason_known CHECK (cancel_reason IN ('given-up', 'unpaid', 'released',
  'hold-expired', 'refund-owed', 'cancelled', 'refused-at-door'));

ALTER TABLE "order" ADD CONSTRAINT order_fee_share CHECK (fee_basis_points BETWEEN 0 AND 10000);

-- sellers
ALTER TABLE seller
  ADD CONSTRAINT seller_methods_known CHECK (
    payment_methods <@ ARRAY['card', 'sbp', 'invoice', 'on-delivery']::text[] AND cardinality(payment_methods) > 0),
  ADD CONSTRAINT seller_on_delivery_max_positive CHECK (on_delivery_max > 0),
  ADD CONSTRAINT seller_fee_share CHECK (fee_basis_points BETWEEN 0 AND 10000);

-- the books
ALTER TABLE posting ADD CONSTRAINT posting_kind_known CHECK (
  kind IN ('taken', 'earned', 'refunded', 'refunded-by-hand', 'chargeback', 'paid-out'));
ALTER TABLE entry
  ADD CONSTRAINT entry_not_zero CHECK (amount <> 0),
  ADD CONSTRAINT entry_currency_code CHECK (currency ~ '^[A-Z]{3}$'),
  ADD CONSTRAINT entry_account_known CHECK (account IN ('buyer', 'provider', 'seller', 'fee', 'delivery', 'bank')),
  ADD CONSTRAINT entry_account_has_owner CHECK ((account = 'buyer') = (person_id IS NOT NULL)
    AND (account = 'seller') = (seller_id IS NOT NULL) AND (account = 'provider') = (provider IS NOT NULL));
-- Checked when the transaction commits, for its entries are written one after the other.
CREATE FUNCTION posting_has_entries() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF NOT EXISTS (SELECT 1 FROM entry WHERE posting_id = NEW.id) THEN
    RAISE EXCEPTION 'posting % has no entries', NEW.id USING ERRCODE = 'check_violation', CONSTRAINT = TG_NAME;
  END IF;
  RETURN NULL;
END $$;
CREATE CONSTRAINT TRIGGER posting_has_entries AFTER INSERT ON posting DEFERRABLE INITIALLY DEFERRED
  FOR EACH ROW EXECUTE FUNCTION posting_has_entries();
CREATE FUNCTION posting_balances() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF (SELECT sum(amount) <> 0 OR count(DISTINCT currency) <> 1 FROM entry WHERE posting_id = NEW.posting_id) THEN
    RAISE EXCEPTION 'the entries of posting % do not sum to zero in one currency', NEW.posting_id
      USING ERRCODE = 'check_violation', CONSTRAINT = TG_NAME;
  END IF;
  RETURN NULL;
END $$;
CREATE CONSTRAINT TRIGGER posting_balances AFTER INSERT ON entry DEFERRABLE INITIALLY DEFERRED
  FOR EACH ROW EXECUTE FUNCTION posting_balances();
CREATE FUNCTION books_are_append_only() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  RAISE EXCEPTION '% is append-only: write a posting that corrects it', TG_TABLE_NAME
    USING ERRCODE = 'check_violation', CONSTRAINT = 'books_are_append_only';
END $$;
CREATE TRIGGER books_are_append_only BEFORE UPDATE OR DELETE ON posting FOR EACH ROW EXECUTE FUNCTION books_are_append_only();
CREATE TRIGGER books_are_append_only BEFORE UPDATE OR DELETE ON entry FOR EACH ROW EXECUTE FUNCTION books_are_append_only();
CREATE TRIGGER books_are_append_only BEFORE UPDATE OR DELETE ON payment_event FOR EACH ROW
  EXECUTE FUNCTION books_are_append_only();

-- What was taken before there were books. `earned` follows for what was delivered.
INSERT INTO posting (key, kind, payment_id, order_id, at)
  SELECT 'taken:' || id, 'taken', id, order_id, updated_at FROM payment WHERE captured > 0;
INSERT INTO posting (key, kind, payment_id, order_id, at)
  SELECT 'earned:' || o.id, 'earned', p.id, o.id, p.updated_at FROM "order" o JOIN payment p ON p.order_id = o.id
  WHERE o.state = 'delivered' AND p.captured > 0;
INSERT INTO entry (posting_id, account, person_id, seller_id, provider, amount, currency)
  SELECT g.id, e.account, e.person_id, e.seller_id, e.provider, e.amount, p.currency
  FROM posting g JOIN payment p ON p.id = g.payment_id JOIN "order" o ON o.id = p.order_id,
  LATERAL (VALUES
    ('taken', 'provider', NULL::int, NULL::int, p.provider, p.captured),
    ('taken', 'buyer', o.person_id, NULL, NULL, -p.captured),
    ('earned', 'buyer', o.person_id, NULL, NULL, p.captured),
    ('earned', 'seller', NULL, o.seller_id, NULL, -o.goods_total),
    ('earned', 'delivery', NULL, NULL, NULL, -o.delivery_cost)
  ) AS e (kind, account, person_id, seller_id, provider, amount)
  WHERE e.kind = g.kind AND e.amount <> 0;
INSERT INTO payment_event (payment_id, kind, amount, at)
  SELECT id, 'captured', captured, updated_at FROM payment WHERE captured > 0;
