import { randomUUID } from 'node:crypto'
import { expect, test } from 'vitest'
import type { PaymentProvider } from '#gateways/payments.ts'
import { createTelegramPayments } from '#gateways/telegram-payments.ts'
import { bookChargeback, bookChargebackWon } from '#shop/chargebacks.ts'
import { payBy } from '#shop/paying.ts'
import { closeDueGroups, expireOrders } from '#shop/group-buy.ts'
import { invoicePaid } from '#shop/invoices.ts'
import { cancelOrder } from '#shop/orders.ts'
import { OutcomeUnknown } from '#shop/outcome.ts'
import { latestDifferences, reconcile, reconcileAll, type Difference } from '#shop/reconciliation.ts'
import { refund, refundedByHand, type RefundWish } from '#shop/refunds.ts'
import { post } from '#store/ledger.ts'
import { hour, minute, useShop, type Goods, type GoodsOptions } from './support.ts'

const shop = useShop()
const day = 24 * hour

const receipt = (amount: bigint) => ({
  phone: '+79123456789',
  lines: [{ title: 'Чайник', quantity: 1, unitAmount: amount, kind: 'goods' as const }],
})

/** Invoices are charged through the same company that plays YooKassa. */
const providers = (): PaymentProvider[] => [...shop.deps.providers, createTelegramPayments({ acquirer: shop.yookassa })]
const outside = () => ({ ...shop.deps, providers: providers(), hasInvoices: true })

/** Everything, two minutes later: what has just happened is still in motion. */
async function compared(by = providers()) {
  const now = shop.pass(2 * minute)
  return reconcile(shop.db, by, { since: new Date(now.getTime() - 9 * day), until: now }, now)
}
const differencesOf = async (orderId: number): Promise<Difference[]> =>
  (await compared()).differences.filter((one) => one.orderId === orderId)

async function bought(options: GoodsOptions = {}) {
  const goods = await shop.goods(options)
  const [buyer, seller] = [await shop.person(), await shop.seller(goods)]
  const { orderId, number, total } = await shop.order(buyer, { kind: 'alone', variantId: goods.variantId })
  await shop.pay(orderId)
  await shop.runJobs()
  const payment = await shop.db.payment.findFirstOrThrow({ where: { orderId } })
  const externalId = payment.externalId ?? ''
  const about = { provider: 'yookassa', orderId, orderNumber: number, paymentId: payment.id, externalId }
  let taps = 0
  const give = async (wish: RefundWish) => {
    const result = await refund(
      shop.db,
      { personId: seller, orderId, requestKey: `${orderId}:${++taps}`, now: shop.now },
      wish,
    )
    if (!result.ok) throw new Error(result.reason)
    return result.moveId
  }
  return { goods, buyer, seller, orderId, number, total, paymentId: payment.id, externalId, about, give }
}

/** Past our own client: a payment that another program made in the same account, paid at once. */
async function strangerPays(amount: string): Promise<string> {
  const { orderId } = await unpaid(await shop.goods())
  const { confirmationUrl } = await shop.db.payment.findFirstOrThrow({ where: { orderId } })
  const answer = await fetch(`${new URL(confirmationUrl ?? '').origin}/yookassa/v3/payments`, {
    method: 'POST',
    headers: {
      'content-type': 'application/json',
      'idempotence-key': randomUUID(),
      authorization: `Basic ${Buffer.from('1:s').toString('base64')}`,
    },
    body: JSON.stringify({
      amount: { value: amount, currency: 'RUB' },
      capture: true,
      confirmation: { type: 'redirect', return_url: 'https://example.com' },
      payment_method_data: { type: 'bank_card' },
    }),
  })
  const { id } = (await answer.json()) as { id: string }
  expect(await shop.act(`/sim/yookassa/${id}`, { outcome: 'paid' })).toBe(200)
  return id
}

async function unpaid({ variantId }: Pick<Goods, 'variantId'>) {
  const personId = await shop.person()
  return shop.order(personId, { kind: 'alone', variantId })
}

