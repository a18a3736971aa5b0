import type { GroupState, SeatState } from '#domain/group-buy.ts'
import type { Words } from '#domain/people.ts'
import type { Client, Db } from './db.ts'
import { lockPayments, type PaymentRow } from './payments.ts'
import { Prisma } from './prisma/client.ts'

export type GroupRow = {
  groupId: number
  token: string
  state: GroupState
  size: number
  price: bigint
  currency: string
  takenSeats: number
  paidSeats: number
  deadlineAt: Date
  version: number
  leaderId: number
  campaignId: number
  variantId: number
  productId: number
  title: Words
  options: Record<string, Record<string, string>>
  picture: string | null
  alonePrice: bigint
  sellerName: string
  /** First names of those who paid, in the order they joined. */
  members: string[]
}

const groupRows = Prisma.sql`
  SELECT g.id AS "groupId", g.token, g.state, g.size, g.price, g.currency, g.taken_seats AS "takenSeats",
    g.paid_seats AS "paidSeats", g.deadline_at AS "deadlineAt", g.version, g.leader_id AS "leaderId",
    g.campaign_id AS "campaignId", g.variant_id AS "variantId", v.product_id AS "productId", p.title, v.options,
    p.pictures[1] AS picture, v.price AS "alonePrice", se.name AS "sellerName",
    ARRAY(
      SELECT m.first_name FROM seat s JOIN person m ON m.id = s.person_id
      WHERE s.group_id = g.id AND s.state IN ('paid', 'confirmed') ORDER BY s.id LIMIT 10) AS members
  FROM "group" g JOIN variant v ON v.id = g.variant_id JOIN product p ON p.id = v.product_id
  JOIN seller se ON se.id = p.seller_id`

/** @returns undefined when there is no such group. */
export async function findGroup(db: Db, where: { id: number } | { token: string }): Promise<GroupRow | undefined> {
  const condition = 'id' in where ? Prisma.sql`g.id = ${where.id}` : Prisma.sql`g.token = ${where.token}`
  const [row] = await db.$queryRaw<GroupRow[]>`${groupRows} WHERE ${condition}`
  return row
}

/**
 * Open groups of a product that still have a free seat, nearest to completion first, then nearest to their end.
 * @param limit for each variant.
 */
export async function findOpenGroups(db: Db, productId: number, now: Date, limit: number): Promise<GroupRow[]> {
  return db.$queryRaw<GroupRow[]>`
    ${groupRows}
    JOIN (
      SELECT g.id, row_number() OVER (PARTITION BY g.variant_id ORDER BY g.size - g.paid_seats, g.deadline_at, g.id) AS place
      FROM "group" g JOIN variant v ON v.id = g.variant_id
      WHERE v.product_id = ${productId} AND g.state = 'open' AND g.deadline_at > ${now} AND g.taken_seats < g.size
    ) near ON near.id = g.id
    WHERE near.place <= ${limit} ORDER BY g.size - g.paid_seats, g.deadline_at, g.id`
}

export type Campaign = {
  campaignId: number
  price: bigint
  size: number
  lifetimeMinutes: number
  endsAt: Date | null
}

/** The terms in force for a variant. */
export async function findCampaign(db: Db, variantId: number, now: Date): Promise<Campaign | undefined> {
  const [row] = await db.$queryRaw<Campaign[]>`
    SELECT c.id AS "campaignId", cp.price, c.size, c.lifetime_minutes AS "lifetimeMinutes", c.ends_at AS "endsAt"
    FROM campaign_price cp JOIN campaign c ON c.id = cp.campaign_id
    WHERE cp.variant_id = ${variantId} AND c.starts_at <= ${now} AND (c.ends_at IS NULL OR c.ends_at > ${now})
    ORDER BY c.id DESC LIMIT 1`
  return row
}

export type NewGroup = {
  token: string
  campaignId: number
  variantId: number
  leaderId: number
  size: number
  price: bigint
  currency: string
  deadlineAt: Date
}

/** Opens a draft with the leader's seat already counted. */
export async function insertGroup(db: Db, group: NewGroup, now: Date): Promise<number> {
  const [row] = await db.$queryRaw<{ id: number }[]>`
    INSERT INTO "group" (token, campaign_id, variant_id, leader_id, state, size, price, currency, taken_seats, deadline_at,
      created_at)
    VALUES (${group.token}, ${group.campaignId}, ${group.variantId}, ${group.leaderId}, 'draft', ${group.size},
      ${group.price}, ${group.currency}, 1, ${group.deadlineAt}, ${now})
    RETURNING id`
  if (!row) throw new Error('an insert returns its row')
  return row.id
}

