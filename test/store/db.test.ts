import { expect, test } from 'vitest'
import { query, together, type Db } from '#store/db.ts'
import { findVisit, markHandled } from '#store/people.ts'
import { Prisma } from '#store/prisma/client.ts'
import { useDatabase } from '../support/database.ts'

const database = useDatabase()

/** Doubles numbers, and notes how many went together. */
function doubling() {
  const sizes: number[] = []
  const double = together(async (db: Db, numbers: number[]) => {
    sizes.push(numbers.length)
    const list = Prisma.sql`SELECT n * 2 AS n FROM unnest((SELECT ${numbers}::int[])) WITH ORDINALITY one (n, place) ORDER BY place`
    return (await query<{ n: number }>(db, list)).map(({ n }) => n)
  })
  return { sizes, double }
}

test('what is asked while a query is under way goes together, and everybody gets their own answer', async () => {
  const { sizes, double } = doubling()
  const numbers = Array.from({ length: 100 }, (_, n) => n)
  expect(await Promise.all(numbers.map(async (n) => double(database.db, n)))).toEqual(numbers.map((n) => n * 2))
  expect(sizes).toEqual([1, 64, 35])
  expect(await double(database.db, 21)).toBe(42)
  expect(sizes).toEqual([1, 64, 35, 1])
})

test('a question that fails fails for who asked it, and for nobody beside or after it', async () => {
  let times = 0
  const ask = together(async (_db: Db, questions: string[]) => {
    times += 1
    if (questions.includes('bad')) throw new Error('refused')
    return questions
  })
  const asked = await Promise.allSettled(['first', 'bad', 'beside'].map(async (word) => ask(database.db, word)))
  expect(asked.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'fulfilled'])
  expect(times).toBe(4)
  expect(await ask(database.db, 'after')).toBe('after')
})

test('what is asked inside a transaction stays inside it', async () => {
  const arrival = ['telegram', '77', 'update-in-transaction'] as const
  const rolledBack = database.db.$transaction(async (tx) => {
    await markHandled(tx, arrival[0], arrival[2], null, new Date())
    expect((await findVisit(tx, ...arrival)).wasHandled).toBe(true)
    expect((await findVisit(database.db, ...arrival)).wasHandled).toBe(false)
    throw new Error('roll back')
  })
  await expect(rolledBack).rejects.toThrow('roll back')
  expect((await findVisit(database.db, ...arrival)).wasHandled).toBe(false)
})

test('queries asked at once inside a transaction run in the order of asking, and one that fails fails alone', async () => {
  const asked = await database.db.$transaction(async (tx) => {
    await tx.$executeRaw`CREATE TEMPORARY SEQUENCE turns`
    const turn = async () => (await tx.$queryRaw<{ n: bigint }[]>`SELECT nextval('turns') AS n`)[0]?.n
    const fail = async () => tx.$queryRaw`SELECT 1 / 0`
    return Promise.allSettled([turn(), turn(), turn(), fail(), turn()])
  })
  expect(asked.map((one) => (one.status === 'fulfilled' ? one.value : one.status))).toEqual([
    1n,
    2n,
    3n,
    'rejected',
    // PostgreSQL takes nothing more in a transaction that failed.
    'rejected',
  ])
})

test('a query past the engine reads the same values as one through it', async () => {
  const sql = Prisma.sql`SELECT 9007199254740993::bigint AS big, 1::int AS small, '{"a": [1]}'::jsonb AS json, NULL AS none,
    '{x,y}'::text[] AS list, '2026-01-02T03:04:05.678Z'::timestamptz AS at, ${'ы'} || '' AS words`
  const past = await query(database.db, sql)
  const through = await database.db.$queryRaw(sql)
  expect(past).toEqual(through)
  expect(past).toEqual([
    {
      big: 9007199254740993n,
      small: 1,
      json: { a: [1] },
      none: null,
      list: ['x', 'y'],
      at: new Date('2026-01-02T03:04:05.678Z'),
      words: 'ы',
    },
  ])
})

test('updates marked as handled at once are all marked, those marked before included', async () => {
  const ids = Array.from({ length: 50 }, (_, n) => `many-${n % 40}`)
  await Promise.all(ids.map(async (id) => markHandled(database.db, 'telegram', id, null, new Date())))
  const visits = await Promise.all(ids.map(async (id) => findVisit(database.db, 'telegram', '1', id)))
  expect(visits.every(({ wasHandled }) => wasHandled)).toBe(true)
  expect((await findVisit(database.db, 'telegram', '1', 'never')).wasHandled).toBe(false)
})
