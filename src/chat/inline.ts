/** `@bot words` in any chat: products as cards, or the card of a group that is shared. */
import { gap } from '#domain/group-buy.ts'
import { wordsIn, type Words } from '#domain/people.ts'
import { browse, productById, type ProductRow } from '#shop/catalog.ts'
import { groupByLink, groupByToken, type GroupRow } from '#shop/group-buy.ts'
import { cardLines, firstInStock } from './catalog.ts'
import { followSharedCard } from './follow.ts'
import { friendCard } from './friend-pay.ts'
import { sharedCard } from './group-card.ts'
import { tokenToId } from './intent.ts'
import type { InlineCard, InlineReply, MessageRef } from './messenger.ts'
import type { Button, Line, Params, Screen } from './screen.ts'
import { say, screenToMessage, shorten } from './text.ts'
import type { Visit } from './visit.ts'
import type { Key } from './words.ts'

const pageSize = 10

/** `g_<token>`, `f_<token>` and `p_<id>` are what share buttons type; everything else is a search. */
export async function answerInline(visit: Visit, query: string, offset: string): Promise<InlineReply> {
  const { deps } = visit
  const [, kind, token = ''] = /^\s*([gfp])_([A-Za-z0-9_-]{1,40})\s*$/.exec(query) ?? []
  if (kind === 'g') {
    const group = (await groupByLink(deps.db, token))?.group
    const isShared = group && group.state !== 'draft'
    return {
      cards: [isShared ? groupCard(visit, group) : shopCard(visit, 'confused.not-found')],
      nextOffset: '',
      personal: true,
    }
  }
  if (kind === 'f') {
    const card = (await friendCard(visit, token)) ?? shopCard(visit, 'confused.not-found')
    return { cards: [card], nextOffset: '', personal: true }
  }
  if (kind === 'p') {
    const product = await productById(deps.db, tokenToId(token) ?? 0, deps.now())
    const isOnSale = product && !product.withdrawn && product.variants.length > 0
    const card = isOnSale ? productCard(visit, product) : shopCard(visit, 'confused.not-found')
    return { cards: [card], nextOffset: '', personal: true }
  }
  const from = /^\d{1,6}$/.test(offset) ? Number(offset) : 0
  const words = query.trim().slice(0, 200)
  const { total, products } = await browse(deps.db, words, from, pageSize, deps.now())
  const cards = products.map((product) => productCard(visit, product))
  if (cards.length === 0 && from === 0) {
    const query = shorten(words, 60)
    cards.push(words === '' ? shopCard(visit, 'category.none') : shopCard(visit, 'search.none', { query }))
  }
  return { cards, nextOffset: from + products.length < total ? String(from + products.length) : '', personal: true }
}

/** In place of an empty list: what became of the search, and the shop itself to share or to look around in. */
function shopCard(visit: Visit, key: Key, params: Params = {}): InlineCard {
  const { reader } = visit
  const screen: Screen = {
    lines: [{ key: 'home.what' }],
    rows: [[{ label: { key: 'button.open-shop' }, start: 'home' }]],
  }
  return {
    id: 'shop',
    title: say(key, reader, params),
    description: say('inline.none', reader),
    thumbnail: 'brand/home',
    message: screenToMessage(screen, reader),
  }
}

function groupCard(visit: Visit, group: GroupRow): InlineCard {
  const { reader, visitor } = visit
  const params = {
    price: { money: { amount: group.price, currency: group.currency } },
    count: gap(group),
    until: { at: group.deadlineAt },
  }
  const isOpen = group.state === 'open' && group.deadlineAt > reader.now
  const key = !isOpen ? 'inline.group-over' : params.count > 0 ? 'inline.group' : 'inline.group-enough'
  return {
    id: `g_${group.token}`,
    title: title(group.title, visit),
    description: say(key, reader, params),
    ...(group.picture !== null && { thumbnail: group.picture }),
    message: screenToMessage(sharedCard(group, reader, visitor.personId), reader),
  }
}

function productCard(visit: Visit, product: ProductRow): InlineCard {
  const { reader } = visit
  const variant = firstInStock(product)
  const [picture] = product.pictures
  const prices = variant ? variantPrices(variant) : undefined
  return {
    id: `p_${product.productId.toString(36)}`,
    title: title(product.title, visit),
    description: prices ? say(prices.key, reader, prices.params) : say('product.sold-out', reader),
    ...(picture !== undefined && { thumbnail: picture }),
    message: screenToMessage(sharedProduct(visit, product), reader),
  }
}

function variantPrices(variant: ProductRow['variants'][number]) {
  const { currency } = variant
  const price = { money: { amount: variant.price, currency } }
  const { groupPrice, groupLowest, groupLeast } = variant
  if (groupPrice === null || groupLowest === null || groupLeast === null)
    return { key: 'inline.alone' as const, params: { price } }
  const together = { money: { amount: groupPrice, currency } }
  const lowest = { money: { amount: groupLowest, currency } }
  return groupLowest < groupPrice
    ? { key: 'inline.both-ladder' as const, params: { price, together, lowest } }
    : { key: 'inline.both' as const, params: { price, together, count: groupLeast } }
}

/** A product where anybody may read it: the buttons lead to the private chat. */
function sharedProduct(visit: Visit, product: ProductRow): Screen {
  const variant = firstInStock(product)
  const lines: Line[] = cardLines(product, variant, visit, null)
  const start = `i_${product.productId.toString(36)}`
  const row: Button[] = []
  if (variant?.groupPrice) {
    row.push({
      label: {
        key: 'button.together',
        params: { price: { money: { amount: variant.groupPrice, currency: variant.currency } } },
      },
      start,
    })
  }
  row.push({ label: { key: 'button.open' }, start })
  return { ...(product.pictures[0] !== undefined && { picture: product.pictures[0] }), lines, rows: [row] }
}

const title = (words: Words, { reader }: Visit) => shorten(wordsIn(words, reader.language), 120)

/** A card was put into a chat: a group's is remembered, to be kept up to date there. */
export async function inlineChosen(visit: Visit, cardId: string, ref: MessageRef): Promise<void> {
  const [, token] = /^g_([A-Za-z0-9_-]{1,40})$/.exec(cardId) ?? []
  const group = token === undefined ? undefined : await groupByToken(visit.deps.db, token)
  if (!group) return
  await followSharedCard(visit, group.groupId, ref, visit.visitor.personId)
}
