/** Writes the next migration from the difference between `prisma/migrations` and `prisma/schema`: `npm run migration -- name`. */
import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { migrate, migrationDrift, prismaDir } from '#store/migrate.ts'
import { startPostgres } from '#store/postgres.ts'

const name = process.argv[2]
if (!name || !/^[a-z0-9_]+$/.test(name)) throw new Error('usage: npm run migration -- lower_case_name')

const scratch = mkdtempSync(join(tmpdir(), 'vmeste-migration-'))
chmodSync(scratch, 0o711) // as root the server runs as another user
const postgres = await startPostgres(join(scratch, 'pg'), { fsync: 'off' })
try {
  await migrate(postgres.url('postgres'))
  const sql = await migrationDrift(postgres.url('postgres'))
  if (sql === '') {
    process.stdout.write('schema and migrations agree: nothing to write\n')
  } else {
    const stamp = new Date().toISOString().replaceAll(/\D/g, '').slice(0, 14)
    const dir = join(prismaDir, 'migrations', `${stamp}_${name}`)
    mkdirSync(dir, { recursive: true })
    writeFileSync(join(dir, 'migration.sql'), `${sql}\n`)
    process.stdout.write(`${dir}/migration.sql\n`)
  }
} finally {
  await postgres.stop()
  rmSync(scratch, { recursive: true, force: true })
}
