import { readdirSync, readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { readPicture } from '#web/pictures.ts'

const pngStart = Buffer.from('\u0089PNG\r\n\u001A\n', 'latin1')
const folders = { demo: 'prisma/demo/pictures', brand: 'src/web/pictures' }
const all = Object.entries(folders).flatMap(([kind, folder]) =>
  readdirSync(folder).map((file) => ({ name: `${kind}/${file.replace('.svg', '')}`, path: `${folder}/${file}` })),
)

test('every picture of the project becomes a PNG 800 pixels wide', async () => {
  expect(all.length).toBeGreaterThanOrEqual(66)
  for (const { name } of all) {
    const png = await readPicture(name)
    expect({ name, start: png?.subarray(0, 8), width: png?.readUInt32BE(16) }).toEqual({
      name,
      start: pngStart,
      width: 800,
    })
  }
})

test('no picture holds text, a font, a script or an address', () => {
  for (const { path } of all) {
    const svg = readFileSync(path, 'utf8').replace('xmlns="http://www.w3.org/2000/svg"', '')
    expect({ path, foreign: /<text|font|<script|<image|href|https?:/.exec(svg)?.[0] }).toEqual({
      path,
      foreign: undefined,
    })
  }
})

test('a picture is drawn once', async () => {
  const [first, second] = await Promise.all([readPicture('brand/home'), readPicture('brand/home')])
  expect(first).toBe(second)
})

test.each([
  '',
  'demo',
  'demo/',
  'demo/nothing-like-it',
  'other/kettle',
  'demo/../kettle',
  'demo/kettle.svg',
  'demo/Kettle',
  'demo/..%2f..%2fpackage',
  'brand/home\n',
  '__proto__/x',
  'demo/a\0b',
])('there is no picture "%s"', async (name) => {
  expect(await readPicture(name)).toBeUndefined()
})
