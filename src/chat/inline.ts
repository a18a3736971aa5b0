/** `@bot words` in any chat: products as cards, or the card of a group that is shared. */
import { isShown } from '#domain/adult.ts'
import { gap } from '#domain/group-buy.ts'
import { wordsIn, type Words } from '#domain/people.ts'
import { productById, type ProductRow } from '#shop/catalog.ts'
import { groupByLink, groupByToken, type GroupRow } from '#shop/group-buy.ts'
import { browse, suggest, type Found } from '#shop/search.ts'
import { cardLines, firstInStock, publicPicture, searcherOf } from './catalog.ts'
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
    const isShared = group && group.state !== 'draft' && isShown(group, visit)
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
    const isSeen = product !== undefined && isShown(product, visit)
    const isOnSale = isSeen && !product.withdrawn && product.variants.length > 0
    const card = isOnSale ? productCard(visit, product) : shopCard(visit, 'confused.not-found')
    return { cards: [card], nextOffset: '', personal: true }
  }
  const from = /^\d{1,6}$/.test(offset) ? Number(offset) : 0
  const words = query.trim().slice(0, 200)
  const { found, because } = await lookUp(visit, words, from)
  // In a list of cards there is no room to say that these are of another kind than was asked for.
  const products = found.wayOn?.kind === 'category' ? [] : found.products
  const cards = products
    .filter((product) => isShown(product, visit))
    .map((product) => productCard(visit, product, because))
  if (cards.length === 0 && from === 0) {
    const query = shorten(words, 60)
    cards.push(words === '' ? shopCard(visit, 'category.none') : shopCard(visit, 'search.none', { query }))
  }
  const next = from + products.length
  const hasNext = products.length > 0 && (found.isMore || next < found.total)
  return { cards, nextOffset: hasNext ? String(next) : '', personal: true }
}

/** Why other words than those typed were searched: said on each card, for nothing else of a list is ours. */
type Because = { key: 'inline.shown-for' | 'inline.instead-of'; params: { shown: string; asked: string } }

/**
 * What is found for the words as they are; while the last of them is still being typed, for the word that it begins. What
 * is decided does not depend on `from`: the pages of one answer belong together.
 */
async function lookUp(visit: Visit, words: string, from: number): Promise<{ found: Found; because?: Because }> {
  const { deps } = visit
  const searcher = searcherOf(visit)
  const find = (query: string) => browse(deps.db, query, searcher, from, pageSize, deps.now())
  const found = await find(words)
  const asked = shorten(words, 30)
  const isExact = words === '' || (found.total > 0 && !found.repair && !found.wayOn)
  const [word] = isExact ? [] : await suggest(deps.db, words, 1, visit)
  if (word !== undefined && word !== words) {
    const completed = await find(word)
    if (completed.total > 0 && !completed.repair && !completed.wayOn)
      return { found: completed, because: { key: 'inline.shown-for', params: { shown: shorten(word, 30), asked } } }
  }
  const { repair, wayOn } = found
  const shown = repair?.shown ?? (wayOn?.kind === 'relaxed' ? wayOn.kept : undefined)
  if (shown === undefined) return { found }
  return { found, because: { key: 'inline.instead-of', params: { shown: shorten(shown, 30), asked } } }
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

function productCard(visit: Visit, product: ProductRow, because?: Because): InlineCard {
  const { reader } = visit
  const variant = firstInStock(product)
  const picture = publicPicture(product)
  const known = variant ? variantPrices(variant) : undefined
  const prices = known ? say(known.key, reader, known.params) : say('product.sold-out', reader)
  return {
    id: `p_${product.productId.toString(36)}`,
    title: title(product.title, visit),
    description: because ? say(because.key, reader, { ...because.params, prices }) : prices,
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
  const picture = publicPicture(product)
  return { ...(picture !== undefined && { picture }), lines, rows: [row] }
}

const title = (words: Words, { reader }: Visit) => shorten(wordsIn(words, reader.language), 120)

/** A card was put into a chat: a group's is remembered, to be kept up to date there. */
export async function inlineChosen(visit: Visit, cardId: string, ref: MessageRef): Promise<void> {
  const [, token] = /^g_([A-Za-z0-9_-]{1,40})$/.exec(cardId) ?? []
  const group = token === undefined ? undefined : await groupByToken(visit.deps.db, token)
  if (!group) return
  await followSharedCard(visit, group.groupId, ref, visit.visitor.personId)
}
