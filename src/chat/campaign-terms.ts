/** A campaign's terms in words, and the words in which a seller types them. */
import { draftPrices, type DraftPrice, type DraftStep } from '#domain/campaign-draft.ts'
import type { Tier } from '#domain/group-buy.ts'
import type { CampaignRow, DraftView } from '#shop/campaigns.ts'
import { parseAmount } from './amounts.ts'
import type { Line, Param } from './screen.ts'
import { knownTimeZone, shorten, type Reader } from './text.ts'

type Told = Pick<CampaignRow, 'kind' | 'size' | 'minSeats' | 'lifetimeMinutes' | 'maxUnits' | 'mixesOptions'> &
  Pick<CampaignRow, 'isPublic' | 'thanks' | 'cities'> & {
    variants: Pick<CampaignRow['variants'][number], 'alone' | 'currency' | 'tiers'>[]
    /** Units of each variant that only groups may take; null: none. */
    setAside: number | null
  }

/** A draft's terms as a campaign would have them. */
export function toldOf({ terms, product }: DraftView): Told {
  const prices = draftPrices(terms, product.variants)
  const variants = product.variants.flatMap(({ variantId, price, currency }) => {
    const tiers = prices.get(variantId)
    return tiers ? [{ alone: price, currency, tiers }] : []
  })
  return { ...terms, minSeats: terms.kind === 'team' ? terms.size : terms.minSeats, variants }
}

/** A campaign's terms; of what it set aside that is told which is left. */
export function toldOfCampaign(campaign: CampaignRow): Told {
  const left = Math.min(...campaign.variants.map(({ asideLeft }) => asideLeft))
  return { ...campaign, setAside: Number.isFinite(left) && left > 0 ? left : null }
}

export function termsLines(told: Told): Line[] {
  const { kind, size, minSeats, thanks, cities, maxUnits } = told
  const lines: Line[] = [
    kind === 'team'
      ? { key: 'terms.team', params: { count: size } }
      : { key: 'terms.ladder', params: { size, least: minSeats } },
    ...priceLines(told),
    { key: 'terms.lifetime', params: { time: timeOf(told.lifetimeMinutes) } },
    maxUnits === 1 ? { key: 'terms.unit' } : { key: 'terms.units', params: { count: maxUnits } },
    { key: told.mixesOptions ? 'terms.options-mixed' : 'terms.options-same' },
    thanks.kind === 'none'
      ? { key: 'terms.thanks-none' }
      : { key: `terms.thanks-${thanks.kind}`, params: { percent: percentOf(thanks.basisPoints) } },
    { key: told.isPublic ? 'terms.public' : 'terms.invited' },
  ]
  if (told.setAside !== null) lines.push({ key: 'terms.aside', params: { count: told.setAside } })
  const names = cities.map(({ name }) => name).join(', ')
  lines.push(
    cities.length === 0
      ? { key: 'terms.everywhere' }
      : { key: 'terms.cities', params: { cities: shorten(names, 300) } },
  )
  return lines
}

/** Each step once; variants that cost different money are told as from–to. */
function priceLines({ kind, variants }: Told): Line[] {
  const [first] = variants
  if (!first) return []
  const alone = rangeOf(variants.map((variant) => ({ amount: variant.alone, currency: variant.currency })))
  return first.tiers.map(({ seats }, at): Line => {
    const price = rangeOf(
      variants.flatMap(({ tiers, currency }) => {
        const tier: Tier | undefined = tiers[at]
        return tier ? [{ amount: tier.price, currency }] : []
      }),
    )
    if (kind === 'team') return { key: 'terms.price', params: { price, alone } }
    return at === 0
      ? { key: 'terms.start-price', params: { price, alone } }
      : { key: 'terms.step', params: { count: seats, price } }
  })
}

function rangeOf(all: { amount: bigint; currency: string }[]): Param {
  const sorted = all.toSorted((a, b) => (a.amount < b.amount ? -1 : a.amount > b.amount ? 1 : 0))
  const [least, most] = [sorted[0], sorted.at(-1)]
  if (!least || !most) return ''
  if (least.amount === most.amount) return { money: least }
  return { key: 'terms.range', params: { from: { money: least }, to: { money: most } } }
}

export function timeOf(minutes: number): Param {
  if (minutes % 1440 === 0) return { key: 'terms.days', params: { count: minutes / 1440 } }
  return minutes % 60 === 0
    ? { key: 'terms.hours', params: { count: minutes / 60 } }
    : { key: 'terms.minutes', params: { count: minutes } }
}

/** Basis points → per cent, written as the reader's language writes 7.5. */
const percentOf = (basisPoints: number): number => basisPoints / 100

const plain = (typed: string) =>
  typed
    .normalize('NFKC')
    .replaceAll(/[^\S\n]+/g, ' ')
    .trim()

/** A whole number as it is; its limits are told by what it is for. */
export function parseCount(typed: string): number | undefined {
  const text = plain(typed)
  return /^\d{1,6}$/.test(text) ? Number(text) : undefined
}

/** `5`, `5%`, `7,5 %` → basis points. Less than a hundredth of a percent and a hundred or more are none. */
export function parsePercent(typed: string): number | undefined {
  const [, whole, part = ''] = /^(\d{1,2})(?:[.,](\d{1,2}))? ?%?$/.exec(plain(typed)) ?? []
  const points = whole === undefined ? 0 : Number(whole) * 100 + Number(part.padEnd(2, '0'))
  return points > 0 ? points : undefined
}

