-- Who waits for a seat is counted on the group: one statement on one row decides who gets a free one.
ALTER TABLE "group" ADD COLUMN "in_line" INTEGER NOT NULL DEFAULT 0;
ALTER TABLE "group" ADD CONSTRAINT group_line_counted CHECK (in_line >= 0);

-- What a shop's person is still writing, and what was paid for once.
CREATE TABLE "campaign_draft" (
    "id" SERIAL NOT NULL,
    "product_id" INTEGER NOT NULL,
    "person_id" INTEGER NOT NULL,
    "terms" JSONB NOT NULL,
    "version" INTEGER NOT NULL DEFAULT 1,
    "campaign_id" INTEGER,
    "changed_at" TIMESTAMPTZ(3) NOT NULL,

    CONSTRAINT "campaign_draft_pkey" PRIMARY KEY ("id")
);
CREATE UNIQUE INDEX "campaign_draft_campaign_id_key" ON "campaign_draft"("campaign_id");
CREATE INDEX "campaign_draft_product_id_idx" ON "campaign_draft"("product_id");
CREATE INDEX "campaign_draft_person_id_idx" ON "campaign_draft"("person_id");
CREATE UNIQUE INDEX campaign_draft_one_at_a_time ON campaign_draft (product_id, person_id) WHERE campaign_id IS NULL;
ALTER TABLE "campaign_draft" ADD CONSTRAINT "campaign_draft_product_id_fkey" FOREIGN KEY ("product_id") REFERENCES "product"("id") ON DELETE RESTRICT ON UPDATE CASCADE;
ALTER TABLE "campaign_draft" ADD CONSTRAINT "campaign_draft_person_id_fkey" FOREIGN KEY ("person_id") REFERENCES "person"("id") ON DELETE RESTRICT ON UPDATE CASCADE;
ALTER TABLE "campaign_draft" ADD CONSTRAINT "campaign_draft_campaign_id_fkey" FOREIGN KEY ("campaign_id") REFERENCES "campaign"("id") ON DELETE SET NULL ON UPDATE CASCADE;
ALTER TABLE "seat" ADD COLUMN "was_paid" BOOLEAN NOT NULL DEFAULT false;
UPDATE seat SET was_paid = true WHERE state IN ('paid', 'confirmed', 'refund_due', 'refunded', 'refund_failed');
ALTER TABLE seat ADD CONSTRAINT seat_paid_was_paid CHECK (state NOT IN ('paid', 'confirmed') OR was_paid);

-- A card that anybody may read keeps the time zone of whoever put it there.
ALTER TABLE "live_card" ADD COLUMN "time_zone" TEXT;

-- What is set aside for groups is there, and nobody else's.
ALTER TABLE stock_level ADD CONSTRAINT stock_set_aside_covered CHECK (reserved + set_aside <= on_hand);
CREATE INDEX campaign_price_keeps_aside ON campaign_price (variant_id) WHERE aside_location_id IS NOT NULL;

-- A product's page and a post's button read the open groups of each option, those that end first.
CREATE INDEX group_open_of_variant ON "group" (variant_id, deadline_at) WHERE state = 'open' AND is_public;
-- Lines that may move are found without reading all that ever were.
CREATE INDEX group_with_line ON "group" (id) WHERE in_line > 0;
CREATE INDEX waiting_live ON waiting (group_id, id) WHERE state IN ('waiting', 'offered');

-- Whoever puts a card into a chat has invited those who come by it.
ALTER TABLE "live_card" ADD COLUMN "sharer_id" INTEGER;
CREATE INDEX "live_card_sharer_id_idx" ON "live_card"("sharer_id");
ALTER TABLE "live_card" ADD CONSTRAINT "live_card_sharer_id_fkey" FOREIGN KEY ("sharer_id") REFERENCES "person"("id") ON DELETE SET NULL ON UPDATE CASCADE;

-- So far all campaigns came with catalogues; only such are ruled by the next catalogue.
ALTER TABLE "campaign" ADD COLUMN "source" TEXT NOT NULL DEFAULT 'feed';
ALTER TABLE campaign ADD CONSTRAINT campaign_source_known CHECK (source IN ('feed', 'shop'));

-- Groups that may still fill keep what was set aside for them.
CREATE INDEX group_that_may_fill ON "group" (campaign_id, variant_id) WHERE state IN ('draft', 'open');
