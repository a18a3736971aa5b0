-- AlterTable
ALTER TABLE "campaign" ADD COLUMN     "cities" INTEGER[] DEFAULT ARRAY[]::INTEGER[],
ADD COLUMN     "is_public" BOOLEAN NOT NULL DEFAULT true,
ADD COLUMN     "kind" TEXT NOT NULL DEFAULT 'team',
ADD COLUMN     "max_units" INTEGER NOT NULL DEFAULT 1,
ADD COLUMN     "min_seats" INTEGER,
ADD COLUMN     "mixes_options" BOOLEAN NOT NULL DEFAULT false,
ADD COLUMN     "thanks_basis_points" INTEGER NOT NULL DEFAULT 0,
ADD COLUMN     "thanks_kind" TEXT NOT NULL DEFAULT 'none';

-- AlterTable
ALTER TABLE "campaign_price" ADD COLUMN     "aside_left" INTEGER NOT NULL DEFAULT 0,
ADD COLUMN     "aside_location_id" INTEGER;

-- AlterTable
ALTER TABLE "group" ADD COLUMN     "best_seats" INTEGER NOT NULL DEFAULT 0,
ADD COLUMN     "cities" INTEGER[] DEFAULT ARRAY[]::INTEGER[],
ADD COLUMN     "former_id" INTEGER,
ADD COLUMN     "is_public" BOOLEAN NOT NULL DEFAULT true,
ADD COLUMN     "max_units" INTEGER NOT NULL DEFAULT 1,
ADD COLUMN     "min_seats" INTEGER,
ADD COLUMN     "mixes_options" BOOLEAN NOT NULL DEFAULT false,
ADD COLUMN     "reminded_at" TIMESTAMPTZ(3),
ADD COLUMN     "thanks_basis_points" INTEGER NOT NULL DEFAULT 0,
ADD COLUMN     "thanks_kind" TEXT NOT NULL DEFAULT 'none',
ADD COLUMN     "tiers" JSONB NOT NULL DEFAULT '[]',
ADD COLUMN     "topped_up" INTEGER NOT NULL DEFAULT 0;

-- AlterTable
ALTER TABLE "order" ADD COLUMN     "choose_until" TIMESTAMPTZ(3),
ADD COLUMN     "pay_token" TEXT;

-- AlterTable
ALTER TABLE "reservation" ADD COLUMN     "from_aside" BOOLEAN NOT NULL DEFAULT false;

-- AlterTable
ALTER TABLE "seat" ADD COLUMN     "reminded_at" TIMESTAMPTZ(3),
ADD COLUMN     "via" TEXT NOT NULL DEFAULT 'link';

-- AlterTable
ALTER TABLE "stock_level" ADD COLUMN     "set_aside" INTEGER NOT NULL DEFAULT 0;

-- CreateTable
CREATE TABLE "campaign_tier" (
    "campaign_id" INTEGER NOT NULL,
    "variant_id" INTEGER NOT NULL,
    "seats" INTEGER NOT NULL,
    "price" BIGINT NOT NULL,

    CONSTRAINT "campaign_tier_pkey" PRIMARY KEY ("campaign_id","variant_id","seats")
);

-- CreateTable
CREATE TABLE "group_visit" (
    "group_id" INTEGER NOT NULL,
    "person_id" INTEGER NOT NULL,
    "via" TEXT NOT NULL,
    "inviter_id" INTEGER,
    "at" TIMESTAMPTZ(3) NOT NULL,

    CONSTRAINT "group_visit_pkey" PRIMARY KEY ("group_id","person_id")
);

-- CreateTable
CREATE TABLE "waiting" (
    "id" SERIAL NOT NULL,
    "group_id" INTEGER NOT NULL,
    "person_id" INTEGER NOT NULL,
    "state" TEXT NOT NULL,
    "offered_until" TIMESTAMPTZ(3),
    "created_at" TIMESTAMPTZ(3) NOT NULL,

    CONSTRAINT "waiting_pkey" PRIMARY KEY ("id")
);

-- CreateIndex
CREATE INDEX "group_visit_person_id_idx" ON "group_visit"("person_id");

-- CreateIndex
CREATE INDEX "group_visit_inviter_id_idx" ON "group_visit"("inviter_id");

-- CreateIndex
CREATE INDEX "waiting_group_id_state_idx" ON "waiting"("group_id", "state");

-- CreateIndex
CREATE INDEX "waiting_person_id_idx" ON "waiting"("person_id");

-- CreateIndex
CREATE INDEX "waiting_state_offered_until_idx" ON "waiting"("state", "offered_until");

-- CreateIndex
CREATE INDEX "group_former_id_idx" ON "group"("former_id");

-- CreateIndex
CREATE UNIQUE INDEX "order_pay_token_key" ON "order"("pay_token");

-- CreateIndex
CREATE INDEX "order_state_choose_until_idx" ON "order"("state", "choose_until");

