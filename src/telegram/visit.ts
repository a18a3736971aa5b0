/** One update on its way through the bot: who it is, what arrived, and how it is answered. */
import type { Arrival, Front, Visitor } from '#chat/front.ts'
import type { MessageRef, Reply } from '#chat/messenger.ts'
import type { Message } from '#chat/screen.ts'
import type { Log } from './api.ts'
import { plainText, startLink } from './render.ts'
import type { Post, TapAnswer } from './send.ts'
import type { Held } from './tap-answer.ts'
import { toLastingRef, type Incoming, type InvoiceAsked } from './update.ts'

export type Visit = {
  incoming: Exclude<Incoming, InvoiceAsked>
  visitor: Visitor
  /** Marks the update as done; only the first call does anything. `left` was edited into another screen. */
  finish(left?: MessageRef): Promise<void>
  isFinished(): boolean
  /** Called before the pressed message is edited into another screen. */
  leave(pressed: MessageRef): Promise<void>
  /** Keeps a message up to date that shows what `reply.follows` says. */
  follow(reply: Reply, ref: MessageRef): Promise<void>
  /** Answers a tap; only the first call does anything, and none does for other updates. */
  answerTap(answer: TapAnswer): Promise<void>
  /** Answers a tap without words by a call at once, unless it is answered. */
  stopSpinning(): Promise<void>
  isTapAnswered(): boolean
}

/** @param held where the answer to a tap waits, if the update came by webhook. */
export function openVisit(
  incoming: Visit['incoming'],
  arrival: Arrival,
  visitor: Visitor,
  tools: { front: Front; post: Post; held: Held | undefined },
): Visit {
  const { front, post, held } = tools
  let isFinished = false
  let answering: Promise<void> | undefined
  return {
    incoming,
    visitor,
    async leave(pressed) {
      await front.leave(visitor, toLastingRef(pressed))
    },
    async follow({ follows }, ref) {
      if (follows) await front.follow(visitor, follows, toLastingRef(ref))
    },
    async finish(left) {
      if (isFinished) return
      await front.finish(arrival, left === undefined ? undefined : toLastingRef(left))
      isFinished = true
    },
    isFinished: () => isFinished,
    async answerTap(answer) {
      if (incoming.kind === 'tap') await (answering ??= post.answerTap(incoming.queryId, answer, held))
    },
    async stopSpinning() {
      if (incoming.kind !== 'tap') return
      const payload = { callback_query_id: incoming.queryId }
      await (answering ??= held?.callNow(payload) ?? post.answerTap(incoming.queryId, {}))
    },
    isTapAnswered: () => answering !== undefined,
  }
}

/** Shows what came of a message, a command or a tap. A group or a channel never sees a private screen. */
export async function showReply(visit: Visit, reply: Reply, tools: { post: Post; username: string; log: Log }) {
  const { incoming } = visit
  if (incoming.kind === 'tap') await showAfterTap(incoming, visit, reply, tools)
  else
    await sendAnew(
      visit,
      reply,
      reply.message ?? (reply.toast === undefined ? undefined : toMessage(reply.toast)),
      tools,
    )
}

async function showAfterTap(
  tap: Extract<Incoming, { kind: 'tap' }>,
  visit: Visit,
  reply: Reply,
  tools: { post: Post; username: string; log: Log },
): Promise<void> {
  const isTooLate = visit.isTapAnswered()
  const answering = visit.answerTap(tapAnswer(reply, tools.username))
  if (tap.place === 'shared') {
    await answering
    await visit.finish()
    return
  }
  let { message } = reply
  let isShown = false
  const canEdit = tap.canEdit && !reply.asNew
  if (canEdit && message && !message.ask && isEditable(message) && !tools.post.wouldCut(tap.ref, message)) {
    await visit.leave(tap.ref)
    isShown = await showInPlace(tap.ref, message, tools.post)
  } else if (!message && isTooLate && reply.toast !== undefined) {
    message = toMessage(reply.toast) // their only answer came too late to stand over the chat
  }
  await answering
  if (!isShown) return sendAnew(visit, reply, message, tools)
  await visit.finish(tap.ref)
  await visit.follow(reply, tap.ref)
}

/** @returns false if the message is gone, so that the answer has to be sent anew. */
async function showInPlace(ref: MessageRef, message: Message, post: Post): Promise<boolean> {
  const edited = await post.edit(ref, message, 'reply')
  if (edited.ok) return true
  if (edited.reason === 'refused') throw new Error(`an edit was refused: ${edited.detail}`)
  return edited.reason === 'unknown' // they press again; a second message would be worse
}

async function sendAnew(
  visit: Visit,
  reply: Reply,
  message: Message | undefined,
  tools: { post: Post; log: Log },
): Promise<void> {
  await visit.finish()
  if (!message) return
  // To the person even where the command was written in a group: the answer is theirs alone.
  const sent = await tools.post.send(visit.visitor.sender.externalId, message, 'reply')
  if (sent.ok) return isEditable(message) ? visit.follow(reply, sent.ref) : undefined
  if (sent.reason === 'refused') throw new Error(`a message was refused: ${sent.detail}`)
  tools.log.info({ updateId: visit.incoming.updateId, reason: sent.reason }, 'an answer did not arrive')
}

/** An invoice and a file are sent once and stay as they are. */
function isEditable({ invoice, document }: Message): boolean {
  return invoice === undefined && document === undefined
}

function tapAnswer({ toast, alert, open }: Reply, username: string): TapAnswer {
  if (open !== undefined) return { url: startLink(username, open) }
  return toast === undefined ? {} : { text: toast, alert: alert === true }
}

/** The words for a defect, wherever they can be seen; never throws for what Telegram says to them. */
export async function apologise(
  incoming: Incoming,
  reply: Reply,
  tools: { post: Post; answerTap(answer: TapAnswer): Promise<void> },
): Promise<void> {
  switch (incoming.kind) {
    case 'tap': {
      const words = reply.toast ?? plainText(reply.message?.text ?? [])
      await tools.answerTap(words === '' ? {} : { text: words, alert: reply.alert === true })
      if (incoming.place === 'shared') return
      break
    }
    case 'command':
    case 'answer':
      break
    case 'inline':
    case 'chosen':
    case 'invoice-asked':
    case 'invoice-paid':
    case 'blocked':
    case 'channel':
      return // nobody waits for words
  }
  const text = reply.message ?? (incoming.kind !== 'tap' && reply.toast ? toMessage(reply.toast) : undefined)
  if (text) await tools.post.send(incoming.sender.externalId, text, 'reply')
}

function toMessage(words: string): Message {
  return { text: [{ text: words }], rows: [] }
}
