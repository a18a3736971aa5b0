/**
 * Brings a seller's part of the catalogue to what a feed says. Everything runs in the caller's one transaction, after the
 * offers were staged (import-staging): products are merged in batches, one jsonb parameter each. Rows that buyers also
 * write (stock) come last and in key order.
 */
import type { Db } from './db.ts'

export type Json = string | number | boolean | null | undefined | Json[] | { [key: string]: Json }

/** @param name undefined keeps the present one. */
export async function upsertSeller(
  db: Db,
  seller: { slug: string; name: string | undefined; invitation: string; now: Date },
): Promise<{ id: number; name: string; invitation: string }> {
  await db.$executeRaw`INSERT INTO seller (slug, name, invitation, created_at)
    VALUES (${seller.slug}, ${seller.name ?? seller.slug}, ${seller.invitation}, ${seller.now}) ON CONFLICT (slug) DO NOTHING`
  await db.$executeRaw`UPDATE seller SET name = ${seller.name ?? ''}
    WHERE slug = ${seller.slug} AND ${seller.name ?? ''} NOT IN ('', name)`
  const [row] = await db.$queryRaw<{ id: number; name: string; invitation: string }[]>`
    SELECT id, name, invitation FROM seller WHERE slug = ${seller.slug}`
  if (!row) throw new Error('an upsert leaves its row')
  return row
}

/**
 * The tree is shared by all sellers, so a feed adds categories and missing languages but renames and moves nothing.
 * Holds a lock to the end of the transaction: two sellers adding the same categories in different orders would
 * otherwise deadlock, and a merge takes seconds.
 * @param levels the roots, then their children, and so on. @returns ids by slug.
 */
export async function upsertCategories(
  db: Db,
  levels: { slug: string; parentSlug: string | undefined; title: Json; position: number }[][],
): Promise<Map<string, number>> {
  await db.$executeRaw`SELECT 1 FROM pg_advisory_xact_lock(hashtextextended('catalog-import categories', 0))`
  for (const level of levels) {
    await db.$executeRaw`INSERT INTO category (slug, parent_id, title, position)
      SELECT c.slug, parent.id, c.title, c.position
      FROM jsonb_to_recordset(${JSON.stringify(level)}::jsonb)
        AS c(slug text, "parentSlug" text, title jsonb, position int)
      LEFT JOIN category parent ON parent.slug = c."parentSlug"
      LEFT JOIN category known ON known.slug = c.slug
      WHERE known.id IS NULL OR known.title <> c.title || known.title
      ON CONFLICT (slug) DO UPDATE SET title = excluded.title || category.title`
  }
  const slugs = JSON.stringify(levels.flat().map(({ slug }) => slug))
  const rows = await db.$queryRaw<{ id: number; slug: string }[]>`SELECT id, slug FROM category
    WHERE slug IN (SELECT jsonb_array_elements_text(${slugs}::jsonb))`
  return new Map(rows.map((row) => [row.slug, row.id]))
}

/** Where the seller's own categories are filed, once somebody has said so: with the titles on the path to there. */
export async function categoryMappings(
  db: Db,
  sellerId: number,
): Promise<{ feedCategory: string; categoryId: number; titles: Record<string, string>[] }[]> {
  return db.$queryRaw`WITH RECURSIVE up AS (
      SELECT m.feed_category, m.category_id AS leaf, c.title, c.parent_id, 0 AS depth
      FROM category_mapping m JOIN category c ON c.id = m.category_id WHERE m.seller_id = ${sellerId}
      UNION ALL SELECT up.feed_category, up.leaf, c.title, c.parent_id, up.depth + 1
      FROM up JOIN category c ON c.id = up.parent_id WHERE up.depth < 20
    )
    SELECT feed_category AS "feedCategory", leaf AS "categoryId", jsonb_agg(title ORDER BY depth DESC) AS titles
    FROM up GROUP BY feed_category, leaf`
}

