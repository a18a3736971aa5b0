/** What the page knows of the sandbox, kept up to date by events. The views read it and are told when it changes. */
import { api, follow } from './api.js'
import { avatar, keep, kept } from './dom.js'

export const world = {
  /** @type {{id?: number, username?: string, first_name: string}} learnt from whatever mentions the bot first */
  bot: { first_name: 'Bot' },
  people: new Map(),
  chats: new Map(),
  /** chat id → messages in order of their ids */
  messages: new Map(),
  calls: [],
  shipments: [],
  commands: new Map(),
  blocked: new Set(),
  typing: new Map(),
  online: true,
  loaded: false,
  read: kept('read') ?? {},
}

const listeners = new Set()
let pending = new Set()
let timer

/** Topics: people, chats, messages, calls, shipments, typing, connection, read, reset. Told once per frame, together. */
export function watch(listener) {
  listeners.add(listener)
  return () => listeners.delete(listener)
}

export function changed(topic) {
  pending.add(topic)
  // Not requestAnimationFrame: a page in the background has to keep its unread counters right as well.
  timer ??= setTimeout(() => {
    timer = undefined
    const topics = pending
    pending = new Set()
    for (const listener of listeners) listener(topics)
  }, 12)
}

export const fullName = (user) => [user?.first_name, user?.last_name].filter(Boolean).join(' ')

/** A person's chat with the bot has the person's own id. */
export const isBotChat = (chatId, personId) => chatId === personId

/**
 * Whom `personId` talks to in a chat of two; `undefined` for any other chat. Before the first message such a chat has
 * no id of its own, and the other person's id stands for it.
 */
export function otherPerson(chatId, personId) {
  if (chatId === personId) return undefined
  if (world.people.has(chatId)) return chatId
  const chat = world.chats.get(chatId)
  return chat?.type === 'private' ? memberIds(chat).find((id) => id !== personId) : undefined
}

/** The chat of two people once it exists. */
export const dialogOf = (one, other) =>
  [...world.chats.values()].find(
    (chat) =>
      chat.type === 'private' &&
      !world.people.has(chat.id) &&
      memberIds(chat).includes(one) &&
      memberIds(chat).includes(other),
  )

/** People this person has no chat with yet, as `chatsOf` would list them. */
export const strangersOf = (personId) =>
  [...world.people.keys()]
    .filter((id) => id !== personId && !dialogOf(id, personId))
    .map((id) => ({ id, last: undefined }))

export function chatTitle(chatId, personId) {
  if (isBotChat(chatId, personId)) return world.bot.first_name
  const other = otherPerson(chatId, personId)
  if (other !== undefined) return fullName(world.people.get(other))
  return world.chats.get(chatId)?.title ?? String(chatId)
}

/** The avatar of a chat as this person sees it. */
export const faceOf = (chatId, personId, size) =>
  avatar(
    {
      id: otherPerson(chatId, personId) ?? chatId,
      name: chatTitle(chatId, personId),
      kind: isBotChat(chatId, personId) ? 'bot' : 'chat',
    },
    size,
  )

const idOf = (entry) =>
  typeof entry === 'object' && entry !== null ? (entry.id ?? entry.user?.id ?? entry.user_id) : entry

/** Members come as ids, as objects with a status, or as a record by id. */
function entries(list) {
  if (Array.isArray(list)) return list
  return Object.entries(list ?? {}).map(([id, value]) => ({
    id: Number(id),
    ...(typeof value === 'string' ? { status: value } : value),
  }))
}

export const memberIds = (chat) => [
  ...new Set(
    [...entries(chat?.members), ...entries(chat?.admins)]
      .filter((entry) => !/^(left|kicked)$/.test(entry?.status ?? ''))
      .map(idOf)
      .filter((id) => world.people.has(id)),
  ),
]

export const isAdmin = (chat, personId) =>
  entries(chat?.admins).some((entry) => idOf(entry) === personId) ||
  entries(chat?.members).some(
    (entry) => idOf(entry) === personId && /^(creator|administrator)$/.test(entry?.status ?? ''),
  )

/** May this person write there? A channel is for its administrators. */
export function mayWrite(chatId, personId) {
  if (isBotChat(chatId, personId)) return !world.blocked.has(personId)
  const chat = world.chats.get(chatId)
  return chat?.type !== 'channel' || isAdmin(chat, personId)
}

/** The chats of a person, latest message first: their chat with the bot, and where they are members. */
export function chatsOf(personId) {
  const shared = [...world.chats.values()].filter(
    (chat) => !world.people.has(chat.id) && memberIds(chat).includes(personId),
  )
  return [personId, ...shared.map((chat) => chat.id)]
    .map((id) => ({ id, last: lastMessage(id) }))
    .sort((a, b) => (b.last?.date ?? 0) - (a.last?.date ?? 0) || (b.last?.message_id ?? 0) - (a.last?.message_id ?? 0))
}

export const messagesOf = (chatId) => world.messages.get(chatId) ?? []
export const lastMessage = (chatId) => messagesOf(chatId).at(-1)

export function unreadCount(personId, chatId) {
  const read = world.read[`${personId}:${chatId}`] ?? 0
  const messages = messagesOf(chatId)
  let count = 0
  for (let i = messages.length - 1; i >= 0 && messages[i].message_id > read; i--) {
    if (messages[i].from?.id !== personId) count++
  }
  return count
}

export function markRead(personId, chatId) {
  const last = lastMessage(chatId)
  const key = `${personId}:${chatId}`
  if (!last || (world.read[key] ?? 0) >= last.message_id) return
  world.read[key] = last.message_id
  keep('read', world.read)
  changed('read')
}

