/** What every messenger room offers to the rest, and what it hands over when something arrives. */
import type { Readable } from 'node:stream'
import type { Message, Picture } from './screen.ts'

export type MessengerName = 'telegram' | 'vk' | 'max'

/** What a messenger lacks is a flag here, never an `if (telegram)` in a feature. */
export type Capabilities = {
  /** `@bot words` in any chat. Without it, sharing is a link. */
  inline: boolean
  /** Messages can be edited in place at any age. */
  editAnyAge: boolean
  /** Invoices can be shown and paid in the chat. */
  invoices: boolean
}

/** Replies go first, then parcel and money status, then group changes, then broadcasts. */
export type Priority = 'reply' | 'status' | 'group' | 'broadcast'

/** A message somewhere in a messenger, opaque outside its room; at most 200 characters. */
export type MessageRef = string

export type SendResult =
  | { ok: true; ref: MessageRef }
  /** They blocked the bot, left, or the chat is gone: do not write there again. */
  | { ok: false; reason: 'unreachable' }
  /** It certainly did not arrive (no connection): safe to try again later. */
  | { ok: false; reason: 'unsent' }
  /** No answer came back: it may have been sent. Sends have no idempotency key, so it is not repeated. */
  | { ok: false; reason: 'unknown' }
  /** The messenger refused the message itself: a defect of ours, `detail` says what. */
  | { ok: false; reason: 'refused'; detail: string }

export type EditResult =
  | { ok: true }
  /** The message or its chat is gone: forget the reference. */
  | { ok: false; reason: 'gone' }
  | { ok: false; reason: 'unknown' }
  | { ok: false; reason: 'refused'; detail: string }

export type DownloadResult =
  | { ok: true; content: Readable }
  /** `gone`: the messenger has it no more, or never had; `unreachable`: it may be there later. */
  | { ok: false; reason: 'gone' | 'too-large' | 'unreachable' }

export type Messenger = {
  name: MessengerName
  capabilities: Capabilities
  /** Sends to a chat (`to` is the external id of a person, a group or a channel). Waits for its turn in the pace. */
  send(to: string, message: Message, priority: Priority): Promise<SendResult>
  /**
   * Replaces text, picture and buttons of a message. Harmless to repeat.
   * @param isStillWanted asked when its turn in the pace has come; false leaves the message as it is.
   */
  edit(
    ref: MessageRef,
    message: Message,
    priority: Priority,
    isStillWanted?: () => Promise<boolean>,
  ): Promise<EditResult>
  /** A file that somebody sent. What it gives throws while it is read when the connection breaks. */
  download(ref: string): Promise<DownloadResult>
  /** A link that opens the private chat with the bot. `payload`: 1-64 of `A-Z a-z 0-9 _ -`. */
  link(payload: string): string
}

/** Who acts, as the messenger names them. */
export type Sender = {
  messenger: MessengerName
  externalId: string
  firstName: string
  username?: string
  /** IETF tag of their app, if told. */
  languageCode?: string
}

/** Where a button was pressed: their own chat with the bot, or a card that anybody can see. */
export type Place = 'private' | 'shared'

/** What the person sent as an answer to a question, or unasked. */
export type Answer =
  | { kind: 'text'; text: string }
  | { kind: 'contact'; phone: string; name: string; own: boolean }
  | { kind: 'location'; latitude: number; longitude: number }
  /** `ref` is for `Messenger.download`; `bytes` 0 where it is not told; over `bytesMax` the messenger does not hand it over. */
  | { kind: 'file'; ref: string; name: string; bytes: number; bytesMax: number }
  | { kind: 'other' }

/** An invoice of ours as the messenger tells of it: `payload` and the sum as they stood in it, minor units. */
export type InvoiceTold = { payload: string; amount: bigint; currency: string }

/** The messenger charged: its own number of the charge, and the one at the company that took the money. */
export type InvoiceCharge = { chargeId: string; acquirerId: string }

/** What comes back for a tap or a message. */
export type Reply = {
  /** Shown in the pressed message if it was a button in the private chat, otherwise sent as a new message. */
  message?: Message
  /** A short line over the chat, at most 200 characters; `alert` makes it a box to be closed. */
  toast?: string
  alert?: boolean
  /** Send `message` anew although a button was pressed: what was there stays. */
  asNew?: boolean
  /** Opens the private chat with this start payload: how a tap on a shared card goes on. */
  open?: string
  /** `message` shows this: the messenger hands its reference to `Front.follow`, so that it is kept up to date. */
  follows?: Follows
}

/** What a message shows and is edited for when it changes. `version`: the group's, as it was drawn. */
export type Follows = { groupId: number; version: number } | { orderId: number }

/** One card offered for `@bot words`. `id`: at most 64 bytes, comes back when chosen. */
export type InlineCard = {
  id: string
  title: string
  description: string
  thumbnail?: Picture
  message: Message
}

export type InlineReply = { cards: InlineCard[]; nextOffset: string; personal: boolean }
