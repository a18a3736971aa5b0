import { describe, expect, test } from 'vitest'
import type { Front } from '#chat/front.ts'
import { latch, made, recordingFront, startBot, startBotApi, visitor, words } from './support.ts'

describe('order', () => {
  test('one person is served strictly in order while others go on', async () => {
    const api = await startBotApi()
    const slow = latch()
    const { front, log } = recordingFront({
      async onCommand(visitor, name) {
        if (name === 'slow') await slow.opened
        log.push(`${visitor.personId} ${name}`)
        return {}
      },
    })
    const bot = await startBot(api, front)
    const first = bot.handleUpdate(made.text(1, 10, '/slow'))
    const second = bot.handleUpdate(made.tap(2, 10, 'x'))
    await bot.handleUpdate(made.text(3, 20, '/quick'))
    expect(log.filter((line) => /^\d+ |^tap/.test(line))).toEqual(['20 quick'])
    slow.open()
    await Promise.all([first, second])
    expect(log.filter((line) => /^\d+ |^tap/.test(line))).toEqual(['20 quick', '10 slow', 'tap x private 10:7:t'])
  })

  test('at most so many people are served at once, and the rest follows', async () => {
    const api = await startBotApi()
    const gate = latch()
    let atOnce = 0
    let most = 0
    const { front } = recordingFront({
      async onCommand() {
        most = Math.max(most, (atOnce += 1))
        await gate.opened
        atOnce -= 1
        return {}
      },
    })
    const bot = await startBot(api, front, { concurrency: 3 })
    const all = Array.from({ length: 10 }, (_, i) => bot.handleUpdate(made.text(i + 1, i + 1, '/x')))
    await new Promise((resolve) => setImmediate(resolve))
    gate.open()
    await Promise.all(all)
    expect(most).toBe(3)
  })
})

describe('once', () => {
  test('the same update twice has one effect, at once or later', async () => {
    const api = await startBotApi()
    const { front, log } = recordingFront()
    const bot = await startBot(api, front)
    await Promise.all([
      bot.handleUpdate(made.text(5, 1, '/start abc')),
      bot.handleUpdate(made.text(5, 1, '/start abc')),
    ])
    await bot.handleUpdate(made.text(5, 1, '/start abc'))
    expect(log.filter((line) => line.startsWith('command'))).toEqual(['command start abc'])
    expect(api.callsOf('sendMessage')).toHaveLength(1)
  })

  test('a tap that was handled before is still answered, so that it stops spinning', async () => {
    const api = await startBotApi()
    const { front } = recordingFront({ begin: async () => ({ handled: true }) })
    const bot = await startBot(api, front)
    await bot.handleUpdate(made.tap(5, 1, 'x'))
    expect(api.callsOf('answerCallbackQuery')).toHaveLength(1)
    expect(api.callsOf('editMessageText')).toHaveLength(0)
  })

  test('an update is marked as done before a message is sent, and after an edit', async () => {
    const api = await startBotApi()
    const order: string[] = []
    const { front } = recordingFront({
      async finish({ updateId }) {
        order.push(`finish ${updateId}: ${api.calls.filter((call) => /^(send|edit)/.test(call.method)).length}`)
      },
    })
    const bot = await startBot(api, front)
    await bot.handleUpdate(made.text(1, 1, '/start'))
    await bot.handleUpdate(made.tap(2, 1, 'x'))
    expect(order).toEqual(['finish 1: 0', 'finish 2: 2'])
  })
})

