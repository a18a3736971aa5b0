/** What a press or a typed answer makes of one term of a draft, and what can be pressed beside typing. */
import { turnInto, withSteps, type DraftTerms } from '#domain/campaign-draft.ts'
import type { DraftView } from '#shop/campaigns.ts'
import {
  parseCount,
  parseLifetime,
  parseMoment,
  parsePercent,
  parsePrice,
  parseSteps,
  timeOf,
} from './campaign-terms.ts'
import type { TermName } from './intent.ts'
import type { Label } from './screen.ts'
import type { Reader } from './text.ts'
import type { Key } from './words.ts'

export type Change = (terms: DraftTerms) => DraftTerms

const thanksKinds = ['none', 'discount', 'share'] as const
/** Thanks of a kind that nobody has named a number for yet: five per cent. */
const usualThanks = 500

/** What a button of a term means. @returns undefined for a number that no button of ours carries. */
export function tappedChange(term: TermName, value: number): Change | undefined {
  switch (term) {
    case 'kind':
      return (terms) => turnInto(terms, value === 1 ? 'ladder' : 'team')
    case 'audience':
      return (terms) => ({ ...terms, isPublic: value === 1 })
    case 'options':
      return (terms) => ({ ...terms, mixesOptions: value === 1 })
    case 'size':
      return withSize(value)
    case 'minimum':
      return (terms) => (terms.kind === 'ladder' ? { ...terms, minSeats: value } : terms)
    case 'lifetime':
      return (terms) => ({ ...terms, lifetimeMinutes: value })
    case 'units':
      return (terms) => ({ ...terms, maxUnits: value })
    case 'aside':
      return (terms) => ({ ...terms, setAside: value === 0 ? null : value })
    case 'start':
      return value === 0 ? (terms) => ({ ...terms, startsAt: null }) : undefined
    case 'end':
      return value === 0 ? (terms) => ({ ...terms, endsAt: null }) : undefined
    case 'cities':
      return (terms) => ({ ...terms, cities: value === 0 ? [] : terms.cities.slice(0, -1) })
    case 'thanks': {
      const kind = thanksKinds[value]
      if (!kind) return undefined
      return (terms) => ({
        ...terms,
        thanks: { kind, basisPoints: kind === 'none' ? 0 : terms.thanks.basisPoints || usualThanks },
      })
    }
    case 'prices':
      return undefined
  }
}

/** @returns undefined for what cannot be understood. Limits are the draft's own business: it says what is wrong. */
export function typedChange(
  term: TermName,
  typed: string,
  { terms, product }: DraftView,
  reader: Reader,
): Change | undefined {
  const currency = product.variants[0]?.currency ?? ''
  const count = parseCount(typed)
  switch (term) {
    case 'prices': {
      const price = terms.kind === 'team' ? parsePrice(typed, currency) : undefined
      const steps = price ? [{ seats: terms.size, price }] : parseSteps(typed, currency)
      // The draft may have become the other kind since it was asked for.
      return steps && terms.kind === (price ? 'team' : 'ladder')
        ? (now) => (now.kind === terms.kind ? withSteps(now, steps) : now)
        : undefined
    }
    case 'size':
      return count === undefined ? undefined : withSize(count)
    case 'minimum':
    case 'units':
      return count === undefined ? undefined : tappedChange(term, count)
    case 'aside':
      return count === undefined || count === 0 ? undefined : tappedChange(term, count)
    case 'lifetime': {
      const lifetimeMinutes = parseLifetime(typed)
      return lifetimeMinutes === undefined ? undefined : (now) => ({ ...now, lifetimeMinutes })
    }
    case 'start': {
      const startsAt = parseMoment(typed, reader, false)?.toISOString()
      return startsAt === undefined ? undefined : (now) => ({ ...now, startsAt })
    }
    case 'end': {
      const endsAt = parseMoment(typed, reader, true)?.toISOString()
      return endsAt === undefined ? undefined : (now) => ({ ...now, endsAt })
    }
    case 'thanks': {
      const basisPoints = parsePercent(typed)
      if (basisPoints === undefined) return undefined
      return (now) => ({
        ...now,
        thanks: { kind: now.thanks.kind === 'none' ? 'discount' : now.thanks.kind, basisPoints },
      })
    }
    case 'kind':
    case 'audience':
    case 'options':
    case 'cities':
      return undefined
  }
}

function withSize(size: number): Change {
  return (terms) => (terms.kind === 'team' ? { ...terms, size, minSeats: size } : { ...terms, size })
}

/** Answers that need no typing. */
export function presetsOf(term: TermName, { kind, size, cities }: DraftTerms): { label: Label; value: number }[] {
  const numbers = (...values: number[]) => values.map((value) => ({ label: { raw: value }, value }))
  const named = (key: Key, value: number) => ({ label: { key }, value })
  switch (term) {
    case 'size':
      return kind === 'team' ? numbers(2, 3, 5, 10) : numbers(5, 10, 20, 50)
    case 'minimum':
      return numbers(...[2, 3, 5, 10].filter((least) => least <= size))
    case 'units':
      return numbers(1, 2, 3, 5)
    case 'lifetime':
      return [60, 12 * 60, 1440, 3 * 1440, 5 * 1440].map((value) => ({ label: { raw: timeOf(value) }, value }))
    case 'start':
      return [named('button.start-now', 0)]
    case 'end':
      return [named('button.end-none', 0)]
    case 'aside':
      return [named('button.aside-none', 0)]
    case 'cities':
      return cities.length > 0 ? [named('button.cities-all', 0), named('button.cities-less', 1)] : []
    case 'thanks':
      return thanksKinds.map((kindOf, value) => ({ label: { key: `button.thanks-${kindOf}` }, value }))
    case 'prices':
    case 'kind':
    case 'audience':
    case 'options':
      return []
  }
}
