/** Messages out: what is called for which message, and what came of it. */
import type { InputFile, Message as SentMessage } from 'telegraf/types'
import type { EditResult, MessageRef, Messenger, Priority, SendResult } from '#chat/messenger.ts'
import type { Document, Invoice, Message, Picture } from '#chat/screen.ts'
import { atOnce, type Api, type Log, type Outcome } from './api.ts'
import type { Turn } from './pace.ts'
import type { Pictures } from './pictures.ts'
import {
  captionMax,
  plainText,
  renderAsk,
  renderKeyboard,
  renderLabel,
  renderPlain,
  renderText,
  renderToast,
  textMax,
} from './render.ts'
import type { Held, TapPayload } from './tap-answer.ts'
import { readRef, toLastingRef } from './update.ts'

export type TapAnswer = { text?: string; alert?: boolean; url?: string }

export type Post = Pick<Messenger, 'send' | 'edit'> & {
  /** True if the text would have to be cut to stand under the picture that the message already has. */
  wouldCut(ref: MessageRef, message: Message): boolean
  /**
   * @param held where the answer waits for the rest of its update, which came by webhook; left out, it is a call at once.
   */
  answerTap(queryId: string, answer: TapAnswer, held?: Held): Promise<void>
  /** Never rejects. @returns false when the tap stays unanswered. */
  callTapAnswer(payload: TapPayload): Promise<boolean>
  /** Whether an invoice may be paid now. @param refusal said to whoever wants to pay it; undefined lets them. */
  answerInvoice(queryId: string, refusal: string | undefined): Promise<void>
}

const titleMax = 32
const descriptionMax = 255
/** Where the link in a forwarded copy of an invoice leads, for `/start`. Without it the copy could be paid by anybody. */
const forwardedStart = 'home'

