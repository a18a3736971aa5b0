/** The ways to pay for an order: on a page, by an invoice in the chat, at the door. */
import { isUnpaid, type PaymentMethod } from '#domain/payments.ts'
import { wordsIn } from '#domain/people.ts'
import { methodsOfOrder, payBy } from '#shop/paying.ts'
import { invoiceData } from '#shop/invoices.ts'
import { orderOf, type OrderView } from '#shop/orders.ts'
import { confused, notFound } from './home.ts'
import { sumOf, wayLine } from './money.ts'
import { orderOutcome, orderPage } from './orders.ts'
import type { Button, Line, Screen } from './screen.ts'
import { shorten } from './text.ts'
import type { Outcome, Visit } from './visit.ts'

/** Every way that can work for the order, each said in a line before it is chosen. */
export async function ways(visit: Visit, orderId: number): Promise<Outcome> {
  const found = await payable(visit, orderId)
  if ('screen' in found) return found
  const { order, methods } = found
  const lines: Line[] = [{ key: 'way.choose', params: { total: sumOf(order, order.total) } }, { gap: true }]
  const rows = methods.map((method): Button[] => [
    { label: { key: `button.way-${method}` }, intent: { do: 'pay-by', orderId, method } },
  ])
  return {
    screen: {
      lines: [...lines, ...methods.map((method) => wayLine(method, order))],
      rows: [...rows, [backTo(orderId)]],
    },
  }
}

const backTo = (orderId: number): Button => ({ label: { key: 'button.back' }, intent: { do: 'order', orderId } })

/** An order of theirs that still waits for its payment, or the screen that says how it stands. */
async function payable(
  visit: Visit,
  orderId: number,
): Promise<{ order: OrderView; methods: PaymentMethod[] } | (Outcome & { screen: Screen })> {
  const { deps, visitor } = visit
  const order = await orderOf(deps.db, orderId, visitor.personId)
  if (!order) return notFound()
  const isOpen = order.state === 'awaiting_payment' && order.expiresAt > visit.reader.now
  if (!isOpen || !order.payment || !isUnpaid(order.payment.state)) {
    const { screen = confused('confused.not-found'), ...rest } = await orderOutcome(order, visit)
    return { ...rest, screen }
  }
  return { order, methods: await methodsOfOrder(deps.db, order, deps) }
}

/** A way was chosen. A promise to pay at the door is asked about once more: it places the order. */
export async function payByMethod(visit: Visit, orderId: number, method: PaymentMethod): Promise<Outcome> {
  if (method !== 'on-delivery') return pay(visit, orderId, method)
  const found = await payable(visit, orderId)
  if ('screen' in found) return found
  const { order, methods } = found
  if (!methods.includes(method))
    return { ...(await orderOutcome(order, visit)), toast: 'way.not-possible', alert: true }
  const sure: Line = { key: 'way.promise-sure', params: { total: sumOf(order, order.total) } }
  const promise: Button = { label: { key: 'button.promise' }, intent: { do: 'promise', orderId } }
  return { screen: { lines: [sure, wayLine(method, order)], rows: [[promise], [backTo(orderId)]] } }
}

export async function promiseAtDoor(visit: Visit, orderId: number): Promise<Outcome> {
  return pay(visit, orderId, 'on-delivery')
}

/** Once more by the way that was chosen before. */
export async function tryPayingAgain(visit: Visit, orderId: number): Promise<Outcome> {
  return pay(visit, orderId)
}

async function pay(visit: Visit, orderId: number, method?: PaymentMethod): Promise<Outcome> {
  const { deps, visitor } = visit
  const wish = { personId: visitor.personId, orderId, now: deps.now(), ...(method && { method }) }
  const result = await payBy(deps.db, wish, deps)
  if (result.ok) {
    const { order } = result
    const isInvoice = order.payment?.method === 'invoice' && isUnpaid(order.payment.state)
    if (isInvoice && order.state === 'awaiting_payment') return invoiceOutcome(order, visit)
    return orderOutcome(order, visit)
  }
  const page = await orderPage(visit, orderId)
  // What is paid for already, or over, says so itself.
  return result.reason === 'no-payment-method' ? { ...page, toast: 'way.not-possible', alert: true } : page
}

function invoiceOutcome(order: OrderView, { deps, reader: { language } }: Visit): Outcome {
  const { payment, currency, orderId } = order
  const providerData = invoiceData(order, deps)
  if (!payment) throw new Error(`order ${orderId} has an invoice and no payment`)
  const goods = order.lines.map(({ title, quantity, unitPrice }) => ({
    label: { key: 'invoice.line' as const, params: { title: shorten(wordsIn(title, language), 30), quantity } },
    amount: unitPrice * BigInt(quantity),
  }))
  const delivery = { label: { key: 'invoice.delivery' as const }, amount: order.deliveryCost }
  const screen: Screen = {
    lines: [{ key: 'invoice.below', params: { number: order.number, until: { at: order.expiresAt } } }],
    rows: [[{ label: { key: 'button.my-order' }, intent: { do: 'order', orderId } }]],
    invoice: {
      paymentId: payment.paymentId,
      title: { key: 'invoice.title', params: { number: order.number } },
      description: { raw: wordsIn(order.title, language) },
      lines: order.deliveryCost > 0n ? [...goods, delivery] : goods,
      currency,
      ...(providerData !== undefined && { providerData }),
    },
  }
  return { screen, asNew: true }
}
