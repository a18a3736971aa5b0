import { expect, test } from 'vitest'
import { searchPage, startSearch } from '#shop/search.ts'
import {
  doubtOrphanedSends,
  notificationDone,
  pictureUploaded,
  takeNotification,
  tidyUp,
  uploadedPicture,
  type ClaimedNotice,
} from '#shop/notifications.ts'
import { notify } from '#store/notifications.ts'
import { inTransaction } from '#store/db.ts'
import { hour, useShop } from './support.ts'

const shop = useShop()
const owe = (personId: number, key: string, kind: 'seat-paid' | 'group-formed' = 'seat-paid') =>
  notify(shop.db, personId, key, { kind, data: { orderId: 1, groupId: 1 } }, shop.now)
const take = () => takeNotification(shop.db, shop.now)
const states = async (personId: number) =>
  (await shop.db.notification.findMany({ where: { personId }, orderBy: { id: 'asc' } })).map(({ state }) => state)

test('the same cause is owed once, however often it repeats and in parallel', async () => {
  const person = await shop.person()
  await Promise.all(Array.from({ length: 20 }, () => owe(person, 'cause:1')))
  expect(await states(person)).toEqual(['due'])
  const taken = await take()
  await notificationDone(shop.db, taken?.notificationId ?? 0, 'sent', shop.now)
  await owe(person, 'cause:1')
  expect(await states(person)).toEqual(['sent'])
})

test('a message is owed only if what it is about was written', async () => {
  const person = await shop.person()
  await inTransaction(shop.db, async (tx) => {
    await notify(tx, person, 'undone', { kind: 'order-paid', data: { orderId: 1 } }, shop.now)
    return { ok: false }
  })
  expect(await states(person)).toEqual([])
  await expect(
    inTransaction(shop.db, async (tx) => {
      await notify(tx, person, 'broken', { kind: 'order-paid', data: { orderId: 1 } }, shop.now)
      throw new Error('a defect')
    }),
  ).rejects.toThrow('a defect')
  expect(await states(person)).toEqual([])
  expect(await take()).toBeUndefined()
})

test('money is told before groups', async () => {
  const person = await shop.person()
  for (let at = 0; at < 6; at += 1) await owe(person, `kinds:${at}`, at % 2 === 0 ? 'group-formed' : 'seat-paid')
  const kinds: (string | undefined)[] = []
  for (let notice = await take(); notice; notice = await take()) kinds.push(notice.kind)
  expect(kinds).toEqual([...Array<string>(3).fill('seat-paid'), ...Array<string>(3).fill('group-formed')])
  await doubtOrphanedSends(shop.db)
})

test('forty messages and ten senders: each is taken once', async () => {
  const person = await shop.person()
  for (let at = 0; at < 40; at += 1) await owe(person, `many:${at}`)
  const taken: ClaimedNotice[] = []
  const sender = async () => {
    for (let notice = await take(); notice; notice = await take()) taken.push(notice)
  }
  await Promise.all(Array.from({ length: 10 }, sender))
  expect(new Set(taken.map(({ notificationId }) => notificationId)).size).toBe(40)
  expect(taken).toHaveLength(40)
  await doubtOrphanedSends(shop.db)
})

test('a message whose sender was killed is in doubt and never sent again; those that were not begun are', async () => {
  const person = await shop.person()
  await owe(person, 'killed')
  await take()
  await owe(person, 'waiting')
  expect(await doubtOrphanedSends(shop.db)).toBe(1)
  expect(await states(person)).toEqual(['doubtful', 'due'])
  const next = await take()
  expect(next).toMatchObject({ personId: person, attempts: 1 })
  expect(await take()).toBeUndefined()
  // The killed one's answer, if it still comes, changes nothing.
  const killed = await shop.db.notification.findUniqueOrThrow({ where: { key: 'killed' } })
  await notificationDone(shop.db, killed.id, 'sent', shop.now)
  await notificationDone(shop.db, next?.notificationId ?? 0, 'unreachable', shop.now)
  expect(await states(person)).toEqual(['doubtful', 'unreachable'])
})

test('what is due later is not taken earlier', async () => {
  const person = await shop.person()
  const later = new Date(shop.now.getTime() + hour)
  await notify(shop.db, person, 'later', { kind: 'order-paid', data: { orderId: 1 } }, later)
  expect(await take()).toBeUndefined()
  shop.pass(hour)
  const taken = await take()
  expect(taken).toMatchObject({ kind: 'order-paid', data: { orderId: 1 } })
  await notificationDone(shop.db, taken?.notificationId ?? 0, 'sent', shop.now)
})

test('a person is told over the queue, in their language, of how things stand', async () => {
  const { leader } = await shop.openGroup(await shop.goods({ size: 3 }))
  const sentBefore = shop.sent.length
  await shop.runJobs()
  await shop.runJobs()
  const { externalId } = await shop.db.identity.findFirstOrThrow({ where: { personId: leader } })
  expect(shop.sent.slice(sentBefore).filter(({ to }) => to === externalId)).toHaveLength(1)
  expect(await states(leader)).toEqual(['sent'])
})

test('whoever never opened the chat gets nothing, and nothing waits for them', async () => {
  const person = await shop.person()
  await shop.db.identity.updateMany({ where: { personId: person }, data: { chatOpenedAt: null } })
  await shop.pay((await shop.order(person, { kind: 'alone', variantId: (await shop.goods()).variantId })).orderId)
  await shop.runJobs()
  expect(await states(person)).toEqual(['unreachable'])
})

test('an uploaded picture is remembered for each bot apart, and the newest reference counts', async () => {
  await pictureUploaded(shop.db, 'telegram', '42', 'demo/kettle', 'file-1', shop.now)
  await pictureUploaded(shop.db, 'telegram', '42', 'demo/kettle', 'file-2', shop.now)
  expect(await uploadedPicture(shop.db, 'telegram', '42', 'demo/kettle')).toBe('file-2')
  expect(await uploadedPicture(shop.db, 'telegram', '43', 'demo/kettle')).toBeUndefined()
})

test('searches are forgotten after a month: their buttons then say so', async () => {
  const person = await shop.person()
  const searcher = { cityCode: undefined, isAdult: false }
  const { searchId } = await startSearch(shop.db, person, { query: 'чайник' }, searcher, shop.now)
  await tidyUp(shop.db, shop.pass(29 * 24 * hour))
  expect(await searchPage(shop.db, person, searchId, 0, searcher, shop.now)).toBeDefined()
  await tidyUp(shop.db, shop.pass(2 * 24 * hour))
  expect(await searchPage(shop.db, person, searchId, 0, searcher, shop.now)).toBeUndefined()
})
