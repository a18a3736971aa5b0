/** The picture of a group for sharing, as PNG: photo, prices, seats, next step and a QR code; drawn without a browser. */
import { Resvg, renderAsync } from '@resvg/resvg-js'
import { encodeQR } from 'qr'
import { fileURLToPath } from 'node:url'

export type GroupDrawing = {
  state: 'open' | 'formed' | 'failed'
  /** PNG; undefined draws a bag in its place. */
  photo: Buffer | undefined
  /** Left out where the fonts have no letters for it. */
  title: string
  seller: string
  /** As they are to stand there, `1 190 ₽`: the fonts have digits, Latin, Cyrillic and the signs of currencies. */
  price: string
  alone: string
  /** What is saved, in percent of the price alone. */
  discount: number
  /** Paid seats, those that the shop filled, and those that are being paid for. */
  paid: number
  toppedUp: number
  held: number
  size: number
  /** The next lower price and the seats that it takes. */
  step: { seats: number; price: string } | undefined
  /** What the QR code says. */
  link: string
}

export const drawingSize = { width: 1200, height: 900 }

const fontFile = (weight: string) =>
  fileURLToPath(import.meta.resolve(`@expo-google-fonts/nunito/${weight}/Nunito_${weight}.ttf`))
/** No system fonts: every machine draws the same. */
const font = {
  loadSystemFonts: false,
  fontFiles: [fontFile('600SemiBold'), fontFile('900Black')],
  defaultFontFamily: 'Nunito',
}

const colours = {
  ink: '#2F3349',
  quiet: '#8A8798',
  coral: '#F2735F',
  amber: '#F7B93E',
  green: '#2FA899',
  violet: '#8C6FE0',
  white: '#FFFFFF',
}
const skins: Record<GroupDrawing['state'], { back: string; blob: string; fill: string; free: string }> = {
  open: { back: '#FDE6D6', blob: '#FCDCC6', fill: colours.coral, free: '#F3CDB6' },
  formed: { back: '#D8F0E6', blob: '#C5E7D9', fill: colours.green, free: '#B3DCCB' },
  failed: { back: '#ECEAF0', blob: '#E0DDE6', fill: '#9C99AB', free: '#CFCCD8' },
}
/** Figures side by side up to so many seats; a bar beyond. */
const figuresMax = 12
const photo = { x: 60, y: 60, size: 500 }
/** What stands under the photo ends before the QR code. */
const underPhoto = 690
const right = 610
const edge = 1140

/** @returns PNG of `drawingSize`. Draws on another thread than the caller's. */
export async function drawGroup(group: GroupDrawing): Promise<Buffer> {
  const image = await renderAsync(groupSvg(group), { font, fitTo: { mode: 'original' } })
  return image.asPng()
}

/** Letters, digits and signs that the fonts can draw: no Chinese, no emoji. */
export function isDrawable(text: string): boolean {
  return /^[\p{Script=Latin}\p{Script=Cyrillic}\d\p{Zs}\u0021-\u007E«»„“”‘’–—…·•№°×€₽$£¥₸₴±]+$/u.test(text)
}

function groupSvg(group: GroupDrawing): string {
  const skin = skins[group.state]
  const { width, height } = drawingSize
  return `<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink" width="${width}" height="${height}" font-family="Nunito">
<rect width="${width}" height="${height}" fill="${skin.back}"/>
<circle cx="1130" cy="40" r="290" fill="${skin.blob}"/><circle cx="60" cy="890" r="240" fill="${skin.blob}"/>
${photoSvg(group)}${pricesSvg(group)}${qrSvg(group.link)}${seatsSvg(group)}
</svg>`
}

