/** One PostgreSQL for the whole run with two template databases; each test file clones one of them (see database.ts). */
import { randomBytes } from 'node:crypto'
import { chmodSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { TestProject } from 'vitest/node'
import { importDemo } from '#shop/catalog-import.ts'
import { openDatabase } from '#store/db.ts'
import { migrate } from '#store/migrate.ts'
import { startPostgres } from '#store/postgres.ts'
import { migrateQueue } from '#store/queue.ts'

declare module 'vitest' {
  export interface ProvidedContext {
    /** Connection string with `DATABASE` in the place of the name. */
    databaseUrl: string
  }
}

/** Migrated and empty; and with the demo catalogue, which would take each file half a second. */
export const templates = { empty: 'vmeste_empty', demo: 'vmeste_demo' }
export type Template = keyof typeof templates

/** Before today, so that every job is due by the queue's own clock, which is PostgreSQL's. */
export const beginning = Date.UTC(2026, 0, 12, 9)

export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  const scratch = mkdtempSync(join(tmpdir(), 'vmeste-test-'))
  chmodSync(scratch, 0o711) // as root the server runs as another user
  const postgres = await startPostgres(join(scratch, 'pg'), {
    fsync: 'off',
    full_page_writes: 'off',
    max_connections: '300',
  })
  for (const [template, name] of Object.entries(templates)) {
    await postgres.ensureDatabase(name)
    await migrate(postgres.url(name))
    await migrateQueue(postgres.url(name))
    if (template !== 'demo') continue
    const db = openDatabase(postgres.url(name))
    await importDemo(db, { now: new Date(beginning), newToken: () => randomBytes(12).toString('base64url') })
    await db.$disconnect()
  }
  project.provide('databaseUrl', postgres.url('DATABASE'))
  return async () => {
    await postgres.stop()
    rmSync(scratch, { recursive: true, force: true })
  }
}
