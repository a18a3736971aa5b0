/** Goods for grown-ups where words are completed and where nothing is found: not a word of them before somebody says that they are one. */
import { beforeAll, expect, test } from 'vitest'
import { refreshDueListings } from '#shop/listings.ts'
import { isShownTo } from '#shop/people.ts'
import { suggest } from '#shop/search.ts'
import { nearestCategory, type ListingQuery } from '#store/search.ts'
import { useDatabase } from '../support/database.ts'

const database = useDatabase()
const now = new Date('2026-03-01T12:00:00Z')
const [anybody, grownUp] = [{ isAdult: false }, { isAdult: true }]

beforeAll(async () => {
  const { db } = database
  const { id: sellerId } = await db.seller.create({ data: { slug: 'shop', name: 'Лавка', invitation: 'i' } })
  const category = async (slug: string, title: string) =>
    (await db.category.create({ data: { slug, title: { ru: title } } })).id
  const wines = await category('wines', 'Виноградники')
  const juices = await category('juices', 'Соки')
  const offers = [
    { words: 'виноградное игристое для праздника', categoryId: wines, isAdult: true, popularity: 90 },
    { words: 'виноградное игристое полусухое', categoryId: wines, isAdult: true, popularity: 80 },
    { words: 'виноградный сок игривый', categoryId: juices, isAdult: false, popularity: 5 },
  ]
  for (const [at, offer] of offers.entries()) {
    const { id: productId } = await db.product.create({
      data: { ...offer, sellerId, externalId: String(at), title: { ru: offer.words }, description: {}, updatedAt: now },
    })
    const data = { productId, externalId: '1', options: {}, price: 1000n, currency: 'RUB', weightGrams: 1 }
    await db.variant.create({ data })
  }
  await refreshDueListings(db, now)
})

test('no word is completed to one that only goods for grown-ups have', async () => {
  const { db } = database
  expect(await suggest(db, 'игр', 5, grownUp)).toEqual(['игристое', 'игривый'])
  expect(await suggest(db, 'игр', 5, anybody)).toEqual(['игривый'])
  expect(await suggest(db, 'игр', 1, anybody)).toEqual(['игривый'])
  expect(await suggest(db, 'полусух', 5, anybody)).toEqual([])
  expect(await suggest(db, 'полусух', 5)).toEqual([])
  expect(await suggest(db, 'полусух', 5, grownUp)).toEqual(['полусухое'])
  // What both have is anybody's, as is a word that full-text search leaves out.
  expect(await suggest(db, 'вин', 5, anybody)).toEqual(['виноградное', 'виноградный'])
  expect(await suggest(db, 'дл', 5, anybody)).toEqual(['для'])
})

test('where nothing is found, no category is named in which only goods for grown-ups are', async () => {
  const { db } = database
  const { id: wines } = await db.category.findUniqueOrThrow({ where: { slug: 'wines' } })
  const { id: juices } = await db.category.findUniqueOrThrow({ where: { slug: 'juices' } })
  const near = async (words: string, { isAdult }: { isAdult: boolean }) => {
    const choices = { filters: {}, sort: 'best', searcher: { cityCode: undefined, isAdult } } as const
    const query: ListingQuery = { groups: [words], uses: [0], goods: 0, ofSellers: [], words, ...choices }
    return nearestCategory(db, query)
  }
  expect(await near('виноградникки', grownUp)).toBe(wines)
  expect(await near('виноградникки', anybody)).toBe(juices)
  // Nor is it what sells best.
  expect(await near('щщщщщщ', grownUp)).toBe(wines)
  expect(await near('щщщщщщ', anybody)).toBe(juices)
})

test('outside of a visit it is the person’s own word that decides', async () => {
  const { db } = database
  const { id: child } = await db.person.create({ data: { firstName: 'А', language: 'ru' } })
  const { id: adult } = await db.person.create({ data: { firstName: 'Б', language: 'ru', adultAt: now } })
  const decided = async (personId: number) =>
    Promise.all([anybody, grownUp].map(async (goods) => isShownTo(db, personId, goods)))
  expect(await decided(child)).toEqual([true, false])
  expect(await decided(adult)).toEqual([true, true])
})

test('a word is anybody’s again once something else has it', async () => {
  const { db } = database
  await db.product.updateMany({ where: { externalId: '1' }, data: { isAdult: false } })
  await refreshDueListings(db, now)
  expect(await suggest(db, 'игр', 5, anybody)).toEqual(['игристое', 'игривый'])
  await db.product.updateMany({ where: { externalId: '1' }, data: { isAdult: true } })
  await refreshDueListings(db, now)
  expect(await suggest(db, 'игр', 5, anybody)).toEqual(['игривый'])
})
