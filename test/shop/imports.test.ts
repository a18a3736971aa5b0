/** The job behind an import from the chat: killed anywhere it runs again, and never twice at once for a shop. */
import { Readable } from 'node:stream'
import { mkdtemp, readdir, rm, rmdir, utimes } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest'
import { runImport, type ImportTools } from '#shop/import-run.ts'
import { readFeed } from '#gateways/feeds.ts'
import { importFeed } from '#shop/catalog-import.ts'
import {
  chooseAnew,
  confirmHeld,
  dropImport,
  importOf,
  importReportCsv,
  sendFile,
  setColumn,
  startMapped,
} from '#shop/imports.ts'
import { fileOwn, filingView, ownCategoriesOf } from '#shop/own-categories.ts'
import { claimImport, findLiveImport } from '#store/imports.ts'
import { useShop } from './support.ts'

const shop = useShop()
let made = 0
// Other test files import, too: what is left behind here is ours.
beforeAll(async () => {
  vi.stubEnv('TMPDIR', await mkdtemp(join(tmpdir(), 'imports-test-')))
})
afterAll(async () => {
  await rm(tmpdir(), { recursive: true })
  vi.unstubAllEnvs()
})

const yml = (count: number, price = 100, category = 'Чашки') =>
  `<yml_catalog><shop><name>Feed</name><currencies><currency id="RUB" rate="1"/></currencies>
<categories><category id="7">Посуда</category><category id="8" parentId="7">${category}</category></categories><offers>${Array.from(
    { length: count },
    (_, at) =>
      `<offer id="${at + 1}"><name>Чашка ${at + 1}</name><vendor>Гжель</vendor><price>${price}</price><currencyId>RUB</currencyId><categoryId>8</categoryId></offer>`,
  ).join('\n')}</offers></shop></yml_catalog>`

function toolsFor(content: string, more: Partial<ImportTools> = {}): ImportTools {
  const download: ImportTools['download'] = async () => ({ ok: true, content: Readable.from([Buffer.from(content)]) })
  return { download, now: () => shop.now, newToken: shop.deps.newToken, ...more }
}

async function newShop() {
  const slug = `run-${++made}`
  const { id: sellerId } = await shop.db.seller.create({ data: { slug, name: slug, invitation: `i-${slug}` } })
  const personId = await shop.seller({ sellerId, productId: 0, variantId: 0, locationId: 0, campaignId: 0 })
  return { sellerId, personId, slug }
}

async function sent(who: { sellerId: number; personId: number }) {
  const file = { messenger: 'telegram', ref: `f${++made}`, name: 'feed.yml', bytes: 5, bytesMax: 10 }
  const result = await sendFile(shop.db, who, file, shop.now)
  if (!result.ok) throw new Error(result.reason)
  return result.importId
}

async function imported(who: { sellerId: number; personId: number }, content: string) {
  const importId = await sent(who)
  await runImport(shop.db, importId, toolsFor(content))
  return importId
}

const rowOf = (id: number) => shop.db.catalogueImport.findUniqueOrThrow({ where: { id } })
const noticesOf = (id: number) => shop.db.notification.count({ where: { key: { startsWith: `import:${id}:` } } })
const productsOf = (sellerId: number) => shop.db.product.count({ where: { sellerId, withdrawnAt: null } })
const leftovers = async () => (await readdir(tmpdir())).filter((name) => name.startsWith('vmeste-import-')).length

