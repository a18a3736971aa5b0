import { describe, expect, test } from 'vitest'
import { useSandbox } from './sim-driver.ts'

let time = Date.parse('2026-01-01T12:00:00Z')
const box = useSandbox({ now: () => time })

describe('a fault', () => {
  test('fails as many calls as it was told to, without effect', async () => {
    const chat_id = await box.person()
    await box.post('/sim/faults', { method: 'sendMessage', error_code: 500, times: 1 })
    expect(await box.bot('sendMessage', { chat_id, text: 'x' })).toEqual({
      ok: false,
      error_code: 500,
      description: 'Internal Server Error',
    })
    expect(await box.get(`/sim/chats/${chat_id}/messages`)).toHaveLength(1)
    expect((await box.bot('sendMessage', { chat_id, text: 'x' })).ok).toBe(true)
  })

  test('with retry_after is a 429 with the parameter', async () => {
    await box.post('/sim/faults', { method: '*', retry_after: 7 })
    const refused = { ok: false, error_code: 429, description: 'Too Many Requests: retry after 7' }
    expect(await box.bot('getMe')).toEqual({ ...refused, parameters: { retry_after: 7 } })
    await box.raw('DELETE', '/sim/faults')
    expect((await box.bot('getMe')).ok).toBe(true)
  })

  test('that drops loses the answer after the effect', async () => {
    const chat_id = await box.person()
    await box.post('/sim/faults', { method: 'sendmessage', drop: true, times: 1 })
    await expect(box.bot('sendMessage', { chat_id, text: 'x' })).rejects.toThrow('fetch failed')
    expect(await box.get(`/sim/chats/${chat_id}/messages`)).toHaveLength(2)
    expect((await box.get('/sim/calls?method=sendMessage')).at(-1)).toMatchObject({ ok: true, dropped: true })
  })

  test('that never happens, or lags, changes nothing else', async () => {
    await box.post('/sim/faults', { method: 'getMe', error_code: 500, probability: 0 })
    await box.post('/sim/faults', { method: 'getMe', delay_ms: 50, times: 1 })
    const before = performance.now()
    expect((await box.bot('getMe')).ok).toBe(true)
    expect(performance.now() - before).toBeGreaterThan(45)
  })
})

describe('the pace', () => {
  test('per chat, per group and for the bot is kept with a 429 that says when to come back', async () => {
    const [anna, boris] = [await box.person('Anna'), await box.person('Boris')]
    const { id: group } = await box.post('/sim/chats', { type: 'group', title: 'G', members: [anna] })
    const send = async (chat_id: number) => {
      const { ok, parameters } = await box.bot('sendMessage', { chat_id, text: 'x' })
      return ok || parameters.retry_after
    }
    await box.post('/sim/limits', { per_chat_per_second: 1 })
    expect([await send(anna), await send(anna), await send(boris)]).toEqual([true, 1, true])
    time += 1000
    expect(await send(anna)).toBe(true)
    await box.post('/sim/limits', { group_per_minute: 2 })
    expect([await send(group), await send(group), await send(group)]).toEqual([true, true, 60])
    time += 61_000
    expect(await send(group)).toBe(true)
    await box.post('/sim/limits', { global_per_second: 2 })
    time += 2000
    expect([await send(anna), await send(boris), await send(group)]).toEqual([true, true, 1])
    await box.post('/sim/limits', {})
    expect(await send(group)).toBe(true)
  })
})

test('a callback answered after its time is refused and reported', async () => {
  const from = await box.person()
  const reply_markup = { inline_keyboard: [[{ text: 'A', callback_data: 'a' }]] }
  const { message_id } = await box.ask('sendMessage', { chat_id: from, text: 'x', reply_markup })
  const click = box.post('/sim/clicks', { from, message_id, data: 'a' }).catch(() => undefined)
  const [{ callback_query }] = await box.ask('getUpdates', { timeout: 5 })
  time += 16_000
  expect((await box.bot('answerCallbackQuery', { callback_query_id: callback_query.id })).description).toBe(
    'Bad Request: query is too old and response timeout expired or query ID is invalid',
  )
  expect(await box.get('/sim/problems')).toHaveLength(1)
  await box.updates()
  await box.post('/sim/reset')
  await click
})

test('updates that Telegram would have thrown away are gone', async () => {
  const from = await box.person()
  await box.post('/sim/messages', { from, text: 'x' })
  time += 25 * 3_600_000
  expect(await box.ask('getUpdates')).toEqual([])
})

test('calls are listed from a number on, and a reset forgets them', async () => {
  await box.bot('getMe')
  const [first] = await box.get('/sim/calls?method=getme')
  expect(first).toMatchObject({ method: 'getMe', ok: true, at: new Date(time).toISOString(), result: { id: 1 } })
  await box.bot('getMe')
  expect(await box.get(`/sim/calls?method=getMe&after=${first.seq}`)).toHaveLength(1)
  await box.post('/sim/reset')
  expect(await box.get('/sim/calls')).toEqual([])
  expect(await box.get('/sim/people')).toEqual([])
})

test('the page and its files are served, and nothing else', async () => {
  const page = await fetch(`${box.url}/`)
  expect(page.headers.get('content-type')).toMatch(/^text\/html/)
  const paths = ['/..%2fsandbox.ts', '/%2e%2e/sandbox.ts', '/sandbox.ts', '/nothing.js', '/index.html/x']
  const answers = await Promise.all(paths.map((path) => box.raw('GET', path)))
  expect(answers.map(({ status }) => status)).toEqual(paths.map(() => 404))
})

test('events tell everything that happens, in order', async () => {
  const response = await fetch(`${box.url}/sim/events`)
  const reader = response.body?.pipeThrough(new TextDecoderStream()).getReader()
  const seen: string[] = []
  let text = ''
  const readUntil = async (kind: string) => {
    while (!seen.includes(kind)) {
      const { value = '', done } = (await reader?.read()) ?? { done: true }
      if (done) throw new Error('the stream ended')
      text += value
      seen.splice(0, seen.length, ...[...text.matchAll(/^event: (\w+)$/gm)].map((match) => match[1] ?? ''))
    }
  }
  await readUntil('hello')
  const from = await box.person()
  const { message_id } = await box.ask('sendMessage', { chat_id: from, text: 'x' })
  await box.ask('sendChatAction', { chat_id: from, action: 'typing' })
  await box.ask('editMessageText', { chat_id: from, message_id, text: 'y' })
  await box.ask('deleteMessage', { chat_id: from, message_id })
  await box.post('/sim/chats', { type: 'group', title: 'G' })
  await box.post('/sim/reset')
  await readUntil('reset')
  const order = ['hello', 'person', 'message', 'action', 'edit', 'delete', 'chat', 'reset']
  expect(seen.filter((kind, i) => kind !== 'call' && seen.indexOf(kind) === i)).toEqual(order)
  expect(seen).toContain('call')
  await reader?.cancel()
})
