/** What the columns of a shop's table mean: a proposal that they change until it is right. */
import { chooseAnew, csvFields, importOf, setColumn, startMapped } from '#shop/imports.ts'
import { columnLines, columnRows, columnsPerPage } from './column-table.ts'
import { homeButton, notFound } from './home.ts'
import { importPage } from './import-page.ts'
import { pagingRow } from './paging.ts'
import type { Button } from './screen.ts'
import { shorten } from './text.ts'
import type { Outcome, Visit } from './visit.ts'

const fieldsPerPage = 6

export async function columnsPage(visit: Visit, importId: number, page: number): Promise<Outcome> {
  const found = await importOf(visit.deps.db, importId, visit.visitor.personId)
  if (!found) return notFound()
  if (found.state !== 'mapping') return importPage(visit, importId)
  const back: Button = { label: { key: 'button.back' }, intent: { do: 'import', importId } }
  const last = Math.max(0, Math.ceil(found.columns.length / columnsPerPage) - 1)
  const at = Math.min(page, last)
  return { screen: { lines: columnLines(found, at), rows: [...columnRows(found, at), [back, homeButton]] } }
}

export async function columnPage(
  visit: Visit,
  { importId, column, page }: { importId: number; column: number; page: number },
): Promise<Outcome> {
  const found = await importOf(visit.deps.db, importId, visit.visitor.personId)
  const chosen = found?.columns[column]
  if (!found || !chosen) return notFound()
  if (found.state !== 'mapping') return importPage(visit, importId)
  const all = ['none', ...csvFields] as const
  const from = Math.min(page, Math.ceil(all.length / fieldsPerPage) - 1) * fieldsPerPage
  const rows = all.slice(from, from + fieldsPerPage).map((field): Button[] => {
    const isChosen = field === (chosen.field ?? 'none')
    const means = { key: `field.${field}` as const }
    const label = isChosen ? ({ key: 'columns.chosen', params: { means } } as const) : means
    return [{ label, intent: { do: 'import-column-is', importId, column, field } }]
  })
  const paging = pagingRow(Math.floor(from / fieldsPerPage), from + fieldsPerPage < all.length, (to) => {
    return { do: 'import-column', importId, column, page: to }
  })
  const back: Button = {
    label: { key: 'button.back' },
    intent: { do: 'import-columns', importId, page: Math.floor(column / columnsPerPage) },
  }
  const params = { header: shorten(chosen.header, 100), sample: shorten(chosen.sample, 100) }
  const key = chosen.sample === '' ? 'columns.ask-empty' : 'columns.ask'
  return { screen: { lines: [{ key, params }], rows: [...rows, ...(paging.length > 0 ? [paging] : []), [back]] } }
}

export async function columnIs(
  visit: Visit,
  { importId, column, field }: { importId: number; column: number; field: string },
): Promise<Outcome> {
  const known = csvFields.find((one) => one === field)
  if (known === undefined && field !== 'none') return notFound()
  const { deps, visitor } = visit
  const result = await setColumn(deps.db, importId, visitor.personId, column, known)
  if (result.ok) return columnsPage(visit, importId, Math.floor(column / columnsPerPage))
  if (result.reason === 'not-found') return notFound()
  return { ...(await importPage(visit, importId)), toast: 'import-refusal.moved-on' }
}

export async function columnsAnew(visit: Visit, importId: number): Promise<Outcome> {
  const { deps, visitor } = visit
  const result = await chooseAnew(deps.db, importId, visitor.personId, deps.now())
  if (result.ok) return columnsPage(visit, result.importId, 0)
  if (result.reason === 'not-found') return notFound()
  return { ...(await importPage(visit, importId)), toast: `import-refusal.${result.reason}` }
}

export async function startWithColumns(visit: Visit, importId: number): Promise<Outcome> {
  const { deps, visitor } = visit
  const result = await startMapped(deps.db, importId, visitor.personId)
  if (!result.ok && result.reason === 'not-found') return notFound()
  const page = await importPage(visit, importId)
  if (result.ok) return page
  const isMissing = result.reason === 'columns-missing'
  return { ...page, toast: isMissing ? 'columns.missing' : 'import-refusal.moved-on', alert: isMissing }
}
