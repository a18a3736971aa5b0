import iconv from 'iconv-lite'
import { existsSync } from 'node:fs'
import { resolve } from 'node:path'
import { gzipSync } from 'node:zlib'
import { describe, expect, test } from 'vitest'
import { demoFeeds, FeedError, readFeedFiles } from '#gateways/feeds.ts'
import { readItems as read } from '../support/feeds.ts'

const feed = (offers: string, before = '') =>
  `<?xml version="1.0" encoding="UTF-8"?>
<yml_catalog date="2026-01-01"><shop><name>Лавка</name>
<categories><category id='1'>Дом<name xml:lang="en">Home</name></category>
<category id="122072.0" parentId="1">Кухня &amp; сад</category></categories>${before}
<offers>${offers}</offers></shop></yml_catalog>`
const offer = '<offer id="1"><name>Чайник</name><price>5</price></offer>'

const refusal = async (content: string | Buffer): Promise<FeedError> => {
  const error: unknown = await read(content).then(
    () => undefined,
    (error: unknown) => error,
  )
  if (!(error instanceof FeedError)) throw new Error(`not refused: ${String(error)}`)
  return error
}

describe('a feed', () => {
  test('yields its shop, categories, locations and offers with their lines', async () => {
    const location =
      '<locations><location id="m" kind="showroom" city-code="137" city="СПб"><title>Зал</title></location></locations>'
    const items = await read(feed(`\n${offer}`, location))
    expect(items).toEqual([
      { kind: 'shop', name: 'Лавка' },
      { kind: 'category', category: { id: '1', parentId: undefined, title: { ru: 'Дом', en: 'Home' } } },
      { kind: 'category', category: { id: '122072', parentId: '1', title: { ru: 'Кухня & сад' } } },
      {
        kind: 'location',
        location: { id: 'm', kind: 'showroom', city: { code: 137, name: 'СПб' }, title: { ru: 'Зал' } },
      },
      {
        kind: 'offer',
        offer: {
          line: 6,
          attributes: { id: '1' },
          fields: [
            { name: 'name', attributes: {}, text: 'Чайник' },
            { name: 'price', attributes: {}, text: '5' },
          ],
        },
      },
    ])
  })

  test('is read the same in windows-1251, UTF-16, with a byte order mark, gzipped and byte by byte', async () => {
    const text = feed(offer)
    const expected = await read(text)
    const declared = text.replace('UTF-8', 'windows-1251')
    expect(await read(iconv.encode(declared, 'windows-1251'))).toEqual(expected)
    expect(await read(iconv.encode(text.replace('UTF-8', 'UTF-16'), 'utf-16'))).toEqual(expected)
    expect(await read(`\uFEFF${text}`)).toEqual(expected)
    expect(await read(gzipSync(text))).toEqual(expected)
    expect(await read(text, 1)).toEqual(expected)
    expect(await read(gzipSync(iconv.encode(declared, 'windows-1251')), 7)).toEqual(expected)
  })

  test('is read by its bytes where its declaration is wrong', async () => {
    const text = feed(offer)
    const expected = await read(text)
    const declared = (encoding: string) => text.replace('UTF-8', encoding)
    expect(await read(iconv.encode(text, 'windows-1251'))).toEqual(expected)
    expect(await read(iconv.encode(text.replace(/<\?.*\?>/, ''), 'windows-1251'))).toEqual(expected)
    expect(await read(declared('windows-1251'))).toEqual(expected)
    expect(await read(declared('GBK'), 3)).toEqual(expected)
    expect(await read(`\uFEFF${declared('windows-1251')}`)).toEqual(expected)
    expect(await read(iconv.encode(declared('koi8-r'), 'koi8-r'))).toEqual(expected)
    const lonely = declared('windows-1251')
      .replace(/[а-яё]/gi, 'x')
      .replace('<name>xxxxxx', '<name>№ «5»')
    expect((await read(iconv.encode(lonely, 'windows-1251'))).at(-1)).toMatchObject({
      offer: { fields: [{ text: '№ «5»' }, {}] },
    })
  })

  test('with a few bad bytes stays in its encoding', async () => {
    const bytes = Buffer.from('Чайник')
    const broken = Buffer.concat([bytes, Buffer.from([0xd0]), Buffer.from(' 2')])
    for (const [before, after] of [
      [
        `${feed('').split('</offers>')[0]}<offer id="1"><name>`,
        '</name><price>5</price></offer></offers></shop></yml_catalog>',
      ],
      ['id;название;цена\n1;', ';5\n'],
    ]) {
      const items = await read(Buffer.concat([Buffer.from(before ?? ''), broken, Buffer.from(after ?? '')]))
      expect(items.at(-1)).toMatchObject({
        offer: { fields: [{ name: 'name', text: 'Чайник\uFFFD 2' }, { text: '5' }] },
      })
    }
    const latin = feed('<offer id="1"><name>Tea \uFFFD</name></offer>').replace(/[а-яё]/gi, 'x')
    expect((await read(latin)).at(-1)).toMatchObject({ offer: { fields: [{ text: 'Tea \uFFFD' }] } })
  })

  test('keeps bare ampersands, unknown entities, outlets and markup that forgot its CDATA', async () => {
    const careless = `<offer id='1'><name>A & B &laquo;C&raquo; &what;</name><description>one<b>two</b><![CDATA[<i>three</i>]]></description>
      <outlets><outlet id="m" instock="4"/></outlets></offer>`
    const item = (await read(feed(careless))).at(-1)
    expect(item).toMatchObject({
      offer: {
        fields: [
          { name: 'name', text: 'A & B «C» &what;' },
          { name: 'description', text: 'one two <i>three</i>' },
          { name: 'outlet', attributes: { id: 'm', instock: '4' } },
        ],
      },
    })
  })

  test('expands no entities of its own making', async () => {
    const bomb = feed('<offer id="1"><name>&b;&x;</name></offer>').replace(
      '<yml_catalog',
      '<!DOCTYPE yml_catalog SYSTEM "http://127.0.0.1/shops.dtd" [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;"><!ENTITY x SYSTEM "file:///etc/passwd">]><yml_catalog',
    )
    expect((await read(bomb)).at(-1)).toMatchObject({ offer: { fields: [{ text: '&b;&x;' }] } })
  })

  test('loses single offers that are out of all measure, and says which', async () => {
    const long = `<offer id="long"><name>${'x'.repeat(100_001)}</name></offer>`
    const many = `<offer id="many">${'<param name="a">b</param>'.repeat(1001)}</offer>`
    const items = (await read(feed(long + many + offer))).slice(-3)
    expect(items).toMatchObject([
      { kind: 'problem', offerId: 'long', reason: '<name> is longer than 100000 characters' },
      { kind: 'problem', offerId: 'many', reason: 'more than 1000 elements' },
      { kind: 'offer' },
    ])
  })
})

