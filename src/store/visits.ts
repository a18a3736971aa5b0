/** How people come to groups. */
import type { Db } from './db.ts'

/** How people come to a group, and to their seat in it. */
export type VisitVia = 'card' | 'link' | 'post' | 'list' | 'again'
export type SeatVia = VisitVia | 'opened' | 'offer' | 'moved'

/**
 * Notes how a person first came to a group; whoever came by more than the product's list is invited.
 * @param visit `inviterId` comes with a link, so from anybody: what is nobody's, or their own, is left out.
 */
export async function noteVisit(
  db: Db,
  visit: { groupId: number; personId: number; via: VisitVia; inviterId?: number },
  now: Date,
): Promise<void> {
  await db.$executeRaw`
    INSERT INTO group_visit (group_id, person_id, via, inviter_id, at)
    VALUES (${visit.groupId}, ${visit.personId}, ${visit.via},
      (SELECT id FROM person WHERE id = ${visit.inviterId ?? null}::int AND id <> ${visit.personId}), ${now})
    ON CONFLICT (group_id, person_id) DO UPDATE SET via = excluded.via, inviter_id = excluded.inviter_id
      WHERE group_visit.via = 'list' AND excluded.via <> 'list'`
}

/**
 * Whether a person may know more of a group than that it exists: it is for everybody, they lead it or are or were in it,
 * somebody invited them, or they work in the shop that sells what it is for. What nobody has paid for is its leader's.
 */
export async function isShownTo(db: Db, groupId: number, personId: number): Promise<boolean> {
  const rows = await db.$queryRaw<unknown[]>`
    SELECT 1 FROM "group" g WHERE g.id = ${groupId} AND (g.leader_id = ${personId} OR (g.state <> 'draft' AND (g.is_public
      OR EXISTS (SELECT 1 FROM seat s WHERE s.group_id = g.id AND s.person_id = ${personId})
      OR EXISTS (SELECT 1 FROM group_visit w
        WHERE w.group_id = g.id AND w.person_id = ${personId} AND w.via <> 'list')
      OR EXISTS (SELECT 1 FROM campaign c JOIN seller_member m ON m.seller_id = c.seller_id
        WHERE c.id = g.campaign_id AND m.person_id = ${personId}))))`
  return rows.length > 0
}
