/**
 * The clock only enqueues. It ticks in every worker process: the slot is the job's key, so that a minute is worked on
 * once, and the job asks the database what is due, so that a minute nobody ticked is made up by the next.
 */
import { schedule, type ScheduledTask } from 'node-cron'
import type { Client } from '#shop/deps.ts'
import { enqueueTick, freeJobsOfDeadWorkers, type Jobs } from '#shop/jobs.ts'

const ticks: readonly { name: keyof Jobs; pattern: string }[] = [
  { name: 'close-due-groups', pattern: '*/5 * * * * *' },
  { name: 'expire-orders', pattern: '*/10 * * * * *' },
  { name: 'free-aside', pattern: '5-59/10 * * * * *' },
  { name: 'move-lines', pattern: '2-59/5 * * * * *' },
  { name: 'choose-for-late', pattern: '15 * * * * *' },
  { name: 'remind', pattern: '*/30 * * * * *' },
  { name: 'tell-favourites', pattern: '9-59/10 * * * * *' },
  { name: 'poll-carriers', pattern: '*/10 * * * * *' },
  { name: 'refresh-listings', pattern: '4-59/5 * * * * *' },
  { name: 'refresh-payments', pattern: '0 * * * * *' },
  { name: 'watch-holds', pattern: '30 */10 * * * *' },
  { name: 'reconcile-days', pattern: '30 23 * * * *' },
  { name: 'reconcile-month', pattern: '30 43 3 * * *' },
  { name: 'tidy-up', pattern: '0 17 4 * * *' },
]

/** @param onError a tick that could not be enqueued; the next one makes up for it. */
export function startClock(db: Client, now: () => Date, onError: (error: unknown) => void): { stop(): Promise<void> } {
  const tasks: ScheduledTask[] = ticks.map(({ name, pattern }) =>
    schedule(
      pattern,
      async () => {
        // Seconds are enough to tell slots apart; all processes round the same way.
        const slot = new Date(Math.floor(now().getTime() / 1000) * 1000).toISOString()
        await enqueueTick(db, name, slot).catch(onError)
      },
      { timezone: 'Etc/UTC', noOverlap: true },
    ),
  )
  // Not through the queue: a worker that is waiting for jobs of the dead would never get to it.
  tasks.push(
    schedule(
      '*/3 * * * * *',
      async () => {
        await freeJobsOfDeadWorkers(db).catch(onError)
      },
      { timezone: 'Etc/UTC', noOverlap: true },
    ),
  )
  return {
    async stop() {
      for (const task of tasks) await task.destroy()
    },
  }
}
