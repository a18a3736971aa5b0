import { spawnSync } from 'node:child_process'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { createLog } from '#log.ts'

const token = '987654321:AAbcdefghijklmnopqrstuvwxyz_-012345'

/** What reached the destination; every line must still be JSON. */
function written(say: (log: ReturnType<typeof createLog>) => void): string {
  const lines: string[] = []
  say(createLog('info', { write: (line) => void lines.push(line) }))
  for (const line of lines) JSON.parse(line)
  return lines.join('')
}

test('a line is JSON with level, ISO time, process id and the words', () => {
  const line = JSON.parse(written((log) => log.info({ orders: 3 }, 'closed')))
  expect(line).toEqual({ level: 30, time: expect.any(String), pid: process.pid, orders: 3, msg: 'closed' })
  expect(new Date(line.time).toISOString()).toBe(line.time)
})

test('what is below the level is not written', () => {
  expect(written((log) => log.debug('quiet'))).toBe('')
})

test('fields with private names are left out down to the fourth level', () => {
  const person = { phone: 'sss2', address: 'sss3' }
  const secrets = { ...person, token: 'sss1', authorization: 'sss4', secretKey: 'sss5', providerToken: 'sss8' }
  const headers = { 'x-telegram-bot-api-secret-token': 'sss6', cookie: 'sss7' }
  const text = written((log) => {
    log.info(secrets)
    log.info({ a: secrets, headers })
    log.info({ a: { b: secrets, headers } })
    log.info({ a: { b: { c: secrets, headers } } })
  })
  expect(text).not.toContain('sss')
  expect(text.match(/\[private\]/g)).toHaveLength(4 * 6 + 3 * 2)
})

test.each([
  ['a bot token', token],
  ['a bot token in a URL', `https://api.telegram.org/bot${token}/getMe`, token],
  ['a live provider token', '390540012:LIVE:52314'],
  ['a test provider token in JSON', '{"provider_token":"284685063:TEST:NThlNWQ3-NDk0_ZDQ5"}', 'TEST:NThl'],
  ['a card number', '4111 1111 1111 1111'],
  ['a card number after a line break', 'card:\n4111111111111111', '4111111111111111'],
  ['a card number with dashes', '5555-5555-5555-4444'],
  ['a Mir card of 16 digits', '2200700123456781'],
  ['a card of 19 digits', '6304000000000000000'],
  ['a phone number', '+79161234567'],
  ['a phone number with brackets', '+7 (916) 123-45-67', '123-45-67'],
  ['a Russian number without the plus', '8 (916) 123-45-67', '123-45-67'],
  ['a Russian number of bare digits', '79161234567'],
  ['a Chinese number', '+86 138 0013 8000', '0013'],
  ['Basic credentials', 'Authorization: Basic MTAwMDAxOnNlY3JldA==', 'MTAwMDAx'],
  ['Bearer credentials', 'bearer eyJhbGciOi.abc-def', 'eyJ'],
  ["a PostgreSQL URL's password", 'postgresql://vmeste:hunter2@127.0.0.1:5432/vmeste', 'hunter2'],
  ['a password with reserved characters', 'postgres://u:hun@ter/2@db/x', 'ter/2'],
  ['a password in another URL', 'https://shop:hunter2@pay.example/v3', 'hunter2'],
  ['a form field', 'grant_type=client_credentials&client_secret=hunter2', 'hunter2'],
])('%s is masked in the words, in a field, in a list and in an error with its cause', (_, text, secret = text) => {
  const out = written((log) => {
    log.info(`before ${text} after`)
    log.info({ deep: { er: [text] }, words: text })
    log.error({ err: new Error(text, { cause: new TypeError(text) }) }, text)
    log.error(new Error(text))
  })
  expect(out).not.toContain(JSON.stringify(secret).slice(1, -1))
  expect(out.split('\n')).toHaveLength(5)
})

