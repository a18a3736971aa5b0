-- Listings are searched, products are not.
DROP FUNCTION search_vector(text);

-- What was found is leafed through as it was found.
ALTER TABLE "search" ADD COLUMN "found" JSONB;

-- The class of what sells so much, a word that nobody can type: with it in the index, the best-selling of a common word are
-- found without looking at the others. Each class sells about four times what the one below it does.
CREATE FUNCTION popularity_class(popularity int) RETURNS tsvector
  LANGUAGE sql IMMUTABLE PARALLEL SAFE
  RETURN array_to_tsvector(ARRAY['*' || width_bucket(popularity, ARRAY[2, 8, 32, 128, 512, 2048])]);
INSERT INTO listing_due (product_id, due_at) SELECT product_id, '-infinity' FROM listing;
