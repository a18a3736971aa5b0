/**
 * Holds, captures and voids through the queue of one worker process, against a sandbox whose YooKassa answers each call in
 * 100 ms. The worker is what `npm run start:worker` starts; orders, groups and jobs are in the database before the clock
 * runs. Beside it, in the same run, a bare `fetch` loop with as many calls under way as the worker may have: nobody gets
 * more calls answered than that. Every job makes one call. Webhooks are lost on purpose, so that only the
 * queue works; nobody has a chat to be told in, because Telegram's pace is not what is measured.
 */
import { randomBytes } from 'node:crypto'
import { loadavg } from 'node:os'
import { setTimeout as sleep } from 'node:timers/promises'
import { importDemo } from '#shop/catalog-import.ts'
import { buy } from '#shop/checkout.ts'
import { closeDueGroups } from '#shop/group-buy.ts'
import { arrive, setRecipient } from '#shop/people.ts'
import { reconcile } from '#shop/reconciliation.ts'
import { openDatabase, type Client } from '#store/db.ts'
import { freePort } from '#store/postgres.ts'
import { readConfig } from '../../src/config.ts'
import { createDeps } from '../../src/wiring.ts'
import { cpuMs, peakMb, rssMb, startChild, type Child } from './processes.ts'
import { percentile, round, type Report } from './report.ts'
import { onStage, startSandbox } from './stage.ts'

/** The configured default first: it is what the goal is about. */
const callsAtOnce = [5, 10] as const
const answerMs = 100
/** A phase of captures or voids lasts about so long; those of holds twice that. */
const phaseSeconds = { default: 20, larger: 10, quick: 4 }
/** Our own code runs at its speed only once it was compiled. */
const warmUpSeconds = 2
const baselineMs = 2500
/** They buy again and again. */
const people = 200
const goalRatio = 0.95
/** From the first to the last quarter of the phases: what the garbage collector has not got to yet is no growth. */
const growthMax = 0.1

/** In the order in which they run; each job of a phase is one call. */
const phases = {
  /** `place-payment`: the payment is created, its page is there. */
  pages: 'place-payment',
  /** `refresh-payment`: the buyer has paid (outside the clock), the money is found held, the seat is theirs. */
  holds: 'refresh-payment',
  /** `move-payment`: groups failed, holds are given back. */
  voids: 'move-payment',
  /** `move-payment`: groups formed, holds are taken. Parcels are asked for afterwards, outside the clock. */
  captures: 'move-payment',
} as const
type PhaseName = keyof typeof phases

type Phase = {
  jobs: number
  per_second: number
  baseline: number
  ratio: number
  p50_ms: number
  p95_ms: number
  p99_ms: number
  /** Processor time of each job. */
  cpu_ms: { worker: number; postgres: number; sandbox: number }
}

