/**
 * What happens in the runs of `model.test.ts`: the same acts on the real shop and on the rules (`rules.ts`), and whether
 * the two still say the same. PostgreSQL and the operations are real; the bank answers from memory, so that thousands of
 * runs fit. Long because every act is here, a few lines each.
 */
import { AsyncLocalStorage } from 'node:async_hooks'
import { randomBytes, randomUUID } from 'node:crypto'
import pg from 'pg'
import { afterAll, beforeAll, expect } from 'vitest'
import { chooseForLate, chooseForSilent } from '#shop/choices.ts'
import { buy, type Purchase } from '#shop/checkout.ts'
import type { Deps } from '#shop/deps.ts'
import { closeDueGroups, expireOrders, topUpGroup } from '#shop/group-buy.ts'
import { cancelOrder } from '#shop/orders.ts'
import { OutcomeUnknown } from '#shop/outcome.ts'
import { payBy } from '#shop/paying.ts'
import { movePayment, paymentHinted } from '#shop/payments.ts'
import { askFriend, friendsSeat } from '#shop/friend-pay.ts'
import { arrive, setRecipient } from '#shop/people.ts'
import { moveLines, stopWaiting, waitForSeat } from '#shop/waiting.ts'
import type { Client } from '#store/db.ts'
import { cloneDatabase, type TestDatabase } from '../support/database.ts'
import { createBank, deliveryCost, quickCarrier, type Bank, type BankCall } from './quick-world.ts'
import type { createRules, RulesOrder, Terms } from './rules.ts'
import { hour, kazan, minute } from './support.ts'

/** Where a process dies: at its so-and-so-many-th statement. What had been committed stays. */
type Life = { diesAt: number; isDead: boolean }
const lives = new AsyncLocalStorage<Life>()
class Killed extends Error {}

type Query = (this: unknown, ...args: unknown[]) => unknown
const prototype = pg.Client.prototype as unknown as { query: Query }
const { query } = prototype
/** Statements pass here while tests run: those of a process that is to die are counted. */
export function useDeaths(): void {
  beforeAll(() => {
    prototype.query = function (this: unknown, ...args: unknown[]): unknown {
      const life = lives.getStore()
      if (life && (life.isDead || --life.diesAt === 0)) {
        life.isDead = true
        // Its connection goes back to the pool clean: PostgreSQL would roll back what a dead one had begun.
        if (args[0] !== 'ROLLBACK') {
          const callback = args.find((arg) => typeof arg === 'function') as ((error: Error) => void) | undefined
          if (!callback) return Promise.reject(new Killed('killed'))
          process.nextTick(callback, new Killed('killed'))
          return undefined
        }
      }
      return query.apply(this, args)
    }
  })
  afterAll(() => {
    prototype.query = query
  })
}

/** Does it in a process that dies on the way, if it lives that long, and then once more in another one. */
async function dying<T>(diesAt: number | null, work: () => Promise<T>): Promise<T> {
  if (diesAt !== null) {
    const life: Life = { diesAt, isDead: false }
    await lives.run(life, work).catch((error: unknown) => {
      if (!life.isDead) throw error
    })
    // Its last questions have failed before the next process asks: here they share one.
    await new Promise(setImmediate)
  }
  return work()
}

/** As `Promise.all`, but nothing is still under way when it throws. */
async function all<T>(work: Promise<T>[]): Promise<T[]> {
  await Promise.allSettled(work)
  return Promise.all(work)
}