/** A buyer pays by an invoice; `tell` is what the messenger then tells us. */
async function payInvoice() {
  const { personId, orderId, number, total } = await unpaid(await shop.goods())
  const chosen = await payBy(shop.db, { personId, orderId, method: 'invoice', now: shop.now }, outside())
  if (!chosen.ok) throw new Error(chosen.reason)
  const paymentId = chosen.order.payment?.paymentId ?? ''
  const acquirerId = await strangerPays(`${total / 100n}.${String(total % 100n).padStart(2, '0')}`)
  const invoice = { paymentId, amount: total, currency: 'RUB' }
  const charge = { chargeId: `c-${acquirerId}`, acquirerId }
  const tell = () => invoicePaid(shop.db, invoice, charge, shop.deps, shop.now)
  return { orderId, number, total, paymentId, acquirerId, tell }
}

test('nothing differs after what people ordinarily do, and what goes wrong for them', async () => {
  await bought()
  const goods = await shop.goods({ size: 2 })
  const { groupId } = await shop.openGroup(goods)
  const joined = await shop.order(await shop.person(), { kind: 'join', groupId })
  await shop.pay(joined.orderId)
  await shop.openGroup(await shop.goods({ size: 3, lifetimeMinutes: 5 }))

  const inPart = await bought()
  await inPart.give({ kind: 'amount', amount: 10_000n })
  await inPart.give({ kind: 'amount', amount: 5n })
  const whole = await bought()
  await whole.give({ kind: 'rest' })
  const byHand = await bought()
  await shop.act('/sim/yookassa/faults', { kind: 'refund_canceled', reason: 'rejected_by_payee' })
  const moveId = await byHand.give({ kind: 'amount', amount: 700n })
  await shop.runJobs()
  const who = { personId: byHand.seller, moveId, now: shop.now }
  expect(await refundedByHand(shop.db, who)).toMatchObject({ ok: true })
  const charged = await bought()
  for (const reference of ['bank', 'bank, won']) {
    const letter = { number: charged.number, amount: 1_000n, reference }
    expect(await bookChargeback(shop.db, letter, shop.now)).toMatchObject({ ok: true })
  }
  expect(await bookChargebackWon(shop.db, 'bank, won', shop.now)).toMatchObject({ ok: true })
  const cancelled = await bought()
  const gone = { personId: cancelled.buyer, orderId: cancelled.orderId, now: shop.now }
  expect(await cancelOrder(shop.db, gone, shop.deps.carrier)).toMatchObject({ ok: true })

  const door = await unpaid(await shop.goods({ terms: { paymentMethods: ['card', 'on-delivery'] } }))
  const { personId, orderId } = door
  expect(await payBy(shop.db, { personId, orderId, method: 'on-delivery', now: shop.now }, shop.deps)).toMatchObject({
    ok: true,
  })
  const { tell } = await payInvoice()
  expect(await tell()).toMatchObject({ ok: true })
  const declined = await unpaid(goods)
  await shop.hint(await shop.atProvider(declined.orderId, 'declined'))
  await unpaid(goods)
  await strangerPays('12.34')
  await shop.runJobs()
  await shop.parcel(orderId, 'RECEIVED_AT_SHIPMENT_WAREHOUSE', 'DELIVERED')
  await shop.parcel(inPart.orderId, 'RECEIVED_AT_SHIPMENT_WAREHOUSE', 'DELIVERED')
  await closeDueGroups(shop.db, shop.pass(10 * minute))
  await expireOrders(shop.db, shop.now)
  await shop.settle()

  const { checked, differences } = await compared()
  expect(differences).toEqual([])
  const methods = await shop.db.payment.groupBy({ by: ['provider'], _count: true })
  expect(Object.fromEntries(checked.map(({ provider, payments }) => [provider, payments]))).toEqual(
    Object.fromEntries(methods.map(({ provider, _count }) => [provider, _count])),
  )
  expect(checked.find(({ provider }) => provider === 'yookassa')?.refunds).toBe((await shop.refunds()).length)
})

test('what has just happened, or our next tick will bring, is no difference; what it should have brought is', async () => {
  const { orderId, number, total, payment } = await unpaid(await shop.goods())
  const externalId = await shop.atProvider(orderId)
  expect(await differencesOf(orderId)).toEqual([])
  shop.pass(2 * hour)
  expect(await differencesOf(orderId)).toEqual([
    {
      kind: 'state',
      provider: 'yookassa',
      orderId,
      orderNumber: number,
      paymentId: payment?.paymentId,
      externalId,
      ours: 'pending',
      theirs: 'held',
      amount: total,
      currency: 'RUB',
    },
  ])
  await shop.hint(externalId)
  await shop.runJobs()
  expect(await differencesOf(orderId)).toEqual([])
})

