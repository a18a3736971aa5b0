/** The embedded server in folders of any length: its socket's path may only be so long. */
import { chmodSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import pg from 'pg'
import { expect, test } from 'vitest'
import { startPostgres } from '#store/postgres.ts'

test('is reached through a socket, and through TCP where the path of a socket would be too long', async () => {
  const scratch = mkdtempSync(join(tmpdir(), 'vmeste-pg-'))
  const long = join(scratch, 'ы'.repeat(40))
  mkdirSync(long)
  for (const folder of [scratch, long]) chmodSync(folder, 0o711) // as root the server runs as another user
  try {
    const ways: unknown[] = []
    for (const folder of [scratch, long]) {
      const server = await startPostgres(join(folder, 'pg'), { fsync: 'off' })
      const client = new pg.Client({ connectionString: server.url('postgres') })
      try {
        await client.connect()
        ways.push(...(await client.query('SELECT inet_server_addr() IS NULL AS "isSocket"')).rows)
      } finally {
        await client.end()
        await server.stop()
      }
    }
    expect(ways).toEqual([{ isSocket: process.platform !== 'win32' }, { isSocket: false }])
  } finally {
    rmSync(scratch, { recursive: true, force: true })
  }
})
