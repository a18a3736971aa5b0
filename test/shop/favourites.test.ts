/** What people keep: the limit, and that each fall of a price and each return is told once, whatever happens. */
import { expect, test } from 'vitest'
import { refreshListings } from '#store/listings.ts'
import { inTransaction, type Transaction } from '#store/db.ts'
import { updateTold } from '#store/favourites.ts'
import { favouritesMax, favouritesOf, keep, keepNoLonger, tellFavourites } from '#shop/favourites.ts'
import { hour, useShop, type Goods } from './support.ts'

const shop = useShop()

/** What an import does: the price or the stock, and the listing, in one transaction. */
async function change(
  { productId, variantId }: Goods,
  to: { price?: bigint; stock?: number; currency?: string; withdrawn?: boolean },
): Promise<void> {
  await inTransaction(shop.db, async (tx) => {
    if (to.price !== undefined) await tx.$executeRaw`UPDATE variant SET price = ${to.price} WHERE id = ${variantId}`
    if (to.currency !== undefined)
      await tx.$executeRaw`UPDATE variant SET currency = ${to.currency} WHERE id = ${variantId}`
    if (to.stock !== undefined)
      await tx.$executeRaw`UPDATE stock_level SET on_hand = ${to.stock} WHERE variant_id = ${variantId}`
    if (to.withdrawn !== undefined) {
      const at = to.withdrawn ? shop.now : null
      await tx.$executeRaw`UPDATE product SET withdrawn_at = ${at}::timestamptz WHERE id = ${productId}`
    }
    await refreshListings(tx, [productId], shop.now)
  })
}

async function goods(options: Parameters<typeof shop.goods>[0] = {}): Promise<Goods> {
  const made = await shop.goods({ campaign: false, price: 100_000n, ...options })
  await change(made, {})
  return made
}

const tell = async () => tellFavourites(shop.db, shop.now)

async function told(personId: number) {
  const rows = await shop.db.notification.findMany({
    where: { personId, kind: { in: ['price-drop', 'back-in-stock'] } },
    orderBy: { id: 'asc' },
  })
  return rows.map(({ kind, data }) => ({ kind, was: (data as { was?: string }).was }))
}

async function favourite(personId: number, { productId }: Goods) {
  return shop.db.favourite.findUniqueOrThrow({ where: { personId_productId: { personId, productId } } })
}

async function keeps(one: Goods): Promise<number> {
  const personId = await shop.person({ recipient: false })
  expect(await keep(shop.db, personId, one.productId, shop.now)).toEqual({ ok: true })
  await tell()
  return personId
}

test('a fall of the price is told once, however often the same feed comes and however many workers look', async () => {
  const one = await goods()
  const personId = await keeps(one)
  expect(await told(personId)).toEqual([])
  await change(one, { price: 90_000n })
  await change(one, { price: 90_000n })
  await Promise.all(Array.from({ length: 6 }, tell))
  await change(one, { price: 90_000n })
  await tell()
  expect(await told(personId)).toEqual([{ kind: 'price-drop', was: '100000' }])
  expect(await favourite(personId, one)).toMatchObject({ toldPrice: 90_000n, keptPrice: 100_000n })
  expect(await shop.db.favouriteDue.count({ where: { productId: one.productId } })).toBe(0)
})

test('of two workers that look at the same product at the same moment, one tells of it', async () => {
  const one = await goods()
  const personId = await keeps(one)
  const standing = { price: 90_000n, currency: 'RUB', isTogether: false } as const
  const look = async (tx: Transaction) => updateTold(tx, one.productId, standing, hour, shop.now)
  let second: ReturnType<typeof look> = Promise.resolve([])
  const first = await inTransaction(shop.db, async (tx) => {
    const told = await look(tx)
    second = inTransaction(shop.db, look)
    await shop.waiting(1)
    return told
  })
  expect(first).toEqual([{ personId, was: 100_000n, currency: 'RUB' }])
  expect(await second).toEqual([])
})

