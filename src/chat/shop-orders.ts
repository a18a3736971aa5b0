/** A shop's orders as its people see them: what was bought, by whom by first name only, and what the money does. */
import { wordsIn } from '#domain/people.ts'
import { buyerName, movesOf, type MoveRow } from '#shop/moves.ts'
import { orderForShop, type OrderView } from '#shop/orders.ts'
import { stopAsking } from '#shop/people.ts'
import { shopOrders } from '#shop/shop-money.ts'
import { confused, homeButton, notFound } from './home.ts'
import { leftOf, moneyLines, sumOf } from './money.ts'
import { orderStatus } from './orders.ts'
import { pagingRow } from './paging.ts'
import type { Button, Line } from './screen.ts'
import { shorten, type Reader } from './text.ts'
import type { Outcome, Visit } from './visit.ts'

const pageSize = 6

export async function shopOrderList(
  { deps, visitor, reader }: Visit,
  sellerId: number,
  page: number,
): Promise<Outcome> {
  const found = await shopOrders(deps.db, sellerId, visitor.personId, page)
  if (!found) return notFound()
  const { orders, total } = found
  if (page > 0 && orders.length === 0) return { screen: confused('confused.button') }
  const shopButton: Button = { label: { key: 'button.my-shop' }, intent: { do: 'shop', sellerId } }
  if (orders.length === 0) return { screen: { lines: [{ key: 'shop-orders.none' }], rows: [[shopButton, homeButton]] } }
  const place = { from: page * pageSize + 1, to: page * pageSize + orders.length, total }
  const lines: Line[] = [{ key: 'shop-orders.title', params: place }]
  for (const order of orders) {
    const title = shorten(wordsIn(order.title, reader.language), 80)
    const params = { number: order.number, title, status: { key: orderStatus(order) }, sum: sumOf(order, order.total) }
    lines.push({ key: 'shop-orders.line', params })
  }
  const rows = orders.map(({ orderId, number, title }): Button[] => [
    {
      label: { key: 'orders.button', params: { number, title: { words: title } } },
      intent: { do: 'shop-order', orderId },
    },
  ])
  const hasMore = (page + 1) * pageSize < total
  const paging = pagingRow(page, hasMore, (to) => ({ do: 'shop-orders', sellerId, page: to }), shopButton)
  return { screen: { lines, rows: [...rows, paging] } }
}

export async function shopOrder(visit: Visit, orderId: number): Promise<Outcome> {
  const { deps, visitor } = visit
  const order = await orderForShop(deps.db, orderId, visitor.personId)
  return order ? shopOrderOutcome(visit, order) : notFound()
}

/** Call with an order of a shop of theirs. An amount that was asked for is no longer waited for. */
export async function shopOrderOutcome({ deps, visitor, reader }: Visit, order: OrderView): Promise<Outcome> {
  if (visitor.step === 'amount') await stopAsking(deps.db, visitor.personId, visitor.sender.messenger)
  const { orderId, payment } = order
  const [moves, name] = await Promise.all([movesOf(deps.db, orderId), buyerName(deps.db, order)])
  const asked = moves.filter(({ state }) => state === 'asked').slice(0, 2)
  const byHand = moves
    .filter(({ kind, state }) => kind === 'refund' && state === 'by_hand')
    .slice(0, asked.length > 1 ? 1 : 2)
  const lines: Line[] = [
    { key: 'order.title', params: { number: order.number } },
    { key: 'shop-order.buyer', params: { name: shorten(name, 64) } },
    { key: 'order.status', params: { status: { key: orderStatus(order) } } },
    { gap: true },
    ...goodsLines(order, reader),
    { gap: true },
    ...moneyLines(order, moves, 'shop'),
    ...asked.map((move) => askedLine(order, move, reader)),
  ]
  const rows: Button[][] = asked.map(({ moveId }) => [
    { label: { key: 'button.return-agree' }, intent: { do: 'answer-return', moveId, agrees: 1, isSure: 0 } },
    { label: { key: 'button.return-decline' }, intent: { do: 'answer-return', moveId, agrees: 0, isSure: 0 } },
  ])
  for (const { moveId, amount } of byHand) {
    const label = { key: 'button.refund-made' as const, params: { sum: sumOf(order, amount) } }
    rows.push([{ label, intent: { do: 'refund-made', moveId, isSure: 0 } }])
  }
  const story: Button = { label: { key: 'button.story-shop' }, intent: { do: 'story', orderId } }
  if (payment && leftOf(order) > 0n) rows.push([refundButton(orderId)])
  rows.push(
    [story],
    [{ label: { key: 'button.refresh' }, intent: { do: 'shop-order', orderId } }],
    [
      { label: { key: 'button.shop-orders' }, intent: { do: 'shop-orders', sellerId: order.sellerId, page: 0 } },
      homeButton,
    ],
  )
  return { screen: { lines, rows } }
}

const refundButton = (orderId: number): Button => ({
  label: { key: 'button.refund' },
  intent: { do: 'refund', orderId },
})

function goodsLines(order: OrderView, { language }: Reader): Line[] {
  const goods = order.lines.slice(0, 20).map(({ title, quantity, unitPrice }): Line => {
    const params = { title: shorten(wordsIn(title, language), 80), quantity }
    return { key: 'receipt.line', params: { ...params, sum: sumOf(order, unitPrice * BigInt(quantity)) } }
  })
  return [
    ...goods,
    { key: 'receipt.delivery', params: { sum: sumOf(order, order.deliveryCost) } },
    { key: 'receipt.total', params: { sum: sumOf(order, order.total) } },
  ]
}

function askedLine(order: OrderView, move: MoveRow, { language }: Reader): Line {
  const line = order.lines.find(({ lineId }) => lineId === move.lineId)
  const title = shorten(wordsIn(line?.title ?? order.title, language), 80)
  const params = { title, quantity: move.quantity ?? 1, sum: sumOf(order, move.amount) }
  return { key: 'shop-order.return-asked', params }
}
