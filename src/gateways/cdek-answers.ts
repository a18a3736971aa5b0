/** What CDEK answers: the shapes, checked, and which of them are a refusal. */
import { z } from 'zod'
import { decimalToAmount, type Money } from '#domain/money.ts'
import type { CarrierResult, CarrierShipment } from './carriers.ts'
import { cdekState } from './cdek-states.ts'
import { withoutNumbers } from './json-call.ts'

export const unauthorized = {
  ok: false,
  kind: 'refused',
  code: 'unauthorized',
  detail: 'CDEK does not know these credentials',
} as const

export function unknown(detail: string): { ok: false; kind: 'unknown'; detail: string } {
  return { ok: false, kind: 'unknown', detail }
}

/** "The number of the shipment is not unique": https://api-docs.cdek.ru/77695227.html */
export const numberTaken = 'error_validate_im_dep_number_has_already_had_integration'

export function isNumberTaken({ code }: { code: string }): boolean {
  return code === numberTaken
}

/** CDEK's own trouble, whatever the HTTP status: the second one means that a twin of the call is still being worked on. */
const passingErrors = new Set(['v2_internal_error', 'v2_similar_request_still_processed'])

/** An order that is not there comes with status 400 as often as with 404: the code decides. */
export function isNotFound(code: string): boolean {
  return code.startsWith('v2_entity_not_found') || code.startsWith('v2_order_not_found')
}

/** Only CDEK's own error codes make a refusal; a status without them is somebody else's page. */
export function readAnswer<T>(status: number, body: unknown, schema: z.ZodType<T>): CarrierResult<T> {
  if (status === 200 || status === 202) {
    const parsed = schema.safeParse(body)
    if (parsed.success) return { ok: true, value: parsed.data }
    // Places and never values: those may be a person's.
    const places = parsed.error.issues.map((issue) => `${issue.path.join('.') || 'itself'} ${issue.code}`)
    return unknown(`unexpected answer: ${places.join(', ')}`.slice(0, 300))
  }
  if (status === 401) return unauthorized
  const errors = errorsSchema.safeParse(body).data ?? []
  const isRefusal = status >= 400 && status < 500 && status !== 408 && status !== 429
  return (isRefusal ? refusal(errors) : undefined) ?? unknown(`HTTP ${status}${errors[0] ? `, ${errors[0].code}` : ''}`)
}

/** @returns undefined when nothing was refused for good: no errors, or CDEK's own passing trouble. */
export function refusal(errors: CdekError[]): { ok: false; kind: 'refused'; code: string; detail: string } | undefined {
  const first = errors[0]
  if (!first || errors.some(({ code }) => passingErrors.has(code))) return undefined
  const code = errors.some(isNumberTaken) ? numberTaken : first.code
  return { ok: false, kind: 'refused', code, detail: errorWords(errors) }
}

function errorWords(errors: CdekError[]): string {
  return withoutNumbers(errors.map(({ code, message }) => message || code).join('; '))
}

/** What validation said about the order itself; later changes of it have requests of their own. */
function creationOf(order: CdekOrder): { state: string; errors: CdekError[] } | undefined {
  const creation = order.requests?.find(({ type }) => type === 'CREATE' || type === undefined)
  return creation && { state: creation.state, errors: creation.errors ?? [] }
}

/** @returns the errors of an order that validation threw out; undefined while it stands or is still being checked. */
export function invalidity(order: CdekOrder): CdekError[] | undefined {
  const creation = creationOf(order)
  const isInvalid =
    creation?.state === 'INVALID' || order.entity?.statuses?.some(({ code }) => code === 'INVALID') === true
  if (!isInvalid) return undefined
  return creation?.errors.length ? creation.errors : [{ code: 'INVALID', message: 'INVALID' }]
}

export function readOrder(order: CdekOrder): CarrierResult<CarrierShipment> {
  const { entity } = order
  if (!entity) return unknown('unexpected answer: no order in it')
  const events = oldestFirst(entity.statuses ?? []).map(({ code, name, city, date_time }) => ({
    code,
    text: name ?? code,
    place: city ?? '',
    happenedAt: new Date(date_time),
    state: cdekState(code, entity.is_return === true),
  }))
  const errors = invalidity(order)
  const isAccepted =
    creationOf(order)?.state === 'SUCCESSFUL' ||
    Boolean(entity.cdek_number) ||
    events.some(({ state }) => state !== null)
  return {
    ok: true,
    value: {
      externalId: entity.uuid,
      ...(entity.cdek_number ? { number: entity.cdek_number } : {}),
      acceptance: errors ? 'refused' : isAccepted ? 'accepted' : 'checking',
      ...(errors ? { refusal: errorWords(errors) } : {}),
      events,
    },
  }
}

