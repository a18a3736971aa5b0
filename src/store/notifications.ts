import type { Client, Db } from './db.ts'
import { enqueue } from './queue.ts'

/** What can be owed to a person, and the ids it is about. */
export type NoticeKinds = {
  'payment-ready': { orderId: number }
  'payment-declined': { orderId: number }
  'order-expired': { orderId: number }
  'order-paid': { orderId: number }
  'money-released': { orderId: number; late: boolean }
  'seat-paid': { orderId: number; groupId: number }
  /** Their money came when the group could take it no more: they choose what it shall buy. */
  'late-choice': { orderId: number }
  'group-joined': { groupId: number; seatId: number }
  /** A seat is free and kept for somebody who waited. */
  'seat-offered': { groupId: number; waitingId: number }
  /** The group that somebody waited for is over. */
  'wait-over': { groupId: number }
  'group-formed': { groupId: number; orderId: number }
  'group-failed': { groupId: number; orderId: number }
  /** A seat is held unpaid and its time is almost over. */
  'seat-reminder': { orderId: number; groupId: number }
  /** To a leader: the end is near and seats are missing. */
  'group-reminder': { groupId: number }
  /** Somebody they bought together with buys the same again. */
  'group-again': { groupId: number }
  /** A favourite is cheaper than they were last told: `was` is minor units. */
  'price-drop': { productId: number; was: string; currency: string }
  'back-in-stock': { productId: number }
  /** To the shop's people. */
  'question-asked': { questionId: number }
  'question-answered': { questionId: number }
  shipment: { orderId: number; state: string }
  /** Money was taken for an order that ended: it is on its way back. */
  'refund-owed': { orderId: number }
  /** The money of an order's refund is with the buyer. */
  'refund-done': { orderId: number; moveId: string }
  /** The provider would not make the refund: a person will. */
  'refund-by-hand': { orderId: number; moveId: string }
  /** Paid for twice: the second payment goes back. */
  'paid-twice': { orderId: number }
  'return-declined': { orderId: number; moveId: string }
  /** The bank keeps the money only until soon and the group goes on: the seat is given up. */
  'hold-ending': { orderId: number; groupId: number }
  /** The carrier will not take the parcel. */
  'delivery-refused': { orderId: number }
  /** To the shop's people: an order that needs one of them. */
  'shop-attention': { orderId: number; about: ShopMatter; moveId?: string }
  'channel-added': { channelId: number }
  /** What became of a catalogue that somebody of the shop sent, or what is asked about it. */
  'catalogue-import': { importId: number }
  'post-published': { postId: number; state: 'sent' | 'failed' | 'withdrawn' | 'doubtful' }
}
/**
 * What the shop's people are told of: a refund that must be made by hand, a parcel that the carrier refused, a return
 * that a buyer asks for, a paid order that its buyer cancelled, its parcel that left all the same, a parcel that was
 * not taken or was lost, a hold that ends too soon, money that the provider's list or the books say something else of,
 * money that a bank took back, and gave up again.
 */
export type ShopMatter =
  | 'refund'
  | 'delivery'
  | 'return'
  | 'cancelled'
  | 'left-anyway'
  | 'came-back'
  | 'lost'
  | 'hold'
  | 'difference'
  | 'chargeback'
  | 'chargeback-won'

export type NoticeKind = keyof NoticeKinds
export type Notice = { [K in NoticeKind]: { kind: K; data: NoticeKinds[K] } }[NoticeKind]

/** Smaller goes first: money and parcels before what happens in groups. */
const priorities: Record<NoticeKind, number> = {
  'payment-ready': 1,
  'payment-declined': 1,
  'order-expired': 1,
  'order-paid': 1,
  'money-released': 1,
  'seat-paid': 1,
  'late-choice': 1,
  shipment: 1,
  'refund-owed': 1,
  'refund-done': 1,
  'refund-by-hand': 1,
  'paid-twice': 1,
  'return-declined': 1,
  'hold-ending': 1,
  'delivery-refused': 1,
  'shop-attention': 1,
  'group-joined': 2,
  'seat-offered': 1,
  'wait-over': 2,
  'group-formed': 2,
  'group-failed': 2,
  'seat-reminder': 1,
  'group-reminder': 2,
  'group-again': 2,
  'price-drop': 2,
  'back-in-stock': 2,
  'question-asked': 2,
  'question-answered': 1,
  'channel-added': 1,
  'catalogue-import': 1,
  'post-published': 1,
}

/**
 * Owes a person a message, in the transaction of what it is about.
 * @param key says what it is about; the same key is owed once, however often the cause repeats.
 */
export async function notify(db: Db, personId: number, key: string, notice: Notice, now: Date): Promise<void> {
  const made = await db.$executeRaw`
    INSERT INTO notification (person_id, key, kind, data, priority, state, due_at, created_at)
    VALUES (${personId}, ${key}, ${notice.kind}, ${JSON.stringify(notice.data)}::jsonb, ${priorities[notice.kind]}, 'due',
      ${now}, ${now})
    ON CONFLICT (key) DO NOTHING`
  if (made === 1) await sendSoon(db)
}

/**
 * Owes many people the same message, in one statement.
 * @param keyOf begins each one's key; their id is its end.
 */
