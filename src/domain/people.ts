/** Languages we speak and words that exist in several of them. */

export const languages = ['ru', 'en', 'zh'] as const
export type Language = (typeof languages)[number]

/** Catalogue words by language; at least one is there (the database checks). */
export type Words = { ru?: string; en?: string; zh?: string }

/** The words in a person's language, or the nearest they are likely to read. */
export function wordsIn(words: Words, language: Language): string {
  return words[language] ?? words.ru ?? words.en ?? words.zh ?? ''
}

/** First language from the messenger's tag (`ru-RU`, `zh-hans`); people of neighbouring countries mostly read Russian. */
export function languageFromTag(tag: string | undefined): Language {
  const base = (tag ?? '').toLowerCase().split(/[-_]/)[0] ?? ''
  if (base === 'zh') return 'zh'
  return ['ru', 'be', 'uk', 'kk', 'ky', 'uz', 'tg', 'hy', 'az', 'ka', 'mo', ''].includes(base) ? 'ru' : 'en'
}

/**
 * A phone number as people type it, in E.164: digits, spaces, brackets; `8 912…` means +7 in Russia.
 * @returns undefined when it cannot be a phone number.
 */
export function parsePhone(typed: string): string | undefined {
  if (!/^[\d\s()+\-.\u00a0]{7,25}$/.test(typed.trim())) return undefined
  const digits = typed.replaceAll(/\D/g, '')
  // With a plus only 89 is meant so: no country has it, while +81 and +852 are Japan and Hong Kong.
  const trunk = typed.trim().startsWith('+') ? '89' : '8'
  if (digits.length === 11 && digits.startsWith(trunk)) return `+7${digits.slice(1)}`
  if (digits.length === 10 && digits.startsWith('9')) return `+7${digits}`
  return digits.length >= 10 && digits.length <= 15 && !digits.startsWith('0') ? `+${digits}` : undefined
}

/** A recipient's name: letters of any script with spaces, dots, hyphens and apostrophes, 2 to 60 of them. */
export function parseName(typed: string): string | undefined {
  const name = typed.normalize('NFC').replaceAll(/\s+/g, ' ').trim()
  return /^[\p{L}\p{M}][\p{L}\p{M} .'’-]{1,59}$/u.test(name) ? name : undefined
}
