/** Files for spreadsheets: CSV (RFC 4180, UTF-8 with a byte order mark) in which nothing is a formula. */
import { stringify } from 'csv-stringify/sync'

/**
 * @param amount how a bigint of a row is written. As bigint and not as text: a minus before a number is no formula, and the
 * library knows it by the type.
 */
export function toCsv(
  columns: readonly string[],
  rows: readonly (string | number | bigint)[][],
  amount: (amount: bigint, row: number) => string = String,
): Uint8Array {
  const csv = stringify(rows as (string | number | bigint)[][], {
    header: true,
    columns: columns.map((header, at) => ({ key: [at], header })),
    record_delimiter: 'windows',
    bom: true,
    escape_formulas: true,
    cast: { bigint: (value, { records }) => amount(value, records) },
  })
  return new TextEncoder().encode(csv)
}

/**
 * Text that no spreadsheet takes for a formula. What begins a cell the library sees to; a program that splits at another
 * separator than ours, or does not know our quotes, begins cells within the text
 * (https://owasp.org/www-community/attacks/CSV_Injection).
 */
export function toCell(text: string): string {
  return text
    .replaceAll(/\s+/g, ' ')
    .trim()
    .replaceAll(/([,;|"'] *)([=+\-@＝＋－＠])/g, "$1'$2")
}
