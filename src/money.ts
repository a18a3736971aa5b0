/**
 * `npm run money -- …`: what the operator of the installation does with the shops' money. It moves none: what was paid out
 * elsewhere, and what a bank took back, is written into the books. Works on DATABASE_URL, or on the database of a running `npm start`.
 */
import { parseArgs } from 'node:util'
import { decimalToAmount, moneyToDecimal } from '#domain/money.ts'
import { bookChargeback, bookChargebackWon, currencyOfOrder, leftOf, type Disputed } from '#shop/chargebacks.ts'
import { payOut, payoutsDue, setShopFee } from '#shop/shop-money.ts'
import { openDatabase, type Client } from '#store/db.ts'
import { configOrExit, databaseUrlOrExit, prepareDatabase, reasonOf } from './part.ts'

const usage = `usage:
  npm run money -- payouts                                    what each shop is owed
  npm run money -- pay <shop> <amount> --ref <text> [--currency RUB]
                                                              writes down that a shop got so much; the same reference counts once
  npm run money -- fee <shop> <percent>                       the platform's share of the goods of new orders, 0 to 100
  npm run money -- chargeback <order> <amount> --ref <text>   a bank took so much of an order's money back; counts once too
  npm run money -- chargeback-won <ref>                       the dispute was won: the bank gave all of that up
<shop> is its short name, as in \`npm run import -- --seller\`; <amount> a decimal such as 1250.50;
<order> the number that people see.
Exit code 0: done; 1: refused, and nothing was changed.`

process.exitCode = await main(process.argv.slice(2))

async function main(args: string[]): Promise<number> {
  let parsed
  try {
    const options = { ref: { type: 'string' }, currency: { type: 'string', default: 'RUB' } } as const
    parsed = parseArgs({ args, options, allowPositionals: true })
  } catch (error) {
    return fail(`${reasonOf(error)}\n${usage}`)
  }
  const [command, ...words] = parsed.positionals
  const { ref, currency } = parsed.values
  const [slug = '', figure = ''] = words
  let work: (db: Client) => Promise<number>
  if (command === 'payouts' && words.length === 0) work = showPayouts
  else if (command === 'pay' && words.length === 2) {
    const amount = /^[A-Z]{3}$/.test(currency) ? decimalToAmount(figure, currency) : undefined
    const reference = ref?.trim() ?? ''
    if (amount === undefined || amount <= 0n) return fail(`${figure} is no amount of ${currency} to pay\n${usage}`)
    if (!isReference(reference)) return fail(`--ref names the payout, in 1 to 100 characters\n${usage}`)
    work = async (db) => pay(db, { slug, amount, currency, reference })
  } else if (command === 'chargeback' && words.length === 2) {
    const reference = ref?.trim() ?? ''
    if (!isReference(reference)) return fail(`--ref names the chargeback, in 1 to 100 characters\n${usage}`)
    work = async (db) => chargeback(db, { number: slug, figure, reference })
  } else if (command === 'chargeback-won' && words.length === 1) {
    work = async (db) => chargebackWon(db, slug.trim())
  } else if (command === 'fee' && words.length === 2) {
    const percent = /^(\d{1,3})(?:\.(\d{1,2}))?%?$/.exec(figure)
    const feeBasisPoints = percent ? Number(percent[1]) * 100 + Number((percent[2] ?? '').padEnd(2, '0')) : 10_001
    if (feeBasisPoints > 10_000)
      return fail(`${figure} is no share of 0 to 100 per cent, of two decimals at most\n${usage}`)
    work = async (db) => {
      if (!(await setShopFee(db, slug, feeBasisPoints))) return fail(`there is no shop ${slug}`)
      say(`${slug}: ${percentOf(feeBasisPoints)} of the goods of every order made from now on`)
      return 0
    }
  } else return fail(usage)

  const databaseUrl = databaseUrlOrExit(configOrExit())
  const db = openDatabase(databaseUrl, 2)
  try {
    await prepareDatabase(databaseUrl)
    return await work(db)
  } catch (error) {
    return fail(`It failed: ${reasonOf(error)} (the same command may be given again: a reference counts once)`)
  } finally {
    await db.$disconnect()
  }
}

