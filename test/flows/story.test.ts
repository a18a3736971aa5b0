/**
 * Steps 1 to 7, undisturbed once, and then with what the world does to a bot. The deaths of the two disturbed plays are in
 * different places, so that between any two acts there is one, and a play beside it that had none there.
 */
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { EndState } from './end-state.ts'
import { expectStoryTold, play } from './play.ts'

let plays: Record<'undisturbed' | 'polling' | 'webhook', Promise<EndState>>

beforeAll(() => {
  plays = {
    undisturbed: play('polling'),
    polling: play('polling', { repeats: true, kills: 'odd' }),
    webhook: play('webhook', { repeats: true, kills: 'even' }),
  }
  // Whichever fails does so in its own test.
  for (const each of Object.values(plays)) each.catch(() => undefined)
})
afterAll(async () => {
  await Promise.allSettled(Object.values(plays))
}, 480_000)

test('steps 1 to 7 and the failure of step 5 come to what they should', async () => {
  const end = await plays.undisturbed
  expectStoryTold(end)
  expect(end.jobsLeft).toEqual([])
}, 480_000)

test('over polling they end the same when every update comes twice and the bot is killed after every odd act', async () => {
  expect(await plays.polling).toEqual(await plays.undisturbed)
}, 480_000)

test('over webhook they end the same when every update comes three times and the bot is killed after every even act', async () => {
  expect(await plays.webhook).toEqual(await plays.undisturbed)
}, 480_000)
