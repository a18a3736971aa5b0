import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { queryWords, toSearchWords, wordQuery } from '#domain/search.ts'
import { useDatabase } from '../support/database.ts'

/** All words, the last of them half typed. */
function toSearchQuery(text: string): string {
  const words = queryWords(text)
  return words.map((word, at) => wordQuery(word, at === words.length - 1)).join(' & ')
}

describe('folding', () => {
  test.each([
    ['Зелёный ЧАЙ', 'зеленый чай'],
    ['память 256ГБ', 'память 256гб 256 гб'],
    ['Wi-Fi', 'wifi wi fi'],
    ['电热水壶', '电热 热水 水壶 电 热 水 壶'],
    ['5G手机', '5g 5 g 手机 手 机'],
    ['Ｗｉｄｅ ①', 'wide 1'],
    ['水-水', '水'],
    ["it's <b> & | ! :*", 'its it s b'],
    ['', ''],
  ])('stores "%s" as "%s"', (text, words) => {
    expect(toSearchWords(text).split(' ').sort()).toEqual(words.split(' ').sort())
  })

  test.each([
    ['чайник', 'чайник:*'],
    ['Зелёный чай', 'зеленый & чай:*'],
    ['256гб память', '(256гб | 256gb | 256 & (гб | gb)) & память:*'],
    ['水壶', '水壶:*'],
    ['壶', '壶:*'],
    [' & | ! ( :* ', ''],
  ])('asks for "%s" by "%s"', (text, query) => {
    expect(toSearchQuery(text)).toBe(query)
  })
})

describe('in PostgreSQL', () => {
  const database = useDatabase()
  const matches = async (stored: string, asked: string): Promise<boolean> => {
    const [row] = await database.db.$queryRaw<{ found: boolean }[]>`
      SELECT listing_search(${toSearchWords(stored)}, '') @@ to_tsquery('pg_catalog.russian', ${toSearchQuery(asked)}) AS found`
    return row?.found ?? false
  }

  test.each([
    ['Зелёные чайники «Очаг»', 'зеленый чайник'],
    ['Электрический чайник', 'элек'],
    ['Накопитель 256 ГБ', '256гб'],
    ['Накопитель 256ГБ', '256 гб'],
    ['Wi-Fi роутер', 'wifi'],
    ['WiFi роутер', 'wi-fi'],
    ['Nordvik wireless headphones', 'headphone'],
    ['电热水壶', '水壶'],
    ['电热水壶', '壶'],
    ['无线耳机 Nordvik', 'nordvik耳机'],
  ])('"%s" is found by "%s"', async (stored, asked) => {
    expect(await matches(stored, asked)).toBe(true)
  })

  test('all words must be there', async () => {
    expect(await matches('Зелёный чай', 'зеленый чайник')).toBe(false)
    expect(await matches('电水壶', '水电')).toBe(false)
  })

  test('no input makes an invalid query, and a text is found by itself', async () => {
    const naughty = fc.oneof(
      fc.string({ unit: 'binary', maxLength: 60 }),
      fc.string({ unit: 'grapheme', maxLength: 60 }),
      fc.string({
        unit: fc.constantFrom(
          "'",
          '\\',
          '&',
          '|',
          '!',
          '(',
          ')',
          ':',
          '*',
          '<',
          '>',
          '-',
          ' ',
          'a',
          'я',
          '水',
          '1',
          '\0',
          '\u0301',
        ),
      }),
      fc.constantFrom(
        'a'.repeat(5000),
        '水'.repeat(5000),
        '😀',
        "'; DROP TABLE product; --",
        'İ',
        '\uD800',
        '２５６ＧＢ',
        'и',
        '3\uFE0F\u20E3',
      ),
    )
    await fc.assert(
      fc.asyncProperty(naughty, async (text) => {
        const query = toSearchQuery(text)
        const words = toSearchWords(text)
        const [row] = await database.db.$queryRaw<{ found: boolean }[]>`
          SELECT numnode(q) = 0 OR listing_search(${words}, '') @@ q AS found
          FROM to_tsquery('pg_catalog.russian', ${query}) AS q`
        expect({ query, words, found: row?.found }).toEqual({ query, words, found: true })
      }),
      { numRuns: 500 },
    )
  })
})
