import fc from 'fast-check'
import { expect, test } from 'vitest'
import { orderNumber } from '#domain/orders.ts'

const randomBytes = fc.uint8Array({ minLength: 8, maxLength: 8 })

test('an order number is two groups of four that cannot be misread', () => {
  expect(orderNumber(new Uint8Array(8))).toBe('2222-2222')
  fc.assert(
    fc.property(randomBytes, (bytes) => {
      expect(orderNumber(bytes)).toMatch(/^[2-9A-HJ-NP-Z]{4}-[2-9A-HJ-NP-Z]{4}$/)
    }),
  )
})

test('every letter is drawn as often as any other', () => {
  const drawn = new Map<string, number>()
  for (let byte = 0; byte < 256; byte += 1) {
    const letter = orderNumber(new Uint8Array(8).fill(byte)).slice(0, 1)
    drawn.set(letter, (drawn.get(letter) ?? 0) + 1)
  }
  expect(drawn.size).toBe(32)
  expect(new Set(drawn.values())).toEqual(new Set([8]))
})
