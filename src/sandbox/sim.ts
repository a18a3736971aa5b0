/** The person side: people, chats and what people send; faults, limits and what can be looked at. */
import type { FastifyInstance } from 'fastify'
import { z } from 'zod'
import { changeBlocked, changeBotStatus, changeMembers } from './membership.ts'
import { addSimActs, type Acquirer } from './sim-acts.ts'
import { id, messageBody, personOf, read, sendAs, SimError, writableBy } from './sim-posting.ts'
import type { Person, Room, World } from './world.ts'
import { callView, messageView, personView, roomView } from './world.ts'

const name = z.string().trim().min(1).max(64)
const username = z.string().regex(/^@?\w{1,32}$/, 'is not a username')

const personBody = z.object({
  id: z.int().positive().optional(),
  first_name: name.optional(),
  last_name: z.string().max(64).optional(),
  username: username.optional(),
  language_code: z.string().min(2).max(20).optional(),
})

const chatBody = z.object({
  /** An existing chat is changed instead: its title, members, administrators, the bot; a group becomes a supergroup. */
  id: id.optional(),
  type: z.enum(['group', 'supergroup', 'channel']).optional(),
  title: z.string().trim().min(1).max(128).optional(),
  username: username.optional(),
  members: z.array(id).optional(),
  admins: z.array(id).optional(),
  bot: z.enum(['member', 'administrator', 'none']).optional(),
})

const faultBody = z.object({
  method: z.string().min(1),
  error_code: z.int().min(400).max(599).optional(),
  description: z.string().optional(),
  retry_after: z.number().positive().optional(),
  delay_ms: z.number().min(0).max(600_000).optional(),
  drop: z.boolean().optional(),
  times: z.int().positive().optional(),
  probability: z.number().min(0).max(1).optional(),
})

/** People may send larger files than bots are given, 50 MB and more; as base64 that is a third more. */
const messageMaxBytes = 80 * 1024 * 1024

const limitsBody = z.object({
  global_per_second: z.number().positive().nullish(),
  per_chat_per_second: z.number().positive().nullish(),
  group_per_minute: z.number().positive().nullish(),
})

/** @param companies the rest of the world: what a reset forgets too, and who charges cards for invoices. */
export function addSim(app: FastifyInstance, world: World, companies: Acquirer & { reset(): void }): void {
  void app.register((scope, _options, done) => {
    // Any content type, and none, is JSON; an empty body is no body.
    scope.removeAllContentTypeParsers()
    scope.addContentTypeParser('*', { parseAs: 'string' }, (_request, body, parsed) => {
      const text = String(body)
      try {
        parsed(null, text.trim() === '' ? undefined : JSON.parse(text))
      } catch {
        parsed(new SimError(400, 'the body is not JSON'))
      }
    })
    addRoutes(scope, world, companies)
    addSimActs(scope, world, companies)
    done()
  })
}

function addRoutes(app: FastifyInstance, world: World, companies: { reset(): void }): void {
  app.post('/sim/reset', () => {
    world.reset()
    companies.reset()
    return { ok: true }
  })
  app.post('/sim/people', (request) => personView(putPerson(world, read(personBody, request.body))))
  app.get('/sim/people', () => [...world.people.values()].map(personView))
  app.post('/sim/chats', (request) => roomView(putChat(world, read(chatBody, request.body))))
  app.get('/sim/chats', () => [...world.rooms.values()].filter((room) => room.migratedTo === undefined).map(roomView))
  app.post('/sim/messages', { bodyLimit: messageMaxBytes }, (request) => {
    const body = read(messageBody, request.body)
    const person = personOf(world, body.from)
    return messageView(sendAs(world, person, writableBy(world, person, body.chat, body.text), body))
  })
  app.post('/sim/block', (request) => {
    const { from, blocked } = read(z.object({ from: id, blocked: z.boolean() }), request.body)
    const person = personOf(world, from)
    if (changeBlocked(world, person, blocked)) world.publish('person', { person: { ...person.user, blocked } })
    return { ...person.user, blocked }
  })
  app.get<{ Params: { id: string }; Querystring: { after?: string } }>('/sim/chats/:id/messages', (request) => {
    const chatId = Number(request.params.id)
    const room = world.rooms.get(chatId)
    if (!room && !world.people.has(chatId)) throw new SimError(404, `there is no chat ${request.params.id}`)
    return room ? world.messagesAfter(room, readAfter(request.query.after)).map(messageView) : []
  })
  app.get<{ Querystring: { method?: string; after?: string } }>('/sim/calls', (request) => {
    const method = request.query.method?.toLowerCase()
    const calls: object[] = []
    for (const call of world.callsAfter(readAfter(request.query.after))) {
      if (!method || call.method.toLowerCase() === method) calls.push(callView(call))
    }
    return calls
  })
  app.get('/sim/problems', () => world.problems())
  app.post('/sim/faults', (request) => {
    const fault = read(faultBody, request.body)
    world.faults.add(fault)
    return fault
  })
  app.get('/sim/faults', () => world.faults.list())
  app.delete('/sim/faults', () => {
    world.faults.clear()
    return { ok: true }
  })
  app.post('/sim/limits', (request) => {
    const given = read(limitsBody, request.body)
    world.pace.set({
      global_per_second: given.global_per_second ?? undefined,
      per_chat_per_second: given.per_chat_per_second ?? undefined,
      group_per_minute: given.group_per_minute ?? undefined,
    })
    return world.pace.get()
  })
}

