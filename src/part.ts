/** How a part runs as a process of its own: configuration, database, signals, exit codes. */
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { randomUUID } from 'node:crypto'
import { migrate } from '#store/migrate.ts'
import { migrateQueue } from '#store/queue.ts'
import { ConfigError, loadEnv, readConfig, type Config } from './config.ts'
import { createLog, type Logger } from './log.ts'
import type { Part } from './wiring.ts'

export function isMain(moduleUrl: string): boolean {
  return process.argv[1] !== undefined && pathToFileURL(process.argv[1]).href === moduleUrl
}

/** Brings tables and queue up to date; any number of processes may do so at once. */
export async function prepareDatabase(databaseUrl: string): Promise<void> {
  await migrate(databaseUrl)
  await migrateQueue(databaseUrl)
}

/** What `npm start` leaves for others on this machine while it runs. */
export type Running = { pid: number; instance: string; databaseUrl: string; webUrl: string; chatPage?: string }

export function runningFile(config: Config): string {
  return join(config.dataDir, 'running.json')
}

/** @returns undefined when nothing of ours runs on this data folder, whatever a killed process left behind. */
export function findRunning(config: Config): Running | undefined {
  const file = runningFile(config)
  if (!existsSync(file)) return undefined
  try {
    const running = JSON.parse(readFileSync(file, 'utf8')) as Running
    process.kill(running.pid, 0)
    // The number may have gone to a stranger since the last boot.
    const commandLine = `/proc/${running.pid}/cmdline`
    const isOurs = !existsSync(commandLine) || /start\.(ts|js)/.test(readFileSync(commandLine, 'utf8'))
    return isOurs ? running : undefined
  } catch {
    return undefined
  }
}

/** The settings, or one line that names what is wrong with them and exit code 1. */
export function configOrExit(): Config {
  try {
    loadEnv()
    return readConfig(process.env)
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error
    process.stderr.write(`${error.message}\n`)
    process.exit(1)
  }
}

/** The database of a part that runs by itself: the one that is set, or that of a running `npm start`. */
export function databaseUrlOrExit(config: Config): string {
  const url = config.database.url ?? findRunning(config)?.databaseUrl
  if (url !== undefined) return url
  process.stderr.write(
    'DATABASE_URL is missing: parts in processes of their own need one database (or a running `npm start`)\n',
  )
  process.exit(1)
}

/** Runs until SIGINT or SIGTERM, then stops cleanly with exit code 0. */
export async function runPart(
  name: string,
  start: (config: Config, databaseUrl: string, log: Logger, instance: string) => Promise<Part>,
): Promise<void> {
  const config = configOrExit()
  const log = createLog(config.log.level)
  const databaseUrl = databaseUrlOrExit(config)
  try {
    await prepareDatabase(databaseUrl)
    const part = await start(config, databaseUrl, log, randomUUID())
    process.stdout.write(`The ${name} is up.\n`)
    untilSignal(() => part.stop())
  } catch (error) {
    process.stderr.write(`The ${name} could not start: ${reasonOf(error)}\n`)
    process.exit(1)
  }
}

/** What went wrong in one line, without a stack. */
export function reasonOf(error: unknown): string {
  const message = error instanceof Error ? error.message : String(error)
  return (message || String(error)).split('\n')[0] ?? ''
}

/** Ctrl+C reaches npm and us, so the signal may come twice: the first one counts. */
export function untilSignal(stop: () => Promise<void>): void {
  let isStopping = false
  const end = () => {
    if (isStopping) return
    isStopping = true
    const deadline = setTimeout(() => {
      process.stderr.write('Stopping took over 20 seconds; leaving.\n')
      process.exit(1)
    }, 20_000)
    deadline.unref()
    stop().then(
      () => process.exit(0),
      (error: unknown) => {
        process.stderr.write(`Stopping failed: ${reasonOf(error)}\n`)
        process.exit(1)
      },
    )
  }
  process.on('SIGINT', end)
  process.on('SIGTERM', end)
  // npm hands a SIGTERM to the shell between it and us, and both die of it without a word.
  const parent = process.ppid
  if (process.env['npm_lifecycle_event'] !== undefined) {
    setInterval(() => {
      if (process.ppid !== parent) end()
    }, 200).unref()
  }
}
