/** Cards for `@bot words`, as inline results. */
import type { InlineQueryResult } from 'telegraf/types'
import type { InlineCard, InlineReply } from '#chat/messenger.ts'
import { atOnce, type Api, type Log } from './api.ts'
import type { Pictures } from './pictures.ts'
import { captionMax, renderKeyboard, renderText, textMax } from './render.ts'

const cardsMax = 50
const idMaxBytes = 64

/** `answer` resolves when Telegram has the cards, or when nobody waits for them any more. */
export function createInline(options: { api: Api; username: string; pictures: Pictures; log: Log }): {
  answer(queryId: string, reply: InlineReply): Promise<void>
} {
  const { api, username, pictures, log } = options
  return {
    async answer(queryId, reply) {
      const fitting = reply.cards.filter((card) => Buffer.byteLength(card.id) <= idMaxBytes).slice(0, cardsMax)
      if (fitting.length < reply.cards.length) log.error({}, 'inline cards left out: too many, or an id over 64 bytes')
      const payload = {
        inline_query_id: queryId,
        results: await Promise.all(fitting.map(cardToResult)),
        next_offset: reply.nextOffset,
        // Prices and places left change by the minute: Telegram's own cache of five minutes would show old ones.
        cache_time: reply.personal ? 0 : 10,
        is_personal: reply.personal,
      }
      const outcome = await api.call('answerInlineQuery', payload, atOnce, 'harmless')
      if (outcome.ok || outcome.failure.kind === 'late') return
      log.error({ failure: outcome.failure }, 'inline cards could not be shown')
    },
  }

  async function cardToResult(card: InlineCard): Promise<InlineQueryResult> {
    const { id, title, description, message } = card
    const keyboard = renderKeyboard(message.rows, username)
    const common = {
      id,
      title,
      description,
      ...(keyboard.inline_keyboard.length > 0 && { reply_markup: keyboard }),
    }
    const photo = {
      type: 'photo',
      ...common,
      caption: renderText(message.text, captionMax),
      parse_mode: 'HTML',
    } as const
    const thumbnailUrl = card.thumbnail === undefined ? undefined : pictures.url(card.thumbnail)
    // A group's own picture is seldom one that Telegram has already; that of its product often is.
    for (const picture of new Set(message.picture === undefined ? [] : [message.picture, card.thumbnail])) {
      if (picture === undefined) continue
      const fileId = await pictures.fileId(picture)
      if (fileId !== undefined) return { ...photo, photo_file_id: fileId }
      const url = pictures.url(picture)
      if (url !== undefined) return { ...photo, photo_url: url, thumbnail_url: thumbnailUrl ?? url }
    }
    return {
      type: 'article',
      ...common,
      input_message_content: {
        message_text: renderText(message.text, textMax),
        parse_mode: 'HTML',
        link_preview_options: { is_disabled: true },
      },
      ...(thumbnailUrl !== undefined && { thumbnail_url: thumbnailUrl }),
    }
  }
}
