/** Card numbers that somebody sends into the chat: never to be read further, kept or repeated. */
import { homeButton } from './home.ts'
import type { Screen } from './screen.ts'

/** Groups of digits as people write card numbers, with spaces, dashes or dots between them. */
const groupsOfDigits = /\d+(?:[\s.\-–—_]{1,3}\d+)*/g

/**
 * Whether 13 to 19 digits in a row, however grouped, are a card's by their check digit. A number with a plus is a phone's
 * up to its 15 digits; a card's never begins with 0.
 */
export function hasCardNumber(text: string): boolean {
  const plain = text.normalize('NFKC')
  for (const { 0: run, index } of plain.matchAll(groupsOfDigits)) {
    const groups = run.match(/\d+/g) ?? []
    const isPhone = plain[index - 1] === '+' && groups.join('').length <= 15
    if (!isPhone && groups.some((_, from) => beginsCard(groups.slice(from)))) return true
  }
  return false
}

function beginsCard(groups: readonly string[]): boolean {
  let digits = ''
  for (const group of groups) {
    digits += group
    if (digits.length > 19) return false
    if (digits.length >= 13 && !digits.startsWith('0') && passesLuhn(digits)) return true
  }
  return false
}

/** ISO/IEC 7812-1. */
function passesLuhn(digits: string): boolean {
  let sum = 0
  for (let fromRight = 0; fromRight < digits.length; fromRight += 1) {
    const digit = Number(digits[digits.length - 1 - fromRight])
    const weighed = fromRight % 2 === 0 ? digit : digit * 2
    sum += weighed > 9 ? weighed - 9 : weighed
  }
  return sum % 10 === 0
}

export function cardNumberScreen(): Screen {
  return {
    lines: [{ key: 'card.never' }, { gap: true }, { key: 'card.how' }],
    rows: [[{ label: { key: 'button.orders' }, intent: { do: 'orders' } }, homeButton]],
  }
}
