/** A shop's person and their terms for buying together, by taps and typed answers, from the shop's page to a buyer's group. */
import { expect, test } from 'vitest'
import { sharedCard } from '#chat/group-card.ts'
import type { CampaignIntent } from '#chat/intent.ts'
import { screenToMessage } from '#chat/text.ts'
import { newDraft, type DraftTerms } from '#domain/campaign-draft.ts'
import { languages } from '#domain/people.ts'
import { changeDraft, startDraft } from '#shop/campaigns.ts'
import { groupById } from '#shop/group-buy.ts'
import { countRows, minute, type Goods, type GoodsOptions } from '../shop/support.ts'
import { buttonsOf, intentOf, intentsOf, textOf, useChat, type Guest } from './support.ts'

const chat = useChat()

async function seller({ sellerId }: Goods): Promise<Guest> {
  const guest = chat.guest({ firstName: 'София' })
  await guest.command('start')
  await chat.shop.db.sellerMember.create({ data: { sellerId, personId: guest.personId, joinedAt: chat.shop.now } })
  return guest
}

/** Somebody of a shop with a draft for its product on the screen. */
async function writing(kind: 'team' | 'ladder', of: GoodsOptions = {}) {
  const goods = await chat.shop.goods({ campaign: false, ...of })
  const guest = await seller(goods)
  await guest.press({ do: 'campaign-new', productId: goods.productId, kind })
  const { draftId } = intentOf(guest.last, 'draft-ask')
  const terms = async () => {
    const draft = await chat.shop.db.campaignDraft.findUniqueOrThrow({ where: { id: draftId } })
    return draft.terms as unknown as DraftTerms
  }
  /** Presses a term's button and types. */
  const type = async (term: Extract<CampaignIntent, { do: 'draft-ask' }>['term'], ...answers: string[]) => {
    await guest.press({ do: 'draft-ask', draftId, term })
    for (const answer of answers) await guest.write(answer)
  }
  return { goods, guest, draftId, terms, type }
}

const has = (guest: Guest, name: CampaignIntent['do']) => intentsOf(guest.last).some((intent) => intent.do === name)
const campaignsOf = async ({ productId }: Goods) => chat.shop.db.campaign.count({ where: { productId } })