/** What comes before the first command. */
export type Setting = {
  terms: Terms
  pieces: number
  begun: 'not' | 'opened' | 'joined' | 'full' | 'late' | 'topped' | 'bought'
}
type Dying = { dies: number | null }
export type Command =
  | ({ do: 'open'; who: number; units: number; atOnce: boolean } & Dying)
  | ({
      do: 'join'
      who: number
      group: number
      units: number
      atOnce: boolean
      taps: number
      upTo: 'page' | 'paid'
    } & Dying)
  | { do: 'pay-late'; who: number; group: number; atOnce: boolean }
  | ({ do: 'pay'; order: number; hints: number } & Dying)
  | { do: 'hold-ends'; order: number; isHeard: boolean }
  | ({ do: 'leave'; order: number } & Dying)
  | ({ do: 'choose'; order: number; group: number; wish: 'own-group' | 'group' | 'money-back' } & Dying)
  | ({ do: 'wait'; who: number; group: number; taps: number } & Dying)
  | ({ do: 'stop-waiting'; who: number; group: number } & Dying)
  | ({ do: 'take-offer'; who: number; upTo: 'page' | 'paid'; isLate: boolean } & Dying)
  | { do: 'come-back'; order: number; leaves: number | null }
  | { do: 'declined'; order: number; again: boolean }
  | { do: 'dither'; who: number; group: number }
  | { do: 'join-over'; who: number; group: number }
  | ({ do: 'friend-pays'; order: number; who: number } & Dying)
  | { do: 'pass'; minutes: number; ticks: boolean }
  | ({ do: 'clock'; workers: number } & Dying)
  | ({ do: 'jobs'; most: number } & Dying)
  | { do: 'bank-fails'; call: BankCall; times: number; hasEffect: boolean }
  | { do: 'edit'; terms: Terms }
  | { do: 'end' }
  | ({ do: 'top-up'; group: number; seats: number } & Dying)

/** Rare places in which much can happen: what is done before the first random command. */
export function prologue({ begun, terms: { size } }: Setting): Command[] {
  if (begun === 'not') return []
  const atOnce = false
  const dies = null
  const pay = (order: number): Command => ({ do: 'pay', order, hints: 1, dies })
  const join = (who: number, upTo: 'page' | 'paid'): Command => {
    return { do: 'join', who, group: 0, units: 1, atOnce, taps: 1, upTo, dies }
  }
  const opened: Command[] = [{ do: 'open', who: 0, units: 1, atOnce, dies }, pay(0)]
  // The other buyers, as far as there are seats.
  const others = [1, 2, 3].slice(0, size - 1)
  const later = [1, 2, 3].slice(size - 1)
  switch (begun) {
    case 'opened':
      return opened
    case 'joined':
      return [...opened, join(1, 'page')]
    case 'topped':
      return [...opened, { do: 'top-up', group: 0, seats: size - 2, dies }]
    case 'full':
      return [
        ...opened,
        ...others.map((who) => join(who, 'page')),
        ...later.map((who): Command => ({ do: 'wait', who, group: 0, taps: 1, dies })),
      ]
    case 'bought':
      return [...opened, ...others.map((who) => join(who, 'paid')), { do: 'jobs', most: 4, dies }]
    case 'late': {
      const instead = [2, 3].slice(0, size - 1).map((who) => join(who, 'paid'))
      const another: Command[] = [
        { do: 'open', who: size === 2 ? 3 : 0, units: 1, atOnce, dies },
        pay(2 + instead.length),
      ]
      return [...opened, join(1, 'page'), { do: 'pass', minutes: 16, ticks: true }, ...instead, pay(1), ...another]
    }
  }
}

/** A shop of its own with four buyers and one seller, in which one run happens after the other. */
export type Lane = {
  database: TestDatabase
  db: Client
  bank: Bank
  deps: Deps
  people: number[]
  seller: number
  shop: { sellerId: number; locationId: number; categoryId: number }
  time: number
  made: number
}

