import type { GroupPrices, Thanks } from '#domain/group-buy.ts'
import type { Db } from './db.ts'
import { toTier, type JsonTier } from './group-buy.ts'

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
