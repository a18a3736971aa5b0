/** What people do with goods beside buying them: each intent to its feature. */
import { againOf } from '#shop/buy-again.ts'
import { favouritesMax, keep, keepNoLonger } from '#shop/favourites.ts'
import { orderOf } from '#shop/orders.ts'
import { rate, ratingOf } from '#shop/ratings.ts'
import { homeButton, notFound } from './home.ts'
import type { KeptIntent } from './kept-codes.ts'
import { favouriteLess, favouritesButton, favouritesLess, favouritesPage, seenPage, tellNoMore } from './kept-lists.ts'
import { orderPage } from './orders.ts'
import { product } from './product.ts'
import { askAnswer, askQuestion, questionsPage, shopQuestions } from './questions.ts'
import { ratingScreen } from './ratings.ts'
import type { Button } from './screen.ts'
import type { Outcome, Visit } from './visit.ts'

export async function followKept(visit: Visit, intent: KeptIntent): Promise<Outcome> {
  switch (intent.do) {
    case 'favourite':
      return setFavourite(visit, intent)
    case 'favourites':
      return favouritesPage(visit, intent.page)
    case 'favourites-less':
      return favouritesLess(visit, intent.page)
    case 'favourite-less':
      return favouriteLess(visit, intent.productId, intent.page)
    case 'tell-no-more':
      return tellNoMore(visit, intent.productId)
    case 'seen':
      return seenPage(visit, intent.page)
    case 'buy-again':
      return buyAgain(visit, intent.orderId)
    case 'questions':
      return questionsPage(visit, intent.productId, intent.page)
    case 'ask-question':
      return askQuestion(visit, intent.productId)
    case 'answer-question':
      return askAnswer(visit, intent.questionId)
    case 'shop-questions':
      return shopQuestions(visit, intent.sellerId, intent.page)
    case 'rate':
      return rateOrder(visit, intent.orderId, intent.stars)
    case 'rate-page':
      return ratingPage(visit, intent.orderId)
  }
}

/** The page stays where it is, with the other button. */
async function setFavourite(visit: Visit, asked: Extract<KeptIntent, { do: 'favourite' }>): Promise<Outcome> {
  const { deps, visitor } = visit
  const { personId } = visitor
  const { do: _do, isOn, ...view } = asked
  const { productId, variantId } = view
  if (isOn !== 1) {
    await keepNoLonger(deps.db, personId, productId)
    return { ...(await product(visit, view)), toast: 'favourites.removed' }
  }
  const result = await keep(deps.db, personId, productId, deps.now())
  if (result.ok) return { ...(await product(visit, view)), toast: 'favourites.kept' }
  if (result.reason === 'not-found') return notFound()
  const back: Button = { label: { key: 'button.product' }, intent: { do: 'variant', productId, variantId } }
  const line = { key: 'refusal.too-many-favourites', params: { count: favouritesMax } } as const
  return { screen: { lines: [line], rows: [[favouritesButton], [back, homeButton]] } }
}

/** The page of the same variant; of something else only with a word that it is something else. */
async function buyAgain(visit: Visit, orderId: number): Promise<Outcome> {
  const { deps, visitor, isAdult } = visit
  const found = await againOf(deps.db, { orderId, personId: visitor.personId, isAdult, now: deps.now() })
  if (!found.ok && found.reason === 'not-found') return notFound()
  if (!found.ok) {
    const categories: Button = { label: { key: 'button.categories' }, intent: { do: 'categories' } }
    return { screen: { lines: [{ key: 'again.nothing' }], rows: [[categories, homeButton]] } }
  }
  const { productId, variantId, instead } = found
  const page = await product(visit, { productId, variantId })
  return instead === undefined ? page : { ...page, toast: `again.${instead}`, alert: true }
}

async function rateOrder(visit: Visit, orderId: number, stars: number): Promise<Outcome> {
  const { deps, visitor } = visit
  const result = await rate(deps.db, { orderId, personId: visitor.personId, stars, now: deps.now() })
  return result.ok ? { ...(await orderPage(visit, orderId)), toast: 'rating.saved' } : notFound()
}

async function ratingPage({ deps, visitor }: Visit, orderId: number): Promise<Outcome> {
  const order = await orderOf(deps.db, orderId, visitor.personId)
  if (order?.state !== 'delivered') return notFound()
  return { screen: ratingScreen(orderId, order.title, await ratingOf(deps.db, visitor.personId, order.productId)) }
}
