/**
 * What arrived, in our words. Reads an unknown value: an update may be partial, of a kind that is newer than we are, or
 * made up. Nothing here throws.
 */
import type { Answer, InvoiceCharge, InvoiceTold, MessageRef, Place, Sender } from '#chat/messenger.ts'
import { downloadMaxBytes } from './files.ts'

export type Incoming = { updateId: number; sender: Sender; opensChat: boolean } & Happening

type Happening =
  | { kind: 'command'; name: string; payload: string }
  | { kind: 'answer'; answer: Answer }
  | { kind: 'tap'; queryId: string; act: string; place: Place; ref: MessageRef; canEdit: boolean }
  | { kind: 'inline'; queryId: string; query: string; offset: string }
  | { kind: 'chosen'; cardId: string; ref: MessageRef }
  | { kind: 'invoice-asked'; queryId: string; invoice: InvoiceTold }
  | { kind: 'invoice-paid'; invoice: InvoiceTold; charge: InvoiceCharge }
  | { kind: 'blocked'; blocked: boolean }
  | { kind: 'channel'; channel: { externalId: string; title: string; username?: string }; isAdmin: boolean }

/** May an invoice be paid? Answered within ten seconds or not at all, so it goes its own way. */
export type InvoiceAsked = Extract<Incoming, { kind: 'invoice-asked' }>

/**
 * Listed on every getUpdates and setWebhook: left out, the old setting stays. No shipping queries: the place is known
 * before there is an invoice, so that ours never ask for an address. `successful_payment` comes as a message.
 */
export const allowedUpdates = [
  'message',
  'callback_query',
  'inline_query',
  'chosen_inline_result',
  'pre_checkout_query',
  'my_chat_member',
] as const

/** Things a person sends that are none of the answers we can read. Service messages are not listed: they are no answer. */
const otherContent =
  'photo video voice audio document sticker animation video_note dice poll story paid_media game checklist'.split(' ')

/** @returns undefined for what needs nothing done. `bot` is ourselves. */
export function readUpdate(update: unknown, bot: { id: number; username: string }): Incoming | undefined {
  const updateId = readUpdateId(update)
  if (!isRecord(update) || updateId === undefined) return undefined
  const found =
    readMessage(update['message'], bot) ??
    readTap(update['callback_query']) ??
    readInline(update['inline_query']) ??
    readChosen(update['chosen_inline_result']) ??
    readInvoiceAsked(update['pre_checkout_query']) ??
    readMembership(update['my_chat_member'])
  return found && { updateId, ...found }
}

/** Telegram took money and tells us: it must not be lost. */
export function tellsOfPayment(update: unknown): boolean {
  return isRecord(update) && isRecord(update['message']) && 'successful_payment' in update['message']
}

export function readUpdateId(update: unknown): number | undefined {
  const id = isRecord(update) ? update['update_id'] : undefined
  return typeof id === 'number' && Number.isSafeInteger(id) ? id : undefined
}

type Found = { sender: Sender; opensChat: boolean } & Happening

function readMessage(message: unknown, bot: { id: number; username: string }): Found | undefined {
  if (!isRecord(message) || !isRecord(message['chat'])) return undefined
  const sender = readSender(message['from'])
  if (!sender) return undefined
  const isPrivate = message['chat']['type'] === 'private'
  const paid = readInvoicePaid(message['successful_payment'])
  if (paid) return { ...paid, sender, opensChat: isPrivate }
  const command = readCommand(message['text'], bot.username, isPrivate)
  if (command) return { kind: 'command', ...command, sender, opensChat: isPrivate }
  // A card chosen from our own inline results arrives as if they had typed it.
  const viaUs = isRecord(message['via_bot']) && message['via_bot']['id'] === bot.id
  const answer = isPrivate && !viaUs ? readAnswer(message, sender) : undefined
  return answer && { kind: 'answer', answer, sender, opensChat: true }
}

/** In a group only a command that names us is ours; in private the name may be left out. */
function readCommand(
  text: unknown,
  username: string,
  isPrivate: boolean,
): { name: string; payload: string } | undefined {
  const match = /^\/([a-z0-9_]{1,32})(?:@([a-z0-9_]+))?(?:\s+([^]*))?$/i.exec(typeof text === 'string' ? text : '')
  if (!match) return undefined
  const addressee = match[2]?.toLowerCase()
  if (addressee === undefined ? !isPrivate : addressee !== username.toLowerCase()) return undefined
  return { name: (match[1] ?? '').toLowerCase(), payload: (match[3] ?? '').trim() }
}

function readAnswer(message: Record<string, unknown>, sender: Sender): Answer | undefined {
  const { text, contact, location } = message
  if (typeof text === 'string') return { kind: 'text', text }
  if (isRecord(contact) && typeof contact['phone_number'] === 'string') {
    const name = [contact['first_name'], contact['last_name']].filter((part) => typeof part === 'string').join(' ')
    const own = String(contact['user_id']) === sender.externalId
    return { kind: 'contact', phone: contact['phone_number'], name, own }
  }
  if (isRecord(location)) {
    const { latitude, longitude } = location
    if (typeof latitude === 'number' && typeof longitude === 'number') return { kind: 'location', latitude, longitude }
  }
  return readFile(message['document']) ?? (otherContent.some((key) => key in message) ? { kind: 'other' } : undefined)
}

