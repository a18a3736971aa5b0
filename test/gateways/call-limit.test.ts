import fc from 'fast-check'
import { expect, test } from 'vitest'
import { limitCalls, type CallClock } from '#gateways/call-limit.ts'
import { createTelegramPayments } from '#gateways/telegram-payments.ts'
import { createYookassa } from '#gateways/yookassa.ts'
import { onDelivery } from '#gateways/on-delivery.ts'
import type { PaymentProvider, ProviderPayment, ProviderResult } from '#gateways/payments.ts'

const clockThatStands: CallClock = { now: () => 0, sleep: () => Promise.reject(new Error('nothing asked to wait')) }

type Call = { externalId: string; answer(result: ProviderResult<ProviderPayment>): void; fail(error: Error): void }

/** A company that answers `find` when the test says so, and remembers what was asked at which moment. */
function company(): { provider: PaymentProvider; calls: Call[]; underWay(): number; most(): number } {
  const calls: Call[] = []
  let underWay = 0
  let most = 0
  const find = (externalId: string) =>
    new Promise<ProviderResult<ProviderPayment>>((resolve, reject) => {
      underWay += 1
      most = Math.max(most, underWay)
      calls.push({
        externalId,
        answer(result) {
          underWay -= 1
          resolve(result)
        },
        fail(error) {
          underWay -= 1
          reject(error)
        },
      })
    })
  return { provider: { ...onDelivery, name: 'slow', find }, calls, underWay: () => underWay, most: () => most }
}

const found = (externalId: string): ProviderResult<ProviderPayment> => ({
  ok: true,
  value: { externalId, state: 'captured', amount: { amount: 1n, currency: 'RUB' } },
})

/** Lets everything that waits for nothing but promises happen. */
const settled = () => new Promise((resolve) => setImmediate(resolve))

test('no more calls than allowed are under way, and all are served in the order in which they came', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.integer({ min: 1, max: 8 }),
      fc.integer({ min: 0, max: 40 }),
      fc.infiniteStream(fc.nat()),
      fc.infiniteStream(fc.boolean()),
      async (max, count, picks, failures) => {
        const slow = company()
        const limited = limitCalls(slow.provider, max, clockThatStands)
        const ids = Array.from({ length: count }, (_, index) => String(index))
        const results = Promise.allSettled(ids.map((id) => limited.find(id)))
        let answered = 0
        const open: Call[] = []
        while (answered < count) {
          await settled()
          open.push(...slow.calls.slice(answered + open.length))
          // As many as may be, always: a free place is never left empty while somebody waits.
          expect(slow.underWay()).toBe(Math.min(max, count - answered))
          const [call] = open.splice(picks.next().value % open.length, 1)
          if (failures.next().value) call?.fail(new Error('a defect'))
          else call?.answer(found(call.externalId))
          answered += 1
        }
        expect(slow.most()).toBe(Math.min(max, count))
        expect(slow.calls.map(({ externalId }) => externalId)).toEqual(ids)
        for (const [index, outcome] of (await results).entries()) {
          const id = outcome.status === 'fulfilled' && outcome.value.ok ? outcome.value.value.externalId : String(index)
          expect(id).toBe(String(index))
        }
      },
    ),
    { numRuns: 60 },
  )
})

test('a call that throws gives its place to the next', async () => {
  const slow = company()
  const limited = limitCalls(slow.provider, 1, clockThatStands)
  const [first, second] = [limited.find('1'), limited.find('2')]
  await settled()
  expect(slow.calls).toHaveLength(1)
  slow.calls[0]?.fail(new Error('a defect'))
  await expect(first).rejects.toThrow('a defect')
  await settled()
  slow.calls[1]?.answer(found('2'))
  expect(await second).toEqual(found('2'))
  await expect(limited.create({} as never)).rejects.toThrow('no provider')
})

test('after a pace limit nothing starts before its time, and what waited keeps its order', async () => {
  let now = 1000
  let sleeping: { until: number; wake: () => void }[] = []
  const clock: CallClock = {
    now: () => now,
    sleep: (ms) => new Promise((resolve) => sleeping.push({ until: now + ms, wake: resolve })),
  }
  const pass = async (ms: number) => {
    now += ms
    const awake = sleeping.filter(({ until }) => until <= now)
    sleeping = sleeping.filter(({ until }) => until > now)
    for (const { wake } of awake) wake()
    await settled()
  }
  const slow = company()
  const limited = limitCalls(slow.provider, 2, clock)
  const results = ['1', '2', '3', '4'].map((id) => limited.find(id))
  await settled()
  slow.calls[0]?.answer({ ok: false, kind: 'unknown', detail: 'HTTP 429', retryAfterMs: 500 })
  expect(await results[0]).toMatchObject({ retryAfterMs: 500 })
  await settled()
  slow.calls[1]?.answer({ ok: false, kind: 'unknown', detail: 'HTTP 429', retryAfterMs: 100 })
  await settled()
  expect(slow.calls).toHaveLength(2)
  await pass(499)
  expect(slow.calls).toHaveLength(2)
  await pass(1)
  expect(slow.calls.map(({ externalId }) => externalId)).toEqual(['1', '2', '3', '4'])
})

test('the limit changes nothing else, and none is no limit', () => {
  const { provider } = company()
  const limited = limitCalls(provider, 3, clockThatStands)
  expect(limited.name).toBe('slow')
  expect(limited.capabilities).toBe(provider.capabilities)
  expect(Object.keys(limited).sort()).toEqual(Object.keys(provider).sort())
  // What only some providers have goes through too: a Telegram invoice has its receipt from here.
  const real = createYookassa({ shopId: '1', secretKey: 's' })
  expect(Object.keys(limitCalls(real, 3, clockThatStands)).sort()).toEqual(Object.keys(real).sort())
  expect(createTelegramPayments({ acquirer: limitCalls(real, 3, clockThatStands) }).capabilities.receipts).toBe(true)
  for (const max of [0, -1, 1.5, Number.NaN]) {
    expect(() => limitCalls(provider, max, clockThatStands)).toThrow('at least one')
  }
})
