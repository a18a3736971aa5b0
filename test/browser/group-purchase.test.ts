/** A whole group purchase as two people see it: the real bot and worker behind the sandbox's page, in a real browser. */
import chromium from '@sparticuz/chromium'
import { randomUUID } from 'node:crypto'
import { chromium as playwright, type Browser, type Locator, type Page } from 'playwright-core'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { startSandbox, type Sandbox } from '#sandbox/sandbox.ts'
import { freePort } from '#store/postgres.ts'
import { startBot } from '../../src/bot.ts'
import { readConfig, variables } from '../../src/config.ts'
import { createLog } from '../../src/log.ts'
import type { Part } from '../../src/wiring.ts'
import { startWorker } from '../../src/worker.ts'
import { faultsOfCalls } from '../support/bot-api-schema.ts'
import { cloneDatabase, type TestDatabase } from '../support/database.ts'

let browser: Browser
let sandbox: Sandbox
let database: TestDatabase
let page: Page
const parts: Part[] = []
const problems: string[] = []
const people: Record<string, number> = {}

beforeAll(async () => {
  database = await cloneDatabase('demo')
  const port = await freePort()
  const webhooks = `http://127.0.0.1:${port}/webhooks`
  sandbox = await startSandbox({
    port: 0,
    yookassaWebhookUrl: `${webhooks}/yookassa`,
    cdekWebhookUrl: `${webhooks}/cdek`,
  })
  // A developer's own settings are none of this test's business.
  const config = readConfig({
    ...Object.fromEntries(variables.map((name) => [name, ''])),
    DATABASE_URL: database.url,
    PORT: String(port),
    SANDBOX_PORT: String(sandbox.port),
    LOG_LEVEL: 'fatal',
  })
  const log = createLog('fatal')
  parts.push(await startBot(config, database.url, log, randomUUID()), await startWorker(config, database.url, log))

  for (const name of ['Anna', 'Boris']) {
    people[name] = ((await post('/sim/people', { first_name: name, language_code: 'en' })) as { id: number }).id
  }
  await post('/sim/chats', { type: 'supergroup', title: 'Friends', members: Object.values(people), bot: 'none' })

  browser = await playwright.launch({
    executablePath: await chromium.executablePath(),
    args: ['--no-sandbox', '--disable-gpu', '--disable-dev-shm-usage'],
    headless: true,
  })
  const context = await browser.newContext({
    locale: 'en-GB',
    viewport: { width: 1300, height: 900 },
    reducedMotion: 'reduce',
  })
  page = await context.newPage()
  page.on('console', (message) => {
    if (message.type() === 'error' || message.type() === 'warning') problems.push(message.text())
  })
  page.on('pageerror', (error) => problems.push(String(error)))
  await page.goto(sandbox.url)
}, 90_000)

afterAll(async () => {
  await browser?.close()
  for (const part of parts.toReversed()) await part.stop()
  await sandbox?.close()
  await database?.drop()
})

test(
  'two people side by side buy together: hold, share, join, and both cards tell the same truth',
  { timeout: 90_000 },
  async () => {
    await openBot('Anna')
    await column('Anna').getByTestId('start').click()
    await say('Anna', 'toaster')
    await press('Anna', /^👥/)
    await giveDetails('Anna', 'Казань')
    await pay('Anna')
    await press('Anna', /^📤/)
    await column('Anna').getByTestId('pick-chat').filter({ hasText: 'Friends' }).click()
    await column('Anna').getByTestId('inline-result').first().click()

    await column('Boris').getByTestId('chat-item').filter({ hasText: 'Friends' }).click()
    const shared = column('Boris').getByTestId('message').last()
    await expectText(shared, /●○ 1 of 2/)
    await shared.getByTestId('button').filter({ hasText: /^👥/ }).click()
    // Joining goes on in Boris's own chat with the bot: nothing private is asked in the group.
    await giveDetails('Boris', 'Москва')
    await pay('Boris')

    await expectText(column('Boris').getByTestId('messages'), /^🎉 /m)
    await column('Boris').getByTestId('back').click()
    await column('Boris').getByTestId('chat-item').filter({ hasText: 'Friends' }).click()
    await expectText(column('Boris').getByTestId('message').last(), /●● .*2 of 2.*Anna, Boris/s)
    await expectText(column('Anna').getByTestId('message').last(), /●● .*2 of 2.*Anna, Boris/s)

    const payments = (await get('/sim/yookassa/payments')) as { items: { status: string }[] }
    expect(payments.items.map(({ status }) => status)).toEqual(['succeeded', 'succeeded'])
    expect(await database.db.order.count({ where: { state: { in: ['packable', 'handed_over'] } } })).toBe(2)
    expect(await get('/sim/problems')).toEqual([])
    const calls = (await get('/sim/calls')) as { method: string; params: Record<string, unknown> }[]
    expect(calls.length).toBeGreaterThan(20)
    expect(faultsOfCalls(calls)).toEqual([])
    expect(problems).toEqual([])
  },
)

const column = (name: string): Locator => page.locator(`[data-testid="column"][data-person="${people[name]}"]`)

async function openBot(name: string): Promise<void> {
  await column(name).locator(`[data-testid="chat-item"][data-chat="${people[name]}"]`).click()
}

async function say(name: string, text: string): Promise<void> {
  await column(name).getByTestId('composer').fill(text)
  await column(name).getByTestId('send').click()
}

/** Presses the newest button with such a label. */
async function press(name: string, label: RegExp): Promise<void> {
  await column(name).getByTestId('button').filter({ hasText: label }).last().click()
}

async function giveDetails(name: string, city: string): Promise<void> {
  await expectText(column(name).getByTestId('messages'), /^📍 .*\?/m)
  await say(name, city)
  await expectText(column(name).getByTestId('messages'), /📍 .* · /)
  await column(name).getByTestId('message').last().getByTestId('button').first().click()
  await column(name).getByTestId('reply-button').first().click()
  await column(name).getByRole('button', { name: 'Share', exact: true }).click()
}

async function pay(name: string): Promise<void> {
  await press(name, /^💳/)
  const sheet = column(name).getByTestId('pay-sheet')
  await sheet.locator('iframe').contentFrame().locator('button[value="paid"]').click()
  await sheet.waitFor({ state: 'detached' })
  await expectText(column(name).getByTestId('messages'), /^(✅|🎉) /m)
}

async function expectText(where: Locator, text: RegExp): Promise<void> {
  await expect.poll(() => where.innerText().catch(() => ''), { timeout: 15_000, interval: 100 }).toMatch(text)
}

async function post(path: string, body: object): Promise<unknown> {
  const headers = { 'content-type': 'application/json' }
  const response = await fetch(sandbox.url + path, { method: 'POST', headers, body: JSON.stringify(body) })
  if (!response.ok) throw new Error(`${path}: ${response.status} ${await response.text()}`)
  return response.json()
}

async function get(path: string): Promise<unknown> {
  return (await fetch(sandbox.url + path)).json()
}
