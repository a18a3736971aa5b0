import { followCard, type CardSubject } from '#shop/live-cards.ts'
import type { Follows, MessageRef } from './messenger.ts'
import type { Visit } from './visit.ts'

/** An order has no version: whatever happens to it draws its messages again. */
export function toSubject(follows: Follows): { subject: CardSubject; shownVersion: number } {
  return 'groupId' in follows
    ? { subject: { groupId: follows.groupId }, shownVersion: follows.version }
    : { subject: { orderId: follows.orderId }, shownVersion: 0 }
}

/**
 * A group's card stands where anybody may read it. What it shows is not known: seats may have been taken since it was
 * drawn, so it is brought up to date.
 * @param sharerId who put it there, when that is the visitor.
 */
export async function followSharedCard(
  { deps, visitor, reader }: Visit,
  groupId: number,
  ref: MessageRef,
  sharerId?: number,
): Promise<void> {
  const { messenger } = visitor.sender
  const card = { messenger, messageRef: ref, language: reader.language, timeZone: reader.timeZone, personId: null }
  const shared = { ...card, ...(sharerId !== undefined && { sharerId }) }
  await followCard(deps.db, { ...shared, subject: { groupId }, shownVersion: 0 }, deps.now())
}
