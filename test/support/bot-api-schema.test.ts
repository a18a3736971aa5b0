import { expect, test } from 'vitest'
import { faultsOfCall, loadBotApiSchema } from './bot-api-schema.ts'

const schema = loadBotApiSchema()

function faults(method: string, params: Record<string, unknown>): string[] {
  if (!schema) throw new Error('skipped without a schema')
  return faultsOfCall(schema, method, params)
}

test.skipIf(!schema)('the schema holds the methods that a bot cannot do without', () => {
  for (const method of ['getUpdates', 'sendMessage', 'editMessageText', 'answerCallbackQuery']) {
    expect(Object.keys(schema?.methods ?? {})).toContain(method)
  }
})

test.skipIf(!schema)('a correct call has no faults, nested objects included', () => {
  const keyboard = { inline_keyboard: [[{ text: 'Join', callback_data: 'j.1' }], [{ text: 'Open', url: 'https://a' }]] }
  expect(faults('sendMessage', { chat_id: 5, text: 'Hello', parse_mode: 'HTML', reply_markup: keyboard })).toEqual([])
  expect(faults('sendMessage', { chat_id: '@shop', text: 'Hello', reply_markup: { remove_keyboard: true } })).toEqual(
    [],
  )
  const photo = { type: 'photo', media: 'https://a/b.png', caption: 'Mug' }
  expect(faults('editMessageMedia', { inline_message_id: 'x', media: photo })).toEqual([])
  const card = { type: 'article', id: '1', title: 'Mug', input_message_content: { message_text: 'Mug' } }
  expect(faults('answerInlineQuery', { inline_query_id: '1', results: [card] })).toEqual([])
})

test.skipIf(!schema).each([
  ['a method that is not there', 'sendGreeting', {}, 'sendGreeting: there is no such method'],
  ['a method named like a property of every object', 'constructor', {}, 'constructor: there is no such method'],
  ['a missing parameter', 'sendMessage', { chat_id: 5 }, 'sendMessage.text: is required'],
  [
    'an unknown parameter',
    'sendMessage',
    { chat_id: 5, text: 'a', pars_mode: 'HTML' },
    'sendMessage.pars_mode: is not known',
  ],
  ['a wrong type', 'sendMessage', { chat_id: 5, text: 7 }, 'sendMessage.text: must be a string'],
  [
    'an unknown field deep inside',
    'sendMessage',
    { chat_id: 5, text: 'a', reply_markup: { inline_keyboard: [[{ text: 'a', callback: 'b' }]] } },
    'sendMessage.reply_markup.inline_keyboard[0][0].callback: is not known',
  ],
  [
    'a button that does two things',
    'sendMessage',
    {
      chat_id: 5,
      text: 'a',
      reply_markup: { inline_keyboard: [[{ text: 'a', url: 'https://a', callback_data: 'b' }]] },
    },
    'sendMessage.reply_markup.inline_keyboard[0][0]: has 2 things to do instead of one',
  ],
  [
    'a result of a kind that is not there',
    'answerInlineQuery',
    {
      inline_query_id: '1',
      results: [{ type: 'picture', id: '1', title: 'a', input_message_content: { message_text: 'a' } }],
    },
    'answerInlineQuery.results[0].type: must be "article"',
  ],
])('%s is a fault', (_what, method, params, fault) => {
  expect(faults(method, params)).toEqual([fault])
})

test.skipIf(!schema)('an absent file is said aloud and checks nothing', () => {
  expect(loadBotApiSchema('/nowhere/at-all.json')).toBeUndefined()
})
