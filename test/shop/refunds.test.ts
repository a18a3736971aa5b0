import { afterEach, expect, test } from 'vitest'
import { bookChargeback, bookChargebackWon } from '#shop/chargebacks.ts'
import { moneyToDecimal } from '#domain/money.ts'
import { refreshShipment } from '#shop/delivery.ts'
import { payBy } from '#shop/paying.ts'
import { cancelOrder } from '#shop/orders.ts'
import { movePayment, refreshPayment, refreshSilentPayments } from '#shop/payments.ts'
import { answerReturn, askReturn, refund, refundedByHand, type RefundResult, type RefundWish } from '#shop/refunds.ts'
import { assertInvariants } from './invariants.ts'
import { countRows, hour, minute, useShop, type GoodsOptions } from './support.ts'

const shop = useShop()
afterEach(() => shop.clearFaults())

const delivered = ['RECEIVED_AT_SHIPMENT_WAREHOUSE', 'DELIVERED']

/** A paid order of one unit, with somebody of the shop that sold it. */
async function bought(options: GoodsOptions = {}) {
  const goods = await shop.goods(options)
  const seller = await shop.seller(goods)
  const buyer = await shop.person()
  const { orderId, number, total, goodsTotal, deliveryCost, lines } = await shop.order(buyer, {
    kind: 'alone',
    variantId: goods.variantId,
  })
  await shop.pay(orderId)
  await shop.runJobs()
  const lineId = lines[0]?.lineId ?? 0
  const asked = (key: string) => ({ personId: seller, orderId, requestKey: key, now: shop.now })
  let taps = 0
  const give = (wish: RefundWish, key = `${orderId}:${++taps}`) => refund(shop.db, asked(key), wish)
  const moneyOf = async () => {
    const { state, captured, refunding, refunded } = await shop.db.payment.findFirstOrThrow({
      where: { orderId, counts: true },
    })
    return { state, captured, refunding, refunded }
  }
  const refundsOf = async () => {
    const externalId = await shop.externalIdOf(orderId)
    return (await shop.refunds()).filter(({ payment_id }) => payment_id === externalId)
  }
  return {
    goods,
    seller,
    buyer,
    orderId,
    number,
    total,
    goodsTotal,
    deliveryCost,
    lineId,
    asked,
    give,
    moneyOf,
    refundsOf,
  }
}

function moveOf(result: RefundResult): string {
  if (!result.ok) throw new Error(result.reason)
  return result.moveId
}

/** What each account of an order's books comes to. */
async function balances(orderId: number): Promise<Record<string, bigint>> {
  const rows = await shop.db.$queryRaw<{ account: string; sum: bigint }[]>`
    SELECT e.account, sum(e.amount)::bigint AS sum FROM entry e JOIN posting g ON g.id = e.posting_id
    WHERE g.order_id = ${orderId} GROUP BY e.account ORDER BY e.account`
  return Object.fromEntries(rows.map(({ account, sum }) => [account, sum]))
}

test('the whole of it goes back: the buyer is told once and reads how it went', async () => {
  const { buyer, orderId, total, give, moneyOf, refundsOf } = await bought()
  expect(await give({ kind: 'rest' })).toMatchObject({ ok: true, amount: total })
  expect(await moneyOf()).toEqual({ state: 'captured', captured: total, refunding: total, refunded: 0n })
  await shop.settle()
  expect(await moneyOf()).toEqual({ state: 'refunded', captured: total, refunding: 0n, refunded: total })
  expect(await refundsOf()).toMatchObject([{ status: 'succeeded' }])
  expect(await shop.told(buyer)).toMatchObject({ 'refund-done': 1 })
  expect(await shop.story(orderId)).toEqual(['page', 'held', 'captured', 'refund-started', 'refunded'])
  // Whether goods come back is between the two of them.
  expect(await shop.stateOf(orderId)).toMatchObject({ order: 'packable', moves: ['capture done', 'refund done'] })
  expect(await give({ kind: 'rest' })).toEqual({ ok: false, reason: 'too-much' })
  expect(await give({ kind: 'amount', amount: 1n })).toEqual({ ok: false, reason: 'too-much' })
})

test('parts add up to the kopeck, and not one more goes back', async () => {
  const { total, give, moneyOf, refundsOf } = await bought({ price: 100_003n })
  for (const amount of [1n, 33_333n, 17n]) {
    expect(await give({ kind: 'amount', amount })).toMatchObject({ ok: true, amount })
    await shop.runJobs()
  }
  expect(await moneyOf()).toMatchObject({ state: 'part_refunded', refunded: 33_351n })
  expect(await give({ kind: 'amount', amount: total - 33_350n })).toEqual({ ok: false, reason: 'too-much' })
  for (const amount of [0n, -1n]) {
    expect(await give({ kind: 'amount', amount })).toEqual({ ok: false, reason: 'bad-amount' })
  }
  expect(await give({ kind: 'rest' })).toMatchObject({ ok: true, amount: total - 33_351n })
  await shop.settle()
  expect(await moneyOf()).toMatchObject({ state: 'refunded', refunded: total })
  expect(await refundsOf()).toHaveLength(4)
})

