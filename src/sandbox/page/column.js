/** One person's phone: their chat list, or the chat they have open. */
import { api } from './api.js'
import { avatar, h, icon, iconButton } from './dom.js'
import { chatView } from './chat-view.js'
import { summary } from './rich-text.js'
import { formSheet, openMenu, openPayPage, pickChat, toast } from './sheets.js'
import { changed, chatTitle, chatsOf, dialogOf, faceOf, fullName, isBotChat, unreadCount, world } from './world.js'
import { stamp, t } from './words.js'

/** `remember(chatId | null)` is called whenever the open chat changes; `hide()` closes the column. */
export function createColumn(personId, { openAtFirst, remember, hide }) {
  let chat
  let chatId
  const drafts = new Map()
  const list = h('div', { class: 'chat-list', role: 'list', data: { testid: 'chat-list' } })
  const me = h('div', { class: 'head-text' })
  const myFace = h('span', { class: 'head-face' })
  const menuButton = iconButton('more', t('more'), () => menu(), {
    'aria-haspopup': 'menu',
    'aria-expanded': 'false',
    data: { testid: 'person-menu' },
  })
  const home = h(
    'section',
    { class: 'home' },
    h('header', { class: 'head' }, myFace, me, h('div', { class: 'menu-place menu-end' }, menuButton)),
    list,
  )
  const stage = h('div', { class: 'stage' }, home)
  const element = h('article', { class: 'column', tabindex: '-1', data: { testid: 'column', person: personId } }, stage)

  const column = {
    element,
    personId,
    drafts,
    toast: (text) => toast(element, text),
    chatIds: () => chatsOf(personId).map(({ id }) => id),
    openUrl,
    pickAndOffer,
    back: () => openChat(undefined),
    block,
    openChat,
    update,
    showsChat: () => chatId,
  }

  function person() {
    return world.people.get(personId)
  }

  function openChat(id, { focus = true } = {}) {
    if (id === chatId && chat) return
    const from = chatId
    chat?.destroy()
    chat?.element.remove()
    chat = undefined
    chatId = id
    remember(id ?? null)
    home.inert = id !== undefined
    stage.classList.toggle('in-chat', id !== undefined)
    if (id === undefined) {
      fill()
      const origin = list.querySelector(`[data-chat="${from}"]`) ?? list.querySelector('button')
      if (focus) origin?.focus({ preventScroll: true })
      return
    }
    chat = chatView(column, id)
    stage.append(chat.element)
    chat.update()
    if (focus && matchMedia('(hover: hover)').matches) chat.composer.focus()
  }

  /**
   * What an app does with a link: the bot's own deep links start it here, a share link offers its text to a chat, the
   * payment page opens in a sheet, everything else goes to a new tab.
   */
  function openUrl(raw) {
    let url
    try {
      url = new URL(raw)
    } catch {
      return
    }
    if (!/^https?:$/.test(url.protocol)) return
    if (url.pathname.includes('/yookassa/pay/')) {
      openPayPage(element, url.href)
      return
    }
    if (/^(www\.)?(t|telegram)\.me$/i.test(url.hostname)) {
      openTelegramLink(url)
      return
    }
    window.open(url.href, '_blank', 'noopener,noreferrer')
  }

  function openTelegramLink(url) {
    const [first = ''] = url.pathname.split('/').filter(Boolean)
    if (first === 'share') {
      void pickAndWrite([url.searchParams.get('url'), url.searchParams.get('text')].filter(Boolean).join('\n'))
      return
    }
    const known = [...world.chats.values()].find((chat) => chat.username?.toLowerCase() === first.toLowerCase())
    if (known && column.chatIds().includes(known.id)) {
      openChat(known.id)
      return
    }
    const payload = url.searchParams.get('start')
    if (payload === null && first.toLowerCase() !== world.bot.username?.toLowerCase()) return
    openChat(personId)
    if (payload !== null) void chat?.send(payload === '' ? '/start' : `/start ${payload}`)
  }

  async function pickAndWrite(text) {
    const picked = await pickChat(element, personId)
    if (picked === undefined) return
    openChat(picked)
    chat?.composer.insert(text)
  }

  async function pickAndOffer(query) {
    const picked = await pickChat(element, personId)
    if (picked === undefined) return
    openChat(picked)
    chat?.composer.offer(query)
  }

  function menu() {
    const blocked = world.blocked.has(personId)
    openMenu(
      menuButton,
      [
        ['people', t('newGroup'), () => newChat('supergroup')],
        ['channel', t('newChannel'), () => newChat('channel')],
        ['block', t(blocked ? 'unblockBot' : 'blockBot'), () => void block(!blocked)],
        ['eyeOff', t('hideColumn'), hide],
      ],
      { icon },
    )
  }

  async function block(blocked) {
    try {
      await api.block(personId, blocked)
      world.blocked[blocked ? 'add' : 'delete'](personId)
      changed('blocked')
      changed('chats')
      if (blocked) column.toast(t('blockedNote'))
    } catch (error) {
      column.toast(t('failed', { why: error.message }))
    }
  }

  function newChat(type) {
    const boxes = [...world.people.values()].map((other) => {
      const box = h('input', { type: 'checkbox', value: other.id, checked: true, disabled: other.id === personId })
      box.checked = true
      return [
        other.id,
        box,
        h(
          'label',
          { class: 'check-row' },
          box,
          avatar({ id: other.id, name: fullName(other) }, 's'),
          h('span', {}, fullName(other)),
        ),
      ]
    })
    formSheet(element, {
      title: t(type === 'channel' ? 'newChannel' : 'newGroup'),
      action: t('create'),
      fields: [
        { name: 'title', label: t('title'), required: true },
        ...(type === 'channel' ? [{ name: 'username', label: `${t('username')} (${t('optional')})` }] : []),
      ],
      extra: h(
        'fieldset',
        { class: 'checks' },
        h('legend', {}, t('members')),
        boxes.map(([, , row]) => row),
      ),
      submit: async ({ title, username }) => {
        const members = boxes.filter(([, box]) => box.checked).map(([id]) => id)
        const made = await api.addChat({
          type,
          title,
          ...(username ? { username: username.replace(/^@/, '') } : {}),
          members,
          admins: [personId],
          bot: type === 'channel' ? 'administrator' : 'member',
        })
        if (made?.id !== undefined) setTimeout(() => openChat(made.id), 60)
      },
    })
  }

  function fill() {
    const items = chatsOf(personId).map(({ id, last }) => {
      const n = unreadCount(personId, id)
      const typing = world.typing.has(id)
      const inBot = isBotChat(id, personId)
      const kind = world.chats.get(id)?.type
      const who =
        last && !inBot && kind !== 'private' && kind !== 'channel' && !last.sender_chat
          ? last.from?.id === personId
            ? t('you')
            : last.from?.first_name
          : undefined
      return h(
        'button',
        { type: 'button', class: 'chat-item', data: { testid: 'chat-item', chat: id }, onclick: () => openChat(id) },
        faceOf(id, personId, 'l'),
        h(
          'span',
          { class: 'item-text' },
          h(
            'span',
            { class: 'item-top' },
            kind === 'channel' ? icon('channel', 16) : kind && kind !== 'private' ? icon('people', 16) : undefined,
            h('b', { dir: 'auto' }, chatTitle(id, personId)),
            last ? h('time', {}, stamp(last.date)) : undefined,
          ),
          h(
            'span',
            { class: 'item-bottom' },
            typing
              ? h('span', { class: 'item-last typing' }, t('typing'), '…')
              : h(
                  'span',
                  { class: 'item-last', dir: 'auto' },
                  who ? h('span', { class: 'item-who' }, `${who}: `) : undefined,
                  last ? summary(last) : t('noMessages'),
                ),
            n > 0 ? h('span', { class: 'badge', 'aria-label': t('unread', { n }) }, String(n)) : undefined,
          ),
        ),
      )
    })
    const focused = list.contains(document.activeElement) ? document.activeElement.dataset.chat : undefined
    list.replaceChildren(...items)
    if (focused) list.querySelector(`[data-chat="${focused}"]`)?.focus({ preventScroll: true })
  }

  function update(topics) {
    const mine = person()
    if (!mine) return
    if (!topics || topics.has('people')) {
      element.setAttribute('aria-label', fullName(mine))
      myFace.replaceChildren(avatar({ id: personId, name: fullName(mine) }))
      me.replaceChildren(
        h('h2', { dir: 'auto' }, fullName(mine)),
        h(
          'p',
          { class: 'subtitle' },
          [mine.username ? `@${mine.username}` : undefined, mine.language_code].filter(Boolean).join(' · '),
        ),
      )
    }
    if (chatId !== undefined && chatId !== personId && world.loaded) {
      if (world.people.has(chatId)) {
        const dialog = dialogOf(personId, chatId)
        if (dialog) openChat(dialog.id, { focus: false })
      } else if (!world.chats.has(chatId)) openChat(undefined, { focus: false })
    }
    if (
      chatId === undefined &&
      (!topics || ['people', 'chats', 'messages', 'typing', 'read'].some((topic) => topics.has(topic)))
    )
      fill()
    chat?.update(topics)
  }

  update()
  if (openAtFirst !== undefined && (openAtFirst === personId || world.chats.has(openAtFirst)))
    openChat(openAtFirst, { focus: false })
  return column
}
