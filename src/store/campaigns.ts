import type { DraftTerms } from '#domain/campaign-draft.ts'
import type { CampaignTerms, GroupCounts, GroupPrices, Thanks, Tier } from '#domain/group-buy.ts'
import type { Words } from '#domain/people.ts'
import { wantedAside } from './aside.ts'
import type { Db } from './db.ts'
import { toTier, type JsonTier } from './group-buy.ts'
import { Prisma } from './prisma/client.ts'
import { lockStockOf } from './stock.ts'

/** A campaign's terms for one variant. */
export type Campaign = GroupPrices & {
  campaignId: number
  /** What whoever opens a group pays for a unit, unless it falls. */
  price: bigint
  size: number
  minSeats: number | null
  lifetimeMinutes: number
  endsAt: Date | null
  maxUnits: number
  mixesOptions: boolean
  isPublic: boolean
  cities: number[]
}

/** The terms in force for a variant. */
export async function findCampaign(db: Db, variantId: number, now: Date): Promise<Campaign | undefined> {
  type Row = Omit<Campaign, 'tiers' | 'thanks'> & {
    tiers: JsonTier[]
    thanksKind: Thanks['kind']
    thanksBasisPoints: number
  }
  const [found] = await db.$queryRaw<Row[]>`
    SELECT c.id AS "campaignId", cp.price, c.size, c.min_seats AS "minSeats", c.lifetime_minutes AS "lifetimeMinutes",
      c.ends_at AS "endsAt", c.max_units AS "maxUnits", c.mixes_options AS "mixesOptions", c.is_public AS "isPublic",
      c.cities, c.thanks_kind AS "thanksKind", c.thanks_basis_points AS "thanksBasisPoints",
      coalesce((SELECT json_agg(json_build_object('seats', t.seats, 'price', t.price::text) ORDER BY t.seats)
        FROM campaign_tier t WHERE t.campaign_id = cp.campaign_id AND t.variant_id = cp.variant_id), '[]'::json) AS tiers
    FROM campaign_price cp JOIN campaign c ON c.id = cp.campaign_id
    WHERE cp.variant_id = ${variantId} AND c.starts_at <= ${now} AND (c.ends_at IS NULL OR c.ends_at > ${now})
    ORDER BY c.id DESC LIMIT 1`
  if (!found) return undefined
  const { thanksKind, thanksBasisPoints, ...row } = found
  // A team has one step, at its size; the first of a ladder is where it starts.
  const first = { seats: row.minSeats === null ? row.size : 1, price: row.price }
  const thanks = { kind: thanksKind, basisPoints: thanksBasisPoints }
  return { ...row, tiers: [first, ...row.tiers.map(toTier)], thanks }
}

/** One variant of a campaign with its steps, the first price among them. */
export type CampaignVariant = {
  variantId: number
  alone: bigint
  currency: string
  tiers: Tier[]
  /** Units that only its groups may take: what is left of them. */
  asideLeft: number
  /** Of those, what the free seats of its groups cannot take: the end of the campaign makes it free. */
  asideSpare: number
}

/** Who made a campaign: `shop` its people in the chat, `feed` a catalogue that was loaded, which rules only its own. */
export type CampaignSource = 'shop' | 'feed'

/** A campaign as its shop sees it. */
export type CampaignRow = Pick<CampaignTerms, 'kind' | 'size' | 'lifetimeMinutes' | 'maxUnits' | 'mixesOptions'> &
  Pick<CampaignTerms, 'isPublic' | 'minSeats' | 'thanks' | 'startsAt' | 'endsAt'> & {
    campaignId: number
    sellerId: number
    productId: number
    title: Words
    picture: string | null
    source: CampaignSource
    cities: { code: number; name: string }[]
    variants: CampaignVariant[]
  }

type SqlVariant = Pick<CampaignVariant, 'variantId' | 'currency' | 'asideLeft' | 'asideSpare'> & {
  alone: string
  price: string
  tiers: JsonTier[]
}
type SqlCampaign = Omit<CampaignRow, 'variants' | 'cities' | 'thanks' | 'minSeats'> & {
  minSeats: number | null
  thanksKind: Thanks['kind']
  thanksBasisPoints: number
  cityCodes: number[]
  cityNames: { code: number; name: string }[] | null
  variants: SqlVariant[]
}

