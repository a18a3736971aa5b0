/** What people do besides writing: press buttons, use inline mode, pay. Each waits for the bot's answer. */
import type { FastifyInstance } from 'fastify'
import { z } from 'zod'
import { id, personOf, postAs, read, sendAs, SimError, tellBot, writableBy } from './sim-posting.ts'
import { totalOf } from './bot-content.ts'
import type { Button, ReplyButton, ShippingOption } from './telegram-types.ts'
import type { Answer, InlineResult, Person, QueryKind, Room, Stored, Terms, World } from './world.ts'
import { messageView } from './world.ts'
import type { Yookassa } from './yookassa.ts'

/** How long a person waits for the bot. */
const patienceMs = 10_000

const clickBody = z.object({
  from: id,
  chat: id.optional(),
  message_id: id.optional(),
  inline_message_id: z.string().optional(),
  data: z.string().optional(),
  /** The label, or a regular expression between slashes. */
  text: z.string().optional(),
  /** Counted from 0, as `column`. */
  row: z.int().min(0).optional(),
  column: z.int().min(0).optional(),
})

const inlineBody = z.object({
  from: id,
  query: z.string().max(256),
  offset: z.string().max(64).optional(),
  chat_type: z.enum(['sender', 'private', 'group', 'supergroup', 'channel']).optional(),
})

const chooseBody = z.object({
  from: id,
  chat: id.optional(),
  query: z.string().max(256),
  result_id: z.string(),
})

const payBody = z.object({
  from: id,
  chat: id.optional(),
  message_id: id.optional(),
  inline_message_id: z.string().optional(),
  /** In the place of a message: what `createInvoiceLink` returned. */
  link: z.string().optional(),
  shipping_address: z
    .object({
      country_code: z.string().length(2),
      state: z.string().default(''),
      city: z.string(),
      street_line1: z.string(),
      street_line2: z.string().default(''),
      post_code: z.string(),
    })
    .optional(),
  shipping_option_id: z.string().optional(),
  outcome: z.enum(['paid', 'declined']).default('paid'),
})

type Place = { room: Room; entry: Stored }

/** Who charges the card when an invoice is paid. */
export type Acquirer = Pick<Yookassa, 'charge'>

export function addSimActs(app: FastifyInstance, world: World, acquirer: Acquirer): void {
  app.post('/sim/clicks', (request) => {
    const body = read(clickBody, request.body)
    const person = personOf(world, body.from)
    return click(world, person, placeOf(world, person, body), body)
  })
  app.post('/sim/inline', (request) => showInline(world, read(inlineBody, request.body)))
  app.post('/sim/inline/choose', (request) => chooseInline(world, read(chooseBody, request.body)))
  app.post('/sim/pay', (request) => payInvoice(world, acquirer, read(payBody, request.body)))
}

async function showInline(world: World, body: z.infer<typeof inlineBody>): Promise<object> {
  const answer = await askInline(world, personOf(world, body.from), body)
  const { next_offset, cache_time, button } = answer
  const results = answer.results.map(({ given }) => given)
  return { results, next_offset, cache_time, ...(button === undefined ? {} : { button }) }
}

async function chooseInline(world: World, body: z.infer<typeof chooseBody>): Promise<object> {
  const person = personOf(world, body.from)
  const key = offerKey(person, body.query)
  if (!world.offered.has(key)) await askInline(world, person, body)
  const result = world.offered.get(key)?.get(body.result_id)
  if (!result) throw new SimError(404, `the bot offered no result ${body.result_id} for this query`)
  return messageView(choose(world, person, writableBy(world, person, body.chat), body.query, result))
}

