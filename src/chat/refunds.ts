/** The shop gives money back. Every way ends with a tap that says exactly what will happen, once however often tapped. */
import { wordsIn } from '#domain/people.ts'
import { moveForShop, movesOf } from '#shop/moves.ts'
import { orderForShop, type OrderView } from '#shop/orders.ts'
import { ask, stopAsking } from '#shop/people.ts'
import { answerReturn, refund, refundedByHand, type RefundResult } from '#shop/refunds.ts'
import { notFound } from './home.ts'
import { leftOf, quantityLeft, sumOf } from './money.ts'
import type { Button, Line } from './screen.ts'
import { shopOrder, shopOrderOutcome } from './shop-orders.ts'
import { shorten } from './text.ts'
import type { Outcome, Visit } from './visit.ts'
import type { Key } from './words.ts'

type Of = { orderId: number }

/** Runs with an order of a shop of theirs that has money left to give back. */
async function withMoney(visit: Visit, orderId: number, answer: (order: OrderView) => Promise<Outcome> | Outcome) {
  const order = await orderForShop(visit.deps.db, orderId, visit.visitor.personId)
  if (!order) return notFound()
  if (leftOf(order) > 0n) return answer(order)
  return { ...(await shopOrderOutcome(visit, order)), toast: 'refund.refused-too-much' as const, alert: true }
}

const backTo = (orderId: number): Button => ({ label: { key: 'button.back' }, intent: { do: 'shop-order', orderId } })

/** What can be given back. */
export async function refundPage(visit: Visit, orderId: number): Promise<Outcome> {
  return withMoney(visit, orderId, async (order) => {
    const left = leftOf(order)
    const lines: Line[] = [
      { key: 'refund.what', params: { number: order.number } },
      { key: 'refund.left', params: { sum: sumOf(order, left) } },
    ]
    const moves = await movesOf(visit.deps.db, orderId)
    const goods = order.lines.filter((line) => quantityLeft(line, moves) > 0).slice(0, 5)
    const rows = goods.map(({ lineId, title, unitPrice }): Button[] => {
      const sum = sumOf(order, unitPrice < left ? unitPrice : left)
      const label = { key: 'return.line', params: { title: { words: title }, sum } } as const
      return [{ label, intent: { do: 'refund-line', orderId, lineId } }]
    })
    const rest = { key: 'button.refund-rest' as const, params: { sum: sumOf(order, leftOf(order)) } }
    rows.push(
      [{ label: { key: 'button.refund-other' }, intent: { do: 'refund-other', orderId } }],
      [{ label: rest, intent: { do: 'refund-rest', orderId } }],
      [backTo(orderId)],
    )
    return { screen: { lines, rows } }
  })
}

export async function refundLine(visit: Visit, orderId: number, lineId: number): Promise<Outcome> {
  return withMoney(visit, orderId, async (order) => {
    const line = order.lines.find((one) => one.lineId === lineId)
    if (!line) return notFound()
    const left = quantityLeft(line, await movesOf(visit.deps.db, orderId))
    if (left < 1) {
      return { ...(await shopOrderOutcome(visit, order)), toast: 'refund.refused-too-much' as const, alert: true }
    }
    if (left === 1) return refundLines(visit, { orderId, lineId, quantity: 1 })
    const rows = Array.from({ length: Math.min(left, 8) }, (_, at): Button[] => {
      const params = { quantity: at + 1, sum: sumOf(order, line.unitPrice * BigInt(at + 1)) }
      return [
        { label: { key: 'return.send', params }, intent: { do: 'refund-lines', orderId, lineId, quantity: at + 1 } },
      ]
    })
    return { screen: { lines: [{ key: 'refund.how-many' }], rows: [...rows, [backTo(orderId)]] } }
  })
}

export async function refundLines(
  visit: Visit,
  { orderId, lineId, quantity }: Of & { lineId: number; quantity: number },
): Promise<Outcome> {
  return withMoney(visit, orderId, (order) => {
    const line = order.lines.find((one) => one.lineId === lineId)
    if (!line || quantity < 1 || quantity > line.quantity) return notFound()
    const price = line.unitPrice * BigInt(quantity)
    const amount = price < leftOf(order) ? price : leftOf(order)
    const params = { title: shorten(wordsIn(line.title, visit.reader.language), 160), quantity }
    const sure: Line = { key: 'refund.sure-line', params: { ...params, sum: sumOf(order, amount) } }
    const token = visit.deps.newToken()
    return confirm(order, sure, {
      label: { key: 'button.refund-now', params: { sum: sumOf(order, amount) } },
      intent: { do: 'refund-lines-now', orderId, lineId, quantity, token },
    })
  })
}

export async function refundRest(visit: Visit, orderId: number): Promise<Outcome> {
  return withMoney(visit, orderId, (order) => refundAmount(visit, order, leftOf(order)))
}

function refundAmount(visit: Visit, order: OrderView, amount: bigint): Outcome {
  const { orderId } = order
  const sum = sumOf(order, amount)
  return confirm(
    order,
    { key: 'refund.sure', params: { sum, number: order.number } },
    {
      label: { key: 'button.refund-now', params: { sum } },
      intent: { do: 'refund-amount-now', orderId, amount, token: visit.deps.newToken() },
    },
  )
}

function confirm(order: OrderView, sure: Line, yes: Button): Outcome {
  const key = order.payment?.method === 'on-delivery' ? 'refund.by-yourself' : 'refund.by-provider'
  return { screen: { lines: [sure, { gap: true }, { key }], rows: [[yes], [backTo(order.orderId)]] } }
}

