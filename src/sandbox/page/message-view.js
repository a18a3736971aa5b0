/** One message as an element: bubble, picture, quote, cards, keyboard. */
import { avatar, h, icon, iconButton, pictureUrl, roving, tint } from './dom.js'
import { richText, serviceText, summary } from './rich-text.js'
import { clock, price, t } from './words.js'
import { fullName } from './world.js'

const payLink = /https?:\/\/[^\s"<>]*\/yookassa\/pay\/[^\s"<>]+/

/**
 * `look`: `{own, first, last, withSender, channel}`; `actions`: what a chat can do for its messages (see chat-view.js).
 * `old` is the element this one replaces: its loaded picture is taken over, so that an edit does not flicker.
 */
export function messageElement(message, look, actions, old) {
  const service = serviceText(message)
  if (service !== undefined) return h('li', { class: 'service', data: hooks(message) }, h('span', {}, service))
  if (message.successful_payment) return paidLine(message)

  const picture = pictureOf(message, old)
  const text = message.text ?? message.caption
  const entities = message.entities ?? message.caption_entities
  const card = cardOf(message, actions)
  const sender = look.withSender && look.first ? senderLine(message, look) : undefined
  const via =
    message.via_bot && !sender ? h('div', { class: 'via' }, t('via', { bot: message.via_bot.username })) : undefined
  const quote = quoteOf(message, actions)
  const link = (text ?? '').match(payLink)?.[0] ?? linkOf(entities)
  const onlyPicture = picture && !text && !card
  const meta = h(
    'span',
    { class: `meta ${onlyPicture ? 'meta-over' : ''}` },
    message.author_signature ? h('span', {}, `${message.author_signature}, `) : undefined,
    message.edit_date || message.edits > 0 ? h('span', { class: 'edited' }, t('edited')) : undefined,
    h('time', { datetime: new Date(message.date * 1000).toISOString() }, clock(message.date)),
  )
  const big = text && !picture && !entities?.length && /^(\p{Extended_Pictographic}️?‍?){1,3}$/u.test(text)
  const body = h(
    'div',
    { class: `text ${big ? 'text-big' : ''} ${text === undefined ? 'text-none' : ''}`, dir: 'auto' },
    text === undefined
      ? []
      : richText(text, entities, { open: actions.open, mention: actions.mention, command: actions.command }),
    meta,
  )
  const keyboard = message.reply_markup?.inline_keyboard
  const bubble = h(
    'div',
    { class: `bubble ${picture ? 'with-picture' : ''} ${onlyPicture ? 'only-picture' : ''}` },
    sender,
    via,
    message.forward_origin ? forwarded(message.forward_origin) : undefined,
    quote,
    picture,
    card,
    onlyPicture
      ? meta
      : text === undefined && !card
        ? h('div', { class: 'text' }, h('i', { class: 'quiet' }, t('unsupported')), meta)
        : body,
    link ? payChip(link, actions) : undefined,
  )
  const tools = actions.mayReply
    ? iconButton('reply', t('reply'), () => actions.reply(message), { class: 'icon-button reply-tool', tabindex: '-1' })
    : undefined
  const face =
    look.withSender && !look.own ? h('span', { class: 'face' }, look.last ? faceOf(message) : undefined) : undefined
  return h(
    'li',
    {
      class: [
        'message',
        look.own ? 'own' : 'theirs',
        look.first && 'first',
        look.last && 'last',
        look.channel && 'post',
        keyboard?.length && 'has-keyboard',
      ]
        .filter(Boolean)
        .join(' '),
      data: hooks(message),
      ondblclick: actions.mayReply
        ? (event) => event.target.closest('button, a, img') === null && actions.reply(message)
        : undefined,
    },
    face,
    h(
      'div',
      { class: 'stack' },
      h('div', { class: 'bubble-row' }, bubble, tools),
      keyboard?.length ? keyboardOf(message, keyboard, actions) : undefined,
    ),
  )
}

