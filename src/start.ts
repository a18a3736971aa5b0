/** Everything on one command: `npm start`. PostgreSQL, migrations, demo goods, sandbox, bot and worker, in this order. */
import { randomBytes, randomUUID } from 'node:crypto'
import { chmodSync, existsSync, mkdirSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { SingleBar } from 'cli-progress'
import { importDemo } from '#shop/catalog-import.ts'
import { openDatabase, type Client } from '#store/db.ts'
import { claimInstallation, forgetPeople } from '#store/installation.ts'
import { startPostgres } from '#store/postgres.ts'
import { createGate, usualPace } from '#telegram/pace.ts'
import { startSandbox } from '#sandbox/sandbox.ts'
import { startBot } from './bot.ts'
import { createLog } from './log.ts'
import { sandboxToken } from './config.ts'
import { configOrExit, findRunning, prepareDatabase, reasonOf, runningFile, untilSignal, type Running } from './part.ts'
import { seedSandbox } from '#sandbox/seed.ts'
import type { Part } from './wiring.ts'
import { startWorker } from './worker.ts'

const config = configOrExit()
const say = (line: string) => process.stdout.write(`${line}\n`)

const running = findRunning(config)
if (running) {
  const where = running.chatPage ?? running.webUrl
  process.stderr.write(`Vmeste is running already: process ${running.pid}, ${where} (data in ${config.dataDir})\n`)
  process.exit(1)
}

const parts: Part[] = []
let isStopping = false
async function stop(): Promise<void> {
  isStopping = true
  // The last started is the first stopped: nobody loses what they stand on.
  for (const part of parts.splice(0).toReversed()) await part.stop()
}
untilSignal(stop)

try {
  mkdirSync(config.dataDir, { recursive: true })
  // As root the database runs as another user, who has to reach its folder inside.
  if (process.getuid?.() === 0) chmodSync(config.dataDir, 0o755)
  const instance = randomUUID()
  const webUrl = config.web.publicUrl ?? `http://127.0.0.1:${config.web.port}`
  const claim: Running = { pid: process.pid, instance, databaseUrl: '', webUrl }
  if (config.sandbox.needed) claim.chatPage = config.sandbox.url
  writeRunning(claim)
  parts.push({
    async stop() {
      rmSync(runningFile(config), { force: true })
    },
  })

  const databaseUrl = await startDatabase()
  writeRunning({ ...claim, databaseUrl })
  await prepareDatabase(databaseUrl)
  const shops = await prepareShops(databaseUrl)

  const log = createLog(config.log.level)
  if (config.sandbox.needed) await startSandboxPart()
  // Both send for one bot: they share its pace, and a pause that one is told of holds the other.
  const gate = createGate(usualPace)
  parts.push(await startBot(config, databaseUrl, log, instance, gate))
  parts.push(await startWorker(config, databaseUrl, log, instance, gate))
  if (config.telegram.isSandbox) await seedSandbox(config.sandbox.url, shops)
  if (!isStopping) welcome(shops)
} catch (error) {
  // A stop during the start breaks it off wherever it is: that is no failure.
  if (!isStopping) {
    const taken = /EADDRINUSE.*:(\d+)/.exec(reasonOf(error))
    const reason = taken ? `port ${taken[1]} is taken: set PORT or SANDBOX_PORT to another` : reasonOf(error)
    process.stderr.write(`Vmeste could not start: ${reason}\n`)
    await stop().catch(() => {})
    process.exit(1)
  }
}

/** Written beside and moved into place, so that nobody ever reads half of it; it holds the database's password. */
function writeRunning(content: Running): void {
  const file = runningFile(config)
  writeFileSync(`${file}.new`, JSON.stringify(content), { mode: 0o600 })
  renameSync(`${file}.new`, file)
}

async function startDatabase(): Promise<string> {
  const { url, embeddedDir } = config.database
  if (url !== undefined) return url
  const isNew = !existsSync(join(embeddedDir, 'PG_VERSION'))
  if (isNew) say(`Setting up PostgreSQL in ${embeddedDir} …`)
  const postgres = await startPostgres(embeddedDir)
  parts.push(postgres)
  // Every bot has its own: people and messages of one mean nothing to another, the sandbox's least of all.
  const name = config.telegram.isSandbox ? 'vmeste_sandbox' : `vmeste_${config.telegram.token.split(':')[0]}`
  await postgres.ensureDatabase(name)
  return postgres.url(name)
}

/** Demo goods where there are none yet, and in the sandbox nobody from its last life. @returns two shops to join. */
async function prepareShops(databaseUrl: string): Promise<{ name: string; invitation: string }[]> {
  const db = openDatabase(databaseUrl, 2)
  try {
    if ((await db.product.count()) === 0) await fillCatalogue(db)
    if (config.telegram.isSandbox) await beginAnew(db)
    return await db.seller.findMany({ orderBy: { id: 'asc' }, take: 2, select: { name: true, invitation: true } })
  } finally {
    await db.$disconnect()
  }
}

async function fillCatalogue(db: Client): Promise<void> {
  const bar = new SingleBar({
    format: 'Demo catalogue [{bar}] {value} offers',
    noTTYOutput: false,
    hideCursor: true,
  })
  bar.start(0, 0)
  let seen = 0
  await importDemo(db, {
    now: new Date(),
    newToken: () => randomBytes(12).toString('base64url'),
    onProgress: (done) => {
      seen = Math.max(seen, done)
      bar.setTotal(seen)
      bar.update(done)
    },
  })
  bar.stop()
}

/** The sandbox forgets with its process, so what hung on its people, payments and parcels is forgotten with them. */
async function beginAnew(db: Client): Promise<void> {
  const account = sandboxToken.split(':')[0] ?? ''
  const isOurs = (await claimInstallation(db, 'telegram', account, new Date())) === account
  if (isOurs && (await forgetPeople(db)))
    say('The sandbox begins anew: its last people, chats and orders are gone, goods and shops stay.')
}

async function startSandboxPart(): Promise<void> {
  const webhooks = `http://127.0.0.1:${config.web.port}/webhooks`
  const sandbox = await startSandbox({
    port: config.sandbox.port,
    yookassaWebhookUrl: `${webhooks}/yookassa`,
    cdekWebhookUrl: `${webhooks}/cdek`,
    ...(config.sandbox.paceSeconds > 0 && { paceSeconds: config.sandbox.paceSeconds }),
  })
  parts.push({ stop: () => sandbox.close() })
}

function welcome(shops: { name: string; invitation: string }[]): void {
  say('')
  if (config.telegram.isSandbox) {
    say(`Vmeste is open: ${config.sandbox.url}`)
    say('')
    say('Three things to try there:')
    say('  1. As Анна, write "тостер" and press "👥 Вместе" (buy together); pay on the sandbox\'s page.')
    say('  2. "📤 Позвать друзей" (share) into the group "Друзья", and "👥 Присоединиться" (join) there as Борис:')
    say('     the group is complete, both cards change in place, and parcels follow by themselves.')
    say('  3. As София, open "🏪 Мой магазин" (my shop), post a group offer to her channel, and press "👥 Вместе"')
    say('     under it as Борис. "🌐 Язык" (language) switches anybody to English or Chinese.')
  } else {
    say('Vmeste is open: write to the bot in Telegram.')
    if (config.yookassa.isSandbox)
      say(`Payments are the sandbox's (${config.sandbox.url}): set YOOKASSA_SHOP_ID for real ones.`)
    if (config.cdek.isSandbox) say(`Parcels are the sandbox's: set CDEK_CLIENT_ID for real ones.`)
    for (const { name, invitation } of shops) say(`To join the shop "${name}", send the bot: /start s_${invitation}`)
  }
  say('')
  say('Ctrl+C stops everything.')
}
