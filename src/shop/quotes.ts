/** What delivery costs, asked before an order is made. */
import type { Carrier, Parcel, Quote } from '#gateways/carriers.ts'
import type { RecipientFields } from '#store/people.ts'

/** One parcel of one unit: packaging makes even a ring this large. */
const smallParcel: Parcel = { weightGrams: 500, lengthCm: 25, widthCm: 18, heightCm: 10 }

/** The cheapest way to a recipient's pickup point. */
export async function quoteFor(
  carrier: Carrier,
  fromCityCode: number,
  recipient: RecipientFields,
  weightGrams: number,
): Promise<{ ok: true; quote: Quote } | { ok: false; reason: 'no-delivery' | 'carrier-silent' }> {
  const answer = await carrier.quote(fromCityCode, recipient.cityCode, { ...smallParcel, weightGrams })
  if (!answer.ok) return { ok: false, reason: answer.kind === 'unknown' ? 'carrier-silent' : 'no-delivery' }
  const [cheapest] = answer.value
  return cheapest ? { ok: true, quote: cheapest } : { ok: false, reason: 'no-delivery' }
}
