/** What a fiscal receipt (54-FZ) says of an order. */
import { type ReceiptLine, receiptLines } from '#domain/money.ts'
import type { Receipt } from '#gateways/payments.ts'
import type { PayableOrder } from '#store/payments.ts'
import type { MoveRow } from '#store/moves.ts'

/** Goods of a line; what a refund of one is for. */
type Goods = Pick<MoveRow, 'lineId' | 'quantity'>
type ReceiptOptions = { only?: Goods; returned?: readonly Goods[]; isHandedOver?: boolean }

/**
 * Lines whose sum is exactly `total`: all of the order, the goods of one refund, or, without those that went back before,
 * what the buyer keeps.
 * @param returned refunds that were decided before this; their goods stand on receipts of their own.
 * @param isHandedOver whether goods had been handed over when this was decided. Whatever happens afterwards, the receipt
 * of one key stays the same: providers refuse a key with another body.
 */
export function receiptOf(
  order: PayableOrder,
  total: bigint,
  { only, returned = [], isHandedOver = false }: ReceiptOptions = {},
): Receipt {
  const titleOf = (words: PayableOrder['lines'][number]['title']) => words.ru ?? words.en ?? order.number
  const gone = (lineId: number) =>
    returned.reduce((sum, goods) => sum + (goods.lineId === lineId ? (goods.quantity ?? 0) : 0), 0)
  const goods = order.lines.flatMap((line): ReceiptLine[] => {
    const quantity = only ? (only.lineId === line.lineId ? (only.quantity ?? 0) : 0) : line.quantity - gone(line.lineId)
    return quantity > 0 ? [{ title: titleOf(line.title), quantity, unitAmount: line.unitPrice, kind: 'goods' }] : []
  })
  const delivery: ReceiptLine = { title: 'Доставка', quantity: 1, unitAmount: order.deliveryCost, kind: 'delivery' }
  const all = only === undefined && order.deliveryCost > 0n ? [...goods, delivery] : goods
  // Money without goods, goodwill after all of them came back: it is for what they were.
  if (all.length === 0) return receiptOf(order, total, { isHandedOver })
  return {
    phone: order.phone,
    lines: receiptLines(all, total),
    isHandedOver,
  }
}