/** What the seller's people are shown when they say where their categories belong. */
export async function upsertSellerCategories(
  db: Db,
  sellerId: number,
  categories: { feedCategory: string; title: Json }[],
): Promise<void> {
  await db.$executeRaw`INSERT INTO seller_category AS known (seller_id, feed_category, title)
    SELECT ${sellerId}, c."feedCategory", c.title
    FROM jsonb_to_recordset(${JSON.stringify(categories)}::jsonb) AS c("feedCategory" text, title jsonb)
    WHERE NOT EXISTS (SELECT 1 FROM seller_category k
      WHERE k.seller_id = ${sellerId} AND k.feed_category = c."feedCategory" AND k.title = c.title)
    ON CONFLICT (seller_id, feed_category) DO UPDATE SET title = excluded.title`
}

/**
 * @param locations a city of undefined keeps what is known, or is `elsewhere`'s.
 * @returns ids by the feed's own id. Locations that left the feed stay: orders name them.
 */
export async function upsertLocations(
  db: Db,
  sellerId: number,
  locations: { id: string; kind: string; title: Json; cityCode: number | undefined; cityName: string | undefined }[],
  elsewhere: { code: number; name: string },
): Promise<Map<string, number>> {
  await db.$executeRaw`INSERT INTO location (seller_id, external_id, kind, title, city_code, city_name)
    SELECT ${sellerId}, l.id, l.kind, l.title, coalesce(l."cityCode", known.city_code, ${elsewhere.code}),
      coalesce(l."cityName", known.city_name, ${elsewhere.name})
    FROM jsonb_to_recordset(${JSON.stringify(locations)}::jsonb)
        AS l(id text, kind text, title jsonb, "cityCode" int, "cityName" text)
      LEFT JOIN location known ON known.seller_id = ${sellerId} AND known.external_id = l.id
    ON CONFLICT (seller_id, external_id) DO UPDATE
    SET kind = excluded.kind, title = excluded.title, city_code = excluded.city_code, city_name = excluded.city_name
    WHERE (location.kind, location.title, location.city_code, location.city_name)
      IS DISTINCT FROM (excluded.kind, excluded.title, excluded.city_code, excluded.city_name)`
  const rows = await db.$queryRaw<{ id: number; externalId: string }[]>`
    SELECT id, external_id AS "externalId" FROM location WHERE seller_id = ${sellerId}`
  return new Map(rows.map((row) => [row.externalId, row.id]))
}

/**
 * Whoever comes first names a brand. Call it with the lock of {@link upsertCategories}: two sellers adding the same brands
 * in different orders would otherwise deadlock. @returns ids by folded name.
 */
export async function upsertBrands(db: Db, brands: { name: string; folded: string }[]): Promise<Map<string, number>> {
  const names = brands.map(({ name }) => name)
  const folded = brands.map((brand) => brand.folded)
  const find = async () => db.$queryRaw<{ id: number; folded: string }[]>`
    SELECT id, folded FROM brand WHERE folded IN (SELECT unnest((SELECT ${folded}::text[])))`
  let rows = await find()
  if (rows.length < folded.length) {
    await db.$executeRaw`INSERT INTO brand (name, folded)
      SELECT b.name, b.folded FROM unnest((SELECT ${names}::text[]), (SELECT ${folded}::text[])) AS b(name, folded)
      WHERE NOT EXISTS (SELECT 1 FROM brand k WHERE k.folded = b.folded) ON CONFLICT (folded) DO NOTHING`
    rows = await find()
  }
  return new Map(rows.map((row) => [row.folded, row.id]))
}

export type ProductRow = {
  externalId: string
  categoryId: number
  feedCategory: string | undefined
  title: Json
  description: Json
  vendor: string | undefined
  brandId: number | undefined
  pictures: string[]
  words: string
  details: string
  params: Json
  isAdult: boolean
  isPerishable: boolean
  cities: number[]
  /** Of all that was said about it: see numberStagedProducts. */
  fingerprint: string
}
export type MergedRow = { id: number; externalId: string; isChanged: boolean }

