/** Invoices as Telegram tells of them and is told: shown, asked about, paid; and what goes wrong in between. */
import { afterEach, expect, test, vi } from 'vitest'
import type { Front } from '#chat/front.ts'
import type { Message } from '#chat/screen.ts'
import { faultsOfCall, loadBotApiSchema } from '../support/bot-api-schema.ts'
import { latch, made, recordingFront, startBot, startBotApi, words, type BotApi } from './support.ts'

const providerToken = '5:TEST:secret-of-the-provider'
const invoice: Message = {
  ...words('Pay the order'),
  rows: [[{ label: 'home', act: 'h' }]],
  invoice: {
    payload: 'payment-1',
    title: 'Kettle',
    description: 'Order A1',
    lines: [
      { label: 'Kettle', amount: 100_00n },
      { label: 'Delivery', amount: 50_00n },
    ],
    currency: 'RUB',
  },
}
const notNow = { message: words('not now'), toast: 'not now, nothing was charged' }

afterEach(() => {
  vi.useRealTimers()
})

/** Every checkout answered so far, each with the query's id and the refusal if it was one. */
function answers(api: BotApi): [id: unknown, ok: unknown, words?: unknown][] {
  return api.callsOf('answerPreCheckoutQuery').map(({ params }) => {
    const { pre_checkout_query_id: id, ok, error_message: refusal } = params
    return refusal === undefined ? [id, ok] : [id, ok, refusal]
  })
}

function expectCorrectCalls(api: BotApi): void {
  const schema = loadBotApiSchema()
  if (!schema) return
  const calls = api.calls.filter(({ method }) => /Invoice|Checkout/.test(method))
  expect(calls.length).toBeGreaterThan(0)
  expect(calls.flatMap(({ method, params }) => faultsOfCall(schema, method, params))).toEqual([])
}

test('an invoice is shown with its lines, and a forwarded copy of it leads to the bot instead of being paid', async () => {
  const api = await startBotApi()
  const { messenger } = await startBot(api, undefined, { providerToken })
  expect(messenger.capabilities.invoices).toBe(true)
  expect(await messenger.send('10', invoice, 'reply')).toEqual({ ok: true, ref: '10:1001' })
  expect(api.calls.at(-1)).toMatchObject({
    method: 'sendInvoice',
    params: {
      chat_id: 10,
      title: 'Kettle',
      description: 'Order A1\nPay the order',
      payload: 'payment-1',
      provider_token: providerToken,
      currency: 'RUB',
      prices: [
        { label: 'Kettle', amount: 10000 },
        { label: 'Delivery', amount: 5000 },
      ],
      start_parameter: expect.stringMatching(/^[A-Za-z0-9_-]{1,64}$/) as string,
    },
  })
  expectCorrectCalls(api)
})

test('words that are too long for an invoice are cut, never through the middle of a character', async () => {
  const api = await startBotApi()
  const { messenger } = await startBot(api, undefined, { providerToken })
  const long = { ...invoice.invoice, title: '😀'.repeat(20), description: 'x'.repeat(300) }
  await messenger.send('10', { ...invoice, invoice: { ...invoice.invoice, ...long } } as Message, 'reply')
  const { title, description } = api.calls.at(-1)?.params ?? {}
  expect(title).toBe(`${'😀'.repeat(15)}…`)
  expect(description).toHaveLength(255)
})

test('without a provider token an invoice is its words and buttons', async () => {
  const api = await startBotApi()
  const { messenger } = await startBot(api, undefined)
  expect(messenger.capabilities.invoices).toBe(false)
  await messenger.send('10', invoice, 'reply')
  expect(api.calls.at(-1)).toMatchObject({ method: 'sendMessage', params: { text: 'Pay the order' } })
})

test('an invoice whose answer is lost is not sent again, and its provider token is in no log and no failure', async () => {
  const api = await startBotApi()
  const description = `Bad Request: PAYMENT_PROVIDER_INVALID ${providerToken}`
  api.script('sendInvoice', { drop: true }, { status: 502 }, { error: 400, description })
  const bot = await startBot(api, recordingFront({ onCommand: async () => ({ message: invoice }) }).front, {
    providerToken,
  })
  expect(await bot.messenger.send('10', invoice, 'status')).toEqual({ ok: false, reason: 'unknown' })
  expect(await bot.messenger.send('10', invoice, 'status')).toEqual({ ok: false, reason: 'unknown' })
  await bot.handleUpdate(made.text(1, 10, '/pay'))
  expect(api.callsOf('sendInvoice')).toHaveLength(3)
  expect(bot.logged.filter(({ level }) => level === 'error')).toHaveLength(1)
  expect(JSON.stringify(bot.logged)).toContain('PAYMENT_PROVIDER_INVALID')
  expect(JSON.stringify(bot.logged)).not.toContain(providerToken)
})