describe('the job', () => {
  test('runs from the queue, with what the messenger gives', async () => {
    const who = await newShop()
    const importId = await sent(who)
    // The messenger of this shop has no files at all.
    await shop.runJobs()
    expect(await importOf(shop.db, importId, who.personId)).toMatchObject({
      state: 'failed',
      report: { failure: { reason: 'gone' } },
    })
    expect(
      shop.sent
        .at(-1)
        ?.message.text.map(({ text }) => text)
        .join(''),
    ).toContain('feed.yml')
  })

  test('asks for the columns of a table whose cells end in the middle of a character', async () => {
    const cell = `${'x'.repeat(99)}${'😀'.repeat(60)}`
    const importId = await imported(await newShop(), `Код;Название;Цена;${cell}z\n1;Чашка;5;${cell}\n`)
    const { state, columns } = await rowOf(importId)
    expect(state).toBe('mapping')
    expect(columns).toMatchObject([{}, {}, { sample: '5' }, { sample: 'x'.repeat(99) }])
  })

  test('takes over what a killed worker had, and what is over it leaves alone', async () => {
    const who = await newShop()
    const importId = await sent(who)
    await claimImport(shop.db, importId)
    const [orphan, living] = [
      await mkdtemp(join(tmpdir(), 'vmeste-import-')),
      await mkdtemp(join(tmpdir(), 'vmeste-import-')),
    ]
    await utimes(orphan, 1, 1)
    await runImport(shop.db, importId, toolsFor(yml(3)))
    expect(await rowOf(importId)).toMatchObject({ state: 'done', attempts: 2 })
    // Its files, too: those of a day ago are nobody's.
    await expect(rmdir(orphan)).rejects.toThrow('ENOENT')
    await rmdir(living)
    const { report } = await rowOf(importId)
    await runImport(shop.db, importId, toolsFor(yml(3, 200)))
    expect((await rowOf(importId)).report).toEqual(report)
    expect([await productsOf(who.sellerId), await noticesOf(importId)]).toEqual([3, 1])
  })

  test('killed at the last moment stores nothing, and the next run all of it: the report tells the truth', async () => {
    const who = await newShop()
    const importId = await sent(who)
    // All is said and done, and the commit fails.
    await shop.db.$executeRaw`CREATE FUNCTION fail_late() RETURNS trigger LANGUAGE plpgsql AS
      $$ BEGIN RAISE EXCEPTION 'killed'; END $$`
    await shop.db.$executeRaw`CREATE CONSTRAINT TRIGGER fail_late AFTER INSERT ON product
      DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION fail_late()`
    await expect(runImport(shop.db, importId, toolsFor(yml(3)))).rejects.toThrow('killed')
    expect([await productsOf(who.sellerId), (await rowOf(importId)).state, await noticesOf(importId)]).toEqual([
      0,
      'running',
      0,
    ])
    await shop.db.$executeRaw`DROP TRIGGER fail_late ON product`
    await runImport(shop.db, importId, toolsFor(yml(3)))
    expect(await rowOf(importId)).toMatchObject({ state: 'done', report: { added: 3, unchanged: 0 } })
    expect(await leftovers()).toBe(0)
  })

  test('run by two workers at once has one effect and one word to the shop', async () => {
    const who = await newShop()
    const importId = await sent(who)
    const results = await Promise.allSettled([1, 2].map(() => runImport(shop.db, importId, toolsFor(yml(40)))))
    expect(results.filter(({ status }) => status === 'fulfilled').length).toBeGreaterThanOrEqual(1)
    expect(await rowOf(importId)).toMatchObject({ state: 'done', report: { added: 40, changed: 0, unchanged: 0 } })
    expect([await productsOf(who.sellerId), await noticesOf(importId)]).toEqual([40, 1])
  })

  test('that kills its worker every time is given up, so that the shop can send another', async () => {
    const who = await newShop()
    const importId = await sent(who)
    for (let times = 0; times < 5; times += 1) await claimImport(shop.db, importId)
    await runImport(shop.db, importId, toolsFor(yml(3)))
    expect(await rowOf(importId)).toMatchObject({ state: 'failed', report: { failure: { reason: 'defect' } } })
    expect(await findLiveImport(shop.db, who.sellerId)).toBeUndefined()
  })

  test('keeps the first five thousand refusals for the file, which says how many more there are', async () => {
    const who = await newShop()
    const good = /<offer .*<\/offer>/.exec(yml(1))?.[0] ?? ''
    const importId = await imported(who, yml(1).replace(good, good + '<offer id="x"/>'.repeat(5003)))
    expect((await importOf(shop.db, importId, who.personId))?.report).toMatchObject({ added: 1, refusedCount: 5003 })
    const file = await importReportCsv(shop.db, importId, who.personId)
    const lines = new TextDecoder().decode(file?.content).trimEnd().split('\r\n')
    expect([lines.length, lines.at(-1)]).toEqual([5002, 'refused,,,and 3 more'])
  })

  test('a download that breaks off stores nothing and says so', async () => {
    const who = await newShop()
    const importId = await sent(who)
    async function* half() {
      yield Buffer.from(yml(3).slice(0, 300))
      throw new Error('broke off')
    }
    const download: ImportTools['download'] = async () => ({ ok: true, content: Readable.from(half()) })
    await runImport(shop.db, importId, toolsFor('', { download }))
    expect(await rowOf(importId)).toMatchObject({ state: 'failed', report: { failure: { reason: 'unreachable' } } })
    expect(await productsOf(who.sellerId)).toBe(0)
  })

  test('two who say at once that they are sure start it once', async () => {
    const who = await newShop()
    await imported(who, yml(10))
    const importId = await imported(who, yml(2))
    const yes = () => confirmHeld(shop.db, importId, who.personId, 8)
    const results = await Promise.all([yes(), yes(), yes()])
    expect(results.filter(({ ok }) => ok)).toHaveLength(1)
    await runImport(shop.db, importId, toolsFor(yml(2)))
    expect(await productsOf(who.sellerId)).toBe(2)
  })
})

