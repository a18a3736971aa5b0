/** Where the categories of feeds end up in the tree of all shops, and what that does to the goods in them. */
import { Readable } from 'node:stream'
import { describe, expect, test } from 'vitest'
import { readFeed } from '#gateways/feeds.ts'
import { importDemo, importFeed } from '#shop/catalog-import.ts'
import { fileOwn, ownCategoriesOf } from '#shop/own-categories.ts'
import { useDatabase } from '../support/database.ts'

const database = useDatabase()
const now = new Date('2026-11-23T10:00:00Z')
let tokens = 0
const newToken = () => `token-${++tokens}`

type Category = [id: string, title: string, parentId?: string]

/** One good in the last of the categories. */
function feed(categories: Category[], { price = 100, title = 'Товар' } = {}): string {
  const said = categories.map(([id, name, parentId]) => {
    return `<category id="${id}"${parentId === undefined ? '' : ` parentId="${parentId}"`}>${name}</category>`
  })
  const own = categories.at(-1)?.[0] ?? ''
  return `<yml_catalog><shop><name>Лавка</name><categories>${said.join('')}</categories><offers><offer id="1"><name>${title}</name><price>${price}</price><categoryId>${own}</categoryId></offer></offers></shop></yml_catalog>`
}

const load = (slug: string, text: string) =>
  importFeed(database.db, readFeed([Readable.from([Buffer.from(text)])]), { seller: { slug }, now, newToken })
const productOf = (slug: string) =>
  database.db.product.findFirstOrThrow({
    where: { seller: { slug } },
    include: { category: { include: { parent: true } } },
  })

/** "Дом › Кухня", as the tree has it for the shop's one good. */
async function placeOf(slug: string): Promise<string> {
  const { category } = await productOf(slug)
  return [category.parent, category].flatMap((one) => (one ? [(one.title as { ru?: string }).ru] : [])).join(' › ')
}

describe('the same id in two shops', () => {
  test('is not the same category: each is found by what it is called', async () => {
    await load('shoes', feed([['c1', 'Обувь']]))
    await load('phones', feed([['c1', 'Телефоны']]))
    expect([await placeOf('shoes'), await placeOf('phones')]).toEqual(['Обувь', 'Телефоны'])
    // Nor as part of another's path.
    await load('cases', feed([['c1', 'Телефоны'], ['c2', 'Чехлы', 'c1']])) // prettier-ignore
    await load('laces', feed([['c1', 'Обувь'], ['c2', 'Чехлы', 'c1']])) // prettier-ignore
    expect([await placeOf('cases'), await placeOf('laces')]).toEqual(['Телефоны › Чехлы', 'Обувь › Чехлы'])
  })

  test('of 1C, beginning with a letter or a digit, does not part what is called the same', async () => {
    await load('one-c-a', feed([['a1b2c3d4-0000-11e9-80c5-000c29a1b2c3', 'Посуда']]))
    await load('one-c-b', feed([['f9e8d7c6-0000-11e9-80c5-000c29a1b2c3', 'Посуда']]))
    await load('one-c-c', feed([['19e8d7c6-0000-11e9-80c5-000c29a1b2c3', 'Посуда']]))
    const ids = await Promise.all(
      ['one-c-a', 'one-c-b', 'one-c-c'].map(async (slug) => (await productOf(slug)).categoryId),
    )
    expect(new Set(ids).size).toBe(1)
    expect(await placeOf('one-c-b')).toBe('Посуда')
  })
})

describe('the categories of the demo', () => {
  test('are joined by a shop that names one by id and by every title on the way, and by no other', async () => {
    await importDemo(database.db, { now, newToken })
    const demo = await database.db.category.findUniqueOrThrow({ where: { slug: 'audio' }, include: { parent: true } })
    expect(demo).toMatchObject({ title: { ru: 'Звук' }, parent: { slug: 'electronics' } })
    await load('joins', feed([['electronics', 'Электроника'], ['audio', 'Звук', 'electronics']])) // prettier-ignore
    expect((await productOf('joins')).categoryId).toBe(demo.id)
    await load('elsewhere', feed([['cars', 'Автомобили'], ['audio', 'Звук', 'cars']])) // prettier-ignore
    expect(await placeOf('elsewhere')).toBe('Автомобили › Звук')
    await load('another', feed([['audio', 'Аудиокниги']]))
    expect(await placeOf('another')).toBe('Аудиокниги')
    // A title that only looks like the demo's id.
    await load('inn', feed([['77', 'Comfort']]))
    expect(await placeOf('inn')).toBe('Comfort')
    await load('hostel', feed([['78', 'comfort']]))
    expect((await productOf('hostel')).categoryId).toBe((await productOf('inn')).categoryId)
    expect(await database.db.category.findUniqueOrThrow({ where: { slug: 'audio' } })).toEqual({
      ...demo,
      parent: undefined,
    })
  })
})

describe('goods for adults', () => {
  async function shopOf(slug: string) {
    const { id: sellerId } = await database.db.seller.findUniqueOrThrow({ where: { slug } })
    const { id: personId } = await database.db.person.create({ data: { firstName: 'А', language: 'ru' } })
    await database.db.sellerMember.create({ data: { sellerId, personId, joinedAt: now } })
    const [own] = (await ownCategoriesOf(database.db, sellerId, personId, 0))?.categories ?? []
    return { ownId: own?.ownId ?? 0, personId }
  }
  const isAdult = async (slug: string) => (await productOf(slug)).isAdult
  const categoryOf = async (title: string) => {
    const category = await database.db.category.create({ data: { slug: `test-${title}`, title: { ru: title } } })
    return category.id
  }

  test('stay so where the shop files them among others, at once and after every import', async () => {
    const goods = (price: number) => feed([['1', 'Товары для взрослых']], { price, title: 'Набор «Роза»' })
    await load('rose', goods(100))
    expect(await isAdult('rose')).toBe(true)
    const { ownId, personId } = await shopOf('rose')
    const categoryId = await categoryOf('Красота')
    expect(await fileOwn(database.db, { ownId, categoryId, personId }, now)).toMatchObject({ ok: true, moved: 1 })
    expect(await isAdult('rose')).toBe(true)
    await load('rose', goods(101))
    expect(await productOf('rose')).toMatchObject({ isAdult: true, categoryId })
    // What is searched by is where they are filed.
    expect((await productOf('rose')).words.split('\n')[1]).toBe('красота')
  })

  test('are those that the shop files among such, at once, and are no longer after they left them and came in anew', async () => {
    const goods = (price: number) => feed([['1', 'Подарки']], { price, title: 'Набор «Лилия»' })
    await load('lily', goods(100))
    expect(await isAdult('lily')).toBe(false)
    const { ownId, personId } = await shopOf('lily')
    const [adult, gifts] = [await categoryOf('Интимные товары'), await categoryOf('Сувениры')]
    await fileOwn(database.db, { ownId, categoryId: adult, personId }, now)
    expect(await isAdult('lily')).toBe(true)
    await load('lily', goods(101))
    expect(await isAdult('lily')).toBe(true)
    await fileOwn(database.db, { ownId, categoryId: gifts, personId }, now)
    await load('lily', goods(101))
    expect(await productOf('lily')).toMatchObject({ isAdult: false, categoryId: gifts })
  })
})
