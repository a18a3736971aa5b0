/** Orders whose money came when their group could take it no more: what they may still become. */
import type { OrderState } from '#domain/orders.ts'
import type { PaymentState } from '#domain/payments.ts'
import type { SeatVia } from './visits.ts'
import type { Db } from './db.ts'

/** What decides what late money may still buy. */
export type LateOrder = {
  orderId: number
  personId: number
  state: OrderState
  /** Until when its buyer may choose; null while there is nothing to choose. */
  chooseUntil: Date | null
  variantId: number
  quantity: number
  /** Of a unit, as it was paid: nobody pays more by choosing. */
  unitPrice: bigint
  currency: string
  cityCode: number
  campaignId: number
  groupId: number
  seatId: number
  paymentState: PaymentState
  /** When the bank lets go of the money; null when it was taken, or nobody knows. */
  holdUntil: Date | null
  withdrawn: boolean
  /** They work in the shop that sells it. */
  isOwnShop: boolean
}

/** @returns undefined for an order without a seat. */
export async function findLateOrder(db: Db, orderId: number): Promise<LateOrder | undefined> {
  const [row] = await db.$queryRaw<LateOrder[]>`
    SELECT o.id AS "orderId", o.person_id AS "personId", o.state, o.choose_until AS "chooseUntil",
      l.variant_id AS "variantId", l.quantity, l.unit_price AS "unitPrice", o.currency, o.city_code AS "cityCode",
      g.campaign_id AS "campaignId", g.id AS "groupId", s.id AS "seatId", p.state AS "paymentState",
      CASE WHEN p.state = 'held' THEN p.hold_until END AS "holdUntil",
      v.withdrawn_at IS NOT NULL OR product.withdrawn_at IS NOT NULL AS withdrawn,
      EXISTS (SELECT 1 FROM seller_member m WHERE m.seller_id = o.seller_id AND m.person_id = o.person_id)
        AS "isOwnShop"
    FROM "order" o JOIN order_line l ON l.order_id = o.id JOIN seat s ON s.order_id = o.id
      JOIN "group" g ON g.id = s.group_id JOIN payment p ON p.order_id = o.id AND p.counts
      JOIN variant v ON v.id = l.variant_id JOIN product ON product.id = v.product_id
    WHERE o.id = ${orderId} ORDER BY l.id LIMIT 1`
  return row
}

/**
 * The group nearest to completion that late money can go to: the same campaign and variant, at most the same price, ended
 * before the hold does, and theirs to join.
 * @param endsBefore when the group's deadline must have passed at the latest; null when it does not matter.
 * @param only asks about this group, whether or not it has room: `takeSeat` decides that.
 */
export async function findGroupForLate(
  db: Db,
  late: LateOrder,
  endsBefore: Date | null,
  now: Date,
  only?: number,
): Promise<number | undefined> {
  const { personId, campaignId, variantId, quantity, cityCode, unitPrice, groupId } = late
  const wanted = only ?? null
  const [row] = await db.$queryRaw<{ id: number }[]>`
    SELECT g.id FROM "group" g
    WHERE g.campaign_id = ${campaignId} AND g.variant_id = ${variantId}
      AND CASE WHEN ${wanted}::int IS NULL
        THEN g.state = 'open' AND g.deadline_at > ${now} AND g.taken_seats + g.topped_up + g.in_line < g.size
          AND NOT EXISTS (SELECT 1 FROM seat s WHERE s.group_id = g.id AND s.person_id = ${personId}
            AND s.state IN ('held', 'paid', 'confirmed'))
        ELSE g.id = ${wanted}::int END
      AND g.max_units >= ${quantity} AND (cardinality(g.cities) = 0 OR ${cityCode}::int = ANY(g.cities))
      AND (g.is_public OR g.id = ${groupId} OR g.leader_id = ${personId} OR EXISTS (SELECT 1 FROM group_visit w
        WHERE w.group_id = g.id AND w.person_id = ${personId} AND w.via <> 'list'))
      AND (${endsBefore}::timestamptz IS NULL OR g.deadline_at <= ${endsBefore}::timestamptz)
      AND least(g.price, (SELECT min((t->>'price')::bigint) FROM jsonb_array_elements(g.tiers) t
        WHERE (t->>'seats')::int <= greatest(g.best_seats, g.paid_seats))) <= ${unitPrice}
    ORDER BY greatest(coalesce(g.min_seats, g.size) - g.paid_seats - g.topped_up, 0), g.deadline_at, g.id LIMIT 1`
  return row?.id
}

/** Its money stays where it is until its buyer has said what it shall buy. Call with the order locked. */
export async function awaitChoice(db: Db, orderId: number, until: Date): Promise<void> {
  const rows = await db.$executeRaw`
    UPDATE "order" SET state = 'awaiting_choice', choose_until = ${until}, cancel_reason = NULL
    WHERE id = ${orderId} AND state IN ('awaiting_payment', 'cancelled')`
  if (rows !== 1) throw new Error(`order ${orderId} is not one that was paid too late`)
}

/** A choice was made: exactly one of several at once. @returns false when it was made before, or its time is over. */
export async function endChoice(db: Db, orderId: number, now: Date): Promise<boolean> {
  const rows = await db.$executeRaw`
    UPDATE "order" SET state = 'awaiting_group', choose_until = NULL
    WHERE id = ${orderId} AND state = 'awaiting_choice' AND choose_until > ${now}`
  return rows === 1
}

/** Orders whose buyers have not chosen in time, oldest first. */
export async function findUndecided(db: Db, now: Date, limit: number): Promise<number[]> {
  const rows = await db.$queryRaw<{ id: number }[]>`
    SELECT id FROM "order" WHERE state = 'awaiting_choice' AND choose_until <= ${now}
    ORDER BY choose_until, id LIMIT ${limit}`
  return rows.map(({ id }) => id)
}

/**
 * A seat that was given up goes to another group, where it is counted as taken and paid already. Call with both groups
 * locked, so that whoever knows the old one by its lock is not misled.
 */
export async function moveSeat(db: Db, seatId: number, groupId: number, via: SeatVia): Promise<void> {
  // Units that other terms had set aside are as any others in these.
  const rows = await db.$executeRaw`
    WITH other AS (
      UPDATE reservation r SET from_aside = false FROM seat s, "group" former, "group" g
      WHERE s.id = ${seatId} AND r.order_id = s.order_id AND former.id = s.group_id AND g.id = ${groupId}
        AND former.campaign_id <> g.campaign_id AND r.from_aside)
    UPDATE seat SET group_id = ${groupId}, state = 'paid', was_paid = true, via = ${via}
    WHERE id = ${seatId} AND state = 'released'`
  if (rows !== 1) throw new Error(`seat ${seatId} is not free to move`)
}

/** A draft whose leader has paid already. */
export async function openPaid(db: Db, groupId: number): Promise<void> {
  const rows = await db.$executeRaw`
    UPDATE "group" SET state = 'open', paid_seats = 1, best_seats = greatest(best_seats, 1), version = version + 1
    WHERE id = ${groupId} AND state = 'draft' AND taken_seats = 1`
  if (rows !== 1) throw new Error(`no draft ${groupId}`)
}