export async function benchPayments(say: (line: string) => void, isQuick: boolean): Promise<Report> {
  const loadBefore = loadavg()[0] ?? 0
  return onStage(async (stage) => {
    const { databaseUrl, cluster, endings } = stage
    say('PostgreSQL, the demo catalogue, the sandbox and its people …')
    const db = openDatabase(databaseUrl, 4)
    endings.push(() => db.$disconnect())

    const { sandbox, sandboxUrl } = await startSandbox(stage, { SANDBOX_PACE: '0' })

    const env = {
      ...stage.env,
      LOG_LEVEL: 'warn',
      SANDBOX_PORT: new URL(sandboxUrl).port,
      PORT: String(await freePort()),
    }
    const world: World = { db, env, sandboxUrl, sandbox, cluster, databaseUrl, errors: {}, say }
    const templateId = await makeShop(world)
    await watchJobs(db)
    await post(`${sandboxUrl}/sim/yookassa/faults`, { match: '*', kind: 'delay', delay_ms: answerMs })
    await post(`${sandboxUrl}/sim/yookassa/faults`, { kind: 'webhook_lost' })

    const rows: Row[] = []
    for (const calls of isQuick ? callsAtOnce.slice(0, 1) : callsAtOnce) {
      const seconds = isQuick ? phaseSeconds.quick : rows.length === 0 ? phaseSeconds.default : phaseSeconds.larger
      rows.push(await oneRow(world, templateId, calls, seconds))
    }
    say('The books of both sides …')
    await fetch(`${sandboxUrl}/sim/yookassa/faults`, { method: 'DELETE' })
    const wrong = await findWrong(world)
    for (const [what, count] of Object.entries(wrong)) if (count > 0) world.errors[what] = count
    const [first] = rows
    if (!first) throw new Error('nothing was measured')

    const slowest = Object.values(first.phases).toSorted((a, b) => a.ratio - b.ratio)[0]
    if (!slowest) throw new Error('nothing was measured')
    const errors = Object.values(world.errors).reduce((all, one) => all + one, 0)
    return {
      bench: 'payments',
      unit: 'jobs/s',
      ours: slowest.per_second,
      baseline: slowest.baseline,
      ratio: slowest.ratio,
      p50_ms: slowest.p50_ms,
      p95_ms: slowest.p95_ms,
      p99_ms: slowest.p99_ms,
      peak_mb: first.memory.peak_mb,
      errors,
      goal: `ratio >= ${goalRatio} of a bare loop in each phase, memory grows by at most ${growthMax * 100} %`,
      met: slowest.ratio >= goalRatio && first.memory.growth <= growthMax && errors === 0,
      ...Object.fromEntries(
        rows.flatMap(({ calls, phases: measured, memory }) => [
          ...Object.entries(measured).map(([name, phase]) => [`${name}_by_${calls}`, phase]),
          [`memory_by_${calls}`, memory],
        ]),
      ),
      error_kinds: world.errors,
      load_average: { before: round(loadBefore, 2), after: round(loadavg()[0] ?? 0, 2) },
    }
  })
}

type World = {
  db: Client
  env: Record<string, string>
  sandboxUrl: string
  sandbox: Child
  cluster: number
  databaseUrl: string
  errors: Record<string, number>
  say: (line: string) => void
}

type Row = {
  calls: number
  phases: Record<PhaseName, Phase>
  memory: { peak_mb: number | null; first_quarter_mb: number; last_quarter_mb: number; growth: number }
}

/** One worker with so many calls at once, from its start to its end. */
async function oneRow(world: World, templateId: number, calls: number, seconds: number): Promise<Row> {
  const { db, env, say } = world
  const perSecond = (calls * 1000) / answerMs
  say(`Up to ${calls} calls under way, ${seconds} s and more for each phase:`)
  const isUp = (output: string) => output.includes('is up')
  const worker = await startChild('src/worker.ts', { ...env, PAYMENT_CALLS: String(calls) }, isUp)
  try {
    await allPhases(world, worker, await makeOrders(db, templateId, warmUpSeconds * perSecond), calls)
    const orders = await makeOrders(db, templateId, seconds * perSecond)
    const samples: number[] = []
    const sampling = setInterval(() => samples.push(rssMb(worker.pid) ?? Number.NaN), 200)
    const measured = await allPhases(world, worker, orders, calls).finally(() => clearInterval(sampling))
    const quarter = Math.floor(samples.length / 4)
    const mean = (part: number[]) => part.reduce((all, one) => all + one, 0) / part.length
    const [from, to] = [mean(samples.slice(0, quarter)), mean(samples.slice(-quarter))]
    const memory = {
      peak_mb: peakMb(worker.pid),
      first_quarter_mb: round(from),
      last_quarter_mb: round(to),
      growth: round(to / from - 1, 3),
    }
    // Parcels stand still here, and asking after thousands of them would be the next row's burden.
    await db.$executeRaw`UPDATE shipment SET next_poll_at = NULL`
    await untilIdle(db)
    if (worker.complaints() !== '') say(`The worker said:\n${worker.complaints().slice(0, 2000)}`)
    return { calls, phases: measured, memory }
  } finally {
    await worker.stop()
  }
}

