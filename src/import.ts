/**
 * `npm run import -- <file> --seller <slug> [--name "…"]`: brings a seller's YML feed into the catalogue.
 * Works on DATABASE_URL, or on the embedded database of a running `npm start`.
 */
import cliProgress from 'cli-progress'
import { randomBytes } from 'node:crypto'
import { existsSync } from 'node:fs'
import { resolve } from 'node:path'
import { parseArgs } from 'node:util'
import { demoFeeds, FeedError, readYmlFile } from '#gateways/feeds.ts'
import { demoPicture, importFeed, type ImportReport, type Remark } from '#shop/catalog-import.ts'
import { openDatabase } from '#store/db.ts'
import { migrate } from '#store/migrate.ts'
import { configOrExit, findRunning } from './part.ts'

const shownRemarks = 20

process.exitCode = await main(process.argv.slice(2))

async function main(args: string[]): Promise<number> {
  const fail = (line: string) => {
    process.stderr.write(`${line}\n`)
    return 1
  }
  const usage = 'usage: npm run import -- <file.yml> --seller <slug> [--name "Name of the shop"]'
  let parsed
  try {
    const options = { seller: { type: 'string' }, name: { type: 'string' } } as const
    parsed = parseArgs({ args, options, allowPositionals: true })
  } catch (error) {
    return fail(`${error instanceof Error ? error.message : String(error)}\n${usage}`)
  }
  const { seller: slug, name } = parsed.values
  const [file, ...more] = parsed.positionals
  if (file === undefined || more.length > 0 || slug === undefined) return fail(usage)
  if (!/^[a-z0-9][a-z0-9-]{0,49}$/.test(slug)) {
    return fail('--seller takes small Latin letters, digits and hyphens, at most 50')
  }
  const path = resolve(file)
  if (!existsSync(path)) return fail(`no such file: ${path}`)
  const config = configOrExit()
  const databaseUrl = config.database.url ?? findRunning(config)?.databaseUrl
  if (databaseUrl === undefined) {
    return fail('no database: set DATABASE_URL, or leave `npm start` running in another terminal')
  }

  const progress = startProgress()
  const db = openDatabase(databaseUrl)
  try {
    await migrate(databaseUrl)
    const report = await importFeed(db, readYmlFile(path), {
      seller: { slug, ...(name !== undefined && { name }) },
      now: new Date(),
      // Only the project's own feeds may name the project's own pictures.
      ...(demoFeeds().some((demo) => demo.path === path) && { picture: demoPicture }),
      newToken: () => randomBytes(16).toString('base64url'),
      onProgress: (done, total) => progress.show(done, total),
    })
    progress.stop()
    process.stdout.write(describeReport(report))
    return 0
  } catch (error) {
    progress.stop()
    if (error instanceof FeedError) return fail(`${file}, ${error.message}; the catalogue is as it was`)
    return fail(`the import failed, the catalogue is as it was: ${firstLine(error)}`)
  } finally {
    await db.$disconnect()
  }
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

function describeReport({ seller, added, changed, unchanged, withdrawn, refused, warnings }: ImportReport): string {
  const offers = added + changed + unchanged + refused.length
  return [
    `${seller.name} (${seller.slug}): ${offers} offers`,
    `  added ${added}, changed ${changed}, unchanged ${unchanged}, refused ${refused.length}; withdrawn ${withdrawn}`,
    ...describeRemarks('refused', refused),
    ...describeRemarks('taken in part', warnings),
    `The shop's people join by sending the bot: /start s_${seller.invitation}`,
    '',
  ].join('\n')
}

function describeRemarks(title: string, remarks: Remark[]): string[] {
  if (remarks.length === 0) return []
  const shown = remarks
    .slice(0, shownRemarks)
    .map(({ line, offerId, reason }) => `  line ${line}, ${offerId}: ${reason}`)
  const rest = remarks.length - shown.length
  return [`${title}:`, ...shown, ...(rest > 0 ? [`  and ${rest} more`] : [])]
}
