/** Node says each warning of a driver once for a process, so a whole purchase has a file, which is a process, of its own. */
import { expect, test } from 'vitest'
import { shipmentHinted } from '#shop/delivery.ts'
import { hour, useShop } from './support.ts'

const warnings: string[] = []
process.on('warning', ({ name, message }) => warnings.push(`${name}: ${message}`))

const shop = useShop()

test('from the tap on a price to the parcel in the hand nothing is done that the database driver warns of', async () => {
  const goods = await shop.goods({ size: 2 })
  const { groupId } = await shop.openGroup(goods)
  const { orderId } = await shop.order(await shop.person(), { kind: 'join', groupId })
  await shop.pay(orderId)
  await shop.runJobs()
  const { externalId } = await shop.db.shipment.findUniqueOrThrow({ where: { orderId } })
  for (const status of ['RECEIVED_AT_SHIPMENT_WAREHOUSE', 'DELIVERED']) {
    shop.pass(hour)
    await shop.act(`/sim/shipments/${externalId}`, { status })
    await shipmentHinted(shop.db, 'cdek', externalId ?? '')
    await shop.runJobs()
  }
  expect(await shop.stateOf(orderId)).toMatchObject({ order: 'delivered', shipment: 'delivered' })
  expect(warnings).toEqual([])
})
