/** Whatever people type, wherever they type it: a sentence and a way on, and the open question stays open. */
import { describe, expect, test } from 'vitest'
import { steps, type Step } from '#chat/front.ts'
import type { Answer } from '#chat/messenger.ts'
import { parseName } from '#domain/people.ts'
import { parseSaid } from '#domain/questions.ts'
import { startDraft } from '#shop/campaigns.ts'
import { ask } from '#shop/people.ts'
import { intentToAct } from '#chat/intent.ts'
import type { Key } from '#chat/words.ts'
import { textOf, useChat, type Guest } from './support.ts'

const chat = useChat()

const strings = [
  '',
  ' ',
  '\n\n\n',
  '\t',
  '\u00a0',
  '\u200b\u200c\u200d\ufeff',
  '\u2060',
  '\u202e\u202dтекст\u202c',
  '\u061c\u2066\u2067',
  'مرحبا بالعالم',
  'שלום עולם',
  'ﷺ',
  '﷽',
  'Z̮̞̠͙͔ͅḀ̗̞͈̻̗Ḷ͙͎̯̹̞͓G̻O̭̗̮',
  '👨‍👩‍👧‍👦',
  '🏳️‍🌈🇷🇺🇨🇳',
  '👋🏿',
  '🦊'.repeat(2048),
  `${'a'.repeat(199)}🦊`,
  `${'a'.repeat(59)}🦊`,
  '\0',
  'a\0b',
  '\u0001\u0007\u001b[31m',
  '\uE000\uE001',
  '\uE0000\uE001',
  '\uffff\ufffe',
  'null',
  'NULL',
  'undefined',
  'NaN',
  'Infinity',
  'true',
  'None',
  'constructor',
  '__proto__',
  'hasOwnProperty',
  'toString',
  '0',
  '-1',
  '1e309',
  '0x0',
  '9'.repeat(4096),
  'а'.repeat(4096),
  'слово '.repeat(682),
  "'; DROP TABLE person; --",
  "' OR '1'='1",
  '" OR ""="',
  '$1',
  '$$',
  "a' & b | !c <-> d:*",
  '(((',
  '\\',
  '%',
  '_%_',
  '<b>жирный</b>',
  '<script>alert(1)</script>',
  '&lt;b&gt; &amp;',
  '*жирный* _курсив_ [ссылка](http://example.org) `код` ~нет~ ||тайна||',
  '{{name}} {{count}}',
  '$t(home.hello)',
  '%s%d%n%x',
  '${process.env}',
  '{0}',
  '/start',
  '/',
  '@vmeste_bot',
  'https://example.org/?a=1&b=2',
  'javascript:alert(1)',
  '../../../etc/passwd',
  '电水壶',
  'ありがとう',
  'İstanbul ıiIß',
  '½ ⅷ ① ％',
]

const answers: Answer[] = [
  ...strings.map((text): Answer => ({ kind: 'text', text })),
  { kind: 'other' },
  { kind: 'contact', phone: '', name: '', own: true },
  { kind: 'contact', phone: '\0', name: '<b>', own: false },
  { kind: 'contact', phone: '9'.repeat(500), name: '🦊'.repeat(500), own: false },
  { kind: 'location', latitude: 0, longitude: 0 },
  { kind: 'location', latitude: 999, longitude: -999 },
  { kind: 'location', latitude: Number.NaN, longitude: Number.POSITIVE_INFINITY },
]

async function asking(guest: Guest, step: Step): Promise<void> {
  if (step !== 'none')
    await ask(chat.shop.db, guest.personId, 'telegram', step, await dataOf(guest, step), chat.shop.now)
}

/** What is known already when something is asked. */
async function dataOf(guest: Guest, step: Exclude<Step, 'none'>): Promise<Record<string, string | number>> {
  const place = { cityCode: 424, cityName: 'Казань', pointCode: 'KAZ4241', pointText: 'ул. Ленина, 1' }
  const purchase = async () => ({ next: intentToAct({ do: 'buy-alone', variantId: await chat.anyVariant() }) })
  switch (step) {
    case 'search':
      return {}
    case 'city':
      return purchase()
    case 'phone':
      return { ...(await purchase()), ...place }
    case 'name':
      return { ...(await purchase()), ...place, phone: '+79123456789' }
    case 'catalogue':
    case 'synonym':
      return { sellerId: await shopOf(guest) }
    case 'amount':
      return { about: 'door-limit', sellerId: await shopOf(guest) }
    case 'term':
      return { draftId: await draftOf(guest), term: 'lifetime' }
    case 'question':
      return { productId: (await questionOf(guest)).productId }
    case 'answer':
      return { questionId: (await questionOf(guest)).questionId }
  }
}

/** A shop that they are a member of. */
async function shopOf({ personId }: Guest): Promise<number> {
  const { id: sellerId } = await chat.shop.db.seller.findFirstOrThrow({ orderBy: { id: 'asc' } })
  const key = { sellerId_personId: { sellerId, personId } }
  const create = { sellerId, personId, joinedAt: chat.shop.now }
  await chat.shop.db.sellerMember.upsert({ where: key, create, update: {} })
  return sellerId
}

/** Terms that they are writing. */
async function draftOf(guest: Guest): Promise<number> {
  const sellerId = await shopOf(guest)
  const product = await chat.shop.db.product.findFirstOrThrow({ where: { sellerId, withdrawnAt: null } })
  const wish = { productId: product.id, personId: guest.personId, kind: 'team' } as const
  return (await startDraft(chat.shop.db, wish, chat.shop.now)) ?? 0
}

