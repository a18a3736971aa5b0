import { randomBytes } from 'node:crypto'
import type { PaymentMethod, PaymentTerms } from '#domain/payments.ts'
import type { Words } from '#domain/people.ts'
import type { Client, Db } from './db.ts'
import { Prisma } from './prisma/client.ts'

export type Shop = { sellerId: number; name: string }

export async function findShops(db: Client, personId: number): Promise<Shop[]> {
  const rows = await db.sellerMember.findMany({
    where: { personId },
    orderBy: { sellerId: 'asc' },
    select: { seller: { select: { id: true, name: true } } },
  })
  return rows.map(({ seller }) => ({ sellerId: seller.id, name: seller.name }))
}

export async function isMember(db: Db, sellerId: number, personId: number): Promise<boolean> {
  const rows = await db.$queryRaw<unknown[]>`
    SELECT 1 FROM seller_member WHERE seller_id = ${sellerId} AND person_id = ${personId}`
  return rows.length > 0
}

/** Everybody of a shop, in the order of their numbers. */
export async function findMembers(db: Db, sellerId: number): Promise<number[]> {
  const rows = await db.$queryRaw<{ personId: number }[]>`
    SELECT person_id AS "personId" FROM seller_member WHERE seller_id = ${sellerId} ORDER BY person_id`
  return rows.map(({ personId }) => personId)
}

/** @returns the shop that the invitation belongs to; undefined for an unknown one. Joining twice changes nothing. */
export async function addMember(
  db: Client,
  invitation: string,
  personId: number,
  now: Date,
): Promise<Shop | undefined> {
  const seller = await db.seller.findUnique({ where: { invitation }, select: { id: true, name: true } })
  if (!seller) return undefined
  await db.$executeRaw`
    INSERT INTO seller_member (seller_id, person_id, joined_at) VALUES (${seller.id}, ${personId}, ${now})
    ON CONFLICT DO NOTHING`
  return { sellerId: seller.id, name: seller.name }
}

export async function findPaymentSettings(db: Client, sellerId: number): Promise<PaymentTerms> {
  const seller = await db.seller.findUniqueOrThrow({
    where: { id: sellerId },
    select: { paymentMethods: true, onDeliveryMax: true, onDeliveryForGroups: true },
  })
  const { paymentMethods, ...limits } = seller
  return { methods: paymentMethods as PaymentMethod[], ...limits }
}

/**
 * Offers a method or no longer does. One statement, so that two people who take away the last two at once cannot.
 * @param possible the methods that somebody moves money by: one of these stays.
 * @returns false when it would be the last.
 */
export async function saveOfferedMethod(
  db: Db,
  sellerId: number,
  method: PaymentMethod,
  isOn: boolean,
  possible: readonly PaymentMethod[],
): Promise<boolean> {
  const others = possible.filter((one) => one !== method)
  const rows = await db.$executeRaw`
    UPDATE seller SET payment_methods = CASE WHEN ${isOn} THEN array_append(array_remove(payment_methods, ${method}), ${method})
      ELSE array_remove(payment_methods, ${method}) END
    WHERE id = ${sellerId} AND (${isOn} OR payment_methods && ${others}::text[])`
  return rows === 1
}

export async function saveDoorTerms(
  db: Client,
  sellerId: number,
  terms: { onDeliveryMax?: bigint | null; onDeliveryForGroups?: boolean },
): Promise<void> {
  await db.seller.update({ where: { id: sellerId }, data: terms })
}

export type OpenRefund = {
  moveId: string
  orderId: number
  number: string
  state: 'asked' | 'by_hand'
  amount: bigint
  currency: string
}

/** Refunds of a shop that wait for one of its people, oldest first. */
export async function findOpenRefunds(db: Db, sellerId: number, limit: number): Promise<OpenRefund[]> {
  return db.$queryRaw<OpenRefund[]>`
    SELECT m.id::text AS "moveId", o.id AS "orderId", o.number, m.state, m.amount, p.currency
    FROM payment_move m JOIN payment p ON p.id = m.payment_id JOIN "order" o ON o.id = p.order_id
    WHERE o.seller_id = ${sellerId} AND m.kind = 'refund' AND m.state IN ('asked', 'by_hand')
    ORDER BY m.created_at, m.id LIMIT ${limit}`
}

export async function findFirstName(db: Client, personId: number): Promise<string> {
  const { firstName } = await db.person.findUniqueOrThrow({ where: { id: personId }, select: { firstName: true } })
  return firstName
}

export type Channel = {
  channelId: number
  sellerId: number | null
  messenger: string
  externalId: string
  title: string
}

