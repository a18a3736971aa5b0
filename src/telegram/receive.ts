/** Updates in: per person in order, across people in parallel and bounded, each once. */
import type { Incoming } from './update.ts'
import { readUpdate, readUpdateId } from './update.ts'

export type Receiver = {
  /**
   * Resolves when the update is handled, also for one that means nothing to us. The same update arriving again while it
   * is under way waits for the first. @throws what `handle` throws.
   */
  take(update: unknown): Promise<void>
  /** From now on `take` rejects; resolves when all that was taken is handled. */
  close(): Promise<void>
}

export function createReceiver(options: {
  /** At most so many are handled at once. */
  concurrency: number
  bot: { id: number; username: string }
  handle(update: object, incoming: Incoming): Promise<void>
}): Receiver {
  const underWay = new Map<number, Promise<void>>()
  const lastOfPerson = new Map<string, Promise<void>>()
  const waiting: (() => void)[] = []
  let free = options.concurrency
  let isClosed = false

  return {
    async take(update) {
      const updateId = readUpdateId(update)
      const incoming = readUpdate(update, options.bot)
      if (updateId === undefined || !incoming || typeof update !== 'object' || update === null) return
      const same = underWay.get(updateId)
      if (same) return same
      if (isClosed) throw new Error('no more updates are taken')
      const handle = async () => options.handle(update, incoming)
      // Telegram waits ten seconds for this answer, whatever else they and others are doing.
      const work = incoming.kind === 'invoice-asked' ? handle() : inOrder(incoming.sender.externalId, handle)
      underWay.set(updateId, work)
      try {
        await work
      } finally {
        underWay.delete(updateId)
      }
    },
    async close() {
      isClosed = true
      while (underWay.size > 0) await Promise.allSettled(underWay.values())
    },
  }

  /** Telegram keeps messages and taps of one person in two queues, so their order is ours to keep. */
  async function inOrder(person: string, handle: () => Promise<void>): Promise<void> {
    const before = lastOfPerson.get(person)
    const work = (async () => {
      await before?.catch(() => undefined)
      await withinBounds(handle)
    })()
    lastOfPerson.set(person, work)
    try {
      await work
    } finally {
      if (lastOfPerson.get(person) === work) lastOfPerson.delete(person)
    }
  }

  async function withinBounds(handle: () => Promise<void>): Promise<void> {
    if (free > 0) free -= 1
    else await new Promise<void>((go) => waiting.push(go))
    try {
      await handle()
    } finally {
      const next = waiting.shift()
      if (next) next()
      else free += 1
    }
  }
}
