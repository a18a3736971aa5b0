/** A small scripted Bot API and a front that records, for tests that need to control every answer. */
import { createServer, type IncomingMessage } from 'node:http'
import type { AddressInfo } from 'node:net'
import { expect, onTestFinished } from 'vitest'
import type { Front, Visitor } from '#chat/front.ts'
import type { Message } from '#chat/screen.ts'
import { createTelegram, type BotTelegram, type TelegramOptions } from '#telegram/bot.ts'
import { faultsOfCalls } from '../support/bot-api-schema.ts'

export const token = '42:secret-token-of-the-test'

export type Call = { method: string; params: Record<string, unknown>; body: string; at: number }
/** What a scripted call answers: a result, an error of Telegram's, or a connection that dies after the call was read. */
export type Scripted =
  | { result: unknown }
  | { error: number; description: string; parameters?: Record<string, number> }
  | { status: number }
  | { drop: true }
  /** As usual, once this has come about. */
  | { after: Promise<void> }
  /** Something in between answers instead of Telegram. */
  | { foreign: string }

export type BotApi = {
  url: string
  calls: Call[]
  /** Paths that were asked for as files. */
  filesAsked: string[]
  callsOf(method: string): Call[]
  /** Answers the next calls of a method so, in this order; then as usual. */
  script(method: string, ...answers: Scripted[]): void
  /** Puts updates where getUpdates finds them until they are confirmed. */
  queue(...updates: { update_id: number }[]): void
  unconfirmed(): number[]
  /** Resolves at the first moment when this is so. */
  until(condition: () => boolean): Promise<void>
}

export async function startBotApi(): Promise<BotApi> {
  const calls: Call[] = []
  const filesAsked: string[] = []
  const scripts = new Map<string, Scripted[]>()
  let updates: { update_id: number }[] = []
  let messageId = 1000
  const changed = new EventTarget()
  const change = () => changed.dispatchEvent(new Event('change'))

  const usual = async (method: string, params: Record<string, unknown>, closed: AbortSignal): Promise<unknown> => {
    if (method === 'getMe') return { id: 42, is_bot: true, first_name: 'Vmeste', username: 'vmeste_bot' }
    if (method === 'getUpdates') {
      const offset = Number(params['offset'] ?? 0)
      updates = updates.filter((update) => update.update_id >= offset)
      change()
      const deadline = Date.now() + Number(params['timeout'] ?? 0) * 1000
      while (updates.length === 0 && Date.now() < deadline && !closed.aborted) await nextChange(deadline, closed)
      return updates.slice(0, 100)
    }
    if (/^send|^edit/.test(method)) {
      const hasPhoto = /photo|media/i.test(method)
      return {
        message_id: ++messageId,
        date: 1,
        chat: { id: Number(params['chat_id'] ?? 0), type: 'private' },
        ...(hasPhoto ? { photo: [{ file_id: 'small' }, { file_id: 'large' }] } : { text: '' }),
      }
    }
    return true
  }
  const nextChange = async (deadline: number, closed: AbortSignal) => {
    await new Promise<void>((resolve) => {
      const end = () => {
        clearTimeout(timer)
        changed.removeEventListener('change', end)
        closed.removeEventListener('abort', end)
        resolve()
      }
      const timer = setTimeout(end, Math.min(2 ** 30, deadline - Date.now()))
      changed.addEventListener('change', end, { once: true })
      closed.addEventListener('abort', end, { once: true })
    })
  }

  const server = createServer((request, response) => {
    void (async () => {
      const method = request.url?.split('/').at(-1) ?? ''
      const body = await readBody(request)
      const isJson = request.headers['content-type']?.includes('json')
      const params = isJson && body !== '' ? (JSON.parse(body) as Record<string, unknown>) : {}
      // Files lie beside the API and are no calls of it.
      if (request.url?.startsWith('/file/') === true) filesAsked.push(request.url)
      else calls.push({ method, params, body, at: performance.now() })
      change()
      const closed = new AbortController()
      response.on('close', () => closed.abort())
      const scripted = scripts.get(method)?.shift()
      if (scripted && 'after' in scripted) await scripted.after
      const isUsual = !scripted || 'after' in scripted
      const answer = isUsual ? { result: await usual(method, params, closed.signal) } : scripted
      if ('drop' in answer) {
        request.socket.destroy()
        return
      }
      if ('foreign' in answer) {
        response.writeHead(200).end(answer.foreign)
        return
      }
      const status = 'status' in answer ? answer.status : 'error' in answer ? answer.error : 200
      const payload =
        'result' in answer
          ? { ok: true, result: answer.result }
          : 'error' in answer
            ? { ok: false, error_code: answer.error, ...answer, error: undefined }
            : {}
      response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(payload))
    })()
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  onTestFinished(async () => {
    server.closeAllConnections()
    await new Promise((resolve) => server.close(resolve))
  })
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    calls,
    filesAsked,
    callsOf: (method) => calls.filter((call) => call.method === method),
    script(method, ...answers) {
      scripts.set(method, [...(scripts.get(method) ?? []), ...answers])
    },
    queue(...more) {
      updates = [...updates, ...more]
      change()
    },
    unconfirmed: () => updates.map((update) => update.update_id),
    async until(condition) {
      const never = new AbortController().signal
      while (!condition()) await nextChange(Date.now() + 20, never)
    },
  }
}

