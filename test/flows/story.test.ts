/**
 * Steps 1 to 7 with what the world does to a bot, over both ways in. The deaths of the two plays are in different places,
 * so that a death that changes the end shows as a difference, too.
 */
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { EndState } from './end-state.ts'
import { expectStoryTold, play } from './play.ts'

let plays: Record<'polling' | 'webhook', Promise<EndState>>

beforeAll(() => {
  plays = {
    polling: play('polling', { killsFrom: 1 }),
    webhook: play('webhook', { killsFrom: 3 }),
  }
  // Whichever fails does so in its own test.
  for (const each of Object.values(plays)) each.catch(() => undefined)
})
afterAll(async () => {
  await Promise.allSettled(Object.values(plays))
}, 480_000)

test('over polling, with every update twice and the bot killed all the way, steps 1 to 7 and the failure of 5 come to what they should', async () => {
  const end = await plays.polling
  expectStoryTold(end)
  expect(end.jobsLeft).toEqual([])
}, 480_000)

test('over webhook, with every update three times and the bot killed all the way, they end the same', async () => {
  const end = await plays.webhook
  expectStoryTold(end)
  expect(end).toEqual(await plays.polling)
}, 480_000)