export async function openLane(): Promise<Lane> {
  const database = await cloneDatabase()
  const { db } = database
  // Thousands of small statements on hardly any rows: planning them anew would take longer than running them.
  await db.$executeRawUnsafe(`ALTER DATABASE "${database.name}" SET plan_cache_mode = force_generic_plan`)
  const time = Date.UTC(2026, 0, 12, 9)
  const now = new Date(time)
  const seller = await db.seller.create({
    data: { slug: 'shop', name: 'Лавка', invitation: 'invite', paymentMethods: ['card', 'sbp'] },
  })
  const place = { externalId: 'main', kind: 'local_warehouse', title: {}, cityCode: 44, cityName: 'Москва' }
  const location = await db.location.create({ data: { sellerId: seller.id, ...place } })
  const category = await db.category.create({ data: { slug: 'all', title: {} } })
  const people: number[] = []
  for (let at = 0; at < 5; at += 1) {
    const person = { messenger: 'telegram', externalId: `${at}`, firstName: `Анна ${at}`, languageCode: 'ru' }
    const visitor = await arrive(db, { ...person, updateId: `${at}`, opensChat: true }, now)
    if (!visitor) throw new Error('a first update is handled')
    people.push(visitor.personId)
    await setRecipient(db, visitor.personId, kazan, now)
  }
  const [owner = 0, ...buyers] = people
  await db.sellerMember.create({ data: { sellerId: seller.id, personId: owner, joinedAt: now } })
  const lane: Omit<Lane, 'bank' | 'deps'> = {
    database,
    db,
    people: buyers,
    seller: owner,
    shop: { sellerId: seller.id, locationId: location.id, categoryId: category.id },
    time,
    made: 0,
  }
  const bank = createBank(() => lane.time)
  const deps: Deps = {
    db,
    providers: [bank.provider],
    hasInvoices: false,
    carrier: quickCarrier,
    returnUrl: () => 'https://t.me/vmeste_bot',
    groupUrl: () => 'https://t.me/vmeste_bot',
    now: () => new Date(lane.time),
    newId: randomUUID,
    randomBytes,
    newToken: () => randomBytes(12).toString('base64url'),
  }
  return Object.assign(lane, { bank, deps })
}

/** Something new to sell, on these terms. @returns its variant and campaign. */
export async function offer(
  lane: Lane,
  { terms: on, pieces }: Setting,
): Promise<{ variantId: number; campaignId: number }> {
  const { sellerId, locationId, categoryId } = lane.shop
  const now = new Date(lane.time)
  const { kind, minSeats, price, lifetime, tiers } = rowsOf(on)
  const [row] = await lane.db.$queryRaw<{ variantId: number; campaignId: number }[]>`
    WITH p AS (INSERT INTO product (seller_id, external_id, category_id, title, description, pictures, words, updated_at)
        VALUES (${sellerId}, ${`p${++lane.made}`}, ${categoryId}, '{"ru": "Чайник"}'::jsonb, '{}'::jsonb, '{}', '', ${now})
        RETURNING id),
      v AS (INSERT INTO variant (product_id, external_id, options, price, currency, weight_grams)
        SELECT id, '1', '{}'::jsonb, 150000, 'RUB', 800 FROM p RETURNING id),
      s AS (INSERT INTO stock_level (variant_id, location_id, on_hand) SELECT id, ${locationId}, ${pieces} FROM v),
      c AS (INSERT INTO campaign (seller_id, product_id, kind, size, min_seats, lifetime_minutes, max_units, thanks_kind,
          thanks_basis_points, starts_at)
        SELECT ${sellerId}, id, ${kind}, ${on.size}, ${minSeats}::int, ${lifetime}::int, ${on.maxUnits},
          ${on.thanks > 0 ? 'discount' : 'none'}, ${on.thanks}, ${new Date(lane.time - hour)} FROM p RETURNING id),
      cp AS (INSERT INTO campaign_price (campaign_id, variant_id, price) SELECT c.id, v.id, ${price} FROM c, v),
      t AS (INSERT INTO campaign_tier (campaign_id, variant_id, seats, price)
        SELECT c.id, v.id, tier.seats, tier.price FROM c, v,
          json_to_recordset(${tiers}::json) AS tier (seats int, price bigint))
    SELECT v.id AS "variantId", c.id AS "campaignId" FROM v, c`
  if (!row) throw new Error('an insert returns its row')
  return row
}

/** Terms as the tables have them. */
function rowsOf({ kind, minSeats, steps: [first, ...steps], lifetime }: Terms) {
  return {
    kind,
    minSeats: kind === 'ladder' ? minSeats : null,
    price: first?.price ?? 0,
    lifetime: lifetime / minute,
    tiers: JSON.stringify(steps),
  }
}