/** @returns undefined for an id that does not exist. The names of cities are those of the draft that it was made from. */
export async function findCampaignRow(db: Db, campaignId: number): Promise<CampaignRow | undefined> {
  const [found] = await db.$queryRaw<SqlCampaign[]>`
    SELECT c.id AS "campaignId", c.seller_id AS "sellerId", c.product_id AS "productId", p.title,
      p.pictures[1] AS picture, c.source, c.kind, c.size, c.min_seats AS "minSeats", c.lifetime_minutes AS "lifetimeMinutes",
      c.starts_at AS "startsAt", c.ends_at AS "endsAt", c.max_units AS "maxUnits", c.mixes_options AS "mixesOptions",
      c.thanks_kind AS "thanksKind", c.thanks_basis_points AS "thanksBasisPoints", c.is_public AS "isPublic",
      c.cities AS "cityCodes", d.terms -> 'cities' AS "cityNames",
      coalesce((
        SELECT json_agg(json_build_object('variantId', v.id, 'alone', v.price::text, 'currency', v.currency,
          'price', cp.price::text, 'asideLeft', cp.aside_left,
          'asideSpare', greatest(0, cp.aside_left - coalesce((
            ${wantedAside(Prisma.sql`cp.campaign_id`, Prisma.sql`cp.variant_id`)}), 0)),
          'tiers', coalesce((
            SELECT json_agg(json_build_object('seats', t.seats, 'price', t.price::text) ORDER BY t.seats)
            FROM campaign_tier t WHERE t.campaign_id = cp.campaign_id AND t.variant_id = cp.variant_id), '[]'::json))
          ORDER BY v.position, v.id)
        FROM campaign_price cp JOIN variant v ON v.id = cp.variant_id WHERE cp.campaign_id = c.id), '[]'::json) AS variants
    FROM campaign c JOIN product p ON p.id = c.product_id LEFT JOIN campaign_draft d ON d.campaign_id = c.id
    WHERE c.id = ${campaignId}`
  if (!found) return undefined
  const { thanksKind, thanksBasisPoints, cityCodes, cityNames, variants, minSeats, ...row } = found
  const names = new Map((cityNames ?? []).map(({ code, name }) => [code, name]))
  return {
    ...row,
    minSeats: minSeats ?? row.size,
    thanks: { kind: thanksKind, basisPoints: thanksBasisPoints },
    cities: cityCodes.map((code) => ({ code, name: names.get(code) ?? String(code) })),
    variants: variants.map(({ alone, price, tiers, ...variant }) => {
      const first = { seats: minSeats === null ? row.size : 1, price: BigInt(price) }
      return { ...variant, alone: BigInt(alone), tiers: [first, ...tiers.map(toTier)] }
    }),
  }
}

export type CampaignState = 'running' | 'planned' | 'ended'
export type CampaignLine = { campaignId: number; title: Words; state: CampaignState; total: number }

/** A shop's campaigns: what runs first, then what is planned, then what has ended, the newest of each first. */
export async function findCampaigns(
  db: Db,
  sellerId: number,
  { offset, limit }: { offset: number; limit: number },
  now: Date,
): Promise<CampaignLine[]> {
  return db.$queryRaw<CampaignLine[]>`
    SELECT c.id AS "campaignId", p.title, c.state, (count(*) OVER ())::int AS total
    FROM (
      SELECT id, product_id, CASE WHEN ends_at <= ${now} THEN 'ended' WHEN starts_at > ${now} THEN 'planned'
        ELSE 'running' END AS state
      FROM campaign WHERE seller_id = ${sellerId}) c
    JOIN product p ON p.id = c.product_id
    ORDER BY array_position(ARRAY['running', 'planned', 'ended'], c.state), c.id DESC
    OFFSET ${offset}::bigint LIMIT ${limit}::int`
}

/**
 * No group opens by it from now on. One that has not begun never begins: then its beginning is moved before its end.
 * @returns false when it has ended already.
 */
export async function closeCampaign(db: Db, campaignId: number, now: Date): Promise<boolean> {
  const rows = await db.$executeRaw`
    UPDATE campaign SET ends_at = ${now}, starts_at = least(starts_at, ${now}::timestamptz - interval '1 millisecond')
    WHERE id = ${campaignId} AND (ends_at IS NULL OR ends_at > ${now})`
  return rows === 1
}

