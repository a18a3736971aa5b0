/** The Telegram room's front door: puts its parts together. */
import { setTimeout as sleep } from 'node:timers/promises'
import { Telegraf } from 'telegraf'
import type { Opts, Telegram, Update } from 'telegraf/types'
import type { Front, Visitor } from '#chat/front.ts'
import type { Messenger } from '#chat/messenger.ts'
import { asClientSignal, atOnce, createApi, type Log } from './api.ts'
import { classify, describeDefect } from './errors.ts'
import { createDownload } from './files.ts'
import { createInline } from './inline.ts'
import { createGate, usualPace, type Gate, type Pace } from './pace.ts'
import { createPictures, type PictureSource } from './pictures.ts'
import { createPoll } from './poll.ts'
import { createReceiver } from './receive.ts'
import { startLink } from './render.ts'
import { createRoutes, type Ctx } from './routes.ts'
import { createPost } from './send.ts'
import { createTapAnswers, usualHoldMs, type ReturnedCall } from './tap-answer.ts'
import { allowedUpdates, readUpdate } from './update.ts'
import { apologise } from './visit.ts'

export type TelegramOptions = {
  token: string
  /** Another server that speaks the Bot API; https://api.telegram.org when left out. */
  apiRoot?: string
  /** Undefined where nothing is received: a worker that only sends. */
  front: Front | undefined
  pictures: PictureSource
  /** Of the payment provider, from @BotFather: with it invoices can be shown and paid. A secret. */
  providerToken?: string
  log: Log
  pace?: Partial<Pace>
  /** Shared by all parts of one process that speak for this bot, so that they keep one pace and one pause. */
  gate?: Gate
  /** Updates handled at once; the rest waits. */
  concurrency?: number
  /** How long the answer to a tap waits for the rest of its update, to go back with the webhook's answer. */
  holdMs?: number
  /** Told of every update: `failed` is one that has to come again. Seconds include waiting for the same person's others. */
  measure?(outcome: 'done' | 'failed', seconds: number): void
}

export type BotTelegram = {
  messenger: Messenger
  /** Without `@`. */
  username: string
  /** The bot's own id: references to uploaded pictures mean nothing to another bot. */
  account: string
  /** Receives by getUpdates until stopped; removes a webhook that was set. */
  startPolling(): void
  /**
   * Handles one update from a webhook; resolves when it is handled, also if it means nothing to us.
   * @returns a call to put into the answer, which saves one of our own: the answer to a tap.
   * @throws when it could not be looked up or marked as done, and after `stop`: Telegram is to deliver it again.
   */
  handleUpdate(update: unknown): Promise<ReturnedCall | undefined>
  /** `secret`: 1-256 of `A-Z a-z 0-9 _ -`. @throws with Telegram's words. */
  setWebhook(url: string, secret: string): Promise<void>
  /** The menu of commands per language; people of any other language see the English one. @throws with Telegram's words. */
  setCommands(commands: Record<Visitor['language'], { name: string; description: string }[]>): Promise<void>
  /** Takes no more updates, finishes those under way, waits for what is being sent. */
  stop(): Promise<void>
}

/** As many as Telegram has on their way at most: what stands at the same step is asked of the database together (DECISIONS 45). */
const usualConcurrency = 100
const startPausesMs = [500, 1000, 2000, 4000, 8000, 15_000]

/**
 * Asks Telegram who we are, and makes everything ready; nothing is received yet.
 * @throws when the token is refused, or Telegram cannot be reached for half a minute.
 */
