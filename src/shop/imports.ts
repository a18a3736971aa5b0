/** A shop's people send their catalogue: what they may, in which order, and what they are asked. `import-run.ts` does the work. */
import { csvFields, missingFields, toCsvMapping, type CsvField, type CsvMapping } from '#domain/feed-columns.ts'
import { cut } from '#domain/feed-text.ts'
import { FetchRefused, parseAddress, type FetchReason } from '#gateways/fetch-url.ts'
import { inTransaction, type Client, type Db } from '#store/db.ts'
import {
  addSecondFile,
  countCatalogue,
  findEndedImports,
  findImport,
  findLiveImport,
  findWaitingForFile,
  insertImport,
  insertMapping,
  lockImport,
  moveImport,
  saveMapping,
  type CatalogueCounts,
  type ImportRow,
  type ImportSource,
  type ImportState,
} from '#store/imports.ts'
import { enqueue } from '#store/queue.ts'
import { findShops, isMember } from '#store/sellers.ts'
import type { ImportReport, Remark } from './catalog-import.ts'
import { toCell, toCsv } from './csv.ts'

export { csvFields, type CatalogueCounts, type CsvField, type FetchReason, type ImportState, type Remark }

/** Why an import ended without effect. */
export type ImportFailure =
  | FetchReason
  /** The messenger has the file no more. */
  | 'gone'
  | 'unreachable'
  | 'file-too-large'
  /** What was sent is no feed, or breaks off: `detail` says it, at `line`. */
  | 'not-a-feed'
  /** Not one of its offers can be sold. */
  | 'nothing-to-sell'
  | 'defect'

/** As it is kept: the lists are cut to the first few thousand, the counts are whole. */
export type KeptReport = Omit<ImportReport, 'seller'> & {
  failure?: { reason: ImportFailure; line?: number; detail?: string }
  /** More than half of what is on sale would go. `agreed`: how many they had agreed to before the file was another one. */
  held?: { onSale: number; leaving: number; agreed?: number }
  /** Of the two files of CommerceML the one that is still to come. */
  missing?: 'import.xml' | 'offers.xml'
}

export type Column = { header: string; sample: string; field?: CsvField }

export type CatalogueImport = {
  importId: number
  sellerId: number
  state: ImportState
  /** Names of files, or the host of the address: an address may carry a key. */
  source: string[]
  isFromUrl: boolean
  columns: Column[]
  /** They were taken for what the shop had said of the last table with the same headers. */
  isMappingKept: boolean
  /** What is needed and no column holds. */
  missing: CsvField[]
  progress: number
  report: KeptReport | undefined
  createdAt: Date
  endedAt: Date | null
}

export const noReport: KeptReport = {
  added: 0,
  changed: 0,
  unchanged: 0,
  withdrawn: 0,
  refusedCount: 0,
  warningsCount: 0,
  refused: [],
  warnings: [],
}

export type CatalogueView = {
  name: string
  counts: CatalogueCounts
  live: CatalogueImport | undefined
  ended: CatalogueImport[]
}

/** @returns undefined for people of other shops. */
export async function catalogueView(
  db: Client,
  sellerId: number,
  personId: number,
): Promise<CatalogueView | undefined> {
  const shop = (await findShops(db, personId)).find((one) => one.sellerId === sellerId)
  if (!shop) return undefined
  const [counts, live, ended] = await Promise.all([
    countCatalogue(db, sellerId),
    findLiveImport(db, sellerId),
    findEndedImports(db, sellerId, 3),
  ])
  return { name: shop.name, counts, live: live && toView(live), ended: ended.map(toView) }
}

/** @returns undefined for people of other shops. */
export async function importOf(db: Client, importId: number, personId: number): Promise<CatalogueImport | undefined> {
  const row = await findImport(db, importId, personId)
  return row && toView(row)
}

export type SendResult =
  | { ok: true; importId: number; isSecond: boolean }
  | { ok: false; reason: 'not-found' | 'import-live' | 'file-too-large' | FetchReason }

/**
 * A file of the messenger's. It joins an import that waits for its second file; otherwise it begins one, unless one of the
 * shop's is live.
 */