/**
 * Waits until nobody else changes which terms hold for a product, nor what is set aside of it.
 * @returns false while the shop's catalogue is loaded, which can take minutes: it rules campaigns, too.
 */
export async function lockTerms(db: Db, productId: number): Promise<boolean> {
  // Shared among those who publish; `catalog-import.ts` has it for itself.
  const [found] = await db.$queryRaw<{ isOurs: boolean }[]>`
    SELECT pg_try_advisory_xact_lock_shared(hashtextextended('catalog-import:' || s.slug, 0)) AS "isOurs"
    FROM product p JOIN seller s ON s.id = p.seller_id WHERE p.id = ${productId}`
  if (!found?.isOurs) return false
  // The product before its stock, as whoever sells of it and the import do.
  await db.$queryRaw`SELECT 1 FROM product WHERE id = ${productId} FOR NO KEY UPDATE`
  await lockStockOf(db, productId)
  return true
}

/** When the next terms of a product begin that are planned after a moment; undefined when none are. */
export async function findNextStart(
  db: Db,
  productId: number,
  after: Date,
  besides: number | null,
): Promise<Date | undefined> {
  const [row] = await db.$queryRaw<{ startsAt: Date }[]>`
    SELECT starts_at AS "startsAt" FROM campaign
    WHERE product_id = ${productId} AND starts_at > ${after} AND (ends_at IS NULL OR ends_at > starts_at)
      AND id IS DISTINCT FROM ${besides}::int
    ORDER BY starts_at LIMIT 1`
  return row?.startsAt
}

/** Every campaign that would still run when new terms begin ends there, so that one is in force at any time. */
export async function makeRoom(db: Db, productId: number, startsAt: Date, now: Date): Promise<void> {
  await db.$executeRaw`
    UPDATE campaign SET
      ends_at = CASE WHEN starts_at = ${startsAt} AND starts_at > ${now} THEN ${now}::timestamptz ELSE ${startsAt}::timestamptz END,
      starts_at = least(starts_at, CASE WHEN starts_at = ${startsAt} THEN least(${now}::timestamptz, ${startsAt}::timestamptz)
        ELSE ${startsAt}::timestamptz END - interval '1 millisecond')
    WHERE product_id = ${productId} AND starts_at <= ${startsAt} AND (ends_at IS NULL OR ends_at > ${startsAt})`
}

export type NewCampaign = Omit<CampaignTerms, 'tiers' | 'setAside'> & {
  sellerId: number
  productId: number
  cities: readonly number[]
  variants: { variantId: number; tiers: readonly Tier[] }[]
}

/** What a shop's person has written. */
export async function insertCampaign(db: Db, campaign: NewCampaign): Promise<number> {
  const { thanks, variants } = campaign
  const minSeats = campaign.kind === 'ladder' ? campaign.minSeats : null
  const [row] = await db.$queryRaw<{ id: number }[]>`
    INSERT INTO campaign (seller_id, product_id, kind, size, min_seats, lifetime_minutes, starts_at, ends_at, max_units,
      mixes_options, thanks_kind, thanks_basis_points, is_public, cities, source)
    VALUES (${campaign.sellerId}, ${campaign.productId}, ${campaign.kind}, ${campaign.size}, ${minSeats},
      ${campaign.lifetimeMinutes}, ${campaign.startsAt}, ${campaign.endsAt}, ${campaign.maxUnits},
      ${campaign.mixesOptions}, ${thanks.kind}, ${thanks.basisPoints}, ${campaign.isPublic}, ${campaign.cities}::int[], 'shop')
    RETURNING id`
  if (!row) throw new Error('an insert returns its row')
  const steps = variants.flatMap(({ variantId, tiers }) =>
    tiers.map(({ seats, price }, at) => ({ variantId, at, seats, price: price.toString() })),
  )
  await db.$executeRaw`
    INSERT INTO campaign_price (campaign_id, variant_id, price)
    SELECT ${row.id}, "variantId", price FROM jsonb_to_recordset(${JSON.stringify(steps)}::jsonb)
      AS s("variantId" int, at int, price bigint) WHERE at = 0`
  await db.$executeRaw`
    INSERT INTO campaign_tier (campaign_id, variant_id, seats, price)
    SELECT ${row.id}, "variantId", seats, price FROM jsonb_to_recordset(${JSON.stringify(steps)}::jsonb)
      AS s("variantId" int, at int, seats int, price bigint) WHERE at > 0`
  return row.id
}

