/** The story once: with or without deaths in it. */
import { expect } from 'vitest'
import { endStateOf, expectNothingTwice, type EndState } from './end-state.ts'
import { answeredTwice, openStage, type Mode } from './stage.ts'
import { playStory } from './story.ts'

/** @param kills the bot is killed between any two acts and its successor not waited for; the worker, too, now and then. */
export async function play(mode: Mode, { kills = false, repeats = false }): Promise<EndState> {
  const stage = await openStage(mode, { repeats })
  try {
    let acts = 0
    const cast = await playStory(stage, async () => {
      acts += 1
      if (!kills) return
      await stage.bot.killAndRestart()
      if (acts % 9 === 0) await stage.worker.killAndRestart()
    })
    await stage.settled()
    expect(acts).toBeGreaterThan(30)
    if (kills) expect(stage.bot.deaths()).toBe(acts)
    const end = await endStateOf(stage, cast)
    expectNothingTwice(end)
    await stage.expectCorrectCalls(repeats ? answeredTwice : undefined)
    return end
  } finally {
    await stage.close()
  }
}

/** Waits for both also when one fails: neither leaves its processes behind. */
export async function bothOf(one: Promise<EndState>, other: Promise<EndState>): Promise<[EndState, EndState]> {
  await Promise.allSettled([one, other])
  return Promise.all([one, other])
}

/** What the story comes to, whatever happened on the way. */
export function expectStoryTold(end: EndState): void {
  const delivered = {
    state: 'delivered',
    payments: [['captured', 'capture done']],
    provider: [expect.stringMatching(/^succeeded /)],
    seat: 'confirmed in formed, 2 paid',
    shipment: [
      'delivered',
      expect.anything(),
      expect.anything(),
      expect.anything(),
      expect.anything(),
      expect.anything(),
      'DELIVERED',
    ],
  }
  expect(end.orders).toMatchObject([
    { buyer: 'Анна', ...delivered },
    { buyer: 'Boris', ...delivered },
    {
      buyer: 'Дмитрий',
      state: 'awaiting_group',
      payments: [['held']],
      provider: [expect.stringMatching(/^waiting_for_capture /)],
      seat: 'paid in open, 1 paid',
    },
  ])
  // One hold for each seat, and none that no order knows of.
  expect(end.payments).toBe(3)
  expect(end.notices).toEqual(
    [
      'Анна: seat-paid sent',
      ...['Анна', 'Boris'].flatMap((name) => [
        `${name}: group-formed sent`,
        ...Array.from({ length: 4 }, () => `${name}: shipment sent`),
      ]),
      'София: channel-added sent',
      'София: post-published sent',
      'Дмитрий: seat-paid sent',
    ].toSorted(),
  )
  expect(end.jobsLeft).toEqual([])
}
