import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseEnv } from 'node:util'
import { afterEach, expect, test } from 'vitest'
import { ConfigError, loadEnv, readConfig, sandboxToken, variables } from '#config.ts'

const token = '987654321:abcdefghijklmnopqrstuvwxyz_-0123456'
const root = join(import.meta.dirname, '..')

/** The one line that a wrong environment is refused with. */
function refusal(env: Record<string, string>): string {
  try {
    readConfig(env)
  } catch (error) {
    if (!(error instanceof ConfigError) || error.message.includes('\n')) throw error
    return error.message
  }
  throw new Error(`was accepted: ${JSON.stringify(env)}`)
}

test('with nothing set the sandbox plays everybody and the database is embedded', () => {
  const config = readConfig({})
  expect(config.telegram).toMatchObject({ token: sandboxToken, apiRoot: 'http://127.0.0.1:8080', isSandbox: true })
  expect(config.telegram.providerToken).toMatch(/^1:TEST:/)
  expect(config.payments).toEqual({ calls: 5 })
  expect(config.database).toEqual({ embeddedDir: join(process.cwd(), '.data', 'postgres') })
  expect(config.web).toEqual({ host: '127.0.0.1', port: 3000, webhookSecret: config.web.webhookSecret })
  expect(config.sandbox).toEqual({ url: 'http://127.0.0.1:8080', port: 8080, paceSeconds: 10, needed: true })
  expect(config.yookassa).toMatchObject({ endpoint: 'http://127.0.0.1:8080/yookassa/v3', isSandbox: true })
  expect(config.cdek).toMatchObject({ endpoint: 'http://127.0.0.1:8080/cdek/v2', isSandbox: true })
  expect(config.log).toEqual({ level: 'info' })
})

test('an empty or blank value is the same as none', () => {
  const blank = Object.fromEntries(variables.map((name, at) => [name, at % 2 ? '' : '  ']))
  expect(readConfig(blank)).toEqual(readConfig({}))
})

test('with everything set nothing points at the sandbox', () => {
  const config = readConfig({
    TELEGRAM_BOT_TOKEN: token,
    DATABASE_URL: 'postgres://u:p@db:5432/vmeste',
    PUBLIC_URL: 'https://shop.example/bot/',
    TRUST_PROXY: '127.0.0.1, 10.0.0.0/8, ::1',
    YOOKASSA_SHOP_ID: '42',
    YOOKASSA_SECRET_KEY: 'live_x',
    CDEK_CLIENT_ID: 'id',
    CDEK_CLIENT_SECRET: 'secret',
    PORT: '8080',
  })
  expect(config.telegram).toEqual({ token, apiRoot: 'https://api.telegram.org', isSandbox: false })
  expect(config.database).toEqual({ url: 'postgres://u:p@db:5432/vmeste' })
  expect(config.web).toMatchObject({ host: '0.0.0.0', port: 8080, publicUrl: 'https://shop.example/bot' })
  expect(config.web.trustProxy).toBe('127.0.0.1, 10.0.0.0/8, ::1')
  expect(config.yookassa).toMatchObject({ endpoint: 'https://api.yookassa.ru/v3', isSandbox: false })
  expect(config.cdek).toMatchObject({ endpoint: 'https://api.cdek.ru/v2', isSandbox: false })
  expect(config.sandbox.needed).toBe(false)
})

test('a real token without a payment provider still runs, with the sandbox taking the payments', () => {
  const config = readConfig({ TELEGRAM_BOT_TOKEN: token })
  expect(config.telegram.isSandbox).toBe(false)
  expect(config.yookassa.isSandbox).toBe(true)
  expect(config.sandbox.needed).toBe(true)
})

test('a sandbox that runs elsewhere is used and not started', () => {
  const elsewhere = 'http://127.0.0.1:9090'
  const config = readConfig({
    TELEGRAM_API_ROOT: `${elsewhere}/`,
    YOOKASSA_ENDPOINT: `${elsewhere}/yookassa/v3`,
    CDEK_ENDPOINT: `${elsewhere}/cdek/v2`,
  })
  expect(config.telegram).toMatchObject({ token: sandboxToken, apiRoot: elsewhere, isSandbox: true })
  expect(config.telegram.providerToken).toBeDefined()
  expect(config.sandbox.needed).toBe(false)
})

test('SANDBOX_PORT moves all three at once', () => {
  const { telegram, yookassa, cdek, sandbox } = readConfig({ SANDBOX_PORT: '9001', SANDBOX_PACE: '0.5' })
  expect([telegram.apiRoot, yookassa.endpoint, cdek.endpoint].map((url) => new URL(url).port)).toEqual(
    Array(3).fill('9001'),
  )
  expect(sandbox.paceSeconds).toBe(0.5)
})

test('the webhook secret is derived from the token, the same each time, other for each bot, and fit for Telegram', () => {
  const secret = (env: Record<string, string>) => readConfig(env).web.webhookSecret
  expect(secret({ TELEGRAM_BOT_TOKEN: token })).toMatch(/^[A-Za-z0-9_-]{43}$/)
  expect(secret({ TELEGRAM_BOT_TOKEN: token })).toBe(secret({ TELEGRAM_BOT_TOKEN: token }))
  expect(secret({ TELEGRAM_BOT_TOKEN: token })).not.toBe(secret({}))
  expect(secret({ WEBHOOK_SECRET: 'mine' })).toBe('mine')
})

