import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { Span } from '#chat/screen.ts'
import { renderKeyboard, renderText, renderToast } from '#telegram/render.ts'

/** What Telegram counts: the text after parsing. */
function parsed(html: string): string {
  return html
    .replaceAll(/<\/?(b|i|s|a)( href="[^"]*")?>/g, '')
    .replaceAll('&lt;', '<')
    .replaceAll('&gt;', '>')
    .replaceAll('&quot;', '"')
    .replaceAll('&amp;', '&')
}

describe('text', () => {
  test('names never become markup', () => {
    const html = renderText([{ text: '<b>&amp;</b> "x"', style: 'bold' }, { text: '<a href="tg://x">' }], 100)
    expect(html).toBe('<b>&lt;b&gt;&amp;amp;&lt;/b&gt; &quot;x&quot;</b>&lt;a href=&quot;tg://x&quot;&gt;')
  })

  test('a link is escaped in its attribute, and only http(s) is a link', () => {
    expect(renderText([{ text: 'x', link: 'https://a.b/?q="&r=1' }], 100)).toBe(
      '<a href="https://a.b/?q=&quot;&amp;r=1">x</a>',
    )
    expect(renderText([{ text: 'x', link: 'javascript:alert(1)' }], 100)).toBe('x')
    expect(renderText([{ text: 'x', link: 'tg://resolve?domain=a' }], 100)).toBe('x')
  })

  test('is cut before escaping, so that 4096 angle brackets still fit', () => {
    const text = '<'.repeat(4096)
    expect(renderText([{ text }], 4096)).toBe('&lt;'.repeat(4096))
    expect(renderText([{ text: text + '<' }], 4096)).toBe('&lt;'.repeat(4095) + '…')
  })

  test('no emoji is cut in half', () => {
    const html = renderText([{ text: 'a' + '😀'.repeat(10) }], 10)
    expect(html).toBe('a😀😀😀😀…')
    expect(renderText([{ text: '😀'.repeat(10) }], 10)).toBe('😀😀😀😀…')
  })

  test('a cut inside a styled span keeps the markup whole', () => {
    expect(
      renderText([{ text: 'abc' }, { text: 'defgh', style: 'bold', link: 'https://a.b' }, { text: 'more' }], 6),
    ).toBe('abc<a href="https://a.b"><b>de…</b></a>')
  })

  test('whatever the words, the limit holds, the markup is whole and half pairs are gone', () => {
    const span: fc.Arbitrary<Span> = fc.record(
      { text: fc.string({ unit: 'binary', maxLength: 30 }), style: fc.constantFrom('bold', 'italic', 'strike') },
      { requiredKeys: ['text'] },
    )
    fc.assert(
      fc.property(fc.array(span, { maxLength: 6 }), fc.integer({ min: 1, max: 60 }), (spans, max) => {
        const html = renderText(spans, max)
        const text = parsed(html)
        expect(text.length).toBeLessThanOrEqual(max)
        expect(/\p{Surrogate}/u.test(html)).toBe(false)
        const whole = spans.map((part) => part.text.replaceAll(/\p{Surrogate}/gu, '\u{fffd}')).join('')
        const expected = whole.replaceAll('\0', '')
        const isRight =
          expected.length <= max ? text === expected : expected.startsWith(text.slice(0, -1)) && text.endsWith('…')
        expect(isRight).toBe(true)
      }),
    )
  })

  test('half a surrogate pair is replaced: Telegram would refuse the message', () => {
    expect(renderText([{ text: 'a\ud83db' }], 10)).toBe('a\u{fffd}b')
  })
})

describe('buttons', () => {
  test('each kind becomes its own, labels are at most 40 characters, and foreign schemes are left out', () => {
    const keyboard = renderKeyboard(
      [
        [
          { label: 'x'.repeat(39) + '😀', act: 'a' },
          { label: 'l', url: 'https://a.b' },
        ],
        [{ label: 'p', pay: 'https://pay' }],
        [{ label: 's', share: 'g abc', token: { kind: 'group', token: 'abc' } }],
        [{ label: 'o', start: 'g-abc' }],
        [{ label: 'bad', url: 'javascript:x' }],
      ],
      'vmeste_bot',
    )
    expect(keyboard.inline_keyboard).toEqual([
      [
        { text: 'x'.repeat(39) + '…', callback_data: 'a' },
        { text: 'l', url: 'https://a.b' },
      ],
      [{ text: 'p', url: 'https://pay' }],
      [{ text: 's', switch_inline_query: 'g abc' }],
      [{ text: 'o', url: 'https://t.me/vmeste_bot?start=g-abc' }],
    ])
  })

  test('a toast is at most 200 characters', () => {
    expect(renderToast('я'.repeat(300))).toBe('я'.repeat(199) + '…')
  })
})
