/** What operations that reach outside are given by the roots: one database, one provider, one carrier, and what is only drawn. */
import type { Carrier } from '#gateways/carriers.ts'
import type { PaymentProvider } from '#gateways/payments.ts'
import type { Client } from '#store/db.ts'

export type { Client }

export type Deps = {
  db: Client
  carrier: Carrier
  provider: PaymentProvider
  /** Where a payment page sends the buyer back to: the chat. */
  returnUrl: string
  now: () => Date
  /** A fresh UUID. */
  newId: () => string
  randomBytes: (size: number) => Uint8Array
  /** Public and unguessable, 16 characters of `A-Z a-z 0-9 _ -`. */
  newToken: () => string
}
