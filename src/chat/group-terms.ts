/** How many pieces and which option, where a group's terms leave that to its members; and its picture for sharing. */
import { isShown } from '#domain/adult.ts'
import { joinRefusal } from '#domain/group-buy.ts'
import { productById, type VariantRow } from '#shop/catalog.ts'
import type { Purchase } from '#shop/checkout.ts'
import { groupById, groupLink, maySee, seatOf, type GroupRow } from '#shop/group-buy.ts'
import { groupPictureName } from '#shop/group-picture.ts'
import { unitsOf, unpaidOwnGroup } from '#shop/group-terms.ts'
import { orderOf } from '#shop/orders.ts'
import { placeOf } from '#shop/waiting.ts'
import { adultQuestion } from './adult-question.ts'
import { buyScreen } from './checkout.ts'
import { confused, homeButton, notFound } from './home.ts'
import type { Intent } from './intent.ts'
import { optionsText } from './options.ts'
import { inPairs, pagingRow } from './paging.ts'
import type { Button, Line, Screen } from './screen.ts'
import type { Outcome, Visit } from './visit.ts'

/** Buttons of one screen; who wants more asks the shop. */
const unitsMax = 8
const optionsMax = 6

/** *Together* was pressed: a group of one's own, after the number of pieces where more than one is allowed. */
export async function together(visit: Visit, purchase: { variantId: number; formerId?: number }): Promise<Outcome> {
  const { deps, visitor } = visit
  const { variantId, formerId } = purchase
  const terms = await unitsOf(deps.db, variantId, deps.now())
  const isBegun =
    terms && terms.maxUnits > 1 && (await unpaidOwnGroup(deps.db, visitor.personId, variantId, deps.now()))
  if (!terms || terms.maxUnits < 2 || isBegun) return buyScreen(visit, { kind: 'own-group', ...purchase })
  const { productId } = terms
  if (!isShown(terms, visit)) return { screen: adultQuestion({ productId, variantId }) }
  const back: Button = { label: { key: 'button.product' }, intent: { do: 'product', productId } }
  const title: Line = { raw: { words: terms.title }, style: 'bold' }
  return {
    screen: unitsScreen(terms, [title], [[back, homeButton]], (units) => ({
      do: 'together-as',
      variantId,
      units,
      formerId: formerId ?? 0,
    })),
  }
}

/** The number of pieces was chosen; an order that is not paid yet is replaced by one for so many. */
export async function togetherAs(
  visit: Visit,
  { units, variantId, formerId }: Extract<Intent, { do: 'together-as' }>,
): Promise<Outcome> {
  const { deps, visitor } = visit
  const begun = await unpaidOwnGroup(deps.db, visitor.personId, variantId, deps.now())
  const purchase: Purchase = { kind: 'own-group', variantId, units, ...(formerId > 0 && { formerId }) }
  return buyScreen(visit, purchase, begun && begun.quantity !== units ? begun.orderId : undefined)
}

/** *Join* in the private chat. */
export async function joinHere(visit: Visit, groupId: number): Promise<Outcome> {
  return joinAs(visit, { groupId, variantId: 0, units: 0 })
}

/**
 * Option and number of pieces, as far as they were chosen; what is missing is asked for. Somebody whose seat is held
 * unpaid keeps it, and their order is replaced.
 */
export async function joinAs(
  visit: Visit,
  { groupId, variantId, units }: Omit<Extract<Intent, { do: 'join-as' }>, 'do'>,
): Promise<Outcome> {
  const { deps, visitor } = visit
  const [group, seat] = await Promise.all([groupById(deps.db, groupId), seatOf(deps.db, groupId, visitor.personId)])
  if (group && !seat && !group.isPublic && !(await maySee(deps.db, groupId, visitor.personId))) return notFound()
  const held = seat?.state === 'held' ? await orderOf(deps.db, seat.orderId, visitor.personId) : undefined
  const isNew = held === undefined && !['paid', 'confirmed'].includes(seat?.state ?? '')
  if (group && isNew && units === 0 && group.maxUnits > 1 && (await hasRoom(visit, group))) {
    const { productId } = group
    if (!isShown(group, visit)) return { screen: adultQuestion({ productId, groupId }) }
    return { screen: await joinScreen(visit, group, variantId) }
  }
  const chosen = variantId > 0 ? variantId : (held?.variantId ?? group?.variantId ?? 0)
  const purchase: Purchase = {
    kind: 'join',
    groupId,
    units: units > 0 ? units : (held?.quantity ?? 1),
    ...(group && chosen !== group.variantId && { variantId: chosen }),
  }
  const isAnother = held && (held.variantId !== chosen || held.quantity !== purchase.units)
  return buyScreen(visit, purchase, isAnother ? held.orderId : undefined)
}

/** A seat that anybody may take, or one that is kept for them. */
async function hasRoom({ deps, visitor }: Visit, group: GroupRow): Promise<boolean> {
  const refusal = joinRefusal(group, deps.now())
  if (refusal !== 'group-full' || group.state !== 'open') return refusal === undefined
  const standing = await placeOf(deps.db, group.groupId, visitor.personId)
  return standing !== undefined && 'offeredUntil' in standing && standing.offeredUntil > deps.now()
}

