/** Reads calls of YooKassa's API: who calls, what for, with which key, and how lists are filtered. */
import type { FastifyRequest } from 'fastify'
import type { Payment } from './money-objects.ts'
import { YookassaError } from './money-requests.ts'

export const operations = ['create', 'capture', 'cancel', 'refund', 'get', 'list', 'receipt', 'me'] as const
type Operation = (typeof operations)[number]

export type Call = {
  operation: Operation
  shopId: string
  path: string[]
  /** Present on POST. */
  key: string | undefined
  text: string
  body: unknown
  query: URLSearchParams
}

/** @throws YookassaError for everything that is refused before looking at the body. */
export function requestToCall(request: FastifyRequest): Call {
  const shopId = authorize(request.headers.authorization)
  const [pathname = '', search = ''] = request.url.split('?', 2)
  const path = pathname.split('/').slice(3)
  const method = request.method
  const operation = findOperation(method, path)
  const key = request.headers['idempotence-key']
  if (method === 'POST' && (typeof key !== 'string' || key === '')) {
    throw new YookassaError(400, 'invalid_request', 'Idempotence key is missing', 'Idempotence-Key')
  }
  if (method === 'POST' && String(key).length > 64) {
    throw new YookassaError(400, 'invalid_request', 'Idempotence key is longer than 64 characters', 'Idempotence-Key')
  }
  return {
    operation,
    shopId,
    path,
    key: method === 'POST' ? String(key) : undefined,
    text: typeof request.body === 'string' ? request.body.trim() : '',
    body: undefined,
    query: new URLSearchParams(search),
  }
}

function authorize(header: string | undefined): string {
  const [scheme = '', secret = ''] = (header ?? '').split(' ')
  if (scheme.toLowerCase() === 'basic') {
    const [, shopId, password] = /^([^:]+):(.+)$/s.exec(Buffer.from(secret, 'base64').toString()) ?? []
    if (shopId !== undefined && password !== undefined) return shopId
  }
  // Partners use an OAuth token instead of a shop's secret.
  if (scheme.toLowerCase() === 'bearer' && secret !== '') return '100500'
  throw new YookassaError(
    401,
    'invalid_credentials',
    'Authentication by given credentials failed. Check your shop ID and secret key.',
    'Authorization',
  )
}

function findOperation(method: string, path: string[]): Operation {
  const [collection = '', id, action, ...rest] = path
  const notFound = new YookassaError(404, 'not_found', 'Requested resource was not found')
  if (rest.length > 0 || id === '') throw notFound
  const allowed: Partial<Record<string, Operation>> = {}
  if (collection === 'payments' && id !== undefined && action !== undefined) {
    if (action !== 'capture' && action !== 'cancel') throw notFound
    allowed['POST'] = action
  } else if (action !== undefined) {
    throw notFound
  } else if (collection === 'payments' || collection === 'refunds' || collection === 'receipts') {
    const creates = { payments: 'create', refunds: 'refund', receipts: 'receipt' } as const
    if (id === undefined) allowed['POST'] = creates[collection]
    allowed['GET'] = id === undefined ? 'list' : 'get'
  } else if (collection === 'me' && id === undefined) {
    allowed['GET'] = 'me'
  } else if (collection === 'webhooks') {
    throw new YookassaError(403, 'forbidden', 'Webhooks of this shop are set in its account')
  } else {
    throw notFound
  }
  const operation = allowed[method]
  if (!operation) throw new YookassaError(405, 'method_not_allowed', `Method ${method} is not allowed here`)
  return operation
}

const timeFilters = ['created_at', 'captured_at'] as const
const plainFilters = ['status', 'payment_id', 'refund_id'] as const

/** Newest first. The cursor is the id of the first object of the next part. */
export function list(ids: readonly string[], find: (id: string) => object | undefined, query: URLSearchParams): object {
  const limit = Number(query.get('limit') ?? 10)
  if (!Number.isInteger(limit) || limit < 1 || limit > 100) {
    throw new YookassaError(400, 'invalid_request', 'limit must be from 1 to 100', 'limit')
  }
  const cursor = query.get('cursor')
  const start = cursor === null ? ids.length - 1 : ids.lastIndexOf(cursor)
  if (cursor !== null && start < 0) throw new YookassaError(400, 'invalid_request', 'Unknown cursor', 'cursor')
  const isWanted = queryToFilter(query)
  const items: object[] = []
  for (let i = start; i >= 0; i -= 1) {
    const id = ids[i]
    const object = id === undefined ? undefined : find(id)
    if (!object) continue
    const verdict = isWanted(object as Record<string, unknown>)
    if (verdict === 'no more') break
    if (verdict === 'no') continue
    if (items.length === limit) return { type: 'list', items, next_cursor: id }
    items.push(object)
  }
  return { type: 'list', items }
}

function queryToFilter(query: URLSearchParams): (object: Record<string, unknown>) => 'yes' | 'no' | 'no more' {
  const bounds: { field: string; isWithin: (time: number) => boolean; endsList: boolean }[] = []
  for (const field of timeFilters) {
    for (const bound of ['gte', 'gt', 'lte', 'lt'] as const) {
      const text = query.get(`${field}.${bound}`)
      if (text === null) continue
      // A "+03:00" that was not percent-encoded arrives as a space.
      const limit = Date.parse(text.replace(' ', '+'))
      if (Number.isNaN(limit)) {
        throw new YookassaError(400, 'invalid_request', 'must be an ISO 8601 time', `${field}.${bound}`)
      }
      bounds.push({
        field,
        endsList: field === 'created_at' && (bound === 'gte' || bound === 'gt'),
        isWithin: (time) =>
          bound === 'gte'
            ? time >= limit
            : bound === 'gt'
              ? time > limit
              : bound === 'lte'
                ? time <= limit
                : time < limit,
      })
    }
  }
  const status = query.get('status')
  if (status !== null && !['pending', 'waiting_for_capture', 'succeeded', 'canceled'].includes(status)) {
    throw new YookassaError(400, 'invalid_request', 'Unknown status', 'status')
  }
  const method = query.get('payment_method')
  return (object) => {
    for (const { field, isWithin, endsList } of bounds) {
      const time = object[field]
      if (typeof time === 'string' && isWithin(Date.parse(time))) continue
      return endsList ? 'no more' : 'no'
    }
    for (const field of plainFilters) {
      const wanted = query.get(field)
      if (wanted !== null && object[field] !== wanted) return 'no'
    }
    if (method !== null && (object as Partial<Payment>).payment_method?.type !== method) return 'no'
    return 'yes'
  }
}

/** The same for two bodies that differ only in the order of keys or in spaces. */
export function canonicalJson(value: unknown): string {
  return JSON.stringify(value, (_key, part: unknown) =>
    typeof part === 'object' && part !== null && !Array.isArray(part)
      ? Object.fromEntries(Object.entries(part).sort(([a], [b]) => (a < b ? -1 : 1)))
      : part,
  )
}

/** @throws YookassaError 400. */
export function parseJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    throw new YookassaError(400, 'invalid_request', 'Request body is not JSON')
  }
}
