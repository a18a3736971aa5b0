/** One PostgreSQL for the whole run with one migrated template database; each test file clones it (see database.ts). */
import { chmodSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { TestProject } from 'vitest/node'
import { migrate } from '#store/migrate.ts'
import { startPostgres } from '#store/postgres.ts'
import { migrateQueue } from '#store/queue.ts'

declare module 'vitest' {
  export interface ProvidedContext {
    /** Connection string with `DATABASE` in the place of the name. */
    databaseUrl: string
  }
}

export const templateName = 'vmeste_template'

export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  const scratch = mkdtempSync(join(tmpdir(), 'vmeste-test-'))
  chmodSync(scratch, 0o711) // as root the server runs as another user
  const postgres = await startPostgres(join(scratch, 'pg'), {
    fsync: 'off',
    full_page_writes: 'off',
    max_connections: '300',
  })
  await postgres.ensureDatabase(templateName)
  await migrate(postgres.url(templateName))
  await migrateQueue(postgres.url(templateName))
  project.provide('databaseUrl', postgres.url('DATABASE'))
  return async () => {
    await postgres.stop()
    rmSync(scratch, { recursive: true, force: true })
  }
}
