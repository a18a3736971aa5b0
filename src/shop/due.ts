/** Ticks whose work any number of workers share: one row a transaction, and each takes the next that nobody is at. */
import { inTransaction, type Client, type Transaction } from '#store/db.ts'
import { enqueueAll } from '#store/queue.ts'

/** The most that one job does; the next ones go on with the rest. */
const doneMax = 500
/** Transactions at once: one is decided in while another waits for the disk. */
const atOnce = 4

export type Due = {
  name: 'close-due-groups' | 'expire-orders' | 'move-lines' | 'tell-favourites'
  /** How many are due, counted no further than this. */
  count: (atMost: number) => Promise<number>
  /** Takes the next in this transaction, so that no other worker does; `besides` is not to be looked at again. */
  claim: (tx: Transaction, besides: readonly number[]) => Promise<number | undefined>
  /** @returns false when there was nothing left to do. */
  act: (tx: Transaction, id: number) => Promise<boolean>
  /** What is still due when nobody is left to be claimed, and is to be waited for: somebody was at it. */
  late?: (atMost: number) => Promise<number[]>
}

/**
 * Goes on until nothing is due that nobody else is at; when much is, further jobs let other workers take their part. One
 * that cannot be done keeps none after it waiting: the tick fails at its end.
 * @returns how many were done here.
 */
export async function doDue(db: Client, { name, count, claim, act, late }: Due): Promise<number> {
  const due = await count(dueEach * (othersMax + 1))
  if (due === 0) return 0
  await callOthers(db, name, due)
  let done = 0
  const seen: number[] = []
  // By number: one that fails is let go before it is noted, and another lane may have taken it meanwhile.
  const failures = new Map<number, unknown>()
  const lane = async (): Promise<void> => {
    while (done + failures.size < doneMax) {
      let id: number | undefined
      try {
        const isDone = await inTransaction(db, async (tx) => {
          id = await claim(tx, seen)
          return id !== undefined && act(tx, id)
        })
        if (id === undefined) return
        // It may be due still, and is somebody else's to decide or the next run's.
        if (isDone) done += 1
        else seen.push(id)
      } catch (error) {
        if (id === undefined) throw error
        seen.push(id)
        failures.set(id, error)
      }
    }
  }
  await Promise.all(Array.from({ length: Math.min(atOnce, due) }, lane))
  const room = doneMax - done - failures.size
  for (const id of ((await late?.(doneMax)) ?? []).filter((one) => !seen.includes(one)).slice(0, Math.max(0, room))) {
    try {
      if (await inTransaction(db, (tx) => act(tx, id))) done += 1
    } catch (error) {
      failures.set(id, error)
    }
  }
  if (failures.size > 0)
    throw new AggregateError([...failures.values()], `${failures.size} of ${done + failures.size} failed`)
  return done
}

/** What is due at once for which one more job is worth its while. */
const dueEach = 50
const othersMax = 10

/** A tick is one job, and one worker takes it. */
async function callOthers(db: Client, name: Due['name'], due: number): Promise<void> {
  const others = Math.ceil(due / dueEach) - 1
  const jobs = Array.from({ length: others }, (_, at) => ({
    name,
    payload: {},
    options: { key: `${name}:${at}`, maxAttempts: 3 },
  }))
  await enqueueAll(db, jobs)
}

/** One that cannot be done must not keep those after it waiting: they are done first, then the tick fails. */
export async function countDone(ids: readonly number[], act: (id: number) => Promise<boolean>): Promise<number> {
  let done = 0
  const failures: unknown[] = []
  for (const id of ids) {
    try {
      if (await act(id)) done += 1
    } catch (error) {
      failures.push(error)
    }
  }
  if (failures.length > 0) throw new AggregateError(failures, `${failures.length} of ${ids.length} failed`)
  return done
}
