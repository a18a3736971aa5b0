/** Goods for grown-ups: nothing of them is shown before somebody says that they are eighteen. */
import { confirmAdult } from '#shop/people.ts'
import { groupPage } from './group-buy.ts'
import { homeButton } from './home.ts'
import { product } from './product.ts'
import type { Screen } from './screen.ts'
import type { Outcome, Visit } from './visit.ts'

export const notAdult: Screen = {
  picture: 'brand/categories',
  lines: [{ key: 'adult.no' }],
  rows: [[{ label: { key: 'button.search' }, intent: { do: 'ask-search' } }, homeButton]],
}

/** They are: kept, and what they wanted to see is opened. */
export async function adultConfirmed(
  visit: Visit,
  { productId, variantId, groupId }: { productId: number; variantId: number; groupId: number },
): Promise<Outcome> {
  await confirmAdult(visit.deps.db, visit.visitor.personId, visit.deps.now())
  const grown = { ...visit, isAdult: true }
  return groupId > 0 ? groupPage(grown, groupId) : product(grown, { productId, variantId })
}
