import type { Db, Transaction } from './db.ts'

/** A member of the former team who can be written to. */
type Told = { personId: number; isTold: boolean }

/**
 * Whether a person may ask the same team again: they paid for a seat in a group that formed, and it was for this variant.
 */
export async function wasInTeam(db: Db, groupId: number, variantId: number, personId: number): Promise<boolean> {
  const rows = await db.$queryRaw<unknown[]>`
    SELECT 1 FROM "group" g JOIN seat s ON s.group_id = g.id
    WHERE g.id = ${groupId} AND g.state = 'formed' AND g.variant_id = ${variantId}
      AND s.person_id = ${personId} AND s.state IN ('paid', 'confirmed') LIMIT 1`
  return rows.length > 0
}

/** Which team an unpaid group of this order's buyer asks again, if any. */
export async function findFormerOfOrder(db: Db, orderId: number): Promise<number | undefined> {
  const [row] = await db.$queryRaw<{ formerId: number | null }[]>`
    SELECT g.former_id AS "formerId" FROM seat s JOIN "group" g ON g.id = s.group_id WHERE s.order_id = ${orderId}`
  return row?.formerId ?? undefined
}

/** A group that its leader has begun and not paid for becomes one for the same team; an open one stays what it was. */
export async function setFormerOfDraft(db: Db, orderId: number, formerId: number): Promise<void> {
  await db.$executeRaw`
    UPDATE "group" g SET former_id = ${formerId} FROM seat s
    WHERE s.order_id = ${orderId} AND g.id = s.group_id AND g.leader_id = s.person_id AND g.state = 'draft'`
}

/**
 * Invites the others who paid in the former group, so that they may join even a group that is not public.
 * Call as the last thing that locks rows of groups and orders.
 * @param since who was told of the same team later than this is invited, but not told again.
 * @returns whom to tell: who can be written to, and was not told of late.
 */
export async function inviteFormerTeam(tx: Transaction, groupId: number, since: Date, now: Date): Promise<number[]> {
  const [group] = await tx.$queryRaw<{ formerId: number | null }[]>`
    SELECT former_id AS "formerId" FROM "group" WHERE id = ${groupId}`
  const formerId = group?.formerId ?? null
  if (formerId === null) return []
  // Two of one team who ask it at the same moment: the second sees whom the first told.
  await tx.$executeRaw`SELECT 1 FROM pg_advisory_xact_lock(3, ${formerId}::int)`
  const rows = await tx.$queryRaw<Told[]>`
    WITH team AS (
      SELECT DISTINCT s.person_id, g.leader_id FROM "group" g JOIN campaign c ON c.id = g.campaign_id
        JOIN seat s ON s.group_id = ${formerId} AND s.state IN ('paid', 'confirmed') AND s.person_id <> g.leader_id
      WHERE g.id = ${groupId} AND NOT EXISTS (
        SELECT 1 FROM seller_member m WHERE m.seller_id = c.seller_id AND m.person_id = s.person_id)),
    invited AS (
      INSERT INTO group_visit (group_id, person_id, via, inviter_id, at)
      SELECT ${groupId}::int, person_id, 'again', leader_id, ${now}::timestamptz FROM team ORDER BY person_id
      ON CONFLICT (group_id, person_id) DO NOTHING)
    SELECT person_id AS "personId", EXISTS (
        SELECT 1 FROM notification n JOIN "group" told ON told.id = (n.data ->> 'groupId')::int
        WHERE n.person_id = team.person_id AND n.kind = 'group-again' AND n.created_at > ${since}
          AND told.former_id = ${formerId}) AS "isTold"
    FROM team WHERE EXISTS (
      SELECT 1 FROM identity i
      WHERE i.person_id = team.person_id AND i.unreachable_at IS NULL AND i.chat_opened_at IS NOT NULL)
    ORDER BY person_id`
  return rows.flatMap(({ personId, isTold }) => (isTold ? [] : [personId]))
}

/** The first name of a group's leader, while they are in it. */
export async function findLeaderName(db: Db, groupId: number): Promise<string | undefined> {
  const [row] = await db.$queryRaw<{ firstName: string }[]>`
    SELECT p.first_name AS "firstName" FROM "group" g JOIN person p ON p.id = g.leader_id
    WHERE g.id = ${groupId} AND EXISTS (
      SELECT 1 FROM seat s WHERE s.group_id = g.id AND s.person_id = g.leader_id AND s.state IN ('paid', 'confirmed'))`
  return row?.firstName
}
