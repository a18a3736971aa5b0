/** The columns of a table that a shop sent, and what each is taken for. */
import type { CatalogueImport, CsvField } from '#shop/imports.ts'
import { pagingRow } from './paging.ts'
import type { Button, Line } from './screen.ts'
import { shorten } from './text.ts'

export const columnsPerPage = 4

export function columnLines({ columns, missing }: CatalogueImport, page: number): Line[] {
  const lines: Line[] = [{ key: 'columns.what' }, { gap: true }]
  for (const { header, sample, field } of columns.slice(page * columnsPerPage, (page + 1) * columnsPerPage)) {
    const params = { header: shorten(header, 60), sample: shorten(sample, 80), means: meaning(field) }
    lines.push({ key: sample === '' ? 'columns.column-empty' : 'columns.column', params })
  }
  if (missing.length > 0) lines.push({ gap: true }, { key: 'columns.missing' })
  for (const field of missing) lines.push({ key: 'columns.missing-one', params: { means: meaning(field) } })
  return lines
}

export function columnRows({ importId, columns, missing }: CatalogueImport, page: number): Button[][] {
  const from = page * columnsPerPage
  const rows = columns.slice(from, from + columnsPerPage).map(({ header }, at): Button[] => [
    {
      label: { raw: `✏ ${shorten(header, 36)}` },
      intent: { do: 'import-column', importId, column: from + at, page: 0 },
    },
  ])
  const paging = pagingRow(page, from + columnsPerPage < columns.length, (to) => ({
    do: 'import-columns',
    importId,
    page: to,
  }))
  if (paging.length > 0) rows.push(paging)
  if (missing.length === 0)
    rows.push([{ label: { key: 'button.import-start' }, intent: { do: 'import-start', importId } }])
  return rows
}

const meaning = (field: CsvField | undefined) => ({ key: `field.${field ?? 'none'}` as const })
