/** Terms of a campaign that somebody is still writing, and what they mean for each variant of the product. */
import { termsProblems, type CampaignTerms, type TermsProblem, type Thanks, type Tier } from './group-buy.ts'

/**
 * A price as a seller writes it: the same amount for every variant, so much off what each costs alone (in hundredths of
 * a percent), or an amount for each, by the variant's id. Amounts are minor units as text: the draft is kept as JSON.
 */
export type DraftPrice = { amount: string } | { off: number } | { own: Record<string, string> }

/** From so many seats on. The first of a ladder holds from the beginning. */
export type DraftStep = { seats: number; price: DraftPrice }

export type DraftTerms = Pick<CampaignTerms, 'kind' | 'size' | 'lifetimeMinutes' | 'maxUnits'> &
  Pick<CampaignTerms, 'mixesOptions' | 'isPublic'> & {
    /** Of a ladder; a team needs all its seats. */
    minSeats: number
    steps: DraftStep[]
    thanks: Thanks
    /** Units of each variant that only groups may take; null: none. */
    setAside: number | null
    /** ISO 8601; null: as soon as it is published. */
    startsAt: string | null
    endsAt: string | null
    /** None: everywhere. */
    cities: { code: number; name: string }[]
    /** The campaign that it was made from: it ends with this one's beginning, or never begins. */
    replaces: number | null
  }

export type DraftVariant = { variantId: number; price: bigint; currency: string }

/** `currencies`: one amount was written for variants that cost different money. */
export type DraftProblem = TermsProblem | 'currencies'

const usual = {
  lifetimeMinutes: 24 * 60,
  maxUnits: 1,
  mixesOptions: false,
  isPublic: true,
  thanks: { kind: 'none', basisPoints: 0 },
  setAside: null,
  startsAt: null,
  endsAt: null,
  cities: [],
  replaces: null,
} satisfies Partial<DraftTerms>

const off = (seats: number, basisPoints: number): DraftStep => ({ seats, price: { off: basisPoints } })

/** Terms that can be published as they are. */
export function newDraft(kind: DraftTerms['kind']): DraftTerms {
  return kind === 'team'
    ? { ...usual, kind, size: 3, minSeats: 3, steps: [off(3, 1500)] }
    : { ...usual, kind, size: 10, minSeats: 2, steps: [off(1, 1000), off(5, 1500), off(10, 2000)] }
}

/** The same terms as the other kind: its own size and prices, for those of one mean nothing to the other. */
export function turnInto(draft: DraftTerms, kind: DraftTerms['kind']): DraftTerms {
  if (draft.kind === kind) return draft
  const { size, minSeats, steps } = newDraft(kind)
  return { ...draft, kind, size, minSeats, steps }
}

/** Steps as they were typed: the seats of the first are what is enough; 1 leaves the minimum as it is. */
export function withSteps(draft: DraftTerms, steps: DraftStep[]): DraftTerms {
  const first = steps[0]?.seats ?? 1
  return { ...draft, steps, minSeats: draft.kind === 'ladder' && first > 1 ? first : draft.minSeats }
}

/** What one unit of a variant costs; undefined when the price says nothing of it. */
function priceOf(price: DraftPrice, { variantId, price: alone }: DraftVariant): bigint | undefined {
  if ('amount' in price) return BigInt(price.amount)
  if ('off' in price) return (alone * BigInt(10_000 - price.off)) / 10_000n
  const own = price.own[variantId]
  return own === undefined ? undefined : BigInt(own)
}

/** The steps of each variant that takes part, ascending as they were written. */
export function draftPrices(draft: DraftTerms, variants: readonly DraftVariant[]): Map<number, Tier[]> {
  const { kind, size, steps } = draft
  return new Map(
    variants.flatMap((variant): [number, Tier[]][] => {
      const tiers = steps.flatMap(({ seats, price: written }, at): Tier[] => {
        const price = priceOf(written, variant)
        if (price === undefined) return []
        return [{ seats: kind === 'team' ? size : at === 0 ? 1 : seats, price }]
      })
      return tiers.length === steps.length && tiers.length > 0 ? [[variant.variantId, tiers]] : []
    }),
  )
}

/** A beginning that has passed while they were writing is now. */
export function draftStart({ startsAt }: DraftTerms, now: Date): Date {
  const start = startsAt === null ? now : new Date(startsAt)
  return start > now ? start : now
}

/** What is wrong, each once; it can be published when nothing is. */
export function draftProblems(draft: DraftTerms, variants: readonly DraftVariant[], now: Date): DraftProblem[] {
  const prices = draftPrices(draft, variants)
  const { kind, size, setAside, endsAt } = draft
  const terms = {
    ...draft,
    setAside,
    minSeats: kind === 'team' ? size : draft.minSeats,
    startsAt: draftStart(draft, now),
    endsAt: endsAt === null ? null : new Date(endsAt),
    cities: draft.cities.length === 0 ? null : draft.cities.map(({ code }) => code),
  }
  const problems = new Set<DraftProblem>(prices.size === 0 ? ['no-price'] : [])
  for (const variant of variants) {
    const tiers = prices.get(variant.variantId)
    if (tiers) for (const problem of termsProblems({ ...terms, tiers }, variant.price, now)) problems.add(problem)
  }
  const isOneAmount = draft.steps.some(({ price }) => 'amount' in price)
  if (isOneAmount && new Set(variants.map(({ currency }) => currency)).size > 1) problems.add('currencies')
  return [...problems]
}
