/** What a group's terms leave to its members, what its screen offers to whom, and when it says that things happen. */
import { expect, test } from 'vitest'
import { actToIntent, intentToAct } from '#chat/intent.ts'
import type { Message } from '#chat/screen.ts'
import { intentToPurchase, purchaseToIntent } from '#chat/visit.ts'
import { createOutbox } from '#chat/outbox.ts'
import { sharedCard } from '#chat/group-card.ts'
import { screenToMessage } from '#chat/text.ts'
import type { Purchase } from '#shop/checkout.ts'
import { groupPictureName } from '#shop/group-picture.ts'
import { groupById } from '#shop/group-buy.ts'
import { moveLines } from '#shop/waiting.ts'
import type { GoodsOptions } from '../shop/support.ts'
import { buttonsOf, intentOf, intentsOf, textOf, useChat, type Guest } from './support.ts'

const chat = useChat()

/** An open group on these terms; `red` and `large` are further options, the second at another price. */
async function openGroup(of: GoodsOptions = {}) {
  const { db } = chat.shop
  const goods = await chat.shop.goods({ size: 3, ...of })
  const base = { productId: goods.productId, price: 150_000n, currency: 'RUB', weightGrams: 800 }
  const add = async (externalId: string, option: string, price: bigint) => {
    const { id } = await db.variant.create({ data: { ...base, externalId, options: { ru: { цвет: option } } } })
    await db.stockLevel.create({ data: { variantId: id, locationId: goods.locationId, onHand: 20 } })
    await db.campaignPrice.create({ data: { campaignId: goods.campaignId, variantId: id, price } })
    return id
  }
  const red = await add('2', 'красный', 100_000n)
  const large = await add('3', 'большой', 110_000n)
  const { groupId } = await chat.shop.openGroup(goods)
  const { token } = await db.group.findUniqueOrThrow({ where: { id: groupId } })
  return { goods, groupId, token, red, large }
}

const names = (message: Message | undefined) => intentsOf(message).map((intent) => intent.do)
const ordersOf = (guest: Guest) =>
  chat.shop.db.order.findMany({
    where: { personId: guest.personId },
    orderBy: { id: 'asc' },
    include: { lines: true, seat: true },
  })

test('buttons fit the reader: a stranger joins, who holds a seat pays, who paid shares and leaves', async () => {
  const { groupId, token } = await openGroup()
  const friend = await chat.buyer()
  const offered = await friend.command('start', `g_${token}`)
  expect(names(offered.message)).toEqual(['join', 'product', 'home'])
  friend.expectSays(offered, 'group.stop-point')

  const order = await friend.press({ do: 'join', groupId })
  friend.expectSays(order, 'group.stop-point')
  const held = await friend.press({ do: 'group', groupId })
  expect(buttonsOf(held.message).some((button) => 'pay' in button)).toBe(true)
  expect(buttonsOf(held.message).some((button) => 'share' in button)).toBe(false)
  friend.expectSays(held, 'group.stop-point')

  const [bought] = await ordersOf(friend)
  await chat.shop.pay(bought?.id ?? 0)
  const paid = await friend.press({ do: 'group', groupId })
  expect(buttonsOf(paid.message).some((button) => 'pay' in button)).toBe(false)
  expect(buttonsOf(paid.message).some((button) => 'share' in button)).toBe(true)
  expect(names(paid.message)).toEqual(expect.arrayContaining(['group-picture', 'cancel-order', 'order']))
  friend.expectSays(paid, 'group.you-are-in')
  friend.expectSays(paid, 'group.stop-point')
})

test('once it has formed nobody is told that they may leave', async () => {
  const { groupId } = await openGroup({ size: 2 })
  const friend = await chat.buyer()
  await friend.press({ do: 'join', groupId })
  const [bought] = await ordersOf(friend)
  await chat.shop.pay(bought?.id ?? 0)
  const formed = await friend.press({ do: 'group', groupId })
  expect(names(formed.message)).not.toContain('cancel-order')
  expect(textOf(formed.message)).not.toContain(friend.say('group.stop-point'))
})

