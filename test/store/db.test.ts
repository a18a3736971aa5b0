import { PrismaPg } from '@prisma/adapter-pg'
import pg from 'pg'
import { expect, test, vi } from 'vitest'
import { inTransaction, lastOfAll, openDatabase, together, togetherMax, type Db } from '#store/db.ts'
import { findVisit, markHandled } from '#store/people.ts'
import { Prisma, PrismaClient } from '#store/prisma/client.ts'
import { useDatabase } from '../support/database.ts'

const database = useDatabase()

/** Doubles numbers, and notes how many went together. */
function doubling() {
  const sizes: number[] = []
  const double = together(async (db: Db, numbers: number[]) => {
    sizes.push(numbers.length)
    const list = Prisma.sql`SELECT n * 2 AS n FROM unnest((SELECT ${numbers}::int[])) WITH ORDINALITY one (n, place) ORDER BY place`
    return (await db.$queryRaw<{ n: number }[]>(list)).map(({ n }) => n)
  })
  return { sizes, double }
}

test('what is asked at once or while a query is under way goes together, and everybody gets their own answer', async () => {
  const { sizes, double } = doubling()
  const numbers = Array.from({ length: 100 }, (_, n) => n)
  expect(await Promise.all(numbers.map(async (n) => double(database.db, n)))).toEqual(numbers.map((n) => n * 2))
  expect(sizes).toEqual([64, 36])
  expect(await double(database.db, 21)).toBe(42)
  expect(sizes).toEqual([64, 36, 1])
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

test('with a window, what comes close behind another waits for company; what comes alone waits for nobody', async () => {
  vi.useFakeTimers()
  try {
    const sent: number[][] = []
    let answer: () => void = () => undefined
    const echo = async (_db: Db, numbers: number[]) => {
      sent.push(numbers)
      await new Promise<void>((go) => (answer = go))
      return numbers
    }
    const ask = together(echo, { windowMs: 5 })
    const answers: Promise<number>[] = []
    const asks = (n: number) => answers.push(ask(database.db, n))
    const pass = (ms: number) => vi.advanceTimersByTimeAsync(ms)

    asks(1)
    await pass(0)
    expect(sent).toEqual([[1]])
    answer()
    await pass(1)
    asks(2)
    await pass(4)
    asks(3)
    expect(sent).toHaveLength(1)
    await pass(1)
    expect(sent.slice(1)).toEqual([[2, 3]])
    // Under way: who comes now waits for its end, and for whoever is close behind.
    asks(4)
    answer()
    await pass(4)
    asks(5)
    await pass(1)
    expect(sent.slice(2)).toEqual([[4, 5]])
    // As many as may go together wait for nobody.
    const many = Array.from({ length: togetherMax }, (_, at) => at + 6)
    for (const n of many) asks(n)
    answer()
    await pass(0)
    expect(sent.slice(3)).toEqual([many])
    answer()
    await pass(5)
    asks(100)
    await pass(0)
    expect(sent.slice(4)).toEqual([[100]])
    answer()
    expect(await Promise.all(answers)).toEqual([1, 2, 3, 4, 5, ...many, 100])
  } finally {
    vi.useRealTimers()
  }
})

test('what is asked inside a transaction stays inside it', async () => {
  const arrival = ['telegram', '77', 'update-in-transaction'] as const
  const rolledBack = inTransaction(database.db, async (tx) => {
    await markHandled(tx, arrival[0], arrival[2], null, new Date())
    expect((await findVisit(tx, ...arrival)).wasHandled).toBe(true)
    expect((await findVisit(database.db, ...arrival)).wasHandled).toBe(false)
    throw new Error('roll back')
  })
  await expect(rolledBack).rejects.toThrow('roll back')
  expect((await findVisit(database.db, ...arrival)).wasHandled).toBe(false)
})

test('queries asked at once inside a transaction run in the order of asking, and after one that fails none is taken', async () => {
  let asked: PromiseSettledResult<unknown>[] = []
  const failed = inTransaction(database.db, async (tx) => {
    await tx.$executeRaw`CREATE TEMPORARY SEQUENCE turns`
    const turn = async () => (await tx.$queryRaw<{ n: bigint }[]>`SELECT nextval('turns') AS n`)[0]?.n
    const fail = async () => tx.$queryRaw`SELECT 1 / 0`
    asked = await Promise.allSettled([turn(), turn(), turn(), fail(), turn()])
  })
  await expect(failed).rejects.toThrow('nothing was kept')
  expect(asked.map((one) => (one.status === 'fulfilled' ? one.value : one.status))).toEqual([
    1n,
    2n,
    3n,
    'rejected',
    // PostgreSQL takes nothing more in a transaction that failed.
    'rejected',
  ])
})

test('a transaction that refuses, fails or is outlived leaves nothing behind', async () => {
  const { db } = database
  await db.$executeRaw`CREATE TABLE kept (n int)`
  const put = async (tx: Db, n: number) => tx.$executeRaw`INSERT INTO kept VALUES (${n})`
  const refusal = { ok: false, reason: 'no' }
  const refused = await inTransaction(db, async (tx) => {
    await put(tx, 1)
    return refusal
  })
  expect(refused).toBe(refusal)
  const failed = inTransaction(db, async (tx) => {
    await put(tx, 2)
    await tx.$executeRaw`SELECT 1 / 0`
  })
  await expect(failed).rejects.toThrow('division by zero')
  const hushed = inTransaction(db, async (tx) => {
    await put(tx, 6)
    await tx.$executeRaw`SELECT 1 / 0`.catch(() => undefined)
  })
  await expect(hushed).rejects.toThrow('nothing was kept')
  let late: Promise<unknown> | undefined
  let outlived: Db | undefined
  await inTransaction(db, async (tx) => {
    outlived = tx
    await put(tx, 3)
    // Not waited for: it still belongs to the transaction.
    late = put(tx, 4)
  })
  await late
  await expect(outlived && put(outlived, 5)).rejects.toThrow('the transaction is over')
  expect(await db.$queryRaw`SELECT n FROM kept ORDER BY n`).toEqual([{ n: 3 }, { n: 4 }])
})

test('what comes last is written once and in the order of its keys, and fails the transaction though its end is on the way', async () => {
  const { db } = database
  await db.$executeRaw`CREATE TABLE lastly (id serial, what text)`
  const put = (what: string) => Prisma.sql`INSERT INTO lastly (what) VALUES (${what})`
  await inTransaction(db, async (tx) => {
    await lastOfAll(tx, 'b', put('b'))
    await lastOfAll(tx, 'a', put('a'))
    await lastOfAll(tx, 'b', put('b again'))
    await tx.$executeRaw(put('first'))
  })
  await lastOfAll(db, 'c', put('at once'))
  const failed = inTransaction(db, async (tx) => {
    await tx.$executeRaw(put('lost'))
    await lastOfAll(tx, 'x', Prisma.sql`SELECT 1 / 0`)
    await lastOfAll(tx, 'y', put('lost, too'))
  })
  await expect(failed).rejects.toThrow('division by zero')
  const refused = await inTransaction(db, async (tx) => {
    await lastOfAll(tx, 'z', put('refused'))
    return { ok: false }
  })
  expect(refused).toEqual({ ok: false })
  expect(await db.$queryRaw`SELECT what FROM lastly ORDER BY id`).toEqual(
    ['first', 'a', 'b again', 'at once'].map((what) => ({ what })),
  )
})

test('BEGIN goes with the first statement and COMMIT with the last ones, before their answers are known', async () => {
  const heard: string[] = []
  type Statement = { text: string; submit(...to: unknown[]): unknown; handleReadyForQuery(...from: unknown[]): unknown }
  // What the driver calls when a statement goes over the wire, and when its last answer has come.
  const wire = pg.Query.prototype as unknown as Statement
  const note = (method: 'submit' | 'handleReadyForQuery', mark: string) => {
    const original: unknown = Reflect.get(wire, method)
    if (typeof original !== 'function') throw new Error(`the driver has no ${method} any more`)
    return vi.spyOn(wire, method).mockImplementation(function (this: Statement, ...more: unknown[]) {
      heard.push(this.text + mark)
      return Reflect.apply(original, this, more) as unknown
    })
  }
  const spies = [note('submit', '?'), note('handleReadyForQuery', '')]
  try {
    await inTransaction(database.db, async (tx) => {
      await tx.$queryRaw`SELECT 1`
      await tx.$queryRaw`SELECT 2`
      await lastOfAll(tx, 'a', Prisma.sql`SELECT 3`)
      await lastOfAll(tx, 'b', Prisma.sql`SELECT 4`)
    })
  } finally {
    for (const spy of spies) spy.mockRestore()
  }
  const begun = ['BEGIN?', 'SELECT 1?', 'BEGIN', 'SELECT 1', 'SELECT 2?', 'SELECT 2']
  expect(heard).toEqual([...begun, 'SELECT 3?', 'SELECT 4?', 'COMMIT?', 'SELECT 3', 'SELECT 4', 'COMMIT'])
})

test('a connection that breaks while its last statements are on the way fails the transaction, and is not used again', async () => {
  const db = openDatabase(database.url, 1)
  await db.$executeRaw`CREATE TABLE never (n int)`
  const broken = inTransaction(db, async (tx) => {
    await tx.$executeRaw`INSERT INTO never VALUES (1)`
    await lastOfAll(tx, 'a', Prisma.sql`SELECT pg_terminate_backend(pg_backend_pid())`)
    await lastOfAll(tx, 'b', Prisma.sql`INSERT INTO never VALUES (2)`)
  })
  // Whoever notices first: the server says so, or there is nobody to write to any more.
  await expect(broken).rejects.toThrow(/terminat|EPIPE|ECONNRESET/i)
  expect(await db.$queryRaw`SELECT n FROM never`).toEqual([])
  await db.$disconnect()
})

test('a connection whose COMMIT never left is not used again: its transaction would still be open on it', async () => {
  const db = openDatabase(database.url, 1)
  await db.$executeRaw`CREATE TABLE left_open (n int)`
  const prototype = pg.Client.prototype as unknown as { query: (...args: unknown[]) => unknown }
  const { query } = prototype
  const spy = vi.spyOn(prototype, 'query').mockImplementation(function (this: unknown, ...args) {
    return args[0] === 'COMMIT' ? Promise.reject(new Error('not sent')) : Reflect.apply(query, this, args)
  })
  try {
    const unsent = inTransaction(db, async (tx) => tx.$executeRaw`INSERT INTO left_open VALUES (1)`)
    await expect(unsent).rejects.toThrow('not sent')
  } finally {
    spy.mockRestore()
  }
  expect(await db.$queryRaw`SELECT n FROM left_open`).toEqual([])
  await db.$disconnect()
})

test('times mean the same however they are written and read, wherever the server and the process are', async () => {
  const name = new URL(database.url).pathname.slice(1)
  await database.db.$executeRawUnsafe(`ALTER DATABASE "${name}" SET timezone = 'America/New_York'`)
  const zone = process.env['TZ']
  process.env['TZ'] = 'Asia/Vladivostok'
  const db = openDatabase(database.url, 1)
  try {
    const at = new Date('2026-01-02T03:04:05.678Z')
    await markHandled(db, 'telegram', 'raw', null, at)
    await db.handledUpdate.create({ data: { messenger: 'telegram', updateId: 'model', handledAt: at } })
    const times = await db.handledUpdate.findMany({ where: { handledAt: at } })
    expect(times.map(({ updateId }) => updateId).toSorted()).toEqual(['model', 'raw'])
    const read = await db.$queryRaw<
      { at: Date }[]
    >`SELECT handled_at AS at FROM handled_update WHERE handled_at = ${at}`
    expect(read).toEqual([{ at }, { at }])
  } finally {
    await db.$disconnect()
    await database.db.$executeRawUnsafe(`ALTER DATABASE "${name}" RESET timezone`)
    if (zone === undefined) delete process.env['TZ']
    else process.env['TZ'] = zone
  }
})

test('a connection that breaks in the middle fails its transaction and is not used again', async () => {
  const db = openDatabase(database.url, 1)
  const broken = inTransaction(db, async (tx) => {
    await tx.$queryRaw`SELECT pg_terminate_backend(pg_backend_pid())`
  })
  await expect(broken).rejects.toThrow(/terminat/i)
  expect(await inTransaction(db, async (tx) => tx.$queryRaw`SELECT 1 AS n`)).toEqual([{ n: 1 }])
  await db.$disconnect()
})

test('a statement written by hand reads the same values as Prisma does', async () => {
  const sql = Prisma.sql`SELECT 9007199254740993::bigint AS big, 1::int AS small, '{"a": [1]}'::jsonb AS json, NULL AS none,
    '{x,y}'::text[] AS list,
    '{1,9007199254740993}'::bigint[] AS bigs, '2026-01-02'::date AS day, '2026-01-02T03:04:05.678Z'::timestamptz AS at, ${'ы'} || '' AS words`
  const prismas = new PrismaClient({ adapter: new PrismaPg({ connectionString: database.url }) })
  const through = await prismas.$queryRaw(sql)
  await prismas.$disconnect()
  const past = await database.db.$queryRaw(sql)
  expect(past).toEqual(through)
  expect(past).toEqual([
    {
      big: 9007199254740993n,
      small: 1,
      json: { a: [1] },
      none: null,
      list: ['x', 'y'],
      bigs: [1n, 9007199254740993n],
      day: new Date('2026-01-02T00:00:00Z'),
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
