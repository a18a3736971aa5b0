/** Reminders, once each, to those who can close the gap: who holds a seat unpaid, and the leader near the end. */
import { inTransaction, type Client, type Transaction } from '#store/db.ts'
import { notify } from '#store/notifications.ts'
import { markGroupsReminded, markSeatsReminded } from '#store/reminders.ts'

const minute = 60_000
/** A hold lasts a quarter of an hour: late enough to be needed, early enough to pay. */
const holdEndsWithin = 5 * minute
/** The last sixth of a group's life: four hours of a day would be too early, the last minutes too late to call anybody. */
const nearEnd = { part: 6, atLeastMinutes: 10, atMostMinutes: 180 }

/**
 * The tick. Any number of workers may run it at once: a row is marked and its message owed in one transaction.
 * @returns how many people are reminded.
 */
export async function remind(db: Client, now: Date): Promise<number> {
  const seats = await inBatches(db, async (tx) => {
    const marked = await markSeatsReminded(tx, new Date(now.getTime() + holdEndsWithin), now)
    for (const { seatId, personId, orderId, groupId } of marked) {
      const notice = { kind: 'seat-reminder', data: { orderId, groupId } } as const
      await notify(tx, personId, `seat:${seatId}:reminder`, notice, now)
    }
    return marked.length
  })
  const leaders = await inBatches(db, async (tx) => {
    const marked = await markGroupsReminded(tx, nearEnd, now)
    for (const { groupId, leaderId } of marked) {
      const notice = { kind: 'group-reminder', data: { groupId } } as const
      await notify(tx, leaderId, `group:${groupId}:reminder`, notice, now)
    }
    return marked.length
  })
  return seats + leaders
}

async function inBatches(db: Client, work: (tx: Transaction) => Promise<number>): Promise<number> {
  let all = 0
  let done: number
  do {
    done = await inTransaction(db, work)
    all += done
  } while (done > 0)
  return all
}
