import { expect, test } from 'vitest'
import { payBy } from '#shop/paying.ts'
import { bookChargeback, bookChargebackWon } from '#shop/chargebacks.ts'
import { refund, refundedByHand, type RefundWish } from '#shop/refunds.ts'
import {
  payOut,
  payoutsDue,
  setShopFee,
  shopBalance,
  shopMoneyCsv,
  shopOrders,
  type ShopBalance,
} from '#shop/shop-money.ts'
import { countRows, hour, minute, useShop, type Goods, type GoodsOptions } from './support.ts'

const shop = useShop()
const day = 24 * hour
const terms = { paymentMethods: ['card', 'on-delivery'] as ('card' | 'on-delivery')[], feeBasisPoints: 525 }

async function openShop(options: GoodsOptions = { terms }) {
  const goods = await shop.goods(options)
  const seller = await shop.seller(goods)
  const { slug } = await shop.db.seller.findUniqueOrThrow({ where: { id: goods.sellerId } })
  return { goods, seller, slug, sellerId: goods.sellerId }
}
type Shop = Awaited<ReturnType<typeof openShop>>

async function sell({ goods }: { goods: Goods }, method: 'card' | 'on-delivery' = 'card') {
  const buyer = await shop.person()
  const { orderId, total } = await shop.order(buyer, { kind: 'alone', variantId: goods.variantId })
  if (method === 'card') await shop.pay(orderId)
  else {
    const promised = await payBy(shop.db, { personId: buyer, orderId, method, now: shop.now }, shop.deps)
    if (!promised.ok) throw new Error(promised.reason)
  }
  await shop.runJobs()
  return { buyer, orderId, total }
}
const deliver = (orderId: number) => shop.parcel(orderId, 'RECEIVED_AT_SHIPMENT_WAREHOUSE', 'DELIVERED')

let taps = 0
async function give({ seller }: Shop, orderId: number, wish: RefundWish): Promise<string> {
  const who = { personId: seller, orderId, requestKey: `give ${++taps}`, now: shop.now }
  const result = await refund(shop.db, who, wish)
  if (!result.ok) throw new Error(result.reason)
  await shop.runJobs()
  return result.moveId
}

async function balanceOf({ sellerId, seller }: Shop): Promise<ShopBalance> {
  const [balance, ...more] = (await shopBalance(shop.db, sellerId, seller, shop.now)) ?? []
  expect(more).toEqual([])
  if (!balance) throw new Error('the shop has had money')
  await expectHandCount({ sellerId }, balance)
  return balance
}

/** The same figures from payments, moves and orders, which know nothing of the books; payouts have no other place. */
async function expectHandCount({ sellerId }: { sellerId: number }, balance: ShopBalance): Promise<void> {
  const orders = await shop.db.order.findMany({
    where: { sellerId },
    include: { payments: { include: { moves: { include: { postings: true } } } } },
  })
  const counted = { awaiting: 0n, owed: 0n, fee: 0n }
  for (const { state, deliveryCost, feeBasisPoints, deliveredAt, payments } of orders)
    for (const { captured, refunded, counts, moves } of payments) {
      // What the shop's people sent themselves they laid out.
      for (const { amount, postings } of moves)
        if (postings.some(({ kind }) => kind === 'refunded-by-hand')) counted.owed += amount
      if (state !== 'delivered' || !counts) {
        counted.awaiting += captured - refunded
        continue
      }
      const late = moves.filter((move) => move.state === 'done' && deliveredAt && move.updatedAt > deliveredAt)
      const returned = late.reduce(
        (sum, { amount, kind }) => sum + (kind === 'capture' ? 0n : kind === 'chargeback-won' ? -amount : amount),
        0n,
      )
      const paid = captured - (refunded - returned)
      const goods = paid > deliveryCost ? paid - deliveryCost : 0n
      const kept = goods > returned ? goods - returned : 0n
      // Rounded down as a whole: what is charged for the goods, less what is given back for those that came back.
      const rate = BigInt(feeBasisPoints)
      const fee = (goods * rate) / 10_000n - ((goods - kept) * rate) / 10_000n
      counted.fee += fee
      counted.owed += goods - fee - returned
    }
  expect(balance).toMatchObject({ awaiting: counted.awaiting, fee: counted.fee })
  expect(balance.earned + balance.due + balance.paidOut).toBe(counted.owed)
}

