/** What every carrier can be asked; `cdek.ts` is the first. */
import type { ShipmentState } from '#domain/delivery.ts'
import type { Money } from '#domain/money.ts'

export type CarrierCapabilities = {
  /** Tells us of changes by itself (as a hint; polling stays the truth). */
  push: boolean
  /** Shipments per tracking call. */
  batchMax: number
  minPollMinutes: number
  /** `create` only takes the order in; whether it was accepted is learnt later. */
  asyncCreate: boolean
}

/** As with providers: `refused` is final, `unknown` may have had its effect. */
export type CarrierResult<T> =
  | { ok: true; value: T }
  | { ok: false; kind: 'refused'; code: string; detail: string }
  | { ok: false; kind: 'unknown'; detail: string }

export type City = { code: number; name: string; region: string }
export type PickupPoint = { code: string; address: string; hours: string; latitude: number; longitude: number }

/** A way to deliver. Days are working days from hand-over to the carrier. */
export type Quote = { tariffCode: number; title: string; cost: Money; daysMin: number; daysMax: number }

export type Parcel = { weightGrams: number; lengthCm: number; widthCm: number; heightCm: number }

export type NewShipment = {
  /** Our own number at the carrier: the key that finds it again after an unknown outcome. */
  key: string
  tariffCode: number
  fromCityCode: number
  pickupPointCode: string
  recipient: { name: string; phone: string }
  sender: { name: string }
  parcel: Parcel
  /** Nothing was paid yet: the carrier collects what the lines cost, and this for the delivery. */
  dueAtDoor?: { delivery: Money }
  lines: { sku: string; title: string; quantity: number; unitPrice: Money; weightGrams: number }[]
}

/** Where a shipment stands at the carrier. */
export type CarrierShipment = {
  externalId: string
  /** The carrier's number for people to track, once it has one. */
  number?: string
  /** `checking` until an asynchronous carrier has validated it; `refused` with the reason if it would not. */
  acceptance: 'checking' | 'accepted' | 'refused'
  refusal?: string
  /** Oldest first, also within one moment. */
  events: CarrierEvent[]
}

/** `state` is null for a code that changes nothing or that we do not know. */
export type CarrierEvent = { code: string; text: string; place: string; happenedAt: Date; state: ShipmentState | null }

export type Carrier = {
  name: string
  capabilities: CarrierCapabilities
  /** Cities whose names begin with the words, best first; at most `limit`. */
  findCities(words: string, limit: number): Promise<CarrierResult<City[]>>
  /** The city nearest to a place on the map; undefined when none is near. */
  findCityNear(latitude: number, longitude: number): Promise<CarrierResult<City | undefined>>
  /** The city's time zone, `Europe/Moscow`; undefined where the carrier does not say. */
  timeZoneOf(cityCode: number): Promise<CarrierResult<string | undefined>>
  pickupPoints(cityCode: number, limit: number): Promise<CarrierResult<PickupPoint[]>>
  /** Ways to a pickup point in the city, cheapest first. Empty where the carrier does not go. */
  quote(fromCityCode: number, toCityCode: number, parcel: Parcel): Promise<CarrierResult<Quote[]>>
  create(shipment: NewShipment): Promise<CarrierResult<CarrierShipment>>
  /** Reads the truth by our key; undefined if the carrier never got it. */
  findByKey(key: string): Promise<CarrierResult<CarrierShipment | undefined>>
  /** Reads the truth. The answer's `externalId` is another one where two creations with one key met: keep that. */
  find(externalId: string): Promise<CarrierResult<CarrierShipment>>
  /** @returns the shipment's id at the carrier that a webhook's body hints at, or undefined. */
  webhookHint(body: unknown): string | undefined
}