async function setTerms(db: Client, { campaignId, variantId }: { campaignId: number; variantId: number }, on: Terms) {
  const { kind, minSeats, price, lifetime, tiers } = rowsOf(on)
  await db.$executeRaw`
    UPDATE campaign SET kind = ${kind}, size = ${on.size}, min_seats = ${minSeats}::int, lifetime_minutes = ${lifetime}::int,
      max_units = ${on.maxUnits}, thanks_kind = ${on.thanks > 0 ? 'discount' : 'none'}, thanks_basis_points = ${on.thanks}
    WHERE id = ${campaignId}`
  await db.$executeRaw`UPDATE campaign_price SET price = ${price} WHERE campaign_id = ${campaignId}`
  await db.$executeRaw`DELETE FROM campaign_tier WHERE campaign_id = ${campaignId}`
  await db.$executeRaw`
    INSERT INTO campaign_tier (campaign_id, variant_id, seats, price)
    SELECT ${campaignId}, ${variantId}, seats, price FROM json_to_recordset(${tiers}::json) AS tier (seats int, price bigint)`
}

export type Play = {
  lane: Lane
  goods: { variantId: number; campaignId: number }
  rules: ReturnType<typeof createRules>
  /** Ids and pages in the order of the rules' own lists. */
  groups: number[]
  orders: { orderId: number; externalId: string }[]
}

const at = <T>(list: readonly T[], index: number): T | undefined => list[index % Math.max(1, list.length)]

