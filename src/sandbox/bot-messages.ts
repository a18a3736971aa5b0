/** Bot API methods that put messages into chats, change them and take them away. */
import { botAs, knownRoom, quoted, spendPace, targetOf, writableRoom, type BotCall, type Handler } from './bot-call.ts'
import {
  captionContent,
  documentContent,
  inlineMarkup,
  invoiceContent,
  mediaContent,
  photoContent,
  textContent,
} from './bot-content.ts'
import { checkMarkup } from './markup.ts'
import { flag, isObject, list, number, object, text, type Params } from './schema.ts'
import type { Message } from './telegram-types.ts'
import { badRequest } from './telegram-types.ts'
import type { Content, Room, Stored } from './world.ts'

const sendMessage: Handler = (call) => {
  const content = textContent(call, call.params, text(call.params, 'text'))
  return send(call, writableRoom(call), content).message
}

const sendPhoto: Handler = (call) => {
  const room = writableRoom(call)
  const content = { ...photoContent(call, call.params['photo']), ...captionContent(call, call.params) }
  return send(call, room, content, flag(call.params, 'has_spoiler') ? { has_media_spoiler: true } : {}).message
}

const sendDocument: Handler = (call) => {
  const room = writableRoom(call)
  const caption = captionContent(call, call.params)
  return send(call, room, { ...documentContent(call, call.params['document']), ...caption }).message
}

const sendMediaGroup: Handler = (call) => {
  const room = writableRoom(call)
  const media = list(call.params, 'media') ?? []
  if (media.length < 2) throw badRequest('too few messages to send as an album')
  if (media.length > 10) throw badRequest('too much messages to send as an album')
  const contents = media.map((item) => mediaContent(call, item))
  const extra = { ...replyTo(call, room), media_group_id: call.world.unique() }
  spendPace(call, room, contents.length)
  return contents.map((content) => post(call, room, content, extra).message)
}

const sendInvoice: Handler = (call) => {
  const room = writableRoom(call)
  const content = invoiceContent(call.params)
  const markup = checkMarkup(object(call.params, 'reply_markup'), true, true)
  if (markup && markup.inline_keyboard?.[0]?.[0]?.pay !== true) throw badRequest('REPLY_MARKUP_BUY_EMPTY')
  const extra = replyTo(call, room)
  spendPace(call, room)
  return post(call, room, { ...content, ...(markup ? { reply_markup: markup } : {}) }, extra).message
}

const createInvoiceLink: Handler = ({ world, params }) => {
  const link = `https://t.me/$${Buffer.from(world.unique()).toString('base64url')}`
  world.invoiceLinks.set(link, invoiceContent(params))
  return link
}

/** Checks what all sends share, spends the pace, posts. */
function send(call: BotCall, room: Room, content: Content, extra: Partial<Message> = {}): Stored {
  const markup = checkMarkup(object(call.params, 'reply_markup'), room.chat.type === 'channel')
  const reply = replyTo(call, room)
  spendPace(call, room)
  const visible = markup?.inline_keyboard ? { ...content, reply_markup: markup } : content
  const hidden = markup && !markup.inline_keyboard ? { keyboard: markup } : {}
  return post(call, room, visible, { ...extra, ...reply }, hidden)
}

function post(
  call: BotCall,
  room: Room,
  content: Content,
  extra: Partial<Message>,
  stored: Partial<Stored> = {},
): Stored {
  const { world, bot, params } = call
  const protect = flag(params, 'protect_content') ? { has_protected_content: true } : {}
  return world.post(room, botAs(bot, room), content, { ...protect, ...extra }, { byBot: bot, ...stored })
}

function replyTo(call: BotCall, room: Room): Partial<Message> {
  const reply = object(call.params, 'reply_parameters')
  if (!reply) return {}
  const messageId = number(reply, 'message_id')
  if (messageId === undefined) throw badRequest(`can't parse reply parameters: Can't find field "message_id"`)
  const from = reply['chat_id'] === undefined ? room : knownRoom(call, reply['chat_id'])
  const entry = call.world.findMessage(from, messageId)
  if (entry) return from === room ? { reply_to_message: quoted(entry.message) } : {}
  if (flag(reply, 'allow_sending_without_reply')) return {}
  throw badRequest('message to be replied not found')
}

