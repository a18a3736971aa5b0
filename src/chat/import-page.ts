/** One import of a catalogue: how far it is, what is asked about it, and its report. */
import { importOf, type CatalogueImport, type ImportFailure, type KeptReport, type Remark } from '#shop/imports.ts'
import type { Deps } from '#shop/deps.ts'
import { columnLines, columnRows } from './column-table.ts'
import { homeButton, notFound } from './home.ts'
import { failureDetail, remarkReason } from './import-reasons.ts'
import type { Button, Line, Param, Screen } from './screen.ts'
import { shorten } from './text.ts'
import type { Outcome, Visit } from './visit.ts'

const shownRemarks = 5

export const catalogueButton = (sellerId: number): Button => ({
  label: { key: 'button.catalogue' },
  intent: { do: 'catalogue', sellerId },
})

export async function importPage({ deps, visitor }: Visit, importId: number): Promise<Outcome> {
  const found = await importOf(deps.db, importId, visitor.personId)
  return found ? { screen: importScreen(found) } : notFound()
}

/** What became of it, or is asked about it. @returns undefined for people who left the shop, and while there is nothing to tell. */
export async function importNotice(
  importId: number,
  personId: number,
  deps: Pick<Deps, 'db'>,
): Promise<{ screen: Screen } | undefined> {
  const found = await importOf(deps.db, importId, personId)
  const isTold = found && !['waiting', 'running', 'dropped'].includes(found.state)
  return isTold ? { screen: importScreen(found) } : undefined
}

function importScreen(found: CatalogueImport): Screen {
  const { importId, sellerId, state, report } = found
  const lines: Line[] = [{ key: 'import.title', params: { source: sourceOf(found) } }, stateLine(found)]
  const rows: Button[][] = []
  const dropButton: Button = {
    label: { key: 'button.import-drop' },
    intent: { do: 'import-drop', importId, isSure: 0 },
  }
  if (found.isMappingKept) lines.push({ key: 'import.columns-kept' })
  const isOpen = state === 'waiting' || state === 'held' || state === 'done' || state === 'failed'
  if (isOpen && found.columns.length > 0) {
    rows.push([{ label: { key: 'button.import-anew' }, intent: { do: 'import-anew', importId } }])
  }
  switch (state) {
    case 'waiting':
    case 'running':
      lines.push({ key: 'import.will-tell' })
      rows.push([{ label: { key: 'button.refresh' }, intent: { do: 'import', importId } }])
      if (state === 'waiting') rows.push([dropButton])
      break
    case 'asked':
      rows.push([dropButton])
      break
    case 'mapping':
      lines.push({ gap: true }, ...columnLines(found, 0))
      rows.push(...columnRows(found, 0), [dropButton])
      break
    case 'held':
      if (report?.held) {
        const { onSale, leaving, agreed } = report.held
        if (agreed !== undefined) lines.push({ key: 'import.held-again', params: { agreed } })
        lines.push({ key: 'import.held', params: { onSale, leaving } })
        rows.push([{ label: { key: 'button.import-held' }, intent: { do: 'import-held', importId, leaving } }])
      }
      rows.push([dropButton])
      break
    case 'done':
    case 'failed':
      lines.push(...reportLines(found))
      if ((report?.refusedCount ?? 0) + (report?.warningsCount ?? 0) > 0) {
        rows.push([{ label: { key: 'button.csv' }, intent: { do: 'import-file', importId } }])
      }
      if (state === 'failed')
        rows.push([{ label: { key: 'button.import-again' }, intent: { do: 'import-again', importId } }])
      break
    case 'dropped':
      rows.push([{ label: { key: 'button.import-again' }, intent: { do: 'import-again', importId } }])
  }
  return { lines, rows: [...rows, [catalogueButton(sellerId), homeButton]] }
}

export function stateLine(found: CatalogueImport): Line {
  const { state, progress, report } = found
  if (state === 'asked' && report?.missing)
    return { key: `import.needs-${report.missing === 'import.xml' ? 'goods' : 'prices'}` }
  if (state === 'running' && progress > 0) return { key: 'import.read', params: { count: progress } }
  return { key: `import.${state}` }
}

export const sourceOf = ({ source }: CatalogueImport): string =>
  shorten(source.filter((name) => name !== '').join(', ') || '…', 120)

function reportLines({ report, isFromUrl }: CatalogueImport): Line[] {
  if (!report) return []
  const lines: Line[] = [{ gap: true }]
  if (report.failure) lines.push(...failureLines(report.failure, isFromUrl), { gap: true })
  const { added, changed, unchanged, withdrawn, refusedCount, warningsCount } = report
  if (!report.failure) lines.push({ key: 'import.counts', params: { added, changed, unchanged, withdrawn } })
  if (refusedCount > 0) {
    lines.push(
      { key: 'import.refused', params: { count: refusedCount } },
      ...report.refused.slice(0, shownRemarks).map(remarkLine),
    )
    if (refusedCount > shownRemarks)
      lines.push({ key: 'import.and-more', params: { count: refusedCount - shownRemarks } })
  }
  if (warningsCount > 0) {
    const shown = refusedCount > 0 ? 2 : shownRemarks
    lines.push(
      { key: 'import.warnings', params: { count: warningsCount } },
      ...report.warnings.slice(0, shown).map(remarkLine),
    )
  }
  return lines
}

function failureLines(failure: NonNullable<KeptReport['failure']>, isFromUrl: boolean): Line[] {
  const reason: ImportFailure = failure.reason === 'unreachable' && isFromUrl ? 'no-connection' : failure.reason
  const lines: Line[] = [{ key: `import-failed.${reason}` }]
  if (failure.detail !== undefined) {
    lines.push({ key: 'import.at-line', params: { line: failure.line ?? 1, reason: failureDetail(failure.detail) } })
  }
  return lines
}

function remarkLine({ line, offerId, reason }: Remark): Line {
  const params: Record<string, Param> = { line, id: shorten(offerId, 60), reason: remarkReason(reason) }
  return { key: offerId === '' ? 'import.remark-no-id' : 'import.remark', params }
}
