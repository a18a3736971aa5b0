/**
 * The pretend carrier: CDEK's API v2 under `/cdek/v2/`. Any account and password are taken; tokens work for an hour and
 * outlive a reset. Orders are accepted at once and checked 300 ms later. Webhooks are sent once.
 *
 * Beyond the contract: `POST /sim/cdek/faults` (`match`: token, cities, points, calculate, create, get, delete, webhooks
 * or `*`; kinds as for the payment provider) and its DELETE; `GET /sim/shipments`.
 */
import { randomUUID } from 'node:crypto'
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { createFaults } from './money-faults.ts'
import { createWebhooks } from './money-webhooks.ts'
import { addParcelCarrier } from './parcels.ts'
import {
  asRecord,
  type CdekError,
  cdekTime,
  createOrderBook,
  type Order,
  orderToJson,
  orderToView,
  orderToWebhook,
} from './parcels-orders.ts'
import { type Answer, calculate, findCities, findPoints } from './parcels-lookups.ts'

const operations = ['token', 'cities', 'points', 'calculate', 'create', 'get', 'delete', 'webhooks'] as const
type Operation = (typeof operations)[number]

const tokenSeconds = 3599
const tickMs = 100
const uuidFormat = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i

/**
 * Adds the pretend CDEK to the sandbox's server.
 * @param options.webhookUrl subscribed to ORDER_STATUS from the start, and again after a reset.
 * @param options.paceSeconds every parcel takes one step each so many seconds; none by itself when left out.
 * @param options.publish told of every change of a parcel, as `shipment`.
 * @param options.now the carrier's clock in milliseconds.
 */
