-- Each purchase writes into every index of what it is made of. These were asked by nobody, or by what another one answers.

-- Goods promised are found by their order: what is promised of a variant at a place is counted in its stock.
DROP INDEX "reservation_variant_id_location_id_idx";
ALTER TABLE "reservation" DROP COLUMN "id";
ALTER TABLE "reservation" ADD CONSTRAINT "reservation_pkey" PRIMARY KEY USING INDEX "reservation_order_id_variant_id_key";

DROP INDEX "order_location_id_idx";
-- Few orders came by a post.
DROP INDEX "order_post_id_idx";
CREATE INDEX order_by_post ON "order" (post_id) WHERE post_id IS NOT NULL;

-- A provider's number leads to its payment with and without the provider's name.
DROP INDEX "payment_external_id_idx";
DROP INDEX "payment_provider_external_id_key";
CREATE UNIQUE INDEX "payment_external_id_provider_key" ON "payment"("external_id", "provider");

-- Pages and holds belong to no move.
DROP INDEX "payment_event_move_id_idx";
CREATE INDEX payment_event_of_move ON payment_event (move_id) WHERE move_id IS NOT NULL;

-- Room on each page, so that a seat taken is counted without a new entry in each of its indexes.
ALTER TABLE "group" SET (fillfactor = 80);
