/**
 * Where a person writes: text, attachments, commands, the bot’s reply keyboard, and inline mode (`@bot words`).
 * Long because all of these read and change one text field and its place; results of inline mode are in inline-panel.js.
 */
import { api } from './api.js'
import { h, icon, iconButton, roving } from './dom.js'
import { inlinePanel } from './inline-panel.js'
import { senderOf } from './message-view.js'
import { summary } from './rich-text.js'
import { formSheet, openMenu } from './sheets.js'
import { chatTitle, commandsFor, fullName, isBotChat, mayWrite, messagesOf, world } from './world.js'
import { t } from './words.js'

const pictureLimit = 10 * 1024 * 1024
const documentLimit = 50 * 1024 * 1024

/** Returns `{element, update, insert, offer, replyTo, destroy}`. */
export function composer({ column, chatId, onSent, actions }) {
  const { personId } = column
  let replying
  let keyboardOpen = true
  let keyboardFor
  const inBot = isBotChat(chatId, personId)

  const input = h('textarea', {
    class: 'input',
    rows: '1',
    dir: 'auto',
    enterkeyhint: 'send',
    data: { testid: 'composer' },
    oninput: () => changedText(),
    onkeydown: (event) => onKey(event),
    onpaste: (event) => onPaste(event),
  })
  const sendButton = iconButton('send', t('send'), () => sendText(), {
    class: 'icon-button send',
    data: { testid: 'send' },
  })
  const attachButton = iconButton('attach', t('attach'), () => attachMenu(), {
    'aria-haspopup': 'menu',
    'aria-expanded': 'false',
  })
  const commandsButton = iconButton('slash', t('commands'), () => toggleCommands(), {
    'aria-expanded': 'false',
    data: { testid: 'commands' },
  })
  const keyboardButton = iconButton('keyboard', t('hideKeyboard'), () => toggleKeyboard(), { 'aria-expanded': 'true' })
  const file = h('input', {
    type: 'file',
    accept: 'image/*',
    hidden: true,
    onchange: () => file.files[0] && sendPicture(file.files[0]),
  })
  const documentFile = h('input', {
    type: 'file',
    hidden: true,
    data: { testid: 'document-file' },
    onchange: () => documentFile.files[0] && sendDocument(documentFile.files[0]),
  })
  const replyBar = h('div', { class: 'reply-bar', hidden: true })
  const suggestions = h('div', { class: 'suggestions', role: 'list', hidden: true })
  const keyboard = h('div', {
    class: 'reply-keyboard',
    role: 'group',
    'aria-label': t('showKeyboard'),
    hidden: true,
    data: { testid: 'reply-keyboard' },
  })
  const panel = inlinePanel({ column, chatId, back: () => input.focus(), onChosen: () => clearText() })
  const row = h(
    'div',
    { class: 'composer-row' },
    h('div', { class: 'menu-place' }, attachButton),
    input,
    commandsButton,
    keyboardButton,
    sendButton,
  )
  const instead = h('div', { class: 'composer-instead' })
  const element = h(
    'footer',
    { class: 'composer' },
    panel.element,
    suggestions,
    replyBar,
    row,
    instead,
    keyboard,
    file,
    documentFile,
  )
  input.value = column.drafts.get(chatId) ?? ''

  function onKey(event) {
    if (event.key === 'Enter' && !event.shiftKey && !event.isComposing) {
      event.preventDefault()
      if (panel.isOpen()) panel.focusFirst()
      else sendText()
    } else if (event.key === 'Escape') {
      if (!suggestions.hidden) hideCommands()
      else if (panel.isOpen()) panel.close()
      else if (replying) replyTo(undefined)
      else return
      event.stopPropagation()
    } else if ((event.key === 'ArrowUp' || event.key === 'ArrowDown') && panel.isOpen()) {
      event.preventDefault()
      panel.focusFirst(event.key === 'ArrowUp')
    } else if ((event.key === 'ArrowUp' || event.key === 'ArrowDown') && !suggestions.hidden) {
      event.preventDefault()
      const items = suggestions.querySelectorAll('button')
      ;(event.key === 'ArrowUp' ? items[items.length - 1] : items[0])?.focus()
    }
  }

  function onPaste(event) {
    const picture = [...(event.clipboardData?.files ?? [])].find((item) => item.type.startsWith('image/'))
    if (!picture) return
    event.preventDefault()
    sendPicture(picture)
  }

  /** `@bot words`: the words, or `undefined` when this is not inline mode. */
  function inlineQuery() {
    const match = input.value.match(/^@(\w+)\s([\s\S]*)$/)
    if (!match || match[1].toLowerCase() !== world.bot.username?.toLowerCase()) return undefined
    return match[2]
  }

  function changedText() {
    column.drafts.set(chatId, input.value)
    grow()
    const query = inlineQuery()
    if (query === undefined) panel.close()
    else panel.ask(query)
    const typed = input.value.match(/^\/(\w*)$/)
    if (inBot && typed) showCommands(typed[1])
    else hideCommands()
    showSend()
  }

  function showSend() {
    sendButton.classList.toggle('ready', input.value.trim() !== '' && inlineQuery() === undefined)
  }

  function grow() {
    input.style.height = 'auto'
    input.style.height = `${Math.min(input.scrollHeight, 150)}px`
  }

  function clearText() {
    input.value = ''
    column.drafts.delete(chatId)
    changedText()
    onSent()
  }

  function post(message) {
    const reply = replying ? { reply_to: replying.message_id } : {}
    replyTo(undefined)
    return api.send({ from: personId, chat: chatId, ...message, ...reply }).then(
      () => {
        onSent()
        return true
      },
      (error) => {
        column.toast(t('failed', { why: error.message }))
        return false
      },
    )
  }

  function sendText() {
    const text = input.value.trim()
    if (text === '' || inlineQuery() !== undefined) return
    input.value = ''
    column.drafts.delete(chatId)
    changedText()
    void post({ text }).then((sent) => {
      if (sent || input.value !== '') return
      input.value = text
      changedText()
    })
    input.focus()
  }

  function sendPicture(picture) {
    if (picture.size > pictureLimit) return column.toast(t('failed', { why: '10 MB' }))
    const reader = new FileReader()
    reader.addEventListener('load', () => {
      const caption = input.value.trim()
      const photo = /** @type {string} */ (reader.result).replace(/^data:[^,]*,/, '')
      if (caption) clearText()
      void post({ photo, ...(caption ? { caption } : {}) })
      file.value = ''
    })
    reader.readAsDataURL(picture)
    return undefined
  }

  function sendDocument(picked) {
    documentFile.value = ''
    if (picked.size > documentLimit) return column.toast(t('failed', { why: '50 MB' }))
    const reader = new FileReader()
    reader.addEventListener('load', () => {
      const caption = input.value.trim()
      const data = /** @type {string} */ (reader.result).replace(/^data:[^,]*,?/, '')
      if (data === '') return column.toast(t('failed', { why: '0 KB' }))
      if (caption) clearText()
      const document = { name: picked.name, data, ...(picked.type ? { mime: picked.type } : {}) }
      return void post({ document, ...(caption ? { caption } : {}) })
    })
    reader.readAsDataURL(picked)
    return undefined
  }

  function attachMenu() {
    openMenu(
      attachButton,
      [
        ['image', t('photo'), () => file.click()],
        ['file', t('document'), () => documentFile.click()],
        ['pin', t('location'), () => askLocation()],
        ['person', t('contact'), () => askContact()],
      ],
      { icon, side: 'above' },
    )
  }

  function askLocation() {
    formSheet(column.element, {
      title: t('location'),
      action: t('send'),
      fields: [
        { name: 'latitude', label: t('latitude'), value: '55.7558', required: true },
        { name: 'longitude', label: t('longitude'), value: '37.6173', required: true },
      ],
      submit: async ({ latitude, longitude }) => {
        await api.send({
          from: personId,
          chat: chatId,
          location: { latitude: Number(latitude), longitude: Number(longitude) },
        })
        onSent()
      },
    })
  }

  function askContact() {
    const person = world.people.get(personId)
    formSheet(column.element, {
      title: t('contact'),
      note: inBot ? t('sharePhone') : undefined,
      action: t('share'),
      fields: [
        {
          name: 'phone',
          label: t('phone'),
          type: 'tel',
          value: `+7900${String(personId).slice(-7).padStart(7, '0')}`,
          required: true,
        },
      ],
      submit: async ({ phone }) => {
        await api.send({
          from: personId,
          chat: chatId,
          contact: { phone_number: phone, first_name: person?.first_name ?? '' },
        })
        onSent()
      },
    })
  }

  function replyTo(message) {
    replying = message
    replyBar.hidden = !message
    if (!message) return
    const sender = senderOf(message)
    replyBar.replaceChildren(
      icon('reply', 22),
      h(
        'span',
        { class: 'reply-text' },
        h('b', {}, t('replyTo', { name: sender?.title ?? fullName(sender) })),
        h('span', { dir: 'auto' }, summary(message)),
      ),
      iconButton('close', t('removeReply'), () => replyTo(undefined)),
    )
    input.focus()
  }

  function showCommands(begin) {
    const commands = commandsFor(world.people.get(personId)).filter(({ command }) =>
      command.startsWith(begin.toLowerCase()),
    )
    suggestions.hidden = commands.length === 0
    commandsButton.setAttribute('aria-expanded', String(!suggestions.hidden))
    const buttons = commands.map(({ command, description }) =>
      h(
        'button',
        {
          type: 'button',
          class: 'suggestion',
          onclick: () => {
            input.value = ''
            changedText()
            void post({ text: `/${command}` })
            input.focus()
          },
        },
        h('b', {}, `/${command}`),
        h('span', { dir: 'auto' }, description),
      ),
    )
    const move = roving(buttons.map((button) => [button]))
    const onArrow = (event) => {
      if (event.key !== 'Escape') return move(event)
      hideCommands()
      input.focus()
      return event.stopPropagation()
    }
    suggestions.replaceChildren(h('div', { onkeydown: onArrow }, buttons))
  }

  function hideCommands() {
    suggestions.hidden = true
    commandsButton.setAttribute('aria-expanded', 'false')
  }

  function toggleCommands() {
    if (suggestions.hidden) showCommands('')
    else hideCommands()
    suggestions.querySelector('button')?.focus()
  }

  /** The newest message that sets or removes a keyboard decides. A one-time one steps aside once its person has written. */
  function replyKeyboard() {
    const messages = messagesOf(chatId)
    let hasWritten = false
    for (let i = messages.length - 1; i >= 0 && i > messages.length - 300; i--) {
      const markup = messages[i].reply_markup
      if (markup?.remove_keyboard) return undefined
      if (markup?.keyboard) {
        return { message: messages[i], markup, isUsed: hasWritten && Boolean(markup.one_time_keyboard) }
      }
      hasWritten ||= messages[i].from?.id === personId
    }
    return undefined
  }

  function showKeyboard() {
    const found = replyKeyboard()
    if (found?.message.message_id !== keyboardFor?.message.message_id) {
      keyboardOpen = !found?.isUsed
      const rows = (found?.markup.keyboard ?? []).map((line) => line.map((button) => replyButton(button, found.markup)))
      const lines = rows.map((line) => h('div', { class: 'keyboard-row' }, line))
      keyboard.replaceChildren(h('div', { class: 'reply-rows', onkeydown: roving(rows) }, lines))
    } else if (found?.isUsed && !keyboardFor.isUsed) {
      keyboardOpen = false
    }
    keyboardFor = found
    const usable = found !== undefined && mayWrite(chatId, personId)
    keyboardButton.hidden = !usable
    keyboard.hidden = !usable || !keyboardOpen
    keyboardButton.setAttribute('aria-expanded', String(!keyboard.hidden))
    const label = t(keyboard.hidden ? 'showKeyboard' : 'hideKeyboard')
    keyboardButton.setAttribute('aria-label', label)
    keyboardButton.title = label
    input.placeholder = found?.markup.input_field_placeholder ?? defaultPlaceholder()
  }

  const defaultPlaceholder = () => (world.chats.get(chatId)?.type === 'channel' ? t('post') : t('message'))

  function replyButton(button, markup) {
    const {
      text,
      request_contact: contact,
      request_location: place,
    } = typeof button === 'string' ? { text: button } : button
    return h(
      'button',
      {
        type: 'button',
        class: 'reply-key',
        data: { testid: 'reply-button' },
        onclick: () => {
          if (contact) askContact()
          else if (place) askLocation()
          else void post({ text })
          if (!markup.one_time_keyboard) return
          keyboardOpen = false
          showKeyboard()
        },
      },
      contact ? icon('person', 18) : place ? icon('pin', 18) : undefined,
      h('span', { dir: 'auto' }, text),
    )
  }

  function toggleKeyboard() {
    keyboardOpen = !keyboardOpen
    showKeyboard()
  }

  /** Instead of writing: Start in an empty bot chat, unblock, or a note that only administrators write. */
  function showInstead() {
    const blocked = inBot && world.blocked.has(personId)
    const emptyBot = inBot && messagesOf(chatId).length === 0
    const forbidden = !blocked && !mayWrite(chatId, personId)
    const state = blocked ? 'blocked' : forbidden ? 'forbidden' : emptyBot ? 'start' : ''
    row.hidden = state !== '' && state !== 'start'
    element.classList.toggle('with-start', state === 'start')
    if (instead.dataset.state === state) return
    instead.dataset.state = state
    instead.replaceChildren()
    // What was measured while it was hidden is no height.
    if (state === '') requestAnimationFrame(() => grow())
    if (state === 'start') {
      instead.append(
        h(
          'button',
          { type: 'button', class: 'start', data: { testid: 'start' }, onclick: () => void post({ text: '/start' }) },
          t('start'),
        ),
      )
    } else if (state === 'blocked') {
      instead.append(
        h('button', { type: 'button', class: 'start', onclick: () => column.block(false) }, t('unblockBot')),
      )
    } else if (state === 'forbidden') instead.append(h('p', { class: 'read-only' }, t('readOnly')))
  }

  function update(topics) {
    if (topics && !['messages', 'chats', 'people', 'blocked'].some((topic) => topics.has(topic))) return
    commandsButton.hidden = !inBot || commandsFor(world.people.get(personId)).length === 0
    input.setAttribute('aria-label', t('messageTo', { name: chatTitle(chatId, personId) }))
    showInstead()
    showKeyboard()
    const force = messagesOf(chatId).at(-1)
    if (force?.reply_markup?.force_reply && replying?.message_id !== force.message_id) replyTo(force)
  }

  requestAnimationFrame(() => changedText())
  return {
    element,
    update,
    replyTo,
    actions,
    focus: () => input.focus({ preventScroll: true }),
    insert: (text) => {
      input.value = text
      changedText()
      input.focus()
    },
    offer: (query) => {
      input.value = `@${world.bot.username ?? 'bot'} ${query}`
      changedText()
      input.focus()
    },
    destroy: () => panel.close(),
  }
}