test('only changes of the price and of what is there make favourites due, and only of what somebody keeps', async () => {
  const [kept, other] = [await goods(), await goods()]
  await keeps(kept)
  await shop.db.product.update({ where: { id: kept.productId }, data: { popularity: 5 } })
  await change(kept, {})
  await change(other, { price: 1_000n })
  await change(other, { withdrawn: true })
  expect(await shop.db.favouriteDue.count()).toBe(0)
  await change(kept, { price: 1_000n })
  expect(await shop.db.favouriteDue.count()).toBe(1)
  await tell()
})

test('a kill between the mark and the message leaves neither', async () => {
  const one = await goods()
  const personId = await keeps(one)
  await change(one, { price: 90_000n })
  // The notification cannot be written: the worker dies at its last act.
  await shop.db.$executeRaw`ALTER TABLE notification ADD CONSTRAINT killed CHECK (kind <> 'price-drop') NOT VALID`
  await expect(tell()).rejects.toThrow('1 of 1 failed')
  await shop.db.$executeRaw`ALTER TABLE notification DROP CONSTRAINT killed`
  expect(await favourite(personId, one)).toMatchObject({ toldPrice: 100_000n, toldAt: null })
  expect(await told(personId)).toEqual([])
  await tell()
  expect(await told(personId)).toEqual([{ kind: 'price-drop', was: '100000' }])
})

test('a rise is silent, and a fall after it is told; never twice within a day, and never forgotten', async () => {
  const one = await goods()
  const personId = await keeps(one)
  await change(one, { price: 120_000n })
  await tell()
  expect(await told(personId)).toEqual([])
  await change(one, { price: 110_000n })
  await tell()
  expect(await told(personId)).toEqual([{ kind: 'price-drop', was: '120000' }])

  shop.pass(hour)
  await change(one, { price: 100_000n })
  await tell()
  await change(one, { price: 130_000n })
  await tell()
  await change(one, { price: 105_000n })
  await tell()
  expect(await told(personId)).toHaveLength(1)
  shop.pass(24 * hour)
  await tell()
  // Of where it stands then, against what was true in between.
  expect((await told(personId)).slice(1)).toEqual([{ kind: 'price-drop', was: '130000' }])
  shop.pass(48 * hour)
  await tell()
  expect(await told(personId)).toHaveLength(2)
})

test('what was sold out or off sale is told of when it is there again', async () => {
  const one = await goods({ stock: 0 })
  const personId = await keeps(one)
  expect(await favourite(personId, one)).toMatchObject({ toldPrice: null, toldInStock: false })
  await change(one, { stock: 3 })
  await tell()
  expect(await told(personId)).toEqual([{ kind: 'back-in-stock', was: undefined }])
  shop.pass(25 * hour)
  await change(one, { withdrawn: true })
  await tell()
  expect(await favourite(personId, one)).toMatchObject({ toldPrice: null, toldInStock: false })
  await change(one, { withdrawn: false, price: 80_000n })
  await tell()
  expect(await told(personId)).toHaveLength(2)
  expect(await favourite(personId, one)).toMatchObject({ toldPrice: 80_000n, toldInStock: true })
})

test('another currency is no fall', async () => {
  const one = await goods()
  const personId = await keeps(one)
  await change(one, { price: 1_000n, currency: 'CNY' })
  await tell()
  expect(await told(personId)).toEqual([])
  expect(await favourite(personId, one)).toMatchObject({ toldPrice: 1_000n, currency: 'CNY', keptCurrency: 'RUB' })
})

test('a lower price together is a lower price', async () => {
  const one = await goods()
  const personId = await keeps(one)
  const { sellerId, productId, variantId } = one
  await shop.db.campaign.create({
    data: {
      sellerId,
      productId,
      size: 2,
      lifetimeMinutes: 30,
      startsAt: new Date(shop.now.getTime() - hour),
      prices: { create: { variantId, price: 70_000n } },
    },
  })
  await change(one, {})
  await tell()
  expect(await told(personId)).toEqual([{ kind: 'price-drop', was: '100000' }])
})

