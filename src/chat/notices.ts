/** What people are told without having asked: each notification as a screen. */
import type { Deps } from '#shop/deps.ts'
import { groupById, seatOf } from '#shop/group-buy.ts'
import type { Notice } from '#shop/notifications.ts'
import { movesOf } from '#shop/moves.ts'
import { moneyStory, orderOf, type OrderView } from '#shop/orders.ts'
import { choiceParts } from './choices.ts'
import { favouriteNotice } from './favourite-notices.ts'
import { groupLines } from './group-card.ts'
import { homeButton } from './home.ts'
import { importNotice } from './import-page.ts'
import type { Follows } from './messenger.ts'
import { moneyLines, receiptLines, sumOf } from './money.ts'
import { orderScreen } from './orders.ts'
import { questionNotice } from './questions.ts'
import { groupAgain, groupReminder, seatReminder } from './reminders.ts'
import type { Button, Line, Param, Params, Screen } from './screen.ts'
import { channelScreen } from './sellers.ts'
import { shopNoticeScreen } from './shop-notices.ts'
import { didNotComeAbout, tryAgainParts } from './try-again.ts'
import type { Reader } from './text.ts'
import { seatOffered, waitOver } from './waiting.ts'
import type { Key } from './words.ts'

/** A notification's screen, and what it follows from then on. */
export type NoticeOutcome = { screen: Screen; follows?: Follows }

/**
 * The message for a notification, from how things stand now: a late message never tells an old truth.
 * @returns undefined when there is nothing left to tell.
 */
