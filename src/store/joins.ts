/**
 * The common purchase of a seat, for many people at once. A group that a channel has just shown is joined by hundreds within
 * a second: one after the other they would wait for its row, for the row of its stock and for the disk. What is asked
 * while such a transaction is under way waits for it and then goes together, in one, where each is decided by itself.
 */
import type { Tier } from '#domain/group-buy.ts'
import type { PaymentMethod, PaymentTerms } from '#domain/payments.ts'
import { inTransaction, together, togetherMax, type Client } from './db.ts'
import { tiersOf, type JsonTier } from './group-buy.ts'
import { type SeatVia, type VisitVia } from './visits.ts'
import { groupCardsJob } from './live-cards.ts'
import type { NewOrder } from './orders.ts'
import { placeJobs } from './payments.ts'
import { enqueueAll } from './queue.ts'

/**
 * All but some of those who wait: what leads to a seat and what follows from it is under way for the others. Fewer than 32 would
 * not be cheaper each, more than any questions go together would keep the next waiting.
 */
const most = (waiting: number) => Math.min(togetherMax, Math.max(32, waiting - 32))

/** What has to be known of a person and a group before a seat can be bought. */
export type JoinFacts = {
  productId: number
  variantId: number
  sellerId: number
  leaderId: number
  tiers: Tier[]
  bestSeats: number
  deadlineAt: Date
  maxUnits: number
  isPublic: boolean
  cities: number[]
  via: VisitVia | null
  recipient: NewOrder['recipient']
  terms: PaymentTerms
  buyer: { refusedAtDoor: number; promises: number }
  feeBasisPoints: number
  postId: number | null
}

type JoinQuestion = { requestKey: string; personId: number; groupId: number; now: Date }

/**
 * @returns undefined where anything is out of the ordinary: no seat free or somebody waits for it, a seat or an order of
 * theirs already, a member of the shop, units set aside. Then each of these has to be asked about by itself.
 */
