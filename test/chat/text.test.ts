import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { commandMenu } from '#chat/commands.ts'
import type { Screen } from '#chat/screen.ts'
import { say, screenToMessage, shorten, type Reader } from '#chat/text.ts'
import { languages } from '#domain/people.ts'
import { decimalToAmount } from '#domain/money.ts'
import { textOf } from './support.ts'

const now = new Date('2026-11-24T12:00:00Z')
const reader: Reader = { language: 'ru', timeZone: 'Europe/Moscow', now }
const readers = languages.map((language): Reader => ({ ...reader, language }))
/** Intl separates with spaces that do not break. */
const plain = (text: string) => text.replaceAll(/[\u00a0\u202f\u2009]/g, ' ')

const hostile = [
  '<b>Анна</b>',
  '</b><s>',
  'A & B &amp; C',
  '\uE000\uE001',
  '\uE0000\uE001',
  '{{name}}',
  '{{count}} {{until}}',
  '$t(home.what)',
  '$t(home.hello, {"name":"x"})',
  '$1 $& $` $$',
  'مرحبا بالعالم',
  '\u202eгавот\u202c',
  '👨‍👩‍👧‍👦🏳️‍🌈',
  '*bold* _italic_ [x](http://y) `z`',
  '%s %d \\n ${x}',
]

describe('values stay text:', () => {
  test.each(hostile)('%j', (value) => {
    for (const someone of readers) {
      const around = say('home.hello', someone, { name: '|' }).split('|')
      expect(say('home.hello', someone, { name: value })).toBe(around.join(value))
    }
  })

  test('whatever they are', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (name) => {
        expect(say('home.hello', reader, { name })).toBe(`Здравствуйте, ${name}! 👋`)
      }),
    )
  })

  test('in bold, in raw lines and in labels too', () => {
    for (const value of hostile) {
      const screen: Screen = {
        lines: [
          { key: 'shop.title', params: { shop: value } },
          { raw: value, style: 'bold' },
          { raw: { words: { ru: value } } },
          { key: 'order.status', params: { status: { key: 'product.seller', params: { seller: value } } } },
        ],
        rows: [[{ label: { raw: value }, intent: { do: 'home' } }]],
      }
      const message = screenToMessage(screen, reader)
      expect(textOf(message)).toBe(`🏪 ${value}\n${value}\n${value}\nСостояние: 🏪 ${value}`)
      expect(message.text.filter(({ style }) => style === 'bold').map(({ text }) => text)).toEqual([value, value])
      expect(message.rows).toEqual([[{ label: value, act: 'h' }]])
    }
  })
})

test('only the words of ours carry markup', () => {
  const params = { price: '<s>1</s>', was: '2' }
  const { text } = screenToMessage({ lines: [{ key: 'price.alone-was', params }], rows: [] }, reader)
  expect(text).toEqual([
    { text: 'Отдельно: ' },
    { text: '<s>1</s>', style: 'bold' },
    { text: ' ' },
    { text: '2', style: 'strike' },
  ])
})

test('a value that nobody gave leaves a gap and no braces', () => {
  expect(say('home.hello', reader)).toBe('Здравствуйте, ! 👋')
  expect(say('home.hello', reader, { constructor: 'x' })).toBe('Здравствуйте, ! 👋')
})

test.each([
  [1, 'Осталась 1 штука'],
  [2, 'Осталось 2 штуки'],
  [5, 'Осталось 5 штук'],
  [11, 'Осталось 11 штук'],
  [21, 'Осталась 21 штука'],
  [22, 'Осталось 22 штуки'],
  [1005, 'Осталось 1 005 штук'],
])('%i in Russian: %s', (count, words) => {
  expect(plain(say('product.left', reader, { count, city: 'Москва' }))).toBe(`📦 ${words} · Москва`)
})

test('plural forms of English and Chinese', () => {
  const [, english = reader, chinese = reader] = readers
  expect(say('group.being-paid', english, { count: 1 })).toBe('⏳ 1 seat is being paid for')
  expect(say('group.being-paid', english, { count: 2 })).toBe('⏳ 2 seats are being paid for')
  expect(say('group.being-paid', chinese, { count: 2 })).toBe('⏳ 2个名额正在付款')
})

const price = (amount: bigint, currency: string, someone = reader) =>
  plain(say('inline.alone', someone, { price: { money: { amount, currency } } }))

test.each([
  [129_000n, 'RUB', '1 290 ₽'],
  [129_050n, 'RUB', '1 290,50 ₽'],
  [5n, 'RUB', '0,05 ₽'],
  [0n, 'RUB', '0 ₽'],
  [-129_050n, 'RUB', '-1 290,50 ₽'],
  [9_007_199_254_740_993n, 'RUB', '90 071 992 547 409,93 ₽'],
  [9_223_372_036_854_775_807n, 'RUB', '92 233 720 368 547 758,07 ₽'],
  [1500n, 'JPY', '1 500 ¥'],
  [1_234_567n, 'KWD', '1 234,567 KWD'],
  [1_234_000n, 'KWD', '1 234 KWD'],
  // Intl writes Icelandic crowns without cents; what we were given is written all the same.
  [150_050n, 'ISK', '1 500,50 kr'],
])('%s of %s is written %s', (amount, currency, written) => {
  expect(price(amount, currency)).toBe(written)
})

test('money is exact however large', () => {
  const [, english = reader] = readers
  fc.assert(
    fc.property(
      fc.bigInt({ min: 0n, max: 2n ** 63n - 1n }),
      fc.constantFrom('RUB', 'USD', 'JPY', 'KWD'),
      (amount, currency) => {
        const figures = price(amount, currency, english).replaceAll(/[^\d.]/g, '')
        expect(decimalToAmount(figures, currency)).toBe(amount)
      },
    ),
  )
})

