/** Paying by an invoice in the messenger. The charge is made at the company behind its token, past any call of ours. */
import { randomUUID } from 'node:crypto'
import { beforeAll, expect, test } from 'vitest'
import { createTelegramPayments } from '#gateways/telegram-payments.ts'
import { payBy } from '#shop/paying.ts'
import { closeDueGroups, expireOrders } from '#shop/group-buy.ts'
import { approveInvoice, invoicePaid, type InvoicePayment } from '#shop/invoices.ts'
import { cancelOrder } from '#shop/orders.ts'
import { assertInvariants } from './invariants.ts'
import { countRows, hour, minute, useShop, type Goods } from './support.ts'

const shop = useShop()

beforeAll(() => {
  const { yookassa, deps } = shop
  Object.assign(deps, {
    hasInvoices: true,
    providers: [...deps.providers, createTelegramPayments({ acquirer: yookassa })],
  })
})

/** An order that waits for its invoice to be paid. */
async function ordered(goods: Goods, kind: 'alone' | 'own-group' = 'alone', buyer?: number) {
  const personId = buyer ?? (await shop.person())
  const { orderId, total } = await shop.order(personId, { kind, variantId: goods.variantId })
  const asked = await payBy(shop.db, { personId, orderId, method: 'invoice', now: shop.now }, shop.deps)
  if (!asked.ok || !asked.order.payment) throw new Error('an invoice can be asked for')
  const { paymentId } = asked.order.payment
  const invoice: InvoicePayment = { paymentId, amount: total, currency: 'RUB' }
  return { personId, orderId, invoice }
}

/** The company charges the buyer's card; Telegram knows the charge by a number of its own. */
async function charge({ amount, currency }: InvoicePayment) {
  const key = randomUUID()
  const made = await shop.yookassa.create({
    key,
    method: 'card',
    amount: { amount, currency },
    twoStage: false,
    description: 'by invoice',
    returnUrl: 'https://t.me/vmeste_bot',
    receipt: { phone: '+79123456789', lines: [{ title: 'x', quantity: 1, unitAmount: amount, kind: 'goods' }] },
  })
  if (!made.ok) throw new Error(made.detail)
  const { externalId } = made.value
  expect(await shop.act(`/sim/yookassa/${externalId}`, { outcome: 'paid' })).toBe(200)
  return { chargeId: `tg_${key}`, acquirerId: externalId }
}

const approve = (invoice: InvoicePayment, personId: number) => approveInvoice(shop.db, invoice, personId, shop.now)
const paid = (invoice: InvoicePayment, by: { chargeId: string; acquirerId: string }) =>
  invoicePaid(shop.db, invoice, by, shop.deps, shop.now)

/** What the company gave back of a charge, in kopecks. */
async function givenBack(acquirerId: string): Promise<number> {
  const made = (await shop.refunds()).filter(({ payment_id }) => payment_id === acquirerId)
  return made.reduce((sum, { amount }) => sum + Number(amount.value) * 100, 0)
}

test('an invoice may be paid by its buyer, and the order keeps its goods until the charge is through', async () => {
  const { personId, orderId, invoice } = await ordered(await shop.goods())
  shop.pass(14 * minute)
  expect(await approve(invoice, personId)).toMatchObject({ ok: true, order: { orderId } })
  shop.pass(9 * minute)
  await expireOrders(shop.db, shop.now)
  expect(await shop.stateOf(orderId)).toMatchObject({ order: 'awaiting_payment', stock: 'held' })
})

test('an invoice is refused to anybody else, with another sum, and for what is no invoice; nothing is written', async () => {
  const goods = await shop.goods()
  const { personId, invoice } = await ordered(goods)
  const stranger = await shop.person()
  const byCard = await shop.order(stranger, { kind: 'alone', variantId: goods.variantId })
  const card = { ...invoice, paymentId: byCard.payment?.paymentId ?? '', amount: byCard.total }
  const before = await countRows(shop.db)
  const refusals = [
    await approve(invoice, stranger),
    await approve(card, stranger),
    await approve({ ...invoice, paymentId: randomUUID() }, personId),
    await approve({ ...invoice, paymentId: "'; DROP TABLE payment; --" }, personId),
    await approve({ ...invoice, amount: invoice.amount - 1n }, personId),
    await approve({ ...invoice, currency: 'USD' }, personId),
  ]
  expect(refusals.map((one) => (one.ok ? 'approved' : one.reason))).toEqual([
    ...Array<string>(4).fill('not-found'),
    'changed',
    'changed',
  ])
  expect(await countRows(shop.db)).toEqual(before)
})

test('an invoice is refused once the order is paid for, given up or over', async () => {
  const goods = await shop.goods()
  const done = await ordered(goods)
  await paid(done.invoice, await charge(done.invoice))
  expect(await approve(done.invoice, done.personId)).toEqual({ ok: false, reason: 'already-paid' })
  const givenUp = await ordered(goods)
  await cancelOrder(shop.db, { personId: givenUp.personId, orderId: givenUp.orderId, now: shop.now }, shop.deps.carrier)
  expect(await approve(givenUp.invoice, givenUp.personId)).toEqual({ ok: false, reason: 'too-late' })
  const late = await ordered(goods)
  shop.pass(16 * minute)
  expect(await approve(late.invoice, late.personId)).toEqual({ ok: false, reason: 'too-late' })
})

