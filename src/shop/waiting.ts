/**
 * Waiting for a seat in a full group. A seat that is free while people wait is theirs (`takeSeat` knows how many they are),
 * whatever freed it; a tick offers it to the first of them for a while, takes back what they let pass, and tells everybody
 * when the group is over. Nothing is remembered but rows, so whatever dies on the way, the next tick goes on.
 */
import { heldUntil, joinRefusal, type JoinRefusal } from '#domain/group-buy.ts'
import { inTransaction, type Client, type Transaction } from '#store/db.ts'
import { closeIfEmpty, findGroup, findSellerOfGroup, hasLiveSeat, lockGroup } from '#store/group-buy.ts'
import { isShownTo } from '#store/visits.ts'
import { groupCardsChanged } from '#store/live-cards.ts'
import { notifyEach } from '#store/notifications.ts'
import { findRecipient } from '#store/people.ts'
import { isMember } from '#store/sellers.ts'
import {
  claimLine,
  countPassed,
  endLine,
  endOffer,
  findLinesThatMove,
  findPlace,
  joinLine,
  lapsePlaces,
  leaveLine,
  offerSeats,
  type LinePlace,
} from '#store/waiting.ts'
import { doDue } from './due.ts'

import type { PurchaseRefusal } from './checkout.ts'

export type { LinePlace }

/** Places that one person may let pass in one line: whoever keeps a seat from others and does not take it stops. */
const passedMax = 3
/** People in one line: more would wait for what they hardly ever get. */
const lineMax = 500

export type WaitRefusal =
  | 'not-found'
  | 'not-invited'
  | 'own-shop'
  | 'already-in'
  | 'seat-free'
  | 'waited-enough'
  | 'line-full'
  | 'other-cities'
  | JoinRefusal

/**
 * Puts a person at the end of the line, once: tapping again tells where they stand. Cities are asked about now if their
 * address is known, and at joining. Goods are not: whoever frees a seat frees what was reserved for it.
 * @returns `seat-free` when there is nothing to wait for.
 */
export async function waitForSeat(
  db: Client,
  { personId, groupId }: { personId: number; groupId: number },
  now: Date,
): Promise<{ ok: true; place: LinePlace } | { ok: false; reason: WaitRefusal }> {
  const sellerId = await findSellerOfGroup(db, groupId)
  if (sellerId === undefined) return { ok: false, reason: 'not-found' }
  if (await isMember(db, sellerId, personId)) return { ok: false, reason: 'own-shop' }
  const recipient = await findRecipient(db, personId)
  return inTransaction(db, async (tx) => {
    await lockGroup(tx, groupId)
    const group = await findGroup(tx, { id: groupId })
    if (!group) return { ok: false, reason: 'not-found' } as const
    if (group.state !== 'draft' && !(await isShownTo(tx, groupId, personId)))
      return { ok: false, reason: 'not-invited' } as const
    if (await hasLiveSeat(tx, groupId, personId)) return { ok: false, reason: 'already-in' } as const
    const standing = await findPlace(tx, groupId, personId)
    if (standing) return { ok: true, place: standing } as const
    const refusal = joinRefusal(group, now)
    if (refusal !== 'group-full' || group.state !== 'open')
      return { ok: false, reason: refusal ?? 'seat-free' } as const
    if ((await countPassed(tx, groupId, personId)) >= passedMax) return { ok: false, reason: 'waited-enough' } as const
    if (recipient && group.cities.length > 0 && !group.cities.includes(recipient.cityCode))
      return { ok: false, reason: 'other-cities' } as const
    if (!(await joinLine(tx, groupId, personId, lineMax, now))) return { ok: false, reason: 'line-full' } as const
    const place = await findPlace(tx, groupId, personId)
    if (!place) throw new Error(`group ${groupId} is full and has no line`)
    return { ok: true, place } as const
  })
}

/** Their place goes to those behind them, and a seat that they were offered to the next. */
export async function stopWaiting(
  db: Client,
  { personId, groupId }: { personId: number; groupId: number },
  now: Date,
): Promise<boolean> {
  return inTransaction(db, async (tx) => {
    await lockGroup(tx, groupId)
    if (!(await leaveLine(tx, groupId, personId))) return false
    await groupCardsChanged(tx, groupId)
    await moveLine(tx, groupId, now)
    return true
  })
}

/** How a person stands in a group's line; undefined when they do not. */
export async function placeOf(db: Client, groupId: number, personId: number): Promise<LinePlace | undefined> {
  return findPlace(db, groupId, personId)
}

/** The tick: moves every line that can move, one group a transaction, shared by any number of workers. @returns how many did here. */
export async function moveLines(db: Client, now: Date): Promise<number> {
  return doDue(db, {
    name: 'move-lines',
    count: async (atMost) => (await findLinesThatMove(db, now, atMost)).length,
    claim: (tx, besides) => claimLine(tx, besides, now),
    act: (tx, groupId) => moveLine(tx, groupId, now),
  })
}

/**
 * Somebody wanted the seat that they are offered and was refused. Where that cannot change before the offer ends, the seat
 * goes to the next at once, and it does not count as one that they let pass.
 * @returns whether they had an offer and have it no longer.
 */
export async function offerRefused(
  db: Client,
  { personId, groupId, reason }: { personId: number; groupId: number; reason: PurchaseRefusal },
  now: Date,
): Promise<boolean> {
  if (reason !== 'other-cities' && reason !== 'out-of-stock') return false
  return inTransaction(db, async (tx) => {
    await lockGroup(tx, groupId)
    const group = await findGroup(tx, { id: groupId })
    // Where they may choose, another option may be there.
    if (!group || (reason === 'out-of-stock' && group.mixesOptions)) return false
    if (!(await endOffer(tx, groupId, personId))) return false
    await groupCardsChanged(tx, groupId)
    await moveLine(tx, groupId, now)
    return true
  })
}

/** Call with the group's row locked. @returns false when another worker did it. */
async function moveLine(tx: Transaction, groupId: number, now: Date): Promise<boolean> {
  const lapsed = await lapsePlaces(tx, groupId, now)
  const offered = await offerSeats(tx, groupId, heldUntil(now), now)
  // The last member may have left while others waited; now nobody is left to join.
  await closeIfEmpty(tx, groupId, now)
  const group = await lockGroup(tx, groupId)
  const over = group && group.state !== 'open' ? await endLine(tx, groupId) : []
  if (!lapsed && offered.length === 0 && over.length === 0) return false
  await groupCardsChanged(tx, groupId)
  const notices = [
    ...offered.map(({ waitingId, personId }) => ({
      personId,
      key: `waiting:${waitingId}:offered`,
      notice: { kind: 'seat-offered', data: { groupId, waitingId } } as const,
    })),
    ...over.map(({ waitingId, personId }) => ({
      personId,
      key: `waiting:${waitingId}:over`,
      notice: { kind: 'wait-over', data: { groupId } } as const,
    })),
  ]
  await notifyEach(tx, notices, now)
  return true
}