test('money waits with its buyer, then for the goods to stay, and is due after seven days', async () => {
  const here = await openShop()
  const { seller, sellerId } = here
  expect(await shopBalance(shop.db, sellerId, seller, shop.now)).toEqual([])
  const { orderId, total } = await sell(here)
  const { goodsTotal, deliveryCost } = await shop.db.order.findUniqueOrThrow({ where: { id: orderId } })
  const none = { currency: 'RUB', awaiting: 0n, earned: 0n, due: 0n, paidOut: 0n, refundsByHand: 0, fee: 0n }
  expect(await balanceOf(here)).toEqual({ ...none, awaiting: total })

  await deliver(orderId)
  const fee = (goodsTotal * 525n) / 10_000n
  expect(total).toBe(goodsTotal + deliveryCost)
  expect(await balanceOf(here)).toEqual({ ...none, earned: goodsTotal - fee, fee })
  shop.pass(7 * day)
  expect(await balanceOf(here)).toMatchObject({ earned: goodsTotal - fee, due: 0n })
  shop.pass(1)
  expect(await balanceOf(here)).toEqual({ ...none, due: goodsTotal - fee, fee })
})

test('balances follow what goes back, before delivery, after it, by hand, and by the bank', async () => {
  const here = await openShop()
  const [early, late, door, charged] = [
    await sell(here),
    await sell(here),
    await sell(here, 'on-delivery'),
    await sell(here),
  ]
  await give(here, early.orderId, { kind: 'amount', amount: 3_333n })
  await balanceOf(here)
  for (const { orderId } of [early, late, door, charged]) await deliver(orderId)
  await balanceOf(here)
  shop.pass(minute)
  await give(here, late.orderId, { kind: 'amount', amount: 1n })
  await give(here, late.orderId, { kind: 'amount', amount: 77_777n })
  await give(here, late.orderId, { kind: 'rest' })
  const moveId = await give(here, door.orderId, { kind: 'amount', amount: 5_000n })
  expect(await balanceOf(here)).toMatchObject({ refundsByHand: 1, awaiting: 0n })
  await refundedByHand(shop.db, { personId: here.seller, moveId, now: shop.now })
  expect(await balanceOf(here)).toMatchObject({ refundsByHand: 0 })

  shop.pass(8 * day)
  const { due } = await balanceOf(here)
  const payout = { slug: here.slug, amount: due, currency: 'RUB', reference: 'all' }
  expect(await payOut(shop.db, payout, shop.now)).toMatchObject({ ok: true, left: 0n })
  const { number } = await shop.db.order.findUniqueOrThrow({ where: { id: charged.orderId } })
  const letter = { number, amount: 10_000n, reference: 'bank' }
  expect(await bookChargeback(shop.db, letter, shop.now)).toMatchObject({ ok: true })
  // What the bank took of money that was paid out already is carried over.
  const after = await balanceOf(here)
  expect(after).toMatchObject({ due: 525n - 10_000n, earned: 0n, paidOut: due })
  expect(await payOut(shop.db, { ...payout, amount: 1n, reference: 'more' }, shop.now)).toEqual({
    ok: false,
    reason: 'more-than-due',
    due: after.due,
  })
  // Won, it is there again.
  expect(await bookChargebackWon(shop.db, 'bank', shop.now)).toMatchObject({ ok: true })
  expect(await balanceOf(here)).toMatchObject({ due: 0n, earned: 0n, paidOut: due })
  await shop.settle()
})

test('a delivered order whose money is going back is not due yet', async () => {
  const here = await openShop()
  const { orderId } = await sell(here)
  await deliver(orderId)
  shop.pass(8 * day)
  const { due } = await balanceOf(here)
  await shop.act('/sim/yookassa/faults', { kind: 'refund_pending' })
  const moveId = await give(here, orderId, { kind: 'amount', amount: 100n })
  expect(await balanceOf(here)).toMatchObject({ due: 0n, earned: due })
  const { externalId } = await shop.db.paymentMove.findUniqueOrThrow({ where: { id: moveId } })
  await shop.act(`/sim/yookassa/refunds/${externalId}`, { outcome: 'succeeded' })
  await shop.settle()
  expect(await balanceOf(here)).toMatchObject({ due: due - 100n + 5n, earned: 0n })
})

