/**
 * A thousand groups of five whose time is over at once: half are ladders that have enough, half have too few. The real worker
 * closes them and has their holds taken or given back by the sandbox, which answers as a payment company does; then two
 * workers do the same with as many more. Groups, orders and holds are in the database and in the sandbox before the clock runs; webhooks
 * are lost on purpose and nobody has a chat to be told in, because neither is what is measured.
 */
import { randomBytes, randomUUID } from 'node:crypto'
import { availableParallelism, cpus, loadavg } from 'node:os'
import { setTimeout as sleep } from 'node:timers/promises'
import { createYookassa } from '#gateways/yookassa.ts'
import { reconcile } from '#shop/reconciliation.ts'
import { openDatabase, type Client } from '#store/db.ts'
import { freePort } from '#store/postgres.ts'
import { readConfig } from '../../src/config.ts'
import { createDeps } from '../../src/wiring.ts'
import { cpuMs, peakMb, startChild, type Child } from './processes.ts'
import { round, type Report } from './report.ts'
import { onStage, startSandbox } from './stage.ts'

const goalRatio = 1.6
/** What a capture or a void takes, as in `payments.ts`. */
const answerMs = 100
/** Of each worker. */
const calls = 5
const seats = 5
/** Of a ladder's seats: who has paid when the time is over, and how many are enough. */
const [paid, enough] = [5, 3]

type World = {
  db: Client
  env: Record<string, string>
  sandboxUrl: string
  sandbox: Child
  cluster: number
  errors: Record<string, number>
  say: (line: string) => void
}
type Row = {
  groups: number
  per_second: number
  closed_per_second: number
  peak_mb: number | null
  /** Processor time for each second, of each process: 1 is one processor all the time. */
  busy: { workers: number[]; postgres: number; sandbox: number; all: number }
  /** The part of all processors that anybody used, others on this machine included. */
  machine_busy: number
}

export async function benchSettle(say: (line: string) => void, isQuick: boolean): Promise<Report> {
  const groups = isQuick ? 100 : 1000
  const loadBefore = loadavg()[0] ?? 0
  return onStage(async (stage) => {
    const { databaseUrl, cluster, endings } = stage
    say('PostgreSQL and the sandbox …')
    const db = openDatabase(databaseUrl, 8)
    endings.push(() => db.$disconnect())
    const { sandbox, sandboxUrl } = await startSandbox(stage, { SANDBOX_PACE: '0' })
    const env = {
      ...stage.env,
      LOG_LEVEL: 'warn',
      PAYMENT_CALLS: String(calls),
      SANDBOX_PORT: new URL(sandboxUrl).port,
    }
    const world: World = { db, env, sandboxUrl, sandbox, cluster, errors: {}, say }
    await post(`${sandboxUrl}/sim/yookassa/faults`, { kind: 'webhook_lost' })
    for (const match of ['capture', 'cancel'])
      await post(`${sandboxUrl}/sim/yookassa/faults`, { match, kind: 'delay', delay_ms: answerMs })

    const goods = await makeGoods(db)
    say('Warming up …')
    await settle(world, await makeGroups(world, goods, 20), 2)
    say(`${groups} groups with one worker:`)
    const one = await settle(world, await makeGroups(world, goods, groups), 1)
    say(`${groups} groups with two:`)
    const two = await settle(world, await makeGroups(world, goods, groups), 2)
    for (const [what, count] of Object.entries(await findWrong(world))) if (count > 0) world.errors[what] = count

    const ratio = round(two.per_second / one.per_second, 3)
    const errors = Object.values(world.errors).reduce((all, wrong) => all + wrong, 0)
    return {
      bench: 'settle',
      unit: 'groups/s',
      ours: two.per_second,
      baseline: one.per_second,
      ratio,
      p50_ms: null,
      p95_ms: null,
      p99_ms: null,
      peak_mb: Math.max(one.peak_mb ?? 0, two.peak_mb ?? 0),
      errors,
      goal: `two workers >= ${goalRatio} times as fast as one, no error`,
      met: ratio >= goalRatio && errors === 0,
      calls_at_once: calls,
      answer_ms: answerMs,
      processors: availableParallelism(),
      one_worker: one,
      two_workers: two,
      error_kinds: world.errors,
      load_average: { before: round(loadBefore, 2), after: round(loadavg()[0] ?? 0, 2) },
    }
  })
}

function machine(): { idle: number; all: number } {
  const times = cpus().map((one) => one.times)
  const idle = times.reduce((sum, one) => sum + one.idle, 0)
  return { idle, all: times.reduce((sum, one) => sum + one.user + one.nice + one.sys + one.irq, idle) }
}

/** Ids of groups without a gap. */
type Range = { first: number; last: number }

