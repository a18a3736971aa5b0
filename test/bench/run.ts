/**
 * `npm run bench -- <name> [--json] [--quick] [--size <n>]`: measures, prints a table, or with `--json` one JSON object as the last line.
 * Exit code 0 whether the goal is met or not (the report says so), 1 when nothing could be measured.
 */
import type { Report } from './report.ts'
import { reportToTable } from './report.ts'

/** `say` tells a person what is going on; it is no part of the result. */
type Bench = { about: string; run(say: (line: string) => void, isQuick: boolean, size?: number): Promise<Report> }

const benches: Record<string, Bench> = {
  updates: {
    about: 'taps and searches per second: webhook → database → Bot API call, beside a bare telegraf bot',
    run: async (say) => (await import('./updates.ts')).benchUpdates(say),
  },
  payments: {
    about: 'holds, captures and voids per second: queue → worker → YooKassa in 100 ms, beside a bare loop of calls',
    run: async (say, isQuick) => (await import('./payments.ts')).benchPayments(say, isQuick),
  },
  join: {
    about: 'seats taken per second, in one group and over many, through the whole purchase, beside a bare transaction',
    run: async (say, isQuick) => (await import('./join.ts')).benchJoin(say, isQuick),
  },
  settle: {
    about: 'groups closed and settled per second when a thousand are due at once: one worker, then two',
    run: async (say, isQuick) => (await import('./settle.ts')).benchSettle(say, isQuick),
  },
  import: {
    about: 'seconds to import 126,000 offers, and the same again, beside the parser alone',
    run: async (say, isQuick) => (await import('./import.ts')).benchImport(say, isQuick),
  },
  search: {
    about: 'searches per second among a million variants, a third with typos, beside plain full text and ILIKE',
    run: async (say, isQuick, size) => (await import('./search.ts')).benchSearch(say, isQuick, size),
  },
}

const given = process.argv.slice(2)
const asJson = given.includes('--json')
const isQuick = given.includes('--quick')
const sizeAt = given.indexOf('--size')
const size = sizeAt < 0 ? undefined : Number(given.splice(sizeAt, 2)[1])
const isSize = size === undefined || (Number.isInteger(size) && size >= 100)
const [name = '', ...others] = given.filter((word) => word !== '--json' && word !== '--quick')
const bench = Object.hasOwn(benches, name) ? benches[name] : undefined

if (!bench || !isSize || others.length > 0) {
  const list = Object.entries(benches).map(([known, { about }]) => `  ${known.padEnd(12)}${about}`)
  const options = [
    '--json   one JSON object as the last line',
    '--quick  shorter where a bench can be (payments, join, settle, search)',
    '--size   variants of the generated catalogue (search), 1000000 by default',
  ]
  const help = ['npm run bench -- <name> [--json] [--quick] [--size <n>]', '', ...list, '', ...options]
  const isAsked = name === '' || name === 'help' || name === '--help'
  process.stderr.write(
    `${isAsked ? '' : isSize ? `There is no bench "${[name, ...others].join(' ')}".\n\n` : '--size is a whole number from 100 on.\n\n'}${help.join('\n')}\n`,
  )
  process.exit(isAsked ? 0 : 1)
}

try {
  const report = await bench.run((line) => process.stderr.write(`${line}\n`), isQuick, size)
  process.stdout.write(asJson ? `${JSON.stringify(report)}\n` : `\n${reportToTable(report)}\n`)
  process.exit(0)
} catch (error) {
  process.stderr.write(`${error instanceof Error ? error.stack : String(error)}\n`)
  process.exit(1)
}
