/** What people, banks and networks do wrong: where the money ends, and what the person is told. */
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterEach, expect, test } from 'vitest'
import { declineAdvice } from '#domain/payments.ts'
import { createYookassa } from '#gateways/yookassa.ts'
import { createLog } from '#log.ts'
import { buy } from '#shop/checkout.ts'
import { payBy } from '#shop/paying.ts'
import type { Deps } from '#shop/deps.ts'
import { closeDueGroups, expireOrders } from '#shop/group-buy.ts'
import { approveInvoice, invoicePaid } from '#shop/invoices.ts'
import { cancelOrder, orderOf } from '#shop/orders.ts'
import { OutcomeUnknown } from '#shop/outcome.ts'
import { movePayment, paymentHinted, placePayment, refreshSilentPayments, watchHolds } from '#shop/payments.ts'
import { applyProviderPayment } from '#shop/purchases.ts'
import { refund } from '#shop/refunds.ts'
import { countRows, hour, minute, useShop, type Goods } from './support.ts'

const shop = useShop()
afterEach(() => shop.clearFaults())

const fault = (match: string, kind: string, times = 1) => shop.act('/sim/yookassa/faults', { match, kind, times })
const day = 24 * hour

async function alone(goods?: Goods) {
  const personId = await shop.person()
  const { variantId } = goods ?? (await shop.goods())
  const order = await shop.order(personId, { kind: 'alone', variantId })
  return { personId, orderId: order.orderId, total: order.total, paymentId: order.payment?.paymentId ?? '' }
}
const again = (personId: number, orderId: number) => payBy(shop.db, { personId, orderId, now: shop.now }, shop.deps)
const truthOf = async (orderId: number) => {
  const ids = (await shop.db.payment.findMany({ where: { orderId } })).map(({ id }) => id)
  return (await shop.truth()).filter(({ metadata }) => ids.includes(metadata.paymentId ?? ''))
}

test.each([
  ['insufficient_funds', 'funds'],
  ['card_expired', 'card'],
  ['invalid_card_number', 'card'],
  ['invalid_csc', 'card'],
  ['3d_secure_failed', 'bank'],
  ['call_issuer', 'bank'],
  ['issuer_unavailable', 'bank'],
  ['payment_method_limit_exceeded', 'bank'],
  ['payment_method_restricted', 'bank'],
  ['permission_revoked', 'bank'],
  ['fraud_suspected', 'bank'],
  ['general_decline', 'again'],
  ['country_forbidden', 'card'],
])(
  'declined because of %s: told once what to do (%s), and the same order is paid by another try',
  async (reason, advice) => {
    const { personId, orderId } = await alone()
    const page = await shop.externalIdOf(orderId)
    await shop.act(`/sim/yookassa/${page}`, { outcome: 'declined', reason })
    await Promise.all([shop.hint(page), shop.hint(page)])
    const seen = await orderOf(shop.db, orderId, personId)
    expect(seen).toMatchObject({ state: 'awaiting_payment', payment: { state: 'failed', declineReason: reason } })
    expect(declineAdvice(seen?.payment?.declineReason ?? null)).toBe(advice)
    expect(await shop.told(personId)).toEqual({ 'payment-declined': 1 })
    shop.pass(minute)
    expect(await again(personId, orderId)).toMatchObject({ ok: true, order: { payment: { state: 'pending' } } })
    await shop.pay(orderId)
    await shop.settle()
    expect(await shop.stateOf(orderId)).toMatchObject({ order: 'packable', payments: ['failed', 'captured'] })
    expect(await shop.story(orderId)).toEqual(['page', 'declined', 'page', 'held', 'captured'])
  },
)

test('a page that is left alone: the order ends with its time, the page with its own, nothing is held', async () => {
  const goods = await shop.goods({ stock: 1 })
  const { personId, orderId } = await alone(goods)
  await expireOrders(shop.db, shop.pass(15 * minute))
  expect(await shop.told(personId)).toEqual({ 'order-expired': 1 })
  expect(await shop.stock(goods)).toEqual({ onHand: 1, reserved: 0 })
  shop.pass(61 * minute)
  await refreshSilentPayments(shop.db, shop.now)
  await shop.settle()
  expect(await shop.stateOf(orderId)).toMatchObject({ order: 'cancelled', payments: ['failed'], moves: [] })
  expect(await orderOf(shop.db, orderId, personId)).toMatchObject({
    payment: { declineReason: 'expired_on_confirmation' },
  })
  // What the page did after the order was over is no news to its buyer.
  expect(await shop.told(personId)).toEqual({ 'order-expired': 1 })
  expect(await again(personId, orderId)).toEqual({ ok: false, reason: 'not-payable' })
})

