import { expect, test } from 'vitest'
import { bothOf, expectStoryTold, play } from './play.ts'

test('over polling, steps 1 to 7 end the same when the bot is killed between any two acts', async () => {
  const [undisturbed, killed] = await bothOf(play('polling', {}), play('polling', { kills: true }))
  expectStoryTold(undisturbed)
  expect(killed).toEqual(undisturbed)
}, 480_000)
