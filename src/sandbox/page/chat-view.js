/** An open chat in a column: header, messages, the way down, composer. */
import { api } from './api.js'
import { announce, h, icon } from './dom.js'
import { composer } from './composer.js'
import { messageElement, senderOf } from './message-view.js'
import { summary } from './rich-text.js'
import { alertBox, chatSubtitle, openInvoice } from './sheets.js'
import { day, t } from './words.js'
import {
  chatTitle,
  faceOf,
  commandsFor,
  fullName,
  isBotChat,
  markRead,
  mayWrite,
  messagesOf,
  unreadCount,
  world,
} from './world.js'

const page = 200

/**
 * `column`: the column's surface (column.js): `{element, personId, openUrl, toast, back, pickAndOffer, drafts}`.
 * Returns `{element, update(topics), destroy(), composer}`.
 */
export function chatView(column, chatId) {
  const { personId } = column
  let shown = page
  let known = new Map()
  const waiting = new Set()
  let stuck = true
  let lastSeen = messagesOf(chatId).at(-1)?.message_id ?? 0
  let newBelow = 0

  const list = h('ol', { class: 'messages', 'aria-label': chatTitle(chatId, personId) })
  const empty = h('div', { class: 'empty-chat' })
  const scroller = h(
    'div',
    { class: 'scroller', tabindex: '-1', role: 'log', 'aria-live': 'off', data: { testid: 'messages' } },
    empty,
    list,
  )
  const downBadge = h('span', { class: 'badge' })
  const down = h(
    'button',
    { type: 'button', class: 'to-bottom', 'aria-label': t('toBottom'), onclick: () => toEnd('smooth') },
    icon('down', 22),
    downBadge,
  )
  const earlier = h(
    'li',
    { class: 'earlier' },
    h('button', { type: 'button', onclick: () => showEarlier() }, t('earlier')),
  )
  const backBadge = h('span', { class: 'badge' })
  const backButton = h(
    'button',
    {
      type: 'button',
      class: 'icon-button back',
      'aria-label': t('back'),
      data: { testid: 'back' },
      onclick: () => column.back(),
    },
    icon('back', 24),
    backBadge,
  )
  const title = h('h2', { dir: 'auto' })
  const subtitle = h('p', { class: 'subtitle' })
  const face = h('span', { class: 'head-face' })
  const actions = {
    mayReply: mayWrite(chatId, personId),
    open: (url) => column.openUrl(url),
    mention: (name) => {
      if (name.toLowerCase() === world.bot.username?.toLowerCase()) input.insert(`@${name} `)
      else column.openUrl(`https://t.me/${name}`)
    },
    command: isBotChat(chatId, personId) ? (text) => send(text) : undefined,
    reply: (message) => input.replyTo(message),
    showMessage,
    payInvoice: (message) => openInvoice(column.element, personId, chatId, message, column.toast),
    isWaiting: (message, y, x) => waiting.has(`${message.message_id}:${y}:${x}`),
    press,
  }
  const input = composer({ column, chatId, onSent: () => toEnd('auto'), actions })
  const element = h(
    'section',
    { class: 'chat', 'aria-label': chatTitle(chatId, personId) },
    h('header', { class: 'head' }, backButton, face, h('div', { class: 'head-text' }, title, subtitle)),
    h('div', { class: 'wall' }, scroller, h('div', { class: 'down-place' }, down)),
    input.element,
  )

  const isAtEnd = () => scroller.scrollHeight - scroller.scrollTop - scroller.clientHeight < 60
  const calm = matchMedia('(prefers-reduced-motion: reduce)')

  function toEnd(behavior = 'auto') {
    stuck = true
    scroller.scrollTo({ top: scroller.scrollHeight, behavior: calm.matches ? 'auto' : behavior })
    read()
  }

  function read() {
    newBelow = 0
    if (document.visibilityState === 'visible') markRead(personId, chatId)
    showDown()
  }

  function showDown() {
    down.classList.toggle('shown', !stuck)
    down.tabIndex = stuck ? -1 : 0
    downBadge.textContent = newBelow > 0 ? String(newBelow) : ''
    down.setAttribute('aria-label', newBelow > 0 ? t('toBottomUnread', { n: newBelow }) : t('toBottom'))
  }

  let lastTop = 0
  scroller.addEventListener('scroll', () => {
    const up = scroller.scrollTop < lastTop - 2
    lastTop = scroller.scrollTop
    if (isAtEnd()) {
      if (!stuck || newBelow > 0) {
        stuck = true
        read()
      }
    } else if (up) {
      stuck = false
      showDown()
    }
  })
  // The composer grows, a keyboard opens, the window changes: the end stays in sight.
  const observer = new ResizeObserver(() => stuck && scroller.scrollTo({ top: scroller.scrollHeight }))
  observer.observe(scroller)
  observer.observe(list)

  function showEarlier() {
    const height = scroller.scrollHeight
    const top = scroller.scrollTop
    shown += page
    render()
    scroller.scrollTop = top + scroller.scrollHeight - height
  }

  function showMessage(id) {
    const found = messagesOf(chatId).findIndex((message) => message.message_id === id)
    if (found < 0) return
    shown = Math.max(shown, messagesOf(chatId).length - found + 10)
    stuck = false
    render()
    const target = list.querySelector(`[data-message="${id}"]`)
    target?.scrollIntoView({ block: 'center', behavior: calm.matches ? 'auto' : 'smooth' })
    target?.classList.add('flash')
    setTimeout(() => target?.classList.remove('flash'), 1400)
  }

  function send(text) {
    return api.send({ from: personId, chat: chatId, text }).then(
      () => toEnd('auto'),
      (error) => column.toast(t('failed', { why: error.message })),
    )
  }

  async function press(message, button, y, x) {
    const url = button.url ?? button.login_url?.url ?? button.web_app?.url
    if (url) return column.openUrl(url)
    if (button.pay) return actions.payInvoice(message)
    if (button.switch_inline_query_current_chat !== undefined)
      return input.offer(button.switch_inline_query_current_chat)
    if (button.switch_inline_query !== undefined) return column.pickAndOffer(button.switch_inline_query)
    if (button.switch_inline_query_chosen_chat)
      return column.pickAndOffer(button.switch_inline_query_chosen_chat.query ?? '')
    if (button.copy_text) {
      await navigator.clipboard?.writeText(button.copy_text.text).catch(() => undefined)
      return column.toast(t('copied'))
    }
    const key = `${message.message_id}:${y}:${x}`
    if (waiting.has(key)) return undefined
    waiting.add(key)
    showWaiting(message.message_id, y, x, true)
    try {
      const pressed = await api.click({
        from: personId,
        chat: chatId,
        message_id: message.message_id,
        row: y,
        column: x,
      })
      const answer = pressed?.answer
      if (answer?.url) column.openUrl(answer.url)
      if (answer?.text) {
        if (answer.show_alert) alertBox(column.element, answer.text)
        else column.toast(answer.text)
      } else if (pressed?.type === 'callback' && !answer) column.toast(t('noAnswer'))
      if (pressed?.type === 'url' && pressed.url) column.openUrl(pressed.url)
    } catch (error) {
      column.toast(t('failed', { why: error.message }))
    } finally {
      waiting.delete(key)
      showWaiting(message.message_id, y, x, false)
    }
    return undefined
  }

  function showWaiting(id, y, x, on) {
    const button = list.querySelector(`[data-message="${id}"] [data-row="${y}"][data-column="${x}"]`)
    if (on) button?.setAttribute('aria-busy', 'true')
    else button?.removeAttribute('aria-busy')
  }

  /** Only what changed becomes a new element: a message is the same while its object and its place in a run are. */
  function render() {
    const chat = world.chats.get(chatId)
    const all = messagesOf(chatId)
    const visible = all.slice(-shown)
    const isChannel = chat?.type === 'channel'
    const withSender = !isBotChat(chatId, personId) && !isChannel && chat?.type !== 'private'
    const next = new Map()
    const nodes = visible.length < all.length ? [earlier] : []
    const focused = focusPlace()
    let before
    visible.forEach((message, index) => {
      const newDay = !before || day(before.date) !== day(message.date)
      const after = visible[index + 1]
      if (newDay) {
        const label = day(message.date)
        const key = `day:${label}:${message.message_id}`
        const separator = known.get(key)?.node ?? h('li', { class: 'day' }, h('span', {}, label))
        next.set(key, { node: separator })
        nodes.push(separator)
      }
      const look = {
        own: !isChannel && message.from?.id === personId && !message.sender_chat,
        first: newDay || !sameRun(before, message),
        last: !after || day(after.date) !== day(message.date) || !sameRun(message, after),
        withSender,
        channel: isChannel,
      }
      const sign = `${look.own}${look.first}${look.last}`
      const key = message.message_id
      const had = known.get(key)
      const node =
        had && had.message === message && had.sign === sign
          ? had.node
          : messageElement(message, look, actions, had?.node)
      if (!had && known.size > 0 && message === all.at(-1)) node.classList.add('arriving')
      next.set(key, { node, message, sign })
      nodes.push(node)
      before = message
    })
    known = next
    reconcile(list, nodes)
    restoreFocus(focused)
    showEmpty(all.length === 0)
  }

  function focusPlace() {
    const active = document.activeElement
    if (!list.contains(active)) return undefined
    return {
      message: active.closest('[data-message]')?.dataset.message,
      row: active.dataset.row,
      column: active.dataset.column,
    }
  }

  function restoreFocus(place) {
    if (!place?.message || place.row === undefined || list.contains(document.activeElement)) return
    const keys = list.querySelector(`[data-message="${place.message}"] .keyboard`)
    const button =
      keys?.querySelector(`[data-row="${place.row}"][data-column="${place.column}"]`) ?? keys?.querySelector('button')
    button?.focus({ preventScroll: true })
  }

  function showEmpty(isEmpty) {
    empty.hidden = !isEmpty
    list.hidden = isEmpty
    if (!isEmpty) return
    const chat = world.chats.get(chatId)
    const inBot = isBotChat(chatId, personId)
    const text = inBot
      ? t('botEmptyText')
      : chat?.type === 'channel'
        ? t('channelEmptyText')
        : world.bot.username
          ? t('chatEmptyText', { bot: world.bot.username })
          : t('chatEmptyPlain')
    empty.replaceChildren(
      h(
        'div',
        { class: 'empty-card' },
        faceOf(chatId, personId, 'l'),
        h('b', { dir: 'auto' }, inBot ? t('botEmptyTitle') : chatTitle(chatId, personId)),
        h('p', {}, text),
      ),
    )
  }

  function showHead() {
    title.textContent = chatTitle(chatId, personId)
    face.replaceChildren(faceOf(chatId, personId, 'm'))
    const typing = world.typing.get(chatId)
    if (typing) {
      const text = typing.action === 'upload_photo' ? t('sendingPhoto') : t('typing')
      subtitle.replaceChildren(
        h(
          'span',
          { class: 'typing' },
          text,
          h('span', { class: 'dots', 'aria-hidden': 'true' }, h('i'), h('i'), h('i')),
        ),
      )
    } else subtitle.textContent = chatSubtitle(chatId, personId)
  }

  function showBackBadge() {
    const others = [...new Set([personId, ...world.chats.keys()])].filter((id) => id !== chatId)
    const visible = new Set(column.chatIds())
    const n = others.filter((id) => visible.has(id)).reduce((sum, id) => sum + unreadCount(personId, id), 0)
    backBadge.textContent = n > 0 ? String(n) : ''
    backButton.setAttribute('aria-label', n > 0 ? t('backUnread', { n }) : t('back'))
  }

  function noticeNew() {
    const fresh = messagesOf(chatId).filter((message) => message.message_id > lastSeen)
    if (fresh.length === 0) return
    lastSeen = fresh.at(-1).message_id
    const others = fresh.filter((message) => message.from?.id !== personId)
    if (others.length > 0) {
      const last = others.at(-1)
      announce(t('newMessage', { name: senderOf(last)?.title ?? fullName(senderOf(last)), text: summary(last) }))
    }
    if (stuck) return
    newBelow += others.length
    showDown()
  }

  function update(topics) {
    const all = topics === undefined
    if (all || topics.has('people') || topics.has('chats') || topics.has('typing') || topics.has('messages')) showHead()
    if (all || topics.has('messages') || topics.has('chats')) {
      actions.mayReply = mayWrite(chatId, personId)
      const wasStuck = stuck
      render()
      noticeNew()
      if (wasStuck) toEnd(all ? 'auto' : 'smooth')
    }
    if (all || topics.has('messages') || topics.has('read')) showBackBadge()
    input.update(topics)
  }

  const onVisible = () => document.visibilityState === 'visible' && stuck && read()
  document.addEventListener('visibilitychange', onVisible)
  showDown()
  return {
    element,
    update,
    composer: input,
    send,
    commands: () => commandsFor(world.people.get(personId)),
    destroy: () => {
      observer.disconnect()
      input.destroy()
      document.removeEventListener('visibilitychange', onVisible)
    },
  }
}

/** Messages of one sender within ten minutes stand together. */
function sameRun(a, b) {
  if (!a || !b) return false
  if (a.successful_payment || b.successful_payment) return false
  if (a.reply_markup?.inline_keyboard?.length) return false
  return senderOf(a)?.id === senderOf(b)?.id && Math.abs(b.date - a.date) < 600
}

/** Puts `nodes` into `parent` in that order, moving as little as possible, so that pictures and focus stay. */
function reconcile(parent, nodes) {
  const wanted = new Set(nodes)
  for (const child of Array.from(parent.children)) if (!wanted.has(child)) child.remove()
  let cursor = parent.firstChild
  for (const node of nodes) {
    if (node === cursor) cursor = cursor.nextSibling
    else parent.insertBefore(node, cursor)
  }
}
