/** What operations that reach outside are given by the roots: one database, the providers, one carrier, and what is only drawn. */
import type { Carrier } from '#gateways/carriers.ts'
import type { PaymentProvider } from '#gateways/payments.ts'
import type { Client } from '#store/db.ts'

export type { Client }

export type Deps = {
  db: Client
  carrier: Carrier
  /** Who moves money, one for each way to pay. */
  providers: readonly PaymentProvider[]
  /** Invoices can be shown in the messenger: it knows them and its provider's token is set. */
  hasInvoices: boolean
  /** Where a payment page sends the buyer back to: the order, in the chat. */
  returnUrl(orderId: number): string
  /** What opens a group for whoever follows it, also from a QR code. */
  groupUrl: (token: string) => string
  now: () => Date
  /** A fresh UUID. */
  newId: () => string
  randomBytes: (size: number) => Uint8Array
  /** Public and unguessable, 16 characters of `A-Z a-z 0-9 _ -`. */
  newToken: () => string
}
