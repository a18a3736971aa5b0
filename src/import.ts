/**
 * `npm run import -- <file or URL…> --seller <slug>`: brings a seller's feed into the catalogue, whatever its format.
 * Works on DATABASE_URL, or on the embedded database of a running `npm start`.
 */
import cliProgress from 'cli-progress'
import { randomBytes } from 'node:crypto'
import { createReadStream, createWriteStream, existsSync } from 'node:fs'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { pipeline } from 'node:stream/promises'
import { parseArgs } from 'node:util'
import { parseColumnMapping } from '#domain/column-mapping.ts'
import { csvFields, type CsvMapping } from '#domain/feed-columns.ts'
import { csvHead } from '#gateways/feeds-csv.ts'
import { demoFeeds, FeedError, readFeedFiles } from '#gateways/feeds.ts'
import { FetchRefused, fetchUrl, type FetchReason } from '#gateways/fetch-url.ts'
import {
  demoPicture,
  importFeed,
  ImportHeld,
  ImportRefused,
  remarksKept,
  type ImportReport,
  type Remark,
} from '#shop/catalog-import.ts'
import { openDatabase } from '#store/db.ts'
import { migrate } from '#store/migrate.ts'
import { configOrExit, findRunning } from './part.ts'

const shownRemarks = 20
const usage = `usage: npm run import -- <file or URL> --seller <slug> [--name "Name of the shop"] [--sure] [--report <file>]
                       [--mapping <field>=<header>,…]
  YML, Google Merchant (RSS, Atom), CSV, or CommerceML as two files: import.xml offers.xml
  --sure    although more than half of the shop's goods are missing in the feed
  --report  a file for what was refused or taken in part, with line and reason: the first 5,000 of each
  --mapping what the columns of a table are, where the guess is wrong: id=Код,name=Название,price=Цена,picture=Фото
            fields: ${csvFields.join(', ')}`

const fetchWords: Record<FetchReason, string> = {
  'not-an-address': 'that is no address of the web',
  'not-https': 'the address has to begin with https://',
  'has-password': 'the address must not have a name and password in it',
  'bad-port': 'the address has a port on which no web server is',
  'unknown-host': 'no such server is known',
  'private-address': 'the address leads into a private network',
  'too-many-redirects': 'the server sends from one address to the next',
  'no-connection': 'the server cannot be reached',
  'bad-answer': 'the server does not answer with a file',
  'too-large': 'the file is larger than 512 MB',
  'too-slow': 'the server is too slow',
}

process.exitCode = await main(process.argv.slice(2))

function fail(line: string): number {
  process.stderr.write(`${line}\n`)
  return 1
}

async function main(args: string[]): Promise<number> {
  let parsed
  try {
    const options = {
      seller: { type: 'string' },
      name: { type: 'string' },
      sure: { type: 'boolean' },
      report: { type: 'string' },
      mapping: { type: 'string' },
    } as const
    parsed = parseArgs({ args, options, allowPositionals: true })
  } catch (error) {
    return fail(`${error instanceof Error ? error.message : String(error)}\n${usage}`)
  }
  const { seller: slug, name, sure: isSure = false, report: reportFile } = parsed.values
  const sources = parsed.positionals
  if (sources.length === 0 || sources.length > 2 || slug === undefined) return fail(usage)
  if (!/^[a-z0-9][a-z0-9-]{0,49}$/.test(slug)) {
    return fail('--seller takes small Latin letters, digits and hyphens, at most 50')
  }
  for (const source of sources) {
    if (!isUrl(source) && !existsSync(resolve(source))) return fail(`no such file: ${resolve(source)}`)
  }
  const mapped = parsed.values.mapping === undefined ? undefined : parseColumnMapping(parsed.values.mapping)
  if (mapped?.ok === false) return fail(`--mapping: ${mapped.reason}`)
  const mapping = mapped?.mapping
  const config = configOrExit()
  const databaseUrl = config.database.url ?? findRunning(config)?.databaseUrl
  if (databaseUrl === undefined) {
    return fail('no database: set DATABASE_URL, or leave `npm start` running in another terminal')
  }

  const folder = await mkdtemp(join(tmpdir(), 'vmeste-import-'))
  const progress = startProgress()
  const db = openDatabase(databaseUrl)
  try {
    const paths = await filesOf(sources, folder)
    if (mapping) await checkColumns(paths, mapping)
    await migrate(databaseUrl)
    const report = await importFeed(db, readFeedFiles(paths, { ...(mapping && { mapping }) }), {
      seller: { slug, ...(name !== undefined && { name }) },
      now: new Date(),
      // Only the project's own feeds may name the project's own pictures and categories.
      ...(demoFeeds().some((demo) => demo.path === paths[0]) && { picture: demoPicture, hasSlugs: true }),
      newToken: () => randomBytes(16).toString('base64url'),
      onProgress: (done, total) => progress.show(done, total),
      isSure,
    })
    progress.stop()
    if (reportFile !== undefined) await writeFile(resolve(reportFile), allRemarks(report))
    process.stdout.write(describeReport(report, reportFile))
    return 0
  } catch (error) {
    progress.stop()
    return fail(`${describeFailure(error, sources)}; the catalogue is as it was`)
  } finally {
    await db.$disconnect()
    await rm(folder, { recursive: true, force: true })
  }
}

