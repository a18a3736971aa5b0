/** What people send as a file: found by getFile, fetched from beside the Bot API. Nothing here tells the address: it has the token in it. */
import { Readable } from 'node:stream'
import type { ReadableStream } from 'node:stream/web'
import type { DownloadResult } from '#chat/messenger.ts'
import { atOnce, type Api } from './api.ts'

/** Bots are given no larger ones (core.telegram.org/bots/api#getfile). */
export const downloadMaxBytes = 20 * 1024 * 1024

/** For all of a file: the largest at a slow 100 kB a second. */
const downloadTimeoutMs = 200_000

export function createDownload({ api, root, token }: { api: Api; root: string; token: string }) {
  return async (fileId: string): Promise<DownloadResult> => {
    const found = await api.call('getFile', { file_id: fileId }, atOnce, 'harmless')
    if (!found.ok) {
      const { kind, detail } = found.failure
      if (/too big/i.test(detail)) return { ok: false, reason: 'too-large' }
      return { ok: false, reason: kind === 'unknown' || kind === 'unsent' ? 'unreachable' : 'gone' }
    }
    const { file_path: path, file_size: size = 0 } = found.value
    const steps = path?.split('/') ?? ['']
    // Of this bot, below its root: neither up from there nor to another server.
    if (steps.some((step) => ['', '.', '..'].includes(step))) return { ok: false, reason: 'gone' }
    if (size > downloadMaxBytes) return { ok: false, reason: 'too-large' }
    const url = new URL(`./file/bot${token}/${steps.map(encodeURIComponent).join('/')}`, root)
    const response = await fetch(url, { redirect: 'error', signal: AbortSignal.timeout(downloadTimeoutMs) }).catch(
      () => undefined,
    )
    if (!response?.body || !response.ok) {
      await response?.body?.cancel().catch(() => undefined)
      return { ok: false, reason: response && response.status < 500 ? 'gone' : 'unreachable' }
    }
    return { ok: true, content: Readable.from(bytesOf(response.body), { objectMode: false }) }
  }
}

async function* bytesOf(body: ReadableStream<Uint8Array>): AsyncGenerator<Uint8Array> {
  let size = 0
  try {
    for await (const chunk of body) {
      size += chunk.length
      if (size > downloadMaxBytes) break
      yield chunk
    }
  } catch {
    throw new Error('the download broke off')
  }
  if (size > downloadMaxBytes) throw new Error('the file is larger than was said')
}
