/**
 * People who wait for a seat in a full group. Those `waiting` are counted in the group's `in_line`, those `offered` a seat
 * among its taken ones; every change here counts both in the same statement. Lock the group's row first, everywhere.
 */
import type { Db } from './db.ts'
import { Prisma } from './prisma/client.ts'
import type { VisitVia } from './visits.ts'

/** A live place: its number in line, or until when a seat is kept for its person. */
export type LinePlace = { waitingId: number } & ({ place: number } | { offeredUntil: Date })

/** @returns undefined when the person neither waits there nor is offered a seat. */
export async function findPlace(db: Db, groupId: number, personId: number): Promise<LinePlace | undefined> {
  type Row = { waitingId: number; offeredUntil: Date | null; place: number }
  const [row] = await db.$queryRaw<Row[]>`
    SELECT w.id AS "waitingId", w.offered_until AS "offeredUntil",
      (SELECT count(*)::int FROM waiting f
        WHERE f.group_id = w.group_id AND f.state = 'waiting' AND f.id <= w.id) AS place
    FROM waiting w
    WHERE w.group_id = ${groupId} AND w.person_id = ${personId} AND w.state IN ('waiting', 'offered')`
  if (!row) return undefined
  const { waitingId, place, offeredUntil } = row
  return offeredUntil ? { waitingId, offeredUntil } : { waitingId, place }
}

/**
 * Puts a person at the end of the line. Ids are given under the group's lock, so their order is the line's.
 * @param lineMax so many wait at most.
 * @returns false when a seat is free, or the group is over, or too many wait, or they wait already.
 */
export async function joinLine(
  db: Db,
  groupId: number,
  personId: number,
  lineMax: number,
  now: Date,
): Promise<boolean> {
  const rows = await db.$executeRaw`
    WITH added AS (
      INSERT INTO waiting (group_id, person_id, state, created_at)
      SELECT g.id, ${personId}, 'waiting', ${now} FROM "group" g
      WHERE g.id = ${groupId} AND g.state = 'open' AND g.deadline_at > ${now}
        AND g.taken_seats + g.topped_up + g.in_line >= g.size AND g.in_line < ${lineMax}
      ON CONFLICT (group_id, person_id) WHERE state IN ('waiting', 'offered') DO NOTHING
      RETURNING group_id)
    UPDATE "group" SET in_line = in_line + 1 FROM added WHERE id = added.group_id`
  return rows === 1
}

/** How a person came to a group, if they did, and whether a seat in it is kept for them. */
export async function findStanding(
  db: Db,
  groupId: number,
  personId: number,
): Promise<{ via: VisitVia | null; isOffered: boolean }> {
  const [row] = await db.$queryRaw<{ via: VisitVia | null; isOffered: boolean }[]>`
    SELECT (SELECT via FROM group_visit WHERE group_id = ${groupId} AND person_id = ${personId}) AS via,
      EXISTS (SELECT 1 FROM waiting
        WHERE group_id = ${groupId} AND person_id = ${personId} AND state = 'offered') AS "isOffered"`
  return row ?? { via: null, isOffered: false }
}

/** How often a person gave up a place in this line, or let an offer run out. */
export async function countPassed(db: Db, groupId: number, personId: number): Promise<number> {
  const [row] = await db.$queryRaw<{ count: number }[]>`
    SELECT count(*)::int AS count FROM waiting
    WHERE group_id = ${groupId} AND person_id = ${personId} AND state = 'passed'`
  return row?.count ?? 0
}

/**
 * Offers what is free to those who wait longest. Each seat is counted as taken by the statement that offers it.
 * @param until when offers run out; never past the group's deadline.
 */
export async function offerSeats(
  db: Db,
  groupId: number,
  until: Date,
  now: Date,
): Promise<{ waitingId: number; personId: number }[]> {
  return db.$queryRaw<{ waitingId: number; personId: number }[]>`
    WITH room AS (
      SELECT id, deadline_at, size - taken_seats - topped_up AS seats FROM "group"
      WHERE id = ${groupId} AND state = 'open' AND deadline_at > ${now} AND taken_seats + topped_up < size),
    next AS (
      SELECT w.id, room.deadline_at FROM room JOIN waiting w ON w.group_id = room.id AND w.state = 'waiting'
      ORDER BY w.id LIMIT (SELECT seats FROM room)),
    offered AS (
      UPDATE waiting w SET state = 'offered', offered_until = least(${until}::timestamptz, next.deadline_at)
      FROM next WHERE w.id = next.id AND w.state = 'waiting' RETURNING w.id, w.person_id),
    counted AS (
      UPDATE "group" SET taken_seats = taken_seats + made.seats, in_line = in_line - made.seats, version = version + 1
      FROM (SELECT count(*)::int AS seats FROM offered) made WHERE "group".id = ${groupId} AND made.seats > 0)
    SELECT id AS "waitingId", person_id AS "personId" FROM offered ORDER BY id`
}

/**
 * The seat that a person is offered becomes theirs: it is counted already, so `takeSeat` must not be called for it.
 * @param paid for a late payer, who pays it at once.
 * @returns false when they are offered none, or its time or the group's is over.
 */
export async function takeOffer(db: Db, groupId: number, personId: number, now: Date, paid = false): Promise<boolean> {
  const rows = await db.$executeRaw`
    WITH taken AS (
      UPDATE waiting w SET state = 'taken', offered_until = NULL FROM "group" g
      WHERE w.group_id = ${groupId} AND w.person_id = ${personId} AND w.state = 'offered' AND w.offered_until > ${now}
        AND g.id = w.group_id AND g.state = 'open' AND g.deadline_at > ${now}
      RETURNING w.group_id)
    UPDATE "group" SET version = version + 1, paid_seats = paid_seats + ${paid ? 1 : 0},
      best_seats = greatest(best_seats, paid_seats + topped_up + ${paid ? 1 : 0})
    FROM taken WHERE id = taken.group_id`
  return rows === 1
}

