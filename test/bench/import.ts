/**
 * A catalogue of 126,000 offers (YML, more than 60 MB) is imported by `npm run import`, as a shop would: first into an empty
 * database, then unchanged, then with each hundredth price changed; the search is up to date when the clock stops. Beside it
 * sax alone passes over the same file, in the same run: what reading each character by itself costs.
 */
import { spawn } from 'node:child_process'
import { createReadStream, createWriteStream, readFileSync, statSync } from 'node:fs'
import { availableParallelism, cpus, loadavg } from 'node:os'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import sax from 'sax'
import { openDatabase } from '#store/db.ts'
import { peakMb } from './processes.ts'
import { round, type Report } from './report.ts'
import { onStage } from './stage.ts'

const goals = { first: 60, again: 15, peakMb: 300 }
/** In this part of the offers three make one product. */
const grouped = 0.5

type Run = { seconds: number; peak_mb: number | null; report: string }

export async function benchImport(say: (line: string) => void, isQuick: boolean): Promise<Report> {
  const offers = isQuick ? 12_600 : 126_000
  const loadBefore = loadavg()[0] ?? 0
  return onStage(async ({ scratch, databaseUrl, env, endings }) => {
    const file = join(scratch, 'feed.yml')
    const changed = join(scratch, 'changed.yml')
    await pipeline(Readable.from(feed(offers, 0)), createWriteStream(file))
    await pipeline(Readable.from(feed(offers, 100)), createWriteStream(changed))
    const megabytes = round(statSync(file).size / 1e6, 1)
    say(`PostgreSQL, and a feed of ${offers} offers in ${megabytes} MB …`)
    const bare = await parseOnly(file)
    say(`the parser alone: ${bare} s`)
    const first = await importFile(file, env)
    say(`first import: ${first.seconds} s, ${first.peak_mb} MB\n${first.report}`)
    const again = await importFile(file, env)
    say(`unchanged: ${again.seconds} s, ${again.peak_mb} MB\n${again.report}`)
    const hundredth = await importFile(changed, env)
    say(`a hundredth changed: ${hundredth.seconds} s\n${hundredth.report}`)

    const db = openDatabase(databaseUrl, 2)
    endings.push(() => db.$disconnect())
    const [stored] = await db.$queryRaw<{ variants: number; listings: number; due: number }[]>`
      SELECT (SELECT count(*) FROM variant)::int AS variants, (SELECT count(*) FROM listing)::int AS listings,
        (SELECT count(*) FROM listing_due)::int AS due`
    const expected: [Run, string][] = [
      [first, `added ${offers}, changed 0, unchanged 0, refused 0; withdrawn 0`],
      [again, `added 0, changed 0, unchanged ${offers}, refused 0; withdrawn 0`],
      [hundredth, `added 0, changed ${offers / 100}, `],
    ]
    const errors =
      expected.filter(([run, words]) => !run.report.includes(words)).length +
      (stored?.variants === offers && stored.due === 0 && stored.listings === productsOf(offers) ? 0 : 1)
    const peak = Math.max(first.peak_mb ?? 0, again.peak_mb ?? 0)
    const isMet = first.seconds <= goals.first && again.seconds <= goals.again && peak <= goals.peakMb
    return {
      bench: 'import',
      unit: 's for the first import',
      ours: first.seconds,
      baseline: bare,
      ratio: round(first.seconds / bare, 2),
      p50_ms: null,
      p95_ms: null,
      p99_ms: null,
      peak_mb: peak,
      errors,
      goal: `first <= ${goals.first} s, unchanged <= ${goals.again} s, <= ${goals.peakMb} MB, no error`,
      met: isMet && errors === 0,
      offers,
      feed_mb: megabytes,
      first_s: first.seconds,
      unchanged_s: again.seconds,
      hundredth_changed_s: hundredth.seconds,
      peak_mb_unchanged: again.peak_mb,
      stored,
      machine: `${cpus()[0]?.model ?? 'unknown'} x ${availableParallelism()}, load before ${round(loadBefore, 2)}`,
    }
  })
}

