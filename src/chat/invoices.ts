/** Paying by an invoice in the messenger: the last look before the charge, and what is shown after it. */
import { approveInvoice, invoicePaid as bookInvoice } from '#shop/invoices.ts'
import { homeButton } from './home.ts'
import type { InvoiceCharge, InvoiceTold } from './messenger.ts'
import { orderOutcome } from './orders.ts'
import type { Outcome, Visit } from './visit.ts'
import type { Key } from './words.ts'

/** @returns why it cannot be paid now; undefined when it can. */
export async function invoiceAsked({ deps, visitor }: Visit, told: InvoiceTold): Promise<Key | undefined> {
  const answer = await approveInvoice(deps.db, toInvoice(told), visitor.personId, deps.now())
  return answer.ok ? undefined : `invoice.${answer.reason}`
}

/** The order as it is now that it is paid. @throws when it could not be written down. */
export async function invoicePaid(visit: Visit, told: InvoiceTold, charge: InvoiceCharge): Promise<Outcome> {
  const { deps, visitor } = visit
  const paid = await bookInvoice(deps.db, toInvoice(told), charge, deps, deps.now())
  if (!paid.ok) {
    const lines = [{ key: 'invoice.unmatched' as const, params: { number: charge.chargeId } }]
    return { screen: { lines, rows: [[homeButton]] } }
  }
  // Whose order it is, is nobody else's business, not even of somebody who paid for it.
  if (paid.order.personId !== visitor.personId) {
    return { screen: { lines: [{ key: 'invoice.paid-for-another' }], rows: [[homeButton]] } }
  }
  return orderOutcome(paid.order, visit)
}

function toInvoice({ payload, amount, currency }: InvoiceTold) {
  return { paymentId: payload, amount, currency }
}