/** Adds a channel or brings it back; a shop it already belongs to keeps it. */
export async function saveChannel(
  db: Db,
  channel: { messenger: string; externalId: string; title: string; username: string | null; sellerId: number | null },
  addedById: number,
  now: Date,
): Promise<Channel> {
  const [row] = await db.$queryRaw<Channel[]>`
    INSERT INTO brand_channel (seller_id, messenger, external_id, title, username, added_by_id, added_at)
    VALUES (${channel.sellerId}, ${channel.messenger}, ${channel.externalId}, ${channel.title}, ${channel.username},
      ${addedById}, ${now})
    ON CONFLICT (messenger, external_id) DO UPDATE SET removed_at = NULL, title = excluded.title,
      username = excluded.username, added_by_id = excluded.added_by_id,
      seller_id = coalesce(brand_channel.seller_id, excluded.seller_id)
    RETURNING id AS "channelId", seller_id AS "sellerId", messenger, external_id AS "externalId", title`
  if (!row) throw new Error('an upsert returns its row')
  return row
}

export async function removeChannel(db: Db, messenger: string, externalId: string, now: Date): Promise<void> {
  await db.$executeRaw`
    UPDATE brand_channel SET removed_at = ${now} WHERE messenger = ${messenger} AND external_id = ${externalId}`
}

/** Gives a channel without a shop to one, if the person who added the bot asks for it. */
export async function assignChannel(db: Db, channelId: number, sellerId: number, personId: number): Promise<boolean> {
  const rows = await db.$executeRaw`
    UPDATE brand_channel SET seller_id = ${sellerId}
    WHERE id = ${channelId} AND seller_id IS NULL AND added_by_id = ${personId}
      AND EXISTS (SELECT 1 FROM seller_member WHERE seller_id = ${sellerId} AND person_id = ${personId})`
  return rows === 1
}

export async function findChannels(db: Client, sellerId: number): Promise<Channel[]> {
  const rows = await db.brandChannel.findMany({ where: { sellerId, removedAt: null }, orderBy: { id: 'asc' } })
  return rows.map((row) => ({
    channelId: row.id,
    sellerId: row.sellerId,
    messenger: row.messenger,
    externalId: row.externalId,
    title: row.title,
  }))
}

export async function findChannel(
  db: Client,
  channelId: number,
): Promise<(Channel & { addedById: number; isRemoved: boolean }) | undefined> {
  const row = await db.brandChannel.findUnique({ where: { id: channelId } })
  if (!row) return undefined
  return {
    channelId: row.id,
    sellerId: row.sellerId,
    messenger: row.messenger,
    externalId: row.externalId,
    title: row.title,
    addedById: row.addedById,
    isRemoved: row.removedAt !== null,
  }
}

/** @returns the post; the one of the first time when the same tap arrives again. */
export async function insertPost(
  db: Db,
  post: {
    requestKey: string
    requestedById: number
    sellerId: number
    channelId: number
    productId: number
    campaignId: number | null
  },
  now: Date,
): Promise<number> {
  // Public and unguessable; 16 characters of the start payload's alphabet.
  const token = randomBytes(12).toString('base64url')
  const [row] = await db.$queryRaw<{ id: number }[]>`
    INSERT INTO post (token, request_key, seller_id, channel_id, product_id, campaign_id, requested_by_id, state,
      created_at)
    VALUES (${token}, ${post.requestKey}, ${post.sellerId}, ${post.channelId}, ${post.productId}, ${post.campaignId},
      ${post.requestedById}, 'due', ${now})
    ON CONFLICT (request_key) DO UPDATE SET request_key = excluded.request_key
    RETURNING id`
  if (!row) throw new Error('an upsert returns its row')
  return row.id
}

/**
 * Marks a post before it is sent. One that is marked already belonged to a process that died while sending: it may be
 * out, so it is in doubt and not sent again.
 * @returns undefined when it was done with before.
 */
export async function claimPost(db: Db, postId: number): Promise<'sending' | 'doubtful' | undefined> {
  const [row] = await db.$queryRaw<{ state: 'sending' | 'doubtful' }[]>`
    UPDATE post SET state = CASE state WHEN 'due' THEN 'sending' ELSE 'doubtful' END
    WHERE id = ${postId} AND state IN ('due', 'sending') RETURNING state`
  return row?.state
}

/** It certainly was not sent. */
export async function unclaimPost(db: Db, postId: number): Promise<void> {
  await db.$executeRaw`UPDATE post SET state = 'due' WHERE id = ${postId} AND state = 'sending'`
}

