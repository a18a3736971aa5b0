import { describe, expect, test } from 'vitest'
import type { MessageButton, Message } from '#chat/screen.ts'
import { made, recordingFront, startBot, startBotApi, token, words } from './support.ts'

const row: MessageButton[][] = [[{ label: 'go', act: 'go' }]]

describe('what came of a message', () => {
  test('sent: a reference that says where it is and what it is', async () => {
    const api = await startBotApi()
    const { messenger } = await startBot(api, undefined)
    expect(await messenger.send('10', words('a<b'), 'reply')).toEqual({ ok: true, ref: '10:1001' })
    expect(await messenger.send('10', { ...words('x'), picture: 'https://a.b/c.jpg', rows: row }, 'reply')).toEqual({
      ok: true,
      ref: '10:1002',
    })
    expect(api.callsOf('sendMessage')[0]?.params).toMatchObject({ text: 'a&lt;b', parse_mode: 'HTML' })
    expect(api.callsOf('sendPhoto')[0]?.params).toMatchObject({ photo: 'https://a.b/c.jpg', caption: 'x' })
  })

  const refusals: [number, string, object][] = [
    [403, 'Forbidden: bot was blocked by the user', { ok: false, reason: 'unreachable' }],
    [403, 'Forbidden: user is deactivated', { ok: false, reason: 'unreachable' }],
    [403, 'Forbidden: bot was kicked from the channel chat', { ok: false, reason: 'unreachable' }],
    [400, 'Bad Request: chat not found', { ok: false, reason: 'unreachable' }],
    [
      400,
      "Bad Request: can't parse entities",
      { ok: false, reason: 'refused', detail: "400 Bad Request: can't parse entities" },
    ],
  ]
  test.each(refusals)('%i %s', async (error, description, expected) => {
    const api = await startBotApi()
    api.script('sendMessage', { error, description })
    const { messenger } = await startBot(api, undefined)
    expect(await messenger.send('10', words('x'), 'status')).toEqual(expected)
    expect(api.callsOf('sendMessage')).toHaveLength(1)
  })

  test('no answer: unknown, and it is not sent again; the token stays out of the log', async () => {
    const api = await startBotApi()
    const bot = await startBot(api, undefined)
    api.script('sendMessage', { drop: true }, { status: 502 }, { foreign: '<html>' }, { foreign: '{}' })
    const results = []
    for (let count = 0; count < 4; count += 1) results.push(await bot.messenger.send('10', words('x'), 'status'))
    expect(results).toEqual(Array.from({ length: 4 }, () => ({ ok: false, reason: 'unknown' })))
    expect(api.callsOf('sendMessage')).toHaveLength(4)
    expect(bot.logged).toHaveLength(4)
    expect(JSON.stringify(bot.logged)).not.toContain(token)
  })

  test('a group that became a supergroup: once more, to the new one', async () => {
    const api = await startBotApi()
    const description = 'Bad Request: group chat was upgraded to a supergroup chat'
    api.script('sendMessage', { error: 400, description, parameters: { migrate_to_chat_id: -1005 } })
    const { messenger } = await startBot(api, undefined)
    expect(await messenger.send('-5', words('x'), 'group')).toEqual({ ok: true, ref: '-1005:1001' })
  })

  test('a 429 pauses everybody for as long as it says, and the refused message goes out after it', async () => {
    const api = await startBotApi()
    api.script('sendMessage', { error: 429, description: 'Too Many Requests', parameters: { retry_after: 1 } })
    const bot = await startBot(api, undefined)
    const { messenger } = bot
    const first = messenger.send('10', words('first'), 'status')
    await api.until(() => api.callsOf('sendMessage').length === 1)
    await api.until(() => bot.logged.length > 0)
    const refusedAt = api.callsOf('sendMessage')[0]?.at ?? 0
    const results = await Promise.all([first, messenger.edit('11:1:t', words('other'), 'reply')])
    expect(results).toMatchObject([{ ok: true }, { ok: true }])
    expect(api.calls.map((call) => call.method)).toEqual(['getMe', 'sendMessage', 'editMessageText', 'sendMessage'])
    for (const call of api.calls.filter((call) => call.at > refusedAt)) {
      expect(call.at - refusedAt).toBeGreaterThanOrEqual(990)
    }
  })
})

