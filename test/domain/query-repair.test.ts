import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { cutsOf, likeliest, maxTypos, otherLayout, otherNames, typosBetween, typosOf } from '#domain/query-repair.ts'
import { queryWords, wordQuery } from '#domain/search.ts'

const latinKeys = fc.string({
  unit: fc.constantFrom(...Array.from("`qwertyuiop[]asdfghjkl;'zxcvbnm,. 0123456789")),
  maxLength: 30,
})
const cyrillicKeys = fc.string({
  unit: fc.constantFrom(...Array.from('ёйцукенгшщзхъфывапролджэячсмитьбю 0123456789')),
  maxLength: 30,
})
const anything = fc.oneof(fc.string({ unit: 'binary', maxLength: 40 }), fc.string({ unit: 'grapheme', maxLength: 40 }))
const word = fc.string({ unit: fc.constantFrom(...Array.from('abcdeмнопр')), minLength: 1, maxLength: 10 })

describe('the other keyboard layout', () => {
  test.each([
    ['ghbdtn', 'привет'],
    ['[kt,', 'хлеб'],
    ['{KT<', 'хлеб'],
    ['xfqybr', 'чайник'],
    ['`kjxrf', 'ёлочка'],
    ['jxbcnbntkm', 'очиститель'],
    ['шзрщту', 'iphone'],
    ['ыфьыгтп', 'samsung'],
    ['256 u,', '256 гб'],
    ['', ''],
  ])('"%s" is "%s"', (typed, meant) => {
    expect(otherLayout(typed)).toBe(meant)
  })

  test('twice gives back what was typed', () => {
    fc.assert(
      fc.property(fc.oneof(latinKeys, cyrillicKeys), (text) => {
        expect(otherLayout(otherLayout(text))).toBe(text)
      }),
    )
  })

  test('never throws', () => {
    fc.assert(
      fc.property(anything, (text) => {
        expect(otherLayout(text)).toBeTypeOf('string')
      }),
    )
  })
})

describe('typos', () => {
  test.each([
    ['чайник', 'чайник', 0],
    ['чайнк', 'чайник', 1],
    ['чайниик', 'чайник', 1],
    ['чайнмк', 'чайник', 1],
    ['чайинк', 'чайник', 1],
    ['pritner', 'printer', 1],
    ['headpohnse', 'headphones', 2],
    ['стол', 'чайник', 3],
    ['', 'ab', 2],
  ])('between "%s" and "%s" there are %i', (one, other, typos) => {
    expect(typosBetween(one, other, 2)).toBe(typos)
  })

  test('are the same both ways, none between equals, and at least the difference in length', () => {
    fc.assert(
      fc.property(word, word, (one, other) => {
        const typos = typosBetween(one, other, 10)
        expect(typos).toBe(typosBetween(other, one, 10))
        expect(typos === 0).toBe(one === other)
        expect(typos).toBeGreaterThanOrEqual(Math.abs(one.length - other.length))
      }),
    )
  })

  test('all words one typo away are proposed, and only those', () => {
    const latin = fc.string({ unit: fc.constantFrom(...Array.from('abcdefgh')), minLength: 3, maxLength: 8 })
    fc.assert(
      fc.property(latin, fc.nat(8), fc.constantFrom('a', 'h'), fc.nat(3), (typed, at, letter, way) => {
        const proposed = typosOf(typed)
        expect(new Set(proposed).size).toBe(proposed.length)
        for (const one of proposed) expect(typosBetween(typed, one, 2)).toBe(1)
        const place = Math.min(at, typed.length - 2)
        const [head, a = '', b = '', rest] = [
          typed.slice(0, place),
          typed[place],
          typed[place + 1],
          typed.slice(place + 2),
        ]
        const meant =
          [head + letter + a + b + rest, head + b + rest, head + letter + b + rest, head + b + a + rest][way] ?? ''
        expect(meant === typed || proposed.includes(meant)).toBe(true)
      }),
    )
  })

  test('short words may have none, long words two', () => {
    expect([3, 4, 7, 8].map(maxTypos)).toEqual([0, 1, 1, 2])
    expect(likeliest('ба', [{ word: 'баб', uses: 9 }])).toEqual([])
  })

  test('one typo to a rare word is likelier than two to a common one, and of equals the common one', () => {
    const words = [
      { word: 'батарейка', uses: 40 },
      { word: 'батарейки', uses: 90 },
      { word: 'багажник', uses: 5000 },
    ]
    expect(likeliest('батарейкп', words).map((one) => one.word)).toEqual(['батарейки', 'батарейка'])
    expect(likeliest('чайник', [{ word: 'чайник', uses: 1 }])).toEqual([])
  })

  test('what is proposed is of the vocabulary and near, whatever was typed', () => {
    fc.assert(
      fc.property(anything, fc.array(fc.record({ word, uses: fc.integer({ min: 1, max: 1000 }) })), (typed, words) => {
        for (const { word: one, typos } of likeliest(typed, words)) {
          expect(words.map((known) => known.word)).toContain(one)
          expect(typos).toBeLessThanOrEqual(2)
        }
        typosOf(typed)
      }),
    )
  })
})

test('words typed together are cut at every place', () => {
  expect(cutsOf('harddrive')).toContainEqual(['hard', 'drive'])
  expect(cutsOf('стол')).toEqual([])
  fc.assert(fc.property(anything, (text) => cutsOf(text).every(([a, b]) => a + b === text)))
})

test('other names are those of the same thing, in any form of the word, and never the word itself', () => {
  expect(otherNames('ноутбуки')).toContain('laptop')
  expect(otherNames('laptops')).toEqual(otherNames('laptop'))
  expect(otherNames('laptop')).not.toContain('laptop')
  expect(otherNames('кастрюля')).toEqual([])
})

describe('words of a query', () => {
  test.each([
    ['256гб', '(256гб | 256gb | 256 & (гб | gb))'],
    ['256 gb', '256 & (gb | гб)'],
    ['wi-fi', '(wifi | wi & fi)'],
    ['Зелёный', 'зеленый'],
    ['热水壶', '(热水 & 水壶)'],
    ['м', 'м'],
  ])('"%s" is looked for by "%s"', (text, query) => {
    expect(
      queryWords(text)
        .map((one) => wordQuery(one))
        .join(' & '),
    ).toBe(query)
  })

  test('hold letters, digits and our own operators only', () => {
    fc.assert(
      fc.property(anything, (text) => {
        for (const one of queryWords(text)) expect(wordQuery(one, true)).toMatch(/^[\p{L}\p{N}\p{M} ()&|:*]+$/u)
      }),
    )
  })

  test('folded again they are the same', () => {
    fc.assert(
      fc.property(anything, (text) => {
        for (const one of queryWords(text))
          expect(
            queryWords(one.text)
              .map((again) => again.text)
              .join(''),
          ).toBe(one.text)
      }),
    )
  })
})
