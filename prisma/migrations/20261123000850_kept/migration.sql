-- When somebody was last told of a favourite, and what it cost when they began to keep it.
ALTER TABLE "favourite" ADD COLUMN "told_at" TIMESTAMPTZ(3),
ADD COLUMN "kept_price" BIGINT,
ADD COLUMN "kept_currency" CHAR(3);
ALTER TABLE favourite
  ADD CONSTRAINT favourite_told_price_whole CHECK (told_price > 0 AND num_nonnulls(told_price, currency) <> 1),
  ADD CONSTRAINT favourite_kept_price_whole CHECK (kept_price > 0 AND num_nonnulls(kept_price, kept_currency) <> 1);

-- Favourites that may have news. Rows are only added and taken: two that change one product never wait for each other here.
CREATE TABLE "favourite_due" (
    "id" BIGSERIAL NOT NULL,
    "product_id" INTEGER NOT NULL,
    "due_at" TIMESTAMPTZ(3) NOT NULL,
    CONSTRAINT "favourite_due_pkey" PRIMARY KEY ("id")
);
CREATE INDEX "favourite_due_due_at_idx" ON "favourite_due"("due_at");
CREATE INDEX "favourite_due_product_id_idx" ON "favourite_due"("product_id");

-- The same question sent twice is one.
ALTER TABLE "product_question" ADD COLUMN "request_key" TEXT;
CREATE UNIQUE INDEX "product_question_request_key_key" ON "product_question"("request_key");

-- By the statement and not by the row: an import changes thousands of listings in one, and few of them are anybody's favourite.
CREATE FUNCTION favourites_are_due() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF TG_OP = 'UPDATE' THEN
    INSERT INTO favourite_due (product_id, due_at)
    SELECT n.product_id, to_timestamp(0) FROM new_listing n JOIN old_listing o ON o.product_id = n.product_id
    WHERE (n.price, n.currency, n.together_price, n.in_stock)
        IS DISTINCT FROM (o.price, o.currency, o.together_price, o.in_stock)
      AND EXISTS (SELECT 1 FROM favourite f WHERE f.product_id = n.product_id);
  ELSIF TG_OP = 'INSERT' THEN
    INSERT INTO favourite_due (product_id, due_at)
    SELECT n.product_id, to_timestamp(0) FROM new_listing n
    WHERE EXISTS (SELECT 1 FROM favourite f WHERE f.product_id = n.product_id);
  ELSE
    INSERT INTO favourite_due (product_id, due_at)
    SELECT o.product_id, to_timestamp(0) FROM old_listing o
    WHERE EXISTS (SELECT 1 FROM favourite f WHERE f.product_id = o.product_id);
  END IF;
  RETURN NULL;
END $$;
CREATE TRIGGER listing_added_favourites_are_due AFTER INSERT ON listing
  REFERENCING NEW TABLE AS new_listing FOR EACH STATEMENT EXECUTE FUNCTION favourites_are_due();
CREATE TRIGGER listing_changed_favourites_are_due AFTER UPDATE ON listing
  REFERENCING OLD TABLE AS old_listing NEW TABLE AS new_listing FOR EACH STATEMENT EXECUTE FUNCTION favourites_are_due();
CREATE TRIGGER listing_gone_favourites_are_due AFTER DELETE ON listing
  REFERENCING OLD TABLE AS old_listing FOR EACH STATEMENT EXECUTE FUNCTION favourites_are_due();

-- A shop asks what waits for its answer, a product's page what was answered: neither should read past the other.
CREATE INDEX product_question_unanswered ON product_question (product_id) WHERE answer IS NULL;
CREATE INDEX product_question_answered_of_product ON product_question (product_id, answered_at) WHERE answer IS NOT NULL;
