/** What a shop's buyers may pay by, and what may be paid at the door. */
import { doorCurrency, type PaymentMethod } from '#domain/payments.ts'
import { offerMethod, paymentSettings, setDoorTerms } from '#shop/payment-settings.ts'
import { ask, stopAsking } from '#shop/people.ts'
import { parseAmount } from './amounts.ts'
import { confused, homeButton, notFound } from './home.ts'
import type { Answer } from './messenger.ts'
import { amountTyped } from './refunds.ts'
import type { Button, Line } from './screen.ts'
import type { Outcome, Visit } from './visit.ts'
import type { Key } from './words.ts'

/** The limit at the door is kept without a currency: couriers collect roubles only. */

export async function paymentSettingsPage(visit: Visit, sellerId: number): Promise<Outcome> {
  const { deps, visitor } = visit
  const settings = await paymentSettings(deps.db, { sellerId, personId: visitor.personId }, deps)
  if (!settings) return notFound()
  if (visitor.step === 'amount') await stopAsking(deps.db, visitor.personId, visitor.sender.messenger)
  const { methods, possible, onDeliveryMax, onDeliveryForGroups } = settings
  const lines: Line[] = [{ key: 'pay-settings.title' }]
  const rows = possible.map((method): Button[] => {
    const isOn = methods.includes(method)
    const label = {
      key: isOn ? 'pay-settings.on' : 'pay-settings.off',
      params: { way: { key: `button.way-${method}` } },
    } as const
    return [{ label, intent: { do: 'offer-method', sellerId, method, isOn: isOn ? 0 : 1 } }]
  })
  if (possible.includes('on-delivery') && methods.includes('on-delivery')) {
    lines.push(
      { gap: true },
      onDeliveryMax === null
        ? { key: 'pay-settings.no-limit' }
        : { key: 'pay-settings.limit', params: { sum: { money: { amount: onDeliveryMax, currency: doorCurrency } } } },
      { key: onDeliveryForGroups ? 'pay-settings.groups-on' : 'pay-settings.groups-off' },
    )
    const limit: Button[] = [{ label: { key: 'button.door-limit' }, intent: { do: 'door-limit', sellerId } }]
    if (onDeliveryMax !== null)
      limit.push({ label: { key: 'button.no-door-limit' }, intent: { do: 'no-door-limit', sellerId } })
    rows.push(limit, [
      onDeliveryForGroups
        ? { label: { key: 'button.door-groups-off' }, intent: { do: 'door-groups', sellerId, isOn: 0 } }
        : { label: { key: 'button.door-groups-on' }, intent: { do: 'ask-door-groups', sellerId } },
    ])
  }
  rows.push([{ label: { key: 'button.my-shop' }, intent: { do: 'shop', sellerId } }, homeButton])
  return { screen: { lines, rows } }
}

/** The button says what it leads to, not "the other way": tapped twice it does the same. */
export async function offer(
  visit: Visit,
  { sellerId, method, isOn }: { sellerId: number; method: PaymentMethod; isOn: number },
): Promise<Outcome> {
  const { deps, visitor } = visit
  const who = { sellerId, personId: visitor.personId }
  const result = await offerMethod(deps.db, who, method, isOn === 1, deps)
  if (result === 'not-found') return notFound()
  const page = await paymentSettingsPage(visit, sellerId)
  return result === 'done' ? page : { ...page, toast: 'pay-settings.last-one', alert: true }
}

/** Said before it is switched on: who bears what is never collected. */
export async function askDoorGroups(visit: Visit, sellerId: number): Promise<Outcome> {
  const { deps, visitor } = visit
  const settings = await paymentSettings(deps.db, { sellerId, personId: visitor.personId }, deps)
  if (!settings) return notFound()
  const yes: Button = { label: { key: 'button.door-groups-sure' }, intent: { do: 'door-groups', sellerId, isOn: 1 } }
  return { screen: { lines: [{ key: 'pay-settings.groups-risk' }], rows: [[yes], [backTo(sellerId)]] } }
}

const backTo = (sellerId: number): Button => ({
  label: { key: 'button.back' },
  intent: { do: 'payment-settings', sellerId },
})

export async function setDoorGroups(visit: Visit, sellerId: number, isOn: boolean): Promise<Outcome> {
  return set(visit, sellerId, { onDeliveryForGroups: isOn })
}

export async function setNoDoorLimit(visit: Visit, sellerId: number): Promise<Outcome> {
  return set(visit, sellerId, { onDeliveryMax: null })
}

async function set(visit: Visit, sellerId: number, terms: Parameters<typeof setDoorTerms>[2]): Promise<Outcome> {
  const { deps, visitor } = visit
  const isDone = await setDoorTerms(deps.db, { sellerId, personId: visitor.personId }, terms)
  return isDone ? paymentSettingsPage(visit, sellerId) : notFound()
}

export async function askDoorLimit(visit: Visit, sellerId: number): Promise<Outcome> {
  const { deps, visitor } = visit
  const settings = await paymentSettings(deps.db, { sellerId, personId: visitor.personId }, deps)
  if (!settings) return notFound()
  const data = { about: 'door-limit', sellerId }
  await ask(deps.db, visitor.personId, visitor.sender.messenger, 'amount', data, deps.now())
  return { screen: { lines: [{ key: 'pay-settings.ask-limit' }], rows: [[backTo(sellerId)]] } }
}

/** An amount was typed, for whatever it was asked for. */
export async function amountAnswered(visit: Visit, answer: Answer): Promise<Outcome> {
  const typed = answer.kind === 'text' ? answer.text : ''
  const { about, orderId, sellerId } = visit.asked
  if (about === 'refund' && typeof orderId === 'number') {
    return amountTyped(visit, orderId, (currency) => parseAmount(typed, currency))
  }
  if (about === 'door-limit' && typeof sellerId === 'number') return limitTyped(visit, sellerId, typed)
  const { deps, visitor } = visit
  await stopAsking(deps.db, visitor.personId, visitor.sender.messenger)
  return { screen: confused('confused.input') }
}

async function limitTyped(visit: Visit, sellerId: number, typed: string): Promise<Outcome> {
  const amount = parseAmount(typed, doorCurrency)
  const key: Key = 'pay-settings.limit-unclear'
  if (amount === undefined) return { screen: { lines: [{ key }], rows: [[backTo(sellerId)]] } }
  return set(visit, sellerId, { onDeliveryMax: amount })
}