/** A question about a product of their shop, and only that one is open. */
async function questionOf(guest: Guest): Promise<{ productId: number; questionId: number }> {
  const { db, now } = chat.shop
  const sellerId = await shopOf(guest)
  const { id: productId } = await db.product.findFirstOrThrow({ where: { sellerId, withdrawnAt: null } })
  await db.productQuestion.deleteMany({})
  const data = { productId, personId: guest.personId, text: 'А?', askedAt: now }
  const { id: questionId } = await db.productQuestion.create({ data })
  return { productId, questionId }
}

/** What is asked after an answer: a question is closed by what answers it, and by nothing else. */
function openAfter(step: Step, answer: Answer): Step {
  const text = answer.kind === 'text' ? answer.text : undefined
  switch (step) {
    case 'search':
      return text !== undefined && text.trim() !== '' ? 'none' : 'search'
    case 'name':
      // The last question of a purchase, which goes on by itself then.
      return text !== undefined && parseName(text) !== undefined ? 'none' : 'name'
    case 'question':
    case 'answer':
      return text !== undefined && parseSaid(text).ok ? 'none' : step
    case 'catalogue':
      return text?.trim().startsWith('https://') === true ? 'none' : step
    case 'city': // closed with the pickup point, by a button
    case 'phone': // none of the answers is a phone number
    case 'amount': // nor an amount
    case 'synonym': // nor a word and its meaning
    case 'term': // nor a time
    case 'none':
      return step
  }
}

const complaints: Partial<Record<Step, Key>> = {
  phone: 'delivery.phone-unclear',
  name: 'delivery.name-unclear',
  amount: 'pay-settings.limit-unclear',
  term: 'draft.unclear',
  catalogue: 'catalogue.unclear',
}

describe.each<Step>(['none', ...steps])('asked for %s,', (step) => {
  test('whatever comes is answered, and the question stays open until something answers it', async () => {
    const guest = chat.guest()
    await guest.command('start')
    for (const answer of answers) {
      await asking(guest, step)
      const { message } = await guest.send(answer)
      const sent = JSON.stringify(answer).slice(0, 80)
      const open = openAfter(step, answer)
      const complaint = complaints[step]
      const complains = complaint !== undefined && textOf(message).includes(guest.say(complaint))
      const isUnanswered = complaint !== undefined && open === step
      expect({ sent, open: await guest.step(), complains }).toEqual({ sent, open, complains: isUnanswered })
    }
  })
})

test('a photo or a sticker where words are asked for keeps the question open', async () => {
  const guest = chat.guest()
  await guest.command('start')
  for (const step of ['search', 'city', 'phone', 'name', 'amount', 'term', 'question', 'answer'] as const) {
    await asking(guest, step)
    await guest.send({ kind: 'other' })
    expect(await guest.step()).toBe(step)
  }
})

test('dialogs whose data was lost or spoilt are answered too', async () => {
  const spoilt = [
    {},
    { next: '' },
    { next: 'constructor', cityCode: 1 },
    { next: 'zz.1', cityCode: 'x', phone: 5 },
    { next: 'h' },
    { about: 'refund', orderId: 'x' },
    { about: 'chargeback', orderId: 2_147_483_647 },
    { about: 'door-limit', sellerId: 0 },
    { about: 'constructor' },
    { draftId: 2_147_483_647, term: 'size' },
    { draftId: 1, term: 'constructor' },
  ]
  for (const step of ['city', 'phone', 'name', 'amount', 'term', 'question', 'answer'] as const) {
    for (const data of spoilt) {
      const guest = chat.guest()
      await guest.command('start')
      const set = () =>
        chat.shop.db.dialog.upsert({
          where: { personId_messenger: { personId: guest.personId, messenger: 'telegram' } },
          create: { personId: guest.personId, messenger: 'telegram', step, data, updatedAt: chat.shop.now },
          update: { step, data },
        })
      for (const text of ['Казань', '+7 912 345-67-89', 'Анна Иванова']) {
        await set()
        expect((await guest.write(text)).message).toBeDefined()
      }
      await set()
      await guest.press({ do: 'city', cityCode: 424 })
      await guest.press({ do: 'point', pointCode: 'KAZ4241' })
    }
  }
})

test('the same strings as words to search, links, buttons and inline queries do no harm', async () => {
  const guest = chat.guest()
  for (const text of strings) {
    expect((await guest.command('search', text)).message).toBeDefined()
    expect((await guest.command('start', text)).message).toBeDefined()
    await guest.command(text)
    await guest.tap(text)
    await guest.inline(text)
    await guest.inline('', text)
    await guest.visit((visitor) => chat.front.onInlineChosen(visitor, text, 'i:x'))
  }
})

test('the same strings as names are greeted', async () => {
  for (const firstName of strings.filter((text) => text.length <= 64)) {
    const guest = chat.guest({ firstName, languageCode: firstName })
    const { message } = await guest.command('start')
    expect(textOf(message)).toContain(guest.say('home.hello', { name: firstName }))
  }
})

test('half a character, which no messenger can send, is answered too', async () => {
  const guest = chat.guest()
  await guest.command('start')
  for (const step of ['none', 'search', 'city', 'phone', 'name', 'amount'] as const) {
    await asking(guest, step)
    for (const text of ['\ud800', '\udc00x', `${'a'.repeat(59)}\ud83e`]) {
      const reply = await guest.visit((visitor) => chat.front.onAnswer(visitor, step, { kind: 'text', text }))
      expect(textOf(reply.message)).not.toBe('')
    }
  }
})