test('money that should long have been taken and is still on hold differs', async () => {
  await shop.act('/sim/yookassa/faults', { match: 'capture', kind: '500_without_effect', times: 1000 })
  const { orderId, about, total } = await bought()
  expect(await differencesOf(orderId)).toEqual([])
  shop.pass(hour)
  expect(await differencesOf(orderId)).toEqual([
    { ...about, kind: 'state', ours: 'capturing', theirs: 'held', amount: total, currency: 'RUB' },
  ])
  await shop.clearFaults()
  await shop.runJobs()
  expect(await differencesOf(orderId)).toEqual([])
})

test('a payment that moves between two looks is no difference', async () => {
  const { orderId, externalId } = await bought()
  shop.pass(2 * hour)
  const { yookassa } = shop
  // The list is read from an old copy: it shows what was before the capture.
  const late: PaymentProvider = {
    ...yookassa,
    async list(since, until) {
      const answer = await yookassa.list(since, until)
      if (!answer.ok) return answer
      return {
        ok: true,
        value: answer.value.map((one) => {
          const { captured: _, ...rest } = one
          return one.externalId === externalId ? { ...rest, state: 'held' as const } : one
        }),
      }
    },
  }
  const { differences } = await compared([late, ...shop.deps.providers.filter((one) => one !== yookassa)])
  expect(differences.filter((one) => one.orderId === orderId)).toEqual([])
})

test('a payment at the provider that carries a key of ours and has no row is unknown to us; a stranger is not', async () => {
  const key = randomUUID()
  const made = await shop.yookassa.create({
    key,
    method: 'card',
    amount: { amount: 4_200n, currency: 'RUB' },
    twoStage: false,
    description: 'lost',
    returnUrl: 'https://example.com',
    receipt: receipt(4_200n),
  })
  if (!made.ok) throw new Error(made.detail)
  const { externalId } = made.value
  await shop.act(`/sim/yookassa/${externalId}`, { outcome: 'paid' })
  const stranger = await strangerPays('77.00')
  const { differences } = await compared()
  expect(differences.filter((one) => one.externalId === stranger)).toEqual([])
  expect(differences.filter((one) => one.externalId === externalId)).toEqual([
    {
      kind: 'unknown-to-us',
      provider: 'yookassa',
      externalId,
      paymentId: key,
      state: 'captured',
      amount: 4_200n,
      currency: 'RUB',
    },
  ])
  await shop.yookassa.refund(externalId, { amount: 4_200n, currency: 'RUB' }, randomUUID(), receipt(4_200n))
})

test('an invoice that was paid and nobody told us is found by its sum', async () => {
  const { orderId, number, total, paymentId, acquirerId, tell } = await payInvoice()
  expect(await differencesOf(orderId)).toEqual([
    {
      kind: 'unknown-to-us',
      provider: 'yookassa',
      externalId: acquirerId,
      orderId,
      orderNumber: number,
      paymentId,
      state: 'captured',
      amount: total,
      currency: 'RUB',
    },
  ])
  await tell()
  await shop.runJobs()
  expect(await differencesOf(orderId)).toEqual([])
})

test('a payment that the provider does not have is missing there', async () => {
  const { orderId, paymentId, externalId, about, total } = await bought()
  await shop.db.payment.update({ where: { id: paymentId }, data: { externalId: 'no-such-payment' } })
  expect(await differencesOf(orderId)).toEqual([
    {
      ...about,
      kind: 'missing-at-provider',
      externalId: 'no-such-payment',
      state: 'captured',
      amount: total,
      currency: 'RUB',
    },
    // The one that it has is ours by its key, and no row has its number.
    { ...about, kind: 'unknown-to-us', state: 'captured', amount: total, currency: 'RUB' },
  ])
  await shop.db.payment.update({ where: { id: paymentId }, data: { externalId } })
  expect(await differencesOf(orderId)).toEqual([])
})