/** @param orders ids as `makeOrders` gave them. */
async function allPhases(
  world: World,
  worker: Child,
  orders: Orders,
  calls: number,
): Promise<Record<PhaseName, Phase>> {
  const { db } = world
  const all = { first: orders.first, last: orders.last }
  await db.$executeRaw`
    SELECT graphile_worker.add_job('place-payment', json_build_object('paymentId', id), job_key => 'place:' || id)
    FROM payment WHERE order_id BETWEEN ${all.first} AND ${all.last} ORDER BY order_id`
  const pages = await onePhase(world, worker, calls, 'pages', all)

  await payAll(world, all)
  await db.$executeRaw`
    SELECT graphile_worker.add_job('refresh-payment', json_build_object('paymentId', id), job_key => 'refresh:' || id)
    FROM payment WHERE order_id BETWEEN ${all.first} AND ${all.last} ORDER BY order_id`
  const holds = await onePhase(world, worker, calls, 'holds', all)

  const alone = { first: orders.firstAlone, last: orders.last }
  await db.$executeRaw`
    UPDATE "group" SET deadline_at = now() - interval '1 second', created_at = now() - interval '1 minute'
    WHERE id IN (SELECT group_id FROM seat WHERE order_id BETWEEN ${alone.first} AND ${alone.last})`
  while ((await closeDueGroups(db, new Date())) > 0);
  const voids = await onePhase(world, worker, calls, 'voids', alone)
  const captures = await onePhase(world, worker, calls, 'captures', { first: all.first, last: alone.first - 1 })
  return { pages, holds, voids, captures }
}

/** Lets go of the phase's jobs, which wait for it, and waits until the last of them is done. */
async function onePhase(
  world: World,
  worker: Child,
  calls: number,
  name: PhaseName,
  { first, last }: { first: number; last: number },
): Promise<Phase> {
  const { db, cluster, sandbox, errors, say } = world
  await untilIdle(db)
  const before = await bareCalls(world, calls)
  const cpu = () => ({
    worker: cpuMs(worker.pid),
    postgres: cpuMs(cluster, true),
    sandbox: cpuMs(sandbox.pid),
  })
  const spentBefore = cpu()
  await db.$executeRaw`TRUNCATE bench_job`
  // In the order in which they came, and announced as `add_jobs` does.
  const [release] = await db.$queryRaw<{ at: Date; jobs: number }[]>`
    WITH released AS (
      UPDATE graphile_worker._private_jobs SET run_at = now() - interval '1 hour' + id * interval '1 microsecond'
      WHERE task_id = (SELECT id FROM graphile_worker._private_tasks WHERE identifier = ${phases[name]})
        AND run_at > now() AND (payload ->> 'paymentId' IN (
            SELECT id::text FROM payment WHERE order_id BETWEEN ${first} AND ${last})
          OR payload ->> 'moveId' IN (SELECT m.id::text FROM payment_move m JOIN payment p ON p.id = m.payment_id
            WHERE p.order_id BETWEEN ${first} AND ${last}))
      RETURNING 1),
    counted AS (SELECT count(*)::int AS jobs FROM released)
    SELECT clock_timestamp() AS at, jobs FROM counted, pg_notify('jobs:insert', json_build_object('count', 1000)::text)`
  const { at, jobs } = release ?? { at: new Date(), jobs: 0 }
  if (jobs !== last - first + 1) fail(errors, `${name}: jobs missing`, last - first + 1 - jobs)

  const deadline = Date.now() + 20_000 + (jobs * answerMs * 5) / calls
  for (let done = 0; done < jobs; await sleep(100)) {
    const [row] = await db.$queryRaw<{ done: number }[]>`
      SELECT count(*)::int AS done FROM bench_job WHERE task = ${phases[name]}`
    done = row?.done ?? 0
    if (Date.now() < deadline) continue
    fail(errors, `${name}: jobs left`, jobs - done)
    break
  }
  const spent = cpu()
  const finished = await db.$queryRaw<{ ms: number; doneMs: number; attempts: number }[]>`
    SELECT extract(epoch FROM done - taken)::float8 * 1000 AS ms, extract(epoch FROM done - ${at})::float8 * 1000 AS "doneMs",
      attempts
    FROM bench_job WHERE task = ${phases[name]}`
  fail(errors, `${name}: jobs tried again`, finished.filter(({ attempts }) => attempts > 1).length)
  await untilIdle(db)
  const after = await bareCalls(world, calls)
  const baseline = (before + after) / 2
  const perSecond = finished.length / (Math.max(...finished.map(({ doneMs }) => doneMs)) / 1000)
  const times = finished.map(({ ms }) => ms)
  const each = (who: keyof typeof spent) => round((spent[who] - spentBefore[who]) / finished.length, 2)
  const ratio = round(perSecond / baseline, 3)
  say(
    `  ${name.padEnd(9)}${jobs} jobs, ${round(perSecond, 1)} of ${round(baseline, 1)} a second: ${ratio}; cpu ${each('worker')} ms`,
  )
  return {
    jobs: finished.length,
    per_second: round(perSecond, 1),
    baseline: round(baseline, 1),
    ratio,
    p50_ms: round(percentile(times, 50)),
    p95_ms: round(percentile(times, 95)),
    p99_ms: round(percentile(times, 99)),
    cpu_ms: { worker: each('worker'), postgres: each('postgres'), sandbox: each('sandbox') },
  }
}

