/** The group's card: what everybody sees of it, the same everywhere it is posted. */
import { canWait, filledSeats, gap, isLadder, joinRefusal, nextTier } from '#domain/group-buy.ts'
import { groupLink, type GroupRow } from '#shop/group-buy.ts'
import { groupPictureName } from '#shop/group-picture.ts'
import { optionsText } from './options.ts'
import type { Button, Line, Screen } from './screen.ts'
import { shorten, type Reader } from './text.ts'

const price = (group: GroupRow) => ({ money: { amount: group.price, currency: group.currency } })

export function joinButton(group: GroupRow): Button {
  if (gap(group) === 0) {
    return {
      label: { key: 'button.join', params: { price: price(group) } },
      intent: { do: 'join', groupId: group.groupId },
    }
  }
  const label = {
    key: 'button.join-gap' as const,
    params: { price: price(group), count: gap(group), until: { at: group.deadlineAt } },
  }
  return { label, intent: { do: 'join', groupId: group.groupId } }
}

/**
 * What everybody sees of a group: exact numbers, first names, the deadline.
 * @param isShared others read it, too: the deadline says in which zone it is.
 */
export function groupLines(group: GroupRow, reader: Reader, isShared = false): Line[] {
  const lines: Line[] = [{ raw: { words: group.title }, style: 'bold' }]
  const option = optionsText(group.options, reader.language)
  if (option !== '') lines.push({ key: 'product.option', params: { option } })
  const alone = { money: { amount: group.alonePrice, currency: group.currency } }
  const terms = { price: price(group), alone, count: group.size }
  lines.push({ key: isLadder(group) ? 'group.price-now' : 'group.price', params: terms })
  const step = group.state === 'open' ? nextTier(group.tiers, group.bestSeats) : undefined
  if (step) {
    const money = { amount: step.price, currency: group.currency }
    const count = step.seats - Math.min(filledSeats(group), step.seats - 1)
    lines.push({ key: 'group.next-step', params: { count, price: { money } } })
  }
  lines.push({ gap: true })
  // A bar of at most ten marks; the numbers beside it are exact.
  const marks = Math.min(group.size, 10)
  const filled = Math.floor((filledSeats(group) * marks) / group.size)
  const bar = '●'.repeat(filled) + '○'.repeat(marks - filled)
  const counts = {
    bar,
    paid: filledSeats(group),
    size: group.size,
    count: gap(group),
    until: { at: group.deadlineAt, zone: isShared },
    price: price(group),
  }
  switch (group.state) {
    case 'draft':
      lines.push({ key: 'group.draft' })
      break
    case 'open':
      if (group.deadlineAt <= reader.now) lines.push({ key: 'group.closing', params: counts })
      else lines.push({ key: gap(group) > 0 ? 'group.open' : 'group.enough', params: counts })
      if (group.takenSeats > group.paidSeats)
        lines.push({ key: 'group.being-paid', params: { count: group.takenSeats - group.paidSeats } })
      break
    case 'formed':
      lines.push({ key: isLadder(group) ? 'group.formed-enough' : 'group.formed', params: counts })
      break
    case 'failed':
    case 'cancelled':
      lines.push({ key: 'group.failed', params: counts })
      break
  }
  if (group.toppedUp > 0 && (group.state === 'open' || group.state === 'formed'))
    lines.push({ key: 'group.topped-up', params: { count: group.toppedUp } })
  // Of a group that is over, only those are known whose money is not on its way back.
  if (group.members.length > 0 && (group.state === 'open' || group.state === 'formed'))
    lines.push({ key: 'group.members', params: { names: shorten(group.members.join(', '), 150) } })
  return lines
}

/**
 * The card for a chat where anybody may read and press: no button depends on the reader.
 * @param sharerId who put it there, when that is known.
 */
export function sharedCard(group: GroupRow, reader: Reader, sharerId?: number | null): Screen {
  return {
    ...(!group.isAdult && { picture: groupPictureName(group) }),
    lines: [...groupLines(group, reader, true), { key: 'product.seller', params: { seller: group.sellerName } }],
    rows: [[sharedButton(group, reader, sharerId)]],
  }
}

function sharedButton(group: GroupRow, reader: Reader, sharerId: number | null | undefined): Button {
  const link = groupLink(group, sharerId)
  if (joinRefusal(group, reader.now) !== undefined)
    return { label: { key: canWait(group, reader.now) ? 'button.wait' : 'button.open-shop' }, start: `g_${link}` }
  const label = { key: 'button.join' as const, params: { price: price(group) } }
  // An id can be forged: into a group that is not for strangers only the link leads.
  return group.isPublic ? { label, intent: { do: 'join', groupId: group.groupId } } : { label, start: `j_${link}` }
}
