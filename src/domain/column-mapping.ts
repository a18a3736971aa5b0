/** What the columns of a table mean, as an operator types it: `name=Название,price=Цена, руб.,picture=Фото`. */
import { csvFields, missingFields, type CsvMapping } from './feed-columns.ts'
import { squeeze } from './feed-text.ts'

/** Of these a table may have several columns. */
const many: readonly string[] = ['param', 'picture']

/**
 * A comma belongs to the header unless a word and `=` follow it.
 * @returns `reason` in English, for the terminal, when it is no mapping or lacks what is needed.
 */
export function parseColumnMapping(text: string): { ok: true; mapping: CsvMapping } | { ok: false; reason: string } {
  const mapping: CsvMapping = {}
  for (const part of text.split(/,(?=\s*\w+\s*=)/)) {
    const [, name = '', rest = ''] = /^\s*(\w+)\s*=([^]*)$/.exec(part) ?? []
    const header = squeeze(rest)
    if (name === '' || header === '') return { ok: false, reason: `"${part.trim()}" is not <field>=<header>` }
    const field = csvFields.find((one) => one === name.toLowerCase())
    if (!field) return { ok: false, reason: `there is no field "${name}": the fields are ${csvFields.join(', ')}` }
    if (Object.hasOwn(mapping, header)) return { ok: false, reason: `the column "${header}" stands twice` }
    if (!many.includes(field) && Object.values(mapping).includes(field)) {
      return { ok: false, reason: `the field "${field}" stands twice` }
    }
    mapping[header] = field
  }
  const missing = missingFields(mapping)
  return missing.length > 0 ? { ok: false, reason: `${missing.join(' and ')} missing` } : { ok: true, mapping }
}
