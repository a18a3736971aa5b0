/** The parts of the Bot API's types that the sandbox builds or reads (Bot API 10.1). Times are Unix seconds. */

export type User = {
  id: number
  is_bot: boolean
  first_name: string
  last_name?: string
  username?: string
  language_code?: string
}

export type ChatType = 'private' | 'group' | 'supergroup' | 'channel'

export type Chat = {
  id: number
  type: ChatType
  title?: string
  username?: string
  first_name?: string
  last_name?: string
}

export type Entity = {
  type: string
  /** UTF-16 units, as `length`. */
  offset: number
  length: number
  url?: string
  user?: User
  language?: string
  custom_emoji_id?: string
  unix_time?: number
  date_time_format?: string
}

export type Button = {
  text: string
  url?: string
  callback_data?: string
  web_app?: { url: string }
  login_url?: { url: string }
  switch_inline_query?: string
  switch_inline_query_current_chat?: string
  switch_inline_query_chosen_chat?: { query?: string }
  copy_text?: { text: string }
  callback_game?: object
  pay?: boolean
}

export type ReplyButton = { text: string; request_contact?: boolean; request_location?: boolean }

/** An inline keyboard, a reply keyboard, or its removal: what `reply_markup` may be. */
export type Markup = {
  inline_keyboard?: Button[][]
  keyboard?: ReplyButton[][]
  remove_keyboard?: boolean
  force_reply?: boolean
}

export type PhotoSize = {
  file_id: string
  file_unique_id: string
  width: number
  height: number
  file_size?: number
}

export type Document = {
  file_id: string
  file_unique_id: string
  file_name?: string
  mime_type?: string
  file_size?: number
}

export type Price = { label: string; amount: number }

export type Invoice = {
  title: string
  description: string
  start_parameter: string
  currency: string
  total_amount: number
}

export type ShippingOption = { id: string; title: string; prices: Price[] }

export type Message = {
  message_id: number
  date: number
  chat: Chat
  from?: User
  sender_chat?: Chat
  via_bot?: User
  edit_date?: number
  forward_origin?: object
  reply_to_message?: Message
  media_group_id?: string
  text?: string
  entities?: Entity[]
  link_preview_options?: object
  photo?: PhotoSize[]
  document?: Document
  caption?: string
  caption_entities?: Entity[]
  show_caption_above_media?: boolean
  has_media_spoiler?: boolean
  has_protected_content?: boolean
  location?: { latitude: number; longitude: number }
  contact?: { phone_number: string; first_name: string; last_name?: string; user_id?: number }
  invoice?: Invoice
  successful_payment?: object
  reply_markup?: Markup
}

/** Every kind of update the sandbox produces. */
export type UpdateKind =
  | 'message'
  | 'channel_post'
  | 'callback_query'
  | 'inline_query'
  | 'chosen_inline_result'
  | 'shipping_query'
  | 'pre_checkout_query'
  | 'my_chat_member'
  | 'chat_member'

export type Update = { update_id: number } & { [kind in UpdateKind]?: unknown }

/** A refusal in Telegram's words. The prefix of the HTTP status ("Bad Request: ") is part of `message`. */
export class TelegramError extends Error {
  readonly code: number
  readonly parameters: { retry_after?: number; migrate_to_chat_id?: number } | undefined

  constructor(code: number, description: string, parameters?: { retry_after?: number; migrate_to_chat_id?: number }) {
    super(description)
    this.name = 'TelegramError'
    this.code = code
    this.parameters = parameters
  }
}

export const badRequest = (what: string): TelegramError => new TelegramError(400, `Bad Request: ${what}`)
