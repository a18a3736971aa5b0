/** Bot API methods that answer what people press, ask and pay. */
import type { BotCall, Handler } from './bot-call.ts'
import { captionContent, inlineMarkup, invoiceContent, photoContent, readPrices, textContent } from './bot-content.ts'
import { flag, isObject, list, number, object, text, type Params } from './schema.ts'
import type { ShippingOption } from './telegram-types.ts'
import { badRequest } from './telegram-types.ts'
import type { Answer, Content, InlineResult, QueryKind } from './world.ts'

/** Seconds until Telegram calls a query too old. */
const answerWithin: Record<QueryKind, number> = { callback: 15, inline: 15, shipping: 10, pre_checkout: 10 }

/** Hands the answer to whoever waits for it. */
function answerQuery(call: BotCall, kind: QueryKind, id: string | undefined, answer: Answer, method: string): true {
  const { world, bot } = call
  const query = id === undefined || bot !== world.main ? undefined : world.queries.get(id)
  const tooOld = () => badRequest('query is too old and response timeout expired or query ID is invalid')
  if (!query || query.kind !== kind) throw tooOld()
  if (world.now() - query.createdMs > answerWithin[kind] * 1000) {
    world.addProblem(method, `${kind.replace('_', '-')} query answered after ${answerWithin[kind]} s`)
    throw tooOld()
  }
  if (query.answered) {
    if (kind !== 'callback') throw tooOld()
    world.addProblem(method, 'callback query answered more than once: only the first answer is seen')
    return true
  }
  query.answered = true
  query.resolve(answer)
  return true
}

const answerCallbackQuery: Handler = (call) => {
  const { params, world } = call
  const shown = text(params, 'text')
  const url = text(params, 'url')
  if (shown !== undefined && shown.length > 200) throw badRequest('MESSAGE_TOO_LONG')
  if (url !== undefined && url !== '' && !isOwnLink(url, world.main.user.username ?? ''))
    throw badRequest('URL_INVALID')
  const answer: Answer = { kind: 'callback' }
  if (shown) answer.text = shown
  if (flag(params, 'show_alert')) answer.show_alert = true
  if (url) answer.url = url
  return answerQuery(call, 'callback', text(params, 'callback_query_id'), answer, 'answerCallbackQuery')
}

/** A callback answer opens only games and the bot's own deep links. */
function isOwnLink(url: string, username: string): boolean {
  const lower = url.toLowerCase()
  const name = username.toLowerCase()
  const places = [`https://t.me/${name}`, `http://t.me/${name}`, `t.me/${name}`, `https://telegram.me/${name}`]
  return [...places, `tg://resolve?domain=${name}`].some(
    (place) => lower.startsWith(place) && /^([?&/]|$)/.test(lower.slice(place.length)),
  )
}

const answerInlineQuery: Handler = (call) => {
  const { params } = call
  const given = list(params, 'results') ?? []
  if (given.length > 50) throw badRequest('RESULTS_TOO_MUCH')
  const nextOffset = text(params, 'next_offset') ?? ''
  if (Buffer.byteLength(nextOffset) > 64) throw badRequest('NEXT_OFFSET_INVALID')
  const button = object(params, 'button')
  if (button) checkInlineButton(button)
  const ids = new Set<string>()
  const results = given.map((raw) => {
    const result = readResult(call, raw)
    if (ids.has(result.id)) throw badRequest('RESULT_ID_DUPLICATE')
    ids.add(result.id)
    return result
  })
  const answer: Answer = {
    kind: 'inline',
    results,
    next_offset: nextOffset,
    cache_time: number(params, 'cache_time') ?? 300,
    ...(button ? { button } : {}),
  }
  return answerQuery(call, 'inline', text(params, 'inline_query_id'), answer, 'answerInlineQuery')
}

function checkInlineButton(button: Params): void {
  if (!text(button, 'text')) throw badRequest(`can't parse inline query results button: Can't find field "text"`)
  const start = text(button, 'start_parameter')
  if (start !== undefined && !/^[\w-]{1,64}$/.test(start)) throw badRequest('START_PARAM_INVALID')
  if (start === undefined && !object(button, 'web_app')) throw badRequest('BUTTON_TYPE_INVALID')
}

