-- How an import is going, for those who wait for it, and so that one that kills its worker every time is given up.
ALTER TABLE "catalogue_import" ADD COLUMN "file_names" TEXT[] NOT NULL DEFAULT '{}',
ADD COLUMN "columns" JSONB,
ADD COLUMN "attempts" INTEGER NOT NULL DEFAULT 0,
ADD COLUMN "progress" INTEGER NOT NULL DEFAULT 0;
ALTER TABLE catalogue_import
  ADD CONSTRAINT catalogue_import_counts CHECK (attempts >= 0 AND progress >= 0),
  ADD CONSTRAINT catalogue_import_one_or_two_files CHECK (file_refs IS NULL OR cardinality(file_refs) BETWEEN 1 AND 2);

-- A shop's own categories, as its feed calls them, and which of its goods are in them.
CREATE TABLE "seller_category" (
    "id" SERIAL NOT NULL,
    "seller_id" INTEGER NOT NULL,
    "feed_category" TEXT NOT NULL,
    "title" JSONB NOT NULL,
    CONSTRAINT "seller_category_pkey" PRIMARY KEY ("seller_id","feed_category")
);
CREATE UNIQUE INDEX "seller_category_id_key" ON "seller_category"("id");
ALTER TABLE "seller_category" ADD CONSTRAINT "seller_category_seller_id_fkey" FOREIGN KEY ("seller_id") REFERENCES "seller"("id") ON DELETE RESTRICT ON UPDATE CASCADE;
ALTER TABLE seller_category ADD CONSTRAINT seller_category_titled CHECK (jsonb_typeof(title) = 'object' AND feed_category <> '');

ALTER TABLE "product" ADD COLUMN "feed_category" TEXT;
CREATE INDEX "product_seller_id_feed_category_idx" ON "product"("seller_id", "feed_category");