describe('a moment', () => {
  const until = (at: string, someone: Partial<Reader> = {}) =>
    plain(say('order.hold-alone', { ...reader, ...someone }, { until: { at: new Date(at) } }))

  test('of today is a time', () => {
    expect(until('2026-11-24T12:15:00Z')).toBe('Товар держим до 15:15.')
  })
  test('of another day has its date', () => {
    expect(until('2026-11-25T12:15:00Z')).toBe('Товар держим до 25 нояб., 15:15.')
  })
  test('is today or not in the zone of the reader', () => {
    expect(until('2026-11-24T21:30:00Z')).toBe('Товар держим до 25 нояб., 00:30.')
    expect(until('2026-11-24T21:30:00Z', { timeZone: 'UTC' })).toBe('Товар держим до 21:30.')
    expect(until('2026-11-24T12:15:00Z', { timeZone: 'Asia/Vladivostok' })).toBe('Товар держим до 22:15.')
  })
  test('at midnight is 00:00, never 24:00', () => {
    expect(until('2026-11-24T21:00:00Z', { language: 'en' })).toContain('00:00')
  })
  test.each(['Nowhere/Atlantis', '', 'constructor', '<b>'])(
    'is told in Moscow time where the zone is %j',
    (timeZone) => {
      expect(until('2026-11-24T12:15:00Z', { timeZone })).toBe('Товар держим до 15:15.')
    },
  )
})

test('days are told as one where they are one, and once for what they share', () => {
  const days = (from: string, to: string, someone: Reader) =>
    plain(say('order.promise', someone, { days: { days: { from: new Date(from), to: new Date(to) } } }))
  const [russian = reader, english = reader, chinese = reader] = readers
  expect(days('2026-11-26', '2026-11-28', russian)).toBe('🚚 Привезём 26–28 ноября')
  expect(days('2026-11-26', '2026-11-26', russian)).toBe('🚚 Привезём 26 ноября')
  expect(days('2026-12-30', '2027-01-02', russian)).toMatch(/30 декабря.*2 января/)
  expect(days('2026-11-26', '2026-11-28', english)).toMatch(/Arrives 26 ?– ?28 November/)
  expect(days('2026-11-26', '2026-11-28', chinese)).toBe('🚚 预计11月26日至11月28日送达')
  expect(days('2026-11-26', '2026-11-26', chinese)).toBe('🚚 预计11月26日送达')
})

test('labels end with an ellipsis where a messenger would cut them', () => {
  const label = (raw: string) => {
    const message = screenToMessage({ lines: [], rows: [[{ label: { raw }, intent: { do: 'home' } }]] }, reader)
    return message.rows[0]?.[0]?.label ?? ''
  }
  expect(label('а'.repeat(40))).toBe('а'.repeat(40))
  expect(label('а'.repeat(41))).toBe(`${'а'.repeat(39)}…`)
  expect(label('🦊'.repeat(30))).toBe(`${'🦊'.repeat(19)}…`)
})

test('what is shortened fits and stays whole characters', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary' }), fc.integer({ min: 1, max: 40 }), (text, most) => {
      const short = shorten(text, most)
      expect(short.length).toBeLessThanOrEqual(most)
      expect(short).not.toMatch(/\p{Surrogate}/u)
      expect(text.length <= most ? short : text).toBe(text)
    }),
  )
})

test('every button of every kind reaches the message', () => {
  const rows: Screen['rows'] = [
    [{ label: { raw: 'a' }, url: 'https://example.org' }],
    [],
    [{ label: { raw: 'b' }, pay: 'https://pay.example' }],
    [{ label: { raw: 'c' }, share: { kind: 'group', token: 'abc' } }],
    [{ label: { raw: 'd' }, share: { kind: 'product', token: '1z' } }],
    [{ label: { raw: 'e' }, start: 'i_1z' }],
  ]
  expect(screenToMessage({ lines: [], rows, ask: 'contact' }, reader)).toEqual({
    text: [],
    rows: [
      [{ label: 'a', url: 'https://example.org' }],
      [{ label: 'b', pay: 'https://pay.example' }],
      [{ label: 'c', share: 'g_abc', token: { kind: 'group', token: 'abc' } }],
      [{ label: 'd', share: 'p_1z', token: { kind: 'product', token: '1z' } }],
      [{ label: 'e', start: 'i_1z' }],
    ],
    ask: { kind: 'contact', label: '📱 Отправить мой номер' },
  })
})

test('the menu of commands exists in every language', () => {
  const menu = commandMenu()
  expect(Object.keys(menu).sort()).toEqual([...languages].sort())
  for (const commands of Object.values(menu)) {
    expect(commands.map(({ name }) => name)).toEqual(['start', 'search', 'orders', 'language', 'shop'])
    for (const { description } of commands) expect(description.length).toBeGreaterThan(2)
  }
})

test('an invoice keeps to the lengths that messengers allow, and a document passes as it is', () => {
  const document = { name: 'a.csv', content: new Uint8Array([1, 2]), type: 'text/csv' }
  const long = { raw: 'ы'.repeat(300) }
  const lines = [{ label: long, amount: 5n }]
  const invoice = { paymentId: 'id', title: long, description: long, lines, currency: 'RUB' }
  const message = screenToMessage({ lines: [], rows: [], invoice, document }, reader)
  expect(message.document).toEqual(document)
  expect(message.invoice).toMatchObject({ payload: 'id', currency: 'RUB', lines: [{ amount: 5n }] })
  expect(message.invoice?.title).toHaveLength(32)
  expect(message.invoice?.description).toHaveLength(255)
})
