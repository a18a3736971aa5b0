/** Taps over webhook: the answer goes back with the answer to the webhook, and every tap is answered exactly once. */
import { request } from 'node:http'
import { describe, expect, onTestFinished, test, vi } from 'vitest'
import type { Front } from '#chat/front.ts'
import { startSandbox } from '#sandbox/sandbox.ts'
import type { TelegramOptions } from '#telegram/bot.ts'
import { startWeb } from '#web/server.ts'
import { faultsOfCall, loadBotApiSchema } from '../support/bot-api-schema.ts'
import { latch, made, recordingFront, startBot, startBotApi, words, type BotApi } from './support.ts'

const secret = 'right-secret'
const path = '/webhooks/telegram'

/** Our HTTP server before our bot, as `bot.ts` puts them together. On a slow machine, too, answers are held unless asked. */
async function startHook(api: { url: string }, front: Front, options: Partial<TelegramOptions> = {}) {
  const bot = await startBot(api, front, { makesReturnedCalls: false, holdMs: 60_000, ...options })
  const nothing = async () => undefined
  const log = { info: () => undefined, warn: () => undefined, error: () => undefined }
  const web = await startWeb({
    port: 0,
    host: '127.0.0.1',
    log,
    telegramWebhook: { path, secret, handle: async (update) => bot.handleUpdate(update) },
    yookassaWebhook: nothing,
    isYookassaAddress: () => false,
    cdekWebhook: nothing,
    readPicture: nothing,
    health: async () => ({ ok: true, instance: 'a' }),
  })
  onTestFinished(async () => web.close())
  const url = `http://127.0.0.1:${web.port}${path}`
  const headers = { 'content-type': 'application/json', 'x-telegram-bot-api-secret-token': secret }
  const deliver = async (update: object) => {
    const response = await fetch(url, { method: 'POST', headers, body: JSON.stringify(update) })
    return { status: response.status, body: (await response.json()) as Record<string, unknown> }
  }
  /** @returns what hangs up, as a server does that waited too long. */
  const deliverAndHangUp = (update: object) => {
    const asking = request(url, { method: 'POST', headers })
    asking.once('error', () => undefined)
    asking.end(JSON.stringify(update))
    return async () => {
      const closed = new Promise((done) => asking.once('close', done))
      asking.destroy()
      await closed
      await deliver({ update_id: 0 }) // once this is answered the server has noticed
    }
  }
  return { bot, url, deliver, deliverAndHangUp }
}

const answers = (api: BotApi) => api.callsOf('answerCallbackQuery').map(({ params }) => params)
const inResponse = (updateId: number, more: object = {}) => ({
  status: 200,
  body: { method: 'answerCallbackQuery', callback_query_id: `q${updateId}`, ...more },
})
const justOk = { status: 200, body: { ok: true } }

