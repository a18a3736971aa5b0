import { describe, expect, test } from 'vitest'
import { useSandbox, type Json } from './sim-driver.ts'

const box = useSandbox()

/** Takes the next update of this kind; polls with a wait. */
async function next(kind: string): Promise<Json> {
  for (;;) {
    const updates: Json[] = await box.ask('getUpdates', { timeout: 10, limit: 1 })
    const [update] = updates
    if (!update) throw new Error(`no ${kind} came`)
    await box.ask('getUpdates', { offset: update.update_id + 1, limit: 1 })
    if (update[kind]) return update[kind]
  }
}

describe('what people send', () => {
  test('arrives as Telegram would tell it', async () => {
    const { id: from } = await box.post('/sim/people', { first_name: 'Анна', username: 'anna', language_code: 'ru' })
    expect(from).toBe(1_000_001)
    await box.post('/sim/messages', { from, text: '/start g_abc' })
    await box.post('/sim/messages', { from, location: { latitude: 55.7, longitude: 37.6 } })
    await box.post('/sim/messages', { from, contact: { phone_number: '+79001112233', first_name: 'Анна' } })
    await box.post('/sim/messages', { from, photo: 'https://example.com/me.jpg', caption: 'me' })
    const said = await box.post('/sim/messages', { from, photo: 'aGVsbG8=' })
    await box.post('/sim/messages', { from, text: 'this', reply_to: said.message_id })
    const messages = (await box.updates()).map(({ message }: Json) => message)
    expect(messages[0]).toMatchObject({
      from: { id: from, language_code: 'ru', is_bot: false },
      chat: { id: from, type: 'private', first_name: 'Анна', username: 'anna' },
      text: '/start g_abc',
      entities: [{ type: 'bot_command', offset: 0, length: 6 }],
    })
    expect(messages[1].location).toEqual({ latitude: 55.7, longitude: 37.6 })
    expect(messages[2].contact).toMatchObject({ phone_number: '+79001112233', user_id: from })
    expect(messages[3]).toMatchObject({ caption: 'me', photo: [{}, {}] })
    expect(messages[5].reply_to_message.message_id).toBe(said.message_id)
    const file = await fetch(`${box.url}${said.photo_url}`)
    expect(await file.text()).toBe('hello')
  })

  test.each([
    ['/sim/messages', { from: 5, text: 'x' }, 404],
    ['/sim/messages', { from: 'x', text: 'x' }, 400],
    ['/sim/messages', { from: 1_000_001 }, 400],
    ['/sim/people', {}, 400],
    ['/sim/people', '{', 400],
    ['/sim/chats', { type: 'secret', title: 'x' }, 400],
    ['/sim/chats', { type: 'group', title: 'x', members: [5] }, 404],
    ['/sim/clicks', { from: 1_000_001, message_id: 999 }, 404],
    ['/sim/faults', { method: 'getMe', probability: 2 }, 400],
    ['/sim/nothing', {}, 404],
  ])('%s %j is refused with an error', async (path, body, status) => {
    await box.person()
    const answer = await box.raw('POST', path, body)
    expect(answer).toEqual({ status, body: { error: expect.any(String) } })
  })

  test('a channel takes posts of its administrators only, and shows them to the bot', async () => {
    const [boss, anna] = [await box.person('Boss'), await box.person()]
    const { id: chat } = await box.post('/sim/chats', {
      type: 'channel',
      title: 'Brand',
      admins: [boss],
      bot: 'administrator',
    })
    await box.post('/sim/messages', { from: boss, chat, text: 'News' })
    expect((await box.raw('POST', '/sim/messages', { from: anna, chat, text: 'x' })).status).toBe(403)
    expect((await box.updates()).at(-1).channel_post).toMatchObject({ sender_chat: { id: chat }, text: 'News' })
  })

  test('followers who join and leave are told to a bot that asked for it', async () => {
    const anna = await box.person()
    await box.ask('getUpdates', { allowed_updates: ['chat_member'] })
    const { id } = await box.post('/sim/chats', { type: 'channel', title: 'Brand', bot: 'administrator' })
    await box.post('/sim/chats', { id, members: [anna] })
    await box.post('/sim/chats', { id, members: [] })
    const changes = (await box.updates()).map(({ chat_member }: Json) => chat_member.new_chat_member.status)
    expect(changes).toEqual(['member', 'left'])
    await box.ask('getUpdates', { allowed_updates: [] })
  })
})

