import { createHash } from 'node:crypto'
import { expect, test } from 'vitest'
import { openSpill } from '#shop/import-spill.ts'

test('texts come back whole, in any order, however long they are', () => {
  const spill = openSpill()
  try {
    const texts = [
      'чайник',
      '',
      '水壶 🫖',
      'я'.repeat(700_000),
      'x'.repeat(1_048_576),
      ...Array.from({ length: 5000 }, String),
    ]
    const places = texts.map((text) => spill.write(text))
    expect(places.map(({ hash }) => hash)).toEqual(texts.map((text) => createHash('md5').update(text).digest('hex')))
    for (const [at, text] of [...texts.entries()].toReversed()) {
      expect(spill.read(places[at] ?? { at: 0, size: 0 }) === text).toBe(true)
    }
    expect(spill.read(spill.write('after reading'))).toBe('after reading')
  } finally {
    spill.close()
  }
})