async function readBody(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = []
  for await (const chunk of request) chunks.push(chunk as Buffer)
  return Buffer.concat(chunks).toString('utf8')
}

export type Recorded = { front: Front; log: string[]; finished: Set<string> }

/** A front that answers every command, text and tap with one screen and writes down what it was asked. */
export function recordingFront(overrides: Partial<Front> = {}): Recorded {
  const log: string[] = []
  const finished = new Set<string>()
  const front: Front = {
    async begin({ sender, updateId }, opensChat) {
      if (finished.has(updateId)) return { handled: true }
      log.push(`begin ${updateId}${opensChat ? ' opens' : ''}`)
      return { handled: false, visitor: visitor({ sender, requestKey: updateId }) }
    },
    async onCommand(_visitor, name, payload) {
      log.push(`command ${name} ${payload}`.trim())
      return { message: words(`/${name}`) }
    },
    async onAnswer(_visitor, step, answer) {
      log.push(`answer ${step} ${JSON.stringify(answer)}`)
      return { message: words('answered') }
    },
    async onTap(_visitor, act, place, ref) {
      log.push(`tap ${act} ${place} ${ref}`)
      return { message: words('tapped'), toast: 'ok' }
    },
    async onInline(_visitor, query, offset) {
      log.push(`inline ${query} ${offset}`.trim())
      return { cards: [], nextOffset: '', personal: true }
    },
    async onInlineChosen(_visitor, cardId, ref) {
      log.push(`chosen ${cardId} ${ref}`)
    },
    async onChannel(_visitor, channel, isAdmin) {
      log.push(`channel ${channel.externalId} ${channel.title} ${isAdmin}`)
    },
    async onBlocked(_visitor, blocked) {
      log.push(`blocked ${blocked}`)
    },
    async onInvoiceAsked(_visitor, { payload, amount, currency }) {
      log.push(`asked ${payload} ${amount} ${currency}`)
      return undefined
    },
    async onInvoicePaid(_visitor, { payload, amount, currency }, { chargeId, acquirerId }) {
      log.push(`paid ${payload} ${amount} ${currency} ${chargeId} ${acquirerId}`)
      return { message: words('thanks') }
    },
    leave: async () => undefined,
    apology: () => ({ message: words('sorry'), toast: 'sorry' }),
    async follow(_visitor, follows, ref) {
      log.push(`follow ${JSON.stringify(follows)} ${ref}`)
    },
    async finish({ updateId }) {
      log.push(`finish ${updateId}`)
      finished.add(updateId)
    },
    ...overrides,
  }
  return { front, log, finished }
}

export function visitor(part: Partial<Visitor> & Pick<Visitor, 'sender'>): Visitor {
  return { personId: Number(part.sender.externalId), language: 'en', step: 'none', requestKey: '', ...part }
}

export function words(text: string): Message {
  return { text: [{ text }], rows: [] }
}

export type TestBot = BotTelegram & { logged: { level: string; o: object; m: string }[] }

/**
 * A bot on the scripted server; paces are out of the way unless given. Stopped when the test ends.
 * @param options.makesReturnedCalls as Telegram does with what `handleUpdate` returns.
 */
