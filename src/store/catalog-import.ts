/**
 * Brings a seller's part of the catalogue to what a feed says. Everything runs in the caller's one transaction:
 * offers are staged in a temporary table first (feeds repeat ids and scatter variants), then products are merged in
 * batches, one jsonb parameter each. Rows that buyers also write (stock) come last and in key order.
 */
import type { Db } from './db.ts'

export type Json = string | number | boolean | null | undefined | Json[] | { [key: string]: Json }

/** One import of a seller at a time: the second waits here until the first ends. Released with the transaction. */
export async function lockSellerImport(db: Db, slug: string): Promise<void> {
  await db.$executeRaw`SELECT 1 FROM pg_advisory_xact_lock(hashtextextended('catalog-import:' || ${slug}, 0))`
}

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

/** @returns ids by the feed's own id. Locations that left the feed stay: orders name them. */
export async function upsertLocations(
  db: Db,
  sellerId: number,
  locations: { id: string; kind: string; title: Json; cityCode: number; cityName: string }[],
): Promise<Map<string, number>> {
  await db.$executeRaw`INSERT INTO location (seller_id, external_id, kind, title, city_code, city_name)
    SELECT ${sellerId}, id, kind, title, "cityCode", "cityName"
    FROM jsonb_to_recordset(${JSON.stringify(locations)}::jsonb)
      AS l(id text, kind text, title jsonb, "cityCode" int, "cityName" text)
    ON CONFLICT (seller_id, external_id) DO UPDATE
    SET kind = excluded.kind, title = excluded.title, city_code = excluded.city_code, city_name = excluded.city_name
    WHERE (location.kind, location.title, location.city_code, location.city_name)
      IS DISTINCT FROM (excluded.kind, excluded.title, excluded.city_code, excluded.city_name)`
  const rows = await db.$queryRaw<{ id: number; externalId: string }[]>`
    SELECT id, external_id AS "externalId" FROM location WHERE seller_id = ${sellerId}`
  return new Map(rows.map((row) => [row.externalId, row.id]))
}

/** Temporary tables of this transaction: offers as read, stock as wanted, and which variants the feed still has. */
export async function createStaging(db: Db): Promise<void> {
  await db.$executeRaw`CREATE TEMPORARY TABLE staged_offer (
    position int PRIMARY KEY, offer_id text NOT NULL UNIQUE, product_id text NOT NULL, line int NOT NULL,
    data jsonb NOT NULL) ON COMMIT DROP`
  await db.$executeRaw`CREATE TEMPORARY TABLE staged_stock (
    variant_id int, location_id int, on_hand int NOT NULL, PRIMARY KEY (variant_id, location_id)) ON COMMIT DROP`
  await db.$executeRaw`CREATE TEMPORARY TABLE seen_variant (
    id int PRIMARY KEY, is_new boolean NOT NULL, is_changed boolean NOT NULL) ON COMMIT DROP`
}

export type StagedOffer = { position: number; offerId: string; productId: string; line: number; data: Json }

/** @returns the offers left out because an earlier one has their id, with that one's line. */
export async function stageOffers(
  db: Db,
  offers: StagedOffer[],
): Promise<{ offerId: string; line: number; firstLine: number }[]> {
  const kept = await db.$queryRaw<{ position: number }[]>`
    INSERT INTO staged_offer (position, offer_id, product_id, line, data)
    SELECT position, "offerId", "productId", line, data FROM jsonb_to_recordset(${JSON.stringify(offers)}::jsonb)
      AS o(position int, "offerId" text, "productId" text, line int, data jsonb)
    ORDER BY position ON CONFLICT (offer_id) DO NOTHING RETURNING position`
  const positions = new Set(kept.map(({ position }) => position))
  const repeated = offers.filter(({ position }) => !positions.has(position))
  if (repeated.length === 0) return []
  const ids = JSON.stringify(repeated.map(({ offerId }) => offerId))
  const firsts = await db.$queryRaw<{ offerId: string; line: number }[]>`
    SELECT offer_id AS "offerId", line FROM staged_offer
    WHERE offer_id IN (SELECT jsonb_array_elements_text(${ids}::jsonb))`
  const lineById = new Map(firsts.map(({ offerId, line }) => [offerId, line]))
  return repeated.map(({ offerId, line }) => ({ offerId, line, firstLine: lineById.get(offerId) ?? 0 }))
}

