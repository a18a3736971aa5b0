/** A Message in Telegram's markup. Text is cut first and escaped once, here. */
import type { InlineKeyboardButton, InlineKeyboardMarkup, ReplyKeyboardMarkup } from 'telegraf/types'
import type { Message, MessageButton, Span, Style } from '#chat/screen.ts'

/** UTF-16 units of what remains after parsing. */
export const textMax = 4096
export const captionMax = 1024
const labelMax = 40
const toastMax = 200

const tags: Record<Style, string> = { bold: 'b', italic: 'i', strike: 's' }

/** HTML of at most `max` UTF-16 units after parsing; what is cut ends with an ellipsis. */
export function renderText(spans: readonly Span[], max: number): string {
  return cutSpans(spans, max).map(renderSpan).join('')
}

/** The words alone, without markup: its length is what Telegram counts. */
export function plainText(spans: readonly Span[]): string {
  return spans.map((span) => cleanText(span.text)).join('')
}

export function renderToast(text: string): string {
  return renderPlain(text, toastMax)
}

/** For what takes no markup; at most `max` UTF-16 units. */
export function renderPlain(text: string, max: number): string {
  return cutText(cleanText(text), max)
}

/** `username` is the bot's own, for links that open the private chat. */
export function renderKeyboard(rows: readonly MessageButton[][], username: string): InlineKeyboardMarkup {
  const keyboard = rows.map((row) => row.flatMap((button) => renderButton(button, username) ?? []))
  return { inline_keyboard: keyboard.filter((row) => row.length > 0) }
}

/** One-time: the phone hides it once used, so no later message has to remove it. */
export function renderAsk(ask: NonNullable<Message['ask']>): ReplyKeyboardMarkup {
  return {
    keyboard: [[{ text: renderLabel(ask.label), request_contact: true }]],
    one_time_keyboard: true,
    resize_keyboard: true,
  }
}

/** Opens the private chat with the bot. */
export function startLink(username: string, payload: string): string {
  return `https://t.me/${username}?start=${encodeURIComponent(payload)}`
}

function renderButton(button: MessageButton, username: string): InlineKeyboardButton | undefined {
  const text = renderLabel(button.label)
  if ('act' in button) return { text, callback_data: button.act }
  if ('share' in button) return { text, switch_inline_query: button.share }
  if ('start' in button) return { text, url: startLink(username, button.start) }
  const url = 'pay' in button ? button.pay : button.url
  return isWebLink(url) ? { text, url } : undefined
}

export function renderLabel(label: string): string {
  return cutText(cleanText(label), labelMax) || '…'
}

function renderSpan({ text, style, link }: Span): string {
  let html = escapeHtml(text)
  if (html.trim() === '') return html // an entity over nothing but space is dropped by Telegram anyway
  if (style) html = `<${tags[style]}>${html}</${tags[style]}>`
  if (link !== undefined && isWebLink(link)) html = `<a href="${escapeHtml(link)}">${html}</a>`
  return html
}

function cutSpans(spans: readonly Span[], max: number): Span[] {
  const clean = spans.map((span) => ({ ...span, text: cleanText(span.text) }))
  let room = max
  if (clean.reduce((length, span) => length + span.text.length, 0) <= max) return clean
  const kept: Span[] = []
  for (const span of clean) {
    // The span that reaches the limit gets the ellipsis, even if it just fits: something follows it.
    if (span.text.length >= room) {
      kept.push({ ...span, text: cutText(span.text + '…', room) })
      break
    }
    kept.push(span)
    room -= span.text.length
  }
  return kept
}

/** At most `max` UTF-16 units; never half a surrogate pair. */
function cutText(text: string, max: number): string {
  if (text.length <= max) return text
  const last = text.charCodeAt(max - 2)
  const end = last >= 0xd800 && last <= 0xdbff ? max - 2 : max - 1
  return text.slice(0, end) + '…'
}

/** Half a surrogate pair is not UTF-8, and Telegram refuses the whole message. */
function cleanText(text: string): string {
  return text.replaceAll(/\p{Surrogate}/gu, '\u{fffd}').replaceAll('\0', '')
}

function escapeHtml(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;').replaceAll('"', '&quot;')
}

/** Only http(s): no `javascript:`, no `tg:` from a feed. */
export function isWebLink(link: string): boolean {
  return /^https?:\/\/[^\s]+$/i.test(link)
}
