/**
 * People in front of the chat: an Intent in, a Screen or Message out, through the real front with the real shop behind it.
 * Every message that anybody is shown here is measured against the floors of all messengers.
 */
import { beforeAll, expect } from 'vitest'
import { createFront } from '#chat/dispatch.ts'
import type { Front, Step, Visitor } from '#chat/front.ts'
import { actToIntent, intentToAct, type Intent } from '#chat/intent.ts'
import type { Answer, InlineReply, Place, Reply } from '#chat/messenger.ts'
import type { Message, MessageButton, Params } from '#chat/screen.ts'
import { say, type Reader } from '#chat/text.ts'
import type { Key } from '#chat/words.ts'
import { refreshDueListings } from '#shop/listings.ts'
import { setRecipient } from '#shop/people.ts'
import { kazan, useShop, type Shop } from '../shop/support.ts'

export type Person = { externalId: string; firstName: string; username?: string; languageCode?: string }

export function useChat() {
  const shop = useShop('demo')
  let front: Front | undefined
  let made = 0
  const invitations: string[] = []

  beforeAll(async () => {
    front = createFront(shop.deps)
    const sellers = await shop.db.seller.findMany({ orderBy: { id: 'asc' } })
    invitations.push(...sellers.map(({ invitation }) => invitation))
  })

  const chat = {
    shop,
    /** Of the two demo shops. */
    invitations,
    get front(): Front {
      if (!front) throw new Error('the chat exists inside tests and hooks only')
      return front
    },
    /** What the tick does: search finds what has changed. */
    refresh: () => refreshDueListings(shop.db, shop.now),
    /** Somebody who has not written yet. */
    guest(who: Partial<Person> = {}) {
      return createGuest(chat.front, shop, {
        externalId: `chat-${++made}`,
        firstName: 'Анна',
        languageCode: 'ru',
        ...who,
      })
    },
    /** Somebody whose parcels have a place to go to. */
    async buyer(who: Partial<Person> = {}) {
      const guest = chat.guest(who)
      await guest.command('start')
      await setRecipient(shop.db, guest.personId, kazan, shop.now)
      return guest
    },
    async anyVariant(): Promise<number> {
      const level = await shop.db.stockLevel.findFirstOrThrow({
        where: { onHand: { gt: 20 } },
        orderBy: { variantId: 'asc' },
      })
      return level.variantId
    },
    productOf: async (slug: string) =>
      shop.db.product.findFirstOrThrow({ where: { externalId: slug }, include: { variants: true } }),
  }
  return chat
}

export type Guest = ReturnType<typeof createGuest>

let updates = 0

/** A shared card is one group's. */
const refOf = (intent: Intent, place: Place) =>
  place === 'shared' && 'groupId' in intent ? `m:group-${intent.groupId}` : 'm:1'