test('a line goes back at its price, once, and delivery stays paid', async () => {
  const { goodsTotal, deliveryCost, lineId, give, moneyOf } = await bought()
  expect(deliveryCost).toBeGreaterThan(0n)
  expect(await give({ kind: 'line', lineId, quantity: 2 })).toEqual({ ok: false, reason: 'too-much' })
  for (const quantity of [0, -1, 0.5, Number.NaN]) {
    expect(await give({ kind: 'line', lineId, quantity })).toEqual({ ok: false, reason: 'not-found' })
  }
  expect(await give({ kind: 'line', lineId: 2_000_000_000, quantity: 1 })).toEqual({ ok: false, reason: 'not-found' })
  expect(await give({ kind: 'line', lineId, quantity: 1 })).toMatchObject({ ok: true, amount: goodsTotal })
  expect(await give({ kind: 'line', lineId, quantity: 1 })).toEqual({ ok: false, reason: 'too-much' })
  await shop.settle()
  expect(await moneyOf()).toMatchObject({ state: 'part_refunded', refunded: goodsTotal })
})

test('a line after goodwill brings back what is left and no more', async () => {
  const { total, lineId, give, moneyOf } = await bought()
  await give({ kind: 'amount', amount: total - 100n })
  expect(await give({ kind: 'line', lineId, quantity: 1 })).toMatchObject({ ok: true, amount: 100n })
  await shop.settle()
  expect(await moneyOf()).toMatchObject({ state: 'refunded' })
})

test('a tap that is repeated, in parallel too, is one refund', async () => {
  const { give, moneyOf, refundsOf } = await bought()
  const results = await Promise.all(
    Array.from({ length: 20 }, () => give({ kind: 'amount', amount: 500n }, 'telegram:4711')),
  )
  expect(new Set(results.map(moveOf)).size).toBe(1)
  await shop.settle()
  expect(await give({ kind: 'amount', amount: 500n }, 'telegram:4711')).toEqual(results[0])
  await shop.settle()
  expect(await moneyOf()).toMatchObject({ refunded: 500n })
  expect(await refundsOf()).toHaveLength(1)
})

test('50 refunds of one payment at once never give back more than was taken', async () => {
  const { total, give, moneyOf, refundsOf } = await bought()
  const part = total / 20n
  const results = await Promise.all(
    Array.from({ length: 50 }, (_, at) => give(at === 25 ? { kind: 'rest' } : { kind: 'amount', amount: part })),
  )
  const given = results.reduce((sum, result) => sum + (result.ok ? result.amount : 0n), 0n)
  expect(given).toBe(total)
  expect(results.filter(({ ok }) => !ok).every((result) => !result.ok && result.reason === 'too-much')).toBe(true)
  expect(await moneyOf()).toMatchObject({ refunding: total })
  await shop.settle()
  expect(await moneyOf()).toMatchObject({ state: 'refunded', refunded: total })
  const back = (await refundsOf()).reduce((sum, { amount }) => sum + BigInt(amount.value.replace('.', '')), 0n)
  expect(back).toBe(total)
})

test('ten workers with the same refund make one', async () => {
  const { give, moneyOf, refundsOf } = await bought()
  const moveId = moveOf(await give({ kind: 'amount', amount: 700n }))
  await Promise.all(Array.from({ length: 10 }, () => movePayment(shop.db, moveId, shop.deps, shop.now)))
  expect(await moneyOf()).toMatchObject({ refunding: 0n, refunded: 700n })
  expect(await refundsOf()).toHaveLength(1)
  await shop.settle()
})

test('strangers, buyers and people of other shops give nobody anything, and nothing is written', async () => {
  const { buyer, orderId, lineId, give } = await bought()
  const elsewhere = await shop.seller(await shop.goods())
  await shop.parcel(orderId, ...delivered)
  const moveId = moveOf(
    await askReturn(shop.db, { personId: buyer, orderId, requestKey: 'ask', now: shop.now }, { lineId, quantity: 1 }),
  )
  const before = await countRows(shop.db)
  const notFound = { ok: false, reason: 'not-found' }
  for (const personId of [buyer, elsewhere, await shop.person({ recipient: false }), 2_000_000_000]) {
    const who = { personId, orderId, requestKey: `not theirs ${personId}`, now: shop.now }
    expect(await refund(shop.db, who, { kind: 'rest' })).toEqual(notFound)
    expect(await answerReturn(shop.db, { personId, moveId, now: shop.now }, true)).toEqual(notFound)
    expect(await refundedByHand(shop.db, { personId, moveId, now: shop.now })).toEqual(notFound)
  }
  const other = { personId: elsewhere, orderId, requestKey: 'not theirs', now: shop.now }
  expect(await askReturn(shop.db, other, { lineId, quantity: 1 })).toEqual(notFound)
  const after = await countRows(shop.db)
  expect(after).toEqual(before)
  // A move that does not exist, and a key that belongs to another order.
  expect(await answerReturn(shop.db, { personId: buyer, moveId: shop.deps.newId(), now: shop.now }, true)).toEqual(
    notFound,
  )
  expect(await give({ kind: 'amount', amount: 1n })).toMatchObject({ ok: true })
  await shop.runJobs()
})