/**
 * Adds a person's seat. In a group that exists already call `takeSeat` first: it locks the group, and whoever waits for
 * another's seat without that lock can be waited for in turn.
 * @returns undefined when they have a live seat there: the partial unique index decides, two devices included.
 */
export async function insertSeat(
  db: Db,
  seat: { groupId: number; personId: number; orderId: number; heldUntil: Date },
  now: Date,
): Promise<number | undefined> {
  const [row] = await db.$queryRaw<{ id: number }[]>`
    INSERT INTO seat (group_id, person_id, order_id, state, held_until, created_at)
    VALUES (${seat.groupId}, ${seat.personId}, ${seat.orderId}, 'held', ${seat.heldUntil}, ${now})
    ON CONFLICT (group_id, person_id) WHERE state IN ('held', 'paid', 'confirmed') DO NOTHING
    RETURNING id`
  return row?.id
}

/**
 * Counts one more seat as taken, in one conditional statement: status, deadline and room are checked by the update
 * itself, so that two people cannot both get the last seat.
 * @param paid for a late payer who takes the seat and pays it at once.
 * @returns false when the group is full, over or closed.
 */
export async function takeSeat(db: Db, groupId: number, now: Date, paid = false): Promise<boolean> {
  const rows = await db.$executeRaw`
    UPDATE "group" SET taken_seats = taken_seats + 1, paid_seats = paid_seats + ${paid ? 1 : 0}, version = version + 1
    WHERE id = ${groupId} AND state = 'open' AND deadline_at > ${now} AND taken_seats < size`
  return rows === 1
}

/** Waits for the row: whoever pays, closes or leaves a group does it one after the other. */
export async function lockGroup(db: Db, groupId: number): Promise<{ state: GroupState; leaderId: number } | undefined> {
  const [row] = await db.$queryRaw<{ state: GroupState; leaderId: number }[]>`
    SELECT state, leader_id AS "leaderId" FROM "group" WHERE id = ${groupId} FOR NO KEY UPDATE`
  return row
}

/**
 * A held seat was paid; the leader's opens the group. Call with the group's row locked: its state decides, together
 * with the seat's.
 * @returns undefined when the seat was given up or the group was closed meanwhile.
 */
export async function paySeat(db: Db, seatId: number, groupId: number): Promise<{ opened: boolean } | undefined> {
  const [row] = await db.$queryRaw<{ opened: boolean }[]>`
    WITH paid AS (
      UPDATE seat SET state = 'paid' FROM "group" g
      WHERE seat.id = ${seatId} AND seat.state = 'held' AND g.id = ${groupId} AND g.id = seat.group_id
        AND g.state IN ('draft', 'open')
      RETURNING seat.group_id, g.state = 'draft' AS opened)
    UPDATE "group" SET state = 'open', paid_seats = paid_seats + 1, version = version + 1
    FROM paid WHERE id = paid.group_id RETURNING paid.opened`
  return row
}

/** Undoes `takeSeat` for a late payer, who finds a seat but no goods. */
export async function leaveSeat(db: Db, groupId: number): Promise<void> {
  await db.$executeRaw`
    UPDATE "group" SET taken_seats = taken_seats - 1, paid_seats = paid_seats - 1 WHERE id = ${groupId}`
}

export async function setSeatState(db: Db, seatId: number, state: SeatState): Promise<void> {
  const rows = await db.$executeRaw`UPDATE seat SET state = ${state} WHERE id = ${seatId}`
  if (rows !== 1) throw new Error(`no seat ${seatId}`)
}

/**
 * Whether a person has a seat in a group that counts. Several orders of one person may have held one after the other.
 * @param besides a seat that is not asked about.
 */
export async function hasLiveSeat(db: Db, groupId: number, personId: number, besides?: number): Promise<boolean> {
  const rows = await db.$queryRaw<unknown[]>`
    SELECT 1 FROM seat
    WHERE group_id = ${groupId} AND person_id = ${personId} AND state IN ('held', 'paid', 'confirmed')
      AND id IS DISTINCT FROM ${besides ?? null}::int LIMIT 1`
  return rows.length > 0
}

/** The newest seat of a person in a group. */
export async function findSeat(
  db: Client,
  groupId: number,
  personId: number,
): Promise<{ orderId: number; state: SeatState; groupState: GroupState } | undefined> {
  const row = await db.seat.findFirst({
    where: { groupId, personId },
    orderBy: { id: 'desc' },
    select: { orderId: true, state: true, group: { select: { state: true } } },
  })
  return row
    ? { orderId: row.orderId, state: row.state as SeatState, groupState: row.group.state as GroupState }
    : undefined
}

