import http from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterEach, describe, expect, test } from 'vitest'
import { token, useSandbox, type Json } from './sim-driver.ts'

const box = useSandbox()
const otherPoller = 'Conflict: terminated by other getUpdates request; make sure that only one bot instance is running'

describe('long polling', () => {
  test('waits for an update and gives it again until the offset confirms it', async () => {
    const from = await box.person()
    const poll = box.ask('getUpdates', { timeout: 20 })
    await box.post('/sim/messages', { from, text: 'hello' })
    const [update] = await poll
    expect(update.message).toMatchObject({ text: 'hello', from: { id: from }, chat: { id: from, type: 'private' } })
    expect(await box.ask('getUpdates')).toEqual([update])
    expect(await box.ask('getUpdates', { offset: update.update_id + 1 })).toEqual([])
    expect(await box.ask('getUpdates')).toEqual([])
  })

  test('gives at most `limit`, in growing order, and the last ones for a negative offset', async () => {
    const from = await box.person()
    for (const text of ['a', 'b', 'c']) await box.post('/sim/messages', { from, text })
    const ids = (await box.ask('getUpdates')).map(({ update_id }: Json) => update_id)
    expect(ids).toEqual([ids[0], ids[0] + 1, ids[0] + 2])
    expect(await box.ask('getUpdates', { limit: 2 })).toHaveLength(2)
    expect((await box.ask('getUpdates', { offset: -1 })).map(({ message }: Json) => message.text)).toEqual(['c'])
    expect(await box.ask('getUpdates')).toHaveLength(1)
    await box.updates()
  })

  test('ends with nothing when its time is over', async () => {
    expect(await box.ask('getUpdates', { timeout: 1 })).toEqual([])
  })

  test('two pollers at once conflict, in Telegram words; the next one is served', async () => {
    const first = box.bot('getUpdates', { timeout: 20 })
    const second = box.bot('getUpdates', { timeout: 20 })
    expect([await first, await second]).toEqual([
      { ok: false, error_code: 409, description: otherPoller },
      { ok: false, error_code: 409, description: otherPoller },
    ])
    expect((await box.bot('getUpdates')).ok).toBe(true)
  })

  test('a poller whose client hung up conflicts with nobody', async () => {
    const control = new AbortController()
    const url = `${box.url}/bot${token}/getUpdates?timeout=20`
    const ghost = fetch(url, { signal: control.signal }).catch(() => 'gone')
    await box.bot('getMe')
    control.abort()
    expect(await ghost).toBe('gone')
    expect((await box.bot('getUpdates')).ok).toBe(true)
  })

  test('only the allowed kinds arrive, and the choice stays', async () => {
    const from = await box.person()
    await box.ask('getUpdates', { allowed_updates: ['inline_query'] })
    await box.post('/sim/messages', { from, text: 'unseen' })
    expect(await box.ask('getUpdates')).toEqual([])
    await box.ask('getUpdates', { allowed_updates: [] })
    await box.post('/sim/messages', { from, text: 'seen' })
    expect(await box.updates()).toHaveLength(1)
  })
})