function photoSvg({ photo: png, state }: GroupDrawing): string {
  const { x, y, size } = photo
  const centre = `${x + size / 2} ${y + size / 2}`
  const inside = png
    ? `<image x="${x}" y="${y}" width="${size}" height="${size}" preserveAspectRatio="xMidYMid slice" ` +
      `xlink:href="data:image/png;base64,${png.toString('base64')}"/>`
    : `<rect x="${x}" y="${y}" width="${size}" height="${size}" fill="#FFF6EA"/>
<circle cx="${x + size / 2}" cy="${y + size / 2}" r="206" fill="#FFFFFF" fill-opacity=".7"/><g transform="translate(${centre}) scale(1.35)"><path d="M-44 -70 C-44 -150 44 -150 44 -70" fill="none" stroke="#6a50bd" stroke-width="16" stroke-linecap="round"/>
<path d="M-90 -70 H90 L108 80 Q108 94 94 94 H-94 Q-108 94 -108 80 Z" fill="${colours.violet}"/>
<path d="M0 50 C-52 18 -28 -24 0 0 C28 -24 52 18 0 50 Z" fill="#FFFFFF" fill-opacity=".9"/></g>`
  const veil =
    state === 'failed'
      ? `<rect x="${x}" y="${y}" width="${size}" height="${size}" fill="#ECEAF0" fill-opacity=".6"/>`
      : ''
  return `<defs><clipPath id="frame"><rect x="${x}" y="${y}" width="${size}" height="${size}" rx="48"/></clipPath></defs>
<g clip-path="url(#frame)">${inside}${veil}</g>
<rect x="${x}" y="${y}" width="${size}" height="${size}" rx="48" fill="none" stroke="#FFFFFF" stroke-width="12"/>${badgeSvg(state)}`
}

/** On the photo's corner: complete, or not come about. */
function badgeSvg(state: GroupDrawing['state']): string {
  if (state === 'open') return ''
  const [colour, mark] =
    state === 'formed' ? [colours.green, 'M-30 2 L-8 24 L32 -20'] : [colours.quiet, 'M-22 -22 L22 22 M22 -22 L-22 22']
  return `<g transform="translate(${photo.x + photo.size - 40} ${photo.y + 40})"><circle r="72" fill="#FFFFFF"/><circle r="60" fill="${colour}"/>
<path d="${mark}" fill="none" stroke="#FFFFFF" stroke-width="15" stroke-linecap="round" stroke-linejoin="round"/></g>`
}

function pricesSvg(group: GroupDrawing): string {
  const room = edge - right
  const price = fit(group.price, 132, room, 900)
  const alone = fit(group.alone, 64, room, 600)
  const parts = [
    line(group.price, right, 178, price.size, 900, group.state === 'failed' ? colours.quiet : colours.ink),
    line(group.alone, right, 256, alone.size, 600, colours.quiet),
    `<rect x="${right - 6}" y="${256 - alone.size * 0.36}" width="${alone.width + 12}" height="6" rx="3" fill="${group.state === 'failed' ? colours.quiet : colours.coral}"/>`,
  ]
  if (group.discount >= 1 && group.state !== 'failed') parts.push(discountSvg(group.discount))
  if (group.title !== '') parts.push(clipped(group.title, photo.x, 622, 40, 900, underPhoto, colours.ink))
  if (group.seller !== '') parts.push(clipped(group.seller, photo.x, 664, 30, 600, underPhoto, colours.quiet))
  return parts.join('\n')
}

/** Cheaper than alone by so much. */
function discountSvg(percent: number): string {
  const words = `−${percent}%`
  const { size, width } = fit(words, 52, 118, 900)
  return `<g transform="translate(682 400) rotate(-9)"><circle r="76" fill="${colours.amber}"/>
${line(words, -width / 2, size * 0.35, size, 900, colours.ink)}</g>`
}

