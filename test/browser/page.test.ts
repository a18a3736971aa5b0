/** The sandbox's chat page in a real browser, against the real sandbox, with a bot made of plain Bot API calls. */
import chromium from '@sparticuz/chromium'
import { chromium as playwright, type Browser, type Locator, type Page } from 'playwright-core'
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest'
import { startSandbox, type Sandbox } from '#sandbox/sandbox.ts'

const token = '4242:page-test-token-0123456789'

let browser: Browser
let sandbox: Sandbox
let page: Page
let bot: { stop(): Promise<void> }
let problems: string[]

type Person = { id: number; first_name: string }
let anna: Person
let boris: Person
let group: { id: number }

beforeAll(async () => {
  browser = await playwright.launch({
    executablePath: await chromium.executablePath(),
    // Not `chromium.args`: they are for a serverless host, switch web security off and draw through a slow software GPU.
    args: ['--no-sandbox', '--disable-gpu', '--disable-dev-shm-usage'],
    headless: true,
  })
}, 60_000)

afterAll(async () => browser?.close())

beforeEach(async () => {
  sandbox = await startSandbox({ port: 0 })
  bot = runBot(sandbox.url)
  anna = await post('/sim/people', { first_name: 'Anna', username: 'anna', language_code: 'en' })
  boris = await post('/sim/people', { first_name: 'Boris', username: 'boris', language_code: 'en' })
  group = await post('/sim/chats', {
    type: 'supergroup',
    title: 'Neighbours',
    members: [anna.id, boris.id],
    bot: 'none',
  })
  problems = []
  const context = await browser.newContext({
    locale: 'en-GB',
    viewport: { width: 1300, height: 860 },
    reducedMotion: 'reduce',
  })
  page = await context.newPage()
  page.on('console', (message) => {
    if (message.type() === 'error' || message.type() === 'warning') problems.push(message.text())
  })
  page.on('pageerror', (error) => problems.push(String(error)))
  await page.goto(sandbox.url)
})

afterEach(async () => {
  await page.context().close()
  await bot.stop()
  await sandbox.close()
})

test('two people stand side by side and see each other’s messages in a group', async () => {
  await open(anna, group.id)
  await say(anna, 'Hello there & <b>everyone</b>')
  await expectText(phone(boris).getByTestId('chat-item').filter({ hasText: 'Neighbours' }), /Anna: Hello there/)
  await open(boris, group.id)
  await expectText(messages(boris).last(), /Anna\s*Hello there & <b>everyone<\/b>/)
  await say(boris, 'Hi Anna')
  await expectText(messages(anna).last(), /Boris\s*Hi Anna/)
  await page.reload()
  await expectText(messages(anna).last(), /Hi Anna/)
  expect(problems).toEqual([])
})

test('Start greets, a button spins until the bot answers, and the message changes in place', async () => {
  await open(anna, anna.id)
  await phone(anna).getByTestId('start').click()
  const card = messages(anna).filter({ hasText: 'Kettle' })
  await card.waitFor()
  expect(await card.locator('strong').textContent()).toBe('Kettle')
  expect(await card.getByTestId('button').allTextContents()).toEqual(['Join', 'Details', 'Share'])
  await card.getByTestId('button').filter({ hasText: 'Join' }).click()
  await expectText(phone(anna).getByTestId('toast'), 'You are in: 2 of 3')
  await expectText(card, /2 of 3.*edited/s)
  await card.getByTestId('button').filter({ hasText: 'Details' }).focus()
  await page.keyboard.press('Enter')
  await expectText(phone(anna).getByTestId('alert'), /Holds 1\.7 litres/)
  await page.keyboard.press('Escape')
  await phone(anna).getByTestId('alert').waitFor({ state: 'detached' })
  expect(await messages(anna).count()).toBe(2)
  expect(problems).toEqual([])
})

