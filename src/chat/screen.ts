/**
 * What a person sees, as data. Features return a `Screen` of locale keys; `text.ts` puts it into a language as a
 * `Message`; a messenger room turns that into its own markup, escaping once, there.
 *
 * Floors of all messengers (Telegram, VK, MAX): 10 buttons, label 40 characters, text 4,000, one picture.
 */
import type { Money } from '#domain/money.ts'
import type { Words } from '#domain/people.ts'
import type { Intent } from './intent.ts'
import type { Key } from './words.ts'

/**
 * A value for a placeholder, in a form that every language can write its own way. Strings are inserted as they are,
 * never as markup.
 */
export type Param =
  | string
  | number
  | { money: Money }
  | { words: Words }
  /**
   * A moment, in the reader's time zone; the day is left out when it is today.
   * `zone`: the time zone is named, for others who read the same message elsewhere.
   */
  | { at: Date; zone?: boolean }
  /** Whole days, both ends included. */
  | { days: { from: Date; to: Date } }
  | { key: Key; params?: Params }

export type Params = Record<string, Param>

/** One line of a screen; `gap` is an empty one. */
export type Line = { key: Key; params?: Params } | { raw: Param; style?: Style } | { gap: true }

export type Style = 'bold' | 'italic' | 'strike'

/** A picture: an http(s) URL, or the name of one that the project itself draws (`demo/kettle`, `brand/home`). */
export type Picture = string

export type Label = { key: Key; params?: Params } | { raw: Param }

export type Button =
  | { label: Label; intent: Intent }
  | { label: Label; url: string }
  /** The payment page: a link everywhere, but a messenger may show it its own way. */
  | { label: Label; pay: string }
  /** Offers the group's or product's card to another chat. */
  | { label: Label; share: ShareTarget }
  /** Opens the private chat with the bot, with a start payload. */
  | { label: Label; start: string }

/** `token` is public: a group's is unguessable, as is a payment's for a friend; a product's is its id, which is no secret. */
export type ShareTarget = { kind: 'group' | 'product' | 'payment'; token: string }

export type Screen = {
  lines: Line[]
  picture?: Picture
  rows: Button[][]
  /** What the person is asked to send: a messenger that can, shows its own button for it. */
  ask?: 'contact'
  /** Shown as an invoice that is paid in the messenger, where it has invoices. Always sent anew, never edited into. */
  invoice?: {
    paymentId: string
    /** At most 32 characters in a language. */
    title: Label
    /** At most 255. */
    description: Label
    lines: { label: Label; amount: bigint }[]
    currency: string
    /** For the company that charges, as it wants it: nobody in between looks inside. */
    providerData?: string
  }
  /** A file to keep, sent anew under the lines. */
  document?: Document
}

export type Document = { name: string; content: Uint8Array; type: string }

/** A screen in somebody's language; still knows nothing of any messenger's markup. */
export type Message = {
  text: Span[]
  picture?: Picture
  rows: MessageButton[][]
  ask?: { kind: 'contact'; label: string }
  invoice?: Invoice
  document?: Document
}

/** `payload` comes back when it is paid. The amounts are minor units and sum to what is charged. */
export type Invoice = {
  payload: string
  title: string
  description: string
  lines: { label: string; amount: bigint }[]
  currency: string
  providerData?: string
}

export type Span = { text: string; style?: Style; link?: string }

export type MessageButton =
  | { label: string; act: string }
  | { label: string; url: string }
  | { label: string; pay: string }
  | { label: string; share: string; token: ShareTarget }
  | { label: string; start: string }