export async function createTelegram(options: TelegramOptions): Promise<BotTelegram> {
  const { token, front, log, providerToken, concurrency = usualConcurrency } = options
  const telegraf = new Telegraf<Ctx>(token, {
    // A time limit would only reject: the handler would run on, beside the person's next update.
    handlerTimeout: Infinity,
    telegram: { webhookReply: false, ...(options.apiRoot !== undefined && { apiRoot: options.apiRoot }) },
  })
  telegraf.catch((error) => {
    throw error // telegraf's own handler would print the update, which is personal
  })
  const client = telegraf.telegram
  const me = await findOutWhoWeAre(telegraf, token, log)
  telegraf.botInfo = me

  const api = createApi({ client, gate: options.gate ?? createGate({ ...usualPace, ...options.pace }), token, log })
  const pictures = createPictures(options.pictures)
  const shared = { api, username: me.username, pictures, log }
  const post = createPost({ ...shared, ...(providerToken !== undefined && { providerToken }) })
  const tapAnswers = createTapAnswers({
    call: async (payload) => post.callTapAnswer(payload),
    holdMs: options.holdMs ?? usualHoldMs,
  })
  const inline = createInline(shared)
  if (front) telegraf.use(createRoutes({ front, post, inline, tapAnswers, bot: me, token, log }))

  const receiver = createReceiver({
    concurrency,
    bot: me,
    // Checked by readUpdate as far as we look into it.
    handle: async (update) => telegraf.handleUpdate(update as Update),
  })
  const poll = createPoll({ client, token, log, take, giveUp })

  return {
    messenger: {
      name: 'telegram',
      capabilities: { inline: true, editAnyAge: true, invoices: providerToken !== undefined },
      send: async (to, message, priority) => post.send(to, message, priority),
      edit: async (ref, message, priority, isStillWanted) => post.edit(ref, message, priority, isStillWanted),
      download: createDownload({ api, root: client.options.apiRoot, token }),
      link: (payload) => startLink(me.username, payload),
    },
    username: me.username,
    account: String(me.id),
    startPolling() {
      requireFront()
      poll.start()
    },
    async handleUpdate(update) {
      requireFront()
      const held = typeof update === 'object' && update !== null ? tapAnswers.open(update) : undefined
      try {
        await take(update)
      } catch (error) {
        held?.drop()
        throw error
      }
      return held?.end()
    },
    async setWebhook(url, secret) {
      await settle('setWebhook', {
        url,
        secret_token: secret,
        allowed_updates: [...allowedUpdates],
        max_connections: Math.min(usualConcurrency, concurrency),
      })
    },
    async setCommands(commands) {
      for (const language of ['ru', 'en', 'zh'] as const) {
        const list = commands[language].map(({ name, description }) => ({ command: name, description }))
        await settle('setMyCommands', { commands: list, language_code: language })
        if (language === 'en') await settle('setMyCommands', { commands: list })
      }
    },
    async stop() {
      await Promise.all([poll.halt(), receiver.close()])
      await poll.confirm()
      await api.drained()
    },
  }

  async function take(update: unknown): Promise<void> {
    const startedAt = performance.now()
    let outcome: 'done' | 'failed' = 'failed'
    try {
      await receiver.take(update)
      outcome = 'done'
    } finally {
      options.measure?.(outcome, (performance.now() - startedAt) / 1000)
    }
  }

  function requireFront(): void {
    if (!front) throw new Error('this process only sends: it was given nobody to answer updates')
  }

  async function settle<M extends keyof Telegram>(method: M, payload: Opts<M>): Promise<void> {
    const outcome = await api.call(method, payload, atOnce, 'harmless')
    if (outcome.ok) return
    throw new Error(`${method}: ${outcome.failure.detail}`)
  }

  /** The last resort for an update that could not even be looked up: words without knowing the person. */
  async function giveUp(update: unknown, error: unknown): Promise<void> {
    const incoming = readUpdate(update, me)
    const charge = incoming?.kind === 'invoice-paid' ? incoming.charge : {}
    log.error({ updateId: incoming?.updateId, ...charge, ...describeDefect(error, token) }, 'an update was given up')
    if (!front || !incoming) return
    const answerTap = async (answer: { text?: string; alert?: boolean }) => {
      if (incoming.kind === 'tap') await post.answerTap(incoming.queryId, answer)
    }
    await apologise(incoming, front.apology(undefined, incoming.sender), { post, answerTap })
  }
}

/** The errors thrown have no `cause`: what a failed fetch says carries the token. */
async function findOutWhoWeAre(telegraf: Telegraf<Ctx>, token: string, log: Log) {
  for (const pause of [...startPausesMs, undefined]) {
    const { me, failure } = await tryGetMe(telegraf, token)
    if (me) return me
    if (failure.kind === 'unauthorized') throw new Error(`Telegram refuses the bot token: ${failure.detail}`)
    if (pause === undefined) throw new Error(`Telegram cannot be reached: ${failure.detail}`)
    log.warn({ detail: failure.detail, retryInMs: pause }, 'Telegram does not answer yet')
    await sleep(failure.kind === 'pause' ? failure.ms : pause)
  }
  throw new Error('not reached: the last pause is undefined')
}

async function tryGetMe(telegraf: Telegraf<Ctx>, token: string) {
  try {
    const signal = asClientSignal(AbortSignal.timeout(20_000))
    return { me: await telegraf.telegram.callApi('getMe', {}, { signal }) }
  } catch (error) {
    return { failure: classify(error, token) }
  }
}
