/**
 * Applies `prisma/migrations` without the Prisma CLI, whose native engine has to be downloaded first.
 * The same engine compiled to WebAssembly comes inside an npm package; it writes the usual
 * `_prisma_migrations` rows, so `prisma migrate deploy` sees what was done here and the other way round.
 */
import { PrismaPg } from '@prisma/adapter-pg'
import {
  ColumnTypeEnum,
  bindMigrationAwareSqlAdapterFactory,
  type SqlDriverAdapter,
  type SqlMigrationAwareDriverAdapterFactory,
} from '@prisma/driver-adapter-utils'
import { readFile, readdir } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import pg from 'pg'

// @types/node declares the namespace without its functions; the DOM library has them and a thousand other globals.
declare const WebAssembly: {
  compile(bytes: Uint8Array): Promise<object>
  instantiate(module: object, imports: object): Promise<{ exports: unknown }>
}

type Engine = import('@prisma/schema-engine-wasm/schema_engine_bg').SchemaEngine

export const prismaDir = join(dirname(dirname(dirname(fileURLToPath(import.meta.url)))), 'prisma')
const migrationsDir = join(prismaDir, 'migrations')
const noFilters = { externalTables: [], externalEnums: [] }

/**
 * Brings the database to the newest migration. Safe to run from several processes at once: the engine takes
 * an advisory lock.
 * @returns names of the migrations applied now, empty when there was nothing to do.
 * @throws when a migration fails; the message is PostgreSQL's.
 */
export async function migrate(databaseUrl: string): Promise<string[]> {
  const migrationsList = await readMigrations()
  const names = migrationsList.migrationDirectories.map(({ path }) => path)
  // Loading the engine costs more than all the rest of a start, and almost every start has nothing to apply.
  if (await areApplied(databaseUrl, names)) return []
  return withEngine(databaseUrl, async (engine) => {
    const { appliedMigrationNames } = await engine.applyMigrations({ migrationsList, filters: noFilters })
    return appliedMigrationNames
  })
}

/** Whether the engine has finished every one of these; false as well while it has never run here. */
async function areApplied(databaseUrl: string, names: string[]): Promise<boolean> {
  const client = new pg.Client({ connectionString: databaseUrl })
  await client.connect()
  try {
    const { rows: tables } = await client.query<{ exists: boolean }>(
      `SELECT to_regclass('_prisma_migrations') IS NOT NULL AS exists`,
    )
    if (!tables[0]?.exists) return false
    const { rows } = await client.query<{ name: string }>(
      `SELECT migration_name AS name FROM _prisma_migrations WHERE finished_at IS NOT NULL AND rolled_back_at IS NULL`,
    )
    const applied = new Set(rows.map(({ name }) => name))
    return names.every((name) => applied.has(name))
  } finally {
    await client.end()
  }
}

/**
 * The SQL that would bring a migrated database to what `prisma/schema` says.
 * @returns an empty string when they agree.
 */
export async function migrationDrift(databaseUrl: string): Promise<string> {
  return withEngine(databaseUrl, async (engine) => {
    const files = (await readSchema()).map(([path, content]) => ({ path, content }))
    const { stdout } = await engine.diff({
      from: { tag: 'schemaDatasource', files, configDir: prismaDir },
      to: { tag: 'schemaDatamodel', files },
      script: true,
      exitCode: null,
      filters: noFilters,
    })
    const script = (stdout ?? '').trim()
    return script.startsWith('-- This is an empty migration') ? '' : script
  })
}

let bindingsLoaded: Promise<typeof import('@prisma/schema-engine-wasm/schema_engine_bg')> | undefined

/** Once per process: the bindings keep one view of the module's memory and break when a second one is set. */
async function loadBindings() {
  const bindings = await import('@prisma/schema-engine-wasm/schema_engine_bg')
  const entry = createRequire(import.meta.url).resolve('@prisma/schema-engine-wasm/schema_engine_bg')
  const module = await WebAssembly.compile(await readFile(join(dirname(entry), 'schema_engine_bg.wasm')))
  const { exports } = await WebAssembly.instantiate(module, { './schema_engine_bg.js': withoutLinger(bindings) })
  ;(bindings as unknown as { __wbg_set_wasm(exports: unknown): void }).__wbg_set_wasm(exports)
  ;(exports as { __wbindgen_start(): void }).__wbindgen_start()
  return bindings
}