function fail(errors: Record<string, number>, what: string, times: number): void {
  if (times !== 0) errors[what] = (errors[what] ?? 0) + Math.abs(times)
}

/** Calls a second of a loop that does nothing else, with so many under way: what the concurrency allows. */
async function bareCalls({ sandboxUrl }: World, calls: number): Promise<number> {
  const headers = { authorization: `Basic ${Buffer.from('1:s').toString('base64')}` }
  let answered = 0
  const startedAt = performance.now()
  const caller = async () => {
    while (performance.now() - startedAt < baselineMs) {
      const response = await fetch(`${sandboxUrl}/yookassa/v3/me`, { headers })
      await response.arrayBuffer()
      answered += 1
    }
  }
  await Promise.all(Array.from({ length: calls }, caller))
  return answered / ((performance.now() - startedAt) / 1000)
}

/** Nothing is to be done but what waits for its phase. */
async function untilIdle(db: Client): Promise<void> {
  for (const deadline = Date.now() + 120_000; ; await sleep(100)) {
    const [row] = await db.$queryRaw<{ left: number }[]>`
      SELECT count(*)::int AS left FROM graphile_worker._private_jobs WHERE run_at < '2099-01-01'`
    if (row?.left === 0) return
    if (Date.now() > deadline) throw new Error(`${row?.left ?? 0} jobs are still in the queue`)
  }
}

/** Buyers pay on the provider's page. */
async function payAll({ db, sandboxUrl }: World, { first, last }: { first: number; last: number }): Promise<void> {
  const waiting = await db.$queryRaw<{ externalId: string }[]>`
    SELECT external_id AS "externalId" FROM payment WHERE order_id BETWEEN ${first} AND ${last} AND state = 'pending'`
  const payer = async () => {
    for (let one = waiting.pop(); one; one = waiting.pop())
      await post(`${sandboxUrl}/sim/yookassa/${one.externalId}`, { outcome: 'paid' })
  }
  await Promise.all(Array.from({ length: 8 }, payer))
}

/**
 * Notifications are over when they begin. Jobs about payments wait until their phase begins, and those that were taken leave a line when they end: when, after how
 * long, at which attempt. By PostgreSQL's clock and on its account: a trigger costs less than a tenth of a job.
 */
