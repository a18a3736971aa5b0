/**
 * A catalogue of any size with words as frequent as words are (Zipf): the same seed makes the same one. Two products of five
 * variants each on average, as toSearchWords would fold them; written by PostgreSQL itself, then listed by the product's own
 * triggers and refresh.
 */
import { refreshDueListings } from '#shop/listings.ts'
import type { Client } from '#store/db.ts'
import { Prisma } from '#store/prisma/client.ts'
import { adjectives, brands, colours, madeUp, materials, nouns, seeded, units } from './catalogue-words.ts'

const productsEachTime = 20_000
const topCategories = 16

/** @returns how many products and variants there are, and how long listing them took. */
export async function makeCatalogue(
  db: Client,
  variants: number,
  seed: number,
  say: (line: string) => void,
): Promise<{ products: number; variants: number; madeIn: number; listedIn: number }> {
  const startedAt = performance.now()
  const seconds = () => Math.round((performance.now() - startedAt) / 1000)
  // Four products have one, two, three and four.
  const products = Math.ceil(variants / 10) * 4
  const sizes = await addWords(db, seed)
  await addShops(db)
  for (let after = 0; after < products; after += productsEachTime) {
    await addProducts(db, sizes, after, Math.min(after + productsEachTime, products))
    if ((after / productsEachTime) % 4 === 3)
      say(`  ${after + productsEachTime} of ${products} products, ${seconds()} s`)
  }
  for (const statement of ['product', 'variant', 'stock_level', 'campaign', 'campaign_price'])
    await analyze(db, statement)
  const madeIn = seconds()
  say(`  listing them, ${madeIn} s`)
  await refreshDueListings(db, new Date())
  await db.$executeRaw`VACUUM ANALYZE`
  say(`  made in ${seconds()} s`)
  const [count] = await db.$queryRaw<{ products: number; variants: number }[]>`
    SELECT (SELECT count(*)::int FROM listing) AS products, (SELECT count(*)::int FROM variant) AS variants`
  return { products: count?.products ?? 0, variants: count?.variants ?? 0, madeIn, listedIn: seconds() - madeIn }
}

async function analyze(db: Client, table: string): Promise<void> {
  await db.$executeRawUnsafe(`ANALYZE ${table}`)
}

/** How many words there are of each kind. */
type Sizes = Record<string, number>

const kinds = (random: () => number): Record<string, string[]> => ({
  noun: nouns,
  adjective: adjectives,
  brand: [...brands, ...madeUp(400, random, 'latin')],
  series: madeUp(2500, random, 'latin'),
  colour: colours,
  material: materials,
  unit: units,
  said: [...adjectives, ...madeUp(5000, random, 'cyrillic')],
})

/** `bench_u`: a number between 0 and 1 of a product and a salt; `bench_place`: one of `size`, the k-th as often as 1/k of the first. */
async function addWords(db: Client, seed: number): Promise<Sizes> {
  await db.$executeRaw`CREATE TABLE bench_word (kind text, place int, word text, PRIMARY KEY (kind, place))`
  const sizes: Sizes = {}
  for (const [kind, all] of Object.entries(kinds(seeded(seed)))) {
    const words = [...new Set(all)]
    sizes[kind] = words.length
    await db.$executeRaw`INSERT INTO bench_word SELECT ${kind}, place, word
      FROM unnest((SELECT ${words}::text[])) WITH ORDINALITY one (word, place)`
  }
  await db.$executeRaw`CREATE FUNCTION bench_u(id int, salt int) RETURNS float LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN (hashint8extended(id::bigint, salt::bigint) & 4294967295)::float / 4294967296`
  await db.$executeRaw`CREATE FUNCTION bench_place(id int, salt int, size int) RETURNS int LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN least(size, floor(exp(bench_u(id, salt) * ln(size + 1)))::int)`
  await db.$executeRaw`ANALYZE bench_word`
  return sizes
}

async function addShops(db: Client): Promise<void> {
  await db.$executeRaw`INSERT INTO seller (slug, name, invitation) SELECT 'shop' || n, 'Лавка ' || n, 'bench-' || n
    FROM generate_series(1, 50) n`
  await db.$executeRaw`INSERT INTO location (seller_id, external_id, kind, title, city_code, city_name)
    SELECT s.id, kind, kind, '{"ru": "Склад"}', city, 'Город' FROM seller s,
      (VALUES ('local_warehouse', 44), ('showroom', 424), ('cross_border', 270)) l (kind, city)`
  await db.$executeRaw`INSERT INTO brand (name, folded) SELECT initcap(word), word FROM bench_word WHERE kind = 'brand'
    ORDER BY place`
  await db.$executeRaw`INSERT INTO category (slug, title, position)
    SELECT 'top-' || n, jsonb_build_object('ru', initcap(w.word)), n
    FROM generate_series(1, ${topCategories}::int) n JOIN bench_word w ON w.kind = 'said' AND w.place = 300 + n`
  await db.$executeRaw`INSERT INTO category (slug, title, parent_id, position)
    SELECT 'noun-' || w.word, jsonb_build_object('ru', initcap(w.word)), top.id, w.place
    FROM bench_word w JOIN category top ON top.slug = 'top-' || (1 + w.place % ${topCategories}::int) WHERE w.kind = 'noun'`
}

