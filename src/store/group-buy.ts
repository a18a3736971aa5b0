import {
  priceAt,
  type GroupCounts,
  type GroupPrices,
  type GroupState,
  type SeatState,
  type Thanks,
  type Tier,
} from '#domain/group-buy.ts'
import type { Words } from '#domain/people.ts'
import type { Client, Db } from './db.ts'
import type { Campaign } from './campaigns.ts'
import { lockPayments, type PaymentRow } from './payments.ts'
import { Prisma } from './prisma/client.ts'
import type { SeatVia } from './visits.ts'

export type GroupRow = GroupCounts &
  GroupPrices & {
    groupId: number
    token: string
    /** Of a unit, for whoever joins now. */
    price: bigint
    currency: string
    /** The most seats that were filled at once: what `tiers` is asked with. */
    bestSeats: number
    version: number
    /** Units that one member may buy. */
    maxUnits: number
    /** Members may choose another option. */
    mixesOptions: boolean
    /** Strangers may join. */
    isPublic: boolean
    /** The carrier's codes of the cities that it is for; none: everywhere. */
    cities: number[]
    leaderId: number
    campaignId: number
    variantId: number
    productId: number
    title: Words
    options: Record<string, Record<string, string>>
    /** None of goods for grown-ups. */
    picture: string | null
    isAdult: boolean
    alonePrice: bigint
    sellerName: string
    /** First names of those who paid, in the order they joined. */
    members: string[]
  }

export type JsonTier = { seats: number; price: string }
export type SqlGroup = Omit<GroupRow, 'tiers' | 'thanks'> & {
  tiers: JsonTier[]
  thanksKind: Thanks['kind']
  thanksBasisPoints: number
}

/** Every column of a `SqlGroup`, of groups as `g`; a join and a condition follow. */
export const groupRows = Prisma.sql`
  SELECT g.id AS "groupId", g.token, g.state, g.size, g.price, g.currency, g.taken_seats AS "takenSeats",
    g.paid_seats AS "paidSeats", g.deadline_at AS "deadlineAt", g.version, g.leader_id AS "leaderId",
    coalesce(g.min_seats, g.size) AS "minSeats", g.tiers, greatest(g.best_seats, g.paid_seats) AS "bestSeats",
    g.topped_up AS "toppedUp", g.in_line AS "inLine", g.max_units AS "maxUnits", g.mixes_options AS "mixesOptions",
    g.thanks_kind AS "thanksKind", g.thanks_basis_points AS "thanksBasisPoints", g.is_public AS "isPublic", g.cities,
    g.campaign_id AS "campaignId", g.variant_id AS "variantId", v.product_id AS "productId", p.title, v.options,
    -- Its card is read by others: of goods for grown-ups nothing is pictured.
    CASE WHEN NOT p.is_adult THEN p.pictures[1] END AS picture, p.is_adult AS "isAdult", v.price AS "alonePrice", se.name AS "sellerName",
    ARRAY(
      SELECT m.first_name FROM seat s JOIN person m ON m.id = s.person_id
      WHERE s.group_id = g.id AND s.state IN ('paid', 'confirmed') ORDER BY s.id LIMIT 10) AS members
  FROM "group" g JOIN variant v ON v.id = g.variant_id JOIN product p ON p.id = v.product_id
  JOIN seller se ON se.id = p.seller_id`

/** @returns undefined when there is no such group. */
export async function findGroup(db: Db, where: { id: number } | { token: string }): Promise<GroupRow | undefined> {
  const condition = 'id' in where ? Prisma.sql`g.id = ${where.id}` : Prisma.sql`g.token = ${where.token}`
  const [row] = await db.$queryRaw<SqlGroup[]>`${groupRows} WHERE ${condition}`
  return row && toGroup(row)
}

export function toGroup({ thanksKind, thanksBasisPoints, ...row }: SqlGroup): GroupRow {
  const tiers = tiersOf(row)
  const thanks = { kind: thanksKind, basisPoints: thanksBasisPoints }
  return { ...row, tiers, thanks, price: priceAt(tiers, row.bestSeats) }
}

/** A group's steps; one that has none has its price, at its size. */
export function tiersOf({ tiers, size, price }: { tiers: JsonTier[]; size: number; price: bigint }): Tier[] {
  return tiers.length === 0 ? [{ seats: size, price }] : tiers.map(toTier)
}

