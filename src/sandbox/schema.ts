/**
 * The Bot API methods this sandbox knows, with their parameters (Bot API 10.1), compiled once into tables, so that
 * checking a call costs one lookup per parameter.
 */
import { badRequest, type TelegramError } from './telegram-types.ts'

type Kind = 'int' | 'num' | 'str' | 'bool' | 'chat' | 'obj' | 'list' | 'file'

type Parameter = { name: string; kind: Kind; required: boolean }

export type Method = { name: string; parameters: Map<string, Parameter>; required: string[] }

export type Params = Record<string, unknown>

export type Upload = { data: Buffer; filename: string; mime: string }

const thread = 'message_thread_id:int direct_messages_topic_id:int'
const sending = `disable_notification:bool protect_content:bool message_effect_id:str suggested_post_parameters:obj`
const toChat = `business_connection_id:str chat_id!:chat ${thread} ${sending} allow_paid_broadcast:bool reply_parameters:obj`
const captioned = 'caption:str parse_mode:str caption_entities:list show_caption_above_media:bool'
const edited = 'business_connection_id:str chat_id:chat message_id:int inline_message_id:str reply_markup:obj'
const oneMessage = 'chat_id!:chat message_id!:int'
const invoice = `title!:str description!:str payload!:str provider_token:str currency!:str prices!:list max_tip_amount:int
  suggested_tip_amounts:list provider_data:str photo_url:str photo_size:int photo_width:int photo_height:int need_name:bool
  need_phone_number:bool need_email:bool need_shipping_address:bool send_phone_number_to_provider:bool
  send_email_to_provider:bool is_flexible:bool`

/** `name:kind` separated by spaces; `!` marks the ones Telegram refuses to do without. */
const declared: Record<string, string> = {
  getMe: '',
  getUpdates: 'offset:int limit:int timeout:int allowed_updates:list',
  setWebhook: `url!:str certificate:file ip_address:str max_connections:int allowed_updates:list drop_pending_updates:bool
    secret_token:str`,
  deleteWebhook: 'drop_pending_updates:bool',
  getWebhookInfo: '',
  sendMessage: `${toChat} text!:str parse_mode:str entities:list link_preview_options:obj reply_markup:obj`,
  sendPhoto: `${toChat} photo!:file ${captioned} has_spoiler:bool reply_markup:obj`,
  sendDocument: `${toChat} document!:file thumbnail:file caption:str parse_mode:str caption_entities:list
    disable_content_type_detection:bool reply_markup:obj`,
  sendMediaGroup: `business_connection_id:str chat_id!:chat ${thread} media!:list disable_notification:bool
    protect_content:bool allow_paid_broadcast:bool message_effect_id:str reply_parameters:obj`,
  sendChatAction: 'business_connection_id:str chat_id!:chat message_thread_id:int action!:str',
  editMessageText: `${edited} text:str parse_mode:str entities:list link_preview_options:obj rich_message:obj`,
  editMessageCaption: `${edited} ${captioned}`,
  editMessageMedia: `${edited} media!:obj`,
  editMessageReplyMarkup: edited,
  deleteMessage: oneMessage,
  deleteMessages: 'chat_id!:chat message_ids!:list',
  copyMessage: `chat_id!:chat ${thread} from_chat_id!:chat message_id!:int video_start_timestamp:int ${captioned} ${sending}
    allow_paid_broadcast:bool reply_parameters:obj reply_markup:obj`,
  forwardMessage: `chat_id!:chat ${thread} from_chat_id!:chat message_id!:int video_start_timestamp:int ${sending}`,
  answerCallbackQuery: 'callback_query_id!:str text:str show_alert:bool url:str cache_time:int',
  answerInlineQuery: `inline_query_id!:str results!:list cache_time:int is_personal:bool next_offset:str button:obj`,
  sendInvoice: `chat_id!:chat ${thread} ${sending} allow_paid_broadcast:bool reply_parameters:obj reply_markup:obj
    start_parameter:str ${invoice}`,
  createInvoiceLink: `business_connection_id:str subscription_period:int ${invoice}`,
  answerShippingQuery: 'shipping_query_id!:str ok!:bool shipping_options:list error_message:str',
  answerPreCheckoutQuery: 'pre_checkout_query_id!:str ok!:bool error_message:str',
  setMyCommands: 'commands!:list scope:obj language_code:str',
  getMyCommands: 'scope:obj language_code:str',
  deleteMyCommands: 'scope:obj language_code:str',
  setMyDescription: 'description:str language_code:str',
  getMyDescription: 'language_code:str',
  setMyShortDescription: 'short_description:str language_code:str',
  getMyShortDescription: 'language_code:str',
  setMyName: 'name:str language_code:str',
  getMyName: 'language_code:str',
  setChatMenuButton: 'chat_id:int menu_button:obj',
  getChatMenuButton: 'chat_id:int',
  getChat: 'chat_id!:chat',
  getChatMember: 'chat_id!:chat user_id!:int',
  getChatMemberCount: 'chat_id!:chat',
  getChatAdministrators: 'chat_id!:chat return_bots:bool',
  getFile: 'file_id!:str',
  pinChatMessage: `business_connection_id:str ${oneMessage} disable_notification:bool`,
  unpinChatMessage: 'business_connection_id:str chat_id!:chat message_id:int',
  leaveChat: 'chat_id!:chat',
  setMessageReaction: `${oneMessage} reaction:list is_big:bool`,
}

