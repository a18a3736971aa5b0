/** From a tap on a price to the payment page, asking for the delivery details once. */
import { parseName, parsePhone } from '#domain/people.ts'
import { buy, type Purchase, type PurchaseRefusal } from '#shop/checkout.ts'
import { findCities, findPickupPoints, findTimeZone, type City, type PickupPoint } from '#shop/delivery.ts'
import { orderOf, type OrderView } from '#shop/orders.ts'
import { ask, recipientOf, setRecipient, stopAsking } from '#shop/people.ts'
import { productIdOf } from '#shop/product.ts'
import { offerRefused } from '#shop/waiting.ts'
import { adultQuestion } from './adult-question.ts'
import { confused, homeButton, notFound } from './home.ts'
import { actToIntent, intentToAct } from './intent.ts'
import type { Answer } from './messenger.ts'
import { isChangeable, orderOutcome } from './orders.ts'
import type { Button, Line, Screen } from './screen.ts'
import { shorten } from './text.ts'
import { intentToPurchase, purchaseToIntent, type Outcome, type Visit } from './visit.ts'
import { offeringToWait } from './waiting-line.ts'
import type { Key } from './words.ts'

/**
 * Buys, or asks for what is missing first; the purchase goes on by itself afterwards.
 * @param instead the order whose place is changed: it stays as it is until it can be replaced.
 */
export async function buyScreen(visit: Visit, purchase: Purchase, instead?: number): Promise<Outcome> {
  const { deps, visitor } = visit
  const { personId, requestKey } = visitor
  const wish = { personId, requestKey, purchase, now: deps.now(), ...(instead !== undefined && { instead }) }
  const result = await buy(deps.db, wish, deps)
  if (result.ok) {
    if (visitor.step !== 'none') await stopAsking(deps.db, visitor.personId, visitor.sender.messenger)
    return orderOutcome(result.order, visit)
  }
  const asked = { next: intentToAct(purchaseToIntent(purchase)), ...(instead !== undefined && { instead }) }
  if (result.reason === 'no-recipient') return askCity(visit, asked)
  // Their place is known and the goods cannot go there: another place may do.
  if (result.reason === 'no-delivery' || result.reason === 'not-delivered-there')
    return askCity(visit, asked, `refusal.${result.reason}`)
  if (result.reason === 'adults-only') return { screen: await askIfAdult(visit, purchase) }
  const order = instead === undefined ? undefined : await orderOf(deps.db, instead, visitor.personId)
  if (order) return unchanged(order, result.reason, visit)
  const refusal = refusalScreen(result.reason, purchase, result.groupId)
  if (purchase.kind === 'join') {
    const { groupId } = purchase
    if (await offerRefused(deps.db, { personId, groupId, reason: result.reason }, deps.now()))
      return { screen: { ...refusal, lines: [...refusal.lines, { key: 'waiting.offer-ended' }] } }
  }
  return { screen: result.reason === 'group-full' ? await offeringToWait(visit, refusal, result.groupId) : refusal }
}

async function askIfAdult({ deps }: Visit, purchase: Purchase): Promise<Screen> {
  if (purchase.kind === 'join') return adultQuestion({ productId: 0, groupId: purchase.groupId })
  const { variantId } = purchase
  return adultQuestion({ productId: (await productIdOf(deps.db, variantId)) ?? 0, variantId })
}

/** The order could not be replaced: why not, and the order as it stands. */
async function unchanged(order: OrderView, reason: PurchaseRefusal, visit: Visit): Promise<Outcome> {
  const { screen, ...rest } = await orderOutcome(order, visit)
  const because: Line[] = [{ key: `refusal.${reason}` }]
  if (order.state === 'awaiting_payment') because.push({ key: 'delivery.unchanged' })
  return { ...rest, ...(screen && { screen: { ...screen, lines: [...because, { gap: true }, ...screen.lines] } }) }
}

function refusalScreen(
  reason: Exclude<PurchaseRefusal, 'no-delivery' | 'not-delivered-there' | 'adults-only'>,
  purchase: Purchase,
  groupId: number | undefined,
): Screen {
  const rows: Button[][] = []
  if (reason === 'already-in' && groupId !== undefined) {
    rows.push([{ label: { key: 'button.group' }, intent: { do: 'group', groupId } }])
  }
  if (reason === 'too-many-unpaid') rows.push([{ label: { key: 'button.orders' }, intent: { do: 'orders' } }])
  if (reason === 'carrier-silent') rows.push([{ label: { key: 'button.again' }, intent: purchaseToIntent(purchase) }])
  rows.push([{ label: { key: 'button.search' }, intent: { do: 'ask-search' } }, homeButton])
  return { lines: [{ key: `refusal.${reason}` }], rows }
}

