import type { Language } from '#domain/people.ts'

/** What sets a variant apart, such as "синий, 42"; empty for a product without options. */
export function optionsText(options: Record<string, Record<string, string>>, language: Language): string {
  const chosen = options[language] ?? options['ru'] ?? Object.values(options)[0] ?? {}
  return Object.values(chosen).join(', ')
}
