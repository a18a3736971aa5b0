/**
 * Steps 1 to 7 as people live them: Anna finds, starts a group and shares it, Boris joins it from the chat, both are sent
 * a parcel; Sofia posts an offer to her channel, Dmitry starts a group from it and Elena finds that group. Boris joins him,
 * but a third is missing when the deadline passes. Anna shows her friends goods inline and buys something alone.
 */
import { expect } from 'vitest'
import { until } from './child.ts'
import type { Message, Person, Stage } from './stage.ts'

export type Cast = {
  anna: Person
  boris: Person
  sofia: Person
  dmitry: Person
  elena: Person
  /** The chat of Anna and Boris, and Sofia's channel. */
  friends: number
  channel: number
}

type InlinePage = { results: { id: string; title: string }[]; next_offset: string }

/** How often `between` is called. A story that grew shorter would show less. */
export const actsOfStory = 47

/** @param between called after each act, when all that follows from it is done. */
export async function playStory(stage: Stage, between: () => Promise<void>): Promise<Cast> {
  const anna = await stage.person('Анна', 'ru')
  const boris = await stage.person('Boris', 'en-GB')
  const next = async () => {
    await stage.settled()
    await between()
  }

  // 1. The first screen, in the language of each.
  await anna.say('/start')
  await anna.sees('home.hello', { name: 'Анна' })
  await next()
  await boris.say('/start')
  await boris.sees('home.hello', { name: 'Boris' })
  await next()

  // 2. Words, results, paging in place.
  await anna.say('очаг')
  const first = await anna.sees('search.place-for', { page: 1, query: 'очаг' })
  await next()
  await anna.tap('button.next')
  const second = await anna.sees('search.place-for', { page: 2, query: 'очаг' })
  expect(second.message_id).toBe(first.message_id)
  await next()
  await anna.tap('button.previous')
  expect((await anna.sees('search.place-for', { page: 1, query: 'очаг' })).message_id).toBe(first.message_id)
  await next()

  // 3. A product for two.
  await anna.say('рюкзак перевал 28')
  await anna.sees('search.place-for', { page: 1, query: 'рюкзак перевал 28' })
  await next()
  await anna.tap('button.choose')
  await anna.sees('product.left')
  await next()

  // 4. Together: the details are asked once, then she pays and shares.
  await anna.tap('button.buy-together')
  await anna.sees('delivery.ask-city')
  await next()
  await anna.say('Казань')
  await anna.sees('delivery.which-point', { city: 'Казань' })
  await next()
  await choosePoint(stage, anna)
  await anna.sees('delivery.ask-phone')
  await next()
  await anna.say({ contact: { phone_number: '+79123456789', first_name: 'Анна' } })
  await anna.sees('order.hold-group')
  await next()
  await anna.pay()
  await anna.sees('notice.seat-paid')
  await next()
  const friends = await chat(stage, { type: 'supergroup', title: 'Друзья', members: [anna.id, boris.id], bot: 'none' })
  await shareGroup(stage, anna, friends)
  await boris.sees('group.open', { paid: 1, size: 2, count: 1 }, friends)
  await next()
  await followLink(boris, (await boris.tap('button.join', friends)).answer?.url)
  await boris.sees('delivery.ask-city')
  await next()
  await boris.say('Москва')
  await boris.sees('delivery.which-point', { city: 'Москва' })
  await next()
  await choosePoint(stage, boris)
  await boris.sees('delivery.ask-phone')
  await next()
  await boris.say('8 (912) 345-67-88')
  await boris.sees('order.hold-group')
  await next()
  await boris.pay()
  await boris.sees('notice.group-formed')
  await anna.sees('notice.group-formed')
  await anna.sees('group.formed', { paid: 2, size: 2 }, friends)
  // The carrier's webhooks come once, and a bot that is down would hear of a step from the next poll only.
  const [annas, boriss] = await parcelsOf(stage, [anna, boris])
  await next()

  // 6. The carrier takes both parcels; each status is told once.
  for (const [status, told] of [
    ['RECEIVED_AT_SHIPMENT_WAREHOUSE', 'told.accepted'],
    ['SENT_TO_RECIPIENT_CITY', 'told.in_transit'],
    ['ACCEPTED_AT_PICK_UP_POINT', 'told.ready_for_pickup'],
    ['DELIVERED', 'told.delivered'],
  ] as const) {
    await stage.bot.isUp()
    await stage.sim('POST', `/sim/shipments/${annas}`, { status })
    await stage.sim('POST', `/sim/shipments/${boriss}`, { status })
    await anna.sees(told)
    await boris.sees(told)
    await next()
  }

  // 7. A shop's own side.
  const sofia = await stage.person('София', 'ru')
  const dmitry = await stage.person('Дмитрий', 'ru')
  const elena = await stage.person('Elena', 'zh-hans')
  const { invitation, name } = await stage.db.seller.findUniqueOrThrow({ where: { slug: 'severny-dom' } })
  await sofia.say(`/start s_${invitation}`)
  await sofia.sees('shop.welcome', { shop: name })
  await next()
  const channel = await chat(stage, {
    type: 'channel',
    title: name,
    members: [dmitry.id, elena.id],
    admins: [sofia.id],
    bot: 'administrator',
  })
  await sofia.sees('channel.connected')
  await next()
  await sofia.tap('button.new-post')
  await sofia.sees('post.which-product', { from: 1 })
  await next()
  await turnTo(sofia, /Беспроводная мышь/, next)
  await sofia.tap(/Беспроводная мышь/)
  await sofia.sees('post.preview')
  await next()
  await sofia.tap('button.post-group')
  await sofia.sees('notice.post-published')
  await next()
  await followLink(dmitry, (await dmitry.tap('button.together', channel)).url)
  await dmitry.sees('product.left')
  await next()
  await dmitry.tap('button.buy-together')
  await dmitry.sees('delivery.ask-city')
  await next()
  await dmitry.say('Казань')
  await dmitry.sees('delivery.which-point', { city: 'Казань' })
  await next()
  await choosePoint(stage, dmitry)
  await dmitry.sees('delivery.ask-phone')
  await next()
  await dmitry.say('+7 912 345-67-87')
  await dmitry.sees('order.hold-group')
  await next()
  await dmitry.pay()
  await dmitry.sees('notice.seat-paid')
  await next()
  await followLink(elena, (await elena.tap('button.together', channel)).url)
  await elena.sees('group.open', { paid: 1, size: 2, count: 1 })
  await next()
  await sofia.say('/shop')
  await sofia.sees('shop.which')
  await next()
  await sofia.tap(new RegExp(name))
  await sofia.sees('post.brought', { opened: 2, groupsOpened: 1, groupsFormed: 0, seats: 1, orders: 0 })
  await next()

  // 5, once more: Dmitry's group is made for three, so that two are not enough when its deadline passes.
  const { id: groupId } = await stage.db.group.findFirstOrThrow({ where: { state: 'open' } })
  await stage.db.group.update({ where: { id: groupId }, data: { size: 3 } })
  const yard = await chat(stage, { type: 'group', title: 'Двор', members: [dmitry.id, boris.id], bot: 'none' })
  await shareGroup(stage, dmitry, yard)
  await boris.sees('group.open', { paid: 1, size: 3 }, yard)
  await next()
  // From the group's page in his own chat: the seat that he takes has it redrawn while it becomes the order's page.
  const { token } = await stage.db.group.findUniqueOrThrow({ where: { id: groupId } })
  await boris.say(`/start g_${token}`)
  await boris.sees('group.open', { paid: 1, size: 3 })
  await boris.tap('button.join-gap')
  await boris.sees('order.hold-group')
  await next()
  await boris.pay()
  await boris.sees('notice.seat-paid')
  await next()
  await stage.db.group.update({ where: { id: groupId }, data: { deadlineAt: new Date(Date.now() - 1) } })
  for (const person of [dmitry, boris]) {
    await person.sees('notice.group-failed')
    await person.sees('notice.money-back')
  }
  await next()

  // 2, once more: goods in a chat of friends, the next page of them, too.
  const inline = { from: anna.id, query: 'кухня' }
  await stage.bot.isUp()
  const page = await stage.sim<InlinePage>('POST', '/sim/inline', inline)
  await next()
  await stage.bot.isUp()
  const nextPage = await stage.sim<InlinePage>('POST', '/sim/inline', { ...inline, offset: page.next_offset })
  const ids = [...page.results, ...nextPage.results].map(({ id }) => id)
  expect(page.results).toHaveLength(10)
  expect(nextPage.results.length).toBeGreaterThan(0)
  expect(new Set(ids).size).toBe(ids.length)
  await next()
  const choice = { ...inline, chat: friends, result_id: ids.at(-1) }
  const chosen = await stage.sim<Message>('POST', '/sim/inline/choose', choice)
  expect(chosen.text ?? chosen.caption).toContain(nextPage.results.at(-1)?.title)
  await next()

  // 3, once more: alone. The details are known, so that it takes one tap.
  await anna.say('тостер')
  const found = await anna.sees('search.place-for', { page: 1, query: 'тостер' })
  await next()
  await anna.tap(['button.details', 'button.choose'])
  await until('the page stands in place', async () => {
    return (await anna.sees('product.left')).message_id === found.message_id
  })
  await next()
  await anna.tap('button.buy-alone')
  await anna.sees('order.hold-alone')
  await next()
  await anna.pay()
  await anna.sees('notice.order-paid')
  await parcelsOf(stage, [anna])
  await next()
  return { anna, boris, sofia, dmitry, elena, friends, channel }
}