export type DraftRow = {
  draftId: number
  productId: number
  personId: number
  terms: DraftTerms
  version: number
  campaignId: number | null
}

/** @param isLocked for whoever changes it: one after the other. */
export async function findDraft(db: Db, draftId: number, isLocked = false): Promise<DraftRow | undefined> {
  const [row] = await db.$queryRaw<DraftRow[]>`
    SELECT id AS "draftId", product_id AS "productId", person_id AS "personId", terms, version,
      campaign_id AS "campaignId"
    FROM campaign_draft WHERE id = ${draftId} ${isLocked ? Prisma.sql`FOR NO KEY UPDATE` : Prisma.empty}`
  return row
}

/** What a person has begun to write for a product and not published. */
export async function findOpenDraft(
  db: Db,
  productId: number,
  personId: number,
): Promise<Pick<DraftRow, 'draftId' | 'terms'> | undefined> {
  const [row] = await db.$queryRaw<Pick<DraftRow, 'draftId' | 'terms'>[]>`
    SELECT id AS "draftId", terms FROM campaign_draft
    WHERE product_id = ${productId} AND person_id = ${personId} AND campaign_id IS NULL`
  return row
}

/** Begins a draft, or begins a person's unpublished one for this product anew. */
export async function saveNewDraft(
  db: Db,
  { productId, personId, terms }: { productId: number; personId: number; terms: DraftTerms },
  now: Date,
): Promise<number> {
  const [row] = await db.$queryRaw<{ id: number }[]>`
    INSERT INTO campaign_draft (product_id, person_id, terms, changed_at)
    VALUES (${productId}, ${personId}, ${JSON.stringify(terms)}::jsonb, ${now})
    ON CONFLICT (product_id, person_id) WHERE campaign_id IS NULL DO UPDATE
      SET terms = excluded.terms, version = campaign_draft.version + 1, changed_at = excluded.changed_at
    RETURNING id`
  if (!row) throw new Error('an upsert returns its row')
  return row.id
}

/** Call with the draft locked. */
export async function saveDraft(db: Db, draftId: number, terms: DraftTerms, now: Date): Promise<void> {
  await db.$executeRaw`
    UPDATE campaign_draft SET terms = ${JSON.stringify(terms)}::jsonb, version = version + 1, changed_at = ${now}
    WHERE id = ${draftId} AND campaign_id IS NULL`
}

/** Call with the draft locked. */
export async function finishDraft(db: Db, draftId: number, campaignId: number, now: Date): Promise<void> {
  await db.$executeRaw`
    UPDATE campaign_draft SET campaign_id = ${campaignId}, changed_at = ${now} WHERE id = ${draftId}`
}

/** What a campaign led to, counted from rows. Everything is of all time: what was refunded later did happen. */
export type CampaignNumbers = {
  /** People who saw one of its groups. */
  seen: number
  /** Groups whose leader paid. */
  opened: number
  /** Seats paid for by others than the leaders. */
  joined: number
  formed: number
  failed: number
  /** Paid seats, the leaders' among them: people who may invite others. */
  members: number
  /** Of those, who paid while the group still had a seat: whoever completes a group has nobody left to invite. */
  inviters: number
  /** Visits by a card, a link, or "the same team again". */
  invited: number
  /** Of those who joined: by a shared card, and by any invitation. */
  byCard: number
  byInvitation: number
  topPosts: { at: Date; channel: string; opened: number; joined: number }[]
  topLeaders: { name: string; joined: number }[]
}

