/**
 * Payments inside Telegram by a provider token: an invoice in the chat, charged at once, never held. The charge is made
 * between Telegram and the acquirer whose token it is; only `successful_payment` proves it, and its
 * `provider_payment_charge_id` is the payment's own id at the acquirer. Whatever follows is asked of the acquirer.
 * https://core.telegram.org/bots/payments
 */
import type { PaymentProvider } from './payments.ts'

/** @param acquirer the company behind the token, e.g. YooKassa, with the same shop's own credentials. */
export function createTelegramPayments({ acquirer }: { acquirer: PaymentProvider }): PaymentProvider {
  const { refunds, receipts, signedWebhooks, methods } = acquirer.capabilities
  const { card } = methods
  const { invoiceData } = acquirer
  return {
    name: 'telegram',
    capabilities: {
      methods: {
        invoice: {
          paidAt: 'chat',
          holds: false,
          holdDays: 0,
          partialCapture: false,
          // Telegram's form takes cards.
          partialRefund: refunds && (card?.partialRefund ?? false),
          refundDays: refunds ? (card?.refundDays ?? 0) : 0,
        },
      },
      refunds,
      // Its payments are in the acquirer's list.
      lists: false,
      // Both receipts or none: a second one without the first would be wrong.
      receipts: receipts && invoiceData !== undefined,
      signedWebhooks,
    },
    ...(invoiceData && { invoiceData }),
    create: () => defect('made by an invoice in the chat'),
    capture: () => defect('charged at once, there is nothing to capture'),
    void: () => defect('charged at once, there is no hold to give back'),
    findByKey: () => defect('known by its charge id only: it carries no key of ours'),
    list: () => defect("in the acquirer's list"),
    listRefunds: () => defect("in the acquirer's list"),
    find: (externalId) => acquirer.find(externalId),
    refund: (externalId, amount, key, receipt) => acquirer.refund(externalId, amount, key, receipt),
    findRefund: (refundExternalId) => acquirer.findRefund(refundExternalId),
    findRefundByKey: (externalId, key) => acquirer.findRefundByKey(externalId, key),
    sendFinalReceipt: (externalId, amount, key, receipt) => acquirer.sendFinalReceipt(externalId, amount, key, receipt),
    // The acquirer's webhooks tell of them, and the acquirer reads those.
    webhookHint: () => undefined,
  }
}

function defect(why: string): Promise<never> {
  return Promise.reject(new Error(`a Telegram payment is ${why}`))
}
