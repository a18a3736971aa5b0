/** Keeps what search reads up to date: triggers say what is due (store/listings). */
import { inTransaction, type Client } from '#store/db.ts'
import { findDueShares, recountVocabulary, refreshShare, settleListings, type Refreshed } from '#store/listings.ts'

/** Of one transaction: some tenths of a second. */
const eachTime = 2000
/** Shares worked on at once by one process. */
const atOnce = 2
const manyWritten = 5000

/**
 * Makes all listings anew that are due by `now`, in short transactions. Any number of workers do this at once; each takes
 * shares of the products that no other is at.
 * @param until looked at between two transactions: whether to leave the rest to the next tick. By default to the end.
 */
export async function refreshDueListings(
  db: Client,
  now: Date,
  until: () => boolean = () => false,
): Promise<Refreshed> {
  const done = { written: 0, gone: 0 }
  const waiting = await findDueShares(db, now)
  const lane = async (): Promise<void> => {
    for (let share = waiting.pop(); share !== undefined; share = waiting.pop()) {
      const one = share
      for (;;) {
        if (until()) return
        const refreshed = await inTransaction(db, async (tx) => refreshShare(tx, one, eachTime, now))
        if (!refreshed) break
        done.written += refreshed.written
        done.gone += refreshed.gone
      }
    }
  }
  await Promise.all(Array.from({ length: atOnce }, lane))
  if (done.written >= manyWritten) await settleListings(db)
  return done
}

/** What a tick does in the time until the next one. */
export async function refreshListingsFor(db: Client, now: Date, milliseconds: number): Promise<void> {
  const end = performance.now() + milliseconds
  await refreshDueListings(db, now, () => performance.now() >= end)
}

/** Once a night. */
export async function countWords(db: Client): Promise<void> {
  await inTransaction(db, recountVocabulary)
}
