/** A shop's terms: published once however often, one in force at a time, ended without breaking a promise, counted. */
import { beforeAll, expect, test } from 'vitest'
import { newDraft, type DraftTerms } from '#domain/campaign-draft.ts'
import {
  campaignNumbers,
  campaignOf,
  campaignsOf,
  changeDraft,
  draftLike,
  draftOf,
  endCampaign,
  fillingGroup,
  fillingGroups,
  groupLike,
  productForTerms,
  publishDraft,
  startDraft,
} from '#shop/campaigns.ts'
import { closeDueGroups, topUpGroup, visitGroup, type VisitVia } from '#shop/group-buy.ts'
import { postOpened } from '#shop/sellers.ts'
import { minute, useShop, type Goods } from './support.ts'

const shop = useShop()

/** Somebody of the shop with a draft for its product. */
async function writer(goods: Goods, kind: 'team' | 'ladder' = 'team', change: Partial<DraftTerms> = {}) {
  const personId = await shop.seller(goods)
  return { personId, ...(await write(personId, goods, kind, change)) }
}

async function write(
  personId: number,
  goods: Goods,
  kind: 'team' | 'ladder' = 'team',
  change: Partial<DraftTerms> = {},
) {
  const draftId = await startDraft(shop.db, { productId: goods.productId, personId, kind }, shop.now)
  if (draftId === undefined) throw new Error('their own product can be written about')
  const view = await changeDraft(shop.db, draftId, personId, (terms) => ({ ...terms, ...change }), shop.now)
  return { draftId, version: view?.version ?? 0 }
}

const publish = (draft: { draftId: number; personId: number; version: number }) =>
  publishDraft(shop.db, draft, shop.now)

async function published(draft: { draftId: number; personId: number; version: number }): Promise<number> {
  const result = await publish(draft)
  if (!result.ok) throw new Error(`refused: ${result.reason}`)
  return result.campaignId
}

const campaigns = async ({ productId }: Goods) =>
  shop.db.campaign.findMany({ where: { productId }, orderBy: { id: 'asc' } })
const inForce = async (goods: Goods, at: Date) =>
  (await campaigns(goods)).filter(({ startsAt, endsAt }) => startsAt <= at && (endsAt === null || endsAt > at))

test('published ten times at once it is one campaign, with the prices that were written', async () => {
  const goods = await shop.goods({ campaign: false })
  const draft = await writer(goods, 'ladder', { size: 8, minSeats: 3, maxUnits: 4 })
  const terms = await draftOf(shop.db, draft.draftId, draft.personId, shop.now)
  expect(terms?.problems).toEqual(['steps-beyond-size'])
  expect(await publish(draft)).toEqual({ ok: false, reason: 'problems' })
  const fit = await changeDraft(
    shop.db,
    draft.draftId,
    draft.personId,
    (now) => ({ ...now, steps: now.steps.slice(0, 2) }),
    shop.now,
  )
  const ready = { ...draft, version: fit?.version ?? 0 }
  const results = await Promise.all(Array.from({ length: 10 }, () => publish(ready)))
  const [campaign, ...others] = await campaigns(goods)
  expect(others).toEqual([])
  expect(results).toEqual(results.map(() => ({ ok: true, campaignId: campaign?.id })))
  expect(campaign).toMatchObject({ kind: 'ladder', size: 8, minSeats: 3, maxUnits: 4, endsAt: null })
  expect((await campaignOf(shop.db, campaign?.id ?? 0, draft.personId))?.variants[0]?.tiers).toEqual([
    { seats: 1, price: 135_000n },
    { seats: 5, price: 127_500n },
  ])
})

test('several people publish for one product at once: each has a campaign, and one is in force', async () => {
  const goods = await shop.goods()
  const drafts = await Promise.all(
    Array.from({ length: 6 }, (_, at) => writer(goods, 'team', { size: at + 2, minSeats: at + 2 })),
  )
  const results = await Promise.all(drafts.map(publish))
  expect(results.map(({ ok }) => ok)).toEqual(drafts.map(() => true))
  expect(await campaigns(goods)).toHaveLength(7)
  expect(await inForce(goods, shop.now)).toHaveLength(1)
  expect(await inForce(goods, shop.pass(minute))).toHaveLength(1)
})

