import pg from 'pg'
import { beforeEach, describe, expect, test } from 'vitest'
import { countWords, refreshDueListings } from '#shop/listings.ts'
import { inTransaction } from '#store/db.ts'
import { refreshListings } from '#store/listings.ts'
import { useDatabase } from '../support/database.ts'

const database = useDatabase()
const now = new Date('2026-03-01T12:00:00Z')
const hour = 3_600_000

let made = 0
let [sellerId, moscow, kazan, kettles] = [0, 0, 0, 0]

beforeEach(async () => {
  const { db } = database
  if (sellerId !== 0) return
  const seller = await db.seller.create({ data: { slug: 'shop', name: 'Лавка', invitation: 'i' } })
  sellerId = seller.id
  const location = async (externalId: string, kind: string, cityCode: number) =>
    (
      await db.location.create({
        data: { sellerId, externalId, kind, title: { ru: externalId }, cityCode, cityName: 'x' },
      })
    ).id
  moscow = await location('m', 'local_warehouse', 44)
  kazan = await location('k', 'showroom', 424)
  const home = await db.category.create({ data: { slug: 'home', title: { ru: 'Дом' } } })
  kettles = (await db.category.create({ data: { slug: 'kettles', title: { ru: 'Чайники' }, parentId: home.id } })).id
})

type Made = { productId: number; variantIds: number[] }

/** With a variant for each price, ten of the first in Moscow. */
async function addProduct({ words = 'чайник', details = '', prices = [1000n], stock = 10 } = {}): Promise<Made> {
  const { db } = database
  const { id: productId } = await db.product.create({
    data: {
      sellerId,
      externalId: String(++made),
      categoryId: kettles,
      title: { ru: 'Чайник' },
      description: {},
      pictures: [],
      words,
      details,
      updatedAt: now,
      addedAt: now,
    },
  })
  const variantIds: number[] = []
  for (const [at, price] of prices.entries()) {
    const data = { productId, externalId: String(at), options: {}, price, currency: 'RUB', weightGrams: 1 }
    variantIds.push((await db.variant.create({ data })).id)
  }
  const [variantId = 0] = variantIds
  await db.stockLevel.create({ data: { variantId, locationId: moscow, onHand: stock } })
  return { productId, variantIds }
}

async function addCampaign(product: Made, price: bigint, startsAt = now, endsAt: Date | null = null): Promise<number> {
  const [variantId = 0] = product.variantIds
  const { id } = await database.db.campaign.create({
    data: {
      sellerId,
      productId: product.productId,
      size: 2,
      lifetimeMinutes: 60,
      startsAt,
      endsAt,
      prices: { create: { variantId, price } },
    },
  })
  return id
}

async function listingOf({ productId }: Made) {
  return database.db.listing.findUnique({ where: { productId } })
}

/** Everything that is due is made anew, and then all listings must be what they would be if made from nothing. */
async function refreshed(product: Made, at = now) {
  await refreshDueListings(database.db, at)
  return listingOf(product)
}

async function isDue({ productId }: Made): Promise<boolean> {
  const [row] = await database.db.$queryRaw<{ due: boolean }[]>`
    SELECT EXISTS (SELECT 1 FROM listing_due WHERE product_id = ${productId} AND due_at <= ${now}) AS due`
  return row?.due ?? false
}

test('a product on sale is listed with its lowest price in stock, its place and all categories above it', async () => {
  const product = await addProduct({ prices: [3000n, 1000n] })
  expect(await refreshed(product)).toMatchObject({
    sellerId,
    price: 3000n,
    currency: 'RUB',
    togetherPrice: null,
    inStock: true,
    stars: 0,
    places: [{ city: 44, kind: 'local_warehouse' }],
    categoryIds: [kettles, expect.any(Number)],
    addedAt: now,
  })
  expect(await isDue(product)).toBe(false)
})

test('when nothing of it is in stock, the lowest price of all is shown', async () => {
  const product = await addProduct({ prices: [3000n, 1000n], stock: 0 })
  expect(await refreshed(product)).toMatchObject({ price: 1000n, inStock: false, places: [] })
})

