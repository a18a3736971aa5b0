/** The pretend outside world on one port: Bot API, people, payment provider, carriers and the chat page. */
import type { AddressInfo } from 'node:net'
import fastify, { type FastifyInstance } from 'fastify'
import { addBotApi, executeCall } from './bot-api.ts'
import { addCdek } from './cdek.ts'
import { addEvents } from './events.ts'
import { addRussianPost } from './russian-post.ts'
import { addSim } from './sim.ts'
import { addStaticPage } from './static-page.ts'
import { makeUpdates } from './updates.ts'
import { makeWorld } from './world.ts'
import { addYookassa, type Yookassa } from './yookassa.ts'

export type SandboxOptions = {
  /** 0 takes any free port. */
  port: number
  /** Loopback by default: whoever reaches it can act as anybody. */
  host?: string
  /** Moves every parcel one step each so many seconds. */
  paceSeconds?: number
  yookassaWebhookUrl?: string
  cdekWebhookUrl?: string
  /** `vmeste_bot` by default. */
  botUsername?: string
  /** Milliseconds since 1970. */
  now?: () => number
}

export type Sandbox = { url: string; port: number; close(): Promise<void> }

const bodyMaxBytes = 20 * 1024 * 1024

/** @throws when the port is taken (`code` is `EADDRINUSE`) */
export async function startSandbox(options: SandboxOptions): Promise<Sandbox> {
  const host = options.host ?? '127.0.0.1'
  const now = options.now ?? Date.now
  const app = fastify({
    bodyLimit: bodyMaxBytes,
    forceCloseConnections: true,
    routerOptions: { maxParamLength: 2000 },
  })
  app.setErrorHandler((error: { statusCode?: number; message: string }, _request, reply) =>
    reply.code(error.statusCode ?? 500).send({ error: error.message }),
  )
  app.setNotFoundHandler((request, reply) =>
    reply.code(404).send({ error: `there is no ${request.method} ${request.url}` }),
  )

  const world = makeWorld({
    now,
    botUsername: options.botUsername ?? 'vmeste_bot',
    makeUpdates: (bot) => makeUpdates(now, (method, params) => void executeCall(world, bot, method, params)),
  })
  const events = addEvents(app, () => ({ bot: world.main.user }))
  world.useEvents(events)

  let url = ''
  const plugins: { reset(): void; close(): void }[] = []
  let yookassa: Yookassa | undefined
  const shared = { publish: events.publish, now }
  const carrier = {
    ...shared,
    ...(options.paceSeconds === undefined ? {} : { paceSeconds: options.paceSeconds }),
  }
  // Each with its own body parsers and error bodies.
  const add = (plugin: (scope: FastifyInstance) => { reset(): void; close(): void }) =>
    app.register((scope, _options, done) => {
      plugins.push(plugin(scope))
      done()
    })
  addBotApi(app, world)
  addSim(app, world, {
    reset: () => {
      for (const plugin of plugins) plugin.reset()
    },
    charge: (invoice, outcome) => yookassa?.charge(invoice, outcome) ?? { problem: 'the sandbox has no acquirer yet' },
  })
  void add((scope) => {
    yookassa = addYookassa(scope, {
      ...shared,
      baseUrl: () => url,
      ...(options.yookassaWebhookUrl === undefined ? {} : { webhookUrl: options.yookassaWebhookUrl }),
    })
    return yookassa
  })
  void add((scope) =>
    addCdek(scope, {
      ...carrier,
      ...(options.cdekWebhookUrl === undefined ? {} : { webhookUrl: options.cdekWebhookUrl }),
    }),
  )
  void add((scope) => addRussianPost(scope, carrier))
  addStaticPage(app)

  const close = async () => {
    events.close()
    for (const plugin of plugins) plugin.close()
    for (const bot of new Set([world.main, ...world.bots.values()])) bot.updates.close()
    await app.close()
  }
  try {
    await app.listen({ port: options.port, host })
  } catch (error) {
    await close()
    throw error
  }
  const { port } = app.server.address() as AddressInfo
  const shown = host === '0.0.0.0' || host === '::' ? '127.0.0.1' : host.includes(':') ? `[${host}]` : host
  url = `http://${shown}:${port}`
  return { url, port, close }
}
