-- What a product is beyond its words.
CREATE TABLE "brand" (
    "id" SERIAL NOT NULL,
    "name" TEXT NOT NULL,
    "folded" TEXT NOT NULL,
    CONSTRAINT "brand_pkey" PRIMARY KEY ("id")
);
CREATE UNIQUE INDEX "brand_folded_key" ON "brand"("folded");

ALTER TABLE "product" ADD COLUMN "brand_id" INTEGER,
ADD COLUMN "params" JSONB NOT NULL DEFAULT '[]',
ADD COLUMN "is_adult" BOOLEAN NOT NULL DEFAULT false,
ADD COLUMN "is_perishable" BOOLEAN NOT NULL DEFAULT false,
ADD COLUMN "cities" INTEGER[] NOT NULL DEFAULT ARRAY[]::INTEGER[],
ADD COLUMN "details" TEXT NOT NULL DEFAULT '',
ADD COLUMN "added_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP;
CREATE INDEX "product_brand_id_idx" ON "product"("brand_id");
ALTER TABLE "product" ADD CONSTRAINT "product_brand_id_fkey" FOREIGN KEY ("brand_id") REFERENCES "brand"("id") ON DELETE SET NULL ON UPDATE CASCADE;
ALTER TABLE "variant" ADD COLUMN "pictures" TEXT[] NOT NULL DEFAULT ARRAY[]::TEXT[];
ALTER TABLE product ADD CONSTRAINT product_params_list CHECK (jsonb_typeof(params) = 'array');
ALTER TABLE brand ADD CONSTRAINT brand_named CHECK (name <> '' AND folded <> '');

-- What search reads of a product, and nothing else: kept up to date from what it is made of, some seconds behind.
CREATE TABLE "listing" (
    "product_id" INTEGER NOT NULL,
    "seller_id" INTEGER NOT NULL,
    "category_ids" INTEGER[] NOT NULL,
    "brand_id" INTEGER,
    "search" tsvector NOT NULL,
    "popularity" INTEGER NOT NULL DEFAULT 0,
    "stars" REAL NOT NULL DEFAULT 0,
    "price" BIGINT NOT NULL,
    "currency" CHAR(3) NOT NULL,
    "together_price" BIGINT,
    "in_stock" BOOLEAN NOT NULL,
    "places" JSONB NOT NULL DEFAULT '[]',
    "is_adult" BOOLEAN NOT NULL DEFAULT false,
    "cities" INTEGER[] NOT NULL DEFAULT ARRAY[]::INTEGER[],
    "added_at" TIMESTAMPTZ(3) NOT NULL,
    CONSTRAINT "listing_pkey" PRIMARY KEY ("product_id")
);
CREATE INDEX "listing_seller_id_idx" ON "listing"("seller_id");
CREATE INDEX "listing_brand_id_idx" ON "listing"("brand_id");
ALTER TABLE "listing" ADD CONSTRAINT "listing_product_id_fkey" FOREIGN KEY ("product_id") REFERENCES "product"("id") ON DELETE CASCADE ON UPDATE CASCADE;
ALTER TABLE listing ADD CONSTRAINT listing_prices_positive CHECK (price > 0 AND together_price > 0);

CREATE TABLE "listing_due" (
    "product_id" INTEGER NOT NULL,
    "due_at" TIMESTAMPTZ(3) NOT NULL,
    CONSTRAINT "listing_due_pkey" PRIMARY KEY ("product_id","due_at")
);
CREATE INDEX "listing_due_due_at_idx" ON "listing_due"("due_at");

-- Words of the catalogue, for repairing what people mistype.
CREATE TABLE "vocabulary" (
    "word" TEXT NOT NULL,
    "uses" INTEGER NOT NULL,
    CONSTRAINT "vocabulary_pkey" PRIMARY KEY ("word")
);
ALTER TABLE vocabulary ADD CONSTRAINT vocabulary_used CHECK (uses > 0 AND word <> '');

CREATE TABLE "synonym" (
    "id" SERIAL NOT NULL,
    "seller_id" INTEGER NOT NULL,
    "word" TEXT NOT NULL,
    "means" TEXT NOT NULL,
    "created_at" TIMESTAMPTZ(3) NOT NULL,
    CONSTRAINT "synonym_pkey" PRIMARY KEY ("id")
);
CREATE UNIQUE INDEX "synonym_seller_id_word_means_key" ON "synonym"("seller_id", "word", "means");
CREATE INDEX "synonym_word_idx" ON "synonym"("word");
ALTER TABLE "synonym" ADD CONSTRAINT "synonym_seller_id_fkey" FOREIGN KEY ("seller_id") REFERENCES "seller"("id") ON DELETE RESTRICT ON UPDATE CASCADE;
ALTER TABLE synonym ADD CONSTRAINT synonym_of_another CHECK (word <> '' AND means <> '' AND word <> means);

