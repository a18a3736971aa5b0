/**
 * The whole product on a stage of its own: a sandbox, a database with the demo catalogue, and the bot and the worker as
 * real processes that can be killed. People act through the sandbox's person side only.
 */
import { expect } from 'vitest'
import type { Key } from '#chat/words.ts'
import { startSandbox } from '#sandbox/sandbox.ts'
import { languages, type Language } from '#domain/people.ts'
import type { Client } from '#store/db.ts'
import { faultsOfCalls } from '../support/bot-api-schema.ts'
import { cloneDatabase } from '../support/database.ts'
import { freePort } from '#store/postgres.ts'
import { spawnBundled, until, type Child } from './child.ts'
import { openFront } from './front.ts'
import { toLabelPattern, toPattern } from './words.ts'

/** As `config.ts` names the bot in the sandbox. */
const token = '1:sandbox-token-not-a-secret'

export type Mode = 'polling' | 'webhook'

export type Button = { text: string; url?: string; callback_data?: string; switch_inline_query?: string }
export type Message = {
  message_id: number
  text?: string
  caption?: string
  from?: { is_bot: boolean }
  sender_chat?: object
  via_bot?: object
  edits: number
  inline_message_id?: string
  reply_markup?: { inline_keyboard?: Button[][]; keyboard?: Button[][] }
}
export type Click = { type: string; url?: string; query?: string; answer?: { text?: string; url?: string } | null }
export type ProviderPayment = { id: string; status: string; amount: { value: string }; description?: string }
export type Parcel = { number: string; im_number?: string; status: string }

export type Person = {
  readonly id: number
  /** Writes to the bot: words, or a contact and the like. */
  say(words: string | { contact: { phone_number: string; first_name: string } }): Promise<void>
  /**
   * Waits for the newest message of the bot that says this, with what is known of the values in it.
   * @param chat the private one when left out.
   */
  sees(key: Key, params?: Record<string, string | number>, chat?: number): Promise<Message>
  /** Presses the newest button with one of these labels that they can see; in a chat of several in any language. */
  tap(label: Key | readonly Key[] | RegExp, chat?: number): Promise<Click>
  /** Presses *Pay* and pays (or is declined) at the provider. */
  pay(outcome?: 'paid' | 'declined'): Promise<void>
}

/** Nobody knows whether a repeated tap had its answer, so that it gets another: an unanswered one keeps spinning. */
export const answeredTwice = /^callback query answered more than once/

export type Stage = {
  readonly mode: Mode
  readonly db: Client
  sim<T>(method: 'GET' | 'POST' | 'DELETE', path: string, body?: object): Promise<T>
  person(name: string, language: string): Promise<Person>
  transcript(chat: number): Promise<Message[]>
  payments(): Promise<ProviderPayment[]>
  parcels(): Promise<Parcel[]>
  /** Nothing waits to be handled, done or sent. */
  settled(): Promise<void>
  bot: Part
  worker: Part
  /** How many updates the bot was given by way of the front, repeats counted. */
  updatesGiven(): number
  /**
   * Every call of the bot was right, and nothing was said that real Telegram would mis-handle.
   * @param excused problems that a repeat or a death between two calls makes unavoidable.
   */
  expectCorrectCalls(excused?: RegExp): Promise<void>
  /** What the processes complained of so far: defects, crashes. */
  complaints(): string[]
  /** For the words of a failure: the last calls, and the last that the processes wrote. */
  recently(): Promise<string[]>
  close(): Promise<void>
}

/** A process that is started again after each death. */
export type Part = {
  /** `kill -9` and a new process, which is not waited for. */
  killAndRestart(): Promise<void>
  kill(): Promise<void>
  start(): void
  isUp(): Promise<void>
  deaths(): number
}

