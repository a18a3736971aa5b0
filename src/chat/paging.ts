/** Rows of the buttons of a list. */
import type { Intent } from './intent.ts'
import type { Button } from './screen.ts'

/**
 * The last row of a list in pages: back, what stands between, on.
 * @param page counted from 0.
 * @param hasMore whether anything comes after it.
 */
export function pagingRow(
  page: number,
  hasMore: boolean,
  toPage: (page: number) => Intent,
  ...between: Button[]
): Button[] {
  const row = [...between]
  if (page > 0) row.unshift({ label: { key: 'button.previous' }, intent: toPage(page - 1) })
  if (hasMore) row.push({ label: { key: 'button.next' }, intent: toPage(page + 1) })
  return row
}

/** Two buttons a row. */
export function inPairs(buttons: readonly Button[]): Button[][] {
  return Array.from({ length: Math.ceil(buttons.length / 2) }, (_, at) => buttons.slice(at * 2, at * 2 + 2))
}
