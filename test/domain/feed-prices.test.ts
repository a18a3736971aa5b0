import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { parseFeedPrice, roubleRates, toRoubles } from '#domain/feed-prices.ts'
import { looksAdult } from '#domain/feed-products.ts'
import { squeeze } from '#domain/feed-text.ts'
import { readOffer } from '#domain/feeds.ts'

const amount = fc.bigInt(0n, 10n ** 12n)
const grouped = (whole: bigint, mark: string) => whole.toString().replace(/\B(?=(\d{3})+$)/g, mark)

describe('a price comes back exactly', () => {
  test('with the two marks of either side of the ocean, any space, and the currency before or after', () => {
    const style = fc.constantFrom(
      ...[' ', '\u00A0', '\u202F', '\u2009', "'", ''].flatMap((space) => [
        [space, ','],
        [space, '.'],
      ]),
      [',', '.'],
      ['.', ','],
    )
    const before = fc.constantFrom('', 'RUB ', '₽', '$ ')
    const after = fc.constantFrom('', ' RUB', ' руб.', '₽', ' р.', '\u00A0EUR')
    fc.assert(
      fc.property(amount, style, before, after, (kopecks, [mark = '', point = '.'], start, end) => {
        const whole = grouped(kopecks / 100n, mark)
        const text = `${start}${whole}${point}${(kopecks % 100n).toString().padStart(2, '0')}${end}`
        expect(parseFeedPrice(text, 'RUB')).toBe(kopecks)
      }),
    )
  })

  test('or not at all: nothing is ever read as another price than a person would', () => {
    const unit = fc.constantFrom('0', '0', '0', '1', '5', '9', '.', ',', ' ', '₽')
    fc.assert(
      fc.property(fc.string({ unit, minLength: 1, maxLength: 10 }), (text) => {
        expect({ text, kopecks: parseFeedPrice(text, 'RUB') }).toEqual({ text, kopecks: expected(text) })
      }),
      { numRuns: 3000 },
    )
  })

  test.each(['-5', '5-', '1e5', '10-20', 'от 5'])('and never "%s"', (text) => {
    expect(parseFeedPrice(text, 'RUB')).toBeUndefined()
  })
})

/** All that the marks of a figure can mean: each either sets thousands apart or is the decimal point. */
function readings(text: string): bigint[] {
  const figure = text.replaceAll(' ', '').replace(/^₽/, '').replace(/₽$/, '')
  const groups = figure.split(/[.,]/)
  const marks = figure.match(/[.,]/g) ?? []
  if (figure.includes('₽') || groups[0] === '') return []
  const isGrouped = (parts: string[], between: string[]) =>
    new Set(between).size <= 1 &&
    (parts.length === 1 || (parts[0] !== undefined && parts[0].length <= 3 && !parts[0].startsWith('0'))) &&
    parts.slice(1).every((part) => part.length === 3)
  const found = new Set<bigint>()
  if (isGrouped(groups, marks)) found.add(BigInt(groups.join('')) * 100n)
  const [whole, fraction, point] = [groups.slice(0, -1), groups.at(-1) ?? '', marks.at(-1)]
  if (point !== undefined && !marks.slice(0, -1).includes(point) && isGrouped(whole, marks.slice(0, -1))) {
    const scale = 10n ** BigInt(fraction.length)
    const [units, parts] = [BigInt(whole.join('')), BigInt(`0${fraction}`)]
    found.add(units * 100n + (parts * 200n + scale) / (scale * 2n))
  }
  return [...found]
}

/** Where there are two: a comma before three digits sets a thousand apart, a point may be either. */
function expected(text: string): bigint | undefined {
  const all = readings(text)
  if (all.length < 2) return all[0]
  return text.includes(',') ? all.reduce((a, b) => (a > b ? a : b)) : undefined
}

