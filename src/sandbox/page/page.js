/**
 * The sandbox's chat page: people side by side, each with a phone of their own. Only the sandbox's public calls.
 *
 * Hooks for browser tests, stable, as `data-testid`:
 *   column (data-person=<id>)   one person's phone
 *   chat-list, chat-item (data-chat=<id>)   their chats; the chat with the bot has the person's own id
 *   back                        from a chat to the list
 *   messages, message (data-message=<message_id>)   the open chat
 *   composer, send              the text field and its button
 *   start                       the big button of an empty chat with the bot
 *   button (data-row, data-column)   an inline keyboard button; aria-busy while the answer is awaited
 *   reply-keyboard, reply-button     the keyboard under the composer
 *   commands                    the menu of commands
 *   inline-panel, inline-result (data-result=<id>)   what `@bot words` finds
 *   pick-chat (data-chat=<id>)  a chat in the chooser for sharing
 *   pay-sheet, sheet-close, alert, toast
 *   calls-drawer, parcels-drawer; calls-toggle, parcels-toggle
 *   person-chip (data-person=<id>), add-person, person-menu, banner
 */
import { api } from './api.js'
import { createColumn } from './column.js'
import { avatar, h, icon, iconButton, keep, kept } from './dom.js'
import { callsDrawer, parcelsDrawer } from './drawers.js'
import { formSheet, toast } from './sheets.js'
import { begin, chatsOf, fullName, unreadCount, watch, world } from './world.js'
import { language, setLanguage, t } from './words.js'

const app = document.querySelector('#app')
const columns = new Map()
/** What this browser remembers: `[{person, chat}]` in order; `undefined` until somebody arranged it. */
let layout = kept('columns')
let active = kept('active')
let drawer
let drawerName = kept('drawer') ?? ''
const narrow = matchMedia('(max-width: 720px)')
const dark = matchMedia('(prefers-color-scheme: dark)')

let top
let chips
let stage
let banner
let side

applyTheme(kept('theme'))
draw()
watch(onChange)
begin()

function draw() {
  document.documentElement.lang = language()
  document.title = t('sandbox')
  columns.clear()
  chips = h('nav', { class: 'chips', 'aria-label': t('people') })
  const isDark = currentTheme() === 'dark'
  top = h(
    'header',
    { class: 'top' },
    h(
      'div',
      { class: 'brand' },
      h('img', { src: './icon.svg', alt: '', width: '28', height: '28' }),
      h('h1', {}, t('sandbox')),
    ),
    chips,
    h(
      'div',
      { class: 'top-tools' },
      drawerButton('calls', 'calls', t('calls')),
      drawerButton('parcels', 'box', t('parcels')),
      iconButton(isDark ? 'sun' : 'moon', t(isDark ? 'themeToLight' : 'themeToDark'), switchTheme),
      h(
        'button',
        {
          type: 'button',
          class: 'icon-button language',
          'aria-label': t('otherLanguage'),
          title: t('otherLanguage'),
          onclick: switchLanguage,
        },
        language() === 'ru' ? 'EN' : 'RU',
      ),
    ),
  )
  banner = h(
    'div',
    { class: 'banner', role: 'status', hidden: true, data: { testid: 'banner' } },
    h('span', { class: 'spinner' }),
    t('reconnecting'),
  )
  stage = h('main', { class: 'phones' })
  side = h('div', { class: 'side' })
  app.replaceChildren(top, banner, h('div', { class: 'desk' }, stage, side))
  showDrawer()
  showBanner()
  if (world.loaded) arrange()
}

function drawerButton(name, shape, label) {
  return iconButton(shape, label, () => toggleDrawer(name), {
    'aria-expanded': String(drawerName === name),
    class: `icon-button drawer-toggle ${drawerName === name ? 'on' : ''}`,
    data: { testid: `${name}-toggle`, drawer: name },
  })
}

function toggleDrawer(name) {
  drawerName = drawerName === name ? '' : name
  keep('drawer', drawerName)
  showDrawer()
  if (drawerName) side.querySelector('input, button')?.focus()
  else top.querySelector(`[data-drawer="${name}"]`)?.focus()
}

