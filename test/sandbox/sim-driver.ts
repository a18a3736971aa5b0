/** A sandbox for one test file, and how to speak to both of its sides. */
import { afterAll, beforeAll, beforeEach } from 'vitest'
import { startSandbox, type Sandbox, type SandboxOptions } from '#sandbox/sandbox.ts'

export const token = '1:sandbox-token-for-the-demo-only'

/** Answers are looked into by tests, so they are as loose as JSON. */
export type Json = ReturnType<typeof JSON.parse>

export type Driver = {
  readonly url: string
  /** A Bot API call as JSON; the whole answer, `ok` or not. */
  bot(method: string, params?: object, botToken?: string): Promise<Json>
  /** Only the result. @throws when the call was refused */
  ask(method: string, params?: object): Promise<Json>
  /** POST to the person side; throws unless 2xx. */
  post(path: string, body?: object): Promise<Json>
  get(path: string): Promise<Json>
  /** The status too. */
  raw(method: string, path: string, body?: unknown, type?: string): Promise<{ status: number; body: Json }>
  /** A person who has written /start, with the update consumed. */
  person(firstName?: string): Promise<number>
  /** Takes and confirms whatever updates wait. */
  updates(): Promise<Json[]>
}

export function useSandbox(options: Partial<SandboxOptions> = {}): Driver {
  let sandbox: Sandbox | undefined
  let offset = 0
  beforeAll(async () => {
    sandbox = await startSandbox({ port: 0, ...options })
  })
  afterAll(async () => sandbox?.close())
  beforeEach(async () => {
    await driver.post('/sim/reset')
    await driver.bot('deleteWebhook')
  })
  const driver: Driver = {
    get url() {
      if (!sandbox) throw new Error('the sandbox exists inside tests and hooks only')
      return sandbox.url
    },
    async raw(method, path, body, type = 'application/json') {
      const response = await fetch(driver.url + path, {
        method,
        ...(body === undefined
          ? {}
          : { headers: { 'content-type': type }, body: typeof body === 'string' ? body : JSON.stringify(body) }),
      })
      const text = await response.text()
      return { status: response.status, body: text === '' ? undefined : JSON.parse(text) }
    },
    async bot(method, params = {}, botToken = token) {
      return (await driver.raw('POST', `/bot${botToken}/${method}`, params)).body
    },
    async ask(method, params) {
      const answer = await driver.bot(method, params)
      if (!answer.ok) throw new Error(`${method}: ${answer.description}`)
      return answer.result
    },
    async post(path, body = {}) {
      const answer = await driver.raw('POST', path, body)
      if (answer.status !== 200) throw new Error(`${path}: ${answer.status} ${JSON.stringify(answer.body)}`)
      return answer.body
    },
    async get(path) {
      return (await driver.raw('GET', path)).body
    },
    async person(firstName = 'Anna') {
      const { id } = await driver.post('/sim/people', { first_name: firstName })
      await driver.post('/sim/messages', { from: id, text: '/start' })
      await driver.updates()
      return id
    },
    async updates() {
      const updates: Json[] = await driver.ask('getUpdates', { offset })
      if (updates.length > 0) offset = updates.at(-1).update_id + 1
      await driver.ask('getUpdates', { offset })
      return updates
    },
  }
  return driver
}
