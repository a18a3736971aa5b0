import { expect, onTestFinished, test, vi } from 'vitest'
import type { Message } from '#chat/screen.ts'
import { startSandbox } from '#sandbox/sandbox.ts'
import type { TelegramOptions } from '#telegram/bot.ts'
import { recordingFront, startBot, words } from './support.ts'

type Shown = {
  message_id: number
  text?: string
  caption?: string
  photo?: unknown
  document?: { file_id: string }
  inline_message_id?: string
}

async function start(overrides: Parameters<typeof recordingFront>[0] = {}, options: Partial<TelegramOptions> = {}) {
  const sandbox = await startSandbox({ port: 0 })
  onTestFinished(async () => sandbox.close())
  const call = async (method: string, path: string, body?: object): Promise<unknown> => {
    const init = body && { body: JSON.stringify(body), headers: { 'content-type': 'application/json' } }
    const response = await fetch(sandbox.url + path, { method, ...init })
    if (!response.ok) throw new Error(`${path}: ${response.status} ${await response.text()}`)
    return response.json()
  }
  const recorded = recordingFront(overrides)
  const bot = await startBot({ url: sandbox.url }, recorded.front, options)
  await call('POST', '/sim/people', { id: 501, first_name: 'Аня <b>' })
  const post = async (path: string, body: object) => call('POST', path, body)
  const get = async (path: string) => call('GET', path)
  const shown = async (chat: number) => {
    const answer = (await get(`/sim/chats/${chat}/messages`)) as Shown[] | { messages: Shown[] }
    return Array.isArray(answer) ? answer : answer.messages
  }
  const until = async <T>(look: () => Promise<T | undefined>): Promise<T> =>
    vi.waitFor(
      async () => {
        const found = await look()
        if (found === undefined) throw new Error('not yet')
        return found
      },
      { timeout: 10_000, interval: 20 },
    )
  return { ...recorded, sandbox, bot, post, get, shown, until }
}

const screen = (text: string): Message => ({ ...words(text), rows: [[{ label: 'Next', act: 'next' }]] })

test('a person walks through screens in one message, words and photo', async () => {
  const { bot, post, get, shown, until } = await start({
    onCommand: async () => ({ message: screen('a <b> & c') }),
    onTap: async () => ({
      message: { ...screen('with a picture'), picture: 'https://shop.example/a.jpg' },
      toast: 'ok',
    }),
  })
  bot.startPolling()
  await post('/sim/messages', { from: 501, text: '/start' })
  const first = await until(async () => (await shown(501)).find((message) => message.text === 'a <b> & c'))
  const click = await post('/sim/clicks', { from: 501, chat: 501, message_id: first.message_id, text: 'Next' })
  expect(click).toMatchObject({ type: 'callback', answer: { text: 'ok' } })
  const second = await until(async () => (await shown(501)).find((message) => message.caption === 'with a picture'))
  expect(second.message_id).toBe(first.message_id)
  expect(second.photo).toBeDefined()
  expect(JSON.stringify(await get('/sim/problems'))).not.toMatch(/unknown parameter|never answered/)
})

test('a card goes into a group through inline mode, and a tap there opens the private chat', async () => {
  const card = { id: 'c1', title: 'Kettle', description: '1 990 ₽', message: screen('Kettle, 2 of 3') }
  const { bot, post, log, until, shown } = await start({
    onInline: async () => ({ cards: [card], nextOffset: '', personal: false }),
    onTap: async () => ({ message: words('private'), open: 'g-abc' }),
  })
  bot.startPolling()
  const group = (await post('/sim/chats', { type: 'group', title: 'Friends', members: [501] })) as { id: number }
  const found = await post('/sim/inline', { from: 501, query: 'kettle' })
  expect(found).toMatchObject({ results: [{ id: 'c1', type: 'article' }] })
  const chosen = { from: 501, chat: group.id, query: 'kettle', result_id: 'c1' }
  const posted = (await post('/sim/inline/choose', chosen)) as Shown
  const inlineId = posted.inline_message_id ?? ''
  const ref = await until(async () => log.find((line) => line.startsWith('chosen')))
  expect(ref).toBe(`chosen c1 i:${inlineId}`)
  const click = await post('/sim/clicks', { from: 501, inline_message_id: inlineId, text: 'Next' })
  expect(click).toMatchObject({ answer: { url: `https://t.me/${bot.username}?start=g-abc` } })
  expect(await bot.messenger.edit(`i:${inlineId}`, screen('Kettle, 3 of 3'), 'group')).toEqual({ ok: true })
  expect((await shown(group.id)).at(-1)?.text).toBe('Kettle, 3 of 3')
})

test('a picture of our own is uploaded once and then sent by reference', async () => {
  const png = Buffer.from(
    'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==',
    'base64',
  )
  const known = new Map<string, string>()
  const pictures = {
    read: async () => png,
    remembered: async (name: string) => known.get(name),
    remember: async (name: string, reference: string) => void known.set(name, reference),
  }
  const { bot, post, shown } = await start({}, { pictures })
  await post('/sim/messages', { from: 501, text: '/start' })
  const message = { ...screen('ours'), picture: 'demo/kettle' }
  expect(await bot.messenger.send('501', message, 'status')).toMatchObject({ ok: true })
  expect(known.size).toBe(1)
  const sent = await bot.messenger.send('501', message, 'status')
  expect(sent).toMatchObject({ ok: true })
  expect(await bot.messenger.edit(sent.ok ? sent.ref : '', { ...message, text: [{ text: 'new' }] }, 'status')).toEqual({
    ok: true,
  })
  expect((await shown(501)).filter((one) => one.photo).map((one) => one.caption)).toEqual(['ours', 'new'])
})

test('a file arrives with its name, its words and its buttons, and its bytes can be had', async () => {
  const { bot, post, shown, sandbox } = await start()
  await post('/sim/messages', { from: 501, text: '/start' })
  const content = Buffer.from('\ufeffдата;сумма\r\n')
  const document = { name: 'книга "ноябрь".csv', content, type: 'text/csv' }
  const sent = await bot.messenger.send('501', { ...screen('books'), document }, 'reply')
  expect(sent).toMatchObject({ ok: true })
  const message = (await shown(501)).at(-1)
  expect(message).toMatchObject({
    caption: 'books',
    document: { file_name: 'книга _ноябрь_.csv', file_size: content.length },
  })
  const file = await fetch(`${sandbox.url}/file/sandbox/${message?.document?.file_id}`)
  expect(Buffer.from(await file.arrayBuffer())).toEqual(content)
})

test('a person who blocked the bot is unreachable', async () => {
  const { bot, post, log, until } = await start()
  bot.startPolling()
  await post('/sim/messages', { from: 501, text: '/start' })
  await until(async () => log.find((line) => line.startsWith('finish')))
  await post('/sim/block', { from: 501, blocked: true })
  await until(async () => log.find((line) => line === 'blocked true'))
  expect(await bot.messenger.send('501', words('x'), 'status')).toEqual({ ok: false, reason: 'unreachable' })
})