export async function noticeScreen(
  notice: Notice,
  personId: number,
  reader: Reader,
  deps: Deps,
): Promise<NoticeOutcome | undefined> {
  switch (notice.kind) {
    case 'payment-ready':
    case 'payment-declined': {
      const order = await ownOrder(notice.data.orderId)
      if (order?.state !== 'awaiting_payment') return undefined
      return { screen: await orderScreen(order, reader, deps), follows: { orderId: order.orderId } }
    }
    case 'order-paid':
      return orderPaid(notice.data.orderId)
    case 'order-expired':
      return aboutOrder('notice.order-expired', notice.data.orderId, { offersProduct: true })
    case 'money-released':
      return moneyReleased(notice.data)
    case 'refund-owed':
      return refundOwed(notice.data.orderId)
    case 'refund-done':
    case 'refund-by-hand':
    case 'return-declined':
      return aboutMove(notice.kind, notice.data)
    case 'paid-twice':
      return aboutOrder('notice.paid-twice', notice.data.orderId)
    case 'hold-ending':
      return aboutOrder('notice.hold-ending', notice.data.orderId, { groupId: notice.data.groupId })
    case 'delivery-refused':
      return aboutOrder('notice.delivery-refused', notice.data.orderId)
    case 'shop-attention':
      return shopNoticeScreen(notice.data, personId, reader, deps)
    case 'shipment':
      return aboutOrder(`told.${notice.data.state}` as 'told.accepted', notice.data.orderId)
    case 'seat-paid': {
      const group = await groupById(deps.db, notice.data.groupId)
      if (!group || group.state !== 'open') return undefined
      const rows: Button[][] = [
        [{ label: { key: 'button.share-group' }, share: { kind: 'group', token: group.token } }],
        [{ label: { key: 'button.picture' }, intent: { do: 'group-picture', groupId: group.groupId } }],
        [
          { label: { key: 'button.group' }, intent: { do: 'group', groupId: group.groupId } },
          { label: { key: 'button.my-order' }, intent: { do: 'order', orderId: notice.data.orderId } },
        ],
        [homeButton],
      ]
      const screen: Screen = {
        ...(group.picture !== null && { picture: group.picture }),
        lines: [
          { key: 'notice.seat-paid' },
          ...(await moneyOf(notice.data.orderId)),
          { gap: true },
          ...groupLines(group, reader),
        ],
        rows,
      }
      return { screen, follows: { groupId: group.groupId, version: group.version } }
    }
    case 'late-choice': {
      const order = await ownOrder(notice.data.orderId)
      const choice = order && (await choiceParts(order, { deps, reader }))
      const told = choice && (await aboutOrder('notice.late-choice', order.orderId))
      if (!told) return undefined
      const { lines, rows } = told.screen
      const screen = { lines: [...lines, { gap: true } as const, ...choice.lines], rows: [...choice.rows, ...rows] }
      return { screen, follows: { orderId: order.orderId } }
    }
    case 'seat-offered':
      return seatOffered(notice.data.groupId, personId, reader, deps)
    case 'wait-over':
      return waitOver(notice.data.groupId, personId, deps)
    case 'seat-reminder':
      return seatReminder(notice.data, personId, reader, deps)
    case 'group-reminder':
      return groupReminder(notice.data, personId, reader, deps)
    case 'group-again':
      return groupAgain(notice.data, personId, reader, deps)
    case 'price-drop':
    case 'back-in-stock':
      return favouriteNotice(notice, personId, deps)
    case 'question-asked':
    case 'question-answered':
      return questionNotice(notice, personId, deps)
    case 'group-joined': {
      const group = await groupById(deps.db, notice.data.groupId)
      if (!group || group.state !== 'open') return undefined
      // Who left is told no more of who is in it.
      const seat = await seatOf(deps.db, group.groupId, personId)
      if (!seat || !['held', 'paid', 'confirmed'].includes(seat.state)) return undefined
      const rows: Button[][] = [
        [{ label: { key: 'button.share-group' }, share: { kind: 'group', token: group.token } }],
        [{ label: { key: 'button.group' }, intent: { do: 'group', groupId: group.groupId } }],
      ]
      return { screen: { lines: [{ key: 'notice.group-joined' }, { gap: true }, ...groupLines(group, reader)], rows } }
    }
    case 'group-formed':
    case 'group-failed': {
      const group = await groupById(deps.db, notice.data.groupId)
      if (!group) return undefined
      const key = notice.kind === 'group-formed' ? 'notice.group-formed' : 'notice.group-failed'
      const rows: Button[][] = [
        [{ label: { key: 'button.my-order' }, intent: { do: 'order', orderId: notice.data.orderId } }],
        [{ label: { key: 'button.product' }, intent: { do: 'product', productId: group.productId } }, homeButton],
      ]
      const order = await ownOrder(notice.data.orderId)
      const lines: Line[] = [{ key }]
      const money = order && groupMoneyLine(order, notice.kind === 'group-formed')
      if (money) lines.push(money)
      lines.push({ gap: true }, ...groupLines(group, reader))
      if (order && notice.kind === 'group-failed') {
        const again = await tryAgainParts(order, reader, deps)
        lines.push(...again.lines)
        rows.unshift(...again.rows)
      }
      return { screen: { lines, rows } }
    }
    case 'channel-added': {
      const screen = await channelScreen({ deps }, notice.data.channelId, personId)
      return screen && { screen }
    }
    case 'catalogue-import':
      return importNotice(notice.data.importId, personId, deps)
    case 'post-published': {
      const keys = {
        sent: 'notice.post-published',
        failed: 'post.not-sent',
        withdrawn: 'post.withdrawn',
        doubtful: 'post.doubtful',
      } as const
      const key = keys[notice.data.state]
      const rows: Button[][] = [[{ label: { key: 'button.shops' }, intent: { do: 'shops' } }, homeButton]]
      return { screen: { lines: [{ key }], rows } }
    }
  }

  async function ownOrder(orderId: number) {
    return orderOf(deps.db, orderId, personId)
  }

  async function moneyOf(orderId: number): Promise<Line[]> {
    const order = await ownOrder(orderId)
    return order ? moneyLines(order, await movesOf(deps.db, orderId)) : []
  }

  /** A receipt, in the chat; what is to be paid at the door has none yet. */
  async function orderPaid(orderId: number): Promise<NoticeOutcome | undefined> {
    const order = await ownOrder(orderId)
    if (order?.payment?.state === 'promised') return aboutOrder('notice.order-promised', orderId)
    const told = await aboutOrder('notice.order-paid', orderId)
    if (!order || !told) return undefined
    const lines = receiptLines(order, await moneyStory(deps.db, orderId), reader)
    return { screen: { ...told.screen, lines: [...told.screen.lines, { gap: true }, ...lines] } }
  }

  /** What goes back because a group failed is told together with that. */
  async function refundOwed(orderId: number) {
    const moves = await movesOf(deps.db, orderId)
    const isTold = moves.some(({ kind, reason }) => kind === 'refund' && reason === 'group-failed')
    return isTold ? undefined : aboutOrder('notice.refund-owed', orderId)
  }

  /** A hold was given back: because the order is over, or because it was paid for by another payment. */
  async function moneyReleased({ orderId, late }: { orderId: number; late: boolean }) {
    const order = await ownOrder(orderId)
    const isLate = late && (order?.cancelReason === 'unpaid' || order?.cancelReason === 'given-up')
    const isOver =
      order?.state === 'cancelled' || ['voiding', 'voided', 'expired'].includes(order?.payment?.state ?? 'voided')
    if (!isOver) return aboutOrder('notice.money-back-twice', orderId)
    return isLate
      ? aboutOrder('notice.money-back-late', orderId, { offersAgain: true })
      : aboutOrder('notice.money-back', orderId, { offersProduct: true, offersAgain: true })
  }

  async function aboutMove(
    kind: 'refund-done' | 'refund-by-hand' | 'return-declined',
    { orderId, moveId }: { orderId: number; moveId: string },
  ): Promise<NoticeOutcome | undefined> {
    const order = await ownOrder(orderId)
    const move = order && (await movesOf(deps.db, orderId)).find((one) => one.moveId === moveId)
    if (!move) return undefined
    const reason: Param = { key: `reason.${move.reason ?? 'goodwill'}` }
    const isDoor = order.payment?.method === 'on-delivery'
    const params = { sum: sumOf(order, move.amount), reason }
    if (kind === 'return-declined') return aboutOrder(`notice.${kind}`, orderId, { params })
    const offersAgain = kind === 'refund-done'
    return aboutOrder(isDoor ? `notice.${kind}-door` : `notice.${kind}`, orderId, { params, offersAgain })
  }

  async function aboutOrder(
    key: Key,
    orderId: number,
    more: { params?: Params; offersProduct?: boolean; offersAgain?: boolean; groupId?: number } = {},
  ): Promise<NoticeOutcome | undefined> {
    const order = await ownOrder(orderId)
    if (!order) return undefined
    const params = {
      number: order.number,
      title: { words: order.title },
      total: sumOf(order, order.total),
      days: { days: { from: order.promisedFrom, to: order.promisedTo } },
      place: `${order.recipient.cityName}, ${order.recipient.pickupPointText}`,
      ...more.params,
    }
    const rows: Button[][] = [
      [{ label: { key: 'button.story' }, intent: { do: 'story', orderId } }],
      [{ label: { key: 'button.my-order' }, intent: { do: 'order', orderId } }, homeButton],
    ]
    if (more.offersProduct) {
      rows.unshift([{ label: { key: 'button.product' }, intent: { do: 'product', productId: order.productId } }])
    }
    if (more.groupId !== undefined) {
      rows.unshift([{ label: { key: 'button.group' }, intent: { do: 'group', groupId: more.groupId } }])
    }
    const lines: Line[] = [{ key, params }]
    if (more.offersAgain && didNotComeAbout(order)) {
      const again = await tryAgainParts(order, reader, deps)
      lines.push(...again.lines)
      rows.unshift(...again.rows)
    }
    return { screen: { lines, rows } }
  }
}

/**
 * What a group's end does with a member's money. Of what is taken the receipt tells, which may come before this or after;
 * of what goes back, this says that it is on its way, whether or not it has arrived.
 */
function groupMoneyLine(order: OrderView, isFormed: boolean): Line | undefined {
  const params = { sum: sumOf(order, order.total) }
  const method = order.payment?.method ?? 'card'
  if (method === 'on-delivery') return { key: isFormed ? 'money.promised' : 'money.nothing-due', params }
  if (isFormed) return undefined
  return { key: method === 'card' ? 'money.releasing' : 'money.refunding', params }
}
