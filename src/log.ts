/**
 * The log: JSON lines on stderr, because stdout belongs to what `npm start` says to a person.
 *
 * Secrets and personal data are kept out twice: by the names of fields, and by a last look at every finished line for
 * what tokens, cards, phones and passwords look like, wherever they came from (an exception's text, a URL).
 */
import { pino, stdSerializers, stdTimeFunctions, type DestinationStream, type Logger } from 'pino'

export type { Logger } from 'pino'

const privateFields = [
  'token',
  'botToken',
  'providerToken',
  'provider_token',
  'phone',
  'recipientPhone',
  'recipientName',
  'address',
  'pickupPointText',
  'authorization',
  'Authorization',
  'cookie',
  'password',
  'secret',
  'secretKey',
  'clientSecret',
  'webhookSecret',
  '["x-telegram-bot-api-secret-token"]',
]
// pino's wildcards stand for one level each: a field is found down to the fourth.
const privatePaths = ['', '*', '*.*', '*.*.*'].flatMap((above) =>
  privateFields.map((field) => (above === '' || field.startsWith('[') ? above + field : `${above}.${field}`)),
)

/**
 * @param level one of pino's: trace, debug, info, warn, error, fatal, silent.
 * @param destination for tests; stderr otherwise, written at once so that the last words of a crash are there.
 */
export function createLog(level: string, destination: DestinationStream = stderr()): Logger {
  return pino(
    {
      level,
      base: { pid: process.pid },
      timestamp: stdTimeFunctions.isoTime,
      serializers: { err: describeError, error: describeError, cause: describeError },
      redact: { paths: privatePaths, censor: '[private]' },
      hooks: { streamWrite: scrubLine },
    },
    destination,
  )
}

function stderr(): DestinationStream {
  return pino.destination({ dest: 2, sync: true })
}

/** A closed list: HTTP clients hang the whole request on their errors, credentials and buyer included. */
function describeError(thrown: unknown): unknown {
  if (!(thrown instanceof Error)) return thrown
  const { type, message, stack } = stdSerializers.err(thrown)
  const { code } = thrown as NodeJS.ErrnoException
  return { type, message, stack, ...(code !== undefined && { code }) }
}

/** A JSON line stays a JSON line: strings are cleaned as strings, and a number that must go becomes a string. */
function scrubLine(line: string): string {
  return line.replaceAll(/"(?:[^"\\]|\\.)*"|-?\d[\d.eE+-]*/g, (token) => {
    if (!token.startsWith('"')) {
      const cleaned = scrub(token)
      return cleaned === token ? token : JSON.stringify(cleaned)
    }
    if (!/\d|:\/\/|=|basic|bearer/i.test(token)) return token
    return JSON.stringify(scrub(JSON.parse(token) as string))
  })
}

const patterns: [RegExp, string][] = [
  // Bot tokens, also inside /bot<token>/ URLs.
  [/\d{1,20}:[A-Za-z0-9_-]{20,}/g, '[token]'],
  // Those of payment providers, from @BotFather.
  [/\d{1,20}:(?:LIVE|TEST):[A-Za-z0-9_:-]+/g, '[token]'],
  [/\b(basic|bearer)\s+[A-Za-z0-9._~+/=-]{8,}/gi, '$1 [secret]'],
  // A password in a PostgreSQL URL may itself hold `/` and `@` when somebody forgot to encode it.
  [/(\bpostgres(?:ql)?:\/\/[^\s:@/]*:)\S*@/g, '$1[secret]@'],
  [/(\b[a-z][a-z0-9+.-]{0,20}:\/\/[^\s:@/?#]*:)[^\s/?#]*@/gi, '$1[secret]@'],
  [/\b(client_secret|access_token|secret_key|password)=[^&\s]+/gi, '$1=[secret]'],
]
const phones = [
  /\+\d(?:[\s().-]{0,2}\d){9,14}(?!\d)/g,
  // Russian mobile numbers as people write them without the plus.
  /(?<![\w.])[78][\s-]?\(?9\d{2}\)?(?:[\s-]?\d){7}(?!\w)/g,
]
const cardLike = /(?<!\w)(?<!\d\.)\d(?:[ -]?\d){12,18}(?!\w)/g
/** Channels and supergroups of Telegram: -100 and ten digits, one in ten of which would pass for a card. */
const chatId = /^100\d{10}$/

function scrub(text: string): string {
  let clean = text
  for (const [pattern, replacement] of patterns) clean = clean.replaceAll(pattern, replacement)
  clean = clean.replaceAll(cardLike, (digits: string, at: number) => {
    if (clean[at - 1] === '-' && chatId.test(digits)) return digits
    return passesLuhn(digits.replaceAll(/\D/g, '')) ? '[card]' : digits
  })
  for (const pattern of phones) clean = clean.replaceAll(pattern, '[phone]')
  return clean
}

/** ISO/IEC 7812-1: the check digit of payment cards. */
function passesLuhn(digits: string): boolean {
  let sum = 0
  for (let fromRight = 0; fromRight < digits.length; fromRight++) {
    const digit = Number(digits[digits.length - 1 - fromRight])
    const weighed = fromRight % 2 === 0 ? digit : digit * 2
    sum += weighed > 9 ? weighed - 9 : weighed
  }
  return sum % 10 === 0
}
