/** A shop's people send their catalogue: what they are shown and asked, and what others may not. */
import { gzipSync } from 'node:zlib'
import { Readable } from 'node:stream'
import { afterEach, describe, expect, test } from 'vitest'
import type { Intent } from '#chat/intent.ts'
import { importNotice } from '#chat/import-page.ts'
import { runImport, type ImportTools } from '#shop/import-run.ts'
import { FetchRefused } from '#gateways/fetch-url.ts'
import { intentOf, intentsOf, textOf, useChat, type Guest } from './support.ts'

const chat = useChat()
const files = new Map<string, Buffer>()
afterEach(() => files.clear())

const tools = (): ImportTools => ({
  async download(_messenger, ref) {
    const content = files.get(ref)
    return content ? { ok: true, content: Readable.from([content]) } : { ok: false, reason: 'gone' }
  },
  async fetch(url) {
    const content = files.get(url)
    if (!content) throw new FetchRefused('bad-answer')
    return Readable.from([content])
  },
  now: () => chat.shop.now,
  newToken: chat.shop.deps.newToken,
})

const bytesMax = 20 * 1024 * 1024
let made = 0

/** Somebody of a new shop without goods. */
async function seller(): Promise<{ guest: Guest; sellerId: number }> {
  const slug = `import-${++made}`
  const { id: sellerId } = await chat.shop.db.seller.create({
    data: { slug, name: `Лавка ${made}`, invitation: `invite-${slug}` },
  })
  return { guest: await member(sellerId), sellerId }
}

async function member(sellerId: number): Promise<Guest> {
  const guest = chat.guest({ firstName: 'София' })
  await guest.command('start')
  await chat.shop.db.sellerMember.create({ data: { sellerId, personId: guest.personId, joinedAt: chat.shop.now } })
  return guest
}

function file(guest: Guest, content: string | Buffer, name = 'feed.yml') {
  const ref = `file-${++made}`
  files.set(ref, Buffer.from(content))
  return guest.send({ kind: 'file', ref, name, bytes: Buffer.byteLength(content), bytesMax })
}

const yml = (offers: string) => `<?xml version="1.0"?><yml_catalog><shop><name>Feed</name>
<currencies><currency id="RUB" rate="1"/></currencies>
<categories><category id="7">Посуда</category><category id="8" parentId="7">Чашки</category></categories>
<offers>${offers}</offers></shop></yml_catalog>`
const offer = (id: number | string, more = '<price>100</price>') =>
  `<offer id="${id}" available="true"><name>Чашка ${id}</name>${more}<currencyId>RUB</currencyId><categoryId>8</categoryId></offer>\n`
const offers = (count: number) => yml(Array.from({ length: count }, (_, at) => offer(at + 1)).join(''))

const liveImport = (sellerId: number) =>
  chat.shop.db.catalogueImport.findFirstOrThrow({ where: { sellerId }, orderBy: { id: 'desc' } })
const productsOf = (sellerId: number) => chat.shop.db.product.count({ where: { sellerId, withdrawnAt: null } })

/** Sends it from the shop's page on, and lets the worker have it. */
async function imported(guest: Guest, sellerId: number, content: string | Buffer, name?: string) {
  await guest.press({ do: 'catalogue-send', sellerId })
  await file(guest, content, name)
  const { id } = await liveImport(sellerId)
  await runImport(chat.shop.db, id, tools())
  return id
}