describe('currencies', () => {
  const rub = { code: 'RUR', rate: '1', plus: '' }
  const priced = (price: string, code: string, currencies: Parameters<typeof roubleRates>[0]) =>
    readOffer(
      {
        line: 1,
        attributes: { id: '1' },
        fields: [
          { name: 'name', text: 'x', attributes: {} },
          { name: 'price', text: price, attributes: {} },
          { name: 'currencyid', text: code, attributes: {} },
        ],
      },
      { rates: roubleRates(currencies) },
    )

  test('with a number as their rate become roubles, rounded half up to the kopeck', () => {
    const usd = (rate: string, plus = '') => [rub, { code: 'USD', rate, plus }]
    expect(priced('10', 'USD', usd('92.5'))).toMatchObject({ offer: { price: 92_500n, currency: 'RUB' } })
    expect(priced('10', 'USD', usd('92,5', '3'))).toMatchObject({ offer: { price: 95_275n } })
    expect(priced('0.01', 'USD', usd('0.5'))).toMatchObject({ offer: { price: 1n } })
    expect(priced('0.01', 'USD', usd('0.4999'))).toMatchObject({ ok: false, reason: 'price is zero or less' })
    expect(priced('1500', 'JPY', [rub, { code: 'JPY', rate: '0.6', plus: '' }])).toMatchObject({
      offer: { price: 90_000n },
    })
  })

  test('with the rate of a bank are refused in words; roubles and unlisted ones stay as they are', () => {
    const bank = [rub, { code: 'USD', rate: 'CBRF', plus: '3' }]
    expect(priced('10', 'USD', bank)).toMatchObject({
      ok: false,
      reason: 'the feed gives no number as the rate of USD: "CBRF"',
    })
    expect(priced('10', 'RUR', bank)).toMatchObject({ offer: { price: 1000n, currency: 'RUB' } })
    expect(priced('10', 'руб.', bank)).toMatchObject({ offer: { price: 1000n, currency: 'RUB' } })
    expect(priced('10', 'EUR', bank)).toMatchObject({ offer: { price: 1000n, currency: 'EUR' } })
  })

  test('of a feed whose base is another are taken through it; without roubles nothing is converted', () => {
    const hryvnia = [
      { code: 'UAH', rate: '1', plus: '' },
      { code: 'RUB', rate: '0.5', plus: '' },
    ]
    expect(priced('10', 'UAH', hryvnia)).toMatchObject({ offer: { price: 2000n, currency: 'RUB' } })
    expect(priced('10', 'UAH', hryvnia.slice(0, 1))).toMatchObject({ offer: { price: 1000n, currency: 'UAH' } })
  })

  test('never lose or make more than half a kopeck', () => {
    fc.assert(
      fc.property(amount, fc.bigInt(1n, 10n ** 9n), fc.bigInt(1n, 10n ** 9n), (cents, by, over) => {
        const error = toRoubles(cents, 'USD', { by, over }) * over - cents * by
        expect(2n * error <= over && -2n * error < over).toBe(true)
      }),
    )
  })
})

test('goods for adults are known by plain words, and nothing else is taken for them', () => {
  expect(looksAdult({ ru: 'Вибратор Satisfyer' }, [])).toBe(true)
  expect(looksAdult({ ru: 'Крем' }, [{ ru: 'Товары для взрослых' }])).toBe(true)
  expect(looksAdult({ ru: 'Жидкость' }, [{ ru: 'Вейпы' }])).toBe(true)
  const harmless = [
    'Вибратор для бетона',
    'Секстант',
    'Велосипед для взрослых',
    'Интимная близость с природой, палатка',
  ]
  for (const title of harmless) expect({ title, is: looksAdult({ ru: title }, []) }).toEqual({ title, is: false })
  for (const category of ['Безалкогольные напитки', 'Non-alcoholic drinks', 'Одежда для взрослых', 'Секстанты']) {
    expect({ category, is: looksAdult({}, [{ ru: category }]) }).toEqual({ category, is: false })
  }
})

test('a text becomes one line that PostgreSQL takes', () => {
  expect(squeeze(' a\u0000b  c\n\u00A0d\uD800e 😀\t')).toBe('a b c d e 😀')
  fc.assert(
    fc.property(
      fc.string({ unit: fc.constantFrom('a', ' ', '\n', '\u00A0', '\u0000', '\uFEFF', '😀', '\uD800', '\uDC00') }),
      (text) => {
        const line = squeeze(text)
        expect(line).toBe(squeeze(line))
        expect(line).not.toMatch(/\s\s|\n|\p{Surrogate}/u)
      },
    ),
  )
})
