/** Rules of buying together: states, deadlines, seats, prices. Learnt from the bugs of other systems; see DECISIONS.md. */

export type GroupState = 'draft' | 'open' | 'formed' | 'failed' | 'cancelled'
export type SeatState = 'held' | 'paid' | 'confirmed' | 'released' | 'refund_due' | 'refunded' | 'refund_failed'

/** What people are shown of a group, and what decides who may join. */
export type GroupCounts = {
  state: GroupState
  size: number
  /** Paid seats that are enough when the time is over; of a team its size. */
  minSeats: number
  /** Held, offered and paid. */
  takenSeats: number
  paidSeats: number
  /** Those that the shop filled, openly and with nobody. */
  toppedUp: number
  /** People who wait for a seat: one that is free is theirs first. */
  inLine: number
  deadlineAt: Date
}

const minute = 60_000
const day = 24 * 60 * minute

/** Groups that one person may open within a day: nobody fills a shop with groups of their own. */
export const openedMax = 10

/** An unpaid seat or order is kept this long. */
export const holdMinutes = 15

/**
 * min(opening + lifetime, campaign end, what holds allow less a day): money held for the first seat must still be
 * ours to capture when the last one fills.
 * @param holdDays days a hold lasts at the provider, the day of authorisation included.
 */
export function groupDeadline(openedAt: Date, lifetimeMinutes: number, endsAt: Date | null, holdDays: number): Date {
  const candidates = [openedAt.getTime() + lifetimeMinutes * minute, openedAt.getTime() + (holdDays - 1) * day]
  if (endsAt !== null) candidates.push(endsAt.getTime())
  return new Date(Math.min(...candidates))
}

/** Until when an unpaid purchase keeps its seat and its stock: never past the group's deadline. */
export function heldUntil(now: Date, groupDeadlineAt?: Date): Date {
  const until = now.getTime() + holdMinutes * minute
  return new Date(groupDeadlineAt ? Math.min(until, groupDeadlineAt.getTime()) : until)
}

/** Seats that anybody may take: nobody has, and nobody waits for them. */
export function freeSeats({ size, takenSeats, toppedUp, inLine }: GroupCounts): number {
  return Math.max(0, size - takenSeats - toppedUp - inLine)
}

/** Whether the price may still fall, or fewer than all seats are enough. */
export function isLadder({ tiers, minSeats, size }: Pick<GroupCounts, 'minSeats' | 'size'> & GroupPrices): boolean {
  return tiers.length > 1 || minSeats < size
}

/** Seats that count: paid, or filled by the shop. */
export function filledSeats({ paidSeats, toppedUp }: Pick<GroupCounts, 'paidSeats' | 'toppedUp'>): number {
  return paidSeats + toppedUp
}

/** Seats still missing for the group to come about: the exact gap that people are told; 0 when there are enough. */
export function gap(group: GroupCounts): number {
  return Math.max(0, group.minSeats - filledSeats(group))
}

export type JoinRefusal = 'group-full' | 'group-over' | 'group-not-open'

/** Why nobody can join now; undefined when somebody can. The database asks the same again when a seat is taken. */
export function joinRefusal(group: GroupCounts, now: Date): JoinRefusal | undefined {
  if (group.state === 'draft') return 'group-not-open'
  if (group.state === 'formed') return 'group-full'
  if (group.state !== 'open' || group.deadlineAt <= now) return 'group-over'
  return freeSeats(group) <= 0 ? 'group-full' : undefined
}

/** Whether a seat may still become free: full, and not over. */
export function canWait(group: GroupCounts, now: Date): boolean {
  return group.state === 'open' && joinRefusal(group, now) === 'group-full'
}

/** From so many seats on everybody pays this price, in minor units. */
export type Tier = { seats: number; price: bigint }

/** What a leader gets when their group forms: so much off their own price, or so much of what each other member pays. */
export type Thanks = { kind: 'none' | 'discount' | 'share'; basisPoints: number }

/** What a group charges. Copied at opening: no later edit touches it. */
export type GroupPrices = {
  /** Ascending in seats, falling in price; never none. A team has one, at its size. */
  tiers: readonly Tier[]
  thanks: Thanks
}

/**
 * The price with so many seats filled. Below the first step the first price holds: it is what a leader starts with.
 * @param seats the most that were ever filled at once, so that a price once reached never rises again.
 */
export function priceAt(tiers: readonly Tier[], seats: number): bigint {
  const [first] = tiers
  if (!first) throw new Error('a group has a price')
  return tiers.reduce((price, tier) => (tier.seats <= seats && tier.price < price ? tier.price : price), first.price)
}

