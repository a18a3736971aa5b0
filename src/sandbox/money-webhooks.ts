/** Sends webhooks as companies do: at once, in the background, and (some of them) again until they are taken. */
import { Agent, request as plainRequest } from 'node:http'
import { request as secureRequest } from 'node:https'
import type { Faults } from './money-faults.ts'

export type Webhooks = {
  /** @param body JSON text, sent as it stood when the thing happened, however late that is. */
  send(url: string, body: string): void
  /** Forgets everything unsent. */
  reset(): void
}

/** The first pause before sending again; each further one is twice as long. */
const firstPauseMs = 200
const longestPauseMs = 30_000
/** YooKassa stops after 24 hours. */
const giveUpAfterMs = 24 * 3_600_000
/** A reordered webhook waits for another to overtake it, but not for ever. */
const overtakeWithinMs = 2000
/** At the same time to our server: thousands of payments in a bench must not become thousands of connections. */
const sendingMax = 32

/**
 * @param policy `redeliver` until the answer is 200 (YooKassa); otherwise once (CDEK).
 * Its timers never keep the process alive.
 */
export function createWebhooks(policy: { redeliver: boolean; timeoutMs: number; faults: Faults }): Webhooks {
  // A kept connection may be closed under the next webhook: harmless only where that one is sent again.
  const agent = new Agent({ keepAlive: policy.redeliver })
  let timers = new Set<NodeJS.Timeout>()
  let underWay = new Set<AbortController>()
  let overtakeable: (() => void) | undefined
  let waiting: (() => Promise<void>)[] = []
  let sending = 0

  function later(ms: number, action: () => void): void {
    const timer = setTimeout(() => {
      timers.delete(timer)
      action()
    }, ms)
    timer.unref()
    timers.add(timer)
  }

  function enqueue(delivery: Delivery): void {
    waiting.push(() => deliver(delivery))
    sendNext()
  }

  function sendNext(): void {
    if (sending >= sendingMax) return
    const next = waiting.shift()
    if (!next) return
    sending += 1
    void next().finally(() => {
      sending -= 1
      sendNext()
    })
  }

  async function deliver(delivery: Delivery): Promise<void> {
    const control = new AbortController()
    const timer = setTimeout(() => control.abort(), policy.timeoutMs)
    timer.unref()
    underWay.add(control)
    const isTaken = await post(delivery, agent, control.signal)
    clearTimeout(timer)
    const isForgotten = !underWay.delete(control)
    if (isTaken || isForgotten || !policy.redeliver) return
    if (Date.now() - delivery.startedAt > giveUpAfterMs) return
    const pause = Math.min(firstPauseMs * 2 ** delivery.attempt, longestPauseMs)
    later(pause, () => enqueue({ ...delivery, attempt: delivery.attempt + 1 }))
  }

  return {
    send(url, body) {
      const delivery: Delivery = { url, body, attempt: 0, startedAt: Date.now() }
      const fault = policy.faults.takeForWebhook()
      if (fault?.webhook === 'lost') return
      if (fault?.webhook === 'reordered') {
        const release = (): void => {
          if (overtakeable !== release) return
          overtakeable = undefined
          enqueue(delivery)
        }
        overtakeable?.()
        overtakeable = release
        later(overtakeWithinMs, release)
        return
      }
      const start = (): void => {
        enqueue(delivery)
        if (fault?.webhook === 'doubled') enqueue(delivery)
        // A moment later, so that the overtaking one has really arrived first.
        if (overtakeable) later(50, overtakeable)
      }
      // After the caller's own answer, as it usually is.
      if (fault && fault.delayMs > 0) later(fault.delayMs, start)
      else later(0, start)
    },
    reset() {
      const aborted = underWay
      underWay = new Set()
      for (const control of aborted) control.abort()
      for (const timer of timers) clearTimeout(timer)
      timers = new Set()
      waiting = []
      agent.destroy()
      overtakeable = undefined
    },
  }
}

type Delivery = { url: string; body: string; attempt: number; startedAt: number }

/**
 * By `node:http`, which costs a third of `fetch`; benches make thousands.
 * @returns whether it was taken: only by a 200.
 */
function post({ url, body }: Delivery, agent: Agent, signal: AbortSignal): Promise<boolean> {
  return new Promise((resolve) => {
    const refuse = (): void => resolve(false)
    try {
      const isSecure = url.startsWith('https:')
      const headers = { 'content-type': 'application/json', 'content-length': Buffer.byteLength(body) }
      const options = { method: 'POST', headers, signal, ...(!isSecure && { agent }) }
      const request = isSecure ? secureRequest(url, options) : plainRequest(url, options)
      request.on('error', refuse)
      request.on('close', refuse)
      request.on('response', (response) => {
        response.on('error', refuse)
        response.resume()
        resolve(response.statusCode === 200)
      })
      request.end(body)
    } catch {
      refuse()
    }
  })
}