describe('a webhook', () => {
  type Seen = { update: Json; headers: http.IncomingHttpHeaders; answer: (status: number, body?: string) => void }
  let closers: (() => Promise<void>)[] = []
  afterEach(async () => {
    for (const close of closers) await close()
    closers = []
  })

  /** A bot's server that answers when the test says so. */
  async function listen(): Promise<{ url: string; next: () => Promise<Seen>; waiting: () => number }> {
    const seen: Seen[] = []
    const takers: ((seen: Seen) => void)[] = []
    const server = http.createServer((request, response) => {
      let text = ''
      request.on('data', (chunk: Buffer) => (text += chunk.toString()))
      request.on('end', () => {
        const item: Seen = {
          update: JSON.parse(text),
          headers: request.headers,
          answer: (status, body = '') => response.writeHead(status, { 'content-type': 'application/json' }).end(body),
        }
        const taker = takers.shift()
        if (taker) taker(item)
        else seen.push(item)
      })
    })
    await new Promise<void>((resolve) => {
      server.listen(0, '127.0.0.1', resolve)
    })
    closers.push(async () => {
      await box.bot('deleteWebhook')
      server.closeAllConnections()
      await new Promise((resolve) => {
        server.close(resolve)
      })
    })
    const next = (): Promise<Seen> => {
      const item = seen.shift()
      return item ? Promise.resolve(item) : new Promise((resolve) => takers.push(resolve))
    }
    return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/hook`, next, waiting: () => seen.length }
  }

  test('gets each update with the secret, and polling is refused meanwhile', async () => {
    const from = await box.person()
    const { url, next } = await listen()
    expect(await box.bot('setWebhook', { url, secret_token: 'shh' })).toEqual({
      ok: true,
      result: true,
      description: 'Webhook was set',
    })
    expect(await box.bot('getUpdates')).toMatchObject({
      error_code: 409,
      description:
        "Conflict: can't use getUpdates method while webhook is active; use deleteWebhook to delete the webhook first",
    })
    await box.post('/sim/messages', { from, text: 'hello' })
    const { update, headers, answer } = await next()
    expect(update.message.text).toBe('hello')
    expect(headers['x-telegram-bot-api-secret-token']).toBe('shh')
    answer(200)
    await expect.poll(async () => (await box.ask('getWebhookInfo')).pending_update_count).toBe(0)
    expect((await box.ask('getWebhookInfo')).url).toBe(url)
  })

  test('keeps the order within a chat and not across chats or with taps', async () => {
    const anna = await box.person('Anna')
    const boris = await box.person('Boris')
    const reply_markup = { inline_keyboard: [[{ text: 'Go', callback_data: 'go' }]] }
    const { message_id } = await box.ask('sendMessage', { chat_id: anna, text: 'x', reply_markup })
    const { url, next, waiting } = await listen()
    await box.ask('setWebhook', { url })
    await box.post('/sim/messages', { from: anna, text: 'one' })
    await box.post('/sim/messages', { from: anna, text: 'two' })
    const one = await next()
    await box.post('/sim/messages', { from: boris, text: 'three' })
    const three = await next()
    expect([one, three].map(({ update }) => update.message.text)).toEqual(['one', 'three'])
    const click = box.post('/sim/clicks', { from: anna, message_id, data: 'go' })
    const tap = await next()
    expect(tap.update.callback_query.data).toBe('go')
    expect(waiting()).toBe(0)
    tap.answer(200, JSON.stringify({ method: 'answerCallbackQuery', callback_query_id: tap.update.callback_query.id }))
    expect(await click).toEqual({ type: 'callback', answer: {} })
    one.answer(200)
    const two = await next()
    expect(two.update.message.text).toBe('two')
    two.answer(200)
    three.answer(200)
  })

  test('gets an update again after an error, in its place', async () => {
    const from = await box.person()
    const { url, next } = await listen()
    await box.ask('setWebhook', { url })
    await box.post('/sim/messages', { from, text: 'one' })
    await box.post('/sim/messages', { from, text: 'two' })
    const first = await next()
    first.answer(500)
    const again = await next()
    expect(again.update).toEqual(first.update)
    expect((await box.ask('getWebhookInfo')).last_error_message).toMatch(/500/)
    again.answer(200)
    const two = await next()
    expect(two.update.message.text).toBe('two')
    two.answer(200)
  })

  test('hands what it left to polling when it is deleted', async () => {
    const from = await box.person()
    const { url, next } = await listen()
    await box.ask('setWebhook', { url })
    await box.post('/sim/messages', { from, text: 'one' })
    const one = await next()
    expect((await box.bot('deleteWebhook')).description).toBe('Webhook was deleted')
    one.answer(500)
    expect((await box.updates())[0].message.text).toBe('one')
  })

  test('survives a reset', async () => {
    const { url, next } = await listen()
    await box.ask('setWebhook', { url })
    await box.post('/sim/reset')
    const { id } = await box.post('/sim/people', { first_name: 'Anna' })
    await box.post('/sim/messages', { from: id, text: 'after' })
    const { update, answer } = await next()
    expect(update.message.text).toBe('after')
    answer(200)
  })
})
