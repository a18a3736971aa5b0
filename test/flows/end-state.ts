/** How things stand at the end, without what differs from run to run: to be compared between runs. */
import { expect } from 'vitest'
import { languages } from '#domain/people.ts'
import type { Cast } from './story.ts'
import type { Message, Stage } from './stage.ts'
import { toLabelPattern, toPattern } from './words.ts'

export type EndState = Awaited<ReturnType<typeof endStateOf>>

export async function endStateOf(stage: Stage, cast: Cast) {
  const { db } = stage
  const orders = await db.order.findMany({
    orderBy: { id: 'asc' },
    include: {
      person: { select: { firstName: true } },
      lines: { include: { variant: { select: { externalId: true } } } },
      payments: { include: { moves: true }, orderBy: { createdAt: 'asc' } },
      reservations: true,
      seat: { include: { group: true } },
      shipment: { include: { events: { orderBy: { happenedAt: 'asc' } } } },
    },
  })
  const stock = await db.stockLevel.findMany({
    where: { variantId: { in: orders.flatMap(({ lines }) => lines.map(({ variantId }) => variantId)) } },
    orderBy: [{ variantId: 'asc' }, { locationId: 'asc' }],
    select: { variantId: true, locationId: true, onHand: true, reserved: true },
  })
  const notices = await db.notification.findMany({ include: { person: { select: { firstName: true } } } })
  const payments = await stage.payments()
  const { anna, boris, sofia, dmitry, elena, friends, channel } = cast
  const chats = {
    anna: anna.id,
    boris: boris.id,
    sofia: sofia.id,
    dmitry: dmitry.id,
    elena: elena.id,
    friends,
    channel,
  }
  const transcripts: Record<string, string[]> = {}
  for (const [name, chat] of Object.entries(chats)) {
    transcripts[name] = (await stage.transcript(chat)).map(toPlain).toSorted()
  }
  return {
    orders: orders.map((order) => ({
      buyer: order.person.firstName,
      goods: order.lines.map(({ variant, quantity }) => `${quantity} × ${variant.externalId}`),
      state: order.state,
      total: String(order.total),
      cancelReason: order.cancelReason,
      payments: order.payments.map(({ state, moves }) => [
        state,
        ...moves.map(({ kind, state: to }) => `${kind} ${to}`),
      ]),
      provider: payments
        .filter(({ description }) => description?.startsWith(`${order.number}:`))
        .map(({ status, amount }) => `${status} ${amount.value}`),
      seat: order.seat && `${order.seat.state} in ${order.seat.group.state}, ${order.seat.group.paidSeats} paid`,
      reservations: order.reservations.length,
      shipment: order.shipment && [order.shipment.state, ...order.shipment.events.map(({ code }) => code)],
    })),
    payments: payments.length,
    stock: stock.map(({ onHand, reserved }) => ({ onHand, reserved })),
    notices: notices.map(({ person, kind, state }) => `${person.firstName}: ${kind} ${state}`).toSorted(),
    jobsLeft: await jobsLeft(stage),
    transcripts,
  }
}

/** A job that failed for good, or still fails, is a defect even where nobody saw it. */
async function jobsLeft({ db }: Stage): Promise<string[]> {
  const rows = await db.$queryRaw<{ name: string; error: string }[]>`
    SELECT t.identifier AS name, j.last_error AS error FROM graphile_worker._private_jobs j
    JOIN graphile_worker._private_tasks t ON t.id = j.task_id WHERE j.last_error IS NOT NULL`
  return rows.map(({ name, error }) => `${name}: ${error}`)
}

/** The same message said twice in one chat. What people say begins with a slash where they say it twice. */
export function expectNothingTwice({ transcripts }: EndState): void {
  for (const all of Object.values(transcripts)) {
    const messages = all.filter((message) => !message.startsWith('/'))
    expect(messages.filter((message, at) => messages.indexOf(message) !== at)).toEqual([])
  }
}

const failed = toPattern('group.failed', {}, languages)
const myOrder = toLabelPattern(['button.my-order'], languages)

/** Words and buttons, with numbers of orders and parcels, times and tokens left out. */
function toPlain(message: Message): string {
  const words = message.text ?? message.caption ?? '?'
  // The card of a group that failed is drawn once, and whether its seats are released by then is up to chance.
  const isFree = failed.test(words) ? (label: string) => !myOrder.test(label) : () => true
  const buttons = [...(message.reply_markup?.inline_keyboard ?? []), ...(message.reply_markup?.keyboard ?? [])].map(
    (row) =>
      row
        .filter(({ text }) => isFree(text))
        .map(({ text }) => `[${text}]`)
        .join(' '),
  )
  return [words, ...buttons.filter((row) => row !== '')]
    .join('\n')
    .replaceAll(/[0-9A-Z]{4}-[0-9A-Z]{4}/g, '<order>')
    .replaceAll(/\b11\d{8}\b/g, '<parcel>')
    .replaceAll(/\b\d{1,2}:\d\d\b/g, '<time>')
    .replaceAll(/\/start [a-z]_\S+/g, '/start <link>')
}
