/**
 * Waiting for a seat in a full group. A seat that is free while people wait is theirs (`takeSeat` knows how many they are),
 * whatever freed it; a tick offers it to the first of them for a while, takes back what they let pass, and tells everybody
 * when the group is over. Nothing is remembered but rows, so whatever dies on the way, the next tick goes on.
 */
import { heldUntil, joinRefusal, type JoinRefusal } from '#domain/group-buy.ts'
import { inTransaction, type Client, type Transaction } from '#store/db.ts'
import { closeIfEmpty, findGroup, findSellerOfGroup, hasLiveSeat, lockGroup } from '#store/group-buy.ts'
import { findVisitTo } from '#store/visits.ts'
import { groupCardsChanged } from '#store/live-cards.ts'
import { notify } from '#store/notifications.ts'
import { isMember } from '#store/sellers.ts'
import {
  countPassed,
  endLine,
  findLinesThatMove,
  findPlace,
  joinLine,
  lapsePlaces,
  leaveLine,
  offerSeats,
  type LinePlace,
} from '#store/waiting.ts'
import { countDone } from './group-buy.ts'

export type { LinePlace }

/** Places that one person may let pass in one line: whoever keeps a seat from others and does not take it stops. */
const passedMax = 3

export type WaitRefusal =
  | 'not-found'
  | 'not-invited'
  | 'own-shop'
  | 'already-in'
  | 'seat-free'
  | 'waited-enough'
  | JoinRefusal

/**
 * Puts a person at the end of the line, once: tapping again tells where they stand. Cities are asked about at joining,
 * when their address is known.
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
  const via = await findVisitTo(db, groupId, personId)
  return inTransaction(db, async (tx) => {
    await lockGroup(tx, groupId)
    const group = await findGroup(tx, { id: groupId })
    if (!group) return { ok: false, reason: 'not-found' } as const
    if (!group.isPublic && (via === undefined || via === 'list') && group.leaderId !== personId)
      return { ok: false, reason: 'not-invited' } as const
    if (await hasLiveSeat(tx, groupId, personId)) return { ok: false, reason: 'already-in' } as const
    const standing = await findPlace(tx, groupId, personId)
    if (standing) return { ok: true, place: standing } as const
    const refusal = joinRefusal(group, now)
    if (refusal !== 'group-full' || group.state !== 'open')
      return { ok: false, reason: refusal ?? 'seat-free' } as const
    if ((await countPassed(tx, groupId, personId)) >= passedMax) return { ok: false, reason: 'waited-enough' } as const
    await joinLine(tx, groupId, personId, now)
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

/** The tick: moves every line that can move, one group a transaction. @returns how many did. */
export async function moveLines(db: Client, now: Date): Promise<number> {
  return countDone(await findLinesThatMove(db, now, 500), (groupId) =>
    inTransaction(db, async (tx) => {
      await lockGroup(tx, groupId)
      return moveLine(tx, groupId, now)
    }),
  )
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
  for (const { waitingId, personId } of offered) {
    const notice = { kind: 'seat-offered', data: { groupId, waitingId } } as const
    await notify(tx, personId, `waiting:${waitingId}:offered`, notice, now)
  }
  for (const { waitingId, personId } of over) {
    const notice = { kind: 'wait-over', data: { groupId } } as const
    await notify(tx, personId, `waiting:${waitingId}:over`, notice, now)
  }
  return true
}
