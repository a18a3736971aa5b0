/** Building blocks: elements without markup strings, icons, avatars, what the browser keeps for us. */

const svgNamespace = 'http://www.w3.org/2000/svg'

/**
 * An element. `props`: `class`, `on<event>` handlers, `data` (an object), anything else an attribute; `false`, `null`
 * and `undefined` are left out, `true` is an empty attribute. Children that are strings become text, never markup.
 */
export function h(tag, props = {}, ...children) {
  const element = document.createElement(tag)
  for (const [name, value] of Object.entries(props)) {
    if (value === undefined || value === null || value === false) continue
    if (name.startsWith('on')) element.addEventListener(name.slice(2), value)
    else if (name === 'data') Object.assign(element.dataset, value)
    else if (name === 'value') element.value = value
    else element.setAttribute(name, value === true ? '' : String(value))
  }
  element.append(...children.flat(Infinity).filter((child) => child !== undefined && child !== null && child !== false))
  return element
}

const shapes = {
  back: 'M15 5l-7 7 7 7',
  close: 'M6 6l12 12M18 6L6 18',
  more: 'M12 5.500v.01M12 12v.01M12 18.500v.01',
  plus: 'M12 5v14M5 12h14',
  send: 'M4.500 12 4 4.500 20.500 12 4 19.500ZM4.500 12H13',
  attach:
    'M20 11.500l-8 8a5 5 0 0 1-7-7l8.500-8.500a3.300 3.300 0 0 1 4.700 4.700L9.800 17a1.600 1.600 0 0 1-2.300-2.300l7.500-7.500',
  down: 'M12 5v14M6 13l6 6 6-6',
  moon: 'M20 14.500A8.500 8.500 0 0 1 9.500 4a8.500 8.500 0 1 0 10.500 10.500Z',
  sun: 'M12 8a4 4 0 1 0 0 8 4 4 0 0 0 0-8ZM12 2.500v2M12 19.500v2M2.500 12h2M19.500 12h2M5.300 5.300l1.400 1.400M17.300 17.300l1.400 1.400M18.700 5.300l-1.400 1.400M6.700 17.300l-1.400 1.400',
  calls: 'M8 7l-5 5 5 5M16 7l5 5-5 5M13.500 4.500l-3 15',
  box: 'M3.500 7.500 12 3l8.500 4.500v9L12 21l-8.500-4.500ZM3.500 7.500 12 12l8.500-4.500M12 12v9M7.800 5.300l8.400 4.500',
  keyboard:
    'M5 5.500h14A2.500 2.500 0 0 1 21.500 8v8a2.500 2.500 0 0 1-2.500 2.500H5A2.500 2.500 0 0 1 2.500 16V8A2.500 2.500 0 0 1 5 5.500ZM7 9.500v.01M11 9.500v.01M15 9.500v.01M17 13v.01M7 13v.01M8.500 15.500h7',
  slash:
    'M5.500 4h13A2.500 2.500 0 0 1 21 6.500v11a2.500 2.500 0 0 1-2.500 2.500h-13A2.500 2.500 0 0 1 3 17.500v-11A2.500 2.500 0 0 1 5.500 4ZM14 8l-4 8',
  reply: 'M9.500 6 4 11.500 9.500 17M4.500 11.500H14a6 6 0 0 1 6 6V19',
  image:
    'M5 4h14a2 2 0 0 1 2 2v12a2 2 0 0 1-2 2H5a2 2 0 0 1-2-2V6a2 2 0 0 1 2-2ZM8.500 8.500v.01M3.500 17l5-5 4 4 3-3 5 5',
  pin: 'M12 21s-7-6.500-7-11.500a7 7 0 0 1 14 0C19 14.500 12 21 12 21ZM12 7.500a2 2 0 1 0 0 4 2 2 0 0 0 0-4Z',
  person: 'M12 4a4 4 0 1 0 0 8 4 4 0 0 0 0-8ZM4.500 20.500a7.500 7.500 0 0 1 15 0',
  people:
    'M9 5a3.500 3.500 0 1 0 0 7 3.500 3.500 0 0 0 0-7ZM2.500 19.500a6.500 6.500 0 0 1 13 0M16 5.300a3.500 3.500 0 0 1 0 6.400M18 14.300a6.500 6.500 0 0 1 3.500 5.200',
  channel: 'M4 10v4.500h3.500L15 19V5.500L7.500 10ZM18.500 9.500a4 4 0 0 1 0 5.500M8 14.500l1 5h2.500l-1-3.800',
  block: 'M12 3.500a8.500 8.500 0 1 0 0 17 8.500 8.500 0 0 0 0-17ZM6 6l12 12',
  eyeOff:
    'M3.500 3.500l17 17M10 5.700a9 9 0 0 1 2-.2c5 0 8.500 4.500 9.500 6.500a14 14 0 0 1-3 3.900M6.500 7.300A14 14 0 0 0 2.500 12c1 2 4.500 6.500 9.500 6.500a9 9 0 0 0 4.500-1.200M10 10a2.800 2.800 0 0 0 4 4',
  card: 'M4.500 5h15A2.500 2.500 0 0 1 22 7.500v9a2.500 2.500 0 0 1-2.500 2.500h-15A2.500 2.500 0 0 1 2 16.500v-9A2.500 2.500 0 0 1 4.500 5ZM2 9.500h20M6 15h4',
  outside: 'M8 16 16.500 7.500M9.500 7.500h7v7',
  forward: 'M14.500 6 20 11.500 14.500 17M19.500 11.500H10a6 6 0 0 0-6 6V19',
  bot: 'M7 8h10a3 3 0 0 1 3 3v5a3 3 0 0 1-3 3H7a3 3 0 0 1-3-3v-5a3 3 0 0 1 3-3ZM12 8V4.500M9 12.500v1M15 12.500v1M1.500 12.500v3M22.500 12.500v3',
  search: 'M10.500 4a6.500 6.500 0 1 0 0 13 6.500 6.500 0 0 0 0-13ZM15.500 15.500 20 20',
  check: 'M5 12.500l4.500 4.500L19 7.500',
  file: 'M6 3h8l5 5v13H6ZM14 3v5h5',
  copy: 'M9 9h10v11H9ZM15 9V5H5v11h4',
}

