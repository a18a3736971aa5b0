/**
 * Seats taken per second through the whole of `buy` (order, line, payment, page, job, seat, stock, cards), in one group
 * of thousands and over hundreds of small ones, beside a bare transaction with as many callers and connections in the same
 * run: BEGIN, INSERT of a seat, conditional UPDATE of its group, COMMIT. The payment company and the carrier answer at once,
 * because neither is what is measured. PostgreSQL is the embedded one with its defaults: every commit is on the disk.
 */
import { randomBytes, randomUUID } from 'node:crypto'
import { loadavg } from 'node:os'
import pg from 'pg'
import type { Carrier } from '#gateways/carriers.ts'
import type { PaymentProvider } from '#gateways/payments.ts'
import { createYookassa } from '#gateways/yookassa.ts'
import { createCdek } from '#gateways/cdek.ts'
import { buy } from '#shop/checkout.ts'
import type { Deps } from '#shop/deps.ts'
import { openDatabase, type Client } from '#store/db.ts'
import { cpuMs, peakMb } from './processes.ts'
import { percentile, round, type Report } from './report.ts'
import { onStage } from './stage.ts'

/** As many as come when a channel shows a group, and as the parallel tests have at a last seat. */
const callers = 200
/** Ours and the bare loop's: the default of a process of ours. */
const connections = 16
const smallGroups = 500
/** A shop's: those who join small groups do not all wait for one row of stock. */
const products = 50
const goalRatio = 0.6
/**
 * Before anything is measured, of both: a process runs for weeks, and at first node has compiled little of its code and
 * PostgreSQL plans each statement anew on each connection. The more code, the longer that takes.
 */
const warmUpRounds = 3
const pastOrders = 20_000
/** Of small groups there may be any number: a round that takes a fifth of a second tells little. */
const longer = 3

type Case = 'hot' | 'spread'
type Round = { perSecond: number; times: number[]; cpu: { process: number; postgres: number } }
type World = { db: Client; bare: pg.Pool; deps: Deps; cluster: number; errors: Record<string, number> }

export async function benchJoin(say: (line: string) => void, isQuick: boolean): Promise<Report> {
  const hotSeats = isQuick ? 1000 : 5000
  const rounds = isQuick ? 2 : 5
  const loadBefore = loadavg()[0] ?? 0
  return onStage(async ({ databaseUrl, cluster, endings }) => {
    say('PostgreSQL, its goods, groups and people …')
    const db = openDatabase(databaseUrl, connections)
    endings.push(() => db.$disconnect())
    const bare = new pg.Pool({ connectionString: databaseUrl, max: connections })
    bare.on('error', () => undefined) // PostgreSQL ends before it
    endings.push(() => bare.end())
    const world: World = { db, bare, deps: createDeps(db), cluster, errors: {} }

    // More come than there are seats: the last must be refused, and nobody else.
    const tooMany = 50
    const each = { hot: Math.floor((hotSeats - 1) / rounds), spread: Math.floor((hotSeats - 1) / rounds) * longer }
    const people = Math.max(hotSeats + tooMany, (warmUpRounds + rounds) * each.spread)
    const goods = await seed(world, hotSeats, people, warmUpRounds * each.hot)
    say('Warming up …')
    for (let at = 0; at < warmUpRounds; at++) {
      for (const which of ['warmUp', 'spread'] as const) {
        const joins = goods[which].splice(0, which === 'warmUp' ? each.hot : each.spread)
        await takeSeats(world, joins, 'ours', `${which} warm-up ${at}`)
        await takeSeats(world, joins, 'bare', `${which} warm-up ${at}`)
      }
      if (at === 0) await addPast(db)
    }

    const measured: Record<Case, { ours: Round[]; bare: Round[] }> = {
      hot: { ours: [], bare: [] },
      spread: { ours: [], bare: [] },
    }
    for (let at = 0; at < rounds; at++) {
      for (const which of ['hot', 'spread'] as const) {
        const joins = goods[which].slice(at * each[which], (at + 1) * each[which])
        // Who goes first alternates too.
        for (const who of at % 2 === 0 ? (['ours', 'bare'] as const) : (['bare', 'ours'] as const))
          measured[which][who].push(await takeSeats(world, joins, who, `${which} ${at}`))
        const [ours, theirs] = [measured[which].ours.at(-1), measured[which].bare.at(-1)]
        say(
          `  ${which.padEnd(8)}${round(ours?.perSecond ?? 0)} of ${round(theirs?.perSecond ?? 0)} a second; ` +
            `processor ${ours?.cpu.process} + ${ours?.cpu.postgres} of ${theirs?.cpu.process} + ${theirs?.cpu.postgres} ms`,
        )
      }
    }
    say('The last seats, with more people than seats …')
    const rest = goods.hot.slice(rounds * each.hot, hotSeats - 1 + tooMany)
    const full = await refusals(world, rest)
    if (full !== tooMany)
      world.errors['refused for a full group, not as many as came too late'] = Math.abs(full - tooMany)
    for (const [what, count] of Object.entries(await findWrong(world))) if (count > 0) world.errors[what] = count

    const cases = { hot: sum(measured.hot), spread: sum(measured.spread) }
    const lower = cases.hot.ratio <= cases.spread.ratio ? cases.hot : cases.spread
    const errors = Object.values(world.errors).reduce((all, one) => all + one, 0)
    return {
      bench: 'join',
      unit: 'seats/s',
      ours: lower.per_second,
      baseline: lower.baseline,
      ratio: lower.ratio,
      p50_ms: lower.p50_ms,
      p95_ms: lower.p95_ms,
      p99_ms: lower.p99_ms,
      peak_mb: peakMb(process.pid),
      errors,
      goal: `ratio >= ${goalRatio} of a bare transaction in both cases, no oversell, no error`,
      met: lower.ratio >= goalRatio && errors === 0,
      callers,
      connections,
      one_group: { seats: hotSeats, ...cases.hot },
      many_groups: { groups: smallGroups, ...cases.spread },
      error_kinds: world.errors,
      load_average: { before: round(loadBefore, 2), after: round(loadavg()[0] ?? 0, 2) },
    }
  })
}

