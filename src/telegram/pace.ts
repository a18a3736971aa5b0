/**
 * Who may call the Bot API next. The rules are pure and take the time as a value; one timer drives them.
 *
 * Telegram's words: about 30 messages a second in bulk, one a second in a chat (short bursts pass), 20 a minute in a
 * group; replies are not counted as bulk; `retry_after` is the only contract.
 */
import type { Priority } from '#chat/messenger.ts'

/** Finite numbers. */
export type Pace = {
  /** For everything but replies. */
  bulkPerSecond: number
  chatPerSecond: number
  /** So many replies may follow each other in a chat at once; bulk leaves this room to them. */
  replyBurst: number
  /** For chats with negative ids. */
  groupPerMinute: number
}

export const usualPace: Pace = { bulkPerSecond: 30, chatPerSecond: 1, replyBurst: 3, groupPerMinute: 20 }

/** `chat` is undefined for what no chat's limit counts: answers to queries, edits of inline messages. */
export type Turn = {
  priority: Priority
  chat: string | undefined
  /** Asked when the turn has come, which may be seconds later: false gives it up. */
  isStillWanted?: () => Promise<boolean>
}

type Bucket = { tokens: number; at: number }
type Waiting = { turn: Turn; go: () => void }

/** Buckets of quiet chats are dropped when there are more than this many. */
const bucketsMax = 10_000
const minuteMs = 60_000

/** The queue of turns; `now` is in milliseconds of any steady clock. */
export function createQueue(limits: Pace) {
  const queues: Record<Priority, Waiting[]> = { reply: [], status: [], group: [], broadcast: [] }
  const bulk: Bucket = { tokens: 1, at: -Infinity }
  const chats = new Map<string, Bucket>()
  /** When the last messages went to each group: a minute's limit is short enough to be kept exactly. */
  const groups = new Map<string, number[]>()
  let pausedUntil = -Infinity

  return {
    /** @param isRepeat goes to the head of its priority: what was refused by a 429 keeps its place. */
    join(turn: Turn, go: () => void, isRepeat: boolean): void {
      if (isRepeat) queues[turn.priority].unshift({ turn, go })
      else queues[turn.priority].push({ turn, go })
    },

    pause(until: number): void {
      pausedUntil = Math.max(pausedUntil, until)
    },

    /** The next one whose turn it is, taken out; or how long until there may be one; undefined when nobody waits. */
    next(now: number): { go: () => void } | { waitMs: number } | undefined {
      let waitMs = Infinity
      for (const priority of ['reply', 'status', 'group', 'broadcast'] as const) {
        const queue = queues[priority]
        if (queue.length === 0) continue
        if (now < pausedUntil) return { waitMs: pausedUntil - now }
        if (priority !== 'reply') {
          // Evenly spread: thirty at once twice in a row would be sixty in somebody else's second.
          const bulkWait = waitFor(bulk, 1, 1, limits.bulkPerSecond / 1000, now)
          if (bulkWait > 0) return { waitMs: Math.min(waitMs, bulkWait) } // holds for all that follow, too
        }
        for (const [index, waiting] of queue.entries()) {
          const wait = chatWait(waiting.turn, now)
          if (wait > 0) {
            waitMs = Math.min(waitMs, wait)
            continue
          }
          queue.splice(index, 1)
          take(waiting.turn, now)
          return { go: waiting.go }
        }
      }
      return waitMs === Infinity ? undefined : { waitMs }
    },
  }

  function chatWait({ chat, priority }: Turn, now: number): number {
    if (chat === undefined) return 0
    const { chatPerSecond, replyBurst, groupPerMinute } = limits
    // Bulk needs the bucket full: between two of its messages a reply can always slip in.
    const needed = priority === 'reply' ? 1 : replyBurst
    let bucket = chats.get(chat)
    if (!bucket) {
      if (chats.size >= bucketsMax) forgetQuiet(now)
      bucket = { tokens: replyBurst, at: now }
      chats.set(chat, bucket)
    }
    const chatWait = waitFor(bucket, needed, replyBurst, chatPerSecond / 1000, now)
    if (!chat.startsWith('-')) return chatWait
    const sent = (groups.get(chat) ?? []).filter((at) => now - at < minuteMs)
    const oldest = sent.at(-groupPerMinute)
    return Math.max(chatWait, oldest === undefined ? 0 : oldest + minuteMs - now)
  }

  function take({ chat, priority }: Turn, now: number): void {
    if (priority !== 'reply') bulk.tokens -= 1
    const bucket = chat === undefined ? undefined : chats.get(chat)
    if (bucket) bucket.tokens -= 1
    if (chat?.startsWith('-')) groups.set(chat, [...(groups.get(chat) ?? []), now].slice(-limits.groupPerMinute))
  }

  function forgetQuiet(now: number): void {
    for (const [chat, bucket] of chats) if (now - bucket.at > minuteMs) chats.delete(chat)
    for (const [chat, sent] of groups) if (now - (sent.at(-1) ?? 0) > minuteMs) groups.delete(chat)
  }
}

/** Fills the bucket up to now and says how many milliseconds until it holds what is needed. */
function waitFor(bucket: Bucket, needed: number, size: number, perMs: number, now: number): number {
  bucket.tokens = bucket.at === -Infinity ? size : Math.min(size, bucket.tokens + (now - bucket.at) * perMs)
  bucket.at = now
  const missing = needed - bucket.tokens
  return missing <= 1e-6 ? 0 : Math.max(1, Math.ceil(missing / perMs - 1e-6))
}

export type Gate = {
  /** Resolves when it is this one's turn. */
  enter(turn: Turn, isRepeat: boolean): Promise<void>
  /** Nobody enters for so long. */
  pause(ms: number): void
}

/** The queue above with the clock of this process and one timer. */
export function createGate(limits: Pace): Gate {
  const queue = createQueue(limits)
  let timer: NodeJS.Timeout | undefined

  return {
    async enter(turn, isRepeat) {
      await new Promise<void>((go) => {
        queue.join(turn, go, isRepeat)
        advance()
      })
    },
    pause(ms) {
      queue.pause(performance.now() + ms)
    },
  }

  function advance(): void {
    clearTimeout(timer)
    timer = undefined
    for (;;) {
      const next = queue.next(performance.now())
      if (!next) return
      if ('waitMs' in next) {
        timer = setTimeout(advance, next.waitMs)
        return
      }
      next.go()
    }
  }
}