test('an http PUBLIC_URL is for the sandbox on this machine only, and is listened to on this machine only', () => {
  expect(readConfig({ PUBLIC_URL: 'http://127.0.0.1:3000' }).web).toMatchObject({
    publicUrl: 'http://127.0.0.1:3000',
    host: '127.0.0.1',
  })
  expect(refusal({ PUBLIC_URL: 'http://shop.example' })).toContain('with the sandbox an http URL of this machine')
  expect(refusal({ PUBLIC_URL: 'http://127.0.0.1:3000', TELEGRAM_BOT_TOKEN: token })).toContain('must be an https URL')
})

test('a port that Telegram does not call is refused for the real Telegram, and taken by a Bot API server of ones own', () => {
  const env = { TELEGRAM_BOT_TOKEN: token, PUBLIC_URL: 'https://shop.example:9443' }
  expect(refusal(env)).toContain('only 443, 80, 88 and 8443')
  expect(readConfig({ ...env, PUBLIC_URL: 'https://shop.example:8443' }).web.publicUrl).toMatch(/:8443$/)
  expect(readConfig({ ...env, TELEGRAM_API_ROOT: 'http://127.0.0.1:8081' }).web.publicUrl).toMatch(/:9443$/)
})

test.each([
  ['TELEGRAM_BOT_TOKEN', 'no-token'],
  ['TELEGRAM_BOT_TOKEN', '123:short'],
  ['TELEGRAM_API_ROOT', 'api.telegram.org'],
  ['TELEGRAM_PROVIDER_TOKEN', 'LIVE:1'],
  ['TELEGRAM_PROVIDER_TOKEN', '1:LIVE:with space'],
  ['DATABASE_URL', 'mysql://db/vmeste'],
  ['DATABASE_URL', 'postgresql://db'],
  ['PUBLIC_URL', 'shop.example'],
  ['PUBLIC_URL', 'https://shop.example/?a=1'],
  ['WEBHOOK_SECRET', 'not this one!'],
  ['WEBHOOK_SECRET', 'x'.repeat(257)],
  ['HOST', 'http://here'],
  ['PORT', '0'],
  ['PORT', '65536'],
  ['PORT', '80a'],
  ['TRUST_PROXY', 'true'],
  ['TRUST_PROXY', '10.0.0.0/33'],
  ['SANDBOX_PORT', '-1'],
  ['SANDBOX_PACE', 'fast'],
  ['SANDBOX_PACE', '86401'],
  ['YOOKASSA_SHOP_ID', 'shop'],
  ['YOOKASSA_SECRET_KEY', 'with space'],
  ['YOOKASSA_ENDPOINT', 'ftp://pay'],
  ['PAYMENT_CALLS', '0'],
  ['PAYMENT_CALLS', '101'],
  ['PAYMENT_CALLS', '1.5'],
  ['CDEK_CLIENT_ID', 'с-кириллицей'],
  ['CDEK_ENDPOINT', 'cdek'],
  ['LOG_LEVEL', 'loud'],
])('%s=%s is refused in one line that names it and shows a right one', (name, value) => {
  const message = refusal({ [name]: value })
  expect(message).toMatch(new RegExp(`^${name} .+; example: ${name}=.+$`))
  const example = message.slice(message.indexOf('example: ') + 'example: '.length)
  const other = name.startsWith('YOOKASSA_S') ? 'YOOKASSA' : name.startsWith('CDEK_CLIENT') ? 'CDEK' : undefined
  const pair = { YOOKASSA: ['YOOKASSA_SHOP_ID', 'YOOKASSA_SECRET_KEY'], CDEK: ['CDEK_CLIENT_ID', 'CDEK_CLIENT_SECRET'] }
  const base = Object.fromEntries((other ? pair[other] : []).map((key) => [key, '1']))
  const real = /_ROOT|_ENDPOINT/.test(name)
    ? { TELEGRAM_BOT_TOKEN: token, ...Object.fromEntries([...pair.YOOKASSA, ...pair.CDEK].map((key) => [key, '1'])) }
    : {}
  expect(() => readConfig({ ...real, ...base, ...parseEnv(example) })).not.toThrow()
})

test.each([
  ['YOOKASSA_SHOP_ID', '1', 'YOOKASSA_SECRET_KEY'],
  ['YOOKASSA_SECRET_KEY', 'k', 'YOOKASSA_SHOP_ID'],
  ['CDEK_CLIENT_ID', 'i', 'CDEK_CLIENT_SECRET'],
  ['CDEK_CLIENT_SECRET', 's', 'CDEK_CLIENT_ID'],
])('%s alone is refused, naming the missing half', (name, value, missing) => {
  expect(refusal({ [name]: value })).toBe(
    `${missing} is missing, and ${name} is set; example: ${missing}=${exampleOf(missing)}`,
  )
})

