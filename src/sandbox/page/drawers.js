/** The drawer beside the phones: what the bot called, and where the parcels are. */
import { api } from './api.js'
import { h, icon, iconButton } from './dom.js'
import { world } from './world.js'
import { language, t } from './words.js'

const shownCalls = 300

/** Every call of the bot, newest first. `close()` is what the close button does. */
export function callsDrawer(close) {
  let filter = ''
  let errorsOnly = false
  let withPolling = false
  const open = new Set()
  const rows = new Map()
  const list = h('ol', { class: 'calls' })
  const search = h('input', {
    class: 'field',
    type: 'search',
    placeholder: t('filter'),
    'aria-label': t('filter'),
    oninput: () => {
      filter = search.value.trim().toLowerCase()
      update()
    },
  })
  const errors = toggle(t('errorsOnly'), (on) => {
    errorsOnly = on
    update()
  })
  const polling = toggle(t('withPolling'), (on) => {
    withPolling = on
    update()
  })
  const element = drawer(
    'calls-drawer',
    t('calls'),
    close,
    h('div', { class: 'drawer-tools' }, search, errors, polling),
    list,
  )

  function update() {
    const wanted = []
    for (let i = world.calls.length - 1; i >= 0 && wanted.length < shownCalls; i--) {
      const call = world.calls[i]
      if (errorsOnly && call.ok) continue
      if (!withPolling && /^getupdates$/i.test(call.method)) continue
      if (filter && !textOf(call).includes(filter)) continue
      wanted.push(row(call))
    }
    if (wanted.length === 0)
      list.replaceChildren(h('li', { class: 'drawer-empty' }, world.calls.length ? t('nothingFound') : t('noCalls')))
    else list.replaceChildren(...wanted)
  }

  function row(call) {
    const known = rows.get(call.seq)
    if (known?.call === call) return known.element
    const details = h('div', { class: 'call-details', hidden: !open.has(call.seq) })
    const button = h(
      'button',
      {
        type: 'button',
        class: 'call-head',
        'aria-expanded': String(open.has(call.seq)),
        onclick: () => {
          const show = details.hidden
          details.hidden = !show
          open[show ? 'add' : 'delete'](call.seq)
          button.setAttribute('aria-expanded', String(show))
          if (show) fillDetails(details, call)
        },
      },
      h(
        'span',
        { class: `dot ${call.ok ? 'dot-ok' : 'dot-bad'}` },
        h('span', { class: 'unseen' }, call.ok ? t('ok') : t('error')),
      ),
      h('span', { class: 'call-method' }, call.method),
      h(
        'span',
        { class: 'call-brief', dir: 'auto' },
        call.ok ? brief(call) : (call.description ?? call.error_code ?? ''),
      ),
      h('time', {}, secondsOf(call.at)),
    )
    if (open.has(call.seq)) fillDetails(details, call)
    const element = h('li', { class: `call ${call.ok ? '' : 'call-bad'}` }, button, details)
    rows.set(call.seq, { call, element })
    return element
  }

  return { element, update, topics: ['calls'] }
}

const texts = new WeakMap()

function textOf(call) {
  if (!texts.has(call))
    texts.set(call, `${call.method} ${JSON.stringify(call.params ?? {})} ${call.description ?? ''}`.toLowerCase())
  return texts.get(call)
}

function brief({ params }) {
  const text = params?.text ?? params?.caption ?? params?.query ?? params?.title ?? ''
  return [
    params?.chat_id,
    String(text)
      .replaceAll(/<[^>]*>/g, '')
      .slice(0, 80),
  ]
    .filter(Boolean)
    .join(' · ')
}

function fillDetails(details, call) {
  details.replaceChildren(
    h('h4', {}, t('params')),
    json(readable(call.params ?? {})),
    h('h4', {}, call.ok ? t('result') : `${t('error')} ${call.error_code ?? ''}`),
    json(call.ok ? call.result : (call.description ?? null)),
  )
}

