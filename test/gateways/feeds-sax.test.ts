/** What is read past sax is what sax reads: the same events, in the same order, on the same lines. */
import fc from 'fast-check'
import sax from 'sax'
import { expect, test } from 'vitest'
import { saxWriter } from '#gateways/feeds-sax.ts'

/** Events of all pieces in turn, each with its line; past sax when told to, and how many characters sax was spared. */
function eventsOf(pieces: string[], isDirect: boolean): { events: unknown[]; spared: number } {
  const options: sax.SAXOptions & { unquotedAttributeValues: boolean } = {
    position: true,
    unquotedAttributeValues: true,
  }
  const parser = sax.parser(true, options)
  const events: unknown[] = []
  const log = (kind: string) => (what?: unknown) => {
    const { tags } = parser as unknown as { tags: sax.Tag[] }
    events.push([kind, parser.line, tags.map(({ name }) => name).join('/'), structuredClone(what)])
  }
  Object.assign(parser, {
    onopentagstart: ({ name }: sax.Tag) => log('start')(name),
    onattribute: log('attribute'),
    onopentag: log('open'),
    onclosetag: log('close'),
    ontext: log('text'),
    oncdata: log('cdata'),
    onerror: (error: Error) => {
      log('error')(error.message.split('\n')[0])
      parser.error = null as unknown as Error
    },
  })
  const write = isDirect ? (piece: string) => parser.write(piece) : saxWriter(parser)
  for (const piece of pieces) write(piece)
  log('end')()
  return { events, spared: pieces.join('').length - parser.position }
}

const name = fc.constantFrom('a', 'offer', 'B', 'xs:name', 'Товар', 'br', 'r-1.x', 'é')
const value = fc.constantFrom('', '1', 'two words', '<b>', 'a&amp;b', 'a & b', "it's", '\n', '>', '=', 'Цвет')
const attribute = fc
  .tuple(fc.constantFrom(' ', '  ', '\n', '\t', ''), name, fc.constantFrom('="V"', "='V'", '=V', '', ' = "V"'), value)
  .map(([space, key, form, text]) => `${space}${key}${form.replace('V', () => text)}`)
const tag = fc
  .tuple(name, fc.array(attribute, { maxLength: 3 }), fc.constantFrom('', ' ', '\n', '/', ' /', '/ '))
  .map(([open, attributes, end]) => `<${open}${attributes.join('')}${end}>`)
const end = fc.tuple(name, fc.constantFrom('', ' ', '\n')).map(([close, space]) => `</${close}${space}>`)
const text = fc.constantFrom(
  'x',
  'Чайник\n',
  ' ',
  '&amp;',
  '&',
  '&nbsp;',
  '&#1078;',
  '<',
  '< ',
  '</',
  '>',
  ']]>',
  '😀',
  '\n\n',
)
const block = fc.constantFrom(
  '<![CDATA[<b>&amp;\n]]>',
  '<![CDATA[]]>',
  '<![CDATA[x]]]]>',
  '<!-- <a> & -->',
  '<!-- a -- b -->',
  '<?php x ?>',
  '<!x>',
  '</>',
)
const body = fc.array(fc.oneof(tag, tag, end, end, text, text, block), { maxLength: 40 })

test('markup of any kind, cut anywhere, is read as sax alone reads it', () => {
  fc.assert(
    fc.property(fc.array(fc.oneof(body, fc.constant(['<a>', '</a>']))), fc.array(fc.nat(60)), (parts, cuts) => {
      const whole = `<?xml version="1.0"?>\n<yml>${parts.flat().join('')}</yml>`
      const pieces: string[] = []
      let at = 0
      for (const size of cuts) {
        pieces.push(whole.slice(at, at + size))
        at += size
      }
      pieces.push(whole.slice(at))
      expect(eventsOf(pieces, false).events).toEqual(eventsOf(pieces, true).events)
    }),
    { numRuns: 500 },
  )
})

test('of plain markup sax sees next to nothing', () => {
  const offer = '<offer id="1" available="true"><name>Чайник\n</name><d><![CDATA[<p>x</p>]]></d><br/></offer>\n'
  const { events, spared } = eventsOf([`<yml>${offer.repeat(100)}</yml>`], false)
  expect(events).toEqual(eventsOf([`<yml>${offer.repeat(100)}</yml>`], true).events)
  expect(spared).toBe(100 * offer.length)
})