/** As a step is stored: amounts do not fit into the numbers of JSON. */
export function toTier({ seats, price }: JsonTier): Tier {
  return { seats, price: BigInt(price) }
}

export type NewGroup = Omit<Campaign, 'lifetimeMinutes' | 'endsAt'> & {
  token: string
  variantId: number
  leaderId: number
  currency: string
  deadlineAt: Date
  /** The group whose members meet again in this one. */
  formerId?: number
}

/** Opens a draft with the leader's seat already counted. */
export async function insertGroup(db: Db, group: NewGroup, now: Date): Promise<number> {
  const tiers = JSON.stringify(group.tiers.map(({ seats, price }) => ({ seats, price: price.toString() })))
  const { thanks } = group
  const [row] = await db.$queryRaw<{ id: number }[]>`
    INSERT INTO "group" (token, campaign_id, variant_id, leader_id, state, size, min_seats, price, tiers, currency,
      max_units, mixes_options, thanks_kind, thanks_basis_points, is_public, cities, former_id, taken_seats, deadline_at,
      created_at)
    VALUES (${group.token}, ${group.campaignId}, ${group.variantId}, ${group.leaderId}, 'draft', ${group.size},
      ${group.minSeats}, ${group.price}, ${tiers}::jsonb, ${group.currency}, ${group.maxUnits}, ${group.mixesOptions},
      ${thanks.kind}, ${thanks.basisPoints}, ${group.isPublic}, ${group.cities}::int[], ${group.formerId ?? null}, 1,
      ${group.deadlineAt}, ${now})
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
  seat: { groupId: number; personId: number; orderId: number; heldUntil: Date; via: SeatVia },
  now: Date,
): Promise<number | undefined> {
  const [row] = await db.$queryRaw<{ id: number }[]>`
    INSERT INTO seat (group_id, person_id, order_id, state, held_until, via, created_at)
    VALUES (${seat.groupId}, ${seat.personId}, ${seat.orderId}, 'held', ${seat.heldUntil}, ${seat.via}, ${now})
    ON CONFLICT (group_id, person_id) WHERE state IN ('held', 'paid', 'confirmed') DO NOTHING
    RETURNING id`
  return row?.id
}

/**
 * Counts one more seat as taken, in one conditional statement: status, deadline and room are checked by the update
 * itself, so that two people cannot both get the last seat.
 * @param paid for a late payer who takes the seat and pays it at once.
 * @param again the seat is one that the same transaction freed: nobody who waits comes before them.
 * @returns false when the group is full, over or closed, or others wait for what is free.
 */
export async function takeSeat(db: Db, groupId: number, now: Date, paid = false, again = false): Promise<boolean> {
  const rows = await db.$executeRaw`
    UPDATE "group" SET taken_seats = taken_seats + 1, paid_seats = paid_seats + ${paid ? 1 : 0}, version = version + 1,
      best_seats = greatest(best_seats, paid_seats + topped_up + ${paid ? 1 : 0})
    WHERE id = ${groupId} AND state = 'open' AND deadline_at > ${now}
      AND taken_seats + topped_up + CASE WHEN ${again} THEN 0 ELSE in_line END < size`
  return rows === 1
}

/** Waits for the row: whoever pays, closes or leaves a group does it one after the other. */
export async function lockGroup(db: Db, groupId: number): Promise<LockedGroup | undefined> {
  const [row] = await db.$queryRaw<LockedGroup[]>`
    SELECT state, leader_id AS "leaderId", best_seats AS "bestSeats", deadline_at AS "deadlineAt" FROM "group"
    WHERE id = ${groupId} FOR NO KEY UPDATE`
  return row
}

type LockedGroup = { state: GroupState; leaderId: number; bestSeats: number; deadlineAt: Date }

/**
 * A held seat was paid; the leader's opens the group. Call with the group's row locked: its state decides, together
 * with the seat's.
 * @returns undefined when the seat was given up or the group was closed meanwhile.
 */
export async function paySeat(db: Db, seatId: number, groupId: number): Promise<{ opened: boolean } | undefined> {
  const [row] = await db.$queryRaw<{ opened: boolean }[]>`
    WITH paid AS (
      UPDATE seat SET state = 'paid', was_paid = true FROM "group" g
      WHERE seat.id = ${seatId} AND seat.state = 'held' AND g.id = ${groupId} AND g.id = seat.group_id
        AND g.state IN ('draft', 'open')
      RETURNING seat.group_id, g.state = 'draft' AS opened)
    UPDATE "group" SET state = 'open', paid_seats = paid_seats + 1, version = version + 1,
      best_seats = greatest(best_seats, paid_seats + topped_up + 1)
    FROM paid WHERE id = paid.group_id RETURNING paid.opened`
  return row
}

/**
 * Undoes `takeSeat` for a late payer, who finds a seat but no goods.
 * @param bestSeats as they were before: a seat that nobody ever had makes nothing cheaper.
 */
export async function leaveSeat(db: Db, groupId: number, bestSeats: number): Promise<void> {
  await db.$executeRaw`
    UPDATE "group" SET taken_seats = taken_seats - 1, paid_seats = paid_seats - 1, best_seats = ${bestSeats}
    WHERE id = ${groupId}`
}

export async function setSeatState(db: Db, seatId: number, state: SeatState): Promise<void> {
  await setSeatStates(db, [seatId], state)
}

/** The same for many. What their group counts does not change: it has ended, or its own statement counts them. */
export async function setSeatStates(db: Db, seatIds: readonly number[], state: SeatState): Promise<void> {
  const isPaid = state === 'paid' || state === 'confirmed'
  const rows = await db.$executeRaw`
    UPDATE seat SET state = ${state}, was_paid = was_paid OR ${isPaid} WHERE id = ANY((SELECT ${[...seatIds]}::int[])::int[])`
  if (rows !== seatIds.length) throw new Error(`${seatIds.length - rows} of seats ${seatIds.join()} are missing`)
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

/**
 * Which group an order's seat is in, asked before anything is locked. Only a late payer's choice changes it, with both
 * groups and the order's payments locked: whoever locked the payments after the group sees whether it is still that one.
 */
export async function findGroupOfOrder(db: Db, orderId: number): Promise<number | undefined> {
  const [row] = await db.$queryRaw<{ groupId: number }[]>`
    SELECT group_id AS "groupId" FROM seat WHERE order_id = ${orderId}`
  return row?.groupId
}

/**
 * The money of a seat went back, or is owed back. While the group is open the seat is free for others again, and the last
 * one ends it (see `closeIfEmpty`); a group that has ended keeps the numbers that it ended with. Call with the group's row
 * locked.
 */
export async function freeSeat(db: Db, seatId: number, state: 'released' | 'refund_due', now: Date): Promise<void> {
  await db.$executeRaw`
    WITH was AS (
      SELECT id, state FROM seat WHERE id = ${seatId} AND state IN ('held', 'paid', 'confirmed') FOR NO KEY UPDATE),
    freed AS (
      UPDATE seat SET state = ${state} FROM was WHERE seat.id = was.id RETURNING seat.group_id, was.state)
    UPDATE "group" g SET taken_seats = taken_seats - 1, version = version + 1,
      paid_seats = paid_seats - CASE freed.state WHEN 'held' THEN 0 ELSE 1 END,
      state = CASE WHEN g.state = 'open' AND taken_seats = 1 AND in_line = 0 THEN 'cancelled' ELSE g.state END,
      closed_at = CASE WHEN g.state = 'open' AND taken_seats = 1 AND in_line = 0 THEN ${now} ELSE g.closed_at END
    FROM freed WHERE g.id = freed.group_id AND (g.state = 'open' OR freed.state = 'held')`
}

/** What was owed for a seat is with its buyer, if this was the last of it. */
export async function refundedSeat(db: Db, seatId: number): Promise<void> {
  await db.$executeRaw`
    UPDATE seat SET state = 'refunded' WHERE id = ${seatId} AND state = 'refund_due'
      AND NOT EXISTS (SELECT 1 FROM payment p WHERE p.order_id = seat.order_id AND p.counts AND p.refunding > 0)`
}

/** All seats are paid. @returns true exactly once, for the payment that completed the group. */
export async function formIfFull(db: Db, groupId: number, now: Date): Promise<boolean> {
  const rows = await db.$executeRaw`
    UPDATE "group" SET state = 'formed', closed_at = ${now}, version = version + 1
    WHERE id = ${groupId} AND state = 'open' AND paid_seats > 0 AND paid_seats + topped_up = size`
  return rows === 1
}

/** Everybody left, and nobody waits: there is nothing to join any more. */
export async function closeIfEmpty(db: Db, groupId: number, now: Date): Promise<void> {
  await db.$executeRaw`
    UPDATE "group" SET state = 'cancelled', closed_at = ${now}, version = version + 1
    WHERE id = ${groupId} AND state = 'open' AND taken_seats = 0 AND in_line = 0`
}

/** The time is over: there are enough, or it failed. @returns which, exactly once. */
export async function closeIfDue(db: Db, groupId: number, now: Date): Promise<'formed' | 'failed' | undefined> {
  const [row] = await db.$queryRaw<{ state: 'formed' | 'failed' }[]>`
    UPDATE "group" SET closed_at = ${now}, version = version + 1, state = CASE
        WHEN paid_seats > 0 AND paid_seats + topped_up >= coalesce(min_seats, size) THEN 'formed' ELSE 'failed' END
    WHERE id = ${groupId} AND state = 'open' AND deadline_at <= ${now} RETURNING state`
  return row?.state
}

/**
 * Seats filled by the shop, openly: nobody sits there, and nobody pays.
 * @param before how many it had filled when somebody decided so: two taps on one button fill once.
 * @returns false when so many are not free.
 */
export async function topUp(db: Db, groupId: number, seats: number, now: Date, before?: number): Promise<boolean> {
  const rows = await db.$executeRaw`
    UPDATE "group" SET topped_up = topped_up + ${seats}, version = version + 1,
      best_seats = greatest(best_seats, paid_seats + topped_up + ${seats})
    WHERE id = ${groupId} AND state = 'open' AND deadline_at > ${now} AND ${seats} > 0
      AND topped_up = coalesce(${before ?? null}::int, topped_up)
      AND taken_seats + topped_up + in_line + ${seats} <= size`
  return rows === 1
}

/** Whose group it is: the shop that sells what it is for. */
export async function findSellerOfGroup(db: Db, groupId: number): Promise<number | undefined> {
  const [row] = await db.$queryRaw<{ sellerId: number }[]>`
    SELECT c.seller_id AS "sellerId" FROM "group" g JOIN campaign c ON c.id = g.campaign_id WHERE g.id = ${groupId}`
  return row?.sellerId
}

/** Groups that a person opened since: a limit keeps anybody from filling a shop with them. */
export async function countOpened(db: Db, leaderId: number, since: Date): Promise<number> {
  const [row] = await db.$queryRaw<{ count: number }[]>`
    SELECT count(*)::int AS count FROM "group" WHERE leader_id = ${leaderId} AND created_at >= ${since}`
  return row?.count ?? 0
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

/**
 * Takes the group whose time was over first and that nobody else is at, in the transaction that closes it: any number of
 * workers share what is due.
 * @param besides groups that are not to be looked at again.
 */
export async function claimDueGroup(db: Db, besides: readonly number[], now: Date): Promise<number | undefined> {
  const [row] = await db.$queryRaw<{ id: number }[]>`
    SELECT id FROM "group"
    WHERE state = 'open' AND deadline_at <= ${now} AND id <> ALL((SELECT ${[...besides]}::int[])::int[])
    ORDER BY deadline_at LIMIT 1 FOR NO KEY UPDATE SKIP LOCKED`
  return row?.id
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
export async function lockSeats(db: Db, groupId: number): Promise<(LockedSeat & { payment: PaymentRow })[]> {
  const counting = new Map(
    (await lockPayments(db, { groupId })).flatMap((payment) =>
      payment.counts ? [[payment.orderId, payment] as const] : [],
    ),
  )
  const seats = await db.$queryRaw<LockedSeat[]>`
    SELECT id AS "seatId", person_id AS "personId", order_id AS "orderId", state FROM seat
    WHERE group_id = ${groupId} AND state IN ('held', 'paid') ORDER BY id FOR NO KEY UPDATE`
  return seats.flatMap((seat) => {
    const payment = counting.get(seat.orderId)
    return payment ? [{ ...seat, payment }] : []
  })
}

type LockedSeat = { seatId: number; personId: number; orderId: number; state: SeatState }