describe('pressing', () => {
  const send = (chat_id: number, rows: object[][]) =>
    box.ask('sendMessage', { chat_id, text: 'x', reply_markup: { inline_keyboard: rows } })

  test('a callback button waits for the answer and returns it', async () => {
    const from = await box.person()
    const { message_id } = await send(from, [
      [
        { text: 'A', callback_data: 'a' },
        { text: 'Join 2 of 3', callback_data: 'b' },
      ],
    ])
    for (const choice of [{ data: 'b' }, { text: 'Join 2 of 3' }, { text: '/^join/i' }, { row: 0, column: 1 }]) {
      const click = box.post('/sim/clicks', { from, chat: from, message_id, ...choice })
      const query = await next('callback_query')
      expect(query).toMatchObject({
        data: 'b',
        from: { id: from },
        message: { message_id },
        chat_instance: expect.any(String),
      })
      await box.ask('answerCallbackQuery', { callback_query_id: query.id, text: 'Done', show_alert: true })
      expect(await click).toEqual({ type: 'callback', answer: { text: 'Done', show_alert: true } })
    }
    expect((await box.raw('POST', '/sim/clicks', { from, message_id, data: 'zzz' })).status).toBe(404)
  })

  test('other buttons do what the app would do', async () => {
    const from = await box.person()
    const { message_id } = await send(from, [
      [{ text: 'Pay', url: 'https://example.com/pay' }],
      [{ text: 'Share', switch_inline_query: 'g abc' }],
      [{ text: 'Pick', switch_inline_query_chosen_chat: { query: 'q', allow_group_chats: true } }],
    ])
    const press = (row: number) => box.post('/sim/clicks', { from, message_id, row, column: 0 })
    expect(await press(0)).toEqual({ type: 'url', url: 'https://example.com/pay' })
    expect(await press(1)).toEqual({ type: 'switch_inline', query: 'g abc' })
    expect(await press(2)).toMatchObject({ type: 'switch_inline', query: 'q' })
  })

  test('a reply keyboard sends its text, or the contact it asks for', async () => {
    const chat_id = await box.person()
    const reply_markup = { keyboard: [[{ text: 'My phone', request_contact: true }, 'No']] }
    const { message_id } = await box.ask('sendMessage', { chat_id, text: 'Phone?', reply_markup })
    expect(await box.post('/sim/clicks', { from: chat_id, message_id, text: 'No' })).toMatchObject({
      type: 'text',
      text: 'No',
    })
    await box.post('/sim/clicks', { from: chat_id, message_id, text: 'My phone' })
    const [no, phone] = await box.updates()
    expect(no.message.text).toBe('No')
    expect(phone.message.contact).toMatchObject({ user_id: chat_id, phone_number: '+79001000001' })
  })

  test('a tap that nobody answers is a problem', { timeout: 20_000 }, async () => {
    const from = await box.person()
    const { message_id } = await send(from, [[{ text: 'A', callback_data: 'a' }]])
    expect(await box.post('/sim/clicks', { from, message_id, data: 'a' })).toEqual({ type: 'callback', answer: null })
    expect(await box.get('/sim/problems')).toMatchObject([
      { method: 'answerCallbackQuery', problem: expect.stringMatching(/never answered/) },
    ])
  })
})