export async function askOtherAmount(visit: Visit, orderId: number): Promise<Outcome> {
  return withMoney(visit, orderId, async (order) => {
    const { deps, visitor } = visit
    await ask(deps.db, visitor.personId, visitor.sender.messenger, 'amount', { about: 'refund', orderId }, deps.now())
    const params = { sum: sumOf(order, leftOf(order)), number: order.number }
    return { screen: { lines: [{ key: 'refund.ask-amount', params }], rows: [[backTo(orderId)]] } }
  })
}

/** The amount that was asked for, already read. The question stays open until it can be done. */
export async function amountTyped(
  visit: Visit,
  orderId: number,
  read: (currency: string) => bigint | undefined,
): Promise<Outcome> {
  return withMoney(visit, orderId, async (order) => {
    const { deps, visitor } = visit
    const amount = read(order.currency)
    const retry = (key: Key, sum = leftOf(order)): Outcome => ({
      screen: { lines: [{ key, params: { sum: sumOf(order, sum) } }], rows: [[backTo(orderId)]] },
    })
    if (amount === undefined) return retry('amount.unclear')
    if (amount > leftOf(order)) return retry('amount.too-much')
    await stopAsking(deps.db, visitor.personId, visitor.sender.messenger)
    return refundAmount(visit, order, amount)
  })
}

export async function refundLinesNow(
  visit: Visit,
  { orderId, lineId, quantity, token }: Of & { lineId: number; quantity: number; token: string },
): Promise<Outcome> {
  const result = await refund(visit.deps.db, whoOf(visit, orderId, token), { kind: 'line', lineId, quantity })
  return refunded(visit, orderId, result)
}

export async function refundAmountNow(
  visit: Visit,
  { orderId, amount, token }: Of & { amount: bigint; token: string },
): Promise<Outcome> {
  const result = await refund(visit.deps.db, whoOf(visit, orderId, token), { kind: 'amount', amount })
  return refunded(visit, orderId, result)
}

/** The token came with the confirming button: a second tap on it is the same request, however much money is left. */
function whoOf({ deps, visitor: { personId } }: Visit, orderId: number, token: string) {
  return { personId, orderId, requestKey: `refund:${orderId}:${token}`, now: deps.now() }
}

async function refunded(visit: Visit, orderId: number, result: RefundResult): Promise<Outcome> {
  const page = await shopOrder(visit, orderId)
  if (result.ok) {
    const order = await orderForShop(visit.deps.db, orderId, visit.visitor.personId)
    return { ...page, toast: order?.payment?.method === 'on-delivery' ? 'refund.door-toast' : 'refund.started-toast' }
  }
  // An order of others has no page either.
  return result.reason === 'not-found' ? page : { ...page, toast: `refund.refused-${result.reason}`, alert: true }
}

/** A buyer wants to send something back: agreeing starts the refund, so both answers are asked about once. */
export async function answerReturnAsked(
  visit: Visit,
  { moveId, agrees, isSure }: { moveId: string; agrees: number; isSure: number },
): Promise<Outcome> {
  const { deps, visitor } = visit
  const found = await moveForShop(deps.db, moveId, visitor.personId)
  if (!found) return notFound()
  const { move, order } = found
  if (isSure !== 1 && move.state === 'asked') {
    const params = { number: order.number, sum: sumOf(order, move.amount) }
    const intent = { do: 'answer-return', moveId, agrees, isSure: 1 } as const
    if (agrees === 1) {
      const label = { key: 'button.refund-now', params: { sum: params.sum } } as const
      return confirm(order, { key: 'return.agree-sure', params }, { label, intent })
    }
    const no: Button = { label: { key: 'button.return-decline-sure' }, intent }
    const sure: Line = { key: 'return.decline-sure', params }
    return { screen: { lines: [sure], rows: [[no], [backTo(order.orderId)]] } }
  }
  const who = { personId: visitor.personId, moveId, now: deps.now() }
  const result = await answerReturn(deps.db, who, agrees === 1)
  const page = await shopOrder(visit, order.orderId)
  if (result.ok) {
    const agreed = order.payment?.method === 'on-delivery' ? 'refund.door-toast' : 'return.agreed-toast'
    return { ...page, toast: agrees === 1 ? agreed : 'return.declined-toast' }
  }
  return {
    ...page,
    toast: result.reason === 'too-much' ? 'refund.refused-too-much' : 'refund.refused-answered',
    alert: true,
  }
}

/** Money that the provider would not return was given back past it. */
export async function refundMade(
  visit: Visit,
  { moveId, isSure }: { moveId: string; isSure: number },
): Promise<Outcome> {
  const { deps, visitor } = visit
  const found = await moveForShop(deps.db, moveId, visitor.personId)
  if (!found) return notFound()
  const { move, order } = found
  const sum = sumOf(order, move.amount)
  if (isSure !== 1 && move.state === 'by_hand') {
    const yes: Button = {
      label: { key: 'button.refund-made-sure', params: { sum } },
      intent: { do: 'refund-made', moveId, isSure: 1 },
    }
    const sure: Line = { key: 'refund.made-sure', params: { sum, number: order.number } }
    return { screen: { lines: [sure], rows: [[yes], [backTo(order.orderId)]] } }
  }
  const result = await refundedByHand(deps.db, { personId: visitor.personId, moveId, now: deps.now() })
  const page = await shopOrder(visit, order.orderId)
  return result.ok
    ? { ...page, toast: 'refund.made-toast' }
    : { ...page, toast: 'refund.refused-answered', alert: true }
}