test('a paid invoice buys, once, however often it is told', async () => {
  const { invoice, orderId, personId } = await ordered(await shop.goods())
  const by = await charge(invoice)
  await approve(invoice, personId)
  expect(await paid(invoice, by)).toMatchObject({ ok: true, order: { orderId, state: 'packable' } })
  const before = await countRows(shop.db)
  await Promise.all([paid(invoice, by), paid(invoice, by)])
  expect(await countRows(shop.db)).toEqual(before)
  const payment = await shop.db.payment.findUniqueOrThrow({ where: { id: invoice.paymentId } })
  expect(payment).toMatchObject({ state: 'captured', externalId: by.acquirerId, chargeId: by.chargeId })
  await assertInvariants(shop.db)
})

test('an invoice that is not ours, or is told with another sum, changes nothing and is not asked for again', async () => {
  const { invoice } = await ordered(await shop.goods())
  const by = { chargeId: 'tg_x', acquirerId: randomUUID() }
  const before = await countRows(shop.db)
  expect(await paid({ ...invoice, paymentId: randomUUID() }, by)).toEqual({ ok: false, reason: 'not-ours' })
  expect(await paid({ ...invoice, paymentId: 'other-shop:17' }, by)).toEqual({ ok: false, reason: 'not-ours' })
  expect(await paid({ ...invoice, amount: 1n }, by)).toEqual({ ok: false, reason: 'another-sum' })
  expect(await countRows(shop.db)).toEqual(before)
})

test('two copies of an invoice paid at the same moment: one buys, the other goes back in full, and the buyer is told', async () => {
  const goods = await shop.goods()
  const orders = await Promise.all(
    Array.from({ length: 6 }, async () => {
      const order = await ordered(goods)
      return { ...order, charges: [await charge(order.invoice), await charge(order.invoice)] }
    }),
  )
  const told = orders.flatMap(({ invoice, charges }) => [...charges, ...charges].map((by) => paid(invoice, by)))
  expect((await Promise.all(told)).every(({ ok }) => ok)).toBe(true)
  expect(await shop.runJobs()).toBe(0)
  for (const { orderId, personId, invoice, charges } of orders) {
    const state = await shop.stateOf(orderId)
    expect(state).toMatchObject({ order: 'packable', stock: 'consumed', moves: ['refund done'] })
    // The page that was offered first was never used.
    expect(state.payments.toSorted()).toEqual(['captured', 'pending', 'refunded'])
    const back = await Promise.all(charges.map(({ acquirerId }) => givenBack(acquirerId)))
    expect(back.toSorted((a, b) => a - b)).toEqual([0, Number(invoice.amount)])
    expect(await shop.told(personId)).toMatchObject({ 'paid-twice': 1, 'refund-done': 1 })
  }
  await assertInvariants(shop.db)
})

test('an invoice paid after its time buys if the goods are still there, and goes back if not', async () => {
  const goods = await shop.goods({ stock: 1 })
  const first = await ordered(goods)
  shop.pass(hour)
  await expireOrders(shop.db, shop.now)
  const second = await ordered(goods)
  shop.pass(hour)
  await expireOrders(shop.db, shop.now)
  const charges = [await charge(first.invoice), await charge(second.invoice)] as const
  await paid(first.invoice, charges[0])
  await paid(second.invoice, charges[1])
  expect(await shop.runJobs()).toBe(0)
  expect(await shop.stateOf(first.orderId)).toMatchObject({ order: 'packable', stock: 'consumed', moves: [] })
  expect(await shop.stateOf(second.orderId)).toMatchObject({ order: 'cancelled', moves: ['refund done'] })
  expect(await givenBack(charges[0].acquirerId)).toBe(0)
  expect(await givenBack(charges[1].acquirerId)).toBe(Number(second.invoice.amount))
  await assertInvariants(shop.db)
})

test('a seat paid for by invoice is charged at once and given back when the group fails', async () => {
  const { invoice, orderId, personId } = await ordered(await shop.goods({ size: 3 }), 'own-group')
  const by = await charge(invoice)
  expect(await approve(invoice, personId)).toMatchObject({ ok: true })
  await paid(invoice, by)
  expect(await shop.stateOf(orderId)).toMatchObject({ order: 'awaiting_group', seat: 'paid' })
  shop.pass(hour)
  await closeDueGroups(shop.db, shop.now)
  expect(await shop.runJobs()).toBe(0)
  expect(await shop.stateOf(orderId)).toMatchObject({ order: 'cancelled', moves: ['refund done'] })
  expect(await givenBack(by.acquirerId)).toBe(Number(invoice.amount))
  await assertInvariants(shop.db)
})