/** Commands the bot has set, in the person's language where it set those: `[{command, description}]`. */
export function commandsFor(person) {
  return world.commands.get(person?.language_code ?? '') ?? world.commands.get('') ?? []
}

function noticeBot(user) {
  if (!user?.is_bot || (world.bot.id === user.id && world.bot.username === (user.username ?? world.bot.username)))
    return
  world.bot = { ...world.bot, ...user }
  changed('chats')
}

function addPerson(person) {
  if (!person || person.is_bot) return noticeBot(person)
  world.people.set(person.id, person)
  world.blocked[person.blocked ? 'add' : 'delete'](person.id)
  changed('people')
}

function addChat(chat) {
  if (!chat) return
  world.chats.set(chat.id, chat)
  changed('chats')
}

function learnFrom(message) {
  noticeBot(message.from)
  noticeBot(message.via_bot)
}

function addMessage(chatId, message) {
  const messages = world.messages.get(chatId) ?? []
  if (!world.messages.has(chatId)) world.messages.set(chatId, messages)
  const at = messages.findLastIndex((other) => other.message_id <= message.message_id)
  if (messages[at]?.message_id === message.message_id) messages[at] = message
  else messages.splice(at + 1, 0, message)
  learnFrom(message)
  if (message.from?.is_bot) world.typing.delete(chatId)
  changed('messages')
}

const callLimit = 2000

function addCall(call) {
  if (!call) return
  const at = world.calls.findLastIndex((other) => other.seq <= call.seq)
  if (world.calls[at]?.seq === call.seq) world.calls[at] = call
  else world.calls.splice(at + 1, 0, call)
  if (world.calls.length > callLimit) world.calls.splice(0, world.calls.length - callLimit)
  learnFromCall(call)
  changed('calls')
}

function learnFromCall({ method, params, ok, result }) {
  if (!ok) return
  const name = String(method).toLowerCase()
  if (name === 'getme') noticeBot(result)
  if (name === 'setmycommands') {
    const commands = typeof params?.commands === 'string' ? parsed(params.commands) : params?.commands
    const scope = typeof params?.scope === 'string' ? parsed(params.scope) : params?.scope
    if (!Array.isArray(commands) || (scope && !/^(default|all_private_chats)$/.test(scope.type))) return
    world.commands.set(params.language_code ?? '', commands)
    changed('chats')
  }
  if (name === 'deletemycommands') world.commands.delete(params?.language_code ?? '')
}

function parsed(json) {
  try {
    return JSON.parse(json)
  } catch {
    return undefined
  }
}

function forgetAll() {
  world.people.clear()
  world.chats.clear()
  world.messages.clear()
  world.typing.clear()
  world.blocked.clear()
  world.commands.clear()
  world.calls = []
  world.shipments = []
  world.read = {}
  keep('read', {})
}

let loading

/** Reads everything again. Events that arrive meanwhile are only newer, and win by id. */
export function load() {
  loading ??= readAll().finally(() => {
    loading = undefined
  })
  return loading
}

async function readAll() {
  const [people, chats, calls] = await Promise.all([api.people(), api.chats(), api.calls().catch(() => [])])
  const shipments = await api.shipments().catch(() => [])
  world.people = new Map()
  world.chats = new Map()
  for (const person of people) addPerson(person)
  for (const chat of chats) addChat(chat)
  world.calls = []
  for (const call of calls.slice(-callLimit)) addCall(call)
  world.shipments = shipments
  const transcripts = await Promise.all(chats.map(async ({ id }) => [id, await api.messages(id)]))
  world.messages = new Map(transcripts)
  for (const [id, messages] of transcripts) {
    messages.sort((a, b) => a.message_id - b.message_id)
    for (const message of messages) learnFrom(message)
    // After a reset elsewhere the numbers start anew: what was "read" then says nothing now.
    for (const key of Object.keys(world.read)) {
      if (key.endsWith(`:${id}`) && world.read[key] > (messages.at(-1)?.message_id ?? 0)) delete world.read[key]
    }
  }
  world.loaded = true
  for (const topic of ['people', 'chats', 'messages', 'calls', 'shipments']) changed(topic)
}

async function loadShipments() {
  world.shipments = await api.shipments().catch(() => world.shipments)
  changed('shipments')
}

const handlers = {
  hello: (data) => noticeBot(data.bot ?? data.me),
  person: ({ person }) => addPerson(person),
  chat: ({ chat }) => addChat(chat),
  message: ({ chat_id, message }) => addMessage(chat_id, message),
  edit: ({ chat_id, message }) => addMessage(chat_id, message),
  delete: ({ chat_id, message_id }) => {
    const messages = messagesOf(chat_id)
    const at = messages.findIndex((message) => message.message_id === message_id)
    if (at >= 0) messages.splice(at, 1)
    changed('messages')
  },
  call: ({ call }) => addCall(call),
  action: ({ chat_id, action }) => {
    clearTimeout(world.typing.get(chat_id)?.timer)
    // Telegram shows an action for five seconds or until the message comes.
    const timer = setTimeout(() => {
      world.typing.delete(chat_id)
      changed('typing')
    }, 5000)
    world.typing.set(chat_id, { action, timer })
    changed('typing')
  },
  shipment: () => void loadShipments(),
  reset: () => {
    forgetAll()
    changed('reset')
    for (const topic of ['people', 'chats', 'messages', 'calls', 'shipments']) changed(topic)
  },
}

export function begin() {
  follow({
    onEvent: (kind, data) => handlers[kind]?.(data ?? {}),
    onOnline: () => {
      world.online = true
      changed('connection')
      load().catch(() => undefined)
    },
    onOffline: () => {
      if (!world.online) return
      world.online = false
      changed('connection')
    },
  })
}