/** @param repeats every update comes more than once, see `front.ts`. */
export async function openStage(mode: Mode, { repeats = false }: { repeats?: boolean } = {}): Promise<Stage> {
  const database = await cloneDatabase('demo')
  const { db } = database
  const port = await freePort()
  const botUrl = `http://127.0.0.1:${port}`
  const sandbox = await startSandbox({
    port: 0,
    yookassaWebhookUrl: `${botUrl}/webhooks/yookassa`,
    cdekWebhookUrl: `${botUrl}/webhooks/cdek`,
  })
  const front = await openFront({ botUrl, telegramUrl: sandbox.url, repeats })
  const env = {
    DATABASE_URL: database.url,
    TELEGRAM_API_ROOT: mode === 'polling' && repeats ? front.url : sandbox.url,
    YOOKASSA_ENDPOINT: `${sandbox.url}/yookassa/v3`,
    CDEK_ENDPOINT: `${sandbox.url}/cdek/v2`,
    PORT: String(port),
    LOG_LEVEL: 'info',
    ...(mode === 'webhook' && { PUBLIC_URL: front.url }),
  }
  const bot = createPart('bot', env)
  const worker = createPart('worker', env)
  bot.start()
  worker.start()

  const stage: Stage = {
    mode,
    db,
    bot,
    worker,
    updatesGiven: () => front.given(),
    async sim<T>(method: string, path: string, body?: object): Promise<T> {
      const response = await fetch(sandbox.url + path, {
        method,
        ...(body && { headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) }),
      })
      const answer: unknown = await response.json()
      if (!response.ok) throw new Error(`${method} ${path}: ${response.status} ${JSON.stringify(answer)}`)
      return answer as T
    },
    transcript: (chat) => stage.sim('GET', `/sim/chats/${chat}/messages`),
    async payments() {
      return (await stage.sim<{ items: ProviderPayment[] }>('GET', '/sim/yookassa/payments')).items
    },
    async parcels() {
      return (await stage.sim<{ items: Parcel[] }>('GET', '/sim/shipments')).items
    },
    async person(name, language) {
      const body = { first_name: name, language_code: language }
      const { id } = await stage.sim<{ id: number }>('POST', '/sim/people', body)
      return createPerson(stage, id, name, language.slice(0, 2) as Language)
    },
    async settled() {
      await until('everything is handled, done and sent', async () => {
        if ((await pendingUpdates()) > 0) return false
        const [waiting] = await db.$queryRaw<{ jobs: bigint; notices: bigint }[]>`
          SELECT (SELECT count(*) FROM graphile_worker._private_jobs
              WHERE (run_at <= now() OR attempts > 0) AND attempts < max_attempts) AS jobs,
            (SELECT count(*) FROM notification WHERE state IN ('due', 'sending')) AS notices`
        return waiting?.jobs === 0n && waiting.notices === 0n
      })
    },
    async expectCorrectCalls(excused) {
      const calls = await stage.sim<{ method: string; params: Record<string, unknown> }[]>('GET', '/sim/calls')
      expect(calls.length).toBeGreaterThan(10)
      expect(faultsOfCalls(calls)).toEqual([])
      const problems = await stage.sim<{ problem: string }[]>('GET', '/sim/problems')
      expect(problems.filter(({ problem }) => excused?.test(problem) !== true)).toEqual([])
      expect(stage.complaints()).toEqual([])
    },
    complaints: () => [bot, worker].flatMap((part) => complaintsIn(part.log())),
    async recently() {
      const calls = await stage.sim<{ method: string; description?: string }[]>('GET', '/sim/calls')
      return [
        ...calls.slice(-12).map(({ method, description = 'ok' }) => `${method}: ${description}`),
        `${await pendingUpdates()} updates wait`,
        ...bot.log().trim().split('\n').slice(-6),
        ...worker.log().trim().split('\n').slice(-4),
      ]
    },
    async close() {
      await Promise.all([bot.kill(), worker.kill()])
      await sandbox.close()
      await front.close()
      await database.drop()
    },
  }
  try {
    await Promise.all([bot.isUp(), worker.isUp()])
  } catch (error) {
    await stage.close()
    throw error
  }
  return stage

  async function pendingUpdates(): Promise<number> {
    const response = await fetch(`${sandbox.url}/bot${token}/getWebhookInfo`)
    return ((await response.json()) as { result: { pending_update_count: number } }).result.pending_update_count
  }
}

