import { request } from 'node:http'
import { describe, expect, onTestFinished, test } from 'vitest'
import { createMetrics } from '#web/metrics.ts'
import { startWeb, type WebOptions } from '#web/server.ts'

const secret = 'right-secret'

async function start(overrides: Partial<WebOptions> = {}) {
  const handled: unknown[] = []
  const logged: object[] = []
  const note = (o: object, m: string) => void logged.push({ ...o, m })
  const web = await startWeb({
    port: 0,
    host: '127.0.0.1',
    telegramWebhook: { path: '/webhooks/telegram', secret, handle: async (update) => void handled.push(update) },
    yookassaWebhook: async (body) => void handled.push(body),
    isYookassaAddress: (ip) => ip === '127.0.0.1',
    cdekWebhook: async (body) => void handled.push(body),
    readPicture: async (name) => (name === 'demo/kettle' ? Buffer.from('png') : undefined),
    health: async () => ({ ok: true, instance: 'a' }),
    log: { info: note, warn: note, error: note },
    ...overrides,
  })
  onTestFinished(async () => web.close())
  const post = async (path: string, body: string, headers: Record<string, string> = {}) =>
    fetch(`http://127.0.0.1:${web.port}${path}`, {
      method: 'POST',
      body,
      headers: { 'content-type': 'application/json', ...headers },
    })
  const get = async (path: string) => fetch(`http://127.0.0.1:${web.port}${path}`)
  return { web, handled, logged, post, get }
}

const withSecret = { 'x-telegram-bot-api-secret-token': secret }

describe('the Telegram webhook', () => {
  test('answers after the update is handled', async () => {
    const { post, handled } = await start()
    const response = await post('/webhooks/telegram', '{"update_id":1}', withSecret)
    expect(response.status).toBe(200)
    expect(handled).toEqual([{ update_id: 1 }])
  })

  test.each([{}, { 'x-telegram-bot-api-secret-token': 'wrong' }, { 'x-telegram-bot-api-secret-token': '' }])(
    'refuses a stranger and does nothing: %j',
    async (headers) => {
      const { post, handled, logged } = await start()
      expect((await post('/webhooks/telegram', '{"update_id":1}', headers)).status).toBe(401)
      expect(handled).toEqual([])
      expect(logged).toHaveLength(1)
    },
  )

  test('asks for another delivery when handling failed, and shows nothing of why', async () => {
    const handle = async () => Promise.reject(new Error('secret words'))
    const { post, logged } = await start({ telegramWebhook: { path: '/webhooks/telegram', secret, handle } })
    const response = await post('/webhooks/telegram', '{"update_id":1}', withSecret)
    expect(response.status).toBe(500)
    expect(await response.json()).toEqual({ error: 'failed' })
    expect(logged).toHaveLength(1)
  })

  test('is not there when updates are polled', async () => {
    const { web } = await startWithoutTelegram()
    const response = await fetch(`http://127.0.0.1:${web.port}/webhooks/telegram`, { method: 'POST' })
    expect(response.status).toBe(404)
  })
})

async function startWithoutTelegram() {
  const web = await startWeb({
    port: 0,
    host: '127.0.0.1',
    yookassaWebhook: async () => undefined,
    isYookassaAddress: () => false,
    cdekWebhook: async () => undefined,
    readPicture: async () => undefined,
    health: async () => Promise.reject(new Error('no database')),
    log: { info: () => undefined, warn: () => undefined, error: () => undefined },
  })
  onTestFinished(async () => web.close())
  return { web }
}

describe('other webhooks', () => {
  test('YooKassa is heard from its own addresses only', async () => {
    const known = await start()
    expect((await known.post('/webhooks/yookassa', '{"event":"x"}')).status).toBe(200)
    expect(known.handled).toEqual([{ event: 'x' }])
    const foreign = await start({ isYookassaAddress: () => false })
    expect((await foreign.post('/webhooks/yookassa', '{"event":"x"}')).status).toBe(403)
    expect(foreign.handled).toEqual([])
  })

  test('an address claimed in a header counts only behind a proxy that is trusted', async () => {
    const seen: string[] = []
    const isYookassaAddress = (ip: string) => seen.push(ip) > 0
    const claim = { 'x-forwarded-for': '185.71.76.1' }
    await (await start({ isYookassaAddress })).post('/webhooks/yookassa', '{}', claim)
    await (
      await start({ isYookassaAddress, trustProxy: '127.0.0.1,10.0.0.0/8' })
    ).post('/webhooks/yookassa', '{}', claim)
    expect(seen).toEqual(['127.0.0.1', '185.71.76.1'])
  })

  test('a failure is delivered again', async () => {
    const fail = async () => Promise.reject(new Error('x'))
    const { post } = await start({ yookassaWebhook: fail, cdekWebhook: fail })
    expect((await post('/webhooks/yookassa', '{}')).status).toBe(500)
    expect((await post('/webhooks/cdek', '{}')).status).toBe(500)
  })

  test('CDEK is heard', async () => {
    const { post, handled } = await start()
    expect((await post('/webhooks/cdek', '{"uuid":"1"}')).status).toBe(200)
    expect(handled).toEqual([{ uuid: '1' }])
  })
})

