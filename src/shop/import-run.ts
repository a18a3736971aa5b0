/**
 * The job behind an import from the chat: fetches what was sent into a file of its own, asks where something is unclear, and
 * otherwise brings it in. Killed anywhere, it runs again: the row says what is over, and it is changed in the transaction
 * that stores the catalogue.
 */
import { createReadStream, createWriteStream } from 'node:fs'
import { mkdtemp, readdir, rm, stat } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { guessMapping, missingFields, toCsvMapping, type CsvMapping } from '#domain/feed-columns.ts'
import { cut } from '#domain/feed-text.ts'
import { csvHead } from '#gateways/feeds-csv.ts'
import { FeedError, readFeedFiles } from '#gateways/feeds.ts'
import { FetchRefused, fetchUrl } from '#gateways/fetch-url.ts'
import { inTransaction, type Client, type Db } from '#store/db.ts'
import {
  claimImport,
  findKeptMapping,
  findSeller,
  keepMapping,
  moveImport,
  saveProgress,
  type ImportRow,
  type ImportState,
} from '#store/imports.ts'
import { notifyAll } from '#store/notifications.ts'
import { findMembers } from '#store/sellers.ts'
import { importFeed, ImportHeld, type ImportReport } from './catalog-import.ts'
import { spillFolder } from './import-spill.ts'
import { noReport, reportOf, type ImportFailure, type KeptReport } from './imports.ts'

/** Where files come from. */
export type ImportTools = {
  /** Of the messenger that the file was sent in. */
  download(
    messenger: string,
    ref: string,
  ): Promise<{ ok: true; content: Readable } | { ok: false; reason: 'gone' | 'too-large' | 'unreachable' }>
  /** `fetchUrl`, unless a test says otherwise. @throws FetchRefused */
  fetch?: (url: string) => Promise<Readable>
  now: () => Date
  newToken: () => string
}

/** One that kills its worker each time is given up. */
const attemptsMax = 5
const prefix = 'vmeste-import-'
/** Between two words on how far it is. */
const progressMs = 3000
const columnsMax = 60

/** An end that those who sent it can do something about. */
class Stopped extends Error {
  readonly reason: ImportFailure
  constructor(reason: ImportFailure) {
    super(`import stopped: ${reason}`)
    this.name = 'Stopped'
    this.reason = reason
  }
}