test('before money was taken there is nothing to give back', async () => {
  const goods = await shop.goods({ size: 3 })
  const seller = await shop.seller(goods)
  const { orderId } = await shop.openGroup(goods)
  const { number } = await shop.db.order.findUniqueOrThrow({ where: { id: orderId } })
  const who = { personId: seller, orderId, requestKey: 'held', now: shop.now }
  const before = await countRows(shop.db)
  expect(await refund(shop.db, who, { kind: 'rest' })).toEqual({ ok: false, reason: 'not-paid' })
  const letter = { number, amount: 1n, reference: 'held' }
  expect(await bookChargeback(shop.db, letter, shop.now)).toEqual({ ok: false, reason: 'not-paid' })
  expect(await countRows(shop.db)).toEqual(before)
})

test('a return that was asked for waits for the shop; agreed to, the money goes back', async () => {
  const { buyer, seller, orderId, goodsTotal, lineId, moneyOf } = await bought()
  await shop.parcel(orderId, ...delivered)
  const who = { personId: buyer, orderId, requestKey: `return ${orderId}`, now: shop.now }
  const asked = await askReturn(shop.db, who, { lineId, quantity: 1 })
  expect(asked).toMatchObject({ ok: true, amount: goodsTotal })
  // The same tap again, and another one.
  expect(await askReturn(shop.db, who, { lineId, quantity: 1 })).toEqual(asked)
  expect(await askReturn(shop.db, { ...who, requestKey: 'again' }, { lineId, quantity: 1 })).toEqual({
    ok: false,
    reason: 'already-asked',
  })
  expect(await moneyOf()).toMatchObject({ refunding: 0n, refunded: 0n })
  expect(await shop.told(seller)).toMatchObject({ 'shop-attention': 1 })
  await shop.settle()

  const moveId = moveOf(asked)
  const answers = await Promise.all(
    Array.from({ length: 10 }, (_, at) =>
      answerReturn(shop.db, { personId: seller, moveId, now: shop.now }, at % 2 === 0),
    ),
  )
  expect(answers.filter(({ ok }) => ok)).toHaveLength(1)
  expect(answers.filter((answer) => !answer.ok && answer.reason === 'answered')).toHaveLength(9)
  await shop.settle()
  const { refunded } = await moneyOf()
  // Whoever was first decided, and what was said is what was done.
  expect(refunded).toBe(answers[0]?.ok || answers.findIndex(({ ok }) => ok) % 2 === 0 ? goodsTotal : 0n)
})

test('a return that was agreed to is told and booked; one that was declined is told and changes nothing', async () => {
  const agreed = await bought({ terms: { feeBasisPoints: 725 } })
  const declined = await bought()
  for (const [{ buyer, seller, orderId, lineId, goodsTotal, deliveryCost, moneyOf }, agrees] of [
    [agreed, true],
    [declined, false],
  ] as const) {
    await shop.parcel(orderId, ...delivered)
    const who = { personId: buyer, orderId, requestKey: `return ${orderId}`, now: shop.now }
    const moveId = moveOf(await askReturn(shop.db, who, { lineId, quantity: 1 }))
    expect(await answerReturn(shop.db, { personId: seller, moveId, now: shop.now }, agrees)).toEqual({
      ok: true,
      orderId,
    })
    expect(await answerReturn(shop.db, { personId: seller, moveId, now: shop.now }, !agrees)).toEqual({
      ok: false,
      reason: 'answered',
    })
    const move = await shop.db.paymentMove.findUniqueOrThrow({ where: { id: moveId } })
    expect(move).toMatchObject({ state: agrees ? 'created' : 'declined', isHandedOver: true })
    await shop.settle()
    expect(await moneyOf()).toMatchObject({ refunded: agrees ? goodsTotal : 0n })
    const told = await shop.told(buyer)
    expect({ done: told['refund-done'], no: told['return-declined'] }).toEqual(
      agrees ? { done: 1, no: undefined } : { done: undefined, no: 1 },
    )
    // The platform gave its fee back with the goods; delivery stays earned.
    expect(await balances(orderId)).toMatchObject(
      agrees
        ? { buyer: 0n, provider: deliveryCost, seller: 0n, fee: 0n, delivery: -deliveryCost }
        : { buyer: 0n, provider: goodsTotal + deliveryCost, seller: -goodsTotal, delivery: -deliveryCost },
    )
  }
  // After a no they may ask once more, with another tap.
  const { buyer, orderId, lineId } = declined
  const again = { personId: buyer, orderId, requestKey: 'please', now: shop.now }
  expect(await askReturn(shop.db, again, { lineId, quantity: 1 })).toMatchObject({ ok: true })
})