test('words weigh by where they are: title, brand and category, parameters, description', async () => {
  const searchOf = async (words: string, details = '') => {
    const product = await addProduct({ words, details })
    await refreshed(product)
    const [row] = await database.db.$queryRaw<{ search: string }[]>`
      SELECT search::text FROM listing WHERE product_id = ${product.productId}`
    return row?.search
  }
  expect(await searchOf('чайник\nbosch чайники\nмощность 2200\nsku', 'кипятит')).toBe(
    "'2200':5C 'bosch':2B 'sku':6C 'кипят':7 'мощност':4C 'чайник':1A,3B",
  )
  // What something is made for is not what it is.
  expect(await searchOf('чехол прозрачный для iphone 15\napple')).toBe(
    "'15':5B 'appl':6B 'iphon':4B 'прозрачн':2A 'чехол':1A",
  )
})

describe('what makes a listing wrong makes it due', () => {
  const changes: [what: string, change: (of: Made) => Promise<unknown>, seen: object | null][] = [
    [
      'the last unit is promised',
      ({ variantIds: [id] }) =>
        database.db.$executeRaw`UPDATE stock_level SET reserved = on_hand WHERE variant_id = ${id}`,
      { inStock: false, places: [] },
    ],
    [
      'the last unit is set aside',
      ({ variantIds: [id] }) =>
        database.db.$executeRaw`UPDATE stock_level SET set_aside = on_hand WHERE variant_id = ${id}`,
      { inStock: false },
    ],
    [
      'units appear elsewhere',
      ({ variantIds: [variantId = 0] }) =>
        database.db.stockLevel.create({ data: { variantId, locationId: kazan, onHand: 1 } }),
      {
        places: [
          { city: 44, kind: 'local_warehouse' },
          { city: 424, kind: 'showroom' },
        ],
      },
    ],
    [
      'the place is no more',
      ({ variantIds: [id] }) => database.db.$executeRaw`DELETE FROM stock_level WHERE variant_id = ${id}`,
      { inStock: false },
    ],
    [
      'a price changes',
      ({ variantIds: [id] }) => database.db.$executeRaw`UPDATE variant SET price = 777 WHERE id = ${id}`,
      { price: 777n },
    ],
    [
      'a variant is added',
      ({ productId, variantIds: [id] }) =>
        database.db
          .$executeRaw`WITH v AS (INSERT INTO variant (product_id, external_id, options, price, currency, weight_grams) VALUES (${productId}, 'n', '{}', 5, 'RUB', 1) RETURNING id), s AS (SELECT ${id}::int) INSERT INTO stock_level SELECT id, ${moscow}, 1 FROM v`,
      { price: 5n },
    ],
    [
      'the last variant is withdrawn',
      ({ variantIds: [id] }) => database.db.$executeRaw`UPDATE variant SET withdrawn_at = now() WHERE id = ${id}`,
      null,
    ],
    [
      'the product is withdrawn',
      ({ productId }) => database.db.$executeRaw`UPDATE product SET withdrawn_at = now() WHERE id = ${productId}`,
      null,
    ],
    [
      'it is sold',
      ({ productId }) =>
        database.db.$executeRaw`UPDATE product SET popularity = popularity + 3 WHERE id = ${productId}`,
      { popularity: 3 },
    ],
    ['somebody likes it', ({ productId }) => rate(productId, 5), { stars: 4.25 }],
    [
      'it is found to be for adults',
      ({ productId }) => database.db.$executeRaw`UPDATE product SET is_adult = true WHERE id = ${productId}`,
      { isAdult: true },
    ],
    ['a campaign begins', (product) => addCampaign(product, 600n), { togetherPrice: 600n }],
  ]
  test.each(changes)('%s', async (_what, change, seen) => {
    const product = await addProduct()
    await refreshed(product)
    await change(product)
    expect(await isDue(product)).toBe(true)
    expect({ listing: await refreshed(product) }).toMatchObject({ listing: seen })
  })

  test('a location moves', async () => {
    const product = await addProduct()
    await refreshed(product)
    await database.db.$executeRaw`UPDATE location SET city_code = 270 WHERE id = ${moscow}`
    expect((await refreshed(product))?.places).toEqual([{ city: 270, kind: 'local_warehouse' }])
    await database.db.$executeRaw`UPDATE location SET city_code = 44 WHERE id = ${moscow}`
  })

  test('a category moves', async () => {
    const product = await addProduct()
    await refreshed(product)
    const { id: top } = await database.db.category.create({ data: { slug: `top${made}`, title: { ru: 'Всё' } } })
    const [, home = 0] = (await listingOf(product))?.categoryIds ?? []
    await database.db.$executeRaw`UPDATE category SET parent_id = ${top} WHERE id = ${home}`
    expect((await refreshed(product))?.categoryIds).toEqual([kettles, home, top])
    await database.db.$executeRaw`UPDATE category SET parent_id = NULL WHERE id = ${home}`
  })

  async function rate(productId: number, stars: number): Promise<void> {
    const { id: personId } = await database.db.person.create({ data: { firstName: 'Anna', language: 'ru' } })
    await database.db.rating.create({ data: { personId, productId, stars, ratedAt: now } })
  }
})

