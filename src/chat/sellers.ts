/** The shop's own side: its channels, its posts, and what they brought. */
import { wordsIn } from '#domain/people.ts'
import type { ProductRow } from '#shop/catalog.ts'
import { productById } from '#shop/catalog.ts'
import { nearestGroup } from '#shop/group-buy.ts'
import {
  channelById,
  giveChannel,
  joinShop,
  post,
  postOpened,
  shopProducts,
  shopsOf,
  shopView,
  type PostStats,
  type PostToPublish,
} from '#shop/sellers.ts'
import { descriptionMax, publicPicture, togetherLines } from './catalog.ts'
import { cameToGroup, groupOutcome } from './group-buy.ts'
import { confused, homeButton, notFound } from './home.ts'
import { pagingRow } from './paging.ts'
import { product as productPage } from './product.ts'
import type { Button, Line, Screen } from './screen.ts'
import { shorten, type Reader } from './text.ts'
import type { Outcome, Visit } from './visit.ts'
import type { Key } from './words.ts'

export async function joinByInvitation(visit: Visit, invitation: string): Promise<Outcome> {
  const shop = await joinShop(visit.deps.db, invitation, visit.visitor.personId, visit.deps.now())
  if (!shop) return { screen: confused('confused.link') }
  const page = await shopPage(visit, shop.sellerId)
  const welcome: Line[] = [{ key: 'shop.welcome', params: { shop: shop.name } }, { gap: true }]
  return page.screen ? { screen: { ...page.screen, lines: [...welcome, ...page.screen.lines] } } : page
}

export async function shops({ deps, visitor }: Visit): Promise<Outcome> {
  const found = await shopsOf(deps.db, visitor.personId)
  const rows = found
    .slice(0, 8)
    .map(({ sellerId, name }): Button[] => [{ label: { raw: name }, intent: { do: 'shop', sellerId } }])
  const key = found.length > 0 ? 'shop.which' : 'shop.none'
  return { screen: { picture: 'brand/seller', lines: [{ key }], rows: [...rows, [homeButton]] } }
}

export async function shopPage({ deps, visitor, reader }: Visit, sellerId: number): Promise<Outcome> {
  const view = await shopView(deps.db, sellerId, visitor.personId)
  if (!view) return notFound()
  const lines: Line[] = [{ key: 'shop.title', params: { shop: view.shop.name } }]
  if (view.channels.length === 0) lines.push({ gap: true }, { key: 'shop.no-channel' })
  else {
    const titles = shorten(view.channels.map(({ title }) => title).join(', '), 300)
    lines.push({ key: 'shop.channels', params: { titles } })
  }
  for (const stats of view.stats) lines.push({ gap: true }, ...statsLines(stats, reader))
  const rows: Button[][] = []
  if (view.channels.length > 0) {
    rows.push([{ label: { key: 'button.new-post' }, intent: { do: 'shop-products', sellerId, page: 0 } }])
  }
  rows.push([{ label: { key: 'button.campaigns' }, intent: { do: 'campaigns', sellerId, page: 0 } }])
  rows.push([
    { label: { key: 'button.shop-orders' }, intent: { do: 'shop-orders', sellerId, page: 0 } },
    { label: { key: 'button.shop-money' }, intent: { do: 'shop-money', sellerId } },
  ])
  rows.push([{ label: { key: 'button.catalogue' }, intent: { do: 'catalogue', sellerId } }])
  rows.push([{ label: { key: 'button.shop-questions' }, intent: { do: 'shop-questions', sellerId, page: 0 } }])
  rows.push([{ label: { key: 'button.refresh' }, intent: { do: 'shop', sellerId } }, homeButton])
  // What five posts brought is longer than what fits under a picture.
  return { screen: { ...(view.stats.length === 0 && { picture: 'brand/seller' }), lines, rows } }
}

const unsentKeys: Record<string, Key> = { failed: 'post.not-sent', doubtful: 'post.doubtful' }

