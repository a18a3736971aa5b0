/** `npm run money`, as the operator types it. */
import { expect, test, vi } from 'vitest'
import { spawnBundled } from './flows/child.ts'
import { useShop } from './shop/support.ts'

const shop = useShop()
// Each command is a process of its own.
vi.setConfig({ testTimeout: 180_000 })

async function money(...words: string[]): Promise<{ code: unknown; out: string; err: string }> {
  const child = spawnBundled('money', { DATABASE_URL: shop.url }, words)
  const code = await child.ended
  return { code, out: child.out(), err: child.err() }
}

const oneLine = /^[^\n]+\n$/

test('a chargeback and its end are booked once, with what the order’s money is then; all else is refused in one line', async () => {
  const goods = await shop.goods({ campaign: false, price: 100_000n })
  const seller = await shop.seller(goods)
  const { orderId, number, total } = await shop.order(await shop.person(), {
    kind: 'alone',
    variantId: goods.variantId,
  })
  const rub = (amount: bigint) => `${amount / 100n}.${String(amount % 100n).padStart(2, '0')}`
  const chargeback = (order: string, amount: string, ref: string) => money('chargeback', order, amount, '--ref', ref)
  const refused = (err: RegExp) => ({ code: 1, out: '', err: expect.stringMatching(err) as string })

  const unpaid = await chargeback(number, '10', 'letter')
  expect(unpaid).toEqual(refused(/nothing was taken/))
  expect(unpaid.err).toMatch(oneLine)
  await shop.pay(orderId)
  await shop.runJobs()

  const left = rub(total - 10_050n)
  const stand = `taken ${rub(total)}, went back 100.50, on its way back 0.00, left ${left} RUB`
  for (const what of ['is in the books', 'in the books already']) {
    const booked = await chargeback(number, '100.50', 'letter')
    expect(booked).toMatchObject({ code: 0, err: '' })
    expect(booked.out).toContain(what)
    expect(booked.out).toContain(stand)
  }
  expect(await shop.told(seller)).toMatchObject({ 'shop-attention': 1 })

  const answers = await Promise.all([
    chargeback('XXXX-2222', '1', 'other'),
    chargeback(number, '1.001', 'other'),
    chargeback(number, '100.51', 'letter'),
    chargeback(number, rub(total), 'other'),
    money('chargeback-won', 'other'),
  ])
  expect(answers).toEqual([
    refused(/there is no order XXXX-2222/),
    refused(/1\.001 is no amount of RUB/),
    refused(/the reference letter is in the books for another order or amount/),
    refused(/has less than .* left: taken .* went back 100\.50/),
    refused(/no chargeback is in the books by the reference other/),
  ])
  for (const { err } of answers) expect(err).toMatch(oneLine)
  expect(await money('chargeback', number, '1')).toEqual(refused(/--ref names the chargeback/))

  for (const what of ['is in the books', 'in the books already']) {
    const won = await money('chargeback-won', 'letter')
    expect(won).toMatchObject({ code: 0, err: '' })
    expect(won.out).toContain(what)
    expect(won.out).toContain(`went back 0.00, on its way back 0.00, left ${rub(total)} RUB`)
  }
  expect(await shop.told(seller)).toMatchObject({ 'shop-attention': 2 })
  expect((await shop.story(orderId)).slice(-2)).toEqual(['chargeback', 'chargeback-won'])
})
