/** The database handle that every store function takes first: the client, or the transaction it runs in. */
import { PrismaPg } from '@prisma/adapter-pg'
import pg from 'pg'
import { Prisma, PrismaClient } from './prisma/client.ts'

export type Client = PrismaClient
/**
 * What a transaction can do: statements written by hand, straight to the driver. Prisma's own transactions cost three
 * times the processor time, and its models would need one (DECISIONS 28).
 */
export type Transaction = Pick<PrismaClient, '$queryRaw' | '$executeRaw'>
export type Db = Client | Transaction

/** @param poolSize connections this process may hold; PostgreSQL allows 100 in all by default. */
export function openDatabase(url: string, poolSize = 16): Client {
  const pool = new pg.Pool({
    connectionString: url,
    max: poolSize,
    connectionTimeoutMillis: 15_000,
    idle_in_transaction_session_timeout: 60_000,
    // Whatever is given to one connection is sent at once, and answered in that order: see `inTransaction`.
    pipeline: true,
    // Prisma's adapter writes and reads times without their offset: elsewhere than in UTC they would not be the same times.
    options: '-c TimeZone=UTC',
  })
  // An idle connection that breaks is dropped by the pool; without a listener it would end the process.
  pool.on('error', () => undefined)
  const prisma = new PrismaClient({ adapter: new PrismaPg(pool, { statementNameGenerator: statementName }) })
  const raw = statementsOn(async (statement) => pool.query(statement))
  // Prisma would end the pool only if a model had been used.
  const disconnect = async () => {
    await prisma.$disconnect()
    if (!pool.ending) await pool.end()
  }
  const client = new Proxy(prisma, {
    get(target, key) {
      if (key === '$queryRaw' || key === '$executeRaw') return raw[key]
      if (key === '$disconnect') return disconnect
      const value: unknown = Reflect.get(target, key)
      return typeof value === 'function' ? (value.bind(target) as unknown) : value
    },
  })
  pools.set(client, pool)
  return client
}

const pools = new WeakMap<object, pg.Pool>()

/**
 * Statements written by hand go past Prisma's engine: it takes three times the processor time that the driver does.
 * They are read as Prisma reads them: `bigint` as BigInt, times as Date; do not ask for NUMERIC, which is a string here.
 */
function statementsOn(send: (statement: pg.QueryConfig) => Promise<pg.QueryResult>): Transaction {
  const run = async (first: TemplateStringsArray | Prisma.Sql, values: unknown[]) => {
    const { text, values: parameters } = first instanceof Prisma.Sql ? first : Prisma.sql(first, ...values)
    return send({ name: statementName({ sql: text }), text, values: parameters, types })
  }
  const statements = {
    $queryRaw: async (first: TemplateStringsArray | Prisma.Sql, ...values: unknown[]) =>
      (await run(first, values)).rows as unknown,
    $executeRaw: async (first: TemplateStringsArray | Prisma.Sql, ...values: unknown[]) =>
      (await run(first, values)).rowCount ?? 0,
  }
  // Prisma promises more of its own: what it needs to put them into its transactions.
  return statements as Transaction
}

const { builtins } = pg.types
/** Of `bigint[]` and `text[]`, which the driver has no names for. */
const [int8List, textList] = [1016, 1009]
const readers = new Map<number, (text: string) => unknown>([
  [builtins.INT8, BigInt],
  [int8List, (text) => (pg.types.getTypeParser(textList)(text) as (string | null)[]).map((it) => it && BigInt(it))],
  // Midnight of UTC, not of wherever the process runs.
  [builtins.DATE, (text) => new Date(`${text}T00:00:00Z`)],
])
const types = {
  getTypeParser(id: number, format?: 'text' | 'binary'): unknown {
    return readers.get(id) ?? pg.types.getTypeParser(id, format)
  },
}

/** Questions that go together at most: what they lead to is under way while the next are asked. */
export const togetherMax = 64

/**
 * Makes one query of many small ones: what is asked in one turn, or while a query is under way, goes together.
 * Nobody waits when nobody else asks, and under load most of the cost of a round trip is shared.
 * @param askAll answers in the order of the questions, and may be asked the same again after it threw.
 * Lists belong into it as `(SELECT ${list}::text[])`: PostgreSQL would plan anew for each list that it can look into.
 * @param options.most of so many who wait, those that go at once; `togetherMax` unless given.
 * @param options.windowMs for how long a question waits for others when one came less than that before it (DECISIONS 43).
 */