describe('in the answer to the webhook', () => {
  test('a tap is answered after its screen is shown and the update is marked as done, without a call', async () => {
    const api = await startBotApi()
    const { front, log } = recordingFront()
    const { deliver } = await startHook(api, front)
    expect(await deliver(made.tap(1, 7, 'x'))).toEqual(inResponse(1, { text: 'ok', show_alert: false }))
    expect(api.callsOf('editMessageText')).toHaveLength(1)
    expect(log).toContain('finish 1')
    expect(answers(api)).toEqual([])
  })

  test('what Telegram finds there is a call that the Bot API knows', async () => {
    const schema = loadBotApiSchema()
    const api = await startBotApi()
    const { front } = recordingFront({ onTap: async () => ({ toast: 'sold out', alert: true }) })
    const { deliver } = await startHook(api, front)
    const { method, ...params } = (await deliver(made.sharedTap(1, 7, 'x'))).body
    expect(method).toBe('answerCallbackQuery')
    expect(params).toEqual({ callback_query_id: 'q1', text: 'sold out', show_alert: true })
    expect(schema ? faultsOfCall(schema, String(method), params) : []).toEqual([])
  })

  test('a link into the private chat goes the same way', async () => {
    const api = await startBotApi()
    const { front } = recordingFront({ onTap: async () => ({ open: 'g-abc' }) })
    const { deliver } = await startHook(api, front)
    const url = 'https://t.me/vmeste_bot?start=g-abc'
    expect(await deliver(made.sharedTap(1, 7, 'x'))).toEqual(inResponse(1, { url }))
  })

  test('other updates bring nothing back', async () => {
    const api = await startBotApi()
    const { deliver } = await startHook(api, recordingFront().front)
    expect(await deliver(made.text(1, 7, '/start'))).toEqual(justOk)
    expect(await deliver({ update_id: 2 })).toEqual(justOk)
  })

  test('Telegram makes the call, and whoever tapped sees the words', async () => {
    const sandbox = await startSandbox({ port: 0 })
    onTestFinished(async () => sandbox.close())
    const post = async (at: string, body: object) => {
      const headers = { 'content-type': 'application/json' }
      return (await fetch(sandbox.url + at, { method: 'POST', headers, body: JSON.stringify(body) })).json()
    }
    const get = async (at: string) => (await fetch(sandbox.url + at)).json()
    const button = { ...words('a card'), rows: [[{ label: 'Next', act: 'next' }]] }
    const { front } = recordingFront({ onCommand: async () => ({ message: button }) })
    const { bot, url } = await startHook(sandbox, front)
    await bot.setWebhook(url, secret)
    await post('/sim/people', { id: 501, first_name: 'Anna' })
    await post('/sim/messages', { from: 501, text: '/start' })
    const card = await vi.waitFor(async () => {
      const shown = (await get('/sim/chats/501/messages')) as { message_id: number; text?: string }[]
      const found = shown.find(({ text }) => text === 'a card')
      if (!found) throw new Error('not yet')
      return found
    })
    const click = await post('/sim/clicks', { from: 501, chat: 501, message_id: card.message_id, text: 'Next' })
    expect(click).toMatchObject({ answer: { text: 'ok' } })
    const calls = (await get('/sim/calls?method=answerCallbackQuery')) as { ok: boolean; params: object }[]
    expect(calls).toMatchObject([{ ok: true, params: { text: 'ok', show_alert: false } }])
    expect(await get('/sim/problems')).toEqual([])
  })
})

describe('by a call of its own', () => {
  test('an answer does not wait for a screen that is slow to arrive', async () => {
    const api = await startBotApi()
    const shown = latch()
    const { front } = recordingFront({ finish: async () => shown.opened })
    const { deliver } = await startHook(api, front, { holdMs: 20 })
    const delivered = deliver(made.tap(1, 7, 'x'))
    await api.until(() => answers(api).length > 0)
    expect(answers(api)).toEqual([{ callback_query_id: 'q1', text: 'ok', show_alert: false }])
    shown.open()
    expect(await delivered).toEqual(justOk)
    expect(answers(api)).toHaveLength(1)
  })

  test('the spinner is stopped when nothing is known for long, and the answer to the webhook brings no second one', async () => {
    const api = await startBotApi()
    const thought = latch()
    const { front } = recordingFront({
      async onTap() {
        await thought.opened
        return { message: words('at last'), toast: 'late words' }
      },
    })
    const { deliver } = await startHook(api, front)
    const delivered = deliver(made.tap(1, 7, 'x'))
    await api.until(() => answers(api).length > 0)
    expect(answers(api)).toEqual([{ callback_query_id: 'q1' }])
    thought.open()
    expect(await delivered).toEqual(justOk)
    expect(answers(api)).toHaveLength(1)
  })

  test('an answer is not lost with a connection that ends during handling, and the next delivery repeats nothing', async () => {
    const api = await startBotApi()
    const begun = latch()
    const thought = latch()
    const { front, finished } = recordingFront({
      async onTap() {
        begun.open()
        await thought.opened
        return { toast: 'sold out' }
      },
    })
    const { deliver, deliverAndHangUp } = await startHook(api, front)
    const hangUp = deliverAndHangUp(made.sharedTap(1, 7, 'x'))
    await begun.opened
    await hangUp()
    thought.open()
    await api.until(() => answers(api).length > 0)
    expect(answers(api)).toEqual([{ callback_query_id: 'q1', text: 'sold out', show_alert: false }])
    expect(finished.has('1')).toBe(true)
    expect(await deliver(made.sharedTap(1, 7, 'x'))).toEqual(justOk)
    expect(answers(api)).toHaveLength(1)
  })
})