test('another sum in our row differs, once', async () => {
  const { orderId, paymentId, about, total } = await bought()
  await shop.db.payment.update({ where: { id: paymentId }, data: { captured: total - 1n } })
  expect(await differencesOf(orderId)).toEqual([
    { ...about, kind: 'captured', ours: total - 1n, theirs: total, currency: 'RUB' },
  ])
  await shop.db.payment.update({ where: { id: paymentId }, data: { captured: total } })

  const pending = await unpaid(await shop.goods())
  const id = pending.payment?.paymentId ?? ''
  await shop.db.payment.update({ where: { id }, data: { amount: 1n } })
  expect(await differencesOf(pending.orderId)).toMatchObject([
    { kind: 'amount', paymentId: id, ours: 1n, theirs: pending.total, currency: 'RUB', theirCurrency: 'RUB' },
  ])
  await shop.db.payment.update({ where: { id }, data: { amount: pending.total, currency: 'USD' } })
  expect(await differencesOf(pending.orderId)).toMatchObject([
    { kind: 'amount', ours: pending.total, theirs: pending.total, currency: 'USD', theirCurrency: 'RUB' },
  ])
  await shop.db.payment.update({ where: { id }, data: { currency: 'RUB' } })
})

test('a refund that somebody made in the provider’s own office is unknown to us', async () => {
  const { orderId, externalId, about } = await bought()
  const made = await shop.yookassa.refund(externalId, { amount: 300n, currency: 'RUB' }, randomUUID(), receipt(300n))
  if (!made.ok) throw new Error(made.detail)
  const refundId = made.value.externalId
  expect(await differencesOf(orderId)).toEqual([
    { ...about, kind: 'refund-unknown-to-us', refundId, state: 'done', amount: 300n, currency: 'RUB' },
  ])
  // Also when the payment itself is older than what is looked at.
  const now = shop.pass(3 * hour)
  const later = await shop.yookassa.refund(externalId, { amount: 200n, currency: 'RUB' }, randomUUID(), receipt(200n))
  if (!later.ok) throw new Error(later.detail)
  shop.pass(2 * minute)
  const window = { since: now, until: shop.now }
  const { differences } = await reconcile(shop.db, providers(), window, shop.now)
  expect(differences).toEqual([
    {
      ...about,
      kind: 'refund-unknown-to-us',
      refundId: later.value.externalId,
      state: 'done',
      amount: 200n,
      currency: 'RUB',
    },
  ])
})

test('a refund that only we have, of another sum, or that ended otherwise differs, once', async () => {
  const { orderId, about, give } = await bought()
  const moveId = await give({ kind: 'amount', amount: 900n })
  await shop.runJobs()
  const { externalId } = await shop.db.paymentMove.findUniqueOrThrow({ where: { id: moveId } })
  const change = (data: { amount?: bigint; externalId?: string | null; state?: string }) =>
    shop.db.paymentMove.update({ where: { id: moveId }, data })
  expect(await differencesOf(orderId)).toEqual([])

  await change({ amount: 901n })
  expect(await differencesOf(orderId)).toMatchObject([{ kind: 'refund-amount', moveId, ours: 901n, theirs: 900n }])
  await change({ amount: 900n, state: 'by_hand' })
  shop.pass(2 * hour)
  const [state, ...more] = await differencesOf(orderId)
  expect(more).toEqual([])
  expect(state).toEqual({
    ...about,
    kind: 'refund-state',
    moveId,
    ours: 'by_hand',
    theirs: 'done',
    amount: 900n,
    currency: 'RUB',
  })
  await change({ state: 'done' })
  expect(await differencesOf(orderId)).toEqual([])

  // Ours only: written down as done, and never asked for.
  const other = await bought()
  const { id } = await shop.db.paymentMove.create({
    data: {
      id: randomUUID(),
      paymentId: other.paymentId,
      kind: 'refund',
      amount: 50n,
      state: 'done',
      reason: 'goodwill',
      createdAt: shop.now,
      updatedAt: shop.now,
    },
  })
  await shop.db.payment.update({ where: { id: other.paymentId }, data: { state: 'part_refunded', refunded: 50n } })
  expect(await differencesOf(other.orderId)).toEqual([
    { ...other.about, kind: 'refund-missing', moveId: id, state: 'done', amount: 50n, currency: 'RUB' },
  ])
  expect(externalId).not.toBeNull()
})

test('a sum of refunds in our row that no refund explains differs', async () => {
  const { orderId, paymentId, about } = await bought()
  await shop.db.payment.update({ where: { id: paymentId }, data: { state: 'part_refunded', refunded: 11n } })
  expect(await differencesOf(orderId)).toEqual([{ ...about, kind: 'refunded', ours: 11n, theirs: 0n, currency: 'RUB' }])
})

