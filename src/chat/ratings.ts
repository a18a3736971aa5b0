/** How a buyer liked what an order brought them. */
import type { Words } from '#domain/people.ts'
import type { Button, Screen } from './screen.ts'
import { homeButton } from './home.ts'

const fewest = 1
const most = 5
/** Buttons of one message that every messenger shows. */
const buttonsMax = 10

/**
 * Five stars side by side where they fit, until one is chosen; else one button that leads to them.
 * @param taken buttons that the screen has besides.
 */
export function ratingRow(orderId: number, own: number | undefined, taken: number): Button[] {
  if (own === undefined && taken + most <= buttonsMax) return starButtons(orderId, own)
  const label =
    own === undefined ? { key: 'button.rate' as const } : { key: 'button.rated' as const, params: { stars: own } }
  return [{ label, intent: { do: 'rate-page', orderId } }]
}

function starButtons(orderId: number, own: number | undefined): Button[] {
  return Array.from({ length: most }, (_, at): Button => {
    const stars = fewest + at
    const key = stars === own ? 'button.star-own' : 'button.star'
    return { label: { key, params: { stars } }, intent: { do: 'rate', orderId, stars } }
  })
}

export function ratingScreen(orderId: number, title: Words, own: number | undefined): Screen {
  const order: Button = { label: { key: 'button.my-order' }, intent: { do: 'order', orderId } }
  return {
    lines: [{ key: 'rating.ask', params: { title: { words: title } } }],
    rows: [starButtons(orderId, own), [order, homeButton]],
  }
}