/** `900`, `1 290 ₽`; `-10%` or `10%` is that much off what each variant costs alone. */
export function parsePrice(typed: string, currency: string): DraftPrice | undefined {
  const text = plain(typed)
  if (text.endsWith('%')) {
    const off = parsePercent(text.replace(/^[-−–] ?/, ''))
    return off === undefined ? undefined : { off }
  }
  const amount = parseAmount(text, currency)
  return amount === undefined ? undefined : { amount: amount.toString() }
}

/**
 * `3 900, 5 800` or a line for each: from so many seats that price, in ascending order. A comma parts steps only before
 * a blank, since without one it is a decimal sign.
 */
export function parseSteps(typed: string, currency: string): DraftStep[] | undefined {
  const steps: DraftStep[] = []
  for (const one of plain(typed.replaceAll(/[，、]/g, ';')).split(/\s*(?:\n|;|,\s)\s*/)) {
    if (one === '') continue
    const [, seats, written] = /^(\d{1,5})(?: ?[:=→] ?| [—–-] | )(.+)$/.exec(one) ?? []
    const price = written === undefined ? undefined : parsePrice(written, currency)
    if (!price) return undefined
    steps.push({ seats: Number(seats), price })
  }
  return steps.length > 0 && steps.length <= 20 ? steps : undefined
}

const units: [RegExp, number][] = [
  [/^(?:м|мин|минут[аы]?|m|min|minutes?|分钟?)\.?$/, 1],
  [/^(?:ч|час|часа|часов|h|hours?|小时|时)\.?$/, 60],
  [/^(?:нед|недел[яиью]|недель|w|weeks?|周|星期)\.?$/, 7 * 1440],
  [/^(?:д|дн|день|дня|дней|сут|сутки|суток|d|days?|天|日)\.?$/, 1440],
]

/** `24 ч`, `3 дня`, `90 min`, `2天` → minutes. A number alone says nothing. */
export function parseLifetime(typed: string): number | undefined {
  const [, count, unit = ''] = /^(\d{1,5}) ?(\D+)$/.exec(plain(typed).toLowerCase()) ?? []
  const minutes = units.find(([pattern]) => pattern.test(unit.trim()))?.[1]
  return minutes === undefined || Number(count) < 1 ? undefined : Number(count) * minutes
}

/**
 * `24.12 18:00`, `24.12.2026`, `2026-12-24 18:00` in the person's own time. Without a year the next such day is meant.
 * @param endOfDay what a day without an hour means: its last minute, not its first.
 */
export function parseMoment(typed: string, reader: Reader, endOfDay: boolean): Date | undefined {
  const { now } = reader
  const timeZone = knownTimeZone(reader)
  const text = plain(typed)
  const match =
    /^(?<day>\d{1,2})[./](?<month>\d{1,2})(?:[./](?<year>20\d{2}))?(?:,? (?<hour>\d{1,2}):(?<minute>\d{2}))?$/.exec(
      text,
    ) ??
    /^(?<year>20\d{2})-(?<month>\d{1,2})-(?<day>\d{1,2})(?:[ T](?<hour>\d{1,2}):(?<minute>\d{2}))?$/.exec(text) ??
    /^(?:(?<year>20\d{2})年)?(?<month>\d{1,2})月(?<day>\d{1,2})日(?: ?(?<hour>\d{1,2}):(?<minute>\d{2}))?$/.exec(text)
  const parts = match?.groups
  if (!parts) return undefined
  const [month, day] = [Number(parts['month']), Number(parts['day'])]
  const [hour, minute] =
    parts['hour'] === undefined ? (endOfDay ? [23, 59] : [0, 0]) : [Number(parts['hour']), Number(parts['minute'])]
  if (hour > 23 || minute > 59) return undefined
  const inYear = (year: number) => {
    const local = new Date(Date.UTC(year, month - 1, day, hour, minute))
    const isDay = local.getUTCMonth() === month - 1 && local.getUTCDate() === day
    return isDay ? fromLocal(local, timeZone) : undefined
  }
  if (parts['year'] !== undefined) return inYear(Number(parts['year']))
  const year = now.getUTCFullYear()
  return [year, year + 1].map(inYear).find((at) => at !== undefined && at > now)
}

/** A wall clock's reading, held in a Date as if it were UTC, at its place. Twice, for the offset may change in between. */
function fromLocal(local: Date, timeZone: string): Date {
  const guess = new Date(local.getTime() - offsetAt(local, timeZone))
  return new Date(local.getTime() - offsetAt(guess, timeZone))
}

function offsetAt(at: Date, timeZone: string): number {
  const format = new Intl.DateTimeFormat('en-US', {
    timeZone,
    year: 'numeric',
    month: 'numeric',
    day: 'numeric',
    hour: 'numeric',
    minute: 'numeric',
    second: 'numeric',
    hourCycle: 'h23',
  })
  const read = Object.fromEntries(format.formatToParts(at).map(({ type, value }) => [type, Number(value)]))
  const { year = 0, month = 1, day = 1, hour = 0, minute = 0, second = 0 } = read
  return Date.UTC(year, month - 1, day, hour, minute, second) - Math.floor(at.getTime() / 1000) * 1000
}
