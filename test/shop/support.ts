/**
 * A shop to buy in: real PostgreSQL, the real clients of YooKassa and CDEK, and the sandbox in this process as the world
 * around them. Time is a value: it stands still until a test moves it.
 */
import { randomBytes, randomUUID } from 'node:crypto'
import fastify from 'fastify'
import { Logger, runTaskListOnce } from 'graphile-worker'
import pg from 'pg'
import { afterAll, beforeAll, expect } from 'vitest'
import type { Messenger } from '#chat/messenger.ts'
import { createOutbox } from '#chat/outbox.ts'
import type { Message } from '#chat/screen.ts'
import type { PaymentMethod } from '#domain/payments.ts'
import { createCdek } from '#gateways/cdek.ts'
import { onDelivery } from '#gateways/on-delivery.ts'
import { providerOf, type PaymentProvider } from '#gateways/payments.ts'
import { createYookassa } from '#gateways/yookassa.ts'
import { createHandlers, toTaskList } from '#jobs/tasks.ts'
import { addCdek } from '#sandbox/cdek.ts'
import { addYookassa } from '#sandbox/yookassa.ts'
import { buy, type Purchase, type PurchaseResult } from '#shop/checkout.ts'
import { shipmentHinted } from '#shop/delivery.ts'
import type { Deps } from '#shop/deps.ts'
import { moneyStory } from '#shop/orders.ts'
import { arrive, setRecipient } from '#shop/people.ts'
import { paymentHinted, refreshSilentPayments } from '#shop/payments.ts'
import type { Client } from '#store/db.ts'
import { useDatabase } from '../support/database.ts'
import { beginning, type Template } from '../support/global-setup.ts'
import { assertInvariants, type ProviderTruth, type RefundTruth } from './invariants.ts'

export const minute = 60_000
export const hour = 60 * minute

export type Goods = { sellerId: number; productId: number; variantId: number; locationId: number; campaignId: number }

export type GoodsOptions = {
  stock?: number
  size?: number
  lifetimeMinutes?: number
  campaign?: boolean
  /** Alone, in kopecks; together it is two thirds of that. */
  price?: bigint
  /** Terms of the campaign beside its size and lifetime; `steps` are a ladder's further prices. */
  group?: {
    kind?: 'team' | 'ladder'
    minSeats?: number
    maxUnits?: number
    mixesOptions?: boolean
    thanksKind?: 'discount' | 'share'
    thanksBasisPoints?: number
    isPublic?: boolean
    cities?: number[]
  }
  steps?: { seats: number; price: bigint }[]
  /** How the seller lets people pay, and what the platform earns. */
  terms?: {
    paymentMethods?: PaymentMethod[]
    onDeliveryMax?: bigint
    onDeliveryForGroups?: boolean
    feeBasisPoints?: number
  }
}

type Sent = { to: string; message: Message }

