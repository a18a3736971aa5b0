import type { Language } from '#domain/people.ts'
import { shorten } from './text.ts'

/** What sets a variant apart, such as "синий, 42"; empty for a product without options. */
export function optionsText(options: Record<string, Record<string, string>>, language: Language): string {
  const chosen = options[language] ?? options['ru'] ?? Object.values(options)[0] ?? {}
  return shorten(Object.values(chosen).join(', '), 80)
}