/** The next lower price and how many seats it takes; undefined on the last step. */
export function nextTier(tiers: readonly Tier[], seats: number): Tier | undefined {
  const price = priceAt(tiers, seats)
  return tiers.find((tier) => tier.seats > seats && tier.price < price)
}

/** A leader is never thanked with more than this of their own price: a receipt for nothing is no sale. */
const thanksMax = 9000n
const whole = 10_000n

/**
 * What one unit costs a member when the group forms.
 * @param others paid seats beside their own: a leader's share grows with them.
 * @param agreed what was held for it: nobody pays more than that, whatever the steps say.
 */
export function settledPrice(
  prices: GroupPrices,
  seats: number,
  member: { isLeader: boolean; others: number; agreed: bigint },
): bigint {
  const price = priceAt(prices.tiers, seats)
  const lower = price < member.agreed ? price : member.agreed
  if (!member.isLeader || prices.thanks.kind === 'none') return lower
  const times = prices.thanks.kind === 'share' ? BigInt(member.others) : 1n
  const points = BigInt(prices.thanks.basisPoints) * times
  return lower - (lower * (points < thanksMax ? points : thanksMax)) / whole
}

/** The terms that a seller sets. */
export type CampaignTerms = GroupPrices & {
  kind: 'team' | 'ladder'
  /** Seats at most; a team needs all of them. */
  size: number
  /** Seats that are enough when the time is over; of a team its size. */
  minSeats: number
  lifetimeMinutes: number
  startsAt: Date
  endsAt: Date | null
  /** Units that one person may buy with one seat. */
  maxUnits: number
  /** Units of each variant kept for groups, all of them together; null: they take from what everybody may buy. */
  setAside: number | null
  /** Members may choose another option (size, colour) than the leader. */
  mixesOptions: boolean
  /** Strangers may join; else only who was invited by a card or a link. */
  isPublic: boolean
  /** Codes of the cities that it is for; null: everywhere. */
  cities: readonly number[] | null
}

export const campaignLimits = { size: 10_000, lifetimeMinutes: 30 * 24 * 60, units: 99, cities: 50, tiers: 6 } as const

/** What is wrong with terms: each has a sentence in every language. */
export type TermsProblem =
  | 'size'
  | 'minimum'
  | 'lifetime'
  | 'end-before-start'
  | 'ended-already'
  | 'units'
  | 'set-aside'
  | 'no-price'
  | 'price-not-lower'
  | 'steps-order'
  | 'steps-many'
  | 'steps-beyond-size'
  | 'thanks'
  | 'cities'

/** @param alonePrice what one unit costs alone: together is cheaper, or there is no reason to wait for others. */
export function termsProblems(terms: CampaignTerms, alonePrice: bigint, now: Date): TermsProblem[] {
  const problems: TermsProblem[] = []
  const isWithin = (value: number, least: number, most: number) =>
    Number.isSafeInteger(value) && value >= least && value <= most
  const { tiers, thanks } = terms
  if (!isWithin(terms.size, 2, campaignLimits.size)) problems.push('size')
  const isTeam = terms.kind === 'team'
  if (isTeam ? terms.minSeats !== terms.size : !isWithin(terms.minSeats, 2, terms.size)) problems.push('minimum')
  if (!isWithin(terms.lifetimeMinutes, 1, campaignLimits.lifetimeMinutes)) problems.push('lifetime')
  if (terms.endsAt !== null && terms.endsAt <= terms.startsAt) problems.push('end-before-start')
  else if (terms.endsAt !== null && terms.endsAt <= now) problems.push('ended-already')
  if (!isWithin(terms.maxUnits, 1, campaignLimits.units)) problems.push('units')
  if (terms.setAside !== null && !isWithin(terms.setAside, terms.minSeats, 1_000_000)) problems.push('set-aside')
  if (tiers.length === 0 || tiers.some(({ price }) => price <= 0n)) problems.push('no-price')
  if (tiers.some(({ price }) => price >= alonePrice)) problems.push('price-not-lower')
  const rises = (one: Tier, at: number) => {
    const before = tiers[at - 1]
    return before !== undefined && (one.seats <= before.seats || one.price >= before.price)
  }
  if (tiers.some(rises)) problems.push('steps-order')
  if (tiers.length > (isTeam ? 1 : campaignLimits.tiers)) problems.push('steps-many')
  if (tiers.some(({ seats }) => !isWithin(seats, 1, terms.size))) problems.push('steps-beyond-size')
  const isThanked = thanks.kind !== 'none'
  if (!isWithin(thanks.basisPoints, isThanked ? 1 : 0, isThanked ? 5000 : 0)) problems.push('thanks')
  if (terms.cities !== null && !isWithin(terms.cities.length, 1, campaignLimits.cities)) problems.push('cities')
  return problems
}