describe('inline mode', () => {
  const article = (id: string, extra: object = {}) => ({
    type: 'article',
    id,
    title: `Title ${id}`,
    input_message_content: { message_text: `<b>${id}</b>`, parse_mode: 'HTML' },
    ...extra,
  })
  const reply_markup = { inline_keyboard: [[{ text: 'Join', callback_data: 'join' }]] }

  async function offer(from: number, results: object[], offset = ''): Promise<Json> {
    const shown = box.post('/sim/inline', { from, query: 'tea', offset, chat_type: 'group' })
    const query = await next('inline_query')
    expect(query).toMatchObject({ query: 'tea', offset, chat_type: 'group', from: { id: from } })
    await box.ask('answerInlineQuery', { inline_query_id: query.id, results, next_offset: '2', cache_time: 5 })
    return shown
  }

  test('shows pages, posts a chosen result, and the bot edits it by its inline id', async () => {
    const [anna, boris] = [await box.person('Anna'), await box.person('Boris')]
    const { id: chat } = await box.post('/sim/chats', {
      type: 'group',
      title: 'Friends',
      members: [anna, boris],
      bot: 'none',
    })
    const results = [article('1', { reply_markup })]
    expect(await offer(anna, results)).toEqual({ results, next_offset: '2', cache_time: 5 })
    await offer(anna, [article('2')], '2')
    const posted = await box.post('/sim/inline/choose', { from: anna, chat, query: 'tea', result_id: '1' })
    expect(posted).toMatchObject({
      text: '1',
      via_bot: { id: 1 },
      from: { id: anna },
      chat: { id: chat },
      reply_markup,
    })
    const { inline_message_id } = posted
    const chosen = await next('chosen_inline_result')
    expect(chosen).toMatchObject({ result_id: '1', query: 'tea', inline_message_id })
    const click = box.post('/sim/clicks', { from: boris, inline_message_id, data: 'join' })
    const tap = await next('callback_query')
    expect(tap).toMatchObject({ inline_message_id, from: { id: boris } })
    expect(tap).not.toHaveProperty('message')
    await box.ask('answerCallbackQuery', { callback_query_id: tap.id, url: 'https://t.me/vmeste_bot?start=g_1' })
    expect((await click).answer).toEqual({ url: 'https://t.me/vmeste_bot?start=g_1' })
    expect(await box.ask('editMessageText', { inline_message_id, text: '2 of 3' })).toBe(true)
    const [now] = await box.get(`/sim/chats/${chat}/messages`)
    expect(now).toMatchObject({ text: '2 of 3', edits: 1, inline_message_id })
    expect((await box.bot('editMessageText', { inline_message_id: 'no', text: 'x' })).error_code).toBe(400)
    await box.post('/sim/inline/choose', { from: anna, chat, query: 'tea', result_id: '2' })
    expect(await next('chosen_inline_result')).not.toHaveProperty('inline_message_id')
  })

  test('a result for another person lands in the chat of the two, which the bot does not see', async () => {
    const [anna, boris] = [await box.person('Anna'), await box.person('Boris')]
    await offer(anna, [article('1', { reply_markup })])
    const posted = await box.post('/sim/inline/choose', { from: anna, chat: boris, query: 'tea', result_id: '1' })
    expect(posted.chat.id).not.toBe(boris)
    expect(await box.get(`/sim/chats/${posted.chat.id}/messages`)).toHaveLength(1)
    const kinds = (await box.updates()).flatMap((update: Json) => Object.keys(update).slice(1))
    expect(kinds).toEqual(['chosen_inline_result'])
  })

  test('results are checked', async () => {
    const from = await box.person()
    const shown = box.post('/sim/inline', { from, query: 'x' })
    const { id: inline_query_id } = await next('inline_query')
    const why = async (results: object[], more: object = {}) =>
      (await box.bot('answerInlineQuery', { inline_query_id, results, ...more })).description
    expect(await why([article('1'), article('1')])).toBe('Bad Request: RESULT_ID_DUPLICATE')
    expect(await why([article('x'.repeat(65))])).toBe('Bad Request: RESULT_ID_INVALID')
    expect(await why([article('1', { title: '' })])).toBe('Bad Request: ARTICLE_TITLE_EMPTY')
    expect(await why(Array.from({ length: 51 }, (_, i) => article(String(i))))).toBe('Bad Request: RESULTS_TOO_MUCH')
    expect(await why([], { next_offset: 'x'.repeat(65) })).toBe('Bad Request: NEXT_OFFSET_INVALID')
    expect(await why([{ type: 'article', id: '1', title: 'x' }])).toMatch(/input_message_content/)
    expect(await why([])).toBeUndefined()
    expect((await shown).results).toEqual([])
  })
})