/**
 * Adds or changes products; untouched rows are not written. A new product counts as changed. Known ones are looked up one by
 * one: of rows that this transaction wrote the planner knows nothing, and would read all of the seller's for every batch.
 */
export async function mergeProducts(db: Db, sellerId: number, products: ProductRow[], now: Date): Promise<MergedRow[]> {
  return db.$queryRaw`WITH batch AS MATERIALIZED (
      SELECT b.*, ARRAY(SELECT jsonb_array_elements_text(b."pictureList")) AS pictures,
        ARRAY(SELECT jsonb_array_elements_text(b."cityList")::int) AS cities
      FROM jsonb_to_recordset(${JSON.stringify(products.map(({ pictures, cities, ...rest }) => ({ ...rest, pictureList: pictures, cityList: cities })))}::jsonb)
        AS b("externalId" text, "categoryId" int, "feedCategory" text, title jsonb, description jsonb, vendor text,
          "brandId" int, "pictureList" jsonb, words text, details text, params jsonb, "isAdult" boolean,
          "isPerishable" boolean, "cityList" jsonb, fingerprint uuid)
    ), known AS MATERIALIZED (
      SELECT p.id, p.external_id, (p.category_id, p.feed_category, p.title, p.description, p.vendor, p.brand_id, p.pictures,
          p.words, p.details, p.params, p.is_adult, p.is_perishable, p.cities, p.withdrawn_at)
        IS DISTINCT FROM (b."categoryId", b."feedCategory", b.title, b.description, b.vendor, b."brandId", b.pictures,
          b.words, b.details, b.params, b."isAdult", b."isPerishable", b.cities, NULL::timestamptz) AS differs
      FROM batch b CROSS JOIN LATERAL (
        SELECT * FROM product p WHERE p.seller_id = ${sellerId} AND p.external_id = b."externalId" LIMIT 1) p
    ), changed AS (
      UPDATE product p SET category_id = b."categoryId", feed_category = b."feedCategory", title = b.title,
        description = b.description, vendor = b.vendor, brand_id = b."brandId", pictures = b.pictures, words = b.words,
        details = b.details, params = b.params, is_adult = b."isAdult", is_perishable = b."isPerishable",
        cities = b.cities, withdrawn_at = NULL, fingerprint = b.fingerprint,
        updated_at = CASE WHEN k.differs THEN ${now} ELSE p.updated_at END
      FROM batch b, known k WHERE k.external_id = b."externalId" AND p.id = k.id
        AND (k.differs OR p.fingerprint IS DISTINCT FROM b.fingerprint)
    ), added AS (
      INSERT INTO product (seller_id, external_id, category_id, feed_category, title, description, vendor, brand_id,
        pictures, words, details, params, is_adult, is_perishable, cities, fingerprint, updated_at, added_at)
      SELECT ${sellerId}, "externalId", "categoryId", "feedCategory", title, description, vendor, "brandId", pictures,
        words, details, params, "isAdult", "isPerishable", cities, fingerprint, ${now}, ${now}
      FROM batch b WHERE NOT EXISTS (SELECT 1 FROM known k WHERE k.external_id = b."externalId")
      RETURNING id, external_id
    )
    SELECT id, external_id AS "externalId", differs AS "isChanged" FROM known
    UNION ALL SELECT id, external_id, true FROM added`
}

export type VariantRow = {
  productId: number
  isProductChanged: boolean
  externalId: string
  options: Json
  barcode: string | undefined
  price: string
  oldPrice: string | undefined
  currency: string
  weightGrams: number
  pictureList: string[]
  position: number
}

