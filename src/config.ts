/** Reads the environment once, at the start of a process; roots hand the parts on, rooms never look here. */
import { createHmac } from 'node:crypto'
import { isIP } from 'node:net'
import { join, resolve } from 'node:path'
import { z } from 'zod'

export type Config = {
  dataDir: string
  /** `providerToken`: whose invoices are paid inside Telegram; absent, there are none. */
  telegram: { token: string; apiRoot: string; isSandbox: boolean; providerToken?: string }
  /** A database that is there already, or the folder of the embedded one. */
  database: { url: string; embeddedDir?: never } | { embeddedDir: string; url?: never }
  web: {
    host: string
    port: number
    /** Without a trailing slash. Present: Telegram calls us there (webhook); absent: we ask Telegram (polling). */
    publicUrl?: string
    webhookSecret: string
    /** Addresses and ranges of proxies whose `X-Forwarded-For` is believed, separated by commas. */
    trustProxy?: string
  }
  sandbox: {
    url: string
    port: number
    /** Seconds between two steps of every parcel; 0 = parcels stand still. */
    paceSeconds: number
    /** Something points at our own sandbox: whoever starts everything has to start it too. */
    needed: boolean
  }
  yookassa: { shopId: string; secretKey: string; endpoint: string; isSandbox: boolean }
  /** Calls to the payment provider under way at once, in each of bot and worker. */
  payments: { calls: number }
  cdek: { clientId: string; clientSecret: string; endpoint: string; isSandbox: boolean }
  log: { level: string }
}

/** A setting that is missing or wrong. The message is one line for a person: the variable, the fault, an example. */
export class ConfigError extends Error {
  readonly variable: string

  constructor(variable: string, fault: string, example?: string) {
    super(`${variable} ${fault}${example === undefined ? '' : `; example: ${variable}=${example}`}`)
    this.name = 'ConfigError'
    this.variable = variable
  }
}

/** What the bot is called in the sandbox. Shaped as a token is, and worth nothing anywhere else. */
export const sandboxToken = '1:sandbox-token-not-a-secret'

/** What @BotFather would give for a test shop: the sandbox charges its own cards with it. */
const sandboxProviderToken = '1:TEST:sandbox-not-a-secret'

const telegramApi = 'https://api.telegram.org'
const yookassaApi = 'https://api.yookassa.ru/v3'
const cdekApi = 'https://api.cdek.ru/v2'

const examples = {
  TELEGRAM_BOT_TOKEN: '123456789:what-BotFather-gave-you-goes-here',
  TELEGRAM_API_ROOT: telegramApi,
  TELEGRAM_PROVIDER_TOKEN: '123456789:LIVE:123456',
  DATABASE_URL: 'postgresql://user:password@127.0.0.1:5432/vmeste',
  DATA_DIR: '.data',
  PUBLIC_URL: 'https://shop.example',
  WEBHOOK_SECRET: 'any-letters-digits-or-dashes',
  HOST: '127.0.0.1',
  PORT: '3000',
  TRUST_PROXY: '127.0.0.1,10.0.0.0/8',
  SANDBOX_PORT: '8080',
  SANDBOX_PACE: '10',
  YOOKASSA_SHOP_ID: '123456',
  YOOKASSA_SECRET_KEY: 'live_abcdefghijklmnop',
  YOOKASSA_ENDPOINT: yookassaApi,
  PAYMENT_CALLS: '10',
  CDEK_CLIENT_ID: 'abcdefghijklmnop',
  CDEK_CLIENT_SECRET: 'abcdefghijklmnop',
  CDEK_ENDPOINT: cdekApi,
  LOG_LEVEL: 'info',
} as const

export type Variable = keyof typeof examples

/** Every variable that is read, for tests that compare `.env.example` and the README with it. */
export const variables = Object.keys(examples) as Variable[]

// Faults are worded to follow the variable's name and never repeat a value: it may be a secret.
const port = text(/^\d+$/, 'must be a port number from 1 to 65535')
  .transform(Number)
  .refine((value) => value >= 1 && value <= 65_535, 'must be a port number from 1 to 65535')
const endpoint = url(['https:', 'http:'], 'must be an http or https URL').transform(withoutSlash)
const secret = text(/^[\x21-\x7e]+$/, 'must be printable ASCII characters without spaces')

