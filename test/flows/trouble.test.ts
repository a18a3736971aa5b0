/** What goes wrong without anybody's fault: time runs out, a card is declined, the bot is blocked, a seat is the last. */
import { afterAll, beforeAll, expect, test, vi } from 'vitest'
import { languages } from '#domain/people.ts'
import { until } from './child.ts'
import { choose, giveDetails, openGroup, share } from './shopping.ts'
import { answeredTwice, openStage, type Person, type Stage } from './stage.ts'
import { chat, followLink } from './story.ts'
import { toPattern } from './words.ts'

// A slow machine starts processes slowly.
vi.setConfig({ testTimeout: 180_000 })

let stage: Stage

beforeAll(async () => {
  stage = await openStage('webhook', { repeats: true })
})
afterAll(async () => {
  await stage.close()
})

const ordersOf = async (person: Person) =>
  stage.db.order.findMany({
    where: { person: { identities: { some: { externalId: String(person.id) } } } },
    orderBy: { id: 'asc' },
    include: { payments: { include: { moves: true }, orderBy: { createdAt: 'asc' } }, lines: true, seat: true },
  })

test('a group whose deadline passes first: every hold is voided, everyone is told, the stock is back', async () => {
  const anna = await stage.person('Анна', 'ru')
  const boris = await stage.person('Boris', 'en')
  const groupId = await openGroup(stage, anna, 'рюкзак перевал 28')
  // Made for three, so that two are not enough.
  await stage.db.group.update({ where: { id: groupId }, data: { size: 3 } })
  const friends = await chat(stage, { type: 'supergroup', title: 'Друзья', members: [anna.id, boris.id], bot: 'none' })
  await share(stage, anna, friends)
  await followLink(boris, (await boris.tap('button.join', friends)).answer?.url)
  await giveDetails(stage, boris)
  await boris.sees('order.hold-group')
  await boris.pay()
  await anna.sees('group.open', { paid: 2, size: 3 }, friends)
  const variantId = (await ordersOf(anna))[0]?.lines[0]?.variantId ?? 0
  const reserved = async () => (await stage.db.stockLevel.findMany({ where: { variantId } })).map((it) => it.reserved)
  expect(await reserved()).toContain(2)

  await stage.db.group.update({ where: { id: groupId }, data: { deadlineAt: new Date(Date.now() - 1) } })
  for (const person of [anna, boris]) {
    await person.sees('notice.group-failed')
    await person.sees('notice.money-back')
  }
  await anna.sees('group.failed', { paid: 2, size: 3 }, friends)
  await stage.settled()

  const orders = [...(await ordersOf(anna)), ...(await ordersOf(boris))]
  expect(orders).toMatchObject(
    orders.map(() => ({
      state: 'cancelled',
      cancelReason: 'released',
      payments: [{ state: 'voided', moves: [{ kind: 'void', state: 'done' }] }],
      seat: { state: 'released' },
    })),
  )
  expect(orders).toHaveLength(2)
  expect(await reserved()).toEqual((await reserved()).map(() => 0))
  const payments = await stage.payments()
  for (const { number } of orders) {
    const own = payments.filter(({ description }) => description?.startsWith(number))
    expect(own.map(({ status }) => status)).toEqual(['canceled'])
  }
  await expectToldOnce(anna, boris)
})

test('a declined payment is tried again and paid: one order, nothing held twice', async () => {
  const vera = await stage.person('Вера', 'ru')
  await choose(vera, 'тостер', 'button.buy-alone')
  await giveDetails(stage, vera)
  await vera.sees('order.hold-alone')
  await vera.pay('declined')
  const declined = await vera.sees('declined.funds')
  await vera.tap('button.pay-again')
  await until('the new page', async () => (await vera.sees('order.hold-alone')).message_id >= declined.message_id)
  // Her other message may show the page that was declined for a moment longer.
  await stage.settled()
  await vera.pay()
  await vera.sees('notice.order-paid')
  await stage.settled()
  const [order, ...others] = await ordersOf(vera)
  expect(others).toEqual([])
  expect(order).toMatchObject({ state: 'packable', payments: [{ state: 'failed' }, { state: 'captured' }] })
  const own = (await stage.payments()).filter(({ description }) => description?.startsWith(order?.number ?? '?'))
  expect(own.map(({ status }) => status).toSorted()).toEqual(['canceled', 'succeeded'])
  await expectToldOnce(vera)
})

