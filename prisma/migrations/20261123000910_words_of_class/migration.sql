-- Words are looked for in one class of popularity after the other, the best-selling first and only until there are enough. In
-- the index each word is one of its class, so that of two common words only that class is read of both, and what else is
-- common stays unread. A category is a word, too: nobody can type it, since "#" is no letter.
DROP FUNCTION popularity_class(int);
-- Each class sells about four times what the one below it does. One digit: what begins so is of that class.
CREATE FUNCTION popularity_class(popularity int) RETURNS int
  LANGUAGE sql IMMUTABLE PARALLEL SAFE
  RETURN width_bucket(popularity, ARRAY[2, 8, 32, 128, 512, 2048]);
-- Its cost keeps the planner from computing it for a whole table.
CREATE FUNCTION words_of_class(search tsvector, category_ids int[], popularity int) RETURNS tsvector
  LANGUAGE sql IMMUTABLE PARALLEL SAFE COST 1000
  RETURN array_to_tsvector(string_to_array(
    popularity_class(popularity) || array_to_string(
      tsvector_to_array(search) || string_to_array('#' || array_to_string(category_ids, E'\n#'), E'\n'),
      E'\n' || popularity_class(popularity)), E'\n'));
-- The same of what is looked for. Not PARALLEL SAFE, so that no search waits for workers to start: that takes longer than most.
CREATE FUNCTION query_of_class(query tsquery, class int) RETURNS tsquery
  LANGUAGE sql IMMUTABLE
  RETURN regexp_replace(query::text, '''([^'']+)''', '''' || class || '\1''', 'g')::tsquery;

DROP INDEX "listing_search_idx";
CREATE INDEX listing_words_of_class ON listing USING GIN (words_of_class(search, category_ids, popularity));