/** Adds or changes variants and notes that the feed still has them. Known ones are looked up as products are. */
export async function mergeVariants(
  db: Db,
  variants: VariantRow[],
): Promise<{ id: number; productId: number; externalId: string }[]> {
  return db.$queryRaw`WITH batch AS MATERIALIZED (
      SELECT b.*, ARRAY(SELECT jsonb_array_elements_text("pictureList")) AS pictures
      FROM jsonb_to_recordset(${JSON.stringify(variants)}::jsonb) AS b("productId" int,
        "isProductChanged" boolean, "externalId" text, options jsonb, barcode text, price bigint, "oldPrice" bigint,
        currency text, "weightGrams" int, "pictureList" jsonb, position int)
    ), known AS MATERIALIZED (
      SELECT v.id, v.product_id, v.external_id, b."isProductChanged",
        (v.options, v.barcode, v.price, v.old_price, v.currency::text, v.weight_grams, v.pictures, v.position,
            v.withdrawn_at)
          IS DISTINCT FROM (b.options, b.barcode, b.price, b."oldPrice", b.currency, b."weightGrams", b.pictures,
            b.position, NULL::timestamptz) AS differs
      FROM batch b CROSS JOIN LATERAL (
        SELECT * FROM variant v WHERE v.product_id = b."productId" AND v.external_id = b."externalId" LIMIT 1) v
    ), changed AS (
      UPDATE variant v SET options = b.options, barcode = b.barcode, price = b.price, old_price = b."oldPrice",
        currency = b.currency, weight_grams = b."weightGrams", pictures = b.pictures, position = b.position,
        withdrawn_at = NULL
      FROM batch b, known k
      WHERE k.product_id = b."productId" AND k.external_id = b."externalId" AND v.id = k.id AND k.differs
    ), added AS (
      INSERT INTO variant (product_id, external_id, options, barcode, price, old_price, currency, weight_grams, pictures,
        position)
      SELECT "productId", "externalId", options, barcode, price, "oldPrice", currency, "weightGrams", pictures, position
      FROM batch b
      WHERE NOT EXISTS (
        SELECT 1 FROM known k WHERE k.product_id = b."productId" AND k.external_id = b."externalId")
      ORDER BY "productId", position
      RETURNING id, product_id, external_id
    ), seen AS (
      INSERT INTO seen_variant (id, is_new, is_changed)
      SELECT id, false, "isProductChanged" OR differs FROM known
      UNION ALL SELECT id, true, true FROM added
    )
    SELECT id, product_id AS "productId", external_id AS "externalId" FROM known
    UNION ALL SELECT id, product_id, external_id FROM added`
}

export type CampaignTerms = {
  productId: number
  size: number
  lifetimeMinutes: number
  prices: { variantId: number; price: string }[]
}

/**
 * Brings the feed's campaigns of these products to the feed's terms. A campaign is never edited, for its open groups keep
 * what they were opened with: it ends now and another begins. Products without terms end theirs. What the shop's people
 * wrote is never touched: where that is in force the feed's terms are not taken, and where it is planned they end there.
 * @returns the products whose terms were not taken.
 */