/** CDEK lists the newest first, and its times are whole seconds: within one second the list's own order is all there is. */
function oldestFirst<T extends { date_time: string }>(statuses: T[]): T[] {
  const time = ({ date_time }: T): number => Date.parse(date_time)
  const [first] = statuses
  const last = statuses.at(-1)
  const isNewestFirst = first !== undefined && last !== undefined && time(first) >= time(last)
  return (isNewestFirst ? statuses.toReversed() : [...statuses]).sort((a, b) => time(a) - time(b))
}

const errorSchema = z.object({
  code: z.string(),
  message: z
    .string()
    .nullish()
    .transform((text) => text ?? ''),
})

type CdekError = z.infer<typeof errorSchema>

/** Errors stand beside the answer (calculator) or inside its requests (orders). */
const errorsSchema = z
  .object({
    errors: z.array(errorSchema).nullish(),
    requests: z.array(z.object({ errors: z.array(errorSchema).nullish() })).nullish(),
  })
  .transform(({ errors, requests }) => [
    ...(errors ?? []),
    ...(requests ?? []).flatMap((request) => request.errors ?? []),
  ])

export const tokenSchema = z.object({ access_token: z.string().min(1), expires_in: z.number().positive() })

export const suggestionSchema = z.object({
  code: z.number().int(),
  full_name: z.string().min(1),
  country_code: z.string(),
})

export const placeSchema = (() => {
  const place = z.object({
    code: z.number().int(),
    city: z.string().min(1),
    region: z.string().nullish(),
    latitude: z.number().nullish(),
    longitude: z.number().nullish(),
  })
  // An empty object: nothing there.
  return z.union([place, z.array(place), z.strictObject({}).transform(() => [])])
})()

export const zoneSchema = z.object({ code: z.number().int(), time_zone: z.string().nullish() })

export const pointSchema = z.object({
  code: z.string().min(1),
  type: z.string(),
  is_handout: z.boolean().nullish(),
  work_time: z.string().nullish(),
  location: z.object({ address: z.string(), latitude: z.number(), longitude: z.number() }),
})

/**
 * CDEK sends sums as JSON numbers, some with the noise of binary sums (`312.40000000000003`). Two digits of the double's
 * exact value are what was meant, and no arithmetic is done on it.
 */
const rubles = z
  .number()
  .nonnegative()
  .max(1e9)
  .transform((sum, context): Money => {
    const amount = decimalToAmount(sum.toFixed(2), 'RUB')
    if (amount !== undefined) return { amount, currency: 'RUB' }
    context.addIssue({ code: 'custom', message: 'no decimal' })
    return z.NEVER
  })

const tariffSchema = z.object({
  tariff_code: z.number().int(),
  tariff_name: z.string(),
  delivery_mode: z.coerce.number().int(),
  delivery_sum: rubles,
  period_min: z.number().int(),
  period_max: z.number().int(),
})

export const tariffsSchema = z.object({
  tariff_codes: z.array(tariffSchema).nullish(),
  errors: z.array(errorSchema).nullish(),
})

const idSchema = z.string().regex(/^[\w-]{1,64}$/)

/** `2020-02-10T11:10:34+0700`: an offset without its colon is not ISO 8601 as JavaScript promises to read it. */
const timeSchema = z
  .string()
  .transform((time) => time.replace(/([+-]\d\d)(\d\d)$/, '$1:$2'))
  .pipe(z.iso.datetime({ offset: true }))

export const orderSchema = z.object({
  entity: z
    .object({
      uuid: idSchema,
      number: z.string().nullish(),
      cdek_number: z.coerce.string().optional(),
      is_return: z.boolean().nullish(),
      statuses: z
        .array(
          z.object({ code: z.string(), name: z.string().nullish(), city: z.string().nullish(), date_time: timeSchema }),
        )
        .nullish(),
    })
    .nullish(),
  requests: z
    .array(z.object({ type: z.string().optional(), state: z.string(), errors: z.array(errorSchema).nullish() }))
    .nullish(),
})

export type CdekOrder = z.infer<typeof orderSchema>

export const hintSchema = z.object({ type: z.literal('ORDER_STATUS'), uuid: idSchema })
