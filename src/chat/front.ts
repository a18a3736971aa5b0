/** What a messenger room calls when something arrives, and whom it is told to answer; implemented by `dispatch.ts`. */
import type { Answer, Follows, InlineReply, MessageRef, Place, Reply, Sender } from './messenger.ts'

/** Something that arrived. `updateId` is unique within a messenger: it is what repeated updates are recognised by. */
export type Arrival = { sender: Sender; updateId: string }

/** What we asked for and still wait for; `none` when nothing is open. */
export type Step = 'none' | 'search' | 'city' | 'name' | 'phone'

/**
 * The person behind an arrival. `requestKey` names this one request, so that an operation repeated for the same update
 * is recognised.
 */
export type Visitor = {
  personId: number
  sender: Sender
  language: 'ru' | 'en' | 'zh'
  step: Step
  requestKey: string
}

export type Front = {
  /**
   * Before anything else: says that this update was handled before and needs nothing more, or who it is and which
   * question is open.
   * @param opensChat the arrival shows that the private chat with the bot is open, so that they may be written to.
   */
  begin(arrival: Arrival, opensChat: boolean): Promise<{ handled: true } | { handled: false; visitor: Visitor }>
  /** A command such as `/start payload`; `name` without the slash. */
  onCommand(visitor: Visitor, name: string, payload: string): Promise<Reply>
  /** Free text, photo, contact or location, sent to the step that asked. */
  onAnswer(visitor: Visitor, step: Step, answer: Answer): Promise<Reply>
  /** A pressed button; `act` is hostile until decoded. `ref` is the message it sits in. */
  onTap(visitor: Visitor, act: string, place: Place, ref: MessageRef): Promise<Reply>
  /** `@bot words` in any chat. `offset` is empty, or the `nextOffset` of the page before. */
  onInline(visitor: Visitor, query: string, offset: string): Promise<InlineReply>
  /** A card was put into a chat; `ref` edits it from now on. */
  onInlineChosen(visitor: Visitor, cardId: string, ref: MessageRef): Promise<void>
  /** The bot became (true) or ceased to be (false) an administrator of a channel. */
  onChannel(
    visitor: Visitor,
    channel: { externalId: string; title: string; username?: string },
    isAdmin: boolean,
  ): Promise<void>
  /** They blocked (true) or unblocked (false) the bot. */
  onBlocked(visitor: Visitor, blocked: boolean): Promise<void>
  /** Words for a defect: the person never sees a stack trace. */
  apology(visitor: Visitor | undefined, sender: Sender): Reply
  /** A message sent or edited shows this from now on: it is edited when that changes. */
  follow(visitor: Visitor, follows: Follows, ref: MessageRef): Promise<void>
  /**
   * Marks the update as done. Called before a new message is sent as the answer (a send cannot be repeated safely: at
   * most once), after an edit, or when nothing is sent.
   * @param left the message that was edited into another screen: what it showed before is no longer followed.
   */
  finish(arrival: Arrival, left?: MessageRef): Promise<void>
}