test('sharing offers inline results in the chosen chat, pages them, and posts the chosen one', async () => {
  await open(anna, anna.id)
  await phone(anna).getByTestId('start').click()
  await messages(anna).getByTestId('button').filter({ hasText: 'Share' }).click()
  await phone(anna).locator(`[data-testid="pick-chat"][data-chat="${group.id}"]`).click()
  await expect.poll(() => phone(anna).getByTestId('composer').inputValue()).toBe('@vmeste_bot kettle')
  const results = phone(anna).getByTestId('inline-result')
  await expect.poll(() => results.count()).toBe(10)
  await results.last().scrollIntoViewIfNeeded()
  await expect.poll(() => results.count()).toBe(20)
  await results.filter({ hasText: 'kettle 12' }).click()
  await open(boris, group.id)
  await expectText(messages(boris).last(), /Anna\s*via @vmeste_bot.*Card of kettle 12/s)
  expect(await phone(anna).getByTestId('composer').inputValue()).toBe('')
  expect(problems).toEqual([])
})

test('a one-time keyboard steps aside when its question is answered in words, and is still there to be called', async () => {
  await open(anna, anna.id)
  await phone(anna).getByTestId('start').click()
  await messages(anna).filter({ hasText: 'Kettle' }).waitFor()
  const keyboard = [[{ text: 'Send my number', request_contact: true }]]
  const ask = { keyboard, one_time_keyboard: true, resize_keyboard: true }
  await post(`/bot${token}/sendMessage`, { chat_id: anna.id, text: 'Your number?', reply_markup: ask })
  const key = phone(anna).getByTestId('reply-button')
  await key.waitFor()
  await say(anna, '+7 912 345-67-89')
  await key.waitFor({ state: 'hidden' })
  await page.reload()
  await messages(anna).filter({ hasText: '345-67-89' }).waitFor()
  expect(await key.isVisible()).toBe(false)
  await phone(anna).getByRole('button', { name: 'Show the bot’s keyboard' }).click()
  await key.waitFor()
  expect(problems).toEqual([])
})

test('a file is attached from the menu beside the text, and stands in the chat with its name and size', async () => {
  await open(anna, anna.id)
  await phone(anna).getByTestId('start').click()
  await messages(anna).first().waitFor()
  await phone(anna).getByRole('button', { name: 'Attach' }).click()
  const choosing = page.waitForEvent('filechooser')
  await phone(anna).getByRole('menuitem', { name: 'File' }).click()
  const buffer = Buffer.from('<yml_catalog/>')
  await (await choosing).setFiles({ name: 'каталог.yml', mimeType: 'application/xml', buffer })
  const card = messages(anna).getByTestId('document')
  await expectText(card, /каталог\.yml\s*1 KB/)
  const address = await card.getAttribute('href')
  expect(await (await fetch(new URL(address ?? '', sandbox.url))).text()).toBe('<yml_catalog/>')
  expect(problems).toEqual([])
})

test('a payment link opens in a sheet, which closes after paying', async () => {
  const auth = `Basic ${Buffer.from('shop:secret').toString('base64')}`
  const response = await fetch(`${sandbox.url}/yookassa/v3/payments`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', authorization: auth, 'idempotence-key': 'page-test' },
    body: JSON.stringify({
      amount: { value: '450.00', currency: 'RUB' },
      capture: true,
      confirmation: { type: 'redirect', return_url: 'https://example.com/' },
    }),
  })
  const payment = (await response.json()) as { id: string; confirmation: { confirmation_url: string } }
  await open(anna, anna.id)
  await phone(anna).getByTestId('start').click()
  await expect.poll(() => messages(anna).count()).toBe(2)
  await say(anna, payment.confirmation.confirmation_url)
  await messages(anna).locator('.pay-chip').click()
  const sheet = phone(anna).getByTestId('pay-sheet')
  await sheet.locator('iframe').contentFrame().locator('button[value="paid"]').click()
  await sheet.waitFor({ state: 'detached' })
  const stored = await fetch(`${sandbox.url}/yookassa/v3/payments/${payment.id}`, { headers: { authorization: auth } })
  expect(await stored.json()).toMatchObject({ status: 'succeeded' })
  expect(problems).toEqual([])
})

