/** A late payer's choice is made by a tap. */
import { chooseForLate, type Choice, type ChoiceRefusal } from '#shop/choices.ts'
import { orderPage } from './orders.ts'
import type { Outcome, Visit } from './visit.ts'
import type { Key } from './words.ts'

const done: Record<Choice['kind'], Key> = {
  group: 'choice.moved-toast',
  'own-group': 'choice.opened-toast',
  'money-back': 'choice.back-toast',
}

/** One of the buttons was pressed. Whatever comes of it, the order is shown as it is now, with what can still be chosen. */
export async function choose(visit: Visit, orderId: number, choice: Choice): Promise<Outcome> {
  const { deps, visitor } = visit
  const wish = { personId: visitor.personId, orderId, choice, now: deps.now() }
  const result = await chooseForLate(deps.db, wish, deps)
  const page = await orderPage(visit, orderId)
  if (result.ok) return { ...page, toast: done[choice.kind] }
  // Somebody else's order: the page says so.
  if (!page.follows) return page
  return { ...page, toast: refusalKey(result.reason), alert: true }
}

function refusalKey(reason: ChoiceRefusal): Key {
  switch (reason) {
    case 'chosen':
    case 'price-rose':
    case 'hold-ends':
      return `choice.${reason}`
    case 'group-full':
    case 'group-over':
    case 'group-not-open':
    case 'not-found':
      return 'choice.group-gone'
    case 'already-in':
    case 'own-shop':
    case 'withdrawn':
    case 'no-group-price':
    case 'too-many-units':
    case 'other-cities':
    case 'too-many-groups':
      return `refusal.${reason}`
  }
}