/** Lets their time be over, and waits until every hold was taken or given back. */
async function settle(world: World, { first, last }: Range, workers: number): Promise<Row> {
  const { db, env, sandbox, cluster, errors, say } = world
  const running: Child[] = []
  try {
    for (let at = 0; at < workers; at++) {
      const isUp = (output: string) => output.includes('is up')
      running.push(await startChild('src/worker.ts', { ...env, PORT: String(await freePort()) }, isUp))
    }
    const spent = () => ({
      workers: running.map(({ pid }) => cpuMs(pid)),
      postgres: cpuMs(cluster, true),
      sandbox: cpuMs(sandbox.pid),
    })
    await db.$executeRaw`
      UPDATE "group" SET deadline_at = now() - interval '1 second' WHERE id BETWEEN ${first} AND ${last}`
    const count = last - first + 1
    const left = async () => {
      const [row] = await db.$queryRaw<{ open: number; held: number }[]>`
        SELECT (SELECT count(*)::int FROM "group" WHERE id BETWEEN ${first} AND ${last} AND state = 'open') AS open,
          (SELECT count(*)::int FROM payment p JOIN seat s ON s.order_id = p.order_id
            WHERE s.group_id BETWEEN ${first} AND ${last} AND p.state NOT IN ('captured', 'voided')) AS held`
      return row ?? { open: 1, held: 1 }
    }
    // The clock ticks every five seconds: waiting for it is no work.
    for (const deadline = Date.now() + 30_000; (await left()).open === count && Date.now() < deadline;) await sleep(5)
    const before = spent()
    const machineBefore = machine()
    const startedAt = performance.now()
    let closedAfter = 0
    for (const deadline = Date.now() + 30_000 + count * 500; ; await sleep(50)) {
      const { open, held } = await left()
      if (open === 0 && closedAfter === 0) closedAfter = performance.now() - startedAt
      if (open + held === 0) break
      if (Date.now() < deadline) continue
      errors['groups or holds left'] = (errors['groups or holds left'] ?? 0) + open + held
      break
    }
    const milliseconds = performance.now() - startedAt
    const after = spent()
    const machineAfter = machine()
    const share = (from: number, to: number) => round((to - from) / milliseconds, 2)
    const own = after.workers.map((ms, at) => share(before.workers[at] ?? 0, ms))
    const [database, company] = [share(before.postgres, after.postgres), share(before.sandbox, after.sandbox)]
    const row: Row = {
      groups: count,
      per_second: round((count * 1000) / milliseconds, 1),
      closed_per_second: round((count * 1000) / closedAfter, 1),
      peak_mb: Math.max(...running.map(({ pid }) => peakMb(pid) ?? 0)),
      busy: {
        workers: own,
        postgres: database,
        sandbox: company,
        all: round(own.reduce((all, one) => all + one, 0) + database + company, 2),
      },
      machine_busy: round(1 - (machineAfter.idle - machineBefore.idle) / (machineAfter.all - machineBefore.all), 2),
    }
    say(`  ${row.per_second} a second (closed ${row.closed_per_second}); processors ${JSON.stringify(row.busy)}`)
    await db.$executeRaw`UPDATE shipment SET next_poll_at = NULL`
    for (const worker of running)
      if (worker.complaints() !== '') say(`A worker said:\n${worker.complaints().slice(0, 2000)}`)
    return row
  } finally {
    for (const worker of running) await worker.stop()
    // What the next run is not to pay for: parcels and messages.
    await db.$executeRaw`DELETE FROM graphile_worker._private_jobs`
    await db.$executeRaw`UPDATE notification SET state = 'dropped' WHERE state = 'due'`
    await db.$executeRaw`UPDATE shipment SET next_poll_at = NULL`
  }
}

type Goods = { sellerId: number; locationId: number; campaignId: number; variantId: number; people: number[] }
const price = 100_000n
const delivery = 35_000n

async function makeGoods(db: Client): Promise<Goods> {
  const { id: sellerId } = await db.seller.create({ data: { slug: 'shop', name: 'Лавка', invitation: 'bench-invite' } })
  const place = { kind: 'local_warehouse', title: { ru: 'Склад' }, cityCode: 44, cityName: 'Москва' }
  const { id: locationId } = await db.location.create({ data: { sellerId, externalId: 'main', ...place } })
  const { id: categoryId } = await db.category.create({ data: { slug: 'kettles', title: { ru: 'Чайники' } } })
  const words = { title: { ru: 'Чайник', en: 'Kettle' }, description: {}, words: 'чайник', pictures: ['demo/kettle'] }
  const now = new Date()
  const { id: productId } = await db.product.create({
    data: { sellerId, externalId: '1', categoryId, ...words, updatedAt: now },
  })
  const { id: variantId } = await db.variant.create({
    data: { productId, externalId: '1', options: {}, price: 150_000n, currency: 'RUB', weightGrams: 800 },
  })
  await db.stockLevel.create({ data: { variantId, locationId, onHand: 1_000_000 } })
  const terms = { kind: 'ladder', size: 10, minSeats: enough, lifetimeMinutes: 60, startsAt: now }
  const { id: campaignId } = await db.campaign.create({
    data: { sellerId, productId, ...terms, prices: { create: { variantId, price } } },
  })
  await db.$executeRaw`
    INSERT INTO person (first_name, language, created_at) SELECT 'Anna', 'ru', now() FROM generate_series(1, 500)`
  const people = (await db.person.findMany({ select: { id: true } })).map(({ id }) => id)
  return { sellerId, locationId, campaignId, variantId, people }
}