function showDrawer() {
  const close = () => toggleDrawer(drawerName)
  drawer =
    drawerName === 'calls'
      ? callsDrawer(close)
      : drawerName === 'parcels'
        ? parcelsDrawer(close, (text) => toast(side, text))
        : undefined
  side.replaceChildren(...(drawer ? [drawer.element] : []))
  side.hidden = !drawer
  drawer?.update()
  for (const button of top.querySelectorAll('[data-drawer]')) {
    const on = button.dataset.drawer === drawerName
    button.classList.toggle('on', on)
    button.setAttribute('aria-expanded', String(on))
  }
}

function onChange(topics) {
  if (topics.has('connection')) showBanner()
  if (topics.has('reset')) {
    layout = undefined
    keep('columns', undefined)
    for (const { element } of columns.values()) element.remove()
    columns.clear()
  }
  if (world.loaded && (topics.has('people') || topics.has('reset'))) arrange()
  for (const column of columns.values()) column.update(topics)
  if (['people', 'messages', 'read', 'chats'].some((topic) => topics.has(topic))) drawChips()
  if (drawer?.topics.some((topic) => topics.has(topic))) drawer.update()
}

function showBanner() {
  banner.hidden = world.online
}

/** Until somebody arranges the columns, the first people who appear get one each, as far as there is room. */
function wanted() {
  // People of an earlier world, all gone: as if nobody had arranged anything.
  const places = layout?.filter(({ person }) => world.people.has(person))
  if (places && (places.length > 0 || layout.length === 0)) return places
  const room = Math.max(2, Math.floor((stage.clientWidth - 16) / 416))
  return [...world.people.keys()].slice(0, room).map((person) => ({ person, chat: null }))
}

function arrange() {
  const places = wanted()
  for (const [id, { element }] of columns) {
    if (places.some(({ person }) => person === id)) continue
    element.remove()
    columns.delete(id)
  }
  for (const { person, chat } of places) {
    if (columns.has(person)) continue
    columns.set(
      person,
      createColumn(person, {
        openAtFirst: chat ?? undefined,
        remember: (open) => rememberChat(person, open),
        hide: () => hideColumn(person),
      }),
    )
  }
  if (!places.some(({ person }) => person === active)) active = places[0]?.person
  const elements = places.map(({ person }) => columns.get(person).element)
  const same =
    elements.length === stage.children.length && elements.every((element, index) => stage.children[index] === element)
  if (!same || places.length === 0) stage.replaceChildren(...(elements.length ? elements : [welcome()]))
  showActive()
  drawChips()
}

function showActive() {
  for (const [id, { element }] of columns) element.classList.toggle('active', id === active)
}

function saveLayout(places) {
  layout = places
  keep('columns', layout)
}

function rememberChat(person, chat) {
  const places = wanted().map((place) => (place.person === person ? { person, chat } : place))
  // Opening a chat is not arranging: a page that nobody arranged still makes room for people who appear later.
  if (layout) saveLayout(places)
  else if (chat !== null && places.length >= 2) saveLayout(places)
}

function hideColumn(person) {
  saveLayout(wanted().filter((place) => place.person !== person))
  arrange()
  chips.querySelector(`[data-person="${person}"]`)?.focus()
}

function showPerson(person) {
  active = person
  keep('active', active)
  if (!columns.has(person)) saveLayout([...wanted(), { person, chat: null }])
  arrange()
  columns.get(person)?.element.scrollIntoView({ inline: 'center', block: 'nearest' })
}