function sum({ ours, bare }: { ours: Round[]; bare: Round[] }) {
  const mean = (values: number[]) => values.reduce((all, one) => all + one, 0) / values.length
  // Seats over the time that they took, all rounds together.
  const rate = (all: Round[]) => 1 / mean(all.map(({ perSecond }) => 1 / perSecond))
  const times = ours.flatMap((one) => one.times)
  const cpu = (all: Round[]) => ({
    process: round(mean(all.map((one) => one.cpu.process)), 2),
    postgres: round(mean(all.map((one) => one.cpu.postgres)), 2),
  })
  return {
    per_second: round(rate(ours)),
    baseline: round(rate(bare)),
    ratio: round(rate(ours) / rate(bare), 3),
    p50_ms: round(percentile(times, 50), 1),
    p95_ms: round(percentile(times, 95), 1),
    p99_ms: round(percentile(times, 99), 1),
    ratios: ours.map(({ perSecond }, at) => round(perSecond / (bare[at]?.perSecond ?? Number.NaN), 2)),
    /** Processor time of each seat. */
    cpu_ms: cpu(ours),
    bare_cpu_ms: cpu(bare),
  }
}

type Join = { personId: number; groupId: number }

/** So many callers take the next seat each as long as there are any. */
async function takeSeats(world: World, joins: readonly Join[], who: 'ours' | 'bare', label: string): Promise<Round> {
  const { db, deps, bare, cluster, errors } = world
  const times: number[] = []
  const waiting = joins.toReversed()
  const now = new Date()
  const take = async ({ personId, groupId }: Join): Promise<string | undefined> => {
    if (who === 'bare') return takeBare(bare, personId, groupId, now)
    const requestKey = `${label}-${personId}-${groupId}`
    const bought = await buy(db, { personId, requestKey, purchase: { kind: 'join', groupId }, now: new Date() }, deps)
    if (!bought.ok) return `refused: ${bought.reason}`
    return bought.order.payment?.confirmationUrl ? undefined : 'without a payment page'
  }
  const caller = async () => {
    for (let one = waiting.pop(); one; one = waiting.pop()) {
      const startedAt = performance.now()
      const wrong = await take(one).catch((error: unknown) => `threw: ${String(error)}`)
      times.push(performance.now() - startedAt)
      if (wrong !== undefined) errors[`${who}: ${wrong}`] = (errors[`${who}: ${wrong}`] ?? 0) + 1
    }
  }
  const spent = () => ({ process: cpuMs(process.pid), postgres: cpuMs(cluster, true) })
  const before = spent()
  const startedAt = performance.now()
  await Promise.all(Array.from({ length: callers }, caller))
  const seconds = (performance.now() - startedAt) / 1000
  const after = spent()
  const each = (key: keyof typeof before) => round((after[key] - before[key]) / joins.length, 2)
  return { perSecond: joins.length / seconds, times, cpu: { process: each('process'), postgres: each('postgres') } }
}

