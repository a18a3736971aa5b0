/** Screens into words: the only place that knows i18next, locales, plural forms, and how money and dates are written. */
import { createInstance } from 'i18next'
import { currencyDigits, moneyToDecimal } from '#domain/money.ts'
import { wordsIn, type Language } from '#domain/people.ts'
import en from '../../locales/en.json' with { type: 'json' }
import ru from '../../locales/ru.json' with { type: 'json' }
import zh from '../../locales/zh.json' with { type: 'json' }
import { intentToAct } from './intent.ts'
import type {
  Button,
  Invoice,
  Label,
  Line,
  Message,
  MessageButton,
  Param,
  Params,
  Screen,
  ShareTarget,
  Span,
  Style,
} from './screen.ts'
import type { Key } from './words.ts'

export type Reader = { language: Language; timeZone: string; now: Date }

type ScreenInvoice = NonNullable<Screen['invoice']>

const i18n = createInstance()
await i18n.init({
  lng: 'ru',
  fallbackLng: false,
  keySeparator: false,
  nsSeparator: false,
  resources: { ru: { translation: ru }, en: { translation: en }, zh: { translation: zh } },
})

const tags: Record<Language, string> = { ru: 'ru-RU', en: 'en-GB', zh: 'zh-CN' }
/** Where it is told in which zone a person lives, but no such zone exists. */
const defaultTimeZone = 'Europe/Moscow'
/** What every messenger shows of a button. */
const labelMax = 40

export function screenToMessage(screen: Screen, reader: Reader): Message {
  const text: Span[] = []
  for (const [at, line] of screen.lines.entries()) {
    if (at > 0) text.push({ text: '\n' })
    text.push(...lineToSpans(line, reader))
  }
  return {
    text: mergePlain(text),
    rows: screen.rows
      .filter((row) => row.length > 0)
      .map((row) => row.map((button) => buttonToMessage(button, reader))),
    ...(screen.picture !== undefined && { picture: screen.picture }),
    ...(screen.ask && { ask: { kind: screen.ask, label: say('ask.contact-button', reader) } }),
    ...(screen.invoice && { invoice: toInvoice(screen.invoice, reader) }),
    ...(screen.document && { document: screen.document }),
  }
}

function toInvoice(invoice: ScreenInvoice, reader: Reader): Invoice {
  const { paymentId, title, description, lines, currency, providerData } = invoice
  return {
    payload: paymentId,
    title: labelToText(title, reader, 32),
    description: labelToText(description, reader, 255),
    lines: lines.map(({ label, amount }) => ({ label: labelToText(label, reader), amount })),
    currency,
    ...(providerData !== undefined && { providerData }),
  }
}

/** A sentence as plain text: toasts, titles, labels. */
export function say(key: Key, reader: Reader, params: Params = {}): string {
  return sentence(key, params, reader)
    .map((span) => span.text)
    .join('')
}

/** At most `most` UTF-16 units, the last an ellipsis when something was cut; never half a character. */
export function shorten(text: string, most: number): string {
  if (text.length <= most) return text
  const kept = text.slice(0, most - 1)
  return `${(/[\uD800-\uDBFF]$/.test(kept) ? kept.slice(0, -1) : kept).trimEnd()}…`
}

function lineToSpans(line: Line, reader: Reader): Span[] {
  if ('gap' in line) return []
  if ('key' in line) return sentence(line.key, line.params ?? {}, reader)
  return [{ text: write(line.raw, reader), ...(line.style && { style: line.style }) }]
}

function labelToText(label: Label, reader: Reader, most = labelMax): string {
  return shorten('key' in label ? say(label.key, reader, label.params) : write(label.raw, reader), most)
}

function buttonToMessage(button: Button, reader: Reader): MessageButton {
  const label = labelToText(button.label, reader)
  if ('intent' in button) return { label, act: intentToAct(button.intent) }
  if ('url' in button) return { label, url: button.url }
  if ('pay' in button) return { label, pay: button.pay }
  if ('start' in button) return { label, start: button.start }
  const { share } = button
  return { label, share: `${shareLetters[share.kind]}_${share.token}`, token: share }
}

const shareLetters: Record<ShareTarget['kind'], string> = { group: 'g', product: 'p', payment: 'f' }

const styleByTag: Record<string, Style> = { b: 'bold', i: 'italic', s: 'strike' }

/**
 * i18next only chooses the plural form. Values are put in here, after the template was cut at its own markup: whatever
 * they contain, they stay text.
 */
function sentence(key: Key, params: Params, reader: Reader): Span[] {
  const count = params['count']
  return templateOf(key, typeof count === 'number' ? count : undefined, reader.language).map(
    ({ words, name, style }, at, pieces) => {
      const param = name === undefined ? words : params[name]
      const text = param === undefined ? '' : write(param, reader)
      // A title in quotes may have quotes of its own: «Чайник „Очаг“».
      const isQuoted = name !== undefined && pieces[at - 1]?.words.endsWith('«')
      return { text: isQuoted ? text.replaceAll('«', '„').replaceAll('»', '“') : text, ...(style && { style }) }
    },
  )
}

/** A piece of a sentence: words, or the name of the value that stands there. */
type Piece = { words: string; name: string | undefined; style: Style | undefined }

const templates = new Map<string, Piece[]>()
/** Sentences times the counts in use; beyond it the store of templates starts anew. */
const templatesMax = 10_000

/** Kept, because choosing and cutting a template took a tenth of the time that an answer to a tap takes. */
function templateOf(key: Key, count: number | undefined, language: Language): Piece[] {
  const id = `${language} ${count ?? ''} ${key}`
  let template = templates.get(id)
  if (!template) {
    if (templates.size >= templatesMax) templates.clear()
    template = cutTemplate(
      i18n.t(key, { lng: language, skipInterpolation: true, ...(count !== undefined && { count }) }),
    )
    templates.set(id, template)
  }
  return template
}