async function payInvoice(world: World, acquirer: Acquirer, body: z.infer<typeof payBody>): Promise<object> {
  const person = personOf(world, body.from)
  const link = body.link === undefined ? undefined : world.invoiceLinks.get(body.link)
  if (body.link !== undefined && !link) throw new SimError(404, 'there is no such invoice link')
  const place = link ? undefined : placeOf(world, person, body)
  const terms = (link ?? place?.entry)?.terms
  if (!terms) throw new SimError(400, 'the message is not an invoice')
  if (place?.entry.paidBy?.has(person.user.id)) throw new SimError(400, 'the invoice is paid already')
  const happened = await pay(world, acquirer, person, place?.room, terms, body)
  if (place && happened.outcome === 'paid') (place.entry.paidBy ??= new Set()).add(person.user.id)
  return happened
}

/** The message as this person can see it. */
function placeOf(
  world: World,
  person: Person,
  body: { chat?: number | undefined; message_id?: number | undefined; inline_message_id?: string | undefined },
): Place {
  const gone = (what: string) => new SimError(404, what)
  if (body.inline_message_id !== undefined) {
    const known = world.inlineMessages.get(body.inline_message_id)
    const entry = known && world.findMessage(known.room, known.messageId)
    if (!known || !entry) throw gone(`there is no inline message ${body.inline_message_id}`)
    return { room: known.room, entry }
  }
  if (body.message_id === undefined) throw new SimError(400, 'message_id: is required')
  const chatId = body.chat ?? person.user.id
  const room = world.rooms.get(chatId)
  const isOthers = room?.chat.type === 'private' && !room.members.has(person.user.id)
  const entry = room && !isOthers ? world.findMessage(room, body.message_id) : undefined
  if (!room || !entry) throw gone(`person ${person.user.id} sees no message ${body.message_id} in chat ${chatId}`)
  return { room, entry }
}

/** Waits for the bot; undefined when it does not answer in time, which is written down as a problem. */
async function ask<K extends QueryKind>(
  world: World,
  kind: K,
  method: string,
  send: (queryId: string) => void,
): Promise<Extract<Answer, { kind: K }> | undefined> {
  const { id: queryId, answer } = world.openQuery(kind)
  send(queryId)
  let timer: NodeJS.Timeout | undefined
  const impatient = new Promise<undefined>((resolve) => {
    timer = setTimeout(() => {
      world.addProblem(method, `${kind.replace('_', '-')} query ${queryId} was never answered`)
      resolve(undefined)
    }, patienceMs)
  })
  try {
    const given = await Promise.race([answer, impatient])
    return given as Extract<Answer, { kind: K }> | undefined
  } finally {
    clearTimeout(timer)
  }
}

async function click(
  world: World,
  person: Person,
  { room, entry }: Place,
  body: z.infer<typeof clickBody>,
): Promise<object> {
  const button = findButton(entry.message.reply_markup?.inline_keyboard, body)
  if (!button) return pressReplyButton(world, person, { room, entry }, body)
  if (button.callback_data === undefined) return appAction(button)
  const { callback_data: data } = button
  const about =
    entry.inlineMessageId === undefined ? { message: entry.message } : { inline_message_id: entry.inlineMessageId }
  const answer = await ask(world, 'callback', 'answerCallbackQuery', (queryId) => {
    const query = { id: queryId, from: person.user, ...about, chat_instance: room.instance, data }
    world.main.updates.push('callback_query', query, `callback ${person.user.id}`)
  })
  if (!answer) return { type: 'callback', answer: null }
  const { kind, ...shown } = answer
  return { type: kind, answer: shown }
}

function findButton<B extends { text: string }>(
  rows: (B & { callback_data?: string })[][] | undefined,
  { data, text, row, column }: z.infer<typeof clickBody>,
): B | undefined {
  if (!rows) return undefined
  if (data !== undefined) return rows.flat().find((button) => button.callback_data === data)
  if (text !== undefined) {
    const matches = labelMatcher(text)
    return rows.flat().find((button) => button.text === text) ?? rows.flat().find((button) => matches(button.text))
  }
  if (row !== undefined || column !== undefined) return rows[row ?? 0]?.[column ?? 0]
  throw new SimError(400, 'body: one of data, text, row and column is needed')
}