async function takeBare(pool: pg.Pool, personId: number, groupId: number, now: Date): Promise<string | undefined> {
  const connection = await pool.connect()
  try {
    await connection.query('BEGIN')
    await connection.query({
      name: 'seat',
      text: `INSERT INTO bare_seat (group_id, person_id, state, held_until, created_at)
        VALUES ($1, $2, 'held', $3, $4)`,
      values: [groupId, personId, new Date(now.getTime() + 900_000), now],
    })
    const { rowCount } = await connection.query({
      name: 'group',
      text: `UPDATE bare_group SET taken = taken + 1
        WHERE id = $1 AND state = 'open' AND deadline_at > $2 AND taken < size`,
      values: [groupId, now],
    })
    await connection.query(rowCount === 1 ? 'COMMIT' : 'ROLLBACK')
    return rowCount === 1 ? undefined : 'full'
  } finally {
    connection.release()
  }
}

/** @returns how many were told that the group is full. */
async function refusals({ db, deps, errors }: World, joins: readonly Join[]): Promise<number> {
  const now = new Date()
  const results = await Promise.all(
    joins.map(async ({ personId, groupId }) => {
      const requestKey = `late-${personId}`
      const result = await buy(db, { personId, requestKey, purchase: { kind: 'join', groupId }, now }, deps)
      return result.ok ? 'seated' : result.reason
    }),
  )
  const others = results.filter((result) => result !== 'seated' && result !== 'group-full')
  for (const other of others) errors[`refused: ${other}`] = (errors[`refused: ${other}`] ?? 0) + 1
  return results.filter((result) => result === 'group-full').length
}

function createDeps(db: Client): Deps {
  const yookassa = createYookassa({ shopId: '1', secretKey: 's', endpoint: 'http://127.0.0.1:9', timeoutMs: 1000 })
  const provider: PaymentProvider = {
    ...yookassa,
    create: async ({ key, amount }) => ({
      ok: true,
      value: { externalId: `at-${key}`, state: 'pending', amount, confirmationUrl: `https://pay.example/${key}` },
    }),
  }
  const cdek = createCdek({
    clientId: 'c',
    clientSecret: 's',
    endpoint: 'http://127.0.0.1:9',
    timeoutMs: 1000,
    now: () => Date.now(),
  })
  const carrier: Carrier = {
    ...cdek,
    quote: async () => ({
      ok: true,
      value: [{ tariffCode: 136, title: 'ПВЗ', cost: { amount: 35_000n, currency: 'RUB' }, daysMin: 2, daysMax: 3 }],
    }),
  }
  return {
    db,
    carrier,
    providers: [provider],
    hasInvoices: false,
    returnUrl: (orderId) => `https://t.me/vmeste_bot?start=b_${orderId.toString(36)}`,
    groupUrl: (token) => `https://t.me/vmeste_bot?start=g_${token}`,
    now: () => new Date(),
    newId: randomUUID,
    randomBytes,
    newToken: () => randomBytes(12).toString('base64url'),
  }
}