export async function mergeCampaigns(
  db: Db,
  sellerId: number,
  productIds: number[],
  terms: CampaignTerms[],
  now: Date,
): Promise<Set<number>> {
  const live = await db.$queryRaw<{ id: number; productId: number; size: number; lifetime: number; prices: string }[]>`
    SELECT c.id, c.product_id AS "productId", c.size, c.lifetime_minutes AS lifetime,
      coalesce(string_agg(cp.variant_id || '=' || cp.price, ' ' ORDER BY cp.variant_id), '') AS prices
    FROM campaign c LEFT JOIN campaign_price cp ON cp.campaign_id = c.id
    WHERE c.product_id IN (SELECT jsonb_array_elements_text(${JSON.stringify(productIds)}::jsonb)::int)
      AND c.source = 'feed' AND (c.ends_at IS NULL OR c.ends_at > ${now})
    GROUP BY c.id ORDER BY c.id`
  const shops = await db.$queryRaw<{ productId: number; startsAt: Date }[]>`
    SELECT product_id AS "productId", min(starts_at) AS "startsAt" FROM campaign
    WHERE product_id IN (SELECT jsonb_array_elements_text(${JSON.stringify(productIds)}::jsonb)::int)
      AND source = 'shop' AND (ends_at IS NULL OR ends_at > ${now})
    GROUP BY product_id`
  const shopFrom = new Map(shops.map(({ productId, startsAt }) => [productId, startsAt]))
  const describe = (size: number, lifetime: number, prices: string) => `${size} ${lifetime} ${prices}`
  const wanted = new Map(
    terms.map((term) => {
      const prices = [...term.prices].sort((a, b) => a.variantId - b.variantId)
      const listed = prices.map(({ variantId, price }) => `${variantId}=${price}`).join(' ')
      return [term.productId, { term, described: describe(term.size, term.lifetimeMinutes, listed) }]
    }),
  )
  const leftOut = new Set<number>()
  for (const productId of wanted.keys()) {
    const from = shopFrom.get(productId)
    if (from === undefined || from > now) continue
    wanted.delete(productId)
    leftOut.add(productId)
  }
  const ended: number[] = []
  const touched = new Set<number>()
  for (const campaign of live) {
    const want = wanted.get(campaign.productId)
    if (want?.described === describe(campaign.size, campaign.lifetime, campaign.prices)) {
      wanted.delete(campaign.productId)
    } else {
      ended.push(campaign.id)
      touched.add(campaign.productId)
    }
  }
  const added = [...wanted.values()].map(({ term }) => ({ ...term, endsAt: shopFrom.get(term.productId) ?? null }))
  for (const { productId } of added) touched.add(productId)
  if (touched.size === 0) return leftOut

  await db.$executeRaw`UPDATE campaign SET ends_at = greatest(${now}, starts_at + interval '1 millisecond')
    WHERE id IN (SELECT jsonb_array_elements_text(${JSON.stringify(ended)}::jsonb)::int)`
  await db.$executeRaw`WITH batch AS MATERIALIZED (
      SELECT * FROM jsonb_to_recordset(${JSON.stringify(added)}::jsonb)
        AS b("productId" int, size int, "lifetimeMinutes" int, prices jsonb, "endsAt" timestamptz)
    ), added AS (
      INSERT INTO campaign (seller_id, product_id, size, lifetime_minutes, starts_at, ends_at, source)
      SELECT ${sellerId}, "productId", size, "lifetimeMinutes", ${now}, "endsAt", 'feed' FROM batch
      RETURNING id, product_id
    )
    INSERT INTO campaign_price (campaign_id, variant_id, price)
    SELECT a.id, p."variantId", p.price FROM added a JOIN batch b ON b."productId" = a.product_id,
      jsonb_to_recordset(b.prices) AS p("variantId" int, price bigint)`
  await db.$executeRaw`UPDATE seen_variant s SET is_changed = true FROM variant v
    WHERE v.id = s.id AND NOT s.is_changed
      AND v.product_id IN (SELECT jsonb_array_elements_text(${JSON.stringify([...touched])}::jsonb)::int)`
  return leftOut
}

/** What left the feed is withdrawn, never deleted: orders name it. @returns how many variants. */
export async function withdrawUnseen(db: Db, sellerId: number, endCampaigns: boolean, now: Date): Promise<number> {
  await db.$executeRaw`ANALYZE seen_variant`
  const variants = await db.$executeRaw`UPDATE variant v SET withdrawn_at = ${now} FROM product p
    WHERE p.id = v.product_id AND p.seller_id = ${sellerId} AND v.withdrawn_at IS NULL
      AND NOT EXISTS (SELECT 1 FROM seen_variant s WHERE s.id = v.id)`
  // A product is left without any only when one of its variants goes.
  if (variants > 0) {
    await db.$executeRaw`UPDATE product p SET withdrawn_at = ${now}, updated_at = ${now}
      WHERE p.seller_id = ${sellerId} AND p.withdrawn_at IS NULL
        AND NOT EXISTS (SELECT 1 FROM variant v WHERE v.product_id = p.id AND v.withdrawn_at IS NULL)`
  }
  if (endCampaigns) {
    await db.$executeRaw`UPDATE campaign c SET ends_at = greatest(${now}, c.starts_at + interval '1 millisecond')
      FROM product p WHERE p.id = c.product_id AND p.seller_id = ${sellerId} AND p.withdrawn_at IS NOT NULL
        AND c.source = 'feed' AND (c.ends_at IS NULL OR c.ends_at > ${now})`
  }
  return variants
}