async function watchJobs(db: Client): Promise<void> {
  await db.$executeRaw`
    CREATE FUNCTION bench_untold() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
      NEW.state := 'dropped'; RETURN NEW; END $$`
  await db.$executeRaw`
    CREATE TRIGGER bench_untold BEFORE INSERT ON notification FOR EACH ROW EXECUTE FUNCTION bench_untold()`
  await db.$executeRaw`
    CREATE UNLOGGED TABLE bench_job (task text, attempts int, taken timestamptz, done timestamptz DEFAULT clock_timestamp())`
  await db.$executeRaw`
    CREATE FUNCTION bench_wait() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
      NEW.run_at := '2100-01-01'; RETURN NEW; END $$`
  await db.$executeRaw`
    CREATE TRIGGER bench_wait BEFORE INSERT ON graphile_worker._private_jobs FOR EACH ROW
    WHEN (NEW.key LIKE 'place:%' OR NEW.key LIKE 'move:%' OR NEW.key LIKE 'refresh:%-%-%') EXECUTE FUNCTION bench_wait()`
  await db.$executeRaw`
    CREATE FUNCTION bench_done() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
      INSERT INTO bench_job (task, attempts, taken)
        SELECT identifier, OLD.attempts, OLD.locked_at FROM graphile_worker._private_tasks WHERE id = OLD.task_id;
      RETURN NULL; END $$`
  await db.$executeRaw`
    CREATE TRIGGER bench_done AFTER DELETE ON graphile_worker._private_jobs FOR EACH ROW
    WHEN (OLD.key LIKE 'place:%' OR OLD.key LIKE 'move:%' OR OLD.key LIKE 'refresh:%-%-%') EXECUTE FUNCTION bench_done()`
}

/** The demo catalogue, people, and one order as `buy` makes it. @returns that order's id. */
async function makeShop({ db, env }: World): Promise<number> {
  const now = new Date()
  const deps = createDeps(readConfig(env), db, () => 'vmeste_bot')
  await importDemo(db, { now, newToken: () => randomBytes(12).toString('base64url') })
  await db.$executeRaw`UPDATE stock_level SET on_hand = 1000000`

  await db.$executeRaw`
    INSERT INTO person (first_name, language, created_at) SELECT 'Anna', 'ru', now() FROM generate_series(1, ${people})`

  const who = { messenger: 'telegram', externalId: '1', firstName: 'Anna', languageCode: 'ru' }
  const visitor = await arrive(db, { ...who, updateId: 'first', opensChat: true }, now)
  if (!visitor) throw new Error('a first update is handled')
  const { personId } = visitor
  const recipient = { name: 'Анна Иванова', phone: '+79123456789', cityCode: 424, cityName: 'Казань' }
  const pickup = { pickupPointCode: 'KAZ4241', pickupPointText: 'ул. Баумана, 1' }
  await setRecipient(db, personId, { ...recipient, ...pickup }, now)
  const prices = await db.campaignPrice.findMany({ select: { variantId: true }, orderBy: { variantId: 'asc' } })
  for (const { variantId } of prices) {
    const purchase = { kind: 'own-group', variantId } as const
    const bought = await buy(db, { personId, requestKey: `template-${variantId}`, purchase, now }, deps)
    // Its own job would look a little later whether the page is there.
    if (bought.ok) await db.$executeRaw`DELETE FROM graphile_worker._private_jobs`
    if (bought.ok) return bought.order.orderId
  }
  throw new Error('nothing in the demo catalogue can be bought together')
}

/** Ids of orders without a gap. A quarter opened a group, a quarter joined those; the rest opened one that nobody joins. */
type Orders = { first: number; firstAlone: number; last: number }

