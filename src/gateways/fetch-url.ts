/**
 * Fetches an address that a person gave us, so that it cannot be used to look around inside our own network (SSRF), nor
 * to fill memory, disk or time. Every guard is checked again for every redirect.
 */
import ipaddr from 'ipaddr.js'
import { lookup as lookupOfSystem } from 'node:dns/promises'
import { get as httpGet, type IncomingMessage, type RequestOptions } from 'node:http'
import { get as httpsGet } from 'node:https'
import { isIP, type LookupFunction } from 'node:net'
import { pipeline, Readable, Transform } from 'node:stream'
import { createBrotliDecompress, createGunzip, createInflate } from 'node:zlib'

export const fetchReasons = [
  'not-an-address',
  'not-https',
  'has-password',
  'bad-port',
  'unknown-host',
  'private-address',
  'too-many-redirects',
  'no-connection',
  /** Another status than 200, or an encoding that we did not ask for. */
  'bad-answer',
  'too-large',
  'too-slow',
] as const
export type FetchReason = (typeof fetchReasons)[number]

/** Neither the message nor the reason has the address in it: it may carry a key, and messages get logged. */
export class FetchRefused extends Error {
  readonly reason: FetchReason
  constructor(reason: FetchReason, options?: ErrorOptions) {
    super(`fetch refused: ${reason}`, options)
    this.name = 'FetchRefused'
    this.reason = reason
  }
}

export type FetchLimits = {
  /** On the wire, and again after decompression. 512 MB by default. */
  bytes?: number
  /** For all of it, the body included. Two minutes by default. */
  ms?: number
  /** Between two pieces of the answer. 15 seconds by default. */
  idleMs?: number
  /** Plain http, too; a redirect from https to it is refused all the same. */
  allowHttp?: boolean
}

type Address = { address: string; family: number }
/** What only tests change. */
export type FetchWays = {
  lookup?: (host: string) => Promise<Address[]>
  isLoopbackAllowed?: boolean
  /** Certificates trusted beside none: PEM. */
  ca?: string
}

const maxRedirects = 3
/** Ports below 1024 that serve the web, and those above that browsers refuse because another protocol lives there. */
const webPorts = [80, 443]
const otherPorts = new Set([
  1719, 1720, 1723, 2049, 3306, 3659, 4045, 4190, 5060, 5061, 5432, 6000, 6379, 6566, 6665, 6666, 6667, 6668, 6669,
  6679, 6697, 9200, 10080, 11211, 27017,
])

/**
 * The body of what stands at the address, decompressed where it was compressed for the way. The content type is not
 * looked at: whoever reads it goes by the first bytes. Read it into a file at once: time runs until its end.
 * @throws FetchRefused, also while the body is read.
 */
export async function fetchUrl(url: string, limits: FetchLimits = {}, ways: FetchWays = {}): Promise<Readable> {
  const { bytes = 512 * 1024 * 1024, ms = 120_000, idleMs = 15_000, allowHttp = false } = limits
  const whole = new AbortController()
  const timer = setTimeout(() => whole.abort(), ms)
  const tooSlow = new Promise<never>((_resolve, reject) => {
    whole.signal.addEventListener('abort', () => reject(new FetchRefused('too-slow')))
  })
  tooSlow.catch(() => {})
  try {
    let next = parseAddress(url, allowHttp)
    for (let redirects = 0; ; redirects += 1) {
      const addresses = await Promise.race([checkedAddresses(next, ways), tooSlow])
      const response = await answerOf(next, { addresses, idleMs, signal: whole.signal, ca: ways.ca })
      const status = response.statusCode ?? 0
      const location = response.headers.location
      if ([301, 302, 303, 307, 308].includes(status) && location !== undefined) {
        response.destroy()
        if (redirects >= maxRedirects) throw new FetchRefused('too-many-redirects')
        next = parseAddress(location, allowHttp && next.protocol === 'http:', next)
        continue
      }
      return readBody(response, bytes, () => clearTimeout(timer))
    }
  } catch (error) {
    clearTimeout(timer)
    throw toRefusal(error, whole.signal)
  }

  function readBody(response: IncomingMessage, cap: number, done: () => void): Readable {
    const decoder = decoderOf(response.headers['content-encoding'])
    const isTooLarge = Number(response.headers['content-length'] ?? 0) > cap
    if (response.statusCode !== 200 || decoder === undefined || isTooLarge) {
      response.destroy()
      throw new FetchRefused(response.statusCode === 200 && isTooLarge ? 'too-large' : 'bad-answer')
    }
    const steps = [capped(cap), ...decoder, ...(decoder.length > 0 ? [capped(cap)] : [])]
    const last = pipeline([response, ...steps], () => {}) as unknown as Readable
    // Whoever reads it hears of it below; without a listener of its own an early end would be nobody's.
    last.on('error', () => {})
    return Readable.from(read(), { objectMode: false })

    async function* read(): AsyncGenerator<Buffer> {
      try {
        for await (const chunk of last) yield chunk as Buffer
      } catch (error) {
        throw toRefusal(error, whole.signal)
      } finally {
        done()
        response.destroy()
      }
    }
  }
}

