/** Orders: states and what they are called by. */

/** `awaiting_choice`: its money came when its group could take it no more, and its buyer says what it shall buy. */
export type OrderState =
  | 'awaiting_payment'
  | 'awaiting_group'
  | 'awaiting_choice'
  | 'packable'
  | 'handed_over'
  | 'delivered'
  | 'cancelled'

/** Letters and digits that cannot be taken for each other when read aloud. */
const alphabet = '23456789ABCDEFGHJKLMNPQRSTUVWXYZ'

/** An order number such as `K7QX-3MPA`, from 8 random bytes: short enough to say, too many to guess. */
export function orderNumber(random: Uint8Array): string {
  const letters = Array.from(random.slice(0, 8), (byte) => alphabet[byte % alphabet.length] ?? '2').join('')
  return `${letters.slice(0, 4)}-${letters.slice(4)}`
}
