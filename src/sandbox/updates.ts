/**
 * How updates reach a bot: long polling, or a webhook with one queue per chat for messages and one per person for what
 * they press and ask, as Telegram keeps them. An update leaves only when it was confirmed: by the next poll's offset, or by
 * a 2xx of the webhook.
 */
import http from 'node:http'
import https from 'node:https'
import type { Update, UpdateKind } from './telegram-types.ts'
import { TelegramError } from './telegram-types.ts'

type Entry = { update: Update; lane: string; expiresMs: number }

export type PollRequest = {
  offset: number
  limit: number
  /** Seconds. */
  timeout: number
  allowedUpdates: string[] | undefined
  /** Aborted when the client hangs up. */
  signal: AbortSignal
}

export type WebhookRequest = {
  url: string
  secretToken: string | undefined
  maxConnections: number
  allowedUpdates: string[] | undefined
  dropPending: boolean
}

export type Updates = {
  /** @param lane what must arrive in order: `chat 5`, `callback 7` */
  push(kind: UpdateKind, payload: unknown, lane: string): void
  /** @throws TelegramError 409 for a second poller, and while a webhook is set */
  poll(request: PollRequest): Promise<Update[]>
  /** @returns whether anything changed */
  setWebhook(request: WebhookRequest): boolean
  deleteWebhook(dropPending: boolean): boolean
  info(): object
  /** Forgets what was not delivered yet. */
  drop(): void
  close(): void
}

/** Left out of the default, as with Telegram: it must be asked for by name. */
const askedForOnly = new Set(['chat_member', 'message_reaction', 'message_reaction_count'])

/** How long Telegram's servers keep an update, milliseconds. */
const keptMs: Partial<Record<UpdateKind, number>> = {
  callback_query: 150_000,
  shipping_query: 150_000,
  pre_checkout_query: 150_000,
  inline_query: 30_000,
  chosen_inline_result: 600_000,
}
const messageKeptMs = 24 * 3_600_000
const firstPauseMs = 200
const longestPauseMs = 30_000
const webhookTimeoutMs = 60_000
/** A poller that has just hung up may still look alive for a moment: a bot that restarts must not meet its own ghost. */
const ghostMs = 100

const conflict = (what: string) => new TelegramError(409, `Conflict: ${what}`)
const otherPoller = () =>
  conflict('terminated by other getUpdates request; make sure that only one bot instance is running')

/** A webhook as it is set at present; setting another begins a new one, whose predecessor's late answers still count. */
type Hook = WebhookRequest & {
  lanes: Map<string, { entries: Entry[]; pauseMs: number }>
  ready: string[]
  active: number
  closed: boolean
  timers: Set<NodeJS.Timeout>
  agent: http.Agent
}

type Waiter = { finish(outcome: TelegramError | undefined): void }