test('the real addresses without credentials are refused instead of being asked with the sandboxs', () => {
  expect(refusal({ TELEGRAM_API_ROOT: 'https://api.telegram.org' })).toMatch(/^TELEGRAM_BOT_TOKEN is missing/)
  expect(refusal({ YOOKASSA_ENDPOINT: 'https://api.yookassa.ru/v3/' })).toMatch(/^YOOKASSA_SHOP_ID is missing/)
  expect(refusal({ CDEK_ENDPOINT: 'https://api.cdek.ru/v2' })).toMatch(/^CDEK_CLIENT_ID is missing/)
})

test('a provider token needs the shop that its payments go to, and the bot that it is for', () => {
  const providerToken = '5:LIVE:777'
  const shop = { YOOKASSA_SHOP_ID: '42', YOOKASSA_SECRET_KEY: 'live_x' }
  const both = { TELEGRAM_BOT_TOKEN: token, TELEGRAM_PROVIDER_TOKEN: providerToken }
  expect(readConfig({ ...both, ...shop }).telegram.providerToken).toBe(providerToken)
  expect(refusal(both)).toMatch(/^YOOKASSA_SHOP_ID is missing, and TELEGRAM_PROVIDER_TOKEN is set; example: .+$/)
  expect(refusal({ ...shop, TELEGRAM_PROVIDER_TOKEN: providerToken })).toMatch(/^TELEGRAM_BOT_TOKEN is missing/)
})

test('without a provider token there are invoices only where one sandbox plays both sides', () => {
  const shop = { YOOKASSA_SHOP_ID: '42', YOOKASSA_SECRET_KEY: 'live_x' }
  const providerTokenOf = (env: Record<string, string>) => readConfig(env).telegram.providerToken
  expect(providerTokenOf({ TELEGRAM_BOT_TOKEN: token, ...shop })).toBeUndefined()
  expect(providerTokenOf({ TELEGRAM_BOT_TOKEN: token })).toBeUndefined()
  expect(providerTokenOf(shop)).toBeUndefined()
  expect(providerTokenOf({ YOOKASSA_ENDPOINT: 'http://127.0.0.1:9090/yookassa/v3' })).toBeUndefined()
})

test('two servers on one port are refused before either starts', () => {
  expect(refusal({ PORT: '8080' })).toMatch(/^PORT is the same as SANDBOX_PORT/)
})

test('a refused secret is not repeated in the message', () => {
  expect(refusal({ TELEGRAM_BOT_TOKEN: '987654321:almost a token' })).not.toContain('almost')
  expect(refusal({ TELEGRAM_PROVIDER_TOKEN: '1:LIVE:almost a token' })).not.toContain('almost')
  expect(refusal({ DATABASE_URL: 'postgresql://u:hunter2@db' })).not.toContain('hunter2')
  expect(refusal({ WEBHOOK_SECRET: 'hunter2 hunter2' })).not.toContain('hunter2')
})

const set = 'VMESTE_TEST_SET'
const unset = 'VMESTE_TEST_UNSET'
const scratch = mkdtempSync(join(tmpdir(), 'vmeste-config-'))
afterEach(() => {
  delete process.env[set]
  delete process.env[unset]
  rmSync(scratch, { recursive: true, force: true })
})

test('.env fills what is not set, and the real environment wins', () => {
  mkdirSync(scratch, { recursive: true })
  writeFileSync(join(scratch, '.env'), `${set}=file\n${unset}=file\n`)
  process.env[set] = ''
  loadEnv(join(scratch, '.env'))
  expect([process.env[set], process.env[unset]]).toEqual(['', 'file'])
})

test('a missing .env is fine, one that cannot be read is not', () => {
  mkdirSync(scratch, { recursive: true })
  expect(() => loadEnv(join(scratch, 'none'))).not.toThrow()
  expect(() => loadEnv(scratch)).toThrow(ConfigError)
})

test('.env.example names every variable, explains each, and copied as it is changes nothing', () => {
  const text = readFileSync(join(root, '.env.example'), 'utf8')
  expect(Object.keys(parseEnv(text)).sort()).toEqual([...variables].sort())
  expect(readConfig(parseEnv(text) as Record<string, string>)).toEqual(readConfig({}))
  const explained = text.split('\n\n').slice(1)
  for (const block of explained) expect(block).toMatch(/^# .+/)
})

test("the README's configuration table has a row for every variable and no other", () => {
  const text = readFileSync(join(root, 'README.md'), 'utf8')
  const section = /^(#+) [^\n]*configur[^\n]*\n([\s\S]*?)(?=^#{1,6} |(?![\s\S]))/im.exec(text)?.[2] ?? ''
  const named = [...section.matchAll(/^\|([^|\n]*)\|/gm)].flatMap(([, cell = '']) =>
    [...cell.matchAll(/`([A-Z][A-Z0-9_]+)`/g)].map(([, name = '']) => name),
  )
  expect([...new Set(named)].sort()).toEqual([...variables].sort())
})

function exampleOf(name: string): string {
  return /example: [A-Z_]+=(.+)$/.exec(refusal({ [name]: 'a\u0001' }))?.[1] ?? ''
}
