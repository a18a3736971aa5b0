/**
 * What exists in the sandbox: people, chats with their transcripts, files, open queries, and what went wrong.
 * Nothing here speaks HTTP. A person's private chat with the bot has the person's id; a chat between two people, where an
 * inline result may land, has an id of its own that the bot never sees.
 * Long because it is one state with one reset: split, every part would have to know the others' collections.
 */
import { randomUUID } from 'node:crypto'
import type { Events } from './events.ts'
import { makeFaults, makePace } from './faults.ts'
import type {
  Chat,
  ChatType,
  Document,
  Markup,
  Message,
  PhotoSize,
  Price,
  ShippingOption,
  User,
} from './telegram-types.ts'
import type { Updates } from './updates.ts'

export type BotStatus = 'member' | 'administrator' | 'left' | 'kicked'

export type Person = {
  user: User
  blocked: boolean
  /** Wrote to the bot at least once: before that the bot cannot write to them. */
  started: boolean
}

export type Room = {
  chat: Chat
  members: Set<number>
  /** The first one is the owner. */
  admins: Set<number>
  bot: BotStatus
  /** In order of their ids, deleted ones absent. */
  messages: Stored[]
  lastId: number
  instance: string
  migratedTo?: number
  pinned?: number
}

export type Terms = {
  title: string
  /** JSON for the payment provider, as the bot gave it. */
  providerData?: string
  payload: string
  currency: string
  prices: Price[]
  needsAddress: boolean
  isFlexible: boolean
  needsName: boolean
  needsPhone: boolean
  needsEmail: boolean
}

export type Stored = {
  message: Message
  edits: number
  byBot?: Bot
  inlineMessageId?: string
  /** A reply keyboard or its removal: people see it, Bot API messages do not carry it. */
  keyboard?: Markup
  photoUrl?: string
  terms?: Terms
  reactions?: unknown[]
  /** Who paid this invoice: a person pays the same message once. */
  paidBy?: Set<number>
}

export type StoredFile = {
  /** Of a picture; none of a document. */
  sizes: PhotoSize[]
  document?: Document
  path: string
  /** Bytes of an upload, or the address of a file that was given by URL and is never downloaded. */
  data?: Buffer
  url?: string
}

export type Bot = {
  token: string
  user: User
  updates: Updates
  commands: Map<string, unknown[]>
  /** Descriptions, names and menu buttons by what they are and for whom. */
  texts: Map<string, unknown>
}

export type QueryKind = 'callback' | 'inline' | 'shipping' | 'pre_checkout'

export type InlineAnswer = { results: InlineResult[]; next_offset: string; cache_time: number; button?: unknown }

/** A result as the bot gave it, and the message it will become. */
export type InlineResult = { id: string; given: Record<string, unknown>; content: Content }

export type Content = Pick<
  Message,
  | 'text'
  | 'entities'
  | 'link_preview_options'
  | 'photo'
  | 'document'
  | 'caption'
  | 'caption_entities'
  | 'show_caption_above_media'
  | 'invoice'
  | 'location'
  | 'reply_markup'
> & { photoUrl?: string; terms?: Terms }

export type Answer =
  | { kind: 'callback'; text?: string; show_alert?: boolean; url?: string }
  | ({ kind: 'inline' } & InlineAnswer)
  | { kind: 'shipping'; ok: boolean; options: ShippingOption[]; error_message?: string }
  | { kind: 'pre_checkout'; ok: boolean; error_message?: string }

export type Query = {
  id: string
  kind: QueryKind
  createdMs: number
  answered: boolean
  resolve(answer: Answer | undefined): void
}

export type Call = {
  seq: number
  atMs: number
  method: string
  params: unknown
  ok: boolean
  error_code?: number
  description?: string
  result?: unknown
  /** The answer was lost on order of a fault, after the effect. */
  dropped?: true
}

export type Problem = { seq: number; method: string; problem: string }

const callsKept = 100_000
const problemsKept = 10_000
/** Telegram forgets a query after this time, seconds; a callback's spinner stops earlier (see `answerQuery`). */
const queryKeptMs = 150_000
export const firstPersonId = 1_000_001

export type World = ReturnType<typeof makeWorld>

