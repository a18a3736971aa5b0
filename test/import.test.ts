/** `npm run import`, as the operator types it. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test, vi } from 'vitest'
import { spawnChild } from './flows/child.ts'
import { useDatabase } from './support/database.ts'

const database = useDatabase()
// Each command is a process of its own.
vi.setConfig({ testTimeout: 180_000 })

let folder = ''
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'import-test-'))
})
afterAll(async () => rm(folder, { recursive: true }))

async function imported(name: string, content: string, ...words: string[]) {
  const path = join(folder, name)
  await writeFile(path, content)
  const args = ['--import', 'tsx', 'src/import.ts', path, '--seller', 'shop', ...words]
  const child = spawnChild(process.execPath, args, { DATABASE_URL: database.url })
  const code = await child.ended
  return { code, out: child.out(), err: child.err() }
}

test('a table is read as the columns are said to be, and refused where they cannot be', async () => {
  const table = 'Nr;Was;Цена, руб.;Закупка\n1;Чашка;100;50\n2;Блюдце;;60\n'
  const said = 'id=Nr,name=Was,price=Цена, руб.'
  const [done, unknown, absent, unclear] = [
    await imported('a.csv', table, '--mapping', said),
    await imported('a.yml', '<yml_catalog/>', '--mapping', said),
    await imported('a.csv', table, '--mapping', `${said},vendor=Бренд`),
    await imported('a.csv', table, '--mapping', 'id=Nr,name=Was'),
  ]
  expect(done).toMatchObject({ code: 0 })
  expect(done.out).toContain('shop (shop): 2 offers\n  added 1, changed 0, unchanged 0, refused 1; withdrawn 0')
  expect(done.out).toContain('line 3, 2: no price')
  expect(await database.db.variant.findMany({ select: { externalId: true, price: true } })).toEqual([
    { externalId: '1', price: 10_000n },
  ])
  expect(unknown).toMatchObject({ code: 1, out: '' })
  expect(unknown.err).toContain('--mapping is for tables')
  expect(absent).toMatchObject({ code: 1, out: '' })
  expect(absent.err).toContain('the table has no column "Бренд"; it has: Nr, Was, Цена, руб., Закупка')
  expect(unclear).toMatchObject({ code: 1, out: '' })
  expect(unclear.err).toContain('--mapping: price missing')
})