export function addCdek(
  app: FastifyInstance,
  options: { webhookUrl?: string; paceSeconds?: number; publish(kind: string, data: unknown): void; now(): number },
): { reset(): void; close(): void } {
  const faults = createFaults(operations)
  const webhooks = createWebhooks({ redeliver: false, timeoutMs: 15_000, faults })
  let subscriptions: { uuid: string; type: string; url: string }[] = []
  const orders = createOrderBook({
    now: () => options.now(),
    statusSet(order) {
      options.publish('shipment', orderToView(order))
      // What was never accepted has no number and is not told of.
      if (order.cdekNumber === undefined) return
      const body = JSON.stringify(orderToWebhook(order))
      for (const { type, url } of subscriptions) if (type === 'ORDER_STATUS') webhooks.send(url, body)
    },
  })
  subscribeFromStart()

  const paceMs = (options.paceSeconds ?? 0) * 1000
  const timer = setInterval(() => {
    orders.checkDue()
    if (paceMs > 0) orders.step(paceMs)
  }, tickMs)
  timer.unref()

  app.register(async (scope) => {
    // One parser for everything, so that a malformed body is answered in CDEK's words.
    scope.removeAllContentTypeParsers()
    scope.addContentTypeParser('*', { parseAs: 'string' }, (_request, body, done) => done(null, body))
    scope.setErrorHandler((error: { statusCode?: number; message: string }, request, reply) => {
      const status = error.statusCode ?? 500
      if (!request.url.startsWith('/cdek/')) return reply.code(status).send({ error: error.message })
      return send(reply, { status, body: { errors: [{ code: 'v2_bad_request', message: error.message }] } })
    })
    scope.all('/cdek/v2/*', (request, reply) => answerCall(request, reply))
    scope.post('/sim/cdek/faults', (request, reply) => {
      const problem = faults.add(parseJson(textOf(request)))
      return problem === undefined ? { ok: true } : reply.code(400).send({ error: problem })
    })
    scope.delete('/sim/cdek/faults', () => {
      faults.clear()
      return { ok: true }
    })
  })

  addParcelCarrier(
    app,
    {
      all: () => Array.from(orders.all(), orderToView),
      move(number, { status, at, place }) {
        orders.checkDue()
        const order = orders.byCdekNumber(number) ?? orders.byUuid(number) ?? orders.byAnyNumber(number)
        if (!order) return undefined
        if (orders.move(order, status, at, place)) return orderToView(order)
        return { status: 409, error: `the carrier refused this order: ${order.errors[0]?.message ?? ''}` }
      },
    },
    false,
  )

  async function answerCall(request: FastifyRequest, reply: FastifyReply): Promise<FastifyReply> {
    orders.checkDue()
    const call = requestToCall(request)
    if ('status' in call) return send(reply, call)
    const fault = faults.take(call.operation)
    if (!fault) return send(reply, act(call))
    const answer = fault.hasEffect ? act(call) : undefined
    if (fault.delayMs > 0) {
      await new Promise((resolve) => {
        setTimeout(resolve, fault.delayMs).unref()
      })
    }
    if (fault.answer === 'drop') {
      reply.hijack()
      request.raw.socket.destroy()
      return reply
    }
    if (fault.answer === 'true' && answer) return send(reply, answer)
    const status = typeof fault.answer === 'number' ? fault.answer : 500
    const code = status === 429 ? 'v2_too_many_requests' : status >= 500 ? 'v2_internal_error' : 'v2_bad_request'
    return send(reply, { status, body: { errors: [{ code, message: 'As asked for by a fault' }] } })
  }

  /** Who calls and what for; or the refusal. */
  function requestToCall(request: FastifyRequest): Call | Answer {
    const [pathname = '', search = ''] = request.url.split('?', 2)
    const path = pathname.split('/').slice(3)
    const text = textOf(request)
    const query = new URLSearchParams(search)
    const operation = findOperation(request.method, path)
    if (operation === 'token') return { operation, method: request.method, path, text, query, account: '' }
    const account = tokenToAccount(request.headers.authorization, options.now())
    if (account === undefined) return unauthorized(options.now())
    if (!operation) return { status: 404, body: { errors: [{ code: 'v2_not_found', message: 'No such resource' }] } }
    return { operation, method: request.method, path, text, query, account }
  }

  function act(call: Call): Answer {
    switch (call.operation) {
      case 'token':
        return giveToken(call, options.now())
      case 'cities':
        return { status: 200, body: findCities(call.path[1], call.query) }
      case 'points':
        return findPoints(call.query)
      case 'calculate':
        return calculate(call.path[1], parseJson(call.text), options.now())
      case 'create':
        return createOrder(call)
      case 'get':
        return getOrder(call)
      case 'delete':
        return deleteOrder(call)
      case 'webhooks':
        break
    }
    return changeWebhooks(call)
  }

  function createOrder({ text, account }: Call): Answer {
    const request = parseJson(text)
    const now = options.now()
    if (typeof request !== 'object' || request === null || Array.isArray(request) || !isShallow(request)) {
      return invalid('CREATE', now, { code: 'v2_bad_request', message: 'Request body is not a JSON object' })
    }
    const { uuid } = orders.create(account, request as Record<string, unknown>)
    return accepted(uuid, 'CREATE', now)
  }

  function getOrder({ path, query, account }: Call): Answer {
    const now = options.now()
    const uuid = path[1]
    const imNumber = query.get('im_number')
    const cdekNumber = query.get('cdek_number')
    let order: Order | undefined
    let error: CdekError
    if (uuid !== undefined) {
      if (!uuidFormat.test(uuid)) {
        return invalid('GET', now, {
          code: 'v2_invalid_format',
          message: `Invalid value [${uuid}] in [uuid] parameter`,
        })
      }
      order = orders.byUuid(uuid.toLowerCase())
      error = { code: 'v2_entity_not_found', message: `Entity is not found by uuid ${uuid}` }
    } else if (imNumber !== null) {
      order = orders.byNumber(account, imNumber)
      error = { code: 'v2_entity_not_found_im_number', message: `Entity is not found by im_number ${imNumber}` }
    } else if (cdekNumber !== null) {
      order = orders.byCdekNumber(cdekNumber)
      error = { code: 'v2_entity_not_found_cdek_number', message: `Entity is not found by cdek_number ${cdekNumber}` }
    } else {
      error = { code: 'v2_parameters_empty', message: 'Give im_number or cdek_number' }
    }
    return order ? { status: 200, body: orderToJson(order) } : invalid('GET', now, error)
  }

  function deleteOrder({ path }: Call): Answer {
    const now = options.now()
    const uuid = path[1] ?? ''
    const order = orders.byUuid(uuid.toLowerCase())
    if (!order) {
      return invalid('DELETE', now, { code: 'v2_entity_not_found', message: `Entity is not found by uuid ${uuid}` })
    }
    const error = orders.remove(order)
    return error ? invalid('DELETE', now, error) : accepted(order.uuid, 'DELETE', now)
  }

  function changeWebhooks({ method, path, text }: Call): Answer {
    const now = options.now()
    const uuid = path[1]
    if (method === 'POST') {
      const { url, type } = asRecord(parseJson(text))
      if (typeof url !== 'string' || !URL.canParse(url) || typeof type !== 'string' || type === '') {
        return invalid('CREATE', now, { code: 'v2_invalid_format', message: 'url and type are needed' })
      }
      const known = subscriptions.find((other) => other.type === type && other.url === url)
      const subscription = known ?? { uuid: randomUUID(), type, url }
      if (!known) subscriptions.push(subscription)
      return {
        status: 200,
        body: { entity: { uuid: subscription.uuid }, requests: [requestState('CREATE', now, 'SUCCESSFUL')] },
      }
    }
    if (uuid === undefined) return { status: 200, body: subscriptions }
    const found = subscriptions.find((subscription) => subscription.uuid === uuid)
    if (!found) {
      return invalid('GET', now, { code: 'v2_entity_not_found', message: `Entity is not found by uuid ${uuid}` })
    }
    if (method === 'DELETE') subscriptions = subscriptions.filter((other) => other !== found)
    const requests = [requestState(method === 'DELETE' ? 'DELETE' : 'GET', now, 'SUCCESSFUL')]
    return { status: 200, body: { entity: found, requests } }
  }

  function subscribeFromStart(): void {
    const url = options.webhookUrl
    subscriptions = url === undefined ? [] : [{ uuid: randomUUID(), type: 'ORDER_STATUS', url }]
  }

  return {
    reset() {
      orders.reset()
      faults.clear()
      webhooks.reset()
      subscribeFromStart()
    },
    close() {
      clearInterval(timer)
      webhooks.reset()
    },
  }
}

