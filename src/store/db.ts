/** The database handle that every store function takes first: the client, or the transaction it runs in. */
import { PrismaPg } from '@prisma/adapter-pg'
import type { SqlQuery } from '@prisma/driver-adapter-utils'
import pg from 'pg'
import { PrismaClient, type Prisma } from './prisma/client.ts'

export type Client = PrismaClient
export type Db = PrismaClient | Prisma.TransactionClient
export type Transaction = Prisma.TransactionClient

/** @param poolSize connections this process may hold; PostgreSQL allows 100 in all by default. */
export function openDatabase(url: string, poolSize = 16): Client {
  const pool = new pg.Pool({ connectionString: url, max: poolSize })
  // An idle connection that breaks is dropped by the pool; without a listener it would end the process.
  pool.on('error', () => undefined)
  pool.on('connect', takeTurns)
  const options = { disposeExternalPool: true, statementNameGenerator: statementName }
  const client = new PrismaClient({ adapter: new PrismaPg(pool, options) })
  pools.set(client, pool)
  return client
}

const pools = new WeakMap<object, pg.Pool>()

/**
 * Inside a transaction Prisma reads the relations of a row side by side, on one connection. The driver warns of a query
 * that is given to it while another runs, and its next version will refuse it: here they wait for each other.
 */
function takeTurns(client: pg.PoolClient): void {
  const send = client.query.bind(client) as (...args: unknown[]) => Promise<unknown>
  let last: Promise<unknown> = Promise.resolve()
  const query = (...args: unknown[]): unknown => {
    // The pool's own way: it asks one question of a connection that nobody else has.
    if (typeof args.at(-1) === 'function') return send(...args)
    const answer = last.then(() => send(...args))
    last = answer.catch(() => undefined)
    return answer
  }
  client.query = query as typeof client.query
}

/**
 * A query written by hand, past Prisma's engine, for what runs on every tap: that engine takes three times the processor
 * time that the driver itself does. Inside a transaction it goes Prisma's way, and means the same.
 * @returns rows as the driver reads them: `bigint` is BigInt as with Prisma; do not ask for NUMERIC.
 */
export async function query<Row extends object>(db: Db, sql: Prisma.Sql): Promise<Row[]> {
  const pool = pools.get(db)
  if (!pool) return db.$queryRaw<Row[]>(sql)
  const { text, values } = sql
  const { rows } = await pool.query<Row>({ name: statementName({ sql: text }), text, values, types })
  return rows
}

const int8: number = pg.types.builtins.INT8
const types = {
  getTypeParser(id: number, format?: 'text' | 'binary'): unknown {
    return id === int8 ? BigInt : pg.types.getTypeParser(id, format)
  },
}

/**
 * Makes one query of many small ones: what is asked while a query is under way waits for it and then goes together.
 * Nobody waits when nobody else asks, and under load most of the cost of a round trip is shared.
 * @param askAll answers in the order of the questions, and may be asked the same again after it threw.
 * Lists belong into it as `(SELECT ${list}::text[])`: PostgreSQL would plan anew for each list that it can look into.
 */
export function together<Question, Answer>(
  askAll: (db: Db, questions: Question[]) => Promise<Answer[]>,
): (db: Db, question: Question) => Promise<Answer> {
  type Asked = { question: Question; answer: (answer: Answer) => void; fail: (error: unknown) => void }
  const queues = new WeakMap<Db, Asked[]>()

  async function work(db: Db, queue: Asked[]): Promise<void> {
    while (queue.length > 0) {
      const asked = queue.splice(0, togetherMax)
      try {
        const answers = await askAll(
          db,
          asked.map(({ question }) => question),
        )
        for (const [at, one] of asked.entries()) one.answer(answers[at] as Answer)
      } catch (error) {
        // One bad question must not fail the others: each is asked by itself.
        if (asked.length === 1) asked[0]?.fail(error)
        else for (const one of asked) await alone(db, one)
      }
    }
    queues.delete(db)
  }

  async function alone(db: Db, { question, answer, fail }: Asked): Promise<void> {
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
      const queue = queues.get(db)
      if (queue) {
        queue.push(asked)
        return
      }
      const started = [asked]
      queues.set(db, started)
      void work(db, started)
    })
}

const togetherMax = 64

const statementsMax = 500
const statementNames = new Map<string, string>()

/**
 * A query with a name is parsed and planned once per connection: planning costs the queries of a tap more than running
 * them. Beyond the limit (lists of values make texts without end) queries have no name, which is PostgreSQL's way to
 * forget them. A pooler in front must know named statements; PgBouncer does since 1.21.
 */
function statementName({ sql }: Pick<SqlQuery, 'sql'>): string {
  const known = statementNames.get(sql)
  if (known !== undefined) return known
  if (statementNames.size >= statementsMax) return ''
  const name = `q${statementNames.size}`
  statementNames.set(sql, name)
  return name
}

const endings = new WeakMap<Db, Map<string, () => Promise<unknown>>>()

/**
 * Does something as the last thing of the transaction, once for each key and in the order of the keys; at once outside of
 * one. For rows that many transactions share, such as the job that sends notifications: whoever writes one keeps others
 * waiting until it commits, and would wait in a circle with them if it took stock or seats afterwards.
 */
export async function lastOfAll(db: Db, key: string, work: () => Promise<unknown>): Promise<void> {
  const lastly = endings.get(db)
  if (lastly) lastly.set(key, work)
  else await work()
}

class Refused extends Error {
  readonly result: unknown
  constructor(result: unknown) {
    super('refused')
    this.result = result
  }
}

/**
 * Runs `work` in one transaction and rolls it back when it returns a refusal (`{ok: false}`), so that a refused
 * operation never leaves anything half-written. READ COMMITTED: operations rely on row locks and conditional updates.
 * Rows are locked in this order everywhere: group, parcel, payments, seat and order, stock, jobs (`lastOfAll`). No call to another company
 * belongs inside.
 */
export async function inTransaction<T>(db: Client, work: (tx: Transaction) => Promise<T>): Promise<T> {
  try {
    return await db.$transaction(
      async (tx) => {
        const lastly = new Map<string, () => Promise<unknown>>()
        endings.set(tx, lastly)
        const result = await work(tx)
        if (typeof result === 'object' && result !== null && 'ok' in result && result.ok === false) {
          throw new Refused(result)
        }
        for (const key of [...lastly.keys()].toSorted()) await lastly.get(key)?.()
        return result
      },
      { timeout: 15_000, maxWait: 15_000 },
    )
  } catch (error) {
    if (error instanceof Refused) return error.result as T
    throw error
  }
}