describe('sending', () => {
  test('leads from the shop over a file to a catalogue on sale, and the report says what became of each offer', async () => {
    const { guest, sellerId } = await seller()
    const shop = await guest.press({ do: 'shop', sellerId })
    const empty = await guest.press(intentOf(shop.message, 'catalogue'))
    guest.expectSays(empty, 'catalogue.empty')
    guest.expectSays(await guest.pressFirst('catalogue-send'), 'catalogue.ask')
    const sent = await file(guest, yml(offer(1) + offer(2) + offer(2) + offer('', '<price>5</price>')), 'каталог.yml')
    guest.expectSays(sent, 'import.title', { source: 'каталог.yml' })
    guest.expectSays(sent, 'import.waiting')
    expect(await guest.step()).toBe('none')
    const { id } = await liveImport(sellerId)
    await runImport(chat.shop.db, id, tools())

    const report = await guest.press({ do: 'import', importId: id })
    guest.expectSays(report, 'import.done')
    guest.expectSays(report, 'import.counts', { added: 2, changed: 0, unchanged: 0, withdrawn: 0 })
    guest.expectSays(report, 'import.refused', { count: 2 })
    expect(textOf(report.message)).toContain(guest.say('remark.no-id'))
    expect(textOf(report.message)).toContain(guest.say('remark.repeated', { line: 5 }))
    expect(await productsOf(sellerId)).toBe(2)
    expect((await chat.shop.db.seller.findUniqueOrThrow({ where: { id: sellerId } })).name).toMatch(/^Лавка/)

    const csv = await guest.press(intentOf(report.message, 'import-file'))
    const document = csv.message?.document
    expect(document?.name).toMatch(/^import-\d+-2026-01-\d\d\.csv$/)
    expect(new TextDecoder().decode(document?.content)).toBe(
      ['what,line,id,reason', 'refused,6,2,the id repeats that of line 5', 'refused,7,,no id', ''].join('\r\n'),
    )
    const page = await guest.press({ do: 'catalogue', sellerId })
    guest.expectSays(page, 'catalogue.counts', { products: 2, variants: 2, inStock: 2 })
  })

  test('whoever sent it is told when it is done, once', async () => {
    const { guest, sellerId } = await seller()
    await guest.press({ do: 'catalogue-send', sellerId })
    await file(guest, offers(2))
    const { id } = await liveImport(sellerId)
    expect(await importNotice(id, guest.personId, chat.shop)).toBeUndefined()
    await runImport(chat.shop.db, id, tools())
    const notices = await chat.shop.db.notification.findMany({ where: { key: { startsWith: `import:${id}:` } } })
    expect(notices.map(({ key, personId }) => [key, personId])).toEqual([
      [`import:${id}:done:${guest.personId}`, guest.personId],
    ])
    expect(await importNotice(id, guest.personId, chat.shop)).toBeDefined()
    expect(await importNotice(id, (await seller()).guest.personId, chat.shop)).toBeUndefined()
  })

  test('an address is imported, gzipped or not, and shown by its host alone: it may carry a key', async () => {
    const { guest, sellerId } = await seller()
    const url = 'https://feeds.example/f.yml?key=tresor'
    files.set(url, gzipSync(offers(3)))
    await guest.press({ do: 'catalogue-send', sellerId })
    const sent = await guest.write(url)
    guest.expectSays(sent, 'import.title', { source: 'feeds.example' })
    await runImport(chat.shop.db, (await liveImport(sellerId)).id, tools())
    const report = await guest.pressFirst('import')
    guest.expectSays(report, 'import.counts', { added: 3, changed: 0, unchanged: 0, withdrawn: 0 })
    expect(textOf(report.message)).not.toContain('tresor')
  })

  test.each([
    ['http://feeds.example/f.yml', 'import-failed.not-https'],
    ['https://user:word@feeds.example/f.yml', 'import-failed.has-password'],
    ['https://feeds.example:22/f.yml', 'import-failed.bad-port'],
    ['ftp://feeds.example/f.yml', 'import-failed.not-https'],
    ['каталог', 'catalogue.unclear'],
    ['feeds.example/f.yml', 'catalogue.unclear'],
  ] as const)('%s is refused at once, and the question stays open', async (typed, key) => {
    const { guest, sellerId } = await seller()
    await guest.press({ do: 'catalogue-send', sellerId })
    guest.expectSays(await guest.write(typed), key)
    expect(await guest.step()).toBe('catalogue')
    expect(await chat.shop.db.catalogueImport.count({ where: { sellerId } })).toBe(0)
  })

  test('a file that the messenger would not hand over is refused before anything is downloaded', async () => {
    const { guest, sellerId } = await seller()
    await guest.press({ do: 'catalogue-send', sellerId })
    const answer = await guest.send({ kind: 'file', ref: 'f', name: 'big.yml', bytes: bytesMax + 1, bytesMax })
    guest.expectSays(answer, 'import-failed.file-too-large')
    expect(await chat.shop.db.catalogueImport.count({ where: { sellerId } })).toBe(0)
  })

  test('a second import while one is live is refused, also when both come at once', async () => {
    const { guest, sellerId } = await seller()
    const other = await member(sellerId)
    for (const one of [guest, other]) await one.press({ do: 'catalogue-send', sellerId })
    const answers = await Promise.all([file(guest, offers(1)), file(other, offers(1))])
    const live = guest.say('import-refusal.import-live')
    expect(answers.filter(({ message }) => textOf(message).includes(live))).toHaveLength(1)
    expect(await chat.shop.db.catalogueImport.count({ where: { sellerId } })).toBe(1)
    expect((await guest.press({ do: 'catalogue-send', sellerId })).toast).toBe(live)
    // Dropped before a worker had it: nothing is imported, and the next may come.
    const { id } = await liveImport(sellerId)
    await guest.press({ do: 'import-drop', importId: id, isSure: 0 })
    guest.expectSays(await guest.press({ do: 'import-drop', importId: id, isSure: 1 }), 'import.dropped')
    await runImport(chat.shop.db, id, tools())
    expect(await productsOf(sellerId)).toBe(0)
    await imported(guest, sellerId, offers(1))
    expect(await productsOf(sellerId)).toBe(1)
  })

  test('a file that nobody asked for leads to the shop that it may be for', async () => {
    const { guest, sellerId } = await seller()
    const answer = await file(guest, offers(1))
    guest.expectSays(answer, 'catalogue.file-unasked')
    expect(intentsOf(answer.message)).toContainEqual({ do: 'catalogue-send', sellerId })
    const stranger = chat.guest()
    await stranger.command('start')
    stranger.expectSays(await file(stranger, 'x'), 'confused.input')
  })
})