test('the picture comes as a new message with the link under it, and never of a draft', async () => {
  const { goods, groupId, token } = await openGroup()
  const friend = await chat.buyer()
  const sent = await friend.press({ do: 'group-picture', groupId })
  const group = await groupById(chat.shop.db, groupId)
  expect(sent.asNew).toBe(true)
  expect(sent.message?.picture).toBe(group && groupPictureName(group, friend.personId))
  expect(textOf(sent.message)).toContain(`https://t.me/vmeste_bot?start=g_${token}`)
  const [card] = (await friend.inline(`g_${token}`)).cards
  expect(card?.message.picture).toBe(group && groupPictureName(group))
  expect(card?.thumbnail).toBe('demo/kettle')

  await friend.press({ do: 'buy-together', variantId: goods.variantId })
  const [draft] = await ordersOf(friend)
  const own = draft?.seat?.groupId ?? 0
  expect((await friend.press({ do: 'group-picture', groupId: own })).toast).toBe(friend.say('refusal.group-not-open'))
  const stranger = chat.guest()
  stranger.expectSays(await stranger.press({ do: 'group-picture', groupId: own }), 'confused.not-found')
})

test('with several pieces allowed one is asked how many, and the answer is what is bought', async () => {
  const { groupId, token, goods } = await openGroup({ group: { maxUnits: 3 } })
  const friend = await chat.buyer()
  const asked = await friend.command('start', `j_${token}`)
  friend.expectSays(asked, 'group.how-many')
  friend.expectSays(asked, 'group.stop-point')
  expect(await ordersOf(friend)).toEqual([])
  const choices = intentsOf(asked.message).filter((intent) => intent.do === 'join-as')
  expect(choices.map(({ units }) => units)).toEqual([1, 2, 3])
  const shown = await friend.press({ do: 'join-as', groupId, variantId: 0, units: 3 })
  friend.expectSays(shown, 'order.units', { units: 3 })
  const [bought] = await ordersOf(friend)
  expect(bought).toMatchObject({ goodsTotal: 300_000n, lines: [{ quantity: 3 }] })
  expect(await chat.shop.stock(goods)).toMatchObject({ reserved: 4 })
  expect(await chat.shop.group(groupId)).toMatchObject({ takenSeats: 2 })

  // Another number while it is unpaid replaces the order; the same one does nothing.
  await friend.press({ do: 'join-as', groupId, variantId: 0, units: 3 })
  expect(await ordersOf(friend)).toHaveLength(1)
  await friend.press({ do: 'join-as', groupId, variantId: 0, units: 2 })
  const [former, now] = await ordersOf(friend)
  expect([former?.state, now?.lines[0]?.quantity]).toEqual(['cancelled', 2])
  expect(await chat.shop.stock(goods)).toMatchObject({ reserved: 3 })
  expect(await chat.shop.group(groupId)).toMatchObject({ takenSeats: 2 })
})

test('the number of pieces goes on through the questions, and with another address', async () => {
  const { groupId } = await openGroup({ group: { maxUnits: 4 } })
  const friend = chat.guest()
  friend.expectSays(await friend.press({ do: 'join', groupId }), 'group.how-many')
  friend.expectSays(await friend.press({ do: 'join-as', groupId, variantId: 0, units: 4 }), 'delivery.ask-city')
  await friend.write('Казань')
  await friend.pressFirst('point')
  await friend.write('89123456789')
  const [bought] = await ordersOf(friend)
  expect(bought?.lines[0]?.quantity).toBe(4)
  await friend.press({ do: 'change-delivery', orderId: bought?.id ?? 0 })
  await friend.write('Новосибирск')
  await friend.pressFirst('point')
  const [former, moved] = await ordersOf(friend)
  expect([former?.state, moved?.lines[0]?.quantity, moved?.cityName]).toEqual(['cancelled', 4, 'Новосибирск'])
})

test('a group of one’s own starts with several pieces, too; forged numbers are refused', async () => {
  const { goods } = await openGroup({ group: { maxUnits: 20 } })
  const { variantId } = goods
  const leader = await chat.buyer()
  const asked = await leader.press({ do: 'buy-together', variantId })
  const choices = intentsOf(asked.message).filter((intent) => intent.do === 'together-as')
  expect(choices.map(({ units }) => units)).toEqual([1, 2, 3, 4, 5, 6, 7, 8])
  for (const units of [0, 21, 99, 2_000_000_000]) {
    const refused = await leader.press({ do: 'together-as', variantId, units, formerId: 0 })
    leader.expectSays(refused, 'refusal.too-many-units')
  }
  expect(await ordersOf(leader)).toEqual([])
  await leader.press({ do: 'together-as', variantId, units: 5, formerId: 0 })
  await leader.press({ do: 'together-as', variantId, units: 2, formerId: 0 })
  const [former, now] = await ordersOf(leader)
  expect([former?.state, now?.state, now?.lines[0]?.quantity]).toEqual(['cancelled', 'awaiting_payment', 2])
  // What is begun is not asked about again.
  const again = await leader.press({ do: 'buy-together', variantId })
  leader.expectSays(again, 'order.units', { units: 2 })
  expect(await ordersOf(leader)).toHaveLength(2)
})

