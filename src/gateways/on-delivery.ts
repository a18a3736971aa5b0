/**
 * Cash or card at the door: the carrier collects it for whoever has the contract with it, the operator of this
 * installation, who owes it to the seller like any other money. There is nobody to call.
 */
import type { PaymentProvider } from './payments.ts'

/** Its rows go from `promised` to `captured` when the seller or the carrier says so, and are returned by hand. */
export const onDelivery: PaymentProvider = {
  name: 'on-delivery',
  capabilities: {
    methods: {
      'on-delivery': {
        paidAt: 'door',
        holds: false,
        holdDays: 0,
        partialCapture: false,
        partialRefund: false,
        refundDays: 0,
      },
    },
    refunds: false,
    lists: false,
    receipts: false,
    signedWebhooks: false,
  },
  create: nobody,
  capture: nobody,
  void: nobody,
  refund: async () => ({ ok: false, kind: 'refused', code: 'by_hand', detail: 'paid at the door: given back by hand' }),
  sendFinalReceipt: nobody,
  find: nobody,
  findRefund: nobody,
  findByKey: nobody,
  findRefundByKey: async () => ({ ok: true, value: undefined }),
  list: nobody,
  listRefunds: nobody,
  webhookHint: () => undefined,
}

function nobody(): Promise<never> {
  return Promise.reject(new Error('a payment at the door has no provider that could be asked'))
}