test('a card or phone number given as a number is masked, and the line is still JSON', () => {
  const line = JSON.parse(written((log) => log.info({ list: [4111111111111111, 79161234567], after: 1 })))
  expect(line).toMatchObject({ list: ['[card]', '[phone]'], after: 1 })
})

test('ids, times, money and addresses of computers stay readable', () => {
  const plain = {
    chat: -1001234567897,
    chatText: '-1001234567897 of -1001234567897',
    person: 7123456789,
    payment: '22d6d597-000f-5000-9000-145f6df21d6f',
    at: '2026-11-23T02:31:00.000Z',
    amount: '129050',
    ratio: 0.1234567890123456,
    url: 'http://127.0.0.1:8080/yookassa/v3/payments?limit=100&mail=a@b.example',
    quoted: 'she said "12:30", \\ and left\n',
    ru: 'Группа собрана: 3 из 3',
  }
  expect(JSON.parse(written((log) => log.info(plain)))).toMatchObject(plain)
})

test('an error is written with type, words, stack and code, and without what a client hung on it', () => {
  const error = Object.assign(new TypeError('no answer', { cause: new Error('socket closed') }), {
    code: 'ECONNRESET',
    config: { auth: { username: 'shop', password: 'hunter2' }, data: '{"phone":"hidden"}' },
  })
  const { err } = JSON.parse(written((log) => log.error({ err: error }, 'failed')))
  expect(Object.keys(err).sort()).toEqual(['code', 'message', 'stack', 'type'])
  expect(err).toMatchObject({ type: 'TypeError', code: 'ECONNRESET' })
  expect(err.stack).toContain('socket closed')
})

test('a very long hostile line costs milliseconds', () => {
  const started = performance.now()
  written((log) => {
    for (const piece of ['1', '1 ', 'a-', '+7', '1:', 'a://', '\\"', 'basic '])
      log.info(piece.repeat(40_000 / piece.length))
  })
  expect(performance.now() - started).toBeLessThan(2_000)
})

/** Published test numbers of four systems, as people and machines write them. */
const cards = [
  '4111111111111111',
  '4111 1111 1111 1111',
  '5555-5555-5555-4444',
  '2200700123456781',
  '6304000000000000000',
]
const holdsCard = (text: string) => cards.some((card) => text.includes(card))

test.each(cards)('the card number %s is in no line, wherever an error got it from', (card) => {
  const answer = { type: 'error', code: 'invalid_request', description: `no such card ${card}`, parameter: card }
  const query = Object.assign(new Error(`syntax error at or near "${card}"`), {
    code: '42601',
    query: `SELECT * FROM payment WHERE pan = '${card}'`,
    parameters: [card],
  })
  const out = written((log) => {
    log.error({ err: query }, `failed: ${query.query}`)
    log.error({ err: new Error(JSON.stringify(answer), { cause: query }) }, 'job failed')
    log.error({ err: new AggregateError([new Error(card), query], `2 of 2 failed: ${card}`) })
    log.warn({ answer, url: `https://pay.example/v3?pan=${encodeURIComponent(card)}`, list: [[card]] }, card)
    log.info({ [card]: card, text: `\u043a\u0430\u0440\u0442\u0430 ${card}, 12/30` })
    log.error(JSON.stringify(JSON.stringify(answer)))
  })
  expect(holdsCard(out)).toBe(false)
  expect(out).toContain('[card]')
})

test('the log goes to stderr and leaves stdout to people', () => {
  const root = join(import.meta.dirname, '..')
  const code = `import('#log.ts').then(({createLog}) => createLog('info').info('to ${token}'))`
  const { stdout, stderr } = spawnSync(process.execPath, ['--import', 'tsx', '-e', code], {
    cwd: root,
    encoding: 'utf8',
  })
  expect(stdout).toBe('')
  expect(JSON.parse(stderr)).toMatchObject({ msg: 'to [token]' })
})
