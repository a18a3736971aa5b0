/** How well searching orders what it finds, measured against what people judged. */
import type { Searcher } from '#domain/search-query.ts'
import { find } from '#shop/search.ts'
import type { Client } from '#store/db.ts'

/** Of each query the ratings of offers, 0 to 3. */
export type Judgements = Map<string, Map<string, number>>

export type Relevance = {
  queries: number
  /** Of those, for which nothing good is in the feed: they count 0, whatever is found. */
  without_good: number
  ndcg10_judged: number
  ndcg10: number
  /** Of the damaged queries those for which the words before the damage were searched; null without damage. */
  repair_recall: number | null
  damaged: number
  /** Means of the queries at even and at odd places, to see what is luck. */
  halves_judged: [number, number]
  by_query: Record<string, number>
}

/** Judged offers may lie behind many that nobody judged. */
const depth = 1000
const everybody: Searcher = { cityCode: undefined, isAdult: true }

export async function measure(
  db: Client,
  judgements: Judgements,
  { hasTypos, now }: { hasTypos: boolean; now: Date },
  say: (line: string) => void,
): Promise<Relevance> {
  const offers = await db.product.findMany({ select: { id: true, externalId: true } })
  const offerOf = new Map(offers.map(({ id, externalId }) => [id, externalId]))
  const judgedScores: number[] = []
  const scores: number[] = []
  const byQuery: Record<string, number> = {}
  let [damaged, repaired, withoutGood] = [0, 0, 0]
  for (const [query, ratings] of judgements) {
    const asked = hasTypos ? damage(query) : query
    const search = { query: asked, filters: {}, sort: 'best' as const, isVerbatim: false }
    const found = await find(db, search, everybody, { offset: 0, limit: depth }, now)
    // Of another category than asked for: what is shown rather than nothing is no answer.
    const products = found.wayOn?.kind === 'category' ? [] : found.products
    const ids = products.map(({ productId }) => offerOf.get(productId) ?? '')
    const ideal = gain([...ratings.values()].toSorted((a, b) => b - a))
    if (ideal === 0) withoutGood += 1
    const judged = ids.filter((id) => ratings.has(id)).map((id) => ratings.get(id) ?? 0)
    const score = ideal === 0 ? 0 : gain(judged) / ideal
    byQuery[query] = Math.round(score * 1000) / 1000
    judgedScores.push(score)
    scores.push(ideal === 0 ? 0 : gain(ids.map((id) => ratings.get(id) ?? 0)) / ideal)
    if (asked !== query) {
      damaged += 1
      if ((found.repair?.shown ?? asked) === query) repaired += 1
      say(`  ${query} ← ${asked} → ${found.repair?.shown ?? '(as typed)'}`)
    }
  }
  return {
    queries: judgements.size,
    without_good: withoutGood,
    ndcg10_judged: mean(judgedScores),
    ndcg10: mean(scores),
    repair_recall: damaged === 0 ? null : repaired / damaged,
    damaged,
    halves_judged: [
      mean(judgedScores.filter((_, at) => at % 2 === 0)),
      mean(judgedScores.filter((_, at) => at % 2 === 1)),
    ],
    by_query: byQuery,
  }
}

/** Discounted gain of the first ten: 2^rating − 1. */
function gain(ratings: readonly number[]): number {
  return ratings.slice(0, 10).reduce((sum, rating, at) => sum + (2 ** rating - 1) / Math.log2(at + 2), 0)
}

function mean(values: readonly number[]): number {
  return values.length === 0 ? 0 : values.reduce((sum, value) => sum + value, 0) / values.length
}

const letters = 'abcdefghijklmnopqrstuvwxyz'

/** One letter of the longest word is added, left out, replaced or swapped with its neighbour: the same every time. */
export function damage(query: string): string {
  const words = query.split(' ')
  const longest = words.reduce((best, word, at) => (word.length > (words[best]?.length ?? 0) ? at : best), 0)
  const word = words[longest] ?? ''
  if (word.length < 2) return query
  const random = randomOf(query)
  const at = random(word.length)
  const letter = letters[random(letters.length)] ?? 'x'
  const [head, tail] = [word.slice(0, at), word.slice(at)]
  const swapAt = Math.min(at, word.length - 2)
  const ways = [
    head + letter + tail,
    head + tail.slice(1),
    head + letter + tail.slice(1),
    word.slice(0, swapAt) + (word[swapAt + 1] ?? '') + (word[swapAt] ?? '') + word.slice(swapAt + 2),
  ]
  words[longest] = ways[random(ways.length)] ?? word
  return words.join(' ')
}

/** Numbers below `most`, from the text alone (mulberry32 seeded by FNV-1a). */
function randomOf(seed: string): (most: number) => number {
  let state = Array.from(seed).reduce(
    (hash, one) => Math.imul(hash ^ (one.codePointAt(0) ?? 0), 16_777_619),
    2_166_136_261,
  )
  return (most) => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) % most
  }
}
