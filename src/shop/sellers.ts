/** What a shop's people do: join, connect a channel, post, and see what a post brought. */
import { findProduct, findProducts, type ProductRow } from '#store/catalog.ts'
import { inTransaction, type Client, type Transaction } from '#store/db.ts'
import { notify, type NoticeKinds } from '#store/notifications.ts'
import { enqueue } from '#store/queue.ts'
import {
  addMember,
  assignChannel,
  claimPost,
  findChannel,
  findChannels,
  findPost,
  findPostStats,
  findShops,
  finishPost,
  insertPost,
  isMember,
  unclaimPost,
  removeChannel,
  saveChannel,
  savePostOpen,
  type Channel,
  type PostStats,
  type Shop,
} from '#store/sellers.ts'

export type { Channel, PostStats, Shop }

export async function joinShop(db: Client, invitation: string, personId: number, now: Date): Promise<Shop | undefined> {
  return addMember(db, invitation, personId, now)
}

export async function shopsOf(db: Client, personId: number): Promise<Shop[]> {
  return findShops(db, personId)
}

/**
 * The bot became administrator of a channel. With one shop the channel is that shop's at once; with several the person
 * is asked; with none they are told how to get one.
 */
export async function channelAdded(
  db: Client,
  channel: { messenger: string; externalId: string; title: string; username: string | null },
  personId: number,
  requestKey: string,
  now: Date,
): Promise<void> {
  const shops = await findShops(db, personId)
  await inTransaction(db, async (tx) => {
    const sellerId = shops.length === 1 ? (shops[0]?.sellerId ?? null) : null
    const { channelId } = await saveChannel(tx, { ...channel, sellerId }, personId, now)
    const key = `channel:${channelId}:${requestKey}`
    await notify(tx, personId, key, { kind: 'channel-added', data: { channelId } }, now)
  })
}

export async function channelRemoved(db: Client, messenger: string, externalId: string, now: Date): Promise<void> {
  await removeChannel(db, messenger, externalId, now)
}

export async function channelById(db: Client, channelId: number) {
  return findChannel(db, channelId)
}

/** @returns false for a channel that is not theirs to give, or has a shop already. */
export async function giveChannel(db: Client, channelId: number, sellerId: number, personId: number): Promise<boolean> {
  return assignChannel(db, channelId, sellerId, personId)
}

export type ShopView = { shop: Shop; channels: Channel[]; stats: PostStats[] }

/** @returns undefined for a shop the person is not a member of. */
export async function shopView(db: Client, sellerId: number, personId: number): Promise<ShopView | undefined> {
  const shop = (await findShops(db, personId)).find((candidate) => candidate.sellerId === sellerId)
  if (!shop) return undefined
  return { shop, channels: await findChannels(db, sellerId), stats: await findPostStats(db, sellerId, 5) }
}

export async function shopProducts(
  db: Client,
  sellerId: number,
  personId: number,
  page: number,
  now: Date,
): Promise<{ total: number; products: ProductRow[] } | undefined> {
  if (!(await isMember(db, sellerId, personId))) return undefined
  return findProducts(db, { sellerId, offset: page * 6, limit: 6 }, now)
}

export type PostResult =
  | { ok: true; postId: number }
  | { ok: false; reason: 'not-found' | 'no-group-price' | 'withdrawn' }

/**
 * Posts a product or its group offer to a channel: a row and a job, so that a killed process neither loses nor doubles it.
 * @param draft names the preview that the button stood under: however often that button is pressed, it makes one post.
 */
