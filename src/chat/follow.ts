import type { CardSubject } from '#shop/live-cards.ts'
import type { Follows } from './messenger.ts'

/** An order has no version: whatever happens to it draws its messages again. */
export function toSubject(follows: Follows): { subject: CardSubject; shownVersion: number } {
  return 'groupId' in follows
    ? { subject: { groupId: follows.groupId }, shownVersion: follows.version }
    : { subject: { orderId: follows.orderId }, shownVersion: 0 }
}