describe('what came of an edit', () => {
  test('a lost answer is repeated, and "not modified" then means that it had worked', async () => {
    const api = await startBotApi()
    const { messenger } = await startBot(api, undefined)
    const unchanged = 'Bad Request: message is not modified: specified new message content is exactly the same'
    api.script('editMessageText', { drop: true }, { error: 400, description: unchanged })
    expect(await messenger.edit('10:5:t', words('x'), 'group')).toEqual({ ok: true })
    expect(api.callsOf('editMessageText')).toHaveLength(2)
  })

  test.each(['message to edit not found', 'MESSAGE_ID_INVALID', "message can't be edited", 'chat not found'])(
    '%s: gone',
    async (description) => {
      const api = await startBotApi()
      api.script('editMessageText', { error: 400, description: `Bad Request: ${description}` })
      const { messenger } = await startBot(api, undefined)
      expect(await messenger.edit('10:5:t', words('x'), 'group')).toEqual({ ok: false, reason: 'gone' })
    },
  )

  test('a reference of another shape is gone, without a call', async () => {
    const api = await startBotApi()
    const { messenger } = await startBot(api, undefined)
    expect(await messenger.edit('nonsense', words('x'), 'group')).toEqual({ ok: false, reason: 'gone' })
    expect(api.calls.map((call) => call.method)).toEqual(['getMe'])
  })

  test('a photo keeps its photo when the words change, and an inline message turns out to be what it is', async () => {
    const api = await startBotApi()
    const { messenger } = await startBot(api, undefined)
    await messenger.edit('10:5:p', words('x'), 'group')
    expect(api.calls.at(-1)).toMatchObject({ method: 'editMessageCaption', params: { message_id: 5, caption: 'x' } })
    api.script('editMessageText', { error: 400, description: 'Bad Request: there is no text in the message to edit' })
    expect(await messenger.edit('i:INL', words('x'), 'group')).toEqual({ ok: true })
    expect(api.calls.at(-1)).toMatchObject({ method: 'editMessageCaption', params: { inline_message_id: 'INL' } })
  })
})

describe('pictures', () => {
  const png = Buffer.from('\x89PNG not really', 'latin1')
  const picture: Message = { ...words('x'), picture: 'demo/kettle', rows: row }

  test('are fetched by Telegram where there is a base URL', async () => {
    const api = await startBotApi()
    const none = { read: async () => png, remembered: async () => undefined, remember: async () => undefined }
    const { messenger } = await startBot(api, undefined, { pictures: { baseUrl: 'http://shop/pictures', ...none } })
    await messenger.send('10', picture, 'reply')
    expect(api.calls.at(-1)?.params['photo']).toBe('http://shop/pictures/demo/kettle.png')
  })

  test('are uploaded once otherwise, with their buttons, and sent by reference from then on', async () => {
    const api = await startBotApi()
    const known = new Map<string, string>()
    const pictures = {
      read: async () => png,
      remembered: async (name: string) => known.get(name),
      remember: async (name: string, reference: string) => void known.set(name, reference),
    }
    const { messenger } = await startBot(api, undefined, { pictures })
    await messenger.send('10', picture, 'reply')
    expect(api.calls.at(-1)?.body).toContain('PNG not really')
    expect(api.calls.at(-1)?.body).toContain('"callback_data":"go"')
    expect(known).toEqual(new Map([['demo/kettle', 'large']]))
    await messenger.edit('10:5:t', picture, 'reply')
    expect(api.calls.at(-1)).toMatchObject({ method: 'editMessageMedia', params: { media: { media: 'large' } } })
  })

  test('whose reference cannot be kept do not cost the message', async () => {
    const api = await startBotApi()
    const fail = async () => Promise.reject(new Error('no database'))
    const pictures = { read: async () => png, remembered: fail, remember: fail }
    const { messenger } = await startBot(api, undefined, { pictures })
    expect(await messenger.send('10', picture, 'reply')).toMatchObject({ ok: true })
    expect(api.callsOf('sendPhoto')).toHaveLength(1)
  })

  test('that Telegram cannot take are left out: better than no message', async () => {
    const api = await startBotApi()
    api.script('sendPhoto', { error: 400, description: 'Bad Request: failed to get HTTP URL content' })
    const { messenger } = await startBot(api, undefined)
    const sent = await messenger.send('10', { ...words('x'), picture: 'https://gone.example/a.jpg' }, 'reply')
    expect(sent).toMatchObject({ ok: true })
    expect(api.calls.at(-1)?.method).toBe('sendMessage')
  })

  test('an upload that is paused by a 429 is uploaded again, whole', async () => {
    const api = await startBotApi()
    api.script('sendPhoto', { error: 429, description: 'Too Many Requests', parameters: { retry_after: 1 } })
    const pictures = { read: async () => png, remembered: async () => undefined, remember: async () => undefined }
    const { messenger } = await startBot(api, undefined, { pictures })
    expect(await messenger.send('10', picture, 'reply')).toMatchObject({ ok: true })
    const bodies = api.callsOf('sendPhoto').map((call) => call.body)
    expect(bodies).toHaveLength(2)
    expect(bodies[1]).toContain('"callback_data":"go"')
    expect(bodies[1]).toContain('PNG not really')
  })
})

