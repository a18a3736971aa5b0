/** Broken markup: what it costs, and what it must not. */
import { describe, expect, test } from 'vitest'
import { readOffer } from '#domain/feeds.ts'
import { FeedError } from '#gateways/feeds.ts'
import { readItems as read } from '../support/feeds.ts'

/** Each offer by its id: its description, or why it is refused. */
const outcome = async (content: string, chunk?: number) =>
  (await read(content, chunk)).flatMap((item): string[] => {
    if (item.kind === 'problem') return [`${item.line} ${item.offerId}: ${item.reason}`]
    if (item.kind !== 'offer') return []
    const verdict = readOffer(item.offer)
    return [verdict.ok ? `${verdict.offer.id} ${verdict.offer.description.ru ?? ''}`.trim() : verdict.reason]
  })
const feed = (offers: string) =>
  `<yml_catalog><shop><categories><category id="1">Дом</category></categories>
<offers>
${offers}
</offers></shop></yml_catalog>`
const offer = (id: string, more = '') => `<offer id="${id}"><name>Чайник</name><price>5</price>${more}</offer>`
const described = (text: string) => offer('b', `<description>${text}</description><count>1</count>`)

describe('an offer with', () => {
  test.each<[string, string, string]>([
    ['a line end of HTML', described('line<br>two'), 'b line\ntwo'],
    ['forty of them', described('a<br>'.repeat(40)), `b ${'a\n'.repeat(40).trim()}`],
    ['line ends of all kinds', described('a<br/>b<BR>c<br></br>d<hr>'), 'b a b\nc\n\nd'],
    ['a picture of HTML', described('see <img src=x.png> here'), 'b see\nhere'],
    ['a bare sign', described('5 < 6, 7 <8 & 9<='), 'b 5 < 6, 7 <8 & 9<='],
    ['bold that nobody ends', described('<b>x <i>y'), 'b x y'],
    ['paragraphs that nobody ends', described('<p>x<p>y<ul><li>z<li>z</ul>'), 'b x y z z'],
    ['ends of what nobody began', described('x</b> y</p>'), 'b x y'],
    ['an attribute without quotes', '<offer id=b available=true><name>x</name><price>1</price></offer>', 'b'],
    ['attributes without a space', '<offer id="b"available="true"><name>x</name><price>1</price></offer>', 'b'],
    ['HTML with careless attributes', described('<a href=x target download>y</a>'), 'b y'],
    ['two hyphens in a comment', described('<!-- x -- y -->z'), 'b z'],
  ])('%s is read as it was meant', async (_what, careless, read) => {
    for (const chunk of [1 << 20, 3]) {
      expect(await outcome(feed(`${offer('a')}\n${careless}\n${offer('c')}`), chunk)).toEqual(['a', read, 'c'])
    }
  })

  test.each<[string, string, string]>([
    ['ends that do not match', '<offer id="b"><name>x</price></offer>', '4 b: broken XML: </price> ends nothing'],
    [
      'a field without its end',
      '<offer id="b"><name>x<price>1</price></offer>',
      '4 b: broken XML: <name> is not closed',
    ],
    [
      'a description without its end',
      described('x').replace('</description>', ''),
      '4 b: broken XML: <description> is not closed',
    ],
    ['no end', '<offer id="b"><name>x</name>', '4 b: broken XML: <offer> is not closed'],
    ['no end of anything', '<offer id="b"><name>x', '4 b: broken XML: <offer> is not closed'],
    ['something that only looks like a tag', described('size <M and more'), '4 b: broken XML: Attribute without value'],
    ['fields within HTML', '<offer id="b"><b><price>1</price></offer>', '4 b: broken XML: <b> is not closed'],
    [
      'an attribute without value',
      '<offer id="b" available><name>x</name></offer>',
      '4 b: broken XML: Attribute without value',
    ],
    [
      'too many attributes',
      `<offer id="b"${Array.from({ length: 60 }, (_, at) => ` a${at}="b"`).join('')}/>`,
      '4 b: an element with more than 50 attributes',
    ],
    ['depth without end', `<offer id="b">${'<x>'.repeat(40)}</offer>`, '4 b: elements nested deeper than 32'],
    [
      'more text than anything has',
      described('').replace('<count>', `${`<param name="x">${'y'.repeat(99_990)}</param>`.repeat(21)}<count>`),
      '4 b: longer than 2000000 characters',
    ],
    [
      'attributes of that length',
      `<offer id="b">${`<param name="${'y'.repeat(60_000)}">z</param>`.repeat(35)}</offer>`,
      '4 b: longer than 2000000 characters',
    ],
  ])('%s is refused, and no other is', async (_what, broken, refusal) => {
    expect(await outcome(feed(`${offer('a')}\n${broken}\n${offer('c')}\n${offer('d')}`))).toEqual([
      'a',
      refusal,
      'c',
      'd',
    ])
    const last = await outcome(feed(`${offer('c')}\n${broken}`))
    expect(last).toEqual(['c', refusal])
  })

  test('a quote too few takes the next one with it, but not the rest', async () => {
    const content = feed(`<offer id="b><name>x</name></offer>\n${offer('c')}\n${offer('d')}\n${offer('e')}`)
    const [broken, ...others] = await outcome(content)
    expect(broken).toMatch(/^3 b><name>x.*: broken XML: Invalid attribute name$/s)
    expect(others).toEqual(['d', 'e'])
  })

  test('a second end, or another within it, costs no other', async () => {
    expect(await outcome(feed(`${offer('a')}</offer>${offer('b')}`))).toEqual(['a', 'b'])
    const within = '<offer id="x"><name>x</name>'
    const refusal = '4 x: broken XML: <offer> is not closed'
    expect(await outcome(feed(`${offer('a')}\n${within}${offer('b')}</offer>${offer('c')}`))).toEqual([
      'a',
      refusal,
      'b',
      'c',
    ])
  })

  test('a hundred without their end, one after the other, cost themselves alone', async () => {
    const content = feed(`${'<offer id="b"><name>x'.repeat(100)}${offer('c')}`)
    const all = await outcome(content)
    expect([all.length, new Set(all.slice(0, -1)).size, all.at(-1)]).toEqual([101, 1, 'c'])
  })
})

