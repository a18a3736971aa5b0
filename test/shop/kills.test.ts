/**
 * The process is killed at every await of authorise, capture, void and refund: before each statement and each call to the
 * provider, and after its effect but before its answer. What a killed process leaves behind is left here too: its
 * promise never goes on and its connection is gone, so that PostgreSQL rolls its transaction back.
 */
import { AsyncLocalStorage } from 'node:async_hooks'
import pg from 'pg'
import { afterAll, expect, test, vi } from 'vitest'
import type { PaymentProvider } from '#gateways/payments.ts'
import { buy } from '#shop/checkout.ts'
import type { Deps } from '#shop/deps.ts'
import { freeJobsOfDeadWorkers } from '#shop/jobs.ts'
import { cancelOrder } from '#shop/orders.ts'
import { finishPlacingPayment, movePayment, paymentHinted } from '#shop/payments.ts'
import { refund } from '#shop/refunds.ts'
import { openDatabase } from '#store/db.ts'
import type { ProviderTruth, RefundTruth } from './invariants.ts'
import { useShop, type Goods } from './support.ts'

const shop = useShop()
// Some two hundred lives and deaths.
vi.setConfig({ testTimeout: 120_000 })

/** One process: it lives until it reaches a fault point. */
type Life = {
  /** Fault points passed so far. */
  points: number
  /** Dies when it reaches this one. */
  diesAt: number
  isDead: boolean
  /** Connections with something of its under way: they go with it. */
  uses: Set<Driver>
  end: () => void
}
const lives = new AsyncLocalStorage<Life>()
/** One promise for all would keep everything that waits for it: each of the dead with its database. */
const never = (): Promise<never> => new Promise(() => undefined)

const nobodyWaits = (): void => undefined

/** One await: a point before its effect, and one after an effect that outlives a transaction. */
async function awaited<T>(effect: () => Promise<T>, isLasting: () => boolean): Promise<T> {
  const life = lives.getStore()
  if (!life) return effect()
  const pass = () => {
    if (!life.isDead && ++life.points === life.diesAt) {
      life.isDead = true
      life.uses.forEach(cutOff)
      life.end()
    }
    return !life.isDead
  }
  if (!pass()) return never()
  const result = await effect()
  if (life.isDead) return never()
  // What a transaction did is gone with it either way: there the point after is the one before the next statement.
  return !isLasting() || pass() ? result : never()
}

/** The server sees what it sees when a process is gone. */
function cutOff(driver: Driver): void {
  driver.on('error', () => undefined)
  driver.connection.stream.destroy()
}

function isRead(text: string): boolean {
  return /^\s*SELECT\b/i.test(text) && !/graphile_worker\.|advisory/.test(text)
}

/** Every statement of every driver passes here; those of a life are its fault points. */
type Query = (this: Driver, ...args: unknown[]) => unknown
type Driver = pg.Client & { connection: { stream: { destroy(): void } } }
type Callback = (error: Error | null, result?: unknown) => void
const prototype = pg.Client.prototype as unknown as { query: Query }
const { query } = prototype
const inTransaction = new WeakSet<Driver>()
prototype.query = function (this: Driver, ...args: unknown[]): unknown {
  const life = lives.getStore()
  if (!life) return query.apply(this, args)
  life.uses.add(this)
  if (life.isDead) cutOff(this)
  const [first] = args
  const text = typeof first === 'string' ? first : (first as { text: string }).text
  const isCallback = (arg: unknown): arg is Callback => typeof arg === 'function'
  const ask = (): Promise<unknown> =>
    new Promise((resolve, reject) => {
      const told: Callback = (error, result) => (error ? reject(error) : resolve(result))
      query.apply(this, [...args.filter((arg) => !isCallback(arg)), told])
    })
  const isLasting = () => {
    if (/^BEGIN/i.test(text)) inTransaction.add(this)
    if (/^(COMMIT|ROLLBACK)/i.test(text)) inTransaction.delete(this)
    if (inTransaction.has(this)) return false
    life.uses.delete(this)
    return !isRead(text)
  }
  const answer = awaited(ask, isLasting)
  const callback = args.find(isCallback)
  if (!callback) return answer
  answer.then(
    (result) => callback(null, result),
    (error: Error) => callback(error),
  )
  return undefined
}

afterAll(() => {
  prototype.query = query
})

