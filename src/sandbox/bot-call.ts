/** What every Bot API method needs: the call, and which chats and messages the bot may touch. */
import { number, text, type Params, type Upload } from './schema.ts'
import type { Message } from './telegram-types.ts'
import { badRequest, TelegramError } from './telegram-types.ts'
import type { Bot, Room, Stored, World } from './world.ts'

export type BotCall = {
  world: World
  bot: Bot
  params: Params
  uploads: Map<string, Upload> | undefined
  /** Aborted when the client hangs up. */
  signal: AbortSignal
  /** Sets the `description` that a few methods give with success. */
  describe: (description: string) => void
}

/** @returns the `result`; a TelegramError thrown is the refusal */
export type Handler = (call: BotCall) => unknown

export const findUser = (world: World) => (id: number) => world.people.get(id)?.user

/**
 * The chat that a bot may know, by id or `@username`.
 * @throws TelegramError 400 unknown or upgraded, 403 left or kicked
 */
export function knownRoom({ world, bot }: BotCall, chatId: unknown): Room {
  const notFound = () => badRequest('chat not found')
  if (bot !== world.main) throw notFound()
  let room: Room | undefined
  if (typeof chatId === 'number') room = world.rooms.get(chatId)
  else if (typeof chatId === 'string' && chatId.startsWith('@')) {
    const username = chatId.slice(1).toLowerCase()
    for (const candidate of world.rooms.values()) {
      if (candidate.chat.username?.toLowerCase() === username && candidate.chat.type !== 'private') room = candidate
    }
  }
  if (!room) throw notFound()
  if (room.migratedTo !== undefined) {
    throw new TelegramError(400, 'Bad Request: group chat was upgraded to a supergroup chat', {
      migrate_to_chat_id: room.migratedTo,
    })
  }
  if (room.bot === 'kicked') throw new TelegramError(403, `Forbidden: bot was kicked from the ${kindOf(room)} chat`)
  if (room.bot === 'left') {
    if (room.chat.username === undefined || room.chat.type === 'private') throw notFound()
    throw new TelegramError(403, `Forbidden: bot is not a member of the ${kindOf(room)} chat`)
  }
  return room
}

const kindOf = (room: Room): string => room.chat.type

/** @throws TelegramError 403 as well for people who blocked the bot or never wrote to it */
export function writableRoom(call: BotCall): Room {
  const { world, params } = call
  const chatId = params['chat_id']
  const person = typeof chatId === 'number' ? world.people.get(chatId) : undefined
  if (person) {
    if (person.blocked) throw new TelegramError(403, 'Forbidden: bot was blocked by the user')
    if (!person.started || call.bot !== world.main) {
      throw new TelegramError(403, "Forbidden: bot can't initiate conversation with a user")
    }
  }
  const room = knownRoom(call, chatId)
  if (room.chat.type === 'channel' && room.bot !== 'administrator') {
    throw badRequest('need administrator rights in the channel chat')
  }
  return room
}

/** Counts against Telegram's pace; called when nothing else can be wrong any more. */
export function spendPace({ world }: BotCall, room: Room, count = 1): void {
  const isGroup = room.chat.type === 'group' || room.chat.type === 'supergroup'
  world.pace.spend(room.chat.id, isGroup, count, world.now())
}

export type Target = { room: Room; entry: Stored; isInline: boolean }

/** The message that an editing method means. */
export function targetOf(call: BotCall): Target {
  const { world, params } = call
  const inlineId = text(params, 'inline_message_id')
  if (params['chat_id'] === undefined && params['message_id'] === undefined && inlineId !== undefined) {
    const known = call.bot === world.main ? world.inlineMessages.get(inlineId) : undefined
    const entry = known && world.findMessage(known.room, known.messageId)
    if (!known || !entry) throw badRequest('MESSAGE_ID_INVALID')
    return { room: known.room, entry, isInline: true }
  }
  const messageId = number(params, 'message_id')
  if (params['chat_id'] === undefined && messageId !== undefined) throw badRequest('chat_id is empty')
  if (messageId === undefined) throw badRequest('message identifier is not specified')
  const room = writableRoom(call)
  const entry = world.findMessage(room, messageId)
  if (!entry) throw badRequest('message to edit not found')
  const mayEdit = entry.byBot === call.bot || (room.chat.type === 'channel' && entry.inlineMessageId === undefined)
  // Telegram edits messages without a keyboard or with an inline one, no others.
  if (!mayEdit || entry.keyboard) throw badRequest("message can't be edited")
  return { room, entry, isInline: false }
}

/** Who a bot's message comes from: in a channel the channel itself. */
export const botAs = (bot: Bot, room: Room): Pick<Message, 'from' | 'sender_chat'> =>
  room.chat.type === 'channel' ? { sender_chat: room.chat } : { from: bot.user }

/** A message as part of another: Telegram does not nest further. */
export function quoted(message: Message): Message {
  const { reply_to_message, ...plain } = message
  void reply_to_message
  return plain
}
