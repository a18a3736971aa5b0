/** A part of the product as a process of its own, to be killed at any time. */
import { execFileSync, spawn, type ChildProcess } from 'node:child_process'
import { join, resolve } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { inject } from 'vitest'

export const root = resolve(import.meta.dirname, '../..')

/** Every variable the product reads, empty: what a developer has in `.env` must not reach a test. */
export const emptyEnv = Object.fromEntries(
  [
    'TELEGRAM_BOT_TOKEN',
    'TELEGRAM_API_ROOT',
    'TELEGRAM_PROVIDER_TOKEN',
    'DATABASE_URL',
    'DATA_DIR',
    'PUBLIC_URL',
    'WEBHOOK_SECRET',
    'HOST',
    'PORT',
    'TRUST_PROXY',
    'SANDBOX_PORT',
    'SANDBOX_PACE',
    'YOOKASSA_SHOP_ID',
    'YOOKASSA_SECRET_KEY',
    'YOOKASSA_ENDPOINT',
    'PAYMENT_CALLS',
    'CDEK_CLIENT_ID',
    'CDEK_CLIENT_SECRET',
    'CDEK_ENDPOINT',
    'LOG_LEVEL',
  ].map((name) => [name, '']),
)

export type Child = {
  readonly pid: number
  readonly process: ChildProcess
  /** Everything it has written so far. */
  out(): string
  err(): string
  /** Resolves with the exit code, or the signal that ended it. */
  readonly ended: Promise<number | NodeJS.Signals | null>
  /** Resolves when it is gone. */
  kill(signal: NodeJS.Signals): Promise<number | NodeJS.Signals | null>
}

/** Nothing outlives the tests, however they end. */
const living = new Set<ChildProcess>()
process.on('exit', () => {
  for (const child of living) child.kill('SIGKILL')
})

export function spawnChild(command: string, args: string[], env: Record<string, string>): Child {
  const child = spawn(command, args, {
    cwd: root,
    env: { ...process.env, ...emptyEnv, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  living.add(child)
  child.once('exit', () => living.delete(child))
  let out = ''
  let err = ''
  child.stdout.on('data', (chunk: Buffer) => (out += chunk.toString()))
  child.stderr.on('data', (chunk: Buffer) => (err += chunk.toString()))
  const ended = new Promise<number | NodeJS.Signals | null>((done) => {
    child.once('close', (code, signal) => done(code ?? signal))
  })
  return {
    pid: child.pid ?? 0,
    process: child,
    out: () => out,
    err: () => err,
    ended,
    async kill(signal) {
      child.kill(signal)
      return ended
    },
  }
}

/** Runs a root of the product, e.g. `src/bot.ts`, as its npm script does. */
export function spawnRoot(file: string, env: Record<string, string>): Child {
  return spawnChild(process.execPath, ['--import', 'tsx', file], env)
}

/** The same for one of these, in a third of the time. */
export function spawnBundled(
  name: 'bot' | 'worker' | 'money',
  env: Record<string, string>,
  args: readonly string[] = [],
): Child {
  return spawnChild(process.execPath, [join(inject('bundledRoots'), `${name}.mjs`), ...args], env)
}

/**
 * Waits for a condition: looks again and again, for a bounded time.
 * @returns what the condition gave, once it is neither undefined nor false.
 */
export async function until<T>(
  what: string,
  look: () => T | undefined | false | Promise<T | undefined | false>,
  patienceMs = 40_000,
): Promise<T> {
  const giveUpAt = Date.now() + patienceMs
  // Looking costs the processor that is waited for.
  for (let pauseMs = 20; ; pauseMs = Math.min(pauseMs * 1.5, 200)) {
    const found = await look()
    if (found !== undefined && found !== false) return found
    if (Date.now() > giveUpAt) throw new Error(`waited ${patienceMs / 1000} s in vain: ${what}`)
    await sleep(pauseMs)
  }
}

/** A process that is there and not merely waiting to be buried, which in a container may take its while. */
export function isAlive(pid: number): boolean {
  try {
    const [state] = execFileSync('ps', ['-o', 'stat=', '-p', String(pid)], { encoding: 'utf8' }).trim()
    return state !== undefined && state !== 'Z'
  } catch {
    return false
  }
}

/** All that a process (npm, say) started, and what that started. */
export function descendantsOf(pid: number): number[] {
  const table = execFileSync('ps', ['-eo', 'pid=,ppid='], { encoding: 'utf8' })
  const pairs = table.split('\n').map((line) => line.trim().split(/\s+/).map(Number))
  const childrenOf = (parent: number): number[] =>
    pairs.flatMap(([id = 0, of]) => (of === parent ? [id, ...childrenOf(id)] : []))
  return childrenOf(pid)
}
