/** The queue's workers of this process, with a pulse that tells the others when they die. */
import { EventEmitter } from 'node:events'
import { Logger as QueueLogger, run, type WorkerEvents } from 'graphile-worker'
import type { Client } from '#shop/deps.ts'
import { freeJobsOfDeadWorkers, startWorkerPulse } from '#shop/jobs.ts'
import { toTaskList, type Handlers } from './tasks.ts'

type Log = { warn(fields: object, message: string): void; error(fields: object, message: string): void }

/** For taking and finishing jobs: one that runs holds none. PostgreSQL allows 100 in all by default. */
const connectionsMax = 30

/**
 * @param concurrency jobs at once in this process.
 * @param onLost the process should end: its jobs may be given to others.
 */
export async function startRunner(options: {
  databaseUrl: string
  db: Client
  handlers: Handlers
  concurrency: number
  log: Log
  onLost: (error: Error) => void
}): Promise<{ stop(): Promise<void> }> {
  const { databaseUrl, db, handlers, concurrency, log } = options
  const pulse = await startWorkerPulse(databaseUrl, options.onLost)
  await freeJobsOfDeadWorkers(db)
  const events = new EventEmitter() as WorkerEvents
  // Jobs are locked in the name of the pool, not of one of its workers.
  let isAlive = Promise.resolve()
  events.on('pool:create', ({ workerPool }) => {
    isAlive = pulse.add(workerPool.id)
  })
  // A job taken before the pulse could be held for that of a dead worker.
  const startWorker = async () => isAlive
  const plugin = { name: 'pulse', version: '1.0.0', worker: { hooks: { startWorker } } }
  const runner = await run({
    connectionString: databaseUrl,
    concurrency,
    maxPoolSize: Math.min(concurrency, connectionsMax),
    noHandleSignals: true,
    pollInterval: 1000,
    taskList: toTaskList(handlers),
    events,
    preset: { plugins: [plugin] },
    logger: new QueueLogger(() => (level, message) => {
      const word: string = level
      if (word === 'error') log.error({}, message)
      else if (word === 'warning') log.warn({}, message)
    }),
  })
  await isAlive
  return {
    async stop() {
      await runner.stop()
      await pulse.stop()
    },
  }
}
