/** Messages nobody asked for just now: notifications, live cards, posts. Called by jobs; sent by a messenger. */
import type { Deps } from '#shop/deps.ts'
import { groupById, type GroupRow } from '#shop/group-buy.ts'
import {
  cardShown,
  cardsToEdit,
  followCard,
  forgetCard,
  isStillShown,
  type CardRow,
  type CardSubject,
} from '#shop/live-cards.ts'
import {
  addresseeOf,
  addressUnreachable,
  doubtOrphanedSends,
  notificationDone,
  sendLater,
  takeNotification,
  type ClaimedNotice,
} from '#shop/notifications.ts'
import { orderOf } from '#shop/orders.ts'
import { isShownTo } from '#shop/people.ts'
import { postAgain, postPublished, takePost } from '#shop/sellers.ts'
import { languages } from '#domain/people.ts'
import { adultQuestion } from './adult-question.ts'
import { toSubject } from './follow.ts'
import { groupScreen } from './group-buy.ts'
import { sharedCard } from './group-card.ts'
import type { DownloadResult, Messenger } from './messenger.ts'
import { noticeScreen } from './notices.ts'
import { orderScreen } from './orders.ts'
import type { Screen } from './screen.ts'
import { postScreen } from './sellers.ts'
import { screenToMessage } from './text.ts'

export type Outbox = {
  /** Sends everything that is due, most important first. One call at a time across all processes: the queue sees to it. */
  sendNotifications(): Promise<{ sent: number; doubtful: number }>
  /** Edits every message that shows an older state of a group or an order. */
  updateCards(subject: CardSubject): Promise<void>
  publishPost(postId: number): Promise<void>
  /** A file that somebody sent in a messenger. */
  download(messenger: string, ref: string): Promise<DownloadResult>
}

/** What came of one notification; `later`: nothing was sent, and it is safe to try again. */
type Delivery =
  | { sentAs: Parameters<typeof followCard>[1] | undefined }
  | 'later'
  | 'doubtful'
  | 'unreachable'
  | 'dropped'

/** A notification that fails so often has a defect: the job's errors say which. */
const triesMax = 8

/** How many notifications are on their way at once: the messenger's pace decides the rest. */
const inFlight = 8