test('a return can be asked for from delivery until seven days after it', async () => {
  const { buyer, orderId, lineId } = await bought()
  let taps = 0
  const ask = () =>
    askReturn(
      shop.db,
      { personId: buyer, orderId, requestKey: `seven ${++taps}`, now: shop.now },
      { lineId, quantity: 1 },
    )
  const tooLate = { ok: false, reason: 'too-late' }
  expect(await ask()).toEqual(tooLate)
  await shop.parcel(orderId, ...delivered)
  shop.pass(7 * 24 * hour)
  expect(await ask()).toMatchObject({ ok: true })
  await shop.db.paymentMove.updateMany({ where: { lineId }, data: { state: 'declined' } })
  shop.pass(1)
  expect(await ask()).toEqual(tooLate)
})

test('a line whose money the shop gave back meanwhile is not paid for again when the return is agreed to', async () => {
  // Goods cheaper than their delivery: enough would be left of the payment.
  const { buyer, seller, orderId, lineId, goodsTotal, give, moneyOf } = await bought({ price: 300n, campaign: false })
  await shop.parcel(orderId, ...delivered)
  const who = { personId: buyer, orderId, requestKey: `cheap ${orderId}`, now: shop.now }
  const moveId = moveOf(await askReturn(shop.db, who, { lineId, quantity: 1 }))
  expect(await give({ kind: 'line', lineId, quantity: 1 })).toMatchObject({ ok: true })
  expect(await answerReturn(shop.db, { personId: seller, moveId, now: shop.now }, true)).toEqual({
    ok: false,
    reason: 'too-much',
  })
  expect(await answerReturn(shop.db, { personId: seller, moveId, now: shop.now }, false)).toMatchObject({ ok: true })
  await shop.settle()
  expect(await moneyOf()).toMatchObject({ refunded: goodsTotal })
})

test('a chargeback is written down once for a reference, booked, and told to the shop and in the story; no call is made', async () => {
  const { seller, orderId, number, total, moneyOf, refundsOf } = await bought({ terms: { feeBasisPoints: 1000 } })
  await shop.parcel(orderId, ...delivered)
  const charged = (amount: bigint, reference: string) =>
    bookChargeback(shop.db, { number, amount, reference }, shop.now)
  const results = await Promise.all(Array.from({ length: 10 }, () => charged(1_000n, 'letter 1')))
  expect(results.filter((result) => result.ok && !result.isRepeat)).toHaveLength(1)
  expect(results.every((result) => result.ok && result.amount === 1_000n)).toBe(true)
  const used = { ok: false, reason: 'reference-used' }
  expect(await charged(1_001n, 'letter 1')).toEqual(used)
  expect(
    await bookChargeback(shop.db, { number: (await bought()).number, amount: 1_000n, reference: 'letter 1' }, shop.now),
  ).toEqual(used)
  expect(await charged(total, 'letter 2')).toMatchObject({
    ok: false,
    reason: 'too-much',
    payment: { refunded: 1_000n },
  })
  for (const amount of [0n, -1n]) expect(await charged(amount, 'letter 3')).toEqual({ ok: false, reason: 'bad-amount' })
  await shop.settle()
  expect(await moneyOf()).toMatchObject({ state: 'part_refunded', refunded: 1_000n, refunding: 0n })
  expect(await refundsOf()).toEqual([])
  expect(await shop.told(seller)).toMatchObject({ 'shop-attention': 1 })
  expect(await shop.story(orderId)).toContain('chargeback')
  expect(await balances(orderId)).toMatchObject({ buyer: 0n, provider: total - 1_000n })
  expect(await charged(total - 1_000n, 'letter 4')).toMatchObject({ ok: true, isRepeat: false })
  await shop.settle()
  expect(await moneyOf()).toMatchObject({ state: 'refunded' })
})

test('one reference for two orders at once is booked for one of them', async () => {
  const orders = [await bought(), await bought()]
  const results = await Promise.all(
    orders.map(({ number }) => bookChargeback(shop.db, { number, amount: 100n, reference: 'one of two' }, shop.now)),
  )
  expect(results.map((result) => (result.ok ? 'ok' : result.reason)).toSorted()).toEqual(['ok', 'reference-used'])
  const refunded = await Promise.all(orders.map(async ({ moneyOf }) => (await moneyOf()).refunded))
  expect(refunded.reduce((sum, one) => sum + one, 0n)).toBe(100n)
  await shop.settle()
})

