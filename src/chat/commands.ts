import { languages, type Language } from '#domain/people.ts'
import { say } from './text.ts'

/** The commands of the messenger's menu, with what each does in every language; `dispatch.ts` answers them. */
export function commandMenu(): Record<Language, { name: string; description: string }[]> {
  const now = new Date(0)
  const entries = languages.map((language) => {
    const reader = { language, timeZone: 'UTC', now }
    const names = ['start', 'search', 'orders', 'language', 'shop'] as const
    return [language, names.map((name) => ({ name, description: say(`command.${name}`, reader) }))] as const
  })
  return Object.fromEntries(entries) as Record<Language, { name: string; description: string }[]>
}