export async function act(play: Play, command: Command): Promise<void> {
  const { lane, rules, goods } = play
  const { db, deps, bank } = lane
  const now = new Date(lane.time)
  const one = 'order' in command ? at(rules.orders, command.order) : undefined
  const known = one && play.orders[rules.orders.indexOf(one)]
  // What late money may still buy is open; anything else is tried where nothing is.
  const near = command.do === 'choose' ? rules.groups.filter(({ state }) => state === 'open') : rules.groups
  const group = 'group' in command ? at(near.length > 0 ? near : rules.groups, command.group) : undefined
  const groupId = group ? play.groups[rules.groups.indexOf(group)] : undefined
  switch (command.do) {
    case 'open': {
      const purchase = { kind: 'own-group', variantId: goods.variantId, units: command.units } as const
      const wanted = rules.open(command.who, command.units, command.atOnce, lane.time)
      return tap(play, command, purchase, wanted, 1)
    }
    case 'join': {
      if (!group || groupId === undefined) return
      const wanted = rules.join(command.who, group, command.units, command.atOnce, lane.time)
      await tap(play, command, { kind: 'join', groupId, units: command.units }, wanted, command.taps)
      if (wanted && command.upTo === 'paid') await pay(play, wanted, 1, null)
      return
    }
    case 'pay-late': {
      const { who: late, atOnce } = command
      await act(play, { ...command, do: 'join', units: 1, taps: 1, upTo: 'page', dies: null })
      const mine = rules.orders.findLast((it) => it.who === late && it.group === group && it.atOnce === atOnce)
      await act(play, { do: 'pass', minutes: 16, ticks: true })
      if (mine) await pay(play, mine, 1, null)
      return
    }
    case 'pay':
      if (one) await pay(play, one, command.hints, command.dies)
      return
    case 'hold-ends': {
      if (!one || !known) return
      rules.expireHold(one)
      bank.expire(known.externalId)
      if (command.isHeard) await hear(play, one, 1, null)
      return
    }
    case 'leave': {
      if (!one || !known) return
      const { orderId } = known
      const personId = lane.people[one.who] ?? 0
      const isPossible = rules.leave(one, lane.time)
      const result = await dying(command.dies, () => cancelOrder(db, { personId, orderId, now }, deps.carrier))
      // Whoever died may have done it before: then the second finds it done.
      if (command.dies === null) expect(result.ok).toBe(isPossible)
      return
    }
    case 'choose': {
      const chooser = at(
        rules.orders.filter(({ state }) => state === 'awaiting_choice'),
        command.order,
      )
      const { orderId } = (chooser && play.orders[rules.orders.indexOf(chooser)]) ?? {}
      const { wish } = command
      if (!chooser || orderId === undefined || (wish === 'group' && groupId === undefined)) return
      const choice = wish === 'group' ? ({ kind: wish, groupId: groupId ?? 0 } as const) : { kind: wish }
      const isPossible = rules.choose(chooser, wish === 'group' ? (group ?? chooser.group) : wish, lane.time)
      const personId = lane.people[chooser.who] ?? 0
      const choose = () => chooseForLate(db, { personId, orderId, choice, now }, deps)
      const result = await dying(command.dies, choose)
      if (command.dies === null || !isPossible) expect({ choice, ...result }).toMatchObject({ choice, ok: isPossible })
      if (isPossible && wish === 'own-group') {
        const [seat] = await db.$queryRaw<{ groupId: number }[]>`
          SELECT group_id AS "groupId" FROM seat WHERE order_id = ${orderId}`
        play.groups.push(seat?.groupId ?? 0)
      }
      return
    }
    case 'wait': {
      if (!group || groupId === undefined) return
      const wanted = rules.wait(command.who, group, lane.time)
      const personId = lane.people[command.who] ?? 0
      const tries = Array.from({ length: command.taps }, () => personId)
      const tell = async () => all(tries.map((id) => waitForSeat(db, { personId: id, groupId }, now)))
      for (const result of await dying(command.dies, tell)) {
        const place = result.ok ? ('place' in result.place ? result.place.place : 'offered') : undefined
        expect({ place }).toEqual({ place: wanted })
      }
      return
    }
    case 'stop-waiting': {
      const standing = at(rules.inLines(), command.group)
      const of = standing ?? { who: command.who, group }
      const groupId = of.group && play.groups[rules.groups.indexOf(of.group)]
      if (!of.group || groupId === undefined) return
      const isPossible = rules.stopWaiting(of.who, of.group, lane.time)
      const personId = lane.people[of.who] ?? 0
      const isDone = await dying(command.dies, () => stopWaiting(db, { personId, groupId }, now))
      if (command.dies === null) expect(isDone).toBe(isPossible)
      return
    }
    case 'take-offer': {
      const isOffered = ({ until }: { until: number | null }) => until !== null && until > lane.time
      const lines = rules.inLines()
      const offered = lines.filter(isOffered)
      const standing = at(offered.length > 0 ? offered : lines, command.who)
      if (!standing) return
      const { who, upTo, dies } = { ...command, who: standing.who }
      if (!isOffered(standing)) await act(play, { do: 'pass', minutes: 16, ticks: true })
      // Whoever comes after its time, and before the tick has given it to the next.
      if (command.isLate) await act(play, { do: 'pass', minutes: 16, ticks: false })
      const of = rules.groups.indexOf(standing.group)
      return act(play, { do: 'join', who, group: of, units: 1, atOnce: false, taps: 2, upTo, dies })
    }
    case 'declined': {
      const tried = known && rules.orders.find(({ state }) => state === 'awaiting_payment')
      const page = tried && play.orders[rules.orders.indexOf(tried)]
      if (!page) return
      rules.decline(tried)
      bank.decline(page.externalId)
      await hear(play, tried, 1, null)
      if (!command.again || tried.money !== 'failed') return
      const { orderId } = page
      const changed = await payBy(db, { personId: lane.people[tried.who] ?? 0, orderId, now }, deps)
      const isPossible = tried.state === 'awaiting_payment' && tried.expiresAt > lane.time
      expect({ isPossible: changed.ok }).toEqual({ isPossible })
      if (!changed.ok) return
      rules.again(tried)
      page.externalId = bank.pageOf(changed.order.payment?.paymentId ?? '')
      return
    }
    case 'come-back': {
      const unpaid = rules.orders.filter(({ state, group: of }) => state === 'awaiting_payment' && of.state === 'open')
      const late = at(unpaid, command.order) ?? one
      if (late) await comeBack(play, late, command.leaves)
      return
    }
    case 'dither': {
      const { who, group: of } = command
      for (let times = 0; times < 3; times += 1) {
        await act(play, { do: 'wait', who, group: of, taps: 1, dies: null })
        const place = rules.inLines().findIndex((it) => it.group === group && it.who === who)
        if (place >= 0) await act(play, { do: 'stop-waiting', who, group: place, dies: null })
      }
      return act(play, { do: 'wait', who, group: of, taps: 1, dies: null })
    }
    case 'join-over': {
      const { who, group: of } = command
      await act(play, { do: 'pass', minutes: 61, ticks: false })
      return act(play, { do: 'join', who, group: of, units: 1, atOnce: false, taps: 1, upTo: 'page', dies: null })
    }
    case 'friend-pays': {
      if (!one || !known) return
      const { orderId } = known
      const isPossible = rules.isPayable(one, lane.time)
      const asked = await dying(command.dies, () =>
        askFriend(db, { personId: lane.people[one.who] ?? 0, orderId, now }, deps),
      )
      expect({ isPossible: asked.ok }).toEqual({ isPossible })
      if (!asked.ok) return
      const friend = { token: asked.token, personId: lane.people[command.who] ?? 0, now }
      const found = await friendsSeat(db, friend, deps)
      if (command.who === one.who) return expect(found).toEqual({ ownOrderId: orderId })
      expect(found).toMatchObject({ state: 'payable' })
      const page = found && 'payUrl' in found ? found.payUrl?.split('/').at(-1) : undefined
      if (one.money === 'failed') {
        rules.again(one)
        known.externalId = page ?? ''
      }
      expect(page).toBe(known.externalId)
      rules.seen.add('a friend paid')
      await pay(play, one, 1, command.dies)
      return
    }
    case 'pass':
      lane.time += command.minutes * minute
      if (command.ticks) await act(play, { do: 'clock', workers: 1, dies: null })
      return
    case 'clock': {
      rules.expireOrders(lane.time)
      rules.closeGroups(lane.time)
      rules.moveLines(lane.time)
      rules.chooseForSilent(lane.time)
      const workers = Array.from({ length: command.workers }, () => db)
      await dying(command.dies, async () => {
        await expireOrders(db, now)
        await all(workers.map((of) => closeDueGroups(of, now)))
        await all(workers.map((of) => moveLines(of, now)))
        await all(workers.map((of) => chooseForSilent(of, now)))
      })
      return
    }
    case 'jobs':
      await work(play, command.most, command.dies)
      return
    case 'bank-fails':
      bank.fail(command.call, command.times, command.hasEffect)
      return
    case 'edit':
      rules.edit(command.terms)
      await setTerms(db, goods, command.terms)
      return
    case 'end':
      rules.end()
      await db.$executeRaw`UPDATE campaign SET ends_at = ${now} WHERE id = ${goods.campaignId}`
      return
    case 'top-up': {
      if (!group || groupId === undefined) return
      const { seats } = command
      const before = group.toppedUp
      const isRoom = rules.topUp(group, seats, lane.time)
      const by = { personId: lane.seller, groupId, seats, before }
      const result = await dying(command.dies, () => topUpGroup(db, by, now))
      const wanted = isRoom ? { ok: true, formed: group.state === 'formed' } : { ok: false, reason: 'no-room' }
      if (command.dies === null || !isRoom) expect(result).toEqual(wanted)
    }
  }
}

