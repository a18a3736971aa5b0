import { describe, expect, test } from 'vitest'
import { latch, made, recordingFront, startBot, startBotApi, token } from './support.ts'

describe('polling', () => {
  test('nothing is confirmed before it is handled, and a process started after a kill sees it again', async () => {
    const api = await startBotApi()
    const gate = latch()
    const killed = recordingFront({
      async onCommand(_visitor, name) {
        killed.log.push(name)
        if (name === 'slow') await gate.opened
        return {}
      },
    })
    const first = await startBot(api, killed.front)
    first.startPolling()
    api.queue(made.text(1, 10, '/slow'), made.text(2, 20, '/quick'))
    await api.until(() => killed.log.includes('finish 2'))
    // Several more calls come while the slow one is under way; none confirms it, nor what came after it.
    const before = api.callsOf('getUpdates').length
    await api.until(() => api.callsOf('getUpdates').length >= before + 2)
    expect(api.unconfirmed()).toEqual([1, 2])
    expect(killed.log.filter((line) => line === 'slow')).toHaveLength(1)

    // The kill: this process never comes to the end of update 1. Another one starts, with the same store.
    const { front, log } = recordingFront({
      begin: async (arrival, opensChat) => killed.front.begin(arrival, opensChat),
      finish: async (arrival) => killed.front.finish(arrival),
    })
    const second = await startBot(api, front)
    second.startPolling()
    await api.until(() => api.unconfirmed().length === 0)
    expect(log).toEqual(['command slow'])
    expect(killed.finished).toEqual(new Set(['1', '2']))
    gate.open()
  })

  test('new updates are seen while one is under way', async () => {
    const api = await startBotApi()
    const gate = latch()
    const { front, log } = recordingFront({
      async onCommand(_visitor, name) {
        if (name === 'slow') await gate.opened
        log.push(name)
        return {}
      },
    })
    const bot = await startBot(api, front)
    bot.startPolling()
    api.queue(made.text(1, 10, '/slow'))
    await api.until(() => log.includes('begin 1 opens'))
    api.queue(made.text(2, 20, '/later'))
    await api.until(() => log.includes('later'))
    expect(log).not.toContain('slow')
    gate.open()
    await api.until(() => api.unconfirmed().length === 0)
  })

  test('does not ask in a busy loop while something is under way', async () => {
    const api = await startBotApi()
    const gate = latch()
    const { front, log } = recordingFront({
      async onCommand() {
        await gate.opened
        return {}
      },
    })
    const bot = await startBot(api, front)
    bot.startPolling()
    api.queue(made.text(1, 10, '/slow'))
    await api.until(() => log.includes('begin 1 opens'))
    const from = performance.now()
    await api.until(() => performance.now() - from > 1000)
    expect(api.callsOf('getUpdates').length).toBeLessThan(10)
    gate.open()
  })

  test('stopping waits for the update under way and confirms it', async () => {
    const api = await startBotApi()
    const gate = latch()
    const { front, log } = recordingFront({
      async onCommand() {
        log.push('under way')
        await gate.opened
        return {}
      },
    })
    const bot = await startBot(api, front)
    bot.startPolling()
    api.queue(made.text(1, 10, '/slow'))
    await api.until(() => log.includes('under way'))
    const stopping = bot.stop()
    gate.open()
    await stopping
    expect(log).toContain('finish 1')
    expect(api.unconfirmed()).toEqual([])
  })

  test('every getUpdates names the kinds it wants', async () => {
    const api = await startBotApi()
    const bot = await startBot(api, recordingFront().front)
    bot.startPolling()
    await api.until(() => api.callsOf('getUpdates').length > 0)
    expect(api.callsOf('getUpdates')[0]?.params['allowed_updates']).toEqual([
      'message',
      'callback_query',
      'inline_query',
      'chosen_inline_result',
      'pre_checkout_query',
      'my_chat_member',
    ])
  })

  test('another poller, a failing network and a 429 are waited out', async () => {
    const api = await startBotApi()
    const conflict = 'Conflict: terminated by other getUpdates request; make sure that only one bot instance is running'
    api.script('getUpdates', { error: 409, description: conflict }, { drop: true }, { status: 502 })
    const { front, log } = recordingFront()
    const bot = await startBot(api, front)
    bot.startPolling()
    api.queue(made.text(1, 10, '/x'))
    await api.until(() => log.includes('command x'))
    expect(bot.logged.filter((line) => line.level === 'warn').map((line) => line.m)).toEqual([
      'another process receives the updates of this bot, or a webhook is set; only one may',
      'updates could not be fetched',
      'updates could not be fetched',
    ])
    expect(JSON.stringify(bot.logged)).not.toContain(token)
  })

  test('a refused token ends it with an error', async () => {
    const api = await startBotApi()
    api.script('getUpdates', { error: 401, description: 'Unauthorized' })
    const bot = await startBot(api, recordingFront().front)
    bot.startPolling()
    await api.until(() => bot.logged.length > 0)
    expect(bot.logged.filter((line) => line.level === 'error')).toEqual([
      expect.objectContaining({ m: 'Telegram refuses the bot token; no more updates are received' }),
    ])
  })

  test('an update that cannot be looked up for a moment is tried again and not lost', async () => {
    const api = await startBotApi()
    const usual = recordingFront()
    let failures = 2
    const { front, log } = recordingFront({
      async begin(arrival, opensChat) {
        if (failures-- > 0) throw new Error('no database')
        return usual.front.begin(arrival, opensChat)
      },
    })
    const bot = await startBot(api, front)
    bot.startPolling()
    api.queue(made.text(1, 10, '/x'))
    await api.until(() => api.unconfirmed().length === 0)
    expect(log).toEqual(['command x', 'finish 1'])
  })
})

test('a refused token stops the start with a clear sentence that does not repeat it', async () => {
  const api = await startBotApi()
  api.script('getMe', { error: 401, description: 'Unauthorized' })
  const failure: unknown = await startBot(api, undefined).catch((error: unknown) => error)
  expect(String(failure)).toBe('Error: Telegram refuses the bot token: 401 Unauthorized')
  expect(String(failure)).not.toContain(token)
})
