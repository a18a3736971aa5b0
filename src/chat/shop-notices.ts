/** What a shop's people are told of: an order that needs one of them, with the button for what is to be done. */
import { wordsIn } from '#domain/people.ts'
import type { Deps } from '#shop/deps.ts'
import { movesOf } from '#shop/moves.ts'
import type { Notice } from '#shop/notifications.ts'
import { orderForShop } from '#shop/orders.ts'
import { homeButton } from './home.ts'
import { sumOf } from './money.ts'
import type { Button, Screen } from './screen.ts'
import { shorten, type Reader } from './text.ts'

type Attention = Extract<Notice, { kind: 'shop-attention' }>['data']

/** @returns undefined for people who left the shop, and for what somebody has done already. */
export async function shopNoticeScreen(
  { orderId, about, moveId }: Attention,
  personId: number,
  reader: Reader,
  deps: Deps,
): Promise<{ screen: Screen } | undefined> {
  const order = await orderForShop(deps.db, orderId, personId)
  if (!order) return undefined
  const move = moveId === undefined ? undefined : (await movesOf(deps.db, orderId)).find((one) => one.moveId === moveId)
  const rows: Button[][] = [
    [{ label: { key: 'button.shop-order' }, intent: { do: 'shop-order', orderId } }],
    [{ label: { key: 'button.shops' }, intent: { do: 'shops' } }, homeButton],
  ]
  if (about === 'return') {
    if (move?.state !== 'asked') return undefined
    rows.unshift([
      {
        label: { key: 'button.return-agree' },
        intent: { do: 'answer-return', moveId: move.moveId, agrees: 1, isSure: 0 },
      },
      {
        label: { key: 'button.return-decline' },
        intent: { do: 'answer-return', moveId: move.moveId, agrees: 0, isSure: 0 },
      },
    ])
  }
  if (about === 'refund' && move && move.state !== 'by_hand') return undefined
  const line = order.lines.find(({ lineId }) => lineId === move?.lineId)
  const params = {
    number: order.number,
    title: shorten(wordsIn(line?.title ?? order.title, reader.language), 160),
    quantity: move?.quantity ?? order.quantity,
    sum: sumOf(order, move?.amount ?? order.total),
  }
  const isDoor = about === 'refund' && order.payment?.method === 'on-delivery'
  return { screen: { lines: [{ key: isDoor ? 'notice.shop-refund-door' : `notice.shop-${about}`, params }], rows } }
}