/** Open groups with everything paid for; every second one needs more seats than it has. */
async function makeGroups(world: World, goods: Goods, count: number): Promise<Range> {
  const { db, sandboxUrl } = world
  const yookassa = createYookassa({
    shopId: '1',
    secretKey: 's',
    endpoint: `${sandboxUrl}/yookassa/v3`,
    timeoutMs: 10_000,
  })
  const holds: { id: string; externalId: string }[] = []
  let missing = count * paid
  const buyer = async () => {
    while (missing > 0) {
      missing -= 1
      const id = randomUUID()
      const lines = [
        { title: 'Чайник', quantity: 1, unitAmount: price, kind: 'goods' as const },
        { title: 'Доставка', quantity: 1, unitAmount: delivery, kind: 'delivery' as const },
      ]
      const made = await yookassa.create({
        key: id,
        method: 'card',
        amount: { amount: price + delivery, currency: 'RUB' },
        twoStage: true,
        description: 'bench',
        returnUrl: 'https://t.me/vmeste_bot',
        receipt: { phone: '+79123456789', lines },
      })
      if (!made.ok) throw new Error(`the sandbox refuses: ${made.detail}`)
      await post(`${sandboxUrl}/sim/yookassa/${made.value.externalId}`, { outcome: 'paid' })
      holds.push({ id, externalId: made.value.externalId })
    }
  }
  await Promise.all(Array.from({ length: 16 }, buyer))

  return db
    .$transaction(
      async (tx) => {
        const [base] = await tx.$queryRaw<{ order: number; group: number }[]>`
        SELECT (SELECT coalesce(max(id), 0) FROM "order") AS order, (SELECT coalesce(max(id), 0) FROM "group") AS group`
        if (!base) throw new Error('an aggregate has a row')
        const { sellerId, locationId, campaignId, variantId, people } = goods
        await tx.$executeRaw`
        CREATE TEMPORARY TABLE plan ON COMMIT DROP AS
        SELECT ${base.order}::int + n::int AS order_id, ${base.group}::int + ((n - 1) / ${paid}::int)::int + 1 AS group_id,
          (${people}::int[])[1 + n % ${people.length}::int] AS person_id, hold.id::uuid AS payment_id, hold."externalId",
          n % ${paid}::int = 1 AS leads
        FROM ROWS FROM (json_to_recordset(${JSON.stringify(holds)}::json) AS (id text, "externalId" text))
          WITH ORDINALITY AS hold (id, "externalId", n)`
        await tx.$executeRaw`
        INSERT INTO "order" (id, number, request_key, person_id, seller_id, location_id, state, goods_total,
          delivery_cost, total, currency, expires_at, created_at, recipient_name, recipient_phone, city_code, city_name,
          pickup_point_code, pickup_point_text, carrier, tariff_code, promised_from, promised_to)
        SELECT order_id, 'B' || order_id, 'bench-' || order_id, person_id, ${sellerId}, ${locationId}, 'awaiting_group',
          ${price}, ${delivery}, ${price + delivery}, 'RUB', now() + interval '1 hour', now(), 'Анна Иванова',
          '+79123456789', 424, 'Казань', 'KAZ4241', 'ул. Баумана, 1', 'cdek', 136, now()::date, now()::date FROM plan`
        await tx.$executeRaw`
        INSERT INTO order_line (order_id, variant_id, quantity, unit_price, title)
        SELECT order_id, ${variantId}, 1, ${price}, '{"ru": "Чайник"}' FROM plan`
        const tiers = JSON.stringify([{ seats: 1, price: price.toString() }])
        await tx.$executeRaw`
        INSERT INTO "group" (id, token, campaign_id, variant_id, leader_id, state, size, min_seats, price, tiers, currency,
          taken_seats, paid_seats, best_seats, deadline_at, created_at)
        SELECT group_id, ${randomBytes(6).toString('hex')} || group_id, ${campaignId}, ${variantId}, person_id, 'open', 10,
          CASE WHEN group_id % 2 = 0 THEN ${enough}::int ELSE ${seats + 1}::int END, ${price}, ${tiers}::jsonb, 'RUB',
          ${paid}, ${paid}, ${paid}, '2099-01-01', now() - interval '1 hour' FROM plan WHERE leads`
        await tx.$executeRaw`
        INSERT INTO seat (group_id, person_id, order_id, state, held_until, created_at, was_paid)
        SELECT group_id, person_id, order_id, 'paid', now(), now(), true FROM plan`
        await tx.$executeRaw`
        INSERT INTO reservation (order_id, variant_id, location_id, quantity, state, created_at)
        SELECT order_id, ${variantId}, ${locationId}, 1, 'held', now() FROM plan`
        await tx.$executeRaw`
        UPDATE stock_level SET reserved = reserved + (SELECT count(*)::int FROM plan) WHERE variant_id = ${variantId}`
        await tx.$executeRaw`
        INSERT INTO payment (id, order_id, provider, method, two_stage, amount, currency, state, external_id, created_at,
          updated_at)
        SELECT payment_id, order_id, 'yookassa', 'card', true, ${price + delivery}, 'RUB', 'held', "externalId", now(), now()
        FROM plan`
        await tx.$executeRaw`
        SELECT setval(pg_get_serial_sequence('"order"', 'id'), (SELECT max(id) FROM "order")),
          setval(pg_get_serial_sequence('"group"', 'id'), (SELECT max(id) FROM "group"))`
        return { first: base.group + 1, last: base.group + count }
      },
      { timeout: 120_000 },
    )
    .then(async (range) => {
      // As autovacuum would within a minute.
      await db.$executeRaw`VACUUM ANALYZE`
      return range
    })
}

