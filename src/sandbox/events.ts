/** Server-sent events of everything that happens in the sandbox, for its page. */
import type { FastifyInstance } from 'fastify'

export type Events = {
  /** `data` may be a function, so that nothing is built or serialised while nobody listens. */
  publish: (kind: string, data: unknown) => void
  close: () => void
}

/** A listener that does not read is dropped here (bytes waiting for it); a browser reconnects by itself. */
const maxBehind = 16 * 1024 * 1024

type Listener = { write(text: string): void; end(): void }

export function addEvents(app: FastifyInstance, hello: () => unknown): Events {
  const listeners = new Set<Listener>()
  const beat = setInterval(() => {
    for (const listener of listeners) listener.write(': still here\n\n')
  }, 20_000)
  beat.unref()

  app.get('/sim/events', (_request, reply) => {
    reply.hijack()
    const raw = reply.raw
    const listener: Listener = {
      write(text) {
        if (raw.writableLength > maxBehind) raw.destroy()
        else raw.write(text)
      },
      end: () => raw.end(),
    }
    const forget = () => listeners.delete(listener)
    raw.on('close', forget)
    raw.on('error', forget)
    raw.writeHead(200, {
      'content-type': 'text/event-stream; charset=utf-8',
      'cache-control': 'no-store',
      connection: 'keep-alive',
    })
    listener.write(format('hello', hello()))
    listeners.add(listener)
  })

  return {
    publish(kind, data) {
      if (listeners.size === 0) return
      const text = format(kind, typeof data === 'function' ? (data as () => unknown)() : data)
      for (const listener of listeners) listener.write(text)
    },
    close() {
      clearInterval(beat)
      for (const listener of listeners) listener.end()
      listeners.clear()
    },
  }
}

const format = (kind: string, data: unknown): string => `event: ${kind}\ndata: ${JSON.stringify(data) ?? 'null'}\n\n`
