/** A buyer sends something back: which line, how many of it, and the shop is asked. */
import { wordsIn } from '#domain/people.ts'
import { movesOf } from '#shop/moves.ts'
import { orderOf, type OrderView } from '#shop/orders.ts'
import { askReturn, isReturnable } from '#shop/refunds.ts'
import { notFound } from './home.ts'
import { quantityLeft, sumOf } from './money.ts'
import { orderOutcome } from './orders.ts'
import type { Button } from './screen.ts'
import { shorten } from './text.ts'
import type { Outcome, Visit } from './visit.ts'

export async function chooseReturn(visit: Visit, orderId: number): Promise<Outcome> {
  const order = await returnable(visit, orderId)
  if (!('orderId' in order)) return order
  const [only, ...others] = order.lines
  if (only && others.length === 0) return chooseQuantity(visit, orderId, only.lineId)
  const rows = order.lines.slice(0, 8).map(({ lineId, title, unitPrice }): Button[] => [
    {
      label: { key: 'return.line', params: { title: { words: title }, sum: sumOf(order, unitPrice) } },
      intent: { do: 'return-line', orderId, lineId },
    },
  ])
  return { screen: { lines: [{ key: 'return.which' }], rows: [...rows, [backTo(orderId)]] } }
}

const backTo = (orderId: number): Button => ({ label: { key: 'button.back' }, intent: { do: 'order', orderId } })

/** Also says what will happen: nothing moves before the shop has agreed. */
export async function chooseQuantity(visit: Visit, orderId: number, lineId: number): Promise<Outcome> {
  const order = await returnable(visit, orderId)
  if (!('orderId' in order)) return order
  const line = order.lines.find((one) => one.lineId === lineId)
  if (!line) return notFound()
  const left = Math.min(quantityLeft(line, await movesOf(visit.deps.db, orderId)), 8)
  if (left < 1) return { ...(await orderOutcome(order, visit)), toast: 'return.refused-too-much', alert: true }
  const title = shorten(wordsIn(line.title, visit.reader.language), 160)
  const how = order.payment?.method === 'on-delivery' ? 'return.how-door' : 'return.how'
  const rows = Array.from({ length: left }, (_, at): Button[] => {
    const quantity = at + 1
    const params = { quantity, sum: sumOf(order, line.unitPrice * BigInt(quantity)) }
    return [{ label: { key: 'return.send', params }, intent: { do: 'ask-return', orderId, lineId, quantity } }]
  })
  return {
    screen: { lines: [{ raw: title, style: 'bold' }, { key: how }], rows: [...rows, [backTo(orderId)]] },
  }
}

export async function askForReturn(
  visit: Visit,
  { orderId, lineId, quantity }: { orderId: number; lineId: number; quantity: number },
): Promise<Outcome> {
  const { deps, visitor } = visit
  const who = { personId: visitor.personId, orderId, requestKey: visitor.requestKey, now: deps.now() }
  const result = await askReturn(deps.db, who, { lineId, quantity })
  const order = await orderOf(deps.db, orderId, visitor.personId)
  if (!order) return notFound()
  const page = await orderOutcome(order, visit)
  if (result.ok) return { ...page, toast: 'return.asked-toast' }
  return result.reason === 'not-found' ? notFound() : { ...page, toast: `return.refused-${result.reason}`, alert: true }
}

async function returnable(visit: Visit, orderId: number): Promise<OrderView | Outcome> {
  const order = await orderOf(visit.deps.db, orderId, visit.visitor.personId)
  if (!order) return notFound()
  if (isReturnable(order, visit.reader.now)) return order
  return { ...(await orderOutcome(order, visit)), toast: 'return.refused-too-late', alert: true }
}