export const findJoinFacts = together(
  async (db: Client, asked: JoinQuestion[]): Promise<(JoinFacts | undefined)[]> => {
    type Group = { at: number; size: number; price: bigint; tiers: JsonTier[] }
    type Row = Omit<JoinFacts, 'tiers' | 'terms' | 'buyer'> & Group & PaymentTerms & JoinFacts['buyer']
    const questions = JSON.stringify(asked.map((one, at) => ({ at, ...one })))
    const rows = await db.$queryRaw<Row[]>`
    SELECT q.at, facts.*
    FROM json_to_recordset((SELECT ${questions}::json))
      AS q (at int, "requestKey" text, "personId" int, "groupId" int, now timestamptz)
    -- One at a time, each by its keys: joined as sets, all seats of a group or all recipients would be read.
    CROSS JOIN LATERAL (
      SELECT v.product_id AS "productId", g.variant_id AS "variantId", c.seller_id AS "sellerId",
        g.leader_id AS "leaderId", g.size, g.price, g.tiers, greatest(g.best_seats, g.paid_seats) AS "bestSeats",
        g.deadline_at AS "deadlineAt", g.max_units AS "maxUnits", g.is_public AS "isPublic", g.cities,
        (SELECT via FROM group_visit w WHERE w.group_id = g.id AND w.person_id = q."personId") AS via,
        json_build_object('name', r.name, 'phone', r.phone, 'cityCode', r.city_code, 'cityName', r.city_name,
          'pickupPointCode', r.pickup_point_code, 'pickupPointText', r.pickup_point_text) AS recipient,
        se.payment_methods AS methods, se.on_delivery_max AS "onDeliveryMax",
        se.on_delivery_for_groups AS "onDeliveryForGroups", se.fee_basis_points AS "feeBasisPoints",
        (SELECT count(*)::int FROM "order" o WHERE o.person_id = q."personId" AND o.cancel_reason = 'refused-at-door')
          AS "refusedAtDoor",
        (SELECT count(*)::int FROM "order" o JOIN payment p ON p.order_id = o.id AND p.state = 'promised'
          WHERE o.person_id = q."personId") AS promises,
        (SELECT po.post_id FROM post_open po JOIN post ON post.id = po.post_id
          WHERE po.person_id = q."personId" AND post.product_id = v.product_id
            AND po.opened_at > q.now - interval '7 days' ORDER BY po.opened_at DESC LIMIT 1) AS "postId"
      FROM "group" g JOIN campaign c ON c.id = g.campaign_id JOIN variant v ON v.id = g.variant_id
      JOIN campaign_price cp ON cp.campaign_id = g.campaign_id AND cp.variant_id = g.variant_id
      JOIN seller se ON se.id = c.seller_id JOIN recipient r ON r.person_id = q."personId"
      WHERE g.id = q."groupId" AND g.state = 'open' AND g.deadline_at > q.now AND g.taken_seats + g.topped_up + g.in_line < g.size
        AND cp.aside_left = 0
        AND NOT EXISTS (SELECT 1 FROM "order" o WHERE o.request_key = q."requestKey")
        AND NOT EXISTS (SELECT 1 FROM seat s WHERE s.group_id = g.id AND s.person_id = q."personId"
          AND s.state IN ('held', 'paid', 'confirmed'))
        AND NOT EXISTS (SELECT 1 FROM waiting w WHERE w.group_id = g.id AND w.person_id = q."personId"
          AND w.state IN ('waiting', 'offered'))
        AND NOT EXISTS (SELECT 1 FROM seller_member m WHERE m.seller_id = c.seller_id AND m.person_id = q."personId")
      OFFSET 0) facts`
    const facts = new Map<number, JoinFacts>()
    for (const {
      at,
      methods,
      onDeliveryMax,
      onDeliveryForGroups,
      refusedAtDoor,
      promises,
      size,
      price,
      ...row
    } of rows) {
      const terms = { methods, onDeliveryMax, onDeliveryForGroups }
      const tiers = tiersOf({ tiers: row.tiers, size, price })
      facts.set(at, { ...row, tiers, terms, buyer: { refusedAtDoor, promises } })
    }
    return asked.map((_, at) => facts.get(at))
  },
  { most },
)

export type NewJoin = Omit<NewOrder, 'promisedFrom' | 'promisedTo'> & {
  groupId: number
  via: SeatVia
  /** What the price was told from: of a ladder it must still be so. */
  bestSeats: number
  promisedFrom: Date
  promisedTo: Date
  payment: { paymentId: string; provider: string; method: PaymentMethod; twoStage: boolean; amount: bigint }
  /** When a job looks after the payment page, should this process end before it is there. */
  placeAt: Date
  /** Unpaid orders that one person may have at once. */
  unpaidMax: number
  now: Date
}

type Joined = { orderId: number; lineId: number; seatId: number; groupToken: string }

/**
 * Makes order, line, payment, seat and reservation, and counts seat and stock, each for all of its askers in one statement that
 * decides with their rows locked: buyers, groups, then stock, in the order of their keys.
 * @returns what was made; undefined when anything had changed meanwhile: nothing is written for them then.
 */