test('a campaign counts from its beginning to its end, and an early end counts at once', async () => {
  const product = await addProduct()
  const later = (hours: number) => new Date(now.getTime() + hours * hour)
  const campaignId = await addCampaign(product, 600n, later(1), later(3))
  const price = async (at: Date) => (await refreshed(product, at))?.togetherPrice
  expect(await price(now)).toBeNull()
  expect(await price(later(1))).toBe(600n)
  await addCampaign(product, 500n, later(2), later(3))
  expect(await price(later(2))).toBe(500n)
  expect(await price(later(3))).toBeNull()
  const another = await addCampaign(product, 400n, later(2))
  expect(await price(later(3))).toBe(400n)
  await database.db.campaign.update({ where: { id: another }, data: { endsAt: later(3) } })
  expect(await price(later(3))).toBeNull()
  expect(campaignId).toBeGreaterThan(0)
})

test('stock that stays above zero, and units of a campaign that do, make nothing due', async () => {
  const product = await addProduct()
  await addCampaign(product, 600n)
  const [variantId = 0] = product.variantIds
  await setAside(variantId, 3)
  await refreshed(product)
  await database.db
    .$executeRaw`UPDATE stock_level SET reserved = reserved + 1, set_aside = 2 WHERE variant_id = ${variantId}`
  await setAside(variantId, 2)
  expect(await isDue(product)).toBe(false)
})

async function setAside(variantId: number, units: number): Promise<void> {
  await database.db
    .$executeRaw`UPDATE campaign_price SET aside_left = ${units}, aside_location_id = ${moscow} WHERE variant_id = ${variantId}`
}

test('what did not change is not written', async () => {
  const product = await addProduct()
  await refreshed(product)
  const version = async () =>
    (
      await database.db.$queryRaw<
        { at: string }[]
      >`SELECT xmin::text AS at FROM listing WHERE product_id = ${product.productId}`
    )[0]?.at
  const before = await version()
  const again = await inTransaction(database.db, async (tx) => refreshListings(tx, [product.productId], now))
  expect(again).toEqual({ written: 0, gone: 0 })
  expect(await version()).toBe(before)
})

