import { expect, test } from 'vitest'
import { token, useSandbox } from './sim-driver.ts'

const box = useSandbox()
const base64 = (text: string) => Buffer.from(text).toString('base64')

test('a document arrives with its name and size, and getFile says where its bytes are', async () => {
  const from = await box.person()
  const document = { name: 'каталог.yml', data: base64('<yml_catalog/>'), mime: 'application/xml' }
  await box.post('/sim/messages', { from, document, caption: 'наш' })
  const [update] = await box.updates()
  expect(update.message).toMatchObject({
    caption: 'наш',
    document: { file_name: 'каталог.yml', mime_type: 'application/xml', file_size: 14 },
  })
  const { file_id } = update.message.document
  const found = await box.ask('getFile', { file_id })
  expect(found).toEqual({
    file_id,
    file_unique_id: update.message.document.file_unique_id,
    file_size: 14,
    file_path: expect.stringMatching(/^documents\/file_\d+\.yml$/),
  })
  const at = (bot: string) => fetch(`${box.url}/file/bot${bot}/${found.file_path}`)
  expect(await (await at(token)).text()).toBe('<yml_catalog/>')
  expect((await at('1:somebody-else')).status).toBe(404)
})

test('a file over 20 MB can be sent, and bots are refused it in the words of Telegram', async () => {
  const from = await box.person()
  const data = Buffer.alloc(20 * 1024 * 1024 + 1, 'a').toString('base64')
  await box.post('/sim/messages', { from, document: { name: 'big.csv', data } })
  const [update] = await box.updates()
  expect(await box.bot('getFile', { file_id: update.message.document.file_id })).toEqual({
    ok: false,
    error_code: 400,
    description: 'Bad Request: file is too big',
  })
})

test.each([
  [{ name: 'a.csv', data: '' }, 'document: is neither a URL nor base64'],
  [{ name: '', data: 'aGVsbG8=' }, expect.stringMatching(/^document.name: /)],
  [{ name: 'a.csv', data: '{}' }, 'document: is neither a URL nor base64'],
])('%j is no document', async (document, error) => {
  const from = await box.person()
  expect(await box.raw('POST', '/sim/messages', { from, document })).toEqual({ status: 400, body: { error } })
})