test('planned terms end those in force when they begin, and are ended by those that are planned before them', async () => {
  const goods = await shop.goods()
  const at = (minutes: number) => new Date(shop.now.getTime() + minutes * minute)
  const later = await writer(goods, 'team', { startsAt: at(60).toISOString() })
  const planned = await published(later)
  const sooner = await writer(goods, 'team', { startsAt: at(30).toISOString() })
  const between = await draftOf(shop.db, sooner.draftId, sooner.personId, shop.now)
  expect(between).toMatchObject({ isCut: true, endsAt: at(60) })
  const second = await published(sooner)
  const ids = async (minutes: number) => (await inForce(goods, at(minutes))).map(({ id }) => id)
  expect([await ids(0), await ids(30), await ids(60)]).toEqual([[goods.campaignId], [second], [planned]])
})

test('a preview of terms that were changed since publishes nothing', async () => {
  const goods = await shop.goods()
  const draft = await writer(goods)
  await changeDraft(shop.db, draft.draftId, draft.personId, (terms) => ({ ...terms, maxUnits: 5 }), shop.now)
  expect(await publish(draft)).toEqual({ ok: false, reason: 'changed' })
  expect((await campaigns(goods)).map(({ id }) => id)).toEqual([goods.campaignId])
})

test('two devices change one draft at once: neither change is lost', async () => {
  const goods = await shop.goods()
  const { draftId, personId, version } = await writer(goods, 'ladder', { cities: [] })
  const codes = Array.from({ length: 8 }, (_, code) => code + 1)
  await Promise.all(
    codes.map((code) =>
      changeDraft(
        shop.db,
        draftId,
        personId,
        (terms) => ({ ...terms, cities: [...terms.cities, { code, name: String(code) }] }),
        shop.now,
      ),
    ),
  )
  const view = await draftOf(shop.db, draftId, personId, shop.now)
  expect(view?.version).toBe(version + codes.length)
  expect(view?.terms.cities.map(({ code }) => code).toSorted()).toEqual(codes)
})

test('ended terms keep what they promised: the open group fills and everybody pays its price; no new one opens', async () => {
  const goods = await shop.goods({ size: 2 })
  const personId = await shop.seller(goods)
  const { groupId, orderId } = await shop.openGroup(goods)
  const ends = await Promise.all([1, 2, 3].map(() => endCampaign(shop.db, goods.campaignId, personId, shop.now)))
  expect(ends.toSorted()).toEqual(['ended', 'ended-before', 'ended-before'])
  const refused = await shop.buy(await shop.person(), { kind: 'own-group', variantId: goods.variantId })
  expect(refused).toMatchObject({ ok: false, reason: 'no-group-price' })
  // New terms at another price do not touch it either.
  await published({
    personId,
    ...(await write(personId, goods, 'team', { steps: [{ seats: 3, price: { off: 100 } }] })),
  })
  const joined = await shop.order(await shop.person(), { kind: 'join', groupId })
  await shop.pay(joined.orderId)
  expect(await shop.group(groupId)).toMatchObject({ state: 'formed', size: 2 })
  await shop.settle()
  const orders = await shop.db.order.findMany({ where: { id: { in: [orderId, joined.orderId] } } })
  expect(orders.map(({ goodsTotal }) => goodsTotal)).toEqual([100_000n, 100_000n])
})

test('terms like those of a campaign take its place when they are published, and are gone on with until then', async () => {
  const goods = await shop.goods({ steps: [], size: 4 })
  const personId = await shop.seller(goods)
  const draftId = (await draftLike(shop.db, goods.campaignId, personId, shop.now)) ?? 0
  const view = await draftOf(shop.db, draftId, personId, shop.now)
  expect(view).toMatchObject({ problems: [], terms: { kind: 'team', size: 4, replaces: goods.campaignId } })
  expect(view?.terms.steps).toEqual([{ seats: 4, price: { amount: '100000' } }])
  const changed = await changeDraft(shop.db, draftId, personId, (terms) => ({ ...terms, maxUnits: 3 }), shop.now)
  expect(await draftLike(shop.db, goods.campaignId, personId, shop.now)).toBe(draftId)
  expect((await productForTerms(shop.db, goods.productId, personId, shop.now))?.draftId).toBe(draftId)
  const campaignId = await published({ draftId, personId, version: changed?.version ?? 0 })
  expect((await inForce(goods, shop.now)).map(({ id, maxUnits }) => [id, maxUnits])).toEqual([[campaignId, 3]])
  expect((await productForTerms(shop.db, goods.productId, personId, shop.now))?.draftId).toBeUndefined()
})