const tooOld = 'query is too old and response timeout expired or query ID is invalid'

/** What Telegram says when a parameter is left out, where it has words of its own for it. */
const missing: Record<string, string> = {
  chat_id: 'chat_id is empty',
  text: 'message text is empty',
  photo: 'there is no photo in the request',
  document: 'there is no document in the request',
  message_id: 'message identifier is not specified',
  user_id: 'invalid user_id specified',
  file_id: 'file_id not specified',
  action: 'wrong parameter action in request',
  callback_query_id: tooOld,
  inline_query_id: tooOld,
  shipping_query_id: tooOld,
  pre_checkout_query_id: tooOld,
}

const typeNames: Record<Kind, string> = {
  int: 'Number',
  num: 'Number',
  str: 'String',
  bool: 'Boolean',
  chat: 'Number or String',
  obj: 'Object',
  list: 'Array',
  file: 'String',
}

/** By lower-case name: Telegram ignores the case of method names. */
export const methods = new Map<string, Method>()

for (const [name, text] of Object.entries(declared)) {
  const parameters = new Map<string, Parameter>()
  for (const word of text.split(/\s+/)) {
    const [label = '', kind] = word.split(':')
    if (kind === undefined) continue
    const parameter = label.replace('!', '')
    parameters.set(parameter, { name: parameter, kind: kind as Kind, required: label.endsWith('!') })
  }
  const required = [...parameters.values()].filter((parameter) => parameter.required).map(({ name }) => name)
  methods.set(name.toLowerCase(), { name, parameters, required })
}

/**
 * Turns what came over the wire into typed parameters: a query string and a form carry only strings, objects in them are
 * JSON, and JSON bodies may do the same.
 * @param unknown is told the name of every parameter that the method does not have; Telegram ignores those.
 * @throws TelegramError 400 for a missing or wrong-typed one.
 */
export function checkParams(
  method: Method,
  raw: Params,
  uploads: Map<string, Upload> | undefined,
  unknown: (name: string) => void,
): Params {
  const params: Params = {}
  for (const name in raw) {
    const value = raw[name]
    if (value === undefined || value === null) continue
    const parameter = method.parameters.get(name)
    if (parameter) {
      const read = readValue(parameter, value)
      if (read !== undefined) params[name] = read
    } else if (name !== 'method') unknown(name) // Telegram reads it as the method's name; telegraf sends it in multipart
  }
  if (uploads) {
    for (const name of uploads.keys()) {
      const parameter = method.parameters.get(name)
      if (parameter?.kind === 'file') params[name] = `attach://${name}`
    }
  }
  for (const name of method.required) {
    if (params[name] === undefined) throw badRequest(missing[name] ?? `parameter "${name}" is required`)
  }
  return params
}

function readValue({ name, kind }: Parameter, value: unknown): unknown {
  const refuse = (): TelegramError => badRequest(`field "${name}" must be of type ${typeNames[kind]}`)
  switch (kind) {
    case 'str':
    case 'file':
      if (typeof value === 'string') return value
      throw refuse()
    case 'int':
      if (value === '') return undefined
      if (Number.isSafeInteger(value)) return value
      if (typeof value === 'string' && /^-?\d{1,16}$/.test(value)) return Number(value)
      throw refuse()
    case 'num':
      if (value === '') return undefined
      if (typeof value === 'number' || (typeof value === 'string' && Number.isFinite(Number(value))))
        return Number(value)
      throw refuse()
    case 'bool':
      if (typeof value === 'boolean') return value
      if (value === 1 || value === '1' || value === 'true' || value === 'True' || value === 'yes') return true
      if (value === 0 || value === '0' || value === 'false' || value === 'False' || value === 'no') return false
      if (value === '') return undefined
      throw refuse()
    case 'chat':
      if (value === '') return undefined
      if (Number.isSafeInteger(value)) return value
      if (typeof value === 'string') return /^-?\d{1,16}$/.test(value) ? Number(value) : value
      throw refuse()
    case 'obj':
    case 'list':
      break
  }
  let read: unknown = value
  if (typeof value === 'string') {
    if (value === '') return undefined
    try {
      read = JSON.parse(value)
    } catch {
      throw badRequest(`can't parse ${name.replaceAll('_', ' ')} JSON object`)
    }
  }
  if (read === null) return undefined
  if (typeof read === 'object' && Array.isArray(read) === (kind === 'list')) return read
  throw name === 'reply_markup' ? badRequest('object expected as reply markup') : refuse()
}

export function text(params: Params, name: string): string | undefined {
  const value = params[name]
  return typeof value === 'string' ? value : undefined
}

export function number(params: Params, name: string): number | undefined {
  const value = params[name]
  return typeof value === 'number' ? value : undefined
}

export const flag = (params: Params, name: string): boolean => params[name] === true

export function object(params: Params, name: string): Params | undefined {
  const value = params[name]
  return isObject(value) ? value : undefined
}

export function list(params: Params, name: string): unknown[] | undefined {
  const value = params[name]
  return Array.isArray(value) ? value : undefined
}

export const isObject = (value: unknown): value is Params =>
  typeof value === 'object' && value !== null && !Array.isArray(value)
