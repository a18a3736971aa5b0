/**
 * Hands text to sax, which looks at each character by itself. Most of a feed is plain (tags with quoted attributes, text
 * and CDATA without entities), and is read here by searching instead: in half of the time for the same events. Whatever
 * is not plain, and whatever a piece of the text cuts in two, is sax's own.
 */
import sax from 'sax'

/** What the types of sax leave out. `state` is one of {@link states}. */
type Inside = {
  state: number
  sawRoot: boolean
  closedRoot: boolean
  textNode: string
  line: number
  tags: (sax.Tag & { isSelfClosing: boolean })[]
}

const states = (sax as unknown as { STATE: { TEXT: number } }).STATE

// Names of Latin and Cyrillic letters; sax knows others as well. What goes over the end of a line is left to it, since it
// counts lines, and so is `&`, and so are values of a length that it may refuse.
const opening =
  /<([:_A-Za-z\u0400-\u04FF][:_A-Za-z\u0400-\u04FF.\d-]*)((?:[ \t]+[:_A-Za-z][:\w.-]*="[^"&\n]{0,60000}")*)[ \t]*(\/?)>/y
const attribute = /([^ \t=]+)="([^"]*)"/g
const cdata = '<![CDATA['

/** @returns what to call with each piece of the text, instead of the parser's own `write`. It has to be strict, without namespaces. */
export function saxWriter(parser: sax.SAXParser): (piece: string) => void {
  const inside = parser as unknown as Inside

  const endText = () => {
    const { textNode } = inside
    if (textNode === '') return
    inside.textNode = ''
    parser.ontext(textNode)
  }

  /** @returns where the token that begins at `at` ends, or `at` when it is not plain. */
  const readToken = (piece: string, at: number): number => {
    const { tags } = inside
    const second = piece.charCodeAt(at + 1)
    if (second === slash) {
      const name = tags.at(-1)?.name ?? ''
      const end = at + 2 + name.length
      // With the root ends the file.
      if (tags.length < 2 || piece.charCodeAt(end) !== greater || !piece.startsWith(name, at + 2)) return at
      tags.pop()
      endText()
      parser.onclosetag(name)
      return end + 1
    }
    if (second === exclamation) {
      const end = piece.startsWith(cdata, at) ? piece.indexOf(']]>', at + cdata.length) : -1
      if (end < 0) return at
      endText()
      const text = piece.slice(at + cdata.length, end)
      inside.line += linesIn(text)
      if (text !== '') parser.oncdata(text)
      return end + 3
    }
    opening.lastIndex = at
    const match = opening.exec(piece)
    if (!match) return at
    const [whole, name = '', written = '', end] = match
    endText()
    const tag = { name, attributes: {} as Record<string, string>, isSelfClosing: end === '/' }
    parser.onopentagstart(tag)
    if (written !== '') {
      for (const [, key = '', value = ''] of written.matchAll(attribute)) {
        if (Object.hasOwn(tag.attributes, key)) continue
        tag.attributes[key] = value
        parser.onattribute({ name: key, value })
      }
    }
    tags.push(tag)
    parser.onopentag(tag)
    if (tag.isSelfClosing) {
      tags.pop()
      parser.onclosetag(name)
    }
    return at + whole.length
  }

  return (piece) => {
    let at = 0
    while (at < piece.length) {
      const isBetweenTokens = inside.state === states.TEXT && inside.sawRoot && !inside.closedRoot
      const start = isBetweenTokens ? piece.indexOf('<', at) : -1
      if (start > at) {
        const text = piece.slice(at, start)
        if (text.includes('&')) {
          parser.write(text)
        } else {
          inside.line += linesIn(text)
          inside.textNode += text
        }
        at = start
        continue
      }
      const end = start < 0 ? at : readToken(piece, at)
      if (end > at) {
        at = end
        continue
      }
      // To the next place where it may be between two tokens again.
      const next = isBetweenTokens && start < 0 ? piece.length : piece.indexOf('>', at) + 1 || piece.length
      parser.write(piece.slice(at, next))
      at = next
    }
  }
}

const [slash, exclamation, greater] = [0x2f, 0x21, 0x3e]

function linesIn(text: string): number {
  let count = 0
  for (let at = text.indexOf('\n'); at >= 0; at = text.indexOf('\n', at + 1)) count += 1
  return count
}