test('payouts at once never pay more than is due, and one reference is paid once', async () => {
  const here = await openShop()
  const { orderId } = await sell(here)
  await deliver(orderId)
  shop.pass(8 * day)
  const { slug } = here
  const { due } = await balanceOf(here)
  const third = due / 3n
  const pay = (reference: string, amount = third) =>
    payOut(shop.db, { slug, amount, currency: 'RUB', reference }, shop.now)
  const many = await Promise.all(Array.from({ length: 12 }, (_, at) => pay(`at once: ${at}`)))
  expect(many.filter(({ ok }) => ok)).toHaveLength(3)
  expect(await balanceOf(here)).toMatchObject({ due: due - 3n * third, paidOut: 3n * third })

  const again = await openShop()
  const other = await sell(again)
  await deliver(other.orderId)
  shop.pass(8 * day)
  const same = { slug: again.slug, amount: 1_000n, currency: 'RUB', reference: 'invoice: 7' }
  const repeats = await Promise.all(Array.from({ length: 8 }, () => payOut(shop.db, same, shop.now)))
  expect(repeats.filter((one) => one.ok && !one.isRepeat)).toHaveLength(1)
  expect(repeats.filter((one) => one.ok && one.isRepeat)).toHaveLength(7)
  expect(await balanceOf(again)).toMatchObject({ paidOut: 1_000n })
  const left = (await balanceOf(again)).due
  expect((await payoutsDue(shop.db, shop.now)).find((one) => one.slug === again.slug)?.balances[0]?.due).toBe(left)

  const before = await countRows(shop.db)
  const postings = await shop.db.posting.count()
  expect(await payOut(shop.db, { ...same, amount: 1_001n }, shop.now)).toEqual({ ok: false, reason: 'reference-used' })
  expect(await payOut(shop.db, { ...same, amount: 0n, reference: 'b' }, shop.now)).toMatchObject({ ok: false })
  expect(await payOut(shop.db, { ...same, amount: -5n, reference: 'b' }, shop.now)).toMatchObject({ ok: false })
  expect(await payOut(shop.db, { ...same, slug: 'nobody', reference: 'c' }, shop.now)).toMatchObject({
    reason: 'no-shop',
  })
  expect(await payOut(shop.db, { ...same, currency: 'USD', reference: 'd' }, shop.now)).toEqual({
    ok: false,
    reason: 'more-than-due',
    due: 0n,
  })
  expect(await shop.db.posting.count()).toBe(postings)
  expect(await countRows(shop.db)).toEqual(before)
})

test('a fee is that of the day the order was made', async () => {
  const here = await openShop({ terms: { feeBasisPoints: 0 } })
  const before = await sell(here)
  expect(await setShopFee(shop.db, here.slug, 10_000)).toBe(true)
  expect(await setShopFee(shop.db, 'nobody', 100)).toBe(false)
  const after = await sell(here)
  for (const { orderId } of [before, after]) await deliver(orderId)
  const { goodsTotal } = await shop.db.order.findUniqueOrThrow({ where: { id: after.orderId } })
  expect(await balanceOf(here)).toMatchObject({ fee: goodsTotal, earned: goodsTotal })
})

test('strangers see nothing of a shop, and one shop nothing of another', async () => {
  const [here, there] = [await openShop(), await openShop()]
  const { orderId } = await sell(here)
  await sell(there)
  const stranger = await shop.person()
  for (const personId of [stranger, there.seller]) {
    expect(await shopBalance(shop.db, here.sellerId, personId, shop.now)).toBeUndefined()
    expect(await shopOrders(shop.db, here.sellerId, personId, 0)).toBeUndefined()
    expect(await shopMoneyCsv(shop.db, here.sellerId, personId, shop.now)).toBeUndefined()
  }
  const seen = await shopOrders(shop.db, here.sellerId, here.seller, 0)
  expect(seen).toMatchObject({ total: 1, orders: [{ orderId }] })
  expect((await csvOf(here)).rows).toHaveLength(1)
})

test('orders come newest first, six a page', async () => {
  const here = await openShop()
  const made: number[] = []
  for (let at = 0; at < 8; at += 1) {
    shop.pass(minute)
    const { variantId } = here.goods
    made.unshift((await shop.order(await shop.person(), { kind: 'alone', variantId })).orderId)
  }
  const page = async (number: number) => {
    const seen = await shopOrders(shop.db, here.sellerId, here.seller, number)
    return { total: seen?.total, ids: seen?.orders.map(({ orderId }) => orderId) }
  }
  expect(await page(0)).toEqual({ total: 8, ids: made.slice(0, 6) })
  expect(await page(1)).toEqual({ total: 8, ids: made.slice(6) })
  expect(await page(2)).toEqual({ total: 8, ids: [] })
})

