import { expect, test } from 'vitest'
import { bothOf, expectStoryTold, play } from './play.ts'

test('over webhook, steps 1 to 7 end the same when every update comes three times and the bot is killed between any two acts', async () => {
  const [undisturbed, killed] = await bothOf(play('webhook', {}), play('webhook', { repeats: true, kills: true }))
  expectStoryTold(undisturbed)
  expect(killed).toEqual(undisturbed)
}, 480_000)
