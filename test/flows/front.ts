/**
 * What stands between the bot and Telegram, as the internet does: what passes may come twice, and is lost in a bot that is
 * killed.
 */
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'

export type Front = {
  /** For webhooks and for the Bot API alike. */
  readonly url: string
  /** Updates as the bot was given them, repeats counted. */
  given(): number
  close(): Promise<void>
}

type Answer = { status: number; type: string; body: string }
type Updates = { ok: boolean; result: object[] }

/** Between a proxy and Telegram: "service unavailable". */
const nobodyThere = 503

/**
 * @param repeats a webhook update comes three times: twice at once, and again when it was handled. Polled ones come again
 * in front of the next, and to a bot that has just been started.
 */
export async function openFront(options: { botUrl: string; telegramUrl: string; repeats: boolean }): Promise<Front> {
  const { botUrl, telegramUrl, repeats } = options
  let isClosing = false
  let given = 0
  /** The last that polling brought: handled and confirmed, and known to the bot's database. */
  let polled: object[] = []
  const server = createServer((request, response) => void receive(request, response))
  await new Promise<void>((ready) => server.listen(0, '127.0.0.1', ready))
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    given: () => given,
    async close() {
      isClosing = true
      server.closeAllConnections()
      await new Promise((done) => server.close(done))
    },
  }

  async function receive(request: IncomingMessage, response: ServerResponse): Promise<void> {
    try {
      const chunks: Buffer[] = []
      for await (const chunk of request) chunks.push(chunk as Buffer)
      const body = Buffer.concat(chunks)
      const path = request.url ?? ''
      const isHook = path === '/webhooks/telegram'
      if (!isHook && !path.startsWith('/bot')) return void response.writeHead(404).end()
      const answer = isHook ? await relay(body, request) : await passOn(path, body, request, response)
      response.writeHead(answer.status, { 'content-type': answer.type }).end(answer.body)
    } catch {
      // Either side has hung up.
      response.destroy()
    }
  }

  async function relay(body: Buffer, request: IncomingMessage): Promise<Answer> {
    const headers = {
      'content-type': 'application/json',
      'x-telegram-bot-api-secret-token': String(request.headers['x-telegram-bot-api-secret-token']),
    }
    const deliver = async () => ask(`${botUrl}/webhooks/telegram`, { method: 'POST', headers, body: body.toString() })
    // As a proxy waits that has nobody behind it for the moment: Telegram's own pauses grow far beyond a start.
    const deliverPatiently = async () => {
      for (const giveUpAt = Date.now() + 20_000; ; await sleep(25)) {
        const answer = await deliver()
        if (answer.status !== nobodyThere || isClosing || Date.now() > giveUpAt) return answer
      }
    }
    // Of two that come at once, the first to be answered is the one that was handled.
    const answer = await Promise.race(Array.from({ length: repeats ? 2 : 1 }, deliverPatiently))
    if (repeats && answer.status === 200) await deliver()
    given += repeats ? 3 : 1
    return answer
  }

  async function passOn(path: string, body: Buffer, request: IncomingMessage, response: ServerResponse) {
    const gone = new AbortController()
    response.once('close', () => gone.abort())
    const type = request.headers['content-type'] ?? ''
    const isPoll = path.endsWith('/getUpdates')
    const params = isPoll ? (JSON.parse(body.toString()) as { offset?: number; timeout?: number }) : {}
    const isRepeating = repeats && isPoll && !params.offset && polled.length > 0
    const answer = await ask(telegramUrl + path, {
      method: 'POST',
      signal: gone.signal,
      ...(type !== '' && { headers: { 'content-type': type } }),
      body: isRepeating ? JSON.stringify({ ...params, timeout: 0 }) : new Uint8Array(body),
    })
    if (!isPoll || answer.status !== 200) return answer
    const { result: fresh } = JSON.parse(answer.body) as Updates
    const again = repeats && (isRepeating || fresh.length > 0) ? polled : []
    if (fresh.length > 0) polled = fresh
    given += again.length + fresh.length
    return { ...answer, body: JSON.stringify({ ok: true, result: [...again, ...fresh] }) }
  }
}

/** A connection that nobody takes, or that breaks, is an answer, too. */
async function ask(url: string, init: RequestInit): Promise<Answer> {
  try {
    const response = await fetch(url, init)
    const type = response.headers.get('content-type') ?? 'text/plain'
    return { status: response.status, type, body: await response.text() }
  } catch (error) {
    if (init.signal?.aborted) throw error
    const isDead = error instanceof Error && /ECONNREFUSED/.test(String(error.cause))
    return { status: isDead ? nobodyThere : 502, type: 'text/plain', body: '' }
  }
}