/** Numbers the staged products by their first offer, so that they can be read in batches. @returns how many. */
export async function numberStagedProducts(db: Db): Promise<number> {
  await db.$executeRaw`CREATE TEMPORARY TABLE staged_product ON COMMIT DROP AS
    SELECT product_id, (row_number() OVER (ORDER BY min(position)))::int AS number
    FROM staged_offer GROUP BY product_id`
  await db.$executeRaw`CREATE INDEX ON staged_product (number)`
  await db.$executeRaw`CREATE INDEX ON staged_offer (product_id)`
  await db.$executeRaw`ANALYZE staged_product`
  await db.$executeRaw`ANALYZE staged_offer`
  const [row] = await db.$queryRaw<{ count: number }[]>`SELECT count(*)::int AS count FROM staged_product`
  return row?.count ?? 0
}

/** Offers of the products numbered `after + 1` to `after + count`, product by product. */
export async function readStaged(
  db: Db,
  after: number,
  count: number,
): Promise<{ productId: string; line: number; data: Json }[]> {
  return db.$queryRaw`SELECT o.product_id AS "productId", o.line, o.data
    FROM staged_product p JOIN staged_offer o USING (product_id)
    WHERE p.number > ${after} AND p.number <= ${after + count} ORDER BY p.number, o.position`
}

/** The categories and locations that staged offers name. */
export async function stagedCategoryIds(db: Db): Promise<(string | null)[]> {
  const rows = await db.$queryRaw<{ id: string | null }[]>`SELECT DISTINCT data->>'categoryId' AS id FROM staged_offer`
  return rows.map(({ id }) => id)
}

export type ProductRow = {
  externalId: string
  categoryId: number
  title: Json
  description: Json
  vendor: string | undefined
  pictures: string[]
  words: string
}
export type MergedRow = { id: number; externalId: string; isChanged: boolean }

