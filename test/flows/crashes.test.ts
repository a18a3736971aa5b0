/** Deaths in the middle of the work, not between two pieces of it. */
import { afterAll, beforeAll, expect, test, vi } from 'vitest'
import { setTimeout as sleep } from 'node:timers/promises'
import { until } from './child.ts'
import { choose, giveDetails, openGroup, openProduct } from './shopping.ts'
import { openStage, type Person, type Stage } from './stage.ts'
import { toPattern } from './words.ts'

// A slow machine restarts processes slowly.
vi.setConfig({ testTimeout: 180_000 })

let stage: Stage

beforeAll(async () => {
  stage = await openStage('polling')
})
afterAll(async () => {
  await stage.close()
})

const said = async (person: Person) =>
  (await stage.transcript(person.id)).flatMap(({ from, text, caption }) =>
    from?.is_bot ? [text ?? caption ?? ''] : [],
  )

const ordersOf = async (person: Person) =>
  stage.db.order.findMany({
    where: { person: { identities: { some: { externalId: String(person.id) } } } },
    orderBy: { id: 'asc' },
    include: { payments: true },
  })

test('killed at any moment of handling a tap to buy, the bot makes one order with one payment page', async () => {
  const anna = await stage.person('Анна', 'ru')
  await choose(anna, 'чайник', 'button.buy-alone')
  await giveDetails(stage, anna)
  await anna.sees('order.hold-alone')
  await stage.settled()
  const goods = ['тостер', 'веб-камера', 'мышь tapio', 'настольная лампа']
  for (const [at, words] of goods.entries()) {
    await stage.bot.isUp()
    await openProduct(anna, words)
    await stage.settled()
    const tapped = anna.tap('button.buy-alone')
    // From "not even read" to "about to answer"; where exactly it dies is up to chance.
    await sleep(at * 25 + Math.random() * 25)
    await stage.bot.killAndRestart()
    await tapped
    const order = await until('the order is made', async () => (await ordersOf(anna))[at + 1])
    const title = toPattern('order.title', { number: order.number }, ['ru'])
    const hold = toPattern('order.hold-alone', {}, ['ru'])
    // Not one of the orders before: they stand above, and say the same.
    await until('this order is on the screen, and how to pay it', async () =>
      (await said(anna)).some((text) => title.test(text) && hold.test(text)),
    )
    await stage.settled()
  }
  const orders = await ordersOf(anna)
  expect(orders.map(({ payments }) => payments.length)).toEqual(orders.map(() => 1))
  const payments = await stage.payments()
  expect(payments.map(({ description = '' }) => description.slice(0, 9)).toSorted()).toEqual(
    orders.map(({ number }) => number).toSorted(),
  )
})

test('killed at any moment of handling words, the bot answers them at most once', async () => {
  const boris = await stage.person('Борис', 'ru')
  await boris.say('/start')
  await boris.sees('home.hello')
  await stage.settled()
  for (const [at, words] of ['тостер', 'чайник', 'рюкзак', 'мышь'].entries()) {
    await stage.bot.isUp()
    await boris.say(words)
    await sleep(at * 10 + Math.random() * 20)
    await stage.bot.killAndRestart()
    await stage.settled()
    const answers = (await said(boris)).filter((text) => text.includes(`«${words}»`))
    expect(answers.length).toBeLessThanOrEqual(1)
    // Whoever missed the answer asks again.
    if (answers.length === 0) {
      await boris.say(words)
      await boris.sees('search.place-for', { query: words })
    }
  }
})

test('an update that was handled but not confirmed comes again after a crash and does nothing', async () => {
  const vera = await stage.person('Вера', 'ru')
  await stage.bot.isUp()
  await stage.settled()
  // The poll under way brings the update; those after it, which would confirm it, fail.
  await stage.sim('POST', '/sim/faults', { method: 'getUpdates', error_code: 500 })
  await vera.say('/start')
  await vera.sees('home.hello')
  const where = { handledAt: { gte: new Date(Date.now() - 60_000) } }
  await until('it is marked', async () => (await stage.db.handledUpdate.count({ where })) > 0)
  await stage.bot.kill()
  await stage.sim('DELETE', '/sim/faults')
  const before = await stage.sim<object[]>('GET', '/sim/calls')
  stage.bot.start()
  await stage.settled()
  const since = (await stage.sim<{ method: string }[]>('GET', '/sim/calls')).slice(before.length)
  expect(since.map(({ method }) => method)).toContain('getUpdates')
  expect(since.map(({ method }) => method).filter((method) => /^(send|edit)/.test(method))).toEqual([])
  expect(await said(vera)).toHaveLength(1)
})

test('killed while it sends, the worker repeats nothing: each message comes at most once, and what was in doubt is known', async () => {
  const [gleb, dina] = [await stage.person('Глеб', 'ru'), await stage.person('Дина', 'ru')]
  await stage.bot.isUp()
  const groups = await Promise.all([openGroup(stage, gleb, 'мышь tapio'), openGroup(stage, dina, 'веб-камера')])
  await stage.settled()
  // Slow sends, so that there is a middle to be killed in.
  await stage.sim('POST', '/sim/faults', { method: 'sendMessage', delay_ms: 400 })
  await stage.db.group.updateMany({
    where: { id: { in: groups } },
    data: { deadlineAt: new Date(Date.now() - 1) },
  })
  const sending = async () => (await stage.db.notification.count({ where: { state: 'sending' } })) > 0
  let killed = 0
  for (let round = 0; round < 3; round += 1) {
    const isSending = await until('something is being sent', async () => {
      if (await sending()) return 'yes'
      const open = await stage.db.notification.count({ where: { state: 'due' } })
      const held = await stage.db.payment.count({ where: { state: { in: ['held', 'voiding'] } } })
      return open + held === 0 && 'all was sent'
    })
    if (isSending !== 'yes') break
    await sleep(Math.random() * 300)
    await stage.worker.killAndRestart()
    killed += 1
  }
  expect(killed).toBeGreaterThan(0)
  await stage.worker.isUp()
  const mine = { groupId: { in: groups } }
  await until('both holds are voided', async () => {
    const orders = await stage.db.order.findMany({ where: { seat: mine } })
    return orders.every(({ state }) => state === 'cancelled')
  })
  await stage.settled()
  await stage.sim('DELETE', '/sim/faults')
  const people = { person: { firstName: { in: ['Глеб', 'Дина'] } } }
  const notices = await stage.db.notification.findMany({ where: { ...people, kind: { not: 'seat-paid' } } })
  expect(notices.map(({ kind }) => kind).toSorted()).toEqual([
    'group-failed',
    'group-failed',
    'money-released',
    'money-released',
  ])
  expect(notices.filter(({ state }) => state !== 'sent' && state !== 'doubtful')).toEqual([])
  const told = [...(await said(gleb)), ...(await said(dina))]
  const sent = notices.filter(({ state }) => state === 'sent').length
  // As the first words: an order's screen says the same of its money.
  for (const words of [/^⌛/, /^💸/]) {
    expect(told.filter((text) => words.test(text)).length).toBeLessThanOrEqual(2)
  }
  expect(told.filter((text) => /^(⌛|💸)/u.test(text)).length).toBeGreaterThanOrEqual(sent)
})

test('nothing of all this went wrong in the eyes of Telegram', async () => {
  await stage.settled()
  expect(stage.bot.deaths()).toBeGreaterThan(5)
  // A tap that a dead bot had taken is answered by its successor: twice, or on a slow machine too late.
  await stage.expectCorrectCalls(/^callback query (answered more than once|\d+ was never answered)/)
})
