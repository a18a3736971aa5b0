/** The Bot API over HTTP: reads a call in any of its forms, lets it meet faults and checks, and writes down what happened. */
import multipart from '@fastify/multipart'
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { answerMethods } from './bot-answers.ts'
import type { Handler } from './bot-call.ts'
import { messageMethods } from './bot-messages.ts'
import { profileMethods } from './bot-profile.ts'
import { faultError } from './faults.ts'
import { checkParams, isObject, methods, type Params, type Upload } from './schema.ts'
import { badRequest, TelegramError } from './telegram-types.ts'
import type { Bot, Call, StoredFile, World } from './world.ts'

const handlers = new Map<string, Handler>()
for (const [name, handler] of Object.entries({ ...messageMethods, ...answerMethods, ...profileMethods })) {
  handlers.set(name.toLowerCase(), handler)
}

/** `status` is also Telegram's `error_code`; `dropped` means that no answer may be given. */
type Outcome = { status: number; body: string; dropped: boolean }

const neverAborted = new AbortController().signal

/** Runs one call, however it arrived. Never rejects: every failure is an answer. */
export async function executeCall(
  world: World,
  bot: Bot,
  name: string,
  raw: Params,
  uploads?: Map<string, Upload>,
  signal: AbortSignal = neverAborted,
): Promise<Outcome> {
  const lower = name.toLowerCase()
  const method = methods.get(lower)
  const handler = handlers.get(lower)
  const fault = world.faults.take(lower)
  let params = raw
  let description: string | undefined
  const call: Omit<Call, 'seq' | 'atMs'> = { method: method?.name ?? name, params, ok: true }
  let outcome: Outcome
  try {
    if (fault?.delay_ms) await new Promise((resolve) => setTimeout(resolve, fault.delay_ms))
    const ordered = fault && faultError(fault)
    if (ordered) throw ordered
    if (!method || !handler) throw unknownMethod(name)
    params = checkParams(method, raw, uploads, (parameter) => {
      world.addProblem(method.name, `unknown parameter "${parameter}"`)
    })
    call.params = params
    let result = handler({ world, bot, params, uploads, signal, describe: (words) => (description = words) })
    if (result instanceof Promise) result = await result
    call.result = result
    const body = JSON.stringify(description === undefined ? { ok: true, result } : { ok: true, result, description })
    outcome = { status: 200, body, dropped: false }
  } catch (error) {
    const refusal =
      error instanceof TelegramError
        ? error
        : new TelegramError(500, `Internal Server Error: ${error instanceof Error ? error.message : String(error)}`)
    call.ok = false
    call.error_code = refusal.code
    call.description = refusal.message
    outcome = { status: refusal.code, body: refusalBody(refusal), dropped: false }
  }
  if (fault?.drop) {
    call.dropped = true
    outcome.dropped = true
  }
  world.recordCall(call)
  return outcome
}

function unknownMethod(name: string): TelegramError {
  // A method that Telegram may well have is refused in words that nobody takes for Telegram's.
  const looksReal = /^(get|set|send|edit|delete|answer|copy|forward|create|revoke|export|approve|decline|ban|unban)/i
  const more = looksReal.test(name) ? `: method ${name} is not known to this sandbox` : ''
  return new TelegramError(404, `Not Found${more}`)
}

const refusalBody = ({ code, message, parameters }: TelegramError): string =>
  JSON.stringify({ ok: false, error_code: code, description: message, ...(parameters ? { parameters } : {}) })

export function addBotApi(app: FastifyInstance, world: World): void {
  void app.register((scope, _options, done) => {
    // Telegram takes JSON, forms and multipart, and ignores any other body.
    scope.removeAllContentTypeParsers()
    scope.addContentTypeParser('application/json', { parseAs: 'string' }, (_request, body, parsed) => {
      parsed(null, readJson(String(body)))
    })
    scope.addContentTypeParser('application/x-www-form-urlencoded', { parseAs: 'string' }, (_request, body, parsed) => {
      parsed(null, Object.fromEntries(new URLSearchParams(String(body))))
    })
    void scope.register(multipart, { limits: { fileSize: uploadMaxBytes, files: 20, fields: 100 } })
    scope.addContentTypeParser('*', (_request, payload, parsed) => {
      payload.resume()
      payload.on('end', () => parsed(null, {}))
    })
    scope.setErrorHandler((error: { statusCode?: number; message: string }, _request, reply) => {
      const status = error.statusCode ?? 500
      const own = error instanceof TelegramError ? error.message : `Bad Request: ${error.message}`
      const words = status === 413 ? 'Request Entity Too Large' : own
      answer(reply, { status, body: refusalBody(new TelegramError(status, words)), dropped: false })
    })
    scope.route<{ Params: { token: string; method: string } }>({
      method: ['GET', 'POST'],
      url: '/bot:token/:method',
      handler: (request, reply) => serveCall(world, request, reply),
    })
    scope.get<{ Params: { token: string; '*': string } }>('/file/bot:token/*', (request, reply) => {
      const file = world.botOf(request.params.token) && world.filesByPath.get(request.params['*'])
      if (!file) throw new TelegramErrorReply(404, 'Not Found')
      return serveFile(file, reply)
    })
    scope.get<{ Params: { id: string } }>('/file/sandbox/:id', (request, reply) => {
      const file = world.files.get(request.params.id)
      if (!file) throw new TelegramErrorReply(404, 'Not Found')
      return serveFile(file, reply)
    })
    scope.all('/bot*', (_request, reply) => {
      answer(reply, { status: 404, body: refusalBody(new TelegramError(404, 'Not Found')), dropped: false })
    })
    done()
  })
}

