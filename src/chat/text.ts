/** Screens into words: the only place that knows i18next, locales, plural forms, and how money and dates are written. */
import { createInstance } from 'i18next'
import { moneyToDecimal } from '#domain/money.ts'
import { wordsIn, type Language } from '#domain/people.ts'
import en from '../../locales/en.json' with { type: 'json' }
import ru from '../../locales/ru.json' with { type: 'json' }
import zh from '../../locales/zh.json' with { type: 'json' }
import { intentToAct } from './intent.ts'
import type { Button, Label, Line, Message, MessageButton, Param, Params, Screen, Span, Style } from './screen.ts'
import type { Key } from './words.ts'

export type Reader = { language: Language; timeZone: string; now: Date }

const i18n = createInstance()
await i18n.init({
  lng: 'ru',
  fallbackLng: false,
  keySeparator: false,
  nsSeparator: false,
  interpolation: { escapeValue: false },
  resources: { ru: { translation: ru }, en: { translation: en }, zh: { translation: zh } },
})

const tags: Record<Language, string> = { ru: 'ru-RU', en: 'en-GB', zh: 'zh-CN' }

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
  }
}

/** A sentence as plain text: toasts, titles, labels. */
export function say(key: Key, reader: Reader, params: Params = {}): string {
  return sentence(key, params, reader)
    .map((span) => span.text)
    .join('')
}

function lineToSpans(line: Line, reader: Reader): Span[] {
  if ('gap' in line) return []
  if ('key' in line) return sentence(line.key, line.params ?? {}, reader)
  return [{ text: write(line.raw, reader), ...(line.style && { style: line.style }) }]
}

function labelToText(label: Label, reader: Reader): string {
  return 'key' in label ? say(label.key, reader, label.params) : write(label.raw, reader)
}

function buttonToMessage(button: Button, reader: Reader): MessageButton {
  const label = labelToText(button.label, reader)
  if ('intent' in button) return { label, act: intentToAct(button.intent) }
  if ('url' in button) return { label, url: button.url }
  if ('pay' in button) return { label, pay: button.pay }
  if ('start' in button) return { label, start: button.start }
  const { share } = button
  return { label, share: `${share.kind === 'group' ? 'g' : 'p'}_${share.token}`, token: share }
}

// Values travel through the template as numbered marks from a private-use range and are put in after the template's own
// markup was read: whatever they contain, they stay text.
const open = '\uE000'
const close = '\uE001'
const styleByTag: Record<string, Style> = { b: 'bold', i: 'italic', s: 'strike' }

function sentence(key: Key, params: Params, reader: Reader): Span[] {
  const values: string[] = []
  const marked: Record<string, string | number> = {}
  for (const [name, param] of Object.entries(params)) {
    // `count` must stay a number: it chooses the plural form.
    marked[name] = typeof param === 'number' ? param : `${open}${values.push(write(param, reader)) - 1}${close}`
  }
  const template = i18n.t(key, { lng: reader.language, ...marked })
  const spans: Span[] = []
  let style: Style | undefined
  for (const part of template.split(/(<\/?[bis]>|\uE000\d+\uE001)/)) {
    if (part === '') continue
    const tag = /^<(\/?)([bis])>$/.exec(part)
    if (tag) {
      style = tag[1] === '/' ? undefined : styleByTag[tag[2] ?? '']
      continue
    }
    const text = part.startsWith(open) ? (values[Number(part.slice(1, -1))] ?? '') : part
    spans.push({ text, ...(style && { style }) })
  }
  return spans
}

function write(param: Param, reader: Reader): string {
  if (typeof param === 'string') return param
  const locale = tags[reader.language]
  if (typeof param === 'number') return new Intl.NumberFormat(locale).format(param)
  if ('money' in param) {
    const decimal = moneyToDecimal(param.money)
    const isWhole = /\.0+$/.test(decimal)
    return numberFormat(locale, param.money.currency, isWhole).format(decimal as unknown as number)
  }
  if ('words' in param) return wordsIn(param.words, reader.language)
  if ('at' in param) return writeMoment(param.at, reader)
  if ('days' in param) return dayRange(locale).formatRange(param.days.from, param.days.to)
  return say(param.key, reader, param.params)
}

const numberFormats = new Map<string, Intl.NumberFormat>()

/** Making an Intl object costs a thousand times more than using it. Whole amounts are written without ",00". */
function numberFormat(locale: string, currency: string, isWhole: boolean): Intl.NumberFormat {
  const key = `${locale} ${currency} ${isWhole}`
  let format = numberFormats.get(key)
  if (!format) {
    const digits = isWhole ? { minimumFractionDigits: 0, maximumFractionDigits: 0 } : {}
    format = new Intl.NumberFormat(locale, { style: 'currency', currency, currencyDisplay: 'narrowSymbol', ...digits })
    numberFormats.set(key, format)
  }
  return format
}

const dayRanges = new Map<string, Intl.DateTimeFormat>()

function dayRange(locale: string): Intl.DateTimeFormat {
  let format = dayRanges.get(locale)
  if (!format) {
    format = new Intl.DateTimeFormat(locale, { day: 'numeric', month: 'long', timeZone: 'UTC' })
    dayRanges.set(locale, format)
  }
  return format
}

const momentFormats = new Map<
  string,
  { day: Intl.DateTimeFormat; short: Intl.DateTimeFormat; full: Intl.DateTimeFormat }
>()

function writeMoment(at: Date, { language, timeZone, now }: Reader): string {
  const key = `${language} ${timeZone}`
  let formats = momentFormats.get(key)
  if (!formats) {
    const time = { hour: '2-digit', minute: '2-digit', hourCycle: 'h23', timeZone } as const
    formats = {
      day: new Intl.DateTimeFormat('en-CA', { timeZone }),
      short: new Intl.DateTimeFormat(tags[language], time),
      full: new Intl.DateTimeFormat(tags[language], { day: 'numeric', month: 'short', ...time }),
    }
    momentFormats.set(key, formats)
  }
  const isToday = formats.day.format(at) === formats.day.format(now)
  return (isToday ? formats.short : formats.full).format(at)
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
