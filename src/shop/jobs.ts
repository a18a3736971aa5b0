/** The queue as `jobs/` sees it. */
export { enqueueTick, freeJobsOfDeadWorkers, startWorkerPulse, type Jobs, type WorkerPulse } from '#store/queue.ts'