/**
 * Their time was over, they wait for another seat, are offered it, and then pay on the page that they still have. Or they
 * pay when somebody has just left, and whoever waits longer comes before them.
 */
async function comeBack(play: Play, one: RulesOrder, leaves: number | null): Promise<void> {
  const passing = { do: 'pass', minutes: 16, ticks: true } as const
  if (one.state === 'awaiting_payment') await act(play, passing)
  const group = play.rules.groups.indexOf(one.group)
  await act(play, { do: 'wait', who: one.who, group, taps: 1, dies: null })
  const leaver =
    leaves === null
      ? undefined
      : at(
          play.rules.orders.filter((it) => it.group === one.group),
          leaves,
        )
  if (leaver) await act(play, { do: 'leave', order: play.rules.orders.indexOf(leaver), dies: null })
  else await act(play, passing)
  await pay(play, one, 1, null)
}

/** Taps of one person at once, on one button; all lead where the rules say. */
async function tap(
  play: Play,
  command: Dying & { who: number },
  purchase: Purchase,
  wanted: RulesOrder | undefined,
  taps: number,
): Promise<void> {
  const { lane, rules } = play
  const personId = lane.people[command.who] ?? 0
  const now = new Date(lane.time)
  const requestKeys = Array.from({ length: taps }, () => randomUUID())
  const once = (requestKey: string) => buy(lane.db, { personId, requestKey, purchase, now }, lane.deps)
  const results = await dying(command.dies, () => all(requestKeys.map(once)))
  for (const result of results) {
    expect({ isPossible: result.ok, why: result.ok || result.reason }).toMatchObject({
      isPossible: wanted !== undefined,
    })
    if (!result.ok || !wanted) continue
    const { orderId, seat } = result.order
    const index = rules.orders.indexOf(wanted)
    if (index === play.orders.length) {
      if (seat && wanted.group.leader === wanted.who && purchase.kind === 'own-group') play.groups.push(seat.groupId)
      const by = { personId, orderId, method: 'sbp', now } as const
      let page = result.order.payment
      if (wanted.atOnce) {
        const changed = await payBy(lane.db, by, lane.deps)
        expect(changed).toMatchObject({ ok: true })
        page = changed.ok ? changed.order.payment : undefined
      }
      play.orders.push({ orderId, externalId: lane.bank.pageOf(page?.paymentId ?? '') })
    }
    expect(orderId).toBe(play.orders[index]?.orderId)
  }
}

