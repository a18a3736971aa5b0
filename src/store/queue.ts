/**
 * The queue lives in the same PostgreSQL (graphile-worker), so that a job is enqueued in the transaction that
 * causes it and disappears with it. Jobs carry ids only and are safe to repeat.
 */
import { runMigrations } from 'graphile-worker'
import pg from 'pg'
import { lastOfAll, type Db } from './db.ts'
import { Prisma } from './prisma/client.ts'

/** Every kind of job and what it carries. `jobs/` has one handler for each. */
export type Jobs = {
  /** Creates the payment at the provider, or finds out what became of an unanswered attempt. */
  'place-payment': { paymentId: string }
  /** Has the same done for those of many that were written together whose page is still missing. */
  'place-payments': { paymentIds: string[] }
  /** Carries out one capture, void or refund. */
  'move-payment': { moveId: string }
  /** Asks the provider how a payment stands: a webhook came, or none came for too long. */
  'refresh-payment': { paymentId: string }
  /** Prepaid goods were handed over: the second fiscal receipt. */
  'send-final-receipt': { paymentId: string }
  'send-notifications': Record<string, never>
  'update-cards': { groupId: number } | { orderId: number }
  'publish-post': { postId: number }
  'create-shipment': { shipmentId: number }
  'refresh-shipment': { shipmentId: number }
  /** Fetches what a shop's people sent and brings it into the catalogue. */
  'import-catalogue': { importId: number }
  /** The ticks: each asks the database what is due. */
  'close-due-groups': Record<string, never>
  'expire-orders': Record<string, never>
  'free-aside': Record<string, never>
  'move-lines': Record<string, never>
  'choose-for-late': Record<string, never>
  remind: Record<string, never>
  'tell-favourites': Record<string, never>
  'refresh-payments': Record<string, never>
  'watch-holds': Record<string, never>
  /** Compares our rows with what providers list: of the last days each hour, of the last month each night. */
  'reconcile-days': Record<string, never>
  'reconcile-month': Record<string, never>
  'poll-carriers': Record<string, never>
  /** Makes anew what search reads of products that changed. */
  'refresh-listings': Record<string, never>
  'tidy-up': Record<string, never>
}

export type JobOptions = {
  /** A waiting job with the same key is replaced instead of doubled. */
  key?: string
  /** Jobs of one queue run one after the other, across all workers. */
  queue?: string
  runAt?: Date
  /** Smaller runs first; 0 by default. */
  priority?: number
  maxAttempts?: number
}

/** Adds a job in the caller's transaction, as its last act: it exists exactly if the transaction commits. */
export async function enqueue<Name extends keyof Jobs>(
  db: Db,
  name: Name,
  payload: Jobs[Name],
  options: JobOptions = {},
): Promise<void> {
  const { queue = null, runAt = null, maxAttempts = 25, key = null, priority = 0 } = options
  const json = JSON.stringify(payload)
  await lastOfAll(
    db,
    `job:${key ?? `${name}:${json}`}`,
    Prisma.sql`SELECT 1 FROM graphile_worker.add_job(${name}, payload => ${json}::json,
      queue_name => ${queue}::text, run_at => ${runAt}::timestamptz, max_attempts => ${maxAttempts}::int,
      job_key => ${key}::text, priority => ${priority}::int)`,
  )
}

export type NewJob<Name extends keyof Jobs = keyof Jobs> = {
  [Kind in Name]: { name: Kind; payload: Jobs[Kind]; options: JobOptions & { key: string } }
}[Name]

/** Adds many jobs in one statement, as the caller's transaction's last act. Each needs a key: they are written in its order. */
export async function enqueueAll(db: Db, jobs: readonly NewJob[]): Promise<void> {
  const sorted = jobs.toSorted((a, b) => (a.options.key < b.options.key ? -1 : 1))
  const [first] = sorted
  if (!first) return
  const specs = JSON.stringify(
    sorted.map(({ name, payload, options }) => ({ identifier: name, payload, ...options, run_at: options.runAt })),
  )
  await lastOfAll(
    db,
    `job:${first.options.key}`,
    Prisma.sql`
      SELECT 1 FROM graphile_worker.add_jobs((
        SELECT array_agg((identifier, payload, queue, run_at, coalesce("maxAttempts", 25), key, coalesce(priority, 0),
          NULL)::graphile_worker.job_spec ORDER BY at)
        FROM ROWS FROM (json_to_recordset(${specs}::json) AS (identifier text, payload json, queue text,
          run_at timestamptz, "maxAttempts" smallint, key text, priority smallint))
          WITH ORDINALITY AS spec (identifier, payload, queue, run_at, "maxAttempts", key, priority, at)))`,
  )
}

/** Installs or updates the queue's own tables. */
export async function migrateQueue(databaseUrl: string): Promise<void> {
  await runMigrations({ connectionString: databaseUrl })
}

/**
 * Enqueues a tick. Every worker process ticks, so the slot is in the key: the same minute is enqueued once while it
 * waits, and the operation behind it asks the database what is due, so that a second run finds nothing.
 */
export async function enqueueTick(db: Db, name: keyof Jobs, slot: string): Promise<void> {
  await db.$executeRaw`SELECT 1 FROM graphile_worker.add_job(${name}, payload => '{}'::json,
    job_key => ${`tick:${name}:${slot}`}::text, max_attempts => 3)`
}

/** Says that a worker is alive for as long as this connection is: PostgreSQL lets go of the lock with it. */
export type WorkerPulse = {
  /** Adds the name that this process locks jobs with. */
  add(lockedBy: string): Promise<void>
  stop(): Promise<void>
}

/**
 * graphile-worker leaves the jobs of a killed process locked for four hours. Each process holds an advisory lock on the
 * name that it locks jobs with, through one connection; a job whose locker's name is free belongs to the dead. No clock is
 * compared, so a slow process is never taken for a dead one.
 * @param onLost the connection broke: jobs of this process may be given to others, so it should end.
 */
export async function startWorkerPulse(databaseUrl: string, onLost: (error: Error) => void): Promise<WorkerPulse> {
  const client = new pg.Client({ connectionString: databaseUrl, application_name: 'vmeste worker pulse' })
  let isStopping = false
  client.on('error', (error) => {
    if (!isStopping) onLost(error)
  })
  await client.connect()
  return {
    async add(lockedBy) {
      await client.query('SELECT pg_advisory_lock(2, hashtext($1))', [lockedBy])
    },
    async stop() {
      isStopping = true
      await client.end()
    },
  }
}

/** Frees the jobs of processes that are dead. @returns how many were. */
export async function freeJobsOfDeadWorkers(db: Db): Promise<number> {
  const [row] = await db.$queryRaw<{ dead: string[] | null }[]>`
    WITH lockers AS (SELECT DISTINCT locked_by FROM graphile_worker._private_jobs WHERE locked_by IS NOT NULL
      UNION SELECT DISTINCT locked_by FROM graphile_worker._private_job_queues WHERE locked_by IS NOT NULL)
    SELECT array_agg(locked_by) AS dead FROM lockers
    WHERE NOT EXISTS (SELECT 1 FROM pg_locks l WHERE l.locktype = 'advisory' AND l.classid = 2 AND l.granted
      AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database())
      AND l.objid::bigint = (hashtext(locked_by)::bigint & 4294967295))`
  const dead = row?.dead ?? []
  if (dead.length > 0) await db.$executeRaw`SELECT 1 FROM graphile_worker.force_unlock_workers(${dead}::text[])`
  return dead.length
}
