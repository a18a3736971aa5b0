/** Messages that show a group or an order and follow what becomes of it. */
import type { Client } from '#store/db.ts'
import {
  deleteCard,
  findOrderCards,
  findSharedCard,
  findStaleCards,
  isCardLive,
  markCardShown,
  saveCard,
  type CardRow,
  type CardSubject,
} from '#store/live-cards.ts'

export type { CardRow, CardSubject }

/** A message shows this from now on. One that is behind already is brought up to date by a job. */
export async function followCard(
  db: Client,
  card: CardRow & { subject: CardSubject; shownVersion: number },
  now: Date,
): Promise<void> {
  await saveCard(db, card, now)
}

/** @returns undefined for a message that follows nothing yet, or that stands in somebody's private chat. */
export async function sharedCardAt(
  db: Client,
  card: Pick<CardRow, 'messenger' | 'messageRef'>,
): Promise<{ groupId: number | null; sharerId: number | null } | undefined> {
  return findSharedCard(db, card)
}

/** @param version the group's present one; left out for an order, all of whose messages are drawn again. */
export async function cardsToEdit(db: Client, subject: CardSubject, version?: number): Promise<CardRow[]> {
  return 'groupId' in subject ? findStaleCards(db, subject.groupId, version ?? 0) : findOrderCards(db, subject.orderId)
}

export async function isStillShown(db: Client, card: CardRow, subject: CardSubject): Promise<boolean> {
  return isCardLive(db, card, subject)
}

export async function cardShown(db: Client, card: CardRow, version: number): Promise<void> {
  await markCardShown(db, card.messenger, card.messageRef, version)
}

/** The message is gone, or is about to show another screen. */
export async function forgetCard(db: Client, card: Pick<CardRow, 'messenger' | 'messageRef'>): Promise<void> {
  await deleteCard(db, card.messenger, card.messageRef)
}
