/** The sandbox's public calls (sandbox API, "Person side"), and its stream of events. */

export class Refusal extends Error {}

async function call(method, path, body) {
  const response = await fetch(path, {
    method,
    ...(body === undefined ? {} : { headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) }),
  })
  const text = await response.text()
  let answer
  try {
    answer = text === '' ? undefined : JSON.parse(text)
  } catch {
    throw new Refusal(text.slice(0, 200))
  }
  if (!response.ok) throw new Refusal(answer?.error ?? answer?.description ?? `${response.status}`)
  return answer
}

const list = (answer, name) => (Array.isArray(answer) ? answer : (answer?.[name] ?? answer?.items ?? []))

export const api = {
  people: async () => list(await call('GET', '/sim/people'), 'people'),
  chats: async () => list(await call('GET', '/sim/chats'), 'chats'),
  messages: async (chat) => list(await call('GET', `/sim/chats/${chat}/messages`), 'messages'),
  calls: async () => list(await call('GET', '/sim/calls'), 'calls'),
  shipments: async () => list(await call('GET', '/sim/shipments'), 'shipments'),
  addPerson: (person) => call('POST', '/sim/people', person),
  addChat: (chat) => call('POST', '/sim/chats', chat),
  send: (message) => call('POST', '/sim/messages', message),
  click: (click) => call('POST', '/sim/clicks', click),
  inline: (query) => call('POST', '/sim/inline', query),
  choose: (choice) => call('POST', '/sim/inline/choose', choice),
  pay: (payment) => call('POST', '/sim/pay', payment),
  block: (from, blocked) => call('POST', '/sim/block', { from, blocked }),
  moveParcel: (number, step) => call('POST', `/sim/shipments/${encodeURIComponent(number)}`, step),
}

const kinds = [
  'hello',
  'person',
  'chat',
  'message',
  'edit',
  'delete',
  'call',
  'action',
  'reset',
  'payment',
  'refund',
  'shipment',
]

/**
 * Follows the events for as long as the page lives. The browser's own reconnection gives up after an HTTP error, so
 * this one makes a new connection itself, with growing pauses up to 3 s. `onOnline` runs at every (re)connection:
 * whatever happened between is not replayed, so the state has to be read again.
 */
export function follow({ onEvent, onOnline, onOffline }) {
  let pause = 300
  const connect = () => {
    const source = new EventSource('/sim/events')
    const receive = (kind, event) => {
      let data
      try {
        data = JSON.parse(event.data)
      } catch {
        return
      }
      onEvent(data?.kind ?? kind, data)
    }
    source.addEventListener('open', () => {
      pause = 300
      onOnline()
    })
    source.addEventListener('message', (event) => {
      // A named event carries its kind in the name, an unnamed one in the data; "message" is a kind of ours as well.
      receive('message', event)
    })
    for (const kind of kinds) if (kind !== 'message') source.addEventListener(kind, (event) => receive(kind, event))
    source.addEventListener('error', () => {
      source.close()
      onOffline()
      setTimeout(connect, pause)
      pause = Math.min(pause * 2, 3000)
    })
  }
  connect()
}