describe('at the same time', () => {
  /** A connection of its own, inside a transaction. */
  async function begun(): Promise<pg.Client> {
    const client = new pg.Client({ connectionString: database.url })
    await client.connect()
    await client.query('BEGIN')
    return client
  }

  test('a change that commits while its product is made anew is there after the next time', async () => {
    const product = await addProduct()
    await refreshed(product)
    const changing = await begun()
    await changing.query('UPDATE variant SET price = 5 WHERE product_id = $1', [product.productId])
    await database.db.$executeRaw`UPDATE product SET popularity = 9 WHERE id = ${product.productId}`
    // The refresh has read, and deleted what was due; it commits after the change.
    await inTransaction(database.db, async (tx) => {
      await refreshListings(tx, [product.productId], now)
      await tx.$executeRaw`DELETE FROM listing_due WHERE product_id = ${product.productId}`
      await changing.query('COMMIT')
    })
    await changing.end()
    expect(await listingOf(product)).toMatchObject({ price: 1000n, popularity: 9 })
    expect(await refreshed(product)).toMatchObject({ price: 5n, popularity: 9 })
  })

  test('whoever waits for another refresh reads after it, so that the older look never wins', async () => {
    const product = await addProduct()
    await refreshed(product)
    let older: Promise<unknown> = Promise.resolve()
    await inTransaction(database.db, async (tx) => {
      await refreshListings(tx, [product.productId], now)
      older = inTransaction(database.db, async (other) => refreshListings(other, [product.productId], now))
      await waitersOnLocks(1)
      await database.db.$executeRaw`UPDATE variant SET price = 5 WHERE product_id = ${product.productId}`
    })
    await older
    expect(await listingOf(product)).toMatchObject({ price: 5n })
  })

  test('a tick leaves alone what another is at, and takes it the next time', async () => {
    const product = await addProduct()
    await inTransaction(database.db, async (tx) => {
      await refreshListings(tx, [product.productId], now)
      await refreshDueListings(database.db, now)
      expect(await isDue(product)).toBe(true)
    })
    await refreshed(product)
    expect(await isDue(product)).toBe(false)
  })

  test('many workers and many changes leave every listing as if it were made from nothing', async () => {
    const products = await Promise.all(Array.from({ length: 20 }, async () => addProduct()))
    const changes = { areOver: false }
    const workers = Array.from({ length: 3 }, async () => {
      while (!changes.areOver) await refreshDueListings(database.db, now)
    })
    const changers = products.map(async ({ productId, variantIds: [variantId] }, at) => {
      for (let n = 1; n <= 15; n++) {
        const isOff = (n + at) % 3 === 0
        await database.db.$executeRaw`UPDATE product SET withdrawn_at = ${isOff ? now : null} WHERE id = ${productId}`
        await database.db.$executeRaw`UPDATE variant SET price = ${n * 10} WHERE id = ${variantId}`
        await database.db
          .$executeRaw`UPDATE stock_level SET reserved = ${n % 2 === 0 ? 10 : 0} WHERE variant_id = ${variantId}`
      }
    })
    await Promise.all(changers)
    changes.areOver = true
    await Promise.all(workers)
    await refreshDueListings(database.db, now)
    const ids = products.map(({ productId }) => productId)
    const made = await inTransaction(database.db, async (tx) => refreshListings(tx, ids, now))
    expect(made).toEqual({ written: 0, gone: 0 })
    expect(await database.db.listing.count({ where: { productId: { in: ids } } })).toBeGreaterThan(0)
  })

  /** Until so many of this database wait for a lock. */
  async function waitersOnLocks(count: number): Promise<void> {
    await expect
      .poll(async () => {
        const [row] = await database.db.$queryRaw<{ n: number }[]>`
          SELECT count(*)::int AS n FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'`
        return row?.n
      })
      .toBe(count)
  }
})

describe('the vocabulary', () => {
  const usesOf = async (...words: string[]) => {
    const rows = await database.db.vocabulary.findMany({ where: { word: { in: words } } })
    return Object.fromEntries(rows.map(({ word, uses }) => [word, uses]))
  }

  test('counts the words of new products, and knows new words of changed ones', async () => {
    const first = await addProduct({ words: 'самовар медный\nтула самовар' })
    await refreshed(first)
    await refreshed(await addProduct({ words: 'самовар 5л л 5 100500 电水壶' }))
    const asked = ['самовар', 'медный', 'тула', '5л', 'л', '5', '100500', '电水壶', 'стальной']
    expect(await usesOf(...asked)).toEqual({ самовар: 2, медный: 1, тула: 1, '5л': 1 })
    await database.db.$executeRaw`UPDATE product SET words = 'самовар стальной' WHERE id = ${first.productId}`
    await refreshed(first)
    expect(await usesOf(...asked)).toEqual({ самовар: 2, медный: 1, тула: 1, '5л': 1, стальной: 1 })
  })

  test('is counted anew at night: words that left the catalogue leave it', async () => {
    const product = await addProduct({ words: 'граммофон граммофон патефон' })
    await refreshed(product)
    await database.db.$executeRaw`UPDATE vocabulary SET uses = 7 WHERE word = 'патефон'`
    await countWords(database.db)
    expect(await usesOf('граммофон', 'патефон')).toEqual({ граммофон: 1, патефон: 1 })
    await database.db.$executeRaw`UPDATE product SET withdrawn_at = now() WHERE id = ${product.productId}`
    await refreshed(product)
    await countWords(database.db)
    expect(await usesOf('граммофон', 'патефон')).toEqual({})
  })
})