export const insertJoin = together(
  async (db: Client, joins: NewJoin[]): Promise<(Joined | undefined)[]> => {
    const people = [...new Set(joins.map(({ personId }) => personId))].toSorted((a, b) => a - b)
    const groups = [...new Set(joins.map(({ groupId }) => groupId))]
    const json = JSON.stringify(joins.map(toJson))
    return inTransaction(db, async (tx) => {
      // The people before any group: a condition that no row is part of is looked at before any row.
      const locking = tx.$executeRaw`
      WITH buyers AS MATERIALIZED (
        SELECT pg_advisory_xact_lock(1, person_id) FROM unnest((SELECT ${people}::int[])) person_id)
      SELECT 1 FROM "group" WHERE (SELECT count(*) FROM buyers) > 0 AND id = ANY((SELECT ${groups}::int[])::int[])
      ORDER BY id FOR NO KEY UPDATE`
      // Looks anew, now that nothing of these people and groups can change. On its way before the locks are known to be
      // there: PostgreSQL comes to it only then.
      const making = tx.$queryRaw<(Joined & { at: number })[]>`
      WITH asked AS MATERIALIZED (
        SELECT DISTINCT ON (person_id) * FROM json_to_recordset((SELECT ${json}::json)) AS asked (at int, number text,
          request_key text, person_id int, seller_id int, location_id int, post_id int, unit_price bigint, quantity int,
          delivery_cost bigint, total bigint, currency text, expires_at timestamptz, recipient_name text,
          recipient_phone text, city_code int, city_name text, pickup_point_code text, pickup_point_text text, carrier text,
          tariff_code int, promised_from date, promised_to date, variant_id int, title jsonb, fee_basis_points int,
          group_id int, via text, best_seats int, payment_id uuid, provider text, method text, two_stage boolean,
          unpaid_max int, now timestamptz)
        ORDER BY person_id, at),
      stock AS MATERIALIZED (
        SELECT variant_id, location_id, on_hand - reserved - set_aside AS free FROM stock_level
        WHERE (variant_id, location_id) IN (SELECT variant_id, location_id FROM asked)
        ORDER BY variant_id, location_id FOR NO KEY UPDATE),
      -- Asked one by one, by their keys: as sets, all seats of a group would be read for each.
      allowed AS (
        SELECT asked.*, g.token AS group_token, g.size - g.taken_seats - g.topped_up - g.in_line AS free_seats,
          stock.free AS free_stock
        FROM asked JOIN "group" g ON g.id = asked.group_id AND g.variant_id = asked.variant_id
          JOIN stock ON stock.variant_id = asked.variant_id AND stock.location_id = asked.location_id
        WHERE g.state = 'open' AND g.deadline_at > asked.now
          AND (jsonb_array_length(g.tiers) <= 1 OR greatest(g.best_seats, g.paid_seats) = asked.best_seats)
          AND (SELECT 1 FROM "order" o WHERE o.request_key = asked.request_key LIMIT 1) IS NULL
          AND (SELECT 1 FROM seat s WHERE s.group_id = g.id AND s.person_id = asked.person_id
            AND s.state IN ('held', 'paid', 'confirmed') LIMIT 1) IS NULL
          AND (SELECT 1 FROM waiting w WHERE w.group_id = g.id AND w.person_id = asked.person_id
            AND w.state IN ('waiting', 'offered') LIMIT 1) IS NULL
          AND (SELECT count(*) FROM "order" o WHERE o.person_id = asked.person_id AND o.state = 'awaiting_payment')
            < asked.unpaid_max),
      -- Whoever came first is first, to seats and to units. Their numbers are taken here: what is inserted need not be
      -- joined with what was asked, which PostgreSQL, expecting one row, would do by comparing each with each.
      seated AS MATERIALIZED (
        SELECT nextval('order_id_seq')::int AS order_id, nextval('order_line_id_seq')::int AS line_id,
          nextval('seat_id_seq')::int AS seat_id, in_order.*
        FROM (
          SELECT * FROM (
            SELECT allowed.*, row_number() OVER (PARTITION BY group_id ORDER BY at) AS place,
              sum(quantity) OVER (PARTITION BY variant_id, location_id ORDER BY at) AS units
            FROM allowed) inline_places
          WHERE place <= free_seats AND units <= free_stock ORDER BY at) in_order),
      orders AS (
        INSERT INTO "order" (id, number, request_key, person_id, seller_id, location_id, post_id, state, goods_total,
          delivery_cost, total, currency, expires_at, created_at, recipient_name, recipient_phone, city_code, city_name,
          pickup_point_code, pickup_point_text, carrier, tariff_code, promised_from, promised_to, fee_basis_points)
        SELECT order_id, number, request_key, person_id, seller_id, location_id, post_id, 'awaiting_payment',
          unit_price * quantity, delivery_cost, total, currency, expires_at, now, recipient_name, recipient_phone, city_code,
          city_name, pickup_point_code, pickup_point_text, carrier, tariff_code, promised_from, promised_to, fee_basis_points
        FROM seated),
      lines AS (
        INSERT INTO order_line (id, order_id, variant_id, quantity, unit_price, title)
        SELECT line_id, order_id, variant_id, quantity, unit_price, title FROM seated),
      payments AS (
        INSERT INTO payment (id, order_id, provider, method, two_stage, amount, currency, state, created_at, updated_at)
        SELECT payment_id, order_id, provider, method, two_stage, total, currency, 'created', now, now FROM seated),
      seats AS (
        INSERT INTO seat (id, group_id, person_id, order_id, state, held_until, via, created_at)
        SELECT seat_id, group_id, person_id, order_id, 'held', expires_at, via, now FROM seated),
      counted AS (
        UPDATE "group" g SET taken_seats = taken_seats + more.seats, version = version + 1
        FROM (SELECT group_id, count(*)::int AS seats FROM seated GROUP BY group_id) more WHERE g.id = more.group_id),
      reserved AS (
        UPDATE stock_level s SET reserved = reserved + more.units
        FROM (SELECT variant_id, location_id, sum(quantity)::int AS units FROM seated GROUP BY variant_id, location_id) more
        WHERE s.variant_id = more.variant_id AND s.location_id = more.location_id),
      reservations AS (
        INSERT INTO reservation (order_id, variant_id, location_id, quantity, state, created_at)
        SELECT order_id, variant_id, location_id, quantity, 'held', now FROM seated)
      SELECT at, order_id AS "orderId", line_id AS "lineId", seat_id AS "seatId", group_token AS "groupToken" FROM seated`
      const [made] = await Promise.all([making, locking])
      const joined = new Map(made.map(({ at, ...ids }) => [at, ids]))
      const seated = joins.filter((_, at) => joined.has(at))
      await enqueueAll(tx, [
        ...placeJobs(
          seated.map(({ payment }) => payment.paymentId),
          new Date(Math.max(...seated.map(({ placeAt }) => placeAt.getTime()))),
        ),
        ...[...new Set(seated.map(({ groupId }) => groupId))].map(groupCardsJob),
      ])
      return joins.map((_, at) => joined.get(at))
    })
  },
  { most },
)

