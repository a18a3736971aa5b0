/** The picture of a group for sharing: looked at by machines, as phones and their cameras do. */
import { Resvg } from '@resvg/resvg-js'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { decodeQR } from 'qr/decode.js'
import { beforeAll, describe, expect, onTestFinished, test } from 'vitest'
import { groupPictureName } from '#shop/group-picture.ts'
import { groupById } from '#shop/group-buy.ts'
import { drawGroup, isDrawable, type GroupDrawing } from '#web/group-drawing.ts'
import { createGroupPictures, type GroupPictures } from '#web/group-pictures.ts'
import { readPicture } from '#web/pictures.ts'
import { startWeb } from '#web/server.ts'
import { useShop } from '../shop/support.ts'

const link = 'https://t.me/vmeste_bot?start=g_a-B3dE5gH7jK9mN1'
let kettle: Buffer | undefined

beforeAll(async () => {
  kettle = await readPicture('demo/kettle')
})

const drawing = (part: Partial<GroupDrawing> = {}): GroupDrawing => ({
  state: 'open',
  photo: kettle,
  title: 'Чайник «Очаг»',
  seller: 'Северный дом',
  price: '1\u00A0190\u00A0₽',
  alone: '1\u00A0790\u00A0₽',
  discount: 33,
  paid: 3,
  toppedUp: 0,
  held: 1,
  size: 5,
  step: undefined,
  link,
  ...part,
})

/** The picture as a screen of that width shows it. */
function seen(png: Buffer, width = 1200): { width: number; height: number; data: Buffer } {
  const height = (width * 3) / 4
  const svg = `<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink" width="${width}" height="${height}">
    <image width="${width}" height="${height}" xlink:href="data:image/png;base64,${png.toString('base64')}"/></svg>`
  return { width, height, data: new Resvg(svg, { font: { loadSystemFonts: false } }).render().pixels }
}

function colourAt({ data, width }: ReturnType<typeof seen>, x: number, y: number): string {
  const at = (y * width + x) * 4
  return `#${data
    .subarray(at, at + 3)
    .toString('hex')
    .toUpperCase()}`
}

const big = '99\u00A0999\u00A0999,99\u00A0₽'
const states: [string, Partial<GroupDrawing>][] = [
  ['open', {}],
  ['formed', { state: 'formed', paid: 5, held: 0 }],
  ['failed', { state: 'failed', paid: 2, held: 0, photo: undefined }],
  ['a ladder', { size: 50, paid: 12, toppedUp: 3, step: { seats: 20, price: '990\u00A0₽' } }],
  ['the largest numbers', { size: 10_000, paid: 9998, price: big, alone: big, step: { seats: 10_000, price: big } }],
  ['words that are markup', { title: '<b>&"\'</b> '.repeat(30), seller: '</text><script>', price: '<1>' }],
  ['the longest title', { title: 'Щ'.repeat(300), seller: 'Ы'.repeat(100) }],
]

test.each(states)('%s: 1200 by 900, and a camera reads the link, also from a small copy', async (_name, part) => {
  const png = await drawGroup(drawing(part))
  expect([png.readUInt32BE(16), png.readUInt32BE(20)]).toEqual([1200, 900])
  expect(png.length).toBeLessThan(200_000)
  expect(decodeQR(seen(png))).toBe(link)
  expect(decodeQR(seen(png, 400))).toBe(link)
})

test('every seat is seen: paid ones in colours, those of the shop as a shop, a held one as an outline', async () => {
  const open = seen(await drawGroup(drawing({ paid: 2, toppedUp: 1, held: 1 })))
  // The middle of each figure's body, on one line.
  const bodies = [0, 1, 2, 3, 4].map((seat) => colourAt(open, 158 + seat * 124, 812))
  expect(bodies).toEqual(['#F2735F', '#2FA899', '#8C6FE0', '#FFFFFF', '#F3CDB6'])
  const failed = seen(await drawGroup(drawing({ state: 'failed', paid: 1, held: 0 })))
  expect([0, 1].map((seat) => colourAt(failed, 158 + seat * 124, 812))).toEqual(['#9C99AB', '#CFCCD8'])
})

test('beyond twelve seats a bar is filled as far as the group is', async () => {
  const bar = seen(await drawGroup(drawing({ size: 100, paid: 50, toppedUp: 0, held: 0 })))
  const line = Array.from({ length: 700 }, (_, x) => colourAt(bar, 110 + x, 775))
  const filled = line.filter((colour) => colour === '#F2735F').length
  const free = line.filter((colour) => colour === '#F3CDB6').length
  // Room for the numbers at the right is not part of it.
  expect(filled / (filled + free)).toBeGreaterThan(0.48)
  expect(filled / (filled + free)).toBeLessThan(0.58)
})

test('the fonts that come with us draw Latin, Cyrillic, digits and the signs of currencies', async () => {
  const empty = await drawGroup(drawing({ title: '' }))
  for (const title of ['Q', 'Ж', 'ё', '7', '₽', '€', '¥', '$', '£', '«', '№', '×']) {
    expect(isDrawable(title)).toBe(true)
    expect((await drawGroup(drawing({ title }))).equals(empty) ? title : '').toBe('')
  }
  for (const title of ['茶壶', 'чай 茶', '🫖', '\u202Eabc', 'a\nb', '']) expect(isDrawable(title)).toBe(false)
})

