/** What slides over a column: the payment page, choosing a chat, alerts, small forms; and toasts. */
import { api } from './api.js'
import { h, iconButton, trapFocus } from './dom.js'
import { chatTitle, chatsOf, faceOf, isBotChat, mayWrite, memberIds, otherPerson, strangersOf, world } from './world.js'
import { price, t } from './words.js'

/** Opens a sheet over `host` (a column). Esc, the veil and the close button close it; returns `close`. */
export function openSheet(host, { title, body, onclose, className = '', testid }) {
  let closed = false
  const close = () => {
    if (closed) return
    closed = true
    release()
    veil.classList.add('leaving')
    const remove = () => veil.remove()
    veil.addEventListener('animationend', remove, { once: true })
    setTimeout(remove, 260)
    onclose?.()
  }
  const panel = h(
    'div',
    {
      class: `sheet ${className}`,
      role: 'dialog',
      'aria-modal': 'true',
      'aria-label': title,
      data: testid ? { testid } : {},
    },
    h(
      'header',
      { class: 'sheet-head' },
      h('h2', {}, title),
      iconButton('close', t('close'), close, { data: { testid: 'sheet-close' } }),
    ),
    body,
  )
  const veil = h('div', { class: 'veil', onclick: (event) => event.target === veil && close() }, panel)
  const untrap = trapFocus(panel, close)
  // Esc also when the focus has wandered to another column.
  const onKey = (event) => event.key === 'Escape' && !event.defaultPrevented && veil.matches(':last-child') && close()
  document.addEventListener('keydown', onKey)
  const release = () => {
    document.removeEventListener('keydown', onKey)
    untrap()
  }
  host.append(veil)
  ;(panel.querySelector('input, [data-first]') ?? panel.querySelector('button')).focus({ preventScroll: true })
  return close
}

/** The provider's page in a frame. It says when it is done; it closes by itself then. */
export function openPayPage(host, url) {
  const frame = h('iframe', { src: url, title: t('payment') })
  const spinner = h('div', { class: 'frame-wait', 'aria-hidden': 'true' }, h('span', { class: 'spinner' }))
  frame.addEventListener('load', () => spinner.remove())
  const onMessage = (event) => {
    if (event.source === frame.contentWindow && event.data?.type === 'yookassa') setTimeout(close, 900)
  }
  window.addEventListener('message', onMessage)
  const close = openSheet(host, {
    title: t('payment'),
    className: 'sheet-tall',
    testid: 'pay-sheet',
    body: h('div', { class: 'frame-box' }, spinner, frame),
    onclose: () => window.removeEventListener('message', onMessage),
  })
}

/** A chat this person may write to, for sharing. Resolves with its id or `undefined`. */
export function pickChat(host, personId, { allowBot = true } = {}) {
  return new Promise((resolve) => {
    let picked
    const list = h('div', { class: 'pick-list', role: 'list' })
    const search = h('input', {
      type: 'search',
      class: 'field',
      placeholder: t('searchChats'),
      'aria-label': t('searchChats'),
      oninput: () => fill(),
    })
    const fill = () => {
      const words = search.value.trim().toLowerCase()
      const chats = [...chatsOf(personId), ...strangersOf(personId)].filter(
        ({ id }) =>
          mayWrite(id, personId) &&
          (allowBot || !isBotChat(id, personId)) &&
          chatTitle(id, personId).toLowerCase().includes(words),
      )
      list.replaceChildren(
        ...chats.map(({ id }) =>
          h(
            'button',
            {
              type: 'button',
              class: 'pick',
              data: { testid: 'pick-chat', chat: id },
              onclick: () => {
                picked = id
                close()
              },
            },
            faceOf(id, personId),
            h(
              'span',
              { class: 'pick-text' },
              h('b', {}, chatTitle(id, personId)),
              h('small', {}, chatSubtitle(id, personId)),
            ),
          ),
        ),
      )
      if (chats.length === 0) list.append(h('p', { class: 'quiet' }, t('nothingFound')))
    }
    fill()
    const close = openSheet(host, {
      title: t('chooseChat'),
      body: h('div', { class: 'sheet-body' }, search, list),
      onclose: () => resolve(picked),
    })
  })
}

export function chatSubtitle(id, personId) {
  if (isBotChat(id, personId)) return t('bot')
  const chat = world.chats.get(id)
  if (!chat || chat.type === 'private') {
    const username = world.people.get(otherPerson(id, personId))?.username
    return username ? `@${username}` : ''
  }
  return t(chat.type === 'channel' ? 'followerCount' : 'memberCount', { n: memberIds(chat).length })
}

/** A box with a text and OK, as `show_alert` asks for. */
export function alertBox(host, text) {
  const close = openSheet(host, {
    title: world.bot.first_name,
    className: 'sheet-alert',
    testid: 'alert',
    body: h(
      'div',
      { class: 'sheet-body' },
      h('p', { class: 'alert-text' }, text),
      h(
        'div',
        { class: 'sheet-actions' },
        h('button', { type: 'button', class: 'primary', data: { first: '' }, onclick: () => close() }, t('ok')),
      ),
    ),
  })
}