const day = (date: Date) => date.toISOString().slice(0, 10)

function toJson(join: NewJoin, at: number): Record<string, unknown> {
  const { recipient, payment } = join
  return {
    at,
    number: join.number,
    request_key: join.requestKey,
    person_id: join.personId,
    seller_id: join.sellerId,
    location_id: join.locationId,
    post_id: join.postId,
    unit_price: join.unitPrice.toString(),
    quantity: join.quantity,
    delivery_cost: join.deliveryCost.toString(),
    total: payment.amount.toString(),
    currency: join.currency,
    expires_at: join.expiresAt,
    recipient_name: recipient.name,
    recipient_phone: recipient.phone,
    city_code: recipient.cityCode,
    city_name: recipient.cityName,
    pickup_point_code: recipient.pickupPointCode,
    pickup_point_text: recipient.pickupPointText,
    carrier: join.carrier,
    tariff_code: join.tariffCode,
    promised_from: day(join.promisedFrom),
    promised_to: day(join.promisedTo),
    variant_id: join.variantId,
    title: join.title,
    fee_basis_points: join.feeBasisPoints,
    group_id: join.groupId,
    via: join.via,
    best_seats: join.bestSeats,
    payment_id: payment.paymentId,
    provider: payment.provider,
    method: payment.method,
    two_stage: payment.twoStage,
    unpaid_max: join.unpaidMax,
    now: join.now,
  }
}