test('paid after its time while the page was still asked for: held once, and bought once', async () => {
  await fault('create', 'drop')
  const goods = await shop.goods({ stock: 1 })
  const { personId, orderId, paymentId } = await alone(goods)
  const [made] = await truthOf(orderId)
  await shop.act(`/sim/yookassa/${made?.id}`, { outcome: 'paid' })
  await expireOrders(shop.db, shop.pass(16 * minute))
  // We never had its number: it is found by our own key.
  expect(await placePayment(shop.db, paymentId, shop.deps, shop.now)).toBe('placed')
  await shop.settle()
  expect(await shop.stateOf(orderId)).toMatchObject({ order: 'packable', payments: ['captured'] })
  expect(await shop.told(personId)).toEqual({ 'order-expired': 1, 'order-paid': 1 })
})

test('news in the wrong order, doubled and late lead to the same end as news in the right one', async () => {
  const { orderId, paymentId, total, personId } = await alone()
  const externalId = await shop.externalIdOf(orderId)
  await shop.atProvider(orderId)
  const amount = { amount: total, currency: 'RUB' }
  const say = (state: 'pending' | 'held' | 'captured') =>
    applyProviderPayment(shop.db, paymentId, { externalId, state, amount }, shop.now)
  await shop.yookassa.capture(externalId, amount, shop.deps.newId())
  for (const state of ['captured', 'held', 'pending', 'captured', 'held'] as const) await say(state)
  await Promise.all([say('held'), say('captured'), say('pending')])
  await shop.settle()
  expect(await shop.stateOf(orderId)).toMatchObject({ order: 'packable', payments: ['captured'], moves: [] })
  expect(await shop.told(personId)).toEqual({ 'order-paid': 1 })
})

test('a forged webhook changes nothing: only what the provider says itself is applied', async () => {
  const { orderId } = await alone()
  const page = await shop.externalIdOf(orderId)
  const forged = { type: 'notification', event: 'payment.succeeded', object: { id: page, status: 'succeeded' } }
  const hint = shop.yookassa.webhookHint(forged)
  expect(hint).toBe(page)
  const before = await countRows(shop.db)
  for (let time = 0; time < 3; time += 1) await shop.hint(hint ?? '')
  expect(await countRows(shop.db)).toEqual(before)
  expect(await shop.stateOf(orderId)).toMatchObject({ order: 'awaiting_payment', payments: ['pending'] })
  for (const body of [
    null,
    'text',
    {},
    { event: 'payment.succeeded' },
    { event: 'x', object: { id: "'; DROP TABLE" } },
  ])
    expect(shop.yookassa.webhookHint(body)).toBeUndefined()
  await shop.settle()
})

test('another amount, another currency, or more than was held: nothing is applied, and it is a loud defect', async () => {
  const { orderId, paymentId, total } = await alone()
  const externalId = await shop.atProvider(orderId)
  const before = await countRows(shop.db)
  for (const found of [
    { state: 'held', amount: { amount: total - 1n, currency: 'RUB' } },
    { state: 'held', amount: { amount: total, currency: 'KZT' } },
    { state: 'captured', amount: { amount: total + 1n, currency: 'RUB' } },
    { state: 'captured', amount: { amount: total, currency: 'USD' } },
  ] as const) {
    await expect(applyProviderPayment(shop.db, paymentId, { externalId, ...found }, shop.now)).rejects.toThrow(
      'another amount',
    )
  }
  expect(await countRows(shop.db)).toEqual(before)
  await shop.hint(externalId)
  await shop.settle()
})

test('what the seller changes after the page was made changes nothing that was agreed', async () => {
  const goods = await shop.goods({ stock: 5, terms: { feeBasisPoints: 500 } })
  const { orderId, total } = await alone(goods)
  await shop.db.variant.update({ where: { id: goods.variantId }, data: { price: 999_900n, currency: 'USD' } })
  await shop.db.seller.update({
    where: { id: goods.sellerId },
    data: { feeBasisPoints: 9000, paymentMethods: ['sbp'] },
  })
  await shop.pay(orderId)
  await shop.settle()
  const [at] = await truthOf(orderId)
  expect(BigInt(at?.amount.value.replace('.', '') ?? '0')).toBe(total)
  await shop.parcel(orderId, 'RECEIVED_AT_SHIPMENT_WAREHOUSE', 'DELIVERED')
  await shop.settle()
  const fee = await shop.db.entry.findFirstOrThrow({ where: { account: 'fee', posting: { orderId } } })
  expect(fee.amount).toBe(-7_500n)
})

