/** What became one for grown-ups after people met it: wherever they meet it again they read no word of it, and see no picture. */
import { beforeEach, expect, test } from 'vitest'
import type { Intent } from '#chat/intent.ts'
import { noticeScreen } from '#chat/notices.ts'
import { createOutbox } from '#chat/outbox.ts'
import type { Message } from '#chat/screen.ts'
import { screenToMessage } from '#chat/text.ts'
import type { Notice } from '#shop/notifications.ts'
import { inTransaction } from '#store/db.ts'
import { refreshListings } from '#store/listings.ts'
import type { Goods, GoodsOptions } from '../shop/support.ts'
import { buttonsOf, checkMessage, intentOf, textOf, useChat, type Guest } from './support.ts'

const chat = useChat()
const secret = /Тайн/
const picture = 'demo/kettle'
let goods: Goods

async function make(of: GoodsOptions = {}, words = 'виноградник'): Promise<Goods> {
  const made = await chat.shop.goods({ price: 100_000n, ...of })
  const data = { title: { ru: 'Тайна виноградника' }, words }
  await chat.shop.db.product.update({ where: { id: made.productId }, data })
  await inTransaction(chat.shop.db, async (tx) => refreshListings(tx, [made.productId], chat.shop.now))
  return made
}

beforeEach(async () => {
  goods = await make()
})

const growUp = async ({ productId }: Goods) =>
  chat.shop.db.product.update({ where: { id: productId }, data: { isAdult: true } })

/** They said so before, elsewhere. */
const confirm = async ({ personId }: Guest) =>
  chat.shop.db.person.update({ where: { id: personId }, data: { adultAt: chat.shop.now } })

function isHidden(message: Message | undefined): boolean {
  if (!message) throw new Error('they are shown something')
  const words = [textOf(message), ...buttonsOf(message).map(({ label }) => label)].join('\n')
  return !secret.test(words) && message.picture !== picture
}

async function told(notice: Notice, guest: Guest): Promise<Message | undefined> {
  const reader = { ...guest.reader, now: chat.shop.now }
  const outcome = await noticeScreen(notice, guest.personId, reader, chat.shop.deps)
  const message = outcome && screenToMessage(outcome.screen, reader)
  if (message) checkMessage(message)
  return message
}

test('what is asked and answered about it is shown, and asked, by those only who said that they are eighteen', async () => {
  const { db } = chat.shop
  const { productId } = goods
  const [guest, other] = [chat.guest(), chat.guest()]
  for (const one of [guest, other]) await one.command('start')
  const asked = { productId, personId: other.personId, text: 'Тайный вопрос?', askedAt: chat.shop.now }
  await db.productQuestion.create({ data: { ...asked, answer: 'Тайный ответ', answeredAt: chat.shop.now } })
  await growUp(goods)
  // Made up, or kept from before.
  const ways: Intent[] = [
    { do: 'questions', productId, page: 0 },
    { do: 'ask-question', productId },
  ]
  for (const way of ways) {
    const { message } = await guest.press(way)
    guest.expectSays(message, 'adult.ask')
    expect(isHidden(message)).toBe(true)
  }
  expect(await guest.step()).toBe('none')
  await guest.pressFirst('adult')
  for (const way of ways) expect(isHidden((await guest.press(way)).message)).toBe(false)
  expect(await guest.step()).toBe('question')
})

test('the answer to their own question waits for their word', async () => {
  const { db } = chat.shop
  const guest = chat.guest()
  await guest.command('start')
  const asked = { productId: goods.productId, personId: guest.personId, text: 'Какое оно?', askedAt: chat.shop.now }
  const { id: questionId } = await db.productQuestion.create({
    data: { ...asked, answer: 'Тайное', answeredAt: chat.shop.now },
  })
  const notice: Notice = { kind: 'question-answered', data: { questionId } }
  expect(textOf(await told(notice, guest))).toContain('Тайное')
  await growUp(goods)
  const message = await told(notice, guest)
  expect(isHidden(message)).toBe(true)
  expect(textOf(message)).toContain(guest.say('adult.goods'))
  await guest.press(intentOf(message, 'product'))
  await guest.pressFirst('adult')
  expect(textOf(await told(notice, guest))).toContain('Тайное')
})