describe('what was agreed to go', () => {
  const heldOf = async (importId: number, personId: number) =>
    (await importOf(shop.db, importId, personId))?.report?.held

  test('is that and no more: a file that has become another one is asked about again, and nothing goes before', async () => {
    const who = await newShop()
    await imported(who, yml(100))
    const importId = await imported(who, yml(45))
    expect(await heldOf(importId, who.personId)).toEqual({ onSale: 100, leaving: 55 })
    expect(await confirmHeld(shop.db, importId, who.personId, 55)).toEqual({ ok: true, state: 'waiting' })
    await runImport(shop.db, importId, toolsFor(yml(1)))
    expect(await heldOf(importId, who.personId)).toEqual({ onSale: 100, leaving: 99, agreed: 55 })
    expect([(await rowOf(importId)).state, await productsOf(who.sellerId)]).toEqual(['held', 100])
    // Everybody of the shop is told again.
    expect(await noticesOf(importId)).toBe(2)
    // The button that says 55 is of another question.
    expect(await confirmHeld(shop.db, importId, who.personId, 55)).toEqual({ ok: false, reason: 'moved-on' })
    expect((await rowOf(importId)).state).toBe('held')
    expect(await confirmHeld(shop.db, importId, who.personId, 99)).toEqual({ ok: true, state: 'waiting' })
    // Fewer go than was agreed.
    await runImport(shop.db, importId, toolsFor(yml(3)))
    expect([(await rowOf(importId)).state, await productsOf(who.sellerId)]).toEqual(['done', 3])
  })

  test.each([
    ['more is on sale by now', 30, 4, { onSale: 30, leaving: 26, agreed: 6 }],
    ['fewer would be left, though no more would go', 6, 1, { onSale: 6, leaving: 5, agreed: 6 }],
  ])('is asked about again when %s', async (_when, onSale, coming, held) => {
    const who = await newShop()
    await imported(who, yml(10))
    const importId = await imported(who, yml(4))
    await confirmHeld(shop.db, importId, who.personId, 6)
    const source = readFeed([Readable.from([Buffer.from(yml(onSale))])])
    await importFeed(shop.db, source, { seller: { slug: who.slug }, now: shop.now, newToken: shop.deps.newToken })
    await runImport(shop.db, importId, toolsFor(yml(coming)))
    expect(await heldOf(importId, who.personId)).toEqual(held)
    expect(await productsOf(who.sellerId)).toBe(onSale)
  })
})