function readFile(document: unknown): Answer | undefined {
  if (!isRecord(document) || typeof document['file_id'] !== 'string') return undefined
  const { file_id: ref, file_name: name, file_size: bytes } = document
  return {
    kind: 'file',
    ref,
    name: typeof name === 'string' ? name : '',
    bytes: typeof bytes === 'number' ? bytes : 0,
    bytesMax: downloadMaxBytes,
  }
}

function readTap(query: unknown): Found | undefined {
  if (!isRecord(query)) return undefined
  const sender = readSender(query['from'])
  const { id, data, inline_message_id: inlineId, message } = query
  if (!sender || typeof id !== 'string') return undefined
  const tap = { kind: 'tap', queryId: id, act: typeof data === 'string' ? data : '', sender } as const
  if (typeof inlineId === 'string') {
    return { ...tap, place: 'shared', ref: `i:${inlineId}`, canEdit: true, opensChat: false }
  }
  const ref = readRef(message)
  if (!isRecord(message) || !isRecord(message['chat']) || ref === undefined) return undefined
  const place = message['chat']['type'] === 'private' ? 'private' : 'shared'
  // Telegram gives date 0 for a message it no longer lets us see.
  return { ...tap, place, ref, canEdit: message['date'] !== 0, opensChat: place === 'private' }
}

function readInline(query: unknown): Found | undefined {
  if (!isRecord(query)) return undefined
  const sender = readSender(query['from'])
  const { id, query: words, offset } = query
  if (!sender || typeof id !== 'string' || typeof words !== 'string') return undefined
  const from = typeof offset === 'string' ? offset : ''
  return { kind: 'inline', queryId: id, query: words, offset: from, sender, opensChat: false }
}

function readChosen(chosen: unknown): Found | undefined {
  if (!isRecord(chosen)) return undefined
  const sender = readSender(chosen['from'])
  const { result_id: cardId, inline_message_id: inlineId } = chosen
  if (!sender || typeof cardId !== 'string' || typeof inlineId !== 'string') return undefined
  return { kind: 'chosen', cardId, ref: `i:${inlineId}`, sender, opensChat: false }
}

function readInvoiceAsked(query: unknown): Found | undefined {
  if (!isRecord(query)) return undefined
  const sender = readSender(query['from'])
  const invoice = readInvoice(query)
  const { id } = query
  if (!sender || !invoice || typeof id !== 'string') return undefined
  return { kind: 'invoice-asked', queryId: id, invoice, sender, opensChat: false }
}

function readInvoicePaid(payment: unknown): Extract<Happening, { kind: 'invoice-paid' }> | undefined {
  if (!isRecord(payment)) return undefined
  const invoice = readInvoice(payment)
  const { telegram_payment_charge_id: chargeId, provider_payment_charge_id: acquirerId } = payment
  if (!invoice || typeof chargeId !== 'string' || typeof acquirerId !== 'string') return undefined
  return { kind: 'invoice-paid', invoice, charge: { chargeId, acquirerId } }
}

/** Telegram counts in the smallest units of a currency, as we do. */
function readInvoice(fields: Record<string, unknown>): InvoiceTold | undefined {
  const { invoice_payload: payload, total_amount: amount, currency } = fields
  if (typeof payload !== 'string' || typeof currency !== 'string') return undefined
  if (typeof amount !== 'number' || !Number.isSafeInteger(amount)) return undefined
  return { payload, amount: BigInt(amount), currency }
}

function readMembership(change: unknown): Found | undefined {
  if (!isRecord(change) || !isRecord(change['chat']) || !isRecord(change['new_chat_member'])) return undefined
  const sender = readSender(change['from'])
  const { chat, new_chat_member: member } = change
  if (!sender || typeof chat['id'] !== 'number') return undefined
  if (chat['type'] === 'private') {
    const blocked = member['status'] === 'kicked'
    return { kind: 'blocked', blocked, sender, opensChat: !blocked }
  }
  if (chat['type'] !== 'channel') return undefined
  const { title, username } = chat
  const channel = {
    externalId: String(chat['id']),
    title: typeof title === 'string' ? title : '',
    ...(typeof username === 'string' && { username }),
  }
  return { kind: 'channel', channel, isAdmin: member['status'] === 'administrator', sender, opensChat: false }
}

function readSender(from: unknown): Sender | undefined {
  if (!isRecord(from) || from['is_bot'] === true) return undefined
  const { id, first_name: firstName, username, language_code: languageCode } = from
  if (typeof id !== 'number' || !Number.isSafeInteger(id)) return undefined
  return {
    messenger: 'telegram',
    externalId: String(id),
    firstName: typeof firstName === 'string' ? firstName : '',
    ...(typeof username === 'string' && { username }),
    ...(typeof languageCode === 'string' && { languageCode }),
  }
}

/** `<chat>:<message>:p` for a photo, `:t` for a text. */
export function readRef(message: unknown): MessageRef | undefined {
  if (!isRecord(message) || !isRecord(message['chat'])) return undefined
  const chat = message['chat']['id']
  const id = message['message_id']
  if (typeof chat !== 'number' || typeof id !== 'number') return undefined
  return `${chat}:${id}:${'photo' in message ? 'p' : 't'}`
}

/** Without the sort of content, which an edit may change: one message is remembered under one reference. */
export function toLastingRef(ref: MessageRef): MessageRef {
  return ref.replace(/^(-?\d+:\d+):[pt]$/, '$1')
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null
}