export function useShop(template?: Template) {
  const database = useDatabase(template)
  let time = beginning
  let world = ''
  let made = 0
  let close = async (): Promise<void> => undefined
  let pool: pg.Pool | undefined
  let deps: Deps | undefined
  const sent: Sent[] = []

  beforeAll(async () => {
    const app = fastify({ forceCloseConnections: true })
    const options = { publish: () => undefined, now: () => time }
    const money = addYookassa(app, { ...options, baseUrl: () => world })
    const parcels = addCdek(app, options)
    world = await app.listen({ host: '127.0.0.1', port: 0 })
    close = async () => {
      money.close()
      parcels.close()
      await app.close()
    }
    deps = {
      db: database.db,
      providers: [
        createYookassa({ shopId: '1', secretKey: 's', endpoint: `${world}/yookassa/v3`, timeoutMs: 10_000 }),
        onDelivery,
      ],
      hasInvoices: false,
      carrier: createCdek({
        clientId: 'c',
        clientSecret: 's',
        endpoint: `${world}/cdek/v2`,
        timeoutMs: 10_000,
        now: () => time,
      }),
      returnUrl: (orderId) => `https://t.me/vmeste_bot?start=b_${orderId.toString(36)}`,
      groupUrl: (token) => `https://t.me/vmeste_bot?start=g_${token}`,
      now: () => new Date(time),
      newId: randomUUID,
      randomBytes,
      newToken: () => randomBytes(12).toString('base64url'),
    }
  })
  afterAll(async () => {
    await pool?.end()
    await close()
  })

  /** Acts in the world outside: people, banks, parcels, and what goes wrong with them. */
  async function act(path: string, body: object): Promise<number> {
    const headers = { 'content-type': 'application/json' }
    return (await fetch(world + path, { method: 'POST', headers, body: JSON.stringify(body) })).status
  }

  const messenger: Messenger = {
    name: 'telegram',
    capabilities: { inline: true, editAnyAge: true, invoices: false },
    async send(to, message) {
      sent.push({ to, message })
      return { ok: true, ref: `${to}:${sent.length}` }
    },
    edit: async () => ({ ok: true }),
    download: async () => ({ ok: false, reason: 'gone' }),
    link: (payload) => `https://t.me/vmeste_bot?start=${payload}`,
  }

  const shop = {
    /** What was sent to people and channels, in order. */
    sent,
    get db(): Client {
      return database.db
    },
    get url(): string {
      return database.url
    },
    get deps(): Deps {
      if (!deps) throw new Error('the shop exists inside tests and hooks only')
      return deps
    },
    /** The company behind card payments, to be asked past our own operations. */
    get yookassa(): PaymentProvider {
      return providerOf(shop.deps.providers, { name: 'yookassa' })
    },
    get now(): Date {
      return new Date(time)
    },
    pass(milliseconds: number): Date {
      time += milliseconds
      return new Date(time)
    },
    act,
    async clearFaults(): Promise<void> {
      for (const company of ['yookassa', 'cdek']) await fetch(`${world}/sim/${company}/faults`, { method: 'DELETE' })
    },

    /** A seller with one product of one variant, in stock in Moscow and sold together at a lower price. */
    async goods({
      stock = 100,
      size = 2,
      lifetimeMinutes = 30,
      campaign = true,
      price = 150_000n,
      terms: paymentTerms = {},
      group = {},
      steps = [],
    }: GoodsOptions = {}): Promise<Goods> {
      const slug = `goods-${++made}`
      const { db } = database
      const seller = await db.seller.create({
        data: { slug, name: `Лавка ${made}`, invitation: `invite-${slug}`, ...paymentTerms },
      })
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
      const category = await db.category.create({ data: { slug, title: { ru: `Раздел ${made}` } } })
      const product = await db.product.create({
        data: {
          sellerId: seller.id,
          externalId: slug,
          categoryId: category.id,
          title: { ru: `Чайник ${made}`, en: `Kettle ${made}` },
          description: {},
          pictures: ['demo/kettle'],
          words: `чайник${made} чайник`,
          updatedAt: new Date(time),
        },
      })
      const variant = await db.variant.create({
        data: {
          productId: product.id,
          externalId: '1',
          options: {},
          price,
          currency: 'RUB',
          weightGrams: 800,
        },
      })
      await db.stockLevel.create({ data: { variantId: variant.id, locationId: location.id, onHand: stock } })
      const terms = campaign
        ? await db.campaign.create({
            data: {
              sellerId: seller.id,
              productId: product.id,
              size,
              lifetimeMinutes,
              startsAt: new Date(beginning),
              ...group,
              prices: { create: { variantId: variant.id, price: (price * 2n) / 3n, tiers: { create: steps } } },
            },
          })
        : undefined
      return {
        sellerId: seller.id,
        productId: product.id,
        variantId: variant.id,
        locationId: location.id,
        campaignId: terms?.id ?? 0,
      }
    },

    /** Somebody who talks to the bot in private and has said where their parcels go. */
    async person({ recipient = true } = {}): Promise<number> {
      const externalId = String(1000 + ++made)
      const who = { messenger: 'telegram', externalId, firstName: `Анна ${made}`, languageCode: 'ru' }
      const visitor = await arrive(database.db, { ...who, updateId: `first-${made}`, opensChat: true }, new Date(time))
      if (!visitor) throw new Error('a first update is handled')
      if (recipient) await setRecipient(database.db, visitor.personId, kazan, new Date(time))
      return visitor.personId
    },
    /** Somebody who works in the shop that sells this. */
    async seller({ sellerId }: Goods): Promise<number> {
      const personId = await shop.person({ recipient: false })
      await database.db.sellerMember.create({ data: { sellerId, personId, joinedAt: new Date(time) } })
      return personId
    },
    /** The same for crowds, as their first updates leave them: in one statement. */
    async people(count: number): Promise<number[]> {
      const now = new Date(time)
      const before = made
      made += count
      const rows = await database.db.$queryRaw<{ id: number }[]>`
        WITH p AS (
          INSERT INTO person (first_name, language, created_at)
          SELECT 'Анна ' || n, 'ru', ${now} FROM generate_series(${before + 1}::int, ${made}::int) n
          RETURNING id, split_part(first_name, ' ', 2)::int AS n),
        i AS (
          INSERT INTO identity (messenger, external_id, person_id, chat_opened_at)
          SELECT 'telegram', (1000 + n)::text, id, ${now} FROM p),
        r AS (
          INSERT INTO recipient (person_id, name, phone, city_code, city_name, pickup_point_code, pickup_point_text,
            updated_at)
          SELECT id, ${kazan.name}, ${kazan.phone}, ${kazan.cityCode}::int, ${kazan.cityName}, ${kazan.pickupPointCode},
            ${kazan.pickupPointText}, ${now} FROM p)
        SELECT id FROM p ORDER BY id`
      return rows.map(({ id }) => id)
    },

    async buy(personId: number, purchase: Purchase, requestKey: string = randomUUID()): Promise<PurchaseResult> {
      return buy(database.db, { personId, requestKey, purchase, now: new Date(time) }, shop.deps)
    },
    /** Buys and expects to succeed. */
    async order(personId: number, purchase: Purchase, requestKey?: string) {
      const result = await shop.buy(personId, purchase, requestKey)
      if (!result.ok) throw new Error(`refused: ${result.reason}`)
      return result.order
    },
    /** An open group whose leader has paid. */
    async openGroup(goods: Goods, leader?: number): Promise<{ groupId: number; leader: number; orderId: number }> {
      const personId = leader ?? (await shop.person())
      const order = await shop.order(personId, { kind: 'own-group', variantId: goods.variantId })
      await shop.pay(order.orderId)
      if (!order.seat) throw new Error('an order of a group has a seat')
      return { groupId: order.seat.groupId, leader: personId, orderId: order.orderId }
    },

    /** The number at the provider of the payment that an order waits for. */
    async externalIdOf(orderId: number): Promise<string> {
      const payment = await database.db.payment.findFirstOrThrow({
        where: { orderId },
        orderBy: [{ counts: 'desc' }, { createdAt: 'desc' }],
      })
      if (payment.externalId === null) throw new Error(`the payment of order ${orderId} has no page`)
      return payment.externalId
    },
    /** The buyer pays or is declined on the provider's page; nobody has told us yet. */
    async atProvider(orderId: number, outcome: 'paid' | 'declined' | 'expired' = 'paid'): Promise<string> {
      const externalId = await shop.externalIdOf(orderId)
      expect(await act(`/sim/yookassa/${externalId}`, { outcome })).toBe(200)
      return externalId
    },
    /** What a webhook leads to. */
    async hint(externalId: string): Promise<void> {
      await paymentHinted(database.db, externalId, shop.deps, new Date(time))
    },
    /** Pays and tells us. */
    async pay(orderId: number): Promise<void> {
      await shop.hint(await shop.atProvider(orderId))
    },
    async truth(): Promise<ProviderTruth[]> {
      const answer = (await (await fetch(`${world}/sim/yookassa/payments`)).json()) as { items: ProviderTruth[] }
      return answer.items
    },
    /** Refunds as the provider sees them. */
    async refunds(): Promise<RefundTruth[]> {
      const answer = (await (await fetch(`${world}/sim/yookassa/refunds`)).json()) as { items: RefundTruth[] }
      return answer.items
    },
    /** Second receipts as the provider sees them. */
    async receipts(): Promise<{ payment_id?: string; settlements: { amount: { value: string } }[] }[]> {
      const answer = await (await fetch(`${world}/sim/yookassa/receipts`)).json()
      return (answer as { items: { payment_id?: string; settlements: { amount: { value: string } }[] }[] }).items
    },
    /** A bought order's parcel goes where the carrier's codes say, and we learn of it. */
    async parcel(orderId: number, ...codes: string[]): Promise<void> {
      const { externalId } = await database.db.shipment.findUniqueOrThrow({ where: { orderId } })
      for (const status of codes) {
        shop.pass(hour)
        expect(await act(`/sim/shipments/${externalId}`, { status })).toBe(200)
        await shipmentHinted(database.db, 'cdek', externalId ?? '')
        await shop.runJobs()
      }
    },
    /** Parcels as the carrier sees them. */
    async parcels(): Promise<{ number: string; uuid: string; im_number?: string; status: string }[]> {
      const answer = await (await fetch(`${world}/sim/shipments`)).json()
      return (answer as { items: { number: string; uuid: string; im_number?: string; status: string }[] }).items
    },

    /**
     * Runs everything in the queue, and what that adds to it, until it is empty. Failed jobs are run again at once, up to
     * `rounds` times, instead of after their pause.
     * @returns how many jobs are left.
     */
    async runJobs(rounds = 6): Promise<number> {
      const workers = (pool ??= openWorkers(database.url))
      const taskList = toTaskList(createHandlers(shop.deps, createOutbox(shop.deps, [messenger])))
      const logger = new Logger(() => () => undefined)
      const left = async () => {
        const jobs = database.db.$queryRaw<{ count: number }[]>`
          SELECT count(*)::int AS count FROM graphile_worker._private_jobs`
        return (await jobs)[0]?.count ?? 0
      }
      for (let round = 0; round < rounds; round += 1) {
        const waiting = await left()
        if (waiting === 0) return 0
        await database.db.$executeRaw`UPDATE graphile_worker._private_jobs SET run_at = now()`
        const lane = async () => {
          const client = await workers.connect()
          await runTaskListOnce({ pgPool: workers, noHandleSignals: true, logger }, taskList, client).promise
          client.release()
        }
        await Promise.all(Array.from({ length: Math.min(waiting, 3) }, lane))
      }
      return left()
    },

    /** Runs the queue and asks after every payment that we believe to be under way, as the ticks do in time. */
    async settle(): Promise<void> {
      await shop.runJobs()
      await database.db.$executeRaw`UPDATE payment SET updated_at = ${new Date(time - hour)}`
      await refreshSilentPayments(database.db, new Date(time))
      await shop.runJobs()
      const left = await database.db.$queryRaw<unknown[]>`
        SELECT key, attempts, last_error FROM graphile_worker._private_jobs`
      expect(left).toEqual([])
      await assertInvariants(database.db, await shop.truth(), await shop.refunds())
    },

    /** Resolves as soon as so many transactions wait for a lock. */
    async waiting(count: number): Promise<void> {
      const waiters = () => database.db.$queryRaw<{ count: number }[]>`
        SELECT count(*)::int AS count FROM pg_stat_activity
        WHERE datname = current_database() AND wait_event_type = 'Lock'`
      while (((await waiters())[0]?.count ?? 0) < count) await new Promise(setImmediate)
    },

    stateOf: (orderId: number) => stateOf(database.db, orderId),
    async stock({ variantId, locationId }: Goods): Promise<{ onHand: number; reserved: number }> {
      const key = { variantId_locationId: { variantId, locationId } }
      const select = { onHand: true, reserved: true }
      return database.db.stockLevel.findUniqueOrThrow({ where: key, select })
    },
    async group(groupId: number) {
      const select = { state: true, takenSeats: true, paidSeats: true, size: true, version: true }
      return database.db.group.findUniqueOrThrow({ where: { id: groupId }, select })
    },
    /** What its buyer can read of an order's money. */
    async story(orderId: number): Promise<string[]> {
      return (await moneyStory(database.db, orderId)).map(({ kind }) => kind)
    },
    /** How often each kind of message is owed to a person. */
    async told(personId: number): Promise<Record<string, number>> {
      const rows = await database.db.notification.findMany({ where: { personId }, select: { kind: true } })
      return Object.fromEntries(
        [...new Set(rows.map(({ kind }) => kind))].map((kind) => [
          kind,
          rows.filter((row) => row.kind === kind).length,
        ]),
      )
    },
  }
  return shop
}

