/**
 * One call to the Bot API as JSON. telegraf's own client stays in use for uploads: its node-fetch takes about three
 * times the processor time, and answering a tap is two calls.
 */
import { Agent as HttpAgent, request as httpRequest } from 'node:http'
import { Agent as HttpsAgent, request as httpsRequest } from 'node:https'
import { TelegramError } from 'telegraf'

export type CallJson = (method: string, payload: object, timeoutMs: number) => Promise<unknown>

/** An answer is a message or a list of updates; more than this is no Bot API. */
const answerMaxBytes = 20 * 1024 * 1024

/**
 * @param root `https://api.telegram.org`, or another server that speaks the Bot API.
 * @returns a call that answers with `result` and throws what telegraf's would: TelegramError for a refusal, the
 * connection's own error with its `code` when there was no answer.
 */
export function createCallJson(root: string, token: string): CallJson {
  const base = new URL(`./bot${token}/`, root)
  const isPlain = base.protocol === 'http:'
  const request = isPlain ? httpRequest : httpsRequest
  // Idle connections are ours to close: a call written to one that Telegram just closed has no known outcome.
  const kept = { keepAlive: true, timeout: 15_000 }
  const agent = isPlain ? new HttpAgent(kept) : new HttpsAgent(kept)
  const { hostname, port, pathname } = base
  const target = { hostname: hostname.replace(/^\[|\]$/g, ''), port, agent, method: 'POST' }

  return async (method, payload, timeoutMs) => {
    const body = Buffer.from(JSON.stringify(payload))
    const headers = { 'content-type': 'application/json', 'content-length': body.length }
    const { status, text } = await new Promise<{ status: number; text: string }>((done, failed) => {
      const asking = request({ ...target, path: pathname + method, headers }, (response) => {
        const chunks: Buffer[] = []
        let length = 0
        response.on('data', (chunk: Buffer) => {
          chunks.push(chunk)
          length += chunk.length
          if (length > answerMaxBytes) response.destroy(new Error('an answer without end'))
        })
        response.once('end', () => done({ status: response.statusCode ?? 0, text: Buffer.concat(chunks).toString() }))
        response.once('error', failed)
        response.once('close', () => {
          if (!response.complete) failed(new Error('the answer broke off'))
        })
      })
      const limit = setTimeout(() => asking.destroy(new Error(`no answer within ${timeoutMs} ms`)), timeoutMs)
      asking.once('close', () => clearTimeout(limit))
      asking.once('error', failed)
      asking.end(body)
    })
    if (status >= 500) throw new TelegramError({ error_code: status, description: 'the server failed' })
    const answer = JSON.parse(text) as { ok?: boolean; result?: unknown }
    if (answer.ok === true) return answer.result
    throw new TelegramError(answer as ConstructorParameters<typeof TelegramError>[0])
  }
}