test('the preview is the group that a buyer then opens, to the last number', async () => {
  const goods = await shop.goods({ campaign: false })
  const draft = await writer(goods, 'ladder', { lifetimeMinutes: 90, mixesOptions: true, isPublic: false })
  const view = await draftOf(shop.db, draft.draftId, draft.personId, shop.now)
  const preview = view && groupLike(view, 'Анна', shop.deps, shop.now)
  await published(draft)
  const { groupId } = await shop.openGroup(goods)
  const row = await shop.db.group.findUniqueOrThrow({ where: { id: groupId }, include: { campaign: true } })
  expect(preview).toMatchObject({
    size: row.size,
    minSeats: row.minSeats,
    price: row.price,
    deadlineAt: row.deadlineAt,
    maxUnits: row.maxUnits,
    mixesOptions: row.mixesOptions,
    isPublic: row.isPublic,
    paidSeats: row.paidSeats,
  })
})

test('numbers are exact: seen, opened, joined, formed, failed, and who came by what', async () => {
  const goods = await shop.goods({ size: 3, lifetimeMinutes: 60 })
  const personId = await shop.seller(goods)
  const comes = async (groupId: number, via: VisitVia, pays: boolean) => {
    const visitor = await shop.person()
    await visitGroup(shop.db, groupId, visitor, via, shop.now)
    if (!pays) return
    const { orderId } = await shop.order(visitor, { kind: 'join', groupId })
    await shop.pay(orderId)
  }
  const zero = await campaignNumbers(shop.db, goods.campaignId, personId)
  expect(zero).toMatchObject({ seen: 0, opened: 0, joined: 0, formed: 0, failed: 0, members: 0, topLeaders: [] })
  // One that fills by two cards, one that is closed with somebody from the list, one that nobody paid for.
  const first = await shop.openGroup(goods)
  await comes(first.groupId, 'card', true)
  await comes(first.groupId, 'card', false)
  await comes(first.groupId, 'card', true)
  const second = await shop.openGroup(goods)
  await comes(second.groupId, 'list', true)
  await comes(second.groupId, 'link', false)
  await shop.order(await shop.person(), { kind: 'own-group', variantId: goods.variantId })
  shop.pass(60 * minute)
  await closeDueGroups(shop.db, shop.now)
  expect(await campaignNumbers(shop.db, goods.campaignId, personId)).toMatchObject({
    seen: 5,
    opened: 2,
    joined: 3,
    formed: 1,
    failed: 1,
    members: 5,
    // Whoever took the last seat had nobody left to invite.
    inviters: 4,
    invited: 4,
    byCard: 2,
    byInvitation: 2,
    topPosts: [],
  })
  const { topLeaders = [] } = (await campaignNumbers(shop.db, goods.campaignId, personId)) ?? {}
  expect(topLeaders.map(({ joined }) => joined)).toEqual([2, 1])
})