/** On white with the quiet zone that readers need; whole pixels for each module. */
function qrSvg(link: string): string {
  const modules = encodeQR(link, 'raw', { ecc: 'medium', border: 4 })
  const side = Math.floor(370 / modules.length) * modules.length
  const each = side / modules.length
  const [x, y] = [edge - side, 670 - side]
  const runs = modules.flatMap((row, at) =>
    row.map((isDark, of) => (isDark ? `M${x + of * each} ${y + at * each}h${each}v${each}h-${each}z` : '')),
  )
  return `<rect x="${x}" y="${y}" width="${side}" height="${side}" rx="28" fill="#FFFFFF"/><path shape-rendering="crispEdges" fill="${colours.ink}" d="${runs.join('')}"/>`
}

const panel = { x: 60, y: 700, width: 1080, height: 150, inset: 36 }

/** How full it is: figures or a bar, and the exact numbers beside them. */
function seatsSvg(group: GroupDrawing): string {
  const filled = group.paid + group.toppedUp
  const end = panel.x + panel.width - panel.inset
  const numbers = fit(`${filled}/${group.size}`, 88, 330, 900)
  const middle = panel.y + panel.height / 2
  const skin = skins[group.state]
  const count =
    `<text x="${end}" y="${middle + numbers.size * 0.36}" font-size="${numbers.size}" font-weight="900" text-anchor="end" ` +
    `fill="${skin.fill}">${filled}<tspan fill="${colours.quiet}">/${group.size}</tspan></text>`
  const room = { x: panel.x + panel.inset, width: end - numbers.width - 36 - panel.x - panel.inset }
  const isCounted = group.size <= figuresMax && group.step === undefined
  return `<rect x="${panel.x}" y="${panel.y}" width="${panel.width}" height="${panel.height}" rx="44" fill="#FFFFFF"/>
${isCounted ? figuresSvg(group, room) : barSvg(group, room)}${count}`
}

type Room = { x: number; width: number }

const members = [colours.coral, colours.green, colours.amber, colours.violet]

function figuresSvg(group: GroupDrawing, room: Room): string {
  const { paid, toppedUp, held, size, state } = group
  const skin = skins[state]
  const slot = Math.min(124, room.width / size)
  const scale = Math.min(108, slot * 1.15) / 330
  const figures = Array.from({ length: size }, (_, at) => {
    const place = `translate(${room.x + slot * (at + 0.5)} ${panel.y + panel.height / 2 + 165 * scale}) scale(${scale})`
    if (at < paid) return figure(place, state === 'failed' ? skin.fill : (members[at % members.length] ?? skin.fill))
    // Filled by the shop: no person, so none is drawn.
    if (at < paid + toppedUp) return awning(place, state === 'failed' ? skin.fill : colours.violet)
    return at < paid + toppedUp + held ? figure(place, colours.white, skin.fill) : figure(place, skin.free)
  })
  return figures.join('')
}

/** @param outline marks a seat that is held and not paid. */
function figure(place: string, colour: string, outline?: string): string {
  const stroke = outline === undefined ? '' : ` stroke="${outline}" stroke-width="18"`
  return `<g transform="${place}" fill="${colour}"${stroke}><circle cx="0" cy="-248" r="76"/><path d="M-130 0 Q-130 -152 0 -152 Q130 -152 130 0 Z"/></g>`
}

function awning(place: string, colour: string): string {
  return `<g transform="${place}" fill="${colour}"><path d="M-100 -180 H100 V0 H-100 Z" fill-opacity=".35"/><rect x="-32" y="-110" width="64" height="110" rx="10"/>
<path d="M-110 -300 H110 L140 -200 Q140 -160 105 -160 Q70 -160 70 -200 Q70 -160 35 -160 Q0 -160 0 -200 Q0 -160 -35 -160 Q-70 -160 -70 -200 Q-70 -160 -105 -160 Q-140 -160 -140 -200 Z"/></g>`
}