/** Goods, people who know where their parcels go, open groups whose leaders have paid, and the bare tables beside them. */
async function seed(
  { db, bare }: World,
  hotSeats: number,
  people: number,
  warmUp: number,
): Promise<Record<Case | 'warmUp', Join[]>> {
  const now = new Date()
  const seller = await db.seller.create({ data: { slug: 'shop', name: 'Лавка', invitation: 'bench-invitation' } })
  const location = await db.location.create({
    data: {
      sellerId: seller.id,
      externalId: 'main',
      kind: 'local_warehouse',
      title: { ru: 'Склад' },
      cityCode: 44,
      cityName: 'Москва',
    },
  })
  const category = await db.category.create({ data: { slug: 'kettles', title: { ru: 'Чайники' } } })
  const groupIds: number[] = []
  await db.$executeRaw`
    INSERT INTO person (first_name, language, created_at) SELECT 'Anna', 'ru', now() FROM generate_series(1, ${people})`
  await db.$executeRaw`
    INSERT INTO recipient (person_id, name, phone, city_code, city_name, pickup_point_code, pickup_point_text, updated_at)
    SELECT id, 'Анна Иванова', '+79123456789', 424, 'Казань', 'KAZ4241', 'ул. Баумана, 1', now() FROM person`
  const leader = await db.person.create({ data: { firstName: 'Olga', language: 'ru' } })
  for (let product = 0; product <= products; product++) {
    // The first is what everybody wants; the others have the small groups.
    const groups = product === 0 ? 1 : smallGroups / products
    const size = product === 0 ? hotSeats : Math.ceil(people / smallGroups) + 2
    const { id: productId } = await db.product.create({
      data: {
        sellerId: seller.id,
        externalId: String(product),
        categoryId: category.id,
        title: { ru: `Чайник ${product}`, en: `Kettle ${product}` },
        description: {},
        pictures: ['demo/kettle'],
        words: 'чайник',
        updatedAt: now,
      },
    })
    const { id: variantId } = await db.variant.create({
      data: { productId, externalId: '1', options: {}, price: 150_000n, currency: 'RUB', weightGrams: 800 },
    })
    await db.stockLevel.create({ data: { variantId, locationId: location.id, onHand: 100_000 } })
    const terms = { sellerId: seller.id, productId, size, lifetimeMinutes: 1440, startsAt: now }
    const price = { variantId, price: 100_000n }
    const { id: campaignId } = await db.campaign.create({ data: { ...terms, prices: { create: price } } })
    for (let group = 0; group < groups + (product === 0 ? 1 : 0); group++) {
      // Beside the one that is measured, one to warm up in.
      const seats = product === 0 && group === 1 ? warmUp + 1 : size
      const made = await db.group.create({
        data: {
          token: randomBytes(12).toString('base64url'),
          campaignId,
          variantId,
          leaderId: leader.id,
          state: 'open',
          size: seats,
          price: 100_000n,
          currency: 'RUB',
          takenSeats: 1,
          paidSeats: 1,
          bestSeats: 1,
          deadlineAt: new Date(now.getTime() + 86_400_000),
          createdAt: now,
        },
      })
      groupIds.push(made.id)
    }
  }
  const buyers = await db.person.findMany({ where: { id: { not: leader.id } }, select: { id: true } })
  await bare.query(`
    CREATE TABLE bare_group (id int PRIMARY KEY, size int NOT NULL, taken int NOT NULL CHECK (taken <= size),
      state text NOT NULL, deadline_at timestamptz NOT NULL);
    CREATE TABLE bare_seat (id serial PRIMARY KEY, group_id int NOT NULL REFERENCES bare_group, person_id int NOT NULL,
      state text NOT NULL, held_until timestamptz NOT NULL, created_at timestamptz NOT NULL, UNIQUE (group_id, person_id));
    INSERT INTO bare_group SELECT id, size, taken_seats, state, deadline_at FROM "group";`)
  await db.$executeRaw`ANALYZE`
  const [hot = 0, warm = 0, ...small] = groupIds
  const ids = buyers.map(({ id }) => id)
  return {
    hot: ids.map((personId) => ({ personId, groupId: hot })),
    spread: ids.map((personId, at) => ({ personId, groupId: small[at % small.length] ?? 0 })),
    warmUp: ids.slice(0, warmUp).map((personId) => ({ personId, groupId: warm })),
  }
}

/**
 * What the shop's people bought before, and gave up: in a database without a past PostgreSQL plans for empty tables.
 */
