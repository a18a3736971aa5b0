/** The story once: with or without deaths and repeats in it. */
import { expect } from 'vitest'
import { endStateOf, expectNothingTwice, type EndState } from './end-state.ts'
import { answeredTwice, openStage, type Mode } from './stage.ts'
import { actsOfStory, playStory } from './story.ts'

export type Disturbance = {
  /**
   * The bot is killed after every other act and its successor not waited for; the worker, too, now and then. A play with
   * `odd` and one with `even` have a death between any two acts.
   */
  kills?: 'odd' | 'even'
  /** Every update comes more than once. */
  repeats?: boolean
}

export async function play(mode: Mode, { kills, repeats = false }: Disturbance = {}): Promise<EndState> {
  const stage = await openStage(mode, { repeats })
  try {
    let acts = 0
    const cast = await playStory(stage, async () => {
      acts += 1
      if (!kills || acts % 2 !== (kills === 'odd' ? 1 : 0)) return
      await stage.bot.killAndRestart()
      if (acts % 5 === 0) await stage.worker.killAndRestart()
    })
    await stage.settled()
    expect(acts).toBe(actsOfStory)
    if (kills) {
      expect(stage.bot.deaths()).toBe(kills === 'odd' ? Math.ceil(acts / 2) : Math.floor(acts / 2))
      expect(stage.worker.deaths()).toBeGreaterThan(3)
    }
    if (repeats) expect(stage.updatesGiven()).toBeGreaterThan(acts * 2)
    const end = await endStateOf(stage, cast)
    expectNothingTwice(end)
    await stage.expectCorrectCalls(repeats ? answeredTwice : undefined)
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
