/** Keyboards under messages: what Telegram accepts, in its words. */
import { isObject, type Params } from './schema.ts'
import type { Button, Markup, ReplyButton } from './telegram-types.ts'
import { badRequest } from './telegram-types.ts'

/** What a button may do; exactly one of them. */
const actions = [
  'url',
  'callback_data',
  'web_app',
  'login_url',
  'switch_inline_query',
  'switch_inline_query_current_chat',
  'switch_inline_query_chosen_chat',
  'copy_text',
  'callback_game',
  'pay',
] as const

/**
 * @param inlineOnly edits, inline messages and channels carry inline keyboards only
 * @param isInvoice the only messages that may carry a pay button, as the very first one
 * @throws TelegramError 400
 */
export function checkMarkup(raw: Params | undefined, inlineOnly: boolean, isInvoice = false): Markup | undefined {
  if (raw === undefined) return undefined
  if ('inline_keyboard' in raw) return checkInlineKeyboard(raw['inline_keyboard'], isInvoice)
  if (inlineOnly) {
    if (Object.keys(raw).length === 0) return undefined
    throw badRequest('inline keyboard expected')
  }
  if ('keyboard' in raw) return { ...raw, keyboard: checkReplyKeyboard(raw['keyboard']) }
  if (raw['remove_keyboard'] === true || raw['force_reply'] === true) return raw
  return undefined
}

function rowsOf(raw: unknown, name: string): unknown[][] {
  if (!Array.isArray(raw)) throw badRequest(`field "${name}" must be of type Array`)
  return raw.map((row: unknown) => {
    if (!Array.isArray(row)) throw badRequest(`field "${name}" must be an Array of Arrays`)
    return row as unknown[]
  })
}

function checkInlineKeyboard(raw: unknown, isInvoice: boolean): Markup | undefined {
  const rows: Button[][] = []
  let count = 0
  for (const row of rowsOf(raw, 'inline_keyboard')) {
    const buttons: Button[] = []
    for (const value of row) {
      buttons.push(checkButton(value, isInvoice && count === 0))
      count++
    }
    if (buttons.length > 0) rows.push(buttons)
  }
  if (count > 100) throw badRequest('REPLY_MARKUP_TOO_LONG')
  // Telegram drops an empty keyboard, and one without buttons.
  return rows.length > 0 ? { inline_keyboard: rows } : undefined
}

function checkButton(raw: unknown, mayPay: boolean): Button {
  const failed = (what: string) => badRequest(`can't parse inline keyboard button: ${what}`)
  if (!isObject(raw)) throw failed('InlineKeyboardButton must be an Object')
  if (raw['text'] === undefined) throw failed(`Can't find field "text"`)
  if (typeof raw['text'] !== 'string') throw failed('Field "text" must be of type String')
  if (raw['text'].trim() === '') throw failed('Text of the button must be non-empty')
  const given = actions.filter((name) => raw[name] !== undefined && raw[name] !== null)
  if (given.length === 0) throw failed('Text buttons are unallowed in the inline keyboard')
  if (given.length > 1) throw failed(`Only one of the fields ${given.join(', ')} may be given`)
  const [action] = given
  const value = action && raw[action]
  switch (action) {
    case 'url':
      if (typeof value !== 'string') throw failed('Field "url" must be of type String')
      checkButtonUrl(value)
      break
    case 'callback_data': {
      if (typeof value !== 'string') throw failed('Field "callback_data" must be of type String')
      const bytes = Buffer.byteLength(value)
      if (bytes < 1 || bytes > 64) throw badRequest('BUTTON_DATA_INVALID')
      break
    }
    case 'web_app':
    case 'login_url':
      if (!isObject(value) || typeof value['url'] !== 'string') throw failed(`Can't find field "url"`)
      checkButtonUrl(value['url'])
      break
    case 'switch_inline_query':
    case 'switch_inline_query_current_chat':
      if (typeof value !== 'string') throw failed(`Field "${action}" must be of type String`)
      if (value.length > 256) throw badRequest('SWITCH_INLINE_QUERY_TOO_LONG')
      break
    case 'switch_inline_query_chosen_chat':
      if (!isObject(value)) throw failed(`Field "${action}" must be of type Object`)
      break
    case 'copy_text':
      if (!isObject(value) || typeof value['text'] !== 'string') throw failed(`Can't find field "text"`)
      if (value['text'].length < 1 || value['text'].length > 256) throw badRequest('BUTTON_COPY_TEXT_INVALID')
      break
    case 'pay':
      if (!mayPay) throw badRequest('BUTTON_TYPE_INVALID')
      break
    case 'callback_game':
      throw badRequest('BUTTON_TYPE_INVALID')
    case undefined:
  }
  return raw as Button
}

/** Telegram takes addresses without a scheme; this sandbox takes any host, so that local pages work. */
function checkButtonUrl(url: string): void {
  const withScheme = /^[a-z][a-z0-9+.-]*:/i.test(url) ? url : `http://${url}`
  const invalid = () => badRequest(`inline keyboard button URL '${url}' is invalid: Wrong HTTP URL`)
  if (/\s/.test(url) || !URL.canParse(withScheme)) throw invalid()
  const { protocol, hostname } = new URL(withScheme)
  if (!/^(https?|tg|ton|tonsite):$/.test(protocol)) {
    throw badRequest(`inline keyboard button URL '${url}' is invalid: Unsupported URL protocol`)
  }
  if (protocol.startsWith('http') && !/[.:]|^localhost$/.test(hostname)) throw invalid()
}

function checkReplyKeyboard(raw: unknown): ReplyButton[][] {
  const rows = rowsOf(raw, 'keyboard').map((row) =>
    row.map((value): ReplyButton => {
      if (typeof value === 'string' && value !== '') return { text: value }
      if (!isObject(value) || typeof value['text'] !== 'string' || value['text'] === '') {
        throw badRequest(`can't parse keyboard button: Can't find field "text"`)
      }
      return value as ReplyButton
    }),
  )
  if (rows.length === 0) throw badRequest('REPLY_MARKUP_INVALID')
  return rows
}