function readAfter(value: string | undefined): number {
  if (value === undefined || value === '') return 0
  if (!/^-?\d{1,15}$/.test(value)) throw new SimError(400, 'after: is not a number')
  return Number(value)
}

/** A person with a known id is changed in what is given. */
function putPerson(world: World, body: z.infer<typeof personBody>): Person {
  const known = body.id === undefined ? undefined : world.people.get(body.id)
  const { id: given, ...rest } = body
  if (rest.username !== undefined) rest.username = rest.username.replace('@', '')
  const fields = Object.fromEntries(Object.entries(rest).filter(([, value]) => value !== undefined && value !== ''))
  if (known) {
    known.user = { ...known.user, ...fields }
    const room = world.rooms.get(known.user.id)
    if (room) room.chat = world.privateChat(known)
    world.publish('person', { person: personView(known) })
    return known
  }
  if (body.first_name === undefined) throw new SimError(400, 'first_name: is required')
  const user = { id: given ?? world.nextPersonId(), is_bot: false, first_name: body.first_name, ...fields }
  const person: Person = { user, blocked: false, started: false }
  world.people.set(user.id, person)
  world.publish('person', { person: personView(person) })
  return person
}

function putChat(world: World, body: z.infer<typeof chatBody>): Room {
  for (const personId of [...(body.members ?? []), ...(body.admins ?? [])]) personOf(world, personId)
  const handle = body.username?.replace('@', '')
  if (body.id !== undefined) return changeChat(world, body.id, body, handle)
  const { type, title } = body
  if (type === undefined) throw new SimError(400, 'type: is required')
  if (title === undefined) throw new SimError(400, 'title: is required')
  const chat = { id: world.newChatId(type), type, title, ...(handle === undefined ? {} : { username: handle }) }
  const room = world.makeRoom(chat, body.members ?? [], body.admins ?? [], 'left')
  // A bot in a channel can only be an administrator.
  const status = body.bot ?? (type === 'channel' ? 'administrator' : 'member')
  if (status === 'none') world.publish('chat', { chat: roomView(room) })
  else changeBotStatus(world, room, status)
  return room
}

function changeChat(world: World, chatId: number, body: z.infer<typeof chatBody>, handle: string | undefined): Room {
  let room = world.rooms.get(chatId)
  if (!room || room.chat.type === 'private') throw new SimError(404, `there is no chat ${chatId}`)
  if (body.type === 'supergroup' && room.chat.type === 'group') room = upgrade(world, room)
  else if (body.type !== undefined && body.type !== room.chat.type)
    throw new SimError(400, 'type: cannot be changed so')
  const { title = room.chat.title } = body
  room.chat = { ...room.chat, ...(title === undefined ? {} : { title }) }
  if (handle !== undefined) room.chat.username = handle
  if (body.members || body.admins) {
    changeMembers(world, room, body.members ?? [...room.members], body.admins ?? [...room.admins])
  }
  if (body.bot !== undefined) changeBotStatus(world, room, body.bot === 'none' ? 'kicked' : body.bot)
  world.publish('chat', { chat: roomView(room) })
  return room
}

/** A group becomes a supergroup with another id; the old one answers with `migrate_to_chat_id` from then on. */
function upgrade(world: World, old: Room): Room {
  const chat = { ...old.chat, id: world.newChatId('supergroup'), type: 'supergroup' as const }
  const room = world.makeRoom(chat, old.members, old.admins, old.bot)
  old.migratedTo = chat.id
  return room
}
