/**
 * CDEK's order statuses in our words. Appendix 1 of https://apidoc.cdek.ru; where two codes stand in one row, both
 * spellings are met (orders answer with one, webhooks with the other).
 */
import type { ShipmentState } from '#domain/delivery.ts'

const stateByCode: Record<string, ShipmentState | null> = {
  // Taken in, still to be validated: not yet a shipment.
  ACCEPTED: null,
  INVALID: null,
  CREATED: 'created',
  REMOVED: 'cancelled',

  RECEIVED_AT_SHIPMENT_WAREHOUSE: 'accepted',
  RECEIVED_AT_SENDER_WAREHOUSE: 'accepted',
  READY_FOR_SHIPMENT_IN_SENDER_CITY: 'accepted',
  READY_TO_SHIP_AT_SENDING_OFFICE: 'accepted',
  // "Returned" to the warehouse it was leaving, because the transport did not take it: no failed delivery.
  RETURNED_TO_SENDER_CITY_WAREHOUSE: 'accepted',
  RETURNED_TO_SENDER_WAREHOUSE: 'accepted',

  TAKEN_BY_TRANSPORTER_FROM_SENDER_CITY: 'in_transit',
  PASSED_TO_CARRIER_AT_SENDING_OFFICE: 'in_transit',
  SENT_TO_TRANSIT_CITY: 'in_transit',
  SEND_TO_TRANSIT_OFFICE: 'in_transit',
  ACCEPTED_IN_TRANSIT_CITY: 'in_transit',
  MET_AT_TRANSIT_OFFICE: 'in_transit',
  ACCEPTED_AT_TRANSIT_WAREHOUSE: 'in_transit',
  ACCEPTED_TO_OFFICE_TRANSIT_WAREHOUSE: 'in_transit',
  ENTERED_TO_OFFICE_TRANSIT_WAREHOUSE: 'in_transit',
  RETURNED_TO_TRANSIT_WAREHOUSE: 'in_transit',
  READY_FOR_SHIPMENT_IN_TRANSIT_CITY: 'in_transit',
  READY_TO_SHIP_IN_TRANSIT_OFFICE: 'in_transit',
  TAKEN_BY_TRANSPORTER_FROM_TRANSIT_CITY: 'in_transit',
  PASSED_TO_CARRIER_AT_TRANSIT_OFFICE: 'in_transit',
  SENT_TO_SENDER_CITY: 'in_transit',
  SEND_TO_SENDING_OFFICE: 'in_transit',
  ACCEPTED_IN_SENDER_CITY: 'in_transit',
  MET_AT_SENDING_OFFICE: 'in_transit',
  SENT_TO_RECIPIENT_CITY: 'in_transit',
  SEND_TO_RECIPIENT_OFFICE: 'in_transit',
  ACCEPTED_IN_RECIPIENT_CITY: 'in_transit',
  ARRIVED_AT_RECIPIENT_CITY: 'in_transit',
  MET_AT_RECIPIENT_OFFICE: 'in_transit',
  ACCEPTED_AT_RECIPIENT_CITY_WAREHOUSE: 'in_transit',
  ACCEPTED_AT_DELIVERY_WAREHOUSE: 'in_transit',
  ENTERED_TO_DELIVERY_WAREHOUSE: 'in_transit',
  SHIPPED_TO_DESTINATION: 'in_transit',
  PASSED_TO_TRANSIT_CARRIER: 'in_transit',

  IN_CUSTOMS_INTERNATIONAL: 'customs',
  IN_CUSTOMS_LOCAL: 'customs',
  CUSTOMS_COMPLETE: 'customs',

  TAKEN_BY_COURIER: 'out_for_delivery',
  ISSUED_FOR_DELIVERY: 'out_for_delivery',

  ACCEPTED_AT_PICK_UP_POINT: 'ready_for_pickup',
  ACCEPTED_AT_WAREHOUSE_ON_DEMAND: 'ready_for_pickup',
  ENTERED_TO_WAREHOUSE_ON_DEMAND: 'ready_for_pickup',
  POSTOMAT_POSTED: 'ready_for_pickup',

  RETURNED_TO_RECIPIENT_CITY_WAREHOUSE: 'attempt_failed',
  RETURNED_TO_DELIVERY_WAREHOUSE: 'attempt_failed',

  DELIVERED: 'delivered',
  POSTOMAT_RECEIVED: 'delivered',

  // The buyer refused it, or did not come in time: it starts on its way back.
  NOT_DELIVERED: 'returning',
  POSTOMAT_SEIZED: 'returning',
}

/**
 * @param isReturn the order itself is the way back: its "delivered" is our "returned".
 * @returns null for a code that changes nothing or that is not known: keep it, show its text, tell staff.
 */
export function cdekState(code: string, isReturn: boolean): ShipmentState | null {
  const state = (Object.hasOwn(stateByCode, code) && stateByCode[code]) || null
  if (!isReturn || state === null || state === 'cancelled') return state
  return state === 'delivered' ? 'returned' : 'returning'
}
