/**
 * What offers say, in a file beside the import: most of it is never read again, and the database need not carry it there and
 * back. Whatever a killed process leaves is removed by the next import from a chat, which knows the folder by its name.
 */
import { hash } from 'node:crypto'
import { closeSync, mkdtempSync, openSync, readSync, rmSync, writeSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

export const spillFolder = 'vmeste-offers-'

/** Where a text is, in bytes, and its MD5 in hexadecimal digits. */
export type Spilled = { at: number; size: number; hash: string }

/** Reads and writes at once: some microseconds each, since it is the system that keeps the pages. */
export type Spill = {
  write(text: string): Spilled
  read(place: { at: number; size: number }): string
  close(): void
}

const bufferSize = 1024 * 1024
/** Of a UTF-16 unit in UTF-8. */
const bytesMax = 3

export function openSpill(): Spill {
  const folder = mkdtempSync(join(tmpdir(), spillFolder))
  const file = openSync(join(folder, 'offers'), 'wx+', 0o600)
  let buffer = Buffer.allocUnsafe(bufferSize)
  let filled = 0
  let flushed = 0
  const flush = () => {
    for (let done = 0; done < filled;) done += writeSync(file, buffer, done, filled - done, flushed + done)
    flushed += filled
    filled = 0
  }
  return {
    write(text) {
      if (filled + text.length * bytesMax > buffer.length) flush()
      if (text.length * bytesMax > buffer.length) buffer = Buffer.allocUnsafe(text.length * bytesMax)
      const size = buffer.write(text, filled)
      const place = { at: flushed + filled, size, hash: hash('md5', buffer.subarray(filled, filled + size)) }
      filled += size
      return place
    },
    read({ at, size }) {
      if (filled > 0) flush()
      const bytes = Buffer.allocUnsafe(size)
      for (let done = 0; done < size;) {
        const more = readSync(file, bytes, done, size - done, at + done)
        if (more === 0) throw new Error('the file of this import was cut short')
        done += more
      }
      return bytes.toString()
    },
    close() {
      closeSync(file)
      rmSync(folder, { recursive: true, force: true })
    },
  }
}
