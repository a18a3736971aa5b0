/** Sentences of the locales as patterns, so that rewording one breaks no flow. */
import type { Key } from '#chat/words.ts'
import type { Language } from '#domain/people.ts'
import en from '../../locales/en.json' with { type: 'json' }
import ru from '../../locales/ru.json' with { type: 'json' }
import zh from '../../locales/zh.json' with { type: 'json' }

const locales: Record<Language, Record<string, string>> = { ru, en, zh }

/** A text that holds this sentence, in any plural form, with these values; values not given may be anything. */
export function toPattern(key: Key, params: Record<string, string | number>, languages: readonly Language[]): RegExp {
  const forms = sentences(key, languages).map((sentence) =>
    sentence
      .split(/\{\{(\w+)\}\}/)
      .map((part, at) => (at % 2 === 0 ? escape(part) : part in params ? escape(String(params[part])) : '[^]*?'))
      .join(''),
  )
  return new RegExp(`(?:${forms.join('|')})`)
}

/** A button's label up to its first value: long ones are cut. */
export function toLabelPattern(keys: readonly Key[], languages: readonly Language[]): RegExp {
  const all = keys.flatMap((key) => sentences(key, languages))
  const starts = all.map((sentence) => escape(sentence.split('{{')[0] ?? ''))
  if (starts.includes('')) throw new Error(`a label of ${keys.join()} begins with a value`)
  return new RegExp(`^(?:${starts.join('|')})`)
}

function sentences(key: Key, languages: readonly Language[]): string[] {
  const found = languages.flatMap((language) =>
    Object.entries(locales[language]).flatMap(([name, sentence]) =>
      name.replace(/_(zero|one|two|few|many|other)$/, '') === key ? [sentence.replaceAll(/<[^>]+>/g, '')] : [],
    ),
  )
  if (found.length === 0) throw new Error(`no locale has the key ${key}`)
  return found
}

const escape = (text: string) => text.replaceAll(/[.*+?^${}()|[\]\\]/g, '\\$&')
