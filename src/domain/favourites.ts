/** What of a product is watched for the people who keep it. */

/** At most this many a person. */
export const favouritesMax = 200
/** One message a day about one product: a price that goes up and down tells of it once, and of where it stands then. */
export const alertPauseMs = 24 * 60 * 60_000

/** The least that a product can be had for now, alone or together; null when it is sold out or off sale. */
export type Standing =
  | { price: bigint; currency: string; isTogether: boolean }
  | { price: null; currency: null; isTogether: false }

export const notOnSale: Standing = { price: null, currency: null, isTogether: false }

type Offer = {
  price: bigint
  currency: string
  /** Units that everybody may buy. */
  free: number
  /** Units that only groups may take. */
  aside: number
  /** What a group begins with; null without terms. */
  groupPrice: bigint | null
  withdrawn: boolean
}

/**
 * One number is watched, so that one thing is told: the lowest of the prices alone and together, of what can be had for
 * them now. Of several currencies the first variant's counts.
 */
export function standingOf(offers: readonly Offer[]): Standing {
  const [first, ...others] = offers.flatMap(pricesOf)
  if (!first) return notOnSale
  let lowest = first
  for (const one of others) if (one.currency === first.currency && one.price < lowest.price) lowest = one
  return lowest
}

function pricesOf({ price, currency, free, aside, groupPrice, withdrawn }: Offer) {
  if (withdrawn) return []
  return [
    ...(free > 0 ? [{ price, currency, isTogether: false }] : []),
    ...(groupPrice !== null && free + aside > 0 ? [{ price: groupPrice, currency, isTogether: true }] : []),
  ]
}
