-- What search reads: words by what they say of a product, and what it is filtered and ranked by.
-- The first line of a product's words is its title, the second its brand and category, all others its parameters. What a title
-- says after "for" is what the product is made for, not what it is: a case for a phone is no phone. Of long descriptions
-- the beginning is enough, so that a row fits a page.
CREATE FUNCTION listing_search(words text, details text) RETURNS tsvector
  LANGUAGE sql IMMUTABLE PARALLEL SAFE
  RETURN setweight(to_tsvector('pg_catalog.russian'::regconfig,
      regexp_replace(split_part(words, E'\n', 1), ' (for|для|под|w|к) .*$', '')), 'A')
    || setweight(to_tsvector('pg_catalog.russian'::regconfig,
      coalesce(substring(split_part(words, E'\n', 1) FROM ' (?:for|для|под|w|к) .*$'), '')
        || ' ' || split_part(words, E'\n', 2)), 'B')
    || setweight(to_tsvector('pg_catalog.russian'::regconfig, regexp_replace(words, '^[^\n]*\n?[^\n]*', '')), 'C')
    || setweight(to_tsvector('pg_catalog.russian'::regconfig, left(details, 2000)), 'D');

-- What is worth repairing: nobody mistypes long numbers, and Chinese has no letters to mix up.
CREATE FUNCTION vocabulary_has(word text) RETURNS boolean
  LANGUAGE sql IMMUTABLE PARALLEL SAFE
  RETURN length(word) BETWEEN 2 AND 30 AND word !~ '^[0-9]{5,}$' AND word !~ '[\u2e80-\u31ff\u3400-\u9fff\uf900-\ufaff]';

-- Of the words that `search` was made from: cutting and stemming them is most of the work, and they seldom change.
ALTER TABLE "listing" ADD COLUMN "words_hash" BIGINT NOT NULL DEFAULT 0;
-- Room beside each row, so that a price or stock that changes leaves the indexes alone.
-- A search ranks up to two thousand of them: their words stay in the row.
ALTER TABLE listing SET (fillfactor = 85, toast_tuple_target = 8160), ALTER COLUMN search SET STORAGE MAIN;
CREATE INDEX "listing_search_idx" ON "listing" USING GIN ("search");
CREATE INDEX "listing_category_ids_idx" ON "listing" USING GIN ("category_ids");
CREATE INDEX "listing_popularity_product_id_idx" ON "listing"("popularity" DESC, "product_id");

-- Counts change far more often than words.
ALTER TABLE vocabulary SET (fillfactor = 70);

-- A row for each reason: whoever adds one never meets, waits for or loses it to whoever is clearing others away.
ALTER TABLE "listing_due" DROP CONSTRAINT "listing_due_pkey",
ADD COLUMN "id" BIGSERIAL NOT NULL,
ADD CONSTRAINT "listing_due_pkey" PRIMARY KEY ("id");
DROP INDEX "listing_due_due_at_idx";
-- Workers share the products out by the last digits of their numbers.
CREATE INDEX listing_due_of_share ON listing_due ((product_id & 15), due_at);
CREATE INDEX "listing_due_product_id_due_at_idx" ON "listing_due"("product_id", "due_at");

-- What a listing is made from says that it is to be made anew. Nothing here locks a product or a listing; where many rows
-- are written at once, or often, WHEN decides before anything is called. `-infinity` is at once by anybody's clock.
CREATE FUNCTION product_listing_is_due() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  INSERT INTO listing_due (product_id, due_at) VALUES (NEW.id, '-infinity');
  RETURN NULL;
END $$;
CREATE TRIGGER product_listing_is_due AFTER UPDATE ON product FOR EACH ROW
  WHEN ((OLD.seller_id, OLD.category_id, OLD.brand_id, OLD.words, OLD.details, OLD.popularity, OLD.is_adult, OLD.cities,
      OLD.added_at, OLD.withdrawn_at)
    IS DISTINCT FROM (NEW.seller_id, NEW.category_id, NEW.brand_id, NEW.words, NEW.details, NEW.popularity, NEW.is_adult,
      NEW.cities, NEW.added_at, NEW.withdrawn_at))
  EXECUTE FUNCTION product_listing_is_due();

-- A product without variants has no listing, so new products need no more than this.
CREATE FUNCTION variants_listing_is_due() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  INSERT INTO listing_due (product_id, due_at) SELECT DISTINCT product_id, '-infinity'::timestamptz FROM touched;
  RETURN NULL;
END $$;
CREATE TRIGGER variant_added_listing_is_due AFTER INSERT ON variant REFERENCING NEW TABLE AS touched
  FOR EACH STATEMENT EXECUTE FUNCTION variants_listing_is_due();
CREATE TRIGGER variant_deleted_listing_is_due AFTER DELETE ON variant REFERENCING OLD TABLE AS touched
  FOR EACH STATEMENT EXECUTE FUNCTION variants_listing_is_due();
-- Also of ratings: each row says which product it is about.
CREATE FUNCTION of_product_listing_is_due() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  INSERT INTO listing_due (product_id, due_at) VALUES (coalesce(NEW.product_id, OLD.product_id), '-infinity');
  RETURN NULL;
