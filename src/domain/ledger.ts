/**
 * Double-entry bookkeeping: what each event of money posts. Amounts are minor units of one currency; an account's
 * positive amounts are what came to it (a debit), its negative ones what it gave (a credit). Every posting sums to zero.
 *
 * `provider`: money that lies with whoever took it. `buyer`: minus what they paid and have no goods for yet.
 * `seller`: minus what the seller has earned and was not paid out. `fee`: minus what the platform earned.
 * `delivery`: minus what buyers paid for delivery. `bank`: minus what was paid out to sellers.
 */

export type Account =
  | { kind: 'buyer'; personId: number }
  | { kind: 'provider'; provider: string }
  | { kind: 'seller'; sellerId: number }
  | { kind: 'fee' }
  | { kind: 'delivery' }
  | { kind: 'bank' }

export type Entry = { account: Account; amount: bigint }

export const postingKinds = ['taken', 'earned', 'refunded', 'refunded-by-hand', 'chargeback', 'paid-out'] as const
export type PostingKind = (typeof postingKinds)[number]

type Parties = { personId: number; sellerId: number; provider: string }

/** The provider took a buyer's money. */
export function postTaken({ personId, provider }: Omit<Parties, 'sellerId'>, amount: bigint): Entry[] {
  return [
    { account: { kind: 'provider', provider }, amount },
    { account: { kind: 'buyer', personId }, amount: -amount },
  ]
}

/**
 * Goods were handed over: what the buyer had paid becomes the seller's, less the platform's fee on the goods.
 * @param amount what was taken and not given back; delivery is paid from it first.
 */
export function postEarned(
  { personId, sellerId }: Omit<Parties, 'provider'>,
  amount: bigint,
  deliveryCost: bigint,
  feeBasisPoints: number,
): Entry[] {
  const delivery = deliveryCost < amount ? deliveryCost : amount
  const goods = amount - delivery
  const fee = feeOf(goods, feeBasisPoints)
  const entries: Entry[] = [
    { account: { kind: 'buyer', personId }, amount },
    { account: { kind: 'seller', sellerId }, amount: fee - goods },
    { account: { kind: 'fee' }, amount: -fee },
    { account: { kind: 'delivery' }, amount: -delivery },
  ]
  return entries.filter((entry) => entry.amount !== 0n)
}

/**
 * Money went back to the buyer. Before goods were handed over it was still theirs; afterwards the seller gives it,
 * and the platform its fee on it: goods are taken to go back before delivery, on which no fee was earned. However many
 * parts it goes back in, the fees given back come to what they would in one.
 * @param from the provider that had taken it; or the seller, whose people sent it by hand: they are owed what they laid
 * out, and two entries of one account say so.
 * @param earned what `postEarned` was told, the same rate included; and what went back since, before this.
 */
export function postReturned(
  { personId, sellerId, provider }: Parties,
  amount: bigint,
  from: 'provider' | 'seller',
  earned: { goods: bigint; feeBasisPoints: number; returned: bigint } | undefined,
): Entry[] {
  const source: Entry = {
    account: from === 'seller' ? { kind: 'seller', sellerId } : { kind: 'provider', provider },
    amount: -amount,
  }
  if (!earned) return [source, { account: { kind: 'buyer', personId }, amount }]
  const { goods, feeBasisPoints, returned } = earned
  const feeUntil = (total: bigint): bigint => feeOf(total < goods ? total : goods, feeBasisPoints)
  const fee = feeUntil(returned + amount) - feeUntil(returned)
  const entries: Entry[] = [
    source,
    { account: { kind: 'seller', sellerId }, amount: amount - fee },
    { account: { kind: 'fee' }, amount: fee },
  ]
  return entries.filter((entry) => entry.amount !== 0n)
}

/** A seller got what they had earned. */
export function postPaidOut(sellerId: number, amount: bigint): Entry[] {
  return [
    { account: { kind: 'seller', sellerId }, amount },
    { account: { kind: 'bank' }, amount: -amount },
  ]
}

/** Rounded down: the platform never takes the odd kopeck. 10,000 basis points are the whole. */
export function feeOf(amount: bigint, basisPoints: number): bigint {
  return (amount * BigInt(basisPoints)) / 10_000n
}
