/**
 * How fast people find something among a million variants: one to five words of a product that is there, a third of them with
 * a typo, some with filters, through the same search that a tap starts, beside plain full-text search ranked by `ts_rank` and
 * beside ILIKE over the titles, on the same tables in the same run. PostgreSQL is the embedded one as the bot starts it, but
 * for writing the catalogue without waiting for the disk.
 */
import { loadavg } from 'node:os'
import type { Filters } from '#domain/search-query.ts'
import { startSearch } from '#shop/search.ts'
import { openDatabase, type Client } from '#store/db.ts'
import { Prisma } from '#store/prisma/client.ts'
import { seeded } from './catalogue-words.ts'
import { makeCatalogue } from './catalogue.ts'
import { peakMb } from './processes.ts'
import { percentile, round, type Report } from './report.ts'
import { onStage } from './stage.ts'

const seed = 20_261_123
const atOnce = 16
const [goalP95, goalP99] = [30, 80]
const searcher = { cityCode: 44, isAdult: false }

/** `query` as typed; `meant` before the typo. */
type Asked = { query: string; meant: string; filters: Filters; hasTypo: boolean }
type Measured = { perSecond: number; times: number[] }

/** @param size variants of the generated catalogue. */
export async function benchSearch(say: (line: string) => void, isQuick: boolean, size?: number): Promise<Report> {
  const variants = size ?? (isQuick ? 50_000 : 1_000_000)
  const loadBefore = loadavg()[0] ?? 0
  return onStage(
    async ({ databaseUrl, endings }) => {
      say(`PostgreSQL and a catalogue of ${variants} variants …`)
      const db = openDatabase(databaseUrl)
      endings.push(() => db.$disconnect())
      const catalogue = await makeCatalogue(db, variants, seed, say)
      const measured = await measureSearches(db, say, isQuick)
      return {
        ...measured,
        catalogue,
        load_average: { before: round(loadBefore, 2), after: round(loadavg()[0] ?? 0, 2) },
      }
    },
    { fsync: 'off', max_wal_size: '4GB' },
  )
}