function createGuest(front: Front, shop: Shop, who: Person) {
  const sender = { messenger: 'telegram' as const, ...who }
  let last: Message | undefined
  let personId: number | undefined
  let reader: Reader = { language: 'ru', timeZone: 'Europe/Moscow', now: shop.now }

  /** One update from beginning to end; the same `updateId` again is a repeated one. */
  async function visit<T>(handle: (visitor: Visitor) => Promise<T>, updateId = `u${++updates}`): Promise<T> {
    const arrival = { sender, updateId }
    const begun = await front.begin(arrival, true)
    if (begun.handled) throw new Error(`update ${updateId} was handled before`)
    const { visitor } = begun
    personId = visitor.personId
    const result = await handle(visitor)
    reader = { language: visitor.language, timeZone: 'Europe/Moscow', now: shop.now }
    return result
  }

  async function reply(handle: (visitor: Visitor) => Promise<Reply>, updateId?: string): Promise<Reply> {
    const answer = await visit(handle, updateId)
    checkReply(answer)
    if (answer.message) last = answer.message
    return answer
  }

  const guest = {
    sender,
    get personId(): number {
      if (personId === undefined) throw new Error('they have not written yet')
      return personId
    },
    /** How they were answered last. */
    get reader(): Reader {
      return reader
    },
    get last(): Message {
      if (!last) throw new Error('they have not been shown anything yet')
      return last
    },
    command: (name: string, payload = '') => reply((visitor) => front.onCommand(visitor, name, payload)),
    /** Sends an answer to whatever was asked. */
    send: (answer: Answer) => reply((visitor) => front.onAnswer(visitor, visitor.step, answer)),
    write: (text: string) => guest.send({ kind: 'text', text }),
    press: (intent: Intent, { place = 'private', updateId }: { place?: Place; updateId?: string } = {}) =>
      reply((visitor) => front.onTap(visitor, intentToAct(intent), place, refOf(intent, place)), updateId),
    tap: (act: string, place: Place = 'private') => reply((visitor) => front.onTap(visitor, act, place, 'i:card')),
    pressFirst: (name: Intent['do']) => guest.press(intentOf(last, name)),
    async inline(query: string, offset = ''): Promise<InlineReply> {
      const answer = await visit((visitor) => front.onInline(visitor, query, offset))
      for (const card of answer.cards) {
        checkMessage(card.message)
        expect(Buffer.byteLength(card.id)).toBeLessThanOrEqual(64)
        expect(card.title).not.toBe('')
      }
      expect(answer.cards.length).toBeLessThanOrEqual(50)
      return answer
    },
    visit,
    step: (): Promise<Step> => visit(async ({ step }) => step),
    say: (key: Key, params?: Params) => say(key, { ...reader, now: shop.now }, params),
    /** Asserts that what they see contains the sentence, as they would read it. */
    expectSays(answer: Reply | Message | undefined, key: Key, params?: Params) {
      const message = answer && 'rows' in answer ? answer : answer?.message
      expect(textOf(message)).toContain(guest.say(key, params))
    },
  }
  return guest
}

export function textOf(message: Message | undefined): string {
  return (message?.text ?? []).map(({ text }) => text).join('')
}

export function buttonsOf(message: Message | undefined): MessageButton[] {
  return (message?.rows ?? []).flat()
}

export function intentsOf(message: Message | undefined): Intent[] {
  return buttonsOf(message).flatMap((button) => ('act' in button ? (actToIntent(button.act) ?? []) : []))
}

/** The first button that does this; fails when there is none. */
export function intentOf<D extends Intent['do']>(message: Message | undefined, name: D): Extract<Intent, { do: D }> {
  const found = intentsOf(message).find((intent) => intent.do === name)
  if (!found) throw new Error(`no button for ${name} among ${JSON.stringify(intentsOf(message))}: ${textOf(message)}`)
  return found as Extract<Intent, { do: D }>
}

const startPayload = /^[A-Za-z0-9_-]{1,64}$/
const halfCharacter = /\p{Surrogate}/u

function checkReply(reply: Reply): void {
  if (reply.message) checkMessage(reply.message)
  // Something always comes back.
  expect(reply.message ?? reply.toast ?? reply.open).toBeDefined()
  if (reply.toast !== undefined) expect(reply.toast.length).toBeLessThanOrEqual(200)
  if (reply.open !== undefined) expect(reply.open).toMatch(startPayload)
}

/** The floors of all messengers, and a way on. */
export function checkMessage(message: Message): void {
  const text = textOf(message)
  const buttons = buttonsOf(message)
  expect(text.trim()).not.toBe('')
  expect(text.length > (message.picture === undefined ? 4000 : 1024) ? text : '').toBe('')
  expect(text).not.toContain('[object')
  expect(text).not.toMatch(halfCharacter)
  expect(buttons.length).toBeLessThanOrEqual(10)
  expect(message.ask || buttons[0] ? '' : `no way on from: ${text}`).toBe('')
  for (const button of buttons) {
    expect(button.label.trim()).not.toBe('')
    expect(button.label.length > 40 ? button.label : '').toBe('')
    expect(button.label).not.toMatch(halfCharacter)
    if ('act' in button) {
      expect(Buffer.byteLength(button.act)).toBeLessThanOrEqual(64)
      expect(actToIntent(button.act) ? '' : `a dead button: ${button.act}`).toBe('')
    }
    if ('start' in button) expect(button.start).toMatch(startPayload)
    if ('share' in button) expect(button.share).toMatch(startPayload)
    if ('pay' in button) expect(button.pay).toMatch(/^https?:\/\//)
    if ('url' in button) expect(button.url).toMatch(/^https?:\/\//)
  }
}