const hooks = (message) => ({ testid: 'message', message: message.message_id })

/** The sender as others see them: a channel or a group speaks in its own name. */
export const senderOf = (message) => message.sender_chat ?? message.from ?? message.chat
const nameOf = (sender) => sender?.title ?? fullName(sender)

function senderLine(message, look) {
  const sender = senderOf(message)
  if (look.own) return undefined
  return h(
    'div',
    { class: `sender ink-${tint(sender?.id)}` },
    h('span', { class: 'sender-name', dir: 'auto' }, nameOf(sender)),
    message.via_bot ? h('span', { class: 'sender-via' }, t('via', { bot: message.via_bot.username })) : undefined,
    sender?.is_bot ? h('span', { class: 'badge-bot' }, t('bot')) : undefined,
  )
}

function faceOf(message) {
  const sender = senderOf(message)
  return avatar({ id: sender?.id, name: nameOf(sender), kind: sender?.is_bot ? 'bot' : 'person' }, 's')
}

function forwarded(origin) {
  const name =
    origin.sender_user_name ?? origin.chat?.title ?? origin.sender_chat?.title ?? fullName(origin.sender_user)
  return h('div', { class: 'forwarded' }, icon('forward', 14), t('forwarded', { name }))
}

function quoteOf(message, actions) {
  const origin = message.reply_to_message
  if (!origin) return undefined
  const sender = senderOf(origin)
  return h(
    'button',
    { type: 'button', class: `quote edge-${tint(sender?.id)}`, onclick: () => actions.showMessage(origin.message_id) },
    h('b', { class: `ink-${tint(sender?.id)}` }, nameOf(sender)),
    h('span', { dir: 'auto' }, summary(origin)),
  )
}

/** The space is reserved before the picture comes: nothing jumps. Very tall and very wide ones are cropped. */
function pictureOf(message, old) {
  if (!message.photo) return undefined
  const sizes = Array.isArray(message.photo) ? message.photo : []
  const largest = sizes.reduce((best, size) => ((size.width ?? 0) > (best?.width ?? 0) ? size : best), undefined)
  const ratio = largest?.width > 0 && largest?.height > 0 ? largest.width / largest.height : 4 / 3
  const src = pictureUrl(message.photo_url)
  const box = h('div', { class: 'picture' })
  box.style.aspectRatio = String(Math.min(2.1, Math.max(0.8, ratio)))
  if (!src) {
    box.append(
      h(
        'span',
        { class: 'picture-missing' },
        icon('image', 28),
        message.photo_url ? t('pictureOutside') : t('picture'),
      ),
    )
    return box
  }
  const kept = old?.querySelector('.picture img')
  if (kept && kept.src === src) {
    box.append(kept)
    box.classList.add('ready')
    return box
  }
  const img = h('img', { src, alt: t('picture'), decoding: 'async', draggable: 'false' })
  img.addEventListener('load', () => box.classList.add('ready'))
  img.addEventListener('error', () =>
    img.replaceWith(h('span', { class: 'picture-missing' }, icon('image', 28), t('picture'))),
  )
  box.append(img)
  return box
}