const editMessageText: Handler = (call) => {
  if (call.params['rich_message'] !== undefined) throw badRequest('rich messages are not known to this sandbox')
  const content = { ...textContent(call, call.params, text(call.params, 'text')), ...inlineMarkup(call.params) }
  return edit(call, ({ message }) => {
    if (message.text === undefined) throw badRequest('there is no text in the message to edit')
    return content
  })
}

const editMessageCaption: Handler = (call) => {
  const caption = { ...captionContent(call, call.params), ...inlineMarkup(call.params) }
  return edit(call, ({ message, photoUrl }) => {
    const { photo, document } = message
    if (document) return { document, ...caption }
    if (!photo) throw badRequest('there is no caption in the message to edit')
    return { photo, ...(photoUrl === undefined ? {} : { photoUrl }), ...caption }
  })
}

/** A text becomes a picture as well (since Bot API 9), never the other way round. */
const editMessageMedia: Handler = (call) => {
  const isInline = call.params['inline_message_id'] !== undefined && call.params['chat_id'] === undefined
  const content = { ...mediaContent(call, call.params['media'], !isInline), ...inlineMarkup(call.params) }
  return edit(call, ({ message }) => {
    if (message.text === undefined && !message.photo && !message.document) throw badRequest("message can't be edited")
    return content
  })
}

const editMessageReplyMarkup: Handler = (call) =>
  edit(call, (entry) => {
    const markup = checkMarkup(object(call.params, 'reply_markup'), true, entry.terms !== undefined)
    return { ...contentOf(entry), ...(markup ? { reply_markup: markup } : {}) }
  })

function edit(call: BotCall, change: (entry: Stored) => Content): unknown {
  const { room, entry, isInline } = targetOf(call)
  const content = change(entry)
  if (sameness(content) === sameness({ ...contentOf(entry), ...markupOf(entry) })) {
    throw badRequest(
      'message is not modified: specified new message content and reply markup are exactly the same as a current content and reply markup of the message',
    )
  }
  if (isInline) call.world.pace.spend(undefined, false, 1, call.world.now())
  else spendPace(call, room)
  call.world.edit(room, entry, content)
  return isInline ? true : entry.message
}

const sameness = ({ photo, photoUrl, terms, ...rest }: Content): string => {
  void photoUrl
  void terms
  const { text, entities, caption, caption_entities, reply_markup, link_preview_options, ...other } = rest
  const picture = photo?.at(-1)?.file_unique_id
  return JSON.stringify([text, entities, picture, caption, caption_entities, reply_markup, link_preview_options, other])
}

const markupOf = ({ message }: Stored): Content => (message.reply_markup ? { reply_markup: message.reply_markup } : {})

const copied = [
  'text',
  'entities',
  'link_preview_options',
  'photo',
  'document',
  'caption',
  'caption_entities',
  'show_caption_above_media',
  'invoice',
  'location',
] as const

/** What a message shows, without its keyboard. */
function contentOf({ message, photoUrl, terms }: Stored): Content {
  const content: Record<string, unknown> = {}
  for (const name of copied) if (message[name] !== undefined) content[name] = message[name]
  return { ...content, ...(photoUrl === undefined ? {} : { photoUrl }), ...(terms ? { terms } : {}) }
}

const twoDays = 48 * 3600

function removeOne(call: BotCall, room: Room, messageId: number): void {
  const { world, bot } = call
  const entry = world.findMessage(room, messageId)
  if (!entry) throw badRequest('message to delete not found')
  const isOwn = entry.byBot === bot
  const isPrivate = room.chat.type === 'private'
  if (!isOwn && !isPrivate && room.bot !== 'administrator') throw badRequest("message can't be deleted")
  if (world.now() / 1000 - entry.message.date > twoDays && room.bot !== 'administrator') {
    throw badRequest("message can't be deleted for everyone")
  }
  world.remove(room, messageId)
}

const deleteMessage: Handler = (call) => {
  removeOne(call, knownRoom(call, call.params['chat_id']), number(call.params, 'message_id') ?? 0)
  return true
}

/** Those that are gone already are skipped. */
const deleteMessages: Handler = (call) => {
  const room = knownRoom(call, call.params['chat_id'])
  const ids = list(call.params, 'message_ids') ?? []
  if (ids.length === 0) throw badRequest('message identifiers are not specified')
  if (ids.length > 100) throw badRequest('too many message identifiers specified')
  for (const id of ids) if (!Number.isSafeInteger(id)) throw badRequest('invalid message identifier specified')
  for (const id of ids as number[]) if (call.world.findMessage(room, id)) removeOne(call, room, id)
  return true
}

