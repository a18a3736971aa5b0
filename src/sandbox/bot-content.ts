/** What a message is made of, read from parameters: text, caption, picture, invoice. Lengths are UTF-16 units. */
import { findUser, type BotCall } from './bot-call.ts'
import { formatText } from './entities.ts'
import { checkMarkup } from './markup.ts'
import { flag, isObject, list, number, object, text, type Params, type Upload } from './schema.ts'
import type { Entity, Price } from './telegram-types.ts'
import { badRequest } from './telegram-types.ts'
import type { Content, StoredFile, Terms } from './world.ts'

export const textMax = 4096
export const captionMax = 1024
const photoMaxBytes = 10 * 1024 * 1024

/** @param source the text itself: it is called `text`, or `message_text` in inline results */
export function textContent({ world }: BotCall, params: Params, source: string | undefined): Content {
  if (source === undefined || source.trim() === '') throw badRequest('message text is empty')
  const { text: clean, entities } = formatText(
    source,
    text(params, 'parse_mode'),
    list(params, 'entities'),
    findUser(world),
  )
  if (clean === '') throw badRequest('message text is empty')
  if (clean.length > textMax) throw badRequest('message is too long')
  const preview = object(params, 'link_preview_options')
  return {
    text: clean,
    ...(entities.length > 0 ? { entities } : {}),
    ...(preview ? { link_preview_options: preview } : {}),
  }
}

export type Caption = { caption?: string; caption_entities?: Entity[]; show_caption_above_media?: boolean }

export function captionContent({ world }: BotCall, params: Params): Caption {
  const source = text(params, 'caption')
  if (source === undefined || source === '') return {}
  const { text: caption, entities } = formatText(
    source,
    text(params, 'parse_mode'),
    list(params, 'caption_entities'),
    findUser(world),
  )
  if (caption.length > captionMax) throw badRequest('message caption is too long')
  return {
    ...(caption === '' ? {} : { caption }),
    ...(entities.length > 0 ? { caption_entities: entities } : {}),
    ...(flag(params, 'show_caption_above_media') ? { show_caption_above_media: true } : {}),
  }
}

/** @param mayUpload false for inline messages */
export function photoContent(call: BotCall, source: unknown, mayUpload = true): Content {
  const { world } = call
  const file = fileOf(call, source, 'photo', mayUpload, {
    fromUpload({ data }) {
      if (data.length > photoMaxBytes) throw badRequest('file is too big for a photo')
      return world.addFile({ data })
    },
    fromUrl: (url) => world.addFile({ url }),
  })
  if (file.document) throw badRequest("can't use file of type Document as Photo")
  return { photo: file.sizes, photoUrl: world.fileUrl(file) }
}

export function documentContent(call: BotCall, source: unknown): Content {
  const { world } = call
  const { document } = fileOf(call, source, 'document', true, {
    fromUpload: ({ data, filename, mime }) => world.addDocument({ data, name: filename, mime }),
    fromUrl: (url) => world.addDocument({ url }),
  })
  if (!document) throw badRequest("can't use file of type Photo as Document")
  return { document }
}

/** A file given as URL, file_id or upload (`attach://part`, or the part itself). A URL is kept and not fetched. */
function fileOf(
  { world, uploads }: BotCall,
  source: unknown,
  kind: 'photo' | 'document',
  mayUpload: boolean,
  add: { fromUpload(upload: Upload): StoredFile; fromUrl(url: string): StoredFile },
): StoredFile {
  if (typeof source !== 'string' || source === '') throw badRequest(`there is no ${kind} in the request`)
  if (source.startsWith('attach://')) {
    if (!mayUpload) throw badRequest("file upload isn't allowed in an inline message")
    const upload = uploads?.get(source.slice('attach://'.length))
    if (!upload) throw badRequest(`there is no ${kind} in the request`)
    if (upload.data.length === 0) throw badRequest('file must be non-empty')
    return add.fromUpload(upload)
  }
  if (/^https?:\/\//i.test(source)) {
    if (!URL.canParse(source)) throw badRequest('wrong HTTP URL specified')
    return add.fromUrl(source)
  }
  const known = world.files.get(source)
  if (!known) throw badRequest('wrong file identifier/HTTP URL specified')
  return known
}