describe('what is no catalogue', () => {
  test.each([
    ['an Excel workbook', Buffer.from('PK\u0003\u0004aaaaaaaa'), 'feed-error.xlsx'],
    ['a web page', '<!doctype html><html></html>', 'feed-error.html'],
    ['an empty file', '', 'feed-error.empty'],
    ['a file that breaks off', offers(3).slice(0, 400), 'feed-error.breaks-off'],
  ] as const)('%s is told in their language, and the catalogue stays', async (_what, content, key) => {
    const { guest, sellerId } = await seller()
    await imported(guest, sellerId, offers(2))
    await imported(guest, sellerId, content)
    const report = await guest.press({ do: 'import', importId: (await liveImport(sellerId)).id })
    guest.expectSays(report, 'import.failed')
    guest.expectSays(report, 'import-failed.not-a-feed')
    expect(textOf(report.message)).toContain(guest.say(key))
    expect(await productsOf(sellerId)).toBe(2)
  })

  test('a file that is gone, a server that refuses and offers without a price are told apart; they may try again', async () => {
    const { guest, sellerId } = await seller()
    await imported(guest, sellerId, yml(offer(1, '')))
    const { id } = await liveImport(sellerId)
    const nothing = await guest.press({ do: 'import', importId: id })
    guest.expectSays(nothing, 'import-failed.nothing-to-sell')
    guest.expectSays(nothing, 'import.refused', { count: 1 })
    files.clear()
    await guest.press(intentOf(nothing.message, 'import-again'))
    await runImport(chat.shop.db, (await liveImport(sellerId)).id, tools())
    guest.expectSays(await guest.pressFirst('import'), 'import-failed.gone')
    await guest.press({ do: 'catalogue-send', sellerId })
    await guest.write('https://feeds.example/none.yml')
    await runImport(chat.shop.db, (await liveImport(sellerId)).id, tools())
    guest.expectSays(await guest.pressFirst('import'), 'import-failed.bad-answer')
    expect(await productsOf(sellerId)).toBe(0)
  })
})

