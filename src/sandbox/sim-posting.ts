/** What any act of a person needs: who, where they may write, and how what they send gets there. */
import { z } from 'zod'
import { formatText } from './entities.ts'
import { changeBlocked, changeMembers } from './membership.ts'
import type { Message } from './telegram-types.ts'
import type { Content, Person, Room, Stored, World } from './world.ts'
import { personView, roomView } from './world.ts'

/** A refusal of the sandbox's own interface: `{"error": message}`. */
export class SimError extends Error {
  readonly statusCode: number

  constructor(statusCode: number, message: string) {
    super(message)
    this.name = 'SimError'
    this.statusCode = statusCode
  }
}

export const id = z.int()

export const messageBody = z.object({
  from: id,
  chat: id.optional(),
  text: z.string().optional(),
  photo: z.string().optional(),
  /** `data` is base64. */
  document: z
    .object({ name: z.string().min(1).max(255), data: z.string(), mime: z.string().max(100).optional() })
    .optional(),
  caption: z.string().max(1024).optional(),
  location: z.object({ latitude: z.number().min(-90).max(90), longitude: z.number().min(-180).max(180) }).optional(),
  contact: z
    .object({
      phone_number: z.string().min(1),
      first_name: z.string().min(1),
      last_name: z.string().optional(),
      /** Whose contact it is, when not the sender's own. */
      user_id: id.optional(),
    })
    .optional(),
  reply_to: id.optional(),
})

/** @throws SimError 400 that says which field is wrong */
export function read<T>(schema: z.ZodType<T>, body: unknown): T {
  const result = schema.safeParse(body ?? {})
  if (result.success) return result.data
  const [issue] = result.error.issues
  throw new SimError(400, `${issue?.path.join('.') || 'body'}: ${issue?.message ?? 'malformed'}`)
}

/** @throws SimError 404 */
export function personOf(world: World, personId: number): Person {
  const person = world.people.get(personId)
  if (!person) throw new SimError(404, `there is no person ${personId}`)
  return person
}

/**
 * The chat as this person finds it, if they may write there. Another person's id means the chat between the two. In groups
 * they join by writing; a channel is for its administrators.
 * @throws SimError 403, 404
 */
export function writableBy(world: World, person: Person, chatId: number | undefined, text?: string): Room {
  const personId = person.user.id
  if (chatId === undefined || chatId === personId) {
    if (person.blocked) {
      if (!text?.startsWith('/start')) throw new SimError(403, `person ${personId} has blocked the bot`)
      changeBlocked(world, person, false)
      world.publish('person', { person: personView(person) })
    }
    person.started = true
    return world.privateRoom(person)
  }
  const other = world.people.get(chatId)
  const room = other ? world.dialogOf(person, other) : world.rooms.get(chatId)
  if (!room || room.migratedTo !== undefined) throw new SimError(404, `there is no chat ${chatId}`)
  if (room.chat.type === 'channel') {
    if (room.admins.size > 0 && !room.admins.has(personId)) {
      throw new SimError(403, `person ${personId} is not an administrator of the channel`)
    }
  } else if (!room.members.has(personId)) {
    if (room.chat.type === 'private') throw new SimError(403, `person ${personId} is not in chat ${chatId}`)
    changeMembers(world, room, [...room.members, personId], [...room.admins])
    world.publish('chat', { chat: roomView(room) })
  }
  return room
}

type Sent = Omit<z.infer<typeof messageBody>, 'from' | 'chat'>

/** Posts what a person sends, and tells the bot if it is there. */
export function sendAs(world: World, person: Person, room: Room, body: Sent): Stored {
  const { content, extra } = contentOf(world, person, body)
  if (body.reply_to !== undefined) {
    const original = world.findMessage(room, body.reply_to)
    if (!original) throw new SimError(404, `there is no message ${body.reply_to}`)
    const { reply_to_message, ...plain } = original.message
    void reply_to_message
    extra.reply_to_message = plain
  }
  return postAs(world, person, room, content, extra)
}

/** Posts as the person, or as the channel they write for; the bot is told where it is present. */
export function postAs(
  world: World,
  person: Person,
  room: Room,
  content: Content,
  extra: Partial<Message> = {},
  stored: Partial<Stored> = {},
): Stored {
  const isChannel = room.chat.type === 'channel'
  const entry = world.post(room, isChannel ? { sender_chat: room.chat } : { from: person.user }, content, extra, stored)
  tellBot(world, room, entry)
  return entry
}

export function tellBot(world: World, room: Room, entry: Stored): void {
  if (room.bot === 'left' || room.bot === 'kicked') return
  if (room.chat.type === 'channel' && room.bot !== 'administrator') return
  const kind = room.chat.type === 'channel' ? 'channel_post' : 'message'
  world.main.updates.push(kind, entry.message, `chat ${room.chat.id}`)
}

function contentOf(world: World, person: Person, body: Sent): { content: Content; extra: Partial<Message> } {
  const { text, photo, document, location, contact, caption } = body
  const given = [text, photo, document, location, contact].filter((value) => value !== undefined)
  if (given.length !== 1)
    throw new SimError(400, 'body: exactly one of text, photo, document, location, contact is needed')
  if (text !== undefined) {
    if (text.trim() === '') throw new SimError(400, 'text: is empty')
    const formatted = formatText(text, undefined, undefined, () => undefined)
    if (formatted.text.length > 4096) throw new SimError(400, 'text: is longer than 4096 characters')
    const { entities } = formatted
    return { content: { text: formatted.text, ...(entities.length > 0 ? { entities } : {}) }, extra: {} }
  }
  if (photo !== undefined) {
    const file = world.addFile(/^https?:\/\//i.test(photo) ? { url: photo } : { data: fromBase64('photo', photo) })
    return {
      content: { photo: file.sizes, photoUrl: world.fileUrl(file), ...(caption ? { caption } : {}) },
      extra: {},
    }
  }
  if (document) {
    const { name, mime = 'application/octet-stream' } = document
    const file = world.addDocument({ data: fromBase64('document', document.data), name, mime })
    const content = { ...(file.document && { document: file.document }), ...(caption ? { caption } : {}) }
    return { content, extra: {} }
  }
  if (location) return { content: { location }, extra: {} }
  const { phone_number, first_name, last_name, user_id } = contact ?? { phone_number: '', first_name: '' }
  const surname = last_name === undefined ? {} : { last_name }
  return {
    content: {},
    extra: { contact: { phone_number, first_name, ...surname, user_id: user_id ?? person.user.id } },
  }
}

function fromBase64(field: string, text: string): Buffer {
  const data = text.replace(/^data:[^,]*,/, '')
  if (data === '' || !/^[A-Za-z0-9+/_-]+={0,2}\s*$/.test(data))
    throw new SimError(400, `${field}: is neither a URL nor base64`)
  return Buffer.from(data, 'base64')
}