const environment = z.object({
  TELEGRAM_BOT_TOKEN: text(/^\d+:[A-Za-z0-9_-]{20,}$/, 'is not a bot token as @BotFather gives it').optional(),
  TELEGRAM_API_ROOT: endpoint.optional(),
  TELEGRAM_PROVIDER_TOKEN: text(
    /^\d+:[A-Z]+:[\x21-\x7e]+$/,
    'is not the token of a payment provider as @BotFather gives it',
  ).optional(),
  DATABASE_URL: url(['postgres:', 'postgresql:'], 'must be a postgresql:// URL')
    .refine((value) => new URL(value).pathname.length > 1, 'names no database after the host')
    .optional(),
  DATA_DIR: z.string().default('.data'),
  PUBLIC_URL: url(['https:', 'http:'], 'must be an https URL')
    .refine(isPlain, 'must have no user, query or fragment')
    .transform(withoutSlash)
    .optional(),
  WEBHOOK_SECRET: text(/^[A-Za-z0-9_-]{1,256}$/, 'must be 1 to 256 of A-Z a-z 0-9 _ -').optional(),
  HOST: text(/^[A-Za-z0-9.:_-]+$/, 'must be a host name or an IP address').optional(),
  PORT: port.default(3000),
  TRUST_PROXY: z.string().refine(isAddressList, 'must be IP addresses or ranges separated by commas').optional(),
  SANDBOX_PORT: port.default(8080),
  SANDBOX_PACE: text(/^\d+(\.\d+)?$/, 'must be seconds between steps of a parcel, 0 for none')
    .transform(Number)
    .refine((value) => value <= 86_400, 'must be at most 86400 seconds')
    .default(10),
  YOOKASSA_SHOP_ID: text(/^\d+$/, 'must be the digits of the shop id').optional(),
  YOOKASSA_SECRET_KEY: secret.optional(),
  YOOKASSA_ENDPOINT: endpoint.optional(),
  PAYMENT_CALLS: text(/^\d+$/, 'must be a number of calls from 1 to 100')
    .transform(Number)
    .refine((value) => value >= 1 && value <= 100, 'must be a number of calls from 1 to 100')
    .default(5),
  CDEK_CLIENT_ID: secret.optional(),
  CDEK_CLIENT_SECRET: secret.optional(),
  CDEK_ENDPOINT: endpoint.optional(),
  LOG_LEVEL: z
    .enum(['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent'], {
      error: 'must be one of trace, debug, info, warn, error, fatal, silent',
    })
    .default('info'),
} satisfies Record<Variable, z.ZodType>)

/**
 * Reads the `.env` file of the working directory into the environment; what is set already wins, empty values
 * included. A missing file is fine.
 * @throws ConfigError when the file is there and cannot be read.
 */
export function loadEnv(path = '.env'): void {
  try {
    process.loadEnvFile(path)
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === 'ENOENT') return
    throw new ConfigError('.env', 'is there but cannot be read: it has to be a text file of NAME=value lines')
  }
}

/**
 * Turns variables into settings. An empty value is the same as none. Without a bot token the shop talks to the
 * sandbox; without a provider's credentials that provider is the sandbox's, whatever the token.
 * @throws ConfigError for the first variable that is wrong.
 */