/** `fields`: `{name, label, value?, type?, required?, hint?, options?}`. `submit(values)` may throw: the sheet stays and says why. */
export function formSheet(host, { title, note, fields = [], extra, action, submit }) {
  const inputs = new Map()
  const problem = h('p', { class: 'problem', role: 'alert' })
  const rows = fields.map(({ name, label, value, type = 'text', required, options, hint }) => {
    const input = options
      ? h(
          'select',
          { class: 'field', name },
          options.map(([id, text]) => h('option', { value: id, selected: id === value }, text)),
        )
      : h('input', { class: 'field', name, type, value: value ?? '', required, autocomplete: 'off', placeholder: hint })
    inputs.set(name, input)
    return h('label', { class: 'form-row' }, h('span', {}, label), input)
  })
  const form = h(
    'form',
    {
      class: 'sheet-body',
      onsubmit: (event) => {
        event.preventDefault()
        const values = Object.fromEntries([...inputs].map(([name, input]) => [name, input.value.trim()]))
        problem.textContent = ''
        Promise.resolve(submit(values)).then(close, (error) => {
          problem.textContent = t('failed', { why: error.message })
        })
      },
    },
    note ? h('p', { class: 'quiet' }, note) : undefined,
    rows,
    extra,
    problem,
    h(
      'div',
      { class: 'sheet-actions' },
      h('button', { type: 'button', class: 'secondary', onclick: () => close() }, t('cancel')),
      h('button', { type: 'submit', class: 'primary', data: { first: '' } }, action),
    ),
  )
  const close = openSheet(host, { title, body: form })
  return close
}

/** Telegram's own payment form, in short: the amount, the test card, pay or decline. */
export function openInvoice(host, personId, chatId, message, toast) {
  const { invoice } = message
  const amount = price(invoice.total_amount, invoice.currency)
  const problem = h('p', { class: 'problem', role: 'alert' })
  const pay = (outcome) => {
    for (const button of buttons) button.disabled = true
    api.pay({ from: personId, chat: chatId, message_id: message.message_id, outcome }).then(
      (answer) => {
        close()
        toast(outcomeText(answer, amount))
      },
      (error) => {
        for (const button of buttons) button.disabled = false
        problem.textContent = t('failed', { why: error.message })
      },
    )
  }
  const buttons = [
    h('button', { type: 'button', class: 'secondary', onclick: () => pay('declined') }, t('decline')),
    h(
      'button',
      { type: 'button', class: 'primary', data: { first: '' }, onclick: () => pay('paid') },
      t('payAmount', { amount }),
    ),
  ]
  const close = openSheet(host, {
    title: t('payment'),
    testid: 'pay-sheet',
    body: h(
      'div',
      { class: 'sheet-body' },
      h('div', { class: 'invoice-sum' }, h('b', {}, invoice.title), h('span', { class: 'sum' }, amount)),
      h('p', { class: 'quiet' }, t('payTest')),
      problem,
      h('div', { class: 'sheet-actions' }, buttons),
    ),
  })
}

function outcomeText({ outcome, error_message }, amount) {
  if (outcome === 'paid') return t('paidAmount', { amount })
  if (outcome === 'timeout') return t('noAnswer')
  return error_message ?? t('declined')
}

/** A short line over the composer; goes away by itself. */
export function toast(host, text) {
  host.querySelector('.toast')?.remove()
  const element = h(
    'div',
    { class: 'toast', role: 'status', data: { testid: 'toast' }, onclick: () => element.remove() },
    text,
  )
  ;(host.querySelector('.chat .wall') ?? host).append(element)
  const seconds = Math.min(8, 2.6 + String(text).length * 0.035)
  setTimeout(() => element.classList.add('leaving'), seconds * 1000)
  setTimeout(() => element.remove(), seconds * 1000 + 300)
}

/** A menu under a button. `items`: `[icon, label, action]`. */
export function openMenu(button, items, { icon: drawIcon, side = 'below' }) {
  const host = button.parentElement
  const close = () => {
    menu.remove()
    release()
    document.removeEventListener('pointerdown', outside, true)
    button.setAttribute('aria-expanded', 'false')
  }
  const outside = (event) => {
    if (!menu.contains(event.target) && event.target !== button && !button.contains(event.target)) close()
  }
  const entries = items.map(([shape, label, act]) =>
    h(
      'button',
      {
        type: 'button',
        role: 'menuitem',
        class: 'menu-item',
        onclick: () => {
          close()
          act()
        },
      },
      drawIcon(shape, 20),
      h('span', {}, label),
    ),
  )
  const menu = h(
    'div',
    {
      class: `menu menu-${side}`,
      role: 'menu',
      onkeydown: (event) => {
        const at = entries.indexOf(document.activeElement)
        const step = event.key === 'ArrowDown' ? 1 : event.key === 'ArrowUp' ? -1 : 0
        if (!step) return
        event.preventDefault()
        entries.at((at + step) % entries.length).focus()
      },
    },
    entries,
  )
  const release = trapFocus(menu, close)
  document.addEventListener('pointerdown', outside, true)
  host.append(menu)
  button.setAttribute('aria-expanded', 'true')
  entries[0]?.focus({ preventScroll: true })
  return close
}
