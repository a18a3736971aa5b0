/** Parcels: handed to the carrier by a job, followed by webhooks (hints) and polling (the truth). */
import { foldShipmentState, isShipmentEnded, isToldToBuyer, pollPause } from '#domain/delivery.ts'
import type { OrderState } from '#domain/orders.ts'
import type { Carrier, CarrierShipment, City, PickupPoint } from '#gateways/carriers.ts'
import { inTransaction, type Client, type Db, type Transaction } from '#store/db.ts'
import {
  claimDueShipments,
  findEvents,
  findParcel,
  findShipment,
  insertEvents,
  insertShipments,
  lockShipment,
  updateShipment,
  type ShipmentRow,
} from '#store/delivery.ts'
import { freeSeat } from '#store/group-buy.ts'
import { orderCardsChanged } from '#store/live-cards.ts'
import { notify, notifyShop } from '#store/notifications.ts'
import { findLocationOfOrder, lockOrder, setDelivered, setOrderState } from '#store/orders.ts'
import { findPayment, lockPayments, tell, updatePayment } from '#store/payments.ts'
import { enqueue, enqueueAll } from '#store/queue.ts'
import { handedOver } from './ledger.ts'
import { OutcomeUnknown } from './outcome.ts'

export type { City, PickupPoint }

/** Orders were paid for: the parcel of each is asked for, once. */
export async function requestShipments(db: Db, orderIds: readonly number[], now: Date): Promise<void> {
  const jobs = (await insertShipments(db, orderIds, now)).map((shipmentId) => ({
    name: 'create-shipment' as const,
    payload: { shipmentId },
    options: { key: `create:${shipmentId}` },
  }))
  await enqueueAll(db, jobs)
}

/**
 * The job: hands the order to the carrier. Our own number is the key: an attempt whose answer was lost is found by it.
 * @throws OutcomeUnknown to be run again after a growing pause.
 */
export async function createShipment(db: Client, shipmentId: number, carrier: Carrier, now: Date): Promise<void> {
  const shipment = await findShipment(db, { id: shipmentId })
  if (!shipment || shipment.externalId !== null || shipment.state !== 'requested') return
  const earlier = await carrier.findByKey(shipment.key)
  if (!earlier.ok) throw new OutcomeUnknown(`shipment ${shipment.key}: ${earlier.detail}`)
  if (earlier.value) return applyCarrierShipment(db, shipmentId, earlier.value, now)

  const order = await findParcel(db, shipment.orderId)
  const payment = await findPayment(db, { orderId: shipment.orderId, counts: true })
  const weightGrams = order.lines.reduce((sum, line) => sum + line.variant.weightGrams * line.quantity, 0)
  const answer = await carrier.create({
    key: shipment.key,
    tariffCode: order.tariffCode,
    fromCityCode: order.location.cityCode,
    pickupPointCode: order.pickupPointCode,
    recipient: { name: order.recipientName, phone: order.recipientPhone },
    sender: { name: order.seller.name },
    parcel: { weightGrams, lengthCm: 25, widthCm: 18, heightCm: 10 },
    ...(payment?.state === 'promised' && {
      dueAtDoor: { delivery: { amount: order.deliveryCost, currency: order.currency } },
    }),
    lines: order.lines.map((line) => ({
      sku: String(line.variantId),
      title: Object.values(line.title as Record<string, string>)[0] ?? order.number,
      quantity: line.quantity,
      unitPrice: { amount: line.unitPrice, currency: order.currency },
      weightGrams: line.variant.weightGrams,
    })),
  })
  if (answer.ok) return applyCarrierShipment(db, shipmentId, answer.value, now)
  if (answer.kind === 'unknown') throw new OutcomeUnknown(`shipment ${shipment.key}: ${answer.detail}`)
  await inTransaction(db, async (tx) => {
    await updateShipment(tx, shipmentId, { state: 'refused', error: answer.detail, nextPollAt: null }, now)
    await tellRefused(tx, shipment.orderId, now)
  })
}

/** The order stays paid for: the shop has to find another way, and both sides know it. */
async function tellRefused(tx: Db, orderId: number, now: Date): Promise<void> {
  const order = await lockOrder(tx, orderId)
  if (!order) return
  await orderCardsChanged(tx, orderId)
  const notice = { kind: 'delivery-refused', data: { orderId } } as const
  await notify(tx, order.personId, `order:${orderId}:delivery-refused`, notice, now)
  await notifyShop(tx, orderId, 'delivery', now)
}

/** The job: asks the carrier where a parcel is. */
export async function refreshShipment(db: Client, shipmentId: number, carrier: Carrier, now: Date): Promise<void> {
  const shipment = await findShipment(db, { id: shipmentId })
  if (!shipment) return
  if (shipment.externalId === null) return createShipment(db, shipmentId, carrier, now)
  const answer = await carrier.find(shipment.externalId)
  if (!answer.ok) throw new OutcomeUnknown(`shipment ${shipment.key}: ${answer.detail}`)
  await applyCarrierShipment(db, shipmentId, answer.value, now)
}

/** Asks the carrier about an order's parcel now. @returns false when it does not answer. */
export async function askAfterParcel(db: Client, orderId: number, carrier: Carrier, now: Date): Promise<boolean> {
  const shipment = await findShipment(db, { orderId })
  if (!shipment || shipment.externalId === null) return true
  const answer = await carrier.find(shipment.externalId)
  if (answer.ok) await applyCarrierShipment(db, shipment.shipmentId, answer.value, now)
  return answer.ok
}

/**
 * A webhook hinted at a parcel: carriers send each once and unsigned, so it only makes us ask sooner. One that came before
 * the carrier's number was stored says nothing here, and the poll, which is quick at first, makes up for it.
 */