describe('a table', () => {
  const csv = (headers: string, rows = '1;Чашка;100;50') => `${headers}\n${rows}\n`
  const usual = 'Код;Название;Цена;Закупка'
  const pricesOf = async (sellerId: number) =>
    (await shop.db.variant.findMany({ where: { product: { sellerId }, withdrawnAt: null } })).map(({ price }) => price)

  /** The first one: its price is where nobody would guess it. */
  async function confirmed(who: { sellerId: number; personId: number }) {
    const importId = await imported(who, csv(usual))
    expect(await setColumn(shop.db, importId, who.personId, 3, 'price')).toMatchObject({ ok: true })
    await startMapped(shop.db, importId, who.personId)
    await runImport(shop.db, importId, toolsFor(csv(usual)))
    expect([(await rowOf(importId)).state, await pricesOf(who.sellerId)]).toEqual(['done', [5000n]])
    expect(await importOf(shop.db, importId, who.personId)).toMatchObject({ isMappingKept: false })
    return importId
  }

  test('with the headers of the last one is read as the shop said then, in whichever order, and nobody is asked', async () => {
    const who = await newShop()
    await confirmed(who)
    const turned = csv('Закупка;Код;Название;Цена', '60;1;Чашка;100')
    const again = await imported(who, turned)
    expect(await importOf(shop.db, again, who.personId)).toMatchObject({
      state: 'done',
      isMappingKept: true,
      missing: [],
      report: { changed: 1 },
      columns: [{ header: 'Закупка', field: 'price', sample: '60' }, {}, {}, { header: 'Цена' }],
    })
    expect(await pricesOf(who.sellerId)).toEqual([6000n])
  })

  test('with other headers, of another shop, or after a mapping that nobody confirmed, is asked about', async () => {
    const who = await newShop()
    await confirmed(who)
    for (const headers of [`${usual};Цвет`, 'Код;Название;Цена;закупка', 'Код;Название;Закупка']) {
      const importId = await imported(who, csv(headers))
      expect([headers, (await rowOf(importId)).state]).toEqual([headers, 'mapping'])
      await dropImport(shop.db, importId, who.personId, shop.now)
    }
    const other = await newShop()
    const first = await imported(other, csv(usual))
    expect((await rowOf(first)).state).toBe('mapping')
    await dropImport(shop.db, first, other.personId, shop.now)
    // Cut where a character has two halves, which the database would refuse.
    const second = await imported(other, csv(usual, `1;${'х'.repeat(99)}😀😀;100;50`))
    const sample = 'х'.repeat(99)
    expect(await importOf(shop.db, second, other.personId)).toMatchObject({
      state: 'mapping',
      columns: [{}, { sample }, {}, {}],
    })
  })

  test('that would take away more than half is held with the columns it was read by, which can be chosen anew there', async () => {
    const who = await newShop()
    await confirmed(who)
    await imported(who, csv(usual, '1;Чашка;100;50\n2;Блюдце;100;50\n3;Ваза;100;50'))
    const importId = await imported(who, csv(usual))
    const state = async () => importOf(shop.db, importId, who.personId)
    expect(await state()).toMatchObject({ state: 'held', isMappingKept: true })
    expect(await chooseAnew(shop.db, importId, who.personId, shop.now)).toEqual({ ok: true, importId })
    expect(await state()).toMatchObject({ state: 'mapping', isMappingKept: false })
  })

  test('is asked about anew when they want to: before it begins in place, after its end as another one', async () => {
    const who = await newShop()
    const first = await confirmed(who)
    const anew = (importId: number) => chooseAnew(shop.db, importId, who.personId, shop.now)
    const made = await anew(first)
    if (!made.ok) throw new Error(made.reason)
    expect(made.importId).not.toBe(first)
    // It begins from what was said the last time, and with the same file.
    const found = await importOf(shop.db, made.importId, who.personId)
    expect(found).toMatchObject({ state: 'mapping', isMappingKept: false, source: ['feed.yml'] })
    expect(found?.columns[3]).toMatchObject({ header: 'Закупка', field: 'price' })
    expect(await anew(first)).toEqual({ ok: false, reason: 'import-live' })
    expect(await anew(made.importId)).toEqual({ ok: true, importId: made.importId })
    await setColumn(shop.db, made.importId, who.personId, 2, 'price')
    await startMapped(shop.db, made.importId, who.personId)
    expect(await anew(made.importId)).toEqual({ ok: true, importId: made.importId })
    expect((await rowOf(made.importId)).state).toBe('mapping')
    await startMapped(shop.db, made.importId, who.personId)
    await claimImport(shop.db, made.importId)
    expect(await anew(made.importId)).toEqual({ ok: false, reason: 'moved-on' })
    await runImport(shop.db, made.importId, toolsFor(csv(usual)))
    expect(await pricesOf(who.sellerId)).toEqual([10000n])
    // And that is what the next one goes by.
    await imported(who, csv(usual, '1;Чашка;120;50'))
    expect(await pricesOf(who.sellerId)).toEqual([12000n])
    const stranger = await newShop()
    expect(await chooseAnew(shop.db, first, stranger.personId, shop.now)).toEqual({ ok: false, reason: 'not-found' })
    expect(await anew(await imported(who, yml(1)))).toEqual({ ok: false, reason: 'not-found' })
  })
})

