/** One JSON call to another company: bounded in time and size, and it never throws for what the network does. */

export type JsonCall = {
  url: string
  method: 'GET' | 'POST'
  headers: Record<string, string>
  body?: string
  /** For the whole call, the reading of the answer included. */
  timeoutMs: number
}

/** `body` is undefined when the answer was not JSON. `failure` means that no whole answer came: the effect is unknown. */
export type JsonAnswer = { status: number; body: unknown; retryAfterMs?: number } | { failure: string }

/** All pickup points of Moscow are about 4 MB; nothing that we ask for is near this. */
const maxBytes = 32 * 1024 * 1024

/**
 * Redirects are failures: an API has none, and following one would turn a POST into a GET somewhere else.
 * @returns what came back; `failure` has neither address nor headers in it, so it may be stored and logged.
 */
export async function callJson({ url, method, headers, body, timeoutMs }: JsonCall): Promise<JsonAnswer> {
  try {
    const response = await fetch(url, {
      method,
      headers: { accept: 'application/json', ...headers },
      ...(body === undefined ? {} : { body }),
      redirect: 'error',
      signal: AbortSignal.timeout(timeoutMs),
    })
    const text = await readText(response)
    if (text === undefined) return { failure: `an answer of more than ${maxBytes} bytes` }
    const seconds = /^\d{1,6}$/.exec(response.headers.get('retry-after') ?? '')?.[0]
    return {
      status: response.status,
      body: parseJson(text),
      ...(seconds === undefined ? {} : { retryAfterMs: Number(seconds) * 1000 }),
    }
  } catch (error) {
    return { failure: failureWords(error, timeoutMs) }
  }
}

/** What others write about our calls may quote a phone: long runs of digits go, and so does what is over 300 characters. */
export function withoutNumbers(text: string): string {
  return text.replace(/\+?\d(?:[\s()-]{0,2}\d){8,}/g, '…').slice(0, 300)
}

/** At most `length` UTF-16 units, as these APIs count, and never half of a pair: strict parsers refuse that. */
export function cutText(text: string, length: number): string {
  const cut = text.slice(0, length)
  const last = cut.charCodeAt(cut.length - 1)
  return text.length > length && last >= 0xd800 && last <= 0xdbff ? cut.slice(0, -1) : cut
}

async function readText(response: Response): Promise<string | undefined> {
  if (!response.body) return ''
  const chunks: Uint8Array[] = []
  let size = 0
  for await (const chunk of response.body) {
    size += chunk.byteLength
    if (size > maxBytes) return undefined
    chunks.push(chunk)
  }
  return Buffer.concat(chunks).toString('utf8')
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

function failureWords(error: unknown, timeoutMs: number): string {
  if (!(error instanceof Error)) return 'the call failed'
  if (error.name === 'TimeoutError') return `no answer within ${timeoutMs} ms`
  const { cause } = error
  const code = cause instanceof Error && 'code' in cause ? String(cause.code) : error.name
  return `the connection failed (${code})`
}
