/** What a listing says that a product costs together: only what units are there for. */
import { expect, test } from 'vitest'
import { refreshDueListings } from '#shop/listings.ts'
import { useShop, type Goods } from './support.ts'

const shop = useShop()

async function refreshed({ productId }: Goods) {
  await refreshDueListings(shop.db, shop.now)
  return shop.db.listing.findUniqueOrThrow({ where: { productId } })
}

/** So many are left of what the campaign had set aside. */
async function setAside({ campaignId, locationId }: Goods, units: number): Promise<void> {
  await shop.db.campaignPrice.updateMany({
    where: { campaignId },
    data: { asideLeft: units, asideLocationId: locationId },
  })
}

test('of what is sold out there is no price together, until it is back', async () => {
  const goods = await shop.goods({ price: 90_000n, stock: 0 })
  const { productId, variantId, locationId } = goods
  const data = { productId, externalId: 'large', options: {}, price: 100_000n, currency: 'RUB', weightGrams: 1 }
  const { id: other } = await shop.db.variant.create({ data })
  await shop.db.stockLevel.create({ data: { variantId: other, locationId, onHand: 1 } })
  expect(await refreshed(goods)).toMatchObject({ price: 100_000n, inStock: true, togetherPrice: null })
  await shop.db.stockLevel.updateMany({ where: { variantId }, data: { onHand: 1 } })
  expect(await refreshed(goods)).toMatchObject({ price: 90_000n, togetherPrice: 60_000n })
  await shop.db.stockLevel.updateMany({ where: { variantId }, data: { reserved: 1 } })
  expect(await refreshed(goods)).toMatchObject({ price: 100_000n, inStock: true, togetherPrice: null })
})

test('units that only groups may take are there together, and alone they are not', async () => {
  const goods = await shop.goods({ price: 90_000n, stock: 10 })
  await shop.db.stockLevel.updateMany({ where: { variantId: goods.variantId }, data: { setAside: 10 } })
  await setAside(goods, 10)
  expect(await refreshed(goods)).toMatchObject({ inStock: false, togetherPrice: 60_000n })
  await setAside(goods, 0)
  expect(await refreshed(goods)).toMatchObject({ togetherPrice: null })
  await setAside(goods, 1)
  expect(await refreshed(goods)).toMatchObject({ togetherPrice: 60_000n })
})
