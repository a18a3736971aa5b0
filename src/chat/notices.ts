/** What people are told without having asked: each notification as a screen. */
import type { Deps } from '#shop/deps.ts'
import { groupById } from '#shop/group-buy.ts'
import type { Notice } from '#shop/notifications.ts'
import { orderForShop, orderOf } from '#shop/orders.ts'
import { groupLines } from './group-card.ts'
import { homeButton } from './home.ts'
import type { Follows } from './messenger.ts'
import { orderScreen } from './orders.ts'
import type { Button, Screen } from './screen.ts'
import { channelScreen } from './sellers.ts'
import type { Reader } from './text.ts'

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
      const order = await orderOf(deps.db, notice.data.orderId, personId)
      if (order?.state !== 'awaiting_payment') return undefined
      return { screen: orderScreen(order, reader), follows: { orderId: order.orderId } }
    }
    case 'order-expired':
      return aboutOrder('notice.order-expired', notice.data.orderId)
    case 'order-paid':
      return aboutOrder('notice.order-paid', notice.data.orderId)
    case 'money-released':
      return aboutOrder(notice.data.late ? 'notice.money-back-late' : 'notice.money-back', notice.data.orderId)
    case 'refund-owed':
      return aboutOrder('notice.refund-owed', notice.data.orderId)
    case 'delivery-refused':
      return aboutOrder('notice.delivery-refused', notice.data.orderId)
    case 'shop-attention': {
      const order = await orderForShop(deps.db, notice.data.orderId, personId)
      if (!order) return undefined
      const key = notice.data.about === 'refund' ? 'notice.shop-refund' : 'notice.shop-delivery'
      const total = { money: { amount: order.total, currency: order.currency } }
      const params = { number: order.number, title: { words: order.title }, total }
      return {
        screen: {
          lines: [{ key, params }],
          rows: [[{ label: { key: 'button.shops' }, intent: { do: 'shops' } }, homeButton]],
        },
      }
    }
    case 'shipment':
      return aboutOrder(`told.${notice.data.state}` as 'told.accepted', notice.data.orderId)
    case 'seat-paid': {
      const group = await groupById(deps.db, notice.data.groupId)
      if (!group || group.state !== 'open') return undefined
      const rows: Button[][] = [
        [{ label: { key: 'button.share-group' }, share: { kind: 'group', token: group.token } }],
        [{ label: { key: 'button.group' }, intent: { do: 'group', groupId: group.groupId } }, homeButton],
      ]
      const screen: Screen = {
        ...(group.picture !== null && { picture: group.picture }),
        lines: [{ key: 'notice.seat-paid' }, { gap: true }, ...groupLines(group, reader)],
        rows,
      }
      return { screen, follows: { groupId: group.groupId, version: group.version } }
    }
    case 'group-joined': {
      const group = await groupById(deps.db, notice.data.groupId)
      if (!group || group.state !== 'open') return undefined
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
      return { screen: { lines: [{ key }, { gap: true }, ...groupLines(group, reader)], rows } }
    }
    case 'channel-added': {
      const screen = await channelScreen({ deps }, notice.data.channelId, personId)
      return screen && { screen }
    }
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

  async function aboutOrder(
    key:
      | 'notice.order-paid'
      | 'notice.order-expired'
      | 'notice.money-back'
      | 'notice.money-back-late'
      | 'notice.refund-owed'
      | 'notice.delivery-refused'
      | 'told.accepted',
    orderId: number,
  ): Promise<NoticeOutcome | undefined> {
    const order = await orderOf(deps.db, orderId, personId)
    if (!order) return undefined
    const params = {
      number: order.number,
      title: { words: order.title },
      total: { money: { amount: order.total, currency: order.currency } },
      days: { days: { from: order.promisedFrom, to: order.promisedTo } },
      place: `${order.recipient.cityName}, ${order.recipient.pickupPointText}`,
    }
    const rows: Button[][] = [[{ label: { key: 'button.my-order' }, intent: { do: 'order', orderId } }, homeButton]]
    if (key === 'notice.order-expired' || key === 'notice.money-back') {
      rows.unshift([{ label: { key: 'button.product' }, intent: { do: 'product', productId: order.productId } }])
    }
    return { screen: { lines: [{ key, params }], rows } }
  }
}
