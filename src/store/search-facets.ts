/** What choices there are beside the words of a search, and how many each would leave. */
import type { Words } from '#domain/people.ts'
import type { Db } from './db.ts'
import { Prisma } from './prisma/client.ts'
import { chosen, comesWithin, hitsOf, isNear, mostPart, type ListingQuery } from './search.ts'

export type Facets = {
  /** All counts are lower bounds. */
  isMore: boolean
  /** Of these and of brands those that most goods have. */
  categories: { categoryId: number; title: Words; count: number }[]
  brands: { brandId: number; name: string; count: number }[]
  /** Both ends included; minor units of roubles. */
  prices: { from: bigint; to: bigint | null; count: number }[]
  together: number
  near: number
  withinDays: { days: number; count: number }[]
}

type Counted = Omit<Facets, 'prices' | 'withinDays'> & {
  prices: { from: number; to: number | null; count: number }[]
  within: number[]
}

/** Every choice is counted among so many, the most popular: beyond that counts are lower bounds. */
const mostCounted = 10_000
/** Brands and categories: fourteen pages. Who wants one that is rarer still types its name. */
const mostListed = 98
/** From a place of the own city, from any in the country, and from shops that send themselves. */
const dayChoices = [3, 7, 14]

/** What each choice would leave of what the other choices made so far leave. */
export async function countFacets(db: Db, query: ListingQuery): Promise<Facets> {
  const choices = chosen(query.filters, query.searcher)
  const others = (own: keyof typeof choices) => {
    const conditions = Object.entries(choices).flatMap(([choice, condition]) => (choice === own ? [] : [condition]))
    return conditions.length === 0 ? Prisma.sql`true` : Prisma.join(conditions, ' AND ')
  }
  const columns = Prisma.sql`l.category_ids, l.brand_id, l.price, l.currency, l.together_price, l.places`
  const columnsOf = {
    full: Prisma.sql`${columns}, true AS is_full`,
    part: Prisma.sql`${columns}, false AS is_full`,
  }
  const hits = hitsOf(query, {}, mostCounted, columnsOf, true)
  const top = Prisma.raw(String(mostListed))
  const [row] = await db.$queryRaw<{ counted: Counted }[]>(Prisma.sql`
    WITH ${hits},
    in_category AS (
      SELECT category_ids[1] AS id, count(*)::int AS count FROM hits l WHERE ${others('category')}
      GROUP BY 1 ORDER BY count DESC, id LIMIT ${top}),
    of_brand AS (
      SELECT brand_id AS id, count(*)::int AS count FROM hits l WHERE brand_id IS NOT NULL AND ${others('brand')}
      GROUP BY 1 ORDER BY count DESC, id LIMIT ${top}),
    priced AS MATERIALIZED (SELECT l.price FROM hits l WHERE l.currency = 'RUB' AND ${others('price')}),
    -- Quarters, at prices of one digit and zeros.
    bound AS (
      SELECT DISTINCT (round(one / magnitude) * magnitude)::bigint AS price
      FROM (SELECT percentile_disc(ARRAY[0.25, 0.5, 0.75]) WITHIN GROUP (ORDER BY price) AS quarters FROM priced) q
        CROSS JOIN unnest(quarters) one CROSS JOIN LATERAL (SELECT (10 ^ floor(log(one)))::float8 AS magnitude) m),
    step AS (
      SELECT lag(price, 1, 0::bigint) OVER (ORDER BY price NULLS LAST) AS low, price - 1 AS high
      FROM (SELECT price FROM bound UNION ALL SELECT NULL) b),
    in_step AS (
      SELECT low, high, (SELECT count(*)::int FROM priced WHERE price >= low AND (high IS NULL OR price <= high)) AS count FROM step)
    SELECT jsonb_build_object(
      'isMore', (SELECT count(*) FILTER (WHERE is_full) > ${Prisma.raw(String(mostCounted))}
        OR count(*) FILTER (WHERE NOT is_full) > ${Prisma.raw(String(mostPart))} FROM hits),
      'categories', (SELECT coalesce(jsonb_agg(jsonb_build_object('categoryId', c.id, 'title', c.title, 'count', i.count)
        ORDER BY i.count DESC, c.id), '[]') FROM in_category i JOIN category c ON c.id = i.id),
      'brands', (SELECT coalesce(jsonb_agg(jsonb_build_object('brandId', b.id, 'name', b.name, 'count', o.count)
        ORDER BY o.count DESC, b.id), '[]') FROM of_brand o JOIN brand b ON b.id = o.id),
      'prices', (SELECT coalesce(jsonb_agg(jsonb_build_object('from', low, 'to', high, 'count', count) ORDER BY low), '[]')
        FROM in_step WHERE count > 0),
      'together', (SELECT count(*)::int FROM hits l WHERE l.together_price IS NOT NULL AND ${others('together')}),
      'near', (SELECT count(*)::int FROM hits l WHERE ${isNear(query.searcher)} AND ${others('near')}),
      'within', jsonb_build_array(${Prisma.join(
        dayChoices.map(
          (days) => Prisma.sql`(SELECT count(*)::int FROM hits l
            WHERE ${comesWithin(days, query.searcher.cityCode)} AND ${others('within')})`,
        ),
      )})) AS counted`)
  if (!row) throw new Error('an aggregate has a row')
  const { within, prices, ...counted } = row.counted
  return {
    ...counted,
    prices: prices.map(({ from, to, count }) => ({ from: BigInt(from), to: to === null ? null : BigInt(to), count })),
    withinDays: within.flatMap((count, at) => (count > 0 ? [{ days: dayChoices[at] ?? 0, count }] : [])),
  }
}