/** Parameters that came as JSON in a string are shown as what they are. */
function readable(params) {
  return Object.fromEntries(
    Object.entries(params).map(([name, value]) => {
      if (typeof value !== 'string' || !/^[[{]/.test(value)) return [name, value]
      try {
        return [name, JSON.parse(value)]
      } catch {
        return [name, value]
      }
    }),
  )
}

const token = /("(?:\\.|[^"\\])*")(\s*:)?|\b(true|false|null)\b|-?\d+(?:\.\d+)?(?:e[+-]?\d+)?/gi

/** Pretty-printed and coloured by element, so that no text of the bot becomes markup. */
function json(value) {
  const text = JSON.stringify(value, null, 2) ?? 'null'
  const pre = h('pre', { class: 'json', tabindex: '0' })
  let at = 0
  for (const match of text.matchAll(token)) {
    pre.append(text.slice(at, match.index))
    const [whole, string, colon, word] = match
    const kind = string ? (colon ? 'key' : 'string') : word ? 'word' : 'number'
    pre.append(h('span', { class: `json-${kind}` }, string ?? whole), colon ?? '')
    at = match.index + whole.length
  }
  pre.append(text.slice(at))
  return pre
}

function secondsOf(at) {
  return new Intl.DateTimeFormat(language(), { hour: '2-digit', minute: '2-digit', second: '2-digit' }).format(
    new Date(at),
  )
}

function toggle(label, change) {
  const button = h(
    'button',
    {
      type: 'button',
      class: 'pill',
      'aria-pressed': 'false',
      onclick: () => {
        const on = button.getAttribute('aria-pressed') !== 'true'
        button.setAttribute('aria-pressed', String(on))
        change(on)
      },
    },
    label,
  )
  return button
}

function drawer(testid, title, close, ...children) {
  const element = h(
    'aside',
    {
      class: 'drawer',
      'aria-label': title,
      data: { testid },
      onkeydown: (event) => event.key === 'Escape' && close(),
    },
    h('header', { class: 'drawer-head' }, h('h2', {}, title), iconButton('close', t('close'), close)),
    children,
  )
  return element
}

/** The road of a parcel with each carrier, in its own codes, and what may go wrong at the end. */
const roads = {
  cdek: [
    ['CREATED', 'parcelCreated'],
    ['RECEIVED_AT_SHIPMENT_WAREHOUSE', 'parcelReceived'],
    ['SENT_TO_RECIPIENT_CITY', 'parcelOnWay'],
    ['ACCEPTED_IN_RECIPIENT_CITY', 'parcelInCity'],
    ['ACCEPTED_AT_PICK_UP_POINT', 'parcelAtPoint'],
    ['DELIVERED', 'parcelDelivered'],
    ['NOT_DELIVERED', 'parcelNotDelivered'],
  ],
  'russian-post': [
    ['28:0', 'parcelCreated'],
    ['1:1', 'parcelReceived'],
    ['8:4', 'parcelOnWay'],
    ['8:2', 'parcelAtPoint'],
    ['2:1', 'parcelDelivered'],
    ['3:1', 'parcelNotDelivered'],
  ],
}

export function parcelsDrawer(close, say) {
  const list = h('ol', { class: 'parcels' })
  const element = drawer('parcels-drawer', t('parcels'), close, list)

  function update() {
    if (world.shipments.length === 0) {
      list.replaceChildren(h('li', { class: 'drawer-empty' }, t('noParcels')))
      return
    }
    list.replaceChildren(...world.shipments.toReversed().map(parcel))
  }

  function parcel(shipment) {
    const { number, carrier, status, im_number: order, statuses = [] } = shipment
    const place = statuses.at(-1)?.place
    const road = roads[carrier] ?? roads.cdek
    return h(
      'li',
      { class: 'parcel' },
      h(
        'div',
        { class: 'parcel-head' },
        h('span', { class: 'card-icon' }, icon('box', 20)),
        h(
          'span',
          { class: 'card-text' },
          h('b', {}, String(number)),
          h('small', {}, [carrier, order, status, place].filter(Boolean).join(' · ')),
        ),
      ),
      h(
        'div',
        { class: 'parcel-steps' },
        road.map(([code, word]) =>
          h(
            'button',
            {
              type: 'button',
              class: 'pill',
              'aria-pressed': String(code === status),
              title: code,
              onclick: () => void move(number, code),
            },
            t(word),
          ),
        ),
      ),
    )
  }

  async function move(number, status) {
    try {
      await api.moveParcel(number, { status })
      world.shipments = await api.shipments()
      update()
      say(t('moved', { number, status }))
    } catch (error) {
      say(t('failed', { why: error.message }))
    }
  }

  return { element, update, topics: ['shipments'] }
}