test('what programs write below their feed is passed over', async () => {
  for (const junk of ['Notice: bla\n', '<br />\n<b>Notice</b>: Undefined < index & <i>', '</b></shop>', '<']) {
    expect(await outcome(`${feed(offer('a'))}\n${junk}`)).toEqual(['a'])
  }
})

test('in Google Merchant and in CommerceML one broken item does not stop the others either', async () => {
  const google = (id: string, more = '') => `<item><g:id>${id}</g:id><title>x</title><g:price>5</g:price>${more}</item>`
  const rss = `<rss><channel>\n${google('a')}\n${google('b', '<description>x<g:brand>')}\n${google('c')}</channel></rss>`
  expect(await outcome(rss)).toEqual(['a', '3 b: broken XML: <description> is not closed', 'c'])
  const good = (id: string, more = '') => `<Товар><Ид>${id}</Ид><Наименование>x</Наименование>${more}</Товар>`
  const commerce = `<КоммерческаяИнформация><Каталог><Товары>${good('a')}${good('b', '<Описание>x')}${good('c')}</Товары></Каталог>
    <ПакетПредложений><Предложения><Предложение><Ид>a</Ид></Предложение></Предложения></ПакетПредложений></КоммерческаяИнформация>`
  const items = await read(commerce)
  expect(items.map((item) => [item.kind, item.kind === 'problem' ? item.offerId : ''])).toEqual([
    ['good', ''],
    ['problem', 'b'],
    ['good', ''],
    ['price', ''],
  ])
})

describe('ends the file, with its line:', () => {
  const whole = feed(offer('a'))
  test.each<[string, string, number, RegExp]>([
    ['an end that is cut off within an offer', whole.slice(0, whole.indexOf('</price>')), 3, /breaks off/],
    ['an end that is cut off within a tag', whole.slice(0, whole.indexOf('ce>5')), 3, /breaks off/],
    ['an end that is cut off behind an offer', whole.slice(0, whole.indexOf('</offers>')), 4, /breaks off/],
    ['a lost end between offers', whole.replace('</offers>', ''), 4, /broken XML/],
    ['an attribute of what is no record', whole.replace('<shop>', '<shop x>'), 1, /broken XML/],
    ['text above the root', `x${whole}`, 1, /neither XML nor a table/],
    [
      'half a rate',
      whole.replace('<shop>', '<shop><currencies><currency id="USD" rate="9" x></currencies>'),
      1,
      /broken XML/,
    ],
  ])('%s', async (_what, content, line, reason) => {
    const error: unknown = await read(content).catch((error: unknown) => error)
    if (!(error instanceof FeedError)) throw new Error('not refused')
    expect([error.line, error.reason]).toEqual([line, expect.stringMatching(reason)])
  })
})
