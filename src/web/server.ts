/** HTTP in: webhooks, our own pictures, health and metrics. What they do is handed in. */
import { hash, timingSafeEqual } from 'node:crypto'
import type { ServerResponse } from 'node:http'
import fastify, { type FastifyError, type FastifyReply, type FastifyRequest } from 'fastify'
import { createMetrics, type Metrics, type WebhookSource } from './metrics.ts'

export type WebOptions = {
  /** 0 takes any free port. */
  port: number
  host: string
  /** `handle` resolves when the update is handled; when it throws, Telegram delivers again. */
  telegramWebhook?: { path: string; secret: string; handle(update: unknown): Promise<Answer | undefined> }
  /** Handlers of companies take the body as a hint and fetch the truth themselves. */
  yookassaWebhook(body: unknown): Promise<void>
  /** YooKassa does not sign; it publishes its addresses. */
  isYookassaAddress(ip: string): boolean
  cdekWebhook(body: unknown): Promise<void>
  /** The PNG of one of our own pictures, `demo/kettle`. */
  readPicture(name: string): Promise<Buffer | undefined>
  /** A group's picture for sharing, by its name, `group/…`. `isLasting`: that name never shows anything else. */
  readGroupPicture?(name: string): Promise<{ png: Buffer; isLasting: boolean } | undefined>
  health(): Promise<{ ok: boolean; instance: string }>
  /** Addresses of the proxy in front, comma-separated: only then is X-Forwarded-For believed. */
  trustProxy?: string
  /** Left out, the server makes its own. */
  metrics?: Metrics
  log: {
    info(o: object, m: string): void
    warn(o: object, m: string): void
    error(o: object, m: string): void
  }
}

/** What a webhook is answered with instead of a mere "ok"; `lost` is called when that could not be written. */
export type Answer = { body: object; lost(): void }

export type Web = { port: number; close(): Promise<void> }

const bodyMaxBytes = 1024 * 1024
/** A picture's name means the same picture for as long as a deployment lives. */
const pictureCache = 'public, max-age=86400'
/** Of a group: the name changes with whatever is to be seen; an older name shows what there is now, and not for long. */
const groupPictureCache = { lasting: 'public, max-age=31536000, immutable', passing: 'no-cache' }

/** Listens. @throws when the port is taken. `close` finishes the requests under way. */
export async function startWeb(options: WebOptions): Promise<Web> {
  const { log, metrics = createMetrics() } = options
  const app = fastify({
    bodyLimit: bodyMaxBytes,
    trustProxy: options.trustProxy ?? false,
    forceCloseConnections: 'idle',
  })

  app.setNotFoundHandler(async (_request, reply) => reply.code(404).send({ error: 'not found' }))
  app.setErrorHandler(async (error: FastifyError, request, reply) => {
    const status = error.statusCode ?? 500
    if (status < 500) return reply.code(status).send({ error: words[status] ?? 'bad request' })
    log.error(
      { route: request.routeOptions.url, error: `${error.name}: ${firstLine(error.message)}` },
      'request failed',
    )
    return reply.code(500).send({ error: 'failed' })
  })

  const { telegramWebhook } = options
  if (telegramWebhook) {
    const secret = digestOf(telegramWebhook.secret)
    const isTelegram = async (request: FastifyRequest) =>
      isSameSecret(request.headers['x-telegram-bot-api-secret-token'], secret)
    app.post(
      telegramWebhook.path,
      ...webhook('telegram', 401, isTelegram, async (update) => telegramWebhook.handle(update)),
    )
  }
  const isYookassa = async (request: FastifyRequest) => options.isYookassaAddress(request.ip)
  app.post('/webhooks/yookassa', ...webhook('yookassa', 403, isYookassa, async (body) => options.yookassaWebhook(body)))
  // CDEK neither signs nor publishes addresses: its word is only a reason to look at the shipment again.
  app.post(
    '/webhooks/cdek',
    ...webhook(
      'cdek',
      403,
      async () => true,
      async (body) => options.cdekWebhook(body),
    ),
  )

  app.get<{ Params: { group: string; name: string } }>('/pictures/:group/:name.png', async (request, reply) => {
    const { group, name } = request.params
    const png = isPictureName(group) && isPictureName(name) ? await options.readPicture(`${group}/${name}`) : undefined
    if (!png) return reply.code(404).send({ error: 'not found' })
    return reply.header('cache-control', pictureCache).type('image/png').send(png)
  })

  app.get<{ Params: { name: string } }>('/pictures/group/:name.png', async (request, reply) => {
    const { name } = request.params
    const found = isPictureName(name) ? await options.readGroupPicture?.(`group/${name}`) : undefined
    if (!found) return reply.code(404).send({ error: 'not found' })
    const cache = found.isLasting ? groupPictureCache.lasting : groupPictureCache.passing
    return reply.header('cache-control', cache).type('image/png').send(found.png)
  })

  app.get('/health', async (_request, reply) => {
    const health = await options.health().catch(() => ({ ok: false }))
    return reply.code(health.ok ? 200 : 503).send(health)
  })

  app.get('/metrics', async (_request, reply) =>
    reply.type(metrics.registry.contentType).send(await metrics.registry.metrics()),
  )

  await app.listen({ port: options.port, host: options.host })
  const address = app.server.address()
  return {
    port: typeof address === 'object' && address !== null ? address.port : options.port,
    close: async () => app.close(),
  }

  /** Strangers are refused before their body is read; 200 comes only after handling, 500 asks for another delivery. */
  function webhook(
    source: WebhookSource,
    refusal: 401 | 403,
    isAllowed: (request: FastifyRequest) => Promise<boolean>,
    handle: (body: unknown) => Promise<Answer | undefined | void>,
  ) {
    const onRequest = async (request: FastifyRequest, reply: FastifyReply) => {
      if (await isAllowed(request)) return
      metrics.webhook(source, 'refused', 0)
      log.warn({ source, status: refusal }, 'a webhook was refused: it did not come from who it says')
      await reply.code(refusal).send({ error: words[refusal] })
    }
    const handler = async (request: FastifyRequest, reply: FastifyReply) => {
      const startedAt = performance.now()
      const end = (outcome: 'done' | 'failed') =>
        metrics.webhook(source, outcome, (performance.now() - startedAt) / 1000)
      let answer: Answer | undefined | void
      try {
        answer = await handle(request.body)
      } catch (error) {
        end('failed')
        throw error
      }
      end('done')
      if (answer) noticeLoss(reply.raw, answer)
      return reply.send(answer?.body ?? { ok: true })
    }
    return [{ onRequest }, handler] as const
  }
}

const words: Record<number, string> = {
  400: 'bad request',
  401: 'unauthorized',
  403: 'forbidden',
  413: 'too large',
  415: 'JSON only',
}

/** Whoever sent the webhook may have hung up while it was handled, or hangs up now. */
function noticeLoss(response: ServerResponse, answer: Answer): void {
  if (response.destroyed) answer.lost()
  else {
    response.once('close', () => {
      if (!response.writableFinished) answer.lost()
    })
  }
}

/** Compares digests, which have one length whatever was sent. */
function isSameSecret(given: string | string[] | undefined, secret: Buffer): boolean {
  return typeof given === 'string' && timingSafeEqual(digestOf(given), secret)
}

function digestOf(text: string): Buffer {
  return hash('sha256', text, 'buffer')
}

function isPictureName(part: string): boolean {
  return /^[a-z0-9][a-z0-9_-]{0,63}$/i.test(part)
}

/** Database errors list the values below it. */
function firstLine(text: string): string {
  return text.trim().split('\n')[0]?.slice(0, 200) ?? ''
}
