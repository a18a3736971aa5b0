/** A shop's money: what it has, what waits, what it has to give back itself, and all of it as a file. */
import type { Money } from '#domain/money.ts'
import { openRefunds } from '#shop/moves.ts'
import { shopBalance, shopMoneyCsv } from '#shop/shop-money.ts'
import { homeButton, notFound } from './home.ts'
import type { Button, Line, Param } from './screen.ts'
import type { Outcome, Visit } from './visit.ts'

export async function shopMoney({ deps, visitor }: Visit, sellerId: number): Promise<Outcome> {
  const [balance, refunds] = await Promise.all([
    shopBalance(deps.db, sellerId, visitor.personId, deps.now()),
    openRefunds(deps.db, sellerId, visitor.personId),
  ])
  if (!balance || !refunds) return notFound()
  const lines: Line[] = [{ key: 'shop-money.title' }]
  if (balance.length === 0) lines.push({ gap: true }, { key: 'shop-money.none' })
  for (const one of balance) {
    const sum = (amount: bigint): Param => ({ money: { amount, currency: one.currency } satisfies Money })
    lines.push(
      { gap: true },
      // More went back to buyers than the shop had earned.
      one.due < 0n
        ? { key: 'shop-money.owes', params: { sum: sum(-one.due) } }
        : { key: 'shop-money.due', params: { sum: sum(one.due) } },
      { key: 'shop-money.earned', params: { sum: sum(one.earned) } },
      { key: 'shop-money.awaiting', params: { sum: sum(one.awaiting) } },
      { key: 'shop-money.paid-out', params: { sum: sum(one.paidOut) } },
      { key: 'shop-money.fee', params: { sum: sum(one.fee) } },
    )
    if (one.refundsByHand > 0) lines.push({ key: 'shop-money.by-hand', params: { count: one.refundsByHand } })
  }
  if (refunds.length > 0) lines.push({ gap: true }, { key: 'shop-money.to-do' })
  const rows = refunds.map(({ orderId, number, state, amount, currency }): Button[] => {
    const key = state === 'asked' ? 'button.to-answer' : 'button.to-return'
    const params = { number, sum: { money: { amount, currency } } }
    return [{ label: { key, params }, intent: { do: 'shop-order', orderId } }]
  })
  rows.push(
    [{ label: { key: 'button.csv' }, intent: { do: 'shop-money-file', sellerId } }],
    [{ label: { key: 'button.payment-settings' }, intent: { do: 'payment-settings', sellerId } }],
    [{ label: { key: 'button.my-shop' }, intent: { do: 'shop', sellerId } }, homeButton],
  )
  return { screen: { lines, rows } }
}

export async function shopMoneyFile({ deps, visitor }: Visit, sellerId: number): Promise<Outcome> {
  const file = await shopMoneyCsv(deps.db, sellerId, visitor.personId, deps.now())
  if (!file) return notFound()
  const back: Button = { label: { key: 'button.shop-money' }, intent: { do: 'shop-money', sellerId } }
  const document = { ...file, type: 'text/csv' }
  return { screen: { lines: [{ key: 'shop-money.file' }], rows: [[back]], document }, asNew: true }
}
