/**
 * The load: updates as Telegram would post them, and what became of them according to the sandbox. A call that a bot puts
 * into its answer is Telegram's to make, at its own expense: it is made at the end of a round, when nothing is measured.
 */
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
  /** How often each person tapped, so that no tap asks for what the message shows already. */
  taps: Map<number, number>
}

export type Sent = { customer: Customer; kind: 'tap' | 'search'; atMs: number; isAccepted: boolean }

/** `clicker` has a message with a button of the bot's and sends no updates. */
export type World = { apiUrl: string; sandboxUrl: string; clicker: { id: number; messageId: number } }

/** Of ten updates five leaf through results, two open a product, three are words typed. */
const mix = ['page', 'page', 'search', 'page', 'product', 'search', 'page', 'page', 'product', 'search'] as const

/**
 * @param productIds what taps open.
 * @param queries words that people type.
 */
export function createLoad(world: World, productIds: number[], queries: string[]) {
  const agent = new Agent({ keepAlive: true, maxSockets: 1000 })
  // Ids go on from where an earlier database may have ended; the second is in the middle of nowhere on purpose.
  let lastUpdate = 700_000_000
  let lastCall = 0
  let pressed = { queryId: '', nextUpdate: 0 }
  let returned: string[] = []

  return {
    /** As many as possible, `atOnce` under way. Ends after `maxMs`, or when everybody has sent one update. */
    async closed(bot: Bot, customers: readonly Customer[], atOnce: number, maxMs: number) {
      pressed = await press()
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
      pressed = await press()
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
      await makeReturnedCalls()
      const calls = await callsSince()
      const latencies: number[] = []
      const errors: Record<string, number> = {}
      const complain = (what: string, count = 1) => (errors[what] = (errors[what] ?? 0) + count)
      for (const { customer, kind, atMs, isAccepted } of sent) {
        if (!isAccepted) complain('not accepted by the bot')
        const shown = calls.shownTo.get(customer.id) ?? []
        calls.shownTo.delete(customer.id)
        const [first, ...doubled] = shown
        if (!first) complain('never answered')
        else if (!first.ok) complain(`refused: ${first.description}`)
        else if (first.method !== bot.shows[kind]) complain(`a ${kind} answered by ${first.method}`)
        else latencies.push(first.atMs - atMs)
        if (doubled.length > 0) complain('answered more than once', doubled.length)
      }
      const taps = bot.answersTaps ? sent.filter(({ kind }) => kind === 'tap').length : 0
      if (calls.answers !== taps) complain('taps not answered exactly once', Math.abs(calls.answers - taps))
      for (const stray of calls.shownTo.values()) complain('sent to somebody who sent nothing', stray.length)
      return { errors, latencies }
    },

    /** Forgets what the sandbox has seen so far. */
    async skip() {
      await callsSince()
    },
  }

  async function send(bot: Bot, customer: Customer, dueMs = now()): Promise<Sent> {
    const updateId = ++lastUpdate
    const { kind, update } = makeUpdate(bot, customer, updateId)
    const status = await post(bot, JSON.stringify(update)).catch(() => 0)
    return { customer, kind, atMs: dueMs, isAccepted: status >= 200 && status < 300 }
  }

  function makeUpdate(bot: Bot, customer: Customer, updateId: number) {
    const { id, messageId, searchId, results } = customer
    const what = mix[updateId % mix.length] ?? 'page'
    const from = { id, is_bot: false, first_name: 'Anna', language_code: 'ru' }
    const chat = { id, type: 'private', first_name: 'Anna' }
    const date = Math.floor(Date.now() / 1000)
    if (what === 'search') {
      const text = pick(queries, updateId)
      const message = { message_id: 1_000_000 + updateId, from, chat, date, text }
      return { kind: 'search', update: { update_id: updateId, message } } as const
    }
    const turn = (bot.taps.get(id) ?? id) + 1
    bot.taps.set(id, turn)
    const intent: Intent =
      what === 'page'
        ? { do: 'results', searchId, page: turn % results }
        : { do: 'product', productId: pick(productIds, turn) }
    const message = {
      message_id: messageId,
      from: { id: 1, is_bot: true, first_name: 'Vmeste' },
      chat,
      date,
      photo: [],
    }
    const data = intentToAct(intent)
    const callback_query = { id: pressed.queryId, from, message, chat_instance: '1', data }
    return { kind: 'tap', update: { update_id: updateId, callback_query } } as const
  }

  async function post(bot: Bot, body: string): Promise<number> {
    return new Promise((done, failed) => {
      const headers = { ...bot.headers, 'content-type': 'application/json', 'content-length': Buffer.byteLength(body) }
      const asking = request(bot.url, { method: 'POST', agent, headers }, (response) => {
        let answer = ''
        response.setEncoding('utf8')
        response.on('data', (part: string) => (answer += part))
        response.once('end', () => {
          if (answer.includes('"method"')) returned.push(answer)
          done(response.statusCode ?? 0)
        })
      })
      asking.once('error', failed)
      asking.end(body)
    })
  }

  /**
   * One real press of a button. All taps of a round carry its query, because the sandbox refuses to answer one that it
   * has not made, and would make both sides pay for the refusal. It may be answered for 15 s.
   */
  async function press() {
    const { id, messageId } = world.clicker
    const body = JSON.stringify({ from: id, chat: id, message_id: messageId, row: 0, column: 0 })
    const headers = { 'content-type': 'application/json' }
    // Resolves only when the bot under measurement answers.
    void fetch(`${world.sandboxUrl}/sim/clicks`, { method: 'POST', headers, body }).catch(() => undefined)
    const response = await fetch(`${world.apiUrl}/getUpdates?timeout=5&offset=${pressed.nextUpdate}`)
    const { result } = (await response.json()) as { result: { update_id: number; callback_query: { id: string } }[] }
    const update = result.at(-1)
    if (!update) throw new Error('the sandbox made no update of a click')
    return { queryId: update.callback_query.id, nextUpdate: update.update_id + 1 }
  }

  /** A round is shorter than the 15 s in which a tap can be answered. */
  async function makeReturnedCalls() {
    const waiting = returned
    returned = []
    await Promise.all(
      Array.from({ length: 16 }, async () => {
        for (let body = waiting.pop(); body !== undefined; body = waiting.pop()) {
          const { method, ...params } = JSON.parse(body) as { method: string }
          const headers = { 'content-type': 'application/json' }
          await (
            await fetch(`${world.apiUrl}/${method}`, { method: 'POST', headers, body: JSON.stringify(params) })
          ).text()
        }
      }),
    )
  }

  async function callsSince() {
    await fetch(`${world.apiUrl}/getMe`) // its own number is where the next look begins
    const marks = (await getJson(`/sim/calls?method=getMe&after=${lastCall}`)) as { seq: number }[]
    const calls = (await getJson(`/sim/calls?after=${lastCall}`)) as Call[]
    lastCall = marks.at(-1)?.seq ?? lastCall
    const shownTo = new Map<number, { method: string; ok: boolean; description: string; atMs: number }[]>()
    let answers = 0
    for (const { method, ok, description = '', at, params } of calls) {
      const { chat_id: chat, callback_query_id: queryId } = params
      if (queryId !== undefined && ok) answers += 1
      if (chat === undefined) continue
      const shown = shownTo.get(chat) ?? []
      shown.push({ method, ok, description, atMs: Date.parse(at) })
      shownTo.set(chat, shown)
    }
    return { shownTo, answers }
  }

  async function getJson(path: string): Promise<unknown> {
    return (await fetch(world.sandboxUrl + path)).json()
  }
}

type Call = {
  method: string
  ok: boolean
  description?: string
  at: string
  params: { chat_id?: number; callback_query_id?: string }
}

export function pick<T>(values: readonly T[], at: number): T {
  const value = values[at % values.length]
  if (value === undefined) throw new Error('nothing to pick from')
  return value
}

/** Milliseconds since 1970, finer than Date: the sandbox writes such times too. */
const now = () => performance.timeOrigin + performance.now()