/** What can be said of an address without asking anybody. @throws FetchRefused */
export function parseAddress(url: string, allowHttp = false, base?: URL): URL {
  if (url.length > 2000 || !URL.canParse(url, base?.href)) throw new FetchRefused('not-an-address')
  const parsed = new URL(url, base)
  if (parsed.protocol !== 'https:' && !(allowHttp && parsed.protocol === 'http:')) throw new FetchRefused('not-https')
  if (parsed.username !== '' || parsed.password !== '') throw new FetchRefused('has-password')
  if (parsed.hostname === '') throw new FetchRefused('not-an-address')
  const port = Number(parsed.port === '' ? webPorts[0] : parsed.port)
  if (!webPorts.includes(port) && (port < 1024 || otherPorts.has(port))) throw new FetchRefused('bad-port')
  return parsed
}

/**
 * Whether it belongs to a machine of the public internet, as nothing else may be asked. Addresses that carry another one
 * inside (mapped, 6to4, NAT64, Teredo) are refused whatever they carry.
 */
export function isPublicAddress(address: string): boolean {
  if (!ipaddr.isValid(address)) return false
  const parsed = ipaddr.parse(address)
  if (parsed.range() !== 'unicast') return false
  // The library calls unicast whatever it has no name for: IPv4-compatible `::7f00:1` and site-local `fec0::` among it.
  return parsed.kind() === 'ipv4' || parsed.match(ipaddr.parseCIDR('2000::/3'))
}

/** One question to the name server, and the connection goes to its answer: a second one could be answered otherwise. */
async function checkedAddresses(url: URL, ways: FetchWays): Promise<Address[]> {
  const host = url.hostname.replace(/^\[(.*)\]$/, '$1')
  const family = isIP(host)
  const ask = ways.lookup ?? ((name) => lookupOfSystem(name, { all: true }))
  let addresses: Address[]
  try {
    addresses = family === 0 ? await ask(host) : [{ address: host, family }]
  } catch (error) {
    throw new FetchRefused('unknown-host', { cause: error })
  }
  if (addresses.length === 0) throw new FetchRefused('unknown-host')
  const isAllowed = ({ address }: Address) =>
    isPublicAddress(address) || (ways.isLoopbackAllowed === true && (address === '127.0.0.1' || address === '::1'))
  // One bad address among good ones is reason enough: which of them is tried first is not ours to say.
  if (!addresses.every(isAllowed)) throw new FetchRefused('private-address')
  return addresses
}

async function answerOf(
  url: URL,
  {
    addresses,
    idleMs,
    signal,
    ca,
  }: { addresses: Address[]; idleMs: number; signal: AbortSignal; ca?: string | undefined },
): Promise<IncomingMessage> {
  const lookup: LookupFunction = (_host, options, callback) => {
    const [first] = addresses
    if (options.all === true) callback(null, addresses)
    else if (first) callback(null, first.address, first.family)
  }
  const host = url.hostname.replace(/^\[(.*)\]$/, '$1')
  const options: RequestOptions & { servername?: string; ca?: string } = {
    host,
    port: url.port === '' ? (url.protocol === 'https:' ? 443 : 80) : url.port,
    path: `${url.pathname}${url.search}`,
    headers: { accept: '*/*', 'accept-encoding': 'gzip, deflate, br', 'user-agent': 'Vmeste/1 (catalogue import)' },
    lookup,
    signal,
    // A kept connection would skip the check: each request opens its own.
    agent: false,
    ...(isIP(host) === 0 && { servername: host }),
    ...(ca !== undefined && { ca }),
  }
  return new Promise((resolve, reject) => {
    let response: IncomingMessage | undefined
    const request = (url.protocol === 'https:' ? httpsGet : httpGet)(options, (answer) => {
      response = answer
      resolve(answer)
    })
    request.on('error', reject)
    request.setTimeout(idleMs, () => {
      // The body first: it would say "aborted" of a request that is gone.
      response?.destroy(new FetchRefused('too-slow'))
      request.destroy(new FetchRefused('too-slow'))
    })
  })
}

/** @returns what undoes the encoding; undefined for one that we did not ask for. */
function decoderOf(encoding = 'identity'): Transform[] | undefined {
  switch (encoding.trim().toLowerCase()) {
    case '':
    case 'identity':
      return []
    case 'gzip':
    case 'x-gzip':
      return [createGunzip()]
    case 'deflate':
      return [createInflate()]
    case 'br':
      return [createBrotliDecompress()]
    default:
      return undefined
  }
}

/** Lets at most so many bytes through. */
function capped(bytes: number): Transform {
  let size = 0
  return new Transform({
    transform(chunk: Buffer, _encoding, callback) {
      size += chunk.length
      if (size > bytes) callback(new FetchRefused('too-large'))
      else callback(null, chunk)
    },
  })
}

function toRefusal(error: unknown, whole: AbortSignal): FetchRefused {
  if (error instanceof FetchRefused) return error
  if (whole.aborted) return new FetchRefused('too-slow', { cause: error })
  const code = error instanceof Error && 'code' in error ? String(error.code) : ''
  return new FetchRefused(code.startsWith('Z_') || code.startsWith('ERR_BROTLI') ? 'bad-answer' : 'no-connection', {
    cause: error,
  })
}