function createPart(name: 'bot' | 'worker', env: Record<string, string>) {
  let child: Child | undefined
  /** What the dead have written. */
  let log = ''
  let deaths = 0
  const part = {
    deaths: () => deaths,
    start() {
      child = spawnBundled(name, env)
    },
    async kill() {
      if (!child) return
      await child.kill('SIGKILL')
      log += child.err()
      child = undefined
    },
    async killAndRestart() {
      await part.kill()
      deaths += 1
      part.start()
    },
    async isUp() {
      const isUp = () => child?.out().includes(`The ${name} is up`) === true
      await until(`the ${name} is up`, () => isUp() || child?.process.exitCode !== null).catch(() => undefined)
      if (!isUp()) throw new Error(`the ${name} did not come up: ${child?.err()}`)
    },
    log: (): string => log + (child?.err() ?? ''),
  }
  return part
}

/** Pino's levels 50 and 60 are defects, and what is not Pino's is a crash. A line cut off by a kill is neither. */
function complaintsIn(log: string): string[] {
  const isFine = (line: string) => /^\{"level":[1-4]0,/.test(line) || nodesOwn.test(line)
  return log
    .split('\n')
    .slice(0, -1)
    .filter((line) => !isFine(line))
}

/** Prisma loads relations side by side on one connection of a transaction, which the driver will refuse one day. */
const nodesOwn = /DeprecationWarning: Calling client\.query\(\)|^\(Use `node --trace-deprecation/

const isBots = (message: Message) =>
  message.from?.is_bot === true || message.sender_chat !== undefined || message.via_bot !== undefined

function createPerson(stage: Stage, id: number, name: string, language: Language): Person {
  const newest = async (chat: number, fits: (message: Message) => boolean) =>
    (await stage.transcript(chat)).findLast((message) => isBots(message) && fits(message))

  return {
    id,
    async say(words) {
      await stage.sim('POST', '/sim/messages', { from: id, ...(typeof words === 'string' ? { text: words } : words) })
    },
    async sees(key, params = {}, chat = id) {
      // What stands in a chat of several is in the language of whoever put it there.
      const pattern = toPattern(key, params, chat === id ? [language] : languages)
      let last: Message[] = []
      try {
        return await until('', async () => {
          last = await stage.transcript(chat)
          return last.findLast((message) => isBots(message) && pattern.test(message.text ?? message.caption ?? ''))
        })
      } catch {
        const shown = last.slice(-3).map((message) => message.text ?? message.caption ?? JSON.stringify(message))
        throw new Error(
          [
            `${name} does not see "${key}" (${String(pattern)}), but at the end:`,
            ...shown,
            ...(await stage.recently()),
          ].join('\n---\n'),
        )
      }
    },
    async tap(wanted, chat = id) {
      const keys = typeof wanted === 'string' ? [wanted] : wanted
      const label = keys instanceof RegExp ? keys : toLabelPattern(keys, chat === id ? [language] : languages)
      // An answer has to come within ten seconds; what a person writes can wait for a bot that is being started.
      await stage.bot.isUp()
      const message = await until(`${name} sees the button ${String(wanted)}`, () =>
        newest(chat, ({ reply_markup: markup }) =>
          (markup?.inline_keyboard ?? []).flat().some(({ text }) => label.test(text)),
        ),
      )
      const button = message.reply_markup?.inline_keyboard?.flat().find(({ text }) => label.test(text))
      return stage.sim('POST', '/sim/clicks', { from: id, chat, message_id: message.message_id, text: button?.text })
    },
    async pay(outcome = 'paid') {
      // "Pay", not "Pay again": with the sum.
      const { url } = await this.tap(new RegExp(`${toLabelPattern(['button.pay'], [language]).source}.*\\d`))
      const paymentId = new URL(url ?? '').pathname.split('/').at(-1)
      await stage.sim('POST', `/sim/yookassa/${paymentId}`, { outcome })
    },
  }
}