export async function sendFile(
  db: Client,
  { sellerId, personId }: { sellerId: number; personId: number },
  file: { messenger: string; ref: string; name: string; bytes: number; bytesMax: number },
  now: Date,
): Promise<SendResult> {
  if (!(await isMember(db, sellerId, personId))) return { ok: false, reason: 'not-found' }
  if (file.bytes > file.bytesMax) return { ok: false, reason: 'file-too-large' }
  const { messenger, ref } = file
  // PostgreSQL stores every character but this one.
  const name = cut(file.name.replaceAll('\0', ''), 200)
  return inTransaction(db, async (tx): Promise<SendResult> => {
    const waiting = await addSecondFile(tx, sellerId, { messenger, ref, name })
    if (waiting === undefined)
      return begin(tx, sellerId, personId, { messenger, fileRefs: [ref], fileNames: [name] }, now)
    await work(tx, waiting, sellerId)
    return { ok: true, importId: waiting, isSecond: true }
  })
}

/** The same from an address. What can be said against it without asking anybody is said at once. */
export async function sendAddress(
  db: Client,
  { sellerId, personId }: { sellerId: number; personId: number },
  url: string,
  now: Date,
): Promise<SendResult> {
  if (!(await isMember(db, sellerId, personId))) return { ok: false, reason: 'not-found' }
  try {
    parseAddress(url)
  } catch (error) {
    if (error instanceof FetchRefused) return { ok: false, reason: error.reason }
    throw error
  }
  return inTransaction(db, async (tx) => begin(tx, sellerId, personId, { url }, now))
}

/** The same file or address once more, after one that failed. */
export async function sendAgain(db: Client, importId: number, personId: number, now: Date): Promise<SendResult> {
  const row = await findImport(db, importId, personId)
  if (!row || row.endedAt === null) return { ok: false, reason: 'not-found' }
  const { messenger, fileRefs, fileNames, url, sellerId } = row
  const source =
    url !== null ? { url } : messenger !== null && fileRefs ? { messenger, fileRefs, fileNames } : undefined
  if (!source) return { ok: false, reason: 'not-found' }
  return inTransaction(db, async (tx) => begin(tx, sellerId, personId, source, now))
}

/** @returns the shop of theirs that is asked for the second file of a pair. */
export async function waitingForFile(db: Client, personId: number): Promise<number | undefined> {
  return findWaitingForFile(db, personId)
}

async function begin(db: Db, sellerId: number, personId: number, source: ImportSource, now: Date): Promise<SendResult> {
  const importId = await insertImport(db, sellerId, personId, source, now)
  if (importId === undefined) return { ok: false, reason: 'import-live' }
  await work(db, importId, sellerId)
  return { ok: true, importId, isSecond: false }
}

/** One after the other for a shop, whatever happens to the workers. */
async function work(db: Db, importId: number, sellerId: number): Promise<void> {
  await enqueue(db, 'import-catalogue', { importId }, { key: `import:${importId}`, queue: `import:${sellerId}` })
}

export type ImportChange =
  | { ok: true; state: ImportState }
  /** `moved-on`: it is in another state by now. */
  | { ok: false; reason: 'not-found' | 'moved-on' | 'columns-missing' }

/**
 * Says what a column holds; undefined: nothing that is needed. A field that can stand once leaves the column that had it.
 * @param at the column's place in the file, which does not change.
 */
export async function setColumn(
  db: Client,
  importId: number,
  personId: number,
  at: number,
  field: CsvField | undefined,
): Promise<ImportChange> {
  return inTransaction(db, async (tx): Promise<ImportChange> => {
    const row = await lockImport(tx, importId, personId)
    if (!row) return { ok: false, reason: 'not-found' }
    if (row.state !== 'mapping') return { ok: false, reason: 'moved-on' }
    const header = toView(row).columns[at]?.header
    if (header === undefined) return { ok: false, reason: 'not-found' }
    const isMany = field === 'param' || field === 'picture'
    const others = Object.entries(toCsvMapping(row.mapping) ?? {}).filter(
      ([one, has]) => one !== header && (isMany || has !== field),
    )
    const mapping: CsvMapping = Object.fromEntries([...others, ...(field ? [[header, field] as const] : [])])
    await saveMapping(tx, importId, mapping)
    return { ok: true, state: 'mapping' }
  })
}

/** The columns are right: go on. */
export async function startMapped(db: Client, importId: number, personId: number): Promise<ImportChange> {
  return inTransaction(db, async (tx): Promise<ImportChange> => {
    const row = await lockImport(tx, importId, personId)
    if (!row) return { ok: false, reason: 'not-found' }
    if (row.state !== 'mapping') return { ok: false, reason: 'moved-on' }
    if (missingFields(toCsvMapping(row.mapping) ?? {}).length > 0) return { ok: false, reason: 'columns-missing' }
    return goOn(tx, row, {})
  })
}

/**
 * More than half shall go: they were asked, and are sure.
 * @param leaving how many they were told would go: a button of another question agrees to nothing.
 */