function cutTemplate(template: string): Piece[] {
  const pieces: Piece[] = []
  let style: Style | undefined
  for (const part of template.split(/(<\/?[bis]>|\{\{\w+\}\})/)) {
    if (part === '') continue
    const tag = /^<(\/?)([bis])>$/.exec(part)
    if (tag) style = tag[1] === '/' ? undefined : styleByTag[tag[2] ?? '']
    else pieces.push({ words: part, name: /^\{\{(\w+)\}\}$/.exec(part)?.[1], style })
  }
  return pieces
}

function write(param: Param, reader: Reader): string {
  if (typeof param === 'string') return param
  const locale = tags[reader.language]
  if (typeof param === 'number') return countFormats[reader.language].format(param)
  if ('money' in param) {
    const decimal = moneyToDecimal(param.money)
    const isWhole = /\.0+$/.test(decimal)
    return moneyFormat(locale, param.money.currency, isWhole).format(decimal as unknown as number)
  }
  if ('words' in param) return wordsIn(param.words, reader.language)
  if ('at' in param) return writeMoment(param.at, reader, param.zone)
  if ('days' in param) return writeDays(param.days, reader.language)
  return say(param.key, reader, param.params)
}

const moneyFormats = new Map<string, Intl.NumberFormat>()

/** Making an Intl object costs a thousand times more than using it. Whole amounts are written without ",00". */
function moneyFormat(locale: string, currency: string, isWhole: boolean): Intl.NumberFormat {
  const key = `${locale} ${currency} ${isWhole}`
  let format = moneyFormats.get(key)
  if (!format) {
    // Ours, not those of Intl, which knows other digits for some currencies and would round.
    const digits = isWhole ? 0 : currencyDigits(currency)
    format = new Intl.NumberFormat(locale, {
      style: 'currency',
      currency,
      currencyDisplay: 'narrowSymbol',
      minimumFractionDigits: digits,
      maximumFractionDigits: digits,
    })
    moneyFormats.set(key, format)
  }
  return format
}

const countFormats: Record<Language, Intl.NumberFormat> = {
  ru: new Intl.NumberFormat(tags.ru),
  en: new Intl.NumberFormat(tags.en),
  zh: new Intl.NumberFormat(tags.zh),
}

const dayFormats: Record<Language, Intl.DateTimeFormat> = {
  ru: dayFormat(tags.ru),
  en: dayFormat(tags.en),
  zh: dayFormat(tags.zh),
}

function dayFormat(locale: string): Intl.DateTimeFormat {
  return new Intl.DateTimeFormat(locale, { day: 'numeric', month: 'long', timeZone: 'UTC' })
}

function writeDays({ from, to }: { from: Date; to: Date }, language: Language): string {
  const id = `${language} ${from.getTime()} ${to.getTime()}`
  let written = writtenDays.get(id)
  if (written === undefined) {
    if (writtenDays.size >= writtenDaysMax) writtenDays.clear()
    const format = dayFormats[language]
    // For Chinese ICU falls back to "11/24 – 11/27".
    const [first, last] = [format.format(from), format.format(to)]
    const inChinese = first === last ? first : `${first}至${last}`
    written = language === 'zh' ? inChinese : format.formatRange(from, to)
    writtenDays.set(id, written)
  }
  return written
}

/** Every card has such a range, most have the same few, and writing one takes Intl as long as the rest of a card. */
const writtenDays = new Map<string, string>()
const writtenDaysMax = 1000

type MomentFormats = { day: Intl.DateTimeFormat; short: Intl.DateTimeFormat; full: Intl.DateTimeFormat }

const momentFormats = new Map<string, MomentFormats>()

function writeMoment(at: Date, { language, timeZone, now }: Reader, isZoneNamed = false): string {
  const key = `${language} ${timeZone} ${isZoneNamed}`
  let formats = momentFormats.get(key)
  if (!formats) {
    formats = makeMomentFormats(tags[language], isTimeZone(timeZone) ? timeZone : defaultTimeZone, isZoneNamed)
    momentFormats.set(key, formats)
  }
  const isToday = formats.day.format(at) === formats.day.format(now)
  const written = (isToday ? formats.short : formats.full).format(at)
  // What everybody in Russia calls it; Intl knows the name in no language.
  return isZoneNamed && language === 'ru' ? written.replace(/GMT\+3$/, 'МСК') : written
}

function makeMomentFormats(locale: string, timeZone: string, isZoneNamed: boolean): MomentFormats {
  const zone = isZoneNamed ? { timeZoneName: 'short' as const } : {}
  const time = { hour: '2-digit', minute: '2-digit', hourCycle: 'h23', timeZone, ...zone } as const
  return {
    day: new Intl.DateTimeFormat('en-CA', { timeZone }),
    short: new Intl.DateTimeFormat(locale, time),
    full: new Intl.DateTimeFormat(locale, { day: 'numeric', month: 'short', ...time }),
  }
}

/** @returns the reader's, or Moscow's where no such zone exists. */
export function knownTimeZone({ timeZone }: Reader): string {
  return isTimeZone(timeZone) ? timeZone : defaultTimeZone
}

function isTimeZone(timeZone: string): boolean {
  try {
    return new Intl.DateTimeFormat('en', { timeZone }).resolvedOptions().timeZone !== ''
  } catch {
    return false
  }
}

function mergePlain(spans: Span[]): Span[] {
  const merged: Span[] = []
  for (const span of spans) {
    const last = merged.at(-1)
    if (last && last.style === undefined && span.style === undefined && !last.link && !span.link) last.text += span.text
    else if (span.text !== '') merged.push({ ...span })
  }
  return merged
}