test('a tap is answered by an invoice of its own below the message, which stays and is followed no more than before', async () => {
  const api = await startBotApi()
  const { front, log } = recordingFront({ onTap: async () => ({ message: invoice, follows: { orderId: 3 } }) })
  const bot = await startBot(api, front, { providerToken })
  await bot.handleUpdate(made.tap(1, 10, 'pay'))
  const shown = api.calls.map(({ method }) => method).filter((method) => /^(send|edit|answer)/.test(method))
  expect(shown.toSorted()).toEqual(['answerCallbackQuery', 'sendInvoice'])
  expect(log.filter((line) => /^(follow|finish)/.test(line))).toEqual(['finish 1'])
})

test('what cannot be edited, such as an invoice, is forgotten', async () => {
  const api = await startBotApi()
  const description = 'Bad Request: there is no text in the message to edit'
  const noCaption = 'Bad Request: there is no caption in the message to edit'
  api.script('editMessageText', { error: 400, description })
  api.script('editMessageCaption', { error: 400, description: noCaption })
  const { messenger } = await startBot(api, undefined)
  expect(await messenger.edit('10:1001', words('x'), 'status')).toEqual({ ok: false, reason: 'gone' })
})

test('a file is uploaded under its name with the words as its caption, as a message of its own', async () => {
  const api = await startBotApi()
  const document = { name: 'sa"les.csv', content: new TextEncoder().encode('number;sum\r\n'), type: 'text/csv' }
  const message = { ...words('Your <sales>'), rows: [[{ label: 'Back', act: 'back' }]], document }
  const bot = await startBot(api, recordingFront({ onTap: async () => ({ message }) }).front)
  await bot.handleUpdate(made.tap(1, 10, 'file'))
  const [sent, ...more] = api.calls.filter(({ method }) => /^(send|edit)/.test(method))
  expect([sent?.method, more]).toEqual(['sendDocument', []])
  for (const part of ['filename="sa_les.csv"', 'number;sum', 'Your &lt;sales&gt;', '"callback_data":"back"', '10'])
    expect(sent?.body).toContain(part)
})

test('a file whose answer is lost is not sent again', async () => {
  const api = await startBotApi()
  api.script('sendDocument', { drop: true })
  const { messenger } = await startBot(api, undefined)
  const document = { name: 'a.csv', content: new Uint8Array([65]), type: 'text/csv' }
  expect(await messenger.send('10', { ...words('x'), document }, 'status')).toEqual({ ok: false, reason: 'unknown' })
  expect(api.callsOf('sendDocument')).toHaveLength(1)
})

test('a checkout is let through or refused in the words of the shop, and marked as done', async () => {
  const api = await startBotApi()
  const recorded = recordingFront()
  const { front, log } = recorded
  const bot = await startBot(api, front, { providerToken })
  await bot.handleUpdate(made.invoiceAsked(1, 10))
  front.onInvoiceAsked = async () => `Sold out ${'x'.repeat(300)}`
  await bot.handleUpdate(made.invoiceAsked(2, 10))
  expect(log).toEqual(['begin 1', 'asked payment-1 15000 RUB', 'finish 1', 'begin 2', 'finish 2'])
  expect(answers(api)).toEqual([
    ['pq1', true],
    ['pq2', false, expect.stringMatching(/^Sold out x{190}…$/)],
  ])
  expectCorrectCalls(api)
  await bot.handleUpdate(made.invoiceAsked(2, 10))
  expect(answers(api)).toHaveLength(2)
})

test.each<[string, Partial<Front>]>([
  ['the look at it fails', { onInvoiceAsked: async () => Promise.reject(new Error('broken')) }],
  ['the person cannot even be found', { begin: async () => Promise.reject(new Error('no database')) }],
])('a checkout is refused for now, once, when %s', async (_what, overrides) => {
  const api = await startBotApi()
  const bot = await startBot(api, recordingFront({ apology: () => notNow, ...overrides }).front, { providerToken })
  await bot.handleUpdate(made.invoiceAsked(1, 10))
  expect(answers(api)).toEqual([['pq1', false, notNow.toast]])
  expect(bot.logged.map(({ level }) => level)).toEqual(['error'])
})

