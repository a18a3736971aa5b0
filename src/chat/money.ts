/** What an order's money does: as it is now, as a story, and as a receipt. Facts only, with amounts and times. */
import type { PaymentMethod } from '#domain/payments.ts'
import { wordsIn } from '#domain/people.ts'
import { movesOf, type MoveRow } from '#shop/moves.ts'
import { moneyStory, orderForShop, orderOf, type OrderView, type StoryLine } from '#shop/orders.ts'
import { homeButton, notFound } from './home.ts'
import type { Button, Line, Param } from './screen.ts'
import { shorten, type Reader } from './text.ts'
import type { Outcome, Visit } from './visit.ts'
import type { Key } from './words.ts'

type Priced = Pick<OrderView, 'currency'>

export const sumOf = ({ currency }: Priced, amount: bigint): Param => ({ money: { amount, currency } })

/** How a method treats the money of an order, said before it is chosen. */
export function wayLine(method: PaymentMethod, order: Pick<OrderView, 'seat'>): Line {
  return { key: `way.${method}-${order.seat ? 'group' : 'alone'}` }
}

/**
 * Where the money is now. Nothing while it is not paid: what is to be done then is said beside the buttons.
 * @param told a shop reads what it has to do itself, and is not promised a message that only the buyer gets.
 */
export function moneyLines(order: OrderView, moves: readonly MoveRow[], told: 'buyer' | 'shop' = 'buyer'): Line[] {
  const { payment } = order
  if (!payment) return []
  const { method, state, captured, refunding, refunded } = payment
  const line = (key: Key, amount = order.total): Line => ({ key, params: { sum: sumOf(order, amount) } })
  switch (state) {
    case 'created':
    case 'pending':
    case 'unknown':
    case 'failed':
      return []
    case 'promised':
      if (told === 'shop') return [line('shop-order.promised')]
      return [line(waitsForGroup(order) ? 'money.promised-group' : 'money.promised')]
    case 'held':
      return [line(waitsForGroup(order) ? 'money.held-group' : 'money.held')]
    case 'capturing':
      return [line('money.taking')]
    case 'voiding':
      return [line(told === 'shop' ? 'shop-order.releasing' : 'money.releasing')]
    case 'voided':
      return [line(method === 'on-delivery' ? 'money.nothing-due' : 'money.released')]
    case 'expired':
      return [line('money.hold-expired')]
    case 'captured':
    case 'part_refunded':
    case 'refunded': {
      if (state === 'refunded') return [line('money.refunded', refunded)]
      // Nobody but the shop can give back what was paid at the door.
      const byHand =
        method === 'on-delivery'
          ? refunding
          : moves
              .filter((move) => move.paymentId === payment.paymentId && move.state === 'by_hand')
              .reduce((sum, { amount }) => sum + amount, 0n)
      const byHandKey: Key = method === 'on-delivery' ? 'money.by-hand-door' : 'money.by-hand'
      const isKept = refunding === 0n && refunded === 0n
      return [
        line(isKept && waitsForGroup(order) ? 'money.taken-group' : `money.taken-${method}`, captured),
        ...(refunding > byHand
          ? [line(told === 'shop' ? 'shop-order.refunding' : 'money.refunding', refunding - byHand)]
          : []),
        ...(byHand > 0n ? [line(told === 'shop' ? 'shop-order.by-hand' : byHandKey, byHand)] : []),
        ...(refunded > 0n ? [line('money.refunded', refunded)] : []),
      ]
    }
  }
}

function waitsForGroup({ state, seat }: OrderView): boolean {
  return state === 'awaiting_group' && seat?.groupState === 'open'
}

/** A screen holds so many events; older ones are counted. */
const eventsMax = 20

