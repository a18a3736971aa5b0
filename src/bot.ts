/** The bot: takes updates from messengers and webhooks from companies. `npm run start:bot` */
import { createFront } from '#chat/dispatch.ts'
import { commandMenu } from '#chat/commands.ts'
import { providerOf } from '#gateways/payments.ts'
import { isYookassaAddress } from '#gateways/yookassa.ts'
import { shipmentHinted } from '#shop/delivery.ts'
import { paymentHinted } from '#shop/payments.ts'
import { latestDifferences } from '#shop/reconciliation.ts'
import { openDatabase } from '#store/db.ts'
import type { Gate } from '#telegram/pace.ts'
import { createMetrics } from '#web/metrics.ts'
import { createGroupPictures } from '#web/group-pictures.ts'
import { readPicture } from '#web/pictures.ts'
import { startWeb } from '#web/server.ts'
import type { Config } from './config.ts'
import type { Logger } from './log.ts'
import { isMain, runPart } from './part.ts'
import { connectTelegram, createDeps, type Part } from './wiring.ts'

/** @param instance tells one running program from another in `/health`. */
export async function startBot(
  config: Config,
  databaseUrl: string,
  log: Logger,
  instance: string,
  gate?: Gate,
): Promise<Part> {
  const db = openDatabase(databaseUrl)
  const metrics = createMetrics(() => latestDifferences(db))
  const measure = (outcome: 'done' | 'failed', seconds: number) => metrics.update('telegram', outcome, seconds)
  // Who the bot is decides where a payment page leads back to, so deps come after the first call to Telegram.
  const username = { current: '' }
  const deps = createDeps(config, db, () => username.current)
  const telegram = await connectTelegram(config, db, log, createFront(deps), gate, measure)
  username.current = telegram.username
  await telegram.setCommands(commandMenu())

  const groupPictures = createGroupPictures(db, deps.groupUrl)
  const path = '/webhooks/telegram'
  const { host, port, publicUrl, webhookSecret: secret, trustProxy } = config.web
  const web = await startWeb({
    host,
    port,
    metrics,
    log,
    readPicture,
    readGroupPicture: (name) => groupPictures.read(name),
    ...(trustProxy !== undefined && { trustProxy }),
    ...(publicUrl !== undefined && {
      telegramWebhook: { path, secret, handle: (update) => telegram.handleUpdate(update) },
    }),
    // The sandbox plays YooKassa from this machine; the real one comes from its published addresses only.
    isYookassaAddress: (ip) => (config.yookassa.isSandbox ? isLoopback(ip) : isYookassaAddress(ip)),
    async yookassaWebhook(body) {
      const externalId = providerOf(deps.providers, { name: 'yookassa' }).webhookHint(body)
      if (externalId !== undefined) await paymentHinted(db, externalId, deps, deps.now())
    },
    async cdekWebhook(body) {
      const externalId = deps.carrier.webhookHint(body)
      if (externalId !== undefined) await shipmentHinted(db, deps.carrier.name, externalId)
    },
    async health() {
      const isUp = await db.$queryRaw`SELECT 1`.then(
        () => true,
        () => false,
      )
      return { ok: isUp, instance }
    },
  })
  if (publicUrl === undefined) telegram.startPolling()
  else await telegram.setWebhook(publicUrl + path, secret)
  log.debug({ username: telegram.username, port: web.port, by: publicUrl ? 'webhook' : 'polling' }, 'bot is up')

  return {
    async stop() {
      await telegram.stop()
      await web.close()
      await db.$disconnect()
    },
  }
}

const isLoopback = (ip: string) => ip === '127.0.0.1' || ip === '::1' || ip === '::ffff:127.0.0.1'

if (isMain(import.meta.url)) await runPart('bot', startBot)