/**
 * The engine limits the wait for its lock by a timer of ten seconds and never clears it: short-lived processes would end
 * that much later.
 */
function withoutLinger(bindings: object): object {
  const entries = Object.entries(bindings).map(([name, value]): [string, unknown] => {
    if (!name.startsWith('__wbg_setTimeout_')) return [name, value]
    return [name, (callback: () => void, ms: number) => setTimeout(callback, ms >>> 0).unref()]
  })
  return Object.fromEntries(entries)
}

async function withEngine<T>(databaseUrl: string, use: (engine: Engine) => Promise<T>): Promise<T> {
  const bindings = await (bindingsLoaded ??= loadBindings())
  // A pool of ours, because the engine does not close the connections it asks for, and a template database in use cannot
  // be cloned.
  const pool = new pg.Pool({ connectionString: databaseUrl })
  try {
    const adapter = bindMigrationAwareSqlAdapterFactory(mendAdapter(new PrismaPg(pool)))
    const engine = await bindings.SchemaEngine.new({ datamodels: await readSchema() }, () => {}, adapter)
    try {
      return await use(engine)
    } finally {
      engine.free()
    }
  } finally {
    await pool.end()
  }
}

/**
 * Two gaps of adapter-pg 7.10 as a migration driver: it splits a script at every `;`, which cuts function bodies
 * in two, and it does not know PostgreSQL's internal type "char" that describing a schema returns.
 */
function mendAdapter(factory: PrismaPg): SqlMigrationAwareDriverAdapterFactory {
  const internalChar = 18
  const text = 25
  type Driver = {
    client: { query(sql: string): Promise<unknown> }
    performIO(query: unknown): Promise<{ fields: { dataTypeID: number }[] }>
  }
  const mend = (adapter: SqlDriverAdapter): SqlDriverAdapter => {
    const driver = adapter as unknown as Driver
    const performIO = driver.performIO.bind(adapter)
    const queryRaw = adapter.queryRaw.bind(adapter)
    // The engine waits for each answer, so that one list per connection is enough.
    let charColumns: number[] = []
    driver.performIO = async (query) => {
      const result = await performIO(query)
      charColumns = result.fields.flatMap((field, at) => (field.dataTypeID === internalChar ? [at] : []))
      for (const at of charColumns) Object.assign(result.fields[at] ?? {}, { dataTypeID: text })
      return result
    }
    adapter.queryRaw = async (query) => {
      const result = await queryRaw(query)
      for (const at of charColumns) result.columnTypes[at] = ColumnTypeEnum.Character
      return result
    }
    adapter.executeScript = async (script) => {
      await driver.client.query(script)
    }
    return adapter
  }
  return {
    provider: factory.provider,
    adapterName: factory.adapterName,
    connect: async () => mend(await factory.connect()),
    connectToShadowDb: async () => mend(await factory.connectToShadowDb()),
  }
}

async function readSchema(): Promise<[string, string][]> {
  const dir = join(prismaDir, 'schema')
  const names = (await readdir(dir)).filter((name) => name.endsWith('.prisma')).sort()
  return Promise.all(
    names.map(async (name): Promise<[string, string]> => [name, await readFile(join(dir, name), 'utf8')]),
  )
}

async function readMigrations() {
  const entries = await readdir(migrationsDir, { withFileTypes: true })
  const names = entries.filter((entry) => entry.isDirectory()).map((entry) => entry.name)
  return {
    baseDir: migrationsDir,
    lockfile: {
      path: 'migration_lock.toml',
      content: await readFile(join(migrationsDir, 'migration_lock.toml'), 'utf8'),
    },
    shadowDbInitScript: '',
    migrationDirectories: await Promise.all(
      names.sort().map(async (path) => ({
        path,
        migrationFile: {
          path: 'migration.sql',
          content: { tag: 'ok' as const, value: await readFile(join(migrationsDir, path, 'migration.sql'), 'utf8') },
        },
      })),
    ),
  }
}
