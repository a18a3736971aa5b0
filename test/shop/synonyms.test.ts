/** What else buyers call a shop's goods: kept as search folds it, and only the shop's to change. */
import { describe, expect, test } from 'vitest'
import { addSynonym, removeSynonym, synonymsMax, synonymsOf } from '#shop/synonyms.ts'
import { useShop } from './support.ts'

const shop = useShop()
let made = 0

async function newShop() {
  const slug = `synonyms-${++made}`
  const { id: sellerId } = await shop.db.seller.create({ data: { slug, name: slug, invitation: `i-${slug}` } })
  const personId = await shop.seller({ sellerId, productId: 0, variantId: 0, locationId: 0, campaignId: 0 })
  return { sellerId, personId }
}

describe("a shop's synonyms", () => {
  test('are kept as search folds them', async () => {
    const who = await newShop()
    const add = (typed: string) => addSynonym(shop.db, who, typed, shop.now)
    expect(await add('Тапки = домашние Тапочки')).toEqual({ ok: true, word: 'тапки', means: 'домашние тапочки' })
    expect(await add('ЁЛКА=ель')).toEqual({ ok: true, word: 'елка', means: 'ель' })
    expect(await add('тапки = домашние тапочки')).toEqual({ ok: false, reason: 'known' })
    expect(await add('ёлка = елка')).toEqual({ ok: false, reason: 'same' })
    expect(await add('домашние тапки = тапочки')).toEqual({ ok: false, reason: 'one-word' })
    for (const typed of ['тапки', '= тапочки', 'тапки =', 'а = б = в', '*** = тапочки', '']) {
      expect(await add(typed)).toEqual({ ok: false, reason: 'unclear' })
    }
    expect(await add(`${'а'.repeat(61)} = б`)).toEqual({ ok: false, reason: 'too-long' })
    expect(await add('слово = а б в г д е')).toEqual({ ok: false, reason: 'too-long' })
  })

  test(`are at most ${synonymsMax}, however many are added at once, and only the shop takes them away`, async () => {
    const who = await newShop()
    const [stranger] = [await newShop()]
    await shop.db.synonym.createMany({
      data: Array.from({ length: synonymsMax - 1 }, (_, at) => ({
        sellerId: who.sellerId,
        word: `слово${at}`,
        means: 'смысл',
        createdAt: shop.now,
      })),
    })
    const results = await Promise.all(
      ['один', 'два', 'три'].map((word) => addSynonym(shop.db, who, `${word} = смысл`, shop.now)),
    )
    expect(results.filter(({ ok }) => ok)).toHaveLength(1)
    expect(results.filter((result) => !result.ok && result.reason === 'too-many')).toHaveLength(2)
    const [first] = (await synonymsOf(shop.db, who.sellerId, who.personId, 0))?.synonyms ?? []
    expect(await removeSynonym(shop.db, first?.synonymId ?? 0, stranger.personId)).toBeUndefined()
    expect(await addSynonym(shop.db, { ...stranger, sellerId: who.sellerId }, 'а = б', shop.now)).toEqual({
      ok: false,
      reason: 'not-found',
    })
    expect(await removeSynonym(shop.db, first?.synonymId ?? 0, who.personId)).toBe(who.sellerId)
    expect(await removeSynonym(shop.db, first?.synonymId ?? 0, who.personId)).toBeUndefined()
    expect((await synonymsOf(shop.db, who.sellerId, who.personId, 0))?.total).toBe(synonymsMax - 1)
  })
})