export function readConfig(env: Record<string, string | undefined>): Config {
  const given = variables.flatMap((name) => {
    const value = env[name]?.trim()
    return value ? [[name, value] as const] : []
  })
  const read = environment.safeParse(Object.fromEntries(given))
  if (!read.success) {
    const issue = read.error.issues[0]
    const name = issue?.path[0] as Variable
    throw wrong(name, issue?.message ?? 'is wrong')
  }
  const set = read.data
  const sandboxUrl = `http://127.0.0.1:${set.SANDBOX_PORT}`

  const token = set.TELEGRAM_BOT_TOKEN ?? sandboxToken
  const isSandbox = token === sandboxToken
  const apiRoot = set.TELEGRAM_API_ROOT ?? (isSandbox ? sandboxUrl : telegramApi)
  if (isSandbox && apiRoot === telegramApi)
    throw wrong('TELEGRAM_BOT_TOKEN', 'is missing, and TELEGRAM_API_ROOT is the real Telegram')
  const publicUrl = set.PUBLIC_URL === undefined ? undefined : new URL(set.PUBLIC_URL)
  if (publicUrl) checkPublicUrl(publicUrl, isSandbox, apiRoot === telegramApi)

  both(set, 'YOOKASSA_SHOP_ID', 'YOOKASSA_SECRET_KEY')
  both(set, 'CDEK_CLIENT_ID', 'CDEK_CLIENT_SECRET')
  const yookassa = {
    shopId: set.YOOKASSA_SHOP_ID ?? '100001',
    secretKey: set.YOOKASSA_SECRET_KEY ?? 'sandbox-key-not-a-secret',
    endpoint: set.YOOKASSA_ENDPOINT ?? (set.YOOKASSA_SHOP_ID ? yookassaApi : `${sandboxUrl}/yookassa/v3`),
    isSandbox: set.YOOKASSA_SHOP_ID === undefined,
  }
  const cdek = {
    clientId: set.CDEK_CLIENT_ID ?? 'sandbox-client',
    clientSecret: set.CDEK_CLIENT_SECRET ?? 'sandbox-secret-not-a-secret',
    endpoint: set.CDEK_ENDPOINT ?? (set.CDEK_CLIENT_ID ? cdekApi : `${sandboxUrl}/cdek/v2`),
    isSandbox: set.CDEK_CLIENT_ID === undefined,
  }
  if (yookassa.isSandbox && yookassa.endpoint === yookassaApi)
    throw wrong('YOOKASSA_SHOP_ID', 'is missing, and YOOKASSA_ENDPOINT is the real YooKassa')
  if (cdek.isSandbox && cdek.endpoint === cdekApi)
    throw wrong('CDEK_CLIENT_ID', 'is missing, and CDEK_ENDPOINT is the real CDEK')

  // What is charged with the token is given back with the shop's own credentials: both have to be of one shop.
  if (set.TELEGRAM_PROVIDER_TOKEN !== undefined && isSandbox !== yookassa.isSandbox) {
    const missing = isSandbox ? 'TELEGRAM_BOT_TOKEN' : 'YOOKASSA_SHOP_ID'
    throw wrong(missing, 'is missing, and TELEGRAM_PROVIDER_TOKEN is set')
  }
  const isOneSandbox = isSandbox && yookassa.isSandbox && new URL(apiRoot).origin === new URL(yookassa.endpoint).origin
  const providerToken = set.TELEGRAM_PROVIDER_TOKEN ?? (isOneSandbox ? sandboxProviderToken : undefined)

  const needed = [apiRoot, yookassa.endpoint, cdek.endpoint].some((root) => new URL(root).origin === sandboxUrl)
  if (needed && set.PORT === set.SANDBOX_PORT)
    throw wrong('PORT', 'is the same as SANDBOX_PORT, and each needs its own')

  const dataDir = resolve(set.DATA_DIR)
  return {
    dataDir,
    telegram: { token, apiRoot, isSandbox, ...(providerToken !== undefined && { providerToken }) },
    database: set.DATABASE_URL ? { url: set.DATABASE_URL } : { embeddedDir: join(dataDir, 'postgres') },
    web: {
      // Telegram reaches a public shop from outside; otherwise nobody but this machine has any business here.
      host: set.HOST ?? (publicUrl === undefined || isLoopback(publicUrl.hostname) ? '127.0.0.1' : '0.0.0.0'),
      port: set.PORT,
      ...(set.PUBLIC_URL !== undefined && { publicUrl: set.PUBLIC_URL }),
      webhookSecret: set.WEBHOOK_SECRET ?? secretOf(token),
      ...(set.TRUST_PROXY !== undefined && { trustProxy: set.TRUST_PROXY }),
    },
    sandbox: { url: sandboxUrl, port: set.SANDBOX_PORT, paceSeconds: set.SANDBOX_PACE, needed },
    yookassa,
    payments: { calls: set.PAYMENT_CALLS },
    cdek,
    log: { level: set.LOG_LEVEL },
  }
}

function wrong(name: Variable, fault: string): ConfigError {
  return new ConfigError(name, fault, examples[name])
}

/** Half a pair of credentials is a slip, and falling back to the sandbox would hide it. */
function both(set: Partial<Record<Variable, unknown>>, a: Variable, b: Variable): void {
  if (set[a] !== undefined && set[b] === undefined) throw wrong(b, `is missing, and ${a} is set`)
  if (set[b] !== undefined && set[a] === undefined) throw wrong(a, `is missing, and ${b} is set`)
}

/** https://core.telegram.org/bots/api#setwebhook: https on one of four ports; a Bot API server of one's own takes any. */
function checkPublicUrl(publicUrl: URL, isSandbox: boolean, isTelegram: boolean): void {
  if (publicUrl.protocol === 'http:') {
    if (!isSandbox) throw wrong('PUBLIC_URL', 'must be an https URL')
    if (!isLoopback(publicUrl.hostname))
      throw wrong('PUBLIC_URL', 'must be an https URL, or with the sandbox an http URL of this machine')
  }
  if (isTelegram && !['', '80', '88', '8443'].includes(publicUrl.port))
    throw wrong('PUBLIC_URL', 'has a port that Telegram does not call: only 443, 80, 88 and 8443')
}

/** Derived, so that every process of one bot knows it and nobody has to set it. */
function secretOf(token: string): string {
  return createHmac('sha256', token).update('vmeste webhook secret').digest('base64url')
}

function text(shape: RegExp, fault: string) {
  return z.string().regex(shape, fault)
}

function url(protocols: string[], fault: string) {
  return z.string().refine((value) => URL.canParse(value) && protocols.includes(new URL(value).protocol), {
    error: fault,
    abort: true,
  })
}

function isPlain(value: string): boolean {
  const { username, password, search, hash } = new URL(value)
  return username + password + search + hash === ''
}

function isLoopback(hostname: string): boolean {
  return hostname === 'localhost' || /^127(\.\d+){3}$/.test(hostname)
}

function isAddressList(value: string): boolean {
  return value.split(',').every((item) => {
    const [address = '', bits, ...rest] = item.trim().split('/')
    const version = isIP(address)
    if (version === 0 || rest.length > 0) return false
    return bits === undefined || (/^\d{1,3}$/.test(bits) && Number(bits) <= (version === 4 ? 32 : 128))
  })
}

function withoutSlash(value: string): string {
  return value.replace(/\/+$/, '')
}