export async function notifyAll(
  db: Db,
  people: readonly number[],
  keyOf: string,
  notice: Notice,
  now: Date,
): Promise<void> {
  const made = await db.$executeRaw`
    INSERT INTO notification (person_id, key, kind, data, priority, state, due_at, created_at)
    SELECT one, ${keyOf}::text || one, ${notice.kind}, ${JSON.stringify(notice.data)}::jsonb,
      ${priorities[notice.kind]}, 'due', ${now}, ${now}
    FROM unnest(${[...people]}::int[]) one ORDER BY one
    ON CONFLICT (key) DO NOTHING`
  if (made > 0) await sendSoon(db)
}

/** Owes each of many people their own message, in one statement. */
export async function notifyEach(
  db: Db,
  notices: readonly { personId: number; key: string; notice: Notice }[],
  now: Date,
): Promise<void> {
  if (notices.length === 0) return
  const rows = JSON.stringify(
    notices.map(({ personId, key, notice }) => ({
      person_id: personId,
      key,
      kind: notice.kind,
      data: notice.data,
      priority: priorities[notice.kind],
    })),
  )
  const made = await db.$executeRaw`
    INSERT INTO notification (person_id, key, kind, data, priority, state, due_at, created_at)
    SELECT person_id, key, kind, data, priority, 'due', ${now}, ${now}
    FROM json_to_recordset(${rows}::json) AS one (person_id int, key text, kind text, data jsonb, priority int)
    ON CONFLICT (key) DO NOTHING`
  if (made > 0) await sendSoon(db)
}

async function sendSoon(db: Db): Promise<void> {
  await enqueue(db, 'send-notifications', {}, { key: 'send-notifications', queue: 'sending' })
}

/**
 * Tells everybody of the shop that an order needs one of them; there is no other place where it would be seen.
 * @param moveId which of the order's moves of money it is about: each is told of once.
 */
export async function notifyShop(
  db: Db,
  orderId: number,
  about: ShopMatter,
  now: Date,
  moveId?: string,
): Promise<void> {
  const notice: Notice = { kind: 'shop-attention', data: { orderId, about, ...(moveId && { moveId }) } }
  const key = `order:${orderId}:${about}:${moveId ?? ''}:shop:`
  const made = await db.$executeRaw`
    INSERT INTO notification (person_id, key, kind, data, priority, state, due_at, created_at)
    SELECT m.person_id, ${key}::text || m.person_id, ${notice.kind}, ${JSON.stringify(notice.data)}::jsonb,
      ${priorities[notice.kind]}, 'due', ${now}, ${now}
    FROM "order" o JOIN seller_member m ON m.seller_id = o.seller_id WHERE o.id = ${orderId} ORDER BY m.person_id
    ON CONFLICT (key) DO NOTHING`
  if (made > 0) await sendSoon(db)
}

export type ClaimedNotice = Notice & { notificationId: number; personId: number; attempts: number }

/**
 * Takes the next message that is due and marks it before it is sent: a send has no idempotency key, so a message whose
 * sender was killed is doubtful, never repeated.
 */
export async function claimNotification(db: Db, now: Date): Promise<ClaimedNotice | undefined> {
  const [row] = await db.$queryRaw<ClaimedNotice[]>`
    UPDATE notification SET state = 'sending', attempts = attempts + 1 WHERE id = (
      SELECT id FROM notification WHERE state = 'due' AND due_at <= ${now}
      ORDER BY priority, due_at, id LIMIT 1 FOR UPDATE SKIP LOCKED)
    RETURNING id AS "notificationId", person_id AS "personId", kind, data, attempts`
  return row
}

export async function finishNotification(
  db: Db,
  notificationId: number,
  state: 'sent' | 'doubtful' | 'unreachable' | 'dropped',
  now: Date,
): Promise<void> {
  await db.$executeRaw`
    UPDATE notification SET state = ${state}, sent_at = ${state === 'sent' ? now : null}::timestamptz
    WHERE id = ${notificationId} AND state = 'sending'`
}

/** Nothing was sent: it is due again at `dueAt`, with a job for that time. */
export async function postponeNotification(db: Db, notificationId: number, dueAt: Date): Promise<void> {
  await db.$executeRaw`
    UPDATE notification SET state = 'due', due_at = ${dueAt} WHERE id = ${notificationId} AND state = 'sending'`
  // A key of its own: under the common one a later time would hold back what is due now.
  const key = `send-again:${notificationId}`
  await enqueue(db, 'send-notifications', {}, { key, queue: 'sending', runAt: dueAt })
}

/** Only one sender runs at a time, so whatever is still marked when it starts belonged to one that died. */
export async function giveUpOrphanedSends(db: Db): Promise<number> {
  return db.$executeRaw`UPDATE notification SET state = 'doubtful' WHERE state = 'sending'`
}

export async function findUploadedPicture(db: Client, messenger: string, account: string, picture: string) {
  const row = await db.uploadedPicture.findUnique({
    where: { messenger_account_picture: { messenger, account, picture } },
    select: { reference: true },
  })
  return row?.reference
}

export async function saveUploadedPicture(
  db: Client,
  messenger: string,
  account: string,
  picture: string,
  reference: string,
  now: Date,
): Promise<void> {
  const key = { messenger, account, picture }
  const values = { reference, uploadedAt: now }
  await db.uploadedPicture.upsert({
    where: { messenger_account_picture: key },
    create: { ...key, ...values },
    update: values,
  })
}