/** An item of an album or of `editMessageMedia`. */
export function mediaContent(call: BotCall, raw: unknown, mayUpload = true): Content {
  if (!isObject(raw)) throw badRequest("can't parse InputMedia: expected an Object")
  const type = text(raw, 'type')
  if (type === undefined) throw badRequest(`can't parse InputMedia: Can't find field "type"`)
  if (type !== 'photo') throw badRequest(`can't parse InputMedia: type "${type}" is not known to this sandbox`)
  if (text(raw, 'media') === undefined) throw badRequest(`can't parse InputMedia: media not found`)
  return { ...photoContent(call, raw['media'], mayUpload), ...captionContent(call, raw) }
}

/** @throws TelegramError 400 in the words that Telegram's payment servers use */
export function invoiceContent(params: Params): Content {
  const required = (name: string, max: number, error: string): string => {
    const value = text(params, name)
    if (value === undefined) throw badRequest(`parameter "${name}" is required`)
    if (value.length < 1 || value.length > max) throw badRequest(error)
    return value
  }
  const title = required('title', 32, 'INVOICE_TITLE_INVALID')
  const description = required('description', 255, 'INVOICE_DESCRIPTION_INVALID')
  const payload = required('payload', 128, 'INVOICE_PAYLOAD_INVALID')
  if (Buffer.byteLength(payload) > 128) throw badRequest('INVOICE_PAYLOAD_INVALID')
  const currency = required('currency', 3, 'CURRENCY_INVALID')
  if (!/^[A-Z]{3}$/.test(currency)) throw badRequest('CURRENCY_INVALID')
  const isStars = currency === 'XTR'
  if (!isStars && !text(params, 'provider_token')) throw badRequest('PAYMENT_PROVIDER_INVALID')
  const prices = readPrices(list(params, 'prices'))
  if (isStars && prices.length !== 1) throw badRequest('STARS_INVOICE_INVALID')
  const total = totalOf(prices)
  if (total <= 0) throw badRequest('CURRENCY_TOTAL_AMOUNT_INVALID')
  const photoUrl = text(params, 'photo_url')
  const providerData = text(params, 'provider_data')
  const terms: Terms = {
    title,
    ...(providerData === undefined ? {} : { providerData }),
    payload,
    currency,
    prices,
    needsAddress: flag(params, 'need_shipping_address'),
    isFlexible: flag(params, 'is_flexible'),
    needsName: flag(params, 'need_name'),
    needsPhone: flag(params, 'need_phone_number'),
    needsEmail: flag(params, 'need_email'),
  }
  const startParameter = text(params, 'start_parameter') ?? ''
  return {
    invoice: { title, description, start_parameter: startParameter, currency, total_amount: total },
    terms,
    reply_markup: { inline_keyboard: [[{ text: `Pay ${amountText(total, currency)}`, pay: true }]] },
    ...(photoUrl === undefined ? {} : { photoUrl }),
  }
}

export function readPrices(raw: unknown[] | undefined): Price[] {
  if (!raw || raw.length === 0) throw badRequest('expected a non-empty Array of LabeledPrice')
  return raw.map((value) => {
    if (!isObject(value)) throw badRequest("can't parse labeled price: expected an Object")
    const label = text(value, 'label')
    const amount = number(value, 'amount') ?? Number.NaN
    if (label === undefined) throw badRequest(`can't parse labeled price: Can't find field "label"`)
    if (!Number.isSafeInteger(amount))
      throw badRequest(`can't parse labeled price: Field "amount" must be of type Number`)
    return { label, amount }
  })
}

export const totalOf = (prices: Price[]): number => prices.reduce((sum, { amount }) => sum + amount, 0)

function amountText(total: number, currency: string): string {
  if (currency === 'XTR') return `⭐️${total}`
  const format = new Intl.NumberFormat('en', { style: 'currency', currency })
  return format.format(total / 10 ** (format.resolvedOptions().maximumFractionDigits ?? 2))
}

/** The inline keyboard of a message whose content is being replaced or offered inline. */
export const inlineMarkup = (params: Params): Pick<Content, 'reply_markup'> => {
  const markup = checkMarkup(object(params, 'reply_markup'), true)
  return markup ? { reply_markup: markup } : {}
}
