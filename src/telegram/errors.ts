/** What a failed call to the Bot API means, decided once here. Texts from tdlib/telegram-bot-api and as seen. */
import { TelegramError } from 'telegraf'

/** `detail` says it in Telegram's words, without the token. */
export type Failure = { detail: string } &
  /** 429: nobody may call for so long. */
  (
    | { kind: 'pause'; ms: number }
    /** Blocked, deactivated, kicked, not a member, no such chat. */
    | { kind: 'unreachable' }
    /** A group became a supergroup. */
    | { kind: 'moved'; chat: string }
    /** "message is not modified": it already is what we want. */
    | { kind: 'unchanged' }
    /** The message to edit is no longer there, or can no longer be edited. */
    | { kind: 'gone' }
    /** A text edit of a photo, or a caption edit of a text. */
    | { kind: 'other-content' }
    /** The query was answered too late; nobody waits any more. */
    | { kind: 'late' }
    /** Telegram could not fetch or read the picture; the message was not sent. */
    | { kind: 'picture' }
    /** 409: another poller, or a webhook is set. */
    | { kind: 'conflict' }
    /** 401, and 404 for something that is not even a token. */
    | { kind: 'unauthorized' }
    /** No connection came about: certainly without effect. */
    | { kind: 'unsent' }
    /** Network or 5xx: may have had its effect. */
    | { kind: 'unknown' }
    /** Any other refusal: a defect of ours. */
    | { kind: 'refused' }
  )

const withoutConnection = new Set(['ECONNREFUSED', 'ENOTFOUND', 'EAI_AGAIN', 'EHOSTUNREACH', 'ENETUNREACH'])

const chatGone =
  /chat not found|user not found|peer_id_invalid|kicked|not a member|deactivated|blocked by the user|chat_write_forbidden|no rights to send|not enough rights to send|administrator rights|user_is_blocked/i
const messageGone =
  /message to (edit|be edited) not found|message_id_invalid|message can't be edited|message_not_found/i
const badPicture =
  /http url|wrong type of the web page|wrong file identifier|wrong remote file|webpage_|photo_invalid|image_process_failed|photo_save_file_invalid|wrong type of file/i

/**
 * @param token is cut out of every text: a failed fetch carries the URL, and the URL carries the token.
 */
export function classify(error: unknown, token: string): Failure {
  if (!(error instanceof TelegramError)) {
    const { code, message } = readError(error)
    const detail = redact(message, token)
    return { kind: withoutConnection.has(code) ? 'unsent' : 'unknown', detail }
  }
  const description = error.description ?? ''
  const detail = redact(`${error.code} ${description}`, token)
  const parameters = error.parameters
  if (parameters?.migrate_to_chat_id !== undefined)
    return { kind: 'moved', chat: String(parameters.migrate_to_chat_id), detail }
  if (error.code === 429) return { kind: 'pause', ms: 1000 * (parameters?.retry_after ?? 3), detail }
  if (error.code === 401 || error.code === 404) return { kind: 'unauthorized', detail }
  if (error.code === 409) return { kind: 'conflict', detail }
  // A body that is JSON but not Telegram's (something in between answered) has no code.
  if (typeof error.code !== 'number' || error.code >= 500) return { kind: 'unknown', detail }
  if (error.code === 403) return { kind: 'unreachable', detail }
  if (/message is not modified/i.test(description)) return { kind: 'unchanged', detail }
  if (messageGone.test(description)) return { kind: 'gone', detail }
  if (/there is no (text|caption|media) in the message/i.test(description)) return { kind: 'other-content', detail }
  if (/query is too old|query_id_invalid|query id is invalid/i.test(description)) return { kind: 'late', detail }
  if (chatGone.test(description)) return { kind: 'unreachable', detail }
  if (badPicture.test(description)) return { kind: 'picture', detail }
  return { kind: 'refused', detail }
}

/**
 * A defect as it may be logged: the first line of the message (database errors list the values below it) and where it
 * was thrown.
 */
export function describeDefect(error: unknown, token: string): { error: string; at: string[] } {
  const { name, message, stack } = readError(error)
  const line = message.trim().split('\n')[0] ?? ''
  const frames = stack.split('\n').filter((frame) => frame.startsWith('    at '))
  return { error: redact(`${name}: ${line}`, token).slice(0, 300), at: frames.slice(0, 8).map((frame) => frame.trim()) }
}

function redact(text: string, token: string): string {
  return text.replaceAll(token, '[token]').replaceAll(encodeURIComponent(token), '[token]')
}

function readError(error: unknown): { name: string; message: string; code: string; stack: string } {
  if (!(error instanceof Error)) return { name: 'Thrown', message: typeof error, code: '', stack: '' }
  const code = 'code' in error && typeof error.code === 'string' ? error.code : ''
  return { name: error.name, message: error.message || code, code, stack: error.stack ?? '' }
}
