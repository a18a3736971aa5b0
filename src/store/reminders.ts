import type { Db } from './db.ts'

export type RemindedSeat = { seatId: number; personId: number; orderId: number; groupId: number }
export type RemindedGroup = { groupId: number; leaderId: number }

/** Of one transaction: reminded rows stay locked until it ends, and joins wait for them. */
const batch = 100

/**
 * Marks seats that are held unpaid and whose hold ends before `endsBefore`, each once for ever; of a short hold its second
 * half counts, or who joins near a group's end would be reminded while they read what they joined. A seat that somebody
 * pays or gives up at this moment is left out: whoever holds it decides, and nobody is waited for.
 */
export async function markSeatsReminded(db: Db, endsBefore: Date, now: Date): Promise<RemindedSeat[]> {
  // The order's time decides when a hold ends: beginning to pay by an invoice makes it longer than the seat's own.
  return db.$queryRaw<RemindedSeat[]>`
    UPDATE seat SET reminded_at = ${now} WHERE id IN (
      SELECT s.id FROM seat s JOIN "order" o ON o.id = s.order_id JOIN "group" g ON g.id = s.group_id
      WHERE s.state = 'held' AND s.held_until <= ${endsBefore} AND s.reminded_at IS NULL
        AND o.state = 'awaiting_payment' AND o.expires_at > ${now} AND o.expires_at <= ${endsBefore}
        AND ${now}::timestamptz >= o.expires_at - (o.expires_at - o.created_at) / 2
        AND g.state IN ('draft', 'open') AND g.deadline_at > ${now}
      ORDER BY s.id LIMIT ${batch} FOR NO KEY UPDATE OF s SKIP LOCKED)
    RETURNING id AS "seatId", person_id AS "personId", order_id AS "orderId", group_id AS "groupId"`
}

export type NearEnd = { part: number; atLeastMinutes: number; atMostMinutes: number }

/**
 * Marks open groups whose end is near, that still lack seats and whose leader is in, each once for ever.
 * @param near the last `1/part` of a group's life, within the two limits; never more than its second half.
 */
export async function markGroupsReminded(db: Db, near: NearEnd, now: Date): Promise<RemindedGroup[]> {
  return db.$queryRaw<RemindedGroup[]>`
    UPDATE "group" SET reminded_at = ${now} WHERE id IN (
      SELECT g.id FROM "group" g
      WHERE g.state = 'open' AND g.reminded_at IS NULL AND g.deadline_at > ${now}
        AND g.deadline_at <= ${now}::timestamptz + make_interval(mins => ${near.atMostMinutes}::int)
        AND ${now}::timestamptz >= g.deadline_at - least((g.deadline_at - g.created_at) / 2,
          greatest(make_interval(mins => ${near.atLeastMinutes}::int), (g.deadline_at - g.created_at) / ${near.part}::int))
        AND g.paid_seats + g.topped_up < coalesce(g.min_seats, g.size)
        AND EXISTS (SELECT 1 FROM seat s WHERE s.group_id = g.id AND s.person_id = g.leader_id AND s.state = 'paid')
      ORDER BY g.id LIMIT ${batch} FOR NO KEY UPDATE SKIP LOCKED)
    RETURNING id AS "groupId", leader_id AS "leaderId"`
}