describe('defects', () => {
  test('a poisonous update is logged once without personal data, apologised for, and does not hold up the next', async () => {
    const api = await startBotApi()
    const { front, log } = recordingFront({
      async onAnswer() {
        throw new Error('broken here\nname: Ivan, phone: +79991234567')
      },
    })
    const bot = await startBot(api, front)
    await bot.handleUpdate(made.text(1, 77, 'boom'))
    await bot.handleUpdate(made.text(2, 77, '/next'))
    expect(api.callsOf('sendMessage').map((call) => call.params['text'])).toEqual(['sorry', '/next'])
    expect(log.filter((line) => line.startsWith('finish'))).toEqual(['finish 1', 'finish 2'])
    const errors = bot.logged.filter((line) => line.level === 'error')
    expect(errors).toHaveLength(1)
    expect(errors[0]?.o).toMatchObject({ updateId: 1, error: 'Error: broken here' })
    expect(JSON.stringify(errors)).not.toMatch(/\+7999|Person/)
  })

  test('a defect after a tap answers the tap with the words', async () => {
    const api = await startBotApi()
    const { front } = recordingFront({ onTap: async () => Promise.reject(new Error('broken')) })
    const bot = await startBot(api, front)
    await bot.handleUpdate(made.sharedTap(1, 77, 'x'))
    expect(api.callsOf('answerCallbackQuery').map((call) => call.params['text'])).toEqual(['sorry'])
    expect(api.callsOf('sendMessage')).toHaveLength(0)
  })

  test('when it cannot even be looked up, the webhook is told so', async () => {
    const api = await startBotApi()
    const { front } = recordingFront({ begin: async () => Promise.reject(new Error('no database')) })
    const bot = await startBot(api, front)
    await expect(bot.handleUpdate(made.text(1, 77, 'x'))).rejects.toThrow('no database')
  })

  test.each([
    undefined,
    null,
    1,
    'x',
    [],
    {},
    { update_id: 'x' },
    { update_id: 1 },
    { update_id: 1, message: null },
    { update_id: 1, message: {} },
    { update_id: 1, message: { chat: 5, from: { id: 1 } } },
    { update_id: 1, callback_query: { id: '1', from: { id: 1 } } },
    { update_id: 1, callback_query: { id: 1 } },
    { update_id: 1, inline_query: {} },
    { update_id: 1, chosen_inline_result: { from: { id: 1 } } },
    { update_id: 1, my_chat_member: { chat: {} } },
    { update_id: 1, something_new: { from: { id: 1 } } },
  ])('an update that makes no sense is passed over: %j', async (update) => {
    const api = await startBotApi()
    const { front, log } = recordingFront()
    const bot = await startBot(api, front)
    await bot.handleUpdate(update)
    expect(log).toEqual([])
  })
})

