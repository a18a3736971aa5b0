import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { parseFeedPrice } from '#domain/feed-prices.ts'
import { foldProduct } from '#domain/feed-products.ts'
import { htmlToText } from '#domain/feed-text.ts'
import {
  defaultWeightGrams,
  isBarcode,
  normalCategoryId,
  readOffer,
  uncountedStock,
  type FeedOffer,
  type RawField,
} from '#domain/feeds.ts'

const field = (name: string, text: string, attributes: Record<string, string> = {}): RawField => ({
  name,
  text,
  attributes,
})
const raw = (fields: RawField[], attributes: Record<string, string> = { id: 'a1' }) => ({ line: 7, attributes, fields })
const accepted = (fields: RawField[], attributes?: Record<string, string>): FeedOffer => {
  const verdict = readOffer(raw([field('name', 'Kettle'), field('price', '100'), ...fields], attributes))
  if (!verdict.ok) throw new Error(verdict.reason)
  return verdict.offer
}

describe('prices', () => {
  test.each([
    ['1299', 129900n],
    ['1 299,00', 129900n],
    ['1\u00A0299,50', 129950n],
    ['1,299.00', 129900n],
    ['1.299,00', 129900n],
    ['1,299', 129900n],
    ['1.234.567', 123456700n],
    ['1299.00 RUB', 129900n],
    ['1299 руб.', 129900n],
    ['₽ 12.5', 1250n],
    ['12.5000', 1250n],
    ['10.9999', 1100n],
    ['0,299', 30n],
    ['0.299', 30n],
    ['0,999', 100n],
    ['0', 0n],
  ])('%s is read as %s kopecks', (text, amount) => {
    expect(parseFeedPrice(text, 'RUB')).toBe(amount)
  })

  test.each(['', 'free', '-5', '1.299', '1,29,9', '1.2.3', '12-15', '1e5', '99999999999999999999999999'])(
    '"%s" is no price: what can be read in two ways is not guessed',
    (text) => {
      expect(parseFeedPrice(text, 'RUB')).toBeUndefined()
    },
  )

  test('a price keeps to the digits of its currency', () => {
    expect(parseFeedPrice('1500', 'JPY')).toBe(1500n)
    expect(parseFeedPrice('1.250', 'KWD')).toBe(1250n)
  })

  test('any whole number with any grouping comes back exactly', () => {
    fc.assert(
      fc.property(fc.bigInt(0n, 10n ** 9n), fc.constantFrom(' ', '\u00A0', '\u202F', ''), (whole, space) => {
        const grouped = whole.toString().replace(/\B(?=(\d{3})+$)/g, space)
        expect(parseFeedPrice(`${grouped},05`, 'RUB')).toBe(whole * 100n + 5n)
      }),
    )
  })
})

