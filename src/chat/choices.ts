/** Money that came when its group could take it no more: what it may buy instead, and until when that is asked. */
import { gap } from '#domain/group-buy.ts'
import { choicesOf, type Choices } from '#shop/choices.ts'
import type { OrderView } from '#shop/orders.ts'
import { leftOf, sumOf } from './money.ts'
import type { Button, Line } from './screen.ts'
import type { Visit } from './visit.ts'

/** @returns undefined while there is nothing to choose. */
export async function choiceParts(
  order: OrderView,
  { deps, reader }: Pick<Visit, 'deps' | 'reader'>,
): Promise<{ lines: Line[]; rows: Button[][] } | undefined> {
  if (order.state !== 'awaiting_choice') return undefined
  const choices = await choicesOf(deps.db, order.orderId, order.personId, reader.now)
  return choices && { lines: choiceLines(order, choices), rows: choiceRows(order, choices) }
}

/** What would go back: the hold, or what was taken. */
function moneyBack(order: OrderView) {
  return sumOf(order, order.payment?.state === 'held' ? order.total : leftOf(order))
}

function choiceLines(order: OrderView, { until, group, own }: Choices): Line[] {
  const lines: Line[] = [{ key: 'choice.until', params: { until: { at: until } } }]
  if (group) {
    const price = sumOf(group, group.price)
    const params = { count: gap(group), price, until: { at: group.deadlineAt } }
    lines.push({ key: gap(group) > 0 ? 'choice.group' : 'choice.group-enough', params })
  }
  if (own) lines.push({ key: 'choice.own', params: { price: sumOf(own, own.price), count: own.minSeats ?? own.size } })
  lines.push({ key: 'choice.back', params: { sum: moneyBack(order) } })
  return lines
}

function choiceRows(order: OrderView, { group, own }: Choices): Button[][] {
  const { orderId } = order
  const rows: Button[][] = []
  if (group) {
    const { groupId } = group
    const params = { count: gap(group), price: sumOf(group, group.price) }
    const key = gap(group) > 0 ? 'button.choose-group' : 'button.choose-group-enough'
    rows.push([{ label: { key, params }, intent: { do: 'choose-group', orderId, groupId } }])
  }
  if (own) {
    const params = { price: sumOf(own, own.price) }
    rows.push([{ label: { key: 'button.choose-own', params }, intent: { do: 'choose-own', orderId } }])
  }
  const params = { sum: moneyBack(order) }
  rows.push([{ label: { key: 'button.choose-back', params }, intent: { do: 'choose-back', orderId } }])
  return rows
}
