/** A person goes on to another screen while a worker redraws what the message showed: with a real front and outbox. */
import { expect, test } from 'vitest'
import { createFront } from '#chat/dispatch.ts'
import { intentToAct } from '#chat/intent.ts'
import { createOutbox } from '#chat/outbox.ts'
import { followCard } from '#shop/live-cards.ts'
import { useShop } from '../shop/support.ts'
import { latch, made, startBot, startBotApi } from './support.ts'

const shop = useShop()
const toLanguages = intentToAct({ do: 'language' })

/** Somebody whose private message 7 shows a group that has just changed. */
async function reader() {
  const { groupId, leader } = await shop.openGroup(await shop.goods({ size: 3 }))
  const { externalId } = await shop.db.identity.findFirstOrThrow({ where: { personId: leader } })
  const card = { messenger: 'telegram', messageRef: `${externalId}:7`, language: 'ru', personId: leader }
  const follow = async () => followCard(shop.db, { ...card, subject: { groupId }, shownVersion: 0 }, shop.now)
  const isFollowed = async () => (await shop.db.liveCard.count({ where: { messageRef: card.messageRef } })) > 0
  return { groupId, chat: Number(externalId), follow, isFollowed }
}

test('a redraw never lands over the screen that was opened while its own was on the way', async () => {
  const { groupId, chat, follow, isFollowed } = await reader()
  await follow()
  const api = await startBotApi()
  const bot = await startBot(api, createFront(shop.deps))
  const outbox = createOutbox(shop.deps, [bot.messenger])
  const answered = latch()
  api.script('editMessageText', { after: answered.opened })
  const tapping = bot.handleUpdate(made.tap(1, chat, toLanguages))
  await api.until(() => api.callsOf('editMessageText').length === 1)
  await outbox.updateCards({ groupId })
  answered.open()
  await tapping
  expect(api.callsOf('editMessageText')).toHaveLength(1)
  expect(await isFollowed()).toBe(false)
})

test('a message that nobody has gone on from is redrawn', async () => {
  const { groupId, follow } = await reader()
  await follow()
  const api = await startBotApi()
  const bot = await startBot(api, createFront(shop.deps))
  await createOutbox(shop.deps, [bot.messenger]).updateCards({ groupId })
  expect(api.calls.filter(({ method }) => method.startsWith('edit'))).toHaveLength(1)
})

test('only a message that is kept up to date costs a step of its own before it is edited', async () => {
  const { chat, follow, isFollowed } = await reader()
  const front = createFront(shop.deps)
  const sender = { messenger: 'telegram', externalId: String(chat), firstName: 'Анна' } as const
  const press = async (updateId: string) => {
    const begun = await front.begin({ sender, updateId, pressed: `${chat}:7` }, true)
    if (begun.handled) throw new Error('it is new')
    return begun.visitor
  }
  const early = await press('early')
  await follow()
  // It was none when the tap was looked at: nothing more is asked, and `finish` ends it.
  await front.leave(early, `${chat}:7`)
  expect(await isFollowed()).toBe(true)
  await front.leave(await press('late'), `${chat}:7`)
  expect(await isFollowed()).toBe(false)
})