test('two chargebacks at once, or one beside a refund, never come to more than was taken', async () => {
  const { number, total, give, moneyOf } = await bought()
  const results = await Promise.all(
    ['a', 'b'].map((reference) => bookChargeback(shop.db, { number, amount: total - 100n, reference }, shop.now)),
  )
  expect(results.map((result) => (result.ok ? 'ok' : result.reason)).toSorted()).toEqual(['ok', 'too-much'])
  const rest = await Promise.all([
    give({ kind: 'amount', amount: 100n }),
    bookChargeback(shop.db, { number, amount: 100n, reference: 'c' }, shop.now),
  ])
  expect(rest.filter(({ ok }) => ok)).toHaveLength(1)
  await shop.settle()
  expect(await moneyOf()).toMatchObject({ state: 'refunded', refunded: total })
})

test('what was paid at the door, or not at all, no bank takes back', async () => {
  const goods = await shop.goods({ terms: { paymentMethods: ['card', 'on-delivery'] } })
  const personId = await shop.person()
  const { orderId, number } = await shop.order(personId, { kind: 'alone', variantId: goods.variantId })
  const charged = () => bookChargeback(shop.db, { number, amount: 100n, reference: 'door' }, shop.now)
  const before = await countRows(shop.db)
  expect(await charged()).toEqual({ ok: false, reason: 'not-paid' })
  expect(await bookChargeback(shop.db, { number: 'no such', amount: 100n, reference: 'door' }, shop.now)).toEqual({
    ok: false,
    reason: 'no-order',
  })
  expect(await bookChargebackWon(shop.db, 'door', shop.now)).toEqual({ ok: false, reason: 'no-chargeback' })
  expect(await countRows(shop.db)).toEqual(before)
  await payBy(shop.db, { personId, orderId, method: 'on-delivery', now: shop.now }, shop.deps)
  expect(await charged()).toEqual({ ok: false, reason: 'not-paid' })
  await shop.settle()
  await shop.parcel(orderId, ...delivered)
  expect(await charged()).toEqual({ ok: false, reason: 'at-door' })
  await shop.settle()
})

test('a chargeback that was won is booked back once, and told to the shop and in the story', async () => {
  const { seller, orderId, number, total, moneyOf } = await bought({ terms: { feeBasisPoints: 1000 } })
  await shop.parcel(orderId, ...delivered)
  const before = await balances(orderId)
  const won = () => bookChargebackWon(shop.db, 'won', shop.now)
  expect(await won()).toEqual({ ok: false, reason: 'no-chargeback' })
  await bookChargeback(shop.db, { number, amount: total, reference: 'won' }, shop.now)
  expect(await moneyOf()).toMatchObject({ state: 'refunded', refunded: total })
  const results = await Promise.all(Array.from({ length: 10 }, won))
  expect(results.filter((result) => result.ok && !result.isRepeat)).toHaveLength(1)
  expect(results.every(({ ok }) => ok)).toBe(true)
  expect(await moneyOf()).toEqual({ state: 'captured', captured: total, refunding: 0n, refunded: 0n })
  expect(await balances(orderId)).toEqual(before)
  await shop.settle()
  expect(await won()).toMatchObject({ ok: true, isRepeat: true, amount: total })
  // Nor does the first letter book it again.
  expect(await bookChargeback(shop.db, { number, amount: total, reference: 'won' }, shop.now)).toMatchObject({
    ok: true,
    isRepeat: true,
  })
  expect(await moneyOf()).toMatchObject({ refunded: 0n })
  expect(await shop.told(seller)).toMatchObject({ 'shop-attention': 2 })
  expect((await shop.story(orderId)).slice(-2)).toEqual(['chargeback', 'chargeback-won'])
})

test('a chargeback leaves nothing in the books once it is won, whatever happened meanwhile', async () => {
  const options = { price: 10_001n, terms: { feeBasisPoints: 733 } }
  const [plain, lost, kept] = [await bought(options), await bought(options), await bought(options)]
  const { deliveryCost, goodsTotal, total } = plain
  const part = deliveryCost + 77n
  const letter = ({ number }: { number: string }, reference: string, amount: bigint) =>
    bookChargeback(shop.db, { number, amount, reference }, shop.now)
  // Taken back before the goods were handed over: of one so much that delivery was not paid for, of one a part.
  await letter(lost, 'lost 1', total - 50n)
  await letter(kept, 'kept 1', part)
  for (const { orderId } of [plain, lost, kept]) await shop.parcel(orderId, ...delivered)
  await shop.settle()
  await letter(kept, 'kept 2', goodsTotal - 100n)
  await letter(lost, 'lost 2', 50n)
  for (const reference of ['lost 1', 'kept 2'])
    expect(await bookChargebackWon(shop.db, reference, shop.now)).toMatchObject({ ok: true })
  await shop.settle()
  for (const { give } of [plain, lost, kept])
    expect(await give({ kind: 'amount', amount: 333n })).toMatchObject({ ok: true })
  await shop.settle()
  for (const reference of ['lost 2', 'kept 1'])
    expect(await bookChargebackWon(shop.db, reference, shop.now)).toMatchObject({ ok: true })
  await shop.settle()
  const books = await balances(plain.orderId)
  expect(await balances(lost.orderId)).toEqual(books)
  expect(await balances(kept.orderId)).toEqual(books)
  // And all of it goes back at last.
  for (const { give } of [plain, lost, kept]) expect(await give({ kind: 'rest' })).toMatchObject({ ok: true })
  await shop.settle()
})