export async function confirmHeld(
  db: Client,
  importId: number,
  personId: number,
  leaving: number,
): Promise<ImportChange> {
  return inTransaction(db, async (tx): Promise<ImportChange> => {
    const row = await lockImport(tx, importId, personId)
    if (!row) return { ok: false, reason: 'not-found' }
    const isAsked = row.state === 'held' && reportOf(row)?.held?.leaving === leaving
    return isAsked ? goOn(tx, row, { isSure: true }) : { ok: false, reason: 'moved-on' }
  })
}

/**
 * The columns shall be looked at once more: before a worker has the import in place, and after its end as another one of
 * the same file or address.
 * @returns the import whose columns they now choose.
 */
export async function chooseAnew(
  db: Client,
  importId: number,
  personId: number,
  now: Date,
): Promise<{ ok: true; importId: number } | { ok: false; reason: 'not-found' | 'import-live' | 'moved-on' }> {
  return inTransaction(db, async (tx) => {
    const row = await lockImport(tx, importId, personId)
    if (!row || toView(row).columns.length === 0) return { ok: false, reason: 'not-found' }
    if (row.endedAt !== null) {
      const made = await insertMapping(tx, row, personId, now)
      return made === undefined ? { ok: false, reason: 'import-live' } : { ok: true, importId: made }
    }
    const isOpen = await moveImport(tx, importId, ['waiting', 'held', 'mapping'], 'mapping')
    return isOpen ? { ok: true, importId } : { ok: false, reason: 'moved-on' }
  })
}

async function goOn(db: Db, row: ImportRow, set: { isSure?: boolean }): Promise<ImportChange> {
  if (!(await moveImport(db, row.importId, [row.state], 'waiting', set))) return { ok: false, reason: 'moved-on' }
  await work(db, row.importId, row.sellerId)
  return { ok: true, state: 'waiting' }
}

/** Gives it up, as long as no worker has it: what is being stored is stored whole. */
export async function dropImport(db: Client, importId: number, personId: number, now: Date): Promise<ImportChange> {
  const row = await findImport(db, importId, personId)
  if (!row) return { ok: false, reason: 'not-found' }
  const isDropped = await moveImport(db, importId, ['asked', 'mapping', 'held', 'waiting'], 'dropped', { now })
  return isDropped ? { ok: true, state: 'dropped' } : { ok: false, reason: 'moved-on' }
}

/** All that was refused or taken in part, as CSV. @returns undefined for people of other shops, and before there is one. */
export async function importReportCsv(
  db: Client,
  importId: number,
  personId: number,
): Promise<{ name: string; content: Uint8Array } | undefined> {
  const found = await importOf(db, importId, personId)
  if (!found?.report) return undefined
  const rowsOf = (what: string, remarks: Remark[], count: number) => [
    ...remarks.map(({ line, offerId, reason }) => [what, line, toCell(offerId), toCell(reason)]),
    ...(count > remarks.length ? [[what, '', '', `and ${count - remarks.length} more`]] : []),
  ]
  const { refused, refusedCount, warnings, warningsCount } = found.report
  const rows = [...rowsOf('refused', refused, refusedCount), ...rowsOf('taken in part', warnings, warningsCount)]
  const day = found.createdAt.toISOString().slice(0, 10)
  return { name: `import-${importId}-${day}.csv`, content: toCsv(['what', 'line', 'id', 'reason'], rows) }
}

/** As it was kept; older ones may lack what is new. */
export const reportOf = ({ report }: Pick<ImportRow, 'report'>): KeptReport | undefined =>
  report === null ? undefined : { ...noReport, ...(report as Partial<KeptReport>) }

function toView(row: ImportRow): CatalogueImport {
  const { importId, sellerId, state, isMappingKept, progress, createdAt, endedAt, url } = row
  const mapping = toCsvMapping(row.mapping) ?? {}
  const columns = (Array.isArray(row.columns) ? row.columns : []) as { header: string; sample: string }[]
  return {
    importId,
    sellerId,
    state,
    source: url === null ? row.fileNames : [URL.canParse(url) ? new URL(url).host : ''],
    isFromUrl: url !== null,
    columns: columns.map(({ header, sample }) => {
      const field = Object.hasOwn(mapping, header) ? mapping[header] : undefined
      return { header, sample, ...(field !== undefined && { field }) }
    }),
    isMappingKept,
    missing: missingFields(mapping),
    progress,
    report: reportOf(row),
    createdAt,
    endedAt,
  }
}
