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

export const postingKinds = [
  'taken',
  'earned',
  'refunded',
  'refunded-by-hand',
  'chargeback',
  'chargeback-won',
  'paid-out',
] as const
export type PostingKind = (typeof postingKinds)[number]

/** What `postEarned` was told of an order, the part for goods, and what went back after it. */
export type Earned = { goods: bigint; feeBasisPoints: number; returned: bigint }

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
  earned: Earned | undefined,
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

/**
 * The bank gave up what it had taken back: the opposite of `postReturned` by the provider, as if that had been the last
 * part to go back.
 * @param earned as `postReturned` is told it, with this amount still among what went back.
 */
export function postWonBack(parties: Parties, amount: bigint, earned: Earned | undefined): Entry[] {
  const terms = earned && { ...earned, returned: earned.returned - amount }
  return postReturned(parties, amount, 'provider', terms).map((entry) => ({ ...entry, amount: -entry.amount }))
}

/**
 * More was paid for goods that were handed over before: a bank had taken it back by then and gave it up since. In the
 * end it comes to what `postEarned` and `postReturned` would post had it been there from the first.
 * @param amount what came, and lies with the buyer.
 * @param earned what the goods had brought until now, and what went back since.
 */
export function postEarnedSince(
  { personId, sellerId }: Omit<Parties, 'provider'>,
  amount: bigint,
  deliveryCost: bigint,
  earned: Earned & { amount: bigint },
): Entry[] {
  const whole = earned.amount + amount
  const goods = whole - (deliveryCost < whole ? deliveryCost : whole)
  const feeKept = (of: bigint) =>
    feeOf(of, earned.feeBasisPoints) - feeOf(min(earned.returned, of), earned.feeBasisPoints)
  const fee = feeKept(goods) - feeKept(earned.goods)
  const entries: Entry[] = [
    { account: { kind: 'buyer', personId }, amount },
    { account: { kind: 'seller', sellerId }, amount: fee - (goods - earned.goods) },
    { account: { kind: 'fee' }, amount: -fee },
    { account: { kind: 'delivery' }, amount: goods - earned.goods - amount },
  ]
  return entries.filter((entry) => entry.amount !== 0n)
}

const min = (a: bigint, b: bigint) => (a < b ? a : b)

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
