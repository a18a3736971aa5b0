/** Two taps of one person on the same: the first is whole between any two questions of the second, and both lead to one order. */
import pg from 'pg'
import { expect, test, vi } from 'vitest'
import { buy, type Purchase } from '#shop/checkout.ts'
import { expireOrders } from '#shop/group-buy.ts'
import { moveLines, waitForSeat } from '#shop/waiting.ts'
import { openDatabase } from '#store/db.ts'
import type { OrderView } from '#store/orders.ts'
import { assertInvariants } from './invariants.ts'
import { minute, useShop } from './support.ts'

const shop = useShop()

type Query = (this: pg.Pool, ...query: unknown[]) => Promise<unknown>
const prototype = pg.Pool.prototype as unknown as { query: Query }
const { query: ask } = prototype

type Wish = { personId: number; purchase: Purchase; instead?: number }
/** Each with the last unit that there is: what the first tap takes is missing for the second. */
const wishes: Record<string, () => Promise<Wish>> = {
  alone: async () => {
    const { variantId } = await shop.goods({ stock: 1 })
    return { personId: await shop.person(), purchase: { kind: 'alone', variantId } }
  },
  'a group of one’s own': async () => {
    const { variantId } = await shop.goods({ stock: 1 })
    return { personId: await shop.person(), purchase: { kind: 'own-group', variantId } }
  },
  'the last seat': async () => {
    const { groupId } = await shop.openGroup(await shop.goods({ size: 2, stock: 2 }))
    return { personId: await shop.person(), purchase: { kind: 'join', groupId } }
  },
  'the last seat, to another address': async () => {
    const { groupId } = await shop.openGroup(await shop.goods({ size: 2, stock: 2 }))
    const purchase = { kind: 'join', groupId } as const
    const personId = await shop.person()
    const { orderId } = await shop.order(personId, purchase)
    return { personId, purchase, instead: orderId }
  },
  'an offered seat': async () => {
    const { groupId } = await shop.openGroup(await shop.goods({ size: 2, stock: 2 }))
    const purchase = { kind: 'join', groupId } as const
    await shop.order(await shop.person(), purchase)
    const personId = await shop.person()
    expect(await waitForSeat(shop.db, { personId, groupId }, shop.now)).toMatchObject({ ok: true })
    shop.pass(15 * minute)
    await expireOrders(shop.db, shop.now)
    expect(await moveLines(shop.db, shop.now)).toBe(1)
    return { personId, purchase }
  },
}

test.each(Object.entries(wishes))('%s: both taps lead to the same order', async (name, wish) => {
  // As another process: its questions outside of transactions are counted.
  const mark = 3
  const other = openDatabase(shop.url, mark)
  /** @returns whether the second tap had so many questions. */
  const tapAfter = async (nth: number): Promise<boolean> => {
    const { personId, purchase, instead } = await wish()
    const tap = (requestKey: string, db = shop.db) => {
      const of = { personId, requestKey: `${name} ${nth} ${requestKey}`, purchase, now: shop.now }
      return buy(db, { ...of, ...(instead !== undefined && { instead }) }, shop.deps)
    }
    let asked = 0
    let first: OrderView | undefined
    const spy = vi.spyOn(prototype, 'query').mockImplementation(async function (this: pg.Pool, ...query) {
      const answer = await ask.apply(this, query)
      if (this.options.max !== mark || ++asked !== nth) return answer
      const result = await tap('first')
      expect(result).toMatchObject({ ok: true })
      if (result.ok) first = result.order
      return answer
    })
    const second = await tap('second', other).finally(() => spy.mockRestore())
    const led = second.ok ? second.order.orderId : second.reason
    expect({ nth, led }).toEqual({ nth, led: first?.orderId ?? led })
    return first !== undefined
  }
  let nth = 1
  while (await tapAfter(nth)) nth += 1
  await other.$disconnect()
  expect(nth).toBeGreaterThan(2)
  await assertInvariants(shop.db)
})