describe('paying an invoice', () => {
  const invoice = {
    title: 'Kettle',
    description: 'Red',
    payload: 'order-1',
    provider_token: 'test',
    currency: 'RUB',
    prices: [{ label: 'Kettle', amount: 100_00 }],
  }

  test('asks for shipping and the checkout, then proves the payment', async () => {
    const chat_id = await box.person()
    const flexible = { is_flexible: true, need_shipping_address: true }
    const { message_id, ...sent } = await box.ask('sendInvoice', { chat_id, ...invoice, ...flexible })
    expect(sent.invoice).toMatchObject({ title: 'Kettle', currency: 'RUB', total_amount: 100_00 })
    expect(await box.post('/sim/clicks', { from: chat_id, message_id, row: 0, column: 0 })).toEqual({ type: 'pay' })
    const paying = box.post('/sim/pay', { from: chat_id, chat: chat_id, message_id })
    const shipping = await next('shipping_query')
    expect(shipping).toMatchObject({ invoice_payload: 'order-1', shipping_address: { country_code: 'RU' } })
    const shipping_options = [{ id: 'cdek', title: 'CDEK', prices: [{ label: 'CDEK', amount: 5_00 }] }]
    await box.ask('answerShippingQuery', { shipping_query_id: shipping.id, ok: true, shipping_options })
    const checkout = await next('pre_checkout_query')
    expect(checkout).toMatchObject({ total_amount: 105_00, shipping_option_id: 'cdek', invoice_payload: 'order-1' })
    await box.ask('answerPreCheckoutQuery', { pre_checkout_query_id: checkout.id, ok: true })
    expect(await paying).toMatchObject({ outcome: 'paid', total_amount: 105_00 })
    const { successful_payment } = await next('message')
    expect(successful_payment).toMatchObject({ total_amount: 105_00, invoice_payload: 'order-1' })
    // The provider's own books have it, shipping included, under the id that the bot was told.
    expect((await box.get('/sim/yookassa/payments')).items).toMatchObject([
      {
        id: successful_payment.provider_payment_charge_id,
        status: 'succeeded',
        amount: { value: '105.00', currency: 'RUB' },
        description: 'Kettle',
      },
    ])
    expect((await box.raw('POST', '/sim/pay', { from: chat_id, message_id })).status).toBe(400)
  })

  test('refused by the bot or declined by the card proves nothing', async () => {
    const chat_id = await box.person()
    const { message_id } = await box.ask('sendInvoice', { chat_id, ...invoice })
    const pay = async (ok: boolean, outcome: string) => {
      const paying = box.post('/sim/pay', { from: chat_id, message_id, outcome })
      const { id } = await next('pre_checkout_query')
      await box.ask('answerPreCheckoutQuery', { pre_checkout_query_id: id, ok, error_message: 'Sold out' })
      return paying
    }
    expect(await pay(false, 'paid')).toMatchObject({ outcome: 'refused', error_message: 'Sold out' })
    expect((await box.get('/sim/yookassa/payments')).items).toEqual([])
    expect(await pay(true, 'declined')).toMatchObject({ outcome: 'declined' })
    expect(await box.updates()).toEqual([])
    expect((await box.get('/sim/yookassa/payments')).items).toMatchObject([
      { status: 'canceled', paid: false, cancellation_details: { reason: 'insufficient_funds' } },
    ])
  })

  test('the provider charges nothing for an invoice whose receipt is wrong, and the problem is written down', async () => {
    const chat_id = await box.person()
    const pay = async (value: string) => {
      const items = [{ description: 'Kettle', quantity: 1, amount: { value, currency: 'RUB' }, vat_code: 1 }]
      const provider_data = JSON.stringify({ receipt: { customer: { phone: '79000000000' }, items } })
      const { message_id } = await box.ask('sendInvoice', { chat_id, ...invoice, provider_data })
      const paying = box.post('/sim/pay', { from: chat_id, message_id })
      const { id } = await next('pre_checkout_query')
      await box.ask('answerPreCheckoutQuery', { pre_checkout_query_id: id, ok: true })
      return paying
    }
    expect(await pay('99.99')).toMatchObject({ outcome: 'declined' })
    expect((await box.get('/sim/yookassa/payments')).items).toEqual([])
    expect(JSON.stringify(await box.get('/sim/problems'))).toMatch(/do not add up/)
    expect(await pay('100.00')).toMatchObject({ outcome: 'paid' })
    expect((await box.get('/sim/yookassa/payments')).items).toMatchObject([{ receipt_registration: 'succeeded' }])
  })

  test('stars are no business of the card provider', async () => {
    const chat_id = await box.person()
    const { message_id } = await box.ask('sendInvoice', { chat_id, ...invoice, provider_token: '', currency: 'XTR' })
    const paying = box.post('/sim/pay', { from: chat_id, message_id })
    const { id } = await next('pre_checkout_query')
    await box.ask('answerPreCheckoutQuery', { pre_checkout_query_id: id, ok: true })
    expect(await paying).toMatchObject({ outcome: 'paid' })
    expect((await box.get('/sim/yookassa/payments')).items).toEqual([])
  })

  test('invoices are checked', async () => {
    const chat_id = await box.person()
    const why = async (wrong: object) => (await box.bot('sendInvoice', { chat_id, ...invoice, ...wrong })).description
    expect(await why({ currency: 'rub' })).toBe('Bad Request: CURRENCY_INVALID')
    expect(await why({ provider_token: '' })).toBe('Bad Request: PAYMENT_PROVIDER_INVALID')
    expect(await why({ payload: 'x'.repeat(129) })).toBe('Bad Request: INVOICE_PAYLOAD_INVALID')
    expect(await why({ prices: [{ label: 'x', amount: 1.5 }] })).toMatch(/Field "amount" must be of type Number/)
  })
})