END $$;
CREATE TRIGGER variant_changed_listing_is_due AFTER UPDATE ON variant FOR EACH ROW
  WHEN ((OLD.price, OLD.currency, OLD.withdrawn_at) IS DISTINCT FROM (NEW.price, NEW.currency, NEW.withdrawn_at))
  EXECUTE FUNCTION of_product_listing_is_due();
CREATE TRIGGER rating_listing_is_due AFTER INSERT OR DELETE ON rating FOR EACH ROW
  EXECUTE FUNCTION of_product_listing_is_due();
CREATE TRIGGER rating_changed_listing_is_due AFTER UPDATE ON rating FOR EACH ROW WHEN (OLD.stars <> NEW.stars)
  EXECUTE FUNCTION of_product_listing_is_due();

-- Stock: where units are, not how many.
CREATE FUNCTION stock_listing_is_due() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  INSERT INTO listing_due (product_id, due_at)
    SELECT product_id, '-infinity'::timestamptz FROM variant WHERE id = NEW.variant_id;
  RETURN NULL;
END $$;
CREATE TRIGGER stock_changed_listing_is_due AFTER UPDATE ON stock_level FOR EACH ROW
  WHEN ((OLD.on_hand - OLD.reserved - OLD.set_aside > 0) <> (NEW.on_hand - NEW.reserved - NEW.set_aside > 0))
  EXECUTE FUNCTION stock_listing_is_due();
CREATE FUNCTION stocks_listing_is_due() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  INSERT INTO listing_due (product_id, due_at)
    SELECT DISTINCT v.product_id, '-infinity'::timestamptz FROM touched t JOIN variant v ON v.id = t.variant_id
    WHERE t.on_hand > t.reserved + t.set_aside;
  RETURN NULL;
END $$;
CREATE TRIGGER stock_added_listing_is_due AFTER INSERT ON stock_level REFERENCING NEW TABLE AS touched
  FOR EACH STATEMENT EXECUTE FUNCTION stocks_listing_is_due();
CREATE TRIGGER stock_deleted_listing_is_due AFTER DELETE ON stock_level REFERENCING OLD TABLE AS touched
  FOR EACH STATEMENT EXECUTE FUNCTION stocks_listing_is_due();
CREATE FUNCTION location_listing_is_due() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  INSERT INTO listing_due (product_id, due_at)
    SELECT DISTINCT v.product_id, '-infinity'::timestamptz FROM stock_level s JOIN variant v ON v.id = s.variant_id
    WHERE s.location_id = NEW.id;
  RETURN NULL;
END $$;
CREATE TRIGGER location_listing_is_due AFTER UPDATE ON location FOR EACH ROW
  WHEN ((OLD.kind, OLD.city_code) IS DISTINCT FROM (NEW.kind, NEW.city_code))
  EXECUTE FUNCTION location_listing_is_due();

-- Campaigns: now, when they begin and when they end.
CREATE FUNCTION campaign_listing_is_due() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  INSERT INTO listing_due (product_id, due_at)
    SELECT NEW.product_id, at FROM unnest(ARRAY['-infinity', NEW.starts_at, NEW.ends_at]::timestamptz[]) at WHERE at IS NOT NULL;
  RETURN NULL;
END $$;
CREATE TRIGGER campaign_added_listing_is_due AFTER INSERT ON campaign FOR EACH ROW
  EXECUTE FUNCTION campaign_listing_is_due();
CREATE TRIGGER campaign_changed_listing_is_due AFTER UPDATE ON campaign FOR EACH ROW
  WHEN ((OLD.starts_at, OLD.ends_at) IS DISTINCT FROM (NEW.starts_at, NEW.ends_at))
  EXECUTE FUNCTION campaign_listing_is_due();
CREATE FUNCTION campaign_price_listing_is_due() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  INSERT INTO listing_due (product_id, due_at)
    SELECT product_id, '-infinity'::timestamptz FROM campaign WHERE id = coalesce(NEW.campaign_id, OLD.campaign_id);
  RETURN NULL;
END $$;
CREATE TRIGGER campaign_price_listing_is_due AFTER INSERT OR DELETE ON campaign_price FOR EACH ROW
  EXECUTE FUNCTION campaign_price_listing_is_due();
CREATE TRIGGER campaign_price_changed_listing_is_due AFTER UPDATE ON campaign_price FOR EACH ROW
  WHEN (OLD.price <> NEW.price)
  EXECUTE FUNCTION campaign_price_listing_is_due();

-- A category that moves takes everything below it along.
CREATE FUNCTION category_listing_is_due() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  INSERT INTO listing_due (product_id, due_at)
    SELECT p.id, '-infinity'::timestamptz FROM product p WHERE p.category_id IN (
      WITH RECURSIVE below AS (
        SELECT NEW.id UNION SELECT c.id FROM category c JOIN below ON c.parent_id = below.id)
      SELECT id FROM below);
  RETURN NULL;
END $$;
CREATE TRIGGER category_listing_is_due AFTER UPDATE ON category FOR EACH ROW
  WHEN (OLD.parent_id IS DISTINCT FROM NEW.parent_id)
  EXECUTE FUNCTION category_listing_is_due();

-- Products that are there already: the first tick makes their listings.
INSERT INTO listing_due (product_id, due_at) SELECT id, '-infinity' FROM product WHERE withdrawn_at IS NULL;

-- Nobody searches products any more.
DROP INDEX product_search_idx;
ALTER TABLE "product" DROP COLUMN "search";
