import { describe, expect, test } from 'vitest'
import type { Priority } from '#chat/messenger.ts'
import { createQueue, usualPace, type Pace } from '#telegram/pace.ts'

/** Runs the queue on a clock that jumps; says who went when. */
function run(
  turns: [name: string, priority: Priority, chat?: string][],
  limits: Pace = usualPace,
  pauses: [after: string, ms: number][] = [],
): [name: string, at: number][] {
  const queue = createQueue(limits)
  const went: [string, number][] = []
  let now = 0
  for (const [name, priority, chat] of turns) queue.join({ priority, chat }, () => went.push([name, now]), false)
  for (let step = 0; step < 10_000; step += 1) {
    const next = queue.next(now)
    if (!next) return went
    if ('waitMs' in next) {
      now += next.waitMs
      continue
    }
    next.go()
    for (const [after, ms] of pauses) if (went.at(-1)?.[0] === after) queue.pause(now + ms)
  }
  throw new Error('the queue never became empty')
}

describe('the order', () => {
  test('replies go first, then status, group changes and broadcasts', () => {
    const went = run([
      ['b', 'broadcast', '1'],
      ['g', 'group', '2'],
      ['s', 'status', '3'],
      ['r', 'reply', '4'],
    ])
    expect(went.map(([name]) => name)).toEqual(['r', 's', 'g', 'b'])
  })

  test('a chat that has to wait does not hold up others of the same priority', () => {
    const went = run([
      ['a1', 'broadcast', '1'],
      ['a2', 'broadcast', '1'],
      ['b1', 'broadcast', '2'],
    ])
    expect(went).toEqual([
      ['a1', 0],
      ['b1', 34],
      ['a2', 1000],
    ])
  })

  test('what is repeated keeps its place', () => {
    const queue = createQueue(usualPace)
    const went: string[] = []
    queue.join({ priority: 'reply', chat: '1' }, () => went.push('second'), false)
    queue.join({ priority: 'reply', chat: '1' }, () => went.push('first again'), true)
    for (const now of [0, 0]) {
      const next = queue.next(now)
      if (next && 'go' in next) next.go()
    }
    expect(went).toEqual(['first again', 'second'])
  })
})

describe('limits', () => {
  test('bulk keeps to thirty a second and replies are not counted', () => {
    const bulk = Array.from({ length: 90 }, (_, i): [string, Priority, string] => [`b${i}`, 'broadcast', `${i}`])
    const replies = Array.from({ length: 50 }, (_, i): [string, Priority, string] => [`r${i}`, 'reply', `9${i}`])
    const went = run([...bulk, ...replies])
    expect(went.filter(([name, at]) => name.startsWith('r') && at === 0)).toHaveLength(50)
    const times = went.filter(([name]) => name.startsWith('b')).map(([, at]) => at)
    for (const from of times) {
      expect(times.filter((at) => at >= from && at < from + 1000).length).toBeLessThanOrEqual(30)
    }
    expect(times.at(-1)).toBeLessThan(3100)
  })

  test('three replies in a chat pass at once, then one a second', () => {
    const went = run(['1', '2', '3', '4', '5'].map((name) => [name, 'reply', '7']))
    expect(went.map(([, at]) => at)).toEqual([0, 0, 0, 1000, 2000])
  })

  test('bulk in one chat goes one a second and leaves room for a reply', () => {
    const queue = createQueue(usualPace)
    queue.join({ priority: 'broadcast', chat: '7' }, () => undefined, false)
    queue.join({ priority: 'broadcast', chat: '7' }, () => undefined, false)
    expect(queue.next(0)).toHaveProperty('go')
    expect(queue.next(100)).toEqual({ waitMs: 900 })
    queue.join({ priority: 'reply', chat: '7' }, () => undefined, false)
    expect(queue.next(100)).toHaveProperty('go')
  })

  test('a group gets at most twenty in any minute', () => {
    const went = run(Array.from({ length: 45 }, (_, i) => [`${i}`, 'status', '-100']))
    const times = went.map(([, at]) => at)
    for (const from of times) {
      expect(times.filter((at) => at >= from && at < from + 60_000).length).toBeLessThanOrEqual(20)
    }
    expect(times.at(-1)).toBeLessThan(130_000)
  })

  test('a pause holds everyone, replies too', () => {
    const went = run(
      [
        ['r1', 'reply', '1'],
        ['r2', 'reply', '2'],
        ['s1', 'status', '3'],
      ],
      usualPace,
      [['r1', 5000]],
    )
    expect(went).toEqual([
      ['r1', 0],
      ['r2', 5000],
      ['s1', 5000],
    ])
  })
})