test('less was taken than was held, past us: what came is what is booked and what can go back', async () => {
  const goods = await shop.goods({ size: 2 })
  const seller = await shop.seller(goods)
  const { orderId, groupId } = await shop.openGroup(goods)
  const { total } = await shop.db.order.findUniqueOrThrow({ where: { id: orderId } })
  await shop.pay((await shop.order(await shop.person(), { kind: 'join', groupId })).orderId)
  const part = { amount: total - 1_234n, currency: 'RUB' }
  const receipt = {
    phone: '+79123456789',
    lines: [{ title: 'Чайник', quantity: 1, unitAmount: part.amount, kind: 'goods' as const }],
  }
  expect(await shop.yookassa.capture(await shop.externalIdOf(orderId), part, shop.deps.newId(), receipt)).toMatchObject(
    { ok: true },
  )
  await shop.settle()
  expect(await shop.db.payment.findFirstOrThrow({ where: { orderId } })).toMatchObject({ captured: part.amount })
  const who = { personId: seller, orderId, requestKey: 'part', now: shop.now }
  expect(await refund(shop.db, who, { kind: 'amount', amount: total })).toEqual({ ok: false, reason: 'too-much' })
  expect(await refund(shop.db, { ...who, requestKey: 'rest' }, { kind: 'rest' })).toMatchObject({ amount: part.amount })
  await shop.settle()
})

/** The same company for somebody who waits 150 ms at most, and calls of one kind that take ten times as long. */
async function hastyDeps(slow: 'create' | 'capture' | 'cancel' | 'refund'): Promise<Deps> {
  const { orderId } = await alone()
  const { confirmationUrl } = await shop.db.payment.findFirstOrThrow({ where: { orderId } })
  const endpoint = `${new URL(confirmationUrl ?? '').origin}/yookassa/v3`
  const hasty = createYookassa({ shopId: '1', secretKey: 's', endpoint, timeoutMs: 150 })
  await shop.act('/sim/yookassa/faults', { match: slow, kind: 'delay', delay_ms: 1500, times: 1 })
  return { ...shop.deps, providers: [hasty] }
}
/** What a call did that was not answered in time is looked up, or asked for again with the same key. */
async function moveHastily(orderId: number, deps: Deps): Promise<string> {
  const where = { payment: { orderId }, state: 'created' }
  const { id } = await shop.db.paymentMove.findFirstOrThrow({ where })
  await movePayment(shop.db, id, deps, shop.now).catch((error: unknown) => {
    if (!(error instanceof OutcomeUnknown)) throw error
  })
  await shop.settle()
  const { payments, moves } = await shop.stateOf(orderId)
  const statuses = (await truthOf(orderId)).map(({ status }) => status)
  return [...payments, ...moves, ...statuses].join()
}

test('a page that is not answered in time is made once, and its buyer is told when it is there', async () => {
  const deps = await hastyDeps('create')
  const [goods, personId] = [await shop.goods(), await shop.person()]
  const purchase = { kind: 'alone', variantId: goods.variantId } as const
  const bought = await buy(shop.db, { personId, requestKey: shop.deps.newId(), purchase, now: shop.now }, deps)
  if (!bought.ok) throw new Error(bought.reason)
  expect(bought.order.payment).toMatchObject({ state: 'created' })
  await shop.runJobs()
  expect(await shop.told(personId)).toEqual({ 'payment-ready': 1 })
  await shop.pay(bought.order.orderId)
  await shop.settle()
  expect(await truthOf(bought.order.orderId)).toMatchObject([{ status: 'succeeded' }])
})

test('a capture, a void and a refund that are not answered in time are made once', async () => {
  const capturing = await alone()
  await shop.pay(capturing.orderId)
  expect(await moveHastily(capturing.orderId, await hastyDeps('capture'))).toBe('captured,capture done,succeeded')

  const { orderId, leader } = await shop.openGroup(await shop.goods({ size: 3 }))
  await cancelOrder(shop.db, { personId: leader, orderId, now: shop.now }, shop.deps.carrier)
  expect(await moveHastily(orderId, await hastyDeps('cancel'))).toBe('voided,void done,canceled')

  const goods = await shop.goods()
  const [refunding, seller] = [await alone(goods), await shop.seller(goods)]
  await shop.pay(refunding.orderId)
  await shop.runJobs()
  shop.pass(minute)
  const who = { personId: seller, orderId: refunding.orderId, requestKey: shop.deps.newId(), now: shop.now }
  await refund(shop.db, who, { kind: 'rest' })
  expect(await moveHastily(refunding.orderId, await hastyDeps('refund'))).toBe(
    'refunded,capture done,refund done,succeeded',
  )
})