function isUrl(source: string): boolean {
  return /^https?:\/\//i.test(source)
}

/** What stands at an address is read from a file: a slow server must not hold a transaction open. */
async function filesOf(sources: string[], folder: string): Promise<string[]> {
  const paths: string[] = []
  for (const source of sources) {
    if (!isUrl(source)) {
      paths.push(resolve(source))
      continue
    }
    const path = join(folder, String(paths.length))
    await pipeline(await fetchUrl(source), createWriteStream(path))
    paths.push(path)
  }
  return paths
}

/** A column that is not there would be passed over in silence. @throws FeedError */
async function checkColumns(paths: string[], mapping: CsvMapping): Promise<void> {
  const [path, second] = paths
  const head = path === undefined || second !== undefined ? undefined : await csvHead(createReadStream(path))
  if (!head) throw new FeedError(1, '--mapping is for tables')
  const absent = Object.keys(mapping).find((header) => !head.headers.includes(header))
  if (absent !== undefined) {
    throw new FeedError(1, `the table has no column "${absent}"; it has: ${head.headers.slice(0, 40).join(', ')}`)
  }
}

function describeFailure(error: unknown, sources: string[]): string {
  if (error instanceof FetchRefused) return fetchWords[error.reason]
  if (error instanceof FeedError) return `${sources.join(' ')}, ${error.message}`
  if (error instanceof ImportHeld) return `${error.message}: give --sure if that is meant`
  if (error instanceof ImportRefused) return error.message
  return `the import failed: ${firstLine(error)}`
}

/** Prisma's messages run over several lines. */
function firstLine(error: unknown): string {
  const [line = ''] = (error instanceof Error ? error.message : String(error)).trim().split('\n')
  return line
}

/** A bar for people; one line per phase for logs. On stderr, so that the report can be piped. */
function startProgress(): { show(done: number, total?: number): void; stop(): void } {
  if (!process.stderr.isTTY) {
    let saidRead = false
    return {
      show(_done, total) {
        if (total === undefined || saidRead) return
        saidRead = true
        process.stderr.write(`read ${total} offers, storing them\n`)
      },
      stop() {},
    }
  }
  const bar = new cliProgress.SingleBar(
    { format: '{phase} {bar} {value}/{total} offers', hideCursor: true, clearOnComplete: true },
    cliProgress.Presets.shades_classic,
  )
  bar.start(0, 0, { phase: 'reading' })
  return {
    show(done, total) {
      bar.setTotal(total ?? done)
      bar.update(done, { phase: total === undefined ? 'reading' : 'storing' })
    },
    stop: () => bar.stop(),
  }
}

function describeReport(report: ImportReport, reportFile: string | undefined): string {
  const { seller, added, changed, unchanged, withdrawn, refusedCount, warningsCount } = report
  const offers = added + changed + unchanged + refusedCount
  const isCut = Math.max(refusedCount, warningsCount) > remarksKept
  return [
    `${seller.name} (${seller.slug}): ${offers} offers`,
    `  added ${added}, changed ${changed}, unchanged ${unchanged}, refused ${refusedCount}; withdrawn ${withdrawn}`,
    ...describeRemarks('refused', report.refused, refusedCount),
    ...describeRemarks('taken in part', report.warnings, warningsCount),
    ...(reportFile === undefined
      ? []
      : [`${isCut ? `the first ${remarksKept} of each` : 'all of them'}: ${resolve(reportFile)}`]),
    `The shop's people join by sending the bot: /start s_${seller.invitation}`,
    '',
  ].join('\n')
}

function describeRemarks(title: string, remarks: Remark[], count: number): string[] {
  if (count === 0) return []
  const shown = remarks
    .slice(0, shownRemarks)
    .map(({ line, offerId, reason }) => `  line ${line}, ${offerId}: ${reason}`)
  const rest = count - shown.length
  return [`${title}:`, ...shown, ...(rest > 0 ? [`  and ${rest} more`] : [])]
}

/** One line each, with tabs between. */
function allRemarks({ refused, warnings }: ImportReport): string {
  const lines = (kind: string, remarks: Remark[]) =>
    remarks.map(({ line, offerId, reason }) => `${kind}\t${line}\t${offerId}\t${reason}\n`)
  return [...lines('refused', refused), ...lines('in part', warnings)].join('')
}