const uploadMaxBytes = 20 * 1024 * 1024

/** Carries an HTTP status to the error handler above. */
class TelegramErrorReply extends TelegramError {
  readonly statusCode: number

  constructor(code: number, description: string) {
    super(code, description)
    this.statusCode = code
  }
}

async function serveCall(
  world: World,
  request: FastifyRequest<{ Params: { token: string; method: string } }>,
  reply: FastifyReply,
): Promise<FastifyReply> {
  const bot = world.botOf(request.params.token)
  if (!bot)
    return answer(reply, { status: 401, body: refusalBody(new TelegramError(401, 'Unauthorized')), dropped: false })
  const { method } = request.params
  let raw: Params
  let uploads: Map<string, Upload> | undefined
  try {
    if (request.isMultipart()) ({ raw, uploads } = await readMultipart(request))
    else raw = readBody(request.body)
    const query = request.query
    if (isObject(query)) for (const name in query) raw[name] ??= query[name]
  } catch (error) {
    const refusal = error instanceof TelegramError ? error : badRequest('malformed request body')
    world.recordCall({ method, params: {}, ok: false, error_code: refusal.code, description: refusal.message })
    return answer(reply, { status: refusal.code, body: refusalBody(refusal), dropped: false })
  }
  // Only a poll outlives its client: everything else is over before anybody can hang up.
  const signal = method.toLowerCase() === 'getupdates' ? hangUpSignal(reply) : neverAborted
  return answer(reply, await executeCall(world, bot, method, raw, uploads, signal))
}

function hangUpSignal(reply: FastifyReply): AbortSignal {
  const control = new AbortController()
  reply.raw.once('close', () => control.abort())
  return control.signal
}

/** JSON that cannot be read travels on as this, so that the refusal is written down as a call. */
const unreadable = Symbol('unreadable')

function readJson(body: string): unknown {
  if (body.trim() === '') return {}
  try {
    return JSON.parse(body) as unknown
  } catch {
    return unreadable
  }
}

function readBody(body: unknown): Params {
  if (body === undefined || body === null) return {}
  if (body === unreadable) throw badRequest("can't parse JSON object")
  if (!isObject(body)) throw badRequest('object expected as request parameters')
  return body
}

async function readMultipart(request: FastifyRequest): Promise<{ raw: Params; uploads: Map<string, Upload> }> {
  const raw: Params = {}
  const uploads = new Map<string, Upload>()
  for await (const part of request.parts()) {
    if (part.type === 'field') raw[part.fieldname] = part.value
    else {
      const data = await part.toBuffer()
      uploads.set(part.fieldname, { data, filename: part.filename, mime: part.mimetype })
    }
  }
  return { raw, uploads }
}

function answer(reply: FastifyReply, { status, body, dropped }: Outcome): FastifyReply {
  if (dropped) {
    reply.hijack()
    reply.raw.destroy()
    return reply
  }
  return reply.code(status).header('content-type', 'application/json').send(body)
}

function serveFile({ url, data, document }: StoredFile, reply: FastifyReply): FastifyReply {
  if (!data) return reply.redirect(url ?? '/', 302)
  // To be kept and never shown: anything may be inside.
  if (document) {
    const name = encodeURIComponent(document.file_name ?? 'file')
    void reply.header('content-disposition', `attachment; filename*=UTF-8''${name}`)
  }
  void reply.header('x-content-type-options', 'nosniff').header('content-type', imageType(data))
  return reply.send(data)
}

/** By its first bytes: what somebody called a picture is served as one only if it is. */
function imageType(data: Buffer): string {
  const start = data.subarray(0, 12).toString('latin1')
  if (start.startsWith('\x89PNG')) return 'image/png'
  if (start.startsWith('\xff\xd8\xff')) return 'image/jpeg'
  if (start.startsWith('GIF8')) return 'image/gif'
  if (start.startsWith('RIFF') && start.slice(8) === 'WEBP') return 'image/webp'
  return 'application/octet-stream'
}
