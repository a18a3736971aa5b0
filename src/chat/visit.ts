/** What every feature of the chat is given: who asks, in which words to answer, and what the shop stands on. */
import type { Deps } from '#shop/deps.ts'
import type { Purchase } from '#shop/checkout.ts'
import type { City } from '#shop/people.ts'
import type { Visitor } from './front.ts'
import type { Intent } from './intent.ts'
import type { Follows } from './messenger.ts'
import type { Screen } from './screen.ts'
import type { Key } from './words.ts'
import type { Reader } from './text.ts'

/** One request of one person. */
export type Visit = {
  visitor: Visitor
  reader: Reader
  /** What we know already of the question that is open. */
  asked: Record<string, unknown>
  /** Where the visitor's parcels go, as it was when the update arrived. */
  city: City | null
  /** They said that they are eighteen. */
  isAdult: boolean
  deps: Deps
}

/** What a feature answers; `dispatch.ts` puts it into words. */
export type Outcome = {
  screen?: Screen
  toast?: Key
  alert?: boolean
  asNew?: boolean
  open?: string
  follows?: Follows
}

/** A purchase as the button that asks for it, to go on with after a question. */
export function purchaseToIntent(purchase: Purchase): Intent {
  switch (purchase.kind) {
    case 'alone':
      return { do: 'buy-alone', variantId: purchase.variantId }
    case 'own-group': {
      const { variantId, units = 1, formerId } = purchase
      if (units > 1) return { do: 'together-as', variantId, units, formerId: formerId ?? 0 }
      return formerId === undefined ? { do: 'buy-together', variantId } : { do: 'again', groupId: formerId, variantId }
    }
    case 'join': {
      const { groupId, variantId = 0, units = 1 } = purchase
      return variantId === 0 && units === 1 ? { do: 'join', groupId } : { do: 'join-as', groupId, variantId, units }
    }
  }
}

export function intentToPurchase(intent: Intent | undefined): Purchase | undefined {
  if (intent?.do === 'buy-alone') return { kind: 'alone', variantId: intent.variantId }
  if (intent?.do === 'buy-together') return { kind: 'own-group', variantId: intent.variantId }
  if (intent?.do === 'again') return { kind: 'own-group', variantId: intent.variantId, formerId: intent.groupId }
  if (intent?.do === 'together-as') {
    const { variantId, units, formerId } = intent
    return { kind: 'own-group', variantId, units, ...(formerId > 0 && { formerId }) }
  }
  if (intent?.do === 'join') return { kind: 'join', groupId: intent.groupId }
  if (intent?.do === 'join-as') {
    const { groupId, variantId, units } = intent
    return { kind: 'join', groupId, units, ...(variantId > 0 && { variantId }) }
  }
  return undefined
}
