/** A buyer's orders. */
import { declineAdvice, isDead, isTaken, isUnpaid, type PaymentMethod } from '#domain/payments.ts'
import { wordsIn } from '#domain/people.ts'
import { ownChoice } from '#shop/group-terms.ts'
import { methodsOfOrder } from '#shop/paying.ts'
import type { Deps } from '#shop/deps.ts'
import { movesOf, type MoveRow } from '#shop/moves.ts'
import { moneyStory, orderOf, ordersOf, type OrderView } from '#shop/orders.ts'
import { ratingOf } from '#shop/ratings.ts'
import { isReturnable } from '#shop/refunds.ts'
import { choiceParts } from './choices.ts'
import { homeButton, notFound } from './home.ts'
import { leftOf, moneyLines, quantityLeft, returnLines, sumOf, wayLine } from './money.ts'
import { optionsText } from './options.ts'
import { ownChoiceButtons } from './own-choice.ts'
import { ratingRow } from './ratings.ts'
import type { Button, Line, Screen } from './screen.ts'
import { shorten, type Reader } from './text.ts'
import type { Outcome, Visit } from './visit.ts'
import type { Key } from './words.ts'

/** Where an order stands, in one of the words that people are told. */
export function orderStatus(order: OrderView): Key {
  const { shipment, payment } = order
  const isPromised = payment?.state === 'promised'
  switch (order.state) {
    case 'awaiting_payment':
      return payment?.state === 'capturing' ? 'order.state.paying' : 'order.state.awaiting-payment'
    case 'awaiting_group':
      if (payment?.state === 'voiding') return 'order.state.releasing'
      if (payment?.state === 'capturing') return 'order.state.paying'
      // A hold is not a payment yet, and the line about the money says so.
      return isPromised || payment?.state === 'held'
        ? 'order.state.awaiting-group-unpaid'
        : 'order.state.awaiting-group'
    case 'awaiting_choice':
      return 'order.state.awaiting-choice'
    case 'packable':
      if (shipment?.state === 'refused') return 'order.state.carrier-refused'
      return isPromised ? 'order.state.packable-unpaid' : 'order.state.packable'
    case 'handed_over':
    case 'delivered':
      return shipment && shipment.state !== 'requested' && shipment.state !== 'refused'
        ? `shipment.${shipment.state}`
        : 'order.state.packable'
    case 'cancelled':
      return payment?.state === 'voiding' || (payment?.refunding ?? 0n) > 0n
        ? 'order.state.releasing'
        : 'order.state.cancelled'
  }
}

/** Nothing was paid for it yet, and it still has time. */
export function isChangeable({ state, expiresAt, payment }: OrderView, { now }: Pick<Reader, 'now'>): boolean {
  return state === 'awaiting_payment' && expiresAt > now && payment?.state !== 'capturing'
}

/** An order's screen, kept up to date while it is shown. */
export async function orderOutcome(
  order: OrderView,
  { deps, reader }: Pick<Visit, 'deps' | 'reader'>,
): Promise<Outcome> {
  return { screen: await orderScreen(order, reader, deps), follows: { orderId: order.orderId } }
}

export async function orderPage(visit: Visit, orderId: number): Promise<Outcome> {
  const order = await orderOf(visit.deps.db, orderId, visit.visitor.personId)
  return order ? orderOutcome(order, visit) : notFound()
}

