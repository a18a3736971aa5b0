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

/**
 * Runs `work` in one transaction at READ COMMITTED: operations rely on row locks and conditional updates, not on the
 * isolation level. No call to another company belongs inside.
 */
export function inTransaction<T>(db: Client, work: (tx: Transaction) => Promise<T>): Promise<T> {
  return db.$transaction(work, { timeout: 15_000, maxWait: 15_000 })
}