export function makeWorld(options: { now: () => number; botUsername: string; makeUpdates: (bot: Bot) => Updates }) {
  const { now } = options
  const people = new Map<number, Person>()
  const rooms = new Map<number, Room>()
  const inlineMessages = new Map<string, { room: Room; messageId: number }>()
  const files = new Map<string, StoredFile>()
  const filesByPath = new Map<string, StoredFile>()
  const filesByUrl = new Map<string, StoredFile>()
  const queries = new Map<string, Query>()
  /** By `person query`: what the bot offered, over all pages. */
  const offered = new Map<string, Map<string, InlineResult>>()
  const invoiceLinks = new Map<string, Content>()
  const bots = new Map<string, Bot>()
  const faults = makeFaults()
  const pace = makePace()
  let events: Events | undefined
  let calls: Call[] = []
  let callSeq = 0
  let problems: Problem[] = []
  let problemSeq = 0
  let nextPersonId = firstPersonId
  let nextGroup = 5_000_001
  let nextDialog = 9_000_000_001
  // Not restarted by a reset, nor by a restart of the process: products remember numbers of the past.
  let lastCommonMessage = 0
  let lastUnique = now() * 1000

  const unique = (): string => String(++lastUnique)
  const publish = (kind: string, data: unknown) => events?.publish(kind, data)

  /**
   * The bot that people talk to: the first token ever seen. Until one is, it waits for its token, so that messages sent
   * before the bot started are not lost.
   */
  const main = makeBot('')

  function makeBot(token: string): Bot {
    const bot: Bot = {
      token,
      user: {
        id: Number(token.split(':')[0] ?? 0),
        is_bot: true,
        first_name: 'Vmeste',
        username: options.botUsername,
      },
      updates: undefined as unknown as Updates,
      commands: new Map(),
      texts: new Map(),
    }
    bot.updates = options.makeUpdates(bot)
    return bot
  }

  /** @returns undefined when it is not the shape of a token */
  function botOf(token: string): Bot | undefined {
    const known = bots.get(token)
    if (known) return known
    if (!/^\d{1,15}:[\w-]{20,100}$/.test(token)) return undefined
    const bot = bots.size === 0 ? main : makeBot(token)
    bot.token = token
    bot.user.id = Number(token.split(':')[0])
    if (bot !== main) bot.user.username = `bot_${bot.user.id}_bot`
    bots.set(token, bot)
    return bot
  }

  function privateChat({ user }: Person): Chat {
    const chat: Chat = { id: user.id, type: 'private', first_name: user.first_name }
    if (user.last_name !== undefined) chat.last_name = user.last_name
    if (user.username !== undefined) chat.username = user.username
    return chat
  }

  function makeRoom(chat: Chat, members: Iterable<number>, admins: Iterable<number>, bot: BotStatus): Room {
    const room: Room = {
      chat,
      members: new Set([...members, ...admins]),
      admins: new Set(admins),
      bot,
      messages: [],
      lastId: 0,
      instance: unique(),
    }
    rooms.set(chat.id, room)
    return room
  }

  function newChatId(type: ChatType): number {
    const n = nextGroup++
    return type === 'group' ? -n : -(1_000_000_000_000 + n)
  }

  /** The chat of two people; made when first needed. */
  function dialogOf(one: Person, other: Person): Room {
    for (const room of rooms.values()) {
      if (room.chat.id >= 9_000_000_000 && room.members.has(one.user.id) && room.members.has(other.user.id)) return room
    }
    const title = `${one.user.first_name}, ${other.user.first_name}`
    const room = makeRoom({ id: nextDialog++, type: 'private', title }, [one.user.id, other.user.id], [], 'left')
    publish('chat', { chat: roomView(room) })
    return room
  }

  /** The person's chat with the bot; begins to exist with the person's first message. */
  function privateRoom(person: Person): Room {
    return rooms.get(person.user.id) ?? makeRoom(privateChat(person), [person.user.id], [], 'member')
  }

  function nextMessageId(room: Room): number {
    const own = room.chat.type === 'supergroup' || room.chat.type === 'channel'
    room.lastId = own ? room.lastId + 1 : ++lastCommonMessage
    return room.lastId
  }

  type Sender = { from?: User; sender_chat?: Chat; via_bot?: User }

  function post(
    room: Room,
    sender: Sender,
    content: Content,
    extra: Partial<Message> = {},
    stored: Partial<Stored> = {},
  ) {
    const { photoUrl, terms, ...visible } = content
    const message: Message = {
      message_id: nextMessageId(room),
      ...sender,
      chat: room.chat,
      date: Math.floor(now() / 1000),
      ...extra,
      ...visible,
    }
    const entry: Stored = { message, edits: 0, ...stored }
    if (photoUrl !== undefined) entry.photoUrl = photoUrl
    if (terms) entry.terms = terms
    room.messages.push(entry)
    if (entry.inlineMessageId !== undefined) {
      inlineMessages.set(entry.inlineMessageId, { room, messageId: message.message_id })
    }
    publish('message', () => ({ chat_id: room.chat.id, message: messageView(entry) }))
    return entry
  }

  function indexOf(room: Room, messageId: number): number {
    let low = 0
    let high = room.messages.length - 1
    while (low <= high) {
      const middle = (low + high) >> 1
      const id = room.messages[middle]?.message.message_id ?? 0
      if (id === messageId) return middle
      if (id < messageId) low = middle + 1
      else high = middle - 1
    }
    return -1 - low
  }

  function findMessage(room: Room, messageId: number): Stored | undefined {
    const index = indexOf(room, messageId)
    return index < 0 ? undefined : room.messages[index]
  }

  function messagesAfter(room: Room, messageId: number): Stored[] {
    const index = indexOf(room, messageId)
    return room.messages.slice(index < 0 ? -1 - index : index + 1)
  }

  /** Gives a message new content; what the old one had and the new one has not is gone. */
  function edit(room: Room, entry: Stored, content: Content): void {
    const { photoUrl, terms, ...visible } = content
    const { text, entities, link_preview_options, photo, caption, caption_entities, ...rest } = entry.message
    void [text, entities, link_preview_options, photo, caption, caption_entities]
    const { reply_markup, show_caption_above_media, has_media_spoiler, location, invoice, document, ...frame } = rest
    void [reply_markup, show_caption_above_media, has_media_spoiler, location, invoice, document]
    entry.message = { ...frame, ...visible, edit_date: Math.floor(now() / 1000) }
    entry.edits++
    if (photoUrl === undefined) delete entry.photoUrl
    else entry.photoUrl = photoUrl
    if (terms) entry.terms = terms
    else delete entry.terms
    publish('edit', () => ({ chat_id: room.chat.id, message: messageView(entry) }))
  }

  function remove(room: Room, messageId: number): boolean {
    const index = indexOf(room, messageId)
    if (index < 0) return false
    room.messages.splice(index, 1)
    if (room.pinned === messageId) delete room.pinned
    publish('delete', { chat_id: room.chat.id, message_id: messageId })
    return true
  }

  function addFile(source: { url: string } | { data: Buffer; width?: number; height?: number }): StoredFile {
    const known = 'url' in source ? filesByUrl.get(source.url) : undefined
    if (known) return known
    const n = unique()
    const [width, height] = 'data' in source ? (pngSize(source.data) ?? [1280, 960]) : [1280, 960]
    const scale = Math.min(1, 320 / Math.max(width, height))
    const bytes = 'data' in source ? { file_size: source.data.length } : {}
    const size = (letter: string, factor: number): PhotoSize => ({
      file_id: `AgACAgIAAxk${letter}${n}`,
      file_unique_id: `AQAD${letter}${n}`,
      width: Math.max(1, Math.round(width * factor)),
      height: Math.max(1, Math.round(height * factor)),
      ...bytes,
    })
    const file: StoredFile = { sizes: [size('s', scale), size('y', 1)], path: `photos/file_${n}.jpg`, ...source }
    for (const { file_id } of file.sizes) files.set(file_id, file)
    filesByPath.set(file.path, file)
    if ('url' in source) filesByUrl.set(source.url, file)
    return file
  }

  function addDocument(source: { url: string } | { data: Buffer; name: string; mime: string }): StoredFile {
    const n = unique()
    const ids = { file_id: `BQACAgIAAxk${n}`, file_unique_id: `AgAD${n}` }
    const isUpload = 'data' in source
    const name = isUpload ? source.name : new URL(source.url).pathname.split('/').at(-1)
    const document: Document = {
      ...ids,
      ...(name ? { file_name: name } : {}),
      ...(isUpload ? { mime_type: source.mime, file_size: source.data.length } : {}),
    }
    const ending = /\.[A-Za-z0-9]{1,8}$/.exec(name ?? '')?.[0] ?? ''
    const kept = isUpload ? { data: source.data } : { url: source.url }
    const file: StoredFile = { sizes: [], document, path: `documents/file_${n}${ending}`, ...kept }
    files.set(document.file_id, file)
    filesByPath.set(file.path, file)
    return file
  }

  /** Where the page finds the picture. */
  const fileUrl = (file: StoredFile): string => file.url ?? `/file/sandbox/${file.sizes.at(-1)?.file_id}`

  function openQuery(kind: QueryKind): { id: string; answer: Promise<Answer | undefined> } {
    for (const old of queries.values()) {
      if (old.createdMs > now() - queryKeptMs) break
      queries.delete(old.id)
    }
    const id = unique()
    const answer = new Promise<Answer | undefined>((resolve) => {
      queries.set(id, { id, kind, createdMs: now(), answered: false, resolve })
    })
    return { id, answer }
  }

  function recordCall(call: Omit<Call, 'seq' | 'atMs'>): void {
    const entry: Call = { seq: ++callSeq, atMs: now(), ...call }
    calls[callSeq % callsKept] = entry
    publish('call', () => callView(entry))
  }

  function* callsAfter(seq: number): Generator<Call> {
    for (let i = Math.max(seq + 1, callSeq - callsKept + 1, 1); i <= callSeq; i++) {
      const call = calls[i % callsKept]
      if (call?.seq === i) yield call
    }
  }

  function addProblem(method: string, problem: string): void {
    problems.push({ seq: ++problemSeq, method, problem })
    if (problems.length > problemsKept * 2) problems = problems.slice(-problemsKept)
  }

  /** Forgets everything but the bots' tokens and webhooks. */
  function reset(): void {
    for (const query of queries.values()) query.resolve(undefined)
    const collections = [people, rooms, inlineMessages, files, filesByPath, filesByUrl, queries, offered, invoiceLinks]
    for (const collection of collections) collection.clear()
    for (const bot of new Set([main, ...bots.values()])) {
      bot.updates.drop()
      bot.commands.clear()
      bot.texts.clear()
    }
    faults.clear()
    pace.set({})
    calls = []
    problems = []
    nextPersonId = firstPersonId
    publish('reset', {})
  }

  return {
    now,
    people,
    rooms,
    inlineMessages,
    files,
    filesByPath,
    queries,
    offered,
    invoiceLinks,
    bots,
    main,
    faults,
    pace,
    unique,
    publish,
    botOf,
    privateChat,
    makeRoom,
    newChatId,
    dialogOf,
    privateRoom,
    post,
    findMessage,
    messagesAfter,
    edit,
    remove,
    addFile,
    addDocument,
    fileUrl,
    openQuery,
    recordCall,
    callsAfter,
    addProblem,
    reset,
    problems: () => problems.slice(-problemsKept),
    nextPersonId: () => {
      while (people.has(nextPersonId)) nextPersonId++
      return nextPersonId++
    },
    newInlineMessageId: () => `IM${randomUUID().replaceAll('-', '')}`,
    useEvents(made: Events) {
      events = made
    },
  }
}

