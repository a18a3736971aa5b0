/** What the bot and the worker are both made of: the shop's deps and the messenger, from the configuration. */
import { randomBytes, randomUUID } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Front } from '#chat/front.ts'
import { createCdek } from '#gateways/cdek.ts'
import { limitCalls } from '#gateways/call-limit.ts'
import { onDelivery } from '#gateways/on-delivery.ts'
import { createTelegramPayments } from '#gateways/telegram-payments.ts'
import { createYookassa } from '#gateways/yookassa.ts'
import type { Deps } from '#shop/deps.ts'
import { pictureUploaded, uploadedPicture } from '#shop/notifications.ts'
import type { Client } from '#store/db.ts'
import { claimInstallation } from '#store/installation.ts'
import { createTelegram, type BotTelegram } from '#telegram/bot.ts'
import type { Gate } from '#telegram/pace.ts'
import { createGroupPictures } from '#web/group-pictures.ts'
import { readPicture } from '#web/pictures.ts'
import type { Config } from './config.ts'
import type { Logger } from './log.ts'

/** A part of the program that runs until it is stopped. */
export type Part = { stop(): Promise<void> }

export function createDeps(config: Config, db: Client, botUsername: () => string): Deps {
  const yookassa = limitCalls(createYookassa(config.yookassa), config.payments.calls, {
    now: () => performance.now(),
    sleep: (ms) => sleep(ms),
  })
  return {
    db,
    // Money paid by an invoice goes back through the shop that it went to, also when there are no new invoices.
    providers: [yookassa, createTelegramPayments({ acquirer: yookassa }), onDelivery],
    hasInvoices: config.telegram.providerToken !== undefined,
    carrier: createCdek(config.cdek),
    returnUrl: (orderId) => `https://t.me/${botUsername()}?start=b_${orderId.toString(36)}`,
    groupUrl: (token) => groupUrl(botUsername(), token),
    now: () => new Date(),
    newId: randomUUID,
    randomBytes,
    newToken: () => randomBytes(12).toString('base64url'),
  }
}

const groupUrl = (username: string, token: string) => `https://t.me/${username}?start=g_${token}`

/**
 * @param front undefined where nothing is received.
 * @param gate the process's own when several of its parts send for one bot: one pace, one pause, replies first.
 */
export async function connectTelegram(
  config: Config,
  db: Client,
  log: Logger,
  front: Front | undefined,
  gate?: Gate,
  measure?: (outcome: 'done' | 'failed', seconds: number) => void,
): Promise<BotTelegram> {
  const { telegram, web } = config
  // Telegram can fetch our pictures from a public address, and the sandbox from this machine; otherwise they are uploaded.
  const base = web.publicUrl ?? (telegram.isSandbox ? `http://127.0.0.1:${web.port}` : undefined)
  const account = telegram.token.split(':')[0] ?? ''
  const owner = await claimInstallation(db, 'telegram', account, new Date())
  if (owner !== account) {
    throw new Error(
      `this database belongs to the bot ${owner} and the token is of ${account}: set another DATABASE_URL`,
    )
  }
  // Pictures are read when something is sent, and nothing is before Telegram has told who we are.
  const username = { current: '' }
  const groups = createGroupPictures(db, (token) => groupUrl(username.current, token))
  const isOfGroup = (name: string) => name.startsWith('group/')
  const bot = await createTelegram({
    token: telegram.token,
    apiRoot: telegram.apiRoot,
    ...(telegram.providerToken !== undefined && { providerToken: telegram.providerToken }),
    front,
    log,
    ...(measure && { measure }),
    ...(gate && { gate }),
    pictures: {
      ...(base !== undefined && { baseUrl: `${base}/pictures` }),
      read: async (name) => (isOfGroup(name) ? (await groups.read(name))?.png : readPicture(name)),
      remembered: (name) => uploadedPicture(db, 'telegram', account, name),
      // A group's is another one after every change: none is asked for again.
      async remember(name, reference) {
        if (!isOfGroup(name)) await pictureUploaded(db, 'telegram', account, name, reference, new Date())
      },
    },
  })
  username.current = bot.username
  return bot
}