test('*Another option* lists those of the same price; while unpaid it is changed without losing the last seat', async () => {
  const { goods, groupId, red, large } = await openGroup({ size: 2, group: { mixesOptions: true } })
  const friend = await chat.buyer()
  expect(names((await friend.press({ do: 'group', groupId })).message)).toContain('group-options')
  const { message } = await friend.press({ do: 'group-options', groupId, page: 0 })
  const offered = intentsOf(message).flatMap((intent) => (intent.do === 'join-as' ? [intent.variantId] : []))
  expect(offered).toEqual([goods.variantId, red])

  await friend.press({ do: 'join-as', groupId, variantId: goods.variantId, units: 0 })
  expect(await chat.shop.group(groupId)).toMatchObject({ takenSeats: 2 })
  expect(names((await friend.press({ do: 'group', groupId })).message)).toContain('group-options')
  const rival = await chat.buyer()
  const [changed] = await Promise.all([
    friend.press({ do: 'join-as', groupId, variantId: red, units: 0 }),
    rival.press({ do: 'join', groupId }),
  ])
  friend.expectSays(changed, 'product.option', { option: 'красный' })
  expect(await ordersOf(rival)).toEqual([])
  const [former, now] = await ordersOf(friend)
  expect([former?.state, now?.state, now?.lines[0]?.variantId]).toEqual(['cancelled', 'awaiting_payment', red])
  expect(await chat.shop.group(groupId)).toMatchObject({ takenSeats: 2 })

  // Forged: another price. Nothing changes, and it is said why.
  const forged = await friend.press({ do: 'join-as', groupId, variantId: large, units: 0 })
  friend.expectSays(forged, 'refusal.no-group-price')
  expect((await ordersOf(friend)).map(({ state }) => state)).toEqual(['cancelled', 'awaiting_payment'])
})

test('an option that sold out meanwhile leaves the order and the seat as they were', async () => {
  const { groupId, red } = await openGroup({ group: { mixesOptions: true } })
  const friend = await chat.buyer()
  await friend.press({ do: 'join', groupId })
  await chat.shop.db.stockLevel.updateMany({ where: { variantId: red }, data: { onHand: 0 } })
  const refused = await friend.press({ do: 'join-as', groupId, variantId: red, units: 0 })
  friend.expectSays(refused, 'refusal.out-of-stock')
  friend.expectSays(refused, 'delivery.unchanged')
  expect((await ordersOf(friend)).map(({ state, seat }) => [state, seat?.state])).toEqual([
    ['awaiting_payment', 'held'],
  ])
})

test('without mixed options there is no such button, and a forged one is refused', async () => {
  const { groupId, red } = await openGroup()
  const friend = await chat.buyer()
  expect(names((await friend.press({ do: 'group', groupId })).message)).not.toContain('group-options')
  friend.expectSays(await friend.press({ do: 'group-options', groupId, page: 0 }), 'confused.not-found')
  const forged = await friend.press({ do: 'join-as', groupId, variantId: red, units: 0 })
  friend.expectSays(forged, 'refusal.not-found')
  expect(await ordersOf(friend)).toEqual([])
})

test('option and number of pieces are chosen one after the other', async () => {
  const { groupId, red } = await openGroup({ group: { mixesOptions: true, maxUnits: 2 } })
  const friend = await chat.buyer()
  const asked = await friend.press({ do: 'join', groupId })
  expect(intentOf(asked.message, 'group-options')).toEqual({ do: 'group-options', groupId, page: 0 })
  const chosen = await friend.press({ do: 'join-as', groupId, variantId: red, units: 0 })
  friend.expectSays(chosen, 'product.option', { option: 'красный' })
  expect(intentOf(chosen.message, 'join-as')).toEqual({ do: 'join-as', groupId, variantId: red, units: 1 })
  await friend.press({ do: 'join-as', groupId, variantId: red, units: 2 })
  const [bought] = await ordersOf(friend)
  expect(bought?.lines[0]).toMatchObject({ variantId: red, quantity: 2 })
})