async function showPayouts(db: Client): Promise<number> {
  const header = ['shop', 'currency', 'due', 'earned', 'awaiting', 'paid out', 'fee', 'rate', 'by hand']
  const rows = (await payoutsDue(db, new Date())).flatMap(({ slug, feeBasisPoints, balances }) =>
    balances.map(({ currency, due, earned, awaiting, paidOut, fee, refundsByHand }) => [
      slug,
      currency,
      ...[due, earned, awaiting, paidOut, fee].map((amount) => moneyToDecimal({ amount, currency })),
      percentOf(feeBasisPoints),
      String(refundsByHand),
    ]),
  )
  if (rows.length === 0) {
    say('No shop has had any money yet.')
    return 0
  }
  const lines = [header, ...rows]
  const widths = header.map((_, at) => Math.max(...lines.map((line) => line[at]?.length ?? 0)))
  // Figures stand under each other.
  const toCell = (cell: string, at: number) => (at < 2 ? cell.padEnd(widths[at] ?? 0) : cell.padStart(widths[at] ?? 0))
  for (const line of lines) say(line.map(toCell).join('  '))
  return 0
}

async function pay(
  db: Client,
  payout: { slug: string; amount: bigint; currency: string; reference: string },
): Promise<number> {
  const { slug, currency, reference } = payout
  const money = (amount: bigint) => moneyOf(amount, currency)
  const result = await payOut(db, payout, new Date())
  if (result.ok) {
    const what = result.isRepeat
      ? `was in the books already, since ${result.paidAt.toISOString()}; nothing was added`
      : 'is in the books'
    say(`${slug}: ${money(payout.amount)} (${reference}) ${what}. Due now: ${money(result.left)}`)
    return 0
  }
  switch (result.reason) {
    case 'no-shop':
      return fail(`there is no shop ${slug}`)
    case 'bad-amount':
      return fail('an amount to pay is more than zero')
    case 'reference-used':
      return fail(`the reference ${reference} is in the books with another amount`)
    case 'more-than-due':
      return fail(`${slug} is owed ${money(result.due)}, which is less than ${money(payout.amount)}`)
  }
}

async function chargeback(
  db: Client,
  { number, figure, reference }: { number: string; figure: string; reference: string },
): Promise<number> {
  const currency = await currencyOfOrder(db, number)
  if (currency === undefined) return fail(`there is no order ${number}`)
  const amount = decimalToAmount(figure, currency)
  if (amount === undefined || amount <= 0n) return fail(`${figure} is no amount of ${currency} that a bank takes back`)
  const result = await bookChargeback(db, { number, amount, reference }, new Date())
  if (result.ok) {
    const what = result.isRepeat
      ? `was in the books already, since ${result.at.toISOString()}; nothing was added`
      : 'is in the books, and the shop is told'
    say(`order ${number}: that ${moneyOf(amount, currency)} (${reference}) went back by the bank ${what}.`)
    say(standOf(result.payment))
    return 0
  }
  switch (result.reason) {
    case 'no-order':
      return fail(`there is no order ${number}`)
    case 'bad-amount':
      return fail('an amount that a bank takes back is more than zero')
    case 'not-paid':
      return fail(`nothing was taken for order ${number}`)
    case 'at-door':
      return fail(`order ${number} was paid at the door: no bank takes that back`)
    case 'reference-used':
      return fail(`the reference ${reference} is in the books for another order or amount`)
    case 'too-much':
      return fail(`order ${number} has less than ${moneyOf(amount, currency)} left: ${standOf(result.payment)}`)
  }
}

async function chargebackWon(db: Client, reference: string): Promise<number> {
  const result = await bookChargebackWon(db, reference, new Date())
  if (!result.ok) return fail(`no chargeback is in the books by the reference ${reference}`)
  const { number, amount, payment } = result
  const what = result.isRepeat
    ? `was in the books already, since ${result.at.toISOString()}; nothing was added`
    : 'is in the books, and the shop is told'
  say(`order ${number}: that the bank gave up ${moneyOf(amount, payment.currency)} (${reference}) ${what}.`)
  say(standOf(payment))
  return 0
}

function standOf(payment: Disputed): string {
  const { currency, captured, refunded, refunding } = payment
  const [taken, back, onItsWay] = [captured, refunded, refunding].map((amount) => moneyToDecimal({ amount, currency }))
  return `taken ${taken}, went back ${back}, on its way back ${onItsWay}, left ${moneyOf(leftOf(payment), currency)}`
}

function moneyOf(amount: bigint, currency: string): string {
  return `${moneyToDecimal({ amount, currency })} ${currency}`
}

function isReference(text: string): boolean {
  return /^[^\p{C}]{1,100}$/u.test(text)
}

function percentOf(basisPoints: number): string {
  return `${Math.floor(basisPoints / 100)}.${String(basisPoints % 100).padStart(2, '0')} %`
}

function say(line: string): void {
  process.stdout.write(`${line}\n`)
}

function fail(line: string): number {
  process.stderr.write(`${line}\n`)
  return 1
}