export async function finishPost(
  db: Db,
  postId: number,
  state: 'sent' | 'failed' | 'doubtful',
  messageRef: string | null,
  now: Date,
): Promise<void> {
  await db.$executeRaw`
    UPDATE post SET state = ${state}, message_ref = ${messageRef}, sent_at = ${state === 'sent' ? now : null}::timestamptz
    WHERE id = ${postId} AND state = 'sending'`
}

export type PostRow = {
  id: number
  token: string
  productId: number
  campaignId: number | null
  requestedById: number
  channel: { messenger: string; externalId: string }
}

export async function findPost(db: Db, where: { id: number } | { token: string }): Promise<PostRow | undefined> {
  const condition = 'id' in where ? Prisma.sql`p.id = ${where.id}` : Prisma.sql`p.token = ${where.token}`
  const [row] = await db.$queryRaw<PostRow[]>`
    SELECT p.id, p.token, p.product_id AS "productId", p.campaign_id AS "campaignId",
      p.requested_by_id AS "requestedById",
      json_build_object('messenger', c.messenger, 'externalId', c.external_id) AS channel
    FROM post p JOIN brand_channel c ON c.id = p.channel_id WHERE ${condition}`
  return row
}

export async function savePostOpen(db: Db, postId: number, personId: number, now: Date): Promise<void> {
  await db.$executeRaw`
    INSERT INTO post_open (post_id, person_id, opened_at) VALUES (${postId}, ${personId}, ${now})
    ON CONFLICT (post_id, person_id) DO UPDATE SET opened_at = excluded.opened_at`
}

/** The post that a person last came by for this product within a week: their purchase counts for it. */
export async function findLatestPostOpen(
  db: Db,
  personId: number,
  productId: number,
  now: Date,
): Promise<number | null> {
  const weekAgo = new Date(now.getTime() - 7 * 24 * 3_600_000)
  const [row] = await db.$queryRaw<{ postId: number }[]>`
    SELECT o.post_id AS "postId" FROM post_open o JOIN post p ON p.id = o.post_id
    WHERE o.person_id = ${personId} AND p.product_id = ${productId} AND o.opened_at > ${weekAgo}
    ORDER BY o.opened_at DESC LIMIT 1`
  return row?.postId ?? null
}

export type PostStats = {
  postId: number
  title: Words
  channelTitle: string
  state: string
  createdAt: Date
  opened: number
  groupsOpened: number
  groupsFormed: number
  seats: number
  orders: number
  /** Captured, by currency. */
  revenue: { currency: string; amount: string }[]
}

/** What a shop's posts brought, newest first: counted from rows, never estimated. */
export async function findPostStats(db: Db, sellerId: number, limit: number): Promise<PostStats[]> {
  return db.$queryRaw<PostStats[]>`
    SELECT p.id AS "postId", pr.title, c.title AS "channelTitle", p.state, p.created_at AS "createdAt",
      (SELECT count(*)::int FROM post_open o WHERE o.post_id = p.id) AS opened,
      coalesce(x.groups_opened, 0)::int AS "groupsOpened", coalesce(x.groups_formed, 0)::int AS "groupsFormed",
      coalesce(x.seats, 0)::int AS seats, coalesce(x.orders, 0)::int AS orders, coalesce(r.revenue, '[]'::json) AS revenue
    FROM post p JOIN product pr ON pr.id = p.product_id JOIN brand_channel c ON c.id = p.channel_id
    LEFT JOIN LATERAL (
      SELECT count(DISTINCT g.id) FILTER (WHERE g.leader_id = o.person_id AND g.state <> 'draft' AND g.state <> 'cancelled') AS groups_opened,
        count(DISTINCT g.id) FILTER (WHERE g.state = 'formed') AS groups_formed,
        count(s.id) FILTER (WHERE s.state IN ('paid', 'confirmed')) AS seats,
        count(o.id) FILTER (WHERE o.state IN ('packable', 'handed_over', 'delivered')) AS orders
      FROM "order" o LEFT JOIN seat s ON s.order_id = o.id LEFT JOIN "group" g ON g.id = s.group_id
      WHERE o.post_id = p.id) x ON true
    LEFT JOIN LATERAL (
      SELECT json_agg(json_build_object('currency', t.currency, 'amount', t.amount::text)) AS revenue FROM (
        SELECT o.currency, sum(o.total) AS amount FROM "order" o
        WHERE o.post_id = p.id AND o.state IN ('packable', 'handed_over', 'delivered') GROUP BY o.currency) t) r ON true
    WHERE p.seller_id = ${sellerId} ORDER BY p.id DESC LIMIT ${limit}`
}
