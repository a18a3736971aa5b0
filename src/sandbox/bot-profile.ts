/** Bot API methods about the bot itself, its delivery of updates, chats and files. */
import { knownRoom, type BotCall, type Handler } from './bot-call.ts'
import { flag, isObject, list, number, object, text } from './schema.ts'
import type { Chat } from './telegram-types.ts'
import { badRequest, TelegramError } from './telegram-types.ts'
import { changeBotStatus, memberView } from './membership.ts'

const getMe: Handler = ({ bot }) => ({
  ...bot.user,
  can_join_groups: true,
  // The sandbox shows the bot every message of its groups, as Telegram does with privacy mode off.
  can_read_all_group_messages: true,
  supports_inline_queries: true,
  can_connect_to_business: false,
  has_main_web_app: false,
})

const getUpdates: Handler = ({ bot, params, signal }) => {
  const limit = number(params, 'limit') ?? 100
  return bot.updates.poll({
    offset: number(params, 'offset') ?? 0,
    limit: limit < 1 || limit > 100 ? 100 : limit,
    timeout: Math.max(0, Math.min(50, number(params, 'timeout') ?? 0)),
    allowedUpdates: updateKinds(list(params, 'allowed_updates')),
    signal,
  })
}

const updateKinds = (raw: unknown[] | undefined): string[] | undefined =>
  raw?.filter((kind): kind is string => typeof kind === 'string')

const setWebhook: Handler = (call) => {
  const { bot, params } = call
  const url = text(params, 'url') ?? ''
  if (url === '') return deleteWebhook(call)
  const bad = (what: string) => badRequest(`bad webhook: ${what}`)
  if (!URL.canParse(url)) throw badRequest('invalid webhook URL specified')
  // Telegram insists on HTTPS; the sandbox and the bot share a machine.
  if (!/^https?:$/.test(new URL(url).protocol)) throw bad('An HTTPS URL must be provided for webhook')
  const secretToken = text(params, 'secret_token')
  if (secretToken !== undefined && !/^[\w-]{0,256}$/.test(secretToken)) {
    throw badRequest('secret token contains unallowed characters')
  }
  const changed = bot.updates.setWebhook({
    url,
    secretToken: secretToken === '' ? undefined : secretToken,
    maxConnections: Math.max(1, Math.min(100, number(params, 'max_connections') ?? 40)),
    allowedUpdates: updateKinds(list(params, 'allowed_updates')),
    dropPending: flag(params, 'drop_pending_updates'),
  })
  call.describe(changed ? 'Webhook was set' : 'Webhook is already set')
  return true
}

const deleteWebhook: Handler = ({ bot, params, describe }) => {
  const changed = bot.updates.deleteWebhook(flag(params, 'drop_pending_updates'))
  describe(changed ? 'Webhook was deleted' : 'Webhook is already deleted')
  return true
}

const getWebhookInfo: Handler = ({ bot }) => bot.updates.info()

const scopes = new Set([
  'default',
  'all_private_chats',
  'all_group_chats',
  'all_chat_administrators',
  'chat',
  'chat_administrators',
  'chat_member',
])

function commandsKey({ params }: BotCall): string {
  const scope = object(params, 'scope') ?? { type: 'default' }
  if (typeof scope['type'] !== 'string' || !scopes.has(scope['type'])) {
    throw badRequest("can't parse BotCommandScope: Unsupported type specified")
  }
  const { type, chat_id, user_id } = scope
  return `${type} ${JSON.stringify([chat_id, user_id])} ${languageOf(params)}`
}

function languageOf(params: BotCall['params']): string {
  const code = text(params, 'language_code') ?? ''
  if (!/^([a-z]{2})?$/.test(code)) throw badRequest('invalid language code specified')
  return code
}

