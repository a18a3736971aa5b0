/** What a shop lets its buyers pay by. */
import { expect, test } from 'vitest'
import type { Intent } from '#chat/intent.ts'
import { languages } from '#domain/people.ts'
import { intentsOf, textOf, useChat, type Guest } from './support.ts'

const chat = useChat()

async function shopWith(terms: Parameters<typeof chat.shop.goods>[0] = {}) {
  const goods = await chat.shop.goods(terms)
  const seller: Guest = chat.guest({ firstName: 'София' })
  await seller.command('start')
  const { sellerId } = goods
  await chat.shop.db.sellerMember.create({ data: { sellerId, personId: seller.personId, joinedAt: chat.shop.now } })
  const saved = () =>
    chat.shop.db.seller.findUniqueOrThrow({
      where: { id: sellerId },
      select: { paymentMethods: true, onDeliveryMax: true, onDeliveryForGroups: true },
    })
  return { goods, seller, sellerId, saved }
}

test('a way is switched by what its button says, so that two taps are one', async () => {
  const { seller, sellerId, saved } = await shopWith()
  await seller.press({ do: 'payment-settings', sellerId })
  for (let tap = 0; tap < 2; tap += 1) {
    await seller.press({ do: 'offer-method', sellerId, method: 'on-delivery', isOn: 1 })
    expect((await saved()).paymentMethods).toEqual(['card', 'sbp', 'invoice', 'on-delivery'])
  }
  const page = await seller.press({ do: 'offer-method', sellerId, method: 'sbp', isOn: 0 })
  expect(intentsOf(page.message)).toContainEqual({ do: 'offer-method', sellerId, method: 'sbp', isOn: 1 })
  expect((await saved()).paymentMethods).not.toContain('sbp')
})

test('the last way that works stays, even when two people take away the last two at once', async () => {
  // Invoices cannot be shown here, so they are no way to pay.
  const { seller, sellerId, saved } = await shopWith({ terms: { paymentMethods: ['card', 'sbp', 'invoice'] } })
  const off = (method: 'card' | 'sbp') => seller.press({ do: 'offer-method', sellerId, method, isOn: 0 })
  const replies = await Promise.all([off('card'), off('sbp')])
  expect(replies.filter(({ alert }) => alert)).toMatchObject([{ toast: seller.say('pay-settings.last-one') }])
  expect((await saved()).paymentMethods.filter((method) => method !== 'invoice')).toHaveLength(1)
  const forged = await seller.press({ do: 'offer-method', sellerId, method: 'invoice', isOn: 1 })
  seller.expectSays(forged, 'confused.not-found')
})

test('a limit at the door is typed, refused while it is nonsense, and taken away', async () => {
  const { seller, sellerId, saved } = await shopWith({ terms: { paymentMethods: ['card', 'on-delivery'] } })
  await seller.press({ do: 'payment-settings', sellerId })
  await seller.pressFirst('door-limit')
  for (const typed of ['', '0', '-1', 'сто', '9'.repeat(20)]) {
    seller.expectSays(await seller.write(typed), 'pay-settings.limit-unclear')
    expect(await seller.step()).toBe('amount')
  }
  const page = await seller.write('5 000 ₽')
  seller.expectSays(page, 'pay-settings.limit', { sum: { money: { amount: 500_000n, currency: 'RUB' } } })
  expect(await seller.step()).toBe('none')
  expect((await saved()).onDeliveryMax).toBe(500_000n)
  await seller.pressFirst('no-door-limit')
  expect((await saved()).onDeliveryMax).toBeNull()
})

test('groups at the door are allowed after the risk was said', async () => {
  const { seller, sellerId, saved } = await shopWith({ terms: { paymentMethods: ['card', 'on-delivery'] } })
  await seller.press({ do: 'payment-settings', sellerId })
  seller.expectSays(await seller.pressFirst('ask-door-groups'), 'pay-settings.groups-risk')
  expect((await saved()).onDeliveryForGroups).toBe(false)
  await seller.pressFirst('door-groups')
  expect((await saved()).onDeliveryForGroups).toBe(true)
  await seller.pressFirst('door-groups')
  expect((await saved()).onDeliveryForGroups).toBe(false)
})

test('every setting has words in every language', async () => {
  const terms = { paymentMethods: ['card', 'on-delivery'] as ('card' | 'on-delivery')[], onDeliveryMax: 100n }
  const { seller, sellerId } = await shopWith({ terms })
  for (const language of languages) {
    await seller.press({ do: 'set-language', language })
    for (const name of ['payment-settings', 'ask-door-groups', 'door-limit'] as const) {
      expect(textOf((await seller.press({ do: name, sellerId })).message)).not.toContain('pay-settings.')
    }
  }
})

test('a shop of others is refused, and nothing is written', async () => {
  const { sellerId, saved } = await shopWith()
  const { seller: stranger } = await shopWith()
  const before = await saved()
  const intents: Intent[] = [
    { do: 'payment-settings', sellerId },
    { do: 'offer-method', sellerId, method: 'sbp', isOn: 0 },
    { do: 'ask-door-groups', sellerId },
    { do: 'door-groups', sellerId, isOn: 1 },
    { do: 'door-limit', sellerId },
    { do: 'no-door-limit', sellerId },
  ]
  for (const intent of intents) {
    expect(textOf((await stranger.press(intent)).message)).toBe(stranger.say('confused.not-found'))
  }
  expect(await stranger.step()).toBe('none')
  expect(await saved()).toEqual(before)
})
