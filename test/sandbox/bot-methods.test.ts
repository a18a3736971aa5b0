import { describe, expect, test } from 'vitest'
import { useSandbox } from './sim-driver.ts'

const box = useSandbox()

type Message = { message_id: number; document: { file_id: string } }

const png = Buffer.from(
  'iVBORw0KGgoAAAANSUhEUgAAAAIAAAADCAYAAAC56t6BAAAAEklEQVR42mNk+M9Qz8DAwMAIAwAL/wH/r5nBnQAAAABJRU5ErkJggg==',
  'base64',
)
const keyboard = { inline_keyboard: [[{ text: 'Go', callback_data: 'go' }]] }

describe('a call', () => {
  test('is found whatever the case of its name, by GET, JSON and form', async () => {
    const chat_id = await box.person()
    expect((await box.raw('GET', '/bot1:sandbox-token-for-the-demo-only/GETME')).body.result.username).toBe(
      'vmeste_bot',
    )
    expect((await box.bot('SENDmessage', { chat_id, text: 'a' })).ok).toBe(true)
    const form = `chat_id=${chat_id}&text=b&reply_markup=${encodeURIComponent(JSON.stringify(keyboard))}`
    const path = '/bot1:sandbox-token-for-the-demo-only/sendMessage'
    const sent = await box.raw('POST', path, form, 'application/x-www-form-urlencoded')
    expect(sent.body.result).toMatchObject({ text: 'b', reply_markup: keyboard })
    expect((await box.raw('GET', `${path}?chat_id=${chat_id}&text=c`)).body.result.text).toBe('c')
  })

  test.each([
    ['nope', {}, 404, 'Not Found'],
    ['sendVideo', {}, 404, 'Not Found: method sendVideo is not known to this sandbox'],
    ['sendMessage', { text: 'x' }, 400, 'Bad Request: chat_id is empty'],
    ['sendMessage', { chat_id: 5, text: 'x' }, 400, 'Bad Request: chat not found'],
    ['sendMessage', { chat_id: '@nobody', text: 'x' }, 400, 'Bad Request: chat not found'],
    ['sendMessage', { chat_id: 5, text: { a: 1 } }, 400, 'Bad Request: field "text" must be of type String'],
    ['getUpdates', { limit: 'many' }, 400, 'Bad Request: field "limit" must be of type Number'],
    ['sendMessage', { chat_id: 5, text: 'x', reply_markup: [] }, 400, 'Bad Request: object expected as reply markup'],
    ['getFile', { file_id: 'x' }, 400, 'Bad Request: wrong file_id or the file is temporarily unavailable'],
    [
      'answerCallbackQuery',
      { callback_query_id: '1' },
      400,
      'Bad Request: query is too old and response timeout expired or query ID is invalid',
    ],
  ])('%s %j is refused: %i %s', async (method, params, code, description) => {
    expect(await box.bot(method, params)).toEqual({ ok: false, error_code: code, description })
    expect(await box.get(`/sim/calls?method=${method}`)).toMatchObject([{ method, params, ok: false, description }])
  })

  test('with a token of the wrong shape is unauthorized', async () => {
    expect(await box.bot('getMe', {}, 'sandbox')).toEqual({ ok: false, error_code: 401, description: 'Unauthorized' })
  })

  test('survives bodies that are no parameters at all', async () => {
    const path = '/bot1:sandbox-token-for-the-demo-only/sendMessage'
    const bodies = ['{', '[]', '"x"', 'null', '{"__proto__":{"chat_id":1}}', '{"chat_id":[[]]}']
    const answers = await Promise.all(bodies.map((body) => box.raw('POST', path, body)))
    expect(answers.map(({ status }) => status)).toEqual(bodies.map(() => 400))
    expect((await box.raw('POST', path, 'x', 'multipart/form-data')).status).toBe(400)
    expect((await box.raw('POST', path, 'x', 'image/png')).status).toBe(400)
    // The connection may be closed before the client has sent it all: both are refusals.
    const huge = box.raw('POST', path, `{"text":"${'x'.repeat(21 * 1024 * 1024)}"}`)
    expect(await huge.then(({ status }) => status).catch(() => 413)).toBe(413)
    expect((await box.bot('getMe')).ok).toBe(true)
  })

  test('with a parameter that the method does not have works and is reported', async () => {
    const chat_id = await box.person()
    expect((await box.bot('sendMessage', { chat_id, text: 'x', disable_web_page_preview: true })).ok).toBe(true)
    expect(await box.get('/sim/problems')).toMatchObject([
      { method: 'sendMessage', problem: 'unknown parameter "disable_web_page_preview"' },
    ])
  })

  test('of a second bot meets a world of its own', async () => {
    const chat_id = await box.person()
    const other = '2:another-token-of-another-bot'
    expect((await box.bot('getMe', {}, other)).result.id).toBe(2)
    await box.post('/sim/messages', { from: chat_id, text: 'hello' })
    expect((await box.bot('getUpdates', {}, other)).result).toEqual([])
    expect((await box.bot('sendMessage', { chat_id, text: 'x' }, other)).error_code).toBe(403)
    expect(await box.updates()).toHaveLength(1)
  })
})

