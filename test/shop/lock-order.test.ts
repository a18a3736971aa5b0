/** Rows that many wait for are locked in one order, whoever comes: two transactions held at known points never wait in a circle. */
import { Readable } from 'node:stream'
import { expect, test } from 'vitest'
import { readFeed } from '#gateways/feeds.ts'
import { importFeed } from '#shop/catalog-import.ts'
import { buy, type Purchase } from '#shop/checkout.ts'
import { closeDueGroups, expireOrders } from '#shop/group-buy.ts'
import { payBy } from '#shop/paying.ts'
import { inTransaction, type Transaction } from '#store/db.ts'
import { lockTerms } from '#store/campaigns.ts'
import { assertInvariants } from './invariants.ts'
import { minute, useShop, type Goods, type GoodsOptions } from './support.ts'

const shop = useShop()

/** Locks something in a transaction of its own until it is let go. */
async function hold(lock: (tx: Transaction) => Promise<unknown>): Promise<() => Promise<void>> {
  let letGo: () => void = () => undefined
  const until = new Promise<void>((resolve) => {
    letGo = resolve
  })
  let over: Promise<void> = Promise.resolve()
  await new Promise<void>((locked) => {
    over = inTransaction(shop.db, async (tx) => {
      await lock(tx)
      locked()
      await until
    })
  })
  return async () => {
    letGo()
    await over
  }
}

const holdProduct = (productId: number) =>
  hold((tx) => tx.$queryRaw`SELECT 1 FROM product WHERE id = ${productId} FOR NO KEY UPDATE`)
const holdStock = (variantId: number) =>
  hold((tx) => tx.$queryRaw`SELECT 1 FROM stock_level WHERE variant_id = ${variantId} FOR NO KEY UPDATE`)

/** A product of two options, which its groups mix, charged at once. @returns the second option's id, too. */
async function twoOptions(more: GoodsOptions = {}): Promise<Goods & { first: number; second: number }> {
  const terms = { paymentMethods: ['card' as const, 'sbp' as const] }
  const goods = await shop.goods({ group: { mixesOptions: true }, terms, ...more })
  const { productId, campaignId, locationId } = goods
  const option = { productId, externalId: '2', options: {}, price: 150_000n, currency: 'RUB', weightGrams: 800 }
  const { id: variantId } = await shop.db.variant.create({ data: option })
  await shop.db.stockLevel.create({ data: { variantId, locationId, onHand: 100 } })
  await shop.db.campaignPrice.create({ data: { campaignId, variantId, price: 100_000n } })
  return { ...goods, first: goods.variantId, second: variantId }
}

/** An order that is paid at the provider, at once; nobody has told us yet. */
async function charged(purchase: Purchase) {
  const personId = await shop.person()
  const { orderId, seat } = await shop.order(personId, purchase)
  await payBy(shop.db, { personId, orderId, method: 'sbp', now: shop.now }, shop.deps)
  return { orderId, groupId: seat?.groupId ?? 0, page: await shop.atProvider(orderId) }
}

/** A group whose leader and one member have chosen these options and paid; of the member nobody has told us yet. */
async function groupOf(leaders: number, members: number) {
  const { groupId, page, orderId } = await charged({ kind: 'own-group', variantId: leaders })
  await shop.hint(page)
  const member = await charged({ kind: 'join', groupId, variantId: members })
  return { groupId, page: member.page, orders: [orderId, member.orderId] }
}

test('two groups of the same two options, one the other way round, form at once', async () => {
  const { first, second, productId } = await twoOptions()
  const groups = [await groupOf(first, second), await groupOf(second, first)]
  const letGo = await holdProduct(productId)
  const hints = Promise.all(groups.map(({ page }) => shop.hint(page)))
  await shop.waiting(2)
  await letGo()
  await hints
  for (const { groupId } of groups) expect(await shop.group(groupId)).toMatchObject({ state: 'formed' })
  await shop.settle()
  for (const variantId of [first, second])
    expect(await shop.db.stockLevel.findFirst({ where: { variantId } })).toMatchObject({ onHand: 98, reserved: 0 })
  expect(await shop.db.product.findUnique({ where: { id: productId } })).toMatchObject({ popularity: 4 })
})

test('a late payment that completes a group takes its goods in the order of those of everybody there', async () => {
  const { first, second, productId } = await twoOptions()
  const late = await groupOf(first, second)
  shop.pass(16 * minute)
  await expireOrders(shop.db, shop.now)
  const other = await groupOf(first, second)
  const [freeFirst, freeSecond] = [await holdStock(first), await holdStock(second)]
  const hints = Promise.all([late, other].map(({ page }) => shop.hint(page)))
  await shop.waiting(2)
  await freeFirst()
  await freeSecond()
  await hints
  for (const { groupId } of [late, other]) expect(await shop.group(groupId)).toMatchObject({ state: 'formed' })
  expect(await shop.db.product.findUnique({ where: { id: productId } })).toMatchObject({ popularity: 4 })
  await shop.settle()
})