/** `instead`: the order whose place is changed. */
type Asked = {
  next: string
  instead?: number
  cityCode?: number
  cityName?: string
  pointCode?: string
  pointText?: string
}

function askedOf(visit: Visit): Asked {
  const { asked } = visit
  const text = (name: string) => (typeof asked[name] === 'string' ? { [name]: asked[name] } : {})
  return {
    next: typeof asked['next'] === 'string' ? asked['next'] : '',
    ...(typeof asked['instead'] === 'number' && { instead: asked['instead'] }),
    ...(typeof asked['cityCode'] === 'number' && { cityCode: asked['cityCode'] }),
    ...text('cityName'),
    ...text('pointCode'),
    ...text('pointText'),
  }
}

/** What the questions are for, without the answers so far. */
function purposeOf(visit: Visit): Asked {
  const { next, instead } = askedOf(visit)
  return { next, ...(instead !== undefined && { instead }) }
}

async function askFor(visit: Visit, step: 'city' | 'phone' | 'name', data: Asked): Promise<void> {
  await ask(visit.deps.db, visit.visitor.personId, visit.visitor.sender.messenger, step, data, visit.deps.now())
}

async function askCity(visit: Visit, data: Asked, because?: Key): Promise<Outcome> {
  await askFor(visit, 'city', data)
  const question: Line = { key: 'delivery.ask-city' }
  const lines: Line[] = because ? [{ key: because }, { gap: true }, question] : [question, { key: 'delivery.why' }]
  const back: Button[] =
    data.instead === undefined
      ? []
      : [{ label: { key: 'button.my-order' }, intent: { do: 'order', orderId: data.instead } }]
  return { screen: { lines, rows: [[...back, homeButton]] } }
}

/** A city's name or a place on the map arrived. */
export async function cityAnswered(visit: Visit, answer: Answer): Promise<Outcome> {
  const retry = (key: 'delivery.city-unclear' | 'refusal.carrier-silent'): Outcome => ({
    screen: { lines: [{ key }], rows: [[homeButton]] },
  })
  if (answer.kind !== 'text' && answer.kind !== 'location') return retry('delivery.city-unclear')
  const where = answer.kind === 'text' ? { words: shorten(answer.text.trim(), 60) } : answer
  const cities = await findCities(visit.deps.carrier, where)
  if (!cities.ok) return retry('refusal.carrier-silent')
  const [first] = cities.value
  if (!first) return retry('delivery.city-unclear')
  const typed = 'words' in where ? where.words.toLowerCase() : ''
  const exact = cities.value.filter((city) => city.name.toLowerCase() === typed)
  if (cities.value.length === 1 || exact.length === 1) return pointsScreen(visit, exact[0] ?? first)
  const buttons = cities.value.slice(0, 6).map((city): Button[] => [
    {
      label: { raw: city.region && city.region !== city.name ? `${city.name}, ${city.region}` : city.name },
      intent: { do: 'city', cityCode: city.code },
    },
  ])
  await askFor(visit, 'city', { ...askedOf(visit), cityName: 'words' in where ? where.words : '' })
  return { screen: { lines: [{ key: 'delivery.which-city' }], rows: [...buttons, [homeButton]] } }
}

/** One of several cities was pressed: found again by the words they typed, so that its name comes from the carrier. */
export async function cityChosen(visit: Visit, cityCode: number): Promise<Outcome> {
  const { next, cityName = '' } = askedOf(visit)
  if (next === '') return { screen: confused('confused.button') }
  const cities = await findCities(visit.deps.carrier, { words: cityName })
  const city = cities.ok ? cities.value.find((candidate) => candidate.code === cityCode) : undefined
  return city ? pointsScreen(visit, city) : askCity(visit, purposeOf(visit))
}

async function pointsScreen(visit: Visit, city: Pick<City, 'code' | 'name'>, because?: Key): Promise<Outcome> {
  const points = await findPickupPoints(visit.deps.carrier, city.code)
  const purpose = purposeOf(visit)
  if (!points.ok || points.value.length === 0) {
    await askFor(visit, 'city', purpose)
    const key = points.ok ? 'delivery.no-points' : 'refusal.carrier-silent'
    return { screen: { lines: [{ key, params: { city: city.name } }], rows: [[homeButton]] } }
  }
  await askFor(visit, 'city', { ...purpose, cityCode: city.code, cityName: city.name })
  const shown = points.value.slice(0, 6)
  const rows = shown.map((point): Button[] => [
    { label: { raw: point.address }, intent: { do: 'point', pointCode: point.code } },
  ])
  const lines = shown.map((point) => ({ raw: pointText(point) }))
  const why: Line[] = because ? [{ key: because }] : []
  return {
    screen: {
      lines: [...why, { key: 'delivery.which-point', params: { city: city.name } }, { gap: true }, ...lines],
      rows: [...rows, [homeButton]],
    },
  }
}