/** What a post brought, in exact numbers. */
function statsLines(stats: PostStats, { language }: Reader): Line[] {
  const title = shorten(wordsIn(stats.title, language), 80)
  const channel = shorten(stats.channelTitle, 60)
  const lines: Line[] = [{ key: 'post.line', params: { title, channel, at: { at: stats.createdAt } } }]
  if (stats.state !== 'sent') return [...lines, { key: unsentKeys[stats.state] ?? 'post.on-its-way' }]
  const { opened, groupsOpened, groupsFormed, seats, orders } = stats
  lines.push({ key: 'post.brought', params: { opened, groupsOpened, groupsFormed, seats, orders } })
  for (const { amount, currency } of stats.revenue) {
    lines.push({ key: 'post.revenue', params: { sum: { money: { amount: BigInt(amount), currency } } } })
  }
  return lines
}

export async function productsToPost(visit: Visit, sellerId: number, page: number): Promise<Outcome> {
  const found = await shopProducts(visit.deps.db, sellerId, visit.visitor.personId, page, visit.deps.now())
  if (!found) return notFound()
  if (page > 0 && found.products.length === 0) return { screen: confused('confused.button') }
  const rows = found.products.map((product): Button[] => [
    { label: { raw: { words: product.title } }, intent: { do: 'post-offer', productId: product.productId } },
  ])
  const paging = pagingRow(page, (page + 1) * 6 < found.total, (to) => ({ do: 'shop-products', sellerId, page: to }), {
    label: { key: 'button.my-shop' },
    intent: { do: 'shop', sellerId },
  })
  const place = { from: page * 6 + 1, to: page * 6 + found.products.length, total: found.total }
  return {
    screen: { picture: 'brand/seller', lines: [{ key: 'post.which-product', params: place }], rows: [...rows, paging] },
  }
}

/** The post as it will look, with a button for each channel and kind. */
export async function postPreview(visit: Visit, productId: number): Promise<Outcome> {
  const { deps, visitor } = visit
  const product = await productById(deps.db, productId, deps.now())
  const view = product ? await shopView(deps.db, product.sellerId, visitor.personId) : undefined
  if (!product || !view || product.withdrawn) return notFound()
  const hasGroupPrice = product.variants.some((variant) => variant.groupPrice !== null)
  const rows: Button[][] = []
  const draft = deps.newToken()
  for (const { channelId, title } of view.channels.slice(0, 4)) {
    const publish = (isGroupOffer: number): Button['label'] & object => ({
      key: isGroupOffer === 1 ? 'button.post-group' : 'button.post-product',
      params: { channel: title },
    })
    if (hasGroupPrice) {
      rows.push([{ label: publish(1), intent: { do: 'publish', channelId, productId, isGroupOffer: 1, draft } }])
    }
    rows.push([{ label: publish(0), intent: { do: 'publish', channelId, productId, isGroupOffer: 0, draft } }])
  }
  rows.push([
    { label: { key: 'button.back' }, intent: { do: 'shop-products', sellerId: product.sellerId, page: 0 } },
    homeButton,
  ])
  const lines: Line[] = [{ key: 'post.preview' }, { gap: true }, ...postLines(product, hasGroupPrice, visit.reader)]
  const picture = publicPicture(product)
  return { screen: { ...(picture !== undefined && { picture }), lines, rows } }
}

function postLines(product: ProductRow, isGroupOffer: boolean, { language }: Reader): Line[] {
  const lines: Line[] = [{ raw: { words: product.title }, style: 'bold' }]
  const variant = product.variants.find((candidate) => candidate.groupPrice !== null) ?? product.variants[0]
  if (variant) {
    const { currency } = variant
    lines.push({ key: 'price.alone', params: { price: { money: { amount: variant.price, currency } } } })
    if (isGroupOffer) lines.push(...togetherLines(variant))
  }
  const description = product.isAdult ? '' : wordsIn(product.description, language)
  if (description !== '') lines.push({ gap: true }, { raw: shorten(description, descriptionMax) })
  return lines
}