async function pay(play: Play, one: RulesOrder, hints: number, diesAt: number | null): Promise<void> {
  play.rules.pay(one)
  play.lane.bank.pay(play.orders[play.rules.orders.indexOf(one)]?.externalId ?? '')
  await hear(play, one, hints, diesAt)
}

/** The bank calls, perhaps several times at once. */
async function hear(play: Play, one: RulesOrder, hints: number, diesAt: number | null): Promise<void> {
  if (hints === 0) return
  const { lane, rules } = play
  const { externalId = '' } = play.orders[rules.orders.indexOf(one)] ?? {}
  rules.hear(one, lane.time)
  const hint = () => paymentHinted(lane.db, externalId, lane.deps, new Date(lane.time))
  await dying(diesAt, () => all(Array.from({ length: hints }, hint)))
}

/** A worker does some of what is in the queue, and perhaps dies over it. @returns how many jobs it had. */
async function work(play: Play, most: number, diesAt: number | null): Promise<number> {
  const { lane, rules } = play
  const { db, deps, bank } = lane
  const jobs = await db.$queryRaw<{ key: string; moveId: string; orderId: number; kind: BankCall; amount: bigint }[]>`
    SELECT j.key, m.id::text AS "moveId", p.order_id AS "orderId", m.kind, m.amount
    FROM graphile_worker._private_jobs j JOIN payment_move m ON j.key = 'move:' || m.id
      JOIN payment p ON p.id = m.payment_id
    ORDER BY j.id LIMIT ${most}`
  for (const { key, moveId, orderId, kind, amount } of jobs) {
    const one = rules.orders[play.orders.findIndex((it) => it.orderId === orderId)]
    if (!one) throw new Error(`a job for order ${orderId}, which nobody made`)
    const isWanted = one.jobs.some((job) => job.kind === kind && job.amount === Number(amount))
    const fault = isWanted ? bank.faultAhead(kind) : undefined
    if (isWanted) {
      const answer = fault ? (fault.hasEffect ? 'lost' : 'failed') : 'answered'
      rules.work(one, { kind, amount: Number(amount) }, answer, lane.time)
    }
    const run = () => movePayment(db, moveId, deps, new Date(lane.time))
    const isDone = await dying(fault ? null : diesAt, run).then(
      () => true,
      (error: unknown) => {
        if (error instanceof OutcomeUnknown) return false
        throw error
      },
    )
    if (isDone) await db.$executeRaw`DELETE FROM graphile_worker._private_jobs WHERE key = ${key}`
  }
  return jobs.length
}

type Snapshot = ReturnType<ReturnType<typeof createRules>['snapshot']>

