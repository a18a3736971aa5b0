import { afterEach, expect, test } from 'vitest'
import type { Handlers } from '#jobs/tasks.ts'
import { startRunner } from '#jobs/runner.ts'
import { enqueue, freeJobsOfDeadWorkers } from '#store/queue.ts'
import { useDatabase } from '../support/database.ts'

const database = useDatabase()
const running: { stop(): Promise<void> }[] = []
afterEach(async () => {
  for (const runner of running.splice(0)) await runner.stop()
})

/** A runner whose only job is `send-notifications`. */
async function start(handle: () => Promise<void>): Promise<void> {
  const { db, url } = database
  const handlers = { 'send-notifications': handle } as unknown as Handlers
  const log = { warn: () => undefined, error: () => undefined }
  const onLost = () => undefined
  running.push(await startRunner({ databaseUrl: url, db, handlers, concurrency: 3, log, onLost }))
}

function signal(): { is: Promise<void>; now(): void } {
  let now: () => void = () => undefined
  const is = new Promise<void>((resolve) => (now = resolve))
  return { is, now }
}

test('a job that takes its time is not taken from a worker that lives', async () => {
  const begun = signal()
  const mayEnd = signal()
  let runs = 0
  const job = async () => {
    runs += 1
    begun.now()
    await mayEnd.is
  }
  await enqueue(database.db, 'send-notifications', {}, { queue: 'sending' })
  await start(job)
  await begun.is
  expect(await freeJobsOfDeadWorkers(database.db)).toBe(0)
  // Another process looks for jobs of the dead when it starts.
  await start(job)
  expect(runs).toBe(1)
  const [row] = await database.db.$queryRaw<{ attempts: number; isLocked: boolean }[]>`
    SELECT attempts, locked_by IS NOT NULL AS "isLocked" FROM graphile_worker._private_jobs`
  expect(row).toEqual({ attempts: 1, isLocked: true })
  mayEnd.now()
})

test('a job of a worker that died is done by the next one, its queue included', async () => {
  const { db } = database
  await enqueue(db, 'send-notifications', {}, { queue: 'sending' })
  await db.$executeRaw`UPDATE graphile_worker._private_jobs SET locked_by = 'pool-of-the-dead', locked_at = now()`
  await db.$executeRaw`UPDATE graphile_worker._private_job_queues SET locked_by = 'pool-of-the-dead', locked_at = now()`
  const done = signal()
  await start(async () => done.now())
  await done.is
  expect(await freeJobsOfDeadWorkers(db)).toBe(0)
})