/** @param options.providerToken from @BotFather; without it an invoice is shown as the words that stand beside it. */
export function createPost(options: {
  api: Api
  username: string
  pictures: Pictures
  log: Log
  providerToken?: string
}): Post {
  const { api, username, pictures, log, providerToken } = options
  const html = { parse_mode: 'HTML' as const }
  // Names and descriptions may hold links; only our own words would deserve a preview, and they have a picture.
  const link_preview_options = { is_disabled: true }

  return {
    send: (to, message, priority) => send(to, message, priority),
    edit,
    wouldCut: (ref, message) =>
      ref.endsWith(':p') && message.picture === undefined && plainText(message.text).length > captionMax,
    async answerTap(queryId, { text, alert, url }, held) {
      const payload = {
        callback_query_id: queryId,
        ...(text !== undefined && { text: renderToast(text), show_alert: alert === true }),
        ...(url !== undefined && { url }),
      }
      if (held) held.hold(payload)
      else await callTapAnswer(payload)
    },
    async answerInvoice(queryId, refusal) {
      const answer = refusal === undefined ? { ok: true } : { ok: false, error_message: renderToast(refusal) }
      const payload = { pre_checkout_query_id: queryId, ...answer }
      const outcome = await api.call('answerPreCheckoutQuery', payload, atOnce, 'harmless')
      if (!outcome.ok) log.warn({ failure: outcome.failure }, 'a checkout could not be answered: nothing was charged')
    },
    callTapAnswer,
  }

  async function callTapAnswer(payload: TapPayload): Promise<boolean> {
    const outcome = await api.call('answerCallbackQuery', payload, atOnce, 'harmless')
    if (outcome.ok || outcome.failure.kind === 'late') return true
    log.warn({ failure: outcome.failure }, 'a tap could not be answered')
    return false
  }

  async function send(to: string, message: Message, priority: Priority, isMoved = false): Promise<SendResult> {
    const turn = { priority, chat: to }
    const keyboard = message.ask ? renderAsk(message.ask) : renderKeyboard(message.rows, username)
    const reply_markup = 'inline_keyboard' in keyboard && keyboard.inline_keyboard.length === 0 ? undefined : keyboard
    const markup = reply_markup && { reply_markup }
    const sendText = () =>
      api.call(
        'sendMessage',
        { chat_id: toChatId(to), text: renderText(message.text, textMax), ...html, link_preview_options, ...markup },
        turn,
        'never',
      )
    const sendPhoto = (photo: InputFile | string) =>
      api.call(
        'sendPhoto',
        { chat_id: toChatId(to), photo, caption: renderText(message.text, captionMax), ...html, ...markup },
        turn,
        'never',
      )
    const { invoice, document } = message
    const outcome: Outcome<SentMessage> =
      invoice && providerToken !== undefined
        ? await sendInvoice(to, message, invoice, providerToken, turn)
        : document
          ? await sendDocument(to, message, document, turn, markup)
          : await withPicture<SentMessage>(message.picture, sendPhoto, sendText)
    if (outcome.ok) {
      const ref = readRef(outcome.value)
      return ref === undefined ? { ok: false, reason: 'unknown' } : { ok: true, ref: toLastingRef(ref) }
    }
    const { failure } = outcome
    if (failure.kind === 'moved' && !isMoved) return send(failure.chat, message, priority, true)
    if (failure.kind === 'unreachable') return { ok: false, reason: 'unreachable' }
    if (failure.kind === 'unsent') return { ok: false, reason: 'unsent' }
    if (failure.kind === 'unknown') {
      log.warn({ detail: failure.detail }, 'no answer to a message sent: it may or may not have arrived')
      return { ok: false, reason: 'unknown' }
    }
    return { ok: false, reason: 'refused', detail: failure.detail }
  }

  /**
   * Its look and its one button are Telegram's: what the message says goes into the description, its buttons stay with
   * the message that was pressed.
   */
  async function sendInvoice(
    to: string,
    { text }: Message,
    invoice: Invoice,
    secret: string,
    turn: Turn,
  ): Promise<Outcome<SentMessage>> {
    const { title, description, payload, currency, lines, providerData } = invoice
    const words = [description, plainText(text)].filter((part) => part !== '')
    const fields = {
      chat_id: toChatId(to),
      title: renderPlain(title, titleMax),
      description: renderPlain(words.join('\n'), descriptionMax),
      payload,
      provider_token: secret,
      currency,
      prices: lines.map(({ label, amount }) => ({ label: renderLabel(label), amount: Number(amount) })),
      start_parameter: forwardedStart,
      ...(providerData !== undefined && { provider_data: providerData }),
    }
    const outcome = await api.call('sendInvoice', fields, turn, 'never')
    if (outcome.ok) return outcome
    const { failure } = outcome
    return { ok: false, failure: { ...failure, detail: failure.detail.replaceAll(secret, '[token]') } }
  }

  async function sendDocument(
    to: string,
    { text }: Message,
    { name, content }: Document,
    turn: Turn,
    markup: object | undefined,
  ): Promise<Outcome<SentMessage>> {
    // The name stands between quotes in a header of the upload.
    const document = { source: Buffer.from(content), filename: name.replaceAll(/["\\\r\n]/g, '_') }
    const caption = plainText(text) === '' ? {} : { caption: renderText(text, captionMax), ...html }
    return api.call('sendDocument', { chat_id: toChatId(to), document, ...caption, ...markup }, turn, 'never')
  }

  async function edit(
    ref: MessageRef,
    message: Message,
    priority: Priority,
    isStillWanted?: () => Promise<boolean>,
  ): Promise<EditResult> {
    const place = readPlace(ref)
    if (!place) return { ok: false, reason: 'gone' }
    const turn = { priority, chat: place.chat, ...(isStillWanted && { isStillWanted }) }
    const markup = { reply_markup: renderKeyboard(message.rows, username) }
    const editText = () =>
      api.call(
        'editMessageText',
        { ...place.target, text: renderText(message.text, textMax), ...html, link_preview_options, ...markup },
        turn,
        'harmless',
      )
    const editCaption = () =>
      api.call(
        'editMessageCaption',
        { ...place.target, caption: renderText(message.text, captionMax), ...html, ...markup },
        turn,
        'harmless',
      )
    const editMedia = (media: InputFile | string) => {
      const caption = renderText(message.text, captionMax)
      const payload = { ...place.target, media: { type: 'photo' as const, media, caption, ...html }, ...markup }
      return api.call('editMessageMedia', payload, turn, 'harmless')
    }
    // A photo stays a photo. The reference may be older than the last edit, and an inline one does not say what it
    // is, so the other way is tried when Telegram says that the message is of the other sort.
    const editWords = async () => {
      const ways = place.isPhoto ? ([editCaption, editText] as const) : ([editText, editCaption] as const)
      const outcome = await ways[0]()
      return !outcome.ok && outcome.failure.kind === 'other-content' ? ways[1]() : outcome
    }
    const isUpload = place.chat !== undefined // a message sent through inline mode cannot take an upload
    const outcome = await withPicture<unknown>(message.picture, editMedia, editWords, isUpload)
    if (outcome.ok) return { ok: true }
    const { failure } = outcome
    if (failure.kind === 'unchanged') return { ok: true }
    // `moved`: the messages of the old group stay behind and can no longer be edited.
    if (['gone', 'unreachable', 'moved'].includes(failure.kind)) return { ok: false, reason: 'gone' }
    // Neither text nor caption: an invoice, which stays what it is.
    if (failure.kind === 'other-content') return { ok: false, reason: 'gone' }
    if (failure.kind === 'unknown' || failure.kind === 'unsent') {
      log.warn({ detail: failure.detail }, 'no answer to an edit, after repeating it')
      return { ok: false, reason: 'unknown' }
    }
    return { ok: false, reason: 'refused', detail: failure.detail }
  }

  /** Falls back to words alone where there is no such picture or Telegram cannot take it: better than no message. */
  async function withPicture<T>(
    picture: Picture | undefined,
    show: (media: InputFile | string) => Promise<Outcome<T>>,
    showWords: () => Promise<Outcome<T>>,
    canUpload = true,
  ): Promise<Outcome<T>> {
    if (picture === undefined) return showWords()
    const reference = await orNothing(pictures.reference(picture))
    if (reference !== undefined) {
      const outcome = await show(reference)
      if (outcome.ok || outcome.failure.kind !== 'picture') return outcome
      log.warn({ picture, detail: outcome.failure.detail }, 'Telegram did not take a picture by its reference')
    }
    const upload = canUpload ? await orNothing(pictures.upload(picture)) : undefined
    if (upload !== undefined) {
      const outcome = await show(upload)
      if (outcome.ok) await orNothing(pictures.remember(picture, outcome.value))
      if (outcome.ok || outcome.failure.kind !== 'picture') return outcome
      log.warn({ picture, detail: outcome.failure.detail }, 'Telegram did not take a picture')
    }
    return showWords()
  }

  /** Trouble with a picture's bytes or its reference never costs the message, least of all one already sent. */
  async function orNothing<T>(work: Promise<T>): Promise<T | undefined> {
    try {
      return await work
    } catch (error) {
      log.warn({ error: error instanceof Error ? error.name : 'thrown' }, 'a picture could not be read or remembered')
      return undefined
    }
  }
}

type Target = { chat_id: number | string; message_id: number } | { inline_message_id: string }

function readPlace(ref: MessageRef): { target: Target; chat: string | undefined; isPhoto: boolean } | undefined {
  if (ref.startsWith('i:')) return { target: { inline_message_id: ref.slice(2) }, chat: undefined, isPhoto: false }
  const match = /^(-?\d+):(\d+)(?::([pt]))?$/.exec(ref)
  if (!match) return undefined
  const chat = match[1] ?? ''
  return { target: { chat_id: toChatId(chat), message_id: Number(match[2]) }, chat, isPhoto: match[3] === 'p' }
}

/** Ids are numbers of at most 52 bits; anything else is a channel's @name. */
function toChatId(to: string): number | string {
  return /^-?\d{1,16}$/.test(to) ? Number(to) : to
}