/** @param execute runs a method that a webhook returned as its answer; its own answer goes nowhere */
export function makeUpdates(
  now: () => number,
  execute: (method: string, params: Record<string, unknown>) => void,
): Updates {
  const pending = new Map<number, Entry>()
  // Grows over restarts of the sandbox too: a product that remembers handled updates must not take new ones for old.
  let lastId = Math.floor(now() / 1000)
  let allowed: Set<string> | undefined
  let waiter: Waiter | undefined
  let wakeUp: NodeJS.Immediate | undefined
  let hook: Hook | undefined
  /** The present one and those whose last requests are still under way. */
  const hooks = new Set<Hook>()
  let lastError: { last_error_date: number; last_error_message: string } | undefined

  function push(kind: UpdateKind, payload: unknown, lane: string): void {
    if (allowed ? !allowed.has(kind) : askedForOnly.has(kind)) return
    const update: Update = { update_id: ++lastId, [kind]: payload }
    const entry: Entry = { update, lane, expiresMs: now() + (keptMs[kind] ?? messageKeptMs) }
    pending.set(lastId, entry)
    if (hook) enqueue(hook, entry)
    else if (waiter && !wakeUp) {
      // Not at once, so that what arrives together is answered together.
      wakeUp = setImmediate(() => {
        wakeUp = undefined
        waiter?.finish(undefined)
      })
    }
  }

  function allow(list: string[] | undefined): void {
    if (list) allowed = list.length > 0 ? new Set(list) : undefined
  }

  function confirm(offset: number): void {
    if (offset < 0) {
      let surplus = pending.size + offset
      for (const id of pending.keys()) {
        if (surplus-- <= 0) break
        pending.delete(id)
      }
      return
    }
    for (const id of pending.keys()) {
      if (id >= offset) break
      pending.delete(id)
    }
  }

  function take(limit: number): Update[] {
    const updates: Update[] = []
    for (const [id, { update, expiresMs }] of pending) {
      if (updates.length >= limit) break
      if (expiresMs < now()) pending.delete(id)
      else updates.push(update)
    }
    return updates
  }

  async function poll(request: PollRequest): Promise<Update[]> {
    refusePollingWithWebhook()
    const other = waiter
    if (other) {
      await pause(ghostMs, () => waiter !== other)
      if (waiter === other) {
        other.finish(otherPoller())
        throw otherPoller()
      }
      refusePollingWithWebhook()
    }
    allow(request.allowedUpdates)
    confirm(request.offset)
    const ready = take(request.limit)
    if (ready.length > 0 || request.timeout <= 0 || request.signal.aborted) return ready
    await new Promise<void>((resolve, reject) => {
      const timer = setTimeout(() => self.finish(undefined), request.timeout * 1000)
      const hungUp = () => self.finish(undefined)
      const self: Waiter = {
        finish(outcome) {
          clearTimeout(timer)
          request.signal.removeEventListener('abort', hungUp)
          if (waiter === self) waiter = undefined
          if (outcome) reject(outcome)
          else resolve()
        },
      }
      // Two that waited for the same ghost: the later one wins.
      waiter?.finish(otherPoller())
      waiter = self
      request.signal.addEventListener('abort', hungUp)
    })
    return take(request.limit)
  }

  function refusePollingWithWebhook(): void {
    if (!hook) return
    throw conflict("can't use getUpdates method while webhook is active; use deleteWebhook to delete the webhook first")
  }

  function setWebhook(request: WebhookRequest): boolean {
    allow(request.allowedUpdates)
    if (request.dropPending) drop()
    const changed = hook?.url !== request.url
    if (!changed && hook) {
      Object.assign(hook, request)
      return false
    }
    endHook()
    waiter?.finish(conflict('terminated by setWebhook request'))
    lastError = undefined
    const secure = request.url.startsWith('https:')
    const made: Hook = {
      ...request,
      lanes: new Map(),
      ready: [],
      active: 0,
      closed: false,
      timers: new Set(),
      agent: new (secure ? https : http).Agent({ keepAlive: true }),
    }
    hook = made
    hooks.add(made)
    for (const entry of pending.values()) enqueue(made, entry)
    return true
  }

  function deleteWebhook(dropPending: boolean): boolean {
    if (dropPending) drop()
    return endHook()
  }

  function endHook(): boolean {
    if (!hook) return false
    hook.closed = true
    for (const timer of hook.timers) clearTimeout(timer)
    if (hook.active === 0) forget(hook)
    hook = undefined
    return true
  }

  /** Not before its last request: a bot may delete the webhook from inside a handler. */
  function forget(old: Hook): void {
    old.agent.destroy()
    hooks.delete(old)
  }

  function enqueue(to: Hook, entry: Entry): void {
    const lane = to.lanes.get(entry.lane)
    if (lane) {
      lane.entries.push(entry)
      return
    }
    to.lanes.set(entry.lane, { entries: [entry], pauseMs: 0 })
    to.ready.push(entry.lane)
    pump(to)
  }

  function pump(to: Hook): void {
    while (!to.closed && to.active < to.maxConnections) {
      const key = to.ready.shift()
      if (key === undefined) return
      to.active++
      void deliverNext(to, key).finally(() => {
        to.active--
        if (to.closed && to.active === 0) forget(to)
        else pump(to)
      })
    }
  }

  async function deliverNext(to: Hook, key: string): Promise<void> {
    const lane = to.lanes.get(key)
    const entry = lane?.entries[0]
    if (!lane || !entry) return
    const isStale = !pending.has(entry.update.update_id) || entry.expiresMs < now()
    const failure = isStale ? undefined : await send(to, entry.update)
    if (failure === undefined) {
      pending.delete(entry.update.update_id)
      lane.pauseMs = 0
      lane.entries.shift()
      if (lane.entries.length > 0) to.ready.push(key)
      else to.lanes.delete(key)
      return
    }
    lastError = { last_error_date: Math.floor(now() / 1000), last_error_message: failure }
    if (to.closed) return
    lane.pauseMs = Math.min(longestPauseMs, Math.max(firstPauseMs, lane.pauseMs * 2))
    const timer = setTimeout(() => {
      to.timers.delete(timer)
      to.ready.push(key)
      pump(to)
    }, lane.pauseMs)
    to.timers.add(timer)
  }

  /** @returns what went wrong, in Telegram's words, or undefined */
  async function send(to: Hook, update: Update): Promise<string | undefined> {
    try {
      const { status, reason, type, body } = await postJson(to, JSON.stringify(update))
      if (status < 200 || status > 299) return `Wrong response from the webhook: ${status} ${reason}`
      const returned = returnedMethod(type, body)
      if (returned) execute(returned.method, returned.params)
      return undefined
    } catch (error) {
      return error instanceof Error ? error.message || 'Connection refused' : String(error)
    }
  }

  function drop(): void {
    pending.clear()
    if (!hook) return
    // The one under way keeps its place, so that its answer finds it.
    for (const lane of hook.lanes.values()) lane.entries.length = Math.min(1, lane.entries.length)
  }

  return {
    push,
    poll,
    setWebhook,
    deleteWebhook,
    info: () => ({
      url: hook?.url ?? '',
      has_custom_certificate: false,
      pending_update_count: pending.size,
      ...(hook ? { max_connections: hook.maxConnections, ip_address: '127.0.0.1' } : {}),
      ...lastError,
      ...(allowed ? { allowed_updates: [...allowed] } : {}),
    }),
    drop,
    close() {
      waiter?.finish(undefined)
      if (wakeUp) clearImmediate(wakeUp)
      endHook()
      for (const old of hooks) forget(old)
    },
  }
}