test('from the shop’s page to a published ladder, by taps and typed answers; a buyer then opens a group by these very terms', async () => {
  const goods = await chat.shop.goods({ campaign: false, stock: 50 })
  const guest = await seller(goods)
  await guest.press({ do: 'shop', sellerId: goods.sellerId })
  guest.expectSays(await guest.pressFirst('campaigns'), 'campaigns.none')
  guest.expectSays(await guest.pressFirst('campaign-products'), 'campaigns.which-product', { from: 1, to: 1, total: 1 })
  guest.expectSays(await guest.pressFirst('campaign-kinds'), 'terms.ask-kind')
  guest.expectSays(await guest.press({ do: 'campaign-new', productId: goods.productId, kind: 'ladder' }), 'draft.ready')
  const { draftId } = intentOf(guest.last, 'draft-ask')
  const ask = async (term: Extract<CampaignIntent, { do: 'draft-ask' }>['term']) =>
    guest.press({ do: 'draft-ask', draftId, term })

  await ask('prices')
  guest.expectSays(await guest.write('подешевле'), 'draft.unclear')
  guest.expectSays(await guest.write('2 1 600, 4 1 300, 6 1 200'), 'problem.price-not-lower')
  expect(has(guest, 'draft-preview')).toBe(false)
  await ask('prices')
  const priced = await guest.write('2 1 400, 4 1 300, 6 1 200')
  expect(textOf(priced.message)).toMatch(/Сначала 1\s400\s₽ вместо 1\s500\s₽\n↘ от 4 мест — 1\s300\s₽ каждому\n/)
  await ask('size')
  guest.expectSays(await guest.write('5'), 'problem.steps-beyond-size')
  await ask('size')
  guest.expectSays(await guest.press({ do: 'draft-set', draftId, term: 'size', value: 10 }), 'draft.ready')
  await ask('minimum')
  guest.expectSays(await guest.write('3'), 'terms.ladder', { size: 10, least: 3 })
  await ask('lifetime')
  guest.expectSays(await guest.write('24'), 'draft.unclear')
  guest.expectSays(await guest.write('36 часов'), 'terms.lifetime', {
    time: { key: 'terms.hours', params: { count: 36 } },
  })
  await ask('start')
  const from = new Date('2026-01-13T15:00:00Z')
  guest.expectSays(await guest.write('13.01 18:00'), 'draft.starts', { from: { at: from } })
  await ask('start')
  guest.expectSays(await guest.press({ do: 'draft-set', draftId, term: 'start', value: 0 }), 'draft.starts-now')
  await ask('end')
  guest.expectSays(await guest.write('31 января'), 'draft.unclear')
  const until = new Date('2026-01-31T20:59:00Z')
  guest.expectSays(await guest.write('31.01'), 'draft.ends', { until: { at: until } })

  await guest.press({ do: 'draft', draftId, part: 1 })
  guest.expectSays(await guest.press({ do: 'draft-set', draftId, term: 'options', value: 1 }), 'terms.options-mixed')
  guest.expectSays(await guest.press({ do: 'draft-set', draftId, term: 'audience', value: 0 }), 'terms.invited')
  guest.expectSays(await guest.press({ do: 'draft-set', draftId, term: 'audience', value: 1 }), 'terms.public')
  await ask('units')
  guest.expectSays(await guest.write('2'), 'terms.units', { count: 2 })
  await ask('thanks')
  const share = { key: 'terms.thanks-share', percent: 5 } as const
  guest.expectSays(await guest.press({ do: 'draft-set', draftId, term: 'thanks', value: 2 }), share.key, share)
  guest.expectSays(await guest.write('много'), 'draft.unclear')
  guest.expectSays(await guest.write('2,5%'), share.key, { percent: 2.5 })
  await ask('cities')
  guest.expectSays(await guest.write('Ыыы'), 'delivery.city-unclear')
  guest.expectSays(await guest.write('Казань'), 'terms.cities', { cities: 'Казань' })
  guest.expectSays(await guest.write('Москва'), 'terms.cities', { cities: 'Казань, Москва' })
  await guest.press({ do: 'draft-set', draftId, term: 'cities', value: 1 })
  guest.expectSays(guest.last, 'terms.cities', { cities: 'Казань' })
  await ask('aside')
  guest.expectSays(await guest.write('2'), 'problem.set-aside')
  await ask('aside')
  guest.expectSays(await guest.write('20'), 'terms.aside', { count: 20 })
  expect(await guest.step()).toBe('none')
  await guest.pressFirst('draft')

  await guest.pressFirst('draft-preview')
  const stale = intentOf(guest.last, 'draft-publish')
  await guest.press({ do: 'draft-set', draftId, term: 'units', value: 3 })
  guest.expectSays(await guest.press(stale), 'draft.changed')
  expect(await campaignsOf(goods)).toBe(0)
  await guest.pressFirst('draft-preview')
  const preview = textOf(guest.last)
  const done = await guest.pressFirst('draft-publish')
  expect(done.toast).toBe(guest.say('draft.published-toast'))
  guest.expectSays(done, 'campaign.is-running-until', { from: { at: chat.shop.now }, until: { at: until } })
  guest.expectSays(done, 'terms.aside', { count: 20 })
  // Pressed again it is the same campaign.
  const { campaignId } = intentOf(done.message, 'campaign-edit')
  expect(intentOf((await guest.press({ ...stale })).message, 'campaign-edit')).toEqual({
    do: 'campaign-edit',
    campaignId,
  })
  expect(intentOf((await guest.press({ do: 'draft', draftId, part: 0 })).message, 'campaign')).toMatchObject({
    campaignId,
  })
  expect(await campaignsOf(goods)).toBe(1)

  const buyer = await chat.buyer({ firstName: 'София' })
  const roubles = (amount: bigint) => ({ money: { amount: amount * 100n, currency: 'RUB' } })
  const prices = { price: roubles(1400n), lowest: roubles(1200n), count: 3 }
  const page = await buyer.press({ do: 'product', productId: goods.productId })
  buyer.expectSays(page, 'price.together-ladder', prices)
  await buyer.press({ do: 'buy-together', variantId: goods.variantId })
  await buyer.press({ do: 'together-as', variantId: goods.variantId, units: 1, formerId: 0 })
  const order = await chat.shop.db.order.findFirstOrThrow({ where: { personId: buyer.personId } })
  await chat.shop.pay(order.id)
  const { groupId } = await chat.shop.db.seat.findUniqueOrThrow({ where: { orderId: order.id } })
  const group = await groupById(chat.shop.db, groupId)
  if (!group) throw new Error('the group is there')
  const card = screenToMessage(sharedCard(group, guest.reader), guest.reader)
  expect(preview).toContain(textOf(card))
  for (const { label } of buttonsOf(card)) expect(preview).toContain(label)
  expect(await chat.shop.db.stockLevel.findFirst({ where: { variantId: goods.variantId } })).toMatchObject({
    reserved: 1,
    setAside: 19,
  })
})

