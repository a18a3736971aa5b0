import { expect, onTestFinished, test } from 'vitest'
import type { Answer } from '#chat/messenger.ts'
import { startSandbox } from '#sandbox/sandbox.ts'
import { readUpdate } from '#telegram/update.ts'
import { recordingFront, startBot, startBotApi, token } from './support.ts'

const bot = { id: 42, username: 'vmeste_bot' }
const sent = (document: object) =>
  readUpdate(
    {
      update_id: 1,
      message: { message_id: 1, from: { id: 5, first_name: 'A' }, chat: { id: 5, type: 'private' }, document },
    },
    bot,
  )

async function textOf(content: AsyncIterable<unknown>): Promise<string> {
  const chunks: Buffer[] = []
  for await (const chunk of content) chunks.push(chunk as Buffer)
  return Buffer.concat(chunks).toString()
}

test('a document is an answer with its name, its size, and how much the messenger hands over', () => {
  const bytesMax = 20 * 1024 * 1024
  expect(sent({ file_id: 'f1', file_name: 'feed.yml', file_size: 7 })).toMatchObject({
    kind: 'answer',
    answer: { kind: 'file', ref: 'f1', name: 'feed.yml', bytes: 7, bytesMax } satisfies Answer,
  })
  expect(sent({ file_id: 'f1' })).toMatchObject({ answer: { kind: 'file', name: '', bytes: 0 } })
  expect(sent({})).toMatchObject({ answer: { kind: 'other' } })
})

test('its bytes come from where getFile says', async () => {
  const sandbox = await startSandbox({ port: 0 })
  onTestFinished(async () => sandbox.close())
  const answers: Answer[] = []
  const { front } = recordingFront({
    async onAnswer(_visitor, _step, answer) {
      answers.push(answer)
      return { toast: 'ok' }
    },
  })
  const running = await startBot({ url: sandbox.url }, front)
  const call = (path: string, body: object) =>
    fetch(sandbox.url + path, {
      method: 'POST',
      body: JSON.stringify(body),
      headers: { 'content-type': 'application/json' },
    })
  await call('/sim/people', { id: 501, first_name: 'Аня' })
  await call('/sim/messages', { from: 501, document: { name: 'каталог.yml', data: 'PHltbC8+' } })
  running.startPolling()
  await expect.poll(() => answers).toMatchObject([{ kind: 'file', name: 'каталог.yml', bytes: 6 }])
  const ref = answers[0]?.kind === 'file' ? answers[0].ref : ''
  const found = await running.messenger.download(ref)
  expect(found.ok && (await textOf(found.content))).toBe('<yml/>')
  expect(await running.messenger.download('made-up')).toEqual({ ok: false, reason: 'gone' })
})

test('what is too large, gone or out of reach is told apart, and no error tells the token', async () => {
  const api = await startBotApi()
  const { front } = recordingFront()
  const running = await startBot(api, front)
  const download = () => running.messenger.download('f1')
  api.script('getFile', { error: 400, description: 'Bad Request: file is too big' })
  expect(await download()).toEqual({ ok: false, reason: 'too-large' })
  api.script('getFile', { result: { file_id: 'f1', file_unique_id: 'u', file_size: 30_000_000, file_path: 'a' } })
  expect(await download()).toEqual({ ok: false, reason: 'too-large' })
  api.script('getFile', { result: { file_id: 'f1', file_unique_id: 'u' } })
  expect(await download()).toEqual({ ok: false, reason: 'gone' })
  const file = { result: { file_id: 'f1', file_unique_id: 'u', file_path: 'documents/f1.yml' } }
  api.script('getFile', file, file, file)
  api.script('f1.yml', { status: 404 }, { status: 500 }, { drop: true })
  expect(await download()).toEqual({ ok: false, reason: 'gone' })
  expect(await download()).toEqual({ ok: false, reason: 'unreachable' })
  expect(await download()).toEqual({ ok: false, reason: 'unreachable' })
})

test('a path cannot lead to another server, nor beside the files of this bot', async () => {
  const api = await startBotApi()
  const { front } = recordingFront()
  const running = await startBot(api, front)
  const asked = async (path: string) => {
    api.script('getFile', { result: { file_id: 'f1', file_unique_id: 'u', file_path: path } })
    return running.messenger.download('f1')
  }
  for (const path of ['//elsewhere.example/f1', '../../botX/getMe', 'https://elsewhere.example/f1', 'a/./b', '/f1']) {
    expect(await asked(path)).toEqual({ ok: false, reason: 'gone' })
  }
  expect(api.filesAsked).toEqual([])
  const found = await asked('documents/f 1?.yml')
  if (found.ok) found.content.destroy()
  expect(api.filesAsked).toEqual([`/file/bot${token}/documents/f%201%3F.yml`])
})
