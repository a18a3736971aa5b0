/** What every bench answers with, and how it is shown. */

/** Null where a field has no meaning. `errors` counts anything that went wrong, oversells and doubles included. */
export type Report = {
  bench: string
  /** Of `ours` and `baseline`. */
  unit: string
  ours: number
  baseline: number | null
  ratio: number | null
  p50_ms: number | null
  p95_ms: number | null
  p99_ms: number | null
  /** Most memory that our process under measurement ever held. */
  peak_mb: number | null
  errors: number
  goal: string
  met: boolean
  /** Whatever else explains the numbers. */
  [more: string]: unknown
}

const firstFields = 'bench unit ours baseline ratio p50_ms p95_ms p99_ms peak_mb errors goal met'.split(' ')

/** A table for people: one line for each field, what is common to all benches first. */
export function reportToTable(report: Report): string {
  const names = [...firstFields, ...Object.keys(report).filter((name) => !firstFields.includes(name))]
  const width = Math.max(...names.map((name) => name.length))
  return names.map((name) => `${name.padEnd(width)}  ${show(report[name])}`).join('\n')
}

function show(value: unknown): string {
  if (value === null || value === undefined) return '-'
  if (typeof value === 'string') return value
  if (Array.isArray(value)) return value.map(show).join('  ')
  if (typeof value === 'object') {
    return Object.entries(value)
      .map(([name, part]) => `${name} ${show(part)}`)
      .join(', ')
  }
  return JSON.stringify(value)
}

export function median(values: readonly number[]): number {
  return percentile(values, 50)
}

/** The nearest rank: always one of the values. @returns NaN when there are none. */
export function percentile(values: readonly number[], percent: number): number {
  const sorted = values.toSorted((a, b) => a - b)
  return sorted[Math.max(0, Math.ceil((percent / 100) * sorted.length) - 1)] ?? Number.NaN
}

export function round(value: number, digits = 0): number {
  return Number(value.toFixed(digits))
}
