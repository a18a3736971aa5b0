/** From a shop's file to a message about a lower price, as one person lives it. */
import { Readable } from 'node:stream'
import { expect, test } from 'vitest'
import { noticeScreen } from '#chat/notices.ts'
import { screenToMessage } from '#chat/text.ts'
import { readFeed } from '#gateways/feeds.ts'
import { importFeed } from '#shop/catalog-import.ts'
import { tellFavourites } from '#shop/favourites.ts'
import { buttonsOf, intentOf, intentsOf, textOf, useChat } from './support.ts'

const chat = useChat()

const feed = (price: number) => `<?xml version="1.0" encoding="UTF-8"?>
<yml_catalog date="2026-01-12"><shop><name>Сад</name>
  <currencies><currency id="RUR" rate="1"/></currencies>
  <categories><category id="1">Сад и огород</category></categories>
  <offers>
    ${[1, 2, 3]
      .map(
        (id) => `<offer id="${id}" available="true"><price>${id === 2 ? price : id * 1000}</price>
      <currencyId>RUR</currencyId><categoryId>1</categoryId><name>Секатор ${['малый', 'садовый', 'кованый'][id - 1]}</name>
      <vendor>${id === 2 ? 'Лесник' : 'Грядка'}</vendor><count>5</count></offer>`,
      )
      .join('')}
  </offers></shop></yml_catalog>`

async function load(price: number) {
  const { deps, db, now } = chat.shop
  const source = Readable.from([Buffer.from(feed(price))])
  const options = { seller: { slug: 'garden' }, now, newToken: deps.newToken }
  const report = await importFeed(db, readFeed([source]), options)
  await chat.refresh()
  return report
}

test('a file is imported, its goods are found by a typo in the wrong layout, filtered, opened and kept; a lower price is told once', async () => {
  expect(await load(2_000)).toMatchObject({ added: 3, refused: [] })
  const guest = await chat.buyer()

  // "секаор" with the layout that was not switched.
  const found = await guest.write('ctrfjh')
  guest.expectSays(found, 'search.repaired', { asked: 'ctrfjh', shown: 'секатор' })
  guest.expectSays(found, 'search.place-for', { page: 1, total: 3, query: 'секатор' })

  const filters = await guest.pressFirst('filters')
  const list = intentsOf(filters.message).find((intent) => intent.do === 'filter-list' && intent.filter === 'brand')
  if (!list) throw new Error(`no brands among ${JSON.stringify(intentsOf(filters.message))}`)
  const brands = await guest.press(list)
  const at = buttonsOf(brands.message).findIndex(({ label }) => label.includes('Лесник'))
  expect(buttonsOf(brands.message)[at]?.label).toContain('1')
  const choice = intentsOf(brands.message)[at]
  if (!choice) throw new Error('nothing to tap')
  await guest.press(choice)
  const results = intentsOf(guest.last).some(({ do: does }) => does === 'look')
    ? guest.last
    : (await guest.pressFirst('results')).message
  expect(textOf(results)).toContain('Секатор садовый')

  const page = await guest.press(intentOf(results, 'look'))
  expect(textOf(page.message)).toContain('Секатор садовый')
  await guest.press(intentOf(page.message, 'favourite'))

  const told = () => chat.shop.db.notification.findMany({ where: { personId: guest.personId, kind: 'price-drop' } })
  expect(await load(2_000)).toMatchObject({ added: 0, changed: 0, unchanged: 3 })
  await tellFavourites(chat.shop.db, chat.shop.now)
  expect(await told()).toEqual([])

  expect(await load(1_500)).toMatchObject({ added: 0, changed: 1, unchanged: 2 })
  await tellFavourites(chat.shop.db, chat.shop.now)
  await tellFavourites(chat.shop.db, chat.shop.now)
  const [row, ...more] = await told()
  expect(more).toEqual([])
  const notice = { kind: 'price-drop', data: row?.data } as Parameters<typeof noticeScreen>[0]
  const shown = await noticeScreen(notice, guest.personId, { ...guest.reader, now: chat.shop.now }, chat.shop.deps)
  const message = shown && screenToMessage(shown.screen, guest.reader)
  expect(textOf(message)).toMatch(/1\s500\s₽, было 2\s000\s₽/)
  const opened = await guest.press(intentOf(message, 'product'))
  expect(textOf(opened.message)).toMatch(/1\s500\s₽/)
})
