import fc from 'fast-check'
import { expect, test } from 'vitest'
import { languageFromTag, languages, parseName, parsePhone, wordsIn } from '#domain/people.ts'

test.each([
  ['ru', 'ru'],
  ['ru-RU', 'ru'],
  ['ru_RU', 'ru'],
  ['be', 'ru'],
  ['uk-UA', 'ru'],
  ['kk', 'ru'],
  ['zh', 'zh'],
  ['zh-hans', 'zh'],
  ['ZH-Hant-TW', 'zh'],
  ['en', 'en'],
  ['de', 'en'],
  ['pt-br', 'en'],
  ['tlh', 'en'],
  ['constructor', 'en'],
  ['', 'ru'],
  [undefined, 'ru'],
] as const)('the tag %j is answered in %s', (tag, language) => {
  expect(languageFromTag(tag)).toBe(language)
})

test('any tag at all leads to a language that we speak', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary' }), (tag) => {
      expect(languages).toContain(languageFromTag(tag))
    }),
  )
})

test('words are read in the language asked for, otherwise in the nearest that exists', () => {
  expect(wordsIn({ ru: 'чайник', en: 'kettle', zh: '水壶' }, 'zh')).toBe('水壶')
  expect(wordsIn({ ru: 'чайник', en: 'kettle' }, 'zh')).toBe('чайник')
  expect(wordsIn({ en: 'kettle', zh: '水壶' }, 'ru')).toBe('kettle')
  expect(wordsIn({ zh: '水壶' }, 'en')).toBe('水壶')
  expect(wordsIn({}, 'ru')).toBe('')
})

test.each([
  ['+7 912 345-67-89', '+79123456789'],
  ['8 (912) 345-67-89', '+79123456789'],
  ['89123456789', '+79123456789'],
  ['9123456789', '+79123456789'],
  ['+8 912 345 67 89', '+79123456789'],
  ['+7\u00a0912\u00a03456789', '+79123456789'],
  ['+375 29 123-45-67', '+375291234567'],
  ['+86 138 0013 8000', '+8613800138000'],
  // Eleven digits that begin with 8 and are no Russian number: Hong Kong, Japan.
  ['+852 2123 4567', '+85221234567'],
  ['+81 3 1234 5678', '+81312345678'],
])('the number %j is %s', (typed, phone) => {
  expect(parsePhone(typed)).toBe(phone)
})

test.each([
  '',
  '+',
  '112',
  '12345',
  'позвоните мне',
  '+7 912',
  '0123456789',
  '+7 912 345-67-89 доб. 5',
  '1'.repeat(16),
])('%j is no phone number', (typed) => {
  expect(parsePhone(typed)).toBeUndefined()
})

test('whatever is typed, a phone number is E.164 or nothing', () => {
  const typed = fc.oneof(
    fc.string({ unit: 'binary' }),
    fc.string({ unit: fc.constantFrom(...'0123456789+-() .'.split('')) }),
    fc.stringMatching(/^\+?[\d ()-]{7,20}$/),
  )
  fc.assert(
    fc.property(typed, (text) => {
      expect(parsePhone(text) ?? '+71234567890').toMatch(/^\+[1-9]\d{9,14}$/)
    }),
  )
})

test('a number that was read reads as itself again', () => {
  fc.assert(
    fc.property(fc.stringMatching(/^\+?[\d ()-]{7,20}$/), (text) => {
      const phone = parsePhone(text)
      expect(parsePhone(phone ?? '')).toBe(phone)
    }),
  )
})

test.each([
  ['Анна', 'Анна'],
  ['  Анна \n  Иванова ', 'Анна Иванова'],
  ['Jean-Luc O’Brien', 'Jean-Luc O’Brien'],
  ['王伟', '王伟'],
  ['محمد علي', 'محمد علي'],
  ['J. R. R. Tolkien', 'J. R. R. Tolkien'],
  ['Е\u0308лка', 'Ёлка'],
])('%j is the name %j', (typed, name) => {
  expect(parseName(typed)).toBe(name)
})

test.each(['', 'А', '🦊', 'Анна 🦊', 'Анна2', '<b>Анна</b>', '- Анна', 'а'.repeat(61), '.', '{{name}}'])(
  '%j is no name for a parcel',
  (typed) => {
    expect(parseName(typed)).toBeUndefined()
  },
)
