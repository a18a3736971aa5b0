/** What only a product's own page shows of it; what every card shows is in `catalog.ts`. */
import type { LocationKind } from '#domain/delivery.ts'
import { together, type Db } from './db.ts'
import { nearGroups } from './open-groups.ts'
import { Prisma } from './prisma/client.ts'
import { notedViews } from './seen.ts'

/** As the feed has it. `language` missing: it is the same in all. */
export type ProductParam = { name: string; value: string; language?: string }

/** Free units of a variant in one city, by the way in which they are sent from there. */
export type Place = { variantId: number; cityCode: number; cityName: string; kind: LocationKind; free: number }

export type PageRow = {
  params: ProductParam[]
  /** Mean of its real ratings, without what ranking adds to few; null without any. */
  stars: number | null
  ratings: number
  /** Each city once for a variant, most units first. */
  places: Place[]
  /** The variants' own pictures, of those that have any. */
  pictures: { variantId: number; pictures: string[] }[]
  isFavourite: boolean
  /** Questions about it that the shop has answered. */
  questions: number
  /** Open groups to join, the nearest first. */
  groupIds: number[]
}

/** `cityCode` is the reader's, when it is known; `groups` is the most for each variant. */
export type Opened = { personId: number; productId: number; cityCode: number | null; groups: number; now: Date }

/** Reads it and notes that it was opened. @returns nothing of anything for an id that does not exist. */
export async function openPage(db: Db, opened: Opened): Promise<PageRow> {
  const { params, ratings, places, pictures, groupIds, ...row } = await pages(db, opened)
  const lists = { params: params ?? [], places: places ?? [], pictures: pictures ?? [], groupIds: groupIds ?? [] }
  return { ...row, ...lists, ratings: ratings ?? 0 }
}

type Row = { [Field in keyof PageRow]: PageRow[Field] | null } & Pick<PageRow, 'isFavourite' | 'questions'>

/** One statement for all who open a page at this moment, and for all that stands on it. */
const pages = together(async (db, asked: Opened[]) =>
  db.$queryRaw<Row[]>(Prisma.sql`
    WITH one AS MATERIALIZED (
      SELECT * FROM unnest(
        (SELECT ${asked.map(({ personId }) => personId)}::int[]),
        (SELECT ${asked.map(({ productId }) => productId)}::int[]),
        (SELECT ${asked.map(({ cityCode }) => cityCode)}::int[]), (SELECT ${asked.map(({ groups }) => groups)}::int[]),
        (SELECT ${asked.map(({ now }) => now.toISOString())}::timestamptz[])
      ) WITH ORDINALITY one (person_id, product_id, city, most, now, place)),
    ${notedViews}
    SELECT p.params, r.stars, r.ratings, s.places, v.pictures, near.group_ids AS "groupIds",
      EXISTS (SELECT 1 FROM favourite f WHERE f.person_id = one.person_id AND f.product_id = one.product_id)
        AS "isFavourite",
      (SELECT count(*)::int FROM product_question q WHERE q.product_id = one.product_id AND q.answer IS NOT NULL)
        AS questions
    FROM one LEFT JOIN product p ON p.id = one.product_id
    LEFT JOIN LATERAL (
      SELECT avg(stars)::float AS stars, count(*)::int AS ratings FROM rating WHERE product_id = p.id) r ON true
    LEFT JOIN LATERAL (
      SELECT json_agg(json_build_object('variantId', by_city.id, 'cityCode', city_code, 'cityName', city_name,
          'kind', kind, 'free', free) ORDER BY by_city.id, free DESC, city_code) AS places
      FROM (
        SELECT w.id, l.city_code, l.city_name, sum(sl.on_hand - sl.reserved - sl.set_aside)::int AS free,
          (array_agg(l.kind ORDER BY array_position(
            ARRAY['local_warehouse', 'showroom', 'seller', 'cross_border'], l.kind)))[1] AS kind
        FROM variant w JOIN stock_level sl ON sl.variant_id = w.id JOIN location l ON l.id = sl.location_id
        WHERE w.product_id = p.id AND sl.on_hand > sl.reserved + sl.set_aside
        GROUP BY w.id, l.city_code, l.city_name) by_city) s ON true
    LEFT JOIN LATERAL (
      SELECT json_agg(json_build_object('variantId', id, 'pictures', pictures)) AS pictures
      FROM variant WHERE product_id = p.id AND cardinality(pictures) > 0) v ON true
    LEFT JOIN LATERAL (${nearGroups}) near ON true
    ORDER BY one.place`),
)