describe('what arrives', () => {
  const cases: [string, object, string[]][] = [
    ['a command', made.text(1, 7, '/start g-AbC_1'), ['command start g-AbC_1']],
    ['a command that names the bot', made.text(1, 7, '/help@Vmeste_Bot'), ['command help']],
    ['free text', made.text(1, 7, 'чайник'), ['answer city {"kind":"text","text":"чайник"}']],
    [
      'their own contact',
      made.text(1, 7, '', {
        text: undefined,
        contact: { phone_number: '+7', first_name: 'A', last_name: 'B', user_id: 7 },
      }),
      ['answer city {"kind":"contact","phone":"+7","name":"A B","own":true}'],
    ],
    [
      'somebody else’s contact',
      made.text(1, 7, '', { text: undefined, contact: { phone_number: '+7', first_name: 'A', user_id: 8 } }),
      ['answer city {"kind":"contact","phone":"+7","name":"A","own":false}'],
    ],
    [
      'a location',
      made.text(1, 7, '', { text: undefined, location: { latitude: 1.5, longitude: 2 } }),
      ['answer city {"kind":"location","latitude":1.5,"longitude":2}'],
    ],
    ['a photo', made.text(1, 7, '', { text: undefined, photo: [] }), ['answer city {"kind":"other"}']],
    ['a service message', made.text(1, 7, '', { text: undefined, pinned_message: {} }), []],
    ['a card of ours that they posted', made.text(1, 7, 'card', { via_bot: { id: 42 } }), []],
    ['talk in a group', made.text(1, 7, 'hello', { chat: { id: -5, type: 'group' } }), []],
    ['a command to nobody in a group', made.text(1, 7, '/start', { chat: { id: -5, type: 'group' } }), []],
    ['a command to another bot', made.text(1, 7, '/start@other_bot', { chat: { id: -5, type: 'group' } }), []],
    ['a card shared', made.chosen(1, 7, 'card-1'), ['chosen card-1 i:INL']],
    ['being blocked', made.membership(1, 7, { id: 7, type: 'private' }, 'kicked'), ['blocked true']],
    ['being unblocked', made.membership(1, 7, { id: 7, type: 'private' }, 'member'), ['blocked false']],
    [
      'a channel',
      made.membership(1, 7, { id: -100, type: 'channel', title: 'Brand' }, 'administrator'),
      ['channel -100 Brand true'],
    ],
    [
      'a channel lost',
      made.membership(1, 7, { id: -100, type: 'channel', title: 'Brand' }, 'left'),
      ['channel -100 Brand false'],
    ],
    ['a group joined', made.membership(1, 7, { id: -5, type: 'group', title: 'Friends' }, 'member'), []],
    ['an inline query', made.inline(1, 7, 'tea'), ['inline tea']],
    ['another bot', { update_id: 1, message: { ...made.text(1, 7, 'x').message, from: { id: 9, is_bot: true } } }, []],
  ]
  test.each(cases)('%s', async (_what, update, expected) => {
    const api = await startBotApi()
    const begin: Front['begin'] = async ({ sender }) => ({ handled: false, visitor: visitor({ sender, step: 'city' }) })
    const { front, log } = recordingFront({ begin })
    const bot = await startBot(api, front)
    await bot.handleUpdate(update)
    expect(log.filter((line) => !line.startsWith('finish'))).toEqual(expected)
  })

  test('only what happens in private shows that the chat is open', async () => {
    const api = await startBotApi()
    const { front, log } = recordingFront()
    const bot = await startBot(api, front)
    await bot.handleUpdate(made.text(1, 7, 'x'))
    await bot.handleUpdate(made.tap(2, 7, 'x'))
    await bot.handleUpdate(made.sharedTap(3, 7, 'x'))
    await bot.handleUpdate(made.inline(4, 7, 'x'))
    await bot.handleUpdate(made.membership(5, 7, { id: 7, type: 'private' }, 'kicked'))
    await bot.handleUpdate(made.text(6, 7, '/x@vmeste_bot', { chat: { id: -5, type: 'group' } }))
    const begun = log.filter((line) => line.startsWith('begin'))
    expect(begun).toEqual(['begin 1 opens', 'begin 2 opens', 'begin 3', 'begin 4', 'begin 5', 'begin 6'])
  })

  test('the answer to a command written in a group goes to the person alone', async () => {
    const api = await startBotApi()
    const bot = await startBot(api, recordingFront().front)
    await bot.handleUpdate(made.text(1, 7, '/orders@vmeste_bot', { chat: { id: -5, type: 'group' } }))
    expect(api.callsOf('sendMessage').map((call) => call.params['chat_id'])).toEqual([7])
  })
})

describe('stopping', () => {
  test('waits for what is under way and takes nothing more', async () => {
    const api = await startBotApi()
    const gate = latch()
    const { front, log } = recordingFront({
      async onCommand() {
        await gate.opened
        return { message: words('done') }
      },
    })
    const bot = await startBot(api, front)
    const handling = bot.handleUpdate(made.text(1, 7, '/x'))
    const stopped = bot.stop().then(() => log.push('stopped'))
    await expect(bot.handleUpdate(made.text(2, 8, '/y'))).rejects.toThrow('no more updates')
    expect(log).not.toContain('stopped')
    gate.open()
    await Promise.all([handling, stopped])
    expect(log.slice(-2)).toEqual(['finish 1', 'stopped'])
    expect(api.callsOf('sendMessage')).toHaveLength(1)
  })

  test('a process that only sends takes no updates', async () => {
    const bot = await startBot(await startBotApi(), undefined)
    expect(() => bot.startPolling()).toThrow('only sends')
    await expect(bot.handleUpdate(made.text(1, 7, 'x'))).rejects.toThrow('only sends')
  })
})