/** "What happened to my money", for the buyer and the shop. */
export async function story(visit: Visit, orderId: number): Promise<Outcome> {
  const { deps, visitor } = visit
  const own = await orderOf(deps.db, orderId, visitor.personId)
  const order = own ?? (await orderForShop(deps.db, orderId, visitor.personId))
  if (!order) return notFound()
  const [events, moves] = await Promise.all([moneyStory(deps.db, orderId), movesOf(deps.db, orderId)])
  const shown = events.slice(-eventsMax)
  const lines: Line[] = [{ key: 'story.title', params: { number: order.number } }, { gap: true }]
  if (events.length === 0) lines.push({ key: 'story.none' })
  if (shown.length < events.length)
    lines.push({ key: 'story.earlier', params: { count: events.length - shown.length } })
  lines.push(...shown.map(eventLine), ...returnLines(order, moves))
  // Said once, however much went back.
  const isBack = shown.some(({ kind, method }) => kind === 'refunded' && method !== 'on-delivery')
  if (own && isBack) lines.push({ gap: true }, { key: 'story.bank' })
  const back: Button = own
    ? { label: { key: 'button.my-order' }, intent: { do: 'order', orderId } }
    : { label: { key: 'button.shop-order' }, intent: { do: 'shop-order', orderId } }
  const refresh: Button = { label: { key: 'button.refresh' }, intent: { do: 'story', orderId } }
  return { screen: { lines, rows: [[refresh], [back, homeButton]] } }
}

function eventLine(event: StoryLine): Line {
  const { kind, method, reason, at } = event
  const params = { at: { at }, sum: sumOf(event, event.amount), method: { key: `method.${method}` } } as const
  switch (kind) {
    case 'page':
    case 'declined':
      return { key: `story.${kind}`, params }
    case 'captured':
      return { key: `story.captured-${method}`, params }
    case 'voided':
      return { key: method === 'on-delivery' ? 'story.nothing-due' : 'story.voided', params }
    case 'refund-started':
    case 'refunded':
    case 'refund-by-hand': {
      const why: Param = { key: reason === null ? 'reason.goodwill' : `reason.${reason}` }
      const isDoor = kind === 'refund-by-hand' && method === 'on-delivery'
      return { key: isDoor ? 'story.refund-by-hand-door' : `story.${kind}`, params: { ...params, reason: why } }
    }
    case 'promised':
    case 'held':
    case 'collected':
    case 'hold-expired':
    case 'chargeback':
    case 'chargeback-won':
      return { key: `story.${kind}`, params }
  }
}

/** Returns that the shop has not answered. */
export function returnLines(order: OrderView, moves: readonly MoveRow[]): Line[] {
  return moves
    .filter(({ state }) => state === 'asked')
    .map(({ amount }): Line => ({ key: 'return.waiting', params: { sum: sumOf(order, amount) } }))
}

/** What was taken and is neither back nor on its way back. */
export function leftOf({ payment }: OrderView): bigint {
  return payment ? payment.captured - payment.refunding - payment.refunded : 0n
}

/** How many of a line are neither back nor on their way back. */
export function quantityLeft({ lineId, quantity }: OrderView['lines'][number], moves: readonly MoveRow[]): number {
  const stays = ['declined', 'failed', 'asked']
  return moves
    .filter((move) => move.lineId === lineId && !stays.includes(move.state))
    .reduce((left, move) => left - (move.quantity ?? 0), quantity)
}

/** What was bought and paid, line by line, how and when. */
export function receiptLines(order: OrderView, events: readonly StoryLine[], { language }: Reader): Line[] {
  const goods = order.lines.slice(0, 20).map(({ title, quantity, unitPrice }): Line => {
    const params = { title: shorten(wordsIn(title, language), 80), quantity }
    return { key: 'receipt.line', params: { ...params, sum: sumOf(order, unitPrice * BigInt(quantity)) } }
  })
  const paid = events.findLast(({ kind }) => ['captured', 'collected'].includes(kind))
  return [
    { key: 'receipt.title', params: { number: order.number } },
    ...goods,
    { key: 'receipt.delivery', params: { sum: sumOf(order, order.deliveryCost) } },
    { key: 'receipt.total', params: { sum: sumOf(order, order.total) } },
    ...(paid
      ? [{ key: 'receipt.paid', params: { at: { at: paid.at }, method: { key: `method.${paid.method}` } } } as const]
      : []),
  ]
}
