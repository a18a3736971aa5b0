/**
 * Taps and searches through webhook → database → Bot API call on one process of ours, beside a bare telegraf bot: the
 * same updates, the same sandbox, the same database, in turns. What either of them did is read from the sandbox's record
 * of calls; what took long is in the processor times of the report.
 */
import { randomBytes } from 'node:crypto'
import { categoryPage } from '#shop/product.ts'
import { find, startSearch } from '#shop/search.ts'
import { importDemo } from '#shop/catalog-import.ts'
import { openDatabase, type Client } from '#store/db.ts'
import { readConfig } from '../../src/config.ts'
import { freePort } from '#store/postgres.ts'
import { cpuMs, peakMb, startChild, type Child } from './processes.ts'
import { median, percentile, round, type Report } from './report.ts'
import { createLoad, pick, type Bot, type Customer } from './updates-load.ts'
import { onStage, startSandbox, type Stage } from './stage.ts'

/** As many updates under way as our `setWebhook` asks Telegram for. */
const atOnce = 100
/** Enough for no round to use anybody twice: a chat is answered once a second, and that pace is not what is measured. */
const people = 4000
const rounds = 5
const roundMs = 2500
/**
 * An update of everybody's each time, of both bots: a bot runs for weeks, and node compiles code when it has run often. Our
 * searches get faster for some eight thousand of them, three of ten updates being one.
 */
const warmUpRounds = 7
/** A tap can be answered for 15 s. */
const warmUpMs = 10_000
const halfLoadMs = 4000
/** Everyday words: some match one product, some a dozen. */
const queries = ['чайник', 'наушники', 'кофе', 'кружка', 'свитер', 'usb', 'чай', 'рюкзак', 'для дома', 'kettle', '耳机']

export async function benchUpdates(say: (line: string) => void): Promise<Report> {
  return onStage(async (stage) => {
    const { databaseUrl, cluster, endings } = stage
    say('PostgreSQL, the demo catalogue, the sandbox and its people …')
    const db = openDatabase(databaseUrl, 4)
    endings.push(() => db.$disconnect())
    await importDemo(db, { now: new Date(), newToken: () => randomBytes(12).toString('base64url') })

    const { sandbox, sandboxUrl } = await startSandbox(stage)

    const { ours, bare, bots, apiUrl } = await startBots(stage, sandboxUrl)
    const [clicker, ...customers] = await makeCustomers(db, sandboxUrl, apiUrl)
    if (!clicker) throw new Error('nobody was made')
    const products = await db.product.findMany({ select: { id: true }, orderBy: { id: 'asc' } })
    const ids = products.map(({ id }) => id)
    const load = createLoad({ apiUrl, sandboxUrl, clicker }, ids, queries)
    await load.skip()

    const cpu = (bot: Child) => ({
      bot: cpuMs(bot.pid),
      // The whole cluster: its first process and one for each connection.
      postgres: cpuMs(cluster, true),
      sandbox: cpuMs(sandbox.pid),
      load: process.cpuUsage().user / 1000 + process.cpuUsage().system / 1000,
    })
    const errors: Record<string, number> = {}
    const count = (found: Record<string, number>) => {
      for (const [what, times] of Object.entries(found)) errors[what] = (errors[what] ?? 0) + times
      return sum(found)
    }
    async function oneRound(which: 'ours' | 'bare', ms: number) {
      const child = which === 'ours' ? ours : bare
      const before = cpu(child)
      const { sent, seconds } = await load.closed(bots[which], customers, atOnce, ms)
      const after = cpu(child)
      const checked = await load.check(bots[which], sent)
      const wrong = count(checked.errors)
      const spent = Object.entries(after).map(([name, value]) => [
        name,
        round((value - before[name as keyof typeof before]) / sent.length, 2),
      ])
      const perSecond = checked.latencies.length / seconds
      say(`  ${which.padEnd(5)}${round(perSecond)} updates/s, ${wrong} errors`)
      return { perSecond, spent: Object.fromEntries(spent) as Record<string, number> }
    }

    say('Warm-up:')
    for (let at = 0; at < warmUpRounds; at++) {
      for (const which of ['ours', 'bare'] as const) await oneRound(which, warmUpMs)
    }
    say(`In turns, ${atOnce} updates under way:`)
    const results = {
      ours: [] as Awaited<ReturnType<typeof oneRound>>[],
      bare: [] as Awaited<ReturnType<typeof oneRound>>[],
    }
    for (let at = 0; at < rounds; at++) {
      for (const which of ['ours', 'bare'] as const) results[which].push(await oneRound(which, roundMs))
    }
    const speed = (which: 'ours' | 'bare') => median(results[which].map(({ perSecond }) => perSecond))

    const halfLoad = speed('ours') / 2
    say(`At half of our load, ${round(halfLoad)} updates/s:`)
    const { sent } = await load.open(bots.ours, customers, halfLoad, halfLoadMs)
    const { errors: lateErrors, latencies } = await load.check(bots.ours, sent)
    count(lateErrors)
    const p95 = percentile(latencies, 95)
    const ratio = speed('ours') / speed('bare')
    if (ours.complaints() !== '') say(`Our bot said:\n${ours.complaints().slice(0, 2000)}`)

    return {
      bench: 'updates',
      unit: 'updates/s',
      ours: round(speed('ours')),
      baseline: round(speed('bare')),
      ratio: round(ratio, 2),
      p50_ms: round(percentile(latencies, 50), 1),
      p95_ms: round(p95, 1),
      p99_ms: round(percentile(latencies, 99), 1),
      peak_mb: peakMb(ours.pid),
      errors: sum(errors),
      goal: 'ratio >= 0.5 of the bare bot, p95 < 60 ms at half of our load',
      met: ratio >= 0.5 && p95 < 60 && sum(errors) === 0,
      ours_rounds: results.ours.map(({ perSecond }) => round(perSecond)),
      baseline_rounds: results.bare.map(({ perSecond }) => round(perSecond)),
      half_load_per_second: round(halfLoad),
      half_load_updates: sent.length,
      ours_cpu_ms_per_update: results.ours.at(-1)?.spent,
      error_kinds: errors,
      baseline_cpu_ms_per_update: results.bare.at(-1)?.spent,
    }
  })
}

