/** Messages owed to people: taken one at a time, marked before they are sent. */
import type { Language } from '#domain/people.ts'
import { inTransaction, type Client } from '#store/db.ts'
import {
  claimNotification,
  finishNotification,
  findUploadedPicture,
  giveUpOrphanedSends,
  postponeNotification,
  saveUploadedPicture,
  type ClaimedNotice,
  type Notice,
} from '#store/notifications.ts'
import { findAddresses, findReader, forgetHandledUpdates, markUnreachable } from '#store/people.ts'
import { forgetReconciliations } from '#store/reconciliation.ts'
import { forgetViews } from '#store/seen.ts'
import { forgetSearches } from '#store/catalog.ts'

export type { ClaimedNotice, Notice }

export async function takeNotification(db: Client, now: Date): Promise<ClaimedNotice | undefined> {
  return claimNotification(db, now)
}

export async function notificationDone(
  db: Client,
  notificationId: number,
  state: 'sent' | 'doubtful' | 'unreachable' | 'dropped',
  now: Date,
): Promise<void> {
  await finishNotification(db, notificationId, state, now)
}

/** Nothing was sent: it is due again after a growing pause, two seconds to ten minutes. */
export async function sendLater(db: Client, notificationId: number, attempts: number, now: Date): Promise<void> {
  const pause = Math.min(1000 * 2 ** attempts, 10 * 60_000)
  await inTransaction(db, (tx) => postponeNotification(tx, notificationId, new Date(now.getTime() + pause)))
}

/** Call before sending starts. @returns how many sends of a killed sender are in doubt. */
export async function doubtOrphanedSends(db: Client): Promise<number> {
  return giveUpOrphanedSends(db)
}

/** Who gets it, where, and in which language. */
export async function addresseeOf(
  db: Client,
  personId: number,
): Promise<{ language: Language; timeZone: string; addresses: { messenger: string; externalId: string }[] }> {
  return { ...(await findReader(db, personId)), addresses: await findAddresses(db, personId) }
}

export async function addressUnreachable(db: Client, messenger: string, externalId: string, now: Date): Promise<void> {
  await markUnreachable(db, messenger, externalId, now)
}

export async function uploadedPicture(db: Client, messenger: string, account: string, picture: string) {
  return findUploadedPicture(db, messenger, account, picture)
}

export async function pictureUploaded(
  db: Client,
  messenger: string,
  account: string,
  picture: string,
  reference: string,
  now: Date,
): Promise<void> {
  await saveUploadedPicture(db, messenger, account, picture, reference, now)
}

/** The tick: forgets what nobody will ask for again. */
export async function tidyUp(db: Client, now: Date): Promise<void> {
  const day = 24 * 60 * 60_000
  await forgetHandledUpdates(db, new Date(now.getTime() - 3 * day))
  await forgetSearches(db, new Date(now.getTime() - 30 * day))
  await forgetViews(db, new Date(now.getTime() - 90 * day))
  await forgetReconciliations(db, new Date(now.getTime() - 90 * day))
}
