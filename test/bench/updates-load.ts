/** The load: updates as Telegram would post them, and what became of them according to the sandbox. */
import { Agent, request } from 'node:http'
import { setTimeout as sleep } from 'node:timers/promises'
import { intentToAct, type Intent } from '#chat/intent.ts'

/** `messageId` is a photo of the bot's in their chat: what their taps edit. */
export type Customer = { id: number; messageId: number; searchId: number; results: number }

export type Bot = {
  url: string
  headers: Record<string, string>
  /** What it shows an update with, and whether it stops the spinner of a tap, too. */
  shows: { tap: string; search: string }
  answersTaps: boolean
}

export type Sent = { customer: Customer; kind: 'tap' | 'search'; queryId: string; atMs: number; isAccepted: boolean }

export type Load = ReturnType<typeof createLoad>

/** Of ten updates five leaf through results, two open a product, three are words typed. */
const mix = ['page', 'page', 'search', 'page', 'product', 'search', 'page', 'page', 'product', 'search'] as const

/**
 * @param productIds what taps open.
 * @param queries words that people type.
 */
export function createLoad(bots: { apiUrl: string; sandboxUrl: string }, productIds: number[], queries: string[]) {
  const agent = new Agent({ keepAlive: true, maxSockets: 1000 })
  // Ids go on from where an earlier database may have ended; the second is in the middle of nowhere on purpose.
  let lastUpdate = 700_000_000
  let lastCall = 0

  return {
    /** As many as possible, `atOnce` under way. Ends after `maxMs`, or when everybody has sent one update. */
    async closed(bot: Bot, customers: readonly Customer[], atOnce: number, maxMs: number) {
      const sent: Sent[] = []
      const startedAt = performance.now()
      let next = 0
      const person = async () => {
        while (performance.now() - startedAt < maxMs) {
          const customer = customers[next++]
          if (!customer) return
          sent.push(await send(bot, customer))
        }
      }
      await Promise.all(Array.from({ length: atOnce }, person))
      return { sent, seconds: (performance.now() - startedAt) / 1000 }
    },

    /**
     * At random moments, so many a second on average, however slow the answers are. Times count from when an update was
     * due, so that a late start of ours is not to the bot's credit.
     */
    async open(bot: Bot, customers: readonly Customer[], perSecond: number, maxMs: number) {
      const sending: Promise<Sent>[] = []
      const startedAt = now()
      let due = startedAt
      for (const customer of customers) {
        due += (-Math.log(1 - Math.random()) / perSecond) * 1000
        if (due - startedAt > maxMs) break
        if (due > now()) await sleep(due - now())
        sending.push(send(bot, customer, due))
      }
      return { sent: await Promise.all(sending), seconds: (now() - startedAt) / 1000 }
    },

    /** What the sandbox has seen since it was asked last. Each person may have sent one update since then. */
    async check(bot: Bot, sent: readonly Sent[]) {
      const calls = await callsSince()
      const latencies: number[] = []
      let errors = 0
      const complain = (count: number) => (errors += count)
      for (const { customer, kind, queryId, atMs, isAccepted } of sent) {
        if (!isAccepted) complain(1)
        const shown = calls.shownTo.get(customer.id) ?? []
        calls.shownTo.delete(customer.id)
        const [first, ...doubled] = shown
        if (!first?.ok || first.method !== bot.shows[kind]) complain(1)
        else latencies.push(first.atMs - atMs)
        complain(doubled.length)
        const answers = calls.answered.get(queryId) ?? 0
        if (answers !== (kind === 'tap' && bot.answersTaps ? 1 : 0)) complain(1)
      }
      // To people who sent nothing.
      for (const stray of calls.shownTo.values()) complain(stray.length)
      return { errors, latencies }
    },

    /** Forgets what the sandbox has seen so far. */
    async skip() {
      await callsSince()
    },
  }

  async function send(bot: Bot, customer: Customer, dueMs = now()): Promise<Sent> {
    const updateId = ++lastUpdate
    const { kind, queryId, update } = makeUpdate(customer, updateId)
    const status = await post(bot, JSON.stringify(update)).catch(() => 0)
    return { customer, kind, queryId, atMs: dueMs, isAccepted: status >= 200 && status < 300 }
  }

  function makeUpdate({ id, messageId, searchId, results }: Customer, updateId: number) {
    const what = mix[updateId % mix.length] ?? 'page'
    const from = { id, is_bot: false, first_name: 'Anna', language_code: 'ru' }
    const chat = { id, type: 'private', first_name: 'Anna' }
    const date = Math.floor(Date.now() / 1000)
    if (what === 'search') {
      const text = pick(queries, updateId)
      const message = { message_id: 1_000_000 + updateId, from, chat, date, text }
      return { kind: 'search', queryId: '', update: { update_id: updateId, message } } as const
    }
    const intent: Intent =
      what === 'page'
        ? { do: 'results', searchId, page: Math.floor(updateId / mix.length) % results }
        : { do: 'product', productId: pick(productIds, updateId) }
    const queryId = `9${updateId}`
    const message = {
      message_id: messageId,
      from: { id: 1, is_bot: true, first_name: 'Vmeste' },
      chat,
      date,
      photo: [],
    }
    const data = intentToAct(intent)
    const callback_query = { id: queryId, from, message, chat_instance: '1', data }
    return { kind: 'tap', queryId, update: { update_id: updateId, callback_query } } as const
  }

  async function post(bot: Bot, body: string): Promise<number> {
    return new Promise((done, failed) => {
      const headers = { ...bot.headers, 'content-type': 'application/json', 'content-length': Buffer.byteLength(body) }
      const asking = request(bot.url, { method: 'POST', agent, headers }, (response) => {
        response.resume()
        response.once('end', () => done(response.statusCode ?? 0))
      })
      asking.once('error', failed)
      asking.end(body)
    })
  }

  /**
   * The sandbox does not know the queries of taps that it has not made, so it refuses their answers as too late: only
   * that there was exactly one is looked at.
   */
  async function callsSince() {
    await fetch(`${bots.apiUrl}/getMe`) // its own number is where the next look begins
    const marks = (await getJson(`/sim/calls?method=getMe&after=${lastCall}`)) as { seq: number }[]
    const calls = (await getJson(`/sim/calls?after=${lastCall}`)) as Call[]
    lastCall = marks.at(-1)?.seq ?? lastCall
    const shownTo = new Map<number, { method: string; ok: boolean; atMs: number }[]>()
    const answered = new Map<string, number>()
    for (const { method, ok, at, params } of calls) {
      const { chat_id: chat, callback_query_id: queryId } = params
      if (queryId !== undefined) answered.set(queryId, (answered.get(queryId) ?? 0) + 1)
      if (chat === undefined) continue
      const shown = shownTo.get(chat) ?? []
      shown.push({ method, ok, atMs: Date.parse(at) })
      shownTo.set(chat, shown)
    }
    return { shownTo, answered }
  }

  async function getJson(path: string): Promise<unknown> {
    return (await fetch(bots.sandboxUrl + path)).json()
  }
}

type Call = { method: string; ok: boolean; at: string; params: { chat_id?: number; callback_query_id?: string } }

function pick<T>(values: readonly T[], at: number): T {
  const value = values[at % values.length]
  if (value === undefined) throw new Error('nothing to pick from')
  return value
}

/** Milliseconds since 1970, finer than Date: the sandbox writes such times too. */
const now = () => performance.timeOrigin + performance.now()