export async function publish(
  visit: Visit,
  {
    channelId,
    productId,
    isGroupOffer,
    draft,
  }: { channelId: number; productId: number; isGroupOffer: number; draft: string },
): Promise<Outcome> {
  const { deps, visitor } = visit
  const wish = { channelId, productId, isGroupOffer: isGroupOffer === 1, draft }
  const result = await post(deps.db, { ...wish, personId: visitor.personId, now: deps.now() })
  if (!result.ok) {
    return result.reason === 'not-found' ? notFound() : { toast: `refusal.${result.reason}`, alert: true }
  }
  const product = await productById(deps.db, productId, deps.now())
  const back: Button = product
    ? { label: { key: 'button.my-shop' }, intent: { do: 'shop', sellerId: product.sellerId } }
    : homeButton
  return { screen: { picture: 'brand/seller', lines: [{ key: 'post.accepted' }], rows: [[back, homeButton]] } }
}

/** The message in the channel: whoever presses is led to the private chat with a link of this very post. */
export function postScreen({ product, token, isGroupOffer }: PostToPublish, reader: Reader): Screen {
  const variant = product.variants.find((candidate) => candidate.groupPrice !== null) ?? product.variants[0]
  const row: Button[] = []
  if (isGroupOffer && variant?.groupPrice) {
    const price = { money: { amount: variant.groupPrice, currency: variant.currency } }
    row.push({ label: { key: 'button.together', params: { price } }, start: `t_${token}` })
  }
  row.push({ label: { key: isGroupOffer ? 'button.alone' : 'button.open' }, start: `o_${token}` })
  const picture = publicPicture(product)
  return {
    ...(picture !== undefined && { picture }),
    lines: postLines(product, isGroupOffer, reader),
    rows: [row],
  }
}

/** Somebody came by a post: *Together* leads to the open group nearest to completion, or to starting one. */
export async function fromPost(visit: Visit, token: string, isTogether: boolean): Promise<Outcome> {
  const { deps, visitor } = visit
  const opened = await postOpened(deps.db, token, visitor.personId, deps.now())
  if (!opened) return { screen: confused('confused.link') }
  const { city } = visit
  const nearest = isTogether ? await nearestGroup(deps.db, opened.productId, deps.now(), city?.cityCode) : undefined
  if (nearest) await cameToGroup(visit, nearest.groupId, 'post')
  return nearest ? groupOutcome(visit, nearest) : productPage(visit, { productId: opened.productId })
}

/** The bot was made administrator of a channel: whose is it? */
export async function channelScreen(
  { deps }: Pick<Visit, 'deps'>,
  channelId: number,
  personId: number,
): Promise<Screen | undefined> {
  const channel = await channelById(deps.db, channelId)
  if (!channel) return undefined
  const title = { channel: channel.title }
  const own = await shopsOf(deps.db, personId)
  const assigned = own.find(({ sellerId }) => sellerId === channel.sellerId)
  if (assigned) {
    const { sellerId } = assigned
    return {
      lines: [{ key: 'channel.connected', params: { ...title, shop: assigned.name } }],
      rows: [[{ label: { key: 'button.new-post' }, intent: { do: 'shop-products', sellerId, page: 0 } }, homeButton]],
    }
  }
  if (channel.sellerId !== null) return { lines: [{ key: 'channel.taken', params: title }], rows: [[homeButton]] }
  if (own.length === 0) return { lines: [{ key: 'channel.no-shop', params: title }], rows: [[homeButton]] }
  const rows = own
    .slice(0, 8)
    .map(({ sellerId, name }): Button[] => [
      { label: { raw: name }, intent: { do: 'give-channel', channelId, sellerId } },
    ])
  return { lines: [{ key: 'channel.which-shop', params: title }], rows: [...rows, [homeButton]] }
}

export async function chooseShopOfChannel(visit: Visit, channelId: number, sellerId: number): Promise<Outcome> {
  await giveChannel(visit.deps.db, channelId, sellerId, visit.visitor.personId)
  const channel = await channelById(visit.deps.db, channelId)
  // Only those who added it are told how it stands: ids in buttons are hostile.
  if (channel?.addedById !== visit.visitor.personId) return notFound()
  const screen = await channelScreen(visit, channelId, visit.visitor.personId)
  return { screen: screen ?? confused('confused.not-found') }
}