export async function post(
  db: Client,
  {
    personId,
    draft,
    channelId,
    productId,
    isGroupOffer,
    now,
  }: { personId: number; draft: string; channelId: number; productId: number; isGroupOffer: boolean; now: Date },
): Promise<PostResult> {
  const channel = await findChannel(db, channelId)
  const product = await findProduct(db, productId, now)
  if (!channel || channel.isRemoved || channel.sellerId === null || !product) return { ok: false, reason: 'not-found' }
  const sellerId = channel.sellerId
  // Both the channel and the product must be of a shop of theirs: ids in buttons are hostile.
  if (product.sellerId !== sellerId || !(await isMember(db, sellerId, personId)))
    return { ok: false, reason: 'not-found' }
  if (product.withdrawn || product.variants.length === 0) return { ok: false, reason: 'withdrawn' }
  const campaignId = product.variants.find((variant) => variant.campaignId !== null)?.campaignId ?? null
  if (isGroupOffer && campaignId === null) return { ok: false, reason: 'no-group-price' }
  // All that the button says, and who pressed it: a forged draft leads to no post of somebody else's.
  const requestKey = ['draft', personId, draft, channelId, productId, isGroupOffer ? 'group' : 'product'].join(':')
  return inTransaction(db, async (tx) => {
    const postId = await insertPost(
      tx,
      {
        requestKey,
        requestedById: personId,
        sellerId,
        channelId,
        productId,
        campaignId: isGroupOffer ? campaignId : null,
      },
      now,
    )
    await enqueue(tx, 'publish-post', { postId }, { key: `post:${postId}`, queue: 'sending' })
    return { ok: true as const, postId }
  })
}

export type PostToPublish = {
  postId: number
  token: string
  isGroupOffer: boolean
  product: ProductRow
  messenger: string
  channelExternalId: string
  /** Who asked for it: the post speaks their language. */
  authorId: number
}

/**
 * Takes a post for sending, marked beforehand. One whose sender died is in doubt, and one whose product has gone off sale
 * has failed: whoever asked for it is told.
 * @returns undefined if there is nothing to send: somebody else has it or had it, or it has ended here.
 */
export async function takePost(db: Client, postId: number, now: Date): Promise<PostToPublish | undefined> {
  const row = await findPost(db, { id: postId })
  if (!row) return undefined
  const found = await findProduct(db, row.productId, now)
  const product = found?.withdrawn ? undefined : found
  const isToSend = await inTransaction(db, async (tx) => {
    const state = await claimPost(tx, postId)
    if (state === 'doubtful') await tellAuthor(tx, postId, row.requestedById, state, now)
    if (state !== 'sending') return false
    if (product) return true
    await finishPost(tx, postId, 'failed', null, now)
    await tellAuthor(tx, postId, row.requestedById, 'withdrawn', now)
    return false
  })
  if (!isToSend || !product) return undefined
  return {
    postId,
    token: row.token,
    isGroupOffer: row.campaignId !== null,
    product,
    messenger: row.channel.messenger,
    channelExternalId: row.channel.externalId,
    authorId: row.requestedById,
  }
}

/** Nothing was sent: the post waits for the job's next try. */
export async function postAgain(db: Client, postId: number): Promise<void> {
  await unclaimPost(db, postId)
}

export async function postPublished(
  db: Client,
  postId: number,
  state: 'sent' | 'failed' | 'doubtful',
  messageRef: string | null,
  now: Date,
): Promise<void> {
  await inTransaction(db, async (tx) => {
    await finishPost(tx, postId, state, messageRef, now)
    const row = await findPost(tx, { id: postId })
    if (!row) return
    await tellAuthor(tx, postId, row.requestedById, state, now)
  })
}

async function tellAuthor(
  tx: Transaction,
  postId: number,
  personId: number,
  state: NoticeKinds['post-published']['state'],
  now: Date,
): Promise<void> {
  const data = { postId, state }
  await notify(tx, personId, `post:${postId}:${state}`, { kind: 'post-published', data }, now)
}

/** Somebody came by a post's link. @returns what the post offers; undefined for a link that does not exist. */
export async function postOpened(
  db: Client,
  token: string,
  personId: number,
  now: Date,
): Promise<{ productId: number; isGroupOffer: boolean } | undefined> {
  const row = await findPost(db, { token })
  if (!row) return undefined
  await savePostOpen(db, row.id, personId, now)
  return { productId: row.productId, isGroupOffer: row.campaignId !== null }
}