test('a checkout that takes too long is refused for now before Telegram gives up, and only once', async () => {
  const api = await startBotApi()
  const slow = latch()
  const about: unknown[] = []
  const { front, log } = recordingFront({
    async onInvoiceAsked() {
      log.push('asked')
      await slow.opened
      return undefined
    },
    apology(_visitor, _sender, what) {
      about.push(what)
      return notNow
    },
  })
  const bot = await startBot(api, front, { providerToken })
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] })
  const handled = bot.handleUpdate(made.invoiceAsked(1, 10))
  while (!log.includes('asked')) await new Promise(setImmediate)
  vi.advanceTimersByTime(7900)
  expect(answers(api)).toEqual([])
  vi.advanceTimersByTime(100)
  vi.useRealTimers()
  await api.until(() => answers(api).length > 0)
  slow.open()
  await handled
  expect(answers(api)).toEqual([['pq1', false, notNow.toast]])
  expect(about).toEqual(['invoice'])
})

test('a checkout does not wait for what the same person did before, nor for a place among others', async () => {
  const api = await startBotApi()
  const slow = latch()
  const { front } = recordingFront({ onCommand: async () => slow.opened.then(() => ({})) })
  const bot = await startBot(api, front, { providerToken, concurrency: 1 })
  const busy = bot.handleUpdate(made.text(1, 10, '/slow'))
  await bot.handleUpdate(made.invoiceAsked(2, 10))
  expect(answers(api)).toEqual([['pq2', true]])
  slow.open()
  await busy
})

test('a payment is handed over with both numbers of the charge, and the answer is a new message', async () => {
  const api = await startBotApi()
  const { front, log } = recordingFront()
  const bot = await startBot(api, front, { providerToken })
  await bot.handleUpdate(made.invoicePaid(1, 10))
  await bot.handleUpdate(made.invoicePaid(1, 10))
  expect(log).toEqual(['begin 1 opens', 'paid payment-1 15000 RUB tg_1 acq_1', 'finish 1'])
  expect(api.callsOf('sendMessage').map(({ params }) => params['text'])).toEqual(['thanks'])
})

test('a payment that could not be written down is rejected, so that it comes again, and then counts once', async () => {
  const api = await startBotApi()
  let isBroken = true
  const { front, log } = recordingFront({
    async onInvoicePaid() {
      if (isBroken) throw new Error('no database')
      log.push('paid')
      return { message: words('thanks') }
    },
  })
  const bot = await startBot(api, front, { providerToken })
  const update = made.invoicePaid(1, 10)
  await expect(bot.handleUpdate(update)).rejects.toThrow('no database')
  expect(log).toEqual(['begin 1 opens'])
  expect(api.callsOf('sendMessage')).toEqual([])
  isBroken = false
  await bot.handleUpdate(update)
  await bot.handleUpdate(update)
  expect(log.filter((line) => /^(paid|finish)/.test(line))).toHaveLength(2)
  expect(api.callsOf('sendMessage')).toHaveLength(1)
})

test('a payment whose answer cannot be shown is done all the same', async () => {
  const api = await startBotApi()
  api.script('sendMessage', { error: 400, description: "Bad Request: can't parse entities" })
  const { front, log } = recordingFront()
  const bot = await startBot(api, front, { providerToken })
  await bot.handleUpdate(made.invoicePaid(1, 10))
  expect(log.at(-1)).toBe('finish 1')
})

test('while polling, a payment that could not be written down is not confirmed, and is tried again', async () => {
  const api = await startBotApi()
  let tries = 0
  const { front, log } = recordingFront({
    async onInvoicePaid() {
      tries += 1
      if (tries === 1) throw new Error('no database')
      log.push('paid')
      return {}
    },
  })
  const bot = await startBot(api, front, { providerToken })
  api.queue(made.invoicePaid(1, 10))
  bot.startPolling()
  await api.until(() => tries === 1)
  expect(api.unconfirmed()).toEqual([1])
  await api.until(() => api.unconfirmed().length === 0)
  expect(log.filter((line) => line.startsWith('paid'))).toHaveLength(1)
})

test.each([
  ['a checkout', made.invoiceAsked(1, 10, { total_amount: 'free' })],
  ['a checkout', made.invoiceAsked(1, 10, { invoice_payload: undefined })],
  ['a checkout', made.invoiceAsked(1, 10, { from: { id: 9, is_bot: true } })],
  ['a payment', made.invoicePaid(1, 10, { total_amount: 1.5 })],
  ['a payment', made.invoicePaid(1, 10, { provider_payment_charge_id: undefined })],
])('%s that makes no sense is passed over: %#', async (_what, update) => {
  const api = await startBotApi()
  const { front, log } = recordingFront()
  const bot = await startBot(api, front, { providerToken })
  await bot.handleUpdate(update)
  expect(log).toEqual([])
})