test('books that say something else than our rows differ', async () => {
  const { orderId, paymentId, buyer, about, total } = await bought()
  const entries = [
    { account: { kind: 'provider', provider: 'yookassa' }, amount: 7n },
    { account: { kind: 'buyer', personId: buyer }, amount: -7n },
  ] as const
  const posting = { key: `stray:${paymentId}`, kind: 'taken', paymentId, orderId, currency: 'RUB', entries } as const
  await post(shop.db, posting, shop.now)
  expect(await differencesOf(orderId)).toEqual([
    { ...about, kind: 'books', ours: total, booked: total + 7n, currency: 'RUB' },
  ])
})

test('an order that leaves unpaid, and money that pays for nothing, differ', async () => {
  const { orderId, number, total, payment } = await unpaid(await shop.goods())
  await shop.db.order.update({ where: { id: orderId }, data: { state: 'packable' } })
  const odd = {
    provider: 'yookassa',
    orderId,
    orderNumber: number,
    paymentId: payment?.paymentId,
    amount: total,
    currency: 'RUB',
  }
  expect(await differencesOf(orderId)).toEqual([{ ...odd, kind: 'order-without-money', orderState: 'packable' }])
  await shop.db.order.update({ where: { id: orderId }, data: { state: 'awaiting_payment' } })
  expect(await differencesOf(orderId)).toEqual([])

  const paid = await bought()
  await shop.db.order.update({ where: { id: paid.orderId }, data: { state: 'cancelled' } })
  const { provider, orderNumber, paymentId } = paid.about
  const about = { provider, orderId: paid.orderId, orderNumber, paymentId }
  expect(await differencesOf(paid.orderId)).toEqual([
    { ...about, kind: 'money-without-order', orderState: 'cancelled', amount: paid.total, currency: 'RUB' },
  ])
  await paid.give({ kind: 'rest' })
  await shop.runJobs()
  expect(await differencesOf(paid.orderId)).toEqual([])
})

test('a provider that does not answer says nothing, and nothing is stored', async () => {
  const before = await shop.db.reconciliation.count()
  await shop.act('/sim/yookassa/faults', { match: 'list', kind: '500_without_effect', times: 100 })
  await expect(compared()).rejects.toThrow(OutcomeUnknown)
  await expect(reconcileAll(shop.db, { providers: providers() }, 2, shop.now)).rejects.toThrow(OutcomeUnknown)
  await shop.clearFaults()
  expect(await shop.db.reconciliation.count()).toBe(before)
})

test('two workers that compare at once say the same, and the shop is told once', async () => {
  const { orderId, paymentId, seller, total } = await bought()
  await shop.db.payment.update({ where: { id: paymentId }, data: { captured: total - 5n } })
  const now = shop.pass(2 * minute)
  const both = await Promise.all([1, 2].map(() => reconcileAll(shop.db, { providers: providers() }, 9, now)))
  expect(both[0]?.differences).toEqual(both[1]?.differences)
  for (const { differences } of both)
    expect(differences.filter((one) => one.orderId === orderId)).toMatchObject([{ kind: 'captured' }])
  const told = await shop.db.notification.findMany({ where: { personId: seller, kind: 'shop-attention' } })
  expect(told.map(({ data }) => data)).toEqual([{ orderId, about: 'difference' }])

  const rows = await shop.db.reconciliation.findMany({ where: { provider: 'yookassa' }, orderBy: { id: 'desc' } })
  const ofYookassa = both[0]?.differences.filter(({ provider }) => provider === 'yookassa') ?? []
  expect(rows[0]?.differences).toEqual(
    JSON.parse(JSON.stringify(ofYookassa, (_, value: unknown) => (typeof value === 'bigint' ? String(value) : value))),
  )
  expect((await latestDifferences(shop.db)).find(({ provider }) => provider === 'yookassa')).toEqual({
    provider: 'yookassa',
    days: 9,
    count: ofYookassa.length,
  })
  await reconcileAll(shop.db, { providers: providers() }, 9, shop.pass(hour))
  expect(await shop.db.notification.count({ where: { personId: seller, kind: 'shop-attention' } })).toBe(1)
})