function sum(counts: Record<string, number>): number {
  return Object.values(counts).reduce((all, one) => all + one, 0)
}

/** Both bots with one token and one database; updates reach them from the load alone, by the webhook that each serves. */
async function startBots({ databaseUrl, env: stageEnv, endings }: Stage, sandboxUrl: string) {
  const env = {
    ...stageEnv,
    LOG_LEVEL: 'warn',
    SANDBOX_PORT: new URL(sandboxUrl).port,
    PORT: String(await freePort()),
    PUBLIC_URL: '',
  }
  env.PUBLIC_URL = `http://127.0.0.1:${env.PORT}`
  const { telegram, web } = readConfig(env)
  const apiUrl = `${telegram.apiRoot}/bot${telegram.token}`
  const ours = await startChild('src/bot.ts', env, () => hasWebhook(apiUrl))
  endings.push(() => ours.stop())

  const barePort = await freePort()
  const bareEnv = {
    BARE_TOKEN: telegram.token,
    BARE_API_ROOT: telegram.apiRoot,
    BARE_DATABASE_URL: databaseUrl,
    BARE_PORT: String(barePort),
  }
  const bareUrl = `http://127.0.0.1:${barePort}/`
  const bare = await startChild('test/bench/bare-bot.ts', bareEnv, () => answers(bareUrl))
  endings.push(() => bare.stop())

  const bots: Record<'ours' | 'bare', Bot> = {
    ours: {
      url: `${env.PUBLIC_URL}/webhooks/telegram`,
      headers: { 'x-telegram-bot-api-secret-token': web.webhookSecret },
      shows: { tap: 'editMessageMedia', search: 'sendPhoto' },
      answersTaps: true,
      taps: new Map(),
    },
    bare: {
      url: bareUrl,
      headers: {},
      shows: { tap: 'editMessageCaption', search: 'sendMessage' },
      answersTaps: false,
      taps: new Map(),
    },
  }
  return { ours, bare, bots, apiUrl }
}

