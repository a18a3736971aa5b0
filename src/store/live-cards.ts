/** Messages that show a group or an order and are edited when it changes. */
import type { Client, Db } from './db.ts'
import { enqueue, type NewJob } from './queue.ts'

export type CardSubject = { groupId: number } | { orderId: number }

/** A queue's row outlives its jobs: a few shared ones, not one for every group there ever was. */
const cardQueues = 16

export type CardRow = {
  messenger: string
  messageRef: string
  language: string
  /** Of whoever put it where anybody may read it; none: the shop's. */
  timeZone?: string | null
  /** Whose private chat it stands in; null where anybody may read it. */
  personId: number | null
  /** Who put it where anybody may read it, when that is known: whoever comes by it was invited by them. */
  sharerId?: number | null
}

/**
 * Has every copy of the group's card edited; several changes at once make one round of edits. Rounds run one after the
 * other, so that an older one, delayed, cannot draw over a newer.
 */
export async function groupCardsChanged(db: Db, groupId: number): Promise<void> {
  const { name, payload, options } = groupCardsJob(groupId)
  await enqueue(db, name, payload, options)
}

/** The job behind `groupCardsChanged`, for whoever adds many at once. */
export function groupCardsJob(groupId: number): NewJob<'update-cards'> {
  const options = { key: `cards:group:${groupId}`, queue: `cards:${groupId % cardQueues}` }
  return { name: 'update-cards', payload: { groupId }, options }
}

/** Has the messages that show an order edited, if there are any. */
export async function orderCardsChanged(db: Db, orderId: number): Promise<void> {
  const shown = await db.$queryRaw<unknown[]>`SELECT 1 FROM live_card WHERE order_id = ${orderId} LIMIT 1`
  if (shown.length > 0)
    await enqueue(
      db,
      'update-cards',
      { orderId },
      { key: `cards:order:${orderId}`, queue: `cards:${orderId % cardQueues}` },
    )
}

/**
 * Remembers a message. One that shows an older version than the group has by now is brought up to date by a job.
 * @param shownVersion the group's version in the message; 0 when that is not known, or for an order.
 */
export async function saveCard(
  db: Db,
  card: CardRow & { subject: CardSubject; shownVersion: number },
  now: Date,
): Promise<void> {
  const groupId = 'groupId' in card.subject ? card.subject.groupId : null
  const orderId = 'orderId' in card.subject ? card.subject.orderId : null
  const [row] = await db.$queryRaw<{ isBehind: boolean | null }[]>`
    INSERT INTO live_card (messenger, message_ref, group_id, order_id, person_id, language, time_zone, sharer_id,
      shown_version, created_at)
    VALUES (${card.messenger}, ${card.messageRef}, ${groupId}, ${orderId}, ${card.personId}, ${card.language},
      ${card.timeZone ?? null}, ${card.sharerId ?? null}, ${card.shownVersion}, ${now})
    ON CONFLICT (messenger, message_ref) DO UPDATE SET group_id = excluded.group_id, order_id = excluded.order_id,
      person_id = excluded.person_id, sharer_id = coalesce(excluded.sharer_id, live_card.sharer_id), shown_version = CASE WHEN live_card.group_id = excluded.group_id
        THEN greatest(live_card.shown_version, excluded.shown_version) ELSE excluded.shown_version END
    RETURNING shown_version < (SELECT version FROM "group" WHERE id = ${groupId}) AS "isBehind"`
  if (row?.isBehind && groupId !== null) await groupCardsChanged(db, groupId)
}

/** A card where anybody may read it: which group's it is, and who put it there. @returns undefined when it is not known. */
export async function findSharedCard(
  db: Client,
  card: { messenger: string; messageRef: string },
): Promise<{ groupId: number | null; sharerId: number | null } | undefined> {
  const { messenger, messageRef } = card
  const found = await db.liveCard.findUnique({
    where: { messenger_messageRef: { messenger, messageRef } },
    select: { groupId: true, sharerId: true, personId: true },
  })
  return found?.personId === null ? found : undefined
}

/** Copies that show an older state than the group has. */
export async function findStaleCards(db: Client, groupId: number, version: number): Promise<CardRow[]> {
  return db.liveCard.findMany({
    where: { groupId, shownVersion: { lt: version } },
    select: { messenger: true, messageRef: true, language: true, timeZone: true, personId: true, sharerId: true },
  })
}

export async function findOrderCards(db: Client, orderId: number): Promise<CardRow[]> {
  return db.liveCard.findMany({
    where: { orderId },
    select: { messenger: true, messageRef: true, language: true, timeZone: true, personId: true },
  })
}

/** Whether the message still shows this: its reader may have gone on to another screen in it. */
export async function isCardLive(
  db: Client,
  card: { messenger: string; messageRef: string },
  subject: CardSubject,
): Promise<boolean> {
  const { messenger, messageRef } = card
  return (await db.liveCard.count({ where: { messenger, messageRef, ...subject } })) > 0
}

export async function markCardShown(db: Db, messenger: string, messageRef: string, version: number): Promise<void> {
  await db.$executeRaw`
    UPDATE live_card SET shown_version = greatest(shown_version, ${version})
    WHERE messenger = ${messenger} AND message_ref = ${messageRef}`
}

export async function deleteCard(db: Client, messenger: string, messageRef: string): Promise<void> {
  await db.liveCard.deleteMany({ where: { messenger, messageRef } })
}
