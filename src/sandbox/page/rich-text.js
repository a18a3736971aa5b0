/** Telegram's text + entities as elements. Offsets are UTF-16 units, as in JavaScript strings. */
import { h } from './dom.js'
import { t } from './words.js'

/**
 * `open(url)` gets every http(s) link; `command(text)` gets `/words`, `mention(name)` gets `@names`. Entities nest or
 * follow each other (Telegram promises that); one that sticks out of its parent is cut to it.
 */
export function richText(text, entities = [], actions) {
  const sorted = [...entities].filter((e) => e.length > 0).sort((a, b) => a.offset - b.offset || b.length - a.length)
  return render(text, 0, text.length, sorted, actions)
}

function render(text, from, to, entities, actions) {
  const parts = []
  let at = from
  for (let i = 0; i < entities.length;) {
    const entity = entities[i]
    const start = Math.max(entity.offset, at)
    const end = Math.min(entity.offset + entity.length, to)
    let next = i + 1
    while (next < entities.length && entities[next].offset < end) next++
    if (end > start) {
      if (start > at) parts.push(...plain(text.slice(at, start), actions))
      parts.push(
        wrap(
          entity,
          text.slice(start, end),
          () => render(text, start, end, entities.slice(i + 1, next), actions),
          actions,
        ),
      )
      at = end
    }
    i = next
  }
  if (at < to) parts.push(...plain(text.slice(at, to), actions))
  return parts
}

function wrap(entity, raw, inner, actions) {
  switch (entity.type) {
    case 'bold':
      return h('strong', {}, inner())
    case 'italic':
      return h('em', {}, inner())
    case 'underline':
      return h('u', {}, inner())
    case 'strikethrough':
      return h('s', {}, inner())
    case 'code':
      return h('code', {}, raw)
    case 'pre':
      return h('pre', {}, h('code', {}, raw))
    case 'blockquote':
    case 'expandable_blockquote':
      return h('blockquote', {}, inner())
    case 'spoiler':
      return spoiler(inner())
    case 'text_link':
      return link(entity.url, inner(), actions)
    case 'url':
      return link(/^[a-z]+:\/\//i.test(raw) ? raw : `http://${raw}`, [raw], actions)
    case 'email':
      return h('span', { class: 'link-like' }, raw)
    case 'mention':
    case 'bot_command':
      return h('span', {}, plain(raw, actions))
    case 'text_mention':
      return h('span', { class: 'link-like' }, inner())
    default:
      return h('span', {}, inner())
  }
}

function spoiler(children) {
  const element = h(
    'span',
    { class: 'spoiler', role: 'button', tabindex: '0', 'aria-label': t('spoiler') },
    h('span', {}, children),
  )
  const show = (event) => {
    if (event.type === 'keydown' && event.key !== 'Enter' && event.key !== ' ') return
    event.preventDefault()
    element.classList.add('shown')
    for (const name of ['role', 'tabindex', 'aria-label']) element.removeAttribute(name)
  }
  element.addEventListener('click', show, { once: true })
  element.addEventListener('keydown', show)
  return element
}

function link(url, children, actions) {
  if (!/^https?:\/\//i.test(url ?? '')) return h('span', {}, children)
  return h(
    'a',
    {
      href: url,
      rel: 'noopener noreferrer',
      target: '_blank',
      title: url,
      onclick: (event) => {
        if (event.ctrlKey || event.metaKey || event.shiftKey) return
        event.preventDefault()
        actions.open(url)
      },
    },
    children,
  )
}

const found =
  /(https?:\/\/[^\s<>"]+[^\s<>".,;:!?)\]»”])|(?<![\p{L}\p{N}_@/])(@[a-z]\w{2,31})|(?<![\p{L}\p{N}_@/:])(\/[a-z]\w{0,31})(?![\w/])/giu

/** People's texts may come without entities: links, names and commands are recognised here, as an app does. */
function plain(text, actions) {
  const parts = []
  let at = 0
  for (const match of text.matchAll(found)) {
    if (match.index > at) parts.push(text.slice(at, match.index))
    const [whole, url, mention, command] = match
    if (url) parts.push(link(url, [url], actions))
    else if (mention && actions.mention) parts.push(inlineButton(mention, () => actions.mention(mention.slice(1))))
    else if (command && actions.command) parts.push(inlineButton(command, () => actions.command(command)))
    else parts.push(whole)
    at = match.index + whole.length
  }
  if (at < text.length) parts.push(text.slice(at))
  return parts
}

const inlineButton = (label, onclick) => h('button', { type: 'button', class: 'link-button', onclick }, label)

/** One line for the chat list, a quoted reply, or a screen reader. */
export function summary(message) {
  if (!message) return ''
  const text = (message.text ?? message.caption ?? '').replaceAll(/\s+/g, ' ').trim()
  if (text) return text.slice(0, 160)
  if (message.photo) return t('photo')
  if (message.invoice) return `${t('invoice')}: ${message.invoice.title}`
  if (message.location || message.venue) return t('location')
  if (message.contact) return t('contact')
  if (message.successful_payment) return t('paid')
  if (message.document) return message.document.file_name ?? t('document')
  return serviceText(message) ?? t('unsupported')
}

/** The sentence of a message about the chat itself, or `undefined` for what somebody said. */
export function serviceText(message) {
  const name = (user) => [user?.first_name, user?.last_name].filter(Boolean).join(' ')
  if (message.new_chat_members)
    return message.new_chat_members.map((user) => t('joined', { name: name(user) })).join(', ')
  if (message.left_chat_member) return t('left', { name: name(message.left_chat_member) })
  if (message.group_chat_created || message.supergroup_chat_created || message.channel_chat_created)
    return t('chatCreated')
  if (message.new_chat_title) return message.new_chat_title
  if (message.pinned_message) return t('pinned')
  return undefined
}
