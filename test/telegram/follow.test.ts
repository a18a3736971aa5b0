/** Messages that are kept up to date: the room tells the chat where each of them is, under one lasting reference. */
import { expect, test } from 'vitest'
import { toLastingRef } from '../../src/telegram/update.ts'
import { made, recordingFront, startBot, startBotApi, words } from './support.ts'

test('a message is remembered under one reference, whatever sort of content it has by now', () => {
  expect(toLastingRef('10:7:t')).toBe('10:7')
  expect(toLastingRef('-100:7:p')).toBe('-100:7')
  expect(toLastingRef('10:7')).toBe('10:7')
  expect(toLastingRef('i:AbC')).toBe('i:AbC')
})

test('a screen sent anew is followed where it was sent, after it was sent', async () => {
  const api = await startBotApi()
  const { front, log } = recordingFront({
    onCommand: async () => ({ message: words('group'), follows: { groupId: 3, version: 2 } }),
  })
  const bot = await startBot(api, front)
  await bot.handleUpdate(made.text(1, 10, '/start g_x'))
  expect(log.slice(-2)).toEqual(['finish 1', 'follow {"groupId":3,"version":2} 10:1001'])
})

test('a screen shown in place ends what the message followed before and starts what it shows now', async () => {
  const api = await startBotApi()
  const left: (string | undefined)[] = []
  const { front, log } = recordingFront({
    onTap: async () => ({ message: words('order'), follows: { orderId: 5 } }),
    async finish({ updateId }, ref) {
      left.push(ref)
      log.push(`finish ${updateId}`)
    },
  })
  const bot = await startBot(api, front)
  await bot.handleUpdate(made.tap(1, 10, 'oo.5'))
  expect(left).toEqual(['10:7'])
  expect(log.slice(-2)).toEqual(['finish 1', 'follow {"orderId":5} 10:7'])
})

test('a pressed message is left before it is edited, under its lasting reference, and one that stays is not', async () => {
  const api = await startBotApi()
  const left: [string, number][] = []
  const { front } = recordingFront({
    leave: async (_visitor, ref) => void left.push([ref, api.callsOf('editMessageText').length]),
    onTap: async (_visitor, act) => ({ message: words('next'), ...(act === 'new' && { asNew: true }) }),
  })
  const bot = await startBot(api, front)
  await bot.handleUpdate(made.tap(1, 10, 'h'))
  expect(left).toEqual([['10:7', 0]])
  expect(api.callsOf('editMessageText')).toHaveLength(1)
  await bot.handleUpdate(made.tap(2, 10, 'new'))
  await bot.handleUpdate(made.sharedTap(3, 10, 'h'))
  expect(left).toHaveLength(1)
})

test('the first look at an update names the message whose button was pressed, in their own chat only', async () => {
  const api = await startBotApi()
  const pressed: (string | undefined)[] = []
  const { front } = recordingFront()
  const begin: typeof front.begin = async (arrival, opensChat) => {
    pressed.push(arrival.pressed)
    return front.begin(arrival, opensChat)
  }
  const bot = await startBot(api, { ...front, begin })
  await bot.handleUpdate(made.tap(1, 10, 'h'))
  await bot.handleUpdate(made.sharedTap(2, 10, 'h'))
  await bot.handleUpdate(made.text(3, 10, '/start'))
  expect(pressed).toEqual(['10:7', undefined, undefined])
})

test('a screen that follows nothing only ends what the message followed before', async () => {
  const api = await startBotApi()
  const left: (string | undefined)[] = []
  const { front, log } = recordingFront({ finish: async (_arrival, ref) => void left.push(ref) })
  const bot = await startBot(api, front)
  await bot.handleUpdate(made.tap(1, 10, 'h'))
  expect(left).toEqual(['10:7'])
  expect(log.some((line) => line.startsWith('follow'))).toBe(false)
})

test('an edit that is not wanted any more when its turn comes leaves the message as it is', async () => {
  const api = await startBotApi()
  const bot = await startBot(api, recordingFront().front)
  expect(await bot.messenger.edit('10:7', words('old'), 'group', async () => false)).toEqual({ ok: true })
  expect(api.callsOf('editMessageText')).toEqual([])
  expect(await bot.messenger.edit('10:7', words('new'), 'group', async () => true)).toEqual({ ok: true })
  expect(api.callsOf('editMessageText')).toHaveLength(1)
})