test('what a bank gave up goes on to the buyer of an order that was cancelled meanwhile', async () => {
  const { buyer, orderId, number, total, moneyOf } = await bought()
  await bookChargeback(shop.db, { number, amount: 1_000n, reference: 'too late' }, shop.now)
  expect(await cancelOrder(shop.db, { personId: buyer, orderId, now: shop.now }, shop.deps.carrier)).toMatchObject({
    ok: true,
  })
  await shop.settle()
  expect(await moneyOf()).toMatchObject({ state: 'refunded', refunded: total })
  expect(await bookChargebackWon(shop.db, 'too late', shop.now)).toMatchObject({
    ok: true,
    payment: { refunding: 1_000n, refunded: total - 1_000n },
  })
  await shop.settle()
  expect(await moneyOf()).toMatchObject({ state: 'refunded', refunding: 0n, refunded: total })
  expect((await shop.story(orderId)).slice(-3)).toEqual(['chargeback-won', 'refund-started', 'refunded'])
})

test('a refund that the provider will never make is given to a person, both sides are told, and it is made once', async () => {
  for (const reason of ['insufficient_funds', 'rejected_by_payee']) {
    const { buyer, seller, orderId, total, give, moneyOf, refundsOf } = await bought()
    await shop.act('/sim/yookassa/faults', { kind: 'refund_canceled', reason })
    const moveId = moveOf(await give({ kind: 'rest' }))
    const byHand = () => refundedByHand(shop.db, { personId: seller, moveId, now: shop.now })
    expect(await byHand()).toEqual({ ok: false, reason: 'answered' })
    await shop.settle()
    expect((await shop.stateOf(orderId)).moves.sort()).toEqual(['capture done', 'refund by_hand'])
    expect(await moneyOf()).toMatchObject({ state: 'captured', refunding: total, refunded: 0n })
    expect(await shop.told(buyer)).toMatchObject({ 'refund-by-hand': 1 })
    expect(await shop.told(seller)).toMatchObject({ 'shop-attention': 1 })
    const move = await shop.db.paymentMove.findUniqueOrThrow({ where: { id: moveId } })
    expect(move.error).toContain(reason)
    // What waits for a person is promised: it cannot be given back another way.
    expect(await give({ kind: 'amount', amount: 1n })).toEqual({ ok: false, reason: 'too-much' })

    const said = await Promise.all([byHand(), byHand(), byHand()])
    expect(said.some(({ ok }) => ok)).toBe(true)
    expect(await byHand()).toEqual({ ok: false, reason: 'answered' })
    await shop.settle()
    expect(await moneyOf()).toEqual({ state: 'refunded', captured: total, refunding: 0n, refunded: total })
    expect(await shop.told(buyer)).toMatchObject({ 'refund-by-hand': 1, 'refund-done': 1 })
    expect((await shop.story(orderId)).slice(-3)).toEqual(['refund-started', 'refund-by-hand', 'refunded'])
    expect(await balances(orderId)).toEqual({ seller: -total, buyer: 0n, provider: total })
    expect((await refundsOf()).every(({ status }) => status === 'canceled')).toBe(true)
  }
})

test('a refund that is refused outright is given to a person', async () => {
  const { buyer, give, moneyOf } = await bought()
  await give({ kind: 'amount', amount: 900n })
  await shop.act('/sim/yookassa/faults', { match: 'refund', error_code: 400, times: 1 })
  await shop.settle()
  expect(await moneyOf()).toMatchObject({ refunding: 900n, refunded: 0n })
  expect(await shop.told(buyer)).toMatchObject({ 'refund-by-hand': 1 })
})

test('a refund that is pending is asked after until it is made, or given to a person', async () => {
  for (const outcome of ['succeeded', 'canceled'] as const) {
    const { buyer, orderId, give, moneyOf, refundsOf } = await bought()
    await shop.act('/sim/yookassa/faults', { kind: 'refund_pending' })
    await give({ kind: 'amount', amount: 5_000n })
    await shop.runJobs()
    expect((await shop.stateOf(orderId)).moves.sort()).toEqual(['capture done', 'refund pending'])
    expect(await shop.told(buyer)).not.toHaveProperty('refund-done')
    await assertInvariants(shop.db)
    // Still pending when we ask: nothing is told, nothing is asked for again.
    await refreshSilentPayments(shop.db, shop.pass(11 * minute))
    await shop.runJobs()
    const [made, ...others] = await refundsOf()
    expect(others).toEqual([])
    expect(await moneyOf()).toMatchObject({ refunding: 5_000n, refunded: 0n })

    expect(await shop.act(`/sim/yookassa/refunds/${made?.id}`, { outcome, reason: 'rejected_by_payee' })).toBe(200)
    // Nobody tells of a refund that was cancelled: the tick finds out.
    await refreshSilentPayments(shop.db, shop.pass(11 * minute))
    await shop.settle()
    const isDone = outcome === 'succeeded'
    expect(await moneyOf()).toMatchObject({ refunding: isDone ? 0n : 5_000n, refunded: isDone ? 5_000n : 0n })
    expect(await shop.told(buyer)).toMatchObject({ [isDone ? 'refund-done' : 'refund-by-hand']: 1 })
  }
})