describe('sending', () => {
  test('answers with the message and leaves it in the transcript', async () => {
    const chat_id = await box.person()
    const sent = await box.ask('sendMessage', { chat_id, text: ' <b>Hi</b> &amp; bye ', parse_mode: 'HTML' })
    expect(sent).toMatchObject({
      chat: { id: chat_id, type: 'private', first_name: 'Anna' },
      from: { id: 1, is_bot: true },
      text: 'Hi & bye',
      entities: [{ type: 'bold', offset: 0, length: 2 }],
    })
    expect(await box.get(`/sim/chats/${chat_id}/messages?after=${sent.message_id - 1}`)).toEqual([
      { ...sent, edits: 0 },
    ])
  })

  test('counts text and captions after parsing, in UTF-16 units', async () => {
    const chat_id = await box.person()
    const send = (text: string) => box.bot('sendMessage', { chat_id, text, parse_mode: 'HTML' })
    expect((await send(`<b>${'x'.repeat(4096)}</b>`)).ok).toBe(true)
    expect((await send('x'.repeat(4097))).description).toBe('Bad Request: message is too long')
    expect((await send('😀'.repeat(2049))).description).toBe('Bad Request: message is too long')
    expect((await send('  ')).description).toBe('Bad Request: message text is empty')
    expect((await send('<b> </b>')).description).toBe('Bad Request: message text is empty')
    const photo = 'https://example.com/a.jpg'
    const caption = await box.bot('sendPhoto', { chat_id, photo, caption: 'x'.repeat(1025) })
    expect(caption.description).toBe('Bad Request: message caption is too long')
  })

  test('refuses broken keyboards', async () => {
    const chat_id = await box.person()
    const send = async (button: object) =>
      (await box.bot('sendMessage', { chat_id, text: 'x', reply_markup: { inline_keyboard: [[button]] } })).description
    expect(await send({ text: 'a', callback_data: '' })).toBe('Bad Request: BUTTON_DATA_INVALID')
    expect(await send({ text: 'a', callback_data: 'я'.repeat(33) })).toBe('Bad Request: BUTTON_DATA_INVALID')
    expect(await send({ text: 'a', callback_data: 'я'.repeat(32) })).toBeUndefined()
    expect(await send({ text: 'a' })).toMatch(/Text buttons are unallowed in the inline keyboard/)
    expect(await send({ callback_data: 'a' })).toMatch(/Can't find field "text"/)
    expect(await send({ text: 'a', url: 'ftp://x.y' })).toMatch(/Unsupported URL protocol/)
    expect(await send({ text: 'a', url: 'http://localhost:3000/pay' })).toBeUndefined()
  })

  test('a picture goes by URL, by file_id and as an upload', async () => {
    const chat_id = await box.person()
    const photo = 'https://example.com/kettle.jpg'
    const byUrl = await box.ask('sendPhoto', { chat_id, photo, caption: '*Kettle*', parse_mode: 'MarkdownV2' })
    expect(byUrl).toMatchObject({ caption: 'Kettle', caption_entities: [{ type: 'bold' }] })
    expect(byUrl.photo).toHaveLength(2)
    const again = await box.ask('sendPhoto', { chat_id, photo: byUrl.photo[1].file_id })
    expect(again.photo).toEqual(byUrl.photo)
    const form = new FormData()
    form.set('chat_id', String(chat_id))
    form.set('photo', new Blob([png]), 'a.png')
    const response = await fetch(`${box.url}/bot1:sandbox-token-for-the-demo-only/sendPhoto`, {
      method: 'POST',
      body: form,
    })
    const { result } = (await response.json()) as { result: { photo: { file_id: string; width: number }[] } }
    expect(result.photo[1]).toMatchObject({ width: 2, height: 3, file_size: png.length })
    const file = await box.ask('getFile', { file_id: result.photo[1]?.file_id })
    const bytes = await fetch(`${box.url}/file/bot1:sandbox-token-for-the-demo-only/${file.file_path}`)
    expect(bytes.headers.get('content-type')).toBe('image/png')
    expect(Buffer.from(await bytes.arrayBuffer()).equals(png)).toBe(true)
    const messages = await box.get(`/sim/chats/${chat_id}/messages`)
    expect(messages[1].photo_url).toBe(photo)
    expect((await fetch(box.url + messages[3].photo_url)).status).toBe(200)
    expect((await box.bot('sendPhoto', { chat_id, photo: 'junk' })).description).toBe(
      'Bad Request: wrong file identifier/HTTP URL specified',
    )
  })

  test('documents are uploaded with a name and a caption, sent again by id, and downloaded as they were', async () => {
    const chat_id = await box.person()
    const data = Buffer.from('\ufeffдата;сумма\r\n2026-11-23;1290,50\r\n')
    const upload = async (fields: Record<string, string>, bytes: Buffer = data) => {
      const form = new FormData()
      form.set('chat_id', String(chat_id))
      for (const [name, value] of Object.entries(fields)) form.set(name, value)
      form.set('document', new Blob([new Uint8Array(bytes)], { type: 'text/csv' }), 'Книга за ноябрь.csv')
      const path = '/bot1:sandbox-token-for-the-demo-only/sendDocument'
      const response = await fetch(box.url + path, { method: 'POST', body: form })
      return (await response.json()) as { result: Message; description?: string }
    }
    const reply_markup = JSON.stringify(keyboard)
    const { result } = await upload({ caption: '<b>Books</b>', parse_mode: 'HTML', reply_markup })
    expect(result).toMatchObject({
      caption: 'Books',
      caption_entities: [{ type: 'bold', offset: 0, length: 5 }],
      reply_markup: keyboard,
      document: { file_name: 'Книга за ноябрь.csv', mime_type: 'text/csv', file_size: data.length },
    })
    const { file_id } = result.document
    const [, shown] = await box.get(`/sim/chats/${chat_id}/messages`)
    expect(shown).toMatchObject({ document: result.document })

    const { file_path, file_size } = await box.ask('getFile', { file_id })
    expect(file_path).toMatch(/^documents\/file_\d+\.csv$/)
    expect(file_size).toBe(data.length)
    const download = await fetch(`${box.url}/file/bot1:sandbox-token-for-the-demo-only/${file_path}`)
    expect(Buffer.from(await download.arrayBuffer())).toEqual(data)
    const page = await fetch(`${box.url}/file/sandbox/${file_id}`)
    expect(page.headers.get('content-disposition')).toBe(
      `attachment; filename*=UTF-8''${encodeURIComponent('Книга за ноябрь.csv')}`,
    )
    expect(Buffer.from(await page.arrayBuffer())).toEqual(data)

    const again = await box.ask('sendDocument', { chat_id, document: file_id })
    expect(again.document).toEqual(result.document)
    expect(again.caption).toBeUndefined()
    const copy = await box.ask('copyMessage', { chat_id, from_chat_id: chat_id, message_id: result.message_id })
    const messages = await box.get(`/sim/chats/${chat_id}/messages?after=${copy.message_id - 1}`)
    expect(messages).toMatchObject([{ document: result.document, caption: 'Books' }])
    const edited = await box.ask('editMessageCaption', { chat_id, message_id: result.message_id, caption: 'New' })
    expect(edited).toMatchObject({ document: result.document, caption: 'New' })
    const media = { type: 'photo', media: 'https://example.com/b.jpg' }
    const replaced = await box.ask('editMessageMedia', { chat_id, message_id: result.message_id, media })
    expect(replaced.document).toBeUndefined()

    expect((await upload({}, Buffer.alloc(0))).description).toBe('Bad Request: file must be non-empty')
    const why = async (document: unknown) => (await box.bot('sendDocument', { chat_id, document })).description
    expect(await why(undefined)).toBe('Bad Request: there is no document in the request')
    expect(await why('junk')).toBe('Bad Request: wrong file identifier/HTTP URL specified')
    expect(await why(replaced.photo[0].file_id)).toBe("Bad Request: can't use file of type Photo as Document")
    expect((await upload({ caption: 'x'.repeat(1025) })).description).toBe('Bad Request: message caption is too long')
    expect(await box.get('/sim/problems')).toEqual([])
  })

  test('an album has 2 to 10 pictures of one group', async () => {
    const chat_id = await box.person()
    const media = [1, 2].map((n) => ({ type: 'photo', media: `https://example.com/${n}.jpg` }))
    const [one, two] = await box.ask('sendMediaGroup', { chat_id, media })
    expect(one.media_group_id).toBe(two.media_group_id)
    expect((await box.bot('sendMediaGroup', { chat_id, media: media.slice(1) })).error_code).toBe(400)
  })

  test('to a stranger or somebody who blocked the bot is forbidden', async () => {
    const { id } = await box.post('/sim/people', { first_name: 'Boris' })
    const send = () => box.bot('sendMessage', { chat_id: id, text: 'x' })
    expect(await send()).toMatchObject({
      error_code: 403,
      description: "Forbidden: bot can't initiate conversation with a user",
    })
    await box.post('/sim/messages', { from: id, text: '/start' })
    await box.post('/sim/block', { from: id, blocked: true })
    expect(await send()).toMatchObject({ error_code: 403, description: 'Forbidden: bot was blocked by the user' })
    const updates = await box.updates()
    expect(updates.at(-1).my_chat_member.new_chat_member.status).toBe('kicked')
    expect(await box.get(`/sim/chats/${id}/messages`)).toHaveLength(1)
  })

  test('copies and forwards what is there', async () => {
    const chat_id = await box.person()
    const { message_id } = await box.ask('sendMessage', { chat_id, text: 'x' })
    const copy = await box.ask('copyMessage', { chat_id, from_chat_id: chat_id, message_id })
    expect(copy).toEqual({ message_id: message_id + 1 })
    const forwarded = await box.ask('forwardMessage', { chat_id, from_chat_id: chat_id, message_id })
    expect(forwarded.forward_origin).toMatchObject({ type: 'user', sender_user: { id: 1 } })
    expect((await box.bot('copyMessage', { chat_id, from_chat_id: chat_id, message_id: 99_999 })).description).toBe(
      'Bad Request: message to copy not found',
    )
  })
})

describe('editing', () => {
  test('changes a text, and an edit that changes nothing is refused', async () => {
    const chat_id = await box.person()
    const { message_id } = await box.ask('sendMessage', { chat_id, text: 'one', reply_markup: keyboard })
    const edit = (params: object) => box.bot('editMessageText', { chat_id, message_id, ...params })
    const same = await edit({ text: ' one ', reply_markup: keyboard })
    expect(same.description).toBe(
      'Bad Request: message is not modified: specified new message content and reply markup are exactly the same as a current content and reply markup of the message',
    )
    const { result } = await edit({ text: 'one' })
    expect(result).not.toHaveProperty('reply_markup')
    expect((await edit({ text: '<b>one</b>', parse_mode: 'HTML' })).ok).toBe(true)
    const [, now] = await box.get(`/sim/chats/${chat_id}/messages`)
    expect(now).toMatchObject({ text: 'one', edits: 2, entities: [{ type: 'bold' }] })
  })

  test('says which message cannot be edited and why', async () => {
    const chat_id = await box.person()
    const text = await box.ask('sendMessage', { chat_id, text: 'one' })
    const photo = await box.ask('sendPhoto', { chat_id, photo: 'https://example.com/a.jpg' })
    const why = async (method: string, params: object) => (await box.bot(method, { chat_id, ...params })).description
    expect(await why('editMessageText', { message_id: photo.message_id, text: 'x' })).toBe(
      'Bad Request: there is no text in the message to edit',
    )
    expect(await why('editMessageCaption', { message_id: text.message_id, caption: 'x' })).toBe(
      'Bad Request: there is no caption in the message to edit',
    )
    expect(await why('editMessageText', { message_id: 77_777, text: 'x' })).toBe(
      'Bad Request: message to edit not found',
    )
    const own = await box.post('/sim/messages', { from: chat_id, text: 'mine' })
    expect(await why('editMessageText', { message_id: own.message_id, text: 'x' })).toBe(
      "Bad Request: message can't be edited",
    )
    expect(await why('editMessageText', { text: 'x' })).toBe('Bad Request: message identifier is not specified')
  })

  test('a text becomes a picture, a caption and a keyboard change alone', async () => {
    const chat_id = await box.person()
    const { message_id } = await box.ask('sendMessage', { chat_id, text: 'one' })
    const media = { type: 'photo', media: 'https://example.com/b.jpg', caption: 'two' }
    const edited = await box.ask('editMessageMedia', { chat_id, message_id, media, reply_markup: keyboard })
    expect(edited).toMatchObject({ caption: 'two', reply_markup: keyboard })
    expect(edited).not.toHaveProperty('text')
    expect((await box.bot('editMessageMedia', { chat_id, message_id, media, reply_markup: keyboard })).error_code).toBe(
      400,
    )
    const captioned = await box.ask('editMessageCaption', { chat_id, message_id, caption: 'three' })
    expect(captioned.photo).toEqual(edited.photo)
    const bare = await box.ask('editMessageReplyMarkup', { chat_id, message_id, reply_markup: keyboard })
    expect(bare).toMatchObject({ caption: 'three', reply_markup: keyboard })
  })

  test('a deleted message is gone', async () => {
    const chat_id = await box.person()
    const { message_id } = await box.ask('sendMessage', { chat_id, text: 'one' })
    expect(await box.ask('deleteMessage', { chat_id, message_id })).toBe(true)
    expect((await box.bot('deleteMessage', { chat_id, message_id })).description).toBe(
      'Bad Request: message to delete not found',
    )
    expect(await box.get(`/sim/chats/${chat_id}/messages?after=${message_id - 1}`)).toHaveLength(0)
  })
})

test('commands are kept per scope and language', async () => {
  const commands = [{ command: 'start', description: 'Begin' }]
  await box.ask('setMyCommands', { commands })
  await box.ask('setMyCommands', { commands: [{ command: 'start', description: 'Начать' }], language_code: 'ru' })
  expect(await box.ask('getMyCommands')).toEqual(commands)
  expect((await box.ask('getMyCommands', { language_code: 'ru' }))[0].description).toBe('Начать')
  expect(await box.ask('getMyCommands', { scope: { type: 'all_private_chats' } })).toEqual([])
  expect((await box.bot('setMyCommands', { commands: [{ command: 'A', description: 'x' }] })).description).toBe(
    'Bad Request: BOT_COMMAND_INVALID',
  )
  await box.ask('setMyDescription', { description: 'Shop', language_code: '' })
  expect(await box.ask('getMyDescription', { language_code: 'zh' })).toEqual({ description: 'Shop' })
})

test('chats and their members are known while the bot belongs there', async () => {
  const anna = await box.person('Anna')
  const boris = await box.person('Boris')
  const chat = await box.post('/sim/chats', {
    type: 'channel',
    title: 'Brand',
    username: 'brand',
    members: [anna],
    admins: [boris],
    bot: 'administrator',
  })
  expect((await box.updates())[0].my_chat_member).toMatchObject({
    chat: { id: chat.id, type: 'channel' },
    from: { id: boris },
    new_chat_member: { status: 'administrator', can_post_messages: true },
  })
  expect(await box.ask('getChat', { chat_id: '@brand' })).toMatchObject({ id: chat.id, title: 'Brand' })
  const status = async (user_id: number) => (await box.ask('getChatMember', { chat_id: chat.id, user_id })).status
  expect([await status(boris), await status(anna), await status(1)]).toEqual(['creator', 'member', 'administrator'])
  expect(await box.ask('getChatMemberCount', { chat_id: chat.id })).toBe(3)
  const post = await box.ask('sendMessage', { chat_id: '@brand', text: 'News' })
  expect(post).toMatchObject({ sender_chat: { id: chat.id } })
  expect(post).not.toHaveProperty('from')
  await box.post('/sim/chats', { id: chat.id, bot: 'none' })
  expect((await box.bot('sendMessage', { chat_id: chat.id, text: 'x' })).description).toBe(
    'Forbidden: bot was kicked from the channel chat',
  )
})

test('a group that became a supergroup tells its new id', async () => {
  const anna = await box.person()
  const group = await box.post('/sim/chats', { type: 'group', title: 'Friends', members: [anna] })
  const { id } = await box.post('/sim/chats', { id: group.id, type: 'supergroup' })
  expect(await box.bot('sendMessage', { chat_id: group.id, text: 'x' })).toMatchObject({
    error_code: 400,
    parameters: { migrate_to_chat_id: id },
  })
  expect((await box.bot('sendMessage', { chat_id: id, text: 'x' })).ok).toBe(true)
})
