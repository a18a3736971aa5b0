/** The buttons of a product's page that are about its reader: what they keep, what they may ask. */
import type { Button } from './screen.ts'

type FavouriteView = { variantId: number; photo: number; searchId: number; page: number }

/**
 * Keeps a product or no longer does. The button says what it leads to, not "the other way": tapped twice it does the same.
 * @param view what the page shows, to come back to.
 */
export function favouriteButton(
  productId: number,
  isFavourite: boolean,
  { variantId, photo, searchId, page }: FavouriteView,
): Button {
  return {
    label: { key: isFavourite ? 'button.kept' : 'button.keep-it' },
    intent: { do: 'favourite', productId, isOn: isFavourite ? 0 : 1, variantId, photo, searchId, page },
  }
}

/** Leads to what others asked about a product, and to asking. */
export function questionButton(productId: number, questions: number): Button {
  return questions === 0
    ? { label: { key: 'button.ask-shop' }, intent: { do: 'ask-question', productId } }
    : {
        label: { key: 'button.questions', params: { total: questions } },
        intent: { do: 'questions', productId, page: 0 },
      }
}
