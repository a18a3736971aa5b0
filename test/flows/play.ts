/** The story once, with deaths and repeats in it. */
import { expect } from 'vitest'
import { endStateOf, expectNothingTwice, type EndState } from './end-state.ts'
import { openStage, type Mode } from './stage.ts'
import { actsOfStory, playStory } from './story.ts'

/** The plays die two acts apart, so that between any two steps one of them has had a death. */
const actsPerDeath = 4

/**
 * Every update comes more than once, and the bot is killed after every fourth act and its successor not waited for; the
 * worker, too, now and then.
 * @param killsFrom the first act that the bot is killed after: 1 to 4.
 */
export async function play(mode: Mode, { killsFrom }: { killsFrom: number }): Promise<EndState> {
  const stage = await openStage(mode, { repeats: true })
  try {
    let acts = 0
    const cast = await playStory(stage, async () => {
      acts += 1
      if (acts % actsPerDeath !== killsFrom % actsPerDeath) return
      await stage.bot.killAndRestart()
      if (acts % 3 === 0) await stage.worker.killAndRestart()
    })
    await stage.settled()
    expect(acts).toBe(actsOfStory)
    expect(stage.bot.deaths()).toBe(Math.floor((acts - killsFrom) / actsPerDeath) + 1)
    expect(stage.worker.deaths()).toBeGreaterThanOrEqual(3)
    expect(stage.updatesGiven()).toBeGreaterThan(acts * 2)
    const end = await endStateOf(stage, cast)
    expectNothingTwice(end)
    // A tap whose answer died with a bot is answered by its successor: twice, or on a slow machine too late.
    await stage.expectCorrectCalls(/^callback query answered (more than once|after)/)
    return end
  } finally {
    await stage.close()
  }
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
  const missed = {
    state: 'cancelled',
    cancelReason: 'released',
    payments: [['voided', 'void done']],
    provider: [expect.stringMatching(/^canceled /)],
    seat: 'released in failed, 2 paid',
    shipment: null,
  }
  expect(end.orders).toMatchObject([
    { buyer: 'Анна', ...delivered },
    { buyer: 'Boris', ...delivered },
    { buyer: 'Дмитрий', ...missed },
    { buyer: 'Boris', ...missed },
    {
      buyer: 'Анна',
      state: 'packable',
      payments: [['captured', 'capture done']],
      provider: [expect.stringMatching(/^succeeded /)],
      seat: null,
      shipment: ['created', 'ACCEPTED', 'CREATED'],
    },
  ])
  // One payment for each order, and none that no order knows of.
  expect(end.payments).toBe(5)
  expect(end.notices).toEqual(
    [
      ...['Анна', 'Boris'].flatMap((name) => [
        `${name}: seat-paid sent`,
        `${name}: group-formed sent`,
        `${name}: order-paid sent`,
        ...Array.from({ length: 4 }, () => `${name}: shipment sent`),
      ]),
      'София: channel-added sent',
      'София: post-published sent',
      'Дмитрий: seat-paid sent',
      'Дмитрий: group-joined sent',
      ...['Дмитрий', 'Boris'].flatMap((name) => [`${name}: group-failed sent`, `${name}: money-released sent`]),
      'Анна: order-paid sent',
    ].toSorted(),
  )
}
