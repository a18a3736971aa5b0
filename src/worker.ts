/** The worker: does what must happen later, and tells people of it. Any number may run. `npm run start:worker` */
import { createOutbox } from '#chat/outbox.ts'
import { startClock } from '#jobs/clock.ts'
import { startRunner } from '#jobs/runner.ts'
import { createHandlers } from '#jobs/tasks.ts'
import { openDatabase } from '#store/db.ts'
import type { Gate } from '#telegram/pace.ts'
import type { Config } from './config.ts'
import type { Logger } from './log.ts'
import { isMain, runPart } from './part.ts'
import { connectTelegram, createDeps, type Part } from './wiring.ts'

/** Jobs under way at once beside the calls to the payment provider, which have their own limit. */
const otherJobs = 10

export async function startWorker(
  config: Config,
  databaseUrl: string,
  log: Logger,
  _instance = '',
  gate?: Gate,
): Promise<Part> {
  // Jobs that wait for the provider must not keep the others waiting.
  const concurrency = config.payments.calls + otherJobs
  const db = openDatabase(databaseUrl)
  const telegram = await connectTelegram(config, db, log, undefined, gate)
  const deps = createDeps(config, db, () => telegram.username)
  const outbox = createOutbox(deps, [telegram.messenger])
  const runner = await startRunner({
    databaseUrl,
    db,
    handlers: createHandlers(deps, outbox, (o, message) => log.error(o, message)),
    concurrency,
    log,
    onLost(error) {
      log.error({ error }, 'the connection that says this worker is alive broke; ending, to be started again')
      process.exit(1)
    },
  })
  const clock = startClock(db, deps.now, (error) => log.error({ error }, 'a tick could not be enqueued'))
  log.debug({}, 'worker is up')

  return {
    async stop() {
      await clock.stop()
      await runner.stop()
      await telegram.stop()
      await db.$disconnect()
    },
  }
}

if (isMain(import.meta.url)) await runPart('worker', startWorker)