export function createOutbox(deps: Deps, messengers: readonly Messenger[]): Outbox {
  const byName = new Map<string, Messenger>(messengers.map((messenger) => [messenger.name, messenger]))

  async function deliver(notice: ClaimedNotice): Promise<Delivery> {
    const { language, timeZone, addresses } = await addresseeOf(deps.db, notice.personId)
    const reader = { language, timeZone, now: deps.now() }
    const told = await noticeScreen(notice, notice.personId, reader, deps)
    if (!told) return 'dropped'
    const message = screenToMessage(told.screen, reader)
    const isAboutGroup = notice.kind.startsWith('group-')
    for (const { messenger, externalId } of addresses) {
      const room = byName.get(messenger)
      if (!room) continue
      const result = await room.send(externalId, message, isAboutGroup ? 'group' : 'status')
      if (result.ok) {
        const card = { messenger, messageRef: result.ref, language, personId: notice.personId }
        return { sentAs: told.follows && { ...card, ...toSubject(told.follows) } }
      }
      switch (result.reason) {
        case 'unreachable':
          await addressUnreachable(deps.db, messenger, externalId, deps.now())
          continue
        case 'unsent':
          return 'later'
        case 'unknown':
          return 'doubtful'
        case 'refused':
          throw new Error(`notification ${notice.notificationId} (${notice.kind}) was refused: ${result.detail}`)
      }
    }
    return 'unreachable'
  }

  /** @returns false if the message could not be edited now. */
  async function redraw(card: CardRow, subject: CardSubject, group: GroupRow | undefined): Promise<boolean> {
    const room = byName.get(card.messenger)
    if (!room) return true
    const language = languages.find((candidate) => candidate === card.language) ?? 'ru'
    const person = card.personId === null ? undefined : await addresseeOf(deps.db, card.personId)
    const reader = {
      language: person?.language ?? language,
      timeZone: person?.timeZone ?? card.timeZone ?? 'Europe/Moscow',
      now: deps.now(),
    }
    const screen = await screenOf()
    if (!screen) return true
    // In a private chat the reader may go on to another screen in the same message while this waits for its turn. What
    // they open is drawn only after the card is forgotten: a redraw that was still wanted has left before it.
    const isStillWanted = card.personId === null ? undefined : () => isStillShown(deps.db, card, subject)
    const result = await room.edit(card.messageRef, screenToMessage(screen, reader), 'group', isStillWanted)
    if (result.ok && group) await cardShown(deps.db, card, group.version)
    if (!result.ok && result.reason === 'gone') await forgetCard(deps.db, card)
    return result.ok || result.reason === 'gone'

    async function screenOf(): Promise<Screen | undefined> {
      if (group)
        return card.personId === null
          ? sharedCard(group, reader, card.sharerId)
          : (await isShownTo(deps.db, card.personId, group))
            ? groupScreen({ deps, reader }, card.personId, group)
            : adultQuestion(group)
      if (!('orderId' in subject) || card.personId === null) return undefined
      const order = await orderOf(deps.db, subject.orderId, card.personId)
      return order && orderScreen(order, reader, deps)
    }
  }

  return {
    async sendNotifications() {
      const doubtful = await doubtOrphanedSends(deps.db)
      let sent = 0
      const failures: unknown[] = []
      let isOut = false
      const lane = async () => {
        // Without a connection every message would be taken, tried and put back: the rest waits with the first.
        while (!isOut) {
          const notice = await takeNotification(deps.db, deps.now())
          if (!notice) return
          const { notificationId, attempts } = notice
          let delivery: Delivery
          try {
            delivery = await deliver(notice)
            isOut ||= delivery === 'later'
          } catch (error) {
            // One that cannot be sent must not stop the others; the job reports it at the end.
            failures.push(error)
            delivery = attempts < triesMax ? 'later' : 'dropped'
          }
          if (delivery === 'later') {
            await sendLater(deps.db, notificationId, attempts, deps.now())
            continue
          }
          await notificationDone(deps.db, notificationId, typeof delivery === 'object' ? 'sent' : delivery, deps.now())
          if (typeof delivery !== 'object') continue
          sent += 1
          if (delivery.sentAs)
            await followCard(deps.db, delivery.sentAs, deps.now()).catch((error) => failures.push(error))
        }
      }
      await Promise.all(Array.from({ length: inFlight }, lane))
      if (failures.length > 0) throw new AggregateError(failures, `${failures.length} notifications could not be sent`)
      return { sent, doubtful }
    },

    async updateCards(subject) {
      const group = 'groupId' in subject ? await groupById(deps.db, subject.groupId) : undefined
      const cards = await cardsToEdit(deps.db, subject, group?.version)
      const results = await Promise.all(cards.map((card) => redraw(card, subject, group)))
      // Edits are harmless to repeat: the queue runs this again after a pause.
      if (results.includes(false))
        throw new Error(`some messages still show an older state of ${JSON.stringify(subject)}`)
    },

    async download(messenger, ref) {
      return byName.get(messenger)?.download(ref) ?? { ok: false, reason: 'gone' }
    },

    async publishPost(postId) {
      const post = await takePost(deps.db, postId, deps.now())
      const room = post && byName.get(post.messenger)
      if (!post || !room) return
      const { language, timeZone } = await addresseeOf(deps.db, post.authorId)
      const reader = { language, timeZone, now: deps.now() }
      const result = await room.send(
        post.channelExternalId,
        screenToMessage(postScreen(post, reader), reader),
        'broadcast',
      )
      if (!result.ok && result.reason === 'unsent') {
        await postAgain(deps.db, postId)
        throw new Error(`post ${postId} could not be sent: no connection`)
      }
      const state = result.ok ? 'sent' : result.reason === 'unknown' ? 'doubtful' : 'failed'
      await postPublished(deps.db, postId, state, result.ok ? result.ref : null, deps.now())
    },
  }
}