const pointText = (point: PickupPoint) => `📍 ${point.address}${point.hours ? ` · ${point.hours}` : ''}`

export async function pointChosen(visit: Visit, pointCode: string): Promise<Outcome> {
  const asked = askedOf(visit)
  if (asked.next === '' || asked.cityCode === undefined) return { screen: confused('confused.button') }
  const points = await findPickupPoints(visit.deps.carrier, asked.cityCode)
  if (!points.ok) return { toast: 'refusal.carrier-silent', alert: true }
  const point = points.value.find((candidate) => candidate.code === pointCode)
  // It closed since it was offered, or the button is forged.
  if (!point) return pointsScreen(visit, { code: asked.cityCode, name: asked.cityName ?? '' }, 'delivery.point-gone')
  const known = { ...asked, pointCode, pointText: point.address }
  const recipient = await recipientOf(visit.deps.db, visit.visitor.personId)
  // Only the place changes: the parcel goes to the same person.
  if (recipient) return saveAndGoOn(visit, known, recipient.name, recipient.phone)
  await askFor(visit, 'phone', known)
  return {
    screen: { lines: [{ key: 'delivery.ask-phone' }, { key: 'delivery.why-phone' }], rows: [], ask: 'contact' },
    asNew: true,
  }
}

export async function phoneAnswered(visit: Visit, answer: Answer): Promise<Outcome> {
  const typed = answer.kind === 'contact' ? answer.phone : answer.kind === 'text' ? answer.text : ''
  const phone = parsePhone(typed.startsWith('+') || answer.kind === 'text' ? typed : `+${typed}`)
  if (phone === undefined) {
    return { screen: { lines: [{ key: 'delivery.phone-unclear' }], rows: [], ask: 'contact' } }
  }
  const asked = askedOf(visit)
  const name = parseName(answer.kind === 'contact' ? answer.name : visit.visitor.sender.firstName)
  if (name !== undefined) return saveAndGoOn(visit, asked, name, phone)
  await ask(
    visit.deps.db,
    visit.visitor.personId,
    visit.visitor.sender.messenger,
    'name',
    { ...asked, phone },
    visit.deps.now(),
  )
  return { screen: { lines: [{ key: 'delivery.ask-name' }], rows: [[homeButton]] } }
}

export async function nameAnswered(visit: Visit, answer: Answer): Promise<Outcome> {
  const name = answer.kind === 'text' ? parseName(answer.text) : undefined
  const phone = visit.asked['phone']
  if (name === undefined || typeof phone !== 'string') {
    return { screen: { lines: [{ key: 'delivery.name-unclear' }], rows: [[homeButton]] } }
  }
  return saveAndGoOn(visit, askedOf(visit), name, phone)
}

async function saveAndGoOn(visit: Visit, asked: Asked, name: string, phone: string): Promise<Outcome> {
  const { deps, visitor } = visit
  const { cityCode, cityName, pointCode, pointText } = asked
  const purchase = intentToPurchase(actToIntent(asked.next))
  if (
    cityCode === undefined ||
    cityName === undefined ||
    pointCode === undefined ||
    pointText === undefined ||
    !purchase
  ) {
    return askCity(visit, purposeOf(visit))
  }
  const fields = { name, phone, cityCode, cityName, pickupPointCode: pointCode, pickupPointText: pointText }
  await setRecipient(deps.db, visitor.personId, fields, deps.now(), await findTimeZone(deps.carrier, cityCode))
  await stopAsking(deps.db, visitor.personId, visitor.sender.messenger)
  return buyScreen(visit, purchase, asked.instead)
}

/** Asks for another place; the same purchase goes on there, and until then the order stays as it is. */
export async function changeDelivery(visit: Visit, orderId: number): Promise<Outcome> {
  const { deps, visitor } = visit
  const order = await orderOf(deps.db, orderId, visitor.personId)
  if (!order) return notFound()
  // The button may be older than the payment: what has money is not given up for another address.
  if (!isChangeable(order, visit.reader)) {
    return { ...(await orderOutcome(order, visit)), toast: 'refusal.too-late', alert: true }
  }
  const isLeader = order.seat?.groupState === 'draft'
  const { variantId, quantity: units } = order
  const purchase: Purchase = !order.seat
    ? { kind: 'alone', variantId }
    : isLeader
      ? { kind: 'own-group', variantId, units }
      : { kind: 'join', groupId: order.seat.groupId, variantId, units }
  return askCity(visit, { next: intentToAct(purchaseToIntent(purchase)), instead: orderId })
}
