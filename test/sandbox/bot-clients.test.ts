import http from 'node:http'
import type { AddressInfo } from 'node:net'
import { Bot, InlineKeyboard, InputFile, webhookCallback } from 'grammy'
import { Telegraf } from 'telegraf'
import { expect, test } from 'vitest'
import { token, useSandbox } from './sim-driver.ts'

const box = useSandbox()

/** Starts a server for a webhook and takes it away with whatever it holds. */
async function withServer(handler: http.RequestListener, use: (url: string) => Promise<void>): Promise<void> {
  const server = http.createServer(handler)
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve)
  })
  try {
    await use(`http://127.0.0.1:${(server.address() as AddressInfo).port}/hook`)
  } finally {
    await box.bot('deleteWebhook')
    server.closeAllConnections()
    server.close()
  }
}

/** What a person goes through with /start and one tap, whichever client the bot uses. */
async function walk(): Promise<object> {
  const { id: from } = await box.post('/sim/people', { first_name: 'Anna' })
  await box.post('/sim/messages', { from, text: '/start abc' })
  const transcript = () => box.get(`/sim/chats/${from}/messages`)
  await expect.poll(async () => (await transcript()).length, { timeout: 10_000 }).toBe(2)
  const [, greeting] = await transcript()
  const click = await box.post('/sim/clicks', { from, message_id: greeting.message_id, text: 'Go' })
  const [, now] = await transcript()
  return { greeting: greeting.text, entities: greeting.entities, click, now: now.text, edits: now.edits }
}

const walked = {
  greeting: 'Hello abc',
  entities: [{ type: 'bold', offset: 6, length: 3 }],
  click: { type: 'callback', answer: { text: 'Going' } },
  now: 'Gone',
  edits: 1,
}

function telegrafBot(): Telegraf {
  const bot = new Telegraf(token, { telegram: { apiRoot: box.url, webhookReply: false } })
  bot.start((ctx) =>
    ctx.reply(`Hello <b>${ctx.payload}</b>`, {
      parse_mode: 'HTML',
      reply_markup: { inline_keyboard: [[{ text: 'Go', callback_data: 'go' }]] },
    }),
  )
  bot.action('go', async (ctx) => {
    await ctx.editMessageText('Gone')
    await ctx.answerCbQuery('Going')
  })
  return bot
}

function grammyBot(): Bot {
  const bot = new Bot(token, { client: { apiRoot: box.url } })
  bot.command('start', (ctx) =>
    ctx.reply(`Hello <b>${ctx.match}</b>`, {
      parse_mode: 'HTML',
      reply_markup: new InlineKeyboard().text('Go', 'go'),
    }),
  )
  bot.callbackQuery('go', async (ctx) => {
    await ctx.editMessageText('Gone')
    await ctx.answerCallbackQuery('Going')
  })
  return bot
}

test('telegraf polls', async () => {
  const bot = telegrafBot()
  const running = bot.launch()
  expect(await walk()).toEqual(walked)
  bot.stop()
  await running
})

test('telegraf takes a webhook', async () => {
  const bot = telegrafBot()
  const callback = bot.webhookCallback('/hook', { secretToken: 'shh' })
  await withServer(
    (request, response) => void callback(request, response),
    async (url) => {
      await bot.telegram.setWebhook(url, { secret_token: 'shh' })
      expect(await walk()).toEqual(walked)
    },
  )
})

test('grammY polls', async () => {
  const bot = grammyBot()
  const running = bot.start()
  expect(await walk()).toEqual(walked)
  await bot.stop()
  await running
})

test('grammY takes a webhook', async () => {
  const bot = grammyBot()
  const callback = webhookCallback(bot, 'http', { secretToken: 'shh' })
  await withServer(
    (request, response) => void callback(request, response),
    async (url) => {
      await bot.api.setWebhook(url, { secret_token: 'shh' })
      expect(await walk()).toEqual(walked)
    },
  )
})

test('both upload pictures and albums', async () => {
  const chat = await box.person()
  const data = Buffer.from('picture')
  const sent = await telegrafBot().telegram.sendPhoto(chat, { source: data }, { caption: 'a' })
  expect(sent.photo.at(-1)?.file_size).toBe(data.length)
  const album = await grammyBot().api.sendMediaGroup(chat, [
    { type: 'photo', media: new InputFile(data), caption: 'b' },
    { type: 'photo', media: 'https://example.com/c.jpg' },
  ])
  expect(album.map(({ caption }) => caption)).toEqual(['b', undefined])
  const link = await telegrafBot().telegram.getFileLink(sent.photo.at(-1)?.file_id ?? '')
  expect(await (await fetch(link)).text()).toBe('picture')
  expect(await box.get('/sim/problems')).toEqual([])
})