test('a void that is asked to wait (429) is asked for again and made', async () => {
  const { leader, orderId } = await shop.openGroup(await shop.goods())
  await closeDueGroups(shop.db, shop.pass(30 * minute))
  await fault('cancel', '429', 2)
  await shop.settle()
  expect(await shop.stateOf(orderId)).toMatchObject({ payments: ['voided'], moves: ['void done'] })
  expect(await shop.told(leader)).toMatchObject({ 'group-failed': 1, 'money-released': 1 })
})

test('a creation that is asked to wait (429) shows no page yet, and its buyer is told when it is there', async () => {
  await fault('create', '429')
  const { personId, orderId } = await alone()
  expect(await orderOf(shop.db, orderId, personId)).toMatchObject({ payment: { state: 'created' } })
  await shop.runJobs()
  expect(await shop.told(personId)).toEqual({ 'payment-ready': 1 })
  await shop.pay(orderId)
  await shop.settle()
})

test('a capture that is refused for good is given to the shop, and the hold is released by the bank', async () => {
  const goods = await shop.goods({ stock: 1 })
  const seller = await shop.seller(goods)
  const { personId, orderId } = await alone(goods)
  await shop.pay(orderId)
  await shop.act('/sim/yookassa/faults', { match: 'capture', error_code: 403, times: 1000 })
  await shop.runJobs(12)
  expect((await shop.stateOf(orderId)).moves).toEqual(['capture by_hand'])
  expect(await shop.told(seller)).toEqual({ 'shop-attention': 1 })
  // Nobody acted: it ends by itself, and the buyer is told.
  shop.pass(8 * day)
  await shop.settle()
  expect(await shop.stateOf(orderId)).toMatchObject({ order: 'cancelled', payments: ['expired'], stock: 'released' })
  expect(await shop.told(personId)).toMatchObject({ 'money-released': 1 })
})

test('a hold that ends before its group is given back in time, the seat is free and its buyer told', async () => {
  const goods = await shop.goods({ size: 3 })
  const { groupId } = await shop.openGroup(goods)
  const [early = 0] = await shop.people(1)
  const { orderId } = await shop.order(early, { kind: 'join', groupId })
  await shop.pay(orderId)
  // A bank of theirs holds for a day only, and the group goes on for a week.
  await shop.db.group.update({ where: { id: groupId }, data: { deadlineAt: new Date(shop.now.getTime() + 7 * day) } })
  await shop.db.payment.updateMany({ where: { orderId }, data: { holdUntil: new Date(shop.now.getTime() + day) } })
  await watchHolds(shop.db, shop.pass(11 * hour))
  expect(await shop.stateOf(orderId)).toMatchObject({ payments: ['held'] })
  await Promise.all([watchHolds(shop.db, shop.pass(2 * hour)), watchHolds(shop.db, shop.now)])
  expect(await shop.group(groupId)).toMatchObject({ state: 'open', takenSeats: 1, paidSeats: 1 })
  await shop.settle()
  expect(await shop.stateOf(orderId)).toMatchObject({ order: 'cancelled', payments: ['voided'], moves: ['void done'] })
  expect(await shop.told(early)).toMatchObject({ 'hold-ending': 1, 'money-released': 1 })
  await shop.db.group.update({ where: { id: groupId }, data: { deadlineAt: new Date(shop.now.getTime() + minute) } })
  await closeDueGroups(shop.db, shop.pass(2 * minute))
  await shop.settle()
})

test('hints of what the provider does not know, or will not show, are asked for again', async () => {
  const { orderId } = await alone()
  const page = await shop.atProvider(orderId)
  for (const kind of ['drop', '500_without_effect', '429']) {
    await fault('get', kind)
    await expect(paymentHinted(shop.db, page, shop.deps, shop.now)).rejects.toThrow('payment')
    expect((await shop.stateOf(orderId)).payments).toEqual(['pending'])
  }
  await shop.hint(page)
  await shop.settle()
  expect((await shop.stateOf(orderId)).order).toBe('packable')
})