/** Copies of one order in the state in which `buy` leaves it, spread over everything that its seller sells together. */
async function makeOrders(db: Client, templateId: number, half: number): Promise<Orders> {
  const pairs = Math.ceil(half / 2)
  const count = pairs * 4
  const orders = await db.$transaction(async (tx) => {
    const [base] = await tx.$queryRaw<{ order: number; group: number; seat: number }[]>`
      SELECT (SELECT max(id) FROM "order") AS order, (SELECT max(id) FROM "group") AS group, (SELECT max(id) FROM seat) AS seat`
    if (!base) throw new Error('an aggregate has a row')
    await tx.$executeRaw`
      CREATE TEMPORARY TABLE plan ON COMMIT DROP AS
      WITH goods AS (
        SELECT cp.campaign_id, cp.variant_id, row_number() OVER (ORDER BY cp.variant_id) - 1 AS at, count(*) OVER () AS all
        FROM campaign_price cp JOIN stock_level s ON s.variant_id = cp.variant_id
        JOIN "order" o ON o.id = ${templateId} AND o.location_id = s.location_id),
      buyers AS (
        SELECT id AS person_id, row_number() OVER (ORDER BY id) - 1 AS at, count(*) OVER () AS all FROM person
        WHERE id NOT IN (SELECT person_id FROM identity)),
      numbers AS (
        SELECT n, n > ${pairs}::int AND n <= ${pairs * 2}::int AS joins,
          CASE WHEN n <= ${pairs}::int THEN n ELSE n - ${pairs}::int END AS g
        FROM generate_series(1, ${count}::int) n)
      SELECT n, joins, ${base.order}::int + n AS order_id, ${base.seat}::int + n AS seat_id, ${base.group}::int + g AS group_id,
        n <= ${pairs * 2}::int AS fills, campaign_id, variant_id, person_id
      FROM numbers JOIN goods ON goods.at = g % goods.all
      JOIN buyers ON buyers.at = (g + joins::int) % buyers.all`
    await tx.$executeRaw`
      INSERT INTO "order" SELECT (jsonb_populate_record(o, jsonb_build_object('id', order_id, 'number', 'B' || order_id,
        'request_key', 'bench-' || order_id, 'person_id', plan.person_id, 'expires_at', now() + interval '3 hours',
        'created_at', now()))).*
      FROM plan JOIN "order" o ON o.id = ${templateId}`
    await tx.$executeRaw`
      INSERT INTO order_line (order_id, variant_id, quantity, unit_price, title)
      SELECT plan.order_id, plan.variant_id, l.quantity, l.unit_price, l.title
      FROM plan JOIN order_line l ON l.order_id = ${templateId}`
    await tx.$executeRaw`
      INSERT INTO "group" SELECT (jsonb_populate_record(g, jsonb_build_object('id', plan.group_id, 'token', 'bench' || plan.group_id,
        'campaign_id', plan.campaign_id, 'variant_id', plan.variant_id, 'leader_id', plan.person_id, 'size', 2,
        'taken_seats', CASE WHEN fills THEN 2 ELSE 1 END, 'created_at', now(), 'deadline_at', now() + interval '3 hours'))).*
      FROM plan JOIN seat s ON s.order_id = ${templateId} JOIN "group" g ON g.id = s.group_id WHERE NOT joins`
    await tx.$executeRaw`
      INSERT INTO seat SELECT (jsonb_populate_record(s, jsonb_build_object('id', plan.seat_id, 'group_id', plan.group_id,
        'person_id', plan.person_id, 'order_id', plan.order_id, 'created_at', now(), 'held_until', now() + interval '3 hours'))).*
      FROM plan JOIN seat s ON s.order_id = ${templateId}`
    await tx.$executeRaw`
      INSERT INTO reservation (order_id, variant_id, location_id, quantity, state, created_at)
      SELECT plan.order_id, plan.variant_id, r.location_id, r.quantity, 'held', now()
      FROM plan JOIN reservation r ON r.order_id = ${templateId}`
    await tx.$executeRaw`
      UPDATE stock_level s SET reserved = s.reserved + sold.count
      FROM (SELECT variant_id, count(*)::int AS count FROM plan GROUP BY variant_id) sold
      WHERE s.variant_id = sold.variant_id AND s.location_id = (SELECT location_id FROM "order" WHERE id = ${templateId})`
    await tx.$executeRaw`
      INSERT INTO payment (id, order_id, provider, method, two_stage, amount, currency, state, created_at, updated_at)
      SELECT gen_random_uuid(), plan.order_id, p.provider, 'card', true, p.amount, p.currency, 'created', now(), now()
      FROM plan JOIN payment p ON p.order_id = ${templateId}`
    await tx.$executeRaw`
      SELECT setval(pg_get_serial_sequence('"order"', 'id'), (SELECT max(id) FROM "order")),
        setval(pg_get_serial_sequence('"group"', 'id'), (SELECT max(id) FROM "group")),
        setval(pg_get_serial_sequence('seat', 'id'), (SELECT max(id) FROM seat))`
    return { first: base.order + 1, firstAlone: base.order + pairs * 2 + 1, last: base.order + count }
  })
  // As autovacuum would within a minute.
  await db.$executeRaw`ANALYZE`
  return orders
}