function labelMatcher(text: string): (label: string) => boolean {
  const parts = /^\/(.+)\/([a-z]*)$/s.exec(text)
  if (!parts) return () => false
  try {
    const pattern = new RegExp(parts[1] ?? '', (parts[2] ?? '').replace(/[gy]/g, ''))
    return (label) => pattern.test(label)
  } catch {
    throw new SimError(400, 'text: is not a regular expression')
  }
}

/** What the person's app does by itself, without asking the bot. */
function appAction(button: Button): object {
  if (button.url !== undefined) return { type: 'url', url: button.url }
  if (button.pay) return { type: 'pay' }
  if (button.web_app) return { type: 'web_app', url: button.web_app.url }
  if (button.login_url) return { type: 'login_url', url: button.login_url.url }
  if (button.copy_text) return { type: 'copy_text', text: button.copy_text.text }
  if (button.switch_inline_query !== undefined) return { type: 'switch_inline', query: button.switch_inline_query }
  const here = button.switch_inline_query_current_chat
  if (here !== undefined) return { type: 'switch_inline', query: here, current_chat: true }
  const { query = '', ...allowed } = button.switch_inline_query_chosen_chat ?? {}
  return { type: 'switch_inline', query, chosen_chat: allowed }
}

function pressReplyButton(
  world: World,
  person: Person,
  { room, entry }: Place,
  body: z.infer<typeof clickBody>,
): object {
  const button: ReplyButton | undefined = findButton(entry.keyboard?.keyboard, body)
  if (!button) throw new SimError(404, 'the message has no such button')
  writableBy(world, person, room.chat.id)
  const { text, request_contact, request_location } = button
  const phone = `+7900${String(person.user.id % 10_000_000).padStart(7, '0')}`
  const sent = request_contact
    ? { contact: { phone_number: phone, first_name: person.user.first_name } }
    : request_location
      ? { location: { latitude: 55.7558, longitude: 37.6173 } }
      : { text }
  const message = sendAs(world, person, room, sent)
  return { type: 'text', text, message: messageView(message) }
}

const offerKey = (person: Person, query: string): string => `${person.user.id} ${query}`

async function askInline(
  world: World,
  person: Person,
  body: { query: string; offset?: string | undefined; chat_type?: string | undefined },
): Promise<Extract<Answer, { kind: 'inline' }>> {
  const { query, offset = '', chat_type = 'sender' } = body
  const answer = await ask(world, 'inline', 'answerInlineQuery', (queryId) => {
    const asked = { id: queryId, from: person.user, query, offset, chat_type }
    world.main.updates.push('inline_query', asked, `inline ${person.user.id}`)
  })
  if (!answer) throw new SimError(504, 'the bot did not answer the inline query in 10 s')
  const key = offerKey(person, query)
  const known = offset === '' ? new Map<string, InlineResult>() : (world.offered.get(key) ?? new Map())
  for (const result of answer.results) known.set(result.id, result)
  world.offered.set(key, known)
  return answer
}

function choose(
  world: World,
  person: Person,
  room: Room,
  query: string,
  { id: resultId, content }: InlineResult,
): Stored {
  const inlineMessageId = world.newInlineMessageId()
  const via = { via_bot: world.main.user }
  const entry = postAs(world, person, room, content, via, { inlineMessageId, byBot: world.main })
  // Telegram tells the id only where there is a keyboard that could be edited.
  const known = content.reply_markup ? { inline_message_id: inlineMessageId } : {}
  const chosen = { result_id: resultId, from: person.user, query, ...known }
  world.main.updates.push('chosen_inline_result', chosen, `chosen ${person.user.id}`)
  return entry
}

type Happened = { outcome: 'paid' | 'declined' | 'refused' | 'timeout' } & Record<string, unknown>

