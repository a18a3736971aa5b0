/**
 * The queue lives in the same PostgreSQL (graphile-worker), so that a job is enqueued in the transaction that
 * causes it and disappears with it. Jobs carry ids only and are safe to repeat.
 */
import { runMigrations } from 'graphile-worker'
import type { Db } from './db.ts'

/** Every kind of job and what it carries. `jobs/` has one handler for each. */
export type Jobs = {
  /** Creates the payment at the provider, or finds out what became of an unanswered attempt. */
  'place-payment': { paymentId: string }
  /** Carries out one capture, void or refund. */
  'move-payment': { moveId: string }
  /** Asks the provider how a payment stands: a webhook came, or none came for too long. */
  'refresh-payment': { paymentId: string }
  'send-notifications': Record<string, never>
  'update-cards': { groupId: number }
  'publish-post': { postId: number }
  'create-shipment': { shipmentId: number }
  'refresh-shipment': { shipmentId: number }
  /** The ticks: each asks the database what is due. */
  'close-due-groups': Record<string, never>
  'expire-orders': Record<string, never>
  'refresh-payments': Record<string, never>
  'poll-carriers': Record<string, never>
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

/** Adds a job in the caller's transaction: it exists exactly if the transaction commits. */
export async function enqueue<Name extends keyof Jobs>(
  db: Db,
  name: Name,
  payload: Jobs[Name],
  options: JobOptions = {},
): Promise<void> {
  await db.$executeRaw`SELECT 1 FROM graphile_worker.add_job(${name}, payload => ${JSON.stringify(payload)}::json,
    queue_name => ${options.queue ?? null}::text, run_at => ${options.runAt ?? null}::timestamptz,
    max_attempts => ${options.maxAttempts ?? 25}::int, job_key => ${options.key ?? null}::text,
    priority => ${options.priority ?? 0}::int)`
}

/** Installs or updates the queue's own tables. */
export async function migrateQueue(databaseUrl: string): Promise<void> {
  await runMigrations({ connectionString: databaseUrl })
}
