/** After money went back: open groups of the same goods, the nearest first, and a new one of one's own. */
import { gap } from '#domain/group-buy.ts'
import type { Deps } from '#shop/deps.ts'
import type { OrderView } from '#shop/orders.ts'
import { anotherTry } from '#shop/try-again.ts'
import { sumOf } from './money.ts'
import type { Button, Line } from './screen.ts'
import type { Reader } from './text.ts'

/** @returns nothing to say when it cannot be bought together now. */
export async function tryAgainParts(
  order: OrderView,
  reader: Reader,
  deps: Deps,
): Promise<{ lines: Line[]; rows: Button[][] }> {
  const found = await anotherTry(deps.db, order, reader.now)
  if (!found) return { lines: [], rows: [] }
  const lines: Line[] = [{ gap: true }, { key: 'try-again.title' }]
  const rows: Button[][] = []
  for (const group of found.groups) {
    const count = gap(group)
    const params = { count, price: sumOf(group, group.price), until: { at: group.deadlineAt } }
    lines.push({ key: count > 0 ? 'choice.group' : 'choice.group-enough', params })
    const key = count > 0 ? ('button.choose-group' as const) : ('button.choose-group-enough' as const)
    rows.push([{ label: { key, params }, intent: { do: 'join', groupId: group.groupId } }])
  }
  const { own } = found
  if (own) {
    const price = sumOf(own, own.price)
    lines.push({ key: 'choice.own', params: { price, count: own.minSeats ?? own.size } })
    const label = { key: 'button.choose-own', params: { price } } as const
    rows.push([{ label, intent: { do: 'buy-together', variantId: own.variantId } }])
  }
  return { lines, rows }
}

/** Whether it ended without its buyer wanting that: who left of their own accord is not asked to come back. */
export function didNotComeAbout({ seat, state, cancelReason }: OrderView): boolean {
  return seat !== undefined && state === 'cancelled' && cancelReason !== 'cancelled' && cancelReason !== 'given-up'
}