test('an invoice is looked at again before it is charged, and is worth what it says', async () => {
  const { orderId, total, personId } = await alone(await shop.goods({ stock: 1 }))
  const paymentId = shop.deps.newId()
  await shop.db.payment.updateMany({ where: { orderId }, data: { counts: false } })
  const row = { id: paymentId, orderId, provider: 'yookassa', method: 'invoice', twoStage: false, amount: total }
  const times = { createdAt: shop.now, updatedAt: shop.now }
  await shop.db.payment.create({ data: { ...row, ...times, currency: 'RUB', state: 'created' } })
  const invoice = { paymentId, amount: total, currency: 'RUB' }
  const ask = (wish: Partial<typeof invoice>, who = personId) =>
    approveInvoice(shop.db, { ...invoice, ...wish }, who, shop.now)
  const before = await countRows(shop.db)
  expect(await ask({ amount: total - 1n })).toEqual({ ok: false, reason: 'changed' })
  expect(await ask({ currency: 'USD' })).toEqual({ ok: false, reason: 'changed' })
  expect(await ask({ paymentId: "1'; --" })).toEqual({ ok: false, reason: 'not-found' })
  expect(await ask({}, await shop.person({ recipient: false }))).toEqual({ ok: false, reason: 'not-found' })
  expect(await countRows(shop.db)).toEqual({ ...before })
  expect(await ask({})).toMatchObject({ ok: true })
  const charge = { chargeId: 'tg', acquirerId: 'acquirer-1' }
  expect(await invoicePaid(shop.db, { ...invoice, amount: 1n }, charge, shop.deps, shop.now)).toEqual({
    ok: false,
    reason: 'another-sum',
  })
  shop.pass(16 * minute)
  await expireOrders(shop.db, shop.now)
  expect(await ask({})).toEqual({ ok: false, reason: 'too-late' })
})

test('a card number that a provider quotes is in no log, no row and no job', async () => {
  const card = '4111 1111 1111 1111'
  const lines: string[] = []
  const log = createLog('debug', { write: (line) => void lines.push(line) })
  const server = createServer((_request, response) => {
    response.writeHead(lines.length % 2 === 0 ? 400 : 500, { 'content-type': 'application/json' })
    response.end(JSON.stringify({ type: 'error', code: 'invalid_request', description: `card ${card} is unknown` }))
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  const talkative = createYookassa({ shopId: '1', secretKey: 's', endpoint: `http://127.0.0.1:${port}` })
  const deps: Deps = { ...shop.deps, providers: [talkative] }
  const goods = await shop.goods()
  const seller = await shop.seller(goods)
  const { orderId } = await alone(goods)
  const logged = (work: Promise<unknown>) => work.catch((err: unknown) => log.error({ err }, `failed: ${String(err)}`))
  const moveAll = async () => {
    for (const { id } of await shop.db.paymentMove.findMany({ where: { payment: { orderId } } }))
      for (let time = 0; time < 2; time += 1) await logged(movePayment(shop.db, id, deps, shop.now))
  }
  const page = await shop.atProvider(orderId)
  await logged(paymentHinted(shop.db, page, deps, shop.now))
  await shop.hint(page)
  await moveAll()
  await shop.runJobs()
  await refund(shop.db, { personId: seller, orderId, requestKey: 'card', now: shop.now }, { kind: 'rest' })
  await moveAll()
  // A program's own mistake quotes what it was given.
  await logged(shop.db.order.findMany({ where: { number: { equals: card, nonsense: card } as never } }))
  await logged(shop.db.$queryRawUnsafe(`SELECT '${card}' FROM nowhere`))
  server.close()
  await shop.settle()
  expect(lines.length).toBeGreaterThan(5)
  const rows = await shop.db.$queryRaw<{ text: string }[]>`
    SELECT m::text AS text FROM payment_move m UNION ALL SELECT p::text FROM payment p
    UNION ALL SELECT e::text FROM payment_event e UNION ALL SELECT n::text FROM notification n
    UNION ALL SELECT j::text FROM graphile_worker._private_jobs j`
  for (const text of [
    ...lines,
    ...rows.map(({ text }) => text),
    ...shop.sent.map((sent) => JSON.stringify(sent, plain)),
  ])
    expect(text.replaceAll(/[ -]/g, '')).not.toContain('4111111111111111')
})

const plain = (_key: string, value: unknown): unknown => (typeof value === 'bigint' ? String(value) : value)