export type Shop = ReturnType<typeof useShop>

export const kazan = {
  name: 'Анна Иванова',
  phone: '+79123456789',
  cityCode: 424,
  cityName: 'Казань',
  pickupPointCode: 'KAZ4241',
  pickupPointText: 'ул. Баумана, 1',
}

function openWorkers(connectionString: string): pg.Pool {
  const pool = new pg.Pool({ connectionString, max: 8 })
  // `end` does not wait for the server: one that is still there when its database is dropped says so.
  pool.on('error', () => undefined)
  return pool
}

/** An order, its payments, seat, reservation and moves in short. */
export async function stateOf(db: Client, orderId: number) {
  const order = await db.order.findUniqueOrThrow({
    where: { id: orderId },
    include: {
      payments: {
        include: { moves: { orderBy: [{ createdAt: 'asc' }, { kind: 'asc' }] } },
        orderBy: { createdAt: 'asc' },
      },
      seat: true,
      reservations: true,
      shipment: true,
    },
  })
  return {
    order: order.state,
    payments: order.payments.map(({ state }) => state),
    moves: order.payments.flatMap(({ moves }) => moves.map(({ kind, state }) => `${kind} ${state}`)),
    seat: order.seat?.state,
    stock: order.reservations.map(({ state }) => state).join(),
    shipment: order.shipment?.state,
  }
}

/** Everything that a refused operation must leave as it was. */
export async function countRows(db: Client): Promise<Record<string, number>> {
  const [row] = await db.$queryRaw<Record<string, number>[]>`
    SELECT (SELECT count(*)::int FROM "order") AS orders, (SELECT count(*)::int FROM order_line) AS lines,
      (SELECT count(*)::int FROM "group") AS groups, (SELECT coalesce(sum(version), 0)::int FROM "group") AS versions,
      (SELECT count(*)::int FROM seat) AS seats, (SELECT count(*)::int FROM waiting) AS waiting, (SELECT count(*)::int FROM reservation) AS reservations,
      (SELECT coalesce(sum(reserved), 0)::int FROM stock_level) AS reserved,
      (SELECT coalesce(sum(set_aside), 0)::int FROM stock_level) AS aside,
      (SELECT count(*)::int FROM payment) AS payments, (SELECT count(*)::int FROM payment_move) AS moves,
      (SELECT count(*)::int FROM notification) AS notifications,
      (SELECT count(*)::int FROM graphile_worker._private_jobs) AS jobs`
  return row ?? {}
}