describe('a tap', () => {
  const photo = { text: undefined, photo: [] }

  test('in private is shown in the pressed message and answered once, with the toast', async () => {
    const api = await startBotApi()
    const bot = await startBot(api, recordingFront().front)
    await bot.handleUpdate(made.tap(1, 7, 'x'))
    expect(api.callsOf('editMessageText').map((call) => call.params)).toMatchObject([{ chat_id: 7, message_id: 7 }])
    expect(api.callsOf('answerCallbackQuery').map((call) => call.params)).toMatchObject([
      { callback_query_id: 'q1', text: 'ok' },
    ])
  })

  test.each([
    ['text to photo', {}, { ...words('x'), picture: 'https://a/b.jpg' }, 'editMessageMedia'],
    ['photo to photo', photo, { ...words('x'), picture: 'https://a/b.jpg' }, 'editMessageMedia'],
    ['photo to words that fit under it', photo, words('x'), 'editMessageCaption'],
    ['photo to words that do not', photo, words('x'.repeat(1025)), 'sendMessage'],
    ['a request for a contact', {}, { ...words('x'), ask: { kind: 'contact', label: 'Share' } }, 'sendMessage'],
    ['a message Telegram no longer shows', { date: 0 }, words('x'), 'sendMessage'],
  ] as [string, object, Message, string][])('%s: %#', async (_what, pressed, message, method) => {
    const api = await startBotApi()
    const bot = await startBot(api, recordingFront({ onTap: async () => ({ message }) }).front)
    await bot.handleUpdate(made.tap(1, 7, 'x', pressed))
    expect(api.calls.filter((call) => /^(send|edit)/.test(call.method)).map((call) => call.method)).toEqual([method])
  })

  test('whose message is gone is answered by a new one', async () => {
    const api = await startBotApi()
    api.script('editMessageText', { error: 400, description: 'Bad Request: message to edit not found' })
    const bot = await startBot(api, recordingFront().front)
    await bot.handleUpdate(made.tap(1, 7, 'x'))
    expect(api.callsOf('sendMessage')).toHaveLength(1)
  })

  test('on a shared card never shows a private screen; it opens the private chat or says a line', async () => {
    const api = await startBotApi()
    const { front } = recordingFront({
      onTap: async (_visitor, act) =>
        act === 'open' ? { message: words('private'), open: 'g-abc' } : { message: words('private'), toast: 'full' },
    })
    const bot = await startBot(api, front)
    await bot.handleUpdate(made.sharedTap(1, 7, 'open'))
    await bot.handleUpdate(made.tap(2, 7, 'line', { chat: { id: -100, type: 'channel' } }))
    expect(api.callsOf('answerCallbackQuery').map((call) => call.params)).toEqual([
      { callback_query_id: 'q1', url: 'https://t.me/vmeste_bot?start=g-abc' },
      { callback_query_id: 'q2', text: 'full', show_alert: false },
    ])
    expect(api.calls.filter((call) => /^(send|edit)/.test(call.method))).toEqual([])
  })

  test('that takes long is answered first with nothing, once, and its words still arrive', async () => {
    const api = await startBotApi()
    const { front } = recordingFront({
      async onTap() {
        await api.until(() => api.callsOf('answerCallbackQuery').length > 0)
        return { toast: 'done at last' }
      },
    })
    const bot = await startBot(api, front)
    await bot.handleUpdate(made.tap(1, 7, 'x'))
    expect(api.callsOf('answerCallbackQuery').map((call) => call.params)).toEqual([{ callback_query_id: 'q1' }])
    expect(api.callsOf('sendMessage').map((call) => call.params['text'])).toEqual(['done at last'])
  })

  test('answered too late is let go', async () => {
    const api = await startBotApi()
    const late = 'Bad Request: query is too old and response timeout expired or query ID is invalid'
    api.script('answerCallbackQuery', { error: 400, description: late })
    const bot = await startBot(api, recordingFront().front)
    await bot.handleUpdate(made.tap(1, 7, 'x'))
    expect(bot.logged).toEqual([])
  })
})