test('in the lists of what they keep and have seen it has no name, and can be taken out', async () => {
  const guest = chat.guest()
  const { productId } = goods
  await guest.press({ do: 'product', productId })
  await guest.press(intentOf(guest.last, 'favourite'))
  await growUp(goods)
  const lists: Intent[] = [
    { do: 'favourites', page: 0 },
    { do: 'favourites-less', page: 0 },
    { do: 'seen', page: 0 },
  ]
  for (const list of lists) {
    const { message } = await guest.press(list)
    expect(isHidden(message)).toBe(true)
    expect(JSON.stringify(message)).toContain(guest.say('adult.goods'))
  }
  await confirm(guest)
  for (const list of lists) expect(isHidden((await guest.press(list)).message)).toBe(false)
  await guest.press({ do: 'favourite-less', productId, page: 0 })
  expect(await chat.shop.db.favourite.count({ where: { productId } })).toBe(0)
})

test('its news is told to those only who may read it', async () => {
  const guest = chat.guest()
  await guest.command('start')
  const { productId } = goods
  const news: Notice[] = [
    { kind: 'price-drop', data: { productId, was: '200000', currency: 'RUB' } },
    { kind: 'back-in-stock', data: { productId } },
  ]
  for (const one of news) expect(isHidden(await told(one, guest))).toBe(false)
  await growUp(goods)
  for (const one of news) expect(await told(one, guest)).toBeUndefined()
  await confirm(guest)
  for (const one of news) expect(isHidden(await told(one, guest))).toBe(false)
})

test('found a moment before, it is asked about, with the way to the next', async () => {
  const guest = chat.guest()
  // The listings are some seconds behind.
  for (const one of [await make({}, 'лоза'), await make({}, 'лоза')]) await growUp(one)
  await guest.write('лоза')
  expect(isHidden(guest.last)).toBe(true)
  guest.expectSays(guest.last, 'adult.ask')
  expect(intentOf(guest.last, 'results')).toMatchObject({ page: 1 })
  await guest.pressFirst('adult')
  expect(isHidden(guest.last)).toBe(false)
})

test('a group’s terms, picture and card, too, wherever its id or its link comes from', async () => {
  const shared = await make({ group: { maxUnits: 3, mixesOptions: true } })
  const { variantId } = shared
  const { groupId } = await chat.shop.openGroup(shared)
  const { token } = await chat.shop.db.group.findUniqueOrThrow({ where: { id: groupId } })
  const guest = await chat.buyer()
  await guest.command('start', `g_${token}`)
  const ways: Intent[] = [
    { do: 'buy-together', variantId },
    { do: 'join', groupId },
    { do: 'group-options', groupId, page: 0 },
    { do: 'group-picture', groupId },
    { do: 'group', groupId },
  ]
  const hidden = async () => {
    const seen: boolean[] = []
    for (const way of ways) seen.push(isHidden((await guest.press(way)).message))
    return seen
  }
  const card = async () => (await guest.inline(`g_${token}`)).cards[0]
  expect(await hidden()).toEqual(ways.map(() => false))
  expect((await card())?.title).toMatch(secret)
  await growUp(shared)
  expect(await hidden()).toEqual(ways.map(() => true))
  expect((await card())?.title).toBe(guest.say('confused.not-found'))
  expect(isHidden((await card())?.message)).toBe(true)
  await confirm(guest)
  expect(await hidden()).toEqual(ways.map(() => false))
  expect((await card())?.title).toMatch(secret)
})