/** Lives through some work in a process of its own, until it dies at a fault point. */
async function live(diesAt: number, work: (deps: Deps) => Promise<unknown>): Promise<Life> {
  // Its own, for what a process asks together is lost together. It is not waited for: the dead never give back what they hold.
  const db = openDatabase(shop.url, 4)
  const life: Life = { points: 0, diesAt, isDead: false, uses: new Set(), end: nobodyWaits }
  try {
    await new Promise<void>((resolve, reject) => {
      life.end = resolve
      lives.run(life, () => {
        // A transaction of the dead times out some time; nobody is there to hear of it.
        work({ ...shop.deps, db, providers: shop.deps.providers.map(mortal) }).then(() => resolve(), reject)
      })
    })
    return life
  } finally {
    void db.$disconnect()
    // Timeouts of calls to the provider remember the life that made them, for as long as they are.
    life.end = nobodyWaits
    life.uses.clear()
  }
}

/** A company whose calls are fault points. */
function mortal(provider: PaymentProvider): PaymentProvider {
  return new Proxy(provider, {
    get(target, key) {
      const value: unknown = Reflect.get(target, key)
      if (typeof value !== 'function' || key === 'webhookHint') return value
      const call = value as (...args: unknown[]) => Promise<unknown>
      return (...args: unknown[]) =>
        awaited(
          () => call.apply(target, args),
          () => true,
        )
    },
  })
}

/** The job as graphile-worker holds it while it runs: in the name of a worker that dies with the process. */
async function asJob(key: string, deps: Deps, run: () => Promise<void>): Promise<void> {
  const { db } = deps
  const [job] = await db.$queryRaw<{ id: string }[]>`
    UPDATE graphile_worker._private_jobs SET locked_at = now(), locked_by = ${`worker ${key}`}, attempts = attempts + 1
    WHERE key = ${key} RETURNING id::text`
  await run()
  if (job) await db.$executeRaw`SELECT 1 FROM graphile_worker.complete_jobs(ARRAY[${job.id}::bigint])`
}

/** Everything that can be seen of an order's end, from every side. */
async function endOf(orderId: number, provider: { payments: ProviderTruth[]; refunds: RefundTruth[] }) {
  const { personId, payments } = await shop.db.order.findUniqueOrThrow({
    where: { id: orderId },
    include: { payments: true },
  })
  const ids = new Set<string | null>(payments.map(({ id }) => id))
  const truth = provider.payments.filter(({ metadata }) => ids.has(metadata.paymentId ?? ''))
  const refunds = provider.refunds.filter(({ payment_id }) => truth.some(({ id }) => id === payment_id))
  const postings = await shop.db.posting.findMany({ where: { orderId }, orderBy: { id: 'asc' } })
  return {
    ...(await shop.stateOf(orderId)),
    atProvider: truth.map(({ status, amount }) => `${status} ${amount.value}`),
    refunds: refunds.map(({ status, amount }) => `${status} ${amount.value}`),
    books: postings.map(({ kind }) => kind),
    story: await shop.story(orderId),
    told: await shop.told(personId),
  }
}

type Case = {
  /** The order that it is about. */
  orderId: () => Promise<number>
  /** What the process does; may be begun again by whoever asked for it, as a person's tap or a webhook is. */
  work: (deps: Deps) => Promise<unknown>
  /** Repeats what nobody in the queue remembers: a tap that Telegram delivers again, a webhook, a tick. */
  again?: () => Promise<unknown>
}

/** Lives it once undisturbed, then dies at every point of it, and compares the ends. */
async function dieEverywhere(prepare: () => Promise<Case>): Promise<number> {
  const settle = async (one: Case) => one.again?.()
  const first = await prepare()
  const { points } = await live(Infinity, first.work)
  await settle(first)
  const killed: { one: Case; diesAt: number }[] = []
  let isThrough = false
  for (let diesAt = 1; !isThrough;) {
    const batch = await Promise.all(Array.from({ length: 8 }, async () => ({ one: await prepare(), diesAt: diesAt++ })))
    const ends = await Promise.all(batch.map(async ({ one, diesAt: at }) => live(at, one.work)))
    isThrough = ends.some(({ isDead }) => !isDead)
    killed.push(...batch)
  }
  await freeJobsOfDeadWorkers(shop.db)
  for (const { one } of killed) await settle(one)
  await shop.settle()
  const provider = { payments: await shop.truth(), refunds: await shop.refunds() }
  const wanted = await endOf(await first.orderId(), provider)
  for (const { one, diesAt } of killed) {
    expect({ diesAt, ...(await endOf(await one.orderId(), provider)) }).toEqual({ diesAt, ...wanted })
  }
  return points
}

const ordered = async (goods: Goods) => {
  const personId = await shop.person()
  const order = await shop.order(personId, { kind: 'alone', variantId: goods.variantId })
  return { personId, orderId: order.orderId, paymentId: order.payment?.paymentId ?? '' }
}
const moveOf = async (orderId: number, kind: string) =>
  (await shop.db.paymentMove.findFirstOrThrow({ where: { kind, payment: { orderId } } })).id