/** @throws what nobody can foresee: the queue runs the job again. */
export async function runImport(db: Client, importId: number, tools: ImportTools): Promise<void> {
  const row = await claimImport(db, importId)
  if (!row) return
  if (row.attempts > attemptsMax) return end(db, row, { reason: 'defect' }, tools.now())
  await removeOrphans()
  const folder = await mkdtemp(join(tmpdir(), prefix))
  try {
    const paths = await fetchFiles(row, folder, tools)
    const mapping = await mappingOf(db, row, paths, tools.now())
    if (mapping !== 'asked') await bringIn(db, row, paths, mapping, tools)
  } catch (error) {
    const missing = missingHalf(error)
    if (missing && row.fileRefs?.length === 1) {
      await inTransaction(db, (tx) => tell(tx, row, 'asked', { ...noReport, missing }, tools.now()))
      return
    }
    const failure = failureOf(error)
    if (!failure) throw error
    await end(db, row, failure, tools.now())
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}

/** What killed workers left behind. Another one's that is in use is younger than this. */
async function removeOrphans(): Promise<void> {
  const old = Date.now() - 24 * 3_600_000
  for (const name of await readdir(tmpdir())) {
    if (!name.startsWith(prefix) && !name.startsWith(spillFolder)) continue
    const path = join(tmpdir(), name)
    const found = await stat(path).catch(() => undefined)
    // Somebody else's cannot be removed, and is theirs to remove.
    if (found && found.mtimeMs < old) await rm(path, { recursive: true, force: true }).catch(() => undefined)
  }
}

async function fetchFiles(row: ImportRow, folder: string, tools: ImportTools): Promise<string[]> {
  const paths: string[] = []
  for (const source of row.url === null ? (row.fileRefs ?? []) : [row.url]) {
    const path = join(folder, String(paths.length))
    const content =
      row.url === null ? await download(row.messenger ?? '', source, tools) : await (tools.fetch ?? fetchUrl)(source)
    try {
      await pipeline(content, createWriteStream(path, { flags: 'wx', mode: 0o600 }))
    } catch (error) {
      throw error instanceof FetchRefused || isOfDisk(error) ? error : new Stopped('unreachable')
    }
    paths.push(path)
  }
  return paths
}

/** Ours, not theirs: a full disk may be empty again when the job runs once more. */
const isOfDisk = (error: unknown) =>
  error instanceof Error && 'syscall' in error && (error.syscall === 'open' || error.syscall === 'write')

async function download(messenger: string, ref: string, tools: ImportTools): Promise<Readable> {
  const found = await tools.download(messenger, ref)
  if (found.ok) return found.content
  throw new Stopped(found.reason === 'too-large' ? 'file-too-large' : found.reason)
}

/**
 * A table nobody has looked at: it is read as the shop said of the last one with the same headers, or the columns are
 * proposed, and the shop says whether they are right. @returns undefined for what is no table.
 */
async function mappingOf(
  db: Client,
  row: ImportRow,
  paths: string[],
  now: Date,
): Promise<CsvMapping | 'asked' | undefined> {
  const [path, second] = paths
  const given = toCsvMapping(row.mapping)
  if (given !== undefined || path === undefined || second !== undefined) return given
  const head = await csvHead(createReadStream(path))
  if (!head) return undefined
  const headers = [...new Set(head.headers)].filter((header) => header !== '')
  const columns = headers.slice(0, columnsMax).map((header) => {
    const at = head.headers.indexOf(header)
    const sample = head.rows.map((cells) => cells[at] ?? '').find((cell) => cell !== '') ?? ''
    return { header, sample: cut(sample, 100) }
  })
  const asked = columns.map(({ header }) => header)
  const kept = toCsvMapping(await findKeptMapping(db, row.sellerId, asked))
  if (kept && missingFields(kept).length === 0) {
    if (!(await keepMapping(db, row.importId, kept, columns))) throw new Error('the import is not ours any more')
    return kept
  }
  await inTransaction(db, async (tx) => {
    await tell(tx, row, 'mapping', undefined, now, { mapping: guessMapping(headers), columns })
  })
  return 'asked'
}

async function bringIn(
  db: Client,
  row: ImportRow,
  paths: string[],
  mapping: CsvMapping | undefined,
  tools: ImportTools,
): Promise<void> {
  const seller = await findSeller(db, row.sellerId)
  if (!seller) throw new Stopped('defect')
  const agreed = row.isSure ? reportOf(row)?.held : undefined
  let saidAt = performance.now()
  const saying = new Set<Promise<void>>()
  try {
    await importFeed(db, readFeedFiles(paths, { ...(mapping && { mapping }) }), {
      // The name that the shop has: the feed's may be that of a branch or of a program.
      seller,
      // An address may have another file by now.
      ...(agreed && { agreedTo: { leaving: agreed.leaving, left: agreed.onSale - agreed.leaving } }),
      now: tools.now(),
      newToken: tools.newToken,
      onProgress(done) {
        if (performance.now() - saidAt < progressMs) return
        saidAt = performance.now()
        // Beside the transaction, or nobody would see it before the end; what it says is worth no failure.
        const said = saveProgress(db, row.importId, done).catch(() => undefined)
        saying.add(said)
        void said.finally(() => saying.delete(said))
      },
      async finish(tx, report) {
        const { added, changed, unchanged } = report
        if (added + changed + unchanged === 0) throw new NothingToSell(report)
        await tell(tx, row, 'done', toKept(report), tools.now())
      },
    })
  } catch (error) {
    if (error instanceof ImportHeld) {
      const held = {
        onSale: error.had,
        leaving: error.had - error.left,
        ...(agreed && { agreed: agreed.leaving }),
      }
      await inTransaction(db, (tx) => tell(tx, row, 'held', { ...noReport, held }, tools.now()))
    } else if (error instanceof NothingToSell) {
      const report = { ...toKept(error.report), failure: { reason: 'nothing-to-sell' as const } }
      await inTransaction(db, (tx) => tell(tx, row, 'failed', report, tools.now()))
    } else throw error
  } finally {
    await Promise.all(saying)
  }
}

class NothingToSell extends Error {
  readonly report: ImportReport
  constructor(report: ImportReport) {
    super('nothing to sell')
    this.name = 'NothingToSell'
    this.report = report
  }
}

async function end(db: Client, row: ImportRow, failure: NonNullable<KeptReport['failure']>, now: Date): Promise<void> {
  await inTransaction(db, (tx) => tell(tx, row, 'failed', { ...noReport, failure }, now))
}

/**
 * Where it got to, and the word of it to the shop: what is asked concerns everybody of the shop, an end whoever sent it.
 * @throws when another worker has ended it: then what is in this transaction must not be stored.
 */
async function tell(
  db: Db,
  row: ImportRow,
  state: Exclude<ImportState, 'waiting' | 'running' | 'dropped'>,
  report: KeptReport | undefined,
  now: Date,
  more: Pick<Parameters<typeof moveImport>[4] & object, 'mapping' | 'columns'> = {},
): Promise<void> {
  const { importId, sellerId, requestedById } = row
  const isOver = state === 'done' || state === 'failed'
  const set = { ...more, ...(report && { report }), ...(isOver && { now }) }
  if (!(await moveImport(db, importId, ['running'], state, set))) throw new Error('the import is not ours any more')
  const members = await findMembers(db, sellerId)
  const isForAll = state === 'held' || requestedById === null || !members.includes(requestedById)
  const people = isForAll ? members : [requestedById]
  // Asked a second time they are told a second time.
  const again = report?.held?.agreed === undefined ? '' : `${report.held.onSale}-${report.held.leaving}:`
  await notifyAll(
    db,
    people,
    `import:${importId}:${state}:${again}`,
    { kind: 'catalogue-import', data: { importId } },
    now,
  )
}

function toKept({ seller: _seller, ...report }: ImportReport): KeptReport {
  return report
}

/** @returns undefined for what is no fault of theirs. */
function failureOf(error: unknown): KeptReport['failure'] {
  if (error instanceof Stopped) return { reason: error.reason }
  if (error instanceof FetchRefused) return { reason: error.reason }
  if (error instanceof FeedError) return { reason: 'not-a-feed', line: error.line, detail: error.reason }
  return undefined
}

/** CommerceML comes in two files, and one of them alone says so. */
function missingHalf(error: unknown): KeptReport['missing'] {
  const name = error instanceof FeedError ? /give (import|offers)\.xml together/.exec(error.reason)?.[1] : undefined
  return name === 'import' ? 'import.xml' : name === 'offers' ? 'offers.xml' : undefined
}