test('20 webhooks of one refund at once count it once', async () => {
  const { buyer, orderId, give, moneyOf, refundsOf } = await bought()
  await shop.act('/sim/yookassa/faults', { kind: 'refund_pending' })
  await give({ kind: 'amount', amount: 5_000n })
  await shop.runJobs()
  const [made] = await refundsOf()
  await shop.act(`/sim/yookassa/refunds/${made?.id}`, { outcome: 'succeeded' })
  const page = await shop.externalIdOf(orderId)
  await Promise.all(Array.from({ length: 20 }, () => shop.hint(page)))
  expect(await moneyOf()).toMatchObject({ refunding: 0n, refunded: 5_000n })
  expect(await shop.told(buyer)).toMatchObject({ 'refund-done': 1 })
  await shop.settle()
})

test('a refund whose answer is lost is looked up and made once; one that failed is made again', async () => {
  for (const kind of ['drop', '500_with_effect', '500_without_effect', '429']) {
    const { buyer, give, moneyOf, refundsOf } = await bought()
    await give({ kind: 'amount', amount: 1_234n })
    await shop.act('/sim/yookassa/faults', { match: 'refund', kind, times: 1 })
    await shop.settle()
    expect(await moneyOf()).toMatchObject({ refunding: 0n, refunded: 1_234n })
    expect(await refundsOf()).toHaveLength(1)
    expect(await shop.told(buyer)).toMatchObject({ 'refund-done': 1 })
  }
})

test('after a day, when the provider has forgotten the key, a refund is looked up before it is made again', async () => {
  for (const isAnswered of [true, false]) {
    const { orderId, give, moneyOf, refundsOf } = await bought()
    const moveId = moveOf(await give({ kind: 'amount', amount: 1_234n }))
    if (isAnswered) {
      await shop.act('/sim/yookassa/faults', { match: 'refund', kind: 'drop', times: 1 })
      await shop.runJobs(1)
    } else {
      // Killed between the provider's effect and its answer: we know of no attempt.
      const lines = [{ title: 'Чайник', quantity: 1, unitAmount: 1_234n, kind: 'goods' as const }]
      const amount = { amount: 1_234n, currency: 'RUB' }
      const page = await shop.externalIdOf(orderId)
      await shop.yookassa.refund(page, amount, moveId, { phone: '+79123456789', lines })
    }
    expect(await refundsOf()).toHaveLength(1)
    expect(await moneyOf()).toMatchObject({ refunding: 1_234n, refunded: 0n })
    shop.pass(25 * hour)
    await shop.settle()
    expect(await moneyOf()).toMatchObject({ refunding: 0n, refunded: 1_234n })
    expect(await refundsOf()).toHaveLength(1)
  }
})

test('wrong credentials decide nothing: refunds wait for right ones and are not given to people', async () => {
  const { buyer, orderId, give, moneyOf } = await bought()
  await give({ kind: 'amount', amount: 1_234n })
  await shop.act('/sim/yookassa/faults', { match: '*', error_code: 401, times: 1000 })
  expect(await shop.runJobs(3)).toBe(1)
  expect((await shop.stateOf(orderId)).moves.sort()).toEqual(['capture done', 'refund pending'])
  await shop.clearFaults()
  await shop.settle()
  expect(await moneyOf()).toMatchObject({ refunding: 0n, refunded: 1_234n })
  expect(await shop.told(buyer)).not.toHaveProperty('refund-by-hand')
})

test('money that was paid at the door is given back by hand', async () => {
  const goods = await shop.goods({ terms: { paymentMethods: ['card', 'on-delivery'], feeBasisPoints: 500 } })
  const [seller, buyer] = [await shop.seller(goods), await shop.person()]
  const { orderId, total, goodsTotal, deliveryCost } = await shop.order(buyer, {
    kind: 'alone',
    variantId: goods.variantId,
  })
  const paid = await payBy(shop.db, { personId: buyer, orderId, method: 'on-delivery', now: shop.now }, shop.deps)
  expect(paid).toMatchObject({ ok: true, order: { state: 'packable' } })
  const who = { personId: seller, orderId, requestKey: `door ${orderId}`, now: shop.now }
  // Nothing was taken yet.
  expect(await refund(shop.db, who, { kind: 'rest' })).toEqual({ ok: false, reason: 'not-paid' })
  await shop.runJobs()
  await shop.parcel(orderId, ...delivered)
  expect(await balances(orderId)).toEqual({
    buyer: 0n,
    provider: total,
    seller: goodsTotal / 20n - goodsTotal,
    fee: -(goodsTotal / 20n),
    delivery: -deliveryCost,
  })
  const moveId = moveOf(await refund(shop.db, who, { kind: 'rest' }))
  await shop.settle()
  expect((await shop.stateOf(orderId)).moves).toEqual(['refund by_hand'])
  expect(await refundedByHand(shop.db, { personId: seller, moveId, now: shop.now })).toEqual({ ok: true, orderId })
  await shop.settle()
  const { payments, moves } = await shop.stateOf(orderId)
  expect([payments.toSorted(), moves]).toEqual([['failed', 'refunded'], ['refund done']])
  expect(await balances(orderId)).toMatchObject({ buyer: 0n, provider: total, fee: 0n })
})

