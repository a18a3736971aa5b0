/** How people come to groups. */
import type { Db } from './db.ts'

/** How people come to a group, and to their seat in it. */
export type VisitVia = 'card' | 'link' | 'post' | 'list' | 'again'
export type SeatVia = VisitVia | 'opened' | 'offer' | 'moved'

/** Notes how a person first came to a group; whoever came by more than the product's list is invited. */
export async function noteVisit(
  db: Db,
  visit: { groupId: number; personId: number; via: VisitVia; inviterId?: number },
  now: Date,
): Promise<void> {
  await db.$executeRaw`
    INSERT INTO group_visit (group_id, person_id, via, inviter_id, at)
    VALUES (${visit.groupId}, ${visit.personId}, ${visit.via}, ${visit.inviterId ?? null}, ${now})
    ON CONFLICT (group_id, person_id) DO UPDATE SET via = excluded.via
      WHERE group_visit.via = 'list' AND excluded.via <> 'list'`
}

/** How a person came to a group; undefined when they never saw it. */
export async function findVisitTo(db: Db, groupId: number, personId: number): Promise<VisitVia | undefined> {
  const [row] = await db.$queryRaw<{ via: VisitVia }[]>`
    SELECT via FROM group_visit WHERE group_id = ${groupId} AND person_id = ${personId}`
  return row?.via
}