-- A search with what was chosen beside its words: buttons carry its number.
ALTER TABLE "search" ADD COLUMN "filters" JSONB NOT NULL DEFAULT '{}',
ADD COLUMN "sort" TEXT NOT NULL DEFAULT 'best',
ADD COLUMN "is_verbatim" BOOLEAN NOT NULL DEFAULT false;
ALTER TABLE search ADD CONSTRAINT search_sort_known CHECK (sort IN ('best', 'cheap', 'dear', 'new', 'rated', 'popular'));
ALTER TABLE search ADD CONSTRAINT search_filters_object CHECK (jsonb_typeof(filters) = 'object');

-- What a shop's people sent to be imported, and what became of it.
CREATE TABLE "catalogue_import" (
    "id" SERIAL NOT NULL,
    "seller_id" INTEGER NOT NULL,
    "requested_by_id" INTEGER,
    "messenger" TEXT,
    "file_refs" TEXT[],
    "url" TEXT,
    "mapping" JSONB,
    "state" TEXT NOT NULL,
    "is_sure" BOOLEAN NOT NULL DEFAULT false,
    "report" JSONB,
    "created_at" TIMESTAMPTZ(3) NOT NULL,
    "ended_at" TIMESTAMPTZ(3),
    CONSTRAINT "catalogue_import_pkey" PRIMARY KEY ("id")
);
CREATE INDEX "catalogue_import_seller_id_created_at_idx" ON "catalogue_import"("seller_id", "created_at");
CREATE INDEX "catalogue_import_requested_by_id_idx" ON "catalogue_import"("requested_by_id");
ALTER TABLE "catalogue_import" ADD CONSTRAINT "catalogue_import_seller_id_fkey" FOREIGN KEY ("seller_id") REFERENCES "seller"("id") ON DELETE RESTRICT ON UPDATE CASCADE;
ALTER TABLE "catalogue_import" ADD CONSTRAINT "catalogue_import_requested_by_id_fkey" FOREIGN KEY ("requested_by_id") REFERENCES "person"("id") ON DELETE SET NULL ON UPDATE CASCADE;
ALTER TABLE catalogue_import
  ADD CONSTRAINT catalogue_import_state_known CHECK (state IN ('asked', 'mapping', 'waiting', 'running', 'held', 'done', 'failed', 'dropped')),
  ADD CONSTRAINT catalogue_import_has_source CHECK (num_nonnulls(file_refs, url) = 1),
  ADD CONSTRAINT catalogue_import_ended CHECK ((ended_at IS NOT NULL) = (state IN ('done', 'failed', 'dropped')));
-- Only one of a shop's at a time.
CREATE UNIQUE INDEX catalogue_import_one_live ON catalogue_import (seller_id) WHERE state IN ('asked', 'mapping', 'waiting', 'running', 'held');

-- Where a shop's own category is filed, once somebody has said so.
CREATE TABLE "category_mapping" (
    "seller_id" INTEGER NOT NULL,
    "feed_category" TEXT NOT NULL,
    "category_id" INTEGER NOT NULL,
    CONSTRAINT "category_mapping_pkey" PRIMARY KEY ("seller_id","feed_category")
);
CREATE INDEX "category_mapping_category_id_idx" ON "category_mapping"("category_id");
ALTER TABLE "category_mapping" ADD CONSTRAINT "category_mapping_seller_id_fkey" FOREIGN KEY ("seller_id") REFERENCES "seller"("id") ON DELETE RESTRICT ON UPDATE CASCADE;
ALTER TABLE "category_mapping" ADD CONSTRAINT "category_mapping_category_id_fkey" FOREIGN KEY ("category_id") REFERENCES "category"("id") ON DELETE RESTRICT ON UPDATE CASCADE;