/** Puts the card of their newest group into a chat. */
export async function shareGroup(stage: Stage, person: Person, room: number): Promise<void> {
  const { query = '' } = await person.tap('button.share-group')
  const { results } = await stage.sim<InlinePage>('POST', '/sim/inline', { from: person.id, query })
  expect(results).toHaveLength(1)
  await stage.sim('POST', '/sim/inline/choose', { from: person.id, chat: room, query, result_id: results[0]?.id })
}

/** The topmost point of the list on the screen. */
export async function choosePoint(stage: Stage, person: Person): Promise<void> {
  const message = await person.sees('delivery.which-point')
  await stage.bot.isUp()
  await stage.sim('POST', '/sim/clicks', {
    from: person.id,
    chat: person.id,
    message_id: message.message_id,
    row: 0,
    column: 0,
  })
}

export async function chat(stage: Stage, body: object): Promise<number> {
  return (await stage.sim<{ id: number }>('POST', '/sim/chats', body)).id
}

/** What an app does with `t.me/<bot>?start=…`. */
export async function followLink(person: Person, url: string | undefined): Promise<void> {
  const payload = new URL(url ?? '').searchParams.get('start')
  await person.say(`/start ${payload}`)
}

async function turnTo(person: Person, label: RegExp, next: () => Promise<void>): Promise<void> {
  for (let page = 1; page <= 8; page += 1) {
    const shown = await person.sees('post.which-product', { from: page * 6 - 5 })
    if (shown.reply_markup?.inline_keyboard?.flat().some(({ text }) => label.test(text))) return
    await person.tap('button.next')
    await person.sees('post.which-product', { from: page * 6 + 1 })
    if (page % 3 === 0) await next()
  }
  throw new Error(`no page has ${String(label)}`)
}

/** The carrier's numbers for the parcels of these people's newest orders, once we know them too. */
async function parcelsOf(stage: Stage, people: Person[]): Promise<string[]> {
  return until('the parcels are known to us by their numbers', async () => {
    // A webhook that comes before we know what it is about is lost, and the next poll is a minute away: it is due now.
    const waiting = { number: null, externalId: { not: null } }
    await stage.db.shipment.updateMany({ where: waiting, data: { nextPollAt: new Date() } })
    const found = await Promise.all(
      people.map(async ({ id }) => {
        const where = { person: { identities: { some: { externalId: String(id) } } } }
        const [order] = await stage.db.order.findMany({
          where,
          orderBy: { id: 'desc' },
          take: 1,
          include: { shipment: true },
        })
        return order?.shipment
      }),
    )
    const numbers = found.flatMap((shipment) => shipment?.number ?? [])
    return numbers.length === people.length && numbers
  })
}
