/** The pictures that the project draws itself, as PNG: messengers take no SVG. */
import { Resvg } from '@resvg/resvg-js'
import { readFile } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'

const folders: Record<string, URL> = {
  demo: new URL('../../prisma/demo/pictures/', import.meta.url),
  brand: new URL('./pictures/', import.meta.url),
}
const width = 800

/** About 70 pictures of 20-60 KB: all of them fit. Promises, so that two requests at once draw it once. */
const drawn = new Map<string, Promise<Buffer | undefined>>()

/**
 * @param name `demo/kettle` or `brand/home`; whatever else is asked for is not there. Comes from the network.
 * @returns PNG, 800 pixels wide; undefined when there is no such picture.
 */
export async function readPicture(name: string): Promise<Buffer | undefined> {
  const [, folder, file] = /^(demo|brand)\/([a-z0-9-]{1,60})$/.exec(name) ?? []
  const url = folders[folder ?? '']
  if (url === undefined || file === undefined) return undefined
  const known = drawn.get(name)
  if (known) return known
  const drawing = draw(fileURLToPath(new URL(`${file}.svg`, url)))
  drawn.set(name, drawing)
  try {
    const png = await drawing
    // Names that do not exist are not remembered: anyone may ask for any number of them.
    if (png === undefined) drawn.delete(name)
    return png
  } catch (error) {
    drawn.delete(name)
    throw error
  }
}

async function draw(path: string): Promise<Buffer | undefined> {
  let svg: string
  try {
    svg = await readFile(path, 'utf8')
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined
    throw error
  }
  // No text in our pictures, so no fonts have to be found, which would take longer than drawing.
  return new Resvg(svg, { fitTo: { mode: 'width', value: width }, font: { loadSystemFonts: false } }).render().asPng()
}
