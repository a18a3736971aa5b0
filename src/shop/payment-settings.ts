/** How a shop may be paid: chosen by its people. */
import { paymentMethods, type PaymentMethod, type PaymentTerms } from '#domain/payments.ts'
import type { Client } from '#store/db.ts'
import { findPaymentSettings, isMember, saveDoorTerms, saveOfferedMethod } from '#store/sellers.ts'
import type { Deps } from './deps.ts'

export type PaymentSettings = PaymentTerms & {
  /** What somebody moves money by here: the rest cannot be offered. */
  possible: PaymentMethod[]
}

type Who = { sellerId: number; personId: number }

/** @returns undefined for a shop that the person is not a member of. */
export async function paymentSettings(
  db: Client,
  { sellerId, personId }: Who,
  outside: Pick<Deps, 'providers' | 'hasInvoices'>,
): Promise<PaymentSettings | undefined> {
  if (!(await isMember(db, sellerId, personId))) return undefined
  return { ...(await findPaymentSettings(db, sellerId)), possible: possibleMethods(outside) }
}

/** Offers a method or takes it away; one that works always stays. Setting what is set already changes nothing. */
export async function offerMethod(
  db: Client,
  who: Who,
  method: PaymentMethod,
  isOn: boolean,
  outside: Pick<Deps, 'providers' | 'hasInvoices'>,
): Promise<'done' | 'not-found' | 'last-one'> {
  const possible = possibleMethods(outside)
  if (!possible.includes(method) || !(await isMember(db, who.sellerId, who.personId))) return 'not-found'
  return (await saveOfferedMethod(db, who.sellerId, method, isOn, possible)) ? 'done' : 'last-one'
}

/**
 * What may be paid at the door.
 * @param terms `onDeliveryMax` in minor units, null for no limit; what is left out stays.
 * @returns false for a shop of others, or a limit that nothing could be bought under.
 */
export async function setDoorTerms(
  db: Client,
  { sellerId, personId }: Who,
  terms: Partial<Pick<PaymentTerms, 'onDeliveryMax' | 'onDeliveryForGroups'>>,
): Promise<boolean> {
  const isNonsense = typeof terms.onDeliveryMax === 'bigint' && terms.onDeliveryMax <= 0n
  if (isNonsense || !(await isMember(db, sellerId, personId))) return false
  await saveDoorTerms(db, sellerId, terms)
  return true
}

function possibleMethods({ providers, hasInvoices }: Pick<Deps, 'providers' | 'hasInvoices'>): PaymentMethod[] {
  return paymentMethods.filter((method) => {
    const able = providers.find(({ capabilities }) => capabilities.methods[method])?.capabilities.methods[method]
    return able !== undefined && (able.paidAt !== 'chat' || hasInvoices)
  })
}
