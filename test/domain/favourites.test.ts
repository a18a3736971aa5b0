import fc from 'fast-check'
import { expect, test } from 'vitest'
import { notOnSale, standingOf } from '#domain/favourites.ts'
import { parseSaid, saidMax } from '#domain/questions.ts'

const offer = { price: 1000n, currency: 'RUB', free: 1, aside: 0, groupPrice: null, withdrawn: false }

test('what a product costs is the lowest of what everybody can have now, alone or together', () => {
  const cheapButGone = { ...offer, price: 10n, free: 0 }
  const cheapButWithdrawn = { ...offer, price: 10n, withdrawn: true }
  const elsewhere = { ...offer, price: 10n, currency: 'CNY' }
  expect(standingOf([])).toEqual(notOnSale)
  expect(standingOf([cheapButGone, cheapButWithdrawn])).toEqual(notOnSale)
  const alone = { price: 900n, currency: 'RUB', isTogether: false }
  expect(standingOf([offer, { ...offer, price: 900n }, cheapButGone, cheapButWithdrawn, elsewhere])).toEqual(alone)
  const together = { price: 800n, currency: 'RUB', isTogether: true }
  expect(
    standingOf([
      { ...offer, groupPrice: 800n },
      { ...offer, price: 900n },
    ]),
  ).toEqual(together)
})

test('units that only groups may take are had for what a group costs, and for nothing else', () => {
  const forGroups = { ...offer, price: 10n, free: 0, aside: 1, groupPrice: 700n }
  const together = { price: 700n, currency: 'RUB', isTogether: true }
  expect(standingOf([forGroups])).toEqual(together)
  expect(standingOf([{ ...offer, groupPrice: 800n }, forGroups])).toEqual(together)
  expect(standingOf([{ ...forGroups, aside: 0 }])).toEqual(notOnSale)
  expect(standingOf([{ ...forGroups, groupPrice: null }])).toEqual(notOnSale)
})

test('what is said has a letter or a digit, and nothing that cannot be seen', () => {
  for (const nothing of ['', ' \n', '?!…', '👋🏿', '\u200b\u2060\ufeff', '\u0001\u0007', '\ud83d', '\0']) {
    expect(parseSaid(nothing)).toMatchObject({ ok: false, reason: 'unclear' })
  }
  expect(parseSaid('  А\0 \u202eб\u202c\r\n\n\nв\u001b ')).toEqual({ ok: true, text: 'А б\nв' })
  expect(parseSaid('家👨‍👩‍👧')).toEqual({ ok: true, text: '家👨‍👩‍👧' })
  expect(parseSaid('а'.repeat(saidMax))).toMatchObject({ ok: true })
  expect(parseSaid('🦊'.repeat(saidMax - 1) + 'а')).toMatchObject({ ok: true })
  expect(parseSaid('а'.repeat(saidMax + 1))).toEqual({ ok: false, reason: 'too-long', length: saidMax + 1 })
})

test('what is let through stays as it is when it is said again, and fits', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary', maxLength: 60 }), (typed) => {
      const said = parseSaid(typed)
      if (!said.ok) return
      expect(parseSaid(said.text)).toEqual(said)
      expect(Array.from(said.text).length).toBeLessThanOrEqual(saidMax)
      expect(said.text).not.toContain('\0')
    }),
    { numRuns: 50 },
  )
})
