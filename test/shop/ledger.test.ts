import { expect, test } from 'vitest'
import { payBy } from '#shop/paying.ts'
import { bookTaken, handedOver } from '#shop/ledger.ts'
import { refund } from '#shop/refunds.ts'
import { inTransaction } from '#store/db.ts'
import { findEarned, post } from '#store/ledger.ts'
import { findPayment } from '#store/payments.ts'
import { useShop, type GoodsOptions } from './support.ts'

const shop = useShop()

async function bought(options: GoodsOptions = {}) {
  const goods = await shop.goods(options)
  const [buyer, seller] = [await shop.person(), await shop.seller(goods)]
  const order = await shop.order(buyer, { kind: 'alone', variantId: goods.variantId })
  await shop.pay(order.orderId)
  await shop.runJobs()
  return { ...order, buyer, seller, sellerId: goods.sellerId }
}
const deliver = (orderId: number) => shop.parcel(orderId, 'RECEIVED_AT_SHIPMENT_WAREHOUSE', 'DELIVERED')

/** The postings of an order in the order in which they were made: what each did to which account. */
async function bookOf(orderId: number) {
  const postings = await shop.db.posting.findMany({
    where: { orderId },
    orderBy: { id: 'asc' },
    include: { entries: { orderBy: { id: 'asc' } } },
  })
  return postings.map(({ kind, entries }) => ({
    kind,
    ...Object.fromEntries(entries.map(({ account, amount }) => [account, amount])),
  }))
}

test('what is taken is the buyer’s until the goods are theirs; then it is shared', async () => {
  const { orderId, total, goodsTotal, deliveryCost, buyer, sellerId } = await bought({ terms: { feeBasisPoints: 333 } })
  expect(await bookOf(orderId)).toEqual([{ kind: 'taken', provider: total, buyer: -total }])
  expect(await findEarned(shop.db, orderId)).toBeUndefined()
  await deliver(orderId)
  const fee = (goodsTotal * 333n) / 10_000n
  const earned = { kind: 'earned', buyer: total, seller: fee - goodsTotal, fee: -fee, delivery: -deliveryCost }
  expect((await bookOf(orderId))[1]).toEqual(earned)
  expect(await findEarned(shop.db, orderId)).toEqual({ amount: total, goods: goodsTotal })
  const owners = await shop.db.entry.findMany({
    where: { posting: { orderId } },
    distinct: ['account'],
    orderBy: { account: 'asc' },
    select: { account: true, personId: true, sellerId: true, provider: true },
  })
  expect(owners).toEqual([
    { account: 'buyer', personId: buyer, sellerId: null, provider: null },
    { account: 'delivery', personId: null, sellerId: null, provider: null },
    { account: 'fee', personId: null, sellerId: null, provider: null },
    { account: 'provider', personId: null, sellerId: null, provider: 'yookassa' },
    { account: 'seller', personId: null, sellerId, provider: null },
  ])
  await shop.settle()
})

test('the same event is posted once, however often and at once it is told', async () => {
  const { orderId, total } = await bought()
  const payment = await findPayment(shop.db, { orderId, counts: true })
  if (!payment) throw new Error('it was paid')
  const tell = () => inTransaction(shop.db, (tx) => bookTaken(tx, payment, total, shop.now))
  await Promise.all(Array.from({ length: 10 }, tell))
  const externalId = await shop.externalIdOf(orderId)
  await Promise.all(Array.from({ length: 10 }, () => shop.hint(externalId)))
  await deliver(orderId)
  await Promise.all(Array.from({ length: 5 }, () => inTransaction(shop.db, (tx) => handedOver(tx, orderId, shop.now))))
  expect((await bookOf(orderId)).map(({ kind }) => kind)).toEqual(['taken', 'earned'])
  await shop.settle()
})

test('a posting that does not sum to zero is refused and leaves nothing behind', async () => {
  const { orderId, buyer } = await bought()
  const write = (entries: Parameters<typeof post>[1]['entries']) =>
    post(shop.db, { key: `odd:${orderId}`, kind: 'taken', orderId, currency: 'RUB', entries }, shop.now)
  const provider = { kind: 'provider', provider: 'yookassa' } as const
  const odd = [
    { account: provider, amount: 2n },
    { account: { kind: 'buyer', personId: buyer }, amount: -1n },
  ] as const
  await expect(write(odd)).rejects.toThrow(/do not sum to zero/)
  expect(await shop.db.posting.count({ where: { key: `odd:${orderId}` } })).toBe(0)
})

test('many small refunds give back the same fee as one', async () => {
  const { orderId, seller, goodsTotal } = await bought({ price: 10_007n, terms: { feeBasisPoints: 777 } })
  await deliver(orderId)
  for (let at = 0; at < 7; at += 1) {
    const who = { personId: seller, orderId, requestKey: `small ${at}`, now: shop.now }
    const wish = at < 6 ? ({ kind: 'amount', amount: 1_429n } as const) : ({ kind: 'rest' } as const)
    expect(await refund(shop.db, who, wish)).toMatchObject({ ok: true })
    await shop.runJobs()
  }
  const fees = await shop.db.entry.findMany({
    where: { account: 'fee', posting: { orderId } },
    select: { amount: true },
  })
  expect(fees[0]?.amount).toBe(-((goodsTotal * 777n) / 10_000n))
  expect(fees.reduce((sum, { amount }) => sum + amount, 0n)).toBe(0n)
  await shop.settle()
})

test('an order whose money went back before it was delivered earns nothing', async () => {
  const { orderId, seller, total } = await bought({ terms: { feeBasisPoints: 500 } })
  const who = { personId: seller, orderId, requestKey: `whole ${orderId}`, now: shop.now }
  await refund(shop.db, who, { kind: 'rest' })
  await shop.runJobs()
  await deliver(orderId)
  expect(await bookOf(orderId)).toEqual([
    { kind: 'taken', provider: total, buyer: -total },
    { kind: 'refunded', provider: -total, buyer: total },
  ])
  await shop.settle()
})

test('a second payment is its buyer’s own: what goes back of it costs the seller nothing', async () => {
  const goods = await shop.goods({ terms: { feeBasisPoints: 500 } })
  const buyer = await shop.person()
  const { orderId, total } = await shop.order(buyer, { kind: 'alone', variantId: goods.variantId })
  const first = await shop.externalIdOf(orderId)
  const by = await payBy(shop.db, { personId: buyer, orderId, method: 'sbp', now: shop.now }, shop.deps)
  expect(by).toMatchObject({ ok: true })
  const second = await shop.externalIdOf(orderId)
  expect(second).not.toBe(first)
  for (const page of [first, second]) expect(await shop.act(`/sim/yookassa/${page}`, { outcome: 'paid' })).toBe(200)
  await shop.hint(first)
  await shop.runJobs()
  await deliver(orderId)
  // We learn of the second one when the goods are with their buyer.
  const before = (await bookOf(orderId)).filter(({ kind }) => kind === 'earned')
  expect(before).toHaveLength(1)
  await shop.hint(second)
  await shop.runJobs()
  const book = await bookOf(orderId)
  expect(book.filter(({ kind }) => kind === 'earned')).toEqual(before)
  expect(book.slice(-2)).toEqual([
    { kind: 'taken', provider: total, buyer: -total },
    { kind: 'refunded', provider: -total, buyer: total },
  ])
  await shop.settle()
})
