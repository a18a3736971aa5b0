/** How the bot and people belong to chats, and the updates that a change of it gives. */
import type { User } from './telegram-types.ts'
import type { BotStatus, Person, Room, World } from './world.ts'
import { roomView } from './world.ts'

const rights = {
  is_anonymous: false,
  can_manage_chat: true,
  can_delete_messages: true,
  can_manage_video_chats: true,
  can_restrict_members: true,
  can_promote_members: false,
  can_change_info: true,
  can_invite_users: true,
  can_post_stories: true,
  can_edit_stories: true,
  can_delete_stories: true,
  can_pin_messages: true,
}

const channelRights = { can_post_messages: true, can_edit_messages: true }

/** How a person or the bot belongs to a chat, as a ChatMember. */
export function memberView(world: World, room: Room, user: User): object {
  if (user.id === world.main.user.id) return statusView(room, user, room.bot)
  const [owner] = room.admins
  if (owner === user.id) return { status: 'creator', user, is_anonymous: false }
  if (room.admins.has(user.id)) return statusView(room, user, 'administrator')
  return statusView(room, user, room.members.has(user.id) ? 'member' : 'left')
}

function statusView(room: Room, user: User, status: BotStatus): object {
  if (status === 'administrator') {
    const extra = room.chat.type === 'channel' ? channelRights : {}
    return { status, user, can_be_edited: false, ...rights, ...extra }
  }
  return status === 'kicked' ? { status, user, until_date: 0 } : { status, user }
}

const lane = (room: Room): string => `chat ${room.chat.id}`

/** Adds, promotes or removes the bot; a chat's owner is the one who did it. Nothing happens when it changes nothing. */
export function changeBotStatus(world: World, room: Room, status: BotStatus): void {
  const before = room.bot
  if (before === status) return
  room.bot = status
  const [owner] = [...room.admins, ...room.members, ...world.people.keys()]
  const bot = world.main.user
  const change = {
    chat: room.chat,
    from: (owner === undefined ? undefined : world.people.get(owner)?.user) ?? bot,
    date: Math.floor(world.now() / 1000),
    old_chat_member: statusView(room, bot, before),
    new_chat_member: statusView(room, bot, status),
  }
  world.main.updates.push('my_chat_member', change, lane(room))
  world.publish('chat', { chat: roomView(room) })
}

/** @returns whether anything changed */
export function changeBlocked(world: World, person: Person, blocked: boolean): boolean {
  if (person.blocked === blocked) return false
  person.blocked = blocked
  const user = world.main.user
  const member = { status: 'member', user }
  const kicked = { status: 'kicked', user, until_date: 0 }
  const change = {
    chat: world.privateChat(person),
    from: person.user,
    date: Math.floor(world.now() / 1000),
    old_chat_member: blocked ? member : kicked,
    new_chat_member: blocked ? kicked : member,
  }
  world.main.updates.push('my_chat_member', change, `chat ${person.user.id}`)
  return true
}

/** Replaces who belongs to a chat; an administrator bot that asked for `chat_member` updates learns of each change. */
export function changeMembers(world: World, room: Room, members: number[], admins: number[]): void {
  const next = { members: new Set([...members, ...admins]), admins: new Set(admins) }
  const touched = new Set([...room.members, ...next.members])
  const before = new Map<number, object>()
  for (const id of touched) {
    const user = world.people.get(id)?.user
    if (user) before.set(id, memberView(world, room, user))
  }
  Object.assign(room, next)
  if (room.bot !== 'administrator') return
  for (const [id, old] of before) {
    const user = world.people.get(id)?.user
    if (!user) continue
    const now = memberView(world, room, user)
    if (JSON.stringify(old) === JSON.stringify(now)) continue
    const change = {
      chat: room.chat,
      from: user,
      date: Math.floor(world.now() / 1000),
      old_chat_member: old,
      new_chat_member: now,
    }
    world.main.updates.push('chat_member', change, lane(room))
  }
}
