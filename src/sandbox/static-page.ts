/** Serves the files of `page/`, and nothing that lies elsewhere. */
import { readFile, realpath } from 'node:fs/promises'
import { extname, join, sep } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { FastifyInstance } from 'fastify'
import { SimError } from './sim-posting.ts'

const folder = fileURLToPath(new URL('page', import.meta.url))

const types: Record<string, string> = {
  '.html': 'text/html; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.json': 'application/json',
  '.svg': 'image/svg+xml',
  '.png': 'image/png',
  '.jpg': 'image/jpeg',
  '.webp': 'image/webp',
  '.ico': 'image/x-icon',
  '.woff2': 'font/woff2',
  '.webmanifest': 'application/manifest+json',
}

export function addStaticPage(app: FastifyInstance): void {
  app.get<{ Params: { '*': string } }>('/*', async (request, reply) => {
    const name = request.params['*'] || 'index.html'
    const type = types[extname(name)]
    const data = type === undefined ? undefined : await readInside(name)
    if (data === undefined) throw new SimError(404, `there is no ${request.url}`)
    return reply
      .header('content-type', type)
      .header('cache-control', 'no-cache')
      .header('x-content-type-options', 'nosniff')
      .send(data)
  })
}

/** Links are resolved first, so that neither `..` nor a symbolic link leads out. */
async function readInside(name: string): Promise<Buffer | undefined> {
  if (name.includes('\0')) return undefined
  try {
    const [root, path] = await Promise.all([realpath(folder), realpath(join(folder, name))])
    return path.startsWith(root + sep) ? await readFile(path) : undefined
  } catch {
    return undefined
  }
}