describe('what strangers send', () => {
  test.each([
    ['malformed JSON', '{"a":', 400],
    ['no body', '', 400],
    ['more than a megabyte', JSON.stringify({ a: 'x'.repeat(1024 * 1024) }), 413],
    ['a poisoned prototype', '{"__proto__":{"x":1}}', 400],
  ])('%s', async (_what, body, status) => {
    const { post, handled } = await start()
    const response = await post('/webhooks/cdek', body)
    expect(response.status).toBe(status)
    expect(Object.keys((await response.json()) as object)).toEqual(['error'])
    expect(handled).toEqual([])
  })

  test('an unknown path is 404 in JSON', async () => {
    const { get } = await start()
    const response = await get('/nothing')
    expect(response.status).toBe(404)
    expect(await response.json()).toEqual({ error: 'not found' })
  })
})

describe('pictures', () => {
  test('are PNG and may be cached', async () => {
    const { get } = await start()
    const response = await get('/pictures/demo/kettle.png')
    expect(response.headers.get('content-type')).toBe('image/png')
    expect(response.headers.get('cache-control')).toContain('max-age')
    expect(await response.text()).toBe('png')
  })

  test.each(['/pictures/demo/none.png', '/pictures/demo/kettle.jpg', '/pictures/..%2f..%2fetc/passwd.png'])(
    '%s is not there',
    async (path) => {
      const { get } = await start({
        readPicture: async (name) => (name === 'demo/none' ? undefined : Buffer.from('x')),
      })
      expect((await get(path)).status).toBe(404)
    },
  )
})

describe('health and metrics', () => {
  test('healthy is 200, and says which process answered', async () => {
    const { get } = await start()
    const response = await get('/health')
    expect([response.status, await response.json()]).toEqual([200, { ok: true, instance: 'a' }])
  })

  test('unhealthy is 503, also when looking fails', async () => {
    const { get } = await start({ health: async () => ({ ok: false, instance: 'a' }) })
    expect((await get('/health')).status).toBe(503)
    const { web } = await startWithoutTelegram()
    expect((await fetch(`http://127.0.0.1:${web.port}/health`)).status).toBe(503)
  })

  test('metrics count webhooks and updates', async () => {
    const metrics = createMetrics()
    const { post, get } = await start({ metrics })
    await post('/webhooks/cdek', '{}')
    metrics.update('telegram', 'done', 0.02)
    const text = await (await get('/metrics')).text()
    expect(text).toContain('vmeste_webhooks_total{source="cdek",outcome="done"} 1')
    expect(text).toContain('vmeste_updates_total{messenger="telegram",outcome="done"} 1')
    expect(text).toContain('process_cpu_seconds_total')
  })
})

test('closing finishes the request under way', async () => {
  let finish: () => void = () => undefined
  let begun: () => void = () => undefined
  const isBegun = new Promise<void>((resolve) => (begun = resolve))
  const cdekWebhook = async () => {
    begun()
    await new Promise<void>((resolve) => (finish = resolve))
  }
  const { web } = await start({ cdekWebhook })
  const answer = new Promise<number | undefined>((resolve, reject) => {
    const headers = { 'content-type': 'application/json' }
    const sent = request({ port: web.port, host: '127.0.0.1', path: '/webhooks/cdek', method: 'POST', headers })
    sent.on('response', (response) => resolve(response.resume().statusCode)).on('error', reject)
    sent.end('{}')
  })
  await isBegun
  const closed = web.close()
  finish()
  expect(await answer).toBe(200)
  await closed
})