function drawChips() {
  const focused = chips.contains(document.activeElement) ? document.activeElement.dataset.person : undefined
  const people = [...world.people.values()].map((person) => {
    const on = narrow.matches ? person.id === active : columns.has(person.id)
    const n = chatsOf(person.id).reduce((sum, { id }) => sum + unreadCount(person.id, id), 0)
    return h(
      'button',
      {
        type: 'button',
        class: 'chip',
        'aria-pressed': String(on),
        'aria-label': n > 0 ? `${fullName(person)}, ${t('unread', { n })}` : fullName(person),
        title: fullName(person),
        data: { testid: 'person-chip', person: person.id },
        onclick: () => {
          if (!narrow.matches && columns.has(person.id)) hideColumn(person.id)
          else showPerson(person.id)
        },
      },
      avatar({ id: person.id, name: fullName(person) }, 's'),
      h('span', { class: 'chip-name', dir: 'auto' }, person.first_name),
      n > 0 && !on ? h('span', { class: 'badge' }, String(n)) : undefined,
    )
  })
  const add = iconButton('plus', t('addPerson'), addPerson, {
    class: 'icon-button add',
    data: { testid: 'add-person' },
  })
  chips.replaceChildren(...people, add)
  if (focused) chips.querySelector(`[data-person="${focused}"]`)?.focus()
}

function welcome() {
  if (world.people.size > 0) return h('div', { class: 'welcome' }, h('p', {}, t('allHidden')))
  return h(
    'div',
    { class: 'welcome' },
    h(
      'div',
      { class: 'welcome-faces', 'aria-hidden': 'true' },
      avatar({ id: 5, name: 'А' }, 'l'),
      avatar({ id: 0, kind: 'bot' }, 'l'),
      avatar({ id: 3, name: 'Б' }, 'l'),
    ),
    h('h2', {}, t('noOneTitle')),
    h('p', {}, t('noOneText')),
    h('button', { type: 'button', class: 'primary', onclick: addTwo }, t('addTwo')),
    h('button', { type: 'button', class: 'secondary', onclick: addPerson }, t('addPerson')),
  )
}

async function addTwo() {
  const names =
    language() === 'ru'
      ? [
          ['Анна', 'anna'],
          ['Борис', 'boris'],
        ]
      : [
          ['Anna', 'anna'],
          ['Boris', 'boris'],
        ]
  try {
    for (const [first_name, username] of names) await api.addPerson({ first_name, username, language_code: language() })
  } catch (error) {
    toast(stage, t('failed', { why: error.message }))
  }
}

function addPerson() {
  formSheet(app, {
    title: t('addPerson'),
    action: t('add'),
    fields: [
      { name: 'first_name', label: t('firstName'), required: true },
      { name: 'last_name', label: `${t('lastName')} (${t('optional')})` },
      { name: 'username', label: `${t('username')} (${t('optional')})` },
      {
        name: 'language_code',
        label: t('language'),
        value: language(),
        options: [
          ['ru', 'Русский'],
          ['en', 'English'],
          ['zh', '中文'],
        ],
      },
    ],
    submit: async (values) => {
      const given = Object.fromEntries(Object.entries(values).filter(([, value]) => value !== ''))
      if (given.username) given.username = given.username.replace(/^@/, '')
      const person = await api.addPerson(given)
      world.people.set(person.id, person)
      showPerson(person.id)
    },
  })
}

function currentTheme() {
  return document.documentElement.dataset.theme ?? (dark.matches ? 'dark' : 'light')
}

function applyTheme(theme) {
  if (theme) document.documentElement.dataset.theme = theme
  else delete document.documentElement.dataset.theme
}

function switchTheme() {
  const next = currentTheme() === 'dark' ? 'light' : 'dark'
  keep('theme', next)
  applyTheme(next)
  redrawTop()
}

function redrawTop() {
  const button = top.querySelector('.icon-moon, .icon-sun').closest('button')
  const isDark = currentTheme() === 'dark'
  button.replaceChildren(icon(isDark ? 'sun' : 'moon'))
  button.setAttribute('aria-label', t(isDark ? 'themeToLight' : 'themeToDark'))
  button.title = t(isDark ? 'themeToLight' : 'themeToDark')
}

function switchLanguage() {
  setLanguage(language() === 'ru' ? 'en' : 'ru')
  layout = wanted().map(({ person }) => ({ person, chat: columns.get(person)?.showsChat() ?? null }))
  draw()
  top.querySelector('.language').focus()
}

dark.addEventListener('change', redrawTop)
narrow.addEventListener('change', () => {
  if (world.loaded) arrange()
})