test('a team’s price is one price, a ladder’s are steps; turned into the other kind the rest stays', async () => {
  const { guest, draftId, terms, type } = await writing('team')
  await type('prices', '3 900, 5 800')
  guest.expectSays(guest.last, 'draft.unclear')
  await guest.write('15%')
  expect(await terms()).toMatchObject({ kind: 'team', steps: [{ price: { off: 1500 } }] })
  await type('units', '7')
  await guest.press({ do: 'draft-set', draftId, term: 'kind', value: 1 })
  expect(await terms()).toEqual({ ...newDraft('ladder'), maxUnits: 7 })
  await type('prices', '15%')
  guest.expectSays(guest.last, 'draft.unclear')
  await guest.write('3 10%\n5 15%')
  expect(await terms()).toMatchObject({ minSeats: 3, steps: [{ price: { off: 1000 } }, { price: { off: 1500 } }] })
})

test('wrong answers get a sentence, and neither the draft nor the question is lost', async () => {
  const { guest, draftId, terms } = await writing('ladder')
  const before = await terms()
  const asked = ['prices', 'size', 'minimum', 'lifetime', 'start', 'end', 'units', 'thanks', 'aside'] as const
  for (const term of asked) {
    await guest.press({ do: 'draft-ask', draftId, term })
    for (const typed of ['-5', 'сколько-нибудь', '🦊', '9'.repeat(30)]) {
      const answer = await guest.write(typed)
      guest.expectSays(answer, 'draft.unclear')
      expect(await guest.step()).toBe('term')
    }
    guest.expectSays(await guest.send({ kind: 'other' }), 'draft.unclear')
  }
  await guest.press({ do: 'draft-ask', draftId, term: 'cities' })
  guest.expectSays(await guest.send({ kind: 'other' }), 'delivery.city-unclear')
  await chat.shop.act('/sim/cdek/faults', { match: '*', kind: '500_without_effect', times: 1000 })
  guest.expectSays(await guest.write('Тверь'), 'refusal.carrier-silent')
  await chat.shop.clearFaults()
  expect(await terms()).toEqual(before)
  // Back at the draft nothing is waited for: what they type is searched for again.
  await guest.pressFirst('draft')
  expect(await guest.step()).toBe('none')
})

test('every problem is a sentence of its own, in three languages, and none can be published past', async () => {
  const { goods, guest, draftId } = await writing('ladder')
  const far = { code: 1, name: '🦊'.repeat(30) }
  const terms: DraftTerms = {
    ...newDraft('ladder'),
    size: 1,
    minSeats: 0,
    lifetimeMinutes: 0,
    maxUnits: 0,
    setAside: 2_000_000,
    startsAt: '2026-02-01T00:00:00Z',
    endsAt: '2026-01-01T00:00:00Z',
    steps: Array.from({ length: 7 }, () => ({ seats: 5, price: { amount: '99999999' } })),
    thanks: { kind: 'share', basisPoints: 9000 },
    cities: Array.from({ length: 51 }, () => far),
  }
  const view = await changeDraft(chat.shop.db, draftId, guest.personId, () => terms, chat.shop.now)
  expect(view?.problems).toHaveLength(12)
  await chat.shop.db.product.update({ where: { id: goods.productId }, data: { title: { ru: 'Щ'.repeat(250) } } })
  for (const language of languages) {
    await guest.press({ do: 'set-language', language })
    for (const part of [0, 1]) {
      const { message } = await guest.press({ do: 'draft', draftId, part })
      for (const problem of view?.problems ?? []) guest.expectSays(message, `problem.${problem}`)
    }
    guest.expectSays(await guest.press({ do: 'draft-preview', draftId }), 'draft.problems')
    expect(has(guest, 'draft-publish')).toBe(false)
    const version = view?.version ?? 0
    guest.expectSays(await guest.press({ do: 'draft-publish', draftId, version }), 'draft.problems')
  }
  expect(await campaignsOf(goods)).toBe(0)
})