test('who blocked the bot is noted as unreachable and written to no more; the others are told; coming back undoes it', async () => {
  const gleb = await stage.person('Глеб', 'ru')
  const groupId = await openGroup(stage, gleb, 'веб-камера')
  // The bot learns of it from the refusal: the update about it is kept back.
  const identity = { messenger_externalId: { messenger: 'telegram', externalId: String(gleb.id) } }
  await stage.sim('POST', '/sim/block', { from: gleb.id, blocked: true })
  await stage.settled()
  await stage.db.identity.update({ where: identity, data: { unreachableAt: null } })
  await stage.db.group.update({ where: { id: groupId }, data: { deadlineAt: new Date(Date.now() - 1) } })
  await until('the hold is voided', async () => (await ordersOf(gleb))[0]?.state === 'cancelled')
  await stage.settled()
  const notices = await stage.db.notification.findMany({
    where: { person: { identities: { some: { externalId: String(gleb.id) } } }, kind: { not: 'seat-paid' } },
  })
  expect(notices.map(({ kind, state }) => `${kind} ${state}`).toSorted()).toEqual([
    'group-failed unreachable',
    'money-released unreachable',
  ])
  expect((await stage.db.identity.findUniqueOrThrow({ where: identity })).unreachableAt).not.toBeNull()

  await stage.sim('POST', '/sim/block', { from: gleb.id, blocked: false })
  await gleb.say('/start')
  await gleb.sees('home.hello')
  await stage.settled()
  expect((await stage.db.identity.findUniqueOrThrow({ where: identity })).unreachableAt).toBeNull()
})

test('of two who tap for the last seat at once one gets it, and the other is told so', async () => {
  const [dina, egor, foma] = [
    await stage.person('Дина', 'ru'),
    await stage.person('Егор', 'ru'),
    await stage.person('Фома', 'ru'),
  ]
  const groupId = await openGroup(stage, dina, 'мышь tapio')
  const room = await chat(stage, {
    type: 'supergroup',
    title: 'Двор',
    members: [dina.id, egor.id, foma.id],
    bot: 'none',
  })
  await share(stage, dina, room)
  // Both are known already, so that one tap is all it takes.
  const rivals = [egor, foma]
  await Promise.all(
    rivals.map(async (rival) => {
      await choose(rival, 'чайник', 'button.buy-alone')
      await giveDetails(stage, rival)
      await rival.sees('order.hold-alone')
      await followLink(rival, `https://t.me/vmeste_bot?start=g_${await tokenOf(groupId)}`)
      await rival.sees('group.open', { paid: 1, size: 2 })
    }),
  )
  await Promise.all(rivals.map(async (rival) => rival.tap('button.join-gap')))
  await stage.settled()
  const group = await stage.db.group.findUniqueOrThrow({ where: { id: groupId }, include: { seats: true } })
  expect(group).toMatchObject({ takenSeats: 2, paidSeats: 1, state: 'open' })
  expect(group.seats.map(({ state }) => state).toSorted()).toEqual(['held', 'paid'])
  const [egors, fomas] = await Promise.all(rivals.map(ordersOf))
  const isEgors = egors?.some(({ seat }) => seat) === true
  expect(fomas?.some(({ seat }) => seat)).toBe(!isEgors)
  const [winner, loser] = isEgors ? [egor, foma] : [foma, egor]
  await winner.sees('order.hold-group')
  await loser.sees('refusal.group-full')
  await winner.pay()
  await winner.sees('notice.group-formed')
  await until('both are charged', async () => {
    const states = (await stage.db.order.findMany({ where: { seat: { groupId } } })).map(({ state }) => state)
    return states.length === 2 && states.every((state) => state === 'packable')
  })
  await expectToldOnce(dina, egor, foma)
})

test('every call of all this was right, and repeated updates did nothing', async () => {
  await stage.settled()
  expect(stage.updatesGiven()).toBeGreaterThan(150)
  await stage.expectCorrectCalls(answeredTwice)
})

const tokenOf = async (groupId: number) => (await stage.db.group.findUniqueOrThrow({ where: { id: groupId } })).token

/** What nobody asked for comes once. Messages that show an order follow it, and several may show the same one. */
async function expectToldOnce(...people: Person[]): Promise<void> {
  const order = toPattern('order.title', {}, languages)
  for (const { id } of people) {
    const texts = (await stage.transcript(id)).flatMap((it) => (it.from?.is_bot ? [it.text ?? it.caption ?? ''] : []))
    const said = texts.filter((words) => !order.test(words))
    expect(said.filter((words, at) => said.indexOf(words) !== at)).toEqual([])
  }
}