/** The next step stands over its place on the bar. */
function barSvg({ paid, toppedUp, held, size, step, state }: GroupDrawing, room: Room): string {
  const skin = skins[state]
  const height = step ? 44 : 64
  const y = step ? panel.y + panel.height - 30 - height : panel.y + (panel.height - height) / 2
  const at = (seats: number) => (room.width * Math.min(seats, size)) / size
  const part = (from: number, to: number, colour: string, opacity = 1) =>
    to > from
      ? `<rect x="${room.x + at(from)}" y="${y}" width="${at(to) - at(from)}" height="${height}" fill="${colour}" fill-opacity="${opacity}"/>`
      : ''
  const filled = paid + toppedUp
  const gaps =
    size > figuresMax
      ? ''
      : Array.from({ length: size - 1 }, (_, gap) => {
          return `<rect x="${room.x + at(gap + 1) - 3}" y="${y}" width="6" height="${height}" fill="#FFFFFF"/>`
        }).join('')
  const bar = `<defs><clipPath id="bar"><rect x="${room.x}" y="${y}" width="${room.width}" height="${height}" rx="${height / 2}"/></clipPath></defs>
<g clip-path="url(#bar)">${part(0, size, skin.free)}${part(0, paid, skin.fill)}${part(paid, filled, colours.violet)}${part(filled, filled + held, skin.fill, 0.4)}${gaps}</g>`
  return step ? bar + stepSvg(step, room, room.x + at(step.seats), y) : bar
}

function stepSvg(step: NonNullable<GroupDrawing['step']>, room: Room, mark: number, top: number): string {
  const seats = String(step.seats)
  const words = fit(step.price, 42, 300, 900)
  const number = fit(seats, 42, 140, 900)
  // Figure, number, arrow, price; kept within the room of the bar.
  const width = 34 + 12 + number.width + 58 + words.width
  const x = Math.max(room.x, Math.min(room.x + room.width - width, mark - width / 2))
  const baseline = top - 18
  const arrow = x + 46 + number.width + 14
  return `${figure(`translate(${x + 16} ${baseline + 1}) scale(.105)`, colours.ink)}
${line(seats, x + 46, baseline, number.size, 900, colours.ink)}
<path d="M${arrow} ${baseline - 14}h28m-11 -11l11 11l-11 11" fill="none" stroke="${colours.quiet}" stroke-width="6" stroke-linecap="round" stroke-linejoin="round"/>
${line(step.price, x + 46 + number.width + 58, baseline, words.size, 900, colours.green)}
<rect x="${Math.min(mark, room.x + room.width) - 4}" y="${top - 8}" width="8" height="60" rx="4" fill="${colours.green}"/>`
}

function line(text: string, x: number, y: number, size: number, weight: number, colour: string): string {
  return `<text x="${x}" y="${y}" font-size="${size}" font-weight="${weight}" fill="${colour}">${escapeXml(text)}</text>`
}

/** One line, cut with an ellipsis where the room ends. */
function clipped(text: string, x: number, y: number, size: number, weight: number, room: number, colour: string) {
  let shown = text
  for (let width = widthOf(shown, size, weight); width > room; width = widthOf(shown, size, weight)) {
    const kept = Math.min(shown.length - 2, Math.floor((shown.length * room) / width) - 1)
    shown = `${shown.slice(0, Math.max(kept, 1)).trimEnd()}…`
    if (kept <= 1) break
  }
  return line(shown, x, y, size, weight, colour)
}

/** The size at which a text fits, at most the wanted one. */
function fit(text: string, size: number, room: number, weight: number): { size: number; width: number } {
  const width = widthOf(text, size, weight)
  return width <= room ? { size, width } : { size: (size * room) / width, width: room }
}

function widthOf(text: string, size: number, weight: number): number {
  const svg = `<svg xmlns="http://www.w3.org/2000/svg" width="9000" height="400" font-family="Nunito">${line(text, 0, 200, size, weight, '#000')}</svg>`
  return new Resvg(svg, { font }).getBBox()?.width ?? 0
}

function escapeXml(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;').replaceAll('"', '&quot;')
}