export const callView = ({ seq, atMs, method, params, ...rest }: Call): object => ({
  seq,
  at: new Date(atMs).toISOString(),
  method,
  params,
  ...rest,
})

export const personView = ({ user, blocked }: Person): object => (blocked ? { ...user, blocked } : user)

export const roomView = ({ chat, members, admins, bot }: Room): object => ({
  ...chat,
  members: [...members],
  admins: [...admins],
  bot: bot === 'left' || bot === 'kicked' ? 'none' : bot,
})

/** A message as its chat shows it: Telegram's Message plus what only the sandbox knows. */
export function messageView({ message, edits, inlineMessageId, keyboard, photoUrl, reactions }: Stored): object {
  return {
    ...message,
    edits,
    ...(inlineMessageId === undefined ? {} : { inline_message_id: inlineMessageId }),
    ...(photoUrl === undefined ? {} : { photo_url: photoUrl }),
    ...(keyboard ? { reply_markup: keyboard } : {}),
    ...(reactions ? { reactions } : {}),
  }
}

function pngSize(data: Buffer): [number, number] | undefined {
  if (data.length < 24 || data.readUInt32BE(0) !== 0x89504e47) return undefined
  const [width, height] = [data.readUInt32BE(16), data.readUInt32BE(20)]
  return width > 0 && height > 0 && width < 100_000 && height < 100_000 ? [width, height] : undefined
}