function readResult(call: BotCall, raw: unknown): InlineResult {
  const failed = (what: string) => badRequest(`can't parse inline query result: ${what}`)
  if (!isObject(raw)) throw failed('expected an Object')
  const type = text(raw, 'type')
  const id = text(raw, 'id')
  if (type === undefined) throw failed(`Can't find field "type"`)
  if (id === undefined) throw failed(`Can't find field "id"`)
  if (id === '' || Buffer.byteLength(id) > 64) throw badRequest('RESULT_ID_INVALID')
  return { id, given: raw, content: { ...resultContent(call, raw, type), ...resultMarkup(raw) } }
}

/** An invoice keeps its pay button unless the result brings its own keyboard. */
const resultMarkup = (raw: Params): Pick<Content, 'reply_markup'> =>
  raw['reply_markup'] === undefined ? {} : inlineMarkup(raw)

function resultContent(call: BotCall, raw: Params, type: string): Content {
  const failed = (what: string) => badRequest(`can't parse inline query result: ${what}`)
  const input = object(raw, 'input_message_content')
  switch (type) {
    case 'article':
      if (!text(raw, 'title')) throw badRequest('ARTICLE_TITLE_EMPTY')
      if (!input) throw failed(`Can't find field "input_message_content"`)
      return inputContent(call, input)
    case 'photo': {
      const url = text(raw, 'photo_url') ?? text(raw, 'photo_file_id')
      if (!url) throw badRequest('PHOTO_CONTENT_URL_EMPTY')
      if (raw['photo_url'] !== undefined && !text(raw, 'thumbnail_url')) throw badRequest('PHOTO_THUMB_URL_EMPTY')
      const photo = photoContent(call, url, false)
      if (input) return inputContent(call, input)
      return { ...photo, ...captionContent(call, raw) }
    }
    default:
      throw failed(`type "${type}" is not known to this sandbox`)
  }
}

function inputContent(call: BotCall, input: Params): Content {
  if (input['message_text'] !== undefined) return textContent(call, input, text(input, 'message_text'))
  const { latitude, longitude } = input
  if (typeof latitude === 'number' && typeof longitude === 'number') return { location: { latitude, longitude } }
  if (input['prices'] !== undefined) return invoiceContent(input)
  throw badRequest("can't parse inline query result: Can't find a known InputMessageContent")
}

const answerShippingQuery: Handler = (call) => {
  const { params } = call
  const ok = flag(params, 'ok')
  const message = text(params, 'error_message')
  if (!ok && !message) throw badRequest('parameter "error_message" is required')
  const options = ok ? readShippingOptions(list(params, 'shipping_options')) : []
  const answer: Answer = { kind: 'shipping', ok, options, ...(message && !ok ? { error_message: message } : {}) }
  return answerQuery(call, 'shipping', text(params, 'shipping_query_id'), answer, 'answerShippingQuery')
}

function readShippingOptions(raw: unknown[] | undefined): ShippingOption[] {
  if (!raw) throw badRequest('parameter "shipping_options" is required')
  if (raw.length === 0) throw badRequest('there must be at least one shipping option')
  return raw.map((value) => {
    if (!isObject(value)) throw badRequest("can't parse shipping option: expected an Object")
    const id = text(value, 'id')
    const title = text(value, 'title')
    if (!id) throw badRequest(`can't parse shipping option: Can't find field "id"`)
    if (!title) throw badRequest(`can't parse shipping option: Can't find field "title"`)
    return { id, title, prices: readPrices(list(value, 'prices')) }
  })
}

const answerPreCheckoutQuery: Handler = (call) => {
  const { params } = call
  const ok = flag(params, 'ok')
  const message = text(params, 'error_message')
  if (!ok && !message) throw badRequest('parameter "error_message" is required')
  const answer: Answer = { kind: 'pre_checkout', ok, ...(message && !ok ? { error_message: message } : {}) }
  return answerQuery(call, 'pre_checkout', text(params, 'pre_checkout_query_id'), answer, 'answerPreCheckoutQuery')
}

export const answerMethods: Record<string, Handler> = {
  answerCallbackQuery,
  answerInlineQuery,
  answerShippingQuery,
  answerPreCheckoutQuery,
}