type AtProvider = { status: string; amount: { value: string }; metadata: { paymentId?: string } }

/** What is not as it should be when everything is over: our rows, our books, and what the provider says. */
async function findWrong({ db, env, sandboxUrl }: World): Promise<Record<string, number>> {
  const { items } = (await (await fetch(`${sandboxUrl}/sim/yookassa/payments`)).json()) as { items: AtProvider[] }
  const theirs = new Map(items.map((item) => [item.metadata.paymentId ?? '', item.status]))
  const payments = await db.$queryRaw<{ id: string; state: string; isFormed: boolean; wrong: boolean }[]>`
    SELECT p.id::text, p.state, g.state = 'formed' AS "isFormed",
      g.state NOT IN ('formed', 'failed') OR (g.state = 'formed') <> (g.min_seats <= ${paid}::int)
        OR o.state NOT IN ('packable', 'handed_over', 'cancelled') OR (o.state = 'cancelled') = (g.state = 'formed')
        OR (SELECT count(*) FROM payment_move m WHERE m.payment_id = p.id) <> 1
        OR (SELECT count(*) FROM posting t WHERE t.payment_id = p.id) <> CASE g.state WHEN 'formed' THEN 1 ELSE 0 END
        OR (SELECT count(*) FROM notification n WHERE n.key LIKE 'group:' || g.id || ':%:' || s.id) <> 1 AS wrong
    FROM payment p JOIN "order" o ON o.id = p.order_id JOIN seat s ON s.order_id = o.id JOIN "group" g ON g.id = s.group_id`
  const [rest] = await db.$queryRaw<{ unbalanced: number; stock: number }[]>`
    SELECT (SELECT count(*)::int FROM (SELECT FROM entry GROUP BY posting_id HAVING sum(amount) <> 0) e) AS unbalanced,
      (SELECT count(*)::int FROM stock_level s WHERE reserved <> 0
        OR on_hand <> 1000000 - (SELECT count(*) FROM reservation WHERE state = 'consumed')) AS stock`
  // As `npm run reconcile` does, at a time when nothing is too young to be compared.
  const { providers } = createDeps(readConfig(env), db, () => '')
  const now = new Date(Date.now() + 2 * 60_000)
  const since = new Date(now.getTime() - 24 * 3_600_000)
  const { differences } = await reconcile(db, providers, { since, until: now }, now)
  return {
    'seats not at their one right end': payments.filter(({ wrong }) => wrong).length,
    'not as the provider says': payments.filter(
      ({ id, state, isFormed }) =>
        state !== (isFormed ? 'captured' : 'voided') || theirs.get(id) !== (isFormed ? 'succeeded' : 'canceled'),
    ).length,
    'payments at the provider that are not ours': Math.abs(items.length - payments.length),
    'postings that do not sum to zero': rest?.unbalanced ?? 1,
    'stock that is not as sold': rest?.stock ?? 1,
    'differences found by reconcile': differences.length,
  }
}

async function post(url: string, body: object): Promise<void> {
  const headers = { 'content-type': 'application/json' }
  const response = await fetch(url, { method: 'POST', headers, body: JSON.stringify(body) })
  const text = await response.text()
  if (!response.ok) throw new Error(`${url}: ${response.status} ${text}`)
}
