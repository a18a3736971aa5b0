CREATE EXTENSION IF NOT EXISTS pg_trgm;

-- What makes of a word its stem, as the configuration of full-text search does: words in Latin letters are English.
CREATE FUNCTION word_stem(word text) RETURNS text
  LANGUAGE sql IMMUTABLE PARALLEL SAFE
  RETURN (CASE WHEN word ~ '^[\x01-\x7f]+$'
    THEN ts_lexize('pg_catalog.english_stem'::regdictionary, word)
    ELSE ts_lexize('pg_catalog.russian_stem'::regdictionary, word) END)[1];

-- A word is known in every form once it is known in one.
ALTER TABLE "vocabulary" ADD COLUMN "stem" TEXT GENERATED ALWAYS AS (word_stem(word)) STORED;
CREATE INDEX "vocabulary_stem_idx" ON "vocabulary"("stem");
-- For words that look like one, and for those that begin so. Trigrams know the letters of the database's own locale only,
-- which in C are those of English: so Cyrillic ones are written as a Latin letter or digit each.
CREATE FUNCTION word_letters(word text) RETURNS text
  LANGUAGE sql IMMUTABLE PARALLEL SAFE
  RETURN translate(word, 'абвгдежзийклмнопрстуфхцчшщъыьэюяёАБВГДЕЖЗИЙКЛМНОПРСТУФХЦЧШЩЪЫЬЭЮЯЁ',
    'abvgdejzi1klmnoprstufhc2w34y567xeabvgdejzi1klmnoprstufhc2w34y567xe');
ALTER TABLE "vocabulary" ADD COLUMN "letters" TEXT GENERATED ALWAYS AS (word_letters(word)) STORED;
CREATE INDEX "vocabulary_letters_idx" ON "vocabulary" USING gin ("letters" gin_trgm_ops);

-- What is sold for something else is not what is looked for by the other's name: a bag for a laptop is no laptop. Words
-- that name such things, in any form. Whoever searches one of them wants it, and nothing is put back.
CREATE FUNCTION accessory_words() RETURNS tsquery
  LANGUAGE sql IMMUTABLE PARALLEL SAFE
  RETURN to_tsquery('pg_catalog.russian'::regconfig,
    'accessory | adapter | arm | attachment | backpack | bag | battery | bracket | cable | carrier | cartridge | case
    | charger | cooler | cord | cover | cradle | dock | docking | drum | enclosure | filter | folio | fuser | guard
    | handle | holder | holster | housing | hub | kit | lamp | license | lock | mat | module | mount | organizer | pad
    | part | pillow | pouch | protector | rack | remote | renewal | replacement | ribbon | roller | service | skin
    | sleeve | spare | splitter | stand | strap | stylus | support | toner | tray | tripod | warranty
    | аккумулятор | аксессуар | адаптер | бампер | батарея | блок | брелок | гарантия | держатель | запасной | запчасть
    | зарядка | зарядное | защитный | кабель | картридж | коврик | крепление | кронштейн | лампа | мешок | накладка
    | насадка | пленка | подставка | переходник | пульт | ремешок | рюкзак | сменный | стекло | стилус | стойка
    | сумка | тонер | удлинитель | фильтр | чехол | шланг | шнур | щетка
    | 护套 | 护壳 | 机壳 | 贴膜 | 支架 | 据线 | 配件');
ALTER TABLE "listing" ADD COLUMN "is_accessory" BOOLEAN NOT NULL
  GENERATED ALWAYS AS (ts_filter(search, '{a}') @@ accessory_words()) STORED;

-- How a word sounds, whichever alphabet it is written in: айфон and iphone, сяоми and xiaomi, тефаль and tefal are one.
-- Rough on purpose: it only ever proposes words of the vocabulary.
CREATE FUNCTION word_sound(word text) RETURNS text
  LANGUAGE sql IMMUTABLE PARALLEL SAFE
  RETURN regexp_replace(regexp_replace(regexp_replace(regexp_replace(translate(
    regexp_replace(regexp_replace(regexp_replace(regexp_replace(regexp_replace(regexp_replace(
    regexp_replace(regexp_replace(regexp_replace(regexp_replace(regexp_replace(regexp_replace(
      word,
      'ph', 'f', 'g'), 'sch|sh|щ', 'ш', 'g'), 'ch', 'ч', 'g'), 'дж', 'j', 'g'), 'ts', 'ц', 'g'), 'ck|q', 'k', 'g'),
      'c(?=[eiy])', 's', 'g'), '^x', 's'), 'x', 'ks', 'g'), 'oo', 'u', 'g'), 'ee|ye', 'i', 'g'), 'я', 'ia', 'g'),
    'абвгдежзийклмнопрстуфхцчшыэюьъcweyё', 'abvgdajziiklmnoprstufhцчшiau  kvaia'),
    ' ', '', 'g'), 'ai', 'i', 'g'), '(.)\1+', '\1', 'g'), '(?<=[^aiou])a$', '');
ALTER TABLE "vocabulary" ADD COLUMN "sound" TEXT GENERATED ALWAYS AS (word_sound(word)) STORED;
CREATE INDEX "vocabulary_sound_idx" ON "vocabulary"("sound");