async function addPast(db: Client): Promise<void> {
  await db.$executeRaw`
    WITH template AS (SELECT * FROM "order" ORDER BY id LIMIT 1),
    plan AS (
      SELECT 1000000 + n AS order_id, n, p.id AS person_id, g.id AS group_id, g.variant_id, template.id AS template_id
      FROM generate_series(1, ${pastOrders}::int) n
      JOIN (SELECT id, row_number() OVER (ORDER BY id) - 1 AS at, count(*) OVER () AS all FROM person) p ON p.at = n % p.all
      JOIN (SELECT id, variant_id, row_number() OVER (ORDER BY id) - 1 AS at, count(*) OVER () AS all FROM "group" WHERE size < 100) g
        ON g.at = n % g.all
      CROSS JOIN template),
    orders AS (
      INSERT INTO "order" SELECT (jsonb_populate_record(o, jsonb_build_object('id', plan.order_id, 'number', 'P' || n,
        'request_key', 'past-' || n, 'person_id', plan.person_id, 'state', 'cancelled', 'cancel_reason', 'unpaid',
        'created_at', now() - interval '30 days', 'expires_at', now() - interval '30 days'))).*
      FROM plan JOIN "order" o ON o.id = plan.template_id RETURNING id),
    lines AS (
      INSERT INTO order_line (order_id, variant_id, quantity, unit_price, title)
      SELECT plan.order_id, plan.variant_id, 1, l.unit_price, l.title FROM plan JOIN order_line l ON l.order_id = plan.template_id
      RETURNING 1),
    seats AS (
      INSERT INTO seat (group_id, person_id, order_id, state, held_until, created_at)
      SELECT group_id, person_id, order_id, 'released', now() - interval '30 days', now() - interval '30 days' FROM plan
      RETURNING 1),
    stock AS (
      INSERT INTO reservation (order_id, variant_id, location_id, quantity, state, created_at)
      SELECT plan.order_id, plan.variant_id, r.location_id, 1, 'released', now() - interval '30 days'
      FROM plan JOIN reservation r ON r.order_id = plan.template_id RETURNING 1),
    payments AS (
      INSERT INTO payment SELECT (jsonb_populate_record(p, jsonb_build_object('id', gen_random_uuid(), 'order_id', plan.order_id,
        'external_id', 'past-' || n, 'state', 'failed'))).*
      FROM plan JOIN payment p ON p.order_id = plan.template_id RETURNING id)
    INSERT INTO payment_event (payment_id, kind, amount, at) SELECT id, 'page', 1, now() FROM payments`
  // As autovacuum would within a minute.
  await db.$executeRaw`VACUUM ANALYZE`
}

/** Seats, stock, orders and jobs that do not agree with each other. */
async function findWrong({ db }: World): Promise<Record<string, number>> {
  const [row] = await db.$queryRaw<Record<string, number>[]>`
    SELECT
      (SELECT count(*)::int FROM "group" g WHERE taken_seats + topped_up > size
        OR taken_seats <> 1 + (SELECT count(*) FROM seat s WHERE s.group_id = g.id AND s.state = 'held'))
        AS "groups whose seats are not as counted",
      (SELECT count(*)::int FROM (SELECT FROM seat WHERE state = 'held' GROUP BY group_id, person_id HAVING count(*) > 1) d) AS "doubled seats",
      (SELECT count(*)::int FROM stock_level s WHERE reserved > on_hand OR reserved <> coalesce((SELECT sum(quantity)
        FROM reservation r WHERE r.variant_id = s.variant_id AND r.location_id = s.location_id AND r.state = 'held'), 0))
        AS "stock that is not as promised",
      (SELECT count(*)::int FROM "order" o WHERE o.state <> 'cancelled' AND ((SELECT count(*) FROM seat s WHERE s.order_id = o.id) <> 1
        OR (SELECT count(*) FROM order_line l WHERE l.order_id = o.id) <> 1
        OR (SELECT count(*) FROM reservation r WHERE r.order_id = o.id AND r.state = 'held') <> 1
        OR (SELECT count(*) FROM payment p WHERE p.order_id = o.id AND p.counts AND p.state = 'pending') <> 1
        OR (SELECT count(*) FROM payment p JOIN payment_event e ON e.payment_id = p.id WHERE p.order_id = o.id) <> 1))
        AS "orders that are not whole",
      (SELECT count(*)::int FROM payment p WHERE p.state <> 'failed' AND p.id::text NOT IN (
        SELECT payload ->> 'paymentId' FROM graphile_worker._private_jobs WHERE key LIKE 'place:%' UNION ALL
        SELECT json_array_elements_text(payload -> 'paymentIds') FROM graphile_worker._private_jobs WHERE key LIKE 'places:%'))
        AS "payments without their job",
      (SELECT count(*)::int FROM "group" g WHERE taken_seats > 1 AND NOT EXISTS (
        SELECT 1 FROM graphile_worker._private_jobs j WHERE j.key = 'cards:group:' || g.id)) AS "cards nobody will edit"`
  return row ?? {}
}