async function addProducts(db: Client, sizes: Sizes, after: number, to: number): Promise<void> {
  const word = (kind: string, place: Prisma.Sql) =>
    Prisma.sql`(SELECT word FROM bench_word WHERE kind = ${Prisma.raw(`'${kind}'`)} AND place = ${place})`
  const often = (kind: string, salt: number) =>
    word(kind, Prisma.sql`bench_place(id, ${salt}::int, ${sizes[kind]}::int)`)
  const any = (kind: string, salt: number) =>
    word(kind, Prisma.sql`1 + floor(bench_u(id, ${salt}::int) * ${sizes[kind]}::int)::int`)
  // Each word is looked up by its key: the planner would rather join, and does not know how many there are.
  await db.$executeRaw(Prisma.sql`
    WITH named AS MATERIALIZED (
      SELECT id, ${often('noun', 1)} AS noun_word, ${often('adjective', 2)} AS adjective_word, ${often('brand', 3)} AS brand_word,
        ${often('series', 4)} AS series_word, ${any('colour', 5)} AS colour_word, ${any('material', 6)} AS material_word,
        ${any('unit', 7)} AS unit_word,
        chr(97 + floor(bench_u(id, 8) * 26)::int) || chr(97 + floor(bench_u(id, 9) * 26)::int) AS letters,
        (10 + floor(bench_u(id, 10) * 990))::int AS digits,
        (ARRAY[1, 2, 5, 10, 50, 64, 100, 128, 250, 256, 500, 512])[1 + floor(bench_u(id, 11) * 12)::int] AS amount,
        (SELECT string_agg(${word('said', Prisma.sql`bench_place(id, n, ${sizes['said']}::int)`)}, ' ')
          FROM generate_series(20, 34) n) AS told
      FROM generate_series(${after + 1}::int, ${to}::int) id)
    INSERT INTO product (id, seller_id, external_id, category_id, title, description, vendor, pictures, words, popularity,
      updated_at, brand_id, params, details, added_at)
    SELECT n.id, 1 + n.id % 50, n.id, category.id,
      jsonb_build_object('ru', initcap(concat_ws(' ', noun_word, adjective_word, brand_word, series_word, letters || digits,
        amount || ' ' || unit_word, colour_word))),
      jsonb_build_object('ru', initcap(told)), initcap(brand_word), ARRAY['demo/kettle'],
      concat_ws(' ', noun_word, adjective_word, brand_word, series_word, letters || digits, letters, digits, amount, unit_word,
          colour_word)
        || E'\n' || concat_ws(' ', brand_word, lower(top.title ->> 'ru'), noun_word)
        || E'\n' || concat_ws(' ', 'цвет', colour_word, 'материал', material_word, 'объем', amount, unit_word)
        || E'\n' || n.id,
      floor(exp(power(bench_u(n.id, 12), 6) * 9))::int - 1, now(), brand.id,
      jsonb_build_array(jsonb_build_object('name', 'Цвет', 'value', colour_word, 'language', 'ru')), told,
      now() - interval '1 day' * floor(bench_u(n.id, 13) * 700)
    FROM named n JOIN category ON category.slug = 'noun-' || noun_word JOIN category top ON top.id = category.parent_id
      JOIN brand ON brand.folded = n.brand_word`)
  await db.$executeRaw`
    INSERT INTO variant (id, product_id, external_id, options, price, old_price, currency, weight_grams, position)
    SELECT product * 4 + n, product, n, '{}', price + n * 1000, CASE WHEN product % 5 = 0 THEN price * 2 + n * 1000 END, 'RUB', 500, n
    FROM generate_series(${after + 1}::int, ${to}::int) product
      CROSS JOIN LATERAL (SELECT (100 * floor(exp(3 + bench_u(product, 14) * 7)))::bigint + 100 AS price) p
      CROSS JOIN LATERAL generate_series(0, product % 4) n`
  await db.$executeRaw`
    INSERT INTO stock_level (variant_id, location_id, on_hand)
    SELECT v.id, l.id, floor(bench_u(v.id, 16) * 12)::int FROM variant v
      JOIN product p ON p.id = v.product_id
      JOIN location l ON l.seller_id = p.seller_id
        AND l.kind = (ARRAY['local_warehouse', 'showroom', 'cross_border'])[1 + floor(bench_u(v.id, 17) * 3)::int]
    WHERE v.product_id > ${after} AND v.product_id <= ${to}`
  await db.$executeRaw`
    WITH made AS (
      INSERT INTO campaign (seller_id, product_id, size, lifetime_minutes, starts_at)
      SELECT seller_id, id, 3, 1440, now() - interval '1 day' FROM product WHERE id > ${after} AND id <= ${to} AND id % 5 = 1
      RETURNING id, product_id)
    INSERT INTO campaign_price (campaign_id, variant_id, price)
    SELECT made.id, v.id, v.price * 4 / 5 FROM made JOIN variant v ON v.product_id = made.product_id`
}
