/**
 * The rules of buying together, told once more and as simply as they can be: plain objects, one purchase after the other,
 * nothing lost and nothing twice. `model.test.ts` lays it beside the real shop. Amounts are kopecks, times milliseconds. Long
 * because rules that are spread over files are not simple any more.
 */
import { deliveryCost } from './quick-world.ts'

export type Terms = {
  kind: 'team' | 'ladder'
  size: number
  minSeats: number
  lifetime: number
  maxUnits: number
  /** From so many seats on; the first is where it starts. */
  steps: { seats: number; price: number }[]
  /** Off the leader's price. */
  thanks: number
}

type Group = Terms & {
  state: 'draft' | 'open' | 'formed' | 'failed' | 'cancelled'
  leader: number
  taken: number
  paid: number
  toppedUp: number
  best: number
  deadline: number
  /** Who waits for a seat, in their order; a seat that is offered counts as taken. */
  line: { who: number; until: number | null }[]
  /** Who gave a place up or let an offer pass, as often as they did. */
  passed: number[]
}

export type Job = { kind: 'capture' | 'void' | 'refund'; amount: number }

type Order = {
  who: number
  group: Group
  units: number
  /** What was agreed for a unit, and what it came to. */
  price: number
  /** What its page asks for. */
  asked: number
  atOnce: boolean
  expiresAt: number
  state: 'awaiting_payment' | 'awaiting_group' | 'awaiting_choice' | 'packable' | 'cancelled'
  reason: string | null
  /** Until when its buyer may say what late money shall buy. */
  chooseUntil: number
  seat: 'held' | 'paid' | 'confirmed' | 'released' | 'refund_due' | 'refunded'
  /** How it stands at the bank, whether we have heard of it or not. */
  bank: 'pending' | 'held' | 'captured' | 'gone'
  money: 'pending' | 'held' | 'capturing' | 'captured' | 'voiding' | 'voided' | 'expired' | 'failed'
  captured: number
  refunded: number
  jobs: Job[]
}

const minute = 60_000
const day = 24 * 60 * minute
const delivery = Number(deliveryCost)
const live = ['held', 'paid', 'confirmed']