/**
 * Last, since buyers lock the same rows. What is promised stays promised: never below `reserved`, which is read under
 * the row's lock. What is set aside for groups is not promised to anybody: where less is there than that, it shrinks, that
 * of the latest campaign first, and does not grow again by itself. Rows that already agree are neither written nor locked;
 * locations the feed no longer lists get nothing.
 */
export async function mergeStock(db: Db): Promise<void> {
  await db.$executeRaw`ANALYZE staged_stock`
  await db.$executeRaw`WITH due AS MATERIALIZED (
      SELECT s.variant_id, s.location_id, coalesce(t.on_hand, 0) AS on_hand
      FROM stock_level s JOIN seen_variant seen ON seen.id = s.variant_id
      LEFT JOIN staged_stock t ON t.variant_id = s.variant_id AND t.location_id = s.location_id
      WHERE s.on_hand <> greatest(coalesce(t.on_hand, 0), s.reserved)
      ORDER BY s.variant_id, s.location_id FOR UPDATE OF s
    ), changed AS (
      UPDATE stock_level s SET on_hand = greatest(due.on_hand, s.reserved),
        set_aside = least(s.set_aside, greatest(due.on_hand - s.reserved, 0))
      FROM due
      WHERE s.variant_id = due.variant_id AND s.location_id = due.location_id RETURNING s.variant_id
    ), added AS (
      INSERT INTO stock_level (variant_id, location_id, on_hand)
      SELECT t.variant_id, t.location_id, t.on_hand FROM staged_stock t
      WHERE NOT EXISTS (
        SELECT 1 FROM stock_level s WHERE s.variant_id = t.variant_id AND s.location_id = t.location_id)
      ORDER BY t.variant_id, t.location_id ON CONFLICT DO NOTHING RETURNING variant_id
    )
    UPDATE seen_variant SET is_changed = true
    WHERE id IN (SELECT variant_id FROM changed UNION ALL SELECT variant_id FROM added)`
  // Only our own rows can disagree here, and we have them locked.
  await db.$executeRaw`WITH kept AS MATERIALIZED (
      SELECT cp.campaign_id, cp.variant_id, cp.aside_left,
        least(cp.aside_left, greatest(0, s.set_aside - (sum(cp.aside_left) OVER former - cp.aside_left))) AS units
      FROM campaign_price cp JOIN seen_variant seen ON seen.id = cp.variant_id
      JOIN stock_level s ON s.variant_id = cp.variant_id AND s.location_id = cp.aside_location_id
      WHERE cp.aside_location_id IS NOT NULL
      WINDOW former AS (PARTITION BY cp.variant_id, cp.aside_location_id ORDER BY cp.campaign_id)
    )
    UPDATE campaign_price cp SET aside_left = kept.units FROM kept
    WHERE cp.campaign_id = kept.campaign_id AND cp.variant_id = kept.variant_id AND kept.units < kept.aside_left`
}

export async function countSeen(db: Db): Promise<{ added: number; changed: number; unchanged: number }> {
  const [row] = await db.$queryRaw<{ added: number; changed: number; unchanged: number }[]>`
    SELECT count(*) FILTER (WHERE is_new)::int AS added,
      count(*) FILTER (WHERE is_changed AND NOT is_new)::int AS changed,
      count(*) FILTER (WHERE NOT is_changed)::int AS unchanged
    FROM seen_variant`
  return row ?? { added: 0, changed: 0, unchanged: 0 }
}
