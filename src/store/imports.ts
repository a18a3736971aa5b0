/** Catalogues that a shop's people sent, and what became of them. Every step is one statement that names the states it may leave. */
import { Prisma } from './prisma/client.ts'
import type { Db } from './db.ts'
import type { Json } from './catalog-import.ts'

export type ImportState = 'asked' | 'mapping' | 'waiting' | 'running' | 'held' | 'done' | 'failed' | 'dropped'

export type ImportRow = {
  importId: number
  sellerId: number
  requestedById: number | null
  messenger: string | null
  fileRefs: string[] | null
  fileNames: string[]
  url: string | null
  mapping: unknown
  columns: unknown
  isMappingKept: boolean
  state: ImportState
  isSure: boolean
  report: unknown
  attempts: number
  progress: number
  createdAt: Date
  endedAt: Date | null
}

const row = Prisma.sql`i.id AS "importId", i.seller_id AS "sellerId", i.requested_by_id AS "requestedById", i.messenger,
  i.file_refs AS "fileRefs", i.file_names AS "fileNames", i.url, i.mapping, i.columns,
  i.is_mapping_kept AS "isMappingKept", i.state, i.is_sure AS "isSure",
  i.report, i.attempts, i.progress, i.created_at AS "createdAt", i.ended_at AS "endedAt"`

export type ImportSource = { messenger: string; fileRefs: string[]; fileNames: string[] } | { url: string }

/** @returns undefined while another one of the shop's is not over. */
export async function insertImport(
  db: Db,
  sellerId: number,
  personId: number,
  source: ImportSource,
  now: Date,
): Promise<number | undefined> {
  const { messenger, fileRefs, fileNames, url } = {
    messenger: null,
    fileRefs: null,
    fileNames: [] as string[],
    url: null,
    ...source,
  }
  const [made] = await db.$queryRaw<{ id: number }[]>`
    INSERT INTO catalogue_import (seller_id, requested_by_id, messenger, file_refs, file_names, url, state, created_at)
    VALUES (${sellerId}, ${personId}, ${messenger}, ${fileRefs}::text[], ${fileNames}::text[], ${url}, 'waiting', ${now})
    ON CONFLICT (seller_id) WHERE state IN ('asked', 'mapping', 'waiting', 'running', 'held') DO NOTHING
    RETURNING id`
  return made?.id
}

/**
 * The same file or address once more, beginning with what its columns are.
 * @returns undefined while another one of the shop's is not over.
 */
export async function insertMapping(db: Db, row: ImportRow, personId: number, now: Date): Promise<number | undefined> {
  const [made] = await db.$queryRaw<{ id: number }[]>`
    INSERT INTO catalogue_import (seller_id, requested_by_id, messenger, file_refs, file_names, url, mapping, columns, state,
      created_at)
    SELECT seller_id, ${personId}, messenger, file_refs, file_names, url, mapping, columns, 'mapping', ${now}
    FROM catalogue_import WHERE id = ${row.importId}
    ON CONFLICT (seller_id) WHERE state IN ('asked', 'mapping', 'waiting', 'running', 'held') DO NOTHING
    RETURNING id`
  return made?.id
}

/** The file that an import of the shop's was waiting for. @returns undefined when none waits for one. */
export async function addSecondFile(
  db: Db,
  sellerId: number,
  file: { messenger: string; ref: string; name: string },
): Promise<number | undefined> {
  const [found] = await db.$queryRaw<{ id: number }[]>`
    UPDATE catalogue_import SET state = 'waiting', attempts = 0, progress = 0, file_refs = file_refs || ${file.ref}::text,
      file_names = file_names || ${file.name}::text
    WHERE seller_id = ${sellerId} AND state = 'asked' AND cardinality(file_refs) = 1 AND messenger = ${file.messenger}
    RETURNING id`
  return found?.id
}

/** The shop of theirs whose import waits for its second file. */
export async function findWaitingForFile(db: Db, personId: number): Promise<number | undefined> {
  const [found] = await db.$queryRaw<{ sellerId: number }[]>`
    SELECT i.seller_id AS "sellerId" FROM catalogue_import i
    JOIN seller_member m ON m.seller_id = i.seller_id AND m.person_id = ${personId}
    WHERE i.state = 'asked' ORDER BY i.id DESC LIMIT 1`
  return found?.sellerId
}

export async function findLiveImport(db: Db, sellerId: number): Promise<ImportRow | undefined> {
  const [found] = await db.$queryRaw<ImportRow[]>`SELECT ${row} FROM catalogue_import i
    WHERE i.seller_id = ${sellerId} AND i.state IN ('asked', 'mapping', 'waiting', 'running', 'held')`
  return found
}

/** Ended ones, newest first, without their reports' lists. */
export async function findEndedImports(db: Db, sellerId: number, limit: number): Promise<ImportRow[]> {
  return db.$queryRaw<ImportRow[]>`SELECT ${row} FROM catalogue_import i
    WHERE i.seller_id = ${sellerId} AND i.ended_at IS NOT NULL ORDER BY i.created_at DESC, i.id DESC LIMIT ${limit}`
}

/** @returns undefined for people of other shops. */
export async function findImport(db: Db, importId: number, personId: number): Promise<ImportRow | undefined> {
  const [found] = await db.$queryRaw<ImportRow[]>`SELECT ${row} FROM catalogue_import i
    JOIN seller_member m ON m.seller_id = i.seller_id AND m.person_id = ${personId} WHERE i.id = ${importId}`
  return found
}

