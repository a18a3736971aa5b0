/** What `npm start` promises on a machine that has nothing but Node. */
import { execFileSync } from 'node:child_process'
import { chmodSync, existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { createServer } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { cloneDatabase } from '../support/database.ts'
import { freePort } from '#store/postgres.ts'
import { descendantsOf, isAlive, spawnBundled, spawnChild, spawnRoot, until, type Child } from './child.ts'

// A slow machine starts slowly.
vi.setConfig({ testTimeout: 180_000 })

let scratch = ''
let env: Record<string, string> = {}
const children: Child[] = []

beforeEach(async () => {
  scratch = mkdtempSync(join(tmpdir(), 'vmeste-start-'))
  chmodSync(scratch, 0o711) // as root the database runs as another user
  env = await newPorts()
})
afterEach(async () => {
  for (const child of children.splice(0)) {
    for (const pid of child.process.exitCode === null ? descendantsOf(child.pid) : []) process.kill(pid, 'SIGKILL')
    await child.kill('SIGKILL')
  }
  const postgres = postgresPid()
  if (postgres !== undefined && isAlive(postgres)) {
    process.kill(postgres, 'SIGINT')
    await until('PostgreSQL has ended', () => !isAlive(postgres))
  }
  rmSync(scratch, { recursive: true, force: true })
})

async function newPorts(): Promise<Record<string, string>> {
  const [port, sandboxPort] = [await freePort(), await freePort()]
  return { DATA_DIR: join(scratch, 'data'), PORT: String(port), SANDBOX_PORT: String(sandboxPort), LOG_LEVEL: 'warn' }
}

function start(more: Record<string, string> = {}): Child {
  const child = spawnRoot('src/start.ts', { ...env, ...more })
  children.push(child)
  return child
}

async function isOpen(child: Child): Promise<void> {
  await until(
    'it says that it is open',
    () => child.out().includes('Ctrl+C') || child.process.exitCode !== null,
    90_000,
  )
  if (child.process.exitCode !== null) throw new Error(`it ended: ${child.out()}${child.err()}`)
}

/** The database of this test, whoever runs it. */
function postgresPid(): number | undefined {
  const file = join(scratch, 'data', 'postgres', 'postmaster.pid')
  return existsSync(file) ? Number(readFileSync(file, 'utf8').split('\n')[0]) : undefined
}

/** Processes whose command line or parent says that they are of this start. */
function processesOf(pid: number): number[] {
  const table = execFileSync('ps', ['-eo', 'pid=,ppid=,args='], { encoding: 'utf8' })
  return table.split('\n').flatMap((line) => {
    const [, id, parent, args = ''] = /^\s*(\d+)\s+(\d+)\s+(.*)$/.exec(line) ?? []
    return Number(parent) === pid || args.includes(scratch) ? [Number(id)] : []
  })
}

/** A bar is for people only: it is drawn on a terminal, which util-linux can play. */
const hasTerminal = (() => {
  try {
    return execFileSync('script', ['--version'], { encoding: 'utf8' }).includes('util-linux')
  } catch {
    return false
  }
})()
if (!hasTerminal)
  process.stderr.write('SKIPPED: there is no `script` of util-linux, so progress bars are not looked at\n')

const inTerminal = (command: string, more: Record<string, string>): Child => {
  const child = spawnChild('script', ['-qefc', command, '/dev/null'], { ...env, ...more, TERM: 'xterm' })
  children.push(child)
  return child
}

const oneLine = (text: string) => expect(text.trim()).not.toContain('\n')

test('the first start sets everything up and says what to try; a second beside it says what runs and where; SIGTERM ends all', async () => {
  const startedAt = Date.now()
  const first = start()
  await isOpen(first)
  // Promised are 20 s on an idle machine; here others work beside it.
  expect(Date.now() - startedAt).toBeLessThan(60_000)
  const address = `http://127.0.0.1:${env['SANDBOX_PORT']}`
  expect(first.out()).toContain(`Vmeste is open: ${address}`)
  expect(first.out()).toMatch(/Three things to try[^]*\n {2}1\. [^]*\n {2}2\. [^]*\n {2}3\. /)
  expect(await (await fetch(address)).text()).toContain('<html')
  expect((await fetch(`http://127.0.0.1:${env['PORT']}/health`)).status).toBe(200)
  const people = (await (await fetch(`${address}/sim/people`)).json()) as { id: number }[]
  expect(people.length).toBeGreaterThanOrEqual(2)

  const second = start(await newPorts())
  expect(await second.ended).toBe(1)
  expect(second.out()).toBe('')
  oneLine(second.err())
  expect(second.err()).toContain(String(first.pid))
  expect(second.err()).toContain(address)

  const postgres = postgresPid() ?? 0
  expect(isAlive(postgres)).toBe(true)
  expect(await first.kill('SIGTERM')).toBe(0)
  expect(first.err()).toBe('')
  expect(isAlive(postgres)).toBe(false)
  expect(processesOf(first.pid)).toEqual([])
})

test('after kill -9 the next start recovers by itself, orphaned database included; SIGINT ends all', async () => {
  const killed = start()
  await isOpen(killed)
  const orphan = postgresPid() ?? 0
  expect(await killed.kill('SIGKILL')).toBe('SIGKILL')
  expect(isAlive(orphan)).toBe(true)

  const startedAt = Date.now()
  const next = start()
  await isOpen(next)
  // Promised are 5 s on an idle machine.
  expect(Date.now() - startedAt).toBeLessThan(30_000)
  expect(isAlive(orphan)).toBe(false)
  expect(next.out()).not.toContain('Setting up PostgreSQL')
  expect((await fetch(`http://127.0.0.1:${env['PORT']}/health`)).status).toBe(200)
  const postgres = postgresPid() ?? 0
  expect(await next.kill('SIGINT')).toBe(0)
  expect(isAlive(postgres)).toBe(false)
  expect(processesOf(next.pid)).toEqual([])
})

test('a wrong variable stops the start with one line that names it', async () => {
  const child = start({ PORT: 'eighty' })
  expect(await child.ended).toBe(1)
  expect(child.out()).toBe('')
  oneLine(child.err())
  expect(child.err()).toContain('PORT')
})

test.each(['bot', 'worker'] as const)(
  'the %s alone without a database stops with one line that names the variable',
  async (name) => {
    const child = spawnBundled(name, env)
    expect(await child.ended).toBe(1)
    oneLine(child.err())
    expect(child.err()).toContain('DATABASE_URL')
  },
)

test('DATABASE_URL is used in the place of a database of our own; a SIGTERM to npm ends what npm started', async () => {
  const database = await cloneDatabase()
  try {
    const npm = spawnChild('npm', ['start'], { ...env, DATABASE_URL: database.url })
    children.push(npm)
    await isOpen(npm)
    expect(existsSync(join(scratch, 'data', 'postgres'))).toBe(false)
    expect(await database.db.product.count()).toBeGreaterThan(50)
    const running = join(scratch, 'data', 'running.json')
    const { pid } = JSON.parse(readFileSync(running, 'utf8')) as { pid: number }
    expect(isAlive(pid)).toBe(true)
    await npm.kill('SIGTERM')
    await until('the product has ended, too', () => !isAlive(pid))
    expect(existsSync(running)).toBe(false)
  } finally {
    await database.drop()
  }
})

test('the sandbox, the bot and the worker run as three programs, and together answer /start', async () => {
  const database = await cloneDatabase()
  try {
    const run = (script: string, ready: string) => {
      // What npm thinks of its own settings on this machine is not what is asked here.
      const quiet = { npm_config_loglevel: 'error' }
      const npm = spawnChild('npm', ['run', script], { ...env, ...quiet, DATABASE_URL: database.url })
      children.push(npm)
      const isReady = async () =>
        until(`${script} is up`, () => npm.out().includes(ready) || npm.process.exitCode !== null, 90_000)
      return { npm, isReady }
    }
    const sandbox = run('sandbox', `Sandbox: http://127.0.0.1:${env['SANDBOX_PORT']}`)
    const parts = [sandbox, run('start:bot', 'The bot is up.'), run('start:worker', 'The worker is up.')]
    await Promise.all(parts.map(async ({ isReady }) => isReady()))
    expect(parts.map(({ npm }) => npm.err())).toEqual(['', '', ''])

    const sim = async <T>(path: string, body?: object): Promise<T> => {
      const headers = { 'content-type': 'application/json' }
      const init = body && { method: 'POST', headers, body: JSON.stringify(body) }
      return (await fetch(`http://127.0.0.1:${env['SANDBOX_PORT']}/sim${path}`, init)).json() as Promise<T>
    }
    const { id } = await sim<{ id: number }>('/people', { first_name: 'Anna', language_code: 'en' })
    await sim('/messages', { from: id, text: '/start' })
    await until('the bot answers', async () => {
      const messages = await sim<{ from?: { is_bot: boolean }; text?: string; caption?: string }[]>(
        `/chats/${id}/messages`,
      )
      return messages.some(({ from, text, caption }) => from?.is_bot && (text ?? caption ?? '').includes('Anna'))
    })

    const processes = parts.flatMap(({ npm }) => descendantsOf(npm.pid))
    expect(processes.length).toBeGreaterThanOrEqual(parts.length)
    // As a terminal does on Ctrl+C: everybody in it is told.
    for (const pid of processes) process.kill(pid, 'SIGINT')
    await Promise.all(parts.map(async ({ npm }) => npm.ended))
    expect(processes.filter(isAlive)).toEqual([])
  } finally {
    await database.drop()
  }
})

test.skipIf(!hasTerminal)('whoever watches an import sees how far it is: the demo catalogue, and a feed', async () => {
  const database = await cloneDatabase()
  const settings = { DATABASE_URL: database.url }
  try {
    const first = inTerminal('node --import tsx src/start.ts', settings)
    await isOpen(first)
    const [, seen] = /Demo catalogue \[=+\] (\d+) offers(?![^]*Demo catalogue)/.exec(first.out()) ?? []
    expect(Number(seen)).toBeGreaterThan(50)
    const { pid } = JSON.parse(readFileSync(join(scratch, 'data', 'running.json'), 'utf8')) as { pid: number }
    process.kill(pid, 'SIGTERM')
    expect(await first.ended).toBe(0)

    const feed = inTerminal('npm run import -- prisma/demo/feed-severny-dom.yml --seller severny-dom', settings)
    expect(await feed.ended).toBe(0)
    expect(feed.out()).toMatch(/storing .*█+.* (\d+)\/\1 offers/)
  } finally {
    await database.drop()
  }
})

test('a stranger on the port: one line that names it, exit code 1, and no process left', async () => {
  const database = await cloneDatabase()
  const stranger = createServer()
  try {
    await new Promise<void>((ready) => stranger.listen(Number(env['PORT']), '127.0.0.1', ready))
    const child = start({ DATABASE_URL: database.url })
    expect(await child.ended).toBe(1)
    oneLine(child.err())
    expect(child.err()).toContain(`port ${env['PORT']} is taken`)
    expect(processesOf(child.pid)).toEqual([])
    expect(existsSync(join(scratch, 'data', 'running.json'))).toBe(false)
  } finally {
    stranger.close()
    await database.drop()
  }
})
