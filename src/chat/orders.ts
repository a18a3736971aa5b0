import { declineAdvice } from '#domain/payments.ts'
import { wordsIn } from '#domain/people.ts'
import { ordersOf, type OrderView } from '#shop/orders.ts'
import { homeButton } from './home.ts'
import { optionsText } from './options.ts'
import type { Button, Line, Screen } from './screen.ts'
import { shorten, type Reader } from './text.ts'
import type { Outcome, Visit } from './visit.ts'
import type { Key } from './words.ts'

/** Where an order stands, in one of the words that people are told. */
export function orderStatus(order: OrderView): Key {
  const { shipment } = order
  switch (order.state) {
    case 'awaiting_payment':
      return order.payment?.state === 'capturing' ? 'order.state.paying' : 'order.state.awaiting-payment'
    case 'awaiting_group':
      if (order.payment?.state === 'voiding') return 'order.state.releasing'
      return order.payment?.state === 'capturing' ? 'order.state.paying' : 'order.state.awaiting-group'
    case 'packable':
      return shipment?.state === 'refused' ? 'order.state.carrier-refused' : 'order.state.packable'
    case 'handed_over':
    case 'delivered':
      return shipment && shipment.state !== 'requested' && shipment.state !== 'refused'
        ? `shipment.${shipment.state}`
        : 'order.state.packable'
    case 'cancelled':
      return order.payment?.state === 'voiding' ? 'order.state.releasing' : 'order.state.cancelled'
  }
}

/** Nothing was paid for it yet, and it still has time. */
export function isChangeable({ state, expiresAt, payment }: OrderView, { now }: Pick<Reader, 'now'>): boolean {
  return state === 'awaiting_payment' && expiresAt > now && payment?.state !== 'capturing'
}

/** An order's screen, kept up to date while it is shown. */
export function orderOutcome(order: OrderView, reader: Reader): Outcome {
  return { screen: orderScreen(order, reader), follows: { orderId: order.orderId } }
}

/** An order with what can be done about it now. */
export function orderScreen(order: OrderView, reader: Reader): Screen {
  const money = (amount: bigint) => ({ money: { amount, currency: order.currency } })
  const lines: Line[] = [
    { key: 'order.title', params: { number: order.number } },
    { raw: { words: order.title }, style: 'bold' },
  ]
  const option = optionsText(order.options, reader.language)
  const promise: Line = {
    key: 'order.promise',
    params: { days: { days: { from: order.promisedFrom, to: order.promisedTo } } },
  }
  if (option !== '') lines.push({ key: 'product.option', params: { option } })
  lines.push(
    { key: 'order.status', params: { status: { key: orderStatus(order) } } },
    { gap: true },
    {
      key: 'order.sum',
      params: { goods: money(order.goodsTotal), delivery: money(order.deliveryCost), total: money(order.total) },
    },
    ...(order.state === 'delivered' || order.state === 'cancelled' ? [] : [promise]),
    { key: 'order.place', params: { city: order.recipient.cityName, point: order.recipient.pickupPointText } },
    { key: 'order.recipient', params: { name: order.recipient.name, phone: order.recipient.phone } },
  )
  if (order.shipment?.number) lines.push({ key: 'order.parcel', params: { number: order.shipment.number } })

  const rows: Button[][] = []
  const { orderId } = order
  if (isChangeable(order, reader)) {
    const { payment } = order
    if (payment?.state === 'failed') {
      lines.push({ gap: true }, { key: `declined.${declineAdvice(payment.declineReason)}` })
      rows.push([{ label: { key: 'button.pay-again' }, intent: { do: 'pay-again', orderId } }])
    } else if (payment?.confirmationUrl) {
      const key = order.seat ? 'order.hold-group' : 'order.hold-alone'
      lines.push({ gap: true }, { key, params: { until: { at: order.expiresAt } } })
      rows.push([{ label: { key: 'button.pay', params: { total: money(order.total) } }, pay: payment.confirmationUrl }])
    } else {
      lines.push({ gap: true }, { key: 'order.page-coming' })
      rows.push([{ label: { key: 'button.refresh' }, intent: { do: 'order', orderId } }])
    }
    rows.push([
      { label: { key: 'button.change-delivery' }, intent: { do: 'change-delivery', orderId } },
      { label: { key: 'button.cancel' }, intent: { do: 'cancel-order', orderId } },
    ])
  }
  if (order.seat && order.state !== 'awaiting_payment') {
    const { seat } = order
    if (seat.groupState === 'open' && seat.state === 'paid') {
      rows.push([{ label: { key: 'button.share-group' }, share: { kind: 'group', token: seat.groupToken } }])
    }
    rows.push([{ label: { key: 'button.group' }, intent: { do: 'group', groupId: seat.groupId } }])
  }
  if (order.state === 'cancelled') {
    rows.push([{ label: { key: 'button.product' }, intent: { do: 'product', productId: order.productId } }])
  }
  rows.push([{ label: { key: 'button.orders' }, intent: { do: 'orders' } }, homeButton])
  return { ...(order.picture !== null && { picture: order.picture }), lines, rows }
}

export async function orders({ deps, visitor, reader }: Visit): Promise<Outcome> {
  const found = await ordersOf(deps.db, visitor.personId)
  if (found.length === 0) {
    const search: Button = { label: { key: 'button.search' }, intent: { do: 'ask-search' } }
    return { screen: { picture: 'brand/empty', lines: [{ key: 'orders.none' }], rows: [[search, homeButton]] } }
  }
  const lines: Line[] = [{ key: 'orders.title' }]
  for (const order of found) {
    // Eight of them fit under the picture.
    const title = shorten(wordsIn(order.title, reader.language), 50)
    const params = { number: order.number, title, status: { key: orderStatus(order) } }
    lines.push({ key: 'orders.line', params })
  }
  const rows = found.slice(0, 8).map((order): Button[] => [
    {
      label: { key: 'orders.button', params: { number: order.number, title: { words: order.title } } },
      intent: { do: 'order', orderId: order.orderId },
    },
  ])
  return { screen: { picture: 'brand/orders', lines, rows: [...rows, [homeButton]] } }
}