function cardOf(message, actions) {
  const { invoice, contact, location, venue, document: file } = message
  if (invoice) {
    const amount = price(invoice.total_amount, invoice.currency)
    const own = message.reply_markup?.inline_keyboard?.flat().some((button) => button.pay)
    return h(
      'div',
      { class: 'card invoice' },
      h(
        'div',
        { class: 'card-top' },
        h('span', { class: 'card-icon' }, icon('card', 22)),
        h('span', { class: 'card-kind' }, t('invoice')),
      ),
      h('b', { dir: 'auto' }, invoice.title),
      invoice.description ? h('p', { dir: 'auto' }, invoice.description) : undefined,
      h('span', { class: 'sum' }, amount),
      own
        ? undefined
        : h(
            'button',
            {
              type: 'button',
              class: 'primary wide',
              data: { testid: 'button' },
              onclick: () => actions.payInvoice(message),
            },
            t('payAmount', { amount }),
          ),
    )
  }
  if (contact) {
    return card('person', [contact.first_name, contact.last_name].filter(Boolean).join(' '), contact.phone_number)
  }
  if (location || venue) {
    const at = venue?.location ?? location
    return card(
      'pin',
      venue?.title ?? t('location'),
      venue?.address ?? `${at.latitude.toFixed(4)}, ${at.longitude.toFixed(4)}`,
    )
  }
  if (file) {
    const size = file.file_size ? `${Math.ceil(file.file_size / 1024)} KB` : ''
    const name = file.file_name ?? t('document')
    return card('file', name, size, {
      href: `/file/sandbox/${encodeURIComponent(file.file_id)}`,
      download: file.file_name ?? true,
      data: { testid: 'document' },
    })
  }
  return undefined
}

/** `link`: attributes that make the whole card a link. */
const card = (shape, title, detail, link) =>
  h(
    link ? 'a' : 'div',
    { class: 'card line-card', ...link },
    h('span', { class: 'card-icon' }, icon(shape, 20)),
    h('span', { class: 'card-text' }, h('b', { dir: 'auto' }, title), h('small', {}, detail)),
  )

const linkOf = (entities) => entities?.find((entity) => entity.type === 'text_link' && payLink.test(entity.url))?.url

const payChip = (url, actions) =>
  h(
    'button',
    { type: 'button', class: 'pay-chip', 'aria-label': t('openPayment'), onclick: () => actions.open(url) },
    h('span', { class: 'card-icon' }, icon('card', 20)),
    h('span', { class: 'card-text' }, h('b', {}, t('paymentPage')), h('small', {}, hostOf(url))),
  )

function hostOf(url) {
  try {
    return new URL(url).host
  } catch {
    return ''
  }
}

function paidLine(message) {
  const { total_amount: amount, currency } = message.successful_payment
  return h(
    'li',
    { class: 'service', data: hooks(message) },
    h('span', {}, icon('check', 15), t('paidAmount', { amount: price(amount, currency) })),
  )
}

function keyboardOf(message, rows, actions) {
  const buttons = rows.map((row, y) => row.map((button, x) => keyboardButton(message, button, y, x, actions)))
  return h(
    'div',
    { class: 'keyboard', role: 'group', onkeydown: roving(buttons) },
    buttons.map((row) => h('div', { class: 'keyboard-row' }, row)),
  )
}

const isLink = (button) => button.url ?? button.login_url?.url ?? button.web_app?.url

function keyboardButton(message, button, y, x, actions) {
  const url = isLink(button)
  const mark = url
    ? payLink.test(url)
      ? 'card'
      : 'outside'
    : button.switch_inline_query !== undefined || button.switch_inline_query_chosen_chat
      ? 'forward'
      : button.switch_inline_query_current_chat !== undefined
        ? 'search'
        : button.pay
          ? 'card'
          : button.copy_text
            ? 'copy'
            : undefined
  const label = button.pay && message.invoice ? button.text : button.text
  return h(
    'button',
    {
      type: 'button',
      class: `key ${button.style ? `key-${button.style}` : ''} ${mark ? 'with-mark' : ''} ${button.text.length > 14 ? 'key-long' : ''}`,
      'aria-busy': actions.isWaiting(message, y, x) ? 'true' : undefined,
      title: url ?? undefined,
      data: { testid: 'button', row: y, column: x },
      onclick: () => actions.press(message, button, y, x),
    },
    h('span', { class: 'key-label', dir: 'auto' }, label),
    mark ? h('span', { class: 'key-mark' }, icon(mark, 13)) : undefined,
    h('span', { class: 'key-wait', 'aria-hidden': 'true' }),
  )
}
