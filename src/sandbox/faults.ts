/** Failures on order, and Telegram's pace: how a test makes the Bot API misbehave. */
import { TelegramError } from './telegram-types.ts'

export type Fault = {
  /** Method name in any case, or `*`. */
  method: string
  error_code?: number | undefined
  description?: string | undefined
  /** Seconds, told with a 429. */
  retry_after?: number | undefined
  delay_ms?: number | undefined
  /** The call takes effect, then the connection is closed without an answer. */
  drop?: boolean | undefined
  /** How many calls it hits; until cleared when left out. */
  times?: number | undefined
  /** 0 to 1; 1 when left out. */
  probability?: number | undefined
}

export type Limits = {
  global_per_second?: number | undefined
  per_chat_per_second?: number | undefined
  group_per_minute?: number | undefined
}

export type Faults = {
  list(): Fault[]
  add(fault: Fault): void
  clear(): void
  /** The first fault that hits this call, counted as used. */
  take(method: string): Fault | undefined
}

export function makeFaults(): Faults {
  let faults: Fault[] = []
  return {
    list: () => faults,
    add(fault) {
      faults.push({ ...fault })
    },
    clear() {
      faults = []
    },
    take(method) {
      if (faults.length === 0) return undefined
      const lower = method.toLowerCase()
      const found = faults.find(
        (fault) =>
          (fault.method === '*' || fault.method.toLowerCase() === lower) &&
          (fault.times === undefined || fault.times > 0) &&
          (fault.probability === undefined || Math.random() < fault.probability),
      )
      if (found?.times !== undefined && --found.times <= 0) faults = faults.filter((fault) => fault !== found)
      return found
    },
  }
}

const words: Record<number, string> = {
  400: 'Bad Request',
  401: 'Unauthorized',
  403: 'Forbidden',
  404: 'Not Found',
  409: 'Conflict',
  500: 'Internal Server Error',
  502: 'Bad Gateway',
  503: 'Service Unavailable',
  504: 'Gateway Timeout',
}

/** What a fault answers in the place of the result, or undefined when it only delays or drops. */
export function faultError(fault: Fault): TelegramError | undefined {
  const code = fault.error_code ?? (fault.retry_after === undefined ? undefined : 429)
  if (code === undefined) return undefined
  if (code === 429) return tooMany(fault.retry_after ?? 1, fault.description)
  return new TelegramError(code, fault.description ?? words[code] ?? 'Error')
}

function tooMany(seconds: number, description?: string): TelegramError {
  return new TelegramError(429, description ?? `Too Many Requests: retry after ${seconds}`, { retry_after: seconds })
}

export type Pace = {
  set(limits: Limits): void
  get(): Limits
  /**
   * Counts messages about to be sent or edited.
   * @param chatId undefined for a message known only by its inline id
   * @param nowMs milliseconds
   * @throws TelegramError 429 with `retry_after` when it would be too fast; such a call does not count.
   */
  spend(chatId: number | undefined, isGroup: boolean, count: number, nowMs: number): void
}

/** Sliding windows over the last second and minute. Edits count as sends do; an album counts each picture. */
export function makePace(): Pace {
  let limits: Limits = {}
  let windows = new Map<string, number[]>()
  return {
    set(next) {
      limits = next
      windows = new Map()
    },
    get: () => limits,
    spend(chatId, isGroup, count, nowMs) {
      const asked: { times: number[]; limit: number; span: number }[] = []
      const ask = (key: string, limit: number | undefined, span: number) => {
        if (limit === undefined) return
        const before = windows.get(key) ?? []
        const times = before.filter((time) => time > nowMs - span)
        windows.set(key, times)
        asked.push({ times, limit, span })
      }
      ask('global', limits.global_per_second, 1000)
      if (chatId !== undefined) {
        ask(`chat ${chatId}`, limits.per_chat_per_second, 1000)
        if (isGroup) ask(`group ${chatId}`, limits.group_per_minute, 60_000)
      }
      let wait = 0
      for (const { times, limit, span } of asked) {
        if (times.length === 0 || times.length + count <= limit) continue
        const freed = times[Math.max(0, Math.min(times.length, times.length + count - limit) - 1)] ?? nowMs
        wait = Math.max(wait, freed + span - nowMs)
      }
      if (wait > 0) throw tooMany(Math.max(1, Math.ceil(wait / 1000)))
      for (const { times } of asked) for (let i = 0; i < count; i++) times.push(nowMs)
    },
  }
}
