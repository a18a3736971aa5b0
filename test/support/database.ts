/** A database of its own for each test file: a clone of a template, about 50 ms. */
import pg from 'pg'
import { afterAll, beforeAll, inject } from 'vitest'
import { openDatabase, type Client } from '#store/db.ts'
import { templates, type Template } from './global-setup.ts'

let made = 0

export type TestDatabase = { name: string; url: string; db: Client; drop(): Promise<void> }

export async function cloneDatabase(template: Template = 'empty'): Promise<TestDatabase> {
  const name = `test_${process.pid}_${process.env['VITEST_POOL_ID'] ?? '0'}_${++made}`
  const admin = async (sql: string) => {
    const client = new pg.Client({ connectionString: inject('databaseUrl').replace('DATABASE', 'postgres') })
    await client.connect()
    try {
      await client.query(sql)
    } finally {
      await client.end()
    }
  }
  await admin(`CREATE DATABASE "${name}" TEMPLATE "${templates[template]}"`)
  const url = inject('databaseUrl').replace('DATABASE', name)
  const db = openDatabase(url)
  return {
    name,
    url,
    db,
    async drop() {
      await db.$disconnect()
      await admin(`DROP DATABASE "${name}" WITH (FORCE)`)
    },
  }
}

/** For the usual test file: `const database = useDatabase()` and then `database.db` inside tests. */
export function useDatabase(template?: Template): { readonly db: Client; readonly url: string } {
  let current: TestDatabase | undefined
  beforeAll(async () => {
    current = await cloneDatabase(template)
  })
  afterAll(async () => current?.drop())
  const get = (): TestDatabase => {
    if (!current) throw new Error('the database exists inside tests and hooks only')
    return current
  }
  return {
    get db() {
      return get().db
    },
    get url() {
      return get().url
    },
  }
}
