/**
 * Misbehaviour on order: the pretend payment provider and the pretend carrier fail, lag or lose answers as their real
 * counterparts do, but when a test says so.
 */
import { z } from 'zod'

/** What one fault does to one call; `match` says to which. */
export type Fault = {
  match: string
  /** Whether the call is carried out although the caller will not learn of it. */
  hasEffect: boolean
  /** What the caller gets: the true answer, this HTTP status, or a closed connection. */
  answer: 'true' | 'drop' | number
  /** Told with a 429 as it was given, in the company's own unit: milliseconds for YooKassa. */
  retryAfter: number
  delayMs: number
  webhook?: 'lost' | 'doubled' | 'reordered'
}

export type Faults = {
  /**
   * Reads a body of `POST /sim/<company>/faults`. Two spellings: by `kind`, or the Bot API one by `error_code`, `delay_ms`
   * and `drop`. `times` left out means until cleared.
   * @returns what is wrong with it, or undefined.
   */
  add(body: unknown): string | undefined
  clear(): void
  /** The fault for this call, counted as used; undefined when the call shall go well. */
  take(operation: string): Fault | undefined
  /** The same for a webhook about to be sent. `*` means calls only: a test that breaks all calls still gets its webhooks. */
  takeForWebhook(): Fault | undefined
}

const kinds = [
  '500_with_effect',
  '500_without_effect',
  '429',
  'delay',
  'drop',
  'webhook_lost',
  'webhook_doubled',
  'webhook_reordered',
] as const

const bodySchema = z.object({
  match: z.string().optional(),
  method: z.string().optional(),
  kind: z.enum(kinds).optional(),
  error_code: z.number().int().min(400).max(599).optional(),
  with_effect: z.boolean().optional(),
  drop: z.boolean().optional(),
  delay_ms: z.number().min(0).max(600_000).optional(),
  retry_after: z.number().min(0).optional(),
  times: z.number().int().min(1).optional(),
  probability: z.number().min(0).max(1).optional(),
})

/** @param operations the names that `match` may have besides `*` and `webhook`. */
export function createFaults(operations: readonly string[]): Faults {
  let planned: { fault: Fault; timesLeft: number; probability: number }[] = []

  function takeWhere(matches: (fault: Fault) => boolean): Fault | undefined {
    if (planned.length === 0) return undefined
    const found = planned.find(({ fault, probability }) => matches(fault) && Math.random() < probability)
    if (!found) return undefined
    found.timesLeft -= 1
    if (found.timesLeft <= 0) planned = planned.filter((other) => other !== found)
    return found.fault
  }

  return {
    add(body) {
      const parsed = bodySchema.safeParse(body)
      if (!parsed.success) {
        const issue = parsed.error.issues[0]
        return `${issue?.path.join('.') ?? 'body'}: ${issue?.message ?? 'malformed'}`
      }
      const match = parsed.data.match ?? parsed.data.method ?? '*'
      if (match !== '*' && match !== 'webhook' && !operations.includes(match)) {
        return `match must be one of ${[...operations, 'webhook', '*'].join(', ')}`
      }
      const fault = bodyToFault(match, parsed.data)
      if (!fault) return 'give kind, error_code, delay_ms or drop'
      planned.push({
        fault,
        timesLeft: parsed.data.times ?? Infinity,
        probability: parsed.data.probability ?? 1,
      })
      return undefined
    },
    clear() {
      planned = []
    },
    take: (operation) =>
      takeWhere(({ match, webhook }) => webhook === undefined && (match === '*' || match === operation)),
    takeForWebhook: () => takeWhere(({ match, webhook }) => webhook !== undefined || match === 'webhook'),
  }
}

function bodyToFault(match: string, body: z.infer<typeof bodySchema>): Fault | undefined {
  const plain: Fault = {
    match,
    hasEffect: true,
    answer: 'true',
    retryAfter: body.retry_after ?? 1000,
    delayMs: body.delay_ms ?? 0,
  }
  switch (body.kind) {
    case '500_with_effect':
      return { ...plain, answer: 500 }
    case '500_without_effect':
      return { ...plain, answer: 500, hasEffect: false }
    case '429':
      return { ...plain, answer: 429, hasEffect: false }
    case 'delay':
      return { ...plain, delayMs: body.delay_ms ?? 1000 }
    case 'drop':
      return match === 'webhook' ? { ...plain, webhook: 'lost' } : { ...plain, answer: 'drop' }
    case 'webhook_lost':
      return { ...plain, webhook: 'lost' }
    case 'webhook_doubled':
      return { ...plain, webhook: 'doubled' }
    case 'webhook_reordered':
      return { ...plain, webhook: 'reordered' }
    case undefined:
      break
  }
  const isLost = body.drop === true
  if (body.error_code !== undefined) {
    return { ...plain, answer: body.error_code, hasEffect: isLost || body.with_effect === true }
  }
  if (isLost) return match === 'webhook' ? { ...plain, webhook: 'lost' } : { ...plain, answer: 'drop' }
  return body.delay_ms === undefined ? undefined : plain
}
