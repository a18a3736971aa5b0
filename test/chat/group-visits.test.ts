/** Who is shown a group, and by whom they came: numbers in buttons are easily forged, and links are sent on. */
import { expect, test } from 'vitest'
import { groupById, groupByLink, groupLink } from '#shop/group-buy.ts'
import { groupPictureName } from '#shop/group-picture.ts'
import type { Intent } from '#chat/intent.ts'
import type { Reply } from '#chat/messenger.ts'
import type { GoodsOptions } from '../shop/support.ts'
import { buttonsOf, textOf, useChat, type Guest } from './support.ts'

const chat = useChat()

async function openGroup(of: GoodsOptions = {}) {
  const goods = await chat.shop.goods({ size: 3, lifetimeMinutes: 600, ...of })
  const leader = await chat.buyer({ firstName: 'Маргарита' })
  const { groupId } = await chat.shop.openGroup(goods, leader.personId)
  const { token } = await chat.shop.db.group.findUniqueOrThrow({ where: { id: groupId } })
  return { goods, leader, groupId, token }
}
const closed = { group: { isPublic: false, maxUnits: 3, mixesOptions: true } } as const
const tapAt = (guest: Guest, intent: Intent, ref: string) =>
  guest.visit((visitor) =>
    chat.front.onTap(visitor, `j.${'groupId' in intent ? intent.groupId.toString(36) : ''}`, 'shared', ref),
  )
const visitOf = (guest: Guest, groupId: number) =>
  chat.shop.db.groupVisit.findUnique({ where: { groupId_personId: { groupId, personId: guest.personId } } })
const starts = (answer: Pick<Reply, 'message'>) =>
  buttonsOf(answer.message).flatMap((one) => ('start' in one ? [one.start] : []))

test('a group for the invited tells nobody who only knows its number anything, by whichever button', async () => {
  const { groupId, token } = await openGroup(closed)
  const group = await groupById(chat.shop.db, groupId)
  const title = group?.title['ru'] ?? ''
  const stranger = await chat.buyer()
  const forged: Intent[] = [
    { do: 'group', groupId },
    { do: 'group-picture', groupId },
    { do: 'group-options', groupId, page: 0 },
    { do: 'join', groupId },
    { do: 'join-as', groupId, variantId: 0, units: 1 },
    { do: 'wait', groupId },
    { do: 'leave-line', groupId },
  ]
  for (const intent of forged) {
    const answer = await stranger.press(intent)
    stranger.expectSays(answer, 'confused.not-found')
    for (const secret of ['Маргарита', token, title]) expect(JSON.stringify(answer)).not.toContain(secret)
  }
  const shared = await stranger.press({ do: 'join', groupId }, { place: 'shared' })
  expect(shared).toEqual({ toast: stranger.say('confused.not-found'), alert: true })
  expect(await chat.shop.db.liveCard.count({ where: { groupId, personId: null } })).toBe(0)
  expect(await visitOf(stranger, groupId)).toBeNull()
})

test('who was invited, was in it, leads it or sells in it sees it by its number', async () => {
  const { groupId, token, leader, goods } = await openGroup(closed)
  const seller = chat.guest()
  await seller.command('start')
  const member = { sellerId: goods.sellerId, personId: seller.personId, joinedAt: chat.shop.now }
  await chat.shop.db.sellerMember.create({ data: member })
  const invited = await chat.buyer()
  await invited.command('start', `g_${token}`)
  for (const guest of [seller, invited, leader])
    expect(textOf((await guest.press({ do: 'group', groupId })).message)).toContain('Маргарита')
  // Having come across it among others is no invitation.
  const data = { groupId, personId: (await chat.buyer()).personId, via: 'list', at: chat.shop.now }
  await chat.shop.db.groupVisit.create({ data })
  const guest = await chat.buyer()
  await chat.shop.db.groupVisit.updateMany({ where: data, data: { personId: guest.personId } })
  guest.expectSays(await guest.press({ do: 'group', groupId }), 'confused.not-found')
})

test('a shared card stays its own group’s, whatever number is pressed under it', async () => {
  const open = await openGroup()
  const other = await openGroup()
  const secret = await openGroup(closed)
  await open.leader.visit((visitor) => chat.front.onInlineChosen(visitor, `g_${open.token}`, 'i:open'))
  const thief = await chat.buyer()
  for (const { groupId } of [other, secret]) {
    const answer = await tapAt(thief, { do: 'join', groupId }, 'i:open')
    expect(answer).toEqual({ toast: thief.say('confused.not-found'), alert: true })
  }
  const card = await chat.shop.db.liveCard.findFirstOrThrow({ where: { messageRef: 'i:open' } })
  expect(card).toMatchObject({ groupId: open.groupId, sharerId: open.leader.personId })
  expect(await tapAt(thief, { do: 'join', groupId: open.groupId }, 'i:open')).toEqual({ open: `j_${open.token}` })
})

test('the card of a group for the invited leads by its link, and that invites', async () => {
  const { groupId, token, leader } = await openGroup(closed)
  const [card] = (await leader.inline(`g_${token}`)).cards
  const [start = ''] = card ? starts(card) : []
  expect(start).toBe(`j_${token}_${leader.personId.toString(36)}`)
  const friend = await chat.buyer()
  friend.expectSays(await friend.command('start', start), 'group.how-many')
  expect(await visitOf(friend, groupId)).toMatchObject({ via: 'card', inviterId: leader.personId })
})

test('by a card, a link or a picture one comes by whoever put it there; old links and forged people do no harm', async () => {
  const { groupId, token, leader } = await openGroup()
  await leader.visit((visitor) => chat.front.onInlineChosen(visitor, `g_${token}`, 'i:shared'))
  const byCard = await chat.buyer()
  expect(await tapAt(byCard, { do: 'join', groupId }, 'i:shared')).toEqual({ open: `j_${token}` })
  await byCard.command('start', `j_${token}`)
  expect(await visitOf(byCard, groupId)).toMatchObject({ via: 'card', inviterId: leader.personId })

  const picture = await leader.press({ do: 'group-picture', groupId })
  const [, link = ''] = /start=(g_[A-Za-z0-9_-]+)/.exec(textOf(picture.message)) ?? []
  expect(link).toMatch(/^[A-Za-z0-9_-]{1,64}$/)
  const group = await groupById(chat.shop.db, groupId)
  expect(picture.message?.picture).toBe(group && groupPictureName(group, leader.personId))
  const byLink = await chat.buyer()
  await byLink.command('start', link)
  expect(await visitOf(byLink, groupId)).toMatchObject({ via: 'link', inviterId: leader.personId })
  await leader.command('start', link)
  expect(await visitOf(leader, groupId)).toMatchObject({ inviterId: null })

  for (const forged of [token, `${token}_0`, `${token}_zzzzzz`, `${token}_${(2_000_000_000).toString(36)}`]) {
    const guest = await chat.buyer()
    guest.expectSays(await guest.command('start', `g_${forged}`), 'group.stop-point')
    expect(await visitOf(guest, groupId)).toMatchObject({ via: 'link', inviterId: null })
  }
  const guest = await chat.buyer()
  guest.expectSays(await guest.command('start', `g_${token}_ZZ`), 'confused.not-found')
  expect(group && (await groupByLink(chat.shop.db, groupLink(group, 2_147_483_647)))?.inviterId).toBe(2_147_483_647)
})