describe('what they are asked', () => {
  test('when more than half would go, everybody of the shop is asked, and nothing goes before they say so', async () => {
    const { guest, sellerId } = await seller()
    const other = await member(sellerId)
    await imported(guest, sellerId, offers(10))
    const id = await imported(guest, sellerId, offers(4))
    expect(await productsOf(sellerId)).toBe(10)
    const asked = await guest.press({ do: 'import', importId: id })
    guest.expectSays(asked, 'import.held', { onSale: 10, leaving: 6 })
    const told = await chat.shop.db.notification.findMany({ where: { key: { startsWith: `import:${id}:held:` } } })
    expect(new Set(told.map(({ personId }) => personId))).toEqual(new Set([guest.personId, other.personId]))
    guest.expectSays(await guest.press(intentOf(asked.message, 'import-held')), 'import.waiting')
    const late = await other.press({ do: 'import-held', importId: id, leaving: 6 })
    expect(late.toast).toBe(other.say('import-refusal.moved-on'))
    await runImport(chat.shop.db, id, tools())
    guest.expectSays(await guest.pressFirst('import'), 'import.counts', {
      added: 0,
      changed: 0,
      unchanged: 4,
      withdrawn: 6,
    })
    expect(await productsOf(sellerId)).toBe(4)
  })

  test('they may drop it instead, and everything stays as it was', async () => {
    const { guest, sellerId } = await seller()
    await imported(guest, sellerId, offers(10))
    const id = await imported(guest, sellerId, offers(4))
    await guest.press({ do: 'import-drop', importId: id, isSure: 1 })
    await runImport(chat.shop.db, id, tools())
    expect([await productsOf(sellerId), (await liveImport(sellerId)).state]).toEqual([10, 'dropped'])
    const late = await guest.press({ do: 'import-held', importId: id, leaving: 6 })
    expect(late.toast).toBe(guest.say('import-refusal.moved-on'))
  })

  test('what the columns of a table are: proposed, changed by buttons, and imported as they say', async () => {
    const { guest, sellerId } = await seller()
    const csv = 'Код;Название;Цена, руб.;Закупка;Цвет\n1;Чашка;"1 290,00";5;синий\n2;Блюдце;300;7;белый\n'
    const id = await imported(guest, sellerId, csv, 'price.csv')
    const asked = await guest.press({ do: 'import', importId: id })
    guest.expectSays(asked, 'import.mapping')
    const means = guest.say('field.price')
    guest.expectSays(asked, 'columns.column', { header: 'Цена, руб.', means, sample: '1 290,00' })
    expect(intentsOf(asked.message)).toContainEqual({ do: 'import-start', importId: id })
    // The price is taken from another column: the one that had it has nothing then.
    const page = await guest.press({ do: 'import-column', importId: id, column: 3, page: 0 })
    guest.expectSays(page, 'columns.ask', { header: 'Закупка', sample: '5' })
    const changed = await guest.press({ do: 'import-column-is', importId: id, column: 3, field: 'price' })
    guest.expectSays(changed, 'columns.column', {
      header: 'Цена, руб.',
      means: guest.say('field.none'),
      sample: '1 290,00',
    })
    // Without a price nothing can be sold.
    const without = await guest.press({ do: 'import-column-is', importId: id, column: 3, field: 'none' })
    guest.expectSays(without, 'columns.missing-one', { means })
    expect((await guest.press({ do: 'import-start', importId: id })).toast).toBe(guest.say('columns.missing'))
    await guest.press({ do: 'import-column-is', importId: id, column: 2, field: 'price' })
    guest.expectSays(await guest.press({ do: 'import-start', importId: id }), 'import.waiting')
    await runImport(chat.shop.db, id, tools())
    const variants = await chat.shop.db.variant.findMany({ where: { product: { sellerId } }, orderBy: { id: 'asc' } })
    expect(variants.map(({ price }) => price)).toEqual([129_000n, 30_000n])
    expect((await guest.press({ do: 'import-column', importId: id, column: 2, page: 0 })).message).toBeDefined()
    const late = await guest.press({ do: 'import-column-is', importId: id, column: 2, field: 'none' })
    expect(late.toast).toBe(guest.say('import-refusal.moved-on'))
  })

  test('about a file that has become another one since they agreed: again, with both numbers', async () => {
    const { guest, sellerId } = await seller()
    const url = 'https://feeds.example/f.yml'
    await imported(guest, sellerId, offers(10))
    files.set(url, Buffer.from(offers(4)))
    await guest.press({ do: 'catalogue-send', sellerId })
    await guest.write(url)
    const { id } = await liveImport(sellerId)
    await runImport(chat.shop.db, id, tools())
    const asked = await guest.press({ do: 'import', importId: id })
    await guest.press(intentOf(asked.message, 'import-held'))
    files.set(url, Buffer.from(offers(1)))
    await runImport(chat.shop.db, id, tools())
    const again = await guest.press({ do: 'import', importId: id })
    guest.expectSays(again, 'import.held', { onSale: 10, leaving: 9 })
    guest.expectSays(again, 'import.held-again', { agreed: 6 })
    // The button of the first question leads to the second.
    const old = await guest.press(intentOf(asked.message, 'import-held'))
    expect(old.toast).toBe(guest.say('import-refusal.moved-on'))
    expect((await liveImport(sellerId)).state).toBe('held')
    guest.expectSays(await guest.press(intentOf(again.message, 'import-held')), 'import.waiting')
  })

  test('nothing about a table with the headers of the last one: that is said, and they may choose anew', async () => {
    const { guest, sellerId } = await seller()
    const csv = (price: number) => `Код;Название;Цена\n1;Чашка;${price}\n`
    const first = await imported(guest, sellerId, csv(100), 'price.csv')
    await guest.press({ do: 'import-start', importId: first })
    await runImport(chat.shop.db, first, tools())
    expect(textOf((await guest.press({ do: 'import', importId: first })).message)).not.toContain(
      guest.say('import.columns-kept'),
    )
    const id = await imported(guest, sellerId, csv(120), 'price.csv')
    const report = await guest.press({ do: 'import', importId: id })
    guest.expectSays(report, 'import.done')
    guest.expectSays(report, 'import.columns-kept')
    const columns = await guest.press(intentOf(report.message, 'import-anew'))
    guest.expectSays(columns, 'columns.column', { header: 'Цена', means: guest.say('field.price'), sample: '120' })
    const live = await guest.press({ do: 'import-anew', importId: id })
    expect(live.toast).toBe(guest.say('import-refusal.import-live'))
    guest.expectSays(live, 'import.done')
  })

  test('for the second file of CommerceML, in whichever order they come, and however late', async () => {
    const { guest, sellerId } = await seller()
    const goods = `<?xml version="1.0" encoding="UTF-8"?><КоммерческаяИнформация ВерсияСхемы="2.08"><Каталог СодержитТолькоИзменения="false"><Товары>
<Товар><Ид>a</Ид><Наименование>Ваза</Наименование></Товар></Товары></Каталог></КоммерческаяИнформация>`
    const prices = `<?xml version="1.0" encoding="UTF-8"?><КоммерческаяИнформация ВерсияСхемы="2.08"><ПакетПредложений СодержитТолькоИзменения="false"><ТипыЦен><ТипЦены><Ид>r</Ид><Наименование>Розничная</Наименование><Валюта>RUB</Валюта></ТипЦены></ТипыЦен><Предложения>
<Предложение><Ид>a</Ид><Цены><Цена><ИдТипаЦены>r</ИдТипаЦены><ЦенаЗаЕдиницу>990</ЦенаЗаЕдиницу></Цена></Цены><Количество>3</Количество></Предложение></Предложения></ПакетПредложений></КоммерческаяИнформация>`
    const id = await imported(guest, sellerId, prices, 'offers.xml')
    const asked = await guest.press({ do: 'import', importId: id })
    guest.expectSays(asked, 'import.needs-goods')
    // Nothing is open that would expect it: the file is known by the import that waits for it.
    expect(await guest.step()).toBe('none')
    guest.expectSays(await file(guest, goods, 'import.xml'), 'import.title', { source: 'offers.xml, import.xml' })
    await runImport(chat.shop.db, id, tools())
    guest.expectSays(await guest.press({ do: 'import', importId: id }), 'import.done')
    expect(await productsOf(sellerId)).toBe(1)
    const half = await imported(guest, sellerId, goods, 'import.xml')
    guest.expectSays(await guest.press({ do: 'import', importId: half }), 'import.needs-prices')
    await file(guest, goods, 'import.xml')
    await runImport(chat.shop.db, half, tools())
    const failed = await guest.press({ do: 'import', importId: half })
    expect(textOf(failed.message)).toContain(guest.say('feed-error.same-half'))
  })
})

