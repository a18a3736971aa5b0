/** A leader changes option or number of pieces of a group that is not paid for: their order is replaced by another. */
import { ownChoice, type OwnChoice } from '#shop/group-terms.ts'
import { orderOf, type OrderView } from '#shop/orders.ts'
import { isThere } from './catalog.ts'
import { buyScreen } from './checkout.ts'
import { unitsScreen } from './group-terms.ts'
import { confused, notFound } from './home.ts'
import type { Intent } from './intent.ts'
import { optionsText } from './options.ts'
import { orderOutcome } from './orders.ts'
import { pagingRow } from './paging.ts'
import type { Button } from './screen.ts'
import type { Outcome, Visit } from './visit.ts'

const optionsMax = 6

/** The order and what may be changed of it; otherwise what to say instead. */
async function choiceOf(
  visit: Visit,
  orderId: number,
): Promise<{ order: OrderView; choice: OwnChoice } | { instead: Outcome }> {
  const { deps, visitor } = visit
  const order = await orderOf(deps.db, orderId, visitor.personId)
  if (!order) return { instead: notFound() }
  const choice = await ownChoice(deps.db, order, deps.now())
  // The button is older than the payment, or than the end of the hold.
  return choice
    ? { order, choice }
    : { instead: { ...(await orderOutcome(order, visit)), toast: 'refusal.too-late', alert: true } }
}

const backTo = (orderId: number): Button => ({ label: { key: 'button.my-order' }, intent: { do: 'order', orderId } })

/** *Another option* of one's own group: each with its price. */
export async function ownOptions(visit: Visit, orderId: number, page: number): Promise<Outcome> {
  const found = await choiceOf(visit, orderId)
  if ('instead' in found) return found.instead
  const { order, choice } = found
  const shown = choice.options.slice(page * optionsMax, (page + 1) * optionsMax)
  if (shown.length === 0) return { screen: confused('confused.button') }
  const rows = shown.map((variant): Button[] => {
    const { variantId, groupPrice, currency } = variant
    const mark = variantId === order.variantId ? '✓ ' : isThere(variant) ? '' : '✕ '
    const option = mark + (optionsText(variant.options, visit.reader.language) || String(variantId))
    const price = { money: { amount: groupPrice ?? variant.price, currency } }
    const label = { key: 'button.option-price', params: { option, price } } as const
    return [{ label, intent: { do: 'own-as', orderId, variantId, units: 0 } }]
  })
  const hasMore = (page + 1) * optionsMax < choice.options.length
  const paging = pagingRow(page, hasMore, (to) => ({ do: 'own-options', orderId, page: to }), backTo(orderId))
  return {
    screen: {
      ...(order.picture !== null && { picture: order.picture }),
      lines: [{ raw: { words: order.title }, style: 'bold' }, { key: 'group.choose-own' }],
      rows: [...rows, paging],
    },
  }
}

/** How many pieces: what is chosen replaces the order. */
export async function ownUnits(visit: Visit, orderId: number): Promise<Outcome> {
  const found = await choiceOf(visit, orderId)
  if ('instead' in found) return found.instead
  const { order, choice } = found
  const { variantId } = order
  const variant = choice.options.find((one) => one.variantId === variantId)
  if (!variant) return orderOutcome(order, visit)
  const terms = {
    price: variant.groupPrice ?? variant.price,
    currency: variant.currency,
    maxUnits: choice.maxUnits,
  }
  return {
    screen: unitsScreen(terms, [{ raw: { words: order.title }, style: 'bold' }], [[backTo(orderId)]], (units) => ({
      do: 'own-as',
      orderId,
      variantId,
      units,
    })),
  }
}

/** Chosen: an order for that takes the place of theirs in one moment, or theirs stays as it is. */
export async function ownAs(
  visit: Visit,
  { orderId, variantId, units }: Omit<Extract<Intent, { do: 'own-as' }>, 'do'>,
): Promise<Outcome> {
  const found = await choiceOf(visit, orderId)
  if ('instead' in found) return found.instead
  const { order, choice } = found
  const quantity = units > 0 ? units : order.quantity
  if (variantId === order.variantId && quantity === order.quantity) return orderOutcome(order, visit)
  if (choice.options.every((variant) => variant.variantId !== variantId))
    return { ...(await orderOutcome(order, visit)), toast: 'refusal.no-group-price', alert: true }
  return buyScreen(visit, { kind: 'own-group', variantId, units: quantity }, orderId)
}