test('a document is shown with its name and size, and downloads as it is', async () => {
  await open(anna, anna.id)
  await phone(anna).getByTestId('start').click()
  await expect.poll(() => messages(anna).count()).toBe(2)
  const form = new FormData()
  form.set('chat_id', String(anna.id))
  form.set('caption', 'Your books')
  form.set('document', new Blob(['day;sum\r\n'.repeat(300)], { type: 'text/csv' }), 'books <ноябрь>.csv')
  await fetch(`${sandbox.url}/bot${token}/sendDocument`, { method: 'POST', body: form })
  const message = messages(anna).last()
  await expectText(message, /books <ноябрь>\.csv\s*3 KB.*Your books/s)
  const [download] = await Promise.all([page.waitForEvent('download'), message.getByTestId('document').click()])
  const chunks: Buffer[] = []
  for await (const chunk of await download.createReadStream()) chunks.push(chunk as Buffer)
  expect(Buffer.concat(chunks).toString()).toBe('day;sum\r\n'.repeat(300))
  expect(download.suggestedFilename()).toMatch(/ноябрь.*\.csv$/)
  expect(problems).toEqual([])
})

test('an invoice is declined and then paid in its own sheet, once', async () => {
  await open(anna, anna.id)
  await phone(anna).getByTestId('start').click()
  await expect.poll(() => messages(anna).count()).toBe(2)
  await post(`/bot${token}/sendInvoice`, {
    chat_id: anna.id,
    title: 'Kettle',
    description: 'For tea',
    payload: 'order-1',
    provider_token: '5:TEST:x',
    currency: 'RUB',
    prices: [{ label: 'Kettle', amount: 45_000 }],
  })
  const invoice = messages(anna).filter({ hasText: 'For tea' })
  await expectText(invoice, /Kettle.*450/s)
  const sheet = phone(anna).getByTestId('pay-sheet')
  const press = async (button: 'primary' | 'secondary') => {
    await invoice.getByTestId('button').click()
    await sheet.locator(`button.${button}`).click()
    await sheet.waitFor({ state: 'detached' })
  }
  await press('secondary')
  await expectText(phone(anna).getByTestId('toast'), /declined/i)
  // It stands over the chat for a while.
  await phone(anna).getByTestId('toast').click()
  expect(await messages(anna).count()).toBe(3)
  await press('primary')
  await expectText(messages(anna).last(), /450/)
  await expect.poll(() => messages(anna).count()).toBe(4)
  await page.reload()
  await expectText(messages(anna).last(), /450/)
  expect(problems).toEqual([])
})

test('after a restart of the sandbox the page connects again and shows the new world', async () => {
  await open(anna, group.id)
  const { port } = sandbox
  await bot.stop()
  await sandbox.close()
  await page.getByTestId('banner').waitFor()
  sandbox = await startSandbox({ port })
  bot = runBot(sandbox.url)
  const vera: Person = await post('/sim/people', { first_name: 'Vera' })
  await page.getByTestId('banner').waitFor({ state: 'hidden' })
  await phone(vera).waitFor()
  await post('/sim/reset', {})
  await page.getByRole('heading', { name: 'Who is chatting?' }).waitFor()
  const again: Person = await post('/sim/people', { first_name: 'Anna' })
  await open(again, again.id)
  await phone(again).getByTestId('start').click()
  await messages(again).filter({ hasText: 'Kettle' }).waitFor()
  // The browser itself reports what it could not load while nobody listened.
  expect(problems.filter((problem) => !/Failed to load resource|ERR_|sim\/events/.test(problem))).toEqual([])
})

function phone(person: Person): Locator {
  return page.locator(`[data-testid="column"][data-person="${person.id}"]`)
}

function messages(person: Person): Locator {
  return phone(person).getByTestId('message')
}

async function open(person: Person, chat: number): Promise<void> {
  await phone(person).locator(`[data-testid="chat-item"][data-chat="${chat}"]`).click()
  await phone(person).getByTestId('messages').waitFor()
}