test('the preview of the longest words fits under its picture, in three languages', async () => {
  const { goods, guest, draftId } = await writing('ladder', { price: 9_999_999_999_999n })
  const { db } = chat.shop
  await db.product.update({ where: { id: goods.productId }, data: { title: { ru: 'Щ'.repeat(250) } } })
  await db.seller.update({ where: { id: goods.sellerId }, data: { name: 'Ш'.repeat(100) } })
  await db.variant.update({ where: { id: goods.variantId }, data: { options: { ru: { цвет: '🦊'.repeat(100) } } } })
  for (const language of languages) {
    await guest.press({ do: 'set-language', language })
    const { message } = await guest.press({ do: 'draft-preview', draftId })
    expect(message?.picture).toBeDefined()
    expect(has(guest, 'draft-publish')).toBe(true)
  }
})

test('more than is free cannot be set aside: they are told how many are, and the draft stays', async () => {
  const { goods, guest, draftId, type } = await writing('team', { stock: 7 })
  await type('aside', '8')
  await guest.press({ do: 'draft', draftId, part: 0 })
  await guest.pressFirst('draft-preview')
  guest.expectSays(await guest.pressFirst('draft-publish'), 'draft.stock', { count: 7 })
  expect(await campaignsOf(goods)).toBe(0)
  expect(has(guest, 'draft-preview')).toBe(true)
})

test('of several cities one is chosen by its button; an old button asks again', async () => {
  const { guest, draftId, terms, type } = await writing('team')
  await type('cities', 'Н')
  guest.expectSays(guest.last, 'delivery.which-city')
  const chosen = intentOf(guest.last, 'draft-city')
  await guest.press(chosen)
  expect((await terms()).cities.map(({ code }) => code)).toEqual([chosen.cityCode])
  guest.expectSays(await guest.press({ ...chosen, cityCode: 1 }), 'draft.ask-cities')
  await guest.press({ do: 'draft-set', draftId, term: 'cities', value: 0 })
  expect((await terms()).cities).toEqual([])
})

test('a draft that was begun is offered to be gone on with; a new one takes its place', async () => {
  const { goods, guest, draftId, terms, type } = await writing('team')
  await type('units', '9')
  const kinds = await guest.press({ do: 'campaign-kinds', productId: goods.productId })
  guest.expectSays(kinds, 'draft.begun')
  expect(intentOf(kinds.message, 'draft')).toEqual({ do: 'draft', draftId, part: 0 })
  await guest.press({ do: 'campaign-new', productId: goods.productId, kind: 'team' })
  expect((await terms()).maxUnits).toBe(1)
})

test('terms are changed through a draft like them; those in force end when the new ones begin', async () => {
  const goods = await chat.shop.goods({ size: 4 })
  const guest = await seller(goods)
  await guest.press({ do: 'campaigns', sellerId: goods.sellerId, page: 0 })
  await guest.pressFirst('campaign')
  guest.expectSays(await guest.pressFirst('campaign-edit'), 'draft.instead')
  const { draftId } = intentOf(guest.last, 'draft-ask')
  await guest.press({ do: 'draft-set', draftId, term: 'size', value: 5 })
  await guest.pressFirst('draft-preview')
  guest.expectSays(await guest.pressFirst('draft-publish'), 'terms.team', { count: 5 })
  const list = await guest.press({ do: 'campaigns', sellerId: goods.sellerId, page: 0 })
  expect(buttonsOf(list.message).map(({ label }) => label.slice(0, 2))).toEqual(
    expect.arrayContaining(['🟢', '⚪'].map((mark) => expect.stringContaining(mark) as string)),
  )
})