describe('of a group', () => {
  const shop = useShop()
  let pictures: GroupPictures

  beforeAll(() => {
    pictures = createGroupPictures(shop.db, shop.deps.groupUrl)
  })

  const find = async (groupId: number) => {
    const group = await groupById(shop.db, groupId)
    if (!group) throw new Error('the group is there')
    return group
  }

  test('it leads to that group, and every change has a name of its own; an old name shows what is now', async () => {
    const goods = await shop.goods({ size: 3 })
    const { groupId } = await shop.openGroup(goods)
    const before = await find(groupId)
    const name = groupPictureName(before)
    const first = await pictures.read(name)
    expect(first?.isLasting).toBe(true)
    expect(decodeQR(seen(first?.png ?? Buffer.alloc(0)))).toBe(shop.deps.groupUrl(before.token))

    await shop.order(await shop.person(), { kind: 'join', groupId })
    const renamed = groupPictureName(await find(groupId))
    expect(renamed).not.toBe(name)
    const [now, again, old] = await Promise.all([pictures.read(renamed), pictures.read(renamed), pictures.read(name)])
    expect(now?.isLasting).toBe(true)
    expect(now?.png.equals(first?.png ?? Buffer.alloc(0))).toBe(false)
    expect(old).toEqual({ png: now?.png, isLasting: false })
    expect(again?.png).toBe(now?.png)

    await shop.db.variant.update({ where: { id: goods.variantId }, data: { price: 170_000n } })
    expect(groupPictureName(await find(groupId))).not.toBe(renamed)
  })

  test('nobody finds a draft, another group, or what has not happened yet', async () => {
    const goods = await shop.goods()
    const order = await shop.order(await shop.person(), { kind: 'own-group', variantId: goods.variantId })
    const groupId = order.seat?.groupId ?? 0
    expect(await pictures.read(groupPictureName(await find(groupId)))).toBeUndefined()
    await shop.pay(order.orderId)
    const group = await find(groupId)
    expect(await pictures.read(groupPictureName(group))).toBeDefined()
    const names = [
      groupPictureName({ ...group, version: group.version + 1 }),
      groupPictureName({ ...group, token: `${group.token.slice(0, -1)}~` }),
      groupPictureName({ ...group, token: 'AAAAAAAAAAAAAAAA' }),
      `group/${group.groupId}`,
      `group/1-1-%`,
      'group/',
      `demo/1-1-${group.token}`,
      '',
    ]
    for (const name of names) expect({ name, found: await pictures.read(name) }).toEqual({ name, found: undefined })
  })

  test("what lies on a seller's server is not fetched, and a Chinese title is left out", async () => {
    let asked = 0
    const server = createServer((_request, response) => {
      asked += 1
      response.end()
    })
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    onTestFinished(() => void server.close())
    const { port } = server.address() as AddressInfo
    const goods = await shop.goods()
    const title = { zh: '茶壶' }
    const strange = [`http://127.0.0.1:${port}/a.png`]
    await shop.db.product.update({ where: { id: goods.productId }, data: { pictures: strange, title } })
    await shop.db.seller.update({ where: { id: goods.sellerId }, data: { name: '茶馆' } })
    const { groupId } = await shop.openGroup(goods)
    const group = await find(groupId)
    const found = await pictures.read(groupPictureName(group))
    const bare = drawing({ photo: undefined, title: '', seller: '', paid: 1, held: 0, size: 2 })
    const sums = { price: '1\u00A0000\u00A0₽', alone: '1\u00A0500\u00A0₽', link: shop.deps.groupUrl(group.token) }
    expect(found?.png.equals(await drawGroup({ ...bare, ...sums }))).toBe(true)
    expect(asked).toBe(0)
  })

  test('it is kept for ever under the name that it has now, and not at all under an old one', async () => {
    const { groupId } = await shop.openGroup(await shop.goods({ size: 3 }))
    const web = await startWeb({
      port: 0,
      host: '127.0.0.1',
      yookassaWebhook: async () => undefined,
      isYookassaAddress: () => false,
      cdekWebhook: async () => undefined,
      readPicture,
      readGroupPicture: (name) => pictures.read(name),
      health: async () => ({ ok: true, instance: 'a' }),
      log: { info: () => undefined, warn: () => undefined, error: () => undefined },
    })
    onTestFinished(async () => web.close())
    const get = (name: string) => fetch(`http://127.0.0.1:${web.port}/pictures/${name}.png`)
    const name = groupPictureName(await find(groupId))
    const now = await get(name)
    expect([now.status, now.headers.get('content-type')]).toEqual([200, 'image/png'])
    expect(now.headers.get('cache-control')).toContain('immutable')
    await shop.order(await shop.person(), { kind: 'join', groupId })
    const old = await get(name)
    expect([old.status, old.headers.get('cache-control')]).toEqual([200, 'no-cache'])
    for (const forged of ['group/1-1-AAAAAAAAAAAAAAAA', 'group/x', 'group/..%2f1-1-a', 'group/-1-1'])
      expect((await get(forged)).status).toBe(404)
    expect((await get('demo/kettle')).status).toBe(200)
  })
})
