/** The same team again: who bought together once is told when one of them has paid for a new group of the same. */
import { findLeaderName, inviteFormerTeam } from '#store/again.ts'
import type { Client, Transaction } from '#store/db.ts'
import { notifyAll } from '#store/notifications.ts'

const day = 24 * 3_600_000

/** A group was opened by its leader's payment. If it is for a former team, each of the others is told once. */
export async function inviteAgain(tx: Transaction, groupId: number, now: Date): Promise<void> {
  const people = await inviteFormerTeam(tx, groupId, new Date(now.getTime() - day), now)
  if (people.length === 0) return
  await notifyAll(tx, people, `group:${groupId}:again:`, { kind: 'group-again', data: { groupId } }, now)
}

/** Who asks the same team again. @returns undefined when they have left the group since. */
export async function leaderAgain(db: Client, groupId: number): Promise<string | undefined> {
  return findLeaderName(db, groupId)
}