type AtProvider = { id: string; status: string; amount: { value: string }; metadata: { paymentId?: string } }

/** What is not as it should be when everything is over: our rows, our books, and what the provider says. */
async function findWrong({ db, env, sandboxUrl }: World): Promise<Record<string, number>> {
  const payments = await db.$queryRaw<
    { id: string; state: string; order: string; externalId: string; amount: bigint; taken: number; moves: number }[]
  >`
    SELECT p.id::text, p.state, o.state AS order, p.external_id AS "externalId", p.amount,
      (SELECT count(*)::int FROM posting g WHERE g.payment_id = p.id AND g.kind = 'taken') AS taken,
      (SELECT count(*)::int FROM payment_move m WHERE m.payment_id = p.id AND m.state = 'done') AS moves
    FROM payment p JOIN "order" o ON o.id = p.order_id WHERE o.request_key LIKE 'bench-%'`
  const { items } = (await (await fetch(`${sandboxUrl}/sim/yookassa/payments`)).json()) as { items: AtProvider[] }
  const byKey = new Map<string, AtProvider[]>()
  for (const item of items) {
    const key = item.metadata.paymentId ?? ''
    byKey.set(key, [...(byKey.get(key) ?? []), item])
  }
  let [doubled, notTheirs, unfinished] = [0, 0, 0]
  for (const { id, state, order, externalId, amount, taken, moves } of payments) {
    const [theirs, ...more] = byKey.get(id) ?? []
    doubled += more.length + Math.max(0, taken - 1) + Math.max(0, moves - 1)
    const isTaken = state === 'captured'
    if (!isTaken && state !== 'voided') unfinished += 1
    else if (order !== (isTaken ? 'packable' : 'cancelled') && order !== (isTaken ? 'handed_over' : '')) unfinished += 1
    const isSame = theirs?.id === externalId && theirs.status === (isTaken ? 'succeeded' : 'canceled')
    const kopecks = BigInt(theirs?.amount.value.replace('.', '') ?? 0)
    if (!isSame || kopecks !== amount || (taken === 1) !== isTaken) notTheirs += 1
  }
  const [books] = await db.$queryRaw<{ unbalanced: number }[]>`
    SELECT count(*)::int AS unbalanced FROM (SELECT FROM entry GROUP BY posting_id HAVING sum(amount) <> 0) wrong`
  const [queue] = await db.$queryRaw<
    { left: number }[]
  >`SELECT count(*)::int AS left FROM graphile_worker._private_jobs`
  // As `npm run reconcile` does, at a time when nothing is too young to be compared.
  const { providers } = createDeps(readConfig(env), db, () => '')
  const now = new Date(Date.now() + 2 * 60_000)
  const since = new Date(now.getTime() - 24 * 3_600_000)
  const { differences } = await reconcile(db, providers, { since, until: now }, now)
  return {
    'taken or given back twice': doubled,
    'not as the provider says': notTheirs,
    'not at their end': unfinished,
    'postings that do not sum to zero': books?.unbalanced ?? 1,
    'jobs left': queue?.left ?? 1,
    'differences found by reconcile': differences.length,
  }
}

async function post(url: string, body: object): Promise<void> {
  const headers = { 'content-type': 'application/json' }
  const response = await fetch(url, { method: 'POST', headers, body: JSON.stringify(body) })
  const text = await response.text()
  if (!response.ok) throw new Error(`${url}: ${response.status} ${text}`)
}
