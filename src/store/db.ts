/** The database handle that every store function takes first: the client, or the transaction it runs in. */
import { PrismaPg } from '@prisma/adapter-pg'
import { PrismaClient, type Prisma } from './prisma/client.ts'

export type Client = PrismaClient
export type Db = PrismaClient | Prisma.TransactionClient
export type Transaction = Prisma.TransactionClient

/** @param poolSize connections this process may hold; PostgreSQL allows 100 in all by default. */
export function openDatabase(url: string, poolSize = 16): Client {
  return new PrismaClient({ adapter: new PrismaPg({ connectionString: url, max: poolSize }) })
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
 * Rows are locked in this order everywhere: group, payment, seat and order, stock. No call to another company
 * belongs inside.
 */
export async function inTransaction<T>(db: Client, work: (tx: Transaction) => Promise<T>): Promise<T> {
  try {
    return await db.$transaction(
      async (tx) => {
        const result = await work(tx)
        if (typeof result === 'object' && result !== null && 'ok' in result && result.ok === false) {
          throw new Refused(result)
        }
        return result
      },
      { timeout: 15_000, maxWait: 15_000 },
    )
  } catch (error) {
    if (error instanceof Refused) return error.result as T
    throw error
  }
}