test('a request for a contact is a one-time button', async () => {
  const api = await startBotApi()
  const { messenger } = await startBot(api, undefined)
  await messenger.send('10', { ...words('x'), ask: { kind: 'contact', label: 'Share my number' } }, 'reply')
  expect(api.calls.at(-1)?.params['reply_markup']).toEqual({
    keyboard: [[{ text: 'Share my number', request_contact: true }]],
    one_time_keyboard: true,
    resize_keyboard: true,
  })
})

test('inline cards: a photo by URL, a photo by reference, words alone; each with its buttons', async () => {
  const api = await startBotApi()
  const card = (id: string, picture?: string) => ({
    id,
    title: 't',
    description: 'd',
    message: { text: [{ text: '<x>' }], rows: row, ...(picture !== undefined && { picture }) },
  })
  const cards = [
    card('a', 'https://a/b.jpg'),
    card('b', 'demo/known'),
    card('c', 'demo/other'),
    card('d'.repeat(65)),
    // A group's own picture cannot be had: that of its product stands there instead.
    { ...card('e', 'group/1-1-abc'), thumbnail: 'demo/known' },
  ]
  const { front } = recordingFront({ onInline: async () => ({ cards, nextOffset: '20', personal: true }) })
  const pictures = {
    read: async () => undefined,
    remembered: async (name: string) => (name === 'demo/known' ? 'FILE' : undefined),
    remember: async () => undefined,
  }
  const bot = await startBot(api, front, { pictures })
  await bot.handleUpdate(made.inline(1, 7, 'tea'))
  const common = {
    title: 't',
    description: 'd',
    reply_markup: { inline_keyboard: [[{ text: 'go', callback_data: 'go' }]] },
  }
  expect(api.callsOf('answerInlineQuery')[0]?.params).toMatchObject({
    inline_query_id: 'iq1',
    next_offset: '20',
    cache_time: 0,
    is_personal: true,
    results: [
      { type: 'photo', id: 'a', photo_url: 'https://a/b.jpg', caption: '&lt;x&gt;', ...common },
      { type: 'photo', id: 'b', photo_file_id: 'FILE', ...common },
      { type: 'article', id: 'c', input_message_content: { message_text: '&lt;x&gt;' }, ...common },
      { type: 'photo', id: 'e', photo_file_id: 'FILE', ...common },
    ],
  })
})

test('a webhook and the commands are set with all that they need', async () => {
  const api = await startBotApi()
  const bot = await startBot(api, undefined)
  await bot.setWebhook('https://shop.example/telegram', 's3cret')
  expect(api.calls.at(-1)?.params).toMatchObject({ secret_token: 's3cret', allowed_updates: expect.any(Array) })
  const list = [{ name: 'start', description: 'x' }]
  await bot.setCommands({ ru: list, en: list, zh: list })
  const languages = api.callsOf('setMyCommands').map((call) => call.params['language_code'])
  expect(languages).toEqual(['ru', 'en', undefined, 'zh'])
})
