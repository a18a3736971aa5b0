/**
 * The getUpdates loop. telegraf's own confirms a batch by asking for the next one, whatever became of it, and waits for
 * the slowest; this one confirms an update only when it and all before it are handled, and goes on meanwhile.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import type { Telegram as Client } from 'telegraf'
import { asClientSignal, type Log } from './api.ts'
import { classify } from './errors.ts'
import { allowedUpdates, readUpdateId, tellsOfPayment } from './update.ts'

/** Telegram's most for one call. Behind an update that hangs, so many more are handled and then the loop waits. */
const batchMax = 100
const longPollSeconds = 30
/** How often to look for more while some are being handled: Telegram answers at once with those, too. */
const gapMs = { least: 100, most: 400 }
const retryMs = { least: 500, most: 30_000 }
/** Waits before an update whose handling was impossible (the database is away) is tried again. */
const updateRetriesMs = [300, 1000, 3000, 10_000]
/** Ten minutes more for one that tells of money taken; after that it is for reconciliation, and others wait no longer. */
const paymentRetriesMs = [...updateRetriesMs, ...Array<number>(20).fill(30_000)]

export type Poll = {
  /** Runs until stopped, or until Telegram refuses the token. Never rejects. */
  start(): void
  /** Asks for no more updates. Those under way go on. */
  halt(): Promise<void>
  /** Confirms what was handled; call when all is. */
  confirm(): Promise<void>
}

export function createPoll(options: {
  client: Client
  token: string
  log: Log
  /** Resolves when the update is handled; rejects when it could not even be looked up. */
  take(update: unknown): Promise<void>
  /** The update is given up after several tries. */
  giveUp(update: unknown, error: unknown): Promise<void>
}): Poll {
  const { client, token, log } = options
  const stopping = new AbortController()
  /** Fetched and not confirmed, in order; true when handled. */
  const fetched = new Map<number, boolean>()
  const underWay = new Set<Promise<void>>()
  let offset = 0
  let running: Promise<void> | undefined
  let wakeUp: () => void = () => undefined

  return {
    start() {
      running ??= loop()
    },
    async halt() {
      stopping.abort()
      wakeUp()
      await running
    },
    async confirm() {
      await Promise.all(underWay)
      if (offset === 0) return
      try {
        await getUpdates({ limit: 1, timeout: 0 }, AbortSignal.timeout(5000))
      } catch (error) {
        log.info({ failure: classify(error, token) }, 'handled updates could not be confirmed; they are known by id')
      }
    },
  }

  async function loop(): Promise<void> {
    let retryPause = retryMs.least
    let gap = gapMs.least
    let isWebhookRemoved = false
    while (!stopping.signal.aborted) {
      try {
        if (!isWebhookRemoved) await client.callApi('deleteWebhook', {}, { signal: asClientSignal(stopping.signal) })
        isWebhookRemoved = true
        const signal = AbortSignal.any([stopping.signal, AbortSignal.timeout((longPollSeconds + 15) * 1000)])
        const updates = await getUpdates({ limit: batchMax, timeout: longPollSeconds }, signal)
        retryPause = retryMs.least
        gap = updates.filter(begin).length > 0 ? gapMs.least : Math.min(gap * 2, gapMs.most)
        const isStrange = updates.some((update) => readUpdateId(update) === undefined) // would come back at once
        if (fetched.size > 0 || isStrange) await idleOr(gap)
      } catch (error) {
        if (stopping.signal.aborted) return
        const failure = classify(error, token)
        if (failure.kind === 'unauthorized') {
          log.error({ detail: failure.detail }, 'Telegram refuses the bot token; no more updates are received')
          return
        }
        const pause = failure.kind === 'pause' ? failure.ms : retryPause
        retryPause = Math.min(retryPause * 2, retryMs.most)
        if (failure.kind === 'conflict' && failure.detail.includes('webhook')) isWebhookRemoved = false
        const what =
          failure.kind === 'conflict'
            ? 'another process receives the updates of this bot, or a webhook is set; only one may'
            : 'updates could not be fetched'
        log.warn({ failure, retryInMs: pause }, what)
        await sleep(pause, undefined, { signal: stopping.signal }).catch(() => undefined)
      }
    }
  }

  async function getUpdates(limits: { limit: number; timeout: number }, signal: AbortSignal): Promise<unknown[]> {
    const payload = { offset, ...limits, allowed_updates: [...allowedUpdates] }
    const updates: unknown = await client.callApi('getUpdates', payload, { signal: asClientSignal(signal) })
    return Array.isArray(updates) ? updates : []
  }

  /** @returns whether it is new. */
  function begin(update: unknown): boolean {
    const id = readUpdateId(update)
    if (id === undefined || id < offset || fetched.has(id)) return false
    fetched.set(id, false)
    const work = handle(update).then((isHandled) => {
      underWay.delete(work)
      if (!isHandled) return
      fetched.set(id, true)
      advance()
    })
    underWay.add(work)
    return true
  }

  /** @returns false if it was left for the next process. */
  async function handle(update: unknown): Promise<boolean> {
    for (const pause of [...(tellsOfPayment(update) ? paymentRetriesMs : updateRetriesMs), undefined]) {
      try {
        await options.take(update)
        return true
      } catch (error) {
        if (stopping.signal.aborted) return false
        if (pause === undefined) await options.giveUp(update, error).catch(() => undefined)
        else await sleep(pause, undefined, { signal: stopping.signal }).catch(() => undefined)
        if (stopping.signal.aborted) return false
      }
    }
    return true
  }

  function advance(): void {
    for (const [id, isHandled] of fetched) {
      if (!isHandled) break
      fetched.delete(id)
      offset = id + 1
    }
    if (fetched.size === 0) wakeUp()
  }

  /** Waits until nothing is under way, but no longer than the gap. */
  async function idleOr(ms: number): Promise<void> {
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, ms)
      wakeUp = () => {
        clearTimeout(timer)
        resolve()
      }
    })
  }
}