/** An order with what can be done about it now. */
export async function orderScreen(order: OrderView, reader: Reader, deps: Deps): Promise<Screen> {
  const { orderId } = order
  const isPayable = order.state === 'awaiting_payment' && order.expiresAt > reader.now
  const [moves, events, choice, methods, own, rating] = await Promise.all([
    movesOf(deps.db, orderId),
    moneyStory(deps.db, orderId),
    choiceParts(order, { deps, reader }),
    isPayable ? methodsOfOrder(deps.db, order, deps) : [],
    isPayable ? ownChoice(deps.db, order, reader.now) : undefined,
    order.state === 'delivered' ? ratingOf(deps.db, order.personId, order.productId) : undefined,
  ])
  const lines: Line[] = [
    { key: 'order.title', params: { number: order.number } },
    // What becomes of the money needs the room later.
    { raw: shorten(wordsIn(order.title, reader.language), isPayable ? 250 : 120), style: 'bold' },
    ...orderFacts(order, reader),
  ]
  const rows: Button[][] = []
  if (isPayable && order.payment && isUnpaid(order.payment.state)) {
    const asked = paymentRequest(order, order.payment)
    lines.push({ gap: true }, ...asked.lines)
    rows.push([asked.button])
    if (methods.length > 1) rows.push([{ label: { key: 'button.ways' }, intent: { do: 'ways', orderId } }])
    if (order.seat && canFriendPay(methods)) {
      rows.push([{ label: { key: 'button.ask-friend' }, intent: { do: 'ask-friend', orderId } }])
    }
    rows.push(...ownChoiceButtons(orderId, own))
    rows.push([
      { label: { key: 'button.change-delivery' }, intent: { do: 'change-delivery', orderId } },
      { label: { key: 'button.cancel' }, intent: { do: 'cancel-order', orderId } },
    ])
  } else {
    const told = [...moneyLines(order, moves), ...returnLines(order, moves)]
    if (told.length > 0) lines.push({ gap: true }, ...told)
    if (choice) lines.push({ gap: true }, ...choice.lines)
    rows.push(...(choice?.rows ?? []))
  }
  rows.push(...laterButtons(order, moves, reader))
  if (order.state === 'delivered') {
    rows.push([{ label: { key: 'button.buy-again' }, intent: { do: 'buy-again', orderId } }])
    // Those that follow are the story, the orders and home.
    rows.push(ratingRow(orderId, rating, rows.flat().length + 3))
  }
  if (events.length > 0) rows.push([{ label: { key: 'button.story' }, intent: { do: 'story', orderId } }])
  rows.push([{ label: { key: 'button.orders' }, intent: { do: 'orders' } }, homeButton])
  return { ...(order.picture !== null && { picture: order.picture }), lines, rows }
}

function orderFacts(order: OrderView, reader: Reader): Line[] {
  const option = optionsText(order.options, reader.language)
  const sums = {
    goods: sumOf(order, order.goodsTotal),
    delivery: sumOf(order, order.deliveryCost),
    total: sumOf(order, order.total),
  }
  const lines: Line[] = option === '' ? [] : [{ key: 'product.option', params: { option } }]
  lines.push(
    { key: 'order.status', params: { status: { key: orderStatus(order) } } },
    { gap: true },
    ...(order.quantity > 1 ? [{ key: 'order.units', params: { units: order.quantity } } as const] : []),
    { key: 'order.sum', params: sums },
  )
  if (order.state !== 'delivered' && order.state !== 'cancelled') {
    lines.push({ key: 'order.promise', params: { days: { days: { from: order.promisedFrom, to: order.promisedTo } } } })
  }
  lines.push(
    { key: 'order.place', params: { city: order.recipient.cityName, point: order.recipient.pickupPointText } },
    { key: 'order.recipient', params: { name: order.recipient.name, phone: order.recipient.phone } },
  )
  if (order.shipment?.number) lines.push({ key: 'order.parcel', params: { number: order.shipment.number } })
  return lines
}

/** A friend pays on a page of the provider's: the other ways are the buyer's own. */
function canFriendPay(methods: readonly PaymentMethod[]): boolean {
  return methods.includes('card') || methods.includes('sbp')
}

/** What pays an order now; undefined when there is nothing to pay any more. */
export function payButtonOf(order: OrderView, { now }: Pick<Reader, 'now'>): Button | undefined {
  const isPayable = order.state === 'awaiting_payment' && order.expiresAt > now
  return isPayable && order.payment && isUnpaid(order.payment.state)
    ? paymentRequest(order, order.payment).button
    : undefined
}