describe('exactly once', () => {
  test('a handler that throws answers with the words for a defect', async () => {
    const api = await startBotApi()
    const { front } = recordingFront({ onTap: async () => Promise.reject(new Error('broken')) })
    const { deliver } = await startHook(api, front)
    expect(await deliver(made.tap(1, 7, 'x'))).toEqual(inResponse(1, { text: 'sorry', show_alert: false }))
    expect(answers(api)).toEqual([])
  })

  test('a handler that throws after its answer was known does not give another', async () => {
    const api = await startBotApi()
    api.script('editMessageText', { error: 400, description: 'Bad Request: BUTTON_DATA_INVALID' })
    const { deliver } = await startHook(api, recordingFront().front)
    expect(await deliver(made.tap(1, 7, 'x'))).toEqual(inResponse(1, { text: 'ok', show_alert: false }))
    expect(answers(api)).toEqual([])
  })

  test('an update that could not be marked as done is answered by the delivery that could', async () => {
    const api = await startBotApi()
    let isDatabaseAway = true
    const { front, finished } = recordingFront({
      async finish({ updateId }) {
        if (isDatabaseAway) throw new Error('no database')
        finished.add(updateId)
      },
    })
    const { deliver } = await startHook(api, front)
    expect((await deliver(made.tap(1, 7, 'x'))).status).toBe(500)
    isDatabaseAway = false
    expect(await deliver(made.tap(1, 7, 'x'))).toEqual(inResponse(1, { text: 'ok', show_alert: false }))
    expect(answers(api)).toEqual([])
  })

  test('of one tap delivered three times at once only one delivery brings the answer', async () => {
    const api = await startBotApi()
    const { deliver } = await startHook(api, recordingFront().front)
    const all = await Promise.all([1, 2, 3].map(async () => deliver(made.tap(1, 7, 'x'))))
    expect(all.filter(({ body }) => 'method' in body)).toEqual([inResponse(1, { text: 'ok', show_alert: false })])
    expect(all.map(({ status }) => status)).toEqual([200, 200, 200])
    expect(api.callsOf('editMessageText')).toHaveLength(1)
    expect(answers(api)).toEqual([])
  })

  test('a tap whose answer Telegram missed is answered when it is delivered again, without a call that could fail', async () => {
    const api = await startBotApi()
    const { deliver } = await startHook(api, recordingFront().front)
    await deliver(made.tap(1, 7, 'x'))
    expect(await deliver(made.tap(1, 7, 'x'))).toEqual(inResponse(1))
    expect(api.callsOf('editMessageText')).toHaveLength(1)
    expect(answers(api)).toEqual([])
  })
})

test('polling answers taps by calls, which nothing holds back', async () => {
  const api = await startBotApi()
  const shown = latch()
  const { front } = recordingFront({ finish: async () => shown.opened })
  const bot = await startBot(api, front, { holdMs: 60_000 })
  api.queue(made.tap(1, 7, 'x'))
  bot.startPolling()
  await api.until(() => answers(api).length > 0)
  expect(answers(api)).toEqual([{ callback_query_id: 'q1', text: 'ok', show_alert: false }])
  shown.open()
  await api.until(() => api.unconfirmed().length === 0)
  expect(answers(api)).toHaveLength(1)
})
