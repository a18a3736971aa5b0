/** The processes under measurement: started as a user would, watched through /proc, ended by us. */
import { spawn } from 'node:child_process'
import { existsSync, readFileSync, readdirSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'

export type Child = {
  pid: number
  /** Everything written to stderr so far. */
  complaints(): string
  stop(): Promise<void>
}

/**
 * Runs a TypeScript file as `npm run` would.
 * @param ready is asked until it is true. @throws with the last words of a process that ended before that.
 */
export async function startChild(
  file: string,
  env: Record<string, string>,
  ready: (output: string) => boolean | Promise<boolean>,
): Promise<Child> {
  const child = spawn(process.execPath, ['--import', 'tsx', file], {
    env: { ...process.env, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  let output = ''
  let complaints = ''
  child.stdout.on('data', (chunk: Buffer) => (output += chunk.toString()))
  child.stderr.on('data', (chunk: Buffer) => (complaints += chunk.toString()))
  const ended = new Promise<void>((done) => {
    child.once('exit', () => done())
    child.once('error', () => done())
  })
  const isOver = () => child.exitCode !== null || child.signalCode !== null
  const stop = async () => {
    if (!isOver()) child.kill('SIGTERM')
    const late = setTimeout(() => child.kill('SIGKILL'), 10_000)
    await ended
    clearTimeout(late)
  }
  for (const deadline = Date.now() + 30_000; !(await ready(output)); await sleep(25)) {
    if (!isOver() && Date.now() < deadline) continue
    await stop()
    throw new Error(`${file} did not start: ${complaints.trim() || output.trim()}`)
  }
  return { pid: child.pid ?? 0, complaints: () => complaints, stop }
}

/** The most memory a process ever held. @returns null where there is no /proc. */
export function peakMb(pid: number): number | null {
  return memoryMb(pid, 'VmHWM')
}

/** The memory a process holds now. @returns null where there is no /proc. */
export function rssMb(pid: number): number | null {
  return memoryMb(pid, 'VmRSS')
}

function memoryMb(pid: number, field: 'VmHWM' | 'VmRSS'): number | null {
  const kilobytes = new RegExp(`^${field}:\\s+(\\d+) kB`, 'm').exec(readOrNothing(`/proc/${pid}/status`))?.[1]
  return kilobytes === undefined ? null : Math.round(Number(kilobytes) / 1024)
}

/** Processor time of a process so far, in milliseconds; with `family` that of its children as well. NaN without /proc. */
export function cpuMs(pid: number, family = false): number {
  const pids = family ? [pid, ...childrenOf(pid)] : [pid]
  return pids.reduce((sum, one) => sum + ownCpuMs(one), 0)
}

/** The kernel counts in hundredths of a second on every platform that Node runs on. */
function ownCpuMs(pid: number): number {
  const fields = readOrNothing(`/proc/${pid}/stat`)
    .replace(/^.*\) /s, '')
    .split(' ')
  return (Number(fields[11]) + Number(fields[12])) * 10
}

function childrenOf(pid: number): number[] {
  if (!existsSync('/proc')) return []
  const all = readdirSync('/proc').flatMap((name) => (/^\d+$/.test(name) ? [Number(name)] : []))
  return all.filter(
    (one) =>
      readOrNothing(`/proc/${one}/stat`)
        .replace(/^.*\) /s, '')
        .split(' ')[1] === String(pid),
  )
}

function readOrNothing(path: string): string {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    return ''
  }
}
