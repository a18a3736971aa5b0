/** The least that answers an update with something from the database: what telegraf and PostgreSQL cost by themselves. */
import { createServer } from 'node:http'
import pg from 'pg'
import { Telegraf } from 'telegraf'

const { BARE_TOKEN = '', BARE_API_ROOT = '', BARE_DATABASE_URL = '', BARE_PORT = '' } = process.env

const pool = new pg.Pool({ connectionString: BARE_DATABASE_URL, max: 16 })
const bot = new Telegraf(BARE_TOKEN, { telegram: { apiRoot: BARE_API_ROOT } })

async function nameOf(personId: number): Promise<string> {
  const { rows } = await pool.query<{ name: string }>(
    `SELECT p.first_name AS name FROM identity i JOIN person p ON p.id = i.person_id
    WHERE i.messenger = 'telegram' AND i.external_id = $1`,
    [String(personId)],
  )
  return rows[0]?.name ?? 'nobody'
}

bot.on('text', async (ctx) => {
  await ctx.reply(`${await nameOf(ctx.from.id)} wrote ${ctx.message.text}`)
})
bot.on('callback_query', async (ctx) => {
  await ctx.editMessageCaption(`${await nameOf(ctx.from.id)} pressed ${ctx.callbackQuery.id}`)
})

bot.botInfo = await bot.telegram.getMe()
const answer = bot.webhookCallback('/')
createServer((request, response) => void answer(request, response)).listen(Number(BARE_PORT), '127.0.0.1')