function pause(ms: number, isOver: () => boolean): Promise<void> {
  return new Promise((resolve) => {
    const until = Date.now() + ms
    const look = () => {
      if (isOver() || Date.now() >= until) resolve()
      else setTimeout(look, 5)
    }
    look()
  })
}

type HookAnswer = { status: number; reason: string; type: string; body: string }

function postJson({ url, secretToken, agent }: Hook, body: string): Promise<HookAnswer> {
  return new Promise((resolve, reject) => {
    const headers: Record<string, string | number> = {
      'content-type': 'application/json',
      'content-length': Buffer.byteLength(body),
    }
    if (secretToken !== undefined) headers['x-telegram-bot-api-secret-token'] = secretToken
    const request = (url.startsWith('https:') ? https : http).request(url, { method: 'POST', agent, headers })
    request.setTimeout(webhookTimeoutMs, () => request.destroy(new Error('Read timeout expired')))
    request.on('error', reject)
    request.on('response', (response) => {
      const chunks: Buffer[] = []
      response.on('data', (chunk: Buffer) => chunks.push(chunk))
      response.on('error', reject)
      response.on('end', () => {
        resolve({
          status: response.statusCode ?? 0,
          reason: response.statusMessage ?? '',
          type: response.headers['content-type'] ?? '',
          body: Buffer.concat(chunks).toString(),
        })
      })
    })
    request.end(body)
  })
}

/** A webhook may answer with a call: `{"method": "sendMessage", …}`, or the same as a form. */
function returnedMethod(type: string, body: string): { method: string; params: Record<string, unknown> } | undefined {
  if (!body.includes('method')) return undefined
  let fields: Record<string, unknown>
  if (type.includes('application/x-www-form-urlencoded')) fields = Object.fromEntries(new URLSearchParams(body))
  else {
    try {
      const parsed: unknown = JSON.parse(body)
      if (typeof parsed !== 'object' || parsed === null || Array.isArray(parsed)) return undefined
      fields = parsed as Record<string, unknown>
    } catch {
      return undefined
    }
  }
  const { method, ...params } = fields
  return typeof method === 'string' ? { method, params } : undefined
}
