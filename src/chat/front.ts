/** What a messenger room calls when something arrives, and whom it is told to answer; implemented by `dispatch.ts`. */
import type {
  Answer,
  Follows,
  InlineReply,
  InvoiceCharge,
  InvoiceTold,
  MessageRef,
  Place,
  Reply,
  Sender,
} from './messenger.ts'

/**
 * Something that arrived. `updateId` is unique within a messenger: it is what repeated updates are recognised by.
 * `pressed`: the message in their own chat whose button it is.
 */
export type Arrival = { sender: Sender; updateId: string; pressed?: MessageRef }

/** What we ask for. */
export const steps = [
  'search',
  'city',
  'name',
  'phone',
  'amount',
  'term',
  'question',
  'answer',
  'catalogue',
  'synonym',
] as const

/** What we asked for and still wait for; `none` when nothing is open. */
export type Step = 'none' | (typeof steps)[number]

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
  /**
   * May this invoice be paid now? The messenger waits ten seconds for the answer.
   * @returns the refusal in their words; undefined to go on.
   */
  onInvoiceAsked(visitor: Visitor, invoice: InvoiceTold): Promise<string | undefined>
  /**
   * An invoice was paid. @throws when it could not be written down: the update must come again, for money was taken.
   */
  onInvoicePaid(visitor: Visitor, invoice: InvoiceTold, charge: InvoiceCharge): Promise<Reply>
  /**
   * Words for a defect: the person never sees a stack trace.
   * @param about an invoice that could not be looked at before it was charged.
   */
  apology(visitor: Visitor | undefined, sender: Sender, about?: 'invoice'): Reply
  /**
   * The pressed message is about to be edited into another screen: from here on nothing else may redraw what it showed.
   * Costs nothing for a message that is not kept up to date.
   */
  leave(visitor: Visitor, pressed: MessageRef): Promise<void>
  /** A message sent or edited shows this from now on: it is edited when that changes. */
  follow(visitor: Visitor, follows: Follows, ref: MessageRef): Promise<void>
  /**
   * Marks the update as done. Called before a new message is sent as the answer (a send cannot be repeated safely: at
   * most once), after an edit, or when nothing is sent.
   * @param left the message that was edited into another screen: what it showed before is no longer followed.
   */
  finish(arrival: Arrival, left?: MessageRef): Promise<void>
}
