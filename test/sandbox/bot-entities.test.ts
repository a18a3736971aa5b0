import { describe, expect, test } from 'vitest'
import fc from 'fast-check'
import { formatText } from '#sandbox/entities.ts'
import { TelegramError } from '#sandbox/telegram-types.ts'

const anna = { id: 7, is_bot: false, first_name: 'Anna' }
const format = (text: string, mode?: string, entities?: unknown[]) =>
  formatText(text, mode, entities, (id) => (id === 7 ? anna : undefined))
const failure = (text: string, mode: string): string => {
  try {
    format(text, mode)
  } catch (error) {
    if (error instanceof TelegramError) return error.message.replace("Bad Request: can't parse entities: ", '')
    throw error
  }
  return 'no failure'
}

describe('HTML', () => {
  test.each([
    ['<b>a</b>b', 'ab', [{ type: 'bold', offset: 0, length: 1 }]],
    ['😀<i>a</i>', '😀a', [{ type: 'italic', offset: 2, length: 1 }]],
    ['a > b &lt;&amp;&quot;&#33;&nbsp;', 'a > b <&"!&nbsp;', []],
    [
      '<a href="https://e.com/?a=1&amp;b">x</a>',
      'x',
      [{ type: 'text_link', offset: 0, length: 1, url: 'https://e.com/?a=1&b' }],
    ],
    ['<a href="tg://user?id=7">x</a>', 'x', [{ type: 'text_mention', offset: 0, length: 1, user: anna }]],
    ['<a href="">x</a>', 'x', []],
    ['<pre><code class="language-ts">x</code></pre>', 'x', [{ type: 'pre', offset: 0, length: 1, language: 'ts' }]],
    ['<span class="tg-spoiler">x</span>', 'x', [{ type: 'spoiler', offset: 0, length: 1 }]],
    ['<blockquote expandable>x</blockquote>', 'x', [{ type: 'expandable_blockquote', offset: 0, length: 1 }]],
    ['<b><i>x</i></b>', 'x', [{ type: 'italic' }, { type: 'bold' }]],
    ['<b></b>x', 'x', []],
    ['\n <b> x </b>\n', 'x', [{ type: 'bold', offset: 0, length: 1 }]],
  ])('%s', (html, text, entities) => {
    const result = format(html, 'HTML')
    expect(result.text).toBe(text)
    expect(result.entities).toMatchObject(entities)
    expect(result.entities).toHaveLength(entities.length)
  })

  test.each([
    ['🏟<abac>', 'Unsupported start tag "abac" at byte offset 4'],
    ['<i   =aba>', 'Empty attribute name in the tag "i" at byte offset 0'],
    ['<b>x', 'Can\'t find end tag corresponding to start tag "b"'],
    ['<b>x</i>', 'Unmatched end tag at byte offset 4, expected "</b>", found "</i>"'],
    ['x</b>', 'Unexpected end tag at byte offset 1'],
    ['<b', 'Unclosed start tag at byte offset 0'],
    ['<i>a</i   ', 'Unclosed end tag at byte offset 4'],
    ['<span>x</span>', 'Tag "span" must have class "tg-spoiler" at byte offset 0'],
    ['1 < 2', 'Unsupported start tag "" at byte offset 2'],
    ['<i a = 190azAz-.,', 'Unexpected end of name token at byte offset 7'],
  ])('%s is refused', (html, error) => {
    expect(failure(html, 'HTML')).toBe(error)
  })
})

describe('MarkdownV2', () => {
  test.each([
    ['*a* _b_ __c__ ~d~ ||e||', 'a b c d e', ['bold', 'italic', 'underline', 'strikethrough', 'spoiler']],
    ['[x](https://e.com/a\\)b)', 'x', ['text_link']],
    ['`a\\`b`', 'a`b', ['code']],
    ['```ts\nlet a\n```', 'let a', ['pre']],
    ['1\\.5 \\!', '1.5 !', []],
    ['>a\n>b\nc', 'a\nb\nc', ['blockquote']],
  ])('%s', (source, text, types) => {
    const result = format(source, 'MarkdownV2')
    expect(result.text).toBe(text)
    expect(result.entities.map(({ type }) => type)).toEqual(types)
  })

  test.each([
    ['1.5', "Character '.' is reserved and must be escaped with the preceding '\\'"],
    ['a *b', "Can't find end of Bold entity at byte offset 2"],
    ['ж _b', "Can't find end of Italic entity at byte offset 3"],
    ['```x', "Can't find end of Pre entity at byte offset 0"],
  ])('%s is refused', (source, error) => {
    expect(failure(source, 'MarkdownV2')).toBe(error)
  })
})

test('links, mentions, hashtags and commands are found by themselves, outside code', () => {
  const { entities } = format('/go @anna_b #сад https://e.com/a. a@b.co <code>/no</code>', 'HTML')
  expect(entities.map(({ type }) => type)).toEqual(['bot_command', 'mention', 'hashtag', 'url', 'email', 'code'])
})

test('explicit entities are cut to the text, and unknown ones refused', () => {
  const bold = { type: 'bold', offset: 1, length: 99 }
  expect(format('abc', undefined, [bold]).entities).toEqual([{ type: 'bold', offset: 1, length: 2 }])
  expect(() => format('abc', undefined, [{ ...bold, type: 'huge' }])).toThrow(/Unsupported type specified/)
  expect(() => format('abc', 'WikiText')).toThrow('Bad Request: unsupported parse_mode')
})

/** Anything but a refusal in Telegram's words is a defect, and thrown on. */
function formatOrRefuse(text: string, mode: string): ReturnType<typeof format> {
  try {
    return format(text, mode)
  } catch (error) {
    if (error instanceof TelegramError) return { text: '', entities: [] }
    throw error
  }
}

test('whatever is sent, the answer is text with entities inside it, or a refusal', () => {
  const piece = fc.oneof(
    fc.constantFrom(
      '<b>',
      '</b>',
      '<a href="',
      '">',
      '</a>',
      '&lt;',
      '&',
      '<',
      '>',
      '*',
      '__',
      '_',
      '`',
      '```',
      '[',
      '](',
    ),
    fc.constantFrom(')', '||', '\\', '\n', '😀', '<pre>', '</pre>', '!', '~', '#', '@ab', '/x'),
    fc.string({ maxLength: 5 }),
  )
  fc.assert(
    fc.property(
      fc.array(piece, { maxLength: 20 }),
      fc.constantFrom('HTML', 'MarkdownV2', 'Markdown', ''),
      (parts, mode) => {
        const { text, entities } = formatOrRefuse(parts.join(''), mode)
        const outside = entities.filter((it) => it.offset < 0 || it.length <= 0 || it.offset + it.length > text.length)
        expect(outside).toEqual([])
      },
    ),
    { numRuns: 2000 },
  )
})