/** They wait no longer; a seat that they were offered is free again. @returns false when they did not wait. */
export async function leaveLine(db: Db, groupId: number, personId: number): Promise<boolean> {
  const rows = await db.$executeRaw`
    WITH was AS (
      SELECT id, state FROM waiting
      WHERE group_id = ${groupId} AND person_id = ${personId} AND state IN ('waiting', 'offered')),
    gone AS (
      UPDATE waiting w SET state = 'passed', offered_until = NULL FROM was WHERE w.id = was.id RETURNING was.state)
    UPDATE "group" SET version = version + 1,
      taken_seats = taken_seats - CASE gone.state WHEN 'offered' THEN 1 ELSE 0 END,
      in_line = in_line - CASE gone.state WHEN 'offered' THEN 0 ELSE 1 END
    FROM gone WHERE id = ${groupId}`
  return rows === 1
}

/**
 * Offers whose time is over are given up, and so are places of people who came to a seat by another way.
 * @returns whether anything changed.
 */
export async function lapsePlaces(db: Db, groupId: number, now: Date): Promise<boolean> {
  const rows = await db.$executeRaw`
    WITH was AS (
      SELECT w.id, w.state, s.id IS NOT NULL AS seated FROM waiting w
        LEFT JOIN seat s ON s.group_id = w.group_id AND s.person_id = w.person_id
          AND s.state IN ('held', 'paid', 'confirmed')
      WHERE w.group_id = ${groupId} AND w.state IN ('waiting', 'offered')
        AND (w.offered_until <= ${now} OR s.id IS NOT NULL)),
    gone AS (
      UPDATE waiting w SET state = CASE WHEN was.seated THEN 'taken' ELSE 'passed' END, offered_until = NULL
      FROM was WHERE w.id = was.id RETURNING was.state)
    UPDATE "group" SET taken_seats = taken_seats - made.offered, in_line = in_line - made.waiting, version = version + 1
    FROM (SELECT count(*) FILTER (WHERE state = 'offered')::int AS offered,
      count(*) FILTER (WHERE state = 'waiting')::int AS waiting FROM gone) made
    WHERE id = ${groupId} AND made.offered + made.waiting > 0`
  return rows === 1
}

/** The group closed: nobody waits any longer. @returns who did, each once. */
export async function endLine(db: Db, groupId: number): Promise<{ waitingId: number; personId: number }[]> {
  return db.$queryRaw<{ waitingId: number; personId: number }[]>`
    WITH was AS (SELECT id, state FROM waiting WHERE group_id = ${groupId} AND state IN ('waiting', 'offered')),
    gone AS (
      UPDATE waiting w SET state = 'over', offered_until = NULL FROM was
      WHERE w.id = was.id RETURNING w.id, w.person_id, was.state),
    counted AS (
      UPDATE "group" SET taken_seats = taken_seats - made.offered, in_line = in_line - made.waiting
      FROM (SELECT count(*) FILTER (WHERE state = 'offered')::int AS offered,
        count(*) FILTER (WHERE state = 'waiting')::int AS waiting FROM gone) made
      WHERE "group".id = ${groupId} AND made.offered + made.waiting > 0)
    SELECT id AS "waitingId", person_id AS "personId" FROM gone ORDER BY id`
}

/** Lines that may move: of groups with somebody in line, and of offers; not of everybody who ever waited. */
const linesThatMove = (now: Date) => Prisma.sql`
  g.id IN (
    SELECT id FROM "group" WHERE in_line > 0
      AND (state <> 'open' OR (deadline_at > ${now} AND taken_seats + topped_up < size))
    UNION ALL
    SELECT w.group_id FROM waiting w JOIN "group" of ON of.id = w.group_id
    WHERE w.state = 'offered' AND (w.offered_until <= ${now} OR of.state <> 'open'))`

/** Groups whose line moves: a seat is free, an offer ran out, or the group closed. */
export async function findLinesThatMove(db: Db, now: Date, limit: number): Promise<number[]> {
  const rows = await db.$queryRaw<{ id: number }[]>`
    SELECT g.id FROM "group" g WHERE ${linesThatMove(now)} ORDER BY g.deadline_at, g.id LIMIT ${limit}`
  return rows.map(({ id }) => id)
}

/**
 * Locks the group whose line moves, whose end is nearest and that nobody else is at.
 * @param besides groups that are not to be looked at again.
 */
export async function claimLine(db: Db, besides: readonly number[], now: Date): Promise<number | undefined> {
  const [row] = await db.$queryRaw<{ id: number }[]>`
    SELECT g.id FROM "group" g
    WHERE ${linesThatMove(now)} AND g.id <> ALL((SELECT ${[...besides]}::int[])::int[])
    ORDER BY g.deadline_at, g.id LIMIT 1 FOR NO KEY UPDATE SKIP LOCKED`
  return row?.id
}

/**
 * Somebody who is offered a seat cannot take it, for a reason that stays: it is free again, and nothing that they let pass.
 * @returns false when they are offered none.
 */
export async function endOffer(db: Db, groupId: number, personId: number): Promise<boolean> {
  const rows = await db.$executeRaw`
    WITH gone AS (
      UPDATE waiting SET state = 'over', offered_until = NULL
      WHERE group_id = ${groupId} AND person_id = ${personId} AND state = 'offered' RETURNING group_id)
    UPDATE "group" SET taken_seats = taken_seats - 1, version = version + 1 FROM gone WHERE id = gone.group_id`
  return rows === 1
}