test('a leader who has not paid yet changes option and number of pieces; once paid it is too late', async () => {
  const { goods, red, large } = await openGroup({ group: { maxUnits: 3 } })
  const leader = await chat.buyer()
  await leader.press({ do: 'together-as', variantId: goods.variantId, units: 1, formerId: 0 })
  const latest = async () => (await ordersOf(leader)).at(-1)
  const orderId = (await latest())?.id ?? 0
  const page = await leader.press({ do: 'order', orderId })
  expect(names(page.message)).toEqual(expect.arrayContaining(['own-options', 'own-units']))
  const draft = await leader.press({ do: 'group', groupId: (await latest())?.seat?.groupId ?? 0 })
  expect(names(draft.message)).toEqual(expect.arrayContaining(['own-options', 'own-units']))

  const options = await leader.pressFirst('own-options')
  leader.expectSays(options, 'group.choose-own')
  const offered = intentsOf(options.message).flatMap((intent) => (intent.do === 'own-as' ? [intent.variantId] : []))
  expect(offered).toEqual([goods.variantId, red, large])
  const changed = await leader.press({ do: 'own-as', orderId, variantId: large, units: 0 })
  leader.expectSays(changed, 'product.option', { option: 'большой' })
  const now = await latest()
  expect(now).toMatchObject({ state: 'awaiting_payment', goodsTotal: 110_000n, seat: { state: 'held' } })
  const asked = await leader.press({ do: 'own-units', orderId: now?.id ?? 0 })
  leader.expectSays(asked, 'group.how-many')
  await leader.press({ do: 'own-as', orderId: now?.id ?? 0, variantId: large, units: 3 })
  expect((await ordersOf(leader)).map(({ state, lines }) => [state, lines[0]?.variantId, lines[0]?.quantity])).toEqual([
    ['cancelled', goods.variantId, 1],
    ['cancelled', large, 1],
    ['awaiting_payment', large, 3],
  ])

  // Forged and out of date: nothing changes, and it is said why.
  const last = (await latest())?.id ?? 0
  const alien = (await chat.shop.goods()).variantId
  const forged = await leader.press({ do: 'own-as', orderId: last, variantId: alien, units: 1 })
  expect(forged.toast).toBe(leader.say('refusal.no-group-price'))
  leader.expectSays(
    await leader.press({ do: 'own-as', orderId: last, variantId: large, units: 4 }),
    'refusal.too-many-units',
  )
  await chat.shop.db.stockLevel.updateMany({ where: { variantId: red }, data: { onHand: 0 } })
  const soldOut = await leader.press({ do: 'own-as', orderId: last, variantId: red, units: 0 })
  leader.expectSays(soldOut, 'refusal.out-of-stock')
  leader.expectSays(soldOut, 'delivery.unchanged')
  const old = await leader.press({ do: 'own-as', orderId, variantId: red, units: 0 })
  expect(old.toast).toBe(leader.say('refusal.too-late'))
  const stranger = await chat.buyer()
  for (const one of [
    { do: 'own-as', orderId: last, variantId: red, units: 1 },
    { do: 'own-units', orderId: last },
    { do: 'own-options', orderId: last, page: 0 },
  ] as const)
    stranger.expectSays(await stranger.press(one), 'confused.not-found')
  await chat.shop.pay(last)
  expect((await leader.press({ do: 'own-units', orderId: last })).toast).toBe(leader.say('refusal.too-late'))
  expect((await ordersOf(leader)).map(({ state }) => state)).toEqual(['cancelled', 'cancelled', 'awaiting_group'])
  expect(names((await leader.press({ do: 'order', orderId: last })).message)).not.toContain('own-options')
})