function source(call: BotCall, what: string): Stored {
  const from = knownRoom(call, call.params['from_chat_id'])
  const entry = call.world.findMessage(from, number(call.params, 'message_id') ?? 0)
  if (!entry) throw badRequest(`message to ${what} not found`)
  if (entry.message.has_protected_content)
    throw badRequest(`message can't be ${what === 'copy' ? 'copied' : 'forwarded'}`)
  return entry
}

const copyMessage: Handler = (call) => {
  const room = writableRoom(call)
  const entry = source(call, 'copy')
  if (entry.message.invoice || entry.message.successful_payment) throw badRequest("message can't be copied")
  const content = contentOf(entry)
  if ((content.photo || content.document) && call.params['caption'] !== undefined) {
    delete content.caption
    delete content.caption_entities
    Object.assign(content, captionContent(call, call.params))
  }
  const { contact } = entry.message
  return { message_id: send(call, room, content, contact ? { contact } : {}).message.message_id }
}

const forwardMessage: Handler = (call) => {
  const room = writableRoom(call)
  const entry = source(call, 'forward')
  const { from, sender_chat, date, message_id, via_bot } = entry.message
  const origin = sender_chat
    ? { type: 'channel', date, chat: sender_chat, message_id }
    : { type: 'user', date, sender_user: from }
  const { contact } = entry.message
  const extra = { forward_origin: origin, ...(via_bot ? { via_bot } : {}), ...(contact ? { contact } : {}) }
  return send(call, room, contentOf(entry), extra).message
}

const chatActions = new Set([
  'typing',
  'upload_photo',
  'record_video',
  'upload_video',
  'record_voice',
  'upload_voice',
  'upload_document',
  'choose_sticker',
  'find_location',
  'record_video_note',
  'upload_video_note',
])

const sendChatAction: Handler = (call) => {
  const action = text(call.params, 'action') ?? ''
  if (!chatActions.has(action.toLowerCase())) throw badRequest('wrong parameter action in request')
  const room = writableRoom(call)
  call.world.publish('action', { chat_id: room.chat.id, action })
  return true
}

const mayPin = (room: Room): boolean => room.chat.type !== 'channel' || room.bot === 'administrator'

const pinChatMessage: Handler = (call) => {
  const room = knownRoom(call, call.params['chat_id'])
  const messageId = number(call.params, 'message_id') ?? 0
  if (!call.world.findMessage(room, messageId)) throw badRequest('message to pin not found')
  if (!mayPin(room)) throw badRequest('not enough rights to manage pinned messages in the chat')
  room.pinned = messageId
  return true
}

const unpinChatMessage: Handler = (call) => {
  const room = knownRoom(call, call.params['chat_id'])
  const messageId = number(call.params, 'message_id')
  if (!mayPin(room)) throw badRequest('not enough rights to manage pinned messages in the chat')
  if (room.pinned === undefined || (messageId !== undefined && messageId !== room.pinned)) {
    throw badRequest('message to unpin not found')
  }
  delete room.pinned
  return true
}

const setMessageReaction: Handler = (call) => {
  const room = knownRoom(call, call.params['chat_id'])
  const entry = call.world.findMessage(room, number(call.params, 'message_id') ?? 0)
  if (!entry) throw badRequest('message to react not found')
  const reactions = list(call.params, 'reaction') ?? []
  if (!reactions.every((reaction): reaction is Params => isObject(reaction) && typeof reaction['type'] === 'string')) {
    throw badRequest("can't parse reaction types JSON object")
  }
  if (reactions.length > 0) entry.reactions = reactions
  else delete entry.reactions
  return true
}

export const messageMethods: Record<string, Handler> = {
  sendMessage,
  sendPhoto,
  sendDocument,
  sendMediaGroup,
  sendInvoice,
  createInvoiceLink,
  sendChatAction,
  editMessageText,
  editMessageCaption,
  editMessageMedia,
  editMessageReplyMarkup,
  deleteMessage,
  deleteMessages,
  copyMessage,
  forwardMessage,
  pinChatMessage,
  unpinChatMessage,
  setMessageReaction,
}