/** Locked until the transaction ends. @returns undefined for people of other shops. */
export async function lockImport(db: Db, importId: number, personId: number): Promise<ImportRow | undefined> {
  const [found] = await db.$queryRaw<ImportRow[]>`SELECT ${row} FROM catalogue_import i
    JOIN seller_member m ON m.seller_id = i.seller_id AND m.person_id = ${personId} WHERE i.id = ${importId}
    FOR UPDATE OF i`
  return found
}

/**
 * A worker begins with it, or begins again what another one died over.
 * @returns undefined when there is nothing to do: it is over, or somebody is asked something.
 */
export async function claimImport(db: Db, importId: number): Promise<ImportRow | undefined> {
  const [found] = await db.$queryRaw<ImportRow[]>`
    UPDATE catalogue_import i SET state = 'running', attempts = attempts + 1, progress = 0
    WHERE i.id = ${importId} AND i.state IN ('waiting', 'running') RETURNING ${row}`
  return found
}

/** For those who watch. */
export async function saveProgress(db: Db, importId: number, progress: number): Promise<void> {
  await db.$executeRaw`UPDATE catalogue_import SET progress = ${progress}
    WHERE id = ${importId} AND state = 'running'`
}

/** @returns false when it was not in one of the states that this leads on from: somebody was faster. */
export async function moveImport(
  db: Db,
  importId: number,
  from: readonly ImportState[],
  to: ImportState,
  set: { isSure?: boolean; mapping?: Json; columns?: Json; report?: Json; now?: Date } = {},
): Promise<boolean> {
  const text = (value: Json | undefined) => (value === undefined ? null : JSON.stringify(value))
  const moved = await db.$executeRaw`
    UPDATE catalogue_import SET state = ${to}, ended_at = ${set.now ?? null},
      attempts = CASE WHEN ${to} = 'waiting' THEN 0 ELSE attempts END,
      progress = CASE WHEN ${to} = 'waiting' THEN 0 ELSE progress END,
      is_mapping_kept = is_mapping_kept AND ${to} <> 'mapping', is_sure = is_sure OR ${set.isSure ?? false}, mapping = coalesce(${text(set.mapping)}::jsonb, mapping),
      columns = coalesce(${text(set.columns)}::jsonb, columns), report = coalesce(${text(set.report)}::jsonb, report)
    WHERE id = ${importId} AND state = ANY(${[...from]}::text[])`
  return moved === 1
}

/** What the shop's last table with these headers was imported as, in whichever order they stand. */
export async function findKeptMapping(db: Db, sellerId: number, headers: readonly string[]): Promise<unknown> {
  const asked = JSON.stringify(headers)
  const [found] = await db.$queryRaw<{ mapping: unknown }[]>`
    SELECT mapping FROM catalogue_import
    WHERE seller_id = ${sellerId} AND state = 'done' AND mapping IS NOT NULL AND columns IS NOT NULL
      AND jsonb_path_query_array(columns, '$[*].header') @> ${asked}::jsonb
      AND jsonb_path_query_array(columns, '$[*].header') <@ ${asked}::jsonb
    ORDER BY created_at DESC, id DESC LIMIT 1`
  return found?.mapping
}

/** @returns false when the import is not running any more. */
export async function keepMapping(db: Db, importId: number, mapping: Json, columns: Json): Promise<boolean> {
  const kept = await db.$executeRaw`UPDATE catalogue_import SET is_mapping_kept = true,
      mapping = ${JSON.stringify(mapping)}::jsonb, columns = ${JSON.stringify(columns)}::jsonb
    WHERE id = ${importId} AND state = 'running'`
  return kept === 1
}

export async function saveMapping(db: Db, importId: number, mapping: Json): Promise<void> {
  await db.$executeRaw`UPDATE catalogue_import SET mapping = ${JSON.stringify(mapping)}::jsonb
    WHERE id = ${importId} AND state = 'mapping'`
}

export type CatalogueCounts = { products: number; variants: number; inStock: number; withdrawn: number }

/** What of a shop's is on sale, and how many of its products no longer are. */
export async function countCatalogue(db: Db, sellerId: number): Promise<CatalogueCounts> {
  const [counts] = await db.$queryRaw<CatalogueCounts[]>`
    SELECT count(DISTINCT p.id) FILTER (WHERE p.withdrawn_at IS NULL)::int AS products,
      count(v.id) FILTER (WHERE p.withdrawn_at IS NULL)::int AS variants,
      count(v.id) FILTER (WHERE p.withdrawn_at IS NULL AND EXISTS (SELECT 1 FROM stock_level s
        WHERE s.variant_id = v.id AND s.on_hand > s.reserved))::int AS "inStock",
      count(DISTINCT p.id) FILTER (WHERE p.withdrawn_at IS NOT NULL)::int AS withdrawn
    FROM product p LEFT JOIN variant v ON v.product_id = p.id AND v.withdrawn_at IS NULL
    WHERE p.seller_id = ${sellerId}`
  return counts ?? { products: 0, variants: 0, inStock: 0, withdrawn: 0 }
}

export async function findSeller(db: Db, sellerId: number): Promise<{ slug: string; name: string } | undefined> {
  const [seller] = await db.$queryRaw<{ slug: string; name: string }[]>`
    SELECT slug, name FROM seller WHERE id = ${sellerId}`
  return seller
}