export async function shipmentHinted(db: Client, carrier: string, externalId: string): Promise<void> {
  const shipment = await findShipment(db, { carrier, externalId })
  if (!shipment) return
  await enqueue(db, 'refresh-shipment', { shipmentId: shipment.shipmentId }, { key: `refresh:${shipment.shipmentId}` })
}

/** The tick: parcels whose turn has come, shared by any number of workers. */
export async function pollDueShipments(db: Client, now: Date): Promise<void> {
  const again = new Date(now.getTime() + 10 * 60_000)
  for (const shipmentId of await claimDueShipments(db, now, again, 500)) {
    await enqueue(db, 'refresh-shipment', { shipmentId }, { key: `refresh:${shipmentId}` })
  }
}

/** Stores what is new, folds the state and tells the buyer of it, once per state, in one transaction. */
async function applyCarrierShipment(db: Client, shipmentId: number, found: CarrierShipment, now: Date): Promise<void> {
  await inTransaction(db, async (tx) => {
    const before = await lockShipment(tx, shipmentId)
    const shipment = await findShipment(tx, { id: shipmentId })
    if (before === undefined || !shipment) return
    await insertEvents(tx, shipmentId, found.events, now)
    const folded = foldShipmentState(await findEvents(tx, shipmentId))
    // Its buyer cancelled the order: what the carrier says of an empty label changes nothing.
    const state: ShipmentRow['state'] =
      before === 'cancelled' ? before : found.acceptance === 'refused' ? 'refused' : (folded ?? before)
    const isOver = state === 'refused' || (state !== 'requested' && isShipmentEnded(state))
    const location = await findLocationOfOrder(tx, shipment.orderId)
    const age = now.getTime() - shipment.createdAt.getTime()
    const pause =
      state === 'refused' ? 0 : pollPause(state, location?.kind === 'cross_border', (shipmentId % 16) / 16, age)
    await updateShipment(
      tx,
      shipmentId,
      {
        externalId: found.externalId,
        ...(found.number !== undefined && { number: found.number }),
        state,
        error: found.refusal ?? null,
        nextPollAt: isOver ? null : new Date(now.getTime() + pause),
      },
      now,
    )
    if (before === 'cancelled') {
      if (folded !== undefined && folded !== 'created' && folded !== 'cancelled')
        await notifyShop(tx, shipment.orderId, 'left-anyway', now)
      return
    }
    if (state === before || state === 'requested') return
    if (state === 'refused') return tellRefused(tx, shipment.orderId, now)
    const { orderId } = shipment
    await lockPayments(tx, { orderId })
    const order = await lockOrder(tx, orderId)
    if (!order) return
    await orderCardsChanged(tx, orderId)
    const orderState = nextOrderState(order.state, state)
    if (orderState === 'delivered') {
      await setDelivered(tx, orderId, now)
      await handedOver(tx, orderId, now)
    } else if (orderState) await setOrderState(tx, orderId, orderState)
    if (state === 'returning' || state === 'returned') await cameBack(tx, orderId, now)
    if (state === 'lost') await notifyShop(tx, orderId, 'lost', now)
    if (!isToldToBuyer(state)) return
    const data = { orderId: shipment.orderId, state }
    await notify(tx, order.personId, `shipment:${shipmentId}:${state}`, { kind: 'shipment', data }, now)
  })
}

/**
 * The parcel was not taken, and is on its way back or there. What was to be paid at the door never will be; what was paid
 * is the shop's to give back. The goods are for sale again when the shop's feed says that they are there.
 */
async function cameBack(tx: Transaction, orderId: number, now: Date): Promise<void> {
  const payment = await findPayment(tx, { orderId, counts: true })
  if (payment?.state === 'promised') {
    const { paymentId, amount } = payment
    await updatePayment(tx, paymentId, { state: 'voided' }, now)
    await tell(tx, { paymentId, kind: 'voided', amount }, now)
    await setOrderState(tx, orderId, 'cancelled', 'refused-at-door')
    if (payment.seatId !== null) await freeSeat(tx, payment.seatId, 'released', now)
  }
  await notifyShop(tx, orderId, 'came-back', now)
}

function nextOrderState(current: OrderState, state: string): 'handed_over' | 'delivered' | undefined {
  if (state === 'delivered') return current === 'handed_over' || current === 'packable' ? 'delivered' : undefined
  return current === 'packable' && state !== 'created' && state !== 'cancelled' ? 'handed_over' : undefined
}

export type AskCarrier<T> = { ok: true; value: T } | { ok: false; reason: 'carrier-silent' }

/** Cities for what a person typed, or for where they are. */
export async function findCities(
  carrier: Carrier,
  where: { words: string } | { latitude: number; longitude: number },
): Promise<AskCarrier<City[]>> {
  if ('words' in where) {
    const answer = await carrier.findCities(where.words, 6)
    return answer.ok ? { ok: true, value: answer.value } : { ok: false, reason: 'carrier-silent' }
  }
  const answer = await carrier.findCityNear(where.latitude, where.longitude)
  if (!answer.ok) return { ok: false, reason: 'carrier-silent' }
  return { ok: true, value: answer.value ? [answer.value] : [] }
}

/** In which time zone people of a city live; undefined when nobody says, which is no reason to keep them waiting. */
export async function findTimeZone(carrier: Carrier, cityCode: number): Promise<string | undefined> {
  const answer = await carrier.timeZoneOf(cityCode)
  return answer.ok ? answer.value : undefined
}

export async function findPickupPoints(carrier: Carrier, cityCode: number): Promise<AskCarrier<PickupPoint[]>> {
  const answer = await carrier.pickupPoints(cityCode, 6)
  return answer.ok ? { ok: true, value: answer.value } : { ok: false, reason: 'carrier-silent' }
}
