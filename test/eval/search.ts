/**
 * `npm run eval:search -- --feed <file> --judgements <csv> [--typos] [--json]`: imports a YML feed into a scratch database
 * and measures how well the search that people use orders it. The judgements are `query,offer_id,rating` with a first line
 * that says so. With `--json` the last line is one JSON object.
 */
import { randomBytes } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { parseArgs } from 'node:util'
import { parse } from 'csv-parse/sync'
import { readFeedFiles } from '#gateways/feeds.ts'
import { importFeed } from '#shop/catalog-import.ts'
import { countWords } from '#shop/listings.ts'
import { openDatabase } from '#store/db.ts'
import { onStage } from '../bench/stage.ts'
import { measure, type Judgements } from './relevance.ts'

const goals = { clean: 0.74, typos: 0.7 }
const usage = 'usage: npm run eval:search -- --feed <file> --judgements <csv> [--typos] [--json]'

process.exit(await main(process.argv.slice(2)))

async function main(args: string[]): Promise<number> {
  let given
  try {
    const options = {
      feed: { type: 'string' },
      judgements: { type: 'string' },
      typos: { type: 'boolean', default: false },
      json: { type: 'boolean', default: false },
    } as const
    given = parseArgs({ args, options }).values
  } catch (error) {
    return fail(error instanceof Error ? error.message : String(error))
  }
  const { feed, judgements: csv, typos, json } = given
  if (feed === undefined || csv === undefined) return fail('')
  const say = (line: string) => void process.stderr.write(`${line}\n`)
  try {
    const judgements = readJudgements(csv)
    say('PostgreSQL …')
    return await onStage(
      async ({ databaseUrl, endings }) => {
        const db = openDatabase(databaseUrl)
        endings.push(() => db.$disconnect())
        say('The feed …')
        const now = new Date()
        const newToken = () => randomBytes(16).toString('base64url')
        const report = await importFeed(db, readFeedFiles([feed]), { seller: { slug: 'eval' }, now, newToken })
        await countWords(db)
        say(`${report.added} offers, ${report.refusedCount} refused`)
        const { by_query: byQuery, ...measured } = await measure(db, judgements, { hasTypos: typos, now }, say)
        const goal = typos ? goals.typos : goals.clean
        const result = {
          eval: 'search',
          typos,
          offers: report.added,
          ...measured,
          goal,
          met: measured.ndcg10_judged >= goal,
        }
        for (const [query, score] of Object.entries(byQuery)) say(`  ${score.toFixed(3)}  ${query}`)
        const lines = Object.entries(result).map(([key, value]) => `${key.padEnd(16)}${JSON.stringify(value)}`)
        process.stdout.write(json ? `${JSON.stringify(result)}\n` : `${lines.join('\n')}\n`)
        return 0
      },
      { fsync: 'off', full_page_writes: 'off' },
    )
  } catch (error) {
    process.stderr.write(`${error instanceof Error ? (error.stack ?? error.message) : String(error)}\n`)
    return 1
  }
}

function fail(reason: string): number {
  process.stderr.write(`${reason}${reason === '' ? '' : '\n'}${usage}\n`)
  return 1
}

function readJudgements(path: string): Judgements {
  const rows: Record<string, string>[] = parse(readFileSync(path), { columns: true, bom: true, trim: true })
  const judgements: Judgements = new Map()
  for (const { query, offer_id: offerId, rating } of rows) {
    if (query === undefined || offerId === undefined || rating === undefined) {
      throw new Error('the judgements need the columns query, offer_id and rating')
    }
    const ratings = judgements.get(query) ?? new Map<string, number>()
    ratings.set(offerId, Number(rating))
    judgements.set(query, ratings)
  }
  return judgements
}