/** The way that is chosen: what it does with the money, until when, and the button for it. */
function paymentRequest(
  order: OrderView,
  payment: NonNullable<OrderView['payment']>,
): { lines: Line[]; button: Button } {
  const { orderId } = order
  const { method } = payment
  const pay = { key: 'button.pay', params: { total: sumOf(order, order.total) } } as const
  const kept: Line = {
    key: order.seat ? 'order.hold-group' : 'order.hold-alone',
    params: { until: { at: order.expiresAt } },
  }
  if (isDead(payment.state)) {
    return {
      lines: [{ key: `declined.${declineAdvice(payment.declineReason)}` }, kept],
      button: { label: { key: 'button.pay-again' }, intent: { do: 'pay-again', orderId } },
    }
  }
  const stop: Line[] = order.seat ? [{ key: 'group.stop-point' }] : []
  const lines = [kept, ...stop, wayLine(method, order)]
  if (method === 'on-delivery') {
    return { lines, button: { label: { key: 'button.promise' }, intent: { do: 'pay-by', orderId, method } } }
  }
  if (method === 'invoice') return { lines, button: { label: pay, intent: { do: 'pay-by', orderId, method } } }
  if (payment.confirmationUrl !== null) return { lines, button: { label: pay, pay: payment.confirmationUrl } }
  return {
    lines: [{ key: 'order.page-coming' }],
    button: { label: { key: 'button.refresh' }, intent: { do: 'order', orderId } },
  }
}

function laterButtons(order: OrderView, moves: readonly MoveRow[], reader: Reader): Button[][] {
  const { orderId, seat } = order
  const rows: Button[][] = []
  if (seat && order.state !== 'awaiting_payment') {
    if (seat.groupState === 'open' && seat.state === 'paid') {
      rows.push([{ label: { key: 'button.share-group' }, share: { kind: 'group', token: seat.groupToken } }])
    }
    rows.push([{ label: { key: 'button.group' }, intent: { do: 'group', groupId: seat.groupId } }])
    if (seat.groupState === 'formed' && (seat.state === 'paid' || seat.state === 'confirmed')) {
      const { groupId, groupVariantId: variantId } = seat
      rows.push([{ label: { key: 'button.same-team' }, intent: { do: 'again', groupId, variantId } }])
    }
  }
  // Money that came late has a button of its own for going back.
  if (isCancellable(order) && order.state !== 'awaiting_choice') {
    const key = order.state === 'awaiting_group' ? 'button.leave-group' : 'button.cancel'
    rows.push([{ label: { key }, intent: { do: 'cancel-order', orderId } }])
  }
  if (isReturnable(order, reader.now) && hasReturnable(order, moves)) {
    rows.push([{ label: { key: 'button.return' }, intent: { do: 'return', orderId } }])
  }
  if (order.state === 'cancelled') {
    rows.push([{ label: { key: 'button.buy-again' }, intent: { do: 'buy-again', orderId } }])
  }
  return rows
}

/** A line that is whole or partly here, and about which the shop does not think already. */
function hasReturnable(order: OrderView, moves: readonly MoveRow[]): boolean {
  const isAsked = (lineId: number) => moves.some((move) => move.lineId === lineId && move.state === 'asked')
  return leftOf(order) > 0n && order.lines.some((line) => quantityLeft(line, moves) > 0 && !isAsked(line.lineId))
}

/** Whether its buyer can give up an order that has money; the operation decides once more. */
export function isCancellable({ state, payment, seat, shipment }: OrderView): boolean {
  const hasMoney = payment && (['held', 'promised'].includes(payment.state) || isTaken(payment.state))
  if (!hasMoney) return false
  if (state === 'awaiting_group') return seat?.groupState === 'open'
  if (state === 'awaiting_choice') return true
  return state === 'packable' && shipment !== undefined && ['requested', 'refused', 'created'].includes(shipment.state)
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