async function importFile(file: string, env: Record<string, string>): Promise<Run> {
  const started = performance.now()
  // As `npm run import` does, its limits of memory included, but without npm around it.
  const { scripts } = JSON.parse(readFileSync('package.json', 'utf8')) as { scripts: { import: string } }
  const [, ...words] = scripts.import.split(' ')
  const child = spawn(process.execPath, [...words, file, '--seller', 'bench'], {
    env: { ...process.env, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  let report = ''
  let complaints = ''
  child.stdout.on('data', (chunk: Buffer) => (report += chunk.toString()))
  child.stderr.on('data', (chunk: Buffer) => (complaints += chunk.toString()))
  let peak: number | null = null
  // The kernel keeps the highest, so what is missed is what it grew by in the last moment.
  const watch = setInterval(() => (peak = peakMb(child.pid ?? 0) ?? peak), 50)
  const code = await new Promise<number | null>((done, failed) => {
    child.once('close', done)
    child.once('error', failed)
  })
  clearInterval(watch)
  if (code !== 0) throw new Error(`the import ended with ${code}: ${complaints.trim()}`)
  return { seconds: round((performance.now() - started) / 1000, 1), peak_mb: peak, report: report.trim() }
}

async function parseOnly(file: string): Promise<number> {
  const started = performance.now()
  const parser = sax.parser(true)
  for await (const chunk of createReadStream(file, { encoding: 'utf8', highWaterMark: 128 * 1024 })) {
    parser.write(String(chunk))
  }
  parser.close()
  return round((performance.now() - started) / 1000, 1)
}

const productsOf = (offers: number) => offers * (1 - grouped) + (offers * grouped) / 3

const things =
  'Чайник Кофеварка Наушники Рюкзак Куртка Лампа Кресло Монитор Клавиатура Дрель Велосипед Палатка Термос Фен Утюг'
const makes = 'Nordvik Acme Тепло Филин Север Aurora Bosch Samsung Xiaomi Tefal Philips Garmin Лён Град Урал'
const words =
  'лёгкий прочный надёжный с гарантией для дома и дачи в поездку из нержавеющей стали с тремя режимами работы удобная ручка быстрый нагрев тихий мотор подарок чехол в комплекте корпус из алюминия плотная ткань защита от влаги'

/** @param changeEach the price of each such offer is another; 0 for none. */
function* feed(offers: number, changeEach: number): Generator<string> {
  const [kinds, brands, texts] = [things.split(' '), makes.split(' '), words.split(' ')]
  // Numerical Recipes' generator: the same feed every time.
  let seed = 42
  const next = (below: number) => {
    seed = (Math.imul(seed, 1_664_525) + 1_013_904_223) >>> 0
    return Math.floor((seed / 2 ** 32) * below)
  }
  const pick = (list: string[]) => list[next(list.length)] ?? ''
  yield '<?xml version="1.0" encoding="UTF-8"?>\n<yml_catalog date="2026-11-23 10:00"><shop><name>Большой магазин</name>\n'
  yield '<currencies><currency id="RUB" rate="1"/></currencies><categories>\n'
  for (let id = 1; id <= 300; id += 1) {
    const parent = id <= 20 ? '' : ` parentId="${1 + (id % 20)}"`
    yield `<category id="${id}"${parent}>${pick(kinds)} и прочее ${id}</category>\n`
  }
  yield '</categories><offers>\n'
  for (let at = 0; at < offers; at += 1) {
    const isGrouped = at >= offers * (1 - grouped)
    const group = isGrouped ? ` group_id="g${Math.floor(at / 3)}"` : ''
    const description = Array.from({ length: 10 }, () => pick(texts)).join(' ')
    const price = 100 + next(50_000) + (changeEach > 0 && at % changeEach === 0 ? 50_001 : 0)
    yield `<offer id="sku-${at}" available="true"${group}><url>https://shop.example/goods/${at}</url><price>${price}</price>
<currencyId>RUB</currencyId><categoryId>${1 + next(300)}</categoryId><picture>https://shop.example/pictures/${at}.jpg</picture>
<name>${pick(kinds)} ${pick(brands)} ${pick(texts)} ${1 + next(9000)}</name><vendor>${pick(brands)}</vendor><description>${description}</description>
<param name="Цвет">${pick(['белый', 'чёрный', 'синий'])}</param><param name="Мощность" unit="Вт">${next(3000)}</param><count>${next(50)}</count></offer>\n`
  }
  yield '</offers></shop></yml_catalog>\n'
}