export function together<Question, Answer, On extends Db = Db>(
  askAll: (db: On, questions: Question[]) => Promise<Answer[]>,
  { windowMs = 0, most = () => togetherMax }: { windowMs?: number; most?: (waiting: number) => number } = {},
): (db: On, question: Question) => Promise<Answer> {
  type Asked = { question: Question; answer: (answer: Answer) => void; fail: (error: unknown) => void }
  const queues = new WeakMap<On, Asked[]>()
  let lastAskedAt = -Infinity

  async function work(db: On, queue: Asked[]): Promise<void> {
    let answer = (): void => undefined
    while (queue.length > 0) {
      const asked = queue.splice(0, most(queue.length))
      const asking = askAll(
        db,
        asked.map(({ question }) => question),
      )
      // Once these are under way those before hear their answers: what they do with them would keep the database waiting.
      setImmediate(answer)
      answer = () => undefined
      try {
        const answers = await asking
        answer = () => {
          for (const [at, one] of asked.entries()) one.answer(answers[at] as Answer)
        }
      } catch (error) {
        // One bad question must not fail the others: each is asked by itself.
        if (asked.length === 1) asked[0]?.fail(error)
        else for (const one of asked) await alone(db, one)
      }
      // What came meanwhile has others close behind it.
      if (queue.length > 0 && queue.length < togetherMax && windowMs > 0) {
        answer()
        answer = () => undefined
        await new Promise((go) => setTimeout(go, windowMs))
      }
    }
    queues.delete(db)
    answer()
  }

  async function alone(db: On, { question, answer, fail }: Asked): Promise<void> {
    try {
      const [only] = await askAll(db, [question])
      answer(only as Answer)
    } catch (error) {
      fail(error)
    }
  }

  return async (db, question) =>
    new Promise((answer, fail) => {
      const asked = { question, answer, fail }
      const isBusy = performance.now() - lastAskedAt < windowMs
      if (windowMs > 0) lastAskedAt = performance.now()
      const queue = queues.get(db)
      if (queue) {
        queue.push(asked)
        return
      }
      const started = [asked]
      queues.set(db, started)
      // Whoever asks in this very turn comes along: several updates are often read at once.
      if (isBusy) setTimeout(() => void work(db, started), windowMs)
      else setImmediate(() => void work(db, started))
    })
}

const statementsMax = 500
const statementNames = new Map<string, string>()

/**
 * A query with a name is parsed and planned once per connection: planning costs the queries of a tap more than running
 * them. Beyond the limit (lists of values make texts without end) queries have no name, which is PostgreSQL's way to
 * forget them. A pooler in front must know named statements; PgBouncer does since 1.21.
 */
function statementName({ sql }: { sql: string }): string {
  const known = statementNames.get(sql)
  if (known !== undefined) return known
  if (statementNames.size >= statementsMax) return ''
  const name = `q${statementNames.size}`
  statementNames.set(sql, name)
  return name
}

const endings = new WeakMap<Db, Map<string, Prisma.Sql>>()

/**
 * A statement that is the last of its transaction, once for each key and in the order of the keys; at once outside of one.
 * For rows that many transactions share, such as the job that sends notifications: whoever writes one keeps others waiting
 * until it commits, and would wait in a circle with them if it took stock or seats afterwards.
 * @param statement its values are such as the driver can always write (no objects): what it refuses by itself PostgreSQL
 * does not hear of, and commits.
 */
export async function lastOfAll(db: Db, key: string, statement: Prisma.Sql): Promise<void> {
  const lastly = endings.get(db)
  if (lastly) lastly.set(key, statement)
  else await db.$executeRaw(statement)
}

/**
 * Runs `work` in one transaction and rolls it back when it returns a refusal (`{ok: false}`), so that a refused
 * operation never leaves anything half-written. READ COMMITTED: operations rely on row locks and conditional updates.
 * Rows are locked in this order everywhere: group, parcel, payments, seat and order, product, stock, jobs (`lastOfAll`); of
 * one kind in key order. No call to another company belongs inside.
 */
export async function inTransaction<T>(db: Client, work: (tx: Transaction) => Promise<T>): Promise<T> {
  const pool = pools.get(db)
  if (!pool) throw new Error('not a client of openDatabase')
  const connection = await pool.connect()
  let isOver = false
  let broken: Error | undefined
  const tx = statementsOn(async (statement) => {
    if (isOver) throw broken ?? new Error('the transaction is over')
    return connection.query(statement)
  })
  // A connection that breaks between two statements would end the process.
  const onError = (error: Error) => {
    broken = error
  }
  connection.on('error', onError)
  const lastly = new Map<string, Prisma.Sql>()
  endings.set(tx, lastly)
  let ended: Promise<pg.QueryResult> | undefined
  try {
    // Goes with the first statement, as COMMIT goes with what comes last of all: nobody waits for its answer.
    const begun = connection.query('BEGIN')
    begun.catch((error: Error) => {
      isOver = true
      broken ??= error
    })
    const result = await work(tx)
    const isRefused = typeof result === 'object' && result !== null && 'ok' in result && result.ok === false
    const last = isRefused ? [] : [...lastly].toSorted(([a], [b]) => (a < b ? -1 : 1))
    const done = last.map(async ([, statement]) => tx.$executeRaw(statement))
    isOver = true
    ended = connection.query(isRefused ? 'ROLLBACK' : 'COMMIT')
    const [{ command }] = await Promise.all([ended, begun, ...done])
    // PostgreSQL's quiet answer when a statement had failed and nobody minded.
    if (command === 'ROLLBACK' && !isRefused) throw new Error('a statement of the transaction failed: nothing was kept')
    return result
  } catch (error) {
    isOver = true
    // Refused by PostgreSQL, the transaction is over. Whatever else went wrong, it may still be open on this connection.
    await (ended ?? connection.query('ROLLBACK')).catch((failure: Error) => {
      if (!(failure instanceof pg.DatabaseError)) broken ??= failure
    })
    throw error
  } finally {
    connection.off('error', onError)
    connection.release(broken)
  }
}