test('what a group’s page shows is hidden where it stands when the group changes', async () => {
  const { groupId } = await chat.shop.openGroup(goods)
  const { token } = await chat.shop.db.group.findUniqueOrThrow({ where: { id: groupId } })
  const guest = await chat.buyer()
  await guest.command('start', `g_${token}`)
  const edited: Message[] = []
  const { db } = chat.shop
  const { personId } = guest
  const shown = { messenger: 'telegram', messageRef: 'm:9', language: 'ru', shownVersion: 0, createdAt: chat.shop.now }
  await db.liveCard.create({ data: { ...shown, personId, groupId } })
  const outbox = createOutbox(chat.shop.deps, [
    {
      name: 'telegram',
      capabilities: { inline: true, editAnyAge: true, invoices: false },
      send: async () => ({ ok: true, ref: 'm:1' }),
      edit: async (_ref, message) => {
        edited.push(message)
        return { ok: true }
      },
      download: async () => ({ ok: false, reason: 'gone' }),
      link: (payload) => payload,
    },
  ])
  await growUp(goods)
  await outbox.updateCards({ groupId })
  expect(edited.map(isHidden)).toEqual([true])
})

test('a friend who is asked to pay reads what it is once they said so; where others read it, it is not pictured', async () => {
  const { groupId } = await chat.shop.openGroup(goods)
  const { token } = await chat.shop.db.group.findUniqueOrThrow({ where: { id: groupId } })
  const boris = await chat.buyer()
  const { message } = await boris.command('start', `j_${token}`)
  await chat.shop.runJobs()
  const asked = await boris.press(intentOf(message, 'ask-friend'))
  const [link = ''] = buttonsOf(asked.message).flatMap((one) => ('share' in one ? [one.share] : []))
  const friend = chat.guest()
  const card = async () => (await friend.inline(link)).cards[0]
  expect(isHidden((await friend.command('start', link)).message)).toBe(false)
  expect((await card())?.thumbnail).toBe(picture)
  await growUp(goods)
  const page = (await friend.command('start', link)).message
  expect(isHidden(page)).toBe(true)
  expect(buttonsOf(page).some((one) => 'pay' in one)).toBe(true)
  expect(isHidden((await card())?.message)).toBe(true)
  await confirm(friend)
  expect(isHidden((await friend.command('start', link)).message)).toBe(false)
  expect(textOf((await card())?.message)).toMatch(secret)
  expect([(await card())?.thumbnail, (await card())?.message.picture]).toEqual([undefined, undefined])
})

test('a seat that is kept for them is asked about before it is described, and the end of a line names nothing', async () => {
  const { db } = chat.shop
  const { groupId } = await chat.shop.openGroup(goods)
  const guest = await chat.buyer()
  const { personId } = guest
  const { now } = chat.shop
  const until = new Date(now.getTime() + 60_000)
  const { id: waitingId } = await db.waiting.create({
    data: { groupId, personId, state: 'offered', createdAt: now, offeredUntil: until },
  })
  const offered: Notice = { kind: 'seat-offered', data: { groupId, waitingId } }
  const over: Notice = { kind: 'wait-over', data: { groupId } }
  for (const one of [offered, over]) expect(isHidden(await told(one, guest))).toBe(false)
  await growUp(goods)
  for (const one of [offered, over]) expect(isHidden(await told(one, guest))).toBe(true)
  const message = await told(offered, guest)
  guest.expectSays(message, 'notice.seat-offered', { until: { at: until } })
  await guest.press(intentOf(message, 'adult'))
  expect(isHidden(guest.last)).toBe(false)
  expect(intentOf(guest.last, 'join')).toEqual({ do: 'join', groupId })
})

test('who bought with somebody before is not called to it by them', async () => {
  const { groupId } = await chat.shop.openGroup(goods)
  const guest = await chat.buyer()
  const called: Notice = { kind: 'group-again', data: { groupId } }
  expect(isHidden(await told(called, guest))).toBe(false)
  await growUp(goods)
  expect(await told(called, guest)).toBeUndefined()
  await confirm(guest)
  expect(isHidden(await told(called, guest))).toBe(false)
})