/** In a catalogue that is there. */
export async function measureSearches(db: Client, say: (line: string) => void, isQuick: boolean): Promise<Report> {
  const now = new Date()
  // What plain full-text search needs; ours has an index of its own.
  await db.$executeRaw`CREATE INDEX IF NOT EXISTS bench_search ON listing USING GIN (search)`
  const { id: personId } = await db.person.create({ data: { firstName: 'Anna', language: 'ru' } })
  const asked = await makeQueries(db, isQuick ? 600 : 3000)
  const warmUp = asked.splice(0, asked.length / 6)
  const some = asked.filter((_, at) => at % 5 === 0)

  const errors: Record<string, number> = {}
  const seen = { empty: 0, typoEmpty: 0, typos: 0, repaired: 0, wayOn: 0 }
  const ours = async ({ query, filters, hasTypo }: Asked) => {
    const found = await startSearch(db, personId, { query, filters }, searcher, now)
    if (hasTypo) seen.typos += 1
    if (hasTypo && found.repair) seen.repaired += 1
    if (found.wayOn) seen.wayOn += 1
    if (found.products.length > 0) return
    seen.empty += 1
    if (hasTypo) seen.typoEmpty += 1
  }
  const fullText = async ({ query, filters }: Asked) => {
    await db.$queryRaw(Prisma.sql`SELECT product_id, ts_rank(search, query) AS rank
      FROM listing, plainto_tsquery('pg_catalog.russian', ${query}) query
      WHERE search @@ query AND ${filtersIn(filters)} ORDER BY rank DESC LIMIT 10`)
  }
  const ilike = async ({ query, filters }: Asked) => {
    const each = query.split(' ').map((word) => Prisma.sql`title ->> 'ru' ILIKE ${`%${word}%`}`)
    await db.$queryRaw(Prisma.sql`SELECT id FROM product JOIN listing ON product_id = id
      WHERE ${Prisma.join(each, ' AND ')} AND ${filtersIn(filters)} ORDER BY product.popularity DESC LIMIT 10`)
  }
  const measure = async (name: string, search: (one: Asked) => Promise<void>, queries: Asked[], lanes: number) => {
    const result = await run(
      search,
      queries,
      lanes,
      (error) => (errors[`${name}: ${error}`] = (errors[`${name}: ${error}`] ?? 0) + 1),
    )
    say(`  ${name.padEnd(22)}${lanes} at once: ${shown(result)}`)
    return result
  }

  say('Warming up …')
  await run(ours, warmUp, 4, () => undefined)
  await run(fullText, warmUp.slice(0, 50), 4, () => undefined)
  Object.assign(seen, { empty: 0, typoEmpty: 0, typos: 0, repaired: 0, wayOn: 0 })
  const one = await measure('ours', ours, asked, 1)
  const found = { ...seen }
  const plainOne = await measure('full text, ts_rank', fullText, some, 1)
  const ilikeOne = await measure('ILIKE', ilike, some.slice(0, 20), 1)
  const many = await measure('ours', ours, asked, atOnce)
  const plainMany = await measure('full text, ts_rank', fullText, some, atOnce)
  const timesOf = (which: (of: Asked) => boolean) =>
    one.times.filter((_, at) => which(asked[at] ?? { query: '', meant: '', filters: {}, hasTypo: false }))

  const failed = Object.values(errors).reduce((all, count) => all + count, 0)
  const [p95, p99] = [percentile(one.times, 95), percentile(one.times, 99)]
  return {
    bench: 'search',
    unit: 'searches/s',
    ours: round(many.perSecond, 1),
    baseline: round(plainMany.perSecond, 1),
    ratio: round(many.perSecond / plainMany.perSecond, 2),
    p50_ms: round(percentile(one.times, 50), 1),
    p95_ms: round(p95, 1),
    p99_ms: round(p99, 1),
    peak_mb: peakMb(process.pid),
    errors: failed,
    goal: `one at a time p95 <= ${goalP95} ms and p99 <= ${goalP99} ms, typos included; no error`,
    met: p95 <= goalP95 && p99 <= goalP99 && failed === 0,
    queries: {
      all: asked.length,
      with_typo: asked.filter(({ hasTypo }) => hasTypo).length,
      with_filters: asked.filter(({ filters }) => Object.keys(filters).length > 0).length,
    },
    one_at_a_time: { ours: numbersOf(one), full_text: numbersOf(plainOne), ilike: numbersOf(ilikeOne) },
    sixteen_at_once: { ours: numbersOf(many), full_text: numbersOf(plainMany) },
    with_typo: numbersOf({ perSecond: Number.NaN, times: timesOf(({ hasTypo }) => hasTypo) }),
    without_typo: numbersOf({ perSecond: Number.NaN, times: timesOf(({ hasTypo }) => !hasTypo) }),
    by_words: Object.fromEntries(
      [1, 2, 3, 4, 5].map((count) => [
        `of_${count}`,
        round(
          percentile(
            timesOf(({ meant }) => meant.split(' ').length === count),
            95,
          ),
          1,
        ),
      ]),
    ),
    with_filters: numbersOf({
      perSecond: Number.NaN,
      times: timesOf(({ filters }) => Object.keys(filters).length > 0),
    }),
    /** Each query names something that is there. */
    found,
    slowest: slowest(asked, one.times),
    error_kinds: errors,
  }
}

function slowest(asked: Asked[], times: number[]): string[] {
  const worst = asked.map((one, at) => ({ one, time: times[at] ?? 0 })).toSorted((a, b) => b.time - a.time)
  return worst.slice(0, 8).map(({ one, time }) => `"${one.query}" ${JSON.stringify(one.filters)} ${round(time)} ms;`)
}

function numbersOf({ perSecond, times }: Measured) {
  const [p50_ms, p95_ms, p99_ms] = [50, 95, 99].map((percent) => round(percentile(times, percent), 1))
  return { ...(Number.isNaN(perSecond) ? {} : { per_second: round(perSecond, 1) }), p50_ms, p95_ms, p99_ms }
}

function shown({ perSecond, times }: Measured): string {
  const all = [50, 95, 99].map((percent) => `p${percent} ${round(percentile(times, percent), 1)} ms`)
  return `${round(perSecond, 1)} a second, ${all.join(', ')}`
}

/** Times are in the order of the queries. */
async function run(
  search: (one: Asked) => Promise<void>,
  queries: readonly Asked[],
  lanes: number,
  onError: (error: string) => void,
): Promise<Measured> {
  const times: number[] = []
  let next = 0
  const lane = async () => {
    for (let at = next++; at < queries.length; at = next++) {
      const one = queries[at]
      if (!one) return
      const startedAt = performance.now()
      await search(one).catch((error: unknown) => onError(String(error)))
      times[at] = performance.now() - startedAt
    }
  }
  const startedAt = performance.now()
  await Promise.all(Array.from({ length: lanes }, lane))
  return { perSecond: queries.length / ((performance.now() - startedAt) / 1000), times }
}