describe('an offer', () => {
  test.each<[string, RawField[], Record<string, string>, string]>([
    ['no id', [], {}, 'no id'],
    ['no name', [field('price', '5')], { id: '1' }, 'no name'],
    ['no price', [field('name', 'x')], { id: '1' }, 'no price'],
    ['an empty price', [field('name', 'x'), field('price', ' ')], { id: '1' }, 'no price'],
    ['a price of zero', [field('name', 'x'), field('price', '0')], { id: '1' }, 'price is zero or less'],
    [
      'a riddle of a price',
      [field('name', 'x'), field('price', '1.299')],
      { id: '1' },
      'price cannot be read: "1.299"',
    ],
  ])('with %s is refused in words', (_what, fields, attributes, reason) => {
    expect(readOffer(raw(fields, attributes))).toMatchObject({ ok: false, reason })
  })

  test('is named by type, vendor and model, or by name_ua, where it has no name', () => {
    const price = field('price', '5')
    const named = readOffer(raw([price, field('typeprefix', 'Phone'), field('vendor', 'Acme'), field('model', 'X1')]))
    expect(named).toMatchObject({ offer: { title: { ru: 'Phone Acme X1' } } })
    expect(readOffer(raw([price, field('name_ua', 'Чайник')]))).toMatchObject({ offer: { title: { ru: 'Чайник' } } })
  })

  test('speaks the languages we have, and forgets the others', () => {
    const offer = accepted([
      field('name', 'Wasserkocher', { 'xml:lang': 'de' }),
      field('name', '水壶', { 'xml:lang': 'zh-CN' }),
    ])
    expect(offer.title).toEqual({ ru: 'Kettle', zh: '水壶' })
  })

  test('loses a description that only repeats the name', () => {
    expect(accepted([field('description', '<p>Kettle</p>')]).description).toEqual({})
  })

  test('says roubles by either code, and the old price only when it was higher', () => {
    expect(accepted([field('currencyid', 'RUR'), field('oldprice', '90')])).toMatchObject({
      currency: 'RUB',
      oldPrice: undefined,
    })
    expect(accepted([field('oldprice', '120')]).oldPrice).toBe(12000n)
  })

  test('weighs kilograms in the feed and grams with us', () => {
    expect(accepted([field('weight', '1,25')]).weightGrams).toBe(1250)
    expect(accepted([field('weight', 'heavy')]).weightGrams).toBe(defaultWeightGrams)
    expect(accepted([]).weightGrams).toBe(defaultWeightGrams)
  })

  test('splits several addresses in one picture and keeps each once', () => {
    const text = 'https://a.example/1.jpg, https://a.example/2.jpg\nhttps://a.example/1.jpg'
    expect(accepted([field('picture', text)]).pictures).toEqual(['https://a.example/1.jpg', 'https://a.example/2.jpg'])
  })

  test('has the stock of its outlets, or its count, or enough when it is only called available', () => {
    const outlets = [field('outlet', '', { id: 'm', instock: '3' }), field('outlet', '', { id: 's', instock: 'x' })]
    expect(accepted(outlets).stock).toEqual([
      { locationId: 'm', onHand: 3 },
      { locationId: 's', onHand: 0 },
    ])
    expect(accepted([field('count', '-3')]).stock).toEqual([{ locationId: undefined, onHand: 0 }])
    expect(accepted([field('count', '8')]).stock).toEqual([{ locationId: undefined, onHand: 8 }])
    expect(accepted([]).stock).toEqual([{ locationId: undefined, onHand: uncountedStock }])
    expect(accepted([field('count', '8')], { id: '1', available: 'false' }).stock[0]?.onHand).toBe(0)
  })

  test.each<[string, number]>([
    ['0 шт', 0],
    ['10 шт.', 10],
    ['1 250', 1250],
    ['1\u00A0250 pcs', 1250],
    ['3.000', 3],
    ['0,00', 0],
    ['5+', 5],
    ['> 100', 100],
    ['более 20', 20],
    ['нет', 0],
    ['-', 0],
    ['под заказ', 0],
    ['out of stock', 0],
    ['Есть', uncountedStock],
    ['много', uncountedStock],
  ])('with the count "%s" has %i', (text, onHand) => {
    const verdict = readOffer(raw([field('name', 'x'), field('price', '1'), field('count', text)]))
    expect(verdict).toMatchObject({ ok: true, offer: { stock: [{ onHand }] }, warnings: [] })
  })

  test.each<[string, string]>([
    ['', 'is empty'],
    ['2 дня', 'cannot be read: "2 дня"'],
    ['5-10', 'cannot be read: "5-10"'],
    ['4600000000008', 'cannot be read: "4600000000008"'],
  ])('whose count is "%s" sells none, and says so unless it is called unavailable', (text, what) => {
    const fields = [field('name', 'x'), field('price', '1'), field('count', text)]
    const warnings = [`none is sold: the count ${what}`]
    expect(readOffer(raw(fields))).toMatchObject({ offer: { stock: [{ onHand: 0 }] }, warnings })
    const gone = readOffer(raw(fields, { id: '1', available: 'no' }))
    expect(gone).toMatchObject({ offer: { stock: [{ onHand: 0 }] }, warnings: [] })
  })

  const gone = [
    ['false', 'Нет', '-', 'OutOfStock', 'out-of-stock', 'out_of_stock', 'https://schema.org/OutOfStock', 'sold out'],
    ['SoldOut', 'нет на складе', 'Нет в наличии', 'Снято с производства', 'Pre-Order', 'под заказ', 'ожидается'],
  ]
  test.each(gone.flat())('called "%s" is not to be had', (available) => {
    expect(accepted([field('count', '8')], { id: '1', available }).stock).toMatchObject([{ onHand: 0 }])
  })

  test.each(['', 'true', 'in stock', 'https://schema.org/InStock', 'в наличии', 'да', '+', '3'])(
    'called "%s" is to be had',
    (available) => {
      expect(accepted([field('count', '8')], { id: '1', available }).stock).toMatchObject([{ onHand: 8 }])
    },
  )

  test('keeps no barcode with a wrong check digit', () => {
    expect(accepted([field('barcode', '4006381333931')]).barcode).toBe('4006381333931')
    expect(accepted([field('barcode', '4006381333932')]).barcode).toBeUndefined()
    expect(isBarcode('0000000000000')).toBe(false)
  })

  test.each([
    [{ size: '3', price: '100' }, 'the group price is not lower than the price'],
    [{ size: '1', price: '90' }, 'size must be 2 to 10000'],
    [{ size: '3', price: 'x' }, 'price cannot be read'],
    [{ size: '3', price: '90', 'lifetime-hours': '9000' }, 'lifetime must be up to 720 hours'],
  ])('is kept without group terms that make no sense: %j', (attributes, reason) => {
    const verdict = readOffer(raw([field('name', 'x'), field('price', '100'), field('group-buy', '', attributes)]))
    expect(verdict).toMatchObject({
      ok: true,
      offer: { groupTerms: undefined },
      warnings: [`group terms left out: ${reason}`],
    })
  })

  test('never throws, whatever its fields hold', () => {
    const names = fc.constantFrom('name', 'price', 'oldprice', 'weight', 'outlet', 'group-buy', 'param', 'picture')
    const fields = fc.array(
      fc.record({
        name: names,
        text: fc.string({ unit: 'binary' }),
        attributes: fc.dictionary(fc.constantFrom('id', 'name', 'size', 'price'), fc.string()),
      }),
    )
    fc.assert(
      fc.property(fields, (fields) => {
        expect(() => readOffer(raw(fields))).not.toThrow()
      }),
    )
  })
})