/** What the database says, in the words of the rules. */
async function snapshot({ lane, goods: { variantId } }: Play): Promise<Snapshot> {
  const { people } = lane
  const [row] = await lane.db.$queryRaw<{ found: Snapshot }[]>`
    SELECT json_build_object(
      'stock', (SELECT json_build_array(on_hand, reserved) FROM stock_level WHERE variant_id = ${variantId}),
      'groups', (SELECT coalesce(json_agg(json_build_array(state, taken_seats, paid_seats, topped_up, best_seats,
          (extract(epoch FROM deadline_at) * 1000)::bigint, in_line, line.places, line.passed) ORDER BY id), '[]')
        FROM "group" g, LATERAL (
          SELECT count(*) FILTER (WHERE w.state = 'passed') AS passed,
            coalesce(json_agg(json_build_array(array_position(${people}::int[], w.person_id) - 1,
              (extract(epoch FROM w.offered_until) * 1000)::bigint) ORDER BY w.id)
              FILTER (WHERE w.state IN ('waiting', 'offered')), '[]') AS places
          FROM waiting w WHERE w.group_id = g.id) line
        WHERE variant_id = ${variantId}),
      'orders', (SELECT coalesce(json_agg(json_build_object('order', o.state, 'reason', o.cancel_reason, 'seat', s.state,
          'goods', r.state, 'total', o.total, 'money', p.state, 'captured', p.captured, 'refunding', p.refunding,
          'refunded', p.refunded, 'jobs', (SELECT coalesce(json_agg(m.kind || ' ' || m.amount ORDER BY (m.kind || ' ' || m.amount) COLLATE "C"), '[]')
            FROM payment_move m WHERE m.payment_id = p.id AND m.state IN ('created', 'pending') AND EXISTS (
              SELECT 1 FROM graphile_worker._private_jobs j WHERE j.key = 'move:' || m.id))) ORDER BY o.id), '[]')
        FROM order_line l JOIN "order" o ON o.id = l.order_id JOIN payment p ON p.order_id = o.id AND p.counts
          JOIN seat s ON s.order_id = o.id JOIN reservation r ON r.order_id = o.id
        WHERE l.variant_id = ${variantId})) AS found`
  if (!row) throw new Error('a query of one row')
  return row.found
}

export async function check(play: Play): Promise<void> {
  const [found, wanted] = [await snapshot(play), play.rules.snapshot()]
  // Comparing texts costs next to nothing; only a difference is worth the search.
  if (JSON.stringify(found) !== JSON.stringify(wanted)) expect(found).toEqual(wanted)
}

/** Every clock runs, the bank answers again, every job is done: nobody is owed anything. */
export async function settle(play: Play): Promise<void> {
  const { lane, rules } = play
  const step = async (command: Command) => {
    await act(play, command)
    await check(play)
  }
  const workAll = async () => {
    for (let round = 0; round < 20 && rules.orders.some(({ jobs }) => jobs.length > 0); round += 1) {
      await work(play, 100, null)
      await check(play)
    }
  }
  lane.time += 61 * minute
  await step({ do: 'clock', workers: 1, dies: null })
  // A payment that nobody told us of lies at the bank: the tick asks after it.
  // Of what is known already it may ask once more for nothing.
  for (const [at, one] of rules.orders.entries()) if (at === 0 || rules.isNews(one)) await hear(play, one, 1, null)
  await work(play, 100, null)
  await check(play)
  lane.bank.mend()
  await workAll()
  // Nobody may open more than ten groups within a day, nor think longer than that about what late money shall buy.
  lane.time += 25 * hour
  await step({ do: 'choose', order: 0, group: 0, wish: 'own-group', dies: null })
  await step({ do: 'clock', workers: 1, dies: null })
  await workAll()
  for (const [index, one] of rules.orders.entries()) {
    const { orderId, externalId } = play.orders[index] ?? { orderId: 0, externalId: '' }
    const isBought = one.state === 'packable'
    const total = one.price * one.units + Number(deliveryCost)
    const { held, taken, captures } = lane.bank.balanceOf(externalId)
    expect({ orderId, held, taken, captures: isBought ? captures : 1 }).toEqual({
      orderId,
      held: 0n,
      taken: isBought ? BigInt(total) : 0n,
      captures: 1,
    })
    expect({ orderId, end: `${one.state} ${one.seat}` }).toEqual({
      orderId,
      end: isBought ? 'packable confirmed' : expect.stringMatching(/^cancelled (released|refunded)$/),
    })
  }
  await lane.db.$executeRaw`DELETE FROM graphile_worker._private_jobs`
}