function filtersIn({ categoryId, priceFrom, priceTo, together }: Filters): Prisma.Sql {
  const all = [Prisma.sql`NOT listing.is_adult`]
  if (categoryId !== undefined) all.push(Prisma.sql`listing.category_ids @> ARRAY[${categoryId}::int]`)
  if (priceFrom !== undefined) all.push(Prisma.sql`listing.price >= ${priceFrom}::bigint`)
  if (priceTo !== undefined) all.push(Prisma.sql`listing.price <= ${priceTo}::bigint`)
  if (together) all.push(Prisma.sql`listing.together_price IS NOT NULL`)
  return Prisma.join(all, ' AND ')
}

/** What people type of things that are there: more often of those that sell. The same from the same seed. */
export async function makeQueries(db: Client, count: number): Promise<Asked[]> {
  const random = seeded(seed)
  const [range] = await db.$queryRaw<{ most: number }[]>`SELECT max(product_id) AS most FROM listing`
  const ids = Array.from({ length: count }, () => 1 + Math.floor(random() * (range?.most ?? 1)))
  const rows = await db.$queryRaw<{ words: string[]; price: bigint; categoryIds: number[]; isTogether: boolean }[]>`
    SELECT string_to_array(split_part(p.words, E'\n', 1), ' ') AS words, l.price, l.category_ids AS "categoryIds",
      l.together_price IS NOT NULL AS "isTogether"
    FROM unnest((SELECT ${ids}::int[])) WITH ORDINALITY one (id, place) JOIN product p ON p.id = one.id
      JOIN listing l ON l.product_id = p.id ORDER BY place`
  return rows.map(({ words, price, categoryIds, isTogether }, at) => {
    const [noun = '', adjective = '', brand = '', series = '', model = ''] = words
    const colour = words.at(-1) ?? ''
    const shapes: [string[], ...string[][]][] = [
      [[noun], [noun], [noun], [brand]],
      [
        [noun, brand],
        [adjective, noun],
        [noun, colour],
        [brand, series],
      ],
      [
        [noun, brand, series],
        [adjective, noun, brand],
        [noun, brand, colour],
      ],
      [
        [noun, adjective, brand, series],
        [noun, adjective, brand, colour],
      ],
      [
        [noun, adjective, brand, series, colour],
        [noun, brand, series, model, colour],
      ],
    ]
    const ofLength = shapes[at % shapes.length] ?? shapes[0]
    const chosen = ofLength?.[Math.floor(random() * ofLength.length)] ?? [noun]
    const hasTypo = Math.floor(at / 5) % 3 === 0
    const filters: Filters = {}
    if (random() < 0.25) {
      const which = random()
      if (which < 0.4) filters.categoryId = categoryIds.at(-1) ?? 0
      else if (which < 0.8) Object.assign(filters, { priceFrom: Number(price) * 0.5, priceTo: Number(price) * 2 })
      else if (isTogether) filters.together = true
    }
    for (const key of ['priceFrom', 'priceTo'] as const) {
      const value = filters[key]
      if (value !== undefined) filters[key] = Math.round(value)
    }
    const meant = chosen.join(' ')
    return { query: hasTypo ? mistyped(chosen, random) : meant, meant, filters, hasTypo }
  })
}

/** One edit somewhere in the longest word. */
function mistyped(words: readonly string[], random: () => number): string {
  const longest = words.toSorted((a, b) => b.length - a.length)[0] ?? ''
  const at = 1 + Math.floor(random() * Math.max(1, longest.length - 2))
  const [before, letter, after] = [longest.slice(0, at), longest.slice(at, at + 1), longest.slice(at + 1)]
  const others = /[а-я]/.test(longest) ? 'аеиоунтсрвл' : 'aeiountsrl'
  const other = others[Math.floor(random() * others.length)] ?? ''
  const edits = [
    before + after,
    before + letter + letter + after,
    before + other + after,
    before + after.slice(0, 1) + letter + after.slice(1),
  ]
  const wrong = edits[Math.floor(random() * edits.length)] ?? longest
  return words.map((word) => (word === longest ? wrong : word)).join(' ')
}