export function createRules(first: Terms, pieces: number) {
  let terms = first
  let isEnded = false
  const stock = { onHand: pieces, reserved: 0 }
  const groups: Group[] = []
  const orders: Order[] = []
  /** What came about, to know that the commands lead everywhere. */
  const seen = new Set<string>()

  const free = () => stock.onHand - stock.reserved
  const priceOf = ({ steps, best }: Group) =>
    Math.min(...steps.filter(({ seats }, at) => at === 0 || seats <= best).map(({ price }) => price))
  const unpaidOf = (who: number) => orders.filter((one) => one.who === who && one.state === 'awaiting_payment').length
  const refuse = (reason: string) => {
    seen.add(reason)
    return undefined
  }

  function order(who: number, group: Group, units: number, atOnce: boolean, now: number): Order {
    const price = priceOf(group)
    const made: Order = {
      who,
      group,
      units,
      price,
      asked: price * units + delivery,
      atOnce,
      expiresAt: Math.min(now + 15 * minute, group.deadline),
      state: 'awaiting_payment',
      reason: null,
      chooseUntil: 0,
      seat: 'held',
      bank: 'pending',
      money: 'pending',
      captured: 0,
      refunded: 0,
      jobs: [],
    }
    stock.reserved += units
    orders.push(made)
    return made
  }

  function begin(leader: number, state: 'draft' | 'open', deadline: number): Group {
    const counts = { taken: 1, paid: 0, toppedUp: 0, best: 0 }
    const group: Group = { ...terms, ...counts, state, leader, deadline, line: [], passed: [] }
    groups.push(group)
    return group
  }

  /** @returns the order that the tap leads to; undefined when it is refused. */
  function open(who: number, units: number, atOnce: boolean, now: number): Order | undefined {
    const begun = orders.findLast(
      (one) =>
        one.who === who &&
        one.group.leader === who &&
        one.group.state === 'draft' &&
        one.state === 'awaiting_payment' &&
        one.expiresAt > now,
    )
    if (begun) return begun
    if (isEnded) return refuse('no terms')
    if (units > terms.maxUnits) return refuse('too many units')
    if (free() < units) return refuse('out of stock')
    if (unpaidOf(who) >= 5) return refuse('too many unpaid')
    const deadline = now + Math.min(terms.lifetime, 6 * day)
    const group = begin(who, 'draft', deadline)
    return order(who, group, units, atOnce, now)
  }

  function join(who: number, group: Group, units: number, atOnce: boolean, now: number): Order | undefined {
    const mine = orders.filter((one) => one.who === who && one.group === group)
    const begun = mine.findLast((one) => one.state === 'awaiting_payment' && one.expiresAt > now)
    if (begun) return begun
    if (mine.some(({ seat }) => live.includes(seat))) return refuse('already in')
    if (group.state === 'draft') return refuse('not open')
    if (group.state !== 'open') return refuse('closed')
    if (group.deadline <= now) return refuse('time is over')
    const offer = offerOf(who, group, now)
    if (!offer && freeSeats(group) <= 0) return refuse('full')
    if (units > group.maxUnits) return refuse('too many units')
    if (free() < units) return refuse('out of stock')
    if (unpaidOf(who) >= 5) return refuse('too many unpaid')
    if (offer) accept(group, offer)
    else group.taken += 1
    return order(who, group, units, atOnce, now)
  }

  const waits = ({ line }: Group) => line.filter(({ until }) => until === null).length
  /** Nobody sits there, and nobody waits for them. */
  const freeSeats = (group: Group) => group.size - group.taken - group.toppedUp - waits(group)
  const offerOf = (who: number, { line }: Group, now: number) =>
    line.find((one) => one.who === who && one.until !== null && one.until > now)
  /** The seat that was theirs to take is: it was counted when it was offered. */
  function accept(group: Group, offer: Group['line'][number]): void {
    group.line = group.line.filter((one) => one !== offer)
    seen.add('offer taken')
  }

  /** Lapsed offers go on to the next; of a group that is over nobody waits any longer. */
  function moveLine(group: Group, now: number): void {
    for (const one of group.line) {
      const isSeated = isIn(one.who, group)
      if (!isSeated && (one.until === null || one.until > now)) continue
      group.line = group.line.filter((it) => it !== one)
      if (one.until !== null) group.taken -= 1
      if (isSeated) continue
      group.passed.push(one.who)
      seen.add('offer passed')
    }
    for (const one of group.line) {
      const isRoom = isGathering(group, now) && group.taken + group.toppedUp < group.size
      if (!isRoom || one.until !== null) continue
      one.until = Math.min(now + 15 * minute, group.deadline)
      group.taken += 1
      seen.add('offered')
    }
    closeIfEmpty(group)
    if (group.state === 'open') return
    for (const { until } of group.line) {
      if (until !== null) group.taken -= 1
      seen.add('waited in vain')
    }
    group.line = []
  }

  function closeIfEmpty(group: Group): void {
    if (group.state === 'open' && group.taken === 0 && waits(group) === 0) group.state = 'cancelled'
  }

  /** A seat is given up. A group that has ended keeps the numbers that it ended with. */
  function vacate(one: Order, to: 'released' | 'refund_due'): void {
    const { group, seat } = one
    if (!live.includes(seat)) return
    one.seat = to
    if (group.state !== 'open' && seat !== 'held') return
    group.taken -= 1
    if (seat !== 'held') group.paid -= 1
    closeIfEmpty(group)
  }

  function over(one: Order, reason: string): void {
    if (one.state === 'packable') stock.onHand += one.units
    else if (one.state !== 'cancelled') stock.reserved -= one.units
    if (one.state !== 'cancelled' || reason === 'refund-owed') one.reason = reason
    one.state = 'cancelled'
  }

  function giveUp(one: Order, reason: string): void {
    vacate(one, 'released')
    over(one, reason)
    if (one.group.state === 'draft') one.group.state = 'cancelled'
  }

  function payBack(one: Order, reason: string): void {
    vacate(one, 'refund_due')
    over(one, reason)
    const left = one.captured - one.refunded - sum(one.jobs)
    if (left > 0) one.jobs.push({ kind: 'refund', amount: left })
  }

  /** Money that buys nothing. */
  function back(one: Order): void {
    seen.add('late and back')
    if (one.money === 'captured') payBack(one, 'refund-owed')
    else letGo(one)
  }

  function letGo(one: Order): void {
    one.money = 'voiding'
    one.jobs.push({ kind: 'void', amount: one.asked })
  }

  /** Their money goes back before it bought anything: they left, or did not choose. */
  function giveBack(one: Order, reason: string): void {
    if (one.money === 'captured') return payBack(one, reason)
    vacate(one, 'released')
    over(one, reason)
    letGo(one)
  }

  const isIn = (who: number, group: Group) =>
    orders.some((one) => one.who === who && one.group === group && live.includes(one.seat))
  const isGathering = (group: Group, now: number) => group.state === 'open' && group.deadline > now
  const hasRoom = (group: Group, now: number) => isGathering(group, now) && freeSeats(group) > 0
  const canOwn = ({ units, price }: Order) =>
    !isEnded && (terms.steps[0]?.price ?? Infinity) <= price && units <= terms.maxUnits
  const suits = ({ units, price }: Order, group: Group) => group.maxUnits >= units && priceOf(group) <= price

  /** Money came when its group could take it no more: its buyer chooses, if there is something to choose. */
  function choice(one: Order, now: number): void {
    const isOther = groups.some((group) => hasRoom(group, now) && !isIn(one.who, group) && suits(one, group))
    const isReserved = one.state === 'awaiting_payment'
    if (!(isOther || canOwn(one)) || (!isReserved && free() < one.units)) return back(one)
    seen.add('late and chooses')
    vacate(one, 'released')
    if (!isReserved) stock.reserved += one.units
    one.state = 'awaiting_choice'
    one.reason = null
    one.chooseUntil = now + day
  }

  /** They sit in it, and have paid. */
  function seat(one: Order, group: Group): void {
    one.group = group
    one.seat = 'paid'
    one.state = 'awaiting_group'
    group.state = 'open'
    group.paid += 1
    group.best = Math.max(group.best, group.paid + group.toppedUp)
    formIfFull(group)
  }

  function bought(one: Order): void {
    one.state = 'packable'
    one.seat = 'confirmed'
    stock.onHand -= one.units
    stock.reserved -= one.units
  }

  function form(group: Group): void {
    group.state = 'formed'
    seen.add('formed')
    for (const one of orders.filter((it) => it.group === group && it.seat === 'paid')) {
      const reached = Math.min(one.price, priceOf(group))
      if (reached < one.price) seen.add('cheaper')
      one.price = one.who === group.leader ? reached - Math.floor((reached * group.thanks) / 10_000) : reached
      const total = one.price * one.units + delivery
      if (one.money === 'held') {
        one.money = 'capturing'
        one.jobs.push({ kind: 'capture', amount: total })
        continue
      }
      if (total < one.captured) one.jobs.push({ kind: 'refund', amount: one.captured - total })
      bought(one)
    }
  }

  const formIfFull = (group: Group) => {
    if (group.state === 'open' && group.paid > 0 && group.paid + group.toppedUp === group.size) form(group)
  }

  /** Money is there for the first time. */
  function there(one: Order, now: number): void {
    const { group } = one
    if (one.state === 'cancelled') {
      if (one.reason !== 'unpaid' || isIn(one.who, group)) return back(one)
      const offer = isGathering(group, now) ? offerOf(one.who, group, now) : undefined
      if (!offer && !hasRoom(group, now)) {
        if (isGathering(group, now) && group.taken + group.toppedUp < group.size) seen.add('late behind the line')
        return choice(one, now)
      }
      if (offer) accept(group, offer)
      if (free() < one.units) {
        // The seat that was theirs goes with the money.
        if (offer) group.taken -= 1
        return back(one)
      }
      seen.add(offer ? 'late and offered' : 'late and in')
      if (!offer) group.taken += 1
      stock.reserved += one.units
      one.reason = null
    } else if (one.seat !== 'held' || (group.state !== 'draft' && group.state !== 'open')) {
      return choice(one, now)
    }
    seat(one, group)
  }

  /** We look at the bank: because it called, or by ourselves. */
  function hear(one: Order, now: number): void {
    const { bank, money } = one
    if (bank === 'held' && money === 'pending') {
      one.money = 'held'
      there(one, now)
    } else if (bank === 'captured' && (money === 'pending' || money === 'capturing')) {
      one.captured = money === 'pending' ? one.asked : sum(one.jobs)
      one.jobs = []
      one.money = 'captured'
      if (money === 'pending') there(one, now)
      else bought(one)
    } else if (bank === 'gone' && money === 'pending') {
      one.money = 'failed'
      seen.add('declined')
    } else if (bank === 'gone' && ['held', 'capturing', 'voiding'].includes(money)) {
      one.jobs = []
      one.money = money === 'voiding' ? 'voided' : 'expired'
      if (money !== 'voiding') seen.add('hold expired')
      if (one.state === 'cancelled') return
      vacate(one, 'released')
      over(one, money === 'voiding' ? 'released' : 'hold-expired')
    }
  }

  return {
    stock,
    groups,
    orders,
    seen,
    open,
    join,
    hear,

    /** Whether the bank knows more than we do. */
    isNews: ({ bank, money }: Order): boolean =>
      (bank !== 'pending' && money === 'pending') ||
      (bank === 'captured' && money === 'capturing') ||
      (bank === 'gone' && ['held', 'capturing', 'voiding'].includes(money)),
    /** Somebody pays at the bank. */
    pay(one: Order): void {
      if (one.bank === 'pending') one.bank = one.atOnce ? 'captured' : 'held'
    },
    decline(one: Order): void {
      if (one.bank === 'pending') one.bank = 'gone'
    },
    expireHold(one: Order): void {
      if (one.bank === 'held') one.bank = 'gone'
    },

    /** @returns whether it was still possible. */
    leave(one: Order, now: number): boolean {
      if (one.state === 'awaiting_payment' && isUnpaid(one)) giveUp(one, 'given-up')
      else if (one.state === 'awaiting_choice' || (one.state === 'awaiting_group' && isGathering(one.group, now))) {
        giveBack(one, 'cancelled')
        seen.add('left')
      } else if (one.state === 'packable') {
        payBack(one, 'cancelled')
        seen.add('returned')
      } else {
        seen.add('too late to leave')
        return false
      }
      return true
    },

    expireOrders(now: number): void {
      for (const one of orders) {
        if (one.state !== 'awaiting_payment' || one.expiresAt > now || !isUnpaid(one)) continue
        giveUp(one, 'unpaid')
        seen.add('not paid in time')
      }
    },

    closeGroups(now: number): void {
      for (const group of groups.filter((it) => it.state === 'open' && it.deadline <= now)) {
        if (group.paid > 0 && group.paid + group.toppedUp >= group.minSeats) {
          form(group)
          continue
        }
        group.state = 'failed'
        seen.add('failed')
        for (const one of orders.filter((it) => it.group === group && it.seat === 'paid')) {
          if (one.money === 'captured') payBack(one, 'refund-owed')
          else letGo(one)
        }
      }
    },

    /** Whoever says nothing in time has their money back. */
    chooseForSilent(now: number): void {
      for (const one of orders) {
        if (one.state !== 'awaiting_choice' || one.chooseUntil > now) continue
        giveBack(one, one.money === 'captured' ? 'refund-owed' : 'released')
        seen.add('did not choose')
      }
    },

    /** A late payer says what their money shall buy. @returns whether it still can. */
    choose(one: Order, wish: 'own-group' | 'money-back' | Group, now: number): boolean {
      if (one.state !== 'awaiting_choice') return false
      if (wish === 'money-back') {
        giveBack(one, 'cancelled')
        seen.add('money back instead')
        return true
      }
      if (one.chooseUntil <= now) return false
      if (wish === 'own-group') {
        if (!canOwn(one)) return false
        const deadline = now + terms.lifetime
        seat(one, begin(one.who, 'open', deadline))
        seen.add('own group after all')
        return true
      }
      const offer = isGathering(wish, now) ? offerOf(one.who, wish, now) : undefined
      if (!suits(one, wish) || isIn(one.who, wish) || !(offer || hasRoom(wish, now))) return false
      if (offer) accept(wish, offer)
      else wish.taken += 1
      seat(one, wish)
      seen.add('another group after all')
      return true
    },

    /** @returns whether so many seats were free. */
    topUp(group: Group, seats: number, now: number): boolean {
      if (!isGathering(group, now) || seats < 1 || seats > freeSeats(group)) return false
      group.toppedUp += seats
      group.best = Math.max(group.best, group.paid + group.toppedUp)
      seen.add('topped up')
      formIfFull(group)
      return true
    },

    /** @returns their place, or that a seat is offered to them; undefined when there is nothing to wait for. */
    wait(who: number, group: Group, now: number): number | 'offered' | undefined {
      const placeOf = (one: Group['line'][number]) =>
        one.until === null ? group.line.filter(({ until }) => until === null).indexOf(one) + 1 : ('offered' as const)
      if (isIn(who, group)) return undefined
      const standing = group.line.find((one) => one.who === who)
      if (standing) return placeOf(standing)
      if (!isGathering(group, now) || freeSeats(group) > 0) return refuse('nothing to wait for')
      if (group.passed.filter((one) => one === who).length >= 3) return refuse('waited enough')
      const place = { who, until: null }
      group.line.push(place)
      seen.add('waits')
      return placeOf(place)
    },

    /** @returns whether they waited. */
    stopWaiting(who: number, group: Group, now: number): boolean {
      const place = group.line.find((one) => one.who === who)
      if (!place) return false
      group.line = group.line.filter((one) => one !== place)
      if (place.until !== null) group.taken -= 1
      group.passed.push(who)
      seen.add(place.until === null ? 'waits no longer' : 'offer refused')
      moveLine(group, now)
      return true
    },

    /** Everybody in any line. */
    inLines: () => groups.flatMap((group) => group.line.map((place) => ({ ...place, group }))),
    moveLines(now: number): void {
      for (const group of groups) {
        const isFree = group.deadline > now && group.taken + group.toppedUp < group.size
        const moves = group.state !== 'open' || group.line.some(({ until }) => (until === null ? isFree : until <= now))
        if (moves) moveLine(group, now)
      }
    },

    /** Whether a friend may pay for it: it waits for its money, and its group for it. */
    isPayable: (one: Order, now: number): boolean =>
      one.state === 'awaiting_payment' &&
      isUnpaid(one) &&
      one.expiresAt > now &&
      (one.group.state === 'draft' || one.group.state === 'open'),
    /** A page for another try. */
    again(one: Order): void {
      one.bank = 'pending'
      one.money = 'pending'
      seen.add('another try')
    },

    edit(changed: Terms): void {
      terms = changed
    },
    end(): void {
      isEnded = true
    },

    /** A job asks the bank. @param answer what becomes of the call. */
    work(one: Order, { kind, amount }: Job, answer: 'answered' | 'lost' | 'failed', now: number): void {
      if (answer !== 'answered') seen.add(`${kind} ${answer}`)
      if (kind === 'refund') {
        if (answer !== 'answered') return
        one.jobs.splice(
          one.jobs.findIndex((job) => job.kind === kind && job.amount === amount),
          1,
        )
        one.refunded += amount
        // The seat is settled when all of it is back.
        if (one.seat === 'refund_due' && one.refunded === one.captured) one.seat = 'refunded'
        return
      }
      if (answer !== 'failed' && one.bank === 'held') one.bank = kind === 'capture' ? 'captured' : 'gone'
      hear(one, now)
    },

    /** What the database must say, in the words of `model.test.ts`. */
    snapshot() {
      const reservation = {
        awaiting_payment: 'held',
        awaiting_group: 'held',
        awaiting_choice: 'held',
        packable: 'consumed',
        cancelled: 'released',
      }
      return {
        stock: [stock.onHand, stock.reserved],
        groups: groups.map((group) => [
          group.state,
          group.taken,
          group.paid,
          group.toppedUp,
          group.best,
          group.deadline,
          waits(group),
          group.line.map(({ who, until }) => [who, until]),
          group.passed.length,
        ]),
        orders: orders.map(({ jobs, refunded, captured, ...one }) => ({
          order: one.state,
          reason: one.reason,
          seat: one.seat,
          goods: reservation[one.state],
          total: one.price * one.units + delivery,
          money: refunded === 0 ? one.money : refunded === captured ? 'refunded' : 'part_refunded',
          captured,
          refunding: jobs.reduce((all, { kind, amount }) => all + (kind === 'refund' ? amount : 0), 0),
          refunded,
          jobs: jobs.map(({ kind, amount }) => `${kind} ${amount}`).toSorted(),
        })),
      }
    },
  }
}

export type Rules = ReturnType<typeof createRules>
export type RulesOrder = Order
export type RulesGroup = Group

const isUnpaid = ({ money }: Order) => money === 'pending' || money === 'failed'
const sum = (jobs: readonly Job[]) => jobs.reduce((all, { amount }) => all + amount, 0)