type Call = {
  operation: Operation
  method: string
  path: string[]
  text: string
  query: URLSearchParams
  account: string
}

function findOperation(method: string, path: string[]): Operation | undefined {
  const key = `${method} ${path[0] ?? ''}/${path[1] ?? ''}`
  if (path[0] === 'oauth' && path[1] === 'token' && method === 'POST') return 'token'
  if (path.length > 3) return undefined
  if (/^GET location\/(cities|suggest|coordinates)$/.test(key)) return 'cities'
  if (key === 'GET deliverypoints/') return 'points'
  if (/^POST calculator\/(tariff|tarifflist)$/.test(key)) return 'calculate'
  if (path[0] === 'orders' && path.length < 3) {
    if (method === 'POST' && path[1] === undefined) return 'create'
    if (method === 'GET') return 'get'
    if (method === 'DELETE' && path[1] !== undefined) return 'delete'
  }
  if (path[0] === 'webhooks' && path.length < 3) {
    if (method === 'GET') return 'webhooks'
    if (method === 'POST' ? path[1] === undefined : method === 'DELETE' && path[1] !== undefined) return 'webhooks'
  }
  return undefined
}

function giveToken({ text, query }: Call, now: number): Answer {
  const form = text.startsWith('{') ? asRecord(parseJson(text)) : Object.fromEntries(new URLSearchParams(text))
  const read = (name: string): string => {
    const value = form[name] ?? query.get(name)
    return typeof value === 'string' ? value : ''
  }
  if (read('grant_type') !== 'client_credentials') {
    return { status: 400, body: { error: 'unsupported_grant_type', error_description: 'Unsupported grant type' } }
  }
  const account = read('client_id')
  if (account === '' || read('client_secret') === '') {
    return { status: 401, body: { error: 'invalid_client', error_description: 'Bad client credentials' } }
  }
  const jti = randomUUID()
  // The token carries what is to be known about it: a client keeps it over a reset of the sandbox.
  const claims = { client_id: account, exp: now + tokenSeconds * 1000, jti }
  const access_token = `sandbox.${Buffer.from(JSON.stringify(claims)).toString('base64url')}`
  const scope = 'order:all payment:all'
  return { status: 200, body: { access_token, token_type: 'bearer', expires_in: tokenSeconds, scope, jti } }
}

function tokenToAccount(header: string | undefined, now: number): string | undefined {
  const [, claims] = /^bearer sandbox\.([\w-]+)$/i.exec(header ?? '') ?? []
  if (claims === undefined) return undefined
  const { client_id, exp } = asRecord(parseJson(Buffer.from(claims, 'base64url').toString()))
  return typeof client_id === 'string' && typeof exp === 'number' && exp > now ? client_id : undefined
}

type RequestType = 'CREATE' | 'GET' | 'DELETE' | 'AUTH'

function requestState(type: RequestType, now: number, state: string, errors?: CdekError[]): object {
  return { request_uuid: randomUUID(), type, date_time: cdekTime(now), state, ...(errors && { errors }) }
}

function accepted(uuid: string, type: RequestType, now: number): Answer {
  return {
    status: 202,
    body: { entity: { uuid }, requests: [requestState(type, now, 'ACCEPTED')], related_entities: [] },
  }
}

/** The real one answers 400 also for what it does not find. */
function invalid(type: RequestType, now: number, error: CdekError): Answer {
  return { status: 400, body: { requests: [requestState(type, now, 'INVALID', [error])], related_entities: [] } }
}

function unauthorized(now: number): Answer {
  const errors = [{ code: 'v2_unauthorized', message: 'Token is missing, wrong or expired' }]
  return { status: 401, body: { requests: [requestState('AUTH', now, 'INVALID', errors)], errors } }
}

/** What is nested deeper than the stack could never be told again. */
function isShallow(value: object): boolean {
  try {
    return JSON.stringify(value) !== ''
  } catch {
    return false
  }
}

function textOf(request: FastifyRequest): string {
  return typeof request.body === 'string' ? request.body.trim() : ''
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

/** As bytes, because Fastify adds a charset to texts, and the real one's `application/json` has none (clients compare). */
function send(reply: FastifyReply, { status, body }: Answer): FastifyReply {
  return reply
    .code(status)
    .header('content-type', 'application/json')
    .send(Buffer.from(JSON.stringify(body)))
}