test('what only groups may take is offered together with others, and not alone', async () => {
  const goods = await chat.shop.goods({ stock: 2 })
  const { variantId, locationId, campaignId, productId } = goods
  await chat.shop.db.stockLevel.updateMany({ where: { variantId }, data: { setAside: 2 } })
  await chat.shop.db.campaignPrice.updateMany({
    where: { campaignId },
    data: { asideLeft: 2, asideLocationId: locationId },
  })
  const { groupId } = await chat.shop.openGroup(goods)
  const guest = await chat.buyer()
  const page = await guest.press({ do: 'product', productId })
  guest.expectSays(page, 'product.aside', { count: 1 })
  expect(names(page.message)).toEqual(expect.arrayContaining(['join', 'buy-together']))
  expect(names(page.message)).not.toContain('buy-alone')
  expect(textOf(page.message)).not.toContain(guest.say('product.sold-out'))
  guest.expectSays(await guest.press({ do: 'buy-alone', variantId }), 'refusal.out-of-stock')
  await guest.press({ do: 'join', groupId })
  expect((await ordersOf(guest))[0]).toMatchObject({ state: 'awaiting_payment', seat: { groupId } })
  const soldOut = await guest.press({ do: 'product', productId })
  guest.expectSays(soldOut, 'product.sold-out')
  expect(names(soldOut.message)).not.toContain('join')
})

test('a purchase is the same after it was a button', () => {
  const purchases: Purchase[] = [
    { kind: 'alone', variantId: 7 },
    { kind: 'own-group', variantId: 7 },
    { kind: 'own-group', variantId: 7, units: 3 },
    { kind: 'own-group', variantId: 7, units: 3, formerId: 9 },
    { kind: 'own-group', variantId: 7, formerId: 9 },
    { kind: 'join', groupId: 5 },
    { kind: 'join', groupId: 5, units: 2 },
    { kind: 'join', groupId: 5, variantId: 8, units: 1 },
    { kind: 'join', groupId: 5, variantId: 8, units: 8 },
  ]
  for (const purchase of purchases)
    expect(intentToPurchase(actToIntent(intentToAct(purchaseToIntent(purchase))))).toEqual(purchase)
})

test('whoever chooses a city reads times as they are there; a shared card says in which zone it speaks', async () => {
  const { groupId, token } = await openGroup()
  const deadlineAt = new Date('2026-09-29T17:58:00Z')
  await chat.shop.db.group.update({ where: { id: groupId }, data: { deadlineAt } })
  const friend = chat.guest()
  await friend.press({ do: 'join', groupId })
  expect(textOf((await friend.press({ do: 'group', groupId })).message)).toContain('20:58')
  await friend.command('start', `j_${token}`)
  await friend.write('Новосибирск')
  await friend.pressFirst('point')
  await friend.write('89123456789')
  expect(textOf((await friend.press({ do: 'group', groupId })).message)).toContain('00:58')

  const [card] = (await friend.inline(`g_${token}`)).cards
  expect(textOf(card?.message)).toContain('00:58 GMT+7')
  await friend.visit((visitor) => chat.front.onInlineChosen(visitor, `g_${token}`, 'i:nsk'))
  const edits: Message[] = []
  const outbox = createOutbox(chat.shop.deps, [
    {
      name: 'telegram',
      capabilities: { inline: true, editAnyAge: true, invoices: false },
      send: async () => ({ ok: false, reason: 'unsent' }),
      edit: async (ref, message) => {
        if (ref === 'i:nsk') edits.push(message)
        return { ok: true }
      },
      download: async () => ({ ok: false, reason: 'gone' }),
      link: (payload) => payload,
    },
  ])
  await outbox.updateCards({ groupId })
  expect(textOf(edits[0])).toContain('00:58 GMT+7')

  const group = await groupById(chat.shop.db, groupId)
  if (!group) throw new Error('the group is there')
  const reader = { ...friend.reader, timeZone: 'Europe/Moscow' }
  expect(textOf(screenToMessage(sharedCard(group, reader), reader))).toContain('20:58 МСК')
})

test('somebody who waited and is offered a seat is asked how many, too', async () => {
  const { groupId } = await openGroup({ size: 2, group: { maxUnits: 2 } })
  const [friend, waiter] = [await chat.buyer(), await chat.buyer()]
  await friend.press({ do: 'join-as', groupId, variantId: 0, units: 1 })
  await waiter.press({ do: 'wait', groupId })
  waiter.expectSays(await waiter.press({ do: 'join', groupId }), 'waiting.place', { place: 1, minutes: 15 })
  const [bought] = await ordersOf(friend)
  await friend.press({ do: 'cancel-order', orderId: bought?.id ?? 0 })
  await moveLines(chat.shop.db, chat.shop.now)
  waiter.expectSays(await waiter.press({ do: 'join', groupId }), 'group.how-many')
  await waiter.press({ do: 'join-as', groupId, variantId: 0, units: 2 })
  const [taken] = await ordersOf(waiter)
  expect(taken?.lines[0]?.quantity).toBe(2)
})
