/** What the catalogue knows of a word: the vocabulary, and the synonyms of its shops. */
import { together, type Db } from './db.ts'
import { Prisma } from './prisma/client.ts'
import { classes, hidden, inClass } from './search.ts'

export type KnownWord = {
  /** Products that have it in any form, about: who has two of its forms is counted twice. */
  uses: number
  /** Products there are, as PostgreSQL last counted them. */
  goods: number
  /** The most used word of another alphabet that sounds the same. */
  sounds: string | undefined
  /** Words begin so. */
  begins: boolean
  /** What shops call it. */
  synonyms: { sellerId: number; means: string }[]
}

type Known = {
  uses: number
  goods: number
  sounds: string | null
  begins: boolean
  synonyms: KnownWord['synonyms'] | null
}

/** @returns for each of the words, folded, what is known of it. */
export async function lookUp(db: Db, words: readonly string[]): Promise<Map<string, KnownWord>> {
  if (words.length === 0) return new Map()
  const unique = [...new Set(words)]
  const rows = await known(db, unique)
  return new Map(
    unique.map((word, at) => {
      const row = rows[at]
      return [
        word,
        {
          uses: row?.uses ?? 0,
          goods: row?.goods ?? 0,
          sounds: row?.sounds ?? undefined,
          begins: row?.begins ?? false,
          synonyms: row?.synonyms ?? [],
        },
      ]
    }),
  )
}

const known = together(async (db, asked: string[][]) => {
  const all = [...new Set(asked.flat())]
  const rows = await db.$queryRaw<(Known & { word: string })[]>(Prisma.sql`
    WITH asked AS MATERIALIZED (SELECT DISTINCT word FROM unnest((SELECT ${all}::text[])) word)
    SELECT a.word, coalesce(form.uses, v.uses, 0)::int AS uses, other.word AS sounds,
      (SELECT greatest(reltuples, 0)::int FROM pg_class WHERE oid = 'listing'::regclass) AS goods,
      v.word IS NULL AND form.uses IS NULL AND length(a.word) > 2 AND coalesce((
        SELECT b.word FROM vocabulary b WHERE b.word >= a.word ORDER BY b.word LIMIT 1) LIKE a.word || '%', false) AS begins,
      own.synonyms
    FROM asked a
    LEFT JOIN vocabulary v ON v.word = a.word
    LEFT JOIN LATERAL (
      SELECT sum(f.uses) AS uses FROM vocabulary f WHERE f.stem = word_stem(a.word)) form ON true
    LEFT JOIN LATERAL (
      SELECT o.word FROM vocabulary o
      WHERE v.word IS NULL AND form.uses IS NULL AND length(a.word) > 2 AND o.sound = word_sound(a.word)
        AND (o.word ~ '[a-z]') <> (a.word ~ '[a-z]')
      ORDER BY o.uses DESC, o.word LIMIT 1) other ON true
    LEFT JOIN LATERAL (
      SELECT jsonb_agg(jsonb_build_object('sellerId', s.seller_id, 'means', s.means) ORDER BY s.id) AS synonyms
      FROM synonym s WHERE s.word = a.word) own ON true`)
  const byWord = new Map(rows.map((row) => [row.word, row]))
  return asked.map((words) => words.map((word) => byWord.get(word)))
})

/**
 * Words of the vocabulary that may have been meant by one that is none: those named, and those that look alike.
 * @returns undefined when the word is somewhere in the goods after all: the vocabulary leaves descriptions out.
 */
export async function findAlike(
  db: Db,
  word: string,
  typos: readonly string[],
): Promise<{ word: string; uses: number }[] | undefined> {
  const rows = await db.$queryRaw<{ word: string | null; uses: number }[]>(Prisma.sql`
    -- For EXISTS, and for a plain limit of one, all goods would be read: nearly nothing has a word that is none.
    SELECT NULL AS word, 0 AS uses WHERE (SELECT count(*) FROM (SELECT FROM ${classes} CROSS JOIN LATERAL (
      SELECT FROM listing l WHERE ${inClass(hidden(word))}) l LIMIT (SELECT 1)) one) > 0
    UNION ALL
    SELECT word, uses FROM vocabulary WHERE word = ANY ((SELECT ${[...typos]}::text[])::text[])
    UNION ALL
    (SELECT word, uses FROM vocabulary WHERE length(${word}::text) > 7 AND letters % word_letters(${word})
      AND length(word) BETWEEN length(${word}::text) - 2 AND length(${word}::text) + 2
      ORDER BY similarity(letters, word_letters(${word})) DESC, uses DESC LIMIT 20)`)
  const words: { word: string; uses: number }[] = []
  for (const { word: one, uses } of rows) {
    if (one === null) return undefined
    words.push({ word: one, uses })
  }
  return words
}

/**
 * Of words that may have been meant, likeliest first, the one that is in most goods together with all the others that were
 * typed; counting stops at fifty.
 * @param rest for `to_tsquery('russian', …)` each.
 */
export async function findBestWith(
  db: Db,
  words: readonly string[],
  rest: readonly string[],
): Promise<string | undefined> {
  if (words.length < 2 || rest.length === 0) return words[0]
  const queries = words.map((word) => [word, ...rest].join(' & '))
  const [best] = await db.$queryRaw<{ word: string }[]>(Prisma.sql`
    SELECT one.word FROM unnest((SELECT ${[...words]}::text[]), (SELECT ${queries}::text[])) WITH ORDINALITY one (word, query, at)
    ORDER BY (SELECT count(*) FROM (SELECT FROM ${classes} CROSS JOIN LATERAL (
      SELECT FROM listing l WHERE ${inClass(Prisma.sql`to_tsquery('pg_catalog.russian', one.query)`)}) l LIMIT 50) few) DESC, at
    LIMIT 1`)
  return best?.word
}

/** So many of the most used words are looked through for those that somebody may be shown. */
const mostLookedThrough = 50

/**
 * The most used words that begin so. For who has not said that they are eighteen, none that only goods for grown-ups have:
 * one after another is looked up until there are enough. A thousand of a word's goods are looked at, so that its index is
 * read for them and not the whole catalogue.
 */
export async function findBeginning(
  db: Db,
  start: string,
  limit: number,
  { isAdult }: { isAdult: boolean },
): Promise<string[]> {
  const isSeen = isAdult
    ? Prisma.sql`true`
    : Prisma.sql`(SELECT numnode(q) = 0 OR EXISTS (
        SELECT 1 FROM (SELECT l.is_adult FROM ${classes} CROSS JOIN LATERAL (
          SELECT l.is_adult FROM listing l WHERE ${inClass(Prisma.sql`q`)}) l LIMIT 1000) few WHERE NOT few.is_adult)
      FROM to_tsquery('pg_catalog.russian', w.word) q)`
  const rows = await db.$queryRaw<{ word: string }[]>(Prisma.sql`
    SELECT w.word FROM (
      SELECT word, uses FROM vocabulary WHERE word > ${start} AND word < ${`${start}\u{10ffff}`} AND starts_with(word, ${start})
      ORDER BY uses DESC, word LIMIT (SELECT ${isAdult ? limit : mostLookedThrough}::int)) w
    WHERE ${isSeen} ORDER BY w.uses DESC, w.word LIMIT (SELECT ${limit}::int)`)
  return rows.map(({ word }) => word)
}
