/** The ways to an order that flows share. */
import type { Key } from '#chat/words.ts'
import { until } from './child.ts'
import type { Person, Stage } from './stage.ts'
import { choosePoint, shareGroup } from './story.ts'

/** Finds a product by words that no other search of theirs used, and opens its page. */
export async function openProduct(person: Person, words: string): Promise<void> {
  await person.say(words)
  const card = await person.sees('search.place-for', { page: 1, query: words })
  await person.tap(['button.details', 'button.choose'])
  // In place: the pages of what they looked at before stand above.
  await until('the page', async () => (await person.sees('product.left')).message_id === card.message_id)
}

/** Finds a product and presses a way to buy it. */
export async function choose(person: Person, words: string, button: Key): Promise<void> {
  await openProduct(person, words)
  await person.tap(button)
}

/** Where parcels go, asked once. */
export async function giveDetails(stage: Stage, person: Person): Promise<void> {
  await person.sees('delivery.ask-city')
  await person.say('Казань')
  await choosePoint(stage, person)
  await person.sees('delivery.ask-phone')
  await person.say('+7 912 345-67-89')
}

/** Opens a group for a product and pays its first seat. @returns its id. */
export async function openGroup(stage: Stage, person: Person, words: string): Promise<number> {
  await choose(person, words, 'button.buy-together')
  await giveDetails(stage, person)
  await person.sees('order.hold-group')
  await person.pay()
  await person.sees('notice.seat-paid')
  const identity = { some: { externalId: String(person.id) } }
  const group = await stage.db.group.findFirstOrThrow({
    where: { leader: { identities: identity } },
    orderBy: { id: 'desc' },
  })
  return group.id
}

/** Puts the group's card into a chat. */
export async function share(stage: Stage, person: Person, chat: number): Promise<void> {
  await shareGroup(stage, person, chat)
  await until('the card is known', async () => (await stage.db.liveCard.count({ where: { personId: null } })) > 0)
}
