import { expect, test } from 'vitest'
import {
  arrive,
  ask,
  chooseLanguage,
  recipientOf,
  setReachable,
  setRecipient,
  stopAsking,
  updateHandled,
} from '#shop/people.ts'
import { addresseeOf, tidyUp } from '#shop/notifications.ts'
import { hour, kazan, useShop } from './support.ts'

const shop = useShop()
let updates = 0
const update = () => `u${++updates}`

const visitor = (externalId: string, more: { updateId?: string; opensChat?: boolean; languageCode?: string } = {}) =>
  arrive(
    shop.db,
    { messenger: 'telegram', externalId, firstName: 'Ли', updateId: update(), opensChat: true, ...more },
    shop.now,
  )

test('a stranger becomes a person with the language of their app, and is the same person next time', async () => {
  const first = await visitor('100', { languageCode: 'zh-hans' })
  expect(first).toMatchObject({ language: 'zh', timeZone: 'Europe/Moscow' })
  expect(await visitor('100', { languageCode: 'en' })).toMatchObject({ personId: first?.personId, language: 'zh' })
  expect((await visitor('101', { languageCode: 'kk' }))?.language).toBe('ru')
  expect((await visitor('102', { languageCode: 'pt-br' }))?.language).toBe('en')
  expect((await visitor('103'))?.language).toBe('ru')
})

test('30 first updates of one person at once make one person and nobody else', async () => {
  const before = await shop.db.person.count()
  const seen = await Promise.all(Array.from({ length: 30 }, () => visitor('200')))
  expect(new Set(seen.map((found) => found?.personId)).size).toBe(1)
  expect(await shop.db.person.count()).toBe(before + 1)
})

test('an update that was handled is not handled again; others are', async () => {
  const updateId = update()
  expect(await visitor('300', { updateId })).toBeDefined()
  // Killed before it was done: it comes again and is handled.
  expect(await visitor('300', { updateId })).toBeDefined()
  await Promise.all([
    updateHandled(shop.db, 'telegram', updateId, null, shop.now),
    updateHandled(shop.db, 'telegram', updateId, null, shop.now),
  ])
  expect(await visitor('300', { updateId })).toBeUndefined()
  expect(await visitor('300')).toBeDefined()
  // The same number in another messenger is another update.
  const elsewhere = { messenger: 'vk', externalId: '300', firstName: 'Ли', updateId, opensChat: false }
  expect(await arrive(shop.db, elsewhere, shop.now)).toBeDefined()
})

test('handled updates are forgotten after three days, later than any messenger repeats them', async () => {
  const [old, young] = [update(), update()]
  await updateHandled(shop.db, 'telegram', old, null, shop.now)
  shop.pass(71 * hour)
  await updateHandled(shop.db, 'telegram', young, null, shop.now)
  await tidyUp(shop.db, shop.now)
  expect(await visitor('400', { updateId: old })).toBeUndefined()
  await tidyUp(shop.db, shop.pass(2 * hour))
  expect(await visitor('400', { updateId: old })).toBeDefined()
  expect(await visitor('400', { updateId: young })).toBeUndefined()
})

test('only those who opened the private chat are written to, and not while they block the bot', async () => {
  const personId = (await visitor('500', { opensChat: false }))?.personId ?? 0
  const addresses = async () => (await addresseeOf(shop.db, personId)).addresses
  const address = [{ messenger: 'telegram', externalId: '500' }]
  expect(await addresses()).toEqual([])
  await visitor('500')
  expect(await addresses()).toEqual(address)
  await setReachable(shop.db, 'telegram', '500', false, shop.now)
  expect(await addresses()).toEqual([])
  // A tap on a card in a group says nothing about the private chat.
  await visitor('500', { opensChat: false })
  expect(await addresses()).toEqual([])
  await visitor('500')
  expect(await addresses()).toEqual(address)
  await setReachable(shop.db, 'telegram', '500', false, shop.now)
  await setReachable(shop.db, 'telegram', '500', true, shop.now)
  expect(await addresses()).toEqual(address)
})

test('what was asked is waited for until it is answered, in that messenger only; a new question replaces it', async () => {
  const personId = (await visitor('600'))?.personId ?? 0
  expect(await visitor('600')).not.toHaveProperty('dialog')
  await ask(shop.db, personId, 'telegram', 'city', { variantId: 7 }, shop.now)
  await ask(shop.db, personId, 'vk', 'name', {}, shop.now)
  await ask(shop.db, personId, 'telegram', 'phone', { variantId: 7, cityName: 'Казань' }, shop.now)
  expect((await visitor('600'))?.dialog).toEqual({ step: 'phone', data: { variantId: 7, cityName: 'Казань' } })
  await stopAsking(shop.db, personId, 'telegram')
  await stopAsking(shop.db, personId, 'telegram')
  expect(await visitor('600')).not.toHaveProperty('dialog')
})

test('language and address are kept until they are changed', async () => {
  const personId = (await visitor('700'))?.personId ?? 0
  await chooseLanguage(shop.db, personId, 'en')
  expect((await visitor('700'))?.language).toBe('en')
  expect((await addresseeOf(shop.db, personId)).language).toBe('en')
  expect(await recipientOf(shop.db, personId)).toBeNull()
  await setRecipient(shop.db, personId, kazan, shop.now)
  const moved = { ...kazan, cityCode: 270, cityName: 'Новосибирск', pickupPointCode: 'NOV2701' }
  await Promise.all(Array.from({ length: 10 }, () => setRecipient(shop.db, personId, moved, shop.now)))
  expect(await recipientOf(shop.db, personId)).toEqual(moved)
})