test('ended by two presses; the open group lives on, is told of, and fills with the shop’s open help', async () => {
  const goods = await chat.shop.goods({ size: 4, lifetimeMinutes: 60 })
  const guest = await seller(goods)
  const { groupId } = await chat.shop.openGroup(goods)
  await guest.press({ do: 'campaign', campaignId: goods.campaignId })
  guest.expectSays(guest.last, 'campaign.seen', { seen: 0, opened: 1, joined: 0 })
  guest.expectSays(await guest.pressFirst('campaign-by'), 'campaign.by-none')
  await guest.press({ do: 'campaign', campaignId: goods.campaignId })
  await guest.pressFirst('campaign-end')
  expect(await campaignsOf(goods)).toBe(1)
  const sure = intentOf(guest.last, 'campaign-end')
  const ended = await guest.press(sure)
  guest.expectSays(ended, 'campaign.is-ended', { until: { at: chat.shop.now } })
  guest.expectSays(ended, 'campaign.still-open', { count: 1 })
  expect((await guest.press(sure)).toast).toBe(guest.say('campaign.ended-before-toast'))

  const friend = await chat.buyer()
  await friend.press({ do: 'join', groupId })
  const order = await chat.shop.db.order.findFirstOrThrow({ where: { personId: friend.personId } })
  await chat.shop.pay(order.id)

  await guest.press({ do: 'campaigns', sellerId: goods.sellerId, page: 0 })
  await guest.pressFirst('filling')
  expect(textOf(guest.last)).toContain('2 из 4, ещё 2')
  const one = intentOf(guest.last, 'fill')
  guest.expectSays(await guest.press({ ...one, seats: 1 }), 'filling.openly')
  const filled = await guest.press({ ...one, seats: 1, isSure: 1 })
  expect(filled.toast).toBe(guest.say('filling.filled-toast'))
  const again = await guest.press({ ...one, seats: 1, isSure: 1 })
  expect(again).toMatchObject({ toast: guest.say('filling.no-room'), alert: true })
  const last = intentOf(again.message, 'fill')
  expect(last).toEqual({ do: 'fill', groupId, seats: 1, before: 1, isSure: 0 })
  const formed = await guest.press({ ...last, isSure: 1 })
  expect(formed.toast).toBe(guest.say('filling.formed-toast'))
  guest.expectSays(formed, 'filling.none')
  expect(await chat.shop.group(groupId)).toMatchObject({ state: 'formed', paidSeats: 2 })
  friend.expectSays(await friend.press({ do: 'group', groupId }), 'group.topped-up', { count: 2 })
  guest.expectSays(await guest.press({ do: 'campaign', campaignId: goods.campaignId }), 'campaign.outcome', {
    formed: 1,
    failed: 0,
  })
  // The same again, though they have ended.
  guest.expectSays(await guest.pressFirst('campaign-edit'), 'draft.ready')
})

test('long lists have pages, and no screen more than ten buttons', async () => {
  const goods = await chat.shop.goods({ size: 3, stock: 100 })
  const guest = await seller(goods)
  for (let at = 0; at < 12; at += 1) {
    const wish = { productId: goods.productId, personId: guest.personId, kind: 'team' } as const
    const draftId = (await startDraft(chat.shop.db, wish, chat.shop.now)) ?? 0
    await guest.press({ do: 'draft-preview', draftId })
    await guest.pressFirst('draft-publish')
  }
  for (let at = 0; at < 8; at += 1) await chat.shop.openGroup(goods)
  const pages = async (intent: (page: number) => CampaignIntent, name: CampaignIntent['do']) => {
    const counts = []
    for (const page of [0, 1, 2, 3]) {
      await guest.press(intent(page))
      counts.push(intentsOf(guest.last).filter((one) => one.do === name).length)
    }
    return counts
  }
  const { sellerId } = goods
  expect(await pages((page) => ({ do: 'campaigns', sellerId, page }), 'campaign')).toEqual([5, 5, 3, 0])
  expect(await pages((page) => ({ do: 'filling', sellerId, page }), 'fill')).toEqual([6, 2, 0, 0])
})

