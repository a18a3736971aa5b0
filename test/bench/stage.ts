/** What a measurement stands on: a PostgreSQL of its own, and a folder; both are gone afterwards. */
import { chmodSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { startPostgres } from '#store/postgres.ts'
import { variables } from '../../src/config.ts'
import { prepareDatabase } from '../../src/part.ts'
import { startChild, type Child } from './processes.ts'

export type Stage = {
  scratch: string
  databaseUrl: string
  /** The server's process; its children are the connections. */
  cluster: number
  /** For processes of ours on this database. Whatever a developer's .env says stays out: what is set already wins, empty values included. */
  env: Record<string, string>
  /** Done after the work, the last first. */
  endings: (() => Promise<void>)[]
}

/** @param settings of PostgreSQL, which has its defaults otherwise. */
export async function onStage<T>(
  work: (stage: Stage) => Promise<T>,
  settings: Record<string, string> = {},
): Promise<T> {
  const scratch = mkdtempSync(join(tmpdir(), 'vmeste-bench-'))
  chmodSync(scratch, 0o711) // as root the server runs as another user
  const endings: (() => Promise<void>)[] = []
  try {
    const postgres = await startPostgres(join(scratch, 'postgres'), settings)
    endings.push(() => postgres.stop())
    await postgres.ensureDatabase('bench')
    const databaseUrl = postgres.url('bench')
    await prepareDatabase(databaseUrl)
    const [cluster = ''] = readFileSync(join(scratch, 'postgres', 'postmaster.pid'), 'utf8').split('\n')
    const nothing = Object.fromEntries(variables.map((name) => [name, '']))
    const env = { ...nothing, DATABASE_URL: databaseUrl, DATA_DIR: scratch }
    return await work({ scratch, databaseUrl, cluster: Number(cluster), env, endings })
  } finally {
    for (const end of endings.toReversed()) await end()
    rmSync(scratch, { recursive: true, force: true })
  }
}

export async function startSandbox(
  { endings }: Stage,
  env: Record<string, string> = {},
): Promise<{ sandbox: Child; sandboxUrl: string }> {
  let sandboxUrl = ''
  const sandbox = await startChild('src/sandbox/main.ts', { SANDBOX_PORT: '0', ...env }, (output) => {
    sandboxUrl = /http:\S+/.exec(output)?.[0] ?? ''
    return sandboxUrl !== ''
  })
  endings.push(() => sandbox.stop())
  return { sandbox, sandboxUrl }
}