// The clocks of two processes differ, and a job that began earlier may write later: no time says which was first.
test.each([
  { when: 'the very moment', behind: 0 },
  { when: 'an earlier moment by another clock', behind: minute },
])('goods handed over at $when after a refund was asked for change nothing of its receipt', async ({ behind }) => {
  const { orderId, goodsTotal, deliveryCost, give, moneyOf, refundsOf, lineId } = await bought()
  await shop.parcel(orderId, 'RECEIVED_AT_SHIPMENT_WAREHOUSE')
  const { id: shipmentId, externalId } = await shop.db.shipment.findUniqueOrThrow({ where: { orderId } })
  await shop.act('/sim/yookassa/faults', { match: 'refund', kind: '500_with_effect', times: 1 })
  await give({ kind: 'amount', amount: 1_234n })
  const goods = moveOf(await give({ kind: 'line', lineId, quantity: 1 }))
  await shop.runJobs(1)
  await shop.act(`/sim/shipments/${externalId}`, { status: 'DELIVERED' })
  await refreshShipment(shop.db, shipmentId, shop.deps.carrier, new Date(shop.now.getTime() - behind))
  const delivery = { state: 'delivered', deliveredAt: new Date(shop.now.getTime() - behind) }
  expect(await shop.db.order.findUniqueOrThrow({ where: { id: orderId } })).toMatchObject(delivery)
  await shop.settle()
  expect(await moneyOf()).toMatchObject({ refunding: 0n, refunded: goodsTotal + 1_234n })
  expect((await shop.stateOf(orderId)).moves.sort()).toEqual(['capture done', 'refund done', 'refund done'])
  expect(await refundsOf()).toHaveLength(2)
  expect(await shop.db.paymentMove.findUniqueOrThrow({ where: { id: goods } })).toMatchObject({ isHandedOver: false })
  // Nor are they on a second receipt, though the money was still on its way when they were handed over.
  const paymentId = await shop.externalIdOf(orderId)
  const receipts = (await shop.receipts()).filter(({ payment_id }) => payment_id === paymentId)
  const value = moneyToDecimal({ amount: deliveryCost - 1_234n, currency: 'RUB' })
  expect(receipts.map(({ settlements }) => settlements.map(({ amount }) => amount.value))).toEqual([[value]])
})

test('the receipt of the goods is sent when they are handed over, for what was not given back', async () => {
  const { orderId, total, give, asked } = await bought()
  await give({ kind: 'amount', amount: 1_000n })
  await shop.runJobs()
  await shop.parcel(orderId, ...delivered)
  await shop.settle()
  const externalId = await shop.externalIdOf(orderId)
  const sent = (await shop.receipts()).filter(({ payment_id }) => payment_id === externalId)
  const sum = total - 1_000n
  const value = `${sum / 100n}.${String(sum % 100n).padStart(2, '0')}`
  expect(sent.map(({ settlements }) => settlements.map(({ amount }) => amount.value))).toEqual([[value]])
  // Goods were handed over: from here on it is the seller who gives.
  const moveId = moveOf(await refund(shop.db, asked('rest'), { kind: 'rest' }))
  const handedOver = { amount: sum, isHandedOver: true }
  expect(await shop.db.paymentMove.findUniqueOrThrow({ where: { id: moveId } })).toMatchObject(handedOver)
  await shop.settle()
  expect(await balances(orderId)).toMatchObject({ buyer: 0n, provider: 0n })
})

test('news of a refund reach a payment that is asked after by its id', async () => {
  const { orderId, give, moneyOf, refundsOf } = await bought()
  await shop.act('/sim/yookassa/faults', { kind: 'refund_pending', times: 2 })
  await give({ kind: 'amount', amount: 100n })
  await give({ kind: 'amount', amount: 200n })
  await shop.runJobs()
  const { id: paymentId } = await shop.db.payment.findFirstOrThrow({ where: { orderId, counts: true } })
  for (const { id } of await refundsOf()) await shop.act(`/sim/yookassa/refunds/${id}`, { outcome: 'succeeded' })
  await refreshPayment(shop.db, paymentId, shop.deps, shop.now)
  expect(await moneyOf()).toMatchObject({ refunding: 0n, refunded: 300n })
  await shop.settle()
})