test('buttons with ids of another shop, or of nothing, are answered and change nothing', async () => {
  const { goods, guest, draftId } = await writing('team', { campaign: true })
  const { groupId } = await chat.shop.openGroup(goods)
  const { sellerId, productId, campaignId } = goods
  const stranger = await seller(await chat.shop.goods())
  const forged = (id: number): CampaignIntent[] => [
    { do: 'campaigns', sellerId: id || sellerId, page: 0 },
    { do: 'campaign', campaignId: id || campaignId },
    { do: 'campaign-by', campaignId: id || campaignId },
    { do: 'campaign-edit', campaignId: id || campaignId },
    { do: 'campaign-end', campaignId: id || campaignId, isSure: 0 },
    { do: 'campaign-end', campaignId: id || campaignId, isSure: 1 },
    { do: 'campaign-products', sellerId: id || sellerId, page: 0 },
    { do: 'campaign-kinds', productId: id || productId },
    { do: 'campaign-new', productId: id || productId, kind: 'team' },
    { do: 'filling', sellerId: id || sellerId, page: 0 },
    { do: 'fill', groupId: id || groupId, seats: 1, before: 0, isSure: 0 },
    { do: 'fill', groupId: id || groupId, seats: 1, before: 0, isSure: 1 },
    { do: 'draft', draftId: id || draftId, part: 0 },
    { do: 'draft-ask', draftId: id || draftId, term: 'size' },
    { do: 'draft-set', draftId: id || draftId, term: 'size', value: 9 },
    { do: 'draft-city', draftId: id || draftId, cityCode: 424 },
    { do: 'draft-preview', draftId: id || draftId },
    { do: 'draft-publish', draftId: id || draftId, version: 1 },
  ]
  const rows = async () => ({
    ...(await countRows(chat.shop.db)),
    drafts: await chat.shop.db.campaignDraft.findMany(),
    campaigns: await chat.shop.db.campaign.findMany({ orderBy: { id: 'asc' } }),
  })
  const before = await rows()
  for (const id of [0, 2_147_483_647]) {
    for (const intent of forged(id)) {
      const { message, toast } = await stranger.press(intent)
      expect([textOf(message), toast]).toContain(stranger.say('confused.not-found'))
    }
  }
  expect(await stranger.step()).toBe('none')
  // Numbers that no button of ours carries, in one's own draft.
  for (const term of ['prices', 'start', 'end', 'thanks'] as const) {
    await guest.press({ do: 'draft-set', draftId, term, value: 7 })
    guest.expectSays(guest.last, 'confused.button')
  }
  for (const term of ['kind', 'options', 'audience'] as const) {
    guest.expectSays(await guest.press({ do: 'draft-ask', draftId, term }), 'confused.button')
  }
  guest.expectSays(await guest.press({ do: 'campaigns', sellerId, page: 9 }), 'confused.button')
  guest.expectSays(await guest.press({ do: 'filling', sellerId, page: 9 }), 'confused.button')
  expect(await rows()).toEqual(before)
  for (const term of ['size', 'minimum', 'lifetime', 'units', 'aside'] as const) {
    await guest.press({ do: 'draft-set', draftId, term, value: 2_147_483_647 })
    expect(has(guest, 'draft-preview')).toBe(false)
  }
})

test('a product that left the sale has no new terms, and its open draft is not found', async () => {
  const { goods, guest, draftId } = await writing('team', { campaign: true })
  await chat.shop.db.product.update({ where: { id: goods.productId }, data: { withdrawnAt: chat.shop.now } })
  guest.expectSays(await guest.press({ do: 'draft', draftId, part: 0 }), 'confused.not-found')
  expect(await guest.press({ do: 'campaign-edit', campaignId: goods.campaignId })).toMatchObject({
    toast: guest.say('campaign.not-on-sale'),
    alert: true,
  })
  chat.shop.pass(minute)
  guest.expectSays(await guest.press({ do: 'campaign', campaignId: goods.campaignId }), 'terms.team', { count: 2 })
})

test('words fit numbers: one unit and up to twenty-one, one price of a team, and whose terms they are', async () => {
  const { goods, guest, draftId, type } = await writing('team')
  guest.expectSays(guest.last, 'terms.unit')
  guest.expectSays(guest.last, 'draft.beside-feed')
  await type('units', '21')
  guest.expectSays(guest.last, 'terms.units', { count: 21 })
  expect(textOf(guest.last)).toContain('На одно место до 21 штуки')
  const two = (terms: DraftTerms): DraftTerms => ({ ...terms, steps: newDraft('ladder').steps })
  await changeDraft(chat.shop.db, draftId, guest.personId, two, chat.shop.now)
  await guest.press({ do: 'draft', draftId, part: 0 })
  guest.expectSays(guest.last, 'problem.steps-many-team')
  const back = (terms: DraftTerms): DraftTerms => ({ ...terms, steps: newDraft('team').steps })
  await changeDraft(chat.shop.db, draftId, guest.personId, back, chat.shop.now)
  await guest.press({ do: 'draft-preview', draftId })
  await guest.pressFirst('draft-publish')
  expect(textOf(guest.last)).not.toContain(guest.say('campaign.from-feed'))
  const { id: campaignId } = await chat.shop.db.campaign.findFirstOrThrow({ where: { productId: goods.productId } })
  await chat.shop.db.campaign.update({ where: { id: campaignId }, data: { source: 'feed' } })
  guest.expectSays(await guest.press({ do: 'campaign', campaignId }), 'campaign.from-feed')
})