export async function startBot(
  api: { url: string },
  front: Front | undefined,
  { makesReturnedCalls = true, ...options }: Partial<TelegramOptions> & { makesReturnedCalls?: boolean } = {},
): Promise<TestBot> {
  const logged: TestBot['logged'] = []
  const note = (level: string) => (o: object, m: string) => void logged.push({ level, o, m })
  const bot = await createTelegram({
    token,
    apiRoot: api.url,
    front,
    pictures: {
      read: async () => undefined,
      remembered: async () => undefined,
      remember: async () => undefined,
    },
    log: { info: note('info'), warn: note('warn'), error: note('error') },
    pace: { bulkPerSecond: 1000, chatPerSecond: 1000, replyBurst: 100, groupPerMinute: 10_000 },
    ...options,
  })
  onTestFinished(async () => {
    await bot.stop()
    expect(faultsOfCalls(await callsTo(api))).toEqual([])
  })
  return {
    ...bot,
    logged,
    async handleUpdate(update) {
      const returned = await bot.handleUpdate(update)
      if (returned && makesReturnedCalls) await makeReturnedCall(api.url, returned.body)
      return returned
    },
  }
}

/** What a scripted server, or the sandbox, was asked. An upload is left out: its parameters are not JSON. */
async function callsTo(api: { url: string } | BotApi): Promise<Pick<Call, 'method' | 'params'>[]> {
  if ('calls' in api) return api.calls.filter(({ body }) => body === '' || body.startsWith('{'))
  return (await fetch(`${api.url}/sim/calls`)).json() as Promise<Pick<Call, 'method' | 'params'>[]>
}

async function makeReturnedCall(url: string, { method, ...params }: { method: string }): Promise<void> {
  const headers = { 'content-type': 'application/json' }
  await fetch(`${url}/bot${token}/${method}`, { method: 'POST', headers, body: JSON.stringify(params) })
}

const user = (id: number) => ({ id, is_bot: false, first_name: `Person ${id}`, language_code: 'ru' })

const invoice = { invoice_payload: 'payment-1', total_amount: 150_00, currency: 'RUB' }

/** Updates as Telegram writes them. */
export const made = {
  text: (update_id: number, from: number, text: string, more: object = {}) => ({
    update_id,
    message: { message_id: update_id, date: 1, from: user(from), chat: { id: from, type: 'private' }, text, ...more },
  }),
  tap: (update_id: number, from: number, data: string, message: object = {}) => ({
    update_id,
    callback_query: {
      id: `q${update_id}`,
      from: user(from),
      chat_instance: '1',
      data,
      message: { message_id: 7, date: 1, chat: { id: from, type: 'private' }, text: 'before', ...message },
    },
  }),
  sharedTap: (update_id: number, from: number, data: string) => ({
    update_id,
    callback_query: { id: `q${update_id}`, from: user(from), chat_instance: '1', data, inline_message_id: 'INL' },
  }),
  inline: (update_id: number, from: number, query: string) => ({
    update_id,
    inline_query: { id: `iq${update_id}`, from: user(from), query, offset: '' },
  }),
  chosen: (update_id: number, from: number, result_id: string) => ({
    update_id,
    chosen_inline_result: { result_id, from: user(from), query: '', inline_message_id: 'INL' },
  }),
  invoiceAsked: (update_id: number, from: number, more: object = {}) => ({
    update_id,
    pre_checkout_query: { id: `pq${update_id}`, from: user(from), ...invoice, ...more },
  }),
  invoicePaid: (update_id: number, from: number, more: object = {}) => ({
    update_id,
    message: {
      message_id: update_id,
      date: 1,
      from: user(from),
      chat: { id: from, type: 'private' },
      successful_payment: {
        ...invoice,
        telegram_payment_charge_id: 'tg_1',
        provider_payment_charge_id: 'acq_1',
        ...more,
      },
    },
  }),
  membership: (update_id: number, from: number, chat: object, status: string) => ({
    update_id,
    my_chat_member: {
      from: user(from),
      chat,
      date: 1,
      old_chat_member: { status: 'left', user: user(42) },
      new_chat_member: { status, user: user(42) },
    },
  }),
}

/** Something that is waited for and opened by hand. */
export function latch(): { opened: Promise<void>; open(): void } {
  let open: () => void = () => undefined
  const opened = new Promise<void>((resolve) => {
    open = resolve
  })
  return { opened, open: () => open() }
}