export async function countCampaign(db: Db, campaignId: number): Promise<CampaignNumbers> {
  type Row = Omit<CampaignNumbers, 'topPosts'> & {
    topPosts: { at: string; channel: string; opened: number; joined: number }[]
  }
  const [row] = await db.$queryRaw<Row[]>`
    WITH g AS (
      SELECT id, leader_id, state, greatest(best_seats, paid_seats) > 0 AS opened,
        state = 'formed' AND topped_up = 0 AND paid_seats = size AS filled
      FROM "group" WHERE campaign_id = ${campaignId}),
    s AS (
      -- Somebody who left and came back is one member, who came as they first did.
      SELECT DISTINCT ON (s.group_id, s.person_id) s.group_id, s.person_id, s.via, o.post_id, g.leader_id
      FROM seat s JOIN g ON g.id = s.group_id JOIN "order" o ON o.id = s.order_id
      WHERE s.was_paid ORDER BY s.group_id, s.person_id, s.id)
    SELECT
      (SELECT count(DISTINCT v.person_id)::int FROM group_visit v JOIN g ON g.id = v.group_id) AS seen,
      (SELECT count(*)::int FROM g WHERE opened) AS opened,
      (SELECT count(*)::int FROM s WHERE via <> 'opened') AS joined,
      (SELECT count(*)::int FROM g WHERE state = 'formed') AS formed,
      (SELECT count(*)::int FROM g WHERE opened AND state IN ('failed', 'cancelled')) AS failed,
      (SELECT count(*)::int FROM s) AS members,
      (SELECT count(*)::int FROM s) - (SELECT count(*)::int FROM g WHERE filled) AS inviters,
      (SELECT count(*)::int FROM group_visit v JOIN g ON g.id = v.group_id
        WHERE v.via IN ('card', 'link', 'again')) AS invited,
      (SELECT count(*)::int FROM s WHERE via = 'card') AS "byCard",
      (SELECT count(*)::int FROM s WHERE via IN ('card', 'link', 'again')) AS "byInvitation",
      coalesce((SELECT json_agg(json_build_object('at', t.created_at, 'channel', t.title, 'opened', t.opened,
          'joined', t.joined) ORDER BY t.opened + t.joined DESC, t.id DESC)
        FROM (
          SELECT p.id, p.created_at, c.title, count(*) FILTER (WHERE s.via = 'opened')::int AS opened,
            count(*) FILTER (WHERE s.via <> 'opened')::int AS joined
          FROM s JOIN post p ON p.id = s.post_id JOIN brand_channel c ON c.id = p.channel_id
          GROUP BY p.id, c.title ORDER BY count(*) DESC, p.id DESC LIMIT 5) t), '[]'::json) AS "topPosts",
      coalesce((SELECT json_agg(json_build_object('name', t.first_name, 'joined', t.joined) ORDER BY t.joined DESC, t.id)
        FROM (
          SELECT m.id, m.first_name, count(*)::int AS joined FROM s JOIN person m ON m.id = s.leader_id
          WHERE s.via <> 'opened' GROUP BY m.id ORDER BY count(*) DESC, m.id LIMIT 5) t), '[]'::json) AS "topLeaders"`
  if (!row) throw new Error('counting returns a row')
  return { ...row, topPosts: row.topPosts.map((post) => ({ ...post, at: new Date(post.at) })) }
}

/** An open group as its shop sees it: numbers and a first name. */
export type FillingGroup = Pick<
  GroupCounts,
  'size' | 'minSeats' | 'takenSeats' | 'paidSeats' | 'toppedUp' | 'deadlineAt'
> & {
  groupId: number
  sellerId: number
  title: Words
  leader: string
  total: number
}

/** Open groups of a shop, the nearest to completion first. */
export async function findFillingGroups(
  db: Db,
  where: { sellerId: number } | { groupId: number },
  { offset, limit }: { offset: number; limit: number },
  now: Date,
): Promise<FillingGroup[]> {
  const wanted = 'groupId' in where ? Prisma.sql`g.id = ${where.groupId}` : Prisma.sql`c.seller_id = ${where.sellerId}`
  return db.$queryRaw<FillingGroup[]>`
    SELECT g.id AS "groupId", c.seller_id AS "sellerId", p.title, m.first_name AS leader, g.size,
      coalesce(g.min_seats, g.size) AS "minSeats", g.taken_seats AS "takenSeats", g.paid_seats AS "paidSeats",
      g.topped_up AS "toppedUp", g.deadline_at AS "deadlineAt", (count(*) OVER ())::int AS total
    FROM "group" g JOIN campaign c ON c.id = g.campaign_id JOIN product p ON p.id = c.product_id
    JOIN person m ON m.id = g.leader_id
    WHERE ${wanted} AND g.state = 'open' AND g.deadline_at > ${now}
    ORDER BY greatest(coalesce(g.min_seats, g.size) - g.paid_seats - g.topped_up, 0), g.deadline_at, g.id
    OFFSET ${offset}::bigint LIMIT ${limit}::int`
}