async function joinScreen(visit: Visit, group: GroupRow, variantId: number): Promise<Screen> {
  const { groupId } = group
  const lines: Line[] = [{ raw: { words: group.title }, style: 'bold' }]
  const options = group.mixesOptions ? await optionsOf(visit, group) : []
  const found = options.find((variant) => variant.variantId === variantId)
  const option = optionsText(found?.options ?? group.options, visit.reader.language)
  if (option !== '') lines.push({ key: 'product.option', params: { option } })
  const back: Button = { label: { key: 'button.group' }, intent: { do: 'group', groupId } }
  const other: Button[] =
    options.length > 1
      ? [{ label: { key: 'button.another-option' }, intent: { do: 'group-options', groupId, page: 0 } }]
      : []
  return unitsScreen(group, lines, [[...other, back]], (units) => ({ do: 'join-as', groupId, variantId, units }))
}

/** Buttons for one piece and more, each with what it costs. */
export function unitsScreen(
  terms: { price: bigint; currency: string; maxUnits: number },
  lines: Line[],
  rows: Button[][],
  chosen: (units: number) => Intent,
): Screen {
  const { price, currency, maxUnits } = terms
  const buttons = Array.from({ length: Math.min(maxUnits, unitsMax) }, (_, at): Button => {
    const sum = { money: { amount: price * BigInt(at + 1), currency } }
    return { label: { key: 'button.units', params: { units: at + 1, price: sum } }, intent: chosen(at + 1) }
  })
  return {
    lines: [...lines, { gap: true }, { key: 'group.how-many' }, { key: 'group.one-seat' }, { key: 'group.stop-point' }],
    rows: [...inPairs(buttons), ...rows],
  }
}

/** What members may choose from: the options that cost the same in these terms. */
async function optionsOf({ deps }: Pick<Visit, 'deps'>, group: GroupRow): Promise<VariantRow[]> {
  const product = await productById(deps.db, group.productId, deps.now())
  return (product?.variants ?? []).filter(({ variantId, campaignId, groupPrice, withdrawn }) => {
    if (variantId === group.variantId) return true
    return !withdrawn && campaignId === group.campaignId && groupPrice === group.tiers[0]?.price
  })
}

/** For those who may still choose; none where the terms or the product have only one option. */
export async function optionButtons(visit: Pick<Visit, 'deps'>, group: GroupRow): Promise<Button[][]> {
  if (!group.mixesOptions || (await optionsOf(visit, group)).length < 2) return []
  const intent: Intent = { do: 'group-options', groupId: group.groupId, page: 0 }
  return [[{ label: { key: 'button.another-option' }, intent }]]
}

/** *Another option*: those with the same price; what is chosen is joined with, or changed to. */
export async function groupOptions(visit: Visit, groupId: number, page: number): Promise<Outcome> {
  const { deps, visitor, reader } = visit
  const group = (await maySee(deps.db, groupId, visitor.personId)) ? await groupById(deps.db, groupId) : undefined
  if (!group || !group.mixesOptions || group.state === 'draft') {
    return notFound()
  }
  if (!isShown(group, visit)) return { screen: adultQuestion({ productId: group.productId, groupId }) }
  const seat = await seatOf(deps.db, groupId, visitor.personId)
  const held = seat?.state === 'held' ? await orderOf(deps.db, seat.orderId, visitor.personId) : undefined
  const options = await optionsOf(visit, group)
  const shown = options.slice(page * optionsMax, (page + 1) * optionsMax)
  if (shown.length === 0) return { screen: confused('confused.button') }
  const current = held?.variantId
  const rows = shown.map(({ variantId, options: words, free, aside, campaignId }): Button[] => {
    const isThere = free > 0 || (aside > 0 && campaignId === group.campaignId)
    const mark = variantId === current ? '✓ ' : isThere ? '' : '✕ '
    const name = optionsText(words, reader.language) || String(variantId)
    return [{ label: { raw: mark + name }, intent: { do: 'join-as', groupId, variantId, units: 0 } }]
  })
  const paging = pagingRow(
    page,
    (page + 1) * optionsMax < options.length,
    (to) => ({ do: 'group-options', groupId, page: to }),
    { label: { key: 'button.group' }, intent: { do: 'group', groupId } },
  )
  return {
    screen: {
      ...(group.picture !== null && { picture: group.picture }),
      lines: [{ raw: { words: group.title }, style: 'bold' }, { key: 'group.choose-option' }],
      rows: [...rows, paging],
    },
  }
}

/** A picture to save and to post anywhere: whoever scans it or follows the link is led to the group. */
export async function groupPicture(visit: Visit, groupId: number): Promise<Outcome> {
  const { deps, visitor } = visit
  const group = (await maySee(deps.db, groupId, visitor.personId)) ? await groupById(deps.db, groupId) : undefined
  if (!group) return notFound()
  if (group.state === 'draft') return { toast: 'refusal.group-not-open', alert: true }
  if (!isShown(group, visit)) return { screen: adultQuestion({ productId: group.productId, groupId }) }
  const { token } = group
  const rows: Button[][] = [[{ label: { key: 'button.group' }, intent: { do: 'group', groupId } }, homeButton]]
  if (group.state === 'open') rows.unshift([{ label: { key: 'button.share-group' }, share: { kind: 'group', token } }])
  const lines: Line[] = [
    { raw: { words: group.title }, style: 'bold' },
    { key: 'group.picture-link', params: { link: deps.groupUrl(groupLink(group, visitor.personId)) } },
  ]
  return { screen: { picture: groupPictureName(group, visitor.personId), lines, rows }, asNew: true }
}