test('people of other shops are told nothing and change nothing', async () => {
  const { guest, sellerId } = await seller()
  await imported(guest, sellerId, offers(10))
  const id = await imported(guest, sellerId, offers(4))
  const { guest: stranger } = await seller()
  const hostile: Intent[] = [
    { do: 'catalogue', sellerId },
    { do: 'catalogue-send', sellerId },
    { do: 'import', importId: id },
    { do: 'import-again', importId: id },
    { do: 'import-drop', importId: id, isSure: 0 },
    { do: 'import-drop', importId: id, isSure: 1 },
    { do: 'import-held', importId: id, leaving: 6 },
    { do: 'import-anew', importId: id },
    { do: 'import-file', importId: id },
    { do: 'import-columns', importId: id, page: 0 },
    { do: 'import-column', importId: id, column: 0, page: 0 },
    { do: 'import-column-is', importId: id, column: 0, field: 'price' },
    { do: 'import-column-is', importId: id, column: 0, field: '__proto__' },
    { do: 'import-start', importId: id },
    { do: 'synonyms', sellerId, page: 0 },
    { do: 'synonym-add', sellerId },
    { do: 'own-categories', sellerId, page: 0 },
    { do: 'import', importId: 2_000_000_000 },
  ]
  for (const intent of hostile) stranger.expectSays(await stranger.press(intent), 'confused.not-found')
  expect(await stranger.step()).toBe('none')
  expect((await liveImport(sellerId)).state).toBe('held')
})
