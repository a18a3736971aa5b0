/** What sellers type: understood in three languages, or not at all; never something else than they meant. */
import { expect, test } from 'vitest'
import { parseCount, parseLifetime, parseMoment, parsePercent, parsePrice, parseSteps } from '#chat/campaign-terms.ts'

const rubbish = [
  '',
  ' ',
  '\n',
  ',',
  ';',
  '%',
  '-',
  '.',
  '₽',
  'ё',
  '🦊',
  '\0',
  'NaN',
  'Infinity',
  'constructor',
  '１e９',
  '0x10',
  '1e3',
  '--5',
  '5..5',
  '5,,5',
  '٣',
  '½',
  'три',
  '<b>5</b>',
  "'; DROP TABLE campaign; --",
  '9'.repeat(500),
]

test.each(rubbish)('%j is no term of any kind', (typed) => {
  const reader = { language: 'ru', timeZone: 'Europe/Moscow', now: new Date('2026-11-23T09:00:00Z') } as const
  const parsed = [
    parseCount(typed),
    parsePercent(typed),
    parsePrice(typed, 'RUB'),
    parseSteps(typed, 'RUB'),
    parseLifetime(typed),
    parseMoment(typed, reader, false),
  ]
  expect(parsed).toEqual(parsed.map(() => undefined))
})

test.each([
  ['5', 5],
  [' 0012 ', 12],
  ['５', 5],
  ['0', 0],
  ['999999', 999_999],
  ['1000000', undefined],
  ['5.5', undefined],
  ['-5', undefined],
  ['5 человек', undefined],
])('a number of seats or units: %j is %j', (typed, count) => {
  expect(parseCount(typed)).toBe(count)
})

test.each([
  ['5', 500],
  ['5%', 500],
  ['7,5 %', 750],
  ['7.25%', 725],
  ['0,01', 1],
  ['0', undefined],
  ['0,00%', undefined],
  ['100', undefined],
  ['5,255', undefined],
  ['-5%', undefined],
  ['５％', 500],
])('a percentage: %j is %j basis points', (typed, points) => {
  expect(parsePercent(typed)).toBe(points)
})

test.each([
  ['890', { amount: '89000' }],
  ['1 290,50 ₽', { amount: '129050' }],
  ['10%', { off: 1000 }],
  ['-10%', { off: 1000 }],
  ['− 12,5 %', { off: 1250 }],
  ['0', undefined],
  ['-890', undefined],
  ['100%', undefined],
  ['1.290', undefined],
  ['99999999999', undefined],
])('a price: %j', (typed, price) => {
  expect(parsePrice(typed, 'RUB')).toEqual(price)
})

const amount = (seats: number, roubles: number) => ({ seats, price: { amount: String(roubles * 100) } })
const off = (seats: number, percent: number) => ({ seats, price: { off: percent * 100 } })

test.each([
  ['3 900, 5 800', [amount(3, 900), amount(5, 800)]],
  ['3 900\r\n5 800\n', [amount(3, 900), amount(5, 800)]],
  ['3: 900; 5 = 800', [amount(3, 900), amount(5, 800)]],
  ['3 — 1 290 ₽, 10 — 1 190 ₽', [amount(3, 1290), amount(10, 1190)]],
  ['3 → 10%, 5 → 15%', [off(3, 10), off(5, 15)]],
  ['3 -10%, 5 -15%', [off(3, 10), off(5, 15)]],
  ['3 900，5 800', [amount(3, 900), amount(5, 800)]],
  ['3：900、5：800', [amount(3, 900), amount(5, 800)]],
  ['3 900,50, 5 800', [{ seats: 3, price: { amount: '90050' } }, amount(5, 800)]],
  ['3 900', [amount(3, 900)]],
  ['900', undefined],
  ['3 900 5 800', undefined],
  ['3 900,5 800', undefined],
  ['3 900, 5', undefined],
  ['3 900, пять 800', undefined],
  ['-3 900', undefined],
  ['3 0', undefined],
  ['3 900, 5 100%', undefined],
  [Array.from({ length: 21 }, (_, at) => `${at + 1} 900`).join(', '), undefined],
])('steps: %j', (typed, steps) => {
  expect(parseSteps(typed, 'RUB')).toEqual(steps)
})

test.each([
  ['24 ч', 1440],
  ['36 часов', 2160],
  ['1 час.', 60],
  ['90 мин', 90],
  ['90 min', 90],
  ['3 дня', 4320],
  ['2 СУТКИ', 2880],
  ['1 неделя', 10_080],
  ['2天', 2880],
  ['36小时', 2160],
  ['30 minutes', 30],
  ['2d', 2880],
  ['24', undefined],
  ['0 дней', undefined],
  ['-1 день', undefined],
  ['1,5 дня', undefined],
  ['1 день 2 часа', undefined],
  ['2 года', undefined],
  ['сутки', undefined],
])('a time to fill: %j is %j minutes', (typed, minutes) => {
  expect(parseLifetime(typed)).toBe(minutes)
})

const moscow = { language: 'ru', timeZone: 'Europe/Moscow', now: new Date('2026-11-23T09:00:00Z') } as const

test.each([
  ['24.12 18:00', '2026-12-24T15:00:00.000Z'],
  ['24.12.2026, 18:00', '2026-12-24T15:00:00.000Z'],
  ['2026-12-24 18:00', '2026-12-24T15:00:00.000Z'],
  ['12月24日 18:00', '2026-12-24T15:00:00.000Z'],
  ['2027年1月2日', '2027-01-01T21:00:00.000Z'],
  ['24/12', '2026-12-23T21:00:00.000Z'],
  // That day has passed: the next one is meant. Today's beginning has passed, too.
  ['1.2', '2027-01-31T21:00:00.000Z'],
  ['23.11', '2027-11-22T21:00:00.000Z'],
  ['23.11 12:01', '2026-11-23T09:01:00.000Z'],
  ['29.02.2028', '2028-02-28T21:00:00.000Z'],
  ['29.02.2027', undefined],
  ['31.04', undefined],
  ['0.12', undefined],
  ['24.13', undefined],
  ['24.12 24:00', undefined],
  ['24.12 18:60', undefined],
  ['24.12 18', undefined],
  ['24.12.26', undefined],
  ['24.12.9999', undefined],
  ['завтра', undefined],
])('a moment in Moscow: %j', (typed, at) => {
  expect(parseMoment(typed, moscow, false)?.toISOString()).toBe(at)
})

test('a day without an hour ends with its last minute; an hour is meant as it is written', () => {
  expect(parseMoment('24.12', moscow, true)?.toISOString()).toBe('2026-12-24T20:59:00.000Z')
  expect(parseMoment('24.12 18:00', moscow, true)?.toISOString()).toBe('2026-12-24T15:00:00.000Z')
})

test('times are the reader’s own, whenever their clocks change; a zone that does not exist is Moscow’s', () => {
  const at = (timeZone: string, typed: string) => parseMoment(typed, { ...moscow, timeZone }, false)?.toISOString()
  expect(at('Asia/Vladivostok', '24.12 18:00')).toBe('2026-12-24T08:00:00.000Z')
  expect(at('Europe/Berlin', '28.03.2027 01:59')).toBe('2027-03-28T00:59:00.000Z')
  expect(at('Europe/Berlin', '28.03.2027 03:00')).toBe('2027-03-28T01:00:00.000Z')
  expect(at('Europe/Berlin', '31.10.2027 03:00')).toBe('2027-10-31T02:00:00.000Z')
  expect(at('Middle/Earth', '24.12 18:00')).toBe('2026-12-24T15:00:00.000Z')
})