test('who came by a post is counted with it: as one who opened a group, and as one who joined', async () => {
  const goods = await shop.goods({ size: 3 })
  const { sellerId, productId, campaignId } = goods
  const personId = await shop.seller(goods)
  const { db, now } = shop
  const channel = await db.brandChannel.create({
    data: { sellerId, messenger: 'telegram', externalId: '-1', title: 'Лавка', addedById: personId, addedAt: now },
  })
  const posts = await Promise.all(
    ['one', 'two'].map((token) =>
      db.post.create({
        data: {
          token,
          requestKey: token,
          sellerId,
          channelId: channel.id,
          productId,
          campaignId,
          state: 'sent',
          messageRef: token,
          createdAt: now,
          sentAt: now,
          requestedById: personId,
        },
      }),
    ),
  )
  const [leader, member] = [await shop.person(), await shop.person()]
  for (const visitor of [leader, member]) await postOpened(db, 'two', visitor, now)
  const { groupId } = await shop.openGroup(goods, leader)
  await visitGroup(db, groupId, member, 'post', now)
  await shop.pay((await shop.order(member, { kind: 'join', groupId })).orderId)
  const numbers = await campaignNumbers(db, campaignId, personId)
  expect(numbers).toMatchObject({ opened: 1, joined: 1, byCard: 0, byInvitation: 0 })
  expect(numbers?.topPosts).toEqual([{ at: posts[1]?.createdAt, channel: 'Лавка', opened: 1, joined: 1 }])
})

test('open groups are told of with the nearest to completion first; seats filled twice by one press are filled once', async () => {
  const goods = await shop.goods({ size: 4 })
  const personId = await shop.seller(goods)
  const [far, near] = [await shop.openGroup(goods), await shop.openGroup(goods)]
  const { orderId } = await shop.order(await shop.person(), { kind: 'join', groupId: near.groupId })
  await shop.pay(orderId)
  const groups = await fillingGroups(shop.db, { sellerId: goods.sellerId, personId }, 0, shop.now)
  expect(groups?.map(({ groupId }) => groupId)).toEqual([near.groupId, far.groupId])
  const press = { personId, groupId: near.groupId, seats: 2, before: 0 }
  const results = await Promise.all([1, 2, 3].map(() => topUpGroup(shop.db, press, shop.now)))
  expect(results.filter(({ ok }) => ok)).toEqual([{ ok: true, formed: true }])
  expect(await fillingGroup(shop.db, near.groupId, personId, shop.now)).toBeUndefined()
  expect(await shop.group(near.groupId)).toMatchObject({ state: 'formed', paidSeats: 2 })
})

let own: Goods
let foreign: Goods
beforeAll(async () => {
  own = await shop.goods()
  foreign = await shop.goods()
})

test('what belongs to another shop, or to nobody, is not found, and nothing of it changes', async () => {
  const stranger = await shop.seller(foreign)
  const draft = await writer(own)
  const { groupId } = await shop.openGroup(own)
  const { db, now } = shop
  const { sellerId, productId, campaignId } = own
  const before = await campaigns(own)
  for (const personId of [stranger, await shop.person(), 0]) {
    expect(await campaignsOf(db, { sellerId, personId }, 0, now)).toBeUndefined()
    expect(await campaignOf(db, campaignId, personId)).toBeUndefined()
    expect(await campaignNumbers(db, campaignId, personId)).toBeUndefined()
    expect(await endCampaign(db, campaignId, personId, now)).toBe('not-found')
    expect(await fillingGroups(db, { sellerId, personId }, 0, now)).toBeUndefined()
    expect(await fillingGroup(db, groupId, personId, now)).toBeUndefined()
    expect(await productForTerms(db, productId, personId, now)).toBeUndefined()
    expect(await startDraft(db, { productId, personId, kind: 'team' }, now)).toBeUndefined()
    expect(await draftLike(db, campaignId, personId, now)).toBeUndefined()
    expect(await draftOf(db, draft.draftId, personId, now)).toBeUndefined()
    expect(await changeDraft(db, draft.draftId, personId, () => newDraft('ladder'), now)).toBeUndefined()
    expect(await publish({ ...draft, personId })).toEqual({ ok: false, reason: 'not-found' })
    expect(await topUpGroup(db, { personId, groupId, seats: 1 }, now)).toEqual({ ok: false, reason: 'not-yours' })
  }
  // A colleague has a draft of their own, and never this one.
  const colleague = await shop.seller(own)
  expect(await draftOf(db, draft.draftId, colleague, now)).toBeUndefined()
  // Who left the shop has nothing more to say about it.
  await db.sellerMember.deleteMany({ where: { personId: draft.personId } })
  expect(await publish(draft)).toEqual({ ok: false, reason: 'not-found' })
  expect(await campaigns(own)).toEqual(before)
})