describe('what is not a feed is refused with line and reason:', () => {
  test.each<[string, string | Buffer, number, RegExp]>([
    ['nothing', '', 1, /empty/],
    ['a workbook', Buffer.from('PK\u0003\u0004…'), 1, /xlsx/],
    ['a page', '\n\n<!DOCTYPE html><html></html>', 3, /HTML page/],
    ['plain text', 'hello world', 1, /neither XML nor a table/],
    ['JSON', '{"offers":[]}', 1, /JSON/],
    ['an RSS feed of something else', '<?xml version="1.0"?>\n<rss version="2.0"></rss>', 2, /no items/],
    ['some other XML', '<hello/>', 1, /<hello>/],
    ['a feed without offers', feed(''), 5, /no offers/],
    ['a feed cut short', feed(offer).slice(0, -30), 5, /breaks off/],
    ['tags that do not match', feed(offer).replace('</offers>', '</offer>'), 5, /broken XML/],
    ['endless depth', feed(`<offer id="1">${'<a>'.repeat(400)}`), 5, /deeper than 200/],
    ['a cut archive', gzipSync(feed(offer)).subarray(0, 150), 1, /damaged/],
    ['an archive of archives', gzipSync(gzipSync(feed(offer))), 1, /inside/],
    ['an unknown encoding', feed(offer).replace('UTF-8', 'klingon'), 1, /klingon/],
  ])('%s', async (_what, content, line, reason) => {
    const error = await refusal(content)
    expect(error.reason).toMatch(reason)
    expect(error.line).toBe(line)
  })
})

test('the demo has its feeds beside it', () => {
  expect(demoFeeds().map(({ slug }) => slug)).toEqual(['horoshie-veshi', 'severny-dom'])
})

const large = resolve(process.env['VMESTE_TEST_DATA'] ?? '../shared/data', 'relevance/icecat-19406.yml.gz')
test.skipIf(!existsSync(large))(`a gzipped feed of 19,406 offers is read whole (needs ${large})`, async () => {
  let offers = 0
  for await (const item of readFeedFiles([large])) offers += item.kind === 'offer' ? 1 : 0
  expect(offers).toBe(19_406)
})