-- What a person keeps of the catalogue.
ALTER TABLE "person" ADD COLUMN "adult_at" TIMESTAMPTZ(3);
CREATE TABLE "favourite" (
    "person_id" INTEGER NOT NULL,
    "product_id" INTEGER NOT NULL,
    "created_at" TIMESTAMPTZ(3) NOT NULL,
    "told_price" BIGINT,
    "currency" CHAR(3),
    "told_in_stock" BOOLEAN NOT NULL,
    CONSTRAINT "favourite_pkey" PRIMARY KEY ("person_id","product_id")
);
CREATE INDEX "favourite_product_id_idx" ON "favourite"("product_id");
ALTER TABLE "favourite" ADD CONSTRAINT "favourite_person_id_fkey" FOREIGN KEY ("person_id") REFERENCES "person"("id") ON DELETE RESTRICT ON UPDATE CASCADE;
ALTER TABLE "favourite" ADD CONSTRAINT "favourite_product_id_fkey" FOREIGN KEY ("product_id") REFERENCES "product"("id") ON DELETE RESTRICT ON UPDATE CASCADE;
CREATE TABLE "product_view" (
    "person_id" INTEGER NOT NULL,
    "product_id" INTEGER NOT NULL,
    "viewed_at" TIMESTAMPTZ(3) NOT NULL,
    CONSTRAINT "product_view_pkey" PRIMARY KEY ("person_id","product_id")
);
CREATE INDEX "product_view_product_id_idx" ON "product_view"("product_id");
CREATE INDEX "product_view_viewed_at_idx" ON "product_view"("viewed_at");
ALTER TABLE "product_view" ADD CONSTRAINT "product_view_person_id_fkey" FOREIGN KEY ("person_id") REFERENCES "person"("id") ON DELETE RESTRICT ON UPDATE CASCADE;
ALTER TABLE "product_view" ADD CONSTRAINT "product_view_product_id_fkey" FOREIGN KEY ("product_id") REFERENCES "product"("id") ON DELETE RESTRICT ON UPDATE CASCADE;
CREATE TABLE "product_question" (
    "id" SERIAL NOT NULL,
    "product_id" INTEGER NOT NULL,
    "person_id" INTEGER NOT NULL,
    "text" TEXT NOT NULL,
    "asked_at" TIMESTAMPTZ(3) NOT NULL,
    "answer" TEXT,
    "answered_by_id" INTEGER,
    "answered_at" TIMESTAMPTZ(3),
    CONSTRAINT "product_question_pkey" PRIMARY KEY ("id")
);
CREATE INDEX "product_question_product_id_idx" ON "product_question"("product_id");
CREATE INDEX "product_question_person_id_idx" ON "product_question"("person_id");
CREATE INDEX "product_question_answered_by_id_idx" ON "product_question"("answered_by_id");
ALTER TABLE "product_question" ADD CONSTRAINT "product_question_product_id_fkey" FOREIGN KEY ("product_id") REFERENCES "product"("id") ON DELETE RESTRICT ON UPDATE CASCADE;
ALTER TABLE "product_question" ADD CONSTRAINT "product_question_person_id_fkey" FOREIGN KEY ("person_id") REFERENCES "person"("id") ON DELETE RESTRICT ON UPDATE CASCADE;
ALTER TABLE "product_question" ADD CONSTRAINT "product_question_answered_by_id_fkey" FOREIGN KEY ("answered_by_id") REFERENCES "person"("id") ON DELETE SET NULL ON UPDATE CASCADE;
ALTER TABLE product_question
  ADD CONSTRAINT product_question_said CHECK (text <> '' AND length(text) <= 1000),
  ADD CONSTRAINT product_question_answer_said CHECK (answer <> '' AND length(answer) <= 1000),
  ADD CONSTRAINT product_question_answered CHECK ((answer IS NULL) = (answered_at IS NULL));
-- How buyers liked it: one rating of a product by each who was given it.
CREATE TABLE "rating" (
    "person_id" INTEGER NOT NULL,
    "product_id" INTEGER NOT NULL,
    "stars" INTEGER NOT NULL,
    "rated_at" TIMESTAMPTZ(3) NOT NULL,
    CONSTRAINT "rating_pkey" PRIMARY KEY ("person_id","product_id")
);
CREATE INDEX "rating_product_id_idx" ON "rating"("product_id");
ALTER TABLE "rating" ADD CONSTRAINT "rating_person_id_fkey" FOREIGN KEY ("person_id") REFERENCES "person"("id") ON DELETE RESTRICT ON UPDATE CASCADE;
ALTER TABLE "rating" ADD CONSTRAINT "rating_product_id_fkey" FOREIGN KEY ("product_id") REFERENCES "product"("id") ON DELETE RESTRICT ON UPDATE CASCADE;
ALTER TABLE rating ADD CONSTRAINT rating_stars_known CHECK (stars BETWEEN 1 AND 5);
