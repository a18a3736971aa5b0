/** Card numbers in the chat: answered, and kept nowhere. */
import { describe, expect, test } from 'vitest'
import type { Step } from '#chat/front.ts'
import { hasCardNumber } from '#chat/card-numbers.ts'
import { intentToAct } from '#chat/intent.ts'
import { ask } from '#shop/people.ts'
import { intentsOf, textOf, useChat } from './support.ts'

const chat = useChat()

test.each([
  '4111111111111111',
  '4111 1111 1111 1111',
  '4111-1111-1111-1111',
  '4111\u00a01111\u00a01111\u00a01111',
  '4111 – 1111 – 1111 – 1111',
  '4111.1111.1111.1111',
  '４１１１１１１１１１１１１１１１',
  'моя карта 2200 7007 1234 5676 12/27 123, спасибо',
  'заказ 12345 4111 1111 1111 1111',
  '4111 1111 1111 1111 12/27 123',
  '378282246310005',
  '6011000990139424',
  '6212345678900000003',
  '4222222222222',
  '+4111111111111111',
])('%j holds a card number', (text) => {
  expect(hasCardNumber(text)).toBe(true)
})

test.each([
  '',
  'чайник',
  '4111 1111 1111 1112',
  '+7 912 345-67-89',
  '8 (912) 345-67-89',
  // Thirteen digits that pass the check, and a plus.
  '+8613812345672',
  '0000000000000000',
  '9'.repeat(4096),
  '12345678901234567890',
  '5000',
  '1 290,50 ₽',
])('%j holds none', (text) => {
  expect(hasCardNumber(text)).toBe(false)
})

describe.each<Step>(['none', 'search', 'city', 'phone', 'name', 'amount'])('asked for %s,', (step) => {
  test('a card number is answered with how to pay, the question stays open and nothing keeps the number', async () => {
    const guest = chat.guest()
    await guest.command('start')
    const data = { next: intentToAct({ do: 'buy-alone', variantId: await chat.anyVariant() }) }
    if (step !== 'none') await ask(chat.shop.db, guest.personId, 'telegram', step, data, chat.shop.now)
    for (const text of ['4111 1111 1111 1111', 'чайник 4111111111111111']) {
      const reply = await guest.write(text)
      guest.expectSays(reply, 'card.never')
      expect(textOf(reply.message)).not.toContain('4111')
      expect(intentsOf(reply.message)).toContainEqual({ do: 'orders' })
      expect(await guest.step()).toBe(step)
      guest.expectSays(await guest.command('search', text), 'card.never')
      expect((await guest.inline(text)).cards).toEqual([])
    }
    const { personId } = guest
    expect(await chat.shop.db.search.count({ where: { personId } })).toBe(0)
    const dialogs = await chat.shop.db.dialog.findMany({ where: { personId } })
    expect(JSON.stringify(dialogs)).not.toContain('4111')
  })
})