/** Setting it is the last thing that our bot does before it is up. */
async function hasWebhook(apiUrl: string): Promise<boolean> {
  const { result } = (await (await fetch(`${apiUrl}/getWebhookInfo`)).json()) as { result: { url: string } }
  return result.url !== ''
}

async function answers(url: string): Promise<boolean> {
  return fetch(url).then(
    () => true,
    () => false,
  )
}

/** People who have written before, have searched before, and have one card of ours in their chat. */
async function makeCustomers(db: Client, sandboxUrl: string, apiUrl: string): Promise<Customer[]> {
  // No updates of these: the sandbox is not to deliver them to anybody.
  await fetch(`${apiUrl}/deleteWebhook`)
  const firstId = 3_000_001
  const ids = Array.from({ length: people }, (_, at) => firstId + at)
  const messageIds = new Map<number, number>()
  const waiting = [...ids]
  await Promise.all(
    Array.from({ length: 16 }, async () => {
      for (let id = waiting.pop(); id !== undefined; id = waiting.pop()) {
        await post(`${sandboxUrl}/sim/people`, { id, first_name: 'Anna', language_code: 'ru' })
        await post(`${sandboxUrl}/sim/messages`, { from: id, text: '/start' })
        const reply_markup = { inline_keyboard: [[{ text: 'Home', callback_data: 'h' }]] }
        const card = { chat_id: id, photo: 'https://example.com/card.png', caption: 'card', reply_markup }
        const { result } = (await post(`${apiUrl}/sendPhoto`, card)) as { result: { message_id: number } }
        messageIds.set(id, result.message_id)
      }
    }),
  )
  await fetch(`${apiUrl}/deleteWebhook?drop_pending_updates=true`)

  await db.$executeRaw`
    WITH one AS (
      INSERT INTO person (first_name, language, created_at) SELECT 'Anna', 'ru', now() FROM generate_series(1, ${people})
      RETURNING id)
    INSERT INTO identity (messenger, external_id, person_id, chat_opened_at)
    SELECT 'telegram', (${firstId}::int - 1 + row_number() OVER ())::text, id, now() FROM one`
  const searcher = { cityCode: undefined, isAdult: false }
  // Half of them leaf through what they searched, half through a category. Leafing needs more than one result.
  const found = await Promise.all(
    queries.map(async (query) => {
      const search = { query, filters: {}, sort: 'best' as const, isVerbatim: false }
      return (await find(db, search, searcher, { offset: 0, limit: 1 }, new Date())).total
    }),
  )
  const categories = (await categoryPage(db, undefined, false))?.branches ?? []
  const leafed = [
    ...queries.map((query, at) => ({ query, categoryId: null, results: found[at] ?? 0 })),
    ...categories.map(({ categoryId, products }) => ({ query: '', categoryId, results: products })),
  ].filter(({ results }) => results > 1)
  const known = await db.$queryRaw<{ personId: number; who: string }[]>`
    SELECT person_id AS "personId", external_id AS who FROM identity`
  const searches = await Promise.all(
    known.map(async ({ personId, who }) => {
      const { query, categoryId, results } = pick(leafed, personId)
      const asked = { query, filters: categoryId === null ? {} : { categoryId } }
      const { searchId } = await startSearch(db, personId, asked, searcher, new Date())
      return { id: Number(who), messageId: messageIds.get(Number(who)) ?? 0, searchId, results }
    }),
  )
  // As autovacuum would within a minute. Not the tables that are empty yet: it leaves them alone, and a table known to
  // be empty is read from end to end until it is looked at again.
  await db.$executeRaw`VACUUM ANALYZE product, listing, vocabulary, variant, stock_level, location, campaign, campaign_price, seller`
  await db.$executeRaw`VACUUM ANALYZE person, identity, search`
  return searches
}

async function post(url: string, body: object): Promise<unknown> {
  const headers = { 'content-type': 'application/json' }
  const response = await fetch(url, { method: 'POST', headers, body: JSON.stringify(body) })
  if (!response.ok) throw new Error(`${url}: ${response.status} ${await response.text()}`)
  return response.json()
}