test('killed anywhere while an order is made and its page is asked for: one order, one payment, one page', async () => {
  const goods = await shop.goods({ stock: 1000 })
  const points = await dieEverywhere(async () => {
    const personId = await shop.person()
    const requestKey = shop.deps.newId()
    const purchase = { kind: 'alone', variantId: goods.variantId } as const
    const tap = (deps: Deps) => buy(deps.db, { personId, requestKey, purchase, now: shop.now }, deps)
    return {
      orderId: async () => (await shop.db.order.findUniqueOrThrow({ where: { requestKey } })).id,
      work: tap,
      again: () => tap(shop.deps),
    }
  })
  expect(points).toBeGreaterThan(20)
})

test('killed anywhere while the job makes up for a page that was not answered: one payment, told once', async () => {
  const goods = await shop.goods({ stock: 1000 })
  const points = await dieEverywhere(async () => {
    await shop.act('/sim/yookassa/faults', { match: 'create', kind: '500_without_effect', times: 1 })
    const { orderId, paymentId } = await ordered(goods)
    return {
      orderId: async () => orderId,
      work: (deps) => asJob(`place:${paymentId}`, deps, () => finishPlacingPayment(deps.db, paymentId, deps, shop.now)),
    }
  })
  expect(points).toBeGreaterThan(10)
})

test('killed anywhere while a hold is heard of and captured: one hold, one capture, goods once, told once', async () => {
  const goods = await shop.goods({ stock: 1000 })
  const heard = await dieEverywhere(async () => {
    const { orderId } = await ordered(goods)
    const externalId = await shop.atProvider(orderId)
    const hint = (deps: Deps) => paymentHinted(deps.db, externalId, deps, shop.now)
    // The provider delivers a webhook again until it is answered.
    return { orderId: async () => orderId, work: hint, again: () => hint(shop.deps) }
  })
  expect(heard).toBeGreaterThan(10)

  const captured = await dieEverywhere(async () => {
    const { orderId } = await ordered(goods)
    await shop.pay(orderId)
    const moveId = await moveOf(orderId, 'capture')
    return {
      orderId: async () => orderId,
      work: (deps) => asJob(`move:${moveId}`, deps, () => movePayment(deps.db, moveId, deps, shop.now)),
    }
  })
  expect(captured).toBeGreaterThan(15)
})

test('killed anywhere while a hold is given back: one void, seat and goods free once, told once', async () => {
  const goods = await shop.goods({ stock: 1000 })
  const left = await dieEverywhere(async () => {
    const { orderId, leader } = await shop.openGroup(goods)
    const cancel = (deps: Deps) => cancelOrder(deps.db, { personId: leader, orderId, now: shop.now }, shop.deps.carrier)
    return { orderId: async () => orderId, work: cancel, again: () => cancel(shop.deps) }
  })
  expect(left).toBeGreaterThan(10)

  const voided = await dieEverywhere(async () => {
    const { orderId, leader } = await shop.openGroup(goods)
    await cancelOrder(shop.db, { personId: leader, orderId, now: shop.now }, shop.deps.carrier)
    const moveId = await moveOf(orderId, 'void')
    return {
      orderId: async () => orderId,
      work: (deps) => asJob(`move:${moveId}`, deps, () => movePayment(deps.db, moveId, deps, shop.now)),
    }
  })
  expect(voided).toBeGreaterThan(10)
})

test('killed anywhere while money goes back: one refund, booked once, told once', async () => {
  const goods = await shop.goods({ stock: 1000 })
  const seller = await shop.seller(goods)
  const bought = async () => {
    const { orderId } = await ordered(goods)
    await shop.pay(orderId)
    await movePayment(shop.db, await moveOf(orderId, 'capture'), shop.deps, shop.now)
    return orderId
  }
  const decided = await dieEverywhere(async () => {
    const orderId = await bought()
    const who = { personId: seller, orderId, requestKey: shop.deps.newId(), now: shop.now }
    const give = (deps: Deps) => refund(deps.db, who, { kind: 'amount', amount: 777n })
    return { orderId: async () => orderId, work: give, again: () => give(shop.deps) }
  })
  expect(decided).toBeGreaterThan(8)

  const made = await dieEverywhere(async () => {
    const orderId = await bought()
    const who = { personId: seller, orderId, requestKey: shop.deps.newId(), now: shop.now }
    await refund(shop.db, who, { kind: 'rest' })
    const moveId = await moveOf(orderId, 'refund')
    return {
      orderId: async () => orderId,
      work: (deps) => asJob(`move:${moveId}`, deps, () => movePayment(deps.db, moveId, deps, shop.now)),
    }
  })
  expect(made).toBeGreaterThan(10)
})