async function say(person: Person, text: string): Promise<void> {
  await phone(person).getByTestId('composer').fill(text)
  await phone(person).getByTestId('send').click()
}

async function expectText(locator: Locator, expected: string | RegExp): Promise<void> {
  const pattern =
    typeof expected === 'string' ? new RegExp(expected.replaceAll(/[.*+?^${}()|[\]\\]/g, '\\$&')) : expected
  await expect.poll(() => locator.textContent({ timeout: 5000 }), { timeout: 8000 }).toMatch(pattern)
}

async function post<T>(path: string, body: unknown): Promise<T> {
  const headers = { 'content-type': 'application/json' }
  const response = await fetch(sandbox.url + path, { method: 'POST', headers, body: JSON.stringify(body) })
  const answer = (await response.json()) as T
  if (!response.ok) throw new Error(`${path}: ${JSON.stringify(answer)}`)
  return answer
}

type Update = {
  update_id: number
  message?: { text?: string; chat: { id: number } }
  callback_query?: { id: string; data: string; message: { message_id: number; chat: { id: number } } }
  inline_query?: { id: string; query: string; offset: string }
  pre_checkout_query?: { id: string }
}

/** A bot with one screen: a card with a counter, details in an alert, and twenty things to share. */
function runBot(url: string): { stop(): Promise<void> } {
  const stopping = new AbortController()
  const call = async (method: string, params: object): Promise<unknown> => {
    const response = await fetch(`${url}/bot${token}/${method}`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(params),
      signal: stopping.signal,
    })
    const answer = (await response.json()) as { ok: boolean; result: unknown; description?: string }
    if (!answer.ok) throw new Error(`${method}: ${answer.description}`)
    return answer.result
  }
  const card = (n: number) => ({
    text: `<b>Kettle</b>\nIn the group: ${n} of 3`,
    parse_mode: 'HTML',
    reply_markup: {
      inline_keyboard: [
        [
          { text: 'Join', callback_data: 'join' },
          { text: 'Details', callback_data: 'details' },
        ],
        [{ text: 'Share', switch_inline_query: 'kettle' }],
      ],
    },
  })
  const handle = async ({ message, callback_query: tap, inline_query: asked, pre_checkout_query: paying }: Update) => {
    if (paying) await call('answerPreCheckoutQuery', { pre_checkout_query_id: paying.id, ok: true })
    if (message?.text?.startsWith('/start')) await call('sendMessage', { chat_id: message.chat.id, ...card(1) })
    if (tap?.data === 'details') {
      await call('answerCallbackQuery', { callback_query_id: tap.id, text: 'Holds 1.7 litres', show_alert: true })
    } else if (tap) {
      const { message_id, chat } = tap.message
      await call('editMessageText', { chat_id: chat.id, message_id, ...card(2) })
      await call('answerCallbackQuery', { callback_query_id: tap.id, text: 'You are in: 2 of 3' })
    }
    if (!asked) return
    const from = Number(asked.offset || 0)
    const results = Array.from({ length: 10 }, (_, index) => ({
      type: 'article',
      id: `thing-${from + index}`,
      title: `${asked.query} ${from + index}`,
      description: '450 ₽ together',
      input_message_content: { message_text: `Card of ${asked.query} ${from + index}` },
      reply_markup: { inline_keyboard: [[{ text: 'Join', callback_data: 'join' }]] },
    }))
    const next_offset = from === 0 ? '10' : ''
    await call('answerInlineQuery', { inline_query_id: asked.id, results, next_offset, cache_time: 0 })
  }
  const work = async () => {
    for (let offset = 0; ;) {
      const updates = (await call('getUpdates', { offset, timeout: 20 })) as Update[]
      for (const update of updates) {
        offset = update.update_id + 1
        await handle(update)
      }
    }
  }
  const working = work().catch((error: unknown) => {
    if (!stopping.signal.aborted) throw error
  })
  return {
    async stop() {
      stopping.abort()
      await working
    },
  }
}
