/** One handler for each kind of job. A job carries ids only, asks the database how things stand, and may be repeated. */
import type { TaskList } from 'graphile-worker'
import type { Outbox } from '#chat/outbox.ts'
import { freeAside } from '#shop/campaigns.ts'
import { chooseForSilent } from '#shop/choices.ts'
import { createShipment, pollDueShipments, refreshShipment } from '#shop/delivery.ts'
import type { Deps } from '#shop/deps.ts'
import { closeDueGroups, expireOrders } from '#shop/group-buy.ts'
import { tellFavourites } from '#shop/favourites.ts'
import { runImport } from '#shop/import-run.ts'
import type { Jobs } from '#shop/jobs.ts'
import { countWords, refreshListingsFor } from '#shop/listings.ts'
import { tidyUp } from '#shop/notifications.ts'
import {
  finishPlacingPayment,
  placeMissingPages,
  movePayment,
  refreshPayment,
  refreshSilentPayments,
  sendFinalReceipt,
  watchHolds,
} from '#shop/payments.ts'
import { reconcileAll } from '#shop/reconciliation.ts'
import { moveLines } from '#shop/waiting.ts'
import { remind } from '#shop/reminders.ts'

export type Handlers = { [Name in keyof Jobs]: (payload: Jobs[Name]) => Promise<void> }

/** @param warn says what nobody is told of in a chat. */
export function createHandlers(
  deps: Deps,
  outbox: Outbox,
  warn: (o: object, message: string) => void = () => undefined,
): Handlers {
  const { db, carrier } = deps
  const reconcile = async (days: number) => {
    const { differences } = await reconcileAll(db, deps, days, deps.now())
    if (differences.length > 0) warn({ days, differences }, 'our books and a provider differ: see npm run reconcile')
  }
  return {
    'place-payment': ({ paymentId }) => finishPlacingPayment(db, paymentId, deps, deps.now()),
    'place-payments': ({ paymentIds }) => placeMissingPages(db, paymentIds),
    'move-payment': ({ moveId }) => movePayment(db, moveId, deps, deps.now()),
    'refresh-payment': ({ paymentId }) => refreshPayment(db, paymentId, deps, deps.now()),
    'send-final-receipt': ({ paymentId }) => sendFinalReceipt(db, paymentId, deps),
    'send-notifications': async () => {
      await outbox.sendNotifications()
    },
    'update-cards': (subject) => outbox.updateCards(subject),
    'publish-post': ({ postId }) => outbox.publishPost(postId),
    'create-shipment': ({ shipmentId }) => createShipment(db, shipmentId, carrier, deps.now()),
    'import-catalogue': ({ importId }) =>
      runImport(db, importId, { ...deps, download: (messenger, ref) => outbox.download(messenger, ref) }),
    'refresh-shipment': ({ shipmentId }) => refreshShipment(db, shipmentId, carrier, deps.now()),
    'close-due-groups': async () => {
      await closeDueGroups(db, deps.now())
    },
    'expire-orders': async () => {
      await expireOrders(db, deps.now())
    },
    'free-aside': async () => {
      await freeAside(db, deps.now())
    },
    'choose-for-late': async () => {
      await chooseForSilent(db, deps.now())
    },
    remind: async () => {
      await remind(db, deps.now())
    },
    'tell-favourites': async () => {
      await tellFavourites(db, deps.now())
    },
    'move-lines': async () => {
      await moveLines(db, deps.now())
    },
    'refresh-payments': () => refreshSilentPayments(db, deps.now()),
    'watch-holds': () => watchHolds(db, deps.now()),
    'reconcile-days': () => reconcile(2),
    'reconcile-month': () => reconcile(31),
    'poll-carriers': () => pollDueShipments(db, deps.now()),
    // About the time until the next: then another worker may help.
    'refresh-listings': () => refreshListingsFor(db, deps.now(), 5000),
    'tidy-up': async () => {
      await tidyUp(db, deps.now())
      await countWords(db)
    },
  }
}

/** The queue stores payloads as JSON that only `enqueue` writes, with the types of `Jobs`. */
export function toTaskList(handlers: Handlers): TaskList {
  return Object.fromEntries(
    Object.entries(handlers).map(([name, handle]) => [
      name,
      (payload: unknown) => (handle as (payload: unknown) => Promise<void>)(payload),
    ]),
  )
}