/** Which group an order's seat is in: it never changes, so it can be asked before anything is locked. */
export async function findGroupOfOrder(db: Db, orderId: number): Promise<number | undefined> {
  const [row] = await db.$queryRaw<{ groupId: number }[]>`
    SELECT group_id AS "groupId" FROM seat WHERE order_id = ${orderId}`
  return row?.groupId
}

/**
 * The money of a seat went back, or is owed back. While the group is open the seat is free for others again; a group that has ended
 * keeps the numbers that it ended with. Call with the group's row locked.
 */
export async function freeSeat(db: Db, seatId: number, state: 'released' | 'refund_due'): Promise<void> {
  await db.$executeRaw`
    WITH was AS (
      SELECT id, state FROM seat WHERE id = ${seatId} AND state IN ('held', 'paid', 'confirmed') FOR NO KEY UPDATE),
    freed AS (
      UPDATE seat SET state = ${state} FROM was WHERE seat.id = was.id RETURNING seat.group_id, was.state)
    UPDATE "group" g SET taken_seats = taken_seats - 1, version = version + 1,
      paid_seats = paid_seats - CASE freed.state WHEN 'held' THEN 0 ELSE 1 END
    FROM freed WHERE g.id = freed.group_id AND (g.state = 'open' OR freed.state = 'held')`
}

/** What was owed for a seat is with its buyer. */
export async function refundedSeat(db: Db, seatId: number): Promise<void> {
  await db.$executeRaw`UPDATE seat SET state = 'refunded' WHERE id = ${seatId} AND state = 'refund_due'`
}

/** All seats are paid. @returns true exactly once, for the payment that completed the group. */
export async function formIfFull(db: Db, groupId: number, now: Date): Promise<boolean> {
  const rows = await db.$executeRaw`
    UPDATE "group" SET state = 'formed', closed_at = ${now}, version = version + 1
    WHERE id = ${groupId} AND state = 'open' AND paid_seats = size`
  return rows === 1
}

/** Everybody left: there is nothing to join any more. */
export async function closeIfEmpty(db: Db, groupId: number, now: Date): Promise<void> {
  await db.$executeRaw`
    UPDATE "group" SET state = 'cancelled', closed_at = ${now}, version = version + 1
    WHERE id = ${groupId} AND state = 'open' AND taken_seats = 0`
}

/** The deadline passed first. @returns true exactly once. */
export async function failIfDue(db: Db, groupId: number, now: Date): Promise<boolean> {
  const rows = await db.$executeRaw`
    UPDATE "group" SET state = 'failed', closed_at = ${now}, version = version + 1
    WHERE id = ${groupId} AND state = 'open' AND deadline_at <= ${now}`
  return rows === 1
}

/** An unpaid seat is given up; a draft has nobody else, so it ends with it. */
export async function releaseHeldSeat(db: Db, orderId: number, now: Date): Promise<{ groupId: number } | undefined> {
  const [row] = await db.$queryRaw<{ groupId: number }[]>`
    WITH freed AS (UPDATE seat SET state = 'released' WHERE order_id = ${orderId} AND state = 'held' RETURNING group_id)
    UPDATE "group" g SET taken_seats = taken_seats - 1, version = version + 1,
      state = CASE WHEN g.state = 'draft' THEN 'cancelled' ELSE g.state END,
      closed_at = CASE WHEN g.state = 'draft' THEN ${now} ELSE g.closed_at END
    FROM freed WHERE g.id = freed.group_id RETURNING g.id AS "groupId"`
  return row
}

/** Groups past their deadline, oldest first. Each is closed in a transaction of its own by whoever gets it. */
export async function findDueGroups(db: Db, now: Date, limit: number): Promise<number[]> {
  const rows = await db.$queryRaw<{ id: number }[]>`
    SELECT id FROM "group" WHERE state = 'open' AND deadline_at <= ${now} ORDER BY deadline_at LIMIT ${limit}`
  return rows.map(({ id }) => id)
}

/**
 * Seats of a group that hold or have money, locked, in key order. Their payments are locked first, as everywhere, so
 * that none changes under the decision.
 */
export async function lockSeats(
  db: Db,
  groupId: number,
): Promise<{ seatId: number; personId: number; orderId: number; state: SeatState; payment: PaymentRow }[]> {
  const payments = await lockPayments(db, { groupId })
  const seats = await db.$queryRaw<{ seatId: number; personId: number; orderId: number; state: SeatState }[]>`
    SELECT id AS "seatId", person_id AS "personId", order_id AS "orderId", state FROM seat
    WHERE group_id = ${groupId} AND state IN ('held', 'paid') ORDER BY id FOR NO KEY UPDATE`
  return seats.flatMap((seat) => {
    const payment = payments.find(({ orderId, counts }) => counts && orderId === seat.orderId)
    return payment ? [{ ...seat, payment }] : []
  })
}