test('category ids that went through a spreadsheet are the ids they were', () => {
  expect(normalCategoryId(' 122072.0 ')).toBe('122072')
  expect(normalCategoryId('1.5')).toBe('1.5')
})

test('HTML becomes text: blocks break lines, scripts vanish, entities are decoded once', () => {
  const html = '<p>Big&nbsp;&amp;lt;b&gt;</p><ul><li>one<li>two</ul><script>alert("<b>")</script>5 < 6<br/>&#1071;&#0;'
  expect(htmlToText(html)).toBe('Big &lt;b>\n\n• one\n• two\n5 < 6\nЯ')
})

test('hostile HTML takes no time', () => {
  const started = performance.now()
  htmlToText('<'.repeat(100_000))
  htmlToText('<script>'.repeat(15_000))
  expect(performance.now() - started).toBeLessThan(5000)
})

test('siblings are told apart by the parameters they differ in, and by their names where there are none', () => {
  const colour = (id: string, value: string) =>
    accepted([field('param', value, { name: 'Цвет' }), field('param', 'сталь', { name: 'Материал' })], {
      id,
      group_id: 'g',
    })
  const { product } = foldProduct([colour('1', 'синий'), colour('2', 'белый')])
  expect(product.variants.map(({ options }) => options)).toEqual([{ ru: { Цвет: 'синий' } }, { ru: { Цвет: 'белый' } }])
  const same = foldProduct([colour('1', 'синий'), colour('2', 'синий')])
  expect(same.product.variants.map(({ options }) => options)).toEqual([
    { ru: { Вариант: '1' } },
    { ru: { Вариант: '2' } },
  ])
  expect(foldProduct([colour('1', 'синий')]).product.variants[0]?.options).toEqual({})
})