export function icon(name, size = 22) {
  const svg = document.createElementNS(svgNamespace, 'svg')
  svg.setAttribute('viewBox', '0 0 24 24')
  svg.setAttribute('width', String(size))
  svg.setAttribute('height', String(size))
  svg.setAttribute('aria-hidden', 'true')
  svg.classList.add('icon', `icon-${name}`)
  const path = document.createElementNS(svgNamespace, 'path')
  path.setAttribute('d', shapes[name])
  svg.append(path)
  return svg
}

export function iconButton(name, label, onclick, props = {}) {
  return h(
    'button',
    { type: 'button', class: 'icon-button', 'aria-label': label, title: label, onclick, ...props },
    icon(name),
  )
}

/** One of seven tints, the same for an id everywhere. */
export const tint = (id) => Math.abs(Number(id) || 0) % 7

/** A round picture: a glyph for the bot, otherwise up to two initials on a gradient. */
export function avatar({ id, name, kind }, size = 'm') {
  const inside = kind === 'bot' ? icon('bot', size === 'l' ? 30 : size === 'm' ? 26 : 18) : initials(name)
  return h(
    'span',
    { class: `avatar avatar-${size} ${kind === 'bot' ? 'avatar-bot' : `tint-${tint(id)}`}`, 'aria-hidden': 'true' },
    inside,
  )
}

function initials(name) {
  const letters = String(name ?? '')
    .split(/\s+/u)
    .map(firstLetter)
    .filter(Boolean)
  return (letters.length > 1 ? [letters[0], letters.at(-1)] : letters).join('').toUpperCase() || '#'
}

/** The first letter or digit of a text, if it has one. */
export const firstLetter = (text) =>
  String(text)
    .match(/[\p{L}\p{N}]/u)?.[0]
    .toUpperCase()

/** Keeps Tab inside `element`, Esc closes; the function it returns puts focus back where it was. */
export function trapFocus(element, close) {
  const before = document.activeElement
  const onKey = (event) => {
    if (event.key === 'Escape') {
      event.stopPropagation()
      close()
    }
    if (event.key !== 'Tab') return
    const stops = [
      ...element.querySelectorAll('button, input, select, textarea, a[href], iframe, [tabindex="0"]'),
    ].filter((stop) => !stop.disabled && stop.offsetParent !== null)
    const edge = event.shiftKey ? stops[0] : stops.at(-1)
    if (document.activeElement !== edge) return
    event.preventDefault()
    ;(event.shiftKey ? stops.at(-1) : stops[0])?.focus()
  }
  element.addEventListener('keydown', onKey)
  return () => {
    element.removeEventListener('keydown', onKey)
    if (before instanceof HTMLElement && before.isConnected) before.focus({ preventScroll: true })
  }
}

/** Arrow keys move among `buttons` laid out in rows; one of them is in the Tab order. */
export function roving(rows) {
  const all = rows.flat()
  all.forEach((button, index) => {
    button.tabIndex = index === 0 ? 0 : -1
  })
  const select = (button) => {
    for (const other of all) other.tabIndex = other === button ? 0 : -1
    button.focus()
  }
  return (event) => {
    const y = rows.findIndex((row) => row.includes(document.activeElement))
    if (y < 0) return
    const x = rows[y].indexOf(document.activeElement)
    const moves = { ArrowLeft: [0, -1], ArrowRight: [0, 1], ArrowUp: [-1, 0], ArrowDown: [1, 0] }
    const move = moves[event.key]
    if (!move) return
    const row = rows[y + move[0]]
    if (!row) return
    const next = move[0] === 0 ? row[x + move[1]] : row[Math.min(x, row.length - 1)]
    if (!next) return
    event.preventDefault()
    select(next)
  }
}

const prefix = 'sandbox.'

export function kept(name) {
  try {
    return JSON.parse(localStorage.getItem(prefix + name) ?? 'null') ?? undefined
  } catch {
    return undefined
  }
}

/** Storage may be full or forbidden: then the page forgets, and works. */
export function keep(name, value) {
  try {
    localStorage.setItem(prefix + name, JSON.stringify(value))
  } catch {
    return
  }
}

/** Only pictures from here, from this machine, or carried in the text itself: nothing is fetched from outside. */
export function pictureUrl(url) {
  if (typeof url !== 'string' || url === '') return undefined
  if (/^data:image\//i.test(url) || url.startsWith('blob:')) return url
  try {
    const parsed = new URL(url, location.href)
    if (!/^https?:$/.test(parsed.protocol)) return undefined
    if (parsed.origin === location.origin) return parsed.href
    return parsed.protocol === 'http:' && /^(127\.0\.0\.1|localhost)$/.test(parsed.hostname) ? parsed.href : undefined
  } catch {
    return undefined
  }
}

let announcer

/** Says it to screen readers. */
export function announce(text) {
  if (!announcer) {
    announcer = h('div', { class: 'unseen', 'aria-live': 'polite', role: 'status' })
    document.body.append(announcer)
  }
  announcer.textContent = text
}
