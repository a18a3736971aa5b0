/** Every call to the Bot API but getUpdates goes through here: its turn, its time limit, 429, and what a failure means. */
import type { Telegram as Client } from 'telegraf'
import type { Opts, Telegram } from 'telegraf/types'
import { classify, type Failure } from './errors.ts'
import { createCallJson } from './http.ts'
import type { Gate, Turn } from './pace.ts'

export type Log = {
  info(o: object, m: string): void
  warn(o: object, m: string): void
  error(o: object, m: string): void
}

export type Outcome<T> = { ok: true; value: T } | { ok: false; failure: Exclude<Failure, { kind: 'pause' }> }

type Result<M extends keyof Telegram> = ReturnType<Telegram[M]>

export type Api = {
  /**
   * Makes one call when its turn comes. A 429 pauses everyone and the call is repeated: it had no effect. A connection
   * that never came about is tried again a few times. `repeat` says whether an unknown outcome may be repeated, too.
   */
  call<M extends keyof Telegram>(
    method: M,
    payload: Opts<M>,
    turn: Turn,
    repeat: 'harmless' | 'never',
  ): Promise<Outcome<Result<M>>>
  /** Resolves when no call is waiting or on its way. */
  drained(): Promise<void>
}

const callTimeoutMs = 60_000
const retryPausesMs = [300, 1000, 3000]

/** What is not counted by any chat's pace and goes first: answers to queries, settings. */
export const atOnce: Turn = { priority: 'reply', chat: undefined }

/** The message stays as it is, which is what its reader wants by now. */
const givenUp = { kind: 'unchanged', detail: 'not wanted any more' } as const

export function createApi(options: { client: Client; gate: Gate; token: string; log: Log }): Api {
  const { client, gate, token, log } = options
  const callJson = createCallJson(client.options.apiRoot, token)
  const running = new Set<Promise<unknown>>()

  return {
    async call(method, payload, turn, repeat) {
      const work = perform(method, payload, turn, repeat)
      running.add(work)
      try {
        return await work
      } finally {
        running.delete(work)
      }
    },
    async drained() {
      while (running.size > 0) await Promise.all(running)
    },
  }

  async function callOnce<M extends keyof Telegram>(method: M, payload: Opts<M>): Promise<Result<M>> {
    if (!hasUpload(payload)) return (await callJson(method, payload, callTimeoutMs)) as Result<M>
    const signal = asClientSignal(AbortSignal.timeout(callTimeoutMs))
    // A copy: telegraf turns parts of it into strings when it uploads, and a repeat needs the original.
    return client.callApi(method, { ...payload }, { signal })
  }

  async function perform<M extends keyof Telegram>(
    method: M,
    payload: Opts<M>,
    turn: Turn,
    repeat: 'harmless' | 'never',
  ): Promise<Outcome<Result<M>>> {
    let retries = 0
    for (let isRepeat = false; ; isRepeat = true) {
      await gate.enter(turn, isRepeat)
      if (turn.isStillWanted && !(await turn.isStillWanted())) return { ok: false, failure: givenUp }
      try {
        return { ok: true, value: await callOnce(method, payload) }
      } catch (error) {
        const failure = classify(error, token)
        if (failure.kind === 'pause') {
          log.warn({ method, seconds: failure.ms / 1000 }, 'Telegram asks to slow down; everything waits')
          gate.pause(failure.ms)
          continue
        }
        const isRepeatable = failure.kind === 'unsent' || (failure.kind === 'unknown' && repeat === 'harmless')
        const pause = isRepeatable ? retryPausesMs[retries++] : undefined
        if (pause === undefined) return { ok: false, failure }
        await new Promise((resolve) => setTimeout(resolve, pause))
      }
    }
  }
}

/** Our own bytes: `photo` or `document` itself, or the `media` of an edit. */
function hasUpload(payload: object): boolean {
  if ('document' in payload && typeof payload.document === 'object') return true
  const photo: unknown = 'photo' in payload ? payload.photo : undefined
  const media: unknown = 'media' in payload ? payload.media : undefined
  const inner = typeof media === 'object' && media !== null && 'media' in media ? media.media : undefined
  return typeof photo === 'object' || typeof inner === 'object'
}

type ClientSignal = NonNullable<NonNullable<Parameters<Client['callApi']>[2]>['signal']>

/** telegraf's types know only the `abort-controller` package; node-fetch takes the built-in signal as well. */
export function asClientSignal(signal: AbortSignal): ClientSignal {
  return signal as unknown as ClientSignal
}