/** Read by hand, so that the library that wrote it does not judge itself. */
async function csvOf({ sellerId, seller }: Shop): Promise<{ name: string; text: string; rows: string[][] }> {
  const file = await shopMoneyCsv(shop.db, sellerId, seller, shop.now)
  if (!file) throw new Error('the file is theirs')
  const text = new TextDecoder('utf-8', { ignoreBOM: true }).decode(file.content)
  expect(text.startsWith('\uFEFF')).toBe(true)
  const lines = text.slice(1).split('\r\n')
  expect(lines.pop()).toBe('')
  expect(lines.shift()).toBe('time_utc,kind,order,amount,fee,delivery,net,currency,provider,provider_number,goods')
  const rows = lines.map((line) =>
    [...line.matchAll(/(?:^|,)(?:"((?:[^"]|"")*)"|([^",]*))/g)].map(([, quoted, plain]) =>
      quoted === undefined ? (plain ?? '') : quoted.replaceAll('""', '"'),
    ),
  )
  return { name: file.name, text, rows }
}

const kopecks = (decimal: string): bigint => {
  expect(decimal).toMatch(/^-?\d+\.\d\d$/)
  return BigInt(decimal.replace('.', ''))
}

test('the file has every event with exact figures, and its column of net amounts is what the shop is owed', async () => {
  const here = await openShop()
  const { orderId, total } = await sell(here)
  const { number, goodsTotal, deliveryCost } = await shop.db.order.findUniqueOrThrow({ where: { id: orderId } })
  await give(here, orderId, { kind: 'amount', amount: 10_001n })
  await deliver(orderId)
  await give(here, orderId, { kind: 'amount', amount: 20_000n })
  shop.pass(8 * day)
  const payout = { slug: here.slug, amount: 50_005n, currency: 'RUB', reference: 'bank: 12' }
  expect(await payOut(shop.db, payout, shop.now)).toMatchObject({ ok: true })
  const { name, rows } = await csvOf(here)
  expect(name).toMatch(/^money-\d+-2026-\d\d-\d\d\.csv$/)

  const goods = goodsTotal - 10_001n
  const fee = (goods * 525n) / 10_000n
  const decimal = (amount: bigint) => `${amount / 100n}.${String(amount % 100n).padStart(2, '0')}`
  expect(
    rows.map(([, kind, order, amount, cellFee, delivery, net, currency]) => [
      kind,
      order,
      amount,
      cellFee,
      delivery,
      net,
      currency,
    ]),
  ).toEqual([
    ['taken', number, decimal(total), '0.00', '0.00', '0.00', 'RUB'],
    ['refunded', number, '-100.01', '0.00', '0.00', '0.00', 'RUB'],
    ['earned', number, decimal(total - 10_001n), decimal(fee), decimal(deliveryCost), decimal(goods - fee), 'RUB'],
    ['refunded', number, '-200.00', '-10.50', '0.00', '-189.50', 'RUB'],
    ['paid-out', '', '-500.05', '0.00', '0.00', '-500.05', 'RUB'],
  ])
  expect(rows.at(-1)?.slice(8)).toEqual(['', 'bank: 12', ''])
  expect(rows[0]?.[9]).toBe(await shop.externalIdOf(orderId))
  const { due, earned } = await balanceOf(here)
  expect(rows.reduce((sum, row) => sum + kopecks(row[6] ?? ''), 0n)).toBe(due + earned)
  expect(rows.map(([time]) => time)).toEqual(rows.map(([time]) => new Date(time ?? '').toISOString()))
})

test.each([
  `=cmd|'/c calc'!A1`,
  '+1+1',
  '-2+3',
  '@SUM(A1)',
  '\t=1+1',
  '\r=1+1',
  '＝1+1',
  'чайник;=1+1',
  'чайник",=1+1',
  'чайник\n=1+1',
  `чайник'=1+1`,
  'чайник|@SUM(A1)',
])('a product called %j is no formula in any spreadsheet', async (title) => {
  const here = await openShop()
  await shop.db.product.update({ where: { id: here.goods.productId }, data: { title: { ru: title } } })
  const { orderId } = await sell(here)
  await give(here, orderId, { kind: 'amount', amount: 100n })
  const { text, rows } = await csvOf(here)
  for (const row of rows) {
    expect(row).toHaveLength(11)
    expect(row[10]).toContain('1'.repeat(Number(title.includes('1'))))
  }
  // Whatever a program takes for the end of a cell, none begins as a formula does; a number may be negative.
  for (const cell of text.slice(1).split(/[,;\t\r\n|"]/))
    expect(cell.trim()).not.toMatch(/^(?:[=+@＝＋－＠]|-(?!\d+\.\d\d$))/)
  expect(rows[1]?.[3]).toBe('-1.00')
})
