/** What is shared by workers, and by the lanes of each. */
import { expect, test } from 'vitest'
import { doDue } from '#shop/due.ts'
import { useShop } from './support.ts'

const shop = useShop()

test('one that fails is counted once, though two lanes took it before either knew', async () => {
  const tried: number[] = []
  let bothHaveIt = (): void => undefined
  const both = new Promise<void>((resolve) => {
    bothHaveIt = resolve
  })
  const failing = doDue(shop.db, {
    name: 'expire-orders',
    count: async () => 2,
    claim: async (_tx, besides) => (besides.includes(7) ? undefined : 7),
    act: async (_tx, id) => {
      if (tried.push(id) === 2) bothHaveIt()
      await both
      throw new Error('it cannot be done')
    },
  })
  await expect(failing).rejects.toThrow('1 of 1 failed')
  expect(tried).toEqual([7, 7])
})