describe("a shop's own categories", () => {
  test('are filed elsewhere at once, and at every import from then on', async () => {
    const who = await newShop()
    await imported(who, yml(3))
    const { sellerId, personId } = who
    const found = await ownCategoriesOf(shop.db, sellerId, personId, 0)
    expect(found).toMatchObject({
      total: 1,
      categories: [{ products: 3, isChosen: false, categoryTitle: { ru: 'Чашки' } }],
    })
    const ownId = found?.categories[0]?.ownId ?? 0
    const data = { slug: `tea-${made}`, title: { ru: 'Чаепитие', en: 'Tea' } }
    const { id: categoryId } = await shop.db.category.create({ data })
    expect(await fileOwn(shop.db, { ownId, categoryId, personId }, shop.now)).toEqual({ ok: true, sellerId, moved: 3 })
    const products = () => shop.db.product.findMany({ where: { sellerId }, select: { categoryId: true, words: true } })
    for (const product of await products()) {
      expect(product.categoryId).toBe(categoryId)
      expect(product.words.split('\n')[1]?.split(' ').toSorted()).toEqual(['tea', 'гжель', 'чаепитие'])
      expect(product.words.split('\n')).toHaveLength(3)
    }
    expect(
      (
        await shop.db.$queryRaw<
          unknown[]
        >`SELECT 1 FROM listing_due d JOIN product p ON p.id = d.product_id WHERE p.seller_id = ${sellerId}`
      ).length,
    ).toBe(3)
    // The feed is another one now, and says the same of its categories.
    await imported(who, yml(4, 200))
    expect(new Set((await products()).map((product) => product.categoryId))).toEqual(new Set([categoryId]))
    expect((await ownCategoriesOf(shop.db, sellerId, personId, 0))?.categories[0]).toMatchObject({
      isChosen: true,
      products: 4,
    })
  })

  test('are nobody else\u2019s to file, nor into a category that is not there, nor while an import has the goods', async () => {
    const who = await newShop()
    await imported(who, yml(2))
    const ownId = (await ownCategoriesOf(shop.db, who.sellerId, who.personId, 0))?.categories[0]?.ownId ?? 0
    const category = await shop.db.category.findFirstOrThrow({ where: { title: { path: ['ru'], equals: 'Посуда' } } })
    const file = (personId: number, categoryId: number) => fileOwn(shop.db, { ownId, categoryId, personId }, shop.now)
    const stranger = await newShop()
    expect(await file(stranger.personId, category.id)).toEqual({ ok: false, reason: 'not-found' })
    expect(await file(who.personId, 2_000_000_000)).toEqual({ ok: false, reason: 'not-found' })
    expect(await filingView(shop.db, ownId, stranger.personId, { categoryId: 0, page: 0 })).toBeUndefined()
    expect(await ownCategoriesOf(shop.db, who.sellerId, stranger.personId, 0)).toBeUndefined()
    await shop.db.$transaction(async (tx) => {
      await tx.$executeRaw`SELECT 1 FROM pg_advisory_xact_lock(hashtextextended('catalog-import:' || ${who.slug}, 0))`
      expect(await file(who.personId, category.id)).toEqual({ ok: false, reason: 'import-running' })
    })
    expect(await shop.db.categoryMapping.count({ where: { sellerId: who.sellerId } })).toBe(0)
  })
})
