/** Messages nobody asked for just now: notifications, live cards, posts. Called by jobs; sent by a messenger. */
import type { Deps } from '#shop/deps.ts'
import { cardShown, forgetCard, groupById, staleCards } from '#shop/group-buy.ts'
import {
  addresseeOf,
  addressUnreachable,
  doubtOrphanedSends,
  notificationDone,
  takeNotification,
  type ClaimedNotice,
} from '#shop/notifications.ts'
import { postPublished, takePost } from '#shop/sellers.ts'
import { languages } from '#domain/people.ts'
import { sharedCard } from './group-card.ts'
import type { Messenger } from './messenger.ts'
import { noticeScreen } from './notices.ts'
import { postScreen } from './sellers.ts'
import { screenToMessage } from './text.ts'

export type Outbox = {
  /** Sends everything that is due, most important first. One call at a time across all processes: the queue sees to it. */
  sendNotifications(): Promise<{ sent: number; doubtful: number }>
  /** Edits every copy of a group's card that shows an older state. */
  updateCards(groupId: number): Promise<void>
  publishPost(postId: number): Promise<void>
}

/** How many notifications are on their way at once: the messenger's pace decides the rest. */
const inFlight = 8

export function createOutbox(deps: Deps, messengers: readonly Messenger[]): Outbox {
  const byName = new Map<string, Messenger>(messengers.map((messenger) => [messenger.name, messenger]))

  async function deliver(notice: ClaimedNotice): Promise<'sent' | 'doubtful' | 'unreachable' | 'dropped'> {
    const { language, timeZone, addresses } = await addresseeOf(deps.db, notice.personId)
    const reader = { language, timeZone, now: deps.now() }
    const screen = await noticeScreen(notice, notice.personId, reader, deps)
    if (!screen) return 'dropped'
    const message = screenToMessage(screen, reader)
    const isAboutGroup = notice.kind.startsWith('group-')
    for (const { messenger, externalId } of addresses) {
      const room = byName.get(messenger)
      if (!room) continue
      const result = await room.send(externalId, message, isAboutGroup ? 'group' : 'status')
      if (result.ok) return 'sent'
      switch (result.reason) {
        case 'unreachable':
          await addressUnreachable(deps.db, messenger, externalId, deps.now())
          continue
        case 'unknown':
          return 'doubtful'
        case 'refused':
          throw new Error(`notification ${notice.notificationId} (${notice.kind}) was refused: ${result.detail}`)
      }
    }
    return 'unreachable'
  }

  return {
    async sendNotifications() {
      const doubtful = await doubtOrphanedSends(deps.db)
      let sent = 0
      const failures: unknown[] = []
      const lane = async () => {
        for (;;) {
          const notice = await takeNotification(deps.db, deps.now())
          if (!notice) return
          try {
            const state = await deliver(notice)
            await notificationDone(deps.db, notice.notificationId, state, deps.now())
            if (state === 'sent') sent += 1
          } catch (error) {
            // One that cannot be sent must not stop the others; the job reports it at the end.
            failures.push(error)
            await notificationDone(deps.db, notice.notificationId, 'dropped', deps.now())
          }
        }
      }
      await Promise.all(Array.from({ length: inFlight }, lane))
      if (failures.length > 0) throw new AggregateError(failures, `${failures.length} notifications could not be sent`)
      return { sent, doubtful }
    },

    async updateCards(groupId) {
      const group = await groupById(deps.db, groupId)
      if (!group) return
      const results = await Promise.all(
        (await staleCards(deps.db, groupId, group.version)).map(async (card) => {
          const room = byName.get(card.messenger)
          if (!room) return true
          const language = languages.find((candidate) => candidate === card.language) ?? 'ru'
          const reader = { language, timeZone: 'Europe/Moscow', now: deps.now() }
          const result = await room.edit(card.messageRef, screenToMessage(sharedCard(group, reader), reader), 'group')
          if (result.ok) await cardShown(deps.db, card.messenger, card.messageRef, group.version)
          else if (result.reason === 'gone') await forgetCard(deps.db, card.messenger, card.messageRef)
          return result.ok || result.reason === 'gone'
        }),
      )
      // Edits are harmless to repeat: the queue runs this again after a pause.
      if (results.includes(false)) throw new Error(`some cards of group ${groupId} still show an older state`)
    },

    async publishPost(postId) {
      const post = await takePost(deps.db, postId, deps.now())
      const room = post && byName.get(post.messenger)
      if (!post || !room) return
      const reader = { language: 'ru' as const, timeZone: 'Europe/Moscow', now: deps.now() }
      const result = await room.send(post.channelExternalId, screenToMessage(postScreen(post), reader), 'broadcast')
      const state = result.ok ? 'sent' : result.reason === 'unknown' ? 'doubtful' : 'failed'
      await postPublished(deps.db, postId, state, result.ok ? result.ref : null, deps.now())
    },
  }
}
