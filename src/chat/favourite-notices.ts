/** What people are told of what they keep: that it fell in price, and that it is there again. */
import type { Deps } from '#shop/deps.ts'
import { standingNow } from '#shop/favourites.ts'
import { isShownTo } from '#shop/people.ts'
import { productById } from '#shop/catalog.ts'
import type { Notice } from '#shop/notifications.ts'
import { homeButton } from './home.ts'
import { favouritesButton } from './kept-lists.ts'
import type { Button, Line, Screen } from './screen.ts'

type News = Extract<Notice, { kind: 'price-drop' | 'back-in-stock' }>

/** @returns undefined when it is not so any more: sold out again, dear again, or not to be shown to them. */
export async function favouriteNotice(
  notice: News,
  personId: number,
  deps: Deps,
): Promise<{ screen: Screen } | undefined> {
  const { productId } = notice.data
  const now = deps.now()
  const [product, standing] = await Promise.all([
    productById(deps.db, productId, now),
    standingNow(deps.db, productId, now),
  ])
  if (!product || standing.price === null || !(await isShownTo(deps.db, personId, product))) return undefined
  const price = { money: { amount: standing.price, currency: standing.currency } }
  const params = { title: { words: product.title }, price }
  let line: Line = { key: standing.isTogether ? 'notice.back-together' : 'notice.back-in-stock', params }
  if (notice.kind === 'price-drop') {
    const { was, currency } = notice.data
    if (currency !== standing.currency || standing.price >= BigInt(was)) return undefined
    const key = standing.isTogether ? 'notice.price-drop-together' : 'notice.price-drop'
    line = { key, params: { ...params, was: { money: { amount: BigInt(was), currency } } } }
  }
  const rows: Button[][] = [
    [{ label: { key: 'button.product' }, intent: { do: 'product', productId } }],
    [{ label: { key: 'button.tell-no-more' }, intent: { do: 'tell-no-more', productId } }],
    [favouritesButton, homeButton],
  ]
  return { screen: { ...(product.pictures[0] !== undefined && { picture: product.pictures[0] }), lines: [line], rows } }
}