-- AddForeignKey
ALTER TABLE "campaign_price" ADD CONSTRAINT "campaign_price_aside_location_id_fkey" FOREIGN KEY ("aside_location_id") REFERENCES "location"("id") ON DELETE SET NULL ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "campaign_tier" ADD CONSTRAINT "campaign_tier_campaign_id_variant_id_fkey" FOREIGN KEY ("campaign_id", "variant_id") REFERENCES "campaign_price"("campaign_id", "variant_id") ON DELETE RESTRICT ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "group" ADD CONSTRAINT "group_former_id_fkey" FOREIGN KEY ("former_id") REFERENCES "group"("id") ON DELETE SET NULL ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "group_visit" ADD CONSTRAINT "group_visit_group_id_fkey" FOREIGN KEY ("group_id") REFERENCES "group"("id") ON DELETE RESTRICT ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "group_visit" ADD CONSTRAINT "group_visit_person_id_fkey" FOREIGN KEY ("person_id") REFERENCES "person"("id") ON DELETE RESTRICT ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "group_visit" ADD CONSTRAINT "group_visit_inviter_id_fkey" FOREIGN KEY ("inviter_id") REFERENCES "person"("id") ON DELETE SET NULL ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "waiting" ADD CONSTRAINT "waiting_group_id_fkey" FOREIGN KEY ("group_id") REFERENCES "group"("id") ON DELETE RESTRICT ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "waiting" ADD CONSTRAINT "waiting_person_id_fkey" FOREIGN KEY ("person_id") REFERENCES "person"("id") ON DELETE RESTRICT ON UPDATE CASCADE;

-- Terms that a seller sets.
ALTER TABLE campaign
  ADD CONSTRAINT campaign_kind_known CHECK (kind IN ('team', 'ladder')),
  ADD CONSTRAINT campaign_minimum CHECK (min_seats BETWEEN 2 AND size AND (kind = 'ladder') = (min_seats IS NOT NULL)),
  ADD CONSTRAINT campaign_units CHECK (max_units BETWEEN 1 AND 99),
  ADD CONSTRAINT campaign_thanks CHECK (thanks_kind IN ('none', 'discount', 'share')
    AND CASE thanks_kind WHEN 'none' THEN thanks_basis_points = 0 ELSE thanks_basis_points BETWEEN 1 AND 5000 END),
  ADD CONSTRAINT campaign_cities_few CHECK (cardinality(cities) <= 50);
ALTER TABLE campaign_tier
  ADD CONSTRAINT campaign_tier_positive CHECK (seats >= 1 AND price > 0);
ALTER TABLE campaign_price ADD CONSTRAINT campaign_price_aside CHECK (aside_left >= 0 AND (aside_left = 0 OR aside_location_id IS NOT NULL));
ALTER TABLE stock_level ADD CONSTRAINT stock_aside_not_negative CHECK (set_aside >= 0);

ALTER TABLE "group"
  DROP CONSTRAINT group_seats_fit,
  DROP CONSTRAINT group_formed_means_full;
ALTER TABLE "group"
  ADD CONSTRAINT group_seats_fit CHECK (
    0 <= paid_seats AND paid_seats <= taken_seats AND 0 <= topped_up AND taken_seats + topped_up <= size),
  -- Full, or enough when the time was over. What the shop added is counted openly and is nobody's seat.
  ADD CONSTRAINT group_formed_means_enough CHECK (state <> 'formed' OR paid_seats + topped_up = size
    OR (paid_seats + topped_up >= coalesce(min_seats, size) AND closed_at >= deadline_at)),
  ADD CONSTRAINT group_minimum CHECK (min_seats BETWEEN 2 AND size),
  ADD CONSTRAINT group_best_fits CHECK (best_seats BETWEEN 0 AND size),
  ADD CONSTRAINT group_units CHECK (max_units BETWEEN 1 AND 99),
  ADD CONSTRAINT group_thanks CHECK (thanks_kind IN ('none', 'discount', 'share')
    AND CASE thanks_kind WHEN 'none' THEN thanks_basis_points = 0 ELSE thanks_basis_points BETWEEN 1 AND 5000 END);

ALTER TABLE seat ADD CONSTRAINT seat_via_known CHECK (via IN ('opened', 'card', 'link', 'post', 'list', 'offer', 'again', 'moved'));
ALTER TABLE group_visit ADD CONSTRAINT group_visit_via_known CHECK (via IN ('card', 'link', 'post', 'list', 'again'));
ALTER TABLE waiting
  ADD CONSTRAINT waiting_state_known CHECK (state IN ('waiting', 'offered', 'taken', 'passed', 'over')),
  ADD CONSTRAINT waiting_offer_has_end CHECK ((state = 'offered') = (offered_until IS NOT NULL));
CREATE UNIQUE INDEX waiting_once_per_person ON waiting (group_id, person_id) WHERE state IN ('waiting', 'offered');

-- Money that came too late waits for its person's choice.
ALTER TABLE "order" DROP CONSTRAINT order_state_known;
ALTER TABLE "order"
  ADD CONSTRAINT order_state_known CHECK (state IN ('awaiting_payment', 'awaiting_group', 'awaiting_choice', 'packable',
    'handed_over', 'delivered', 'cancelled')),
  ADD CONSTRAINT order_choice_has_end CHECK ((state = 'awaiting_choice') = (choose_until IS NOT NULL));

-- The price fell after money was taken: the difference goes back.
ALTER TABLE payment_move DROP CONSTRAINT payment_move_reason_known;
ALTER TABLE payment_move ADD CONSTRAINT payment_move_reason_known CHECK (
  reason IN ('group-failed', 'cancelled', 'late', 'duplicate', 'return', 'goodwill', 'price-fell'));