test('that what is cheaper together is back is told, though alone nothing changed', async () => {
  const one = await goods()
  const { sellerId, productId, locationId } = one
  const data = { productId, externalId: 'small', options: {}, price: 110_000n, currency: 'RUB', weightGrams: 1 }
  const { id: variantId } = await shop.db.variant.create({ data })
  const prices = { create: { variantId, price: 60_000n } }
  await shop.db.campaign.create({
    data: { sellerId, productId, size: 2, lifetimeMinutes: 30, startsAt: new Date(shop.now.getTime() - hour), prices },
  })
  await change(one, {})
  const personId = await keeps(one)
  expect(await favourite(personId, one)).toMatchObject({ toldPrice: 100_000n })
  await shop.db.stockLevel.create({ data: { variantId, locationId, onHand: 1 } })
  await change(one, {})
  await tell()
  expect(await told(personId)).toEqual([{ kind: 'price-drop', was: '100000' }])
})

test('a price that falls while somebody begins to keep the product is told them, though neither sees the other', async () => {
  const one = await goods()
  const personId = await shop.person({ recipient: false })
  let keptMeanwhile: Promise<unknown> = Promise.resolve()
  await inTransaction(shop.db, async (tx) => {
    await tx.$executeRaw`UPDATE variant SET price = 60000 WHERE id = ${one.variantId}`
    await refreshListings(tx, [one.productId], shop.now)
    // They do not wait for the import, and the tick does not forget them.
    keptMeanwhile = keep(shop.db, personId, one.productId, shop.now)
    await keptMeanwhile
    await tell()
    expect(await told(personId)).toEqual([])
  })
  await tell()
  expect(await told(personId)).toEqual([{ kind: 'price-drop', was: '100000' }])
})

test('two hundred are kept and no more, whatever is tapped at once', async () => {
  const personId = await shop.person({ recipient: false })
  const { sellerId, productId } = await goods()
  const { categoryId } = await shop.db.product.findUniqueOrThrow({ where: { id: productId } })
  await shop.db.$executeRaw`
    WITH made AS (
      INSERT INTO product (seller_id, external_id, category_id, title, description, pictures, words, updated_at)
      SELECT ${sellerId}, 'many' || n, ${categoryId}, '{"ru": "x"}', '{}', '{}', 'x', now()
      FROM generate_series(1, ${favouritesMax - 3}) n RETURNING id)
    INSERT INTO favourite (person_id, product_id, created_at, told_in_stock) SELECT ${personId}, id, now(), false FROM made`
  const wanted = [await goods(), await goods(), await goods(), await goods(), await goods(), await goods()]
  const results = await Promise.all(wanted.map(async (one) => keep(shop.db, personId, one.productId, shop.now)))
  expect(results.filter(({ ok }) => ok)).toHaveLength(3)
  expect(results.filter((one) => !one.ok && one.reason === 'too-many-favourites')).toHaveLength(3)
  expect(await shop.db.favourite.count({ where: { personId } })).toBe(favouritesMax)
  const at = results.findIndex(({ ok }) => ok)
  // What they keep already is no more of it.
  expect(await keep(shop.db, personId, wanted[at]?.productId ?? 0, shop.now)).toEqual({ ok: true })
  expect(await keepNoLonger(shop.db, personId, wanted[at]?.productId ?? 0)).toBe(true)
  expect(await keepNoLonger(shop.db, personId, wanted[at]?.productId ?? 0)).toBe(false)
  expect(await keep(shop.db, personId, 2_000_000_000, shop.now)).toEqual({ ok: false, reason: 'not-found' })
})

test('a list says what each costs now and when they began to keep it', async () => {
  const personId = await shop.person({ recipient: false })
  const [one, other] = [await goods(), await goods()]
  await keep(shop.db, personId, one.productId, shop.now)
  shop.pass(1000)
  await keep(shop.db, personId, other.productId, shop.now)
  await change(one, { price: 50_000n })
  await change(other, { stock: 0 })
  const { total, favourites } = await favouritesOf(shop.db, personId, { offset: 0, limit: 5 }, shop.now)
  expect(total).toBe(2)
  expect(favourites).toMatchObject([
    { productId: other.productId, standing: { price: null }, keptPrice: 100_000n },
    { productId: one.productId, standing: { price: 50_000n, currency: 'RUB' }, keptPrice: 100_000n },
  ])
  await tell()
})