/** Adds or changes products; untouched rows are not written. A new product counts as changed. */
export async function mergeProducts(db: Db, sellerId: number, products: ProductRow[], now: Date): Promise<MergedRow[]> {
  return db.$queryRaw`WITH batch AS MATERIALIZED (
      SELECT "externalId", "categoryId", title, description, vendor, words,
        ARRAY(SELECT jsonb_array_elements_text(pictures)) AS pictures
      FROM jsonb_to_recordset(${JSON.stringify(products)}::jsonb) AS b("externalId" text, "categoryId" int, title jsonb,
        description jsonb, vendor text, pictures jsonb, words text)
    ), known AS MATERIALIZED (
      SELECT p.id, p.external_id FROM product p JOIN batch b ON b."externalId" = p.external_id
      WHERE p.seller_id = ${sellerId}
    ), changed AS (
      UPDATE product p SET category_id = b."categoryId", title = b.title, description = b.description, vendor = b.vendor,
        pictures = b.pictures, words = b.words, withdrawn_at = NULL, updated_at = ${now}
      FROM batch b WHERE p.seller_id = ${sellerId} AND p.external_id = b."externalId"
        AND (p.category_id, p.title, p.description, p.vendor, p.pictures, p.words, p.withdrawn_at)
          IS DISTINCT FROM (b."categoryId", b.title, b.description, b.vendor, b.pictures, b.words, NULL::timestamptz)
      RETURNING p.id
    ), added AS (
      INSERT INTO product (seller_id, external_id, category_id, title, description, vendor, pictures, words, updated_at)
      SELECT ${sellerId}, b."externalId", b."categoryId", b.title, b.description, b.vendor, b.pictures, b.words, ${now}
      FROM batch b WHERE NOT EXISTS (SELECT 1 FROM known k WHERE k.external_id = b."externalId")
      RETURNING id, external_id
    )
    SELECT k.id, k.external_id AS "externalId", k.id IN (SELECT id FROM changed) AS "isChanged" FROM known k
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
  position: number
}

/** Adds or changes variants and notes that the feed still has them. */
export async function mergeVariants(
  db: Db,
  variants: VariantRow[],
): Promise<{ id: number; productId: number; externalId: string }[]> {
  return db.$queryRaw`WITH batch AS MATERIALIZED (
      SELECT * FROM jsonb_to_recordset(${JSON.stringify(variants)}::jsonb) AS b("productId" int,
        "isProductChanged" boolean, "externalId" text, options jsonb, barcode text, price bigint, "oldPrice" bigint,
        currency text, "weightGrams" int, position int)
    ), known AS MATERIALIZED (
      SELECT v.id, v.product_id, v.external_id, b."isProductChanged" FROM variant v
      JOIN batch b ON b."productId" = v.product_id AND b."externalId" = v.external_id
    ), changed AS (
      UPDATE variant v SET options = b.options, barcode = b.barcode, price = b.price, old_price = b."oldPrice",
        currency = b.currency, weight_grams = b."weightGrams", position = b.position, withdrawn_at = NULL
      FROM batch b WHERE v.product_id = b."productId" AND v.external_id = b."externalId"
        AND (v.options, v.barcode, v.price, v.old_price, v.currency::text, v.weight_grams, v.position, v.withdrawn_at)
          IS DISTINCT FROM (b.options, b.barcode, b.price, b."oldPrice", b.currency, b."weightGrams", b.position,
            NULL::timestamptz)
      RETURNING v.id
    ), added AS (
      INSERT INTO variant (product_id, external_id, options, barcode, price, old_price, currency, weight_grams, position)
      SELECT "productId", "externalId", options, barcode, price, "oldPrice", currency, "weightGrams", position FROM batch b
      WHERE NOT EXISTS (
        SELECT 1 FROM known k WHERE k.product_id = b."productId" AND k.external_id = b."externalId")
      RETURNING id, product_id, external_id
    ), seen AS (
      INSERT INTO seen_variant (id, is_new, is_changed)
      SELECT id, false, "isProductChanged" OR id IN (SELECT id FROM changed) FROM known
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

export async function stageStock(
  db: Db,
  stock: { variantId: number; locationId: number; onHand: number }[],
): Promise<void> {
  await db.$executeRaw`INSERT INTO staged_stock (variant_id, location_id, on_hand)
    SELECT "variantId", "locationId", "onHand" FROM jsonb_to_recordset(${JSON.stringify(stock)}::jsonb)
      AS s("variantId" int, "locationId" int, "onHand" int)`
}

/** What left the feed is withdrawn, never deleted: orders name it. @returns how many variants. */
export async function withdrawUnseen(db: Db, sellerId: number, endCampaigns: boolean, now: Date): Promise<number> {
  await db.$executeRaw`ANALYZE seen_variant`
  const variants = await db.$executeRaw`UPDATE variant v SET withdrawn_at = ${now} FROM product p
    WHERE p.id = v.product_id AND p.seller_id = ${sellerId} AND v.withdrawn_at IS NULL
      AND NOT EXISTS (SELECT 1 FROM seen_variant s WHERE s.id = v.id)`
  await db.$executeRaw`UPDATE product p SET withdrawn_at = ${now}, updated_at = ${now}
    WHERE p.seller_id = ${sellerId} AND p.withdrawn_at IS NULL
      AND NOT EXISTS (SELECT 1 FROM variant v WHERE v.product_id = p.id AND v.withdrawn_at IS NULL)`
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