/** Shipping query (for a price that depends on the address), pre-checkout query, the card, `successful_payment`. */
async function pay(
  world: World,
  acquirer: Acquirer,
  person: Person,
  room: Room | undefined,
  terms: Terms,
  body: z.infer<typeof payBody>,
): Promise<Happened> {
  const { user } = person
  const happened: Record<string, unknown> = {}
  const address = body.shipping_address ?? {
    country_code: 'RU',
    state: '',
    city: 'Москва',
    street_line1: 'Тверская улица, 1',
    street_line2: '',
    post_code: '125009',
  }
  let option: ShippingOption | undefined
  if (terms.isFlexible) {
    const answer = await ask(world, 'shipping', 'answerShippingQuery', (queryId) => {
      const query = { id: queryId, from: user, invoice_payload: terms.payload, shipping_address: address }
      world.main.updates.push('shipping_query', query, `shipping ${user.id}`)
    })
    if (!answer) return { outcome: 'timeout', stage: 'shipping' }
    if (!answer.ok) return { outcome: 'refused', stage: 'shipping', error_message: answer.error_message }
    happened['shipping_options'] = answer.options
    const wanted = body.shipping_option_id
    option = wanted === undefined ? answer.options[0] : answer.options.find((offered) => offered.id === wanted)
    if (!option) throw new SimError(400, `shipping_option_id: the bot did not offer ${wanted}`)
  }
  const orderInfo = {
    ...(terms.needsName ? { name: [user.first_name, user.last_name].filter(Boolean).join(' ') } : {}),
    ...(terms.needsPhone ? { phone_number: `7900${String(user.id % 10_000_000).padStart(7, '0')}` } : {}),
    ...(terms.needsEmail ? { email: `person${user.id}@example.com` } : {}),
    ...(terms.needsAddress || terms.isFlexible ? { shipping_address: address } : {}),
  }
  const agreed = {
    currency: terms.currency,
    total_amount: totalOf([...terms.prices, ...(option?.prices ?? [])]),
    invoice_payload: terms.payload,
    ...(option ? { shipping_option_id: option.id } : {}),
    ...(Object.keys(orderInfo).length > 0 ? { order_info: orderInfo } : {}),
  }
  Object.assign(happened, agreed)
  const checkout = await ask(world, 'pre_checkout', 'answerPreCheckoutQuery', (queryId) => {
    world.main.updates.push('pre_checkout_query', { id: queryId, from: user, ...agreed }, `pre_checkout ${user.id}`)
  })
  if (!checkout) return { outcome: 'timeout', stage: 'pre_checkout', ...happened }
  happened['pre_checkout'] = { ok: checkout.ok }
  if (!checkout.ok)
    return { outcome: 'refused', stage: 'pre_checkout', error_message: checkout.error_message, ...happened }
  const charged = chargeCard(world, acquirer, terms, agreed.total_amount, body.outcome)
  if (body.outcome === 'declined' || charged === undefined) return { outcome: 'declined', ...happened }
  const payment = {
    ...agreed,
    telegram_payment_charge_id: `tg_${world.unique()}`,
    provider_payment_charge_id: charged,
  }
  // The bot learns of it where it is: a channel or a chat of others is no place for a receipt.
  const isWithBot =
    room !== undefined && room.chat.type !== 'channel' && (room.bot === 'member' || room.bot === 'administrator')
  if (!isWithBot) person.started = true
  const place = isWithBot ? room : world.privateRoom(person)
  const entry = world.post(place, { from: user }, {}, { successful_payment: payment })
  tellBot(world, place, entry)
  return { outcome: 'paid', ...happened, successful_payment: payment, message: messageView(entry) }
}

/** @returns the payment's id at the company behind the provider token; undefined when it would not charge. */
function chargeCard(
  world: World,
  acquirer: Acquirer,
  terms: Terms,
  total: number,
  outcome: 'paid' | 'declined',
): string | undefined {
  // Stars are Telegram's own.
  if (terms.currency === 'XTR') return `stars_${world.unique()}`
  const { currency, title, providerData } = terms
  const charged = acquirer.charge(
    { currency, total, title, ...(providerData === undefined ? {} : { providerData }) },
    outcome,
  )
  if ('id' in charged) return charged.id
  world.addProblem('sendInvoice', `the payment provider refused the invoice: ${charged.problem}`)
  return undefined
}
