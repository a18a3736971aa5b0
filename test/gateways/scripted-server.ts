/** A company on a loopback port that answers as the test says and remembers what it was asked. */
import { createServer, type IncomingHttpHeaders } from 'node:http'
import type { AddressInfo } from 'node:net'

export type Asked = {
  method: string
  path: string
  query: URLSearchParams
  headers: IncomingHttpHeaders
  /** Parsed where it was JSON. */
  body: unknown
}

/** `drop` closes the connection without an answer, `hang` never answers. */
export type Scripted =
  | { status?: number; json?: unknown; text?: string; headers?: Record<string, string> }
  | 'drop'
  | 'hang'

export type ScriptedServer = { url: string; asked: Asked[]; close(): Promise<void> }

export async function startScripted(answer: (asked: Asked) => Scripted | Promise<Scripted>): Promise<ScriptedServer> {
  const asked: Asked[] = []
  const server = createServer((request, response) => {
    const chunks: Buffer[] = []
    request.on('data', (chunk: Buffer) => chunks.push(chunk))
    request.on('end', () => {
      const url = new URL(request.url ?? '/', 'http://localhost')
      const text = Buffer.concat(chunks).toString('utf8')
      const isJson = request.headers['content-type'] === 'application/json'
      const now: Asked = {
        method: request.method ?? '',
        path: url.pathname,
        query: url.searchParams,
        headers: request.headers,
        body: isJson ? (JSON.parse(text) as unknown) : text,
      }
      asked.push(now)
      void Promise.resolve(answer(now)).then((scripted) => {
        if (scripted === 'hang') return
        if (scripted === 'drop') {
          request.socket.destroy()
          return
        }
        response.writeHead(scripted.status ?? 200, { 'content-type': 'application/json', ...scripted.headers })
        response.end(scripted.text ?? JSON.stringify(scripted.json))
      })
    })
  })
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve)
  })
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    asked,
    close: () =>
      new Promise((resolve) => {
        server.closeAllConnections()
        server.close(() => resolve())
      }),
  }
}
