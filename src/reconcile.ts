/**
 * `npm run reconcile [-- --days N]`: lays the payment providers' lists beside our rows, the books and the orders, and says
 * every difference in a sentence. It changes nothing. Works on DATABASE_URL, or on the database of a running `npm start`.
 * Exit code 0: everything agrees; 1: something differs, or it could not begin; 2: a provider is silent, nothing is known.
 */
import { parseArgs } from 'node:util'
import { moneyToDecimal } from '#domain/money.ts'
import { OutcomeUnknown } from '#shop/outcome.ts'
import { reconcile, type Compared, type Difference } from '#shop/reconciliation.ts'
import { openDatabase } from '#store/db.ts'
import { configOrExit, databaseUrlOrExit, prepareDatabase, reasonOf } from './part.ts'
import { createDeps } from './wiring.ts'

const usage = 'usage: npm run reconcile [-- --days N]   (1 to 366; 2 when left out)'

process.exitCode = await main(process.argv.slice(2))

async function main(args: string[]): Promise<number> {
  const fail = (line: string, code = 1) => {
    process.stderr.write(`${line}\n`)
    return code
  }
  let days: number
  try {
    const { values } = parseArgs({ args, options: { days: { type: 'string', default: '2' } } })
    days = Number(values.days)
  } catch (error) {
    return fail(`${reasonOf(error)}\n${usage}`)
  }
  if (!Number.isInteger(days) || days < 1 || days > 366) return fail(usage)
  const config = configOrExit()
  const databaseUrl = databaseUrlOrExit(config)
  const db = openDatabase(databaseUrl, 2)
  try {
    await prepareDatabase(databaseUrl)
    const { providers } = createDeps(config, db, () => '')
    const now = new Date()
    const since = new Date(now.getTime() - days * 24 * 3_600_000)
    const compared = await reconcile(db, providers, { since, until: now }, now)
    process.stdout.write(describe(compared))
    return compared.differences.length === 0 ? 0 : 1
  } catch (error) {
    if (error instanceof OutcomeUnknown) return fail(`Nothing can be said: ${reasonOf(error)}`, 2)
    return fail(`The comparison failed: ${reasonOf(error)}`)
  } finally {
    await db.$disconnect()
  }
}

function describe({ checked, differences }: Compared): string {
  const sum = (key: 'payments' | 'refunds') => checked.reduce((total, one) => total + one[key], 0)
  const compared = `${count(sum('payments'), 'payment')} and ${count(sum('refunds'), 'refund')} compared`
  if (differences.length === 0) return `${compared}, no difference\n`
  const rows = differences.map((one) => [
    one.orderNumber ?? '-',
    one.provider,
    one.externalId ?? one.paymentId ?? '-',
    sentence(one),
  ])
  const lines = [['order', 'provider', 'payment', 'difference'], ...rows]
  const widths = [0, 1, 2].map((at) => Math.max(...lines.map((line) => line[at]?.length ?? 0)))
  const table = lines.map((line) => line.map((cell, at) => cell.padEnd(widths[at] ?? 0)).join('  '))
  return [`${compared}, ${count(differences.length, 'difference')}:`, '', ...table, ''].join('\n')
}

function sentence(one: Difference): string {
  const money = (amount: bigint, currency: string) => `${moneyToDecimal({ amount, currency })} ${currency}`
  switch (one.kind) {
    case 'unknown-to-us': {
      const what =
        one.orderNumber === undefined ? 'no payment of ours knows it' : 'our payment of this order does not know it'
      return `the provider has ${money(one.amount, one.currency)} (${one.state}), and ${what}`
    }
    case 'missing-at-provider':
      return `we have ${money(one.amount, one.currency)} (${one.state}), and the provider has no such payment`
    case 'state':
      return `we say ${one.ours}, the provider says ${one.theirs}: ${money(one.amount, one.currency)}`
    case 'amount':
      return `we agreed on ${money(one.ours, one.currency)}, the provider on ${money(one.theirs, one.theirCurrency)}`
    case 'captured':
      return `we say that ${money(one.ours, one.currency)} were taken, the provider ${money(one.theirs, one.currency)}`
    case 'refunded':
      return `we say that ${money(one.ours, one.currency)} went back through the provider, it says ${money(one.theirs, one.currency)}`
    case 'refund-unknown-to-us':
      return `the provider has refund ${one.refundId} of ${money(one.amount, one.currency)} (${one.state}), and we do not`
    case 'refund-missing':
      return `we have refund ${one.moveId} of ${money(one.amount, one.currency)} (${one.state}), and the provider does not`
    case 'refund-state':
      return `refund ${one.moveId} of ${money(one.amount, one.currency)}: we say ${one.ours}, the provider says ${one.theirs}`
    case 'refund-amount':
      return `refund ${one.moveId}: we say ${money(one.ours, one.currency)}, the provider says ${money(one.theirs, one.currency)}`
    case 'books':
      return `${money(one.ours, one.currency)} of it should lie with the provider, the books say ${money(one.booked, one.currency)}`
    case 'order-without-money':
      return `the order is ${one.orderState} and its ${money(one.amount, one.currency)} are neither taken nor promised`
    case 'money-without-order':
      return `${money(one.amount, one.currency)} were taken or are held, the order is ${one.orderState}, and nothing goes back`
  }
}

function count(number: number, what: string): string {
  return `${number} ${what}${number === 1 ? '' : 's'}`
}