test('two groups of the same two options, one the other way round, fail at once and give the goods back', async () => {
  const { first, second } = await twoOptions({ size: 3 })
  const groups = [await groupOf(first, second), await groupOf(second, first)]
  for (const { page } of groups) await shop.hint(page)
  const now = shop.pass(30 * minute)
  const [freeFirst, freeSecond] = [await holdStock(first), await holdStock(second)]
  const closing = closeDueGroups(shop.db, now)
  await shop.waiting(2)
  await freeFirst()
  await freeSecond()
  expect(await closing).toBe(2)
  for (const { groupId } of groups) expect(await shop.group(groupId)).toMatchObject({ state: 'failed' })
  await shop.settle()
  for (const variantId of [first, second])
    expect(await shop.db.stockLevel.findFirst({ where: { variantId } })).toMatchObject({ onHand: 100, reserved: 0 })
})

test('two members change to the option that the other gives up', async () => {
  const { first, second } = await twoOptions({ size: 3 })
  const swaps = await Promise.all(
    [
      [first, second],
      [second, first],
    ].map(async ([from = 0, to = 0]) => {
      const { groupId } = await shop.openGroup({ ...(await goodsOf(from)) })
      const personId = await shop.person()
      const { orderId } = await shop.order(personId, { kind: 'join', groupId, variantId: from })
      return { personId, instead: orderId, purchase: { kind: 'join', groupId, variantId: to } as const, to }
    }),
  )
  const [freeFirst, freeSecond] = [await holdStock(first), await holdStock(second)]
  const wishes = Promise.all(
    swaps.map(({ personId, instead, purchase }) =>
      buy(shop.db, { personId, requestKey: `swap-${personId}`, purchase, instead, now: shop.now }, shop.deps),
    ),
  )
  await shop.waiting(2)
  await freeFirst()
  await freeSecond()
  for (const [at, bought] of (await wishes).entries())
    expect(bought).toMatchObject({ ok: true, order: { variantId: swaps[at]?.to } })
  for (const { instead } of swaps) expect((await shop.stateOf(instead)).order).toBe('cancelled')
  await assertInvariants(shop.db)
})

const goodsOf = async (variantId: number): Promise<Goods> => {
  const { productId, stock } = await shop.db.variant.findUniqueOrThrow({
    where: { id: variantId },
    include: { stock: true },
  })
  return { sellerId: 0, campaignId: 0, productId, variantId, locationId: stock[0]?.locationId ?? 0 }
}

const feed = (title: string, count: number) =>
  readFeed([
    Readable.from([
      Buffer.from(
        `<yml_catalog><shop><name>Лавка</name><categories><category id="1">Дом</category></categories><offers>
        <offer id="1"><name>${title}</name><price>100</price><categoryId>1</categoryId><count>${count}</count></offer>
        </offers></shop></yml_catalog>`,
      ),
    ]),
  ])

test.each(['in time', 'too late'])('a catalogue is loaded while its goods are sold, paid for %s', async (when) => {
  const slug = `feed-${when.length}`
  const load = (title: string, count: number) =>
    importFeed(shop.db, feed(title, count), { seller: { slug }, now: shop.now, newToken: () => slug })
  await load('Чайник', 10)
  const terms = { paymentMethods: ['card', 'sbp'] }
  const { id: sellerId } = await shop.db.seller.update({ where: { slug }, data: terms })
  const { id: variantId, productId } = await shop.db.variant.findFirstOrThrow({ where: { product: { sellerId } } })
  const { page, orderId } = await charged({ kind: 'alone', variantId })
  if (when === 'too late') {
    shop.pass(16 * minute)
    await expireOrders(shop.db, shop.now)
  }
  const letGo = await holdProduct(productId)
  const loading = load('Чайник новый', 20)
  await shop.waiting(1)
  const hint = shop.hint(page)
  await shop.waiting(2)
  await letGo()
  await Promise.all([loading, hint])
  expect((await shop.stateOf(orderId)).order).toBe('packable')
  expect(await shop.db.stockLevel.findFirst({ where: { variantId } })).toMatchObject({ onHand: 19, reserved: 0 })
  await shop.settle()
})

test('terms are published while the goods are sold', async () => {
  const { variantId, productId } = await shop.goods({ terms: { paymentMethods: ['card', 'sbp'] } })
  const { page, orderId } = await charged({ kind: 'alone', variantId })
  const letGo = await holdProduct(productId)
  const publishing = inTransaction(shop.db, (tx) => lockTerms(tx, productId))
  await shop.waiting(1)
  const hint = shop.hint(page)
  await shop.waiting(2)
  await letGo()
  expect(await Promise.all([publishing, hint])).toEqual([true, undefined])
  expect((await shop.stateOf(orderId)).order).toBe('packable')
})
