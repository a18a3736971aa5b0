/** How a tap that came by webhook is answered: within the answer to the webhook, or by a call of its own. */
import type { Opts } from 'telegraf/types'
import { readUpdateId } from './update.ts'

export type TapPayload = Opts<'answerCallbackQuery'>

/**
 * A call that Telegram makes when it finds it in the answer to its webhook; what came of it is told to nobody.
 * https://core.telegram.org/bots/api#making-requests-when-getting-updates
 */
export type ReturnedCall = {
  body: { method: 'answerCallbackQuery' } & TapPayload
  /** The answer could not be written after all: makes the call the ordinary way. */
  lost(): void
}

/** The answer to the tap of one delivery of an update. */
export type Held = {
  /** Keeps it until handling ends; it goes by a call of its own when that takes long. Once per delivery. */
  hold(payload: TapPayload): void
  /** By a call at once. */
  callNow(payload: TapPayload): Promise<void>
  /** Handling has ended. @returns what is still held, which is the caller's to deliver. */
  end(): ReturnedCall | undefined
  /** Handling failed and the update comes again: that delivery will answer. */
  drop(): void
}

export type TapAnswers = {
  /** For one delivery; the same update delivered twice is two. */
  open(update: object): Held
  /** Undefined for what did not come by webhook. */
  of(update: object): Held | undefined
}

/**
 * How long an answer may wait for the rest of its update, which is usually one edit and takes Telegram 50-200 ms. A toast
 * that comes half a second late is still seen as the button's own.
 */
export const usualHoldMs = 500

/** More than are delivered twice within the 15 s in which a tap can be answered. */
const answeredMax = 1000

/** @param options.call never rejects; false when the tap stays unanswered. */
export function createTapAnswers(options: { call(payload: TapPayload): Promise<boolean>; holdMs: number }): TapAnswers {
  const helds = new WeakMap<object, Held>()
  /** Updates whose taps were answered by a call. What went into an answer that Telegram then missed is not here. */
  const answered = new Set<number>()

  async function call(updateId: number, payload: TapPayload): Promise<void> {
    answered.add(updateId)
    for (const oldest of answered) {
      if (answered.size <= answeredMax) break
      answered.delete(oldest)
    }
    if (!(await options.call(payload))) answered.delete(updateId)
  }

  return {
    open(update) {
      const held = createHeld(readUpdateId(update) ?? 0)
      helds.set(update, held)
      return held
    },
    of: (update) => helds.get(update),
  }

  function createHeld(updateId: number): Held {
    let kept: TapPayload | undefined
    let timer: NodeJS.Timeout | undefined
    const take = () => {
      clearTimeout(timer)
      const payload = kept
      kept = undefined
      return payload
    }
    const callWith = (payload: TapPayload | undefined) => {
      if (payload) void call(updateId, payload)
    }
    return {
      hold(payload) {
        if (answered.has(updateId)) return // Telegram delivers again what we answered slowly
        kept = payload
        timer = setTimeout(() => callWith(take()), options.holdMs)
      },
      callNow: async (payload) => call(updateId, payload),
      end() {
        const payload = take()
        return payload && { body: { method: 'answerCallbackQuery', ...payload }, lost: () => callWith(payload) }
      },
      drop() {
        take()
      },
    }
  }
}