const setMyCommands: Handler = (call) => {
  const raw = list(call.params, 'commands') ?? []
  if (raw.length > 100) throw badRequest('BOT_COMMANDS_TOO_MUCH')
  const commands = raw.map((value) => {
    if (!isObject(value)) throw badRequest("can't parse BotCommand: expected an Object")
    const command = text(value, 'command')?.replace(/^\//, '')
    const description = text(value, 'description')
    if (command === undefined) throw badRequest(`can't parse BotCommand: Can't find field "command"`)
    if (description === undefined) throw badRequest(`can't parse BotCommand: Can't find field "description"`)
    if (!/^[a-z0-9_]{1,32}$/.test(command)) throw badRequest('BOT_COMMAND_INVALID')
    if (description.trim() === '') throw badRequest('command description must be non-empty')
    if (description.length > 256) throw badRequest('BOT_COMMAND_DESCRIPTION_INVALID')
    return { command, description }
  })
  call.bot.commands.set(commandsKey(call), commands)
  return true
}

const getMyCommands: Handler = (call) => call.bot.commands.get(commandsKey(call)) ?? []

const deleteMyCommands: Handler = (call) => {
  call.bot.commands.delete(commandsKey(call))
  return true
}

/** A text of the profile per language; an empty one falls back to the language-less one when read. */
function profileText(field: string, max: number, word: string): { set: Handler; get: Handler } {
  return {
    set: ({ bot, params }) => {
      const value = text(params, field) ?? ''
      if (value.length > max) throw badRequest(`${word} is too long`)
      const key = `${field} ${languageOf(params)}`
      if (value === '') bot.texts.delete(key)
      else bot.texts.set(key, value)
      return true
    },
    get: ({ bot, params }) => {
      const fallback = field === 'name' ? bot.user.first_name : ''
      const value = bot.texts.get(`${field} ${languageOf(params)}`) ?? bot.texts.get(`${field} `) ?? fallback
      return { [field]: value }
    },
  }
}

const name = profileText('name', 64, 'bot name')
const description = profileText('description', 512, 'bot description')
const shortDescription = profileText('short_description', 120, 'bot short description')

const setChatMenuButton: Handler = ({ bot, params }) => {
  bot.texts.set(`menu ${number(params, 'chat_id') ?? ''}`, object(params, 'menu_button') ?? { type: 'default' })
  return true
}

const getChatMenuButton: Handler = ({ bot, params }) =>
  bot.texts.get(`menu ${number(params, 'chat_id') ?? ''}`) ?? bot.texts.get('menu ') ?? { type: 'commands' }

const getChat: Handler = (call) => {
  const room = knownRoom(call, call.params['chat_id'])
  const pinned = room.pinned === undefined ? undefined : call.world.findMessage(room, room.pinned)?.message
  const chat: Chat = room.chat
  return {
    ...chat,
    ...(chat.username === undefined ? {} : { active_usernames: [chat.username] }),
    accent_color_id: Math.abs(chat.id) % 7,
    max_reaction_count: 11,
    accepted_gift_types: {
      unlimited_gifts: false,
      limited_gifts: false,
      unique_gifts: false,
      premium_subscription: false,
      gifts_from_channels: false,
    },
    ...(pinned ? { pinned_message: pinned } : {}),
  }
}

const getChatMember: Handler = (call) => {
  const { world, params } = call
  const room = knownRoom(call, params['chat_id'])
  const userId = number(params, 'user_id') ?? 0
  const user = userId === world.main.user.id ? world.main.user : world.people.get(userId)?.user
  if (!user) throw badRequest('user not found')
  if (room.chat.type === 'channel' && room.bot !== 'administrator' && user !== world.main.user) {
    throw badRequest('member list is inaccessible')
  }
  return memberView(world, room, user)
}

const getChatMemberCount: Handler = (call) => {
  const room = knownRoom(call, call.params['chat_id'])
  return room.members.size + 1
}

const getChatAdministrators: Handler = (call) => {
  const { world } = call
  const room = knownRoom(call, call.params['chat_id'])
  if (room.chat.type === 'private') throw badRequest('there are no administrators in the private chat')
  const users = [...room.admins].flatMap((id) => world.people.get(id)?.user ?? [])
  if (room.bot === 'administrator') users.push(world.main.user)
  return users.map((user) => memberView(world, room, user))
}

const leaveChat: Handler = (call) => {
  const room = knownRoom(call, call.params['chat_id'])
  if (room.chat.type === 'private') throw badRequest("chat member status can't be changed in private chats")
  changeBotStatus(call.world, room, 'left')
  return true
}

/** Bots are given no larger ones. */
const downloadMaxBytes = 20 * 1024 * 1024

const getFile: Handler = ({ world, params }) => {
  const id = text(params, 'file_id') ?? ''
  const file = world.files.get(id)
  const size = file?.document ?? file?.sizes.find(({ file_id }) => file_id === id)
  if (!file || !size) throw new TelegramError(400, 'Bad Request: wrong file_id or the file is temporarily unavailable')
  const { file_unique_id, file_size } = size
  if ((file_size ?? 0) > downloadMaxBytes) throw new TelegramError(400, 'Bad Request: file is too big')
  return { file_id: id, file_unique_id, ...(file_size === undefined ? {} : { file_size }), file_path: file.path }
}

export const profileMethods: Record<string, Handler> = {
  getMe,
  getUpdates,
  setWebhook,
  deleteWebhook,
  getWebhookInfo,
  setMyCommands,
  getMyCommands,
  deleteMyCommands,
  setMyName: name.set,
  getMyName: name.get,
  setMyDescription: description.set,
  getMyDescription: description.get,
  setMyShortDescription: shortDescription.set,
  getMyShortDescription: shortDescription.get,
  setChatMenuButton,
  getChatMenuButton,
  getChat,
  getChatMember,
  getChatMemberCount,
  getChatAdministrators,
  leaveChat,
  getFile,
}
